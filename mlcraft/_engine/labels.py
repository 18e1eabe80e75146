"""Labels to codes, without a sort where the labels allow it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

__all__ = ["encode_labels", "known_labels"]

NUMBERS = "biuf"
WIDEST_TABLE = 65_536  # whole numbers that spread no wider are counted, not sorted
MANY_ROWS = 20  # from here on scikit-learn has a word on targets that are nearly all different


def encode_labels(y: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the sorted classes of validated labels and the class of each row as a number of `dtype`.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Numbers, texts or objects, without NaN.
    dtype : dtype
        Of the codes.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        As `np.unique` gives them.
    codes : ndarray of shape (n_samples,)
        From 0 to n_classes - 1.

    Raises
    ------
    ValueError
        If y is continuous, or several columns, in scikit-learn's words.
    """
    found = known_labels(y, dtype)
    if found is None and y.dtype.kind in "OU":
        found = _texts(y, dtype)
    if found is not None:
        return found
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    return classes, codes.reshape(-1).astype(dtype)


def known_labels(y: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return classes and codes of numbers in a few passes and without a sort; None where the numbers forbid it.

    None means: not numbers, not whole, not finite, too many classes for scikit-learn's liking, or spread too wide.
    """
    kind = y.dtype.kind
    if kind not in NUMBERS or not y.size:
        return None
    low, high = y.min(), y.max()
    is_high = y == high
    if low == high:
        counted = y.size
    else:
        counted = int(np.count_nonzero(is_high)) + int(np.count_nonzero(y == low))
    if counted != y.size:
        return _whole_numbers(y, dtype, low, high)
    classes = np.array([low] if low == high else [low, high], dtype=y.dtype)
    if kind == "f" and not (np.isfinite(classes).all() and (classes == np.trunc(classes)).all()):
        return None
    codes = np.zeros(y.size, dtype=dtype) if low == high else is_high.astype(dtype)
    return classes, codes


def _whole_numbers(
    y: NDArray[Any], dtype: Any, low: np.generic, high: np.generic
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Count whole numbers between `low` and `high` into a table."""
    if y.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high) and low == np.trunc(low)):
        return None
    first, last = int(low), int(high)
    if last - first >= WIDEST_TABLE or max(abs(first), abs(last)) > 2**53:
        return None
    offsets = y.astype(np.intp)
    if y.dtype.kind == "f" and not (offsets == y).all():
        return None
    offsets -= first
    present = np.flatnonzero(np.bincount(offsets))
    if _are_many(len(present), y.size):
        return None
    table = np.zeros(last - first + 1, dtype=dtype)
    table[present] = np.arange(len(present))
    return (present + first).astype(y.dtype), table[offsets]


def _texts(y: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Look texts up in a dictionary, which is faster than to sort them."""
    if y.ndim != 1:
        return None
    labels = y.tolist()
    distinct = set(labels)
    if not all(type(label) is str for label in distinct) or _are_many(len(distinct), y.size):
        return None
    order = sorted(distinct)
    number = {label: float(code) for code, label in enumerate(order)}
    return np.array(order, dtype=y.dtype), np.fromiter(map(number.__getitem__, labels), dtype, y.size)


def _are_many(n_classes: int, n_samples: int) -> bool:
    """Tell whether scikit-learn would warn that this looks like a regression problem."""
    return n_samples > MANY_ROWS and n_classes > round(0.5 * n_samples)
