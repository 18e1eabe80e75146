"""All leave-one-out fits of a logistic or multinomial regression by one Newton step from the fit to all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.information import linear_predictors, probabilities, row_blocks
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._glm_covariance import with_constant
from mlcraft.uncertainty._glm_door import GlmInference
from mlcraft.uncertainty._glm_geometry import GlmGeometry
from mlcraft.uncertainty._glm_influence import row_roots
from mlcraft.uncertainty._glm_model import GlmModel, GlmRows
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices

__all__ = ["LogisticLeaveOneOut"]

Doubles = NDArray[np.float64]
REPEATED = 0.03  # leverage from which one step is not enough
SETTLED = 1e-4  # length of a step that is the last, in standard errors
MOST_STEPS = 40
ALONE = 1e-8  # determinant of I - W A of a row that alone determines something
ELEMENTS = 1 << 21  # numbers in memory for rows whose steps are taken together


class LogisticLeaveOneOut:
    """
    Every fit without one row: a step of Newton's method from the fit to all, with its information less the row's.

    With Z the row's design for all contrasts, V the inverse information (root root' = V), g and W gradient and Hessian
    of its loss, the parameters move by V Z' s, s = (I - W Z V Z')^-1 g (Pregibon 1981, Annals of Statistics 9, 705-724;
    Rad and Maleki 2020, Journal of the Royal Statistical Society B 82, 965-996). What is kept is root'Z's, a matrix of
    the size of X times the number of contrasts. The error of probabilities falls as the square of the leverage; for
    rows of leverage 0.03 and more steps are repeated, with the same Hessian, until they settle. Class weights stay
    those of all rows. Where a row keeps classes from coming apart nothing settles: `unfinished` lists these rows.

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
        steps = _Steps(self._model, rows, geometry)
        self._steps, self.unfinished = steps.all()
        eta = linear_predictors(rows.X, self._model.coef, self._model.intercept)
        for some, roots in row_roots(rows.X, self._root, self._mean, self._model.n_contrasts):
            eta[some] += np.einsum("nkr,nr->nk", roots, self._steps[some])
        self.held_out: NDArray[Any] = self._respond(eta)

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


class _Steps:
    """
    Where the fits without single rows are, seen from the fit to all, in coordinates in which its information is one.

    With u the coordinates, root'Z the design in them and R = I - root'(information of the data) root, the gradient of
    the objective without row i is ``sum_j root'Z_j'w_j (q_j(u) - q_j(0)) + R u - root'Z_i'w_i (q_i(u) - y_i)``.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows
    geometry : GlmGeometry
    """

    def __init__(self, model: GlmModel, rows: GlmRows, geometry: GlmGeometry) -> None:
        self.X, self.weight, self.mean, self.root = rows.X, rows.weight, geometry.mean, geometry.root
        self.m = model.n_contrasts
        self.eta = linear_predictors(rows.X, model.coef, model.intercept)
        self.q = probabilities(self.eta)[:, 1:]
        self.target = (rows.classes[:, np.newaxis] == np.arange(1, self.m + 1)).astype(np.float64)
        with one_blas_thread():
            self.rest = np.eye(self.root.shape[1]) - self.root.T @ geometry.matrix @ self.root

    @one_blas_thread()
    def all(self) -> tuple[Doubles, NDArray[np.intp]]:
        """
        Find all steps.

        Returns
        -------
        steps : ndarray of shape (n_samples, rank)
        unfinished : ndarray of int
            Rows whose steps did not settle: without them classes come apart.
        """
        n = len(self.weight)
        found, leverage = np.empty((n, self.root.shape[1])), np.empty(n)
        for some, roots in row_roots(self.X, self.root, self.mean, self.m):
            pulled, share = self._pull(some, roots)
            leverage[some] = np.einsum("nkk->n", share)
            residual = self.weight[some, np.newaxis] * (self.q[some] - self.target[some])
            scores = np.linalg.solve(pulled, residual[:, :, np.newaxis])[:, :, 0]
            found[some] = np.einsum("nkr,nk->nr", roots, scores)
        doubtful = np.flatnonzero(leverage >= REPEATED)
        at_once = max(1, ELEMENTS // max(n * self.m, self.m * self.root.shape[1]))
        unfinished = [
            self._repeat(doubtful[first : first + at_once], found) for first in range(0, len(doubtful), at_once)
        ]
        return found, np.concatenate(unfinished) if unfinished else doubtful

    def _pull(self, some: Any, roots: Doubles) -> tuple[Doubles, Doubles]:
        """Return I - W A and W A of rows, for A = Z V Z'; I where the row determines something alone."""
        part = self.q[some]
        hessian = -part[:, :, np.newaxis] * part[:, np.newaxis, :]
        hessian[:, np.arange(self.m), np.arange(self.m)] += part
        hessian *= self.weight[some, np.newaxis, np.newaxis]
        share = hessian @ np.einsum("nkr,nlr->nkl", roots, roots)
        pulled = np.eye(self.m) - share
        pulled[np.abs(np.linalg.det(pulled)) < ALONE] = np.eye(self.m)
        return pulled, share

    def _repeat(self, some: NDArray[np.intp], found: Doubles) -> NDArray[np.intp]:
        """Take more steps with the same Hessians, for rows of large leverage; return those that do not settle."""
        roots = next(row_roots(self.X[some], self.root, self.mean, self.m))[1]
        if len(roots) < len(some):
            roots = np.concatenate([part for _, part in row_roots(self.X[some], self.root, self.mean, self.m)])
        part = self.q[some]
        pulled, _ = self._pull(some, roots)
        hessian = -part[:, :, np.newaxis] * part[:, np.newaxis, :]
        hessian[:, np.arange(self.m), np.arange(self.m)] += part
        hessian *= self.weight[some, np.newaxis, np.newaxis]
        back = np.linalg.solve(pulled, hessian)
        size, active = np.full(len(some), np.inf), np.arange(len(some))
        for _ in range(MOST_STEPS):
            gradient = self._gradient(some[active], roots[active], found[some[active]])
            inner = np.einsum("nkr,nr->nk", roots[active], gradient)
            step = gradient + np.einsum("nkr,nkl,nl->nr", roots[active], back[active], inner)
            length = np.sqrt((step**2).sum(axis=1))
            good = length < size[active]
            found[some[active[good]]] -= step[good]
            size[active] = np.where(good, length, np.inf)
            active = active[good & (length > SETTLED)]
            if not len(active):
                break
        return some[size > SETTLED]

    def _gradient(self, some: NDArray[np.intp], roots: Doubles, u: Doubles) -> Doubles:
        """Gradients of the objectives without these rows at u, of shape (n_rows, rank)."""
        width, count = self.root.shape[0] // self.m, len(some)
        theta = (u @ self.root.T).reshape(count, self.m, width)
        total = np.zeros((count, self.m, width))
        for rows, block in row_blocks(self.X):
            Z = with_constant(block, self.mean)
            eta = np.einsum("bkw,nw->nbk", theta, Z, optimize=True) + self.eta[rows, np.newaxis]
            moved = probabilities(eta.reshape(-1, self.m))[:, 1:].reshape(eta.shape) - self.q[rows, np.newaxis]
            moved *= self.weight[rows, np.newaxis, np.newaxis]
            total += np.einsum("nbk,nw->bkw", moved, Z, optimize=True)
        own = self.eta[some] + np.einsum("nkr,nr->nk", roots, u)
        residual = self.weight[some, np.newaxis] * (probabilities(own)[:, 1:] - self.target[some])
        gradient: Doubles = total.reshape(count, -1) @ self.root + u @ self.rest
        gradient -= np.einsum("nkr,nk->nr", roots, residual)
        return gradient
