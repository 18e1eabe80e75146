"""The confusion matrix, and the metrics that are one number of it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _num_samples

from mlcraft.evaluation.metrics._checks import (
    ARRAY,
    WEIGHT,
    ClassTargets,
    checked,
    class_targets,
    metric_pass,
)

__all__ = [
    "accuracy_score",
    "chosen_counts",
    "class_counts",
    "confusion_matrix",
    "hamming_loss",
    "multilabel_confusion_matrix",
    "zero_one_loss",
]

Doubles = NDArray[np.float64]
_CLASSES = [*ARRAY, "sparse matrix"]


def full_confusion(targets: ClassTargets) -> Doubles:
    """Return the weight of each pair of true (rows) and predicted (columns) class."""
    return metric_pass(
        "confusion",
        None,
        None,
        targets.weight,
        truth=targets.truth,
        predicted=targets.predicted,
        parameter=len(targets.labels),
    )


def class_counts(targets: ClassTargets, samplewise: bool = False) -> tuple[Doubles, Doubles, Doubles]:
    """Return the weights of hits, of predictions and of true rows, by class (or by row of a label matrix)."""
    if targets.kind != "multilabel-indicator":
        sums = metric_pass(
            "class_sums",
            None,
            None,
            targets.weight,
            truth=targets.truth,
            predicted=targets.predicted,
            parameter=len(targets.labels),
        )
        return sums[0], sums[1], sums[2]
    truth, predicted = targets.truth != 0, targets.predicted != 0
    matrices = (truth.multiply(predicted), predicted, truth)
    if samplewise:
        counts = [_row_counts(matrix) for matrix in matrices]
        weight = 1.0 if targets.weight is None else targets.weight
        return counts[0] * weight, counts[1] * weight, counts[2] * weight
    rows = np.ones(truth.shape[0]) if targets.weight is None else targets.weight
    hits, called, true = (np.asarray(sparse.csr_array(matrix).astype(np.float64).T @ rows) for matrix in matrices)
    return hits, called, true


def _row_counts(matrix: Any) -> Doubles:
    return np.asarray(sparse.csr_array(matrix).sum(axis=1), dtype=np.float64).ravel()


@checked(
    y_true=ARRAY,
    y_pred=ARRAY,
    labels=WEIGHT,
    sample_weight=WEIGHT,
    normalize=[StrOptions({"true", "pred", "all"}), None],
)
def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    normalize: str | None = None,
) -> NDArray[Any]:
    """
    Count (add up the weights of) pairs of true and predicted class.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
    labels : array-like of shape (n_classes,) or None
        Classes to show, in this order; rows with others do not count. Default: all, sorted.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    normalize : {"true", "pred", "all"} or None
        Divide by the sums of the rows, of the columns, or by the sum.

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
        True classes by row, predicted ones by column; whole numbers unless weights are not, or it is normalised.

    Raises
    ------
    ValueError
        If the targets are not of one kind, or no label is in y_true.

    Examples
    --------
    >>> from mlcraft.evaluation import confusion_matrix
    >>> confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1])
    array([[1, 0],
           [1, 2]])
    """
    if labels is not None and np.size(np.asarray(y_true)) == 0:  # no rows: nothing is counted
        return np.zeros((_checked_labels(labels).size,) * 2, dtype=int)
    targets = class_targets(y_true, y_pred, sample_weight)
    targets.refuse_multilabel()
    if targets.whole_weight and targets.weight is not None:  # whole numbers that float64 might round
        counts: NDArray[Any] = np.zeros((len(targets.labels),) * 2, dtype=np.int64)
        np.add.at(counts, (targets.truth, targets.predicted), np.asarray(sample_weight).astype(np.int64))
    else:
        counts = full_confusion(targets)
    if labels is not None:
        chosen = _checked_labels(labels)
        counts = _shown(counts, targets, chosen)
    if targets.weight is None:
        counts = np.rint(counts).astype(np.int64)
    if normalize is not None:
        axis = {"true": 1, "pred": 0, "all": None}[normalize]
        total = counts.sum(axis=axis, keepdims=True)
        counts = np.divide(counts, total, out=np.zeros(counts.shape), where=total != 0)
    if counts.shape == (1, 1):
        warnings.warn(
            "A single label was found in 'y_true' and 'y_pred'. For the confusion matrix to have the correct shape, "
            "use the 'labels' parameter to pass all known labels.",
            UserWarning,
            stacklevel=2,
        )
    return counts


def _checked_labels(labels: ArrayLike) -> NDArray[Any]:
    chosen = np.asarray(labels)
    if chosen.size == 0:
        raise ValueError("'labels' should contain at least one label.")
    return chosen


def _shown(counts: NDArray[Any], targets: ClassTargets, chosen: NDArray[Any]) -> NDArray[Any]:
    """Return the rows and columns of the chosen labels; of those that do not occur, zeros."""
    place = {label: code for code, label in enumerate(targets.labels.tolist())}
    codes = np.array([place.get(label, -1) for label in chosen.tolist()])
    present = np.flatnonzero(codes >= 0)
    true_codes = np.unique(targets.truth)
    if not np.isin(codes[present], true_codes).any():
        raise ValueError("At least one label specified must be in y_true")
    shown = np.zeros((chosen.size, chosen.size), dtype=counts.dtype)
    shown[np.ix_(present, present)] = counts[np.ix_(codes[present], codes[present])]
    return shown


@checked(y_true=_CLASSES, y_pred=_CLASSES, sample_weight=WEIGHT, labels=WEIGHT, samplewise=["boolean"])
def multilabel_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    samplewise: bool = False,
) -> NDArray[Any]:
    """
    Return a two-by-two confusion matrix for each class against the others, or for each row of a label matrix.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,), or {array-like, sparse matrix} of shape (n_samples, n_labels)
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    labels : array-like of shape (n_classes,) or None
        Classes, or columns, to show, in this order. Default: all, sorted.
    samplewise : bool, default=False
        By row of a label matrix.

    Returns
    -------
    ndarray of shape (n_outputs, 2, 2)
        ``[[tn, fp], [fn, tp]]`` each.

    Raises
    ------
    ValueError
        If the targets are not of one kind, or a label is not a column of the label matrix.

    Examples
    --------
    >>> from mlcraft.evaluation import multilabel_confusion_matrix
    >>> multilabel_confusion_matrix(["a", "b", "b"], ["a", "b", "a"])[0]
    array([[1, 1],
           [0, 1]])
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    hits, called, true = chosen_counts(targets, labels, samplewise)
    whole = targets.whole_weight and targets.weight is None
    weight = targets.weight
    total: Any = targets.n_samples if weight is None else weight.sum()
    if samplewise:
        width = targets.truth.shape[1] if labels is None else np.size(labels)
        total = width if weight is None else weight * width
    found = np.array([total - called - true + hits, called - hits, true - hits, hits]).T.reshape(-1, 2, 2)
    return np.rint(found).astype(np.int64) if whole else found


def chosen_counts(targets: ClassTargets, labels: Any, samplewise: bool = False) -> tuple[Doubles, Doubles, Doubles]:
    """Return `class_counts` of the chosen labels, in their order."""
    if targets.kind == "multilabel-indicator":
        return class_counts(_chosen_columns(targets, labels), samplewise)
    if samplewise:
        raise ValueError("Samplewise metrics are not available outside of multilabel classification.")
    counts = class_counts(targets)
    if labels is None:
        return counts
    place = {label: code for code, label in enumerate(targets.labels.tolist())}
    codes = np.array([place.get(label, -1) for label in np.asarray(labels).tolist()], dtype=np.intp)
    hits, called, true = (np.where(codes >= 0, count[codes], 0.0) for count in counts)
    return hits, called, true


def _chosen_columns(targets: ClassTargets, labels: Any) -> ClassTargets:
    if labels is None:
        return targets
    columns = np.asarray(labels)
    if columns.max() > targets.labels.max():
        raise ValueError(
            f"All labels must be in [0, n labels) for multilabel targets. Got {columns.max()} > {targets.labels.max()}"
        )
    if columns.min() < 0:
        raise ValueError(f"All labels must be in [0, n labels) for multilabel targets. Got {columns.min()} < 0")
    return targets._replace(truth=targets.truth[:, columns], predicted=targets.predicted[:, columns])


def _differing(targets: ClassTargets) -> Doubles:
    """Return for each row in how many labels truth and prediction differ."""
    if targets.kind == "multilabel-indicator":
        return _row_counts(targets.truth != targets.predicted)
    return np.asarray(targets.truth != targets.predicted, dtype=np.float64)


@checked(y_true=_CLASSES, y_pred=_CLASSES, normalize=["boolean"], sample_weight=WEIGHT)
def accuracy_score(
    y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: ArrayLike | None = None
) -> float:
    """
    Share (or number) of rows whose class, or whose labels all, are predicted.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,), or {array-like, sparse matrix} of shape (n_samples, n_labels)
    normalize : bool, default=True
        A share; else the number, or the sum of the weights.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the targets are not of one kind.

    Examples
    --------
    >>> from mlcraft.evaluation import accuracy_score
    >>> accuracy_score([0, 1, 1, 1], [0, 1, 0, 1])
    0.75
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    if targets.kind == "multilabel-indicator":
        right = _differing(targets) == 0
    else:
        right = targets.truth == targets.predicted
    if targets.weight is None:
        count = float(np.count_nonzero(right))
        return count / right.size if normalize else count
    return float(np.average(right, weights=targets.weight) if normalize else targets.weight @ right)


@checked(y_true=_CLASSES, y_pred=_CLASSES, normalize=["boolean"], sample_weight=WEIGHT)
def zero_one_loss(y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: ArrayLike | None = None) -> float:
    """
    Share (or number) of rows whose class, or one of whose labels, is not predicted.

    Parameters
    ----------
    y_true, y_pred, normalize, sample_weight
        As for `accuracy_score`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the targets are not of one kind.

    Examples
    --------
    >>> from mlcraft.evaluation import zero_one_loss
    >>> zero_one_loss([0, 1, 1, 1], [0, 1, 0, 1])
    0.25
    """
    score = accuracy_score(y_true, y_pred, normalize=normalize, sample_weight=sample_weight)
    if normalize:
        return 1 - score
    total = _num_samples(y_true) if sample_weight is None else np.sum(np.asarray(sample_weight))
    return float(total - score)


@checked(y_true=_CLASSES, y_pred=_CLASSES, sample_weight=WEIGHT)
def hamming_loss(y_true: Any, y_pred: Any, *, sample_weight: ArrayLike | None = None) -> float:
    """
    Share of labels that are wrong: of the classes, or of all elements of a label matrix.

    Parameters
    ----------
    y_true, y_pred, sample_weight
        As for `accuracy_score`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the targets are not of one kind.

    Examples
    --------
    >>> from mlcraft.evaluation import hamming_loss
    >>> hamming_loss([[0, 1], [1, 1]], [[0, 0], [1, 1]])
    0.25
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    width = targets.truth.shape[1] if targets.kind == "multilabel-indicator" else 1
    return float(np.average(_differing(targets), weights=targets.weight) / width)
