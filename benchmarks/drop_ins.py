"""Quantile and Bayesian regression beside scikit-learn and statsmodels, interleaved, at equal accuracy.

Beside each time stands what was reached, worked out here: the mean pinball loss above the smallest of all contestants,
or the largest difference of the coefficients from scikit-learn's, relative to their size.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.linear_model

import mlcraft.linear_model
from benchmarks.memory import extra_memory, in_fresh_process
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import time_interleaved

Contestants = dict[str, Callable[[], Any]]
Judge = Callable[[dict[str, Any]], dict[str, float]]


def quantile(rows: int, level: float) -> tuple[Contestants, Judge]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 20))
    y = X @ rng.standard_normal(20) + rng.standard_t(3, rows)

    def statsmodels() -> Any:
        from statsmodels import api

        fitted = api.QuantReg(y, api.add_constant(X)).fit(level, p_tol=1e-10, max_iter=5000)
        return fitted.params[1:], fitted.params[0]

    def fit(library: Any) -> Callable[[], Any]:
        def run() -> Any:
            model = library.QuantileRegressor(quantile=level, alpha=0).fit(X, y)
            return model.coef_, model.intercept_

        return run

    def judge(found: dict[str, Any]) -> dict[str, float]:
        losses = {}
        for who, (coef, intercept) in found.items():
            residual = y - X @ coef - intercept
            losses[who] = float(np.maximum(level * residual, (level - 1) * residual).mean())
        best = min(losses.values())
        return {who: loss / best - 1 for who, loss in losses.items()}

    others = {"scikit-learn": fit(sklearn.linear_model), "statsmodels": statsmodels}
    return {"mlcraft": fit(mlcraft.linear_model), **others}, judge


def bayesian(rows: int, name: str) -> tuple[Contestants, Judge]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 100))
    y = X @ (rng.standard_normal(100) * (np.arange(100) % 3 == 0)) + rng.standard_normal(rows)

    def judge(found: dict[str, Any]) -> dict[str, float]:
        reference = found["scikit-learn"].coef_
        return {
            who: float(np.abs(model.coef_ / reference.std() - reference / reference.std()).max())
            for who, model in found.items()
        }

    libraries = {"mlcraft": mlcraft.linear_model, "scikit-learn": sklearn.linear_model}
    return {
        who: (lambda library=library: getattr(library, name)().fit(X, y)) for who, library in libraries.items()
    }, judge


def memory_of_quantile(library: str, rows: int, level: float) -> dict[str, float]:
    """Extra memory of one fit on rows of 20 columns; to be called in a process of its own."""
    fit = importlib.import_module(f"{library}.linear_model").QuantileRegressor(quantile=level, alpha=0).fit
    rng = np.random.default_rng(0)

    def data(n: int) -> tuple[Any, Any]:
        X = np.empty((n, 20))
        for start in range(0, n, 1000):  # so that making it needs no memory beyond it
            X[start : start + 1000] = rng.standard_normal((min(1000, n - start), 20))
        return X, X @ rng.standard_normal(20) + rng.standard_t(3, n)

    fit(*data(2_000))  # libraries, thread pools and work areas that stay
    X, y = data(rows)
    return {"extra": extra_memory(lambda: fit(X, y)), "x": float(X.nbytes)}


def show_memory(divisor: int) -> None:
    """Extra memory of quantile regression beside scikit-learn, in a table."""
    headers = ["quantile regression", "who", "X [MB]", "extra [MB]", "share of X", "at most 2"]
    table = Table("Extra memory", headers)
    for who, library, rows in (
        ("mlcraft", "mlcraft", 100_000 // divisor),
        ("scikit-learn", "sklearn", 10_000 // divisor),
    ):
        for level in (0.5, 0.9):
            found = in_fresh_process("benchmarks.drop_ins:memory_of_quantile", library, rows, level)
            if found:
                share = found["extra"] / found["x"]
                sizes = [f"{found[key] / 1e6:.1f}" for key in ("x", "extra")]
                table.rows.append([f"{rows:,} x 20, {level:g}", who, *sizes, f"{share:.2f}", mark(share <= 2)])
    table.notes.append("Peak of the resident set during the fit less the size just before it, in a fresh process.")
    table.show()


def cases(divisor: int) -> dict[str, tuple[Contestants, Judge]]:
    return {
        f"median {10_000 // divisor:,} x 20": quantile(10_000 // divisor, 0.5),
        f"quantile 0.9 {10_000 // divisor:,} x 20": quantile(10_000 // divisor, 0.9),
        f"BayesianRidge {50_000 // divisor:,} x 100": bayesian(50_000 // divisor, "BayesianRidge"),
        f"ARDRegression {50_000 // divisor:,} x 100": bayesian(50_000 // divisor, "ARDRegression"),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--memory", action="store_true", help="also the memory of quantile regression, 100,000 x 20")
    parser.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="to time a case (default 20)")


def main(arguments: argparse.Namespace) -> int:
    headers = ["case", "who", "median", "off by", "\N{MULTIPLICATION SIGN} mlcraft"]
    table = Table("Quantile and Bayesian regression", headers)
    for title, (contestants, judge) in cases(10 if arguments.quick else 1).items():
        off = judge({who: run() for who, run in contestants.items()})
        timings = time_interleaved(contestants, budget=arguments.budget)
        ours = timings["mlcraft"].median
        for who, timing in timings.items():
            table.rows.append([title, who, duration(timing.median), f"{off[who]:.0e}", f"{timing.median / ours:.1f}"])
    table.notes += [
        "Off by: mean loss above the smallest, relatively; or coefficients beside scikit-learn's, by their size.",
        f"Machine: {machine()}.",
    ]
    table.show()
    if arguments.memory:
        show_memory(10 if arguments.quick else 1)
    return 0
