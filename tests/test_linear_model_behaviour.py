"""Behaviour: what scikit-learn's users rely on beside the numbers, as errors, names, warnings, protocols."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as theirs
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor, StackingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

import mlcraft.linear_model as ours
from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LinearRegression, Ridge, RidgeClassifier, ridge_regression

NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
CLASSES = ["LinearRegression", "Ridge", "RidgeClassifier"]
rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
y = X @ [1.0, -2.0, 0.0, 3.0] + 4 + 0.1 * rng.normal(size=30)
labels = (y > 4).astype(int)


def target(name):
    return labels if name == "RidgeClassifier" else y


def spoiled(value, where=(3, 2)):
    Z = X.copy()
    Z[where] = value
    return Z


def error_of(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except Exception as error:
            return type(error), str(error)
    return None, ""


def assert_same_error(outcome, expected):
    """Type and text; older releases of scikit-learn word some errors otherwise, and sets of names have no order."""
    if NEWEST:
        in_order = [(kind, "".join(sorted(text))) for kind, text in (outcome, expected)]
        assert in_order[0] == in_order[1], (outcome, expected)
    assert outcome[0] is expected[0]


# ---------------------------------------------------------------------------------- errors


HOSTILE_X = {
    "nan": spoiled(np.nan),
    "inf": spoiled(-np.inf),
    "nan_float32": spoiled(np.nan).astype(np.float32),
    "nan_sparse": sparse.csr_array(spoiled(np.nan)),
    "flat": X[:, 0],
    "cube": X[:, :, None],
    "scalar": np.float64(3.0),
    "no_rows": X[:0],
    "no_columns": X[:, :0],
    "complex": X + 1j,
    "text": X.astype(str),
    "objects": np.full((30, 4), "a", dtype=object),
    "short": X[:29],
    "none": None,
    "nan_list": spoiled(np.nan).tolist(),
}


@pytest.mark.parametrize("case", HOSTILE_X)
@pytest.mark.parametrize("name", CLASSES)
def test_hostile_X_gives_sklearns_error(name, case):
    Z = HOSTILE_X[case]
    expected = error_of(lambda: getattr(theirs, name)().fit(Z, target(name)))
    assert expected[0] is not None or (case, name) == ("text", "Ridge")  # which reads numbers from text
    assert_same_error(error_of(lambda: getattr(ours, name)().fit(Z, target(name))), expected)
    fitted = [getattr(module, name)().fit(X, target(name)) for module in (ours, theirs)]
    outcomes = [error_of(lambda model=model: model.predict(Z)) for model in fitted]
    assert_same_error(*outcomes)


HOSTILE_Y = {
    "nan": np.where(np.arange(30) == 3, np.nan, y),
    "inf": np.where(np.arange(30) == 3, np.inf, y),
    "short": y[:29],
    "cube": np.zeros((30, 1, 1)),
    "text": np.array(["a"] * 29 + ["b"], dtype=object),
    "complex": y + 1j,
    "none": None,
    "sparse": sparse.csr_matrix(y[:, None]),
    "no_columns": np.zeros((30, 0)),
}


@pytest.mark.parametrize("case", HOSTILE_Y)
@pytest.mark.parametrize("name", ["LinearRegression", "Ridge"])
def test_hostile_y_gives_sklearns_error(name, case):
    expected = error_of(lambda: getattr(theirs, name)().fit(X, HOSTILE_Y[case]))
    assert expected[0] is not None
    assert_same_error(error_of(lambda: getattr(ours, name)().fit(X, HOSTILE_Y[case])), expected)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.ones(29), "sample_weight.shape"),
        (np.ones((30, 1)), "Sample weights must be 1D"),
        (np.where(np.arange(30) == 1, np.nan, 1.0), "contains NaN"),
        (np.where(np.arange(30) == 1, -1.0, 1.0), "Negative values in data passed to `sample_weight`"),
        (-1.0, "Negative values in data passed to `sample_weight`"),
        (np.zeros(30), "at least one non-zero"),
        (0, "at least one non-zero"),
        (["a"] * 30, "could not convert"),
    ],
)
def test_hostile_weights(name, weights, match):
    with pytest.raises(ValueError, match=match):
        getattr(ours, name)().fit(X, target(name), weights)


PARAMETERS = [
    ("LinearRegression", {"fit_intercept": 1}),
    ("LinearRegression", {"positive": "yes"}),
    ("LinearRegression", {"tol": -1.0}),
    ("LinearRegression", {"n_jobs": 1.5}),
    ("LinearRegression", {"copy_X": None}),
    ("Ridge", {"alpha": -1.0}),
    ("Ridge", {"alpha": np.nan}),
    ("Ridge", {"alpha": "a"}),
    ("Ridge", {"alpha": [1.0, 2.0, 3.0]}),
    ("Ridge", {"max_iter": 0}),
    ("Ridge", {"solver": "newton"}),
    ("Ridge", {"random_state": "a"}),
    ("Ridge", {"solver": "lbfgs"}),
    ("Ridge", {"solver": "svd", "positive": True}),
    ("RidgeClassifier", {"class_weight": "even"}),
    ("RidgeClassifier", {"alpha": -0.5}),
]


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS, ids=str)
def test_bad_parameters_give_sklearns_error(name, parameters):
    expected = error_of(lambda: getattr(theirs, name)(**parameters).fit(X, target(name)))
    assert expected[0] is not None
    assert_same_error(error_of(lambda: getattr(ours, name)(**parameters).fit(X, target(name))), expected)


@pytest.mark.parametrize("solver", ["auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_solver_names_follow_sklearns_rules(solver, intercept, positive, as_sparse):
    Z = sparse.csr_array(X) if as_sparse else X
    options = {"solver": solver, "fit_intercept": intercept, "positive": positive, "max_iter": 10_000}
    models = [module.Ridge(**options) for module in (ours, theirs)]
    outcome, expected = (error_of(lambda model=model: model.fit(Z, y)) for model in models)
    assert_same_error(outcome, expected)
    if outcome[0] is None:
        assert models[0].solver_ == models[1].solver_
        assert (models[0].n_iter_ is None) == (models[1].n_iter_ is None)
        if models[0].n_iter_ is not None:
            assert models[0].n_iter_.dtype == models[1].n_iter_.dtype
            assert models[0].n_iter_.shape == models[1].n_iter_.shape
    options.pop("fit_intercept")
    outcome, expected = (
        error_of(lambda module=module: module.ridge_regression(Z, y, 1.0, **options)) for module in (ours, theirs)
    )
    assert_same_error(outcome, expected)


def test_cholesky_of_dependent_columns_is_reported_as_svd():
    with pytest.warns(CollinearityWarning):
        model = Ridge(alpha=0.0, fit_intercept=False).fit(np.column_stack([X, X[:, 0]]), y)
    assert model.solver_ == "svd"


def test_ridge_regression_takes_linear_operators_and_lists():
    expected = ridge_regression(X, y, 2.0)
    assert_allclose(ridge_regression(aslinearoperator(X), y, 2.0), expected)
    assert_allclose(ridge_regression(X.tolist(), y.tolist(), 2.0), expected)
    assert_allclose(ridge_regression(X, y, 2.0, check_input=False), expected)


def test_unfitted():
    for name in CLASSES:
        with pytest.raises(NotFittedError):
            getattr(ours, name)().predict(X)


# ---------------------------------------------------------------------------------- attributes and input


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("targets", ["vector", "column", "several"])
def test_fitted_attributes_are_sklearns(name, intercept, targets):
    if not NEWEST:
        pytest.skip("the shapes are those of scikit-learn 1.9")
    t = target(name)
    t = {"vector": t, "column": t[:, None], "several": np.column_stack([t, 1 - t])}[targets]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # RidgeClassifier on a column
        first, second = (getattr(m, name)(fit_intercept=intercept).fit(X, t) for m in (ours, theirs))
    extra = {"condition_"}
    for attribute, value in vars(second).items():
        if attribute.endswith("_") and attribute != "singular_":
            mine = getattr(first, attribute)
            # the rank is an int or a NumPy integer, as SciPy pleases
            assert type(mine) is type(value) or (attribute == "rank_" and mine == value), attribute
            assert np.shape(mine) == np.shape(value), attribute
            if attribute in ("coef_", "intercept_"):
                assert_allclose(mine, value, rtol=1e-7, atol=1e-12)
    names = {a for a in vars(first) if a.endswith("_")} - extra
    assert names == {a for a in vars(second) if a.endswith("_")} - {"singular_"}
    if name == "LinearRegression":
        assert_allclose(first.singular_, second.singular_)
    assert_allclose(first.predict(X), second.predict(X))
    assert first.predict(X).shape == second.predict(X).shape


def test_attributes_that_do_not_apply_are_absent():
    model = LinearRegression().fit(X, y)
    assert hasattr(model, "singular_")
    model.fit(sparse.csr_array(X), y)
    assert not hasattr(model, "singular_")
    assert not hasattr(model, "rank_")
    model.set_params(positive=True).fit(X, y)
    assert not hasattr(model, "singular_")


@pytest.mark.parametrize("name", CLASSES)
def test_other_kinds_of_input_are_converted(name):
    make, t = getattr(ours, name), target(name)
    expected = make().fit(X, t)
    kinds = [X.tolist(), X.astype(object), np.asarray(X, dtype=">f8"), X.astype(np.longdouble)]
    for Z in kinds:
        model = make().fit(Z, t)
        assert model.coef_.dtype == np.float64
        assert_allclose(model.coef_, expected.coef_)
        assert_allclose(model.predict(Z), expected.predict(X))
    whole = np.round(10 * X)
    for Z in (whole.astype(np.int16), whole.astype(np.uint64) % 1000, whole > 0):
        assert_allclose(make().fit(Z, t).coef_, make().fit(Z.astype(float), t).coef_)
        assert_allclose(expected.predict(Z[:1]), expected.predict(Z[:1].astype(float)))
    assert_allclose(make().fit(X, t.tolist()).coef_, expected.coef_)
    assert make().fit(X.astype(np.float16), t).coef_.dtype == np.float64
    mixed = expected.predict(X.astype(np.float32))
    assert mixed.dtype == expected.predict(X).dtype


def test_input_is_never_written_to():
    for copy_X in (True, False):
        for Z in (X, np.asfortranarray(X), X.astype(np.float32), sparse.csr_array(X)):
            before, weights = Z.copy(), np.linspace(0.5, 2, 30)
            for model in (
                LinearRegression(),
                Ridge(copy_X=copy_X),
                RidgeClassifier(copy_X=copy_X),
            ):
                model.fit(Z, target(type(model).__name__), weights).predict(Z)
            assert abs(Z - before).max() == 0
            assert np.array_equal(weights, np.linspace(0.5, 2, 30))


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 30)])
def test_x_is_centred_in_place_where_scikit_learn_does_it(weights):
    mine, other = X.copy(), X.copy()
    first = LinearRegression(copy_X=False).fit(mine, y, weights)
    theirs.LinearRegression(copy_X=False).fit(other, y, weights)
    assert_allclose(mine, other, rtol=1e-12, atol=1e-14)
    assert_allclose(first.coef_, LinearRegression().fit(X, y, weights).coef_)
    read_only = X.copy()
    read_only.flags.writeable = False
    LinearRegression(copy_X=False).fit(read_only, y)


def test_predictions_follow_coefficients_that_users_set():
    model = LinearRegression().fit(X, np.column_stack([y, -y]))
    model.coef_ = np.asfortranarray(2 * model.coef_)
    model.intercept_ = [1.0, 2.0]
    for Z in (X, X.tolist(), X.astype(np.float32), sparse.csr_array(X)):
        assert_allclose(model.predict(Z), X @ model.coef_.T + [1.0, 2.0], rtol=1e-5)


def test_memory_maps(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    model = LinearRegression().fit(np.load(path, mmap_mode="r"), y)
    assert_allclose(model.coef_, LinearRegression().fit(X, y).coef_)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("name", CLASSES)
def test_frames_and_their_names(name, library):
    module = pytest.importorskip(library)
    if library == "polars" and not NEWEST:
        pytest.skip("older releases of scikit-learn do not see the names of polars frames")
    columns = {c: X[:, j] for j, c in enumerate("abcd")}
    frame = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}[library]
    frame = getattr(module, frame)(columns)
    model = getattr(ours, name)().fit(frame, target(name))
    plain = getattr(ours, name)().fit(X, target(name))
    assert list(model.feature_names_in_) == list("abcd")
    assert_allclose(model.coef_, plain.coef_)
    assert_allclose(model.predict(frame), plain.predict(X))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        plain.predict(frame)
    if library == "pandas":
        with pytest.raises(ValueError, match="should match those that were passed during fit"):
            model.predict(frame[list("dcba")])
    model.fit(X, target(name))  # an array: the old names are gone
    assert not hasattr(model, "feature_names_in_")
    model.predict(X)


# ---------------------------------------------------------------------------------- warnings


def test_dependent_columns_are_reported_with_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd")).assign(total=X.sum(axis=1), one=1.0)
    expected = r"6 columns but only 4 independent ones: 2 columns are .* \(columns 'total', 'one'\)"
    with pytest.warns(CollinearityWarning, match=expected) as caught:
        LinearRegression().fit(frame, y)
    assert caught[0].filename == __file__
    for model in (Ridge(alpha=0.0), RidgeClassifier(alpha=0.0)):
        with pytest.warns(CollinearityWarning, match=r"\(columns 4, 5\)") as caught:
            model.fit(frame.to_numpy(), target(type(model).__name__))
        assert caught[0].filename == __file__


def test_no_warning_where_dependence_is_to_be_expected():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearRegression().fit(X.T, y[:4])  # more columns than rows
        LinearRegression().fit(X[:4], y[:4])
        LinearRegression().fit(X, y, np.arange(30) < 4)  # only four rows count
        Ridge().fit(np.column_stack([X, X]), y)
        LinearRegression(positive=True).fit(np.column_stack([X, X]), y)
        LinearRegression().fit(sparse.csr_array(np.column_stack([X, X])), y)


def test_a_solver_that_runs_out_of_iterations_says_so():
    Z = rng.normal(size=(50, 20))
    model = Ridge(positive=True, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="lbfgs solver did not converge.*max_iter=1"):
        model.fit(Z, Z @ np.ones(20))


# ---------------------------------------------------------------------------------- protocols


@pytest.mark.parametrize("name", CLASSES)
def test_clone_pickle_repr(name):
    model = getattr(ours, name)(fit_intercept=False, tol=1e-3).fit(X, target(name))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "coef_")
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert "tol=0.001" in repr(model)
    assert name in model._repr_html_inner() if hasattr(model, "_repr_html_inner") else model._repr_html_()


def test_a_pickle_holds_no_rows():
    tall = rng.normal(size=(20_000, 10))
    for model in (LinearRegression(), Ridge()):
        model.fit(tall, tall.sum(axis=1))
        assert len(pickle.dumps(model)) < 8 * 10 * 10 * 4 + 4000
        if hasattr(model, "singular_"):
            assert model.singular_.shape == (10,)
        assert len(pickle.dumps(model)) < 8 * 10 * 10 * 4 + 4000


def test_meta_estimators():
    assert_allclose(make_pipeline(StandardScaler(), LinearRegression()).fit(X, y).predict(X), y, atol=1)
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1e3], "solver": ["auto", "svd"]}).fit(X, y)
    assert search.best_params_["alpha"] == 0.1
    bagged = BaggingRegressor(LinearRegression(), n_estimators=5, random_state=0, max_features=3).fit(X, y)
    assert bagged.score(X, y) > 0.5
    stacked = StackingRegressor([("a", LinearRegression()), ("b", Ridge())], final_estimator=LinearRegression())
    assert stacked.fit(X, y).score(X, y) > 0.9
    several = MultiOutputRegressor(Ridge()).fit(X, np.column_stack([y, -y]))
    assert_allclose(several.predict(X)[:, 0], -several.predict(X)[:, 1])
    assert cross_val_score(RidgeClassifier(), X, labels, cv=3).mean() > 0.8
    assert cross_val_score(LinearRegression(), X, y, cv=3, n_jobs=2).min() > 0.9


def test_ransac_takes_our_linear_regression():
    spoilt = y.copy()
    spoilt[:5] += 100
    ransac = theirs.RANSACRegressor(LinearRegression(), random_state=0).fit(X, spoilt)
    assert isinstance(ransac.estimator_, LinearRegression)
    assert not ransac.inlier_mask_[:5].any()
    assert isinstance(Ridge(), theirs.Ridge)
    assert issubclass(RidgeClassifier, theirs.RidgeClassifier)


def test_metadata_routing():
    weights = np.linspace(0.1, 3, 30)
    with config_context(enable_metadata_routing=True):
        model = LinearRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed = cross_validate(model, X, y, params={"sample_weight": weights}, cv=3)
    direct = [
        LinearRegression().fit(X[a], y[a], weights[a]).score(X[b], y[b], weights[b])
        for b in (np.arange(10), np.arange(10, 20), np.arange(20, 30))
        for a in [np.setdiff1d(np.arange(30), b)]
    ]
    assert_allclose(routed["test_score"], direct)


def test_sparse_predictions_equal_dense_ones():
    for name in CLASSES:
        model = getattr(ours, name)().fit(X, target(name))
        for container in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
            assert_allclose(model.predict(container(X)), model.predict(X))
