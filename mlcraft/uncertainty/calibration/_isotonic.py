"""Isotonic regression by pooling adjacent violators, and the calibration map made of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["IsotonicMap", "distinct", "isotonic", "pooled"]

Doubles = NDArray[np.float64]
ROUNDS = 64  # of pooling in parallel; what is left then is pooled one after the other


def distinct(values: Doubles, weight: Doubles, target: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """
    Put rows of the same value together.

    Parameters
    ----------
    values, weight, target : ndarray of shape (n_samples,)
        Rows of weight zero are left out.

    Returns
    -------
    values : ndarray of shape (n_distinct,)
        Sorted.
    weight : ndarray of shape (n_distinct,)
        Sums of the weights.
    total : ndarray of shape (n_distinct,)
        Sums of weight times target.
    """
    counted = weight > 0
    if not counted.all():
        values, weight, target = values[counted], weight[counted], target[counted]
    order = np.argsort(values, kind="stable")
    values, weight, product = values[order], weight[order], (weight * target)[order]
    start = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return values[start], np.add.reduceat(weight, start), np.add.reduceat(product, start)


def pooled(weight: Doubles, total: Doubles) -> tuple[NDArray[np.intp], Doubles, Doubles]:
    """
    Pool neighbours until their means increase: the isotonic regression of ``total / weight``.

    Runs of means that do not increase are pooled all at once, since neighbours in the wrong order always end in one
    block (Ayer et al. 1955); a few rounds do for most data.

    Parameters
    ----------
    weight : ndarray of shape (n_distinct,)
        Positive.
    total : ndarray of shape (n_distinct,)
        Weight times mean.

    Returns
    -------
    start : ndarray of shape (n_blocks,)
        Where each block begins.
    weight, total : ndarray of shape (n_blocks,)
        Of the blocks; ``total / weight`` increases strictly.
    """
    start = np.arange(len(weight))
    for _ in range(ROUNDS):
        mean = total / weight
        first = np.concatenate([[True], mean[1:] > mean[:-1]])
        if first.all():
            return start, weight, total
        begin = np.flatnonzero(first)
        start, weight, total = start[begin], np.add.reduceat(weight, begin), np.add.reduceat(total, begin)
    return _pooled_in_turn(start, weight, total)


def _pooled_in_turn(
    start: NDArray[np.intp], weight: Doubles, total: Doubles
) -> tuple[NDArray[np.intp], Doubles, Doubles]:
    """Pool from the left to the right, in a time that does not depend on the order of the means."""
    blocks: list[tuple[int, float, float]] = []
    for here, w, t in zip(start.tolist(), weight.tolist(), total.tolist(), strict=True):
        block = (here, w, t)
        while blocks and blocks[-1][2] * block[1] >= block[2] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    first, weights, totals = zip(*blocks, strict=True)
    return np.array(first, dtype=np.intp), np.array(weights), np.array(totals)


def isotonic(values: Doubles, weight: Doubles, target: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """
    Regress on a value in which the target may only increase.

    Parameters
    ----------
    values, weight, target : ndarray of shape (n_samples,)

    Returns
    -------
    left, right : ndarray of shape (n_blocks,)
        Smallest and largest value of each block.
    mean : ndarray of shape (n_blocks,)
        Weighted mean of the target there, increasing.
    weight : ndarray of shape (n_blocks,)
    """
    values, weight, total = distinct(values, weight, target)
    start, weight, total = pooled(weight, total)
    end = np.append(start[1:], len(values)) - 1
    return values[start], values[end], total / weight, weight


@dataclass(frozen=True)
class IsotonicMap:
    """
    Probabilities that may only increase with the score (Zadrozny and Elkan 2002).

    Constant in each block, linear between blocks, and constant outside of what was seen.

    Attributes
    ----------
    scores : ndarray of shape (n_knots,)
        Ends of the blocks.
    probabilities : ndarray of shape (n_knots,)
        What they become.
    """

    scores: Doubles
    probabilities: Doubles

    @classmethod
    def fit(cls, score: Doubles, target: Doubles, weight: Doubles) -> IsotonicMap:
        """Fit to scores and targets in [0, 1], arrays of shape (n_samples,)."""
        left, right, mean, _ = isotonic(score, weight, target)
        knots = np.stack([left, right], axis=1).reshape(-1)
        values = np.repeat(mean, 2)
        keep = np.concatenate([[True], knots[1:] != knots[:-1]])  # a block of a single value has one end
        return cls(knots[keep], np.clip(values[keep], 0.0, 1.0))

    def __call__(self, score: Doubles) -> Doubles:
        """Return the probability of each score."""
        return np.interp(score, self.scores, self.probabilities)
