"""Whether probabilities, or predicted means, are what comes to be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.report._metrics import coded
from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._task import Task
from mlcraft.uncertainty.scores import Estimate, mean_estimate

__all__ = ["calibration_section"]

TITLE = "Calibration"
BINS = 10


def calibration_section(task: Task) -> Section | None:
    """
    Compare forecasts with what happened: probabilities with frequencies, predictions with means.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section or None
        None for classifiers without probabilities.
    """
    if not task.classifies:
        return _of_means(task)
    return None if task.probability is None else _of_probabilities(task, task.probability)


def _of_probabilities(task: Task, p: NDArray[Any]) -> Section:
    from mlcraft.uncertainty import calibration_curve, calibration_error, spiegelhalter_test

    binary = task.kind == "binary"
    y = coded(task, task.y) if binary else (task.prediction == task.y).astype(int)
    forecast = p[:, 1] if binary else p.max(axis=1) / p.sum(axis=1)
    event = str(task.classes[1]) if binary else "the predicted class being right"
    given: dict[str, Any] = {"pos_label": 1, "sample_weight": task.weight}
    curve = calibration_curve(y, forecast, bins=BINS, strategy="quantile", level=task.level, **given)
    error = calibration_error(y, forecast, "ece", level=task.level, random_state=task.seed, **given)
    weight = task.weights / task.weights.sum()
    off = mean_estimate(forecast - y, sample_weight=task.weight, clusters=task.groups, level=task.level)
    rows: list[dict[str, Cell]] = [
        _measured("expected calibration error", error),
        _measured("mean forecast less frequency", off),
    ]
    test = spiegelhalter_test(y, forecast, **given)
    wrong = int(np.count_nonzero(~curve.consistent))
    bad = test.p_value < 1 - task.level or 0.0 not in off
    sentences = [
        (
            f"Forecasts of {event} average {weight @ forecast:.4g}, and it happened in {weight @ y:.4g} of the rows; "
            f"{wrong} of {len(curve.count)} bins lie outside what calibrated forecasts allow."
        ),
        (
            f"Spiegelhalter's test {'finds' if test.p_value < 1 - task.level else 'does not find'} that they are off "
            f"(p = {test.p_value:.2g})."
        ),
    ]
    notes = ["The test and the bins take rows for independent; groups are not looked at."] if task.grouped else []
    return Section(
        "calibration",
        TITLE,
        tuple(sentences),
        (Table("errors", "Calibration errors", tuple(rows)), _bins(curve)),
        (_reliability(curve),),
        tuple(notes),
        "look" if bad else "fine",
    )


def _measured(name: str, found: Estimate) -> dict[str, Cell]:
    return {"measure": name, "value": found.value, "lower": found.lower, "upper": found.upper}


def _bins(curve: Any) -> Table:
    rows: tuple[dict[str, Cell], ...] = tuple(
        {
            "rows": int(curve.count[k]),
            "forecast": float(curve.predicted[k]),
            "observed value": float(curve.observed[k]),
            "observed lower": float(curve.lower[k]),
            "observed upper": float(curve.upper[k]),
            "agrees": bool(curve.consistent[k]),
        }
        for k in range(len(curve.count))
    )
    return Table("bins", "Bins of equally many rows", rows)


def _reliability(curve: Any) -> Figure:
    numbers = [tuple(getattr(curve, key).tolist()) for key in ("predicted", "observed", "lower", "upper")]
    series = (Series("model", "points", *numbers), Series("calibrated", "reference", (0.0, 1.0), (0.0, 1.0)))
    return Figure("calibration", "Reliability", "forecast", "observed frequency", series)


def _of_means(task: Task) -> Section:
    prediction, y = task.prediction, task.y
    edges = np.unique(np.quantile(prediction, np.linspace(0, 1, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, prediction, side="right")
    rows: list[dict[str, Cell]] = []
    off = 0
    for k in np.unique(place):
        chosen = (place == k) & (task.weights > 0)
        if not chosen.any():
            continue
        found = _mean(task, y - prediction, chosen)
        said = float(np.average(prediction[chosen], weights=task.weights[chosen]))
        rows.append(
            {
                "rows": int(chosen.sum()),
                "prediction": said,
                "observed value": said + found.value,
                "observed lower": said + found.lower,
                "observed upper": said + found.upper,
                "agrees": 0.0 in found,
            }
        )
        off += 0.0 not in found
    overall = _mean(task, y - prediction, task.weights > 0)
    sign = "more" if overall.value > 0 else "less"
    sentences = [
        (
            f"Over all rows {abs(overall.value):.4g} {sign} was observed than predicted "
            f"({overall.lower:.4g} to {overall.upper:.4g}, observed less predicted); {off} of {len(rows)} tenths of "
            "the rows, by prediction, are off beyond their interval."
        )
    ]
    ends = (rows[0]["prediction"], rows[-1]["prediction"])
    line = tuple(float(end or 0.0) for end in ends)
    numbers = [
        tuple(float(row[key] or 0.0) for row in rows)
        for key in ("prediction", "observed value", "observed lower", "observed upper")
    ]
    series = (Series("model", "points", *numbers), Series("calibrated", "reference", line, line))
    figure = Figure("calibration", "Observed by predicted", "mean prediction", "mean observed", series)
    state = "look" if 0.0 not in overall or off > max(1, len(rows) // 4) else "fine"
    return Section("calibration", TITLE, tuple(sentences), (_tenths(rows),), (figure,), (), state)


def _tenths(rows: list[dict[str, Cell]]) -> Table:
    return Table("bins", "Tenths of the rows by prediction", tuple(rows))


def _mean(task: Task, values: NDArray[Any], chosen: NDArray[np.bool_]) -> Estimate:
    clusters = None if task.groups is None else task.groups[chosen]
    return mean_estimate(values[chosen], sample_weight=task.weights[chosen], clusters=clusters, level=task.level)
