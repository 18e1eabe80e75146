"""A thousand fits to resamples, beside a loop over scikit-learn's fits."""

from __future__ import annotations

import argparse
import importlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, time_interleaved

Array = NDArray[Any]
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """One estimator and kind; `target` is how many times faster than the loop is asked for."""

    title: str
    ours: str
    theirs: str
    labels: bool
    target: float | None
    kind: str = "pairs"
    method: str = "percentile"


CASES = [
    Case("least squares, pairs", "LinearRegression", "LinearRegression", False, 50.0),
    Case("logistic, pairs", "LogisticRegression", "LogisticRegression", True, 20.0),
    Case("least squares, Bayesian", "LinearRegression", "LinearRegression", False, None, "bayesian"),
    Case("ridge, pairs, studentised", "Ridge", "Ridge", False, None, "pairs", "studentised"),
    Case("least squares, wild", "LinearRegression", "LinearRegression", False, None, "wild"),
]


def data(rows: int, columns: int) -> tuple[Array, Array, Array]:
    random = np.random.default_rng(0)
    X = random.standard_normal((rows, columns))
    eta = X @ random.standard_normal(columns) / 2
    return X, eta + random.standard_normal(rows), (eta + random.logistic(size=rows) > 0).astype(int)


def loop(estimator: Any, X: Array, y: Array, count: int) -> Callable[[], Array]:
    """The loop that one writes: draw rows, copy them, fit."""

    def call() -> Array:
        random = np.random.default_rng(0)
        coef = []
        for _ in range(count):
            rows = random.integers(0, len(X), len(X))
            coef.append(np.ravel(estimator.fit(X[rows], y[rows]).coef_))
        return np.array(coef)

    return call


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="smaller data, two samples")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, metavar="R", default=5, help="samples of everybody")
    parser.add_argument("--fits", type=int, default=50, help="fits of the loop that are timed, for a thousand of them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    ours, theirs = (importlib.import_module(f"{name}.linear_model") for name in ("mlcraft", "sklearn"))
    bootstrap = importlib.import_module("mlcraft.uncertainty").bootstrap
    rows, fits, repeats = arguments.rows, arguments.fits, arguments.repeats
    if arguments.quick:
        rows, fits, repeats = min(rows, 2000), 10, 2
    X, y, labels = data(rows, arguments.columns)
    table = Table(f"Bootstrap: {RESAMPLES:,} resamples of {rows:,} x {arguments.columns}", [])
    table.headers = ["resamples", "mlcraft", "scikit-learn loop", "ratio", "target"]
    figures = []
    for case in CASES:
        target = labels if case.labels else y
        options = {"n_resamples": RESAMPLES, "kind": case.kind, "method": case.method, "random_state": 0}
        calls: dict[str, Call] = {
            "mlcraft": lambda case=case, target=target, options=options: bootstrap(
                getattr(ours, case.ours)(), X, target, **options
            ),
            "scikit-learn": loop(getattr(theirs, case.theirs)(), X, target, fits),
        }
        timings = time_interleaved(calls, repeats=repeats)
        mine, other = timings["mlcraft"], timings["scikit-learn"]
        whole = other.median * RESAMPLES / fits
        ratio = whole / mine.median if mine.measured else math.nan
        asked = "-" if case.target is None else f"{mark(ratio >= case.target)} {case.target:g}"
        table.rows.append([case.title, duration(mine.median), duration(whole), f"{ratio:,.0f}", asked])
        figures.append({"case": case.title, **{name: timing.samples for name, timing in timings.items()}})
    table.notes = [
        f"Medians, interleaved. The loop (draw, copy, fit) is timed over {fits} fits and multiplied; it is of pairs,",
        f"without standard errors, whatever the kind. Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
