"""The factorised matrix that a fit leaves: fit once, ask everything."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Factor", "Kept", "SumsOfSquares"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Factor:
    """
    Triangular factor of the penalised, centred and weighted cross-products of a least-squares fit.

    With S = diag(scale) and M = (X - mean)' W (X - mean) + alpha I, ``lower @ lower.T`` is S M S. Columns without
    spread have scale zero and do not take part. For a wide design (``dual``) it is the n x n matrix of the rows.

    Attributes
    ----------
    lower : ndarray of shape (size, size)
        Lower triangle, zeros or arbitrary numbers above it.
    scale : ndarray of shape (n_features,)
        Scales of the columns; empty if ``dual``.
    mean : ndarray of shape (n_features,)
        Weighted means of the columns; zeros without an intercept.
    weight_sum : float
        Sum of the weights (the number of rows without weights).
    alpha : float
        Ridge penalty that the matrix holds.
    dual : bool
        Whether the matrix is that of the rows.
    rank : int
        Numerical rank of the matrix.
    filled : bool
        Whether the null vector of an intercept was filled in, with the trace as its eigenvalue (``dual`` only).
    """

    lower: Doubles
    scale: Doubles
    mean: Doubles
    weight_sum: float
    alpha: float
    dual: bool
    rank: int
    filled: bool

    @cached_property
    def _unscaled(self) -> Doubles:
        lower = np.tril(self.lower)
        if self.dual:
            return lower
        with np.errstate(divide="ignore"):
            sizes = np.where(self.scale > 0, 1.0 / self.scale, 0.0)
        unscaled: Doubles = lower * sizes[:, np.newaxis]
        return unscaled

    def matrix(self) -> Doubles:
        """
        Return the matrix that was factorised.

        Returns
        -------
        ndarray of shape (size, size)
            ``(X - mean)' W (X - mean) + alpha I``.
        """
        product: Doubles = self._unscaled @ self._unscaled.T
        return product

    def inverse(self) -> Doubles:
        """
        Return the inverse, zero in the rows and columns of features without spread.

        Returns
        -------
        ndarray of shape (n_features, n_features)

        Raises
        ------
        numpy.linalg.LinAlgError
            If the matrix is singular or the factor is that of the rows.
        """
        from scipy.linalg import solve_triangular

        if self.dual:
            raise np.linalg.LinAlgError("the factor of a wide design has no inverse by features")
        if self.rank < np.count_nonzero(self.scale):
            raise np.linalg.LinAlgError("the design is rank-deficient")
        whitener = solve_triangular(np.tril(self.lower), np.diag(self.scale), lower=True)
        product: Doubles = whitener.T @ whitener
        return product

    def singular_values(self) -> Doubles:
        """
        Return the singular values of the centred and weighted design, in descending order.

        Returns
        -------
        ndarray of shape (min(n_samples, n_features),)
        """
        from scipy.linalg import svdvals

        values = svdvals(self._unscaled)
        if self.alpha:
            squares = values**2 - self.alpha
            values = np.sqrt(np.where(squares > 1e-15 * values**2, squares, 0.0))
        if self.filled:  # the trace is above every other eigenvalue
            values = np.append(values[1:], 0.0)
        return np.asarray(values)


@dataclass(frozen=True)
class SumsOfSquares:
    """
    What a least-squares fit leaves unexplained.

    Attributes
    ----------
    n_samples : int
        Number of rows with a weight that is not zero.
    y_mean : ndarray of shape (n_targets,)
        Weighted means of the targets; zeros without an intercept.
    total : ndarray of shape (n_targets,)
        ``sum w (y - y_mean)^2``.
    residual : ndarray of shape (n_targets,)
        ``sum w (y - prediction)^2``, to about twelve digits for double precision, also where the fit is close.
    log_weight : float, default=0.0
        Sum of the logarithms of the weights that are not zero, for the likelihood.
    """

    n_samples: int
    y_mean: Doubles
    total: Doubles
    residual: Doubles
    log_weight: float = 0.0


class Kept:
    """
    Factor and sums of squares of a fit, made into arrays when they are asked for.

    Parameters
    ----------
    solution : _core.LeastSquaresSolution, optional
        What the engine returned.
    n_samples : int, optional
        Number of rows with a weight that is not zero, where the engine has not seen the rows.
    factor : Factor, optional
        Used if there is no `solution`.
    sums : SumsOfSquares, optional
        Used if there is no `solution`.
    moments : _core.Moments, optional
        Used if there is no `solution`.
    fit_intercept : bool, optional
        Whether the fit had an intercept.
    alpha : float or tuple of float, optional
        Penalty of the fit.

    Attributes
    ----------
    fit_intercept : bool or None
        Whether the fit had an intercept, whatever the estimator's parameter says by now; None where nobody has told.
    alpha : float or tuple of float or None
        Penalty of the fit, or one for each target; 0.0 for least squares; None where nobody has told.
    """

    __slots__ = ("_factor", "_moments", "_n_samples", "_solution", "_sums", "alpha", "fit_intercept")

    def __init__(
        self,
        solution: Any = None,
        n_samples: int | None = None,
        factor: Factor | None = None,
        sums: SumsOfSquares | None = None,
        moments: Any = None,
        fit_intercept: bool | None = None,
        alpha: float | tuple[float, ...] | None = None,
    ) -> None:
        self._solution = solution
        self._n_samples = n_samples
        self._factor = factor
        self._sums = sums
        self._moments = moments
        self.fit_intercept = fit_intercept
        self.alpha = alpha

    def made_with(self, fit_intercept: bool, alpha: Any) -> Self:
        """
        Remember what the fit was made with, since the parameters of the estimator may change after it.

        Parameters
        ----------
        fit_intercept : bool
            Whether there was an intercept.
        alpha : float, array-like of shape (n_targets,) or None
            The penalty, or one for each target.

        Returns
        -------
        self : Kept
        """
        self.fit_intercept = fit_intercept
        if type(alpha) is not float and alpha is not None:
            penalties = np.ravel(np.asarray(alpha, dtype=np.float64)).tolist()
            alpha = penalties[0] if len(penalties) == 1 else tuple(penalties)
        self.alpha = alpha
        return self

    @property
    def factor(self) -> Factor | None:
        """The factorised matrix, where the method makes one."""
        if self._factor is None and self._solution is not None:
            parts = self._solution.factor
            self._factor = None if parts is None else Factor(*parts)
        return self._factor

    @property
    def sums(self) -> SumsOfSquares | None:
        """The sums of squares, where the method tells."""
        if self._sums is None and self._solution is not None:
            n_samples, y_mean, total, residual, log_weight = self._solution.sums
            if residual.size:
                self._sums = SumsOfSquares(self._n_samples or n_samples, y_mean, total, residual, log_weight)
        return self._sums

    @property
    def moments(self) -> Any:
        """The moments (`_core.Moments`) of a non-negative fit, which has no factor; else None."""
        if self._moments is None and self._solution is not None:
            self._moments = self._solution.moments
        return self._moments

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None, None, self.factor, self.sums, self.moments, self.fit_intercept, self.alpha)
