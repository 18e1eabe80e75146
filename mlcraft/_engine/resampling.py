"""Resamples of the rows, and sums over the rows of many of them at once: the door to the compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils._missing import is_pandas_na

from mlcraft import _core

__all__ = [
    "Basis",
    "ResamplePlan",
    "plan_of",
    "resample_weights",
    "resampled_grams",
    "resampled_sums",
    "seed_of",
]

Doubles = NDArray[np.float64]
KINDS = ("pairs", "poisson", "bayesian", "draws", "rademacher", "mammen", "webb")  # as the compiled core counts them
NO_ROWS = np.empty(0, dtype=np.intp)
NOTHING = np.empty(0)


@dataclass(frozen=True, slots=True)
class ResamplePlan:
    """
    What is drawn, and with which seed: resample r is a function of these and of r alone.

    Attributes
    ----------
    kind : str
        "pairs", "poisson", "bayesian": weights; "draws": numbers of rows; "rademacher", "mammen", "webb": multipliers.
    seed : int
    n_samples : int
    unit : ndarray of intp of shape (n_samples,)
        Cluster of each row; empty where rows are drawn.
    order : ndarray of intp of shape (n_units,)
        Units stratum by stratum; empty: in their order.
    start : ndarray of intp of shape (n_strata + 1,)
        Where each stratum begins in `order`, and the last one ends.
    """

    kind: str
    seed: int
    n_samples: int
    unit: NDArray[np.intp]
    order: NDArray[np.intp]
    start: NDArray[np.intp]

    @property
    def n_units(self) -> int:
        """Number of rows or clusters that are drawn."""
        return int(self.start[-1])

    def of_kind(self, kind: str) -> ResamplePlan:
        """Return the same plan for another kind."""
        return ResamplePlan(kind, self.seed, self.n_samples, self.unit, self.order, self.start)

    def _for_core(self) -> tuple[Any, ...]:
        return KINDS.index(self.kind), self.seed, self.unit, self.order, self.start


def seed_of(random_state: Any) -> int:
    """
    Draw a seed of 62 bits.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        An integer is used as it is, whatever its size.

    Returns
    -------
    int
    """
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(1 << 62))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        check_random_state(random_state)  # refuses negative and too large ones
        return int(random_state)
    high, low = check_random_state(random_state).randint(1 << 31, size=2, dtype=np.int64)
    return int(high) << 31 | int(low)


def plan_of(
    kind: str, n_samples: int, *, seed: int, clusters: ArrayLike | None = None, strata: ArrayLike | None = None
) -> ResamplePlan:
    """
    Lay out what is drawn.

    Parameters
    ----------
    kind : str
        See `ResamplePlan`.
    n_samples : int
    seed : int
    clusters : array-like of shape (n_samples,), optional
        Rows of one cluster are drawn together, and have one multiplier.
    strata : array-like of shape (n_samples,), optional
        Rows, or clusters, are drawn within each stratum, as many as it has.

    Returns
    -------
    ResamplePlan

    Raises
    ------
    ValueError
        If an array does not fit, or a cluster lies in several strata.
    """
    unit, n_units = NO_ROWS, n_samples
    if clusters is not None:
        unit = _codes(clusters, n_samples, "groups")
        n_units = int(unit.max()) + 1
    order, start = NO_ROWS, np.array([0, n_units], dtype=np.intp)
    if strata is not None:
        stratum = _codes(strata, n_samples, "strata")
        if len(unit):
            of_unit = np.empty(n_units, dtype=np.intp)
            of_unit[unit] = stratum
            if (of_unit[unit] != stratum).any():
                row = int(np.flatnonzero(of_unit[unit] != stratum)[0])
                raise ValueError(
                    f"groups must lie within strata: that of row {row} has rows in several strata. Draw either without "
                    "strata, or from groups that are parts of one."
                )
            stratum = of_unit
        order = np.argsort(stratum, kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(stratum))]).astype(np.intp)
    return ResamplePlan(kind, seed, n_samples, unit, order, start)


def _codes(labels: ArrayLike, n_samples: int, name: str) -> NDArray[np.intp]:
    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise ValueError(f"{name} must hold one label for each of the {n_samples} rows, got shape {labels.shape}")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(f"{name} holds NaN or infinity; give such rows a label of their own")
    if labels.dtype.kind in "OmM" and any(is_missing(label) for label in labels):
        raise ValueError(f"{name} holds missing values; give such rows a label of their own")
    codes: NDArray[np.intp] = np.unique(labels, return_inverse=True)[1].astype(np.intp)
    return codes


def is_missing(label: Any) -> bool:
    """Tell whether a label is None, NaN, NaT or the missing value of a data frame."""
    return label is None or is_pandas_na(label) or bool(label != label)


def resample_weights(plan: ResamplePlan, first: int, count: int) -> Doubles:
    """
    Return how much each row counts in resamples `first`, `first` + 1, ...

    Parameters
    ----------
    plan : ResamplePlan
    first, count : int

    Returns
    -------
    ndarray of shape (count, n_samples)
        Weights, or for "draws" numbers of rows, or multipliers.
    """
    return _core.resample_weights(plan.n_samples, plan._for_core(), first, count)


@dataclass(frozen=True, slots=True)
class Basis:
    """
    Columns in which sums are taken, z = [1, root'(x - mean)]: well conditioned where ``root root'`` inverts the Gram.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
    root : ndarray of shape (n_features, rank)
    constant : bool
    """

    mean: Doubles
    root: Doubles
    constant: bool

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.root.shape[1]) + self.constant

    def coefficients(self, delta: Doubles) -> tuple[Doubles, Doubles]:
        """Return what steps of shape (..., width) are to coefficients (..., n_features) and intercepts (...)."""
        coef = delta[..., int(self.constant) :] @ self.root.T
        return coef, delta[..., 0] - coef @ self.mean if self.constant else np.zeros(delta.shape[:-1])

    def delta(self, coef: Doubles, intercept: float) -> Doubles:
        """Return the step of shape (width,) that changes coefficients and intercept by these; root must be square."""
        inner = np.linalg.solve(self.root, coef)
        return np.append(intercept + coef @ self.mean, inner) if self.constant else np.asarray(inner)

    def steps(self, coef: Doubles) -> Doubles:
        """Return ``coef @ root`` with a zero for the constant: of a linear form, seen in these columns."""
        inner = coef @ self.root
        return np.concatenate([np.zeros((*inner.shape[:-1], 1)), inner], axis=-1) if self.constant else inner

    def ridge(self) -> Doubles:
        """Return the squared size of coefficients as a matrix of these columns."""
        matrix = np.zeros((self.width, self.width))
        k = int(self.constant)
        matrix[k:, k:] = self.root.T @ self.root
        return matrix


def resampled_sums(
    X: Any,
    y: Doubles,
    basis: Basis,
    plan: ResamplePlan,
    first: int,
    count: int,
    *,
    loss: str = "squared",
    sample_weight: Doubles | None = None,
    offset: Doubles | None = None,
    delta: Doubles | None = None,
    wanted: str = "gs",
) -> tuple[Doubles, Doubles]:
    """
    Sum what a Newton step needs for resamples `first`, `first` + 1, ...

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_targets, n_samples)
    basis : Basis
    plan : ResamplePlan
    first, count : int
    loss : str, default="squared"
        A smooth loss.
    sample_weight, offset : ndarray of shape (n_samples,), optional
    delta : ndarray of shape (count, width), optional
        Where each resample stands, beyond the offset; one target only.
    wanted : str, default="gs"
        g: sums of ``weight l'' z z'``; m: of ``(l')^2 z z'``; s: of ``l' z``.

    Returns
    -------
    gram : ndarray of shape (count, width, width)
    score : ndarray of shape (count, n_targets, width)
        Empty where not wanted.
    """
    n = X.shape[0]
    weight = np.ones(n) if sample_weight is None else sample_weight
    offset = np.zeros(n) if offset is None else offset
    delta = NOTHING if delta is None else delta
    fit = (basis.mean, basis.root, basis.constant, y, weight, offset, delta, loss, 0.0)
    return _core.resampled_sums(X, fit, plan._for_core(), first, count, wanted)


def resampled_grams(
    X: Any,
    y: Doubles,
    plan: ResamplePlan,
    first: int,
    count: int,
    *,
    sample_weight: Doubles | None = None,
    mean: Doubles | None = None,
) -> Doubles:
    """
    Return the weighted cross-products of [1, x - mean, y] in resamples `first`, `first` + 1, ...

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    plan : ResamplePlan
    first, count : int
    sample_weight : ndarray of shape (n_samples,), optional
    mean : ndarray of shape (n_features,), optional
        Default: zeros.

    Returns
    -------
    ndarray of shape (count, n_features + 2, n_features + 2)
    """
    rows = np.column_stack([X, y])
    shift = np.zeros(rows.shape[1])
    if mean is not None:
        shift[:-1] = mean
    basis = Basis(shift, np.eye(rows.shape[1]), True)
    nothing = np.zeros((1, len(rows)))
    return resampled_sums(rows, nothing, basis, plan, first, count, sample_weight=sample_weight, wanted="g")[0]
