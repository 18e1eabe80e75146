"""What a solver found, and how it got there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TRACE_DTYPE", "Solution", "trace_table"]

Doubles = NDArray[np.float64]

TRACE_DTYPE = np.dtype(
    [
        ("iteration", np.int64),
        ("passes", np.float64),
        ("seconds", np.float64),
        ("objective", np.float64),
        ("certificate", np.float64),
    ]
)


def trace_table(rows: Any) -> NDArray[np.void]:
    """
    Return rows of (iteration, passes, seconds, objective, certificate) as a structured array.

    Parameters
    ----------
    rows : sequence of tuples, or ndarray of shape (n_rows, 5)

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    return np.array([tuple(row) for row in rows], dtype=TRACE_DTYPE)


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """
    What `mlcraft.solve` found.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients in float64; a row for each class with ``loss="multinomial"``.
    intercept : float or ndarray of shape (n_classes,)
        Zero without ``fit_intercept``.
    objective : float
        ``sum(w_i loss_i) / sum(w_i)`` and the penalty.
    certificate : float
        How far from the optimum this can be; see `certificate_kind`.
    certificate_kind : str
        "gradient": largest element of the gradient, in columns of unit variance, relative to the standard deviation of
        the residuals without any column. "optimality violation": the same, of the distance from the subdifferential of
        a penalty with kinks. "duality gap": bound on the objective's distance from its minimum, relative to it.
    n_iter : int
        Iterations; epochs of stochastic solvers.
    status : str
        "converged", "rank_deficient", "separated", "max_iter", "max_time", "stalled", "diverged", "interrupted" or
        "not_finite". Whatever it is, `coef` is the best iterate.
    message : str
        What the status means and what to do, with numbers.
    solver : str
        Which one ran; what "auto" chose.
    passes : float
        How often X was read, where the solver counts it; else NaN.
    seconds : float
        Wall time of the solver.
    gap : float
        Duality gap, relative to the objective, where it is cheap: L1 and elastic net with squared, logistic or Poisson
        loss, and ``solver="dual"``. Else NaN.
    classes : ndarray or None
        Labels of y for losses of classification. With two, positive ``intercept + x'coef`` speaks for ``classes[1]``;
        with "multinomial", row k of `coef` belongs to ``classes[k]``.
    trace : ndarray of shape (n_rows,)
        Structured, with fields "iteration", "passes", "seconds", "objective" and "certificate": a row for each
        iteration with ``trace=True``, else the last one only.
    factor : Factor or None
        The factorised matrix (``solver="direct"``).

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft import solve
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array(["no", "yes", "no", "yes"])
    >>> found = solve(X, y, alpha=0.1, solver="lbfgs", trace=True)
    >>> found.status, found.classes.tolist(), found.certificate_kind
    ('converged', ['no', 'yes'], 'gradient')
    >>> bool(found.trace["objective"][-1] <= found.trace["objective"][0])
    True
    """

    coef: Doubles
    intercept: float | Doubles
    objective: float
    certificate: float
    certificate_kind: str
    n_iter: int
    status: str
    message: str
    solver: str
    passes: float = float("nan")
    seconds: float = float("nan")
    gap: float = float("nan")
    classes: NDArray[Any] | None = None
    trace: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, dtype=TRACE_DTYPE))
    factor: Factor | None = None

    @property
    def gradient_norm(self) -> float:
        """The certificate where it is one of the gradient, else NaN."""
        return float("nan") if self.certificate_kind == "duality gap" else self.certificate

    @property
    def converged(self) -> bool:
        """Whether the certificate is below the tolerance."""
        return self.status in ("converged", "rank_deficient")

    def __repr__(self) -> str:
        counted = f"{self.n_iter} iterations" + ("" if np.isnan(self.passes) else f", {self.passes:.4g} passes")
        return (
            f"Solution({self.status} by {self.solver!r} after {counted}: objective {self.objective:.10g}, "
            f"{self.certificate_kind} {self.certificate:.1e})"
        )

    def to_frame(self) -> Any:
        """
        Return the trace as a table.

        Returns
        -------
        pandas.DataFrame, or polars.DataFrame where pandas is missing
            A row for each iteration with ``solve(trace=True)``, else the last one only.

        Raises
        ------
        ImportError
            If neither pandas nor polars is installed.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft import solve
        >>> found = solve(np.eye(4), [1.0, 2.0, 3.0, 4.0], loss="squared", alpha=0.1, solver="gd", trace=True)
        >>> found.to_frame().columns.tolist()
        ['iteration', 'passes', 'seconds', 'objective', 'certificate']
        """
        columns = {name: self.trace[name] for name in TRACE_DTYPE.names or ()}
        try:
            import pandas as pd
        except ImportError:
            try:
                import polars as pl
            except ImportError as error:
                raise ImportError("to_frame() needs pandas or polars") from error
            return pl.DataFrame(columns)
        return pd.DataFrame(columns)

    def plot(self, *, against: str = "passes", ax: Axes | None = None) -> Axes:
        """
        Draw the certificate and the distance from the best objective against passes or seconds.

        Parameters
        ----------
        against : {"passes", "seconds", "iteration"}, default="passes"
            The horizontal axis.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If there is no trace to draw, or `against` is none of those above.
        ImportError
            If matplotlib is missing.

        See Also
        --------
        mlcraft.plots.convergence : Several solutions in one picture.
        """
        from mlcraft.plots import convergence

        return convergence({self.solver: self}, against=against, ax=ax)
