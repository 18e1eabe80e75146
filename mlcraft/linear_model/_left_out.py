"""Fits without some of the rows, for what asks an estimator for many of them: moments and warm starts, no refits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.fold_path import fold_fits
from mlcraft._engine.validation import checked_arrays, checked_weights, engine_matrix
from mlcraft.linear_model._base import dense_coefficients
from mlcraft.linear_model._labels import LabelledRows, weighted_by_class
from mlcraft.linear_model._logistic_fit import LogisticProblem

__all__ = ["LinearLeftOutMixin", "LogisticLeftOutMixin"]

Doubles = NDArray[np.float64]
Parts = Sequence[NDArray[Any]]


def _others(n_samples: int, part: NDArray[Any]) -> NDArray[np.int64]:
    kept = np.ones(n_samples, dtype=bool)
    kept[part] = False
    return np.flatnonzero(kept)


class LinearLeftOutMixin:
    """Fits of a linear regression without some of the rows."""

    def _fits_without(self: Any, X: Any, y: Any, sample_weight: Any, parts: Parts) -> tuple[Doubles, Doubles] | None:
        """
        Fit without each of some parts of the rows, with the parameters of this estimator.

        Parameters
        ----------
        X, y, sample_weight
            The rows of the fit.
        parts : sequence of ndarray of int
            Rows that are left out together.

        Returns
        -------
        coef : ndarray of shape (n_parts, n_targets, n_features)
        intercept : ndarray of shape (n_parts, n_targets)
            Equal to those of refits; None instead of both where that takes refits.
        """
        if self.positive:
            return None
        X, y, sample_weight = to_numpy(X, y, sample_weight)
        X, y, sample_weight = checked_arrays(
            self, X, y, sample_weight, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False
        )
        n, p = X.shape
        targets = 1 if y.ndim == 1 else y.shape[1]
        if p >= n // 2 and sparse.issparse(X):
            return None  # by iterations, as in a fit
        alphas, number = np.unique(
            np.broadcast_to(np.ravel(getattr(self, "alpha", 0.0)).astype(np.float64), (targets,)), return_inverse=True
        )
        coef, intercept = np.empty((len(parts), targets, p)), np.empty((len(parts), targets))
        splits = [(_others(n, part), np.asarray(part, dtype=np.int64)) for part in parts]
        fits = fold_fits(X, y, alphas, splits, sample_weight=sample_weight, fit_intercept=bool(self.fit_intercept))
        for k, fit in enumerate(fits):
            for a in range(len(alphas)):
                some = np.flatnonzero(number.ravel() == a)
                slopes, constants = fit.linear(a)
                coef[k, some], intercept[k, some] = slopes[some], constants[some]
        return coef, intercept


class LogisticLeftOutMixin:
    """Fits of a logistic regression without some of the rows."""

    def _fits_without(self: Any, X: Any, y: Any, sample_weight: Any, parts: Parts) -> tuple[Doubles, Doubles] | None:
        """
        Fit without each of some parts of the rows, starting from this fit, to the same certificate.

        Parameters
        ----------
        X, y, sample_weight
            The rows of the fit.
        parts : sequence of ndarray of int
            Rows that are left out together.

        Returns
        -------
        coef : ndarray of shape (n_parts, n_rows_of_coef, n_features)
        intercept : ndarray of shape (n_parts, n_rows_of_coef)
            None instead of both where a class has no rows left or a fit does not converge.
        """
        X, y, sample_weight = to_numpy(X, y, sample_weight)
        X, y = self._checked_again(X, y)
        weight = checked_weights(sample_weight, X)
        (classes,) = to_numpy(self.classes_)
        codes = np.searchsorted(classes, y)
        if np.any(classes[np.minimum(codes, len(classes) - 1)] != y):
            return None
        rows = LabelledRows(X, classes, codes.astype(X.dtype), weight)
        start = self._start_again()
        every = np.ones(X.shape[0], dtype=X.dtype) if weight is None else weight
        state = None
        found = []
        if len(classes) == 2 and self.max_iter > 0:
            state = replace(self._problem_of(rows), keep_state=True).fit(self.tol, self.max_iter, start).state
        for part in parts:
            left = every.copy()
            left[part] = 0.0
            if not np.all(np.bincount(codes, left, len(classes)) > 0):
                return None
            problem = self._problem_of(replace(rows, weight=left))
            fit = replace(problem, state=state).fit(self.tol, self.max_iter, start)
            if fit.status != "converged":
                return None
            found.append((np.atleast_2d(fit.coef), np.ravel(fit.intercept)))
        coef, intercept = (np.stack(some).astype(np.float64) for some in zip(*found, strict=True))
        return coef, intercept

    def _checked_again(self: Any, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        from sklearn.utils import column_or_1d
        from sklearn.utils.validation import validate_data

        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False)
        return engine_matrix(X), column_or_1d(y)

    def _start_again(self: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        coef, intercept = to_numpy(dense_coefficients(self.coef_), self.intercept_)
        intercept = np.broadcast_to(np.ravel(intercept), (len(coef),))
        return (coef[0], intercept[:1].reshape(())) if len(coef) == 1 else (coef, intercept)

    def _problem_of(self: Any, rows: LabelledRows) -> LogisticProblem:
        return LogisticProblem.of(
            rows,
            weighted_by_class(self.class_weight, rows),
            inverse_penalty=np.inf if self.penalty is None else self.C,
            fit_intercept=bool(self.fit_intercept),
            intercept_scaling=self.intercept_scaling if self.solver == "liblinear" else None,
        )
