"""Groups that are calibrated by themselves: labels given beside X, or a function of X."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _num_samples

from mlcraft._engine.resampling import is_missing

__all__ = ["GroupCodes", "missing_labels"]

Codes = NDArray[np.intp]


class GroupCodes:
    """
    Numbers of groups, from the labels of the fit on.

    Groups that were not there get the number after the last: a group without calibration rows.

    Parameters
    ----------
    groups : array-like of shape (n_samples,), callable or None
        As the fit got them. A function takes X and returns the labels.
    X : array-like
        Rows of the fit.
    """

    def __init__(self, groups: Any, X: Any) -> None:
        self.function = groups if callable(groups) else None
        self.labels: NDArray[Any] | None = None
        if groups is not None:
            self.labels = np.unique(self._labels_of(groups, X))

    def __len__(self) -> int:
        return 1 if self.labels is None else len(self.labels) + 1

    def encode(self, groups: Any, X: Any) -> Codes:
        """
        Return the number of the group of each row.

        Parameters
        ----------
        groups : array-like of shape (m,) or None
            Not needed where the fit got a function.
        X : array-like
            Rows.

        Returns
        -------
        ndarray of shape (m,)

        Raises
        ------
        ValueError
            If groups are missing, or were not there in the fit.
        """
        if self.labels is None:
            if groups is not None:
                raise ValueError("groups were given, but the fit had none: pass groups to fit as well")
            return np.zeros(_num_samples(X), dtype=np.intp)
        if groups is None and self.function is None:
            raise ValueError("the fit was calibrated by groups: pass groups, the label of each row of X")
        labels = self._labels_of(self.function if groups is None else groups, X)
        try:
            found = np.searchsorted(self.labels, labels)
        except TypeError:  # labels of another kind, which have no order among those known
            known = {label: code for code, label in enumerate(self.labels.tolist())}
            return np.array([known.get(label, len(known)) for label in labels.tolist()], dtype=np.intp)
        found[found == len(self.labels)] = 0
        return np.where(self.labels[found] == labels, found, len(self.labels)).astype(np.intp)

    def name(self, code: int) -> Any:
        """Return the label of a group; None where there are no groups."""
        if self.labels is None:
            return None
        return self.labels[code : code + 1].tolist()[0] if code < len(self.labels) else "(not in the fit)"

    @staticmethod
    def _labels_of(groups: Any, X: Any) -> NDArray[Any]:
        labels = np.asarray(groups(X) if callable(groups) else groups)
        n = _num_samples(X)
        if labels.shape != (n,):
            raise ValueError(f"groups must hold one label for each of the {n} rows of X, got shape {labels.shape}")
        missing = missing_labels(labels)
        if np.any(missing):
            raise ValueError(f"groups has no label for {np.count_nonzero(missing)} rows; give these one of their own")
        return labels


def missing_labels(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which labels are None, NaN, NaT or the missing value of a data frame."""
    if labels.dtype != object:
        return np.asarray(labels != labels)  # NaN and NaT differ from themselves
    return np.array([is_missing(one) for one in labels], dtype=bool)
