"""The design of a fit, as its factor tells it: the inverse of its cross-products, and what the data determine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._triangle import inverse_of_triangle

__all__ = ["ESTIMABLE", "Geometry", "geometry_of"]

Doubles = NDArray[np.float64]
ESTIMABLE = 1e-7  # share of a contrast that may lie outside the row space
ROUNDING = 1e-10


@dataclass(frozen=True)
class Geometry:
    """
    The design of one target, as its factor tells it: nothing here depends on y.

    With m = `mean`, M = (X - m)' W (X - m) and V = (M + alpha I)^-1 (a generalised inverse where columns depend on each
    other), `root` has ``root @ root.T == V``. Parameters are (intercept, coef), or coef alone without an intercept.

    Attributes
    ----------
    bread : ndarray of shape (n_parameters, n_parameters)
        ``[[1/weight_sum + m'Vm, -m'V], [-Vm, V]]``: (Z'WZ + alpha D)^-1 for Z = [1, X] and D = diag(0, 1, ..., 1).
    root : ndarray of shape (n_features, rank)
        Square root of V. The leverage of a row of weight w is
        ``w * (1 / weight_sum + ((x - mean) @ root) ** 2 summed)``, the first term with an intercept only.
    mean : ndarray of shape (n_features,)
        Weighted means of the columns; zeros without an intercept.
    weight_sum : float
        Sum of the weights.
    alpha : float
        Ridge penalty.
    rank : int
        Number of directions that the (penalised) design has, without the intercept.
    effective_df : float
        Trace of the hat matrix, the intercept included: the number of independent columns without a penalty.
    has_intercept : bool
        Whether there is an intercept.
    used : ndarray of bool of shape (n_features,)
        Which columns have any spread.
    directions : ndarray of shape (n_features, rank) or None
        Orthonormal basis of the row space of (X - m) S, S = diag(scale), where columns depend on each other.
    scale : ndarray of shape (n_features,)
        The diagonal of S.
    """

    bread: Doubles
    root: Doubles
    mean: Doubles
    weight_sum: float
    alpha: float
    rank: int
    effective_df: float
    has_intercept: bool
    used: NDArray[np.bool_]
    directions: Doubles | None
    scale: Doubles

    @property
    def feature_inverse(self) -> Doubles:
        """V, of shape (n_features, n_features)."""
        return self.bread[1:, 1:] if self.has_intercept else self.bread

    @one_blas_thread()
    def with_root(self, root: Doubles, mean: Doubles) -> Geometry:
        """
        Return the same geometry with a more accurate root and means.

        Parameters
        ----------
        root : ndarray of shape (n_features, rank)
        mean : ndarray of shape (n_features,)

        Returns
        -------
        Geometry
        """
        return _assembled(
            root,
            mean,
            self.weight_sum,
            self.alpha,
            self.rank,
            self.has_intercept,
            self.used,
            self.directions,
            self.scale,
        )

    @cached_property
    def full(self) -> bool:
        """Whether the data determine every parameter."""
        return self.directions is None and bool(self.used.all())

    @cached_property
    def identified(self) -> NDArray[np.bool_]:
        """Which parameters the data determine, of shape (n_parameters,)."""
        if self.full:
            return np.ones(len(self.bread), dtype=bool)
        return self.estimable(np.eye(len(self.bread)))

    @one_blas_thread()
    def estimable(self, contrasts: Doubles) -> NDArray[np.bool_]:
        """
        Tell which linear combinations of the parameters are the same for every least-squares solution.

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)

        Returns
        -------
        ndarray of bool of shape (n_contrasts,)
        """
        if self.full:
            return np.ones(len(contrasts), dtype=bool)
        if self.has_intercept:  # c0 * intercept + c'b = c0 * mean of y + (c - c0 mean)'b
            shift = contrasts[:, :1] * self.mean
            sizes = np.abs(contrasts[:, 1:]) + np.abs(shift)
            contrasts = contrasts[:, 1:] - shift
            contrasts = np.where(np.abs(contrasts) > ROUNDING * sizes, contrasts, 0.0)
        answer: NDArray[np.bool_] = ~np.any(contrasts[:, ~self.used], axis=1)
        if self.directions is not None:
            scaled = contrasts * self.scale
            outside = scaled - scaled @ self.directions @ self.directions.T
            answer &= np.linalg.norm(outside, axis=1) <= ESTIMABLE * np.linalg.norm(scaled, axis=1)
        return answer


@one_blas_thread()
def geometry_of(factor: Factor, alpha: float, has_intercept: bool) -> Geometry:
    """
    Return the geometry of a design under a penalty.

    Parameters
    ----------
    factor : Factor
        Of a design with more rows than columns.
    alpha : float
        Ridge penalty, whatever that of the factor is.
    has_intercept : bool

    Returns
    -------
    Geometry
    """
    mean, weight_sum, scale, lower = factor.mean, factor.weight_sum, factor.scale, factor.lower
    used = scale > 0
    rank = int(np.count_nonzero(used))
    directions = None
    if alpha != factor.alpha:
        lower, scale = _with_penalty(factor, alpha)
    if factor.rank < rank and not alpha > 0:
        rank = factor.rank
        left, values, _ = np.linalg.svd(np.tril(lower) * used[:, np.newaxis])
        directions = left[:, :rank]
        root = scale[:, np.newaxis] * directions / values[:rank]
    else:
        root = (inverse_of_triangle(lower) * scale).T
    return _assembled(root, mean, weight_sum, alpha, rank, has_intercept, used, directions, scale)


def _assembled(
    root: Doubles,
    mean: Doubles,
    weight_sum: float,
    alpha: float,
    rank: int,
    has_intercept: bool,
    used: NDArray[np.bool_],
    directions: Doubles | None,
    scale: Doubles,
) -> Geometry:
    inverse = root @ root.T
    effective_df = rank - alpha * float(np.trace(inverse)) + has_intercept
    bread = inverse
    if has_intercept:
        bread = np.empty((len(mean) + 1, len(mean) + 1))
        pulled = inverse @ mean
        bread[0, 0] = 1.0 / weight_sum + mean @ pulled
        bread[0, 1:] = bread[1:, 0] = -pulled
        bread[1:, 1:] = inverse
    return Geometry(bread, root, mean, weight_sum, alpha, rank, effective_df, has_intercept, used, directions, scale)


def _with_penalty(factor: Factor, alpha: float) -> tuple[Doubles, Doubles]:
    """Triangle and scale of the same design under another penalty."""
    used = factor.scale > 0
    matrix = factor.matrix()
    matrix[np.diag_indices_from(matrix)] += np.where(used, alpha - factor.alpha, 0.0)
    diagonal = np.diagonal(matrix)
    scale = np.where(used, 1.0 / np.sqrt(np.where(used, diagonal, 1.0)), 0.0)
    scaled = matrix * scale * scale[:, np.newaxis]
    scaled[np.diag_indices_from(scaled)] = 1.0
    lower = np.asarray(np.linalg.cholesky(scaled), dtype=np.float64)
    return lower, scale
