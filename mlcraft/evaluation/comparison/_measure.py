"""Measures that models are compared by: what they take, which way is better, and their rows where they are means."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

__all__ = ["MEASURES", "Measure", "measure_of", "responses"]

Doubles = NDArray[np.float64]
SMALLEST = float(np.finfo(np.float64).eps)  # probability that a logarithm is taken of


@dataclass(frozen=True)
class Measure:
    """
    A number that says how good predictions are.

    Attributes
    ----------
    name : str
    response : {"labels", "score", "probability", "values"}
        What it takes: predicted classes, a score of the second class, probabilities of all classes, numbers.
    greater_is_better : bool
    function : callable
        Of (y, prediction, sample_weight).
    by_row : callable or None
        Of (y, prediction): the numbers that the measure is the weighted mean of.
    root : bool
        Whether it is the root of that mean.
    """

    name: str
    response: str
    greater_is_better: bool
    function: Callable[[Any, Any, Any], float]
    by_row: Callable[[Any, Any], Doubles] | None = None
    root: bool = False

    def __call__(self, y: Any, prediction: Any, sample_weight: Any = None) -> float:
        """Measure predictions."""
        if self.by_row is not None:
            return float(self.of_mean(np.average(self.by_row(y, prediction), weights=sample_weight)))
        return float(self.function(y, prediction, sample_weight))

    def of_mean(self, mean: Any) -> Any:
        """Return the measure, from the mean of its rows."""
        return np.sqrt(mean) if self.root else mean


def _metric(name: str) -> Callable[[Any, Any, Any], float]:
    def function(y: Any, prediction: Any, sample_weight: Any) -> float:
        module = importlib.import_module("mlcraft.evaluation")
        return float(getattr(module, name)(y, prediction, sample_weight=sample_weight))

    return function


def _right(y: Any, prediction: Any) -> Doubles:
    return np.asarray(y == prediction, dtype=np.float64)


def _surprise(y: Any, prediction: Any) -> Doubles:
    p = np.asarray(prediction, dtype=np.float64)
    if p.ndim == 1:
        p = np.column_stack([1 - p, p])
    codes = np.unique(y, return_inverse=True)[1]
    p = p / p.sum(axis=1, keepdims=True)
    return np.asarray(-np.log(np.clip(p[np.arange(len(codes)), codes], SMALLEST, 1.0)))


def _brier(y: Any, prediction: Any) -> Doubles:
    p = np.asarray(prediction, dtype=np.float64)
    codes = np.unique(y, return_inverse=True)[1]
    if p.ndim == 1:
        return np.asarray((p - codes) ** 2)
    off = ((p - np.eye(p.shape[1])[codes]) ** 2).sum(axis=1)
    return np.asarray(off / 2 if p.shape[1] == 2 else off)


def _square(y: Any, prediction: Any) -> Doubles:
    return np.asarray((np.asarray(y, dtype=np.float64) - prediction) ** 2)


def _absolute(y: Any, prediction: Any) -> Doubles:
    return np.asarray(np.abs(np.asarray(y, dtype=np.float64) - prediction))


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("accuracy", "labels", True, _metric("accuracy_score"), _right),
        Measure("balanced_accuracy", "labels", True, _metric("balanced_accuracy_score")),
        Measure("f1", "labels", True, _metric("f1_score")),
        Measure("matthews_corrcoef", "labels", True, _metric("matthews_corrcoef")),
        Measure("roc_auc", "score", True, _metric("roc_auc_score")),
        Measure("average_precision", "score", True, _metric("average_precision_score")),
        Measure("log_loss", "probability", False, _metric("log_loss"), _surprise),
        Measure("brier", "probability", False, _metric("brier_score_loss"), _brier),
        Measure("r2", "values", True, _metric("r2_score")),
        Measure("rmse", "values", False, _metric("root_mean_squared_error"), _square, root=True),
        Measure("mse", "values", False, _metric("mean_squared_error"), _square),
        Measure("mae", "values", False, _metric("mean_absolute_error"), _absolute),
        Measure("poisson_deviance", "values", False, _metric("mean_poisson_deviance")),
        Measure("gamma_deviance", "values", False, _metric("mean_gamma_deviance")),
    )
}


def measure_of(metric: Any, y: NDArray[Any], classifies: bool) -> Measure:
    """
    Return the measure meant.

    Parameters
    ----------
    metric : str, Measure, callable or None
        A name; a function of (y, prediction, sample_weight=) where higher is better, which takes predicted classes or
        numbers; None for log loss of classifiers and the root of the mean squared error of regressions.
    y : ndarray of shape (n_samples,)
        Targets.
    classifies : bool
        Whether the models are classifiers.

    Returns
    -------
    Measure

    Raises
    ------
    ValueError
        If the name is unknown, or the measure does not fit the targets.
    """
    if isinstance(metric, Measure):
        return metric
    if callable(metric):
        return Measure(
            getattr(metric, "__name__", "score"),
            "labels" if classifies else "values",
            True,
            lambda y, prediction, weight: metric(y, prediction, sample_weight=weight),
        )
    name = ("log_loss" if classifies else "rmse") if metric is None else metric
    if name not in MEASURES:
        raise ValueError(f"metric must be one of {', '.join(MEASURES)}, or a function; got {metric!r}")
    measure = MEASURES[name]
    if (measure.response == "values") == classifies:
        kind = "classifiers" if classifies else "regressions"
        fitting = [m.name for m in MEASURES.values() if (m.response == "values") != classifies]
        raise ValueError(f"{name} does not measure {kind}; these do: {', '.join(fitting)}")
    count = len(np.unique(y)) if classifies else 0
    if measure.response == "score" and count != 2:
        raise ValueError(f"{name} compares models of two classes; y holds {count}. log_loss takes any number")
    return measure


def responses(model: Any, X: Any, y: NDArray[Any], measure: Measure) -> NDArray[Any]:
    """
    Return what a model says of the rows, as the measure takes it.

    Parameters
    ----------
    model : object
        A fitted model, or what it predicts: an array with a row for each row of X.
    X : array-like of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    measure : Measure

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the classes of y first, in their order, then of others that the model knows.

    Raises
    ------
    ValueError
        If a prediction is NaN, has not a row for each of y, or is of other classes.
    """
    if not hasattr(model, "predict"):
        found = np.asarray(model)
        count = len(np.unique(y)) if measure.response in ("probability", "score") and found.ndim == 2 else 0
        if count and found.shape[1] != count:
            raise ValueError(f"y holds {count} classes and the predictions {found.shape[1]} columns")
    elif measure.response in ("labels", "values"):
        found = np.asarray(model.predict(X))
    elif measure.response == "probability":
        found = _in_order(np.asarray(model.predict_proba(X)), np.asarray(model.classes_), y)
    else:
        seen, names = np.asarray(model.classes_), np.unique(y)
        if not np.array_equal(seen, names):
            raise ValueError(
                f"{measure.name} ranks two classes: the model was fitted to {seen.tolist()} and y holds "
                f"{names.tolist()}. log_loss takes more classes than y holds"
            )
        found = np.asarray(
            model.decision_function(X) if hasattr(model, "decision_function") else model.predict_proba(X)
        )
    if measure.response == "score" and found.ndim == 2:
        found = found[:, 1]
    if len(found) != len(y):
        raise ValueError(f"there are {len(found)} predictions and {len(y)} rows")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise ValueError(f"{int(np.isnan(found).sum())} predictions are NaN")
    return found


def _in_order(p: Doubles, seen: NDArray[Any], y: NDArray[Any]) -> Doubles:
    """Return columns of probabilities with the classes of y first, in their order."""
    names = np.unique(y)
    unknown = np.setdiff1d(names, seen)
    if len(unknown):
        raise ValueError(f"y holds classes that the model was not fitted to: {unknown.tolist()}")
    if len(names) < 2:
        raise ValueError(f"y holds the class {names[0]!r} alone: probabilities cannot be judged by it")
    place = np.searchsorted(seen, names)
    return np.column_stack([p[:, place], np.delete(p, place, axis=1)])


def classifies(models: dict[str, Any], y: NDArray[Any]) -> bool:
    """
    Tell whether models are classifiers; what is predicted already goes by the kind of y.

    Parameters
    ----------
    models : dict of str to object
    y : ndarray of shape (n_samples,)

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If some are and some are not.
    """
    kinds = {is_classifier(model) for model in models.values() if hasattr(model, "predict")}
    if len(kinds) == 2:
        raise ValueError("models must be classifiers all or regressions all")
    if kinds:
        return bool(kinds.pop())
    return y.dtype.kind in "OUSb" or (y.dtype.kind in "iu" and len(np.unique(y)) <= 20)
