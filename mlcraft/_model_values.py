"""The values in a model file: plain data as JSON, arrays beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._model_container import ModelFileError, check_array

__all__ = ["pack", "unpack"]

_MAX_TEXT_WIDTH = 2**16


def pack(name: str, value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Turn one value into JSON; arrays and NumPy scalars go to `arrays` and leave their number."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "UO":
        return _pack_texts(name, value)
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        check_array(name, array)
        arrays.append(array)
        return {"scalar" if isinstance(value, np.generic) else "array": len(arrays) - 1}
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise ModelFileError(f"{name} is not a number (NaN)")
        return {"float": "inf" if value > 0 else "-inf"}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        pairs = [[pack(name, key, arrays), pack(name, item, arrays)] for key, item in value.items()]
        return {"pairs": pairs}
    if type(value) in (list, tuple):
        return {type(value).__name__: [pack(name, item, arrays) for item in value]}
    raise ModelFileError(f"{name} is a {type(value).__qualname__}, which is not plain data")


def _pack_texts(name: str, value: NDArray[Any]) -> dict[str, Any]:
    if value.ndim != 1 or not all(isinstance(item, str) for item in value.tolist()):
        raise ModelFileError(f"{name} is an array of objects; only texts and numbers can be stored")
    width = value.dtype.itemsize // 4 if value.dtype.kind == "U" else 0
    return {"texts": [width, *(str(item) for item in value.tolist())]}


def unpack(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    match value if isinstance(value, dict) and len(value) == 1 else None:
        case {"array": int(index)} if 0 <= index < len(arrays):
            return arrays[index]
        case {"scalar": int(index)} if 0 <= index < len(arrays) and arrays[index].ndim == 0:
            return arrays[index][()]
        case {"float": "inf" | "-inf" as text}:
            return float(text)
        case {"texts": [int(width), *texts]} if all(isinstance(text, str) for text in texts):
            return _unpack_texts(texts, width)
        case {"list": list(items)}:
            return [unpack(item, arrays) for item in items]
        case {"tuple": list(items)}:
            return tuple(unpack(item, arrays) for item in items)
        case {"pairs": list(pairs)} if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            return {_unpack_key(key, arrays): unpack(item, arrays) for key, item in pairs}
    raise ModelFileError("a value is described wrongly")


def _unpack_texts(texts: list[str], width: int) -> NDArray[Any]:
    """Make the array of objects (width 0) or of texts of one width that was stored."""
    if width == 0:
        return np.array(texts, dtype=object)
    if not max(map(len, texts), default=1) <= width <= _MAX_TEXT_WIDTH:
        raise ModelFileError("the width of a text is wrong")
    return np.array(texts, dtype=f"<U{width}")


def _unpack_key(key: Any, arrays: list[NDArray[Any]]) -> Any:
    value = unpack(key, arrays)
    if isinstance(value, (np.ndarray, list, tuple, dict)):
        raise ModelFileError("a value is described wrongly")
    return value
