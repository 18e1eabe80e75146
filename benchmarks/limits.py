"""The two limits of the machine, measured in the same run as everything else.

Work is either a Gram (multiplications; bound by the matrix-multiply rate) or a pass (reading X once; bound by
memory bandwidth). Whichever takes longer at its limit bounds the case; the fraction reached is that time over
the time measured. The limits of a row are measured in the same rounds as the row, and the fastest sample is
compared with the fastest sample: the rates of a shared machine can change within a minute.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Problem
from benchmarks.timing import Call, Timing

Array = NDArray[Any]
Sum = Callable[[Array], Any]


def _numba_sum() -> Sum | None:
    """Sum of all elements with all of Numba's threads."""
    if importlib.util.find_spec("numba") is None:
        return None
    numba = importlib.import_module("numba")

    @numba.njit(parallel=True, fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
    def total(values: Array) -> float:
        result = 0.0
        for index in numba.prange(values.size):
            result += values[index]
        return result

    return total  # type: ignore[no-any-return, unused-ignore]


def _threaded_numpy_sum() -> Sum:
    """Sum of all elements, one slice for each core (NumPy releases the lock in its loops)."""
    cores = os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    return lambda values: sum(pool.map(np.sum, np.array_split(values, cores)))


def bandwidth_probes() -> dict[str, Sum]:
    """Ways to read memory as fast as possible; the library's own first."""
    probes: dict[str, Sum] = {}
    try:
        own = getattr(importlib.import_module("mlcraft._core"), "read_bandwidth_probe", None)
    except ImportError:
        own = None
    if own is not None:
        probes["mlcraft"] = own
    numba = _numba_sum()
    if numba is not None:
        probes["numba"] = numba
    if not probes:
        probes["numpy"] = _threaded_numpy_sum()
    return probes


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done at least: floating-point operations of one dtype, and bytes read."""

    flops: float
    read: float
    dtype: str

    @classmethod
    def of_problem(cls, problem: Problem) -> Work:
        """One least-squares fit: n p^2 flops for the Gram, 2 n p k for X'y, one read of the data."""
        n, p = problem.X.shape
        targets = 1 if problem.y.ndim == 1 else problem.y.shape[1]
        read = problem.X.nbytes + problem.y.nbytes
        if problem.sample_weight is not None:
            read += problem.sample_weight.nbytes
        return cls(float(n) * p * p + 2.0 * n * p * targets, float(read), problem.X.dtype.name)


@dataclass(frozen=True, slots=True)
class Limit:
    """Rates seen while one row was measured: flop/s of its dtype and bytes/s."""

    multiply: float
    read: float

    def of(self, work: Work) -> tuple[float, str]:
        """Seconds at the limit and which limit it is: ``"Gram"`` or ``"pass"``."""
        multiply, read = work.flops / self.multiply, work.read / self.read
        return (multiply, "Gram") if multiply >= read else (read, "pass")


@dataclass(slots=True)
class Limits:
    """The calls that measure the limits, and the best rates seen in the whole run."""

    quick: bool = False
    best: dict[str, float] = field(default_factory=dict)
    _probes: dict[str, Sum] = field(default_factory=dict)
    _buffer: Array | None = None

    def calls(self, dtype: str) -> dict[str, Call]:
        """What to time beside a row: a large matrix product and the ways to read a large array."""
        if self._buffer is None:
            self._buffer = np.ones(2**25)  # far larger than a cache
            self._probes = bandwidth_probes()
        size = self._size()
        square = np.full((size, size), 0.5, dtype=dtype)
        result = np.empty_like(square)
        calls: dict[str, Call] = {f"limit: multiply {dtype}": lambda: np.matmul(square, square, out=result)}
        for name, probe in self._probes.items():
            calls[f"limit: read ({name})"] = _bound(probe, self._buffer)
        return calls

    def take(self, timings: dict[str, Timing]) -> Limit:
        """The limit that these timings show; their entries are taken out."""
        assert self._buffer is not None
        multiply = read = 0.0
        for name in [name for name in timings if name.startswith("limit: ")]:
            timing = timings.pop(name)
            if not timing.measured:
                continue
            if "multiply" in name:
                rate = multiply = 2 * self._size() ** 3 / timing.minimum
            else:
                rate = self._buffer.nbytes / timing.minimum
                read = max(read, rate)
            self.best[name] = max(self.best.get(name, 0.0), rate)
        return Limit(multiply, read)

    def _size(self) -> int:
        return 1000 if self.quick else 2000

    def describe(self) -> str:
        """The best rates of the run."""
        rates = []
        for name, rate in sorted(self.best.items()):
            unit = "GFLOP/s" if "multiply" in name else "GB/s"
            rates.append(f"{name.removeprefix('limit: ')} {rate / 1e9:.1f} {unit}")
        return ", ".join(rates)


def _bound(probe: Sum, values: Array) -> Call:
    return lambda: probe(values)
