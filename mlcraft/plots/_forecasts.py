"""Forecasts judged: reliability diagrams, and where y falls in its predictive distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.plots._drawing import ALARM, BAND, INK, STRONG, WEAK, make_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mlcraft.uncertainty.scores import PIT

__all__ = ["plot_pit", "plot_reliability"]

Doubles = NDArray[np.float64]
# Okabe and Ito's, which the colour-blind tell apart, each with a marker of its own
LOOKS = (("#0b6e4f", "o"), ("#c2410c", "D"), ("#2563a8", "s"), ("#b8860b", "^"), ("#7a3e9d", "v"), ("#111111", "P"))
FLOOR = 0.14  # share of the height that the numbers of rows take


def plot_reliability(curve: Any, y_prob: Any = None, *, ax: Axes | None = None, **options: Any) -> Axes:
    """
    Draw how often an event happens by how probable it was said to be: a reliability diagram.

    Points on the diagonal are calibrated forecasts. Bars are confidence intervals; the band is where points lie if the
    forecasts are calibrated, and those outside it are diamonds. At the bottom, how many rows had such forecasts.

    Parameters
    ----------
    curve : CalibrationCurve, mapping of str to CalibrationCurve, or array-like of shape (n_samples,)
        From `calibration_curve`; several are drawn beside each other by their names, without the band. Or labels, with
        `y_prob`.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
        Forecast probabilities, from which with the labels the curve is made.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    **options
        With `y_prob`: those of `calibration_curve`, such as `bins`, `strategy` and `level`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no curve, or more than six.
    TypeError
        If there are options without `y_prob`.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.plots import plot_reliability
    >>> from mlcraft.uncertainty import calibration_curve
    >>> p = np.repeat([0.1, 0.5, 0.9], 100)
    >>> y = np.concatenate([np.arange(100) < 10, np.arange(100) < 70, np.arange(100) < 92])
    >>> plot_reliability(calibration_curve(y, p, bins=3)).get_xlabel()  # or plot_reliability(y, p, bins=3)
    'forecast probability; at the bottom 300 rows'
    """
    if y_prob is not None:
        from mlcraft.uncertainty.calibration import calibration_curve

        curve = calibration_curve(curve, y_prob, **options)
    elif options:
        raise TypeError(f"{min(options)!r} is an option of calibration_curve: give it there, or labels and y_prob here")
    curves = dict(curve) if isinstance(curve, Mapping) else {"": curve}
    if not 0 < len(curves) <= len(LOOKS):
        raise ValueError(f"between one and {len(LOOKS)} curves can be told apart, got {len(curves)}")
    ax = make_axes(ax, (5.6, 5.6))
    ax.plot([0, 1], [0, 1], color=INK, lw=0.8, zorder=1)
    if len(curves) == 1:
        name, one = next(iter(curves.items()))
        _draw_one(ax, one)
        if name:
            ax.set_title(name, loc="left", fontsize=10)
    else:
        for shift, ((name, one), (colour, marker)) in enumerate(zip(curves.items(), LOOKS, strict=False)):
            at = one.predicted + 0.006 * (shift - (len(curves) - 1) / 2.0)  # bars beside, not on each other
            ax.vlines(at, one.lower, one.upper, color=colour, lw=1.2, alpha=0.6, zorder=2)
            ax.plot(at, one.observed, marker=marker, ms=4.5, mew=0, lw=1.2, color=colour, label=name, zorder=3)
        ax.legend(frameon=False, fontsize=9, loc="upper left", labelcolor=INK)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-FLOOR - 0.02 if len(curves) == 1 else -0.02, 1.02)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_aspect("equal", adjustable="box")
    level = next(iter(curves.values())).level
    below = f"; at the bottom {next(iter(curves.values())).n:,} rows" if len(curves) == 1 else ""
    ax.set_xlabel(f"forecast probability{below}")
    ax.set_ylabel(f"observed frequency, {100 * level:.3g} % intervals")
    plain(ax)
    return ax


def _draw_one(ax: Axes, one: Any) -> None:
    right = np.asarray(one.consistent, dtype=bool)
    if len(one.predicted) > 1:
        ax.fill_between(one.predicted, one.consistent_lower, one.consistent_upper, color=BAND, lw=0, zorder=0)
    else:
        ax.vlines(one.predicted, one.consistent_lower, one.consistent_upper, color=BAND, lw=12.0, zorder=0)
    ax.plot(one.predicted, one.observed, color=WEAK, lw=0.8, zorder=2)
    for mask, colour, marker in ((right, STRONG, "o"), (~right, ALARM, "D")):
        at = one.predicted[mask]
        ax.vlines(at, one.lower[mask], one.upper[mask], color=colour, lw=1.6, zorder=3)
        ax.plot(at, one.observed[mask], marker, color=colour, ms=5.0, mew=0, ls="", zorder=4)
    low, high = np.asarray(one.low, dtype=np.float64), np.asarray(one.high, dtype=np.float64)
    wide = np.maximum(high - low, 0.006)
    rows = np.asarray(one.count, dtype=np.float64)
    density = rows / wide / np.max(rows / wide)
    middle = np.clip(0.5 * (low + high), 0.0, 1.0)
    ax.bar(middle, (FLOOR - 0.02) * density, wide * 0.96, bottom=-FLOOR, color=WEAK, lw=0, alpha=0.55, zorder=1)


def plot_pit(found: PIT, *, bins: int = 10, ax: Axes | None = None) -> Axes:
    """
    Draw where y falls in its predictive distribution: a flat histogram is that of right distributions.

    A hump means distributions too wide, a trough too narrow, a slope predictions too high or too low. The band holds
    all bars with the confidence level of `found` (Bonferroni), if the distributions are right and rows independent.

    Parameters
    ----------
    found : PIT
        From `pit`.
    bins : int, default=10
        How many bars.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.plots import plot_pit
    >>> from mlcraft.uncertainty import pit
    >>> ax = plot_pit(pit(cdf=np.linspace(0.005, 0.995, 100)))
    >>> [bar.get_height().round(3).item() for bar in ax.patches[:2]]
    [1.0, 1.0]
    """
    from scipy.special import bdtrik

    heights = found.histogram(bins) * bins
    weight = found.weight
    size = max(1.0, float(weight.sum() ** 2 / (weight @ weight)))
    tail = (0.5 - 0.5 * found.level) / bins
    low, high = (float(bdtrik(share, size, 1.0 / bins)) for share in (tail, 1.0 - tail))
    low, high = max(np.ceil(np.nan_to_num(low)), 0.0) / size * bins, np.ceil(high) / size * bins
    ax = make_axes(ax, (5.8, 4.2))
    edges = np.linspace(0.0, 1.0, bins + 1)
    outside = (heights < low) | (heights > high)
    for mask, colour, hatch in ((~outside, "#8fb3a3", None), (outside, "#e0a27f", "///")):
        ax.bar(
            edges[:-1][mask],
            heights[mask],
            1.0 / bins,
            align="edge",
            color=colour,
            edgecolor="white",
            hatch=hatch,
            lw=1.0,
            zorder=1,
        )
    ax.axhspan(low, high, color=INK, alpha=0.12, lw=0, zorder=2)
    ax.axhline(1.0, color=INK, lw=0.8, zorder=3)
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.12 * max(float(heights.max()), high))
    ax.set_xlabel("probability integral transform, F(y)")
    ax.set_ylabel("density")
    p = f"p = {found.p_value:.2g}" if found.p_value >= 1e-3 else "p < 0.001"
    ax.set_title(
        f"uniform: {p}, {found.mean.n:,} rows; band {100 * found.level:.3g} % for all bars", loc="left", fontsize=10
    )
    plain(ax)
    return ax
