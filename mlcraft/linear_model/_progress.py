"""A progress bar for fits that take a while, drawn by rich where that is installed."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["ProgressBar"]


class ProgressBar:
    """
    A bar that appears when the work takes longer than `after` seconds.

    Parameters
    ----------
    title : str
        What is going on.
    total : int
        Number of steps at most.
    after : float, default=0.5
        Seconds without a bar.

    Raises
    ------
    ImportError
        If rich is missing.
    """

    def __init__(self, title: str, total: int, after: float = 0.5) -> None:
        try:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        except ImportError as error:
            raise ImportError('progress=True needs rich: pip install "mlcraft[cli]"') from error
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} of at most {task.total} epochs"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        self._bar: Any = Progress(*columns, transient=True)
        self._shown = False
        self._title, self._total, self._starts = title, total, time.perf_counter() + after
        self._task: Any = None

    def update(self, done: int, note: str = "") -> None:
        """Show how many steps are done."""
        if not self._shown:
            if time.perf_counter() < self._starts:
                return
            self._shown = True
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, note=note)
        self._bar.update(self._task, completed=done, note=note)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._bar.stop()
            self._shown = False
