"""Fitted estimators of all folds without refits, where the estimator knows them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import _num_samples, validate_data

__all__ = ["FORMS", "FoldFits", "fold_fits"]

Rows = NDArray[Any]
FORMS = {"linear": "moments", "logistic": "warm starts"}


class FoldFits:
    """
    The last step of an estimator, fitted without each fold, and the rows as that step takes them.

    Attributes
    ----------
    models : list of object
        One for each fold; what they need to predict is there, what follows from a fit (standard errors, ...) is not.
    X : array-like of shape (n_samples, n_features)
        Rows after the earlier steps.
    form : str
        How the fits were made.
    """

    def __init__(self, models: list[Any], X: Any, form: str) -> None:
        self.models, self.X, self.form = models, X, form


def fold_fits(
    estimator: Any, X: Any, y: Any, splits: Sequence[tuple[Rows, Rows]], params: dict[str, Any]
) -> FoldFits | None:
    """
    Fit an estimator without each fold by what it knows of itself.

    Parameters
    ----------
    estimator : object
        As the user gave it: not fitted, nor changed.
    X, y : array-like
        All rows.
    splits : sequence of (train, test)
        Positions of rows.
    params : dict
        Passed to `fit`; only ``sample_weight`` is understood.

    Returns
    -------
    FoldFits or None
        None where this takes refits: another estimator, a step that learns from the rows, folds whose rows are not
        all the others, other parameters, too few rows, a fit that does not converge.
    """
    n = _num_samples(X)
    steps, last = _steps(estimator)
    form = type(last).__dict__.get("_left_out_form")  # a subclass may fit otherwise
    if form not in FORMS or set(params) - {"sample_weight"} or (params and steps):
        return None
    if not all(_acts_by_row(step) for step in steps) or y is None or not _parts_of_all(splits, n):
        return None
    if getattr(last, "warm_start", False):
        return None
    rows = X
    for step in steps:
        rows = clone(step).fit_transform(rows)
    if steps and not _same_by_row(steps, X, rows, splits[0][1]):
        return None
    model = clone(last)
    if form == "logistic":
        model.fit(rows, y, **params)
    else:
        validate_data(model, rows, skip_check_array=True, reset=True)
    found = model._fits_without(rows, y, params.get("sample_weight"), [test for _, test in splits])
    if found is None:
        return None
    return FoldFits(_models(model, rows, y, found), rows, FORMS[form])


def _models(model: Any, X: Any, y: Any, found: tuple[NDArray[Any], NDArray[Any]]) -> list[Any]:
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    models = []
    for coef, intercept in zip(*found, strict=True):
        fitted = copy.copy(model)
        fitted.__dict__.pop("_kept", None)  # the factor of another fit
        if not hasattr(model, "classes_") and np.ndim(y) == 1:
            coef, intercept = coef[0], intercept[0]
        fitted.coef_ = np.asarray(coef, dtype=dtype)
        fitted.intercept_ = np.asarray(intercept, dtype=dtype)[()] if model.fit_intercept else _no_intercept(model)
        models.append(fitted)
    return models


def _no_intercept(model: Any) -> Any:
    return np.zeros(len(model.intercept_)) if hasattr(model, "classes_") else 0.0


def _steps(estimator: Any) -> tuple[list[Any], Any]:
    steps: list[Any] = []
    while type(estimator) is Pipeline:
        if estimator.memory is not None:
            return [], None
        steps += [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
        estimator = estimator.steps[-1][1]
    return steps, estimator


def _acts_by_row(step: Any) -> bool:
    """Whether transforming a row needs that row alone, whatever the step was fitted on."""
    if isinstance(step, FunctionTransformer | PolynomialFeatures):
        return True
    known = type(step).__module__.partition(".")[0] == "sklearn"
    return known and hasattr(step, "transform") and not get_tags(step).requires_fit


def _same_by_row(steps: Sequence[Any], X: Any, rows: Any, some: Rows) -> bool:
    """Whether some rows alone are transformed to what they are among all: a function may look at whole columns."""
    if not any(isinstance(step, FunctionTransformer) for step in steps):
        return True
    alone = _safe_indexing(X, some)
    for step in steps:
        alone = clone(step).fit_transform(alone)
    difference = alone != _safe_indexing(rows, some)
    return not (difference.nnz if hasattr(difference, "nnz") else np.any(np.asarray(difference)))


def _parts_of_all(splits: Sequence[tuple[Rows, Rows]], n: int) -> bool:
    """Whether every fold trains on all rows that it does not test on, each once."""
    for train, test in splits:
        if len(train) + len(test) != n or not len(train) or not len(test):
            return False
        counted = np.zeros(n, dtype=np.int8)
        counted[train] += 1
        counted[test] += 1
        if not np.all(counted == 1):
            return False
    return True
