"""The Numba twins against textbook NumPy, and the laws they promise."""

import importlib.util
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from reference import squared  # noqa: E402

from mlcraft import jit  # noqa: E402
from mlcraft.jit import _compile  # noqa: E402

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

ORDERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
}
TWINS = [(dtype, order) for dtype in (np.float64, np.float32) for order in ORDERS]


def problem(n=700, p=5, dtype=np.float64, order="C", seed=0):
    """Columns of different scales and means, integer weights with zeros among them."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * 2.0 ** np.arange(p) + np.arange(p)
    y = X @ np.linspace(1, -1, p) + random.standard_normal(n) + 3.0
    weight = random.integers(0, 4, n).astype(float)
    return ORDERS[order](X.astype(dtype)), y.astype(dtype), weight


def weighted_or_not(weight, weighted):
    return weight if weighted else None


# ---------------------------------------------------------------- fast equals naive


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "order"), TWINS)
def test_gram_equals_naive(dtype, order, weighted):
    X, _, weight = problem(dtype=dtype, order=order)
    weight = weighted_or_not(weight, weighted)
    shift = np.arange(5.0)
    for origin in (None, shift):
        gram = jit.weighted_gram(X, weight, origin)
        np.testing.assert_allclose(gram, squared.weighted_gram(X, weight, origin), rtol=1e-12, atol=1e-8)
        np.testing.assert_array_equal(gram, gram.T)
        assert gram.dtype == np.float64


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "order"), TWINS)
def test_fused_residual_equals_naive(dtype, order, weighted):
    X, y, weight = problem(dtype=dtype, order=order)
    weight = weighted_or_not(weight, weighted)
    coef = np.linspace(-2, 2, 5)
    found = jit.fused_residual(X, y, coef, 0.5, weight)
    expected = squared.value_and_gradient(X, y, coef, 0.5, weight)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "order"), TWINS)
def test_moments_equal_naive(dtype, order, weighted, fit_intercept):
    X, y, weight = problem(dtype=dtype, order=order)
    weight = weighted_or_not(weight, weighted)
    found = jit.moments(X, y, weight, fit_intercept)
    expected = squared.moments(X, y, weight, fit_intercept)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-10, err_msg=name)


def test_moments_of_many_targets():
    X, y, weight = problem()
    Y = np.column_stack([y, -2 * y, X[:, 0], np.full(len(y), 7.0)])
    found = jit.moments(X, Y, weight, True)
    expected = squared.moments(X, Y, weight)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-10, err_msg=name)
    assert found["y_mean"][3] == 7.0
    assert found["yy"][3] == 0.0


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 1024, 1025, 5000])
@pytest.mark.parametrize("p", [1, 2, 8, 9])
def test_every_block_size(n, p):
    X, y, weight = problem(n, p)
    weight[0] = 1.0
    gram = jit.weighted_gram(X, weight)
    np.testing.assert_allclose(gram, squared.weighted_gram(X, weight), rtol=1e-12, atol=1e-9 * n)
    found = jit.fused_residual(X, y, np.ones(p), 1.0, weight)
    expected = squared.value_and_gradient(X, y, np.ones(p), 1.0, weight)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-10)


def test_no_columns():
    X = np.empty((4, 0))
    assert jit.weighted_gram(X).shape == (0, 0)
    assert jit.fused_residual(X, np.ones(4), [], 0.0)[0] == 0.5
    assert jit.moments(X, np.ones(4), None, True)["xy"].shape == (0, 1)
    assert jit.gradient_descent(X, np.arange(4.0)).intercept == 1.5


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("order", ["C", "F"])
def test_gradient_is_that_of_finite_differences(order):
    X, y, weight = problem(200, order=order)
    random = np.random.default_rng(1)
    for _ in range(3):
        coef, intercept = random.standard_normal(5), random.standard_normal()
        _, gradient, slope = jit.fused_residual(X, y, coef, intercept, weight)

        def value(move, coef=coef, intercept=intercept):
            return jit.fused_residual(X, y, coef + move[:-1], intercept + move[-1], weight)[0]

        # The loss is quadratic: a central difference has no error of its own, whatever its width.
        for j, expected in enumerate([*gradient, slope]):
            move = np.zeros(6)
            move[j] = 1.0
            np.testing.assert_allclose((value(move) - value(-move)) / 2, expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("order", ["C", "F"])
def test_weights_are_repeated_rows_and_zero_removes_a_row(order):
    X, y, weight = problem(400, order=order)
    repeats = weight.astype(int)
    repeated, y_repeated = np.repeat(X, repeats, axis=0), np.repeat(y, repeats)
    np.testing.assert_allclose(jit.weighted_gram(X, weight), jit.weighted_gram(repeated), rtol=1e-12, atol=1e-9)
    found, expected = jit.moments(X, y, weight), jit.moments(repeated, y_repeated)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-11, atol=1e-10, err_msg=name)
    ours = jit.gradient_descent(X, y, sample_weight=weight, alpha=0.1)
    theirs = jit.gradient_descent(repeated, y_repeated, alpha=0.1)
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_same_bits_for_any_number_of_threads(order):
    X, y, weight = problem(20_000, 7, order=order)
    available = numba.config.NUMBA_NUM_THREADS
    results = []
    try:
        for threads in [t for t in (1, 2, 3) if t <= available]:
            numba.set_num_threads(threads)
            results.append(
                [
                    jit.weighted_gram(X, weight),
                    *jit.fused_residual(X, y, np.ones(7), 1.0, weight),
                    *jit.moments(X, y, weight).values(),
                ]
            )
            if order == "C":
                descent = jit.gradient_descent(X, y, sample_weight=weight, accelerated=True, max_iter=5)
                results[-1] += [descent.coef, descent.objective]
            _compile._launcher.reset(forked=True)  # and as in a forked process, without threads
            results.append([jit.weighted_gram(X, weight), *jit.fused_residual(X, y, np.ones(7), 1.0, weight)])
            _compile._launcher.reset(forked=False)
    finally:
        numba.set_num_threads(available)
        _compile._launcher.reset(forked=False)
    for result in results[1:]:
        for ours, first in zip(result, results[0], strict=False):  # the forked have fewer
            assert np.asarray(ours).tobytes() == np.asarray(first).tobytes()


def test_three_threads_give_the_bits_of_one():
    """In a process of its own: the most threads Numba can use is fixed when it starts."""
    code = """
import numba, numpy as np
from mlcraft import jit
X = np.random.default_rng(0).standard_normal((5000, 6))
answers = set()
for threads in (1, 2, 3):
    numba.set_num_threads(threads)
    answers.add((jit.weighted_gram(X).tobytes(), jit.fused_residual(X, X[:, 0], X[0], 1.0)[1].tobytes()))
print(len(answers))
"""
    assert run_python(code, NUMBA_NUM_THREADS="3").stdout.strip() == "1"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scaling_a_column_scales_its_coefficient(dtype):
    X, y, _ = problem(300, 4, dtype)
    scale = np.array([2.0**-60, 1.0, 2.0**30, 2.0**60], dtype=dtype)
    plain = jit.gradient_descent(X, y, accelerated=True)
    scaled = jit.gradient_descent(X * scale, y, accelerated=True)
    assert scaled.status == plain.status == "converged"
    assert scaled.n_iter == plain.n_iter
    np.testing.assert_allclose(scaled.coef * scale, plain.coef, rtol=1e-6)


# ---------------------------------------------------------------- digits


@pytest.mark.parametrize("order", ["C", "F"])
def test_large_mean_does_not_cancel(order):
    X, y, weight = problem(1000, 4, order=order)
    X = ORDERS[order](X / 2.0 ** np.arange(4) + 1e8)
    y = y + 1e9
    found = jit.moments(X, y, weight)
    expected = squared.moments(X, y, weight)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-8, err_msg=name)
    result = jit.gradient_descent(X, y, sample_weight=weight)
    coef, _ = squared.minimiser(X, y, weight)
    assert result.status == "converged"
    np.testing.assert_allclose(result.coef, coef, rtol=1e-6)


@pytest.mark.parametrize("values", ["sorted", "outlier", "rare"])
def test_moments_when_a_few_rows_are_not_typical(values):
    n = 6000
    X = np.random.default_rng(0).standard_normal((n, 3)) + 1e6
    if values == "sorted":
        X.sort(axis=0)
    elif values == "outlier":
        X[0] = -1e12  # the first row is always in the sample
    else:
        X[n - 3 :] += 1e9
    weight = np.ones(n)
    if values == "outlier":
        weight[0] = 1e-12
    found, expected = jit.moments(X, X[:, 0], weight), squared.moments(X, X[:, 0], weight)
    for name in ("x_mean", "xx", "xy"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, err_msg=name)


def test_constant_column_is_exactly_constant():
    X = np.column_stack([np.full(5000, 0.1), np.arange(5000.0)])
    found = jit.moments(X, X[:, 1])
    assert found["x_mean"][0] == 0.1
    assert (found["xx"][0] == 0).all()
    result = jit.gradient_descent(X, X[:, 1])
    np.testing.assert_allclose(result.coef, [0.0, 1.0], atol=1e-7)
    assert result.coef[0] == 0.0


# ---------------------------------------------------------------- gradient descent


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "order"), [(np.float64, "C"), (np.float64, "F"), (np.float32, "strided")])
def test_descent_reaches_the_closed_form(dtype, order, weighted, fit_intercept, alpha, accelerated):
    X, y, weight = problem(dtype=dtype, order=order)
    weight = weighted_or_not(weight, weighted)
    result = jit.gradient_descent(
        X,
        y,
        alpha=alpha,
        sample_weight=weight,
        fit_intercept=fit_intercept,
        accelerated=accelerated,
        tol=1e-10,
    )
    coef, intercept = squared.minimiser(X, y, weight, alpha, fit_intercept)
    rtol = 1e-7 if dtype == np.float64 else 1e-5
    assert result.status == "converged"
    assert result.gradient_norm <= 1e-10
    assert result.coef.dtype == dtype
    np.testing.assert_allclose(result.coef, coef, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(result.intercept, intercept, rtol=rtol, atol=10 * rtol)
    # The certificate: the gradient at the result, and the objective, computed by NumPy.
    value, gradient, slope = squared.value_and_gradient(X, y, result.coef, result.intercept, weight, alpha)
    np.testing.assert_allclose(result.objective, value, rtol=1e-6)
    assert np.abs(gradient / np.linalg.norm(X, axis=0)).max() < rtol
    assert not fit_intercept or abs(slope) < 20 * rtol


@pytest.mark.parametrize(("name", "target", "tol"), [("diabetes", "target", 1e-8), ("longley", "TOTEMP", 1e-6)])
def test_acceleration_needs_fewer_steps_on_real_data(name, target, tol):
    path = DATA / f"{name}.parquet"
    pandas = pytest.importorskip("pandas")
    if not path.exists():
        pytest.skip(f"{path} is not here")
    table = pandas.read_parquet(path).astype(float)
    y, X = table[target].to_numpy(), table.drop(columns=target).to_numpy()
    options = {"max_iter": 100_000, "tol": tol}
    plain = jit.gradient_descent(X, y, **options)
    fast = jit.gradient_descent(X, y, accelerated=True, **options)
    assert plain.status == fast.status == "converged"
    assert fast.n_iter < plain.n_iter / 4
    coef, intercept = squared.minimiser(X, y)
    best = squared.value_and_gradient(X, y, coef, intercept)[0]
    for result in (plain, fast):
        value, _, _ = squared.value_and_gradient(X, y, result.coef, result.intercept)
        assert 0 <= value - best + 1e-10 * y.var() < 1e-8 * y.var()


def test_step_too_long_is_said_and_the_best_point_is_kept():
    X, y, _ = problem()
    for accelerated in (False, True):
        result = jit.gradient_descent(X, y, step=3.0, accelerated=accelerated, max_iter=10_000)
        assert result.status == "diverged"
        assert np.isfinite([*result.coef, result.intercept, result.objective, result.gradient_norm]).all()
        assert result.objective <= y.var() / 2 * (1 + 1e-12)


def test_a_short_step_is_slower_and_out_of_steps_is_said():
    X, y, _ = problem()
    best = jit.gradient_descent(X, y)
    slow = jit.gradient_descent(X, y, step=0.01)
    assert best.status == "converged"
    assert slow.status == "max_iter"
    assert slow.n_iter == 1000
    assert slow.objective > best.objective
    assert jit.gradient_descent(X, y, max_iter=1).n_iter == 1


def test_result_is_frozen():
    result = jit.gradient_descent([[0.0], [1.0]], [0.0, 1.0])
    with pytest.raises(AttributeError):
        result.coef = None


def test_a_target_unrelated_to_the_columns_is_no_endless_task():
    X = np.array([[-1.0, 1.0], [0.0, -2.0], [1.0, 1.0], [0.0, 0.0]])
    result = jit.gradient_descent(X, [0.1, 0.1, 0.1, 0.1 - 3e-17])
    assert result.status == "converged"
    result = jit.gradient_descent(X, [1.0, 1.0, 1.0, 7.0])
    assert (result.status, result.intercept) == ("converged", 2.5)


# ---------------------------------------------------------------- hostile input


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["X", "y"])
def test_not_finite_is_named(bad, where):
    X, y, _ = problem(600)
    spoilt = {"X": X.copy(), "y": y.copy()}
    spoilt[where][501] = bad
    message = f"{where} contains NaN or infinity .first at row 501"
    X, y = spoilt["X"], spoilt["y"]
    for call in (
        lambda: jit.fused_residual(X, y, np.ones(5), 0.0),
        lambda: jit.moments(X, y),
        lambda: jit.gradient_descent(X, y),
        lambda: jit.gradient_descent(X, y, accelerated=True, step=0.5),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    if where == "X":
        with pytest.raises(ValueError, match=message):
            jit.weighted_gram(X)


CALLS = [
    lambda X, y, w: jit.weighted_gram(X, w),
    lambda X, y, w: jit.fused_residual(X, y, np.zeros(np.shape(X)[1]), 0.0, w),
    lambda X, y, w: jit.moments(X, y, w, True),
    lambda X, y, w: jit.gradient_descent(X, y, sample_weight=w),
]


@pytest.mark.parametrize("call", CALLS)
def test_wrong_arguments(call):
    X, y, w = problem(20)
    for weight, message in (
        (-w - 1, "negative"),
        (w * np.nan, "NaN"),
        (w * 0, "zero for every sample"),
        (w[:-1], "elements"),
        (w[:, None], "dimension"),
    ):
        with pytest.raises(ValueError, match=message):
            call(X, y, weight)
    with pytest.raises(ValueError, match="no rows"):
        call(X[:0], y[:0], None)
    with pytest.raises(ValueError, match="dimension"):
        call(X[None], y, None)
    with pytest.raises(TypeError, match="complex"):
        call(X + 1j, y, None)
    with pytest.raises((TypeError, ValueError)):
        call(np.full(X.shape, "text", dtype=object), y, None)
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="sparse"):
        call(sparse.csr_array(X), y, None)


def test_wrong_lengths_and_options():
    X, y, _ = problem(20)
    for call in CALLS[1:]:
        with pytest.raises(ValueError, match="20"):
            call(X, y[:-1], None)
    with pytest.raises(ValueError, match="shift"):
        jit.weighted_gram(X, shift=[1.0])
    with pytest.raises(ValueError, match="coef"):
        jit.fused_residual(X, y, [1.0], 0.0)
    for options in ({"alpha": -1}, {"alpha": np.nan}, {"step": 0}, {"max_iter": 0}, {"tol": -1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            jit.gradient_descent(X, y, **options)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of numpy.matrix
@pytest.mark.parametrize("call", CALLS)
def test_other_kinds_of_arrays(call):
    X, y, w = problem(50)
    X, y = np.round(X), np.round(y)
    expected = repr(call(X, y, w))
    read_only = X.copy()
    read_only.flags.writeable = False
    for other in (
        X.tolist(),
        X.astype(np.int64),
        X.astype(object),
        X.astype(">f8"),
        read_only,
        np.asmatrix(X),
    ):
        assert repr(call(other, y.tolist(), w.astype(int))) == expected
    packed = np.zeros(50, dtype=[("flag", "i1"), ("x", "f8", (5,))])  # 8-byte numbers at odd addresses
    packed["x"] = X
    assert repr(call(np.ascontiguousarray(packed["x"]), y, w)) == expected
    call(packed["x"], y, w)
    assert X.flags.writeable


@pytest.mark.parametrize("y_scale", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("x_scale", [1e-300, 1e-160, 1e160, 1e300])
def test_extreme_scales(x_scale, y_scale):
    X, y, _ = problem(200, 3)
    plain = jit.gradient_descent(X, y, accelerated=True)
    if y_scale > 1 > x_scale:
        with pytest.raises(ValueError, match="too large"):
            jit.gradient_descent(X * x_scale, y * y_scale, accelerated=True)
        return
    result = jit.gradient_descent(X * x_scale, y * y_scale, accelerated=True)
    assert result.status == "converged"
    expected = plain.coef / x_scale * y_scale
    np.testing.assert_allclose(result.coef, expected, rtol=1e-6, atol=1e-300)
    if y_scale < 1 < x_scale:  # too small for a double: nothing is left but the mean of y
        np.testing.assert_array_equal(result.coef, 0.0)
        np.testing.assert_allclose(result.intercept / y_scale, y.mean(), rtol=1e-6)
    else:
        np.testing.assert_allclose(result.intercept / y_scale, plain.intercept, rtol=1e-6)


def test_squares_too_large_are_not_called_nan():
    X, y, _ = problem(50, 2)
    with pytest.raises(ValueError, match="too large"):
        jit.weighted_gram(X * 1e200)
    with pytest.raises(ValueError, match="too large"):
        jit.moments(X * 1e200, y)


def test_a_column_that_is_tiny_where_the_sample_did_not_look():
    X = np.zeros((5000, 1))
    X[1:4:2] = [[1e-180], [3e-180]]
    result = jit.gradient_descent(X, X[:, 0] * 1e180)
    np.testing.assert_allclose(result.coef, [1e180], rtol=1e-6)


def test_one_row_and_constant_target():
    one = jit.gradient_descent([[1.0, 2.0]], [3.0])
    assert (one.status, one.n_iter, one.intercept, *one.coef) == ("converged", 0, 3.0, 0.0, 0.0)
    X, _, _ = problem(50)
    constant = jit.gradient_descent(X, np.full(50, 0.1))
    assert (constant.status, constant.intercept, constant.objective) == ("converged", 0.1, 0.0)


def test_duplicated_columns_share_the_coefficient():
    X, y, _ = problem(100, 1)
    result = jit.gradient_descent(np.hstack([X, X, 2 * X]), y)
    coef, _ = squared.minimiser(X, y)
    assert result.status == "converged"
    np.testing.assert_allclose(result.coef @ [1, 1, 2], coef[0], rtol=1e-7)


# ---------------------------------------------------------------- against the compiled engine


@pytest.fixture(scope="module")
def core():
    return pytest.importorskip("mlcraft._core")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "order"), TWINS)
def test_twins_agree_with_the_compiled_kernels(core, dtype, order, weighted):
    X, y, weight = problem(dtype=dtype, order=order)
    weight = weighted_or_not(weight.astype(dtype), weighted)
    rtol = 1e-11 if dtype == np.float64 else 2e-4
    coef = np.linspace(-1, 1, 5)
    found = jit.fused_residual(X, y, coef, 0.5, weight)
    value, _, gradient = core.at_point(X, (y, weight, None), [[*coef, 0.5]], ("squared", 0.0, (0, 0), False))
    for ours, theirs in zip(found, (value, gradient[0, :-1], gradient[0, -1]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)
    gram = jit.weighted_gram(X, weight, np.arange(5.0))
    expected = core.Matrix(X, np.arange(5.0)).gram(weight)
    np.testing.assert_allclose(gram, expected, rtol=rtol, atol=rtol * gram.max())
    for fit_intercept in (False, True):
        mine, engine = jit.moments(X, y, weight, fit_intercept), core.moments(X, y, weight, fit_intercept)
        for name, value in mine.items():
            theirs = getattr(engine, name)
            np.testing.assert_allclose(value, theirs, rtol=rtol, atol=rtol * np.abs(value).max(), err_msg=name)


@pytest.mark.parametrize("solver", ["direct", "gd", "nesterov"])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_both_engines_solve_alike(core, solver, alpha, fit_intercept):
    import mlcraft

    X, y, weight = problem(2000)
    found = {}
    for engine in ("cpp", "numba"):
        with mlcraft.config_context(engine=engine):
            found[engine] = mlcraft.solve(
                X, y, loss="squared", solver=solver, alpha=alpha, sample_weight=weight, fit_intercept=fit_intercept
            )
    assert found["cpp"].status == found["numba"].status == "converged"
    for name in ("coef", "intercept", "objective"):
        ours, theirs = getattr(found["numba"], name), getattr(found["cpp"], name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6, err_msg=name)


def test_estimators_take_the_engine(core):
    import mlcraft
    from mlcraft.linear_model import LinearRegression, Ridge

    X, y, weight = problem(2000)
    for model in (LinearRegression(), Ridge(alpha=3.0)):
        expected = model.fit(X, np.column_stack([y, -y]), weight).coef_
        with mlcraft.config_context(engine="numba"):
            found = model.fit(X, np.column_stack([y, -y]), weight).coef_
        np.testing.assert_allclose(found, expected, rtol=1e-9)


# ---------------------------------------------------------------- processes and threads


def run_python(code, **environment):
    root = str(Path(importlib.util.find_spec("mlcraft.jit").origin).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_importing_the_package_does_not_import_numba():
    assert run_python("import sys, mlcraft; print('numba' in sys.modules)").stdout.strip() == "False"


def test_no_place_for_the_cache(monkeypatch):
    """Numba refuses to decorate when no cache folder can be written; we then do without a cache."""
    asked = []

    def njit(*, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda kernel: kernel

    monkeypatch.setattr(_compile.numba, "njit", njit)
    assert _compile.compiled(len) is len
    assert asked == [True, False]


def test_several_python_threads_at_once():
    X, _, _ = problem(20_000)
    expected = jit.weighted_gram(X)
    results = []
    threads = [threading.Thread(target=lambda: results.append(jit.weighted_gram(X))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_several_python_threads_on_the_layer_that_forbids_it():
    code = """
import threading, numba, numpy as np
from mlcraft import jit
X = np.random.default_rng(0).standard_normal((5000, 6))
threads = [threading.Thread(target=lambda: [jit.weighted_gram(X) for _ in range(20)]) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(numba.threading_layer())
"""
    assert run_python(code, NUMBA_THREADING_LAYER="workqueue").stdout.strip() == "workqueue"


def gram_into(queue, X):
    queue.put(jit.weighted_gram(X))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_neither_hangs_nor_dies():
    X, _, _ = problem(20_000)
    expected = jit.weighted_gram(X)  # starts the threads that a fork does not inherit
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=gram_into, args=(queue, X))
    process.start()
    try:
        np.testing.assert_array_equal(queue.get(timeout=60), expected)
    finally:
        process.join(60)
    assert process.exitcode == 0
