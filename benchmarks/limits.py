"""The two limits of the machine, measured in the same run as everything else.

Work is either a Gram (multiplications; bound by the matrix-multiply rate) or a pass (reading X once; bound by
memory bandwidth). Whichever takes longer at its limit bounds the case; the fraction reached is that time over the
time measured. A limit is the best ever seen in the run, so it is measured again and again between the cases.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Problem
from benchmarks.timing import PAUSE, seconds_of

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


@dataclass(slots=True)
class Limits:
    """Best rates seen so far: multiplications in flop/s by dtype, reading in bytes/s."""

    quick: bool = False
    matmul: dict[str, float] = field(default_factory=dict)
    bandwidth: float = 0.0
    probe: str = ""
    _probes: dict[str, Sum] = field(default_factory=dict)
    _buffer: Array | None = None

    def measure(self, repeats: int = 3) -> None:
        """Measure both limits and keep the best."""
        size = 1000 if self.quick else 2000
        for dtype in ("float64", "float32"):
            square = np.full((size, size), 0.5, dtype=dtype)
            result = np.empty_like(square)
            for _ in range(repeats):
                time.sleep(PAUSE)
                seconds = seconds_of(lambda a=square, out=result: np.matmul(a, a, out=out))  # type: ignore[misc]
                self.matmul[dtype] = max(self.matmul.get(dtype, 0.0), 2 * size**3 / seconds)
        if self._buffer is None:
            self._buffer = np.ones(2**23 if self.quick else 2**25)  # far larger than a cache
            self._probes = bandwidth_probes()
            for probe in self._probes.values():
                probe(self._buffer)
        for name, probe in self._probes.items():
            for _ in range(2 * repeats):
                time.sleep(PAUSE)
                rate = self._buffer.nbytes / seconds_of(lambda probe=probe: probe(self._buffer))  # type: ignore[misc]
                if rate > self.bandwidth:
                    self.bandwidth, self.probe = rate, name

    def of(self, work: Work) -> tuple[float, str]:
        """Seconds at the limit and which limit it is: ``"Gram"`` or ``"pass"``."""
        multiply = work.flops / self.matmul[work.dtype]
        stream = work.read / self.bandwidth
        return (multiply, "Gram") if multiply >= stream else (stream, "pass")

    def describe(self) -> str:
        rates = ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {dtype}" for dtype, rate in self.matmul.items())
        return (
            f"matrix multiply {rates}; reading memory {self.bandwidth / 1e9:.1f} GB/s (probe: {self.probe})"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "matmul_flops": dict(self.matmul),
            "read_bytes_per_second": self.bandwidth,
            "probe": self.probe,
        }
