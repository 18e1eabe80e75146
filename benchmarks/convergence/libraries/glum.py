"""glum: iteratively reweighted least squares for generalised linear models."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from benchmarks.convergence.library import Fit, Solver, shaped, weights
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "glum", "#111111"
PACKAGE = DISTRIBUTION = "glum"
FAMILIES = {"squared": "normal", "logistic": "binomial", "poisson": "poisson"}
WIDEST = 2_500  # it factorises a Gram matrix


def solvers(problem: Problem) -> Iterator[Solver]:
    import glum

    if problem.loss not in FAMILIES or problem.X.shape[1] > WIDEST:
        return
    alpha = problem.l1 + problem.l2
    X = problem.X.tocsc() if problem.sparse else problem.X

    def fit(level: int) -> Fit:
        model = glum.GeneralizedLinearRegressor(
            family=FAMILIES[problem.loss],
            alpha=alpha,
            l1_ratio=problem.l1 / alpha if alpha > 0 else 0.0,
            fit_intercept=problem.fit_intercept,
            max_iter=int(level),
            gradient_tol=1e-15,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, problem.y.astype(np.float64), **weights(problem))
        iterations = float(model.n_iter_)
        return Fit(*shaped(problem, model), iterations=iterations, ended=iterations < level)

    yield Solver("irls", fit)
