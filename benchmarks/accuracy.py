"""Correct digits on the certified problems of NIST, beside the most that the float64 columns can give.

The log relative error (LRE) of an answer is the worst ``-log10(|b - c| / |c|)`` over its coefficients,
between 0 and 15: about the number of correct digits. The limit is the LRE of the exact solution of the
problem whose columns have been rounded to float64, which is what every solver is given; it is worked out here
in rational arithmetic.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contestants import OURS, installed_contestants
from benchmarks.data import shared_folder, shared_loader
from benchmarks.table import Table, mark

Float = NDArray[np.float64]
MOST_DIGITS = 15.0


@dataclass(frozen=True, slots=True)
class Certified:
    """A problem with certified coefficients, the intercept first where there is one."""

    name: str
    X: Float
    y: Float
    intercept: bool
    coef: tuple[float, ...]
    exact: tuple[Fraction, ...] = ()


def lre(estimate: Any, certified: Any) -> float:
    """Log relative error, between 0 and 15.

    Examples
    --------
    >>> round(lre([1.001, 2.0], [1.0, 2.0]), 1)
    3.0
    """
    worst = MOST_DIGITS
    for value, true in zip(np.ravel(estimate), certified, strict=True):
        if not math.isfinite(value):
            return 0.0
        error = abs(Fraction(float(value)) - Fraction(true))
        relative = error / abs(Fraction(true)) if true else error
        if relative:
            worst = min(worst, -math.log10(relative) if relative < 1 else 0.0)
    return max(0.0, worst)


def exact_solution(X: Float, y: Float) -> tuple[Fraction, ...]:
    """Least squares without any rounding, by elimination on the normal equations in rational numbers.

    Examples
    --------
    >>> exact_solution(np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), np.array([1.0, 2.0, 4.0]))
    (Fraction(-2, 3), Fraction(3, 2))
    """
    columns = [[Fraction(value) for value in column] for column in X.T.tolist()]
    target = [Fraction(value) for value in y.tolist()]
    p = len(columns)
    system = [[_dot(columns[i], columns[j]) for j in range(p)] + [_dot(columns[i], target)] for i in range(p)]
    for pivot in range(p):
        for row in range(p):
            if row != pivot:
                ratio = system[row][pivot] / system[pivot][pivot]
                system[row] = [a - ratio * b for a, b in zip(system[row], system[pivot], strict=True)]
    return tuple(system[i][p] / system[i][i] for i in range(p))


def _dot(left: list[Fraction], right: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def _powers(x: Float, degree: int) -> Float:
    return np.column_stack([[value**power for value in x.tolist()] for power in range(1, degree + 1)])


def certified_problems() -> Iterator[Certified]:
    """The sets of ``reference/nist``, then those that only the data folder has."""
    seen = set()
    for path in sorted((shared_folder() / "reference" / "nist").glob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if "model" not in entry:
            continue
        X = np.array(entry["X"], dtype=np.float64)
        model = entry["model"]
        if model["degree"] > 1:
            X = _powers(X[:, 0], model["degree"])
        seen.add(entry["name"])
        exact = tuple(Fraction(value) for value in entry["exact_float64_columns"]["coef"])
        yield Certified(
            entry["name"],
            X,
            np.array(entry["y"], dtype=np.float64),
            model["intercept"],
            tuple(entry["certified"]["coef"]),
            exact,
        )
    loader = shared_loader()
    path = shared_folder() / "data" / "nist_strd_reference.json"
    if loader is None or not path.exists():
        return
    certified = json.loads(path.read_text(encoding="utf-8"))
    for name, rows in loader.load("nist_strd").groupby("problem"):
        if name in seen:
            continue
        coef = tuple(float(value) for value in certified[name]["beta"])
        X = _powers(rows["x"].to_numpy(dtype=np.float64), len(coef) - 1)
        yield Certified(str(name), X, rows["y"].to_numpy(dtype=np.float64), True, coef)


def _with_constant(problem: Certified) -> Float:
    return np.insert(problem.X, 0, 1.0, axis=1) if problem.intercept else problem.X


def _estimator(module: str, **options: Any) -> Callable[[Certified], Any]:
    def solve(problem: Certified) -> Any:
        cls = importlib.import_module(module).LinearRegression
        model = cls(fit_intercept=problem.intercept, **options).fit(problem.X, problem.y)
        return [model.intercept_, *model.coef_] if problem.intercept else model.coef_

    return solve


def _statsmodels(method: str) -> Callable[[Certified], Any]:
    def solve(problem: Certified) -> Any:
        return (
            importlib.import_module("statsmodels.api").OLS(problem.y, _with_constant(problem)).fit(method=method).params
        )

    return solve


SOLVERS: tuple[tuple[str, str, Callable[[Certified], Any]], ...] = (
    (OURS, "mlcraft", _estimator("mlcraft.linear_model")),
    ("sklearn", "scikit-learn", _estimator("sklearn.linear_model")),
    ("sklearn", "scikit-learn\ntol=1e-15", _estimator("sklearn.linear_model", tol=1e-15)),
    ("sklearnex", "scikit-learn-\nintelex", _estimator("sklearnex.linear_model")),
    ("statsmodels", "statsmodels\npinv (default)", _statsmodels("pinv")),
    ("statsmodels", "statsmodels\nqr", _statsmodels("qr")),
    (
        "numpy",
        "numpy lstsq",
        lambda problem: np.linalg.lstsq(_with_constant(problem), problem.y, rcond=None)[0],
    ),
)


def digits(problem: Certified, solve: Callable[[Certified], Any]) -> float:
    """LRE of a solver; no digit for one that fails."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return lre(solve(problem), problem.coef)
    except Exception:  # an error is an answer with no digits; the table goes on
        return 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    installed = {contestant.name for contestant in installed_contestants()}
    table = Table(
        "Correct digits of the worst coefficient, default settings",
        ["set", "n x p", "limit", *[title for _, title, _ in SOLVERS], "within 1 digit"],
    )
    figures = []
    for problem in certified_problems():
        exact = exact_solution(_with_constant(problem), problem.y)
        limit = lre([float(value) for value in exact], problem.coef)
        found = {title: digits(problem, solve) for name, title, solve in SOLVERS if name in installed}
        if problem.exact and lre([float(value) for value in exact], problem.exact) < MOST_DIGITS:
            raise AssertionError(f"{problem.name}: the rational solution differs from the stored one")
        cells = [f"{found[title]:.1f}" if title in found else "-" for _, title, _ in SOLVERS]
        reached = mark(found["mlcraft"] >= limit - 1.0) if "mlcraft" in found else "-"
        table.rows.append([problem.name, f"{len(problem.y)} x {problem.X.shape[1]}", f"{limit:.1f}", *cells, reached])
        figures.append(
            {
                "set": problem.name,
                "limit": limit,
                **{title.replace("\n", " "): value for title, value in found.items()},
            }
        )
    if not table.rows:
        print("no certified problems at hand: set MLCRAFT_SHARED to the folder that holds reference/nist")
        return 0
    table.notes.append("Limit: what exact arithmetic gives on the same float64 columns. NIST prints 15 digits at most.")
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
