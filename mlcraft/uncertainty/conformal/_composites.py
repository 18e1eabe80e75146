"""Estimators made of others: a centre and its spread, or several quantiles, fitted and left out as one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from mlcraft.uncertainty.conformal._leverage import Leverage, penalty_of

__all__ = [
    "FunctionScaled",
    "LeverageScaled",
    "Quantiles",
    "SpreadScaled",
    "design_of",
    "fit_weighted",
    "quantile_parameter",
]

Doubles = NDArray[np.float64]
SMALLEST = 0.1  # spread allowed, relative to the mean absolute residual: a linear spread would be negative somewhere
INNER_FOLDS = 5


def fit_weighted(estimator: Any, X: Any, y: Any, sample_weight: Any, params: dict[str, Any] | None = None) -> Any:
    """Fit an estimator, with weights where there are any, and return it."""
    params = dict(params or {})
    if sample_weight is not None:
        prefix, last = "", estimator
        while isinstance(last, Pipeline):
            prefix, last = f"{prefix}{last.steps[-1][0]}__", last.steps[-1][1]
        if not has_fit_parameter(last, "sample_weight"):
            raise TypeError(f"underlying estimator {type(last).__name__} does not support sample weights.")
        params[f"{prefix}sample_weight"] = sample_weight
    return estimator.fit(X, y, **params)


class _Composite(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor with several quantities a row."""

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the first quantity."""
        return self.predict_quantities(X)[:, 0]

    def predict_quantities(self, X: Any) -> NDArray[Any]:
        """Return all quantities, of shape (n_samples, n_quantities)."""
        raise NotImplementedError


class SpreadScaled(_Composite):
    """
    A model, and a second one of the size of its residuals (Lei et al. 2018).

    The second model learns absolute residuals of rows that the first did not see, by cross-validation within the rows
    of the fit, so that the pair as a whole knows nothing of rows outside them.

    Parameters
    ----------
    estimator : estimator
    scale : estimator
    random_state : int
        Of the inner folds.
    """

    def __init__(self, estimator: Any, scale: Any, random_state: int = 0) -> None:
        self.estimator = estimator
        self.scale = scale
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit both."""
        size = np.empty(len(y))
        folds = KFold(min(INNER_FOLDS, len(y)), shuffle=True, random_state=self.random_state)
        for train, test in folds.split(np.empty((len(y), 0))):
            weight = None if sample_weight is None else sample_weight[train]
            model = fit_weighted(clone(self.estimator), _safe_indexing(X, train), y[train], weight, fit_params)
            size[test] = np.abs(y[test] - model.predict(_safe_indexing(X, test)))
        self.centre_ = fit_weighted(clone(self.estimator), X, y, sample_weight, fit_params)
        spread = clone(self.scale)
        takes = sample_weight is not None and has_fit_parameter(spread, "sample_weight")
        self.spread_ = fit_weighted(spread, X, size, sample_weight if takes else None)
        self.smallest_ = SMALLEST * float(np.average(size, weights=sample_weight)) or 1.0
        return self

    def predict_quantities(self, X: Any) -> NDArray[Any]:
        """Return centre and spread."""
        return np.column_stack([self.centre_.predict(X), np.maximum(self.spread_.predict(X), self.smallest_)])


class LeverageScaled(_Composite):
    """
    A model, and the factor by which the leverage of a row widens a least-squares prediction: ``sqrt(1 + h(x))``.

    Parameters
    ----------
    estimator : estimator
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the model, and decompose its design."""
        self.centre_ = fit_weighted(clone(self.estimator), X, y, sample_weight, fit_params)
        self.leverage_ = Leverage(design_of(self.centre_, X), sample_weight, penalty_of(self.centre_))
        return self

    def predict_quantities(self, X: Any) -> NDArray[Any]:
        """Return centre and spread."""
        spread = np.sqrt(1.0 + self.leverage_.at(design_of(self.centre_, X)))
        return np.column_stack([self.centre_.predict(X), spread])


class FunctionScaled(_Composite):
    """
    A model, and a spread that is known.

    Parameters
    ----------
    estimator : estimator
    scale : callable
        From X to a positive number for each row.
    """

    def __init__(self, estimator: Any, scale: Any) -> None:
        self.estimator = estimator
        self.scale = scale

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the model."""
        self.centre_ = fit_weighted(clone(self.estimator), X, y, sample_weight, fit_params)
        return self

    def predict_quantities(self, X: Any) -> NDArray[Any]:
        """Return centre and spread."""
        return np.column_stack([self.centre_.predict(X), positive_scale(self.scale, X)])


def positive_scale(scale: Any, X: Any) -> Doubles:
    """Return what a function (or a fitted model) says of the spread of each row; it must be positive and finite."""
    found = np.asarray(scale.predict(X) if hasattr(scale, "predict") else scale(X), dtype=np.float64).reshape(-1)
    if not (np.all(found > 0) and np.all(np.isfinite(found))):
        raise ValueError(f"scale must give a positive, finite spread for every row; got one of {found.min():g}")
    return found


def design_of(fitted: Any, X: Any) -> Doubles:
    """Return what the last step of a fitted estimator sees of X, dense."""
    if isinstance(fitted, Pipeline):
        X = fitted[:-1].transform(X) if len(fitted.steps) > 1 else X
    dense = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    try:
        return np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "scale='leverage' needs a design of numbers, as the last step of a Pipeline sees it; got columns of dtype "
            f"{dense.dtype}. Encode them in the Pipeline, or give scale= a second model."
        ) from error


class Quantiles(_Composite):
    """
    A quantile regression for each of several quantiles, sorted in each row so that none crosses another.

    Parameters
    ----------
    estimator : estimator
        With a parameter for the quantile.
    quantiles : tuple of float
        Lowest first.
    parameter : str or None
        Name of that parameter; None looks for it.
    """

    def __init__(self, estimator: Any, quantiles: tuple[float, ...], parameter: str | None = None) -> None:
        self.estimator = estimator
        self.quantiles = quantiles
        self.parameter = parameter

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit one model for each quantile."""
        name = self.parameter or quantile_parameter(self.estimator)
        self.models_ = [
            fit_weighted(clone(self.estimator).set_params(**{name: quantile}), X, y, sample_weight, fit_params)
            for quantile in self.quantiles
        ]
        return self

    def predict_quantities(self, X: Any) -> NDArray[Any]:
        """Return the quantiles, lowest first."""
        return np.sort(np.column_stack([model.predict(X) for model in self.models_]), axis=1)


def quantile_parameter(estimator: Any) -> str:
    """
    Find the parameter that says which quantile an estimator predicts.

    Parameters
    ----------
    estimator : estimator
        Or a Pipeline that ends in one.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is none, or the estimator's loss is not that of quantiles.
    """
    prefix, last = "", estimator
    while isinstance(last, Pipeline):
        prefix, last = f"{prefix}{last.steps[-1][0]}__", last.steps[-1][1]
    params = last.get_params(deep=False)
    loss = params.get("loss", params.get("objective"))  # boosting libraries differ in the name
    if "quantile" in params and loss in (None, "quantile"):
        return f"{prefix}quantile"
    if loss == "quantile" and ("alpha" in params or "objective" in params):  # LightGBM takes alpha without listing it
        return f"{prefix}alpha"
    if loss == "reg:quantileerror":  # XGBoost
        return f"{prefix}quantile_alpha"
    raise ValueError(
        f"method='cqr' needs an estimator of quantiles, and {type(last).__name__} has no parameter for which one "
        f"(its loss is {loss!r}). Use QuantileRegressor, a boosting with loss 'quantile', or say quantile_parameter=."
    )
