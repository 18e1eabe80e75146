"""How long predictions take."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from mlcraft.evaluation.report._section import Cell, Section, Table
from mlcraft.evaluation.report._task import Task, rows_of

__all__ = ["latency_section"]

BUDGET = 0.5  # seconds for each number of rows
REPEATS = 30


def latency_section(task: Task) -> Section:
    """
    Time predictions of one row and of a thousand, on this machine.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section
    """
    method = "predict_proba" if task.probability is not None else "predict"
    rows: list[dict[str, Cell]] = []
    for count in (1, 1000):
        some = rows_of(task.X, np.arange(count) % task.n)
        times: list[float] = []
        while len(times) < 3 or (len(times) < REPEATS and sum(times) < BUDGET):
            start = perf_counter()
            getattr(task.model, method)(some)
            times.append(perf_counter() - start)
        middle = float(np.median(times))
        row: dict[str, Cell] = {"rows at once": count, "median ms": 1e3 * middle, "slowest ms": 1e3 * max(times)}
        rows.append({**row, "rows a second": count / middle, "repeats": len(times)})
    sentence = (
        f"One row takes {rows[0]['median ms']:.3g} ms, and a thousand at once {rows[1]['median ms']:.3g} ms: "
        f"{rows[1]['rows a second']:,.0f} rows a second."
    )
    table = Table("latency", f"Time of {method}", tuple(rows))
    return Section(
        "latency", "Latency", (sentence,), (table,), notes=("As measured here, while this report was made.",)
    )
