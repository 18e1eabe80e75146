"""Partial fits, merging and forgetting: a fit that goes on from the moments of the rows it has seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.gathered import Gathered, gather
from mlcraft._engine.least_squares import LeastSquaresFit
from mlcraft._engine.locks import lock_of
from mlcraft._engine.moments import check_same_columns, fit_gathered, warn_about_gathered, with_rows
from mlcraft._engine.validation import check_parameters
from mlcraft.linear_model._base import put_fit
from mlcraft.linear_model._ridge_regression import is_penalised, iterations, penalty, solver_used

__all__ = ["UpdatesMixin"]

# What a fit sets, and what the first look at any of it computes after an update.
_SOLVED = ("coef_", "intercept_", "condition_", "rank_", "n_iter_", "solver_", "_kept", "_singular")
_ASKED = frozenset([*_SOLVED, "factor_", "sums_of_squares_", "singular_"])


class _Request(NamedTuple):
    """The parameters an update was made with."""

    alpha: Any
    fit_intercept: bool
    positive: bool
    max_iter: int | None
    solver: str


class UpdatesMixin:
    """Methods of a linear regression: partial fits, merging and forgetting.

    The estimator keeps the moments of the rows it has seen (`n_features` squared numbers, no rows). An update
    changes only these; the coefficients follow when something asks for them.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take in more rows: afterwards the model is that of all rows so far.

        After `fit` it goes on from that fit. Equal to a fit on all rows to rounding, as long as the columns are not
        nearly dependent, of which a warning tells.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from, of any number; the columns of the rows before. Sparse X stays sparse.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values to predict.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If columns or targets differ from those before, a value is NaN or infinite, or the model comes from
            a `fit` that left no moments to go on from (of float32 data, of no more rows than columns, of
            wide sparse X, with `positive` from a file); then begin with `partial_fit`. Nothing is changed.

        Warns
        -----
        CollinearityWarning
            When the coefficients are asked for, if columns depend on each other (the coefficients are those of
            smallest norm) or nearly do.

        References
        ----------
        Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983).

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [4.0], [7.0]])
        >>> y = np.array([3.0, 5.0, 9.0, 15.0])
        >>> model = LinearRegression().partial_fit(X[:2], y[:2]).partial_fit(X[2:], y[2:])
        >>> model.coef_.round(9), round(float(model.intercept_), 9)
        (array([2.]), 1.0)
        """
        request = self._check_update()
        held: Gathered | None = self.__dict__.get("_moments")
        if held is not None and held.core.centred == request.fit_intercept:  # several threads may add to these at once
            with_rows(self, X, y, sample_weight, held.add, reset=False)
            self._await_solution(held, request)
            return self
        with lock_of(self):
            gathered = self._current_moments()
            if gathered is None:
                centre = request.fit_intercept
                gathered = with_rows(self, X, y, sample_weight, lambda *rows: gather(*rows, centre=centre), reset=True)
            else:
                with_rows(self, X, y, sample_weight, gathered.add, reset=False)
            self._await_solution(gathered, request)
        return self

    def merge(self, other: Any) -> Self:
        """Take in the rows of another model: afterwards this one is that of the rows of both.

        Parameters
        ----------
        other : LinearRegression, Ridge or Moments
            Fitted on rows with the same columns; is not changed. Its penalty does not matter.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If columns or targets differ, or a model left no moments (see `partial_fit`).
        TypeError
            If `other` is something else.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import Ridge
        >>> X, y = np.arange(8.0).reshape(-1, 1), np.array([1.0, 2.0, 2.0, 4.0, 5.0, 5.0, 7.0, 9.0])
        >>> here, there = Ridge().fit(X[:5], y[:5]), Ridge().fit(X[5:], y[5:])
        >>> bool(np.allclose(here.merge(there).coef_, Ridge().fit(X, y).coef_))
        True
        """
        request = self._check_update()
        theirs, columns = _moments_of(other)
        with lock_of(self):
            gathered = self._current_moments()
            if gathered is None:
                gathered = _matching(theirs.copy(), request.fit_intercept)
                _copy_columns(columns, self)
            else:
                check_same_columns(self, columns)
                gathered.merge(theirs)
            self._await_solution(gathered, request)
        return self

    def forget(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take out rows that were learnt before: afterwards the model is that of the rows left.

        Exact to rounding, whatever the order in which the rows came. After the last row the estimator is not
        fitted any more.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to forget.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their values.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Their weights when they were learnt.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If these rows cannot all have been learnt: more rows, weight or spread than there is. Also as for
            `partial_fit`. Nothing is changed.
        sklearn.exceptions.NotFittedError
            If there is nothing to forget.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([1.0, 3.0, 5.0, 100.0])
        >>> model = LinearRegression().fit(X, y).forget(X[3:], y[3:])
        >>> model.coef_.round(9)
        array([2.])
        """
        from sklearn.utils.validation import check_is_fitted

        request = self._check_update()
        check_is_fitted(self)
        with lock_of(self):
            gathered = self._current_moments()
            assert gathered is not None
            centre = gathered.core.centred
            part = with_rows(self, X, y, sample_weight, lambda *rows: gather(*rows, centre=centre), reset=False)
            gathered.remove(part, self.__dict__.get("feature_names_in_"))
            self._await_solution(gathered, request)
            if not gathered.core.weight_sum > 0:
                for name in ("_moments", "_unsolved", "n_features_in_", "feature_names_in_"):
                    self.__dict__.pop(name, None)
        return self

    def _check_update(self) -> _Request:
        """Check the parameters and return them: a change of them after the update is for the next one."""
        if not self._has_plain_parameters():
            check_parameters(self)
        fitted = self.__dict__
        resolve = getattr(type(self), "_resolved_solver", None)
        solver = "least-squares" if resolve is None else resolve(self, is_sparse=False)
        alpha, max_iter = fitted.get("alpha", 0.0), fitted.get("max_iter")
        return _Request(alpha, bool(fitted["fit_intercept"]), bool(fitted["positive"]), max_iter, solver)

    def _current_moments(self) -> Gathered | None:
        """Return the moments to go on from: those kept, those of the last fit, or None before the first rows."""
        fitted = self.__dict__
        gathered: Gathered | None = fitted.get("_moments")
        if gathered is None and "coef_" in fitted:
            gathered = _moments_of_fit(self)
        return None if gathered is None else _matching(gathered, bool(self.fit_intercept))

    def _await_solution(self, gathered: Gathered, request: _Request) -> None:
        """Drop what the rows before gave; it is computed again when asked for."""
        fitted = self.__dict__
        with lock_of(self):
            fitted.update(_moments=gathered, _unsolved=request)
            for name in _SOLVED:
                fitted.pop(name, None)

    def _settle(self) -> None:
        """Compute what an update left to be computed: one thread does, the others wait for it."""
        fitted = self.__dict__
        if "_unsolved" not in fitted:
            return
        with lock_of(self):
            request: _Request | None = fitted.get("_unsolved")
            if request is None:
                return
            gathered: Gathered = fitted["_moments"]
            alpha = penalty(request.alpha, gathered.n_targets)
            fit, error = fit_gathered(
                gathered,
                alpha=alpha,
                fit_intercept=request.fit_intercept,
                positive=request.positive,
                max_iter=request.max_iter,
            )
            fitted.update(self._solved(fit, alpha, gathered, request))  # all at once
            del fitted["_unsolved"]  # last: who misses an attribute looks for this
        unique = request.positive or is_penalised(request.alpha) or gathered.sparse  # dependent by intention
        if fit.status != "converged" or error > 0:
            warn_about_gathered(self, fit, error, gathered.core.samples, penalised=unique, solver=request.solver)

    def _solved(
        self, fit: LeastSquaresFit, alpha: float | NDArray[np.float64], gathered: Gathered, request: _Request
    ) -> dict[str, Any]:
        """Return the attributes that a fit sets."""
        solved: dict[str, Any] = {"coef_": fit.coef}
        put_fit(solved, fit, request.fit_intercept, alpha)
        if not hasattr(type(self), "_resolved_solver"):  # least squares
            return solved if request.positive else solved | {"rank_": fit.rank}
        shape = (gathered.core.samples, fit.coef.shape[-1])
        solved["n_iter_"] = iterations(request.solver, fit, gathered.n_targets)
        solved["solver_"] = solver_used(request.solver, fit, shape, request.alpha)
        if gathered.n_targets == 1:
            solved["coef_"] = fit.coef.ravel()
        return solved

    def __getattr__(self, name: str) -> Any:
        """Compute the coefficients when something first asks for them after an update."""
        if name in _ASKED:
            self._settle()
            asked = getattr(type(self), name, None)
            if isinstance(asked, property) and asked.fget is not None:
                return asked.fget(self)
            fitted = self.__dict__.copy()  # looked into once more: another thread may have just settled
            if name in fitted:
                return fitted[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __sklearn_is_fitted__(self) -> bool:
        self._settle()
        return "coef_" in self.__dict__

    def __copy__(self) -> Self:
        """Return a shallow copy with moments of its own: they alone are changed in place."""
        twin = type(self).__new__(type(self))
        with lock_of(self):
            twin.__dict__.update(self.__dict__)
            if "_moments" in self.__dict__:
                twin.__dict__["_moments"] = self.__dict__["_moments"].copy()
        return twin


def _matching(gathered: Gathered, fit_intercept: bool) -> Gathered:
    """Return the moments as a fit with or without intercept needs them."""
    if fit_intercept and not gathered.core.centred:
        raise ValueError(
            "the rows were gathered with fit_intercept=False, which does not keep their means; "
            "start again with fit_intercept=True, or set fit_intercept=False"
        )
    return replace(gathered, core=gathered.core.uncentred()) if gathered.core.centred > fit_intercept else gathered


def _moments_of(model: Any) -> tuple[Gathered, Any]:
    """Return the moments that a fitted model or a `Moments` holds, and the bearer of its columns."""
    from sklearn.utils.validation import check_is_fitted

    from mlcraft.moments import Moments

    if isinstance(model, Moments):
        return model._held(), model._columns
    if not isinstance(model, UpdatesMixin):
        raise TypeError(f"a LinearRegression, Ridge or Moments can be merged, not a {type(model).__name__}")
    gathered: Gathered | None = model.__dict__.get("_moments")
    if gathered is None:
        check_is_fitted(model)
        gathered = _moments_of_fit(model)
    return gathered, model


def _copy_columns(source: Any, target: Any) -> None:
    for name in ("n_features_in_", "feature_names_in_"):
        target.__dict__.pop(name, None)
        if name in source.__dict__:
            target.__dict__[name] = source.__dict__[name]


def _moments_of_fit(model: Any) -> Gathered:
    """
    Return the moments that a plain fit leaves in its factor and coefficients.

    With M = (X - m)'W(X - m) + alpha I from the factor, X'Wy about the means is M b.
    """
    kept = model.__dict__.get("_kept")
    factor, sums = (None, None) if kept is None else (kept.factor, kept.sums)
    coef = np.asarray(to_numpy(model.coef_)[0])
    one_dimensional = np.ndim(model.intercept_) == 0 and coef.ndim == 1
    if kept is not None and kept.moments is not None:
        return Gathered(kept.moments.copy(), coef.dtype, 1 if one_dimensional else 2)
    if factor is None or sums is None or factor.dual:
        raise ValueError(
            f"this {type(model).__name__} cannot be updated: its fit kept no matrix of the columns, as with no "
            "more rows than columns, wide sparse X, or positive=True from a file. Use partial_fit from the "
            "first rows on."
        )
    if coef.dtype != np.float64:
        raise ValueError(
            f"this {type(model).__name__} cannot be updated exactly: it was fitted on {coef.dtype} data, and its "
            "coefficients have that precision only. Use partial_fit from the first rows on, or float64."
        )
    b = coef.reshape(len(sums.total), -1)
    alphas = np.broadcast_to(np.asarray(factor.alpha if kept.alpha is None else kept.alpha), len(b))
    eps = np.finfo(np.float64).eps
    xx = factor.matrix()
    size = np.diagonal(xx).copy()  # before the penalty is taken out: the scale of the rounding
    used = factor.scale > 0
    xx[np.diag_indices_from(xx)] -= np.where(used, factor.alpha, 0.0)
    xx[~used] = xx[:, ~used] = 0.0
    xy = xx @ b.T + np.where(used[:, np.newaxis], alphas * b.T, 0.0)
    residual = sums.total - np.einsum("tj,jt->t", b, xy) - alphas * np.einsum("tj,tj->t", b, b)
    if np.any(np.abs(residual - sums.residual) > 1e-6 * (sums.total + np.abs(residual))):
        raise ValueError("alpha has changed since the fit; set it back, or use partial_fit from the first rows on")
    core = _core.Moments(
        factor.weight_sum,
        factor.mean,
        sums.y_mean,
        xx,
        xy,
        sums.total,
        samples=sums.n_samples,
        centred=type(model.intercept_) is not float if kept.fit_intercept is None else kept.fit_intercept,
        noise=eps * size,
        log_weight=sums.log_weight,
        x_error=eps * np.abs(factor.mean),  # one double, where moments keep two
        y_error=eps * np.abs(sums.y_mean),
    )
    return Gathered(core, np.dtype(np.float64), 1 if one_dimensional else 2)
