"""Probability integral transform: where y falls in its predictive distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from mlcraft.uncertainty.scores._checks import checked_matrix, checked_numbers, rows_text
from mlcraft.uncertainty.scores._distributions import checked_levels, checked_spread, which_form
from mlcraft.uncertainty.scores._estimate import Estimate, checked_row_weights, mean_estimate

__all__ = ["PIT", "pit"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PIT:
    """
    Where each y falls in its predictive distribution: uniform between 0 and 1 if the distributions are right.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        F(y); drawn between F(y-) and F(y) where the distribution jumps there.
    below, up_to : ndarray of shape (n_samples,)
        F(y-) and F(y), the probabilities of less than y and of at most y.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    mean : Estimate
        Mean of the values. 1/2 if right; above, predictions are too low.
    spread : Estimate
        Twelve times the mean squared distance of the values from 1/2. 1 if right; above, distributions are too narrow.
    statistic, p_value : float
        Largest distance between the share of values up to u and u, and the probability of one at least as large if the
        distributions are right and rows independent (Kolmogorov and Smirnov); with weights by the number of equal rows
        that would vary as much.
    level : float
        Confidence level of the estimates.
    """

    values: Doubles
    below: Doubles = field(repr=False)
    up_to: Doubles = field(repr=False)
    weight: Doubles = field(repr=False)
    mean: Estimate
    spread: Estimate
    statistic: float
    p_value: float
    level: float

    def histogram(self, bins: int = 10) -> Doubles:
        """
        Return the share of the values in bins of equal width; a y where its distribution jumps counts in parts.

        Parameters
        ----------
        bins : int, default=10
            How many.

        Returns
        -------
        ndarray of shape (bins,)
            It sums to one. Without a draw: the mean of ``(min(u, F(y)) - F(y-)) / (F(y) - F(y-))`` over the rows [1]_.

        References
        ----------
        .. [1] Czado, Gneiting and Held (2009), Predictive model assessment for count data, Biometrics 65, 1254-1261.
        """
        if bins < 1:
            raise ValueError(f"bins must be at least 1, got {bins}")
        share = self.weight / self.weight.sum()
        jump = self.up_to - self.below
        smooth = ~(jump > 0)
        # an edge belongs to the bin above it, and 1 to the last one
        place = np.minimum((self.values[smooth] * bins).astype(np.intp), bins - 1)
        found: Doubles = np.bincount(place, share[smooth], bins).astype(np.float64)
        part, low, size = share[~smooth], self.below[~smooth], jump[~smooth]
        risen = np.array([part @ np.clip((edge - low) / size, 0.0, 1.0) for edge in np.linspace(0.0, 1.0, bins + 1)])
        heights: Doubles = found + np.diff(risen)
        return heights

    def __str__(self) -> str:
        return (
            f"{self.mean}\n{self.spread}\n"
            f"uniform: largest distance {self.statistic:.3g}, p = {self.p_value:.3g}, {self.mean.n} rows"
        )


def pit(
    y: Any = None,
    *,
    mean: Any = None,
    std: Any = None,
    samples: Any = None,
    quantiles: Any = None,
    levels: Any = None,
    cdf: Any = None,
    sample_weight: Any = None,
    level: float = 0.95,
    random_state: Any = None,
) -> PIT:
    """
    Return where each y falls in its predictive distribution: the probability integral transform [1]_.

    Parameters
    ----------
    y : array-like of shape (n_samples,), default=None
        What came; not needed with `cdf`.
    mean, std : array-like of shape (n_samples,) or float, default=None
        Normal distributions.
    samples : array-like of shape (n_samples, n_draws), default=None
        Draws of each distribution: y takes each rank among them with the same probability if they are right.
    quantiles : array-like of shape (n_samples, n_levels), default=None
        Quantiles of each distribution, with `levels`: straight lines between them; beyond the outermost ones y lies
        anywhere in what is left.
    levels : array-like of shape (n_levels,), default=None
        Levels of the quantiles, increasing.
    cdf : array-like of shape (n_samples,) or (n_samples, 2), default=None
        F(y), or F(y-) and F(y) for distributions that jump, such as counts.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.
    level : float, default=0.95
        Confidence level of the estimates.
    random_state : int, RandomState instance or None, default=None
        For the places of y within jumps.

    Returns
    -------
    PIT

    Raises
    ------
    ValueError
        If the distribution is given in no form or in several, shapes do not agree, or something is NaN.

    References
    ----------
    .. [1] Dawid (1984), Statistical theory: the prequential approach, JRSS A 147, 278-292.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import pit
    >>> y = np.random.default_rng(0).standard_normal(500)
    >>> print(pit(y, mean=0.0, std=1.0))
    PIT mean 0.4932 [0.4677, 0.5187]
    PIT spread 1.009 [0.9319, 1.086]
    uniform: largest distance 0.0331, p = 0.63, 500 rows
    >>> print(pit(y, mean=0.0, std=0.5).spread)  # too narrow
    PIT spread 1.806 [1.711, 1.901]
    """
    from scipy.stats import kstwo

    form = which_form(mean=mean, samples=samples, quantiles=quantiles, cdf=cdf)
    below, up_to = _from_cdf(cdf) if form == "cdf" else _from_form(y, form, mean, std, samples, quantiles, levels)
    weight = checked_row_weights(sample_weight, len(below))
    place = check_random_state(random_state).uniform(size=len(below))
    values = np.where(up_to > below, below + place * (up_to - below), up_to)
    about: dict[str, Any] = {"sample_weight": sample_weight, "level": level}
    statistic = _distance(values, weight)
    size = max(1, round(float(weight.sum() ** 2 / (weight @ weight))))
    return PIT(
        values,
        below,
        up_to,
        weight,
        mean_estimate(values, name="PIT mean", **about),
        mean_estimate(12.0 * (values - 0.5) ** 2, name="PIT spread", **about),
        statistic,
        float(kstwo.sf(statistic, size)),
        level,
    )


def _from_cdf(cdf: Any) -> tuple[Doubles, Doubles]:
    given = np.asarray(cdf, dtype=np.float64)
    if given.ndim == 1:
        given = np.column_stack([given, given])
    if given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(f"cdf must have shape (n_samples,) or (n_samples, 2), got {given.shape}")
    table = checked_matrix(given, "cdf", len(given))
    wrong = (table[:, 0] < 0) | (table[:, 1] > 1) | (table[:, 0] > table[:, 1])
    if wrong.any():
        raise ValueError(f"cdf must hold probabilities, 0 <= F(y-) <= F(y) <= 1; wrong in {rows_text(wrong)}")
    return table[:, 0], table[:, 1]


def _from_form(
    y: Any, form: str, mean: Any, std: Any, samples: Any, quantiles: Any, levels: Any
) -> tuple[Doubles, Doubles]:
    from scipy.special import ndtr

    if y is None:
        raise ValueError(f"{form}= needs y: what came")
    y = checked_numbers(y, "y")
    if form == "mean":
        centre, spread = checked_numbers(mean, "mean", len(y)), checked_spread(std, len(y))
        with np.errstate(divide="ignore", invalid="ignore"):
            smooth = ndtr((y - centre) / spread)
        sure = spread == 0
        return np.where(sure, y > centre, smooth), np.where(sure, y >= centre, smooth)
    if form == "samples":
        draws = checked_matrix(samples, "samples", len(y))
        # among m draws and y itself, y takes one of m + 1 ranks
        less, ties = (draws < y[:, np.newaxis]).sum(axis=1), (draws == y[:, np.newaxis]).sum(axis=1)
        return less / (draws.shape[1] + 1.0), (less + ties + 1.0) / (draws.shape[1] + 1.0)
    table = checked_matrix(quantiles, "quantiles", len(y))
    return _between_quantiles(y, table, checked_levels(levels, table.shape[1]))


def _between_quantiles(y: Doubles, table: Doubles, levels: Doubles) -> tuple[Doubles, Doubles]:
    """Return F(y-) and F(y) of the distribution with straight lines between quantiles."""
    if (np.diff(table, axis=1) < 0).any():
        wrong = (np.diff(table, axis=1) < 0).any(axis=1)
        raise ValueError(f"quantiles cross in {rows_text(wrong)}; sort them, or fit them without crossing")
    edges = np.concatenate([[0.0], levels, [1.0]])
    less = (table < y[:, np.newaxis]).sum(axis=1)  # quantiles below y
    most = (table <= y[:, np.newaxis]).sum(axis=1)
    below, up_to = edges[less], edges[most + 1]
    inside = (less > 0) & (most < table.shape[1]) & (less == most)
    rows, k = np.flatnonzero(inside), less[inside]
    low, high = table[rows, k - 1], table[rows, k]
    with np.errstate(invalid="ignore"):
        way = np.where(np.isfinite(low) & np.isfinite(high), (y[rows] - low) / (high - low), np.nan)
    known = ~np.isnan(way)
    below[rows[known]] = up_to[rows[known]] = (edges[k] + way * (edges[k + 1] - edges[k]))[known]
    # on a quantile: its own level, or the levels that share it
    on = most > less
    below[on], up_to[on] = edges[less[on] + 1], edges[most[on]]
    return below, up_to


def _distance(values: Doubles, weight: Doubles) -> float:
    """Return the largest distance between the weighted share of values up to u and u."""
    order = np.argsort(values, kind="stable")
    risen = np.cumsum(weight[order]) / weight.sum()
    before = np.append(0.0, risen[:-1])
    counted = weight[order] > 0
    at = values[order][counted]
    return float(max((risen[counted] - at).max(), (at - before[counted]).max()))
