"""The picture of a bootstrap: where the estimates on resamples lie, and the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mlcraft.uncertainty.resampling._result import BootstrapResult

__all__ = ["draw"]

INK, STRONG, WEAK = "#222222", "#0b6e4f", "#9aa0a6"
MOST = 40  # values that one picture holds


def draw(result: BootstrapResult, which: int | str | None, ax: Axes | None) -> Axes:
    """
    Draw one value as a histogram, or many as lines; see `BootstrapResult.plot`.

    Parameters
    ----------
    result : BootstrapResult
    which : int, str or None
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    matplotlib.axes.Axes
    """
    place = _place(result, which)
    if ax is None:
        try:
            from matplotlib import pyplot as plt
        except ImportError as error:
            raise ImportError('plots need matplotlib: pip install "mlcraft[report]"') from error
        height = 3.2 if place is not None else 1.2 + 0.32 * min(len(result.names), MOST)
        _, ax = plt.subplots(figsize=(6.0, height), layout="constrained")
    axes: Axes = ax
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    values, ends = result.distribution.reshape(len(result.distribution), -1), result.conf_int().reshape(-1, 2)
    (_lines if place is None else _histogram)(axes, result, values, ends, place or 0)
    return axes


def _place(result: BootstrapResult, which: int | str | None) -> int | None:
    if which is None:
        return 0 if len(result.names) == 1 else None
    if isinstance(which, str):
        if which not in result.names:
            raise ValueError(f"which must be one of {', '.join(map(repr, result.names[:10]))}, got {which!r}")
        return result.names.index(which)
    if not 0 <= which < len(result.names):
        raise ValueError(f"which must lie between 0 and {len(result.names) - 1}, got {which!r}")
    return int(which)


def _histogram(ax: Axes, result: BootstrapResult, values: Any, ends: Any, place: int) -> None:
    column, (low, high) = values[:, place], ends[place]
    ax.hist(column, bins=min(60, max(12, int(np.sqrt(len(column))))), color=STRONG, alpha=0.35)
    ax.axvspan(low, high, color=WEAK, alpha=0.18, lw=0, label=f"{result.level:.0%} {result.method} interval")
    ax.axvline(result.estimate.ravel()[place], color=INK, lw=1.5, label="estimate")
    ax.set(xlabel=result.names[place], ylabel="resamples")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 1.16), ncols=2)


def _lines(ax: Axes, result: BootstrapResult, values: Any, ends: Any, _place: int) -> None:
    shown = min(len(result.names), MOST)
    heights = np.arange(shown)[::-1]
    middle = np.quantile(values[:, :shown], [0.25, 0.75], axis=0)
    ax.axvline(0.0, color=WEAK, lw=0.8, zorder=0)
    ax.hlines(heights, ends[:shown, 0], ends[:shown, 1], color=STRONG, lw=1.4)
    ax.hlines(heights, *middle, color=STRONG, lw=5.0, alpha=0.45)
    ax.plot(result.estimate.ravel()[:shown], heights, "o", color=INK, ms=4)
    ax.set_yticks(heights, [name if len(name) <= 30 else f"{name[:29]}…" for name in result.names[:shown]])
    ax.set_ylim(-0.7, shown - 0.3)
    more = f", the first {shown} of {len(result.names)}" if shown < len(result.names) else ""
    ax.set_xlabel(f"estimate, half of the resamples, {result.level:.0%} {result.method} interval{more}")
