"""Who fits logistic models, each by its own documented call, with one knob: how far to go."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.logistic_data import FOLDS, GRID, Problem

Array = NDArray[Any]
Parameters = tuple[Array, Array]  # coefficients (K, p) and intercepts (K,)
OURS = "mlcraft"
MANY = 100_000  # iterations: tol decides
DECADES = tuple(10.0**-power for power in range(1, 13))


@dataclass(frozen=True, slots=True)
class Contestant:
    """A solver in the table.

    ``fit(problem, tol)`` makes the model and fits it; it is what is timed. ``penalised_intercept`` says that
    its objective has the intercept in the penalty: it is judged by that objective.
    """

    name: str
    module: str
    fit: Callable[[Problem, float], Any]
    applies: Callable[[Problem], bool]
    family: str = "peer"  # "ours", "sklearn" or "peer"
    penalised_intercept: bool = False
    tolerances: tuple[float, ...] = DECADES

    def installed(self) -> bool:
        """Whether it can be imported."""
        if importlib.util.find_spec(self.module.partition(".")[0]) is None:
            return False
        try:
            return importlib.import_module(self.module).__file__ is not None
        except ImportError:
            return False


def _weights(problem: Problem) -> dict[str, Array]:
    return {} if problem.sample_weight is None else {"sample_weight": problem.sample_weight}


def parameters(model: Any) -> Parameters:
    """Coefficients and intercepts of a fitted model of any of them."""
    coef = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    return coef, np.ravel(np.asarray(model.intercept_, dtype=np.float64))


def _estimator(module: str, **options: Any) -> Callable[[Problem, float], Any]:
    """scikit-learn itself and whatever has its classes."""

    def fit(problem: Problem, tol: float) -> Any:
        library = importlib.import_module(module)
        settings = {"C": problem.C, "tol": tol, "max_iter": MANY} | options
        return library.LogisticRegression(**settings).fit(problem.X, problem.y, **_weights(problem))

    return fit


def _search(module: str, **options: Any) -> Callable[[Problem, float], Any]:
    def fit(problem: Problem, tol: float) -> Any:
        library = importlib.import_module(module)
        settings = {"Cs": GRID, "cv": FOLDS, "tol": tol, "max_iter": MANY, "scoring": "neg_log_loss"}
        settings |= {"l1_ratios": (0.0,), "use_legacy_attributes": False} | options
        return library.LogisticRegressionCV(**settings).fit(problem.X, problem.y)

    return fit


def _glum(problem: Problem, tol: float) -> Any:
    library = importlib.import_module("glum")
    # Its objective is the mean deviance / 2 + alpha / 2 ||b||^2, hence the division.
    total = len(problem.y) if problem.sample_weight is None else float(problem.sample_weight.sum())
    model = library.GeneralizedLinearRegressor(
        family="binomial", alpha=1.0 / (problem.C * total), gradient_tol=tol, max_iter=10_000
    )
    return model.fit(problem.X, problem.y.astype(problem.X.dtype), **_weights(problem))


def _snapml(problem: Problem, tol: float) -> Any:
    library = importlib.import_module("snapml")
    model = library.LogisticRegression(
        regularizer=1.0 / problem.C, fit_intercept=True, tol=tol, max_iter=10_000, n_jobs=2, dual=True
    )
    return model.fit(problem.X, problem.y)


def _errors_of_mlcraft(problem: Problem, tol: float) -> Array:
    library = importlib.import_module("mlcraft.linear_model")
    model = library.LogisticRegression(C=np.inf).fit(problem.X, problem.y)
    return np.sort(np.asarray(model.summary().standard_error, dtype=np.float64).ravel())


def _errors_of_statsmodels(problem: Problem, tol: float) -> Array:
    api = importlib.import_module("statsmodels.api")
    fitted = api.Logit(problem.y, api.add_constant(problem.X)).fit(method="newton", tol=tol, maxiter=100, disp=0)
    return np.sort(np.asarray(fitted.bse, dtype=np.float64))


def _fits(problem: Problem) -> bool:
    return problem.kind == "fit"


def _binary(problem: Problem) -> bool:
    return _fits(problem) and problem.n_classes == 2


def _small_hessian(problem: Problem) -> bool:
    size = problem.X.shape[1] * (problem.n_classes if problem.n_classes > 2 else 1)
    return _fits(problem) and size <= 2_500


def _steps_over_samples(problem: Problem) -> bool:
    """Stochastic solvers: hopeless where columns differ in scale."""
    return _fits(problem) and problem.same_scale


def _one_at_a_time(problem: Problem) -> bool:
    """liblinear takes float64, and copies sparse rows."""
    return _binary(problem) and problem.X.dtype == np.float64


def _search_applies(problem: Problem) -> bool:
    return problem.kind == "cv"


def _errors_applies(problem: Problem) -> bool:
    return problem.kind == "errors"


def _sklearn(name: str, applies: Callable[[Problem], bool], **options: Any) -> Contestant:
    fit = _estimator("sklearn.linear_model", solver=name)
    return Contestant(f"scikit-learn {name}", "sklearn.linear_model", fit, applies, "sklearn", **options)


def _sklearn_search(name: str, **options: Any) -> Contestant:
    fit = _search("sklearn.linear_model", **options)
    return Contestant(f"scikit-learn {name}", "sklearn.linear_model", fit, _search_applies, "sklearn")


CONTESTANTS: tuple[Contestant, ...] = (
    Contestant(OURS, "mlcraft.linear_model", _estimator("mlcraft.linear_model"), _fits, "ours"),
    _sklearn("lbfgs", _fits),
    _sklearn("newton-cholesky", _small_hessian),
    _sklearn("newton-cg", _fits),
    _sklearn("liblinear", _one_at_a_time, penalised_intercept=True),
    _sklearn("saga", _steps_over_samples),
    Contestant("scikit-learn-intelex", "sklearnex.linear_model", _estimator("sklearnex.linear_model"), _fits),
    Contestant("glum", "glum", _glum, lambda p: _binary(p) and p.X.shape[1] <= 2_500),
    Contestant("snapml", "snapml", _snapml, lambda p: _binary(p) and p.sample_weight is None, penalised_intercept=True),
    Contestant(OURS, "mlcraft.linear_model", _search("mlcraft.linear_model"), _search_applies, "ours"),
    _sklearn_search("lbfgs"),
    _sklearn_search("lbfgs, 2 jobs", n_jobs=2),
    _sklearn_search("newton-cholesky", solver="newton-cholesky"),
    _sklearn_search("newton-cholesky, 2 jobs", solver="newton-cholesky", n_jobs=2),
    Contestant(OURS, "mlcraft.linear_model", _errors_of_mlcraft, _errors_applies, "ours"),
    Contestant("statsmodels", "statsmodels.api", _errors_of_statsmodels, _errors_applies),
)


def contestants_of(problem: Problem, names: list[str] | None = None) -> list[Contestant]:
    """Those that are installed and have a call for the problem; ``names`` keeps those that contain one of the words."""
    return [
        contestant
        for contestant in CONTESTANTS
        if contestant.applies(problem)
        and (names is None or contestant.family == "ours" or any(word in contestant.name for word in names))
        and contestant.installed()
    ]
