"""Penalties chosen without refits: the same scores, to nine digits, as slow twins that refit for every row or fold."""

import pickle
import warnings

import numpy as np
import pytest
import registry
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeCV as SklearnRidgeCV
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    LeavePOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from mlcraft._engine import fold_path
from mlcraft._engine.fold_path import fold_fits, normalised_splits
from mlcraft._engine.least_squares import fit_least_squares
from mlcraft._engine.ridge_path import leave_one_out_path
from mlcraft.linear_model import Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV
from mlcraft.model_file import load_model, save_model

ALPHAS = np.logspace(-3, 3, 5)
TINY = np.array([1e-9, 1e-5])
PROBLEMS = [name for name, make in registry.PROBLEMS.items() if len(make().y) > 1]
SPLITTERS = {
    "folds": KFold(3),
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=1),
    "overlapping": ShuffleSplit(3, test_size=0.4, random_state=2),
    "growing": TimeSeriesSplit(2),
    "single rows": LeaveOneOut(),
}


def refitted_errors(X, y, alphas, weight, fit_intercept):
    """Leave each row out by a weight of zero and fit the others, for each penalty."""
    targets, n_samples = y.reshape(len(y), -1), len(y)
    errors = np.empty((n_samples, targets.shape[1], len(alphas)))
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    for row in range(n_samples):
        others = np.ones(n_samples, dtype=X.dtype) if weight is None else weight.copy()
        others[row] = 0
        for number, alpha in enumerate(alphas):
            fit = fit_least_squares(X, targets, alpha=float(alpha), sample_weight=others, fit_intercept=fit_intercept)
            errors[row, :, number] = targets[row] - (fit.coef.astype(float) @ dense[row] + fit.intercept)
    return errors


def tolerance(problem, errors):
    """Nine digits of the largest error, but no more than the rounding of the data allows."""
    rounding = np.finfo(float).eps * len(problem.X) * np.abs(problem.X).max() * 10
    sizes = np.abs(problem.y.reshape(len(problem.y), -1)).max(axis=0)[:, np.newaxis]
    spread = np.abs(errors).max(axis=0)
    return 1e-9 * spread + 1e-13 * sizes + rounding * (np.abs(problem.X).max() > 1e4)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alphas", [ALPHAS, TINY], ids=["usual", "tiny"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_leave_one_out_equals_refits(name, alphas, fit_intercept):
    problem = registry.PROBLEMS[name]()
    found = leave_one_out_path(
        problem.X, problem.y, alphas, sample_weight=problem.weight, fit_intercept=fit_intercept, keep=True
    )
    expected = refitted_errors(problem.X, problem.y, alphas, problem.weight, fit_intercept)
    limit = tolerance(problem, expected)
    assert (np.abs(found.errors - expected) <= limit).all()
    weight = np.ones(len(expected)) if problem.weight is None else problem.weight
    squares = np.einsum("i,ika->ak", weight, found.errors**2)
    np.testing.assert_allclose(found.squares, squares, rtol=1e-12)
    without = leave_one_out_path(
        problem.X, problem.y, alphas, sample_weight=problem.weight, fit_intercept=fit_intercept
    )
    assert without.errors is None
    assert np.array_equal(without.squares, found.squares)


def test_the_way_follows_the_conditioning():
    """Scaled columns leave the eigenvalues of the cross-products, dependent ones the cross-products too."""
    ways = {"plain": "eigen", "scaled_columns": "scaled", "near_collinear": "rows", "wide": "dual", "outlier": "rows"}
    for name, way in ways.items():
        problem = registry.PROBLEMS[name]()
        assert leave_one_out_path(problem.X, problem.y, ALPHAS).method == way, name


def test_rows_that_stand_alone_are_left_out_in_earnest():
    """A column that one row alone has: without the row nothing is known of it, and 1 - h is lost in rounding."""
    problem = registry.PROBLEMS["plain"]()
    X = np.column_stack([problem.X, np.zeros(len(problem.X))])
    X[4, -1] = 1e4
    alphas = np.array([1e-3, 1e-6])
    for weight in (None, np.linspace(0.5, 2, len(X))):
        found = leave_one_out_path(X, problem.y, alphas, sample_weight=weight, keep=True)
        expected = refitted_errors(X, problem.y, alphas, weight, True)
        np.testing.assert_allclose(found.errors, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("storage", registry.STORAGES)
@pytest.mark.parametrize("dtype", registry.DTYPES)
@pytest.mark.parametrize("shape", [(40, 6), (9, 14)])
def test_every_storage_has_the_same_errors(storage, dtype, shape):
    X = registry.values(shape, registry.DTYPES[dtype])
    random = np.random.default_rng(3)
    y = random.standard_normal((len(X), 2)).astype(X.dtype)
    weight = random.uniform(0.2, 2, len(X)).astype(X.dtype)
    weight[3] = 0
    stored = registry.STORAGES[storage](X)
    found = leave_one_out_path(stored, y, ALPHAS, sample_weight=weight, keep=True)
    wide = (array.astype(np.float64) for array in (X, y, weight))
    expected = refitted_errors(*(next(wide), next(wide)), ALPHAS, next(wide), True)
    np.testing.assert_allclose(found.errors, expected, rtol=1e-9, atol=1e-9)
    splits = normalised_splits(KFold(3).split(X), len(X))
    plain = fold_fits(X.astype(float), y.astype(float), ALPHAS, splits, sample_weight=weight.astype(float))
    for fit, same, (_, test) in zip(
        fold_fits(stored, y, ALPHAS, splits, sample_weight=weight), plain, splits, strict=True
    ):
        rows = stored if isinstance(stored, np.ndarray) else stored.tocsr()
        np.testing.assert_allclose(fit.predict(rows, test), same.predict(X.astype(float), test), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("alphas", [ALPHAS, np.append(0.0, TINY)], ids=["usual", "tiny"])
def test_fold_predictions_equal_refits(splitter, alphas):
    for name in PROBLEMS:
        problem = registry.PROBLEMS[name]()
        X, y, weight = problem.X, problem.y.reshape(len(problem.y), -1), problem.weight
        if len(X) < 4 or (0 in alphas and problem.traits & {"deficient"}):
            continue
        splits = normalised_splits(SPLITTERS[splitter].split(X), len(X))
        for fit_intercept in (True, False):
            fits = fold_fits(X, y, alphas, splits, sample_weight=weight, fit_intercept=fit_intercept)
            for fit, (train, test) in zip(fits, splits, strict=True):
                predictions = fit.predict(X, test)
                for number, alpha in enumerate(alphas):
                    part = None if weight is None else weight[train]
                    refit = fit_least_squares(
                        X[train], y[train], alpha=float(alpha), sample_weight=part, fit_intercept=fit_intercept
                    )
                    expected = X[test] @ refit.coef.T + refit.intercept
                    scale = np.maximum(np.abs(y).max(axis=0), np.abs(expected).max(axis=0))
                    assert (np.abs(predictions[:, number] - expected) <= 1e-9 * scale).all(), (name, fit_intercept)
                    coef, intercept = fit.linear(number)
                    assert (np.abs(X[test] @ coef.T + intercept - expected) <= 2e-8 * scale).all()


def test_many_parts_are_halved_until_they_fit_the_memory(monkeypatch):
    problem = registry.PROBLEMS["weighted"]()
    splits = normalised_splits(LeaveOneOut().split(problem.X), len(problem.X))
    whole = [fit.slopes for fit in fold_fits(problem.X, problem.y, ALPHAS, splits, sample_weight=problem.weight)]
    monkeypatch.setattr(fold_path, "MEMORY", 100)
    halved = [fit.slopes for fit in fold_fits(problem.X, problem.y, ALPHAS, splits, sample_weight=problem.weight)]
    for one, other in zip(whole, halved, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------- the estimators


def diabetes(*, targets=1, dtype=np.float64, is_sparse=False):
    X, y = load_diabetes(return_X_y=True)
    X, y = (10 * X).astype(dtype), y.astype(dtype)
    if targets > 1:
        y = np.column_stack([y, np.sin(y), y**2])[:, :targets]
    return (sparse.csr_array(X) if is_sparse else X), y


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error", "neg_mean_absolute_error", "r2", "callable"])
@pytest.mark.parametrize("splitter", ["folds", "shuffled", "repeated", "overlapping"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_cv_equals_a_grid_search(scoring, splitter, weighted, targets, is_sparse):
    X, y = diabetes(targets=targets, is_sparse=is_sparse)
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y)) if weighted else None
    score = make_scorer(mean_absolute_error, greater_is_better=False) if scoring == "callable" else scoring
    ours = RidgeCV(ALPHAS, cv=SPLITTERS[splitter], scoring=score).fit(X, y, weight)
    search = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=SPLITTERS[splitter], scoring=score)
    search.fit(X, y, sample_weight=weight)
    assert ours.alpha_ == search.best_params_["alpha"]
    np.testing.assert_allclose(ours.best_score_, search.best_score_, rtol=1e-9)
    np.testing.assert_allclose(ours.coef_, search.best_estimator_.coef_, rtol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scoring", [None, "r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [1, 2, 3])
@pytest.mark.parametrize("per_target", [False, True])
def test_leave_one_out_is_sklearns(fit_intercept, scoring, weighted, shape, per_target):
    X, y = diabetes(targets=shape)
    if scoring and per_target and shape == 1:
        pytest.skip("scikit-learn needs a matrix there")
    X, y = X[:150], y[:150]
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y)) if weighted else None
    options = {"fit_intercept": fit_intercept, "scoring": scoring, "alpha_per_target": per_target}
    ours = RidgeCV(ALPHAS, store_cv_results=True, **options).fit(X, y, weight)
    theirs = SklearnRidgeCV(ALPHAS, store_cv_results=True, **options).fit(X, y, weight)
    for name in ("alpha_", "best_score_", "coef_", "intercept_", "cv_results_"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10 * np.abs(y).max() ** 2)


def test_single_precision_is_kept_and_scored_in_double():
    X, y = diabetes(dtype=np.float32)
    model = RidgeCV(ALPHAS, store_cv_results=True).fit(X, y)
    wide = RidgeCV(ALPHAS, store_cv_results=True).fit(X.astype(np.float64), y.astype(np.float64))
    assert model.coef_.dtype == model.intercept_.dtype == model.cv_results_.dtype == np.float32
    np.testing.assert_allclose(model.best_score_, wide.best_score_, rtol=1e-12)
    assert RidgeCV(ALPHAS, cv=3).fit(X, y).coef_.dtype == np.float32


CLASSIFIED = {"two": load_breast_cancer, "three": load_iris}


@pytest.mark.parametrize("data", CLASSIFIED)
@pytest.mark.parametrize("scoring", [None, "accuracy", "f1_macro", "balanced_accuracy"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_classifier_with_folds_equals_a_grid_search(data, scoring, class_weight):
    X, y = CLASSIFIED[data](return_X_y=True)
    names = np.array(["b", "a", "c"])[y]
    ours = RidgeClassifierCV(ALPHAS, cv=4, scoring=scoring, class_weight=class_weight).fit(X, names)
    weight = np.ones(len(y))
    if class_weight:
        weight = (len(y) / (len(np.unique(y)) * np.bincount(y)))[y]
    search = GridSearchCV(RidgeClassifier(), {"alpha": ALPHAS}, cv=4, scoring=scoring)
    search.fit(X, names, sample_weight=weight if class_weight else None)
    assert ours.alpha_ == search.best_params_["alpha"]
    np.testing.assert_allclose(ours.best_score_, search.best_score_, rtol=1e-12)
    assert np.array_equal(ours.predict(X), search.predict(X))


@pytest.mark.parametrize("data", CLASSIFIED)
@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro"])
def test_classifier_leaves_one_out(data, scoring):
    """Each label predicted by the classifier that has not seen it."""
    X, y = CLASSIFIED[data](return_X_y=True)
    X, y = X[::5], y[::5]
    model = RidgeClassifierCV([0.5, 50.0], scoring=scoring).fit(X, y)
    predicted = np.empty_like(y)
    scores = []
    for alpha in (0.5, 50.0):
        for row in range(len(y)):
            others = np.arange(len(y)) != row
            predicted[row] = RidgeClassifier(alpha).fit(X[others], y[others]).predict(X[row : row + 1])[0]
        scores.append(get_scorer(scoring)._score_func(y, predicted, **get_scorer(scoring)._kwargs))
    assert model.best_score_ == pytest.approx(max(scores), rel=1e-12)
    assert model.alpha_ == (0.5, 50.0)[int(np.argmax(scores))]


def test_classifier_of_several_labels_and_missing_classes():
    X, y = load_iris(return_X_y=True)
    labels = np.column_stack([y > 0, X[:, 0] > 6]).astype(int)
    several = RidgeClassifierCV(ALPHAS, scoring="accuracy").fit(X, labels)
    assert several.predict(X).shape == labels.shape
    assert 0.5 < several.best_score_ < 1
    splits = [(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50))]
    ours = RidgeClassifierCV(ALPHAS, cv=splits).fit(X, y)
    search = GridSearchCV(RidgeClassifier(), {"alpha": ALPHAS}, cv=splits).fit(X, y)
    assert ours.best_score_ == search.best_score_ == 0


# ---------------------------------------------------------------- what users do


def test_scorers_see_an_estimator_that_predicts_anything():
    X, y = diabetes()

    def worst(model, rows, targets):
        assert isinstance(model, Ridge)
        assert rows.shape[0] == len(targets) < len(y)
        halved = model.predict(rows[::2])
        np.testing.assert_allclose(halved, model.predict(rows)[::2], rtol=1e-9)
        return -np.abs(model.predict(rows) - targets).max()

    ours = RidgeCV(ALPHAS, cv=3, scoring=worst).fit(X, y)
    search = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=3, scoring=worst).fit(X, y)
    assert ours.best_score_ == pytest.approx(search.best_score_, rel=1e-9)


def test_failing_scorer_scores_nan():
    X, y = diabetes()

    def failing(model, rows, targets):
        raise RuntimeError("no score today")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = RidgeCV(ALPHAS, cv=2, scoring=failing).fit(X, y)
    texts = [str(w.message) for w in caught]
    assert any("no score today" in text for text in texts)
    assert any("non-finite" in text for text in texts)
    assert np.isnan(model.best_score_)
    with pytest.raises(ValueError, match="must return a number"):
        RidgeCV(ALPHAS, cv=2, scoring=lambda *_: "good").fit(X, y)


WRONG = {
    "zero": ({"alphas": [0.0, 1.0]}, ValueError, r"alphas\[0\] == 0.0, must be > 0.0"),
    "negative": ({"alphas": [1.0, -1.0], "cv": 3}, ValueError, r"alphas\[1\] == -1.0, must be >= 0.0"),
    "text": ({"alphas": ["a", 1.0]}, TypeError, r"alphas\[0\] must be an instance of float"),
    "infinite": ({"alphas": [1.0, np.inf]}, ValueError, "finite"),
    "none": ({"alphas": []}, ValueError, "at least one"),
    "matrix": ({"alphas": [[1.0, 2.0]]}, (ValueError, TypeError), "alphas"),
    "store with folds": ({"cv": 3, "store_cv_results": True}, ValueError, "cv!=None and store_cv_results=True"),
    "targets with folds": ({"cv": 3, "alpha_per_target": True}, ValueError, "cv!=None and alpha_per_target=True"),
    "mode": ({"gcv_mode": "qr"}, ValueError, "gcv_mode"),
    "scoring": ({"scoring": "best"}, ValueError, "scoring"),
    "one fold": ({"cv": 1}, ValueError, "range \\[2, inf\\)"),
    "empty part": ({"cv": [(np.arange(9), np.arange(0))]}, ValueError, "no rows to train on, or none to test on"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_parameters(case):
    options, error, text = WRONG[case]
    X, y = diabetes()
    with pytest.raises(error, match=text):
        RidgeCV(**options).fit(X, y)


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("make", [RidgeCV, RidgeClassifierCV])
def test_wrong_data(cv, make):
    X, y = diabetes()
    y = y if make is RidgeCV else y > 100
    for bad, text in ((np.nan, "NaN"), (np.inf, "infinity")):
        worse = X.copy()
        worse[7, 2] = bad
        with pytest.raises(ValueError, match=text):
            make(cv=cv).fit(worse, y)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        make(cv=cv).fit(X, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make(cv=cv).fit(X, y[:-1])
    with pytest.raises(NotFittedError):
        make(cv=cv).predict(X)
    with pytest.raises((ValueError, TypeError), match="groups"):
        make(cv=cv).fit(X, y, groups=np.arange(len(y)))


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize(("x", "y"), [(2.0**600, 1.0), (2.0**-600, 1.0), (1.0, 2.0**600), (2.0**-600, 2.0**-600)])
def test_squares_beyond_the_range_of_double(cv, x, y):
    """Powers of two change no digit: the penalties are those of the scaled columns."""
    X, target = diabetes()
    plain = RidgeCV([1.0, 10.0], cv=cv).fit(X, target)
    assert plain.alpha_ == 1.0
    path = leave_one_out_path if cv is None else fold_fits
    alphas = np.array([1.0, 10.0]) if x == 1 else np.array([1e-300, 1e300])
    if cv is None:
        found = path(x * X, y * target, alphas, keep=True).errors / y
        assert np.isfinite(found).all()
        if x == 1:
            np.testing.assert_allclose(found, path(X, target, alphas, keep=True).errors, rtol=1e-12)
        return
    splits = normalised_splits(KFold(3).split(X), len(X))
    for fit, same, (_, test) in zip(
        path(x * X, y * target, alphas, splits), path(X, target, alphas, splits), splits, strict=True
    ):
        found = fit.predict(x * X, test) / y
        assert np.isfinite(found).all()
        if x == 1:
            np.testing.assert_allclose(found, same.predict(X, test), rtol=1e-12)


def test_generators_of_splits_and_single_penalties():
    X, y = diabetes()
    splits = ((train, test) for train, test in KFold(3).split(X))
    assert RidgeCV(ALPHAS, cv=splits).fit(X, y).alpha_ == RidgeCV(ALPHAS, cv=KFold(3)).fit(X, y).alpha_
    masks = [(np.arange(len(y)) % 2 == 0, np.arange(len(y)) % 2 == 1)]
    assert RidgeCV(ALPHAS, cv=masks).fit(X, y).alpha_ > 0
    for alphas in (2.0, [2.0], (2.0,), np.array([2.0])):
        assert RidgeCV(alphas).fit(X, y).alpha_ == 2.0
        assert RidgeCV(alphas, cv=2).fit(X, y).alpha_ == 2.0


def test_frames_keep_their_names():
    pandas = pytest.importorskip("pandas")
    X, y = diabetes()
    frame = pandas.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    for cv in (None, 3):
        model = RidgeCV(ALPHAS, cv=cv).fit(frame, pandas.Series(y))
        assert model.feature_names_in_[0] == "c0"
        assert np.array_equal(model.coef_, RidgeCV(ALPHAS, cv=cv).fit(X, y).coef_)
        assert not hasattr(model.fit(X, y), "feature_names_in_")


def test_metadata_reaches_scorer_and_splitter():
    X, y = diabetes()
    groups, weight = np.arange(len(y)) // 50, np.linspace(0.5, 2, len(y))
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(r2_score).set_score_request(sample_weight=True)
        model = RidgeCV(ALPHAS, cv=GroupKFold(3), scoring=scorer)
        model.fit(X, y, sample_weight=weight, groups=groups)
        grid = GridSearchCV(
            Ridge().set_fit_request(sample_weight=True), {"alpha": ALPHAS}, cv=GroupKFold(3), scoring=scorer
        )
        grid.fit(X, y, sample_weight=weight, groups=groups)
        assert model.best_score_ == pytest.approx(grid.best_score_, rel=1e-9)
        plain = RidgeCV(ALPHAS, cv=3).fit(X, y, sample_weight=weight)
        assert plain.best_score_ != RidgeCV(ALPHAS, cv=3).fit(X, y).best_score_


def test_a_fitted_search_is_a_fitted_ridge(tmp_path):
    """The final fit is that of Ridge, factor and all; it survives pickling, cloning and a model file."""
    X, y = diabetes()
    model = RidgeCV(list(ALPHAS)).fit(X, y)
    ridge = Ridge(alpha=model.alpha_).fit(X, y)
    assert np.array_equal(model.coef_, ridge.coef_)
    assert np.array_equal(model.factor_.lower, ridge.factor_.lower)
    assert np.array_equal(model.sums_of_squares_.residual, ridge.sums_of_squares_.residual)
    assert clone(model).get_params()["alphas"] == list(ALPHAS)
    save_model(tmp_path / "model.mlc", model)
    for again in (pickle.loads(pickle.dumps(model)), load_model(tmp_path / "model.mlc")):
        assert np.array_equal(again.predict(X), model.predict(X))
        assert (again.alpha_, again.best_score_) == (model.alpha_, model.best_score_)
    labels = np.array(["no", "yes"])[(y > 140).astype(int)]
    classifier = RidgeClassifierCV([0.1, 10.0], cv=3).fit(X, labels)
    save_model(tmp_path / "labels.mlc", classifier)
    assert np.array_equal(load_model(tmp_path / "labels.mlc").predict(X), classifier.predict(X))


def test_mixed_storages_of_sparse_input():
    X, y = diabetes(is_sparse=True)
    for make in (sparse.csc_array, sparse.coo_array):
        for cv in (None, 3):
            assert RidgeCV(ALPHAS, cv=cv).fit(make(X), y).alpha_ == RidgeCV(ALPHAS, cv=cv).fit(X, y).alpha_
    with pytest.warns(FutureWarning, match="'svd' mode is not supported"):
        RidgeCV(gcv_mode="svd").fit(X, y)


def test_leaving_pairs_out():
    """Parts that overlap have no partition to come from."""
    X, y = diabetes()
    X, y = X[:12, :3], y[:12]
    ours = RidgeCV(ALPHAS, cv=LeavePOut(2), scoring="neg_mean_squared_error").fit(X, y)
    search = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=LeavePOut(2), scoring="neg_mean_squared_error").fit(X, y)
    assert ours.best_score_ == pytest.approx(search.best_score_, rel=1e-9)
