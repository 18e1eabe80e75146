"""All leave-one-out fits of a logistic or multinomial regression by one Newton step from the fit to all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.information import linear_predictors, probabilities
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._glm_covariance import response_residuals
from mlcraft.uncertainty._glm_door import GlmInference
from mlcraft.uncertainty._glm_influence import row_roots
from mlcraft.uncertainty._glm_model import GlmModel, GlmRows
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices

__all__ = ["LogisticLeaveOneOut"]

Doubles = NDArray[np.float64]
REFITTED = 0.1  # leverage from which a row is left out in earnest: at most ten times as many as coefficients


class LogisticLeaveOneOut:
    """
    Every fit without one row: a step of Newton's method from the fit to all, with its information less the row's.

    With Z the row's design for all contrasts, V the inverse information (root root' = V), g and W gradient and Hessian
    of its loss, the parameters move by V Z' s, s = (I - W Z V Z')^-1 g (Pregibon 1981, Annals of Statistics 9, 705-724;
    Rad and Maleki 2020, Journal of the Royal Statistical Society B 82, 965-996). What is kept is root'Z's, a matrix of
    the size of X times the number of contrasts. The error of probabilities falls as the square of the leverage; rows
    of leverage 0.1 and more are refitted.

    Parameters
    ----------
    full : object
        The fitted estimator, whose last step is `last`.
    last : object
        The fitted classifier.
    transform : callable
        Takes X to what `last` was fitted on.
    X, y, sample_weight
        The rows of the fit, X transformed.
    method : {"predict_proba", "decision_function"}
    remark : str
        What was not repeated for each model.
    """

    form = "logistic"
    never_left_out = 0

    def __init__(
        self,
        full: Any,
        last: Any,
        transform: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        method: str,
        remark: str = "",
    ) -> None:
        self.full, self.remark = full, remark
        self._last, self._transform, self._method = last, transform, method
        inference = GlmInference(last)
        rows = inference.rows(X, y, sample_weight)
        self._model = inference.model
        geometry = self._model.geometry(rows)
        self._root, self._mean = geometry.root, geometry.mean
        self.n_models = len(rows.weight)
        self.member: NDArray[np.intp] | None = np.arange(self.n_models)
        self._steps = np.empty((self.n_models, self._root.shape[1]))
        eta = linear_predictors(rows.X, self._model.coef, self._model.intercept)
        leverage = self._take_steps(rows, eta)
        for i in np.flatnonzero(leverage >= REFITTED):
            eta[i] += self._leave_out_in_earnest(rows, X, y, sample_weight, int(i))
        self.held_out: NDArray[Any] = self._respond(eta)

    @one_blas_thread()
    def _take_steps(self, rows: GlmRows, eta: Doubles) -> Doubles:
        """Find root'Z's of each row, move its own linear predictors, and return the leverages."""
        model: GlmModel = self._model
        m = model.n_contrasts
        q = probabilities(eta)
        gradient = -response_residuals(q, rows.classes)[:, 1:] * rows.weight[:, np.newaxis]
        leverage = np.empty(len(q))
        for some, roots in row_roots(rows.X, self._root, self._mean, m):
            part = q[some, 1:]
            hessian = -part[:, :, np.newaxis] * part[:, np.newaxis, :]
            hessian[:, np.arange(m), np.arange(m)] += part
            hessian *= rows.weight[some, np.newaxis, np.newaxis]
            share = hessian @ np.einsum("nkr,nlr->nkl", roots, roots)
            leverage[some] = np.einsum("nkk->n", share)
            left = np.eye(m) - share
            left[np.abs(np.linalg.det(left)) < 1e-8] = np.eye(m)  # these are refitted
            scores = np.linalg.solve(left, gradient[some, :, np.newaxis])[:, :, 0]
            self._steps[some] = np.einsum("nkr,nk->nr", roots, scores)
            eta[some] += np.einsum("nkr,nr->nk", roots, self._steps[some])
        return leverage

    def _leave_out_in_earnest(self, rows: GlmRows, X: Any, y: Any, sample_weight: Any, i: int) -> Doubles:
        """Refit without row i, write its step; return what has to be added to its own linear predictors."""
        fits = self._last._fits_without(X, y, sample_weight, [np.array([i])])
        if fits is None:  # no class without it, or classes that come apart: the step is all there is
            return np.zeros(self._model.n_contrasts)
        model = self._model
        coef, intercept = fits[0][0], fits[1][0]
        if len(coef) > 1:
            coef, intercept = coef[1:] - coef[0], intercept[1:] - intercept[0]
        change = coef - model.coef
        if self._mean is not None:
            height = intercept - model.intercept + change @ self._mean
            change = np.column_stack([height, change])
        sizes = np.linalg.norm(self._root, axis=1)
        scale = np.where(sizes > 0, 1.0 / np.where(sizes > 0, sizes, 1.0), 0.0)
        before = self._steps[i].copy()
        self._steps[i] = np.linalg.lstsq(scale[:, np.newaxis] * self._root, scale * change.ravel(), rcond=None)[0]
        roots = next(row_roots(rows.X[[i]], self._root, self._mean, model.n_contrasts))[1][0]
        moved: Doubles = roots @ (self._steps[i] - before)
        return moved

    def _respond(self, eta: Doubles) -> Doubles:
        """Turn log odds against the first class, of shape (m, n_contrasts), into what the method returns."""
        if self._method == "predict_proba":
            return probabilities(eta)
        if eta.shape[1] == 1:
            return eta[:, 0]
        scores = np.column_stack([np.zeros(len(eta)), eta])
        scores -= scores.mean(axis=1, keepdims=True)
        return scores

    @one_blas_thread()
    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Predict rows without each training row, some rows at a time; see `LeftOut`."""
        X = rows_of(self._last, self._transform(X), None, None, look=True).X
        if not isinstance(X, np.ndarray):
            X = X.tocsr()
        model = self._model
        n, m = self.n_models, model.n_contrasts
        for rows in row_slices(X.shape[0], n * (m + 1), max_bytes):
            part = X[rows]
            eta = linear_predictors(part, model.coef, model.intercept)
            found = [
                np.moveaxis((roots.reshape(-1, roots.shape[2]) @ self._steps.T).reshape(-1, m, n), 1, 2)
                for _, roots in row_roots(part, self._root, self._mean, m)
            ]
            moved = np.concatenate(found) + eta[:, np.newaxis, :]
            answer = self._respond(moved.reshape(-1, m))
            yield rows, answer.reshape(len(moved), n, *answer.shape[1:])
