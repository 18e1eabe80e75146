"""What new rows are compared with: calibration rows that the fit has not seen, or fits without some of the rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._checks import rank_of
from mlcraft.uncertainty.conformal._sets_probabilities import LabelProbabilities
from mlcraft.uncertainty.conformal._sets_ranks import Cells, CellScores, cell_counts
from mlcraft.uncertainty.conformal._sets_scores import LabelScore

__all__ = ["HeldOut", "Known", "NewRows", "Reference", "Split"]

Doubles = NDArray[np.float64]
Codes = NDArray[np.intp]
ROUNDING = 1e-12  # of a p-value
BLOCK = 1 << 23  # bytes of predictions looked at together; scores and comparisons take three times as much
SMALLEST = np.finfo(np.float64).tiny  # weight of a new row: where nothing weighs, nothing is ruled out


class NewRows:
    """
    Rows to be given sets.

    Parameters
    ----------
    X : array-like of shape (m, n_features)
    group : ndarray of shape (m,)
        Number of the group of each row.
    u : ndarray of shape (m,)
        Uniform on (0, 1).
    weight : ndarray of shape (m,), default=None
        How much likelier the row is where it comes from than among the rows of the fit.
    """

    def __init__(self, X: Any, group: Codes, u: Doubles, weight: Doubles | None = None) -> None:
        self.X, self.group, self.u, self.weight = X, group, u, weight


@dataclass(frozen=True)
class Known:
    """
    Calibration rows.

    Attributes
    ----------
    cells : Cells
    cell : ndarray of shape (n,)
        Of each row.
    scores : ndarray of shape (n,)
    weight : ndarray of shape (n,) or None
        How much each counts, for rows that come from elsewhere.
    """

    cells: Cells
    cell: Codes
    scores: Doubles
    weight: Doubles | None = None

    def joined(self, other: Known) -> Known:
        """Return the rows of both."""
        weight = None
        if self.weight is not None and other.weight is not None:
            weight = np.concatenate([self.weight, other.weight])
        cell, scores = np.concatenate([self.cell, other.cell]), np.concatenate([self.scores, other.scores])
        return Known(self.cells, cell, scores, weight)

    def latest(self, count: int) -> Known:
        """Return the last rows alone."""
        weight = None if self.weight is None else self.weight[-count:]
        return Known(self.cells, self.cell[-count:], self.scores[-count:], weight)

    def part(self, rows: Codes) -> CellScores:
        """Return some of the rows in order."""
        weight = None if self.weight is None else self.weight[rows]
        return CellScores(self.cells, self.cell[rows], self.scores[rows], weight)


class Reference(ABC):
    """
    What new rows are compared with.

    Parameters
    ----------
    known : Known
    probabilities : LabelProbabilities
    score : LabelScore
    """

    def __init__(self, known: Known, probabilities: LabelProbabilities, score: LabelScore) -> None:
        self.known, self.probabilities, self.score = known, probabilities, score
        self.counts: Codes = cell_counts(known.cells, known.cell)

    @abstractmethod
    def at_least(self, rows: NewRows) -> NDArray[Any]:
        """Count the calibration rows of the cell as strange as each label or stranger, or sum their weights.

        Of shape (m, n_classes).
        """

    def p_values(self, rows: NewRows) -> Doubles:
        """Return the share of rows as strange or stranger, the new one among them, of shape (m, n_classes)."""
        own, total = self._masses(rows)
        found: Doubles = (own + self.at_least(rows)) / (own + total)
        return found

    def least_p_values(self, rows: NewRows) -> Doubles:
        """Return the p-values of labels stranger than all calibration rows, of shape (m, n_columns)."""
        own, total = self._masses(rows)
        found: Doubles = own / (own + total)
        return found

    def _masses(self, rows: NewRows) -> tuple[Doubles, Doubles]:
        """Return the weights of new rows, of shape (m, 1), and those of the calibration rows they are compared with."""
        known = self.known
        total = cell_counts(known.cells, known.cell, known.weight).astype(np.float64)
        own = np.ones((1, 1)) if rows.weight is None else np.maximum(rows.weight, SMALLEST)[:, np.newaxis]
        return own, total if len(total) == 1 else total[rows.group]

    def sets(self, rows: NewRows, levels: Doubles) -> NDArray[np.bool_]:
        """Tell which labels are in the set: those with p-values above 1 - level, of shape (m, n_classes, n_levels)."""
        if rows.weight is not None:
            return self.p_values(rows)[:, :, np.newaxis] > 1.0 - levels + ROUNDING
        least = self.counts[:, :, np.newaxis] + 1 - self.ranks(levels)
        counts = self.at_least(rows)[:, :, np.newaxis]
        found: NDArray[np.bool_] = counts >= (least if len(least) == 1 else least[rows.group])
        return found

    def ranks(self, levels: Doubles) -> Codes:
        """Return the rank of the threshold in each cell, one more than there are rows where these are too few.

        Of shape (n_groups, n_columns, n_levels).
        """
        return np.array([[[rank_of(int(n), at) for at in levels] for n in row] for row in self.counts], dtype=np.intp)


class Split(Reference):
    """
    Calibration rows apart from those of the fit.

    Parameters
    ----------
    estimator : object
        Fitted.
    known : Known
    probabilities : LabelProbabilities
    score : LabelScore
    """

    def __init__(self, estimator: Any, known: Known, probabilities: LabelProbabilities, score: LabelScore) -> None:
        super().__init__(known, probabilities, score)
        self.estimator = estimator
        self._sorted = known.part(np.arange(len(known.cell)))

    def with_rows(self, known: Known) -> Split:
        """Return a reference with other calibration rows."""
        return Split(self.estimator, known, self.probabilities, self.score)

    def _scores_of(self, rows: NewRows) -> Doubles:
        found = self.score(self.probabilities.of(self.estimator, rows.X), rows.u)
        found -= self.probabilities.slack
        return found

    def at_least(self, rows: NewRows) -> NDArray[Any]:
        """Count, or weigh, the calibration rows that are as strange as each label, or stranger: (m, n_classes)."""
        return self._sorted.at_least(self._scores_of(rows), rows.group)

    def sets(self, rows: NewRows, levels: Doubles) -> NDArray[np.bool_]:
        """Tell which labels are in the set, of shape (m, n_classes, n_levels)."""
        if rows.weight is not None:
            return super().sets(rows, levels)
        scores, ranks = self._scores_of(rows), self.ranks(levels)
        found = np.empty((*scores.shape, len(levels)), dtype=bool)
        for at in range(len(levels)):
            threshold = self._sorted.thresholds(ranks[:, :, at])
            np.less_equal(scores, threshold[0] if len(threshold) == 1 else threshold[rows.group], out=found[:, :, at])
        return found


class HeldOut(Reference):
    """
    All rows of the fit, each scored by a fit that has not seen it.

    A label y of a new row x is compared with row i by the scores of the same fit: that without i (Romano, Sesia and
    Candes 2020, section 4).

    Parameters
    ----------
    left : LeftOut
        Fits without some of the rows.
    known : Known
        Scores of each row by the fit without it.
    probabilities : LabelProbabilities
    score : LabelScore
    """

    def __init__(self, left: Any, known: Known, probabilities: LabelProbabilities, score: LabelScore) -> None:
        super().__init__(known, probabilities, score)
        self.left = left
        n, member = len(known.scores), left.member
        self._folds: list[CellScores] | None = None
        if left.n_models < n or not (member is None or np.array_equal(member, np.arange(n))):
            self._folds = [known.part(np.flatnonzero(member == k)) for k in range(left.n_models)]

    def at_least(self, rows: NewRows) -> NDArray[Any]:
        """Count, or weigh, the rows that are as strange as each label, or stranger: (m, n_classes)."""
        dtype = np.intp if self.known.weight is None else np.float64
        found = np.zeros((len(rows.group), self.probabilities.n_classes), dtype=dtype)
        for some, values in self.left.blocks(rows.X, BLOCK):
            probabilities = self.probabilities.of_values(values)
            part = NewRows(None, rows.group[some], rows.u[some])
            if self._folds is None:
                self._by_rows(probabilities, part, found[some])
            else:
                self._by_folds(probabilities, part, found[some])
        return found

    def _by_folds(self, probabilities: Doubles, rows: NewRows, found: NDArray[Any]) -> None:
        assert self._folds is not None
        for k, fold in enumerate(self._folds):
            scores = self.score(np.ascontiguousarray(probabilities[:, k]), rows.u)
            scores -= self.probabilities.slack
            found += fold.at_least(scores, rows.group)

    def _by_rows(self, probabilities: Doubles, rows: NewRows, found: NDArray[Any]) -> None:
        m, n, n_classes = probabilities.shape
        scores = self.score(probabilities.reshape(m * n, n_classes), np.repeat(rows.u, n)).reshape(m, n, n_classes)
        scores -= self.probabilities.slack
        stranger = self.known.scores[:, np.newaxis] >= scores
        for cell, some, classes in self.known.cells.parts(rows.group, n_classes):
            compared = stranger[some][:, :, classes]
            if len(self.known.cells) > 1:
                compared = compared[:, self.known.cell == cell]
            if self.known.weight is None:
                found[some, classes] = np.count_nonzero(compared, axis=1)
            else:
                weight = self.known.weight[self.known.cell == cell]
                found[some, classes] = np.einsum("n,mnc->mc", weight, compared)
