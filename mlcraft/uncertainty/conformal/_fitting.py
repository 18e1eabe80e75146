"""From a regressor and rows to calibrated scores: who is trained on what, and who is judged by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, LeaveOneGroupOut, check_cv, train_test_split
from sklearn.utils import _safe_indexing, check_random_state

from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.conformal._calibrated import Calibrated
from mlcraft.uncertainty.conformal._checks import warn_about_exchangeability
from mlcraft.uncertainty.conformal._composites import (
    FunctionScaled,
    LeverageScaled,
    Quantiles,
    SpreadScaled,
    design_of,
    fit_weighted,
    positive_scale,
    quantile_parameter,
)
from mlcraft.uncertainty.conformal._forms import Band, Form, Relative, Scaled
from mlcraft.uncertainty.conformal._leverage import Leverage, penalty_of
from mlcraft.uncertainty.conformal._many_models import ManyModels, Units
from mlcraft.uncertainty.conformal._one_model import OneModel

__all__ = ["LEFT_OUT", "Rows", "fitted", "is_prefit"]

Doubles = NDArray[np.float64]
LEFT_OUT = ("jackknife", "jackknife+", "jackknife-minmax", "cv+", "jackknife+-after-bootstrap")
FOLDS = 10


@dataclass(frozen=True)
class Rows:
    """What `fit` was given, checked: rows of weight zero are gone."""

    X: Any
    y: Doubles
    sample_weight: Doubles | None
    groups: NDArray[Any] | None
    clusters: NDArray[Any] | None
    weight: Doubles | None  # of a covariate shift
    fit_params: dict[str, Any]

    def take(self, index: NDArray[Any]) -> tuple[Any, Doubles, Doubles | None]:
        """Return X, y and weights of some rows."""
        weight = None if self.sample_weight is None else self.sample_weight[index]
        return _safe_indexing(self.X, index), self.y[index], weight


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves: the model, the predictor of intervals, and how calibration rows are read later."""

    model: Any  # the user's estimator, fitted
    predictor: Any  # OneModel, ManyModels or FullConformal
    read: Any  # from X to quantities
    form: Form
    rows: NDArray[np.intp] | None  # calibration rows of X
    left: Any = None


def is_prefit(settings: Any) -> bool:
    """Tell whether the estimator is fitted already."""
    return bool(settings.prefit) or isinstance(settings.estimator, FrozenEstimator)


def form_of(settings: Any) -> Form:
    """Return the conformity score that the parameters ask for."""
    symmetric = settings._conformity != "asymmetric"
    if settings.method == "cqr":
        if settings._conformity not in ("absolute", "asymmetric"):
            raise ValueError(f"method='cqr' takes score='absolute' or 'asymmetric', not {settings._conformity!r}")
        quantiles = tuple(float(q) for q in np.sort(np.asarray(settings.quantiles, dtype=np.float64).reshape(-1)))
        if len(quantiles) < 2 or not all(0 < q < 1 for q in quantiles):
            raise ValueError(f"quantiles must be two or more numbers between 0 and 1; got {settings.quantiles!r}")
        return Band(symmetric, quantiles)
    if settings.method == "full":
        if settings._conformity not in ("absolute", "asymmetric"):
            raise ValueError(f"method='full' takes score='absolute' or 'asymmetric', not {settings._conformity!r}")
        return Form(symmetric)
    if settings._conformity == "normalised":
        return Scaled(symmetric)
    return Relative(symmetric) if settings._conformity == "gamma" else Form(symmetric)


def composite(settings: Any, form: Form) -> Any:
    """Return the estimator that predicts what the score needs, not fitted."""
    if isinstance(form, Band):
        if settings.quantile_parameter is None:
            quantile_parameter(settings.estimator)  # refuses early
        return Quantiles(settings.estimator, form.quantiles, settings.quantile_parameter)
    if not isinstance(form, Scaled):
        return settings.estimator
    scale = settings.scale
    if isinstance(scale, str):
        return LeverageScaled(settings.estimator)
    if hasattr(scale, "fit"):
        seed = int(check_random_state(settings.random_state).randint(2**31 - 1))
        return SpreadScaled(settings.estimator, scale, seed)
    return FunctionScaled(settings.estimator, scale)


def model_inside(estimator: Any) -> Any:
    """Return the user's estimator of a fitted composite."""
    if isinstance(estimator, Quantiles):
        return estimator.models_ if len(estimator.models_) > 1 else estimator.models_[0]
    return getattr(estimator, "centre_", estimator)


def fitted(settings: Any, rows: Rows) -> Fitted:
    """
    Fit the models and calibrate.

    Parameters
    ----------
    settings : ConformalRegressor
        Its parameters.
    rows : Rows

    Returns
    -------
    Fitted
    """
    form = form_of(settings)
    if is_prefit(settings):
        return _prefit(settings, form, rows)
    if settings.method in LEFT_OUT:
        return _left_out(settings, form, rows)
    if settings.method == "full":
        return _full(settings, form, rows)
    train, held = split_rows(settings, rows)
    if settings.checks:
        part = np.zeros(len(rows.y), dtype=np.intp)
        part[held] = 1
        used = np.sort(np.concatenate([train, held]))
        warn_about_exchangeability(_safe_indexing(rows.X, used), rows.y[used], part[used])
    X, y, weight = rows.take(train)
    model = fit_weighted(clone(composite(settings, form)), X, y, weight, rows.fit_params)
    read = getattr(model, form.asks)
    calibrated = calibrate(settings, form, read(_safe_indexing(rows.X, held)), rows, held)
    return Fitted(model_inside(model), OneModel(read, calibrated), read, form, held)


def calibrate(settings: Any, form: Form, predicted: NDArray[Any], rows: Rows, held: Any) -> Calibrated:
    """Return scores of calibration rows."""
    groups = None if rows.groups is None else rows.groups[held]
    weight = None if rows.weight is None else rows.weight[held]
    return Calibrated(form, np.asarray(predicted), rows.y[held], groups, weight, settings.too_few)


def split_rows(settings: Any, rows: Rows) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows to train on, and rows to calibrate on."""
    n = len(rows.y)
    if n < 2:
        raise ValueError(f"Found array with {n} sample(s) while a minimum of 2 is required to split them.")
    seed = settings.random_state
    if settings.cv is not None:
        splits = list(check_cv(settings.cv).split(rows.X, rows.y, rows.clusters))
        if len(splits) != 1:
            raise ValueError(
                f"method={settings.method!r} takes one split into training and calibration rows, and cv gives "
                f"{len(splits)}: use ShuffleSplit(n_splits=1), a list with one pair of indices, or calibration_size=."
            )
        train, held = (np.arange(n)[part] for part in splits[0])
        return train, held
    if rows.clusters is not None:
        splitter = GroupShuffleSplit(1, test_size=settings.calibration_size, random_state=seed)
        train, held = next(splitter.split(np.empty((n, 0)), groups=rows.clusters))
        return train, np.sort(held)
    train, held = train_test_split(np.arange(n), test_size=settings.calibration_size, random_state=seed)
    return np.sort(train), np.sort(held)


def splitter_of(settings: Any, rows: Rows) -> Any:
    """Return what `left_out` takes as cv."""
    if settings.method == "jackknife+-after-bootstrap":
        return "bootstrap"
    if settings.method == "cv+":
        cv = FOLDS if settings.cv is None else settings.cv
        if not isinstance(cv, int):
            return cv
        cv = min(cv, len(rows.y))
        return KFold(cv, shuffle=True, random_state=settings.random_state) if rows.clusters is None else GroupKFold(cv)
    return "loo" if rows.clusters is None else LeaveOneGroupOut()


def _left_out(settings: Any, form: Form, rows: Rows) -> Fitted:
    from mlcraft.uncertainty.left_out import left_out

    n = len(rows.y)
    if n < 2:
        raise ValueError(f"Found array with {n} sample(s) while a minimum of 2 is required to leave one out.")
    cv = splitter_of(settings, rows)
    units_apart = isinstance(form, Scaled) and not hasattr(settings.scale, "fit") and cv == "loo"
    estimator = settings.estimator if units_apart else composite(settings, form)
    left = left_out(
        estimator,
        rows.X,
        rows.y,
        sample_weight=rows.sample_weight,
        method="predict" if units_apart else form.asks,
        cv=cv,
        groups=rows.clusters,
        n_resamples=settings.n_resamples,
        aggregate=settings.aggregate,
        random_state=settings.random_state,
        n_jobs=settings.n_jobs,
        closed_form=settings.closed_form,
        fit_params=rows.fit_params or None,
    )
    if settings.checks:
        warn_about_exchangeability(rows.X, rows.y, np.arange(n) if left.member is None else left.member)
    if getattr(left, "never_left_out", 0):
        warn_caller(
            f"{left.never_left_out} of {n} rows are in all {settings.n_resamples} resamples: their scores are those of "
            "the model that has seen them, and too small. Raise n_resamples."
        )
    held_out, units = left.held_out, None
    read: Any = None if units_apart else getattr(left.full, form.asks)
    if units_apart:
        units = _units(settings, left.full, rows)
        held_out = np.column_stack([held_out, units.own])
        read = _Reader(left.full, units)
    calibrated = calibrate(settings, form, held_out, rows, slice(None))
    predictor = (
        OneModel(read, calibrated)
        if settings.method == "jackknife"
        else ManyModels(left, calibrated, units, settings.method == "jackknife-minmax")
    )
    return Fitted(model_inside(left.full), predictor, read, form, np.arange(n), left)


class _Reader:
    """Centre and spread of new rows, where the spread follows from X."""

    def __init__(self, model: Any, units: Units) -> None:
        self.model = model
        self.units = units

    def __call__(self, X: Any) -> NDArray[Any]:
        return np.column_stack([self.model.predict(X), self.units.full(X)])


class _LeverageUnits:
    """sqrt(1 + leverage): how much wider a least-squares prediction is at x than the noise."""

    def __init__(self, model: Any, rows: Rows) -> None:
        self.model = model
        design = design_of(model, rows.X)
        self.leverage = Leverage(design, rows.sample_weight, penalty_of(model))
        self.coordinates = self.leverage.coordinates(design)
        self.own = np.sqrt(1.0 + self.leverage.own_without(self.coordinates))

    def at(self, X: Any) -> Doubles:
        u = self.leverage.coordinates(design_of(self.model, X))
        found: Doubles = np.sqrt(1.0 + self.leverage.without(u, self.coordinates))
        return found

    def full(self, X: Any) -> Doubles:
        found: Doubles = np.sqrt(1.0 + self.leverage.at(design_of(self.model, X)))
        return found


class _KnownUnits:
    """A spread that the user knows."""

    def __init__(self, scale: Any, rows: Rows) -> None:
        self.scale = scale
        self.own = positive_scale(scale, rows.X)

    def at(self, X: Any) -> Doubles:
        return positive_scale(self.scale, X)[:, np.newaxis]

    def full(self, X: Any) -> Doubles:
        return positive_scale(self.scale, X)


def _units(settings: Any, model: Any, rows: Rows) -> Units:
    return _LeverageUnits(model, rows) if isinstance(settings.scale, str) else _KnownUnits(settings.scale, rows)


def _full(settings: Any, form: Form, rows: Rows) -> Fitted:
    from mlcraft.uncertainty.conformal._full import FullConformal

    taken = {"groups": rows.groups, "clusters": rows.clusters, "a weight for a shift": rows.weight}
    for name, given in (taken | dict.fromkeys(rows.fit_params, True)).items():
        if given is not None:
            raise ValueError(f"method='full' does not take {name}; use method='jackknife+' or 'split'")
    predictor = FullConformal(settings, form, rows)
    if settings.checks:
        warn_about_exchangeability(rows.X, rows.y, np.arange(len(rows.y)))
    return Fitted(predictor.model, predictor, predictor.model.predict, form, np.arange(len(rows.y)))


def _prefit(settings: Any, form: Form, rows: Rows) -> Fitted:
    if settings.method not in ("split", "cqr"):
        raise ValueError(
            f"a fitted estimator has seen its rows: method={settings.method!r} leaves rows out, and would fit again. "
            "Use method='split' or 'cqr' with rows that it has not seen."
        )
    model = settings.estimator
    read: Any
    if isinstance(form, Band):
        read = _FittedBand(model, form)
    elif isinstance(form, Scaled):
        if isinstance(settings.scale, str):
            raise ValueError(
                "scale='leverage' needs the rows that the estimator was fitted to, which a fitted one does not hold: "
                "give scale= a function of X, or a fitted model of the spread"
            )
        read = _Reader(model, _KnownUnits(settings.scale, rows))
    else:
        read = model.predict
    held = np.arange(len(rows.y))
    if settings.checks:
        warn_about_exchangeability(rows.X, rows.y, np.zeros(len(held), dtype=np.intp))
    return Fitted(model, OneModel(read, calibrate(settings, form, read(rows.X), rows, held)), read, form, held)


class _FittedBand:
    """Quantiles of fitted models, sorted in each row."""

    def __init__(self, model: Any, form: Band) -> None:
        self.models = list(model) if isinstance(model, list | tuple) else [model]
        self.wanted = len(form.quantiles)

    def __call__(self, X: Any) -> NDArray[Any]:
        found = np.column_stack([model.predict(X) for model in self.models])
        if found.shape[1] != self.wanted:
            raise ValueError(
                f"the fitted estimator predicts {found.shape[1]} numbers a row, and quantiles= lists {self.wanted}: "
                "say which quantiles they are, or pass a list with one fitted estimator for each"
            )
        return np.sort(found, axis=1)
