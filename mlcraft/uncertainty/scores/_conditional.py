"""Coverage by groups of rows: where intervals fail although they hold on average."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from mlcraft.uncertainty._table import text_table
from mlcraft.uncertainty.scores._checks import checked_bounds, checked_nominal
from mlcraft.uncertainty.scores._estimate import (
    Estimate,
    binomial_estimate,
    checked_clusters,
    checked_row_weights,
    effective_size,
)
from mlcraft.uncertainty.scores._sets import held

__all__ = ["ConditionalCoverage", "conditional_coverage", "conditional_set_coverage"]

Doubles = NDArray[np.float64]
FEW_VALUES = 20  # of whole numbers that are groups of their own


@dataclass(frozen=True)
class ConditionalCoverage:
    """
    Coverage in groups of rows.

    Attributes
    ----------
    groups : tuple of str
        Names of the groups; of bins their ranges.
    estimates : tuple of Estimate
        Coverage in each group.
    overall : Estimate
        Coverage of all rows.
    nominal : float or None
        The level that was promised.
    statistic, df, p_value : float
        Chi-square test that all groups have the coverage `nominal`, or where that is None, the same one. It takes all
        groups together; of many, one may be off by chance.
    by : str
        What the groups were made of, where it has a name.
    """

    groups: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    overall: Estimate
    nominal: float | None
    statistic: float
    df: float
    p_value: float
    by: str = ""

    @property
    def worst(self) -> tuple[str, Estimate]:
        """The group with the lowest coverage."""
        place = int(np.argmin([found.value for found in self.estimates]))
        return self.groups[place], self.estimates[place]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each group."""
        import pandas as pd

        columns = {name: [getattr(found, key) for found in self.estimates] for key, name in _COLUMNS.items()}
        return pd.DataFrame(columns, index=pd.Index(self.groups, name=self.by or None))

    def __str__(self) -> str:
        names, rows = [*self.groups, "all"], [*self.estimates, self.overall]
        cells = [[f"{row.value:.4g}", f"[{row.lower:.4g}, {row.upper:.4g}]", str(row.n)] for row in rows]
        same = "the same coverage everywhere" if self.nominal is None else f"a coverage of {self.nominal:g} everywhere"
        table = text_table(names, ["coverage", f"{100 * self.overall.level:g} % interval", "rows"], cells)
        return f"{table}\n{same}: chi2({self.df:g}) = {self.statistic:.4g}, p = {self.p_value:.4g}"


_COLUMNS = {"value": "coverage", "lower": "lower", "upper": "upper", "n": "n"}


def conditional_coverage(
    y: Any,
    lower: Any,
    upper: Any = None,
    by: Any = None,
    *,
    bins: int | Any = 5,
    nominal: float | None = None,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    simultaneous: bool = False,
) -> ConditionalCoverage:
    """
    Estimate how often intervals hold y in groups of rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came.
    lower : array-like of shape (n_samples,), or (n_samples, 2)
        Lower bounds, or both.
    upper : array-like of shape (n_samples,), default=None
        Upper bounds.
    by : array-like of shape (n_samples,)
        What groups the rows: labels, or numbers that are cut into bins. A column of X shows where in X the intervals
        fail, ``upper - lower`` whether the wide ones are wide enough.
    bins : int or array-like of edges, default=5
        Into how many bins of equally many rows numbers are cut, or at which edges. Whole numbers with at most 20 values
        are groups of their own unless edges are given.
    nominal : float, default=None
        The level that the intervals were made for; the test compares with it.
    sample_weight, clusters
        As for `coverage`.
    level : float, default=0.95
        Confidence level of the estimates.
    simultaneous : bool, default=False
        Whether `level` holds for all groups at once (Šidák): then no group of many is off by chance more often than the
        level says.

    Returns
    -------
    ConditionalCoverage

    Raises
    ------
    ValueError
        If shapes do not agree, or something is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import conditional_coverage
    >>> x = np.linspace(0, 1, 400)
    >>> y = x * np.random.default_rng(0).standard_normal(400)  # noise grows with x, intervals do not
    >>> print(conditional_coverage(y, np.full(400, -0.95), np.full(400, 0.95), x, bins=3, nominal=0.9))
                    coverage     95 % interval  rows
    0 to 0.333             1       [0.9719, 1]   133
    0.333 to 0.667    0.9323   [0.8764, 0.964]   133
    0.667 to 1         0.806   [0.7309, 0.864]   134
    all               0.9125  [0.8807, 0.9364]   400
    a coverage of 0.9 everywhere: chi2(3) = 29.49, p = 1.77e-06
    """
    y, lower, upper = checked_bounds(y, lower, upper)
    return _by_group(
        (lower <= y) & (y <= upper), by, bins, nominal, sample_weight, clusters, level, simultaneous=simultaneous
    )


def conditional_set_coverage(
    y: Any,
    sets: Any,
    classes: Any = None,
    by: Any = None,
    *,
    bins: int | Any = 5,
    nominal: float | None = None,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    simultaneous: bool = False,
) -> ConditionalCoverage:
    """
    Estimate how often prediction sets hold the label in groups of rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels that came.
    sets : array-like of bool of shape (n_samples, n_classes)
        Which classes are in each set.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `sets`. Default: 0, 1, ...
    by : array-like of shape (n_samples,), default=None
        What groups the rows, as for `conditional_coverage`. Default: the labels, class by class;
        ``set_size(sets).values`` groups by the size of the set.
    bins, nominal, sample_weight, clusters, level, simultaneous
        As for `conditional_coverage`.

    Returns
    -------
    ConditionalCoverage

    Raises
    ------
    ValueError
        If shapes do not agree.

    Examples
    --------
    >>> from mlcraft.uncertainty import conditional_set_coverage
    >>> sets = [[True, False], [True, True], [False, True], [True, False]]
    >>> found = conditional_set_coverage(["no", "yes", "yes", "yes"], sets, ["no", "yes"])
    >>> found.groups, [round(one.value, 2) for one in found.estimates]
    (('no', 'yes'), [1.0, 0.67])
    """
    hits, _ = held(y, sets, classes)
    labels = np.asarray(column_or_1d(y)) if by is None else by
    found_bins = len(np.unique(labels)) if by is None else bins
    return _by_group(hits, labels, found_bins, nominal, sample_weight, clusters, level, simultaneous=simultaneous)


def _by_group(
    hits: NDArray[np.bool_],
    by: Any,
    bins: Any,
    nominal: float | None,
    sample_weight: Any,
    clusters: Any,
    level: float,
    *,
    simultaneous: bool,
) -> ConditionalCoverage:
    from scipy.special import chdtrc

    n = len(hits)
    codes, names = grouped(by, bins, n)
    weight = checked_row_weights(sample_weight, n)
    cluster = checked_clusters(clusters, n)
    overall = binomial_estimate(hits, sample_weight=sample_weight, clusters=clusters, level=level, name="coverage")
    members = [np.flatnonzero((codes == g) & (weight > 0)) for g in range(len(names))]
    present = [g for g, rows in enumerate(members) if len(rows)]
    each = level ** (1.0 / len(present)) if simultaneous else level
    estimates, sizes = [], []
    for g in present:
        rows = members[g]
        own = None if cluster is None else cluster[rows]
        some = None if sample_weight is None else weight[rows]
        estimates.append(binomial_estimate(hits[rows], sample_weight=some, clusters=own, level=each, name=names[g]))
        share = weight[rows] / weight[rows].sum()
        sizes.append(effective_size(hits[rows].astype(np.float64), share, own, estimates[-1].value)[0])
    values, size = np.array([found.value for found in estimates]), np.array(sizes)
    centre = float(size @ values / size.sum()) if nominal is None else checked_nominal(nominal)
    spread = centre * (1.0 - centre)
    statistic = float(size @ (values - centre) ** 2 / spread) if spread > 0 else 0.0
    df = float(len(present) - (nominal is None))
    p_value = float(chdtrc(df, statistic)) if df > 0 else 1.0
    shown = tuple(names[g] for g in present)
    return ConditionalCoverage(
        shown, tuple(estimates), overall, nominal, statistic, df, p_value, str(getattr(by, "name", None) or "")
    )


def _quantile_edges(values: NDArray[Any], bins: int) -> Doubles:
    with np.errstate(invalid="ignore"):
        edges = np.quantile(values, np.linspace(0, 1, bins + 1))
    # between two infinite values, or from a finite one to one of them, there is no way to go
    above = np.quantile(values, np.linspace(0, 1, bins + 1), method="higher")
    return np.unique(np.where(np.isfinite(edges), edges, above))


def grouped(by: Any, bins: Any, n: int) -> tuple[NDArray[np.intp], list[str]]:
    """
    Return the group of each row, and what the groups are called.

    Parameters
    ----------
    by : array-like of shape (n_samples,)
        Labels or numbers.
    bins : int or array-like of edges
        For numbers.
    n : int
        Number of rows.

    Returns
    -------
    codes : ndarray of shape (n_samples,)
    names : list of str

    Raises
    ------
    ValueError
        If there is not one value for each row, numbers are NaN, or the edges do not hold them.
    """
    if by is None:
        raise ValueError("by must be given: labels, or numbers to cut into bins, one for each row")
    values = np.asarray(column_or_1d(by))
    if len(values) != n:
        raise ValueError(f"by must hold one value for each of the {n} rows of y, got {len(values)}")
    if values.dtype == object:
        values = np.array([str(value) for value in values])
    if values.dtype.kind not in "iuf":
        labels, codes = np.unique(values, return_inverse=True)
        return codes.ravel(), [str(label) for label in labels]
    if np.isnan(values).any():
        raise ValueError(f"by is NaN in {np.count_nonzero(np.isnan(values))} rows; leave them out or give labels")
    labels, codes = np.unique(values, return_inverse=True)
    given = np.ndim(bins) == 1
    if not given and (len(labels) <= bins or (len(labels) <= FEW_VALUES and np.all(labels == np.round(labels)))):
        return codes.ravel(), [f"{label:g}" for label in labels]
    if not given and bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    edges = np.asarray(bins if given else _quantile_edges(values, int(bins)), float)
    if given and (len(edges) < 2 or (np.diff(edges) <= 0).any()):
        raise ValueError(f"bins, as edges, must be two increasing numbers or more, got {edges.tolist()}")
    if values.min() < edges[0] or values.max() > edges[-1]:
        raise ValueError(
            f"by lies between {values.min():g} and {values.max():g}, beyond the edges {edges[0]:g} to {edges[-1]:g}"
        )
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    digits = next((k for k in range(3, 17) if len({f"{edge:.{k}g}" for edge in edges}) == len(edges)), 17)
    return codes, [f"{a:.{digits}g} to {b:.{digits}g}" for a, b in pairwise(edges)]
