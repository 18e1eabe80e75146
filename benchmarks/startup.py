"""Time to import, in fresh processes, interleaved."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import ROOT
from benchmarks.table import Table, duration, machine

STATEMENTS = (
    "import numpy",
    "import mlcraft",
    "from mlcraft.linear_model import LinearRegression",
    "from sklearn.linear_model import LinearRegression",
    "from sklearnex.linear_model import LinearRegression",
    "import statsmodels.api",
    "import glum",
)
#: Heavy modules that should be imported by nobody who does not use them.
HEAVY = ("numba", "matplotlib", "pandas", "polars", "pyarrow", "rich", "typer", "sklearn", "scipy.stats")
_CODE = """
import sys, time
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
print(seconds, len(sys.modules), ",".join(name for name in {heavy!r} if name in sys.modules))
"""


def import_once(statement: str) -> tuple[float, int, str] | None:
    """Seconds, number of modules, and the heavy ones among them; None when it cannot be imported."""
    code = f"import sys; sys.path[:] = {sys.path!r}\n" + _CODE.format(statement=statement, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    seconds, modules, *heavy = done.stdout.split()
    return float(seconds), int(modules), " ".join(heavy).replace(",", " ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=9, metavar="R", help="processes for each (default 9)")
    parser.add_argument("--quick", action="store_true", help="three processes for each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    repeats = 3 if arguments.quick else arguments.repeats
    first = {name: import_once(name) for name in STATEMENTS}  # also warms the disk's cache
    samples: dict[str, list[float]] = {name: [] for name, result in first.items() if result is not None}
    for _ in range(repeats):
        for name in samples:
            result = import_once(name)
            samples[name].append(math.nan if result is None else result[0])
    table = Table("Time to import", ["statement", "median", "fastest", "modules", "heavy modules loaded"])
    for name, result in first.items():
        if result is None:
            table.rows.append([name, "-", "-", "-", "-"])
            continue
        seconds = samples[name]
        table.rows.append(
            [
                name,
                duration(statistics.median(seconds)),
                duration(min(seconds)),
                str(result[1]),
                result[2] or "none",
            ]
        )
    table.notes.append(f"Machine: {machine()}. {repeats} fresh processes each, interleaved, files in the disk cache.")
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(samples, indent=1) + "\n", encoding="utf-8")
    return 0
