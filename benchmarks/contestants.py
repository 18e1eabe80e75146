"""Who is measured, each called the way its own documentation tells a user to call it, with default settings.

A contestant turns a problem into a call without arguments. The call makes the model and fits it; taking the
coefficients out of the fitted model is not part of the time.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Problem
from benchmarks.timing import Call

Array = NDArray[Any]
Solution = tuple[Array, Any]  # coefficients, (p,) or (k, p), and intercept
Extract = Callable[[Any], Solution]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A library in the table. ``prepare`` answers None for a problem it has no call for."""

    name: str
    title: str
    module: str
    distribution: str
    prepare: Callable[[Problem], Call | None]
    extract: Extract
    colour: str = "0.5"

    def installed(self) -> bool:
        """Whether it can be imported (a broken installation counts as absent, with a warning)."""
        if importlib.util.find_spec(self.module.partition(".")[0]) is None:
            return False
        try:
            module = importlib.import_module(self.module)
        except ImportError as error:
            warnings.warn(f"{self.title} cannot be imported: {error}", stacklevel=2)
            return False
        return module.__file__ is not None  # a bare folder of that name is not a package

    def version(self) -> str:
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return "?"


def _of_estimator(model: Any) -> Solution:
    return np.asarray(model.coef_), model.intercept_


def _weights(problem: Problem) -> dict[str, Array]:
    return {} if problem.sample_weight is None else {"sample_weight": problem.sample_weight}


def _scikit_learn_like(module: str) -> Callable[[Problem], Call | None]:
    """scikit-learn itself and whatever has its classes."""

    def prepare(problem: Problem) -> Call | None:
        library = importlib.import_module(module)
        weights = _weights(problem)
        if problem.kind == "predict":
            model = library.LinearRegression().fit(problem.X, problem.y)
            row = problem.X[:1].copy()
            return lambda: model.predict(row)
        if problem.alpha:
            return lambda: library.Ridge(alpha=problem.alpha).fit(problem.X, problem.y, **weights)
        options = {"positive": True} if problem.positive else {}
        return lambda: library.LinearRegression(**options).fit(problem.X, problem.y, **weights)

    return prepare


def _statsmodels(problem: Problem) -> Call | None:
    if problem.positive or problem.y.ndim > 1:
        return None
    api = importlib.import_module("statsmodels.api")
    if problem.kind == "predict":
        fitted = api.OLS(problem.y, api.add_constant(problem.X)).fit()
        row = np.insert(problem.X[:1], 0, 1.0, axis=1)
        return lambda: fitted.predict(row)
    if problem.alpha:
        n, p = problem.X.shape
        penalty = np.full(p + 1, problem.alpha / n)
        penalty[0] = 0.0  # the constant is a column of its own there and must not be penalised
        return lambda: api.OLS(problem.y, api.add_constant(problem.X)).fit_regularized(alpha=penalty, L1_wt=0.0)
    if problem.sample_weight is not None:
        return lambda: api.WLS(problem.y, api.add_constant(problem.X), weights=problem.sample_weight).fit()
    return lambda: api.OLS(problem.y, api.add_constant(problem.X)).fit()


def _of_statsmodels(result: Any) -> Solution:
    return np.asarray(result.params)[1:], np.asarray(result.params)[0]


def _glum(problem: Problem) -> Call | None:
    if problem.y.ndim > 1:
        return None
    library = importlib.import_module("glum")
    n, p = problem.X.shape
    # Its objective is the mean deviance / 2 + alpha / 2 ||b||^2, hence the division.
    total = n if problem.sample_weight is None else float(problem.sample_weight.sum())
    options: dict[str, Any] = {"family": "normal", "alpha": problem.alpha / total}
    if problem.positive:
        options["lower_bounds"] = np.zeros(p)
    weights = _weights(problem)

    def fit() -> Any:
        return library.GeneralizedLinearRegressor(**options).fit(problem.X, problem.y, **weights)

    if problem.kind == "predict":
        model = fit()
        row = problem.X[:1].copy()
        return lambda: model.predict(row)
    return fit


def normal_equations(problem: Problem) -> Solution:
    """What a user writes in NumPy: centre, X'X, solve."""
    X, y, weight = problem.X, problem.y, problem.sample_weight
    x_mean = np.average(X, axis=0, weights=weight)
    y_mean = np.average(y, axis=0, weights=weight)
    X = X - x_mean
    y = y - y_mean
    weighted = X if weight is None else X * weight[:, None]
    gram = weighted.T @ X
    if problem.alpha:
        gram[np.diag_indices_from(gram)] += problem.alpha
    moment = weighted.T @ y
    if problem.positive:
        # NumPy has no such solver; SciPy's works on the triangular factor, p x p instead of n x p.
        nnls = importlib.import_module("scipy.optimize").nnls
        lower = np.linalg.cholesky(gram)
        coef = nnls(lower.T, np.linalg.solve(lower, moment))[0]
    else:
        coef = np.linalg.solve(gram, moment)
    return coef.T, y_mean - x_mean @ coef


def _numpy(problem: Problem) -> Call | None:
    if problem.kind == "predict":
        coef, intercept = normal_equations(problem)
        row = problem.X[:1].copy()
        return lambda: row @ coef + intercept
    return lambda: normal_equations(problem)


def _identity(result: Any) -> Solution:
    coef, intercept = result
    return coef, intercept


OURS = "mlcraft"
BASELINE = "sklearn"
CONTESTANTS: tuple[Contestant, ...] = (
    Contestant(
        OURS,
        "mlcraft",
        "mlcraft.linear_model",
        "mlcraft",
        _scikit_learn_like("mlcraft.linear_model"),
        _of_estimator,
        "#0b6e4f",
    ),
    Contestant(
        BASELINE,
        "scikit-learn",
        "sklearn.linear_model",
        "scikit-learn",
        _scikit_learn_like("sklearn.linear_model"),
        _of_estimator,
        "#f7931e",
    ),
    Contestant(
        "sklearnex",
        "scikit-learn-intelex",
        "sklearnex.linear_model",
        "scikit-learn-intelex",
        _scikit_learn_like("sklearnex.linear_model"),
        _of_estimator,
        "#0071c5",
    ),
    Contestant(
        "statsmodels",
        "statsmodels",
        "statsmodels.api",
        "statsmodels",
        _statsmodels,
        _of_statsmodels,
        "#7b3fa0",
    ),
    Contestant("glum", "glum", "glum", "glum", _glum, _of_estimator, "#c2185b"),
    Contestant("numpy", "NumPy normal equations", "numpy", "numpy", _numpy, _identity, "#3b3f45"),
)


def installed_contestants(names: list[str] | None = None) -> list[Contestant]:
    """Those that can be imported here; ``names`` keeps only them (mlcraft and scikit-learn always stay)."""
    known = [contestant.name for contestant in CONTESTANTS]
    for name in names or ():
        if name not in known:
            raise SystemExit(f"no peer called {name}; there are: {', '.join(known)}")
    wanted = set(known if names is None else [*names, OURS, BASELINE])
    return [contestant for contestant in CONTESTANTS if contestant.name in wanted and contestant.installed()]
