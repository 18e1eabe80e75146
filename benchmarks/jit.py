"""Losses written in Python beside the built-in ones, and the C++ kernels beside their Numba twins."""

from __future__ import annotations

import argparse
import ctypes
import importlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Timing, time_interleaved

#: Asked for: a fit with a loss of one's own takes no longer than this times that with the built-in loss.
RATIO = 1.5
BLOCK = 4096

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """The same work by the C++ core and by what Numba made."""

    table: str
    label: str
    cpp: Call
    numba: Call
    rows: int | None = None  # to show the time of one row
    asked: float | None = None


def losses() -> dict[str, tuple[Any, str, float]]:
    """Losses as a user writes them, with the name and the parameter of the built-in ones."""
    jit = importlib.import_module("mlcraft.jit")
    written = {
        "squared": (lambda y, eta: 0.5 * (y - eta) ** 2, 0.0),
        "logistic": (lambda y, eta: max(eta, 0.0) - y * eta + math.log1p(math.exp(-abs(eta))), 0.0),
        "squared_hinge": (lambda y, eta: max(0.0, 1.0 - y * eta) ** 2, 0.0),
        "huber": (lambda y, eta: 0.5 * (y - eta) ** 2 if abs(y - eta) <= 1.35 else 1.35 * (abs(y - eta) - 0.675), 1.35),
        "poisson": (lambda y, eta: math.exp(eta) - y * eta, 0.0),
    }
    return {name: (jit.loss(name=name)(function), name, parameter) for name, (function, parameter) in written.items()}


def _targets(name: str, n: int, rng: np.random.Generator) -> Any:
    if name in ("squared", "huber"):
        return rng.standard_normal(n)
    if name == "poisson":
        return rng.poisson(1.0, n).astype(float)
    return rng.choice([-1.0, 1.0] if name == "squared_hinge" else [0.0, 1.0], n)


def block_rows() -> Iterator[Row]:
    """Blocks of rows in the cache: both through the address of a C function, or with the core's copy of eta."""
    core = importlib.import_module("mlcraft._core")
    rng = np.random.default_rng(0)
    pointer = ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[pointer] * 5)
    for name, (loss, built_in, parameter) in losses().items():
        for dtype, address in ((np.float64, loss.address64), (np.float32, loss.address32)):
            y, eta = _targets(name, BLOCK, rng).astype(dtype), rng.standard_normal(BLOCK).astype(dtype)
            for hessian in (False, True):
                out, hess, sums = np.empty_like(eta), np.empty_like(eta), np.zeros(3)
                function = kind(address)
                places = (y.ctypes.data, None, out.ctypes.data, hess.ctypes.data if hessian else None, sums.ctypes.data)

                def by_numba(function=function, places=places, out=out, eta=eta, keep=(y, hess, sums)) -> None:
                    out[:] = eta
                    function(BLOCK, *places)

                def by_core(y=y, eta=eta, hessian=hessian, name=built_in, parameter=parameter) -> Any:
                    return core.loss_rows(name, y, eta, None, parameter, hessian)

                label = f"{name} {dtype.__name__}" + (" with hessian" if hessian else "")
                yield Row("loss", label, by_core, by_numba, BLOCK)


def fit_rows(quick: bool) -> Iterator[Row]:
    """Whole fits to the default certificate."""
    fit_smooth = importlib.import_module("mlcraft._engine.smooth").fit_smooth
    rng = np.random.default_rng(0)
    elements = 1_000_000 if quick else 10_000_000
    made = losses()
    for name in ("logistic", "poisson", "huber"):
        loss, built_in, parameter = made[name]
        for p in (20, 100):
            n = elements // p
            X = rng.standard_normal((n, p))
            eta = X @ (rng.standard_normal(p) / np.sqrt(p))
            target = {
                "logistic": lambda eta=eta, n=n: (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
                "poisson": lambda eta=eta: rng.poisson(np.exp(eta)).astype(float),
                "huber": lambda eta=eta, n=n: eta + rng.standard_t(3, n),
            }[name]()
            for dtype in (np.float64, np.float32):
                some_X, some_y = X.astype(dtype), target.astype(dtype)

                def by_core(X=some_X, y=some_y, name=built_in, parameter=parameter) -> Any:
                    return fit_smooth(X, y, loss=name, parameter=parameter, alpha=1e-4)

                def by_numba(X=some_X, y=some_y, loss=loss) -> Any:
                    return fit_smooth(X, y, loss=loss, alpha=1e-4)

                yield Row("fit", f"{name} {n:,} x {p} {dtype.__name__}", by_core, by_numba, None, RATIO)


def kernel_rows(quick: bool) -> Iterator[Row]:
    """Kernels of the core beside their twins: moments, passes, and a fixed number of steps of each solver."""
    core, jit = importlib.import_module("mlcraft._core"), importlib.import_module("mlcraft.jit")
    kernels = importlib.import_module("mlcraft._engine.first_order")
    penalty = importlib.import_module("mlcraft._engine.penalty").Penalty
    rows_of = importlib.import_module("mlcraft.jit._rows")
    built_in = importlib.import_module("mlcraft.jit._built_in").built_in
    rng = np.random.default_rng(0)
    elements = 1_000_000 if quick else 10_000_000
    for p in (20, 200):
        n = elements // p
        X = rng.standard_normal((n, p))
        y = (rng.random(n) < 0.5).astype(float)
        size, coef = f"{n:,} x {p}", np.linspace(-0.1, 0.1, p)
        yield Row(
            "kernel", f"moments {size}", lambda X=X, y=y: core.moments(X, y, None), lambda X=X, y=y: jit.moments(X, y)
        )
        data = rows_of.Data(X, y, np.ones(n), np.zeros(n))
        for name in ("squared", "logistic"):

            def by_core(X=X, y=y, coef=coef, name=name) -> Any:
                return core.at_point(X, (y, None, None), np.append(coef, 0.5)[None], (name, 0.0, (0, 0), False))

            def by_numba(data=data, coef=coef, name=name) -> Any:
                return rows_of.loss_pass(built_in(name, 0.0), data, coef, 0.5)

            yield Row("kernel", f"pass, {name} loss {size}", by_core, by_numba)
        for solver, steps in (("gd", 20), ("nesterov", 20), ("adam", 20), ("sgd", 2)):
            options = {"loss": "logistic", "solver": solver, "tol": 0.0, "max_iter": steps}

            def steps_by_core(X=X, y=y, options=options) -> Any:
                return kernels.fit_first_order(X, y, penalty=penalty("l2", alpha=0.01), **options)

            def steps_by_numba(X=X, y=y, options=options) -> Any:
                return jit.first_order(X, y, alpha=0.01, **options)

            label = f"{solver}, {steps} {'epochs' if solver == 'sgd' else 'steps'} {size}"
            yield Row("kernel", label, steps_by_core, steps_by_numba)


TITLES = {
    "loss": "Losses: a row of a block in the cache",
    "fit": "Fits: built-in loss and the same written in Python",
    "kernel": "Kernels: C++ and Numba",
}


def cells(row: Row, cpp: Timing, numba: Timing) -> list[str]:
    """Label, both times and their ratio."""
    ratio = numba.median / cpp.median
    times = [cpp.median, numba.median]
    if row.rows:
        shown = [f"{1e9 * seconds / row.rows:.2f} ns" for seconds in times]
    else:
        shown = [duration(seconds) for seconds in times]
    judged = "" if row.asked is None else f" {mark(ratio <= row.asked)}"
    return [row.label, *shown, f"{ratio:.2f}{judged}"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="matrices of 8 MB instead of 80 MB")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), help="some of the tables")
    parser.add_argument("--budget", type=float, default=2.0, metavar="SECONDS", help="time for each row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    makers = {
        "loss": block_rows,
        "fit": lambda: fit_rows(arguments.quick),
        "kernel": lambda: kernel_rows(arguments.quick),
    }
    figures = []
    for name in arguments.only or list(TITLES):
        table = Table(TITLES[name], ["", "C++", "Numba", "Numba / C++"])
        for row in makers[name]():
            print(f"{name}: {row.label}", file=sys.stderr, flush=True)
            row.cpp(), row.numba()  # compiled before they are timed
            timings = time_interleaved({"cpp": row.cpp, "numba": row.numba}, budget=arguments.budget)
            table.rows.append(cells(row, timings["cpp"], timings["numba"]))
            figures.append({"table": name, "row": row.label, **{key: t.samples for key, t in timings.items()}})
        table.notes = [f"Machine: {machine()}."]
        table.show()
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"machine": machine(), "rows": figures}, indent=1) + "\n", encoding="utf-8"
        )
    return 0
