"""Rows that come in chunks: partial fits as a fraction of the read bandwidth, and updates beside refits."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import Limit, Limits
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, Timing, time_interleaved

Array = NDArray[Any]
#: Asked for: 1,000,000 x 20 in chunks of 10,000 at this much of the read bandwidth measured in the same rounds.
FRACTION, ASKED_COLUMNS, ASKED_CHUNK = 0.7, 20, 10_000
CHUNKS = (1_000, 10_000, 100_000)
COLUMNS = (5, 20, 100)
ROWS = 20_000_000  # elements of X


@dataclass(frozen=True, slots=True)
class Row:
    """One task, by mlcraft and by those who refit or add up themselves."""

    task: str
    shape: tuple[int, int]
    dtype: str
    read: float  # bytes that must be read
    calls: dict[str, Call]
    asked: bool = False

    @property
    def label(self) -> str:
        n, p = self.shape
        return f"{self.task} {n:,} x {p} {self.dtype}"


def numpy_stream(X: Array, y: Array, chunk: int) -> Array:
    """Add up uncentred normal equations, as a user would, and solve."""
    p = X.shape[1]
    gram, product, sums = np.zeros((p, p)), np.zeros(p), np.zeros(p)
    total = 0.0
    for begin in range(0, len(X), chunk):
        rows, values = X[begin : begin + chunk], y[begin : begin + chunk]
        gram += rows.T @ rows
        product += rows.T @ values
        sums += rows.sum(axis=0)
        total += float(values.sum())
    solved: Array = np.linalg.solve(gram - np.outer(sums, sums) / len(X), product - sums * (total / len(X)))
    return solved


def stream(make: Any, X: Array, y: Array, chunk: int) -> Any:
    model = make()
    for begin in range(0, len(X), chunk):
        model.partial_fit(X[begin : begin + chunk], y[begin : begin + chunk])
    return model.coef_


def stream_rows(X: Array, y: Array) -> Iterator[Row]:
    """All rows in chunks, and the coefficients at the end; the others fit all rows at once."""
    ours, theirs = _estimators()
    for chunk in CHUNKS:
        calls: dict[str, Call] = {
            "mlcraft": partial(stream, ours, X, y, chunk),
            "refit": lambda: ours().fit(X, y).coef_,
            "scikit-learn": lambda: theirs().fit(X, y).coef_,
            "numpy": partial(numpy_stream, X, y, chunk),
        }
        asked = (X.shape[1], chunk, X.dtype.name) == (ASKED_COLUMNS, ASKED_CHUNK, "float64")
        yield Row(f"chunks of {chunk:,}", X.shape, X.dtype.name, float(X.nbytes + y.nbytes), calls, asked)


def change_rows(X: Array, y: Array) -> Iterator[Row]:
    """A fitted model meets or loses a chunk; the others fit all rows that there are then."""
    ours, theirs = _estimators()
    chunk = min(ASKED_CHUNK, len(X) // 10)
    rest, last = slice(0, len(X) - chunk), slice(len(X) - chunk, len(X))
    model = ours().fit(X, y)
    halves = [ours().fit(X[half], y[half]) for half in (slice(0, len(X) // 2), slice(len(X) // 2, len(X)))]
    read = float(X[last].nbytes + y[last].nbytes)

    def turn() -> Any:  # one chunk out and in again, so that the model stays what it is
        model.forget(X[last], y[last])
        before = model.coef_
        model.partial_fit(X[last], y[last])
        return before, model.coef_

    def refit(make: Any) -> Call:
        return lambda: (make().fit(X[rest], y[rest]).coef_, make().fit(X, y).coef_)

    name = f"forget and meet {chunk:,}"
    calls: dict[str, Call] = {"mlcraft": turn, "refit": refit(ours), "scikit-learn": refit(theirs)}
    yield Row(name, X.shape, X.dtype.name, 2 * read, calls)
    together: dict[str, Call] = {
        "mlcraft": lambda: ours().merge(halves[0]).merge(halves[1]).coef_,
        "refit": lambda: ours().fit(X, y).coef_,
        "scikit-learn": lambda: theirs().fit(X, y).coef_,
    }
    yield Row("merge two models", X.shape, X.dtype.name, math.nan, together)


def fold_rows(X: Array, y: Array) -> Iterator[Row]:
    """Fits without each of five folds, from moments; the others refit five times."""
    ours, theirs = _estimators()
    moments = importlib.import_module("mlcraft").Moments
    folds = np.random.default_rng(0).integers(0, 5, len(X))

    def from_moments() -> Any:
        parts = moments.split(X, y, folds)
        total = sum(parts[1:], start=parts[0])
        return [(total - part).to_estimator().coef_ for part in parts]

    def refits(make: Any) -> Call:
        return lambda: [make().fit(X[folds != fold], y[folds != fold]).coef_ for fold in range(5)]

    calls: dict[str, Call] = {"mlcraft": from_moments, "refit": refits(ours), "scikit-learn": refits(theirs)}
    yield Row("without each of 5 folds", X.shape, X.dtype.name, float(X.nbytes + y.nbytes), calls)


def _estimators() -> tuple[Any, Any]:
    ours = importlib.import_module("mlcraft.linear_model").LinearRegression
    return ours, importlib.import_module("sklearn.linear_model").LinearRegression


def rows(quick: bool, columns: list[int] | None) -> Iterator[Row]:
    elements = np.random.default_rng(0).standard_normal(ROWS // 10 if quick else ROWS)
    elements += 0.5
    for dtype in (np.float64, np.float32):
        values = elements.astype(dtype, copy=False)
        for p in columns or (COLUMNS if dtype is np.float64 else (ASKED_COLUMNS,)):
            n = values.size // p
            X = values[: n * p].reshape(n, p)
            y = np.ascontiguousarray(X[:, 0] - 0.5)
            y += np.random.default_rng(1).standard_normal(n).astype(dtype)
            yield from stream_rows(X, y)
            if p == ASKED_COLUMNS and dtype is np.float64:
                yield from change_rows(X, y)
                yield from fold_rows(X, y)


def as_cells(row: Row, timings: dict[str, Timing], limit: Limit) -> list[str]:
    ours = timings["mlcraft"]
    share = row.read / limit.read / ours.minimum
    fraction = (
        "-" if math.isnan(share) else f"{100 * share:.0f} %" + (f" {mark(share >= FRACTION)}" if row.asked else "")
    )
    others: list[str] = []
    for name in ("refit", "scikit-learn", "numpy"):
        timing = timings.get(name)
        known = timing is not None and timing.measured
        others += [duration(timing.median), f"{timing.median / ours.median:.1f}"] if timing and known else ["-", "-"]
    n, p = row.shape
    rate = "-" if math.isnan(share) else f"{row.read / ours.median / 1e9:.1f} GB/s"
    return [row.task, f"{n:,} x {p}", row.dtype, duration(ours.median), rate, fraction, *others]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, two samples")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="rows with one of these, e.g. 'chunks of 10,000'")
    parser.add_argument("--columns", nargs="+", type=int, metavar="P", help="numbers of columns")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of everybody")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    limits = Limits(quick=arguments.quick)
    headers = ["task", "n x p", "dtype", "mlcraft", "rate", "of read limit"]
    table = Table("Updates", [*headers, "mlcraft refit", "× refit", "scikit-learn", "× sklearn", "NumPy", "× NumPy"])
    figures: list[dict[str, Any]] = []
    for row in rows(arguments.quick, arguments.columns):
        if arguments.only and not any(word in row.label for word in arguments.only):
            continue
        print(row.label, file=sys.stderr, flush=True)
        repeats = arguments.repeats or (2 if arguments.quick else None)
        timings = time_interleaved(row.calls | limits.calls(row.dtype), budget=6.0, repeats=repeats)
        limit = limits.take(timings)
        table.rows.append(as_cells(row, timings, limit))
        seconds = {name: timing.samples for name, timing in timings.items()}
        figures.append({"row": row.label, "read": row.read, "limit": limit.read, "seconds": seconds})
    table.notes = [
        "Chunks: partial_fit of one chunk after the other, the coefficients at the end (NumPy: X'X and X'y added up,",
        "not centred). Of read limit: time to read X and y at the bandwidth measured in the same rounds over the",
        f"time taken, fastest over fastest; asked {FRACTION:.0%} at {ASKED_COLUMNS} columns in {ASKED_CHUNK:,}s.",
        f"Limits: {limits.describe()}.",
        f"Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
