"""Variance and covariance of areas under ROC curves, by the placements of DeLong, DeLong and Clarke-Pearson (1988)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from sklearn.utils import check_array

from mlcraft.evaluation.metrics._checks import ARRAY, WEIGHT, checked
from mlcraft.evaluation.metrics._intervals import normal_interval, normal_quantile
from mlcraft.evaluation.metrics._labels import LABEL
from mlcraft.evaluation.metrics._ranking import Ranking, binary_ranking

__all__ = ["DeLong", "Difference", "area_influence", "delong"]

Doubles = NDArray[np.float64]


class Difference(NamedTuple):
    """Two areas compared on the same rows: what `DeLong.difference` returns."""

    value: float
    lower: float
    upper: float
    standard_error: float
    z: float
    p_value: float


@dataclass(frozen=True)
class DeLong:
    """
    Areas under ROC curves of one or several scores of the same rows, with their covariance.

    Attributes
    ----------
    auc : ndarray of shape (n_scores,)
    covariance : ndarray of shape (n_scores, n_scores)
        NaN where a class has a single row.
    n_positives, n_negatives : int
    """

    auc: Doubles
    covariance: Doubles
    n_positives: int
    n_negatives: int

    @property
    def standard_error(self) -> Doubles:
        """Root of the variance of each area: (n_scores,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))

    def interval(self, level: float = 0.95, scale: str = "logit") -> Doubles:
        """
        Return an interval for each area.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
        scale : {"logit", "plain"}, default="logit"
            On the log odds, so that it stays within (0, 1) and fits areas near 1; or symmetric, cut off at 0 and 1.

        Returns
        -------
        ndarray of shape (n_scores, 2)
            Lower and upper ends.

        Examples
        --------
        >>> from mlcraft.evaluation import delong
        >>> delong([0, 0, 1, 0, 1, 1], [0.1, 0.4, 0.35, 0.2, 0.8, 0.7]).interval().round(3)
        array([[0.261, 0.995]])
        """
        pairs = zip(self.auc, self.standard_error, strict=True)
        return np.array([normal_interval(auc, error, level, scale, (0.0, 1.0)) for auc, error in pairs])

    def difference(self, first: int = 0, second: int = 1, level: float = 0.95) -> Difference:
        """
        Compare two of the scores on the same rows: the paired test of DeLong, DeLong and Clarke-Pearson.

        Parameters
        ----------
        first, second : int, default=0 and 1
            Which scores; the difference is that of the first less the second.
        level : float in (0, 1), default=0.95

        Returns
        -------
        Difference
            With a p-value of 1 where both rank alike.

        Examples
        --------
        >>> from mlcraft.evaluation import delong
        >>> scores = [[0.1, 0.3], [0.4, 0.6], [0.35, 0.2], [0.2, 0.1], [0.8, 0.9], [0.7, 0.5]]
        >>> round(delong([0, 0, 1, 0, 1, 1], scores).difference().p_value, 3)
        0.157
        """
        c = self.covariance
        error = float(np.sqrt(max(c[first, first] + c[second, second] - c[first, second] - c[second, first], 0.0)))
        value = float(self.auc[first] - self.auc[second])
        if error <= 1e-12 and abs(value) <= 1e-12:
            return Difference(value, value, value, 0.0, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            z = float(np.divide(value, error))
        reach = normal_quantile(level) * error
        return Difference(value, max(value - reach, -1), min(value + reach, 1), error, z, float(2 * ndtr(-abs(z))))


def area_influence(ranking: Ranking) -> Doubles:
    """
    Return how each row moves the area, in units of the area: their squares add up to its variance.

    Parameters
    ----------
    ranking : Ranking

    Returns
    -------
    ndarray of shape (n_samples,)
        Sums to zero in either class. Not corrected for the degrees of freedom.
    """
    positive = ranking.positive.astype(bool)
    shares = np.where(positive, 1 / ranking.positives, 1 / ranking.negatives)
    if ranking.weight is not None:
        shares *= ranking.weight
    return np.asarray(shares * (ranking.placements - ranking.roc_auc))


@checked(y_true=ARRAY, y_score=ARRAY, pos_label=LABEL, sample_weight=WEIGHT, groups=WEIGHT)
def delong(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    pos_label: float | bool | str | None = None,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> DeLong:
    """
    Areas under the ROC curves of scores of the same rows, and their covariance, in O(n log n).

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), found by ranks (Sun and Xu 2014), equal scores
    counting half. Weights are those of a sample: a row of weight two is one observation that stands for two. With
    `groups` rows of a group may depend on each other (Obuchowski 1997).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Two classes.
    y_score : array-like of shape (n_samples,) or (n_samples, n_scores)
        One or several scores; the higher, the more likely positive.
    pos_label : int, float, bool, str or None
        The positive class. Default: 1, if the classes are {0, 1} or {-1, 1}.
    sample_weight : array-like of shape (n_samples,) or None
        Default: all one.
    groups : array-like of shape (n_samples,) or None
        Labels of clusters of rows. Default: rows are independent.

    Returns
    -------
    DeLong
        ``.auc, .covariance, .standard_error, .interval(level), .difference(first, second)``.

    Raises
    ------
    ValueError
        If y_true does not hold both of two classes, lengths differ, a score is not finite, or a weight is negative.

    References
    ----------
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Biometrics 44, 837-845.
    Sun, X. and Xu, W. (2014). IEEE Signal Processing Letters 21, 1389-1393.
    Obuchowski, N. A. (1997). Biometrics 53, 567-578.

    Examples
    --------
    >>> from mlcraft.evaluation import delong
    >>> found = delong([0, 0, 1, 0, 1, 1], [0.1, 0.4, 0.35, 0.2, 0.8, 0.7])
    >>> found.auc.round(4), found.standard_error.round(4)
    (array([0.8889]), array([0.1571]))
    """
    scores: NDArray[Any] = check_array(y_score, ensure_2d=False)
    if scores.ndim == 1:
        scores = scores[:, None]
    columns = (np.ascontiguousarray(column) for column in scores.T)
    rankings = [binary_ranking(y_true, column, pos_label, sample_weight) for column in columns]
    first = rankings[0]
    n_positives = int(first.positive.sum())
    n_negatives = len(first.positive) - n_positives
    if first.weight is not None and (first.weight < 0).any():
        raise ValueError(f"sample_weight holds {first.weight.min():g}; weights of a variance cannot be negative.")
    if not (first.positives > 0 and first.negatives > 0):
        raise ValueError(
            f"y_true holds {n_positives} positive and {n_negatives} negative rows with weight; an area needs both."
        )
    moves = np.array([area_influence(ranking) for ranking in rankings])
    if groups is not None:
        covariance = _by_group(moves, groups, sample_weight)
    else:
        positive = first.positive.astype(bool)
        covariance = np.zeros((len(moves), len(moves)))
        for rows, count in ((moves[:, positive], n_positives), (moves[:, ~positive], n_negatives)):
            covariance += rows @ rows.T * (count / (count - 1) if count > 1 else np.nan)
    return DeLong(np.array([ranking.roc_auc for ranking in rankings]), covariance, n_positives, n_negatives)


def _by_group(moves: Doubles, groups: Any, sample_weight: Any) -> Doubles:
    """Return the covariance of sums over groups that are independent."""
    labels = np.asarray(groups)
    if sample_weight is not None:
        labels = labels[np.asarray(sample_weight) != 0]
    if labels.shape != moves.shape[1:]:
        raise ValueError(
            f"groups has {labels.shape} elements, and there are {moves.shape[1]} rows; it needs one a row."
        )
    codes = np.unique(labels, return_inverse=True)[1]
    sums = np.array([np.bincount(codes, weights=row) for row in moves])
    count = sums.shape[1]
    if count < 2:
        raise ValueError("groups holds one group alone; a variance needs two or more.")
    return np.asarray(sums @ sums.T * (count / (count - 1)))
