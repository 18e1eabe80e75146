"""One model and the scores of rows that it, or its left-out twins, did not see: split, CQR, jackknife."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._calibrated import Calibrated, Query, kth, refuse_nan, weighted_upper

__all__ = ["OneModel"]

Doubles = NDArray[np.float64]


class OneModel:
    """
    Ends of the intervals are those of the model, moved by quantiles of the calibration scores.

    Parameters
    ----------
    read : callable
        From X to what the model predicts, of shape (n_rows,) or (n_rows, n_quantities).
    calibrated : Calibrated
    """

    def __init__(self, read: Callable[[Any], NDArray[Any]], calibrated: Calibrated) -> None:
        self.read = read
        self.calibrated = calibrated

    def intervals(self, X: Any, levels: Doubles, query: Query) -> Doubles:
        """Return lower and upper ends, of shape (n_rows, 2, n_levels)."""
        predicted, found = self.read(X), self.calibrated
        ends = np.empty((len(predicted), 2, len(levels)))
        for which, level in enumerate(levels.tolist()):
            low_end, high_end, unit = found.form.ends(predicted, level)
            low_score, high_score = found.scores(level)
            tail = found.form.tail(level)
            for rows, own, label in found.by_group(query):
                low, high = self._moves(low_score[own], high_score[own], tail, own, query.take(rows), label)
                if unit is not None:
                    low, high = low * unit[rows], high * unit[rows]
                ends[rows, 0, which] = low_end[rows] + low
                ends[rows, 1, which] = high_end[rows] + high
        return ends

    def _moves(self, low: Doubles, high: Doubles, tail: float, own: Any, query: Query, label: Any) -> tuple[Any, Any]:
        found = self.calibrated
        if found.weight is None or query.weight is None:
            rank = found.rank(own, tail, label)
            return kth(low, len(low) + 1 - rank), kth(high, rank)
        weight = found.weight[own]
        ends = -weighted_upper(-low, weight, query.weight, tail), weighted_upper(high, weight, query.weight, tail)
        found.refuse_heavy(ends[1])
        return ends

    def cdf(self, X: Any, y: Doubles, tau: Any, query: Query) -> Doubles:
        """Return the predictive distribution function at y, of shape (n_rows, n_points), as y."""
        predicted, found = self.read(X), self.calibrated
        refuse_nan(predicted)
        centre, _, unit = found.form.ends(predicted, 0.5)
        at = y - centre[:, np.newaxis]
        if unit is not None:
            at = at / unit[:, np.newaxis]
        answer = np.empty(y.shape)
        for rows, own, _ in found.by_group(query):
            scores = found.signed[own]
            order = np.argsort(scores, kind="stable")
            scores = scores[order]
            weight = np.ones(len(scores)) if found.weight is None else found.weight[own][order]
            cumulated = np.append(0.0, np.cumsum(weight))
            new = 1.0 if query.weight is None else query.weight[rows, np.newaxis]
            below = cumulated[np.searchsorted(scores, at[rows], "left")]
            upto = cumulated[np.searchsorted(scores, at[rows], "right")]
            answer[rows] = (below + tau * (upto - below + new)) / (cumulated[-1] + new)
        return answer

    def quantiles(self, X: Any, q: Doubles, side: str, query: Query) -> Doubles:
        """Return quantiles of the predictive distribution, of shape (n_rows, n_quantiles)."""
        predicted, found = self.read(X), self.calibrated
        centre, _, unit = found.form.ends(predicted, 0.5)
        answer = np.empty((len(predicted), len(q)))
        sign = 1.0 if side == "upper" else -1.0
        for rows, own, label in found.by_group(query):
            scores = sign * found.signed[own]
            new = None if query.weight is None else query.weight[rows]
            for which, value in enumerate(q.tolist()):
                tail = value if side == "upper" else 1.0 - value
                if found.weight is None or new is None:
                    move: Any = kth(scores, found.rank(own, tail, label))
                else:
                    move = weighted_upper(scores, found.weight[own], new, tail)
                    found.refuse_heavy(move)
                answer[rows, which] = centre[rows] + sign * move * (1.0 if unit is None else unit[rows])
        return answer
