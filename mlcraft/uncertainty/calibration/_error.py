"""Calibration errors as one number: expected, adaptive, maximum, root of squares; debiased, and with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.utils import check_random_state

from mlcraft.uncertainty._intervals import checked_level
from mlcraft.uncertainty.calibration._bins import Bins, binned, forecasts, table_of
from mlcraft.uncertainty.scores._estimate import Estimate

__all__ = ["calibration_error"]

Doubles = NDArray[np.float64]
HALVINGS = 20
INNER = 200  # draws that tell what noise adds to a largest gap
# what is measured: the norm of the gaps, the bins, and whether classes are judged one by one
KINDS = {
    "ece": ("mean", "uniform", False),
    "ace": ("mean", "quantile", True),
    "mce": ("largest", "uniform", False),
    "rmsce": ("squares", "quantile", False),
}
NAMES = {
    "ece": "expected calibration error",
    "ace": "adaptive calibration error",
    "mce": "maximum calibration error",
    "rmsce": "root mean squared calibration error",
}


def calibration_error(
    y_true: Any,
    y_prob: Any,
    kind: str = "ece",
    *,
    bins: Any = 15,
    strategy: str | None = None,
    classwise: bool | None = None,
    debias: bool = True,
    level: float = 0.95,
    classes: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
    n_resamples: int = 2000,
    random_state: Any = 0,
) -> Estimate:
    """
    Measure how far frequencies are from forecast probabilities, over bins of the forecasts.

    The plain error is never zero: in a bin of n rows a calibrated forecast misses by about ``sqrt(p (1 - p) / n)``.
    What noise alone adds is taken off by default.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the positive class, or of every class.
    kind : {"ece", "ace", "mce", "rmsce"}, default="ece"
        Mean absolute gap over bins of equal width [1]_; the same over bins of equal weight and each class [2]_; largest
        gap; root of the mean squared gap over bins of equal weight.
    bins : int or array-like of shape (n_bins + 1,), default=15
        How many bins, or their edges.
    strategy : {"uniform", "quantile"}, default=None
        Bins of equal width or weight, if not those of `kind`.
    classwise : bool, default=None
        With three classes or more: whether each is judged against the others and the mean taken, or the most probable
        one only. Default: that of `kind`.
    debias : bool, default=True
        Whether to take off what noise adds: for squares ``observed (1 - observed) / (n - 1)`` in each bin [3]_ [4]_,
        for the others what normal noise of this size would add to the gaps found [4]_, which is not all of it where
        there is no gap.
    level : float, default=0.95
        Of the interval.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_prob`. Default: the sorted labels of `y_true`.
    pos_label : object, default=None
        The label whose probability `y_prob` is; 1 by default.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.
    n_resamples : int, default=2000
        Draws of the noise of the gaps, which the interval comes from: it holds the errors for which the value found is
        between the quantiles of what noise makes of them. Its lower end is zero where calibrated forecasts could have
        come out as these.
    random_state : int, RandomState instance or None, default=0
        Seed of these.

    Returns
    -------
    Estimate
        Of the error of these bins, not of the error without bins, which may be larger. Notes hold the plain value. In
        simulations intervals of 90 % cover 95 % of the time where forecasts are calibrated, and 85 % where the gaps are
        about as large as their noise.

    Raises
    ------
    ValueError
        If `kind` or `strategy` is unknown, `y_prob` holds no probabilities, or labels do not fit.

    References
    ----------
    .. [1] Naeini, Cooper and Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI.
    .. [2] Nixon et al. (2019), Measuring calibration in deep learning, CVPR workshops.
    .. [3] Bröcker (2012), Estimating reliability and resolution of probability forecasts, Climate Dynamics 39.
    .. [4] Kumar, Liang and Ma (2019), Verified uncertainty calibration, NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import calibration_error
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=1000)
    >>> y = rng.uniform(size=1000) < p**2
    >>> print(calibration_error(y, p))
    expected calibration error 0.1538 [0.1304, 0.1776]
    - plain value 0.1543, over 15 bins
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    if strategy not in (None, "uniform", "quantile"):
        raise ValueError(f"strategy must be 'uniform' or 'quantile', got {strategy!r}")
    checked_level(level)
    norm, usual, by_class = KINDS[kind]
    codes, p, weight = table_of(y_true, y_prob, classes, pos_label, sample_weight)
    events = forecasts(codes, p, weight, by_class if classwise is None else classwise)
    found = [binned(event, bins, strategy or usual) for event in events]
    share = np.concatenate([each.share for each in found]) / len(found)
    gap = np.concatenate([each.observed - each.predicted for each in found])
    variance, removed = (np.concatenate([_variance(each)[i] for each in found]) for i in (0, 1))
    measure = _Measure(norm, share, variance, removed if debias else None, random_state)
    plain = float(measure.plain(gap))
    value = float(measure(gap))
    noise = measure.random.standard_normal((n_resamples, len(gap))) * np.sqrt(variance)
    lower, upper = (
        plain * _factor(measure, gap, noise, plain, tail) for tail in (0.5 + 0.5 * level, 0.5 - 0.5 * level)
    )
    lower, upper = min(lower, value), min(1.0, max(upper, value))
    notes = (f"plain value {plain:.4g}, over {len(gap)} bins" if debias else f"noise included, over {len(gap)} bins",)
    return Estimate(value, lower, upper, level, len(p), NAMES[kind], "normal gaps, inverted test", notes)


def _factor(measure: _Measure, gap: Doubles, noise: Doubles, plain: float, tail: float) -> float:
    """
    Return by what the gaps must be multiplied for their norm to be at a quantile of that with noise added.

    Gaps of zero are not told from small ones: a bootstrap of the gaps found would start from what noise has made of
    them, and miss zero. The norm with noise increases with the factor, so that its quantiles can be inverted.
    """
    if plain == 0:
        return 0.0
    low, high = 0.0, 1.0
    if np.quantile(measure.plain(noise), tail) >= plain:
        return 0.0
    while np.quantile(measure.plain(high * gap + noise), tail) < plain:
        low, high = high, 2.0 * high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        less = np.quantile(measure.plain(middle * gap + noise), tail) < plain
        low, high = (middle, high) if less else (low, middle)
    return 0.5 * (low + high)


class _Measure:
    """A norm of gaps, with or without what noise adds to it."""

    def __init__(
        self, norm: str, share: Doubles, variance: Doubles, removed: Doubles | None, random_state: Any
    ) -> None:
        self.norm, self.share, self.variance, self.removed = norm, share, variance, removed
        self.random = check_random_state(random_state)
        self.noise = self.random.standard_normal((INNER, len(share))) * np.sqrt(variance)

    def plain(self, gap: Doubles) -> Any:
        """Return the norm of gaps of shape (..., n_bins)."""
        if self.norm == "largest":
            return np.abs(gap).max(axis=-1)
        return np.abs(gap) @ self.share if self.norm == "mean" else np.sqrt(gap**2 @ self.share)

    def __call__(self, gap: Doubles) -> Any:
        """Return the norm, debiased where that is asked for."""
        if self.removed is None:
            return self.plain(gap)
        if self.norm == "squares":
            return np.sqrt(np.maximum((gap**2 - self.removed) @ self.share, 0.0))
        if self.norm == "mean":
            return np.maximum(2.0 * self.plain(gap) - _folded(gap, np.sqrt(self.variance)) @ self.share, 0.0)
        again = np.mean([self.plain(gap + noise) for noise in self.noise], axis=0)
        return np.maximum(2.0 * self.plain(gap) - again, 0.0)


def _variance(found: Bins) -> tuple[Doubles, Doubles]:
    """
    Return two variances of each frequency: one that is not zero where all rows agree, and one without bias.

    For the first the forecast counts as one row more, since frequencies of 0 and 1 look certain; the second is the
    forecast's in bins of a single row, which say nothing of it.
    """
    share = (found.size * found.observed + found.predicted) / (found.size + 1.0)
    told = found.size > 1.0 + 1e-9
    unbiased = found.observed * (1.0 - found.observed) / np.where(told, found.size - 1.0, 1.0)
    return share * (1.0 - share) / found.size, np.where(told, unbiased, found.predicted * (1.0 - found.predicted))


def _folded(mean: Doubles, sigma: Doubles) -> Doubles:
    """Return the mean of the absolute value of a normal variable."""
    ratio = np.divide(mean, sigma, out=np.full(np.broadcast(mean, sigma).shape, np.inf), where=sigma > 0)
    density = np.sqrt(2.0 / np.pi) * sigma * np.exp(-0.5 * ratio**2)
    return np.where(sigma > 0, density + mean * (1.0 - 2.0 * ndtr(-ratio)), np.abs(mean))
