"""Baselines on the same rows: a constant, the best single column, a linear model; with paired differences."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.evaluation.report._metrics import best_known, coded
from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._task import Columns, Task, columns_of

__all__ = ["baselines_section"]

CATEGORIES = 20  # of a column of text, at most, that get a column of their own
MOST_ROWS = 50_000  # that baselines are fitted to


def baselines_section(task: Task) -> Section:
    """
    Compare the model with baselines that anybody would try first.

    They are fitted to the training rows; without these, to other parts of the held-out rows (in five folds), which
    favours the baselines: they then come from the same draw as what they are judged by.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section
    """
    from mlcraft.evaluation import compare

    metric = best_known(task)
    answers, notes = _answers(task, probabilities=metric == "log_loss")
    own: Any = task.probability if metric == "log_loss" else task.prediction
    options: dict[str, Any] = {
        "sample_weight": task.weight,
        "groups": task.groups,
        "level": task.level,
        "random_state": task.seed,
    }
    y = _names(coded(task, task.y)) if task.classifies else task.y
    if metric == "accuracy":
        own = _names(coded(task, own))
        answers = {name: _names(values) for name, values in answers.items()}
    elif metric == "log_loss":
        seen = np.unique(coded(task, task.y))
        own, answers = own[:, seen], {name: values[:, seen] for name, values in answers.items()}
    measure = _poisson() if metric == "poisson_deviance" else metric
    models = {"model": own, **answers}
    rows: list[dict[str, Cell]] = []
    outcomes: dict[str, list[str]] = {}
    for name in answers:
        found = compare({"model": own, name: answers[name]}, None, y, metric=measure, n_resamples=999, **options)
        pair = found.differences[0]
        sign = 1.0 if pair.first == "model" else -1.0
        low, high = sorted((sign * pair.estimate.lower, sign * pair.estimate.upper))
        score = found.scores[name]
        row: dict[str, Cell] = {"baseline": name}
        row |= {"score value": score.value, "score lower": score.lower, "score upper": score.upper}
        row |= {"difference value": sign * pair.estimate.value, "difference lower": low, "difference upper": high}
        rows.append({**row, "p": pair.p_value})
        outcome = "unsure" if pair.p_value >= 1 - task.level else "better" if pair.first == "model" else "worse"
        outcomes.setdefault(outcome, []).append(name)
    sentences = [_verdict(outcomes, metric)]
    table = Table("baselines", f"{metric} of baselines, and that of the model less theirs", tuple(rows))
    names = tuple(str(row["baseline"]) for row in rows)
    values = [tuple(float(row[f"difference {end}"] or 0.0) for row in rows) for end in ("value", "lower", "upper")]
    zero = Series("no difference", "reference", names, (0.0,) * len(names))
    series = (Series("", "points", names, *values), zero)
    figure = Figure("baselines", "The model less baselines", "", f"difference of {metric}", series, horizontal=True)
    notes.append(f"{metric}: {'higher' if metric == 'accuracy' else 'lower'} is better; {len(models) - 1} comparisons.")
    return Section(
        "baselines",
        "Baselines",
        tuple(sentences),
        (table,),
        (figure,),
        tuple(notes),
        "look" if "worse" in outcomes or "constant" in outcomes.get("unsure", ()) else "fine",
    )


def _names(codes: NDArray[Any]) -> NDArray[Any]:
    """Write places of classes as words that sort alike: whatever their number, they are taken for classes."""
    return np.char.zfill(np.asarray(codes).astype(str), 6)


def _poisson() -> Any:
    """Return the Poisson deviance as a mean over rows, which is quicker to resample."""
    from scipy.special import xlogy

    from mlcraft.evaluation.comparison._measure import Measure

    def rows(y: Any, mu: Any) -> NDArray[Any]:
        return np.asarray(2.0 * (xlogy(y, y / mu) - y + mu))

    return Measure(
        "poisson_deviance", "values", False, lambda y, mu, w: float(np.average(rows(y, mu), weights=w)), rows
    )


def _verdict(outcomes: dict[str, list[str]], metric: str) -> str:
    said = {
        "worse": "is worse than {}: a simpler rule does better",
        "unsure": "is not shown to be better than {}",
        "better": "is better than {}",
    }
    parts = [text.format(" and ".join(outcomes[key])) for key, text in said.items() if key in outcomes]
    return f"By {metric.replace('_', ' ')} the model {'; it '.join(parts)}."


def _answers(task: Task, probabilities: bool) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return what baselines predict for the held-out rows, by name."""
    notes = []
    if task.train is not None:
        X, y, weight = task.train
        if task.classifies and not np.isin(y, task.classes).all():
            raise ValueError("y_train holds classes that the model does not know")
        columns = columns_of(X, task.model)
        if len(y) > MOST_ROWS:
            chosen = np.random.default_rng(task.seed).choice(len(y), MOST_ROWS, replace=False)
            columns, y = {name: values[chosen] for name, values in columns.items()}, y[chosen]
            weight = None if weight is None else weight[chosen]
            notes.append(f"Baselines are fitted to {MOST_ROWS:,} of the {len(task.train[1]):,} training rows.")
        return _fitted(task, columns, y, weight, task.columns, probabilities, notes), notes
    notes.append("No training rows were given: baselines are fitted to other fifths of these rows, which favours them.")
    folds = np.random.default_rng(task.seed).permutation(task.n) % 5
    if task.groups is not None:
        codes = np.unique(task.groups, return_inverse=True)[1]
        folds = (np.random.default_rng(task.seed).permutation(codes.max() + 1) % 5)[codes]
    parts: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {}
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        inside = {name: values[kept] for name, values in task.columns.items()}
        outside = {name: values[out] for name, values in task.columns.items()}
        weight = None if task.weight is None else task.weight[kept]
        for name, found in _fitted(task, inside, task.y[kept], weight, outside, probabilities, notes).items():
            key = name.split(":")[0]  # the column may be another in each fold
            parts.setdefault(key, []).append((np.flatnonzero(out), found))
    whole = {}
    for name, found_parts in parts.items():
        if sum(len(rows) for rows, _ in found_parts) == task.n:
            whole[name] = np.concatenate([v for _, v in found_parts])[
                np.argsort(np.concatenate([rows for rows, _ in found_parts]))
            ]
    return whole, list(dict.fromkeys(notes))


def _fitted(
    task: Task, columns: Columns, y: NDArray[Any], weight: Any, asked: Columns, probabilities: bool, notes: list[str]
) -> dict[str, NDArray[Any]]:
    n = len(next(iter(asked.values()))) if asked else task.n
    found = {"constant": _constant(task, y, weight, n, probabilities)}
    if not columns or set(columns) != set(asked):
        notes.append("Columns have no names, or others in training: the only baseline is a constant.")
        return found
    table, other, owner = _encoded(columns, asked)
    if not table.shape[1]:
        return found
    names = list(columns)
    target = coded(task, y).astype(float) if task.classifies else y
    strongest = _strongest(table, owner, target, len(names))
    for name, chosen in ((f"one column: {names[strongest]}", owner == strongest), ("linear", owner >= 0)):
        try:
            found[name] = _linear(task, table[:, chosen], y, weight, other[:, chosen], probabilities)
        except (ValueError, np.linalg.LinAlgError) as error:
            notes.append(f"Baseline {name!r} could not be fitted: {error}")
    return found


def _constant(task: Task, y: NDArray[Any], weight: Any, n: int, probabilities: bool) -> NDArray[Any]:
    if not task.classifies:
        return np.full(n, float(np.average(y, weights=weight)))
    share = np.bincount(coded(task, y), weights=weight, minlength=len(task.classes)) + 1e-9
    return np.tile(share / share.sum(), (n, 1)) if probabilities else np.full(n, int(np.argmax(share)))


def _encoded(columns: Columns, asked: Columns) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
    """Return standardised numbers and indicators of both tables, and which column each comes from."""
    inside: list[NDArray[Any]] = []
    outside: list[NDArray[Any]] = []
    owner: list[int] = []
    for j, (name, values) in enumerate(columns.items()):
        other = asked[name]
        if values.dtype.kind == "f" and other.dtype.kind == "f":
            finite = np.isfinite(values)
            middle = float(np.median(values[finite])) if finite.any() else 0.0
            spread = float(np.std(values[finite])) if finite.any() else 0.0
            if spread > 0:
                inside.append((np.where(finite, values, middle) - middle) / spread)
                outside.append((np.where(np.isfinite(other), other, middle) - middle) / spread)
                owner.append(j)
            continue
        text, other_text = values.astype(str), other.astype(str)
        levels, counts = np.unique(text, return_counts=True)
        for level in levels[np.argsort(-counts, kind="stable")][:CATEGORIES][: max(0, len(levels) - 1)]:
            inside.append((text == level).astype(float))
            outside.append((other_text == level).astype(float))
            owner.append(j)
    if not inside:
        return np.empty((0, 0)), np.empty((0, 0)), np.empty(0, dtype=np.intp)
    return np.column_stack(inside), np.column_stack(outside), np.array(owner)


def _strongest(table: NDArray[Any], owner: NDArray[Any], target: NDArray[Any], count: int) -> int:
    """Return the column that alone explains most of the target, by correlation (summed over indicators)."""
    centred = table - table.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0) * ((target - target.mean()) ** 2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.nan_to_num((centred.T @ (target - target.mean()) / scale) ** 2)
    return int(np.argmax(np.bincount(owner, weights=squares, minlength=count)))


def _linear(
    task: Task, table: NDArray[Any], y: NDArray[Any], weight: Any, asked: NDArray[Any], probabilities: bool
) -> NDArray[Any]:
    from mlcraft.linear_model import LogisticRegression, Ridge

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a baseline, taken as it comes out
        if not task.classifies:
            fitted = Ridge(alpha=1.0).fit(table, y, sample_weight=weight).predict(asked)
            low = float(y.min()) if task.kind != "count" else float(np.average(y, weights=weight)) / 100
            return np.asarray(np.clip(fitted, low, None) if task.kind == "count" else fitted)
        model = LogisticRegression(C=1.0).fit(table, coded(task, y), sample_weight=weight)
        if not probabilities:
            return np.asarray(model.predict(asked))
        found = np.full((len(asked), len(task.classes)), 1e-12)
        found[:, model.classes_] = model.predict_proba(asked)
        return np.asarray(found / found.sum(axis=1, keepdims=True))
