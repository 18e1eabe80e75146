"""Curves over all thresholds of a score: ROC, precision and recall, detection errors, gain and lift."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_consistent_length, column_or_1d

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked
from mlcraft.evaluation.metrics._labels import LABEL
from mlcraft.evaluation.metrics._ranking import Ranking, binary_ranking

__all__ = [
    "auc",
    "confusion_matrix_at_thresholds",
    "det_curve",
    "gain_curve",
    "lift_curve",
    "precision_recall_curve",
    "roc_curve",
    "roc_points",
]

Doubles = NDArray[np.float64]
_CURVE: dict[str, list[Any]] = {"y_true": ARRAY, "y_score": ARRAY, "pos_label": LABEL, "sample_weight": WEIGHT}


@checked(x=ARRAY, y=ARRAY)
def auc(x: ArrayLike, y: ArrayLike) -> float:
    """
    Area under a curve by the trapezoidal rule.

    Parameters
    ----------
    x : array-like of shape (n,)
        Ascending or descending.
    y : array-like of shape (n,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are fewer than two points, or x goes up and down.

    Examples
    --------
    >>> from mlcraft.evaluation import auc
    >>> auc([0.0, 0.5, 1.0], [0.0, 1.0, 1.0])
    0.75
    """
    check_consistent_length(x, y)
    across, up = column_or_1d(x), column_or_1d(y)
    if len(across) < 2:
        raise ValueError(f"At least 2 points are needed to compute area under curve, but x.shape = {across.shape}")
    steps = np.diff(across)
    descends = bool(np.any(steps < 0))
    if descends and not np.all(steps <= 0):
        raise ValueError(f"x is neither increasing nor decreasing : {across}.")
    area = float(np.sum(steps * (np.asarray(up[1:], dtype=np.float64) + up[:-1])) / 2)
    return -area if descends else area


@checked(**_CURVE)
def confusion_matrix_at_thresholds(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[Doubles, Doubles, Doubles, Doubles, NDArray[Any]]:
    """
    Count (add up the weights of) the four outcomes when rows at or above a threshold are called positive.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Two classes, or several with `pos_label` given.
    y_score : array-like of shape (n_samples,)
        The higher, the more likely positive.
    pos_label : int, float, bool, str or None
        The positive class. Default: 1, if the classes are {0, 1} or {-1, 1}.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.

    Returns
    -------
    tns, fps, fns, tps : ndarray of shape (n_thresholds,)
        True negatives, false positives, false negatives, true positives.
    thresholds : ndarray of shape (n_thresholds,)
        The distinct scores, descending.

    Raises
    ------
    ValueError
        If y_true is not binary, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import confusion_matrix_at_thresholds
    >>> tns, fps, fns, tps, thresholds = confusion_matrix_at_thresholds([0, 1, 1], [0.1, 0.3, 0.3])
    >>> tps, thresholds
    (array([2., 2.]), array([0.3, 0.1]))
    """
    ranking = binary_ranking(y_true, y_score, pos_label, sample_weight)
    tps, fps = ranking.counts
    return fps[-1] - fps, fps, tps[-1] - tps, tps, ranking.thresholds()


def _corners(*curves: Doubles, order: int) -> NDArray[np.intp] | slice:
    """Return the ends, and the points where a difference of that order is not zero in one of the curves."""
    if len(curves[0]) <= 2:
        return slice(None)
    kept = np.ones(len(curves[0]), dtype=bool)
    steps = [np.diff(curve) for curve in curves]
    if order == 2:
        turns = [step[1:] != step[:-1] for step in steps]
    else:  # not the same number of positives before and after
        turns = [(step[1:] != 0) | (step[:-1] != 0) for step in steps]
    kept[1:-1] = np.logical_or.reduce(turns)
    return np.flatnonzero(kept)


def roc_points(ranking: Ranking, drop_intermediate: bool) -> tuple[Doubles, Doubles, Doubles]:
    """Return false and true positive rates and thresholds from a ranking, starting at (0, 0)."""
    tps, fps = ranking.counts
    kept = _corners(fps, tps, order=2) if drop_intermediate else slice(None)
    tps, fps, thresholds = tps[kept], fps[kept], ranking.thresholds(kept)
    tps, fps = np.concatenate([[0.0], tps]), np.concatenate([[0.0], fps])
    thresholds = np.concatenate([[np.inf], thresholds.astype(np.float64)])
    return (
        _rates(fps, "No negative samples in y_true, false"),
        _rates(tps, "No positive samples in y_true, true"),
        thresholds,
    )


def _rates(counts: Doubles, what: str) -> Doubles:
    if counts[-1] <= 0:
        warnings.warn(f"{what} positive value should be meaningless", UndefinedMetricWarning, stacklevel=4)
        return np.full(counts.shape, np.nan)
    return np.asarray(counts / counts[-1])


@checked(**_CURVE, drop_intermediate=["boolean"])
def roc_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = True,
) -> tuple[Doubles, Doubles, Doubles]:
    """
    Receiver operating characteristic: false and true positive rate at each threshold.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.
    drop_intermediate : bool, default=True
        Leave out points on straight pieces of the curve.

    Returns
    -------
    fpr, tpr : ndarray of shape (n_points,)
        Ascending, from 0; NaN, with an UndefinedMetricWarning, where a class is missing.
    thresholds : ndarray of shape (n_points,)
        Descending; the first is infinite.

    Raises
    ------
    ValueError
        If y_true is not binary, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import roc_curve
    >>> roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]), array([ inf, 0.8 , 0.4 , 0.35, 0.1 ]))
    """
    return roc_points(binary_ranking(y_true, y_score, pos_label, sample_weight), drop_intermediate)


@checked(**_CURVE, drop_intermediate=["boolean"])
def precision_recall_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = False,
) -> tuple[Doubles, Doubles, NDArray[Any]]:
    """
    Precision and recall at each threshold.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.
    drop_intermediate : bool, default=False
        Leave out thresholds whose recall is that of both neighbours.

    Returns
    -------
    precision, recall : ndarray of shape (n_thresholds + 1,)
        By ascending threshold; the last pair is (1, 0).
    thresholds : ndarray of shape (n_thresholds,)
        Ascending.

    Raises
    ------
    ValueError
        If y_true is not binary, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import precision_recall_curve
    >>> precision, recall, thresholds = precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> recall
    array([1. , 1. , 0.5, 0.5, 0. ])
    """
    ranking = binary_ranking(y_true, y_score, pos_label, sample_weight)
    tps, fps = ranking.counts
    kept = _corners(tps, order=1) if drop_intermediate else slice(None)
    tps, fps, thresholds = tps[kept], fps[kept], ranking.thresholds(kept)
    called = tps + fps
    precision = np.divide(tps, called, out=np.zeros(len(tps)), where=called != 0)
    if tps[-1] == 0:
        warnings.warn(
            "No positive class found in y_true, recall is set to one for all thresholds.", UserWarning, stacklevel=2
        )
        recall = np.ones(len(tps))
    else:
        recall = tps / tps[-1]
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1]


@checked(**_CURVE, drop_intermediate=["boolean"])
def det_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = False,
) -> tuple[Doubles, Doubles, Doubles]:
    """
    Return the detection error trade-off: false positive and false negative rate at each threshold.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.
    drop_intermediate : bool, default=False
        Leave out thresholds whose true positives are those of both neighbours.

    Returns
    -------
    fpr, fnr, thresholds : ndarray of shape (n_thresholds,)
        By ascending threshold.

    Raises
    ------
    ValueError
        If y_true is not binary or has one class alone, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import det_curve
    >>> det_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    (array([0.5, 0.5, 0. ]), array([0. , 0.5, 0.5]), array([0.35, 0.4 , 0.8 ]))
    """
    ranking = binary_ranking(y_true, y_score, pos_label, sample_weight)
    tps, fps = (np.concatenate([[0.0], counts]) for counts in ranking.counts)
    thresholds = np.concatenate([[np.inf], ranking.thresholds().astype(np.float64)])
    if drop_intermediate:
        kept = _corners(tps, order=1)
        tps, fps, thresholds = tps[kept], fps[kept], thresholds[kept]
    if len(np.unique(np.asarray(y_true))) != 2:
        raise ValueError(
            "Only one class is present in y_true. Detection error tradeoff curve is not defined in that case."
        )
    first = max(int(np.searchsorted(fps, fps[0], side="right")) - 1, 0)
    last = int(np.searchsorted(tps, tps[-1])) + 1
    part = slice(first, last)
    return fps[part][::-1] / fps[-1], (tps[-1] - tps)[part][::-1] / tps[-1], thresholds[part][::-1]


@checked(**_CURVE)
def gain_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[Doubles, Doubles, Doubles]:
    """
    Cumulative gain: which share of the positives is among the share of rows with the highest scores.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.

    Returns
    -------
    share : ndarray of shape (n_thresholds + 1,)
        Of the rows (of their weight) at or above the threshold, from 0 to 1.
    gain : ndarray of shape (n_thresholds + 1,)
        Share of the positives among them: the recall.
    thresholds : ndarray of shape (n_thresholds + 1,)
        Descending; the first is infinite.

    Raises
    ------
    ValueError
        If y_true is not binary or has no positive row, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import gain_curve
    >>> share, gain, thresholds = gain_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> share, gain
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    ranking = binary_ranking(y_true, y_score, pos_label, sample_weight)
    tps, fps = (np.concatenate([[0.0], counts]) for counts in ranking.counts)
    if tps[-1] <= 0:
        raise ValueError("y_true holds no row of the positive class: there is nothing to gain; check pos_label.")
    called = tps + fps
    thresholds = np.concatenate([[np.inf], ranking.thresholds().astype(np.float64)])
    return called / called[-1], tps / tps[-1], thresholds


@checked(**_CURVE)
def lift_curve(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[Doubles, Doubles, Doubles]:
    """
    Lift: how many times more frequent positives are among the rows with the highest scores than among all.

    Parameters
    ----------
    y_true, y_score, pos_label, sample_weight
        As for `confusion_matrix_at_thresholds`.

    Returns
    -------
    share : ndarray of shape (n_thresholds,)
        Of the rows (of their weight) at or above the threshold, up to 1.
    lift : ndarray of shape (n_thresholds,)
        Precision among them divided by the share of positives among all; the last is 1.
    thresholds : ndarray of shape (n_thresholds,)
        Descending.

    Raises
    ------
    ValueError
        If y_true is not binary or has no positive row, lengths differ, or a score is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import lift_curve
    >>> share, lift, thresholds = lift_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> lift
    array([2.        , 1.        , 1.33333333, 1.        ])
    """
    share, gain, thresholds = gain_curve(y_true, y_score, pos_label=pos_label, sample_weight=sample_weight)
    return share[1:], gain[1:] / share[1:], thresholds[1:]
