"""How good an answer is, computed apart from every contestant: NumPy and SciPy in float64 with refinement.

The suboptimality of coefficients b and intercept c is ``(f(b, c) - f*) / f(null)``: f is the objective on the
data the contestant was given, f* its minimum, and the null model has no coefficients and the best intercept.
The difference is not taken of two large sums. Around the optimum the objective is exactly quadratic, so the
gap is ``||X d + e||^2 + alpha ||d||^2 + 2 g'd`` with d and e the distance to the reference, and g its
gradient (zero but where a bound holds). Values below 1e-16 are therefore meaningful: as good as double
precision allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

from benchmarks.data import Problem

Float = NDArray[np.float64]


@dataclass(slots=True)
class Reference:
    """The optimum in centred, scaled columns: ``Z = sqrt(w) (X - mean) / scale``."""

    Z: Float
    root_weight: Float
    x_mean: Float
    scale: Float
    coef: Float  # (p, k), of the original columns
    intercept: Float  # (k,)
    gradient: Float  # (p, k), of the scaled coefficients, half of the derivative; zero where no bound holds
    alpha: float
    positive: bool
    null_value: float


def _refined_cholesky(Z: Float, Y: Float, penalty: Float) -> Float | None:
    """Normal equations with the residual taken from the data; None when too ill-conditioned to trust."""
    gram = Z.T @ Z
    gram[np.diag_indices_from(gram)] += penalty
    eigenvalues = np.linalg.eigvalsh(gram)
    if not eigenvalues[0] > 1e-9 * eigenvalues[-1]:
        return None
    factor = cho_factor(gram)
    coef = np.array(cho_solve(factor, Z.T @ Y), dtype=np.float64)
    for _ in range(3):
        correction: Float = cho_solve(factor, Z.T @ (Y - Z @ coef) - penalty[:, None] * coef)
        coef = coef + correction
    return coef


def _least_squares(Z: Float, Y: Float, penalty: Float) -> Float:
    coef = _refined_cholesky(Z, Y, penalty)
    if coef is not None:
        return coef
    if penalty.any():
        Z = np.vstack([Z, np.diag(np.sqrt(penalty))])
        Y = np.vstack([Y, np.zeros((Z.shape[1], Y.shape[1]))])
    return np.asarray(np.linalg.lstsq(Z, Y, rcond=1e-13)[0], dtype=np.float64)


def _non_negative(Z: Float, Y: Float, penalty: Float) -> Float:
    """Active set by SciPy on the triangular factor, then an accurate solve on the free columns."""
    stacked = np.vstack([Z, np.diag(np.sqrt(penalty))])
    upper: Float = np.linalg.qr(stacked)[1]
    moment = Z.T @ Y
    coef = np.zeros((Z.shape[1], Y.shape[1]))
    for target in range(Y.shape[1]):
        start = nnls(upper, np.linalg.solve(upper.T, moment[:, target]))[0]
        free = start > 0
        coef[free, target] = _least_squares(Z[:, free], Y[:, [target]], penalty[free])[:, 0]
    return np.maximum(coef, 0.0)


def reference(problem: Problem) -> Reference:
    """Solve the problem carefully and slowly."""
    X = problem.X.astype(np.float64)
    Y = problem.y.astype(np.float64).reshape(len(X), -1)
    weight = np.ones(len(X)) if problem.sample_weight is None else problem.sample_weight.astype(np.float64)
    x_mean = np.average(X, axis=0, weights=weight)
    y_mean = np.average(Y, axis=0, weights=weight)
    root_weight = np.sqrt(weight)
    Z = np.subtract(X, x_mean, out=X)
    scale = np.sqrt(np.einsum("ij,ij,i->j", Z, Z, weight))
    scale[scale == 0] = 1.0
    Z /= scale
    Z *= root_weight[:, None]
    Y = (Y - y_mean) * root_weight[:, None]
    penalty = problem.alpha / scale**2
    solve = _non_negative if problem.positive else _least_squares
    scaled = solve(Z, Y, penalty)
    gradient = penalty[:, None] * scaled - Z.T @ (Y - Z @ scaled) if problem.positive else np.zeros_like(scaled)
    gradient = np.where(scaled > 0, 0.0, np.maximum(gradient, 0.0))
    coef = scaled / scale[:, None]
    return Reference(
        Z,
        root_weight,
        x_mean,
        scale,
        coef,
        y_mean - x_mean @ coef,
        gradient,
        problem.alpha,
        problem.positive,
        float(np.sum(Y * Y)),
    )


def suboptimality(best: Reference, coef: Any, intercept: Any) -> float:
    """``(f - f*) / f(null)``; infinite when a bound is broken or a number is not finite."""
    candidate = np.atleast_2d(np.asarray(coef, dtype=np.float64)).T
    constant = np.atleast_1d(np.asarray(intercept, dtype=np.float64))
    if not (np.isfinite(candidate).all() and np.isfinite(constant).all()):
        return math.inf
    if best.positive and candidate.min() < 0:
        return math.inf
    difference = candidate - best.coef
    offset = constant - best.intercept + best.x_mean @ difference
    scaled = difference * best.scale[:, None]
    fitted = best.Z @ scaled + best.root_weight[:, None] * offset
    gap = np.sum(fitted * fitted) + best.alpha * np.sum(difference**2) + 2 * np.sum(best.gradient * scaled)
    return float(gap) / best.null_value
