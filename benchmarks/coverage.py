"""How often intervals and sets at 90 % hold the truth on real data, how wide they are and what they take, with MAPIE.

Every method sees the same random splits of every data set. The coverage shown is the mean over splits; beside it stands
whether it is within three standard deviations of 90 %, of the binomial noise of calibration and new rows together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.coverage_data import DATA_SETS, DataSet, Split, load, splits
from benchmarks.coverage_methods import INTERVALS, LEVEL, SETS, Answer, Method, has_mapie
from benchmarks.table import Table, duration, machine
from benchmarks.timing import settle

Array = NDArray[Any]


@dataclass(slots=True)
class Found:
    """What one method did on the splits of one data set."""

    coverage: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    error: str = ""

    def take(self, split: Split, answer: Answer) -> None:
        """Run it once; after an error not again."""
        if self.error:
            return
        try:
            start = time.perf_counter()
            answered = answer(split)
            seconds = time.perf_counter() - start
        except Exception as error:  # a method that cannot do a split must not end the run
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            return
        self.seconds.append(seconds)
        if answered.dtype == bool:
            self.coverage.append(float(answered[np.arange(len(split.y_new)), split.y_new].mean()))
            self.width.append(float(answered.sum(axis=1).mean()))
        else:
            inside = (answered[:, 0] <= split.y_new) & (split.y_new <= answered[:, 1])
            self.coverage.append(float(inside.mean()))
            self.width.append(float(np.nanmean(answered[:, 1] - answered[:, 0])) / split.unit)


def noise(split: Split, method: Method, count: int) -> float:
    """Standard deviation of the mean coverage over `count` splits.

    Given the data, splits are independent draws. In one the coverage of split conformal prediction is beta-binomial:
    its variance is that of the share of the calibration rows and that of the new ones together.
    """
    calibrating = len(split.y) if method.all_rows else len(split.y_cal)
    return float(np.sqrt(LEVEL * (1 - LEVEL) * (1 / calibrating + 1 / len(split.y_new)) / count))


def verdict(coverage: float, error: float) -> str:
    """A coverage with what it means.

    Examples
    --------
    >>> verdict(0.905, 0.004), verdict(0.87, 0.004), verdict(0.95, 0.004)
    ('0.905 ✓', '0.870 ✗', '0.950 +')
    """
    away = (coverage - LEVEL) / error
    return f"{coverage:.3f} {'✓' if abs(away) <= 3 else '+' if away > 0 else '✗'}"


def measure(
    data: DataSet, methods: Sequence[Method], count: int, rows: int, theirs_too: int
) -> tuple[dict[str, Any], list[list[str]]]:
    """Figures and rows of the table of one data set; MAPIE sees the first `theirs_too` splits."""
    loaded = load(data)
    if loaded is None:
        return {}, []
    two = data.task == "classification" and loaded[1].max() == 1
    methods = [method for method in methods if two or not method.two_only]
    found = {method.name: (Found(), Found()) for method in methods}
    last = None
    for split in splits(*loaded, data.task, count, rows):
        last = split
        for method in methods:
            ours, theirs = found[method.name]
            settle()
            ours.take(split, method.ours)
            if split.seed >= theirs_too or (two and not method.theirs_of_two):
                continue
            if method.theirs is not None and has_mapie():
                settle()
                theirs.take(split, method.theirs)
    assert last is not None
    lines = []
    title = f"{data.name} ({data.task})\n{len(last.y):,} of {len(loaded[1]):,} rows x {loaded[0].shape[1]}"
    columns: list[list[str]] = [[] for _ in range(8)]
    for method in methods:
        ours, theirs = found[method.name]
        errors = [noise(last, method, max(1, len(one.coverage))) for one in (ours, theirs)]
        cells = [method.name + ("" if method.promises else " *"), *_cells(ours, errors[0]), *_cells(theirs, errors[1])]
        both = bool(ours.seconds and theirs.seconds)
        cells.append(f"{np.median(theirs.seconds) / np.median(ours.seconds):.1f}" if both else "-")
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    lines.append([title, *["\n".join(column) for column in columns]])
    return {name: [asdict(one) for one in pair] for name, pair in found.items()}, lines


def _cells(found: Found, error: float) -> list[str]:
    if not found.coverage:
        return ["error" if found.error else "-", "-", "-"]
    seconds = duration(float(np.median(found.seconds)))
    return [verdict(float(np.mean(found.coverage)), error), f"{np.mean(found.width):.3g}", seconds]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="3 splits of 200 rows; says whether all works")
    parser.add_argument("--splits", type=int, default=20, metavar="N", help="random splits (default %(default)s)")
    parser.add_argument("--rows", type=int, default=600, metavar="N", help="to learn from (default %(default)s)")
    parser.add_argument("--mapie-splits", type=int, metavar="N", help="of these, those that MAPIE sees too (all)")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="data sets that contain one of these words")
    parser.add_argument("--methods", nargs="+", metavar="WORD", help="methods that contain one of these words")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every split")


def main(arguments: argparse.Namespace) -> int:
    count, rows = (3, 200) if arguments.quick else (arguments.splits, arguments.rows)
    theirs_too = count if arguments.mapie_splits is None else arguments.mapie_splits
    headers = ["data", "method", "coverage", "width", "time", "MAPIE: coverage", "width", "time", "x mlcraft"]
    table = Table(f"Coverage at {100 * LEVEL:g} %, {count} splits", headers, separated=True)
    figures: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for data in DATA_SETS:
        if arguments.only and not any(word in data.name for word in arguments.only):
            continue
        methods = [
            method
            for method in (SETS if data.task == "classification" else INTERVALS)
            if not arguments.methods or any(word in method.name for word in arguments.methods)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            print(f"{data.name} ...", file=sys.stderr)
            figures[data.name], lines = measure(data, methods, count, rows, theirs_too)
        table.rows.extend(lines)
        for name, pair in figures[data.name].items():
            for who, one in zip(("mlcraft", "MAPIE"), pair, strict=True):
                if one["error"]:
                    errors.setdefault(f"{name}, {who}: {one['error']}", []).append(data.name)
    table.notes += [f"{text} ({', '.join(where)})" for text, where in errors.items()]
    table.notes += [
        "Coverage: mean over splits; ✓ within three standard deviations of what was asked, + above, ✗ below.",
        "Width: of intervals in standard deviations of the target, of sets in labels. Time: median, all steps.",
        "*: trusts the model and promises nothing. minmax and sets of whole ranks may cover more than asked.",
        "A row without an answer (a category that no row of the fit has) counts as not covered.",
        f"Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures else 1


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    add_arguments(options)
    raise SystemExit(main(options.parse_args()))
