"""A metric written in Python: the mean of a function of target and prediction."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._check import called
from ._decorated import Decorated
from ._errors import UserFunctionError, where
from ._generated import SUM_BLOCK, Generated
from ._written import Scalar, count_arguments, write_scalar

__all__ = ["UserMetric", "metric"]

_pointer_to: Any = numba.types.CPointer


class UserMetric(Decorated):
    """A metric of your own; made by `mlcraft.jit.metric`. Call it with arrays.

    Attributes
    ----------
    name : str
    source : str
        What is compiled.
    """

    def __init__(self, function: Scalar, *, name: str) -> None:
        super().__init__(function, name)
        self.function = function
        if not callable(function):
            raise TypeError(f"a metric must be a function of (y_true, prediction), got {function!r}.")
        needed, taken = count_arguments(getattr(function, "py_func", function))
        if needed > 2 or taken < 2:
            raise TypeError(f"a metric must take (y_true, prediction); it takes {needed} arguments.")
        written = write_scalar(("y", "prediction"), {"rows": function})
        self._generated = Generated(written.lines, SUM_BLOCK, written.foreign)
        doubles = _pointer_to(numba.float64)
        signature = numba.void(numba.int64, doubles, doubles, doubles, doubles)
        self._block = self._generated.c_function("block", signature, f"metric {name!r}")
        pointer = ctypes.c_void_p
        kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, pointer, pointer, pointer, pointer)
        self._call = kind(self._block.address)

    def __repr__(self) -> str:
        return f"<metric {self.name!r}>"

    def _made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.function,), {"name": self.name}

    @property
    def source(self) -> str:
        """What is compiled."""
        return self._generated.source

    def __call__(self, y_true: ArrayLike, prediction: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Return the weighted mean over the rows.

        Parameters
        ----------
        y_true, prediction : array-like of shape (n,)
            Finite numbers.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights; by default all one.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If a shape does not fit, or a value is NaN or infinite.
        UserFunctionError
            If the mean is not a number; the error shows the first row at fault.
        """
        y = _vector(y_true, "y_true")
        guess = _vector(prediction, "prediction")
        weight = None if sample_weight is None else _vector(sample_weight, "sample_weight")
        for name, array in (("prediction", guess), ("sample_weight", weight)):
            if array is not None and array.shape != y.shape:
                raise ValueError(f"y_true has {y.size} elements but {name} has {array.size}.")
        if weight is not None and not (weight.min() >= 0 and weight.max() > 0):
            raise ValueError("sample_weight must not be negative, nor zero for every sample.")
        sums = np.zeros(2)
        at = None if weight is None else weight.ctypes.data
        self._call(y.size, y.ctypes.data, guess.ctypes.data, at, sums.ctypes.data)
        if not np.isfinite(sums[0]):
            self._blame(y, guess)
        return float(sums[0] / sums[1])

    def _blame(self, y: NDArray[np.float64], guess: NDArray[np.float64]) -> None:
        python = getattr(self.function, "py_func", self.function)
        for y_true, prediction in zip(y.tolist(), guess.tolist(), strict=True):
            called(f"metric {self.name!r}", python, y_true=y_true, prediction=prediction)
            sums = np.zeros(2)
            pair = np.array([y_true, prediction])
            self._call(1, pair.ctypes.data, pair.ctypes.data + 8, None, sums.ctypes.data)
            if not np.isfinite(sums[0]):
                place = {"y_true": y_true, "prediction": prediction}
                raise UserFunctionError(f"metric {self.name!r} is {sums[0]} at {where(**place)}.", **place)
        raise UserFunctionError(f"the sum of metric {self.name!r} over the rows is too large for double precision.")


def _vector(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        array = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers.") from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one-dimensional and not empty, got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity (first at row {np.flatnonzero(~np.isfinite(array))[0]}).")
    return array


def metric(function: Scalar | None = None, *, name: str | None = None) -> UserMetric | Callable[[Scalar], UserMetric]:
    """Make a metric: the mean of ``function(y_true, prediction)`` over the rows, at the speed of compiled code.

    Parameters
    ----------
    function : callable
        Of two numbers, as in `mlcraft.jit.loss`.
    name : str, optional
        Default: that of the function.

    Returns
    -------
    UserMetric
        ``metric(y_true, prediction, sample_weight=None)``; goes into `sklearn.metrics.make_scorer`.

    Raises
    ------
    UserFunctionError
        If the function cannot be compiled; when called, if it raises or is not a number in some row.

    Examples
    --------
    >>> from mlcraft import jit
    >>> @jit.metric
    ... def cost(y_true, prediction):
    ...     return 3.0 * (y_true - prediction) if y_true > prediction else prediction - y_true
    >>> cost([1.0, 2.0], [2.0, 1.0])
    2.0
    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(cost, greater_is_better=False)
    """

    def decorate(function: Scalar) -> UserMetric:
        return UserMetric(function, name=name or str(getattr(function, "__name__", "metric")))

    return decorate if function is None else decorate(function)
