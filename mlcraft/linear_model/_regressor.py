"""What every linear regression can be asked."""

from typing import Any

from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin

from mlcraft.linear_model._base import LinearEstimator
from mlcraft.linear_model._inference import InferenceMixin
from mlcraft.linear_model._influence import InfluenceMixin
from mlcraft.linear_model._learning_curve import LearningCurveMixin

__all__ = ["LinearRegressor"]


class LinearRegressor(
    InferenceMixin,
    InfluenceMixin,
    LearningCurveMixin,
    MultiOutputMixin,  # type: ignore[misc]  # scikit-learn has no types
    RegressorMixin,  # type: ignore[misc]
    LinearEstimator,
):
    """Base of the regressions: prediction, and all that follows from a fit."""

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the linear model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predicted values.
        """
        return self._linear_output(X, "predict")
