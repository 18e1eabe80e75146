"""Smooth losses on arrays: the door to the compiled solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.losses import UserLoss, loss_ref

__all__ = ["METHODS", "SmoothFit", "fit_smooth"]

Floats = NDArray[np.floating[Any]]
Progress = Callable[[int, float, float], bool | None]
TraceRow = tuple[int, int, float, float, float]
METHODS = {
    "auto": _core.SmoothMethod.cheapest,
    "lbfgs": _core.SmoothMethod.lbfgs,
    "newton": _core.SmoothMethod.newton,
    "newton-cg": _core.SmoothMethod.newton_cg,
}


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
        "converged", "max_iter", "max_time", "stalled", "separated" or "interrupted" (by the callback).
    diverging : list of int
        Where the classes are separated: the columns whose coefficients run away.
    state : object or None
        With ``keep_state``: what fits of the same columns with other weights start from.
    passes, grams : int
        Passes over all rows, and Gram matrices of all of them.
    trace : list of tuple
        With ``trace``: (iteration, passes, seconds, objective, certificate) after each iteration.
    """

    coef: Floats
    intercept: Floats
    objective: float
    gradient_norm: float
    n_iter: int
    method: str
    status: str
    diverging: list[int] = field(default_factory=list)
    state: _core.SmoothState | None = None
    passes: int = 0
    grams: int = 0
    trace: list[TraceRow] = field(default_factory=list)


class _Report:
    """What is called after each iteration: keeps the trace and the time."""

    def __init__(self, max_time: float, trace: bool, callback: Progress | None) -> None:
        self.max_time, self.keep, self.callback = max_time, trace, callback
        self.rows: list[TraceRow] = []
        self.late = False
        self.start = perf_counter()

    def __call__(self, iteration: int, objective: float, certificate: float, passes: int) -> bool:
        seconds = perf_counter() - self.start
        if self.keep:
            self.rows.append((iteration, passes, seconds, objective, certificate))
        self.late = seconds > self.max_time
        stop = self.callback is not None and bool(self.callback(iteration, objective, certificate))
        return stop or self.late


def fit_smooth(
    X: Any,
    y: Floats,
    *,
    loss: str | UserLoss,
    alpha: float = 0.0,
    intercept_alpha: float = 0.0,
    sample_weight: Floats | None = None,
    offset: Floats | None = None,
    fit_intercept: bool = True,
    n_classes: int = 2,
    parameter: float = 0.0,
    init: tuple[Floats, Floats] | None = None,
    state: _core.SmoothState | None = None,
    keep_state: bool = False,
    method: str = "auto",
    tol: float = 1e-9,
    max_iter: int = 1000,
    max_time: float = np.inf,
    trace: bool = False,
    callback: Progress | None = None,
) -> SmoothFit:
    """
    Minimise ``sum(w_i loss(y_i, eta_i)) / sum(w_i) + alpha |b|^2 / 2 + intercept_alpha |c|^2 / 2``.

    With ``eta_i = offset_i + c + x_i'b``. Losses: "logistic" ``log(1 + exp(eta)) - y eta`` (y in [0, 1]); "multinomial"
    ``logsumexp(eta) - eta[y]`` (y codes 0 .. n_classes - 1; one coefficient vector a class); "squared_hinge"
    ``max(0, 1 - y eta)^2`` and "modified_huber", the same but for ``-4 y eta`` where ``y eta < -1`` (y is -1 or 1);
    "squared" ``(y - eta)^2 / 2``; "huber", the same but for ``delta |y - eta| - delta^2 / 2`` where ``|y - eta| >
    delta``; "squared_epsilon_insensitive" ``max(0, |y - eta| - epsilon)^2``; "poisson" ``exp(eta) - y eta`` (y >= 0);
    and a user's own.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float32 or float64, any strides. Neither copied nor written.
    y : ndarray of shape (n_samples,)
        In the dtype of X.
    loss : str or UserLoss
        One of `mlcraft._engine.losses.SMOOTH_LOSSES`, or a user's own.
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
    parameter : float, default=0.0
        delta of "huber", epsilon of "squared_epsilon_insensitive".
    init : tuple of ndarray, optional
        Coefficients and intercepts to start from, of the shapes returned.
    state : object, optional
        That of a fit of the same columns, with other weights and a penalty near by: scales and curvature are taken from
        it instead of from a sample. With ``init``; not for "multinomial".
    keep_state : bool, default=False
        Whether to leave one, which may cost a Gram matrix of all rows.
    method : {"auto", "lbfgs", "newton", "newton-cg"}, default="auto"
        What costs least; L-BFGS in a diagonal metric; a Hessian factorised each iteration; conjugate gradients each
        iteration.
    tol : float, default=1e-9
        Bound on the certificate; never below what the rounding of the dtype of X lets it show.
    max_iter : int, default=1000
        Bound on the iterations.
    max_time : float, default=inf
        Seconds after which the iteration under way is the last.
    trace : bool, default=False
        Whether to keep a row an iteration.
    callback : callable, optional
        Called with (iteration, objective, certificate) after every iteration; True ends the fit.

    Returns
    -------
    SmoothFit

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity, or the weights sum to zero; or if squares of a column leave the
        range of double precision.
    ValueError
        If the loss is unknown or not smooth, or its parameter is out of range.
    """
    if loss == "huber" and not parameter > 0:
        raise ValueError(f"parameter, the delta of loss='huber', must be positive, got {parameter!r}")
    if loss == "multinomial" and offset is not None:
        raise ValueError("offset is not for loss='multinomial'")
    options = _core.SmoothOptions()
    options.loss, addresses, has_hessian = loss_ref(loss, X.dtype, smooth=True)
    if options.loss == "user":
        options.user_loss, options.user_hess = addresses, has_hessian
    options.alpha, options.intercept_alpha = float(alpha), float(intercept_alpha)
    options.parameter, options.fit_intercept = float(parameter), bool(fit_intercept)
    options.tol, options.max_iter, options.classes = float(tol), int(max_iter), int(n_classes)
    options.state, options.keep_state, options.method = state, keep_state, METHODS[method]
    if init is not None:
        options.coef, options.intercepts = np.ravel(init[0]).tolist(), np.ravel(init[1]).tolist()
    X, y, sample_weight, offset = readable(X, y, sample_weight, offset)
    report = _Report(max_time, trace, callback) if trace or callback is not None or max_time < np.inf else None
    found = _core.fit_smooth(X, y, sample_weight, offset, options, report)
    if found.columns and found.status == "not_finite":
        raise NonFiniteError(_out_of_range(found.columns))
    if found.status == "not_finite":
        raise NonFiniteError("X, y, sample_weight or offset holds NaN or infinity, or the weights sum to zero")
    coef, intercept = found.coef.astype(X.dtype, copy=False), np.asarray(found.intercepts, dtype=X.dtype)
    if loss != "multinomial":
        coef, intercept = coef[0], intercept[0]
    return SmoothFit(
        coef,
        intercept,
        found.objective,
        found.gradient_norm,
        found.iterations,
        found.method,
        "max_time" if found.status == "interrupted" and report is not None and report.late else found.status,
        found.columns,
        found.state,
        found.passes,
        found.grams,
        [] if report is None else report.rows,
    )


def _out_of_range(columns: list[int]) -> str:
    names = ", ".join(map(str, columns[:5])) + (", ..." if len(columns) > 5 else "")
    return (
        "X holds NaN or infinity, or its squares leave the range of double precision (values of 1e-140 to 1e150) "
        f"in column{'s' if len(columns) > 1 else ''} {names}; scale X"
    )
