"""What several metrics ask of labels."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

__all__ = ["LABEL", "checked_classes"]

LABEL: list[Any] = [Real, str, "boolean", None]


def checked_classes(y_true: NDArray[Any], labels: Any, n_columns: int, columns: str, stop: str = "") -> NDArray[Any]:
    """
    Return the classes that the columns of a score stand for.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
    labels : array-like of shape (n_classes,) or None
        Default: those of y_true.
    n_columns : int
        How many classes the score has.
    columns : str
        What they are called in the message.
    stop : str, default=""
        The end of a message.

    Raises
    ------
    ValueError
        If labels repeat, are not sorted, do not hold all of y_true, or are not as many as columns.
    """
    if labels is None:
        classes = np.unique(y_true)
        if len(classes) != n_columns:
            raise ValueError(f"Number of classes in y_true not equal to the number of {columns}{stop}")
        return np.asarray(classes)
    labels = column_or_1d(labels)
    classes = np.unique(labels)
    if len(classes) != len(labels):
        raise ValueError(f"Parameter 'labels' must be unique{stop}")
    if not np.array_equal(classes, labels):
        raise ValueError(f"Parameter 'labels' must be ordered{stop}")
    if len(classes) != n_columns:
        raise ValueError(
            f"Number of given labels, {len(classes)}, not equal to the number of {columns}, {n_columns}{stop}"
        )
    if len(np.setdiff1d(y_true, classes)):
        raise ValueError(f"'y_true' contains labels not in parameter 'labels'{stop}")
    return np.asarray(classes)
