"""A linear model for each fold, from the moments of the other folds or by warm starts: no clones are fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.information import linear_predictors
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices

__all__ = ["LinearFolds", "class_probabilities"]

Doubles = NDArray[np.float64]


class LinearFolds:
    """
    Coefficients of the fits without each of some folds.

    Parameters
    ----------
    full : object
        The fitted estimator.
    last : object
        Its last step: a fitted linear model.
    transform : callable
        Takes X to what `last` was fitted on.
    X : array-like of shape (n_samples, n_features)
        The rows of the fit, transformed.
    test : sequence of ndarray of int
        The folds: every row once.
    coef : ndarray of shape (n_folds, n_outputs, n_features)
    intercept : ndarray of shape (n_folds, n_outputs)
        Of the fit without each fold. For classifiers one output for two classes, or one for each class.
    method : {"predict", "predict_proba", "decision_function"}
    remark : str
        What was not repeated for each model.
    """

    never_left_out = 0

    def __init__(
        self,
        full: Any,
        last: Any,
        transform: Any,
        X: Any,
        test: Sequence[NDArray[np.intp]],
        fits: tuple[Doubles, Doubles],
        method: str,
        remark: str = "",
    ) -> None:
        self.full, self.remark, self.form = full, remark, str(type(last)._left_out_form)
        self._last, self._transform, self._method = last, transform, method
        self._coef, self._intercept = fits
        self.n_models = len(test)
        X = rows_of(last, X, None, None).X
        self.member: NDArray[np.intp] | None = np.empty(X.shape[0], dtype=np.intp)
        held_out: Any = None
        for k, rows in enumerate(test):
            self.member[rows] = k
            found = self._respond(linear_predictors(X[rows], self._coef[k], self._intercept[k]))
            if held_out is None:
                held_out = np.empty((X.shape[0], *found.shape[1:]))
            held_out[rows] = found
        self.held_out: NDArray[Any] = held_out

    def _respond(self, eta: Doubles) -> Doubles:
        """Turn linear predictors of shape (..., n_outputs) into what the method returns."""
        if self._method == "predict_proba":
            return class_probabilities(eta)
        return eta[..., 0] if eta.shape[-1] == 1 else eta

    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Predict rows by every model, some rows at a time; see `LeftOut`."""
        X = rows_of(self._last, self._transform(X), None, None, look=True).X
        if not isinstance(X, np.ndarray):
            X = X.tocsr()
        count, outputs, features = self._coef.shape
        coef, intercept = self._coef.reshape(-1, features), self._intercept.reshape(-1)
        width = int(np.prod(self.held_out.shape[1:], dtype=int))
        for rows in row_slices(X.shape[0], count * width, max_bytes):
            eta = linear_predictors(X[rows], coef, intercept)
            yield rows, self._respond(eta.reshape(-1, count, outputs))


def class_probabilities(eta: Doubles) -> Doubles:
    """
    Return the probabilities of all classes.

    Parameters
    ----------
    eta : ndarray of shape (..., n_outputs)
        Log odds of the second of two classes, or a score for each class.

    Returns
    -------
    ndarray of shape (..., n_classes)
    """
    if eta.shape[-1] == 1:
        from scipy.special import expit

        return np.concatenate([expit(-eta), expit(eta)], axis=-1)
    found = np.exp(eta - eta.max(axis=-1, keepdims=True))
    found /= found.sum(axis=-1, keepdims=True)
    return np.asarray(found)
