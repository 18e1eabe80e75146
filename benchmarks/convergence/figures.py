"""One figure for each problem: the gap against seconds and against passes, curves named where they end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.convergence.report import about, known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GREY, FAINT = "#1f2933", "#5f6b78", "#e4e7eb"
STYLES = (
    "-",
    *((0, pattern) for pattern in ((5, 2), (1, 1.5), (6, 2, 1, 2), (3, 1.2), (8, 2, 1, 2, 1, 2), (2, 2), (10, 3))),
)
MARKERS = "osD^vPX*<>"
TOP = 3.0
SIZE, DPI = 8.8, 120
SCALE = DPI / 72.0
Box = tuple[float, float, float, float]
#: Where a name may stand, seen from a point of its curve: offset in points; from the far ones a line leads back.
NEAR = ((6, 0), (6, 7), (6, -7), (0, 8), (0, -9), (-6, 0), (-6, 7), (-6, -7), (8, 14), (8, -14), (-8, 14), (-8, -14))
FAR = tuple((side * 10, height) for height in (24, 36, 48, 60, 72, 84, 96) for side in (1, -1))


def draw_all(data: dict[str, Any], folder: Path) -> list[Path]:
    """Draw every problem of a run that has a curve into ``<problem>.png``."""
    drawn = []
    for problem in data["problems"]:
        if any(curve["points"] for curve in problem["curves"]):
            drawn.append(draw(problem, data, folder / f"{problem['name']}.png"))
    return drawn


def draw(problem: dict[str, Any], data: dict[str, Any], path: Path) -> Path:
    """Draw one problem: seconds on the left, passes on the right where anybody's are known."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    floor = float(data["settings"]["floor"])
    has_passes = any(point["passes"] for curve in problem["curves"] for point in curve["points"])
    settings = {"font.size": 10.5, "text.color": INK, "axes.labelcolor": INK, "font.family": "sans-serif"}
    with rc_context(settings):
        figure = Figure(figsize=(13.0 if has_passes else 8.0, 6.4), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, 2 if has_passes else 1, sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.06 if has_passes else 0.1, right=0.985, top=0.885, bottom=0.215, wspace=0.05)
        for axes, key in zip(panels, ("seconds", "passes"), strict=False):
            _panel(axes, problem, data, key, floor)
        panels[0].set_ylabel("gap:  (f − f*) / (f(null) − f*)")
        figure.text(0.012, 0.975, problem["title"], fontsize=13, fontweight="bold", va="top")
        figure.text(0.012, 0.935, _subtitle(problem), fontsize=9.5, color=GREY, va="top")
        figure.text(0.012, 0.012, _small_print(data), fontsize=7.5, color=GREY, va="bottom", linespacing=1.35)
        figure.savefig(path)
    return path


def _subtitle(problem: dict[str, Any]) -> str:
    penalty = [f"{name} {problem[name]:.2g}" for name in ("l1", "l2") if problem[name] > 0]
    parts = [f"loss {problem['loss']}", f"penalty {', '.join(penalty) or 'none'}"]
    parts.append("intercept" if problem["intercept"] else "no intercept")
    return "; ".join(parts) + f"; optimum by {problem['reference']['method']}, {known(problem['reference'])}"


def _small_print(data: dict[str, Any]) -> str:
    import textwrap

    lines = [
        "Median of interleaved runs, each from the start; the gap is worked out in NumPy from the coefficients.",
        *about(data),
    ]
    return "\n".join(textwrap.fill(line, 210) for line in lines)


def styles(problem: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Line style of each solver, told apart within a library; mlcraft's auto is the plain thick one."""
    found: dict[tuple[str, str], Any] = {}
    count: dict[str, int] = {}
    for curve in sorted(problem["curves"], key=lambda curve: curve["solver"] != "auto"):
        index = count.get(curve["library"], 0)
        count[curve["library"]] = index + 1
        found[curve["library"], curve["solver"]] = STYLES[index % len(STYLES)]
    return found


def _panel(axes: Axes, problem: dict[str, Any], data: dict[str, Any], key: str, floor: float) -> None:
    names = list(data["libraries"])
    looks = styles(problem)
    lines, ends = [], []
    for curve in problem["curves"]:
        x, y = _points(curve, key, floor)
        if len(x) == 0:
            continue
        colour, bold = data["libraries"][curve["library"]]["colour"], curve["solver"] == "auto"
        marker = MARKERS[names.index(curve["library"]) % len(MARKERS)]
        look = {"linestyle": looks[curve["library"], curve["solver"]], "linewidth": 2.8 if bold else 1.5}
        axes.plot(
            x, y, color=colour, marker=".", markersize=3, linestyle="none", alpha=0.35, markeredgewidth=0, zorder=2
        )
        x, y = _best_so_far(x, y)
        axes.plot(x, y, color=colour, marker=marker, markersize=4.2, markeredgewidth=0, zorder=4 if bold else 3, **look)
        name = curve["library"] if curve["library"] == curve["solver"] else f"{curve['library']} {curve['solver']}"
        ends.append((x, y, name, colour, bold))
        lines.append(np.column_stack([x, y]))
    axes.set_xscale("log")
    axes.set_yscale("log")
    lowest = min((float(y.min()) for _, y, *_ in ends), default=floor)
    axes.set_ylim(max(floor, min(lowest, data["settings"]["target"])) / 6, TOP)
    _widen(axes)
    target = data["settings"]["target"]
    axes.axhline(target, color=GREY, linewidth=0.8, zorder=1)
    axes.set_xlabel("seconds" if key == "seconds" else "passes over the data (reads of all of X)")
    axes.grid(which="major", color=FAINT, linewidth=0.8, zorder=0)
    axes.tick_params(which="both", length=0, colors=INK)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    if key == "seconds":
        _mark_limit(axes, problem)
    _name_curves(axes, ends, lines)


def _points(curve: dict[str, Any], key: str, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """All points of a curve, by seconds or passes."""
    points = [point for point in curve["points"] if point[key] and point["gap"] is not None and point["gap"] < TOP]
    pairs = sorted((float(point[key]), max(point["gap"], floor)) for point in points)
    x, y = np.array(pairs).reshape(-1, 2).T
    return x, y


def _best_so_far(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is reached by a time: points with a quicker and better one are noise of the clock, or detours."""
    keep = np.flatnonzero(np.append(True, y[1:] < np.minimum.accumulate(y)[:-1]))
    return x[keep], y[keep]


def _widen(axes: Axes) -> None:
    """Room for names on both sides."""
    low, high = axes.get_xlim()
    span = np.log10(high / low)
    axes.set_xlim(low, high * 10 ** (0.22 * span))


def _mark_limit(axes: Axes, problem: dict[str, Any]) -> None:
    """Where one read of X at the bandwidth of this run lies."""
    rate = problem["limits"]["bytes_per_second"]
    low, high = axes.get_xlim()
    if rate and low < problem["bytes"] / rate < high:
        seconds = problem["bytes"] / rate
        axes.axvline(seconds, color=GREY, linewidth=0.8, zorder=1, linestyle=(0, (2, 2)))
        axes.annotate(
            "one read of X",
            (seconds, 0.0),
            (3, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )


def _name_curves(axes: Axes, ends: list[Any], lines: list[np.ndarray]) -> None:
    """Give each curve its name beside one of its last points, where it covers least."""
    from matplotlib.patheffects import withStroke

    frame = axes.get_window_extent(axes.figure.canvas.get_renderer())
    crowd = [_dense(axes.transData.transform(line)) for line in lines]
    marks = np.vstack([axes.transData.transform(line) for line in lines]) if lines else np.zeros((0, 2))
    taken: list[Box] = []
    for number, (x, y, name, colour, bold) in sorted(enumerate(ends), key=lambda item: -item[1][0][-1]):
        weight = "bold" if bold else "normal"
        spots = _candidates(axes.transData.transform(np.column_stack([x, y])))
        others = np.vstack([points for index, points in enumerate(crowd) if index != number] or [np.zeros((0, 2))])
        place = _best_place(spots, _size_of(axes, name, weight), frame, (others, crowd[number], marks), taken)
        if place is None:
            continue
        spot, box, far = place
        taken.append(box)
        back = axes.transData.inverted()
        if far:
            leader = back.transform([spot, (min(max(spot[0], box[0]), box[2]), (box[1] + box[3]) / 2)])
            axes.plot(*leader.T, color=colour, linewidth=0.6, zorder=2)
        axes.text(
            *back.transform((box[0], (box[1] + box[3]) / 2)),
            name,
            fontsize=SIZE,
            fontweight=weight,
            color=colour,
            va="center",
            ha="left",
            zorder=6,
            path_effects=[withStroke(linewidth=2.6, foreground="white")],
        )


def _size_of(axes: Axes, name: str, weight: str) -> tuple[float, float]:
    trial = axes.text(0, 0, name, fontsize=SIZE, fontweight=weight)
    extent = trial.get_window_extent(axes.figure.canvas.get_renderer())
    trial.remove()
    return float(extent.width), float(extent.height)


def _best_place(
    spots: np.ndarray, size: tuple[float, float], frame: Any, crowd: tuple[np.ndarray, ...], taken: list[Box]
) -> tuple[np.ndarray, Box, bool] | None:
    """The spot and the box that cost least: other names, marks and lines under it, distance from the end."""
    others, own, marks = crowd
    best: tuple[float, tuple[np.ndarray, Box, bool]] | None = None
    for back, spot in enumerate(spots):
        for order, (dx, dy) in enumerate(NEAR + (FAR if back == 0 else ())):
            left = spot[0] + dx * SCALE - {1: 0.0, -1: size[0], 0: size[0] / 2}[int(np.sign(dx))]
            bottom = spot[1] + dy * SCALE - size[1] / 2
            box = (left, bottom, left + size[0], bottom + size[1])
            if box[0] < frame.x0 or box[2] > frame.x1 + 4 or box[1] < frame.y0 or box[3] > frame.y1:
                continue
            cost = 1000.0 * sum(_overlap(box, other) for other in taken) + 0.6 * order + 5.0 * back
            cost += 1.5 * _inside(others, box) + 0.5 * _inside(own, box) + 6.0 * _inside(marks, box)
            if best is None or cost < best[0]:
                best = cost, (spot, box, order >= len(NEAR))
    return None if best is None else best[1]


def _candidates(spots: np.ndarray) -> np.ndarray:
    """Points along a curve, from its end backwards."""
    return _dense(spots, 14.0)[::-1][:40]


def _dense(points: np.ndarray, step: float = 3.0) -> np.ndarray:
    """Points along a broken line, so many pixels apart."""
    if len(points) < 2:
        return points
    parts = []
    for a, b in pairwise(points):
        count = max(1, int(np.hypot(*(b - a)) / step))
        parts.append(a + (b - a) * np.arange(count)[:, None] / count)
    return np.vstack([*parts, points[-1:]])


def _inside(points: np.ndarray, box: Box) -> int:
    within = (points[:, 0] > box[0]) & (points[:, 0] < box[2]) & (points[:, 1] > box[1]) & (points[:, 1] < box[3])
    return int(within.sum())


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
