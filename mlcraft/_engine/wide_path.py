"""Leave-one-out errors of ridge regression with more columns than rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.left_out import (
    WELL_SPREAD,
    LeaveOneOut,
    Means,
    Problem,
    assemble,
    products_by_penalty,
    refuse_unless_finite,
)
from mlcraft._engine.spectrum import eigenvalues_vectors, graded_svd, one_blas_thread, product, spread

__all__ = ["dual_path", "sparse_gram", "wide_gram"]

Doubles = NDArray[np.float64]


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


def sparse_gram(X: Any, mean: Doubles | None) -> Doubles:
    """
    Return ``(X - mean) @ (X - mean).T`` of a sparse X, centred in the result where that does not cancel.

    Parameters
    ----------
    X : CSR matrix of shape (n, p), float64
    mean : ndarray of shape (p,) or None

    Returns
    -------
    ndarray of shape (n, n)
    """
    gram: Doubles = (X @ X.T).toarray()
    if mean is None:
        return gram
    along = X @ mean  # sparse: by one thread anyhow
    size = float(product(mean, mean))
    spreads = np.diagonal(gram) - 2.0 * along + size
    if np.any(np.diagonal(gram) > 1e3 * np.maximum(spreads, 0.0)):
        return wide_gram(X.toarray() - mean)
    centred: Doubles = gram - along - along[:, np.newaxis] + size
    return centred


def dual_path(problem: Problem) -> LeaveOneOut:
    """Decompose the n x n cross-products of the rows; 1 - h comes without cancellation."""
    x_mean, y_mean, weight_sum = _means(problem)
    used = np.ones(len(problem.y), dtype=bool) if problem.weight is None else np.asarray(problem.weight > 0)
    root = np.ones(len(used)) if problem.weight is None else np.sqrt(problem.weight[used].astype(np.float64))
    target = (problem.y[used] - (y_mean if problem.fit_intercept else 0.0)) * root[:, np.newaxis]
    design = _Rows(problem, x_mean, used, root)
    gram = design.gram()
    refuse_unless_finite(gram, target, weight_sum)
    one = root / np.sqrt(weight_sum) if problem.fit_intercept else None
    if one is not None:  # the centred rows leave this direction out; as the largest one it is easily told
        gram += (2.0 * np.trace(gram) or 1.0) * np.outer(one, one)
    values, vectors = eigenvalues_vectors(gram)
    if one is not None:
        values, vectors = values[:-1], vectors[:, :-1]
    if spread(values, problem.alphas.min()) > WELL_SPREAD:
        values, vectors = _row_directions(design.dense(), one)
    inverse = 1.0 / (values + problem.alphas[:, np.newaxis])
    above = products_by_penalty(vectors, inverse, product(vectors.T, target))
    below = _core.centred_products(vectors**2, None, None, np.ascontiguousarray(inverse.T))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = above / below[:, np.newaxis, :]
    moments = Means(x_mean, y_mean, weight_sum)
    return LeaveOneOut(*assemble(problem, moments, scaled, root, used, lambda: design.transposed(above)), "dual")


class _Rows:
    """The centred and weighted rows that have weight, dense only where they have to be."""

    def __init__(self, problem: Problem, mean: Doubles, used: NDArray[np.bool_], root: Doubles) -> None:
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
        gram = sparse_gram(self.X, self.mean) if self.centred else sparse_gram(self.X, None)
        return gram * self.root * self.root[:, np.newaxis]

    def transposed(self, values: Doubles) -> Doubles:
        """Return the product of the transposed rows with values of shape (rows, targets, penalties)."""
        flat = (values * self.root[:, np.newaxis, np.newaxis]).reshape(len(values), -1)
        with one_blas_thread():
            product = self.X.T @ flat - np.outer(self.mean, flat.sum(axis=0))
        return np.asarray(product).reshape(-1, *values.shape[1:])


def _means(problem: Problem) -> tuple[Doubles, Doubles, float]:
    n_rows, n_features = problem.X.shape
    weight = np.ones(n_rows) if problem.weight is None else problem.weight.astype(np.float64)
    weight_sum = float(weight.sum())
    if not problem.fit_intercept or not weight_sum > 0:
        return np.zeros(n_features), np.zeros(problem.y.shape[1]), weight_sum
    used = weight > 0
    X, share = (problem.X[used], weight[used] / weight_sum) if not used.all() else (problem.X, weight / weight_sum)
    y = problem.y[used].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        x_mean = np.asarray(product(share, X.astype(np.float64))).ravel()
        y_mean = product(share, y)
        if problem.is_dense:
            x_mean += product(share, X - x_mean)
        y_mean += product(share, y - y_mean)
    return x_mean, y_mean, weight_sum


def _row_directions(rows: Doubles, one: Doubles | None) -> tuple[Doubles, Doubles]:
    """Squared singular values and left directions of ill-conditioned rows, the direction of the mean aside."""
    n_rows = len(rows)
    columns = rows.T
    if one is not None:
        columns = np.vstack([columns, 2.0 * np.linalg.norm(rows) * one])
    with one_blas_thread():
        upper: Doubles = np.asarray(np.linalg.qr(columns, mode="r"))
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
