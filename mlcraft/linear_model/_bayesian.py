"""What the Bayesian regressions share: the posterior, and what it says of new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcraft._engine.evidence import RegressionMoments
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.linear_model._base import LinearEstimator

__all__ = ["BayesianRegressor"]


class BayesianRegressor(LinearEstimator):
    """Base of the regressions that leave a normal posterior of the coefficients."""

    def _posterior(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the columns that take part and the covariance of their coefficients."""
        return np.arange(len(self.coef_)), self.sigma_

    def _put_posterior(self, moments: RegressionMoments, coef: NDArray[Any], dtype: Any) -> None:
        self.X_offset_ = moments.x_mean.astype(dtype)
        self.X_scale_ = np.ones(len(coef), dtype=dtype)
        self.coef_ = coef.astype(dtype)
        self.intercept_ = dtype.type(moments.y_mean - moments.x_mean @ coef) if self.fit_intercept else 0.0

    @one_blas_thread()
    def _epistemic_variance(self, X: Any) -> NDArray[Any]:
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        columns, covariance = self._posterior()
        rows = (X - self.X_offset_)[:, columns]
        variance: NDArray[Any] = np.einsum("ij,ij->i", rows @ covariance, rows)
        np.maximum(variance, 0, out=variance)
        return variance

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict with the posterior mean of the coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.
        return_std : bool, default=False
            Whether to return the standard deviation of a new observation too.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,)
            Mean of the predictive distribution.
        y_std : ndarray of shape (n_samples,)
            With `return_std`: its standard deviation, that of the noise included.
        """
        mean = self._linear_output(X, "predict")
        if return_std is False:
            return mean
        return mean, np.sqrt(self._epistemic_variance(X) + 1.0 / self.alpha_)

    def predict_parts(self, X: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Predict, with the two sources of uncertainty apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            Mean of the predictive distribution.
        epistemic_std : ndarray of shape (n_samples,)
            Standard deviation that comes from not knowing the coefficients; more rows make it smaller. The intercept
            counts as known, as in `predict`.
        aleatoric_std : ndarray of shape (n_samples,)
            Standard deviation of the noise, the same for all rows.
        """
        mean = self._linear_output(X, "predict")
        noise = np.full(len(mean), 1.0 / np.sqrt(self.alpha_), dtype=mean.dtype)
        return mean, np.sqrt(self._epistemic_variance(X)), noise

    @one_blas_thread()
    def posterior_samples(self, n_samples: int = 1000, random_state: Any = None) -> NDArray[Any]:
        """Draw coefficients from their posterior.

        Parameters
        ----------
        n_samples : int, default=1000
            How many.
        random_state : int, RandomState instance or None, default=None
            Seed.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Coefficients; zero where a column takes no part.
        """
        check_is_fitted(self)
        columns, covariance = self._posterior()
        values, vectors = linalg.eigh(np.asarray(covariance, dtype=np.float64))
        root = vectors * np.sqrt(np.maximum(values, 0))
        normal = check_random_state(random_state).standard_normal((n_samples, len(columns)))
        drawn = np.zeros((n_samples, len(self.coef_)))
        drawn[:, columns] = self.coef_[columns] + normal @ root.T
        return drawn
