"""The conformal step alone: calibration and sets for new rows, around one and the same fitted classifier."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import sklearn.linear_model

from benchmarks.coverage_data import DATA_SETS, Split, load, splits
from benchmarks.coverage_methods import LEVEL, has_mapie
from benchmarks.table import Table, duration, machine
from benchmarks.timing import time_interleaved

SCORES = {"LAC": ("lac", "lac"), "APS": ("aps", "aps"), "top-k": ("top-k", "top_k")}


def contestants(split: Split, ours: str, theirs: str) -> dict[str, Callable[[], Any]]:
    """What is timed, by who: both get scikit-learn's classifier, fitted."""
    from mlcraft.uncertainty import ConformalClassifier

    fitted = sklearn.linear_model.LogisticRegression(max_iter=1000).fit(split.X_fit, split.y_fit)

    def mlcraft() -> Any:
        model = ConformalClassifier(fitted, score=ours, prefit=True, random_state=0)
        return model.fit(split.X_cal, split.y_cal).predict_set(split.X_new, LEVEL)

    def mapie() -> Any:
        from mapie.classification import SplitConformalClassifier

        model = SplitConformalClassifier(
            fitted, confidence_level=LEVEL, conformity_score=theirs, prefit=True, random_state=0
        )
        return model.conformalize(split.X_cal, split.y_cal).predict_set(split.X_new)

    calls: dict[str, Callable[[], Any]] = {"mlcraft": mlcraft}
    if has_mapie() and (split.y.max() > 1 or theirs == "lac"):
        calls["MAPIE"] = mapie
    return calls


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=4000, metavar="N", help="to learn from (default %(default)s)")
    parser.add_argument("--budget", type=float, default=3.0, metavar="SECONDS", help="for each line (default 3)")


def main(arguments: argparse.Namespace) -> int:
    table = Table("Conformal sets around one fit", ["data", "score", "mlcraft", "MAPIE", "x mlcraft"])
    for data in DATA_SETS:
        loaded = load(data) if data.task == "classification" else None
        if loaded is None:
            continue
        split = next(splits(*loaded, data.task, 1, arguments.rows))
        for name, (ours, theirs) in SCORES.items():
            timings = time_interleaved(contestants(split, ours, theirs), budget=arguments.budget)
            fastest = {who: timing.minimum for who, timing in timings.items()}
            own, other = fastest["mlcraft"], fastest.get("MAPIE", float("nan"))
            ratio = f"{other / own:.1f}" if other == other else "-"
            table.rows.append([data.name, name, duration(own), duration(other), ratio])
    table.notes += [
        f"{arguments.rows:,} rows, a quarter of which calibrate, and as many new ones; the fastest call of each.",
        f"Machine: {machine()}.",
    ]
    table.show()
    return 0 if table.rows else 1
