"""What test and training rows have in common that they should not, and how they differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc
from scipy.stats import kstwobign, rankdata

from mlcraft.evaluation.comparison import holm
from mlcraft.evaluation.report._section import Cell, Section, Table
from mlcraft.evaluation.report._task import Columns, Task, columns_of

__all__ = ["leakage_section"]

MOST_ROWS = 100_000
NEARLY = 0.99  # rank correlation, or area under the ROC curve, of a column that all but gives the target away
STABLE, SHIFTED = 0.1, 0.25  # of the population stability index, as is the custom in credit scoring
BINS = 10


def leakage_section(task: Task) -> Section:
    """
    Look for rows that are in training too, columns that give the target away or number the rows, and for drift.

    Drift is tested column by column, by the two-sample test of Kolmogorov and Smirnov for numbers and chi-square for
    categories, corrected for the number of columns (Holm); the population stability index says how large it is.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section
    """
    if not task.columns:
        raise ValueError("X has no named columns to look at (a sparse matrix)")
    sentences, tables, look = [], [], False
    telling = [row for name, values in task.columns.items() if (row := _telling(task, name, values)) is not None]
    if telling:
        look = True
        sentences.append(f"{', '.join(str(row['column']) for row in telling[:5])}: nearly the target itself.")
    tables.append(Table("telling", "Columns that alone give the target away, or number the rows", tuple(telling)))
    numbering: list[dict[str, Cell]] = [
        {"column": name, "measure": "another value in each row", "value": 1.0}
        for name, values in task.columns.items()
        if _numbers_rows(values)
    ]
    tables[0] = Table(tables[0].name, tables[0].title, (*telling, *numbering))
    if numbering:
        look = True
        sentences.append(f"{', '.join(str(row['column']) for row in numbering[:5])}: another value in each row.")
    if not look:
        sentences.append("No column alone gives the target away, or numbers the rows.")
    if task.train is None:
        sentences.append("No training rows were given: what they share with these is not known.")
        state = "look" if look else "fine"
        return Section("leakage", "Leakage and drift", tuple(sentences), tuple(tables), state=state)
    inside = columns_of(task.train[0], task.model)
    if set(inside) != set(task.columns):
        raise ValueError("X_train has other columns than X")
    copies, with_target = _copies(task, inside)
    drift = _drift(task, inside)
    sentences.insert(0, _said_of_copies(copies, with_target, task.n))
    shifted = [row for row in drift if float(row["adjusted p"] or 0.0) < 1 - task.level]
    large = [row for row in shifted if float(row["PSI"] or 0.0) > STABLE]
    sentences.append(
        f"{len(shifted)} of {len(drift)} columns are distributed otherwise than in training"
        f"{', by more than a little: ' + ', '.join(str(row['column']) for row in large[:5]) if large else ''}."
    )
    tables.append(Table("drift", "Columns here and in training", tuple(drift)))
    look = look or copies > task.n / 100 or bool(large)
    note = f"PSI: population stability index; below {STABLE} hardly a change, above {SHIFTED} a large one."
    return Section(
        "leakage", "Leakage and drift", tuple(sentences), tuple(tables), (), (note,), "look" if look else "fine"
    )


def _said_of_copies(copies: int, with_target: int, n: int) -> str:
    if not copies:
        return "No row is among the training rows."
    return (
        f"{copies:,} of {n:,} rows ({100 * copies / n:.3g} %) are among the training rows column by column, "
        f"{with_target:,} with the same target."
    )


def _copies(task: Task, inside: Columns) -> tuple[int, int]:
    """Count rows whose columns are those of a training row, and of these whose target is, too."""
    assert task.train is not None
    n = task.n
    keys = np.zeros(n + len(task.train[1]), dtype=np.intp)
    names = list(task.columns)

    def joined(keys: NDArray[np.intp], test: NDArray[Any], train: NDArray[Any]) -> NDArray[np.intp]:
        if test.dtype.kind == "f" and train.dtype.kind == "f":
            values = np.concatenate([test, train])
        else:
            values = np.concatenate([test.astype(str), train.astype(str)])
        codes = np.unique(values, return_inverse=True)[1]
        return np.asarray(np.unique(keys * (codes.max() + 1) + codes, return_inverse=True)[1], dtype=np.intp)

    for name in names:
        keys = joined(keys, task.columns[name], inside[name])
    whole = joined(keys, task.y, task.train[1])
    return int(np.isin(keys[:n], keys[n:]).sum()), int(np.isin(whole[:n], whole[n:]).sum())


def _telling(task: Task, name: str, values: NDArray[Any]) -> dict[str, Cell] | None:
    """Return how well a column alone tells the target, if nearly wholly."""
    if values.dtype.kind != "f":
        return _telling_category(task, name, values)
    present = np.isfinite(values)
    if present.sum() < 20 or np.ptp(values[present]) == 0:
        return None
    ranks = rankdata(values[present])
    if task.kind == "multiclass":
        return None
    if task.kind == "binary":
        positive = task.positive[present]
        many = int(positive.sum())
        if not 0 < many < len(positive):
            return None
        area = (ranks[positive].sum() - many * (many + 1) / 2) / (many * (len(positive) - many))
        value, measure = max(area, 1 - area), "ROC AUC"
    else:
        target = rankdata(np.asarray(task.y, dtype=float)[present])
        value, measure = abs(float(np.corrcoef(ranks, target)[0, 1])), "rank correlation"
    return {"column": name, "measure": measure, "value": float(value)} if value > NEARLY else None


def _telling_category(task: Task, name: str, values: NDArray[Any]) -> dict[str, Cell] | None:
    levels, codes = np.unique(values.astype(str), return_inverse=True)
    if len(levels) < 2 or len(levels) > task.n / 10:
        return None
    if task.classifies:
        places = np.searchsorted(task.classes, task.y)
        table = np.zeros((len(levels), len(task.classes)))
        np.add.at(table, (codes, places), 1)
        commonest = table.sum(axis=0).max() / task.n
        value = (table.max(axis=1).sum() / task.n - commonest) / (1 - commonest) if commonest < 1 else 0.0
        measure = "share of errors avoided"
    else:
        count = np.bincount(codes)
        spread = float(np.var(task.y))
        within = np.bincount(codes, task.y**2) - np.bincount(codes, task.y) ** 2 / count
        value, measure = (1 - within.sum() / task.n / spread if spread > 0 else 0.0), "R2"
    return {"column": name, "measure": measure, "value": float(value)} if value > NEARLY else None


def _numbers_rows(values: NDArray[Any]) -> bool:
    """Tell whether a column of text or whole numbers has another value in each row."""
    if len(values) < 50:
        return False
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and np.all(values == np.round(values))):
        return False
    distinct = np.unique(values if values.dtype.kind == "f" else values.astype(str))
    return len(distinct) > 0.99 * len(values)


def _drift(task: Task, inside: Columns) -> list[dict[str, Cell]]:
    assert task.train is not None
    pairs = {"(target)": (task.y, task.train[1])} | {name: (task.columns[name], inside[name]) for name in inside}
    found = []
    for name, (here, there) in pairs.items():
        numbers = here.dtype.kind in "fiu" and there.dtype.kind in "fiu"
        numbers = numbers and not (task.classifies and name == "(target)")
        found.append((name, *(_of_numbers(here, there) if numbers else _of_categories(here, there))))
    adjusted = holm(np.array([p for *_, p in found]))
    rows: list[dict[str, Cell]] = [
        {"column": name, "test": test, "statistic": value, "PSI": psi, "adjusted p": float(p)}
        for (name, test, value, psi, _), p in zip(found, adjusted, strict=True)
    ]
    return sorted(rows, key=lambda row: -float(row["PSI"] or 0.0))


def _of_numbers(here: NDArray[Any], there: NDArray[Any]) -> tuple[str, float, float, float]:
    """Compare two samples of numbers; missing values are a bin of the index, and not in the test."""
    here, there = (np.asarray(v, dtype=np.float64)[:MOST_ROWS] for v in (here, there))
    first, second = np.sort(here[~np.isnan(here)]), np.sort(there[~np.isnan(there)])
    if not len(first) or not len(second):
        return "KS", 0.0, 0.0, 1.0
    every = np.concatenate([first, second])
    gap = np.searchsorted(first, every, side="right") / len(first)
    gap -= np.searchsorted(second, every, side="right") / len(second)
    value = float(np.abs(gap).max())
    size = np.sqrt(len(first) * len(second) / (len(first) + len(second)))
    edges = np.unique(np.quantile(second, np.arange(1, BINS) / BINS))
    counts = [
        np.append(np.bincount(np.searchsorted(edges, part, side="right"), minlength=len(edges) + 1), missing)
        for part, missing in ((first, np.isnan(here).sum()), (second, np.isnan(there).sum()))
    ]
    return "KS", value, _stability(*counts), float(kstwobign.sf(value * size))


def _of_categories(here: NDArray[Any], there: NDArray[Any]) -> tuple[str, float, float, float]:
    """Compare two samples of categories; those that are rare in both are taken together."""
    levels, codes = np.unique(np.concatenate([here.astype(str), there.astype(str)]), return_inverse=True)
    counts = np.array([np.bincount(part, minlength=len(levels)) for part in (codes[: len(here)], codes[len(here) :])])
    rare = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum() < 5
    if rare.any():
        counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    value = float(((counts - expected) ** 2 / expected).sum())
    df = counts.shape[1] - 1
    return "chi-square", value, _stability(*counts), float(chdtrc(df, value)) if df else 1.0


def _stability(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the population stability index, half a row being put into bins that are empty on one side."""
    used = (first > 0) | (second > 0)
    p, q = (np.maximum(part[used], 0.5) / part.sum() for part in (first, second))
    return float(np.sum((p - q) * np.log(p / q)))
