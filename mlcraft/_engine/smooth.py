"""Smooth losses on arrays: the door to the compiled solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError

__all__ = ["LOSSES", "SmoothFit", "fit_smooth"]

Floats = NDArray[np.floating[Any]]
LOSSES = ("logistic", "multinomial", "squared", "squared_hinge", "squared_epsilon_insensitive")


@dataclass(slots=True)
class SmoothFit:
    """
    What the fit of a smooth loss leaves.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients, in the dtype of X; a row for each class with the multinomial loss.
    intercept : ndarray of shape () or (n_classes,)
        Intercepts, in the dtype of X; zero without ``fit_intercept``.
    objective : float
        ``sum(w_i loss_i) / sum(w_i) + alpha |coef|^2 / 2 + intercept_alpha |intercept|^2 / 2``.
    gradient_norm : float
        The certificate, free of the scales of the columns, of the weights and of the penalty.
    n_iter : int
        Iterations over all rows.
    method : str
        "newton", "lbfgs", ...: the solver that finished.
    status : str
        "converged", "max_iter", "stalled", "separated" or "interrupted" (by the callback).
    diverging : list of int
        Where the classes are separated: the columns whose coefficients run away.
    """

    coef: Floats
    intercept: Floats
    objective: float
    gradient_norm: float
    n_iter: int
    method: str
    status: str
    diverging: list[int] = field(default_factory=list)


def fit_smooth(
    X: Any,
    y: Floats,
    *,
    loss: str,
    alpha: float = 0.0,
    intercept_alpha: float = 0.0,
    sample_weight: Floats | None = None,
    offset: Floats | None = None,
    fit_intercept: bool = True,
    n_classes: int = 2,
    epsilon: float = 0.0,
    init: tuple[Floats, Floats] | None = None,
    tol: float = 1e-9,
    max_iter: int = 1000,
    callback: Callable[[int, float, float], bool | None] | None = None,
) -> SmoothFit:
    """
    Minimise ``sum(w_i loss(y_i, eta_i)) / sum(w_i) + alpha |b|^2 / 2 + intercept_alpha |c|^2 / 2``.

    With ``eta_i = offset_i + c + x_i'b``. Losses: "logistic" ``log(1 + exp(eta)) - y eta`` (y in [0, 1]); "multinomial"
    ``logsumexp(eta) - eta[y]`` (y codes 0 .. n_classes - 1; one coefficient vector a class); "squared_hinge"
    ``max(0, 1 - y eta)^2`` (y is -1 or 1); "squared_epsilon_insensitive" ``max(0, |y - eta| - epsilon)^2``;
    "squared" ``(y - eta)^2 / 2``.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float32 or float64, any strides. Neither copied nor written.
    y : ndarray of shape (n_samples,)
        In the dtype of X.
    loss : str
        One of `LOSSES`.
    alpha, intercept_alpha : float, default=0.0
        L2 penalties of the coefficients and of the intercept.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative, in the dtype of X. Default: all one.
    offset : ndarray of shape (n_samples,), optional
        Added to eta, in the dtype of X; not for "multinomial".
    fit_intercept : bool, default=True
        Whether c is fitted or zero.
    n_classes : int, default=2
        For "multinomial".
    epsilon : float, default=0.0
        For "squared_epsilon_insensitive".
    init : tuple of ndarray, optional
        Coefficients and intercepts to start from, of the shapes returned.
    tol : float, default=1e-9
        Bound on the certificate; never below what the rounding of the dtype of X lets it show.
    max_iter : int, default=1000
        Bound on the iterations.
    callback : callable, optional
        Called with (iteration, objective, certificate) after every iteration; True ends the fit.

    Returns
    -------
    SmoothFit

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity, or the weights sum to zero.
    """
    if loss == "multinomial":
        return _multinomial(X, y, alpha, sample_weight, fit_intercept, n_classes, init, tol, max_iter)
    options = _core.SmoothOptions()
    options.loss, options.alpha, options.intercept_alpha = loss, float(alpha), float(intercept_alpha)
    options.parameter, options.fit_intercept = float(epsilon), bool(fit_intercept)
    options.tol, options.max_iter = float(tol), int(max_iter)
    if init is not None:
        options.coef, options.intercept = np.ravel(init[0]).tolist(), float(np.ravel(init[1])[0])
    X, y, sample_weight, offset = readable(X, y, sample_weight, offset)
    found = _core.fit_smooth(X, y, sample_weight, offset, options, callback)
    if found.status == "not_finite":
        raise NonFiniteError("X, y, sample_weight or offset holds NaN or infinity, or the weights sum to zero")
    return SmoothFit(
        found.coef.astype(X.dtype, copy=False),
        np.asarray(found.intercept, dtype=X.dtype),
        found.objective,
        found.gradient_norm,
        found.iterations,
        found.method,
        found.status,
        found.diverging,
    )


def _multinomial(
    X: Any,
    y: Floats,
    alpha: float,
    sample_weight: Floats | None,
    fit_intercept: bool,
    n_classes: int,
    init: tuple[Floats, Floats] | None,
    tol: float,
    max_iter: int,
) -> SmoothFit:
    loss, intercept_alpha, offset, epsilon = "multinomial", 0.0, None, 0.0
    from scipy.optimize import minimize

    n, p = X.shape
    K = n_classes if loss == "multinomial" else 1
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    total = w.sum()
    if not (np.isfinite(total) and total > 0 and np.isfinite(y).all()):
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity")
    dense = X.toarray() if not isinstance(X, np.ndarray) else X
    if not np.isfinite(dense).all():
        raise NonFiniteError("X holds NaN or infinity")
    A = np.column_stack([np.asarray(dense, dtype=np.float64), np.ones(n)]) if fit_intercept else dense.astype(float)
    ridge = np.r_[np.full(p, alpha), [intercept_alpha]] if fit_intercept else np.full(p, alpha)
    scale = 1 / np.sqrt(np.maximum((w / total) @ A**2 + ridge, 1e-300))
    A = A * scale
    ridge = ridge * scale**2
    base = np.zeros(n) if offset is None else np.asarray(offset, dtype=np.float64)
    target = np.asarray(y, dtype=np.float64)
    one_hot = np.eye(K)[target.astype(int)] if K > 1 else None
    from scipy.special import expit, logsumexp

    def evaluate(flat: Any) -> Any:
        B = flat.reshape(K, -1)
        eta = A @ B.T + base[:, None]
        if loss == "multinomial":
            value = logsumexp(eta, axis=1) - (eta * one_hot).sum(1)
            residual = np.exp(eta - logsumexp(eta, axis=1, keepdims=True)) - one_hot
        else:
            e = eta[:, 0]
            if loss == "logistic":
                value, r = np.logaddexp(0, e) - target * e, expit(e) - target
            elif loss == "squared_hinge":
                m = np.maximum(0, 1 - target * e)
                value, r = m**2, -2 * target * m
            elif loss == "squared":
                value, r = (e - target) ** 2 / 2, e - target
            else:
                m = np.maximum(0, np.abs(target - e) - epsilon)
                value, r = m**2, 2 * np.sign(e - target) * m
            residual = r[:, None]
        f = w @ value / total + (ridge * B**2).sum() / 2
        g = (residual * (w / total)[:, None]).T @ A + ridge * B
        return f, g.ravel()

    start = np.zeros((K, A.shape[1]))
    if init is not None:
        start[:, :p] = np.atleast_2d(init[0])
        if fit_intercept:
            start[:, p] = np.ravel(init[1])
        start /= scale
    found = minimize(
        evaluate,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxfun": 10 * max_iter + 100, "gtol": tol, "ftol": 0, "maxcor": 30},
    )
    f, g = evaluate(found.x)
    B = found.x.reshape(K, -1) * scale
    coef, intercept = B[:, :p], B[:, p] if fit_intercept else np.zeros(K)
    if K > 1 and alpha == 0:
        coef, intercept = coef - coef.mean(0), intercept - intercept.mean()
    if loss != "multinomial":
        coef, intercept = coef[0], intercept[0]
    size = float(np.abs(g).max())
    status = "converged" if size <= max(tol, 1e-7) else "max_iter" if found.nit >= max_iter else "stalled"
    return SmoothFit(
        coef.astype(X.dtype), np.asarray(intercept, dtype=X.dtype), float(f), size, int(found.nit), "lbfgs", status
    )
