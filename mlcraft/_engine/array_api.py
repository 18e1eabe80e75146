"""Arrays of other libraries (`array_api_dispatch`): computed as NumPy arrays, given back as they came."""

from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import _array_api

__all__ = ["check_same_arrays", "foreign_namespace", "give_back", "to_numpy"]


def foreign_namespace(X: Any) -> tuple[Any, Any] | None:
    """Return (namespace, device) when dispatch is on and X is an array of another library, else None."""
    if not get_config()["array_api_dispatch"]:
        return None
    namespace, _, device = _array_api.get_namespace_and_device(X)
    return None if _array_api._is_numpy_namespace(namespace) else (namespace, device)


def to_numpy(*arrays: Any) -> list[Any]:
    """Convert arrays of other libraries; everything else (lists, scalars, None, NumPy) passes."""
    return [_to_numpy(array) for array in arrays]


def _to_numpy(array: Any) -> Any:
    if not hasattr(array, "__array_namespace__") and not hasattr(array, "__dlpack__"):
        return array
    if isinstance(array, np.ndarray):
        return array
    namespace, _, _ = _array_api.get_namespace_and_device(array)
    if _array_api._is_numpy_namespace(namespace):
        return array
    return _array_api._convert_to_numpy(array, namespace)


def give_back(estimator: Any, foreign: tuple[Any, Any], *names: str) -> None:
    """Turn fitted attributes into arrays of the library that X came from."""
    namespace, device = foreign
    for name in names:
        value = np.asarray(getattr(estimator, name))
        setattr(estimator, name, namespace.asarray(value, device=device))


def check_same_arrays(X: Any, estimator: Any, method: str) -> None:
    """Raise when X and the fitted coefficients belong to different libraries (scikit-learn 1.9 and later)."""
    check = getattr(_array_api, "check_same_namespace", None)
    if check is not None:
        check(X, estimator, attribute="coef_", method=method)
