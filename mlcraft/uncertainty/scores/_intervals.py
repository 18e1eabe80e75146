"""Scores of intervals: how often they hold y, how wide they are, and both in one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty._table import text_table
from mlcraft.uncertainty.scores._checks import checked_bounds, checked_nominal, checked_numbers
from mlcraft.uncertainty.scores._estimate import Estimate, binomial_estimate, mean_estimate

__all__ = ["IntervalReport", "coverage", "interval_report", "interval_score", "mean_width"]

Doubles = NDArray[np.float64]


def _crossed(lower: Doubles, upper: Doubles) -> tuple[str, ...]:
    many = np.count_nonzero(lower > upper)
    return (f"{many} of {len(lower)} intervals are empty: their lower bound is above the upper one",) if many else ()


def coverage(
    y: Any,
    lower: Any,
    upper: Any = None,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    method: str = "wilson",
) -> Estimate:
    """
    Estimate how often intervals hold y.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came, on rows that the intervals were not made from.
    lower : array-like of shape (n_samples,), or (n_samples, 2)
        Lower bounds, or both, as `predict_interval` returns them. Bounds belong to the interval.
    upper : array-like of shape (n_samples,), default=None
        Upper bounds.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.
    clusters : array-like of shape (n_samples,), default=None
        Labels of rows that go together: only clusters are independent then.
    level : float, default=0.95
        Confidence level of the estimate, not that of the intervals.
    method : {"wilson", "exact"}, default="wilson"
        How the interval of the estimate is made, see `binomial_estimate`.

    Returns
    -------
    Estimate
        ``0.9 in coverage(...)`` tells whether the rows agree with a coverage of 0.9. The calibration rows are taken as
        given: with m of them, the coverage that split conformal reaches varies itself, with a standard deviation of
        about ``sqrt(0.9 * 0.1 / m)`` at 0.9.

    Raises
    ------
    ValueError
        If shapes do not agree, or something is NaN.

    Examples
    --------
    >>> from mlcraft.uncertainty import coverage
    >>> print(coverage([1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 3.5, 3.0], [1.5, 3.0, 4.5, 5.0]))
    coverage 0.75 [0.3006, 0.9544]
    """
    y, lower, upper = checked_bounds(y, lower, upper)
    return binomial_estimate(
        (lower <= y) & (y <= upper),
        sample_weight=sample_weight,
        clusters=clusters,
        level=level,
        name="coverage",
        method=method,
        notes=_crossed(lower, upper),
    )


def mean_width(
    lower: Any, upper: Any = None, *, sample_weight: Any = None, clusters: Any = None, level: float = 0.95
) -> Estimate:
    """
    Estimate the mean width of intervals.

    Parameters
    ----------
    lower : array-like of shape (n_samples,), or (n_samples, 2)
        Lower bounds, or both.
    upper : array-like of shape (n_samples,), default=None
        Upper bounds.
    sample_weight, clusters, level
        As for `coverage`.

    Returns
    -------
    Estimate
        Empty intervals, the lower bound above the upper one, have width zero, and a note counts them. Infinite where an
        interval is; the note then says the median.

    Raises
    ------
    ValueError
        If shapes do not agree, or something is NaN.

    Examples
    --------
    >>> from mlcraft.uncertainty import mean_width
    >>> print(mean_width([0.5, 1.0, 3.5, 3.0], [1.5, 3.0, 4.5, 5.0]))
    mean width 1.5 [0.5813, 2.419]
    """
    n = max(np.size(bound) if np.ndim(bound) < 2 else len(bound) for bound in (lower, upper) if bound is not None)
    _, lower, upper = checked_bounds(np.zeros(n), lower, upper)
    with np.errstate(invalid="ignore"):
        width = np.where(lower < upper, upper - lower, 0.0)  # also of bounds that are both infinite
    return mean_estimate(
        width,
        sample_weight=sample_weight,
        clusters=clusters,
        level=level,
        name="mean width",
        notes=_crossed(lower, upper),
    )


def interval_score(
    y: Any,
    lower: Any,
    upper: Any = None,
    *,
    nominal: float = 0.9,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
) -> Estimate:
    """
    Estimate the mean interval score of Winkler: width plus a fine for each miss, the lower the better.

    ``(upper - lower) + 2 / (1 - nominal) * (distance of y from the interval)`` [1]_. Its expectation is smallest for
    the quantiles ``(1 - nominal) / 2`` and ``(1 + nominal) / 2``, so that intervals too wide pay as little as
    those too narrow.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came.
    lower : array-like of shape (n_samples,), or (n_samples, 2)
        Lower bounds, or both.
    upper : array-like of shape (n_samples,), default=None
        Upper bounds.
    nominal : float, default=0.9
        The level that the intervals were made for.
    sample_weight, clusters, level
        As for `coverage`.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If shapes do not agree, something is NaN, or `nominal` does not lie between 0 and 1.

    References
    ----------
    .. [1] Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378,
       section 6.2.

    Examples
    --------
    >>> from mlcraft.uncertainty import interval_score
    >>> found = interval_score([1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 3.5, 3.0], [1.5, 3.0, 4.5, 5.0], nominal=0.8)
    >>> found.value, found.values
    (2.75, array([1., 2., 6., 2.]))
    """
    y, lower, upper = checked_bounds(y, lower, upper)
    fine = 2.0 / (1.0 - checked_nominal(nominal))
    with np.errstate(invalid="ignore"):
        values = (upper - lower) + fine * (np.maximum(lower - y, 0.0) + np.maximum(y - upper, 0.0))
    values[np.isnan(values)] = np.inf  # an infinite bound is never worth its width
    return mean_estimate(
        values,
        sample_weight=sample_weight,
        clusters=clusters,
        level=level,
        name="interval score",
        notes=_crossed(lower, upper),
    )


@dataclass(frozen=True)
class IntervalReport:
    """
    Scores of intervals of several levels.

    Attributes
    ----------
    nominal : tuple of float
        Levels of the intervals.
    coverage, width, score : tuple of Estimate
        For each of them.
    level : float
        Confidence level of the estimates.
    """

    nominal: tuple[float, ...]
    coverage: tuple[Estimate, ...]
    width: tuple[Estimate, ...]
    score: tuple[Estimate, ...]
    level: float

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each level of the intervals."""
        import pandas as pd

        columns = {}
        for name in ("coverage", "width", "score"):
            for part, end in (("value", ""), ("lower", "_lower"), ("upper", "_upper")):
                columns[name + end] = [getattr(found, part) for found in getattr(self, name)]
        return pd.DataFrame(columns, index=pd.Index(self.nominal, name="nominal"))

    def __str__(self) -> str:
        cells = [
            [f"{one.value:.4g} [{one.lower:.4g}, {one.upper:.4g}]" for one in row]
            for row in zip(self.coverage, self.width, self.score, strict=True)
        ]
        return text_table([f"{one:g}" for one in self.nominal], ["coverage", "mean width", "interval score"], cells)


def interval_report(
    y: Any,
    intervals: Any,
    nominal: float | Sequence[float],
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
) -> IntervalReport:
    """
    Score intervals of one or several levels by coverage, width and interval score.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came.
    intervals : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        As `predict_interval` returns them.
    nominal : float or sequence of float of length n_levels
        The levels they were made for.
    sample_weight, clusters, level
        As for `coverage`.

    Returns
    -------
    IntervalReport

    Raises
    ------
    ValueError
        If shapes do not agree, or something is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import interval_report
    >>> y = np.linspace(-2, 2, 41)
    >>> intervals = np.broadcast_to([[-1.0, -1.6], [1.0, 1.6]], (41, 2, 2))
    >>> print(interval_report(y, intervals, [0.5, 0.8]))
                        coverage      mean width        interval score
    0.5  0.5122 [0.3648, 0.6575]        2 [2, 2]  3.073 [2.638, 3.508]
    0.8  0.8049 [0.6599, 0.8977]  3.2 [3.2, 3.2]  3.688 [3.334, 4.042]
    """
    levels = np.atleast_1d(np.asarray(nominal, dtype=np.float64))
    table = np.asarray(intervals, dtype=np.float64)
    table = table[:, :, np.newaxis] if table.ndim == 2 else table
    y = checked_numbers(y, "y")
    if table.shape != (len(y), 2, len(levels)):
        raise ValueError(
            f"intervals must have shape ({len(y)}, 2, {len(levels)}) for {len(y)} rows and {len(levels)} levels, got "
            f"{np.shape(intervals)}"
        )
    about: dict[str, Any] = {"sample_weight": sample_weight, "clusters": clusters, "level": level}
    parts = [table[:, :, k] for k in range(len(levels))]
    return IntervalReport(
        tuple(levels.tolist()),
        tuple(coverage(y, part, **about) for part in parts),
        tuple(mean_width(part, **about) for part in parts),
        tuple(interval_score(y, part, nominal=q, **about) for q, part in zip(levels.tolist(), parts, strict=True)),
        level,
    )
