"""The Python door: free on the happy path, scikit-learn's own checks and words on every other.

A float ndarray goes to the engine unseen.  The engine meets NaN and infinity in its first pass and says so;
only then, and for everything that is not a plain ndarray, scikit-learn's validation runs and words the error.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray
from scipy import sparse
from sklearn import get_config
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, check_non_negative, validate_data

from mlcraft._engine.least_squares import NonFiniteError

__all__ = [
    "adopt_width",
    "check_parameters",
    "checked_arrays",
    "checked_weights",
    "engine_matrix",
    "finite_or_explained",
    "is_plain_matrix",
    "overwrite_centred",
    "plain_arrays",
    "plain_weights",
]

FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
CASTABLE = "fiu"  # kinds of numbers that become the dtype of X in one cheap pass over a vector


def check_parameters(estimator: Any) -> None:
    """Run scikit-learn's parameter validation, unless its configuration says to skip it."""
    if not get_config()["skip_parameter_validation"]:
        estimator._validate_params()


def is_plain_matrix(X: Any) -> bool:
    """Tell whether X is a non-empty two-dimensional float ndarray that the engine takes as it is."""
    if type(X) is not ndarray and type(X) is not np.memmap:
        return False
    return X.ndim == 2 and X.dtype in (FLOAT64, FLOAT32) and X.shape[0] > 0 and X.shape[1] > 0


def plain_arrays(X: Any, y: Any, sample_weight: Any) -> tuple[NDArray[Any], NDArray[Any], Any] | None:
    """Return what the engine needs when X, y and weights are plain arrays that fit together, else None.

    Values are not looked at, weights excepted: their sign is not the engine's business.
    """
    if not is_plain_matrix(X) or type(y) is not ndarray:
        return None
    n_samples = X.shape[0]
    if y.ndim == 0 or y.ndim > 2 or y.shape[0] != n_samples or (y.ndim == 2 and y.shape[1] == 0):
        return None
    if y.dtype != X.dtype:
        if y.dtype.kind not in CASTABLE:
            return None
        with np.errstate(over="ignore"):  # what overflows is infinite, and is found as such
            y = y.astype(X.dtype)
    if sample_weight is not None:
        sample_weight = plain_weights(sample_weight, X)
        if sample_weight is None:
            return None
    return X, y, sample_weight


def plain_weights(sample_weight: Any, X: NDArray[Any]) -> NDArray[Any] | None:
    """Return weights in the dtype of X when they are a plain array that fits it and none is negative, else None."""
    if type(sample_weight) is not ndarray or sample_weight.shape != (X.shape[0],):
        return None
    if sample_weight.dtype != X.dtype:
        if sample_weight.dtype.kind not in CASTABLE:
            return None
        with np.errstate(over="ignore"):  # what overflows is infinite, and is found as such
            sample_weight = sample_weight.astype(X.dtype)
    return sample_weight if sample_weight.min() > 0 or _has_allowed_zeros(sample_weight) else None


def _has_allowed_zeros(sample_weight: NDArray[Any]) -> bool:
    return bool(sample_weight.min() == 0 and sample_weight.any())


def adopt_width(estimator: Any, n_features: int) -> None:
    """Set what `validate_data(reset=True)` sets for an array without column names."""
    estimator.n_features_in_ = n_features
    if "feature_names_in_" in estimator.__dict__:
        del estimator.feature_names_in_


def finite_or_explained(fit: Callable[[bool], None]) -> None:
    """Call `fit(False)`, and if that meets NaN or infinity `fit(True)`, which looks for the culprit first."""
    try:
        fit(False)
    except NonFiniteError:
        fit(True)


def checked_arrays(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    accept_sparse: bool | list[str],
    dtype: Any = "numeric",
    ensure_all_finite: bool = True,
    reset: bool = True,
) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
    """Validate as scikit-learn does (its errors, its conversions) and return what the engine needs.

    Read-only and strided input is passed on without a copy: the engine never writes to it.  Whether to look
    for NaN and infinity in X beforehand is for the caller to say; y and the weights are always looked at.
    Without `reset` the columns must be those that the estimator has seen before.
    """
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=accept_sparse,
        dtype=dtype,
        y_numeric=True,
        multi_output=True,
        ensure_all_finite=ensure_all_finite,
        reset=reset,
    )
    X = engine_matrix(X)
    y = check_array(y, dtype=X.dtype, ensure_2d=False)
    return X, y, checked_weights(sample_weight, X)


def engine_matrix(X: Any) -> Any:
    """Return a validated X as float64 or float32, and sparse rows or columns without duplicate entries."""
    if X.dtype not in (FLOAT64, FLOAT32):
        X = X.astype(np.float64)
    is_sparse = sparse.issparse(X)
    if is_sparse and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def checked_weights(sample_weight: Any, X: Any) -> NDArray[Any] | None:
    """Return the weights as an array of X's dtype, or raise scikit-learn's errors.  None stays None."""
    if sample_weight is None:
        return None
    weights: NDArray[Any] = _check_sample_weight(sample_weight, X, dtype=X.dtype)
    if not weights.any():  # scikit-learn says so itself since 1.9
        raise ValueError("Sample weights must contain at least one non-zero number.")
    check_non_negative(weights, "`sample_weight`")
    return weights


def overwrite_centred(X: Any, sample_weight: NDArray[Any] | None, fit_intercept: bool) -> None:
    """Leave in X what scikit-learn leaves there if told not to copy: centred rows times the root of their weights."""
    if not isinstance(X, np.ndarray) or not X.flags.writeable:
        return
    if fit_intercept:
        X -= np.average(X, axis=0, weights=sample_weight).astype(X.dtype)
    if sample_weight is not None:
        X *= np.sqrt(sample_weight)[:, np.newaxis]
