"""The smallest change of a row that changes a linear classifier's decision, in closed form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_consistent_length, check_is_fitted

__all__ = ["AdversarialMargin", "adversarial_margin"]

Doubles = NDArray[np.float64]
NORMS = {"l1": 1.0, "l2": 2.0, "linf": np.inf}
DUAL = {"l1": np.inf, "l2": 2.0, "linf": 1.0}
LINEAR = 1e-6  # largest departure from a linear map, relative to the size of the scores
PAST = 1e-6  # how far past the boundary `perturbed` goes, relative to the distance
MOST_PROBES = 20_000  # columns a map is found for by asking the model, where it has no coef_


@dataclass(frozen=True)
class AdversarialMargin:
    """
    Distances of rows to the nearest decision boundary.

    Attributes
    ----------
    distance : ndarray of shape (n_samples,)
        Length of the smallest change that reaches the boundary, in the norm asked for and in units of ``scale``;
        infinite where no change of the columns allowed does.
    decision : ndarray of shape (n_samples,)
        Class that the model decides for.
    other : ndarray of shape (n_samples,)
        Class behind the nearest boundary; the decision itself where the distance is infinite.
    change : ndarray of shape (n_samples, n_features)
        The smallest change, in the units of X, that reaches the boundary; zeros where the distance is infinite.
    norm : {"l1", "l2", "linf"}
    """

    distance: Doubles
    decision: NDArray[Any]
    other: NDArray[Any]
    change: Doubles
    norm: str

    def perturbed(self, X: Any) -> Doubles:
        """
        Return the rows of X moved just past the boundary.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The rows that the distances were computed for.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return np.asarray(_dense(X) + (1 + PAST) * self.change)

    def robust_accuracy(self, y: Any, radius: float) -> float:
        """
        Return the share of rows that are decided rightly whatever change of at most `radius` is made to them.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            True classes.
        radius : float
            Length of the change, in the norm and units of the distances.

        Returns
        -------
        float
        """
        check_consistent_length(self.distance, y)
        if not radius >= 0:
            raise ValueError(f"radius must not be negative; got {radius!r}")
        return float(np.mean((self.decision == np.asarray(y)) & (self.distance > radius)))


def adversarial_margin(
    model: Any, X: Any, *, norm: str = "l2", features: Iterable[int] | None = None, scale: Any = None
) -> AdversarialMargin:
    """
    Compute the smallest perturbation of each row that changes the decision of a linear classifier.

    For two classes with decision ``f(x) = c + w'x`` it is ``abs(f(x)) / |w|*``, with the dual norm of the one in which
    changes are measured: l2 for l2, the largest element for l1 (all goes into one column), the sum for linf (every
    column moves by the same). With several classes it is the smallest of ``(f_k - f_j) / |w_k - w_j|*`` over the
    other classes j.

    Parameters
    ----------
    model : object
        Fitted classifier with ``classes_`` and a ``decision_function`` that is linear in X, or a Pipeline that is as a
        whole, such as scaling before a logistic regression. That it is linear is checked on the rows given.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows.
    norm : {"l1", "l2", "linf"}, default="l2"
        How changes are measured.
    features : iterable of int, optional
        Columns that may change. Default: all.
    scale : array-like of shape (n_features,), optional
        Unit in which the change of each column is measured, such as its standard deviation. Default: one.

    Returns
    -------
    AdversarialMargin

    Raises
    ------
    ValueError
        If the model is not linear in X, or an argument does not fit.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    References
    ----------
    Moosavi-Dezfooli, Fawzi & Frossard (2016), DeepFool, section 2; Hein & Andriushchenko (2017), section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import adversarial_margin
    >>> from mlcraft.linear_model import RidgeClassifier
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [4.0, 5.0], [5.0, 4.0]])
    >>> model = RidgeClassifier().fit(X, [0, 0, 1, 1])
    >>> margin = adversarial_margin(model, X)
    >>> margin.distance.round(2)
    array([3.54, 2.12, 2.83, 2.83])
    >>> bool((model.predict(margin.perturbed(X)) != margin.decision).all())
    True
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}")
    if not hasattr(model, "decision_function"):
        check_is_fitted(model)
        raise ValueError(f"{type(model).__name__} has no decision_function, so its decisions have no linear boundary")
    scores = np.asarray(model.decision_function(X), dtype=np.float64)
    weight = _scores_slopes(model, X, scores)
    if scores.ndim == 1:
        scores, weight = np.column_stack([-scores, scores]) / 2, np.vstack([-weight, weight]) / 2
    units = _units(scale, features, weight.shape[1])
    return _margins(np.asarray(model.classes_), scores, weight, units, norm)


def _margins(classes: NDArray[Any], scores: Doubles, weight: Doubles, units: Doubles, norm: str) -> AdversarialMargin:
    chosen = scores.argmax(axis=1)
    distance = np.full(len(scores), np.inf)
    other = chosen.copy()
    for k in np.unique(chosen):
        rows = np.flatnonzero(chosen == k)
        for j in range(len(classes)):
            length = np.linalg.norm((weight[k] - weight[j]) * units, DUAL[norm])
            if j == k or length == 0:
                continue
            to_j = (scores[rows, k] - scores[rows, j]) / length
            nearer = to_j < distance[rows]
            distance[rows[nearer]], other[rows[nearer]] = to_j[nearer], j
    change = np.zeros((len(scores), weight.shape[1]))
    for k, j in np.unique(np.column_stack([chosen, other]), axis=0):
        if k != j:
            rows = np.flatnonzero((chosen == k) & (other == j))
            change[rows] = distance[rows, None] * _steepest((weight[j] - weight[k]) * units, norm) * units
    return AdversarialMargin(distance, classes[chosen], classes[other], change, norm)


def _steepest(slope: Doubles, norm: str) -> Doubles:
    """Direction of length one in which a linear function with this slope grows fastest."""
    if norm == "linf":
        return np.sign(slope)
    if norm == "l2":
        return np.asarray(slope / np.linalg.norm(slope))
    direction = np.zeros_like(slope)
    largest = int(np.abs(slope).argmax())
    direction[largest] = np.sign(slope[largest])
    return direction


def _units(scale: Any, features: Iterable[int] | None, n_features: int) -> Doubles:
    units = np.ones(n_features) if scale is None else np.asarray(scale, dtype=np.float64)
    if units.shape != (n_features,) or not np.isfinite(units).all() or (units < 0).any():
        raise ValueError(f"scale must hold a non-negative number for each of the {n_features} columns")
    if features is None:
        return units
    allowed = np.zeros(n_features)
    try:
        allowed[list(features)] = 1.0
    except IndexError:
        raise ValueError(f"features must be positions of the {n_features} columns; got {list(features)}") from None
    return np.asarray(units * allowed)


def _scores_slopes(model: Any, X: Any, scores: Doubles) -> Doubles:
    """Slopes of the decision function by the columns of X, of shape (n_features,) or (n_classes, n_features)."""
    coef = getattr(model, "coef_", None)
    n_features = X.shape[1] if hasattr(X, "shape") else np.shape(X)[1]
    if coef is not None and np.shape(coef)[-1] == n_features:
        slopes = _dense(coef)
        slopes = slopes[0] if scores.ndim == 1 and slopes.ndim == 2 else slopes
        at_zero = scores - _product(X, slopes)
        reach = np.abs(scores).max(initial=0.0) + np.abs(at_zero).max(initial=0.0)
        if slopes.shape[:-1] == scores.shape[1:] and np.ptp(at_zero, axis=0).max() <= LINEAR * reach:
            return slopes
    return _probed(model, X, scores, n_features)


def _probed(model: Any, X: Any, scores: Doubles, n_features: int) -> Doubles:
    """Find the slopes of a pipeline by asking it: from the first row, one step along each column."""
    if n_features > MOST_PROBES:
        raise ValueError(
            f"the slopes of {type(model).__name__} by {n_features} columns are too many to ask for; give the rows as "
            "the last step of the pipeline takes them, and that step as the model"
        )
    rows = _dense(X, None)
    if not np.issubdtype(rows.dtype, np.number):
        raise ValueError("X must hold numbers only: a perturbation of a category has no length")
    rows = rows.astype(np.float64)
    step = np.where(np.ptp(rows, axis=0) > 0, np.ptp(rows, axis=0), 1.0)

    def ask(asked: Doubles) -> Doubles:
        frame = type(X)(asked, columns=X.columns) if hasattr(X, "columns") else asked
        return np.asarray(model.decision_function(frame), dtype=np.float64)

    start = ask(rows[:1])
    slopes = ((ask(rows[:1] + np.diag(step)) - start).T / step).reshape(*scores.shape[1:], n_features)
    off = np.abs(start + _product(rows - rows[0], slopes) - scores).max()
    if not off <= LINEAR * np.abs(scores).max():
        raise ValueError(
            f"{type(model).__name__} is not linear in X: its decisions are off a linear map by {off:.2g}. The margin "
            "has a closed form for linear classifiers only"
        )
    return slopes


def _dense(values: Any, dtype: Any = np.float64) -> NDArray[Any]:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=dtype)


def _product(X: Any, slopes: Doubles) -> Doubles:
    rows: Any = X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
    return np.asarray(rows @ slopes.T)
