"""Levels that follow the misses of a series: one step size, or several and their weighted mean."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._checks import rank_of

__all__ = ["AGGREGATED", "Levels", "SortedScores"]

Doubles = NDArray[np.float64]
AGGREGATED = tuple(0.001 * 2.0**k for k in range(8))


class Levels:
    """
    The miscoverage alpha that is aimed at now, so that misses become a share 1 - level of the rows in the long run.

    One step size g: ``alpha += g (target - missed)`` (Gibbs and Candes 2021). Several: each has an alpha of its own;
    what is used is their mean, weighted by the exponential of their pinball losses, with a share of the weight spread
    evenly at each step so that all stay alive (Gibbs and Candes 2024, algorithm 1).

    Parameters
    ----------
    target : float
        Share of rows to miss.
    rates : sequence of float
        Step sizes.
    horizon : int
        Number of rows over which the aggregate should keep up with the best of the step sizes.
    """

    def __init__(self, target: float, rates: Sequence[float], horizon: int) -> None:
        self.target = target
        self.rates = np.asarray(rates, dtype=np.float64)
        count = len(self.rates)
        self.alphas = np.full(count, target)
        self.weights = np.full(count, 1.0 / count)
        self.spread = 1.0 / (2.0 * horizon)
        moments = (1.0 - target) ** 2 * target**3 + target**2 * (1.0 - target) ** 3
        self.eta = math.sqrt(3.0 / horizon) * math.sqrt((math.log(count * horizon) + 2.0) / moments)

    @property
    def alpha(self) -> float:
        """The miscoverage aimed at now; at most 0 asks for an infinite interval, at least 1 for an empty one."""
        return float(self.weights @ self.alphas)

    def learn(self, beta: float) -> None:
        """
        Take one step.

        Parameters
        ----------
        beta : float
            The largest miscoverage at which the interval would have held the target: a row is missed from there on.
        """
        missed = self.alphas >= beta
        if len(self.rates) > 1:
            gap = beta - self.alphas
            loss = self.target * gap - np.minimum(gap, 0.0)
            self.weights *= np.exp(-self.eta * (loss - loss.min()))
            self.weights /= self.weights.sum()
            self.weights = (1.0 - self.spread) * self.weights + self.spread / len(self.weights)
        self.alphas += self.rates * (self.target - missed)


class SortedScores:
    """
    The latest scores in order of size, kept so while rows come and go.

    Parameters
    ----------
    low, high : iterable of float
        By how much each calibration row moves the ends, oldest first.
    symmetric : bool
        Whether low is minus high.
    window : int or None
        How many of the latest are kept.
    """

    def __init__(self, low: Iterable[float], high: Iterable[float], symmetric: bool, window: int | None) -> None:
        self.symmetric = symmetric
        self.recent = deque(zip(low, high, strict=True), maxlen=window)
        self.low = sorted(pair[0] for pair in self.recent)
        self.high = sorted(pair[1] for pair in self.recent)

    def __len__(self) -> int:
        return len(self.high)

    def moves(self, alpha: float) -> tuple[float, float] | None:
        """Return by how much the ends move for a miscoverage; None where the interval is empty."""
        n = len(self.high)
        if alpha >= 1.0:
            return None
        if alpha <= 0.0:
            return -math.inf, math.inf
        rank = rank_of(n, 1.0 - alpha if self.symmetric else 1.0 - 0.5 * alpha)
        if rank > n:
            return -math.inf, math.inf
        rank = max(rank, 1)
        return self.low[n - rank], self.high[rank - 1]

    def largest_alpha(self, low: float, high: float) -> float:
        """Return the miscoverage from which on a row with these scores is missed."""
        n = len(self.high)
        above = bisect_left(self.high, high)
        if self.symmetric:
            return 1.0 - above / (n + 1)
        below = n - bisect_right(self.low, low)
        return min(2.0 * (1.0 - max(above, below) / (n + 1)), 1.0)

    def add(self, low: float, high: float) -> None:
        """Take in a score, and let go of the oldest where there is a window."""
        if self.recent.maxlen is not None and len(self.recent) == self.recent.maxlen:
            old = self.recent[0]
            del self.low[bisect_left(self.low, old[0])]
            del self.high[bisect_left(self.high, old[1])]
        self.recent.append((low, high))
        insort(self.low, low)
        insort(self.high, high)
