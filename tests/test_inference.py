"""Summaries, hypotheses, comparisons and prediction intervals: what they say, and when they say that they cannot."""

import json
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from test_reference_nist import CONSTRUCTED, REGRESSIONS, digits, regression

from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LinearRegression, Ridge, RidgeCV
from mlcraft.uncertainty import Covariance, model_of, parse_hypotheses


def data(n=50, p=3, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) + 2
    return X, X @ np.arange(1.0, p + 1) + 3 + random.standard_normal(n)


@pytest.fixture
def fitted():
    return LinearRegression().fit(*data())


# ---------------------------------------------------------------- certified values


@pytest.mark.parametrize("name", REGRESSIONS)
def test_certified_standard_errors(shared, name):
    case, X, y = regression(shared(f"reference/nist/{name}.json"))
    certified = case["certified"]
    model = LinearRegression(fit_intercept=case["model"]["intercept"]).fit(X, y)
    summary = model.summary()
    assert digits(summary.standard_error, certified["se"]) >= 12.5
    assert digits([summary.residual_sd], [certified["residual_sd"]]) >= 12.5
    assert digits([summary.r2], [certified["r_squared"]]) >= 13
    if isinstance(certified["f_statistic"], float):
        assert digits([summary.f_statistic], [certified["f_statistic"]]) >= 12.5
    assert summary.df == certified["df"]


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_standard_errors_of_polynomials(shared, name):
    """Condition numbers up to 1e10 (Filip), of which no solver gets more than the data carry."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(shared("data/nist_strd.parquet"))
    certified = json.loads(shared("data/nist_strd_reference.json").read_text())[name]
    part = table[table["problem"] == name]
    x, y, intercept = part["x"].to_numpy(), part["y"].to_numpy(), name != "NoInt1"
    X = np.column_stack([x**k for k in range(1, len(certified["beta"]) + (not intercept))])
    model = LinearRegression(fit_intercept=intercept).fit(X, y)
    known = 7.0 if name == "Filip" else 10.0
    assert digits(model.summary().standard_error, certified["sd"]) >= known
    mended = model.cov_params_(X=X, y=y)  # the rows tell what the factor cannot
    assert digits(mended.standard_errors, certified["sd"]) >= (7.0 if name == "Filip" else 12.0)


# ---------------------------------------------------------------- what a summary says


def test_names_of_frames():
    pandas = pytest.importorskip("pandas")
    X, y = data()
    frame = pandas.DataFrame(X, columns=["height", "a, b", "<&>"])
    model = LinearRegression().fit(frame, y)
    summary = model.summary(covariance="HC3", X=frame, y=pandas.Series(y))
    table = summary.to_frame()
    assert list(table.index) == ["intercept", "height", "a, b", "<&>"]
    assert list(table.columns) == ["coef", "std_error", "t", "p_value", "lower", "upper"]
    assert_allclose(table["coef"], np.append(model.intercept_, model.coef_))
    text = str(summary)
    assert all(name in text for name in (*table.index, "HC3", "e^2 / (1 - h)^2", "residual sd", "BIC"))
    html = summary._repr_html_()
    assert "&lt;&amp;&gt;" in html
    assert html.count("<tr>") == 5 + 1 + 4
    assert "<style" not in html
    assert model.conf_int()["a, b"][0] == pytest.approx(table_of(model)["lower"]["a, b"])
    assert list(model.cov_params_().to_frame().columns) == list(table.index)
    assert list(model.conf_int().to_frame().index) == list(table.index)
    assert model.f_test("a, b, height = 1").hypotheses == ("a, b = 0", "height = 1")
    with pytest.raises(ValueError, match="feature names"):
        model.cov_params_("HC0", X=frame[["a, b", "height", "<&>"]], y=y)
    with pytest.raises(KeyError, match="no parameter 'weight'"):
        model.conf_int()["weight"]


def table_of(model):
    return model.summary().to_frame()


def test_polars_frames():
    polars = pytest.importorskip("polars")
    X, y = data()
    frame = polars.DataFrame(X, schema=["a", "b", "c"])
    model = LinearRegression().fit(frame, y)
    robust = model.cov_params_("HC1", X=frame, y=polars.Series(y))
    assert_allclose(robust, LinearRegression().fit(X, y).cov_params_("HC1", X=X, y=y))
    assert robust.names == ("intercept", "a", "b", "c")


def test_several_targets():
    X, y = data()
    targets = np.column_stack([y, -y, np.cos(y)])
    model = LinearRegression().fit(X, targets)
    summary = model.summary()
    assert [part.target for part in summary.targets] == ["y0", "y1", "y2"]
    assert str(summary).count("LinearRegression of y") == 3
    with pytest.raises(AttributeError):
        summary.coef
    single = model.summary(target=2)
    alone = LinearRegression().fit(X, targets[:, 2]).summary()
    for name in ("coef", "standard_error", "p_value", "r2", "aic", "f_statistic", "lower"):
        assert_allclose(getattr(single, name), getattr(alone, name), rtol=1e-9)
    assert np.asarray(model.conf_int()).shape == (3, 4, 2)
    assert np.asarray(model.conf_int(target=1)).shape == (4, 2)
    pytest.importorskip("pandas")
    assert summary.to_frame().shape == (12, 6)
    assert model.cov_params_().to_frame().shape == (12, 4)
    assert model.conf_int().to_frame().shape == (12, 2)
    with pytest.raises(ValueError, match="3 targets: say which one"):
        model.f_test("x0")
    found = model.predict_interval(X[:5], [0.9, 0.95])
    assert found.prediction.shape == (5, 3)
    assert found.lower.shape == (5, 3, 2)
    column = LinearRegression().fit(X, targets[:, :1])
    assert np.asarray(column.cov_params_()).shape == (1, 4, 4)
    assert column.predict_interval(X[:5]).prediction.shape == (5, 1)


def test_a_covariance_serves_everywhere(fitted):
    X, y = data()
    robust = fitted.cov_params_("HC3", X=X, y=y)
    assert isinstance(robust, Covariance)
    assert_allclose(fitted.summary(covariance=robust).standard_error, robust.standard_errors)
    assert_allclose(fitted.conf_int(covariance=robust).lower, fitted.conf_int(covariance="HC3", X=X, y=y).lower)
    assert fitted.f_test("x0", covariance=robust).covariance == "HC3"
    assert robust[0, 1] == np.asarray(robust)[0, 1]
    assert "HC3" in repr(robust)
    frozen = pickle.loads(pickle.dumps(robust))
    assert_allclose(frozen, robust)
    with pytest.raises(ValueError, match="belongs to another model"):
        LinearRegression().fit(X[:, :2], y).summary(covariance=robust)


def notes(model, **arguments):
    return "\n".join(model.summary(**arguments).notes)


def test_warnings_in_plain_words():
    X, y = data()
    assert notes(LinearRegression().fit(X, y)) == ""
    near = np.column_stack([X, X[:, 0] + 1e-3 * np.sin(np.arange(50))])
    assert "nearly depend on each other" in notes(LinearRegression().fit(near, y))
    assert "x3 (" in notes(LinearRegression().fit(near, y))
    assert "Few rows: 12 for 4 parameters" in notes(LinearRegression().fit(X[:12], y[:12]))
    assert "exact" in notes(LinearRegression().fit(X, 3 * X[:, 0] + 1))
    assert "chosen on these rows" in notes(RidgeCV().fit(X, y))
    assert "chosen on these rows" not in notes(Ridge().fit(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        twice = LinearRegression().fit(np.column_stack([X, X[:, 0]]), y)
    assert "do not determine x0, x3" in notes(twice)
    summary = twice.summary()
    assert np.isnan(summary.standard_error[[1, 4]]).all()
    reference = LinearRegression().fit(X, y).summary()
    for name in ("r2", "f_statistic", "residual_sd", "aic", "df"):
        assert_allclose(getattr(summary, name), getattr(reference, name), rtol=1e-9)
    groups = np.arange(50) % 5
    few = notes(LinearRegression().fit(X, y), covariance="CR1S", X=X, y=y, groups=groups)
    assert "Few clusters (5)" in few
    assert "CRV3" in few
    many = LinearRegression().fit(np.column_stack([X, np.cos(X)]), y)
    arguments = {"covariance": "CR0", "X": np.column_stack([X, np.cos(X)]), "y": y, "groups": groups}
    assert "No F test" in notes(many, **arguments)
    assert np.isnan(many.summary(**arguments).f_statistic)


def test_no_degrees_of_freedom_are_left():
    X, y = data(n=4)
    model = LinearRegression().fit(X[:, :2], y)
    assert np.isfinite(model.summary().standard_error).all()
    tight = LinearRegression(fit_intercept=False).fit(np.vstack([np.eye(3), np.zeros(3)]), y)
    summary = tight.summary()
    assert summary.df == 1
    weight = np.array([1.0, 1.0, 1.0, 0.0])
    exact = LinearRegression().fit(X[:, :2], y, weight).summary()
    assert exact.df == 0
    assert np.isnan(exact.standard_error).all()
    assert np.isnan([exact.adjusted_r2, exact.f_p_value]).all()
    assert "nan" in str(exact)


def test_the_intercept_alone():
    y = np.array([1.0, 2.0, 4.0, 7.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        summary = LinearRegression().fit(np.zeros((4, 1)), y).summary()
    assert_allclose(summary.standard_error[0], y.std(ddof=1) / 2)
    assert np.isnan(summary.standard_error[1])
    assert np.isnan(summary.f_statistic)


# ---------------------------------------------------------------- penalties


def test_ridge_is_honest():
    """The covariance is that of the penalised estimate, and the bias is beside it: both against their definitions."""
    X, y = data(n=30)
    alpha = 11.0
    model = Ridge(alpha).fit(X, y)
    centred = X - X.mean(axis=0)
    matrix = centred.T @ centred
    inverse = np.linalg.inv(matrix + alpha * np.eye(3))
    df = 30 - 1 - np.trace(inverse @ matrix)
    variance = ((y - model.predict(X)) ** 2).sum() / df
    found = model.cov_params_()
    assert_allclose(found.matrix[1:, 1:], variance * inverse @ matrix @ inverse, rtol=1e-9)
    assert_allclose(found.bias[1:], -alpha * inverse @ model.coef_, rtol=1e-9)
    assert_allclose(found.bias[0], -X.mean(axis=0) @ found.bias[1:], rtol=1e-9)
    assert found.df == pytest.approx(df)
    summary = model.summary()
    assert "does not hold" in (Covariance.__doc__ or "")
    assert "pulls coefficients towards zero" in "\n".join(summary.notes)
    assert "bias" in str(summary)
    assert "bias" in summary.to_html()
    assert np.isnan(summary.f_statistic)
    pytest.importorskip("pandas")
    assert_allclose(summary.to_frame()["bias"], found.bias)
    # never the naive standard error, which takes the inverse for the covariance
    assert (found.standard_errors[1:] < np.sqrt(variance * np.diagonal(inverse))).all()


def test_ridge_covariance_by_simulation():
    """For fixed X and normal noise the coefficients vary as the sandwich says, around a biased mean."""
    random = np.random.default_rng(0)
    X, truth = random.standard_normal((20, 3)), np.array([1.0, -2.0, 0.5])
    draws = X @ truth + random.standard_normal((4000, 20))
    model = Ridge(10.0).fit(X, draws.T)
    centred = X - X.mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred + 10 * np.eye(3))
    covariance = np.cov(model.coef_.T)
    expected = model_of(model)
    shape = expected.geometry(0).feature_inverse
    assert_allclose(shape, inverse, rtol=1e-9)
    assert_allclose(covariance, inverse @ centred.T @ centred @ inverse, atol=0.003)
    assert_allclose(model.coef_.mean(axis=0) - truth, -10 * inverse @ truth, atol=0.02)


@pytest.mark.parametrize("lambda_", range(5))
@pytest.mark.parametrize("name", ["longley", "mtcars", "swiss"])
def test_effective_degrees_of_freedom(shared, name, lambda_):
    """Those of MASS::lm.ridge, which leaves the intercept out."""
    case = json.loads(shared(f"reference/r/ridge/{name}.json").read_text())
    table = np.genfromtxt(shared(f"reference/r/ridge/{name}.csv"), delimiter=",", names=True, deletechars="")
    rows = np.array(table.tolist())
    X, y = rows[:, 1 : len(case["columns"]) + 1] / np.array(case["scales"]), rows[:, 0]
    model = Ridge(case["lambda"][lambda_]).fit(X, y)
    found = model_of(model).geometry().effective_df - 1
    assert_allclose(found, case["effective_df"][lambda_], rtol=1e-8)
    gcv = model.sums_of_squares_.residual[0] / (len(y) - found) ** 2
    assert_allclose(gcv, case["gcv"][lambda_], rtol=1e-8)


def test_a_small_penalty_is_least_squares():
    X, y = data()
    expected = LinearRegression().fit(X, y)
    for alpha in (0.0, 1e-9):
        model = Ridge(alpha).fit(X, y)
        assert_allclose(model.cov_params_(), expected.cov_params_().matrix, rtol=1e-7)
        robust = model.cov_params_("HC3", X=X, y=y)
        assert_allclose(robust, expected.cov_params_("HC3", X=X, y=y).matrix, rtol=1e-7)
    assert Ridge(0.0).fit(X, y).cov_params_().bias is None


# ---------------------------------------------------------------- hypotheses

NAMES = ("intercept", "wt", "wt2", "factor(cyl)6", "Time:Diet", "a b", "x - y")
EXPRESSIONS = {
    "wt": ({"wt": 1}, 0),
    "wt2 = 3": ({"wt2": 1}, 3),
    "wt - wt2": ({"wt": 1, "wt2": -1}, 0),
    "2*wt + 0.5 wt2 = 1e-1": ({"wt": 2, "wt2": 0.5}, 0.1),
    "factor(cyl)6 = Time:Diet": ({"factor(cyl)6": 1, "Time:Diet": -1}, 0),
    "-a b + 3 = 2 * wt - 4": ({"a b": -1, "wt": -2}, -7),
    "wt + wt - wt2 - 1": ({"wt": 2, "wt2": -1}, 1),
    "x - y = 2": ({"x - y": 1}, 2),
    "intercept + 10 wt = 5": ({"intercept": 1, "wt": 10}, 5),
    "wt - -2 = 0": ({"wt": 1}, -2),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text):
    weights, right = EXPRESSIONS[text]
    for given in (text, [text], (text,)):
        matrix, value = parse_hypotheses(given, NAMES)
        assert_allclose(matrix[0], [weights.get(name, 0) for name in NAMES])
        assert_allclose(value, [right])


def test_lists_matrices_and_values():
    matrix, value = parse_hypotheses("wt = 1, wt2, a b - wt = 2", NAMES)
    assert_allclose(value, [1, 0, 2])
    assert matrix.shape == (3, 7)
    assert_allclose(parse_hypotheses(["wt", "wt2"], NAMES)[0], np.eye(7)[1:3])
    assert_allclose(parse_hypotheses(np.eye(7)[2], NAMES, [4])[1], [4])
    assert_allclose(parse_hypotheses("wt", NAMES, 2.0)[1], [2])


@pytest.mark.parametrize("text", ["weight", "wt = 1 = 2", "3 = 3", "wt / 2", "2 3 wt", "", "wt3"])
def test_unreadable_expressions(text):
    with pytest.raises(ValueError, match="hypothesis"):
        parse_hypotheses(text, NAMES)
    with pytest.raises(ValueError, match="each of the 7 parameters"):
        parse_hypotheses(np.eye(3), NAMES)


def test_joint_test_is_that_of_nested_fits(fitted):
    X, y = data()
    smaller = LinearRegression().fit(X[:, :1], y)
    compared = fitted.compare(smaller)
    tested = fitted.f_test(["x1", "x2"])
    assert_allclose([compared.statistic, compared.p_value], [tested.statistic, tested.p_value], rtol=1e-9)
    assert compared.hypotheses == ("x1 = 0", "x2 = 0")
    assert compared.df == tested.df == (2, 46)
    assert "F(2, 46)" in str(compared)
    restricted = LinearRegression().fit(X[:, [0]] + X[:, [1]], y - 2 * X[:, 2])  # x0 = x1, x2 = 2
    rss = restricted.sums_of_squares_.residual[0]
    full = fitted.sums_of_squares_.residual[0]
    assert_allclose(fitted.f_test("x0 = x1, x2 = 2").statistic, (rss - full) / 2 / (full / 46), rtol=1e-9)


def test_comparisons_that_make_no_sense(fitted):
    X, y = data()
    for smaller, message in (
        (LinearRegression().fit(X[1:, :1], y[1:]), "same rows"),
        (LinearRegression().fit(X[:, :1], y + X[:, 1]), "same rows"),
        (LinearRegression().fit(X, y), "fewer parameters"),
        (LinearRegression().fit(np.column_stack([X, np.sin(X)]), y), "only the other one has x3, x4, x5"),
        (Ridge().fit(X[:, :1], y), "penalised fits"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted.compare(smaller)


def test_contrasts(fitted):
    found = fitted.contrast(["x0 + x1", "x0 - x2 = -2"], level=0.9)
    matrix = np.array([[0, 1, 1, 0], [0, 1, 0, -1.0]])
    parameters = np.append(fitted.intercept_, fitted.coef_)
    error = np.sqrt(np.diagonal(matrix @ fitted.cov_params_().matrix @ matrix.T))
    assert_allclose(found.estimate, matrix @ parameters)
    assert_allclose(found.standard_error, error)
    assert_allclose(found.upper, matrix @ parameters + stats.t.ppf(0.95, 46) * error)
    assert_allclose(found.t, (matrix @ parameters + [0, 2]) / error)
    assert found.names == ("x0 + x1 = 0", "x0 - x2 = -2")
    assert fitted.contrast("x0 + x1").names == ("x0 + x1",)
    assert_allclose(fitted.contrast("x0").p_value[0], fitted.f_test("x0").p_value)
    pytest.importorskip("pandas")
    assert found.to_frame().shape == (2, 6)


def test_restrictions_that_cannot_be_tested(fitted):
    X, y = data()
    with pytest.raises(ValueError, match="follow from the others"):
        fitted.f_test("x0, x1, x0 + x1 = 3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        twice = LinearRegression().fit(np.column_stack([X, X[:, 0]]), y)
    with pytest.raises(ValueError, match="do not determine x0"):
        twice.f_test("x0")
    # their sum is determined, and is the coefficient of the one column
    assert_allclose(twice.f_test("x0 + x3 = 1").statistic, fitted.f_test("x0 = 1").statistic, rtol=1e-8)
    assert_allclose(twice.contrast("x0 + x3").lower, fitted.contrast("x0").lower, rtol=1e-8)
    with pytest.raises(ValueError, match="more clusters than restrictions"):
        fitted.f_test("x0, x1, x2", covariance="CR0", X=X, y=y, groups=np.arange(50) % 2)


# ---------------------------------------------------------------- predictions


@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array])
def test_prediction_intervals(storage):
    X, y = data()
    weight = np.linspace(0.5, 2, 50)
    new = np.round(data(seed=7)[0])
    for model in (LinearRegression(), LinearRegression(fit_intercept=False), Ridge(5.0)):
        model.fit(X, y, weight)
        covariance = model.cov_params_("HC3", X=X, y=y, sample_weight=weight)
        rows = np.column_stack([np.ones(50), new]) if model.fit_intercept else new
        for matrix, given in ((model.cov_params_(), "classical"), (covariance, covariance)):
            variance = np.einsum("ij,jk,ik->i", rows, np.asarray(matrix), rows)
            found = model.predict_interval(storage(new), 0.8, covariance=given)
            assert_allclose(found.prediction, model.predict(new))
            reach = stats.t.ppf(0.9, matrix.df) * np.sqrt(variance)
            assert_allclose(found.upper - found.prediction, reach, rtol=1e-8)
            assert_allclose(found.prediction - found.lower, reach, rtol=1e-8)
            spread = np.sqrt(variance + model.summary().residual_sd ** 2)
            found = model.predict_interval(storage(new), [0.8, 0.5], "observation", covariance=given)
            quantiles = stats.t.ppf([0.9, 0.75], matrix.df)
            assert_allclose(found.upper, found.prediction[:, None] + spread[:, None] * quantiles, rtol=1e-8)


def test_bad_arguments(fitted):
    X, y = data()
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        fitted.conf_int(95)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        fitted.summary(level=0)
    with pytest.raises(ValueError, match="kind must be 'mean' or 'observation'"):
        fitted.predict_interval(X, kind="both")
    with pytest.raises(ValueError, match="4 features"):
        fitted.predict_interval(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict_interval(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        fitted.cov_params_("HC3", X=np.where(X > 3, np.nan, X), y=y)
    with pytest.raises(TypeError, match="unexpected"):
        fitted.summary(cov_type="HC3")
    for method in ("summary", "conf_int", "cov_params_"):
        with pytest.raises(NotFittedError):
            getattr(LinearRegression(), method)()


def test_nothing_of_the_data_is_kept(fitted):
    X, y = data()
    before = len(pickle.dumps(LinearRegression().fit(X, y)))
    fitted.summary(covariance="HC3", X=X, y=y)
    fitted.predict_interval(X)
    assert len(pickle.dumps(fitted)) <= before + 100
    assert set(vars(fitted)) == set(vars(LinearRegression().fit(X, y)))


def test_weights_whose_logarithms_sum_to_anything():
    """The likelihood has sum(log w), also where the product of the weights leaves the range of double precision."""
    X, y = data(n=300)
    plain = LinearRegression().fit(X, y).summary().log_likelihood
    for weight in (np.full(300, 1e-9), np.full(300, 1e9), np.geomspace(1e-120, 1e120, 300)):
        model = LinearRegression().fit(X, y, weight)
        assert_allclose(model.sums_of_squares_.log_weight, np.log(weight).sum(), rtol=1e-9, atol=1e-9)
        if np.ptp(weight) == 0:  # a unit of precision more or less changes nothing
            assert_allclose(model.summary().log_likelihood, plain, rtol=1e-8)


def test_no_result_of_a_penalised_fit_is_silent():
    X, y = data()
    model, free = Ridge(50.0).fit(X, y), LinearRegression().fit(X, y)
    bias = model.cov_params_().bias
    for ask in (
        lambda one: one.conf_int(),
        lambda one: one.f_test("x0"),
        lambda one: one.wald_test("x0"),
        lambda one: one.contrast("x0 - x1"),
        lambda one: one.predict_interval(X[:1]),
        lambda one: one.predict_interval(X[:2], [0.5, 0.9], "observation"),
    ):
        found = ask(model)
        assert "pulls coefficients towards zero" in found.notes[0]
        assert found.notes[0] in str(found)
        assert pickle.loads(pickle.dumps(found)).notes == found.notes
        assert ask(free).notes == ()
        assert "\n- " not in str(ask(free))
    assert_allclose(model.conf_int().bias, bias)
    assert "bias" in str(model.conf_int())
    assert_allclose(model.contrast("x0 - x1").bias, bias[1] - bias[2])
    assert "estimated bias" in str(model.contrast("x0 - x1"))
    assert free.conf_int().bias is free.contrast("x0").bias is None
    several = Ridge(50.0).fit(X, np.column_stack([y, -y]))
    assert several.conf_int().bias.shape == (2, 4)
    assert len(str(several.conf_int()).splitlines()) == 1 + 8 + 1
    assert len(several.predict_interval(X).notes) == 1
    prediction, lower, upper = model.predict_interval(X)
    assert (lower <= prediction).all()
    assert (prediction <= upper).all()


@pytest.mark.parametrize("value", [3.3, 0.0, 1e9, 1 / 3])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_a_constant_target_has_no_test(value, alpha):
    X, _ = data(n=60)
    y = np.full(60, value)
    model = Ridge(alpha).fit(X, y) if alpha else LinearRegression().fit(X, y)
    summary = model.summary()
    found = [summary.t, summary.p_value, [summary.f_statistic, summary.f_p_value, summary.r2, summary.adjusted_r2]]
    found += [model.contrast("x0").p_value, [model.f_test("x0").p_value, model.wald_test("x0, x1").statistic]]
    for kind in ("HC3", "CRV3"):
        robust = model.summary(covariance=kind, X=X, y=y, groups=np.arange(60) % 12)
        found += [robust.t, robust.p_value, [robust.f_statistic]]
    assert np.isnan(np.concatenate(found)).all()
    assert summary.notes[0].startswith("y does not vary") or summary.notes[1].startswith("y does not vary")
    assert "exact" not in str(summary)
    if not alpha:
        compared = model.compare(LinearRegression().fit(X[:, :1], y))
        assert np.isnan(compared.p_value)
        assert "does not vary" in str(compared)


def test_a_target_that_varies_little_is_tested():
    X, y = data(n=60)
    near, far = (LinearRegression().fit(X, shift + 1e-4 * y).summary() for shift in (0.0, 1e6))
    assert_allclose(near.f_statistic, far.f_statistic, rtol=1e-4)
    through_zero = LinearRegression(fit_intercept=False).fit(X, np.full(60, 3.3)).summary()
    assert np.isfinite(through_zero.t).all()
    assert through_zero.f_p_value < 1e-10


CHANGES = {
    "without": (LinearRegression(), {"fit_intercept": False}),
    "with": (LinearRegression(fit_intercept=False), {"fit_intercept": True}),
    "positive": (LinearRegression(), {"positive": True}),
    "penalty": (Ridge(3.0), {"alpha": 50.0, "fit_intercept": False}),
    "penalties": (Ridge([1.0, 9.0]), {"alpha": [50.0, 0.0]}),
    "one for two": (Ridge([1.0, 9.0]), {"alpha": 2.0}),
    "search": (RidgeCV(alphas=[0.1, 5.0]), {"alphas": [70.0], "fit_intercept": False}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_parameters_set_after_the_fit_are_for_the_next_one(name):
    estimator, changes = CHANGES[name]
    X, y = data(n=40)
    targets = np.column_stack([y, np.sin(y)]) if isinstance(getattr(estimator, "alpha", 0.0), list) else y
    model = clone(estimator).fit(X, targets)

    def told():
        robust = model.cov_params_("HC3", X=X, y=targets)
        yield str(model.summary())
        yield np.asarray(robust).tobytes()
        yield np.asarray(model.predict_interval(X[:3])).tobytes()
        yield model.leverage_(X).tobytes()
        yield model.loo_predict_(X, targets).tobytes()
        yield model.influence_(X, targets).cooks_distance.tobytes()
        yield model.importance_().rss_increase.tobytes()

    before = list(told())
    model.set_params(**changes)
    assert list(told()) == before
    if name == "positive":
        assert not model_of(model).positive
        bound = LinearRegression(positive=True).fit(X, y).set_params(positive=False)
        with pytest.raises(ValueError, match="held non-negative"):
            bound.summary()


def test_comparisons_of_columns_without_names():
    X, y = data()
    other = LinearRegression().fit(X[:, :1], y)
    found = LinearRegression().fit(X[:, 1:], y).compare(other)
    assert "was not checked" in found.notes[0]
    assert "was not checked" in str(found)
    random = np.random.default_rng(2)
    with pytest.raises(ValueError, match="its residual sum of squares is smaller"):
        LinearRegression().fit(random.standard_normal((50, 2)), y).compare(other)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    named = LinearRegression().fit(frame, y).compare(LinearRegression().fit(frame[["a"]], y))
    assert named.notes == ()
    with pytest.raises(ValueError, match="only the other one has a"):
        LinearRegression().fit(frame[["b", "c"]], y).compare(LinearRegression().fit(frame[["a"]], y))


def test_a_column_named_as_the_intercept():
    pandas = pytest.importorskip("pandas")
    X, y = data()
    frame = pandas.DataFrame(X, columns=["a", "intercept", "c"])
    model = LinearRegression().fit(frame, y)
    for text in ("intercept", "a + 2 intercept = 1"):
        for ask in (model.f_test, model.contrast):
            with pytest.raises(ValueError, match=r"the intercept \(parameter 0\) and .* the column .*\(parameter 2\)"):
                ask(text)
    assert np.isfinite(model.f_test("a, c").p_value)
    alone = LinearRegression(fit_intercept=False).fit(frame, y)
    assert np.isfinite(alone.f_test("intercept").p_value)


def test_lags_and_counts_are_whole_numbers():
    X, y = data()
    model = LinearRegression().fit(X, y)
    assert model.cov_params_("HAC", X=X, y=y, maxlags=np.int64(2)).df == 46
    for wrong in (2.5, 2.0, "2"):
        with pytest.raises(TypeError, match="maxlags must be an integer"):
            model.cov_params_("HAC", X=X, y=y, maxlags=wrong)
    counts = np.arange(50.0) % 3 + 1
    for weight, whole in ((counts, True), (counts + 0.25, False)):
        model = LinearRegression().fit(X, y, weight)
        given = {"X": X, "y": y, "sample_weight": weight}
        for found in (model.cov_params_(weights="frequency"), model.cov_params_("HC1", weights="frequency", **given)):
            assert any("not counts" in note for note in found.notes) != whole
        assert not any("not counts" in note for note in model.cov_params_().notes)
