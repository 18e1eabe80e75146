"""The worst errors: which rows, and what is unusual about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.report._section import Cell, Section, Table
from mlcraft.evaluation.report._task import Task

__all__ = ["errors_section"]

SHOWN = 10
FAR = 4.0  # robust standard deviations from the median that are called unusual
RARE = 0.01  # share of rows below which a category is


def errors_section(task: Task) -> Section:
    """
    List the rows of largest loss, with what sets them apart.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section
    """
    name, loss = task.losses()
    total = task.weights * loss
    order = np.argsort(-np.where(task.weights > 0, loss, -np.inf), kind="stable")[:SHOWN]
    top = max(1, task.n // 100)
    share = float(np.sort(total)[::-1][:top].sum() / total.sum()) if total.sum() > 0 else 0.0
    rows: list[dict[str, Cell]] = []
    for i in order:
        row: dict[str, Cell] = {"row": int(i), "observed": _cell(task.y[i]), "predicted": _cell(task.prediction[i])}
        if task.probability is not None:
            place = int(np.searchsorted(task.classes, task.y[i]))
            row["probability of the truth"] = float(task.probability[i, place])
        rows.append(
            {**row, name: float(loss[i]), "why": "; ".join(_why(task, int(i))) or "nothing unusual in its columns"}
        )
    sentences = [f"The worst {top:,} rows (1 %) make {100 * share:.3g} % of the {name}."]
    if task.classifies and task.probability is not None:
        wrong = (task.prediction != task.y) & (task.probability.max(axis=1) > 0.9)
        sentences.append(f"{np.count_nonzero(wrong):,} rows are wrong with a probability above 0.9.")
    return Section(
        "errors",
        "Worst errors",
        tuple(sentences),
        (Table("errors", f"Rows of the largest {name}", tuple(rows)),),
        notes=("Rows count from 0. Unusual: a number far from the median of these rows, a rare or a missing value.",),
    )


def _cell(value: object) -> Cell:
    return float(value) if isinstance(value, float | np.floating) else str(value)


def _why(task: Task, i: int) -> list[str]:
    """Return what is unusual about a row: its target, then its columns, the most unusual first."""
    found: list[tuple[float, str]] = []
    if not task.classifies:
        off = _distance(np.asarray(task.y, dtype=float), i)
        if off > FAR:
            found.append((np.inf, f"its target is {off:.1f} deviations from the median"))
    for name, values in task.columns.items():
        if values.dtype.kind == "f":
            if np.isnan(values[i]):
                share = float(np.isnan(values).mean())
                if share < 0.5:
                    found.append((1 / share, f"{name} is missing"))
                continue
            off = _distance(values, i)
            if off > FAR:
                found.append((off, f"{name} = {values[i]:.4g}, {off:.1f} deviations from the median"))
            continue
        share = float(np.mean(values.astype(str) == str(values[i])))
        if share < RARE:
            found.append((1 / share, f"{name} = {values[i]}, {round(share * task.n)} rows"))
    return [text for _, text in sorted(found, reverse=True)[:3]]


def _distance(values: NDArray[np.float64], i: int) -> float:
    """Return how many robust standard deviations a value is from the median; 0 where most are the same."""
    middle = float(np.nanmedian(values))
    spread = 1.4826 * float(np.nanmedian(np.abs(values - middle)))
    return abs(float(values[i]) - middle) / spread if spread > 0 else 0.0
