"""Eigenvalues and singular values for many ridge penalties, with bits that do not depend on the number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["eigenvalues_vectors", "graded_svd", "one_blas_thread", "product", "spread"]

Doubles = NDArray[np.float64]
_lock = threading.RLock()  # limits of a thread pool are global: whoever changes them must be alone


@lru_cache(maxsize=1)
def _pools() -> Any:
    import scipy.linalg  # noqa: F401 - its BLAS has to be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy's and SciPy's BLAS use one thread: their sums depend on how many share the work."""
    with _lock, _pools().limit(limits=1):
        yield


def product(left: Any, right: Any) -> Any:
    """
    Multiply matrices by one thread of the BLAS.

    Parameters
    ----------
    left, right : ndarray or sparse matrix

    Returns
    -------
    ndarray or sparse matrix
    """
    with one_blas_thread():
        return left @ right


def eigenvalues_vectors(matrix: Doubles) -> tuple[Doubles, Doubles]:
    """
    Decompose a symmetric positive semi-definite matrix.

    Parameters
    ----------
    matrix : ndarray of shape (p, p)

    Returns
    -------
    values : ndarray of shape (p,)
        Ascending, not below zero.
    vectors : ndarray of shape (p, p)
        In the columns.
    """
    with one_blas_thread():
        values, vectors = np.linalg.eigh(matrix)
    return np.maximum(values, 0.0), vectors


def spread(values: Doubles, alpha: float) -> float:
    """
    Return by how much rounding is amplified when a spectrum with penalty is inverted.

    Parameters
    ----------
    values : ndarray of shape (p,)
        Eigenvalues.
    alpha : float
        The smallest penalty.

    Returns
    -------
    float
        ``max(values) / (min(values) + alpha)``; infinite for a singular matrix without penalty.
    """
    if not values.size or values.max() == 0:
        return 1.0
    least = values.min() + alpha
    return float(values.max() / least) if least > 0 else np.inf


def graded_svd(matrix: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """
    Singular values of a square matrix to high relative accuracy, however its columns are scaled.

    One-sided Jacobi rotations with a rank-revealing QR factorisation before them (Drmac and Veselic 2008).

    Parameters
    ----------
    matrix : ndarray of shape (p, p)

    Returns
    -------
    left : ndarray of shape (p, r)
    values : ndarray of shape (r,)
        Descending, above zero.
    right : ndarray of shape (p, r)
        ``matrix = left @ diag(values) @ right.T``.
    """
    from scipy.linalg.lapack import dgejsv

    if not matrix.size or not matrix.any():
        return matrix[:, :0], np.zeros(0), matrix[:, :0]
    with one_blas_thread():
        values, left, right, work, _, info = dgejsv(matrix, joba=0, jobu=0, jobv=0, jobr=0, jobt=1, jobp=1)
        if info != 0:  # pragma: no cover - the rotations have always ended
            left, values, right = np.linalg.svd(matrix)
            right = right.T
        else:
            values = values * (work[0] / work[1])
    kept = values > 0
    return left[:, kept], values[kept], right[:, kept]
