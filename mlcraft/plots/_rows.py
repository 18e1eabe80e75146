"""The rows of a fit: which are influential, and whether residuals are normal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.plots._drawing import ALARM, BAND, INK, STRONG, cloud, make_axes, name_points, plain, settle, short
from mlcraft.uncertainty._model import model_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["leverage_residual", "qq"]

Doubles = NDArray[np.float64]

ALL_DRAWN = 4000  # points up to which a quantile plot draws every one
EXTREMES = 400  # of more points, so many at each end are drawn all the same
FAR_OUT = 30.0  # times the median leverage: from there on the axis is logarithmic
COOK_LEVELS = (1.0, 0.5, 0.1, 0.05, 0.01, 5e-3, 1e-3, 5e-4, 1e-4)


def leverage_residual(
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    target: int = 0,
    n_labels: int = 5,
    labels: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw the standardised residuals against the leverages, with lines of equal Cook's distance.

    Far to the right are rows unlike the others, far up and down rows that the fit misses; those beyond the lines move
    the coefficients.

    Parameters
    ----------
    model : LinearRegression, Ridge or the like
        A fitted regression with `influence_`.
    X, y, sample_weight : array-like
        Those of the fit.
    target : int, default=0
        Which target, where there are several.
    n_labels : int, default=5
        How many rows are named: those with the largest Cook's distance.
    labels : sequence of length n_samples, optional
        Names of the rows. Default: the index of X where it has one, else positions.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the data are not those of the fit, or labels do not fit.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.plots import leverage_residual
    >>> X, y = np.arange(8.0).reshape(-1, 1), [1.0, 3.0, 2.0, 5.0, 6.0, 5.0, 8.0, 1.0]
    >>> ax = leverage_residual(LinearRegression().fit(X, y), X, y, n_labels=1)
    >>> ax.texts[0].get_text()
    '7'
    """
    found = model.influence_(X, y, sample_weight, coefficients=False)
    leverage, residual, cook, saturated = (
        np.asarray(_column(getattr(found, name), target), dtype=np.float64)
        for name in ("leverage", "rstandard", "cooks_distance", "saturated")
    )
    df = float(np.ravel(found.effective_df)[target if np.ndim(found.effective_df) else 0])
    names = _row_names(labels, found.index, len(leverage))
    drawn = (saturated == 0) & (_weights(sample_weight, len(leverage)) > 0)
    worst = np.flatnonzero(drawn)[np.argsort(-cook[drawn], kind="stable")[:n_labels]]
    ax = make_axes(ax, (7.0, 5.0))
    inner = leverage[drawn]
    left, right = (inner.min(), inner.max()) if len(inner) else (0.1, 1.0)
    logarithmic = right > FAR_OUT * np.median(inner) and left > 0 if len(inner) else False
    if logarithmic:  # a few rows far out would press all others against the edge
        ax.set_xscale("log")
        left, right = left / 1.3, right * 1.6
    else:
        left, right = 0.0, right * 1.1
    cloud(ax, leverage[drawn], residual[drawn])
    ax.scatter(leverage[worst], residual[worst], s=22.0, color=ALARM, linewidths=0, zorder=3)
    height = 1.15 * max(np.abs(residual[drawn]).max(initial=0.0), 2.5)
    ax.set_xlim(left, right)
    ax.set_ylim(-height, height)
    ax.axhline(0.0, color=INK, lw=0.8, zorder=0)
    ax.set_xlabel("leverage" + _left_out(saturated > 0, names))
    ax.set_ylabel("standardised residual")
    plain(ax)
    _cook_contours(ax, cook[drawn].max(initial=0.0), df, height)
    settle(ax)
    name_points(ax, [(leverage[i], residual[i], names[i]) for i in worst])
    return ax


def _left_out(saturated: NDArray[np.bool_], names: list[str]) -> str:
    """Say in the label of the axis which rows cannot be shown."""
    rows = np.flatnonzero(saturated)
    if not len(rows):
        return ""
    listed = ", ".join(short(names[i], 12) for i in rows[:4]) + (", …" if len(rows) > 4 else "")
    return f"\nnot shown, since fitted exactly (leverage 1): {len(rows)} row{'s' * (len(rows) > 1)}, {listed}"


def _cook_contours(ax: Axes, largest: float, df: float, height: float) -> None:
    """Draw lines of equal Cook's distance D: r^2 = D df (1 - h) / h."""
    levels = [level for level in COOK_LEVELS if level <= max(largest, COOK_LEVELS[-1])][:2]
    left, right = ax.get_xlim()
    logarithmic = ax.get_xscale() == "log"
    leverage = (np.geomspace if logarithmic else np.linspace)(max(left, right / 500), min(right, 1.0), 500)
    for level, style in zip(levels, ("-", "--"), strict=False):
        curve = np.sqrt(level * df * (1.0 - leverage) / leverage)
        curve[curve > 2.0 * height] = np.nan
        for sign, label in ((1, f"Cook's distance {level:g}"), (-1, None)):
            ax.plot(leverage, sign * curve, ls=style, color=ALARM, lw=0.9, alpha=0.8, zorder=1, label=label)
    # above the picture, where it hides nothing
    ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)


def qq(
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    level: float = 0.95,
    target: int = 0,
    n_labels: int = 5,
    labels: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw the studentised residuals against what they should be if errors were normal.

    Each externally studentised residual has a t distribution then. The band holds each point with the probability
    `level`, by the beta distribution of ordered uniform numbers, narrowed since mean and spread are those of the same
    residuals [1]_: of many points some lie outside by chance.

    Parameters
    ----------
    model : LinearRegression, Ridge or the like
        A fitted regression with `influence_`.
    X, y, sample_weight : array-like
        Those of the fit.
    level : float, default=0.95
        Probability of the band, for each point.
    target : int, default=0
        Which target, where there are several.
    n_labels : int, default=5
        How many rows are named: the largest residuals beyond 2.5, of those outside the band.
    labels : sequence of length n_samples, optional
        Names of the rows. Default: the index of X where it has one, else positions.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the data are not those of the fit, labels do not fit, or `level` is not between 0 and 1.
    ImportError
        If matplotlib is missing.

    References
    ----------
    .. [1] Durbin (1973), Weak convergence of the sample distribution function when parameters are estimated, Annals of
       Statistics 1, 279-290.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.plots import qq
    >>> X, y = np.arange(8.0).reshape(-1, 1), [1.0, 3.0, 2.0, 5.0, 6.0, 5.0, 8.0, 1.0]
    >>> qq(LinearRegression().fit(X, y), X, y).get_ylabel()
    'studentised residual'
    """
    from scipy.special import betaincinv, stdtrit

    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    found = model.influence_(X, y, sample_weight, coefficients=False)
    residual, saturated = (np.asarray(_column(getattr(found, name), target)) for name in ("rstudent", "saturated"))
    names = _row_names(labels, found.index, len(residual))
    rows = np.flatnonzero(~saturated & (_weights(sample_weight, len(residual)) > 0) & np.isfinite(residual))
    rows = rows[np.argsort(residual[rows], kind="stable")]
    n = len(rows)
    df = n - float(np.ravel(found.effective_df)[target if np.ndim(found.effective_df) else 0]) - 1.0
    rank = np.arange(1.0, n + 1.0)
    tail = (1.0 - level) / 2.0
    shown = _thinned(n)
    at = rank[shown]
    expected = stdtrit(df, (at - 0.5) / n)
    narrower = _shrinkage((at - 0.5) / n, model_of(model).has_intercept)
    low, high = (
        expected + narrower * (stdtrit(df, betaincinv(at, n + 1.0 - at, share)) - expected)
        for share in (tail, 1.0 - tail)
    )
    value = np.asarray(residual[rows][shown], dtype=np.float64)
    ax = make_axes(ax, (5.6, 5.6))
    ax.fill_between(expected, low, high, color=BAND, lw=0, label=f"{100 * level:g} % band for each point")
    ends = np.array([expected[0], expected[-1]])
    ax.plot(ends, ends, color=INK, lw=0.8)
    outside = (value < low) | (value > high)
    for mask, colour in ((~outside, STRONG), (outside, ALARM)):
        ax.plot(expected[mask], value[mask], "o", color=colour, ms=3.5 if n < 1000 else 2.5, mew=0, rasterized=n > 1000)
    worst = np.flatnonzero(outside & (np.abs(value) > 2.5))
    worst = worst[np.argsort(-np.abs(value[worst]), kind="stable")[:n_labels]]
    ax.margins(x=0.06, y=0.06)
    ax.autoscale_view()
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    ax.set_xlabel(f"quantile of t with {df:,.0f} degrees of freedom")
    ax.set_ylabel("studentised residual")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    plain(ax)
    settle(ax)
    name_points(ax, [(expected[i], value[i], names[rows[shown[i]]]) for i in worst])
    return ax


def _shrinkage(share: Doubles, centred: bool) -> Doubles:
    """
    Return how much less ordered residuals vary than ordered independent numbers.

    With the mean and the spread estimated, the variance u (1 - u) of the share below z falls by f^2 (1 + z^2 / 2), f
    the normal density at z.
    """
    from scipy.special import ndtri

    z = ndtri(share)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    lost = density**2 * (float(centred) + z * z / 2.0) / (share * (1.0 - share))
    found: Doubles = np.sqrt(np.maximum(1.0 - lost, 0.0))
    return found


def _thinned(n: int) -> NDArray[np.intp]:
    """Positions to draw: all of few points, of many the ends and an even choice between."""
    if n <= ALL_DRAWN:
        return np.arange(n)
    middle = np.linspace(EXTREMES, n - EXTREMES, ALL_DRAWN - 2 * EXTREMES, endpoint=False).astype(np.intp)
    return np.concatenate([np.arange(EXTREMES), middle, np.arange(n - EXTREMES, n)])


def _column(values: Any, target: int) -> Any:
    return values if values.ndim == 1 else values[:, target]


def _weights(sample_weight: Any, n: int) -> Doubles:
    return np.broadcast_to(np.asarray(1.0 if sample_weight is None else sample_weight, dtype=np.float64), (n,))


def _row_names(labels: Sequence[Any] | None, index: Any, n: int) -> list[str]:
    given = labels if labels is not None else index if index is not None else range(n)
    names = [str(name) for name in given]
    if len(names) != n:
        raise ValueError(f"labels must name the {n} rows of X, got {len(names)}")
    return names
