"""Methods that take batches of rows, or adapt their steps: the twin of csrc/mlcraft/solver/stochastic.cpp."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ._arrays import Doubles
from ._rows import RowSampler
from ._run import Point, Run, Settings

__all__ = ["adaptive_steps"]


class StepRule:
    """Where a step goes: against the gradient, or (adam) against its mean over its size in each coordinate."""

    def __init__(self, settings: Settings, size: int) -> None:
        self.settings, self.scaled = settings, settings.solver == "adam"
        self.mean, self.square, self.count = np.zeros(size), np.zeros(size), 0

    def restart(self) -> None:
        """Forget the gradients seen."""
        self.mean, self.square, self.count = np.zeros_like(self.mean), np.zeros_like(self.square), 0

    def move(self, theta: Doubles, gradient: Doubles, length: float) -> tuple[Doubles, float | Doubles]:
        """Return the new point, before the prox, and the metric of the prox."""
        self.count += 1
        if not self.scaled:
            return theta - length * gradient, length
        beta1, beta2 = self.settings.momentum, self.settings.beta2
        self.mean = beta1 * self.mean + (1 - beta1) * gradient
        self.square = beta2 * self.square + (1 - beta2) * gradient * gradient
        size = np.sqrt(self.square / (1 - beta2**self.count))
        steps = np.divide(length, size, out=np.zeros_like(size), where=size > 0)
        return theta - steps * (self.mean / (1 - beta1**self.count)), steps


class Schedule:
    """The length of a step, by the number of epochs done."""

    def __init__(self, run: Run, sampler: RowSampler | None) -> None:
        settings, problem = run.settings, run.problem
        self.name = "step_decay" if settings.schedule == "auto" else settings.schedule
        self.power, self.shrink = settings.power, 1.0
        if settings.step is not None:
            self.base = settings.step
        elif settings.solver == "adam" or sampler is None:
            self.base = 0.1 * problem.spread
        elif problem.loss.smooth:  # Gower et al. (2019)
            curvature = run.lipschitz + 2 * problem.curvature * sampler.mean_size / sampler.batch_size
            self.base = 1.0 / curvature
        else:
            self.base = problem.spread / (problem.residual * math.sqrt(sampler.mean_size))
        scale = problem.at.scale
        self.strength = settings.alpha * float(scale @ scale) / max(len(scale), 1)
        self.steps = sampler.steps_in_epoch if sampler else 1

    def length(self, epochs: float) -> float:
        """Length of a step after so many epochs."""
        share = 1.0
        if self.name == "invscaling":
            share = (1 + epochs) ** -self.power
        elif self.name == "optimal":
            decay = self.base * self.strength * epochs * self.steps
            share = 1.0 / (1 + decay) if self.strength else (1 + epochs) ** -0.5
        return float(self.base * share * self.shrink)


class Progress:
    """Whether an objective has come down since the last ones."""

    def __init__(self, patience: int) -> None:
        self.lowest, self.patience, self.waited = math.inf, patience, 0

    def is_missing(self, objective: float) -> bool:
        """Look at the next one."""
        if objective < self.lowest - 1e-13 * abs(self.lowest) or math.isinf(self.lowest):
            self.lowest, self.waited = objective, 0
            return False
        self.waited += 1
        if self.waited < self.patience:
            return False
        self.waited = 0
        return True


class WeightedAverage:
    """Mean of the iterates with weights that rise, so that the start is forgotten (Lacoste-Julien et al. 2012)."""

    def __init__(self) -> None:
        self.count, self.mean = 0, np.zeros(0)

    def add(self, theta: Doubles) -> None:
        """Add the next iterate."""
        if self.count == 0:
            self.mean = theta
        self.count += 1
        self.mean = self.mean + 2.0 / (self.count + 1) * (theta - self.mean)


def _rows_of_batch(run: Run) -> int:
    """Rows at which the noise of a batch is as large as the curvature of all rows."""
    if run.settings.batch_size:
        return int(run.settings.batch_size)
    problem = run.problem
    n, p = problem.rows.X.shape
    curvature = run.lipschitz if problem.loss.smooth else problem.curvature
    rows = int(max(2 * (p + 1) * problem.curvature / curvature, 2 * (p + 1) / max(p, 1)))
    return int(min(max(rows, 16), max(16, min(n // 8, 4096))))


def adaptive_steps(run: Run, start: Callable[[], Point]) -> None:
    """Run "sgd" or "adam" (Kingma and Ba 2015): over all rows, or over batches of them and measured now and then."""
    settings, problem = run.settings, run.problem
    sampler = None
    if settings.solver == "sgd" or settings.batch_size:
        sampler = RowSampler(problem, _rows_of_batch(run), settings.seed)
    at = start()
    theta = at.theta
    schedule, rule = Schedule(run, sampler), StepRule(settings, len(theta))
    done, in_epoch = 0, sampler.steps_in_epoch if sampler else 1
    average, progress = WeightedAverage(), Progress(20 if sampler is None else 3 if in_epoch < 100 else 1)
    while (now := run.arrive(at, min(max(done // 8, 1), 8) if sampler else 1)) != "stop":
        poor = now == "go" and schedule.name == "step_decay" and progress.is_missing(at.objective)
        if now == "back" or poor:
            schedule.shrink *= 0.25 if now == "back" else 0.5
            if schedule.shrink < 1e-10:
                run.status = "stalled"
                return
            if now == "back" or sampler is None:
                assert run.best is not None
                at, theta = run.best, run.best.theta
                rule.restart()
            else:
                progress.lowest = at.objective  # the lowest so far may have been luck
            average = WeightedAverage()
            if now == "back":
                continue
        while done < run.iterations:
            for k in range(in_epoch):
                if sampler:
                    gradient = problem.batch(*sampler.draw(), theta)
                else:
                    gradient = run.evaluate(theta).gradient if settings.average else at.gradient
                theta, steps = rule.move(theta, gradient, schedule.length(done + k / in_epoch))
                theta = run.prox(theta, steps)
                if settings.average:
                    average.add(theta)
                if sampler and run.out_of_time():
                    last = run.evaluate(theta)
                    run.keep(last, run.certificate(last))
                    return
            problem.passes += 1 if sampler else 0
            done += 1
        at = run.evaluate(average.mean if settings.average else theta)
