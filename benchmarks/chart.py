"""The chart of the README: how many times as fast as scikit-learn, case by case, peers included."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.contestants import BASELINE, CONTESTANTS, OURS

INK, GREY, FAINT, BAR = "#1f2933", "#7b8794", "#e4e7eb", "#a6dcc6"
TITLE, GREEN = CONTESTANTS[0].title, CONTESTANTS[0].colour
TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
MARKERS = {"sklearnex": "o", "statsmodels": "s", "glum": "D", "numpy": "^"}


def _speed_ups(case: dict[str, Any]) -> dict[str, float]:
    """Times as fast as scikit-learn, for everybody measured."""
    measured = {name: entry["median"] for name, entry in case["contestants"].items() if entry["median"]}
    return {name: measured[BASELINE] / seconds for name, seconds in measured.items()} if BASELINE in measured else {}


def _short(value: float) -> str:
    return f"{value:.0f}×" if value >= 9.95 else f"{value:.1f}×"


def _draw_ours(axes: Any, rows: list[dict[str, float]]) -> None:
    """A bar for each row, with its end marked and its value in a column of its own."""
    for row, ratios in enumerate(rows):
        if OURS not in ratios:
            continue
        value = ratios[OURS]
        label = TITLE if row == 0 else None
        axes.barh(row, value - 1.0, left=1.0, height=0.6, color=BAR, zorder=2, label=label)
        ends = [row - 0.3, row + 0.3]
        axes.plot([value, value], ends, color=GREEN, linewidth=3, zorder=3, solid_capstyle="butt")
        style = {"va": "center", "ha": "left", "fontweight": "bold", "color": GREEN}
        axes.text(1.015, row, _short(value), transform=axes.get_yaxis_transform(), **style)


def _draw_peers(axes: Any, rows: list[dict[str, float]]) -> None:
    """A marker for each peer on each row."""
    for peer in CONTESTANTS:
        points = [(ratios[peer.name], row) for row, ratios in enumerate(rows) if peer.name in ratios]
        if peer.name in (OURS, BASELINE) or not points:
            continue
        x, y = zip(*points, strict=True)
        style = {"s": 58, "marker": MARKERS[peer.name], "edgecolors": "white", "linewidths": 0.9, "zorder": 4}
        axes.scatter(x, y, color=peer.colour, label=peer.title, **style)


def _dress(axes: Any, titles: list[str], low: float, high: float) -> None:
    """Scale, ticks, grid and the two headings above the axes."""
    heading = {"xytext": (0, 4), "textcoords": "offset points", "va": "bottom", "fontsize": 10}
    axes.axvline(1.0, color=INK, linewidth=1.2, zorder=3)
    axes.annotate("scikit-learn", (1.0, 1.0), xycoords=("data", "axes fraction"), ha="center", **heading)
    axes.annotate(TITLE, (1.015, 1.0), xycoords="axes fraction", ha="left", color=GREEN, **heading)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.set_xlabel("times as fast as scikit-learn (logarithmic; further right is faster)")
    axes.grid(axis="x", color=FAINT, linewidth=0.9, zorder=0)
    axes.tick_params(length=0, colors=INK)
    for side in axes.spines.values():
        side.set_visible(False)


def _frame(figure: Any, axes: Any, height: float, about: str) -> None:
    """Title, legend (ours first) and the small print."""
    title = {"ha": "left", "va": "top", "fontsize": 13, "fontweight": "bold", "linespacing": 1.25}
    figure.text(0.015, 1.0 - 0.12 / height, "One fit, end to end,\ndefault settings", **title)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda index: labels[index] != TITLE)
    figure.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        loc="upper right",
        bbox_to_anchor=(0.99, 1.0 - 0.06 / height),
        ncols=len(labels),
        frameon=False,
        fontsize=9.5,
        handletextpad=0.4,
        columnspacing=1.1,
        handlelength=1.4,
    )
    figure.text(0.015, 0.06 / height, about, fontsize=7.5, color=GREY, ha="left", va="bottom")


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw the speed-ups of a report (see ``--json``) into a PNG or SVG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    cases = [(case["title"].replace(" x ", " × "), _speed_ups(case)) for case in report["cases"]]
    cases = [(title, ratios) for title, ratios in cases if ratios]
    if not cases:
        raise SystemExit("nothing to draw: scikit-learn was not measured")
    titles, rows = [title for title, _ in cases], [ratios for _, ratios in cases]
    everything = [ratio for ratios in rows for ratio in ratios.values()]
    plt.rcParams.update({"font.size": 11, "font.family": "sans-serif", "text.color": INK, "axes.labelcolor": INK})
    height = 1.75 + 0.5 * len(cases)
    figure, axes = plt.subplots(figsize=(10, height), dpi=160, facecolor="white")
    figure.subplots_adjust(left=0.285, right=0.925, top=1.0 - 0.95 / height, bottom=0.8 / height)
    _draw_ours(axes, rows)
    _draw_peers(axes, rows)
    _dress(axes, titles, min([0.5, *everything]) / 1.25, max([10.0, *everything]) * 1.25)
    versions = report.get("versions", {}).items()
    about = [f"{name} {version}" for name, version in versions if version != "?"]
    machine = str(report.get("machine", "")).partition(", load")[0]
    _frame(figure, axes, height, f"{machine}; {', '.join(about)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", type=Path, help="a file written with --json")
    parser.add_argument("--chart", type=Path, metavar="FILE", default=Path("docs/images/benchmark.png"))


def main(arguments: argparse.Namespace) -> int:
    draw(json.loads(arguments.report.read_text(encoding="utf-8")), arguments.chart)
    print(arguments.chart)
    return 0
