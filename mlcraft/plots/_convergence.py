"""How solvers get to the minimum: distance from the best objective, and certificate, against work or time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.plots._drawing import INK, make_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["convergence"]

Doubles = NDArray[np.float64]

AXES = {"passes": "passes over the data", "seconds": "seconds", "iteration": "iteration"}
MEASURES = ("certificate", "gap")
# Colours that the colour-blind tell apart (Okabe and Ito), then the same with dashes.
COLOURS = ("#0b6e4f", "#c2410c", "#2563a8", "#b8860b", "#7a3e9d", "#111111", "#d1739f", "#5b9bd5")
STYLES = ("-", "--", ":")
SMALLEST = 1e-16  # what is nearer to the best objective cannot be told from it


def convergence(
    solutions: Mapping[str, Any],
    *,
    measure: str = "certificate",
    against: str = "passes",
    best: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw how solvers converge, on a logarithmic axis.

    Parameters
    ----------
    solutions : mapping of str to Solution
        Results of ``mlcraft.solve(..., trace=True)`` by the name to be shown.
    measure : {"certificate", "gap"}, default="certificate"
        Upwards: the certificate, or the objective's distance from the best one, relative to it.
    against : {"passes", "seconds", "iteration"}, default="passes"
        To the right. Where a solver does not count its passes, iterations take their place.
    best : float, optional
        The best objective. Default: the smallest among all traces.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no solution has a trace of two rows or more, or an argument is none of those above.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft import solve
    >>> from mlcraft.plots import convergence
    >>> X, about = np.vander(np.linspace(0, 1, 50), 5), {"loss": "squared", "alpha": 0.1, "trace": True}
    >>> runs = {name: solve(X, X.sum(axis=1), solver=name, **about) for name in ("gd", "nesterov")}
    >>> [line.get_label() for line in convergence(runs).get_lines()]
    ['gd', 'nesterov']
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(map(repr, MEASURES))}, got {measure!r}")
    if against not in AXES:
        raise ValueError(f"against must be one of {', '.join(map(repr, AXES))}, got {against!r}")
    traces = {name: solution.trace for name, solution in solutions.items() if len(solution.trace) > 1}
    if not traces:
        raise ValueError("no solution has a trace to draw: call solve(..., trace=True), with an iterative solver")
    if best is None:
        best = float(min(np.nanmin(solution.trace["objective"]) for solution in solutions.values()))
    ax = make_axes(ax, (6.8, 4.4))
    for number, (name, trace) in enumerate(traces.items()):
        ax.plot(
            _across(trace, against),
            _upwards(trace, measure, best),
            color=COLOURS[number % len(COLOURS)],
            ls=STYLES[number // len(COLOURS) % len(STYLES)],
            lw=1.6,
            label=name,
        )
    ax.set_yscale("log")
    ax.set_xlabel(AXES[against])
    kinds = sorted({solution.certificate_kind for solution in solutions.values()})
    ax.set_ylabel("distance from the best objective, relative" if measure == "gap" else " / ".join(kinds))
    plain(ax)
    ax.grid(axis="y", color="#e5e7eb", lw=0.6)
    ax.set_axisbelow(True)
    if len(traces) > 1:
        ax.legend(frameon=False, fontsize=9, labelcolor=INK)
    else:
        ax.set_title(next(iter(traces)), loc="left", fontsize=10)
    return ax


def _across(trace: NDArray[np.void], against: str) -> Doubles:
    found: Doubles = trace[against].astype(np.float64)
    return trace["iteration"].astype(np.float64) if np.isnan(found).any() else found


def _upwards(trace: NDArray[np.void], measure: str, best: float) -> Doubles:
    if measure == "certificate":
        values: Doubles = trace["certificate"].astype(np.float64)
    else:
        values = (trace["objective"] - best) / max(abs(best), SMALLEST)
    with np.errstate(invalid="ignore"):
        return np.where(values > 0, np.maximum(values, SMALLEST), np.nan)
