"""Held-out predictions and their targets: scores by group, ranks, weights, and what to do where they are too few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._checks import rank_of, too_few_message
from mlcraft.uncertainty.conformal._forms import Form

__all__ = ["Calibrated", "Query", "kth", "kth_of_rows", "refuse_nan", "weighted_of_rows", "weighted_upper"]

Doubles = NDArray[np.float64]
ROUNDING = 1e-12  # of a sum of weights, relative
Index = Any  # what selects rows of an array: slice(None) where all count


@dataclass(frozen=True)
class Query:
    """What is known of new rows beside X: labels of their groups, and weights under a shift; None where not used."""

    groups: NDArray[Any] | None
    weight: Doubles | None

    def take(self, rows: Index) -> Query:
        """Return the query of some of the rows."""
        return Query(
            None if self.groups is None else self.groups[rows], None if self.weight is None else self.weight[rows]
        )


@dataclass(frozen=True)
class Calibrated:
    """
    Calibration rows, as predicted by models that did not see them.

    Attributes
    ----------
    form : Form
    predicted : ndarray of shape (n_samples,) or (n_samples, n_quantities)
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
        Labels of Mondrian groups.
    weight : ndarray of shape (n_samples,) or None
        Likelihood ratios of new rows to these, known up to a factor.
    too_few : {"raise", "infinite"}
    """

    form: Form
    predicted: NDArray[Any]
    y: Doubles
    groups: NDArray[Any] | None
    weight: Doubles | None
    too_few: str

    def __post_init__(self) -> None:
        if not np.isfinite(self.predicted).all():
            raise ValueError("the estimator predicts NaN or infinity for calibration rows: scores cannot be computed")
        self.form.ends(self.predicted, 0.5)  # refuses what the score cannot be made of

    def __len__(self) -> int:
        return len(self.y)

    def added(self, other: Calibrated, window: int | None) -> Calibrated:
        """Return these rows and later ones, the last `window` of them."""

        def joined(mine: Any, theirs: Any) -> Any:
            if mine is None:
                return None
            both = np.concatenate([mine, theirs])
            return both if window is None else both[-window:]

        return replace(
            self,
            predicted=joined(self.predicted, other.predicted),
            y=joined(self.y, other.y),
            groups=joined(self.groups, other.groups),
            weight=joined(self.weight, other.weight),
        )

    @cached_property
    def signed(self) -> Doubles:
        """Signed residuals, in units."""
        return self.form.signed(self.predicted, self.y)

    def scores(self, level: float) -> tuple[Doubles, Doubles]:
        """Return by how much each row moves the low and the high end."""
        return self.form.scores(self.predicted, self.y, level)

    def by_group(self, query: Query) -> Iterator[tuple[Index, Index, Any]]:
        """
        Yield new rows, the calibration rows that count for them, and their group.

        Parameters
        ----------
        query : Query

        Yields
        ------
        rows, own : index of rows
        label : object or None
        """
        if self.groups is None:
            yield slice(None), slice(None), None
            return
        assert query.groups is not None
        for label in dict.fromkeys(query.groups.tolist()):
            yield np.flatnonzero(query.groups == label), np.flatnonzero(self.groups == label), label

    def count(self, own: Index) -> int:
        """Return how many calibration rows an index selects."""
        return len(self.y) if isinstance(own, slice) else len(own)

    def rank(self, own: Index, tail: float, label: Any) -> int:
        """Return the rank of a quantile of the scores; n + 1 stands for infinity, where that is allowed."""
        n = self.count(own)
        rank = rank_of(n, tail)
        if rank > n:
            self.refuse_infinite(n, tail, label)
        return rank

    def refuse_infinite(self, n: int, tail: float, label: Any) -> None:
        """Raise unless infinite intervals are wanted."""
        if self.too_few == "raise":
            raise ValueError(too_few_message(n, tail, "intervals", label))

    def refuse_heavy(self, ends: Doubles) -> None:
        """Raise where weights leave too little of the calibration rows, unless infinite intervals are wanted."""
        if self.too_few == "raise" and not np.isfinite(ends).all():
            rows = int(np.sum(~np.isfinite(ends)))
            raise ValueError(
                f"{rows} of {len(ends)} new rows weigh so much beside the calibration rows that no finite interval has "
                "this level: such rows were hardly seen. Bound the weights, ask for a lower level, or say "
                "too_few='infinite'."
            )


def refuse_nan(predicted: NDArray[Any]) -> None:
    """Raise where there is no prediction, around which an interval or a distribution could lie."""
    if np.isnan(predicted).any():
        raise ValueError("the estimator predicts NaN for some of the rows: there is no interval around it")


def kth(values: Doubles, rank: int) -> float:
    """Return the rank-th smallest value; -inf for rank 0, inf past the last."""
    if rank <= 0:
        return -np.inf
    return float(np.partition(values, rank - 1)[rank - 1]) if rank <= len(values) else np.inf


def kth_of_rows(values: Doubles, ranks: list[int]) -> Doubles:
    """Return the rank-th smallest of each row, for several ranks, of shape (n_rows, n_ranks)."""
    n = values.shape[1]
    found = np.empty((len(values), len(ranks)))
    inside = sorted({rank - 1 for rank in ranks if 0 < rank <= n})
    ordered = np.partition(values, inside, axis=1) if inside else values
    for column, rank in enumerate(ranks):
        found[:, column] = ordered[:, rank - 1] if 0 < rank <= n else (-np.inf if rank <= 0 else np.inf)
    return found


def weighted_upper(values: Doubles, weight: Doubles, new: Doubles, tail: float) -> Doubles:
    """
    Return for each new row the weighted quantile of the scores, with the row's own weight at infinity.

    The smallest value whose cumulated weight is at least ``tail (sum(weight) + new)`` (Tibshirani et al. 2019).

    Parameters
    ----------
    values, weight : ndarray of shape (n_samples,)
    new : ndarray of shape (n_rows,)
    tail : float

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weight[order])
    total = cumulated[-1] if len(cumulated) else 0.0
    place = np.searchsorted(cumulated, tail * (total + new) * (1.0 - ROUNDING))
    return np.append(values[order], np.inf)[place]


def weighted_of_rows(values: Doubles, weight: Doubles, new: Doubles, tail: float) -> Doubles:
    """
    Return `weighted_upper` for values that differ from row to row, of shape (n_rows,).

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_samples)
    weight : ndarray of shape (n_samples,)
    new : ndarray of shape (n_rows,)
    tail : float
    """
    if values.shape[1] == 0:
        return np.full(len(values), np.inf)
    order = np.argsort(values, axis=1, kind="stable")
    cumulated = np.cumsum(weight[order], axis=1)
    wanted = tail * (float(weight.sum()) + new) * (1.0 - ROUNDING)
    place = np.sum(cumulated < wanted[:, np.newaxis], axis=1)
    rows = np.arange(len(values))
    inside = np.minimum(place, values.shape[1] - 1)
    return np.where(place < values.shape[1], values[rows, order[rows, inside]], np.inf)
