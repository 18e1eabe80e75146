"""Decide what becomes of one column of a table, and say so in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.columns import Column
from mlcraft.cli.errors import listing
from mlcraft.cli.plans import (
    DATE_PARTS,
    MISSING,
    OTHER,
    CategoryPlan,
    DatePlan,
    NumberPlan,
    Plan,
    date_part,
)

_MIN_ROWS_PER_LEVEL = 5
_RARE_SHARE = 0.005
_ROWS_PER_DATE_PART = 20
_LARGEST = 1e150
_ID_NAME = re.compile(r"(?i:^|[^a-z])(?i:id|uuid|guid|index)$|[a-z]Id$|ID$")


@dataclass(frozen=True, slots=True)
class Notice:
    """What was done to a column; `topic` is one of number, boolean, missing, category, date, dropped."""

    topic: str
    column: str
    text: str = ""


def plan_column(column: Column, rows: NDArray[np.intp], notices: list[Notice], *, forced: bool) -> Plan | None:
    """Plan one column; None, with a notice why, if it is dropped."""
    name = column.name
    n_present = int((~column.missing[rows]).sum())
    if column.kind == "unsupported":
        notices.append(Notice("dropped", name, "holds lists, structs or bytes"))
    elif n_present == 0:
        notices.append(Notice("dropped", name, "is empty"))
    elif column.kind == "text":
        return _plan_text(column, rows, notices, forced=forced)
    elif column.kind == "date":
        return _plan_date(column, rows, notices)
    else:
        return _plan_number(column, rows, notices, forced=forced)
    return None


def _plan_number(column: Column, rows: NDArray[np.intp], notices: list[Notice], *, forced: bool) -> NumberPlan | None:
    name, values = column.name, column.values[rows]
    present = values[~np.isnan(values)]
    indicator = len(present) < len(values)
    if present.min() == present.max() and not indicator:
        notices.append(Notice("dropped", name, f"is constant ({present[0]:g})"))
        return None
    if np.abs(present).max() > _LARGEST:
        notices.append(Notice("dropped", name, f"has values beyond {_LARGEST:g}, whose squares overflow"))
        return None
    identifier = None if forced else _identifier(column)
    if identifier:
        notices.append(Notice("dropped", name, identifier))
        return None
    fill = float(np.median(present))
    if column.kind == "boolean":
        fill = float(fill >= 0.5)
    notices.append(Notice(column.kind, name))
    if indicator:
        count = len(values) - len(present)
        notices.append(
            Notice("missing", name, f"{count:,} filled with {'median ' * (column.kind != 'boolean')}{fill:,g}")
        )
    return NumberPlan(name, column.kind, fill, indicator)


def _identifier(column: Column) -> str | None:
    """Say why a column of numbers is a label of the row and not a measurement; None if it is not."""
    values = column.values
    if column.kind != "number" or len(values) < 20 or np.isnan(values).any() or (values % 1.0).any():
        return None
    if (np.diff(values) == 1.0).all():
        return "counts the rows of the file"
    if _ID_NAME.search(column.name) and len(np.unique(values)) == len(values):
        return "is an identifier (a different whole number in every row)"
    return None


def _plan_text(column: Column, rows: NDArray[np.intp], notices: list[Notice], *, forced: bool) -> CategoryPlan | None:
    name, codes = column.name, column.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.levels))
    n_levels, n_present = int((counts > 0).sum()), int(counts.sum())
    plan = choose_levels(name, codes, column.levels, missing_level=True)
    if n_levels == 1 and n_present == len(codes):
        notices.append(Notice("dropped", name, f"is constant ('{column.levels[int(counts.argmax())]}')"))
        return None
    note = f"; {column.note}" if column.note else ""
    if not forced and n_levels > max(20, 0.5 * n_present):
        notices.append(Notice("dropped", name, f"has {n_levels:,} different texts in {n_present:,} rows{note}"))
        return None
    own = {*plan.levels, plan.baseline}
    n_own = sum(int(count) for level, count in zip(column.levels, counts, strict=True) if level in own)
    if not plan.names or (not forced and n_own < 0.5 * n_present):
        text = f"has {n_levels:,} different texts, most of them rare{note}"
        notices.append(Notice("dropped", name, text))
        return None
    notices.append(Notice("category", name, _describe_levels(plan, n_levels, codes, column.levels) + note))
    return plan


def choose_levels(name: str, codes: NDArray[np.int32], levels: Sequence[str], *, missing_level: bool) -> CategoryPlan:
    """Choose baseline, own columns and pool for the levels found in `codes` (-1 is missing).

    A level needs 5 rows and 0.5 % of the rows for a column of its own; the others share one, ``(other)``, if
    together they reach 5 rows. With `missing_level`, missing counts as a level too.

    Examples
    --------
    >>> codes = np.array([0] * 9 + [1] * 6 + [2], dtype=np.int32)
    >>> choose_levels("c", codes, ["a", "b", "c"], missing_level=True).names
    ['c=b']
    """
    threshold = max(_MIN_ROWS_PER_LEVEL, math.ceil(_RARE_SHARE * len(codes)))
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    n_missing = int((codes < 0).sum()) if missing_level else 0
    frequent = [level for level, count in zip(levels, counts, strict=True) if count >= threshold]
    pooled = tuple(level for level, count in zip(levels, counts, strict=True) if 0 < count < threshold)
    best = int(counts.argmax())
    n_pooled = sum(int(count) for count in counts if 0 < count < threshold)
    if n_missing > counts[best]:
        baseline, missing = MISSING, "baseline"
    else:
        baseline = levels[best]
        missing = "own" if n_missing >= threshold else "other" if n_missing else "unseen"
        missing = missing if missing_level else "baseline"
        n_pooled += n_missing if missing == "other" else 0
    pooled = tuple(level for level in pooled if level != baseline)
    other = n_pooled >= _MIN_ROWS_PER_LEVEL and bool(pooled)
    own = tuple(level for level in frequent if level != baseline)
    return CategoryPlan(name, own, baseline, pooled, other, missing)


def _describe_levels(plan: CategoryPlan, n_levels: int, codes: NDArray[np.int32], levels: Sequence[str]) -> str:
    """Say how many levels there are, what the baseline is, and what was pooled."""
    n_missing = int((codes < 0).sum())
    text = f"{n_levels:,} levels against baseline '{plan.baseline}'"
    if plan.pooled:
        n_rows = int(np.isin(np.array([*levels, ""], dtype=object)[codes], np.array(plan.pooled, dtype=object)).sum())
        place = OTHER if plan.other else "the baseline"
        who = listing(plan.pooled, limit=1) if len(plan.pooled) < 3 else f"{len(plan.pooled):,} rare levels"
        text += f"; {who} ({n_rows:,} {'row' if n_rows == 1 else 'rows'}) counted as {place}"
    if n_missing:
        pool = OTHER if plan.other and plan.missing != "baseline" else "the baseline"
        place = "an own level" if plan.missing == "own" else pool
        text += f"; {n_missing:,} missing {'is' if n_missing == 1 else 'are'} {place}"
    return text


def _plan_date(column: Column, rows: NDArray[np.intp], notices: list[Notice]) -> DatePlan | None:
    name, days = column.name, column.values[rows]
    present = days[~np.isnan(days)]
    first, last = float(present.min()), float(present.max())
    indicator = len(present) < len(days)
    if first == last and not indicator:
        notices.append(Notice("dropped", name, f"is constant ({_day(first)})"))
        return None
    parts: list[tuple[str, CategoryPlan]] = []
    # A part that has not come round at least once or twice cannot be told from the trend in days.
    rounds = {"month": (last - first) / 365.0, "weekday": (last - first) / 14.0, "hour": (last - first) / 2.0}
    for part, labels in DATE_PARTS.items():
        codes = date_part(days, part)
        n_found = len(np.unique(codes[codes >= 0]))
        if rounds[part] >= 1.0 and n_found > 1 and len(days) >= _ROWS_PER_DATE_PART * n_found:
            plan = choose_levels(f"{name} {part}", codes, labels, missing_level=False)
            parts.append((part, plan))
    named = [f"{part} (baseline {plan.baseline})" for part, plan in parts]
    text = f"days since {_day(first)}" + (f", {', '.join(named)}" if named else "")
    notices.append(Notice("date", name, text))
    fill = float(np.median(present)) - first
    if indicator:
        notices.append(Notice("missing", name, f"{len(days) - len(present):,} filled with median {_day(fill + first)}"))
    return DatePlan(name, first, fill, indicator, tuple(parts))


def _day(days: float) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days=math.floor(days))).isoformat()
    except OverflowError:
        return f"day {days:g}"
