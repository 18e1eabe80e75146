"""Intervals of the jackknife+ and of CV+ from one fit, beside MAPIE's refits; memory of a large one."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import MEGABYTE, extra_memory, in_fresh_process
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, time_interleaved

Array = NDArray[Any]
LEVEL = 0.9
#: Asked for: jackknife+ for ridge, 2,000 x 20 and 500 test rows, this much faster than MAPIE.
TARGET = 300.0
#: Asked for: 50,000 x 50 with 5,000 test rows in less extra memory than this many times X.
SHARE = 4.0
LARGE = (50_000, 50, 5_000)


@dataclass(frozen=True, slots=True)
class Case:
    """A question to both libraries: fit, calibrate and predict, everything counted."""

    title: str
    shape: tuple[int, int, int]
    method: str
    folds: int | None = None
    target: float | None = None
    rival: bool = True


def cases(quick: bool) -> list[Case]:
    n = 200 if quick else 2000
    large = (5_000, 50, 500) if quick else LARGE
    return [
        Case("jackknife+, ridge", (n, 20, 500), "jackknife+", target=None if quick else TARGET),
        Case("CV+ of 10 folds, ridge", (n, 20, 500), "cv+", folds=10),
        Case("jackknife+, ridge", large, "jackknife+", rival=False),
        Case("full conformal, ridge", (n, 20, 500), "full", rival=False),
    ]


def data(shape: tuple[int, int, int]) -> tuple[Array, Array, Array]:
    n, p, m = shape
    random = np.random.default_rng(0)
    X = random.standard_normal((n + m, p)) + 2.0
    y = X[:n, 0] - X[:n, 1] + random.standard_normal(n)
    return X[:n].copy(), y, X[n:].copy()


def ours(case: Case, X: Array, y: Array, others: Array) -> Call:
    linear = importlib.import_module("mlcraft.linear_model")
    conformal = importlib.import_module("mlcraft.uncertainty").ConformalRegressor

    def call() -> Array:
        extra = {} if case.folds is None else {"cv": case.folds}
        model = conformal(linear.Ridge(), method=case.method, **extra).fit(X, y)
        intervals: Array = model.predict_interval(others, LEVEL)
        return intervals

    return call


def theirs(case: Case, X: Array, y: Array, others: Array) -> Call:
    ridge = importlib.import_module("sklearn.linear_model").Ridge
    selection = importlib.import_module("sklearn.model_selection")
    regressor = importlib.import_module("mapie.regression").CrossConformalRegressor
    cv = selection.LeaveOneOut() if case.folds is None else selection.KFold(case.folds)

    def call() -> Array:
        model = regressor(ridge(), confidence_level=LEVEL, method="plus", cv=cv).fit_conformalize(X, y)
        return np.asarray(model.predict_interval(others)[1])[:, :, 0]

    return call


def large_here(n: int, p: int, m: int) -> dict[str, float]:
    """Intervals of the jackknife+ in this process, and how far its memory rose; for a process of its own."""
    small = Case("", (500, p, 50), "jackknife+")
    ours(small, *data(small.shape))()  # libraries and thread pools stay
    X, y, others = data((n, p, m))
    call: Callable[[], Any] = ours(Case("", (n, p, m), "jackknife+"), X, y, others)
    return {"extra": extra_memory(call), "x": float(X.nbytes)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="fewer rows, two samples")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of everybody")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    has_rival = importlib.util.find_spec("mapie") is not None
    table = Table("Intervals without refits: fit, calibrate and predict", [])
    table.headers = ["method", "n x p, test rows", "mlcraft", "MAPIE", "ratio", "target", "difference"]
    figures: list[dict[str, Any]] = []
    for case in cases(arguments.quick):
        problem = data(case.shape)
        calls = {"mlcraft": ours(case, *problem)}
        if case.rival and has_rival:
            calls["MAPIE"] = theirs(case, *problem)
        repeats = arguments.repeats or (2 if arguments.quick else None)
        timings = time_interleaved(calls, budget=20.0, repeats=repeats)
        n, p, m = case.shape
        cells = [case.title, f"{n:,} x {p}, {m:,}", duration(timings["mlcraft"].median)]
        rival = timings.get("MAPIE")
        if rival is None or not rival.measured:
            table.rows.append([*cells, "-", "-", "-", "-"])
        else:
            ratio = rival.median / timings["mlcraft"].median
            target = "-" if case.target is None else f"{mark(ratio >= case.target)} {case.target:g}"
            gap = float(np.abs(timings["mlcraft"].result - rival.result).max())
            table.rows.append([*cells, duration(rival.median), f"{ratio:,.0f}", target, f"{gap:.0e}"])
        figures.append({"case": case.title, "shape": case.shape, **{k: t.samples for k, t in timings.items()}})
    shape = cases(arguments.quick)[2].shape
    memory = in_fresh_process("benchmarks.jackknife:large_here", *shape)
    if memory:
        share = memory["extra"] / memory["x"]
        figures.append({"case": "memory", "shape": shape, **memory})
        table.notes.append(
            f"Extra memory of jackknife+, {shape[0]:,} x {shape[1]} and {shape[2]:,} test rows: "
            f"{memory['extra'] / MEGABYTE:.0f} MB, {share:.1f} times X; below {SHARE:g} {mark(share < SHARE)}."
        )
    table.notes += [
        "Medians, interleaved. MAPIE: CrossConformalRegressor of scikit-learn's Ridge, LeaveOneOut or KFold(10).",
        f"Difference: largest, of bounds of about the size of y. Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
