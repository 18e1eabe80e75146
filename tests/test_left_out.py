"""Fits without some of their rows: closed forms and warm starts beside refits, one table of problems for all."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge as PeerRidge
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from mlcraft import _core
from mlcraft._engine.resampling import resample_weights, seed_of
from mlcraft.exceptions import CollinearityWarning, LeverageWarning
from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV
from mlcraft.uncertainty.left_out import left_out, order_bounds
from mlcraft.uncertainty.left_out._bootstrap import resampling_plan


def rows(n=40, p=4, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) + 3
    return X, X @ np.linspace(1, -2, p) + random.standard_normal(n), random.uniform(0.5, 2, n)


def labels(n=150, p=3, classes=2, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p))
    score = X[:, 0] + random.standard_normal(n)
    return X, np.array(["no", "so", "yes"])[:classes][np.digitize(score, np.linspace(0, 1, classes - 1))]


def everything(left, X, max_bytes=1000):
    """All predictions, and that the blocks are in order, without gaps, and small."""
    found, end = [], 0
    for some, block in left.blocks(X, max_bytes):
        assert some.start == end
        assert block.shape[:2] == (some.stop - some.start, left.n_models)
        assert block.nbytes <= max_bytes or len(block) == 1
        found.append(block)
        end = some.stop
    assert end == X.shape[0]
    return np.concatenate(found)


def assert_same(left, right, X, tolerance):
    np.testing.assert_allclose(left.held_out, right.held_out, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(everything(left, X), everything(right, X), rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(left.member, right.member)
    assert left.n_models == right.n_models


LINEAR = {
    "least squares": LinearRegression(),
    "without intercept": LinearRegression(fit_intercept=False),
    "ridge": Ridge(alpha=2.0),
    "ridge without intercept": Ridge(alpha=0.3, fit_intercept=False),
}
SHAPES = {"tall": (40, 4), "wide": (12, 30), "square": (12, 12), "one column": (9, 1)}


@pytest.mark.parametrize("cv", ["loo", 4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LINEAR)
def test_linear_forms_equal_refits(name, shape, weighted, cv):
    X, y, weight = rows(*SHAPES[shape])
    weight[2] = 0.0
    given = weight if weighted else None
    fast = left_out(LINEAR[name], X, y, sample_weight=given, cv=cv)
    slow = left_out(LINEAR[name], X, y, sample_weight=given, cv=cv, closed_form=False)
    assert (fast.form, slow.form) == ("linear", "refits")
    assert_same(fast, slow, rows(7, X.shape[1], seed=1)[0], 1e-10)
    np.testing.assert_allclose(fast.full.predict(X), clone(LINEAR[name]).fit(X, y, given).predict(X))


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array, np.asfortranarray], ids=["csr", "csc", "f"])
@pytest.mark.parametrize("cv", ["loo", 3])
def test_storage(convert, cv):
    X, y, _ = rows()
    X[X < 2.5] = 0.0
    plain, other = left_out(Ridge(), X, y, cv=cv), left_out(Ridge(), convert(X), y, cv=cv)
    np.testing.assert_allclose(other.held_out, plain.held_out, rtol=1e-12)
    np.testing.assert_allclose(everything(other, convert(X)), everything(plain, X), rtol=1e-12)


@pytest.mark.parametrize("outlier", [1e2, 1e5, 1e9])
@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(alpha=0.5)])
def test_leverage_near_one(estimator, outlier):
    X, y, _ = rows(30, 3)
    X[4, 1], X[5, 2] = outlier, -outlier
    fast, slow = left_out(estimator, X, y), left_out(estimator, X, y, closed_form=False)
    others = rows(6, 3, seed=2)[0]
    error = np.abs(everything(fast, others) - everything(slow, others)).max()
    assert error < 1e-10 * max(1.0, outlier / 1e5)  # what rounding of the outlier's own square leaves
    np.testing.assert_allclose(fast.held_out, slow.held_out, rtol=1e-9, atol=1e-9)


def test_leverage_one_is_the_solution_of_least_norm():
    X, y, _ = rows(20, 4)
    X[:, 1] = np.arange(20) == 3
    with pytest.warns(LeverageWarning, match="row 3 has leverage 1"):
        fast = left_out(LinearRegression(), X, y)
    with pytest.warns(UserWarning, match="independent"):
        slow = left_out(LinearRegression(), X, y, closed_form=False)
    assert_same(fast, slow, X, 1e-10)


def test_constant_and_repeated_columns():
    X, y, _ = rows(20, 4)
    X[:, 1], X[:, 3] = 7.0, X[:, 0]
    fast, slow = left_out(Ridge(), X, y), left_out(Ridge(), X, y, closed_form=False)
    assert_same(fast, slow, X, 1e-10)


def test_single_precision():
    X, y, _ = rows()
    single, double = left_out(Ridge(), X.astype("f"), y), left_out(Ridge(), X, y)
    np.testing.assert_allclose(everything(single, X.astype("f")), everything(double, X), rtol=2e-5, atol=2e-5)


# ---------------------------------------------------------------- logistic regression

LOGISTIC = {
    "plain": LogisticRegression(tol=1e-10),
    "unpenalised, balanced": LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-10),
    "penalised intercept": LogisticRegression(C=0.1, solver="liblinear", tol=1e-10),
    "without intercept": LogisticRegression(fit_intercept=False, tol=1e-10),
}


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic_folds_equal_refits(name, classes, method):
    X, y = labels(classes=classes)
    estimator = LOGISTIC[name]
    if classes > 2 and estimator.solver == "liblinear":
        pytest.skip("liblinear is for two classes")
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    fast = left_out(estimator, X, y, sample_weight=weight, cv=5, method=method)
    slow = left_out(estimator, X, y, sample_weight=weight, cv=5, method=method, closed_form=False)
    assert (fast.form, slow.form) == ("logistic", "refits")
    assert_same(fast, slow, X[:9], 1e-10)


def test_a_class_that_a_fold_lacks_has_probability_zero():
    X, y = labels(60)
    y[0] = "absent"
    splitter = KFold(3)
    for estimator in (LogisticRegression(), DecisionTreeClassifier(random_state=0)):
        left = left_out(estimator, X, y, cv=splitter, method="predict_proba")
        assert left.form == "refits"
        assert left.held_out.shape == (60, 3)
        assert left.held_out[0, 0] == 0.0
        assert next(left.blocks(X[:4]))[1].shape == (4, 3, 3)
        np.testing.assert_allclose(left.held_out.sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="only 2 of 3 classes"):
        left_out(LogisticRegression(), X, y, cv=splitter, method="decision_function")


@pytest.mark.parametrize("penalty", [0.1, 1.0, np.inf])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_leave_one_out_is_near_refits(classes, penalty):
    X, y = labels(classes=classes)
    estimator = LogisticRegression(C=penalty, tol=1e-10)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    weight[3] = 0.0
    fast = left_out(estimator, X, y, sample_weight=weight, method="predict_proba")
    slow = left_out(estimator, X, y, sample_weight=weight, method="predict_proba", closed_form=False)
    assert (fast.form, slow.form) == ("logistic", "refits")
    full = estimator.fit(X, y, weight)
    change = np.abs(slow.held_out - full.predict_proba(X)).max()
    assert np.abs(fast.held_out - slow.held_out).max() < min(0.003, 0.1 * change)
    assert np.abs(everything(fast, X[:9]) - everything(slow, X[:9])).max() < 0.003
    np.testing.assert_allclose(fast.held_out, full.loo_proba_(X, y, weight), atol=5e-3)  # large leverages differ
    scores = left_out(estimator, X, y, sample_weight=weight, method="decision_function")
    logs = np.log(fast.held_out)
    expected = logs[:, 1] - logs[:, 0] if classes == 2 else logs - logs.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(scores.held_out, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_rows_of_large_leverage_take_more_steps(classes):
    X, y = labels(60, classes=classes)
    X[5] = [4.0, 3.0, 0.0]
    y[5] = "no"  # against the trend
    assert LogisticRegression(C=np.inf).fit(X, y).leverage_(X)[5] > 0.1
    estimator = LogisticRegression(C=np.inf, tol=1e-10)
    fast = left_out(estimator, X, y, method="predict_proba")
    others = np.arange(60) != 5
    model = clone(estimator).fit(X[others], y[others])
    np.testing.assert_allclose(fast.held_out[5], model.predict_proba(X[5:6])[0], atol=1e-5)
    np.testing.assert_allclose(everything(fast, X)[:, 5], model.predict_proba(X), atol=1e-5)
    assert len(fast.unfinished) == 0


def test_logistic_with_more_parameters_than_rows():
    X, y = labels(50, 30, classes=3)
    fast, slow = (left_out(LogisticRegression(C=0.05, tol=1e-10), X, y, method="predict_proba", closed_form=form)
                  for form in ("auto", False))  # fmt: skip
    np.testing.assert_allclose(fast.held_out, slow.held_out, atol=1e-4)


def test_logistic_rows_that_keep_classes_together():
    X = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 2.5])[:, np.newaxis]
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    y[6], X[6] = 0, 3.5  # without it a threshold tells the classes apart
    left = left_out(LogisticRegression(C=np.inf), X, y, method="predict_proba")
    assert 6 in left.unfinished
    assert np.all(np.isfinite(left.held_out))


# ---------------------------------------------------------------- any estimator


def test_refits_are_loops_of_fits():
    X, y, _ = rows(25)
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    for cv, splits in (("loo", KFold(25)), (KFold(4), KFold(4))):
        left = left_out(tree, X, y, cv=cv)
        predictions = everything(left, X[:6])
        for k, (train, test) in enumerate(splits.split(X)):
            model = clone(tree).fit(X[train], y[train])
            np.testing.assert_array_equal(left.held_out[test], model.predict(X[test]))
            np.testing.assert_array_equal(left.member[test], k)
            np.testing.assert_array_equal(predictions[:, k], model.predict(X[:6]))


def test_labels_and_parallel_refits():
    X, y = labels()
    forest = RandomForestClassifier(5, random_state=0)
    left = left_out(forest, X, y, cv=3)
    assert set(left.held_out) == set(y)
    again = left_out(forest, X, y, cv=3, n_jobs=2)
    np.testing.assert_array_equal(left.held_out, again.held_out)


@pytest.mark.parametrize("aggregate", ["mean", "median"])
@pytest.mark.parametrize("estimator", [PeerRidge(), Ridge()], ids=["refits", "weighted moments"])
def test_resamples_by_hand(estimator, aggregate):
    X, y, weight = rows(15)
    left = left_out(
        estimator, X, y, sample_weight=weight, cv="bootstrap", n_resamples=3, aggregate=aggregate, random_state=5
    )
    assert left.form == ("linear" if isinstance(estimator, Ridge) else "refits")
    counts = resample_weights(resampling_plan(15, seed_of(5), None), 0, 3)
    assert np.all(counts.sum(axis=1) == 15)
    models = [PeerRidge().fit(X, y, weight * drawn) for drawn in counts]
    full = PeerRidge().fit(X, y, weight)
    predictions = everything(left, X)
    never = 0
    for i in range(15):
        unseen = [model for model, drawn in zip(models, counts, strict=True) if drawn[i] == 0]
        never += not unseen
        together = getattr(np, aggregate)
        expected = together([model.predict(X) for model in unseen or [full]], axis=0)
        np.testing.assert_allclose(predictions[:, i], expected, rtol=1e-9)
    np.testing.assert_allclose(left.held_out, np.diagonal(predictions))
    assert left.member is None
    assert left.n_models == 15
    assert left.never_left_out == never > 0


@pytest.mark.parametrize("groups", [None, np.arange(40) // 4], ids=["rows", "groups"])
@pytest.mark.parametrize("name", LINEAR)
def test_resamples_by_weighted_moments_equal_refits(name, groups):
    X, y, weight = rows()
    X[:, 3] = np.arange(40) < 3  # in some resamples a column of zeros
    arguments = {"sample_weight": weight, "cv": "bootstrap", "random_state": 1, "n_resamples": 70, "groups": groups}
    fast = left_out(LINEAR[name], X, y, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        slow = left_out(LINEAR[name], X, y, closed_form=False, **arguments)
    assert (fast.form, slow.form) == ("linear", "refits")
    np.testing.assert_allclose(fast.held_out, slow.held_out, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(everything(fast, X[:5]), everything(slow, X[:5]), rtol=1e-8, atol=1e-8)


def test_resamples_of_groups_and_classes():
    X, y = labels()
    groups = np.arange(150) // 10
    left = left_out(
        DecisionTreeClassifier(max_depth=2),
        X,
        y,
        cv="bootstrap",
        groups=groups,
        n_resamples=6,
        random_state=0,
        method="predict_proba",
    )
    assert left.held_out.shape == (150, 2)
    np.testing.assert_allclose(everything(left, X[:5]).sum(axis=2), 1.0)
    with pytest.raises(ValueError, match="labels have no mean"):
        left_out(DecisionTreeClassifier(), X, y, cv="bootstrap")


# ---------------------------------------------------------------- pipelines and choices


def test_steps_that_do_not_see_y_are_fitted_once():
    X, y, weight = rows()
    pipe = make_pipeline(StandardScaler(), PCA(3), Ridge())
    left = left_out(pipe, X, y, sample_weight=weight)
    assert left.form == "linear"
    assert "fitted once" in left.remark
    Z = pipe[:-1].fit_transform(X)
    inner = left_out(Ridge(), Z, y, sample_weight=weight, closed_form=False)
    np.testing.assert_allclose(left.held_out, inner.held_out, rtol=1e-10)
    np.testing.assert_allclose(everything(left, X), everything(inner, Z), rtol=1e-10)
    refitted = left_out(pipe, X, y, sample_weight=weight, closed_form=False)
    assert (refitted.form, refitted.remark) == ("refits", "")
    with pytest.raises(NotFittedError):
        pipe.predict(X)


@pytest.mark.parametrize("cv", ["loo", 3, "bootstrap"])
@pytest.mark.parametrize("closed_form", ["auto", False])
def test_pickles(cv, closed_form):
    X, y, _ = rows(20)
    left = left_out(make_pipeline(StandardScaler(), Ridge()), X, y, cv=cv, closed_form=closed_form)
    again = pickle.loads(pickle.dumps(left))
    np.testing.assert_array_equal(everything(again, X), everything(left, X))


class Subclass(Ridge):
    """May fit in another way, for all we know."""


@pytest.mark.parametrize(
    ("estimator", "extra"),
    [
        (make_pipeline(SelectKBest(f_regression, k=2), Ridge()), {}),
        (RidgeCV(), {}),
        (Ridge(positive=True), {}),
        (Subclass(), {}),
        (PeerRidge(), {}),
        (Ridge(), {"closed_form": False}),
        (Ridge(), {"fit_params": {"sample_weight": np.ones(20)}}),
    ],
    ids=["selection by y", "chosen penalty", "non-negative", "subclass", "foreign", "asked for", "fit_params"],
)
def test_what_is_refitted(estimator, extra):
    X, y, _ = rows(20)
    assert left_out(estimator, X, y, cv=3, **extra).form == "refits"


def test_folds():
    X, y, _ = rows(20)
    assert np.array_equal(left_out(Ridge(), X, y, cv=4).member, np.arange(20) // 5)
    shuffled = left_out(Ridge(), X, y, cv=4, random_state=0).member
    assert not np.array_equal(shuffled, np.arange(20) // 5)
    assert np.array_equal(shuffled, left_out(PeerRidge(), X, y, cv=4, random_state=0).member)
    groups = np.arange(20) % 5
    member = left_out(Ridge(), X, y, cv=GroupKFold(5), groups=groups).member
    assert all(len(set(member[groups == g])) == 1 for g in range(5))
    Z, z = labels(60)
    stratified = left_out(LogisticRegression(), Z, z, cv=2, method="predict_proba").member
    assert abs(np.mean(z[stratified == 0] == "yes") - np.mean(z[stratified == 1] == "yes")) < 0.04


WRONG = {
    "overlap": ({"cv": ShuffleSplit(3, test_size=0.4, random_state=0)}, "held out once"),
    "name": ({"cv": "jackknife"}, "cv must be"),
    "one fold": ({"cv": 1}, "between 2 and"),
    "more folds than rows": ({"cv": 21}, "between 2 and the number of rows, 20"),
    "resamples": ({"cv": "bootstrap", "n_resamples": 0}, "n_resamples"),
    "aggregate": ({"cv": "bootstrap", "aggregate": "mode"}, "aggregate"),
    "closed form": ({"closed_form": True}, "closed_form"),
    "method": ({"method": "predict_proba"}, "has no method"),
    "weights": ({"sample_weight": np.ones(3)}, "sample_weight must have shape"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    X, y, _ = rows(20)
    arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        left_out(Ridge(), X, y, **arguments)


@pytest.mark.parametrize("cv", ["loo", 3])
def test_wrong_data(cv):
    X, y, _ = rows(20)
    with pytest.raises(ValueError, match="one column"):
        left_out(Ridge(), X, np.column_stack([y, y]), cv=cv)
    with pytest.raises(ValueError, match="inconsistent"):
        left_out(Ridge(), X, y[:-1], cv=cv)
    left = left_out(Ridge(), X, y, cv=cv)
    with pytest.raises(ValueError, match="features"):
        next(left.blocks(X[:, :2]))
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        next(left.blocks(X))
    with pytest.raises(ValueError, match="NaN"):
        left_out(Ridge(), X, y, cv=cv)


# ---------------------------------------------------------------- order statistics

FORMS = {
    "loo": {"cv": "loo"},
    "folds": {"cv": 4},
    "refits": {"cv": 4, "closed_form": False},
    "resamples": {"cv": "bootstrap", "n_resamples": 8, "random_state": 0},
    "medians": {"cv": "bootstrap", "n_resamples": 8, "random_state": 0, "aggregate": "median"},
}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("subset", [None, np.arange(3, 40, 2)], ids=["all", "some"])
@pytest.mark.parametrize("form", FORMS)
def test_order_bounds(form, subset, scaled):
    X, y, weight = rows()
    left = left_out(Ridge(), X, y, **FORMS[form])
    others = rows(11, seed=3)[0]
    low, high = -np.abs(y - left.held_out), weight
    scale = np.linspace(0.5, 2, 11) if scaled else None
    ranks = [0, 1, 4, 12], [50, 19, 17, 3]
    found = order_bounds(left, others, low, high, *ranks, scale=scale, subset=subset, max_bytes=3000)
    member = np.arange(40) if left.member is None else left.member
    table = everything(left, others)[:, member]
    some = np.arange(40) if subset is None else subset
    factors = np.ones(11) if scale is None else scale
    for side, (offset, wanted) in enumerate(zip((low, high), ranks, strict=True)):
        values = np.sort((table + factors[:, np.newaxis] * offset)[:, some], axis=1)
        for level, rank in enumerate(wanted):
            expected = np.full(11, -np.inf if rank < 1 else np.inf)
            if 1 <= rank <= len(some):
                expected = values[:, rank - 1]
            np.testing.assert_allclose(found[:, side, level], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_fits_without_of_several_targets(weighted):
    X, y, weight = rows(30)
    Y, weight = np.column_stack([y, y**2, -y]), weight if weighted else None
    parts = [np.arange(4), np.array([7, 20]), np.array([4])]
    model = Ridge(alpha=[0.1, 2.0, 0.1]).fit(X, Y, weight)
    coef, intercept = model._fits_without(X, Y, weight, parts)
    assert coef.shape == (3, 3, 4)
    for k, part in enumerate(parts):
        others = np.delete(np.arange(30), part)
        again = clone(model).fit(X[others], Y[others], None if weight is None else weight[others])
        np.testing.assert_allclose(coef[k], again.coef_, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(intercept[k], again.intercept_, rtol=1e-9, atol=1e-10)
    assert Ridge(positive=True).fit(X, y)._fits_without(X, y, None, parts) is None
    Z, z = labels()
    z[0] = "absent"
    assert LogisticRegression().fit(Z, z)._fits_without(Z, z, None, [np.array([0])]) is None


def test_order_bounds_of_wrong_offsets():
    X, y, _ = rows(20)
    left = left_out(Ridge(), X, y)
    with pytest.raises(ValueError, match=r"low must have shape \(20,\)"):
        order_bounds(left, X, np.ones(3), np.ones(20), [1], [20])
    with pytest.raises(ValueError, match="high holds NaN in row 2"):
        order_bounds(left, X, np.ones(20), np.where(np.arange(20) == 2, np.nan, 1.0), [1], [20])
    with pytest.raises(ValueError, match="scale must have shape"):
        order_bounds(left, X[:3], 0.0, 0.0, [1], [20], scale=np.ones(2))


@pytest.mark.parametrize("n", [1, 40, 700, 5000])
def test_order_bounds_in_order_and_with_ties(n):
    """Rows that come sorted fool a sample of them; equal values and infinite ones are counted as they are."""
    random = np.random.default_rng(0)
    base, points, weights = np.array([1.0, -2.0]), random.standard_normal((2, 3)), np.zeros((n, 3))
    for values in (
        np.arange(n) * 1.0,
        np.arange(n)[::-1] // 7 * 1.0,
        np.zeros(n),
        np.where(np.arange(n) % 2, np.inf, 0),
    ):
        ranks = np.array([[1, (n + 1) // 2, n], [n, n // 3 + 1, 1]])
        found = _core.order_bounds(base, points, (weights, None), np.stack([values, values]), None, ranks)
        np.testing.assert_array_equal(found, base[:, np.newaxis, np.newaxis] + np.sort(values)[ranks - 1])


def test_order_bounds_do_not_depend_on_threads():
    X, y, _ = rows(3000, 20)
    left = left_out(Ridge(), X, y)
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found.append(order_bounds(left, X[:700], -1.0, 1.0, [150, 300], [2850, 2700]))
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("n_rows", [500, 5000])
def test_memory_of_a_block(n_rows):
    """The bounds of many points take the memory of a few: n_test x n_train is never there."""
    X, y, _ = rows(4000, 10)
    left = left_out(Ridge(), X, y)
    others = rows(n_rows, 10, seed=4)[0]
    peaks = []
    for work in (
        lambda: order_bounds(left, others, -1.0, 1.0, [200], [3800]),
        lambda: [None for _ in left.blocks(others, 2**20)],
    ):
        tracemalloc.start()
        work()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 3 * X.nbytes + 4 * others.nbytes + 2**22


@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.CollinearityWarning")
@pytest.mark.parametrize("estimator", [LinearRegression(), LinearRegression(fit_intercept=False), Ridge()], ids=repr)
@pytest.mark.parametrize("options", [{"cv": "loo"}, {"cv": 4}, {"cv": "bootstrap", "random_state": 0}], ids=repr)
def test_columns_that_tell_nothing(estimator, options):
    """The mean, or zero, without any direction to fit."""
    y = rows()[1]
    X = np.full((len(y), 2), 3.0 if estimator.fit_intercept else 0.0)
    found = left_out(estimator, X, y, **options)
    peer = left_out(estimator, X, y, closed_form=False, **options)
    np.testing.assert_allclose(found.held_out, peer.held_out, atol=1e-10)
    np.testing.assert_allclose(next(found.blocks(X[:3]))[1], next(peer.blocks(X[:3]))[1], atol=1e-10)


def test_wide_columns_that_tell_nothing():
    y = np.arange(12.0)
    found = left_out(LinearRegression(), np.ones((12, 30)), y, cv=3)
    np.testing.assert_allclose(found.held_out, np.repeat([7.5, 5.5, 3.5], 4))
