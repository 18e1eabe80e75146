"""Losses on blocks of rows, and the functions below them, against slow twins; CI runs this file at every level."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
from reference import multinomial
from registry import STORAGES

from mlcraft import _core
from mlcraft._engine.losses import LOSSES, NON_SMOOTH

DTYPES = [np.float64, np.float32]
#: Largest eta at which everything must be finite, by dtype.
FAR = {np.float64: 700.0, np.float32: 80.0}
#: delta, epsilon or quantile: exact in both dtypes.
EPSILON = 0.25
CLASSES = ("squared_hinge", "hinge", "modified_huber")  # with y in {-1, 1}
SCALAR_LOSSES = [name for name in LOSSES if name != "multinomial"]


def twin(name):
    """Value, gradient and hessian of a scalar loss by eta, from tests/reference."""
    if name == "squared":
        return (lambda y, eta, _: (y - eta) ** 2 / 2), (lambda y, eta, _: eta - y), (lambda y, eta, _: 1.0 + 0 * eta)
    module = importlib.import_module(f"reference.{name}")
    return module.value, module.gradient, getattr(module, "hessian", None)


def case(name, dtype, n, far=3.0, seed=0):
    rng = np.random.default_rng(seed)
    eta = (far * rng.standard_normal(n)).astype(dtype)
    if name == "logistic":
        y = np.where(rng.random(n) < 0.2, rng.random(n), rng.integers(0, 2, n))
    elif name in CLASSES:
        y = rng.choice([-1.0, 1.0], n)
    elif name == "poisson":
        y, eta = rng.poisson(np.exp(0.5 * eta)).astype(float), eta / dtype(2)
    else:
        y = far * rng.standard_normal(n)
    return y.astype(dtype), eta, rng.uniform(0, 2, n).astype(dtype)


def strided(values, stride):
    """The same values, every `stride`-th element of a longer array (backwards where it is negative)."""
    wide = np.full(len(values) * abs(stride), np.nan, dtype=values.dtype)
    view = wide[::stride]
    view[:] = values
    return view


# exp and log1p


def grid(function, dtype):
    """Arguments over the whole domain, dense where the reduction changes its branch."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(1)
    tiny = np.geomspace(info.tiny, 1e-3, 2_000)
    if function == "exp":
        low, high = np.log(info.tiny), np.log(info.max)
        parts = [np.linspace(low, high, 200_001)[:-1], rng.uniform(-2, 2, 100_000), tiny, -tiny]
        halves = (np.arange(-100, 100) + 0.5) * np.log(2)
        parts += [halves * (1 + k * info.eps) for k in (-2, 0, 2)]
    else:
        huge = np.geomspace(1e-6, float(info.max) / 2, 100_000)
        near = 1 - np.geomspace(info.eps, 1, 20_000)
        parts = [huge, -near[near < 1], rng.uniform(-0.99, 3, 200_000), tiny, -tiny, 2.0 ** np.arange(1, 50) - 1]
        parts += [np.array([np.sqrt(2) - 1, np.sqrt(0.5) - 1]) * (1 + k * info.eps) for k in range(-3, 4)]
    x = np.concatenate(parts).astype(dtype)
    return x[x > -1] if function == "log1p" else x[(x >= low) & (x <= high)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", ["exp", "log1p"])
def test_two_units_in_the_last_place(function, dtype):
    wide = np.longdouble if dtype == np.float64 else np.float64
    if np.finfo(wide).eps > np.finfo(dtype).eps / 100:
        pytest.skip("no wider floats here")
    x = grid(function, dtype)
    expected = getattr(np, function)(x.astype(wide))
    normal = np.abs(expected) >= np.finfo(dtype).tiny
    assert normal.mean() > 0.9
    x, expected = x[normal & (expected <= np.finfo(dtype).max)], expected[normal & (expected <= np.finfo(dtype).max)]
    found = _core.elementwise(function, x)
    assert found.dtype == dtype
    unit = np.spacing(np.abs(expected).astype(dtype)).astype(wide)
    error = np.abs(found.astype(wide) - expected) / unit
    assert error.max() < 2, (x[error.argmax()], float(error.max()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_ends_of_the_domain(dtype):
    info = np.finfo(dtype)
    x = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 2 * np.log(info.max), 2 * np.log(info.tiny)], dtype=dtype)
    np.testing.assert_array_equal(_core.elementwise("exp", x), np.array([np.nan, np.inf, 0, 1, 1, np.inf, 0], dtype))
    x = np.array([np.nan, np.inf, -np.inf, 0, -1, -1.5, info.tiny / 4, -info.tiny / 4], dtype=dtype)
    expected = np.array([np.nan, np.inf, np.nan, 0, -np.inf, np.nan, info.tiny / 4, -info.tiny / 4], dtype=dtype)
    np.testing.assert_array_equal(_core.elementwise("log1p", x), expected)


# losses


@pytest.mark.parametrize("scalar", [False, True], ids=["vectors", "scalar"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCALAR_LOSSES)
@pytest.mark.parametrize(("n", "stride"), [(1, 1), (7, 1), (64, 1), (203, 1), (203, 3), (1_201, -2)])
def test_loss_agrees_with_its_twin(name, dtype, weighted, scalar, n, stride):
    y, eta, weight = case(name, dtype, n)
    given = strided(weight, stride) if weighted else None
    factor = weight.astype(float) if weighted else np.ones(n)
    value, gradient, hessian = (
        None if f is None else factor * f(y.astype(float), eta.astype(float), EPSILON) for f in twin(name)
    )
    size = factor * (1 + np.abs(y) + np.abs(eta) + (np.exp(eta) if name == "poisson" else 0)).astype(float)
    eps = float(np.finfo(dtype).eps)
    for hess in (False, True)[: 1 if name in NON_SMOOTH else 2]:
        sums, found, curvature = _core.loss_rows(name, strided(y, stride), eta, given, EPSILON, hess, scalar)
        assert np.all(np.abs(found - gradient) <= 8 * eps * size)
        assert sums[0] == pytest.approx(value.sum(), abs=8 * eps * (size**2).sum())
        assert sums[1] == pytest.approx(gradient.sum(), abs=8 * eps * size.sum())
        assert sums[2] == pytest.approx(factor.sum(), rel=8 * eps)
        if hess:
            np.testing.assert_allclose(curvature, hessian, rtol=8 * eps, atol=eps)
        else:
            assert curvature is None


@pytest.mark.parametrize("name", SCALAR_LOSSES)
def test_derivatives_are_those_of_the_value(name):
    y, eta, _ = case(name, np.float64, 300)
    step = 1e-5

    def values(at):
        return np.array(
            [_core.loss_rows(name, y[i : i + 1], at[i : i + 1], None, EPSILON)[0][0] for i in range(len(y))]
        )

    kinks = {"logistic": 0, "squared": 0, "poisson": 0}.get(name, 3)  # at most so many rows within a step of one
    _, gradient, curvature = _core.loss_rows(name, y, eta, None, EPSILON, name not in NON_SMOOTH)
    slope = (values(eta + step) - values(eta - step)) / (2 * step)
    off = np.abs(slope - gradient) > 1e-6 * (1 + np.abs(gradient))
    assert off.sum() <= (kinks if name in NON_SMOOTH else 0)
    if name in NON_SMOOTH:
        return
    above, below = (_core.loss_rows(name, y, eta + side * step, None, EPSILON)[1] for side in (1, -1))
    off = np.abs((above - below) / (2 * step) - curvature) > 1e-6 * (1 + curvature)
    assert off.sum() <= kinks


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCALAR_LOSSES)
def test_far_out_everything_is_finite(name, dtype):
    far = FAR[dtype]
    beyond = [] if name == "poisson" else [-1e4, 1e4, -1e30, 1e30]  # exp(eta) overflows there
    eta = np.concatenate([np.linspace(-far, far, 301), beyond]).astype(dtype)
    for target in (0.0, 1.0) if name in ("logistic", "poisson") else (-1.0, 1.0):
        y = np.full(len(eta), target, dtype=dtype)
        smooth = name not in NON_SMOOTH
        sums, _, _ = _core.loss_rows(name, y[:301], eta[:301], None, EPSILON, smooth)
        assert np.all(np.isfinite(sums))
        _, gradient, hess = _core.loss_rows(name, y, eta, None, EPSILON, smooth)
        assert np.all(np.isfinite(gradient))
        assert hess is None or np.all(np.isfinite(hess))


@pytest.mark.parametrize("scalar", [False, True], ids=["vectors", "scalar"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_poisson_beyond_its_domain(dtype, scalar):
    """Infinite, and not a number that looks like one."""
    eta = np.array([2 * FAR[dtype], -2 * FAR[dtype], 1e30, -1e30], dtype=dtype)
    sums, gradient, hess = _core.loss_rows("poisson", np.ones(4, dtype), eta, None, 0.0, True, scalar)
    np.testing.assert_array_equal(gradient, [np.inf, -1, np.inf, -1])
    np.testing.assert_array_equal(hess, [np.inf, 0, np.inf, 0])
    assert sums[0] == np.inf


#: eta at and beside the kinks, for y = 1 and the parameter 0.25; value, gradient, hessian where there is one.
KINKS = {
    "hinge": ([0.5, 1.0, 1.5], [0.5, 0, 0], [-1, 0, 0], None),
    "squared_hinge": ([0.5, 1.0, 1.5], [0.25, 0, 0], [-1, 0, 0], [2, 0, 0]),
    "modified_huber": ([-2, -1.0, 0.5, 1.0], [8, 4, 0.25, 0], [-4, -4, -1, 0], [0, 2, 2, 0]),
    "huber": ([0.5, 0.75, 1.0, 1.25], [0.09375, 0.03125, 0, 0.03125], [-0.25, -0.25, 0, 0.25], [0, 1, 1, 1]),
    "epsilon_insensitive": ([0.5, 0.75, 1.0, 1.25, 1.5], [0.25, 0, 0, 0, 0.25], [-1, 0, 0, 0, 1], None),
    "squared_epsilon_insensitive": ([0.5, 0.75, 1.5], [0.0625, 0, 0.0625], [-0.5, 0, 0.5], [2, 0, 2]),
    "quantile": ([0.0, 1.0, 2.0], [0.25, 0, 0.75], [-0.25, 0, 0.75], None),
}


@pytest.mark.parametrize("scalar", [False, True], ids=["vectors", "scalar"])
@pytest.mark.parametrize("name", KINKS)
def test_at_the_kinks(name, scalar):
    eta, value, gradient, hessian = KINKS[name]
    eta = np.array(eta)
    sums, found, hess = _core.loss_rows(name, np.ones(len(eta)), eta, None, EPSILON, hessian is not None, scalar)
    np.testing.assert_array_equal(found, gradient)
    assert sums[0] == sum(value)
    if hessian is not None:
        np.testing.assert_array_equal(hess, hessian)
    for f, expected in zip(twin(name), (value, gradient, hessian), strict=True):
        if f is not None:
            np.testing.assert_array_equal(f(1.0, eta, EPSILON), expected)


@pytest.mark.parametrize("name", NON_SMOOTH)
def test_no_hessian_where_there_is_none(name):
    with pytest.raises(ValueError, match="has no hessian"):
        _core.loss_rows(name, np.ones(3), np.ones(3), None, EPSILON, True)


@pytest.mark.parametrize("scalar", [False, True], ids=["vectors", "scalar"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_logistic_keeps_its_digits_where_it_vanishes(dtype, scalar):
    """Value and gradient of a well classified row are tiny, and right to all digits."""
    for margin in np.linspace(1, FAR[dtype], 40).astype(dtype):
        expected = np.log1p(np.exp(-margin.astype(np.longdouble)))
        slope = 1 / (1 + np.exp(margin.astype(np.longdouble)))
        for target, sign in ((0, 1), (1, -1)):
            y, eta = np.array([target], dtype=dtype), np.array([-sign * margin], dtype=dtype)
            sums, gradient, hess = _core.loss_rows("logistic", y, eta, None, 0.0, True, scalar)
            tolerance = {"rel": 6 * float(np.finfo(dtype).eps), "abs": 0.0}
            assert sums[0] == pytest.approx(float(expected), **tolerance)
            assert gradient[0] == pytest.approx(float(sign * slope), **tolerance)
            assert hess[0] == pytest.approx(float(slope * (1 - slope)), **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCALAR_LOSSES)
def test_what_is_not_a_number_is_not_hidden(name, dtype):
    y, eta, weight = case(name, dtype, 100)
    for place in (3, 99):
        for values in (y, eta, weight):
            kept = values[place]
            values[place] = np.nan
            sums, gradient, _ = _core.loss_rows(name, y, eta, weight, EPSILON, name not in NON_SMOOTH)
            assert np.isnan(sums[0])
            assert np.isnan(gradient[place])
            assert np.isnan(gradient).sum() == 1
            values[place] = kept


# the multinomial loss


def multinomial_case(dtype, n, classes, far=3.0):
    rng = np.random.default_rng(n + classes)
    eta = (far * rng.standard_normal((classes, n))).astype(dtype)
    eta[:, ::7] = eta[:1, ::7]  # ties
    return rng.integers(0, classes, n).astype(dtype), eta, rng.uniform(0, 2, n).astype(dtype)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [2, 3, 11])
@pytest.mark.parametrize(("n", "stride"), [(1, 1), (7, 1), (64, 1), (203, 3), (1_201, -2)])
def test_multinomial_agrees_with_its_twin(dtype, weighted, classes, n, stride):
    y, eta, weight = multinomial_case(dtype, n, classes)
    given = strided(weight, stride) if weighted else None
    factor = weight.astype(float) if weighted else np.ones(n)
    eps = float(np.finfo(dtype).eps)
    for shares in (False, True):
        sums, gradient, share = _core.loss_rows("multinomial", strided(y, stride), eta, given, 0.0, shares)
        assert sums[0] == pytest.approx(factor @ multinomial.value(y, eta.astype(float)), rel=20 * eps)
        assert sums[2] == pytest.approx(factor.sum(), rel=8 * eps)
        np.testing.assert_allclose(gradient, factor * multinomial.gradient(y, eta.astype(float)), atol=16 * eps)
        if shares:
            np.testing.assert_allclose(share, multinomial.mean(eta.astype(float)), rtol=32 * eps)
        else:
            assert share is None


def test_multinomial_derivatives():
    """Of the value and of the gradient, by differences, for the kernel and for the hessian of its twin."""
    y, eta, _ = multinomial_case(np.float64, 40, 4)
    step = 1e-5

    def rows(at):
        values = [_core.loss_rows("multinomial", y[i : i + 1], at[:, i : i + 1])[0][0] for i in range(len(y))]
        return np.array(values), _core.loss_rows("multinomial", y, at)[1]

    hessian = multinomial.hessian(y, eta)
    for k in range(len(eta)):
        move = step * (np.arange(len(eta)) == k)[:, np.newaxis]
        (above, slope_above), (below, slope_below) = rows(eta + move), rows(eta - move)
        np.testing.assert_allclose((above - below) / (2 * step), rows(eta)[1][k], atol=1e-8)
        np.testing.assert_allclose((slope_above - slope_below) / (2 * step), hessian[k], atol=1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_multinomial_far_out(dtype):
    """Finite everywhere; two classes are the logistic loss, to all digits also where it vanishes."""
    far = FAR[dtype]
    eta = np.zeros((2, 801), dtype=dtype)
    eta[1] = np.linspace(-far, far, 801)
    for target in (0, 1):
        y = np.full(801, target, dtype=dtype)
        _, expected, _ = _core.loss_rows("logistic", y, eta[1])
        sums, found, share = _core.loss_rows("multinomial", y, eta, None, 0.0, True)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(found[1], expected, rtol=8 * eps)
        np.testing.assert_allclose(found[0], -expected, rtol=8 * eps)
        assert np.isfinite(sums[0])
        np.testing.assert_allclose(share.sum(axis=0), 1, rtol=4 * eps)
    values = [_core.loss_rows("multinomial", y[:1], eta[:, i : i + 1])[0][0] for i in (500, 800)]
    expected = np.log1p(np.exp(-eta[1, [500, 800]].astype(float)))
    np.testing.assert_allclose(values, expected, rtol=8 * np.finfo(dtype).eps)
    huge = np.array([[1e30], [-1e30], [0]], dtype=dtype)
    assert np.all(np.isfinite(_core.loss_rows("multinomial", y[:1], huge)[1]))
    huge[1] = np.nan
    assert np.all(np.isnan(_core.loss_rows("multinomial", y[:1], huge)[1]))


# products with many right-hand sides


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("storage", [name for name in STORAGES if not name.startswith("csc")])
@pytest.mark.parametrize(("n", "p"), [(1, 1), (3, 2), (9, 5), (40, 17), (67, 3), (21, 300), (130, 64)])
def test_many_products_at_once(storage, dtype, n, p):
    """Exact on whole numbers, for every size of the last group of right-hand sides."""
    rng = np.random.default_rng(n)
    X = (rng.integers(-3, 4, (n, p)) * (rng.random((n, p)) < 0.7)).astype(dtype)
    matrix = _core.Matrix(STORAGES[storage](X))
    for K in (1, 2, 3, 4, 5, 6, 7, 10, 13):
        v, r = rng.integers(-3, 4, (K, p)).astype(float), rng.integers(-3, 4, (K, n)).astype(float)
        for begin, end in ((0, n), (n // 3, n - n // 4)):
            eta, gradient = matrix.products(v, r[:, begin:end], begin, end)
            np.testing.assert_array_equal(eta[:, : end - begin], v @ X[begin:end].T)
            np.testing.assert_array_equal(eta[:, end - begin :], 0)
            np.testing.assert_array_equal(gradient, r[:, begin:end] @ X[begin:end])


@pytest.mark.parametrize("level", [level for level in _core.simd_levels if level != _core.simd_level])
def test_at_every_level(level):
    """This file again at each instruction set of the machine."""
    if "MLCRAFT_SIMD" in os.environ:
        pytest.skip("a level is chosen already")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-k",
        "not every_level",
        __file__,
    ]
    done = subprocess.run(
        command, env=os.environ | {"MLCRAFT_SIMD": level}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:]
