"""What the regressions trained row by row share: fit, partial_fit and predict."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import validate_data

from mlcraft._engine.sgd import SgdRun, SgdState
from mlcraft._engine.validation import check_parameters
from mlcraft.linear_model._sgd_base import SgdEstimator
from mlcraft.linear_model._sgd_rules import ANY_SEED, CONSTRAINTS, DEFAULT_EPSILON, SPARE, STOP_CONSTRAINTS
from mlcraft.linear_model._sgd_trace import Extras, HeldOut

__all__ = ["REGRESSION_LOSSES", "SgdValues"]

REGRESSION_LOSSES: dict[str, tuple[Any, ...]] = {
    "squared_error": ("squared_error",),
    "huber": ("huber", DEFAULT_EPSILON),
    "epsilon_insensitive": ("epsilon_insensitive", DEFAULT_EPSILON),
    "squared_epsilon_insensitive": ("squared_epsilon_insensitive", DEFAULT_EPSILON),
}


class SgdValues(RegressorMixin, SgdEstimator):  # type: ignore[misc]
    """Base of the regressions: one coefficient vector."""

    coef_: Any
    intercept_: NDArray[Any]

    loss_functions = REGRESSION_LOSSES
    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **CONSTRAINTS,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        **STOP_CONSTRAINTS,
    }

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the linear model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted values.
        """
        return self._linear_output(X, "predict").ravel()

    def _fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any,
        intercept_init: Any,
        sample_weight: Any,
        extras: Extras,
    ) -> Self:
        check_parameters(self)
        self._check_combination()
        X, y, weight = self._rows(X, y, sample_weight, reset=True)
        fitted = self.__dict__
        if self.warm_start and "coef_" in fitted:
            coef_init = fitted["coef_"] if coef_init is None else coef_init
            intercept_init = fitted["intercept_"] if intercept_init is None else intercept_init
        state = self._fresh_state((X.shape[1],), X.dtype, coef_init, intercept_init)
        rows = self._without_zeros(X, y, weight)
        run = self._train_values(*rows, state, int(self.max_iter), extras)
        self._warn_after_fit(run)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        first = "coef_" not in self.__dict__
        if first:
            check_parameters(self)
            self._check_combination(for_partial_fit=True)
        X, y, weight = self._rows(X, y, sample_weight, reset=first)
        shape = (X.shape[1],)
        if first:
            state = self._fresh_state(shape, X.dtype)
        else:
            state = self._resumed_state(shape, X.dtype, self.intercept_)
        self._train_values(*self._without_zeros(X, y, weight), state, 1, None)
        return self

    def _rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, NDArray[Any], Any]:
        if not self._are_plain(X, y, reset):
            X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset)
        return X, y.astype(X.dtype, copy=False), self._weights(sample_weight, X)

    def _train_values(
        self,
        X: Any,
        y: NDArray[Any],
        weight: NDArray[Any] | None,
        state: SgdState,
        max_iter: int,
        extras: Extras | None,
    ) -> SgdRun:
        """Train on checked rows and set the attributes."""
        validation = None if extras is None else extras.validation
        own = validation is not None
        mask = self._split(y) if self.early_stopping and not own else None
        held_out, score = None, None
        if mask is not None or own:
            if mask is not None:
                rows = X[mask], y[mask], None if weight is None else weight[mask]
            else:
                rows = self._validation_rows(validation, X.dtype)
                rows = rows[0], rows[1].astype(X.dtype, copy=False), rows[2]
            held_out = HeldOut(rows[0], [rows[1]], rows[2], self._engine_loss(), self._parameter())
            score = self._scorer(*rows, None, scaled=own) if self.early_stopping else None
        seed, _ = self._draw(ANY_SEED, SPARE)
        run = self._train(
            X,
            y,
            state,
            max_iter=max_iter,
            seed=seed,
            sample_weight=weight,
            mask=mask,
            score=score,
            held_out=held_out,
            extras=extras,
        )
        self.coef_, self.intercept_ = self._left(state, run)
        return run
