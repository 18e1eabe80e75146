"""Calibration of classifiers: the maps alone and cross-fitted, beside scikit-learn, with the largest difference."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.linear_model as theirs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator

import mlcraft.linear_model as ours
from benchmarks.table import Table, duration, machine
from benchmarks.timing import time_interleaved
from mlcraft.uncertainty import calibrate

#: Our methods and what scikit-learn calls them.
SAME = {"platt": "sigmoid", "isotonic": "isotonic", "temperature": "temperature"}
ALONE = ("beta", "dirichlet", "venn-abers")


def contestants(n: int, classes: int, method: str, folds: bool) -> tuple[dict[str, Callable[[], Any]], np.ndarray]:
    X, y = make_classification(n, 20, n_informative=8, n_classes=classes, flip_y=0.1, random_state=0)
    mine, other = ours.LogisticRegression(), theirs.LogisticRegression()
    if folds:
        calls = {"mlcraft": lambda: calibrate(mine, X, y, method=method)}
        if method in SAME:
            options = {"method": SAME[method], "cv": 5, "ensemble": False}
            calls["scikit-learn"] = lambda: CalibratedClassifierCV(other, **options).fit(X, y)
        return calls, X
    mine.fit(X[: n // 10], y[: n // 10])
    calls = {"mlcraft": lambda: calibrate(mine, X, y, method=method, cv="prefit")}
    if method in SAME:
        frozen = FrozenEstimator(mine)
        calls["scikit-learn"] = lambda: CalibratedClassifierCV(frozen, method=SAME[method], ensemble=False).fit(X, y)
    return calls, X


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=20_000, metavar="N", help="rows (default 20000)")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of each (default: by time)")


def main(arguments: argparse.Namespace) -> int:
    n = arguments.rows
    table = Table(f"Calibration, {n:,} x 20", ["case", "classes", "mlcraft", "scikit-learn", "ratio", "difference"])
    for folds in (False, True):
        for method in (*SAME, *ALONE) if not folds else ("platt", "isotonic", "venn-abers"):
            for classes in (2, 4):
                calls, X = contestants(n, classes, method, folds)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    timings = time_interleaved(calls, budget=5.0, repeats=arguments.repeats)
                mine, other = timings["mlcraft"], timings.get("scikit-learn")
                case = f"{method}, {'5 folds' if folds else 'prefit'}"
                row = [case, str(classes), duration(mine.median), "-", "-", "-"]
                if other is not None:
                    apart = np.abs(mine.result.predict_proba(X) - other.result.predict_proba(X)).max()
                    row[3:] = [duration(other.median), f"{other.median / mine.median:.1f}", f"{apart:.0e}"]
                table.rows.append(row)
    table.notes.append(
        "Difference: of probabilities. Of four classes ours calibrate the probabilities, theirs the scores."
    )
    table.notes.append(f"Machine: {machine()}. Medians, interleaved; the ratio is of the medians.")
    table.show()
    return 0
