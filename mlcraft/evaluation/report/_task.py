"""What is evaluated: a model, rows it has not seen, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight

__all__ = ["Columns", "Task", "columns_of", "rows_of", "task_of"]

Doubles = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
COUNTS_TO = 50  # largest target that is taken for a count where no target is zero


@dataclass(frozen=True)
class Task:
    """
    A model, held-out rows and its predictions.

    Attributes
    ----------
    model : object
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
        As given.
    y : ndarray of shape (n_samples,)
    kind : {"binary", "multiclass", "regression", "count"}
        A count is a regression whose targets are whole numbers (times their weights) and whose predictions are
        positive: it is judged by the Poisson deviance.
    prediction : ndarray of shape (n_samples,)
        Classes or numbers.
    probability : ndarray of shape (n_samples, n_classes) or None
        Of the classes, if the model has them.
    score : ndarray of shape (n_samples,) or None
        What rows of two classes are ranked by: the probability of the second, or the decision function.
    classes : ndarray of shape (n_classes,)
        In the order of the columns of `probability`; empty for regressions.
    weight, groups : ndarray of shape (n_samples,) or None
    level : float
    seed : int
    columns : dict of str to ndarray
        Columns of X by name; empty for sparse matrices.
    train : tuple of (X, y, weights or None), or None
    costs : dict of str to float or None
        Of false positives ("fp"), false negatives ("fn"), true positives ("tp") and true negatives ("tn").
    slices : object
        As given to `evaluate`.
    """

    model: Any
    X: Any
    y: NDArray[Any]
    kind: str
    prediction: NDArray[Any]
    probability: Doubles | None = None
    score: Doubles | None = None
    classes: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    weight: Doubles | None = None
    groups: NDArray[Any] | None = None
    level: float = 0.95
    seed: int = 0
    columns: Columns = field(default_factory=dict)
    train: tuple[Any, NDArray[Any], Doubles | None] | None = None
    costs: dict[str, float] | None = None
    slices: Any = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def classifies(self) -> bool:
        """Whether targets are classes."""
        return self.kind in ("binary", "multiclass")

    @property
    def grouped(self) -> bool:
        """Whether rows go together in groups."""
        return self.groups is not None

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Rows of the second of two classes."""
        assert self.classes is not None
        return np.asarray(self.y == self.classes[1])

    @property
    def weights(self) -> Doubles:
        """Weights of the rows; ones if there are none."""
        return np.ones(self.n) if self.weight is None else self.weight

    def losses(self) -> tuple[str, Doubles]:
        """Return the loss of each row and its name: log loss, error, squared error or Poisson deviance."""
        if self.probability is not None:
            place = np.searchsorted(self.classes, self.y)
            p = self.probability[np.arange(self.n), place] / self.probability.sum(axis=1)
            return "log loss", np.asarray(-np.log(np.clip(p, np.finfo(float).eps, 1.0)))
        if self.classifies:
            return "error", np.asarray(self.y != self.prediction, dtype=np.float64)
        off = self.y - self.prediction
        if self.kind == "count":
            from scipy.special import xlogy

            return "Poisson deviance", np.asarray(2.0 * (xlogy(self.y, self.y / self.prediction) - off))
        return "squared error", np.asarray(off**2)


def task_of(
    model: Any, X: Any, y: Any, *, sample_weight: Any, groups: Any, level: float, seed: int, train: Any, **rest: Any
) -> Task:
    """
    Return the task, after looking at what was given.

    Parameters
    ----------
    model : object
        Fitted; with `predict`.
    X, y, sample_weight, groups, level, train
        As `evaluate` takes them.
    seed : int
    **rest
        Further fields of the task.

    Returns
    -------
    Task

    Raises
    ------
    TypeError
        If the model cannot predict.
    ValueError
        If lengths differ, a target or a prediction is missing, or y holds a class that the model does not know.
    """
    if not hasattr(model, "predict"):
        raise TypeError(f"model must be fitted and have predict; got {type(model).__name__}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; got {level!r}")
    check_consistent_length(X, y, sample_weight, groups)
    y = _targets(y, "y")
    weight = None if sample_weight is None else _check_sample_weight(sample_weight, y, ensure_non_negative=True)
    if weight is not None and not weight.any():
        raise ValueError("sample_weight is zero for every row: at least one must count")
    given: dict[str, Any] = {
        "weight": weight,
        "groups": None if groups is None else column_or_1d(groups),
        "level": level,
        "seed": seed,
    }
    if train is not None:
        if not isinstance(train, tuple | list) or len(train) not in (2, 3):
            raise ValueError("train must be (X_train, y_train) or (X_train, y_train, weights)")
        check_consistent_length(*train)
        fitted = train[2] if len(train) == 3 else None
        fitted = None if fitted is None else np.asarray(column_or_1d(fitted), dtype=np.float64)
        given["train"] = (train[0], _targets(train[1], "y_train"), fitted)
    given |= {"columns": columns_of(X, model), **rest}
    prediction = _complete(column_or_1d(model.predict(X)), len(y), "predict")
    if is_classifier(model):
        return _of_classes(model, X, y, prediction, given)
    y = _numbers(y)
    prediction = np.asarray(prediction, dtype=np.float64)
    return Task(model, X, y, "count" if _counts(y, prediction, weight) else "regression", prediction, **given)


def _of_classes(model: Any, X: Any, y: NDArray[Any], prediction: NDArray[Any], given: dict[str, Any]) -> Task:
    classes = np.asarray(getattr(model, "classes_", np.unique(np.concatenate([y, prediction]))))
    unknown = ~np.isin(y, classes)
    if unknown.any():
        raise ValueError(
            f"y holds classes that the model was not fitted to, in {np.count_nonzero(unknown)} of {len(y)} rows: "
            f"{np.unique(y[unknown]).tolist()[:5]}; leave these rows out, or fit the model to rows of them. It knows "
            f"{classes.tolist()[:5]}"
        )
    probability = score = None
    if hasattr(model, "predict_proba"):
        probability = _complete(np.asarray(model.predict_proba(X), dtype=np.float64), len(y), "predict_proba")
    kind = "binary" if len(classes) == 2 else "multiclass"
    if kind == "binary":
        if probability is not None:
            score = probability[:, 1]
        elif hasattr(model, "decision_function"):
            found = np.asarray(model.decision_function(X), dtype=np.float64)
            score = _complete(found, len(y), "decision_function")
    return Task(model, X, y, kind, prediction, probability, score, classes, **given)


def _targets(given: Any, name: str) -> NDArray[Any]:
    y: NDArray[Any] = np.asarray(given)
    if y.ndim == 2 and y.shape[1] > 1:
        raise ValueError(f"{name} has {y.shape[1]} columns; a report is of one target: pass its column")
    y = np.asarray(column_or_1d(y))
    if len(y) < 2:
        raise ValueError(f"{name} has {len(y)} rows; a report needs two or more")
    missing = y != y
    if np.any(missing):
        raise ValueError(f"{name} misses {np.count_nonzero(missing)} of {len(y)} values; leave these rows out")
    return y


def _numbers(given: NDArray[Any]) -> Doubles:
    try:
        y: Doubles = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            "y holds labels, and the model is not a classifier: it must be one to be judged by them"
        ) from None
    if not np.isfinite(y).all():
        raise ValueError(f"y holds {np.count_nonzero(~np.isfinite(y))} infinite values; leave these rows out")
    return y


def _complete(found: NDArray[Any], n: int, method: str) -> NDArray[Any]:
    if len(found) != n:
        raise ValueError(f"{method} returned {len(found)} rows for {n}")
    if found.dtype.kind == "f":
        wrong = ~np.isfinite(found.reshape(n, -1)).all(axis=1)
        if wrong.any():
            where = np.flatnonzero(wrong)
            raise ValueError(
                f"{method} returned NaN or infinite values for {len(where)} of {n} rows, the first is row {where[0]}: "
                "the model cannot be judged on them; leave them out or mend the model"
            )
    return found


def _counts(y: Doubles, prediction: Doubles, weight: Doubles | None) -> bool:
    """Tell whether targets are counts, or counts per exposure that the weights are."""
    whole = y if weight is None else y * weight
    if y.min() < 0 or prediction.min() <= 0 or (y.min() > 0 and y.max() > COUNTS_TO):
        return False
    is_whole = np.abs(y - np.round(y)).max() < 1e-9 or np.abs(whole - np.round(whole)).max() < 1e-6
    return bool(is_whole and y.max() > 0)


def columns_of(X: Any, model: Any = None) -> Columns:
    """
    Return the columns of a table by name.

    Parameters
    ----------
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
    model : object, optional
        Its `feature_names_in_` name the columns of an array.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        Numbers as float64 (truth values too), all else as objects; empty for sparse matrices.
    """
    if hasattr(X, "tocsr"):
        return {}
    if hasattr(X, "columns"):
        return {str(name): _column(X[name]) for name in X.columns}
    table = np.asarray(X)
    if table.ndim != 2:
        return {}
    names = getattr(model, "feature_names_in_", None)
    if names is None or len(names) != table.shape[1]:
        names = [f"column {j}" for j in range(table.shape[1])]
    return {str(name): _column(table[:, j]) for j, name in enumerate(names)}


def _column(values: Any) -> NDArray[Any]:
    found = np.asarray(values)
    if found.dtype.kind in "biuf":
        return np.asarray(found, dtype=np.float64)
    if found.dtype.kind in "mM":
        return np.asarray(found.astype("datetime64[s]").astype(np.int64), dtype=np.float64)
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return np.asarray(found, dtype=object)


def rows_of(X: Any, rows: NDArray[Any]) -> Any:
    """
    Return some rows of an array, a sparse matrix or a dataframe.

    Parameters
    ----------
    X : array-like, sparse matrix or dataframe of shape (n_samples, n_features)
    rows : ndarray of int or bool

    Returns
    -------
    object
        Of the same kind.
    """
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)
