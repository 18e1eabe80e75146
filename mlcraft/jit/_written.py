"""From a user's functions to the source of ``rows``: a value with its gradient and hessian by the last argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ._derive import NAMES, NotReadableError, syntax_tree, write
from ._emit import Jet
from ._generated import compiled_as_is

Scalar = Callable[..., float]

# Central differences of order six (Fornberg 1988); the steps balance what they cut off with rounding.
_STEP, _WIDE_STEP = 2.0**-7, 2.0**-5
_FIRST = (
    f"(45.0 * ({{f}}(x + {_STEP!r}) - {{f}}(x - {_STEP!r})) - 9.0 * ({{f}}(x + {2 * _STEP!r}) - {{f}}(x - "
    f"{2 * _STEP!r})) + ({{f}}(x + {3 * _STEP!r}) - {{f}}(x - {3 * _STEP!r}))) / {60 * _STEP!r}"
)
_SECOND = (
    f"(270.0 * ({{f}}(x + {_WIDE_STEP!r}) + {{f}}(x - {_WIDE_STEP!r})) - 27.0 * ({{f}}(x + {2 * _WIDE_STEP!r}) + "
    f"{{f}}(x - {2 * _WIDE_STEP!r})) + 2.0 * ({{f}}(x + {3 * _WIDE_STEP!r}) + {{f}}(x - {3 * _WIDE_STEP!r})) - 490.0 * "
    f"{{f}}(x)) / {180 * _WIDE_STEP**2!r}"
)


def count_arguments(function: Scalar) -> tuple[int, int]:
    """Return how many positional arguments a function needs, and how many it takes."""
    needed = taken = 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            taken += 1
            needed += parameter.default is parameter.empty
    return needed, taken


class Written:
    """Source of ``rows`` for some functions, and the objects it needs that are no source.

    Attributes
    ----------
    lines : list of str
    foreign : dict
    derivatives : str
        "given", "symbolic", "differences" or "none".
    reason : str
        Why differences were needed.
    """

    def __init__(self, names: tuple[str, ...], parameter: float | None) -> None:
        self.lines: list[str] = []
        self.foreign: dict[str, Any] = {}
        self.derivatives, self.reason = "none", ""
        self._names, self._given = names, parameter

    def _arguments(self, function: Scalar, order: int) -> list[Jet]:
        """Return the arguments; the last name is the variable."""
        jets: list[Jet] = [[name, *([0.0] * order)] for name in self._names]
        jets[-1][1:] = [1.0, 0.0][:order]
        parameter = self._parameter(function)
        if parameter is not None:
            jets.append([parameter, *([0.0] * order)])
        return jets

    def _parameter(self, function: Scalar) -> float | None:
        """Return the argument after the names, if the function takes one: what is given, or its default."""
        taken = list(inspect.signature(function).parameters.values())[len(self._names) :]
        if not taken:
            return None
        return float(taken[0].default if self._given is None else self._given)

    def add(self, name: str, function: Scalar, order: int) -> None:
        """Write ``name``, which returns a tuple of the value and ``order`` derivatives of a function."""
        function = getattr(function, "py_func", function)
        helpers: dict[Any, list[str]] = {}
        try:
            lines = write(function, name, self._arguments(function, order), order, helpers)
            lines = [line.replace("helper", f"{name}_helper") for line in lines]
            for written in helpers.values():
                self.lines += [line.replace("helper", f"{name}_helper") for line in written]
            self.lines += lines
            if order:
                self.derivatives = "symbolic"
        except (NotReadableError, RecursionError) as error:
            self._add_as_is(name, function, order)
            if order:
                self.derivatives, self.reason = "differences", str(error)

    def _add_as_is(self, name: str, function: Scalar, order: int) -> None:
        *others, _ = self._names
        parameter = self._parameter(function)
        rest = [] if parameter is None else [repr(parameter)]
        self.foreign[f"user_{name}"] = compiled_as_is(function)
        call = f"float64(user_{name}({', '.join([*others, 'x', *rest])}))"
        self.lines += ["@inline", f"def at_{name}({', '.join([*others, 'x'])}):", f"    return {call}", ""]
        formulas = [f"at_{name}({', '.join([*others, 'x'])})", _FIRST, _SECOND][: order + 1]
        body = ", ".join(formulas).replace("{f}(x", f"at_{name}({''.join(other + ', ' for other in others)}x")
        self.lines += ["@inline", f"def {name}({', '.join([*others, 'x'])}):", f"    return ({body},)", ""]


def write_loss(value: Scalar, gradient: Scalar | None, hessian: Scalar | None, parameter: float | None) -> Written:
    """``rows(y, eta)`` returns value, gradient and hessian."""
    written = Written(("y", "eta"), parameter)
    if gradient is None:
        written.add("value" if hessian else "rows", value, 2 if hessian is None else 1)
        parts = ["value(y, eta)[0]", "value(y, eta)[1]"]
    else:
        written.add("value", value, 0)
        written.add("gradient", gradient, 1 if hessian is None else 0)
        parts = ["value(y, eta)[0]", "gradient(y, eta)[0]", "gradient(y, eta)[1]"]
        if hessian is not None:
            written.derivatives = "given"
    if hessian is not None:
        written.add("hessian", hessian, 0)
        parts = [*parts[:2], "hessian(y, eta)[0]"]
    if gradient is not None or hessian is not None:
        written.lines += ["@inline", "def rows(y, eta):", f"    return ({', '.join(parts)})", ""]
    return written


def write_scalar(names: tuple[str, ...], functions: dict[str, Scalar], parameter: float | None = None) -> Written:
    """Each function under its name, without derivatives: it returns a tuple of one number."""
    written = Written(names, parameter)
    for name, function in functions.items():
        written.add(name, function, 0)
    return written


__all__ = ["NAMES", "Written", "count_arguments", "syntax_tree", "write_loss", "write_scalar"]
