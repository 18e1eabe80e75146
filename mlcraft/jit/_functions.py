"""Elementary functions without branches, so that loops over them use the vector registers.

Each is a plain Python function (NumPy's, for numbers and arrays) and, in a function compiled by Numba, the branch-free
code below. Method: Muller, Elementary Functions (2016), chapters 5 and 11; the constants are those of the C++ core.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload

from ._bits import bits_of, double_of

__all__ = ["exp", "expit", "expm1", "log", "log1p", "softplus", "sqrt", "tanh"]

_MAGIC = 6755399441055744.0 + 1023.0  # 1.5 * 2^52 + bias: adding it leaves the exponent of 2^n in the lowest bits
_LN2_HI, _LN2_LO = 0.6931471801362932, 4.236521365809284e-10  # hi times integers: exact
_ROOT_BITS, _MANTISSA = 0x3FE6A09E667F3BCD, 0xFFFFFFFFFFFFF  # of sqrt(1/2)
_ONE_BITS = 0x3FF0000000000000
_SMALLEST = 2.2250738585072014e-308
_double: Any = numba.float64
inline = numba.njit(fastmath={"contract"}, error_model="numpy", forceinline=True, cache=True)


def exp(x: Any) -> Any:
    """``exp(x)``, within 2 ulp; 0 below -708.4, where the result is no normal number, and inf above 709.78."""
    return np.exp(x)


def expm1(x: Any) -> Any:
    """``exp(x) - 1``, within 3 ulp also near 0."""
    return np.expm1(x)


def log(x: Any) -> Any:
    """Natural logarithm, within 2 ulp; -inf at 0, NaN below."""
    return np.log(x)


def log1p(x: Any) -> Any:
    """``log(1 + x)``, within 2 ulp also near 0; -inf at -1, NaN below."""
    return np.log1p(x)


def sqrt(x: Any) -> Any:
    """Square root, correctly rounded; NaN below 0."""
    return np.sqrt(x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent, within 4 ulp."""
    return np.tanh(x)


def expit(x: Any) -> Any:
    """``1 / (1 + exp(-x))``, within 4 ulp also where it tends to 0."""
    small = np.exp(-np.abs(x))
    return np.where(np.asarray(x) < 0, small, 1.0) / (1.0 + small)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, within 4 ulp and never too large."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


@inline
def exp_(x: float) -> float:
    """2^n exp(r): a polynomial in r = x - n log 2; above 0, 2^(n - 1) is doubled, since 2^n may be too large."""
    shifted = x * 1.4426950408889634 + _MAGIC
    n = shifted - _MAGIC
    r = (x - n * _LN2_HI) - n * _LN2_LO
    s = 2.7620138719733994e-07 + r * 2.5100424157005067e-08
    s = 2.7557268378684192e-06 + r * s
    s = 2.480152119021773e-05 + r * s
    s = 0.00019841269863105968 + r * s
    s = 0.0013888888917281794 + r * s
    s = 0.008333333333330051 + r * s
    s = 0.04166666666662399 + r * s
    s = 0.16666666666666669 + r * s
    s = 0.5000000000000001 + r * s
    value = (r * r) * s + r + 1.0
    two = 2.0 if x > 0.0 else 1.0
    value = value * double_of(bits_of(shifted - (two - 1.0)) << 52) * two
    value = 0.0 if x < -708.3964185322641 else value
    return math.inf if x > 709.782712893384 else value


@inline
def expm1_(x: float) -> float:
    """2^n (exp(r) - 1) + (2^n - 1)."""
    low = -50.0 if x < -50.0 else x
    shifted = low * 1.4426950408889634 + _MAGIC
    n = shifted - _MAGIC
    r = (low - n * _LN2_HI) - n * _LN2_LO
    s = 2.7620138719733994e-07 + r * 2.5100424157005067e-08
    s = 2.7557268378684192e-06 + r * s
    s = 2.480152119021773e-05 + r * s
    s = 0.00019841269863105968 + r * s
    s = 0.0013888888917281794 + r * s
    s = 0.008333333333330051 + r * s
    s = 0.04166666666662399 + r * s
    s = 0.16666666666666669 + r * s
    s = 0.5000000000000001 + r * s
    part = (r * r) * s + r
    half = double_of(bits_of(shifted - 1.0) << 52)
    value = 2.0 * (half * part + (half - 0.5))
    return math.inf if x > 709.782712893384 else value


@inline
def log_reduced(f: float, k: float) -> float:
    """Return k log 2 + log(1 + f), sqrt(1/2) <= 1 + f <= sqrt(2): with s = f / (2 + f), log(1 + f) = 2 atanh(s)."""
    s = f / (f + 2.0)
    z = s * s
    t = 0.1533150161114533 + z * 0.1461916613488797
    t = 0.18182895750119193 + z * t
    t = 0.22222211043776857 + z * t
    t = 0.2857142862653362 + z * t
    t = 0.3999999999989827 + z * t
    t = 0.666666666666667 + z * t
    return k * _LN2_HI + (f - (s * (f - z * t) - k * _LN2_LO))


@inline
def log_(x: float) -> float:
    """2^k m with m between sqrt(1/2) and sqrt(2)."""
    tiny = x < _SMALLEST
    normal = x * 18014398509481984.0 if tiny else x
    shifted = bits_of(normal) + (_ONE_BITS - _ROOT_BITS)
    k = double_of((shifted >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0)
    m = double_of((shifted & _MANTISSA) + _ROOT_BITS)
    value = log_reduced(m - 1.0, (k - 54.0) if tiny else k)
    value = value if x < math.inf else x
    return value if x > 0.0 else (-math.inf if x == 0.0 else math.nan)


@inline
def log1p_(x: float) -> float:
    """Logarithm of u = 1 + x, where what rounding takes from u is added to the reduced argument."""
    u = 1.0 + x
    most = u - 1.0
    lost = (1.0 - (u - most)) + (x - most)
    shifted = bits_of(u) + (_ONE_BITS - _ROOT_BITS)
    exponent = shifted >> 52
    k = double_of(exponent | 0x4330000000000000) - (4503599627370496.0 + 1023.0)
    m = double_of((shifted & _MANTISSA) + _ROOT_BITS)
    value = log_reduced((m - 1.0) + lost * double_of((2046 - exponent) << 52), k)
    value = value if x < math.inf else x
    return value if x > -1.0 else (-math.inf if x == -1.0 else math.nan)


@inline
def sqrt_(x: float) -> float:
    """Use the instruction of the processor."""
    return math.sqrt(x)


@inline
def tanh_(x: float) -> float:
    """-m / (2 + m), m = exp(-2 |x|) - 1."""
    m = expm1_(-2.0 * abs(x))
    value = m / (m + 2.0)
    return value if x < 0.0 else -value


@inline
def expit_(x: float) -> float:
    """By exp(-|x|), which is never too large."""
    small = exp_(-abs(x))
    return (small if x < 0.0 else 1.0) / (1.0 + small)


@inline
def softplus_(x: float) -> float:
    """max(x, 0) + log(1 + exp(-|x|))."""
    return (0.0 if x < 0.0 else x) + log1p_(exp_(-abs(x)))


#: The compiled function of each name.
COMPILED: dict[str, Callable[[float], float]] = {
    "exp": exp_,
    "expm1": expm1_,
    "log": log_,
    "log1p": log1p_,
    "sqrt": sqrt_,
    "tanh": tanh_,
    "expit": expit_,
    "softplus": softplus_,
}


def _register(function: Callable[..., Any], compiled: Callable[[float], float]) -> None:
    def choose(x: Any) -> Any:
        if isinstance(x, numba.types.Number | numba.types.Boolean):
            return lambda x: compiled(_double(x))
        return None

    overload(function)(choose)


for _name, _compiled in COMPILED.items():
    _register(globals()[_name], _compiled)
