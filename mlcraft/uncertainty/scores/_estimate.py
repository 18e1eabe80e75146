"""A number estimated from rows, with its interval: what every score returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from mlcraft.uncertainty._intervals import checked_level, half_width, with_notes
from mlcraft.uncertainty._rows import renumbered

__all__ = [
    "Estimate",
    "binomial_estimate",
    "checked_clusters",
    "checked_row_weights",
    "effective_size",
    "mean_estimate",
]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """
    A number estimated from rows, and the interval that says how well the rows tell it.

    Attributes
    ----------
    value : float
        The estimate.
    lower, upper : float
        Confidence interval of what it estimates.
    level : float
        Confidence level of the interval.
    n : int
        Rows that counted: those of positive weight.
    name : str
        What was estimated.
    method : str
        How the interval was made.
    notes : tuple of str
        What to know before using it.
    values : ndarray of shape (n_samples,) or None
        The numbers of single rows that `value` is the mean of, for plots and for comparisons: the mean difference of
        two scores on the same rows is ``mean_estimate(a.values - b.values)``.

    Examples
    --------
    >>> from mlcraft.uncertainty.scores import Estimate
    >>> found = Estimate(0.91, 0.87, 0.94, 0.95, 200, "coverage")
    >>> print(found)
    coverage 0.91 [0.87, 0.94]
    >>> float(found), 0.9 in found, 0.95 in found
    (0.91, True, False)
    """

    value: float
    lower: float
    upper: float
    level: float
    n: int
    name: str = ""
    method: str = ""
    notes: tuple[str, ...] = ()
    values: Doubles | None = field(default=None, repr=False, compare=False)

    def __float__(self) -> float:
        return self.value

    def __contains__(self, value: float) -> bool:
        """Tell whether a value lies in the interval: whether the rows agree with it."""
        return bool(self.lower <= value <= self.upper)

    def __str__(self) -> str:
        text = f"{self.name} {self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}]"
        return with_notes(text.strip(), self.notes)


def mean_estimate(
    values: Any,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    name: str = "mean",
    notes: tuple[str, ...] = (),
) -> Estimate:
    """
    Estimate a mean over rows.

    The interval is that of Student's t with the linearised variance of a weighted mean,
    ``c / (c - 1) sum_g (sum_{i in g} w_i (v_i - m))^2 / (sum w)^2`` over c clusters; each row is one if none are given.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        One number for each row.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts; rows of weight zero are missing. Only ratios matter.
    clusters : array-like of shape (n_samples,), default=None
        Labels of rows that go together (a patient, a day): only clusters are independent then.
    level : float, default=0.95
        Confidence level.
    name : str, default="mean"
    notes : tuple of str, default=()

    Returns
    -------
    Estimate
        From a single row or cluster the interval is infinite. Where values are infinite, so are the mean and both ends.

    Raises
    ------
    ValueError
        If a value is NaN, the weights do not fit, or no row counts.

    Examples
    --------
    >>> from mlcraft.uncertainty.scores import mean_estimate
    >>> print(mean_estimate([1.0, 2.0, 3.0, 4.0]))
    mean 2.5 [0.4457, 4.554]
    """
    checked_level(level)
    values = np.asarray(values, dtype=np.float64)
    weight = checked_row_weights(sample_weight, len(values))
    codes = checked_clusters(clusters, len(values))
    counted = weight > 0
    n = int(np.count_nonzero(counted))
    if np.isnan(values[counted]).any():
        raise ValueError(f"{name}: {np.count_nonzero(np.isnan(values[counted]))} values are NaN; leave their rows out")
    if not np.isfinite(values[counted]).all():
        with np.errstate(invalid="ignore"):
            value = float(values[counted].sum())
        many = np.count_nonzero(~np.isfinite(values[counted]))
        more = f"{many} of {n} values are infinite; the median of all is {np.median(values[counted]):.4g}"
        return Estimate(value, value, value, level, n, name, "infinite", (*notes, more), values)
    share = weight / weight.sum()
    value = float(share[counted] @ values[counted])
    error, independent = _standard_error(values, share, codes, value)
    half = float(half_width(level, independent - 1.0) * error) if independent > 1 else np.inf
    method = "t" if codes is None else f"t over {independent} clusters"
    return Estimate(value, value - half, value + half, level, n, name, method, notes, values)


def binomial_estimate(
    hits: Any,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    name: str = "share",
    method: str = "wilson",
    notes: tuple[str, ...] = (),
) -> Estimate:
    """
    Estimate a share of rows.

    Parameters
    ----------
    hits : array-like of bool of shape (n_samples,)
        Which rows have what is counted.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts; rows of weight zero are missing.
    clusters : array-like of shape (n_samples,), default=None
        Labels of rows that go together.
    level : float, default=0.95
        Confidence level.
    name : str, default="share"
    method : {"wilson", "exact"}, default="wilson"
        The interval of Wilson's score test [1]_, or that of Clopper and Pearson, which covers at least as often as it
        says. With weights or clusters the rows count as the number of equal, independent ones whose share would vary as
        much [2]_.
    notes : tuple of str, default=()

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If the method is unknown, the weights do not fit, or no row counts.

    References
    ----------
    .. [1] Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22, 209-212.
    .. [2] Korn and Graubard (1998), Confidence intervals for proportions with small expected number of positive counts
       estimated from survey data, Survey Methodology 24, 193-201.

    Examples
    --------
    >>> from mlcraft.uncertainty.scores import binomial_estimate
    >>> print(binomial_estimate([True] * 9 + [False]))
    share 0.9 [0.5958, 0.9821]
    >>> print(binomial_estimate([True] * 9 + [False], method="exact"))
    share 0.9 [0.555, 0.9975]
    """
    checked_level(level)
    if method not in ("wilson", "exact"):
        raise ValueError(f"method must be 'wilson' or 'exact', got {method!r}")
    hits = np.asarray(hits, dtype=bool)
    weight = checked_row_weights(sample_weight, len(hits))
    codes = checked_clusters(clusters, len(hits))
    n = int(np.count_nonzero(weight))
    share = weight / weight.sum()
    value = float(np.clip(share[hits].sum(), 0.0, 1.0)) if not hits[weight > 0].all() else 1.0
    values = hits.astype(np.float64)
    size, df = effective_size(values, share, codes, value)
    lower, upper = _wilson(value, size, level, df) if method == "wilson" else _exact(value, size, level, df)
    said = method if sample_weight is None and codes is None else f"{method}, as {size:.4g} independent rows"
    return Estimate(value, lower, upper, level, n, name, said, notes, values)


def effective_size(hits: Doubles, share: Doubles, codes: NDArray[np.intp] | None, value: float) -> tuple[float, float]:
    """
    Return of how many equal, independent rows a share would vary as much.

    Parameters
    ----------
    hits : ndarray of shape (n_samples,)
        Zeros and ones.
    share : ndarray of shape (n_samples,)
        Weights that sum to one.
    codes : ndarray of shape (n_samples,) or None
        Clusters.
    value : float
        The share.

    Returns
    -------
    size : float
    df : float
        Degrees of freedom of the variance: clusters less one, or infinite.
    """
    if codes is None:
        return 1.0 / float(share @ share), np.inf
    error, independent = _standard_error(hits, share, codes, value)
    # a share of nothing or all varies by nothing: then clusters count, not rows
    if not error > 0 or independent < 2:
        sums = np.bincount(codes, share)
        return 1.0 / float(sums @ sums), independent - 1.0
    return value * (1.0 - value) / error**2, independent - 1.0


def _wilson(value: float, size: float, level: float, df: float) -> tuple[float, float]:
    if not df > 0:
        return 0.0, 1.0
    z = float(half_width(level, df))
    scale = 1.0 + z * z / size
    middle = (value + z * z / (2.0 * size)) / scale
    half = z * np.sqrt(value * (1.0 - value) / size + (z / (2.0 * size)) ** 2) / scale
    # at the ends the formula is 0 and 1 but for rounding
    return (0.0 if value == 0 else max(0.0, middle - half)), (1.0 if value == 1 else min(1.0, middle + half))


def _exact(value: float, size: float, level: float, df: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    if not df > 0:
        return 0.0, 1.0
    if np.isfinite(df):  # a normal quantile would trust few clusters too much
        size *= float(half_width(level, np.inf) / half_width(level, df)) ** 2
    tail, hits = 0.5 - 0.5 * level, value * size
    lower = 0.0 if value == 0 else float(betaincinv(hits, size - hits + 1.0, tail))
    upper = 1.0 if value == 1 else float(betaincinv(hits + 1.0, size - hits, 1.0 - tail))
    return lower, upper


def _standard_error(values: Doubles, share: Doubles, codes: NDArray[np.intp] | None, value: float) -> tuple[float, int]:
    """Return the standard error of a weighted mean, and how many independent parts it comes from."""
    counted = share > 0
    parts = share * np.where(counted, values - value, 0.0)  # a value that does not count may be infinite
    independent = int(np.count_nonzero(counted))
    if codes is not None:
        parts = np.asarray(np.bincount(codes, parts), dtype=np.float64)
        independent = len(np.unique(codes[counted]))
    factor = independent / (independent - 1.0) if independent > 1 else np.nan
    largest = float(np.abs(parts).max()) or 1.0  # squares of large numbers overflow
    parts = parts / largest
    return float(largest * np.sqrt(factor * (parts @ parts))), independent


def checked_row_weights(sample_weight: Any, n: int) -> Doubles:
    """
    Return weights of rows in float64; ones if there are none.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    n : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If there are no rows, or weights are not finite, negative, all zero or of another number.
    """
    if n == 0:
        raise ValueError("there are no rows to score")
    if sample_weight is None:
        return np.ones(n)
    weight: Doubles = column_or_1d(np.asarray(sample_weight, dtype=np.float64))
    if len(weight) != n:
        raise ValueError(f"sample_weight must hold one weight for each of the {n} rows, got {len(weight)}")
    if not np.isfinite(weight).all() or (weight < 0).any():
        wrong = int(np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))[0])
        raise ValueError(f"sample_weight must be finite and not negative, got {weight[wrong]} for row {wrong}")
    if not weight.any():
        raise ValueError("sample_weight is zero for every row: at least one must count")
    return weight


def checked_clusters(clusters: Any, n: int) -> NDArray[np.intp] | None:
    """
    Return the cluster of each row as a number from zero on, None where there are none.

    Parameters
    ----------
    clusters : array-like of shape (n_samples,) or None
    n : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If their number is another.
    """
    if clusters is None:
        return None
    labels = column_or_1d(clusters)
    if len(labels) != n:
        raise ValueError(f"clusters must hold one label for each of the {n} rows, got {len(labels)}")
    return renumbered(np.asarray(labels))
