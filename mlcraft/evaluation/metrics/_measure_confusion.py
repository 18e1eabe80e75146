"""Functions of a confusion matrix, with what their intervals need."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.metrics._agreement import kappa_of, matthews_of
from mlcraft.evaluation.metrics._checks import ClassTargets, class_targets
from mlcraft.evaluation.metrics._confusion import full_confusion
from mlcraft.evaluation.metrics._intervals import Ends, normal_interval, wilson
from mlcraft.evaluation.metrics._measured import (
    Measured,
    Resamples,
    Rows,
    column_resamples,
    proportion,
    proportion_intervals,
    spread_of,
)

__all__ = ["CONFUSIONS", "measure_confusion"]

Doubles = NDArray[np.float64]
Table = Callable[[NDArray[Any]], Any]  # of the shares of pairs of classes, (..., n_classes, n_classes)

CONFUSIONS = (
    "accuracy_score",
    "zero_one_loss",
    "hamming_loss",
    "balanced_accuracy_score",
    "precision_score",
    "recall_score",
    "f1_score",
    "fbeta_score",
    "jaccard_score",
    "matthews_corrcoef",
    "cohen_kappa_score",
)
MOST_CLASSES = 200  # whose table of shares is kept for resamples


def _quotient(numerator: Any, denominator: Any) -> Any:
    """Divide, and give 0 where there is nothing to divide by."""
    missing = denominator == 0
    return np.where(missing, 0.0, numerator / np.where(missing, 1.0, denominator))


def _by_class(name: str, hits: Any, called: Any, true: Any, beta: float) -> Any:
    """Return the metric of a class from its hits, predictions and true rows."""
    if name == "precision_score":
        return _quotient(hits, called)
    if name == "recall_score":
        return _quotient(hits, true)
    if name == "jaccard_score":
        return _quotient(hits, called + true - hits)
    return _quotient((1 + beta**2) * hits, beta**2 * true + called)


def _set_metric(name: str, targets: ClassTargets, average: str | None, pos_label: Any, beta: float) -> Table:

    def metric(hits: Any, called: Any, true: Any) -> Any:
        return _by_class(name, hits, called, true, beta)

    if average == "binary":
        if targets.kind != "binary":
            raise ValueError(f"y_true has several classes: pass average='micro', 'macro' or 'weighted' for {name}.")
        found = np.flatnonzero(targets.labels == pos_label)
        if len(found) == 0:
            raise ValueError(f"pos_label={pos_label!r} is not a valid label. It should be one of {targets.labels}")
        k = int(found[0])
        return lambda table: metric(table[..., k, k], table[..., :, k].sum(axis=-1), table[..., k, :].sum(axis=-1))
    if average not in ("micro", "macro", "weighted"):
        raise ValueError(f"average={average!r} gives no single number; use 'binary', 'micro', 'macro' or 'weighted'.")

    def averaged(table: NDArray[Any]) -> Any:
        hits = np.diagonal(table, axis1=-2, axis2=-1)
        called, true = table.sum(axis=-2), table.sum(axis=-1)
        if average == "micro":
            return metric(hits.sum(axis=-1), called.sum(axis=-1), true.sum(axis=-1))
        values = metric(hits, called, true)
        return values.mean(axis=-1) if average == "macro" else (values * true).sum(axis=-1) / true.sum(axis=-1)

    return averaged


def _table_metric(name: str, targets: ClassTargets, options: dict[str, Any]) -> Table:
    """Return the metric as a function of the table of shares."""
    if name == "matthews_corrcoef":
        return matthews_of
    if name == "cohen_kappa_score":
        weights = options.get("weights")
        return lambda table: kappa_of(table, weights)
    if name == "balanced_accuracy_score":
        there = np.unique(targets.truth)

        def balanced(table: NDArray[Any]) -> Any:
            recall = _quotient(np.diagonal(table, axis1=-2, axis2=-1), table.sum(axis=-1))
            return recall[..., there].sum(axis=-1) / np.maximum((table.sum(axis=-1) != 0).sum(axis=-1), 1)

        return balanced
    if name in ("accuracy_score", "zero_one_loss", "hamming_loss"):
        sign = 1 if name == "accuracy_score" else -1
        start = 0 if name == "accuracy_score" else 1
        return lambda table: start + sign * np.trace(table, axis1=-2, axis2=-1) / table.sum(axis=(-2, -1))
    average, pos_label = options.get("average", "binary"), options.get("pos_label", 1)
    return _set_metric(name, targets, average, pos_label, float(options.get("beta", 1.0)))


def _gradient(metric: Table, table: Doubles) -> Doubles:
    """Return the derivative by each cell, by a complex step (Squire and Trapp 1998): exact to rounding."""
    gradient = np.zeros(table.shape)
    for row in range(len(table)):
        steps = np.repeat(table[None].astype(np.complex128), len(table), axis=0)
        steps[np.arange(len(table)), row, np.arange(len(table))] += 1e-30j
        gradient[row] = np.imag(metric(steps)) / 1e-30
    return gradient


def measure_confusion(name: str, y: Any, pred: Any, rows: Rows, **options: Any) -> Measured:
    """
    Measure a function of the confusion matrix.

    Raises
    ------
    ValueError
        If the targets are not of one kind, have several labels a row, or the average gives no single number.
    """
    targets = class_targets(y, pred, rows.weight)
    targets.refuse_multilabel()
    counts = full_confusion(targets)
    table = counts / counts.sum()
    metric = _table_metric(name, targets, options)
    value = float(metric(table))
    if not np.isfinite(value):
        raise ValueError(f"{name} is not defined here: y_true and y_pred hold one label alone.")
    gradient = _gradient(metric, table)
    influence = rows.shares * (gradient[targets.truth, targets.predicted] - float((gradient * table).sum()))
    exact = _exact(name, targets, rows, options)
    signed = name in ("matthews_corrcoef", "cohen_kappa_score")
    scale, bounds = ("fisher", (-1.0, 1.0)) if signed else ("logit", (0.0, 1.0))
    if not exact and not spread_of(influence, rows) > 1e-12:
        exact = {"smoothed": lambda level: _smoothed(metric, counts, value, rows, level, scale, bounds)}

    def resample(which: Resamples) -> Doubles:
        cells = np.unique(targets.truth.astype(np.int64) * len(table) + targets.predicted, return_inverse=True)
        columns = np.eye(len(cells[0]))[cells[1]] * rows.shares[:, None]
        sums = column_resamples(columns, rows, which)
        tables = np.zeros((len(sums), table.size))
        tables[:, cells[0]] = sums
        return np.asarray(metric(tables.reshape(-1, *table.shape)), dtype=np.float64)

    preferred = next(iter(exact), "delta")
    return Measured(value, rows, scale, bounds, influence, exact=exact, preferred=preferred, resample=resample)


def _smoothed(metric: Table, counts: Doubles, value: float, rows: Rows, level: float, scale: str, bounds: Ends) -> Ends:
    """
    Return the delta interval of the counts plus a half in each cell, widened to hold the value.

    For tables on which the metric has no spread, such as one without an error.
    """
    total = float(rows.units)
    table = counts * (total / counts.sum()) + 0.5
    shares = table / table.sum()
    gradient = _gradient(metric, shares)
    variance = float((shares * gradient**2).sum() - (shares * gradient).sum() ** 2) / total
    low, high = normal_interval(float(metric(shares)), sqrt(max(variance, 0.0)), level, scale, bounds)
    return min(low, value), max(high, value)


def _exact(name: str, targets: ClassTargets, rows: Rows, options: dict[str, Any]) -> dict[str, Callable[[float], Ends]]:
    """Return the intervals of metrics that are a proportion of some rows, or a function of one or several."""
    right = targets.truth == targets.predicted
    everyone = np.ones(rows.n_samples, dtype=bool)
    if name in ("accuracy_score", "zero_one_loss", "hamming_loss"):
        hit = right if name == "accuracy_score" else ~right
        share, count, _ = proportion(rows, everyone, hit)
        return proportion_intervals(share, count)
    if name == "balanced_accuracy_score":
        recalls = [proportion(rows, targets.truth == k, right)[:2] for k in np.unique(targets.truth)]
        return {"wilson": lambda level: _mean_of_proportions(recalls, level)}
    average, beta = options.get("average", "binary"), float(options.get("beta", 1.0))
    if name == "f1_score" or (name == "fbeta_score" and beta == 1):
        wanted = "f1"
    elif name in ("precision_score", "recall_score", "jaccard_score"):
        wanted = name
    else:
        return {}
    if average == "micro" and len(targets.labels) > 0 and wanted != "jaccard_score":  # all are the accuracy
        return proportion_intervals(*proportion(rows, everyone, right)[:2])
    if average != "binary":
        return {}
    k = int(np.flatnonzero(targets.labels == options.get("pos_label", 1))[0])
    called, true = targets.predicted == k, targets.truth == k
    among = {"precision_score": called, "recall_score": true}.get(wanted, called | true)
    share, count, _ = proportion(rows, among, called & true)
    found = proportion_intervals(share, count)
    if wanted != "f1":
        return found
    return {method: _f1_of(ends) for method, ends in found.items()}


def _f1_of(ends: Callable[[float], Ends]) -> Callable[[float], Ends]:
    """Return the interval of F1 = 2 J / (1 + J) from that of J, the share of hits among rows that are either."""

    def moved(level: float) -> Ends:
        low, high = ends(level)
        return 2 * low / (1 + low), 2 * high / (1 + high)

    return moved


def _mean_of_proportions(shares: list[tuple[float, float]], level: float) -> Ends:
    """Return an interval for a mean of independent proportions from theirs (Zou and Donner 2008)."""
    mean = sum(share for share, _ in shares) / len(shares)
    ends = [(share, *wilson(share, count, level)) for share, count in shares]
    below = sqrt(sum((share - low) ** 2 for share, low, _ in ends)) / len(shares)
    above = sqrt(sum((high - share) ** 2 for share, _, high in ends)) / len(shares)
    return max(mean - below, 0.0), min(mean + above, 1.0)
