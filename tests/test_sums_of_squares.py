"""What a fit leaves unexplained: sums of squares against exact arithmetic, whatever the path of the solver."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import mlcraft
from mlcraft._engine.least_squares import fit_least_squares
from mlcraft.linear_model import LinearRegression, Ridge

RNG = np.random.default_rng(7)


def exact_sums(X, y, fit, sample_weight, fit_intercept):
    """Sums in rational arithmetic for one target."""
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    w = [Fraction(float(v)) for v in weight]
    t = [Fraction(float(v)) for v in y]
    mean = sum(a * b for a, b in zip(w, t, strict=True)) / sum(w) if fit_intercept else Fraction(0)
    coef, constant = [Fraction(float(b)) for b in fit.coef], Fraction(float(fit.intercept))
    fitted = [sum(b * Fraction(float(v)) for b, v in zip(coef, row, strict=True)) + constant for row in X]
    total = sum(a * (b - mean) ** 2 for a, b in zip(w, t, strict=True))
    residual = sum(a * (b - c) ** 2 for a, b, c in zip(w, t, fitted, strict=True))
    return float(mean), float(total), float(residual)


def problem(n, p, noise, offset=0.0):
    X = RNG.normal(size=(n, p)) + offset
    return X, X @ RNG.normal(size=p) + noise * RNG.normal(size=n) + 3.0


CASES = {
    "loose": (*problem(60, 3, 1.0), 0.0, 1e-12),
    "close": (*problem(900, 4, 1e-7), 0.0, 1e-9),
    "far from zero": (*problem(80, 3, 1.0, offset=1e6), 0.0, 1e-12),
    "ridge": (*problem(60, 3, 1.0), 2.5, 1e-12),
    "wide ridge": (*problem(12, 30, 1.0), 4.0, 1e-12),
    "ill-conditioned": (np.vander(np.linspace(0, 1, 40), 9), RNG.normal(size=40), 0.0, 1e-10),
    "dependent": (problem(40, 2, 1.0)[0] @ np.array([[1.0, 0, 1], [0, 1, 1]]), RNG.normal(size=40), 0.0, 1e-11),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_sums_are_those_of_exact_arithmetic(name, fit_intercept, weighted):
    X, y, alpha, tolerance = CASES[name]
    weight = RNG.integers(0, 4, size=len(y)).astype(float) if weighted else None
    fit = fit_least_squares(X, y, alpha=alpha, sample_weight=weight, fit_intercept=fit_intercept)
    mean, total, residual = exact_sums(X, y, fit, weight, fit_intercept)
    assert fit.sums.n_samples == (len(y) if weight is None else np.count_nonzero(weight))
    assert_allclose(fit.sums.y_mean, [mean], rtol=1e-13)
    assert_allclose(fit.sums.total, [total], rtol=1e-12)
    assert_allclose(fit.sums.residual, [residual], rtol=tolerance)


@pytest.mark.parametrize("noise", [1.0, 1e-3])
def test_large_float32_and_sparse(noise):
    X, y = problem(30_000, 6, noise)
    expected = np.sum((y - LinearRegression().fit(X, y).predict(X)) ** 2)
    assert_allclose(LinearRegression().fit(X, y).sums_of_squares_.residual, [expected], rtol=1e-10)
    assert_allclose(LinearRegression().fit(sparse.csr_array(X), y).sums_of_squares_.residual, [expected], rtol=1e-10)
    single = LinearRegression().fit(X.astype(np.float32), y.astype(np.float32))
    expected = np.sum((y.astype(np.float32) - single.predict(X.astype(np.float32)).astype(float)) ** 2)
    assert_allclose(single.sums_of_squares_.residual, [expected], rtol=1e-3)


def test_targets_solvers_and_engines_agree():
    X, y = problem(200, 4, 1.0)
    Y = np.column_stack([y, y**2])
    expected = np.sum((Y - LinearRegression().fit(X, Y).predict(X)) ** 2, axis=0)
    for X_, alpha in ((X, 0.0), (sparse.csr_array(X), 0.0), (X, np.array([0.0, 0.0]))):
        assert_allclose(Ridge(alpha=alpha).fit(X_, Y).sums_of_squares_.residual, expected, rtol=1e-11)
    with mlcraft.config_context(engine="numba"):
        sums = LinearRegression().fit(X, Y).sums_of_squares_
    assert sums.n_samples == 200
    assert_allclose(sums.residual, expected, rtol=1e-11)
    wide = sparse.random_array((50, 3000), density=0.01, rng=RNG, format="csr")
    model = Ridge(alpha=0.1).fit(wide, Y[:50])
    assert_allclose(model.sums_of_squares_.residual, np.sum((Y[:50] - model.predict(wide)) ** 2, axis=0), rtol=1e-6)
    positive = LinearRegression(positive=True).fit(X, y)
    assert_allclose(positive.sums_of_squares_.residual, [np.sum((y - positive.predict(X)) ** 2)], rtol=1e-11)


def test_numbers_out_of_range_are_scaled_back():
    X, y = problem(40, 3, 1.0)
    usual, tiny = (LinearRegression().fit(X * a, y * a).sums_of_squares_ for a in (1.0, 2.0**-600))
    assert_array_equal(tiny.total, [0.0])  # 2^-1200 of it, below the range
    assert usual.total[0] > 0
    large = LinearRegression().fit(X * 2.0**600, y).sums_of_squares_
    assert_allclose(large.residual, usual.residual, rtol=1e-12)


@pytest.mark.parametrize("cls", [LinearRegression, Ridge])
def test_what_is_kept_survives_a_pickle_and_costs_nothing_before(cls):
    X, y = problem(5000, 4, 1.0)
    model = cls()
    with pytest.raises(AttributeError, match="factor_"):
        model.factor_
    model.fit(X, y)
    data = pickle.dumps(model)
    assert len(data) < 4000
    again = pickle.loads(data)
    assert_array_equal(again.factor_.lower, model.factor_.lower)
    assert again.sums_of_squares_ == again.sums_of_squares_
    assert_array_equal(again.sums_of_squares_.residual, model.sums_of_squares_.residual)
    assert again.sums_of_squares_.n_samples == 5000
