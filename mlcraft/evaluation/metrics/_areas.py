"""One number for a ranking: area under the ROC curve, average precision, Kolmogorov-Smirnov distance, Gini."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import label_binarize
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target

from mlcraft._engine.labels import known_labels
from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked, is_plain
from mlcraft.evaluation.metrics._curves import auc, roc_points
from mlcraft.evaluation.metrics._labels import LABEL, checked_classes
from mlcraft.evaluation.metrics._ranking import binary_ranking, two_class_ranking

__all__ = ["average_precision_score", "gini_score", "ks_score", "roc_auc_score"]

_AVERAGES: list[Any] = [StrOptions({"micro", "macro", "samples", "weighted"}), None]
Metric = Callable[[Any, Any, Any], float]


def _is_two_classes(y_true: Any, y_score: Any) -> bool:
    """Tell whether plain arrays hold two classes and one score a row, so that nothing is to be averaged."""
    if not is_plain(y_true, y_score):
        return False
    found = known_labels(y_true, np.uint8)
    return found is not None and len(found[0]) == 2


def _averaged(metric: Metric, y_true: Any, y_score: Any, average: str | None, sample_weight: Any) -> Any:
    """Average a metric of two classes over the columns (labels) or rows of a label matrix."""
    kind = type_of_target(y_true)
    if kind == "binary":
        return metric(y_true, y_score, sample_weight)
    if kind != "multilabel-indicator":
        raise ValueError(f"{kind} format is not supported")
    check_consistent_length(y_true, y_score, sample_weight)
    y_true, y_score = check_array(y_true), check_array(y_score)
    if average == "micro":
        repeated = None if sample_weight is None else np.repeat(sample_weight, y_true.shape[1])
        return metric(y_true.ravel(), y_score.ravel(), repeated)
    if average == "samples":
        values = np.array([metric(truth, score, None) for truth, score in zip(y_true, y_score, strict=True)])
        return float(np.average(values, weights=sample_weight))
    support = y_true.sum(axis=0) if sample_weight is None else sample_weight @ y_true
    if average == "weighted" and np.isclose(support.sum(), 0):
        return 0
    columns = zip(y_true.T, y_score.T, strict=True)
    values = np.array([metric(np.ascontiguousarray(t), np.ascontiguousarray(s), sample_weight) for t, s in columns])
    if average is None:
        return values
    if average == "weighted":
        values[support == 0] = 0
        return float(np.average(values, weights=support))
    return float(np.mean(values))


def _area(y_true: Any, y_score: Any, sample_weight: Any, max_fpr: float | None = None) -> float:
    """Return the area of two classes, or McClish's standardised partial area up to a false positive rate."""
    ranking = two_class_ranking(y_true, y_score, sample_weight)
    if len(ranking.order) == 0 or ranking.positives <= 0 or ranking.negatives <= 0:
        if not np.isnan(ranking.roc_auc) or len(np.unique(y_true)) == 2:
            roc_points(ranking, False)  # warns of the missing class
        return float("nan")
    if max_fpr is None or max_fpr == 1:
        return ranking.roc_auc
    fpr, tpr, _ = roc_points(ranking, True)
    stop = int(np.searchsorted(fpr, max_fpr, "right"))
    end = np.interp(max_fpr, fpr[stop - 1 : stop + 1], tpr[stop - 1 : stop + 1])
    part = auc(np.append(fpr[:stop], max_fpr), np.append(tpr[:stop], end))
    lowest = 0.5 * max_fpr**2
    return float(0.5 * (1 + (part - lowest) / (max_fpr - lowest)))


@checked(
    y_true=ARRAY,
    y_score=ARRAY,
    average=_AVERAGES,
    sample_weight=WEIGHT,
    max_fpr=[Interval(Real, 0.0, 1, closed="right"), None],
    multi_class=[StrOptions({"raise", "ovr", "ovo"})],
    labels=WEIGHT,
)
def roc_auc_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    average: str | None = "macro",
    sample_weight: ArrayLike | None = None,
    max_fpr: float | None = None,
    multi_class: str = "raise",
    labels: ArrayLike | None = None,
) -> Any:
    """
    Area under the ROC curve: how often a positive row has a higher score than a negative one, ties half.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Classes; the larger of two is the positive one. A label matrix is averaged over.
    y_score : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
        Scores; probabilities that sum to one where there are several classes.
    average : {"micro", "macro", "samples", "weighted"} or None, default="macro"
        How labels, or classes, are averaged; None gives each.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    max_fpr : float in (0, 1] or None
        Standardised partial area up to this false positive rate (McClish 1989), of two classes.
    multi_class : {"raise", "ovr", "ovo"}, default="raise"
        Each class against the rest, or each pair of classes (Hand and Till 2001).
    labels : array-like of shape (n_classes,) or None
        The classes in the order of the columns. Default: those of y_true.

    Returns
    -------
    float or ndarray of shape (n_classes,)
        NaN, with an UndefinedMetricWarning, where only one class is there.

    Raises
    ------
    ValueError
        If shapes, labels and options do not agree, or a score is not finite.

    See Also
    --------
    mlcraft.evaluation.delong : variance and covariance of areas.

    Examples
    --------
    >>> from mlcraft.evaluation import roc_auc_score
    >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    if _is_two_classes(y_true, y_score):
        check_consistent_length(y_true, y_score, sample_weight)
        return _area(y_true, y_score, sample_weight, max_fpr)
    kind = type_of_target(y_true, input_name="y_true")
    truth: NDArray[Any] = check_array(y_true, ensure_2d=False, dtype=None)
    score: NDArray[Any] = check_array(y_score, ensure_2d=False)
    weight = None if sample_weight is None else column_or_1d(sample_weight)
    if kind == "multiclass" or (kind == "binary" and score.ndim == 2 and score.shape[1] > 2):
        if max_fpr is not None and max_fpr != 1.0:
            raise ValueError(
                "Partial AUC computation not available in multiclass setting, 'max_fpr' must be set to `None`, "
                f"received `max_fpr={max_fpr}` instead"
            )
        return _several_classes(truth, score, labels, multi_class, average, weight)
    if kind == "binary":
        truth = label_binarize(truth, classes=np.unique(truth))[:, 0]
    return _averaged(lambda t, s, w: _area(t, s, w, max_fpr), truth, score, average, weight)


def _several_classes(
    y_true: NDArray[Any], y_score: NDArray[Any], labels: Any, multi_class: str, average: str | None, weight: Any
) -> Any:
    if multi_class == "raise":
        raise ValueError("multi_class must be in ('ovo', 'ovr')")
    if y_score.ndim != 2:
        raise ValueError(
            "`y_score` needs to be of shape `(n_samples, n_classes)`, since `y_true` contains multiple classes. "
            f"Got `y_score.shape={y_score.shape}`."
        )
    if not np.allclose(1, y_score.sum(axis=1)):
        raise ValueError(
            "Target scores need to be probabilities for multiclass roc_auc, i.e. they should sum up to 1.0 over classes"
        )
    options = ("macro", "weighted", None) if multi_class == "ovo" else ("micro", "macro", "weighted", None)
    if average not in options:
        raise ValueError(f"average must be one of {options} for multiclass problems")
    if average is None and multi_class == "ovo":
        # scikit-learn's error and text: a mean over pairs of classes has no value for each class
        raise NotImplementedError("average=None is not implemented for multi_class='ovo'.")
    classes = checked_classes(y_true, labels, y_score.shape[1], "columns in 'y_score'")
    if multi_class == "ovr":
        return _averaged(_area, label_binarize(y_true, classes=classes), y_score, average, weight)
    if weight is not None:
        raise ValueError(
            "sample_weight is not supported for multiclass one-vs-one ROC AUC, "
            "'sample_weight' must be None in this case."
        )
    codes = np.searchsorted(classes, y_true)
    areas, shares = [], []
    for a, b in combinations(np.unique(codes), 2):
        pair = (codes == a) | (codes == b)
        is_a, scores = codes[pair] == a, y_score[pair]
        areas.append((_area(is_a, scores[:, a].copy(), None) + _area(~is_a, scores[:, b].copy(), None)) / 2)
        shares.append(np.average(pair))
    return np.average(areas, weights=shares if average == "weighted" else None)


@checked(y_true=ARRAY, y_score=ARRAY, average=_AVERAGES, pos_label=LABEL[:-1], sample_weight=WEIGHT)
def average_precision_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    average: str | None = "macro",
    pos_label: float | bool | str = 1,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """
    Average precision: the sum over thresholds of the precision times the gain in recall.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        Classes, or a label matrix.
    y_score : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
    average : {"micro", "macro", "samples", "weighted"} or None, default="macro"
        How labels, or classes, are averaged; None gives each.
    pos_label : int, float, bool or str, default=1
        The positive one of two classes.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.

    Returns
    -------
    float or ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If `pos_label` is not a class, shapes do not agree, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import average_precision_score
    >>> round(average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """

    def precision_of(truth: Any, score: Any, weight: Any) -> float:
        ranking = binary_ranking(truth, score, pos_label, weight)
        if ranking.positives == 0:
            warnings.warn(
                "No positive class found in y_true, recall is set to one for all thresholds.", UserWarning, stacklevel=3
            )
        return max(0.0, ranking.average_precision)

    labels: Any = y_true
    if _is_two_classes(y_true, y_score) and pos_label in labels:
        check_consistent_length(y_true, y_score, sample_weight)
        return precision_of(y_true, y_score, sample_weight)
    weight = None if sample_weight is None else column_or_1d(sample_weight)
    kind = type_of_target(y_true, input_name="y_true")
    truth, score = np.asarray(y_true), np.asarray(y_score)
    if kind == "binary":
        labels = np.unique(truth)
        if len(labels) == 2 and pos_label not in labels:
            raise ValueError(f"pos_label={pos_label} is not a valid label. It should be one of {labels}")
    elif pos_label != 1 and kind in ("multiclass", "multilabel-indicator"):
        raise ValueError(
            f"Parameter pos_label is fixed to 1 for {kind} y_true. Do not set pos_label or set pos_label to 1."
        )
    if kind == "multiclass":
        truth = label_binarize(truth, classes=np.unique(truth))
        if score.shape != truth.shape:
            raise ValueError(
                "`y_score` needs to be of shape `(n_samples, n_classes)`, since `y_true` contains multiple classes. "
                f"Got `y_score.shape={score.shape}`."
            )
    return _averaged(precision_of, truth, score, average, weight)


@checked(y_true=ARRAY, y_score=ARRAY, pos_label=LABEL, sample_weight=WEIGHT)
def ks_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """
    Kolmogorov-Smirnov distance of the scores of the two classes: the largest of ``|tpr - fpr|`` over thresholds.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.

    Returns
    -------
    float
        In [0, 1]; NaN where a class is missing.

    Raises
    ------
    ValueError
        If y_true is not binary, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import ks_score
    >>> ks_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    return binary_ranking(y_true, y_score, pos_label, sample_weight).distance


@checked(y_true=ARRAY, y_score=ARRAY, pos_label=LABEL, sample_weight=WEIGHT)
def gini_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """
    Gini coefficient of a ranking (Somers' D): twice the area under the ROC curve, less one.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.

    Returns
    -------
    float
        In [-1, 1]; NaN where a class is missing.

    Raises
    ------
    ValueError
        If y_true is not binary, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import gini_score
    >>> gini_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    return 2 * binary_ranking(y_true, y_score, pos_label, sample_weight).roc_auc - 1
