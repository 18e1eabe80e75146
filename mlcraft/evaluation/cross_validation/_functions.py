"""cross_validate, cross_val_score and cross_val_predict."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn import model_selection as scikit_learn
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable

from mlcraft.evaluation.cross_validation._fold_fits import FoldFits, fold_fits
from mlcraft.evaluation.cross_validation._result import CrossValidation

__all__ = ["cross_val_predict", "cross_val_score", "cross_validate"]

Splits = list[tuple[NDArray[Any], NDArray[Any]]]
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
) -> CrossValidation:
    """
    Score an estimator by cross-validation, as `sklearn.model_selection.cross_validate` does.

    Least squares and ridge regression of this library are fitted to all folds from the moments of the folds, logistic
    regression by a warm start from the fit to all rows; so is the last step of a Pipeline whose earlier steps act row
    by row. The scores are those of refits, to rounding. Everything else is refitted by scikit-learn.

    Parameters
    ----------
    estimator, X, y, groups, scoring, cv, n_jobs, verbose, params, pre_dispatch
        As in scikit-learn. ``verbose`` other than 0 and metadata routing mean refits.
    return_train_score, return_estimator, return_indices, error_score
        As in scikit-learn. Fitted estimators are asked for with all that they know, and take refits.

    Returns
    -------
    CrossValidation
        scikit-learn's dictionary, with `mean(name)` for the mean of a score and its interval. Without refits the times
        of fitting are equal shares of the time that all took.

    Raises
    ------
    ValueError
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.datasets import load_california_housing
    >>> from mlcraft.evaluation import cross_validate
    >>> from mlcraft.linear_model import Ridge
    >>> housing = load_california_housing()
    >>> X = np.column_stack([housing[name] for name in ("median_income", "housing_median_age", "households")])
    >>> found = cross_validate(Ridge(), X, housing["median_house_value"], cv=10)
    >>> print(found.mean())
    score 0.4015 [0.2364, 0.5667]
    """
    if verbose == 0 and not return_estimator and not get_config()["enable_metadata_routing"]:
        found = _without_refits(
            estimator, X, y, groups, scoring, cv, params or {}, return_train_score, return_indices, error_score
        )
        if found is not None:
            return found
    values = scikit_learn.cross_validate(
        estimator,
        X,
        y,
        groups=groups,
        scoring=scoring,
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
        pre_dispatch=pre_dispatch,
        return_train_score=return_train_score,
        return_estimator=return_estimator,
        return_indices=True,
        error_score=error_score,
    )
    indices = values["indices"] if return_indices else values.pop("indices")
    return _result(values, zip(indices["train"], indices["test"], strict=True), "refits")


def cross_val_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    error_score: Any = np.nan,
) -> NDArray[np.float64]:
    """
    Score an estimator by cross-validation, as `sklearn.model_selection.cross_val_score` does.

    Parameters
    ----------
    estimator, X, y, groups, scoring, cv, n_jobs, verbose, params, pre_dispatch, error_score
        As in scikit-learn; see `cross_validate` for when there are no refits.

    Returns
    -------
    ndarray of shape (n_folds,)

    Raises
    ------
    ValueError
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import cross_val_score
    >>> from mlcraft.linear_model import LinearRegression
    >>> X = np.arange(12.0).reshape(12, 1) ** 2
    >>> cross_val_score(LinearRegression(), X, np.arange(12.0), cv=3, scoring="neg_mean_absolute_error").round(2)
    array([-2.2 , -1.4 , -3.77])
    """
    scorer = check_scoring(estimator, scoring=scoring)
    found = cross_validate(
        estimator,
        X,
        y,
        groups=groups,
        scoring={"score": scorer},
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
        pre_dispatch=pre_dispatch,
        error_score=error_score,
    )
    return np.asarray(found["test_score"])


def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    method: str = "predict",
) -> NDArray[Any]:
    """
    Predict each row by the fit that has not seen it, as `sklearn.model_selection.cross_val_predict` does.

    Parameters
    ----------
    estimator, X, y, groups, cv, n_jobs, verbose, params, pre_dispatch, method
        As in scikit-learn; see `cross_validate` for when there are no refits.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import cross_val_predict
    >>> from mlcraft.linear_model import LinearRegression
    >>> X, y = np.arange(6.0).reshape(6, 1), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 9.0])
    >>> cross_val_predict(LinearRegression(), X, y, cv=3).round(2)
    array([-3.2 , -1.  ,  2.71,  4.29,  4.  ,  5.  ])
    """
    if verbose == 0 and method in METHODS and not get_config()["enable_metadata_routing"]:
        splits = _splits(estimator, X, y, groups, cv)
        fits = _fits(estimator, X, y, splits, params or {}) if _each_once(splits, X) else None
        if fits is not None:
            return _predictions(fits, splits, method)
        cv = splits
    return np.asarray(
        scikit_learn.cross_val_predict(
            estimator,
            X,
            y,
            groups=groups,
            cv=cv,
            n_jobs=n_jobs,
            verbose=verbose,
            params=params,
            pre_dispatch=pre_dispatch,
            method=method,
        )
    )


def _splits(estimator: Any, X: Any, y: Any, groups: Any, cv: Any) -> Splits:
    X, y, groups = indexable(X, y, groups)
    return list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y, groups))


def _fits(estimator: Any, X: Any, y: Any, splits: Splits, params: dict[str, Any]) -> FoldFits | None:
    """Fits of all folds, or None: whatever goes wrong is for refits to say, fold by fold."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return fold_fits(estimator, X, y, splits, params)
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError, Warning):
        return None


def _without_refits(
    estimator: Any,
    X: Any,
    y: Any,
    groups: Any,
    scoring: Any,
    cv: Any,
    params: dict[str, Any],
    with_train: bool,
    with_indices: bool,
    error_score: Any,
) -> CrossValidation | None:
    scorer = check_scoring(estimator, scoring=scoring, raise_exc=error_score == "raise")
    start = time.perf_counter()
    splits = _splits(estimator, X, y, groups, cv)
    fits = _fits(estimator, X, y, splits, params)
    if fits is None:
        return None
    fitted = time.perf_counter()
    parts = {"test": 1, "train": 0} if with_train else {"test": 1}
    try:
        scores = {
            part: [
                _scored(scorer, model, fits.X, y, split[which])
                for model, split in zip(fits.models, splits, strict=True)
            ]
            for part, which in parts.items()
        }
    except Exception:  # of a scorer: scikit-learn says of which, and puts error_score in its place
        return None
    values: dict[str, Any] = {
        "fit_time": np.full(len(splits), (fitted - start) / len(splits)),
        "score_time": np.full(len(splits), (time.perf_counter() - fitted) / len(splits)),
    }
    if with_indices:
        values["indices"] = dict(zip(("train", "test"), map(tuple, zip(*splits, strict=True)), strict=True))
    for name in scores["test"][0]:
        for part in parts:
            values[f"{part}_{name}"] = np.array([one[name] for one in scores[part]])
    return _result(values, splits, fits.form)


def _scored(scorer: Callable[..., Any], model: Any, X: Any, y: Any, rows: NDArray[Any]) -> dict[str, float]:
    found = scorer(model, _rows_of(X, rows), _safe_indexing(y, rows))
    if not isinstance(found, dict):
        found = {"score": found}
    for value in found.values():
        if not np.isscalar(value):
            raise TypeError("a score must be a number")
    return found


def _rows_of(X: Any, rows: NDArray[Any]) -> Any:
    """Return some rows of X: a view where they are neighbours."""
    if isinstance(X, np.ndarray) and rows.dtype.kind in "iu" and len(rows):
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == len(rows) and np.array_equal(rows, np.arange(first, last + 1)):
            return X[first : last + 1]
    return _safe_indexing(X, rows)


def _result(values: dict[str, Any], splits: Any, form: str) -> CrossValidation:
    found = CrossValidation(values)
    sizes = np.array([(len(train), len(test)) for train, test in splits], dtype=np.float64)
    found.n_train, found.n_test = (float(size) for size in sizes.mean(axis=0))
    found.form = form
    return found


def _each_once(splits: Sequence[tuple[NDArray[Any], NDArray[Any]]], X: Any) -> bool:
    every = np.concatenate([np.arange(0), *(test for _, test in splits)])
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    return len(every) == n and np.array_equal(np.sort(every), np.arange(n))


def _predictions(fits: FoldFits, splits: Splits, method: str) -> NDArray[Any]:
    found: list[Any] = []
    for model, (_, test) in zip(fits.models, splits, strict=True):
        found.append(getattr(model, method)(_rows_of(fits.X, test)))
    tests = np.concatenate([test for _, test in splits])
    every = np.concatenate(found)
    whole = np.empty_like(every)
    whole[tests] = every
    return whole
