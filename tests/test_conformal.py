"""Conformal regression: its definitions by refits, its ranks, its laws, hostile input, scikit-learn's checks."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import conformal as slow
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression as SklearnLogistic
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlcraft.exceptions import ExchangeabilityWarning
from mlcraft.linear_model import LinearRegression, QuantileRegressor, Ridge
from mlcraft.uncertainty import ConformalRegressor
from mlcraft.uncertainty.conformal._checks import needed, rank_of, row_hashes

LEVELS = [0.3, 0.55, 0.8, 0.9]
CANNOT_WEIGH = "a weighted fit draws other splits than one of repeated rows, and folds are not the check's to choose"
WEIGHT_CHECKS = ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")


def drawn(n=40, p=3, seed=0, positive=False):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 1
    y = X @ np.arange(1.0, p + 1) + rng.standard_t(3, n) * (0.5 + np.abs(X[:, 0]))
    return X, np.exp(0.2 * y) + 5 if positive else y


def least_squares_spread(alpha):
    """sqrt(1 + leverage) for the rows that a model has seen, from the normal equations."""

    def unit(model, X):
        design = np.column_stack([np.ones(len(model.seen_)), model.seen_])
        gram = (design * model.weight_[:, np.newaxis]).T @ design + alpha * np.diag([0.0] + [1.0] * X.shape[1])
        new = np.column_stack([np.ones(len(X)), X])
        return np.sqrt(1 + np.einsum("ij,ij->i", new, np.linalg.solve(gram, new.T).T))

    return unit


class Remembers(SklearnRidge):
    """Ridge that keeps its rows, for the slow spread."""

    def fit(self, X, y, sample_weight=None):
        self.seen_ = X
        self.weight_ = np.ones(len(y)) if sample_weight is None else sample_weight
        return super().fit(X, y, sample_weight)


SCORES = {"absolute": (None, True), "asymmetric": (None, False), "gamma": ("gamma", True)}
SCORES["normalised"] = (least_squares_spread(2.0), True)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("method", ["jackknife", "jackknife+", "jackknife-minmax", "cv+"])
@pytest.mark.parametrize("weighted", [False, True])
def test_left_out_methods_by_refits(method, score, weighted):
    X, y = drawn(positive=score == "gamma")
    new = drawn(5, seed=1)[0]
    weight = np.random.default_rng(2).uniform(0.3, 2, len(y)) if weighted else None
    cv = KFold(6, shuffle=True, random_state=0)
    folds = np.arange(len(y))
    if method == "cv+":
        for k, (_, test) in enumerate(cv.split(X)):
            folds[test] = k
    model = ConformalRegressor(Ridge(2.0), method=method, score=score, cv=cv if method == "cv+" else None)
    found = model.fit(X, y, weight).predict_interval(new, LEVELS)
    unit, symmetric = SCORES[score]
    models = slow.fits_without(Remembers(2.0), X, y, folds, weight)
    everything = Remembers(2.0).fit(X, y, weight)
    for i, x in enumerate(new[:, np.newaxis]):
        for j, level in enumerate(LEVELS):
            if method == "jackknife":
                residual = np.array(
                    [
                        (y[k] - one.predict(X[[k]])[0]) / slow.spreads(unit, one, X[[k]])[0]
                        for k, one in enumerate(models)
                    ]
                )
                centre, at = everything.predict(x)[0], slow.spreads(unit, everything, x)[0]
                ends = slow.around(centre, at, residual, level, symmetric=symmetric)
            else:
                minmax = method == "jackknife-minmax"
                ends = slow.jackknife_plus(models, X, y, x, level, unit=unit, symmetric=symmetric, minmax=minmax)
            if ends[0] > ends[1]:
                ends = [np.mean(ends)] * 2
            assert_allclose(found[i, :, j], ends, rtol=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_split_by_its_definition(score):
    X, y = drawn(80, positive=score == "gamma")
    new = drawn(5, seed=1)[0]
    cv = [(np.arange(45), np.arange(45, 80))]
    found = ConformalRegressor(Ridge(2.0), score=score, cv=cv).fit(X, y).predict_interval(new, LEVELS)
    unit, symmetric = SCORES[score]
    model = Remembers(2.0).fit(X[:45], y[:45])
    residual = (y[45:] - model.predict(X[45:])) / slow.spreads(unit, model, X[45:])
    for i, x in enumerate(new[:, np.newaxis]):
        for j, level in enumerate(LEVELS):
            at = slow.spreads(unit, model, x)[0]
            ends = slow.around(model.predict(x)[0], at, residual, level, symmetric=symmetric)
            assert_allclose(found[i, :, j], ends, rtol=1e-9)


@pytest.mark.parametrize("symmetric", [True, False])
def test_cqr_by_its_definition(symmetric):
    X, y = drawn(90)
    new = drawn(5, seed=1)[0]
    cv = [(np.arange(50), np.arange(50, 90))]
    score = "absolute" if symmetric else "asymmetric"
    model = ConformalRegressor(QuantileRegressor(alpha=0), method="cqr", score=score, cv=cv).fit(X, y)
    lines = [QuantileRegressor(quantile=q, alpha=0).fit(X[:50], y[:50]) for q in (0.05, 0.5, 0.95)]
    low, _, high = np.sort([line.predict(X[50:]) for line in lines], axis=0)  # lines may cross
    below, above = low - y[50:], y[50:] - high
    low, middle, high = np.sort([line.predict(new) for line in lines], axis=0)
    assert_array_equal(model.predict(new), middle)
    for level in LEVELS:
        found = model.predict_interval(new, level)
        if symmetric:
            move = [slow.upper(np.maximum(below, above), level)] * 2
        else:
            move = [slow.upper(below, (1 + level) / 2), slow.upper(above, (1 + level) / 2)]
        ends = np.column_stack([low - move[0], high + move[1]])
        crossed = ends[:, 0] > ends[:, 1]
        ends[crossed] = ends[crossed].mean(axis=1, keepdims=True)
        assert_allclose(found, ends, rtol=1e-8)


def test_groups_are_calibrated_on_their_own():
    X, y = drawn(120)
    groups = np.where(X[:, 0] > 1, "high", "low")
    new, marks = drawn(6, seed=1)[0], np.array(["high", "low"] * 3)
    models = slow.fits_without(Ridge(), X, y, np.arange(120))
    plus = ConformalRegressor(Ridge(), method="jackknife+").fit(X, y, groups=groups)
    cv = [(np.arange(60), np.arange(60, 120))]
    split = ConformalRegressor(Ridge(), cv=cv).fit(X, y, groups=groups)
    fitted = Ridge().fit(X[:60], y[:60])
    residual = y[60:] - fitted.predict(X[60:])
    for i, mark in enumerate(marks):
        own = groups == mark
        some = [model for model, member in zip(models, own, strict=True) if member]
        for level in (0.5, 0.8):
            ends = slow.jackknife_plus(some, X[own], y[own], new[[i]], level)
            assert_allclose(plus.predict_interval(new, level, groups=marks)[i], ends, rtol=1e-9)
            ends = slow.around(fitted.predict(new[[i]])[0], 1, residual[own[60:]], level)
            assert_allclose(split.predict_interval(new, level, groups=marks)[i], ends, rtol=1e-9)

    def by_sign(rows):
        return np.where(rows[:, 0] > 1, "high", "low")

    remembered = ConformalRegressor(Ridge(), cv=cv).fit(X, y, groups=by_sign)
    assert_array_equal(remembered.predict_interval(new), split.predict_interval(new, groups=by_sign(new)))
    with pytest.raises(ValueError, match=r"0 calibration rows in group 'other' are too few: .* at least 9"):
        split.predict_interval(new[:1], groups=["other"])
    wide = clone(split).set_params(too_few="infinite").fit(X, y, groups=groups)
    assert_array_equal(wide.predict_interval(new[:1], groups=["other"]), [[-np.inf, np.inf]])
    wide = clone(plus).set_params(too_few="infinite", method="jackknife-minmax").fit(X, y, groups=groups)
    assert_array_equal(wide.predict_interval(new[:1], groups=["other"]), [[-np.inf, np.inf]])


@pytest.mark.parametrize("method", ["split", "jackknife+", "cv+"])
@pytest.mark.parametrize("score", ["absolute", "asymmetric", "normalised"])
def test_weights_of_a_shift(method, score):
    X, y = drawn(70)
    new = drawn(6, seed=1)[0]
    cv = {"split": [(np.arange(30), np.arange(30, 70))], "cv+": KFold(7), "jackknife+": None}[method]
    settings = {"method": method, "score": score, "cv": cv, "too_few": "infinite"}

    def ratio(rows):
        return np.exp(0.5 * rows[:, 0])

    plain = ConformalRegressor(Ridge(2.0), **settings).fit(X, y)
    equal = ConformalRegressor(Ridge(2.0), shift=lambda rows: np.full(len(rows), 0.3), **settings).fit(X, y)
    assert_allclose(equal.predict_interval(new, LEVELS), plain.predict_interval(new, LEVELS), rtol=1e-12)
    assert_allclose(equal.predict_quantile(new, LEVELS), plain.predict_quantile(new, LEVELS), rtol=1e-12)
    points = plain.predict(new)[:, np.newaxis] + [-3, 0, 4]
    assert_allclose(equal.predict_cdf(new, points), plain.predict_cdf(new, points), rtol=1e-12)
    model = ConformalRegressor(Ridge(2.0), shift=ratio, **settings).fit(X, y)
    unit, symmetric = SCORES["normalised" if score == "normalised" else score]
    folds = np.arange(70) // 10 if method == "cv+" else np.arange(70)
    if method == "split":
        fitted = Remembers(2.0).fit(X[:30], y[:30])
        models, rows = [fitted] * 40, slice(30, 70)
    else:
        models, rows = slow.fits_without(Remembers(2.0), X, y, folds), slice(None)
    for x in new[:, np.newaxis]:
        for level in LEVELS[1::2]:
            given = {"unit": unit, "symmetric": symmetric, "weight": ratio(X[rows]), "own": ratio(x)[0]}
            ends = slow.jackknife_plus(models, X[rows], y[rows], x, level, **given)
            if ends[0] > ends[1]:
                ends = [np.mean(ends)] * 2
            assert_allclose(model.predict_interval(x, level)[0], ends, rtol=1e-9)


@pytest.mark.parametrize("method", ["split", "jackknife+"])
def test_a_classifier_learns_the_shift(method):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 1))
    y = X[:, 0] ** 2 + 0.3 * rng.standard_normal(4000)
    new = rng.standard_normal((2000, 1)) * 0.7 + 1.2
    target = new[:, 0] ** 2 + 0.3 * rng.standard_normal(2000)
    settings = {"method": method, "random_state": 0, "too_few": "infinite"}
    classifier = make_pipeline(StandardScaler(), SklearnLogistic())

    def covered(model):
        low, high = model.predict_interval(new[1000:], 0.8).T
        return np.mean((low <= target[1000:]) & (target[1000:] <= high))

    blind = ConformalRegressor(LinearRegression(), **settings).fit(X, y)
    seeing = ConformalRegressor(LinearRegression(), shift=classifier, **settings).fit(X, y, X_target=new[:1000])
    assert covered(blind) < 0.7
    assert covered(seeing) > 0.76
    with pytest.raises(ValueError, match="X_target"):
        ConformalRegressor(LinearRegression(), shift=classifier).fit(X, y)
    heavy = ConformalRegressor(LinearRegression(), shift=lambda rows: np.exp(9 * rows[:, 0])).fit(X, y)
    with pytest.raises(ValueError, match="weigh so much"):
        heavy.predict_interval([[5.0]])


@pytest.mark.parametrize(
    ("n", "level", "rank"), [(99, 0.9, 90), (99, 0.55, 55), (8, 0.9, 9), (9, 0.9, 9), (19, 0.95, 19), (0, 0.5, 1)]
)
def test_ranks(n, level, rank):
    assert rank_of(n, level) == rank


def test_smallest_number_of_rows():
    for level in [0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 2 / 3, 0.001]:
        assert rank_of(needed(level), level) <= needed(level)
        assert needed(level) == 1 or rank_of(needed(level) - 1, level) == needed(level)
    assert [needed(level) for level in (0.5, 0.9, 0.95, 0.99)] == [1, 9, 19, 99]


@pytest.mark.parametrize("method", ["split", "jackknife", "jackknife+", "jackknife-minmax", "cv+"])
def test_too_few_rows_for_a_level(method):
    X, y = drawn(16)
    settings = {"method": method, "calibration_size": 8, "random_state": 0}
    model = ConformalRegressor(Ridge(), **settings).fit(X, y)
    n = model.n_calibration_
    assert np.isfinite(model.predict_interval(X, n / (n + 1))).all()
    with pytest.raises(ValueError, match=f"{n} calibration rows are too few: this level needs at least 99"):
        model.predict_interval(X, [0.5, 0.99])
    found = clone(model).set_params(too_few="infinite").fit(X, y).predict_interval(X, [0.5, 0.99])
    assert np.isfinite(found[:, :, 0]).all()
    assert np.isinf(found[:, :, 1]).all()
    found = clone(model).set_params(too_few="infinite", bounds=(0, np.inf)).fit(X, y).predict_interval(X, 0.99)
    assert_array_equal(found[:, 0], 0.0)


@pytest.mark.parametrize("method", ["split", "jackknife", "jackknife+", "cv+"])
@pytest.mark.parametrize("score", ["absolute", "normalised"])
def test_predictive_distribution(method, score):
    X, y = drawn(60)
    new, points = drawn(7, seed=1)
    model = ConformalRegressor(Ridge(), method=method, score=score, cv=KFold(5) if method == "cv+" else None)
    model.set_params(random_state=0, too_few="infinite").fit(X, y)
    n = model.n_calibration_
    for level in (0.1, 0.37, 0.5, 0.9):
        ends = model.predict_quantile(new, level), model.predict_quantile(new, level, side="lower")
        assert np.all(ends[1] <= ends[0])
        for y_new, sign in [(ends[0], 1), (ends[1], -1)]:
            at = model.predict_cdf(new, y_new + sign * 1e-9)
            assert np.all(sign * (at - level) >= -0.5 / (n + 1) - 1e-9)
    tails = ConformalRegressor(Ridge(), method=method, score="asymmetric", cv=model.cv, random_state=0).fit(X, y)
    if score == "absolute":
        both = [model.predict_quantile(new, q, side=side) for q, side in [(0.1, "lower"), (0.9, "upper")]]
        assert_allclose(np.column_stack(both), tails.predict_interval(new, 0.8), rtol=1e-12)
    candidates = np.array([model.predict_quantile(new, k / (n + 1)) for k in range(1, n + 1)])
    low, high = model.predict_cdf(new, points, tau=0), model.predict_cdf(new, points, tau=1)
    for i in range(7):
        assert_allclose(low[i], slow.distribution(candidates[:, i], points[i], 0), rtol=1e-12)
        assert_allclose(high[i], slow.distribution(candidates[:, i], points[i], 1), rtol=1e-12)
    assert_allclose(model.predict_cdf(new, points[np.newaxis])[np.arange(7), np.arange(7)], (low + high) / 2)
    drawn_at = model.predict_cdf(new, points, tau="random")
    assert np.all((low <= drawn_at) & (drawn_at <= high))


def test_the_distribution_at_new_targets_is_uniform():
    X, y = drawn(6000, seed=3)
    model = ConformalRegressor(KNeighborsRegressor(7), random_state=0).fit(X[:2000], y[:2000])
    found = np.sort(model.predict_cdf(X[2000:], y[2000:], tau="random"))
    assert np.max(np.abs(found - np.arange(1, 4001) / 4000)) < 1.9 * (1 / np.sqrt(4000) + 1 / np.sqrt(500))


@pytest.mark.parametrize("kind", ["prefit", "frozen"])
def test_fitted_estimators(kind):
    X, y = drawn(90)
    fitted = Ridge().fit(X[:50], y[:50])
    given = fitted if kind == "prefit" else FrozenEstimator(fitted)
    coef = fitted.coef_.copy()
    model = ConformalRegressor(given, prefit=kind == "prefit").fit(X[50:], y[50:])
    split = ConformalRegressor(Ridge(), cv=[(np.arange(50), np.arange(50, 90))]).fit(X, y)
    assert_array_equal(model.predict_interval(X), split.predict_interval(X))
    assert_array_equal(fitted.coef_, coef)
    assert model.n_calibration_ == 40
    with pytest.raises(ValueError, match="method='jackknife\\+' leaves rows out"):
        clone(model).set_params(method="jackknife+").fit(X, y)
    with pytest.raises(ValueError, match="leverage"):
        clone(model).set_params(score="normalised").fit(X, y)
    spread = ConformalRegressor(
        given, prefit=kind == "prefit", score="normalised", scale=lambda rows: 1 + rows[:, 0] ** 2
    )
    ends = spread.fit(X[50:], y[50:]).predict_interval(X)
    widths = (ends[:, 1] - ends[:, 0]) / (1 + X[:, 0] ** 2)
    assert_allclose(widths, widths[0])


def test_fitted_quantiles():
    X, y = drawn(90)
    lines = [QuantileRegressor(quantile=q, alpha=0).fit(X[:50], y[:50]) for q in (0.05, 0.5, 0.95)]
    several = QuantileRegressor(quantile=[0.05, 0.5, 0.95], alpha=0).fit(X[:50], y[:50])
    split = ConformalRegressor(QuantileRegressor(alpha=0), method="cqr", cv=[(np.arange(50), np.arange(50, 90))])
    wanted = split.fit(X, y).predict_interval(X, 0.8)
    for given in (lines, several):
        model = ConformalRegressor(given, method="cqr", prefit=True).fit(X[50:], y[50:])
        assert_allclose(model.predict_interval(X, 0.8), wanted, rtol=1e-7)
    with pytest.raises(ValueError, match="predicts 1 numbers a row"):
        ConformalRegressor(lines[:1], method="cqr", prefit=True).fit(X, y)


@pytest.mark.parametrize("method", ["split", "jackknife", "jackknife+"])
@pytest.mark.parametrize("grouped", [False, True])
def test_update(method, grouped):
    X, y = drawn(100)
    groups = (X[:, 0] > 1).astype(int) if grouped else None

    def some(rows):
        return {} if groups is None else {"groups": groups[rows]}

    first, more = slice(0, 60), slice(60, 100)
    model = ConformalRegressor(
        Ridge(), method=method, cv=[(np.arange(30), np.arange(30, 60))] if method == "split" else None
    )
    model.fit(X[first], y[first], **some(first)).update(X[more], y[more], **some(more))
    whole = clone(model)
    if method == "split":
        whole.set_params(cv=[(np.arange(30), np.arange(30, 100))])
    whole.fit(X, y, **some(slice(None)))
    assert model.n_calibration_ == whole.n_calibration_
    assert_allclose(
        model.predict_interval(X, 0.8, **some(slice(None))),
        whole.predict_interval(X, 0.8, **some(slice(None))),
        rtol=1e-9,
    )
    if grouped:
        with pytest.raises(ValueError, match="groups"):
            model.update(X[more], y[more])


def test_update_keeps_a_window():
    X, y = drawn(200)
    model = ConformalRegressor(Ridge(), cv=[(np.arange(50), np.arange(50, 80))], window=40).fit(X[:80], y[:80])
    model.update(X[80:], y[80:])
    direct = ConformalRegressor(model.estimator_, prefit=True).fit(X[160:], y[160:])
    assert_array_equal(model.predict_interval(X), direct.predict_interval(X))


def test_any_estimator_and_any_rows():
    pandas = pytest.importorskip("pandas")
    X, y = drawn(60)
    frame = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(kind=np.where(X[:, 0] > 1, "u", "v"))
    tree = HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype")
    boosted = make_pipeline(GradientBoostingRegressor(loss="quantile", n_estimators=5))
    frame["kind"] = frame["kind"].astype("category")
    for model in (ConformalRegressor(tree), ConformalRegressor(tree, method="cv+", cv=3)):
        ends = model.fit(frame, y).predict_interval(frame, 0.7)
        assert ends.shape == (60, 2)
        assert list(model.feature_names_in_) == list(frame.columns)
    assert ConformalRegressor(boosted, method="cqr").fit(X, y).predict_interval(X, 0.7).shape == (60, 2)
    known = {"calibration_size": 0.5, "random_state": 0}
    rows, (more, later) = sparse.csr_array(X), drawn(50, seed=9)
    for method in ("split", "jackknife+"):
        dense = ConformalRegressor(Ridge(), method=method, **known).fit(X, y)
        thin = ConformalRegressor(Ridge(), method=method, **known).fit(rows, y)
        assert_allclose(thin.predict_interval(rows), dense.predict_interval(X), rtol=1e-8)
        ends = thin.update(sparse.csr_array(more), later).predict_interval(rows)
        assert_allclose(ends, dense.update(more, later).predict_interval(X), rtol=1e-8)


@pytest.mark.parametrize("method", ["split", "jackknife+", "cv+"])
def test_a_second_model_of_the_spread(method):
    rng = np.random.default_rng(0)
    X = rng.uniform(0.2, 3, (600, 1))
    y = X[:, 0] * (1 + rng.standard_normal(600))
    settings = {"method": method, "score": "normalised", "scale": LinearRegression(), "random_state": 0}
    centre = KNeighborsRegressor(25) if method == "split" else LinearRegression()
    n = 120 if method == "jackknife+" else 400
    model = ConformalRegressor(centre, **settings).fit(X[:n], y[:n])
    low, high = model.predict_interval([[0.3], [2.9]], 0.8).T
    assert 4 < (high - low)[1] / (high - low)[0] < 30


def test_jackknife_after_bootstrap():
    X, y = drawn(150)
    new, target = drawn(1000, seed=5)
    settings = {"method": "jackknife+-after-bootstrap", "n_resamples": 40, "random_state": 0}
    model = ConformalRegressor(Ridge(), **settings).fit(X, y)
    again = clone(model).fit(X, y)
    ends = model.predict_interval(new, 0.8)
    assert_array_equal(again.predict_interval(new, 0.8), ends)
    # 150 rows: the coverage of one training set varies by 0.033, and jackknife+ has 0.75 here
    assert 0.7 < np.mean((ends[:, 0] <= target) & (target <= ends[:, 1])) < 0.9
    plus = ConformalRegressor(Ridge(), method="jackknife+").fit(X, y).predict_interval(new, 0.8)
    assert_allclose(ends, plus, atol=2.0)
    with pytest.warns(UserWarning, match=r"of 150 rows are in all 2 resamples.*Raise n_resamples"):
        clone(model).set_params(n_resamples=2).fit(X, y)
    refits = clone(model).set_params(closed_form=False).fit(X, y).predict_interval(new, 0.8)
    assert 0.7 < np.mean((refits[:, 0] <= target) & (target <= refits[:, 1])) < 0.9


def hostile():
    X, y = drawn(30)
    return {
        "constant column": (np.column_stack([X, np.full(30, 7.0)]), y),
        "dependent columns": (np.column_stack([X, X[:, 0] - X[:, 1]]), y),
        "constant target": (X, np.full(30, 4.0)),
        "a column of one row": (np.column_stack([X, np.eye(30)[0]]), y),
        "more columns than rows": (np.random.default_rng(0).standard_normal((20, 35)), y[:20]),
        "duplicate rows": (np.repeat(X[:10], 3, axis=0), np.repeat(y[:10], 3)),
        "far mean": (X + 1e6, y + 1e8),
    }


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("score", ["absolute", "asymmetric", "normalised"])
@pytest.mark.parametrize("method", ["split", "jackknife", "jackknife+", "jackknife-minmax", "cv+"])
@pytest.mark.parametrize("name", hostile())
@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(0.5)], ids=["ols", "ridge"])
def test_degenerate_data(name, method, score, estimator):
    X, y = hostile()[name]
    model = ConformalRegressor(estimator, method=method, score=score, random_state=0, calibration_size=0.5).fit(X, y)
    ends = model.predict_interval(X + 0.1, [0.5, 0.7])
    assert np.isfinite(ends).all()
    assert np.all(ends[:, 0] <= ends[:, 1])
    values = model.predict_cdf(X + 0.1, y)
    assert np.all((values >= 0) & (values <= 1))


def test_weight_zero_is_a_missing_row():
    X, y = drawn(40)
    weight = np.ones(40)
    weight[5::7] = 0
    kept = weight > 0
    for method in ("split", "jackknife+", "cv+"):
        model = ConformalRegressor(Ridge(), method=method, random_state=0)
        found = clone(model).fit(X, y, weight).predict_interval(X, 0.7)
        assert_allclose(found, clone(model).fit(X[kept], y[kept], weight[kept]).predict_interval(X, 0.7), rtol=1e-9)


def test_clusters_stay_together():
    X, y = drawn(60)
    clusters = np.arange(60) // 5
    split = ConformalRegressor(Ridge(), random_state=0).fit(X, y, clusters=clusters)
    held = np.unique(clusters[split.calibration_rows_])
    assert split.n_calibration_ == 5 * len(held)
    loo = ConformalRegressor(Ridge(), method="jackknife+").fit(X, y, clusters=clusters)
    for k in (0, 7):
        others = Ridge().fit(X[clusters != k], y[clusters != k])
        assert_allclose(loo.left_out_.held_out[clusters == k], others.predict(X[clusters == k]), rtol=1e-9)


def test_doubtful_rows_are_named():
    pandas = pytest.importorskip("pandas")
    X, y = drawn(60)
    frame = pandas.DataFrame(X, columns=list("abc"), index=pandas.date_range("2020-01-01", periods=60))
    with pytest.warns(ExchangeabilityWarning, match="order of time .*2020-01-01.*AdaptiveConformal"):
        ConformalRegressor(Ridge()).fit(frame, y)
    twice = np.repeat(X, 2, axis=0), np.repeat(y, 2)
    with pytest.warns(ExchangeabilityWarning, match="120 of 120 rows have a twin"):
        ConformalRegressor(Ridge(), method="jackknife+").fit(*twice)
    ConformalRegressor(Ridge(), method="jackknife+").fit(*twice, clusters=np.arange(120) // 2)  # no word
    ConformalRegressor(Ridge(), checks=False).fit(frame, y)
    ConformalRegressor(Ridge()).fit(frame.sample(frac=1, random_state=0), y)
    kinds = pandas.DataFrame({"a": [1.0, 1.0, -0.0, 0.0], "b": ["u", "u", "v", "v"]})
    assert len(np.unique(row_hashes(kinds))) == 2
    assert_array_equal(row_hashes(np.asfortranarray(X)), row_hashes(X))


def test_bad_input_is_named():
    X, y = drawn(40)
    model = ConformalRegressor(Ridge(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"level must be a number between 0 and 1.*got 90"):
        model.predict_interval(X, 90)
    with pytest.raises(ValueError, match="q must be"):
        model.predict_quantile(X, [0.5, 1.0])
    with pytest.raises(ValueError, match="side must be"):
        model.predict_quantile(X, 0.5, side="left")
    with pytest.raises(ValueError, match="tau must be"):
        model.predict_cdf(X, y, tau=2)
    with pytest.raises(ValueError, match="y has 3 values and X 40"):
        model.predict_cdf(X, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="not to fit"):
        model.predict_interval(X, groups=np.zeros(40))
    with pytest.raises(ValueError, match="one label for each of the 40 rows"):
        model.fit(X, y, groups=[1, 2])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X, np.where(y > 0, np.nan, y))
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(broken, y)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, y).predict_interval(broken)
    with pytest.raises(ValueError, match=r"gamma.*above 0"):
        ConformalRegressor(Ridge(), score="gamma").fit(X, y - 100)
    with pytest.raises(ValueError, match="has no parameter for which one"):
        ConformalRegressor(Ridge(), method="cqr").fit(X, y)
    with pytest.raises(ValueError, match="'cqr' takes score"):
        ConformalRegressor(QuantileRegressor(), method="cqr", score="gamma").fit(X, y)
    with pytest.raises(ValueError, match="no predictive distribution"):
        ConformalRegressor(QuantileRegressor(alpha=0), method="cqr").fit(X, y).predict_cdf(X, y)
    with pytest.raises(ValueError, match="one split"):
        ConformalRegressor(Ridge(), cv=5).fit(X, y)
    with pytest.raises(ValueError, match="has no folds"):
        ConformalRegressor(Ridge(), method="jackknife", cv=5).fit(X, y)
    with pytest.raises(ValueError, match="bounds"):
        ConformalRegressor(Ridge(), bounds=(3, 1)).fit(X, y)
    with pytest.raises(ValueError, match="'method' parameter of ConformalRegressor"):
        ConformalRegressor(Ridge(), method="loo").fit(X, y)


def test_the_score_is_a_parameter_and_a_method():
    X, y = drawn(60)
    model = ConformalRegressor(Ridge(), score="asymmetric", random_state=0)
    assert model.get_params()["score"] == "asymmetric"
    assert clone(model.set_params(score="normalised")).get_params()["score"] == "normalised"
    assert "score='normalised'" in repr(model)
    assert model.fit(X, y).score(X, y) == model.estimator_.score(X, y)
    search = GridSearchCV(model, {"estimator__alpha": [0.1, 10.0], "score": ["absolute", "normalised"]}, cv=3).fit(X, y)
    assert set(search.best_params_) == {"estimator__alpha", "score"}
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_interval(X), model.predict_interval(X))


@parametrize_with_checks(
    [
        ConformalRegressor(Ridge(), random_state=0, checks=False),
        ConformalRegressor(Ridge(), method="jackknife+", checks=False),
        ConformalRegressor(Ridge(), score="normalised", random_state=0, checks=False),
    ],
    expected_failed_checks=lambda _: dict.fromkeys(WEIGHT_CHECKS, CANNOT_WEIGH),
)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(3.0)], ids=["ols", "ridge"])
def test_full_conformal_by_refits(estimator, symmetric):
    X, y = drawn(24)
    new = drawn(4, seed=1)[0]
    model = ConformalRegressor(estimator, method="full", score="absolute" if symmetric else "asymmetric").fit(X, y)
    assert_allclose(model.predict(new), estimator.fit(X, y).predict(new))
    assert model.n_calibration_ == 24
    for i, level in enumerate((0.5, 0.8)):
        found = model.predict_interval(new, [0.5, 0.8])[:, :, i]
        if not symmetric:
            ends = [
                model.predict_quantile(new, q, side=side)
                for q, side in zip([(1 - level) / 2, (1 + level) / 2], ["lower", "upper"], strict=True)
            ]
            assert_allclose(found, np.column_stack(ends))
            continue
        for row, ends in zip(new[:, np.newaxis], found, strict=True):
            grid = np.linspace(ends[0] - 1, ends[1] + 1, 400)
            step = grid[1] - grid[0]
            assert_allclose(slow.full_interval(estimator, X, y, row, level, grid), ends, atol=1.01 * step)
    with pytest.raises(ValueError, match=r"24 calibration rows are too few: this level needs at least 1?99"):
        model.predict_interval(new, 0.99)
    with pytest.raises(ValueError, match="does not take groups"):
        model.fit(X, y, groups=np.zeros(24))
    with pytest.raises(ValueError, match="score='absolute' or 'asymmetric'"):
        clone(model).set_params(score="gamma").fit(X, y)
    assert_allclose(model.update(X[:5] + 1, y[:5]).n_calibration_, 29)


@pytest.mark.parametrize("estimator", ["lightgbm", "pipeline"])
def test_boosting_and_pipelines(estimator):
    X, y = drawn(400, seed=4)
    new, target = drawn(600, seed=5)
    if estimator == "lightgbm":
        make = pytest.importorskip("lightgbm").LGBMRegressor
        plain, quantile = make(n_estimators=20, verbose=-1), make(n_estimators=20, verbose=-1, objective="quantile")
    else:
        plain, quantile = (make_pipeline(StandardScaler(), last) for last in (Ridge(), QuantileRegressor(alpha=0)))
    cases = [(plain, {}), (plain, {"method": "cv+", "cv": 4}), (quantile, {"method": "cqr"})]
    for base, options in cases:
        ends = ConformalRegressor(base, random_state=0, **options).fit(X, y).predict_interval(new, 0.8)
        assert 0.71 < np.mean((ends[:, 0] <= target) & (target <= ends[:, 1])) < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("method", ["split", "full", "jackknife-minmax", "jackknife+", "split, shifted"])
@pytest.mark.parametrize("score", ["absolute", "asymmetric"])
def test_coverage_over_many_draws_is_what_the_rank_says(method, score):
    """With continuous data, split and full conformal cover with probability rank / (n + 1), no more and no less."""
    n, level, draws = 18, 0.7, 2000
    hits = 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((2 * n + 1, 2))
        y = X[:, 0] + np.exp(rng.standard_normal(2 * n + 1))
        options = {"method": method, "score": score}
        rows = np.arange(2 * n)
        if method.startswith("split"):
            options |= {"method": "split", "cv": [(rows[:n], rows[n:])]}
            if "shifted" in method:  # the new row is drawn with the weights that are handed in
                chosen = rng.choice(np.arange(n, 2 * n + 1), p=tilt(X[n:]) / tilt(X[n:]).sum())
                X[[chosen, -1]], y[[chosen, -1]] = X[[-1, chosen]], y[[-1, chosen]]
                options |= {"shift": tilt, "too_few": "infinite"}
        else:
            rows = rows[:n]
        model = ConformalRegressor(Ridge(), checks=False, **options).fit(X[rows], y[rows])
        low, high = model.predict_interval(X[-1:], level)[0]
        hits += low <= y[-1] <= high
    tail = level if score == "absolute" else (1 + level) / 2
    exact = rank_of(n, tail) / (n + 1) if score == "absolute" else 2 * rank_of(n, tail) / (n + 1) - 1
    noise = 3.5 * np.sqrt(level * (1 - level) / draws)
    if method in ("split", "full"):
        assert abs(hits / draws - exact) < noise
    elif method == "jackknife+":
        assert hits / draws > 2 * level - 1
        assert abs(hits / draws - exact) < 0.05
    else:
        assert hits / draws > level - noise


def tilt(rows):
    return np.exp(rows[:, 0])


def test_minmax_under_a_shift():
    """The lowest and the highest prediction, moved by weighted quantiles of the scores."""
    X, y = drawn()
    new = X[:6] + 0.3
    model = ConformalRegressor(LinearRegression(), method="jackknife-minmax", shift=tilt).fit(X, y)
    found = model.predict_interval(new, 0.7)
    every = np.concatenate([block for _, block in model.left_out_.blocks(new)])
    size = np.abs(y - model.left_out_.held_out)
    order = np.argsort(size)
    for row, weight in enumerate(tilt(new)):
        share = np.cumsum(tilt(X)[order]) / (tilt(X).sum() + weight)
        move = size[order][np.argmax(share >= 0.7)]
        assert_allclose(found[row], [every[row].min() - move, every[row].max() + move], rtol=1e-12)
    alike = ConformalRegressor(LinearRegression(), method="jackknife-minmax", shift=lambda X: np.ones(len(X)))
    plain = ConformalRegressor(LinearRegression(), method="jackknife-minmax").fit(X, y)
    assert_allclose(alike.fit(X, y).predict_interval(new, LEVELS), plain.predict_interval(new, LEVELS), rtol=1e-12)


@pytest.mark.parametrize("method", ["split", "jackknife", "jackknife+", "jackknife-minmax", "cv+"])
@pytest.mark.parametrize("score", ["absolute", "normalised"])
def test_group_without_rows_under_a_shift(method, score):
    X, y = drawn()
    groups = np.repeat(["a", "b"], 20)
    options = {"method": method, "score": score, "shift": tilt, "random_state": 0}
    model = ConformalRegressor(LinearRegression(), too_few="infinite", **options).fit(X, y, groups=groups)
    found = model.predict_interval(X[18:22], 0.5, groups=["a", "c", "b", "c"])
    assert_array_equal(found[1::2], [[-np.inf, np.inf]] * 2)
    assert np.isfinite(found[::2]).all()
    assert model.predict_quantile(X[:1], 0.5, groups=["c"]) == np.inf
    model = ConformalRegressor(LinearRegression(), **options).fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="level"):
        model.predict_interval(X[:1], 0.5, groups=["c"])


@pytest.mark.parametrize("method", ["split", "jackknife+", "cv+"])
def test_groups_of_dates_and_missing_groups(method):
    X, y = drawn()
    dates = np.repeat(np.array(["2020-01-01", "2021-06-01"], dtype="datetime64[ns]"), 20)
    model = ConformalRegressor(LinearRegression(), method=method, random_state=0)
    found = model.fit(X, y, groups=dates).predict_interval(X[18:22], 0.5, groups=dates[18:22].astype("datetime64[D]"))
    named = model.fit(X, y, groups=dates.astype(str)).predict_interval(X[18:22], 0.5, groups=dates[18:22].astype(str))
    assert_array_equal(found, named)
    for missing in (None, np.nan, np.datetime64("NaT")):
        labels = dates.astype("datetime64[D]").astype(object)
        labels[3] = missing
        with pytest.raises(ValueError, match="groups has no label for 1 rows"):
            model.fit(X, y, groups=labels)


def test_full_refuses_what_it_would_not_use():
    X, y = drawn()
    with pytest.raises(ValueError, match="does not take clusters"):
        ConformalRegressor(LinearRegression(), method="full").fit(X, y, clusters=np.repeat(np.arange(10), 4))


def test_weights_reach_the_end_of_nested_pipelines():
    X, y = drawn()
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    one = make_pipeline(StandardScaler(), Ridge())
    for method in ("split", "cv+"):
        found = [
            ConformalRegressor(model, method=method, random_state=0).fit(X, y, sample_weight=weight)
            for model in (one, make_pipeline(StandardScaler(), make_pipeline(Ridge())))
        ]
        assert_allclose(*(model.predict_interval(X, 0.5) for model in found), rtol=1e-10)


class Silent(RegressorMixin, BaseEstimator):
    """A mean, and NaN far out."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.where(X[:, 0] > 100, np.nan, self.mean_)


@pytest.mark.parametrize("shift", [None, lambda X: np.ones(len(X))], ids=["", "shift"])
@pytest.mark.parametrize(
    "method", ["split", "jackknife", "jackknife+", "jackknife-minmax", "cv+", "jackknife+-after-bootstrap"]
)
def test_no_prediction_is_an_error(method, shift):
    X, y = drawn()
    model = ConformalRegressor(Silent(), method=method, random_state=0, shift=shift, n_resamples=40).fit(X, y)
    new = np.vstack([X[:2], [[101.0, 0, 0]]])
    for answer in (model.predict_interval, model.predict_quantile, lambda X, q: model.predict_cdf(X, 0.0, tau=q)):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="predicts NaN"):
            answer(new, 0.5)
