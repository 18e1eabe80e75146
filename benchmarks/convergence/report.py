"""The report of a run, made from its data alone: tables, CSV, figures. The same data make the same report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from benchmarks.table import Table, duration

Data = dict[str, Any]
GAPS = (1e-3, 1e-6, 1e-9)
COLUMNS = (
    *("problem", "library", "solver", "knob", "level", "seconds", "fastest", "samples", "passes", "passes_counted"),
    *("iterations", "objective", "gap"),
)


def write(data: Data, folder: Path, *, figures: bool = True) -> list[Path]:
    """Write ``convergence.json``, ``convergence.csv``, ``convergence.md`` and a figure of each problem."""
    paths = [save(data, folder), *(folder / f"convergence.{kind}" for kind in ("csv", "md"))]
    with paths[1].open("w", encoding="utf-8", newline="") as file:
        lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows(data))
    paths[2].write_text(markdown(data), encoding="utf-8")
    if figures:
        from benchmarks.convergence.figures import draw_all

        paths += draw_all(data, folder)
    return paths


def save(data: Data, folder: Path) -> Path:
    """Write the data alone."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "convergence.json"
    path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> Data:
    """The data of a run, from its file or the folder it was written to.

    Raises
    ------
    ValueError
        If the file is not one of these.
    """
    if path.is_dir():
        path = path / "convergence.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.get("format") != 1 or "problems" not in data:
        raise ValueError(f"{path} is not the data of a run (python -m benchmarks.convergence --out FOLDER writes one)")
    return data


def rows(data: Data) -> list[dict[str, Any]]:
    """One row for each point of each curve."""
    found = []
    for problem in data["problems"]:
        for curve in problem["curves"]:
            for point in curve["points"]:
                found.append(
                    {
                        "problem": problem["name"],
                        "library": curve["library"],
                        "solver": curve["solver"],
                        "knob": curve["knob"],
                        "level": point["level"],
                        "seconds": point["seconds"],
                        "fastest": min(point["samples"], default=None),
                        "samples": len(point["samples"]),
                        "passes": point["passes"],
                        "passes_counted": curve["counted"],
                        "iterations": point["iterations"],
                        "objective": point["objective"],
                        "gap": point["gap"],
                    }
                )
    return found


def first(curve: Data, gap: float) -> Data | None:
    """The point with the least time among those within the gap."""
    good = [p for p in curve["points"] if p["gap"] is not None and p["gap"] <= gap and p["seconds"] is not None]
    return min(good, key=lambda point: point["seconds"], default=None)


def seconds_to(curve: Data, gap: float) -> float:
    point = first(curve, gap)
    return float("nan") if point is None else float(point["seconds"])


def ranked(problem: Data, gap: float) -> list[Data]:
    """Curves by their time to a gap; those that do not get there by how near they come."""

    def key(curve: Data) -> tuple[int, float]:
        point = first(curve, gap)
        if point is not None:
            return 0, point["seconds"]
        return (1, _best(curve)) if curve["points"] else (2, 0.0)

    return sorted(problem["curves"], key=key)


def known(optimum: Data) -> str:
    """How well the optimum is known, as a share of the way there from the null model."""
    certificate = optimum["certificate"]
    if certificate is None:
        return "no certificate"
    return f"known to {certificate:.0e}" if certificate > 0 else "known to rounding"


def _best(curve: Data) -> float:
    return min((point["gap"] for point in curve["points"] if point["gap"] is not None), default=float("inf"))


def problem_table(problem: Data, target: float) -> Table:
    """Everybody on one problem, fastest first."""
    headers = ["who", *(f"to {gap:.0e}" for gap in GAPS), f"× fastest at {target:.0e}", "passes", "best gap"]
    order = ranked(problem, target)
    leader = seconds_to(order[0], target) if order else float("nan")
    table = Table(problem["title"], headers)
    for curve in order:
        point = first(curve, target)
        times = "-" if point is None else f"{point['seconds'] / leader:.1f}"
        passes = "-"
        if point is not None and point["passes"] is not None:
            passes = f"{'' if curve['counted'] else '~'}{point['passes']:.0f}"
        cells = [duration(seconds_to(curve, gap)) for gap in GAPS]
        best = f"{max(_best(curve), 0.0):.0e}" if curve["points"] else "-"
        table.rows.append([f"{curve['library']} {curve['solver']}", *cells, times, passes, best])
    optimum, limits = problem["reference"], problem["limits"]
    read_seconds = problem["bytes"] / limits["bytes_per_second"] if limits["bytes_per_second"] else float("nan")
    table.notes.append(
        f"Optimum by {optimum['method']}, {known(optimum)}. One read of X at the limit: {duration(read_seconds)}."
    )
    remarks: dict[str, list[str]] = {}
    for curve in order:
        if curve["remark"]:
            remarks.setdefault(curve["remark"], []).append(f"{curve['library']} {curve['solver']}")
    table.notes += [f"{remark}: {', '.join(names)}" for remark, names in remarks.items()]
    return table


def overview(data: Data) -> Table:
    """A row for each problem: auto, the best single solver of mlcraft, the best of the others."""
    target, nobody = data["settings"]["target"], f"none within {data['settings']['cap']:g} s"
    headers = ["problem", "auto", "best of mlcraft", "auto / best", "best of the others", "others / auto"]
    table = Table(f"Seconds to a gap of {target:.0e}", headers)
    for problem in data["problems"]:
        mine = [c for c in problem["curves"] if c["library"] == "mlcraft" and first(c, target)]
        auto = next((c for c in mine if c["solver"] == "auto"), None)
        single = [c for c in mine if c["solver"] != "auto"]
        other = [c for c in problem["curves"] if c["library"] != "mlcraft" and first(c, target)]

        def fastest(curves: list[Data]) -> tuple[float, str]:
            best = min(curves, key=lambda curve: seconds_to(curve, target), default=None)
            if best is None:
                return float("nan"), nobody
            name = best["solver"] if best["library"] == "mlcraft" else f"{best['library']} {best['solver']}"
            return seconds_to(best, target), f"{duration(seconds_to(best, target))} {name}"

        own = seconds_to(auto, target) if auto else float("nan")
        (mine_best, mine_text), (other_best, other_text) = fastest(single), fastest(other)
        table.rows.append(
            [problem["name"], duration(own), mine_text, _ratio(own, mine_best), other_text, _ratio(other_best, own)]
        )
    table.notes += about(data)
    return table


def _ratio(a: float, b: float) -> str:
    return "-" if a != a or b != b else f"{a / b:.2f}"


def about(data: Data) -> list[str]:
    """Machine, threads, limits and versions: under every table and figure."""
    pools = ", ".join(f"{name} {count}" for name, count in data["threads"]["pools"].items())
    environment = "".join(f", {name}={value}" for name, value in data["threads"]["environment"].items())
    read = [problem["limits"]["bytes_per_second"] for problem in data["problems"]]
    multiply = [problem["limits"]["flops_per_second"] for problem in data["problems"]]
    lines = [
        f"{data['made']}. {data['machine']}.",
        f"Threads: {data['threads']['cores']} cores; {pools}{environment}.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in data["versions"].items()) + ".",
    ]
    if read:
        lines.append(
            f"Limits in this run: reads {min(read) / 1e9:.1f} to {max(read) / 1e9:.1f} GB/s, "
            f"multiplies {min(multiply) / 1e9:.0f} to {max(multiply) / 1e9:.0f} GFLOP/s."
        )
    if data["skipped"]:
        lines.append("Skipped: " + ", ".join(f"{name} ({why})" for name, why in data["skipped"].items()) + ".")
    if data["settings"]["quick"]:
        lines.append("A quick look at few rows: says whether all works, not how fast.")
    return lines


EXPLAINED = (
    "Gap: (f - f*) / (f(null model) - f*), worked out in NumPy from the coefficients; 1 is the null model.",
    "Seconds: median of interleaved runs, each from the start, at the first limit that reaches the gap.",
    "Passes: reads of X up to there; ~: they follow from the iterations and leave line searches out.",
)


def tables(data: Data) -> list[Table]:
    found = [problem_table(problem, data["settings"]["target"]) for problem in data["problems"]]
    if found:
        found[-1].notes += EXPLAINED
    return [*found, overview(data)]


def markdown(data: Data) -> str:
    parts = ["# Convergence", "", *EXPLAINED, ""]
    for table in tables(data):
        parts += [f"## {table.title}", "", table.markdown(), ""]
    return "\n".join(parts)
