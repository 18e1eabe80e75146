"""Bootstrap intervals of a metric (Efron 1979, 1987): rows, or groups of them, drawn again."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from mlcraft.evaluation.metrics._intervals import Ends
from mlcraft.evaluation.metrics._measured import Resamples, Rows

__all__ = ["bca", "draw", "jackknife_influence"]

Doubles = NDArray[np.float64]
AT_ONCE = 1_000  # resamples a call
MOST_FITS = 200  # evaluations of a metric for the acceleration


def draw(resample: Callable[[Resamples], Doubles], n_resamples: int, seed: int) -> Doubles:
    """
    Return the metric on resamples, without those where it is not defined.

    Raises
    ------
    ValueError
        If it is defined on fewer than half of them.
    """
    starts = range(0, n_resamples, AT_ONCE)
    parts = [resample(Resamples(seed, first, min(AT_ONCE, n_resamples - first))) for first in starts]
    values = np.concatenate(parts)
    good = values[np.isfinite(values)]
    if len(good) < max(n_resamples / 2, 1):
        raise ValueError(
            f"the metric is defined on {len(good)} of {n_resamples} resamples: there are too few rows of a class, or "
            "too few groups, for a bootstrap."
        )
    if len(good) < n_resamples:
        warnings.warn(
            f"the metric is not defined on {n_resamples - len(good)} of {n_resamples} resamples (a class was not "
            "drawn); they are left out.",
            UserWarning,
            stacklevel=4,
        )
    return np.asarray(good)


def bca(values: Doubles, value: float, influence: Doubles | None, rows: Rows, level: float) -> Ends:
    """
    Return the bias-corrected and accelerated interval (Efron 1987).

    Parameters
    ----------
    values : ndarray of shape (n_resamples,)
        The metric on resamples.
    value : float
        And on the rows.
    influence : ndarray of shape (n_samples,) or None
        How each row moves the metric; the acceleration is a sixth of its skewness. None: no acceleration.
    rows : Rows
    level : float

    Returns
    -------
    (float, float)
        Without acceleration where all resamples lie on one side of the value.
    """
    below = (np.sum(values < value) + 0.5 * np.sum(values == value)) / len(values)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if 0 < below < 1:
        shift, acceleration = float(ndtri(below)), 0.0
        if influence is not None:
            sums = influence if rows.groups is None else np.bincount(rows.groups, weights=influence)
            squares = float(np.sum(sums**2))
            acceleration = float(np.sum(sums**3)) / (6 * squares**1.5) if squares > 0 else 0.0
        moved = shift + ndtri(tails)
        tails = ndtr(shift + moved / (1 - acceleration * moved))
    low, high = np.quantile(values, tails)
    return float(low), float(high)


def jackknife_influence(metric: Callable[[NDArray[np.bool_]], float], rows: Rows) -> Doubles:
    """
    Return the influence of rows on any metric, by leaving out rows, groups, or as many blocks of them as is bearable.

    Parameters
    ----------
    metric : function of a mask of rows to its value on them
    rows : Rows

    Returns
    -------
    ndarray of shape (n_samples,)
        Squares and cubes of its sums over units add up to those of the metric.
    """
    units = np.arange(rows.n_samples) if rows.groups is None else rows.groups
    blocks = min(rows.units, MOST_FITS)
    block_of = np.random.default_rng(0).permutation(rows.units) % blocks
    codes = block_of[units]
    left_out = np.array([metric(codes != block) for block in range(blocks)])
    moves = np.nan_to_num(np.nanmean(left_out) - left_out) * (blocks - 1) / blocks
    # all of a block goes to one row of it: spread over its rows, squares would add up to too little
    out = np.zeros(rows.n_samples)
    out[np.unique(codes, return_index=True)[1]] = moves * np.sqrt(blocks / (blocks - 1) * (1 - 1 / rows.units))
    return out
