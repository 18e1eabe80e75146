"""What a bootstrap leaves: the values on the resamples, and all that is said from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.resampling import _methods

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = ["BootstrapResult", "Jackknife", "check_level", "check_method"]

Doubles = NDArray[np.float64]


class Jackknife(Protocol):
    """What knows the estimate without each row."""

    def __call__(self) -> Doubles:
        """Return it, of shape (n_parts, n_values)."""


def check_level(level: float) -> float:
    """Return a level between 0 and 1, or raise ValueError."""
    if not (isinstance(level, float | int | np.floating) and 0 < level < 1):
        raise ValueError(f"level must lie between 0 and 1, 0.95 for example; got {level!r}")
    return float(level)


def check_method(method: str) -> str:
    """Return the name of a method, or raise ValueError."""
    if method not in _methods.METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, _methods.METHODS))}, got {method!r}")
    return method


@dataclass
class BootstrapResult:
    """
    The values that an estimate takes on resamples.

    Attributes
    ----------
    estimate : ndarray of shape (...)
        From all rows.
    distribution : ndarray of shape (n_resamples, ...)
        From each resample that has a value.
    names : tuple of str
        What the estimates are, one name for each value, in C order.
    kind, method : str
        How rows were drawn, and the default of `conf_int`.
    level : float
        The default of `conf_int`.
    errors : ndarray of shape (n_resamples, ...) or None
        Standard errors within the resamples, for studentised intervals.
    estimate_error : ndarray of shape (...) or None
        The same of the estimate.
    n_degenerate : int
        Resamples whose rows did not determine the estimate, or separated the classes.
    n_failed : int
        Resamples without a value, which are not in `distribution`.
    form : str
        "linear", "logistic", "statistic" or "refits": how the values were found.
    remark : str
        What was not repeated for each resample.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import bootstrap
    >>> result = bootstrap(np.mean, np.arange(20.0), n_resamples=499, random_state=0)
    >>> float(result.estimate), result.distribution.shape
    (9.5, (499,))
    >>> bool(abs(result.standard_error - np.arange(20.0).std() / np.sqrt(20)) < 0.1)
    True
    """

    estimate: Doubles
    distribution: Doubles
    names: tuple[str, ...]
    kind: str
    method: str
    level: float
    errors: Doubles | None = None
    estimate_error: Doubles | None = None
    n_degenerate: int = 0
    n_failed: int = 0
    form: str = "refits"
    remark: str = ""
    _jackknife: Jackknife | None = field(default=None, repr=False)
    _without: Doubles | None = field(default=None, repr=False)

    @property
    def standard_error(self) -> Doubles:
        """Standard deviation of the values on the resamples, of the shape of `estimate`."""
        return np.asarray(self.distribution.std(axis=0, ddof=1))

    @property
    def bias(self) -> Doubles:
        """Mean of the values on the resamples less the estimate."""
        return np.asarray(self.distribution.mean(axis=0) - self.estimate)

    def conf_int(self, level: float | None = None, method: str | None = None) -> Doubles:
        """
        Return confidence intervals.

        Parameters
        ----------
        level : float, optional
            Default: that given to `bootstrap`.
        method : {"percentile", "basic", "bca", "studentised"}, optional
            Default: that given to `bootstrap`. "bca" computes, at its first use, the estimate without each row;
            "studentised" needs the standard errors that ``bootstrap(..., method="studentised")`` computes.

        Returns
        -------
        ndarray of shape (..., 2)
            Lower and upper ends.

        Raises
        ------
        ValueError
            If the method needs what there is not.

        Warns
        -----
        UserWarning
            If there are too few resamples for the level.

        References
        ----------
        .. [1] B. Efron, "Better bootstrap confidence intervals", Journal of the American Statistical Association 82,
           1987.
        .. [2] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997, chapter 5.
        """
        level = check_level(self.level if level is None else level)
        method = check_method(self.method if method is None else method)
        values, estimate = self.distribution.reshape(len(self.distribution), -1), self.estimate.ravel()
        if method == "percentile":
            found = _methods.percentile(values, level)
        elif method == "basic":
            found = _methods.basic(values, estimate, level)
        elif method == "bca":
            found = _methods.bca(values, estimate, self._left_out(), level)
        else:
            if self.errors is None or self.estimate_error is None:
                raise ValueError(
                    "studentised intervals need a standard error within each resample: call bootstrap with "
                    "method='studentised' (for estimators without a closed form, and for statistics, with "
                    "standard_error= too)"
                )
            errors = self.errors.reshape(values.shape)
            found = _methods.studentised(values, errors, estimate, self.estimate_error.ravel(), level)
        return found.reshape(*self.estimate.shape, 2)

    def _left_out(self) -> Doubles:
        if self._without is None:
            if self._jackknife is None:
                raise ValueError(
                    f"method='bca' corrects by the estimate without each row, which kind={self.kind!r} does not draw; "
                    "use 'basic' or 'studentised', or a kind that draws rows"
                )
            self._without = self._jackknife()
            lost = np.asarray(~np.isfinite(self._without).all(axis=1))
            if lost.any():
                warn_caller(f"{int(lost.sum())} of {len(lost)} estimates without some rows are not finite; not counted")
                self._without = self._without[~lost]
        return self._without

    def to_frame(self, level: float | None = None, method: str | None = None) -> DataFrame:
        """
        Return a table with a row for each value.

        Parameters
        ----------
        level, method
            See `conf_int`.

        Returns
        -------
        pandas.DataFrame
            With columns estimate, standard_error, bias, lower, upper.
        """
        from pandas import DataFrame

        ends = self.conf_int(level, method).reshape(-1, 2)
        columns: dict[str, Any] = {
            "estimate": self.estimate.ravel(),
            "standard_error": self.standard_error.ravel(),
            "bias": self.bias.ravel(),
            "lower": ends[:, 0],
            "upper": ends[:, 1],
        }
        return DataFrame(columns, index=list(self.names))

    def plot(self, which: int | str | None = None, *, ax: Axes | None = None) -> Axes:
        """
        Draw the values on the resamples with the estimate and its interval.

        Parameters
        ----------
        which : int or str, optional
            Which value, by place or name. Default: a line for each value with its interval, or, where there is one
            alone, its histogram.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure if None.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such value.
        """
        from mlcraft.uncertainty.resampling._plot import draw

        return draw(self, which, ax)

    def __str__(self) -> str:
        ends = self.conf_int().reshape(-1, 2)
        wide = max([len(name) for name in self.names] + [5])
        lines = [
            f"bootstrap ({self.kind}, {len(self.distribution)} resamples), {self.level:.0%} {self.method} intervals",
            f"{'':{wide}}  {'estimate':>11}  {'std. error':>11}  {'lower':>11}  {'upper':>11}",
        ]
        rows = zip(self.names, self.estimate.ravel(), self.standard_error.ravel(), ends, strict=True)
        lines += [f"{n:{wide}}  {e:11.5g}  {s:11.5g}  {low:11.5g}  {up:11.5g}" for n, e, s, (low, up) in rows]
        return "\n".join(lines)
