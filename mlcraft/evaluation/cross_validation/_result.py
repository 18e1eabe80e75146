"""Scores by fold, and how sure their mean is."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import t

from mlcraft.uncertainty.scores import Estimate

__all__ = ["CrossValidation", "mean_over_folds"]


def mean_over_folds(
    scores: Any, n_train: float, n_test: float, *, level: float = 0.95, name: str = "score"
) -> Estimate:
    """
    Estimate the mean of scores by fold, with the variance that overlapping training sets leave it.

    Folds share training rows, so the variance of their mean is not the usual ``s^2 / K``: Nadeau and Bengio's
    correction takes ``s^2 (1 / K + n_test / n_train)`` instead.

    Parameters
    ----------
    scores : array-like of shape (n_folds,)
        Scores of the folds, or of all repeats of them.
    n_train, n_test : float
        Rows to train on and to test on in a fold; means if folds differ.
    level : float, default=0.95
        Confidence level.
    name : str, default="score"

    Returns
    -------
    Estimate
        Its ``n`` is the number of folds. Infinite bounds from one fold.

    Raises
    ------
    ValueError
        If there are no scores, one is NaN, or a number of rows is not positive.

    References
    ----------
    Nadeau & Bengio (2003), "Inference for the generalization error", Machine Learning 52; Bouckaert & Frank (2004).

    Examples
    --------
    >>> from mlcraft.evaluation import mean_over_folds
    >>> print(mean_over_folds([0.80, 0.84, 0.82, 0.85, 0.79], n_train=80, n_test=20, name="accuracy"))
    accuracy 0.82 [0.7725, 0.8675]
    """
    values = np.asarray(scores, dtype=np.float64).ravel()
    if not len(values) or np.isnan(values).any():
        raise ValueError(f"{name}: {np.isnan(values).sum()} of {len(values)} scores are NaN; there must be one or more")
    if not (n_train > 0 and n_test > 0):
        raise ValueError(f"n_train and n_test must be positive; got {n_train!r} and {n_test!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; got {level!r}")
    value, count = float(values.mean()), len(values)
    if count < 2:
        return Estimate(value, -np.inf, np.inf, level, count, name, "one fold says nothing about the spread")
    error = np.sqrt(values.var(ddof=1) * (1 / count + n_test / n_train))
    reach = float(t.ppf((1 + level) / 2, count - 1) * error)
    return Estimate(value, value - reach, value + reach, level, count, name, "corrected t (Nadeau and Bengio)")


class CrossValidation(dict[str, Any]):
    """
    What `cross_validate` returns: scikit-learn's dictionary, and the means with their intervals.

    Attributes
    ----------
    n_train, n_test : float
        Mean numbers of rows to train on and to test on.
    form : str
        "moments", "warm starts" or "refits": how the fits were made.
    """

    n_train: float = np.nan
    n_test: float = np.nan
    form: str = "refits"

    def mean(self, name: str = "test_score", *, level: float = 0.95) -> Estimate:
        """
        Estimate the mean of a score over the folds; see `mean_over_folds`.

        Parameters
        ----------
        name : str, default="test_score"
            A key of this dictionary.
        level : float, default=0.95

        Returns
        -------
        Estimate

        Raises
        ------
        KeyError
            If there is no such score.
        """
        if name not in self:
            raise KeyError(f"no {name!r} among {', '.join(self)}")
        return mean_over_folds(self[name], self.n_train, self.n_test, level=level, name=name.removeprefix("test_"))
