"""The picture of ``mlcraft bench``: what is left of the gap against seconds, a named curve for each solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlcraft.cli.bench import SOLVERS, BenchResult, Racer
from mlcraft.cli.errors import CommandError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PALETTE = ("#00795c", "#0072b2", "#cc79a7", "#56b4e9", "#e69f00", "#111111", "#8c8c8c", "#6a51a3")
_COLOURS = dict(zip(SOLVERS, _PALETTE, strict=True))  # a solver has its colour in every picture
_REST = "#7b5b3a"
_PEER = "#d55e00"
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))
_FLOOR, _TOP = 1e-11, 3.0


def draw(result: BenchResult, path: str) -> None:
    """Draw the curves into a PNG, SVG or PDF file."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise CommandError("--figure needs matplotlib: pip install 'mlcraft[report]'") from None
    figure = Figure(figsize=(9.0, 5.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", ylim=(_FLOOR / 4, _TOP), xlabel="seconds")
    axes.set_ylabel("gap: (f − f*) / (f(best constant) − f*)")
    axes.set_title(f"{result.task.target}: {result.task.loss}, {result.task.X.shape[0]:,} rows", loc="left")
    axes.axhline(result.options.gap, color="#9aa0a6", linewidth=0.9)
    axes.grid(which="major", color="#e4e7eb", linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    ends = []
    peers = 0
    for racer in result.racers:
        x, y = _curve(racer, result)
        if len(x) == 0:
            continue
        if racer.name.startswith("scikit-learn"):
            colour, dash, peers = _PEER, _DASHES[peers % len(_DASHES)], peers + 1
        else:
            colour, dash = _COLOURS.get(racer.name, _REST), "-"
        width = 2.8 if racer.name == "auto" else 1.6
        axes.plot(x, y, color=colour, linestyle=dash, linewidth=width, marker="o", markersize=3.5)
        ends.append((float(x[-1]), float(y[-1]), racer.name, colour))
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.28)
    _name(axes, ends)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot write '{path}': {error}") from None


def _curve(racer: Racer, result: BenchResult) -> tuple[np.ndarray, np.ndarray]:
    """Return what is reached by a time; slower and worse runs are left out."""
    pairs = sorted((step.seconds, max(result.gap(step.objective), _FLOOR)) for step in racer.steps)
    found: list[tuple[float, float]] = []
    for seconds, gap in pairs:
        if gap < _TOP and (not found or gap < found[-1][1]):
            found.append((seconds, gap))
    x, y = np.array(found).reshape(-1, 2).T
    return x, y


def _name(axes: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Names beside the ends; the next free height above where a name or another end is."""
    spots = [axes.transData.transform((x, y)) for x, y, _, _ in ends]
    taken = [(left - 6.0, left + 6.0, height) for left, height in spots]
    for (left, height), (x, y, name, colour) in sorted(zip(spots, ends, strict=True), key=lambda end: -end[0][0]):
        start, stop, lift = left + 8.0, left + 12.0 + 9.0 * len(name), 0.0
        while any(abs(height + lift - other) < 17 and start < b and a < stop for a, b, other in taken):
            lift += 6.0
        taken.append((start, stop, height + lift))
        offset = (6.0, lift * 72.0 / axes.figure.dpi)
        axes.annotate(name, (x, y), offset, textcoords="offset points", color=colour, fontsize=9, va="center")
