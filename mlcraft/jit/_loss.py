"""A loss written in Python, for every solver of the compiled core."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any, overload

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _check
from ._decorated import Decorated
from ._generated import LOSS_BLOCK, Generated
from ._written import Scalar, count_arguments, write_loss

__all__ = ["UserLoss", "loss"]

Doubles = NDArray[np.float64]
_compiling = threading.RLock()
_pointer_to: Any = numba.types.CPointer


class UserLoss(Decorated):
    """A loss of your own; made by `mlcraft.jit.loss`.

    Attributes
    ----------
    name : str
    smooth : bool
        Whether the gradient is continuous. Solvers for smooth losses refuse others.
    has_hessian : bool
        True for smooth losses: Newton's method can be used.
    derivatives : str
        "given" (all by you), "symbolic" (from the source of your function) or "differences".
    source : str
        What is compiled: the value with its derivatives, line by line.
    address64, address32 : int
        Addresses of the C function for data in double and in single precision, compiled when first asked for.
    """

    def __init__(
        self,
        value: Scalar,
        gradient: Scalar | None,
        hessian: Scalar | None,
        *,
        parameter: float | None,
        name: str,
        smooth: bool | None,
        y: ArrayLike | None,
        eta: ArrayLike | None,
    ) -> None:
        super().__init__(value, name)
        self.value, self.gradient, self.hessian, self.parameter = value, gradient, hessian, parameter
        _check_arguments(value, gradient, hessian, parameter)
        written = write_loss(value, gradient, hessian, parameter)
        self.derivatives, self.reason = written.derivatives, written.reason
        self._written = written
        self._generated = Generated(written.lines, LOSS_BLOCK, written.foreign)
        self._functions: dict[str, Any] = {}
        self._given = (smooth, y, eta)
        self._checked: set[float] = set()
        self.smooth = smooth is not False
        probes = _check.Probes.of(y, eta)
        inside = _check.check_loss(self, probes, lenient=y is None)
        if smooth is None:
            self.smooth = _check.is_smooth(self, inside)
        self.has_hessian = self.smooth

    def _made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        smooth, y, eta = self._given
        options = {"parameter": self.parameter, "name": self.name, "smooth": smooth, "y": y, "eta": eta}
        return (self.value, self.gradient, self.hessian), options

    def __repr__(self) -> str:
        kind = "smooth" if self.smooth else "not smooth"
        return f"<loss {self.name!r}: {kind}, derivatives {self.derivatives}>"

    def __call__(self, y: float, eta: float) -> float:
        """Call the Python function."""
        return self._plain(self.value, y, eta)

    def _plain(self, function: Scalar, y: float, eta: float) -> float:
        function = getattr(function, "py_func", function)
        if self.parameter is not None and count_arguments(function)[1] > 2:
            return function(y, eta, self.parameter)
        return function(y, eta)

    @property
    def source(self) -> str:
        """What is compiled."""
        return self._generated.source

    @property
    def address64(self) -> int:
        """Address of the C function for doubles."""
        return int(self._function("float64").address)

    @property
    def address32(self) -> int:
        """Address of the C function for floats; it computes in them, with differences in double."""
        return int(self._function("float32").address)

    def _function(self, kind: str) -> Any:
        with _compiling:
            if kind not in self._functions:
                real = _pointer_to(getattr(numba.types, kind))
                doubles = _pointer_to(numba.float64)
                signature = numba.void(numba.int64, real, real, real, real, doubles)
                generated = self._generated
                if kind == "float32":
                    generated = Generated(self._written.lines, LOSS_BLOCK, self._written.foreign, single=True)
                self._functions[kind] = generated.c_function("block", signature, f"loss {self.name!r}")
            return self._functions[kind]

    def rows(
        self, y: ArrayLike, eta: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[tuple[float, float, float], NDArray[Any], NDArray[Any]]:
        """Evaluate rows by the compiled function.

        Parameters
        ----------
        y, eta : array-like of shape (n,)
            Targets and linear predictors; float32 if y is, else float64.
        sample_weight : array-like of shape (n,), optional
            By default all one.

        Returns
        -------
        sums : tuple of three floats
            Of ``w * value``, ``w * gradient`` and ``w``.
        gradient, hessian : ndarray of shape (n,)
            Each row's, times its weight.
        """
        kind = np.dtype(np.float32 if np.asarray(y).dtype == np.float32 else np.float64)
        eta = np.array(eta, dtype=kind).ravel()
        y = np.ascontiguousarray(np.broadcast_to(np.asarray(y, dtype=kind), eta.shape))
        weight = None if sample_weight is None else np.ascontiguousarray(sample_weight, dtype=kind)
        if weight is not None and weight.shape != eta.shape:
            raise ValueError(f"sample_weight has shape {weight.shape}, expected {eta.shape}.")
        hess, sums = np.empty_like(eta), np.zeros(3)
        pointer = ctypes.c_void_p
        call = ctypes.CFUNCTYPE(None, ctypes.c_int64, pointer, pointer, pointer, pointer, pointer)
        address = self.address32 if kind == np.float32 else self.address64
        at = None if weight is None else weight.ctypes.data
        call(address)(len(eta), y.ctypes.data, at, eta.ctypes.data, hess.ctypes.data, sums.ctypes.data)
        return (float(sums[0]), float(sums[1]), float(sums[2])), eta, hess

    def check(self, y: ArrayLike) -> None:
        """Check the loss on the targets of a fit: solvers do this before they start.

        Parameters
        ----------
        y : array-like of shape (n,)
            The targets.

        Raises
        ------
        UserFunctionError
            If the loss raises, is not a number, or has a wrong derivative; the error shows where.
        """
        _check.check_targets(self, np.asarray(y, dtype=np.float64).ravel())

    def with_parameter(self, parameter: float) -> UserLoss:
        """Return the same loss with another parameter.

        Parameters
        ----------
        parameter : float
            The third argument of the functions.

        Returns
        -------
        UserLoss
        """
        functions, options = self._made_of()
        return UserLoss(*functions, **{**options, "parameter": float(parameter)})


def _check_arguments(value: Scalar, gradient: Scalar | None, hessian: Scalar | None, parameter: float | None) -> None:
    for role, function in (("value", value), ("gradient", gradient), ("hessian", hessian)):
        if function is None:
            continue
        if not callable(function):
            raise TypeError(f"{role} must be a function of (y, eta), got {function!r}.")
        needed, taken = count_arguments(getattr(function, "py_func", function))
        if taken < 2 or needed > 3:
            raise TypeError(f"{role} must take (y, eta) or (y, eta, parameter); it takes {needed} arguments.")
        if needed == 3 and parameter is None:
            raise TypeError(f"{role} takes a third argument: give its value as parameter=.")


@overload
def loss(value: Scalar) -> UserLoss: ...
@overload
def loss(
    *,
    gradient: Scalar | None = ...,
    hessian: Scalar | None = ...,
    parameter: float | None = ...,
    name: str | None = ...,
    smooth: bool | None = ...,
    y: ArrayLike | None = ...,
    eta: ArrayLike | None = ...,
) -> Callable[[Scalar], UserLoss]: ...
def loss(
    value: Scalar | None = None,
    *,
    gradient: Scalar | None = None,
    hessian: Scalar | None = None,
    parameter: float | None = None,
    name: str | None = None,
    smooth: bool | None = None,
    y: ArrayLike | None = None,
    eta: ArrayLike | None = None,
) -> UserLoss | Callable[[Scalar], UserLoss]:
    """Make a loss for mlcraft's solvers of a Python function ``value(y, eta)`` of two numbers.

    The function becomes a C function over blocks of rows: solvers call it without Python, from any thread. Derivatives
    that are not given are taken from the source of the function, operation by operation: they are exact but for
    rounding. A function whose source cannot be read (see docs/jit.md) is differentiated by central differences of
    order six instead: errors about ``1e-13 |value|`` in the gradient and ``1e-11 |value|`` in the hessian, where the
    function is smooth; ``derivatives`` of the result says which.

    Parameters
    ----------
    value : callable
        ``value(y, eta)`` or ``value(y, eta, parameter)``: numbers, arithmetic, comparisons, ``if``, ``abs``, ``min``,
        ``max``, and functions of `math`, NumPy or `mlcraft.jit`.
    gradient, hessian : callable, optional
        First and second derivative by eta, of the same arguments. Checked against ``value``.
    parameter : float, optional
        Value of the third argument.
    name : str, optional
        Default: that of the function.
    smooth : bool, optional
        Whether the gradient is continuous. Default: found out, by looking for jumps at the points of the check.
    y, eta : array-like, optional
        Points at which to check the loss now. Default: those of y in (-1, 0, 0.5, 1, 2) at which the loss is a number,
        eta from -30 to 30 (and to 700 for NaN). A fit checks it again, with its own y.

    Returns
    -------
    UserLoss

    Raises
    ------
    UserFunctionError
        If the function raises, returns something that is not a number, cannot be compiled, or if a derivative given is
        wrong. The message shows the values of y and eta.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft import jit
    >>> @jit.loss
    ... def logistic(y, eta):
    ...     return jit.softplus(eta) - y * eta
    >>> logistic
    <loss 'logistic': smooth, derivatives symbolic>
    >>> sums, gradient, hessian = logistic.rows(y=[0.0, 1.0, 1.0], eta=[0.0, 0.0, 2.0])
    >>> gradient.round(3), hessian.round(3)
    (array([ 0.5  , -0.5  , -0.119]), array([0.25 , 0.25 , 0.105]))
    """

    def decorate(function: Scalar) -> UserLoss:
        return UserLoss(
            function,
            gradient,
            hessian,
            parameter=None if parameter is None else float(parameter),
            name=name or str(getattr(function, "__name__", "loss")),
            smooth=smooth,
            y=y,
            eta=eta,
        )

    return decorate if value is None else decorate(value)
