"""What Bayesian regressions need of the rows: their moments, decomposed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.gathered import gather
from mlcraft._engine.least_squares import predict_linear
from mlcraft._engine.spectrum import eigenvalues_vectors, graded_svd

__all__ = ["RegressionMoments", "Spectrum", "regression_moments", "spectrum_of"]

Doubles = NDArray[np.float64]
GRADED = 1e-11  # ratio of eigenvalues below which those of the Gram matrix have lost too many digits
EXACT = 1e-8  # share of the squares of y below which what is left of them is summed row by row


@dataclass(slots=True)
class RegressionMoments:
    """
    Sums over rows, about the means where there is an intercept.

    Attributes
    ----------
    x_mean : ndarray of shape (n_features,)
        Zeros without an intercept.
    y_mean : float
    xx : ndarray of shape (n_features, n_features)
    xy : ndarray of shape (n_features,)
    yy : float
    weight_sum : float
    n_samples : int
    rows : tuple
        X, y and the weights, for what moments cannot tell.
    """

    x_mean: Doubles
    y_mean: float
    xx: Doubles
    xy: Doubles
    yy: float
    weight_sum: float
    n_samples: int
    rows: tuple[Any, NDArray[Any], NDArray[Any] | None]

    def squared_error(self, coef: Doubles) -> float:
        """Return the weighted squares of the residuals of `coef`, with the intercept that suits it."""
        moments = self.yy - 2.0 * float(coef @ self.xy) + float(coef @ self.xx @ coef)
        if moments > EXACT * self.yy:
            return moments
        X, y, weight = self.rows
        intercept = np.asarray(self.y_mean - self.x_mean @ coef)
        residual = np.asarray(y, dtype=np.float64) - predict_linear(X, coef.astype(X.dtype), intercept.astype(X.dtype))
        squares = residual**2
        return float(squares.sum() if weight is None else squares @ weight)

    def centred_rows(self) -> Doubles:
        """Return a copy of the rows, centred and times the roots of their weights."""
        X, _, weight = self.rows
        rows = X.astype(np.float64) - self.x_mean
        if weight is not None:
            rows *= np.sqrt(weight.astype(np.float64))[:, np.newaxis]
        return np.asarray(rows)


def regression_moments(
    X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None, fit_intercept: bool
) -> RegressionMoments:
    """
    Gather the moments of a regression in one pass.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        float32 or float64, not copied.
    y : ndarray of shape (n_samples,)
        In the dtype of X.
    sample_weight : ndarray of shape (n_samples,) or None
    fit_intercept : bool

    Returns
    -------
    RegressionMoments

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity.
    """
    core = gather(X, y, sample_weight, centre=fit_intercept).core
    mean = core.x_mean if fit_intercept else np.zeros(X.shape[1])
    return RegressionMoments(
        np.asarray(mean, dtype=np.float64),
        float(core.y_mean[0]) if fit_intercept else 0.0,
        np.asarray(core.xx, dtype=np.float64),
        np.asarray(core.xy, dtype=np.float64).reshape(X.shape[1], -1)[:, 0],
        float(np.asarray(core.yy).ravel()[0]),
        float(core.weight_sum),
        X.shape[0],
        (X, y, sample_weight),
    )


@dataclass(slots=True)
class Spectrum:
    """
    Eigenvalues and eigenvectors of the cross-products, and X'y in these directions.

    Attributes
    ----------
    values : ndarray of shape (n_features,)
        Not below zero; exactly zero where only rounding is left.
    vectors : ndarray of shape (n_features, n_features)
        In the columns.
    target : ndarray of shape (n_features,)
        ``vectors.T @ xy``, zero where the value is.
    """

    values: Doubles
    vectors: Doubles
    target: Doubles


def spectrum_of(moments: RegressionMoments) -> Spectrum:
    """
    Decompose the cross-products; by the rows themselves where their squares have lost too many digits.

    Parameters
    ----------
    moments : RegressionMoments

    Returns
    -------
    Spectrum
    """
    values, vectors = eigenvalues_vectors(moments.xx)
    p = len(values)
    rank = min(p, moments.n_samples)
    if p and values[p - rank] < GRADED * values[-1]:
        triangle = np.linalg.qr(moments.centred_rows(), mode="r")
        square = np.zeros((p, p))
        square[: len(triangle)] = triangle
        _, singular, right = graded_svd(square)
        kept = len(singular)
        whole = np.linalg.qr(right, mode="complete")[0] if kept < p else right
        values = np.append(np.zeros(p - kept), singular[::-1] ** 2)
        vectors = np.column_stack([whole[:, kept:], right[:, ::-1]])
        floor = (max(p, moments.n_samples) * np.finfo(np.float64).eps) ** 2
    else:
        floor = p * np.finfo(np.float64).eps
    values = np.where(values > floor * values.max(initial=0.0), values, 0.0)
    values[: p - rank] = 0.0
    target = np.where(values > 0, vectors.T @ moments.xy, 0.0)
    return Spectrum(values, vectors, target)
