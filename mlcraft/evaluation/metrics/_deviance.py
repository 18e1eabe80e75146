"""Deviances of counts and positive numbers, and the shares of deviance or pinball loss that a model explains."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils._param_validation import Interval, StrOptions

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked
from mlcraft.evaluation.metrics._explained import explained_of
from mlcraft.evaluation.metrics._regression import (
    ALPHA,
    Regression,
    regression,
    row_means,
    weighted_quantile,
)

__all__ = [
    "checked_domain",
    "d2_absolute_error_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "mean_gamma_deviance",
    "mean_poisson_deviance",
    "mean_tweedie_deviance",
]

_DEVIANCE: dict[str, list[Any]] = {"y_true": ARRAY, "y_pred": ARRAY, "sample_weight": WEIGHT}
_POWER = [Interval(Real, None, 0, closed="right"), Interval(Real, 1, None, closed="left")]
_OUTPUTS = [StrOptions({"raw_values", "uniform_average"}), "array-like"]


def checked_domain(y_true: Any, y_pred: Any, sample_weight: Any, power: float, name: str) -> Regression:
    """Return the columns after the checks of the domain of a Tweedie deviance."""
    data = regression(y_true, y_pred, sample_weight)
    if data.y.shape[1] > 1:
        raise ValueError(f"Multioutput not supported in {name}")
    y_low, prediction_low = data.y.min(), data.prediction.min()
    start = f"Mean Tweedie deviance error with power={power} can only be used on "
    if power < 0 and prediction_low <= 0:
        raise ValueError(f"{start}strictly positive y_pred.")
    if 1 <= power < 2 and (y_low < 0 or prediction_low <= 0):
        raise ValueError(f"{start}non-negative y and strictly positive y_pred.")
    if power >= 2 and (y_low <= 0 or prediction_low <= 0):
        raise ValueError(f"{start}strictly positive y and y_pred.")
    return data


@checked(**_DEVIANCE, power=_POWER)
def mean_tweedie_deviance(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None, power: float = 0
) -> float:
    """
    Mean Tweedie deviance (Jorgensen 1987).

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    power : float, at most 0 or at least 1, default=0
        The variance grows as the mean to this power: 0 normal, 1 Poisson, between 1 and 2 compound Poisson, 2 gamma,
        3 inverse Gaussian.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    ValueError
        If numbers are outside the domain of the power, there are several outputs, or shapes do not agree.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_tweedie_deviance
    >>> round(mean_tweedie_deviance([2.0, 0.0, 1.0, 4.0], [0.5, 0.5, 2.0, 2.0], power=1), 6)
    1.426015
    """
    data = checked_domain(y_true, y_pred, sample_weight, power, "mean_tweedie_deviance")
    return float(row_means("tweedie", data, power)[0])


@checked(**_DEVIANCE)
def mean_poisson_deviance(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """
    Mean Poisson deviance, for counts and frequencies.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        At least 0.
    y_pred : array-like of shape (n_samples,)
        Above 0.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If numbers are outside the domain, there are several outputs, or shapes do not agree.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_poisson_deviance
    >>> round(mean_poisson_deviance([2.0, 0.0, 1.0, 4.0], [0.5, 0.5, 2.0, 2.0]), 6)
    1.426015
    """
    return mean_tweedie_deviance(y_true, y_pred, sample_weight=sample_weight, power=1)


@checked(**_DEVIANCE)
def mean_gamma_deviance(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """
    Mean gamma deviance, for positive amounts; the same whatever their unit.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        Above 0.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If numbers are outside the domain, there are several outputs, or shapes do not agree.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_gamma_deviance
    >>> round(mean_gamma_deviance([2.0, 0.5, 1.0, 4.0], [0.5, 0.5, 2.0, 2.0]), 6)
    1.056853
    """
    return mean_tweedie_deviance(y_true, y_pred, sample_weight=sample_weight, power=2)


def _too_few(data: Regression) -> bool:
    if len(data.y) >= 2:
        return False
    warnings.warn("D^2 score is not well-defined with less than two samples.", UndefinedMetricWarning, stacklevel=3)
    return True


@checked(**_DEVIANCE, power=_POWER)
def d2_tweedie_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None, power: float = 0
) -> float:
    """
    Share of the Tweedie deviance from the mean that the predictions take away.

    Parameters
    ----------
    y_true, y_pred, sample_weight, power
        As for `mean_tweedie_deviance`.

    Returns
    -------
    float
        At most 1; NaN, with an UndefinedMetricWarning, for fewer than two rows.

    Raises
    ------
    ValueError
        As `mean_tweedie_deviance`.

    Examples
    --------
    >>> from mlcraft.evaluation import d2_tweedie_score
    >>> round(d2_tweedie_score([0.5, 1.0, 2.5, 7.0], [1.0, 1.0, 5.0, 3.5], power=1), 6)
    0.487915
    """
    shapes = regression(y_true, y_pred, sample_weight)
    if shapes.y.shape[1] > 1:
        raise ValueError("Multioutput not supported in d2_tweedie_score")
    if _too_few(shapes):
        return float("nan")
    data = checked_domain(y_true, y_pred, sample_weight, power, "d2_tweedie_score")
    mean = np.average(data.y, axis=0, weights=data.weight)
    null = data._replace(prediction=np.broadcast_to(mean, data.y.shape))
    left, spread = row_means("tweedie", data, power)[0], row_means("tweedie", null, power)[0]
    return float(1 - left / spread)


@checked(**_DEVIANCE, alpha=ALPHA, multioutput=_OUTPUTS)
def d2_pinball_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    alpha: float = 0.5,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Share of the pinball loss of the quantile of y that the predictions take away.

    Parameters
    ----------
    y_true, y_pred, sample_weight, alpha, multioutput
        As for `mean_pinball_loss`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        At most 1; NaN, with an UndefinedMetricWarning, for fewer than two rows.

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import d2_pinball_score
    >>> d2_pinball_score([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    if _too_few(data):
        return float("nan")
    weight = np.ones(len(data.y)) if data.weight is None else data.weight
    quantiles = [weighted_quantile(column, weight, alpha) for column in data.y.T]
    null = data._replace(prediction=np.broadcast_to(quantiles, data.y.shape))
    left, spread = row_means("pinball", data, alpha), row_means("pinball", null, alpha)
    return explained_of(left, spread, data.multioutput, True)


@checked(**_DEVIANCE, multioutput=_OUTPUTS)
def d2_absolute_error_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Share of the absolute error of the median of y that the predictions take away.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_absolute_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        At most 1; NaN, with an UndefinedMetricWarning, for fewer than two rows.

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import d2_absolute_error_score
    >>> d2_absolute_error_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.7647058823529411
    """
    return d2_pinball_score(y_true, y_pred, sample_weight=sample_weight, alpha=0.5, multioutput=multioutput)
