"""Data of the benchmarks: seeded synthetic problems and, where they are at hand, real data sets."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks import ROOT

Array = NDArray[Any]
Kind = Literal["fit", "predict"]


@dataclass(slots=True)
class Problem:
    """One least-squares problem: ``sum w (y - X b - c)^2 + alpha ||b||^2``, with ``b >= 0`` where asked."""

    X: Array
    y: Array
    sample_weight: Array | None = None
    alpha: float = 0.0
    positive: bool = False
    kind: Kind = "fit"


def row_blocks(n: int, p: int, elements: int = 1 << 21) -> Iterator[tuple[int, slice]]:
    """Number and rows of the blocks a matrix is made in, so that making it needs little memory beyond it."""
    size = max(64, elements // max(p, 1))
    for number, start in enumerate(range(0, n, size)):
        yield number, slice(start, min(n, start + size))


def correlated_matrix(
    n: int, p: int, *, seed: int = 0, dtype: Any = np.float64, order: Literal["C", "F"] = "C"
) -> Array:
    """Columns that look like a table of measurements.

    They share a few hidden factors (so they correlate), have scales over three decades and means several
    standard deviations away from zero. Made block by block from one seed per block.

    Examples
    --------
    >>> X = correlated_matrix(1000, 8, seed=1)
    >>> bool((X == correlated_matrix(1000, 8, seed=1)).all())
    True
    >>> bool((abs(X.mean(axis=0)) > X.std(axis=0)).any())
    True
    """
    rng = np.random.default_rng(seed)
    factors = min(8, max(1, p // 4))
    loadings = rng.standard_normal((factors, p)) * (0.7 / np.sqrt(factors))
    scale = 10.0 ** rng.uniform(-1.0, 2.0, p)
    mean = scale * rng.uniform(-5.0, 5.0, p)
    X = np.empty((n, p), dtype=dtype, order=order)
    for number, rows in row_blocks(n, p):
        block_rng = np.random.default_rng([seed, number])
        height = rows.stop - rows.start
        block = block_rng.standard_normal((height, p))
        block += block_rng.standard_normal((height, factors)) @ loadings
        block *= scale
        block += mean
        X[rows] = block
    return X


def make_problem(
    n: int,
    p: int,
    *,
    targets: int = 0,
    weighted: bool = False,
    alpha: float = 0.0,
    positive: bool = False,
    dtype: Any = np.float64,
    order: Literal["C", "F"] = "C",
    kind: Kind = "fit",
    seed: int = 0,
) -> Problem:
    """A regression problem on `correlated_matrix`; about half of the variance of y is noise.

    ``targets=0`` gives a one-dimensional y. With ``positive`` about half of the true coefficients are
    negative, so that the constraint has work to do.
    """
    X = correlated_matrix(n, p, seed=seed, dtype=dtype, order=order)
    rng = np.random.default_rng([seed, 1 << 20])
    coef = rng.standard_normal((p, max(targets, 1)))
    head = X[: min(n, 4096)].astype(np.float64)
    coef /= np.maximum(head.std(axis=0), 1e-12)[:, None]
    spread = (head @ coef).std(axis=0)
    y = np.empty((n, coef.shape[1]), dtype=dtype)
    for _, rows in row_blocks(n, p):
        clean = X[rows].astype(np.float64, copy=False) @ coef
        y[rows] = clean + spread * rng.standard_normal(clean.shape)
    sample_weight = rng.gamma(2.0, 0.5, n).astype(dtype) if weighted else None
    return Problem(X, y if targets else np.ascontiguousarray(y[:, 0]), sample_weight, alpha, positive, kind)


def shared_folder() -> Path:
    """Folder with ``data/`` and ``reference/``: ``MLCRAFT_SHARED`` or ``shared`` beside the checkout."""
    return Path(os.environ.get("MLCRAFT_SHARED", ROOT.parent / "shared"))


def shared_loader() -> ModuleType | None:
    """The ``load.py`` of the data folder, or None when there is no such folder (or no pandas to read it)."""
    path = shared_folder() / "data" / "load.py"
    if not path.exists() or importlib.util.find_spec("pandas") is None:
        return None
    spec = importlib.util.spec_from_file_location("mlcraft_benchmark_data", path)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _table(frame: Any, target: str, drop: tuple[str, ...] = ()) -> tuple[Array, Array]:
    """Numbers of a frame: rows without target dropped, gaps filled by the median, categories one-hot."""
    import pandas as pd

    frame = frame.dropna(subset=[target])
    y = frame[target].to_numpy(dtype=np.float64)
    frame = frame.drop(columns=[target, *drop])
    numeric = frame.select_dtypes("number")
    columns = [numeric.fillna(numeric.median())]
    texts = frame.drop(columns=numeric.columns)
    if texts.shape[1]:
        columns.append(pd.get_dummies(texts, drop_first=True, dtype=np.float64))
    return np.ascontiguousarray(pd.concat(columns, axis=1).to_numpy(dtype=np.float64)), y


#: name, target, columns that leak the target or identify the row
_REAL: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("california_housing", "median_house_value", ()),
    ("ailerons", "goal", ()),
    ("diamonds", "price", ()),
    ("bike_sharing_hourly", "cnt", ("instant", "dteday", "casual", "registered")),
    (
        "flights",
        "arr_delay",
        ("dep_delay", "dep_time", "arr_time", "air_time", "tailnum", "time_hour", "year"),
    ),
    ("mnist_10k", "label", ()),
)


def real_problems() -> Iterator[tuple[str, Callable[[], Problem]]]:
    """Titles and makers of the real problems that are at hand; nothing when the data folder is absent."""
    loader = shared_loader()
    if loader is None:
        return
    known = set(loader.names())
    for name, target, drop in _REAL:
        if name not in known:
            continue

        def make(name: str = name, target: str = target, drop: tuple[str, ...] = drop) -> Problem:
            return Problem(*_table(loader.load(name), target, drop))

        yield name, make
