"""Losses of two slopes: the duality gap computed here, and the optimum of a slow quadratic program."""

from __future__ import annotations

import numpy as np
import pytest
import registry
from scipy import sparse
from scipy.optimize import linprog, minimize

from mlcraft._engine.box_dual import fit_box_dual
from mlcraft._engine.least_squares import NonFiniteError

METHODS = ["interior_point", "coordinate_descent"]
TOL = {"interior_point": 1e-8, "coordinate_descent": 1e-4}  # the latter is slow where rows outnumber columns


def hinge(y, C):
    y = np.where(y > np.median(y), 1.0, -1.0)
    return y, np.minimum(y * C, 0.0), np.maximum(y * C, 0.0), 0.0


def absolute(y, C):
    return y, -C * np.ones_like(y), C * np.ones_like(y), 0.0


def tube(y, C):
    return y, -C * np.ones_like(y), C * np.ones_like(y), 0.5


def quantile(y, C):
    return y, -0.25 * C * np.ones_like(y), 0.75 * C * np.ones_like(y), 0.0


LOSSES = {"hinge": hinge, "absolute": absolute, "tube": tube, "quantile": quantile}


def data(n=60, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = np.round(rng.standard_normal((n, p)), 2)
    X[rng.random((n, p)) < 0.3] = 0
    return X, X @ rng.standard_normal(p) + rng.standard_normal(n) + 0.5


def with_bias(X, bias):
    return np.column_stack([X, np.full(X.shape[0], bias)]) if bias > 0 else X


def primal(Z, problem, w):
    y, lower, upper, epsilon = problem
    r = y - Z @ w
    return w @ w / 2 + np.maximum.reduce([upper * (r - epsilon), lower * (r + epsilon), np.zeros_like(r)]).sum()


def certificate(X, problem, bias, fit):
    """Return P(w) - D(b) of what the fit returned, relative to P, after checking that b is in the boxes."""
    y, lower, upper, epsilon = problem
    Z = with_bias(X, bias)
    assert (fit.dual >= lower).all()
    assert (fit.dual <= upper).all()
    w = Z.T @ fit.dual
    found = np.append(fit.coef, fit.intercept / bias) if bias > 0 else fit.coef
    value = primal(Z, problem, found)
    np.testing.assert_allclose(fit.objective, value, rtol=1e-9)
    return (value - (y @ fit.dual - epsilon * np.abs(fit.dual).sum() - w @ w / 2)) / max(value, 1e-300)


def slow_twin(Z, problem):
    """Solve the dual by SLSQP, the positive and the negative part of b apart; return its value."""
    y, lower, upper, epsilon = problem
    n = len(y)
    Q = Z @ Z.T

    def dual(v):
        b, size = v[:n] - v[n:], v.sum()
        Qb = Q @ b
        return b @ Qb / 2 - y @ b + epsilon * size, np.append(Qb - y, y - Qb) + epsilon

    bounds = [(0.0, u) for u in upper] + [(0.0, -lo) for lo in lower]
    found = minimize(
        dual, np.zeros(2 * n), jac=True, bounds=bounds, method="SLSQP", options={"ftol": 1e-14, "maxiter": 2000}
    )
    return -found.fun


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bias", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_certified_and_as_good_as_the_slow_twin(loss, C, bias, method):
    X, y = data()
    problem = LOSSES[loss](y, C)
    tol = TOL[method]
    fit = fit_box_dual(X, *problem[:3], epsilon=problem[3], bias=bias, tol=tol, max_iter=20_000, method=method)
    assert fit.status == "converged"
    assert fit.method == method
    assert certificate(X, problem, bias, fit) < 1.1 * tol
    np.testing.assert_allclose(fit.objective, slow_twin(with_bias(X, bias), problem), rtol=1.1 * tol + 1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("storage", registry.STORAGES)
def test_storages(storage, method):
    X, y = data()
    problem = hinge(y, 1.0)
    given = registry.STORAGES[storage](X)
    if sparse.issparse(given):
        given = given.tocsr()
        given.sum_duplicates()
    fit = fit_box_dual(given, *problem[:3], bias=1.0, tol=TOL[method], max_iter=20_000, method=method)
    assert certificate(X, problem, 1.0, fit) < 1.1 * TOL[method]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("n", "p"), [(1, 1), (2, 1), (5, 40), (700, 3)])
def test_shapes(n, p, method):
    X, y = data(n, p, seed=n)
    problem = tube(y, 0.7)
    fit = fit_box_dual(X, *problem[:3], epsilon=0.5, bias=1.0, tol=TOL[method], max_iter=50_000, method=method)
    assert certificate(X, problem, 1.0, fit) < 1.1 * TOL[method]


@pytest.mark.parametrize("method", METHODS)
def test_row_without_a_box_is_not_there(method):
    X, y = data()
    y, lower, upper, _ = hinge(y, 2.0)
    there = np.arange(len(y)) % 3 != 0
    lower, upper = np.where(there, lower, 0.0), np.where(there, upper, 0.0)
    X[~there] *= 1e6
    options = {"bias": 1.0, "tol": 1e-2 * TOL[method], "max_iter": 20_000, "method": method}
    one = fit_box_dual(X, y, lower, upper, **options)
    other = fit_box_dual(X[there], y[there], lower[there], upper[there], **options)
    assert (one.dual[~there] == 0).all()
    np.testing.assert_allclose(one.objective, other.objective, rtol=1e-2 * TOL[method])
    if method == "coordinate_descent":  # it never sees them
        np.testing.assert_array_equal(one.coef, other.coef)


@pytest.mark.parametrize("method", METHODS)
def test_zero_is_the_answer(method):
    X, _ = data()
    y = np.zeros(len(X))
    fit = fit_box_dual(X, y, y - 1, y + 1, bias=1.0, method=method)
    assert fit.status == "converged"
    assert fit.objective == 0
    assert (fit.coef == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_zeros(method):
    y = np.array([1.0, -1.0, 1.0])
    fit = fit_box_dual(np.zeros((3, 2)), y, np.minimum(y, 0), np.maximum(y, 0), method=method)
    assert fit.status == "converged"
    np.testing.assert_allclose(fit.objective, 3)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("loss", LOSSES)
def test_scales_of_columns_do_not_matter_to_the_interior_point_method(loss, scale):
    X, y = data()
    X = X * np.array([1.0, scale, 1.0, scale])
    problem = LOSSES[loss](y, 1.0)
    fit = fit_box_dual(X, *problem[:3], epsilon=problem[3], bias=1.0, tol=1e-8, method="interior_point")
    assert fit.status == "converged"
    assert fit.n_iter < 40
    assert certificate(X, problem, 1.0, fit) < 1e-7


@pytest.mark.parametrize("method", METHODS)
def test_seed_decides_the_bits_and_nothing_else(method):
    X, y = data(500, 6)
    problem = hinge(y, 0.1)
    first, again, other = (
        fit_box_dual(X, *problem[:3], bias=1.0, tol=1e-5, max_iter=10_000, seed=seed, method=method)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.coef, again.coef)
    np.testing.assert_allclose(first.coef, other.coef, rtol=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_out_of_iterations(method):
    X, y = data()
    problem = hinge(y, 100.0)
    fit = fit_box_dual(X, *problem[:3], bias=1.0, max_iter=2, method=method)
    assert (fit.status, fit.n_iter) == ("max_iter", 2)
    assert certificate(X, problem, 1.0, fit) > 1e-6


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["X", "y", "box"])
def test_not_finite(where, value, method):
    X, y = data()
    y, lower, upper, _ = hinge(y, 1.0)
    (X[3:4] if where == "X" else y if where == "y" else upper)[0] = value
    with pytest.raises(NonFiniteError):
        fit_box_dual(X, y, lower, upper, bias=1.0, method=method)


def linear_program(X, problem, l1):
    """Return the least sum of the losses and ``l1_j |w_j|``, the last column of X being the bias."""
    y, lower, upper, epsilon = problem
    (n, p), eye = X.shape, np.eye(len(y))
    cost = np.concatenate([np.zeros(p), l1, upper, -lower])
    over, under = np.zeros((n, n)), np.zeros((n, n))
    zeros = np.zeros((n, p))
    A = np.vstack(
        [
            np.hstack([-X, zeros, -eye, under]),  # y - Xw - epsilon <= above
            np.hstack([X, zeros, over, -eye]),
            np.hstack([np.eye(p), -np.eye(p), zeros.T, zeros.T]),
            np.hstack([-np.eye(p), -np.eye(p), zeros.T, zeros.T]),
        ]
    )
    b = np.concatenate([epsilon - y, y + epsilon, np.zeros(2 * p)])
    bounds = [(None, None)] * p + [(0, None)] * (p + 2 * n)
    found = linprog(cost, A, b, bounds=bounds)
    assert found.status == 0
    return found.fun


@pytest.mark.parametrize("storage", ["C", "csr"])
@pytest.mark.parametrize("l1", [0.0, 3.0, 1e4])
@pytest.mark.parametrize("loss", LOSSES)
def test_other_penalties_make_it_a_linear_program(loss, l1, storage):
    X, target = data(seed=3)
    problem = LOSSES[loss](target, np.linspace(0.5, 2, len(target)))
    penalty = np.append(np.full(X.shape[1], l1), 0.0)
    y, lower, upper, epsilon = problem
    design = sparse.csr_array(X) if storage == "csr" else X
    fit = fit_box_dual(design, y, lower, upper, epsilon=epsilon, bias=1.0, tol=1e-9, l1=penalty)
    w = np.append(fit.coef, fit.intercept)
    value = primal(with_bias(X, 1.0), problem, w) - w @ w / 2 + penalty @ np.abs(w)
    assert fit.status == "converged"
    np.testing.assert_allclose(fit.objective, value, rtol=1e-12)
    np.testing.assert_allclose(value, linear_program(with_bias(X, 1.0), problem, penalty), rtol=1e-8)
    if l1 == 1e4:
        np.testing.assert_allclose(fit.coef, 0, atol=1e-8)


@pytest.mark.parametrize("n", [60, 5000])
def test_elastic_net_of_two_slopes(n):
    """Proved by its duality gap, worked out here."""
    X, target = data(n, seed=4)
    y, lower, upper, _ = problem = quantile(target, 1.0)
    ridge, l1 = np.array([2.0, 2, 2, 2, 0]), np.array([5.0, 5, 5, 5, 0])
    fit = fit_box_dual(X, y, lower, upper, bias=1.0, tol=1e-10, ridge=ridge, l1=l1)
    w, Z = np.append(fit.coef, fit.intercept), with_bias(X, 1.0)
    value = primal(Z, problem, w) - w @ w / 2 + ridge @ w**2 / 2 + l1 @ np.abs(w)
    v = Z.T @ fit.dual
    dual = y @ fit.dual - (np.maximum(np.abs(v[:4]) - 5, 0) ** 2 / 4).sum()
    assert fit.status == "converged"
    assert abs(v[4]) < 1e-8 * n
    np.testing.assert_allclose([value, dual], fit.objective, rtol=1e-9)


@pytest.mark.parametrize("n", [60, 20_000])  # the latter by way of a sample
@pytest.mark.parametrize("method", ["interior_point", "coordinate_descent", "penalties"])
def test_callback_ends_the_run_with_the_best_point_so_far(method, n):
    X, target = data(n, seed=5)
    y, lower, upper, _ = problem = quantile(target, 1.0)
    options = {"ridge": np.zeros(4), "l1": np.ones(4)} if method == "penalties" else {"method": method}
    seen = []
    fit = fit_box_dual(
        X, y, lower, upper, tol=1e-12, callback=lambda *told: seen.append(told) or len(seen) == 3, **options
    )
    assert fit.status == "interrupted"
    assert len(seen) == 3
    w = fit.coef
    penalty = np.abs(w).sum() - w @ w / 2 if method == "penalties" else 0.0
    np.testing.assert_allclose(fit.objective, primal(X, problem, w) + penalty, rtol=1e-9)
    assert np.all((fit.dual >= lower) & (fit.dual <= upper))

    def broken(*_):
        raise RuntimeError("of the caller")

    with pytest.raises(RuntimeError, match="of the caller"):
        fit_box_dual(X, y, lower, upper, callback=broken, **options)
