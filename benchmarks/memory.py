"""Extra memory while fitting, beyond the data: the peak of the resident set, in a fresh process each."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ROOT
from benchmarks.contestants import BASELINE, CONTESTANTS, OURS, installed_contestants
from benchmarks.data import make_problem
from benchmarks.table import Table, machine, mark

#: Asked for: a tenth of X plus a few matrices of p x p.
SHARE, SQUARES = 0.10, 6
MEGABYTE = 1e6

VARIANTS: dict[str, dict[str, Any]] = {
    "C order": {},
    "F order": {"order": "F"},
    "C order, weights": {"weighted": True},
    "F order, weights": {"order": "F", "weighted": True},
    "C order, float32": {"dtype": "float32"},
    "F order, float32": {"order": "F", "dtype": "float32"},
    "C order, ridge": {"alpha": 100.0},
    "C order, non-negative": {"positive": True},
}


def _status(field: str) -> float | None:
    """Bytes of a field of this process' status, where the system tells (Linux)."""
    path = Path("/proc/self/status")
    if not path.exists():
        return None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return 1024.0 * int(line.split()[1])
    return None


def _peak() -> float:
    """The highest resident set so far, in bytes."""
    peak = _status("VmHWM")
    if peak is not None:
        return peak
    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forget_peak() -> None:
    """Set the high-water mark back to the present size, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def measure_here(contestant_name: str, n: int, p: int, options: dict[str, Any]) -> dict[str, float]:
    """Fit once in this process and say how far the peak rose; to be called in a process of its own."""
    contestant = next(entry for entry in CONTESTANTS if entry.name == contestant_name)
    small = contestant.prepare(make_problem(2_000, min(p, 100), **options))
    if small is None:
        return {}
    small()  # libraries, thread pools and work areas that stay
    problem = make_problem(n, p, **options)  # written block by block, so every page of it is resident
    call = contestant.prepare(problem)
    assert call is not None
    return {"extra": extra_memory(call), "x": float(problem.X.nbytes)}


_CHILD = """
import importlib, json, sys
module, name = sys.argv[1].split(":")
print(json.dumps(getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))))
"""


def extra_memory(call: Callable[[], Any]) -> float:
    """Bytes by which the peak rises while `call` runs; to be called in a process of its own."""
    _forget_peak()
    before = _status("VmRSS") or _peak()
    result = call()
    after = _peak()
    del result
    return max(0.0, after - before)


def in_fresh_process(function: str, *arguments: Any) -> dict[str, float]:
    """What "module:function" returns for these arguments in a process of its own; {} where it fails."""
    # Freed memory goes back to the system at once; what an earlier step left behind would hide what the
    # fit takes.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, function, json.dumps(arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
        return {}
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _shapes(quick: bool) -> Iterator[tuple[int, int]]:
    size = 4_000_000 if quick else 40_000_000
    for p in (20, 200, 1000):
        yield size // p, p


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="X of 32 MB instead of 320 MB")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="variants that contain one of these words")
    parser.add_argument(
        "--contestants",
        nargs="+",
        metavar="NAME",
        default=[OURS, BASELINE],
        help="who (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    contestants = [
        entry for entry in installed_contestants(arguments.contestants) if entry.name in arguments.contestants
    ]
    headers = ["X", "variant", "X [MB]"]
    for contestant in contestants:
        headers.append(f"{contestant.title}\nextra [MB] (share of X)")
    table = Table("Extra memory while fitting", [*headers, f"at most {100 * SHARE:.0f} % of X + {SQUARES} p²"])
    figures = []
    for n, p in _shapes(arguments.quick):
        for variant, options in VARIANTS.items():
            if arguments.only and not any(word in variant for word in arguments.only):
                continue
            cells, x_bytes, reached = [], 0.0, "-"
            for contestant in contestants:
                measured = in_fresh_process("benchmarks.memory:measure_here", contestant.name, n, p, options)
                if not measured:
                    cells.append("-")
                    continue
                extra, x_bytes = measured["extra"], measured["x"]
                cells.append(f"{extra / MEGABYTE:.1f} ({100 * extra / x_bytes:.1f} %)")
                figures.append({"rows": n, "columns": p, "variant": variant, "contestant": contestant.name, **measured})
                if contestant.name == OURS:
                    itemsize = np.dtype(options.get("dtype", "float64")).itemsize
                    # threads, their stacks and the allocator's arenas: a fixed couple of megabytes
                    bound = SHARE * x_bytes + SQUARES * p * p * max(itemsize, 8) + 2 * MEGABYTE
                    reached = f"{mark(extra <= bound)} {bound / MEGABYTE:.0f} MB"
            table.rows.append([f"{n:,} x {p:,}", variant, f"{x_bytes / MEGABYTE:.0f}", *cells, reached])
    table.notes.append(
        "Peak of the resident set during the fit less the size just before it, in a fresh process; the "
        "data are resident already and a small fit has loaded the libraries. 2 MB are allowed for threads."
    )
    table.notes.append(f"Machine: {machine()}.")
    table.show()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0
