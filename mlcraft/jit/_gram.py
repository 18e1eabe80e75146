"""Weighted Gram matrix of a tall matrix, by panels of rows.

A panel of 256 rows is shifted, weighted and copied transposed into a small buffer that stays in the cache;
there every column is contiguous, so each entry of the Gram matrix is a dot product of two contiguous vectors.
Two columns against two columns at a time: four loads feed four multiply-adds, which is what a processor can
do in one go.
"""

import numpy as np
from numba import prange
from numpy.typing import ArrayLike

from ._arrays import Doubles, Floats, design_matrix, raise_not_finite, vector, weights
from ._compile import add_in_order, compiled, compiled_parallel, lane_count, launch

PANEL_ROWS = 256
# A row of the buffer is not a power of two long: else all columns would compete for the same places in the
# cache.
PANEL_STRIDE = PANEL_ROWS + 8
TILE = 8  # columns of a tile: two tiles of the buffer fit in the first-level cache


def weighted_gram(X: ArrayLike, sample_weight: ArrayLike | None = None, shift: ArrayLike | None = None) -> Doubles:
    r"""Weighted Gram matrix of the shifted columns, without a copy of ``X``.

    .. math:: G = (X - 1 s')' \operatorname{diag}(w) (X - 1 s'), \qquad
              G_{jk} = \sum_i w_i (x_{ij} - s_j)(x_{ik} - s_k)

    Parameters
    ----------
    X : array-like of shape (n, p)
        Float32 or float64, any strides; other numbers are converted to float64.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights; by default all one.
    shift : array-like of shape (p,), optional
        Subtracted from every row in double precision before multiplying; by default zero.

    Returns
    -------
    ndarray of shape (p, p), float64
        Symmetric to the last bit, and the same bits for any number of threads.

    Raises
    ------
    ValueError
        If a shape does not fit, a weight is negative, or a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.jit import weighted_gram
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]])
    >>> weighted_gram(X)
    array([[ 35.,  59.],
           [ 59., 101.]])
    >>> weighted_gram(X, sample_weight=[1.0, 0.0, 1.0], shift=[3.0, 5.0])
    array([[ 8., 14.],
           [14., 25.]])
    """
    matrix = design_matrix(X)
    n, p = matrix.shape
    origin = np.zeros(p) if shift is None else vector(shift, p, "shift") + 0.0
    gram, _, _ = shifted_gram(matrix, matrix[:, :0], weights(sample_weight, n), origin)
    if not np.isfinite(gram).all():
        raise_not_finite(X=matrix, shift=origin)
    return gram


def shifted_gram(X: Floats, Y: Floats, sample_weight: Doubles, shift: Doubles) -> tuple[Doubles, Doubles, float]:
    """Gram matrix and weighted column sums of ``Z = [X, Y] - shift``, and the sum of the weights.

    Takes arrays as the functions of ``_arrays`` return them. A NaN or infinity anywhere reaches the diagonal
    of the result; looking for its place is up to the caller.
    """
    columns = shift.shape[0]
    padded = columns + columns % 2
    lanes = lane_count(X.shape[0], padded * padded)
    grams = np.zeros((lanes, padded, padded))
    sums = np.zeros((lanes, padded + 1))
    launch(_every_lane, _one_lane, lanes, X, Y, sample_weight, shift, grams, sums)
    upper = np.triu(add_in_order(grams)[:columns, :columns])
    total = add_in_order(sums)
    return upper + np.triu(upper, 1).T, total[:columns], float(total[-1])


@compiled
def _fill(panel: Doubles, column: int, X: Floats, shift: Doubles, first: int, last: int) -> None:
    """Transposed, shifted copy of the rows ``first`` to ``last`` of X, into the panel from ``column`` on."""
    for i in range(first, last):
        for j in range(X.shape[1]):
            panel[column + j, i - first] = X[i, j] - shift[column + j]


@compiled
def _weigh(panel: Doubles, sample_weight: Doubles, first: int, last: int, weighted: Doubles) -> float:
    """Panel times weights; returns the sum of these weights."""
    total = 0.0
    for j in range(panel.shape[0]):
        for i in range(last - first):
            weighted[j, i] = panel[j, i] * sample_weight[first + i]
    for i in range(first, last):
        total += sample_weight[i]
    return total


@compiled
def _four_dots(a: Doubles, b: Doubles, c: Doubles, d: Doubles, rows: int) -> tuple[float, float, float, float]:
    ac = ad = bc = bd = 0.0
    for i in range(rows):
        ac += a[i] * c[i]
        ad += a[i] * d[i]
        bc += b[i] * c[i]
        bd += b[i] * d[i]
    return ac, ad, bc, bd


@compiled
def _add_products(left: Doubles, right: Doubles, rows: int, gram: Doubles) -> None:
    """Upper triangle of ``gram += left right'``, tile by tile, in squares of 2 x 2."""
    columns = left.shape[0]
    for tile_j in range(0, columns, TILE):
        for tile_k in range(tile_j, columns, TILE):
            for j in range(tile_j, min(tile_j + TILE, columns), 2):
                for k in range(max(j, tile_k), min(tile_k + TILE, columns), 2):
                    jk, jk1, j1k, j1k1 = _four_dots(left[j], left[j + 1], right[k], right[k + 1], rows)
                    gram[j, k] += jk
                    gram[j, k + 1] += jk1
                    gram[j + 1, k] += j1k
                    gram[j + 1, k + 1] += j1k1


@compiled
def _one_lane(
    lane: int,
    lanes: int,
    X: Floats,
    Y: Floats,
    sample_weight: Doubles,
    shift: Doubles,
    grams: Doubles,
    sums: Doubles,
) -> None:
    n = X.shape[0]
    padded = grams.shape[1]
    panel = np.zeros((padded, PANEL_STRIDE))  # an odd last column stays zero
    weighted = panel if sample_weight.size == 0 else np.zeros((padded, PANEL_STRIDE))
    panels = -(-n // PANEL_ROWS)
    for number in range(lane * panels // lanes, (lane + 1) * panels // lanes):
        first = number * PANEL_ROWS
        last = min(first + PANEL_ROWS, n)
        rows = last - first
        _fill(panel, 0, X, shift, first, last)
        _fill(panel, X.shape[1], Y, shift, first, last)
        if sample_weight.size == 0:
            sums[lane, padded] += rows
        else:
            sums[lane, padded] += _weigh(panel, sample_weight, first, last, weighted)
        _add_products(weighted, panel, rows, grams[lane])
        for j in range(padded):
            column_sum = 0.0
            for i in range(rows):
                column_sum += weighted[j, i]
            sums[lane, j] += column_sum


@compiled_parallel
def _every_lane(
    lanes: int,
    X: Floats,
    Y: Floats,
    sample_weight: Doubles,
    shift: Doubles,
    grams: Doubles,
    sums: Doubles,
) -> None:
    for lane in prange(lanes):
        _one_lane(lane, lanes, X, Y, sample_weight, shift, grams, sums)
