"""The compiled pass over the rows that influence comes from, on every storage, against NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import DTYPES, STORAGES, values

from mlcraft import _core

SHAPES = {"small": (13, 5), "one_column": (23, 1), "one_row": (1, 4), "wide": (5, 40), "blocks": (600, 70)}
ROW_STORAGES = [name for name in STORAGES if not name.startswith("csc")]


def view(p, rank=None, seed=1):
    random = np.random.default_rng(seed)
    rank = p if rank is None else rank
    root = random.standard_normal((p, rank))
    return (np.triu(root) if rank == p else root), random.standard_normal(p), random.standard_normal((3, p))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("storage", ROW_STORAGES)
def test_row_influence(storage, shape, dtype):
    X = values(SHAPES[shape], DTYPES[dtype])
    for rank in (None, 1):
        root, mean, coef = view(X.shape[1], rank)
        found = _core.row_influence(STORAGES[storage](X), root, mean, coef, "qfspd")
        d = X - mean
        u = d @ root @ root.T
        expected = [(d * u).sum(1)[:, None], d @ coef.T, (u * u).sum(1)[:, None], u @ coef.T, u]
        for got, want in zip(found, expected, strict=True):
            assert got.shape == want.shape
            assert_allclose(got, want, rtol=1e-11, atol=1e-11 * np.abs(want).max())


def test_only_what_is_asked_for():
    root, mean, coef = view(5)
    found = _core.row_influence(values((7, 5), np.float64), root, mean, coef, "f")
    assert [part is None for part in found] == [True, False, True, True, True]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("storage", ROW_STORAGES)
def test_whitened_gram(storage, shape, dtype):
    X = values(SHAPES[shape], DTYPES[dtype])
    root, mean, _ = view(X.shape[1])
    for weight in (None, np.arange(len(X)).astype(X.dtype)):
        gram, shift, total = _core.whitened_gram(STORAGES[storage](X), weight, root, mean)
        w = np.ones(len(X)) if weight is None else weight
        z = (X - mean) @ root
        assert_allclose(gram, (z.T * w) @ z, rtol=1e-11, atol=1e-11 * max(1, np.abs(z).max() ** 2 * w.sum()))
        assert_allclose(shift, w @ (X - mean), rtol=1e-11, atol=1e-11 * max(1, np.abs(X).max() * w.sum()))
        assert total == w.sum()


@pytest.mark.parametrize("storage", ROW_STORAGES)
def test_row_gram(storage):
    X = values((9, 30), np.float64)
    root_weight, mean = np.linspace(0, 2, 9), np.linspace(-1, 1, 30)
    a = root_weight[:, None] * (X - mean)
    assert_allclose(_core.row_gram(STORAGES[storage](X), root_weight, mean), a @ a.T, rtol=1e-12, atol=1e-11)


def test_bits_do_not_depend_on_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    X = np.random.default_rng(0).standard_normal((30_000, 40))
    root, mean, coef = view(40)
    results = []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(threads):
            results.append(
                (*_core.row_influence(X, root, mean, coef, "qfsp")[:4], _core.whitened_gram(X, None, root, mean)[0])
            )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"root": np.ones((4, 2))}, "root and mean"),
        ({"mean": np.ones(4)}, "root and mean"),
        ({"coef": np.ones((2, 4))}, "coef does not fit"),
        ({"coef": np.ones(5)}, "coef does not fit"),
    ],
)
def test_wrong_shapes(change, text):
    arguments = {"root": np.ones((5, 2)), "mean": np.ones(5), "coef": np.ones((1, 5))} | change
    with pytest.raises(ValueError, match=text):
        _core.row_influence(np.ones((3, 5)), *arguments.values(), "q")
