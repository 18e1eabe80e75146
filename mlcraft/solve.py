"""The functional front: solve(X, y, loss=, solver=) -> Solution."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcraft import _core
from mlcraft._engine.config import get_config
from mlcraft._engine.factor import Factor
from mlcraft._engine.first_order import FirstOrderSettings, fit_first_order
from mlcraft._engine.penalty import Penalty

__all__ = ["Solution", "solve"]

Solver = Literal["direct", "gd", "nesterov"]


@dataclass(frozen=True)
class Solution:
    """
    What a solver found.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
    intercept : float
    objective : float
        ``sum(w_i loss_i) / sum(w_i) + alpha |coef|^2 / 2``.
    gradient_norm : float
        The certificate: the largest element of the gradient in columns of unit scale, relative to its value at zero
        coefficients. NaN for the direct solver.
    n_iter : int
    status : str
        "converged", "rank_deficient", "max_iter", "stalled" or "diverged".
    message : str
        What the status means and what to do.
    factor : Factor or None
        The factorised matrix (direct solver).
    """

    coef: NDArray[np.float64]
    intercept: float
    objective: float
    gradient_norm: float
    n_iter: int
    status: str
    message: str
    factor: Factor | None = None


_MESSAGES = {
    "converged": "The certificate is below the tolerance.",
    "rank_deficient": "Some columns depend on others; this is the solution of minimum norm.",
    "max_iter": "Stopped at max_iter = {max_iter} with a relative gradient of {gradient:.1e}; raise max_iter, or use "
    "solver='nesterov' or 'direct'.",
    "stalled": "The corrections stopped shrinking at a relative gradient of {gradient:.1e}; this is the best iterate.",
    "diverged": "The objective grew without bound: the step is too large. Leave step=None, or make it smaller. This is "
    "the best iterate.",
}


def solve(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Literal["squared"] = "squared",
    alpha: float = 0.0,
    solver: Solver = "direct",
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    step: float | None = None,
    max_iter: int = 1000,
    tol: float = 1e-8,
) -> Solution:
    """
    Minimise ``sum(w_i loss(y_i, c + x_i'b)) / sum(w_i) + alpha |b|^2 / 2`` over b and c.

    Parameters
    ----------
    X : array-like or CSR matrix of shape (n_samples, n_features)
        float32 and float64 are used as they are, everything else becomes float64.
    y : array-like of shape (n_samples,)
        Targets.
    loss : {"squared"}, default="squared"
        ``(y - eta)^2 / 2``.
    alpha : float, default=0.0
        Ridge penalty. scikit-learn's Ridge has the same minimiser at ``alpha * sum(w_i)``.
    solver : {"direct", "gd", "nesterov"}, default="direct"
        Factorisation, gradient descent, or accelerated gradient descent with restarts.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights. Default: all one.
    fit_intercept : bool, default=True
        Whether c is fitted or zero.
    step : float, optional
        Step in columns of unit scale, for "gd" and "nesterov". Default: the inverse of the largest curvature.
    max_iter : int, default=1000
        Bound on the iterations of "gd" and "nesterov".
    tol : float, default=1e-8
        Bound on `Solution.gradient_norm` for "gd" and "nesterov"; never below 50 units of rounding of the dtype of X.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If an argument has a wrong value or shape, or holds NaN or infinity.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If an iterative solver stopped early; the best iterate is returned.

    References
    ----------
    Nesterov (1983); O'Donoghue and Candès, "Adaptive restart for accelerated gradient schemes" (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft import solve
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> found = solve(X, np.array([1.0, 3.0, 5.0, 7.0]), solver="nesterov")
    >>> round(found.coef[0], 6), round(found.intercept, 6), found.status
    (np.float64(2.0), 1.0, 'converged')
    """
    if loss != "squared":
        raise ValueError(f"loss must be 'squared', got {loss!r}")
    if solver not in get_args(Solver):
        raise ValueError(f"solver must be one of {', '.join(map(repr, get_args(Solver)))}, got {solver!r}")
    _check_number("alpha", alpha)
    _check_number("tol", tol)
    if step is not None:
        _check_number("step", step, positive=True)
    if not _is_count(max_iter):
        raise ValueError(f"max_iter must be a non-negative integer, got {max_iter!r}")
    from sklearn.utils.validation import _check_sample_weight

    design, target = _checked(X, y)
    weight = None
    if sample_weight is not None:
        weight = _check_sample_weight(sample_weight, design, dtype=design.dtype, ensure_non_negative=True)
    if solver == "direct":
        return _direct(design, target, weight, alpha, bool(fit_intercept))
    found = _descend(design, target, weight, alpha, bool(fit_intercept), solver == "nesterov", step, max_iter, tol)
    certificate = float(found.certificate if hasattr(found, "certificate") else found.gradient_norm)
    message = _MESSAGES[found.status].format(max_iter=max_iter, gradient=certificate)
    if found.status != "converged":
        from sklearn.exceptions import ConvergenceWarning

        warnings.warn(f"solver={solver!r}: {message}", ConvergenceWarning, stacklevel=2)
    return Solution(
        np.asarray(found.coef, dtype=np.float64),
        float(found.intercept),
        float(found.objective),
        certificate,
        int(found.n_iter),
        found.status,
        message,
    )


def _checked(X: Any, y: Any) -> tuple[Any, Any]:
    from sklearn.utils.validation import check_X_y

    X, y = check_X_y(X, y, accept_sparse="csr", dtype=[np.float64, np.float32], order=None, y_numeric=True)
    if isinstance(X, np.ndarray):
        X = np.require(X, requirements="A")
    return X, np.require(y.astype(X.dtype, copy=False), requirements="A")


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and bool(value >= 0)


def _check_number(name: str, value: Any, *, positive: bool = False) -> None:
    if not isinstance(value, (int, float, np.number)) or not 0 <= value < float("inf") or (positive and value == 0):
        raise ValueError(f"{name} must be a finite {'positive' if positive else 'non-negative'} number, got {value!r}")


def _direct(X: Any, y: Any, weight: Any, alpha: float, fit_intercept: bool) -> Solution:
    from mlcraft._engine.least_squares import fit_least_squares

    total = float(len(y) if weight is None else weight.sum(dtype=np.float64))
    fit = fit_least_squares(X, y, alpha=alpha * total, sample_weight=weight, fit_intercept=fit_intercept)
    coef, intercept = fit.coef.astype(np.float64), float(fit.intercept)
    value, _, _ = _core.fused_pass(X, y, coef, intercept, weight)
    penalty = alpha * float(coef @ coef) / 2 if alpha else 0.0
    objective = value + penalty
    message = _MESSAGES[fit.status].format(max_iter="the default", gradient=float("nan"))
    return Solution(coef, intercept, objective, float("nan"), fit.n_iter, fit.status, message, fit.factor)


def _descend(
    X: Any,
    y: Any,
    weight: Any,
    alpha: float,
    fit_intercept: bool,
    accelerated: bool,
    step: float | None,
    max_iter: int,
    tol: float,
) -> Any:
    if get_config()["engine"] == "numba" and isinstance(X, np.ndarray):
        from mlcraft import jit

        return jit.gradient_descent(
            X,
            y,
            alpha=alpha,
            sample_weight=weight,
            fit_intercept=fit_intercept,
            accelerated=accelerated,
            step=step,
            max_iter=max_iter,
            tol=tol,
        )
    found = fit_first_order(
        X,
        y,
        loss="squared",
        solver="nesterov" if accelerated else "gd",
        penalty=Penalty("l2", alpha=alpha),
        sample_weight=weight,
        fit_intercept=fit_intercept,
        options=FirstOrderSettings(step=step),
        tol=tol,
        max_iter=max_iter,
    )
    if found.status == "not_finite":
        raise ValueError("squares of X or y leave the range of double precision; scale the columns of X")
    return found
