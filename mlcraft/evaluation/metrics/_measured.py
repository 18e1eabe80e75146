"""What an interval needs to know of a metric: its value, how each row moves it, and its values on resamples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft.evaluation.metrics._intervals import clopper_pearson, wilson

__all__ = ["Measured", "Resamples", "Rows", "column_resamples", "proportion", "spread_of"]

Doubles = NDArray[np.float64]
Ends = tuple[float, float]


class Rows(NamedTuple):
    """How rows count, and which of them belong together."""

    n_samples: int
    weight: Doubles | None
    groups: NDArray[np.intp] | None  # codes from 0

    @property
    def units(self) -> int:
        """Number of rows, or of groups, that are independent."""
        return self.n_samples if self.groups is None else int(self.groups.max()) + 1

    @property
    def shares(self) -> Doubles:
        """Weights that add up to one."""
        if self.weight is None:
            return np.full(self.n_samples, 1 / self.n_samples)
        return np.asarray(self.weight / self.weight.sum())


class Resamples(NamedTuple):
    """Which resamples: first, ..., first + number - 1 of a seed."""

    seed: int
    first: int
    number: int


@dataclass(frozen=True)
class Measured:
    """
    A metric of some rows.

    Attributes
    ----------
    value : float
    rows : Rows
    scale, bounds : str and (float, float)
        On which scale an interval is taken, and the range of the metric; see `normal_interval`.
    influence : ndarray of shape (n_samples,) or None
        How each row moves the metric: to first order the squares of the sums over units add up to its variance.
    error : float or None
        A standard error that is known better than from the influence, for rows that are independent.
    exact : dict of str to function of the level
        Intervals that do not lean on a standard error, by name.
    preferred : str
        The method that "auto" takes, one of `exact`, "delta", "delong" or "bootstrap".
    resample : function of Resamples, or None
        Values of the metric on resamples.
    """

    value: float
    rows: Rows
    scale: str
    bounds: Ends
    influence: Doubles | None = None
    error: float | None = None
    exact: dict[str, Callable[[float], Ends]] = field(default_factory=dict)
    preferred: str = "delta"
    resample: Callable[[Resamples], Doubles] | None = None


def spread_of(influence: Doubles, rows: Rows) -> float:
    """Return the standard error from the influence of rows, or of groups of them."""
    sums = influence if rows.groups is None else np.bincount(rows.groups, weights=influence)
    units = len(sums)
    if units < 2:
        return float("nan")
    return float(np.sqrt(np.sum(sums**2) * units / (units - 1)))


def proportion(rows: Rows, among: NDArray[np.bool_], hit: NDArray[np.bool_]) -> tuple[float, float, Doubles]:
    """
    Return the share of hits among some rows, as how many independent rows they count, and the influence of rows.

    Weights count as Kish's (1965) effective number; with groups the number is the one whose binomial variance is that
    between groups, and where that is 0 the number of groups.
    """
    weight = among.astype(np.float64) if rows.weight is None else among * rows.weight
    total = float(weight.sum())
    if total <= 0:
        return float("nan"), 0.0, np.zeros(rows.n_samples)
    share = float(weight @ hit / total)
    influence = weight * (hit - share) / total
    count = total * total / float(weight @ weight)
    if rows.groups is not None:
        error = spread_of(influence, rows)
        groups = len(np.unique(rows.groups[among]))
        count = share * (1 - share) / error**2 if error > 0 else float(groups)
    return share, count, influence


def proportion_intervals(share: float, count: float) -> dict[str, Callable[[float], Ends]]:
    """Return the intervals of a proportion by name."""
    if not count > 0:
        return {}
    return {
        "wilson": lambda level: wilson(share, count, level),
        "clopper-pearson": lambda level: clopper_pearson(share, count, level),
    }


def column_resamples(columns: Doubles, rows: Rows, which: Resamples) -> Doubles:
    """Return the sums of columns (n_samples, n_columns) over the rows that each resample draws: (number, n_columns)."""
    if rows.groups is not None:
        columns = np.column_stack([np.bincount(rows.groups, weights=column) for column in columns.T])
    return _core.resampled(0, None, columns, (which.seed, rows.units, None), (which.first, which.number))
