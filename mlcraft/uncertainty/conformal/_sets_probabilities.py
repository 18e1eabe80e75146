"""Probabilities of all labels from any classifier, fitted to all of the labels or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mlcraft.uncertainty.conformal._sets_scores import SLACK

__all__ = ["LabelProbabilities"]

Doubles = NDArray[np.float64]
METHODS = ("predict_proba", "decision_function")


class LabelProbabilities:
    """
    What a classifier says of each label.

    Where it has no `predict_proba`, the logistic function (two classes) or the softmax of its `decision_function` is
    taken: sets need an order of the labels, and are valid whether the numbers are calibrated or not.

    Parameters
    ----------
    estimator : object
        A classifier, fitted or not.

    Attributes
    ----------
    method : str
        The method that is called.
    n_classes : int
        Number of labels.
    slack : float
        Difference up to which scores count as equal.

    Raises
    ------
    TypeError
        If it has neither.
    """

    def __init__(self, estimator: Any) -> None:
        found = [name for name in METHODS if hasattr(estimator, name)]
        if not found:
            raise TypeError(
                f"estimator must have predict_proba or decision_function, {type(estimator).__name__} has neither; "
                "give a classifier that says how probable each class is"
            )
        self.method = found[0]
        self._columns: NDArray[np.intp] | None = None
        self.n_classes = 0
        self.slack = SLACK[8]

    def bind(self, classes: NDArray[Any], known: NDArray[Any]) -> LabelProbabilities:
        """
        Say which labels there are.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,)
            All labels, in order.
        known : ndarray
            Those of the fitted classifier, in its order. The others get probability 0.

        Returns
        -------
        LabelProbabilities
            Itself.
        """
        self.n_classes = len(classes)
        same = len(classes) == len(known) and bool(np.all(classes == known))
        self._columns = None if same else np.searchsorted(classes, known)
        return self

    def of(self, estimator: Any, X: Any) -> Doubles:
        """
        Return the probabilities of all labels.

        Parameters
        ----------
        estimator : object
            Fitted.
        X : array-like

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        return self.of_values(getattr(estimator, self.method)(X))

    def of_values(self, values: Any) -> Doubles:
        """
        Return the probabilities of all labels from what the classifier's method has returned.

        Parameters
        ----------
        values : array-like of shape (..., n_known), or (...) for the decision function of two classes

        Returns
        -------
        ndarray of shape (..., n_classes)

        Raises
        ------
        ValueError
            If there is not one number for each class, or they are no probabilities.
        """
        found = np.asarray(values)
        n_known = self.n_classes if self._columns is None else len(self._columns)
        self.slack = SLACK.get(found.dtype.itemsize, SLACK[8]) if found.dtype.kind == "f" else SLACK[8]
        if self.method == "decision_function":
            found = self._from_decisions(np.asarray(found, dtype=np.float64), n_known)
        if found.ndim < 2 or found.shape[-1] != n_known:
            raise ValueError(
                f"{self.method} of the estimator must return a number for each of its {n_known} classes, "
                f"got an array of shape {found.shape}"
            )
        found = found.astype(np.float64, copy=False)
        self._check(found)
        if self._columns is None:
            return found
        wide = np.zeros((*found.shape[:-1], self.n_classes))
        wide[..., self._columns] = found
        return wide

    def _from_decisions(self, values: Doubles, n_known: int) -> Doubles:
        if n_known == 2:  # one number a row, or one for each row and model
            found: Doubles = np.stack([special.expit(-values), special.expit(values)], axis=-1)
            return found
        return np.asarray(special.softmax(values, axis=-1), dtype=np.float64)

    def _check(self, found: Doubles) -> None:
        if not found.size:
            return
        low, high = found.min(), found.max()
        if low >= -1e-3 and high <= 1.001:
            return
        if np.isnan(low):
            rows = np.flatnonzero(np.isnan(found).reshape(len(found), -1).any(axis=1))
            raise ValueError(
                f"{self.method} of the estimator returned NaN for {len(rows)} rows, the first of them row {rows[0]}: "
                "sets need numbers; look at these rows of X"
            )
        raise ValueError(f"{self.method} of the estimator returned no probabilities, but {low:.4g} to {high:.4g}")
