"""Parts of the rows by columns, and how their loss compares with that of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

__all__ = ["Cut", "Found", "compared", "cut", "search"]

Doubles = NDArray[np.float64]
LEVELS = 20  # commonest categories of a column that are looked at
FEW_VALUES = 6  # of a number, that are categories
PARTS = 4  # that other numbers are cut into
PAIRED = 12  # columns that are looked at two by two


@dataclass(frozen=True)
class Cut:
    """A column cut into parts: the part of each row, -1 for none, and what the parts are called."""

    name: str
    codes: NDArray[np.intp]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A part of the rows whose loss was compared with that of all others."""

    label: str
    parents: tuple[str, ...]  # of a part by two columns: the parts by one that it lies in
    rows: NDArray[np.bool_]
    n: int
    loss: float
    difference: float
    error: float
    p_value: float  # that it is no worse than the rest


def cut(name: str, values: NDArray[Any], n_parts: int = PARTS) -> Cut:
    """
    Cut a column: categories as they are (the commonest), numbers at their quantiles.

    Parameters
    ----------
    name : str
    values : ndarray of shape (n_samples,)
        Numbers as float64, or objects; what is missing makes a part of its own.
    n_parts : int, default=4

    Returns
    -------
    Cut
    """
    if values.dtype.kind != "f":
        text = np.array(["missing" if v is None or v != v else str(v) for v in values.tolist()])
        levels, codes, counts = np.unique(text, return_inverse=True, return_counts=True)
        kept = np.sort(np.argsort(-counts, kind="stable")[:LEVELS])
        place = np.full(len(levels), -1)
        place[kept] = np.arange(len(kept))
        return Cut(name, place[codes], tuple(f"{name} = {levels[k]}" for k in kept))
    present = ~np.isnan(values)
    distinct = np.unique(values[present])
    codes = np.full(len(values), -1)
    if len(distinct) <= FEW_VALUES:
        labels = [f"{name} = {value:g}" for value in distinct]
        codes[present] = np.searchsorted(distinct, values[present])
    else:
        edges = np.unique(np.quantile(values[present], np.arange(1, n_parts) / n_parts))
        labels = [f"{name} < {edges[0]:.4g}"]
        labels += [f"{low:.4g} <= {name} < {high:.4g}" for low, high in pairwise(edges)]
        labels += [f"{name} >= {edges[-1]:.4g}"]
        codes[present] = np.searchsorted(edges, values[present], side="right")
    if not present.all():
        codes[~present] = len(labels)
        labels.append(f"{name} is missing")
    return Cut(name, codes, tuple(labels))


def compared(loss: Doubles, weight: Doubles, codes: NDArray[np.intp], count: int, groups: Any = None) -> Doubles:
    """
    Compare the mean loss of each part with that of all other rows.

    Welch's test with the linearised variances of weighted means, each part and its complement taken for independent;
    with groups, sums over groups are what varies.

    Parameters
    ----------
    loss, weight : ndarray of shape (n_samples,)
    codes : ndarray of shape (n_samples,)
        Parts from 0 on; -1 for rows that are in none.
    count : int
        Number of parts.
    groups : ndarray of shape (n_samples,) or None
        Codes.

    Returns
    -------
    ndarray of shape (5, count)
        Rows, mean loss, difference to the rest, its standard error, one-sided p-value.
    """
    inside = (codes >= 0) & (weight > 0)
    place, w, value = codes[inside], weight[inside], loss[inside]
    n = np.bincount(place, minlength=count).astype(float)
    total = np.bincount(place, w, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, w * value, count) / total
        all_weight, all_loss = weight.sum(), weight @ loss
        rest = (all_loss - mean * total) / (all_weight - total)
        off = w * (value - mean[place])
        if groups is None:
            units, squares = n, np.bincount(place, off**2, count)
        else:
            keys, inverse = np.unique(place * (groups.max() + 1) + groups[inside], return_inverse=True)
            sums, owner = np.bincount(inverse, off), keys // (groups.max() + 1)
            units, squares = np.bincount(owner, minlength=count).astype(float), np.bincount(owner, sums**2, count)
        own = squares * units / (units - 1) / total**2
        # of the rest: its sum of squares is that of all rows about the mean of the rest, less that of the part
        first, second = weight**2 @ loss, weight**2 @ loss**2
        shares = np.bincount(place, w**2, count), np.bincount(place, w**2 * value, count)
        seconds = np.bincount(place, w**2 * value**2, count)
        about = (second - seconds) - 2 * rest * (first - shares[1]) + rest**2 * (weight @ weight - shares[0])
        inflated = 1.0 if groups is None else len(weight) / (groups.max() + 1)
        error = np.sqrt(own + inflated * np.maximum(about, 0) / (all_weight - total) ** 2)
        difference = mean - rest
        p = np.where(error > 0, stdtr(np.maximum(units - 1, 1), -difference / error), np.nan)
    return np.vstack([n, mean, difference, error, p])


def search(
    cuts: list[Cut], loss: Doubles, weight: Doubles, smallest: int, groups: Any = None
) -> tuple[list[Found], int]:
    """
    Compare all parts by one column and by two, of at least some rows and at most half of them.

    Parameters
    ----------
    cuts : list of Cut
    loss, weight : ndarray of shape (n_samples,)
    smallest : int
        Rows that a part has at least.
    groups : ndarray of shape (n_samples,) or None
        Codes.

    Returns
    -------
    found : list of Found
        Parts that are worse than the rest, by p-value.
    looked_at : int
        How many were compared, for the correction.
    """
    found: list[Found] = []
    looked_at = 0
    strength: dict[str, float] = {}
    for one in cuts:
        table = compared(loss, weight, one.codes, len(one.labels), groups)
        usable = _usable(table, smallest, len(loss))
        looked_at += int(usable.sum())
        strength[one.name] = float(np.nanmin(np.where(usable, table[4], 1.0), initial=1.0))
        found += _kept(one.labels, [()] * len(one.labels), one.codes, table, usable)
    strongest = sorted(cuts, key=lambda one: strength[one.name])[:PAIRED]
    for first, second, codes in _pairs(strongest):
        labels = [f"{a} and {b}" for a in first.labels for b in second.labels]
        parents = [(a, b) for a in first.labels for b in second.labels]
        table = compared(loss, weight, codes, len(labels), groups)
        usable = _usable(table, smallest, len(loss))
        looked_at += int(usable.sum())
        found += _kept(tuple(labels), parents, codes, table, usable)
    return sorted(found, key=lambda one: one.p_value), looked_at


def _usable(table: Doubles, smallest: int, n: int) -> NDArray[np.bool_]:
    return np.asarray((table[0] >= smallest) & (table[0] <= n / 2) & np.isfinite(table[4]))


def _kept(labels: Any, parents: Any, codes: Any, table: Doubles, usable: Any, most: float = 0.05) -> list[Found]:
    """Return what could be of interest: worse than the rest, before any correction."""
    return [
        Found(labels[k], parents[k], codes == k, int(table[0, k]), *(float(v) for v in table[1:, k]))
        for k in np.flatnonzero(usable & (table[2] > 0) & (table[4] < most))
    ]


def _pairs(cuts: list[Cut]) -> Iterator[tuple[Cut, Cut, NDArray[np.intp]]]:
    for first, second in combinations(cuts, 2):
        both = (first.codes >= 0) & (second.codes >= 0)
        yield first, second, np.where(both, first.codes * len(second.labels) + second.codes, -1)
