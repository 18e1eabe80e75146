"""Slices that were asked for, and weak segments that a search finds and the other half of the rows confirms."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._segments import Cut, Found, compared, cut, search
from mlcraft.evaluation.report._task import Task, columns_of
from mlcraft.uncertainty import mean_estimate

__all__ = ["slices_section"]

LISTED = 10
SMALLEST, SMALLEST_SHARE = 30, 0.01
HALF = 0.05  # p-value on each half, below which a segment is weak there
MOST_COLUMNS = 100


def slices_section(task: Task) -> Section:
    """
    Measure the slices asked for, and search for segments where the model is weak.

    Segments by one column and by two (categories; numbers cut at their quartiles) of at least max(30, 1 %) and at most
    half of the rows are compared with the rest by their mean loss: Welch's one-sided test, corrected for all that were
    looked at (Holm). One is called stable if it is worse than the rest on each of two random halves as well.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section

    Raises
    ------
    ValueError
        If a slice is no column of X, or has another number of rows.
    """
    name, loss = task.losses()
    notes: list[str] = []
    tables: list[Table] = []
    figures: list[Figure] = []
    sentences: list[str] = []
    asked = _asked(task, notes)
    if asked:
        rows = [row for one in asked for row in _measured(task, one, name, loss)]
        tables.append(Table("slices", f"Slices: {name}, observed and predicted means", tuple(rows)))
        figures.append(_figure(rows, name, float(np.average(loss, weights=task.weights))))
        sentences += [_widest(rows, name)] if rows else []
    rows, sentence = _weak(task, loss, name, notes)
    sentences.insert(0, sentence)
    tables.append(Table("segments", f"Weak segments: {name} there and in the rest", tuple(rows)))
    stable = any(row["stable"] for row in rows)
    return Section(
        "slices",
        "Slices and weak segments",
        tuple(sentences),
        tuple(tables),
        tuple(figures),
        tuple(notes),
        "look" if stable else "fine",
    )


def _asked(task: Task, notes: list[str]) -> list[Cut]:
    given = task.slices
    if given is None:
        return []
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, dict):
        unknown = [name for name in given if str(name) not in task.columns]
        if unknown:
            raise ValueError(f"slices names no columns of X: {unknown}; it has {list(task.columns)[:20]}")
        given = {str(name): task.columns[str(name)] for name in given}
    cuts = []
    for name, values in given.items():
        if len(values) != task.n:
            raise ValueError(f"slice {name!r} has {len(values)} rows, and y has {task.n}")
        one = cut(str(name), _as_column(values))
        counts = np.bincount(one.codes[(one.codes >= 0) & (task.weights > 0)], minlength=len(one.labels))
        empty = [label for label, count in zip(one.labels, counts, strict=True) if not count]
        empty += [f"{name} = {level}" for level in _declared(values) if f"{name} = {level}" not in one.labels]
        if np.asarray(values).dtype.kind == "b" and not np.any(values):
            empty.append(f"{name} (True)")
        if empty and (one.codes >= 0).any():
            notes.append(f"No row is in {', '.join(empty[:5])}: nothing can be said of it.")
        cuts.append(one)
    return cuts


def _as_column(values: Any) -> NDArray[Any]:
    found = columns_of(np.asarray(values, dtype=object).reshape(-1, 1))
    return next(iter(found.values()))


def _declared(values: Any) -> list[str]:
    """Return the categories that a column of categories may have."""
    categories = getattr(getattr(values, "dtype", None), "categories", None)
    return [] if categories is None or len(categories) > 100 else [str(level) for level in categories]


def _measured(task: Task, one: Cut, name: str, loss: NDArray[Any]) -> list[dict[str, Cell]]:
    said = task.prediction if not task.classifies else None
    truth = task.y if not task.classifies else None
    if task.kind == "binary" and task.probability is not None:
        said, truth = task.probability[:, 1], task.positive.astype(float)
    table = compared(loss, task.weights, one.codes, len(one.labels), _codes(task))
    rows = []
    for k, label in enumerate(one.labels):
        chosen = (one.codes == k) & (task.weights > 0)
        if not chosen.any():
            continue
        clusters = None if task.groups is None else task.groups[chosen]
        found = mean_estimate(loss[chosen], sample_weight=task.weights[chosen], clusters=clusters, level=task.level)
        row: dict[str, Cell] = {"slice": label, "rows": int(chosen.sum())}
        row |= {f"{name} value": found.value, f"{name} lower": found.lower, f"{name} upper": found.upper}
        row["less the rest"] = float(table[2, k])
        if truth is not None and said is not None:
            row["observed mean"] = float(np.average(truth[chosen], weights=task.weights[chosen]))
            row["predicted mean"] = float(np.average(said[chosen], weights=task.weights[chosen]))
        rows.append(row)
    return rows


def _codes(task: Task) -> Any:
    return None if task.groups is None else np.unique(task.groups, return_inverse=True)[1]


def _widest(rows: list[dict[str, Cell]], name: str) -> str:
    worst = max(rows, key=lambda row: float(row[f"{name} value"] or 0.0))
    return f"Of the slices asked for, {worst['slice']} has the highest {name}: {worst[f'{name} value']:.4g}."


def _figure(rows: list[dict[str, Cell]], name: str, overall: float) -> Figure:
    labels = tuple(str(row["slice"]) for row in rows)
    ends = [tuple(float(row[f"{name} {end}"] or 0.0) for row in rows) for end in ("value", "lower", "upper")]
    series = (Series("slice", "points", labels, *ends), Series("all rows", "reference", labels, (overall,) * len(rows)))
    return Figure("slices", "Loss by slice", "", name, series, horizontal=True)


def _weak(task: Task, loss: NDArray[Any], name: str, notes: list[str]) -> tuple[list[dict[str, Cell]], str]:
    smallest = max(SMALLEST, int(np.ceil(SMALLEST_SHARE * task.n)))
    if not task.columns or 2 * smallest > task.n:
        return [], "Weak segments are not searched for: there are no named columns, or too few rows."
    cuts = [cut(name, values) for name, values in list(task.columns.items())[:MOST_COLUMNS]]
    if len(task.columns) > MOST_COLUMNS:
        notes.append(f"Segments are by the first {MOST_COLUMNS} of {len(task.columns)} columns.")
    groups = _codes(task)
    found, looked_at = search(cuts, loss, task.weights, smallest, groups)
    # Holm: all that were not kept have larger p-values than those that were
    factors = looked_at - np.arange(len(found))
    adjusted = np.minimum(1.0, np.maximum.accumulate(factors * np.array([one.p_value for one in found])))
    shown = _pruned([one for one, p in zip(found, adjusted, strict=True) if p < 1 - task.level])
    by_label = {one.label: float(p) for one, p in zip(found, adjusted, strict=True)}
    rows: list[dict[str, Cell]] = []
    for one in shown[:LISTED]:
        halves = _halves(task, one, loss, groups)
        rows.append(
            {
                "segment": one.label,
                "rows": one.n,
                name: one.loss,
                "rest": one.loss - one.difference,
                "adjusted p": by_label[one.label],
                "p on one half": halves[0],
                "p on the other": halves[1],
                "stable": bool(max(halves) < HALF),
            }
        )
    notes.append(
        f"{looked_at:,} segments of {smallest} rows or more were looked at; p-values are adjusted for all (Holm). A "
        "segment may be worse because its rows are harder, not because the model fails there."
    )
    stable = [str(row["segment"]) for row in rows if row["stable"]]
    if not rows:
        return rows, f"No segment is shown to be weaker than the rest, of {looked_at:,} looked at."
    said = f"{len(stable)} of the {len(rows)} listed hold on both halves of the rows."
    worst = f" The clearest: {rows[0]['segment']} ({name} {rows[0][name]:.4g}, the rest {rows[0]['rest']:.4g})."
    return rows, f"{len(shown)} segments are weaker than the rest; {said}{worst}"


def _pruned(found: list[Found]) -> list[Found]:
    """Leave out parts by two columns that are no worse than a part by one that they lie in."""
    singles = {one.label: one for one in found if not one.parents}
    kept = []
    for one in found:
        above = [singles[label] for label in one.parents if label in singles]
        if all(one.loss - parent.loss > 2 * np.hypot(one.error, parent.error) for parent in above):
            kept.append(one)
    return kept


def _halves(task: Task, one: Found, loss: NDArray[Any], groups: Any) -> tuple[float, float]:
    """Return the p-values of a segment on two random halves of the rows, whole groups on one side."""
    random = np.random.default_rng(task.seed)
    units = np.arange(task.n) if groups is None else groups
    side = (random.permutation(int(units.max()) + 1) % 2)[units]
    codes = np.where(one.rows, 0, -1)
    parts = []
    for k in (0, 1):
        at = side == k
        some = None if groups is None else np.unique(groups[at], return_inverse=True)[1]
        p = float(compared(loss[at], task.weights[at], codes[at], 1, some)[4, 0])
        parts.append(p if np.isfinite(p) else 1.0)
    return parts[0], parts[1]
