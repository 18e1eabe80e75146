"""`solve` beside R and scikit-learn: the same minimum of the same objective."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import linear_model as sk
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from mlcraft import solve

FAMILIES = {"gaussian": "squared", "binomial": "logistic", "poisson": "poisson", "multinomial": "multinomial"}
GLMNET = [
    "crabs_binomial",
    "iris_multinomial",
    "mtcars_gaussian",
    "pima_binomial",
    "quine_poisson",
    "ships_poisson_offset",
    "states_gaussian",
    "swiss_gaussian_weighted",
]


def read(shared, kind, name):
    """Expected values, and columns of the design by name."""
    case = json.loads(shared(f"reference/r/{kind}/{name}.json").read_text())
    lines = shared(f"reference/r/{kind}/{name}.csv").read_text().splitlines()
    names = [name.strip('"') for name in lines[0].split(",")]
    table = np.array([line.split(",") for line in lines[1:]])
    columns = {name: table[:, j] for j, name in enumerate(names)}
    return case, columns, np.column_stack([columns[name].astype(float) for name in case["columns"]])


@pytest.mark.parametrize("name", GLMNET)
def test_glmnet(shared, name):
    case, columns, X = read(shared, "glmnet", name)
    given = {}
    if "offset_column" in case:
        given["offset"] = columns[case["offset_column"]].astype(float)
    if "weights_column" in case:
        given["sample_weight"] = columns[case["weights_column"]].astype(float)
    loss = FAMILIES[case["family"]]
    y = columns["y"].astype(float)
    for fit in (f for f in case["fits"] if not f["standardize"]):
        for place in (0, 2, 4):
            lasso = case["lambda"][place] * fit["alpha"]
            ridge = case["lambda"][place] * (1 - fit["alpha"]) * case["ridge_factor_c2"]
            penalty = "l1" if ridge == 0 else "l2" if lasso == 0 else "elastic_net"
            ratio = {"l1_ratio": lasso / (lasso + ridge)} if penalty == "elastic_net" else {}
            found = solve(
                X, y, loss=loss, penalty=penalty, alpha=lasso + ridge, tol=1e-9, max_iter=50_000, **ratio, **given
            )
            expected = np.array(fit["coef"])
            expected = expected[:, place] if expected.ndim == 3 else expected[[place]]
            ours = np.column_stack([np.atleast_1d(found.intercept), np.atleast_2d(found.coef)])
            assert_allclose(ours, expected, atol=1e-6 * np.abs(expected).max(), err_msg=f"{fit['alpha']} {place}")


@pytest.mark.parametrize("name", ["engel", "mtcars", "stackloss", "swiss"])
def test_quantile_regression(shared, name):
    case, columns, X = read(shared, "rq", name)
    y = columns["y"].astype(float)
    for fit in case["fits"]:
        found = solve(X, y, loss="quantile", parameter=fit["tau"], penalty=None, tol=1e-10)
        assert_allclose(found.objective * len(y), fit["objective"], rtol=1e-9)
        if fit["unique"]:
            expected = np.array(fit["coef"])
            assert_allclose(np.append(found.intercept, found.coef), expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "newton-cg"])
@pytest.mark.parametrize(("name", "loss"), [("warpbreaks_poisson", "poisson"), ("infert_logit", "logistic")])
def test_glm(shared, name, loss, solver):
    case, columns, X = read(shared, "glm", name)
    found = solve(X, columns["y"].astype(float), loss=loss, penalty=None, solver=solver, tol=1e-10)
    assert_allclose(np.append(found.intercept, found.coef), case["coef"], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("solver", ["fista", "saga", "gd", "auto"])
def test_lasso(solver):
    X, y = load_diabetes(return_X_y=True)
    peer = sk.ElasticNet(alpha=0.05, l1_ratio=0.8, tol=1e-12, max_iter=100_000).fit(X, y)
    found = solve(
        X, y, loss="squared", penalty="elastic_net", alpha=0.05, l1_ratio=0.8, solver=solver, tol=1e-9, max_iter=50_000
    )
    assert_allclose(found.coef, peer.coef_, atol=1e-6 * np.abs(peer.coef_).max())
    assert_allclose(found.intercept, peer.intercept_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "newton-cg", "nesterov", "svrg"])
def test_logistic_regression(solver):
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    peer = sk.LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
    found = solve(X, y, alpha=1 / (0.5 * len(y)), solver=solver, tol=1e-8, max_iter=50_000)
    assert_allclose(found.coef, peer.coef_[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "newton-cg", "fista"])
def test_several_classes(solver):
    X, y = load_iris(return_X_y=True)
    peer = sk.LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(X, y)
    found = solve(X, y, loss="multinomial", alpha=1 / len(y), solver=solver, tol=1e-8, max_iter=50_000)
    assert_allclose(found.coef, peer.coef_, atol=1e-5)
    assert_allclose(found.intercept, peer.intercept_ - peer.intercept_.mean(), atol=1e-5)


def test_poisson_regression():
    X, y = load_diabetes(return_X_y=True)
    y = np.floor(y / 25)
    peer = sk.PoissonRegressor(alpha=1e-3, solver="newton-cholesky", tol=1e-12).fit(X, y)
    found = solve(X, y, loss="poisson", alpha=1e-3)
    assert_allclose(found.coef, peer.coef_, rtol=1e-6)


def test_quantile_with_a_lasso():
    X, y = load_diabetes(return_X_y=True)
    peer = sk.QuantileRegressor(quantile=0.8, alpha=0.02, solver="highs").fit(X, y)
    found = solve(X, y, loss="quantile", parameter=0.8, penalty="l1", alpha=0.02)
    pinball = np.where(y > peer.predict(X), 0.8, -0.2) @ (y - peer.predict(X)) / len(y)
    assert_allclose(found.objective, pinball + 0.02 * np.abs(peer.coef_).sum(), rtol=1e-7)
