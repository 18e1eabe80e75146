"""Least squares on arrays: the compiled solver, with the cases that need a second look."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.config import get_config
from mlcraft._engine.factor import Factor, Kept, SumsOfSquares
from mlcraft._engine.layout import readable

__all__ = ["ROUGH", "LeastSquaresFit", "NonFiniteError", "fit_least_squares", "predict_linear"]

Floats = NDArray[np.floating[Any]]
ROUGH = 2e-5  # relative error of coefficients from which moments alone are not trusted


class NonFiniteError(ValueError):
    """X, y or sample_weight holds NaN or infinity; the caller knows how to name the culprit."""


@dataclass(slots=True)
class LeastSquaresFit:
    """
    What a least-squares fit leaves.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients, in the dtype of X.
    intercept : ndarray of shape () or (n_targets,)
        Intercepts, in the dtype of X; zero without ``fit_intercept``.
    rank : int
        Numerical rank of the centred design, decided on scaled columns.
    condition : float
        Estimated condition number of the centred design with columns of unit norm; infinite if rank-deficient, NaN
        where the method does not tell.
    n_iter : int
        Steps of refinement, pivoting or conjugate gradients.
    method : str
        "cholesky", "qr", "dual", "active_set" or "conjugate_gradient".
    status : str
        "converged", "rank_deficient", "max_iter" or "stalled".
    kept : Kept
        The factorised matrix and the sums of squares, where the method makes them.
    """

    coef: Floats
    intercept: Floats
    rank: int
    condition: float
    n_iter: int
    method: str
    status: str
    kept: Kept

    @property
    def factor(self) -> Factor | None:
        """The factorised matrix, where the method makes one."""
        return self.kept.factor

    @property
    def sums(self) -> SumsOfSquares | None:
        """The sums of squares about the mean and about the fit."""
        return self.kept.sums


def fit_least_squares(
    X: Any,
    y: Floats,
    *,
    alpha: float | NDArray[Any] = 0.0,
    sample_weight: Floats | None = None,
    fit_intercept: bool = True,
    positive: bool = False,
    tol: float | None = None,
    max_iter: int | None = None,
) -> LeastSquaresFit:
    """
    Minimise ``sum w_i (y_i - c - x_i'b)^2 + alpha |b|^2``.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float32 or float64, any strides. Neither copied nor written.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        In the dtype of X.
    alpha : float or ndarray of shape (n_targets,), default=0.0
        Ridge penalty, for all targets or for each.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative, in the dtype of X. Default: all one.
    fit_intercept : bool, default=True
        Whether c is fitted or zero.
    positive : bool, default=False
        Whether coefficients must be non-negative.
    tol : float, optional
        For conjugate gradients only (wide sparse X): bound on the relative norm of the gradient. Never looser than
        1e-8. Default: 1e-10.
    max_iter : int, optional
        For iterative methods only. Default: by the size of the problem.

    Returns
    -------
    LeastSquaresFit

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity, or the weights sum to zero.
    ValueError
        If X has no rows, or alpha is negative, NaN or infinite.
    """
    if X.shape[0] == 0:
        raise ValueError("X has no rows")
    usable = 0 <= alpha < np.inf if isinstance(alpha, (float, int)) else _all_usable(alpha)
    if not usable:
        raise ValueError(f"alpha must be finite and not negative, got {alpha!r}")
    options = _core.LeastSquaresOptions()
    if isinstance(alpha, np.ndarray) and alpha.ndim > 0:
        options.alpha = alpha.ravel().tolist()
    elif alpha != 0:
        options.alpha = [float(alpha)]
    options.fit_intercept = fit_intercept
    options.positive = positive
    if tol is not None:
        options.tol = min(max(tol * 1e-6, 1e-13), 1e-8)
    if max_iter is not None:
        options.max_iter = max_iter
    X, y, sample_weight = readable(X, y, sample_weight)
    if get_config()["engine"] == "numba" and isinstance(X, np.ndarray) and X.shape[0] > X.shape[1]:
        solution = _solve_by_twins(X, y, sample_weight, options)
        if solution is not None:
            return _as_fit(solution, X.dtype, y.ndim, _count(X, sample_weight))
    solution = _core.least_squares(X, y, sample_weight, options)
    if solution.status == "not_finite":
        return _rescaled(X, y, sample_weight, options)
    return _as_fit(solution, X.dtype, y.ndim)


def _count(X: Any, sample_weight: Floats | None) -> int:
    return int(X.shape[0] if sample_weight is None else np.count_nonzero(sample_weight))


def _solve_by_twins(X: Any, y: Floats, sample_weight: Floats | None, options: _core.LeastSquaresOptions) -> Any:
    """Solve from the moments of the Numba twins, or return None where the compiled engine must see the rows."""
    from mlcraft import jit

    with suppress(ValueError):  # what the twins refuse is for the compiled engine to judge
        logs = 0.0 if sample_weight is None else float(np.log(sample_weight[sample_weight > 0], dtype=np.float64).sum())
        moments = _core.Moments(**jit.moments(X, y, sample_weight, options.fit_intercept), log_weight=logs)
        solution, error = _core.solve_moments(moments, options)
        if solution.status in ("converged", "max_iter") and error < ROUGH:
            return solution
    return None


def _all_usable(alpha: Any) -> bool:
    return bool(np.all(np.isfinite(alpha)) and np.all(np.greater_equal(alpha, 0)))


def _as_fit(solution: Any, dtype: Any, ndim: int, n_samples: int | None = None) -> LeastSquaresFit:
    coef, intercept = solution.coef, solution.intercept
    if dtype != coef.dtype:
        coef, intercept = coef.astype(dtype), intercept.astype(dtype)
    if ndim == 1:
        coef, intercept = coef[0], intercept[0]
    return LeastSquaresFit(
        coef,
        intercept,
        solution.rank,
        solution.condition,
        solution.iterations,
        solution.method,
        solution.status,
        Kept(solution, n_samples),
    )


def _rescaled(X: Any, y: Floats, sample_weight: Floats | None, options: _core.LeastSquaresOptions) -> LeastSquaresFit:
    """Fit data whose squares leave the range of the dtype: in double, columns and targets scaled by powers of two."""
    dense = isinstance(X, np.ndarray)
    values = X if dense else X.data
    if not (np.isfinite(values).all() and np.isfinite(y).all()):
        raise NonFiniteError("X or y holds NaN or infinity")
    weight, weight_scale = None, 1.0
    if sample_weight is not None:
        largest = sample_weight.max(initial=0.0)
        if not (np.isfinite(sample_weight).all() and largest > 0):
            raise NonFiniteError("sample_weight holds NaN or infinity, or sums to zero")
        weight_scale = float(_power_of_two(np.float64(largest)))
        weight = sample_weight.astype(np.float64) * weight_scale
    scaled = X.astype(np.float64)
    if dense:
        if options.fit_intercept:  # constant columns get no coefficient, however large they are
            scaled[:, np.ptp(scaled, axis=0) == 0] = 0.0
        sizes = np.abs(scaled).max(axis=0, initial=0.0)
    else:
        sizes = np.full(X.shape[1], np.abs(scaled.data).max(initial=0.0))
    columns, common_scale = _power_of_two(sizes), _power_of_two(sizes.max(initial=0.0))
    targets = y.astype(np.float64).reshape(len(y), -1)
    heights = _power_of_two(np.abs(targets).max(axis=0, initial=0.0))
    alpha = list(options.alpha)
    # a penalty or a minimum norm ties the columns together
    tied = any(a != 0 for a in alpha) or X.shape[0] <= X.shape[1]
    for common in (True,) if tied else (False, True):
        scale = np.full_like(columns, common_scale) if common else columns
        with np.errstate(over="ignore", under="ignore"):
            options.alpha = [float(np.float64(a) * weight_scale * scale[0] ** 2) if a else 0.0 for a in alpha]
            design = scaled * scale if dense else scaled * scale[0]
        attempt = _core.least_squares(design, targets * heights, weight, options)
        if common and not tied and attempt.status == "not_finite":
            break  # the scales are too far apart for one of them
        solution, used = attempt, scale
        if solution.status != "rank_deficient":
            break
    scale = used
    if solution.status == "not_finite":
        raise NonFiniteError("X, y or sample_weight leaves the range of double precision")
    fit = _as_fit(solution, np.dtype(np.float64), 2)
    with np.errstate(over="ignore", under="ignore"):
        fit.coef = (fit.coef * scale / heights[:, np.newaxis]).astype(X.dtype)
        fit.intercept = (fit.intercept / heights).astype(X.dtype)
    if not (np.isfinite(fit.coef).all() and np.isfinite(fit.intercept).all()):
        raise NonFiniteError("the coefficients leave the range of the dtype of X; scale X or y")
    factor = _unscaled_factor(fit.factor, scale, weight_scale, alpha[0])
    fit.kept = Kept(factor=factor, sums=_unscaled_sums(fit.sums, heights, weight_scale))
    if y.ndim == 1:
        fit.coef, fit.intercept = fit.coef[0], fit.intercept[0]
    return fit


def _unscaled_factor(
    factor: Factor | None, columns: NDArray[np.float64], weight_scale: float, alpha: float
) -> Factor | None:
    if factor is None:
        return None
    root = np.sqrt(weight_scale)
    with np.errstate(over="ignore", under="ignore"):
        if factor.dual:  # one scale for all columns
            lower, scale = factor.lower / (columns[0] * root), factor.scale
        else:
            lower, scale = factor.lower, factor.scale * columns * root
        mean = factor.mean / columns
    weight_sum = factor.weight_sum / weight_scale
    return replace(factor, lower=lower, scale=scale, mean=mean, weight_sum=weight_sum, alpha=alpha)


def _unscaled_sums(
    sums: SumsOfSquares | None, heights: NDArray[np.float64], weight_scale: float
) -> SumsOfSquares | None:
    if sums is None:
        return None
    with np.errstate(over="ignore", under="ignore"):  # what leaves the range is infinite or zero
        total, residual = (part / heights / heights / weight_scale for part in (sums.total, sums.residual))
        log_weight = sums.log_weight - sums.n_samples * float(np.log(weight_scale))
        return SumsOfSquares(sums.n_samples, sums.y_mean / heights, total, residual, log_weight)


def _power_of_two(size: Any) -> NDArray[np.float64]:
    exponent = np.clip(np.frexp(np.where(size > 0, size, 1.0))[1], -1000, 1000)
    scale: NDArray[np.float64] = np.ldexp(1.0, -exponent)
    return scale


def _readable(X: Floats, coef: Floats) -> bool:
    return X.flags.aligned and coef.flags.aligned and coef.flags.c_contiguous and coef.ndim > 0


def predict_linear(X: Any, coef: Floats, intercept: Any) -> Floats:
    """
    Compute ``X @ coef.T + intercept``.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64.
    coef : ndarray of shape (n_features,) or (n_targets, n_features)
    intercept : float or ndarray of shape (n_targets,)

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_targets)
    """
    if isinstance(X, np.ndarray) and X.dtype == coef.dtype and _readable(X, coef):
        result = _core.predict_linear(X, coef, intercept)
        if result is not None:
            return result
    with np.errstate(invalid="ignore", over="ignore"):
        product: Floats = X @ coef.T + intercept
    return product
