"""The same numbers as statsmodels on real data, for each kind of covariance it has; coverage by simulation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlcraft.linear_model import LinearRegression

KINDS = ["nonrobust", "HC0", "HC1", "HC2", "HC3", "cluster", "cluster_raw", "two_way", "HAC", "HAC_raw"]
DATA = ["wage", "insteval", "beijing_pm25"]


def table(shared, name):
    """X, y, weights, and labels of two ways of clustering."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(shared(f"data/{name}.parquet"))
    if name == "wage":
        X = frame[["age", "year"]].astype(float)
        X["age_squared"] = X["age"] ** 2
        X["college"] = frame["education"].str.contains("College Grad|Advanced").astype(float)
        X["healthy"] = frame["health"].str.contains("2").astype(float)
        return X, frame["wage"], None, frame["year"], frame["age"]
    if name == "insteval":
        frame = frame.iloc[:6000]
        X = frame[["studage", "lectage", "service", "dept"]].astype(float)
        return X, frame["y"].astype(float), 1.0 + frame["s"] % 3, frame["s"], frame["d"]
    frame = frame.dropna().iloc[:5000]
    X = frame[["DEWP", "TEMP", "PRES", "Iws", "Is"]].astype(float)
    return X, frame["pm2.5"].astype(float), None, 100 * frame["month"] + frame["day"], frame["hour"]


@pytest.fixture(scope="module", params=DATA)
def problem(request, shared):
    api = pytest.importorskip("statsmodels.api")
    X, y, weight, first, second = table(shared, request.param)
    weight = None if weight is None else weight.to_numpy(dtype=float)
    model = LinearRegression().fit(X, y, weight)
    design = api.add_constant(X)
    theirs = api.OLS(y, design) if weight is None else api.WLS(y, design, weights=weight)
    return model, theirs.fit(), {"X": X, "y": y, "sample_weight": weight}, first, second


@pytest.mark.parametrize("kind", KINDS)
def test_as_statsmodels(problem, kind):
    model, theirs, rows, first, second = problem
    both = np.column_stack([first, second])
    codes = np.column_stack([np.unique(way, return_inverse=True)[1] for way in (first, second)])
    ours, arguments, keywords = {
        "cluster": ("CR1S", {"groups": first}, {"groups": codes[:, 0]}),
        "cluster_raw": ("CR0", {"groups": first}, {"groups": codes[:, 0], "use_correction": False}),
        "two_way": ("CR1S", {"groups": both}, {"groups": codes}),
        "HAC": ("HAC", {"maxlags": 12}, {"maxlags": 12, "use_correction": True}),
        "HAC_raw": ("HAC", {"maxlags": 12, "small_sample": False}, {"maxlags": 12}),
    }.get(kind, (kind, {}, {}))
    expected = theirs
    if kind != "nonrobust":
        name = {"two_way": "cluster"}.get(kind, kind.removesuffix("_raw"))
        expected = theirs.get_robustcov_results(name, use_t=True, **keywords)
    found = model.cov_params_(ours, **rows, **arguments)
    matrix = np.asarray(expected.cov_params())
    size = np.sqrt(np.diagonal(matrix))
    # statsmodels inverts unscaled columns; two-way covariances are differences
    tolerance = 1e-7 if kind == "two_way" else 1e-8
    assert_allclose(np.asarray(found) / np.outer(size, size), matrix / np.outer(size, size), rtol=0, atol=tolerance)
    if kind in ("nonrobust", "HC0", "HC1", "HC2", "HC3"):
        summary = model.summary(covariance=ours, **rows)
        assert_allclose(summary.t, expected.tvalues, rtol=1e-8)
        assert_allclose(summary.f_statistic, float(expected.fvalue), rtol=1e-8)
        assert_allclose([summary.lower, summary.upper], np.asarray(expected.conf_int()).T, rtol=1e-8)
        assert list(summary.to_frame().index) == ["intercept", *rows["X"].columns]
        assert_allclose(summary.condition, model.condition_)


def test_joint_tests_as_statsmodels(problem):
    model, theirs, rows, _, _ = problem
    names = list(rows["X"].columns)
    hypothesis = f"{names[0]} = {names[1]}, {names[2]} = 0.5"
    matrix = np.zeros((2, len(names) + 1))
    matrix[0, 1:3], matrix[1, 3] = (1, -1), 1
    robust = theirs.get_robustcov_results("HC1", use_t=True)
    for kind, result in (("classical", theirs), ("HC1", robust)):
        expected = result.f_test((matrix, np.array([0, 0.5])))
        found = model.f_test(hypothesis, covariance=kind, **rows)
        assert_allclose(found.statistic, float(np.squeeze(expected.fvalue)), rtol=1e-8)
        assert_allclose(found.p_value, float(expected.pvalue), rtol=1e-6)
        chi_square = model.wald_test(matrix, [0, 0.5], covariance=kind, **rows)
        assert_allclose(chi_square.statistic, 2 * found.statistic, rtol=1e-12)
        assert chi_square.hypotheses == (f"{names[0]} - {names[1]} = 0", f"{names[2]} = 0.5")


def coverage(draw, kinds, repeats, seed):
    """Share of 95 % intervals that hold the true slope, for each kind."""
    random = np.random.default_rng(seed)
    hits = dict.fromkeys(kinds, 0)
    for _ in range(repeats):
        X, y, groups = draw(random)
        model = LinearRegression().fit(X, y)
        for kind in kinds:
            low, high = model.conf_int(covariance=kind, X=X, y=y, groups=groups)["x0"]
            hits[kind] += low <= 1.0 <= high
    return {kind: count / repeats for kind, count in hits.items()}


@pytest.mark.slow
def test_robust_intervals_cover_under_unequal_variances():
    def draw(random):
        X = random.standard_normal((80, 2))
        return X, X[:, 0] + random.standard_normal(80) * (0.3 + X[:, 0] ** 2), None

    found = coverage(draw, ["classical", "HC0", "HC1", "HC2", "HC3"], 4000, 0)
    # the error of a share near 0.95 in 4000 repeats is 0.0035
    assert found["classical"] < 0.80
    assert found["HC0"] < found["HC2"] < found["HC3"]
    assert 0.93 < found["HC3"] < 0.97
    assert found["HC2"] > 0.90


@pytest.mark.slow
def test_cluster_intervals_cover_under_clustering():
    def draw(random):
        groups = np.repeat(np.arange(20), 15)
        level = random.standard_normal(20)[groups]
        X = np.column_stack([level + 0.3 * random.standard_normal(300), random.standard_normal(300)])
        noise = random.standard_normal(20)[groups] + random.standard_normal(300)
        return X, X[:, 0] + noise, groups

    found = coverage(draw, ["classical", "HC3", "CR0", "CR1S", "CR2", "CRV3"], 2000, 1)
    assert found["classical"] < 0.60
    assert found["HC3"] < 0.60
    assert found["CR0"] < found["CR1S"] < found["CRV3"]
    assert found["CR1S"] > 0.90
    assert 0.925 < found["CR2"] < 0.97
    assert 0.93 < found["CRV3"] < 0.975


@pytest.mark.slow
def test_serial_correlation():
    def draw(random):
        shocks = random.standard_normal((2, 600))
        series = np.zeros((2, 600))
        for i in range(1, 600):
            series[:, i] = 0.7 * series[:, i - 1] + shocks[:, i]
        X = series[:1].T
        return X, X[:, 0] + series[1], None

    found = coverage(draw, ["classical", "HC3"], 1000, 2)
    random, hits = np.random.default_rng(2), 0
    for _ in range(1000):
        X, y, _ = draw(random)
        low, high = LinearRegression().fit(X, y).conf_int(covariance="HAC", X=X, y=y, maxlags=15)["x0"]
        hits += low <= 1.0 <= high
    assert found["classical"] < 0.85
    assert found["HC3"] < 0.85
    assert 0.91 < hits / 1000 < 0.97


@pytest.mark.slow
def test_prediction_intervals_cover():
    random = np.random.default_rng(3)
    inside = {"mean": 0, "observation": 0}
    for _ in range(3000):
        X = random.standard_normal((25, 3))
        y = X.sum(axis=1) + random.standard_normal(25)
        new = random.standard_normal((1, 3))
        model = LinearRegression().fit(X, y)
        for kind, truth in (("mean", new.sum()), ("observation", new.sum() + random.standard_normal())):
            _, lower, upper = model.predict_interval(new, 0.9, kind)
            inside[kind] += lower[0] <= truth <= upper[0]
    assert 0.885 < inside["mean"] / 3000 < 0.915
    assert 0.885 < inside["observation"] / 3000 < 0.915
