"""The cases of the table: what is fitted, what bounds the time, and which speed-up is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.data import Problem, make_problem, real_problems


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table.

    ``target`` is the speed-up over scikit-learn to reach. ``at_most`` is an absolute bound in seconds.
    ``bounded`` says whether the two machine limits mean anything (a call of some microseconds is bounded by
    Python instead).
    """

    name: str
    title: str
    make: Callable[[], Problem]
    target: float | None = None
    at_most: float | None = None
    bounded: bool = True
    options: dict[str, Any] = field(default_factory=dict)


def _case(
    name: str,
    title: str,
    n: int,
    p: int,
    target: float,
    *,
    quick: bool,
    at_most: float | None = None,
    bounded: bool = True,
    **options: Any,
) -> Case:
    """A synthetic case; the quick version has a tenth of the rows (but stays tall)."""
    rows = n if not quick or n <= 1000 else max(n // 10, 3 * p)
    label = f"{title}, {p} columns" if options.get("kind") == "predict" else f"{title} {rows:,} x {p:,}"
    return Case(name, label, lambda: make_problem(rows, p, **options), target, at_most, bounded, options)


def synthetic_cases(quick: bool = False) -> list[Case]:
    """The ten cases that are asked for, in the order of the table.

    Examples
    --------
    >>> [case.name for case in synthetic_cases()][:3]
    ['ols_tiny', 'ols_narrow', 'ols_medium']
    """
    return [
        _case("ols_tiny", "OLS", 500, 5, 8, quick=quick, at_most=100e-6, bounded=False),
        _case("ols_narrow", "OLS", 1_000_000, 20, 40, quick=quick),
        _case("ols_medium", "OLS", 100_000, 200, 12, quick=quick),
        _case("ols_wide", "OLS", 20_000, 1_000, 7, quick=quick),
        _case("ridge_wide", "ridge", 20_000, 1_000, 1.4, quick=quick, alpha=100.0),
        _case("ols_weighted", "weighted OLS", 1_000_000, 20, 20, quick=quick, weighted=True),
        _case("ols_targets", "50 targets, OLS", 100_000, 100, 10, quick=quick, targets=50),
        _case("ols_float32", "float32 OLS", 200_000, 100, 15, quick=quick, dtype=np.float32),
        _case("nnls", "non-negative OLS", 20_000, 200, 6, quick=quick, positive=True),
        _case("predict_row", "predict one row", 20_000, 20, 8, quick=quick, kind="predict", bounded=False),
    ]


def real_cases() -> list[Case]:
    """OLS on the real data sets that are at hand."""
    return [Case(name, name.replace("_", " "), make) for name, make in real_problems()]


def choose(cases: list[Case], names: list[str] | None) -> list[Case]:
    """Those of the cases whose name contains one of the given words."""
    if not names:
        return cases
    chosen = [case for case in cases if any(word in case.name for word in names)]
    if not chosen:
        known = ", ".join(case.name for case in cases)
        raise SystemExit(f"no case matches {' '.join(names)}; there are: {known}")
    return chosen
