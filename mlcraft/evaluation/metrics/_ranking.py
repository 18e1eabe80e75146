"""One sort by score, which all metrics of a ranking share."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_pos_label_consistency, _check_sample_weight

from mlcraft import _core
from mlcraft._engine.labels import known_labels
from mlcraft.evaluation.metrics._checks import doubles, is_plain

__all__ = ["Ranking", "binary_ranking", "two_class_ranking"]

Doubles = NDArray[np.float64]
EXACT = 2**53  # whole numbers up to here are doubles


class Ranking:
    """
    Rows in order of their scores, and the metrics that follow from the order.

    Parameters
    ----------
    positive : ndarray of shape (n_samples,) of uint8
        1 for rows of the positive class.
    score : ndarray of shape (n_samples,)
        The higher, the more likely positive; finite numbers.
    weight : ndarray of shape (n_samples,) of float64, or None
        Rows without weight must have been left out.

    Raises
    ------
    ValueError
        If a score is NaN or infinite, in scikit-learn's words.
    """

    def __init__(self, positive: NDArray[np.uint8], score: NDArray[Any], weight: Doubles | None) -> None:
        self.positive, self.score, self.weight = positive, score, weight
        order, start, runs = _core.rank_rows(_as_doubles(score), positive)
        if runs < 0:
            assert_all_finite(score)
            raise ValueError("y_score is too large for float64.")
        self.order: NDArray[np.intp] = order  # twice the row, plus the label
        self.start: NDArray[np.intp] = start[: runs + 1]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows by descending score."""
        return self.order >> 1

    def _find(self, what: str) -> Doubles:
        found: Doubles = _core.ranking(what, (self.order, self.start, self.weight))
        return found

    @cached_property
    def _sums(self) -> Doubles:
        sums: Doubles = self._find("sums")[0]
        return sums

    @property
    def positives(self) -> float:
        """Weight of the positive rows."""
        return float(self._sums[0])

    @property
    def negatives(self) -> float:
        """Weight of the negative rows."""
        return float(self._sums[1])

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve, NaN where a class is missing."""
        return float(self._sums[2])

    @property
    def average_precision(self) -> float:
        """Sum over thresholds of the precision times the gain in recall."""
        return float(self._sums[3])

    @property
    def distance(self) -> float:
        """Largest distance between true and false positive rate."""
        return float(self._sums[4])

    @property
    def distance_at(self) -> Any:
        """Threshold of that distance."""
        return self.score[self.order[self.start[int(self._sums[5])]] >> 1]

    @cached_property
    def counts(self) -> Doubles:
        """Weight of the positives and of the negatives at or above each threshold: (2, n_thresholds)."""
        return self._find("curve")

    def thresholds(self, kept: NDArray[Any] | slice = slice(None)) -> NDArray[Any]:
        """Return the distinct scores, or some of them, descending, in their dtype."""
        return np.asarray(self.score[self.order[self.start[:-1][kept]] >> 1])

    @cached_property
    def placements(self) -> Doubles:
        """Share of the other class on the right side of each row's score, ties half: (n_samples,)."""
        placements: Doubles = self._find("placements")[0]
        return placements


def _as_doubles(score: NDArray[Any]) -> Doubles:
    """Return numbers in the order of the scores: the scores, or their ranks where float64 would merge some."""
    wide = score.dtype.kind in "iu" and score.dtype.itemsize == 8 and score.size
    if score.dtype.itemsize > 8 or (wide and (score.max() > EXACT or score.min() < -EXACT)):
        assert_all_finite(score)
        return np.unique(score, return_inverse=True)[1].astype(np.float64)
    return doubles(score)


def _weighted(
    positive: NDArray[np.uint8], score: NDArray[Any], sample_weight: Any
) -> tuple[NDArray[np.uint8], NDArray[Any], Doubles | None]:
    """Return the three without the rows that have no weight."""
    if sample_weight is None:
        return positive, score, None
    weight = doubles(_check_sample_weight(column_or_1d(sample_weight), positive))
    counted = weight != 0
    if counted.all():
        return positive, score, weight
    assert_all_finite(score[~counted], input_name="y_score")  # of the others the sort tells
    return positive[counted], score[counted], weight[counted]


def binary_ranking(y_true: Any, y_score: Any, pos_label: Any = None, sample_weight: Any = None) -> Ranking:
    """
    Return the ranking of rows by score, after the checks of scikit-learn's curves.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Two classes, or several with `pos_label` given.
    y_score : array-like of shape (n_samples,)
        Finite numbers.
    pos_label : int, float, bool, str or None
        The positive class. Default: 1, if the classes are {0, 1} or {-1, 1}.
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    Ranking

    Raises
    ------
    ValueError
        If there are several classes and no `pos_label`, lengths differ, or a score is not finite.
    """
    if is_plain(y_true, y_score) and not isinstance(pos_label, str):
        found = known_labels(y_true, np.uint8)
        if found is not None and (pos_label is not None or set(found[0].tolist()) in ({0, 1}, {-1, 1})):
            classes, codes = found
            wanted = 1 if pos_label is None else pos_label
            is_coded = len(classes) == 2 and classes[1] == wanted
            positive = codes if is_coded else (y_true == wanted).view(np.uint8)
            check_consistent_length(y_true, y_score, sample_weight)
            return Ranking(*_weighted(positive, y_score, sample_weight))
    kind = type_of_target(y_true, input_name="y_true")
    if not (kind == "binary" or (kind == "multiclass" and pos_label is not None)):
        raise ValueError(f"{kind} format is not supported")
    check_consistent_length(y_true, y_score, sample_weight)
    y_true, y_score = column_or_1d(y_true), column_or_1d(y_score)
    wanted = _check_pos_label_consistency(pos_label, y_true)
    assert_all_finite(y_true)
    assert_all_finite(y_score)
    positive = np.asarray(y_true == wanted, dtype=np.uint8)
    return Ranking(*_weighted(positive, _numbers(y_score), sample_weight))


def two_class_ranking(y_true: NDArray[Any], y_score: Any, sample_weight: Any) -> Ranking:
    """Return the ranking where the larger of the two labels is positive; warn where there is one label alone."""
    if is_plain(y_true, y_score) and (found := known_labels(y_true, np.uint8)) is not None:
        classes, codes = found
    else:
        check_consistent_length(y_true, y_score, sample_weight)
        y_score = _numbers(column_or_1d(y_score))
        classes, codes = np.unique(column_or_1d(y_true), return_inverse=True)
    if len(classes) != 2:
        warnings.warn(
            "Only one class is present in y_true. ROC AUC score is not defined in that case.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        codes = np.zeros(len(codes))
    check_consistent_length(codes, y_score, sample_weight)
    return Ranking(*_weighted(codes.astype(np.uint8, copy=False), y_score, sample_weight))


def _numbers(score: NDArray[Any]) -> NDArray[Any]:
    """Return scores that came as objects as float64."""
    return score if score.dtype.kind in "biuf" else score.astype(np.float64)
