"""Figures of a report: from numbers to axes, and to SVG."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.report._section import Figure, Series
from mlcraft.plots._drawing import ALARM, INK, STRONG, WEAK, make_axes, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "svg_of"]

# Colours that stay apart for colour-blind eyes; markers and dashes tell the series apart without colours too.
COLOURS = (STRONG, ALARM, "#3b4cc0", "#8a6d00", "#7a3b8f", "#4b5563")
MARKERS = ("o", "D", "s", "^", "v", "P")
DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 1)), (0, (8, 3)))
WIDTH = 4.9  # inches: text stays legible when the figure is scaled to a phone
MANY = 1500  # points from which on they are drawn as an image
LONGEST = 26  # letters of a name on an axis


def draw(figure: Figure, ax: Axes | None = None) -> Axes:
    """
    Draw a figure.

    Parameters
    ----------
    figure : Figure
    ax : matplotlib Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not there.
    """
    ax = make_axes(ax, size_of(figure))
    names = _categories(figure)
    if figure.x_log and not names:
        (ax.set_yscale if figure.horizontal else ax.set_xscale)("log")
    if figure.y_log:
        (ax.set_xscale if figure.horizontal else ax.set_yscale)("log")
    drawn = [series for series in figure.series if series.mark != "reference"]
    for series in figure.series:
        if series.mark == "reference":
            _reference(ax, series, names, figure.horizontal)
            continue
        k = drawn.index(series)
        # beside each other, not on each other
        apart = {"bars": 0.7 / len(drawn), "points": 0.16}.get(series.mark, 0.0) if names else 0.0
        shift = apart * (k - (len(drawn) - 1) / 2.0)
        _series(ax, series, _places(series.x, names) + shift, k, len(drawn), figure.horizontal)
    if names:
        _name_categories(ax, names, figure.horizontal)
    for axis, is_log, has_names in (
        (ax.xaxis, figure.y_log if figure.horizontal else figure.x_log, bool(names) and not figure.horizontal),
        (ax.yaxis, figure.x_log if figure.horizontal else figure.y_log, bool(names) and figure.horizontal),
    ):
        if not (is_log or has_names):
            axis.set_major_locator(_few_places())
    labels = (figure.y_label, figure.x_label) if figure.horizontal else (figure.x_label, figure.y_label)
    ax.set_xlabel(_written(labels[0]))
    ax.set_ylabel(_written(labels[1]))
    ax.set_title(_written(figure.title), loc="left", fontsize=10.5, color=INK)
    if sum(bool(series.name) for series in drawn) > 1:
        ax.legend(frameon=False, fontsize=8.5, labelcolor=INK)
    plain(ax)
    return ax


def size_of(figure: Figure) -> tuple[float, float]:
    """Return width and height in inches: taller for many names on the vertical axis."""
    return (WIDTH, min(12.0, max(2.1, 0.3 * len(_categories(figure)) + 1.2))) if figure.horizontal else (WIDTH, 3.5)


def svg_of(figure: Figure, prefix: str = "") -> str:
    """
    Draw a figure as an SVG element that can stand in a page among others.

    Parameters
    ----------
    figure : Figure
    prefix : str, default=""
        What its identifiers begin with: no two figures of a page may share them.

    Returns
    -------
    str

    Raises
    ------
    ImportError
        If matplotlib is not there.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "mlcraft[report]"') from error
    # Text stays text: smaller, searchable, and read aloud. The salt makes identifiers the same every time.
    options: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"{prefix}{figure.name}",
        "axes.unicode_minus": True,
    }
    with mpl.rc_context({**options, "font.size": 9.5}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's browser has the letter
        canvas = Canvas(figsize=size_of(figure), layout="constrained")
        draw(figure, canvas.subplots())
        out = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(out, format="svg", transparent=True, dpi=150, metadata=metadata)
    return _inline(out.getvalue(), f"{prefix}{figure.name}")


def _inline(text: str, prefix: str) -> str:
    """Take what a file has and an element in a page has not: prolog, metadata, a size, common identifiers."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    opening, rest = text.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', opening)
    assert box is not None
    rest = re.sub(
        r'\bid="((?:figure|axes|patch|line2d|matplotlib\.axis|xtick|ytick|text|legend|PathCollection|Fill|'
        r'LineCollection|QuadMesh|image)[^"]*)"',
        "",
        rest,
    )
    key = re.sub(r"\W+", "-", prefix)
    rest = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', rest)
    rest = re.sub(r'(url\(#|href="#)', rf"\g<1>{key}-", rest)
    rest = re.sub(r"[ \t]*\n[ \t]*", "\n", rest)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {spaces} viewBox="{box.group(1)}" aria-hidden="true">{rest}'


def _few_places() -> Any:
    """Return a choice of ticks whose numbers do not run into each other."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])


def _categories(figure: Figure) -> list[str]:
    """Return names on the axis of x in their order; none if it holds numbers."""
    found = dict.fromkeys(place for series in figure.series for place in series.x)
    return [str(place) for place in found] if any(isinstance(place, str) for place in found) else []


def _places(x: Sequence[float | str], names: list[str]) -> NDArray[np.float64]:
    if not names:
        return np.asarray(x, dtype=np.float64)
    where = {name: float(place) for place, name in enumerate(names)}
    return np.array([where[str(name)] for name in x])


def _reference(ax: Axes, series: Series, names: list[str], horizontal: bool) -> None:
    """Draw a thin line to compare with, across the whole width where it is level."""
    options: dict[str, Any] = {"color": WEAK, "lw": 1.0, "zorder": 1}
    y = np.asarray(series.y, dtype=np.float64)
    if names and len(y) and np.ptp(y) == 0.0:
        (ax.axvline if horizontal else ax.axhline)(float(y[0]), **options)
        return
    x = _places(series.x, names)
    ax.plot(*((y, x) if horizontal else (x, y)), **options)


def _series(ax: Axes, series: Series, x: NDArray[Any], k: int, count: int, horizontal: bool) -> None:
    colour, marker, dash = COLOURS[k % 6], MARKERS[k % 6], DASHES[k % 6]
    y = np.asarray(series.y, dtype=np.float64)
    label = _written(series.name)
    low, high = np.asarray(series.lower, dtype=np.float64), np.asarray(series.upper, dtype=np.float64)
    has_ends = len(low) == len(y) > 0
    if series.mark in ("line", "steps"):
        options: dict[str, Any] = {"color": colour, "lw": 1.6, "ls": dash, "label": label, "zorder": 5}
        style: dict[str, Any] = {"drawstyle": "steps-post"} if series.mark == "steps" else {}
        ax.plot(*((y, x) if horizontal else (x, y)), **options, **style)
        if has_ends:
            step: dict[str, Any] = {"step": "post"} if series.mark == "steps" else {}
            band = ax.fill_betweenx if horizontal else ax.fill_between
            band(x, low, high, color=colour, alpha=0.15, lw=0, zorder=2, **step)
        return
    if series.mark == "bars":
        width = 0.7 / count if isinstance(series.x[0] if series.x else 0, str) else _gap(x)
        options = {"color": colour, "alpha": 0.85 / np.sqrt(count), "label": label, "zorder": 2, "lw": 0}
        ax.barh(x, y, height=width, **options) if horizontal else ax.bar(x, y, width=width, **options)
        colour = INK
    if has_ends:
        (ax.hlines if horizontal else ax.vlines)(x, low, high, color=colour, lw=1.6, zorder=3)
    if series.mark == "points":
        many = len(x) > MANY
        faint = float(np.clip(40.0 / np.sqrt(max(len(x), 1)), 0.15, 0.9)) if len(x) > 100 else 0.95
        ax.plot(
            *((y, x) if horizontal else (x, y)),
            marker,
            ms=5.0 if len(x) <= 100 else 3.0,
            color=colour,
            alpha=faint,
            mew=0,
            label=label,
            zorder=4,
            rasterized=many,
        )


def _gap(x: NDArray[Any]) -> float:
    """Return the width of bars at numbers."""
    gaps = np.diff(np.unique(x))
    return 0.92 * float(gaps.min()) if len(gaps) else 0.8


def _name_categories(ax: Axes, names: list[str], horizontal: bool) -> None:
    shown = [_written(short(name, LONGEST)) for name in names]
    if horizontal:
        ax.set_yticks(range(len(names)), shown, fontsize=8.5 if len(names) <= 30 else 6.5)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#e5e7eb", lw=0.6)
        ax.set_axisbelow(True)
        return
    tilted = sum(map(len, shown)) > 44
    turn: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    ax.set_xticks(range(len(names)), shown, fontsize=8.5, **turn)


def _written(text: str) -> str:
    """Return a text that is drawn letter by letter: dollars are no formulas."""
    return text.replace("\\$", "$").replace("$", r"\$")
