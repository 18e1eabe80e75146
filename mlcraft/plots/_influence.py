"""How far a few rows can move a conclusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.plots._drawing import ALARM, BAND, INK, STRONG, make_axes, name_points, plain, settle, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mlcraft.uncertainty._flips import Flip
    from mlcraft.uncertainty._influence_of import RowInfluence

__all__ = ["plot_influence"]

Doubles = NDArray[np.float64]


def plot_influence(
    found: RowInfluence,
    name: Any = None,
    *,
    at: Any = None,
    flip: Flip | None = None,
    max_share: float = 0.05,
    n_labels: int = 4,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw how far a coefficient or a prediction moves as the rows that push it most are left out, up and down.

    Moves of single rows are added up, which is near the truth for few rows; a `flip` that a refit has checked is drawn
    where it is.

    Parameters
    ----------
    found : RowInfluence
        From `influence`.
    name : str or int, optional
        The parameter.
    at : array-like of shape (n_features,), optional
        The row whose prediction counts instead.
    flip : Flip, optional
        From ``found.flip``: the rows that turn a conclusion.
    max_share : float, default=0.05
        Up to which share of the rows, and at least to the rows of `flip`.
    n_labels : int, default=4
        How many rows are named in each direction.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such parameter.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.plots import plot_influence
    >>> from mlcraft.uncertainty import influence
    >>> X = np.arange(12.0).reshape(6, 2) ** [1, 2]
    >>> y = np.array([1.0, 2.0, 2.5, 4.0, 4.0, 6.0])
    >>> plot_influence(influence(LinearRegression().fit(X, y), X, y), "x0", max_share=0.5).get_ylabel()
    'x0'
    """
    ranked = found.top(name, at=at, n=found.n_rows)
    finite = np.isfinite(ranked.change)
    most = max(3, int(max_share * found.n_samples), 0 if flip is None or flip.count is None else flip.count + 1)
    ax = make_axes(ax, (6.8, 4.4))
    ax.axhline(ranked.value, color=INK, lw=0.8, ls=":", zorder=1)
    paths = []
    for sign in (1.0, -1.0):
        mine = np.flatnonzero(finite & (sign * ranked.change > 0))[:most]
        path = np.append(ranked.value, ranked.value + np.cumsum(ranked.change[mine]))
        ax.plot(np.arange(len(path)), path, color=STRONG, lw=1.6, marker="o" if len(path) < 40 else None, ms=3.0)
        paths.append((mine, path))
    low, high = paths[1][1], paths[0][1]
    length = min(len(low), len(high))
    ax.fill_between(np.arange(length), low[:length], high[:length], color=BAND, lw=0, zorder=0)
    line = 0.0 if flip is None else flip.value
    if flip is not None or low[-1] <= 0.0 <= high[-1]:
        ax.axhline(line, color=ALARM, lw=1.0, zorder=1)
    if flip is not None and flip.count is not None:
        said = f"{flip.goal} turned by {flip.count} row{'s' * (flip.count > 1)}" + (" (refit)" if flip.checked else "")
        ax.plot([flip.count], [flip.after], "D", color=ALARM, ms=7.0, mew=0, label=said, zorder=5, ls="")
        ax.legend(frameon=False, fontsize=9, loc="best", labelcolor=INK)
    share = 100.0 / found.n_samples
    ax.set_xlabel(f"rows left out, of {found.n_samples:,} ({share:.2g} % each)")
    ax.set_ylabel(short(ranked.what))
    ax.set_xlim(0, max(len(low), len(high)) - 1 + 0.02)
    ax.margins(y=0.12)
    plain(ax)
    settle(ax)
    points = [
        (k + 1.0, path[k + 1], str(ranked.labels[mine[k]]))
        for mine, path in paths
        for k in range(min(n_labels, len(mine)))
    ]
    name_points(ax, points)
    return ax
