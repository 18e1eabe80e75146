"""LinearSVC and LinearSVR, judged by scikit-learn's objective and its optimality conditions computed here."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import registry
import sklearn.svm
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

import mlcraft
from mlcraft.svm import LinearSVC, LinearSVR

SVC_LOSSES = ["hinge", "squared_hinge"]
SVR_LOSSES = ["epsilon_insensitive", "squared_epsilon_insensitive"]


def losses(model, X, y, epsilon=0.0):
    """Return the loss of each row, y being -1 and 1 for the hinge losses."""
    eta = np.asarray(X @ model.coef_.reshape(-1)) + np.ravel(model.intercept_)[0]
    excess = 1 - y * eta if isinstance(model, (LinearSVC, sklearn.svm.LinearSVC)) else np.abs(y - eta) - epsilon
    return np.maximum(excess, 0.0) ** (2 if model.loss.startswith("squared") else 1)


def objective(model, X, y, weight=None):
    """Compute scikit-learn's objective of a model with one coefficient vector."""
    c = np.ravel(model.intercept_)[0] / model.intercept_scaling
    part = losses(model, X, y, getattr(model, "epsilon", 0.0))
    return (np.sum(model.coef_**2) + c**2) / 2 + model.C * np.sum(part if weight is None else weight * part)


def best(reference, X, y, weight=None):
    """Return the smaller objective of scikit-learn's own at a tolerance beyond what it reaches, by two solvers."""
    found = []
    for dual in (True, False):
        if dual or reference.loss.startswith("squared"):
            model = type(reference)(
                **reference.get_params() | {"dual": dual, "tol": 1e-12, "max_iter": 20_000, "random_state": 0}
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                found.append(objective(model.fit(X, y, sample_weight=weight), X, y, weight))
    return min(found)


def slope(model, X, y, weight=None):
    """Return the gradient of a squared loss at a model, relative to the size of its terms."""
    eta = X @ model.coef_.reshape(-1) + np.ravel(model.intercept_)[0]
    if isinstance(model, LinearSVC):
        pull = 2 * y * np.maximum(1 - y * eta, 0)
    else:
        pull = 2 * np.sign(y - eta) * np.maximum(np.abs(y - eta) - model.epsilon, 0)
    pull = model.C * pull * (1 if weight is None else weight)
    Z = np.column_stack([X, np.full(len(X), model.intercept_scaling)])
    w = np.append(model.coef_.reshape(-1), np.ravel(model.intercept_)[0] / model.intercept_scaling)
    return np.max(np.abs(w - Z.T @ pull) / (np.abs(w) + np.abs(Z).T @ np.abs(pull) + 1e-300))


def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X, 2.0 * y - 1


# ---------------------------------------------------------------- as good as can be


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("loss", SVC_LOSSES)
def test_svc_is_no_worse_than_scikit_learn(loss, C, scaled):
    X, y = cancer()
    X = StandardScaler().fit_transform(X) if scaled else X
    model = LinearSVC(loss=loss, C=C).fit(X, y)
    assert objective(model, X, y) <= best(sklearn.svm.LinearSVC(loss=loss, C=C), X, y) * (1 + 1e-6)
    if loss == "squared_hinge":
        assert slope(model, X, y) < 1e-8


@pytest.mark.parametrize("epsilon", [0.0, 20.0])
@pytest.mark.parametrize("C", [0.1, 10.0])
@pytest.mark.parametrize("loss", SVR_LOSSES)
def test_svr_is_no_worse_than_scikit_learn(loss, C, epsilon):
    X, y = load_diabetes(return_X_y=True)
    model = LinearSVR(loss=loss, C=C, epsilon=epsilon).fit(X, y)
    assert objective(model, X, y) <= best(sklearn.svm.LinearSVR(loss=loss, C=C, epsilon=epsilon), X, y) * (1 + 1e-6)
    if loss == "squared_epsilon_insensitive":
        assert slope(model, X, y) < 1e-8


@pytest.mark.parametrize("params", [{"fit_intercept": False}, {"intercept_scaling": 10.0}, {"intercept_scaling": 0.1}])
@pytest.mark.parametrize("loss", SVC_LOSSES)
def test_intercept(loss, params):
    X, y = cancer()
    X = StandardScaler().fit_transform(X)[:, :5] + 1
    model = LinearSVC(loss=loss, **params).fit(X, y)
    assert objective(model, X, y) <= best(sklearn.svm.LinearSVC(loss=loss, **params), X, y) * (1 + 1e-6)
    if not model.fit_intercept:
        assert model.intercept_ == 0.0
        assert type(model.intercept_) is float


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("loss", SVC_LOSSES)
def test_one_against_the_others_with_class_weights(loss, class_weight):
    X, y = load_iris(return_X_y=True)
    X, y = X[20:], y[20:]  # not balanced
    model = LinearSVC(loss=loss, class_weight=class_weight).fit(X, y)
    theirs = sklearn.svm.LinearSVC(loss=loss, class_weight=class_weight, tol=1e-10, max_iter=50_000, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y)
    weights = compute_class_weight(class_weight, classes=np.arange(3), y=y)
    assert (model.coef_.shape, model.intercept_.shape) == ((3, 4), (3,))
    for code in range(3):
        target, weight = np.where(y == code, 1.0, -1.0), np.where(y == code, weights[code], 1.0)
        value = []
        for found in (model, theirs):
            one = LinearSVC(loss=loss)
            one.coef_, one.intercept_ = found.coef_[code], found.intercept_[code]
            value.append(objective(one, X, target, weight))
        assert value[0] <= value[1] * (1 + 1e-6)


@pytest.mark.parametrize("class_weight", ["balanced", {"benign": 0.3}])
@pytest.mark.parametrize("loss", SVC_LOSSES)
def test_two_classes_with_weights(loss, class_weight):
    X, y = cancer()
    X = StandardScaler().fit_transform(X)[:, :6]
    names = np.where(y > 0, "malign", "benign")
    rows = np.random.default_rng(0).uniform(0, 2, len(y))
    by_class = compute_class_weight(class_weight, classes=np.array(["benign", "malign"]), y=names, sample_weight=rows)
    weight = rows * np.where(y > 0, by_class[1], by_class[0])
    model = LinearSVC(loss=loss, class_weight=class_weight).fit(X, names, sample_weight=rows)
    assert objective(model, X, y, weight) <= best(sklearn.svm.LinearSVC(loss=loss), X, y, weight) * (1 + 1e-6)
    assert set(model.predict(X)) == {"benign", "malign"}


# ---------------------------------------------------------------- storages, dtypes, weights

MAKE = {loss: (lambda loss=loss, **params: LinearSVC(loss=loss, **params)) for loss in SVC_LOSSES} | {
    loss: (lambda loss=loss, **params: LinearSVR(loss=loss, epsilon=0.3, **params)) for loss in SVR_LOSSES
}


def small(seed=0):
    X = registry.values((60, 4), np.float64, seed) / 4
    return X, np.where(X @ [1.0, -1.0, 0.5, 0.0] + np.random.default_rng(seed).standard_normal(60) > 0, 1.0, -1.0)


@pytest.mark.parametrize("dtype", registry.DTYPES.values())
@pytest.mark.parametrize("storage", registry.STORAGES)
@pytest.mark.parametrize("loss", MAKE)
def test_storages_and_dtypes(loss, storage, dtype):
    X, y = small()
    expected = MAKE[loss](tol=1e-7).fit(X, y)
    given = registry.STORAGES[storage](X.astype(dtype))
    before = given.copy()
    model = MAKE[loss](tol=1e-7).fit(given, y)
    assert model.coef_.dtype == np.float64
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-5)
    np.testing.assert_allclose(model.predict(given), expected.predict(X), atol=1e-5)
    changed = (before != given).nnz if sparse.issparse(given) else (np.nan_to_num(before) != np.nan_to_num(given)).sum()
    assert changed == 0


@pytest.mark.parametrize("loss", MAKE)
def test_weights_are_repetitions(loss):
    X, y = small()
    weight = np.arange(60) % 4
    X[weight == 0] *= 1e4
    options = {"tol": 1e-8}
    weighted = MAKE[loss](**options).fit(X, y, sample_weight=weight)
    repeated = MAKE[loss](**options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-5)


@pytest.mark.parametrize("loss", MAKE)
def test_more_columns_than_rows(loss):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 1500)), np.where(rng.random(40) > 0.5, 1.0, -1.0)
    model = MAKE[loss](C=0.1, random_state=3).fit(X, y)
    theirs = getattr(sklearn.svm, type(model).__name__)(**model.get_params())
    assert objective(model, X, y) <= best(theirs, X, y) * (1 + 1e-6)
    np.testing.assert_array_equal(model.coef_, MAKE[loss](C=0.1, random_state=3).fit(X, y).coef_)


@pytest.mark.parametrize("loss", MAKE)
def test_bits_do_not_depend_on_threads(loss):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 12))
    y = np.where(X @ rng.standard_normal(12) + rng.standard_normal(20_000) > 0, 1.0, -1.0)
    found = []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(threads):
            found.append(MAKE[loss](C=0.01).fit(X, y).coef_)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


# ---------------------------------------------------------------- scikit-learn's behaviour


@pytest.mark.parametrize("dual", [True, False, "auto"])
@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("loss", SVC_LOSSES)
def test_combinations_of_parameters(loss, penalty, dual):
    X, y = small()
    params = {"loss": loss, "penalty": penalty, "dual": dual}
    if (penalty == "l1" and (loss == "hinge" or dual is True)) or (loss == "hinge" and dual is False):
        with pytest.raises(ValueError, match="Unsupported set of arguments") as expected:
            sklearn.svm.LinearSVC(**params).fit(X, y)
        with pytest.raises(ValueError, match="Unsupported set of arguments") as found:
            LinearSVC(**params).fit(X, y)
        assert str(found.value) == str(expected.value)
    elif penalty == "l1":
        with pytest.raises(NotImplementedError, match="penalty='l1' comes with a later release"):
            LinearSVC(**params).fit(X, y)
    else:
        LinearSVC(**params).fit(X, y)


@pytest.mark.parametrize("dual", [True, False, "auto"])
@pytest.mark.parametrize("loss", SVR_LOSSES)
def test_combinations_of_parameters_of_the_regression(loss, dual):
    X, y = small()
    if loss == "epsilon_insensitive" and dual is False:
        with pytest.raises(ValueError, match="not supported when dual=False"):
            LinearSVR(loss=loss, dual=dual).fit(X, y)
    else:
        LinearSVR(loss=loss, dual=dual).fit(X, y)


def test_crammer_and_singer_comes_later():
    X, y = small()
    with pytest.raises(NotImplementedError, match="crammer_singer"):
        LinearSVC(multi_class="crammer_singer").fit(X, y)


BAD = {
    "C": (0.0, -1.0, np.nan, "1"),
    "tol": (0.0, -1.0),
    "max_iter": (-1, 1.5),
    "intercept_scaling": (0.0, -1.0),
    "loss": ("l1", "logistic", None),
    "dual": (None, "yes"),
    "verbose": (-1, "no"),
    "random_state": ("a", -1.5),
}


@pytest.mark.parametrize("Model", [LinearSVC, LinearSVR])
@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_parameters(Model, name, value):
    X, y = small()
    theirs = getattr(sklearn.svm, Model.__name__)
    with pytest.raises(ValueError, match=name) as expected:
        theirs(**{name: value}).fit(X, y)
    with pytest.raises(ValueError, match=name) as found:
        Model(**{name: value}).fit(X, y)
    assert str(found.value).replace("mlcraft", "sklearn") == str(expected.value)


def _with(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


BAD_INPUT = {
    "nan": lambda X, y: (_with(X, np.nan), y, None),
    "infinity": lambda X, y: (_with(X, np.inf), y, None),
    "nan in sparse": lambda X, y: (sparse.csr_array(_with(X, np.nan)), y, None),
    "nan in y": lambda X, y: (X, np.where(np.arange(len(y)) == 3, np.nan, y), None),
    "lengths": lambda X, y: (X, y[:-1], None),
    "one dimension": lambda X, y: (X[:, 0], y, None),
    "no rows": lambda X, y: (X[:0], y[:0], None),
    "no columns": lambda X, y: (X[:, :0], y, None),
    "complex": lambda X, y: (X * 1j, y, None),
    "two targets": lambda X, y: (X, np.column_stack([y, y]), None),
    "nan weight": lambda X, y: (X, y, np.full(len(y), np.nan)),
    "zero weights": lambda X, y: (X, y, np.zeros(len(y))),
    "weights too short": lambda X, y: (X, y, np.ones(3)),
}


@pytest.mark.parametrize("Model", [LinearSVC, LinearSVR])
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(Model, case):
    X, y, weight = BAD_INPUT[case](*small())
    theirs = getattr(sklearn.svm, Model.__name__)
    with pytest.raises(ValueError) as expected:
        theirs().fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError) as found:
        Model().fit(X, y, sample_weight=weight)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("Model", [LinearSVC, LinearSVR])
def test_negative_weights_are_an_error(Model):
    X, y = small()
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        Model().fit(X, y, sample_weight=np.where(np.arange(60) == 2, -1.0, 1.0))


def test_one_class():
    X, _ = small()
    with pytest.raises(ValueError, match="at least 2 classes in the data, but the data contains only one class"):
        LinearSVC().fit(X, np.ones(60))
    with pytest.raises(ValueError, match="Unknown label type"):
        LinearSVC().fit(X, np.linspace(0, 1, 60))


def test_negative_epsilon():
    X, y = small()
    one, other = (LinearSVR(epsilon=epsilon, tol=1e-6).fit(X, y) for epsilon in (-0.5, 0.0))
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-5)
    with pytest.raises(ValueError, match="epsilon must not be negative"):
        LinearSVR(epsilon=-0.5, loss="squared_epsilon_insensitive").fit(X, y)


@pytest.mark.parametrize("loss", MAKE)
def test_out_of_iterations_is_a_warning_with_numbers(loss):
    X, y = cancer()
    with pytest.warns(ConvergenceWarning, match=r"failed to converge, increase the number of iterations.* is .* where"):
        model = MAKE[loss](max_iter=1, C=10.0).fit(X, y)
    assert type(model.n_iter_) is int
    assert model.n_iter_ == 1
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("loss", MAKE)
def test_certificate(loss):
    X, y = cancer()
    model = MAKE[loss]().fit(StandardScaler().fit_transform(X), y)
    assert model.certificate_.shape == (1,)
    assert 0 <= model.certificate_[0] <= (1e-8 if loss.startswith("squared") else 1e-6)


def test_attributes_have_scikit_learn_shapes():
    X, y = small()
    for Model in (LinearSVC, LinearSVR):
        ours, theirs = Model().fit(X, y), getattr(sklearn.svm, Model.__name__)().fit(X, y)
        for name in ("coef_", "intercept_", "n_iter_", "n_features_in_"):
            assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
            assert type(getattr(ours, name)) is type(getattr(theirs, name)), name
        assert ours.__sklearn_tags__().input_tags.sparse
        assert list(ours.get_params()) == list(theirs.get_params())
    assert isinstance(LinearSVR(), sklearn.svm.LinearSVR)


def test_sparse_coefficients():
    X, y = small()
    model = LinearSVC().fit(X, y)
    before = model.decision_function(X)
    np.testing.assert_array_equal(model.sparsify().decision_function(X), before)
    assert sparse.issparse(model.coef_)
    np.testing.assert_array_equal(model.densify().decision_function(X), before)


def test_verbose(capsys):
    X, y = small()
    LinearSVC(loss="hinge", verbose=1).fit(X, y)
    assert "[LinearSVC] fit 1 of 1: interior_point" in capsys.readouterr().out


@pytest.mark.parametrize("model", [LinearSVC(), LinearSVC(loss="hinge", C=2.0), LinearSVR(epsilon=0.1)])
def test_model_file(model, tmp_path):
    X, y = load_iris(return_X_y=True)
    model.fit(X, np.array(["a", "b", "c"])[y] if isinstance(model, LinearSVC) else X[:, 0] - y)
    mlcraft.save_model(tmp_path / "model.mlc", model)
    again = mlcraft.load_model(tmp_path / "model.mlc")
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.certificate_, model.certificate_)


# ---------------------------------------------------------------- real data


def sparse_set(shared, name):
    sys.path.insert(0, str(shared("data/load.py").parent))
    pytest.importorskip("pandas")
    from load import load_sparse

    X, y, _ = load_sparse(name)
    return X, np.asarray(y, dtype=np.float64)


@pytest.mark.parametrize("loss", SVC_LOSSES)
def test_a9a(shared, loss):
    X, y = sparse_set(shared, "a9a")
    X, y = X[::4], np.where(y[::4] > 0, 1.0, -1.0)
    model = LinearSVC(loss=loss, C=0.1).fit(X, y)
    theirs = sklearn.svm.LinearSVC(loss=loss, C=0.1, dual=loss == "hinge", tol=1e-5, max_iter=2000, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y)
    assert objective(model, X, y) <= objective(theirs, X, y) * (1 + 1e-6)
    assert model.score(X, y) > 0.84
    np.testing.assert_allclose(model.coef_, LinearSVC(loss=loss, C=0.1).fit(X.tocsc(), y).coef_, atol=1e-5)


@pytest.mark.parametrize("loss", SVR_LOSSES)
def test_california_housing(shared, loss):
    pd = pytest.importorskip("pandas")
    frame = pd.read_parquet(shared("data/california_housing.parquet")).dropna()
    numbers = frame.select_dtypes("number")
    target = next(name for name in numbers.columns if "value" in name.lower() or name == "MedHouseVal")
    X, y = numbers.drop(columns=target), numbers[target].to_numpy(dtype=np.float64)
    y = y / y.std()
    model = LinearSVR(loss=loss, C=1.0, epsilon=0.1).fit(X, y)  # columns as they are: scikit-learn is far off here
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.certificate_[0] < 1e-6
    Z = StandardScaler().fit_transform(X)
    scaled = LinearSVR(loss=loss, C=1.0, epsilon=0.1).fit(Z, y)
    assert objective(scaled, Z, y) <= best_of_scaled(Z, y, loss) * (1 + 1e-6)


def best_of_scaled(Z, y, loss):
    theirs = sklearn.svm.LinearSVR(loss=loss, C=1.0, epsilon=0.1, tol=1e-6, max_iter=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return objective(theirs.fit(Z, y), Z, y)
