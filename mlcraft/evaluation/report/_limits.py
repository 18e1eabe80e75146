"""What cannot be concluded."""

from __future__ import annotations

import numpy as np

from mlcraft.evaluation.report._section import Cell, Section, Table
from mlcraft.evaluation.report._task import Task

__all__ = ["limits_section"]

FEW_ROWS, FEW_OF_CLASS, FEW_GROUPS = 200, 50, 20
TO_HALVE = 4  # times the rows for intervals half as wide


def limits_section(task: Task, sections: tuple[Section, ...] = ()) -> Section:
    """
    Say what these rows do not tell, and how many would.

    Parameters
    ----------
    task : Task
    sections : tuple of Section
        The other sections of the report.

    Returns
    -------
    Section
    """
    said: list[str] = []
    n = int(np.count_nonzero(task.weights))
    if n < FEW_ROWS:
        said.append(f"{n} rows are few: read the intervals, not the values.")
    if task.classifies:
        counts = {str(name): int(np.count_nonzero((task.y == name) & (task.weights > 0))) for name in task.classes}
        none = [name for name, count in counts.items() if not count]
        few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEW_OF_CLASS]
        if none:
            said.append(f"No row is of class {', '.join(none[:5])}: nothing can be said of how the model treats it.")
        if few:
            named = ", ".join(few[:5])
            said.append(f"Fewer than {FEW_OF_CLASS} rows are of class {named}: their recall is hardly known.")
    if task.groups is None:
        said.append(
            "Rows are taken for independent: if some belong together (a person, a day), pass groups, or the intervals "
            "are too narrow."
        )
    elif len(np.unique(task.groups)) < FEW_GROUPS:
        said.append(f"{len(np.unique(task.groups))} groups are few: intervals over groups are rough.")
    if task.train is None:
        said.append(
            "No training rows were given: whether rows leaked into training, and whether the data have changed since, "
            "is not known."
        )
    said += [f"{one.title} is missing: {one.sentences[0]}" for one in sections if one.state == "skipped"]
    intervals = _intervals(sections)
    if intervals:
        missed = max(1, round(intervals * (1 - task.level)))
        level = f"{100 * task.level:g} %"
        said.append(f"Of the {intervals} intervals at {level} in this report, about {missed} will miss by chance.")
    said.append(
        "All of this holds for rows drawn as these were; nothing here tells of other times, places or people, nor of "
        "causes."
    )
    return Section("limits", "What cannot be concluded", tuple(said), _resolution(sections))


def _intervals(sections: tuple[Section, ...]) -> int:
    cells = (
        row[name]
        for section in sections
        for table in section.tables
        for row in table.rows
        for name in row
        if name.split(" ")[-1] == "lower"
    )
    return sum(cell is not None for cell in cells)


def _resolution(sections: tuple[Section, ...]) -> tuple[Table, ...]:
    """Return how exactly each metric is known, and how many rows would tell half as much."""
    rows: list[dict[str, Cell]] = []
    for row in [row for one in sections if one.name == "metrics" and one.tables for row in one.tables[0].rows]:
        half = (float(row["upper"] or 0.0) - float(row["lower"] or 0.0)) / 2
        n = int(row["n"] or 0)
        found: dict[str, Cell] = {"metric": row["metric"], "known to within": half, "rows": n}
        rows.append({**found, "rows for half of that": TO_HALVE * n})
    return (Table("resolution", "How exactly these rows tell each metric", tuple(rows)),) if rows else ()
