"""The run: every solver's curve on a problem, each level from the start, timed interleaved, judged apart.

First each curve is walked once, level by level (iteration limits that grow, or tolerances that tighten), until the gap
is at the floor, the solver stops by itself or its time is up: that gives the gaps, and estimates of the times. Then all
levels of all curves are timed in rounds, in an order drawn anew each round.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.convergence.library import Fit, Library, Solver
from benchmarks.convergence.objective import Problem
from benchmarks.convergence.reference import Reference, reference
from benchmarks.limits import Limits
from benchmarks.logistic import TooLongError, at_most
from benchmarks.table import machine
from benchmarks.timing import seconds_of, settle, time_interleaved, undisturbed

#: A curve ends when so much tighter a limit brings next to nothing: it has reached what arithmetic or solver give.
PATIENCE = 8.0
FORMAT = 1
#: Seconds that a first call may take, which is not timed: compilers are slow.
COMPILING = 90.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How far and how often."""

    floor: float = 1e-10
    target: float = 1e-6
    cap: float = 10.0
    budget: float = 60.0
    repeats: int = 5
    rows: int | None = None
    solvers: tuple[str, ...] = ()
    quick: bool = False


@dataclass(slots=True)
class Point:
    """One level of a curve."""

    level: float
    estimate: float
    objective: float
    gap: float
    passes: float
    iterations: float
    samples: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(self.samples) if self.samples else math.nan


@dataclass(slots=True)
class Curve:
    """What one solver of one library did."""

    library: Library
    solver: Solver
    points: list[Point] = field(default_factory=list)
    remark: str = ""


def run(
    problems: Iterable[tuple[str, Callable[[], Problem]]],
    known: dict[str, Library],
    settings: Settings,
    save: Callable[[dict[str, Any]], Any] | None = None,
) -> dict[str, Any]:
    """Everything of a run as plain data: what the report is made of. ``save`` gets what there is after each problem."""
    skipped = {library.name: why for library in known.values() if (why := library.missing())}
    present = [library for library in known.values() if library.name not in skipped]
    for name, why in skipped.items():
        print(f"{name}: {why}, skipped", file=sys.stderr)
    limits = Limits(quick=settings.quick)
    data: dict[str, Any] = {
        "format": FORMAT,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "threads": {},
        "versions": versions(present),
        "libraries": {library.name: {"key": library.key, "colour": library.colour} for library in known.values()},
        "skipped": skipped,
        "settings": {name: getattr(settings, name) for name in Settings.__dataclass_fields__},
        "problems": [],
    }
    for name, make in problems:
        data["problems"].append(run_problem(name, make, present, settings, limits))
        data["threads"] = threads()  # pools appear as libraries start them
        if save is not None:
            save(data)
    return data


def run_problem(
    name: str, make: Callable[[], Problem], present: list[Library], settings: Settings, limits: Limits
) -> dict[str, Any]:
    """One problem: its optimum, its curves, the machine's limits in the same minutes."""
    print(f"{name}: the optimum", file=sys.stderr, flush=True)
    problem = make()
    if settings.rows is not None:
        problem = problem.first_rows(settings.rows)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        best = reference(problem)
    print(f"  {best.method}, {time.perf_counter() - began:.1f} s, known to {best.certificate:.0e}", file=sys.stderr)
    curves = []
    for library in present:
        for solver in _solvers(library, problem, settings):
            curve = Curve(library, solver)
            walk(curve, problem, best, settings)
            last = curve.points[-1].gap if curve.points else math.nan
            said = f"gap {last:.0e} in {len(curve.points)} levels {curve.remark}".rstrip()
            print(f"  {library.name} {solver.name}: {said}", file=sys.stderr, flush=True)
            curves.append(curve)
    rates = limits.take(time_interleaved(limits.calls("float64"), repeats=3 if settings.quick else 7))
    time_points(curves, settings)
    return _as_data(problem, best, curves, rates)


def _solvers(library: Library, problem: Problem, settings: Settings) -> list[Solver]:
    asked = settings.solvers
    chosen = []
    try:
        offered = list(library.solvers(problem))
    except Exception as error:  # a library that has changed must not end the run
        print(f"  {library.name}: {type(error).__name__}: {error}", file=sys.stderr)
        offered = []
    for solver in offered:
        names = {solver.name, f"{library.key}:{solver.name}"}
        if (names & set(asked)) if asked else solver.usual:
            chosen.append(solver)
    return chosen


def walk(curve: Curve, problem: Problem, best: Reference, settings: Settings) -> None:
    """Go along the levels once; every level's gap by the one objective."""
    deadline, warm = time.perf_counter() + settings.cap, False
    for level in curve.solver.levels:
        left = deadline - time.perf_counter()
        recent = [point.estimate for point in curve.points[-2:]]
        if left <= 0 or (recent and 1.3 * max(recent) > left):
            curve.remark = f"stopped after {settings.cap:g} s"
            return
        try:
            if not warm:  # lazy imports, compilers and thread pools are not the solver's time
                _once(curve.solver.fit, curve.solver.levels[:4][-1], max(settings.cap, COMPILING))
                deadline, warm = time.perf_counter() + settings.cap, True
                left = settings.cap
            fit, seconds = _once(curve.solver.fit, level, left)
        except TooLongError:
            curve.remark = f"stopped after {settings.cap:g} s"
            return
        except Exception as error:  # a peer that cannot do a problem must not end the run
            curve.remark = f"{type(error).__name__}: {error}".splitlines()[0][:160]
            return
        objective = problem.objective(fit.coef, fit.intercept)
        gap = best.gap(objective)
        curve.points.append(Point(level, seconds, objective, gap, fit.passes, fit.iterations))
        curve.remark = fit.remark
        if gap <= settings.floor or fit.ended or stagnant(curve):
            return


def stagnant(curve: Curve) -> bool:
    """Whether iterations times 8, or a tolerance by 4 decades, changed the best gap by less than a tenth.

    Slow starters (a gap above 1e-3 within the first thousand iterations) are given time.
    """
    last = curve.points[-1]
    if curve.solver.knob == "iterations":
        if last.gap > 1e-3 and last.level < 1_000:
            return False
        before = [point.gap for point in curve.points if point.level * PATIENCE <= last.level]
    else:
        before = [point.gap for point in curve.points if point.level >= last.level * 1e4]
    return bool(before) and min(before) < 1.1 * min(point.gap for point in curve.points)


def _once(fit: Callable[[Any], Fit], level: float, left: float) -> tuple[Fit, float]:
    with at_most(left):
        start = time.perf_counter()
        found = fit(level)
        return found, time.perf_counter() - start


def time_points(curves: list[Curve], settings: Settings) -> None:
    """Time every level of every curve, round after round, in an order drawn anew each round."""
    points = [(curve, point) for curve in curves for point in curve.points]
    if not points:
        return
    share = settings.budget / len(points)
    wanted = {id(point): _samples(point, share, settings) for _, point in points}
    order = random.Random(0)
    with undisturbed():
        for turn in range(settings.repeats):
            order.shuffle(points)
            for curve, point in points:
                if len(point.samples) < wanted[id(point)] and turn < settings.repeats:
                    settle()
                    times = max(1, math.ceil(1e-3 / max(point.estimate, 1e-6)))
                    if times > 1:
                        curve.solver.fit(point.level)  # wakes the caches that the pause let go cold
                    point.samples.append(seconds_of(lambda c=curve, p=point: c.solver.fit(p.level), times))


def _samples(point: Point, share: float, settings: Settings) -> int:
    """As many as its share of the time allows; three at least, one if a single one takes several shares."""
    fewest = 3 if point.estimate < 4 * share else 1
    return min(settings.repeats, max(fewest, int(share / max(point.estimate, 1e-6))))


def threads() -> dict[str, Any]:
    """Threads of every pool in the process, and the environment that sets them."""
    from threadpoolctl import threadpool_info

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pools: dict[str, int] = {}
    for pool in threadpool_info():
        name = str(pool["internal_api"])
        pools[name] = max(pools.get(name, 0), int(pool["num_threads"]))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_WAIT_POLICY")
    return {
        "cores": cores,
        "pools": pools,
        "environment": {name: os.environ[name] for name in names if name in os.environ},
    }


def versions(present: list[Library]) -> dict[str, str]:
    found = {library.name: library.version() for library in present}
    if "liblinear" in found:
        found["liblinear"] = f"in scikit-learn {found['liblinear']}"
    return found | {name: metadata.version(name) for name in ("numpy", "scipy")}


def _as_data(problem: Problem, best: Reference, curves: list[Curve], rates: Any) -> dict[str, Any]:
    X = problem.X
    return {
        "name": problem.name,
        "title": problem.title,
        "source": problem.source,
        "rows": int(X.shape[0]),
        "columns": int(X.shape[1]),
        "stored": int(X.nnz) if problem.sparse else int(X.size),
        "bytes": problem.nbytes,
        "loss": problem.loss,
        "parameter": problem.parameter,
        "l1": problem.l1,
        "l2": problem.l2,
        "intercept": problem.fit_intercept,
        "weighted": problem.sample_weight is not None,
        "reference": {
            "value": best.value,
            "null": best.null,
            "certificate": _number(best.certificate),
            "method": best.method,
        },
        "limits": {"bytes_per_second": rates.read, "flops_per_second": rates.multiply},
        "curves": [
            {
                "library": curve.library.name,
                "solver": curve.solver.name,
                "knob": curve.solver.knob,
                "counted": curve.solver.counted,
                "remark": curve.remark,
                "points": [_point(point) for point in curve.points],
            }
            for curve in curves
        ],
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "level": point.level,
        "seconds": _number(point.seconds),
        "samples": point.samples,
        "passes": _number(point.passes),
        "iterations": _number(point.iterations),
        "objective": _number(point.objective),
        "gap": _number(point.gap),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
