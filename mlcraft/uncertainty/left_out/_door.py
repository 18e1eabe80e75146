"""The way in: which rows are left out of which fit, and whether the fits follow from the one to all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.pipeline import Pipeline

from mlcraft._engine.resampling import seed_of
from mlcraft.uncertainty.left_out._bootstrap import FittedModels, LinearModels, Resampled, resampling_plan
from mlcraft.uncertainty.left_out._folds import LinearFolds
from mlcraft.uncertainty.left_out._linear import LinearLeaveOneOut, has_linear_form
from mlcraft.uncertainty.left_out._logistic import LogisticLeaveOneOut
from mlcraft.uncertainty.left_out._problem import Problem, last_step, unsupervised_steps
from mlcraft.uncertainty.left_out._protocol import LeftOut
from mlcraft.uncertainty.left_out._refits import Refits

__all__ = ["left_out"]

Rows = NDArray[np.intp]
KEPT_STEPS = (
    "the steps before the last were fitted once, to all rows; none of them looks at y (closed_form=False repeats them "
    "for every model)"
)
METHODS = {"linear": ("predict",), "logistic": ("predict_proba", "decision_function")}


def left_out(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    method: str = "predict",
    cv: Any = "loo",
    groups: Any = None,
    n_resamples: int = 30,
    aggregate: str = "mean",
    random_state: Any = None,
    n_jobs: int | None = None,
    closed_form: str | bool = "auto",
    fit_params: dict[str, Any] | None = None,
) -> LeftOut:
    """
    Fit an estimator without each row, or without each of some folds, and predict by all of these fits.

    Least squares, ridge and logistic regression of this library, also as the last step of a Pipeline, are not refitted:
    leave-one-out follows from the factor of the fit to all rows (exactly for least squares and ridge, by one step of
    Newton's method for logistic regression, or more where a leverage is large), folds from the moments of the others or
    by warm starts, resamples (least squares and ridge) from weighted moments. All else is cloned and fitted.

    Parameters
    ----------
    estimator : object
        With `fit` and `method`; a clone of it is fitted.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Rows to learn from.
    y : array-like of shape (n_samples,)
        Targets or labels.
    sample_weight : float or array-like of shape (n_samples,), default=None
        Weights of the rows in every fit.
    method : str, default="predict"
        How the fits predict: "predict", "predict_proba", "decision_function", or another that returns a number, or
        several, for each row. Probabilities of classes that a fit has not met are zero.
    cv : "loo", "bootstrap", int or splitter, default="loo"
        Which rows are left out: each alone; those that are not in a resample, with the fits that have not met a row
        predicting it together (Kim, Xu and Barber 2020); folds. A number means folds of adjacent rows, shuffled if
        `random_state` is given, stratified for classifiers, of whole groups if there are `groups`.
    groups : array-like of shape (n_samples,), default=None
        Groups of rows, for splitters and resamples.
    n_resamples : int, default=30
        With "bootstrap".
    aggregate : {"mean", "median"}, default="mean"
        With "bootstrap", of the predictions of the fits that have not met a row.
    random_state : int, RandomState instance or None, default=None
        For resamples and to shuffle folds.
    n_jobs : int or None, default=None
        Processes of refits.
    closed_form : {"auto", False}, default="auto"
        Whether fits may follow from the one to all rows. In a Pipeline that is so only where no earlier step learns
        from y; these steps are then fitted once, to all rows. False refits everything.
    fit_params : dict, default=None
        Passed to every fit; only refits take them.

    Returns
    -------
    LeftOut
        With `full`, `held_out`, `member`, `n_models`, `blocks(X)`, `form`, `remark` and `never_left_out`.

    Raises
    ------
    ValueError
        If lengths differ, y has several columns, an argument is out of its range, or the splits do not hold out every
        row once.

    Warns
    -----
    LeverageWarning
        If rows have leverage one: the fit without such a row is that of least norm.

    References
    ----------
    .. [1] R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, "Predictive inference with the jackknife+",
       Annals of Statistics 49, 2021.
    .. [2] B. Kim, C. Xu and R. F. Barber, "Predictive inference is free with the jackknife+-after-bootstrap", Advances
       in Neural Information Processing Systems 33, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.uncertainty.left_out import left_out
    >>> X = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> left = left_out(LinearRegression(), X, [1.0, 3.0, 4.0, 8.0])
    >>> left.form, left.held_out.round(2)
    ('linear', array([ 2.58,  2.4 ,  3.04, 14.67]))
    >>> rows, predictions = next(left.blocks([[5.0]]))
    >>> predictions.round(2)  # of one row, by four fits
    array([[5.61, 5.3 , 5.2 , 8.67]])
    """
    if closed_form not in ("auto", False):
        raise ValueError(f"closed_form must be 'auto' or False, got {closed_form!r}")
    problem = Problem.checked(estimator, X, y, sample_weight, method, fit_params, n_jobs)
    if isinstance(cv, str) and cv == "bootstrap":
        return _resampled(problem, n_resamples, aggregate, random_state, groups, closed_form)
    if isinstance(cv, str) and cv != "loo":
        raise ValueError(f"cv must be 'loo', 'bootstrap', a number of folds or a splitter, got {cv!r}")
    by_row = isinstance(cv, str)
    train, test = ([], []) if by_row else _folds(problem, cv, groups, random_state)
    if closed_form == "auto" and may_have_form(problem):
        found = _closed(problem, by_row, train, test)
        if found is not None:
            return found
    if by_row:
        every = np.arange(problem.n_samples)
        train, test = [np.delete(every, i) for i in every], [every[i : i + 1] for i in every]
    return Refits(problem, train, test)


def may_have_form(problem: Problem) -> bool:
    """
    Tell whether the fits without some rows may follow from the one to all.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    bool
    """
    last = last_step(problem.estimator)
    form = _form(problem)
    if form is None or problem.fit_params or problem.method not in METHODS[form]:
        return False
    return not getattr(last, "positive", False) and unsupervised_steps(problem.estimator)


def _form(problem: Problem) -> str | None:
    """Return the name of the closed form; a subclass may fit otherwise and has none."""
    form: str | None = type(last_step(problem.estimator)).__dict__.get("_left_out_form")
    return form


def _remark(full: Any) -> str:
    return KEPT_STEPS if isinstance(full, Pipeline) and len(full.steps) > 1 else ""


def _closed(problem: Problem, by_row: bool, train: Sequence[Rows], test: Sequence[Rows]) -> LeftOut | None:
    """Return what follows from the fit to all rows; None where that takes refits."""
    full = problem.fit()
    last = last_step(full)
    transform = EarlierSteps(full)
    X = transform(problem.X)
    remark, form = _remark(full), _form(problem)
    if by_row:
        if form == "logistic":
            return LogisticLeaveOneOut(
                full, last, transform, X, problem.y, problem.sample_weight, problem.method, remark
            )
        if not has_linear_form(last):
            return None
        return LinearLeaveOneOut(full, last, transform, X, problem.y, problem.sample_weight, remark)
    n = problem.n_samples
    if any(len(some) + len(rest) != n for some, rest in zip(train, test, strict=True)):
        return None
    fits = last._fits_without(X, problem.y, problem.sample_weight, list(test))
    if fits is None:
        return None
    return LinearFolds(full, last, transform, X, test, fits, problem.method, remark)


class EarlierSteps:
    """
    Takes X to what the last step of a Pipeline was fitted on.

    Parameters
    ----------
    full : object
        Fitted; what is not a Pipeline has no earlier steps.
    """

    def __init__(self, full: Any) -> None:
        self._steps: list[Any] = []
        while isinstance(full, Pipeline):
            if len(full.steps) > 1:
                self._steps.append(full[:-1])
            full = full.steps[-1][1]

    def __call__(self, X: Any) -> Any:
        """Return X after the earlier steps."""
        for step in self._steps:
            X = step.transform(X)
        return X


def _resampled(
    problem: Problem, count: int, aggregate: str, random_state: Any, groups: Any, closed_form: Any
) -> LeftOut:
    if not (isinstance(count, int | np.integer) and count >= 1):
        raise ValueError(f"n_resamples must be a positive whole number, got {count!r}")
    if aggregate not in ("mean", "median"):
        raise ValueError(f"aggregate must be 'mean' or 'median', got {aggregate!r}")
    if problem.labels:
        raise ValueError("labels have no mean: pass method='predict_proba' for resamples of a classifier")
    plan = resampling_plan(problem.n_samples, seed_of(random_state), groups)
    models: LinearModels | FittedModels | None = None
    if closed_form == "auto" and may_have_form(problem) and _form(problem) == "linear":
        full = problem.fit()
        last, transform = last_step(full), EarlierSteps(full)
        factor = last.factor_
        if has_linear_form(last) and not factor.dual:
            rows = transform(problem.X), problem.y, problem.sample_weight
            models = LinearModels(full, last, transform, rows, plan, int(count), _remark(full))
    models = models or FittedModels(problem, plan, int(count))
    return Resampled(models, problem.X, plan, aggregate)


def _folds(problem: Problem, cv: Any, groups: Any, random_state: Any) -> tuple[list[Rows], list[Rows]]:
    n = problem.n_samples
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
        if not 2 <= cv <= n:
            raise ValueError(f"cv must be between 2 and the number of rows, {n}; got {cv}")
        splitter = _splitter(problem, int(cv), groups, random_state)
    else:
        splitter = check_cv(cv, problem.y, classifier=is_classifier(problem.estimator))
    train, test = [], []
    counts = np.zeros(n, dtype=np.intp)
    every = np.arange(n)
    for some, rest in splitter.split(problem.X, problem.y, groups):
        train.append(every[np.asarray(some)])
        test.append(every[np.asarray(rest)])
        np.add.at(counts, test[-1], 1)
    if np.any(counts != 1):
        raise ValueError(
            f"every row must be held out once; of {n} rows {int(np.sum(counts == 0))} are never held out and "
            f"{int(np.sum(counts > 1))} more than once by cv={cv!r}. Use folds that do not overlap, such as KFold"
        )
    return train, test


def _splitter(problem: Problem, count: int, groups: Any, random_state: Any) -> Any:
    if groups is not None:
        return GroupKFold(count)
    shuffle = {} if random_state is None else {"shuffle": True, "random_state": random_state}
    return (StratifiedKFold if is_classifier(problem.estimator) else KFold)(count, **shuffle)
