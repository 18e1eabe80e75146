"""The jackknife+-after-bootstrap: those of some fits to resamples that have not met a row predict it together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from mlcraft._engine.resampled_fits import Start, resampled_least_squares
from mlcraft._engine.resampling import Basis, ResamplePlan, plan_of, resample_weights
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._model import model_of
from mlcraft.uncertainty._row_effects import least_norm_root
from mlcraft.uncertainty.left_out._problem import Problem, respond
from mlcraft.uncertainty.left_out._protocol import BLOCK_BYTES, row_slices
from mlcraft.uncertainty.left_out._refits import fit_all

__all__ = ["FittedModels", "LinearModels", "Models", "Resampled", "resampling_plan"]

Doubles = NDArray[np.float64]
AT_ONCE = 64  # resamples whose weights are there at once


class Models(Protocol):
    """Fits to resamples, and the fit to all rows after them."""

    form: str
    remark: str
    count: int

    def table(self, X: Any) -> Doubles:
        """Predict rows by every model, of shape (n_rows, count + 1) or (n_rows, count + 1, n_outputs)."""


def resampling_plan(n_samples: int, seed: int, groups: Any) -> ResamplePlan:
    """
    Lay out resamples: as many rows as there are, or as many groups, drawn with replacement.

    Parameters
    ----------
    n_samples : int
    seed : int
    groups : array-like of shape (n_samples,) or None

    Returns
    -------
    ResamplePlan
    """
    return plan_of("pairs", n_samples, seed=seed, clusters=groups)


class FittedModels:
    """
    Clones fitted to the rows of each resample, repeated as often as they were drawn.

    Parameters
    ----------
    problem : Problem
    plan : ResamplePlan
    count : int
    """

    form, remark = "refits", ""

    def __init__(self, problem: Problem, plan: ResamplePlan, count: int) -> None:
        self.count = count
        self._method = problem.method
        every = np.arange(problem.n_samples)
        draws = [np.repeat(every, resample_weights(plan, b, 1)[0].astype(np.intp)) for b in range(count)]
        self.full: Any = problem.fit()
        self._classes = problem.classes_of(self.full)
        self.models: list[Any] = [*fit_all(problem, draws), self.full]

    def table(self, X: Any) -> Doubles:
        """Predict rows by every model; see `Models`."""
        found = [respond(model, self._method, X, self._classes) for model in self.models]
        return np.stack(found, axis=1).astype(np.float64)


class LinearModels:
    """
    Least-squares and ridge fits to the resamples by their weights: no rows are copied.

    Parameters
    ----------
    full : object
        The fitted estimator.
    last : object
        Its last step: a fitted regression with a factor by features.
    transform : callable
        Takes X to what `last` was fitted on.
    rows : tuple
        X, transformed, y and sample_weight of the fit.
    plan : ResamplePlan
    count : int
    remark : str
    """

    form = "linear"

    def __init__(
        self,
        full: Any,
        last: Any,
        transform: Any,
        rows: tuple[Any, Any, Any],
        plan: ResamplePlan,
        count: int,
        remark: str = "",
    ) -> None:
        self.full, self.count, self.remark = full, count, remark
        self._last, self._transform = last, transform
        model = model_of(last)
        geometry = model.geometry(0)
        checked = rows_of(last, *rows)
        basis = Basis(geometry.mean, least_norm_root(geometry), model.has_intercept)
        start = Start(model.coef, model.intercept, basis, model.alpha)
        X = checked.X.astype(np.float64, copy=False)
        weight = None if checked.sample_weight is None else checked.weight
        found = resampled_least_squares(X, checked.targets, start, plan, 0, count, sample_weight=weight)
        self._coef = np.concatenate([found.coef[:, 0], model.coef])
        self._intercept = np.append(found.intercept[:, 0], model.intercept)

    @one_blas_thread()
    def table(self, X: Any) -> Doubles:
        """Predict rows by every model; see `Models`."""
        X = rows_of(self._last, self._transform(X), None, None, look=True).X
        return np.asarray(X @ self._coef.T, dtype=np.float64) + self._intercept


class Resampled:
    """
    Models fitted to resamples of the rows; those that have not met a row predict it together.

    The jackknife+-after-bootstrap of Kim, Xu and Barber (2020, Advances in Neural Information Processing Systems 33).

    Parameters
    ----------
    models : Models
    X : array-like of shape (n_samples, n_features)
        The rows.
    plan : ResamplePlan
    aggregate : {"mean", "median"}
        How the models that have not met a row predict together.
    """

    member: NDArray[np.intp] | None = None

    def __init__(self, models: Any, X: Any, plan: ResamplePlan, aggregate: str) -> None:
        n, count = plan.n_samples, models.count
        self.full, self.form, self.remark = models.full, models.form, models.remark
        self._models, self._aggregate = models, aggregate
        outside = np.ones((n, count + 1), dtype=bool)  # the last column is the full model's
        for first in range(0, count, AT_ONCE):
            last = min(first + AT_ONCE, count)
            outside[:, first:last] = (resample_weights(plan, first, last - first) == 0).T
        outside[:, -1] = ~outside[:, :-1].any(axis=1)
        self.never_left_out = int(outside[:, -1].sum())
        self.n_models = n
        self._outside = outside
        self._shares = outside / outside.sum(axis=1, keepdims=True)
        self.held_out: NDArray[Any] = np.empty(0)
        together = np.nanmean if aggregate == "mean" else np.nanmedian
        for rows in row_slices(n, count + 1, BLOCK_BYTES):
            table = models.table(_safe_indexing(X, np.arange(rows.start, rows.stop)))
            if rows.start == 0:
                self.held_out = np.empty((n, *table.shape[2:]))
            own = outside[rows].reshape(*table.shape[:2], *[1] * (table.ndim - 2))
            self.held_out[rows] = together(np.where(own, table, np.nan), axis=1)

    @property
    def weights(self) -> Doubles | None:
        """Shares of the models in the prediction without each row, where that is a mean of numbers."""
        return self._shares if self._aggregate == "mean" and self.held_out.ndim == 1 else None

    def terms(self, X: Any) -> tuple[None, Doubles]:
        """Return predictions whose products with `weights` are those without each training row."""
        return None, self._models.table(X)

    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Predict rows without each training row, some rows at a time; see `LeftOut`."""
        per_row = int(np.prod(self.held_out.shape[1:], dtype=int)) * self.n_models
        for rows in row_slices(_num_samples(X), per_row, max_bytes):
            table = self._models.table(_safe_indexing(X, np.arange(rows.start, rows.stop)))
            if self._aggregate == "mean":
                yield rows, np.moveaxis(np.tensordot(table, self._shares, axes=(1, 1)), -1, 1)
                continue
            block = np.empty((len(table), self.n_models, *table.shape[2:]))
            patterns, which = np.unique(self._outside, axis=0, return_inverse=True)
            which = which.ravel()
            for number, pattern in enumerate(patterns):
                block[:, which == number] = np.median(table[:, pattern], axis=1)[:, np.newaxis]
            yield rows, block
