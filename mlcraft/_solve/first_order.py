"""First-order solvers: the compiled ones, and their readable twins under ``engine="numba"``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mlcraft._engine.config import get_config
from mlcraft._engine.first_order import FirstOrderSettings, fit_first_order, refusal
from mlcraft._engine.penalty import Penalty
from mlcraft._solve.outcome import GRADIENT, VIOLATION, Outcome
from mlcraft._solve.problem import Problem
from mlcraft._solve.table import SOLVERS
from mlcraft._solve.watch import Watch

__all__ = ["TWINS", "check_settings", "engine_penalty", "run_first_order"]

TWINS = ("gd", "nesterov", "adam", "sgd")
SMALLEST = 1e-140
SMOOTH_PENALTIES = ("none", "l2")


def engine_penalty(problem: Problem) -> Penalty:
    """Return the penalty as the engine takes it."""
    lower, upper = (None, None) if problem.bounds is None else problem.bounds
    return Penalty(
        problem.penalty,
        alpha=problem.alpha,
        l1_ratio=problem.l1_ratio,
        lower=lower,
        upper=upper,
        groups=problem.groups,
        user=problem.penalty_door,
    )


def check_settings(problem: Problem, solver: str, settings: FirstOrderSettings) -> None:
    """
    Raise if the settings do not go with the solver.

    Raises
    ------
    ValueError
        With the reason.
    """
    why = refusal(problem.loss_door, solver, settings)
    if why is not None:
        raise ValueError(why)


def run_first_order(
    problem: Problem,
    solver: str,
    settings: FirstOrderSettings,
    *,
    tol: float,
    max_iter: int,
    watch: Watch,
) -> Outcome:
    """
    Minimise by gradients.

    Parameters
    ----------
    problem : Problem
    solver : str
        One of the solvers of `mlcraft._engine.first_order`.
    settings : FirstOrderSettings
        How it steps.
    tol, max_iter : float, int
        Where to stop.
    watch : Watch
        Stops it from outside.

    Returns
    -------
    Outcome
    """
    data = problem.data
    common: dict[str, Any] = {
        "loss": problem.loss_door,
        "solver": solver,
        "parameter": problem.parameter,
        "sample_weight": data.weight,
        "offset": data.offset,
        "fit_intercept": problem.fit_intercept,
        "init": problem.typed_start,
        "tol": tol,
        "max_iter": max_iter,
        "max_time": watch.max_time,
        "trace": watch.keep,
        "callback": watch if watch.is_needed else None,
    }
    if _has_twin(problem, solver):
        from mlcraft import jit

        fit: Any = jit.first_order(data.X, data.y, alpha=problem.ridge, **common, **asdict(settings))
    else:
        penalty, classes = engine_penalty(problem), max(problem.n_classes, 2)
        fit = fit_first_order(data.X, data.y, penalty=penalty, n_classes=classes, options=settings, **common)
    status = fit.status
    if status == "interrupted" and watch.reason == "max_time":
        status = "max_time"
    intercept = np.asarray(fit.intercept, dtype=np.float64)
    if problem.loss.target == "classes" and problem.fit_intercept:
        intercept = intercept - intercept.mean()  # any constant fits as well
    kinks = problem.penalty not in SMOOTH_PENALTIES or not problem.loss.smooth
    return Outcome(
        np.asarray(fit.coef, dtype=np.float64),
        intercept,
        float(fit.objective),
        float(fit.certificate),
        VIOLATION if kinks else GRADIENT,
        int(fit.n_iter),
        status,
        solver,
        passes=float(fit.passes),
        rows=list(fit.trace) if watch.keep else [],
        stochastic=SOLVERS[solver].stochastic or settings.batch_size is not None,
    )


def _has_twin(problem: Problem, solver: str) -> bool:
    return (
        get_config()["engine"] == "numba"
        and solver in TWINS
        and isinstance(problem.data.X, np.ndarray)
        and problem.penalty in SMOOTH_PENALTIES
        and problem.loss.target != "classes"
        and SMALLEST < float(np.abs(problem.data.y).max()) < 1 / SMALLEST  # the twins do not look after squares
    )
