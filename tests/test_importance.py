"""Drop-column importance: against refits without the columns, and statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import PROBLEMS, STORAGES
from scipy import stats

from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LinearRegression, Ridge

MODELS = {
    "ols": LinearRegression(),
    "ols_no_intercept": LinearRegression(fit_intercept=False),
    "ridge": Ridge(2.0),
    "ridge_no_intercept": Ridge(2.0, fit_intercept=False),
    "ridge_small": Ridge(1e-3),
}
# Conditions of 1e5 and more; groups of a wide design have their square.
LOOSE = {"large_mean": 1e-7, "near_collinear": 1e-6, "polynomial": 1e-7, "outlier": 1e-8, "collinear_scales": 1e-7}
LOOSE |= {"wide_mean": 1e-3, "wide_scaled": 1e-6}


def problem(name):
    found = PROBLEMS[name]()
    y = found.y if found.y.ndim == 1 else found.y[:, 0]
    return found.X, y, found.weight


def fit(model, X, y, weight):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        return type(model)(**model.get_params()).fit(X, y, weight)


def losses(model, X, y, weight):
    """Residual sum of squares and penalised objective of a fit."""
    weights = np.ones(len(y)) if weight is None else weight
    rss = weights @ (y - model.predict(X)) ** 2
    return rss, rss + float(getattr(model, "alpha", 0.0)) * (model.coef_ @ model.coef_)


def without(model, X, y, weight, group):
    """The same for the fit without a group of columns."""
    kept = [j for j in range(X.shape[1]) if j not in group]
    if kept:
        others = fit(model, X[:, kept], y, weight)
        return losses(others, X[:, kept], y, weight)
    centre = np.average(y, weights=weight) if model.fit_intercept else 0.0
    rss = (np.ones(len(y)) if weight is None else weight) @ (y - centre) ** 2
    return rss, rss


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", [name for name in PROBLEMS if name not in ("one_row", "zero_weights")])
def test_equals_refits(name, kind):
    X, y, weight = problem(name)
    model = fit(MODELS[kind], X, y, weight)
    groups = [[0], list(range(min(2, X.shape[1]))), list(range(0, X.shape[1], 2)), list(range(X.shape[1]))]
    wide = model.factor_.dual
    if wide and kind.startswith("ols"):
        with pytest.raises(ValueError, match="nothing is lost"):
            model.importance_(X, y, sample_weight=weight)
        return
    # without the rows, V is only as good as the factor: four digits are lost for each factor of 100 of the condition
    rows = {"X": X, "y": y, "sample_weight": weight} if wide or name in LOOSE else {}
    found = model.importance_(**rows, columns=list(range(X.shape[1])), groups=groups)
    rss, objective = losses(model, X, y, weight)
    total = without(model, X, y, weight, range(X.shape[1]))[0]
    tolerance = LOOSE.get(name, 1e-9)
    for place, group in enumerate(found.columns):
        expected = without(model, X, y, weight, group)
        slack = tolerance * max(total, expected[0])
        assert_allclose(found.rss_increase[place], expected[0] - rss, rtol=tolerance, atol=slack)
        assert_allclose(found.objective_increase[place], expected[1] - objective, rtol=tolerance, atol=slack)
        assert_allclose(found.r2_decrease[place], (expected[0] - rss) / total, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("storage", STORAGES)
def test_rows_make_no_difference(storage):
    X, y, weight = problem("weighted")
    given = STORAGES[storage](X)
    for model in (LinearRegression(), Ridge(3.0)):
        model.fit(given, y, weight)
        alone, rows = model.importance_(), model.importance_(given, y, sample_weight=weight)
        assert_allclose(rows.rss_increase, alone.rss_increase, rtol=1e-12)
        kept, model._kept = model._kept, type(model._kept)(factor=model.factor_)
        assert_allclose(model.importance_(given, y, sample_weight=weight).f_statistic, alone.f_statistic, rtol=1e-9)
        with pytest.raises(ValueError, match="no sums of squares"):
            model.importance_()
        model._kept = kept


@pytest.mark.parametrize("storage", ["c", "csr32"])
def test_wide_storages(storage):
    X, y, weight = problem("wide_weighted")
    model = Ridge(2.0).fit(STORAGES[storage](X), y, weight)
    found = model.importance_(STORAGES[storage](X), y, sample_weight=weight)
    expected = [without(model, X, y, weight, [j])[1] - losses(model, X, y, weight)[1] for j in range(12)]
    assert_allclose(found.objective_increase, expected, rtol=1e-9)
    with pytest.raises(ValueError, match="pass the X and y"):
        model.importance_()


def test_f_tests():
    X, y, _ = problem("plain")
    y = y + 5 * np.sin(np.arange(31))
    api = pytest.importorskip("statsmodels.api")
    theirs = api.OLS(y, api.add_constant(X)).fit()
    found = LinearRegression().fit(X, y).importance_(columns=[0, 1, 2, 3], groups={"two": [1, 3]})
    assert_allclose(found.f_statistic[:4], theirs.tvalues[1:] ** 2, rtol=1e-9)
    assert_allclose(found.p_value[:4], theirs.pvalues[1:], rtol=1e-9)
    joint = theirs.f_test(np.eye(5)[[2, 4]])
    assert found.f_statistic[4] == pytest.approx(float(joint.fvalue), rel=1e-9)
    assert found.p_value[4] == pytest.approx(float(joint.pvalue), rel=1e-9)
    assert found.names == ("x0", "x1", "x2", "x3", "two")
    assert_array_equal(found.df, [1, 1, 1, 1, 2])
    assert found.residual_df == pytest.approx(26)


def test_f_of_dependent_columns():
    """Duplicated columns can go one at a time, and cost one coefficient together."""
    X, y, _ = problem("duplicated")
    y = y + np.sin(np.arange(31))
    with pytest.warns(CollinearityWarning):
        model = LinearRegression().fit(X, y)
    found = model.importance_(columns=[0, 1, 2, 3, 4], groups={"first": [0, 3, 4], "second": [1, 2]})
    assert_array_equal(found.df, [0, 0, 0, 0, 0, 1, 1])
    assert_allclose(found.rss_increase[:5], 0.0, atol=1e-10)
    assert np.isnan(found.f_statistic[:5]).all()
    small = LinearRegression().fit(X[:, :2], y).importance_()
    assert_allclose(found.f_statistic[5:], small.f_statistic, rtol=1e-9)
    assert_allclose(found.p_value[5:], small.p_value, rtol=1e-9)


def test_penalised_fits_have_no_f():
    X, y, _ = problem("plain")
    found = Ridge(1.0).fit(X, y).importance_()
    assert np.isnan(found.f_statistic).all()
    assert np.isnan(found.p_value).all()
    assert (found.objective_increase > 0).all()


def test_tiny_p_values():
    x = np.arange(50.0)
    found = LinearRegression().fit(x[:, None], x + 1e-3 * np.sin(x)).importance_()
    assert found.p_value[0] == pytest.approx(stats.f.sf(found.f_statistic[0], 1, 48), rel=1e-9)
    assert 0 < found.p_value[0] < 1e-150


def test_targets():
    problem = PROBLEMS["targets"]()
    alpha = np.array([1.0, 10.0, 1.0])
    for make in (LinearRegression, lambda: Ridge(alpha)):
        found = make().fit(problem.X, problem.y).importance_(groups=[[0, 1], 2])
        assert found.rss_increase.shape == (3, 2)
        for t in range(3):
            model = make()
            if isinstance(model, Ridge):
                model = Ridge(alpha[t])
            alone = model.fit(problem.X, problem.y[:, t]).importance_(groups=[[0, 1], 2])
            assert_allclose(found.rss_increase[t], alone.rss_increase, rtol=1e-9)
            assert_array_equal(found.to_frame(t).index, alone.to_frame().index)


def test_names():
    pd = pytest.importorskip("pandas")
    X, y, _ = problem("plain")
    frame = pd.DataFrame(X, columns=["age", "sex", "bmi", "s1"])
    model = LinearRegression().fit(frame, y)
    found = model.importance_(columns=["bmi", 0], groups={"both": ["age", "s1", "age"]})
    assert found.names == ("bmi", "age", "both")
    assert found.columns == ((2,), (0,), (0, 3))
    assert model.importance_(columns="sex").names == ("sex",)
    assert model.importance_(groups=[["age", "s1"]]).names == ("age, s1",)
    table = model.importance_().to_frame()
    assert table.index.name == "column"
    assert table["rss_increase"].is_monotonic_decreasing
    for wrong, text in (("weight", "no column 'weight'"), (4, "from 0 to 3"), (-1, "from 0 to 3"), (True, "got True")):
        with pytest.raises(ValueError, match=text):
            model.importance_(columns=[wrong])
    with pytest.raises(ValueError, match="no columns"):
        model.importance_(groups={"empty": []})


def test_refuses():
    X, y, _ = problem("plain")
    with pytest.raises(ValueError, match="not fitted"):
        LinearRegression().importance_()
    with pytest.raises(ValueError, match="positive=True"):
        LinearRegression(positive=True).fit(X, y).importance_()
    with pytest.raises(ValueError, match="sum to 31"):
        LinearRegression().fit(X, y).importance_(X[1:], y[1:])
    with pytest.raises(ValueError, match="y must be"):
        LinearRegression().fit(X, y).importance_(X)
