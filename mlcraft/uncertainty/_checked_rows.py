"""The rows of a fit, given once more: checked as scikit-learn checks them, and seen as the engine takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.layout import readable
from mlcraft._engine.validation import checked_weights, engine_matrix

__all__ = ["Rows", "rows_of"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """
    The rows that a model was fitted on, checked, as the engine takes them.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        float32 or float64.
    y : ndarray of shape (n_samples, n_targets) or None
        In float64.
    sample_weight : ndarray of shape (n_samples,) or None
        In the dtype of X.
    weight : ndarray of shape (n_samples,)
        The same in float64; ones where there are none.
    flat : bool
        Whether predictions of the model have one dimension.
    """

    X: Any
    y: Doubles | None
    sample_weight: NDArray[Any] | None
    weight: Doubles
    flat: bool

    @property
    def targets(self) -> Doubles:
        """The targets, which the caller has given."""
        assert self.y is not None
        return self.y

    def shaped(self, values: Doubles) -> NDArray[Any]:
        """Numbers for each row and target in the shape of predictions and the dtype of X."""
        return (values[:, 0] if self.flat else values).astype(self.X.dtype, copy=False)


def rows_of(estimator: Any, X: Any, y: Any, sample_weight: Any, *, look: bool = False) -> Rows:
    """
    Check the rows of a fit.

    Parameters
    ----------
    estimator : object
        The fitted estimator.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        The design.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), or None
        The targets, where they are needed.
    sample_weight : float or array-like of shape (n_samples,), or None
        The weights.
    look : bool, default=False
        Whether X is searched for NaN and infinity now; the engine finds out anyway.

    Returns
    -------
    Rows

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If shapes do not agree, y or the weights are not finite, or weights are negative.
    """
    check_is_fitted(estimator)
    X, y, sample_weight = to_numpy(X, y, sample_weight)
    X = validate_data(estimator, X, accept_sparse=["csr", "csc"], reset=False, ensure_all_finite=look)
    X = engine_matrix(X)
    X, weights = readable(X, checked_weights(sample_weight, X))
    weight = np.ones(X.shape[0]) if weights is None else weights.astype(np.float64)
    return Rows(X, None if y is None else _targets(estimator, X, y), weights, weight, estimator.coef_.ndim == 1)


def _targets(estimator: Any, X: Any, y: Any) -> Doubles:
    y = check_array(y, dtype=X.dtype, ensure_2d=False, input_name="y")
    check_consistent_length(X, y)
    targets: Doubles = y.reshape(len(y), -1).astype(np.float64)
    coef = estimator.coef_
    expected = 1 if coef.ndim == 1 else coef.shape[0]
    if y.ndim > 2 or targets.shape[1] != expected:
        raise ValueError(f"y has shape {y.shape}, but the model was fitted on {expected} target(s)")
    return targets
