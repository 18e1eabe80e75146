"""How strange a label is for a row, by the probabilities of a classifier: LAC, APS, RAPS, top-k, or a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCORES", "SLACK", "LabelScore", "tied_positions"]

Doubles = NDArray[np.float64]
SCORES = ("lac", "aps", "raps", "top-k")
# Equal rows may get probabilities that differ in the last digits when they come in another batch. Scores that differ by
# less count as equal, or ties at the threshold would be lost on one side only.
SLACK = {8: 1e-12, 4: 1e-6, 2: 1e-3}  # by bytes of a number


@dataclass(frozen=True)
class LabelScore:
    """
    A nonconformity score: the larger, the stranger.

    With p the probabilities of a row, p_y that of a label, `above` the sum of the probabilities larger than p_y, `tied`
    the sum of those equal to it (p_y itself, mostly), and rank the number of labels at least as probable:

    ======= ================================================================== ===========================
    "lac"   1 - p_y                                                            Sadinle, Lei, Wasserman 2019
    "aps"   above + u tied                                                     Romano, Sesia, Candes 2020
    "raps"  above + u tied + penalty (rank - free)_+                           Angelopoulos et al. 2021
    "top-k" rank                                                               Angelopoulos et al. 2021
    ======= ================================================================== ===========================

    u is uniform on (0, 1), one for each row, or 1 where nothing is drawn. Labels of equal probability have equal
    scores.

    Attributes
    ----------
    kind : str or callable
        One of `SCORES`, or a function from probabilities of shape (n, n_classes) to scores of that shape.
    randomised : bool
        Whether u is drawn.
    penalty, free : float
        For "raps": what each label beyond the first `free` costs.
    """

    kind: str | Callable[[Doubles], Any]
    randomised: bool = True
    penalty: float = 0.0
    free: int = 0

    @property
    def draws(self) -> bool:
        """Whether the score needs u."""
        return self.randomised and self.kind in ("aps", "raps")

    def __call__(self, probabilities: Doubles, u: Doubles | None = None) -> Doubles:
        """
        Score all labels.

        Parameters
        ----------
        probabilities : ndarray of shape (n, n_classes)
        u : ndarray of shape (n,) or None
            Needed where `draws`.

        Returns
        -------
        ndarray of shape (n, n_classes)

        Raises
        ------
        ValueError
            If a function of the user's returns another shape, or NaN.
        """
        if callable(self.kind):
            return self._by_function(probabilities)
        if self.kind == "lac":
            return 1.0 - probabilities
        order = np.argsort(-probabilities, axis=1)
        sorted_ = np.take_along_axis(probabilities, order, axis=1)
        first, last = tied_positions(sorted_)
        if self.kind == "top-k":
            found = last + 1.0
        else:
            found = self._cumulated(sorted_, first, last, u if self.draws else None)
        scores = np.empty_like(probabilities)
        np.put_along_axis(scores, order, found, axis=1)
        return scores

    def _cumulated(self, sorted_: Doubles, first: Any, last: Any, u: Doubles | None) -> Doubles:
        sums = np.cumsum(sorted_, axis=1)
        plain = last.shape[0] == 1  # no ties
        upto = sums if plain else np.take_along_axis(sums, last, axis=1)
        if u is None:
            found = upto.copy()
        else:
            before = np.zeros_like(sums)
            before[:, 1:] = sums[:, :-1]
            if not plain:
                before = np.take_along_axis(before, first, axis=1)
            found = before + u[:, np.newaxis] * (upto - before)
        if self.kind == "raps":
            found += self.penalty * np.maximum(last + 1.0 - self.free, 0.0)
        return found

    def _by_function(self, probabilities: Doubles) -> Doubles:
        assert callable(self.kind)
        scores = np.array(self.kind(probabilities), dtype=np.float64)
        if scores.shape != probabilities.shape:
            raise ValueError(
                f"score must return one number for each row and class, an array of shape {probabilities.shape}; "
                f"it returned shape {scores.shape}"
            )
        if np.isnan(scores).any():
            raise ValueError("score returned NaN")
        return scores

    def of_labels(self, probabilities: Doubles, codes: NDArray[np.intp], u: Doubles | None = None) -> Doubles:
        """
        Score one label of each row; bit for bit what scoring all labels gives.

        Parameters
        ----------
        probabilities : ndarray of shape (n, n_classes)
        codes : ndarray of shape (n,)
            Column of the label.
        u : ndarray of shape (n,) or None

        Returns
        -------
        ndarray of shape (n,)
        """
        if self.kind == "lac":
            own: Doubles = 1.0 - probabilities[np.arange(len(codes)), codes]
            return own
        return np.take_along_axis(self(probabilities, u), codes[:, np.newaxis], axis=1)[:, 0]


def tied_positions(sorted_: Doubles) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """
    Return where the run of equal values begins and ends that each value belongs to.

    Parameters
    ----------
    sorted_ : ndarray of shape (n, n_classes)
        Each row in order.

    Returns
    -------
    first, last : ndarray of shape (n, n_classes), or (1, n_classes) if no two neighbours are equal
    """
    places = np.arange(sorted_.shape[1], dtype=np.intp)[np.newaxis]
    new = sorted_[:, 1:] != sorted_[:, :-1]
    if new.all():
        return places, places
    edge = np.ones((len(sorted_), 1), dtype=bool)
    first = np.maximum.accumulate(np.where(np.hstack([edge, new]), places, 0), axis=1)
    ends = np.where(np.hstack([new, edge]), places, sorted_.shape[1])
    last = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    return first, last
