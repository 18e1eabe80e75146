"""Moments gathered chunk by chunk, from arrays that have been checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError

__all__ = ["Columns", "Gathered", "GatheredNumbers", "gather"]

Doubles = NDArray[np.float64]


@dataclass(slots=True)
class Gathered:
    """
    Moments of the rows met so far, and how they came.

    Attributes
    ----------
    core : _core.Moments
        Sums, means and cross-products in float64.
    dtype : dtype
        float32 while all chunks were, else float64: the dtype of coefficients.
    n_dimensions : int
        Dimensions of y.
    sparse : bool
        Whether all of X was.
    """

    core: _core.Moments
    dtype: np.dtype[Any]
    n_dimensions: int
    sparse: bool = False

    @property
    def n_targets(self) -> int:
        """Number of columns of y."""
        return len(self.core.yy)

    def copy(self) -> Gathered:
        """Return moments of their own."""
        return replace(self, core=self.core.copy())

    def add(self, X: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> None:
        """Take in the rows of checked arrays; nothing is changed where that raises `NonFiniteError`."""
        X, y, sample_weight = readable(X, y, sample_weight)
        self._check_targets(1 if y.ndim == 1 else y.shape[1])
        if not self.core.add(X, y, sample_weight):
            raise NonFiniteError
        if X.dtype != self.dtype:
            self.dtype = np.dtype(np.float64)
        self.sparse = self.sparse and not isinstance(X, np.ndarray)

    def merge(self, other: Gathered) -> None:
        """Take in the rows of other moments."""
        self._check_targets(other.n_targets)
        theirs = other.core
        if theirs.centred and not self.core.centred:
            theirs = theirs.uncentred()
        elif self.core.centred and not theirs.centred:
            raise ValueError("moments gathered without an intercept cannot be merged with moments about the mean")
        self.core.merge(theirs)
        if other.dtype != self.dtype:
            self.dtype = np.dtype(np.float64)
        self.sparse = self.sparse and other.sparse

    def remove(self, other: Gathered, names: NDArray[Any] | None = None) -> None:
        """Take out rows that were taken in before; `names` of the columns are for the error."""
        self._check_targets(other.n_targets)
        theirs = other.core
        if theirs.centred and not self.core.centred:
            theirs = theirs.uncentred()
        fault = self.core.remove(theirs)
        if fault is not None:
            raise ValueError(_impossible(fault, names))

    def _check_targets(self, n_targets: int) -> None:
        if n_targets != self.n_targets:
            raise ValueError(f"y has {n_targets} targets, but the rows before had {self.n_targets}.")


def _impossible(fault: tuple[str, int, float, float], names: NDArray[Any] | None) -> str:
    what, column, held, removed = fault
    if what == "rows":
        return f"Cannot remove {removed:.0f} rows of {held:.0f}: these rows were not all added before."
    if what == "weight":
        return (
            f"Cannot remove weight {removed:.12g} from weight {held:.12g}: these rows were not all added before, or "
            "with other weights. Rows that have been through decay must be removed with their decayed weights."
        )
    if what == "target":
        name = f"target {column}"
    else:
        name = f"column {column}" if names is None else f"column {str(names[column])!r}"
    return (
        f"Cannot remove these rows: {name} would be left with a negative spread (a sum of squares of {removed:.6g} was "
        f"to go from {held:.6g}), so these rows were not all added before, or not with these values and weights."
    )


def gather(
    X: Any,
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    *,
    centre: bool = True,
    rows: NDArray[np.int64] | None = None,
) -> Gathered:
    """Return the moments of checked arrays, of all rows or of those listed, or raise `NonFiniteError`."""
    X, y, sample_weight = readable(X, y, sample_weight)
    if rows is not None and not isinstance(X, np.ndarray):
        X, y, sample_weight = X[rows], y[rows], None if sample_weight is None else sample_weight[rows]
        rows = None
    core = _core.gather_moments(X, y, sample_weight, centre, rows)
    if not core.finite:
        raise NonFiniteError
    return Gathered(core, X.dtype, y.ndim, not isinstance(X, np.ndarray))


class Columns(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Bearer of the names and number of columns, for scikit-learn's checks and their words."""

    def copy(self) -> Columns:
        """Return another bearer of the same."""
        twin = Columns()
        twin.__dict__.update(self.__dict__)
        return twin


Columns.__name__ = "Moments"  # as the errors name it


class GatheredNumbers:
    """What moments are made of, to be read."""

    _columns: Any
    _gathered: Gathered | None

    def _held(self) -> Gathered:
        if self._gathered is None:
            raise ValueError("these moments are empty; add rows with update first")
        return self._gathered

    @property
    def _names(self) -> NDArray[Any] | None:
        names: NDArray[Any] | None = self._columns.__dict__.get("feature_names_in_")
        return names

    @property
    def n_samples(self) -> int:
        """Number of rows with a weight that is not zero."""
        return 0 if self._gathered is None else self._gathered.core.samples

    @property
    def weight_sum(self) -> float:
        """Sum of the weights."""
        return 0.0 if self._gathered is None else self._gathered.core.weight_sum

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return len(self._held().core.x_mean)

    @property
    def n_targets(self) -> int:
        """Number of columns of y."""
        return self._held().n_targets

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns, where X had names that are all text."""
        names = self._names
        if names is None:
            raise AttributeError("these moments have no feature_names_in_: X came without names")
        return names

    @property
    def x_mean(self) -> Doubles:
        """Weighted means of the columns of X."""
        return self._held().core.x_mean

    @property
    def y_mean(self) -> Doubles:
        """Weighted means of y."""
        return self._held().core.y_mean

    @property
    def xx(self) -> Doubles:
        """Cross-products of X about the means."""
        return self._held().core.xx

    @property
    def xy(self) -> Doubles:
        """Cross-products of X and y about the means."""
        return self._held().core.xy

    @property
    def yy(self) -> Doubles:
        """Squares of y about the means."""
        return self._held().core.yy
