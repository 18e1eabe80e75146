"""The plain kernels as a package of somebody else would use them: nothing but what `mlcraft` exports."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference.optimality import Objective
from scipy import sparse
from scipy.optimize import check_grad, minimize

import mlcraft

LOSSES = ["squared", "logistic", "multinomial", "squared_hinge", "modified_huber", "huber", "poisson"]
LOSSES += ["squared_epsilon_insensitive", "hinge", "epsilon_insensitive", "quantile"]
PARAMETERS = {"huber": 0.9, "squared_epsilon_insensitive": 0.2, "epsilon_insensitive": 0.2, "quantile": 0.3}
SMOOTH = LOSSES[:8]


def problem(loss, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((90, 4)) + np.array([0, 2, 0, -1])
    eta = X @ [0.5, -0.3, 0.2, 0.4]
    number = eta + random.standard_normal(90)
    y = {
        "logistic": (number > 0).astype(float),
        "multinomial": np.digitize(number, [-0.5, 0.7]).astype(float),
        "poisson": random.poisson(np.exp(eta)).astype(float),
    }.get(loss, number)
    if loss in ("hinge", "squared_hinge", "modified_huber"):
        y = np.where(number > 0, 1.0, -1.0)
    return X, y, random.uniform(0.5, 2, 90)


def newton(X, y, loss, alpha, theta, **more):
    """Twenty lines of an outside package: Newton's method with a halved step."""
    about = {"loss": loss, "alpha": alpha, **more}
    value, gradient = mlcraft.value_and_gradient(X, y, theta, **about)
    for _ in range(100):
        matrix = mlcraft.hessian(X, y, theta, **about)
        direction = np.linalg.lstsq(matrix, -gradient.ravel(), rcond=None)[0].reshape(theta.shape)
        slope = np.vdot(direction, gradient)
        step = 1.0
        while step > 1e-10:
            trial = mlcraft.value_and_gradient(X, y, theta + step * direction, **about)
            if trial[0] <= value + 1e-4 * step * slope:
                break
            step /= 2
        theta = theta + step * direction
        value, gradient = trial
        if np.abs(gradient).max() < 1e-10:
            break
    return theta


@pytest.mark.parametrize("loss", SMOOTH)
def test_newton_on_the_kernels_finds_what_solve_finds(loss):
    X, y, weight = problem(loss)
    parameter = PARAMETERS.get(loss, 0.0)
    shape = (3, 5) if loss == "multinomial" else (5,)
    theta = newton(X, y, loss, 0.05, np.zeros(shape), sample_weight=weight, parameter=parameter)
    about = {"parameter": parameter} if parameter else {}
    found = mlcraft.solve(X, y, loss=loss, alpha=0.05, sample_weight=weight, tol=1e-9, **about)
    assert_allclose(theta[..., :4], found.coef, atol=1e-6)
    eta = mlcraft.predict_linear(X, theta)
    expected = X @ found.coef.T + found.intercept
    assert_allclose(eta - (eta[:, :1] - expected[:, :1] if eta.ndim == 2 else 0), expected, atol=1e-5)


@pytest.mark.parametrize("loss", ["logistic", "squared", "huber"])
def test_scipy_minimises_the_kernels(loss):
    X, y, weight = problem(loss)
    about = {"loss": loss, "alpha": 0.1, "sample_weight": weight, "parameter": PARAMETERS.get(loss, 0.0)}

    def objective(theta):
        return mlcraft.value_and_gradient(X, y, theta, **about)

    found = minimize(objective, np.zeros(4), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9})
    exact = minimize(
        objective,
        np.zeros(4),
        jac=True,
        method="trust-exact",
        hess=lambda theta: mlcraft.hessian(X, y, theta, **about),
        options={"gtol": 1e-10},
    )
    ours = mlcraft.solve(
        X,
        y,
        loss=loss,
        alpha=0.1,
        sample_weight=weight,
        fit_intercept=False,
        **({"parameter": about["parameter"]} if loss == "huber" else {}),
    )
    assert_allclose(found.x, ours.coef, atol=1e-5)
    assert_allclose(exact.x, ours.coef, atol=1e-7)


@pytest.mark.parametrize("with_intercept", [True, False])
@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient_are_the_textbooks(loss, storage, with_intercept):
    X, y, weight = problem(loss)
    parameter = PARAMETERS.get(loss, 0.0)
    offset = None if loss == "multinomial" else np.linspace(-0.5, 0.5, 90)
    shape = (*((3,) if loss == "multinomial" else ()), 4 + with_intercept)
    theta = np.random.default_rng(2).standard_normal(shape)
    value, gradient = mlcraft.value_and_gradient(
        storage(X), y, theta, loss=loss, parameter=parameter, sample_weight=weight, offset=offset, alpha=0.3
    )
    coef, intercept = theta[..., :4], theta[..., 4] if with_intercept else np.zeros(shape[:-1])
    textbook = Objective(X, y, loss, parameter, weight, offset, with_intercept, name="l2", alpha=0.3)
    slope, constant = textbook.gradients(coef, intercept)
    assert_allclose(value, textbook.value(coef, intercept), rtol=1e-12)
    assert_allclose(gradient[..., :4], slope + 0.3 * coef, atol=1e-12)
    if with_intercept:
        assert_allclose(gradient[..., 4], constant, atol=1e-12)
    assert gradient.dtype == np.float64


@pytest.mark.parametrize("loss", ["squared", "logistic", "multinomial", "poisson"])
def test_hessian_is_the_derivative_of_the_gradient(loss):
    X, y, weight = problem(loss)
    shape = (3, 5) if loss == "multinomial" else (5,)
    theta = 0.3 * np.random.default_rng(3).standard_normal(shape)
    about = {"loss": loss, "alpha": 0.2, "sample_weight": weight}
    matrix = mlcraft.hessian(X, y, theta, **about)
    assert_allclose(matrix, matrix.T)
    for place, row in enumerate(matrix):

        def element(point, place=place):
            return mlcraft.value_and_gradient(X, y, point.reshape(shape), **about)[1].ravel()[place]

        assert check_grad(element, lambda point, row=row: row, theta.ravel()) < 1e-6


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array, lambda X: X.astype(np.float32)])
def test_gram_and_linear_predictor(storage):
    X, _, weight = problem("squared")
    Z = np.column_stack([X, np.ones(90)])
    single = storage is not np.asarray and storage is not sparse.csr_array
    tolerance = {"rtol": 1e-4, "atol": 1e-3} if single else {"rtol": 1e-11}
    held = storage(X)
    assert_allclose(mlcraft.gram(held), X.T @ X, **tolerance)
    assert_allclose(mlcraft.gram(held, weight, intercept=True), Z.T @ (weight[:, None] * Z), **tolerance)
    theta = np.arange(5.0)
    assert_allclose(mlcraft.predict_linear(held, theta), Z @ theta, **tolerance)
    assert_allclose(mlcraft.predict_linear(held, theta[:4], offset=weight), X @ theta[:4] + weight, **tolerance)
    several = mlcraft.predict_linear(held, np.stack([theta, -theta]), offset=weight)
    assert_allclose(several, np.stack([Z @ theta, -Z @ theta], axis=1) + weight[:, None], **tolerance)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"coef": np.zeros(3)}, r"coef must have shape .* 4 or 5 in its last axis, got \(3,\)"),
        ({"coef": np.zeros((2, 4))}, "coef"),
        ({"y": np.zeros(89)}, r"y must have shape \(90,\)"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
        ({"offset": np.ones(3)}, "offset"),
        ({"X": np.ones(3)}, "X must have two dimensions"),
        ({"loss": "cubed"}, "cubed"),
    ],
)
def test_wrong_arguments_are_named(wrong, text):
    X, y, _ = problem("logistic")
    given = {"X": X, "y": y, "coef": np.zeros(4), "loss": "logistic"} | wrong
    with pytest.raises(ValueError, match=text):
        mlcraft.value_and_gradient(given.pop("X"), given.pop("y"), given.pop("coef"), **given)


@pytest.mark.parametrize("loss", ["hinge", "quantile", "epsilon_insensitive"])
def test_there_is_no_hessian_where_there_are_kinks(loss):
    X, y, _ = problem(loss)
    with pytest.raises(ValueError, match=f"{loss}.* second derivatives"):
        mlcraft.hessian(X, y, np.zeros(4), loss=loss, parameter=0.3)
