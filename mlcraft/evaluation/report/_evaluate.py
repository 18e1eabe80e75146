"""`evaluate`: a report of a model on rows it has not seen."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from mlcraft.evaluation.report._limits import limits_section
from mlcraft.evaluation.report._report import Report
from mlcraft.evaluation.report._section import Cell, Section
from mlcraft.evaluation.report._task import Task, task_of

__all__ = ["evaluate"]

# Sections in the order of reading: their names, headings and whether they fit a task.
SECTIONS: tuple[tuple[str, str], ...] = (
    ("metrics", "Metrics"),
    ("baselines", "Baselines"),
    ("calibration", "Calibration"),
    ("thresholds", "Thresholds"),
    ("slices", "Slices and weak segments"),
    ("errors", "Worst errors"),
    ("residuals", "Residuals"),
    ("learning_curve", "Learning curve"),
    ("leakage", "Leakage and drift"),
    ("latency", "Latency"),
)


def evaluate(
    model: Any,
    X: Any,
    y: Any,
    *,
    slices: Any = None,
    baselines: bool = True,
    costs: dict[str, float] | None = None,
    level: float = 0.95,
    sample_weight: Any = None,
    groups: Any = None,
    train: Any = None,
    random_state: Any = None,
) -> Report:
    """
    Report how good a model is on rows it has not seen, how sure that is, and what cannot be concluded.

    Parameters
    ----------
    model : object
        Fitted; any that has scikit-learn's methods (a pipeline, say). Classifiers are judged by their probabilities if
        they have any. Regressions of whole numbers that are never negative, whose predictions are positive, are taken
        for models of counts.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Held-out rows, as the model takes them.
    y : array-like of shape (n_samples,)
        Targets.
    slices : list of str, dict of str to array-like, or None, default=None
        Parts of the rows to look at one by one: names of columns of X, or labels (or numbers, cut at their quartiles)
        by name. Weak parts are searched for in any case.
    baselines : bool, default=True
        Whether to compare with a constant, the best single column and a linear model.
    costs : dict of str to float, default=None
        What a decision costs, for two classes: "fp", "fn" and perhaps "tp", "tn" (0). Default: errors cost 1.
    level : float, default=0.95
        Confidence level of all intervals, each on its own unless a section says otherwise.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.
    groups : array-like of shape (n_samples,), default=None
        Labels of rows that go together (a patient, a day): only groups are independent then.
    train : tuple of (X_train, y_train) or (X_train, y_train, weights), default=None
        What the model was fitted to; for baselines, the learning curve and for what the two have in common.
    random_state : int, RandomState instance or None, default=None
        For resamples and halves. None: the same every time (0).

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If the model cannot predict.
    ValueError
        If lengths differ, targets or predictions are missing, y holds a class that the model does not know, or an
        argument does not fit. A section that cannot be made says so instead.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import evaluate
    >>> from mlcraft.linear_model import LinearRegression
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((400, 3))
    >>> y = X @ [1.0, 2.0, 0.0] + random.standard_normal(400)
    >>> model = LinearRegression().fit(X[:200], y[:200])
    >>> report = evaluate(model, X[200:], y[200:], train=(X[:200], y[:200]))
    >>> report["baselines"].sentences[0]
    'By rmse the model is not shown to be better than linear; it is better than constant and one column: column 1.'
    """
    seed = 0 if random_state is None else int(check_random_state(random_state).randint(2**31 - 1))
    task = task_of(
        model,
        X,
        y,
        sample_weight=sample_weight,
        groups=groups,
        level=level,
        seed=seed,
        train=train,
        costs=_checked_costs(costs),
        slices=slices,
    )
    left_out = () if baselines else ("baselines",)
    made = [_made(name, title, task) for name, title in SECTIONS if name not in left_out]
    sections = tuple(section for section in made if section is not None)
    title = f"{_named(model).split(' + ')[-1]} on held-out rows"
    return Report(title, _facts(task), (*sections, limits_section(task, sections)))


def _made(name: str, title: str, task: Task) -> Section | None:
    """Return a section; one that says why, if the data do not allow it; None where it does not apply."""
    module = importlib.import_module(f"mlcraft.evaluation.report._{name}")
    try:
        section: Section | None = getattr(module, f"{name}_section")(task)
    except (ValueError, np.linalg.LinAlgError) as error:
        return Section(name, title, (f"This could not be done: {error}",), state="skipped")
    return section


def _facts(task: Task) -> dict[str, Cell]:
    facts: dict[str, Cell] = {"model": _named(task.model), "kind": task.kind, "rows": task.n}
    if task.columns:
        facts["columns"] = len(task.columns)
    if task.classifies:
        facts["classes"] = len(task.classes)
    if task.groups is not None:
        facts["groups"] = len(np.unique(task.groups))
    if task.weight is not None:
        facts["sum of weights"] = float(task.weight.sum())
    if task.train is not None:
        facts["training rows"] = len(task.train[1])
    return {**facts, "level": task.level}


def _named(model: Any) -> str:
    steps = getattr(model, "steps", None)
    return " + ".join(type(step).__name__ for _, step in steps) if steps else type(model).__name__


def _checked_costs(costs: Any) -> dict[str, float] | None:
    if costs is None:
        return None
    unknown = set(costs) - {"fp", "fn", "tp", "tn"}
    if unknown or not {"fp", "fn"} <= set(costs):
        raise ValueError(f"costs must hold 'fp' and 'fn', and may hold 'tp' and 'tn'; got {sorted(costs)}")
    found = {name: float(costs.get(name, 0.0)) for name in ("fp", "fn", "tp", "tn")}
    if not all(np.isfinite(list(found.values()))) or found["fp"] <= found["tn"] or found["fn"] <= found["tp"]:
        raise ValueError(f"a wrong decision must cost more than the right one for the same row; got {dict(costs)}")
    return found
