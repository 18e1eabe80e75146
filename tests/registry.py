"""Tables that drive the engine's tests: how a design matrix may be stored, and which problems must be solved.

A new storage or a new kind of problem is one entry here, and all tests meet it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

DTYPES = {"float64": np.float64, "float32": np.float32}

# ---------------------------------------------------------------- storages of a dense array


def _every_other(X: NDArray[Any]) -> NDArray[Any]:
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan, dtype=X.dtype)
    wide[::2, 1::3] = X
    return wide[::2, 1::3]


def _padded_columns(X: NDArray[Any]) -> NDArray[Any]:
    longer = np.full((X.shape[0] + 3, X.shape[1]), np.nan, dtype=X.dtype, order="F")
    longer[: X.shape[0]] = X
    return longer[: X.shape[0]]


def _read_only(X: NDArray[Any]) -> NDArray[Any]:
    X = X.copy()
    X.flags.writeable = False
    return X


def _compressed(make: Any, index: Any) -> Callable[[NDArray[Any]], Any]:
    def build(X: NDArray[Any]) -> Any:
        found = make(X)
        found.indices, found.indptr = found.indices.astype(index), found.indptr.astype(index)
        return found

    return build


def _unsorted_csr(X: NDArray[Any]) -> Any:
    """Rows back to front, and the first entry of each row split in two."""
    rows, columns = np.nonzero(X)
    order = np.lexsort((-columns, rows))
    rows, columns, values = rows[order], columns[order], X[rows[order], columns[order]]
    start = np.append(True, rows[1:] != rows[:-1]) if len(rows) else np.zeros(0, dtype=bool)
    repeat = 1 + start.astype(int)
    values = np.repeat(np.where(start, values / 2, values), repeat)
    counts = np.bincount(np.repeat(rows, repeat), minlength=X.shape[0])
    indices = np.repeat(columns, repeat).astype(np.int32)
    return sparse.csr_array((values, indices, np.append(0, np.cumsum(counts)).astype(np.int32)), shape=X.shape)


DENSE: dict[str, Callable[[NDArray[Any]], Any]] = {
    "c": np.ascontiguousarray,
    "f": np.asfortranarray,
    "every_other": _every_other,
    "every_other_f": lambda X: _every_other(X.T).T,
    "padded_rows": lambda X: np.hstack([X, np.full((X.shape[0], 3), np.nan, dtype=X.dtype)])[:, : X.shape[1]],
    "padded_columns": _padded_columns,
    "reversed_rows": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "reversed_columns": lambda X: np.asfortranarray(X[:, ::-1])[:, ::-1],
    "reversed_both": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "read_only": _read_only,
}

SPARSE: dict[str, Callable[[NDArray[Any]], Any]] = {
    "csr32": _compressed(sparse.csr_array, np.int32),
    "csr64": _compressed(sparse.csr_array, np.int64),
    "csr_unsorted": _unsorted_csr,
    "csc32": _compressed(sparse.csc_array, np.int32),
    "csc64": _compressed(sparse.csc_array, np.int64),
}

STORAGES = DENSE | SPARSE

SHAPES = {
    "small": (13, 5),
    "one_column": (23, 1),
    "one_row": (1, 4),
    "one_element": (1, 1),
    "no_rows": (0, 3),
    "odd": (29, 7),
    "tall": (600, 3),
    "wide": (5, 40),
    "blocks": (65, 300),  # more columns than a chunk of the dense kernels
}


def values(shape: tuple[int, int], dtype: Any, seed: int = 0) -> NDArray[Any]:
    """Integers between -4 and 4, a third of them zero: products and sums of them are exact in both dtypes."""
    random = np.random.default_rng(seed)
    X = random.integers(-4, 5, shape).astype(dtype)
    X[random.random(shape) < 0.25] = 0
    return X


# ---------------------------------------------------------------- problems


@dataclass
class Problem:
    """Traits: "wide" (not more rows than columns), "deficient" (dependent columns or rows)."""

    X: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[Any] | None = None
    traits: set[str] = field(default_factory=set)


def _base(n: int = 31, p: int = 4, seed: int = 0) -> Problem:
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p))
    return Problem(X, X @ np.linspace(1, -2, p) + random.standard_normal(n) + 3)


def _plain() -> Problem:
    return _base()


def _scaled_columns() -> Problem:
    found = _base(seed=1)
    found.X = found.X * np.array([1e-6, 1.0, 1e3, 1e6])
    return found


def _large_mean() -> Problem:
    found = _base(seed=2)
    found.X = found.X + np.array([1e8, -1e8, 1e4, 0.0])
    found.y = found.y + 1e6
    return found


def _near_collinear() -> Problem:
    found = _base(seed=3)
    found.X[:, 3] = found.X[:, 0] - found.X[:, 1] + 1e-6 * found.X[:, 3]
    return found


def _polynomial() -> Problem:
    x = np.linspace(0.5, 3.5, 21)
    return Problem(x[:, np.newaxis] ** np.arange(1, 7), np.sin(x))


def _exact_fit() -> Problem:
    found = _base(seed=4)
    found.X = np.round(found.X * 8)
    found.y = found.X @ np.arange(1.0, 5.0) + 7
    return found


def _outlier() -> Problem:
    found = _base(seed=5)
    found.X[3] *= 1e5
    return found


def _one_column() -> Problem:
    return _base(p=1, seed=6)


def _barely_tall() -> Problem:
    return _base(n=6, p=4, seed=7)


def _weighted() -> Problem:
    found = _base(seed=8)
    found.weight = np.random.default_rng(8).uniform(0.01, 5, len(found.y))
    return found


def _zero_weights() -> Problem:
    """Rows of weight zero are far away: nothing of them may be left."""
    found = _base(seed=9)
    found.weight = np.random.default_rng(9).uniform(0.5, 2, len(found.y))
    found.weight[::3] = 0
    found.X[::3] = 1e8 * found.X[::3] + 1e8
    found.y[::3] = -1e9
    return found


def _uneven_weights() -> Problem:
    found = _base(seed=10)
    found.weight = 10.0 ** np.random.default_rng(10).uniform(-6, 6, len(found.y))
    return found


def _targets() -> Problem:
    found = _base(seed=11)
    found.y = np.column_stack([found.y, 1e6 * found.y**2, 1e-6 * np.sin(found.y)])
    return found


def _collinear() -> Problem:
    found = _base(seed=12)
    found.X = np.round(found.X * 8)
    found.X[:, 3] = 2 * found.X[:, 0] - found.X[:, 1]
    found.traits = {"deficient"}
    return found


def _collinear_scales() -> Problem:
    found = _collinear()
    found.X = np.column_stack([found.X * np.array([1.0, 1024.0, 1.0, 2.0**-10]), 4096.0 * found.X[:, 0] + 5])
    return found


def _collinear_with_constant() -> Problem:
    """Dummies of all levels: with the intercept they are dependent."""
    level = np.arange(31) % 4
    found = Problem((level[:, np.newaxis] == np.arange(4)).astype(float), np.sin(np.arange(31.0)))
    found.traits = {"deficient"}
    return found


def _constant_column() -> Problem:
    found = _base(seed=13)
    found.X[:, 2] = 0.1
    found.traits = {"deficient"}
    return found


def _zero_column() -> Problem:
    found = _base(seed=14)
    found.X[:, 1] = 0
    found.traits = {"deficient"}
    return found


def _duplicated() -> Problem:
    found = _base(p=2, seed=15)
    found.X = np.column_stack([found.X, found.X[:, ::-1], found.X[:, 0]])
    found.traits = {"deficient"}
    return found


def _square() -> Problem:
    found = _base(n=6, p=6, seed=16)
    found.traits = {"wide"}
    return found


def _wide() -> Problem:
    found = _base(n=7, p=12, seed=17)
    found.traits = {"wide"}
    return found


def _wide_weighted() -> Problem:
    found = _base(n=7, p=12, seed=18)
    found.weight = np.array([1.0, 0.5, 2.0, 0.0, 1.0, 3.0, 0.25])
    found.y = np.column_stack([found.y, -(found.y**2)])
    found.traits = {"wide"}
    return found


def _wide_mean() -> Problem:
    found = _base(n=7, p=12, seed=19)
    found.X = found.X + 1e5
    found.traits = {"wide"}
    return found


def _wide_scaled() -> Problem:
    found = _base(n=7, p=12, seed=20)
    found.X = found.X * 10.0 ** np.linspace(-3, 3, 12)
    found.traits = {"wide"}
    return found


def _wide_duplicated_rows() -> Problem:
    found = _base(n=4, p=9, seed=21)
    found.X = np.vstack([np.round(found.X * 8)] * 2)
    found.y = np.append(found.y, found.y + 1)
    found.traits = {"wide", "deficient"}
    return found


def _one_row() -> Problem:
    found = _base(n=1, p=3, seed=22)
    found.traits = {"wide"}
    return found


PROBLEMS: dict[str, Callable[[], Problem]] = {
    make.__name__.lstrip("_"): make
    for make in (
        _plain,
        _scaled_columns,
        _large_mean,
        _near_collinear,
        _polynomial,
        _exact_fit,
        _outlier,
        _one_column,
        _barely_tall,
        _weighted,
        _zero_weights,
        _uneven_weights,
        _targets,
        _collinear,
        _collinear_scales,
        _collinear_with_constant,
        _constant_column,
        _zero_column,
        _duplicated,
        _square,
        _wide,
        _wide_weighted,
        _wide_mean,
        _wide_scaled,
        _wide_duplicated_rows,
        _one_row,
    )
}
REGULAR = [name for name, make in PROBLEMS.items() if not make().traits]  # unique solution, more rows than columns
