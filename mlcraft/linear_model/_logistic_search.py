"""A grid of logistic fits scored on the test parts of a split, and what of it an estimator keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_method_params

from mlcraft._engine.fold_path import Splits
from mlcraft._engine.status import warn_caller
from mlcraft.linear_model._labels import LabelledRows
from mlcraft.linear_model._logistic_cv_rules import Asked
from mlcraft.linear_model._logistic_grid import GridFits, decision_values
from mlcraft.linear_model._logistic_regression import LogisticRegression
from mlcraft.linear_model._logistic_scores import (
    GivenScores,
    is_of_library,
    quick_name,
    quick_scores,
    with_all_classes,
)

__all__ = ["attributes_of_search", "average_of_best", "inverse_penalties", "score_grid", "warn_about_grid"]

Doubles = NDArray[np.float64]
OUTPUTS_AT_ONCE = 2_000_000  # linear outputs of test rows held for scoring


def inverse_penalties(Cs: Any) -> NDArray[Any]:
    """
    Return the grid that the parameter `Cs` means.

    Parameters
    ----------
    Cs : int or array-like of shape (n_cs,)
        A number of values between 1e-4 and 1e4, or the values.

    Returns
    -------
    ndarray of shape (n_cs,)

    Raises
    ------
    ValueError
        If a value is not above zero.
    """
    if np.ndim(Cs) == 0:
        return np.logspace(-4, 4, int(Cs))
    found = np.asarray(Cs)
    if found.ndim != 1 or not found.size or found.dtype.kind not in "iuf" or not (found > 0).all():
        raise ValueError(f"Cs must be a whole number or a list of numbers above zero, got {Cs!r}")
    return found


def score_grid(
    fits: GridFits,
    rows: LabelledRows,
    y: Any,
    splits: Splits,
    scorer: Any,
    params: dict[str, Any],
    Cs: NDArray[Any],
) -> Doubles:
    """
    Score every fit of every training part on its test part.

    Accuracy and the log loss are taken from the linear outputs of all penalties at once; scikit-learn's other scorers
    get the linear outputs of one fit for rows, and know all classes; any other callable gets a fitted
    `LogisticRegression` and the rows themselves. Scorers are called one after the other, folds first.

    Parameters
    ----------
    fits : GridFits
    rows : LabelledRows
        All rows.
    y : array-like of shape (n_samples,)
        The labels as they came.
    splits : list of (ndarray, ndarray)
        Training and test rows.
    scorer : callable or None
        None is accuracy.
    params : dict
        Keyword arguments of the scorer; those with an element for each row are split with the rows.
    Cs : ndarray of shape (n_cs,)
        The grid.

    Returns
    -------
    ndarray of shape (n_parts, n_cs)
    """
    labels = np.asarray(y)
    codes = rows.codes.astype(np.intp)
    quick = quick_name(scorer, params)
    of_library = is_of_library(scorer)
    if quick is None:
        scorer = with_all_classes(scorer, rows.classes)
    found = np.empty(fits.n_iter.shape)
    for part, (_, test) in enumerate(splits):
        own = _check_method_params(rows.X, params, indices=test)
        if quick is None and not of_library:
            models = _models(fits, part, rows, Cs)
            found[part] = [scorer(model, rows.X[test], labels[test], **own) for model in models]
            continue
        together = max(1, OUTPUTS_AT_ONCE // (len(test) * fits.intercept.shape[2]))
        for first in range(0, len(Cs), together):
            some = slice(first, first + together)
            outputs = decision_values(rows.X, test, fits.coef[part, some], fits.intercept[part, some])
            if quick is not None:
                found[part, some] = quick_scores(quick, outputs, codes[test], own.get("sample_weight"))
            else:
                given = GivenScores(rows.classes)
                found[part, some] = [scorer(given, output, labels[test], **own) for output in outputs]
    return found


def _models(fits: GridFits, part: int, rows: LabelledRows, Cs: NDArray[Any]) -> list[LogisticRegression]:
    """Return the fits of a part as estimators."""
    models = []
    for number, C in enumerate(Cs):
        model = LogisticRegression(C=float(C))
        model.classes_ = rows.classes
        model.coef_, model.intercept_ = fits.coef[part, number], fits.intercept[part, number]
        model.n_iter_ = fits.n_iter[part, number : number + 1]
        model.n_features_in_ = rows.X.shape[1]
        models.append(model)
    return models


def average_of_best(fits: GridFits, scores: Doubles) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any]]:
    """Return the best penalty of each part, and the mean over the parts of their coefficients and intercepts."""
    best = scores.argmax(axis=1)
    parts = np.arange(len(best))
    return best, fits.coef[parts, best].mean(axis=0), fits.intercept[parts, best].mean(axis=0)


def attributes_of_search(
    fits: GridFits, scores: Doubles, Cs: NDArray[Any], C: Any, asked: Asked, classes: NDArray[Any], constant: bool
) -> dict[str, Any]:
    """
    Return the fitted attributes that tell of the search, in scikit-learn's shapes.

    Parameters
    ----------
    fits : GridFits
    scores : ndarray of shape (n_parts, n_cs)
    Cs : ndarray of shape (n_cs,)
    C : float
        The penalty chosen.
    asked : Asked
        Whether the shapes are those of old, and the ratios.
    classes : ndarray of shape (n_classes,)
    constant : bool
        Whether there is an intercept.

    Returns
    -------
    dict
    """
    n_ratios = len(asked.l1_ratios)
    paths = np.concatenate([fits.coef, fits.intercept[..., np.newaxis]], axis=3) if constant else fits.coef
    found: dict[str, Any] = {"Cs_": Cs, "l1_ratios_": np.asarray(asked.l1_ratios)}
    if not asked.legacy:
        # (parts, ratios, penalties, ...)
        for name, values in (("coefs_paths_", paths), ("scores_", scores), ("n_iter_", fits.n_iter)):
            found[name] = np.repeat(values[:, np.newaxis], n_ratios, axis=1)
        return found | {"C_": float(C), "l1_ratio_": 0.0}
    by_class = np.moveaxis(paths, 2, 0)  # (outputs, parts, penalties, dof)
    n_iter = fits.n_iter[np.newaxis]
    if asked.has_ratios:
        by_class = np.repeat(by_class[:, :, :, np.newaxis], n_ratios, axis=3)
        scores = np.repeat(scores[:, :, np.newaxis], n_ratios, axis=2)
        n_iter = np.repeat(n_iter[..., np.newaxis], n_ratios, axis=3)
    named = classes[1:] if len(classes) == 2 else classes
    found["coefs_paths_"] = {label: np.ascontiguousarray(path) for label, path in zip(named, by_class, strict=True)}
    found["scores_"] = {label: scores.copy() for label in named}
    ratio = asked.l1_ratios[0]
    return found | {
        "n_iter_": n_iter,
        "C_": np.full(len(named), C),
        "l1_ratio_": np.full(len(named), ratio if ratio is None else float(ratio)),
    }


def warn_about_grid(estimator: Any, fits: GridFits, rows: LabelledRows, splits: Splits) -> None:
    """Warn when fits of training parts that have all classes did not finish."""
    unfinished, largest = 0, 0
    for status, n_iter, (train, _) in zip(fits.status, fits.n_iter, splits, strict=True):
        failed = [number for number, how in enumerate(status) if how in ("max_iter", "stalled")]
        if failed and len(np.unique(rows.codes[train])) == len(rows.classes):
            unfinished += len(failed)
            largest = max(largest, int(n_iter[failed].max()))
    if unfinished:
        warn_caller(
            f"{unfinished} of the {fits.n_iter.size} fits of the search did not converge (up to {largest} "
            f"iterations, max_iter={estimator.max_iter}, tol={estimator.tol}); the scores are those of the best "
            "coefficients found. Increase max_iter.",
            ConvergenceWarning,
        )
