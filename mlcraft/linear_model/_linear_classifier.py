"""What linear classifiers share: scores, labels from scores, and coefficients stored sparse."""

from typing import Any, Self

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, log_expit
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.array_api import foreign_namespace, to_numpy
from mlcraft.linear_model._base import LinearEstimator, dense_coefficients

__all__ = ["LinearClassifier", "give_back_array", "log_probabilities", "probabilities"]

FEW_ROWS, BLOCK = 256, 16_384  # where NumPy's vectorised exponential pays, and what stays in the cache


class LinearClassifier(ClassifierMixin, LinearEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of classifiers with `classes_` and a row of `coef_` for each class, or one row for two."""

    classes_: NDArray[Any]
    coef_: Any
    intercept_: Any

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the score of each class, the linear predictor.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores; for two classes, positive means ``classes_[1]``.
        """
        return self._scores(X, "decision_function")

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        ndarray of shape (n_samples,)
            The labels.
        """
        (scores,) = to_numpy(self._scores(X, "predict"))
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        (classes,) = to_numpy(self.classes_)
        labels: NDArray[Any] = classes[chosen]
        return labels if labels.dtype.kind not in "biuf" else give_back_array(labels, X)

    def _scores(self, X: Any, method: str) -> NDArray[Any]:
        scores = self._linear_output(X, method)
        return scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores

    def sparsify(self) -> Self:
        """Store `coef_` as a sparse matrix.

        Worth it where more than half of the coefficients are zero; predictions stay the same.

        Returns
        -------
        self : object
            The estimator.
        """
        check_is_fitted(self, msg="Estimator, %(name)s, must be fitted before sparsifying.")
        self.coef_ = sparse.csr_matrix(self.coef_)
        return self

    def densify(self) -> Self:
        """Store `coef_` as an array again.

        Returns
        -------
        self : object
            The estimator.
        """
        check_is_fitted(self, msg="Estimator, %(name)s, must be fitted before densifying.")
        self.coef_ = dense_coefficients(self.coef_)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """
    Return the probability of each class.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Log odds of the second of two classes, or a score for each class.

    Returns
    -------
    ndarray of shape (n_samples, 2) or (n_samples, n_classes)
        Each accurate relative to itself, however small.
    """
    if scores.ndim == 1:
        found: NDArray[Any] = np.empty((len(scores), 2), dtype=scores.dtype)
        if len(scores) <= FEW_ROWS:
            expit(-scores, out=found[:, 0])
            expit(scores, out=found[:, 1])
            return found
        with np.errstate(over="ignore"):  # an infinite denominator is a probability of zero
            for start in range(0, len(scores), BLOCK):
                part = scores[start : start + BLOCK]
                np.divide(1, np.exp(part) + 1, out=found[start : start + BLOCK, 0])
                np.divide(1, np.exp(-part) + 1, out=found[start : start + BLOCK, 1])
        return found
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


def log_probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """Return the logarithms of `probabilities`, finite where those are too small for a number."""
    if scores.ndim == 1:
        found: NDArray[Any] = np.empty((len(scores), 2), dtype=scores.dtype)
        log_expit(-scores, out=found[:, 0])
        log_expit(scores, out=found[:, 1])
        return found
    found = scores - scores.max(axis=1, keepdims=True)
    found -= np.log(np.exp(found).sum(axis=1, keepdims=True))
    return found


def give_back_array(values: NDArray[Any], X: Any) -> NDArray[Any]:
    """Return values as an array of the library that X is of, when `array_api_dispatch` says so."""
    if type(X) is ndarray:
        return values
    foreign = foreign_namespace(X)
    if foreign is None:
        return values
    back: NDArray[Any] = foreign[0].asarray(values, device=foreign[1])
    return back
