"""The inverse of a triangle, without waiting for threads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["inverse_of_triangle"]

Doubles = NDArray[np.float64]


def inverse_of_triangle(lower: Doubles) -> Doubles:
    """
    Return the inverse of a lower triangle.

    LAPACK's trtri takes microseconds where trtrs waits for the threads of the BLAS, which can be milliseconds.

    Parameters
    ----------
    lower : ndarray of shape (size, size)
        What stands above the diagonal does not matter.

    Returns
    -------
    ndarray of shape (size, size)

    Raises
    ------
    numpy.linalg.LinAlgError
        If an element of the diagonal is zero.
    """
    from scipy.linalg.lapack import dtrtri

    if len(lower) == 0:
        return np.empty((0, 0))
    inverse, info = dtrtri(lower, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError("the triangle is singular")
    return np.tril(inverse)
