"""How good a logistic fit is, computed apart from every contestant, in float64 by NumPy and SciPy alone.

The minimum is found by Newton's method. Its last decrement ``g' H^-1 g / 2`` estimates the distance of the
objective from the minimum, free of all scales; the reference is good when that is far below what is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, logsumexp

from benchmarks.logistic_data import Problem

Float = NDArray[np.float64]
#: Newton steps with a factorised Hessian up to this many parameters, by conjugate gradients beyond.
DIRECT = 1_200


@dataclass(slots=True)
class Objective:
    """``sum w_i loss_i / sum w + alpha |b|^2 / 2 + intercept_alpha |c|^2 / 2``; parameters are ``(K, p + 1)``."""

    X: Any
    y: NDArray[Any]
    share: Float
    alpha: float
    intercept_alpha: float
    n_classes: int

    @classmethod
    def of(cls, problem: Problem, *, penalised_intercept: bool = False) -> Objective:
        n = len(problem.y)
        weight = np.ones(n) if problem.sample_weight is None else problem.sample_weight.astype(np.float64)
        alpha = 1.0 / (problem.C * weight.sum())
        classes = problem.n_classes if problem.n_classes > 2 else 1
        X = problem.X.astype(np.float64, copy=False)
        return cls(X, problem.y, weight / weight.sum(), alpha, alpha if penalised_intercept else 0.0, classes)

    def rows(self, train: NDArray[Any], C: float) -> Objective:
        """The same problem on some of the rows, with another penalty."""
        share = self.share[train] * len(self.y)  # no weights in that case: ones
        alpha = 1.0 / (C * share.sum())
        return Objective(self.X[train], self.y[train], share / share.sum(), alpha, 0.0, self.n_classes)

    def eta(self, theta: Float) -> Float:
        return np.asarray(self.X @ theta[:, :-1].T + theta[:, -1])

    def penalty(self, theta: Float) -> Float:
        ridge = np.full(theta.shape, self.alpha)
        ridge[:, -1] = self.intercept_alpha
        return ridge * theta

    def value(self, theta: Float, eta: Float | None = None) -> float:
        eta = self.eta(theta) if eta is None else eta
        if self.n_classes == 1:
            link = eta[:, 0]
            loss = np.logaddexp(0.0, np.where(self.y == 1, -link, link))
        else:
            loss = logsumexp(eta, axis=1) - eta[np.arange(len(eta)), self.y]
        return float(self.share @ loss) + float(np.sum(self.penalty(theta) * theta)) / 2

    def probabilities(self, eta: Float) -> Float:
        if self.n_classes == 1:
            return np.asarray(expit(eta))
        return np.asarray(np.exp(eta - logsumexp(eta, axis=1, keepdims=True)))

    def pull(self, residual: Float) -> Float:
        """``X' r`` for every class, and the sums of r in the last column."""
        weighted = self.share[:, None] * residual
        return np.column_stack([np.asarray(self.X.T @ weighted).T, weighted.sum(axis=0)])

    def gradient(self, theta: Float, mu: Float) -> Float:
        target = (self.y == 1)[:, None] if self.n_classes == 1 else self.y[:, None] == np.arange(self.n_classes)
        return self.pull(mu - target) + self.penalty(theta)

    def times(self, mu: Float, direction: Float) -> Float:
        """Hessian times a direction."""
        change = self.eta(direction)
        if self.n_classes == 1:
            change *= mu * (1.0 - mu)
        else:
            change = mu * (change - np.sum(mu * change, axis=1, keepdims=True))
        return self.pull(change) + self.penalty(direction)

    def diagonal(self, mu: Float) -> Float:
        weight = self.share[:, None] * mu * (1.0 - mu)
        squares = self.X.multiply(self.X) if not isinstance(self.X, np.ndarray) else self.X**2
        found = np.column_stack([np.asarray(squares.T @ weight).T, weight.sum(axis=0)])
        found += self.penalty(np.ones_like(found))
        return np.maximum(found, 1e-300)

    def inverse(self, mu: Float) -> Callable[[Float], Float]:
        """Inverse of the Hessian's diagonal, or class by class of its blocks where X is dense and not too wide."""
        if not isinstance(self.X, np.ndarray) or self.X.shape[1] > DIRECT:
            diagonal = self.diagonal(mu)
            return lambda vector: vector / diagonal
        solvers = [self.block(mu[:, k]) for k in range(self.n_classes)]
        return lambda vector: np.stack([solve(row) for solve, row in zip(solvers, vector, strict=True)])

    def block(self, mu: Float) -> Callable[[Float], Float]:
        """Inverse of the Hessian of one class, by Cholesky, in columns of unit diagonal."""
        weight = self.share * mu * (1.0 - mu)
        weighted = self.X * weight[:, None]
        p = self.X.shape[1]
        hessian = np.empty((p + 1, p + 1))
        hessian[:p, :p] = self.X.T @ weighted
        hessian[p, :p] = hessian[:p, p] = weighted.sum(axis=0)
        hessian[p, p] = weight.sum()
        hessian[np.diag_indices(p + 1)] += self.penalty(np.ones((1, p + 1)))[0]
        scale = 1.0 / np.sqrt(np.maximum(np.diagonal(hessian), 1e-300))
        hessian *= scale * scale[:, None]
        hessian[np.diag_indices(p + 1)] += 1e-15
        factor = cho_factor(hessian)
        return lambda vector: np.asarray(scale * cho_solve(factor, scale * vector))


def _conjugate_gradients(
    objective: Objective, mu: Float, gradient: Float, inverse: Callable[[Float], Float], accuracy: float
) -> Float:
    solution = np.zeros_like(gradient)
    residual = gradient.copy()
    direction = inverse(residual)
    size = first = float(np.sum(residual * direction))
    for _ in range(400):
        if size <= accuracy**2 * first or first == 0:
            break
        image = objective.times(mu, direction)
        step = size / float(np.sum(direction * image))
        solution += step * direction
        residual -= step * image
        conditioned = inverse(residual)
        size, before = float(np.sum(residual * conditioned)), size
        direction = conditioned + (size / before) * direction
    return solution


def minimum(objective: Objective, start: Float | None = None, steps: int = 60) -> tuple[Float, float, float]:
    """Parameters, objective and last decrement of Newton's method with halved steps."""
    p = objective.X.shape[1]
    theta = np.zeros((objective.n_classes, p + 1)) if start is None else start.copy()
    eta = objective.eta(theta)
    value = objective.value(theta, eta)
    direct = objective.n_classes == 1 and p <= DIRECT and isinstance(objective.X, np.ndarray)
    decrement, inverse = np.inf, None
    for turn in range(steps):
        mu = objective.probabilities(eta)
        gradient = objective.gradient(theta, mu)
        if direct:
            move = objective.block(mu[:, 0])(gradient[0])[None, :]
        else:
            if inverse is None or (isinstance(objective.X, np.ndarray) and turn % 5 == 0):
                inverse = objective.inverse(mu)
            move = _conjugate_gradients(objective, mu, gradient, inverse, 10.0 ** -(min(turn, 2) + 1))
        decrement = float(np.sum(move * gradient)) / 2
        if not decrement > 1e-13 * value:
            break
        length = 1.0
        while length > 1e-6:
            trial = theta - length * move
            eta = objective.eta(trial)
            found = objective.value(trial, eta)
            if found <= value - 0.25 * length * decrement:
                theta, value = trial, found
                break
            length /= 2
        else:
            break
        if decrement <= 1e-10 * value:
            break
    return theta, value, decrement / value
