"""The information of a fit by likelihood, inverted: what the data determine, and how exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._geometry import ESTIMABLE, geometry_of
from mlcraft.uncertainty._sandwich import root_about_mean

__all__ = ["GlmGeometry", "about_zero", "geometry_of_factor", "geometry_of_matrix"]

Doubles = NDArray[np.float64]
SINGULAR = 1e-13  # of the information with unit diagonal, for each parameter


def about_zero(centred: Doubles, mean: Doubles | None) -> Doubles:
    """
    Turn a covariance of (prediction at the mean, coef), by class, into one of (intercept, coef).

    Parameters
    ----------
    centred : ndarray of shape (n_parameters, n_parameters)
    mean : ndarray of shape (n_features,) or None
        None without an intercept.

    Returns
    -------
    ndarray of shape (n_parameters, n_parameters)
    """
    if mean is None:
        return centred
    width = len(mean) + 1
    turned = centred.reshape(-1, width, len(centred)).copy()
    turned[:, 0] -= np.einsum("j,kjn->kn", mean, turned[:, 1:])
    turned = turned.reshape(len(centred), -1, width)
    turned[:, :, 0] -= turned[:, :, 1:] @ mean
    return turned.reshape(centred.shape)


@dataclass(frozen=True)
class GlmGeometry:
    """
    Information of a fit by likelihood, for parameters in blocks (prediction at the mean, coef), one for each contrast.

    Attributes
    ----------
    matrix : ndarray of shape (n_parameters, n_parameters)
        The information of the data, without the penalty.
    root : ndarray of shape (n_parameters, rank)
        ``root @ root.T`` is the (generalised) inverse of the information with the penalty.
    mean : ndarray of shape (n_features,) or None
        The centre of the columns; None without an intercept.
    null : ndarray of shape (n_parameters, n_directions)
        Orthonormal directions that the data do not determine, for parameters divided by `scale`.
    scale : ndarray of shape (n_parameters,)
        Sizes of the parameters; zero for columns without spread.
    penalised : bool
        Whether there is a penalty.
    """

    matrix: Doubles
    root: Doubles
    mean: Doubles | None
    null: Doubles
    scale: Doubles
    penalised: bool

    @cached_property
    def bread(self) -> Doubles:
        """Inverse of the information, of (prediction at the mean, coef) by class."""
        with one_blas_thread():
            product: Doubles = self.root @ self.root.T
        return product

    @cached_property
    def effective_df(self) -> float:
        """Effective number of parameters: the trace of the information times its penalised inverse."""
        if not self.penalised:
            return float(self.root.shape[1])
        return float(np.sum(self.bread * self.matrix))

    @property
    def full(self) -> bool:
        """Whether the data (and the penalty) determine every parameter."""
        return not self.null.size and bool(np.all(self.scale > 0))

    @cached_property
    def identified(self) -> NDArray[np.bool_]:
        """Which parameters (intercept, coef) they determine, of shape (n_parameters,)."""
        return self.estimable(np.eye(len(self.matrix)))

    def centred(self, contrasts: Doubles) -> Doubles:
        """
        Write combinations of (intercept, coef) as combinations of (prediction at the mean, coef).

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)

        Returns
        -------
        ndarray of the same shape
        """
        if self.mean is None:
            return contrasts
        turned = contrasts.reshape(len(contrasts), -1, len(self.mean) + 1).copy()
        turned[:, :, 1:] -= turned[:, :, :1] * self.mean
        return turned.reshape(contrasts.shape)

    @one_blas_thread()
    def estimable(self, contrasts: Doubles) -> NDArray[np.bool_]:
        """
        Tell which combinations of (intercept, coef) the data determine.

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)

        Returns
        -------
        ndarray of bool of shape (n_contrasts,)
        """
        if self.full:
            return np.ones(len(contrasts), dtype=bool)
        turned = self.centred(contrasts)
        turned[np.abs(turned) <= 1e-10 * np.abs(contrasts).max(axis=1, keepdims=True)] = 0.0
        answer: NDArray[np.bool_] = ~np.any(turned[:, self.scale == 0], axis=1)
        if self.null.size:
            scaled = turned * self.scale
            outside = np.linalg.norm(scaled @ self.null, axis=1)
            answer &= outside <= ESTIMABLE * np.linalg.norm(scaled, axis=1)
        return answer


@one_blas_thread()
def geometry_of_factor(factor: Factor, penalty: float, has_intercept: bool) -> GlmGeometry:
    """
    Return the geometry of a fit to two classes from the factor of its information.

    Parameters
    ----------
    factor : Factor
        Of the weighted cross-products with weights ``w mu (1 - mu)``.
    penalty : float
        What was added to the diagonal.
    has_intercept : bool

    Returns
    -------
    GlmGeometry
    """
    features = factor.matrix()
    features[np.diag_indices_from(features)] -= np.where(factor.scale > 0, factor.alpha, 0.0)
    width, start = len(features) + has_intercept, int(has_intercept)
    matrix = np.zeros((width, width))
    matrix[start:, start:] = features
    if has_intercept:
        matrix[0, 0] = factor.weight_sum
    mean = factor.mean if has_intercept else None
    geometry = geometry_of(factor, penalty, has_intercept)
    if not geometry.full:
        ridge = np.zeros(width)
        ridge[start:] = penalty
        return geometry_of_matrix(matrix, np.diag(ridge), mean)
    scale = np.ones(width)
    return GlmGeometry(matrix, root_about_mean(geometry), mean, np.empty((width, 0)), scale, penalty > 0)


@one_blas_thread()
def geometry_of_matrix(matrix: Doubles, ridge: Doubles, mean: Doubles | None) -> GlmGeometry:
    """
    Return the geometry of a fit from its information, by eigenvalues where it is singular.

    Parameters
    ----------
    matrix : ndarray of shape (n_parameters, n_parameters)
        Information of the data, about the mean.
    ridge : ndarray of shape (n_parameters, n_parameters)
        The penalty's second derivative, about the mean.
    mean : ndarray of shape (n_features,) or None

    Returns
    -------
    GlmGeometry
    """
    total = matrix + ridge
    diagonal = np.diagonal(total)
    used = np.flatnonzero(diagonal > 0)
    scale = np.zeros(len(total))
    scale[used] = 1.0 / np.sqrt(diagonal[used])
    values, vectors = np.linalg.eigh((total * scale * scale[:, np.newaxis])[np.ix_(used, used)])
    kept = values > SINGULAR * max(10, len(values))
    root, null = np.zeros((len(total), int(kept.sum()))), np.zeros((len(total), int((~kept).sum())))
    root[used] = scale[used, np.newaxis] * vectors[:, kept] / np.sqrt(values[kept])
    null[used] = vectors[:, ~kept]
    # combinations c'b are determined where c is orthogonal to the null vectors, with b and c in the scaled units
    return GlmGeometry(matrix, root, mean, null, scale, bool(ridge.any()))
