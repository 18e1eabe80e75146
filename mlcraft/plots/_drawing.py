"""What the pictures share: axes, colours, clouds of points and names that do not lie on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ALARM", "BAND", "INK", "STRONG", "WEAK", "cloud", "make_axes", "name_points", "plain", "settle", "short"]

Doubles = NDArray[np.float64]
Box = tuple[float, float, float, float]

INK, STRONG, WEAK, ALARM, BAND = "#222222", "#0b6e4f", "#9aa0a6", "#c2410c", "#dfe7e3"
LONGEST_NAME = 36
LABEL_SIZE = 8.0
# Offsets in points, tried one after the other; from the far ones a line leads back to the point.
PLACES = tuple(
    ((side * dx, dy), "left" if side > 0 else "right")
    for dx, dy in ((6, 0), (5, 8), (5, -8), (8, 16), (8, -16), (8, 25), (8, -25), (20, 35), (20, -35))
    for side in (1, -1)
)


def make_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "mlcraft[report]"') from error
    _, made = plt.subplots(figsize=size, layout="constrained")
    return made


def plain(ax: Axes) -> None:
    """Take away the lines that say nothing."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=3)


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name with its middle left out where it is long: ends tell more than middles."""
    name = " ".join(name.split())
    if len(name) <= longest:
        return name
    tail = longest // 3
    return f"{name[: longest - tail - 1]}…{name[-tail:]}"


def cloud(ax: Axes, x: Doubles, y: Doubles) -> None:
    """Draw points that stay legible: where many lie on each other each is faint, and a lonely one stands out."""
    from matplotlib.colors import to_rgb

    n = max(len(x), 1)
    colours = np.empty((len(x), 4))
    colours[:, :3] = to_rgb(STRONG)
    colours[:, 3] = 0.75
    if n > 500:
        across = np.log(x) if ax.get_xscale() == "log" else x
        cells = [_cells(across), _cells(y)]
        code = cells[0] * 80 + cells[1]
        crowd = np.bincount(code, minlength=6400)[code]
        colours[:, 3] = np.clip(1.0 / np.sqrt(crowd), 0.03, 0.75)
    ax.scatter(x, y, s=max(3.0, min(22.0, 6000.0 / n)), c=colours, linewidths=0, rasterized=n > 2000)


def _cells(values: Doubles) -> NDArray[np.intp]:
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    cells: NDArray[np.intp] = np.minimum((values - low) / max(high - low, 1e-300) * 80.0, 79.0).astype(np.intp)
    return cells


def settle(ax: Axes) -> None:
    """Let the layout of the figure find its place, so that distances in points are known."""
    draw = getattr(ax.figure, "draw_without_rendering", None)
    if draw is not None:
        draw()


def name_points(ax: Axes, points: list[tuple[float, float, str]]) -> None:
    """Name points without names on names: each takes the first free place around it, and none if there is none."""
    frame = ax.get_window_extent()
    size = 4.5 * ax.figure.dpi / 72.0
    taken = [_box(ax, (x, y), (0, 0), "center", (size, size)) for x, y, _ in points]
    for x, y, name in points:
        text = short(name, 22)
        trial = ax.text(0.5, 0.5, text, transform=ax.transAxes, fontsize=LABEL_SIZE)
        extent = trial.get_window_extent()
        trial.remove()
        for offset, across in PLACES:
            spot = _box(ax, (x, y), offset, across, (extent.width, extent.height))
            inside = frame.x0 <= spot[0] and spot[2] <= frame.x1 and frame.y0 <= spot[1] and spot[3] <= frame.y1
            if inside and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                _write(ax, (x, y), offset, across, text)
                break


def _write(ax: Axes, at: tuple[float, float], offset: tuple[int, int], across: str, text: str) -> None:
    line = {"arrowstyle": "-", "lw": 0.5, "color": WEAK, "shrinkA": 0, "shrinkB": 2} if abs(offset[1]) > 10 else None
    options: dict[str, Any] = {"ha": across, "va": "center", "fontsize": LABEL_SIZE, "color": INK, "zorder": 4}
    ax.annotate(text, at, offset, textcoords="offset points", arrowprops=line, **options)


def _box(ax: Axes, at: tuple[float, float], offset: tuple[int, int], across: str, size: tuple[float, float]) -> Box:
    """Return where a text of a size stands, in pixels."""
    x, y = ax.transData.transform(at) + np.array(offset) * (ax.figure.dpi / 72.0)
    width, height = size
    x -= {"left": 0.0, "center": width / 2, "right": width}[across]
    return float(x), float(y - height / 2), float(x + width), float(y + height / 2)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
