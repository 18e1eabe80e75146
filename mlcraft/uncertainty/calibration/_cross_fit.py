"""Outputs of a classifier for rows that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, has_fit_parameter

from mlcraft._engine.status import warn_caller
from mlcraft.exceptions import ExchangeabilityWarning
from mlcraft.uncertainty.calibration._outputs import Outputs, outputs_of
from mlcraft.uncertainty.conformal._checks import row_hashes
from mlcraft.uncertainty.left_out import left_out

__all__ = ["HeldOut", "Task", "cross_fitted", "from_the_fit", "joined", "warn_about_order", "weight_name"]

REPEATED = 0.01  # share of rows with twins that is worth a word
Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Task:
    """
    What is to be fitted, and what is asked of it.

    Attributes
    ----------
    estimator : object
        To be cloned.
    X, y : array-like
    weight : ndarray of shape (n_samples,) or None
    classes : ndarray of shape (n_classes,)
    prefer_probability : bool
        See `outputs_of`.
    fit_params : dict
        For the estimator's fit; those with an item for each row are cut like the rows.
    """

    estimator: Any
    X: Any
    y: NDArray[Any]
    weight: Doubles | None
    classes: NDArray[Any]
    prefer_probability: bool
    fit_params: dict[str, Any]

    def fitted(self, rows: Rows | None = None) -> Any:
        """Return a clone fitted to some rows, or to all."""
        params = _check_method_params(self.X, self.fit_params, indices=rows)
        name = None if self.weight is None else weight_name(self.estimator)
        if name is not None and self.weight is not None:
            params[name] = self.weight if rows is None else self.weight[rows]
        X, y = (self.X, self.y) if rows is None else (_safe_indexing(self.X, rows), self.y[rows])
        return clone(self.estimator).fit(X, y, **params)


@dataclass(frozen=True)
class HeldOut:
    """
    A fit to some rows, and its outputs for others.

    Attributes
    ----------
    estimator : object
    rows : ndarray of shape (n_held_out,)
        Which rows were held out.
    outputs : Outputs
    """

    estimator: Any
    rows: Rows
    outputs: Outputs


def weight_name(estimator: Any) -> str | None:
    """Return how `fit` calls the weights of the rows, None if it takes none."""
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if isinstance(estimator, Pipeline) and has_fit_parameter(estimator.steps[-1][1], "sample_weight"):
        return f"{estimator.steps[-1][0]}__sample_weight"
    return None


def cross_fitted(task: Task, splits: list[tuple[Rows, Rows]], n_jobs: int | None) -> list[HeldOut]:
    """
    Fit to each training part, and ask for the outputs of the rows held out.

    Parameters
    ----------
    task : Task
    splits : list of (training rows, held-out rows)
    n_jobs : int or None
        Processes of joblib.

    Returns
    -------
    list of HeldOut
    """
    if task.weight is not None and weight_name(task.estimator) is None:
        warn_caller(
            f"{type(task.estimator).__name__}.fit takes no sample_weight: the weights count for the calibration only.",
            UserWarning,
        )
    for number, (train, _) in enumerate(splits):
        present = np.unique(task.y[train])
        if len(present) < 2:
            raise ValueError(
                f"the training rows of fold {number} are all of class {present.tolist()[0]!r}; choose folds with rows "
                "of two classes or more, such as those of StratifiedKFold"
            )
    found: list[HeldOut] = Parallel(n_jobs=n_jobs)(delayed(_one)(task, train, test) for train, test in splits)
    return found


def _one(task: Task, train: Rows, test: Rows) -> HeldOut:
    estimator = task.fitted(train)
    X = _safe_indexing(task.X, test)
    outputs = outputs_of(estimator, X, task.classes, prefer_probability=task.prefer_probability)
    return HeldOut(estimator, test, outputs)


def warn_about_order(task: Task, splits: list[tuple[Rows, Rows]]) -> None:
    """
    Warn where held-out rows look as if they could not stand for new ones: in order of time, or copies across folds.

    Parameters
    ----------
    task : Task
    splits : list of (training rows, held-out rows)
    """
    index: Any = getattr(task.X, "index", None)
    if str(getattr(index, "dtype", "")).startswith(("datetime64", "period")) and index.is_monotonic_increasing:
        warn_caller(
            f"The rows are in the order of time (index from {index[0]} to {index[-1]}), and folds are as if they could "
            "have come in another: where the process changes, probabilities of new rows hold less well. Hold out later "
            "rows, cv=TimeSeriesSplit(5).",
            ExchangeabilityWarning,
        )
    hashes = row_hashes(task.X, task.y)
    if hashes is None:
        return
    fold = np.zeros(len(task.y), dtype=np.intp)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
    order = np.lexsort((fold, hashes))
    same, other = np.diff(hashes[order]) == 0, np.diff(fold[order]) != 0
    twins = int(np.count_nonzero(same & other))
    if twins > max(1, REPEATED * len(hashes)):
        warn_caller(
            f"At least {twins} of {len(hashes)} rows have a twin, equal in X and y, in another fold: the classifier "
            "has seen them when they are held out. If the twins are copies, keep one of each, or keep them together "
            "with groups= and a splitter for groups; if new rows repeat old ones as often, all is well.",
            ExchangeabilityWarning,
        )


def from_the_fit(task: Task, splits: list[tuple[Rows, Rows]] | None, n_jobs: int | None) -> HeldOut | None:
    """
    Fit to all rows, and let the fits without each fold follow from that where the estimator can.

    Parameters
    ----------
    task : Task
    splits : list of (training rows, held-out rows), or None
        None leaves out each row alone, whatever the estimator.
    n_jobs : int or None
        Processes of joblib, where fits are repeated all the same.

    Returns
    -------
    HeldOut or None
        The fit to all rows, and held-out outputs for each; None where nothing would be gained.
    """
    last = task.estimator.steps[-1][1] if isinstance(task.estimator, Pipeline) else task.estimator
    if splits is not None:
        rows = np.sort(np.concatenate([test for _, test in splits]))
        once = len(rows) == len(task.y) and bool((rows == np.arange(len(rows))).all())
        if not once or task.fit_params or getattr(type(last), "_left_out_form", None) is None:
            return None
    probable = hasattr(task.estimator, "predict_proba")
    scores = len(task.classes) == 2 and not task.prefer_probability and hasattr(task.estimator, "decision_function")
    method = "predict_proba" if probable and not scores else "decision_function"
    weight = task.weight if weight_name(task.estimator) is not None else None
    cv: Any = "loo" if splits is None else splits
    params = task.fit_params or None
    left = left_out(
        task.estimator, task.X, task.y, sample_weight=weight, method=method, cv=cv, n_jobs=n_jobs, fit_params=params
    )
    values = np.asarray(left.held_out, dtype=np.float64).reshape(len(task.y), -1)
    return HeldOut(left.full, np.arange(len(task.y)), Outputs(values, method == "predict_proba"))


def joined(parts: list[HeldOut], weight: Doubles) -> tuple[Rows, Outputs, Doubles]:
    """
    Put the held-out rows of all folds together.

    Parameters
    ----------
    parts : list of HeldOut
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    rows : ndarray of shape (n_held_out,)
        Sorted.
    outputs : Outputs
    weight : ndarray of shape (n_held_out,)
        A row held out several times shares its weight among them.
    """
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    values = np.concatenate([part.outputs.values for part in parts])[order]
    rows = rows[order]
    times = np.bincount(rows, minlength=len(weight))
    return rows, Outputs(values, parts[0].outputs.is_probability), weight[rows] / times[rows]
