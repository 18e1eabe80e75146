"""Derivatives of the functions that a user's loss may call.

A rule writes ``f(u)`` and returns it with ``f'(u)`` and ``f''(u)``, each in a form that neither overflows nor loses its
digits where ``f`` does not.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from . import _functions
from ._emit import Atom, Emitter, Jet, text

Rule = Callable[[Emitter, str], tuple[Atom, Atom, Atom]]
_FACTOR_OF_ERF = 2.0 / math.sqrt(math.pi)


def _exp(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    e = emit.let(f"exp_({u})")
    return e, e, e


def _expm1(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    m = emit.let(f"expm1_({u})")
    e = emit.let(f"exp_({u})")
    return m, e, e


def _logarithm(scale: float) -> Rule:
    def rule(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
        value, r = emit.let(f"log_({u})"), emit.let(f"1.0 / {u}")
        first = emit.times(scale, r)
        return emit.times(scale, value), first, emit.negative(emit.times(first, r))

    return rule


def _log1p(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    r = emit.let(f"1.0 / (1.0 + {u})")
    return emit.let(f"log1p_({u})"), r, emit.let(f"-({r} * {r})")


def _sqrt(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    s = emit.let(f"sqrt_({u})")
    first = emit.let(f"0.5 / {s}")
    return s, first, emit.let(f"-0.5 * {first} / {u}")


def _tanh(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    t = emit.let(f"tanh_({u})")
    e = emit.let(f"exp_(-2.0 * abs({u}))")
    first = emit.let(f"4.0 * {e} / ((1.0 + {e}) * (1.0 + {e}))")
    return t, first, emit.let(f"-2.0 * {t} * {first}")


def _expit(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    e = emit.let(f"exp_(-abs({u}))")
    q = emit.let(f"1.0 / (1.0 + {e})")
    value = emit.let(f"{e} * {q} if {u} < 0.0 else {q}")
    first = emit.let(f"({e} * {q}) * {q}")
    return value, first, emit.let(f"{first} * (1.0 - 2.0 * {value})")


def _softplus(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    e = emit.let(f"exp_(-abs({u}))")
    q = emit.let(f"1.0 / (1.0 + {e})")
    value = emit.let(f"(0.0 if {u} < 0.0 else {u}) + log1p_({e})")
    return value, emit.let(f"{e} * {q} if {u} < 0.0 else {q}"), emit.let(f"({e} * {q}) * {q}")


def _square(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
    return emit.let(f"{u} * {u}"), emit.let(f"2.0 * {u}"), 2.0


def _by_formula(value: str, first: str, second: str) -> Rule:
    """From formulas in u, where f stands for the value and g for the first derivative."""

    def rule(emit: Emitter, u: str) -> tuple[Atom, Atom, Atom]:
        names = {"u": u}
        names["f"] = emit.let(value.format(**names))
        names["g"] = emit.let(first.format(**names))
        return names["f"], names["g"], emit.let(second.format(**names))

    return rule


RULES: dict[str, Rule] = {
    "exp": _exp,
    "expm1": _expm1,
    "log": _logarithm(1.0),
    "log2": _logarithm(1.0 / math.log(2.0)),
    "log10": _logarithm(1.0 / math.log(10.0)),
    "log1p": _log1p,
    "sqrt": _sqrt,
    "tanh": _tanh,
    "expit": _expit,
    "softplus": _softplus,
    "square": _square,
    "sin": _by_formula("math.sin({u})", "math.cos({u})", "-{f}"),
    "cos": _by_formula("math.cos({u})", "-math.sin({u})", "-{f}"),
    "tan": _by_formula("math.tan({u})", "1.0 + {f} * {f}", "2.0 * {f} * {g}"),
    "atan": _by_formula("math.atan({u})", "1.0 / (1.0 + {u} * {u})", "-2.0 * {u} * {g} * {g}"),
    "sinh": _by_formula("math.sinh({u})", "math.cosh({u})", "{f}"),
    "cosh": _by_formula("math.cosh({u})", "math.sinh({u})", "{f}"),
    "erf": _by_formula("math.erf({u})", f"{_FACTOR_OF_ERF!r} * exp_(-{{u}} * {{u}})", "-2.0 * {u} * {g}"),
    "erfc": _by_formula("math.erfc({u})", f"-{_FACTOR_OF_ERF!r} * exp_(-{{u}} * {{u}})", "-2.0 * {u} * {g}"),
}
_ALIASES = {"arctan": "atan", "absolute": "abs", "fabs": "abs", "maximum": "max", "minimum": "min", "power": "pow"}
#: Of several arguments, or with a value that jumps: written out in `_derive`.
SPECIAL = ("abs", "max", "min", "pow", "where", "sign", "floor", "ceil", "float", "bool", "clip")


def _known() -> dict[int, str]:
    known = {}
    for module in (math, np, builtins, _functions):
        for name in (*RULES, *SPECIAL, *_ALIASES):
            function = getattr(module, name, None)
            if callable(function):
                known[id(function)] = _ALIASES.get(name, name)
    known[id(np.float64)] = "float"
    return known


_KNOWN = _known()


def known_name(function: Any) -> str | None:
    """Return the name under which the rules know a function, or None."""
    name = _KNOWN.get(id(function))
    if name is None and isinstance(function, np.ufunc) and function.__name__ in ("expit", "xlogy"):
        return function.__name__  # of scipy.special
    return name


def python_function(function: Any) -> Any:
    """Return what Numba compiled, if it did."""
    return (
        getattr(function, "py_func", function) if isinstance(function, numba.core.dispatcher.Dispatcher) else function
    )


def chain(emit: Emitter, u: Jet, value: Atom, first: Atom, second: Atom) -> Jet:
    """``f(u)`` with its derivatives by the chain rule."""
    out = [value]
    if len(u) > 1:
        out.append(emit.times(first, u[1]))
    if len(u) > 2:
        out.append(emit.add(emit.times(second, u[1], u[1]), emit.times(first, u[2])))
    return out


def add(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``u + v``."""
    return [emit.plain("+", u[0], v[0]), *(emit.add(a, b) for a, b in zip(u[1:], v[1:], strict=True))]


def subtract(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``u - v``."""
    return [emit.plain("-", u[0], v[0]), *(emit.subtract(a, b) for a, b in zip(u[1:], v[1:], strict=True))]


def negative(emit: Emitter, u: Jet) -> Jet:
    """``-u``."""
    return [emit.negative(a) for a in u]


def times(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``u * v``."""
    out = [emit.plain("*", u[0], v[0])]
    if len(u) > 1:
        out.append(emit.add(emit.times(u[1], v[0]), emit.times(u[0], v[1])))
    if len(u) > 2:
        both = emit.add(emit.times(u[2], v[0]), emit.times(u[0], v[2]))
        out.append(emit.add(both, emit.times(2.0, u[1], v[1])))
    return out


def divide(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``q = u / v``: from ``q v = u``, ``q' = (u' - q v') / v``."""
    q = emit.plain("/", u[0], v[0])
    out = [q]
    if len(u) > 1:
        out.append(emit.share(emit.subtract(u[1], emit.times(q, v[1])), v[0]))
    if len(u) > 2:
        less = emit.add(emit.times(2.0, out[1], v[1]), emit.times(q, v[2]))
        out.append(emit.share(emit.subtract(u[2], less), v[0]))
    return out


def _whole_power(emit: Emitter, u: Atom, n: int) -> Atom:
    if n < 0:
        return emit.share(1.0, _whole_power(emit, u, -n))
    if n <= 1:
        return u if n else 1.0
    half = _whole_power(emit, u, n // 2)
    square = emit.plain("*", half, half)
    return emit.plain("*", square, u) if n % 2 else square


def _constant_power(emit: Emitter, u: Atom, c: float) -> Atom:
    if c == int(c) and abs(c) <= 16:
        return _whole_power(emit, u, int(c))
    if c == 0.5:
        return emit.let(f"sqrt_({text(u)})")
    return emit.let(f"math.pow({text(u)}, {text(c)})")


def power(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``u ** v``: products for a small whole v, the library's power for another constant, else ``exp(v log u)``."""
    c = v[0]
    if isinstance(c, float):
        value = _constant_power(emit, u[0], c)
        if len(u) == 1 or all(a == 0.0 for a in u[1:]):
            return [value, *u[1:]]
        first = emit.times(c, _constant_power(emit, u[0], c - 1.0)) if c else 0.0
        second = emit.times(c, c - 1.0, _constant_power(emit, u[0], c - 2.0)) if c * (c - 1.0) and len(u) > 2 else 0.0
        return chain(emit, u, value, first, second)
    if all(a == 0.0 for a in (*u[1:], *v[1:])):
        return [emit.let(f"math.pow({text(u[0])}, {c})"), *u[1:]]
    logarithm = call(emit, "log", u)
    return call(emit, "exp", times(emit, v, logarithm))


def call(emit: Emitter, name: str, u: Jet) -> Jet:
    """Write a function of one argument that has a rule."""
    if isinstance(u[0], float):
        u = [emit.let(text(u[0])), *u[1:]]
    return chain(emit, u, *RULES[name](emit, str(u[0])))


def absolute(emit: Emitter, u: Jet) -> Jet:
    """``|u|``, whose derivative at 0 is that from the right."""
    if len(u) == 1 or all(a == 0.0 for a in u[1:]):
        return [abs(u[0]) if isinstance(u[0], float) else emit.let(f"abs({u[0]})"), *u[1:]]
    up = emit.above(u, [0.0] * len(u), or_equal=True)
    rest = [emit.choose(up, a, emit.negative(a)) for a in u[1:]]
    return [emit.let(f"abs({text(u[0])})"), *rest]


def larger(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``max(u, v)``; NaN stays NaN."""
    if isinstance(u[0], float):
        u, v = v, u
    below = emit.above(v, u)
    if isinstance(v[0], str):
        below = emit.let(f"{below} | ({v[0]} != {v[0]})")
    return emit.choose_jet(below, v, u)


def smaller(emit: Emitter, u: Jet, v: Jet) -> Jet:
    """``min(u, v) = -max(-u, -v)``."""
    if isinstance(u[0], float):
        u, v = v, u
    above = emit.above(u, v)
    if isinstance(v[0], str):
        above = emit.let(f"{above} | ({v[0]} != {v[0]})")
    return emit.choose_jet(above, v, u)
