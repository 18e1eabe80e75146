"""Where to draw the line between two classes, and what each line costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._task import Task
from mlcraft.uncertainty import binomial_estimate, mean_estimate

__all__ = ["thresholds_section"]

Doubles = NDArray[np.float64]
RESAMPLES = 200
SHOWN = 60  # places of the curve


def thresholds_section(task: Task) -> Section | None:
    """
    Find the threshold of lowest cost with its interval, and measure decisions at several thresholds.

    The interval is that of the thresholds chosen on bootstrap samples (of groups, where given). A threshold chosen on
    the rows it is judged by looks too good; by how much, the same resamples tell (Efron 1983).

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section or None
        None where there are not two classes or nothing to rank rows by.
    """
    if task.score is None:
        return None
    positive = task.positive
    if positive.all() or not positive.any():
        raise ValueError(f"all rows are of class {task.y[0]!s}, so that no threshold can be judged")
    costs = task.costs or {"fp": 1.0, "fn": 1.0, "tp": 0.0, "tn": 0.0}
    curve = CostCurve(task.score, positive, task.weights, costs)
    best, cost = curve.best(task.weights)
    drawn, optimism = _resampled(task, curve)
    low, high = np.quantile(drawn, [(1 - task.level) / 2, (1 + task.level) / 2])
    usual = 0.5 if task.probability is not None else 0.0
    theory = (costs["fp"] - costs["tn"]) / (costs["fp"] - costs["tn"] + costs["fn"] - costs["tp"])
    steps = np.quantile(task.score, np.linspace(0.02, 0.98, 9)) if task.probability is None else np.arange(0.1, 1, 0.1)
    places = sorted(
        {*np.round(steps, 4).tolist(), usual, *([round(theory, 4)] if task.probability is not None else [])}
    )
    rows = tuple(_at(task, curve, place, "") for place in places)
    rows = (_at(task, curve, best, "lowest cost here"), *rows)
    now = _at(task, curve, usual, "")["cost value"]
    sentences = [
        (
            f"Costs are lowest at a threshold of {best:.4g} ({low:.4g} to {high:.4g}): {cost:.4g} a row, about "
            f"{cost + optimism:.4g} on new rows; at {usual:g} they are {now:.4g}."
        )
    ]
    if task.probability is not None:
        sentences.append(f"If the probabilities are calibrated, the best threshold is {theory:.4g}.")
    asked = ", ".join(f"{name} {value:g}" for name, value in costs.items() if value)
    notes = [f"Costs: {asked}.{'' if task.costs else ' None were given: errors of both kinds cost the same.'}"]
    return Section(
        "thresholds",
        "Thresholds",
        tuple(sentences),
        (Table("thresholds", "Decisions by threshold", rows),),
        (_figure(task, curve, best),),
        tuple(notes),
        "look" if not low <= usual <= high else "fine",
    )


class CostCurve:
    """Costs of all thresholds: rows are called positive from the threshold on."""

    def __init__(self, score: Doubles, positive: NDArray[np.bool_], weight: Doubles, costs: dict[str, float]) -> None:
        self.order = np.argsort(-score, kind="stable")
        ranked = score[self.order]
        self.score, self.weight = score, weight
        self.last = np.flatnonzero(np.diff(ranked, append=-np.inf))  # last row of each run of equal scores
        # from calling nobody positive on: halfway to the next score, so that rounding decides nothing
        values = ranked[self.last]
        self.thresholds = np.append(np.nextafter(values[0], np.inf), (values + np.append(values[1:], values[-1])) / 2)
        self.called = np.where(positive, costs["tp"], costs["fp"])
        self.passed = np.where(positive, costs["fn"], costs["tn"])

    def all(self, weight: Doubles) -> Doubles:
        """Return the mean cost at each of `thresholds`."""
        extra = np.cumsum((weight * (self.called - self.passed))[self.order])[self.last]
        return np.asarray((weight @ self.passed + np.append(0.0, extra)) / weight.sum())

    def best(self, weight: Doubles) -> tuple[float, float]:
        """Return the threshold of lowest cost, and that cost."""
        costs = self.all(weight)
        place = int(np.argmin(costs))
        return float(self.thresholds[place]), float(costs[place])

    def of_rows(self, threshold: float) -> Doubles:
        """Return the cost of each row at a threshold."""
        return np.where(self.score >= threshold, self.called, self.passed)


def _resampled(task: Task, curve: CostCurve) -> tuple[Doubles, float]:
    """Return thresholds chosen on resamples, and by how much a chosen one looks too good."""
    random = np.random.default_rng(task.seed)
    codes = np.arange(task.n) if task.groups is None else np.unique(task.groups, return_inverse=True)[1]
    units = int(codes.max()) + 1
    chosen, optimism = np.empty(RESAMPLES), np.empty(RESAMPLES)
    whole = curve.all(task.weights)
    for b in range(RESAMPLES):
        weight = task.weights * np.bincount(random.integers(units, size=units), minlength=units)[codes]
        if not weight.any():
            weight = task.weights
        costs = curve.all(weight)
        place = int(np.argmin(costs))
        chosen[b], optimism[b] = curve.thresholds[place], whole[place] - costs[place]
    return chosen, max(0.0, float(optimism.mean()))


def _at(task: Task, curve: CostCurve, threshold: float, remark: str) -> dict[str, Cell]:
    assert task.score is not None
    said, positive = task.score >= threshold, task.positive
    row: dict[str, Cell] = {
        "threshold": float(threshold),
        "called positive": float(np.average(said, weights=task.weights)),
    }
    cost = mean_estimate(curve.of_rows(threshold), sample_weight=task.weight, clusters=task.groups, level=task.level)
    row |= {"cost value": cost.value, "cost lower": cost.lower, "cost upper": cost.upper}
    for name, among, hit in (("precision", said, positive), ("recall", positive, said)):
        chosen = among & (task.weights > 0)
        if not chosen.any():
            row |= {f"{name} value": None, f"{name} lower": None, f"{name} upper": None}
            continue
        clusters = None if task.groups is None else task.groups[chosen]
        found = binomial_estimate(
            hit[chosen],
            sample_weight=None if task.weight is None else task.weight[chosen],
            clusters=clusters,
            level=task.level,
        )
        row |= {f"{name} value": found.value, f"{name} lower": found.lower, f"{name} upper": found.upper}
    return {**row, "remark": remark}


def _figure(task: Task, curve: CostCurve, best: float) -> Figure:
    inside = curve.thresholds[1:]
    places = np.linspace(float(inside.min()), float(inside.max()), SHOWN)
    found = [
        mean_estimate(curve.of_rows(place), sample_weight=task.weight, clusters=task.groups, level=task.level)
        for place in places
    ]
    ends = [tuple(getattr(one, key) for one in found) for key in ("value", "lower", "upper")]
    middle = (min(ends[1]), max(ends[2]))
    series = (
        Series("cost", "line", tuple(places.tolist()), *ends),
        Series("lowest", "reference", (best, best), middle),
    )
    return Figure("costs", "Cost by threshold", "threshold", "cost a row", series)
