"""Objective gap against time and against passes, for solvers of mlcraft and of other libraries, on real data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.convergence import problems, report
from benchmarks.convergence.library import Library, known_libraries
from benchmarks.convergence.run import Settings, run

ROWS_OF_A_QUICK_LOOK = 2_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--problems", nargs="+", metavar="NAME", help="only these (--list shows all)")
    parser.add_argument("--libraries", nargs="+", metavar="NAME", help="only these (--list shows all)")
    parser.add_argument("--solvers", nargs="+", metavar="NAME", help="only these: nesterov, or scikit_learn:lbfgs")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write JSON, CSV, tables and figures there")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="make the report again from the data in a folder")
    parser.add_argument("--no-figures", action="store_true", help="tables and data only")
    parser.add_argument("--target", type=float, default=1e-6, metavar="GAP", help="the gap that is raced to (1e-6)")
    parser.add_argument("--cap", type=float, metavar="SECONDS", help="to walk one curve (10; a quick look: 1)")
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="to time one problem (60)")
    parser.add_argument("--repeats", type=int, default=5, metavar="R", help="samples of a level, at most (5)")
    parser.add_argument("--quick", action="store_true", help="few rows and one sample; says whether all works")
    parser.add_argument("--list", action="store_true", help="show problems and libraries, and leave")


def main(arguments: argparse.Namespace) -> int:
    known = known_libraries()
    if arguments.list:
        show_list(known)
        return 0
    if arguments.report is not None:
        return remake(arguments)
    unknown = sorted(set(arguments.libraries or ()) - set(known))
    if unknown:
        print(f"no library {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    try:
        chosen = problems.choose(arguments.problems)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    libraries = {key: known[key] for key in known if arguments.libraries is None or key in arguments.libraries}
    quick = arguments.quick
    settings = Settings(
        target=arguments.target,
        cap=arguments.cap or (1.0 if quick else 10.0),
        budget=min(arguments.budget, 2.0) if quick else arguments.budget,
        repeats=1 if quick else arguments.repeats,
        rows=ROWS_OF_A_QUICK_LOOK if quick else None,
        solvers=tuple(arguments.solvers or ()),
        quick=quick,
    )
    folder = arguments.out
    keep = (
        None if folder is None else lambda data: report.save(data, folder)
    )  # what is measured stays if the rest fails
    data = run([(entry.name, entry.make) for entry in chosen], libraries, settings, keep)
    for table in report.tables(data):
        table.show()
        print()
    if folder is not None:
        for path in report.write(data, folder, figures=not arguments.no_figures):
            print(path)
    return 0


def remake(arguments: argparse.Namespace) -> int:
    try:
        data = report.read(arguments.report)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for table in report.tables(data):
        table.show()
        print()
    folder = arguments.out or (arguments.report if arguments.report.is_dir() else arguments.report.parent)
    for path in report.write(data, folder, figures=not arguments.no_figures):
        print(path)
    return 0


def show_list(known: dict[str, Library]) -> None:
    print("problems:")
    for entry in problems.ENTRIES:
        state = "" if entry.available() else f"  (needs {entry.data} of shared/data)"
        print(f"  {entry.name}{state}{'' if entry.usual else '  (by name only where shared/data is at hand)'}")
    print("libraries:")
    for key, library in known.items():
        why = library.missing()
        print(f"  {key}{f'  ({why})' if why else ''}")
