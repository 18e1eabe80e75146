"""Brier score and log loss taken apart: reliability, resolution, uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from mlcraft.uncertainty._intervals import checked_level
from mlcraft.uncertainty.calibration._bins import Bins, Forecasts, binned, each_class, forecasts, table_of
from mlcraft.uncertainty.scores._estimate import Estimate, mean_estimate

__all__ = ["ScoreDecomposition", "brier_decomposition", "log_loss_decomposition"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreDecomposition:
    """
    A mean score in parts: ``score = reliability - resolution + uncertainty + binning``.

    Attributes
    ----------
    score : Estimate
        Mean score of the forecasts; small is good.
    reliability : Estimate
        What is lost by forecasts that are not calibrated; small is good.
    resolution : Estimate
        What is gained because forecasts tell rows apart; large is good.
    uncertainty : Estimate
        Score of always forecasting how often the event happens: what the rows are like, whatever the forecast.
    binning : float
        What the spread of forecasts within bins adds; zero with "isotonic" and "unique".
    skill : float
        Share of the uncertainty that is gained, ``1 - score / uncertainty``.
    strategy : str
    n_bins : int
    debiased : bool
    """

    score: Estimate
    reliability: Estimate
    resolution: Estimate
    uncertainty: Estimate
    binning: float
    skill: float
    strategy: str
    n_bins: int
    debiased: bool

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each part."""
        import pandas as pd

        parts = [self.score, self.reliability, self.resolution, self.uncertainty]
        columns = {key: [getattr(part, key) for part in parts] for key in ("value", "lower", "upper")}
        return pd.DataFrame(columns, index=[part.name for part in parts])

    def __str__(self) -> str:
        parts = [self.score, self.reliability, self.resolution, self.uncertainty]
        return "\n".join([*map(str, parts), f"skill {self.skill:.4g}, {self.n_bins} bins ({self.strategy})"])


@dataclass(frozen=True)
class _Rule:
    """A proper score of an event, and its derivative by the forecast when the frequency is known."""

    name: str

    def __call__(self, p: Doubles, hit: Doubles) -> Doubles:
        if self.name == "Brier score":
            return np.asarray((p - hit) ** 2)
        return np.asarray(-xlogy(hit, p) - xlog1py(1.0 - hit, -p))

    def slope(self, p: Doubles, observed: Doubles) -> Doubles:
        if self.name == "Brier score":
            return 2.0 * (p - observed)
        spread = p * (1.0 - p)
        return np.divide(p - observed, spread, out=np.zeros_like(p), where=spread > 0)

    def added(self, found: Bins, debias: bool) -> Doubles:
        """Return what noise of the frequencies adds to the reliability and the resolution, bin by bin."""
        if not debias:
            return np.zeros(len(found.share))
        size = np.maximum(found.size, 1.0)
        if self.name == "Brier score":
            spread = found.observed * (1.0 - found.observed)
            return np.divide(found.share * spread, size - 1.0, out=np.zeros_like(spread), where=size > 1.0 + 1e-9)
        varies = (found.observed > 0) & (found.observed < 1)
        return np.where(varies, found.share * 0.5 / size, 0.0)

    def added_in_all(self, share: float, n: float, debias: bool) -> float:
        """Return what noise takes from the uncertainty."""
        if not debias or n <= 1:
            return 0.0
        return share * (1.0 - share) / (n - 1.0) if self.name == "Brier score" else 0.5 / n


def _parts(rule: _Rule, given: Forecasts, found: Bins, merged: bool, debias: bool) -> tuple[Doubles, Doubles, int]:
    """
    Return values whose means are the parts, of shape (n_samples, 5), and what debiasing adds to their means.

    Frequencies minimise the score of their rows, so their own noise is of second order: differences of scores row by
    row carry the variance of their means.
    """
    base = float(given.weight @ given.hit / given.weight.sum())
    observed, predicted = found.observed[found.code], found.predicted[found.code]
    score, best, constant = (rule(p, given.hit) for p in (given.p, observed, np.full(len(given.p), base)))
    if merged:
        reliability, spread = score - best, np.zeros(len(score))
    else:
        of_bin = rule(predicted, given.hit)
        reliability = of_bin - best + rule.slope(predicted, observed) * (given.p - predicted)
        spread = score - of_bin
    added = float(rule.added(found, debias).sum())
    size = float(given.weight.sum() ** 2 / (given.weight @ given.weight))
    in_all = rule.added_in_all(base, size, debias)
    shift = np.array([0.0, -added, in_all - added, in_all, 0.0])
    return np.stack([score, reliability, constant - best, constant, spread], axis=1), shift, len(found.count)


def _decomposed(
    rule: _Rule, events: list[Forecasts], bins: Any, strategy: str, debias: bool, level: float
) -> ScoreDecomposition:
    checked_level(level)
    if debias and strategy == "isotonic":
        raise ValueError("debias=True needs bins: choose strategy='quantile', 'uniform' or 'unique'")
    weight, merged, n_bins = events[0].weight, strategy in ("isotonic", "unique"), 0
    values, shift = np.zeros((len(weight), 5)), np.zeros(5)
    with np.errstate(invalid="ignore", divide="ignore"):
        for event in events:
            some, moved, count = _parts(rule, event, binned(event, bins, strategy), merged, debias)
            values, shift, n_bins = values + some, shift + moved, n_bins + count
    names = (rule.name, "reliability", "resolution", "uncertainty")
    found = []
    for i, name in enumerate(names):
        part = mean_estimate(values[:, i], sample_weight=weight, level=level, name=name)
        least = 0.0 if i in (1, 2) and not debias else -np.inf
        lower, upper = max(part.lower + shift[i], least), part.upper + shift[i]
        found.append(replace(part, value=max(part.value + shift[i], least), lower=float(lower), upper=float(upper)))
    score, uncertainty = found[0].value, found[3].value
    spread = values[:, 4]
    binning = float(weight @ spread / weight.sum()) if np.isfinite(spread).all() else np.inf
    if merged or not np.isfinite(found[1].value):
        binning = 0.0
    skill = 1.0 - score / uncertainty if uncertainty > 0 else (1.0 if score == 0 else -np.inf)
    return ScoreDecomposition(found[0], found[1], found[2], found[3], binning, float(skill), strategy, n_bins, debias)


def brier_decomposition(
    y_true: Any,
    y_prob: Any,
    *,
    bins: Any = 10,
    strategy: str = "isotonic",
    debias: bool = False,
    level: float = 0.95,
    classes: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
) -> ScoreDecomposition:
    """
    Take the Brier score apart: reliability - resolution + uncertainty (Murphy 1973).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the positive class; with three classes or more the scores of all classes are added.
    bins : int or array-like of shape (n_bins + 1,), default=10
        How many bins, or their edges, for "uniform" and "quantile".
    strategy : {"isotonic", "uniform", "quantile", "unique"}, default="isotonic"
        Whose frequencies the forecasts are compared with: the blocks of the isotonic regression of the event on the
        forecast [1]_, which depend on no choice; bins of equal width or weight, represented by their mean forecast
        [2]_; rows of the same forecast.
    debias : bool, default=False
        Whether to take off what the noise of the frequencies adds to reliability and resolution [3]_; not with
        "isotonic".
    level : float, default=0.95
        Of the intervals, which are normal: near zero, reliability and resolution are more certain than these say below,
        and less above.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_prob`. Default: the sorted labels of `y_true`.
    pos_label : object, default=None
        The label whose probability `y_prob` is; 1 by default.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.

    Returns
    -------
    ScoreDecomposition

    Raises
    ------
    ValueError
        If `y_prob` holds no probabilities, labels do not fit, or `strategy` and `debias` do not go together.

    References
    ----------
    .. [1] Dimitriadis, Gneiting and Jordan (2021), Stable reliability diagrams for probabilistic classifiers, PNAS 118.
    .. [2] Stephenson, Coelho and Jolliffe (2008), Two extra components in the Brier score decomposition, Weather and
       Forecasting 23.
    .. [3] Ferro and Fricker (2012), A bias-corrected decomposition of the Brier score, QJRMS 138.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import brier_decomposition
    >>> p = np.repeat([0.2, 0.8], 50)
    >>> y = np.concatenate([np.arange(50) < 15, np.arange(50) < 40])
    >>> print(brier_decomposition(y, p))
    Brier score 0.19 [0.1382, 0.2418]
    reliability 0.005 [0, 0.01796]
    resolution 0.0625 [0.01961, 0.1054]
    uncertainty 0.2475 [0.2376, 0.2574]
    skill 0.2323, 2 bins (isotonic)
    """
    codes, p, weight = table_of(y_true, y_prob, classes, pos_label, sample_weight)
    events = forecasts(codes, p, weight, True) if p.shape[1] == 2 else each_class(codes, p, weight)
    return _decomposed(_Rule("Brier score"), events, bins, strategy, debias, level)


def log_loss_decomposition(
    y_true: Any,
    y_prob: Any,
    *,
    bins: Any = 10,
    strategy: str = "isotonic",
    debias: bool = False,
    level: float = 0.95,
    pos_label: Any = None,
    sample_weight: Any = None,
) -> ScoreDecomposition:
    """
    Take the log loss apart: reliability - resolution + uncertainty, in nats.

    They are the mean divergence of the frequencies from the forecasts, the information that the forecasts hold of the
    event, and its entropy (Weijs, van Nooijen and van de Giesen 2010).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels, two of them: the log loss of more does not fall into parts class by class. Take ``y_true == k`` and its
        column.
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the positive class.
    bins : int or array-like of shape (n_bins + 1,), default=10
        How many bins, or their edges, for "uniform" and "quantile".
    strategy : {"isotonic", "uniform", "quantile", "unique"}, default="isotonic"
        As in `brier_decomposition`.
    debias : bool, default=False
        Whether to take off what the noise of the frequencies adds to reliability and resolution, 1 / (2 n) for each bin
        (Miller 1955); not with "isotonic".
    level : float, default=0.95
        Of the intervals, which are normal.
    pos_label : object, default=None
        The label whose probability `y_prob` is; 1 by default.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.

    Returns
    -------
    ScoreDecomposition
        Infinite where something happened that was given probability zero.

    Raises
    ------
    ValueError
        If `y_prob` holds no probabilities, there are three labels or more, or `strategy` and `debias` do not go
        together.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.uncertainty import log_loss_decomposition
    >>> p = np.repeat([0.2, 0.8], 50)
    >>> y = np.concatenate([np.arange(50) < 15, np.arange(50) < 40])
    >>> found = log_loss_decomposition(y, p)
    >>> print(found.score)
    log loss 0.5697 [0.45, 0.6894]
    >>> print(found.reliability)
    reliability 0.01408 [0, 0.04903]
    """
    codes, p, weight = table_of(y_true, y_prob, None, pos_label, sample_weight)
    if p.shape[1] > 2:
        raise ValueError(
            f"y_prob has {p.shape[1]} columns: the log loss falls into parts for one event only. Give y_true == k and "
            "the column of class k"
        )
    return _decomposed(_Rule("log loss"), forecasts(codes, p, weight, False), bins, strategy, debias, level)
