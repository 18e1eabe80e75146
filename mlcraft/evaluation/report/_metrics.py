"""Metrics with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.metrics._score import score
from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._task import Task

__all__ = ["best_known", "metrics_section"]

# What is shown, the answer it takes, and its name in words.
BINARY = {
    "roc_auc": ("score", "ROC AUC"),
    "average_precision": ("score", "average precision"),
    "log_loss": ("probability", "log loss"),
    "brier": ("probability", "Brier score"),
    "accuracy": ("labels", "accuracy"),
    "balanced_accuracy": ("labels", "balanced accuracy"),
    "f1": ("labels", "F1"),
    "precision": ("labels", "precision"),
    "recall": ("labels", "recall"),
    "mcc": ("labels", "Matthews correlation"),
}
MULTICLASS = {
    "accuracy": ("labels", "accuracy"),
    "balanced_accuracy": ("labels", "balanced accuracy"),
    "f1": ("labels", "macro F1"),
    "log_loss": ("probability", "log loss"),
    "mcc": ("labels", "Matthews correlation"),
}
REGRESSION = {
    "rmse": ("values", "root mean squared error"),
    "mae": ("values", "mean absolute error"),
    "medae": ("values", "median absolute error"),
    "r2": ("values", "R2"),
}
COUNT = {"mean_poisson_deviance": ("values", "mean Poisson deviance"), **REGRESSION}
KINDS = {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION, "count": COUNT}
FEW = 30  # rows of a class below which a class is named in the notes


def metrics_section(task: Task) -> Section:
    """
    Measure the model, each metric with its interval.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section
    """
    rows: list[dict[str, Cell]] = []
    notes: list[str] = []
    for name, (response, label) in KINDS[task.kind].items():
        if name == "medae" and (task.weight is not None or task.groups is not None):
            continue  # its interval would need many sorts
        found = _scored(task, name, response, notes)
        if found is not None:
            rows.append({"metric": label, **found})
    tables = [Table("metrics", "Metrics", tuple(rows))]
    figures: list[Figure] = []
    if task.classifies:
        tables += [_confusion(task), _by_class(task, notes)]
    if task.score is not None and 0 < task.positive.mean() < 1:
        figures += _curves(task)
    sentences = [_first(task, rows), *_balance(task)]
    return Section("metrics", "Metrics", tuple(sentences), tuple(tables), tuple(figures), tuple(dict.fromkeys(notes)))


def coded(task: Task, labels: NDArray[Any]) -> NDArray[np.intp]:
    """Return classes as their places."""
    return np.asarray(np.searchsorted(task.classes, labels), dtype=np.intp)


def best_known(task: Task) -> str:
    """Return the name of the measure that models of this kind are compared by (see `compare`)."""
    if task.classifies:
        several = len(np.unique(task.y)) > 1
        return "log_loss" if task.probability is not None and several else "accuracy"
    return "poisson_deviance" if task.kind == "count" else "rmse"


def _scored(task: Task, name: str, response: str, notes: list[str]) -> dict[str, Cell] | None:
    options: dict[str, Any] = {}
    given: Any
    if response == "values":
        y, given = task.y, task.prediction
    else:
        y = coded(task, task.y)
        answers: dict[str, Any] = {"labels": task.prediction, "score": task.score, "probability": task.probability}
        given = answers[response]
        if given is None:
            return None
        if response == "labels":
            given = coded(task, given)
        elif response == "probability" and task.kind == "binary":
            given = given[:, 1]
        if name == "f1" and task.kind == "multiclass":
            options["average"] = "macro"
    if response in ("score", "probability") and len(np.unique(y)) < len(task.classes):
        notes.append(f"{name} needs rows of every class, and some class has none here: it is not shown.")
        return None
    try:
        found = score(
            name,
            y,
            given,
            level=task.level,
            sample_weight=task.weight,
            groups=task.groups,
            random_state=task.seed,
            **options,
        )
    except ValueError as error:
        notes.append(f"{name} is not shown: {error}")
        return None
    return {"value": found.value, "lower": found.lower, "upper": found.upper, "interval": found.method, "n": found.n}


def _first(task: Task, rows: list[dict[str, Cell]]) -> str:
    if not rows:
        return "No metric can be computed from these rows."
    said = [f"{row['metric']} {row['value']:.4g} ({row['lower']:.4g} to {row['upper']:.4g})" for row in rows[:2]]
    return f"On {task.n:,} rows: {' and '.join(said)}, with {100 * task.level:g} % intervals."


def _balance(task: Task) -> list[str]:
    if not task.classifies:
        total, said = float(task.weights @ task.y), float(task.weights @ task.prediction)
        if task.kind == "count" and total > 0:
            return [f"Predictions add up to {said / total:.3f} times what was observed."]
        return []
    names, counts = np.unique(task.y, return_counts=True)
    if len(names) == 1:
        return [f"All rows are of class {names[0]!s}: what needs both sides cannot be said."]
    rare = int(np.argmin(counts))
    return [f"The rarest class, {names[rare]!s}, has {counts[rare]:,} rows ({100 * counts[rare] / task.n:.3g} %)."]


def _confusion(task: Task) -> Table:
    if len(task.classes) > 20:
        return Table("confusion", "Confusion: the 20 commonest mistakes", tuple(_mistakes(task)))
    counts = np.zeros((len(task.classes),) * 2)
    np.add.at(counts, (coded(task, task.y), coded(task, task.prediction)), task.weights)
    rows = tuple(
        {"true class": str(name), **{f"said {other!s}": _count(v) for other, v in zip(task.classes, row, strict=True)}}
        for name, row in zip(task.classes, counts, strict=True)
    )
    return Table("confusion", "Confusion: rows by true and by predicted class", rows)


def _mistakes(task: Task) -> list[dict[str, Cell]]:
    wrong = task.y != task.prediction
    pairs, counts = np.unique(
        np.column_stack([coded(task, task.y)[wrong], coded(task, task.prediction)[wrong]]), axis=0, return_counts=True
    )
    return [
        {"true class": str(task.classes[pairs[k, 0]]), "said": str(task.classes[pairs[k, 1]]), "rows": int(counts[k])}
        for k in np.argsort(-counts, kind="stable")[:20]
    ]


def _count(value: float) -> Cell:
    return int(value) if float(value).is_integer() else float(value)


def _by_class(task: Task, notes: list[str]) -> Table:
    from mlcraft.uncertainty import binomial_estimate

    rows: list[dict[str, Cell]] = []
    few = []
    for name in task.classes:
        row: dict[str, Cell] = {"class": str(name), "rows": int(np.count_nonzero(task.y == name))}
        for label, among, hit in (("recall", task.y, task.prediction), ("precision", task.prediction, task.y)):
            chosen = (among == name) & (task.weights > 0)
            if not chosen.any():
                row |= {f"{label} value": None, f"{label} lower": None, f"{label} upper": None}
                continue
            weight = None if task.weight is None else task.weight[chosen]
            clusters = None if task.groups is None else task.groups[chosen]
            found = binomial_estimate(hit[chosen] == name, sample_weight=weight, clusters=clusters, level=task.level)
            row |= {f"{label} value": found.value, f"{label} lower": found.lower, f"{label} upper": found.upper}
        rows.append(row)
        if int(row["rows"] or 0) < FEW:
            few.append(str(name))
    if few:
        notes.append(f"Fewer than {FEW} rows: {', '.join(few[:5])}{' and more' if len(few) > 5 else ''}.")
    return Table("classes", "By class", tuple(rows))


def _curves(task: Task) -> list[Figure]:
    from mlcraft.evaluation.metrics._curves import precision_recall_curve, roc_curve

    y = coded(task, task.y)
    ranked: Any = task.score
    false, true, _ = roc_curve(y, ranked, sample_weight=task.weight)
    precision, recall, _ = precision_recall_curve(y, ranked, sample_weight=task.weight)
    rate = float(np.average(y, weights=task.weight))
    chance = Series("chance", "reference", (0.0, 1.0), (0.0, 1.0))
    base = Series("share of positives", "reference", (0.0, 1.0), (rate, rate))
    return [
        Figure("roc", "ROC curve", "false positive rate", "true positive rate", (_line(false, true), chance)),
        Figure("precision_recall", "Precision and recall", "recall", "precision", (_line(recall, precision), base)),
    ]


def _line(x: Any, y: Any, most: int = 300) -> Series:
    """Thin a curve out: points further apart than can be seen."""
    keep = np.unique(np.linspace(0, len(x) - 1, most).astype(int))
    return Series("model", "line", tuple(np.asarray(x)[keep].tolist()), tuple(np.asarray(y)[keep].tolist()))
