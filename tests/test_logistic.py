"""Logistic regression to a certificate: every fit is judged outside the library, and against scikit-learn and R."""

import importlib.util
import json
import warnings

import numpy as np
import pytest
import sklearn.linear_model as theirs
from logistic_cases import CASES, Case, drawn, judged
from numpy.testing import assert_allclose
from registry import STORAGES
from sklearn.exceptions import ConvergenceWarning

from mlcraft.linear_model import LogisticRegression

EXACT, SINGLE = 1e-8, 2e-5  # bounds on the gradient in columns of unit size, for float64 and float32


def fitted(case, X=None, **params):
    model = LogisticRegression(**(case.params | params))
    return model.fit(case.X if X is None else X, case.y, case.weight)


@pytest.mark.parametrize("name", CASES)
def test_certificate(name):
    case = CASES[name]()
    model = fitted(case)
    assert judged(model, case.X, case.y, case.weight)[1] <= EXACT
    assert model.certificate_ <= 1e-7
    assert model.n_iter_[0] <= 60


@pytest.mark.parametrize("name", CASES)
def test_objective_is_no_worse_than_scikit_learns(name):
    case = CASES[name]()
    ours = judged(fitted(case), case.X, case.y, case.weight)[0]
    solver = case.params.get("solver", "newton-cholesky")
    reference = theirs.LogisticRegression(**(case.params | {"solver": solver, "tol": 1e-12, "max_iter": 10_000}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference.fit(case.X, case.y, case.weight)
    assert ours <= judged(reference, case.X, case.y, case.weight)[0] * (1 + 1e-12)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("name", ["plain", "weighted", "no_penalty", "liblinear", "three_classes"])
def test_storage_and_dtype(name, storage):
    case = CASES[name]()
    case.X[np.abs(case.X) < 0.2] = 0
    expected = fitted(case)
    for dtype, bound in ((np.float64, EXACT), (np.float32, SINGLE)):
        X = STORAGES[storage](case.X.astype(dtype))
        model = fitted(case, X)
        assert model.coef_.dtype == (np.float64 if name == "liblinear" else dtype)
        assert model.coef_.dtype == model.intercept_.dtype
        assert judged(model, X, case.y, case.weight)[1] <= bound
        assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e3 * bound)
        assert_allclose(model.predict_proba(X), expected.predict_proba(case.X), atol=1e3 * bound)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"])
def test_solution_does_not_depend_on_the_solvers_name(solver):
    case = CASES["weighted"]()
    assert_allclose(fitted(case, solver=solver).coef_, fitted(case).coef_, rtol=0, atol=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_scales_of_columns_change_nothing(classes):
    """Without a penalty, the fit of scaled columns is that of the others, scaled, and takes as long."""
    X, y = drawn(n=400, p=7, classes=classes, slope=0.7)
    scale = 10.0 ** np.array([-6, 6, 0, 3, -3, 5, -5])
    plain, scaled = (LogisticRegression(C=np.inf).fit(Z, y) for Z in (X, X * scale))
    assert_allclose(scaled.coef_ * scale, plain.coef_, rtol=1e-6)
    assert_allclose(scaled.intercept_, plain.intercept_, rtol=1e-6)
    assert scaled.n_iter_[0] <= 2 * plain.n_iter_[0]


@pytest.mark.parametrize("name", ["zero_weights", "three_classes"])
def test_weight_zero_is_a_missing_row(name):
    case = CASES[name]()
    weight = np.random.default_rng(1).uniform(0, 2, len(case.y))
    weight[4::3] = 0
    there = weight > 0
    whole = fitted(Case(case.X, case.y, weight))
    part = fitted(Case(case.X[there], case.y[there], weight[there]))
    assert_allclose(whole.coef_, part.coef_, atol=1e-7)
    assert_allclose(whole.intercept_, part.intercept_, atol=1e-7)


def test_whole_weights_repeat_rows():
    X, y = drawn(classes=3)
    weight = np.random.default_rng(1).integers(1, 4, len(y))
    weighted = LogisticRegression(C=0.3).fit(X, y, weight)
    repeated = LogisticRegression(C=0.3).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-7)


def test_penalty_counts_every_row_like_scikit_learn():
    """C multiplies a sum over the rows: twice the rows at half of C are the same fit."""
    X, y = drawn()
    once = LogisticRegression(C=1.0).fit(X, y)
    twice = LogisticRegression(C=0.5).fit(np.vstack([X, X]), np.append(y, y))
    assert_allclose(twice.coef_, once.coef_, atol=1e-8)


@pytest.mark.parametrize("size", [1e307, 1e150, 1e-100, 1e-305])
def test_weights_at_the_ends_of_the_range(size):
    X, y = drawn()
    expected = LogisticRegression(C=1.0).fit(X, y)
    model = LogisticRegression(C=1 / size).fit(X, y, np.full(len(y), size))
    assert_allclose(model.coef_, expected.coef_, atol=1e-8)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("dtype", "scale"), [("float64", 2.0**s) for s in (-900, -500, 500, 900)] + [("float32", 2.0**s) for s in (-90, 90)]
)
def test_columns_at_the_ends_of_the_range(dtype, scale):
    X, y = drawn()
    X = X.astype(dtype)
    expected = LogisticRegression(C=np.inf).fit(X, y)
    model = LogisticRegression(C=np.inf).fit(X * np.dtype(dtype).type(scale), y)
    assert_allclose(model.coef_ * scale, expected.coef_, rtol=1e-4 if dtype == "float32" else 1e-7)
    if scale > 1:  # columns so large that the penalty is nothing beside them
        model = LogisticRegression().fit(X * np.dtype(dtype).type(scale), y)
        assert_allclose(model.coef_ * scale, expected.coef_, rtol=1e-4 if dtype == "float32" else 1e-7)


def test_a_mean_far_away_needs_no_word():
    """The rounding of X is all that is left, and the probabilities are those of the centred columns."""
    X, y = drawn()
    far = X + 1e8
    model = LogisticRegression(C=np.inf).fit(far, y)
    expected = LogisticRegression(C=np.inf).fit(far - 1e8, y)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-5)


def test_one_row_outweighs_all():
    X, y = drawn()
    weight = np.ones(len(y))
    weight[3] = 1e12
    model = LogisticRegression().fit(X, y, weight)
    assert model.predict(X[3:4])[0] == y[3]
    assert judged(model, X, y, weight)[1] <= EXACT


def test_start_does_not_matter():
    case = CASES["three_classes"]()
    model = LogisticRegression(warm_start=True).fit(case.X, case.y)
    first = model.coef_.copy()
    model.coef_ += 3.0
    model.fit(case.X, case.y)
    assert_allclose(model.coef_, first, atol=1e-7)
    iterations = model.fit(case.X, case.y).n_iter_[0]
    assert iterations <= 2, "the solution itself is where it started"


@pytest.mark.parametrize("repeats", [1, 100, 5000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_small_and_large_probabilities(dtype, repeats):
    """Both are accurate relative to themselves, and their logarithms are finite."""
    model = LogisticRegression().fit(np.array([[-1.0], [1.0]], dtype=dtype), [0, 1])
    model.coef_, model.intercept_ = np.ones((1, 1), dtype=dtype), np.zeros(1, dtype=dtype)
    eta = np.tile(np.array([-700.0, -50.0, -1.0, 0.0, 1.0, 50.0, 700.0], dtype=dtype), repeats)
    if dtype == np.float32:
        eta = np.clip(eta, -80, 80)
    exact = -np.logaddexp(np.longdouble(0), np.column_stack([eta, -eta]).astype(np.longdouble))
    rounding = 8 * np.finfo(dtype).eps
    assert model.predict_proba(np.array([[-1e5], [1e5]], dtype=dtype)).tolist() == [[1, 0], [0, 1]]
    assert_allclose(model.predict_log_proba(eta[:, None]), exact.astype(float), rtol=rounding)
    assert_allclose(model.predict_proba(eta[:, None]), np.exp(exact).astype(float), rtol=100 * rounding)


def test_probabilities_of_many_classes():
    case = CASES["three_classes"]()
    model, reference = fitted(case), theirs.LogisticRegression()
    reference.classes_, reference.n_features_in_ = model.classes_, case.X.shape[1]
    reference.coef_, reference.intercept_ = model.coef_, model.intercept_
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        assert_allclose(getattr(model, method)(case.X), getattr(reference, method)(case.X), rtol=1e-12, atol=1e-14)
    far = 1e3 * case.X
    assert np.isfinite(model.predict_log_proba(far)).all()
    assert_allclose(model.predict_proba(far).sum(axis=1), 1)


# ---------------------------------------------------------------------------------- R


def r_case(shared, kind, name):
    """Grouped counts become a row for the successes and one for the failures."""
    case = json.loads(shared(f"reference/r/{kind}/{name}.json").read_text())
    table = np.genfromtxt(shared(f"reference/r/{kind}/{name}.csv"), delimiter=",", names=True, deletechars="")
    rows = np.array(table.tolist())
    p = len(case["columns"])
    X, y = rows[:, 1 : p + 1], rows[:, 0]
    weight = rows[:, p + 1] if rows.shape[1] > p + 1 else None
    if "trials_column" in case:
        X, weight = np.vstack([X, X]), np.append(y * weight, (1 - y) * weight)
        y = np.repeat([1.0, 0.0], len(rows))
    return case, X, y, weight


def deviance(model, X, y, weight):
    log_proba = model.predict_log_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return -2 * np.sum(log_proba * (1 if weight is None else weight))


@pytest.mark.parametrize("storage", ["c", "csr32"])
@pytest.mark.parametrize("name", ["infert_logit", "pima_logit", "menarche_logit", "esoph_logit", "snails_logit"])
def test_glm_of_r(shared, name, storage):
    case, X, y, weight = r_case(shared, "glm", name)
    model = LogisticRegression(C=np.inf).fit(STORAGES[storage](X), y, weight)
    assert_allclose(np.append(model.intercept_, model.coef_), case["coef"], rtol=1e-6)
    if "trials_column" not in case:  # R's deviance of counts is from the saturated model
        assert_allclose(deviance(model, X, y, weight), case["deviance"], rtol=1e-10)
    else:
        proportion = model.predict_proba(X[: case["n"]])[:, 1]
        assert_allclose(proportion, case["diagnostics"]["fitted"], rtol=1e-6)


def test_weighted_glm_of_r(shared):
    case, X, y, weight = r_case(shared, "weights", "titanic_logit")
    model = LogisticRegression(C=np.inf).fit(X, y, weight)
    assert_allclose(np.append(model.intercept_, model.coef_), case["prior"]["coef"], rtol=1e-6)


def test_multinom_of_r(shared):
    """R has the first class as baseline; here the coefficients of all classes sum to zero."""
    case, X, y, _ = r_case(shared, "multinom", "infert_education")
    model = LogisticRegression(C=np.inf).fit(X, y)
    found = np.column_stack([model.intercept_, model.coef_])
    assert_allclose(found[1:] - found[0], case["coef"], rtol=1e-5)
    assert_allclose(found.sum(axis=0), 0, atol=1e-9)
    assert_allclose(deviance(model, X, y, None), case["deviance"], rtol=1e-10)
    assert_allclose(model.predict_proba(X), case["fitted"], atol=1e-7)


# ---------------------------------------------------------------------------------- real data


def loader(shared):
    spec = importlib.util.spec_from_file_location("shared_data_load", shared("data/load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def breast_cancer(load):
    table = load.load("breast_cancer")
    return table.drop(columns="target"), table["target"].to_numpy()


def adult(load):
    """1,200 people, one-hot with all levels (dependent columns), numbers as they are (0 to 99,999)."""
    pandas = pytest.importorskip("pandas")
    table = load.load("adult").iloc[::40]
    X = pandas.get_dummies(table.drop(columns=["income", "split", "fnlwgt"]), dtype=float)
    return X, table["income"].to_numpy(), table["fnlwgt"].to_numpy(dtype=float)


def titanic(load):
    table = load.load("titanic").dropna(subset=["age", "fare"])
    X = table[["pclass", "age", "sibsp", "parch", "fare"]].astype(float).assign(male=(table["sex"] == "male") * 1.0)
    return X, table["survived"].to_numpy()


def a9a(load):
    X, y, _ = load.load_sparse("a9a")
    return X[::6], y[::6]


REAL_DATA = {"breast_cancer": breast_cancer, "adult": adult, "titanic": titanic, "a9a": a9a}


@pytest.mark.parametrize("C", [0.01, 100.0])
@pytest.mark.parametrize("name", REAL_DATA)
def test_real_data(shared, name, C):
    pytest.importorskip("pyarrow")
    X, y, *weight = REAL_DATA[name](loader(shared))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = LogisticRegression(C=C).fit(X, y, *weight)
    values = X.to_numpy() if hasattr(X, "columns") else X
    objective, gradient = judged(model, values, y, *weight)
    assert gradient <= EXACT
    reference = theirs.LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference.fit(X, y, *weight)
    assert objective <= judged(reference, values, y, *weight)[0] * (1 + 1e-11)
