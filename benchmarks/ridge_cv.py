"""Ridge regression that chooses its penalty: every penalty and every fold without refits, beside scikit-learn."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.linear_model as theirs

import mlcraft.linear_model as ours
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import time_interleaved

#: Asked for: how many times faster than scikit-learn, by case.
CASES: dict[str, tuple[dict[str, Any], float]] = {
    "leave-one-out": ({}, 10.0),
    "leave-one-out, weights": ({"weighted": True}, 10.0),
    "5 folds": ({"cv": 5}, 100.0),
}
AGREEMENT = 1e-9


def problem(n: int, p: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, targets and weights: as many columns matter as there is noise to hide them."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n, p))
    y = X @ random.standard_normal(p) + 5.0 * random.standard_normal(n)
    return X, y, random.uniform(0.5, 2.0, n)


def contestants(n: int, p: int, penalties: int, options: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    X, y, weight = problem(n, p)
    alphas = np.logspace(-3, 4, penalties)
    sample_weight = weight if options.get("weighted") else None
    cv = options.get("cv")
    return {
        "mlcraft": lambda: ours.RidgeCV(alphas, cv=cv).fit(X, y, sample_weight),
        "scikit-learn": lambda: theirs.RidgeCV(alphas, cv=cv).fit(X, y, sample_weight),
    }


def difference(results: list[Any]) -> float:
    """Largest relative difference of score and coefficients; infinite when another penalty was chosen."""
    first, second = results
    if first.alpha_ != second.alpha_:
        return float("inf")
    score = abs(first.best_score_ / second.best_score_ - 1.0)
    return float(max(score, np.abs(first.coef_ - second.coef_).max() / np.abs(second.coef_).max()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=20_000, metavar="N", help="rows (default 20000)")
    parser.add_argument("--columns", type=int, default=200, metavar="P", help="columns (default 200)")
    parser.add_argument("--penalties", type=int, default=20, metavar="K", help="penalties (default 20)")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of each (default: by time)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and of the columns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    n, p = arguments.rows, arguments.columns
    if arguments.quick:
        n, p = n // 10, p // 10
    title = f"Ridge with {arguments.penalties} penalties, {n:,} x {p}"
    table = Table(title, ["case", "mlcraft", "scikit-learn", "ratio", "asked for", "difference"])
    figures: dict[str, Any] = {}
    agreed = True
    for name, (options, wanted) in CASES.items():
        timings = time_interleaved(contestants(n, p, arguments.penalties, options), repeats=arguments.repeats)
        mine, other = timings["mlcraft"], timings["scikit-learn"]
        apart = difference([mine.result, other.result])
        ratio = other.median / mine.median
        agreed = agreed and apart <= AGREEMENT
        asked = "-" if arguments.quick else f"{wanted:.0f} {mark(ratio >= wanted)}"
        table.rows.append([name, duration(mine.median), duration(other.median), f"{ratio:.0f}", asked, f"{apart:.0e}"])
        figures[name] = {"mlcraft": mine.samples, "scikit-learn": other.samples, "difference": apart}
    table.notes.append(f"Machine: {machine()}. Medians, interleaved; the ratio is of the medians.")
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if agreed else 1
