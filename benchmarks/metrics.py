"""Metrics beside scikit-learn's: all of two classes together, areas with DeLong's variance, and by resamples."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, time_interleaved

Array = NDArray[Any]
RANKINGS = ("roc_auc_score", "average_precision_score", "roc_curve", "precision_recall_curve", "det_curve")
PROBABILITIES = ("log_loss", "brier_score_loss")
CLASSES = (
    "accuracy_score",
    "balanced_accuracy_score",
    "cohen_kappa_score",
    "confusion_matrix",
    "f1_score",
    "matthews_corrcoef",
    "precision_score",
    "recall_score",
)
NUMBERS = ("mean_absolute_error", "mean_squared_error", "median_absolute_error", "r2_score", "mean_poisson_deviance")
#: Asked for: all of two classes together, a resampled area, and DeLong as a share of one area of scikit-learn.
TOGETHER, RESAMPLED, DELONG = 5.0, 100.0, 3.0
FOLDS = 1_000
LOOP = 10  # resamples that scikit-learn's loop is timed for


def data(n: int) -> tuple[Array, Array, Array, Array]:
    random = np.random.default_rng(0)
    y = (random.random(n) < 0.3).astype(np.int64)
    score = random.standard_normal(n) + y
    return y, score, 1 / (1 + np.exp(0.7 - score)), (score > 0.5).astype(np.int64)


def together(module: Any, n: int) -> Call:
    """All metrics of two classes, each by a call of its own."""
    y, score, probability, predicted = data(n)
    given = [(RANKINGS, score), (PROBABILITIES, probability), (CLASSES, predicted)]
    return lambda: [getattr(module, name)(y, values) for names, values in given for name in names]


def single(module: Any, name: str, n: int) -> Call:
    y, score, probability, predicted = data(n)
    function = getattr(module, name)
    if name in NUMBERS:
        return lambda: function(probability, np.maximum(score, 0.1))
    values = score if name in RANKINGS else probability if name in PROBABILITIES else predicted
    return lambda: function(y, values)


def resampled_loop(module: Any, n: int) -> Call:
    """The loop that a user writes, for LOOP resamples; its time is scaled up."""
    y, score, _, _ = data(n)
    random = np.random.default_rng(1)

    def call() -> list[float]:
        rows = [random.integers(0, n, n) for _ in range(LOOP)]
        return [module.roc_auc_score(y[chosen], score[chosen]) for chosen in rows]

    return call


def cases(quick: bool) -> list[tuple[str, int, Callable[[Any], Call], Callable[[Any], Call], float, float]]:
    """Title, rows, ours, theirs, how many of their calls count, and the ratio asked for."""
    n = 50_000 if quick else 1_000_000
    few = 10_000 if quick else 100_000
    folds = {"method": "bootstrap", "n_resamples": FOLDS}

    def areas(module: Any) -> Call:
        y, score, _, _ = data(n)
        return lambda: module.delong(y, score)

    def resampled(module: Any) -> Call:
        y, score, _, _ = data(few)
        return lambda: module.score("roc_auc", y, score, **folds)

    def one(name: str) -> tuple[str, int, Callable[[Any], Call], Callable[[Any], Call], float, float]:
        return name, n, lambda m: single(m, name, n), lambda m: single(m, name, n), 1.0, float("nan")

    return [
        ("all of two classes", n, lambda m: together(m, n), lambda m: together(m, n), 1.0, TOGETHER),
        ("delong, beside roc_auc_score", n, areas, lambda m: single(m, "roc_auc_score", n), 1.0, 1 / DELONG),
        (f"area, {FOLDS:,} resamples", few, resampled, lambda m: resampled_loop(m, few), FOLDS / LOOP, RESAMPLED),
        *map(one, (*RANKINGS, *PROBABILITIES, *CLASSES, *NUMBERS)),
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="fewer rows, two samples")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="cases whose title has one of these")
    parser.add_argument("--budget", type=float, default=8.0, metavar="SECONDS", help="for each case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    ours, theirs = importlib.import_module("mlcraft.evaluation"), importlib.import_module("sklearn.metrics")
    table = Table("Metrics beside scikit-learn", [])
    table.headers = ["metric", "rows", "mlcraft", "scikit-learn", "ratio", "asked for"]
    figures = []
    for title, n, make_ours, make_theirs, times, target in cases(arguments.quick):
        if arguments.only and not any(word in title for word in arguments.only):
            continue
        calls = {"mlcraft": make_ours(ours), "scikit-learn": make_theirs(theirs)}
        timings = time_interleaved(calls, budget=arguments.budget, repeats=2 if arguments.quick else None)
        mine, other = timings["mlcraft"].median, timings["scikit-learn"].median * times
        asked = "-" if np.isnan(target) else f"{mark(other / mine >= target)} {target:.2g}"
        table.rows.append([title, f"{n:,}", duration(mine), duration(other), f"{other / mine:,.1f}", asked])
        figures.append({"case": title, "rows": n, **{name: timing.samples for name, timing in timings.items()}})
    table.notes = [
        f"Medians, interleaved. Resamples: scikit-learn's loop is timed for {LOOP} of them and scaled up.",
        f"Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
