"""Leverages of new rows, and of new rows for a design without one of its own."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlcraft._engine.spectrum import one_blas_thread

__all__ = ["Leverage", "penalty_of"]

Doubles = NDArray[np.float64]
DEPENDENT = 1e-10  # share of the largest squared singular value, columns scaled to equal length
SATURATED = 1e-8  # smallest 1 - leverage: below it a row is fitted exactly, and its spread is all but infinite


def penalty_of(estimator: Any) -> float:
    """Return the ridge penalty of one of our fitted linear regressions, 0 for every other estimator."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if getattr(last, "_left_out_form", None) != "linear":
        return 0.0
    alpha = getattr(last, "alpha", 0.0)
    return float(alpha) if isinstance(alpha, Real) else 0.0


class Leverage:
    """
    The design Z = [1, X] with weights W and a ridge penalty: ``h(x) = z' (Z'WZ + penalty)^-1 z``, z = (1, x).

    Where columns depend on each other, or outnumber the rows, the generalised inverse: directions that no row has do
    not count.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,) or None
    alpha : float
        Ridge penalty of the coefficients.
    """

    @one_blas_thread()
    def __init__(self, X: Doubles, sample_weight: Doubles | None, alpha: float) -> None:
        self.weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.total = float(self.weight.sum())
        self.mean = self.weight @ X / self.total
        root_weight = np.sqrt(self.weight)[:, np.newaxis]
        centred = (X - self.mean) * root_weight
        length = np.sqrt(np.einsum("ij,ij->j", centred, centred))
        scale = np.where(length > 0, 1.0 / np.where(length > 0, length, 1.0), 0.0)
        if alpha > 0:  # a penalty has the unit of the columns: no scaling
            scale = np.ones(len(length))
        centred *= scale
        if X.shape[1] <= len(X):
            squares, directions = np.linalg.eigh(centred.T @ centred)
        else:
            squares, left = np.linalg.eigh(centred @ centred.T)
            kept = squares > DEPENDENT * max(squares[-1], 0.0)
            squares = squares[kept]
            directions = centred.T @ left[:, kept] / np.sqrt(squares)
        kept = squares > DEPENDENT * max(float(squares.max(initial=0.0)), 0.0)
        self.root = scale[:, np.newaxis] * directions[:, kept] / np.sqrt(squares[kept] + alpha)

    @one_blas_thread()
    def coordinates(self, X: Doubles) -> Doubles:
        """Return u with h(x) = u'u, and z'(Z'WZ + penalty)^-1 z_i = u'u_i, of shape (n_rows, rank + 1)."""
        found = np.empty((len(X), self.root.shape[1] + 1))
        found[:, 0] = 1.0 / np.sqrt(self.total)
        found[:, 1:] = (X - self.mean) @ self.root
        return found

    def at(self, X: Doubles) -> Doubles:
        """Return the leverages of new rows of weight one, of shape (n_rows,)."""
        u = self.coordinates(X)
        found: Doubles = np.einsum("ij,ij->i", u, u)
        return found

    def without(self, u: Doubles, own: Doubles) -> Doubles:
        """
        Return the leverages of new rows for the design without each of its rows.

        With the row left out the inverse grows by ``w_i G^-1 z_i z_i' G^-1 / (1 - w_i h_i)``.

        Parameters
        ----------
        u : ndarray of shape (n_rows, rank + 1)
            Coordinates of the new rows.
        own : ndarray of shape (n_samples, rank + 1)
            Coordinates of the rows of the design.

        Returns
        -------
        ndarray of shape (n_rows, n_samples)
        """
        shared = u @ own.T
        shared *= shared
        shared *= self.weight / self._rest(own)
        shared += np.einsum("ij,ij->i", u, u)[:, np.newaxis]
        return shared

    def own_without(self, own: Doubles) -> Doubles:
        """Return the leverage of each row of the design, as a new row of weight one, for the design without it."""
        found: Doubles = np.einsum("ij,ij->i", own, own) / self._rest(own)
        return found

    def _rest(self, own: Doubles) -> Doubles:
        found: Doubles = np.maximum(1.0 - self.weight * np.einsum("ij,ij->i", own, own), SATURATED)
        return found
