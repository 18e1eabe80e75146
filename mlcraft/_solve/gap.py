"""Duality gaps of L1 and elastic-net fits: a proof of how near the minimum is, for two passes over X.

With r_i = w_i / W and the residual-like u_i = -loss'(y_i, eta_i), every u that sums to zero (where there is a constant)
and stays in the domain of the conjugate gives the lower bound

    sum_i r_i (d_i(u_i) - offset_i u_i) - sum_j penalty*(x_j' (r u)),

d the negative conjugate of the loss: ``y u - u^2 / 2`` (squared), the entropy of y - u (logistic), ``m - m log m`` with
m = y - u (Poisson). The conjugate of ``l1 |b| + l2 b^2 / 2`` is ``max(|z| - l1, 0)^2 / (2 l2)``; with no L2 part u is
shrunk until no |z_j| exceeds l1 (Ndiaye et al. 2017). The constant is moved to its optimum first: then u sums to 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.least_squares import predict_linear
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft._solve.problem import Problem

__all__ = ["duality_gap"]

Doubles = NDArray[np.float64]
LOSSES = ("squared", "logistic", "poisson")
TINY = float(np.finfo(np.float64).tiny)


@one_blas_thread()
def duality_gap(problem: Problem, coef: Doubles, intercept: Doubles, objective: float) -> float:
    """
    Return the duality gap relative to the objective, NaN where it is not cheap.

    Parameters
    ----------
    problem : Problem
        With an L1 part in its penalty, and the squared, logistic or Poisson loss.
    coef, intercept : ndarray
        The point.
    objective : float
        There.

    Returns
    -------
    float
    """
    if problem.loss.name not in LOSSES or problem.lasso <= 0 or not math.isfinite(objective):
        return math.nan
    data = problem.data
    y = data.y.astype(np.float64)
    share = np.full(len(y), 1.0 / len(y)) if data.weight is None else data.weight.astype(np.float64) / problem.total
    offset = np.zeros(len(y)) if data.offset is None else data.offset.astype(np.float64)
    eta = np.asarray(predict_linear(data.X, coef.astype(data.X.dtype), data.X.dtype.type(intercept)), dtype=np.float64)
    eta += offset
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        u = y - _mean(problem.loss.name, eta + _shift(problem, y, share, eta))
        z = np.asarray(data.X.T @ (share * u).astype(data.X.dtype), dtype=np.float64)
        if problem.ridge > 0:
            beyond = np.maximum(np.abs(z) - problem.lasso, 0.0)
            conjugate = float(beyond @ beyond) / (2 * problem.ridge)
        else:
            u *= min(1.0, problem.lasso / max(float(np.abs(z).max(initial=0.0)), TINY))
            conjugate = 0.0
        bound = float(share @ (_negative_conjugate(problem.loss.name, y, u) - offset * u)) - conjugate
    return max(objective - bound, 0.0) / max(abs(objective), TINY)


def _mean(name: str, eta: Doubles) -> Doubles:
    from scipy.special import expit

    return np.asarray(eta if name == "squared" else expit(eta) if name == "logistic" else np.exp(eta))


def _shift(problem: Problem, y: Doubles, share: Doubles, eta: Doubles) -> float:
    """Return what must be added to the constant for u to sum to zero."""
    if not problem.fit_intercept:
        return 0.0
    name = problem.loss.name
    if name == "squared":
        return float(share @ (y - eta))
    if name == "poisson":
        return float(np.log((share @ y) / (share @ np.exp(eta))))
    shift = 0.0
    for _ in range(50):  # Newton's method, from a point that is nearly right
        mean = _mean(name, eta + shift)
        step = float(share @ (y - mean)) / max(float(share @ (mean * (1.0 - mean))), TINY)
        shift += max(-1.0, min(1.0, step))
        if abs(step) < 1e-15 * (1.0 + abs(shift)):
            break
    return shift


def _negative_conjugate(name: str, y: Doubles, u: Doubles) -> Any:
    from scipy.special import entr

    if name == "squared":
        return y * u - u * u / 2
    m = y - u
    if name == "poisson":
        return m + entr(m)
    return entr(m) + entr(1.0 - m)
