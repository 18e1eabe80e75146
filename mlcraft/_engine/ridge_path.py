"""Leave-one-out errors of ridge regression, for every penalty from one decomposition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.least_squares import NonFiniteError, fit_least_squares, sparse_rows
from mlcraft._engine.spectrum import eigenvalues_vectors, graded_svd, one_blas_thread, spread

__all__ = ["LeaveOneOut", "centred_rows", "leave_one_out_path", "wide_gram"]

Doubles = NDArray[np.float64]

AGREEMENT = 1e-9  # to refits
WELL_SPREAD = 1e5  # amplification of rounding up to which cross-products are good enough
LEAST_LEFT = 1e-6  # 1 - leverage below which a row is refitted


@dataclass(slots=True)
class LeaveOneOut:
    """
    Leave-one-out errors for each penalty.

    Attributes
    ----------
    squares : ndarray of shape (n_alphas, n_targets)
        ``sum_i w_i (y_i - f_(-i)(x_i))^2``.
    errors : ndarray of shape (n_samples, n_targets, n_alphas) or None
        ``y_i - f_(-i)(x_i)``, where asked for.
    method : str
        "eigen", "scaled" (Cholesky factor of the scaled cross-products), "rows" (QR factorisation) or "dual".
    """

    squares: Doubles
    errors: Doubles | None
    method: str


@dataclass(slots=True)
class _Problem:
    X: Any  # float32 or float64, dense or CSR
    y: NDArray[Any]  # (n, k), in the dtype of X
    weight: NDArray[Any] | None
    alphas: Doubles
    fit_intercept: bool
    keep: bool

    @property
    def is_dense(self) -> bool:
        return isinstance(self.X, np.ndarray)


def leave_one_out_path(
    X: Any,
    y: NDArray[Any],
    alphas: Doubles,
    *,
    sample_weight: NDArray[Any] | None = None,
    fit_intercept: bool = True,
    keep: bool = False,
) -> LeaveOneOut:
    """
    Compute the errors of all fits that leave one row out.

    With the leverage h_i of row i they are the residuals over 1 - h_i (Allen 1974), for every penalty from one
    eigendecomposition. Where the columns are too ill-conditioned for their cross-products, the decomposition is that
    of the scaled Cholesky factor or of the rows; where 1 - h_i is lost in rounding, the row is left out in earnest.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float32 or float64; computed in double.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        In the dtype of X.
    alphas : ndarray of shape (n_alphas,)
        Penalties, above zero.
    sample_weight : ndarray of shape (n_samples,), optional
        In the dtype of X. Default: all one.
    fit_intercept : bool, default=True
        Whether each fit has an intercept of its own.
    keep : bool, default=False
        Whether to return every error, besides their sums of squares.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity, or leave the range of double precision when squared.
    """
    X = X if isinstance(X, np.ndarray) else sparse_rows(X)
    targets = y.reshape(len(y), -1)
    problem = _Problem(X, targets, sample_weight, np.asarray(alphas, dtype=np.float64), fit_intercept, keep)
    n_rows = X.shape[0] if sample_weight is None else np.count_nonzero(sample_weight)
    if n_rows <= X.shape[1]:
        return _dual(problem)
    return _primal(problem)


def _finite(*arrays: Any) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")


# ---------------------------------------------------------------- more rows than columns


def _primal(problem: _Problem) -> LeaveOneOut:
    moments = _moments(problem)
    if not moments.finite or not moments.weight_sum > 0:
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")
    xx, xy = np.asarray(moments.xx), np.asarray(moments.xy)
    values, vectors = eigenvalues_vectors(xx)
    amplified = spread(values, problem.alphas.min())
    if amplified <= WELL_SPREAD:
        inverse = 1.0 / (values + problem.alphas[:, np.newaxis])
        found = _from_directions(problem, moments, vectors, inverse, vectors.T @ xy, amplified)
        if found is not None:
            return LeaveOneOut(*found, "eigen")
    found = _from_scaled_factor(problem, moments, xx, xy)
    if found is not None:
        return LeaveOneOut(*found, "scaled")
    return LeaveOneOut(*_from_rows(problem, moments), "rows")


def _moments(problem: _Problem) -> Any:
    X, y, weight = problem.X, problem.y, problem.weight
    if problem.is_dense and X.dtype == np.float32:  # products of floats would be too coarse to divide by 1 - h
        return _core.fold_moments(X, y, weight, np.arange(len(X)), [0, len(X)], problem.fit_intercept)[0]
    return _core.moments(X, y, weight, problem.fit_intercept)


def _from_directions(
    problem: _Problem, moments: Any, directions: Doubles, inverse: Doubles, projected: Doubles, amplified: float
) -> tuple[Doubles, Doubles | None] | None:
    """Sweep over the rows; None where leverages are too near one for the rounding in them."""
    n_targets, n_alphas = problem.y.shape[1], len(problem.alphas)
    with one_blas_thread():
        # column a k + t: the coefficients of target t at penalty a
        coef = np.stack([directions @ (weights[:, np.newaxis] * projected) for weights in inverse], axis=1)
    right = np.hstack([directions, coef.reshape(len(directions), n_alphas * n_targets)])
    mean_leverage = 1.0 / moments.weight_sum if problem.fit_intercept else 0.0
    smallest = max(LEAST_LEFT, np.finfo(float).eps * amplified / AGREEMENT)
    plan = (moments.x_mean, moments.y_mean, right, inverse, mean_leverage)
    squares, rows, errors = _core.leave_one_out(problem.X, problem.y, problem.weight, plan, problem.keep, smallest)
    if any(rows):
        if smallest > LEAST_LEFT:
            return None
        _refit(problem, rows, squares, errors)
    return squares, errors


def _from_scaled_factor(
    problem: _Problem, moments: Any, xx: Doubles, xy: Doubles
) -> tuple[Doubles, Doubles | None] | None:
    """Take the singular values from the Cholesky factor of the scaled cross-products: only their condition counts."""
    sizes = np.sqrt(np.diagonal(xx))
    used = sizes > 0
    sizes = sizes[used]
    scaled = xx[np.ix_(used, used)] / sizes / sizes[:, np.newaxis]
    amplified = spread(eigenvalues_vectors(scaled)[0], 0.0)
    if not amplified <= WELL_SPREAD:
        return None
    with one_blas_thread():
        lower = np.linalg.cholesky(scaled)
        left, values, _ = graded_svd(lower.T * sizes)
        whitened = np.linalg.solve(lower.T, left) / sizes[:, np.newaxis]  # the directions, to unit length of their images
    directions = np.zeros((len(xx), len(values)))
    directions[used] = whitened
    squared = values**2
    share = squared / (squared + problem.alphas[:, np.newaxis])
    return _from_directions(problem, moments, directions, share, directions.T @ xy, amplified)


def _from_rows(problem: _Problem, moments: Any) -> tuple[Doubles, Doubles | None]:
    """Take them from a QR factorisation of the centred and weighted rows."""
    rows, target, root, used = centred_rows(
        problem.X, problem.y, problem.weight, moments.x_mean, moments.y_mean, problem.fit_intercept
    )
    sizes = np.linalg.norm(rows, axis=0)
    varies = sizes > 0
    with one_blas_thread():
        basis, upper = np.linalg.qr(rows[:, varies] / sizes[varies])
    left, values, right = graded_svd(upper * sizes[varies])
    significant = values > np.finfo(float).eps * max(rows.shape) * values.max(initial=0.0)
    directions = _core.centred_products(basis, None, None, np.ascontiguousarray(left))
    squared = np.where(significant, values, 0.0) ** 2
    share = squared / (squared + problem.alphas[:, np.newaxis])
    projected = directions.T @ target
    with np.errstate(divide="ignore", invalid="ignore"):
        back = np.zeros((rows.shape[1], len(values)))
        back[varies] = right * np.where(significant, 1.0 / values, 0.0)
    one = root / np.sqrt(moments.weight_sum) if problem.fit_intercept else np.zeros(len(root))
    leverage = np.append(directions, one[:, np.newaxis], axis=1) ** 2
    weights = np.append(share, np.ones((len(share), 1)), axis=1)
    left_over = 1.0 - _core.centred_products(leverage, None, None, np.ascontiguousarray(weights.T))
    fits = _products_by_penalty(directions, share, projected)
    unreliable = left_over <= LEAST_LEFT
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = (target[:, :, np.newaxis] - fits) / left_over[:, np.newaxis, :]
    squares, errors = _assemble(
        problem, moments, scaled, root, used, lambda: _products_by_penalty(back, share, projected), unreliable
    )
    rows_at = [np.flatnonzero(used)[unreliable[:, a]].tolist() for a in range(len(problem.alphas))]
    if any(rows_at):
        _refit(problem, rows_at, squares, errors)
    return squares, errors


def _products_by_penalty(directions: Doubles, weights: Doubles, projected: Doubles) -> Doubles:
    """Return ``directions @ diag(weights[a]) @ projected`` of shape (rows, targets, penalties)."""
    right = projected[:, :, np.newaxis] * weights.T[:, np.newaxis, :]
    flat = right.reshape(len(right), right.shape[1] * right.shape[2])
    product: Doubles = _core.centred_products(directions, None, None, flat)
    return product.reshape(len(directions), projected.shape[1], len(weights))


def _assemble(
    problem: _Problem,
    moments: Any,
    scaled: Doubles,
    root: Doubles,
    used: NDArray[np.bool_],
    coef: Callable[[], Doubles],
    unreliable: NDArray[np.bool_] | None = None,
) -> tuple[Doubles, Doubles | None]:
    """Turn errors times the root of the weight, of the rows that have one, into what is returned."""
    counted = scaled if unreliable is None else np.where(unreliable[:, np.newaxis, :], 0.0, scaled)
    squares = np.einsum("ika,ika->ak", counted, counted)
    if not problem.keep:
        return squares, None
    errors = np.empty((len(used), *scaled.shape[1:]))
    errors[used] = scaled / root[:, np.newaxis, np.newaxis]
    if not used.all():  # rows without weight are left out by every fit
        outside = problem.X[~used]
        slopes = coef()
        right = slopes.reshape(len(slopes), -1)
        fits = _core.centred_products(outside, None, moments.x_mean, right).reshape(-1, *slopes.shape[1:])
        distance = problem.y[~used].astype(np.float64) - moments.y_mean
        errors[~used] = distance[:, :, np.newaxis] - fits
    return squares, errors


def _refit(problem: _Problem, rows: list[list[int]], squares: Doubles, errors: Doubles | None) -> None:
    """Leave rows out in earnest, by a weight of zero."""
    weight = np.ones(len(problem.y), dtype=problem.X.dtype) if problem.weight is None else problem.weight.copy()
    for number, unreliable in enumerate(rows):
        for row in unreliable:
            before, weight[row] = weight[row], 0.0
            if weight.any():
                fit = fit_least_squares(
                    problem.X,
                    problem.y,
                    alpha=float(problem.alphas[number]),
                    sample_weight=weight,
                    fit_intercept=problem.fit_intercept,
                )
                left = problem.X[[row]]
                there = (left if problem.is_dense else left.toarray()).astype(np.float64)[0]
                error = problem.y[row] - (fit.coef.astype(np.float64) @ there + fit.intercept)
            else:  # no row is left to learn from
                error = np.full(problem.y.shape[1], np.nan)
            weight[row] = before
            squares[number] += float(before) * error**2
            if errors is not None:
                errors[row, :, number] = error


# ---------------------------------------------------------------- more columns than rows


def centred_rows(
    X: Any, y: NDArray[Any], weight: NDArray[Any] | None, x_mean: Doubles, y_mean: Doubles, fit_intercept: bool
) -> tuple[Doubles, Doubles, Doubles, NDArray[np.bool_]]:
    """
    Return the centred rows and targets times the roots of their weights, those roots, and which rows have weight.

    Parameters
    ----------
    X, y, weight : the problem, y of shape (n_samples, n_targets)
    x_mean : ndarray of shape (n_features,)
    y_mean : ndarray of shape (n_targets,)
    fit_intercept : bool

    Returns
    -------
    rows : ndarray of shape (n_used, n_features)
    target : ndarray of shape (n_used, n_targets)
    root : ndarray of shape (n_used,)
    used : ndarray of shape (n_samples,)
    """
    used = np.ones(len(y), dtype=bool) if weight is None else np.asarray(weight > 0)
    chosen = X if used.all() else X[used]
    rows = (chosen if isinstance(X, np.ndarray) else chosen.toarray()).astype(np.float64)
    target = y[used].astype(np.float64)
    root = np.ones(len(target)) if weight is None else np.sqrt(weight[used].astype(np.float64))
    if fit_intercept:
        rows -= x_mean
        target -= y_mean
    if weight is not None:
        rows *= root[:, np.newaxis]
        target *= root[:, np.newaxis]
    return rows, target, root, used


def wide_gram(rows: Doubles) -> Doubles:
    """
    Return ``rows @ rows.T``, the same bits for any number of threads.

    Parameters
    ----------
    rows : ndarray of shape (n, p)

    Returns
    -------
    ndarray of shape (n, n)
    """
    return np.asarray(_core.moments(rows.T, np.zeros(rows.shape[1]), None, False).xx)


def _dual(problem: _Problem) -> LeaveOneOut:
    """Decompose the n x n cross-products of the rows; 1 - h comes without cancellation."""
    x_mean, y_mean, weight_sum = _means(problem)
    used = np.ones(len(problem.y), dtype=bool) if problem.weight is None else np.asarray(problem.weight > 0)
    root = np.ones(len(used)) if problem.weight is None else np.sqrt(problem.weight[used].astype(np.float64))
    target = (problem.y[used] - (y_mean if problem.fit_intercept else 0.0)) * root[:, np.newaxis]
    design = _Rows(problem, x_mean, used, root)
    gram = design.gram()
    _finite(gram, target, weight_sum)
    one = root / np.sqrt(weight_sum) if problem.fit_intercept else None
    if one is not None:  # the centred rows leave this direction out; as the largest one it is easily told
        gram += (2.0 * np.trace(gram) or 1.0) * np.outer(one, one)
    values, vectors = eigenvalues_vectors(gram)
    if one is not None:
        values, vectors = values[:-1], vectors[:, :-1]
    if spread(values, problem.alphas.min()) > WELL_SPREAD:
        values, vectors = _row_directions(design.dense(), one)
    inverse = 1.0 / (values + problem.alphas[:, np.newaxis])
    above = _products_by_penalty(vectors, inverse, vectors.T @ target)
    below = _core.centred_products(vectors**2, None, None, np.ascontiguousarray(inverse.T))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = above / below[:, np.newaxis, :]
    moments = _Means(x_mean, y_mean, weight_sum)
    return LeaveOneOut(*_assemble(problem, moments, scaled, root, used, lambda: design.transposed(above)), "dual")


class _Rows:
    """The centred and weighted rows that have weight, dense only where they have to be."""

    def __init__(self, problem: _Problem, mean: Doubles, used: NDArray[np.bool_], root: Doubles) -> None:
        X = problem.X if used.all() else problem.X[used]
        self.X, self.mean, self.root = X.astype(np.float64), mean, root
        self.centred = problem.fit_intercept

    def dense(self) -> Doubles:
        rows: Doubles = self.X - self.mean if isinstance(self.X, np.ndarray) else self.X.toarray() - self.mean
        rows *= self.root[:, np.newaxis]
        return rows

    def gram(self) -> Doubles:
        if isinstance(self.X, np.ndarray):
            return wide_gram(self.dense())
        gram: Doubles = (self.X @ self.X.T).toarray()
        if self.centred:
            along = self.X @ self.mean
            size = float(self.mean @ self.mean)
            if np.any(np.diagonal(gram) > 1e3 * np.maximum(np.diagonal(gram) - 2.0 * along + size, 0.0)):
                return wide_gram(self.dense())  # what is far from zero would cancel
            gram = gram - along - along[:, np.newaxis] + size
        return gram * self.root * self.root[:, np.newaxis]

    def transposed(self, values: Doubles) -> Doubles:
        """Return the product of the transposed rows with values of shape (rows, targets, penalties)."""
        flat = (values * self.root[:, np.newaxis, np.newaxis]).reshape(len(values), -1)
        with one_blas_thread():
            product = self.X.T @ flat - np.outer(self.mean, flat.sum(axis=0))
        return np.asarray(product).reshape(-1, *values.shape[1:])


@dataclass(slots=True)
class _Means:
    x_mean: Doubles
    y_mean: Doubles
    weight_sum: float


def _means(problem: _Problem) -> tuple[Doubles, Doubles, float]:
    n_rows, n_features = problem.X.shape
    weight = np.ones(n_rows) if problem.weight is None else problem.weight.astype(np.float64)
    weight_sum = float(weight.sum())
    if not problem.fit_intercept or not weight_sum > 0:
        return np.zeros(n_features), np.zeros(problem.y.shape[1]), weight_sum
    used = weight > 0
    X, share = (problem.X[used], weight[used] / weight_sum) if not used.all() else (problem.X, weight / weight_sum)
    y = problem.y[used].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        x_mean = np.asarray(share @ X.astype(np.float64)).ravel()
        y_mean = share @ y
        if problem.is_dense:
            x_mean += share @ (X - x_mean)
        y_mean += share @ (y - y_mean)
    return x_mean, y_mean, weight_sum


def _row_directions(rows: Doubles, one: Doubles | None) -> tuple[Doubles, Doubles]:
    """Squared singular values and left directions of ill-conditioned rows, the direction of the mean aside."""
    n_rows = len(rows)
    columns = rows.T
    if one is not None:
        columns = np.vstack([columns, 2.0 * np.linalg.norm(rows) * one])
    with one_blas_thread():
        upper = np.linalg.qr(columns, mode="r")
    _, values, vectors = graded_svd(upper)
    if one is not None:
        values, vectors = values[1:], vectors[:, 1:]
    significant = values > np.finfo(float).eps * max(rows.shape) * values.max(initial=0.0)
    values, vectors = values[significant], vectors[:, significant]
    # what is orthogonal to them has the eigenvalue zero
    known = vectors if one is None else np.column_stack([one, vectors])
    with one_blas_thread():
        full = np.linalg.qr(known, mode="complete")[0] if known.shape[1] < n_rows else known
    rest = full[:, known.shape[1] :]
    return np.append(values**2, np.zeros(rest.shape[1])), np.column_stack([vectors, rest])
