"""Full conformal prediction: the fit that includes the new row itself, for every value its target might have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._calibrated import Query
from mlcraft.uncertainty.conformal._checks import needed, too_few_message
from mlcraft.uncertainty.conformal._forms import Form

__all__ = ["FullConformal"]

Doubles = NDArray[np.float64]


class FullConformal:
    """Intervals and distributions of full conformal least squares, by the closed form of `left_out`."""

    def __init__(self, settings: Any, form: Form, rows: Any) -> None:
        from mlcraft.uncertainty.left_out.full_conformal import full_conformal

        self.form, self.too_few, self.n = form, settings.too_few, len(rows.y)
        self.found = full_conformal(settings.estimator, rows.X, rows.y, sample_weight=rows.sample_weight)
        self.model = self.found.full

    def intervals(self, X: Any, levels: Doubles, query: Query) -> Doubles:  # noqa: ARG002 - as other predictors
        """Return lower and upper ends, of shape (n_rows, 2, n_levels)."""
        for level in levels.tolist():
            self._check(self.form.tail(level))
        if self.form.symmetric:
            ends: Doubles = self.found.intervals(X, levels)
            return ends
        low = self.found.quantiles(X, 0.5 * (1.0 - levels), side="lower")
        high = self.found.quantiles(X, 0.5 * (1.0 + levels), side="upper")
        return np.stack([low, high], axis=1)

    def cdf(self, X: Any, y: Doubles, tau: Any, query: Query) -> Doubles:  # noqa: ARG002 - as other predictors
        """Return the predictive distribution function at y, of shape (n_rows, n_points), as y."""
        answer: Doubles = self.found.cdf(X, y, tau=tau)
        return answer

    def quantiles(self, X: Any, q: Doubles, side: str, query: Query) -> Doubles:  # noqa: ARG002 - as other predictors
        """Return quantiles of the predictive distribution, of shape (n_rows, n_quantiles)."""
        for value in q.tolist():
            self._check(value if side == "upper" else 1.0 - value)
        answer: Doubles = self.found.quantiles(X, q, side=side)
        return answer

    def _check(self, tail: float) -> None:
        if self.too_few == "raise" and needed(tail) > self.n:
            raise ValueError(too_few_message(self.n, tail, "intervals"))
