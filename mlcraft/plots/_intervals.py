"""Prediction intervals beside what came, and coverage by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.plots._drawing import ALARM, BAND, INK, STRONG, make_axes, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mlcraft.uncertainty.scores import ConditionalCoverage

__all__ = ["plot_coverage_by_group", "plot_intervals"]

Doubles = NDArray[np.float64]


def plot_intervals(
    y: Any,
    intervals: Any,
    *,
    x: Any = None,
    nominal: float | Sequence[float] | None = None,
    n_rows: int = 150,
    name: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw prediction intervals, and what came: misses stand out.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came.
    intervals : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        As `predict_interval` returns them; those of several levels are drawn within each other, and misses are those of
        the widest.
    x : array-like of shape (n_samples,), default=None
        What stands to the right: a column of X, the time. Default: rows by the middle of their interval.
    nominal : float or sequence of float, default=None
        Levels of the intervals, for the title.
    n_rows : int, default=150
        Of more rows, so many are drawn, evenly chosen along `x`; the title counts all.
    name : str, default=None
        Name of `x`. Default: that of the column, where it has one.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If shapes do not agree, or something is NaN.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.plots import plot_intervals
    >>> y = np.array([1.0, 2.0, 3.0, 6.0])
    >>> ax = plot_intervals(y, np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0], [3.0, 5.0]]), nominal=0.9)
    >>> ax.get_title(loc="left")
    'coverage 75 % of 4 rows [30.1 %, 95.4 %], intended 90 %'
    """
    from mlcraft.uncertainty.scores import coverage

    table = np.asarray(intervals, dtype=np.float64)
    table = table[:, :, np.newaxis] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[1] != 2:
        raise ValueError(f"intervals must have shape (n_samples, 2) or (n_samples, 2, n_levels), got {table.shape}")
    with np.errstate(invalid="ignore"):
        widths = np.median(table[:, 1] - table[:, 0], axis=0)
    order = np.argsort(-np.nan_to_num(widths, nan=np.inf), kind="stable")
    table = table[:, :, order]
    widest = coverage(y, table[:, :, 0])
    values, across, label = np.asarray(y, dtype=np.float64).ravel(), *_across(table[:, :, 0], x, name)
    rows = np.argsort(across, kind="stable")
    ranks = x is None
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(n_rows, len(rows))).round().astype(np.intp))]
    place = np.arange(len(rows), dtype=np.float64) if ranks else across[rows]
    ax = make_axes(ax, (7.5, 4.4))
    low, high = _limits(values[rows], table[rows])
    for k in range(table.shape[2]):
        bounds = np.clip(table[rows, :, k], low, high)
        shade = "#c9d8d1" if k == 0 else "#8fb3a3" if k == 1 else "#5f9581"
        thick = max(1.2, min(5.0, 420.0 / len(rows)))
        ax.vlines(place, bounds[:, 0], bounds[:, 1], color=shade, lw=thick, zorder=1 + 0.1 * k)
    inside = (table[rows, 0, 0] <= values[rows]) & (values[rows] <= table[rows, 1, 0])
    size = max(2.2, min(5.0, 450.0 / len(rows)))
    ax.plot(place[inside], values[rows][inside], "o", ms=size, color=STRONG, mew=0, label="inside", zorder=3)
    ax.plot(place[~inside], values[rows][~inside], "X", ms=size + 2.5, color=ALARM, mew=0, label="missed", zorder=4)
    ax.set_ylim(low, high)
    ax.set_xlabel(label + (f"; {len(rows)} of {len(across)} rows drawn" if len(rows) < len(across) else ""))
    ax.set_ylabel("y")
    ax.set_title(_title(widest, nominal, order), loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    plain(ax)
    return ax


def _across(widest: Doubles, x: Any, name: str | None) -> tuple[Doubles, str]:
    if x is None:
        with np.errstate(invalid="ignore"):
            middle = widest.mean(axis=1)
        return np.where(np.isfinite(middle), middle, np.inf), name or "rows, by the middle of their interval"
    values = np.asarray(x, dtype=np.float64).ravel()
    if len(values) != len(widest) or np.isnan(values).any():
        raise ValueError(f"x must hold a number for each of the {len(widest)} rows, none of them NaN")
    return values, name or str(getattr(x, "name", None) or "x")


def _limits(values: Doubles, table: Doubles) -> tuple[float, float]:
    """Room for all that is finite, and no more than the values need times four: single wide intervals run out of it."""
    low, high = float(values.min()), float(values.max())
    room = max(high - low, 1e-12)
    finite = table[np.isfinite(table)]
    bottom, top = (float(finite.min()), float(finite.max())) if finite.size else (low, high)
    bottom, top = max(min(bottom, low), low - 1.5 * room), min(max(top, high), high + 1.5 * room)
    edge = 0.04 * (top - bottom) or 1.0
    return bottom - edge, top + edge


def _title(found: Any, nominal: Any, order: NDArray[np.intp]) -> str:
    share = (
        f"coverage {100 * found.value:.3g} % of {found.n:,} rows [{100 * found.lower:.3g} %, {100 * found.upper:.3g} %]"
    )
    if nominal is None:
        return share
    levels = np.atleast_1d(np.asarray(nominal, dtype=np.float64))
    if len(levels) != len(order):
        raise ValueError(f"nominal must hold a level for each of the {len(order)} intervals, got {len(levels)}")
    return f"{share}, intended {100 * levels[order[0]]:.3g} %"


def plot_coverage_by_group(
    found: ConditionalCoverage, *, order: str = "given", n_groups: int = 40, ax: Axes | None = None
) -> Axes:
    """
    Draw the coverage in groups of rows, with intervals.

    Parameters
    ----------
    found : ConditionalCoverage
        From `conditional_coverage` or `conditional_set_coverage`.
    order : {"given", "coverage"}, default="given"
        As the groups come, bins from low to high, or the lowest coverage first.
    n_groups : int, default=40
        Of more groups, so many with the lowest coverage are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure, as high as it must be.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `order` is none of those above.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from mlcraft.plots import plot_coverage_by_group
    >>> from mlcraft.uncertainty import conditional_coverage
    >>> found = conditional_coverage([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0], ["a", "a", "b"], nominal=0.9)
    >>> [label.get_text() for label in plot_coverage_by_group(found).get_yticklabels()]
    ['a  (2)', 'b  (1)']
    """
    if order not in ("given", "coverage"):
        raise ValueError(f"order must be 'given' or 'coverage', got {order!r}")
    values = np.array([one.value for one in found.estimates])
    lowest = np.argsort(values, kind="stable")
    chosen = lowest[:n_groups] if order == "coverage" else np.sort(lowest[:n_groups])
    count = len(chosen)
    ax = make_axes(ax, (7.0, 1.4 + 0.27 * max(count, 3)))
    places = np.arange(count)[::-1]
    promised = found.overall.value if found.nominal is None else found.nominal
    apart = np.array([promised not in found.estimates[g] for g in chosen], dtype=bool)
    ax.axvspan(found.overall.lower, found.overall.upper, color=BAND, lw=0, zorder=0)
    ax.axvline(promised, color=INK, lw=1.0, zorder=1)
    for mask, colour, marker in ((~apart, STRONG, "o"), (apart, ALARM, "D")):
        rows = chosen[mask]
        ends = np.array([[found.estimates[g].lower, found.estimates[g].upper] for g in rows]).reshape(-1, 2)
        ax.hlines(places[mask], ends[:, 0], ends[:, 1], color=colour, lw=2.0, zorder=2)
        ax.plot(values[rows], places[mask], marker, color=colour, ms=5.0, mew=0, ls="", zorder=3)
    height = ax.get_window_extent().height * 72.0 / ax.figure.dpi / max(count, 1)
    names = [f"{short(found.groups[g])}  ({found.estimates[g].n:,})" for g in chosen]
    ax.set_yticks(places, names, fontsize=min(9.0, max(3.0, 0.82 * height)))
    ax.set_ylim(-0.7, count - 0.3)
    left = min([found.estimates[g].lower for g in chosen] + [promised])
    ax.set_xlim(max(-0.01, left - 0.03), 1.01)
    level = found.estimates[0].level
    ax.set_xlabel(f"coverage, {100 * level:.3g} % intervals; shaded: all rows")
    # to the left there is the room of the names
    ax.set_title(_summary(found, count, bool(apart.any())), loc="right", fontsize=10)
    if found.by:
        ax.set_ylabel(found.by)
    plain(ax)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e5e7eb", lw=0.6)
    ax.set_axisbelow(True)
    return ax


def _summary(found: ConditionalCoverage, count: int, apart: bool) -> str:
    p = f"p = {found.p_value:.2g}" if found.p_value >= 1e-3 else "p < 0.001"
    asked = "the same everywhere" if found.nominal is None else f"{100 * found.nominal:.3g} % everywhere"
    some = f"the {count} lowest of {len(found.groups)} groups\n" if count < len(found.groups) else ""
    return f"{some}{asked}: {p}" + (" (diamonds: off)" if apart else "")
