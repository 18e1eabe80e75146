"""Fits without some of the rows by refitting, and the ends of jackknife+ by sorting: no closed form, no blocks."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import LeaveOneOut, check_cv


class Refits:
    """One refit for each fold (or row), in plain loops; `blocks` yields everything at once."""

    def __init__(self, estimator, X, y, sample_weight=None, method="predict", cv="loo", groups=None, **ignored):
        self.method = method
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        splitter = LeaveOneOut() if cv == "loo" else check_cv(cv)
        self.full = self._fit(estimator, X, y, weight)
        self.member = np.empty(len(y), dtype=np.intp)
        self.models = []
        for train, test in splitter.split(X, y, groups):
            self.member[test] = len(self.models)
            self.models.append(self._fit(estimator, X[train], y[train], weight[train]))
        self.n_models = len(self.models)
        self.held_out = np.stack([self._say(self.models[k], X[[i]])[0] for i, k in enumerate(self.member)])

    def _fit(self, estimator, X, y, weight):
        return clone(estimator).fit(X, y, sample_weight=weight)

    def _say(self, model, X):
        return getattr(model, self.method)(X)

    def blocks(self, X, max_bytes=None):
        yield slice(0, len(X)), np.stack([self._say(model, X) for model in self.models], axis=1)


def order_bounds(left, X, low, high, low_rank, high_rank, scale=None, subset=None):
    """Sort what every row says, and read the ranks."""
    found = np.concatenate([block for _, block in left.blocks(X)])[:, left.member]
    own = np.arange(len(low)) if subset is None else subset
    unit = np.ones((len(found), 1)) if scale is None else scale[:, np.newaxis]
    ends = np.empty((len(found), 2, len(low_rank)))
    for side, (moves, ranks) in enumerate([(low, low_rank), (high, high_rank)]):
        values = np.sort(found[:, own] + unit * moves[own], axis=1)
        padded = np.column_stack([np.full(len(values), -np.inf), values, np.full(len(values), np.inf)])
        ends[:, side] = padded[:, np.clip(ranks, 0, len(own) + 1)]
    return ends
