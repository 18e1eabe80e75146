"""`score`: a metric with an interval."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from mlcraft._engine.resampling import plan_of, resample_weights, seed_of
from mlcraft.evaluation.metrics._bootstrap import bca, draw, jackknife_influence
from mlcraft.evaluation.metrics._checks import weights_of
from mlcraft.evaluation.metrics._intervals import check_level, normal_interval
from mlcraft.evaluation.metrics._measure_confusion import CONFUSIONS, measure_confusion
from mlcraft.evaluation.metrics._measure_ranking import RANKINGS, measure_ranking
from mlcraft.evaluation.metrics._measure_rows import MEANS, SHARES, measure_mean, measure_median, measure_share
from mlcraft.evaluation.metrics._measured import Measured, Resamples, Rows, spread_of

__all__ = ["Score", "score"]

Doubles = NDArray[np.float64]
_SHORT = {
    "auc": "roc_auc_score",
    "gini": "gini_score",
    "ks": "ks_score",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "medae": "median_absolute_error",
    "brier": "brier_score_loss",
    "mcc": "matthews_corrcoef",
    "kappa": "cohen_kappa_score",
    "pinball": "mean_pinball_loss",
}
_KNOWN = (*RANKINGS, *CONFUSIONS, *MEANS, *SHARES, "median_absolute_error")
METHODS = ("auto", "delta", "delong", "newcombe", "wilson", "clopper-pearson", "order", "bootstrap", "percentile")


@dataclass(frozen=True)
class Score:
    """
    A metric and its interval: what `score` returns.

    Attributes
    ----------
    metric : str
    value, lower, upper : float
    level : float
    method : str
        How the interval was found.
    standard_error : float
        Of the delta method, of DeLong, or of the resamples; NaN where the method knows none.
    n : int
        Rows that count.
    n_groups : int or None
        Groups of rows that are independent of each other.

    Examples
    --------
    >>> from mlcraft.evaluation import score
    >>> found = score("accuracy", [0, 1, 1, 0, 1], [0, 1, 1, 0, 0])
    >>> float(found)
    0.8
    """

    metric: str
    value: float
    lower: float
    upper: float
    level: float
    method: str
    standard_error: float
    n: int
    n_groups: int | None = None

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}] ({self.level:.4g}, {self.method})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary of plain numbers and strings."""
        return asdict(self)


def score(
    metric: str | Callable[..., float],
    y: ArrayLike,
    pred: ArrayLike,
    *,
    level: float = 0.95,
    method: str = "auto",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    random_state: Any = 0,
    **options: Any,
) -> Score:
    """
    Compute a metric with an interval.

    Parameters
    ----------
    metric : str or callable
        A name such as "roc_auc", "accuracy", "rmse" (with or without "_score"), one of the functions of
        `mlcraft.evaluation` or its namesake in scikit-learn, or any ``metric(y, pred)`` that returns a number; one that
        takes `sample_weight` gets weights, others get rows.
    y : array-like of shape (n_samples,)
        The truth.
    pred : array-like of shape (n_samples,) or (n_samples, n_classes)
        What the metric takes: scores, probabilities, classes or numbers.
    level : float in (0, 1), default=0.95
    method : str, default="auto"
        "delong": areas, on the scale of log odds. "newcombe": areas, where a class has few rows or all pairs are
        ranked alike. "wilson", "clopper-pearson": proportions (accuracy, precision, recall, F1, Jaccard, ...).
        "order": medians. "delta": everything smooth, from the influence of each row, on a scale that keeps the interval
        within the range of the metric. "bootstrap": everything, bias-corrected and accelerated; "percentile": the same
        without correction. "auto" takes what fits: see the guide.
    sample_weight : array-like of shape (n_samples,) or None
        Weights of a sample: a row of weight two is one observation that stands for two. Default: all one.
    groups : array-like of shape (n_samples,) or None
        Rows of one group may depend on each other; groups are independent. Default: rows are.
    n_resamples : int, default=2000
        For the bootstrap.
    random_state : int, RandomState, Generator or None, default=0
        For the bootstrap.
    **options
        Further arguments of the metric: `pos_label`, `average`, `beta`, `alpha`, `power`, `labels`, `weights`.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If the metric is unknown, the method does not fit it, lengths differ, or there is too little to go by.

    See Also
    --------
    delong : areas with their covariance, and tests of differences.

    Examples
    --------
    >>> from mlcraft.evaluation import score
    >>> print(score("accuracy", [0, 1, 1, 0, 1, 1], [0, 1, 1, 0, 0, 1]))
    accuracy_score 0.8333 [0.4365, 0.9699] (0.95, wilson)
    >>> print(score("roc_auc", [0, 0, 1, 0, 1, 1], [0.1, 0.4, 0.35, 0.2, 0.8, 0.7]))
    roc_auc_score 0.8889 [0.401, 0.9884] (0.95, newcombe)
    """
    level = check_level(level)
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; use one of {', '.join(map(repr, METHODS))}.")
    y, pred, rows = _counted(y, pred, sample_weight, groups)
    name = _name_of(metric)
    measured = _measure(name, y, pred, rows, options) if name else _any_metric(metric, y, pred, rows, options)
    label = str(name or getattr(metric, "__name__", type(metric).__name__))
    lower, upper, used, error = _interval(label, measured, level, method, n_resamples, random_state)
    n_groups = None if rows.groups is None else rows.units
    return Score(label, measured.value, lower, upper, level, used, error, rows.n_samples, n_groups)


def _counted(y: Any, pred: Any, sample_weight: Any, groups: Any) -> tuple[NDArray[Any], NDArray[Any], Rows]:
    """Return what counts: arrays without rows of no weight, and codes of the groups."""
    check_consistent_length(y, pred, sample_weight, groups)
    y, pred = np.asarray(y), np.asarray(pred)
    weight, codes = weights_of(sample_weight, y), None
    if weight is not None:
        if (weight < 0).any():
            raise ValueError(f"sample_weight holds {weight.min()}; weights of an interval cannot be negative.")
        counted = weight > 0
        if not counted.all():
            y, pred, weight = y[counted], pred[counted], weight[counted]
            groups = None if groups is None else np.asarray(groups)[counted]
    if groups is not None:
        codes = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.intp)
        if codes.max() == 0:
            raise ValueError("groups holds one group alone; an interval needs two or more that are independent.")
    if len(y) < 2:
        raise ValueError(f"y has {len(y)} row that counts; an interval needs two or more.")
    return y, pred, Rows(len(y), weight, codes)


def _name_of(metric: Any) -> str | None:
    """Return the name under which a metric is known here, None for a function that is not."""
    if callable(metric):
        ours = getattr(metric, "__module__", "").startswith(("mlcraft.evaluation", "sklearn.metrics"))
        name = getattr(metric, "__name__", "")
        if ours and name == "max_error":
            metric = name
        else:
            return name if ours and name in _KNOWN else None
    text = str(metric)
    name = _SHORT.get(text, text)
    for candidate in (name, f"{name}_score", f"{name}_loss", f"mean_{name}", f"{name}_score_loss"):
        if candidate in _KNOWN:
            return candidate
    if text == "max_error":
        raise ValueError("max_error has no interval: the largest of some errors says little of the largest to come.")
    raise ValueError(f"metric={text!r} is unknown; pass a function, or one of {', '.join(sorted(_KNOWN))}.")


def _measure(name: str, y: Any, pred: Any, rows: Rows, options: dict[str, Any]) -> Measured:
    if name in RANKINGS:
        if pred.ndim == 1 and not set(options) - {"pos_label"}:
            pos_label = options.get("pos_label", _larger(y))
            return measure_ranking(name, y, pred, rows, pos_label)
        return _any_metric(_function(name), y, pred, rows, options)
    if name in CONFUSIONS:
        return measure_confusion(name, y, pred, rows, **options)
    if name in MEANS:
        return measure_mean(name, y, pred, rows, **options)
    if name in SHARES:
        return measure_share(name, y, pred, rows, **options)
    any_metric = _any_metric(_function(name), y, pred, rows, options, jackknife=False)
    return replace(measure_median(y, pred, rows), resample=any_metric.resample)


def _larger(y: NDArray[Any]) -> Any:
    """Return the larger of two labels, which is the positive one."""
    labels = np.unique(y)
    if len(labels) > 2:
        raise ValueError(f"y holds {len(labels)} classes and pred one score a row; pass a column for each class.")
    return labels[-1].item()


def _function(name: str) -> Callable[..., float]:
    from mlcraft import evaluation

    function: Callable[..., float] = getattr(evaluation, name)
    return function


def _any_metric(
    metric: Any, y: Any, pred: Any, rows: Rows, options: dict[str, Any], jackknife: bool = True
) -> Measured:
    """Measure any function by resamples: with weights if it takes them, else of rows."""
    function = partial(metric, **options)
    try:
        takes_weights = "sample_weight" in inspect.signature(metric).parameters
    except (TypeError, ValueError):
        takes_weights = False
    if rows.weight is not None and not takes_weights:
        raise ValueError("sample_weight is given, and the metric has no parameter of that name.")

    def of(chosen: Any) -> float:
        weight = {} if rows.weight is None else {"sample_weight": rows.weight[chosen]}
        return float(function(y[chosen], pred[chosen], **weight))

    def of_counts(counts: Doubles) -> float:
        chosen = np.flatnonzero(counts) if takes_weights else np.repeat(np.arange(rows.n_samples), counts.astype(int))
        if not takes_weights:
            return float(function(y[chosen], pred[chosen]))
        weight = counts[chosen] if rows.weight is None else counts[chosen] * rows.weight[chosen]
        return float(function(y[chosen], pred[chosen], sample_weight=weight))

    def resample(which: Resamples) -> Doubles:
        plan = plan_of("pairs", rows.n_samples, seed=which.seed, clusters=rows.groups)
        values = np.full(which.number, np.nan)
        for r in range(which.number):
            try:
                values[r] = of_counts(resample_weights(plan, which.first + r, 1)[0])
            except ValueError:  # a class was not drawn, for one
                continue
        return values

    everyone = np.ones(rows.n_samples, dtype=bool)
    value = of(everyone)
    if not np.isfinite(value):
        raise ValueError(f"the metric is {value} on these rows; there is no interval around it.")

    def part(mask: NDArray[np.bool_]) -> float:
        try:
            return of(mask)
        except ValueError:
            return float("nan")

    influence = jackknife_influence(part, rows) if jackknife else None
    return Measured(value, rows, "plain", (-np.inf, np.inf), influence, preferred="bootstrap", resample=resample)


def _interval(
    name: str, measured: Measured, level: float, method: str, n_resamples: int, random_state: Any
) -> tuple[float, float, str, float]:
    """Return the ends, the method that was used, and the standard error."""
    used = measured.preferred if method == "auto" else method
    error = float("nan")
    if measured.influence is not None:
        has_own = measured.error is not None and measured.rows.groups is None
        error = (
            float(measured.error)
            if has_own and measured.error is not None
            else spread_of(measured.influence, measured.rows)
        )
    if used in measured.exact:
        lower, upper = measured.exact[used](level)
    elif used in ("bootstrap", "percentile"):
        if measured.resample is None:
            raise ValueError(f"method={used!r} does not fit {name}.")
        if isinstance(n_resamples, bool) or not isinstance(n_resamples, (int, np.integer)) or n_resamples < 20:
            raise ValueError(f"n_resamples must be a whole number of 20 or more; got {n_resamples!r}.")
        values = draw(measured.resample, int(n_resamples), seed_of(random_state))
        influence = measured.influence if used == "bootstrap" else None
        if used == "bootstrap":
            lower, upper = bca(values, measured.value, influence, measured.rows, level)
        else:
            lower, upper = (float(end) for end in np.quantile(values, [(1 - level) / 2, (1 + level) / 2]))
        error = float(np.std(values, ddof=1))
    elif used == "delta" or (used == "delong" and name in ("roc_auc_score", "gini_score")):
        if measured.influence is None:
            raise ValueError(f"method='delta' does not fit {name}; use 'auto' or 'bootstrap'.")
        freedom = np.inf if used == "delong" and measured.rows.groups is None else measured.rows.units - 1
        lower, upper = normal_interval(measured.value, error, level, measured.scale, measured.bounds, freedom)
    else:
        known = [*measured.exact, *(["delta"] if measured.influence is not None else []), "bootstrap"]
        raise ValueError(f"method={used!r} does not fit {name}; use one of {', '.join(map(repr, known))}.")
    return lower, upper, used, error
