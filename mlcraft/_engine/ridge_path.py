"""Leave-one-out errors of ridge regression, for every penalty from one decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.left_out import (
    LEAST_LEFT,
    WELL_SPREAD,
    LeaveOneOut,
    Problem,
    assemble,
    in_double,
    in_range,
    products_by_penalty,
    refit,
)
from mlcraft._engine.spectrum import eigenvalues_vectors, graded_svd, one_blas_thread, product, spread
from mlcraft._engine.wide_path import dual_path

__all__ = ["leave_one_out_path"]

Doubles = NDArray[np.float64]

AGREEMENT = 1e-9  # to refits


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
        If X, y or the weights hold NaN or infinity, or leave the range of double precision.
    """
    X, y, sample_weight = readable(X, y, sample_weight)
    if not isinstance(X, np.ndarray):
        X, y, sample_weight = in_double(X, y, sample_weight)
    targets, alphas = y.reshape(len(y), -1), np.asarray(alphas, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found
        try:
            return _path(Problem(X, targets, sample_weight, alphas, fit_intercept, keep))
        except NonFiniteError:
            X, targets, sample_weight, scales = in_range(X, targets, sample_weight)
        found = _path(Problem(X, targets, sample_weight, scales.penalties(alphas), fit_intercept, keep))
        squares = np.ldexp(found.squares, 2 * scales.y + scales.weight)
        errors = None if found.errors is None else np.ldexp(found.errors, scales.y)
    return LeaveOneOut(squares, errors, found.method)


def _path(problem: Problem) -> LeaveOneOut:
    n_rows = len(problem.y) if problem.weight is None else np.count_nonzero(problem.weight)
    return dual_path(problem) if n_rows <= problem.X.shape[1] else _primal(problem)


# ---------------------------------------------------------------- more rows than columns


def _primal(problem: Problem) -> LeaveOneOut:
    moments = _moments(problem)
    if not moments.finite or not moments.weight_sum > 0:
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")
    xx, xy = np.asarray(moments.xx), np.asarray(moments.xy)
    values, vectors = eigenvalues_vectors(xx)
    amplified = spread(values, problem.alphas.min())
    if amplified <= WELL_SPREAD:
        inverse = 1.0 / (values + problem.alphas[:, np.newaxis])
        found = _from_directions(problem, moments, vectors, inverse, product(vectors.T, xy), amplified)
        if found is not None:
            return LeaveOneOut(*found, "eigen")
    found = _from_scaled_factor(problem, moments, xx, xy)
    if found is not None:
        return LeaveOneOut(*found, "scaled")
    return LeaveOneOut(*_from_rows(problem, moments), "rows")


def _moments(problem: Problem) -> Any:
    X, y, weight = problem.X, problem.y, problem.weight
    if problem.is_dense and X.dtype == np.float32:  # products of floats would be too coarse to divide by 1 - h
        return _core.fold_moments(X, y, weight, np.arange(len(X)), [0, len(X)], problem.fit_intercept)[0]
    return _core.moments(X, y, weight, problem.fit_intercept)


def _from_directions(
    problem: Problem, moments: Any, directions: Doubles, inverse: Doubles, projected: Doubles, amplified: float
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
        refit(problem, rows, squares, errors)
    return squares, errors


def _from_scaled_factor(
    problem: Problem, moments: Any, xx: Doubles, xy: Doubles
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
        left, values, _ = graded_svd(np.asarray(lower.T * sizes, dtype=np.float64))
        whitened = (
            np.linalg.solve(lower.T, left) / sizes[:, np.newaxis]
        )  # the directions, to unit length of their images
    directions = np.zeros((len(xx), len(values)))
    directions[used] = whitened
    squared = values**2
    share = squared / (squared + problem.alphas[:, np.newaxis])
    return _from_directions(problem, moments, directions, share, product(directions.T, xy), amplified)


def _from_rows(problem: Problem, moments: Any) -> tuple[Doubles, Doubles | None]:
    """Take them from a QR factorisation of the centred and weighted rows."""
    rows, target, root, used = _centred_rows(
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
    projected = product(directions.T, target)
    with np.errstate(divide="ignore", invalid="ignore"):
        back = np.zeros((rows.shape[1], len(values)))
        back[varies] = right * np.where(significant, 1.0 / values, 0.0)
    one = root / np.sqrt(moments.weight_sum) if problem.fit_intercept else np.zeros(len(root))
    leverage = np.append(directions, one[:, np.newaxis], axis=1) ** 2
    weights = np.append(share, np.ones((len(share), 1)), axis=1)
    left_over = 1.0 - _core.centred_products(leverage, None, None, np.ascontiguousarray(weights.T))
    fits = products_by_penalty(directions, share, projected)
    unreliable = left_over <= LEAST_LEFT
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = (target[:, :, np.newaxis] - fits) / left_over[:, np.newaxis, :]
    squares, errors = assemble(
        problem, moments, scaled, root, used, lambda: products_by_penalty(back, share, projected), unreliable
    )
    rows_at = [np.flatnonzero(used)[unreliable[:, a]].tolist() for a in range(len(problem.alphas))]
    if any(rows_at):
        refit(problem, rows_at, squares, errors)
    return squares, errors


def _centred_rows(
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
