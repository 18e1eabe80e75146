"""Regression with a precision for each coefficient, which switches columns off."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from mlcraft._engine.evidence import RegressionMoments, regression_moments
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft._engine.validation import check_parameters, engine_matrix, finite_or_explained
from mlcraft.linear_model._bayesian import BayesianRegressor

__all__ = ["ARDRegression"]

Doubles = NDArray[np.float64]


class ARDRegression(RegressorMixin, BayesianRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """Bayesian regression with automatic relevance determination: columns without evidence are switched off.

    A drop-in replacement of :class:`sklearn.linear_model.ARDRegression`. The cross-products are formed once; an
    iteration inverts those of the columns still in, whatever the number of rows.

    Parameters
    ----------
    max_iter : int, default=300
        Bound on the iterations.
    tol : float, default=1e-3
        The fit ends when the coefficients change by less, in sum of absolute values.
    alpha_1, alpha_2 : float, default=1e-6
        Shape and rate of the Gamma prior of the precision of the noise.
    lambda_1, lambda_2 : float, default=1e-6
        Shape and rate of the Gamma prior of the precisions of the coefficients.
    compute_score : bool, default=False
        Whether to keep the objective of each iteration.
    threshold_lambda : float, default=10 000
        Precision from which a column is switched off.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which has no variance here.
    copy_X : bool, default=True
        Accepted for compatibility: X is not written.
    verbose : bool, default=False
        Whether to print the number of iterations.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Mean of the posterior.
    intercept_ : float
        Constant term; 0.0 without `fit_intercept`.
    alpha_ : float
        Precision of the noise.
    lambda_ : ndarray of shape (n_features,)
        Precisions of the coefficients.
    sigma_ : ndarray of shape (n_kept, n_kept)
        Covariance of the posterior, of the columns that are in.
    scores_ : list of float
        With `compute_score`: the objective after each iteration.
    n_iter_ : int
        Number of iterations.
    X_offset_ : ndarray of shape (n_features,)
        Means of the columns; zeros without `fit_intercept`.
    X_scale_ : ndarray of shape (n_features,)
        Ones.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    BayesianRidge : One precision for all coefficients.

    References
    ----------
    MacKay (1994). Bayesian nonlinear modeling for the prediction competition. ASHRAE Transactions.
    Tipping (2001). Sparse Bayesian learning and the relevance vector machine. JMLR 1, 211-244.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import ARDRegression
    >>> X = np.random.default_rng(0).standard_normal((50, 3))
    >>> model = ARDRegression().fit(X, 2 * X[:, 1] + 0.1 * X[:, 2])
    >>> (model.coef_ + 0.0).round(2)
    array([0. , 2. , 0.1])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "alpha_1": [Interval(Real, 0, None, closed="left")],
        "alpha_2": [Interval(Real, 0, None, closed="left")],
        "lambda_1": [Interval(Real, 0, None, closed="left")],
        "lambda_2": [Interval(Real, 0, None, closed="left")],
        "compute_score": ["boolean"],
        "threshold_lambda": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        max_iter: int = 300,
        tol: float = 1.0e-3,
        alpha_1: float = 1.0e-6,
        alpha_2: float = 1.0e-6,
        lambda_1: float = 1.0e-6,
        lambda_2: float = 1.0e-6,
        compute_score: bool = False,
        threshold_lambda: float = 1.0e4,
        fit_intercept: bool = True,
        copy_X: bool = True,
        verbose: bool = False,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.alpha_1 = alpha_1
        self.alpha_2 = alpha_2
        self.lambda_1 = lambda_1
        self.lambda_2 = lambda_2
        self.compute_score = compute_score
        self.threshold_lambda = threshold_lambda
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from; float arrays are copied only where there are fewer rows than columns.
        y : array-like of shape (n_samples,)
            Values to predict.

        Returns
        -------
        self : ARDRegression
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input.
        """
        check_parameters(self)
        finite_or_explained(lambda look: self._fit_checked(X, y, look))
        return self

    def _fit_checked(self, X: Any, y: Any, ensure_all_finite: bool) -> None:
        X, y = validate_data(
            self,
            X,
            y,
            dtype=[np.float64, np.float32],
            y_numeric=True,
            ensure_min_samples=2,
            ensure_all_finite=ensure_all_finite,
        )
        X = engine_matrix(X)
        moments = regression_moments(X, y.astype(X.dtype, copy=False), None, self.fit_intercept)
        self._fit_moments(moments, y, X.dtype)

    @one_blas_thread()
    def _fit_moments(self, moments: RegressionMoments, y: NDArray[Any], dtype: Any) -> None:
        n, p = moments.rows[0].shape
        rows = moments.centred_rows() if n < p else None
        alpha = 1.0 / (float(np.var(y, dtype=np.float64)) + float(np.finfo(np.float64).eps))
        lambda_, coef, kept = np.ones(p), np.zeros(p), np.ones(p, dtype=bool)
        self.scores_: list[float] = []
        before = None
        for iteration in range(self.max_iter):
            sigma = _covariance(moments, rows, alpha, lambda_, kept)
            coef[kept] = alpha * (sigma @ moments.xy[kept])
            error = moments.squared_error(coef)
            effective = 1.0 - lambda_[kept] * np.diag(sigma)
            lambda_[kept] = (effective + 2.0 * self.lambda_1) / (coef[kept] ** 2 + 2.0 * self.lambda_2)
            alpha = (n - effective.sum() + 2.0 * self.alpha_1) / (error + 2.0 * self.alpha_2)
            kept = lambda_ < self.threshold_lambda
            coef[~kept] = 0.0
            if self.compute_score:
                self.scores_.append(self._score(n, sigma, alpha, lambda_, coef, error))
            if before is not None and float(np.abs(before - coef).sum()) < self.tol:
                if self.verbose:
                    print(f"Converged after {iteration} iterations")
                break
            before = coef.copy()
            if not kept.any():
                break
        self.n_iter_ = iteration + 1
        sigma = np.empty((0, 0))
        if kept.any():
            sigma = _covariance(moments, rows, alpha, lambda_, kept)
            coef[kept] = alpha * (sigma @ moments.xy[kept])
        self.alpha_, self.lambda_, self.sigma_ = dtype.type(alpha), lambda_.astype(dtype), sigma.astype(dtype)
        self._put_posterior(moments, coef, dtype)

    def _score(self, n: int, sigma: Doubles, alpha: float, lambda_: Doubles, coef: Doubles, error: float) -> float:
        sign, logarithm = np.linalg.slogdet(sigma)
        priors = (self.lambda_1 * np.log(lambda_) - self.lambda_2 * lambda_).sum()
        priors += self.alpha_1 * np.log(alpha) - self.alpha_2 * alpha
        volume = (logarithm if sign > 0 else -np.inf) + n * np.log(alpha) + np.log(lambda_).sum()
        return float(priors + 0.5 * (volume - alpha * error - (lambda_ * coef**2).sum()))

    def _posterior(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.flatnonzero(self.lambda_ < self.threshold_lambda), self.sigma_


def _covariance(
    moments: RegressionMoments, rows: Doubles | None, alpha: float, lambda_: Doubles, kept: NDArray[np.bool_]
) -> Doubles:
    """Return the inverse of ``diag(lambda) + alpha X'X`` of the columns kept; by Woodbury's identity for few rows."""
    precision = lambda_[kept]
    if rows is None or len(rows) >= len(precision):
        matrix = alpha * moments.xx[np.ix_(kept, kept)]
        matrix[np.diag_indices_from(matrix)] += precision
        return _inverse(matrix)
    some = rows[:, kept]
    scaled = some / precision
    inner = scaled @ some.T
    inner[np.diag_indices_from(inner)] += 1.0 / alpha
    covariance: Doubles = -scaled.T @ (_inverse(inner) @ scaled)
    covariance[np.diag_indices_from(covariance)] += 1.0 / precision
    return covariance


def _inverse(matrix: Doubles) -> Doubles:
    """Return the inverse of a symmetric matrix, or its pseudo-inverse where rounding has left it indefinite."""
    diagonal = np.diag(matrix)
    if diagonal.min() < len(matrix) * np.finfo(np.float64).eps * diagonal.max():
        return np.asarray(linalg.pinvh(matrix))  # as scikit-learn: what rounding would hide counts as nothing
    try:
        factor = linalg.cholesky(matrix, lower=True, check_finite=False)
    except linalg.LinAlgError:
        return np.asarray(linalg.pinvh(matrix))
    lower, _ = linalg.lapack.dpotri(factor, lower=1)
    return np.asarray(np.tril(lower) + np.tril(lower, -1).T)
