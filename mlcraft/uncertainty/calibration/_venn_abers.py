"""Venn-Abers predictors: the isotonic probability with the new row counted as either class, for any score at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.calibration._isotonic import distinct

__all__ = ["VennAbersMap", "merged"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class VennAbersMap:
    """
    Two probabilities for each score (Vovk, Petej and Fedorova 2015).

    The isotonic regression of the calibration rows and the new one gives the new one p0 if it is counted as not of the
    class, and p1 if it is. One of the two is calibrated, whatever the scores are, if rows are exchangeable. Both are
    steps: they are worked out once, for every calibration score and every gap between two of them.

    Attributes
    ----------
    scores : ndarray of shape (n_distinct,)
        Scores of the calibration rows, sorted.
    p0, p1 : ndarray of shape (2 n_distinct + 1,)
        At even places in the gaps, at odd places at the scores.
    """

    scores: Doubles
    p0: Doubles
    p1: Doubles

    @classmethod
    def fit(cls, score: Doubles, target: Doubles, weight: Doubles) -> VennAbersMap:
        """Fit to scores and targets in [0, 1], arrays of shape (n_samples,); a new row weighs one."""
        scores, weights, totals = distinct(score, weight, target)
        W = [0.0, *np.cumsum(weights).tolist()]
        Y = [0.0, *np.cumsum(totals).tolist()]
        after = _corners_after(W, Y)
        p0, p1 = (np.clip(_with_one_more(W, Y, after, label), 0.0, 1.0) for label in (0.0, 1.0))
        return cls(scores, p0, p1)

    def bounds(self, score: Doubles) -> tuple[Doubles, Doubles]:
        """Return p0 and p1 of each score."""
        at = np.searchsorted(self.scores, score)
        met = self.scores[np.minimum(at, len(self.scores) - 1)] == score
        place = 2 * at + met
        return self.p0[place], self.p1[place]

    def __call__(self, score: Doubles) -> Doubles:
        """Return one probability for each score: that of least regret under the log loss."""
        return merged(*self.bounds(score))


def merged(p0: Doubles, p1: Doubles) -> Doubles:
    """Return ``p1 / (1 - p0 + p1)``, between the two (Vovk, Petej and Fedorova 2015, equation 6)."""
    return np.asarray(p1 / (1.0 - p0 + p1))


def _corners_after(W: list[float], Y: list[float]) -> list[int]:
    """Return, for each point, the next corner of the lower hull of it and all points to its right; -1 at the end."""
    last = len(W) - 1
    after = [-1] * (last + 1)
    for j in range(last - 1, -1, -1):
        near = j + 1
        far = after[near]
        while far >= 0 and (Y[near] - Y[j]) * (W[far] - W[j]) >= (Y[far] - Y[j]) * (W[near] - W[j]):
            near, far = far, after[far]
        after[j] = near
    return after


def _with_one_more(W: list[float], Y: list[float], after: list[int], label: float) -> Doubles:
    """
    Return the isotonic regression at one more row of weight one, for every place where it may be.

    Its value is the largest over starts a, of the smallest over ends b, of ``(Y_b - Y_a + label) / (W_b - W_a + 1)``,
    with a left and b right of the row: the slope of a line that touches the hull of the points to the left and that of
    the points to the right, moved by (1, label). From one place to the next both ends can only move to the right, so
    all places together take as many steps as there are scores.
    """
    last = len(W) - 1
    hull, at, b = [0], 0, 0  # corners of the lower hull on the left; which of them is a
    found = np.empty(2 * last + 1)
    for place in range(2 * last + 1):
        left, right = place // 2, (place + 1) // 2
        if left > hull[-1]:
            while len(hull) > 1 and (Y[hull[-1]] - Y[hull[-2]]) * (W[left] - W[hull[-2]]) >= (Y[left] - Y[hull[-2]]) * (
                W[hull[-1]] - W[hull[-2]]
            ):
                hull.pop()
            hull.append(left)
            at = min(at, len(hull) - 1)
        a, b = hull[at], max(b, right)
        while True:
            slope = (Y[b] - Y[a] + label) / (W[b] - W[a] + 1.0)
            c = after[b]
            while c >= 0 and Y[c] - Y[b] < slope * (W[c] - W[b]):
                b, c = c, after[c]
                slope = (Y[b] - Y[a] + label) / (W[b] - W[a] + 1.0)
            if at + 1 < len(hull) and Y[hull[at + 1]] - Y[a] < slope * (W[hull[at + 1]] - W[a]):
                at += 1
                a = hull[at]
            else:
                break
        found[place] = slope
    return found
