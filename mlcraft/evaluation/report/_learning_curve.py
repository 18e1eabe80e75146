"""Whether more rows would help: losses on the held-out rows of fits to parts of the training rows."""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._task import Task, rows_of, task_of
from mlcraft.uncertainty.scores import Estimate, mean_estimate

__all__ = ["learning_curve_section"]

SHARES = (0.1, 0.25, 0.5)  # of the training rows; the model itself is the fit to all
SECONDS = 20.0  # that refits may take
FEWEST = 20


def learning_curve_section(task: Task) -> Section | None:
    """
    Fit to parts of the training rows, and compare the losses on the held-out rows with those of the model.

    The parts are random and nested. A part is left out where the time of smaller ones says that its fit would take too
    long. Where the model has its learning curve from moments (`learning_curve_`), parts are fitted without reading rows
    again; the losses are then those of one R2 for each of five orders of the rows.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section or None
        None without training rows.
    """
    if task.train is None:
        return None
    X, y, weight = task.train
    name, loss = task.losses()
    whole = len(y)
    if hasattr(task.model, "learning_curve_") and task.weight is None and not hasattr(X, "columns"):
        return _from_moments(task)
    order = np.random.default_rng(task.seed).permutation(whole)
    rows: list[dict[str, Cell]] = []
    notes: list[str] = []
    spent, last = 0.0, (0, 0.0)
    for share in SHARES:
        count = int(share * whole)
        likely = last[1] * (count / last[0]) if last[0] else 0.0
        if count < FEWEST or spent + likely > SECONDS:
            why = "too few rows" if count < FEWEST else f"it would take about {likely:.0f} s"
            notes.append(f"No fit to {count:,} rows: {why}.")
            continue
        start = perf_counter()
        try:
            found = _refitted(task, X, y, weight, np.sort(order[:count]))
        except ValueError as error:
            notes.append(f"No fit to {count:,} rows: {error}")
            continue
        last = (count, perf_counter() - start)
        spent += last[1]
        rows.append(_row(task, name, count, found, loss))
    rows.append(_row(task, name, whole, loss, None))
    if len(rows) < 2:
        raise ValueError("; ".join(notes))
    inner = _train_loss(task)
    if inner is not None:
        notes.append(f"On the training rows themselves the {name} is {inner:.4g}.")
    sentence = _said(rows, name, whole)
    return Section(
        "learning_curve",
        "Learning curve",
        (sentence,),
        (Table("curve", f"{name} by training rows", tuple(rows)),),
        (_figure(rows, name),),
        tuple(notes),
    )


def _refitted(task: Task, X: Any, y: NDArray[Any], weight: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Return the losses of a fit to some training rows."""
    options: dict[str, Any] = {}
    if weight is not None:
        steps = getattr(task.model, "steps", None)
        options = {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weight[rows]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits to fewer rows than the model had
        model = clone(task.model).fit(rows_of(X, rows), y[rows], **options)
        other = task_of(
            model, task.X, task.y, sample_weight=task.weight, groups=None, level=task.level, seed=0, train=None
        )
    name, loss = other.losses()
    if name != task.losses()[0]:
        raise ValueError(f"its predictions are judged by {name}")
    return loss


def _row(task: Task, name: str, count: int, loss: NDArray[Any], whole: NDArray[Any] | None) -> dict[str, Cell]:
    found = _mean(task, loss)
    row: dict[str, Cell] = {"training rows": count}
    row |= {f"{name} value": found.value, f"{name} lower": found.lower, f"{name} upper": found.upper}
    key = "more than with all"
    if whole is None:
        return {**row, f"{key} value": 0.0, f"{key} lower": None, f"{key} upper": None}
    less = _mean(task, loss - whole)
    return {**row, f"{key} value": less.value, f"{key} lower": less.lower, f"{key} upper": less.upper}


def _mean(task: Task, values: NDArray[Any]) -> Estimate:
    return mean_estimate(values, sample_weight=task.weight, clusters=task.groups, level=task.level)


def _said(rows: list[dict[str, Cell]], name: str, whole: int) -> str:
    last = rows[-2]
    low, high = (float(last[f"more than with all {end}"] or 0.0) for end in ("lower", "upper"))
    gain = float(last["more than with all value"] or 0.0)
    if low > 0:
        return (
            f"From {last['training rows']:,} to {whole:,} training rows the {name} fell by {gain:.3g} ({low:.3g} to "
            f"{high:.3g}): more rows would probably help."
        )
    return (
        f"From {last['training rows']:,} to {whole:,} training rows the {name} did not fall beyond chance "
        f"({gain:.3g}, {low:.3g} to {high:.3g}): more rows alone would hardly help."
    )


def _figure(rows: list[dict[str, Cell]], name: str) -> Figure:
    places = tuple(float(row["training rows"] or 0.0) for row in rows)
    ends = [tuple(float(row[f"{name} {end}"] or 0.0) for row in rows) for end in ("value", "lower", "upper")]
    series = (Series("held-out rows", "line", places, *ends),)
    return Figure("learning_curve", "Learning curve", "training rows", name, series)


def _train_loss(task: Task) -> float | None:
    assert task.train is not None
    X, y, weight = task.train
    try:
        inner = task_of(task.model, X, y, sample_weight=weight, groups=None, level=0.95, seed=0, train=None)
    except ValueError:
        return None
    name, loss = inner.losses()
    return float(np.average(loss, weights=inner.weights)) if name == task.losses()[0] else None


def _from_moments(task: Task) -> Section:
    assert task.train is not None
    X, y = np.asarray(task.train[0], dtype=np.float64), np.asarray(task.train[1], dtype=np.float64)
    n, random = len(y), np.random.default_rng(task.seed)
    table, target = np.vstack([X, np.asarray(task.X, dtype=np.float64)]), np.append(y, task.y)
    splits = [(random.permutation(n), np.arange(n, len(target))) for _ in range(5)]
    options = {} if task.train[2] is None else {"sample_weight": np.append(task.train[2], np.ones(task.n))}
    sizes = sorted({max(int(share * n), X.shape[1] + 2) for share in (0.05, *SHARES, 0.75, 1.0)} - {0})
    curve = task.model.learning_curve_(table, target, sizes=[size for size in sizes if size <= n], cv=splits, **options)
    keys = ("mean R2", "lowest R2", "highest R2")
    rows: list[dict[str, Cell]] = [
        {
            "training rows": int(size),
            **dict(zip(keys, (float(np.mean(r2)), float(min(r2)), float(max(r2))), strict=True)),
        }
        for size, r2 in zip(curve.sizes, curve.test_scores, strict=True)
    ]
    columns = [tuple(float(row[key] or 0.0) for row in rows) for key in keys]
    places = tuple(float(row["training rows"] or 0.0) for row in rows)
    series = (Series("held-out rows", "line", places, *columns),)
    figure = Figure("learning_curve", "Learning curve", "training rows", "R2", series)
    before = rows[-2] if len(rows) > 1 else rows[-1]
    gain = float(rows[-1]["mean R2"] or 0.0) - float(before["mean R2"] or 0.0)
    sentence = f"From {before['training rows']:,} to {n:,} training rows R2 on the held-out rows grew by {gain:.3g}."
    note = "From the moments of the training rows, in five random orders; the band is from the lowest to the highest."
    tables = (Table("curve", "R2 by training rows", tuple(rows)),)
    return Section("learning_curve", "Learning curve", (sentence,), tables, (figure,), (note,))
