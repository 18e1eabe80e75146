"""The functions of `_functions` in single precision, and generated code that computes in it."""

from __future__ import annotations

import ast
import math
from typing import Any

import numba
import numpy as np

from ._bits import exponent_of, fraction_of, power_of_two, scale_back
from ._functions import expm1_, inline, log_, tanh_

real: Any = numba.float32
double: Any = numba.float64
_INF, _NAN, _ZERO, _HALF, _ONE, _TWO = (np.float32(x) for x in (math.inf, math.nan, 0, 0.5, 1, 2))
_MAGIC = np.float32(12582912.0 + 127.0)  # 1.5 * 2^23 + bias
_LOG2_E, _LN2_HI, _LN2_LO = np.float32(1.4426950408889634), np.float32(0.693115234375), np.float32(3.1946183e-05)
_LOWEST, _HIGHEST = np.float32(-87.33654), np.float32(88.72284)
_E2, _E3, _E4, _E5 = (np.float32(x) for x in (0.16666576, 0.041666556, 0.008363203, 0.0013926213))
_L1, _L2, _L3 = (np.float32(x) for x in (0.66666687, 0.39988735, 0.29582024))
_BIAS = np.float32(127)


@inline
def exp32(x: Any) -> Any:
    """Polynomial in r = x - n log 2, times 2^n."""
    shifted = x * _LOG2_E + _MAGIC
    n = shifted - _MAGIC
    r = (x - n * _LN2_HI) - n * _LN2_LO
    s = _HALF + r * (_E2 + r * (_E3 + r * (_E4 + r * _E5)))
    two = _TWO if x > _ZERO else _ONE
    value = ((r * r) * s + r + _ONE) * power_of_two(shifted - (two - _ONE)) * two
    value = _ZERO if x < _LOWEST else value
    return _INF if x > _HIGHEST else value


@inline
def log1p32(x: Any) -> Any:
    """As `log1p_` in double."""
    u = _ONE + x
    most = u - _ONE
    lost = (_ONE - (u - most)) + (x - most)
    k = exponent_of(u) - _BIAS
    f = (fraction_of(u) - _ONE) + lost * scale_back(u)
    s = f / (f + _TWO)
    z = s * s
    value = k * _LN2_HI + (f - (s * (f - z * (_L1 + z * (_L2 + z * _L3))) - k * _LN2_LO))
    value = value if x < _INF else x
    return value if x > -_ONE else (-_INF if x == -_ONE else _NAN)


@inline
def expit32(x: Any) -> Any:
    """As `expit_`."""
    small = exp32(-abs(x))
    return (small if x < _ZERO else _ONE) / (_ONE + small)


@inline
def softplus32(x: Any) -> Any:
    """As `softplus_`."""
    return (_ZERO if x < _ZERO else x) + log1p32(exp32(-abs(x)))


@inline
def sqrt32(x: Any) -> Any:
    """Use the instruction of the processor."""
    return real(math.sqrt(x))


@inline
def log32(x: Any) -> Any:
    """In double, rounded; so are the next two."""
    return real(log_(double(x)))


@inline
def expm132(x: Any) -> Any:
    """In double, rounded."""
    return real(expm1_(double(x)))


@inline
def tanh32(x: Any) -> Any:
    """In double, rounded."""
    return real(tanh_(double(x)))


#: What stands for the functions of `_functions`.
IN_SINGLE: dict[str, Any] = {
    "exp_": exp32,
    "expm1_": expm132,
    "log_": log32,
    "log1p_": log1p32,
    "sqrt_": sqrt32,
    "tanh_": tanh32,
    "expit_": expit32,
    "softplus_": softplus32,
}
__all__ = ["IN_SINGLE", "in_single"]


class _Constants(ast.NodeTransformer):
    """Each number becomes one of single precision."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        return ast.Call(ast.Name("real", ast.Load()), [node], [])

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Call(ast.Name("real", ast.Load()), [node], []) if node.id in ("inf", "nan") else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Functions of `math` may return doubles."""
        self.generic_visit(node)
        library = isinstance(node.func, ast.Attribute)
        return ast.Call(ast.Name("real", ast.Load()), [node], []) if library else node


def in_single(source: str) -> str:
    """Return generated source with all of its numbers in single precision."""
    tree = ast.parse(source)
    return ast.unparse(ast.fix_missing_locations(_Constants().visit(tree)))
