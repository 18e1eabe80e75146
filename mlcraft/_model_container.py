"""The bytes of a model file: a JSON header and arrays, checksummed, written whole or not at all.

Layout, all integers little-endian::

    8 bytes   magic  89 4D 4C 43 0D 0A 1A 0A  (its line ends betray a file that was sent as text)
    4 bytes   format version
    8 bytes   length of the header
    ...       header: JSON in UTF-8; its "arrays" lists dtype, shape and order of each array
    ...       the arrays one after the other, each padded with zeros to a multiple of 8 bytes
    32 bytes  SHA-256 of everything before

The checksum tells accidents, not forgers: whoever writes a file can write its checksum. So nothing in the
header is believed before it is checked, and nothing is allocated that the file does not hold.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import stat
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x89MLC\r\n\x1a\n"
FORMAT_VERSION = 1
MAX_HEADER_BYTES = 16 * 2**20
MAX_FILE_BYTES = 4 * 2**30

_PREFIX = struct.Struct("<8sIQ")
_CHECKSUM_BYTES = 32
_MAX_ARRAYS = 64
_DTYPES = frozenset(["<f4", "<f8", "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8"])


class ModelFileError(ValueError):
    """The model cannot be stored as data, or the file is not a sound model file.

    Examples
    --------
    >>> import tempfile
    >>> from mlcraft.model_file import ModelFileError, load_model
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     try:
    ...         load_model(file.name)
    ...     except ModelFileError as error:
    ...         print(str(error).endswith("is not an mlcraft model file"))
    True
    """


def check_array(name: str, array: NDArray[Any]) -> None:
    """Raise `ModelFileError` for an array that a model file does not hold."""
    if _dtype_name(array) not in _DTYPES or array.ndim > 2:
        kind = f"{array.dtype}, {array.ndim} dimensions"
        raise ModelFileError(f"{name} is an array that a model file cannot hold ({kind})")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelFileError(f"{name} holds NaN or infinity")


def write_container(path: str, header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> None:
    """Write header and arrays; readers of `path` see the old file or the new one, never half of it."""
    specs = [{"dtype": _dtype_name(array), "shape": list(array.shape), "order": _order(array)} for array in arrays]
    try:
        text = json.dumps(
            header | {"arrays": specs}, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"the model holds something that is not plain data: {error}") from None
    if len(text) > MAX_HEADER_BYTES:
        raise ModelFileError(f"the model's description is too large ({len(text):,} bytes)")
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, len(text))
    _write_atomically(path, [prefix, text, *(_to_bytes(array) for array in arrays)])


def read_container(path: str) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Read header and arrays back; every fault is a `ModelFileError` that names the file."""
    data = _read_file(path)
    if not data.startswith(MAGIC):
        if data and (MAGIC.startswith(data[:8]) or data[1:4] == MAGIC[1:4]):
            raise ModelFileError(f"'{path}' is a damaged model file (its first bytes are wrong)")
        raise ModelFileError(f"'{path}' is not an mlcraft model file")
    if len(data) < _PREFIX.size + _CHECKSUM_BYTES:
        raise ModelFileError(f"'{path}' is a damaged model file (it is cut short)")
    _, version, header_bytes = _PREFIX.unpack_from(data)
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"'{path}' was written by a newer mlcraft (format {version}, this one reads {FORMAT_VERSION});"
            " upgrade mlcraft to read it"
        )
    content = memoryview(data)[:-_CHECKSUM_BYTES]
    if hashlib.sha256(content).digest() != data[-_CHECKSUM_BYTES:]:
        raise ModelFileError(f"'{path}' is a damaged model file (wrong checksum); copy or make it again")
    try:
        if version < 1 or header_bytes > min(MAX_HEADER_BYTES, len(content) - _PREFIX.size):
            raise ModelFileError("its header has an impossible version or length")
        end = _PREFIX.size + header_bytes
        header = _parse_header(data[_PREFIX.size : end])
        return header, _read_arrays(header.pop("arrays", None), bytes(content[end:]))
    except ModelFileError as error:
        raise ModelFileError(f"'{path}' is not a sound model file: {error}") from None


def _dtype_name(array: NDArray[Any]) -> str:
    return array.dtype.newbyteorder("<").str


def _order(array: NDArray[Any]) -> Literal["C", "F"]:
    # Kept, since matrix products of the other order may round differently.
    return "F" if array.ndim == 2 and array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def _to_bytes(array: NDArray[Any]) -> bytes:
    data = array.astype(_dtype_name(array), copy=False).tobytes(order=_order(array))
    return data + bytes(-len(data) % 8)


def _write_atomically(path: str, parts: Sequence[bytes]) -> None:
    """Write a new file in the same folder, then rename it over `path`."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"'{path}' is not a regular file")
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    temporary = f"{path}.{secrets.token_hex(6)}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines([*parts, checksum.digest()])
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    """Make the rename itself survive a power cut, where the system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _read_file(path: str) -> bytes:
    # Asked before opening: opening a named pipe would wait for a writer.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
        raise ModelFileError(f"'{path}' is not an mlcraft model file")
    return Path(path).read_bytes()


def _parse_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_refuse_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ModelFileError("its header is not proper JSON") from None
    if not isinstance(header, dict):
        raise ModelFileError("its header is not a JSON object")
    return header


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _read_arrays(specs: Any, payload: bytes) -> list[NDArray[Any]]:
    """Cut the arrays out, after checking that dtypes, shapes and the number of bytes agree."""
    if not isinstance(specs, list) or len(specs) > _MAX_ARRAYS:
        raise ModelFileError("its list of arrays is missing or too long")
    arrays: list[NDArray[Any]] = []
    offset = 0
    for index, spec in enumerate(specs):
        dtype, shape, order = _checked_spec(spec)
        n_bytes = math.prod(shape) * dtype.itemsize
        padded = n_bytes + -n_bytes % 8
        if padded > len(payload) - offset:
            raise ModelFileError("its arrays are larger than the file")
        raw = np.frombuffer(payload, dtype=np.uint8, count=n_bytes, offset=offset)
        if dtype.kind == "b" and (raw > 1).any():
            raise ModelFileError("an array of true and false holds something else")
        array = raw.view(dtype).reshape(shape, order=order).astype(dtype.newbyteorder("="), order="K")
        check_array(f"array {index}", array)
        arrays.append(array)
        offset += padded
    if offset != len(payload):
        raise ModelFileError("there are bytes after its last array")
    return arrays


def _checked_spec(spec: Any) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"]]:
    if not isinstance(spec, dict) or set(spec) != {"dtype", "shape", "order"}:
        raise ModelFileError("an array is described wrongly")
    dtype, shape, order = spec["dtype"], spec["shape"], spec["order"]
    if not isinstance(dtype, str) or dtype not in _DTYPES or order not in ("C", "F"):
        raise ModelFileError("an array has a type that model files do not use")
    if not isinstance(shape, list) or len(shape) > 2 or not all(_is_length(length) for length in shape):
        raise ModelFileError("an array has an impossible shape")
    return np.dtype(dtype), tuple(shape), cast(Literal["C", "F"], order)


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48
