"""Arrays as the engine takes them: elements where their dtype wants them, sparse rows compressed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["readable"]


def readable(X: Any, *vectors: NDArray[Any] | None) -> list[Any]:
    """
    Return X and the vectors beside it as the engine reads them, not copied where they are so already.

    Parameters
    ----------
    X : ndarray or sparse matrix
        Sparse X becomes CSR with row pointers and column numbers of one type.
    *vectors : ndarray or None
        Targets and weights.

    Returns
    -------
    list of arrays, in the order given
    """
    return [_aligned(X) if isinstance(X, np.ndarray) else _as_csr(X), *(_aligned(vector) for vector in vectors)]


def _aligned(array: NDArray[Any] | None) -> NDArray[Any] | None:
    return array if array is None or array.flags.aligned else array.copy()


def _as_csr(X: Any) -> Any:
    from scipy.sparse import csr_array

    X = X.tocsr()
    if X.indices.dtype != X.indptr.dtype:
        X = csr_array((X.data, X.indices.astype(X.indptr.dtype), X.indptr), shape=X.shape)
    return X
