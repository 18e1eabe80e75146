"""``solver="direct"``: the factorised normal equations, and the gradient that certifies them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor
from mlcraft._engine.kernels import slope
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import fit_least_squares
from mlcraft._solve.outcome import GRADIENT, Outcome
from mlcraft._solve.problem import Data, Problem

__all__ = ["run_direct"]

Doubles = NDArray[np.float64]
BLOCK = 1 << 18  # elements of X that are squared at once


def run_direct(problem: Problem) -> Outcome:
    """
    Solve least squares by a factorisation, to the precision of the arithmetic.

    Parameters
    ----------
    problem : Problem
        With the squared loss and an L2 penalty or none.

    Returns
    -------
    Outcome
    """
    data = problem.data
    y = data.y if data.offset is None else data.y - data.offset
    X, y, weight = readable(data.X, y, data.weight)
    fit = fit_least_squares(
        X, y, alpha=problem.ridge * problem.total, sample_weight=weight, fit_intercept=problem.fit_intercept
    )
    coef, intercept = fit.coef.astype(np.float64), np.asarray(fit.intercept, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        value, slopes = slope(X, y, np.append(coef, intercept), "squared", 0.0, weight, None, True)
        objective = value + (problem.ridge * float(coef @ coef) / 2 if problem.ridge else 0.0)
        certificate = _certificate(problem, Data(X, y, weight, None, None), fit.factor, coef, slopes[:-1], slopes[-1])
    return Outcome(
        coef,
        intercept,
        float(objective),
        certificate,
        GRADIENT,
        int(fit.n_iter),
        fit.status,
        "direct",
        factor=fit.factor,
    )


def _certificate(
    problem: Problem, data: Data, factor: Factor | None, coef: Doubles, gradient: Doubles, constant: float
) -> float:
    """Largest element of the gradient in columns of unit spread, relative to the spread of y."""
    if factor is not None and not factor.dual and factor.weight_sum > 0:
        mean = factor.mean
        lower, scale = np.tril(factor.lower), factor.scale
        alive = scale > 0
        sizes = np.divide(np.sqrt(np.einsum("ij,ij->i", lower, lower)), scale, out=np.zeros(len(scale)), where=alive)
        variance = np.maximum(sizes**2 - np.where(alive, factor.alpha, 0.0), 0.0) / factor.weight_sum
    else:
        mean, variance = _column_moments(data.X, data.weight, problem.fit_intercept)
    share = None if data.weight is None else data.weight / data.weight.sum(dtype=np.float64)
    y = data.y.astype(np.float64)
    if problem.fit_intercept:
        y -= y.mean() if share is None else share @ y
    spread = math.sqrt((y @ y) / len(y) if share is None else share @ (y * y))
    if not spread > 0:
        return 0.0
    centred = gradient - mean * constant + problem.ridge * coef
    scaled = np.divide(centred, np.sqrt(variance), out=np.zeros_like(centred), where=variance > 0)
    slope = abs(constant) if problem.fit_intercept else 0.0
    return float(max(np.abs(scaled).max(initial=0.0), slope) / spread)


def _column_moments(X: Any, weight: NDArray[Any] | None, centre: bool) -> tuple[Doubles, Doubles]:
    """Return weighted means and variances of the columns; zeros and mean squares where they are not centred."""
    n, p = X.shape
    weights = np.ones(n) if weight is None else weight.astype(np.float64)
    weights = weights / weights.sum()
    if not isinstance(X, np.ndarray):
        mean = np.asarray(X.T @ weights).ravel() if centre else np.zeros(p)
        squares = X.copy()
        squares.data = squares.data.astype(np.float64) ** 2
        return mean, np.maximum(np.asarray(squares.T @ weights).ravel() - mean**2, 0.0)
    mean = weights @ X if centre else np.zeros(p)
    variance = np.zeros(p)
    step = max(1, BLOCK // max(p, 1))
    for begin in range(0, n, step):
        variance += weights[begin : begin + step] @ (X[begin : begin + step] - mean) ** 2
    return np.asarray(mean, dtype=np.float64), variance
