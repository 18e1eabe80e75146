"""Agreement of two labellings beyond chance: balanced accuracy, Cohen's kappa, Matthews' correlation."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils._param_validation import Interval, StrOptions

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked, class_targets
from mlcraft.evaluation.metrics._confusion import class_counts, confusion_matrix

__all__ = ["balanced_accuracy_score", "cohen_kappa_score", "kappa_of", "matthews_corrcoef", "matthews_of"]


@checked(y_true=ARRAY, y_pred=ARRAY, sample_weight=WEIGHT, adjusted=["boolean"])
def balanced_accuracy_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None, adjusted: bool = False
) -> float:
    """
    Mean over classes of the share of their rows that are predicted.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    adjusted : bool, default=False
        Scale so that chance is 0 and a perfect score 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the targets are not of one kind.

    Examples
    --------
    >>> from mlcraft.evaluation import balanced_accuracy_score
    >>> balanced_accuracy_score([0, 0, 0, 1], [0, 0, 1, 1])
    0.8333333333333333
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    targets.refuse_multilabel()
    if len(targets.labels) == 1:
        confusion_matrix(y_true, y_pred)  # for its warning
    hits, _, true = class_counts(targets)
    there = true != 0
    if not there.all():
        warnings.warn("y_pred contains classes not in y_true", UserWarning, stacklevel=2)
    score = float(np.mean(hits[there] / true[there])) if there.any() else float("nan")
    if adjusted:
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.float64(1.0) / there.sum()
            score = float((score - chance) / (1 - chance))
    return score


@checked(
    y1=ARRAY,
    y2=ARRAY,
    labels=WEIGHT,
    weights=[StrOptions({"linear", "quadratic"}), None],
    sample_weight=WEIGHT,
    replace_undefined_by=[Interval(Real, -1.0, 1.0, closed="both"), np.nan],
)
def cohen_kappa_score(
    y1: ArrayLike,
    y2: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    weights: str | None = None,
    sample_weight: ArrayLike | None = None,
    replace_undefined_by: float = np.nan,
) -> float:
    """
    Agreement of two labellings beyond chance (Cohen 1960), or weighted by distance (Cohen 1968).

    Parameters
    ----------
    y1, y2 : array-like of shape (n_samples,)
    labels : array-like of shape (n_classes,) or None
        Classes that count, in the order in which they are apart. Default: all, sorted.
    weights : {"linear", "quadratic"} or None
        How much worse a distant class is.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    replace_undefined_by : float in [-1, 1] or nan, default=nan
        What is returned, with an UndefinedMetricWarning, where chance agreement is perfect.

    Returns
    -------
    float
        At most 1; 0 is chance.

    Raises
    ------
    ValueError
        If the targets are not of one kind, or no label is in y1.

    Examples
    --------
    >>> from mlcraft.evaluation import cohen_kappa_score
    >>> cohen_kappa_score([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A single label was found")
            counts = confusion_matrix(y1, y2, labels=labels, sample_weight=sample_weight).astype(np.float64)
    except ValueError as error:
        if "At least one label specified must be in y_true" in str(error):
            raise ValueError(
                "At least one label in `labels` must be present in `y1` (even though `cohen_kappa_score` is otherwise "
                "agnostic to the order of `y1` and `y2`)."
            ) from error
        raise
    if counts.sum() == 0:
        why = "`y2` contains no labels that are present in both `y1` and `labels`."
    else:
        kappa = kappa_of(counts, weights)
        if np.isfinite(kappa):
            return float(kappa)
        why = "`y1`, `y2` and `labels` have only one label in common. "
    warnings.warn(
        f"{why}`cohen_kappa_score` is undefined and set to the value defined by the `replace_undefined_by` param, "
        f"which is set to {replace_undefined_by}.",
        UndefinedMetricWarning,
        stacklevel=2,
    )
    return replace_undefined_by


def kappa_of(counts: NDArray[Any], weights: str | None = None) -> Any:
    """Return kappa of one or several confusion matrices (last two axes); NaN where it is not defined."""
    classes = np.arange(counts.shape[-1])
    apart = np.abs(classes[:, None] - classes)
    cost = {None: apart != 0, "linear": apart, "quadratic": apart**2}[weights]
    by_row, by_column = counts.sum(axis=-1), counts.sum(axis=-2)
    expected = by_row[..., :, None] * by_column[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = (cost * expected).sum(axis=(-2, -1)) / by_row.sum(axis=-1)
        return np.where(chance != 0, 1 - (cost * counts).sum(axis=(-2, -1)) / np.where(chance == 0, 1, chance), np.nan)


@checked(y_true=ARRAY, y_pred=ARRAY, sample_weight=WEIGHT)
def matthews_corrcoef(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """
    Matthews' correlation of true and predicted classes (Gorodkin 2004 for several); 0 where one does not vary.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.

    Returns
    -------
    float
        In [-1, 1].

    Raises
    ------
    ValueError
        If the targets are not of one kind.

    Examples
    --------
    >>> from mlcraft.evaluation import matthews_corrcoef
    >>> matthews_corrcoef([0, 1, 1, 0], [0, 1, 0, 0])
    0.5773502691896258
    """
    targets = class_targets(y_true, y_pred, sample_weight)
    targets.refuse_multilabel()
    hits, called, true = class_counts(targets)
    return float(_matthews(hits.sum(), called, true))


def matthews_of(counts: NDArray[Any]) -> Any:
    """Return the correlation of one or several confusion matrices (last two axes)."""
    return _matthews(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=-2), counts.sum(axis=-1))


def _matthews(hits: Any, called: NDArray[Any], true: NDArray[Any]) -> Any:
    total = called.sum(axis=-1)
    spread = (total**2 - (called * called).sum(axis=-1)) * (total**2 - (true * true).sum(axis=-1))
    shared = hits * total - (true * called).sum(axis=-1)
    return np.where(spread != 0, shared / np.sqrt(np.where(spread == 0, 1, spread)), 0.0)
