"""The share of the spread of y that predictions take away: R2 and explained variance."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils._param_validation import StrOptions

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked, metric_pass
from mlcraft.evaluation.metrics._regression import averaged, regression

__all__ = ["explained_of", "explained_variance_score", "r2_score"]

Doubles = NDArray[np.float64]
_SHARE: dict[str, list[Any]] = {
    "y_true": ARRAY,
    "y_pred": ARRAY,
    "sample_weight": WEIGHT,
    "multioutput": [StrOptions({"raw_values", "uniform_average", "variance_weighted"}), "array-like"],
    "force_finite": ["boolean"],
}


def explained_of(left: Doubles, spread: Doubles, multioutput: Any, force_finite: bool) -> Any:
    """Return ``1 - left / spread`` by output or averaged; where spread is 0, 1 or 0 by whether anything is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 1 - left / spread
    if force_finite:
        shares = np.where(spread == 0, np.where(left == 0, 1.0, 0.0), np.where(left == 0, 1.0, shares))
    if isinstance(multioutput, str) and multioutput == "variance_weighted":
        return float(np.average(shares, weights=spread if spread.any() else None))
    return averaged(shares, multioutput)


@checked(**_SHARE)
def explained_variance_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
    force_finite: bool = True,
) -> Any:
    """
    Share of the variance of y that the predictions take away; a constant error costs nothing.

    Parameters
    ----------
    y_true, y_pred, sample_weight, multioutput, force_finite
        As for `r2_score`.

    Returns
    -------
    float or ndarray of shape (n_outputs,)

    Raises
    ------
    ValueError
        If shapes do not agree, or a number is not finite.

    Examples
    --------
    >>> from mlcraft.evaluation import explained_variance_score
    >>> explained_variance_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.9571734475374732
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    sums = metric_pass("spread", data.y, data.prediction, data.weight)
    return explained_of(sums[:, 2], sums[:, 1], data.multioutput, force_finite)


@checked(**{**_SHARE, "multioutput": [*_SHARE["multioutput"], None]})
def r2_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: str | ArrayLike | None = "uniform_average",
    force_finite: bool = True,
) -> Any:
    """
    Coefficient of determination: the share of the squared distance from the mean that the predictions take away.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    multioutput : {"raw_values", "uniform_average", "variance_weighted"}, array-like or None, default="uniform_average"
        Each output's, their mean (also None), or their mean with the variances or these weights.
    force_finite : bool, default=True
        For a constant y give 1 for perfect predictions and 0 for others, instead of NaN and minus infinity.

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
    >>> from mlcraft.evaluation import r2_score
    >>> round(r2_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]), 6)
    0.948608
    """
    data = regression(y_true, y_pred, sample_weight, multioutput)
    if len(data.y) < 2:
        warnings.warn("R^2 score is not well-defined with less than two samples.", UndefinedMetricWarning, stacklevel=2)
        return float("nan")
    sums = metric_pass("spread", data.y, data.prediction, data.weight)
    return explained_of(sums[:, 3], sums[:, 1], data.multioutput, force_finite)
