"""Means of an error over rows and functions of them, with what their intervals need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import binom

from mlcraft.evaluation.metrics._deviance import checked_domain
from mlcraft.evaluation.metrics._intervals import Ends
from mlcraft.evaluation.metrics._measured import Measured, Resamples, Rows, column_resamples
from mlcraft.evaluation.metrics._probability import Probabilities, binary_or_all, probabilities
from mlcraft.evaluation.metrics._regression import Regression, regression, weighted_quantile

__all__ = ["MEANS", "SHARES", "measure_mean", "measure_median", "measure_share"]

Doubles = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


def _tweedie(y: Doubles, mu: Doubles, power: float) -> Doubles:
    if power == 0:
        return np.asarray((y - mu) ** 2)
    if power == 1:
        return np.asarray(2 * (xlogy(y, y / mu) - y + mu))
    if power == 2:
        return np.asarray(2 * (np.log(mu / y) + y / mu - 1))
    start = np.maximum(y, 0) if power < 0 else y
    one, two = 1 - power, 2 - power
    return np.asarray(2 * (start**two / (one * two) - y * mu**one / one + mu**two / two))


def _numbers(loss: Callable[..., Doubles], option: str | None = None, default: float = 0.0) -> Callable[..., Doubles]:
    """Return a function from targets and predictions to the loss of each row."""

    def losses(y: Any, pred: Any, rows: Rows, **options: Any) -> Doubles:
        data = _one_output(y, pred, rows)
        extra = () if option is None else (options.get(option, default),)
        return loss(data.y[:, 0], data.prediction[:, 0], *extra)

    return losses


def _one_output(y: Any, pred: Any, rows: Rows) -> Regression:
    data = regression(y, pred, rows.weight)
    if data.y.shape[1] > 1:
        raise ValueError(f"y_true has {data.y.shape[1]} outputs; an interval is for one: pass its column.")
    return data


def _deviance(default: float) -> Callable[..., Doubles]:
    def losses(y: Any, pred: Any, rows: Rows, power: float = default) -> Doubles:
        data = checked_domain(y, pred, rows.weight, power, "score")
        return _tweedie(data.y[:, 0], data.prediction[:, 0], power)

    return losses


def _squared_log(y: Doubles, p: Doubles) -> Doubles:
    if (y <= -1).any() or (p <= -1).any():
        raise ValueError("Logarithmic errors cannot be used when targets contain values less than or equal to -1.")
    return np.asarray((np.log1p(y) - np.log1p(p)) ** 2)


def _chosen(found: Probabilities) -> Doubles:
    """Return the probability of the true class of each row."""
    if found.proba.ndim == 1:
        return np.asarray(np.where(found.truth == 1, found.proba, 1 - found.proba), dtype=np.float64)
    return np.asarray(found.proba[np.arange(len(found.truth)), found.truth], dtype=np.float64)


def _log(y: Any, proba: Any, rows: Rows, labels: Any = None) -> Doubles:
    found = probabilities(y, proba, rows.weight, labels)
    if found.truth.ndim == 2:
        raise ValueError("y_true is a label matrix; an interval of the log loss is for classes.")
    eps = float(np.finfo(found.proba.dtype).eps)
    return np.asarray(-np.log(np.clip(_chosen(found), eps, 1 - eps)))


def _brier(
    y: Any, proba: Any, rows: Rows, pos_label: Any = None, labels: Any = None, scale_by_half: Any = "auto"
) -> Doubles:
    found = binary_or_all(y, proba, rows.weight, pos_label, labels)
    if found.proba.ndim == 1:
        squares = 2 * (1 - _chosen(found)) ** 2
    else:
        squares = np.sum((np.eye(found.n_classes)[found.truth] - found.proba) ** 2, axis=1)
    halved = found.n_classes < 3 if scale_by_half == "auto" else scale_by_half
    return np.asarray(squares * (0.5 if halved else 1.0), dtype=np.float64)


MEANS: dict[str, Callable[..., Doubles]] = {
    "mean_squared_error": _numbers(lambda y, p: (y - p) ** 2),
    "root_mean_squared_error": _numbers(lambda y, p: (y - p) ** 2),
    "mean_absolute_error": _numbers(lambda y, p: np.abs(y - p)),
    "mean_absolute_percentage_error": _numbers(lambda y, p: np.abs(y - p) / np.maximum(np.abs(y), EPS)),
    "mean_pinball_loss": _numbers(lambda y, p, a: np.where(y >= p, a * (y - p), (1 - a) * (p - y)), "alpha", 0.5),
    "mean_squared_log_error": _numbers(_squared_log),
    "root_mean_squared_log_error": _numbers(_squared_log),
    "mean_tweedie_deviance": _deviance(0),
    "mean_poisson_deviance": _deviance(1),
    "mean_gamma_deviance": _deviance(2),
    "log_loss": _log,
    "brier_score_loss": _brier,
}
SHARES = ("r2_score", "explained_variance_score")


def measure_mean(name: str, y: Any, pred: Any, rows: Rows, **options: Any) -> Measured:
    """Measure a mean over rows, or the root of one."""
    loss = MEANS[name](y, pred, rows, **options)
    is_root = name.startswith("root")
    shares = rows.shares
    mean = float(shares @ loss)
    value = float(np.sqrt(mean)) if is_root else mean
    influence = shares * (loss - mean)
    if is_root and value > 0:
        influence /= 2 * value
    weight = np.ones(len(loss)) if rows.weight is None else rows.weight

    def resample(which: Resamples) -> Doubles:
        sums = column_resamples(np.column_stack([weight, weight * loss]), rows, which)
        means = sums[:, 1] / sums[:, 0]
        return np.sqrt(means) if is_root else means

    top = 1.0 if name == "brier_score_loss" and loss.max(initial=0.0) <= 1 else np.inf
    scale = "logit" if top == 1 else "log"
    return Measured(value, rows, scale, (0.0, top), influence, resample=resample)


def measure_share(name: str, y: Any, pred: Any, rows: Rows) -> Measured:
    """Measure the share of the spread of y that predictions take away."""
    data = _one_output(y, pred, rows)
    if len(data.y) < 2:
        raise ValueError(f"y_true has {len(data.y)} row; {name} needs two or more.")
    truth, shares = data.y[:, 0], rows.shares
    error = truth - data.prediction[:, 0]
    around = truth - shares @ truth
    left = error - shares @ error if name == "explained_variance_score" else error
    spread, rest = float(shares @ around**2), float(shares @ left**2)
    if spread == 0:
        raise ValueError(f"y_true is constant: {name} has no meaning on it, nor an interval.")
    influence = -shares * (left**2 / spread - around**2 * rest / spread**2)
    weight = np.ones(len(truth)) if rows.weight is None else rows.weight
    columns = weight[:, None] * np.column_stack([np.ones(len(truth)), around, around**2, left, left**2])

    def resample(which: Resamples) -> Doubles:
        total, y1, y2, e1, e2 = column_resamples(columns, rows, which).T
        rest = e2 - (e1**2 / total if name == "explained_variance_score" else 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - rest / (y2 - y1**2 / total))

    return Measured(1 - rest / spread, rows, "share", (-np.inf, 1.0), influence, resample=resample)


def measure_median(y: Any, pred: Any, rows: Rows) -> Measured:
    """Measure the median absolute error: between order statistics (exact for independent rows of one weight)."""
    data = _one_output(y, pred, rows)
    apart = np.abs(data.y[:, 0] - data.prediction[:, 0])
    value = weighted_quantile(apart, rows.weight, 0.5)
    in_order = np.sort(apart)
    n = len(apart)

    def order(level: float) -> Ends:
        rank = int(binom.ppf((1 - level) / 2, n, 0.5))  # P(fewer than rank below the median) <= (1 - level) / 2
        return (float(in_order[rank - 1]), float(in_order[n - rank])) if rank > 0 else (0.0, float("inf"))

    plain = rows.weight is None and rows.groups is None
    exact: dict[str, Any] = {"order": order} if plain else {}
    return Measured(value, rows, "log", (0.0, np.inf), exact=exact, preferred="order" if plain else "bootstrap")
