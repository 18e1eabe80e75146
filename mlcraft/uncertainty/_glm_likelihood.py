"""The log-likelihood of logistic and multinomial models, and its maximum with some coefficients held fixed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.information import probabilities, row_blocks
from mlcraft._engine.spectrum import one_blas_thread

__all__ = ["Likelihood", "Maximum", "Point"]

Doubles = NDArray[np.float64]
HELD = 1 << 22  # elements of X that are held in double precision between passes
SINGULAR = 1e-13
STEP = 5.0  # of a coefficient of a column of unit size in one step, unless it is larger than that already


@dataclass(frozen=True)
class Point:
    """
    A log-likelihood and its derivatives.

    Attributes
    ----------
    value : float
    score : ndarray of shape (n_parameters,)
    information : ndarray of shape (n_parameters, n_parameters)
        Expected (which is the observed one here), with the penalty.
    """

    value: float
    score: Doubles
    information: Doubles


@dataclass(frozen=True)
class Maximum:
    """
    Where a log-likelihood is largest.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    point : Point
    converged : bool
    n_iter : int
    decrement : float
        Twice what another Newton step would gain.
    """

    theta: Doubles
    point: Point
    converged: bool
    n_iter: int
    decrement: float


class Likelihood:
    """
    Log-likelihood of the contrasts of all classes with the first, for parameters (intercept, coef) by class.

    Columns are divided by their root mean square, so that nothing here depends on their units: `theta` of the methods
    is in those units, `scale` times the coefficients.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,)
        Class of each row, zero for the base.
    weight : ndarray of shape (n_samples,)
    n_classes : int
    fit_intercept : bool
    ridge : ndarray of shape (n_parameters, n_parameters), optional
        ``theta' ridge theta / 2`` is subtracted, with theta in the units of X.
    firth : bool, default=False
        Whether half the logarithm of the determinant of the information is added [1]_. For two classes.

    References
    ----------
    .. [1] D. Firth, "Bias reduction of maximum likelihood estimates", Biometrika 80, 1993.
    """

    def __init__(
        self,
        X: Any,
        codes: NDArray[np.intp],
        weight: Doubles,
        n_classes: int,
        fit_intercept: bool,
        ridge: Doubles | None = None,
        firth: bool = False,
    ) -> None:
        counted = weight > 0
        if not counted.all():
            X, codes, weight = X[np.flatnonzero(counted)], codes[counted], weight[counted]
        self._X, self._codes, self._weight = X, codes, weight
        self.m, self.intercept, self.firth = n_classes - 1, fit_intercept, firth
        self.width = X.shape[1] + fit_intercept
        squares = np.zeros(X.shape[1])
        for rows, block in row_blocks(X):
            squares += weight[rows] @ block**2
        sizes = np.sqrt(squares / weight.sum())
        sizes[sizes == 0] = 1.0
        self._sizes = sizes
        self.scale = np.tile(np.append(1.0, sizes) if fit_intercept else sizes, self.m)
        self._ridge = None if ridge is None or not ridge.any() else ridge / self.scale / self.scale[:, np.newaxis]
        self._held: list[tuple[slice, Doubles]] | None = None

    def _blocks(self) -> Any:
        if self._held is not None:
            return self._held
        if self._X.shape[0] * self._X.shape[1] <= HELD:
            self._held = list(self._made())
            return self._held
        return self._made()

    def _made(self) -> Any:
        for rows, block in row_blocks(self._X):
            Z = np.ones((len(block), self.width))
            np.divide(block, self._sizes, out=Z[:, int(self.intercept) :])
            yield rows, Z

    def at(self, theta: Doubles) -> Point:
        """
        Evaluate the log-likelihood.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            In the units of this object.

        Returns
        -------
        Point
        """
        size, m = len(theta), self.m
        blocks = theta.reshape(m, self.width)
        value, score = 0.0, np.zeros((m, self.width))
        matrix = np.zeros((m, self.width, m, self.width))
        for rows, Z in self._blocks():
            q, w, codes = probabilities(Z @ blocks.T), self._weight[rows], self._codes[rows]
            own = q[np.arange(len(q)), codes]
            with np.errstate(divide="ignore"):
                value += float(w @ np.log(own))
            residual = -q
            residual[np.arange(len(q)), codes] += 1.0
            score += (residual[:, 1:] * w[:, np.newaxis]).T @ Z
            for k in range(m):
                for other in range(k + 1):
                    rest = q[:, 0] if m == 1 else (k == other) - q[:, other + 1]
                    part = Z.T @ ((w * q[:, k + 1] * rest)[:, np.newaxis] * Z)
                    matrix[k, :, other] += part
                    if other < k:
                        matrix[other, :, k] += part.T
        information, flat = matrix.reshape(size, size), score.reshape(size)
        if self.firth:
            half, pull = self._jeffreys(blocks[0], information)
            value, flat = value + half, flat + pull
        if self._ridge is not None:
            value -= 0.5 * float(theta @ self._ridge @ theta)
            flat = flat - self._ridge @ theta
            information = information + self._ridge
        return Point(value, flat, information)

    def _jeffreys(self, theta: Doubles, information: Doubles) -> tuple[float, Doubles]:
        """Half the log determinant of the information, and its gradient ``sum h_i (1/2 - mu_i) z_i``."""
        basis = self._row_space
        inner = information if basis is None else basis.T @ information @ basis
        scale = 1.0 / np.sqrt(np.maximum(np.diagonal(inner), np.finfo(np.float64).tiny))
        try:
            lower = np.linalg.cholesky(inner * scale * scale[:, np.newaxis])
        except np.linalg.LinAlgError:  # coefficients so large that nothing is left of the information
            return -np.inf, np.zeros(len(theta))
        root = scale[:, np.newaxis] * np.linalg.inv(lower).T
        half = float(np.log(np.diagonal(lower)).sum() - np.log(scale).sum() + np.log(self.scale).sum())
        if basis is not None:
            root = basis @ root
        pull = np.zeros(len(theta))
        for rows, Z in self._blocks():
            q = probabilities((Z @ theta)[:, np.newaxis])
            leverage = self._weight[rows] * q[:, 0] * q[:, 1] * ((Z @ root) ** 2).sum(axis=1)
            pull += (leverage * (0.5 - q[:, 1])) @ Z
        return half, pull

    @cached_property
    def _row_space(self) -> Doubles | None:
        """Orthonormal basis of what the columns determine; None where they are independent."""
        gram = np.zeros((self.width, self.width))
        for rows, Z in self._blocks():
            gram += Z.T @ (self._weight[rows, np.newaxis] * Z)
        gram /= self._weight.sum()
        values, vectors = np.linalg.eigh(gram)
        kept = values > SINGULAR * max(10, len(values))
        return None if kept.all() else vectors[:, kept]

    @one_blas_thread()
    def maximise(
        self, start: Doubles, free: NDArray[np.bool_] | None = None, max_iter: int = 100, tol: float = 1e-20
    ) -> Maximum:
        """
        Maximise over some of the parameters by Newton's method with steps that never go down.

        Parameters
        ----------
        start : ndarray of shape (n_parameters,)
            In the units of this object; what is not free keeps these values.
        free : ndarray of bool of shape (n_parameters,), optional
            Which parameters may move; all if None.
        max_iter : int, default=100
        tol : float, default=1e-20
            Bound on what a Newton step gains, relative to the log-likelihood.

        Returns
        -------
        Maximum
        """
        moving = np.arange(len(start)) if free is None else np.flatnonzero(free)
        theta, point = start.copy(), self.at(start)
        decrement, since = np.inf, 0
        for iteration in range(max_iter + 1):
            step = self._step(point, moving)
            previous, decrement = decrement, float(step @ point.score[moving])
            size = 1.0 + abs(point.value)
            since = since + 1 if decrement > 0.5 * previous else 0
            if decrement <= tol * size or (decrement <= 1e-12 * size and since > 1) or not len(moving):
                return Maximum(theta, point, True, iteration, decrement)
            if iteration == max_iter:
                break
            largest = max(STEP, float(np.abs(theta[moving]).max()))
            length = min(1.0, largest / max(float(np.abs(step).max()), 1e-300))
            for _ in range(30):
                trial = theta.copy()
                trial[moving] += length * step
                found = self.at(trial)
                if found.value >= point.value - 1e-13 * size:
                    break
                length *= 0.5
            else:
                break
            theta, point = trial, found
        return Maximum(theta, point, decrement <= 1e-10 * (1.0 + abs(point.value)), max_iter, decrement)

    def _step(self, point: Point, moving: NDArray[np.intp]) -> Doubles:
        inner, score = point.information[np.ix_(moving, moving)], point.score[moving]
        return solve_symmetric(inner, score)


def solve_symmetric(matrix: Doubles, right: Doubles) -> Doubles:
    """
    Solve with a positive semi-definite matrix, in the directions that it determines.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
    right : ndarray of shape (n,) or (n, k)

    Returns
    -------
    ndarray of the shape of `right`
    """
    diagonal = np.diagonal(matrix)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scale = scale if right.ndim == 1 else scale[:, np.newaxis]
    flat = scale.ravel()
    values, vectors = np.linalg.eigh(matrix * flat * flat[:, np.newaxis])
    kept = values > SINGULAR * max(10, len(values))
    basis = vectors[:, kept]
    inner = basis.T @ (scale * right)
    solved: Doubles = scale * (basis @ (inner / (values[kept] if right.ndim == 1 else values[kept, np.newaxis])))
    return solved
