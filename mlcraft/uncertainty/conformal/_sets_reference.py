"""What new rows are compared with: calibration rows that the fit has not seen, or fits without some of the rows."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._sets_probabilities import LabelProbabilities
from mlcraft.uncertainty.conformal._sets_ranks import Cells, CellScores, cell_counts
from mlcraft.uncertainty.conformal._sets_scores import LabelScore

__all__ = ["HeldOut", "NewRows", "Reference", "Split"]

Doubles = NDArray[np.float64]
Codes = NDArray[np.intp]


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
    """

    def __init__(self, X: Any, group: Codes, u: Doubles) -> None:
        self.X, self.group, self.u = X, group, u


class Reference(Protocol):
    """What both kinds answer."""

    cells: Cells
    probabilities: LabelProbabilities

    @property
    def counts(self) -> Codes:
        """Number of calibration rows in each cell, of shape (n_groups, n_columns)."""
        ...

    def at_least(self, rows: NewRows) -> Codes:
        """Count the calibration rows of the cell that are as strange as each label, or stranger: (m, n_classes)."""
        ...

    def sets(self, rows: NewRows, ranks: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which labels are in the set: not stranger than the `ranks`-th of the cell.

        `ranks` has shape (n_groups, n_columns, n_levels), the result (m, n_classes, n_levels); a rank above the number
        of rows of the cell lets all labels in.
        """
        ...


class Split:
    """
    Calibration rows apart from those of the fit.

    Parameters
    ----------
    estimator : object
        Fitted.
    probabilities : LabelProbabilities
    score : LabelScore
    cells : Cells
    cell : ndarray of shape (n,)
        Of each calibration row.
    scores : ndarray of shape (n,)
        Of each calibration row; infinite for a label that no set can hold.
    """

    def __init__(
        self,
        estimator: Any,
        probabilities: LabelProbabilities,
        score: LabelScore,
        cells: Cells,
        cell: Codes,
        scores: Doubles,
    ) -> None:
        self.estimator, self.probabilities, self.score, self.cells = estimator, probabilities, score, cells
        self.cell, self.scores = cell, scores
        self.known = CellScores(cells, cell, scores)

    @property
    def counts(self) -> Codes:
        """Number of calibration rows in each cell, of shape (n_groups, n_columns)."""
        return self.known.counts.reshape(self.cells.n_groups, self.cells.n_columns)

    def with_rows(self, cell: Codes, scores: Doubles) -> Split:
        """Return a reference with more calibration rows."""
        return Split(
            self.estimator,
            self.probabilities,
            self.score,
            self.cells,
            np.concatenate([self.cell, cell]),
            np.concatenate([self.scores, scores]),
        )

    def _scores_of(self, rows: NewRows) -> Doubles:
        found = self.score(self.probabilities.of(self.estimator, rows.X), rows.u)
        found -= self.probabilities.slack
        return found

    def at_least(self, rows: NewRows) -> Codes:
        """Count the calibration rows of the cell that are as strange as each label, or stranger: (m, n_classes)."""
        return self.known.at_least(self._scores_of(rows), rows.group)

    def sets(self, rows: NewRows, ranks: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which labels are in the set, of shape (m, n_classes, n_levels)."""
        scores = self._scores_of(rows)
        found = np.empty((*scores.shape, ranks.shape[2]), dtype=bool)
        for at in range(ranks.shape[2]):
            threshold = self.known.thresholds(ranks[:, :, at])
            np.less_equal(scores, threshold[0] if len(threshold) == 1 else threshold[rows.group], out=found[:, :, at])
        return found


class HeldOut:
    """
    All rows of the fit, each scored by a fit that has not seen it.

    A label y of a new row x is compared with row i by the scores of the same fit: that without i (Romano, Sesia and
    Candes 2020, section 4).

    Parameters
    ----------
    left : LeftOut
        Fits without some of the rows.
    probabilities : LabelProbabilities
    score : LabelScore
    cells : Cells
    cell : ndarray of shape (n,)
    scores : ndarray of shape (n,)
        Of each row by the fit without it.
    """

    def __init__(
        self,
        left: Any,
        probabilities: LabelProbabilities,
        score: LabelScore,
        cells: Cells,
        cell: Codes,
        scores: Doubles,
    ) -> None:
        self.left, self.probabilities, self.score, self.cells = left, probabilities, score, cells
        self.cell, self.scores = cell, scores
        member = left.member
        if left.n_models == len(scores) and (member is None or np.array_equal(member, np.arange(len(scores)))):
            self.folds: list[CellScores] | None = None
            self._rows_of_cell = [np.flatnonzero(cell == c) for c in range(len(cells))]
        else:
            parts = [np.flatnonzero(member == k) for k in range(left.n_models)]
            self.folds = [CellScores(cells, cell[part], scores[part]) for part in parts]

    @property
    def counts(self) -> Codes:
        """Number of rows in each cell, of shape (n_groups, n_columns)."""
        return cell_counts(self.cells, self.cell)

    def at_least(self, rows: NewRows) -> Codes:
        """Count the rows of the cell that are as strange as each label, or stranger: (m, n_classes)."""
        found = np.zeros((len(rows.group), self.probabilities.n_classes), dtype=np.intp)
        for some, values in self.left.blocks(rows.X):
            probabilities = self.probabilities.of_values(values)
            part = NewRows(None, rows.group[some], rows.u[some])
            found[some] = self._by_folds(probabilities, part) if self.folds else self._by_rows(probabilities, part)
        return found

    def _by_folds(self, probabilities: Doubles, rows: NewRows) -> Codes:
        assert self.folds is not None
        found = np.zeros((len(rows.group), probabilities.shape[-1]), dtype=np.intp)
        for k, fold in enumerate(self.folds):
            scores = self.score(np.ascontiguousarray(probabilities[:, k]), rows.u)
            scores -= self.probabilities.slack
            found += fold.at_least(scores, rows.group)
        return found

    def _by_rows(self, probabilities: Doubles, rows: NewRows) -> Codes:
        m, n, n_classes = probabilities.shape
        scores = self.score(probabilities.reshape(m * n, n_classes), np.repeat(rows.u, n)).reshape(m, n, n_classes)
        scores -= self.probabilities.slack
        found = np.zeros((m, n_classes), dtype=np.intp)
        for cell, some, classes in self.cells.parts(rows.group, n_classes):
            compared = self._rows_of_cell[cell]
            if len(self.cells) == 1:
                found = np.count_nonzero(self.scores[:, np.newaxis] >= scores, axis=1)
                break
            those = scores[some][:, compared, classes]
            found[some, classes] = np.count_nonzero(self.scores[compared][:, np.newaxis] >= those, axis=1)
        return found

    def sets(self, rows: NewRows, ranks: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which labels are in the set, of shape (m, n_classes, n_levels)."""
        counts = self.at_least(rows)
        least = self.counts[:, :, np.newaxis] + 1 - ranks
        chosen = least if len(least) == 1 else least[rows.group]
        found: NDArray[np.bool_] = counts[:, :, np.newaxis] >= chosen
        return found
