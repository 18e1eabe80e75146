"""The arguments of `mlcraft.solve`, checked and in the engine's terms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d

from mlcraft._engine.labels import encode_labels
from mlcraft._engine.validation import checked_weights, engine_matrix, is_plain_matrix
from mlcraft._solve.table import Loss

__all__ = ["Data", "Problem", "check_again", "checked_data", "checked_start"]

SCALARS = (int, float, np.integer, np.floating)


@dataclass(slots=True)
class Data:
    """
    Rows as the engine takes them.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64.
    y : ndarray of shape (n_samples,)
        In the dtype of X, labels coded.
    weight, offset : ndarray of shape (n_samples,) or None
        In the dtype of X.
    classes : ndarray or None
        Labels, sorted.
    """

    X: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None
    offset: NDArray[Any] | None
    classes: NDArray[Any] | None


@dataclass
class Problem:
    """
    ``sum(w_i loss(y_i, eta_i)) / sum(w_i) + penalty(b)``, ``eta_i = offset_i + c + x_i'b``.

    Attributes
    ----------
    data : Data
    loss : Loss
    loss_door : str or object
        What the engine takes as its loss: the name, or the user's loss.
    parameter : float
        Of the loss.
    penalty : str
        A name in `PENALTIES`; "l2" with ``alpha=0`` has become "none".
    penalty_door : object or None
        The user's penalty.
    alpha, l1_ratio : float
    bounds : tuple of ndarray or None
    groups : ndarray or None
    fit_intercept : bool
    start : tuple of ndarray or None
        Coefficients and intercepts to start from, in float64.
    """

    data: Data
    loss: Loss
    loss_door: Any
    parameter: float
    penalty: str
    penalty_door: Any
    alpha: float
    l1_ratio: float
    bounds: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    groups: NDArray[np.intp] | None
    fit_intercept: bool
    start: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    @property
    def n_classes(self) -> int:
        """Number of rows of the coefficients; 1 for scalar losses."""
        assert self.loss.target != "classes" or self.data.classes is not None
        return 1 if self.loss.target != "classes" or self.data.classes is None else len(self.data.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the coefficients."""
        p = int(self.data.X.shape[1])
        return (self.n_classes, p) if self.loss.target == "classes" else (p,)

    @property
    def ridge(self) -> float:
        """The coefficient of ``|b|^2 / 2``."""
        return {"l2": self.alpha, "elastic_net": self.alpha * (1.0 - self.l1_ratio)}.get(self.penalty, 0.0)

    @property
    def lasso(self) -> float:
        """The coefficient of ``|b|_1``."""
        return {"l1": self.alpha, "elastic_net": self.alpha * self.l1_ratio}.get(self.penalty, 0.0)

    @cached_property
    def total(self) -> float:
        """Sum of the weights."""
        weight = self.data.weight
        return float(len(self.data.y) if weight is None else weight.sum(dtype=np.float64))

    @property
    def typed_start(self) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Where to start, in the dtype of X."""
        if self.start is None:
            return None
        dtype = self.data.X.dtype
        return self.start[0].astype(dtype), self.start[1].astype(dtype)

    def in_double(self) -> Problem:
        """Return the same in float64."""
        data = self.data
        if data.X.dtype == np.float64:
            return self
        weight, offset = (None if v is None else v.astype(np.float64) for v in (data.weight, data.offset))
        wide = Data(data.X.astype(np.float64), data.y.astype(np.float64), weight, offset, data.classes)
        return replace(self, data=wide)


def checked_data(X: Any, y: Any, sample_weight: Any, offset: Any, loss: Loss) -> Data:
    """
    Check the rows in scikit-learn's words. Plain float arrays are not searched for NaN: the engine meets them.

    Parameters
    ----------
    X, y, sample_weight, offset : array-like
        As given to `mlcraft.solve`.
    loss : Loss
        Which tells what y holds.

    Returns
    -------
    Data

    Raises
    ------
    ValueError
        If shapes do not fit, y is not what the loss wants, or weights are negative or all zero.
    """
    if not is_plain_matrix(X):
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], order=None, input_name="X")
        X = engine_matrix(X)
    if isinstance(X, np.ndarray):
        X = np.require(X, requirements="A")
    y = _vector(y, "y")
    check_consistent_length(X, y)
    y, classes = _coded(y, X.dtype, loss)
    weight = checked_weights(sample_weight, X)
    if offset is not None:
        offset = _numbers(_vector(offset, "offset"), "offset", X.dtype)
        if len(offset) != len(y):
            raise ValueError(f"offset has {len(offset)} elements, X has {len(y)} rows")
    return Data(X, np.require(y, requirements="A"), weight, offset, classes)


def _vector(values: Any, name: str) -> NDArray[Any]:
    if values is None:
        raise ValueError(f"{name} must be an array, got None")
    if type(values) is np.ndarray and values.ndim == 1:
        return values
    values = np.asarray(values)
    if values.ndim == 0:
        raise ValueError(f"{name} must be a one-dimensional array, got {values!r}")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return np.asarray(column_or_1d(values))


def _numbers(values: NDArray[Any], name: str, dtype: Any) -> NDArray[Any]:
    """Return finite numbers of a dtype (None: theirs), in microseconds where they are so already."""
    if values.dtype.kind == "f" and (dtype is None or dtype == values.dtype):  # == calls float64 and None the same
        with np.errstate(over="ignore", invalid="ignore"):
            is_finite = math.isfinite(float(values.sum()))
        if is_finite:
            return values
    # asarray: check_array leaves the order of bytes
    return np.asarray(check_array(values, ensure_2d=False, dtype=dtype, input_name=name), dtype=dtype)


def _coded(y: NDArray[Any], dtype: Any, loss: Loss) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return y as the loss wants it, and its labels."""
    if loss.target in ("number", "count"):
        if y.dtype.kind in "OUS":
            y = y.astype(np.float64)
        numbers = _numbers(y, "y", dtype)
        if loss.target == "count" and bool((numbers < 0).any()):
            raise ValueError(f"loss={loss.name!r} needs y that is not negative, got {float(numbers.min()):g}")
        return numbers, None
    if y.dtype.kind in "fc":
        _numbers(y, "y", None)
    classes, codes = encode_labels(y, dtype)
    if len(classes) < 2:
        raise ValueError(f"loss={loss.name!r} needs two classes in y, got only {classes.tolist()!r}")
    if loss.target != "classes" and len(classes) > 2:
        shown = ", ".join(map(repr, classes[:5].tolist())) + (", ..." if len(classes) > 5 else "")
        raise ValueError(
            f"loss={loss.name!r} needs two classes in y, got {len(classes)}: {shown}. loss='multinomial' takes any "
            "number of classes; for y that is a number use loss='squared', 'huber' or 'poisson'"
        )
    return (2 * codes - 1 if loss.target == "signs" else codes), classes


def check_again(problem: Problem) -> None:
    """
    Look for the NaN or infinity that the engine has met, and name it.

    Raises
    ------
    ValueError
        In scikit-learn's words, if there is one.
    """
    check_array(problem.data.X, accept_sparse="csr", dtype=None, input_name="X")


def checked_start(init: Any, shape: tuple[int, ...], fit_intercept: bool) -> Any:
    """
    Return where to start.

    Parameters
    ----------
    init : None, array-like, tuple or Solution
        Coefficients; or coefficients and intercept; or what has both as attributes.
    shape : tuple of int
        Of the coefficients.
    fit_intercept : bool
        Whether an intercept is used.

    Returns
    -------
    tuple of ndarray, or None

    Raises
    ------
    ValueError
        If shapes do not fit, or numbers are not finite.
    """
    if init is None:
        return None
    intercept: Any = 0.0
    if hasattr(init, "coef") and hasattr(init, "intercept"):
        init, intercept = init.coef, init.intercept
    elif isinstance(init, tuple) and len(init) == 2 and np.ndim(init[0]) == len(shape):
        init, intercept = init
    coef, constant = np.asarray(init, dtype=np.float64), np.asarray(intercept, dtype=np.float64)
    if coef.shape != shape:
        raise ValueError(f"init has coefficients of shape {coef.shape}, expected {shape}")
    if not (np.isfinite(coef).all() and np.isfinite(constant).all()):
        raise ValueError("init holds NaN or infinity; leave it out to start from zero")
    constant = np.broadcast_to(constant if fit_intercept else np.zeros(()), shape[:-1]).copy()
    return coef, constant
