"""``solver="dual"``: hinge, epsilon-insensitive and quantile loss, proved by a duality gap.

An interior-point method solves the problem as it is. For wide sparse X with an L2 penalty it is coordinate descent on

    |w|^2 / 2 + sum_i max {b (t_i - z_i'w) - epsilon |b| : lower_i <= b <= upper_i},  z = (x, bias),

in which the constant is penalised: ``(c / bias)^2 / 2``. Here it is not. So its penalty is centred at that of the
last round, and the problem solved again (the proximal point method, Rockafellar 1976). The gap is without that penalty,
from dual variables brought to sum to zero, as they must then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.box_dual import fit_box_dual
from mlcraft._solve.outcome import DUALITY_GAP, Outcome
from mlcraft._solve.problem import Problem
from mlcraft._solve.watch import Watch

__all__ = ["WIDEST", "run_dual"]

Doubles = NDArray[np.float64]
WIDEST = 4000  # columns up to which a weighted Gram matrix a step is affordable
ROUNDS, IDLE = 50, 6  # of the proximal point method, and those without gain that end it
TINY = float(np.finfo(np.float64).tiny)


@dataclass(slots=True)
class _Boxes:
    """Targets, boxes and epsilon, the weights of the rows in the boxes."""

    X: Any
    target: Doubles
    lower: Doubles
    upper: Doubles
    epsilon: float

    def losses(self, eta: Doubles) -> float:
        r = self.target - eta
        excess = np.maximum(np.maximum(self.upper * (r - self.epsilon), self.lower * (r + self.epsilon)), 0.0)
        return float(excess.sum())

    def dual(self, b: Doubles) -> float:
        """Lower bound of the objective with ``|w|^2 / 2``: b in the boxes, and of sum zero if there is a constant."""
        v = np.asarray(self.X.T @ b)
        return float(self.target @ b - self.epsilon * np.abs(b).sum() - v @ v / 2)

    def balanced(self, b: Doubles) -> Doubles:
        """Return the nearest point of the boxes whose sum is zero."""
        low, high = float((b - self.upper).min()), float((b - self.lower).max())
        for _ in range(200):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            if np.clip(b - middle, self.lower, self.upper).sum() > 0:
                low = middle
            else:
                high = middle
        found: Doubles = np.clip(b - low, self.lower, self.upper)
        inside = (found > self.lower) & (found < self.upper)
        if inside.any():  # what rounding has left of the sum
            found[inside] -= found.sum() / np.count_nonzero(inside)
            np.clip(found, self.lower, self.upper, out=found)
        return found

    def best_constant(self, eta: Doubles) -> float:
        """Return the constant that, added to eta, makes the losses least: where their slope changes sign."""
        r = self.target - eta
        kinks = np.concatenate([r - self.epsilon, r + self.epsilon])
        order = np.argsort(kinks, kind="stable")
        slope = np.cumsum(np.concatenate([self.upper, -self.lower])[order]) - self.upper.sum()
        return float(kinks[order[min(int(np.searchsorted(slope, 0.0)), len(order) - 1)]])


def run_dual(problem: Problem, *, tol: float, max_iter: int, seed: int, watch: Watch) -> Outcome:
    """
    Minimise a loss of two slopes by its dual.

    Parameters
    ----------
    problem : Problem
        With "hinge", "epsilon_insensitive" or "quantile".
    tol : float
        Bound on the duality gap relative to the objective (or to a thousandth of that without columns, if larger).
    max_iter : int
        Bound on the steps of the engine, each round.
    seed : int
        Of its order of rows.
    watch : Watch
        Called after each step, or each round of coordinate descent.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If X is too wide for the interior-point method, and coordinate descent is not for this penalty.
    """
    problem = problem.in_double()
    p = problem.data.X.shape[1]
    only_ridge = problem.ridge > 0 and problem.lasso == 0
    if only_ridge and p > (WIDEST if isinstance(problem.data.X, np.ndarray) else 1000):
        return _by_coordinates(problem, tol=tol, max_iter=max_iter, seed=seed, watch=watch)
    if p > WIDEST:
        raise ValueError(
            f"solver='dual' factorises matrices of all columns where the penalty is not 'l2', and X has {p} columns "
            f"(at most {WIDEST}); use penalty='l2' with alpha > 0, or solver='sgd' or 'adam'"
        )
    boxes = _boxes_of(problem, 1.0)
    with_constant = problem.fit_intercept
    ridge, lasso = (
        np.append(np.full(p, size), np.zeros(int(with_constant))) for size in (problem.ridge, problem.lasso)
    )
    fit = fit_box_dual(
        boxes.X,
        boxes.target,
        boxes.lower,
        boxes.upper,
        epsilon=boxes.epsilon,
        bias=float(with_constant),
        tol=min(0.1 * tol, 1e-9),  # the last steps gain several digits each
        max_iter=max_iter,
        ridge=ridge,
        l1=lasso,
        callback=_told(watch) if watch.is_needed else None,
    )
    gap = max(fit.gap, 0.0) / max(fit.objective, 1e-3 * _without_columns(boxes, with_constant), TINY)
    status = "converged" if gap <= tol else fit.status if fit.status != "converged" else "stalled"
    if status == "interrupted" and watch.reason == "max_time":
        status = "max_time"
    intercept = np.asarray(fit.intercept, dtype=np.float64)
    rows = [(i, np.nan, seconds, objective, certificate) for i, seconds, objective, certificate in watch.rows]
    return Outcome(fit.coef, intercept, fit.objective, gap, DUALITY_GAP, fit.n_iter, status, "dual", gap=gap, rows=rows)


def _told(watch: Watch) -> Callable[[int, float, float], bool]:
    """Return what the engine calls: the watch, told the gap relative to the objective."""

    def tell(iteration: int, objective: float, gap: float) -> bool:
        return watch(iteration, objective, gap / max(objective, TINY) if np.isfinite(gap) else np.inf)

    return tell


def _by_coordinates(problem: Problem, *, tol: float, max_iter: int, seed: int, watch: Watch) -> Outcome:
    boxes = _boxes_of(problem, problem.ridge)
    p = boxes.X.shape[1]
    with_constant = problem.fit_intercept
    constant = boxes.best_constant(np.zeros(len(boxes.target))) if with_constant else 0.0
    bias = _row_size(boxes.X) if with_constant else 0.0
    gap, value, coef, at = np.inf, np.inf, np.zeros(p), constant
    bound, steps, idle, status = -np.inf, 0, 0, "stalled"
    null = 1e-3 * _without_columns(boxes, with_constant)
    for turn in range(1, (ROUNDS if with_constant else 1) + 1):
        fit = fit_box_dual(
            boxes.X,
            boxes.target - constant,
            boxes.lower,
            boxes.upper,
            epsilon=boxes.epsilon,
            bias=bias,
            tol=0.1 * tol,
            max_iter=max_iter,
            seed=seed,
            method="coordinate_descent",
        )
        steps += fit.n_iter
        constant += fit.intercept
        eta = np.asarray(boxes.X @ fit.coef)
        dual = np.clip(fit.dual, boxes.lower, boxes.upper)
        here = boxes.best_constant(eta) if with_constant else 0.0
        found = float(fit.coef @ fit.coef) / 2 + boxes.losses(eta + here)
        if found < value:
            value, coef, at = found, fit.coef, here
        bound = max(bound, boxes.dual(boxes.balanced(dual) if with_constant else dual))
        before, gap = gap, max(value - bound, 0.0) / max(value, null, TINY)
        idle = 0 if gap < 0.5 * before else idle + 1
        stop = watch(turn, value * problem.ridge, gap) if watch.is_needed else False
        if gap <= tol:
            status = "converged"
        elif stop:
            status = "max_time" if watch.reason == "max_time" else "interrupted"
        elif fit.status == "max_iter":
            status = "max_iter"
        elif idle < IDLE:
            continue
        break
    rows = [(i, np.nan, seconds, objective, certificate) for i, seconds, objective, certificate in watch.rows]
    objective, intercept = problem.ridge * value, np.asarray(at, dtype=np.float64)
    return Outcome(coef, intercept, objective, gap, DUALITY_GAP, steps, status, "dual", gap=gap, rows=rows)


def _boxes_of(problem: Problem, alpha: float) -> _Boxes:
    """Return the problem divided by alpha."""
    data = problem.data
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    largest = weight / (alpha * problem.total)
    target = data.y if data.offset is None else data.y - data.offset
    name, parameter = problem.loss.name, problem.parameter
    epsilon = 0.0
    if name == "hinge":
        lower, upper = np.where(data.y < 0, -largest, 0.0), np.where(data.y > 0, largest, 0.0)
    elif name == "quantile":
        lower, upper = (parameter - 1.0) * largest, parameter * largest
    else:
        lower, upper, epsilon = -largest, largest, parameter
    return _Boxes(data.X, np.asarray(target, dtype=np.float64), lower, upper, epsilon)


def _without_columns(boxes: _Boxes, with_constant: bool) -> float:
    """Return the objective of the model without columns: a fit may be exact, and the gap then needs another measure."""
    zeros = np.zeros(len(boxes.target))
    return boxes.losses(zeros + (boxes.best_constant(zeros) if with_constant else 0.0))


def _row_size(X: Any) -> float:
    """Root mean square of the rows' norms, from a thousand of them."""
    some = X[:: max(1, X.shape[0] // 1000)]
    values = some if isinstance(some, np.ndarray) else some.data
    size = float(np.sqrt(np.square(values, dtype=np.float64).sum() / some.shape[0]))
    return size if np.isfinite(size) and size > 0 else 1.0
