"""What is to be fitted without some of its rows, checked, and how one such fit is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_consistent_length, column_or_1d, get_tags
from sklearn.utils.validation import _check_method_params, has_fit_parameter

__all__ = ["Problem", "last_step", "respond", "unsupervised_steps"]

KNOWN = ("sklearn", "mlcraft")  # libraries whose steps say whether they look at y


@dataclass
class Problem:
    """
    An estimator and its rows.

    Attributes
    ----------
    estimator : object
        Not fitted; never fitted itself, only its clones.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    sample_weight : ndarray of shape (n_samples,) or None
    method : str
        "predict", "predict_proba", "decision_function", or any that returns numbers for each row.
    fit_params : dict
        Passed to every fit; what has an element for each row is cut to its rows.
    n_jobs : int or None
        Of refits.
    """

    estimator: Any
    X: Any
    y: NDArray[Any]
    sample_weight: NDArray[Any] | None
    method: str
    fit_params: dict[str, Any] = field(default_factory=dict)
    n_jobs: int | None = None

    @classmethod
    def checked(
        cls, estimator: Any, X: Any, y: Any, sample_weight: Any, method: str, fit_params: Any, n_jobs: int | None
    ) -> Problem:
        """
        Check what every fit needs; the estimators check X themselves.

        Raises
        ------
        ValueError
            If lengths differ, y has several columns, the estimator has no such method, or takes no weights.
        """
        if not hasattr(estimator, "fit"):
            raise TypeError(f"estimator must have a fit method, got {estimator!r}")
        if not hasattr(estimator, method):
            raise ValueError(f"{type(estimator).__name__} has no method {method!r}")
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(f"y must have one column, got {y.shape[1]}; treat each target on its own")
        y = column_or_1d(y)
        check_consistent_length(X, y)
        if len(y) < 2:
            raise ValueError(f"leaving out rows needs at least two of them, got {len(y)}")
        weight = None
        if sample_weight is not None:
            weight = np.asarray(sample_weight, dtype=np.float64)
            if weight.ndim == 0:
                weight = np.full(len(y), float(weight))
            if weight.shape != y.shape:
                raise ValueError(f"sample_weight must have shape {y.shape}, one weight a row; got {weight.shape}")
            if not has_fit_parameter(last_step(estimator), "sample_weight"):
                raise ValueError(f"{type(last_step(estimator)).__name__} does not take sample_weight; pass None")
        return cls(estimator, X, y, weight, method, dict(fit_params or {}), n_jobs)

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return len(self.y)

    def classes_of(self, full: Any) -> NDArray[Any] | None:
        """Return the classes that the columns of predictions stand for; None where they stand for none."""
        by_class = self.method in ("predict_proba", "predict_log_proba", "decision_function")
        return getattr(full, "classes_", None) if by_class else None

    @property
    def labels(self) -> bool:
        """Whether what is predicted are labels, which are no numbers."""
        return self.method == "predict" and is_classifier(self.estimator)

    def fit(self, rows: NDArray[np.intp] | None = None) -> Any:
        """
        Fit a clone.

        Parameters
        ----------
        rows : ndarray of int, optional
            To which rows, repeated where an index is; all if None.

        Returns
        -------
        object
            The fitted clone.
        """
        params = dict(self.fit_params)
        if self.sample_weight is not None:
            params[_weight_name(self.estimator)] = self.sample_weight
        X, y = self.X, self.y
        if rows is not None:
            params = _check_method_params(X, params, indices=rows)
            X, y = _safe_indexing(X, rows), y[rows]
        return clone(self.estimator).fit(X, y, **params)


def last_step(estimator: Any) -> Any:
    """Return the estimator that predicts: of a Pipeline its last step."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def _weight_name(estimator: Any) -> str:
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return f"{prefix}sample_weight"


def unsupervised_steps(estimator: Any) -> bool:
    """
    Tell whether no step of a Pipeline before its last learns from y.

    Steps of other libraries than scikit-learn may, for all one knows.

    Parameters
    ----------
    estimator : object
        What is not a Pipeline has no such steps.

    Returns
    -------
    bool
    """
    if not isinstance(estimator, Pipeline):
        return True
    return not any(_sees_targets(step) for _, step in estimator.steps[:-1]) and unsupervised_steps(
        estimator.steps[-1][1]
    )


def _sees_targets(step: Any) -> bool:
    if step is None or isinstance(step, str):
        return False
    parts = getattr(step, "steps", None) or getattr(step, "transformer_list", None) or getattr(step, "transformers", [])
    if any(_sees_targets(part[1]) for part in parts):
        return True
    if (
        type(step).__module__.partition(".")[0] not in KNOWN
        or hasattr(step, "estimator")
        or hasattr(step, "score_func")
    ):
        return True
    tags = get_tags(step)
    return bool(tags.target_tags.required) or tags.estimator_type is not None


def respond(model: Any, method: str, X: Any, classes: NDArray[Any] | None) -> NDArray[Any]:
    """
    Predict by one model, in the columns of all classes.

    Parameters
    ----------
    model : object
        Fitted.
    method : str
    X : array-like of shape (n_rows, n_features)
    classes : ndarray of shape (n_classes,) or None
        Those of the full model; probabilities of classes that this model has not met are zero.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes)

    Raises
    ------
    ValueError
        If the model has not met all classes, and `method` has no number for that.
    """
    call: Callable[[Any], Any] = getattr(model, method)
    found = np.asarray(call(X))
    if found.ndim == 2 and found.shape[1] == 1 and method == "predict":
        found = found[:, 0]
    if classes is None or len(model.classes_) == len(classes):
        return found
    if method == "decision_function":
        raise ValueError(
            f"without some of the rows only {len(model.classes_)} of {len(classes)} classes are left, and {method} "
            "has no value for the others; use method='predict_proba', or fewer folds that keep every class"
        )
    whole = np.full((len(found), len(classes)), 0.0 if method == "predict_proba" else -np.inf)
    whole[:, np.searchsorted(classes, model.classes_)] = found
    return whole
