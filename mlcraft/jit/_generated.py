"""Functions written by `_derive`, made into C functions by Numba, and kept on disk for the next process.

What is written is a file of its own in Numba's cache folder, named by its contents, the version of Numba and the
functions it may call: what is found there is what would be compiled.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import errors

from ._compile import FAST_MATH
from ._errors import UserFunctionError
from ._functions import COMPILED
from ._single import IN_SINGLE, in_single

_HEADER = """\
import math
from math import inf, nan

import numba
from numba import carray, float32, float64

from mlcraft.jit._bits import CHUNK, advanced, is_null, weights_at
"""
_FUNCTIONS = f"from mlcraft.jit._functions import {', '.join(function.__name__ for function in COMPILED.values())}"
_SINGLE = "from mlcraft.jit._single import " + ", ".join(
    f"{function.__name__} as {name}" for name, function in IN_SINGLE.items()
)
_OPTIONS = f"""
inline = numba.njit(fastmath={{"contract"}}, error_model="numpy", forceinline=True)
loop = numba.njit(fastmath={{{", ".join(map(repr, sorted(FAST_MATH)))}}}, error_model="numpy", forceinline=True)
"""


@cache
def _fingerprint() -> str:
    """Of what generated modules build upon."""
    folder = Path(__file__).parent
    parts = [(folder / name).read_bytes() for name in ("_bits.py", "_functions.py", "_single.py")]
    return hashlib.sha256(b"".join([numba.__version__.encode(), *parts])).hexdigest()


@cache
def _folder() -> Path | None:
    """Where generated files are kept, or None where nothing can be written."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = (Path(given) if given else Path(home)) / "mlcraft-jit"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return folder if os.access(folder, os.W_OK) else None
    except OSError:
        return None


def _stored(source: str) -> Path | None:
    folder = _folder()
    if folder is None:
        return None
    path = folder / f"f{hashlib.sha256((_fingerprint() + source).encode()).hexdigest()[:24]}.py"
    try:
        if not path.exists():  # written beside and moved there: another process may do the same
            with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
                file.write(source)
            Path(file.name).replace(path)
    except OSError:
        return None
    return path


class Generated:
    """A module of generated functions.

    Parameters
    ----------
    lines : list of str
        Its source.
    body : str
        What follows: functions that call them, with numbers of the type ``real``.
    foreign : dict, optional
        Objects that its source calls and that cannot be written as source: compiled anew in every process then.
    single : bool, default=False
        Whether ``real`` is single precision; with foreign objects it is always double.
    """

    def __init__(
        self, lines: list[str], body: str, foreign: dict[str, Any] | None = None, *, single: bool = False
    ) -> None:
        text, single = "\n".join(lines), single and not foreign
        functions, kind = (_SINGLE, "real = float32") if single else (_FUNCTIONS, "real = float64")
        self.source = "\n".join([_HEADER + functions, _OPTIONS + kind, "", in_single(text) if single else text, body])
        path = None if foreign else _stored(self.source)
        self.kept = path is not None
        self.module = types.ModuleType(f"mlcraft_generated_{path.stem}" if path else "mlcraft_generated")
        self.module.__dict__.update(foreign or {})
        if path is not None:
            sys.modules[self.module.__name__] = self.module  # where Numba looks for it when it reads its cache
        exec(compile(self.source, str(path or "<mlcraft.jit>"), "exec"), self.module.__dict__)

    def c_function(self, name: str, signature: Any, about: str) -> Any:
        """Compile one of its functions for C; keep the result alive as long as its address is used."""
        config: Any = numba.config
        if config.DISABLE_JIT:
            raise RuntimeError(f"{about} has to be compiled: unset NUMBA_DISABLE_JIT")
        function = getattr(self.module, name)
        try:
            try:
                return numba.cfunc(signature, cache=self.kept)(function)
            except (RuntimeError, OSError):
                if not self.kept:
                    raise
                return numba.cfunc(signature)(function)
        except errors.NumbaError as error:
            raise not_compiled(about, error) from error


def not_compiled(about: str, error: Exception) -> UserFunctionError:
    """Make the error for what Numba cannot compile, with the line of its message that says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Failed in", "During:", "File ", "- Resolution", "[1]"))]
    return UserFunctionError(
        f"{about} cannot be compiled: {' '.join(told[:3])} Use numbers, math, numpy's functions of numbers and those "
        "of mlcraft.jit."
    )


def compiled_as_is(function: Callable[..., Any]) -> Any:
    """Numba's function for what `_derive` cannot read."""
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"a plain function or lambda is needed, got {function!r}")
    return numba.njit(error_model="numpy")(function)


LOSS_BLOCK = """
@loop
def without_hessian(count, y, weight, eta):
    value = gradient = total = real(0.0)
    for i in range(count):
        w = real(weight[i])
        row = rows(real(y[i]), real(eta[i]))
        slope = w * row[1]
        eta[i] = slope
        value += w * row[0]
        gradient += slope
        total += w
    return value, gradient, total

@loop
def with_hessian(count, y, weight, eta, hess):
    value = gradient = total = real(0.0)
    for i in range(count):
        w = real(weight[i])
        row = rows(real(y[i]), real(eta[i]))
        slope = w * row[1]
        eta[i] = slope
        hess[i] = w * row[2]
        value += w * row[0]
        gradient += slope
        total += w
    return value, gradient, total

def block(count, y, weight, eta, hess, sums):
    total = carray(sums, 3)
    begin = 0
    while begin < count:
        rest = min(CHUNK, count - begin)
        some_y, some_eta = carray(advanced(y, begin), rest), carray(advanced(eta, begin), rest)
        some_weight = carray(weights_at(weight, begin), rest)
        if is_null(hess):
            value, gradient, all_weight = without_hessian(rest, some_y, some_weight, some_eta)
        else:
            some_hess = carray(advanced(hess, begin), rest)
            value, gradient, all_weight = with_hessian(rest, some_y, some_weight, some_eta, some_hess)
        total[0] += value
        total[1] += gradient
        total[2] += all_weight
        begin += CHUNK
"""

#: The weighted sum of a function of two arrays, and the sum of the weights.
SUM_BLOCK = """
@loop
def summed(count, y, prediction, weight):
    value, total = 0.0, 0.0
    for i in range(count):
        w = weight[i]
        value += w * rows(y[i], prediction[i])[0]
        total += w
    return value, total

def block(count, y, prediction, weight, sums):
    total = carray(sums, 2)
    begin = 0
    while begin < count:
        rest = min(CHUNK, count - begin)
        some_y, some_prediction = carray(advanced(y, begin), rest), carray(advanced(prediction, begin), rest)
        value, all_weight = summed(rest, some_y, some_prediction, carray(weights_at(weight, begin), rest))
        total[0] += value
        total[1] += all_weight
        begin += CHUNK
"""
