"""Fits without some of their rows, made one by one: the general way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from mlcraft.uncertainty.left_out._problem import Problem, respond
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices

__all__ = ["Refits", "Resampled", "fit_all"]

Rows = NDArray[np.intp]


def fit_all(problem: Problem, parts: Sequence[Rows]) -> list[Any]:
    """
    Fit a clone to each of several sets of rows.

    Parameters
    ----------
    problem : Problem
    parts : sequence of ndarray of int

    Returns
    -------
    list of fitted estimators
    """
    found: list[Any] = Parallel(n_jobs=problem.n_jobs)(delayed(problem.fit)(rows) for rows in parts)
    return found


def _empty(problem: Problem, example: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Room for predictions: numbers in double precision, labels as they are."""
    return np.empty(shape + example.shape[1:], dtype=example.dtype if problem.labels else np.float64)


class Refits:
    """
    A model for each of some parts, fitted to the other rows.

    Parameters
    ----------
    problem : Problem
    train, test : list of ndarray of int
        Rows that each model sees, and rows that are held out from it: every row once.
    """

    form = "refits"
    remark = ""
    never_left_out = 0

    def __init__(self, problem: Problem, train: Sequence[Rows], test: Sequence[Rows]) -> None:
        self._problem = problem
        self.full: Any = problem.fit()
        self._known = problem.classes_of(self.full)
        self.models: list[Any] = fit_all(problem, train)
        self.n_models = len(self.models)
        self.member: NDArray[np.intp] | None = np.empty(problem.n_samples, dtype=np.intp)
        self.held_out: NDArray[Any] = np.empty(0)
        for k, (model, rows) in enumerate(zip(self.models, test, strict=True)):
            self.member[rows] = k
            found = respond(model, problem.method, _safe_indexing(problem.X, rows), self._known)
            if k == 0:
                self.held_out = _empty(problem, found, (problem.n_samples,))
            self.held_out[rows] = found

    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Predict rows by every model, some rows at a time; see `LeftOut`."""
        per_row = int(np.prod(self.held_out.shape[1:], dtype=int))
        for rows in row_slices(_num_samples(X), self.n_models * per_row, max_bytes):
            part = _safe_indexing(X, rows)
            block = np.empty(0)
            for k, model in enumerate(self.models):
                found = respond(model, self._problem.method, part, self._known)
                if k == 0:
                    block = _empty(self._problem, found, (len(found), self.n_models))
                block[:, k] = found
            yield rows, block


class Resampled:
    """
    Models fitted to resamples of the rows; those that have not met a row predict it together.

    The jackknife+-after-bootstrap of Kim, Xu and Barber (2020, Advances in Neural Information Processing Systems 33).

    Parameters
    ----------
    problem : Problem
    n_resamples : int
    aggregate : {"mean", "median"}
        How the models that have not met a row predict together.
    random : numpy.random.RandomState
    groups : ndarray of shape (n_samples,), optional
        Groups of rows that are drawn together.
    """

    form = "refits"
    remark = ""
    member: NDArray[np.intp] | None = None

    def __init__(self, problem: Problem, n_resamples: int, aggregate: str, random: Any, groups: Any = None) -> None:
        n = problem.n_samples
        self._problem, self._aggregate = problem, aggregate
        self.full: Any = problem.fit()
        self._known = problem.classes_of(self.full)
        draws = [_draw(n, groups, random) for _ in range(n_resamples)]
        self.models: list[Any] = fit_all(problem, draws)
        outside = np.ones((n, n_resamples + 1), dtype=bool)  # the last column is the full model's
        for b, drawn in enumerate(draws):
            outside[drawn, b] = False
        met_always = ~outside[:, :-1].any(axis=1)
        outside[:, -1] = met_always
        self.never_left_out = int(met_always.sum())
        self.n_models = n
        self._outside = outside
        self._shares = outside / outside.sum(axis=1, keepdims=True)
        self.held_out: NDArray[Any] = np.empty(0)
        width = (n_resamples + 1) * (1 if self._known is None else len(self._known))
        for rows in row_slices(n, width, BLOCK_BYTES):
            table = self.table(_safe_indexing(problem.X, rows))
            if not self.held_out.size:
                self.held_out = np.empty((n, *table.shape[2:]))
            masked = np.where(outside[rows].reshape(*table.shape[:2], *[1] * (table.ndim - 2)), table, np.nan)
            self.held_out[rows] = (np.nanmean if aggregate == "mean" else np.nanmedian)(masked, axis=1)

    def table(self, X: Any) -> NDArray[np.float64]:
        """
        Predict rows by every model that was fitted, the full one last.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)

        Returns
        -------
        ndarray of shape (n_rows, n_resamples + 1) or (n_rows, n_resamples + 1, n_classes)
        """
        found = [respond(model, self._problem.method, X, self._known) for model in (*self.models, self.full)]
        return np.stack(found, axis=1).astype(np.float64)

    def terms(self, X: Any) -> tuple[None, NDArray[np.float64]]:
        """Predictions of rows whose products with `weights` are those without each training row (means only)."""
        return None, self.table(X)

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """Shares of the models in the prediction without each row, where that is a mean of numbers."""
        return self._shares if self._aggregate == "mean" and self.held_out.ndim == 1 else None

    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Predict rows without each training row, some rows at a time; see `LeftOut`."""
        per_row = int(np.prod(self.held_out.shape[1:], dtype=int)) * self.n_models
        for rows in row_slices(_num_samples(X), per_row, max_bytes):
            table = self.table(_safe_indexing(X, rows))
            if self._aggregate == "mean":
                yield rows, np.moveaxis(np.tensordot(table, self._shares, axes=(1, 1)), -1, 1)
                continue
            block = np.empty((len(table), self.n_models, *table.shape[2:]))
            patterns, which = np.unique(self._outside, axis=0, return_inverse=True)
            which = which.ravel()
            for number, pattern in enumerate(patterns):
                middle = np.median(table[:, pattern], axis=1)
                block[:, which == number] = middle[:, np.newaxis]
            yield rows, block


def _draw(n: int, groups: Any, random: Any) -> Rows:
    if groups is None:
        return np.asarray(random.randint(0, n, n), dtype=np.intp)
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 2))
    chosen = random.randint(0, len(starts) - 1, len(starts) - 1)
    return np.concatenate([order[starts[g] : starts[g + 1]] for g in chosen]).astype(np.intp)
