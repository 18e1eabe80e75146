"""Where a score stands among those of calibration rows, within each class and group that is calibrated by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CellScores", "Cells", "cell_counts"]

Doubles = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Cells:
    """
    The cells that are calibrated by themselves: groups of rows, by classes or not.

    Attributes
    ----------
    n_groups : int
        1 where all rows are one group.
    n_columns : int
        Number of classes where each is calibrated by itself, else 1.
    """

    n_groups: int
    n_columns: int

    def __len__(self) -> int:
        return self.n_groups * self.n_columns

    def of(self, group: Codes, codes: Codes) -> Codes:
        """Return the cell of each row with its label."""
        return group * self.n_columns + (codes if self.n_columns > 1 else 0)

    def parts(self, group: Codes, n_classes: int) -> Iterator[tuple[int, Codes | slice, slice]]:
        """Yield (cell, rows, classes): for each cell the rows and labels that are compared with it."""
        for g in range(self.n_groups):
            rows: Codes | slice = slice(None) if self.n_groups == 1 else np.flatnonzero(group == g)
            for c in range(self.n_columns):
                yield g * self.n_columns + c, rows, slice(0, n_classes) if self.n_columns == 1 else slice(c, c + 1)


class CellScores:
    """
    Scores of calibration rows in order, cell by cell.

    Parameters
    ----------
    cells : Cells
    cell : ndarray of shape (n,)
        Of each row.
    scores : ndarray of shape (n,)
    weight : ndarray of shape (n,), default=None
        How much each counts.
    """

    def __init__(self, cells: Cells, cell: Codes, scores: Doubles, weight: Doubles | None = None) -> None:
        self.cells = cells
        order = np.lexsort((scores, cell))
        self.scores = scores[order]
        self.weight = None if weight is None else weight[order]
        self.start = np.searchsorted(cell[order], np.arange(len(cells) + 1))

    @property
    def counts(self) -> Codes:
        """Number of rows in each cell."""
        return np.diff(self.start)

    def of_cell(self, cell: int) -> Doubles:
        """Return the scores of one cell, the smallest first."""
        return self.scores[self.start[cell] : self.start[cell + 1]]

    def thresholds(self, ranks: Codes) -> Doubles:
        """
        Return the score of a rank in each cell, infinite where there are fewer.

        Parameters
        ----------
        ranks : ndarray of shape (n_groups, n_columns)
            Counted from 1.

        Returns
        -------
        ndarray of shape (n_groups, n_columns)
        """
        found = np.full(len(self.cells), np.inf)
        there = ranks.ravel() <= self.counts
        found[there] = self.scores[(self.start[:-1] + ranks.ravel() - 1)[there]]
        return found.reshape(ranks.shape)

    def at_least(self, scores: Doubles, group: Codes) -> NDArray[Any]:
        """
        Count the scores of the cell that are as large, or larger; or sum their weights.

        Parameters
        ----------
        scores : ndarray of shape (m, n_classes)
        group : ndarray of shape (m,)

        Returns
        -------
        ndarray of shape (m, n_classes)
        """
        found = np.zeros(scores.shape, dtype=np.intp if self.weight is None else np.float64)
        for cell, rows, classes in self.cells.parts(group, scores.shape[1]):
            known = self.of_cell(cell)
            below = np.searchsorted(known, scores[rows, classes], side="left")
            if self.weight is None:
                found[rows, classes] = len(known) - below
            else:
                weight = self.weight[self.start[cell] : self.start[cell + 1]]
                found[rows, classes] = np.append(np.cumsum(weight[::-1])[::-1], 0.0)[below]
        return found


def cell_counts(cells: Cells, cell: Codes, weight: Doubles | None = None) -> NDArray[Any]:
    """Return the number of rows in each cell, or the sum of their weights, of shape (n_groups, n_columns)."""
    return np.bincount(cell, weight, minlength=len(cells)).reshape(cells.n_groups, cells.n_columns)
