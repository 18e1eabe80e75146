"""Scores of a linear regression on rows it has not seen, from the moments of blocks of rows instead of refits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import RepeatedKFold, check_cv
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.fold_path import FoldFit, Splits, fold_fits, growing_fits, normalised_splits
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import fit_least_squares
from mlcraft._engine.validation import checked_arrays

__all__ = ["LearningCurve", "LearningCurveMixin"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class LearningCurve:
    """
    How good a model gets with more rows.

    Attributes
    ----------
    sizes : ndarray of shape (n_sizes,)
        Numbers of training rows.
    train_scores : ndarray of shape (n_sizes, n_splits)
        R2 on the rows of the fit.
    test_scores : ndarray of shape (n_sizes, n_splits)
        R2 on the test part.
    """

    sizes: NDArray[np.int64]
    train_scores: Doubles
    test_scores: Doubles


class LearningCurveMixin:
    """Methods of a linear regression that score it on rows it has not seen."""

    def learning_curve_(
        self,
        X: Any,
        y: Any,
        *,
        sizes: Sequence[float] | NDArray[Any] = (0.1, 0.325, 0.55, 0.775, 1.0),
        cv: Any = 5,
        repeats: int = 1,
        sample_weight: Any = None,
        random_state: Any = None,
    ) -> LearningCurve:
        """Score fits on growing parts of the training rows, each row being read once for a split.

        Equal to refits with the parameters of this estimator (`RidgeCV`: with the penalty it has chosen).

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values to predict.
        sizes : sequence of float or int, default=(0.1, 0.325, 0.55, 0.775, 1.0)
            Numbers of training rows, or shares of the first training part. The first rows of a part are taken.
        cv : int, splitter or iterable of (train, test), default=5
            Which rows to train on and to test on.
        repeats : int, default=1
            How often to shuffle and split again; more than one needs a number of folds as `cv`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in fits and in scores.
        random_state : int, RandomState instance or None, default=None
            For `repeats`.

        Returns
        -------
        LearningCurve
            Sizes and scores.

        Raises
        ------
        ValueError
            If the sizes do not fit the training parts, or the data are not sound.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import Ridge
        >>> random = np.random.default_rng(0)
        >>> X = random.standard_normal((200, 3))
        >>> y = X.sum(axis=1) + random.standard_normal(200)
        >>> curve = Ridge().learning_curve_(X, y, sizes=[10, 40, 160])
        >>> curve.sizes, curve.test_scores.shape
        (array([ 10,  40, 160]), (3, 5))
        """
        problem = _Problem.of(self, X, y, sample_weight)
        splits = _splits(problem, cv, repeats, random_state)
        counts = _counts(sizes, splits)
        train_scores, test_scores = np.empty((2, len(counts), len(splits)))
        for number, (train, test) in enumerate(splits):
            for step, fit in enumerate(problem.growing(train, counts)):
                train_scores[step, number] = problem.score(fit, train[: counts[step]])
                test_scores[step, number] = problem.score(fit, test)
        return LearningCurve(np.array(counts), train_scores, test_scores)

    def cross_val_scores_(
        self,
        X: Any,
        y: Any,
        *,
        cv: Any = 5,
        repeats: int = 1,
        sample_weight: Any = None,
        random_state: Any = None,
    ) -> Doubles:
        """Score by (repeated) cross-validation, each row being read once for each repeat.

        Equal to refits with the parameters of this estimator (`RidgeCV`: with the penalty it has chosen).

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values to predict.
        cv : int, splitter or iterable of (train, test), default=5
            Which rows to train on and to test on.
        repeats : int, default=1
            How often to shuffle and split again; more than one needs a number of folds as `cv`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in fits and in scores.
        random_state : int, RandomState instance or None, default=None
            For `repeats`.

        Returns
        -------
        ndarray of shape (n_splits,)
            R2 on each test part.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import Ridge
        >>> X = np.arange(20.0).reshape(10, 2) ** 2
        >>> Ridge().cross_val_scores_(X, X @ [1.0, 2.0], repeats=3, random_state=0).shape
        (15,)
        """
        problem = _Problem.of(self, X, y, sample_weight)
        splits = _splits(problem, cv, repeats, random_state)
        fits = problem.folds(splits)
        return np.array([problem.score(fit, test) for fit, (_, test) in zip(fits, splits, strict=True)])


@dataclass(slots=True)
class _Problem:
    X: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None
    alphas: Doubles  # different penalties
    chosen: NDArray[np.intp]  # which of them each target has
    fit_intercept: bool
    positive: bool

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, sample_weight: Any) -> "_Problem":
        if hasattr(estimator, "alphas"):
            check_is_fitted(estimator)
            penalty = estimator.alpha_
        else:
            penalty = getattr(estimator, "alpha", 0.0)
        X, y, sample_weight, penalty = to_numpy(X, y, sample_weight, penalty)
        matrix, target, weight = checked_arrays(
            clone(estimator), X, y, sample_weight, accept_sparse=["csr", "csc", "coo"], dtype=[np.float64, np.float32]
        )
        matrix, target, weight = readable(matrix, target, weight)
        n_targets = 1 if target.ndim == 1 else target.shape[1]
        penalties = np.asarray(penalty, dtype=np.float64).ravel()
        if penalties.size not in (1, n_targets):
            raise ValueError(f"there are {penalties.size} penalties for {n_targets} targets")
        alphas, chosen = np.unique(np.broadcast_to(penalties, n_targets), return_inverse=True)
        positive = bool(getattr(estimator, "positive", False))
        return cls(matrix, target, weight, alphas, chosen, bool(estimator.fit_intercept), positive)

    def folds(self, splits: Splits) -> Iterator[FoldFit]:
        if self.positive:
            return (self._non_negative(train) for train, _ in splits)
        return fold_fits(
            self.X, self.y, self.alphas, splits, sample_weight=self.weight, fit_intercept=self.fit_intercept
        )

    def growing(self, train: NDArray[np.int64], counts: list[int]) -> Iterator[FoldFit]:
        if self.positive:
            return (self._non_negative(train[:count]) for count in counts)
        return growing_fits(
            self.X, self.y, self.alphas, train, counts, sample_weight=self.weight, fit_intercept=self.fit_intercept
        )

    def _non_negative(self, rows: NDArray[np.int64]) -> FoldFit:
        """Fit in earnest: which coefficients are zero is not known beforehand."""
        targets = self.y.reshape(len(self.y), -1)
        slopes = np.empty((self.X.shape[1], len(self.alphas), targets.shape[1]))
        offsets = np.empty(slopes.shape[1:])
        for number, alpha in enumerate(self.alphas):
            fit = fit_least_squares(
                self.X[rows],
                targets[rows],
                alpha=float(alpha),
                sample_weight=None if self.weight is None else self.weight[rows],
                fit_intercept=self.fit_intercept,
                positive=True,
            )
            slopes[:, number], offsets[number] = fit.coef.T, fit.intercept
        return FoldFit(None, slopes, offsets)

    def score(self, fit: FoldFit, rows: NDArray[np.int64]) -> float:
        predictions = fit.predict(self.X, rows)
        own = predictions[:, self.chosen, np.arange(len(self.chosen))]
        y = self.y[rows].astype(np.float64).reshape(len(rows), -1)
        return float(r2_score(y, own, sample_weight=None if self.weight is None else self.weight[rows]))


def _splits(problem: _Problem, cv: Any, repeats: int, random_state: Any) -> Splits:
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    if repeats > 1:
        if not isinstance(cv, int):
            raise ValueError(f"repeats={repeats} needs a number of folds as cv, got {cv!r}; pass RepeatedKFold as cv")
        cv = RepeatedKFold(n_splits=cv, n_repeats=repeats, random_state=random_state)
    splitter = check_cv(cv, problem.y, classifier=False)
    return normalised_splits(splitter.split(problem.X, problem.y), problem.X.shape[0])


def _counts(sizes: Any, splits: Splits) -> list[int]:
    """Return the numbers of training rows, ascending, or raise where they do not fit."""
    wanted = np.asarray(sizes)
    most = min(len(train) for train, _ in splits)
    if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iuf":
        raise ValueError(f"sizes must be a list of numbers, got {sizes!r}")
    if wanted.dtype.kind == "f":
        if not ((wanted > 0) & (wanted <= 1)).all():
            raise ValueError(f"sizes that are not whole numbers must lie in (0, 1], got {sizes!r}")
        wanted = np.maximum((wanted * len(splits[0][0])).astype(np.int64), 1)
    if wanted.min() < 1 or wanted.max() > most:
        raise ValueError(f"sizes must lie between 1 and {most}, the rows of the smallest training part; got {sizes!r}")
    return [int(count) for count in np.unique(wanted)]
