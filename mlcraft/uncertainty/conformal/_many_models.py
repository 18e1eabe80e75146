"""As many models as rows or folds: jackknife+, jackknife-minmax, CV+, jackknife+-after-bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from mlcraft.uncertainty.conformal._calibrated import (
    Calibrated,
    Query,
    kth,
    kth_of_rows,
    refuse_nan,
    weighted_of_rows,
    weighted_upper,
)

__all__ = ["ManyModels", "Units"]

Doubles = NDArray[np.float64]
BLOCK_BYTES = 2**23  # several arrays of this size at a time


class Units(Protocol):
    """Spreads that follow from X, not from the fit to a target."""

    own: Doubles  # (n_samples,) of each row, without it

    def at(self, X: Any) -> Doubles:
        """Return the spreads of new rows, for the design without each row: (n_rows, n_samples), or (n_rows, 1)."""

    def full(self, X: Any) -> Doubles:
        """Return the spreads of new rows for the whole design, of shape (n_rows,)."""


class ManyModels:
    """
    Ends of the intervals are ranks among the predictions of all models, each moved by the scores of rows it lacks.

    For row i that the model mu_i did not see, with score r_i: the upper end at x is the ceil(level (n + 1))-th
    smallest of ``mu_i(x) + r_i`` (Barber, Candes, Ramdas and Tibshirani 2021).

    Parameters
    ----------
    left : LeftOut
    calibrated : Calibrated
        Of all rows, by `left.held_out`.
    units : Units or None
    minmax : bool
        Whether ends are the extreme predictions moved by a quantile of the scores.
    """

    def __init__(self, left: Any, calibrated: Calibrated, units: Units | None, minmax: bool) -> None:
        self.left = left
        self.calibrated = calibrated
        self.units = units
        self.minmax = minmax

    def intervals(self, X: Any, levels: Doubles, query: Query) -> Doubles:
        """Return lower and upper ends, of shape (n_rows, 2, n_levels)."""
        found = self.calibrated
        if found.form.plain and found.weight is None:
            return self._plain_intervals(X, levels, query)
        ends = np.empty((_length(X), 2, len(levels)))
        for block, predicted in self._blocks(X):
            for which, level in enumerate(levels.tolist()):
                low_end, high_end, unit = found.form.ends(predicted, level)
                part = query.take(block)
                for rows, own, label in found.by_group(part):
                    pick = (rows, slice(None)) if isinstance(own, slice) else (rows[:, np.newaxis], own)
                    picked = low_end[pick], high_end[pick], None if unit is None else unit[pick]
                    low, high = self._ends_of_rows(picked, level, own, part.take(rows), label)
                    where = np.arange(block.start, block.stop)[rows]
                    ends[where, 0, which], ends[where, 1, which] = low, high
        return ends

    def _ends_of_rows(
        self, ends: tuple[Any, Any, Any], level: float, own: Any, query: Query, label: Any
    ) -> tuple[Doubles, Doubles]:
        found = self.calibrated
        low_end, high_end, unit = ends
        low, high = (score[own] for score in found.scores(level))
        n, tail = len(low), found.form.tail(level)
        weighted = found.weight is not None and query.weight is not None
        rank = n + 1 if n == 0 else 0 if weighted else found.rank(own, tail, label)
        if n == 0:
            found.refuse_infinite(n, tail, label)
        if rank > n:
            return np.full(len(low_end), -np.inf), np.full(len(low_end), np.inf)
        if self.minmax and weighted:
            low = -weighted_upper(-low, found.weight[own], query.weight, tail)[:, np.newaxis]  # type: ignore[index, arg-type]
            high = weighted_upper(high, found.weight[own], query.weight, tail)[:, np.newaxis]  # type: ignore[index, arg-type]
            found.refuse_heavy(high)
        elif self.minmax:
            low, high = kth(low, n + 1 - rank), kth(high, rank)
        if unit is not None:
            low, high = low * unit, high * unit
        below, above = low_end + low, high_end + high
        if self.minmax:
            return below.min(axis=1), above.max(axis=1)
        if weighted:
            weight = found.weight[own]  # type: ignore[index]  # known from `weighted`
            lower = -weighted_of_rows(-below, weight, query.weight, tail)  # type: ignore[arg-type]
            upper = weighted_of_rows(above, weight, query.weight, tail)  # type: ignore[arg-type]
            found.refuse_heavy(upper)
            return lower, upper
        return kth_of_rows(below, [n + 1 - rank])[:, 0], kth_of_rows(above, [rank])[:, 0]

    def _plain_intervals(self, X: Any, levels: Doubles, query: Query) -> Doubles:
        """Select in the engine, where models of least squares have a closed form."""
        from mlcraft.uncertainty.left_out import order_bounds

        found = self.calibrated
        ends = np.empty((_length(X), 2, len(levels)))
        low, high = found.scores(0.5)
        tails = [found.form.tail(level) for level in levels.tolist()]
        for rows, own, label in found.by_group(query):
            ranks = [found.rank(own, tail, label) for tail in tails]
            n = found.count(own)
            if n == 0:
                ends[rows, 0], ends[rows, 1] = -np.inf, np.inf
                continue
            wanted = X if isinstance(rows, slice) else _safe_indexing(X, rows)
            subset = None if isinstance(own, slice) else own
            if not self.minmax:
                low_rank = [n + 1 - rank for rank in ranks]
                ends[rows] = order_bounds(self.left, wanted, low, high, low_rank, ranks, subset=subset)
                continue
            zero = np.zeros(len(low))
            extremes = order_bounds(self.left, wanted, zero, zero, [1], [n], subset=subset)
            for which, rank in enumerate(ranks):
                ends[rows, 0, which] = extremes[:, 0, 0] + kth(low[own], n + 1 - rank)
                ends[rows, 1, which] = extremes[:, 1, 0] + kth(high[own], rank)
        return ends

    def cdf(self, X: Any, y: Doubles, tau: Any, query: Query) -> Doubles:
        """Return the cross-conformal predictive distribution at y, of shape (n_rows, n_points), as y."""
        answer = np.empty(y.shape)
        taus = np.broadcast_to(tau, (len(y), 1))
        for block, values in self._candidates(X):
            part = query.take(block)
            for rows, own, _ in self.calibrated.by_group(part):
                where = np.arange(block.start, block.stop)[rows]
                points = values[rows] if isinstance(own, slice) else values[rows][:, own]
                weight, new, total = self._weights(own, part.take(rows))
                for column in range(y.shape[1]):
                    at = y[where, column, np.newaxis]
                    below, upto = _weight_of(points < at, weight), _weight_of(points <= at, weight)
                    answer[where, column] = (below + taus[where, 0] * (upto - below + new)) / (total + new)
        return answer

    def quantiles(self, X: Any, q: Doubles, side: str, query: Query) -> Doubles:
        """Return quantiles of the cross-conformal predictive distribution, of shape (n_rows, n_quantiles)."""
        found = self.calibrated
        sign = 1.0 if side == "upper" else -1.0
        tails = [value if side == "upper" else 1.0 - value for value in q.tolist()]
        answer = np.empty((_length(X), len(q)))
        for block, values in self._candidates(X):
            part = query.take(block)
            for rows, own, label in found.by_group(part):
                where = np.arange(block.start, block.stop)[rows]
                points = sign * (values[rows] if isinstance(own, slice) else values[rows][:, own])
                new = part.take(rows).weight
                if found.weight is None or new is None:
                    answer[where] = sign * kth_of_rows(points, [found.rank(own, tail, label) for tail in tails])
                    continue
                for which, tail in enumerate(tails):
                    upper = weighted_of_rows(points, found.weight[own], new, tail)
                    found.refuse_heavy(upper)
                    answer[where, which] = sign * upper
        return answer

    def _weights(self, own: Any, query: Query) -> tuple[Doubles | None, Any, float]:
        """Return weights of calibration rows (None: one each), of the new rows, and the sum of the former."""
        if self.calibrated.weight is None or query.weight is None:
            return None, 1.0, float(self.calibrated.count(own))
        weight = self.calibrated.weight[own]
        return weight, query.weight, float(weight.sum())

    def _candidates(self, X: Any) -> Iterator[tuple[slice, Doubles]]:
        """Yield what each left-out row says y might be, of shape (n_rows, n_samples)."""
        found = self.calibrated
        for block, predicted in self._blocks(X):
            centre, _, unit = found.form.ends(predicted, 0.5)
            yield block, centre + (found.signed if unit is None else unit * found.signed)

    def _blocks(self, X: Any) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Yield predictions with a column for each row left out, in blocks that fit into a few megabytes."""
        member = self.left.member
        n = len(self.calibrated)
        size = max(1, BLOCK_BYTES // (8 * n))
        for rows, predicted in self.left.blocks(X, max_bytes=BLOCK_BYTES):
            refuse_nan(predicted)
            for start in range(0, len(predicted), size):
                part = predicted[start : start + size]
                if member is not None and self.left.n_models != n:
                    part = part[:, member]
                block = slice(rows.start + start, rows.start + start + len(part))
                if self.units is not None:
                    unit = self.units.at(_safe_indexing(X, np.arange(block.start, block.stop)))
                    part = np.stack(np.broadcast_arrays(part, unit), axis=-1)
                yield block, part


def _weight_of(chosen: NDArray[np.bool_], weight: Doubles | None) -> NDArray[Any]:
    found: NDArray[Any] = np.count_nonzero(chosen, axis=1) if weight is None else chosen @ weight
    return found


def _length(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
