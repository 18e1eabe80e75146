"""Models compared on rows that none of them was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight

from mlcraft.evaluation.comparison._measure import Measure, classifies, measure_of, responses
from mlcraft.evaluation.comparison._pairs import Comparison, Difference, pairs_of
from mlcraft.evaluation.comparison._tests import PairedTest, holm, mcnemar
from mlcraft.uncertainty.scores import Estimate

__all__ = ["compare", "named_models", "permutation_test"]

Doubles = NDArray[np.float64]
Statistic = Callable[[Doubles | None], float]
TESTS = ("auto", "delong", "mcnemar", "permutation", "bootstrap")
ENOUGH = 50_000  # independent rows from which means are normal whatever is drawn
AT_ONCE = 5_000_000  # signs and counts held at once


def compare(
    models: Any,
    X: Any,
    y: Any,
    *,
    metric: Any = None,
    test: str = "auto",
    sample_weight: Any = None,
    groups: Any = None,
    level: float = 0.95,
    alpha: float = 0.05,
    adjust: str | None = "holm",
    n_resamples: int = 1999,
    random_state: Any = None,
) -> Comparison:
    """
    Compare fitted models on held-out rows: which is better, by how much, and how sure that is.

    All models are judged on the same rows, so what matters is the difference row by row; its interval is that of the
    paired bootstrap, or of DeLong's covariance for areas under ROC curves.

    Parameters
    ----------
    models : dict of str to object, or list of object
        Two or more fitted models, or arrays of what they predict (classes, probabilities, scores, numbers).
    X : array-like of shape (n_samples, n_features) or None
        Rows that no model was fitted to; None where all predictions are given.
    y : array-like of shape (n_samples,)
        Targets.
    metric : str or callable, optional
        "accuracy", "balanced_accuracy", "f1", "matthews_corrcoef", "roc_auc", "average_precision", "log_loss", "brier",
        "r2", "rmse", "mse", "mae", "poisson_deviance", "gamma_deviance", or a function of (y, prediction,
        sample_weight=), higher is better. Default: the log loss of classifiers, "rmse" of regressions.
    test : {"auto", "delong", "mcnemar", "permutation", "bootstrap"}, default="auto"
        How p-values are found. "auto": DeLong for "roc_auc", McNemar for "accuracy" (without weights or groups), for
        all else the permutation test that swaps the two models' predictions of rows at random.
    sample_weight : array-like of shape (n_samples,), optional
        How much each row counts. Default: all alike.
    groups : array-like of shape (n_samples,), optional
        Labels of rows that go together; whole groups are drawn and swapped. Default: each row alone.
    level : float, default=0.95
        Confidence level of the intervals, each on its own.
    alpha : float, default=0.05
        What counts as shown.
    adjust : {"holm", None}, default="holm"
        For the number of pairs.
    n_resamples : int, default=1999
        Bootstrap samples and permutations.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    Comparison
        Printed, it ends with a sentence.

    Raises
    ------
    ValueError
        If an argument does not fit, a prediction is NaN, or y holds a class that a model was not fitted to.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44; McNemar (1947); Efron & Tibshirani (1993), chapter 15.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.datasets import load_california_housing
    >>> from mlcraft.evaluation import compare
    >>> from mlcraft.linear_model import LinearRegression
    >>> housing = load_california_housing()
    >>> X = np.column_stack([housing[name] for name in ("median_income", "housing_median_age", "households")])
    >>> y = housing["median_house_value"] / 1e5
    >>> train, test = slice(0, None, 2), slice(1, None, 2)
    >>> class Few(LinearRegression):
    ...     def fit(self, X, y):
    ...         return super().fit(X[:, :1], y)
    ...     def predict(self, X):
    ...         return super().predict(X[:, :1])
    >>> models = {"income": Few().fit(X[train], y[train]), "all": LinearRegression().fit(X[train], y[train])}
    >>> print(compare(models, X[test], y[test], random_state=0).sentence())
    all is better than income (rmse 0.0406 lower, 0.0349 to 0.046; adjusted p = 0.0005, permutation).
    """
    chosen = named_models(models)
    y = column_or_1d(y)
    check_consistent_length(y, *([] if X is None else [X]), *([] if groups is None else [groups]))
    _check(test, adjust, level, alpha, n_resamples, len(y))
    measure = measure_of(metric, y, classifies(chosen, y))
    weight = None if sample_weight is None else _check_sample_weight(sample_weight, y, dtype=np.float64)
    predictions = {name: responses(model, X, y, measure) for name, model in chosen.items()}
    if weight is not None:
        if (weight < 0).any() or not weight.any():
            raise ValueError(
                f"sample_weight must not be negative, nor all zero; got {weight.min():g} to {weight.max():g}"
            )
        kept = weight > 0  # rows that do not count are not drawn either
        y, weight = y[kept], weight[kept]
        groups = None if groups is None else np.asarray(groups)[kept]
        predictions = {name: found[kept] for name, found in predictions.items()}
    rows = _Rows(y, weight, groups, measure, predictions, n_resamples, check_random_state(random_state))
    return _compared(rows, test, level, alpha, adjust)


def named_models(models: Any) -> dict[str, Any]:
    """
    Return models by name: those given, or the names of their classes, numbered where they repeat.

    Parameters
    ----------
    models : dict of str to object, or list of object

    Returns
    -------
    dict of str to object

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    if isinstance(models, dict):
        chosen = {str(name): model for name, model in models.items()}
    else:
        chosen = {}
        for model in models:
            name, number = type(model).__name__, 2
            unique = name
            while unique in chosen:
                unique, number = f"{name} {number}", number + 1
            chosen[unique] = model
    if len(chosen) < 2:
        raise ValueError(f"models must hold two or more to compare; got {len(chosen)}")
    return chosen


def permutation_test(
    first: Any,
    second: Any,
    y: Any,
    *,
    metric: Any,
    groups: Any = None,
    n_resamples: int = 1999,
    random_state: Any = None,
) -> PairedTest:
    """
    Test that two sets of predictions of the same rows are equally good, by swapping them at random.

    Parameters
    ----------
    first, second : array-like of shape (n_samples,) or (n_samples, n_classes)
        Predictions as the metric takes them.
    y : array-like of shape (n_samples,)
        Targets.
    metric : str or callable
        As `compare` takes it.
    groups : array-like of shape (n_samples,), optional
        Labels of rows that are swapped together.
    n_resamples : int, default=1999
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    PairedTest
        Its p-value is never 0: at least 1 / (n_resamples + 1).

    Raises
    ------
    ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import permutation_test
    >>> y = np.arange(40.0)
    >>> test = permutation_test(y + 1, y - 1.5, y, metric="mae", random_state=0)
    >>> float(test.statistic), test.p_value
    (-0.5, 0.0005)
    """
    y = column_or_1d(y)
    chosen = {"first": np.asarray(first), "second": np.asarray(second)}
    check_consistent_length(y, *chosen.values(), *([] if groups is None else [groups]))
    _check("permutation", None, 0.95, 0.05, n_resamples, len(y))
    measure = measure_of(metric, y, classifies(chosen, y))
    predictions = {name: responses(values, None, y, measure) for name, values in chosen.items()}
    rows = _Rows(y, None, groups, measure, predictions, n_resamples, check_random_state(random_state))
    return rows.permuted("first", "second")


def _check(test: str, adjust: str | None, level: float, alpha: float, n_resamples: int, n: int) -> None:
    if test not in TESTS:
        raise ValueError(f"test must be one of {', '.join(TESTS)}; got {test!r}")
    if adjust not in ("holm", None):
        raise ValueError(f"adjust must be 'holm' or None; got {adjust!r} ('nemenyi' needs folds: compare_cv)")
    for name, value in (("level", level), ("alpha", alpha)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1; got {value!r}")
    if not isinstance(n_resamples, int | np.integer) or n_resamples < 99:
        raise ValueError(f"n_resamples must be a whole number from 99 on; got {n_resamples!r}")
    if n < 2:
        raise ValueError(f"there must be two rows or more; got {n}")


class _Rows:
    """Predictions of all models for the same rows, and what can be drawn from them."""

    def __init__(
        self,
        y: NDArray[Any],
        weight: Doubles | None,
        groups: Any,
        measure: Measure,
        predictions: dict[str, NDArray[Any]],
        n_resamples: int,
        random: np.random.RandomState,
    ) -> None:
        self.y, self.weight, self.measure, self.predictions = y, weight, measure, predictions
        self.n_resamples, self.random = n_resamples, random
        self.grouped = groups is not None
        self.codes = np.unique(np.asarray(groups), return_inverse=True)[1] if self.grouped else None
        self.units = len(y) if self.codes is None else int(self.codes.max()) + 1
        if self.units < 2:
            raise ValueError("groups holds one group alone; a comparison needs two or more")
        self.by_row: dict[str, Doubles] = {}
        if measure.by_row is not None:
            self.by_row = {name: measure.by_row(y, found) for name, found in predictions.items()}

    def score(self, name: str, factor: Doubles | None = None) -> float:
        weight = self.weight if factor is None else factor if self.weight is None else factor * self.weight
        if self.by_row:
            return float(self.measure.of_mean(np.average(self.by_row[name], weights=weight)))
        return self.measure(self.y, self.predictions[name], weight)

    def spread(self, units: NDArray[Any]) -> NDArray[Any]:
        """Return numbers of groups as numbers of their rows."""
        return units if self.codes is None else units[..., self.codes]

    def normal(self) -> bool:
        return bool(self.by_row) and self.units >= ENOUGH

    def error_of_mean(self, values: Doubles) -> float:
        """Return the standard error of a weighted mean over units."""
        weight = np.ones(len(self.y)) if self.weight is None else self.weight
        off = weight * (values - np.average(values, weights=weight)) / weight.sum()
        if self.codes is not None:
            off = np.bincount(self.codes, weights=off)
        return float(np.sqrt((off**2).sum() * self.units / (self.units - 1)))

    def moves(self, name: str) -> Doubles:
        """Return how each row moves the score, up to a constant."""
        score = self.score(name) if self.measure.root else 1.0
        return self.by_row[name] / (2 * score) if self.measure.root and score > 0 else self.by_row[name]

    def drawn(self) -> dict[str, Doubles]:
        """Return scores of all models under the same resamples of the units: (n_resamples,) each."""
        found: dict[str, list[float]] = {name: [] for name in self.predictions}
        for counts in self._counts():
            if self.by_row:
                weights = self.spread(counts) * (1.0 if self.weight is None else self.weight)
                total = weights.sum(axis=1)
                for name in found:
                    found[name] += self.measure.of_mean(weights @ self.by_row[name] / total)[total > 0].tolist()
                continue
            for row in counts:
                factor = self.spread(row)
                kept = factor > 0
                if not self._usable(kept):
                    continue
                for name in found:
                    found[name].append(self.score(name, factor))
        return {name: np.array(values) for name, values in found.items()}

    def _usable(self, kept: NDArray[np.bool_]) -> bool:
        """Whether a resample can be scored: it holds both of two classes."""
        if self.measure.response != "score":
            return True
        some = self.y[kept]
        return bool(np.any(some != some[0]))

    def _counts(self) -> Iterator[Doubles]:
        left, at_once = self.n_resamples, max(1, AT_ONCE // len(self.y))
        while left > 0:
            count = min(left, at_once)
            drawn = self.random.randint(self.units, size=(count, self.units))
            yield np.array([np.bincount(row, minlength=self.units) for row in drawn], dtype=np.float64)
            left -= count

    def permuted(self, first: str, second: str) -> PairedTest:
        """Test by swapping predictions of units at random."""
        observed = self.score(first) - self.score(second)
        if self.by_row:  # of a root too: the sum of both means stays, so their roots differ as they do
            return self._flipped(first, second, observed)
        count = 0
        a, b = self.predictions[first], self.predictions[second]
        for _ in range(self.n_resamples):
            swap = self.spread(self.random.randint(2, size=self.units)).astype(bool)
            if a.ndim == 2:
                swap = swap[:, None]
            one, other = np.where(swap, b, a), np.where(swap, a, b)
            difference = self.measure(self.y, one, self.weight) - self.measure(self.y, other, self.weight)
            count += abs(difference) >= abs(observed) * (1 - 1e-12)
        return PairedTest(observed, (1 + count) / (1 + self.n_resamples), "permutation")

    def _flipped(self, first: str, second: str, observed: float) -> PairedTest:
        """Test by signs: swapping the predictions of a row turns that of its difference."""
        weight = np.ones(len(self.y)) if self.weight is None else self.weight
        parts = (self.by_row[first] - self.by_row[second]) * weight / weight.sum()
        if self.codes is not None:
            parts = np.bincount(self.codes, weights=parts)
        if not np.any(parts):
            return PairedTest(0.0, 1.0, "permutation")
        reach = abs(float(parts.sum()))
        if self.normal():
            z = reach / np.sqrt((parts**2).sum())
            return PairedTest(observed, float(2 * ndtr(-abs(z))), "permutation, normal limit")
        count, left, at_once = 0, self.n_resamples, max(1, AT_ONCE // len(parts))
        while left > 0:
            signs = 2.0 * self.random.randint(2, size=(min(left, at_once), len(parts))) - 1
            count += int(np.sum(np.abs(signs @ parts) >= reach * (1 - 1e-12)))
            left -= len(signs)
        return PairedTest(observed, (1 + count) / (1 + self.n_resamples), "permutation")


def _compared(rows: _Rows, test: str, level: float, alpha: float, adjust: str | None) -> Comparison:
    measure = rows.measure
    values = {name: rows.score(name) for name in rows.predictions}
    names, pairs = pairs_of(values, measure.greater_is_better)
    area = _areas(rows, names) if measure.name == "roc_auc" else None
    draws = None if area is not None or rows.normal() else rows.drawn()
    scores, notes = {}, []
    for name in names:
        if area is not None:
            scores[name] = _area(rows, name, level)
        else:
            scores[name] = _estimate(rows, values[name], name, None, draws, level)
    if draws is not None and len(next(iter(draws.values()))) < rows.n_resamples:
        short = rows.n_resamples - len(next(iter(draws.values())))
        notes.append(f"{short} of {rows.n_resamples} resamples held one class alone and were left out.")
    differences = []
    for first, second in pairs:
        if area is not None:
            of_area = area.difference(names.index(first), names.index(second), level)
            estimate = Estimate(of_area.value, of_area.lower, of_area.upper, level, len(rows.y), measure.name, "DeLong")
        else:
            estimate = _estimate(rows, values[first] - values[second], first, second, draws, level)
        found = _tested(rows, test, first, second, area, names, draws)
        differences.append((first, second, estimate, found))
    alone = np.array([found.p_value for *_, found in differences])
    adjusted = holm(alone) if adjust == "holm" else alone
    return Comparison(
        measure.name,
        measure.greater_is_better,
        scores,
        [
            Difference(first, second, estimate, found.p_value, float(p), found.method)
            for (first, second, estimate, found), p in zip(differences, adjusted, strict=True)
        ],
        alpha,
        adjust or "none",
        tuple(notes),
    )


def _area(rows: _Rows, name: str, level: float) -> Estimate:
    """Return one area, with an interval that exists at 1 as well."""
    from mlcraft.evaluation import score

    codes = (rows.y == np.unique(rows.y)[1]).astype(int)
    found = score("roc_auc", codes, rows.predictions[name], level=level, sample_weight=rows.weight, groups=rows.codes)
    return Estimate(found.value, found.lower, found.upper, level, found.n, "roc_auc", found.method)


def _areas(rows: _Rows, names: list[str]) -> Any:
    from mlcraft.evaluation import delong

    table = np.column_stack([rows.predictions[name] for name in names])
    codes = (rows.y == np.unique(rows.y)[1]).astype(int)
    return delong(codes, table, sample_weight=rows.weight, groups=rows.codes)


def _estimate(
    rows: _Rows, value: float, first: str, second: str | None, draws: dict[str, Doubles] | None, level: float
) -> Estimate:
    name = rows.measure.name
    if draws is None:
        of_rows = rows.moves(first) - (rows.moves(second) if second is not None else 0.0)
        reach = float(-ndtri((1 - level) / 2)) * rows.error_of_mean(of_rows)
        return Estimate(value, value - reach, value + reach, level, len(rows.y), name, "normal")
    of_draws = draws[first] - (draws[second] if second is not None else 0.0)
    low, high = np.quantile(of_draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), level, len(rows.y), name, "paired bootstrap")


def _tested(
    rows: _Rows, test: str, first: str, second: str, area: Any, names: list[str], draws: dict[str, Doubles] | None
) -> PairedTest:
    if test == "auto":
        plain = rows.weight is None and not rows.grouped
        test = "delong" if area is not None else "permutation"
        test = "mcnemar" if rows.measure.name == "accuracy" and plain else test
    if test == "delong":
        if area is None:
            raise ValueError("test='delong' compares areas under ROC curves: pass metric='roc_auc'")
        found = area.difference(names.index(first), names.index(second))
        return PairedTest(found.z, found.p_value, "DeLong")
    if test == "mcnemar":
        if rows.measure.name != "accuracy" or rows.weight is not None or rows.grouped:
            raise ValueError("test='mcnemar' counts rows: pass metric='accuracy', and neither weights nor groups")
        return mcnemar(rows.by_row[first] > 0, rows.by_row[second] > 0)
    if test == "permutation":
        return rows.permuted(first, second)
    value = rows.score(first) - rows.score(second)
    if draws is None and not rows.by_row:
        draws = rows.drawn()
    if draws is None:
        error = rows.error_of_mean(rows.moves(first) - rows.moves(second))
        p_value = float(2 * ndtr(-abs(value / error))) if error > 0 else float(value == 0)
        return PairedTest(value, p_value, "bootstrap, normal limit")
    of_draws = draws[first] - draws[second]
    less = min(float(np.mean(of_draws <= 0)), float(np.mean(of_draws >= 0)))
    return PairedTest(value, min(1.0, 2 * max(less, 1 / (1 + len(of_draws)))), "bootstrap")
