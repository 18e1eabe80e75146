"""The search for a logistic penalty: every fit certified on its rows, scores as scikit-learn's at the limit."""

import pickle
import warnings

import numpy as np
import pytest
import registry
from scipy import sparse
from scipy.special import expit, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV as SklearnLogisticRegressionCV
from sklearn.metrics import fbeta_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from threadpoolctl import threadpool_limits

from mlcraft._engine.smooth import fit_smooth
from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LogisticRegression, LogisticRegressionCV
from mlcraft.linear_model import _logistic_grid as grid
from mlcraft.model_file import load_model, save_model

CS = np.array([1e-3, 0.1, 10.0, 1e3])
QUIET = {"l1_ratios": (0.0,), "use_legacy_attributes": False, "scoring": "neg_log_loss"}
SPLITTERS = {
    "folds": StratifiedKFold(3),
    "shuffled": StratifiedKFold(3, shuffle=True, random_state=0),
    "unstratified": KFold(4, shuffle=True, random_state=1),
    "repeated": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=1),
    "overlapping": ShuffleSplit(3, test_size=0.4, random_state=2),
    "growing": TimeSeriesSplit(2),
}


def problem(n_classes=2, n=90, p=5, seed=0):
    X, y = make_classification(
        n, p, n_informative=p - 1, n_redundant=0, n_classes=n_classes, flip_y=0.2, random_state=seed
    )
    X[np.abs(X) < 0.3] = 0  # something for sparse matrices to leave out
    X *= 10.0 ** np.linspace(-2, 2, p)
    return X, np.array(["a", "b", "c", "d"])[y], np.random.default_rng(seed).uniform(0.2, 3, n)


def certificate(X, codes, weight, theta, C, intercept_alpha=0.0):
    """Largest element of the gradient of the mean loss plus penalty, in columns of unit root mean square."""
    share = weight / weight.sum()
    coef, constant = theta[:, :-1], theta[:, -1]
    eta = X @ coef.T + constant
    mu = expit(eta) if len(theta) == 1 else softmax(eta, axis=1)
    target = codes[:, np.newaxis] == (1 if len(theta) == 1 else np.arange(len(theta)))
    residual = (mu - target) * share[:, np.newaxis]
    alpha = 1 / (C * weight.sum())
    scale = 1 / np.sqrt(share @ X**2 + alpha)
    gradient = (residual.T @ X + alpha * coef) * scale
    return max(np.abs(gradient).max(), np.abs(residual.sum(axis=0) + intercept_alpha * constant).max())


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_fit_is_certified_on_its_rows(n_classes, splitter):
    X, y, weight = problem(n_classes)
    codes = np.unique(y, return_inverse=True)[1]
    cv = SPLITTERS[splitter]
    model = LogisticRegressionCV(Cs=CS, cv=cv, **QUIET).fit(X, y, sample_weight=weight)
    for fold, (train, _) in enumerate(cv.split(X, y)):
        for number, C in enumerate(CS):
            theta = model.coefs_paths_[fold, 0, number]
            assert certificate(X[train], codes[train], weight[train], theta, C) < 1e-7
    theta = np.column_stack([model.coef_, model.intercept_])
    assert certificate(X, codes, weight, theta, model.C_) < 1e-7


def test_penalised_intercept_of_liblinear():
    X, y, weight = problem()
    model = LogisticRegressionCV(Cs=CS, solver="liblinear", intercept_scaling=2.0, **QUIET).fit(X, y, weight)
    for fold, (train, _) in enumerate(StratifiedKFold(5).split(X, y)):
        for number, C in enumerate(CS):
            theta = model.coefs_paths_[fold, 0, number]
            extra = 1 / (C * weight[train].sum()) / 4
            assert certificate(X[train], y[train] == "b", weight[train], theta, C, extra) < 1e-7


@pytest.mark.parametrize("storage", ["c", "f", "every_other", "read_only", "csr32", "csr64", "csc32"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_storages(storage, n_classes):
    X, y, _ = problem(n_classes)
    stored = registry.STORAGES[storage](X)
    search = LogisticRegressionCV(Cs=CS, **QUIET)
    expected = clone(search).fit(X, y)
    found = search.fit(stored, y)
    np.testing.assert_allclose(found.scores_, expected.scores_, rtol=1e-7)
    np.testing.assert_allclose(found.coefs_paths_, expected.coefs_paths_, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found.predict(stored), expected.predict(X))


@pytest.mark.parametrize("splitter", ["folds", "shuffled"])
@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_fits_share_the_rows(monkeypatch, stored, splitter):
    X, y, _ = problem()
    X = stored(X)
    memory = X if isinstance(X, np.ndarray) else X.data
    seen = []
    fit = grid.LogisticProblem.fit

    def watched(self, *arguments):
        seen.append(self.X if isinstance(self.X, np.ndarray) else self.X.data)
        return fit(self, *arguments)

    monkeypatch.setattr(grid.LogisticProblem, "fit", watched)
    LogisticRegressionCV(Cs=2, cv=SPLITTERS[splitter], **QUIET).fit(X, y)
    assert len(seen) == 2 + 2 * 3
    assert all(np.shares_memory(part, memory) for part in seen)


SCORERS = {
    "none": None,
    "accuracy": "accuracy",
    "log loss": "neg_log_loss",
    "Brier": "neg_brier_score",
    "ranks": "roc_auc_ovr",
    "balanced": "balanced_accuracy",
    "parameters": make_scorer(fbeta_score, beta=2, average="macro"),
    "rows": lambda model, X, y, sample_weight=None: np.average(
        model.predict_proba(X)[:, 1] + X[:, 0], weights=sample_weight
    ),
}


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore:Note that pos_label:UserWarning")
def test_scores_are_scikit_learns(name, n_classes, weighted):
    X, y, weight = problem(n_classes, seed=1)
    options = {"Cs": CS[:3], "cv": 3} | QUIET | {"scoring": SCORERS[name]}
    weight = weight if weighted else None
    ours = LogisticRegressionCV(**options).fit(X, y, weight)
    theirs = SklearnLogisticRegressionCV(solver="newton-cholesky", tol=1e-12, max_iter=1000, **options)
    theirs.fit(X, y, weight)
    np.testing.assert_allclose(ours.scores_, theirs.scores_, rtol=1e-6, atol=1e-9)
    assert ours.C_ == theirs.C_
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-6)
    if n_classes == 3 or name not in ("Brier", "parameters"):  # scikit-learn's do not know which text is positive
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-6)


def test_probabilities_of_nothing_cost_what_scikit_learn_says():
    """A training part that misses the class of the test part: losses are bounded as scikit-learn bounds them."""
    X, y = np.arange(60.0).reshape(30, 2), np.repeat(["a", "b", "c"], 10)
    model = LogisticRegressionCV(Cs=[1e-4, 1e4], cv=KFold(3), **QUIET).fit(X, y)
    assert model.C_ == 1e-4
    assert np.isfinite(model.scores_).all()
    # no probability is taken for less than 2.2e-16, and those of the class that is missing are less
    np.testing.assert_allclose(model.scores_[[0, 2], 0, 1], -36.04365338911715, rtol=1e-6)


@pytest.mark.parametrize("ratios", [None, (0.0,), (0.0, 0.0)])
@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.filterwarnings("ignore:'l1_ratios=None':FutureWarning")
def test_attributes_have_scikit_learns_shapes(n_classes, refit, legacy, ratios):
    X, y, _ = problem(n_classes, n=60)
    options = {"Cs": [0.01, 1, 100], "cv": 3, "refit": refit, "scoring": "accuracy"}
    options |= {"use_legacy_attributes": legacy, "l1_ratios": ratios}
    ours = LogisticRegressionCV(**options).fit(X, y)
    theirs = SklearnLogisticRegressionCV(solver="newton-cholesky", tol=1e-10, max_iter=1000, **options).fit(X, y)
    for name in ("C_", "Cs_", "coef_", "intercept_", "l1_ratio_", "l1_ratios_", "n_iter_", "classes_"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert type(mine) is type(other), name
        assert np.shape(mine) == np.shape(other), name
    for name in ("scores_", "coefs_paths_"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if not legacy:
            mine, other = {"": mine}, {"": other}
        assert list(mine) == list(other)
        for key, value in other.items():
            np.testing.assert_allclose(mine[key], value, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.C_, theirs.C_)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)


def test_same_bits_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(grid, "WORTH_THREADS", 0)
    X, y, weight = problem(3, n=300)
    search = LogisticRegressionCV(Cs=7, cv=3, **QUIET)
    expected = clone(search).set_params(n_jobs=1).fit(X, y, weight)
    for jobs in (2, 5):
        found = clone(search).set_params(n_jobs=jobs).fit(X, y, weight)
        np.testing.assert_array_equal(found.coefs_paths_, expected.coefs_paths_)
        np.testing.assert_array_equal(found.coef_, expected.coef_)
    with threadpool_limits(1):
        np.testing.assert_array_equal(search.fit(X, y, weight).coefs_paths_, expected.coefs_paths_)


def test_an_error_in_a_thread_ends_the_search(monkeypatch):
    monkeypatch.setattr(grid, "WORTH_THREADS", 0)
    monkeypatch.setattr(grid._core, "available_threads", lambda: 2)
    fit, calls = grid._fit, []

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) > 6:
            raise RuntimeError("stop here")
        return fit(*arguments, **options)

    monkeypatch.setattr(grid, "_fit", failing)
    X, y, _ = problem()
    with pytest.raises(RuntimeError, match="stop here"):
        LogisticRegressionCV(Cs=4, cv=10, **QUIET).fit(X, y)
    assert len(calls) < 4 + 10


def test_class_weight_is_of_all_rows():
    X, y, weight = problem(3)
    options = {"Cs": CS, "cv": 3} | QUIET
    balanced = LogisticRegressionCV(class_weight="balanced", **options).fit(X, y, weight)
    share = {label: weight.sum() / (3 * weight[y == label].sum()) for label in "abc"}
    named = LogisticRegressionCV(class_weight=share, **options).fit(X, y, weight)
    np.testing.assert_allclose(named.coefs_paths_, balanced.coefs_paths_, rtol=1e-5, atol=1e-7)
    multiplied = LogisticRegressionCV(**options).fit(X, y, weight * np.vectorize(share.get)(y))
    np.testing.assert_allclose(multiplied.coefs_paths_, balanced.coefs_paths_, rtol=1e-5, atol=1e-7)


def test_metadata_are_routed():
    X, y, weight = problem()
    groups = np.arange(len(y)) % 4
    with config_context(enable_metadata_routing=True):
        options = {"Cs": CS, "cv": GroupKFold(4)} | QUIET
        plain, weighing = (get_scorer("neg_log_loss").set_score_request(sample_weight=asks) for asks in (False, True))
        first, second = (
            LogisticRegressionCV(**options | {"scoring": scorer}).fit(X, y, sample_weight=weight, groups=groups)
            for scorer in (plain, weighing)
        )
        assert first.scores_.shape == (4, 1, len(CS))
        np.testing.assert_array_equal(first.coefs_paths_, second.coefs_paths_)
        assert not np.allclose(first.scores_, second.scores_)
        with pytest.raises(TypeError, match="sample_weight"):
            first.score(X, y, sample_weight=weight)


def test_float32_is_kept():
    X, y, _ = problem(3)
    single = LogisticRegressionCV(Cs=CS, **QUIET).fit(X.astype(np.float32), y)
    double = LogisticRegressionCV(Cs=CS, **QUIET).fit(X.astype(np.float32).astype(np.float64), y)
    assert single.coef_.dtype == single.coefs_paths_.dtype == np.float32
    assert single.scores_.dtype == np.float64
    np.testing.assert_allclose(single.scores_, double.scores_, rtol=1e-3)


WRONG = {
    "zero C": ({"Cs": [0.0, 1.0]}, ValueError, "Cs must be"),
    "words": ({"Cs": ["a"]}, ValueError, "Cs must be"),
    "L1": ({"l1_ratios": (1,), "solver": "saga"}, NotImplementedError, "l1_ratios=1"),
    "elastic net": ({"l1_ratios": (0, 0.5), "solver": "saga"}, NotImplementedError, "l1_ratios=0.5"),
    "solver": ({"l1_ratios": (1,)}, ValueError, "supports only 'l2'"),
    "class": ({"class_weight": {"z": 2.0}}, ValueError, "class labels as keys"),
    "ratio": ({"l1_ratios": (0, 3), "solver": "saga"}, ValueError, "between 0 and 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parameters(name):
    options, error, words = WRONG[name]
    X, y, _ = problem()
    with pytest.raises(error, match=words):
        LogisticRegressionCV(**QUIET | options).fit(X, y)


def test_wrong_data():
    X, y, _ = problem()
    search = LogisticRegressionCV(Cs=2, **QUIET)
    with pytest.raises(ValueError, match="only one class"):
        search.fit(X, np.zeros(len(y)))
    X[4, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        search.fit(X, np.arange(len(y)) % 2)
    assert not hasattr(search, "coef_")


def test_unfinished_fits_are_counted():
    X, y, _ = problem()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        LogisticRegressionCV(Cs=CS, max_iter=1, **QUIET).fit(X, y)
    assert any("of the 20 fits of the search did not converge" in str(each.message) for each in caught)


def test_stored_and_copied(tmp_path):
    X, y, _ = problem(3)
    model = LogisticRegressionCV(Cs=CS, **QUIET).fit(X, y)
    for again in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    sparse_coef = pickle.loads(pickle.dumps(model)).sparsify()
    np.testing.assert_allclose(sparse_coef.predict_proba(X), model.predict_proba(X))
    save_model(tmp_path / "model.mlc", model)
    again = load_model(tmp_path / "model.mlc")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.C_ == model.C_
    assert isinstance(again, LogisticRegression)


def test_curvature_of_all_rows_serves_the_parts():
    """A fit that starts from the state of another needs no Hessian of its own, and ends at the same minimum."""
    random = np.random.default_rng(0)
    X = random.standard_normal((3_000, 40)) * 10.0 ** random.uniform(-3, 3, 40)
    y = (X / np.abs(X).max(axis=0) @ random.standard_normal(40) + random.logistic(size=3_000) > 0).astype(float)
    weight = (random.random(3_000) < 0.8).astype(float)
    whole = fit_smooth(X, y, loss="logistic", alpha=1e-4, keep_state=True)
    init = whole.coef, whole.intercept
    alone = fit_smooth(X, y, loss="logistic", alpha=1.2e-4, sample_weight=weight)
    helped = fit_smooth(X, y, loss="logistic", alpha=1.2e-4, sample_weight=weight, init=init, state=whole.state)
    assert alone.state is None
    assert helped.status == "converged"
    assert helped.n_iter <= 8
    np.testing.assert_allclose(helped.coef, alone.coef, rtol=1e-5, atol=1e-9 * np.abs(alone.coef).max())
    with pytest.raises(ValueError, match="state is of other columns"):
        fit_smooth(X[:, :5], y, loss="logistic", state=whole.state)


def test_dependent_columns_without_a_penalty_are_named():
    X, y, _ = problem(p=4)
    with pytest.warns(CollinearityWarning, match=r"\(column 4\)"):
        model = LogisticRegressionCV(Cs=[np.inf], cv=3, **QUIET).fit(np.column_stack([X, X[:, 0] - X[:, 1]]), y)
    assert np.abs(model.coef_[0, 4] - (model.coef_[0, 0] - model.coef_[0, 1])) < 1e-6
