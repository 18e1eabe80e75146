"""Influence, leave-one-out and importance, beside statsmodels and refits."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, Timing, time_interleaved

Array = NDArray[Any]
#: Asked for: all measures of 2,000 x 20 this much faster than statsmodels.
TARGET = 100.0
#: What statsmodels' OLSInfluence has, all of it: most come from a refit without each row.
MEASURES = (
    "hat_matrix_diag",
    "resid_press",
    "cooks_distance",
    "dffits",
    "dfbetas",
    "dfbeta",
    "cov_ratio",
    "resid_studentized_internal",
    "resid_studentized_external",
    "sigma2_not_obsi",
    "params_not_obsi",
    "ess_press",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One question about a fit, as mlcraft and as others answer it."""

    title: str
    shape: tuple[int, int]
    ours: Callable[[Any, Array, Array], Any]
    theirs: Callable[[Array, Array], Call] | None
    rival: str
    target: float | None = None


def _everything(model: Any, X: Array, y: Array) -> Any:
    found = model.influence_(X, y)
    return found.cooks_distance, found.dfbetas, found.loo_parameters


def _statsmodels(X: Array, y: Array) -> Call:
    api = importlib.import_module("statsmodels.api")
    fit = api.OLS(y, api.add_constant(X)).fit()

    def call() -> Any:
        influence = fit.get_influence()
        values = {name: getattr(influence, name) for name in MEASURES}
        return values["cooks_distance"][0], values["dfbetas"], values["params_not_obsi"]

    return call


def _refits(X: Array, y: Array) -> Call:
    """Leave-one-out as scikit-learn does it: cross_val_predict."""
    linear = importlib.import_module("sklearn.linear_model").LinearRegression()
    selection = importlib.import_module("sklearn.model_selection")
    return lambda: selection.cross_val_predict(linear, X, y, cv=selection.LeaveOneOut())


def _dropped(X: Array, y: Array) -> Call:
    """The fall of R2 without each column, by fits without it."""
    linear = importlib.import_module("sklearn.linear_model").LinearRegression

    def call() -> Array:
        whole = linear().fit(X, y).score(X, y)
        falls = []
        for j in range(X.shape[1]):
            kept = np.delete(X, j, axis=1)
            falls.append(whole - linear().fit(kept, y).score(kept, y))
        return np.array(falls)

    return call


def cases(quick: bool) -> list[Case]:
    n = 300 if quick else 2000
    few = 100 if quick else 500  # a refit for each row takes its time
    large = (20_000, 20) if quick else (500_000, 20)
    wide = (100, 1000) if quick else (400, 5000)
    influence = _statsmodels if importlib.util.find_spec("statsmodels") else None
    return [
        Case("all measures of influence", (n, 20), _everything, influence, "statsmodels", TARGET),
        Case("leave-one-out predictions", (few, 20), lambda m, X, y: m.loo_predict_(X, y), _refits, "scikit-learn"),
        Case("drop-column importance", (n, 20), lambda m, X, y: m.importance_().r2_decrease, _dropped, "scikit-learn"),
        Case("all measures of influence", large, _everything, None, ""),
        Case("leverages", large, lambda m, X, y: m.leverage_(X), None, ""),
        Case("leave-one-out, wide ridge", wide, lambda m, X, y: m.loo_predict_(X, y), None, ""),
    ]


def data(shape: tuple[int, int]) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    X = random.standard_normal(shape) + 2.0
    return X, X[:, 0] - X[:, 1] + random.standard_normal(shape[0])


def difference(ours: Any, theirs: Any) -> float:
    """Largest difference of the answers, relative to the largest number."""
    pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours, theirs)]
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="smaller data, two samples")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of everybody")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    linear = importlib.import_module("mlcraft.linear_model")
    table = Table("Influence: what a fit says of its rows and columns", [])
    table.headers = ["question", "n x p", "mlcraft", "beside", "ratio", "target", "difference"]
    figures = []
    for case in cases(arguments.quick):
        X, y = data(case.shape)
        model = (linear.Ridge() if case.shape[1] > case.shape[0] else linear.LinearRegression()).fit(X, y)
        calls: dict[str, Call] = {"mlcraft": lambda case=case, model=model, X=X, y=y: case.ours(model, X, y)}
        if case.theirs is not None:
            calls[case.rival] = case.theirs(X, y)
        repeats = arguments.repeats or (2 if arguments.quick else None)
        timings = time_interleaved(calls, budget=10.0, repeats=repeats)
        table.rows.append(_cells(case, timings))
        figures.append({"case": case.title, "shape": case.shape, **{n: t.samples for n, t in timings.items()}})
    table.notes = [
        "Medians, interleaved, the fit not counted. statsmodels: every attribute of OLSInfluence named in",
        "benchmarks/influence.py. scikit-learn: cross_val_predict with LeaveOneOut; a fit without each column.",
        f"Difference: largest, relative to the largest number. Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def _cells(case: Case, timings: dict[str, Timing]) -> list[str]:
    ours, theirs = timings["mlcraft"], timings.get(case.rival)
    cells = [case.title, f"{case.shape[0]:,} x {case.shape[1]:,}", duration(ours.median)]
    if theirs is None or not theirs.measured:
        return [*cells, "-", "-", "-", "-"]
    ratio = theirs.median / ours.median if ours.measured else math.nan
    target = "-" if case.target is None else f"{mark(ratio >= case.target)} {case.target:g}"
    gap = difference(ours.result, theirs.result)
    return [*cells, f"{duration(theirs.median)} {case.rival}", f"{ratio:,.0f}", target, f"{gap:.0e}"]
