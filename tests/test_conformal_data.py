"""Coverage of conformal intervals on real data over repeated splits, by group and in time, and MAPIE's figures."""

import importlib.util

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.model_selection import KFold, LeaveOneOut

from mlcraft.linear_model import LinearRegression, QuantileRegressor, Ridge
from mlcraft.uncertainty import AdaptiveConformal, ConformalRegressor

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

LEVEL = 0.9
TARGETS = {
    "california_housing": ("median_house_value", []),
    "concrete": ("compressive_strength", []),
    "diamonds": ("price", []),
    "wage": ("wage", ["logwage"]),
    "bike_sharing_hourly": ("cnt", ["instant", "dteday", "casual", "registered"]),
    "nmes1988": ("visits", ["nvisits", "ovisits", "novisits", "emergency", "hospital"]),
}
LEARN, NEW, SPLITS = 200, 200, 15


@pytest.fixture(scope="module")
def load(shared):
    spec = importlib.util.spec_from_file_location("shared_data_of_tests", shared("data/load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tables = {}

    def numbers(name):
        """Columns of unit variance, text as dummies of its levels, and the target."""
        if name not in tables:
            target, leaks = TARGETS[name]
            frame = module.load(name).drop(columns=leaks).dropna()
            y = frame.pop(target).to_numpy(dtype=float)
            X = pandas.get_dummies(frame, drop_first=True, dtype=float).to_numpy()
            X = X[:, X.std(axis=0) > 0]
            tables[name] = (X - X.mean(axis=0)) / X.std(axis=0), y
        return tables[name]

    return numbers


def held(ends, y):
    return (ends[:, 0] <= y) & (y <= ends[:, 1])


# a method, and by how much it may cover more than asked on average (above the noise)
METHODS = {
    "split": ({}, 1 / 51),
    "split, two tails": ({"score": "asymmetric"}, 2 / 51),
    "split, leverage": ({"score": "normalised"}, 1 / 51),
    "jackknife+": ({"method": "jackknife+"}, 0.01),
    "jackknife+, leverage": ({"method": "jackknife+", "score": "normalised"}, 0.01),
    "jackknife-minmax": ({"method": "jackknife-minmax"}, 0.1),
    "cv+": ({"method": "cv+", "cv": 10}, 0.02),
    "after bootstrap": ({"method": "jackknife+-after-bootstrap"}, 0.02),
    "cqr": ({"method": "cqr"}, 1 / 51),
    "full": ({"method": "full"}, 0.01),
}


@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.ExchangeabilityWarning")
@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.CollinearityWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["california_housing", "concrete", "bike_sharing_hourly", "nmes1988"])
def test_coverage_over_repeated_splits(name, method, load):
    X, y = load(name)
    options, surplus = METHODS[method]
    estimator = QuantileRegressor(alpha=0) if method == "cqr" else Ridge()
    share = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(y))
        learn, new = order[:LEARN], order[LEARN : LEARN + NEW]
        model = ConformalRegressor(estimator, random_state=seed, **options).fit(X[learn], y[learn])
        share.append(held(model.predict_interval(X[new], LEVEL), y[new]).mean())
    noise = np.sqrt(LEVEL * (1 - LEVEL) * (1 / model.n_calibration_ + 1 / NEW) / SPLITS)
    assert LEVEL - 3.3 * noise <= np.mean(share) <= LEVEL + surplus + 3.3 * noise


def test_coverage_by_group(load):
    """Each group has its 90 % when it is calibrated on its own, and not otherwise."""
    X, y = load("bike_sharing_hourly")
    order = np.random.default_rng(0).permutation(len(y))
    X, y, hour = X[order], y[order], X[order, 3]
    busy = np.isin(np.unique(hour, return_inverse=True)[1], [7, 8, 9, 16, 17, 18, 19])
    learn, new = slice(0, 2000), slice(2000, 6000)
    plain = ConformalRegressor(LinearRegression(), method="jackknife+").fit(X[learn], y[learn])
    grouped = ConformalRegressor(LinearRegression(), method="jackknife+").fit(X[learn], y[learn], groups=busy[learn])
    without = held(plain.predict_interval(X[new]), y[new])
    within = held(grouped.predict_interval(X[new], groups=busy[new]), y[new])
    for group in (False, True):
        rows = busy[new] == group
        noise = np.sqrt(0.09 * (1 / np.sum(busy[learn] == group) + 1 / rows.sum()))
        assert abs(within[rows].mean() - 0.9) < 3.3 * noise
    assert without[busy[new]].mean() < 0.84
    assert without[~busy[new]].mean() > 0.91


def test_coverage_in_time(load):
    """Rentals double within two years: a fixed calibration falls behind, one that follows does not."""
    X, y = load("bike_sharing_hourly")
    known, later = slice(0, 3000), slice(3000, None)
    fixed = ConformalRegressor(Ridge(), random_state=0).fit(X[known], y[known])
    share = held(fixed.predict_interval(X[later]), y[later]).mean()
    model = AdaptiveConformal(Ridge(), window=2000, bounds=(0, np.inf)).fit(X[known], y[known])
    ends = model.follow(X[later], y[later])
    followed = held(ends, y[later])
    assert share < 0.8
    assert 0.89 < followed.mean() < 0.91
    local = np.convolve(followed, np.ones(1000) / 1000, mode="valid")
    assert local.min() > 0.85
    assert np.mean(np.isinf(ends).any(axis=1)) < 0.01


def theirs(name):
    return getattr(pytest.importorskip("mapie.regression"), name)


@pytest.mark.parametrize("method", ["split", "plus", "minmax", "cv", "cqr"])
def test_mapie_finds_the_same_ends(method, load):
    X, y = load("wage")
    X, y, new = X[:260], y[:260], X[260:330]
    if method in ("split", "cqr"):
        cut = [(np.arange(160), np.arange(160, 260))]
        if method == "split":
            ours = ConformalRegressor(Ridge(), cv=cut)
            mapie = theirs("SplitConformalRegressor")(SklearnRidge(), confidence_level=LEVEL, prefit=False)
        else:
            boosted = GradientBoostingRegressor(loss="quantile", n_estimators=20, random_state=0)
            ours = ConformalRegressor(boosted, method="cqr", cv=cut)
            mapie = theirs("ConformalizedQuantileRegressor")(boosted, confidence_level=LEVEL)
        mapie.fit(X[:160], y[:160]).conformalize(X[160:], y[160:])
    else:
        cv = KFold(8, shuffle=True, random_state=0) if method == "cv" else LeaveOneOut()
        ours = {
            "plus": ConformalRegressor(Ridge(), method="jackknife+"),
            "minmax": ConformalRegressor(Ridge(), method="jackknife-minmax"),
            "cv": ConformalRegressor(Ridge(), method="cv+", cv=cv),
        }[method]
        kind = "minmax" if method == "minmax" else "plus"
        mapie = theirs("CrossConformalRegressor")(SklearnRidge(), confidence_level=LEVEL, method=kind, cv=cv)
        mapie.fit_conformalize(X, y)
    extra = {"symmetric_correction": True} if method == "cqr" else {}
    wanted = mapie.predict_interval(new, **extra)[1][:, :, 0]
    assert_allclose(ours.fit(X, y).predict_interval(new, LEVEL), wanted, rtol=1e-7)
