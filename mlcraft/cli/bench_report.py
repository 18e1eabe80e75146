"""The report of ``mlcraft bench``."""

from __future__ import annotations

import math

from rich.console import Console
from rich.text import Text

from mlcraft.cli.bench import BenchResult, Racer, machine
from mlcraft.cli.report import format_seconds, make_table, number, print_facts, print_heading, print_remark, printable

_NAMES = {
    "squared": "least squares, the target at unit standard deviation",
    "logistic": "logistic regression",
    "multinomial": "multinomial regression",
    "squared_hinge": "squared hinge",
    "poisson": "Poisson regression",
}
_WIDE = 88
_EXPLAINED = (
    "gap: (f - f*) / (f of the best constant - f*), worked out in NumPy from the coefficients; each run from the start,"
    " at the smallest limit of iterations within the gap; median of runs in turns; passes: reads of X"
)


def print_bench(console: Console, result: BenchResult) -> None:
    """Print the whole report."""
    task = result.task
    rows, columns = task.X.shape
    lines = [
        ("data", f"{task.source}: {rows:,} rows, {task.n_columns:,} columns, {columns:,} after encoding"),
        ("target", f"{task.target}{_classes(task.classes)}: {_NAMES[task.loss]}"),
        ("problem", f"mean of {task.loss} losses + {task.alpha:.3g} |coef|^2 / 2, columns at unit standard deviation"),
        ("optimum", f"{result.value:.9g}, by Newton's method in NumPy; {result.left:.0e} of the gap may be left of it"),
    ]
    print_facts(console, lines + [("note", text) for text in task.remarks])
    print_heading(console, f"Time to a gap of {result.options.gap:.0e}")
    _print_racers(console, result)
    print_remark(console, _EXPLAINED)
    print_machine(console)
    print_verdict(console, result)
    for path in (result.options.figure, result.options.json):
        if path is not None:
            console.print(Text(f"Wrote {printable(path)}", style="green"))


def _classes(classes: tuple[str, ...]) -> str:
    if not classes:
        return ""
    shown = ", ".join(classes[:4])
    return f" ({shown}{', ...' if len(classes) > 4 else ''})"


def _print_racers(console: Console, result: BenchResult) -> None:
    wide = console.width >= _WIDE
    grid = make_table()
    grid.add_column("solver", no_wrap=True)
    for name in ("time", "x fastest", "iterations", *(("passes",) if wide else ()), "gap"):
        grid.add_column(name, justify="right", no_wrap=True)
    leader = result.racers[0].seconds
    for racer in result.racers:
        cells: list[str | Text] = [Text(_label(racer)), *_cells(racer, result, leader)]
        if not wide:
            del cells[4]
        grid.add_row(*cells, style="bold" if racer is result.racers[0] and racer.samples else "")
    console.print(grid)
    remarks: dict[str, list[str]] = {}
    for racer in result.racers:
        if racer.remark:
            remarks.setdefault(racer.remark, []).append(racer.name)
    for text, names in remarks.items():
        print_remark(console, printable(f"{text}: {', '.join(names)}"))


def _label(racer: Racer) -> str:
    return f"{racer.name} ({racer.chosen})" if racer.chosen else racer.name


def _cells(racer: Racer, result: BenchResult, leader: float) -> list[str]:
    step = racer.reached
    if step is None or math.isnan(racer.seconds):
        best = min((result.gap(step.objective) for step in racer.steps), default=math.inf)
        return ["-", "-", "-", "-", f"{best:.0e}" if math.isfinite(best) else "-"]
    passes = number(step.passes, 3) if step.passes > 0 else "-"
    gap = max(result.gap(step.objective), 0.0)
    return [format_seconds(racer.seconds), f"{racer.seconds / leader:.1f}", f"{step.n_iter:,}", passes, f"{gap:.0e}"]


def print_machine(console: Console) -> None:
    """Say on what it was measured."""
    about = machine()
    threads = ", ".join(f"{name} {count}" for name, count in about["threads"].items())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    print_remark(console, f"{about['cores']} cores; threads: {threads or 'not known'}; {versions}")


def print_verdict(console: Console, result: BenchResult) -> None:
    """Say who was first, and how to call it."""
    first = result.racers[0]
    console.print()
    if math.isnan(first.seconds):
        console.print(
            Text(f"No solver came within {result.options.gap:.0e} in its time; give them more with --seconds.")
        )
        return
    text = f"{_label(first)} is first: {format_seconds(first.seconds)}."
    auto = next((racer for racer in result.racers if racer.name == "auto"), None)
    if auto is not None and auto is not first and auto.samples:
        text += f" auto takes {auto.seconds / first.seconds:.1f} times as long."
    console.print(Text(text, style="bold"))
    if not first.name.startswith("scikit-learn"):
        task = result.task
        call = f"solve(X, y, loss={task.loss!r}, alpha={task.alpha:.6g}, solver={first.name!r})"
        print_remark(console, f"from mlcraft import solve; {call}")
