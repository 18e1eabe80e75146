"""scikit-learn-intelex: scikit-learn's classes on oneDAL; dense arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.convergence.library import NAN, Fit, Solver, shaped, weights
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "scikit-learn-intelex", "#e69f00"
PACKAGE, DISTRIBUTION = "sklearnex.linear_model", "scikit-learn-intelex"


def solvers(problem: Problem) -> Iterator[Solver]:
    from sklearnex import linear_model

    if problem.sparse:
        return
    alpha, total = problem.l1 + problem.l2, problem.total_weight
    if problem.loss in ("logistic", "multinomial") and problem.l1 == 0:
        C = np.inf if alpha == 0 else 1.0 / (alpha * total)
        yield _solver(problem, "lbfgs", linear_model.LogisticRegression, reads=2.0, C=C, tol=1e-300)
    elif problem.loss == "squared" and problem.l1 == 0 and alpha > 0:
        yield _solver(problem, "cholesky", linear_model.Ridge, knob="none", alpha=alpha * total)


def _solver(
    problem: Problem, name: str, estimator: Any, knob: Any = "iterations", reads: float = NAN, **options: Any
) -> Solver:
    options["fit_intercept"] = problem.fit_intercept

    def fit(level: int) -> Fit:
        limit = {"max_iter": int(level)} if knob == "iterations" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = estimator(**options, **limit).fit(problem.X, problem.y, **weights(problem))
        made = getattr(model, "n_iter_", None)
        iterations = NAN if made is None else float(np.max(made))
        ended = knob == "iterations" and iterations < level
        return Fit(*shaped(problem, model), passes=reads * iterations, iterations=iterations, ended=ended)

    return Solver(name, fit, knob)
