"""Leverages and predictions of each row by the fit to the other rows, without refits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from mlcraft._engine.status import warn_caller
from mlcraft.exceptions import LeverageWarning
from mlcraft.uncertainty._checked_rows import Rows
from mlcraft.uncertainty._model import FittedModel
from mlcraft.uncertainty._row_effects import RowEffects, check_same_fit, effects_of

__all__ = [
    "effects_by_penalty",
    "leave_one_out",
    "leverages",
    "penalty_groups",
    "score",
    "usable",
    "warn_about_saturated",
]

Doubles = NDArray[np.float64]
NAMED_AT_MOST = 5


def penalty_groups(alpha: Doubles) -> Iterator[tuple[int, list[int]]]:
    """Yield for each different penalty one target that has it and all that have it."""
    for value in dict.fromkeys(alpha.tolist()):
        targets = np.flatnonzero(alpha == value).tolist()
        yield targets[0], targets


def usable(model: FittedModel) -> FittedModel:
    """
    Return the model if leaving out rows has closed formulas for it.

    Raises
    ------
    ValueError
        If the coefficients were held non-negative or the fit kept no factor.
    """
    if model.positive:
        raise ValueError(
            "coefficients held non-negative (positive=True) are not linear in y: what leaving out a row does cannot be "
            "read off the fit. Use sklearn.model_selection.cross_val_predict with LeaveOneOut."
        )
    if model.factor is None:
        raise ValueError(
            "this fit kept no factorised matrix (wide sparse X is solved by iterations, and model files hold none), so "
            "leaving out rows would need refits. Fit again on fewer columns or on a dense X."
        )
    return model


def effects_by_penalty(
    model: FittedModel, rows: Rows, *, directions: bool = False
) -> Iterator[tuple[list[int], RowEffects]]:
    """
    Compute what leaving out each row does, for the targets of each penalty.

    Parameters
    ----------
    model : FittedModel
        With a factor.
    rows : Rows
        Those of the fit.
    directions : bool, default=False
        Whether the directions of the steps are wanted.

    Yields
    ------
    targets : list of int
        All that have the penalty.
    effects : RowEffects
    """
    for target, targets in penalty_groups(usable(model).alpha):
        effects = effects_of(model, rows, target, targets, directions=directions)
        if rows.y is not None:
            check_same_fit(model, rows, rows.weight @ effects.residual**2, targets)
        yield targets, effects


def leverages(model: FittedModel, rows: Rows) -> Doubles:
    """
    Compute the diagonal of the hat matrix.

    Parameters
    ----------
    model : FittedModel
        With a factor.
    rows : Rows
        Those of the fit; y is not used.

    Returns
    -------
    ndarray of shape (n_samples,), or (n_samples, n_targets) if the targets have different penalties
    """
    found = np.empty((len(rows.weight), model.n_targets))
    groups = 0
    for targets, effects in effects_by_penalty(model, rows):
        found[:, targets] = effects.leverage[:, np.newaxis]
        groups += 1
    return found[:, 0] if groups == 1 else found


def leave_one_out(model: FittedModel, rows: Rows) -> tuple[Doubles, NDArray[np.bool_]]:
    """
    Compute the residuals of each row from the fit to the other rows.

    Parameters
    ----------
    model : FittedModel
        With a factor.
    rows : Rows
        Those of the fit, with y.

    Returns
    -------
    residuals : ndarray of shape (n_samples, n_targets)
    saturated : ndarray of bool of shape (n_samples,)
        Rows of leverage one.
    """
    residuals = np.empty((len(rows.weight), model.n_targets))
    saturated = np.zeros(len(rows.weight), dtype=bool)
    for targets, effects in effects_by_penalty(model, rows):
        residuals[:, targets] = effects.loo_residual
        saturated |= effects.saturated
    warn_about_saturated(model, saturated)
    return residuals, saturated


def warn_about_saturated(model: FittedModel, saturated: NDArray[np.bool_]) -> None:
    assert model.factor is not None
    if model.factor.dual or not saturated.any():  # a wide fit is one of least norm to begin with
        return
    rows = np.flatnonzero(saturated)
    listed = ", ".join(map(str, rows[:NAMED_AT_MOST])) + (", ..." if len(rows) > NAMED_AT_MOST else "")
    which = f"row {listed} has" if len(rows) == 1 else f"rows {listed} ({len(rows)} in all) have"
    warn_caller(
        f"{which} leverage 1: the fit passes through such a row whatever its y is, and without it the columns are "
        "dependent. What is said of leaving it out refers to the solution of least norm. A column that is non-zero in "
        "a single row (a rare category) is the usual cause.",
        LeverageWarning,
    )


def score(prediction: Any, y: Any, sample_weight: Any, scoring: Any) -> Any:
    """
    Judge predictions.

    Parameters
    ----------
    prediction, y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        What was predicted and what was observed.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    scoring : str or callable
        "r2", "rmse", "mae", the name of one of scikit-learn's scorers, or a function of y and prediction.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is no scorer of that name.
    """
    if callable(scoring):
        return scoring(y, prediction)
    if scoring in ("rmse", "mae"):
        error = np.asarray(y, dtype=np.float64) - prediction
        mean = np.average(error**2 if scoring == "rmse" else np.abs(error), axis=0, weights=sample_weight)
        return float(np.mean(np.sqrt(mean) if scoring == "rmse" else mean))
    from sklearn.metrics import get_scorer

    return float(get_scorer(scoring)(_Predicted(prediction), None, y, sample_weight=sample_weight))


class _Predicted(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor that knows its answers, for scikit-learn's scorers."""

    def __init__(self, prediction: Any = None) -> None:
        self.prediction = prediction

    def fit(self, _X: Any, _y: Any) -> Any:
        """Do nothing."""
        return self

    def predict(self, _X: Any) -> Any:
        """Return the answers."""
        return self.prediction
