"""The best of several ridge penalties: scores of left-out predictions, without refits."""

import warnings
from dataclasses import dataclass
from inspect import signature
from numbers import Number
from traceback import format_exc
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import check_cv

from mlcraft._engine.fold_path import FoldFit, Splits, fold_fits, normalised_splits
from mlcraft._engine.ridge_path import leave_one_out_path
from mlcraft._engine.status import warn_caller
from mlcraft.linear_model._base import LinearEstimator
from mlcraft.linear_model._ridge import Ridge
from mlcraft.linear_model._ridge_classifier import RidgeClassifier

__all__ = ["Choice", "Search", "accepts_weights", "make_splits"]

SQUARED_ERRORS = {None: "r2", "r2": "r2", "neg_mean_squared_error": "neg_mean_squared_error"}


@dataclass(slots=True)
class Choice:
    """The number of the best penalty (one for each target where asked for), its score, and what was kept."""

    number: Any
    score: Any
    results: NDArray[Any] | None = None


@dataclass(slots=True)
class Search:
    """A search for the best of several penalties.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        Checked, float32 or float64.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets in the dtype of X.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    alphas : ndarray of shape (n_alphas,)
        The penalties.
    fit_intercept : bool
        Whether fits have an intercept.
    scorer : callable or None
        Called as scikit-learn's scorers are; None for the negative mean squared error of leave-one-out.
    score_params : dict
        Keyword arguments for the scorer; those with an element for each row are split with the rows.
    labels : ndarray of shape (n_samples,) or (n_samples, n_labels), or None
        What a classifier is scored against; None for a regressor.
    classifier : object or None
        The classifier with `classes_` and a label binarizer.
    """

    X: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None
    alphas: NDArray[Any]
    fit_intercept: bool
    scorer: Any
    score_params: dict[str, Any]
    labels: NDArray[Any] | None = None
    classifier: Any = None

    def by_leave_one_out(self, per_target: bool, keep: bool) -> Choice:
        """Score the predictions of every row by the fit without it."""
        wanted = keep or self.scorer is not None
        path = leave_one_out_path(
            self.X,
            self.y,
            self.alphas,
            sample_weight=self.weight,
            fit_intercept=self.fit_intercept,
            keep=wanted,
        )
        n_samples, several = len(self.y), per_target and self.y.ndim == 2
        if self.scorer is None:
            scores = -path.squares / n_samples
            scores = scores if several else scores.mean(axis=1)
            results = None if not keep else self._squared(path.errors)
        else:
            targets = self.y.astype(np.float64).reshape(n_samples, -1)
            assert path.errors is not None  # they were asked for
            results = targets[:, :, np.newaxis] - path.errors
            scores = np.array([self._score_given(results[:, :, a], several) for a in range(len(self.alphas))])
        if results is not None:
            results = (results[:, 0] if self.y.ndim == 1 else results) if keep else None
        return _first_best(scores, results)

    def _squared(self, errors: Any) -> NDArray[np.float64]:
        squares: NDArray[np.float64] = errors**2
        return squares if self.weight is None else squares * self.weight[:, np.newaxis, np.newaxis]

    def _score_given(self, predictions: NDArray[np.float64], several: bool) -> Any:
        """Score predictions with a scorer, which asks an estimator for them."""
        params = self.score_params
        if self.classifier is not None:
            scores = predictions[:, 0] if predictions.shape[1] == 1 else predictions
            return self.scorer(_GivenScores(self.classifier), scores, self.labels, **params)
        y = self.y.astype(np.float64)
        if several:
            columns = range(y.shape[1])
            return [self.scorer(_GivenPredictions(), predictions[:, t], y[:, t], **params) for t in columns]
        return self.scorer(_GivenPredictions(), predictions[:, 0] if y.ndim == 1 else predictions, y, **params)

    def by_splits(self, splits: Splits, scoring: Any) -> Choice:
        """Score the predictions of every test part by the fit on its training part; `scoring` is the parameter."""
        fits = fold_fits(
            self.X, self.y, self.alphas, splits, sample_weight=self.weight, fit_intercept=self.fit_intercept
        )
        scores = np.empty((len(self.alphas), len(splits)))
        for number, (fit, (train, test)) in enumerate(zip(fits, splits, strict=True)):
            with np.errstate(over="ignore", invalid="ignore"):
                quick = self._squared_error_scores(fit, test, scoring)
            scores[:, number] = self._scorer_scores(fit, train, test) if quick is None else quick
        means = scores.mean(axis=1)
        if not np.isfinite(means).all():
            warn_caller(f"One or more of the test scores are non-finite: {means}")
        best = 0 if np.isnan(means).all() else int(np.nanargmax(means))
        return Choice(best, means[best])

    def _squared_error_scores(self, fit: FoldFit, test: NDArray[Any], scoring: Any) -> NDArray[np.float64] | None:
        """Return R2 or the negative mean squared error of each penalty; None where a scorer has to be asked."""
        if self.classifier is not None or self.score_params.keys() - {"sample_weight"}:
            return None
        if not (scoring is None or isinstance(scoring, str)) or scoring not in SQUARED_ERRORS or len(test) < 2:
            return None
        weight = self.score_params.get("sample_weight")
        share = np.full(len(test), 1.0 / len(test))
        if weight is not None:
            share = np.asarray(weight, dtype=np.float64)[test]
            if not share.sum() > 0:
                return None
            share = share / share.sum()
        y = self.y[test].astype(np.float64).reshape(len(test), -1)
        distance = fit.predict(self.X, test)
        distance -= y[:, np.newaxis, :]
        errors: NDArray[np.float64] = np.einsum("i,iak,iak->ak", share, distance, distance)
        if SQUARED_ERRORS[scoring] == "neg_mean_squared_error":
            return np.asarray(-errors.mean(axis=1))
        y -= (share[:, np.newaxis] * y).sum(axis=0)
        total = (share[:, np.newaxis] * y**2).sum(axis=0)
        if not (total > 0).all():
            return None
        result: NDArray[np.float64] = (1.0 - errors / total).mean(axis=1)
        return result

    def _scorer_scores(self, fit: FoldFit, train: NDArray[Any], test: NDArray[Any]) -> list[float]:
        rows = self.X[test]
        targets = self.y if self.labels is None else self.labels
        params = {name: _part(value, len(self.y), test) for name, value in self.score_params.items()}
        if self.classifier is not None and self._misses_a_class(train):
            models = [self._refitted(number, train) for number in range(len(self.alphas))]
        else:
            outputs = fit.predict(self.X, test).astype(self.X.dtype, copy=False)
            models = [self._held(fit, number, rows, outputs[:, number]) for number in range(len(self.alphas))]
        return [self._asked(model, rows, targets[test], params) for model in models]

    def _misses_a_class(self, train: NDArray[Any]) -> bool:
        if self.labels is None or self.labels.ndim == 2:
            return False
        return len(np.unique(self.labels[train])) < len(self.classifier.classes_)

    def _refitted(self, number: int, train: NDArray[Any]) -> Any:
        model = RidgeClassifier(alpha=float(self.alphas[number]), fit_intercept=self.fit_intercept)
        try:
            labels = self.labels[train] if self.labels is not None else None
            return model.fit(self.X[train], labels, None if self.weight is None else self.weight[train])
        except ValueError:
            return model  # not fitted: its score is NaN

    def _held(self, fit: FoldFit, number: int, rows: Any, output: NDArray[Any]) -> Any:
        """Make the fitted estimator of one penalty, which knows the output of the test rows already."""
        kind = _HeldRidge if self.classifier is None else _HeldClassifier
        model = kind(alpha=self.alphas[number], fit_intercept=self.fit_intercept)
        coef, intercept = (part.astype(self.X.dtype) for part in fit.linear(number))
        flat = len(coef) == 1
        model.coef_ = coef[0] if flat else coef
        model.intercept_ = intercept[0] if self.y.ndim == 1 else intercept
        if not self.fit_intercept:
            model.intercept_ = 0.0
        model.n_features_in_ = self.X.shape[1]
        model.solver_, model.n_iter_ = "cholesky", None
        model._held = rows, np.ascontiguousarray(output[:, 0] if flat else output)
        if self.classifier is not None:
            model.classes_, model._label_binarizer = self.classifier.classes_, self.classifier._label_binarizer
        return model

    def _asked(self, model: Any, rows: Any, y: NDArray[Any], params: dict[str, Any]) -> float:
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # squares of very large targets
                score = self.scorer(model, rows, y, **params)
        except Exception:
            warnings.warn(
                "Scoring failed. The score on this train-test partition for these parameters will be set to nan. "
                f"Details: \n{format_exc()}",
                UserWarning,
                stacklevel=2,
            )
            return np.nan
        if hasattr(score, "item") and getattr(score, "size", 1) == 1:
            score = score.item()
        if not isinstance(score, Number):
            raise ValueError(
                f"scoring must return a number, got {score} ({type(score)}) instead. (scorer={self.scorer})"
            )
        return float(score)  # type: ignore[arg-type]


def _first_best(scores: NDArray[np.float64], results: NDArray[Any] | None) -> Choice:
    """Take the first penalty that no later one beats; NaN beats nothing."""
    if scores.ndim == 1:
        best = 0
        for number in range(1, len(scores)):
            best = number if scores[number] > scores[best] else best
        return Choice(best, scores[best], results)
    columns = [_first_best(scores[:, t], None) for t in range(scores.shape[1])]
    return Choice(np.array([c.number for c in columns]), np.array([c.score for c in columns]), results)


def _part(value: Any, n_samples: int, rows: NDArray[Any]) -> Any:
    """Take the elements of the rows where there is one for each."""
    if value is None or isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__"):
        return value
    return np.asarray(value)[rows] if len(value) == n_samples else value


def make_splits(cv: Any, X: Any, y: Any, classifier: bool, params: dict[str, Any]) -> Splits:
    """Return the (train, test) pairs of a splitter, checked as a grid search checks them."""
    splitter = check_cv(cv, y, classifier=classifier)
    expected = splitter.get_n_splits(X, y, **params)
    splits = list(splitter.split(X, y, **params))
    if len(splits) != expected:
        raise ValueError(
            f"cv.split and cv.get_n_splits return inconsistent results. Expected {expected} splits, got {len(splits)}"
        )
    if not splits:
        raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
    normal = normalised_splits(splits, X.shape[0])
    if not all(len(train) and len(test) for train, test in normal):
        raise ValueError("a split of cv has no rows to train on, or none to test on")
    return normal


def accepts_weights(scorer: Any) -> bool:
    """Tell whether a scorer takes `sample_weight`."""
    if hasattr(scorer, "_accept_sample_weight"):
        return bool(scorer._accept_sample_weight())
    return "sample_weight" in signature(scorer).parameters


class _GivenPredictions(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor whose predictions are what it is given."""

    def predict(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return predictions


class _GivenScores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose decision function is what it is given."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self.classes_ = classifier.classes_

    def decision_function(self, scores: NDArray[Any]) -> NDArray[Any]:
        return scores

    def predict(self, scores: NDArray[Any]) -> NDArray[Any]:
        labels: NDArray[Any] = self.classifier._labels(scores)
        return labels


class _Held(LinearEstimator):
    """An estimator that remembers its output for one set of rows."""

    _held: tuple[Any, NDArray[Any]]

    def _linear_output(self, X: Any, method: str) -> NDArray[Any]:
        rows, output = self._held
        if X is rows:
            return output
        found: NDArray[Any] = super()._linear_output(X, method)
        return found


class _HeldRidge(_Held, Ridge):
    pass


class _HeldClassifier(_Held, RidgeClassifier):
    pass
