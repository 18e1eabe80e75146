"""All leave-one-out fits of least squares and ridge regression from the factor of the fit to all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.least_squares import fit_least_squares
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._checked_rows import Rows, rows_of
from mlcraft.uncertainty._leave_one_out import warn_about_saturated
from mlcraft.uncertainty._model import FittedModel, model_of
from mlcraft.uncertainty._row_effects import RowEffects, check_same_fit, effects_of
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices

__all__ = ["LinearLeaveOneOut", "has_linear_form"]

Doubles = NDArray[np.float64]
LEAST_LEFT = 1e-4  # 1 - leverage below which a row is left out in earnest: fewer rows than there are coefficients


def has_linear_form(estimator: Any) -> bool:
    """Tell whether leaving out rows of this fitted regression has a closed form: it kept a factor, and one target."""
    model = model_of(estimator)
    return not model.positive and model.factor is not None and model.n_targets == 1


class LinearLeaveOneOut:
    """
    Every fit without one row, without refits.

    With d = x - mean, V the inverse of the penalised cross-products, W the sum of the weights and h the leverage, the
    fit without row i predicts (Sherman and Morrison 1950; Barber et al. 2021, Annals of Statistics 49, 486-507)

        f(x) - (1 / W + d' V d_i) s_i,   s_i = w_i e_i / (1 - h_i),

    the first term with an intercept only. With K K' = V this is a product of (K'd, 1) with the rows of a matrix of the
    size of X, all that is kept; for a design with no more rows than columns, of (d, 1) with s_i (V d_i, 1 / W).
    Rows with 1 - h < 1e-4 (fewer than coefficients) are left out in earnest.

    Parameters
    ----------
    full : object
        The fitted estimator, whose last step is `last`.
    last : object
        The fitted regression.
    transform : callable
        Takes X to what `last` was fitted on.
    X, y, sample_weight
        The rows of the fit, X transformed.
    remark : str
        What was not repeated for each model.
    """

    form = "linear"
    never_left_out = 0

    def __init__(
        self, full: Any, last: Any, transform: Any, X: Any, y: Any, sample_weight: Any, remark: str = ""
    ) -> None:
        self.full, self.remark = full, remark
        self._last, self._transform = last, transform
        model = model_of(last)
        rows = rows_of(last, X, y, sample_weight)
        wide = model.factor is not None and model.factor.dual
        effects = effects_of(model, rows, 0, [0], directions=wide)
        check_same_fit(model, rows, rows.weight @ effects.residual**2, [0])
        self.n_models = len(rows.weight)
        self.member: NDArray[np.intp] | None = np.arange(self.n_models)
        self._mean = effects.mean
        self._coef = model.coef[0]
        self._height = float(model.intercept[0] + self._coef @ effects.mean)
        self._root = None if wide else effects.root
        base = 1.0 / float(model.factor.weight_sum) if model.has_intercept and model.factor is not None else 0.0
        self._weights = self._rows_of_weights(rows, effects, base)
        residual = effects.loo_residual[:, 0]
        alone = np.zeros(len(residual), dtype=bool)
        if not wide:  # there 1 - h is known without cancellation
            for i in np.flatnonzero((effects.complement < LEAST_LEFT) & (rows.weight > 0)):
                residual[i], alone[i] = self._leave_out_in_earnest(model, rows, int(i))
        self.held_out: NDArray[Any] = rows.targets[:, 0] - residual
        warn_about_saturated(model, alone)

    def _rows_of_weights(self, rows: Rows, effects: RowEffects, base: float) -> Doubles:
        """Return -s_i (K'd_i, 1 / W), or -s_i (V d_i, 1 / W) for a wide design, of shape (n_samples, rank + 1)."""
        step = effects.step
        if effects.direction is not None:
            return np.hstack([effects.direction, np.full_like(step, base)]) * -step
        assert effects.root is not None
        right = np.column_stack([effects.root, np.zeros(len(effects.root))])
        weights: Doubles = _core.centred_products(rows.X, None, effects.mean, right)
        weights[:, -1] = base
        weights *= -step
        return weights

    def _leave_out_in_earnest(self, model: FittedModel, rows: Rows, i: int) -> tuple[float, bool]:
        """Refit without row i, write its row of weights; return its residual, and whether columns became dependent."""
        weight = rows.weight.copy()
        weight[i] = 0.0
        X = rows.X.astype(np.float64, copy=False)
        fit = fit_least_squares(
            X, rows.targets[:, 0], alpha=float(model.alpha[0]), sample_weight=weight, fit_intercept=model.has_intercept
        )
        change = np.asarray(fit.coef, dtype=np.float64) - self._coef
        height = float(fit.intercept) + float(fit.coef @ self._mean)
        if self._root is not None:
            sizes = np.linalg.norm(self._root, axis=1)
            scale = np.where(sizes > 0, 1.0 / np.where(sizes > 0, sizes, 1.0), 0.0)
            change = np.linalg.lstsq(scale[:, np.newaxis] * self._root, scale * change, rcond=None)[0]
        self._weights[i, :-1] = change
        self._weights[i, -1] = height - self._height
        there = X[i] if isinstance(X, np.ndarray) else X[[i]].toarray()[0]
        dependent = model.factor is not None and fit.rank < model.factor.rank and not model.alpha[0] > 0
        return float(rows.targets[i, 0] - (height + fit.coef @ (there - self._mean))), dependent

    @property
    def weights(self) -> Doubles:
        """What `terms` are multiplied with, of shape (n_samples, rank + 1)."""
        return self._weights

    def terms(self, X: Any) -> tuple[Doubles, Doubles]:
        """
        Return what the predictions of rows without each training row are made of.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)

        Returns
        -------
        base : ndarray of shape (n_rows,)
            Predictions of the full model.
        points : ndarray of shape (n_rows, rank + 1)
            ``base[:, None] + points @ weights.T`` are the predictions without each row.
        """
        X = rows_of(self._last, self._transform(X), None, None, look=True).X
        if self._root is None:
            dense = X if isinstance(X, np.ndarray) else X.toarray()
            centred = dense - self._mean
            return self._height + centred @ self._coef, np.column_stack([centred, np.ones(len(centred))])
        points: Doubles = _core.centred_products(X, None, self._mean, np.column_stack([self._root, self._coef]))
        base = self._height + points[:, -1]
        points[:, -1] = 1.0
        return base, points

    @one_blas_thread()
    def _block(self, base: Doubles, points: Doubles) -> Doubles:
        block: Doubles = points @ self._weights.T
        block += base[:, np.newaxis]
        return block

    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Predict rows without each training row, some rows at a time; see `LeftOut`."""
        base, points = self.terms(X)
        for rows in row_slices(len(base), self.n_models, max_bytes):
            yield rows, self._block(base[rows], points[rows])
