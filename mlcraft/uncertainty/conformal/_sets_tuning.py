"""The two numbers of RAPS from rows that are not used for calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.conformal._checks import rank_of
from mlcraft.uncertainty.conformal._sets_scores import LabelScore

__all__ = ["PENALTIES", "tuned"]

Doubles = NDArray[np.float64]
PENALTIES = (0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def tuned(
    probabilities: Doubles,
    codes: NDArray[np.intp],
    u: Doubles,
    randomised: bool,
    level: float,
    penalty: float | None,
    free: int | None,
) -> LabelScore:
    """
    Choose what RAPS adds so that sets are small.

    `free` is the ``ceil(level (n + 1))``-th smallest rank of the true labels: so many labels would sets need that have
    the same size for all rows. The penalty is the one of `PENALTIES` with the smallest sets on these rows
    (Angelopoulos, Bates, Malik and Jordan 2021, appendix E), the smallest penalty where several tie.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    codes : ndarray of shape (n,)
        True labels.
    u : ndarray of shape (n,)
    randomised : bool
    level : float
    penalty : float or None
        Kept if given.
    free : int or None
        Kept if given.

    Returns
    -------
    LabelScore
    """
    rank = min(rank_of(len(codes), level), len(codes)) - 1
    if free is None:
        ranks = LabelScore("top-k").of_labels(probabilities, codes)
        free = int(np.partition(ranks, rank)[rank])
    if penalty is not None:
        return LabelScore("raps", randomised, penalty, free)
    sizes = []
    for candidate in PENALTIES:
        scores = LabelScore("raps", randomised, candidate, free)(probabilities, u)
        own = scores[np.arange(len(codes)), codes]
        sizes.append(np.count_nonzero(scores <= np.partition(own, rank)[rank]))
    return LabelScore("raps", randomised, PENALTIES[int(np.argmin(sizes))], free)
