"""Residual, value and gradient of the squared loss in one read of X."""

from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import ArrayLike

from ._arrays import Doubles, Floats, design_matrix, raise_not_finite, vector, weights
from ._compile import add_in_order, compiled, compiled_parallel, lane_count, launch

BLOCK_ROWS = 256


class Columns(NamedTuple):
    """What a pass does to the columns: ``z = (x - center) * inverse_scale``; then ``z'coef`` is taken."""

    center: Doubles
    inverse_scale: Doubles
    coef: Doubles


def fused_residual(
    X: ArrayLike, y: ArrayLike, coef: ArrayLike, intercept: float, sample_weight: ArrayLike | None = None
) -> tuple[float, Doubles, float]:
    r"""Value and gradient of the weighted mean squared loss, reading ``X`` once.

    With residuals :math:`r_i = y_i - x_i'b - b_0` and :math:`W = \sum_i w_i`,

    .. math:: f(b, b_0) = \frac{1}{2W} \sum_i w_i r_i^2, \qquad
              \frac{\partial f}{\partial b} = -\frac{1}{W} \sum_i w_i r_i x_i, \qquad
              \frac{\partial f}{\partial b_0} = -\frac{1}{W} \sum_i w_i r_i .

    Parameters
    ----------
    X : array-like of shape (n, p)
        Float32 or float64, any strides; other numbers are converted to float64.
    y : array-like of shape (n,)
        Target.
    coef : array-like of shape (p,)
        Coefficients ``b``.
    intercept : float
        Intercept ``b_0``.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights; by default all one.

    Returns
    -------
    value : float
        The loss.
    gradient : ndarray of shape (p,), float64
        Its gradient with respect to the coefficients.
    intercept_gradient : float
        Its derivative with respect to the intercept.

    Raises
    ------
    ValueError
        If a shape does not fit, a weight is negative, or a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.jit import fused_residual
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [2.0, 0.0]])
    >>> value, gradient, intercept_gradient = fused_residual(X, [1.0, 2.0, 3.0, 4.0], [1.0, 1.0], 0.0)
    >>> value, gradient, intercept_gradient
    (0.625, array([-1.25, -0.25]), -0.75)
    """
    matrix = design_matrix(X)
    n, p = matrix.shape
    response = vector(y, n, "y")
    columns = Columns(np.zeros(p), np.ones(p), vector(coef, p, "coef") + 0.0)
    squares, products, total, weight_sum = residual_sums(
        matrix, response, weights(sample_weight, n), columns, float(intercept)
    )
    if not (np.isfinite(squares) and np.isfinite(products).all()):
        raise_not_finite(X=matrix, y=response, coef=columns.coef, intercept=np.array([intercept]))
    return squares / (2 * weight_sum), -products / weight_sum, -total / weight_sum


def residual_sums(
    X: Floats, y: Doubles, sample_weight: Doubles, columns: Columns, intercept: float = 0.0
) -> tuple[float, Doubles, float, float]:
    """Sum over samples ``w r^2``, ``w r z``, ``w r`` and ``w`` for the residual ``y - intercept - z'coef``.

    Centring and scaling are part of the pass, so there is no copy of ``X``; subtracting the centre before
    anything else keeps the digits of a column whose mean is huge.
    """
    p = X.shape[1]
    lanes = lane_count(X.shape[0], p + 3)
    slots = np.zeros((lanes, p + 3))
    launch(_every_lane, _one_lane, lanes, X, y, sample_weight, columns, intercept, slots)
    total = add_in_order(slots)
    return float(total[p + 1]), total[:p], float(total[p]), float(total[p + 2])


@compiled
def _by_rows(
    X: Floats, first: int, last: int, residual: Doubles, weight: Doubles, columns: Columns, slot: Doubles
) -> None:
    """Rows are contiguous: finish one row, and use it again for the gradient while it is in the cache."""
    center, inverse_scale, coef = columns.center, columns.inverse_scale, columns.coef
    for i in range(last - first):
        row = X[first + i]
        prediction = 0.0
        for j in range(row.size):
            prediction += (row[j] - center[j]) * inverse_scale[j] * coef[j]
        residual[i] -= prediction
        weighted = weight[i] * residual[i]
        for j in range(row.size):
            slot[j] += weighted * ((row[j] - center[j]) * inverse_scale[j])


@compiled
def _by_columns(
    X: Floats, first: int, last: int, residual: Doubles, weight: Doubles, columns: Columns, slot: Doubles
) -> None:
    """Columns are contiguous: the same for a block of rows, one column after the other."""
    for j in range(X.shape[1]):
        column = X[first:last, j]
        center, inverse_scale, coef = columns.center[j], columns.inverse_scale[j], columns.coef[j]
        for i in range(column.size):
            residual[i] -= (column[i] - center) * inverse_scale * coef
    for j in range(X.shape[1]):
        column = X[first:last, j]
        center, inverse_scale = columns.center[j], columns.inverse_scale[j]
        product = 0.0
        for i in range(column.size):
            product += weight[i] * residual[i] * ((column[i] - center) * inverse_scale)
        slot[j] += product


@compiled
def _one_lane(
    lane: int,
    lanes: int,
    X: Floats,
    y: Doubles,
    sample_weight: Doubles,
    columns: Columns,
    intercept: float,
    slots: Doubles,
) -> None:
    n, p = X.shape
    rows_are_contiguous = abs(X.strides[1]) <= abs(X.strides[0])
    slot = slots[lane]
    residual = np.empty(BLOCK_ROWS)
    weight = np.ones(BLOCK_ROWS)
    blocks = -(-n // BLOCK_ROWS)
    for block in range(lane * blocks // lanes, (lane + 1) * blocks // lanes):
        first = block * BLOCK_ROWS
        last = min(first + BLOCK_ROWS, n)
        rows = last - first
        for i in range(rows):
            residual[i] = y[first + i] - intercept
            if sample_weight.size:
                weight[i] = sample_weight[first + i]
        if rows_are_contiguous:
            _by_rows(X, first, last, residual, weight, columns, slot)
        else:
            _by_columns(X, first, last, residual, weight, columns, slot)
        total = squares = weight_sum = 0.0
        for i in range(rows):
            total += weight[i] * residual[i]
            squares += weight[i] * residual[i] * residual[i]
            weight_sum += weight[i]
        slot[p] += total
        slot[p + 1] += squares
        slot[p + 2] += weight_sum


@compiled_parallel
def _every_lane(
    lanes: int,
    X: Floats,
    y: Doubles,
    sample_weight: Doubles,
    columns: Columns,
    intercept: float,
    slots: Doubles,
) -> None:
    for lane in prange(lanes):
        _one_lane(lane, lanes, X, y, sample_weight, columns, intercept, slots)
