"""Tests of calibration: Spiegelhalter's, and that of Hosmer and Lemeshow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty._intervals import with_notes
from mlcraft.uncertainty.calibration._bins import Forecasts, binned, table_of

__all__ = ["CalibrationTest", "hosmer_lemeshow_test", "spiegelhalter_test"]

Doubles = NDArray[np.float64]
SMALL = 5.0  # expected events below which the chi-square distribution is in doubt


@dataclass(frozen=True)
class CalibrationTest:
    """
    Outcome of a test of the hypothesis that forecasts are calibrated.

    Attributes
    ----------
    name : str
    statistic : float
    p_value : float
        Probability of a statistic at least as far from what is expected, if the forecasts are calibrated.
    df : float or None
        Degrees of freedom of a chi-square statistic.
    n : int
        Rows that counted.
    table : dict of str to ndarray, or None
        Of the groups: `predicted` and `observed` events and rows.
    notes : tuple of str
    """

    name: str
    statistic: float
    p_value: float
    df: float | None
    n: int
    table: dict[str, NDArray[Any]] | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f"z = {self.statistic:.4f}" if self.df is None else f"chi2({self.df:g}) = {self.statistic:.4f}"
        return with_notes(f"{self.name}: {shown}, p = {self.p_value:.4g}", self.notes)


def spiegelhalter_test(
    y_true: Any, y_prob: Any, *, classes: Any = None, pos_label: Any = None, sample_weight: Any = None
) -> CalibrationTest:
    """
    Test whether the Brier score is what calibrated forecasts would have (Spiegelhalter 1986).

    The score minus its expectation, over its standard deviation, is normal if each row has the probability forecast for
    it. No bins; two-sided. What it does not see: errors that cancel in the Brier score.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the positive class, or of every class; these must not have been fitted on the same rows.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_prob`. Default: the sorted labels of `y_true`.
    pos_label : object, default=None
        The label whose probability `y_prob` is; 1 by default.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts. The variance is that of a weighted sum of independent rows: only ratios matter.

    Returns
    -------
    CalibrationTest
        With `statistic` z.

    Raises
    ------
    ValueError
        If `y_prob` holds no probabilities, labels do not fit, or all forecasts are 0, 1 or 1/2: then the score does not
        vary.

    References
    ----------
    Spiegelhalter (1986), Probabilistic prediction in patient management and clinical trials, Statistics in Medicine 5.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import spiegelhalter_test
    >>> p = np.repeat([0.2, 0.8], 50)
    >>> y = np.concatenate([np.arange(50) < 15, np.arange(50) < 40])
    >>> print(spiegelhalter_test(y, p))
    Spiegelhalter's test: z = 1.2500, p = 0.2113
    """
    codes, p, weight = table_of(y_true, y_prob, classes, pos_label, sample_weight)
    if p.shape[1] == 2:  # a sum of squares over both classes would be twice this
        p1, hit = p[:, 1], (codes == 1).astype(np.float64)
        surprise = (hit - p1) * (1.0 - 2.0 * p1)
        variance = (1.0 - 2.0 * p1) ** 2 * p1 * (1.0 - p1)
    else:
        scores = 1.0 - 2.0 * p + (p**2).sum(axis=1, keepdims=True)  # of each class, if it is the right one
        mean = (p * scores).sum(axis=1)
        surprise = scores[np.arange(len(p)), codes] - mean
        variance = (p * (scores - mean[:, np.newaxis]) ** 2).sum(axis=1)
    total = float(weight**2 @ variance)
    if total <= 0:
        raise ValueError(
            "the Brier score of these forecasts is the same whatever happens (all are 0, 1 or the same for every "
            "class), so there is nothing to test"
        )
    z = float(weight @ surprise / np.sqrt(total))
    return CalibrationTest("Spiegelhalter's test", z, float(2.0 * ndtr(-abs(z))), None, len(p))


def hosmer_lemeshow_test(
    y_true: Any,
    y_prob: Any,
    *,
    bins: Any = 10,
    fitted: bool = False,
    classes: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
) -> CalibrationTest:
    """
    Compare the numbers of events with those expected, over groups of equal size by forecast.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the positive class, or of every class; groups are then formed by that of the classes after the
        first [2]_.
    bins : int or array-like of shape (n_bins + 1,), default=10
        Groups of equal weight ("deciles of risk"), or edges. Rows of equal forecasts stay together.
    fitted : bool, default=False
        Whether the forecasts come from a model fitted to these same rows, which costs two degrees of freedom for each
        class but one [1]_. False for rows that the model has not seen.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_prob`. Default: the sorted labels of `y_true`.
    pos_label : object, default=None
        The label whose probability `y_prob` is; 1 by default.
    sample_weight : array-like of shape (n_samples,), default=None
        Numbers of rows: a weight of two is two rows.

    Returns
    -------
    CalibrationTest
        With `statistic` chi-square, and the `table` of the groups.

    Raises
    ------
    ValueError
        If `y_prob` holds no probabilities, labels do not fit, or there are too few groups.

    Warns
    -----
    UserWarning
        If fewer than 5 events are expected in more than a fifth of the cells.

    Notes
    -----
    The outcome depends on how groups are formed. Of many rows it finds gaps that do not matter, of few it misses those
    that do: `calibration_curve` shows how large they are.

    References
    ----------
    .. [1] Hosmer and Lemeshow (1980), Goodness of fit tests for the multiple logistic regression model, Communications
       in Statistics A 9.
    .. [2] Fagerland, Hosmer and Bofin (2008), Multinomial goodness-of-fit tests for logistic regression models,
       Statistics in Medicine 27.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import hosmer_lemeshow_test
    >>> p = np.repeat([0.2, 0.4, 0.6, 0.8], 50)
    >>> y = np.concatenate([np.arange(50) < events for events in (15, 22, 28, 40)])
    >>> print(hosmer_lemeshow_test(y, p, bins=4))
    Hosmer-Lemeshow test: chi2(4) = 3.7917, p = 0.4349
    """
    codes, p, weight = table_of(y_true, y_prob, classes, pos_label, sample_weight)
    n_classes = p.shape[1]
    order = p[:, 1] if n_classes == 2 else 1.0 - p[:, 0]
    found = binned(Forecasts((codes == n_classes - 1).astype(np.float64), order, weight), bins, "quantile")
    groups = len(found.count)
    lost = 2 if fitted else 0
    if groups <= lost:
        raise ValueError(
            f"there are {groups} groups of rows with different forecasts, and fitted={fitted} needs more than {lost}"
        )
    expected = np.stack([np.bincount(found.code, weight * p[:, k]) for k in range(n_classes)], axis=1)
    happened = np.stack([np.bincount(found.code, weight * (codes == k), minlength=groups) for k in range(n_classes)], 1)
    gaps = (happened - expected) ** 2
    terms = np.divide(gaps, expected, out=np.where(gaps > 0, np.inf, 0.0), where=expected > 0)
    statistic, df = float(terms.sum()), float((groups - lost) * (n_classes - 1))
    few = int((expected < SMALL).sum())
    if few > 0.2 * expected.size:
        warn_caller(
            f"In {few} of {expected.size} cells of the Hosmer-Lemeshow table fewer than {SMALL:g} events are expected, "
            f"the least {expected.min():.3g}: its p-value is not to be trusted. Use fewer bins.",
            UserWarning,
        )
    table = {"rows": found.count, "predicted": expected, "observed": happened}
    if n_classes == 2:
        table = {"rows": found.count, "predicted": expected[:, 1], "observed": happened[:, 1]}
    p_value = float(chdtrc(df, statistic)) if np.isfinite(statistic) else 0.0
    return CalibrationTest("Hosmer-Lemeshow test", statistic, p_value, df, len(p), table)
