"""Coefficients that R finds on small real data sets: lm with and without weights, lm.ridge, nnls."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from registry import STORAGES

from mlcraft._engine.least_squares import fit_least_squares
from mlcraft.linear_model import LinearRegression, Ridge

LM = ["attitude", "cars_no_intercept", "cars_quadratic", "chickweight", "iris", "mtcars", "rock", "stackloss"]
LM += ["states", "swiss", "warpbreaks"]
WEIGHTS = ["mtcars_prior", "swiss_zero_weights", "warpbreaks_integer"]
RIDGE = ["longley", "mtcars", "swiss"]
NNLS = ["attitude", "mtcars_intercept_column", "swiss"]
every_way = pytest.mark.parametrize("storage", ["c", "f", "csr32"])


def load(shared, kind, name):
    """The expected values, the design's columns without the constant, and y."""
    case = json.loads(shared(f"reference/r/{kind}/{name}.json").read_text())
    table = np.genfromtxt(shared(f"reference/r/{kind}/{name}.csv"), delimiter=",", names=True, deletechars="")
    rows = np.array(table.tolist())
    p = len(case["columns"])
    weights = rows[:, p + 1] if case.get("weights_column") else None
    return case, rows[:, 1 : p + 1], rows[:, 0], weights


def coefficients(fit, intercept):
    return np.append(fit.intercept, fit.coef) if intercept else fit.coef


@every_way
@pytest.mark.parametrize("name", LM)
def test_lm(shared, name, storage):
    case, X, y, _ = load(shared, "lm", name)
    fit = fit_least_squares(STORAGES[storage](X), y, fit_intercept=case["intercept"])
    assert_allclose(coefficients(fit, case["intercept"]), case["coef"], rtol=1e-9)
    model = LinearRegression(fit_intercept=case["intercept"]).fit(X, y)
    assert_allclose(((y - model.predict(X)) ** 2).sum(), case["rss"], rtol=1e-9)


@every_way
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(shared, name, storage):
    case, X, y, weights = load(shared, "weights", name)
    fit = fit_least_squares(STORAGES[storage](X), y, sample_weight=weights)
    assert_allclose(coefficients(fit, True), case["prior"]["coef"], rtol=1e-9)
    if "frequency" in case:  # the same coefficients as those of repeated rows
        repeated = np.repeat(np.arange(len(y)), weights.astype(int))
        fit = fit_least_squares(STORAGES[storage](X[repeated]), y[repeated])
        assert_allclose(coefficients(fit, True), case["frequency"]["coef"], rtol=1e-9)


@pytest.mark.parametrize("name", RIDGE)
def test_ridge(shared, name):
    """lm.ridge penalises the coefficients of columns scaled by their population standard deviation."""
    case, X, y, _ = load(shared, "ridge", name)
    scales = np.array(case["scales"])
    assert_allclose(X.std(axis=0), scales, rtol=1e-12)
    for penalty, expected in zip(case["lambda"], case["coef"], strict=True):
        model = Ridge(alpha=penalty).fit(X / scales, y)
        found = np.append(model.intercept_, model.coef_ / scales)
        assert_allclose(found, expected, rtol=1e-8)
    targets = np.column_stack([y] * len(case["lambda"]))  # all penalties in one call
    model = Ridge(alpha=case["lambda"]).fit(X / scales, targets)
    assert_allclose(np.column_stack([model.intercept_, model.coef_ / scales]), case["coef"], rtol=1e-8)


@every_way
@pytest.mark.parametrize("name", NNLS)
def test_nnls(shared, name, storage):
    case, X, y, _ = load(shared, "nnls", name)
    if case["intercept"]:  # a constant column like any other, and not below zero either
        X = np.column_stack([np.ones(len(y)), X])
    fit = fit_least_squares(STORAGES[storage](X), y, positive=True, fit_intercept=False)
    assert_allclose(fit.coef, case["coef"], rtol=0, atol=1e-9 * max(case["coef"]))
    assert np.flatnonzero(fit.coef).tolist() == [j - 1 for j in case["passive"]]
    assert_allclose(((y - X @ fit.coef) ** 2).sum(), case["rss"], rtol=1e-9)
