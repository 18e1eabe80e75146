"""Dirichlet calibration: a multinomial regression of the log probabilities that shrinks to the identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from mlcraft._engine.spectrum import product
from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.calibration._logistic_maps import softmax

__all__ = ["DirichletMap"]

Doubles = NDArray[np.float64]
WIDEST = 750  # parameters up to which a Hessian is made and factorised
STEPS, FIRST_ORDER_STEPS = 100, 2000
NEARLY = 1e-10  # Newton decrement, relative to the loss, after whose step rounding is all that is left
SMALL = 1e-6  # gradient left, relative to that of the identity or to one row


@dataclass(frozen=True)
class DirichletMap:
    """
    ``softmax(matrix @ log p + intercept)`` of probabilities p (Kull et al. 2019).

    What calibrates probabilities that have a Dirichlet distribution in each class. The identity is a unit matrix and an
    intercept of zero.

    Attributes
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
    intercept : ndarray of shape (n_classes,)
    """

    matrix: Doubles
    intercept: Doubles

    @classmethod
    def fit(cls, log_p: Doubles, target: Doubles, weight: Doubles, penalty: float) -> DirichletMap:
        """
        Minimise ``sum(w_i loss_i) + penalty / 2 (|matrix - I|^2 + |intercept|^2)``.

        Newton's method up to 26 classes; L-BFGS for more, in the metric of Böhning's bound of the Hessian (1992).

        Parameters
        ----------
        log_p : ndarray of shape (n_samples, n_classes)
        target : ndarray of shape (n_samples, n_classes)
            Shares of the classes.
        weight : ndarray of shape (n_samples,)
        penalty : float
            Positive.

        Returns
        -------
        DirichletMap
        """
        problem = _Problem(log_p, np.column_stack([log_p, np.ones(len(log_p))]), target, weight, penalty)
        n_classes = log_p.shape[1]
        solve = _by_newton if n_classes * (n_classes + 1) <= WIDEST else _by_first_order
        moved, steps = solve(problem)
        start = float(np.abs(problem.value(np.zeros_like(moved))[1]).max())
        left = float(np.abs(problem.value(moved)[1]).max())
        if not left <= SMALL * max(1.0, start):
            warn_caller(
                f"Dirichlet calibration stopped after {steps} iterations with a gradient of {left:.3g}, at first "
                f"{start:.3g}; a larger penalty (now {penalty:.3g}) makes the problem easier.",
                UserWarning,
            )
        return cls(np.eye(n_classes) + moved[:, :-1], moved[:, -1].copy())

    def __call__(self, log_p: Doubles) -> Doubles:
        """Return probabilities of shape (n_samples, n_classes)."""
        return softmax(product(log_p, self.matrix.T) + self.intercept)


@dataclass(frozen=True)
class _Problem:
    """The loss by what is added to the identity, an array of shape (n_classes, n_classes + 1)."""

    log_p: Doubles
    Z: Doubles
    target: Doubles
    weight: Doubles
    penalty: float

    def value(self, moved: Doubles) -> tuple[float, Doubles, Doubles]:
        """Return the loss, its gradient and the probabilities."""
        logits = self.log_p + self.Z @ moved.T
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        sums = p.sum(axis=1, keepdims=True)
        p /= sums
        value = float(self.weight @ (np.log(sums)[:, 0] - (self.target * logits).sum(axis=1)))
        gradient = ((p - self.target) * self.weight[:, np.newaxis]).T @ self.Z + self.penalty * moved
        return value + 0.5 * self.penalty * float((moved**2).sum()), gradient, p

    def hessian(self, p: Doubles) -> Doubles:
        """Return the second derivatives, by the flattened array."""
        n_classes, width = p.shape[1], self.Z.shape[1]
        found = np.empty((n_classes, width, n_classes, width))
        for j in range(n_classes):
            for k in range(j + 1):
                share = self.weight * p[:, j] * ((1.0 - p[:, j]) if j == k else -p[:, k])
                block = (self.Z * share[:, np.newaxis]).T @ self.Z
                found[j, :, k], found[k, :, j] = block, block
        square = found.reshape(n_classes * width, n_classes * width)
        square[np.diag_indices_from(square)] += self.penalty
        return square


def _by_newton(problem: _Problem) -> tuple[Doubles, int]:
    moved = np.zeros((problem.log_p.shape[1], problem.Z.shape[1]))
    value, gradient, p = problem.value(moved)
    for step in range(1, STEPS + 1):
        factor = linalg.cho_factor(problem.hessian(p), lower=True)
        direction = linalg.cho_solve(factor, gradient.ravel()).reshape(moved.shape)
        decrement, length = float((gradient * direction).sum()), 1.0
        while True:
            trial = problem.value(moved - length * direction)
            if trial[0] <= value - 1e-4 * length * decrement or length < 1e-6:
                break
            length *= 0.5
        if trial[0] > value:
            return moved, step  # rounding hides any further descent
        moved, (value, gradient, p) = moved - length * direction, trial
        if decrement <= NEARLY * (1.0 + abs(value)):
            return moved, step
    return moved, STEPS


def _by_first_order(problem: _Problem) -> tuple[Doubles, int]:
    """Minimise in coordinates in which the Hessian is at most the identity."""
    gram = 0.5 * (problem.Z.T * problem.weight) @ problem.Z
    gram[np.diag_indices_from(gram)] += problem.penalty
    root = linalg.cholesky(gram, lower=True)
    shape = (problem.log_p.shape[1], problem.Z.shape[1])

    def back(flat: Doubles) -> Doubles:
        found: Doubles = linalg.solve_triangular(root, flat.reshape(shape).T, lower=True, trans="T").T
        return found

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        value, gradient, _ = problem.value(back(flat))
        return value, linalg.solve_triangular(root, gradient.T, lower=True).T.ravel()

    start = np.zeros(shape[0] * shape[1])
    solution, _, told = optimize.fmin_l_bfgs_b(
        loss, start, m=20, factr=0.0, pgtol=1e-9, maxiter=FIRST_ORDER_STEPS, maxfun=2 * FIRST_ORDER_STEPS
    )
    return back(solution), int(told["nit"])
