"""Methods that read all rows at each step: the twin of csrc/mlcraft/solver/first_order.cpp."""

from __future__ import annotations

import math

import numpy as np

from ._run import Point, Run

__all__ = ["gradient_descent_steps", "nesterov_steps"]


def _slack(run: Run, objective: float) -> float:
    """Bound what rounding may do to an objective."""
    return 50.0 * run.precision * abs(objective)


def _below_parabola(run: Run, at: Point, to: Point, step: float) -> bool:
    """Whether the parabola of curvature 1 / step above the loss at a point holds at another.

    By the values, or where those drown in rounding by the gradients, which tell the same of a quadratic.
    """
    move = to.theta - at.theta
    height = float(move @ move) / (2 * step)
    if height > 100.0 * _slack(run, at.loss):
        return to.loss <= at.loss + float(at.gradient @ move) + height
    return float((to.gradient - at.gradient) @ move) <= 2 * height


def _shortened(run: Run, step: float, at: Point, to: Point) -> float:
    """Return the step, or 1 / L for the curvature L met between two points where that is shorter.

    Never too short for a quadratic. Changes of the gradient that may be rounding tell nothing.
    """
    change = to.gradient - at.gradient
    inner, square = float(change @ (to.theta - at.theta)), float(change @ change)
    noise = 1e4 * run.precision * run.problem.residual
    return min(step, inner / square) if inner > 0 and square > noise * noise else step


def gradient_descent_steps(run: Run, at: Point) -> None:
    """Proximal gradient: fixed steps, backtracking, or the lengths of Barzilai and Borwein (1988)."""
    own = run.settings.step is None
    spectral = run.settings.step_rule == "barzilai_borwein"
    search = spectral or run.settings.step_rule == "backtracking" or (run.settings.step_rule == "auto" and own)
    step, odd = run.first_step(), False
    recent: list[float] = []
    while (now := run.arrive(at)) != "stop":
        if now == "back":
            assert run.best is not None
            step, at, odd = step / 4, run.best, not odd
            continue
        recent = [*recent[-9:], at.objective]
        slack = _slack(run, at.objective)
        for attempt in range(61):
            following = run.evaluate(run.prox(at.theta - step * at.gradient, step))
            if not search:
                break
            square = float(np.sum((following.theta - at.theta) ** 2))
            if spectral:
                good = following.objective <= max(recent) - 1e-4 * square / (2 * step) + slack
            else:
                good = _below_parabola(run, at, following, step)
            if good or attempt == 60:
                break
            if run.out_of_time():
                return
            step /= 2
        if not search and own and following.objective > at.objective + slack:
            step /= 2
        if search and not spectral:
            step *= 1.2
        if spectral:
            change, move = following.gradient - at.gradient, following.theta - at.theta
            inner = float(change @ move)
            if inner > 0:
                step = float(move @ move) / inner if odd else inner / float(change @ change)
            step = min(max(step, 1e-8 / run.lipschitz), 1e8 / run.lipschitz)
        at, odd = following, not odd


def nesterov_steps(run: Run, at: Point) -> None:
    """Accelerated proximal gradient with the restart of O'Donoghue and Candès (2015).

    The gradient is taken ahead of the iterate x, at ``x + push (x - last x)``: that point is measured and returned.
    """
    before, x = at, at.theta
    step, pace = run.first_step(), 1.0
    while (now := run.arrive(at)) != "stop":
        if now == "back":
            assert run.best is not None
            step, pace, at, before, x = step / 4, 1.0, run.best, run.best, run.best.theta
            continue
        if run.settings.step is None:
            step = _shortened(run, step, before, at)
        last, x = x, run.prox(at.theta - step * at.gradient, step)
        uphill = float((at.theta - x) @ (x - last)) > 0
        if run.settings.restart and uphill:
            pace = 1.0
        following = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        push, pace = (pace - 1) / following, following
        before, at = at, run.evaluate(x + push * (x - last))
