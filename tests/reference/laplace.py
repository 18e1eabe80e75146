"""Slow twins of the posterior of a logistic regression: the posterior itself on a grid, and integrals by quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate
from scipy.special import expit, logsumexp

Doubles = NDArray[np.float64]


def log_joint(theta: Doubles, X: Doubles, codes: NDArray[Any], C: float, n_classes: int) -> float:
    """
    Log of the probability of labels and coefficients, these of every class with variance C, intercepts flat.

    Parameters
    ----------
    theta : ndarray of shape (n_classes, 1 + n_features)
        With the intercept first.
    X : ndarray of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,)
    C : float
    n_classes : int
    """
    eta = theta[:, 0] + X @ theta[:, 1:].T
    value = sum(eta[i, code] - logsumexp(eta[i]) for i, code in enumerate(codes))
    slopes = theta[:, 1:]
    return float(value - (slopes**2).sum() / (2 * C) - 0.5 * slopes.size * np.log(2 * np.pi * C))


def hessian(function: Any, point: Doubles, step: float = 1e-4) -> Doubles:
    """Second derivatives by central differences."""
    d = len(point)
    found = np.empty((d, d))
    eye = np.eye(d) * step
    for i in range(d):
        for j in range(d):
            found[i, j] = (
                function(point + eye[i] + eye[j])
                - function(point + eye[i] - eye[j])
                - function(point - eye[i] + eye[j])
                + function(point - eye[i] - eye[j])
            ) / (4 * step**2)
    return found


def posterior_on_a_grid(
    X: Doubles, y: NDArray[Any], C: float, reach: float, points: int = 401
) -> tuple[Doubles, Doubles, float]:
    """
    Posterior of one coefficient and a flat intercept for two classes, exactly.

    Returns
    -------
    grid : ndarray of shape (n_points, 2)
        (intercept, coef).
    weight : ndarray of shape (n_points,)
        Probabilities of these.
    log_evidence : float
    """
    axis = np.linspace(-reach, reach, points)
    a, b = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    eta = a[:, np.newaxis] + b[:, np.newaxis] * X[:, 0]
    logs = np.where(y > 0, eta, -eta)
    joint = -np.logaddexp(0, -logs).sum(axis=1) - b**2 / (2 * C) - 0.5 * np.log(2 * np.pi * C)
    total = logsumexp(joint)
    cell = (axis[1] - axis[0]) ** 2
    return np.column_stack([a, b]), np.exp(joint - total), float(total + np.log(cell))


def average_of_two(mu: float, s: float) -> tuple[float, float, float]:
    """Averages of q, q (1 - q) and the entropy over normal log odds, by adaptive quadrature."""

    def density(z: float) -> float:
        return float(np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))

    def entropy(eta: float) -> float:
        return float(expit(eta) * np.logaddexp(0, -eta) + expit(-eta) * np.logaddexp(0, eta))

    kinks = sorted({float(np.clip(-mu / s, -9, 9)), 0.0})
    values = []
    for part in (expit, lambda eta: expit(eta) * expit(-eta), entropy):
        found, _ = integrate.quad(
            lambda z, part=part: density(z) * float(part(mu + s * z)), -10, 10, points=kinks, limit=500, epsabs=1e-13
        )
        values.append(found)
    return values[0], values[1], values[2]
