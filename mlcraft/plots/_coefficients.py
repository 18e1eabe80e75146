"""The coefficients of a fit, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.plots._drawing import INK, STRONG, WEAK, make_axes, plain, short
from mlcraft.uncertainty._model import model_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["coefficient_forest"]

Doubles = NDArray[np.float64]


def coefficient_forest(
    model: Any,
    *,
    level: float = 0.95,
    per: str = "sd",
    order: str = "size",
    target: int = 0,
    n_coefficients: int = 60,
    covariance: Any = "classical",
    ax: Axes | None = None,
    **data: Any,
) -> Axes:
    """
    Draw the coefficients with their confidence intervals, one below the other.

    Parameters
    ----------
    model : LinearRegression, Ridge or the like
        A fitted regression with `conf_int`.
    level : float, default=0.95
        Confidence level of the intervals.
    per : {"sd", "unit"}, default="sd"
        Whether a coefficient is drawn as the change of y for one standard deviation of its column, so that columns in
        different units can be compared, or as it is.
    order : {"size", "fit"}, default="size"
        From the largest to the smallest, or as in the fit.
    target : int, default=0
        Which target, where there are several.
    n_coefficients : int, default=60
        Of more coefficients, so many with the largest ratio to their standard error are drawn.
    covariance : str, default="classical"
        Kind of the covariance, as for `conf_int`.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure, as high as it must be.
    **data
        X, y, sample_weight and groups, for covariances that need them.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the fit has no intervals, or `per` or `order` is none of those above.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.plots import coefficient_forest
    >>> X = np.arange(12.0).reshape(6, 2) ** [1, 2]
    >>> model = LinearRegression().fit(X, [1.0, 2.0, 2.5, 4.0, 4.0, 6.0])
    >>> [label.get_text() for label in coefficient_forest(model).get_yticklabels()]
    ['x0', 'x1']
    """
    for name, value, allowed in (("per", per, ("sd", "unit")), ("order", order, ("size", "fit"))):
        if value not in allowed:
            raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {value!r}")
    found = model.conf_int(level, covariance=covariance, target=target, **data)
    first = int(model_of(model).has_intercept)
    names = np.array(found.names[first:], dtype=object)
    scale = _column_spreads(model) if per == "sd" else np.ones(len(names))
    lower, upper = (np.ravel(bound)[first:] * scale for bound in (found.lower, found.upper))
    value = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))[target] * scale
    chosen = _chosen(value, upper - lower, order, n_coefficients)
    count = len(chosen)
    ax = make_axes(ax, (7.0, 1.1 + 0.25 * max(count, 3)))
    places = np.arange(count)[::-1]
    apart = (lower[chosen] > 0) | (upper[chosen] < 0)
    for mask, colour in ((apart, STRONG), (~apart, WEAK)):
        rows = chosen[mask]
        ax.hlines(places[mask], lower[rows], upper[rows], color=colour, lw=2.0)
        ax.plot(value[rows], places[mask], "o", color=colour, ms=4.5)
    ax.axvline(0.0, color=INK, lw=0.8, zorder=0)
    # as many points as a row is high, when the room is given
    height = ax.get_window_extent().height * 72.0 / ax.figure.dpi / max(count, 1)
    ax.set_yticks(places, [short(str(names[j])) for j in chosen], fontsize=min(9.0, max(3.0, 0.82 * height)))
    ax.set_ylim(-0.7, count - 0.3)
    unit = "change of y per sd of the column" if per == "sd" else "coefficient"
    label = f"{unit}, {100 * level:g} % intervals"
    if found.bias is not None:
        label += "\na penalty pulls towards zero; intervals do not make up for that bias"
    ax.set_xlabel(label)
    if count < len(names):
        ax.set_title(f"the {count} clearest of {len(names)} coefficients", loc="left", fontsize=10)
    plain(ax)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e5e7eb", lw=0.6)
    ax.set_axisbelow(True)
    return ax


def _chosen(value: Doubles, width: Doubles, order: str, most: int) -> NDArray[np.intp]:
    with np.errstate(divide="ignore", invalid="ignore"):
        clarity = np.nan_to_num(np.abs(value) / width, nan=-1.0, posinf=np.inf)
    clearest = np.sort(np.argsort(-clarity, kind="stable")[:most])
    if order == "fit":
        return clearest
    found: NDArray[np.intp] = clearest[np.argsort(-value[clearest], kind="stable")]
    return found


def _column_spreads(model: Any) -> Doubles:
    """Weighted standard deviations of the columns, which the factor tells."""
    view = model_of(model)
    factor = view.factor
    assert factor is not None
    squares = np.diagonal(factor.matrix()) - np.where(factor.scale > 0, factor.alpha, 0.0)
    spreads: Doubles = np.sqrt(np.maximum(squares, 0.0) / factor.weight_sum)
    return spreads
