"""The way in: what is drawn, what is estimated, and by which of the ways."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _num_samples

from mlcraft._engine.resampling import ResamplePlan, plan_of, seed_of
from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.resampling._closed import (
    ClosedJackknife,
    Values,
    resampled_values,
    values_at_full,
)
from mlcraft.uncertainty.resampling._fixed import fixed_design_values
from mlcraft.uncertainty.resampling._model import KEPT_STEPS, FullFit, full_fit, may_have_form
from mlcraft.uncertainty.resampling._refits import (
    Refitted,
    RefittedJackknife,
    Statistic,
    coefficient_names,
    refitted_values,
)
from mlcraft.uncertainty.resampling._result import BootstrapResult, check_level, check_method

__all__ = ["bootstrap"]

Doubles = NDArray[np.float64]
KINDS = ("pairs", "residual", "wild", "wild-cluster", "cluster", "bayesian", "poisson")
DRAWN = {"pairs": "pairs", "cluster": "pairs", "bayesian": "bayesian", "poisson": "poisson", "residual": "draws"}
MULTIPLIERS = ("rademacher", "mammen", "webb")
FEW_CLUSTERS = 12  # of which two signs for each make few different resamples


def bootstrap(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    n_resamples: int = 999,
    kind: str = "pairs",
    method: str = "percentile",
    level: float = 0.95,
    quantity: str | Callable[[Any], Any] = "coef",
    at: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    strata: Any = None,
    multiplier: str = "rademacher",
    standard_error: Callable[..., Any] | None = None,
    random_state: Any = None,
    n_jobs: int | None = None,
    closed_form: str | bool = "auto",
    fit_params: dict[str, Any] | None = None,
) -> BootstrapResult:
    """
    Estimate again on resamples of the rows: standard errors, bias and confidence intervals.

    Coefficients and predictions of this library's least squares, ridge and binary logistic regression, also as the last
    step of a Pipeline, are found without refits: least squares and ridge exactly, from the weighted cross-products of
    many resamples at once; logistic regression by Newton steps down to a ten-thousandth of a standard error of each
    resample. All other estimators are cloned and fitted, functions are called.

    Parameters
    ----------
    estimator : estimator or callable
        With `fit`; or a statistic, called as ``statistic(X)`` or ``statistic(X, y)`` with rows drawn. One that has an
        argument `axis` is called once for many resamples, which then lie along axis 0 and rows along axis 1; one that
        has `sample_weight` or `weights` takes those of kind "bayesian".
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, ...)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Targets.
    n_resamples : int, default=999
        Number of resamples.
    kind : str, default="pairs"
        What is drawn:

        - "pairs": rows with replacement; valid whatever the variance of the errors is;
        - "cluster": whole `groups` of rows with replacement; the groups should number thirty or more;
        - "poisson", "bayesian": weights of rows (of `groups` if given), independent counts or a Dirichlet sample;
        - "residual": residuals, put on the fit in other places; errors must have one distribution;
        - "wild", "wild-cluster": each residual, or those of each of `groups`, times one random `multiplier`; X stays.

    method : {"percentile", "basic", "bca", "studentised"}, default="percentile"
        Default of the intervals.
    level : float, default=0.95
        Default of their level.
    quantity : {"coef", "predict", "predict_proba", "decision_function"} or callable, default="coef"
        What of a fitted estimator is estimated: intercept and coefficients, what a method says of the rows `at`, or
        what a function of the fitted estimator returns. Not for statistics.
    at : array-like of shape (n_rows, n_features), default=None
        Rows to predict.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Weights of the rows; rows are drawn equally often, and keep theirs.
    groups : array-like of shape (n_samples,), default=None
        Groups of rows that are drawn together.
    strata : array-like of shape (n_samples,), default=None
        Rows (groups) are drawn within strata, as many as there are in each. Not for multipliers and "poisson".
    multiplier : {"rademacher", "mammen", "webb"}, default="rademacher"
        Of the wild kinds: a sign; two points with third moment one; six points, for few groups.
    standard_error : callable, default=None
        For "studentised" where there is no closed form: standard errors from the fitted estimator, or from what the
        statistic is called with, in the shape of the estimate.
    random_state : int, RandomState, Generator or None, default=None
        Seed. Resample b is a function of the seed and b alone.
    n_jobs : int or None, default=None
        Processes of refits.
    closed_form : {"auto", False}, default="auto"
        False refits everything. In a Pipeline the steps before the last are fitted once with "auto", if none of them
        learns from y.
    fit_params : dict, default=None
        Passed to every fit; only refits take them.

    Returns
    -------
    BootstrapResult
        With `estimate`, `distribution`, `standard_error`, `bias`, `conf_int()`, `to_frame()`, `plot()`.

    Raises
    ------
    ValueError
        If an argument is out of its range, or what is asked for does not go together.

    Warns
    -----
    UserWarning
        If resamples are degenerate (rows drawn that do not determine the estimate, or separate the classes), have no
        estimate, or are few for the level.

    References
    ----------
    .. [1] B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979.
    .. [2] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997.
    .. [3] E. Mammen, "Bootstrap and wild bootstrap for high dimensional linear models", Annals of Statistics 21, 1993.
    .. [4] A. C. Cameron, J. B. Gelbach and D. L. Miller, "Bootstrap-based improvements for inference with clustered
       errors", Review of Economics and Statistics 90, 2008.
    .. [5] D. B. Rubin, "The Bayesian bootstrap", Annals of Statistics 9, 1981.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.uncertainty import bootstrap
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X @ [1.0, 0.0] + rng.normal(size=200)
    >>> result = bootstrap(LinearRegression(), X, y, random_state=0)
    >>> result.names, result.form
    (('intercept', 'x0', 'x1'), 'linear')
    >>> result.conf_int().round(1)
    array([[-0.1,  0.1],
           [ 0.8,  1.1],
           [-0. ,  0.2]])
    """
    n = _num_samples(X)
    if y is not None:
        check_consistent_length(X, y)
    _check(kind, multiplier, closed_form, n_resamples, n)
    level, method = check_level(level), check_method(method)
    plan = _plan(kind, n, groups, strata, multiplier, random_state)
    if hasattr(estimator, "fit"):
        weight = _weights(sample_weight, n)
        asked = _Asked(estimator, X, y, weight, quantity, at, dict(fit_params or {}), standard_error, n_jobs)
        made = _by_estimator(asked, plan, kind, n_resamples, method == "studentised", closed_form == "auto")
    elif callable(estimator):
        if sample_weight is not None or fit_params is not None or at is not None:
            raise ValueError("sample_weight, fit_params and at are for estimators, not for statistics")
        made = _by_statistic(estimator, X, y, plan, kind, n_resamples, standard_error, n_jobs)
    else:
        raise TypeError(f"estimator must have a fit method or be a function of the rows, got {estimator!r}")
    if method == "studentised" and made.found.errors is None:
        raise ValueError(
            "method='studentised' needs a standard error for each resample: pass standard_error=, or quantity='coef' "
            "of least squares, ridge or binary logistic regression of this library"
        )
    return _result(made, kind, method, level, n_resamples)


@dataclass
class _Asked:
    estimator: Any
    X: Any
    y: Any
    weight: Doubles | None
    quantity: str | Callable[[Any], Any]
    at: Any
    fit_params: dict[str, Any]
    standard_error: Callable[..., Any] | None
    n_jobs: int | None


@dataclass
class _Made:
    estimate: Doubles
    found: Values
    names: tuple[str, ...]
    form: str
    jackknife: Any
    remark: str = ""


def _check(kind: str, multiplier: str, closed_form: Any, n_resamples: Any, n: int) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    if multiplier not in MULTIPLIERS:
        raise ValueError(f"multiplier must be one of {', '.join(map(repr, MULTIPLIERS))}, got {multiplier!r}")
    if closed_form not in ("auto", False):
        raise ValueError(f"closed_form must be 'auto' or False, got {closed_form!r}")
    whole = isinstance(n_resamples, numbers.Integral) and not isinstance(n_resamples, bool)
    if not (whole and n_resamples >= 2):
        raise ValueError(f"n_resamples must be a whole number of at least 2, got {n_resamples!r}")
    if n < 2:
        raise ValueError(f"resampling needs at least two rows, got {n}")


def _weights(sample_weight: Any, n: int) -> Doubles | None:
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    weight = np.full(n, float(weight)) if weight.ndim == 0 else weight
    if weight.shape != (n,):
        raise ValueError(f"sample_weight must have shape {(n,)}, one weight a row; got {weight.shape}")
    return weight


def _plan(kind: str, n: int, groups: Any, strata: Any, multiplier: str, random_state: Any) -> ResamplePlan:
    needs = kind in ("cluster", "wild-cluster")
    if needs and groups is None:
        raise ValueError(f"kind={kind!r} needs groups=, the cluster of each row")
    if groups is not None and not needs and kind not in ("poisson", "bayesian"):
        other = "wild-cluster" if kind == "wild" else "cluster"
        raise ValueError(f"kind={kind!r} draws single rows; use kind={other!r} for groups that belong together")
    if strata is not None and kind not in ("pairs", "cluster", "bayesian", "residual"):
        raise ValueError(f"kind={kind!r} does not draw a fixed number of rows, so strata make no difference; omit them")
    plan = plan_of(DRAWN.get(kind, multiplier), n, seed=seed_of(random_state), clusters=groups, strata=strata)
    if groups is not None and plan.n_units < 2:
        raise ValueError("groups must hold at least two different groups: those are what is drawn")
    if kind == "wild-cluster" and multiplier == "rademacher" and plan.n_units <= FEW_CLUSTERS:
        warn_caller(
            f"{plan.n_units} groups with a sign each make only {2**plan.n_units} different resamples: use "
            "multiplier='webb', which has six values"
        )
    return plan


def _by_estimator(asked: _Asked, plan: ResamplePlan, kind: str, count: int, with_errors: bool, closed: bool) -> _Made:
    named = not callable(asked.quantity)
    if named and asked.quantity not in ("coef", "predict", "predict_proba", "decision_function"):
        raise ValueError(
            "quantity must be 'coef', 'predict', 'predict_proba', 'decision_function' or a function of the fitted "
            f"estimator, got {asked.quantity!r}"
        )
    if (asked.at is None) == (named and asked.quantity != "coef"):
        raise ValueError(
            f"quantity={asked.quantity!r} needs at=, the rows to predict"
            if named and asked.quantity != "coef"
            else "at= holds rows to predict: say which prediction by quantity='predict'"
        )
    drawn_rows = plan.kind in ("pairs", "poisson", "bayesian")
    options: dict[str, Any] = {"fit_params": asked.fit_params, "standard_error": asked.standard_error}
    source = Refitted(asked.estimator, asked.X, asked.y, asked.weight, asked.quantity, asked.at, **options)
    source.check_weights(asked.weight is not None)
    full = source.fit()
    form = may_have_form(asked.estimator, asked.quantity, asked.fit_params) if closed else None
    if form is not None and asked.standard_error is None and (drawn_rows or form == "linear"):
        fit = full_fit(full, asked.X, asked.y, asked.weight, str(asked.quantity), asked.at)
        if fit is not None:
            remark = KEPT_STEPS if isinstance(full, Pipeline) and len(full.steps) > 1 else ""
            return _closed(fit, plan, kind, count, with_errors, remark)
    estimate, error = source.measure(full)
    found = refitted_values(source, plan, kind, count, estimate, asked.n_jobs)
    found.estimate_error = error
    if named and asked.quantity == "coef":
        names = coefficient_names(full, estimate.shape)
    else:
        names = _places(estimate.shape, str(asked.quantity) if named else None)
    jackknife = RefittedJackknife(source, plan, asked.n_jobs) if drawn_rows else None
    return _Made(estimate, found, names, "refits", jackknife)


def _places(shape: tuple[int, ...], method: str | None) -> tuple[str, ...]:
    """Name values by their place: predictions by row, class or target."""
    head, tail = ("value ", "") if method is None else ("row ", "y" if method == "predict" else "class ")
    return tuple(
        head + ", ".join([str(i[0]), *(f"{tail}{k}" for k in i[1:])]) if i else "value" for i in np.ndindex(shape)
    )


def _closed(fit: FullFit, plan: ResamplePlan, kind: str, count: int, with_errors: bool, remark: str) -> _Made:
    estimate = values_at_full(fit)
    if plan.kind in ("pairs", "poisson", "bayesian"):
        found = resampled_values(fit, plan, count, with_errors)
        return _Made(estimate, found, fit.labels(), fit.form, ClosedJackknife(fit, plan), remark)
    found = fixed_design_values(fit, plan, kind, count, with_errors)
    return _Made(estimate, found, fit.labels(), fit.form, None, remark)


def _by_statistic(
    function: Callable[..., Any],
    X: Any,
    y: Any,
    plan: ResamplePlan,
    kind: str,
    count: int,
    standard_error: Callable[..., Any] | None,
    n_jobs: int | None,
) -> _Made:
    if kind in ("residual", "wild", "wild-cluster"):
        raise ValueError(f"kind={kind!r} draws residuals of a regression, which a statistic has not; use 'pairs'")
    data = tuple(np.asarray(part) for part in (X, y) if part is not None)
    source = Statistic(function, data, standard_error)
    estimate, error = source.of_rows(np.arange(plan.n_samples))
    found = refitted_values(source, plan, kind, count, estimate, n_jobs)
    found.estimate_error = error
    title = getattr(function, "__name__", "statistic").strip("<>")
    places = list(np.ndindex(estimate.shape))
    names = (title,) if estimate.ndim == 0 else tuple(f"{title} {', '.join(map(str, place))}" for place in places)
    return _Made(estimate, found, names, "statistic", RefittedJackknife(source, plan, n_jobs))


def _result(made: _Made, kind: str, method: str, level: float, count: int) -> BootstrapResult:
    found = made.found
    values = found.values.reshape(count, -1)
    if not np.isfinite(made.estimate).all():
        raise ValueError(f"the estimate from all rows is not finite: {made.estimate!r}")
    lost = ~np.isfinite(values).all(axis=1)
    n_lost = int(lost.sum())
    messages = sorted((found.messages or {}).items(), key=lambda item: -item[1])
    said = "; ".join(f"{text} ({times} times)" for text, times in messages[:3])
    if n_lost > count - 2:
        raise ValueError(f"{n_lost} of {count} resamples have no estimate" + (f": {said}" if said else ""))
    if n_lost:
        warn_caller(
            f"{n_lost} of {count} resamples have no estimate and were left out, so that intervals are of those that "
            f"have one{': ' + said if said else ''}. Draw within strata (of the classes) to keep every class, or use "
            "kind='bayesian', which gives each row some weight."
        )
    elif said:
        warn_caller(f"in the fits to {count} resamples: {said}")
    if found.n_degenerate:
        what = "separate the classes" if made.form == "logistic" else "leave columns dependent"
        warn_caller(
            f"the rows of {found.n_degenerate} of {count} resamples {what}: such estimates are at, or near, a bound "
            "that has nothing to do with chance, and widen the intervals. A penalty, kind='bayesian' or strata help."
        )
    errors = None if found.errors is None else found.errors[~lost]
    return BootstrapResult(
        made.estimate,
        found.values[~lost],
        made.names,
        kind,
        method,
        level,
        errors,
        found.estimate_error,
        found.n_degenerate,
        n_lost,
        made.form,
        made.remark,
        made.jackknife,
    )
