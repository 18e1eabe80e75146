"""Penalties and metrics written in Python, and losses written in Python through the solvers of the core."""

from __future__ import annotations

import ctypes
import math
import pickle

import numpy as np
import pytest

pytest.importorskip("numba")

from mlcraft import jit

STRENGTH = 0.7


def shrink(b, step):
    return max(b - STRENGTH * step, 0.0) - max(-b - STRENGTH * step, 0.0)


@pytest.fixture(scope="module")
def lasso():
    return jit.penalty(lambda b: STRENGTH * abs(b), prox=shrink, name="lasso")


def test_penalty_is_two_c_functions(lasso):
    value = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lasso.value_address)
    prox = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(lasso.prox_address)
    assert [value(-2.0), value(0.0), lasso(3.0)] == pytest.approx([1.4, 0.0, 2.1])
    assert [prox(2.0, 0.5), prox(-2.0, 0.5), prox(0.2, 0.5)] == pytest.approx([1.65, -1.65, 0.0])
    assert repr(lasso) == "<penalty 'lasso'>"
    assert "def value_function(b)" in lasso.source


FAULTY = {
    "prox of another": (lambda b: abs(b), shrink, r"the prox of .* is wrong at b=-20, step=0.01: value\(u\)"),
    "value": (lambda b: math.log(b), shrink, "penalty 'mine' raises ValueError: .* at b=-20"),
    "nan": (lambda b: b * math.nan, shrink, r"penalty 'mine' is nan at b=-20\."),
    "prox raises": (lambda b: 0.0 * b, lambda b, step: b / (step - 0.3), "raises ZeroDivisionError: .* step=0.3"),
    "outside": (lambda b: 0.0 if b >= 0 else math.inf, lambda b, step: b, "returns? .*-20|is -20 at b=-20.* is inf"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_what_is_no_prox_is_named(fault):
    value, prox, message = FAULTY[fault]
    with pytest.raises(jit.UserFunctionError, match=message) as caught:
        jit.penalty(value, prox=prox, name="mine")
    assert caught.value.arguments["b"] == -20


def test_bounds_as_a_penalty_and_wrong_arguments():
    made = jit.penalty(lambda b: 0.0 if b >= 0 else math.inf, prox=lambda b, step: max(b, 0.0), name="positive")
    assert made(-1.0) == math.inf
    with pytest.raises(TypeError, match="prox must take"):
        jit.penalty(lambda b: b, prox=lambda b: b)
    with pytest.raises(TypeError, match="value must take"):
        jit.penalty(lambda b, step: b, prox=lambda b, step: b)


# metrics


def cost(y_true, prediction):
    if y_true > prediction:
        return 3.0 * (y_true - prediction)
    return prediction - y_true if y_true != 13.0 else math.nan


@pytest.fixture(scope="module")
def metric():
    return jit.metric(cost)


def test_metric_is_the_weighted_mean(metric):
    rng = np.random.default_rng(0)
    y, guess, weight = rng.standard_normal((3, 1000))
    weight = np.abs(weight)
    each = [cost(*pair) for pair in zip(y, guess, strict=True)]
    assert metric(y, guess) == pytest.approx(np.mean(each), rel=1e-13)
    assert metric(y[:, None], guess.tolist(), sample_weight=weight) == pytest.approx(
        np.average(each, weights=weight), rel=1e-13
    )
    assert metric(y[::2], guess.astype(np.float32)[::2]) == pytest.approx(np.mean(each[::2]), rel=1e-6)
    again = pickle.loads(pickle.dumps(metric))
    assert again(y, guess) == metric(y, guess)


def test_metric_scores_for_scikit_learn(metric):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import cross_val_score

    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    y = X @ [1.0, 2.0] + rng.standard_normal(60)
    scores = cross_val_score(LinearRegression(), X, y, scoring=make_scorer(metric, greater_is_better=False), cv=3)
    assert scores.shape == (3,)
    assert (scores < 0).all()


def test_metric_names_what_is_wrong(metric):
    with pytest.raises(jit.UserFunctionError, match="'cost' is nan at y_true=13, prediction=14"):
        metric([1.0, 13.0], [2.0, 14.0])
    for arguments, message in (
        (([1.0, np.nan], [1.0, 2.0]), "y_true contains NaN or infinity .first at row 1"),
        (([1.0], [1.0, 2.0]), "y_true has 1 elements but prediction has 2"),
        ((["a"], ["b"]), "y_true must be an array of numbers"),
        (([], []), "not empty"),
    ):
        with pytest.raises(ValueError, match=message):
            metric(*arguments)
    with pytest.raises(ValueError, match="must not be negative"):
        metric([1.0, 2.0], [1.0, 2.0], sample_weight=[1.0, -1.0])
    with pytest.raises(TypeError, match="must take"):
        jit.metric(lambda y: y)


@jit.metric
def decorated(y_true, prediction):
    return abs(y_true - prediction)


def slope(y, eta):
    return eta - y


def half_square(y, eta):
    return 0.5 * (y - eta) ** 2


def test_what_was_decorated_goes_to_another_process():
    assert pickle.loads(pickle.dumps(decorated)) is decorated  # by its name, as a function would
    made = jit.loss(gradient=slope, y=[0.0], smooth=True)(half_square)
    again = pickle.loads(pickle.dumps(made))
    assert (again.name, again.smooth, again.derivatives) == ("half_square", True, "symbolic")
    assert again.rows([1.0], [3.0])[0] == (2.0, 2.0, 1.0)
    assert jit.penalty(half_of_square, prox=half_prox).name == "half_of_square"
    assert pickle.loads(pickle.dumps(jit.penalty(half_of_square, prox=half_prox)))(2.0) == 2.0


def half_of_square(b):
    return 0.5 * b * b


def half_prox(b, step):
    return b / (1.0 + step)


# through the solvers of the core


def problem(dtype=np.float64, n=3000):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, 1]
    eta = (X - X.mean(axis=0)) @ [1.0, 0.1, -5.0, 0.0]
    labels = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(dtype)
    return X.astype(dtype), {"logistic": labels, "squared": (eta + rng.standard_normal(n)).astype(dtype)}, rng


@pytest.fixture(scope="module")
def losses():
    return {
        "logistic": jit.loss(lambda y, eta: max(eta, 0.0) - y * eta + math.log1p(math.exp(-abs(eta))), name="mine"),
        "squared": jit.loss(lambda y, eta: 0.5 * (y - eta) ** 2, name="mine"),
    }


def engine():
    """The door of the smooth solvers, where it takes losses of one's own."""
    from mlcraft._engine import smooth

    pytest.importorskip("mlcraft._engine.losses")
    from mlcraft import _core

    if not hasattr(_core.SmoothOptions(), "user_loss"):
        pytest.skip("this build of the core takes no loss of one's own")
    return smooth.fit_smooth


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", ["auto", "lbfgs", "newton", "newton-cg"])
@pytest.mark.parametrize("name", ["logistic", "squared"])
def test_fit_of_the_built_in_loss(losses, name, method, weighted):
    fit_smooth = engine()
    X, targets, rng = problem()
    weight = rng.uniform(0.5, 2, len(X)) if weighted else None
    fits = [
        fit_smooth(X, targets[name], loss=loss, alpha=0.01, sample_weight=weight, method=method, tol=1e-13)
        for loss in (name, losses[name])
    ]
    assert fits[1].status in ("converged", "stalled")
    np.testing.assert_allclose(fits[1].coef, fits[0].coef, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(fits[1].intercept, fits[0].intercept, rtol=1e-10, atol=1e-10)
    assert fits[1].objective == pytest.approx(fits[0].objective, rel=1e-13)


def test_fit_in_single_precision_and_sparse(losses):
    from scipy import sparse

    fit_smooth = engine()
    X, targets, _ = problem(np.float32)
    dense = [fit_smooth(X, targets["logistic"], loss=loss, alpha=0.01) for loss in ("logistic", losses["logistic"])]
    np.testing.assert_allclose(dense[1].coef, dense[0].coef, rtol=2e-4, atol=2e-4)
    X, targets, _ = problem()
    X[np.abs(X) < 0.5] = 0
    fits = [
        fit_smooth(sparse.csr_array(X), targets["logistic"], loss=loss, alpha=0.01, tol=1e-13)
        for loss in ("logistic", losses["logistic"])
    ]
    np.testing.assert_allclose(fits[1].coef, fits[0].coef, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("solver", ["gd", "nesterov", "adam", "sgd", "saga"])
def test_first_order_methods_take_them(losses, lasso, solver):
    door = pytest.importorskip("mlcraft._engine.first_order")
    from mlcraft import _core
    from mlcraft._engine.penalty import Penalty

    if not hasattr(_core, "fit_first_order"):
        pytest.skip("this build of the core has no first-order methods")

    X, targets, _ = problem()
    options = {"loss": "squared", "solver": solver, "tol": 1e-13, "max_iter": 60}
    penalties = [Penalty("l1", alpha=0.05), Penalty("l1", alpha=0.05), Penalty("l1", alpha=STRENGTH)]
    penalties.append(Penalty("user", user=lasso))
    chosen = [{}, {"loss": losses["squared"]}, {}, {}]
    fits = [
        door.fit_first_order(X, targets["squared"], penalty=penalty, **{**options, **extra})
        for penalty, extra in zip(penalties, chosen, strict=True)
    ]
    if solver in ("gd", "nesterov"):  # which find the minimum, by whatever steps
        np.testing.assert_allclose(fits[1].coef, fits[0].coef, rtol=1e-7, atol=1e-9)
    assert fits[1].objective == pytest.approx(fits[0].objective, rel=1e-3)
    np.testing.assert_allclose(fits[3].coef, fits[2].coef, rtol=1e-9, atol=1e-10)
