"""Scores of prediction sets: how often they hold the label, and how large they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from mlcraft.uncertainty.scores._estimate import Estimate, binomial_estimate, mean_estimate

__all__ = ["held", "set_coverage", "set_size"]


def _checked_sets(sets: Any, n: int | None = None) -> NDArray[np.bool_]:
    found = np.asarray(sets)
    if found.ndim == 3:
        raise ValueError(f"sets of {found.shape[2]} levels: score one level, sets[:, :, k], at a time")
    if found.ndim != 2 or (n is not None and len(found) != n):
        many = "each row" if n is None else f"each of the {n} rows of y"
        raise ValueError(f"sets must have a row for {many} and a column for each class, got shape {found.shape}")
    if found.dtype != bool and not np.isin(found, (0, 1)).all():
        raise ValueError(f"sets must tell by True or False which classes are in, got dtype {found.dtype}")
    return found.astype(bool)


def held(y: Any, sets: Any, classes: Any = None) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """
    Tell which sets hold the label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    sets : array-like of bool of shape (n_samples, n_classes)
    classes : array-like of shape (n_classes,) or None
        Labels of the columns; 0, 1, ... if None.

    Returns
    -------
    hits : ndarray of bool of shape (n_samples,)
    notes : tuple of str
        About labels that are none of the classes.

    Raises
    ------
    ValueError
        If shapes do not agree.
    """
    labels = np.asarray(column_or_1d(y))
    table = _checked_sets(sets, len(labels))
    names = np.arange(table.shape[1]) if classes is None else np.asarray(column_or_1d(classes))
    if len(names) != table.shape[1]:
        raise ValueError(f"sets has {table.shape[1]} columns, but there are {len(names)} classes")
    order = np.argsort(names, kind="stable")
    place = np.minimum(np.searchsorted(names, labels, sorter=order), len(names) - 1)
    codes = order[place]
    known = names[codes] == labels
    if not known.any() and classes is None and len(labels):
        raise ValueError(f"no label of y is one of 0 to {len(names) - 1}: pass classes=, the labels of the columns")
    hits = table[np.arange(len(labels)), codes] & known
    many = int(np.count_nonzero(~known))
    return hits, (f"{many} labels are none of the classes, and so in no set",) if many else ()


def set_coverage(
    y: Any,
    sets: Any,
    classes: Any = None,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
    method: str = "wilson",
) -> Estimate:
    """
    Estimate how often prediction sets hold the label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels that came.
    sets : array-like of bool of shape (n_samples, n_classes)
        Which classes are in each set, as `predict_set` returns them.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `sets`, usually `classes_`. Default: 0, 1, ...
    sample_weight, clusters, level, method
        As for `coverage`.

    Returns
    -------
    Estimate
        A label that is none of the classes is in no set; a note counts them.

    Raises
    ------
    ValueError
        If shapes do not agree.

    Examples
    --------
    >>> from mlcraft.uncertainty import set_coverage
    >>> sets = [[True, False], [True, True], [False, True], [False, False]]
    >>> print(set_coverage(["no", "yes", "yes", "no"], sets, ["no", "yes"]))
    coverage 0.75 [0.3006, 0.9544]
    """
    hits, notes = held(y, sets, classes)
    return binomial_estimate(
        hits,
        sample_weight=sample_weight,
        clusters=clusters,
        level=level,
        name="coverage",
        method=method,
        notes=notes,
    )


def set_size(sets: Any, *, sample_weight: Any = None, clusters: Any = None, level: float = 0.95) -> Estimate:
    """
    Estimate the mean number of classes in prediction sets.

    Parameters
    ----------
    sets : array-like of bool of shape (n_samples, n_classes)
        Which classes are in each set.
    sample_weight, clusters, level
        As for `coverage`.

    Returns
    -------
    Estimate
        `values` are the sizes of the single sets; a note counts empty ones.

    Raises
    ------
    ValueError
        If `sets` is not a table of True and False.

    Examples
    --------
    >>> from mlcraft.uncertainty import set_size
    >>> found = set_size([[True, False], [True, True], [False, True], [True, False]])
    >>> found.value, found.values
    (1.25, array([1., 2., 1., 1.]))
    """
    size = _checked_sets(sets).sum(axis=1).astype(np.float64)
    empty = int(np.count_nonzero(size == 0))
    notes = (f"{empty} of {len(size)} sets are empty",) if empty else ()
    return mean_estimate(
        size, sample_weight=sample_weight, clusters=clusters, level=level, name="set size", notes=notes
    )
