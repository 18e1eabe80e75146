"""Centre and scale of every column, found in one pass over the data."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import prange

from ._arrays import Doubles, Floats, raise_not_finite
from ._compile import add_in_order, compiled, compiled_parallel, lane_count, launch
from ._moments import MOST_PASSES, sample_origin

BLOCK_ROWS = 256
PANEL_STRIDE = BLOCK_ROWS + 8  # not a power of two, see _gram.py


@dataclass(frozen=True, slots=True)
class Standard:
    """Standardised data: ``z = (x - mean) * inverse_scale`` and ``(y - y_mean) * y_inverse_scale``.

    A constant column, or a constant y, has no scale; its inverse scale is zero, and so are its values and its
    coefficient. ``penalty`` is the penalty of each coefficient in these units.
    """

    mean: Doubles
    inverse_scale: Doubles
    penalty: Doubles
    y_mean: float
    y_scale: float
    y_inverse_scale: float


def standardise(X: Floats, y: Doubles, sample_weight: Doubles, alpha: float, centred: bool) -> Standard:
    """Units in which the Hessian of the penalised squared loss has a unit diagonal."""
    p = X.shape[1]
    mean, root_mean_square = column_sizes(X, y, sample_weight, centred)
    scale = np.hypot(root_mean_square[:p], math.sqrt(alpha))
    inverse_scale = _inverse(scale)
    y_scale = float(root_mean_square[p])
    return Standard(
        mean=mean[:p],
        inverse_scale=inverse_scale,
        penalty=(math.sqrt(alpha) * inverse_scale) ** 2,
        y_mean=float(mean[p]),
        y_scale=y_scale,
        y_inverse_scale=float(_inverse(np.array([y_scale]))[0]),
    )


def column_sizes(X: Floats, y: Doubles, sample_weight: Doubles, centred: bool) -> tuple[Doubles, Doubles]:
    """Weighted mean and root mean square (around the mean, if centred) of the columns of ``[X, y]``.

    One pass, as a rule. It is repeated where the squares overflowed or vanished (from columns divided by a
    power of two, which rounds nothing), and where the origin was so far from the mean that the difference
    would cancel.
    """
    around = np.concatenate(sample_origin(X, y[:, np.newaxis], sample_weight))
    if not centred:
        around[:] = 0.0
    unit = np.ones_like(around)
    for _ in range(MOST_PASSES):
        sums, squares, weight_sum = _column_sums(X, y, sample_weight, Origin(around, 1.0 / unit))
        drift, mean_square = sums / weight_sum, squares / weight_sum
        out_of_range = ~((mean_square > 1e-200) & (mean_square < 1e200)) & (unit == 1.0)
        if out_of_range.any():
            unit[out_of_range] = _powers_of_two(_largest(X, y, around)[out_of_range])
            if (unit[out_of_range] != 1.0).any():
                continue
        if not centred:
            return np.zeros_like(around), unit * np.sqrt(mean_square)
        mean = around + unit * drift
        if not ((drift**2 > 0.99 * mean_square) & (mean != around)).any():
            break
        around = mean
    spread = unit * np.sqrt(np.maximum(mean_square - drift**2, 0.0))
    spread[spread <= 8 * np.finfo(np.float64).eps * np.abs(mean)] = 0.0  # a constant, up to rounding
    return mean, spread


def _inverse(scale: Doubles) -> Doubles:
    usable = scale > 1e-307
    return np.where(usable, 1.0 / np.where(usable, scale, 1.0), 0.0)


def _powers_of_two(sizes: Doubles) -> Doubles:
    exponents = np.frexp(sizes)[1]
    return np.ldexp(1.0, np.where(sizes > 0, np.clip(exponents, -1000, 1000), 0))


def _largest(X: Floats, y: Doubles, around: Doubles) -> Doubles:
    """Largest distance from ``around`` in each column of ``[X, y]``; finds NaN and infinity on the way."""
    largest = np.zeros_like(around)
    for start in range(0, X.shape[0], BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = np.column_stack([X[rows], y[rows]]).astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            largest = np.maximum(largest, np.abs(block - around).max(axis=0))
    if not np.isfinite(largest).all():
        raise_not_finite(X=X, y=y)
    return largest


class Origin(NamedTuple):
    """``z = (x - center) * inverse_unit``."""

    center: Doubles
    inverse_unit: Doubles


def _column_sums(X: Floats, y: Doubles, sample_weight: Doubles, origin: Origin) -> tuple[Doubles, Doubles, float]:
    """Weighted sums of ``z`` and of ``z^2`` for the columns of ``[X, y]``, and the sum of the weights."""
    columns = X.shape[1] + 1
    lanes = lane_count(X.shape[0], 2 * columns + 1)
    slots = np.zeros((lanes, 2 * columns + 1))
    launch(_every_lane, _one_lane, lanes, X, y, sample_weight, origin, slots)
    total = add_in_order(slots)
    return total[:columns], total[columns:-1], float(total[-1])


@compiled
def _one_lane(
    lane: int, lanes: int, X: Floats, y: Doubles, sample_weight: Doubles, origin: Origin, slots: Doubles
) -> None:
    n, p = X.shape
    center, inverse_unit = origin.center, origin.inverse_unit
    panel = np.empty((p + 1, PANEL_STRIDE))
    weight = np.ones(BLOCK_ROWS)
    slot = slots[lane]
    blocks = -(-n // BLOCK_ROWS)
    for block in range(lane * blocks // lanes, (lane + 1) * blocks // lanes):
        first = block * BLOCK_ROWS
        rows = min(BLOCK_ROWS, n - first)
        for i in range(rows):
            for j in range(p):
                panel[j, i] = (X[first + i, j] - center[j]) * inverse_unit[j]
            panel[p, i] = (y[first + i] - center[p]) * inverse_unit[p]
            if sample_weight.size:
                weight[i] = sample_weight[first + i]
            slot[2 * p + 2] += weight[i]
        for j in range(p + 1):
            sums = squares = 0.0
            for i in range(rows):
                sums += weight[i] * panel[j, i]
                squares += weight[i] * panel[j, i] * panel[j, i]
            slot[j] += sums
            slot[p + 1 + j] += squares


@compiled_parallel
def _every_lane(lanes: int, X: Floats, y: Doubles, sample_weight: Doubles, origin: Origin, slots: Doubles) -> None:
    for lane in prange(lanes):
        _one_lane(lane, lanes, X, y, sample_weight, origin, slots)
