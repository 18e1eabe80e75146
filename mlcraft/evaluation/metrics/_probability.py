"""Scores of predicted probabilities: log loss and Brier, and the share of each that a model explains."""

from __future__ import annotations

import warnings
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Hidden, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_pos_label_consistency, _num_samples

from mlcraft._engine.labels import known_labels
from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked, encoded, is_plain, metric_pass, weights_of
from mlcraft.evaluation.metrics._labels import LABEL

__all__ = [
    "Probabilities",
    "binary_or_all",
    "brier_score_loss",
    "d2_brier_score",
    "d2_log_loss_score",
    "log_loss",
    "probabilities",
]

_LOG: dict[str, list[Any]] = {
    "y_true": ARRAY,
    "y_proba": [*ARRAY, Hidden(None)],
    "sample_weight": WEIGHT,
    "labels": WEIGHT,
    "y_pred": [*ARRAY, str],
}
_BRIER: dict[str, list[Any]] = {
    "y_true": ARRAY,
    "y_proba": ARRAY,
    "sample_weight": WEIGHT,
    "pos_label": LABEL,
    "labels": WEIGHT,
}


class Probabilities(NamedTuple):
    """Checked probabilities, classes, and the sums that the scores need."""

    proba: NDArray[Any]  # (n_samples, n_classes), or (n_samples,) of code 1 of two classes
    truth: NDArray[Any]  # int32 codes, or an indicator matrix of shape (n_samples, n_classes)
    n_classes: int
    weight: NDArray[np.float64] | None
    weight_sum: float
    log: float  # sum of w times -log p, p within [eps, 1 - eps]
    brier: float  # sum of w times the squared distance from the indicator of the class


def probabilities(y_true: Any, y_proba: Any, sample_weight: Any, labels: Any) -> Probabilities:
    """
    Check probabilities as scikit-learn's log loss does, and sum up.

    Raises
    ------
    ValueError
        If shapes or labels do not agree, there is one class alone, or a probability is not within [0, 1].
    """
    if is_plain(y_true, y_proba) and labels is None and y_proba.dtype in (np.float64, np.float32):
        found = known_labels(y_true, np.int32)
        if found is not None and len(found[0]) == 2:
            check_consistent_length(y_proba, y_true, sample_weight)
            return _summed(y_proba, found[1], 2, weights_of(sample_weight, y_proba))
    proba = check_array(y_proba, ensure_2d=False, dtype=[np.float64, np.float32])
    if type_of_target(y_true, input_name="y_true") == "multilabel-indicator":
        return _of_indicators(np.asarray(y_true), proba, sample_weight)
    _within_bounds(proba.min(), proba.max(), "lower")
    check_consistent_length(proba, y_true, sample_weight)
    weight = weights_of(sample_weight, proba)
    classes, codes = _classes_of(y_true, labels)
    if proba.ndim == 2 and proba.shape[1] == 1:
        proba = proba[:, 0]
    n_columns = 2 if proba.ndim == 1 else proba.shape[1]
    if n_columns != len(classes):
        _sums_to_one(proba)
        if labels is None:
            raise ValueError(
                f"y_true and y_prob contain different number of classes: {len(classes)} vs {n_columns}. Please provide "
                f"the true labels explicitly through the labels argument. Classes found in y_true: {classes}"
            )
        raise ValueError(
            f"The number of classes in labels is different from that in y_prob. Classes found in labels: {classes}"
        )
    return _summed(proba, codes, len(classes), weight)


def _of_indicators(truth: NDArray[Any], proba: NDArray[Any], sample_weight: Any) -> Probabilities:
    """Sum up where the truth of a row is an indicator of several classes."""
    _within_bounds(proba.min(), proba.max(), "lower")
    check_consistent_length(proba, truth, sample_weight)
    weight = weights_of(sample_weight, proba)
    _sums_to_one(proba)
    if truth.shape != proba.shape:
        raise ValueError(f"y_true and y_prob have different shapes: {truth.shape} and {proba.shape}")
    eps = np.finfo(proba.dtype).eps
    logs = -(truth * np.log(np.clip(proba, eps, 1 - eps))).sum(axis=1)
    squares = ((truth - proba) ** 2).sum(axis=1)
    rows = np.ones(len(truth)) if weight is None else weight
    return Probabilities(
        proba, truth, truth.shape[1], weight, float(rows.sum()), float(rows @ logs), float(rows @ squares)
    )


def _summed(
    proba: NDArray[Any], codes: NDArray[Any], n_classes: int, weight: Any, word: str = "lower"
) -> Probabilities:
    eps = np.finfo(proba.dtype).eps
    low, high, apart, total, log, brier = metric_pass("probability", proba, None, weight, truth=codes, parameter=eps)[0]
    if not np.isfinite(apart):
        assert_all_finite(proba)
    _within_bounds(low, high, word)
    if apart > sqrt(eps):
        _warn_of_sums()
    return Probabilities(proba, codes, n_classes, weight, total, log, brier)


def _within_bounds(low: float, high: float, word: str) -> None:
    if high > 1:
        raise ValueError(f"y_prob contains values greater than 1: {high}")
    if low < 0:
        raise ValueError(f"y_prob contains values {word} than 0: {low}")


def _sums_to_one(proba: NDArray[Any]) -> None:
    if proba.ndim == 2 and not np.allclose(proba.sum(axis=1), 1, rtol=sqrt(np.finfo(proba.dtype).eps), atol=0):
        _warn_of_sums()


def _warn_of_sums() -> None:
    warnings.warn("The y_prob values do not sum to one. Make sure to pass probabilities.", UserWarning, stacklevel=5)


def _classes_of(y_true: Any, labels: Any) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the classes, sorted, and the class of each row; they come from `labels` where it is given."""
    truth = column_or_1d(y_true)
    if labels is None:
        check_array(truth, ensure_2d=False, dtype=None)
        type_of_target(truth, input_name="y_true")
        classes = np.unique(truth)
        if len(classes) == 1:
            raise ValueError(
                f"y_true contains only one label ({classes[0]}). Please provide the list of all expected class labels "
                "explicitly through the labels argument."
            )
        return classes, encoded(truth, classes)
    given = column_or_1d(labels)
    classes = np.unique(given)
    if len(classes) == 1:
        raise ValueError(f"The labels array needs to contain at least two labels, got {classes}.")
    if len(classes) != len(given) or not np.array_equal(classes, given):
        warnings.warn(
            f"Labels passed were {labels}. But this function assumes labels are ordered lexicographically. Pass the "
            f"ordered labels={classes.tolist()} and ensure that the columns of y_prob correspond to this ordering.",
            UserWarning,
            stacklevel=4,
        )
    if not np.isin(truth, classes).all():
        raise ValueError(
            f"y_true contains values {set(truth.tolist()) - set(given.tolist())} not belonging to the passed "
            f"labels {labels}."
        )
    return classes, encoded(truth, classes)


def _binary_probabilities(y_true: Any, proba: NDArray[Any], sample_weight: Any, pos_label: Any) -> Probabilities:
    """Check the probabilities of one class of two, which `pos_label` names."""
    truth, proba = column_or_1d(y_true), column_or_1d(proba)
    assert_all_finite(truth)
    check_consistent_length(proba, truth, sample_weight)
    weight = weights_of(sample_weight, proba)
    kind = type_of_target(truth, input_name="y_true")
    if kind != "binary":
        raise ValueError(
            f"The type of the target inferred from y_true is {kind} but should be binary according to the shape of "
            "y_prob."
        )
    _within_bounds(proba.min(), proba.max(), "less")
    try:
        wanted = _check_pos_label_consistency(pos_label, truth)
    except ValueError:
        classes = np.unique(truth)
        if classes.dtype.kind in "OUS":
            raise
        wanted = classes[-1]
    return _summed(proba, np.asarray(truth == wanted, dtype=np.int32), 2, weight)


def _old_name(y_proba: Any, y_pred: Any) -> Any:
    """Return the probabilities under either of their names."""
    if isinstance(y_pred, str) and y_pred == "deprecated":
        return y_proba
    if y_proba is not None:
        raise ValueError("Cannot use both `y_pred` and `y_proba`. `y_pred` is deprecated, use `y_proba` instead.")
    warnings.warn(
        "`y_pred` was renamed to `y_proba` in version 1.9 and will be removed in 1.11. Use `y_proba` instead.",
        FutureWarning,
        stacklevel=3,
    )
    return y_pred


@checked(**_LOG, normalize=["boolean"])
def log_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    normalize: bool = True,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_pred: ArrayLike | str = "deprecated",
) -> float:
    """
    Mean (or sum) of minus the logarithm of the probability of the true class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities, columns in the order of the sorted classes; of the larger of two classes if one-dimensional.
        They are moved into [eps, 1 - eps], eps being that of their dtype.
    normalize : bool, default=True
        A mean, else a sum.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    labels : array-like of shape (n_classes,) or None
        The classes. Default: those of y_true.
    y_pred : array-like
        Old name of `y_proba`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes or labels do not agree, there is one class alone, or a probability is not within [0, 1].

    Examples
    --------
    >>> from mlcraft.evaluation import log_loss
    >>> round(log_loss([0, 1, 1], [0.1, 0.9, 0.8]), 6)
    0.144622
    """
    found = probabilities(y_true, _old_name(y_proba, y_pred), sample_weight, labels)
    return float(found.log / found.weight_sum if normalize else found.log)


@checked(**_BRIER, scale_by_half=["boolean", StrOptions({"auto"})])
def brier_score_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: float | bool | str | None = None,
    labels: ArrayLike | None = None,
    scale_by_half: bool | str = "auto",
) -> float:
    """
    Mean squared distance of the probabilities from the truth (Brier 1950).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Of the positive class, or of all.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    pos_label : int, float, bool, str or None
        The positive class. Default: 1 where the classes are {0, 1} or {-1, 1}, else the larger number.
    labels : array-like of shape (n_classes,) or None
        The classes. Default: those of y_true.
    scale_by_half : bool or "auto", default="auto"
        Halve, so that the range is [0, 1]; "auto" does so for two classes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes or labels do not agree, or a probability is not within [0, 1].

    Examples
    --------
    >>> from mlcraft.evaluation import brier_score_loss
    >>> round(brier_score_loss([0, 1, 1], [0.1, 0.9, 0.8]), 6)
    0.02
    """
    found = binary_or_all(y_true, y_proba, sample_weight, pos_label, labels)
    halved = found.n_classes < 3 if scale_by_half == "auto" else scale_by_half
    return float(found.brier / found.weight_sum * (0.5 if halved else 1.0))


def binary_or_all(y_true: Any, y_proba: Any, sample_weight: Any, pos_label: Any, labels: Any) -> Probabilities:
    if pos_label is None and is_plain(y_true, y_proba) and y_proba.dtype in (np.float64, np.float32):
        found = known_labels(y_true, np.int32)
        if found is not None and len(found[0]) == 2:  # the larger of two numbers is the positive class
            check_consistent_length(y_proba, y_true, sample_weight)
            return _summed(y_proba, found[1], 2, weights_of(sample_weight, y_proba), "less")
    proba = check_array(y_proba, ensure_2d=False, dtype=[np.float64, np.float32])
    if proba.ndim == 1 or proba.shape[1] == 1:
        return _binary_probabilities(y_true, proba, sample_weight, pos_label)
    return probabilities(y_true, proba, sample_weight, labels)


def _null(found: Probabilities) -> Probabilities:
    """Return the sums of constant probabilities: the shares of the classes by weight."""
    if found.truth.ndim == 2:
        share = np.average(found.truth, axis=0, weights=found.weight)
        return _of_indicators(found.truth, np.tile(share, (len(found.truth), 1)), found.weight)
    counts = np.bincount(found.truth, weights=found.weight, minlength=found.n_classes)
    share = counts / counts.sum()
    if found.proba.ndim == 1:
        return _summed(np.full(len(found.proba), share[1]), found.truth, 2, found.weight)
    return _summed(np.tile(share, (len(found.proba), 1)), found.truth, found.n_classes, found.weight)


def _too_few(y_proba: Any) -> bool:
    if _num_samples(y_proba) >= 2:
        return False
    warnings.warn("D^2 score is not well-defined with less than two samples.", UndefinedMetricWarning, stacklevel=3)
    return True


@checked(**_LOG)
def d2_log_loss_score(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_pred: ArrayLike | str = "deprecated",
) -> float:
    """
    Share of the log loss of constant probabilities (the shares of the classes) that the predictions take away.

    Parameters
    ----------
    y_true, y_proba, sample_weight, labels, y_pred
        As for `log_loss`.

    Returns
    -------
    float
        At most 1; NaN, with an UndefinedMetricWarning, for fewer than two rows.

    Raises
    ------
    ValueError
        As `log_loss`.

    Examples
    --------
    >>> from mlcraft.evaluation import d2_log_loss_score
    >>> round(d2_log_loss_score([0, 1, 1], [0.1, 0.9, 0.8]), 6)
    0.772791
    """
    proba = _old_name(y_proba, y_pred)
    check_consistent_length(proba, y_true, sample_weight)
    if _too_few(proba):
        return float("nan")
    found = probabilities(y_true, proba, sample_weight, labels)
    return float(1 - found.log / _null(found).log)


@checked(**_BRIER)
def d2_brier_score(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    pos_label: float | bool | str | None = None,
    labels: ArrayLike | None = None,
) -> float:
    """
    Share of the Brier score of constant probabilities (the shares of the classes) that the predictions take away.

    Parameters
    ----------
    y_true, y_proba, sample_weight, pos_label, labels
        As for `brier_score_loss`.

    Returns
    -------
    float
        At most 1; NaN, with an UndefinedMetricWarning, for fewer than two rows.

    Raises
    ------
    ValueError
        As `brier_score_loss`.

    Examples
    --------
    >>> from mlcraft.evaluation import d2_brier_score
    >>> round(d2_brier_score([0, 1, 1], [0.1, 0.9, 0.8]), 6)
    0.91
    """
    check_consistent_length(y_proba, y_true, sample_weight)
    if _too_few(y_proba):
        return float("nan")
    found = binary_or_all(y_true, y_proba, sample_weight, pos_label, labels)
    return float(1 - found.brier / _null(found).brier)
