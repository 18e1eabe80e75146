"""LIBLINEAR, as scikit-learn ships it. It penalises an intercept, so it takes part where there is none."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.convergence.library import NAN, Fit, Solver, shaped, weights
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "liblinear", "#56b4e9"
PACKAGE, DISTRIBUTION = "sklearn.svm", "scikit-learn"
TINY = 1e-300


def solvers(problem: Problem) -> Iterator[Solver]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC, LinearSVR

    if problem.fit_intercept or (problem.l1 > 0 and problem.l2 > 0) or problem.l1 + problem.l2 == 0:
        return
    C = 1.0 / ((problem.l1 + problem.l2) * problem.total_weight)
    options: dict[str, Any] = {"C": C, "tol": TINY, "fit_intercept": False, "random_state": 0}
    if problem.loss == "logistic":
        if problem.l1 > 0:
            yield _solver(problem, "l1 newton", LogisticRegression, solver="liblinear", l1_ratio=1.0, **options)
        else:
            yield _solver(problem, "trust region", LogisticRegression, solver="liblinear", **options)
            yield _solver(problem, "dual cd", LogisticRegression, solver="liblinear", dual=True, **options)
    elif problem.loss in ("hinge", "squared_hinge") and problem.l1 == 0:
        yield _solver(problem, "dual cd", LinearSVC, loss=problem.loss, dual=True, **options)
        if problem.loss == "squared_hinge":
            yield _solver(problem, "trust region", LinearSVC, loss=problem.loss, dual=False, **options)
    elif problem.loss == "squared_epsilon_insensitive" and problem.l1 == 0:
        extra = options | {"loss": problem.loss, "epsilon": problem.parameter}
        yield _solver(problem, "dual cd", LinearSVR, dual=True, **extra)


def _solver(problem: Problem, name: str, estimator: Any, **options: Any) -> Solver:
    def fit(level: int) -> Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = estimator(max_iter=int(level), **options).fit(problem.X, problem.y, **weights(problem))
        iterations = float(np.max(model.n_iter_))
        passes = iterations if name == "dual cd" else NAN  # of one sweep over the rows each
        return Fit(*shaped(problem, model), passes=passes, iterations=iterations, ended=iterations < level)

    return Solver(name, fit)
