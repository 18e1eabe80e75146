"""Show a fit in the terminal: plain words and two tables, readable in a pipe and in a narrow window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlcraft.cli.choose import Notice
from mlcraft.cli.compare import Scores
from mlcraft.cli.errors import plural
from mlcraft.cli.fitting import Coefficient, FitResult

if TYPE_CHECKING:
    from mlcraft.cli.classifying import ClassFit
    from mlcraft.evaluation import Report

_SHOWN_COEFFICIENTS = 20
_SHOWN_LINES = 10
_NARROW = 72  # below, intervals do not fit
_WIDE = 96
_SHORT_NAMES = 76
_TOPICS = {
    "number": "numbers",
    "boolean": "true/false",
    "missing": "missing",
    "category": "categories",
    "date": "dates",
    "dropped": "dropped",
}


def print_fit(console: Console, result: FitResult, *, show_all: bool = False) -> None:
    """Print the whole report."""
    print_facts(console, _summary(result))
    print_heading(console, "What was done to the columns")
    print_facts(console, _what_was_done(result, show_all=show_all))
    _print_coefficients(console, result, show_all=show_all)
    _print_scores(console, result)
    _print_doubts(console, result)
    if result.options.report is not None:
        console.print()
        console.print(Text(f"Report written to {printable(result.options.report)}", style="green"))
    if result.options.save is not None:
        name = printable(result.options.save)
        console.print()
        console.print(Text(f"Saved {name}. Use it: mlcraft predict {name} DATA", style="green"))


def print_classes(console: Console, result: ClassFit, *, show_all: bool = False) -> None:
    """Print a fit of classes: what was done, how good it is, and what is worth a look."""
    options = result.options
    share = 100.0 * result.n_test / (result.n_test + result.n_train)
    names = _names(result.classes)
    facts = [
        ("data", f"{result.source}: {result.n_rows:,} rows, {result.n_columns:,} columns"),
        ("target", f"{result.target}: {len(result.classes)} classes, {names}"),
        ("model", f"logistic regression, alpha {1.0 / result.estimator.C:g}, {format_seconds(result.seconds)}"),
        ("rows", f"{result.n_train:,} to fit, {result.n_test:,} held out ({share:.0f} %, seed {options.seed})"),
    ]
    print_facts(console, facts + [("note", remark) for remark in result.remarks])
    print_heading(console, "What was done to the columns")
    print_facts(console, _what_was_done(result, show_all=show_all))
    print_heading(console, f"On the {result.n_test:,} held-out rows")
    print_report(console, result.report, only_metrics=True)
    for path, text in (
        (options.report, "Report written to {}"),
        (options.save, "Saved {0}. Use it: mlcraft predict {0} DATA"),
    ):
        if path is not None:
            console.print(Text(text.format(printable(path)), style="green"))


def print_report(console: Console, report: Report, *, only_metrics: bool = False) -> None:
    """Print the metrics of a report, and the first sentence of each other section."""
    table = make_table()
    table.add_column("metric")
    for name in ("value", "lower", "upper"):
        table.add_column(name, justify="right")
    for row in report["metrics"].table().rows:
        cells = [row.get(name) for name in ("value", "lower", "upper")]
        table.add_row(printable(str(row["metric"])), *("-" if cell is None else number(float(cell)) for cell in cells))
    console.print(table)
    print_remark(console, f"intervals of {100 * float(report.facts['level'] or 0.0):g} %")
    for section in report:
        if section.name == "metrics" or not section.sentences or (only_metrics and section.state == "fine"):
            continue
        mark = "yellow" if section.state == "look" else "cyan"
        text = Text(printable(section.sentences[0]))
        _paragraph(console, text, label=f"  {section.title}: ", indent=4, mark=mark)


def printable(text: str) -> str:
    r"""Take control characters out, so that a table cannot write to the terminal.

    Examples
    --------
    >>> printable("a\x1b[31mb\n")
    'a?[31mb?'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def number(value: float, digits: int = 4) -> str:
    """Format with about `digits` significant digits, thousands apart, exponents only where needed.

    Examples
    --------
    >>> number(-42345.678), number(0.0123456), number(3e-9), number(2.5e12), number(7.0)
    ('-42,346', '0.01235', '3.000e-09', '2.500e+12', '7')
    """
    if not math.isfinite(value):
        return "-"
    if value.is_integer() and abs(value) < 1e9:
        return f"{value:,.0f}"
    exponent = math.floor(math.log10(abs(value)))
    if not -5 <= exponent < 9:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def format_seconds(value: float) -> str:
    """Format a time in the unit that reads best."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1.0 or unit == "us":
            return f"{value * factor:.{3 if value * factor < 10 else 4}g} {unit}"
    raise AssertionError


def print_heading(console: Console, text: str) -> None:
    """Print a heading after an empty line."""
    console.print()
    console.print(Text(text, style="bold"))


def _paragraph(console: Console, text: Text, *, label: str = "", indent: int = 2, mark: str = "cyan") -> None:
    """Print text with a label before it; lines after the first are indented to where the text begins."""
    text.plain = printable(text.plain)
    lines = text.wrap(console, max(20, console.width - indent)) or [Text()]
    for index, line in enumerate(lines):
        line.rstrip()
        start = Text(label if index == 0 else "", style=mark)
        start.pad_right(indent - len(start))
        console.print(start + line, soft_wrap=True)


def print_remark(console: Console, text: str) -> None:
    """Print a remark in faint letters, wrapped."""
    _paragraph(console, Text(text, style="dim"))


def print_facts(console: Console, facts: Sequence[tuple[str, str]]) -> None:
    """Print labels and texts side by side."""
    indent = 4 + max(len(label) for label, _ in facts)
    for label, text in facts:
        _paragraph(console, Text(text), label=f"  {label}", indent=indent)


def _summary(result: FitResult) -> list[tuple[str, str]]:
    options, values = result.options, result.values
    model = "ordinary least squares"
    if options.alpha > 0.0:
        model = f"ridge regression, alpha {options.alpha:g}, columns scaled to sd 1 for the penalty"
    share = 100.0 * result.n_test / (result.n_test + result.n_train)
    target = (
        f"{result.target}: mean {number(float(values.mean()))}, sd {number(float(values.std()))}, from"
        f" {number(float(values.min()))} to {number(float(values.max()))}"
    )
    facts = [
        ("data", f"{result.source}: {result.n_rows:,} rows, {result.n_columns:,} columns"),
        ("target", target),
        (
            "rows",
            f"{result.n_train:,} to fit, {result.n_test:,} held out ({share:.0f} %, seed {options.seed})",
        ),
        ("model", model),
    ]
    return facts + [("note", remark) for remark in result.remarks]


def _what_was_done(result: FitResult | ClassFit, *, show_all: bool) -> list[tuple[str, str]]:
    by_topic: dict[str, list[Notice]] = {topic: [] for topic in _TOPICS}
    for notice in result.encoding.notices:
        by_topic[notice.topic].append(notice)
    facts: list[tuple[str, str]] = []
    for topic, label in _TOPICS.items():
        notices = by_topic[topic]
        if topic in ("number", "boolean"):
            if notices:
                facts.append((label, f"{_names([notice.column for notice in notices])} as they are"))
            continue
        lines = [_sentence(topic, names, text) for names, text in _merge(notices)]
        facts += _labelled(label, lines, show_all=show_all)
    return facts + _labelled("held out", result.warnings, show_all=show_all)


def _labelled(label: str, lines: Sequence[str], *, show_all: bool) -> list[tuple[str, str]]:
    """Give the first line the label; cut a long list."""
    shown = list(lines)
    if not show_all and len(lines) > _SHOWN_LINES + 1:
        shown = [*lines[:_SHOWN_LINES], f"... and {len(lines) - _SHOWN_LINES} lines more; --all shows them"]
    return [(label if index == 0 else "", line) for index, line in enumerate(shown)]


def _sentence(topic: str, names: Sequence[str], text: str) -> str:
    if topic == "missing":
        return f"{_names(names)}: {text}; a 0/1 column says where"
    return f"{_names(names)}: {text}"


def _merge(notices: Sequence[Notice]) -> list[tuple[list[str], str]]:
    """Columns of which the same is to be said share a line."""
    merged: dict[str, list[str]] = {}
    for notice in notices:
        merged.setdefault(notice.text, []).append(notice.column)
    return [(names, text) for text, names in merged.items()]


def _names(names: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit:,} more" if len(names) > limit else shown


def make_table() -> Table:
    """Make an empty table in the style of all reports."""
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 1))


def _print_coefficients(console: Console, result: FitResult, *, show_all: bool) -> None:
    lines = result.coefficients
    shown = lines if show_all else lines[:_SHOWN_COEFFICIENTS]
    print_heading(console, f"Coefficients ({len(lines):,}, largest effect first)")
    has_errors = any(math.isfinite(line.error) for line in lines)
    columns = [name for name, width in (("std. error", _WIDE), ("95 % interval", _NARROW)) if console.width >= width]
    if not has_errors:
        columns = []
    table = make_table()
    table.add_column("column", overflow="fold", min_width=12)
    for name in ("coefficient", *columns, "effect"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in [*shown, result.intercept]:
        _add_coefficient(table, line, columns, is_intercept=line is result.intercept)
    console.print(table)
    if len(shown) < len(lines):
        console.print(Text(f"  {len(lines) - len(shown):,} more with smaller effects; --all shows them", style="dim"))
    explained = "effect: change of the prediction when the column grows by one standard deviation"
    if columns:
        explained += "; intervals: HC3, which holds where errors spread unevenly too"
    elif not has_errors:
        why = (
            "with a penalty they would be too narrow" if result.options.alpha > 0.0 else "too many columns for the rows"
        )
        explained += f"; no intervals: {why}"
    print_remark(console, explained)


def _add_coefficient(table: Table, line: Coefficient, columns: Sequence[str], *, is_intercept: bool) -> None:
    cells: list[str | Text] = [Text(printable(line.name)), number(line.value)]
    known = math.isfinite(line.error)
    texts = {
        "std. error": number(line.error),
        "95 % interval": f"{number(line.lower)} to {number(line.upper)}" if known else "-",
    }
    cells += [texts[name] for name in columns]
    cells.append("" if is_intercept else number(line.effect))
    table.add_row(*cells, style="dim" if is_intercept else "")


def _print_scores(console: Console, result: FitResult) -> None:
    comparison = result.comparison
    print_heading(console, f"On the {result.n_test:,} held-out rows")
    table = make_table()
    table.add_column("model", no_wrap=True)
    for name in ("R2", "RMSE", "MAE", "time to fit"):
        table.add_column(name, justify="right", no_wrap=True)
    reference = "scikit-learn Ridge" if result.options.alpha > 0.0 else "scikit-learn LinearRegression"
    baseline = "mean of the training rows"
    if console.width < _SHORT_NAMES:
        reference, baseline = "sklearn", "mean"
    _add_scores(table, "mlcraft", comparison.scores, format_seconds(comparison.seconds), style="bold")
    _add_scores(table, reference, comparison.reference_scores, format_seconds(comparison.reference_seconds))
    _add_scores(table, baseline, comparison.baseline_scores, "")
    console.print(table)
    ratio = comparison.reference_seconds / comparison.seconds
    pace = f"{ratio:.1f} times as fast as" if ratio >= 1.0 else f"{1.0 / ratio:.1f} times as slow as"
    fits = f"median of {plural(comparison.repeats, 'fit')} each, same array"
    print_remark(console, f"{pace} scikit-learn ({fits}); {_agreement(result)}")


def _agreement(result: FitResult) -> str:
    """Say how far the predictions are from scikit-learn's, and why."""
    comparison = result.comparison
    difference = comparison.largest_difference / (float(np.std(result.values)) or 1.0)
    if difference <= 1e-6:
        return f"predictions equal to {difference:.0e} of the target's sd" if difference else "equal predictions"
    text = f"predictions differ by up to {number(difference, 2)} of the target's sd"
    if comparison.lost_columns > 0:
        lost = plural(comparison.lost_columns, "column")
        text += f": scikit-learn's default tol ignored {lost} of small scale (tol=0 keeps them)"
    return text


def _add_scores(table: Table, name: str, scores: Scores, seconds: str, style: str = "") -> None:
    r2 = f"{scores.r2:.4f}" if math.isfinite(scores.r2) else "-"
    table.add_row(name, r2, number(scores.rmse), number(scores.mae), seconds, style=style)


def _print_doubts(console: Console, result: FitResult) -> None:
    print_heading(console, "Where not to trust it")
    if not result.findings:
        console.print(Text("  nothing stands out", style="green"))
        return
    for finding in result.findings:
        _paragraph(console, Text(finding.what, style="yellow"), label="  ! ", indent=4, mark="yellow")
        _paragraph(console, Text(finding.advice), indent=4)
