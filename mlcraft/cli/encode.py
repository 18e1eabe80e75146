"""Turn the columns of a table into a matrix of numbers, learnt on the training rows, repeatable on any table.

`fit_encoder` decides for each column what becomes of it and says so in plain words; `Encoder.transform`
applies the same decisions to another table; `Encoder.to_state` and `encoder_from_state` carry them through
JSON.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.choose import Notice, plan_column
from mlcraft.cli.columns import Kind
from mlcraft.cli.errors import CommandError, close_names, listing, plural
from mlcraft.cli.plans import Plan, plan_from_state
from mlcraft.cli.tables import Table
from mlcraft.model_file import ModelFileError

_STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Encoder:
    """Decisions for every used column.

    `kept` picks, among all the columns the plans produce, those worth keeping; `names` are their names and
    `scale` the standard deviations they are divided by (for penalised fits), or None.
    """

    target: str
    plans: tuple[Plan, ...]
    kept: tuple[int, ...]
    names: tuple[str, ...]
    scale: tuple[float, ...] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Name the column of the table behind each column of the matrix."""
        sources = [plan.column for plan in self.plans for _ in plan.names]
        return tuple(sources[index] for index in self.kept)

    def expected_kinds(self) -> dict[str, Kind]:
        """Name the columns a table must have, and what they must hold; for `read_table`."""
        return {plan.column: plan.kind for plan in self.plans}

    def transform(self, table: Table, rows: NDArray[np.intp] | None = None) -> tuple[NDArray[np.float64], list[str]]:
        """Make the matrix (Fortran order) of some rows, and warnings about values the fit has not seen."""
        missing = [plan.column for plan in self.plans if plan.column not in table.columns]
        if missing:
            raise CommandError(_missing_columns(missing, list(table.columns)))
        if rows is None:
            rows = np.arange(table.n_rows)
        warnings: list[str] = []
        wanted = {source: place for place, source in enumerate(self.kept)}
        matrix = np.empty((len(rows), len(self.kept)), order="F")
        source = 0
        for plan in self.plans:
            for values in plan.encode(table.columns[plan.column], rows, warnings):
                if source in wanted:
                    matrix[:, wanted[source]] = values
                source += 1
        if self.scale is not None:
            matrix /= np.array(self.scale)
        return matrix, warnings

    def to_state(self) -> dict[str, Any]:
        """Return plain data for a model file."""
        return {
            "version": _STATE_VERSION,
            "target": self.target,
            "plans": [plan.to_state() for plan in self.plans],
            "kept": list(self.kept),
            "names": list(self.names),
            "scale": None if self.scale is None else list(self.scale),
        }


@dataclass(frozen=True, slots=True)
class FittedEncoding:
    """An encoder, the training matrix it made, and what it did in words."""

    encoder: Encoder
    matrix: NDArray[np.float64]
    notices: list[Notice] = field(default_factory=list)


def fit_encoder(
    table: Table,
    rows: NDArray[np.intp],
    *,
    target: str,
    drop: Collection[str] = (),
    keep: Collection[str] = (),
    scale: bool = False,
) -> FittedEncoding:
    """Decide, from the training rows, how each column becomes numbers.

    Parameters
    ----------
    table : Table
        The whole table.
    rows : ndarray of int
        The training rows; nothing is learnt from the others.
    target : str
        The column to predict; not encoded.
    drop, keep : collection of str
        Columns to leave out, and columns to use even if they look like row numbers or identifiers.
    scale : bool
        Divide every column by its standard deviation, so that a penalty does not depend on units.

    Returns
    -------
    FittedEncoding
        The encoder, its training matrix and the notices.
    """
    notices: list[Notice] = []
    plans: list[Plan] = []
    for name, column in table.columns.items():
        if name == target:
            continue
        if name in drop:
            notices.append(Notice("dropped", name, "as you asked"))
            continue
        plan = plan_column(column, rows, notices, forced=name in keep)
        if plan is not None:
            plans.append(plan)
    names = [name for plan in plans for name in plan.names]
    everything = Encoder(target, tuple(plans), tuple(range(len(names))), tuple(names))
    matrix, _ = everything.transform(table, rows)
    kept = _worth_keeping(matrix, names, notices)
    matrix = np.asfortranarray(matrix[:, kept])
    deviations = matrix.std(axis=0) if scale else None
    if deviations is not None:
        matrix /= deviations
    encoder = Encoder(
        target,
        tuple(plans),
        tuple(kept),
        _distinct([names[index] for index in kept]),
        None if deviations is None else tuple(deviations.tolist()),
    )
    return FittedEncoding(encoder, matrix, notices)


def encoder_from_state(state: object) -> Encoder:
    """Rebuild the encoder a model file describes; raises `ModelFileError` for anything else."""
    if not isinstance(state, Mapping):
        raise ModelFileError("the model file does not describe the columns of a table")
    if state.get("version") != _STATE_VERSION:
        raise ModelFileError(f"the model file describes its columns in version {state.get('version')!r}, not 1")
    target, plan_states = state.get("target"), state.get("plans")
    kept, names, scale = state.get("kept"), state.get("names"), state.get("scale")
    fault = ModelFileError("the model file describes its columns wrongly")
    if not (isinstance(target, str) and isinstance(plan_states, list) and isinstance(kept, list)):
        raise fault
    plans = tuple(plan_from_state(plan_state) for plan_state in plan_states)
    n_sources = sum(len(plan.names) for plan in plans)
    if not all(type(index) is int and 0 <= index < n_sources for index in kept) or len(set(kept)) < len(kept):
        raise fault
    if not (isinstance(names, list) and len(names) == len(kept) and all(isinstance(name, str) for name in names)):
        raise fault
    if scale is not None and not (
        isinstance(scale, list)
        and len(scale) == len(kept)
        and all(type(value) is float and math.isfinite(value) and value > 0 for value in scale)
    ):
        raise fault
    return Encoder(target, plans, tuple(kept), tuple(names), None if scale is None else tuple(scale))


def _worth_keeping(matrix: NDArray[np.float64], names: Sequence[str], notices: list[Notice]) -> list[int]:
    """Return the positions of the columns that vary and do not repeat an earlier one."""
    kept: list[int] = []
    seen: dict[int, list[int]] = {}
    for index, name in enumerate(names):
        values = matrix[:, index]
        if values.std() == 0.0:
            notices.append(Notice("dropped", name, "is constant among the rows to fit"))
            continue
        key = hash(values.tobytes())
        twin = next((other for other in seen.get(key, []) if np.array_equal(matrix[:, other], values)), None)
        if twin is not None:
            notices.append(Notice("dropped", name, f"repeats '{names[twin]}'"))
            continue
        seen.setdefault(key, []).append(index)
        kept.append(index)
    return kept


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Add a number to names that occur before."""
    taken: set[str] = set()
    result = []
    for name in names:
        unique, copy = name, 2
        while unique in taken:
            unique, copy = f"{name} ({copy})", copy + 1
        taken.add(unique)
        result.append(unique)
    return tuple(result)


def _missing_columns(missing: Sequence[str], present: Sequence[str]) -> str:
    text = f"the table lacks {plural(len(missing), 'column')} the model needs: {listing(missing)}"
    close = [(name, close_names(name, present)) for name in missing]
    hints = [f"'{match[0]}' for '{name}'" for name, match in close if match]
    return text + (f" (is it {listing_plain(hints)}?)" if hints else "")


def listing_plain(parts: Sequence[str], limit: int = 3) -> str:
    """Join parts by commas, cut after `limit`."""
    return ", ".join(parts[:limit]) + (", ..." if len(parts) > limit else "")
