"""Reliability: how often events happen by how probable they were said to be, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.utils import check_random_state

from mlcraft.uncertainty._intervals import checked_level
from mlcraft.uncertainty.calibration._bins import Bins, Forecasts, binned, one_event
from mlcraft.uncertainty.calibration._isotonic import distinct, pooled

__all__ = ["CalibrationCurve", "calibration_curve"]

Doubles = NDArray[np.float64]
FINEST = 4096  # cells of equal size that forecasts are put into before isotonic regressions are repeated
EXACT = 400  # rows of a bin up to which the number of events is convolved exactly


@dataclass(frozen=True)
class CalibrationCurve:
    """
    Frequencies of an event by its forecast probability.

    Attributes
    ----------
    predicted : ndarray of shape (n_bins,)
        Mean forecast of each bin; bins without rows are left out.
    observed : ndarray of shape (n_bins,)
        How often the event happened there.
    lower, upper : ndarray of shape (n_bins,)
        Confidence interval of how often it happens there.
    consistent_lower, consistent_upper : ndarray of shape (n_bins,)
        Where `observed` would lie, with the same probability, if the forecasts were calibrated.
    count : ndarray of shape (n_bins,)
        Rows of each bin.
    weight : ndarray of shape (n_bins,)
        Sums of their weights.
    low, high : ndarray of shape (n_bins,)
        Edges of the bins.
    level : float
        Of the intervals; of all bins together with ``simultaneous=True``.
    simultaneous : bool
    strategy : str
    n : int
        Rows that counted.
    """

    predicted: Doubles
    observed: Doubles
    lower: Doubles
    upper: Doubles
    consistent_lower: Doubles
    consistent_upper: Doubles
    count: NDArray[np.intp]
    weight: Doubles
    low: Doubles
    high: Doubles
    level: float
    simultaneous: bool
    strategy: str
    n: int

    @property
    def consistent(self) -> NDArray[np.bool_]:
        """Which bins agree with calibrated forecasts."""
        return (self.consistent_lower <= self.observed) & (self.observed <= self.consistent_upper)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each bin."""
        import pandas as pd

        names = ("low", "high", "count", "weight", "predicted", "observed", "lower", "upper")
        columns = {name: getattr(self, name) for name in (*names, "consistent_lower", "consistent_upper", "consistent")}
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        head = f"{'forecast':>16} {'rows':>7} {'predicted':>9} {'observed':>8}  {self.level:.0%} interval"
        rows = [
            f"{self.low[i]:7.3f}..{self.high[i]:.3f} {self.count[i]:8d} {self.predicted[i]:9.3f} "
            f"{self.observed[i]:8.3f}  {self.lower[i]:.3f}..{self.upper[i]:.3f}"
            f"{'' if self.consistent[i] else '  not calibrated'}"
            for i in range(len(self.count))
        ]
        return "\n".join([head, *rows])


def calibration_curve(
    y_true: Any,
    y_prob: Any,
    *,
    bins: Any = 10,
    strategy: str = "uniform",
    level: float = 0.95,
    simultaneous: bool = False,
    classes: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
    n_resamples: int = 200,
    random_state: Any = 0,
) -> CalibrationCurve:
    """
    Compare how often an event happens with how probable it was said to be.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the positive class. With a column for each of three or more classes the event is that the most
        probable class is the right one; for a single class k give ``y_true == k`` and its column.
    bins : int or array-like of shape (n_bins + 1,), default=10
        How many bins, or their edges, for "uniform" and "quantile".
    strategy : {"uniform", "quantile", "isotonic", "unique"}, default="uniform"
        Bins of equal width; of equal weight; the blocks of the isotonic regression of the event on the forecast, which
        depend on no choice [1]_; one for each distinct forecast.
    level : float, default=0.95
        Of the intervals.
    simultaneous : bool, default=False
        Whether all bins together are covered with `level` (Bonferroni), not each.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_prob`. Default: the sorted labels of `y_true`.
    pos_label : object, default=None
        The label whose probability `y_prob` is; 1 by default.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.
    n_resamples : int, default=200
        For "isotonic": draws of the events that its intervals come from.
    random_state : int, RandomState instance or None, default=0
        Seed of these.

    Returns
    -------
    CalibrationCurve

    Raises
    ------
    ValueError
        If `y_prob` holds no probabilities, labels do not fit, or the strategy is unknown.

    Notes
    -----
    Confidence intervals are Wilson's; consistency intervals [2]_ follow from the distribution of the number of events
    if each row has the probability forecast for it: exact in bins of up to 400 rows of equal weight, normal with its
    skewness in others.

    References
    ----------
    .. [1] Dimitriadis, Gneiting and Jordan (2021), Stable reliability diagrams for probabilistic classifiers, PNAS 118.
    .. [2] Bröcker and Smith (2007), Increasing the reliability of reliability diagrams, Weather and Forecasting 22.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import calibration_curve
    >>> p = np.repeat([0.1, 0.5, 0.9], 100)
    >>> y = np.concatenate([np.arange(100) < 10, np.arange(100) < 70, np.arange(100) < 92])
    >>> print(calibration_curve(y, p, bins=3))
            forecast    rows predicted observed  95% interval
      0.000..0.333      100     0.100    0.100  0.055..0.174
      0.333..0.667      100     0.500    0.700  0.604..0.781  not calibrated
      0.667..1.000      100     0.900    0.920  0.850..0.959
    """
    checked_level(level)
    given = one_event(y_true, y_prob, classes, pos_label, sample_weight)
    found = binned(given, bins, strategy)
    each = 1.0 - (1.0 - level) / len(found.count) if simultaneous else level
    if strategy == "isotonic":
        (lower, upper), (low, high) = _isotonic_bands(given, found, each, n_resamples, random_state)
    else:
        lower, upper = _wilson(found.observed, found.size, each)
        low, high = _consistent(given, found, each)
    return CalibrationCurve(
        found.predicted,
        found.observed,
        lower,
        upper,
        low,
        high,
        found.count,
        found.weight,
        found.low,
        found.high,
        level,
        simultaneous,
        strategy,
        len(given.p),
    )


def _wilson(share: Doubles, size: Doubles, level: float) -> tuple[Doubles, Doubles]:
    z = ndtri(0.5 + 0.5 * level)
    scale = 1.0 + z * z / size
    middle = (share + z * z / (2.0 * size)) / scale
    half = z * np.sqrt(share * (1.0 - share) / size + (z / (2.0 * size)) ** 2) / scale
    lower, upper = np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)
    return np.where(share <= 0.0, 0.0, lower), np.where(share >= 1.0, 1.0, upper)


def _consistent(given: Forecasts, found: Bins, level: float) -> tuple[Doubles, Doubles]:
    """Return quantiles of the share of events in each bin if each row has the probability forecast for it."""
    tail, weight = 0.5 * (1.0 - level), found.weight
    spread = given.p * (1.0 - given.p)
    variance = np.bincount(found.code, given.weight**2 * spread) / weight**2
    third = np.bincount(found.code, given.weight**3 * spread * (1.0 - 2.0 * given.p)) / weight**3
    sigma = np.sqrt(variance)
    skew = np.divide(third, sigma**3, out=np.zeros_like(sigma), where=sigma > 0)
    ends = []
    for z in (ndtri(tail), -ndtri(tail)):
        ends.append(np.clip(found.predicted + sigma * (z + skew * (z * z - 1.0) / 6.0), 0.0, 1.0))
    low, high = ends
    alone = found.count == 1
    low[alone], high[alone] = (1.0 - found.predicted[alone] < share for share in (tail, 1.0 - tail))
    order = np.argsort(found.code, kind="stable")
    stop = np.cumsum(found.count)
    for b in np.flatnonzero(~alone & (found.count <= EXACT) & (found.size >= found.count * (1.0 - 1e-12))):
        rows = order[stop[b] - found.count[b] : stop[b]]
        cumulated = np.cumsum(_number_of_events(given.p[rows]))
        at = np.searchsorted(cumulated, [tail, 1.0 - tail])
        low[b], high[b] = np.minimum(at, found.count[b]) / found.count[b]
    return low, high


def _number_of_events(p: Doubles) -> Doubles:
    """Return the probabilities of 0, 1, ..., n of n independent events."""
    found = np.ones(1)
    for each in p:
        found = np.append(found * (1.0 - each), 0.0) + np.append(0.0, found * each)
    return found


def _isotonic_bands(
    given: Forecasts, found: Bins, level: float, n_resamples: int, random_state: Any
) -> tuple[tuple[Doubles, Doubles], tuple[Doubles, Doubles]]:
    """Return quantiles of isotonic regressions on events drawn from the regression found, and from the forecasts."""
    random = check_random_state(random_state)
    values, weight, _ = distinct(given.p, given.weight, given.hit)
    if len(values) > FINEST:  # a band need not be finer than a picture
        first = np.arange(FINEST) * len(values) // FINEST
        values, weight = np.append(values[first[1:] - 1], values[-1]), np.add.reduceat(weight, first)
    code = np.searchsorted(values, given.p)
    # a mean of equal forecasts may be rounded past them
    predicted = np.clip(found.predicted, found.low, found.high)
    place = np.minimum(np.searchsorted(values, predicted), len(values) - 1)
    bands = []
    for p in (found.observed[found.code], given.p):
        drawn = np.empty((n_resamples, len(place)))
        for i in range(n_resamples):
            happened = random.random_sample(len(p)) < p
            total = np.asarray(np.bincount(code, given.weight * happened, len(values)), dtype=np.float64)
            start, blocks, sums = pooled(weight, total)
            drawn[i] = (sums / blocks)[np.searchsorted(start, place, side="right") - 1]
        low, high = np.quantile(drawn, [0.5 * (1.0 - level), 0.5 * (1.0 + level)], axis=0)
        bands.append((low, high))
    return bands[0], bands[1]
