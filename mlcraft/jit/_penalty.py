"""A separable penalty written in Python, for the first-order solvers of the compiled core."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike

from ._check import called
from ._decorated import Decorated
from ._errors import UserFunctionError, where
from ._generated import Generated
from ._written import Scalar, count_arguments, write_scalar

__all__ = ["UserPenalty", "penalty"]

USUAL_B = (-20.0, -3.0, -1.0, -0.4, -0.03, 0.0, 0.03, 0.4, 1.0, 3.0, 20.0)
STEPS = (0.01, 0.3, 1.0, 4.0)
_BODY = """
def value_function(b):
    return value(b)[0]

def prox_function(b, step):
    return prox(b, step)[0]
"""


class UserPenalty(Decorated):
    """A separable penalty of your own; made by `mlcraft.jit.penalty`.

    Attributes
    ----------
    name : str
    source : str
        What is compiled.
    value_address, prox_address : int
        Addresses of the C functions ``double value(double b)`` and ``double prox(double b, double step)``.
    """

    def __init__(self, value: Scalar, prox: Scalar, *, name: str, b: ArrayLike | None) -> None:
        super().__init__(value, name)
        self.value, self.prox, self._given = value, prox, b
        for role, function, count in (("value", value, 1), ("prox", prox, 2)):
            if not callable(function):
                raise TypeError(f"{role} must be a function, got {function!r}.")
            needed, taken = count_arguments(getattr(function, "py_func", function))
            if needed > count or taken < count:
                arguments = "(b)" if count == 1 else "(b, step)"
                raise TypeError(f"{role} must take {arguments}; it takes {needed} arguments.")
        of_value = write_scalar(("b",), {"value": value})
        of_prox = write_scalar(("b", "step"), {"prox": prox})
        lines = [*of_value.lines, *of_prox.lines]
        self._generated = Generated(lines, _BODY, {**of_value.foreign, **of_prox.foreign})
        double, about = numba.float64, f"penalty {name!r}"
        _check_python(self, points := USUAL_B if b is None else tuple(np.asarray(b, dtype=float).ravel().tolist()))
        self._value = self._generated.c_function("value_function", double(double), about)
        self._prox = self._generated.c_function("prox_function", double(double, double), about)
        _check_prox(self, points)

    def _made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.value, self.prox), {"name": self.name, "b": self._given}

    def __repr__(self) -> str:
        return f"<penalty {self.name!r}>"

    def __call__(self, b: float) -> float:
        """Call the Python function."""
        return getattr(self.value, "py_func", self.value)(b)

    @property
    def source(self) -> str:
        """What is compiled."""
        return self._generated.source

    @property
    def value_address(self) -> int:
        """Address of ``double value(double b)``."""
        return int(self._value.address)

    @property
    def prox_address(self) -> int:
        """Address of ``double prox(double b, double step)``."""
        return int(self._prox.address)


def _check_python(penalty: UserPenalty, points: tuple[float, ...]) -> None:
    """Look at what the Python functions raise or return."""
    for b in points:
        called(f"penalty {penalty.name!r}", penalty, infinite=True, b=b)
        for step in STEPS:
            called(
                f"the prox of penalty {penalty.name!r}", getattr(penalty.prox, "py_func", penalty.prox), b=b, step=step
            )


def _check_prox(penalty: UserPenalty, points: tuple[float, ...]) -> None:
    """``prox(b, step)`` has to be where ``value(u) + (u - b)^2 / (2 step)`` is least."""
    value = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(penalty.value_address)
    prox = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(penalty.prox_address)
    about = f"the prox of penalty {penalty.name!r}"
    nearby = [0.0, *(sign * 10.0**-k for k in range(1, 7) for sign in (-1.0, 1.0))]
    for b in points:
        for step in STEPS:
            claimed = prox(b, step)

            def objective(u: float, b: float = b, step: float = step) -> float:
                return float(value(u)) + (u - b) ** 2 / (2.0 * step)

            found = objective(claimed)
            if not math.isfinite(found):
                message = f"{about} is {claimed:.6g} at {where(b=b, step=step)}, where the penalty is {value(claimed)}."
                raise UserFunctionError(message, b=b, step=step)
            reach = abs(b) + 4.0
            others = [claimed + shift for shift in nearby] + np.linspace(-reach, reach, 161).tolist() + [0.0, b]
            best = min(others, key=lambda u: _or_infinity(objective(u)))
            if objective(best) < found - 1e-10 * (1.0 + abs(found)):
                message = (
                    f"{about} is wrong at {where(b=b, step=step)}: value(u) + (u - b)^2 / (2 step) is {found:.10g} at "
                    f"the u = {claimed:.6g} that it returns, and {objective(best):.10g} at u = {best:.6g}."
                )
                raise UserFunctionError(message, b=b, step=step)


def _or_infinity(number: float) -> float:
    return math.inf if math.isnan(number) else number


def penalty(
    value: Scalar | None = None, *, prox: Scalar, name: str | None = None, b: ArrayLike | None = None
) -> UserPenalty | Callable[[Scalar], UserPenalty]:
    """Make a separable penalty ``sum_j value(b_j)`` for mlcraft's first-order solvers.

    Parameters
    ----------
    value : callable
        ``value(b)``, a function of one number as in `mlcraft.jit.loss`; infinity where b is not allowed.
    prox : callable
        ``prox(b, step)``: the u at which ``value(u) + (u - b)^2 / (2 step)`` is least.
    name : str, optional
        Default: that of the function.
    b : array-like, optional
        Points at which to check the functions. Default: from -20 to 20.

    Returns
    -------
    UserPenalty

    Raises
    ------
    UserFunctionError
        If a function raises, returns something that is not a number, cannot be compiled, or if another u is better
        than the one that the prox returns. The message shows b and the step.

    References
    ----------
    Parikh and Boyd, "Proximal algorithms" (2014).

    Examples
    --------
    >>> from mlcraft import jit
    >>> def shrink(b, step):
    ...     return max(b - 0.1 * step, 0.0) - max(-b - 0.1 * step, 0.0)
    >>> @jit.penalty(prox=shrink)
    ... def lasso(b):
    ...     return 0.1 * abs(b)
    >>> lasso
    <penalty 'lasso'>
    >>> try:
    ...     jit.penalty(lambda b: 0.2 * abs(b), prox=shrink, name="another")
    ... except jit.UserFunctionError as error:
    ...     print(str(error).split(":")[0])
    the prox of penalty 'another' is wrong at b=-20, step=0.01
    """

    def decorate(function: Scalar) -> UserPenalty:
        return UserPenalty(function, prox, name=name or str(getattr(function, "__name__", "penalty")), b=b)

    return decorate if value is None else decorate(value)
