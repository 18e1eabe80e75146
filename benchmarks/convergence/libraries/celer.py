"""celer: working sets with dual extrapolation, for the lasso, the elastic net and sparse logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from benchmarks.convergence.library import Fit, Solver, shaped
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "celer", "#cc79a7"
PACKAGE = DISTRIBUTION = "celer"


def solvers(problem: Problem) -> Iterator[Solver]:
    import celer

    if problem.l1 == 0 or problem.sample_weight is not None:
        return
    X = np.asfortranarray(problem.X) if not problem.sparse else problem.X.tocsc()  # it would copy to this itself
    alpha = problem.l1 + problem.l2

    def squared(tol: float) -> Fit:
        options = {"tol": tol, "max_iter": 1_000, "fit_intercept": problem.fit_intercept}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if problem.l2 == 0:
                model = celer.Lasso(alpha=alpha, **options)
            else:
                model = celer.ElasticNet(alpha=alpha, l1_ratio=problem.l1 / alpha, **options)
            model.fit(X, problem.y)
        return Fit(*shaped(problem, model))

    def logistic(tol: float) -> Fit:
        C = 1.0 / (alpha * len(problem.y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = celer.LogisticRegression(C=C, tol=tol, max_iter=1_000).fit(X, problem.y)
        return Fit(*shaped(problem, model))

    if problem.loss == "squared":
        yield Solver("working sets", squared, "tolerance")
    elif problem.loss == "logistic" and problem.l2 == 0 and not problem.fit_intercept:
        yield Solver("working sets", logistic, "tolerance")
