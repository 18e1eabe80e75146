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

__all__ = ["Refits", "fit_all"]

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
