"""Measures of influence: what each row does to a fit, from one pass over the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty._checked_rows import Rows
from mlcraft.uncertainty._leave_one_out import effects_by_penalty, warn_about_saturated
from mlcraft.uncertainty._model import FittedModel
from mlcraft.uncertainty._row_effects import RowEffects
from mlcraft.uncertainty._wide import wide_variances

__all__ = ["Influence", "ParameterChanges", "influence"]

Doubles = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
NO_DF = 1e-9  # residual degrees of freedom below which there are none
MEASURES = (
    "leverage",
    "residual",
    "loo_residual",
    "loo_prediction",
    "loo_sigma",
    "rstandard",
    "rstudent",
    "cooks_distance",
    "dffits",
    "covratio",
)


@dataclass(frozen=True, eq=False)
class ParameterChanges:
    """
    What leaving out each row does to the coefficients: for each target a direction and a step for each row.

    Attributes
    ----------
    parameters : ndarray of shape (n_targets, n_parameters)
        The coefficients of all rows, the intercept first.
    errors : ndarray of shape (n_targets, n_parameters)
        Their standard errors for a spread of one.
    steps : ndarray of shape (n_samples, n_targets)
    directions : list of ndarray of shape (n_samples, n_parameters)
        For each target; targets of one penalty share theirs.
    """

    parameters: Doubles
    errors: Doubles
    steps: Doubles
    directions: list[Doubles]

    def scaled(self, sigma: Doubles) -> Doubles:
        """Return the changes over their standard errors, of shape (n_samples, n_targets, n_parameters)."""
        found = np.empty((len(self.steps), *self.parameters.shape))
        for target, direction in enumerate(self.directions):
            with np.errstate(divide="ignore", invalid="ignore"):
                size = np.where(self.steps[:, target] == 0, 0.0, self.steps[:, target] / sigma[:, target])
            unit = np.divide(
                1.0, self.errors[target], out=np.zeros_like(self.errors[target]), where=self.errors[target] > 0
            )
            np.multiply(direction, unit, out=found[:, target])
            found[:, target] *= size[:, np.newaxis]
        return found

    def remaining(self) -> Doubles:
        """Return the coefficients without each row, of shape (n_samples, n_targets, n_parameters)."""
        found = np.empty((len(self.steps), *self.parameters.shape))
        for target, direction in enumerate(self.directions):
            np.multiply(direction, -self.steps[:, target, np.newaxis], out=found[:, target])
        found += self.parameters
        return found


@dataclass(frozen=True, eq=False)
class Influence:
    """
    What each row does to a fit.

    Every number is that of an actual fit without the row, by formulas that need no such fit. Arrays have an element for
    each row, or a row of elements, one for each target, where the model has several. They have the dtype of X.

    Rows of weight zero do not count: leaving them out changes nothing. A row of leverage one (the only one of its
    category, for example) is fitted exactly whatever its y is; its studentised residuals are 0, its `covratio` is
    infinite, and the other measures compare with the fit of least norm to the other rows.

    With a ridge penalty the formulas are the same, on the penalised cross-products: `leverage`, `loo_residual`,
    `loo_coef` and `loo_sigma` are those of ridge fits without the row, and scales follow the reading of ridge as a
    model with normal coefficients.

    Attributes
    ----------
    leverage : ndarray of shape (n_samples,) or (n_samples, n_targets)
        How much of a change of y_i its own fit follows, between 0 and 1. Per target only if penalties differ.
    residual : ndarray of shape (n_samples,) or (n_samples, n_targets)
        y minus fit.
    loo_residual, loo_prediction : ndarray of shape (n_samples,) or (n_samples, n_targets)
        y minus the prediction of the fit to the other rows, and that prediction.
    loo_sigma : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Residual standard deviation of the fit to the other rows; infinite where it has no degree of freedom.
    rstandard, rstudent : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Residuals in units of their standard error, by the spread of all rows (internally studentised) and of the other
        rows (externally).
    cooks_distance : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Squared change of all fitted values together, over `effective_df` sigma^2 [1]_.
    dffits : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Change of the row's own fitted value in standard errors [2]_.
    covratio : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Determinant of the covariance of the coefficients without the row over that with it [2]_.
    sigma : float or ndarray of shape (n_targets,)
        Residual standard deviation.
    press : float or ndarray of shape (n_targets,)
        Weighted sum of squares of `loo_residual`.
    effective_df : float or ndarray of shape (n_targets,)
        Sum of the leverages: the number of coefficients, the intercept included, without a penalty.
    saturated : ndarray of bool of shape (n_samples,) or (n_samples, n_targets)
        Rows of leverage one.
    names : tuple of str
        Names of the coefficients, in the order of `dfbetas`.
    target_names : tuple of str
        Names of the targets.

    References
    ----------
    .. [1] Cook (1977), Detection of influential observation in linear regression, Technometrics 19, 15-18.
    .. [2] Belsley, Kuh and Welsch (1980), Regression Diagnostics, Wiley.
    """

    leverage: Floats
    residual: Floats
    loo_residual: Floats
    loo_prediction: Floats
    loo_sigma: Floats
    rstandard: Floats
    rstudent: Floats
    cooks_distance: Floats
    dffits: Floats
    covratio: Floats
    sigma: Any
    press: Any
    effective_df: Any
    saturated: NDArray[np.bool_]
    names: tuple[str, ...]
    target_names: tuple[str, ...]
    index: Any = field(repr=False, default=None)
    _changes: ParameterChanges | None = field(repr=False, default=None)

    @cached_property
    def dfbetas(self) -> Floats:
        """
        Change of each coefficient in standard errors, of shape (n_samples[, n_targets], n_coefficients) [2]_.

        The intercept comes first, where there is one; `names` tells.
        """
        sigma = self.loo_sigma.reshape(len(self.loo_sigma), -1).astype(np.float64, copy=False)
        return self._shaped(self._asked_changes().scaled(sigma))

    @cached_property
    def loo_parameters(self) -> Floats:
        """Coefficients of the fits to the other rows, of shape (n_samples[, n_targets], n_coefficients)."""
        return self._shaped(self._asked_changes().remaining())

    def _asked_changes(self) -> ParameterChanges:
        if self._changes is None:
            raise ValueError("changes of the coefficients were left out: ask for them with coefficients=True")
        return self._changes

    def _shaped(self, values: Doubles) -> Floats:
        return (values[:, 0] if self.residual.ndim == 1 else values).astype(self.residual.dtype, copy=False)

    def worst(self, n: int = 5, by: str = "cooks_distance", target: int = 0) -> NDArray[np.intp]:
        """
        Return the positions of the rows with the largest measure, the largest first.

        Parameters
        ----------
        n : int, default=5
            How many.
        by : str, default="cooks_distance"
            Name of the measure; its absolute value counts.
        target : int, default=0
            Which target.

        Returns
        -------
        ndarray of shape (min(n, n_samples),)
        """
        values = np.abs(_column(np.asarray(getattr(self, by)), target))
        order: NDArray[np.intp] = np.argsort(-values, kind="stable")[:n]
        return order

    def to_frame(self, target: int = 0) -> Any:
        """
        Return the measures as a data frame, a row for each row of X.

        Parameters
        ----------
        target : int, default=0
            Which target, where there are several.

        Returns
        -------
        pandas.DataFrame
            With the index of X where it had one. The changes of the coefficients are the columns ``dfbetas_<name>``.
        """
        import pandas as pd

        columns = {name: _column(np.asarray(getattr(self, name)), target) for name in (*MEASURES, "saturated")}
        if self._changes is not None:
            dfbetas = self.dfbetas if self.residual.ndim == 1 else self.dfbetas[:, target]
            columns |= {f"dfbetas_{name}": dfbetas[:, j] for j, name in enumerate(self.names)}
        return pd.DataFrame(columns, index=self.index)


def _column(values: Any, target: int) -> Any:
    return values if values.ndim == 1 else values[:, target]


def influence(model: FittedModel, rows: Rows, *, coefficients: bool = True, index: Any = None) -> Influence:
    """
    Compute all measures of influence.

    Parameters
    ----------
    model : FittedModel
        With a factor.
    rows : Rows
        Those of the fit, with y.
    coefficients : bool, default=True
        Whether the changes of the coefficients are wanted: an array of the size of X is kept for them.
    index : object, optional
        Labels of the rows for `to_frame`.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        If no residual degrees of freedom are left, or the rows are not those of the fit.
    """
    n, k = len(rows.weight), model.n_targets
    arrays = {name: np.empty((n, k)) for name in (*MEASURES, "saturated")}
    totals = {name: np.empty(k) for name in ("sigma", "press", "effective_df")}
    groups = []
    for targets, effects in effects_by_penalty(model, rows, directions=coefficients):
        for name, values in _measures(model, rows, effects, targets).items():
            (arrays if name in arrays else totals)[name][..., targets] = values
        groups.append((targets, effects))
    arrays["loo_prediction"] = rows.targets - arrays["loo_residual"]
    saturated: NDArray[np.bool_] = arrays.pop("saturated") > 0
    warn_about_saturated(model, np.any(saturated, axis=1))
    shaped: dict[str, Any] = {name: rows.shaped(values) for name, values in arrays.items()}
    if len(groups) == 1:  # the same for all targets
        shaped["leverage"] = arrays["leverage"][:, 0].astype(rows.X.dtype, copy=False)
    return Influence(
        **shaped,
        **{name: values[0].item() if rows.flat else values for name, values in totals.items()},
        saturated=saturated[:, 0] if len(groups) == 1 else saturated,
        names=model.names,
        target_names=model.target_names,
        index=index,
        _changes=_parameter_changes(model, rows, groups) if coefficients else None,
    )


def _measures(model: FittedModel, rows: Rows, effects: RowEffects, targets: list[int]) -> dict[str, Any]:
    """All measures but those of single coefficients (formulas: Belsley, Kuh and Welsch 1980, chapter 2)."""
    residual, loo_residual = effects.residual, effects.loo_residual
    leverage, root = effects.leverage[:, np.newaxis], np.sqrt(rows.weight)[:, np.newaxis]
    df = float(np.count_nonzero(rows.weight)) - effects.effective_df
    if not df > NO_DF:
        raise ValueError(
            f"no residual degrees of freedom are left ({np.count_nonzero(rows.weight)} rows, {effects.effective_df:g} "
            "coefficients), so there is no spread to measure influence in. leverage_, loo_predict_ and loo_score_ do "
            "without it."
        )
    variance = (rows.weight @ residual**2) / df
    loo_df = effects.loo_df[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        loo_variance = np.where(loo_df > NO_DF, effects.loo_rss / loo_df, np.inf)
        loo_sigma = np.sqrt(loo_variance)
        # e / sqrt(1 - h) is zero where h is one
        scaled = root * np.where(effects.saturated[:, np.newaxis], 0.0, np.sqrt(residual * loo_residual))
        scaled = np.copysign(scaled, residual)
        change = root * loo_residual * np.sqrt(leverage)
        covratio = (loo_variance / variance) ** _size(model, effects, targets) / effects.complement[:, np.newaxis]
        measures = {
            "rstandard": _ratio(scaled, np.sqrt(variance)),
            "rstudent": _ratio(scaled, loo_sigma),
            "cooks_distance": _ratio(change**2, effects.effective_df * variance),
            "dffits": _ratio(change, loo_sigma),
        }
    return measures | {
        "leverage": leverage,
        "residual": residual,
        "loo_residual": loo_residual,
        "loo_sigma": loo_sigma,
        "covratio": np.where(np.isnan(covratio), np.inf, covratio),
        "saturated": effects.saturated[:, np.newaxis],
        "sigma": np.sqrt(variance),
        "press": rows.weight @ loo_residual**2,
        "effective_df": effects.effective_df,
    }


def _size(model: FittedModel, effects: RowEffects, targets: list[int]) -> float:
    """Return the number of parameters that the data or the penalty determine."""
    if model.alpha[targets[0]] > 0:
        return float(model.n_parameters)
    return float(round(effects.effective_df))


def _ratio(values: Doubles, scale: Doubles) -> Doubles:
    """Quotient that is zero where nothing is divided by nothing."""
    quotient: Doubles = np.where(values == 0, 0.0, values / scale)
    return quotient


def _parameter_changes(model: FittedModel, rows: Rows, groups: list[tuple[list[int], RowEffects]]) -> ParameterChanges:
    steps = np.empty((len(rows.weight), model.n_targets))
    errors = np.empty((model.n_targets, model.n_parameters))
    directions = np.empty(model.n_targets, dtype=object)
    for targets, effects in groups:
        steps[:, targets] = effects.step
        errors[targets] = np.sqrt(_parameter_variances(model, rows, effects, targets[0]))
        direction = effects.direction
        assert direction is not None
        assert model.factor is not None
        if model.has_intercept:
            first = 1.0 / model.factor.weight_sum - direction @ effects.mean
            direction = np.column_stack([first, direction])
        for target in targets:
            directions[target] = direction
    return ParameterChanges(model.parameters, errors, steps, list(directions))


def _parameter_variances(model: FittedModel, rows: Rows, effects: RowEffects, target: int) -> Doubles:
    """Variances of the parameters for a spread of one: the diagonal of V."""
    if effects.root is not None:
        features: Doubles = (effects.root**2).sum(axis=1)
        pulled = float(((effects.mean @ effects.root) ** 2).sum())
    else:
        features, pulled = wide_variances(rows, effects, float(model.alpha[target]))
    if not model.has_intercept:
        return features
    assert model.factor is not None
    return np.append(1.0 / model.factor.weight_sum + pulled, features)
