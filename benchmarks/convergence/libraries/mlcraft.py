"""mlcraft: every solver of `mlcraft.solve`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.convergence.library import Fit, Knob, Solver
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "mlcraft", "#00795c"
PACKAGE = DISTRIBUTION = "mlcraft"

#: Shown unless others are asked for by name.
SMOOTH = ("auto", "direct", "newton", "lbfgs", "nesterov", "gd", "saga")
COMPOSITE = ("auto", "fista", "saga")
NOT_SMOOTH = ("auto", "dual", "sgd")
WITH_PARAMETER = ("huber", "quantile", "epsilon_insensitive", "squared_epsilon_insensitive")


def usual(problem: Problem) -> tuple[str, ...]:
    if problem.smooth:
        return SMOOTH
    return COMPOSITE if problem.l1 > 0 else NOT_SMOOTH


def penalty(problem: Problem) -> dict[str, Any]:
    """The penalty in the words of `solve`."""
    if problem.l1 == 0:
        return {"penalty": "l2", "alpha": problem.l2} if problem.l2 > 0 else {"penalty": None}
    if problem.l2 == 0:
        return {"penalty": "l1", "alpha": problem.l1}
    alpha = problem.l1 + problem.l2
    return {"penalty": "elastic_net", "alpha": alpha, "l1_ratio": problem.l1 / alpha}


def solvers(problem: Problem) -> Iterator[Solver]:
    from mlcraft.solve import solve, solvers_for

    kind = penalty(problem)
    options = kind | {"loss": problem.loss, "fit_intercept": problem.fit_intercept, "seed": 0}
    if problem.sample_weight is not None:
        options["sample_weight"] = problem.sample_weight
    if problem.loss in WITH_PARAMETER:
        options["parameter"] = problem.parameter

    def fit(solver: str, level: int) -> Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = solve(problem.X, problem.y, solver=solver, max_iter=int(level), tol=1e-15, **options)
        remark = "" if found.status in ("converged", "max_iter", "stalled", "rank_deficient") else found.status
        ended = found.status not in ("max_iter", "max_time")
        return Fit(found.coef, found.intercept, float(found.passes), found.n_iter, ended, remark)

    for name in ("auto", *solvers_for(problem.loss, kind["penalty"])):
        knob: Knob = "none" if name == "direct" else "iterations"
        yield Solver(name, partial(fit, name), knob, usual=name in usual(problem), counted=True)
