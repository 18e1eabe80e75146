"""Tests of two sets of scores or decisions on the same rows or folds, on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.utils import check_consistent_length

__all__ = [
    "PairedTest",
    "bayes_correlated_t",
    "corrected_t",
    "five_by_two",
    "friedman",
    "holm",
    "mcnemar",
    "nemenyi",
]

Doubles = NDArray[np.float64]
FEW = 25  # discordant rows below which McNemar's test counts instead of approximating


@dataclass(frozen=True)
class PairedTest:
    """
    Result of a test that two things are alike.

    Attributes
    ----------
    statistic : float
    p_value : float
        Of a difference as large or larger in either direction, if there is none.
    method : str
        Name of the test.
    probabilities : tuple of float or None
        Of the first being worse, practically the same, and better: with the Bayesian test only.
    """

    statistic: float
    p_value: float
    method: str
    probabilities: tuple[float, float, float] | None = None


def mcnemar(first_right: ArrayLike, second_right: ArrayLike, *, exact: bool | None = None) -> PairedTest:
    """
    McNemar's test that two classifiers are right equally often.

    Only rows where one of them is right count: of these the first takes half if both are alike.

    Parameters
    ----------
    first_right, second_right : array-like of bool of shape (n_samples,)
        Whether each classifier decides each row rightly.
    exact : bool, optional
        Whether to count (binomial, mid-p) rather than approximate by chi-square with the continuity correction.
        Default: where fewer than 25 rows count.

    Returns
    -------
    PairedTest
        A p-value of 1 where no row counts.

    Raises
    ------
    ValueError
        If lengths differ.

    References
    ----------
    McNemar (1947), Psychometrika 12; Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13 (mid-p).

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation.comparison import mcnemar
    >>> first = np.repeat([True, True, False], [150, 59, 6 + 16])
    >>> second = np.repeat([True, False, True, False], [150, 59, 6, 16])
    >>> test = mcnemar(first, second)
    >>> round(test.statistic, 2), f"{test.p_value:.1e}"
    (41.6, '1.1e-10')
    """
    check_consistent_length(first_right, second_right)
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    count = only_first + only_second
    if count == 0:
        return PairedTest(0.0, 1.0, "McNemar, no row where they differ")
    if count < FEW if exact is None else exact:
        less = min(only_first, only_second)
        twice = 2 * stats.binom.cdf(less, count, 0.5) - stats.binom.pmf(less, count, 0.5)
        return PairedTest(float(less), float(min(twice, 1.0)), "McNemar, mid-p")
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / count
    return PairedTest(statistic, float(stats.chi2.sf(statistic, 1)), "McNemar, chi-square")


def corrected_t(differences: ArrayLike, n_train: float, n_test: float) -> PairedTest:
    """
    Test differences by fold with a t test that is corrected for training sets that overlap.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        First minus second, on the same folds.
    n_train, n_test : float
        Rows to train on and to test on in a fold.

    Returns
    -------
    PairedTest
        p-value 1 where all differences are 0, and 0 where they are equal otherwise; NaN from one fold.

    References
    ----------
    Nadeau & Bengio (2003), "Inference for the generalization error", Machine Learning 52.

    Examples
    --------
    >>> from mlcraft.evaluation.comparison import corrected_t
    >>> round(corrected_t([0.02, 0.03, 0.01, 0.02, 0.02], n_train=80, n_test=20).p_value, 3)
    0.014
    """
    values = np.asarray(differences, dtype=np.float64)
    mean, error = _corrected(values, n_train, n_test)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = 0.0 if mean == 0 else float(np.divide(mean, error))
    p_value = float(2 * stats.t.sf(abs(statistic), len(values) - 1)) if len(values) > 1 else np.nan
    return PairedTest(statistic, p_value, "corrected t")


def _corrected(values: Doubles, n_train: float, n_test: float) -> tuple[float, float]:
    if len(values) < 2:
        return float(values.mean()), np.nan
    return float(values.mean()), float(np.sqrt(values.var(ddof=1) * (1 / len(values) + n_test / n_train)))


def bayes_correlated_t(differences: ArrayLike, n_train: float, n_test: float, rope: float) -> PairedTest:
    """
    Probability that the first is worse, practically the same, or better, by the Bayesian correlated t test.

    The posterior of the mean difference is Student's t with the variance of `corrected_t`.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        First minus second; higher is better.
    n_train, n_test : float
        Rows to train on and to test on in a fold.
    rope : float
        Differences up to this much do not matter in practice.

    Returns
    -------
    PairedTest
        With `probabilities`; its p-value is that of `corrected_t`.

    Raises
    ------
    ValueError
        If rope is negative or there are fewer than two folds.

    References
    ----------
    Corani & Benavoli (2015), Machine Learning 100; Benavoli, Corani, Demsar & Zaffalon (2017), JMLR 18.

    Examples
    --------
    >>> from mlcraft.evaluation.comparison import bayes_correlated_t
    >>> test = bayes_correlated_t([0.02, 0.03, 0.01, 0.02, 0.02], n_train=80, n_test=20, rope=0.01)
    >>> [round(p, 3) for p in test.probabilities]
    [0.002, 0.05, 0.949]
    """
    values = np.asarray(differences, dtype=np.float64)
    if not rope >= 0:
        raise ValueError(f"rope must not be negative; got {rope!r}")
    if len(values) < 2:
        raise ValueError("there must be two folds or more")
    mean, error = _corrected(values, n_train, n_test)
    if error == 0:
        worse, better = float(mean < -rope), float(mean > rope)
    else:
        posterior = stats.t(len(values) - 1, mean, error)
        worse, better = float(posterior.cdf(-rope)), float(posterior.sf(rope))
    test = corrected_t(values, n_train, n_test)
    return PairedTest(test.statistic, test.p_value, "Bayesian correlated t", (worse, 1 - worse - better, better))


def five_by_two(differences: ArrayLike) -> PairedTest:
    """
    Alpaydin's F test of five repeats of two-fold cross-validation.

    Parameters
    ----------
    differences : array-like of shape (5, 2)
        First minus second, by repeat and fold.

    Returns
    -------
    PairedTest

    Raises
    ------
    ValueError
        If the shape is another.

    References
    ----------
    Alpaydin (1999), "Combined 5x2 cv F test", Neural Computation 11.

    Examples
    --------
    >>> from mlcraft.evaluation.comparison import five_by_two
    >>> d = [[0.02, 0.01], [0.03, 0.01], [0.02, 0.02], [0.01, 0.0], [0.02, 0.03]]
    >>> round(five_by_two(d).p_value, 3)
    0.04
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.shape != (5, 2):
        raise ValueError(f"differences must have shape (5, 2): five repeats of two folds; got {values.shape}")
    spread = float(((values - values.mean(axis=1, keepdims=True)) ** 2).sum())
    squares = float((values**2).sum())
    if squares == 0:
        return PairedTest(0.0, 1.0, "5x2cv F (Alpaydin)")
    statistic = squares / (2 * spread) if spread > 0 else np.inf
    return PairedTest(statistic, float(stats.f.sf(statistic, 10, 5)), "5x2cv F (Alpaydin)")


def holm(p_values: ArrayLike) -> Doubles:
    """
    Adjust p-values for their number by Holm's step-down method.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        NaN stays, and does not count.

    Returns
    -------
    ndarray of shape (n_tests,)

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> from mlcraft.evaluation.comparison import holm
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0) if len(order) else 0.0
    return adjusted


def friedman(scores: ArrayLike) -> PairedTest:
    """
    Test that all models rank alike over blocks (data sets, folds), by ranks: Iman and Davenport's F.

    Parameters
    ----------
    scores : array-like of shape (n_blocks, n_models)
        Higher is better.

    Returns
    -------
    PairedTest

    References
    ----------
    Friedman (1937); Iman & Davenport (1980); Demsar (2006), "Statistical comparisons of classifiers", JMLR 7.

    Examples
    --------
    >>> from mlcraft.evaluation.comparison import friedman
    >>> round(friedman([[3, 2, 1], [3, 1, 2], [3, 2, 1], [2, 3, 1]]).p_value, 3)
    0.084
    """
    ranks, blocks, models = _ranks(scores)
    ties = 1 - _tied(np.asarray(scores, dtype=np.float64)) / (blocks * models * (models**2 - 1))
    if ties <= 0:
        return PairedTest(0.0, 1.0, "Friedman (Iman and Davenport)")
    sums = ((ranks.mean(axis=0) - (models + 1) / 2) ** 2).sum()
    chi_square = 12 * blocks / (models * (models + 1)) * sums / ties
    rest = blocks * (models - 1) - chi_square
    statistic = (blocks - 1) * chi_square / rest if rest > 1e-12 * chi_square else np.inf
    p_value = float(stats.f.sf(statistic, models - 1, (models - 1) * (blocks - 1)))
    return PairedTest(float(statistic), p_value, "Friedman (Iman and Davenport)")


def nemenyi(scores: ArrayLike) -> Doubles:
    """
    p-values of all pairs of models by Nemenyi's test of mean ranks.

    Parameters
    ----------
    scores : array-like of shape (n_blocks, n_models)
        Higher is better.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        Symmetric, ones on the diagonal.

    References
    ----------
    Nemenyi (1963); Demsar (2006), JMLR 7, section 3.2.2.

    Examples
    --------
    >>> from mlcraft.evaluation.comparison import nemenyi
    >>> nemenyi([[3, 2, 1], [3, 1, 2], [3, 2, 1], [2, 3, 1]]).round(2)
    array([[1.  , 0.54, 0.09],
           [0.54, 1.  , 0.54],
           [0.09, 0.54, 1.  ]])
    """
    ranks, blocks, models = _ranks(scores)
    mean = ranks.mean(axis=0)
    apart = np.abs(mean[:, None] - mean) / np.sqrt(models * (models + 1) / (6.0 * blocks))
    p_values: Any = stats.studentized_range.sf(apart * np.sqrt(2), models, np.inf)
    np.fill_diagonal(p_values, 1.0)
    return np.asarray(np.clip(p_values, 0.0, 1.0))


def _ranks(scores: ArrayLike) -> tuple[Doubles, int, int]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or np.isnan(values).any():
        raise ValueError(
            f"scores must be a table of two or more blocks and two or more models without NaN; got {values.shape}"
        )
    return np.asarray(stats.rankdata(-values, axis=1)), *values.shape


def _tied(values: Doubles) -> float:
    counts = [np.unique(row, return_counts=True)[1] for row in values]
    return float(sum((count.astype(np.float64) ** 3 - count).sum() for count in counts))
