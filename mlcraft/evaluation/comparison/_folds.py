"""Learners compared by cross-validation: how they would do when fitted again, not how these fits do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state, indexable

from mlcraft.evaluation.comparison._held_out import named_models
from mlcraft.evaluation.comparison._pairs import Comparison, Difference, pairs_of
from mlcraft.evaluation.comparison._tests import (
    PairedTest,
    bayes_correlated_t,
    corrected_t,
    five_by_two,
    friedman,
    holm,
    nemenyi,
)
from mlcraft.evaluation.cross_validation import cross_validate, mean_over_folds
from mlcraft.uncertainty.scores import Estimate

__all__ = ["compare_cv"]

Doubles = NDArray[np.float64]
TESTS = ("corrected_t", "5x2cv", "bayes", "permutation")
ALL_SIGNS = 16  # folds up to which all signs are gone through


def compare_cv(
    models: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 10,
    scoring: Any = None,
    test: str = "corrected_t",
    rope: float | None = None,
    adjust: str | None = "holm",
    groups: Any = None,
    params: dict[str, Any] | None = None,
    level: float = 0.95,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Comparison:
    """
    Compare learners on the same folds.

    Folds share training rows, so plain t tests find differences that are not there; the tests here allow for that,
    except "permutation", which asks of these folds alone.

    Parameters
    ----------
    models : dict of str to estimator, or list of estimator
        Two or more; they are cloned, not changed.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    cv : int or splitter, default=10
        As scikit-learn takes it; repeated folds are welcome. A number means shuffled folds, stratified for classifiers.
        Not used by "5x2cv".
    scoring : str or callable, optional
        As scikit-learn takes it, higher is better. Default: the estimators' own score.
    test : {"corrected_t", "5x2cv", "bayes", "permutation"}, default="corrected_t"
        Nadeau and Bengio's t test; Alpaydin's F test on five repeats of two folds; the Bayesian correlated t test, with
        `rope`; signs of the differences by fold turned at random.
    rope : float, optional
        With "bayes": differences up to this much do not matter in practice.
    adjust : {"holm", "nemenyi", None}, default="holm"
        For the number of pairs; "nemenyi" replaces the tests of pairs by Nemenyi's of mean ranks.
    groups, params, n_jobs
        As in `cross_validate`.
    level : float, default=0.95
        Confidence level of the intervals, each on its own.
    alpha : float, default=0.05
        What counts as shown.
    random_state : int, RandomState instance or None, default=None
        Of folds and signs.

    Returns
    -------
    Comparison
        With `table`, the scores by fold.

    Raises
    ------
    ValueError
        If an argument does not fit, or a fit failed.

    References
    ----------
    Nadeau & Bengio (2003); Alpaydin (1999); Benavoli et al. (2017); Demsar (2006), JMLR 7.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.datasets import load_california_housing
    >>> from mlcraft.evaluation import compare_cv
    >>> from mlcraft.linear_model import LinearRegression, Ridge
    >>> housing = load_california_housing()
    >>> X = np.column_stack([housing[name] for name in ("median_income", "housing_median_age", "households")])
    >>> models = {"least squares": LinearRegression(), "much ridge": Ridge(alpha=1e5)}
    >>> found = compare_cv(models, X, housing["median_house_value"] / 1e5, random_state=0)
    >>> print(found.sentence())
    least squares is better than much ridge (score 0.182 higher, 0.168 to 0.196; adjusted p < 0.0001, corrected t).
    """
    chosen = named_models(models)
    _check(test, rope, adjust, level, alpha, chosen)
    X, y, groups = indexable(X, y, groups)
    splits = _splits(test, cv, X, y, groups, is_classifier(next(iter(chosen.values()))), random_state)
    scored = {}
    for name, model in chosen.items():
        scorer = check_scoring(model, scoring=scoring)
        found = cross_validate(clone(model), X, y, cv=splits, scoring={"score": scorer}, params=params, n_jobs=n_jobs)
        values = np.asarray(found["test_score"], dtype=np.float64)
        if np.isnan(values).any():
            raise ValueError(f"{name} has no score in {int(np.isnan(values).sum())} of {len(values)} folds")
        scored[name] = values
    sizes = np.array([(len(train), len(test_rows)) for train, test_rows in splits], dtype=np.float64).mean(axis=0)
    label = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    return _Folds(scored, float(sizes[0]), float(sizes[1]), level, label, check_random_state(random_state)).compared(
        test, rope, adjust, alpha
    )


def _check(
    test: str, rope: float | None, adjust: str | None, level: float, alpha: float, models: dict[str, Any]
) -> None:
    if test not in TESTS:
        raise ValueError(f"test must be one of {', '.join(TESTS)}; got {test!r}")
    if (test == "bayes") != (rope is not None):
        raise ValueError("rope, the difference that does not matter, goes with test='bayes', which needs it")
    if rope is not None and not rope >= 0:
        raise ValueError(f"rope must not be negative; got {rope!r}")
    if adjust not in ("holm", "nemenyi", None):
        raise ValueError(f"adjust must be 'holm', 'nemenyi' or None; got {adjust!r}")
    for name, value in (("level", level), ("alpha", alpha)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1; got {value!r}")
    if len({is_classifier(model) for model in models.values()}) == 2:
        raise ValueError("models must be classifiers all or regressions all")


def _splits(test: str, cv: Any, X: Any, y: Any, groups: Any, classes: bool, random_state: Any) -> list[Any]:
    if test != "5x2cv" and (isinstance(cv, bool) or not isinstance(cv, int | np.integer)):
        return list(check_cv(cv, y, classifier=classes).split(X, y, groups))
    if groups is not None:
        raise ValueError("groups need a splitter that keeps them together, such as GroupKFold, as cv")
    kind = StratifiedKFold if classes else KFold
    if test != "5x2cv":
        seed = random_state if isinstance(random_state, int | np.random.RandomState) else None
        return list(kind(int(cv), shuffle=True, random_state=seed).split(X, y))
    random = check_random_state(random_state)
    seeds = random.randint(2**31 - 1, size=5)
    return [split for seed in seeds for split in kind(2, shuffle=True, random_state=int(seed)).split(X, y)]


class _Folds:
    """Scores of all learners on the same folds."""

    def __init__(
        self,
        scored: dict[str, Doubles],
        n_train: float,
        n_test: float,
        level: float,
        label: str,
        random: np.random.RandomState,
    ) -> None:
        self.scored, self.sizes, self.level, self.label, self.random = scored, (n_train, n_test), level, label, random

    def compared(self, test: str, rope: float | None, adjust: str | None, alpha: float) -> Comparison:
        names, pairs = pairs_of({name: float(values.mean()) for name, values in self.scored.items()}, True)
        scores = {n: mean_over_folds(self.scored[n], *self.sizes, level=self.level, name=self.label) for n in names}
        table = np.column_stack([self.scored[name] for name in names])
        notes: tuple[str, ...] = ()
        if len(names) > 2:
            every = friedman(table)
            notes = (f"All {len(names)} alike by rank: p = {every.p_value:.2g} ({every.method}).",)
        tests = [self.test(test, self.scored[a] - self.scored[b], rope) for a, b in pairs]
        adjusted = alone = np.array([found.p_value for found in tests])
        if adjust == "holm":
            adjusted = holm(alone)
        if adjust == "nemenyi":
            ranks = nemenyi(table)
            alone = adjusted = np.array([ranks[names.index(a), names.index(b)] for a, b in pairs])
            tests = [PairedTest(found.statistic, p, "Nemenyi") for found, p in zip(tests, alone, strict=True)]
        differences = [
            Difference(
                first,
                second,
                self.difference(first, second),
                found.p_value,
                float(p),
                found.method,
                found.probabilities,
            )
            for (first, second), found, p in zip(pairs, tests, adjusted, strict=True)
        ]
        return Comparison(self.label, True, scores, differences, alpha, adjust or "none", notes, table)

    def difference(self, first: str, second: str) -> Estimate:
        values = self.scored[first] - self.scored[second]
        return mean_over_folds(values, *self.sizes, level=self.level, name=self.label)

    def test(self, test: str, values: Doubles, rope: float | None) -> PairedTest:
        if test == "bayes":
            assert rope is not None
            return bayes_correlated_t(values, *self.sizes, rope)
        if test == "5x2cv":
            return five_by_two(values.reshape(5, 2))
        if test == "permutation":
            return self.signs(values)
        return corrected_t(values, *self.sizes)

    def signs(self, values: Doubles) -> PairedTest:
        count = len(values)
        if count <= ALL_SIGNS:
            signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        else:
            signs = 2.0 * self.random.randint(2, size=(19_999, count)) - 1
        reached = int(np.sum(np.abs(signs @ values) >= abs(values.sum()) * (1 - 1e-12)))
        p_value = reached / len(signs) if count <= ALL_SIGNS else (1 + reached) / (1 + len(signs))
        return PairedTest(float(values.mean()), p_value, "permutation of folds")
