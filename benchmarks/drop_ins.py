"""Quantile and Bayesian regression beside scikit-learn and statsmodels, interleaved, at equal accuracy.

Beside each time stands what was reached, worked out here: the mean pinball loss above the smallest of all contestants,
or the largest difference of the coefficients from scikit-learn's, relative to their size.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.linear_model

import mlcraft.linear_model
from benchmarks.table import Table, duration, machine
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


def cases(divisor: int) -> dict[str, tuple[Contestants, Judge]]:
    return {
        f"median {10_000 // divisor:,} x 20": quantile(10_000 // divisor, 0.5),
        f"quantile 0.9 {10_000 // divisor:,} x 20": quantile(10_000 // divisor, 0.9),
        f"BayesianRidge {50_000 // divisor:,} x 100": bayesian(50_000 // divisor, "BayesianRidge"),
        f"ARDRegression {50_000 // divisor:,} x 100": bayesian(50_000 // divisor, "ARDRegression"),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
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
    return 0
