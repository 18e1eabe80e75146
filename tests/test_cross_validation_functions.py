"""cross_validate and its like: scikit-learn's scores without refits, and the interval of their mean."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import model_selection as theirs
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from mlcraft.evaluation import cross_validation as ours
from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV

RNG = np.random.default_rng(0)
N = 240
X = RNG.standard_normal((N, 5)) * [1, 3, 0.2, 1, 1] + 2
Y = X @ [1.0, -0.5, 4.0, 0.0, 0.2] + RNG.standard_normal(N)
LABELS = np.where(Y + RNG.standard_normal(N) > np.median(Y), "up", "down")
THREE = np.digitize(Y, np.quantile(Y, [0.3, 0.7]))
GROUPS = RNG.integers(0, 12, N)

REGRESSIONS = {
    "least squares": (LinearRegression(), "moments"),
    "no intercept": (LinearRegression(fit_intercept=False), "moments"),
    "ridge": (Ridge(alpha=3.0), "moments"),
    "by row": (make_pipeline(Normalizer(), PolynomialFeatures(), Ridge()), "moments"),
    "function": (make_pipeline(FunctionTransformer(np.log1p), Ridge()), "moments"),
    "scaled": (make_pipeline(StandardScaler(), Ridge()), "refits"),
    "whole columns": (make_pipeline(FunctionTransformer(lambda Z: Z - Z.mean(axis=0)), Ridge()), "refits"),
    "non-negative": (LinearRegression(positive=True), "refits"),
    "penalty chosen": (RidgeCV(), "refits"),
    "another library": (DecisionTreeRegressor(random_state=0), "refits"),
}
SPLITTERS = {
    "default": None,
    "three": 3,
    "shuffled": KFold(4, shuffle=True, random_state=0),
    "groups": GroupKFold(4),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
}


def agree(found, expected, rtol=1e-9):
    assert set(found) == set(expected)
    for name in expected:
        if "time" not in name and name != "indices":
            assert_allclose(found[name], expected[name], rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize(("model", "form"), REGRESSIONS.values(), ids=REGRESSIONS)
def test_regressions_score_as_refits_do(model, form, cv):
    data = np.abs(X)
    groups = GROUPS if isinstance(cv, GroupKFold) else None
    asked = {"cv": cv, "groups": groups, "return_train_score": True, "scoring": ["r2", "neg_mean_absolute_error"]}
    found = ours.cross_validate(model, data, Y, **asked)
    agree(found, theirs.cross_validate(model, data, Y, **asked))
    assert found.form == form
    assert_allclose(ours.cross_val_score(model, data, Y, cv=cv, groups=groups), found["test_r2"], rtol=1e-12)
    if not isinstance(cv, RepeatedKFold):
        predictions = ours.cross_val_predict(model, data, Y, cv=cv, groups=groups)
        assert_allclose(predictions, theirs.cross_val_predict(model, data, Y, cv=cv, groups=groups), rtol=1e-9)


@pytest.mark.parametrize("y", [LABELS, THREE], ids=["two", "three"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_logistic_regressions_score_as_refits_do(y, class_weight, C):
    model = LogisticRegression(C=C, class_weight=class_weight, tol=1e-10)
    scoring = ["accuracy", "neg_log_loss", "roc_auc_ovr"]
    found = ours.cross_validate(model, X, y, cv=4, scoring=scoring)
    agree(found, theirs.cross_validate(model, X, y, cv=4, scoring=scoring))
    assert found.form == "warm starts"
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        predictions = ours.cross_val_predict(model, X, y, cv=4, method=method)
        expected = theirs.cross_val_predict(model, X, y, cv=4, method=method)
        if method == "predict":
            assert_array_equal(predictions, expected)
        else:
            assert_allclose(predictions, expected, rtol=1e-7, atol=1e-9)


def test_the_default_tolerance_is_tight_enough():
    model = LogisticRegression()
    found = ours.cross_val_score(model, X, LABELS, scoring="neg_log_loss")
    assert_allclose(found, theirs.cross_val_score(model, X, LABELS, scoring="neg_log_loss"), rtol=1e-7)


CONTAINERS = {
    "frame": lambda Z: pd.DataFrame(Z, columns=list("abcde")),
    "sparse": lambda Z: sparse.csr_array(np.where(np.abs(Z) > 1, Z, 0)),
    "csc": lambda Z: sparse.csc_matrix(np.where(np.abs(Z) > 1, Z, 0)),
    "fortran": np.asfortranarray,
    "float32": lambda Z: Z.astype(np.float32),
    "lists": lambda Z: Z.tolist(),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_containers(make):
    data = make(X)
    rtol = 1e-4 if getattr(data, "dtype", None) == np.float32 else 1e-9
    for model, y in ((Ridge(), Y), (LinearRegression(), np.column_stack([Y, -2 * Y])), (LogisticRegression(), LABELS)):
        found = ours.cross_validate(model, data, y, cv=3)
        assert found.form != "refits"
        agree(found, theirs.cross_validate(model, data, y, cv=3), rtol)


def test_weights_go_to_the_fits_and_leave_rows_out():
    weight = RNG.uniform(0, 2, N) * (RNG.uniform(size=N) > 0.2)
    for model, y in ((Ridge(), Y), (LogisticRegression(tol=1e-10), LABELS)):
        found = ours.cross_validate(model, X, y, cv=5, params={"sample_weight": weight})
        assert found.form != "refits"
        agree(found, theirs.cross_validate(model, X, y, cv=5, params={"sample_weight": weight}))


def test_text_by_hashing():
    words = RNG.choice(["good", "bad", "fine", "poor", "film", "plot"], size=(N, 6))
    text = [" ".join(row) for row in words]
    y = (words == "good").sum(axis=1) + (words == "fine").sum(axis=1) > 2
    model = make_pipeline(HashingVectorizer(n_features=256), LogisticRegression(C=100))
    found = ours.cross_validate(model, text, y, scoring="neg_log_loss")
    assert found.form == "warm starts"
    agree(found, theirs.cross_validate(model, text, y, scoring="neg_log_loss"), 1e-6)


def test_what_takes_refits_gets_them():
    holes = X.copy()
    holes[3, 2] = np.nan
    with pytest.warns(Warning, match="failed|non-finite"):
        found = ours.cross_validate(Ridge(), holes, Y, cv=3)
    assert np.isnan(found["test_score"]).all()
    with pytest.raises(ValueError, match="NaN"):
        ours.cross_validate(Ridge(), holes, Y, cv=3, error_score="raise")
    assert (
        ours.cross_validate(Ridge(), X, Y, cv=ShuffleSplit(3, train_size=0.5, test_size=0.2, random_state=0)).form
        == "refits"
    )
    kept = ours.cross_validate(Ridge(), X, Y, cv=3, return_estimator=True, return_indices=True)
    assert kept.form == "refits"
    assert kept["estimator"][0].summary() is not None
    alone = ours.cross_validate(Ridge(), X, Y, cv=3, return_indices=True)
    for part in ("train", "test"):
        for mine, other in zip(alone["indices"][part], kept["indices"][part], strict=True):
            assert_array_equal(mine, other)

    class Halved(Ridge):
        def predict(self, X):
            return super().predict(X) / 2

    assert ours.cross_validate(Halved(), X, Y).form == "refits"


def test_a_scorer_that_fails_is_reported_as_scikit_learn_does():
    def fails(model, X, y):
        raise ValueError("no score today")

    with pytest.warns(UserWarning, match="no score today"):
        found = ours.cross_validate(Ridge(), X, Y, cv=3, scoring=fails)
    assert np.isnan(found["test_score"]).all()


def test_leave_one_out_and_unchanged_estimators():
    model = Ridge()
    assert_allclose(
        ours.cross_val_predict(model, X[:40], Y[:40], cv=LeaveOneOut()),
        theirs.cross_val_predict(model, X[:40], Y[:40], cv=LeaveOneOut()),
        rtol=1e-10,
    )
    assert not hasattr(model, "coef_")
    splitter = StratifiedKFold(5, shuffle=True, random_state=1)
    assert ours.cross_validate(LogisticRegression(), X, LABELS, cv=splitter).form == "warm starts"


def test_bad_input_is_refused_as_by_scikit_learn():
    for arguments, message in (
        (((Ridge(), X, Y[:-1]), {}), "inconsistent numbers of samples"),
        (((Ridge(), X, Y), {"cv": 1000}), "Cannot have number of splits"),
        (((Ridge(), X, Y), {"scoring": "best"}), "best"),
    ):
        args, keywords = arguments
        with pytest.raises(ValueError, match=message):
            ours.cross_validate(*args, **keywords)


# ---------------------------------------------------------------- the mean of the folds


def test_the_corrected_interval():
    scores = np.array([0.7, 0.8, 0.9, 0.75])
    found = ours.mean_over_folds(scores, 75, 25, level=0.9)
    from scipy.stats import t

    reach = t.ppf(0.95, 3) * np.sqrt(scores.var(ddof=1) * (0.25 + 1 / 3))
    assert_allclose([found.value, found.lower, found.upper], scores.mean() + np.array([0, -1, 1]) * reach)
    assert np.isinf(ours.mean_over_folds([0.5], 3, 1).upper)
    whole = ours.cross_validate(Ridge(), X, Y, cv=4)
    assert (whole.n_train, whole.n_test) == (180, 60)
    assert whole.mean().value == whole["test_score"].mean()
    with pytest.raises(KeyError, match="test_r2"):
        whole.mean("test_r2")
    for bad in (([], 1, 1), ([np.nan], 1, 1), ([0.1], 0, 1), ([0.1], 1, -2)):
        with pytest.raises(ValueError, match=r"scores|n_train"):
            ours.mean_over_folds(*bad)


@pytest.mark.slow
def test_the_corrected_interval_covers_and_the_plain_one_does_not():
    """Of the expected R2 of a fit to 90 rows, over data sets drawn anew."""
    random = np.random.default_rng(4)
    slopes = np.array([1.0, 0.5, 0.0])
    noise = 2.0

    def expected():
        found = []
        for _ in range(400):
            Z = random.standard_normal((90, 3))
            model = LinearRegression().fit(Z, Z @ slopes + noise * random.standard_normal(90))
            error = model.intercept_**2 + ((model.coef_ - slopes) ** 2).sum() + noise**2
            found.append(-error)
        return np.mean(found)

    truth, inside, plain = expected(), 0, 0
    for _ in range(400):
        Z = random.standard_normal((100, 3))
        y = Z @ slopes + noise * random.standard_normal(100)
        found = ours.cross_validate(LinearRegression(), Z, y, cv=10, scoring="neg_mean_squared_error")
        estimate = found.mean(level=0.9)
        inside += truth in estimate
        reach = (estimate.upper - estimate.value) / np.sqrt(1 + 10 / 9)
        plain += abs(estimate.value - truth) <= reach
    assert inside / 400 > 0.9 - 0.03
    assert plain < inside
