"""Linear support vector machines beside scikit-learn's, at equal accuracy.

The suboptimality of everybody is worked out here, from scikit-learn's objective and a lower bound that holds whoever
found it: the dual objective of a point of the boxes, or, for the squared losses, the objective less half the squared
gradient (it is strongly convex with modulus one).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.svm

import mlcraft.svm
from benchmarks.table import Table, duration, machine
from benchmarks.timing import time_interleaved
from mlcraft._engine.box_dual import fit_box_dual

WANTED = 1e-6
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(slots=True)
class Problem:
    """A loss on data; y is -1 and 1 for the hinge losses."""

    title: str
    X: Any
    y: np.ndarray
    loss: str
    C: float = 1.0
    epsilon: float = 0.0

    @property
    def estimator(self) -> str:
        return "LinearSVC" if "hinge" in self.loss else "LinearSVR"

    def model(self, module: Any, **params: Any) -> Any:
        if self.estimator == "LinearSVR":
            params["epsilon"] = self.epsilon
        return getattr(module, self.estimator)(loss=self.loss, C=self.C, **params)

    def excess(self, w: np.ndarray) -> np.ndarray:
        eta = self.X @ w[:-1] + w[-1]
        return np.maximum(1 - self.y * eta if "hinge" in self.loss else np.abs(self.y - eta) - self.epsilon, 0.0)

    def objective(self, w: np.ndarray) -> float:
        return float(w @ w / 2 + self.C * np.sum(self.excess(w) ** (2 if self.loss.startswith("squared") else 1)))

    def lower_bound(self) -> float:
        if self.loss.startswith("squared"):
            w = parameters(self.model(mlcraft.svm, tol=1e-8).fit(self.X, self.y))
            eta = self.X @ w[:-1] + w[-1]
            pull = 2 * self.C * self.excess(w) * (self.y if "hinge" in self.loss else np.sign(self.y - eta))
            gradient = w - np.append(self.X.T @ pull, pull.sum())
            return self.objective(w) - float(gradient @ gradient) / 2
        width = np.full(len(self.y), self.C)
        hinge = self.loss == "hinge"
        lower = np.where(self.y < 0, -width, 0.0) if hinge else -width
        upper = np.where(self.y > 0, width, 0.0) if hinge else width
        b = fit_box_dual(self.X, self.y, lower, upper, epsilon=self.epsilon, bias=1.0, tol=1e-9).dual
        b = np.clip(b, lower, upper)
        w = np.append(self.X.T @ b, b.sum())
        return float(self.y @ b - self.epsilon * np.abs(b).sum() - w @ w / 2)


def parameters(model: Any) -> np.ndarray:
    return np.append(model.coef_.reshape(-1), np.ravel(model.intercept_))


def dense(n: int, p: int, loss: str, epsilon: float = 0.0) -> Callable[[], Problem]:
    def make() -> Problem:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, p))
        signal = X @ rng.standard_normal(p) / np.sqrt(p) + 0.5 * rng.standard_normal(n)
        y = np.where(signal > 0, 1.0, -1.0) if "hinge" in loss else signal
        return Problem(f"{loss}, dense {n:,} x {p}", X, y, loss, epsilon=epsilon)

    return make


def sparse(loss: str) -> Callable[[], Problem]:
    def make() -> Problem:
        sys.path.insert(0, str(SHARED))
        from load import load_sparse

        X, y, _ = load_sparse("a9a")
        title = f"{loss}, a9a {X.shape[0]:,} x {X.shape[1]}, sparse"
        return Problem(title, X.astype(np.float64), np.where(np.asarray(y) > 0, 1.0, -1.0), loss)

    return make


def cases(quick: bool) -> dict[str, Callable[[], Problem]]:
    n = 10_000 if quick else 100_000
    found = {
        "dense": dense(n, 50, "squared_hinge"),
        "dense-hinge": dense(n, 50, "hinge"),
        "dense-svr": dense(n, 50, "epsilon_insensitive", 0.1),
        "dense-squared-svr": dense(n, 50, "squared_epsilon_insensitive", 0.1),
    }
    if (SHARED / "a9a.parquet").exists():
        found |= {"a9a": sparse("squared_hinge"), "a9a-hinge": sparse("hinge")}
    return found


def loosest(problem: Problem, module: Any, lowest: float, seconds: float, **params: Any) -> tuple[Any, float]:
    """The loosest tolerance, by decades, that reaches the accuracy, and the suboptimality; or the last one tried."""
    gap, began = np.inf, time.perf_counter()
    model = None
    for power in range(11):
        model = problem.model(module, tol=10.0**-power, **params)
        gap = problem.objective(parameters(model.fit(problem.X, problem.y))) / lowest - 1
        if gap <= WANTED or time.perf_counter() - began > seconds:
            break
    return model, gap


def run_case(problem: Problem, table: Table, arguments: argparse.Namespace) -> None:
    lowest = problem.lower_bound()
    solvers: dict[str, Any] = {"mlcraft": (mlcraft.svm, {})}
    for dual in (True, False):
        if dual or problem.loss.startswith("squared"):
            params = {"dual": dual, "max_iter": arguments.max_iter, "random_state": 0}
            solvers[f"scikit-learn, dual={dual}"] = (sklearn.svm, params)
    settings = {}
    for name, (module, params) in solvers.items():
        settings[name] = loosest(problem, module, lowest, arguments.cap, **params)
    calls = {name: (lambda model=model: model.fit(problem.X, problem.y)) for name, (model, _) in settings.items()}
    timings = time_interleaved(calls, budget=arguments.budget)
    ours = timings["mlcraft"].median
    for name, (model, gap) in settings.items():
        median = timings[name].median
        reached = "" if gap <= WANTED else " (not reached)"
        cells = [
            problem.title,
            name,
            f"{model.tol:.0e}",
            f"{gap:.0e}{reached}",
            duration(median),
            f"{median / ours:.1f}",
        ]
        table.rows.append(cells)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", nargs="+", metavar="NAME", help=f"only these of: {', '.join(cases(True))}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--cap", type=float, default=60.0, metavar="SECONDS", help="to find a setting (default 60)")
    parser.add_argument("--max-iter", type=int, default=1000, help="of scikit-learn's solvers (default 1000)")
    parser.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="to time a case (default 20)")


def main(arguments: argparse.Namespace) -> int:
    headers = ["case", "who", "tol", "suboptimality", "median", "× mlcraft"]
    table = Table("Support vector machines to a relative suboptimality of 1e-6", headers)
    chosen = cases(arguments.quick)
    for name in arguments.cases or chosen:
        print(name, file=sys.stderr, flush=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run_case(chosen[name](), table, arguments)
    table.notes += [
        "Median time of a fit at the loosest tolerance (by decades) that reaches 1e-6, or at the last one tried.",
        f"Machine: {machine()}. Interleaved, garbage collection off.",
    ]
    table.show()
    return 0
