"""Means and centred cross-products against NumPy, on both sides of every border inside the kernels.

The borders: vector strips of 2, 4, 8 or 16 columns; short strips up to 40 columns [X, y, 1]; own sums for
each lane of rows up to 257 columns, shared tiles above; panels of 240 rows; a second lane from 8192 rows on.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import squared
from registry import DENSE, DTYPES, SPARSE
from threadpoolctl import threadpool_limits

from mlcraft import _core

ROWS = (1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 239, 240, 241, 256, 479, 480, 481, 720, 4096, 8191, 8192, 8193, 9000)
COLUMNS = (*range(1, 20), 23, 24, 31, 32, 33, 36, 37, 38, 39, 40, 41, 47, 48, 63, 64, 65)
MANY = (79, 80, 95, 96, 97, 109, 110, 111, 112, 113, 114, 127, 128, 129, 130, 253, 254, 255, 256, 257, 270)
TARGETS = (1, 2, 0, 5, 20, 1, 3)
SHAPES = [(ROWS[(7 * i) % len(ROWS)], p, TARGETS[i % 7]) for i, p in enumerate(COLUMNS)]
SHAPES += [(ROWS[(5 * i) % 17], p, TARGETS[i % 7]) for i, p in enumerate(MANY)]
SHAPES += [(n, 260, 2) for n in (1, 47, 48, 240, 241, 481)] + [(245, 251, 20), (245, 300, 20)]
SHAPES += [(n, p, 1) for n in ROWS for p in (3, 45)] + [(n, 115, 2) for n in (1, 47, 48, 239, 240, 241, 481, 961)]
FIELDS = ("weight_sum", "x_mean", "y_mean", "xx", "xy", "yy")
every_shape = pytest.mark.parametrize(("n", "p", "k"), SHAPES, ids=lambda v: str(v))
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread():
    """The references are small: threads of NumPy's would only wait for each other."""
    with threadpool_limits(1, "blas"):
        yield


def whole_numbers(n, p, k, dtype, seed=0):
    """Small: the sums over a panel of 240 rows are exact in single precision, and all sums in double."""
    random = np.random.default_rng(seed)
    X, Y = random.integers(-8, 9, (n, p)).astype(dtype), random.integers(-8, 9, (n, k)).astype(dtype)
    weight = random.integers(0, 4, n).astype(dtype)
    weight[0] = 1
    return X, Y, weight


@every_dtype
@every_shape
def test_uncentred_sums_of_whole_numbers_are_exact(n, p, k, dtype):
    X, Y, weight = whole_numbers(n, p, k, dtype)
    dense, targets = X.astype(np.float64), Y.astype(np.float64)
    for w in (None, weight):
        scaled = dense * (1 if w is None else w[:, np.newaxis].astype(np.float64))
        for order in (np.ascontiguousarray, np.asfortranarray):
            found = _core.moments(order(X), order(Y), w, centre=False)
            assert found.finite
            assert found.weight_sum == (n if w is None else w.sum())
            assert_array_equal(found.xx, scaled.T @ dense)
            assert_array_equal(found.xy, scaled.T @ targets)
            weights = np.ones(n) if w is None else w.astype(np.float64)
            assert_array_equal(found.yy, weights @ targets**2)
            assert not found.x_mean.any()
            assert not found.y_mean.any()


@every_dtype
@every_shape
def test_centred_moments_equal_two_passes(n, p, k, dtype):
    X, Y, weight = whole_numbers(n, p, k, dtype, seed=1)
    X = (X + np.arange(p) % 5 * 100).astype(dtype)
    # double: mostly the twin's own rounding; single: that of sums over 240 rows, in one direction at worst
    tolerance = {np.float64: 1e-13, np.float32: 1e-5}[dtype]
    for w in (None, weight):
        expected = squared.moments(X, Y, w)
        for order in (np.ascontiguousarray, np.asfortranarray):
            found = _core.moments(order(X), order(Y), w)
            assert found.finite
            sizes = {
                "weight_sum": 1,
                "x_mean": 1 + np.abs(expected["x_mean"]),
                "y_mean": 1 + np.abs(expected["y_mean"]),
                "xx": 30 * expected["weight_sum"],
                "xy": 30 * expected["weight_sum"],
                "yy": 30 * expected["weight_sum"],
            }
            for name in FIELDS:
                difference = np.abs(getattr(found, name) - expected[name]) / sizes[name]
                assert np.max(difference, initial=0) <= tolerance, (name, order.__name__, w is None)
            assert_array_equal(found.xx, found.xx.T)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("storage", DENSE | SPARSE)
@every_dtype
def test_every_storage(storage, dtype, fit_intercept, weighted):
    X, Y, weight = whole_numbers(300, 11, 2, dtype, seed=2)
    weight = weight if weighted else None
    held = (DENSE | SPARSE)[storage](X)
    if storage.startswith("csc"):
        held = held.tocsr()  # the solvers take rows
        held.indices, held.indptr = held.indices.astype(np.int64), held.indptr.astype(np.int64)
    found, expected = (
        _core.moments(held, Y, weight, centre=fit_intercept),
        squared.moments(X, Y, weight, fit_intercept),
    )
    tolerance = 300 * 30 * {np.float64: 1e-14, np.float32: 1e-5}[dtype]
    for name in FIELDS:
        assert_allclose(getattr(found, name), expected[name], rtol=1e-14, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), [(50, 3), (700, 45), (9000, 3), (300, 260)])
def test_large_mean_costs_no_digits(n, p, weighted):
    """Mean 1e8, spread 1: the data carry 8 digits of the spread, and all of them must survive."""
    random = np.random.default_rng(3)
    X = 1e8 * np.linspace(-1, 1, p) + random.standard_normal((n, p))
    y = 1e8 + random.standard_normal(n)
    weight = random.uniform(0.1, 2, n) if weighted else None
    found, expected = _core.moments(X, y, weight), squared.moments(X, y, weight)
    assert_allclose(found.x_mean, expected["x_mean"], rtol=1e-15, atol=1e-15)
    for name in ("xx", "xy", "yy"):
        assert_allclose(getattr(found, name), expected[name], rtol=0, atol=1e-12 * n, err_msg=name)


@pytest.mark.parametrize("far", [1e4, 1e8])
@pytest.mark.parametrize(("n", "p"), [(60, 3), (9000, 3), (300, 260)])
def test_rows_without_weight_do_not_spoil_the_shift(n, p, far):
    random = np.random.default_rng(4)
    X, y, weight = random.standard_normal((n, p)), random.standard_normal(n), np.ones(n)
    weight[::2] = 0
    X[::2] = far * (1 + X[::2])
    found, expected = _core.moments(X, y, weight), squared.moments(X[1::2], y[1::2])
    for name in FIELDS:
        assert_allclose(getattr(found, name), expected[name], rtol=0, atol=1e-12 * n, err_msg=name)


@every_dtype
def test_recent_rows_weigh_most(dtype):
    """Weights that decay with time, and a column of time: the plain mean is hundreds of spreads away."""
    n = 60_000
    time, random = np.arange(n, dtype=dtype), np.random.default_rng(5)
    X = np.column_stack([time, random.standard_normal(n)]).astype(dtype)
    weight = np.exp((time - n) / 100).astype(dtype)
    y = random.standard_normal(n).astype(dtype)
    found, expected = _core.moments(X, y, weight), squared.moments(X, y, weight)
    spread = np.sqrt(np.diagonal(expected["xx"]))
    tolerance = {np.float64: 1e-12, np.float32: 1e-4}[dtype]
    assert np.abs((found.xx - expected["xx"]) / np.outer(spread, spread)).max() < tolerance


@pytest.mark.parametrize("mean", [1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("storage", ["csr32", "csr64"])
def test_sparse_columns_without_zeros_may_have_a_mean(storage, mean):
    random = np.random.default_rng(6)
    X = random.standard_normal((500, 4))
    X[:, 2:] *= random.random((500, 2)) < 0.3
    X[:, :2] += mean
    y = random.standard_normal(500)
    found, expected = _core.moments(SPARSE[storage](X), y), squared.moments(X, y)
    for name in ("xx", "xy", "yy"):
        assert_allclose(getattr(found, name), expected[name], rtol=0, atol=1e-10 * 500, err_msg=name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("p", [3, 45, 260])
@every_dtype
def test_not_finite_is_seen_wherever_it_stands(dtype, p, bad):
    X, Y, weight = whole_numbers(300, p, 2, dtype, seed=7)
    assert _core.moments(X, Y, weight).finite
    for centre in (True, False):
        for i, j in ((0, 0), (299, p - 1), (137, p // 2), (255, 1)):
            spoiled = X.copy()
            spoiled[i, j] = bad
            assert not _core.moments(spoiled, Y, centre=centre).finite
            assert not _core.moments(spoiled, Y, np.zeros_like(weight) + (np.arange(300) != i), centre).finite
            assert not _core.moments(SPARSE["csr32"](spoiled), Y, centre=centre).finite
            spoiled = Y.copy()
            spoiled[i, j % 2] = bad
            assert not _core.moments(X, spoiled, weight + 1, centre).finite
        spoiled = weight.copy()
        spoiled[200] = bad
        assert not _core.moments(X, Y, spoiled).finite


def test_what_does_not_fit_together_raises():
    X, y = np.ones((5, 2)), np.ones(5)
    with pytest.raises(ValueError, match="as many rows"):
        _core.moments(X, np.ones(4))
    with pytest.raises(ValueError, match="as many elements"):
        _core.moments(X, y, np.ones(4))
    with pytest.raises(ValueError, match="one dimension"):
        _core.moments(X, y, np.ones((5, 1)))
    with pytest.raises(ValueError, match="one or two dimensions"):
        _core.moments(X, np.ones((5, 1, 1)))
    for wrong in (y.astype(np.float32), y.astype(int), y.astype(y.dtype.newbyteorder())):
        with pytest.raises(TypeError, match="dtype of X"):
            _core.moments(X, wrong)
        with pytest.raises(TypeError, match="dtype of X"):
            _core.moments(X, y, wrong)


def test_moments_from_elsewhere_must_agree_in_shape():
    with pytest.raises(ValueError, match="do not agree"):
        _core.Moments(1.0, np.zeros(2), np.zeros(1), np.zeros((3, 3)), np.zeros((2, 1)), np.zeros(1))
