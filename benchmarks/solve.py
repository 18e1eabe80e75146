"""Time to a certificate of 1e-6: ``mlcraft.solve(solver="auto")`` beside every single solver, over a table of problems.

Everybody gets ``tol=1e-6``, the same rows and as many iterations as fit into the cap. Objectives are compared without
the certificates: who ends more than 1e-6 above the best does not count. Asked for: never more than 1.2 times the best.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import mlcraft
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Timing, time_interleaved

WANTED, ASKED = 1e-6, 1.2
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(slots=True)
class Problem:
    """Rows, and what is asked of them."""

    X: Any
    y: np.ndarray
    loss: str
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def solvers(self) -> tuple[str, ...]:
        return mlcraft.solvers_for(self.loss, self.about.get("penalty", "l2" if "alpha" in self.about else None))

    def solve(self, solver: str, seconds: float = math.inf) -> Any:
        penalty = self.about.get("penalty", "l2" if "alpha" in self.about else None)
        limits = {"tol": WANTED, "max_iter": 1_000_000, "max_time": seconds}
        return mlcraft.solve(
            self.X, self.y, loss=self.loss, solver=solver, **(self.about | {"penalty": penalty}), **limits
        )


def rows(n: int, p: int, scaled: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns that share hidden factors, and a linear predictor of unit variance; badly scaled on request."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 5)) @ rng.standard_normal((5, p))
    eta = X @ rng.standard_normal(p)
    if scaled:
        X *= 10.0 ** rng.uniform(-3, 3, p)
    return X, eta / eta.std()


def made(n: int, p: int, loss: str, scaled: bool = False, **about: Any) -> Callable[[int], Problem]:
    def make(divisor: int) -> Problem:
        X, eta = rows(max(n // divisor, 2 * p if n > p else n), p, scaled)
        rng = np.random.default_rng(1)
        if loss == "multinomial":
            y = np.digitize(eta + rng.logistic(size=len(eta)) / 2, [-1.0, -0.3, 0.3, 1.0])
        elif loss == "poisson":
            y = rng.poisson(np.exp(eta)).astype(float)
        elif loss in ("logistic", "hinge", "squared_hinge"):
            y = np.asarray(eta + rng.logistic(size=len(eta)) / 2 > 0)
        else:
            y = eta + rng.standard_t(3, size=len(eta))
        return Problem(X, y, loss, about)

    return make


def table_of(
    name: str, target: str, loss: str, *, above: float | None = None, **about: Any
) -> Callable[[int], Problem]:
    """The numeric columns of a real table."""

    def make(divisor: int) -> Problem:
        sys.path.insert(0, str(SHARED))
        from load import load

        frame = load(name).iloc[::divisor].dropna()
        y = frame.pop(target).to_numpy()
        X = frame.select_dtypes("number").to_numpy(dtype=np.float64)
        return Problem(X, y if above is None else y > above, loss, about)

    return make


def text(name: str, loss: str, **about: Any) -> Callable[[int], Problem]:
    def make(divisor: int) -> Problem:
        sys.path.insert(0, str(SHARED))
        from load import load_sparse

        X, y, _ = load_sparse(name)
        return Problem(X.tocsr()[::divisor].astype(np.float64), np.asarray(y)[::divisor], loss, about)

    return make


def cases() -> dict[str, Callable[[int], Problem]]:
    found = {
        "least squares 200,000 x 50": made(200_000, 50, "squared"),
        "ridge 20,000 x 500": made(20_000, 500, "squared", alpha=1e-3),
        "ridge 500 x 5,000": made(500, 5_000, "squared", alpha=1e-2),
        "logistic 200,000 x 20": made(200_000, 20, "logistic", alpha=1e-5),
        "logistic 100,000 x 100, bad scales": made(100_000, 100, "logistic", scaled=True, alpha=1e-5),
        "logistic 5,000 x 500": made(5_000, 500, "logistic", alpha=1e-3),
        "multinomial 50,000 x 50, 5 classes": made(50_000, 50, "multinomial", alpha=1e-4),
        "Poisson 200,000 x 20": made(200_000, 20, "poisson", alpha=1e-4),
        "Huber 200,000 x 50": made(200_000, 50, "huber", alpha=1e-4),
        "squared hinge 100,000 x 50": made(100_000, 50, "squared_hinge", alpha=1e-4),
        "hinge 20,000 x 50": made(20_000, 50, "hinge", alpha=1e-3),
        "quantile 50,000 x 20": made(50_000, 20, "quantile", parameter=0.9),
        "lasso 100,000 x 50": made(100_000, 50, "squared", penalty="l1", alpha=0.02),
        "lasso 500 x 2,000": made(500, 2_000, "squared", penalty="l1", alpha=0.1),
        "logistic L1 100,000 x 50": made(100_000, 50, "logistic", penalty="l1", alpha=0.01),
        "elastic net 20,000 x 200": made(20_000, 200, "squared", penalty="elastic_net", alpha=0.05),
        "box 100,000 x 50": made(100_000, 50, "squared", penalty="box", bounds=(0.0, None)),
        "group 50,000 x 60": made(50_000, 60, "squared", penalty="group", alpha=0.05, groups=np.repeat(range(12), 5)),
    }
    if (SHARED / "load.py").exists():
        found |= {
            "housing, least squares": table_of("california_housing", "median_house_value", "squared"),
            "housing, lasso": table_of(
                "california_housing", "median_house_value", "squared", penalty="l1", alpha=100.0
            ),
            "forests, logistic": table_of("covtype_20k", "Cover_Type", "logistic", above=1.5, alpha=1e-5),
            "wine, multinomial": table_of("wine_quality", "quality", "multinomial", alpha=1e-3),
            "a9a, logistic": text("a9a", "logistic", alpha=1e-4),
            "a9a, logistic L1": text("a9a", "logistic", penalty="l1", alpha=1e-3),
            "text, logistic": text("rcv1_small", "logistic", alpha=1e-4),
            "text, logistic L1": text("rcv1_small", "logistic", penalty="l1", alpha=1e-3),
        }
    return found


@dataclass(slots=True)
class Entry:
    """One solver on one problem."""

    name: str
    solution: Any = None
    remark: str = ""
    timing: Timing = field(default_factory=Timing)


def run_case(problem: Problem, cap: float, budget: float) -> list[Entry]:
    entries = [Entry(name) for name in ("auto", *problem.solvers)]
    for entry in entries:
        try:
            entry.solution = problem.solve(entry.name, cap)
        except (ValueError, MemoryError) as error:
            entry.remark = str(error)[:60]
    solved = [entry.solution.objective for entry in entries if entry.solution is not None]
    best = min(solved)
    for entry in entries:
        if entry.solution is None:
            continue
        excess = (entry.solution.objective - best) / max(abs(best), 1e-300)
        if not entry.solution.certificate <= 1.01 * WANTED:
            entry.remark = f"{entry.solution.status} at {entry.solution.certificate:.0e}"
        elif excess > WANTED:
            entry.remark = f"objective {excess:.0e} too high"
    calls = {entry.name: (lambda name=entry.name: problem.solve(name)) for entry in entries if not entry.remark}
    for name, timing in time_interleaved(calls, budget=budget).items():
        next(entry for entry in entries if entry.name == name).timing = timing
    return entries


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", nargs="+", metavar="WORD", help="only those whose name contains a word")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--cap", type=float, default=20.0, metavar="SECONDS", help="for a solver (default 20)")
    parser.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="to time a case (default 20)")
    parser.add_argument("--details", action="store_true", help="a row for every solver")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    headers = ["case", "auto", "took", "best single solver", "it", "second", "ratio", "asked"]
    table = Table(f"Time to a certificate of {WANTED:g}: solver='auto' beside every single solver", headers)
    details = Table("Every solver", ["case", "solver", "median", "passes", "certificate"])
    figures = []
    for name, make in cases().items():
        if arguments.cases and not any(word in name for word in arguments.cases):
            continue
        print(name, file=sys.stderr, flush=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            entries = run_case(make(10 if arguments.quick else 1), arguments.cap, arguments.budget)
        auto = entries[0]
        timed = sorted((e for e in entries[1:] if e.timing.measured), key=lambda e: e.timing.median)
        ratio = auto.timing.median / timed[0].timing.median if timed else math.nan
        second = f"{timed[1].name} {duration(timed[1].timing.median)}" if len(timed) > 1 else "-"
        best = [timed[0].name, duration(timed[0].timing.median)] if timed else ["-", "-"]
        took = auto.solution.solver if auto.solution is not None else auto.remark
        verdict = f"{ASKED} {mark(ratio <= ASKED)}"
        table.rows.append([name, duration(auto.timing.median), took, *best, second, f"{ratio:.2f}", verdict])
        for entry in entries:
            known = entry.solution is not None
            passes = f"{entry.solution.passes:.0f}" if known else "-"
            certificate = f"{entry.solution.certificate:.0e}" if known else "-"
            details.rows.append([name, entry.name, entry.remark or duration(entry.timing.median), passes, certificate])
        figures.append(
            {
                "case": name,
                "ratio": ratio,
                "took": took,
                "solvers": {e.name: {"median": e.timing.median, "remark": e.remark} for e in entries},
            }
        )
    table.notes += [
        f"Median times, interleaved, garbage collection off; who needs more than {arguments.cap:g} s does not count.",
        f"Machine: {machine()}.",
    ]
    if arguments.quick:
        table.notes.append("Quick sizes: the ratios are meant for the full ones.")
    if arguments.details:
        details.show()
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "cases": figures}, indent=1) + "\n")
    return 0
