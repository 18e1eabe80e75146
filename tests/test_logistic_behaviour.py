"""LogisticRegression beside scikit-learn's: errors, warnings, attributes, protocols; labels and their codes."""

import os
import pickle
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as theirs
from logistic_cases import CASES, drawn
from numpy.testing import assert_allclose, assert_array_equal
from registry import STORAGES
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

import mlcraft.linear_model as ours
from mlcraft.exceptions import CollinearityWarning, SeparationWarning
from mlcraft.linear_model import LogisticRegression
from mlcraft.linear_model._labels import encode_labels, known_labels
from mlcraft.model_file import load_model, save_model

pytestmark = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"), reason="the behaviour is that of scikit-learn 1.9"
)
X, y = drawn(n=60)
Z, three = drawn(n=90, classes=3)


def spoiled(value):
    found = X.copy()
    found[3, 2] = value
    return found


def outcome_of(call):
    """The error and the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except Exception as error:
            return (type(error), str(error)), messages(caught)
    return None, messages(caught)


def messages(caught):
    return [(w.category, str(w.message)) for w in caught if not issubclass(w.category, ConvergenceWarning)]


def words(outcome):
    error, said = outcome
    return error and (error[0], " ".join(error[1].split())), [(kind, " ".join(text.split())) for kind, text in said]


# ------------------------------------------------------------------------ errors and warnings

DATA = {
    "nan": (spoiled(np.nan), y),
    "inf": (spoiled(np.inf), y),
    "nan_float32": (spoiled(np.nan).astype(np.float32), y),
    "nan_sparse": (sparse.csr_array(spoiled(np.nan)), y),
    "one_dimension": (X[:, 0], y),
    "three_dimensions": (X[:, :, np.newaxis], y),
    "no_rows": (X[:0], y[:0]),
    "no_columns": (X[:, :0], y),
    "complex": (X + 1j, y),
    "text": (X.astype(str).astype(object) + "a", y),
    "short_y": (X, y[:-1]),
    "y_none": (X, None),
    "y_column": (X, y[:, np.newaxis]),
    "y_columns": (X, np.column_stack([y, y])),
    "y_continuous": (X, X[:, 0]),
    "y_continuous_two": (X, np.where(y, 0.5, 1.0)),
    "y_nan": (X, np.where(y, np.nan, 1.0)),
    "y_inf": (X, np.where(y, np.inf, 1.0)),
    "y_complex": (X, y + 1j),
    "y_one_class": (X, np.ones(60, dtype=int)),
    "y_one_text": (X, np.full(60, "a")),
    "y_many_classes": (X, np.arange(60)),
    "y_many_floats": (X, np.arange(60.0)),
    "y_mixed": (X, np.array([1, "a"] * 30, dtype=object)),
    "y_objects": (X, np.array([0, 1] * 30, dtype=object)),
    "y_list": (X.tolist(), y.tolist()),
    "y_texts": (X, np.where(y, "yes", "no")),
    "y_bool": (X, y > 0),
}


@pytest.mark.parametrize("name", DATA)
def test_data(name):
    """The same errors and warnings; where there is no error, the same classes and labels."""
    found, expected = (
        words(outcome_of(lambda kind=kind: kind.LogisticRegression().fit(*DATA[name]))) for kind in (ours, theirs)
    )
    assert found == expected
    if found[0] is None:
        model, reference = (outcome_free_fit(kind, *DATA[name]) for kind in (ours, theirs))
        assert_array_equal(model.classes_, reference.classes_)
        assert model.classes_.dtype == reference.classes_.dtype
        assert model.predict(X).dtype == reference.predict(X).dtype


def outcome_free_fit(module, *data, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return module.LogisticRegression(**params).fit(*data)


PARAMETERS = {
    "C_zero": {"C": 0},
    "C_negative": {"C": -1.0},
    "C_text": {"C": "1"},
    "C_nan": {"C": np.nan},
    "tol_negative": {"tol": -1},
    "max_iter_negative": {"max_iter": -1},
    "max_iter_float": {"max_iter": 10.0},
    "solver": {"solver": "newton"},
    "penalty": {"penalty": "l0"},
    "penalty_l2": {"penalty": "l2"},
    "penalty_none": {"penalty": None},
    "penalty_none_C": {"penalty": None, "C": 4.0},
    "penalty_none_liblinear": {"penalty": None, "solver": "liblinear"},
    "penalty_l2_ratio": {"penalty": "l2", "l1_ratio": 0.5},
    "penalty_elasticnet_without_ratio": {"penalty": "elasticnet", "l1_ratio": None, "solver": "saga"},
    "l1_lbfgs": {"l1_ratio": 1},
    "elasticnet_sag": {"l1_ratio": 0.5, "solver": "sag"},
    "elasticnet_liblinear": {"l1_ratio": 0.5, "solver": "liblinear"},
    "l1_ratio_none": {"l1_ratio": None},
    "l1_ratio_two": {"l1_ratio": 2.0},
    "dual": {"dual": True},
    "dual_liblinear": {"dual": True, "solver": "liblinear", "max_iter": 10_000},
    "C_inf_liblinear": {"C": np.inf, "solver": "liblinear"},
    "intercept_scaling": {"intercept_scaling": 0, "solver": "liblinear"},
    "n_jobs": {"n_jobs": 2},
    "random_state": {"random_state": "a"},
    "class_weight_text": {"class_weight": "even"},
    "class_weight_unknown": {"class_weight": {5: 1.0}},
    "class_weight_part": {"class_weight": {0: 2.0}},
    "class_weight_empty": {"class_weight": {}},
    "fit_intercept": {"fit_intercept": 2},
    "verbose": {"verbose": -1},
    "warm_start": {"warm_start": None},
    "numpy_values": {"C": np.float32(2.0), "max_iter": np.int64(500), "fit_intercept": np.bool_(True), "tol": 0},
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    """The same errors and warnings for parameters, and the same solution where there is one."""
    found, expected = (
        words(outcome_of(lambda kind=kind: kind.LogisticRegression(**PARAMETERS[name]).fit(X, y)))
        for kind in (ours, theirs)
    )
    assert sorted(str(found)) == sorted(str(expected))  # sets of names have no order
    if found[0] is None:
        tight = {"tol": 1e-12, "max_iter": 10_000}
        model, reference = (outcome_free_fit(kind, X, y, **(PARAMETERS[name] | tight)) for kind in (ours, theirs))
        assert_allclose(model.coef_, reference.coef_, atol=1e-5)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, 0.0, "short", "columns"])
def test_bad_weights(weight):
    weights = {"short": np.ones(59), "columns": np.ones((60, 2))}.get(weight) if isinstance(weight, str) else None
    if weights is None:
        weights = np.zeros(60) if weight == 0 else np.where(np.arange(60) == 3, weight, 1.0)
    error, _ = outcome_of(lambda: LogisticRegression().fit(X, y, weights))
    expected, _ = outcome_of(lambda: theirs.LogisticRegression().fit(X, y, weights))
    if weight == -1:  # scikit-learn takes it, and may find no minimum
        assert error[0] is ValueError
        assert "sample_weight" in error[1]
    else:
        assert error == expected


@pytest.mark.parametrize("weight", [2.0, 3, [1] * 60, np.ones(60, dtype=int), np.ones(60, dtype=np.float32)])
def test_weights_of_other_kinds(weight):
    total = 60 * weight if np.isscalar(weight) else 60
    expected = LogisticRegression(C=total / 60).fit(X, y)
    assert_allclose(LogisticRegression().fit(X, y, weight).coef_, expected.coef_, atol=1e-8)


@pytest.mark.parametrize(("l1_ratio", "solver"), [(1, "saga"), (0.3, "saga"), (1, "liblinear")])
def test_l1_is_refused(l1_ratio, solver):
    with pytest.raises(NotImplementedError, match=r"l1_ratio=.* later release"):
        LogisticRegression(l1_ratio=l1_ratio, solver=solver).fit(X, y)


def test_an_elastic_net_without_l1_is_an_l2_penalty():
    with pytest.warns(FutureWarning, match="'penalty' was deprecated"):
        model = LogisticRegression(penalty="elasticnet", l1_ratio=0, solver="saga").fit(X, y)
    assert_array_equal(model.coef_, LogisticRegression().fit(X, y).coef_)


def test_liblinear_wants_two_classes():
    found, expected = (
        words(outcome_of(lambda kind=kind: kind.LogisticRegression(solver="liblinear").fit(Z, three)))
        for kind in (ours, theirs)
    )
    assert found == expected
    with pytest.raises(ValueError, match="only one class"):
        LogisticRegression(solver="liblinear").fit(X, np.ones(60))
    several = OneVsRestClassifier(LogisticRegression(solver="liblinear")).fit(Z, three)
    assert several.predict(Z).shape == (90,)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky", "liblinear", "sag", "saga"])
def test_max_iter_is_named(solver):
    case = CASES["weak_penalty"]()
    with pytest.warns(ConvergenceWarning) as caught:
        model = LogisticRegression(max_iter=1, tol=1e-12, solver=solver).fit(case.X, case.y)
    with pytest.warns(ConvergenceWarning) as expected:
        theirs.LogisticRegression(max_iter=1, tol=1e-12, solver=solver).fit(case.X, case.y)
    ours_, theirs_ = str(caught[0].message), str(expected[0].message)
    assert ours_.split()[:4] == theirs_.split()[:4]
    assert "gradient" in ours_
    assert "max_iter=1" in ours_
    assert caught[0].filename == __file__
    assert_array_equal(model.n_iter_, [1])


@pytest.mark.parametrize("classes", [2, 3])
def test_no_iteration_at_all(classes):
    labels = three if classes == 3 else three > 0
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(max_iter=0).fit(Z, labels)
    assert model.n_iter_.tolist() == [0]
    assert not model.coef_.any()
    assert not model.intercept_.any()
    assert_allclose(model.predict_proba(Z), 1 / classes)


def test_separation_is_named():
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    table = pandas.DataFrame({"age": random.normal(size=200), "dose": random.normal(size=200)})
    labels = table["dose"].to_numpy() > 0.1
    with pytest.warns(SeparationWarning, match="column 'dose' gives 200 of 200 rows") as caught:
        model = LogisticRegression(C=np.inf).fit(table, labels)
    assert "Use a finite C" in str(caught[0].message)
    assert np.isfinite(model.coef_).all()
    assert model.score(table, labels) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticRegression(C=1e3).fit(table, labels)  # a penalty, however weak, settles it


def test_separation_in_part_is_named():
    random = np.random.default_rng(1)
    flag = (random.random(400) < 0.2).astype(float)
    wide = np.column_stack([random.normal(size=400), flag])
    labels = (random.random(400) < 0.4) | (flag == 1)  # all with the flag, some of the others
    with pytest.warns(SeparationWarning, match=f"perfectly in part: column 1 gives {int(flag.sum())} of 400 rows"):
        model = LogisticRegression(C=np.inf).fit(wide, labels)
    others = LogisticRegression(C=np.inf).fit(wide[flag == 0, :1], labels[flag == 0])
    assert_allclose(model.coef_[0, 0], others.coef_[0, 0], rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_dependent_columns_without_penalty(classes, fit_intercept):
    """They are named, and the coefficients are the smallest: those that scikit-learn's steps from zero end at."""
    table, labels = drawn(n=300, classes=classes, slope=0.5)
    table = np.column_stack([table, table[:, 0] - 2 * table[:, 1]])
    params = {"C": np.inf, "fit_intercept": fit_intercept}
    with pytest.warns(CollinearityWarning, match=r"\(column 5\).*coef_ is the one of smallest norm.* finite C"):
        model = LogisticRegression(**params).fit(table, labels)
    reference = theirs.LogisticRegression(tol=1e-12, max_iter=10_000, **params).fit(table, labels)
    assert_allclose(model.coef_, reference.coef_, atol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticRegression(C=1e6, fit_intercept=fit_intercept).fit(table, labels)


def test_constant_columns_are_harmless():
    table = np.column_stack([X, np.full(60, 3.0), np.zeros(60)])
    assert_allclose(LogisticRegression().fit(table, y).coef_[0, 5:], 0, atol=1e-9)
    with pytest.warns(CollinearityWarning, match=r"columns 5, 6"):
        model = LogisticRegression(C=np.inf).fit(table, y)
    assert_allclose(model.coef_[0, 5:], 0)


def test_a_class_without_weight_is_named():
    with pytest.warns(SeparationWarning, match="All rows of class 'no' have weight zero"):
        model = LogisticRegression(C=np.inf).fit(X, np.where(y, "yes", "no"), y.astype(float))
    assert set(model.predict(X)) == {"yes"}
    assert set(LogisticRegression(class_weight={0: 0.0}).fit(X, y).predict(X)) == {1}


def test_separation_of_three_classes():
    labels = np.digitize(Z[:, 1], [-0.5, 0.5])
    with pytest.warns(SeparationWarning):
        LogisticRegression(C=np.inf, max_iter=1000).fit(Z, labels)


# ------------------------------------------------------------------------ what a fit leaves


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_attributes(classes, fit_intercept, dtype):
    data = (10 * Z).astype(dtype)
    labels = three if classes == 3 else three > 0
    model, reference = (outcome_free_fit(kind, data, labels, fit_intercept=fit_intercept) for kind in (ours, theirs))
    for name in ("coef_", "intercept_", "classes_", "n_iter_"):
        found, expected = getattr(model, name), getattr(reference, name)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), name
    assert model.n_features_in_ == 5
    assert not hasattr(model, "feature_names_in_")
    assert np.isscalar(model.certificate_) or model.certificate_.shape == ()
    for method in ("decision_function", "predict", "predict_proba", "predict_log_proba"):
        found, expected = getattr(model, method)(data), getattr(reference, method)(data)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), method


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("method", ["decision_function", "predict", "predict_proba", "predict_log_proba"])
def test_predictions_of_every_storage(method, storage):
    model = LogisticRegression().fit(Z, three)
    assert_allclose(getattr(model, method)(STORAGES[storage](Z)), getattr(model, method)(Z), rtol=1e-12, atol=1e-14)


def test_one_row():
    model, reference = LogisticRegression().fit(X, y), theirs.LogisticRegression().fit(X, y)
    for row in (X[:1], X[:1].tolist()):
        assert model.predict_proba(row).shape == (1, 2)
        assert model.predict(row).tolist() == reference.predict(row).tolist()


@pytest.mark.parametrize("method", ["decision_function", "predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("rows", [X[:, :3], X[0], spoiled(np.nan), X[:0]], ids=["columns", "flat", "nan", "none"])
def test_bad_rows_to_predict(method, rows):
    model, reference = (kind.LogisticRegression().fit(X, y) for kind in (ours, theirs))
    found, expected = (words(outcome_of(lambda m=m: getattr(m, method)(rows))) for m in (model, reference))
    assert found == expected
    with pytest.raises(NotFittedError):
        getattr(LogisticRegression(), method)(X)


def test_names_of_columns():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcde"))
    model = LogisticRegression().fit(table, pandas.Series(np.where(y, "yes", "no")))
    assert model.feature_names_in_.tolist() == list("abcde")
    assert_array_equal(model.predict(table), np.where(model.decision_function(table) > 0, "yes", "no"))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[list("edcba")])
    assert_allclose(model.coef_, LogisticRegression().fit(X, y).coef_)


def test_input_is_not_written_to():
    data = (X.copy(), y.copy(), np.ones(60))
    kept = [part.copy() for part in data]
    LogisticRegression(class_weight="balanced").fit(*data)
    for part, before in zip(data, kept, strict=True):
        assert_array_equal(part, before)


def test_sparsify():
    model = LogisticRegression().fit(Z, three)
    dense = model.coef_.copy()
    assert sparse.issparse(model.sparsify().coef_)
    assert_allclose(model.predict_proba(sparse.csr_array(Z)), LogisticRegression().fit(Z, three).predict_proba(Z))
    assert_array_equal(model.densify().densify().coef_, dense)
    for method in ("sparsify", "densify"):
        with pytest.raises(NotFittedError, match="must be fitted before"):
            getattr(LogisticRegression(), method)()


@pytest.mark.parametrize("labels", [y, np.where(y, "yes", "no"), three[:60]], ids=["numbers", "texts", "three"])
def test_copies_and_files(labels, tmp_path):
    model = LogisticRegression(C=0.5, class_weight="balanced").fit(X, labels)
    save_model(tmp_path / "model.mlc", model)
    for again in (pickle.loads(pickle.dumps(model)), load_model(tmp_path / "model.mlc")):
        assert again.get_params() == model.get_params()
        assert_array_equal(again.predict_proba(X), model.predict_proba(X))
        assert_array_equal(again.predict(X), model.predict(X))
    assert not hasattr(clone(model), "coef_")


def test_searches_and_pipelines():
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]})
    assert search.fit(Z, three).best_score_ > 0.4
    assert len(cross_val_score(LogisticRegression(), X, y, scoring="neg_log_loss")) == 5


def test_warm_start_checks_shapes():
    model = LogisticRegression(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"Initialization coef is of shape \(1, 6\), expected shape \(3, 6\)"):
        model.fit(Z, three)
    model.coef_[:] = np.nan
    with pytest.raises(ValueError, match="warm_start=False"):
        model.fit(X, y)


def test_verbose(capsys):
    LogisticRegression(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("iteration") for line in lines)


@pytest.mark.skipif(os.environ.get("SCIPY_ARRAY_API") != "1", reason="scikit-learn asks for SCIPY_ARRAY_API=1")
def test_array_api():
    xp = pytest.importorskip("array_api_strict")
    with config_context(array_api_dispatch=True):
        model = LogisticRegression().fit(xp.asarray(X), xp.asarray(y))
        assert type(model.coef_) is type(xp.asarray(X))
        found = model.predict_proba(xp.asarray(X))
    assert_allclose(np.asarray(found), LogisticRegression().fit(X, y).predict_proba(X))


# ------------------------------------------------------------------------ callbacks


class Listener:
    """Counts the tasks of a fit, keeps the estimators shown to it, and may end the fit."""

    def __init__(self, end_after=np.inf):
        self.begun, self.ended, self.shown, self.closed, self.end_after = 0, 0, [], 0, end_after

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended += 1
        if fitted_estimator is not None:
            self.shown.append(fitted_estimator)
        return self.ended >= self.end_after

    def teardown(self, estimator, context):
        self.closed += 1


@pytest.mark.parametrize("labels", [three > 0, three], ids=["two", "three"])
def test_callbacks_see_every_iteration(labels):
    listener = Listener()
    model = LogisticRegression().set_callbacks(listener).fit(Z, labels)
    n_iter = model.n_iter_[0]
    assert listener.begun == listener.ended == n_iter + 2  # the fit, and scikit-learn's empty task at the end
    assert listener.closed == 1
    assert len(listener.shown) == n_iter + 1
    for after, shown in enumerate(listener.shown[:-1], 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = LogisticRegression(max_iter=after).fit(Z, labels)
        assert_allclose(shown.coef_, expected.coef_)
        assert_array_equal(shown.predict(Z), expected.predict(Z))
    assert_array_equal(model.coef_, LogisticRegression().fit(Z, labels).coef_)


def test_a_callback_ends_the_fit():
    listener = Listener(end_after=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(C=1e6).set_callbacks(listener).fit(X, y)
    assert model.n_iter_.tolist() == [2]


def test_callbacks_of_other_solvers():
    with pytest.warns(UserWarning, match="only supported in LogisticRegression for solver='lbfgs'"):
        model = LogisticRegression(solver="sag").set_callbacks(listener := Listener())
    model.fit(X, y)
    assert listener.begun == listener.ended == 1
    with pytest.raises(TypeError, match="FitCallback"):
        LogisticRegression().set_callbacks("loud")


# ------------------------------------------------------------------------ labels

random = np.random.default_rng(0)
LABELS = {
    "two": random.integers(0, 2, 500),
    "minus_one_and_one": 2.0 * random.integers(0, 2, 500) - 1,
    "bool": random.random(500) < 0.5,
    "int8_whole_range": random.integers(-128, 128, 3000).astype(np.int8),
    "uint8": random.integers(250, 256, 500).astype(np.uint8),
    "uint64_high": (2**64 - 1 - random.integers(0, 3, 500, dtype=np.uint64)).astype(np.uint64),
    "far_apart": random.choice([-(10**15), 0, 10**15], 500),
    "extremes": random.choice([-(2**63), 0, 2**63 - 1], 500),
    "floats": random.integers(-3, 4, 500).astype(np.float32),
    "float16": random.integers(0, 3, 500).astype(np.float16),
    "one": np.full(500, 7),
    "texts": random.choice(["b", "a", "ccc"], 500),
    "objects": random.choice(["b", "a", "ccc"], 500).astype(object),
    "strided": random.integers(0, 4, 1000)[::-2],
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", LABELS)
def test_codes_are_those_of_unique(name, dtype):
    classes, codes = encode_labels(LABELS[name], np.dtype(dtype))
    expected, inverse = np.unique(LABELS[name], return_inverse=True)
    assert_array_equal(classes, expected)
    assert_array_equal(codes, inverse)
    assert classes.dtype == expected.dtype
    assert codes.dtype == dtype


@pytest.mark.parametrize(
    "labels",
    [np.array([0.5, 1.0]), np.array([0.0, np.nan]), np.array([np.inf, 1.0]), np.arange(50), np.array([1.5, 0, 3.5])],
)
def test_unlikely_labels_are_left_to_scikit_learn(labels):
    assert known_labels(labels, np.dtype(np.float64)) is None
