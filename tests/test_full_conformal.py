"""Exact full conformal prediction beside a refit for every candidate value of y."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge as PeerRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlcraft.linear_model import LinearRegression, Ridge
from mlcraft.uncertainty.left_out.full_conformal import full_conformal

LEVELS = np.array([0.5, 0.8, 0.9])
ESTIMATORS = {
    "least squares": LinearRegression(),
    "ridge": Ridge(alpha=2.0),
    "ridge without intercept": Ridge(alpha=0.5, fit_intercept=False),
}


def rows(n=30, p=3, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) + 1
    return X, X[:, 0] + random.standard_normal(n), random.uniform(0.5, 2, n)


def refitted(estimator, X, y, weight, x, value):
    """The p-value of `value` at x by absolute residuals, and the predictive distribution by studentised ones."""
    X, y, weight = np.vstack([X, x]), np.append(y, value), np.append(weight, 1.0)
    model = clone(estimator).fit(X, y, weight)
    residual = y - model.predict(X)
    scaled = residual * np.sqrt(weight / (1 - model.leverage_(X, weight)))
    counted = weight > 0
    p_value = np.mean(np.abs(residual[counted]) >= np.abs(residual[-1]) - 1e-12)
    above = (scaled[-1] - scaled)[counted]
    return p_value, (np.sum(above > 1e-10) + 0.5 * np.sum(np.abs(above) <= 1e-10)) / np.sum(counted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(30, 3), (12, 20)], ids=["tall", "wide"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_equals_refits_for_every_y(name, shape, weighted):
    estimator = ESTIMATORS[name]
    X, y, weight = rows(*shape)
    weight = weight if weighted else np.ones(len(y))
    weight[4] = 0.0
    model = full_conformal(estimator, X, y, weight)
    assert model.n_calibration == len(y) - 1
    others = np.vstack([rows(2, shape[1], 1)[0], 15 * rows(2, shape[1], 2)[0]])  # near, and far out
    intervals = model.intervals(others, LEVELS)
    if shape[0] < shape[1] and not hasattr(estimator, "alpha"):
        assert np.array_equal(intervals, np.broadcast_to([[-np.inf], [np.inf]], intervals.shape))
        return
    for x, bounds in zip(others, intervals, strict=True):
        grid = np.concatenate([np.linspace(-50, 50, 41), [-1e5, 1e5]])
        for lower, upper, level in zip(*bounds, LEVELS, strict=True):
            width = 1.0 if not np.isfinite(upper - lower) else 1e-6 * max(upper - lower, 1e-3)
            for end, sign in ((lower, 1), (upper, -1)):
                if np.isfinite(end):
                    assert refitted(estimator, X, y, weight, x, end + sign * 1e-6 * width)[0] > 1 - level
                    assert refitted(estimator, X, y, weight, x, end - sign * 1e-3 * width)[0] <= 1 - level + 1e-12
            p_values = np.array([refitted(estimator, X, y, weight, x, value)[0] for value in grid[::4]])
            kept = grid[::4][p_values > 1 - level + 1e-12]
            assert np.all((kept >= lower) & (kept <= upper))
        expected = [refitted(estimator, X, y, weight, x, value)[1] for value in grid[::4]]
        np.testing.assert_allclose(model.cdf(x[np.newaxis], grid[np.newaxis, ::4])[0], expected, atol=1e-12)


def test_quantiles_are_the_jumps_of_the_distribution():
    X, y, _ = rows(39)
    model = full_conformal(Ridge(), X, y)
    others = rows(5, seed=3)[0]
    for q in (0.1, 0.5, 0.9):
        upper, lower = (model.quantiles(others, [q], side)[:, 0] for side in ("upper", "lower"))
        assert np.all(model.cdf(others, upper + 1e-9, 0.0) >= q - 1e-12)
        assert np.all(model.cdf(others, upper - 1e-9, 0.0) < q)
        assert np.all(model.cdf(others, lower - 1e-9, 0.0) <= q + 1e-12)
        assert np.all(lower <= upper)
    assert np.all(model.quantiles(others, [0.001, 0.999])[:, 1] == np.inf)
    assert np.all(model.quantiles(others, [0.001, 0.999], side="lower")[:, 0] == -np.inf)
    assert np.all(np.diff(model.cdf(others, np.linspace(-5, 5, 50) * np.ones((5, 1)))) >= 0)


def test_too_few_rows_and_rows_out_of_the_column_space():
    X, y, _ = rows(9)
    model = full_conformal(LinearRegression(), X, y)
    bounds = model.intervals(X, [0.5, 0.95])
    assert np.all(np.isfinite(bounds[:, :, 0]))
    assert np.all(np.isinf(bounds[:, :, 1]))
    X[:, 2] = 0.0
    with pytest.warns(UserWarning, match="independent"):
        model = full_conformal(LinearRegression(), X, y)
    inside, outside = model.intervals(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0]]), [0.5])
    assert np.all(np.isfinite(inside))
    assert np.all(np.isinf(outside))
    assert model.cdf([[1.0, 2.0, 1.0]], [0.3], 0.7) == 0.7


@pytest.mark.parametrize("method", ["intervals", "cdf"])
def test_coverage(method):
    random = np.random.default_rng(0)
    inside = []
    for _ in range(200):
        X = random.standard_normal((25, 3))
        y = X[:, 0] + random.standard_t(3, 25)
        model = full_conformal(Ridge(), X[:-1], y[:-1])
        if method == "intervals":
            (lower,), (upper,) = model.intervals(X[-1:], [0.8])[0]
            inside.append(lower <= y[-1] <= upper)
        else:
            inside.append(0.1 < model.cdf(X[-1:], y[-1:], random.random())[0] <= 0.9)
    assert abs(np.mean(inside) - 0.8) < 3.5 * np.sqrt(0.16 / 200)


def test_pipelines_and_refusals():
    X, y, _ = rows()
    pipe = full_conformal(make_pipeline(StandardScaler(), Ridge()), X, y)
    plain = full_conformal(Ridge(), StandardScaler().fit_transform(X), y)
    assert "fitted once" in pipe.remark
    Z = StandardScaler().fit(X).transform(X[:4])
    np.testing.assert_allclose(pipe.intervals(X[:4], LEVELS), plain.intervals(Z, LEVELS), rtol=1e-10)
    for estimator in (PeerRidge(), Ridge(positive=True)):
        with pytest.raises(ValueError, match="full conformal prediction is for"):
            full_conformal(estimator, X, y)
    with pytest.raises(ValueError, match="side"):
        plain.quantiles(Z, [0.5], side="middle")
    with pytest.raises(ValueError, match="tau"):
        plain.cdf(Z, np.zeros(4), tau=2.0)
