"""Outcomes and forecast probabilities, checked and sorted into bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_pos_label_consistency

from mlcraft.uncertainty.calibration._isotonic import isotonic
from mlcraft.uncertainty.scores._estimate import checked_row_weights

__all__ = ["STRATEGIES", "Bins", "Forecasts", "binned", "each_class", "forecasts", "one_event", "table_of"]

Doubles = NDArray[np.float64]
STRATEGIES = ("uniform", "quantile", "isotonic", "unique")
SLACK = 1e-6  # of a sum of probabilities, and of a probability outside of [0, 1]: single precision


@dataclass(frozen=True)
class Forecasts:
    """
    An event, and the probability that was forecast for it.

    Attributes
    ----------
    hit : ndarray of shape (n_samples,)
        1.0 where it happened, 0.0 elsewhere.
    p : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
        Positive: rows of weight zero are left out.
    """

    hit: Doubles
    p: Doubles
    weight: Doubles


def table_of(
    y_true: Any, y_prob: Any, classes: Any, pos_label: Any, sample_weight: Any
) -> tuple[NDArray[np.intp], Doubles, Doubles]:
    """
    Check labels and probabilities.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
    classes : array-like of shape (n_classes,) or None
    pos_label : object or None
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    codes : ndarray of shape (n_counted,)
        Column of the class of each row.
    p : ndarray of shape (n_counted, n_classes)
        For probabilities of one event, its complement first.
    weight : ndarray of shape (n_counted,)

    Raises
    ------
    ValueError
        If shapes, labels or probabilities are not what they have to be.
    """
    y_true = column_or_1d(y_true)
    p = check_array(y_prob, ensure_2d=False, dtype=np.float64, input_name="y_prob")
    check_consistent_length(y_true, p, sample_weight)
    if p.min() < -SLACK or p.max() > 1.0 + SLACK:
        raise ValueError(
            f"y_prob must hold probabilities between 0 and 1, got values from {p.min():.4g} to {p.max():.4g}; if these "
            "are scores, calibrate them first"
        )
    p = np.clip(p, 0.0, 1.0)
    if p.ndim == 1 or p.shape[1] == 1:
        codes = _codes_of_event(y_true, pos_label)
        p = np.column_stack([1.0 - p.ravel(), p.ravel()])
    else:
        codes = _codes(y_true, classes, p.shape[1])
        off = np.abs(p.sum(axis=1) - 1.0)
        if off.max() > SLACK * p.shape[1]:
            row = int(off.argmax())
            raise ValueError(f"rows of y_prob must sum to one, row {row} sums to {p[row].sum():.6g}")
    weight = checked_row_weights(sample_weight, len(y_true))
    counted = weight > 0
    return (codes, p, weight) if counted.all() else (codes[counted], p[counted], weight[counted])


def _codes_of_event(y_true: NDArray[Any], pos_label: Any) -> NDArray[np.intp]:
    labels = np.unique(y_true)
    if len(labels) > 2:
        raise ValueError(
            f"y_prob has one column but y_true {len(labels)} labels: give a column for each class, or say which rows "
            "are the event"
        )
    positive = _check_pos_label_consistency(pos_label, y_true)
    if pos_label is not None and len(labels) == 2 and positive not in labels:
        raise ValueError(f"pos_label={pos_label!r} is not a label of y_true: {labels.tolist()}")
    return np.asarray(y_true == positive, dtype=np.intp)


def _codes(y_true: NDArray[Any], classes: Any, count: int) -> NDArray[np.intp]:
    labels = np.unique(y_true) if classes is None else column_or_1d(classes)
    if len(labels) != count:
        raise ValueError(
            f"y_prob has {count} columns and there are {len(labels)} "
            f"{'labels in y_true' if classes is None else 'classes'}; give the labels of the columns as classes="
        )
    order = np.argsort(labels, kind="stable")
    place = np.minimum(np.searchsorted(labels, y_true, sorter=order), count - 1)
    codes: NDArray[np.intp] = order[place]
    wrong = labels[codes] != y_true
    if wrong.any():
        raise ValueError(f"y_true has labels that are no class: {np.unique(y_true[wrong])[:5].tolist()}")
    return codes


def forecasts(codes: NDArray[np.intp], p: Doubles, weight: Doubles, classwise: bool) -> list[Forecasts]:
    """
    Return the events that probabilities of classes are judged by.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
    p : ndarray of shape (n_samples, n_classes)
    weight : ndarray of shape (n_samples,)
    classwise : bool
        True: each class against the others. False: for two classes the second one; for more, that the most probable
        class is the right one.

    Returns
    -------
    list of Forecasts
    """
    if p.shape[1] == 2:
        return [Forecasts((codes == 1).astype(np.float64), p[:, 1], weight)]
    if classwise:
        return each_class(codes, p, weight)
    top = p.argmax(axis=1)
    return [Forecasts((codes == top).astype(np.float64), p[np.arange(len(p)), top], weight)]


def each_class(codes: NDArray[np.intp], p: Doubles, weight: Doubles) -> list[Forecasts]:
    """Return each class against the others."""
    return [Forecasts((codes == k).astype(np.float64), p[:, k], weight) for k in range(p.shape[1])]


def one_event(y_true: Any, y_prob: Any, classes: Any, pos_label: Any, sample_weight: Any) -> Forecasts:
    """Return the event that probabilities are judged by: see `forecasts`."""
    return forecasts(*table_of(y_true, y_prob, classes, pos_label, sample_weight), classwise=False)[0]


@dataclass(frozen=True)
class Bins:
    """
    Forecasts in bins, empty ones left out.

    Attributes
    ----------
    code : ndarray of shape (n_samples,)
        Bin of each row.
    low, high : ndarray of shape (n_bins,)
        Edges; for bins that the data make, the smallest and the largest forecast.
    count, weight, size : ndarray of shape (n_bins,)
        Rows, sums of weights, and rows of equal weight that would tell as much, ``(sum w)^2 / sum w^2``.
    predicted, observed : ndarray of shape (n_bins,)
        Weighted means of the forecasts and of the event.
    """

    code: NDArray[np.intp]
    low: Doubles
    high: Doubles
    count: NDArray[np.intp]
    weight: Doubles
    size: Doubles
    predicted: Doubles
    observed: Doubles

    @property
    def share(self) -> Doubles:
        """Weight of each bin in that of all rows."""
        found: Doubles = self.weight / self.weight.sum()
        return found


def binned(given: Forecasts, bins: Any, strategy: str) -> Bins:
    """
    Sort forecasts into bins.

    Parameters
    ----------
    given : Forecasts
    bins : int or array-like of shape (n_bins + 1,)
        How many, or their edges; for "uniform" and "quantile". Bins hold their upper edge.
    strategy : {"uniform", "quantile", "isotonic", "unique"}
        Equal width; equal weight (rows of equal forecasts stay together); the blocks of isotonic regression; a bin for
        each distinct forecast.

    Returns
    -------
    Bins

    Raises
    ------
    ValueError
        If the strategy is unknown, or there is no bin.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(map(repr, STRATEGIES))}, got {strategy!r}")
    if strategy == "isotonic":
        low, high, _, _ = isotonic(given.p, given.weight, given.hit)
        code = np.searchsorted(high, given.p)
    elif strategy == "unique":
        low, code = np.unique(given.p, return_inverse=True)
        high = low
    else:
        edges = _edges(given, bins, strategy)
        low, high = edges[:-1], edges[1:]
        code = np.searchsorted(edges[1:-1], given.p)
    count = np.bincount(code, minlength=len(low))
    present = np.flatnonzero(count)
    code = (np.cumsum(count > 0) - 1)[code]
    weight = np.asarray(np.bincount(code, given.weight), dtype=np.float64)
    squares = np.bincount(code, given.weight**2)
    return Bins(
        code,
        low[present],
        high[present],
        count[present],
        weight,
        weight**2 / squares,
        np.bincount(code, given.weight * given.p) / weight,
        np.bincount(code, given.weight * given.hit) / weight,
    )


def _edges(given: Forecasts, bins: Any, strategy: str) -> Doubles:
    if np.ndim(bins):
        edges = np.asarray(bins, dtype=np.float64)
        if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise ValueError("bins must be a number, or edges that increase")
        if edges[0] > given.p.min() or edges[-1] < given.p.max():
            raise ValueError(
                f"bins from {edges[0]:.4g} to {edges[-1]:.4g} leave out forecasts, which go from "
                f"{given.p.min():.4g} to {given.p.max():.4g}"
            )
        return edges
    if isinstance(bins, bool) or int(bins) != bins or bins < 1:
        raise ValueError(f"bins must be a number of bins, 1 or more, or their edges; got {bins!r}")
    count = int(bins)
    if strategy == "uniform":
        return np.linspace(0.0, 1.0, count + 1)
    order = np.argsort(given.p, kind="stable")
    cumulated = np.cumsum(given.weight[order])
    wanted = np.arange(1, count) / count * cumulated[-1]
    place = np.searchsorted(cumulated, wanted * (1.0 - 1e-12))  # the smallest forecast that so much weight is up to
    inner = np.unique(given.p[order][place])
    inner = inner[inner < given.p.max()]
    return np.concatenate([[min(0.0, float(given.p.min()))], inner, [1.0]])
