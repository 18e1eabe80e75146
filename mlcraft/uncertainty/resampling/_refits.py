"""Estimates made anew for each resample: any estimator, any function of the rows."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, has_fit_parameter

from mlcraft._engine.resampling import ResamplePlan, resample_weights
from mlcraft.uncertainty._model import INTERCEPT
from mlcraft.uncertainty.left_out._problem import last_step
from mlcraft.uncertainty.resampling._closed import Values
from mlcraft.uncertainty.resampling._fixed import drawn_residuals, ready_residuals

__all__ = ["Refitted", "RefittedJackknife", "Statistic", "coefficient_names", "refitted_values"]

Doubles = NDArray[np.float64]
MOST_PARTS = 200  # of the jackknife by refits: rows beyond are left out in parts of several
TOGETHER = 1 << 21  # elements of resamples that a function of `axis` sees at once
WEIGHT_NAMES = ("sample_weight", "weights")


def coefficients(model: Any) -> Doubles:
    """Return (intercept, coef) of a fitted model, of shape (width,) or (n_targets, width)."""
    model = last_step(model)
    if not hasattr(model, "coef_"):
        raise ValueError(
            f"{type(model).__name__} has no coef_: say what to estimate, quantity='predict' with at=rows, or a "
            "function of the fitted estimator"
        )
    coef = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
    coef = coef[0] if coef.ndim == 2 and len(coef) == 1 else coef
    if not getattr(model, "fit_intercept", hasattr(model, "intercept_")):
        return np.asarray(coef, dtype=np.float64)
    constant = np.broadcast_to(np.ravel(np.asarray(model.intercept_)), coef.shape[:-1] or (1,))
    constant = constant if coef.ndim == 1 else constant[:, np.newaxis]
    return np.concatenate([constant, coef], axis=-1).astype(np.float64)


def coefficient_names(model: Any, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Name what `coefficients` returns for all rows."""
    model = last_step(model)
    count = np.shape(model.coef_)[-1]
    given = getattr(model, "feature_names_in_", None)
    names = [f"x{j}" for j in range(count)] if given is None else [str(name) for name in given]
    if shape[-1] > count:
        names = [INTERCEPT, *names]
    if len(shape) == 1:
        return tuple(names)
    heads = [str(label) for label in getattr(model, "classes_", [f"y{t}" for t in range(shape[0])])]
    return tuple(f"{head}: {name}" for head in heads for name in names)


@dataclass
class Refitted:
    """
    An estimator, fitted to each resample.

    Attributes
    ----------
    estimator : object
        Not fitted.
    X, y
        The rows.
    sample_weight : ndarray of shape (n_samples,) or None
    quantity : str or callable
        "coef", the name of a method called with `at`, or a function of the fitted estimator.
    at : array-like or None
    fit_params : dict
    standard_error : callable or None
        Of the fitted estimator.
    """

    estimator: Any
    X: Any
    y: Any
    sample_weight: Doubles | None
    quantity: str | Callable[[Any], Any]
    at: Any = None
    fit_params: dict[str, Any] = field(default_factory=dict)
    standard_error: Callable[[Any], Any] | None = None

    def check_weights(self, needed: bool) -> None:
        """Raise ValueError where the estimator cannot take the weights that it would need."""
        if needed and not has_fit_parameter(last_step(self.estimator), "sample_weight"):
            raise ValueError(
                f"{type(last_step(self.estimator)).__name__} takes no sample_weight; use kind='pairs', which repeats "
                "rows, without sample_weight"
            )

    def fit(self, rows: Any = None, weight: Doubles | None = None, y: Any = None) -> Any:
        """Fit a clone to some rows, to weighted ones, or to other targets."""
        params = dict(self.fit_params)
        given = self.sample_weight
        if weight is not None:
            given = weight if given is None else weight * given
        if given is not None:
            params[_weight_name(self.estimator)] = given
        X, y = self.X, self.y if y is None else y
        if rows is not None:
            params = _check_method_params(X, params, indices=rows)
            X, y = _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows)
        return clone(self.estimator).fit(X, y, **params)

    def measure(self, model: Any) -> tuple[Doubles, Doubles | None]:
        """Return the estimate and, where asked for, its standard error."""
        if callable(self.quantity):
            value = self.quantity(model)
        elif self.quantity == "coef":
            value = coefficients(model)
        else:
            value = getattr(model, self.quantity)(self.at)
        error = None if self.standard_error is None else np.asarray(self.standard_error(model), dtype=np.float64)
        return np.asarray(value, dtype=np.float64), error

    def of_rows(self, rows: NDArray[np.intp]) -> tuple[Doubles, Doubles | None]:
        """Estimate from some rows."""
        return self.measure(self.fit(rows))

    def of_weights(self, weight: Doubles) -> tuple[Doubles, Doubles | None]:
        """Estimate from weighted rows."""
        return self.measure(self.fit(weight=weight))


@dataclass
class Statistic:
    """
    A function of the rows.

    Attributes
    ----------
    function : callable
    data : tuple of ndarray
        Arrays whose first axis are rows.
    standard_error : callable or None
        Of the same arguments.
    """

    function: Callable[..., Any]
    data: tuple[NDArray[Any], ...]
    standard_error: Callable[..., Any] | None = None

    @property
    def weight_name(self) -> str | None:
        """The argument that takes weights, if there is one."""
        return next((name for name in WEIGHT_NAMES if name in _arguments(self.function)), None)

    @property
    def vectorised(self) -> bool:
        """Whether the function takes an axis."""
        return "axis" in _arguments(self.function) and self.standard_error is None

    def check_weights(self, needed: bool) -> None:
        """Raise ValueError where the function cannot take the weights that it would need."""
        if needed and self.weight_name is None:
            raise ValueError(
                "kind='bayesian' weights the rows: the statistic needs an argument sample_weight or weights "
                "(np.average has one); use kind='pairs' otherwise"
            )

    def of_rows(self, rows: NDArray[np.intp]) -> tuple[Doubles, Doubles | None]:
        """Compute it on some rows; along axis 0 where the function must be told."""
        parts = [part[rows] for part in self.data]
        along = {"axis": 0} if _needs_axis(self.function) else {}
        error = None if self.standard_error is None else np.asarray(self.standard_error(*parts), dtype=np.float64)
        return np.asarray(self.function(*parts, **along), dtype=np.float64), error

    def of_weights(self, weight: Doubles) -> tuple[Doubles, Doubles | None]:
        """Compute it on weighted rows."""
        options: dict[str, Any] = {"axis": 0} if _needs_axis(self.function) else {}
        options[str(self.weight_name)] = weight
        return np.asarray(self.function(*self.data, **options), dtype=np.float64), None

    def of_many(self, rows: NDArray[np.intp]) -> Doubles:
        """Compute it on many resamples of rows, of shape (count, n_samples), at once."""
        return np.asarray(self.function(*[part[rows] for part in self.data], axis=1), dtype=np.float64)


def _arguments(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return set()


def _needs_axis(function: Callable[..., Any]) -> bool:
    """Tell whether a function has an argument `axis` without a default."""
    if "axis" not in _arguments(function):
        return False
    return inspect.signature(function).parameters["axis"].default is inspect.Parameter.empty


def _weight_name(estimator: Any) -> str:
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return f"{prefix}sample_weight"


def refitted_values(
    source: Refitted | Statistic,
    plan: ResamplePlan,
    kind: str,
    count: int,
    estimate: Doubles,
    n_jobs: int | None,
) -> Values:
    """
    Estimate anew for each resample.

    Parameters
    ----------
    source : Refitted or Statistic
    plan : ResamplePlan
    kind : str
        As `bootstrap` has it.
    count : int
    estimate : ndarray of shape (...)
        From all rows: its shape is that of all.
    n_jobs : int or None

    Returns
    -------
    Values
        NaN where a fit raised ValueError or LinAlgError, or the estimate has another shape.
    """
    if isinstance(source, Statistic) and source.vectorised and plan.kind in ("pairs", "poisson"):
        found = _many_at_once(source, plan, count, estimate.shape)
        if found is not None:
            return Values(found)
    if kind in ("residual", "wild", "wild-cluster"):
        assert isinstance(source, Refitted)
        tasks = _new_targets(source, plan, kind, count)
    elif plan.kind == "bayesian":
        source.check_weights(True)
        tasks = (delayed(_attempt)(_Weighted(source, plan), b) for b in range(count))
    else:
        tasks = (delayed(_attempt)(_Repeated(source, plan), b) for b in range(count))
    results = Parallel(n_jobs=n_jobs)(tasks)
    return _collected(results, estimate)


def _many_at_once(source: Statistic, plan: ResamplePlan, count: int, shape: tuple[int, ...]) -> Doubles | None:
    """Resamples of equal size through a function of `axis`; None where it does not do what it seems to."""
    found = np.empty((count, *shape))
    size = sum(part.size for part in source.data)
    step = max(1, TOGETHER // max(size, 1))
    for begin in range(0, count, step):
        weights = resample_weights(plan, begin, min(step, count - begin)).astype(np.intp)
        if (weights.sum(axis=1) != plan.n_samples).any():  # Poisson counts, or clusters of several sizes
            return None
        rows = np.stack([np.repeat(np.arange(plan.n_samples), row) for row in weights])
        part = source.of_many(rows)
        if part.shape != (len(rows), *shape):
            return None
        if begin == 0 and not np.allclose(part[0], source.of_rows(rows[0])[0], rtol=1e-8, equal_nan=True):
            return None
        found[begin : begin + len(rows)] = part
    return found


@dataclass
class _Repeated:
    source: Refitted | Statistic
    plan: ResamplePlan

    def __call__(self, b: int) -> tuple[Doubles, Doubles | None]:
        counts = resample_weights(self.plan, b, 1)[0].astype(np.intp)
        return self.source.of_rows(np.repeat(np.arange(len(counts)), counts))


@dataclass
class _Weighted:
    source: Refitted | Statistic
    plan: ResamplePlan

    def __call__(self, b: int) -> tuple[Doubles, Doubles | None]:
        return self.source.of_weights(resample_weights(self.plan, b, 1)[0])


@dataclass
class _Targets:
    source: Refitted
    y: NDArray[Any]

    def __call__(self, _b: int) -> tuple[Doubles, Doubles | None]:
        return self.source.measure(self.source.fit(y=self.y))


def _new_targets(source: Refitted, plan: ResamplePlan, kind: str, count: int) -> Any:
    """Yield tasks with the fit's own predictions plus drawn residuals as targets."""
    if not is_regressor(source.estimator):
        raise ValueError(f"kind={kind!r} draws residuals, which only regressions have; use kind='pairs'")
    y = np.asarray(source.y, dtype=np.float64)
    fitted = np.asarray(source.fit().predict(source.X), dtype=np.float64).reshape(y.shape)
    weight = np.ones(len(y)) if source.sample_weight is None else source.sample_weight
    ready = ready_residuals((y - fitted).reshape(len(y), -1), np.ones(len(y)), kind, weight)
    for part, drawn in drawn_residuals(ready, weight, plan, count):
        for b, error in zip(range(part.start, part.stop), drawn, strict=True):
            yield delayed(_attempt)(_Targets(source, fitted + error.reshape(y.shape)), b)


def _attempt(task: Callable[[int], tuple[Doubles, Doubles | None]], b: int) -> tuple[Any, Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value, error = task(b)
        except (ValueError, np.linalg.LinAlgError) as problem:
            return None, None, [f"{type(problem).__name__}: {str(problem).splitlines()[0]}"]
    return value, error, sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught})


def _collected(results: list[tuple[Any, Any, list[str]]], estimate: Doubles) -> Values:
    values = np.full((len(results), *estimate.shape), np.nan)
    errors = values.copy() if any(error is not None for _, error, _ in results) else None
    messages: Counter[str] = Counter()
    for b, (value, error, said) in enumerate(results):
        messages.update(said)
        if value is None:
            continue
        if value.shape != estimate.shape:
            messages[f"an estimate of shape {value.shape} instead of {estimate.shape}"] += 1
            continue
        values[b] = value
        if errors is not None and error is not None:
            errors[b] = error
    return Values(values, errors, messages=dict(messages))


@dataclass
class RefittedJackknife:
    """
    The estimate without each row or cluster, or without each of some parts of the rows, by refits.

    The skewness of the influence of parts is that of rows, on average: cross terms of independent rows vanish.

    Attributes
    ----------
    source : Refitted or Statistic
    plan : ResamplePlan
    n_jobs : int or None
    """

    source: Refitted | Statistic
    plan: ResamplePlan
    n_jobs: int | None = None

    def __call__(self) -> Doubles:
        """Return it, of shape (n_parts, n_values)."""
        n = self.plan.n_samples
        unit = self.plan.unit if len(self.plan.unit) else np.arange(n)
        parts = unit
        if self.plan.n_units > MOST_PARTS:
            shuffled = np.random.default_rng(self.plan.seed).permutation(self.plan.n_units)
            parts = (shuffled % MOST_PARTS)[unit]
        count = min(self.plan.n_units, MOST_PARTS)
        rows = [np.flatnonzero(parts != part) for part in range(count)]
        results = Parallel(n_jobs=self.n_jobs)(delayed(_attempt)(_Kept(self.source, kept), 0) for kept in rows)
        values = [np.nan if value is None else value.ravel() for value, _, _ in results]
        width = max(np.size(value) for value in values)
        return np.stack([np.full(width, np.nan) if np.size(v) != width else np.atleast_1d(v) for v in values])


@dataclass
class _Kept:
    source: Refitted | Statistic
    rows: NDArray[np.intp]

    def __call__(self, _b: int) -> tuple[Doubles, Doubles | None]:
        return self.source.of_rows(self.rows)
