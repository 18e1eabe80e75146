"""The rows of a fit, as first-order methods see them: the twin of csrc/mlcraft/solver/descent_problem.hpp."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._arrays import Doubles, Floats
from ._bits import call_loss
from ._built_in import CURVATURE, built_in
from ._compile import add_in_order, compiled, compiled_parallel, lane_count, launch
from ._loss import UserLoss

BLOCK_ROWS = 256
Indices = NDArray[np.int64]


class Data(NamedTuple):
    """Rows with their targets, weights and offsets."""

    X: Floats
    y: Doubles
    weight: Doubles
    offset: Doubles

    def take(self, rows: Indices) -> Data:
        """Copy some of the rows."""
        return Data(*(part[rows] for part in self))


class Pass(NamedTuple):
    """Sums over rows: of ``w loss``, ``w loss' x``, ``w loss'`` and ``w``."""

    value: float
    products: Doubles
    slope: float
    weight: float


@compiled
def _one_lane(
    lane: int,
    lanes: int,
    address: int,
    X: Floats,
    y: Doubles,
    weight: Doubles,
    offset: Doubles,
    at: Doubles,
    slots: Doubles,
) -> None:
    """Each block of rows: the linear predictor, then the loss, then the gradient while the rows are in the cache."""
    n, p = X.shape
    slot, sums = slots[lane], np.zeros(3)
    eta = np.empty(BLOCK_ROWS)
    blocks = -(-n // BLOCK_ROWS)
    for block in range(lane * blocks // lanes, (lane + 1) * blocks // lanes):
        first, last = block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, n)
        for i in range(first, last):
            row, product = X[i], 0.0
            for j in range(p):
                product += row[j] * at[j]
            eta[i - first] = product + (at[p] + offset[i])
        call_loss(address, y[first:last], weight[first:last], eta[: last - first], sums)  # eta becomes w * loss'
        for i in range(first, last):
            row, slope = X[i], eta[i - first]
            for j in range(p):
                slot[j] += slope * row[j]
    slot[p : p + 3] = sums


@compiled_parallel
def _every_lane(
    lanes: int, address: int, X: Floats, y: Doubles, weight: Doubles, offset: Doubles, at: Doubles, slots: Doubles
) -> None:
    for lane in prange(lanes):
        _one_lane(lane, lanes, address, X, y, weight, offset, at, slots)


def loss_pass(loss: UserLoss, rows: Data, coef: Doubles, intercept: float) -> Pass:
    """Value and gradient of a loss in one read of the rows."""
    p = len(coef)
    lanes = lane_count(len(rows.y), p + 3)
    slots = np.zeros((lanes, p + 3))
    launch(_every_lane, _one_lane, lanes, loss.address64, *rows, np.append(coef, intercept), slots)
    total = add_in_order(slots)
    return Pass(float(total[p]), total[:p], float(total[p + 1]), float(total[p + 2]))


@compiled
def _column_sums(X: Floats, weight: Doubles, shift: Doubles) -> tuple[Doubles, Doubles]:
    p = X.shape[1]
    sums, squares = np.zeros(p), np.zeros(p)
    for i in range(X.shape[0]):
        row, w = X[i], weight[i]
        if w != 0.0:
            for j in range(p):
                distance = row[j] - shift[j]
                sums[j] += w * distance
                squares[j] += w * distance * distance
    return sums, squares


@compiled
def _row_forms(X: Floats, metric: Doubles, mean: Doubles) -> Doubles:
    """``sum_j metric_j x_ij (x_ij - 2 mean_j)``."""
    forms = np.zeros(X.shape[0])
    for i in range(X.shape[0]):
        row = X[i]
        for j in range(X.shape[1]):
            forms[i] += metric[j] * row[j] * (row[j] - 2.0 * mean[j])
    return forms


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Scaled coordinates ``theta = (b_j / scale_j, c')``, ``eta = c' + sum_j theta_j scale_j (x_j - mean_j)``.

    A column without variance has scale 0, and its coefficient stays 0.
    """

    mean: Doubles
    scale: Doubles
    intercept: bool

    @classmethod
    def of(cls, rows: Data, intercept: bool) -> Coordinates:
        """Columns of unit variance; without an intercept, of unit mean square."""
        positive = np.flatnonzero(rows.weight > 0)
        shift = rows.X[positive[0] if positive.size else -1].astype(np.float64)
        total = rows.weight.sum()
        off, square = (sums / total for sums in _column_sums(rows.X, rows.weight, shift))
        mean, variance = shift + off, np.maximum(0.0, square - off * off)
        mean_square = variance + mean * mean
        spread = variance if intercept else mean_square
        if not np.isfinite(spread).all() or np.any((spread < 1e-290) & (off != 0)):
            column = int(np.flatnonzero(~np.isfinite(spread) | ((spread < 1e-290) & (off != 0)))[0])
            raise ValueError(f"Squares of column {column} of X leave the range of double precision: scale it.")
        scale = np.zeros_like(mean)
        varies = spread > 1e-28 * mean_square
        scale[varies] = 1.0 / np.sqrt(spread[varies])
        return cls(mean if intercept else np.zeros_like(mean), scale, intercept)

    def to_raw(self, theta: Doubles) -> tuple[Doubles, float]:
        """Coefficients and intercept."""
        coef = self.scale * theta[:-1]
        return coef, float(theta[-1] - self.mean @ coef) if self.intercept else 0.0

    def to_theta(self, coef: Doubles, intercept: float) -> Doubles:
        """Go the other way round."""
        varies = self.scale > 0
        theta = np.zeros(len(coef) + 1)
        theta[:-1][varies] = coef[varies] / self.scale[varies]
        if self.intercept:
            theta[-1] = intercept + self.mean @ coef
        return theta

    def gradient(self, products: Doubles, slope: float) -> Doubles:
        """Gradient by theta from that by coefficients and intercept."""
        slope = slope if self.intercept else 0.0
        return np.append(self.scale * (products - self.mean * slope), slope)


class Problem:
    """The mean loss in scaled coordinates, and the numbers that set the length of steps.

    Attributes
    ----------
    start : float
        Intercept of the best model without columns.
    residual : float
        Root of the mean square of the loss's derivative there: certificates are measured in it.
    curvature : float
        Bound of the loss's second derivative, or its mean at that model.
    spread : float
        Length of theta that matters to the loss.
    passes : int
        How often all rows have been read.
    """

    def __init__(self, rows: Data, loss: UserLoss, name: str, fit_intercept: bool) -> None:
        self.rows, self.loss, self.passes = rows, loss, 1
        self.at = Coordinates.of(rows, fit_intercept)
        self.weight_sum = float(rows.weight.sum())
        self.start, self.residual = self._null_model(name, fit_intercept)
        centre = 0.0 if name == "hinge" else self.start
        away = math.sqrt(float(rows.weight @ (centre + rows.offset - rows.y) ** 2) / self.weight_sum)
        self.spread, self.curvature = away if away > 0 else 1.0, 1.0
        if loss.smooth:
            h = 1e-3 * max(abs(self.start), 1e-3)
            rise = (self._null_sums(self.start + h)[0] - self._null_sums(self.start - h)[0]) / (2 * h)
            self.curvature = CURVATURE.get(name, rise if rise > 0 else 1.0)
            if name in CURVATURE or rise > 0:
                self.spread = self.residual / self.curvature

    def evaluate(self, theta: Doubles) -> tuple[float, Doubles]:
        """Mean loss and its gradient."""
        self.passes += 1
        found = loss_pass(self.loss, self.rows, *self.at.to_raw(theta))
        return found.value / found.weight, self.at.gradient(found.products / found.weight, found.slope / found.weight)

    def batch(self, drawn: Indices, factor: Doubles, theta: Doubles) -> Doubles:
        """Sum of the gradients of some rows, each times a factor."""
        rows = self.rows.take(drawn)
        coef, intercept = self.at.to_raw(theta)
        slopes = self.loss.rows(rows.y, rows.X @ coef + (intercept + rows.offset), rows.weight)[1] * factor
        return self.at.gradient(slopes @ rows.X, float(slopes.sum()))

    def largest_eigenvalue(self) -> float:
        """Of the second moments of the scaled columns, from a sample where there are many rows."""
        n, p = self.rows.X.shape
        sample = max(4096, 20 * (p + 1))
        if n > 2 * sample:
            return 1.1 * self._power_iteration(self.rows.take(spread_rows(n, sample)))
        return 1.02 * self._power_iteration(self.rows)

    def row_sizes(self) -> Doubles:
        """``w_i (1 + |scaled row|^2)``."""
        metric = self.at.scale**2
        base = 1.0 + float(metric @ self.at.mean**2)
        sizes: Doubles = self.rows.weight * np.maximum(1.0, base + _row_forms(self.rows.X, metric, self.at.mean))
        return sizes

    def _power_iteration(self, rows: Data) -> float:
        squares = Data(rows.X, np.zeros_like(rows.y), rows.weight, np.zeros_like(rows.y))
        v = np.where(self.at.scale > 0, 1.0 + 0.1 * (np.arange(len(self.at.scale)) % 7), 0.0)
        largest = 1.0 if self.at.intercept else 0.0
        for _ in range(40):
            norm = math.sqrt(float(v @ v))
            if norm == 0:
                break
            coef = self.at.scale * (v / norm)
            found = loss_pass(built_in("squared", 0.0), squares, coef, -float(self.at.mean @ coef))
            v = self.at.scale * (found.products - self.at.mean * found.slope) / found.weight
            size = math.sqrt(float(v @ v))
            settled = abs(size - largest) < 5e-3 * size
            largest = max(largest, size)
            if settled:
                break
        return largest if largest > 0 else 1.0

    def _null_sums(self, c: float) -> tuple[float, float, float]:
        """Mean gradient, mean squared gradient and mean hessian at the model without columns."""
        weight = self.rows.weight
        _, gradient, hessian = self.loss.rows(self.rows.y, c + self.rows.offset, weight)
        used = weight != 0
        square = float(np.sum(gradient[used] ** 2 / weight[used]))
        return float(gradient.sum()) / self.weight_sum, square / self.weight_sum, float(hessian.sum()) / self.weight_sum

    def _null_model(self, name: str, fit_intercept: bool) -> tuple[float, float]:
        """Intercept and residual: in closed form for the logistic loss and the squared ones."""
        y, weight, offset = self.rows.y, self.rows.weight, self.rows.offset
        mean, square = float(weight @ y) / self.weight_sum, float(weight @ y**2) / self.weight_sum
        spread = square - mean * mean if fit_intercept else square
        free = fit_intercept and not offset.any()
        if name == "logistic":
            inside = min(max(mean, 1e-12), 1 - 1e-12)
            start = math.log(inside / (1 - inside)) if free else 0.0
            return start, math.sqrt(inside * (1 - inside)) if fit_intercept else 0.5
        if name in ("squared", "squared_hinge", "squared_epsilon_insensitive"):
            start = mean if free and name != "squared_hinge" else 0.0
            return start, 2.0 * math.sqrt(spread) if spread > 1e-30 * square else 1.0
        start = 0.0
        if fit_intercept and name == "poisson":
            rate = float(weight @ np.exp(offset)) / self.weight_sum
            start = math.log(mean / rate) if mean > 0 else 0.0
        elif fit_intercept:
            reach = math.sqrt(spread) if name == "huber" else 1.0
            start = self._null_intercept(mean if name == "huber" else 0.0, max(reach, 1e-3))
        mean_square = self._null_sums(start)[1]
        return start, math.sqrt(mean_square) if 0 < mean_square < math.inf else 1.0

    def _null_intercept(self, c: float, reach: float) -> float:
        """Newton's method within a bracket, which grows until it has one."""
        low, high = -math.inf, math.inf
        for _ in range(60):
            gradient, square, hessian = self._null_sums(c)
            if math.isnan(gradient) or abs(gradient) <= 1e-3 * math.sqrt(square):
                break
            low, high = (low, c) if gradient > 0 else (c, high)
            bracketed = math.isfinite(low) and math.isfinite(high)
            following = c - gradient / hessian if hessian else math.inf
            if not math.isfinite(following) or (not bracketed and abs(following - c) > reach):
                following = c - reach if gradient > 0 else c + reach
                reach *= 4
            c = (low + high) / 2 if bracketed and not low < following < high else following
        return c


def _mixed(v: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Apply the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    v = (v ^ (v >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    v = (v ^ (v >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = v ^ (v >> np.uint64(31))
    return mixed


def spread_rows(rows: int, count: int) -> Indices:
    """One row at random from each of ``count`` runs of neighbours."""
    k = np.arange(count, dtype=np.int64)
    first, end = k * rows // count, (k + 1) * rows // count
    random = _mixed(k.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return first + (random % (end - first).astype(np.uint64)).astype(np.int64)


class RowSampler:
    """Rows for the steps of stochastic methods: one from each of as many equal shares of the probability.

    Half of the probability is uniform, half goes with the size of a row (Zhao and Zhang 2015). Each row has a factor
    that makes the mean over many steps the full gradient.
    """

    def __init__(self, problem: Problem, batch: int, seed: int) -> None:
        sizes = problem.row_sizes()
        problem.passes += 1
        self.active = np.flatnonzero(sizes > 0)
        sizes = sizes[self.active]
        end = np.cumsum(0.5 / len(sizes) + 0.5 * sizes / sizes.sum())
        self.end = end / end[-1]
        self.share = np.diff(self.end, prepend=0.0)
        self.batch_size = min(max(batch, 1), len(sizes))
        self.steps_in_epoch = -(-len(sizes) // self.batch_size)
        self.mean_size = float(sizes.sum()) / problem.weight_sum
        self.weight_sum, self.seed, self.counter = problem.weight_sum, seed, 0

    def draw(self) -> tuple[Indices, Doubles]:
        """Ascending distinct rows and their factors."""
        k = np.arange(self.batch_size)
        counter = np.uint64(self.counter + 1) + k.astype(np.uint64)
        start = np.uint64(self.seed * 0xD1342543DE82EF95 % 2**64)
        random = _mixed(start + counter * np.uint64(0x9E3779B97F4A7C15))
        self.counter += self.batch_size
        place = (k + (random >> np.uint64(11)).astype(np.float64) * 2.0**-53) / self.batch_size
        at = np.minimum(np.searchsorted(self.end, place, side="right"), len(self.end) - 1)
        factor = 1.0 / (self.batch_size * self.share[at] * self.weight_sum)
        first = np.flatnonzero(np.diff(at, prepend=-1))
        return self.active[at[first]], np.add.reduceat(factor, first)
