"""Fit, score on held-out rows, and stand beside scikit-learn and the mean."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_REPEATS = 21
_ENOUGH_REPEATS = 5
_ENOUGH_SECONDS = 0.5
_TOO_MANY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Scores:
    """How far predictions are from the truth."""

    r2: float
    rmse: float
    mae: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The fitted estimator and scores on the held-out rows; times are medians over `repeats` fits.

    `lost_columns` is how many more columns scikit-learn took for dependent than mlcraft did: its default
    `tol` looks at columns in their own units and loses those of small ones.
    """

    estimator: Any
    scores: Scores
    training_scores: Scores
    baseline_scores: Scores
    reference_scores: Scores
    seconds: float
    reference_seconds: float
    repeats: int
    largest_difference: float
    lost_columns: int


def split_rows(rows: NDArray[np.intp], test_size: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Part `rows` at random into training and test rows, each in the order of the file.

    Examples
    --------
    >>> train, test = split_rows(np.arange(10), 0.2, seed=0)
    >>> len(train), len(test), sorted([*train.tolist(), *test.tolist()]) == list(range(10))
    (8, 2, True)
    """
    n_test = min(max(1, round(test_size * len(rows))), len(rows) - 1)
    shuffled = np.random.default_rng(seed).permutation(rows)
    return np.sort(shuffled[n_test:]), np.sort(shuffled[:n_test])


def score(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> Scores:
    """Score predictions; R2 is NaN where the truth does not vary.

    Examples
    --------
    >>> score(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    Scores(r2=0.5, rmse=0.5773502691896257, mae=0.3333333333333333)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        residual = truth - predicted
        total = float(np.square(truth - truth.mean()).sum())
        unexplained = float(np.square(residual).sum())
        r2 = 1.0 - unexplained / total if total > 0.0 else float("nan")
        return Scores(r2, float(np.sqrt(np.mean(np.square(residual)))), float(np.mean(np.abs(residual))))


def compare(
    x_train: NDArray[np.float64],
    y_train: NDArray[np.float64],
    x_test: NDArray[np.float64],
    y_test: NDArray[np.float64],
    alpha: float,
) -> Comparison:
    """Fit mlcraft's and scikit-learn's model to the same array, in turns, until the times are steady."""
    estimator, reference = _estimators(alpha)
    times: list[tuple[float, float]] = []
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they would say is said by the diagnosis
        while not _steady(len(times), time.perf_counter() - begin):
            times.append((_fit_seconds(estimator, x_train, y_train), _fit_seconds(reference, x_train, y_train)))
    predicted, reference_predicted = estimator.predict(x_test), reference.predict(x_test)
    seconds, reference_seconds = np.median(times, axis=0).tolist()
    return Comparison(
        estimator,
        scores=score(y_test, predicted),
        training_scores=score(y_train, estimator.predict(x_train)),
        baseline_scores=score(y_test, np.full(len(y_test), y_train.mean())),
        reference_scores=score(y_test, reference_predicted),
        seconds=seconds,
        reference_seconds=reference_seconds,
        repeats=len(times),
        largest_difference=float(np.abs(predicted - reference_predicted).max()),
        lost_columns=int(getattr(estimator, "rank_", 0) - getattr(reference, "rank_", 0)),
    )


def _estimators(alpha: float) -> tuple[Any, Any]:
    from sklearn import linear_model as reference

    from mlcraft import linear_model

    if alpha > 0.0:
        return linear_model.Ridge(alpha=alpha), reference.Ridge(alpha=alpha)
    return linear_model.LinearRegression(), reference.LinearRegression()


def _fit_seconds(estimator: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    begin = time.perf_counter()
    estimator.fit(x, y)
    return time.perf_counter() - begin


def _steady(repeats: int, seconds: float) -> bool:
    if repeats == 0:
        return False
    enough = repeats >= _ENOUGH_REPEATS and seconds > _ENOUGH_SECONDS
    return enough or repeats >= _MAX_REPEATS or seconds > _TOO_MANY_SECONDS
