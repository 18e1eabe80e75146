"""Order statistics of left-out predictions plus offsets: what jackknife+ and CV+ intervals end at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _num_samples

from mlcraft import _core
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES

__all__ = ["order_bounds"]

Doubles = NDArray[np.float64]


def order_bounds(
    left: Any,
    X: Any,
    low: ArrayLike,
    high: ArrayLike,
    low_rank: ArrayLike,
    high_rank: ArrayLike,
    scale: ArrayLike | None = None,
    subset: ArrayLike | None = None,
    max_bytes: int = BLOCK_BYTES,
) -> Doubles:
    """
    Return order statistics of ``mu_-i(x) + scale(x) offset_i`` over the training rows i, for each row x of X.

    With offsets of minus and plus the left-out absolute residuals these are the jackknife+ and CV+ intervals of Barber,
    Candes, Ramdas and Tibshirani (2021, Annals of Statistics 49, 486-507).

    Parameters
    ----------
    left : LeftOut
        Fits without some of the rows, of one number a row.
    X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
        Rows to predict.
    low, high : array-like of shape (n_samples,)
        Offsets of the lower and of the upper bound; zero where a scalar is given.
    low_rank, high_rank : array-like of int of shape (n_levels,)
        Which values, in ascending order, counted from one. Below one is minus infinity, above the number of rows that
        count plus infinity.
    scale : array-like of shape (n_rows,), optional
        Factors of the offsets, for each row of X; ones by default.
    subset : array-like of int or bool, optional
        The training rows that count; all by default.
    max_bytes : int, default=2**25
        About the memory that is used at a time.

    Returns
    -------
    ndarray of shape (n_rows, 2, n_levels)
        Lower and upper bounds.

    Raises
    ------
    ValueError
        If shapes do not agree, offsets or predictions are NaN, or predictions are not one number a row.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.uncertainty.left_out import left_out, order_bounds
    >>> X = np.arange(8.0).reshape(-1, 1)
    >>> y = np.array([1.0, 3.0, 2.0, 5.0, 6.0, 5.0, 8.0, 9.0])
    >>> left = left_out(LinearRegression(), X, y)
    >>> size = np.abs(y - left.held_out)
    >>> order_bounds(left, [[8.0]], -size, size, [1], [8]).round(2)
    array([[[ 8.17],
            [12.1 ]]])
    """
    n = len(left.held_out)
    if left.held_out.ndim != 1:
        raise ValueError(f"predictions must be one number a row; those left out have shape {left.held_out.shape}")
    counted = np.arange(n) if subset is None else np.arange(n)[np.asarray(subset)]
    offsets = np.stack([_offsets(values, n, name)[counted] for values, name in ((low, "low"), (high, "high"))])
    ranks = np.stack([np.atleast_1d(np.asarray(rank, dtype=np.int64)) for rank in (low_rank, high_rank)])
    factors = None if scale is None else np.asarray(scale, dtype=np.float64)
    if factors is not None and factors.shape != (_num_samples(X),):
        raise ValueError(f"scale must have shape ({_num_samples(X)},), one factor a row of X; got {factors.shape}")
    weights = getattr(left, "weights", None)
    if weights is not None:  # the predictions are products, which need not be there all at once
        base, points = left.terms(X)
        _refuse_nan(points)
        chosen = weights if subset is None else weights[counted]
        return _core.order_bounds(base, points, (chosen, None), offsets, factors, ranks)
    member = counted if left.member is None else left.member[counted]
    bounds = []
    for rows, block in left.blocks(X, max_bytes):
        _refuse_nan(block)
        some = None if factors is None else factors[rows]
        bounds.append(_core.order_bounds(None, block, (None, member), offsets, some, ranks))
    return np.concatenate(bounds) if bounds else np.empty((0, 2, ranks.shape[1]))


def _refuse_nan(predicted: NDArray[Any]) -> None:
    if np.isnan(predicted).any():
        raise ValueError("the estimator predicts NaN for some of the rows: there is no interval around it")


def _offsets(values: ArrayLike, n: int, name: str) -> Doubles:
    found = np.broadcast_to(np.asarray(values, dtype=np.float64), (n,)) if np.ndim(values) == 0 else np.asarray(values)
    if found.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), an offset for each training row; got {found.shape}")
    if np.isnan(found).any():
        raise ValueError(f"{name} holds NaN in row {int(np.flatnonzero(np.isnan(found))[0])}")
    return found.astype(np.float64, copy=False)
