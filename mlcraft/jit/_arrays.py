"""Arrays as the kernels expect them, and the errors for arrays they cannot take."""

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[Any]  # float32 or float64
Doubles = NDArray[np.float64]

_CHUNK = 4096


def design_matrix(X: ArrayLike, name: str = "X") -> Floats:
    """Two-dimensional read-only view in float32 or float64, any strides; copied only for another dtype."""
    checked = _as_float(X, name, ndim=2)
    if checked.shape[0] == 0:
        raise ValueError(f"{name} has no rows.")
    return _read_only(checked)


def targets(y: ArrayLike, X: Floats) -> Floats:
    """Read-only ``(n, k)`` view of one or several targets, in the dtype of ``X``."""
    columns = np.asarray(y)
    if columns.ndim == 1:
        columns = columns[:, np.newaxis]
    checked = _as_float(columns, "y", ndim=2)
    _check_length(checked, X, "y")
    return _read_only(checked.astype(X.dtype, copy=False))


def vector(values: ArrayLike, length: int, name: str) -> Doubles:
    """Contiguous read-only vector of doubles."""
    checked = _as_float(values, name, ndim=1)
    if checked.shape[0] != length:
        raise ValueError(f"{name} has {checked.shape[0]} elements, expected {length}.")
    return _read_only(np.ascontiguousarray(checked, dtype=np.float64))


def weights(sample_weight: ArrayLike | None, n_rows: int) -> Doubles:
    """Weights in double; an empty vector stands for weights that are all one."""
    if sample_weight is None:
        return _read_only(np.empty(0))
    checked = vector(sample_weight, n_rows, "sample_weight")
    lowest, highest = checked.min(), checked.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError("sample_weight contains NaN or infinity.")
    if lowest < 0:
        raise ValueError(f"sample_weight contains negative values (the lowest is {lowest}).")
    if highest == 0:
        raise ValueError("sample_weight is zero for every sample.")
    return checked


def raise_not_finite(**arrays: Floats) -> NoReturn:
    """Name the culprit after a pass whose sums came out as NaN or infinity."""
    for name, values in arrays.items():
        for start in range(0, values.shape[0], _CHUNK):
            bad = np.argwhere(~np.isfinite(values[start : start + _CHUNK]))
            if bad.size:
                place = f"row {start + bad[0, 0]}" + (f", column {bad[0, 1]}" if values.ndim == 2 else "")
                raise ValueError(f"{name} contains NaN or infinity (first at {place}).")
    names = " and ".join(arrays)
    raise ValueError(f"Sums of squares of {names} are too large for double precision: rescale the data.")


def _as_float(values: ArrayLike, name: str, ndim: int) -> Floats:
    if hasattr(values, "toarray"):
        raise TypeError(f"{name} is sparse; the functions of mlcraft.jit take dense arrays.")
    array: Floats = np.asarray(values)
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension{'s'[: ndim - 1]}, got shape {array.shape}.")
    if np.iscomplexobj(array):
        raise TypeError(f"{name} is complex; the functions of mlcraft.jit take real numbers.")
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    return array.astype(dtype, copy=False)


def _check_length(values: Floats, X: Floats, name: str) -> None:
    if values.shape[0] != X.shape[0]:
        raise ValueError(f"X has {X.shape[0]} rows but {name} has {values.shape[0]}.")


def _read_only(array: Floats) -> Floats:
    # Numba compiles one version per layout and per writability: read-only views halve their number.
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
