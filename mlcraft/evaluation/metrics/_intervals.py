"""Intervals on a scale that fits the range of a metric, and those of proportions and areas that hold near 0 and 1."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, expit, logit, ndtri, stdtrit

__all__ = [
    "Ends",
    "check_level",
    "clopper_pearson",
    "newcombe_area",
    "normal_interval",
    "normal_quantile",
    "quantile_of",
    "wilson",
]

Ends = tuple[float, float]


def check_level(level: Any) -> float:
    """Return a level of confidence, or raise ValueError where it is not between 0 and 1."""
    if isinstance(level, bool) or not isinstance(level, (int, float, np.floating)) or not 0 < level < 1:
        raise ValueError(f"level must be a number between 0 and 1, such as 0.95; got {level!r}.")
    return float(level)


def normal_quantile(level: float) -> float:
    """Return how many standard errors a two-sided interval reaches."""
    return float(-ndtri((1 - level) / 2))


def quantile_of(level: float, freedom: float) -> float:
    """Return the same with Student's t of so many degrees of freedom; infinite for none."""
    return float(-stdtrit(freedom, (1 - level) / 2)) if freedom > 0 else float("inf")


def normal_interval(
    value: float, error: float, level: float, scale: str, bounds: Ends, freedom: float = np.inf
) -> Ends:
    """
    Return ``value -+ t error`` taken on a scale, so that it lies within the bounds.

    Parameters
    ----------
    value, error : float
        The estimate and its standard error.
    level : float
    scale : {"plain", "logit", "fisher", "log", "share"}
        As it is (cut off at the bounds); the log odds; the inverse hyperbolic tangent, for [-1, 1]; the logarithm; or
        the logarithm of one less the value.
    bounds : (float, float)
        Range of the metric.
    freedom : float, default=inf
        Degrees of freedom of t.

    Returns
    -------
    (float, float)
        At a bound, or without a standard error, where the scale has no place for the value: the value itself there.
    """
    reach = (normal_quantile(level) if np.isinf(freedom) else quantile_of(level, freedom)) * error
    if not np.isfinite(reach):
        return (bounds[0], bounds[1]) if reach == np.inf else (float("nan"), float("nan"))
    if scale == "logit" and 0 < value < 1:
        centre, width = logit(value), reach / (value * (1 - value))
        return float(expit(centre - width)), float(expit(centre + width))
    if scale == "fisher" and -1 < value < 1:
        centre, width = np.arctanh(value), reach / (1 - value**2)
        return float(np.tanh(centre - width)), float(np.tanh(centre + width))
    if scale == "log" and value > 0:
        factor = float(np.exp(min(reach / value, 700)))
        return value / factor, value * factor
    if scale == "share" and value < 1:
        factor = float(np.exp(min(reach / (1 - value), 700)))
        return 1 - (1 - value) * factor, 1 - (1 - value) / factor
    return max(value - reach, bounds[0]), min(value + reach, bounds[1])


def wilson(share: float, count: float, level: float) -> Ends:
    """
    Wilson's (1927) interval of a proportion, by inverting the score test; `count` need not be whole.

    Examples
    --------
    >>> from mlcraft.evaluation.metrics._intervals import wilson
    >>> wilson(1.0, 10, 0.95)
    (0.7224..., 1.0)
    """
    z = normal_quantile(level)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * sqrt(max(share * (1 - share) / count + z * z / (4 * count * count), 0))
    low, high = max(centre - reach, 0.0), min(centre + reach, 1.0)
    return (0.0 if share == 0 else low), (1.0 if share == 1 else high)


def clopper_pearson(share: float, count: float, level: float) -> Ends:
    """Clopper and Pearson's (1934) interval of a proportion, which covers at least as often as it says."""
    hits, tail = share * count, (1 - level) / 2
    low = 0.0 if hits <= 0 else float(betaincinv(hits, count - hits + 1, tail))
    high = 1.0 if hits >= count else float(betaincinv(hits + 1, count - hits, 1 - tail))
    return low, high


def newcombe_area(area: float, positives: float, negatives: float, level: float) -> Ends:
    """
    Newcombe's (2006) fifth interval of an area under a ROC curve: a score interval, which exists at 0 and 1 as well.

    It inverts ``|A - area| = z sqrt(V(A))`` with Hanley and McNeil's variance, both class sizes in its numerator
    replaced by their mean.
    """
    z = normal_quantile(level)
    half = (positives + negatives) / 2 - 1

    def apart(a: float) -> float:
        spread = a * (1 - a) * (1 + half * (1 - a) / (2 - a) + half * a / (1 + a)) / (positives * negatives)
        return abs(a - area) - z * sqrt(max(spread, 0.0))

    inside = min(max(area, 1e-13), 1 - 1e-13)  # where the spread is not 0
    low = 0.0 if area <= 0 else float(brentq(apart, 0.0, inside))
    high = 1.0 if area >= 1 else float(brentq(apart, inside, 1.0))
    return low, high
