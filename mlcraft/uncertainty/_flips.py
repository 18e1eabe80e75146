"""How few rows decide a conclusion: the smallest set found whose removal turns it, checked by refits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.exceptions import SeparationWarning
from mlcraft.uncertainty._door import FitData
from mlcraft.uncertainty._intervals import with_notes
from mlcraft.uncertainty._row_moves import Moves
from mlcraft.uncertainty._tests import Contrast

__all__ = ["GOALS", "Conclusion", "Flip", "find_flip"]

Doubles = NDArray[np.float64]
GOALS = ("sign", "significance", "significant sign")
ROUNDS = 60  # of refits; each halves what is predicted to be missing


@dataclass(frozen=True, eq=False)
class Flip:
    """
    A set of rows whose removal turns a conclusion.

    Attributes
    ----------
    what : str
        What the conclusion is about: a coefficient or a prediction.
    goal : {"sign", "significance", "significant sign"}
        What was to be turned.
    rows : ndarray of shape (k,) or None
        Positions of the rows, the most influential first; None where no set was found.
    predicted : int or None
        How many rows it takes if moves of single rows are added up [1]_; None if more than allowed.
    checked : bool
        Whether a fit without the rows shows it.
    before, after : float
        The estimate with all rows, and without them (by the refit, or by adding moves up).
    interval_before, interval_after : tuple of float or None
        Their confidence intervals, where significance counts.
    n : int
        Rows that count: those of positive weight.
    level : float
        Confidence level of the intervals.
    covariance : str
        Kind of the covariance they rest on.
    n_refits : int
        How many fits the search made.
    labels : tuple
        Labels of the rows, those of the index of X where it had one.
    value : float
        What the estimate is compared with.

    Notes
    -----
    The set is small, not proved to be the smallest: a conclusion may hang on fewer rows than found, never on more.

    References
    ----------
    .. [1] Broderick, Giordano and Meager (2020), An automatic finite-sample robustness metric: when can dropping a
       little data make a big difference?, arXiv:2011.14999.
    """

    what: str
    goal: str
    rows: NDArray[np.intp] | None
    predicted: int | None
    checked: bool
    before: float
    after: float
    interval_before: tuple[float, float] | None
    interval_after: tuple[float, float] | None
    n: int
    level: float
    covariance: str
    n_refits: int
    labels: tuple[Any, ...] = ()
    value: float = 0.0

    @property
    def found(self) -> bool:
        """Whether there is such a set."""
        return self.rows is not None

    @property
    def count(self) -> int | None:
        """How many rows."""
        return None if self.rows is None else len(self.rows)

    @property
    def share(self) -> float:
        """The same as a share of all rows that count; infinite where no set was found."""
        return np.inf if self.rows is None else len(self.rows) / self.n

    def __str__(self) -> str:
        def written(value: float, interval: tuple[float, float] | None) -> str:
            return f"{value:.4g}" + ("" if interval is None else f" [{interval[0]:.4g}, {interval[1]:.4g}]")

        now = f"{self.what}: {written(self.before, self.interval_before)}"
        if self.rows is None:
            return f"{now}; no small set of rows was found that turns its {self.goal}"
        then = written(self.after, self.interval_after)
        how = "by a refit" if self.checked else "by adding up single rows, not checked"
        many = f"{self.count} of {self.n} rows ({100 * self.share:.2g} %)"
        some = ", ".join(map(str, self.labels[:8])) + (", ..." if len(self.labels) > 8 else "")
        plural = "s" if len(self.labels) > 1 else ""
        return with_notes(f"{now} with all rows, {then} without {many}", (f"{how}; row{plural} {some}",))


@dataclass(frozen=True)
class Conclusion:
    """
    What is concluded of a combination of parameters: on which side of a value it lies, significantly or not.

    Attributes
    ----------
    direction : ndarray of shape (n_parameters,)
    goal : str
    value : float
        What the estimate is compared with.
    level : float
    covariance : str
    data : dict
        What the covariance needs besides the rows.
    """

    direction: Doubles
    goal: str
    value: float
    level: float
    covariance: str
    data: FitData

    def measure(self, moves: Moves) -> tuple[float, float, Contrast | None]:
        """Return the estimate, its standard error (zero where it does not count), and its interval."""
        if self.goal == "sign":
            return float(self.direction @ moves.parameters), 0.0, None
        found = moves.standing(self.direction, self.covariance, self.data, self.level)
        return float(found.estimate[0]), float(found.standard_error[0]), found

    def sides(self, estimate: float, now: Contrast | None) -> list[tuple[float, float]]:
        """Return (side, sign of reach) of what must fall below zero, one for each way to get there."""
        side = 1.0 if estimate >= self.value else -1.0
        if now is None:
            return [(side, 0.0)]
        if self.goal == "significant sign":
            return [(side, 1.0)]
        if not now.lower[0] <= self.value <= now.upper[0]:
            return [(side, -1.0)]
        # not significant: to be made so on either side
        return [(side, 1.0), (-side, 1.0)]

    def distance(self, moves: Moves, side: float, sign: float) -> tuple[float, Doubles, Contrast | None]:
        """Return what must fall below zero, what leaving out each row adds to it, and the interval."""
        estimate, error, found = self.measure(moves)
        change = side * moves.along(self.direction)
        reach = 0.0 if found is None else sign * _reach(found)
        if reach:
            change = change + reach * error * (moves.error_ratio(self.direction, self.covariance) - 1.0)
        return side * (estimate - self.value) + reach * error, np.where(moves.weight > 0, change, 0.0), found


def _needed(distance: float, change: Doubles) -> tuple[NDArray[np.intp], int | None]:
    """Return the rows that help, the most helpful first, and how many take the distance below zero."""
    order = np.argsort(change, kind="stable")
    order = order[change[order] < 0]
    below = np.flatnonzero(distance + np.cumsum(change[order]) < 0)
    return order, int(below[0]) + 1 if len(below) else None


def find_flip(
    conclusion: Conclusion,
    moves: Moves,
    without: Callable[[NDArray[np.intp]], Moves | None],
    what: str,
    *,
    max_share: float,
    refit: bool,
) -> Flip:
    """
    Look for few rows whose removal turns a conclusion.

    The moves of single rows are added up, the most helpful first. With refits, half of what this predicts is left out,
    the rest is looked at again around the fit without them, and so on until a refit shows the turn [1]_.

    Parameters
    ----------
    conclusion : Conclusion
    moves : Moves
        Of the fit to all rows.
    without : callable
        From positions of rows to the moves of the fit without them; None where it cannot be fitted.
    what : str
        What the result is about.
    max_share : float
        Of all rows that count, how many may be left out.
    refit : bool
        Whether to check by refits.

    Returns
    -------
    Flip

    References
    ----------
    .. [1] Kuschnig, Zens and Crespo Cuaresma (2021), Hidden in plain sight: influential sets in linear models,
       CESifo working paper 8981.
    """
    n = int(np.count_nonzero(moves.weight > 0))
    most = int(np.floor(max_share * n))
    estimate, _, now = conclusion.measure(moves)
    best: tuple[NDArray[np.intp], float, Any] | None = None
    predicted: int | None = None
    fits = 0
    for side, sign in conclusion.sides(estimate, now):
        distance, change, _ = conclusion.distance(moves, side, sign)
        order, count = _needed(distance, change)
        if count is not None and count <= most and (predicted is None or count < predicted):
            predicted = count
        if not refit:
            if count is not None and count == predicted:
                best = order[:count], estimate + float(moves.along(conclusion.direction)[order[:count]].sum()), None
            continue
        allowed = most if best is None else len(best[0]) - 1
        search = _Search(conclusion, moves, without, side, sign, allowed)
        found = search.run(distance, change)
        fits += search.fits
        best = found if found is not None else best
    after, later = (np.nan, None) if best is None else best[1:]
    return Flip(
        what,
        conclusion.goal,
        None if best is None else best[0],
        predicted,
        refit and best is not None,
        estimate,
        after,
        _interval(now),
        _interval(later),
        n,
        conclusion.level,
        conclusion.covariance,
        fits,
        value=conclusion.value,
    )


def _reach(found: Contrast) -> float:
    """Return how many standard errors the interval reaches."""
    error = float(found.standard_error[0])
    return float(found.upper[0] - found.lower[0]) / (2.0 * error) if error > 0 else 0.0


def _interval(found: Contrast | None) -> tuple[float, float] | None:
    return None if found is None else (float(found.lower[0]), float(found.upper[0]))


class _Search:
    """Rows are left out round by round, each time those that help most around the fit without the ones before."""

    def __init__(
        self,
        conclusion: Conclusion,
        moves: Moves,
        without: Callable[[NDArray[np.intp]], Moves | None],
        side: float,
        sign: float,
        allowed: int,
    ) -> None:
        self.conclusion, self.without, self.side, self.sign = conclusion, without, side, sign
        self.allowed, self.n, self.fits = allowed, len(moves.weight), 0

    def run(self, distance: float, change: Doubles) -> tuple[NDArray[np.intp], float, Any] | None:
        """Return the rows, the estimate without them and its interval; None if there is no such set."""
        out: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        left = np.arange(self.n)
        for _ in range(ROUNDS):
            order, count = _needed(distance, change)
            if not len(order) or len(out) >= self.allowed:
                return None
            # what single rows do adds up less and less well the more there are: half of it, then look again
            chunk = (count + 1) // 2 if count is not None else max(1, self.allowed // 4)
            more = left[order[: min(chunk, self.allowed - len(out))]]
            seen = self._look(np.append(out, more))
            if seen is None:
                return None
            if seen[0] < 0:
                return self._trimmed(out, more, seen)
            out = np.append(out, more)
            left = np.setdiff1d(np.arange(self.n), out, assume_unique=True)
            distance, change = seen[:2]
        return None

    def _look(self, rows: NDArray[np.intp]) -> tuple[float, Doubles, Moves, Any] | None:
        self.fits += 1
        with warnings.catch_warnings(record=True) as caught:  # rows are left out by the dozen: leverages are no news
            warnings.simplefilter("always")
            moves = self.without(rows)
            if moves is None or any(issubclass(one.category, SeparationWarning) for one in caught):
                return None  # coefficients that are not finite prove nothing
            distance, change, found = self.conclusion.distance(moves, self.side, self.sign)
        return distance, change, moves, found

    def _trimmed(
        self, out: NDArray[np.intp], more: NDArray[np.intp], seen: tuple[float, Doubles, Moves, Any]
    ) -> tuple[NDArray[np.intp], float, Any]:
        """Leave out of the last chunk only as many rows as it takes."""
        low, high = 0, len(more)
        while high - low > 1:
            middle = (low + high) // 2
            trial = self._look(np.append(out, more[:middle]))
            if trial is not None and trial[0] < 0:
                high, seen = middle, trial
            else:
                low = middle
        estimate = float(self.conclusion.direction @ seen[2].parameters)
        return np.append(out, more[:high]), estimate, seen[3]
