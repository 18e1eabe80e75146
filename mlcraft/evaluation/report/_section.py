"""What a report is made of: sections with sentences, tables, figures as numbers, and notes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Cell", "Figure", "Section", "Series", "Table", "plain"]

Cell = str | int | float | bool | None
STATES = ("fine", "look", "skipped")
MARKS = ("line", "steps", "points", "bars", "reference")


@dataclass(frozen=True)
class Table:
    """
    Rows of named cells.

    Attributes
    ----------
    name : str
        Its key within the section.
    title : str
        What it shows, in a few words.
    rows : tuple of dict of str to str, int, float, bool or None
        All with the same keys in the same order; None where there is no number. An estimate takes three columns that
        end in "value", "lower" and "upper".

    Examples
    --------
    >>> Table("scores", "Scores", ({"metric": "mae", "value": 1.0},)).columns
    ('metric', 'value')
    """

    name: str
    title: str
    rows: tuple[Mapping[str, Cell], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; none where there are no rows."""
        return tuple(self.rows[0]) if self.rows else ()

    def to_frame(self) -> Any:
        """Return a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))


@dataclass(frozen=True)
class Series:
    """
    Numbers that are drawn as one thing.

    Attributes
    ----------
    name : str
        For the legend; empty if it needs none.
    mark : {"line", "steps", "points", "bars", "reference"}
        How it is drawn; "reference" is a thin line to compare with (a diagonal, a zero).
    x : tuple of float or str
        Places; names of categories if they are strings.
    y : tuple of float
        Heights.
    lower, upper : tuple of float
        Ends of intervals of `y`: a band around lines, bars at points. Empty if there are none.
    """

    name: str
    mark: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()


@dataclass(frozen=True)
class Figure:
    """
    A figure as numbers: what to draw, not how.

    Attributes
    ----------
    name : str
        Its key within the report: no two figures of a report have the same.
    title : str
    x_label, y_label : str
    series : tuple of Series
    x_log, y_log : bool
        Whether an axis is logarithmic.
    horizontal : bool
        Whether categories stand on the vertical axis (many names): `x` of the series then runs downwards.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False
    horizontal: bool = False


@dataclass(frozen=True)
class Section:
    """
    One part of a report.

    Attributes
    ----------
    name : str
        Its key in the report.
    title : str
        Heading.
    sentences : tuple of str
        What was found, the most important first.
    tables : tuple of Table
    figures : tuple of Figure
    notes : tuple of str
        What to know before using it: assumptions, what was left out.
    state : {"fine", "look", "skipped"}
        Whether there is something to look at, or the section could not be made; the first sentence then says why.

    Examples
    --------
    >>> section = Section("leakage", "Leakage", ("No row of the test is in training.",))
    >>> section.state, section.to_dict()["sentences"]
    ('fine', ['No row of the test is in training.'])
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    state: str = "fine"

    def table(self, name: str | None = None) -> Table:
        """
        Return a table by its name; the first without one.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        for table in self.tables:
            if name in (None, table.name):
                return table
        known = ", ".join(table.name for table in self.tables) or "none"
        raise KeyError(f"section {self.name!r} has no table {name!r}; it has: {known}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dictionaries, strings and numbers; None for numbers that are not finite."""
        found: dict[str, Any] = plain(
            {
                "name": self.name,
                "title": self.title,
                "state": self.state,
                "sentences": self.sentences,
                "tables": [{"name": t.name, "title": t.title, "rows": t.rows} for t in self.tables],
                "figures": [{**vars(f), "series": [vars(s) for s in f.series]} for f in self.figures],
                "notes": self.notes,
            }
        )
        return found

    def __str__(self) -> str:
        lines = [self.title, "-" * len(self.title), *self.sentences]
        for table in self.tables:
            lines += ["", table.title, *_lines(table)]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


def plain(value: Any) -> Any:
    """
    Return a value as JSON takes it: NumPy's numbers as Python's, None for those that are not finite.

    Parameters
    ----------
    value : object

    Returns
    -------
    object

    Examples
    --------
    >>> plain({"a": (np.float64(1.5), float("nan"))})
    {'a': [1.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)


def _lines(table: Table) -> list[str]:
    """Write a table: text to the left, numbers to the right."""
    if not table.rows:
        return ["(none)"]
    cells = [[_shown(row[name]) for name in table.columns] for row in table.rows]
    is_text = [all(isinstance(row[name], str | None) for row in table.rows) for name in table.columns]
    widths = [max(len(name), *(len(row[k]) for row in cells)) for k, name in enumerate(table.columns)]

    def line(row: Sequence[str]) -> str:
        placed = zip(row, widths, is_text, strict=True)
        return "  ".join(cell.ljust(width) if text else cell.rjust(width) for cell, width, text in placed).rstrip()

    return [line(table.columns), *(line(row) for row in cells)]


def _shown(value: Cell) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
