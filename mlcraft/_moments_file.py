"""Files of moments: the container of model files, with numbers that are checked before they are believed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.gathered import Gathered
from mlcraft._model_container import ModelFileError, read_container, write_container

__all__ = ["read_moments", "write_moments"]

_KIND = "moments"
_DIMENSIONS = {"x_mean": 1, "y_mean": 1, "xx": 2, "xy": 2, "yy": 1, "x_low": 1, "y_low": 1, "noise": 1}


def write_moments(path: str, gathered: Gathered, names: NDArray[Any] | None) -> None:
    """Write moments and column names; readers of `path` see the old file or the new one."""
    core = gathered.core
    weight_sum, x_mean, y_mean, xx, xy, yy, n_samples, _, x_low, y_low, noise, log_weight, *_ = core.__getstate__()
    header = {
        "written_by": f"mlcraft {_core.__version__}",
        "kind": _KIND,
        "n_samples": n_samples,
        "weight_sum": weight_sum,
        "log_weight": None if math.isnan(log_weight) else log_weight,
        "dtype": gathered.dtype.name,
        "n_dimensions": gathered.n_dimensions,
        "feature_names": None if names is None else [str(name) for name in names],
    }
    write_container(path, header, [x_mean, y_mean, xx, xy, yy, x_low, y_low, noise])


def read_moments(path: str) -> tuple[Gathered, list[str] | None]:
    """Read moments and column names back; every fault is a `ModelFileError` that names the file."""
    header, arrays = read_container(path)
    try:
        return _restored(header, arrays)
    except (ModelFileError, ValueError) as error:
        raise ModelFileError(f"'{path}' is not a sound file of moments: {error}") from None


def _restored(header: dict[str, Any], arrays: list[NDArray[Any]]) -> tuple[Gathered, list[str] | None]:
    if header.get("kind") != _KIND:
        raise ModelFileError("it holds something else; models are read by mlcraft.load_model")
    n_samples, weight_sum, names = (header.get(key) for key in ("n_samples", "weight_sum", "feature_names"))
    log_weight = header.get("log_weight")
    dtype, n_dimensions = header.get("dtype"), header.get("n_dimensions")
    if type(n_samples) is not int or n_samples < 0 or type(weight_sum) is not float or weight_sum < 0:
        raise ModelFileError("its numbers of rows are wrong")
    if log_weight is None:
        log_weight = math.nan
    if type(log_weight) is not float or math.isinf(log_weight):
        raise ModelFileError("its sum of the logarithms of the weights is wrong")
    if dtype not in ("float32", "float64") or n_dimensions not in (1, 2):
        raise ModelFileError("its types are wrong")
    if [(array.dtype.name, array.ndim) for array in arrays] != [("float64", ndim) for ndim in _DIMENSIONS.values()]:
        raise ModelFileError("its arrays have wrong types")
    x_mean, y_mean, xx, xy, yy, x_low, y_low, noise = arrays
    core = _core.Moments(
        weight_sum,
        x_mean,
        y_mean,
        xx,
        xy,
        yy,
        samples=n_samples,
        x_low=x_low,
        y_low=y_low,
        noise=noise,
        log_weight=log_weight,
    )
    n_features, n_targets = len(x_mean), len(y_mean)
    if n_features == 0 or n_targets == 0 or (n_dimensions == 1 and n_targets != 1):
        raise ModelFileError("its numbers of columns are wrong")
    if xx.shape != (n_features, n_features) or xy.shape != (n_features, n_targets):
        raise ModelFileError("its arrays have wrong shapes")
    smallest = min(part.min(initial=0.0) for part in (np.diagonal(xx), yy, noise))
    if smallest < 0 or not np.array_equal(xx, xx.T):
        raise ModelFileError("its cross-products cannot be those of any rows")
    if names is not None and not _are_names(names, n_features):
        raise ModelFileError("its column names do not fit")
    return Gathered(core, np.dtype(dtype), n_dimensions), names


def _are_names(names: Any, n_features: int) -> bool:
    return isinstance(names, list) and len(names) == n_features and all(isinstance(name, str) for name in names)
