"""Interleaved timing: every contestant meets the same weather.

One after the other, round after round (A B C A B C ...), with garbage collection off. A machine that slows
down for a second then slows down everybody, not only whoever was running.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Call = Callable[[], Any]

#: Length of one look at whether the process is at rest, and how often it looks before it goes on anyway.
LOOK, LOOKS = 0.005, 60
#: What settling costs on average, for planning only: short calls use no threads that have to fall asleep.
SETTLING, THREADED = 0.1, 1e-3
#: A sample shorter than this repeats the call inside the sample (as ``timeit`` does).
SHORTEST_SAMPLE = 2e-3
FEWEST, MOST = 5, 200
#: Slower calls are measured three times instead of five (once, if that takes the whole budget of the case):
#: their spread is far below the ratios shown.
SLOW = 2.0


@dataclass(slots=True)
class Timing:
    """Seconds per call of one contestant, one entry per sample."""

    calls_per_sample: int = 1
    samples: list[float] = field(default_factory=list)
    error: str = ""
    result: Any = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples) if self.samples else math.nan

    @property
    def minimum(self) -> float:
        return min(self.samples) if self.samples else math.nan

    @property
    def measured(self) -> bool:
        return bool(self.samples)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Collect garbage once, then keep the collector and warnings (of a hundred equal fits) out of the way."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if was_on:
            gc.enable()


def settle() -> None:
    """Wait until no thread of this process works any more.

    Threads of OpenMP and BLAS libraries go on spinning after their work, OpenBLAS for a tenth of a second,
    and would take a core away from whoever comes next. Everybody waits until they are asleep.
    """
    time.sleep(LOOK)
    for _ in range(LOOKS):
        before = time.process_time()
        time.sleep(LOOK)
        if time.process_time() - before < 0.1 * LOOK:
            return


def seconds_of(call: Call, times: int = 1) -> float:
    """Seconds per call, averaged over ``times`` calls in a row."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def _warm_up(call: Call) -> tuple[Any, float]:
    """First call (lazy imports, thread pools, compilers), then an estimate of the seconds a call takes."""
    start = time.perf_counter()
    result = call()
    first = time.perf_counter() - start
    if first > 0.5:
        return result, first
    return result, min(seconds_of(call) for _ in range(2))


def _plan(estimates: Mapping[str, float], budget: float, repeats: int | None) -> dict[str, tuple[int, int]]:
    """Samples and calls per sample of every contestant, sharing the time budget evenly."""
    plan = {}
    for name, seconds in estimates.items():
        calls = max(1, math.ceil(SHORTEST_SAMPLE / max(seconds, 1e-7)))
        cost = seconds * calls + (SETTLING if seconds > THREADED else 2 * LOOK)
        fewest = 1 if seconds > budget else 3 if seconds > SLOW else FEWEST
        samples = repeats or min(MOST, max(fewest, int(budget / len(estimates) / cost)))
        plan[name] = (samples, calls)
    return plan


def time_interleaved(
    calls: Mapping[str, Call], *, budget: float = 15.0, repeats: int | None = None
) -> dict[str, Timing]:
    """Time several calls round robin.

    Parameters
    ----------
    calls
        What to time, by name. The value returned by the warm-up call is kept in ``Timing.result``.
    budget
        Seconds for all of them together; decides how often each is called (5 to 200 times).
    repeats
        Samples of each contestant, instead of the budget.

    Examples
    --------
    >>> timings = time_interleaved({"sum": lambda: sum(range(1000))}, repeats=3)
    >>> len(timings["sum"].samples), timings["sum"].result
    (3, 499500)
    """
    timings: dict[str, Timing] = {}
    estimates: dict[str, float] = {}
    with undisturbed():
        for name, call in calls.items():
            settle()
            timings[name] = Timing()
            try:
                timings[name].result, estimates[name] = _warm_up(call)
            except Exception as error:  # a peer that cannot do a case must not end the run
                timings[name].error = f"{type(error).__name__}: {error}".splitlines()[0]
        plan = _plan(estimates, budget, repeats)
        rounds = max((samples for samples, _ in plan.values()), default=0)
        for turn in range(rounds):
            for name, (samples, times) in plan.items():
                # Whoever has fewer samples than there are rounds gets them spread over all rounds.
                if (turn + 1) * samples // rounds == turn * samples // rounds:
                    continue
                settle()
                if times > 1:
                    calls[name]()  # wakes the caches the pause let go cold; long calls do not notice
                timings[name].calls_per_sample = times
                timings[name].samples.append(seconds_of(calls[name], times))
    return timings
