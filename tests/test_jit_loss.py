"""Losses written in Python: against the built-in ones, their derivatives, and what is said of wrong ones."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest

pytest.importorskip("numba")

from mlcraft import _core, jit
from mlcraft.jit import _derive, _generated

DELTA = 1.35


def softened(u):
    return math.sqrt(1.0 + u * u) - 1.0


def sloped(y, eta):
    inside = abs(y - eta) < DELTA
    if inside:
        return 0.5 * (y - eta) ** 2
    return DELTA * (abs(y - eta) - 0.5 * DELTA)


def two_sided(y, eta, quantile):
    r = y - eta
    return quantile * r if r > 0 else (quantile - 1.0) * r


# name: function, options, built-in name, its parameter, targets
FUNCTIONS = {
    "squared": (lambda y, eta: 0.5 * (y - eta) ** 2, {}, "squared", 0.0, None),
    "logistic": (
        lambda y, eta: max(eta, 0.0) - y * eta + math.log1p(math.exp(-abs(eta))),
        {},
        "logistic",
        0.0,
        (0.0, 1.0),
    ),
    "softplus": (lambda y, eta: jit.softplus(eta) - y * eta, {}, "logistic", 0.0, (0.0, 1.0)),
    "squared_hinge": (lambda y, eta: max(0.0, 1.0 - y * eta) ** 2, {}, "squared_hinge", 0.0, (-1.0, 1.0)),
    "tube": (
        lambda y, eta, epsilon: np.maximum(0.0, np.abs(y - eta) - epsilon) ** 2,
        {"parameter": 0.3},
        "squared_epsilon_insensitive",
        0.3,
        None,
    ),
}
LATER = {  # losses of the core that came with this file
    "huber": (sloped, {}, "huber", DELTA, None),
    "poisson": (lambda y, eta: math.exp(eta) - y * eta, {}, "poisson", 0.0, (0.0, 1.0, 4.0)),
    "quantile": (two_sided, {"parameter": 0.3}, "quantile", 0.3, None),
}


IN_SINGLE = ("softplus", "tube", "huber")  # each takes a second


@pytest.fixture(scope="module")
def losses():
    made = {}

    def make(name):
        if name not in made:
            function, options, *_ = {**FUNCTIONS, **LATER}[name]
            made[name] = jit.loss(name=name, **options)(function)
        return made[name]

    return make


def rows(name, dtype, n=700):
    rng = np.random.default_rng(3)
    targets = {**FUNCTIONS, **LATER}[name][4]
    y = rng.standard_normal(n) if targets is None else rng.choice(targets, n)
    eta = 3 * rng.standard_normal(n)
    eta[:9] = [0, 0, 0, 1.5, -1.5, 20, -20, 0.5, -0.5]
    return y.astype(dtype), eta.astype(dtype), rng.uniform(0, 2, n).astype(dtype)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [*FUNCTIONS, *LATER])
def test_written_in_python_is_the_built_in(losses, name, dtype, weighted):
    _, _, built_in, parameter, _ = {**FUNCTIONS, **LATER}[name]
    if dtype == np.float32 and name not in IN_SINGLE:
        pytest.skip("not compiled in single precision here")
    y, eta, weight = rows(name, dtype)
    weight = weight if weighted else None
    smooth = built_in != "quantile"
    try:
        expected, gradient, hessian = _core.loss_rows(built_in, y, eta, weight, parameter, smooth)
    except ValueError:
        pytest.skip(f"the core has no loss {built_in!r} yet")
    sums, found, curvature = losses(name).rows(y, eta, weight)
    rtol = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(sums, expected, rtol=rtol, atol=rtol * len(y))
    np.testing.assert_allclose(found, gradient, rtol=rtol, atol=rtol)
    if smooth:
        np.testing.assert_allclose(curvature, hessian, rtol=rtol, atol=rtol)
    assert losses(name).derivatives == "symbolic"
    assert losses(name).smooth == losses(name).has_hessian == smooth


def test_a_null_hessian_and_added_sums(losses):
    y, eta, _ = rows("logistic", np.float64)
    expected, gradient, _ = losses("logistic").rows(y, eta)
    pointer = ctypes.c_void_p
    call = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[pointer] * 5)(losses("logistic").address64)
    sums, out = np.array([1.0, 2.0, 3.0]), eta.copy()
    call(len(y), y.ctypes.data, None, out.ctypes.data, None, sums.ctypes.data)
    np.testing.assert_allclose(sums - [1, 2, 3], expected, rtol=1e-12)
    np.testing.assert_array_equal(out, gradient)
    call(0, None, None, None, None, sums.ctypes.data)  # no rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["logistic", "softplus", "squared_hinge", "poisson", "tube"])
def test_nan_is_not_hidden(losses, name, dtype):
    if dtype == np.float32 and name not in IN_SINGLE:
        pytest.skip("not compiled in single precision here")
    _, gradient, _ = losses(name).rows(np.array([1.0, 1.0, np.nan], dtype=dtype), [0.5, np.nan, 0.5])
    assert np.isnan(gradient).tolist() == [False, True, True]


# derivatives


SMOOTH_PIECES = {
    "ratio": lambda y, eta: (eta * eta + 1.0) / (2.0 + math.tanh(eta)) - y,
    "powers": lambda y, eta: (1.5 + eta * eta) ** 1.7 + (2.0 + eta**2) ** -2 + 2.0**eta + (1.5 + eta**2) ** (0.1 * eta),
    "circle": lambda y, eta: math.sin(eta) * math.cos(2 * eta) + math.atan(eta) + math.erf(eta) + math.cosh(0.3 * eta),
    "logs": lambda y, eta: math.log(2 + eta**2) + math.log2(3 + eta**2) + math.log10(4 + eta**2) + math.log1p(eta**2),
    "jit": lambda y, eta: jit.expit(eta) + jit.softplus(2 * eta) + jit.expm1(-0.5 * eta) + jit.tanh(eta / 3),
    "numpy": lambda y, eta: np.where(eta > y, np.square(eta - y), (eta - y) ** 2) + np.sqrt(1 + eta**2) + np.sinh(eta),
    "helper": lambda y, eta: softened(y - eta) + softened(2.0),
    "chain": lambda y, eta: min(max(eta, -40.0), 40.0) ** 2 + (1.0 if -50 < eta <= 50 and not y > 9 else 0.0),
}


def jets(function, y, eta):
    """The derived lines, run as Python in extended precision."""
    helpers = {}
    lines = _derive.write(function, "rows", [["y", 0.0, 0.0], ["eta", 1.0, 0.0]], 2, helpers)
    space = {
        "math": _LongMath, "inline": lambda f: f, "abs": abs, "nan": math.nan, "inf": math.inf,
        "exp_": np.exp, "expm1_": np.expm1, "log_": np.log, "log1p_": np.log1p, "sqrt_": np.sqrt, "tanh_": np.tanh,
    }  # fmt: skip
    exec("\n".join([line for written in helpers.values() for line in written] + lines), space)
    return space["rows"](np.longdouble(y), np.longdouble(eta))


class _LongMath:
    sin, cos, tan, atan, sinh, cosh = np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh
    pow, floor, ceil = np.power, np.floor, np.ceil
    erf, erfc = math.erf, math.erfc


@pytest.mark.parametrize("name", SMOOTH_PIECES)
def test_derivatives_are_exact(name):
    """Against central differences of the value in extended precision."""
    step = np.longdouble(2.0) ** -9
    for eta in (-2.3, -0.7, 0.0, 0.4, 1.9):
        value, first, second = jets(SMOOTH_PIECES[name], 0.3, eta)
        assert float(value) == pytest.approx(SMOOTH_PIECES[name](0.3, eta), rel=1e-14)
        at = {k: jets(SMOOTH_PIECES[name], 0.3, eta + k * step)[0] for k in range(-3, 4)}
        slope = (45 * (at[1] - at[-1]) - 9 * (at[2] - at[-2]) + (at[3] - at[-3])) / (60 * step)
        bend = (270 * (at[1] + at[-1]) - 27 * (at[2] + at[-2]) + 2 * (at[3] + at[-3]) - 490 * at[0]) / (180 * step**2)
        accurate = name != "circle"  # erf is a double
        assert float(first) == pytest.approx(float(slope), rel=1e-11, abs=1e-12 if accurate else 1e-11)
        assert float(second) == pytest.approx(float(bend), rel=1e-9, abs=1e-9 if accurate else 1e-6)


def test_derivatives_at_the_kinks_of_the_pieces_are_those_of_the_whole():
    """At eta = 0 of a logistic loss made of max, abs and branches, whichever way round they are written."""
    variants = [
        lambda y, eta: max(eta, 0.0) - y * eta + math.log1p(math.exp(-abs(eta))),
        lambda y, eta: max(0.0, eta) - y * eta + math.log1p(math.exp(-abs(-eta))),
        lambda y, eta: (eta if eta > 0 else 0.0) - y * eta + math.log1p(math.exp(-abs(eta))),
        lambda y, eta: (0.0 if eta < 0 else eta) - y * eta + math.log1p(math.exp(min(eta, -eta))),
        lambda y, eta: -min(-eta, 0.0) - y * eta + math.log1p(math.exp(eta if eta <= 0 else -eta)),
    ]
    for function in variants:
        for y in (0.0, 1.0):
            _, first, second = jets(function, y, 0.0)
            assert float(first) == pytest.approx(0.5 - y, abs=1e-15)
            assert float(second) == pytest.approx(0.25, abs=1e-15)


def test_differences_where_the_source_cannot_be_read():
    def counted(y, eta):
        total = 0.0
        for k in range(3):
            total += math.cosh((eta - y) / (k + 2))
        return total

    made = jit.loss(y=[0.0, 1.0], eta=[-2.0, 0.0, 2.0])(counted)
    assert made.derivatives == "differences"
    assert "for" in made.reason
    y, eta = np.zeros(41), np.linspace(-2, 2, 41)
    _, gradient, hessian = made.rows(y, eta)
    np.testing.assert_allclose(gradient, sum(np.sinh(eta / k) / k for k in (2, 3, 4)), atol=1e-12)
    np.testing.assert_allclose(hessian, sum(np.cosh(eta / k) / k**2 for k in (2, 3, 4)), atol=3e-11)


def test_given_derivatives_are_used(losses):
    made = jit.loss(
        gradient=lambda y, eta: jit.expit(eta) - y, hessian=lambda y, eta: jit.expit(eta) * jit.expit(-eta)
    )(lambda y, eta: jit.softplus(eta) - y * eta)
    assert made.derivatives == "given"
    y, eta, weight = rows("logistic", np.float64)
    for ours, theirs in zip(made.rows(y, eta, weight), losses("logistic").rows(y, eta, weight), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


# what is said of functions that cannot be used


def ratio(y, eta):
    return y / (eta - 5.1)


def fussy(y, eta):
    if y < 0.75:
        raise LookupError("no such y")
    return (y - eta) ** 2


FAULTY = {
    "gradient": ({"gradient": lambda y, eta: 2 * (y - eta)}, lambda y, eta: (y - eta) ** 2, "gradient .* is wrong at"),
    "hessian": ({"hessian": lambda y, eta: 1.0}, lambda y, eta: (y - eta) ** 2, "hessian .* is wrong at y=-1, eta=-30"),
    "nan": ({}, lambda y, eta: math.nan if eta > 1.5 else eta, r"is nan at y=2, eta=1.9\. Write"),
    "inf": ({"y": [1.0]}, lambda y, eta: math.inf * y, "is inf at y=1, eta=-30"),
    "raises": ({"y": [1.0]}, ratio, "raises ZeroDivisionError: .* at y=1, eta=5.1"),
    "own exception": ({"y": [1.0, 0.5]}, fussy, r"raises LookupError: no such y at y=0.5, eta=-30"),
    "none": ({}, lambda y, eta: None, r"returns None \(NoneType\) instead of a number at y=2, eta=-30"),
    "far": ({"y": [1.0]}, lambda y, eta: math.exp(eta * eta / 500) / np.exp(eta * eta / 500), "nan at y=1, eta=-700"),
    "text": ({}, lambda y, eta: math.fsum([y, eta]), "cannot be compiled"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTY)
def test_what_cannot_be_used_is_named(fault):
    options, function, message = FAULTY[fault]
    with pytest.raises(jit.UserFunctionError, match=message) as caught:
        jit.loss(name="mine", **options)(function)
    assert "'mine'" in str(caught.value)
    assert set(caught.value.arguments) == (set() if fault == "text" else {"y", "eta"})


def test_targets_of_a_fit_are_looked_at(losses):
    losses("logistic").check([0.0, 1.0, 1.0])
    made = jit.loss(lambda y, eta: y * eta - math.log(y) if y != 3.0 else math.nan)
    made.check([1.0, 2.0])
    with pytest.raises(jit.UserFunctionError, match="nan at y=3, eta=0"):
        made.check([1.0, 3.0])
    with pytest.raises(jit.UserFunctionError, match=r"ValueError.* at y=-1, eta=0"):
        made.check([1.0, -1.0])


def test_wrong_arguments():
    with pytest.raises(TypeError, match="give its value as parameter="):
        jit.loss(lambda y, eta, delta: y)
    with pytest.raises(TypeError, match="must take"):
        jit.loss(lambda y: y)
    with pytest.raises(TypeError, match="gradient must be a function"):
        jit.loss(gradient=1)(lambda y, eta: y)
    with pytest.raises(ValueError, match="sample_weight has shape"):
        jit.loss(lambda y, eta: (y - eta) ** 2).rows([1.0, 2.0], [1.0, 2.0], [1.0])


def test_another_parameter(losses):
    other = losses("tube").with_parameter(0.0)
    assert other.rows([1.0], [3.0])[0][0] == pytest.approx(4.0)
    assert losses("tube").rows([1.0], [3.0])[0][0] == pytest.approx(1.7**2)


def test_without_a_place_to_keep_what_was_compiled(monkeypatch):
    monkeypatch.setattr(_generated, "_folder", lambda: None)
    made = _generated.Generated([], "def block(x):\n    return exp_(x)\n")
    assert not made.kept
    import numba

    assert made.c_function("block", numba.float64(numba.float64), "it").ctypes(0.0) == 1.0


# functions of mlcraft.jit


ULP = {"exp": 2, "expm1": 3, "log": 2, "log1p": 2, "sqrt": 0.51, "tanh": 4, "expit": 4, "softplus": 4}


@pytest.mark.parametrize("name", ULP)
def test_functions_are_as_exact_as_they_say(name):
    import mpmath

    from mlcraft.jit._functions import COMPILED

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-2, 2, 400), rng.uniform(-700, 700, 200), 10.0 ** rng.uniform(-18, 2, 200)])
    x = np.concatenate([x, -x[-200:], [0.0, 1.0, -0.5, 709.7, 1e-300]])
    x = np.abs(x) if name in ("log", "sqrt") else x[x > -1] if name == "log1p" else x
    truth = {
        "expit": lambda t: 1 / (1 + mpmath.exp(-t)),
        "softplus": lambda t: mpmath.log1p(mpmath.exp(t)),
    }.get(name, getattr(mpmath, name, None))
    with mpmath.workdps(700 if name == "softplus" else 60), np.errstate(all="ignore"):
        for t in x.tolist():
            if name == "log" and t == 0:
                continue
            exact = truth(mpmath.mpf(t))
            found = COMPILED[name](t)
            if abs(exact) < 1e-306 or not math.isfinite(found):
                assert exact == 0 or abs(found - float(exact)) <= 1e-306 or abs(exact) > 1e308
                continue
            assert abs(mpmath.mpf(found) - exact) <= ULP[name] * math.ulp(float(exact)), t
            assert getattr(jit, name)(t) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("name", ["exp_", "log1p_", "expit_", "softplus_"])
def test_functions_in_single_precision(name):
    from mlcraft.jit._single import IN_SINGLE

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-2, 2, 300), rng.uniform(-86, 86, 200), 10.0 ** rng.uniform(-9, 1, 100), [0.0]])
    x = np.abs(x).astype(np.float32) if name == "log1p_" else x.astype(np.float32)
    exact = getattr(jit, name.rstrip("_"))(x.astype(np.float64))
    found = np.array([IN_SINGLE[name](t) for t in x])
    assert (found == found.astype(np.float32)).all()
    assert (np.abs(found - exact) <= 3 * np.spacing(np.abs(exact).astype(np.float32))).all()
    assert np.isnan(IN_SINGLE[name](np.float32(np.nan)))


def test_everything_in_single_precision():
    """All rules and operations in one loss."""

    def everything(y, eta):
        total = math.floor(y) * 0.0 + abs(eta) * np.sign(eta) + jit.log(2.0 + eta * eta) + math.tan(0.1 * eta)
        if y > 0.9:
            total = total + softened(eta)
        return total + 0.1 * (1.5 + eta * eta) ** 1.7 + math.erf(eta) + math.atan(eta) + jit.expm1(0.1 * eta)

    made = jit.loss(y=[0.0, 1.0], eta=[-2.0, 0.5, 2.0])(everything)
    eta, y = np.linspace(-3, 3, 61), np.arange(61) % 2
    for ours, theirs in zip(made.rows(y.astype(np.float32), eta), made.rows(y.astype(float), eta), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-5)
    assert made.rows(y.astype(np.float32), eta)[1].dtype == np.float32


def test_functions_at_the_ends():
    from mlcraft.jit._functions import COMPILED as f

    with np.errstate(all="ignore"):
        for name in ULP:
            assert math.isnan(f[name](math.nan))
        assert [f["exp"](x) for x in (-math.inf, math.inf, 710.0, -750.0)] == [0, math.inf, math.inf, 0]
        assert [f["expm1"](x) for x in (-math.inf, math.inf, 0.0)] == [-1, math.inf, 0]
        assert [f["log"](x) for x in (0.0, math.inf)] == [-math.inf, math.inf]
        assert [f["log1p"](x) for x in (-1.0, math.inf)] == [-math.inf, math.inf]
        assert math.isnan(f["log"](-1.0))
        assert math.isnan(f["log1p"](-2.0))
        assert f["log"](5e-324) == pytest.approx(math.log(5e-324), rel=1e-15)
        assert [f["tanh"](x) for x in (-math.inf, math.inf)] == [-1, 1]
        assert [f["expit"](x) for x in (-math.inf, math.inf)] == [0, 1]
        assert [f["softplus"](x) for x in (-math.inf, math.inf)] == [0, math.inf]


@pytest.mark.parametrize("power", [2.5, 3.0])
def test_a_hessian_with_a_kink_is_not_wrong(power):
    @jit.loss(parameter=power)
    def bent(y, eta, q):
        return abs(y - eta) ** q

    assert bent.smooth
    assert bent.derivatives == "symbolic"
