"""The information of a logistic fit to few rows, where calls cost more than sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable

__all__ = ["CONSTANT", "information_of_few", "look_at_few"]

Doubles = NDArray[np.float64]
CONSTANT = 1e-13  # spread of a column, relative to its mean, that is nothing but rounding


def look_at_few(
    X: Any,
    codes: NDArray[Any],
    slopes: Doubles,
    constants: Doubles,
    sample_weight: NDArray[Any] | None,
    fit_intercept: bool,
) -> dict[str, Any]:
    """
    Look at the rows of a fit of two classes in one call: such a fit takes no longer than some calls of NumPy.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        float64, as are the others.
    codes : ndarray of shape (n_samples,)
        0 or 1.
    slopes : ndarray of shape (1, n_features)
    constants : ndarray of shape (1,)
    sample_weight : ndarray of shape (n_samples,) or None
    fit_intercept : bool

    Returns
    -------
    dict
        Fields of `LikelihoodFit`: own_weight, n_certain, matrix, mean.
    """
    X, codes, sample_weight = readable(X, codes, sample_weight)
    total, second, certain, weight, mean, spread = _core.logistic_information(
        X, codes, sample_weight, slopes[0], float(constants[0]), fit_intercept
    )
    matrix = _bordered(weight, mean, spread) if fit_intercept else spread
    return {"own_weight": np.array([second - total, second]), "n_certain": certain, "matrix": matrix, "mean": mean}


def information_of_few(X: Any, hessian: Doubles, fit_intercept: bool) -> tuple[Doubles, Doubles]:
    """
    Compute `information_matrix` of two classes without blocks.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    hessian : ndarray of shape (n_samples,)
        ``w mu (1 - mu)``.
    fit_intercept : bool

    Returns
    -------
    matrix, mean : ndarray
    """
    if not fit_intercept:
        return X.T @ (hessian[:, np.newaxis] * X), np.zeros(X.shape[1])
    total = float(hessian.sum())
    mean = (hessian @ X) / max(total, np.finfo(np.float64).tiny)
    Z = X - mean
    return _bordered(total, mean, Z.T @ (hessian[:, np.newaxis] * Z)), mean


def _bordered(total: float, mean: Doubles, spread: Doubles) -> Doubles:
    """Put the intercept, at the mean, before the columns; columns without spread become zero."""
    matrix = np.zeros((len(mean) + 1, len(mean) + 1))
    matrix[0, 0] = total
    matrix[1:, 1:] = spread
    flat = spread.diagonal() <= total * (CONSTANT * mean) ** 2
    if flat.any():
        matrix[1:][flat] = 0.0
        matrix[:, 1:][:, flat] = 0.0
    return matrix
