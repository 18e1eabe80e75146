"""Exact full conformal prediction for least squares and ridge regression: no refit for any value of y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from mlcraft import _core
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._model import FittedModel, model_of
from mlcraft.uncertainty._row_effects import check_same_fit, effects_of
from mlcraft.uncertainty._wide import singular_values
from mlcraft.uncertainty.left_out._door import KEPT_STEPS, EarlierSteps, may_have_form
from mlcraft.uncertainty.left_out._linear import has_linear_form
from mlcraft.uncertainty.left_out._problem import Problem, last_step
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices

__all__ = ["FullConformal", "full_conformal"]

Doubles = NDArray[np.float64]
SLACK = 1e-9  # of a rank: what rounding does to level (n + 1)


def full_conformal(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> FullConformal:
    """
    Fit least squares or ridge regression for exact full conformal prediction.

    Parameters
    ----------
    estimator : object
        `LinearRegression` or `Ridge` of this library, or a Pipeline that ends in one and whose earlier steps do not
        look at y; these are fitted once.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
        Rows of weight zero do not count; new rows have weight one.

    Returns
    -------
    FullConformal

    Raises
    ------
    ValueError
        If the fit is another, has several targets, or has coefficients held non-negative.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.uncertainty.left_out.full_conformal import full_conformal
    >>> X = np.arange(12.0).reshape(-1, 1)
    >>> y = 2 * X[:, 0] + np.array([1, -1, 0, 2, -2, 0, 1, -1, 0, 1, -1, 0.0])
    >>> model = full_conformal(LinearRegression(), X, y)
    >>> model.intervals([[5.5]], [0.8]).round(2)
    array([[[ 8.95],
            [12.91]]])
    """
    problem = Problem.checked(estimator, X, y, sample_weight, "predict", None, None)
    form = type(last_step(estimator)).__dict__.get("_left_out_form")
    if form != "linear" or not may_have_form(problem):
        raise ValueError(
            "exact full conformal prediction is for LinearRegression and Ridge of mlcraft without positive=True, and "
            f"for Pipelines that end in one and whose other steps do not look at y; got {estimator!r}. Use the "
            "jackknife+ or cross-conformal prediction for others"
        )
    full = problem.fit()
    if not has_linear_form(last_step(full)):
        raise ValueError(
            "this fit kept no factorised matrix (a wide sparse X is solved by iterations): fit a dense X, or use the "
            "jackknife+"
        )
    return FullConformal(full, problem)


class FullConformal:
    """
    Conformal prediction that gives every candidate y the fit to all rows and (x, y) together.

    With t = (y - f(x)) / (1 + a), a = z'V z and g_i = z_i'V z (V the inverse of the penalised cross-products of the
    training rows, z = (1, x)), the residuals of that fit are e_i - g_i t for the training rows and t for the new one,
    exactly. So for each row the t at which scores are equal are known, and ranks of them answer everything
    (Nouretdinov, Melluish and Vovk 2001, ICML; Vovk, Gammerman and Shafer 2005, section 2.3).

    Parameters
    ----------
    full : object
        The fitted estimator.
    problem : Problem
        Its rows.

    Attributes
    ----------
    full : object
        The estimator fitted to the training rows.
    n_calibration : int
        Training rows that count: those of positive weight.
    remark : str
        What was not repeated for each y.
    """

    def __init__(self, full: Any, problem: Problem) -> None:
        self.full = full
        self.remark = KEPT_STEPS if isinstance(full, Pipeline) and len(full.steps) > 1 else ""
        self._last, self._transform = last_step(full), EarlierSteps(full)
        model = model_of(self._last)
        rows = rows_of(self._last, self._transform(problem.X), problem.y, problem.sample_weight)
        effects = effects_of(model, rows, 0, [0])
        check_same_fit(model, rows, rows.weight @ effects.residual**2, [0])
        counted = rows.weight > 0
        self.n_calibration = int(counted.sum())
        self._mean, self._coef = effects.mean, model.coef[0]
        self._height = float(model.intercept[0] + self._coef @ effects.mean)
        assert model.factor is not None
        self._base = 1.0 / float(model.factor.weight_sum) if model.has_intercept else 0.0
        self._alpha = float(model.alpha[0])
        self._model: FittedModel = model
        self._wide = bool(model.factor.dual)
        self._shares = np.ones(0)
        if self._wide:
            root_weight = np.sqrt(rows.weight)
            unit = root_weight * np.sqrt(self._base)
            _, values, right = singular_values(rows, self._mean, root_weight, unit)
            kept = values > 1e-12 * values.max(initial=0.0)
            self._axes = np.ascontiguousarray(right[kept].T)
            with np.errstate(divide="ignore"):
                self._shares = 1.0 / (values[kept] ** 2 + self._alpha)
        else:
            assert effects.root is not None
            self._axes = effects.root
        points = self._points(rows.X)[0]
        if self._wide:
            points[:, :-1] *= self._shares
        points[:, -1] = self._base
        self._rows = points[counted]
        self._residual = effects.residual[counted, 0]
        self._complement = effects.complement[counted]
        self._weight = rows.weight[counted]

    def _points(self, X: Any) -> tuple[Doubles, Doubles]:
        """Return (axes'(x - mean), 1) for each row, and (x - mean)'b."""
        right = np.column_stack([self._axes, self._coef])
        points: Doubles = _core.centred_products(X, None, self._mean, right)
        fit = points[:, -1].copy()
        points[:, -1] = 1.0
        return points, fit

    def _terms(self, X: Any) -> tuple[Doubles, Doubles, Doubles]:
        """Return f(x), a (infinite where no training row tells anything of x), and the points, of rows to predict."""
        X = rows_of(self._last, self._transform(X), None, None, look=True).X
        points, fit = self._points(X)
        if not self._wide:
            own = np.einsum("ij,ij->i", points[:, :-1], points[:, :-1]) + self._base
            geometry = self._model.geometry(0)
            if not self._alpha > 0 and not geometry.full:
                dense = X if isinstance(X, np.ndarray) else X.toarray()
                ones = np.ones((len(dense), int(self._model.has_intercept)))
                own[~geometry.estimable(np.hstack([ones, dense]).astype(np.float64))] = np.inf
            return self._height + fit, own, points
        if not self._alpha > 0:  # any y is fitted exactly
            return self._height + fit, np.full(len(fit), np.inf), points
        dense = X if isinstance(X, np.ndarray) else X.toarray()
        rest = dense - self._mean - points[:, :-1] @ self._axes.T
        own = points[:, :-1] ** 2 @ self._shares + (rest**2).sum(axis=1) / self._alpha + self._base
        return self._height + fit, own, points

    @one_blas_thread()
    def _block_of(self, points: Doubles) -> Doubles:
        product: Doubles = points @ self._rows.T
        return product

    def _blocks(self, X: Any) -> Iterator[tuple[slice, Doubles, Doubles, Doubles]]:
        """Yield rows, f(x), 1 + a and g, some rows of X at a time."""
        center, own, points = self._terms(X)
        for rows in row_slices(len(center), 4 * self.n_calibration, BLOCK_BYTES):
            yield rows, center[rows], 1.0 + own[rows], self._block_of(points[rows])

    def intervals(self, X: Any, levels: ArrayLike) -> Doubles:
        """
        Return the smallest intervals that hold every y whose p-value, by absolute residuals, is above 1 - level.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
        levels : array-like of shape (n_levels,)

        Returns
        -------
        ndarray of shape (n_rows, 2, n_levels)
            Infinite where the rows are too few for the level, or x is so far out that every y has such a p-value.
        """
        n = self.n_calibration
        wanted = np.atleast_1d(np.asarray(levels, dtype=np.float64))
        needed = (n + 1 - np.ceil(wanted * (n + 1) - SLACK)).astype(np.intp)  # rows whose score is no smaller
        parts = []
        for _, center, stretch, g in self._blocks(X):
            bounds = _bounds(self._residual, g, needed)
            finite = np.isfinite(stretch)
            bounds[~finite] = np.array([-np.inf, np.inf])[:, np.newaxis]
            bounds[finite] *= stretch[finite, np.newaxis, np.newaxis]
            parts.append(center[:, np.newaxis, np.newaxis] + bounds)
        return np.concatenate(parts) if parts else np.empty((0, 2, len(needed)))

    def _jumps(self, X: Any) -> Iterator[tuple[slice, Doubles]]:
        """Yield the y at which the predictive distribution rises, ascending for each row of X."""
        for rows, center, stretch, g in self._blocks(X):
            root_weight = np.sqrt(self._weight)
            scaled = root_weight * g
            with np.errstate(divide="ignore", invalid="ignore"):
                below = np.sqrt(stretch[:, np.newaxis] * self._complement + scaled**2) + scaled
                t = np.where(below > 0, root_weight * self._residual / below, -np.inf)
                jumps = center[:, np.newaxis] + stretch[:, np.newaxis] * t
            jumps[~np.isfinite(stretch)] = np.nan
            jumps.sort(axis=1)
            yield rows, jumps

    def cdf(self, X: Any, y: ArrayLike, tau: float | ArrayLike = 0.5) -> Doubles:
        """
        Return the conformal predictive distribution function, by studentised residuals.

        ``(#{c_i < y} + tau (1 + #{c_i = y})) / (n + 1)`` with c_i the y at which the studentised residuals of the new
        row and of row i are equal: the studentised least squares prediction machine of Vovk, Shen, Manokhin and Xie
        (2019, Machine Learning 108, 445-474), which is a distribution for every x; for the true y, and tau uniform, its
        value is uniform.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, k)
        tau : float or array-like, default=0.5
            Between 0 and 1.

        Returns
        -------
        ndarray of the shape of y
            `tau` itself where the training rows tell nothing of x.
        """
        values = np.asarray(y, dtype=np.float64)
        table = values.reshape(len(values), -1)
        found = np.empty(table.shape)
        shares = np.broadcast_to(np.asarray(tau, dtype=np.float64), values.shape).reshape(table.shape)
        if np.any((shares < 0) | (shares > 1)):
            raise ValueError(f"tau must be between 0 and 1, got {tau!r}")
        for rows, jumps in self._jumps(X):
            for i, own in enumerate(jumps, start=rows.start):
                if np.isnan(own[0]):
                    found[i] = shares[i]
                    continue
                less = np.searchsorted(own, table[i], side="left")
                equal = np.searchsorted(own, table[i], side="right") - less
                found[i] = (less + shares[i] * (1 + equal)) / (self.n_calibration + 1)
        return found.reshape(values.shape)

    def quantiles(self, X: Any, q: ArrayLike, side: str = "upper") -> Doubles:
        """
        Return quantiles of the conformal predictive distribution.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
        q : array-like of shape (k,)
        side : {"upper", "lower"}, default="upper"
            Ranks q (n + 1) rounded up or down: the true y is below the upper quantile with probability at least q, and
            below the lower one with probability at most q.

        Returns
        -------
        ndarray of shape (n_rows, k)
            Infinite where the rows are too few for q.
        """
        if side not in ("upper", "lower"):
            raise ValueError(f"side must be 'upper' or 'lower', got {side!r}")
        n = self.n_calibration
        wanted = np.atleast_1d(np.asarray(q, dtype=np.float64)) * (n + 1)
        ranks = (np.ceil(wanted - SLACK) if side == "upper" else np.floor(wanted + SLACK)).astype(np.intp)
        parts = []
        for _, jumps in self._jumps(X):
            part = jumps[:, np.clip(ranks - 1, 0, n - 1)]
            part[:, ranks < 1] = -np.inf
            part[:, ranks > n] = np.inf
            unknown = np.isnan(jumps[:, 0])
            part[unknown] = np.inf if side == "upper" else -np.inf
            parts.append(part)
        return np.concatenate(parts) if parts else np.empty((0, len(ranks)))


def _bounds(residual: Doubles, g: Doubles, needed: NDArray[np.intp]) -> Doubles:
    """
    Return the least and the largest t with ``#{i: |e_i - g_i t| >= |t|} >= needed``, of shape (m, 2, n_levels).

    For |g_i| < 1 that holds between -e / (1 - g) and e / (1 + g), one on each side of zero: ranks of these tell.
    """
    n = len(residual)
    found = np.empty((len(g), 2, len(needed)))
    far = np.abs(g).max(axis=1, initial=0.0) >= 1.0
    near = np.flatnonzero(~far)
    first, second = residual / (1.0 + g[near]), residual / (g[near] - 1.0)
    inside = (needed >= 1) & (needed <= n)
    found[:, 0], found[:, 1] = -np.inf, np.inf
    found[:, :, needed > n] = 0.0
    if inside.any() and len(near):
        at = needed[inside] - 1
        places = np.unique(at)
        lower = np.partition(np.minimum(first, second), places, axis=1)[:, at]
        upper = -np.partition(-np.maximum(first, second), places, axis=1)[:, at]
        table = np.stack([lower, upper], axis=1)
        found[near[:, np.newaxis, np.newaxis], np.arange(2)[:, np.newaxis], np.flatnonzero(inside)] = table
    for i in np.flatnonzero(far):
        for k in np.flatnonzero(inside):
            found[i, :, k] = _hull(residual, g[i], int(needed[k]))
    return found


def _hull(residual: Doubles, g: Doubles, needed: int) -> tuple[float, float]:
    """Return the same for one point and any g: some rows' sets are rays or pairs of rays, all hold zero."""

    def largest(e: Doubles, g: Doubles) -> float:
        """Of t >= 0: rows leave at the root of e - g t = -t sign and come back at the other where |g| > 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            roots = np.stack([e / (1.0 + g), e / (g - 1.0)])
        roots[~(roots > 0) | ~np.isfinite(roots)] = np.inf
        leaves, returns = np.sort(roots, axis=0)
        leaves = np.where((e == 0) & (np.abs(g) >= 1.0), np.inf, np.where(e == 0, 0.0, leaves))
        returns = np.where(np.abs(g) > 1.0, returns, np.inf)
        if np.count_nonzero(np.isinf(leaves) | np.isfinite(returns)) >= needed:
            return float(np.inf)
        ends = np.sort(leaves)  # the answer is the end of a single set
        there = len(ends) - np.searchsorted(ends, ends, side="left")
        there += np.searchsorted(np.sort(returns), ends, side="right")
        good = np.flatnonzero((there >= needed) & np.isfinite(ends))
        return float(ends[good[-1]]) if len(good) else 0.0

    return -largest(residual, -g), largest(residual, g)
