"""What stops a run from outside (the caller's callback, the clock, Ctrl-C), and the record of its iterations."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Callback", "Watch"]

Callback = Callable[[int, float, float], Any]
SOON = 2.0  # seconds within which a second Ctrl-C raises, whichever call it meets

_last_stop = -math.inf


class Watch:
    """
    Stands beside a solver; the solver calls it after every iteration.

    The first Ctrl-C asks the solver to end with its best iterate. A second one within two seconds raises
    KeyboardInterrupt, in this call or in the next: a script with many calls can be stopped. Handlers that others have
    installed, and threads other than the main one, are left alone.

    Parameters
    ----------
    callback : callable or None
        The caller's: (iteration, objective, certificate); a true return value ends the run.
    max_time : float
        Seconds.
    keep : bool
        Whether to record every iteration.
    interruptible : bool, default=True
        Whether the solver calls at all.
    """

    def __init__(self, callback: Callback | None, max_time: float, keep: bool, interruptible: bool = True) -> None:
        self.interruptible = interruptible
        self.callback, self.max_time, self.keep = callback, max_time, keep
        self.rows: list[tuple[int, float, float, float]] = []
        self.reason = ""
        self._signalled = False
        self._before: Any = None
        self._begin = 0.0

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        if (
            self.interruptible
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
            and self._begin - _last_stop > SOON
        ):
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._signalled and self.reason != "ctrl_c" and kind is None:
            raise KeyboardInterrupt  # the solver ended before it could be told

    @property
    def is_needed(self) -> bool:
        """Whether the solver has to call at all."""
        return self.keep or self.callback is not None or self._before is not None or self.max_time < math.inf

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self._begin

    def __call__(self, iteration: int, objective: float, certificate: float) -> bool:
        seconds = self.seconds
        if self.keep:
            self.rows.append((iteration, seconds, objective, certificate))
        if self.callback is not None and self.callback(iteration, objective, certificate):
            self.reason = "callback"
        elif self._signalled:
            self.reason = "ctrl_c"
        elif seconds > self.max_time:
            self.reason = "max_time"
        else:
            return False
        return True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        global _last_stop
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled, _last_stop = True, time.perf_counter()
