"""Metrics of the order within each row: discounted gain, and whether the class is among the first."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import type_of_target

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked, encoded, metric_pass
from mlcraft.evaluation.metrics._labels import checked_classes

__all__ = ["dcg_score", "ndcg_score", "top_k_accuracy_score"]

Doubles = NDArray[np.float64]
_GAIN: dict[str, list[Any]] = {
    "y_true": ARRAY,
    "y_score": ARRAY,
    "k": [Interval(Integral, 1, None, closed="left"), None],
    "sample_weight": WEIGHT,
    "ignore_ties": ["boolean"],
}


def _gains(y_true: Any, y_score: Any, k: int | None, log_base: float, ignore_ties: bool) -> Doubles:
    """Return the discounted cumulative gain of each row."""
    discount = np.log(log_base) / np.log(np.arange(y_true.shape[1]) + 2.0)
    discount[y_true.shape[1] if k is None else k :] = 0
    name = "gains_ignoring_ties" if ignore_ties else "gains"
    return np.asarray(metric_pass(name, y_true, y_score, discount)[0])


def _checked_gains(y_true: Any, y_score: Any, sample_weight: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    y_true, y_score = check_array(y_true, ensure_2d=False), check_array(y_score, ensure_2d=False)
    check_consistent_length(y_true, y_score, sample_weight)
    return y_true, y_score


def _weights(sample_weight: Any) -> Any:
    return None if sample_weight is None else np.asarray(sample_weight)


def _check_kind(y_true: Any, y_score: Any) -> None:
    kinds = ("multilabel-indicator", "continuous-multioutput", "multiclass-multioutput")
    kind = type_of_target(y_true)
    if kind not in kinds:
        raise ValueError(f"Only {kinds} formats are supported. Got {kind} instead")
    if y_true.shape != y_score.shape:
        raise ValueError(f"y_true and y_score have different shapes: {y_true.shape} and {y_score.shape}")


@checked(**_GAIN, log_base=[Interval(Real, 0.0, None, closed="neither")])
def dcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int | None = None,
    log_base: float = 2,
    sample_weight: ArrayLike | None = None,
    ignore_ties: bool = False,
) -> float:
    """
    Mean over rows of the discounted cumulative gain (Jarvelin and Kekalainen 2002).

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_labels)
        Gains.
    y_score : array-like of shape (n_samples, n_labels)
        What they are ranked by.
    k : int or None
        How many of the first count. Default: all.
    log_base : float, default=2
        Of the logarithm by which gains are discounted.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    ignore_ties : bool, default=False
        Take equal scores in some order, instead of the mean over all orders (McSherry and Najork 2008).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If y_true is not a matrix of gains, or shapes do not agree.

    Examples
    --------
    >>> from mlcraft.evaluation import dcg_score
    >>> round(dcg_score([[10, 0, 0, 1, 5]], [[0.1, 0.2, 0.3, 4, 70]]), 4)
    9.4995
    """
    y_true, y_score = _checked_gains(y_true, y_score, sample_weight)
    _check_kind(y_true, y_score)
    return float(np.average(_gains(y_true, y_score, k, log_base, ignore_ties), weights=_weights(sample_weight)))


@checked(**_GAIN)
def ndcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_ties: bool = False,
) -> float:
    """
    Mean over rows of the discounted cumulative gain as a share of the best possible.

    Parameters
    ----------
    y_true : array-like of shape (n_samples, n_labels)
        Gains, none negative.
    y_score, k, sample_weight, ignore_ties
        As for `dcg_score`.

    Returns
    -------
    float
        In [0, 1]; a row without gains counts 0.

    Raises
    ------
    ValueError
        If y_true is not a matrix of gains with two columns or more, one is negative, or shapes do not agree.

    Examples
    --------
    >>> from mlcraft.evaluation import ndcg_score
    >>> round(ndcg_score([[10, 0, 0, 1, 5]], [[0.1, 0.2, 0.3, 4, 70]]), 4)
    0.6957
    """
    y_true, y_score = _checked_gains(y_true, y_score, sample_weight)
    if y_true.min() < 0:
        raise ValueError("ndcg_score should not be used on negative y_true values.")
    if y_true.ndim > 1 and y_true.shape[1] <= 1:
        raise ValueError(
            f"Computing NDCG is only meaningful when there is more than 1 document. Got {y_true.shape[1]} instead."
        )
    _check_kind(y_true, y_score)
    found, best = _gains(y_true, y_score, k, 2, ignore_ties), _gains(y_true, y_true, k, 2, True)
    shares = np.divide(found, best, out=np.zeros(len(best)), where=best != 0)
    return float(np.average(shares, weights=_weights(sample_weight)))


@checked(
    y_true=ARRAY,
    y_score=ARRAY,
    k=[Interval(Integral, 1, None, closed="left")],
    normalize=["boolean"],
    sample_weight=WEIGHT,
    labels=WEIGHT,
)
def top_k_accuracy_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    k: int = 2,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """
    Share (or number) of rows whose class is among the k with the largest scores.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_score : array-like of shape (n_samples,) or (n_samples, n_classes)
        Columns in the order of the sorted classes; of equal scores the later column counts as larger.
    k : int, default=2
    normalize : bool, default=True
        A share; else the number, or the sum of the weights.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    labels : array-like of shape (n_classes,) or None
        The classes. Default: those of y_true.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes or labels do not agree.

    Examples
    --------
    >>> from mlcraft.evaluation import top_k_accuracy_score
    >>> top_k_accuracy_score([0, 1, 2], [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.7, 0.2, 0.1]])
    0.6666666666666666
    """
    hits = _hits(y_true, y_score, k, sample_weight, labels)
    if normalize:
        return float(np.average(hits, weights=_weights(sample_weight)))
    return float(np.sum(hits) if sample_weight is None else np.dot(hits, np.asarray(sample_weight)))


def _hits(y_true: Any, y_score: Any, k: int, sample_weight: Any, labels: Any) -> Doubles:
    truth = column_or_1d(check_array(y_true, ensure_2d=False, dtype=None))
    kind = type_of_target(truth, input_name="y_true")
    if kind == "binary" and labels is not None and len(labels) > 2:
        kind = "multiclass"
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"y type must be 'binary' or 'multiclass', got '{kind}' instead.")
    score = check_array(y_score, ensure_2d=False)
    if kind == "binary":
        if score.ndim == 2 and score.shape[1] != 1:
            raise ValueError(
                f"`y_true` is binary while y_score is 2d with {score.shape[1]} classes. If `y_true` does not contain "
                "all the labels, `labels` must be provided."
            )
        score = column_or_1d(score)
    elif score.ndim != 2:
        raise ValueError(
            "`y_score` needs to be of shape `(n_samples, n_classes)`, since `y_true` contains multiple classes. "
            f"Got `y_score.shape={score.shape}`."
        )
    check_consistent_length(truth, score, sample_weight)
    classes = _classes(truth, labels, score.shape[1] if score.ndim == 2 else 2)
    if k >= len(classes):
        warnings.warn(
            f"'k' ({k}) greater than or equal to 'n_classes' ({len(classes)}) will result in a perfect score and is "
            "therefore meaningless.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    codes = encoded(truth, classes)
    if score.ndim == 2:
        return np.asarray(metric_pass("top_hits", score, None, None, truth=codes, parameter=k)[0])
    if k > 1:
        return np.ones(len(score))
    threshold = 0.5 if score.min() >= 0 and score.max() <= 1 else 0.0
    return np.asarray((score > threshold) == codes, dtype=np.float64)


def _classes(truth: NDArray[Any], labels: Any, n_columns: int) -> NDArray[Any]:
    if labels is None:
        classes = np.unique(truth)
        if len(classes) != n_columns:
            raise ValueError(
                f"Number of classes in 'y_true' ({len(classes)}) not equal to the number of classes in 'y_score' "
                f"({n_columns}).You can provide a list of all known classes by assigning it to the `labels` parameter."
            )
        return np.asarray(classes)
    given = column_or_1d(labels)
    if len(np.unique(given)) == len(given) and np.array_equal(np.unique(given), given) and len(given) != n_columns:
        raise ValueError(
            f"Number of given labels ({len(given)}) not equal to the number of classes in 'y_score' ({n_columns})."
        )
    return checked_classes(truth, labels, n_columns, "classes in 'y_score'", ".")
