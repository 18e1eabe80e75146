"""Ridge regression whose penalty and noise follow from the evidence."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from mlcraft._engine.evidence import RegressionMoments, Spectrum, regression_moments, spectrum_of
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft._engine.validation import check_parameters, checked_weights, engine_matrix, finite_or_explained
from mlcraft.linear_model._bayesian import BayesianRegressor

__all__ = ["BayesianRidge"]


class BayesianRidge(RegressorMixin, BayesianRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """Bayesian ridge regression: the precisions of noise and coefficients by the evidence.

    A drop-in replacement of :class:`sklearn.linear_model.BayesianRidge`. Everything follows from the moments of one
    pass over X and one eigendecomposition of a p x p matrix: an iteration costs p^2 operations, whatever the number of
    rows.

    Parameters
    ----------
    max_iter : int, default=300
        Bound on the iterations.
    tol : float, default=1e-3
        The fit ends when the coefficients change by less, in sum of absolute values.
    alpha_1, alpha_2 : float, default=1e-6
        Shape and rate of the Gamma prior of the precision of the noise.
    lambda_1, lambda_2 : float, default=1e-6
        Shape and rate of the Gamma prior of the precision of the coefficients.
    alpha_init : float, default=None
        Precision of the noise to start from; 1 / Var(y) by default.
    lambda_init : float, default=None
        Precision of the coefficients to start from; 1 by default.
    compute_score : bool, default=False
        Whether to keep the log marginal likelihood of each iteration.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which has no variance here.
    copy_X : bool, default=True
        Accepted for compatibility: X is neither copied nor written.
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
    lambda_ : float
        Precision of the coefficients.
    sigma_ : ndarray of shape (n_features, n_features)
        Covariance of the posterior.
    scores_ : ndarray of shape (n_iter_ + 1,)
        With `compute_score`: log marginal likelihoods, from the initial to the final precisions.
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
    ARDRegression : A precision for each coefficient.
    Ridge : A penalty of your choice, with standard errors.

    References
    ----------
    MacKay (1992). Bayesian interpolation. Neural Computation 4, 415-447.
    Tipping (2001). Sparse Bayesian learning and the relevance vector machine. JMLR 1, 211-244.

    Examples
    --------
    >>> from mlcraft.linear_model import BayesianRidge
    >>> model = BayesianRidge().fit([[0.0], [1.0], [2.0], [3.0]], [0.1, 0.9, 2.1, 2.9])
    >>> mean, std = model.predict([[1.5]], return_std=True)
    >>> mean.round(3), bool(std[0] > 0)
    (array([1.5]), True)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "alpha_1": [Interval(Real, 0, None, closed="left")],
        "alpha_2": [Interval(Real, 0, None, closed="left")],
        "lambda_1": [Interval(Real, 0, None, closed="left")],
        "lambda_2": [Interval(Real, 0, None, closed="left")],
        "alpha_init": [None, Interval(Real, 0, None, closed="left")],
        "lambda_init": [None, Interval(Real, 0, None, closed="left")],
        "compute_score": ["boolean"],
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
        alpha_init: float | None = None,
        lambda_init: float | None = None,
        compute_score: bool = False,
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
        self.alpha_init = alpha_init
        self.lambda_init = lambda_init
        self.compute_score = compute_score
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn from; float arrays are not copied.
        y : array-like of shape (n_samples,)
            Values to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : BayesianRidge
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input.
        """
        check_parameters(self)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, look))
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> None:
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], y_numeric=True, ensure_all_finite=ensure_all_finite
        )
        X = engine_matrix(X)
        moments = regression_moments(
            X, y.astype(X.dtype, copy=False), checked_weights(sample_weight, X), self.fit_intercept
        )
        self._fit_moments(moments, y, X.dtype)

    @one_blas_thread()
    def _fit_moments(self, moments: RegressionMoments, y: NDArray[Any], dtype: Any) -> None:
        spectrum = spectrum_of(moments)
        alpha, lambda_ = self._start(moments, y)
        scores, before = [], None
        for iteration in range(self.max_iter):
            coef, error = _posterior_mean(moments, spectrum, alpha, lambda_)
            if self.compute_score:
                scores.append(self._score(moments, spectrum, alpha, lambda_, coef, error))
            effective = float(np.sum(alpha * spectrum.values / (lambda_ + alpha * spectrum.values)))
            lambda_ = (effective + 2 * self.lambda_1) / (float(coef @ coef) + 2 * self.lambda_2)
            alpha = (moments.weight_sum - effective + 2 * self.alpha_1) / (error + 2 * self.alpha_2)
            if before is not None and float(np.abs(before - coef).sum()) < self.tol:
                if self.verbose:
                    print("Convergence after ", str(iteration), " iterations")
                break
            before = coef
        self.n_iter_ = iteration + 1
        coef, error = _posterior_mean(moments, spectrum, alpha, lambda_)
        if self.compute_score:
            scores.append(self._score(moments, spectrum, alpha, lambda_, coef, error))
        self.scores_ = np.array(scores) if self.compute_score else scores
        self.alpha_, self.lambda_ = dtype.type(alpha), dtype.type(lambda_)
        scaled = spectrum.vectors / np.sqrt(alpha * spectrum.values + lambda_)
        self.sigma_ = (scaled @ scaled.T).astype(dtype)
        self._put_posterior(moments, coef, dtype)

    def _start(self, moments: RegressionMoments, y: NDArray[Any]) -> tuple[float, float]:
        lambda_ = 1.0 if self.lambda_init is None else float(self.lambda_init)
        if self.alpha_init is not None:
            return float(self.alpha_init), lambda_
        if self.fit_intercept:
            variance = moments.yy / moments.weight_sum
        else:
            variance = float(np.average((y - np.average(y, weights=moments.rows[2])) ** 2, weights=moments.rows[2]))
        return 1.0 / (variance + float(np.finfo(np.float64).eps)), lambda_

    def _score(
        self,
        moments: RegressionMoments,
        spectrum: Spectrum,
        alpha: float,
        lambda_: float,
        coef: NDArray[Any],
        error: float,
    ) -> float:
        """Log marginal likelihood."""
        p, total = len(coef), moments.weight_sum
        priors = self.lambda_1 * np.log(lambda_) - self.lambda_2 * lambda_
        priors += self.alpha_1 * np.log(alpha) - self.alpha_2 * alpha
        fit = p * np.log(lambda_) + total * np.log(alpha) - alpha * error - lambda_ * float(coef @ coef)
        volume = -float(np.log(lambda_ + alpha * spectrum.values).sum()) - total * np.log(2 * np.pi)
        return float(priors + 0.5 * (fit + volume))


def _posterior_mean(
    moments: RegressionMoments, spectrum: Spectrum, alpha: float, lambda_: float
) -> tuple[NDArray[np.float64], float]:
    """Return the coefficients for these precisions, and their squared error."""
    coef = spectrum.vectors @ (spectrum.target / (spectrum.values + lambda_ / alpha))
    return coef, moments.squared_error(coef)
