"""How one column of a table becomes columns of numbers; plain data, so that a model file can hold it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.columns import Column, Kind
from mlcraft.cli.errors import listing
from mlcraft.model_file import ModelFileError

Columns = Iterable[NDArray[np.float64]]
DATE_PARTS: dict[str, tuple[str, ...]] = {
    "month": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "hour": tuple(f"{hour:02d}" for hour in range(24)),
}
MISSING, OTHER = "(missing)", "(other)"


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """A number (or true/false as 1/0): missing values become `fill`, and a 0/1 column tells where."""

    column: str
    kind: Kind
    fill: float
    indicator: bool

    @property
    def names(self) -> list[str]:
        """Names of the columns `encode` makes."""
        return [self.column] + ([f"{self.column} missing"] if self.indicator else [])

    def encode(self, column: Column, rows: NDArray[np.intp], warnings: list[str]) -> Columns:
        """Make the columns of numbers for some rows; what is new to the plan goes to `warnings`."""
        values = column.values[rows]
        return _fill(self, values, warnings)

    def to_state(self) -> dict[str, Any]:
        """Return plain data for a model file."""
        return {"plan": self.kind, "column": self.column, "fill": self.fill, "indicator": self.indicator}


@dataclass(frozen=True, slots=True)
class CategoryPlan:
    """A text column: a 0/1 column for each of `levels`; all zero means `baseline`, the most frequent level.

    `pooled` are the rare levels seen while fitting. They and unseen levels share the column ``(other)`` if
    there is one, else they count as the baseline. `missing` is ``"own"`` (a column), ``"other"``,
    ``"baseline"`` or ``"unseen"`` (nothing was missing while fitting; treated as an unseen level).
    """

    column: str
    levels: tuple[str, ...]
    baseline: str
    pooled: tuple[str, ...]
    other: bool
    missing: str

    kind: Kind = "text"

    @property
    def names(self) -> list[str]:
        """Names of the columns `encode` makes."""
        extra = ([OTHER] if self.other else []) + ([MISSING] if self.missing == "own" else [])
        return [f"{self.column}={level}" for level in (*self.levels, *extra)]

    def encode(self, column: Column, rows: NDArray[np.intp], warnings: list[str]) -> Columns:
        """Make the columns of numbers for some rows; what is new to the plan goes to `warnings`."""
        return self.encode_codes(column.codes[rows], column.levels, warnings)

    def encode_codes(self, codes: NDArray[np.int32], levels: Sequence[str], warnings: list[str]) -> Columns:
        """Make the 0/1 columns for `codes` into `levels`, which need not be the levels of the fit."""
        rest = len(self.levels) if self.other else -1
        known = {level: index for index, level in enumerate(self.levels)}
        known |= dict.fromkeys(self.pooled, rest) | {self.baseline: -1}
        lookup = np.array([known.get(level, rest) for level in levels] + [self._missing_index()], dtype=np.int32)
        where = lookup[codes]
        unseen = np.array([level not in known for level in levels] + [False], dtype=bool)
        present: list[int] = np.flatnonzero(np.bincount(codes + 1, minlength=len(levels) + 1)[1:]).tolist()
        new = [levels[index] for index in present if unseen[index]]
        place = f"'{OTHER}'" if self.other else f"the baseline '{self.baseline}'"
        if new:
            n_rows = int(unseen[codes].sum())
            rows = "1 row holds a level" if n_rows == 1 else f"{n_rows:,} rows hold levels"
            shown = listing(new, limit=3)
            warnings.append(f"{self.column}: {rows} unseen when the model was fitted ({shown}), counted as {place}")
        n_missing = int((codes < 0).sum())
        if n_missing and self.missing == "unseen":
            warnings.append(
                f"{self.column}: {n_missing:,} missing, never when the model was fitted, counted as {place}"
            )
        # One at a time: a wide category would need a lot of memory all at once.
        return ((where == index).astype(np.float64) for index in range(len(self.names)))

    def _missing_index(self) -> int:
        if self.missing == "own":
            return len(self.names) - 1
        return len(self.levels) if self.other and self.missing != "baseline" else -1

    def to_state(self) -> dict[str, Any]:
        """Return plain data for a model file."""
        return {
            "plan": "category",
            "column": self.column,
            "levels": list(self.levels),
            "baseline": self.baseline,
            "pooled": list(self.pooled),
            "other": self.other,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class DatePlan:
    """A date: days since `origin`, and the parts (month, weekday, hour) worth a column of their own.

    The year has none: the days already carry it, and two columns for one trend could not be told apart.
    """

    column: str
    origin: float
    fill: float
    indicator: bool
    parts: tuple[tuple[str, CategoryPlan], ...]

    kind: Kind = "date"

    @property
    def names(self) -> list[str]:
        """Names of the columns `encode` makes."""
        names = [f"{self.column} days"] + ([f"{self.column} missing"] if self.indicator else [])
        return names + [name for _, plan in self.parts for name in plan.names]

    def encode(self, column: Column, rows: NDArray[np.intp], warnings: list[str]) -> Columns:
        """Make the columns of numbers for some rows; what is new to the plan goes to `warnings`."""
        days = column.values[rows]
        parts = (plan.encode_codes(date_part(days, part), DATE_PARTS[part], []) for part, plan in self.parts)
        return chain(_fill(self, days - self.origin, warnings), chain.from_iterable(parts))

    def to_state(self) -> dict[str, Any]:
        """Return plain data for a model file."""
        return {
            "plan": "date",
            "column": self.column,
            "origin": self.origin,
            "fill": self.fill,
            "indicator": self.indicator,
            "parts": [[part, plan.to_state()] for part, plan in self.parts],
        }


Plan = NumberPlan | CategoryPlan | DatePlan


def _fill(plan: NumberPlan | DatePlan, values: NDArray[np.float64], warnings: list[str]) -> Columns:
    missing = np.isnan(values)
    if not plan.indicator and missing.any():
        warnings.append(
            f"{plan.column}: {int(missing.sum()):,} missing, never when the model was fitted;"
            " filled with the median of that time"
        )
    filled = np.where(missing, plan.fill, values)
    return [filled, missing.astype(np.float64)] if plan.indicator else [filled]


def date_part(days: NDArray[np.float64], part: str) -> NDArray[np.int32]:
    """Turn days since 1970-01-01 into codes into ``DATE_PARTS[part]``; -1 where the day is missing."""
    missing = np.isnan(days)
    # Half a microsecond up: a day fraction such as 13:00 may lie a hair below the hour.
    safe = np.where(missing, 0.0, days) + 0.5e-6 / 86400.0
    whole = np.floor(safe)
    if part == "hour":
        codes = np.floor((safe - whole) * 24.0)
    elif part == "weekday":
        codes = (whole + 3.0) % 7.0  # 1970-01-01 was a Thursday
    else:
        codes = whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.where(missing, -1, codes).astype(np.int32)


def plan_from_state(state: object) -> Plan:
    """Rebuild the plan a model file describes; anything unexpected in it is a `ModelFileError`."""
    entry = _Entry(state)
    name = entry.text("column")
    match entry.text("plan"):
        case "number":
            return NumberPlan(name, "number", entry.number("fill"), entry.flag("indicator"))
        case "boolean":
            return NumberPlan(name, "boolean", entry.number("fill"), entry.flag("indicator"))
        case "category":
            return _category_from_state(state)
        case "date":
            parts = tuple(_part_from_state(part) for part in entry.items("parts"))
            return DatePlan(name, entry.number("origin"), entry.number("fill"), entry.flag("indicator"), parts)
        case other:
            raise ModelFileError(f"the model file holds a column plan of unknown kind '{other}'")


def _category_from_state(state: object) -> CategoryPlan:
    entry = _Entry(state)
    missing = entry.text("missing")
    if missing not in ("own", "other", "baseline", "unseen"):
        raise ModelFileError("the model file describes a text column wrongly ('missing')")
    return CategoryPlan(
        entry.text("column"),
        entry.texts("levels"),
        entry.text("baseline"),
        entry.texts("pooled"),
        entry.flag("other"),
        missing,
    )


def _part_from_state(state: object) -> tuple[str, CategoryPlan]:
    match state:
        case [str(part), plan] if part in DATE_PARTS:
            return part, _category_from_state(plan)
    raise ModelFileError("the model file describes a date column wrongly ('parts')")


class _Entry:
    """Typed look into one JSON object of a model file."""

    def __init__(self, state: object) -> None:
        if not isinstance(state, Mapping):
            raise ModelFileError("the model file describes its columns wrongly")
        self._state = state

    def _fail(self, key: str) -> ModelFileError:
        return ModelFileError(f"the model file describes its columns wrongly ('{key}')")

    def text(self, key: str) -> str:
        value = self._state.get(key)
        if not isinstance(value, str):
            raise self._fail(key)
        return value

    def number(self, key: str) -> float:
        value = self._state.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self._fail(key)
        return float(value)

    def flag(self, key: str) -> bool:
        value = self._state.get(key)
        if not isinstance(value, bool):
            raise self._fail(key)
        return value

    def items(self, key: str) -> list[object]:
        value = self._state.get(key)
        if not isinstance(value, list):
            raise self._fail(key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            raise self._fail(key)
        return tuple(str(item) for item in items)
