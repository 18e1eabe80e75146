"""The fused pass over X: value and gradient against textbook NumPy and finite differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import squared
from registry import DENSE, DTYPES, SPARSE, values

from mlcraft import _core

ROWS = (1, 2, 63, 64, 65, 511, 512, 513, 4096, 8192, 9000)
CSR = {name: make for name, make in SPARSE.items() if name.startswith("csr")}
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


def fused_pass(X, y, coef, intercept=0.0, weight=None, loss="squared"):
    """Mean loss, its gradient by coef and by the intercept."""
    point = np.append(coef, intercept)[None]
    value, _, gradient = _core.at_point(X, (y, weight, None), point, (loss, 0.0, (0, 0), False))
    return value, gradient[0, :-1], gradient[0, -1]


def problem(n=400, p=6, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * 10.0 ** np.linspace(-2, 2, p) + np.arange(p)
    y = X @ (np.linspace(1, -1, p) / X.std(axis=0)) + random.standard_normal(n) + 4
    return X, y, random.uniform(0, 2, n)


# ---------------------------------------------------------------- one pass


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), [(n, p) for n in ROWS for p in (1, 7)] + [(300, 40), (65, 300), (40, 700)])
@pytest.mark.parametrize("storage", ["c", "f", "every_other", "csr32", "csr64"])
@every_dtype
def test_pass_on_whole_numbers_is_exact(storage, n, p, weighted, dtype):
    """Residuals, values and gradients are whole numbers that both dtypes hold."""
    X = values((n, p), dtype, seed=n)
    random = np.random.default_rng(n + p)
    # few columns count, and few values differ, so that sums over a block stay below 2^24
    coef = np.where(np.arange(p) % max(1, p // 5) == 0, random.integers(-2, 3, p), 0).astype(float)
    y, weight = random.integers(-4, 5, n).astype(dtype), random.integers(0, 3, n).astype(dtype)
    weight[0] = 1
    w = weight if weighted else None
    value, gradient, constant = fused_pass((DENSE | SPARSE)[storage](X), y, coef, 2.0, w)
    residual = X.astype(float) @ coef + 2 - y
    scaled = residual * (weight if weighted else 1)
    total = weight.sum(dtype=float) if weighted else n
    assert_allclose(value, scaled @ residual / 2 / total, rtol=1e-14)
    assert_allclose(gradient, X.T.astype(float) @ scaled / total, rtol=1e-14, atol=1e-13)
    assert_allclose(constant, scaled.sum() / total, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", DENSE | CSR)
@every_dtype
def test_pass_equals_the_twin(storage, weighted, dtype):
    X, y, weight = (a.astype(dtype) for a in problem())
    w = weight if weighted else None
    coef = np.linspace(-1, 1, 6)
    found = fused_pass((DENSE | CSR)[storage](X), y, coef, 0.5, w)
    expected = squared.value_and_gradient(X, y, coef, 0.5, w)
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours, theirs, rtol={np.float64: 1e-12, np.float32: 2e-5}[dtype], err_msg=storage)


@pytest.mark.parametrize("storage", ["c", "f", "csr32"])
def test_gradient_is_the_slope_of_the_value(storage):
    X, y, weight = problem(n=60)
    X, coef, step = (DENSE | CSR)[storage](X), np.linspace(-1, 1, 6), 1e-4
    _, gradient, constant = fused_pass(X, y, coef, 0.5, weight)

    def value(coef, intercept):
        return fused_pass(X, y, coef, intercept, weight)[0]

    for j in range(6):
        move = step * (np.arange(6) == j)
        slope = (value(coef + move, 0.5) - value(coef - move, 0.5)) / (2 * step)  # exact for a parabola
        assert_allclose(slope, gradient[j], rtol=1e-6, atol=1e-6)
    assert_allclose((value(coef, 0.5 + step) - value(coef, 0.5 - step)) / (2 * step), constant, rtol=1e-6)


def test_pass_checks_its_arguments():
    X, y = np.ones((5, 2)), np.ones(5)
    with pytest.raises(ValueError, match="loss"):
        fused_pass(X, y, np.ones(2), loss="cubed")
    with pytest.raises(ValueError, match="number for each column"):
        fused_pass(X, y, np.ones(3))
    with pytest.raises(ValueError, match="rows"):
        fused_pass(X, np.ones(4), np.ones(2))
    with pytest.raises(ValueError, match="sample_weight"):
        fused_pass(X, y, np.ones(2), 0.0, np.ones(4))
    with pytest.raises(TypeError, match="dtype of X"):
        fused_pass(X, y.astype(np.float32), np.ones(2))
    with pytest.raises((TypeError, AttributeError)):
        fused_pass([[1.0, 2.0]], y, np.ones(2))
