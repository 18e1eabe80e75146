"""Rows in parts: folds of rows, and frames that hold X, y and weights together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fold_rows", "frame_parts"]


def fold_rows(folds: Any, n_samples: int) -> Iterator[NDArray[np.int64]]:
    """
    Yield the numbers of the rows of each fold.

    Parameters
    ----------
    folds : int or array-like of shape (n_samples,)
        A number of folds, or the number of each row's fold.
    n_samples : int

    Yields
    ------
    ndarray of int64

    Raises
    ------
    ValueError
        If the folds do not fit the rows, or one has none.
    """
    if isinstance(folds, (int, np.integer)) and not isinstance(folds, bool):
        if not 2 <= folds <= n_samples:
            raise ValueError(f"folds must be at least 2 and at most the number of rows ({n_samples}), got {folds}")
        yield from np.array_split(np.arange(n_samples), int(folds))
        return
    numbers = np.asarray(folds)
    if numbers.shape != (n_samples,) or numbers.dtype.kind not in "iu":
        raise ValueError(
            f"folds must be a number of folds or an array of {n_samples} integers, one for each row; got an array of "
            f"shape {numbers.shape} and type {numbers.dtype}"
        )
    if numbers.min() < 0 or numbers.max() >= n_samples:
        raise ValueError(f"folds must count from 0, got numbers from {numbers.min()} to {numbers.max()}")
    counts = np.bincount(numbers)
    if not counts.all():
        raise ValueError(f"fold {int(np.argmin(counts))} has no rows; number the folds 0, 1, 2 and so on")
    yield from np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])


def frame_parts(frame: Any, target: str | list[str], weight: str | None) -> tuple[Any, Any, Any]:
    """
    Take a frame of pandas, polars or pyarrow apart.

    Parameters
    ----------
    frame : dataframe, pyarrow table or record batch
    target : str or list of str
        The columns that are y.
    weight : str, optional
        The column with weights.

    Returns
    -------
    X : frame
        The other columns.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
    sample_weight : ndarray of shape (n_samples,) or None

    Raises
    ------
    TypeError
        If it is no frame.
    ValueError
        If it lacks a column.
    """
    is_arrow = hasattr(frame, "schema") and hasattr(frame, "column_names")
    if not is_arrow and not hasattr(frame, "columns"):
        raise TypeError(
            f"with a target a batch must be a frame of pandas, polars or pyarrow, got {type(frame).__name__}"
        )
    names = list(frame.column_names if is_arrow else frame.columns)
    targets = [target] if isinstance(target, str) else list(target)
    asked = [*targets, *([] if weight is None else [weight])]
    for name in asked:
        if name not in names:
            shown = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
            raise ValueError(f"there is no column {name!r}; the frame has {shown}")
    columns = [_column(frame, name, is_arrow) for name in targets]
    y = columns[0] if isinstance(target, str) else np.column_stack(columns)
    rest = [name for name in names if name not in asked]
    X = frame.select(rest) if is_arrow or hasattr(frame, "get_column") else frame[rest]
    return X, y, None if weight is None else _column(frame, weight, is_arrow)


def _column(frame: Any, name: str, is_arrow: bool) -> NDArray[Any]:
    if not is_arrow:
        return np.asarray(frame[name])
    column = frame.column(name)
    return np.asarray(column.to_numpy(zero_copy_only=False))
