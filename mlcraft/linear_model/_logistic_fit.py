"""The problem of logistic regression as the engine takes it, and what a fit leaves on the estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.factor import Factor
from mlcraft._engine.information import LikelihoodFit, remember_likelihood
from mlcraft._engine.least_squares import LeastSquaresFit, NonFiniteError, fit_least_squares, predict_linear
from mlcraft._engine.smooth import SmoothFit, fit_smooth
from mlcraft.linear_model._base import dense_coefficients
from mlcraft.linear_model._labels import LabelledRows
from mlcraft.linear_model._logistic_rules import engine_tolerance

__all__ = ["LogisticProblem", "attributes_of", "starting_values"]

Progress = Callable[[int, float, float], bool | None]
LARGEST_PENALTY, SMALLEST_SUM = 1e300, 1e-290
RANGE = 2.0**400  # beyond it and its inverse, squares leave the range of double precision
AFFORDABLE = 2e9  # operations that a look for dependent columns may cost


@dataclass(slots=True)
class LogisticProblem:
    """
    ``sum(w_i loss_i) / sum(w_i) + alpha |b|^2 / 2 + intercept_alpha |c|^2 / 2``.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,)
        Number of each row's class, in the dtype of X.
    n_classes : int
        Two or more.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows, those of the classes included, in the dtype of X.
    total : float
        Their sum.
    alpha, intercept_alpha : float
        The penalties.
    fit_intercept : bool
        Whether there is a constant term.
    state : object or None
        What the fit of other weights and a penalty near by has left, to start from.
    keep_state : bool
        Whether to leave it.
    """

    X: Any
    codes: NDArray[Any]
    n_classes: int
    weight: NDArray[Any] | None
    total: float
    alpha: float
    intercept_alpha: float
    fit_intercept: bool
    state: Any = None
    keep_state: bool = False

    @classmethod
    def of(
        cls,
        rows: LabelledRows,
        weight: NDArray[Any] | None,
        *,
        inverse_penalty: float,
        fit_intercept: bool,
        intercept_scaling: float | None = None,
    ) -> Self:
        """
        Put a problem in scikit-learn's terms into the engine's.

        Parameters
        ----------
        rows : LabelledRows
            X, classes and codes; its weights are not used.
        weight : ndarray of shape (n_samples,) or None
            What `weighted_by_class` returned.
        inverse_penalty : float
            scikit-learn's C; infinite for no penalty.
        fit_intercept : bool
            Whether there is a constant term.
        intercept_scaling : float or None, default=None
            If given, the intercept is penalised as 'liblinear' does it.

        Returns
        -------
        LogisticProblem
        """
        total = float(rows.X.shape[0]) if weight is None else _sum(weight)
        if weight is not None and not SMALLEST_SUM < total < np.inf and np.isfinite(weight).all():
            largest = weight.max()  # the sum leaves the range of double precision; only the ratios matter
            weight = weight / largest
            total = _sum(weight)
            inverse_penalty = float(inverse_penalty) * float(largest)
        alpha = 0.0 if inverse_penalty == np.inf else _penalty(float(inverse_penalty), total)
        intercept_alpha = 0.0
        if intercept_scaling is not None and fit_intercept:
            intercept_alpha = min(alpha / float(intercept_scaling) ** 2, LARGEST_PENALTY)
        return cls(rows.X, rows.codes, len(rows.classes), weight, total, alpha, intercept_alpha, fit_intercept)

    def fit(
        self, tol: float, max_iter: int, init: tuple[Any, Any] | None = None, callback: Progress | None = None
    ) -> SmoothFit:
        """
        Solve the problem.

        Parameters
        ----------
        tol : float
            scikit-learn's tolerance; see `engine_tolerance`.
        max_iter : int
            Bound on the iterations; 0 returns the starting values.
        init : tuple of ndarray, optional
            Coefficients and intercepts to start from, of the shapes that the engine returns.
        callback : callable, optional
            Called with (iteration, objective, certificate) after every iteration; True ends the fit.

        Returns
        -------
        SmoothFit
        """
        if max_iter == 0:
            return self._unfitted(init)
        try:
            fit = self._solved(tol, max_iter, init, callback)
            doubtful = fit.status in ("stalled", "max_iter") or (fit.n_iter == 0 and fit.status == "converged")
        except NonFiniteError:
            if self._range() == 1:
                raise
            doubtful = True
        if doubtful:
            scale = self._range()
            if scale != 1:
                fit = self._solved_in_range(scale, tol, max_iter, init, callback)
        if self.n_classes > 2 and self.fit_intercept and self.intercept_alpha == 0:
            fit.intercept -= fit.intercept.mean()  # any constant fits as well
        return fit

    def _solved(self, tol: float, max_iter: int, init: Any, callback: Progress | None) -> SmoothFit:
        return fit_smooth(
            self.X,
            self.codes,
            loss="multinomial" if self.n_classes > 2 else "logistic",
            alpha=self.alpha,
            intercept_alpha=self.intercept_alpha,
            sample_weight=self.weight,
            fit_intercept=self.fit_intercept,
            n_classes=self.n_classes,
            init=init,
            state=self.state,
            keep_state=self.keep_state,
            tol=engine_tolerance(tol),
            max_iter=max_iter,
            callback=callback,
        )

    def _range(self) -> float:
        """Return the power of two that brings X to size one, or 1 where squares of X stay in the range of its dtype."""
        values = self.X if isinstance(self.X, np.ndarray) else self.X.data
        largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
        bound = RANGE if self.X.dtype == np.float64 else RANGE ** (1 / 8)
        if largest == 0 or 1 / bound < largest < bound:
            return 1.0
        return float(2.0 ** -np.clip(np.frexp(largest)[1], -1020, 1020))

    def _solved_in_range(
        self, scale: float, tol: float, max_iter: int, init: Any, callback: Progress | None
    ) -> SmoothFit:
        """Fit ``X scale`` in double precision, with the penalty that belongs to it."""
        dtype = self.X.dtype
        weight = None if self.weight is None else self.weight.astype(np.float64)
        with np.errstate(over="ignore", under="ignore"):
            alpha = min(float(np.float64(self.alpha) * scale * scale), LARGEST_PENALTY)
            X = self.X.astype(np.float64) * scale
        start = None if init is None else (init[0] / scale, init[1].astype(np.float64))
        scaled = replace(self, X=X, codes=self.codes.astype(np.float64), weight=weight, alpha=alpha, state=None)
        fit = scaled._solved(tol, max_iter, start, callback)
        with np.errstate(over="ignore", under="ignore"):
            fit.coef = (fit.coef * scale).astype(dtype)
        fit.intercept = fit.intercept.astype(dtype)
        return fit

    def remember(self, fit: SmoothFit, class_factors: NDArray[np.float64] | None) -> LikelihoodFit:
        """
        Keep what inference needs of the rows.

        Parameters
        ----------
        fit : SmoothFit
            What `fit` returned.
        class_factors : ndarray of shape (n_classes,) or None
            Weights of the classes, which are part of `weight`.

        Returns
        -------
        LikelihoodFit
        """
        return remember_likelihood(
            self.X,
            self.codes,
            fit.coef,
            fit.intercept,
            self.weight,
            n_classes=self.n_classes,
            objective=fit.objective,
            penalty=self.alpha * self.total,
            intercept_penalty=self.intercept_alpha * self.total,
            fit_intercept=self.fit_intercept,
            class_factors=class_factors,
        )

    def _unfitted(self, init: tuple[Any, Any] | None) -> SmoothFit:
        p, dtype = self.X.shape[1], self.X.dtype
        if init is None:
            multinomial = self.n_classes > 2
            init = (
                np.zeros((self.n_classes, p) if multinomial else p, dtype=dtype),
                np.zeros(self.n_classes if multinomial else (), dtype=dtype),
            )
        return SmoothFit(init[0].copy(), init[1].copy(), np.nan, np.inf, 0, "none", "max_iter")

    def least_norm(self, fit: SmoothFit, factor: Factor | None = None) -> LeastSquaresFit | None:
        """
        Give dependent columns without a penalty the coefficients of smallest norm among those that fit as well.

        Parameters
        ----------
        fit : SmoothFit
            A solution; its coefficients are replaced if columns are dependent.
        factor : Factor, optional
            Of the information: if it has full rank, so have the columns.

        Returns
        -------
        LeastSquaresFit or None
            The regression of the scores on the columns, if columns are dependent: it knows which. None otherwise, with
            a penalty, and where looking would cost more than the fit.
        """
        n, p = self.X.shape
        if factor is not None and factor.rank >= p and bool(np.all(factor.scale > 0)):
            return None
        if self.alpha != 0 or fit.status != "converged" or n * p**2 > AFFORDABLE:
            return None
        eta = predict_linear(self.X, fit.coef, fit.intercept)
        found = fit_least_squares(self.X, eta, sample_weight=self.weight, fit_intercept=self.fit_intercept)
        if found.rank >= p or found.status not in ("converged", "rank_deficient"):
            return None
        fit.coef, fit.intercept = found.coef, np.asarray(found.intercept)
        return found


def _sum(weight: NDArray[Any]) -> float:
    with np.errstate(over="ignore"):
        return float(weight.sum(dtype=np.float64))


def _penalty(inverse_penalty: float, total: float) -> float:
    """Return 1 / (C sum(w)), kept finite."""
    product = inverse_penalty * total
    return min(1.0 / product, LARGEST_PENALTY) if product > 0 else LARGEST_PENALTY


def starting_values(estimator: Any, rows: LabelledRows) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """
    Return the coefficients and intercepts of the last fit as the engine takes them, or None if there was none.

    Parameters
    ----------
    estimator : object
        With `coef_` and `intercept_` if it is fitted.
    rows : LabelledRows
        The rows of the fit to come.

    Returns
    -------
    tuple of ndarray, or None

    Raises
    ------
    ValueError
        If the last fit was of another number of columns or classes, or left NaN or infinity.
    """
    coef = getattr(estimator, "coef_", None)
    if coef is None:
        return None
    coef, constant = to_numpy(dense_coefficients(coef), estimator.intercept_)
    n_classes, p = len(rows.classes), rows.X.shape[1]
    expected = (1 if n_classes == 2 else n_classes, p)
    if coef.shape != expected:
        more = int(bool(estimator.fit_intercept))
        found = (coef.shape[0], coef.shape[-1] + more)
        raise ValueError(
            f"Initialization coef is of shape {found}, expected shape {(expected[0], p + more)}; "
            "set warm_start=False to fit other columns or classes"
        )
    coef = coef.astype(rows.X.dtype)
    intercept = np.zeros(expected[0], dtype=coef.dtype)
    if estimator.fit_intercept:
        intercept[:] = constant
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise ValueError(
            "Floating-point under-/overflow in what the fit is to start from: coef_ or intercept_ holds NaN or "
            "infinity. Set warm_start=False to start afresh"
        )
    return (coef[0], intercept[0:1].reshape(())) if n_classes == 2 else (coef, intercept)


def attributes_of(fit: SmoothFit, solver: str) -> dict[str, Any]:
    """
    Return the fitted attributes in the shapes of scikit-learn.

    Parameters
    ----------
    fit : SmoothFit
        What the engine returned.
    solver : str
        'liblinear' always gives float64.

    Returns
    -------
    dict
    """
    coef = fit.coef if fit.coef.ndim == 2 else fit.coef[np.newaxis]
    intercept = fit.intercept if fit.intercept.ndim == 1 else fit.intercept.reshape(1)
    if solver == "liblinear" and coef.dtype != np.float64:
        coef, intercept = coef.astype(np.float64), intercept.astype(np.float64)
    return {
        "coef_": coef,
        "intercept_": intercept,
        "n_iter_": np.array([fit.n_iter], dtype=np.int32),
        "certificate_": fit.gradient_norm,
    }
