"""Losses of two slopes (hinge, epsilon-insensitive, quantile) on arrays: the door to the two solvers of their dual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError

__all__ = ["BoxFit", "fit_box_dual"]

Doubles = NDArray[np.float64]

WIDEST = 1000  # columns up to which a weighted Gram a step is cheaper than hundreds of passes of coordinate descent
FURTHER = 1e-4
ALONE = (None, None, None)  # no start, no other penalties
STEPS = 200  # interior-point steps that are always enough, or it is stuck


@dataclass(slots=True)
class BoxFit:
    """
    What the fit of a loss with two slopes leaves.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Coefficients.
    intercept : float
        Zero without bias.
    dual : ndarray of shape (n_samples,)
        The point of the boxes that proves it; ``X.T @ dual`` is `coef`, up to the gap.
    objective : float
        ``(|coef|^2 + (intercept / bias)^2) / 2`` and the losses.
    gap : float
        The certificate: the objective is at most this much above the smallest possible.
    n_iter : int
        Steps, or passes over the rows.
    method : str
        "interior_point" or "coordinate_descent", whichever finished.
    status : str
        "converged", "max_iter", "stalled" or "interrupted" (by the callback).
    """

    coef: Doubles
    intercept: float
    dual: Doubles
    objective: float
    gap: float
    n_iter: int
    method: str
    status: str


def fit_box_dual(
    X: Any,
    y: Doubles,
    lower: Doubles,
    upper: Doubles,
    *,
    epsilon: float = 0.0,
    bias: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 1000,
    seed: int = 0,
    method: str = "auto",
    ridge: Doubles | None = None,
    l1: Doubles | None = None,
    callback: Callable[[int, float, float], bool] | None = None,
) -> BoxFit:
    """
    Minimise ``|w|^2 / 2 + sum_i max {b (y_i - z_i'w) - epsilon |b| : lower_i <= b <= upper_i}``, ``z_i = (x_i, bias)``.

    The hinge loss with weights C_i: y of -1 and 1, the box between 0 and ``y_i C_i``, epsilon 0.  The
    epsilon-insensitive loss: the box from ``-C_i`` to ``C_i``.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float64.  Not written, and copied only where coordinate descent needs rows that lie together.
    y, lower, upper : ndarray of shape (n_samples,)
        Targets and boxes, ``lower <= 0 <= upper``; a row with both zero is as if it were not there.
    epsilon : float, default=0.0
        Not negative.
    bias : float, default=0.0
        Value of the constant last column, whose coefficient is penalised with the others; 0: none.
    tol : float, default=1e-6
        Bound on the duality gap, relative to the objective.
    max_iter : int, default=1000
        Bound on the steps of the interior-point method, and on the passes of coordinate descent.
    seed : int, default=0
        Of the order in which coordinate descent takes the rows.
    method : {"auto", "interior_point", "coordinate_descent"}, default="auto"
        With "auto", what the number of columns suggests; coordinate descent goes on where the interior-point
        method is stuck.
    ridge, l1 : ndarray of shape (n_features,), optional
        Other penalties than ``|w|^2 / 2``: ``sum_j ridge_j w_j^2 / 2 + l1_j |w_j|``, with one element more for the
        bias if there is one. Zeros leave a linear program. By the interior-point method only.

    callback : callable, optional
        Called with (iteration, objective, gap) after a step, or some passes of coordinate descent; True ends the run
        with status "interrupted" and the best point so far. Both are infinite while a sample is solved.

    Returns
    -------
    BoxFit

    Raises
    ------
    NonFiniteError
        If X, y or the boxes hold NaN or infinity.
    """
    X, y, lower, upper = readable(X, y, lower, upper)
    if not (np.isfinite(y).all() and np.isfinite(lower).all() and np.isfinite(upper).all()):
        raise NonFiniteError("y or sample_weight holds NaN or infinity")
    if ridge is not None or l1 is not None:
        zeros = np.zeros(X.shape[1] + (bias > 0))
        penalties = (zeros if ridge is None else ridge, l1)
        numbers = (float(epsilon), float(bias), float(tol))
        plan = ("interior_point", min(max_iter, STEPS), seed)
        return _solve(X, (y, lower, upper), (None, *penalties), numbers, plan, callback)
    if method != "auto":
        first = method
    else:
        first = "interior_point" if X.shape[1] <= WIDEST else "coordinate_descent"
    numbers = (float(epsilon), float(bias), float(tol))
    data = (y, lower, upper)
    if method != "auto" or first == "coordinate_descent":
        limit = min(max_iter, STEPS) if first == "interior_point" else max_iter
        return _solve(X, data, ALONE, numbers, (first, limit, seed), callback)
    # the last steps gain several digits each: four more than asked for, where the arithmetic has them
    ambitious = (numbers[0], numbers[1], max(FURTHER * tol, 1e-13))
    fit = _solve(X, data, ALONE, ambitious, (first, min(max_iter, STEPS), seed), callback)
    if fit.gap <= tol * fit.objective:
        fit.status = "converged"
    elif fit.status == "stalled":
        again = _solve(X, data, (fit.dual, None, None), numbers, ("coordinate_descent", max_iter, seed), callback)
        if again.gap < fit.gap:
            fit = replace(again, n_iter=fit.n_iter + again.n_iter)
    return fit


def _solve(X: Any, data: Any, rest: Any, numbers: Any, plan: tuple[str, int, int], callback: Any) -> BoxFit:
    if plan[0] == "coordinate_descent" and isinstance(X, np.ndarray):
        X = np.ascontiguousarray(X)
    w, dual, objective, gap, n_iter, status = _core.box_dual(X, (*data, *rest), numbers, plan, callback)
    if status == "not_finite":
        raise NonFiniteError("X holds NaN or infinity, or numbers whose products are not finite")
    bias = numbers[1]
    p = X.shape[1]
    return BoxFit(w[:p], bias * float(w[p]) if bias > 0 else 0.0, dual, objective, gap, n_iter, plan[0], status)
