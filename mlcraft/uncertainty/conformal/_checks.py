"""What conformal predictors ask before they promise anything: levels, ranks, rows enough and exchangeable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.status import warn_caller
from mlcraft.exceptions import ExchangeabilityWarning

__all__ = ["check_levels", "needed", "rank_of", "row_hashes", "too_few_message", "warn_about_exchangeability"]

ROUNDING = 1e-9  # of a rank: 0.55 * 100 is 55.00000000000001, and its rank is 55
REPEATED = 0.01  # share of repeated rows that is worth a word
PHI = 0x9E3779B97F4A7C15  # odd, and near 2^64 over the golden ratio: neighbouring numbers end far apart


def check_levels(level: Any) -> tuple[NDArray[np.float64], bool]:
    """
    Return levels as an array, and whether there was a single one.

    Parameters
    ----------
    level : float or array-like of shape (n_levels,)
        Between 0 and 1, exclusive.

    Returns
    -------
    levels : ndarray of shape (n_levels,)
    single : bool

    Raises
    ------
    ValueError
        If there is none, or one is not between 0 and 1.
    """
    levels = np.asarray(level)
    if levels.dtype.kind not in "fiu" or levels.ndim > 1 or levels.size == 0 or not np.all((levels > 0) & (levels < 1)):
        raise ValueError(
            f"level must be a number between 0 and 1, exclusive, or a sequence of such; got {level!r}. "
            "For intervals that cover nine times in ten, say level=0.9."
        )
    return levels.astype(np.float64).reshape(-1), levels.ndim == 0


def rank_of(n: int, level: float) -> int:
    """
    Return the rank of the score that a new one stays below with probability `level`.

    Of n + 1 exchangeable scores, the last is at most the k-th smallest of the others with probability k / (n + 1) at
    least: k = ceil(level (n + 1)) (Vovk, Gammerman and Shafer 2005; Lei et al. 2018).

    Parameters
    ----------
    n : int
        Number of scores at hand.
    level : float
        Between 0 and 1.

    Returns
    -------
    int
        From 0 to n + 1; n + 1 says that n scores are too few, and the answer infinite.
    """
    return min(max(math.ceil(level * (n + 1) - ROUNDING), 0), n + 1)


def needed(level: float) -> int:
    """
    Return the smallest number of scores whose rank for `level` is not past the last.

    Parameters
    ----------
    level : float
        Between 0 and 1, exclusive.

    Returns
    -------
    int
    """
    n = max(math.floor(level / (1.0 - level)) - 1, 1)
    while rank_of(n, level) > n:
        n += 1
    return n


def too_few_message(n: int, level: float, what: str, group: Any = None) -> str:
    """
    Say that rows are too few for a level, how many it takes, and what else can be done.

    Parameters
    ----------
    n : int
        Rows at hand.
    level : float
        The level of the quantile that cannot be had.
    what : str
        What would be infinite: "intervals", "sets".
    group : object, default=None
        The group whose rows they are.

    Returns
    -------
    str
    """
    where = "" if group is None else f" in group {group!r}"
    return (
        f"{n} calibration rows{where} are too few: this level needs at least {needed(level)}. Ask for a lower level, "
        f"calibrate on more rows, or say too_few='infinite' to get {what} that leave everything open there."
    )


def warn_about_exchangeability(X: Any, y: Any, part: NDArray[Any]) -> None:
    """
    Warn where rows look as if they could not be exchanged with new ones: in order of time, or repeated across parts.

    Parameters
    ----------
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Rows of the fit. Repeated rows are looked for in arrays and data frames.
    y : ndarray of shape (n_samples,)
        Their targets.
    part : ndarray of shape (n_samples,)
        The part of each row: the fold that holds it out; of a split, 0 for training and 1 for calibration.

    Warns
    -----
    ExchangeabilityWarning
    """
    times = _times_in_order(X)
    if times is not None:
        warn_caller(
            f"The rows are in the order of time ({times}). What a conformal predictor promises holds for rows that "
            "could as well have come in another order; where the process changes, new rows are covered less often. "
            "Use AdaptiveConformal, or check the coverage on the latest rows.",
            ExchangeabilityWarning,
        )
    if len(part) == 0 or np.min(part) == np.max(part):
        return  # no other side to have a twin on
    hashes = row_hashes(X, y)
    if hashes is None:
        return
    repeated = _repeated_across(hashes, part)
    count = int(repeated.sum())
    if count > REPEATED * len(repeated) and count > 1:
        warn_caller(
            f"{count} of {len(repeated)} rows have a twin, equal in X and y, on the other side of a split between "
            "training and calibration: such scores are smaller than those of new rows. If the twins are copies, keep "
            "one of each, or keep them together with clusters=; if new rows repeat old ones as often, all is well.",
            ExchangeabilityWarning,
        )


def _times_in_order(X: Any) -> str | None:
    index: Any = getattr(X, "index", None)
    name = str(getattr(index, "dtype", ""))
    if not name.startswith(("datetime64", "period")) or len(index) < 2 or not index.is_monotonic_increasing:
        return None
    return f"index from {index[0]} to {index[-1]}"


def row_hashes(X: Any, y: Any = None) -> NDArray[np.uint64] | None:
    """
    Return a 64-bit number for each row that is the same for equal rows, in any order of memory.

    Parameters
    ----------
    X : {ndarray, dataframe} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,), default=None
        Taken as one more column.

    Returns
    -------
    ndarray of uint64 of shape (n_samples,), or None
        None for what has no columns to look at (sparse matrices, lists).
    """
    if isinstance(X, np.ndarray) and X.ndim == 2:
        columns = [X[:, j] for j in range(X.shape[1])]
    elif hasattr(X, "columns") and hasattr(X, "__getitem__"):
        columns = [np.asarray(X[name]) for name in X.columns]
    else:
        return None
    if y is not None:
        columns.append(np.asarray(y))
    found = np.zeros(len(columns[0]), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            found = (found ^ _words(column)) * np.uint64(PHI)
            found ^= found >> np.uint64(29)
    return found


def _words(column: NDArray[Any]) -> NDArray[np.uint64]:
    if column.dtype.kind in "fiub":
        return (column.astype(np.float64) + 0.0).view(np.uint64)  # -0.0 and 0.0 are equal
    values = (_hash(value) & 0xFFFFFFFFFFFFFFFF for value in column.tolist())
    return np.fromiter(values, dtype=np.uint64, count=len(column))


def _hash(value: Any) -> int:
    try:
        return hash(value)
    except TypeError:  # the estimator will say what it thinks of lists and the like
        return hash(repr(value))


def _repeated_across(hashes: NDArray[np.uint64], part: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which rows have a twin in another part."""
    _, twin = np.unique(hashes, return_inverse=True)
    first = np.full(int(twin.max()) + 1, np.iinfo(np.int64).max)
    last = np.full(len(first), np.iinfo(np.int64).min)
    np.minimum.at(first, twin, part)
    np.maximum.at(last, twin, part)
    answer: NDArray[np.bool_] = (first < last)[twin]
    return answer
