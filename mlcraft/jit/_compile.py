"""The only place where Numba is configured: how kernels are compiled and how their lanes are launched.

A kernel comes as two functions: ``_one_lane(lane, ...)`` does the work of one block of rows and writes to its
own slot, ``_every_lane(lanes, ...)`` is a parallel loop over the first. The caller then adds the slots in
order. Neither the lanes nor that order depend on the number of threads, so the result has the same bits for
any number of them.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Fused multiply-add, and sums reordered into vector registers: enough for full speed, and, unlike full "fast
# math", NaN and infinity keep their meaning. The order is fixed when the kernel is compiled, hence the same
# on every thread.
FAST_MATH = {"contract", "reassoc"}


def compiled(kernel: Kernel) -> Kernel:
    """Compile a kernel on its first call; it releases the interpreter lock while it runs."""
    return _compile(kernel, parallel=False)


def compiled_parallel(kernel: Kernel) -> Kernel:
    """Like `compiled`, with ``prange`` loops spread over the threads of Numba."""
    return _compile(kernel, parallel=True)


def _compile(kernel: Kernel, *, parallel: bool) -> Kernel:
    options: dict[str, Any] = {
        "nogil": True,
        "fastmath": FAST_MATH,
        "parallel": parallel,
        "error_model": "numpy",
    }
    try:
        return cast(Kernel, numba.njit(cache=True, **options)(kernel))
    except RuntimeError:
        # Numba falls back to a cache folder of the user by itself. Where not even that can be written (a
        # container with a read-only root), compiling anew in every process is slow but right.
        return cast(Kernel, numba.njit(**options)(kernel))


class _Launcher:
    """Who may start a parallel loop: one Python thread at a time, and nobody in a forked process.

    Numba's "workqueue" threads abort when two Python threads launch at once, and its OpenMP threads end a
    process that was forked after they were started. A forked process therefore runs the lanes one after the
    other.
    """

    def __init__(self) -> None:
        self.reset(forked=False)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def reset(self, *, forked: bool) -> None:
        self.lock = threading.Lock()
        self.forked = forked

    def _after_fork(self) -> None:
        self.reset(forked=True)


_launcher = _Launcher()


def launch(every_lane: Callable[..., None], one_lane: Callable[..., None], lanes: int, *arguments: object) -> None:
    """Run a kernel over all lanes: in parallel when that is worth it and safe, else one after the other."""
    if lanes == 1 or _launcher.forked:
        for lane in range(lanes):
            one_lane(lane, lanes, *arguments)
    else:
        with _launcher.lock:
            every_lane(lanes, *arguments)


def add_in_order(slots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the first axis, from the first lane to the last."""
    total: NDArray[np.float64] = slots[0].copy()
    for slot in slots[1:]:
        total += slot
    return total


def lane_count(n_rows: int, slot_size: int) -> int:
    """Choose the number of lanes: by the shape alone, never by the number of threads.

    At least 1024 rows each (a smaller problem is not worth a parallel launch), at most 64, and fewer when the
    slots (``slot_size`` doubles per lane) together would take more than 8 MiB; but four even then.
    """
    by_rows = -(-n_rows // 1024)
    by_memory = max(4, 2**20 // max(1, slot_size))
    return max(1, min(64, by_rows, by_memory))
