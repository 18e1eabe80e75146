"""cross_val_score beside scikit-learn's with scikit-learn's estimators, interleaved; the scores compared."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.linear_model
import sklearn.model_selection

import mlcraft.linear_model
from benchmarks.table import Table, duration, machine
from benchmarks.timing import time_interleaved
from mlcraft.evaluation.cross_validation import cross_val_score

TARGETS = {"Ridge": 10, "LogisticRegression": 3}


def contestants(name: str, rows: int) -> dict[str, Callable[[], Any]]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 50))
    eta = X @ rng.standard_normal(50)
    y = eta + rng.standard_normal(rows) if name != "LogisticRegression" else eta / 7 + rng.logistic(size=rows) > 0
    ours, theirs = (getattr(library, name)() for library in (mlcraft.linear_model, sklearn.linear_model))
    return {
        "mlcraft": lambda: cross_val_score(ours, X, y, cv=10),
        "scikit-learn": lambda: sklearn.model_selection.cross_val_score(theirs, X, y, cv=10),
        "mlcraft, refits": lambda: sklearn.model_selection.cross_val_score(ours, X, y, cv=10),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--budget", type=float, default=10.0, metavar="SECONDS", help="to time a case (default 10)")


def main(arguments: argparse.Namespace) -> int:
    rows = 5_000 if arguments.quick else 50_000
    table = Table(f"Ten folds of {rows:,} x 50", ["estimator", "who", "median", "x mlcraft", "asked", "scores off by"])
    for name, target in TARGETS.items():
        calls = contestants(name, rows)
        scores = {who: call() for who, call in calls.items()}
        timings = time_interleaved(calls, budget=arguments.budget)
        for who, timing in timings.items():
            asked = str(target) if who == "scikit-learn" else "-"
            off = float(np.abs(scores[who] - scores["mlcraft"]).max())
            ratio = f"{timing.median / timings['mlcraft'].median:.1f}"
            table.rows.append([name, who, duration(timing.median), ratio, asked, f"{off:.0e}"])
    table.notes += [
        "Scores: R2 and accuracy; scikit-learn's logistic regression stops earlier, which moves some rows over.",
        f"Machine: {machine()}.",
    ]
    table.show()
    return 0
