"""skglm: working sets and Anderson acceleration, compiled by Numba (before the clock starts)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.convergence.library import Fit, Solver, shaped
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "skglm", "#0072b2"
PACKAGE = DISTRIBUTION = "skglm"


def solvers(problem: Problem) -> Iterator[Solver]:
    import skglm

    if problem.sample_weight is not None or problem.loss not in ("squared", "logistic", "huber"):
        return
    X = np.asfortranarray(problem.X) if not problem.sparse else problem.X.tocsc()
    alpha = problem.l1 + problem.l2
    many: dict[str, Any] = {"max_iter": 500, "fit_intercept": problem.fit_intercept}

    def model(tol: float) -> Any:
        options = many | {"tol": tol}
        if problem.loss == "huber":
            return _general(problem, skglm, options)
        if problem.loss == "logistic":
            return skglm.SparseLogisticRegression(alpha=alpha, l1_ratio=problem.l1 / alpha, **options)
        if problem.l2 == 0:
            return skglm.Lasso(alpha=alpha, **options)
        return skglm.ElasticNet(alpha=alpha, l1_ratio=problem.l1 / alpha, **options)

    def fit(tol: float) -> Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Fit(*shaped(problem, model(tol).fit(X, problem.y)))

    if problem.l1 > 0 or (problem.loss == "huber" and problem.l2 > 0):
        yield Solver("working sets", fit, "tolerance")


def _general(problem: Problem, skglm: Any, options: dict[str, Any]) -> Any:
    from skglm import datafits, penalties
    from skglm.solvers import AndersonCD

    alpha = problem.l1 + problem.l2
    penalty = penalties.L1_plus_L2(alpha, problem.l1 / alpha)
    options = {key: value for key, value in options.items() if key != "max_iter"} | {"max_epochs": 5_000}
    solver = AndersonCD(max_iter=500, ws_strategy="fixpoint", **options)
    return skglm.GeneralizedLinearEstimator(datafits.Huber(problem.parameter), penalty, solver)
