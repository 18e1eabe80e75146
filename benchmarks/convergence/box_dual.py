"""Reference optimum of losses of two slopes with an L2 penalty: a primal-dual interior point on the dual box.

    maximise  c'b - |X'b|^2 / (2 l2)   over   low <= b <= high   (and sum b = 0 with an intercept)

with ``w = X'b / l2``. Its Newton systems are a diagonal plus ``X X' / l2``: p x p by Woodbury's identity; Mehrotra's
predictor and corrector. The gap between the objective of w and that of b proves the result, whoever found it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from benchmarks.convergence.objective import Problem

Array = NDArray[Any]


def box_of(problem: Problem) -> tuple[Array, Array, Array]:
    """Linear term and bounds of the dual variables."""
    share, y, zero = problem.share, problem.y, np.zeros(len(problem.y))
    if problem.loss == "hinge":
        return y.astype(float), np.where(y > 0, zero, -share), np.where(y > 0, share, zero)
    if problem.loss == "quantile":
        return y.astype(float), (problem.parameter - 1.0) * share, problem.parameter * share
    raise ValueError(f"no reference for {problem.loss}")


def solve_box(problem: Problem, steps: int = 200, accuracy: float = 1e-12) -> tuple[Array, Any, float, str]:
    """Coefficients, intercept and proved distance of the objective from the optimum."""
    if problem.l2 <= 0 or problem.l1 > 0:
        raise ValueError(f"{problem.loss} needs an l2 penalty alone")
    linear, low, high = box_of(problem)
    X = problem.X
    width = high - low
    b = low + width / 2
    if problem.fit_intercept:
        b += width * (-b.sum() / width.sum())  # sums to zero, inside: widths are proportional to the weights
    scale = float(np.abs(linear - X @ (X.T @ b) / problem.l2).mean()) + 1.0
    below, above, c = np.full(len(b), scale), np.full(len(b), scale), 0.0
    best: tuple[float, Array, float] = (np.inf, np.zeros(X.shape[1]), 0.0)
    idle, lowest = 0, np.inf
    for _ in range(steps):
        w = X.T @ b / problem.l2
        mu = float((b - low) @ below + (high - b) @ above) / (2 * len(b))
        dual = float(linear @ b) - problem.l2 * float(w @ w) / 2
        gap = problem.objective(w, c) - dual
        idle = 0 if gap < 0.9 * best[0] or mu < 0.9 * lowest else idle + 1
        lowest = min(mu, lowest)
        if gap < best[0]:
            best = (gap, w, c)
        if best[0] <= accuracy * abs(dual) or idle > 8:
            break
        try:
            system = Newton(problem, b, (low, high), (below, above), X @ w + c - linear - below + above)
            moves = system.move(0.0)
            far = system.length(moves)
            left = (b + far * moves[0] - low) @ (below + far * moves[1])
            left += (high - b - far * moves[0]) @ (above + far * moves[2])
            target = mu * (float(left) / (2 * len(b)) / mu) ** 3
            moves = system.move(target, moves)
        except (np.linalg.LinAlgError, ValueError):  # beyond what the arithmetic carries
            break
        length = min(1.0, 0.99 * system.length(moves))
        b, below, above, c = (at + length * move for at, move in zip((b, below, above, c), moves, strict=True))
        b = np.clip(b, low, high)
    return best[1], best[2], best[0], "interior point on the dual"


class Newton:
    """One linearisation; Mehrotra's predictor and corrector share its factor."""

    def __init__(
        self, problem: Problem, b: Array, box: tuple[Array, Array], slack: tuple[Array, Array], residual: Array
    ) -> None:
        self.b, self.box, self.slack, self.residual, self.X = b, box, slack, residual, problem.X
        least = 1e-15 * (box[1] - box[0])  # rounding may put a variable on its bound
        self.under, self.over = np.maximum(b - box[0], least), np.maximum(box[1] - b, least)
        self.diagonal = slack[0] / self.under + slack[1] / self.over
        inner = weighted_gram(problem.X, 1.0 / self.diagonal)
        inner[np.diag_indices(len(inner))] += problem.l2
        self.factor = cho_factor(inner)
        self.ones = self.inverse(np.ones(len(b))) if problem.fit_intercept else None

    def inverse(self, v: Array) -> Array:
        """Woodbury: a diagonal plus ``X X' / l2``."""
        scaled = v / self.diagonal
        return np.asarray(scaled - (self.X @ cho_solve(self.factor, self.X.T @ scaled)) / self.diagonal)

    def move(self, target: float, first: tuple[Array, Array, Array, float] | None = None) -> Any:
        """Changes of b, of both slacks and of the intercept, for products of ``target``, to second order."""
        (below, above), under, over = self.slack, self.under, self.over
        bend = 0.0 if first is None else first[0] * first[1]
        bend_above = 0.0 if first is None else -first[0] * first[2]
        lower, upper = (target - bend) / under - below, (target - bend_above) / over - above
        db, dc = self.inverse(lower - upper - self.residual), 0.0
        if self.ones is not None:  # sum(b + db) = 0
            dc = float((db.sum() + self.b.sum()) / self.ones.sum())
            db = db - dc * self.ones
        return db, lower - below / under * db, upper + above / over * db, dc

    def length(self, moves: Any) -> float:
        low, high = self.box
        pairs = (self.b - low, moves[0]), (high - self.b, -moves[0])
        pairs += (self.slack[0], moves[1]), (self.slack[1], moves[2])
        return min(1.0, *(_room(at, move) for at, move in pairs))


def weighted_gram(X: Any, weight: Array) -> Array:
    """``X' diag(weight) X`` as a dense matrix."""
    if isinstance(X, np.ndarray):
        return np.asarray(X.T @ (X * weight[:, None]))
    return np.asarray((X.T @ X.multiply(weight[:, None]).tocsr()).toarray())


def _room(values: Array, direction: Array) -> float:
    shrinking = direction < 0
    return float(np.min(-values[shrinking] / direction[shrinking], initial=np.inf))
