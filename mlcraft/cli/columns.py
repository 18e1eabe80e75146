"""A column of a table as the command line sees it: numbers, true/false, dates or text.

A text column arrives as integer codes into its distinct values, so that deciding what the text means costs
one look at each distinct value, not at each row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.errors import CommandError, listing

Kind = Literal["number", "boolean", "date", "text", "unsupported"]

# Cells that mean "nothing here" in any column; "None" is not among them: it is a level in many real tables.
MISSING_MARKERS = frozenset(
    ["", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "?"]
)
# ... and cells that mean it only where all other cells are numbers or dates.
_MISSING_AMONG_NUMBERS = frozenset(["none", "missing", "unknown", "-", "--", "."])
_TRUTH = {"true": 1.0, "false": 0.0}
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ].*)?")
_OTHER_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2,4}\b")
_EPOCH = datetime(1970, 1, 1)
_SECONDS_PER_DAY = 86400.0
_FEW_BAD_ROWS = 0.1


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `values` for numbers, 0/1 and dates (days since 1970), `codes` into `levels` for text.

    Missing is NaN in `values` and -1 in `codes`. `note` says what kept
    a nearly numeric column from being one.
    """

    name: str
    kind: Kind
    values: NDArray[np.float64]
    codes: NDArray[np.int32]
    levels: tuple[str, ...] = ()
    note: str = ""

    def __len__(self) -> int:
        return len(self.codes) if self.kind == "text" else len(self.values)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Tell which rows hold nothing."""
        return self.codes < 0 if self.kind == "text" else np.isnan(self.values)


def valued_column(name: str, kind: Kind, values: NDArray[np.float64]) -> Column:
    """Make a column of numbers, 0/1 or days; infinities count as missing."""
    if kind == "number" and np.isinf(values).any():
        values = np.where(np.isinf(values), np.nan, values)
    return Column(name, kind, values, np.empty(0, dtype=np.int32))


def text_column(
    name: str,
    codes: NDArray[np.int32],
    levels: Sequence[str],
    *,
    expect: Kind | None = None,
    decimal_comma: bool = False,
) -> Column:
    """Decide what a text column holds; with `expect`, read it as that kind or say which values do not fit.

    Examples
    --------
    >>> codes = np.array([0, 1, 2, 0], dtype=np.int32)
    >>> text_column("when", codes, ["2020-01-01", "2020-01-03", "NA"]).values - 18262
    array([ 0.,  2., nan,  0.])
    >>> codes = np.array([0] * 20 + [1, 2], dtype=np.int32)
    >>> text_column("size", codes, ["1.5", "big", "NA"]).note
    "1 of 21 values is not a number: 'big'"
    """
    codes, levels = _strip(codes, levels)
    if expect == "text":
        return _as_text(name, codes, levels)
    if not levels:
        return valued_column(name, expect or "number", np.full(len(codes), np.nan))
    numbers = [_number(level, decimal_comma) for level in levels]
    bad = _unreadable(levels, numbers)
    if not bad and expect != "date":
        return valued_column(name, "number", _lookup(numbers, codes))
    truth = [_TRUTH.get(level.lower()) for level in levels]
    if None not in truth and expect != "date":
        return valued_column(name, "boolean", _lookup(truth, codes))
    days = [_days(level) for level in levels] if expect != "number" else []
    if days and (not _unreadable(levels, days)) and expect != "boolean":
        return valued_column(name, "date", _lookup(days, codes))
    if expect == "date":
        bad = _unreadable(levels, days)
    if expect == "boolean":
        bad = [level for level, value in zip(levels, truth, strict=True) if value is None]
    wanted = {"date": "a date", "boolean": "true or false"}.get(expect or "", "a number")
    note = _note(codes, levels, bad, wanted)
    if expect is not None:
        raise CommandError(f"column '{name}' should hold {_plural(expect)}, but {note}")
    if all(_OTHER_DATE.match(level) for level in levels):
        return _as_text(name, codes, levels, "dates are read only as YYYY-MM-DD")
    return _as_text(name, codes, levels, note if _share(codes, levels, bad) <= _FEW_BAD_ROWS else "")


def check_kind(column: Column, expect: Kind | None) -> Column:
    """Return the column if its kind fits, as text if text is expected; else raise."""
    if expect is None or column.kind == expect or {column.kind, expect} == {"number", "boolean"}:
        return column
    if np.isnan(column.values).all() and len(column.values) == len(column):
        if expect == "text":
            return _as_text(column.name, np.full(len(column), -1, dtype=np.int32), ())
        return Column(column.name, expect, column.values, column.codes)
    if expect == "text" and column.kind in ("number", "boolean"):
        distinct, inverse = np.unique(column.values, return_inverse=True)
        levels = [_as_level(value, column.kind) for value in distinct.tolist()]
        return _as_text(column.name, *_strip(inverse.astype(np.int32), levels))
    raise CommandError(f"column '{column.name}' should hold {_plural(expect)}, but it holds {_plural(column.kind)}")


def _as_level(value: float, kind: Kind) -> str:
    if np.isnan(value):
        return ""
    if kind == "boolean":
        return "true" if value else "false"
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _as_text(name: str, codes: NDArray[np.int32], levels: Sequence[str], note: str = "") -> Column:
    return Column(name, "text", np.empty(0), codes, tuple(levels), note)


def _plural(kind: Kind) -> str:
    names = {"number": "numbers", "boolean": "true or false", "date": "dates (YYYY-MM-DD)", "text": "text"}
    return names.get(kind, "values that a table cell cannot show (lists, structs, bytes)")


def _strip(codes: NDArray[np.int32], levels: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    """Trim spaces, turn missing markers into code -1, merge levels that became equal, sort the levels."""
    trimmed = [level.strip() for level in levels]
    kept = sorted({level for level in trimmed if level not in MISSING_MARKERS})
    position = {level: index for index, level in enumerate(kept)}
    renumber = np.array([position.get(level, -1) for level in trimmed] + [-1], dtype=np.int32)
    codes = renumber[codes]  # the last entry serves code -1
    used = np.zeros(len(kept), dtype=bool)
    used[codes[codes >= 0]] = True
    if not used.all():
        compact = np.append(np.where(used, np.cumsum(used) - 1, -1), -1).astype(np.int32)
        codes, kept = compact[codes], [level for level, is_used in zip(kept, used, strict=True) if is_used]
    return codes, kept


def _number(level: str, decimal_comma: bool) -> float | None:
    if decimal_comma:
        level = level.replace(",", ".")
    if "_" in level:  # float() takes 1_000, nobody writes it in a table
        return None
    try:
        return float(level)
    except ValueError:
        return None


def _days(level: str) -> float | None:
    """Read an ISO date, or date and time, as days since 1970-01-01; a time zone is converted to UTC."""
    if _DATE.fullmatch(level) is None:
        return None
    date, space, time = level.replace("/", "-").replace("T", " ").partition(" ")
    year, month, day = date.split("-")
    try:
        moment = datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}{space}{time.replace(' ', '')}")
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH).total_seconds() / _SECONDS_PER_DAY


def _unreadable(levels: Sequence[str], values: Sequence[float | None]) -> list[str]:
    """Return levels that gave no value and are no word for "missing"; all if none gave a value."""
    failed = [level for level, value in zip(levels, values, strict=True) if value is None]
    if len(failed) == len(levels) > 0:
        return failed
    return [level for level in failed if level.lower() not in _MISSING_AMONG_NUMBERS]


def _lookup(values: Sequence[float | None], codes: NDArray[np.int32]) -> NDArray[np.float64]:
    table = np.array([np.nan if value is None else value for value in values] + [np.nan], dtype=np.float64)
    return table[codes]


def _count(codes: NDArray[np.int32], levels: Sequence[str], chosen: Sequence[str]) -> int:
    """Count the rows that hold one of the chosen levels."""
    counts = np.bincount(codes[codes >= 0], minlength=len(levels)).tolist()
    wanted = set(chosen)
    return sum(count for level, count in zip(levels, counts, strict=True) if level in wanted)


def _share(codes: NDArray[np.int32], levels: Sequence[str], chosen: Sequence[str]) -> float:
    return _count(codes, levels, chosen) / max(1, int((codes >= 0).sum()))


def _note(codes: NDArray[np.int32], levels: Sequence[str], bad: Sequence[str], wanted: str) -> str:
    """Say how many rows hold the bad levels, and show a few of these."""
    rows, total = _count(codes, levels, bad), int((codes >= 0).sum())
    shown = listing([_short(level) for level in bad], limit=3)
    return f"{rows:,} of {total:,} values {'is' if rows == 1 else 'are'} not {wanted}: {shown}"


def _short(text: str, width: int = 30) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
