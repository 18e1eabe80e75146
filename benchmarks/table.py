"""One table: with rich where it is installed, else plain text; or Markdown for the README."""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

#: Work of others on the machine: figures taken at a load near or above the number of cores mean nothing.
LOAD_AT_START = os.getloadavg()[0] if hasattr(os, "getloadavg") else None


@dataclass(slots=True)
class Table:
    """Rows of text; a cell may have several lines. Only the first column is set left."""

    title: str
    headers: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    separated: bool = False

    def plain(self) -> str:
        """The table as text.

        Examples
        --------
        >>> print(Table("Times", ["case", "time"], [["a", "1 ms"], ["b", "20 ms"]]).plain())
        Times
        case    time
        ------------
        a       1 ms
        b      20 ms
        """
        grid = [[cell.split("\n") for cell in row] for row in [self.headers, *self.rows]]
        widths = [max(len(line) for row in grid for line in row[column]) for column in range(len(self.headers))]
        lines = [self.title]
        for number, row in enumerate(grid):
            for level in range(max(len(cell) for cell in row)):
                parts = [cell[level] if level < len(cell) else "" for cell in row]
                padded = [
                    part.ljust(width) if column == 0 else part.rjust(width)
                    for column, (part, width) in enumerate(zip(parts, widths, strict=True))
                ]
                lines.append("   ".join(padded).rstrip())
            if number == 0 or (self.separated and number < len(grid) - 1):
                lines.append("-" * (sum(widths) + 3 * (len(widths) - 1)))
        return "\n".join([*lines, *self.notes])

    def markdown(self) -> str:
        def line(cells: list[str]) -> str:
            return "| " + " | ".join(cell.replace("\n", "<br>") for cell in cells) + " |"

        rule = "|---|" + "---:|" * (len(self.headers) - 1)
        return "\n".join([line(self.headers), rule, *map(line, self.rows), "", *self.notes])

    def show(self) -> None:
        """Print it, as wide as it has to be."""
        if importlib.util.find_spec("rich") is None:
            print(self.plain())
            return
        rich_table = importlib.import_module("rich.table")
        console_class = importlib.import_module("rich.console").Console
        text_class = importlib.import_module("rich.text").Text
        table = rich_table.Table(title=self.title, title_justify="left", show_lines=self.separated)
        for number, header in enumerate(self.headers):
            table.add_column(header, justify="left" if number == 0 else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*[text_class(cell, style=_style(cell)) for cell in row])
        console = console_class()
        needed = console.measure(table, options=console.options.update(max_width=10_000, width=10_000)).maximum
        console_class(width=max(console.width, needed), soft_wrap=False).print(table)
        for note in self.notes:
            print(note)


def _style(cell: str) -> str:
    return "green" if "✓" in cell else "red" if "✗" in cell else ""


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best.

    Examples
    --------
    >>> duration(0.0000123), duration(0.0456), duration(2.5)
    ('12.3 µs', '45.6 ms', '2.50 s')
    """
    if math.isnan(seconds):
        return "-"
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor or unit == "µs":
            value = seconds / factor
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    raise AssertionError


def mark(reached: bool) -> str:
    return "✓" if reached else "✗"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> str:
    """Processor, cores, Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = "" if LOAD_AT_START is None else f", load {LOAD_AT_START:.1f} at the start"
    return f"{_processor()}, {cores} cores, {platform.system()}, Python {sys.version.split()[0]}{load}"
