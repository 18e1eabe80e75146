"""Intervals from the values that an estimate takes on resamples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from mlcraft._engine.status import warn_caller

__all__ = ["METHODS", "acceleration", "basic", "bca", "percentile", "studentised"]

Doubles = NDArray[np.float64]
METHODS = ("percentile", "basic", "bca", "studentised")


def _quantiles(values: Doubles, levels: Doubles, *, warn: bool = True) -> Doubles:
    """
    Return quantiles of each column at levels of its own: value k of B sorted ones is the quantile k / (B + 1).

    Parameters
    ----------
    values : ndarray of shape (n_resamples, n_values)
    levels : ndarray of shape (2, n_values)
    warn : bool, default=True
        Whether ends beyond all values are told.

    Returns
    -------
    ndarray of shape (n_values, 2)
    """
    ordered = np.sort(values, axis=0)
    count = len(ordered)
    places = levels * (count + 1) - 1.0
    beyond = int(((places < 0) | (places > count - 1)).sum())
    if beyond and warn:
        share = float(np.minimum(levels, 1.0 - levels).min())
        need = f"at least {int(np.ceil(1.0 / share))} resamples" if share > 0 else "no number of resamples is enough"
        warn_caller(
            f"{beyond} of {places.size} ends of intervals lie beyond the smallest or largest of {count} resamples, and "
            f"were put there: the interval is too short. A tail of {share:.3g} needs {need}."
        )
    places = np.clip(places, 0, count - 1)
    low = places.astype(np.intp)
    high = np.minimum(low + 1, count - 1)
    columns = np.arange(values.shape[1])
    below, above = ordered[low, columns], ordered[high, columns]
    found: Doubles = (below + (places - low) * (above - below)).T
    return found


def _both(level: float, count: int) -> Doubles:
    tail = (1.0 - level) / 2.0
    return np.repeat([[tail], [1.0 - tail]], count, axis=1)


def percentile(values: Doubles, level: float) -> Doubles:
    """Return quantiles of the values themselves (Efron 1979), of shape (n_values, 2)."""
    return _quantiles(values, _both(level, values.shape[1]))


def basic(values: Doubles, estimate: Doubles, level: float) -> Doubles:
    """Return quantiles reflected at the estimate (Davison and Hinkley 1997, section 5.2), of shape (n_values, 2)."""
    found: Doubles = 2.0 * estimate[:, np.newaxis] - percentile(values, level)[:, ::-1]
    return found


def studentised(values: Doubles, errors: Doubles, estimate: Doubles, error: Doubles, level: float) -> Doubles:
    """
    Return the interval of the ratio of each difference to its own standard error.

    Davison and Hinkley (1997), section 5.2.1.

    Parameters
    ----------
    values, errors : ndarray of shape (n_resamples, n_values)
    estimate, error : ndarray of shape (n_values,)
    level : float

    Returns
    -------
    ndarray of shape (n_values, 2)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (values - estimate) / errors
    bad = np.asarray(~np.isfinite(ratio).all(axis=1))
    if bad.any():
        warn_caller(
            f"the standard error of {int(bad.sum())} of {len(bad)} resamples is zero or not finite; they do not take "
            "part in the studentised interval"
        )
        ratio = ratio[~bad]
        if not len(ratio):
            return np.full((len(estimate), 2), np.nan)
    tails = percentile(ratio, level)[:, ::-1]
    found: Doubles = estimate[:, np.newaxis] - tails * error[:, np.newaxis]
    return found


def bca(values: Doubles, estimate: Doubles, jackknife: Doubles, level: float) -> Doubles:
    """
    Return quantiles at levels corrected for bias and acceleration (Efron 1987).

    Parameters
    ----------
    values : ndarray of shape (n_resamples, n_values)
    estimate : ndarray of shape (n_values,)
    jackknife : ndarray of shape (n_parts, n_values)
        The estimate without each row or part, or differences from some constant.
    level : float

    Returns
    -------
    ndarray of shape (n_values, 2)
        Both ends are the estimate where all values are equal.
    """
    count = len(values)
    share = ((values < estimate).sum(axis=0) + 0.5 * (values == estimate).sum(axis=0)) / count
    outside = (share <= 0) | (share >= 1)
    if outside.any():
        warn_caller(
            f"{int(outside.sum())} of {len(outside)} estimates lie outside all {count} values on resamples: the bias "
            "correction of method='bca' is not finite, and the nearest that the resamples allow was used. The "
            "estimate is badly biased, or there are too few resamples."
        )
    bias = ndtri(np.clip(share, 0.5 / count, 1.0 - 0.5 / count))
    shift = acceleration(jackknife)
    z = ndtri(_both(level, len(estimate)))
    return _quantiles(values, ndtr(bias + (bias + z) / (1.0 - shift * (bias + z))), warn=not outside.any())


def acceleration(jackknife: Doubles) -> Doubles:
    """
    Return the skewness of the influence of the rows over six, zero where no row has any.

    Parameters
    ----------
    jackknife : ndarray of shape (n_parts, n_values)

    Returns
    -------
    ndarray of shape (n_values,)
    """
    influence = jackknife.mean(axis=0) - jackknife
    size = np.abs(influence).max(axis=0)
    scaled = influence / np.where(size > 0, size, 1.0)
    squares = (scaled**2).sum(axis=0)
    found: Doubles = (scaled**3).sum(axis=0) / (6.0 * np.where(squares > 0, squares, 1.0) ** 1.5)
    return found
