"""Time to a relative suboptimality of 1e-6: logistic and multinomial regression, beside scikit-learn and peers.

Every contestant gets the loosest setting of its tolerance, by decades, that reaches the asked-for objective; the
objective is worked out apart from all of them. Then these settings are timed, interleaved.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.limits import bandwidth_probes
from benchmarks.logistic_contestants import OURS, Contestant, contestants_of, parameters
from benchmarks.logistic_data import FOLDS, GRID, Case, Problem, cases
from benchmarks.logistic_quality import Objective, minimum
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Timing, time_interleaved

WANTED = 1e-6
#: Standard errors must agree this well.
ERRORS = 1e-6


class TooLongError(Exception):
    """A fit took longer than its share of the case."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TooLongError` in the body after so many seconds (compiled code is not interrupted within)."""

    def stop(number: int, frame: Any) -> None:
        raise TooLongError

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


class Judge:
    """Relative distance of a contestant's objective from the best one, by the objective it minimises."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.decrement = math.nan
        self._best: dict[bool, tuple[Objective, float]] = {}
        self._start: np.ndarray | None = None
        self._folds: list[list[tuple[Objective, float]]] = []
        self._errors: np.ndarray | None = None

    def _reference(self, penalised_intercept: bool) -> tuple[Objective, float]:
        if penalised_intercept not in self._best:
            objective = Objective.of(self.problem, penalised_intercept=penalised_intercept)
            self._start, value, decrement = minimum(objective, self._start)
            self.decrement = decrement if math.isnan(self.decrement) else max(decrement, self.decrement)
            self._best[penalised_intercept] = objective, value
        return self._best[penalised_intercept]

    def __call__(self, contestant: Contestant, result: Any) -> float:
        if self.problem.kind == "cv":
            return self._of_search(result)
        if self.problem.kind == "errors":
            return self._of_errors(result)
        coef, intercept = parameters(result)
        if self._start is None:  # the first answer is where the reference starts, which goes on from there
            self._start = np.column_stack([coef, np.broadcast_to(intercept, len(coef))])
        objective, best = self._reference(contestant.penalised_intercept)
        return (objective.value(np.column_stack([coef, intercept])) - best) / best

    def _of_search(self, result: Any) -> float:
        """The worst of all fits of all folds."""
        if not self._folds:
            from sklearn.model_selection import StratifiedKFold

            whole = Objective.of(self.problem)
            for train, _ in StratifiedKFold(FOLDS).split(self.problem.X, self.problem.y):
                start, row = None, []
                for C in GRID:
                    objective = whole.rows(train, C)
                    start, value, decrement = minimum(objective, start)
                    self.decrement = max(decrement, 0.0 if math.isnan(self.decrement) else self.decrement)
                    row.append((objective, value))
                self._folds.append(row)
        worst = 0.0
        for row, paths in zip(self._folds, np.asarray(result.coefs_paths_)[:, 0], strict=True):
            for (objective, best), theta in zip(row, paths, strict=True):
                worst = max(worst, (objective.value(np.atleast_2d(theta)) - best) / best)
        return worst

    def _of_errors(self, result: Any) -> float:
        """Relative error of the standard errors, against those of the reference's Hessian."""
        if self._errors is None:
            objective = Objective.of(self.problem)
            theta, _, self.decrement = minimum(objective)
            mu = objective.probabilities(objective.eta(theta))[:, 0]
            design = np.column_stack([objective.X, np.ones(len(mu))])
            information = design.T @ (design * (mu * (1.0 - mu))[:, None])
            self._errors = np.sort(np.sqrt(np.diagonal(np.linalg.inv(information))))
        assert self._errors is not None
        return float(np.max(np.abs(result / self._errors - 1.0)))


@dataclass(slots=True)
class Entry:
    """One contestant on one case: the setting found, what it reaches, its times."""

    contestant: Contestant
    tol: float = math.nan
    gap: float = math.nan
    remark: str = ""
    timing: Timing = field(default_factory=Timing)


def find_setting(contestant: Contestant, problem: Problem, judge: Judge, seconds: float) -> Entry:
    """The loosest tolerance that is good enough, looked for from loose to tight within some seconds."""
    entry = Entry(contestant)
    deadline = time.perf_counter() + seconds
    wanted = ERRORS if problem.kind == "errors" else WANTED
    for tol in contestant.tolerances:
        left = deadline - time.perf_counter()
        if left <= 0:
            entry.remark = f"more than {seconds:.0f} s"
            return entry
        try:
            with at_most(left):
                result = contestant.fit(problem, tol)
        except TooLongError:
            entry.remark = f"more than {seconds:.0f} s"
            return entry
        except Exception as error:  # a peer that cannot do a case must not end the run
            entry.remark = f"{type(error).__name__}: {error}".splitlines()[0][:60]
            return entry
        judged = time.perf_counter()
        entry.gap = judge(contestant, result)
        deadline += time.perf_counter() - judged
        if entry.gap <= wanted:
            entry.tol = tol
            return entry
    entry.remark = f"reaches {entry.gap:.0e} only"
    return entry


def run_case(case: Case, arguments: argparse.Namespace) -> tuple[Problem, Judge, list[Entry]]:
    """Find everybody's setting, then time those who reach the objective, interleaved."""
    problem = case.make()
    judge = Judge(problem)
    contestants = contestants_of(problem, arguments.peers)
    share = arguments.cap / max(1, len(contestants))
    entries = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for contestant in contestants:
            entry = find_setting(contestant, problem, judge, share)
            said = entry.remark or f"tol {entry.tol:.0e} reaches {entry.gap:.0e}"
            print(f"    {contestant.name}: {said}", file=sys.stderr, flush=True)
            entries.append(entry)
    ready = [entry for entry in entries if not math.isnan(entry.tol)]
    calls = {
        entry.contestant.name: lambda fit=entry.contestant.fit, tol=entry.tol: fit(problem, tol) for entry in ready
    }
    timings = time_interleaved(calls, budget=arguments.budget, repeats=arguments.repeats)
    for entry in ready:
        entry.timing = timings[entry.contestant.name]
        entry.timing.result = None
    return problem, judge, entries


def fastest(entries: list[Entry], family: str) -> Entry | None:
    """The fastest of a family that reaches the objective."""
    timed = [entry for entry in entries if entry.contestant.family == family and entry.timing.measured]
    return min(timed, key=lambda entry: entry.timing.median, default=None)


def read_rate() -> float:
    """Bytes a second at which a large array can be read, now."""
    values = np.ones(2**25)
    best = 0.0
    for probe in bandwidth_probes().values():
        probe(values)
        for _ in range(5):
            start = time.perf_counter()
            probe(values)
            best = max(best, values.nbytes / (time.perf_counter() - start))
    return best


def rows_of(case: Case, problem: Problem, entries: list[Entry], rate: float) -> tuple[list[str], dict[str, Any]]:
    """The case's cells, and its figures for the file."""
    mine, baseline = fastest(entries, "ours"), fastest(entries, "sklearn")
    peer = fastest(entries, "peer")
    against = peer if problem.kind == "errors" else baseline
    seconds = mine.timing.median if mine else math.nan
    ratio = against.timing.median / seconds if against else math.nan
    beside = peer.timing.median / seconds if peer else math.nan

    def cell(entry: Entry | None) -> str:
        if entry is None:
            return "-"
        return f"{duration(entry.timing.median)}\n{entry.contestant.name.removeprefix('scikit-learn ')}"

    own = next((entry for entry in entries if entry.contestant.family == "ours"), None)
    cells = [
        case.title,
        f"{duration(seconds)}\n{mine.gap:.0e}" if mine else (own.remark if own else "-"),
        cell(baseline),
        cell(peer),
        "-" if math.isnan(ratio) else f"{ratio:.1f}\n{mark(ratio >= case.target)} {case.target:g}",
        "-" if math.isnan(beside) else f"{beside:.1f}",
        "-" if math.isnan(seconds) else f"{seconds * rate / problem.nbytes:.1f}",
    ]
    figures = {
        "name": case.name,
        "title": case.title,
        "target": case.target,
        "ratio": ratio,
        "passes": seconds * rate / problem.nbytes,
        "contestants": {
            entry.contestant.name: {
                "tol": entry.tol,
                "gap": entry.gap,
                "median": entry.timing.median,
                "samples": entry.timing.samples,
                "remark": entry.remark,
            }
            for entry in entries
        },
    }
    return cells, figures


def details(results: list[tuple[str, list[Entry]]]) -> Table:
    """Everybody's setting, objective and time."""
    table = Table(
        "Everybody", ["case", "who", "tol", "suboptimality", "median", "samples", "× mlcraft"], separated=False
    )
    for title, entries in results:
        mine = fastest(entries, "ours")
        for entry in entries:
            seconds = entry.timing.median
            times = f"{seconds / mine.timing.median:.1f}" if mine and not math.isnan(seconds) else "-"
            tol = "-" if math.isnan(entry.tol) else f"{entry.tol:.0e}"
            gap = "-" if math.isnan(entry.gap) else f"{entry.gap:.0e}"
            time_cell = entry.remark or duration(seconds)
            row = [title, entry.contestant.name, tol, gap, time_cell, str(len(entry.timing.samples)), times]
            table.rows.append(row)
    return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(case.name for case in cases())
    parser.add_argument("--cases", nargs="+", metavar="NAME", help=f"only these of: {names}")
    parser.add_argument("--peers", nargs="+", metavar="WORD", help="measure only those whose name contains a word")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--cap", type=float, default=600.0, metavar="SECONDS", help="to find settings (default 600)")
    parser.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="to time them (default 20)")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of each, instead of the budget")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    chosen = cases(arguments.quick)
    if arguments.cases:
        unknown = set(arguments.cases) - {case.name for case in chosen}
        if unknown:
            raise SystemExit(f"no case {', '.join(sorted(unknown))}; there are: {', '.join(c.name for c in chosen)}")
        chosen = [case for case in chosen if case.name in arguments.cases]
    headers = ["case", "mlcraft", "scikit-learn", "best peer", "× sklearn", "× peer", "passes' worth"]
    table = Table("Logistic regression to a relative suboptimality of 1e-6", headers, separated=True)
    figures, everybody, worst, best_rate = [], [], 0.0, 0.0
    for number, case in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {case.title}", file=sys.stderr, flush=True)
        problem, judge, entries = run_case(case, arguments)
        rate = read_rate()
        best_rate, worst = max(rate, best_rate), max(worst, judge.decrement)
        cells, row = rows_of(case, problem, entries, rate)
        table.rows.append(cells)
        figures.append(row | {"reference_decrement": judge.decrement, "bytes_per_second": rate})
        everybody.append((case.title, entries))
    table.notes += [
        "Median time of a fit at the loosest tolerance (by decades) whose objective is within 1e-6 of the best; below",
        "it the suboptimality reached, or who. Asked for: the ratio to the fastest scikit-learn solver that applies",
        "(standard errors: to statsmodels). Passes' worth: mlcraft's time over one read of X at full bandwidth.",
        f"Last Newton decrement of the references: below {worst:.0e} of the objective. {best_rate / 1e9:.1f} GB/s.",
        f"Machine: {machine()}. {OURS} and all others interleaved, garbage collection off.",
    ]
    if arguments.quick:
        table.notes.append("Quick sizes: the ratios are meant for the full ones.")
    details(everybody).show()
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "cases": figures}, indent=1) + "\n")
    return 0
