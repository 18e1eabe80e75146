"""The work of ``mlcraft bench``: which solver comes near the optimum first, on the user's own table.

Each solver is run from the start with iteration limits that grow, until its coefficients, judged in NumPy, are within
the gap; the smallest limit that does is looked for between the last two. Then these runs are timed in turns.
"""

from __future__ import annotations

import json
import math
import statistics
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlcraft.cli.bench_problem import Doubles, Task, optimum, read_task
from mlcraft.cli.errors import CommandError, listing
from mlcraft.cli.fitting import check_writable

SOLVERS = ("auto", "direct", "newton", "newton-cg", "lbfgs", "nesterov", "gd", "saga")
TIGHT = 1e-14
_MOST_LEVELS = 24


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run leaves; `chosen` is the solver that auto chose."""

    coef: Doubles
    intercept: Doubles
    n_iter: int
    passes: float = math.nan
    ended: bool = True
    chosen: str = ""


#: From a limit of iterations to what is found within it.
Run = Callable[[int], Outcome]


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What the user asked for."""

    data: str | None = None
    target: str | None = None
    loss: str | None = None
    alpha: float | None = None
    solvers: Sequence[str] = ()
    gap: float = 1e-6
    seconds: float = 3.0
    drop: Collection[str] = ()
    keep: Collection[str] = ()
    figure: str | None = None
    json: str | None = None


@dataclass(slots=True)
class Step:
    """One run: its limit of iterations, seconds, and the objective of its coefficients."""

    limit: int
    seconds: float
    objective: float
    passes: float
    n_iter: int
    ended: bool


@dataclass(slots=True)
class Racer:
    """One solver: how to run it, what it did, and how long the run within the gap takes."""

    name: str
    run: Run
    steps: list[Step] = field(default_factory=list)
    best: tuple[float, Doubles, Doubles] | None = None
    reached: Step | None = None
    samples: list[float] = field(default_factory=list)
    remark: str = ""
    chosen: str = ""

    @property
    def seconds(self) -> float:
        """Median of the timed runs; NaN if the gap was not reached."""
        return statistics.median(self.samples) if self.samples else math.nan


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Everything the report shows; racers by their times."""

    options: BenchOptions
    task: Task
    value: float
    null: float
    left: float
    racers: list[Racer]

    def gap(self, objective: float) -> float:
        """Return what is left of the way from the best constant to the optimum."""
        return (objective - self.value) / (self.null - self.value)


def run_bench(options: BenchOptions) -> BenchResult:
    """Read, encode, find the optimum, race, and write what was asked for.

    Examples
    --------
    >>> result = run_bench(BenchOptions(solvers=["direct"]))
    >>> result.racers[0].name, result.gap(result.racers[0].reached.objective) < 1e-6
    ('direct', True)
    """
    for path in (options.figure, options.json):
        if path is not None:
            check_writable(path)
    task = read_task(
        options.data, options.target, loss=options.loss, alpha=options.alpha, drop=options.drop, keep=options.keep
    )
    racers = _racers(task, options)
    for racer in racers:
        _walk(racer, task, options)
    finished = [racer.best for racer in racers if racer.best is not None]
    if not finished:
        raise CommandError("no solver finished a run: " + "; ".join(f"{r.name}: {r.remark}" for r in racers[:3]))
    _, coef, intercept = min(finished, key=lambda found: found[0])
    value, left = optimum(task, coef, intercept)
    value, null = min(value, *(found[0] for found in finished)), task.null_value()
    if not null > value:
        raise CommandError(f"the columns say nothing about '{task.target}': no solver beats the best constant")
    result = BenchResult(options, task, value, null, left / (null - value), racers)
    for racer in racers:
        _narrow(racer, result)
    _time(racers, options.seconds)
    racers.sort(
        key=lambda racer: (math.isnan(racer.seconds), racer.seconds if racer.samples else _best_gap(racer, result))
    )
    if options.json is not None:
        Path(options.json).write_text(json.dumps(as_data(result), indent=1) + "\n", encoding="utf-8")
    if options.figure is not None:
        from mlcraft.cli.bench_figure import draw

        draw(result, options.figure)
    return result


def _best_gap(racer: Racer, result: BenchResult) -> float:
    return min((result.gap(step.objective) for step in racer.steps), default=math.inf)


def _racers(task: Task, options: BenchOptions) -> list[Racer]:
    from mlcraft.solve import solvers_for

    allowed = ("auto", *solvers_for(task.loss, "l2" if task.alpha > 0 else None))
    unknown = [name for name in options.solvers if name not in (*allowed, "scikit-learn")]
    if unknown:
        fit = listing([*allowed, "scikit-learn"], limit=20)
        raise CommandError(f"--solver: '{unknown[0]}' does not solve {task.loss} with an L2 penalty; these do: {fit}")
    wanted = options.solvers or [*(name for name in SOLVERS if name in allowed), "scikit-learn"]
    racers = [Racer(name, _own(task, name)) for name in wanted if name != "scikit-learn"]
    return racers + (_peers(task) if "scikit-learn" in wanted else [])


def _own(task: Task, name: str) -> Run:
    from mlcraft.solve import solve

    def run(limit: int) -> Outcome:
        penalty: dict[str, Any] = {"penalty": "l2", "alpha": task.alpha} if task.alpha > 0 else {"penalty": None}
        found = solve(task.X, task.y, loss=task.loss, solver=name, max_iter=limit, tol=TIGHT, seed=0, **penalty)
        ended = found.status not in ("max_iter", "max_time")
        coef, intercept = np.atleast_2d(found.coef), np.atleast_1d(found.intercept)
        return Outcome(coef, intercept, int(found.n_iter), float(found.passes), ended, found.solver)

    return run


def _peers(task: Task) -> list[Racer]:
    """scikit-learn's estimators of the same objective."""
    from sklearn import linear_model

    n, alpha = len(task.y), task.alpha
    makers: dict[str, Callable[..., Any]] = {}
    if task.loss == "squared":
        makers["cholesky"] = partial(linear_model.Ridge, alpha=alpha * n, solver="cholesky")
    elif task.loss in ("logistic", "multinomial"):
        C = 1.0 / (alpha * n) if alpha > 0 else np.inf
        for name in ("lbfgs", *(["newton-cholesky"] if task.X.shape[1] * task.outputs <= 1_000 else [])):
            makers[name] = partial(linear_model.LogisticRegression, C=C, solver=name, tol=1e-300)
    elif task.loss == "poisson":
        for name in ("lbfgs", "newton-cholesky"):
            makers[name] = partial(linear_model.PoissonRegressor, alpha=alpha, solver=name, tol=1e-300)
    return [Racer(f"scikit-learn {name}", _peer(task, maker)) for name, maker in makers.items()]


def _peer(task: Task, make: Callable[..., Any]) -> Run:
    def run(limit: int) -> Outcome:
        model = make(max_iter=limit).fit(task.X, task.y)
        made = getattr(model, "n_iter_", None)
        n_iter = 1 if made is None else int(np.max(made))
        coef = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
        return Outcome(coef, np.atleast_1d(model.intercept_), n_iter, ended=made is None or n_iter < limit)

    return run


def _step(racer: Racer, task: Task, limit: int) -> Step:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a limit that is too low is the point
        start = time.perf_counter()
        found = racer.run(limit)
        seconds = time.perf_counter() - start
    objective = task.objective(found.coef, found.intercept)
    step = Step(limit, seconds, objective, found.passes, found.n_iter, found.ended)
    if racer.best is None or objective < racer.best[0]:
        racer.best = objective, found.coef, found.intercept
    racer.chosen = found.chosen if found.chosen != racer.name else ""
    racer.steps.append(step)
    return step


def _walk(racer: Racer, task: Task, options: BenchOptions) -> None:
    """Double the limit until the solver ends by itself, stands still, or its time is up."""
    deadline, limit = time.perf_counter() + options.seconds, 1
    try:
        _step(racer, task, 1)  # lazy imports and thread pools are not the solver's time
        racer.steps.clear()
        for _ in range(_MOST_LEVELS):
            step = _step(racer, task, limit)
            recent = [earlier.objective for earlier in racer.steps[-5:-1]]
            still = len(recent) == 4 and step.objective > 0.9999999 * min(recent) and limit > 1_000
            if step.ended or still:
                return
            if time.perf_counter() + 2.2 * step.seconds > deadline:
                racer.remark = f"stopped after {options.seconds:g} s"
                return
            limit *= 2
    except (ValueError, MemoryError, FloatingPointError) as error:
        racer.remark = str(error).splitlines()[0]


def _narrow(racer: Racer, result: BenchResult) -> None:
    """Find the smallest limit within the gap, between the last that is not and the first that is."""

    def good(step: Step) -> bool:
        return result.gap(step.objective) <= result.options.gap

    within = [step for step in racer.steps if good(step)]
    if not within:
        racer.remark = racer.remark or "ends before"
        return
    high = min(within, key=lambda step: step.limit)
    low = max((step.limit for step in racer.steps if step.limit < high.limit), default=0)
    top = min(high.limit, max(high.n_iter, 1)) if high.ended else high.limit
    while top - low > max(1, top // 16):
        middle = (low + top) // 2
        step = _step(racer, result.task, middle)
        if good(step):
            high, top = step, middle
        else:
            low = middle
    racer.reached, racer.remark = high, ""


def _time(racers: Sequence[Racer], seconds: float) -> None:
    """Time the runs that are within the gap, in turns: every solver meets the same weather."""
    ready = [racer for racer in racers if racer.reached is not None]
    for turn in range(9):
        for racer in ready:
            assert racer.reached is not None
            spent = sum(racer.samples)
            if turn >= 3 and spent > seconds / 2:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                start = time.perf_counter()
                racer.run(racer.reached.limit)
                racer.samples.append(time.perf_counter() - start)


def as_data(result: BenchResult) -> dict[str, Any]:
    """Return plain data for a JSON file."""
    task = result.task
    return {
        "data": task.source,
        "target": task.target,
        "rows": int(task.X.shape[0]),
        "columns": int(task.X.shape[1]),
        "loss": task.loss,
        "alpha": task.alpha,
        "gap": result.options.gap,
        "optimum": {"value": result.value, "null": result.null, "left": result.left},
        "machine": machine(),
        "solvers": [
            {
                "name": racer.name,
                "chosen": racer.chosen,
                "seconds": None if math.isnan(racer.seconds) else racer.seconds,
                "samples": racer.samples,
                "limit": None if racer.reached is None else racer.reached.limit,
                "remark": racer.remark,
                "runs": [
                    {
                        "limit": step.limit,
                        "seconds": step.seconds,
                        "passes": None if math.isnan(step.passes) else step.passes,
                        "gap": result.gap(step.objective) if math.isfinite(step.objective) else None,
                    }
                    for step in sorted(racer.steps, key=lambda step: step.limit)
                ],
            }
            for racer in result.racers
        ],
    }


def machine() -> dict[str, Any]:
    """Return cores, threads and versions, for every output."""
    import os
    import platform
    from importlib import metadata

    from threadpoolctl import threadpool_info

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pools = {str(pool["internal_api"]): int(pool["num_threads"]) for pool in threadpool_info()}
    names = ("mlcraft", "numpy", "scipy", "scikit-learn")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "(not installed)"
    return {"cores": cores, "threads": pools, "versions": versions}
