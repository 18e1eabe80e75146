"""Errors of predicted numbers: means over rows, and the share of the spread that a model explains."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import assert_all_finite, check_array, check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked, doubles, is_plain, metric_pass

__all__ = [
    "ALPHA",
    "Regression",
    "averaged",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_pinball_loss",
    "mean_squared_error",
    "mean_squared_log_error",
    "median_absolute_error",
    "regression",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "row_means",
    "weighted_quantile",
]

Doubles = NDArray[np.float64]
_PAIR: dict[str, list[Any]] = {"y_true": ARRAY, "y_pred": ARRAY}
_ERROR: dict[str, list[Any]] = {
    **_PAIR,
    "sample_weight": WEIGHT,
    "multioutput": [StrOptions({"raw_values", "uniform_average"}), "array-like"],
}
ALPHA = [Interval(Real, 0, 1, closed="both")]


class Regression(NamedTuple):
    """Checked targets and predictions, a column for each output."""

    y: Doubles  # (n_samples, n_outputs)
    prediction: Doubles
    weight: Doubles | None
    multioutput: Any  # how outputs are averaged


def regression(y_true: Any, y_pred: Any, sample_weight: Any, multioutput: Any = None) -> Regression:
    """
    Return targets and predictions as columns of float64, after scikit-learn's checks.

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.
    """
    if is_plain(y_true, y_pred) and y_true.dtype == y_pred.dtype == np.float64 and sample_weight is None:
        y, prediction = y_true, y_pred
        if not (np.isfinite(y.sum()) and np.isfinite(prediction.sum())):
            assert_all_finite(y)
            assert_all_finite(prediction)
        y, prediction, weight = y[:, None], prediction[:, None], None
    else:
        check_consistent_length(y_true, y_pred, sample_weight)
        y, prediction = (check_array(a, ensure_2d=False, dtype="numeric") for a in (y_true, y_pred))
        weight = None if sample_weight is None else doubles(_check_sample_weight(sample_weight, y, dtype=np.float64))
        y, prediction = (a[:, None] if a.ndim == 1 else a for a in (y, prediction))
    if y.shape[1] != prediction.shape[1]:
        raise ValueError(f"y_true and y_pred have different number of output ({y.shape[1]}!={prediction.shape[1]})")
    if multioutput is not None and not isinstance(multioutput, str):
        multioutput = check_array(multioutput, ensure_2d=False)
        if y.shape[1] == 1:
            raise ValueError("Custom weights are useful only in multi-output cases.")
        if y.shape[1] != multioutput.shape[0]:
            raise ValueError(
                f"There must be equally many custom weights ({multioutput.shape[0]}) as outputs ({y.shape[1]})."
            )
    return Regression(doubles(y), doubles(prediction), weight, multioutput)


def averaged(values: Doubles, multioutput: Any) -> Any:
    """Return values by output, or their mean."""
    if isinstance(multioutput, str) and multioutput == "raw_values":
        return values
    return float(np.average(values, weights=None if isinstance(multioutput, str) else multioutput))


def row_means(name: str, data: Regression, parameter: float = 0.0) -> Doubles:
    """Return the weighted mean over rows of an error, by output."""
    sums = metric_pass(name, data.y, data.prediction, data.weight, parameter=parameter)
    return np.asarray(sums[:, 1] / sums[:, 0])


@checked(**_ERROR)
def mean_squared_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Mean of the squared error.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape (n_outputs,), default="uniform_average"
        Each output's, their mean, or their mean with these weights.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_squared_error
    >>> mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.375
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    return averaged(row_means("squared", data), data.multioutput)


@checked(**_ERROR)
def root_mean_squared_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Root of the mean of the squared error, by output before outputs are averaged.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import root_mean_squared_error
    >>> root_mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.6123724356957945
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    return averaged(np.sqrt(row_means("squared", data)), data.multioutput)


@checked(**_ERROR)
def mean_absolute_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Mean of the absolute error.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_absolute_error
    >>> mean_absolute_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.5
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    return averaged(row_means("absolute", data), data.multioutput)


@checked(**_ERROR)
def mean_absolute_percentage_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Mean of the absolute error as a share of the target (1 is 100 %); enormous where a target is 0.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_absolute_percentage_error
    >>> mean_absolute_percentage_error([2.0, 4.0], [1.0, 5.0])
    0.375
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    return averaged(row_means("percentage", data), data.multioutput)


@checked(**_ERROR, alpha=ALPHA)
def mean_pinball_loss(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    alpha: float = 0.5,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Mean pinball loss of predictions of a quantile.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.
    alpha : float in [0, 1], default=0.5
        Which quantile.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_pinball_loss
    >>> round(mean_pinball_loss([1.0, 2.0, 3.0], [0.0, 2.0, 3.0], alpha=0.9), 4)
    0.3
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    return averaged(row_means("pinball", data, alpha), data.multioutput)


def _squared_log(y_true: Any, y_pred: Any, sample_weight: Any, multioutput: Any, name: str) -> tuple[Doubles, Any]:
    data = regression(y_true, y_pred, sample_weight, multioutput)
    if (data.y <= -1).any() or (data.prediction <= -1).any():
        raise ValueError(f"{name} cannot be used when targets contain values less than or equal to -1.")
    return row_means("squared_log", data), data.multioutput


@checked(**_ERROR)
def mean_squared_log_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Mean of the squared difference of ``log(1 + y)``.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite or at most -1.

    Examples
    --------
    >>> from mlcraft.evaluation import mean_squared_log_error
    >>> round(mean_squared_log_error([3.0, 5.0], [2.5, 5.0]), 6)
    0.008915
    """
    return averaged(*_squared_log(y_true, y_pred, sample_weight, multioutput, "Mean Squared Logarithmic Error"))


@checked(**_ERROR)
def root_mean_squared_log_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    """
    Root of the mean of the squared difference of ``log(1 + y)``, by output before outputs are averaged.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite or at most -1.

    Examples
    --------
    >>> from mlcraft.evaluation import root_mean_squared_log_error
    >>> round(root_mean_squared_log_error([3.0, 5.0], [2.5, 5.0]), 6)
    0.094421
    """
    name = "Root Mean Squared Logarithmic Error"
    means, how = _squared_log(y_true, y_pred, sample_weight, multioutput, name)
    return averaged(np.sqrt(means), how)


def weighted_quantile(values: Doubles, weight: Doubles | None, share: float) -> float:
    """Return the quantile where the weights below reach that share, the mean of two where they reach it exactly."""
    if weight is None and share == 0.5:
        return float(np.median(values))
    weight = np.ones(len(values)) if weight is None else weight
    values, weight = values[weight > 0], weight[weight > 0]
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    wanted = share * reached[-1]
    at = min(int(np.searchsorted(reached, wanted)), len(order) - 1)
    after = at if reached[at] - wanted > np.finfo(np.float64).eps else min(at + 1, len(order) - 1)
    if wanted == 0:
        after = at
    return float((values[order[at]] + values[order[after]]) / 2)


@checked(**_ERROR)
def median_absolute_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multioutput: str | ArrayLike = "uniform_average",
    sample_weight: ArrayLike | None = None,
) -> Any:
    """
    Median of the absolute error.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput
        As for `mean_squared_error`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import median_absolute_error
    >>> median_absolute_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.5
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    apart = np.abs(data.prediction - data.y)
    return averaged(np.array([weighted_quantile(column, data.weight, 0.5) for column in apart.T]), data.multioutput)


@checked(**_PAIR)
def max_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """
    Largest absolute error.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are several outputs, shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import max_error
    >>> max_error([3.0, 2.0, 7.0, 1.0], [4.0, 2.0, 7.0, 1.0])
    1.0
    """
    data = regression(y_true, y_pred, None)
    if data.y.shape[1] > 1:
        raise ValueError("Multioutput not supported in max_error")
    return float(metric_pass("largest", data.y, data.prediction, None)[0, 1])
