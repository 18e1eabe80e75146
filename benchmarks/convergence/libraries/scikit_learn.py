"""scikit-learn: the estimators of its linear_model, each with the solvers that apply."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.convergence.library import NAN, Fit, Solver, shaped, weights
from benchmarks.convergence.objective import Problem

NAME, COLOUR = "scikit-learn", "#d55e00"
PACKAGE, DISTRIBUTION = "sklearn.linear_model", "scikit-learn"
TINY = 1e-300  # a tolerance that is never met: the limit of iterations decides
#: Reads of X in an iteration: L-BFGS evaluates once (X b, X'r) but for its line searches; the others go through X once.
READS = {"lbfgs": 2.0, "saga": 1.0, "sag": 1.0, "cd": 1.0, "sgd": 1.0}


def solvers(problem: Problem) -> Iterator[Solver]:
    from sklearn import linear_model

    total, intercept = problem.total_weight, problem.fit_intercept
    if problem.loss in ("logistic", "multinomial"):
        names = ["saga"] if problem.l1 > 0 else ["lbfgs", "newton-cg", "saga"]
        if problem.l1 == 0 and problem.X.shape[1] * problem.n_classes <= 2_500:
            names.append("newton-cholesky")
        strength = problem.l1 + problem.l2
        C = np.inf if strength == 0 else 1.0 / (strength * total)
        ratio = {"l1_ratio": problem.l1 / strength} if problem.l1 > 0 else {}
        for name in names:
            yield _solver(
                problem, name, linear_model.LogisticRegression, solver=name, C=C, random_state=0, tol=TINY, **ratio
            )
    elif problem.loss == "squared" and problem.l1 > 0:
        alpha = problem.l1 + problem.l2
        options = {"alpha": alpha, "l1_ratio": problem.l1 / alpha, "tol": 0.0}
        yield _solver(problem, "cd", linear_model.ElasticNet, **options)
    elif problem.loss == "squared" and problem.l2 > 0:
        ridge = {"alpha": problem.l2 * total}
        if not problem.sparse:
            yield _solver(problem, "cholesky", linear_model.Ridge, knob="none", solver="cholesky", **ridge)
        if not (problem.sparse and intercept):
            yield _solver(problem, "lsqr", linear_model.Ridge, knob="tolerance", solver="lsqr", **ridge)
        yield _solver(problem, "saga", linear_model.Ridge, solver="saga", random_state=0, tol=TINY, **ridge)
    elif problem.loss == "poisson" and problem.l1 == 0:
        for name in ("lbfgs", "newton-cholesky"):
            yield _solver(problem, name, linear_model.PoissonRegressor, solver=name, alpha=problem.l2, tol=TINY)
    elif problem.loss == "hinge" and problem.l2 > 0 and problem.l1 == 0:
        options = {"loss": "hinge", "alpha": problem.l2, "tol": None, "average": True, "random_state": 0}
        yield _solver(problem, "sgd", linear_model.SGDClassifier, **options)


def _solver(problem: Problem, name: str, estimator: Any, knob: Any = "iterations", **options: Any) -> Solver:
    options["fit_intercept"] = problem.fit_intercept

    def fit(level: Any) -> Fit:
        if knob == "iterations":
            options["max_iter"] = int(level)
        elif knob == "tolerance":
            options.update(tol=level, max_iter=100_000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = estimator(**options).fit(problem.X, problem.y, **weights(problem))
        made = getattr(model, "n_iter_", None)
        iterations = NAN if made is None else float(np.max(made))
        passes = READS.get(name, NAN) * iterations
        ended = knob == "iterations" and iterations < level
        return Fit(*shaped(problem, model), passes=passes, iterations=iterations, ended=ended)

    return Solver(name, fit, knob)
