"""Precision, recall, F and Jaccard, by class or averaged."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils._param_validation import Interval, Options, StrOptions

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, ClassTargets, checked, class_targets
from mlcraft.evaluation.metrics._confusion import chosen_counts
from mlcraft.evaluation.metrics._labels import LABEL

__all__ = [
    "f1_score",
    "fbeta_score",
    "jaccard_score",
    "precision_recall_fscore_support",
    "precision_score",
    "recall_score",
]

Doubles = NDArray[np.float64]
_CLASSES = [*ARRAY, "sparse matrix"]
_AVERAGES = (None, "micro", "macro", "weighted", "samples")
_ARGUMENTS: dict[str, list[Any]] = {
    "y_true": _CLASSES,
    "y_pred": _CLASSES,
    "labels": WEIGHT,
    "pos_label": LABEL,
    "average": [StrOptions({"micro", "macro", "samples", "weighted", "binary"}), None],
    "sample_weight": WEIGHT,
    "zero_division": [Options(Real, {0.0, 1.0}), "nan", StrOptions({"warn"})],
}
_BETA = [Interval(Real, 0.0, None, closed="both")]


def _chosen_labels(targets: ClassTargets, average: str | None, labels: Any, pos_label: Any) -> Any:
    """Return the labels that count, after the checks of `average` and `pos_label`."""
    if average == "binary":
        if targets.kind != "binary":
            options = [option for option in _AVERAGES if targets.kind != "multiclass" or option != "samples"]
            raise ValueError(
                f"Target is {targets.kind} but average='binary'. Please choose another average setting, "
                f"one of {options!r}."
            )
        if pos_label not in targets.labels and len(targets.labels) >= 2:
            raise ValueError(f"pos_label={pos_label} is not a valid label. It should be one of {targets.labels}")
        return [pos_label]
    if pos_label not in (None, 1):
        warnings.warn(
            f"Note that pos_label (set to {pos_label!r}) is ignored when average != 'binary' (got {average!r}). "
            "You may use labels=[pos_label] to specify a single positive class.",
            UserWarning,
            stacklevel=4,
        )
    return labels


def _divided(
    numerator: Doubles, denominator: Doubles, name: str, what: str, average: str | None, zero_division: Any, warn: bool
) -> Doubles:
    """Divide; where the denominator is zero, put the value asked for, and say so if that was not asked for."""
    missing = denominator == 0
    if not missing.any():
        return np.asarray(numerator / denominator, dtype=np.float64)
    value = 0.0 if isinstance(zero_division, str) else zero_division
    result: Doubles = np.divide(numerator, denominator, out=np.full(len(numerator), float(value)), where=~missing)
    if isinstance(zero_division, str) and warn:
        one, other = ("label", "sample") if average == "samples" else ("sample", "label")
        where = "due to" if len(result) == 1 else f"in {other}s with"
        warnings.warn(
            f"{name.capitalize()} is ill-defined and being set to 0.0 {where} no {what} {one}s. "
            "Use `zero_division` parameter to control this behavior.",
            UndefinedMetricWarning,
            stacklevel=4,
        )
    return result


def _mean_of_defined(values: Doubles, weights: Doubles | None) -> float:
    """Average the values that are not NaN; NaN where there is none, and 0 where they have no weight."""
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan")
    if weights is None:
        return float(np.mean(values[defined]))
    if weights[defined].sum() == 0:
        return float(np.mean(values[defined]))
    return float(np.average(values[defined], weights=weights[defined]))


@checked(**_ARGUMENTS, beta=_BETA, warn_for=[list, tuple, set])
def precision_recall_fscore_support(
    y_true: Any,
    y_pred: Any,
    *,
    beta: float = 1.0,
    labels: ArrayLike | None = None,
    pos_label: float | bool | str | None = 1,
    average: str | None = None,
    warn_for: Collection[str] = ("precision", "recall", "f-score"),
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> tuple[Any, Any, Any, Any]:
    """
    Precision, recall, F-beta and support, by class or averaged.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,), or {array-like, sparse matrix} of shape (n_samples, n_labels)
    beta : float >= 0, default=1.0
        How much more recall counts than precision.
    labels : array-like of shape (n_classes,) or None
        Classes that count. Default: all, sorted.
    pos_label : int, float, bool, str or None, default=1
        The class that counts with ``average="binary"``.
    average : {"binary", "micro", "macro", "weighted", "samples"} or None
        How classes are averaged; None gives each.
    warn_for : collection of str
        Which of the three warn where they are not defined.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    zero_division : {"warn", 0, 1, nan}, default="warn"
        What a quotient by zero is; NaN is left out of averages. "warn" is 0 with a warning.

    Returns
    -------
    precision, recall, fscore : float or ndarray of shape (n_classes,)
    support : None or ndarray of shape (n_classes,)
        Rows (their weight) of each class; None with an average.

    Raises
    ------
    ValueError
        If the targets are not of one kind, or do not fit the average or `pos_label`.

    Examples
    --------
    >>> from mlcraft.evaluation import precision_recall_fscore_support
    >>> precision, recall, fscore, support = precision_recall_fscore_support([0, 1, 1, 1], [0, 1, 0, 1])
    >>> precision, recall
    (array([0.5, 1. ]), array([1.        , 0.66666667]))
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    labels = _chosen_labels(targets, average, labels, pos_label)
    hits, called, true = chosen_counts(targets, labels, average == "samples")
    support = np.rint(true).astype(np.int64) if targets.weight is None else true
    if average == "micro":
        hits, called, true = (counts.sum(keepdims=True) for counts in (hits, called, true))

    def divided(numerator: Doubles, denominator: Doubles, name: str, what: str) -> Doubles:
        return _divided(numerator, denominator, name, what, average, zero_division, name in warn_for)

    precision = divided(hits, called, "precision", "predicted")
    recall = divided(hits, true, "recall", "true")
    if np.isposinf(beta) or beta == 0:
        fscore = recall if beta else precision
    else:
        weighed = beta**2 * true + called
        fscore = divided((1 + beta**2) * hits, weighed, "f-score", "true nor predicted")
    if average is None:
        return precision, recall, fscore, support
    weights = {"weighted": true, "samples": targets.weight}.get(average)
    means = [_mean_of_defined(values, weights) for values in (precision, recall, fscore)]
    return means[0], means[1], means[2], None


@checked(**_ARGUMENTS)
def precision_score(
    y_true: Any,
    y_pred: Any,
    *,
    labels: ArrayLike | None = None,
    pos_label: float | bool | str | None = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """
    Share of the rows predicted to be of a class that are of it.

    Parameters
    ----------
    y_true, y_pred, labels, pos_label, average, sample_weight, zero_division
        As for `precision_recall_fscore_support`; ``average="binary"`` by default.

    Returns
    -------
    float or ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If the targets are not of one kind, or do not fit the average or `pos_label`.

    Examples
    --------
    >>> from mlcraft.evaluation import precision_score
    >>> precision_score([0, 1, 1, 0], [0, 1, 1, 1])
    0.6666666666666666
    """
    return precision_recall_fscore_support(
        y_true,
        y_pred,
        labels=labels,
        pos_label=pos_label,
        average=average,
        warn_for=("precision",),
        sample_weight=sample_weight,
        zero_division=zero_division,
    )[0]


@checked(**_ARGUMENTS)
def recall_score(
    y_true: Any,
    y_pred: Any,
    *,
    labels: ArrayLike | None = None,
    pos_label: float | bool | str | None = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """
    Share of the rows of a class that are predicted to be of it.

    Parameters
    ----------
    y_true, y_pred, labels, pos_label, average, sample_weight, zero_division
        As for `precision_recall_fscore_support`; ``average="binary"`` by default.

    Returns
    -------
    float or ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If the targets are not of one kind, or do not fit the average or `pos_label`.

    Examples
    --------
    >>> from mlcraft.evaluation import recall_score
    >>> recall_score([0, 1, 1, 0], [0, 1, 0, 1])
    0.5
    """
    return precision_recall_fscore_support(
        y_true,
        y_pred,
        labels=labels,
        pos_label=pos_label,
        average=average,
        warn_for=("recall",),
        sample_weight=sample_weight,
        zero_division=zero_division,
    )[1]


@checked(**_ARGUMENTS, beta=_BETA)
def fbeta_score(
    y_true: Any,
    y_pred: Any,
    *,
    beta: float,
    labels: ArrayLike | None = None,
    pos_label: float | bool | str | None = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """
    Weighted harmonic mean of precision and recall.

    Parameters
    ----------
    y_true, y_pred, beta, labels, pos_label, average, sample_weight, zero_division
        As for `precision_recall_fscore_support`; ``average="binary"`` by default.

    Returns
    -------
    float or ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If the targets are not of one kind, or do not fit the average or `pos_label`.

    Examples
    --------
    >>> from mlcraft.evaluation import fbeta_score
    >>> fbeta_score([0, 1, 1, 0], [0, 1, 1, 1], beta=2)
    0.9090909090909091
    """
    return precision_recall_fscore_support(
        y_true,
        y_pred,
        beta=beta,
        labels=labels,
        pos_label=pos_label,
        average=average,
        warn_for=("f-score",),
        sample_weight=sample_weight,
        zero_division=zero_division,
    )[2]


@checked(**_ARGUMENTS)
def f1_score(
    y_true: Any,
    y_pred: Any,
    *,
    labels: ArrayLike | None = None,
    pos_label: float | bool | str | None = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """
    Harmonic mean of precision and recall.

    Parameters
    ----------
    y_true, y_pred, labels, pos_label, average, sample_weight, zero_division
        As for `precision_recall_fscore_support`; ``average="binary"`` by default.

    Returns
    -------
    float or ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If the targets are not of one kind, or do not fit the average or `pos_label`.

    Examples
    --------
    >>> from mlcraft.evaluation import f1_score
    >>> f1_score([0, 1, 1, 0], [0, 1, 1, 1])
    0.8
    """
    return fbeta_score(
        y_true,
        y_pred,
        beta=1,
        labels=labels,
        pos_label=pos_label,
        average=average,
        sample_weight=sample_weight,
        zero_division=zero_division,
    )


@checked(**{**_ARGUMENTS, "zero_division": [Options(Real, {0, 1}), StrOptions({"warn"})]})
def jaccard_score(
    y_true: Any,
    y_pred: Any,
    *,
    labels: ArrayLike | None = None,
    pos_label: float | bool | str | None = 1,
    average: str | None = "binary",
    sample_weight: ArrayLike | None = None,
    zero_division: float | str = "warn",
) -> Any:
    """
    Rows both of a class and predicted to be, as a share of those that are either.

    Parameters
    ----------
    y_true, y_pred, labels, pos_label, average, sample_weight, zero_division
        As for `precision_recall_fscore_support`, without NaN; ``average="binary"`` by default.

    Returns
    -------
    float or ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If the targets are not of one kind, or do not fit the average or `pos_label`.

    Examples
    --------
    >>> from mlcraft.evaluation import jaccard_score
    >>> jaccard_score([0, 1, 1, 0], [0, 1, 1, 1])
    0.6666666666666666
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    labels = _chosen_labels(targets, average, labels, pos_label)
    hits, called, true = chosen_counts(targets, labels, average == "samples")
    if average == "micro":
        hits, called, true = (counts.sum(keepdims=True) for counts in (hits, called, true))
    found = _divided(hits, called + true - hits, "jaccard", "true or predicted", average, zero_division, True)
    if average is None:
        return found
    weights = {"weighted": true if true.any() else None, "samples": targets.weight}.get(average)
    return float(np.average(found, weights=weights))
