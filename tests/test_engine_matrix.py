"""Every operation of a design matrix, on every storage, against the dense array."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import DTYPES, SHAPES, STORAGES, values
from threadpoolctl import threadpool_limits

from mlcraft import _core

EPS = {np.float64: 2.3e-16, np.float32: 1.2e-7}
every_storage = pytest.mark.parametrize("storage", STORAGES)
every_shape = pytest.mark.parametrize("shape", SHAPES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread():
    """The references are small: threads of NumPy's would only wait for each other."""
    with threadpool_limits(1, "blas"):
        yield


def ranges(n):
    """Whole, inner, single and empty ranges of rows."""
    chosen = {
        (0, n),
        (0, max(n - 1, 0)),
        (min(1, n), n),
        (n // 3, n - n // 4),
        (n // 2, min(n, n // 2 + 1)),
        (n, n),
    }
    return sorted((begin, end) for begin, end in chosen if begin <= end)


def whole_numbers(size, seed=1):
    return np.random.default_rng(seed).integers(-3, 4, size).astype(np.float64)


@every_dtype
@every_shape
@every_storage
def test_exact_on_whole_numbers(storage, shape, dtype):
    """All products and sums are whole numbers that both dtypes hold, so every bit must agree."""
    X = values(SHAPES[shape], dtype)
    n, p = X.shape
    matrix = _core.Matrix(STORAGES[storage](X))
    v, r, weight = whole_numbers(p), whole_numbers(n, 2), np.abs(whole_numbers(n, 3))
    dense = X.astype(np.float64)
    for begin, end in ranges(n):
        rows = dense[begin:end]
        assert_array_equal(matrix.read(begin, end), rows.T)
        assert_array_equal(matrix.times(v, begin, end), rows @ v)
        assert_array_equal(matrix.transposed_times(r[begin:end], begin, end), rows.T @ r[begin:end])
        assert_array_equal(matrix.gram(None, begin, end), rows.T @ rows)
        w = weight[begin:end]
        assert_array_equal(matrix.gram(w, begin, end), rows.T @ (w[:, np.newaxis] * rows))
    assert_array_equal(matrix.times(v), dense @ v)  # the default is all rows
    assert_array_equal(matrix.gram(), dense.T @ dense)


@every_dtype
@every_shape
@every_storage
def test_columns_and_rows(storage, shape, dtype):
    X = values(SHAPES[shape], dtype)
    n, p = X.shape
    matrix = _core.Matrix(STORAGES[storage](X))
    dense = X.astype(np.float64)
    r, v = whole_numbers(n), whole_numbers(p)
    for j in {0, p // 2, p - 1}:
        dot, squares, moved = matrix.column(j, 2.0, r)
        assert (dot, squares) == (dense[:, j] @ r, dense[:, j] @ dense[:, j])
        assert_array_equal(moved, r + 2 * dense[:, j])
    for i in {0, n // 2, n - 1} if n else ():
        dot, moved = matrix.row(i, -3.0, v)
        assert dot == dense[i] @ v
        assert_array_equal(moved, v - 3 * dense[i])


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
@every_dtype
@every_storage
def test_centre_and_scale_are_applied_in_the_algebra(storage, dtype, centred, scaled):
    random = np.random.default_rng(5)
    X = (random.standard_normal((37, 9)) * (random.random((37, 9)) < 0.7) + 0.5).astype(dtype)
    n, p = X.shape
    centre = X.mean(axis=0, dtype=np.float64) if centred else None
    scale = np.linspace(0.5, 2, p) if scaled else None
    matrix = _core.Matrix(STORAGES[storage](X), centre, scale)
    v, r, weight = random.standard_normal(p), random.standard_normal(n), random.random(n)
    for begin, end in ranges(n):
        Z = X[begin:end].astype(np.float64) - (0 if centre is None else centre)
        Z = Z * (1 if scale is None else scale)
        near = {"rtol": 0, "atol": 500 * EPS[dtype]}  # sums of some tens of numbers of size one
        assert_allclose(matrix.times(v, begin, end), Z @ v, **near)
        assert_allclose(matrix.transposed_times(r[begin:end], begin, end), Z.T @ r[begin:end], **near)
        assert_allclose(matrix.gram(None, begin, end), Z.T @ Z, **near)
        w = weight[begin:end]
        assert_allclose(matrix.gram(w, begin, end), Z.T @ (w[:, np.newaxis] * Z), **near)
        assert_array_equal(matrix.read(begin, end), X[begin:end].T)  # as stored


@every_storage
def test_gram_is_symmetric_bit_for_bit(storage):
    X = np.random.default_rng(6).standard_normal((40, 11))
    found = _core.Matrix(STORAGES[storage](X), X.mean(axis=0)).gram(np.linspace(0, 1, 40))
    assert_array_equal(found, found.T)


@every_dtype
@every_storage
def test_input_is_not_written(storage, dtype):
    X = STORAGES[storage](values((13, 5), dtype))
    before = X.copy()
    matrix = _core.Matrix(X)
    matrix.column(1, 5.0, np.ones(13))
    matrix.row(2, 5.0, np.ones(5))
    matrix.gram(np.ones(13))
    assert (before != X).sum() == 0


@every_dtype
def test_sums_over_samples_are_double(dtype):
    """In single precision the small terms would vanish beside the large one."""
    n = 20_000
    X = np.full((n, 1), 1e-4, dtype=dtype)
    X[0] = 1e4
    exact = X.sum(dtype=np.float64)
    for storage in ("c", "f", "csr32", "csc32"):
        matrix = _core.Matrix(STORAGES[storage](X))
        steps = range(0, n, 256)  # as the solvers call it: a block of rows at a time
        found = sum(matrix.transposed_times(np.ones(256)[: min(256, n - i)], i, min(i + 256, n))[0] for i in steps)
        assert_allclose(found, exact, rtol=1e-5)
        assert_allclose(matrix.gram()[0, 0], (X.astype(np.float64) ** 2).sum(), rtol=1e-12)
        assert_allclose(matrix.column(0, 0.0, np.ones(n))[0], exact, rtol=1e-11)


OUT_OF_RANGE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from registry import STORAGES, values
from mlcraft import _core

v3, v5, v6 = np.ones(3), np.ones(5), np.ones(6)
CALLS = {
    "times, short": lambda m: m.times(np.ones(4)),
    "transposed_times, short": lambda m: m.transposed_times(np.ones(4)),
    "gram, short weights": lambda m: m.gram(np.ones(4)),
    "times, end": lambda m: m.times(v3, 0, 6),
    "times, begin": lambda m: m.times(v3, -1, 3),
    "times, order": lambda m: m.times(v3, 4, 2),
    "transposed_times, end": lambda m: m.transposed_times(v6, 0, 6),
    "gram, end": lambda m: m.gram(None, 0, 6),
    "gram, order": lambda m: m.gram(None, 4, 2),
    "read, end": lambda m: m.read(0, 6),
    "read, order": lambda m: m.read(4, 2),
    "column, past": lambda m: m.column(3, 1.0, v5),
    "column, before": lambda m: m.column(-1, 1.0, v5),
    "column, short": lambda m: m.column(0, 1.0, np.ones(4)),
    "row, past": lambda m: m.row(5, 1.0, v3),
    "row, before": lambda m: m.row(-1, 1.0, v3),
    "row, short": lambda m: m.row(0, 1.0, np.ones(4)),
}
accepted = []
for storage in ("c", "f", "csr32", "csc32"):
    matrix = _core.Matrix(STORAGES[storage](values((5, 3), np.float64)))
    for name, call in CALLS.items():
        print(storage, name, file=sys.stderr, flush=True)
        try:
            call(matrix)
            accepted.append((storage, name))
        except (ValueError, IndexError) as error:
            assert "max_size" not in str(error), (name, error)
assert not accepted, accepted
"""


def test_wrong_sizes_and_ranges_raise():
    """In a process of its own, because what goes wrong here is a wild read."""
    command = [sys.executable, "-c", OUT_OF_RANGE, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]


@pytest.mark.parametrize(
    ("X", "error"),
    [
        (np.ones(3), ValueError),
        (np.ones((2, 2, 2)), ValueError),
        (np.ones((3, 2), dtype=int), TypeError),
        (np.ones((3, 2), dtype=np.float16), TypeError),
        (np.ones((3, 2), dtype=np.longdouble), TypeError),
        (np.ones((3, 2), dtype=complex), TypeError),
        (np.ones((3, 2), dtype=object), TypeError),
        (np.ones((3, 2)).astype(np.dtype(np.float64).newbyteorder()), TypeError),
        ([[1.0, 2.0]], (TypeError, AttributeError)),
        (None, (TypeError, AttributeError)),
    ],
)
def test_what_is_no_matrix_raises(X, error):
    with pytest.raises(error):
        _core.Matrix(X).gram()


@pytest.mark.parametrize("which", ["centre", "scale"])
def test_centre_and_scale_need_an_element_for_each_column(which):
    with pytest.raises(ValueError, match="each column"):
        _core.Matrix(np.ones((4, 3)), **{which: np.ones(2)}).times(np.ones(3))
