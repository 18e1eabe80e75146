"""One run of a first-order method: what all of them share. The twin of csrc/mlcraft/solver/descent_run.hpp."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._arrays import Doubles
from ._rows import Problem

Callback = Callable[[int, float, float], bool | None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to step: see `first_order`."""

    solver: str
    alpha: float
    step: float | None
    step_rule: str
    momentum: float
    beta2: float
    batch_size: int | None
    schedule: str
    power: float
    average: bool
    restart: bool
    seed: int
    tol: float
    max_iter: int
    max_time: float
    callback: Callback | None


@dataclass(slots=True)
class Point:
    """Coefficients in scaled coordinates; the gradient is that of the loss, without the penalty."""

    theta: Doubles
    loss: float
    gradient: Doubles
    objective: float


class Run:
    """What all methods share: the best point, the limits, the trace."""

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.problem, self.settings = problem, settings
        self.precision = float(np.finfo(problem.rows.X.dtype).eps)
        self.tol = max(settings.tol, 50.0 * self.precision)
        self.best: Point | None = None
        self.best_certificate = math.inf
        self.iterations, self.status = 0, "max_iter"
        self.trace: list[tuple[int, float, float, float, float]] = []
        self._began = time.perf_counter()
        self._first = self._smallest = math.inf
        self._since_progress = self._backs = 0
        self._lipschitz = 0.0

    def evaluate(self, theta: Doubles) -> Point:
        """Measure loss, gradient and objective: one pass over the rows."""
        loss, gradient = self.problem.evaluate(theta)
        coef, _ = self.problem.at.to_raw(theta)
        return Point(theta, loss, gradient, loss + 0.5 * self.settings.alpha * float(coef @ coef))

    def prox(self, theta: Doubles, step: float | Doubles) -> Doubles:
        """Minimise ``alpha |b|^2 / 2 + |theta - given|^2 / (2 step)``: a step in theta is one of scale^2 in b."""
        if self.settings.alpha == 0:
            return theta
        step = np.broadcast_to(step, theta.shape)[:-1]
        shrunk = theta[:-1] / (1.0 + self.settings.alpha * step * self.problem.at.scale**2)
        return np.append(shrunk, theta[-1])

    def certificate(self, at: Point) -> float:
        """Largest element of the whole gradient."""
        scale, alpha = self.problem.at.scale, self.settings.alpha
        slopes = at.gradient[:-1] + alpha * scale * scale * at.theta[:-1]
        return float(np.abs(np.append(slopes, at.gradient[-1])).max()) / self.problem.residual

    @property
    def lipschitz(self) -> float:
        """Bound or estimate of the largest curvature."""
        if self._lipschitz == 0:
            self._lipschitz = self.problem.curvature * self.problem.largest_eigenvalue()
        return self._lipschitz

    def first_step(self) -> float:
        """Return the step given, or that of the largest curvature."""
        return 1.0 / self.lipschitz if self.settings.step is None else self.settings.step

    def keep(self, at: Point, size: float) -> None:
        """Remember the best point: the lowest, and of those that are good enough the flattest."""
        if not (math.isfinite(at.objective) and math.isfinite(size)):
            return
        if (
            self.best is None
            or at.objective < self.best.objective
            or (size <= self.tol and size < self.best_certificate)
        ):
            self.best, self.best_certificate = at, size

    def arrive(self, at: Point, ahead: int = 1) -> str:
        """Look at the next iterate and say how to go on: "go", "stop", or "back" to the best with shorter steps."""
        size = self.certificate(at)
        finite = math.isfinite(at.objective) and math.isfinite(size)
        if self.best is None:
            self._first = at.objective
            self.best, self.best_certificate = at, size
            if not finite:
                self.status = "not_finite"
                return "stop"
        if not finite or at.objective > self._first + 1e4 * self.problem.residual * self.problem.spread:
            self._backs += 1
            if self.settings.step is None and self._backs <= 100:
                return "stop" if self.out_of_time() else "back"
            self.status = "diverged"
            return "stop"
        self.keep(at, size)
        self.trace.append((self.iterations, self.problem.passes, self._seconds(), at.objective, size))
        callback = self.settings.callback
        if callback is not None and callback(self.iterations, at.objective, size):
            self.status = "interrupted"
            return "stop"
        self._since_progress += 1
        if size < 0.99 * self._smallest:
            self._smallest, self._since_progress = size, 0
        reached, last = size <= self.tol, self.iterations >= self.settings.max_iter
        if reached or last or self._since_progress > 2000:
            self.status = "converged" if reached else "max_iter" if last else "stalled"
            return "stop"
        if self.out_of_time():
            return "stop"
        self.iterations = min(self.settings.max_iter, self.iterations + ahead)
        return "go"

    def out_of_time(self) -> bool:
        """Whether the clock wants an end."""
        if self._seconds() <= self.settings.max_time:
            return False
        self.status = "max_time"
        return True

    def _seconds(self) -> float:
        return time.perf_counter() - self._began
