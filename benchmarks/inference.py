"""Standard errors, tests and intervals beside statsmodels: whole calls, from arrays to numbers."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import correlated_matrix
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, Timing, time_interleaved

Array = NDArray[Any]
#: Asked for: least squares and HC3 of 500,000 x 20 this many times as fast as statsmodels, and a summary of 50 columns
#: after a fit below this many seconds.
TIMES, SECONDS = 10.0, 1e-3


@dataclass(frozen=True, slots=True)
class Case:
    """One task; the answers of both are compared before anything is timed."""

    name: str
    calls: dict[str, Call]
    at_least: float = math.nan
    at_most: float = math.nan


def problem(n: int, p: int) -> tuple[Array, Array, Array]:
    """X, y with unequal variances, and 200 clusters."""
    X = correlated_matrix(n, p, seed=1)
    rng = np.random.default_rng(2)
    signal = (X - X.mean(axis=0)) @ (rng.standard_normal(p) / X.std(axis=0))
    y = signal + rng.standard_normal(n) * (1 + np.abs(signal) / signal.std()) * signal.std()
    return X, y, rng.integers(0, 200, n)


def cases(quick: bool) -> Iterator[Case]:
    ours = importlib.import_module("mlcraft.linear_model").LinearRegression
    has_peer = importlib.util.find_spec("statsmodels") is not None
    api: Any = importlib.import_module("statsmodels.api") if has_peer else None

    def add(name: str, mine: Call, theirs: Call, **asked: float) -> Case:
        return Case(name, {"mlcraft": mine} | ({"statsmodels": theirs} if has_peer else {}), **asked)

    n = 50_000 if quick else 500_000
    X, y, groups = problem(n, 20)
    label = f"{n:,} x 20"

    def covariance(kind: str, **data: Any) -> Call:
        def call() -> Array:
            model = ours().fit(X, y)
            errors: Array = model.cov_params_(kind, X=X, y=y, **data).standard_errors
            return errors

        return call

    def peer(kind: str, **keywords: Any) -> Call:
        def call() -> Array:
            fit = api.OLS(y, api.add_constant(X)).fit(cov_type=kind, cov_kwds=keywords or None)
            return np.asarray(fit.bse)

        return call

    classical = "nonrobust"
    yield add(f"fit, classical errors, {label}", lambda: ours().fit(X, y).summary().standard_error, peer(classical))
    yield add(f"fit, HC3, {label}", covariance("HC3"), peer("HC3"), at_least=TIMES)
    yield add(f"fit, clusters, {label}", covariance("CR1S", groups=groups), peer("cluster", groups=groups))
    lags = {"maxlags": 10, "use_correction": True}
    yield add(f"fit, Newey-West of 10 lags, {label}", covariance("HAC", maxlags=10), peer("HAC", **lags))
    yield from logistic_cases(add, X, y > np.median(y), groups, label)
    for rows, columns in ((500, 5), (20_000, 50)):
        small, response, _ = problem(rows, columns)
        fitted = ours().fit(small, response)
        theirs = api.OLS(response, api.add_constant(small)).fit() if has_peer else None
        asked = {"at_most": SECONDS} if columns == 50 else {}
        name = f"text of the summary after a fit, {rows:,} x {columns}"
        yield add(name, lambda fit=fitted: str(fit.summary()), lambda fit=theirs: str(fit.summary()), **asked)


def logistic_cases(add: Any, X: Array, y: Array, groups: Array, label: str) -> Iterator[Case]:
    """What logistic fits ask of the rows; classical errors are among the cases of `logistic`."""
    fit = importlib.import_module("mlcraft.linear_model").LogisticRegression
    has_peer = importlib.util.find_spec("statsmodels") is not None
    api: Any = importlib.import_module("statsmodels.api") if has_peer else None
    codes = y.astype(float)

    def clustered() -> Array:
        errors: Array = fit(C=np.inf).fit(X, codes).cov_params_("cluster", X=X, y=codes, groups=groups).standard_errors
        return errors

    def effects() -> Array:
        errors: Array = fit(C=np.inf).fit(X, codes).marginal_effects(X, discrete=False).standard_error
        return errors

    def peer(**keywords: Any) -> Any:
        return api.Logit(codes, api.add_constant(X)).fit(disp=0, method="newton", **keywords)

    by_cluster = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    yield add(f"logistic, clusters, {label}", clustered, lambda: np.asarray(peer(**by_cluster).bse))
    yield add(f"logistic, marginal effects, {label}", effects, lambda: np.asarray(peer().get_margeff().margeff_se))


def agree(timings: dict[str, Timing]) -> str:
    """How far the standard errors are apart; nothing for texts."""
    results = [timing.result for timing in timings.values() if isinstance(timing.result, np.ndarray)]
    if len(results) < 2:
        return "-"
    return f"{np.max(np.abs(results[0] / results[1] - 1)):.0e}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="cases that contain one of these words")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of each, instead of the budget")
    parser.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="time for each case (default 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    table = Table("Inference", ["case", "mlcraft", "statsmodels", "times as fast", "asked for", "errors differ by"])
    figures = []
    for case in cases(arguments.quick):
        if arguments.only and not any(word in case.name for word in arguments.only):
            continue
        timings = time_interleaved(case.calls, budget=arguments.budget, repeats=arguments.repeats)
        mine, theirs = timings["mlcraft"], timings.get("statsmodels", Timing())
        ratio = theirs.median / mine.median
        asked = "-"
        if not math.isnan(case.at_least):
            asked = f"{mark(ratio >= case.at_least)} {case.at_least:.0f} times"
        elif not math.isnan(case.at_most):
            asked = f"{mark(mine.median <= case.at_most)} {duration(case.at_most)}"
        cells = [duration(mine.median), duration(theirs.median), f"{ratio:.1f}", asked, agree(timings)]
        table.rows.append([case.name, *cells])
        figures.append({"case": case.name, "mlcraft": mine.median, "statsmodels": theirs.median})
    table.notes.append(
        "Medians of interleaved calls. Both are given arrays; statsmodels has no intercept of its own, so add_constant "
        "is in its time."
    )
    table.notes.append(f"Machine: {machine()}.")
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
