"""The table: mlcraft, scikit-learn and the installed peers on the cases, interleaved."""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Case, choose, real_cases, synthetic_cases
from benchmarks.contestants import BASELINE, CONTESTANTS, OURS, Contestant, installed_contestants
from benchmarks.data import Problem
from benchmarks.limits import Limit, Limits, Work
from benchmarks.quality import Reference, reference, suboptimality
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, Timing, time_interleaved

#: To be at least this much faster than each of these on every case.
PEER_TARGET = 1.7
PEERS_TO_BEAT = ("sklearnex", "numpy")


@dataclass(slots=True)
class CaseResult:
    """Times and answers of everybody on one case."""

    case: Case
    shape: tuple[int, int]
    timings: dict[str, Timing]
    gaps: dict[str, float]
    work: Work
    limit: Limit | None = None

    def seconds(self, name: str) -> float:
        return self.timings[name].median if name in self.timings else math.nan

    def speed_up(self, name: str = OURS, over: str = BASELINE) -> float:
        return self.seconds(over) / self.seconds(name)

    def best_peer(self) -> tuple[str, float]:
        """The fastest of the others but scikit-learn, and how many times as long it takes as mlcraft."""
        ratios = {name: self.speed_up(over=name) for name in self.timings if name not in (OURS, BASELINE)}
        if self.case.options.get("kind") == "predict":
            ratios.pop("numpy", None)  # x @ coef + intercept is not a model; shown, not compared
        ratios = {name: ratio for name, ratio in ratios.items() if not math.isnan(ratio)}
        if not ratios:
            return "", math.nan
        best = min(ratios, key=lambda name: ratios[name])
        return best, ratios[best]

    def peers_beaten(self) -> bool:
        """Whether the asked-for lead over the peers named in `PEERS_TO_BEAT` is there."""
        names = [
            name
            for name in PEERS_TO_BEAT
            if name in self.timings and not (name == "numpy" and self.case.options.get("kind") == "predict")
        ]
        return all(not self.speed_up(over=name) < PEER_TARGET for name in names)

    def target_reached(self) -> bool:
        late = self.case.at_most is not None and not self.seconds(OURS) <= self.case.at_most
        return not late and (self.case.target is None or self.speed_up() >= self.case.target)

    def fraction(self) -> tuple[float, str]:
        """Share of the machine's limit that mlcraft reaches (fastest over fastest), and which limit."""
        if self.limit is None or OURS not in self.timings:
            return math.nan, ""
        seconds, kind = self.limit.of(self.work)
        return seconds / self.timings[OURS].minimum, kind


def _gaps(
    problem: Problem, best: Reference, timings: dict[str, Timing], contestants: list[Contestant]
) -> dict[str, float]:
    """Suboptimality of each answer; for predictions the relative error of the prediction."""
    gaps = {}
    for contestant in contestants:
        timing = timings.get(contestant.name)
        if timing is None or not timing.measured:
            continue
        if problem.kind == "predict":
            expected = problem.X[:1] @ best.coef + best.intercept
            error = np.abs(np.asarray(timing.result).ravel() - expected.ravel())
            gaps[contestant.name] = float(error.max() / np.abs(expected).max())
        else:
            gaps[contestant.name] = suboptimality(best, *contestant.extract(timing.result))
    return gaps


def run_case(
    case: Case, contestants: list[Contestant], limits: Limits, *, budget: float, repeats: int | None
) -> CaseResult:
    """Make the data, time everybody, judge the answers, look at the limits again."""
    problem = case.make()
    calls: dict[str, Call] = {}
    for contestant in contestants:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call = contestant.prepare(problem)
        if call is not None:
            calls[contestant.name] = call
    probes = limits.calls(problem.X.dtype.name) if case.bounded else {}
    timings = time_interleaved(calls | probes, budget=budget, repeats=repeats)
    limit = limits.take(timings) if case.bounded else None
    gaps = _gaps(problem, reference(problem), timings, contestants)
    for timing in timings.values():
        timing.result = None
    return CaseResult(case, problem.X.shape, timings, gaps, Work.of_problem(problem), limit)


def _time_cell(result: CaseResult, name: str) -> str:
    timing = result.timings.get(name)
    if timing is None:
        return "-"
    if not timing.measured:
        return "fails\n" + timing.error.partition(":")[0]
    gap = result.gaps[name]
    return f"{duration(timing.median)} ({duration(timing.minimum)})\n" + ("wrong" if math.isinf(gap) else f"{gap:.0e}")


def _ratio_cells(result: CaseResult) -> list[str]:
    if OURS not in result.timings or not result.timings[OURS].measured:
        return ["-", "-", "-", "-"]
    target = "-" if result.case.target is None else f"{mark(result.target_reached())} {result.case.target:g}"
    if result.case.at_most is not None:
        target += f"\n< {duration(result.case.at_most)}"
    peer, ratio = result.best_peer()
    best = f"{ratio:.1f} {mark(result.peers_beaten())}\n{peer}" if peer else "-"
    share, kind = result.fraction()
    fraction = "-" if math.isnan(share) else f"{100 * share:.0f} %\n{kind}"
    return [f"{result.speed_up():.1f}", target, best, fraction]


def as_table(results: list[CaseResult], limits: Limits, contestants: list[Contestant], *, quick: bool) -> Table:
    """The one table of the benchmark."""
    present = {contestant.name for contestant in contestants}
    titles = [contestant.title.replace("NumPy normal", "NumPy\nnormal") for contestant in CONTESTANTS]
    headers = ["case", *titles, "× sklearn", "target", "× best peer", "of limit"]
    rows = []
    for result in results:
        times = [_time_cell(result, contestant.name) for contestant in CONTESTANTS]
        rows.append([result.case.title, *times, *_ratio_cells(result)])
    missing = [contestant.title for contestant in CONTESTANTS if contestant.name not in present]
    notes = [
        "Cells: median (fastest) time of a call; below it the suboptimality (f - f*) / f(null), worked",
        "out apart from every contestant (for predictions: their relative error).",
        f"Target: times as fast as scikit-learn. Best peer: {mark(True)} when at least {PEER_TARGET} times",
        "faster than scikit-learn-intelex and than NumPy. Interleaved, garbage collection off, all cores,",
        "default settings. Of limit: the time that the binding limit allows (Gram: n p² flops; pass: one",
        "read of the data), measured in the same rounds, over mlcraft's, fastest over fastest.",
        f"Best rates of the run: {limits.describe()}.",
        f"Machine: {machine()}.",
        "Versions: " + ", ".join(f"{c.distribution} {c.version()}" for c in contestants) + ".",
    ]
    if quick:
        notes.append("Quick sizes: the targets are meant for the full ones.")
    if missing:
        notes.append(f"Not measured here: {', '.join(missing)}.")
    return Table("Least squares: one fit, end to end", headers, rows, notes, separated=True)


def as_json(results: list[CaseResult], limits: Limits, contestants: list[Contestant]) -> dict[str, Any]:
    """Everything measured, every sample included."""

    def entry(result: CaseResult) -> dict[str, Any]:
        peer, ratio = result.best_peer()
        return {
            "name": result.case.name,
            "title": result.case.title,
            "rows": result.shape[0],
            "columns": result.shape[1],
            "target": result.case.target,
            "at_most_seconds": result.case.at_most,
            "speed_up": _number(result.speed_up()),
            "target_reached": result.target_reached(),
            "best_peer": peer,
            "times_best_peer": _number(ratio),
            "peers_beaten": result.peers_beaten(),
            "limit": None if result.limit is None else result.limit.of(result.work),
            "fraction_of_limit": _number(result.fraction()[0]),
            "contestants": {
                name: {
                    "median": _number(timing.median),
                    "minimum": _number(timing.minimum),
                    "calls_per_sample": timing.calls_per_sample,
                    "samples": timing.samples,
                    "suboptimality": _number(result.gaps.get(name, math.nan)),
                    "error": timing.error,
                }
                for name, timing in result.timings.items()
            },
        }

    return {
        "machine": machine(),
        "versions": {c.distribution: c.version() for c in contestants},
        "limits": limits.best,
        "cases": [entry(result) for result in results],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and little time for each case")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases whose name contains one of these words")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of everybody (default: as the time allows)")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="time for each case (default 15, quick 1)")
    parser.add_argument(
        "--peers",
        nargs="+",
        metavar="PEER",
        help="measure only these beside mlcraft and scikit-learn: "
        + ", ".join(c.name for c in CONTESTANTS if c.name not in (OURS, BASELINE)),
    )
    parser.add_argument("--real", action="store_true", help="real data sets instead of synthetic ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the speed-ups (needs matplotlib)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as Markdown")


def main(arguments: argparse.Namespace) -> int:
    contestants = installed_contestants(arguments.peers)
    if OURS not in {contestant.name for contestant in contestants}:
        print("mlcraft cannot be imported here: measuring the others only.", file=sys.stderr)
    cases = choose(real_cases() if arguments.real else synthetic_cases(arguments.quick), arguments.only)
    if not cases:
        raise SystemExit("no real data set at hand: set MLCRAFT_SHARED to the folder that holds data/load.py")
    limits = Limits(quick=arguments.quick)
    budget = arguments.budget or (1.0 if arguments.quick else 15.0)
    results = []
    for number, case in enumerate(cases, 1):
        print(f"[{number}/{len(cases)}] {case.title}", file=sys.stderr, flush=True)
        results.append(run_case(case, contestants, limits, budget=budget, repeats=arguments.repeats))
    table = as_table(results, limits, contestants, quick=arguments.quick)
    table.show()
    report = as_json(results, limits, contestants)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(table.markdown() + "\n", encoding="utf-8")
    if arguments.chart:
        from benchmarks.chart import draw

        draw(report, arguments.chart)
    return 0
