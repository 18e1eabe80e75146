"""Arrays that scores take: checked, with errors that name what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

__all__ = ["checked_bounds", "checked_matrix", "checked_nominal", "checked_numbers", "rows_text"]

Doubles = NDArray[np.float64]


def rows_text(wrong: Any) -> str:
    """Name the first of some rows and count them."""
    found = np.flatnonzero(wrong)
    return f"row {found[0]}" if len(found) == 1 else f"{len(found)} rows, row {found[0]} the first"


def checked_numbers(values: Any, name: str, n: int | None = None) -> Doubles:
    """
    Return numbers of rows in float64, none of them NaN.

    Parameters
    ----------
    values : array-like of shape (n_samples,), or a number that is the same for all rows where `n` is given
    name : str
        What errors call it.
    n : int, optional
        How many there must be.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
    """
    if n is not None and np.ndim(values) == 0:
        values = np.full(n, values, dtype=np.float64)
    found: Doubles = np.asarray(column_or_1d(values), dtype=np.float64)
    if n is not None and len(found) != n:
        raise ValueError(f"{name} must hold one number for each of the {n} rows of y, got {len(found)}")
    if np.isnan(found).any():
        raise ValueError(f"{name} is NaN in {rows_text(np.isnan(found))}; leave such rows out")
    return found


def checked_matrix(values: Any, name: str, n: int) -> Doubles:
    """
    Return a table with a row for each row of y, in float64, nothing NaN.

    Parameters
    ----------
    values : array-like of shape (n_samples, m)
    name : str
        What errors call it.
    n : int
        How many rows there must be.

    Returns
    -------
    ndarray of shape (n_samples, m)

    Raises
    ------
    ValueError
    """
    found: Doubles = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or len(found) != n or found.shape[1] == 0:
        raise ValueError(f"{name} must have a row for each of the {n} rows of y, got shape {found.shape}")
    wrong = np.isnan(found).any(axis=1)
    if wrong.any():
        raise ValueError(f"{name} is NaN in {rows_text(wrong)}; leave such rows out")
    return found


def checked_bounds(y: Any, lower: Any, upper: Any) -> tuple[Doubles, Doubles, Doubles]:
    """
    Return y and the bounds of its intervals.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    lower : array-like of shape (n_samples,), or (n_samples, 2) with both bounds
    upper : array-like of shape (n_samples,), or None

    Returns
    -------
    y, lower, upper : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If shapes do not agree, or something is NaN.
    """
    y = checked_numbers(y, "y")
    if upper is None:
        both = np.asarray(lower, dtype=np.float64)
        if both.ndim == 3:
            raise ValueError(
                f"intervals of {both.shape[2]} levels: score one level, intervals[:, :, k], at a time, or all with "
                "interval_report"
            )
        if both.ndim != 2 or both.shape[1] != 2:
            raise ValueError(f"without upper, lower must hold both bounds, of shape (n_samples, 2); got {both.shape}")
        lower, upper = both[:, 0], both[:, 1]
    return y, checked_numbers(lower, "lower", len(y)), checked_numbers(upper, "upper", len(y))


def checked_nominal(nominal: Any) -> float:
    """Return the level that intervals were made for, or raise if it does not lie between 0 and 1."""
    if not 0.0 < nominal < 1.0:
        raise ValueError(f"nominal, the level of the intervals, must lie between 0 and 1, got {nominal!r}")
    return float(nominal)
