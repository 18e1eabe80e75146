"""Quantile regression: R, a linear program, the signs that prove a vertex, and hostile input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from registry import STORAGES
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning

from mlcraft._engine.quantile import fit_quantile
from mlcraft.linear_model import QuantileRegressor
from mlcraft.model_file import load_model, save_model


def pinball(residual, quantile):
    return np.maximum(quantile * residual, (quantile - 1) * residual)


def least(X, y, quantile, alpha, weight):
    """The smallest objective, by a linear program over the parts of the coefficients and of the residuals."""
    share, n = weight / weight.sum(), len(y)
    design = np.column_stack([X, np.ones(n)])
    penalty = np.append(np.full(X.shape[1], alpha), 0.0)
    cost = np.concatenate([penalty, penalty, quantile * share, (1 - quantile) * share])
    found = linprog(cost, A_eq=np.hstack([design, -design, np.eye(n), -np.eye(n)]), b_eq=y)
    assert found.status == 0
    return found.fun


def drawn(n=80, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * 10.0 ** np.arange(-1, p - 1) + 3
    return X, X @ rng.standard_normal(p) / 10 + rng.standard_t(2, n), rng.uniform(0.2, 2, n)


@pytest.mark.parametrize("name", ["engel", "mtcars", "stackloss", "swiss"])
def test_quantreg(shared, name):
    case = json.loads(shared(f"reference/r/rq/{name}.json").read_text())
    table = np.genfromtxt(shared(f"reference/r/rq/{name}.csv"), delimiter=",", names=True, deletechars="")
    rows = np.array(table.tolist())
    X, y = rows[:, 1 : len(case["columns"]) + 1], rows[:, 0]
    for expected in case["fits"]:
        tau = expected["tau"]
        model = QuantileRegressor(quantile=tau, alpha=0).fit(X, y)
        assert_allclose(pinball(y - model.predict(X), tau).sum(), expected["objective"], rtol=1e-9)
        if expected["unique"]:
            assert_allclose(np.append(model.intercept_, model.coef_), expected["coef"], rtol=1e-8)
            assert model.certificate_ == 0
            assert np.sum(np.abs(y - model.predict(X)) < 1e-8) == expected["zero_residuals"]


@pytest.mark.parametrize("storage", ["c", "f", "csr32", "csc64", "reversed_both"])
@pytest.mark.parametrize("alpha", [0.0, 0.02, 0.3, 1e3])
@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.8])
def test_against_a_linear_program(quantile, alpha, storage):
    X, y, weight = drawn()
    model = QuantileRegressor(quantile=quantile, alpha=alpha).fit(STORAGES[storage](X), y, weight)
    loss = np.average(pinball(y - model.predict(X), quantile), weights=weight) + alpha * np.abs(model.coef_).sum()
    assert_allclose(loss, least(X, y, quantile, alpha, weight), rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_a_vertex_is_proved_by_its_signs(alpha):
    X, y, weight = drawn(3000, 6, seed=1)
    fit = fit_quantile(X, y, quantile=0.3, alpha=alpha, sample_weight=weight)
    share = weight / weight.sum()
    residual = y - X @ fit.coef - fit.intercept
    far = np.abs(residual) > 1e-9
    assert fit.gap == 0
    assert np.sum(~far) == np.sum(fit.coef != 0) + 1
    assert_allclose(fit.dual[far], np.where(residual[far] > 0, 0.3 * share[far], -0.7 * share[far]), rtol=1e-12)
    assert np.all((fit.dual <= 0.3 * share) & (fit.dual >= -0.7 * share))
    assert abs(fit.dual.sum()) < 1e-12
    pull = X.T @ fit.dual
    assert_allclose(pull[fit.coef != 0], alpha * np.sign(fit.coef[fit.coef != 0]), atol=1e-11)
    assert np.all(np.abs(pull) <= alpha + 1e-11)


def test_several_quantiles_at_once_and_without_crossing():
    X, y, _ = drawn(60, 3, seed=2)
    quantiles = [0.9, 0.1, 0.5]
    model = QuantileRegressor(quantile=quantiles, alpha=0).fit(X, y)
    for row, quantile in enumerate(quantiles):
        one = QuantileRegressor(quantile=quantile, alpha=0).fit(X, y)
        assert_allclose(model.coef_[row], one.coef_)
        assert_allclose(model.intercept_[row], one.intercept_)
    far = X * 20 - 100
    crossing, sorted_ = model.predict(far), model.predict(far, non_crossing=True)
    assert np.any(np.diff(crossing[:, [1, 2, 0]], axis=1) < 0)
    assert np.all(np.diff(sorted_[:, [1, 2, 0]], axis=1) >= 0)
    assert_allclose(np.sort(sorted_, axis=1), np.sort(crossing, axis=1))


def test_weight_zero_is_a_missing_row_and_weights_are_repetitions():
    X, y, _ = drawn(70, 3, seed=3)
    counts = np.random.default_rng(4).integers(0, 4, 70)
    weighted = QuantileRegressor(quantile=0.7, alpha=0.01).fit(X, y, counts)
    repeated = np.repeat(np.arange(70), counts)
    again = QuantileRegressor(quantile=0.7, alpha=0.01).fit(X[repeated], y[repeated])
    assert_allclose(weighted.coef_, again.coef_, rtol=1e-7)
    assert_allclose(weighted.intercept_, again.intercept_, rtol=1e-7)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_of_y_and_of_the_columns_change_nothing_else(scale):
    X, y, _ = drawn(200, 3, seed=5)
    plain = QuantileRegressor(alpha=0).fit(X, y)
    scaled = QuantileRegressor(alpha=0).fit(X * [scale, 1, 1 / scale], y * scale)
    assert_allclose(scaled.coef_ * [scale, 1, 1 / scale] / scale, plain.coef_, rtol=1e-6)


def hostile():
    X, y, _ = drawn(30, 3, seed=6)
    return {
        "constant column": (np.column_stack([X, np.full(30, 7.0)]), y),
        "dependent columns": (np.column_stack([X, X[:, 0] - X[:, 1]]), y),
        "constant target": (X, np.full(30, 4.0)),
        "ties": (np.round(X / 20), np.round(y)),
        "one row": (X[:1], y[:1]),
        "fewer rows than columns": (X[:2], y[:2]),
        "duplicate rows": (np.repeat(X[:5], 6, axis=0), np.repeat(y[:5], 6)),
        "far mean": (X + 1e6, y + 1e8),
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("name", hostile())
def test_degenerate_data(name, alpha):
    X, y = hostile()[name]
    model = QuantileRegressor(quantile=0.4, alpha=alpha).fit(X, y)
    loss = pinball(y - model.predict(X), 0.4).mean() + alpha * np.abs(model.coef_).sum()
    best = least(X - X.mean(axis=0), y - y.mean(), 0.4, alpha, np.ones(len(y)))
    assert np.isfinite(model.coef_).all()
    assert loss <= best * (1 + 1e-6) + 1e-8 * max(1.0, np.abs(y).max())


@pytest.mark.parametrize("storage", ["c", "csr32"])
@pytest.mark.parametrize("quantile", [0.05, 0.5])
def test_what_no_row_sees_has_no_coefficient(quantile, storage):
    X, y, weight = drawn(300, 4, seed=8)
    extra = np.column_stack([X, np.full(300, -0.016), np.zeros(300), X[:, 0] - 2 * X[:, 1], np.zeros(300)])
    weight[-1], extra[-1, -1] = 0.0, 1.0  # seen only by a row without weight
    model = QuantileRegressor(quantile=quantile, alpha=0).fit(STORAGES[storage](extra), y, weight)
    plain = QuantileRegressor(quantile=quantile, alpha=0).fit(X, y, weight)
    np.testing.assert_array_equal(model.coef_[[4, 5, 7]], 0)
    assert_allclose(model.predict(extra[:-1]), plain.predict(X[:-1]), rtol=1e-5, atol=1e-5 * np.abs(y).max())
    # of all combinations that predict the same, the smallest at unit spread
    spread = np.sqrt(np.average((extra - np.average(extra, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
    unseen = np.array([1.0, -2, 0, 0, 0, 0, -1, 0])
    direction = unseen[[0, 1, 6]] * spread[[0, 1, 6]]
    assert abs(direction @ (model.coef_ * spread)[[0, 1, 6]]) < 1e-6 * np.linalg.norm(direction)


def test_bad_input_is_named():
    X, y, _ = drawn()
    with pytest.raises(ValueError, match=r"quantile must be a number between 0 and 1.*\[0.2, 1.5\]"):
        QuantileRegressor(quantile=[0.2, 1.5]).fit(X, y)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        QuantileRegressor().fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"stopped by max_iter after 2 steps with a duality gap of"):
        QuantileRegressor(solver_options={"maxiter": 2}).fit(*drawn()[:2])


def test_a_model_file_holds_it(tmp_path):
    X, y, _ = drawn()
    for quantile in (0.3, [0.1, 0.9]):
        model = QuantileRegressor(quantile=quantile, alpha=0.1).fit(X, y)
        save_model(tmp_path / "model.mlc", model)
        np.testing.assert_array_equal(load_model(tmp_path / "model.mlc").predict(X), model.predict(X))


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("y", [np.ones(30), np.zeros(30), np.full(30, -1e9)])
def test_equal_values_are_fitted_without_a_word(y, alpha):
    X = np.random.default_rng(0).standard_normal((30, 3))
    model = QuantileRegressor(quantile=0.3, alpha=alpha).fit(X, y)  # a warning would be an error here
    assert_allclose(model.predict(X), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(40, 3), (10, 25)])
def test_an_exact_fit_is_no_failure(shape):
    X = np.random.default_rng(0).standard_normal(shape)
    y = X @ np.arange(1.0, shape[1] + 1)
    model = QuantileRegressor(alpha=0).fit(X, y)
    assert_allclose(model.predict(X), y, atol=1e-8 * np.abs(y).max())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is told by Linux")
def test_memory_stays_below_twice_the_rows():
    root = Path(__file__).resolve().parents[1]
    call = "memory_of_quantile('mlcraft', 100_000, 0.9)"
    code = f"import json; from benchmarks.drop_ins import memory_of_quantile; print(json.dumps({call}))"
    limits = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, **limits},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(run.stdout)
    assert found["extra"] < 2 * found["x"]
