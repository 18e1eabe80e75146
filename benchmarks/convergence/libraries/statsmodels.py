"""statsmodels: maximum likelihood without a penalty, dense; a column of ones is the intercept, added on the clock."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.convergence.library import Fit, Solver
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "statsmodels", "#8c8c8c"
PACKAGE, DISTRIBUTION = "statsmodels.api", "statsmodels"


def solvers(problem: Problem) -> Iterator[Solver]:
    from statsmodels import api

    if problem.l1 + problem.l2 > 0 or problem.sparse:
        return

    def design() -> np.ndarray:
        return api.add_constant(problem.X, has_constant="add") if problem.fit_intercept else problem.X

    def result(fitted: Any, level: int = 0) -> Fit:
        theta = np.asarray(fitted.params)
        coef, intercept = (theta[1:], float(theta[0])) if problem.fit_intercept else (theta, 0.0)
        return Fit(coef, intercept)

    def glm(level: int) -> Fit:
        family = {"poisson": api.families.Poisson, "logistic": api.families.Binomial}[problem.loss]()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = api.GLM(problem.y, design(), family=family, var_weights=problem.sample_weight)
            return result(model.fit(maxiter=int(level), tol=1e-300))

    def logit(level: int) -> Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = api.Logit(problem.y, design())
            return result(model.fit(method="newton", maxiter=int(level), tol=1e-300, disp=0))

    def least_squares(level: int) -> Fit:
        return result(api.WLS(problem.y, design(), weights=problem.sample_weight or 1.0).fit())

    if problem.loss == "squared":
        yield Solver("qr", least_squares, "none")
    elif problem.loss in ("poisson", "logistic"):
        yield Solver("irls", glm)
        if problem.loss == "logistic" and problem.sample_weight is None:
            yield Solver("newton", logit)
