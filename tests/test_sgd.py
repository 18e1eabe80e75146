"""The estimators trained row by row: scikit-learn's numbers, laws of weights, and what a training tells."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as theirs
from reference import sgd as twin
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import parse_version

import mlcraft.linear_model as ours
from mlcraft._engine.sgd import SGD_LOSSES, SgdState, train_sgd
from mlcraft._engine.sgd_losses import TARGETS, mean_loss
from mlcraft.model_file import ModelFileError, load_model, save_model

NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
as_in_19 = pytest.mark.skipif(not NEWEST, reason="the steps are those of scikit-learn 1.9")
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:.*PassiveAggressive:FutureWarning"
)

N = 90
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 5))
X[RNG.random((N, 5)) < 0.3] = 0
TWO = np.where(X[:, 0] + 0.5 * RNG.standard_normal(N) > 0, "yes", "no")
THREE = np.digitize(X[:, 0] + 0.3 * RNG.standard_normal(N), [-0.5, 0.5]) * 10
VALUES = X[:, 0] - X[:, 1] + 0.2 * RNG.standard_normal(N)
WEIGHT = RNG.uniform(0.3, 2, N)
MODELS = {
    name: getattr(ours, name)
    for name in (
        "SGDClassifier",
        "SGDRegressor",
        "SGDOneClassSVM",
        "Perceptron",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
    )
}
CLASSIFIERS = ("SGDClassifier", "Perceptron", "PassiveAggressiveClassifier")
CALM = {"alpha": 0.05, "learning_rate": "invscaling", "eta0": 0.05}  # steps that do not blow rounding up


def target_of(name):
    return TWO if name in CLASSIFIERS else VALUES


def assert_same(model, reference, tol=1e-9):
    assert model.n_iter_ == reference.n_iter_
    assert model.t_ == reference.t_
    for name in ("coef_", "intercept_", "offset_"):
        if hasattr(reference, name):
            found, expected = getattr(model, name), getattr(reference, name)
            assert found.shape == expected.shape, name
            np.testing.assert_allclose(found, expected, rtol=tol, atol=tol, err_msg=name)


# ---------------------------------------------------------------- the same numbers as scikit-learn

SAME = [
    *(("SGDClassifier", CALM | {"loss": loss}) for loss in SGD_LOSSES),
    *(("SGDClassifier", CALM | {"penalty": penalty}) for penalty in (None, "l1", "elasticnet")),
    ("SGDClassifier", {"alpha": 0.05}),
    ("SGDClassifier", CALM | {"average": True, "loss": "log_loss"}),
    ("SGDClassifier", CALM | {"average": 20, "penalty": "l1", "loss": "log_loss"}),
    ("SGDClassifier", CALM | {"average": 10_000}),
    ("SGDClassifier", CALM | {"early_stopping": True, "n_iter_no_change": 2}),
    ("SGDClassifier", CALM | {"early_stopping": True, "loss": "log_loss", "n_iter_no_change": 2}),
    ("SGDClassifier", CALM | {"class_weight": "balanced", "learning_rate": "adaptive"}),
    ("SGDClassifier", CALM | {"shuffle": False, "fit_intercept": False, "tol": None}),
    ("SGDClassifier", {"learning_rate": "pa1", "penalty": None, "eta0": 0.1}),
    ("SGDClassifier", {"learning_rate": "pa2", "penalty": None, "eta0": 0.1}),
    ("Perceptron", {}),
    ("Perceptron", {"penalty": "l2", "alpha": 0.01, "early_stopping": True}),
    ("PassiveAggressiveClassifier", {"C": 0.1}),
    ("PassiveAggressiveClassifier", {"loss": "squared_hinge", "C": 0.1, "average": True}),
    *(("SGDRegressor", {"loss": loss}) for loss in theirs.SGDRegressor.loss_functions),
    ("SGDRegressor", {"penalty": "elasticnet", "alpha": 0.01, "average": 30}),
    ("SGDRegressor", {"average": 6 * N, "tol": None}),  # from the last update on
    ("SGDRegressor", {"average": 6 * N + 1, "tol": None}),
    ("SGDRegressor", {"early_stopping": True, "learning_rate": "adaptive", "n_iter_no_change": 2}),
    ("SGDRegressor", {"learning_rate": "pa2", "loss": "epsilon_insensitive", "penalty": None, "eta0": 0.1}),
    ("PassiveAggressiveRegressor", {"C": 0.1}),
    ("PassiveAggressiveRegressor", {"loss": "squared_epsilon_insensitive", "average": True}),
    ("SGDOneClassSVM", {}),
    ("SGDOneClassSVM", {"nu": 0.1, "average": 100, "learning_rate": "constant"}),
]


@as_in_19
@pytest.mark.parametrize("storage", ["dense", "sparse"])
@pytest.mark.parametrize(("name", "settings"), SAME, ids=[f"{name}-{n}" for n, (name, _) in enumerate(SAME)])
def test_steps_are_those_of_scikit_learn(name, settings, storage):
    stored = sparse.csr_array(X) if storage == "sparse" else np.asfortranarray(X)
    data = {} if name.startswith("Passive") else {"sample_weight": WEIGHT}
    for y in (TWO, THREE) if name in CLASSIFIERS else (VALUES,):
        model, reference = (
            getattr(room, name)(**settings, max_iter=6, random_state=np.random.RandomState(3))
            for room in (ours, theirs)
        )
        assert_same(model.fit(stored, y, **data), reference.fit(stored, y, **data))
        if name in CLASSIFIERS:
            np.testing.assert_array_equal(model.predict(stored), reference.predict(stored))
        else:
            np.testing.assert_allclose(model.predict(stored), reference.predict(stored), atol=1e-9)
        if hasattr(reference, "predict_proba"):
            np.testing.assert_allclose(model.predict_proba(stored), reference.predict_proba(stored), atol=1e-9)
        if settings.get("average") or settings.get("early_stopping") or "class_weight" in settings:
            continue
        assert_same(model.partial_fit(stored[:40], y[:40]), reference.partial_fit(stored[:40], y[:40]))


CALM_ON_ADULTS = [
    {"alpha": 0.01},
    {"learning_rate": "constant", "eta0": 0.05, "average": True},
    {"learning_rate": "invscaling", "eta0": 0.05, "penalty": "l1", "average": 10_000},
]


@as_in_19
@pytest.mark.parametrize("settings", CALM_ON_ADULTS, ids=lambda settings: "-".join(settings))
def test_real_rows_give_the_coefficients_of_scikit_learn(shared, monkeypatch, settings):
    pytest.importorskip("pyarrow")
    monkeypatch.syspath_prepend(str(shared("data")))
    rows, y, _ = importlib.import_module("load").load_sparse("a9a")
    settings = settings | {"loss": "log_loss", "max_iter": 3, "tol": None, "random_state": 0}
    model = ours.SGDClassifier(**settings).fit(rows, y)
    assert_same(model, theirs.SGDClassifier(**settings).fit(rows, y), tol=1e-10)
    assert model.score(rows, y) > 0.83


@as_in_19
@pytest.mark.parametrize("name", ["SGDRegressor", "SGDOneClassSVM"])
def test_average_goes_on_in_partial_fit(name):
    models = [getattr(room, name)(average=50, random_state=0) for room in (ours, theirs)]
    for start in range(0, N, 30):
        rows = slice(start, start + 30)
        assert_same(*(model.partial_fit(X[rows], VALUES[rows]) for model in models))


def test_average_of_a_classifier_goes_on_in_partial_fit():
    """scikit-learn forgets the intercept between the calls; two calls without a shuffle are one."""
    settings = CALM | {"average": True, "shuffle": False}
    whole = ours.SGDClassifier(**settings).partial_fit(X, TWO, classes=["no", "yes"])
    parts = ours.SGDClassifier(**settings)
    for rows in (slice(0, 40), slice(40, N)):
        parts.partial_fit(X[rows], TWO[rows], classes=["no", "yes"])
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-10)
    np.testing.assert_allclose(parts.intercept_, whole.intercept_, rtol=1e-10)


@as_in_19
@pytest.mark.parametrize("name", MODELS)
def test_float32_stays_float32(name):
    settings = {"random_state": 0, "max_iter": 3} | (CALM if name == "SGDClassifier" else {})
    model = MODELS[name](**settings).fit(X.astype(np.float32), target_of(name))
    reference = getattr(theirs, name)(**settings).fit(X.astype(np.float32), target_of(name))
    assert model.coef_.dtype == np.float32
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("penalty", [None, "l2", "l1", "elasticnet"])
@pytest.mark.parametrize("loss", SGD_LOSSES)
def test_engine_is_its_slow_twin(loss, penalty):
    low, high = TARGETS.get(loss, (-1.0, 1.0))
    y = np.where(VALUES > 0, high, low) if loss in ("hinge", "perceptron", "squared_hinge", "log_loss") else VALUES
    if loss == "modified_huber":
        y = np.sign(VALUES)
    settings = {
        "loss": loss,
        "penalty": penalty,
        "parameter": 0.1,
        "alpha": 0.02,
        "learning_rate": "invscaling",
        "eta0": 0.05,
        "average": 40,
        "max_iter": 4,
        "seed": 7,
        "sample_weight": WEIGHT,
        "weight_pos": 1.5,
    }
    states = [SgdState(np.zeros(5), np.zeros(1), np.zeros(5), np.zeros(1)) for _ in range(2)]
    reports = []
    train_sgd(X, y, states[0], epoch_callback=lambda report: reports.append(report), **settings)
    twin.train_sgd(X, y, states[1], **settings)
    for name in ("coef", "intercept", "average_coef", "average_intercept"):
        np.testing.assert_allclose(getattr(states[0], name), getattr(states[1], name), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(getattr(reports[-1], name), getattr(states[1], name), rtol=1e-9, atol=1e-12)
    value = twin.LOSSES[loss][0]
    expected = np.average([value(a, b, 0.1) for a, b in zip(y, VALUES, strict=True)], weights=WEIGHT)
    assert mean_loss(loss, y, VALUES, 0.1, WEIGHT) == pytest.approx(expected, rel=1e-12)


# ---------------------------------------------------------------- laws

SETTINGS = [{}, {"average": True}, {"early_stopping": True}, {"class_weight": "balanced"}]


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("Passive")])
def test_weight_zero_is_a_missing_row(name, settings, storage):
    kind = MODELS[name]
    if not set(settings) <= set(kind().get_params()):
        pytest.skip(f"{name} has no {next(iter(settings))}")
    weight = WEIGHT.copy()
    weight[::3] = 0
    kept = weight > 0
    stored, y = storage(X), THREE if name in CLASSIFIERS else VALUES
    model = kind(**settings, random_state=0, max_iter=5).fit(stored, y, sample_weight=weight)
    fewer = kind(**settings, random_state=0, max_iter=5).fit(stored[kept], y[kept], sample_weight=weight[kept])
    assert_same(model, fewer, tol=0)


@pytest.mark.parametrize("name", MODELS)
def test_data_are_neither_changed_nor_copied_beforehand(name):
    frozen = X.copy()
    frozen.flags.writeable = False
    init = np.ones((1, 5)) if name in CLASSIFIERS else np.ones(5)
    model = MODELS[name](random_state=0).fit(frozen, target_of(name), coef_init=init)
    assert (init == 1).all()
    seen, before = model.coef_, model.coef_.copy()
    model.partial_fit(frozen, target_of(name))
    assert (seen == before).all() or name == "SGDOneClassSVM"  # whose array stays the same in scikit-learn


@pytest.mark.parametrize("name", MODELS)
def test_pickled_model_goes_on_the_same(name):
    model = MODELS[name](random_state=0).fit(X, target_of(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        copy = pickle.loads(pickle.dumps(model))
    for one in (copy, model):
        one.partial_fit(X, target_of(name))
    np.testing.assert_array_equal(copy.coef_, model.coef_)


@pytest.mark.parametrize("name", MODELS)
def test_entries_twice_and_out_of_order_are_summed(name):
    rows, columns = np.nonzero(X)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(len(rows)), 2))
    order = order[np.argsort(rows[order], kind="stable")]
    counts = np.bincount(rows[order], minlength=N)
    halves = (X[rows, columns][order] / 2, columns[order], np.append(0, np.cumsum(counts)))
    torn = sparse.csr_array(halves, shape=X.shape)
    settings = {"random_state": 0, "max_iter": 3} | (CALM if name in ("SGDClassifier", "SGDRegressor") else {})
    model = MODELS[name](**settings).fit(torn, target_of(name))
    assert not torn.has_canonical_format
    whole = MODELS[name](**settings).fit(sparse.csr_array(X), target_of(name))
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-9, atol=1e-12)
    score = "predict" if name.endswith("Regressor") else "decision_function"
    np.testing.assert_allclose(getattr(model, score)(torn), getattr(whole, score)(X), rtol=1e-9, atol=1e-12)


def test_sparse_coefficients_predict_the_same():
    for name, kind in MODELS.items():
        model = kind(random_state=0, max_iter=5).fit(X, target_of(name))
        expected = model.predict(X)
        np.testing.assert_array_equal(model.sparsify().predict(X), expected)
        np.testing.assert_array_equal(model.densify().predict(X), expected)


# ---------------------------------------------------------------- errors and warnings

ERRORS = [
    ("SGDClassifier", {"alpha": 0}, "alpha must be > 0 since learning_rate is 'optimal'"),
    ("SGDClassifier", {"learning_rate": "pa1", "loss": "log_loss"}, "only works with loss 'hinge'"),
    ("SGDRegressor", {"learning_rate": "pa2"}, "only works with loss 'epsilon_insensitive'"),
    ("SGDClassifier", {"penalty": "elasticnet", "l1_ratio": None}, "l1_ratio must be set"),
    ("SGDRegressor", {"eta0": 0}, "'eta0' parameter"),
    ("SGDOneClassSVM", {"nu": 0}, "'nu' parameter"),
    ("Perceptron", {"max_iter": 0}, "'max_iter' parameter"),
    (
        "SGDClassifier",
        {"eta0": 1e300, "learning_rate": "constant", "loss": "squared_error"},
        "overflow occurred at epoch #1",
    ),
    ("SGDClassifier", {"early_stopping": True, "validation_fraction": 0.999}, "train_size"),
]


@pytest.mark.parametrize(("name", "settings", "words"), ERRORS)
def test_error_of_a_fit(name, settings, words):
    model = MODELS[name](**settings)
    with pytest.raises(ValueError, match=words):
        model.fit(X, target_of(name))
    assert not hasattr(model, "coef_")


def test_errors_of_partial_fits():
    with pytest.raises(ValueError, match="early_stopping should be False"):
        ours.SGDRegressor(early_stopping=True).partial_fit(X, VALUES)
    with pytest.raises(ValueError, match="class_weight 'balanced' is not supported"):
        ours.SGDClassifier(class_weight="balanced").partial_fit(X, TWO, classes=["no", "yes"])
    with pytest.raises(ValueError, match="classes must be passed"):
        ours.SGDClassifier().partial_fit(X, TWO)
    model = ours.SGDClassifier().partial_fit(X, TWO, classes=["no", "yes"])
    with pytest.raises(ValueError, match="classes should include all valid labels"):
        model.partial_fit(X, np.where(TWO == "no", "never", "yes"))
    with pytest.raises(ValueError, match="expecting 5 features"):
        model.partial_fit(X[:, :3], TWO)


def test_failed_training_leaves_the_model_as_it_was():
    model = ours.SGDRegressor(random_state=0).fit(X, VALUES)
    before = model.coef_.copy(), model.t_
    with pytest.raises(ValueError, match="overflow"):
        model.partial_fit(X * 1e307, VALUES)
    np.testing.assert_array_equal(model.coef_, before[0])
    assert model.t_ == before[1]
    with pytest.raises(ValueError, match="does not match dataset"):
        model.fit(X[:, :2], VALUES, coef_init=np.zeros(5))
    assert model.n_features_in_ == 5


def test_warnings_of_fits():
    with pytest.warns(ConvergenceWarning, match="Maximum number of iteration reached"):
        ours.SGDRegressor(max_iter=1).fit(X, VALUES)
    with pytest.warns(FutureWarning, match="Negative values for `power_t`"):
        ours.SGDRegressor(power_t=-0.1).fit(X, VALUES)
    with pytest.warns(FutureWarning, match="Use `SGDClassifier"):
        ours.PassiveAggressiveClassifier()
    with pytest.warns(FutureWarning, match="Use `SGDRegressor"):
        ours.PassiveAggressiveRegressor()


def test_aggressiveness_can_be_set_later():
    """scikit-learn 1.9 goes on with the C of the constructor, and so a search over C finds nothing."""
    early = ours.PassiveAggressiveClassifier(C=1e-3, random_state=0).fit(X, TWO)
    late = ours.PassiveAggressiveClassifier(random_state=0).set_params(C=1e-3).fit(X, TWO)
    np.testing.assert_array_equal(early.coef_, late.coef_)


def test_probabilities_exist_for_two_losses():
    assert not hasattr(ours.SGDClassifier(), "predict_proba")
    with pytest.raises(AttributeError, match="has no attribute 'predict_log_proba'"):
        ours.SGDClassifier(loss="huber").predict_log_proba(X)
    for y in (TWO, THREE):
        model = ours.SGDClassifier(loss="modified_huber", alpha=0.1, random_state=0).fit(X, y)
        far = model.predict_proba(-1e6 * X)
        np.testing.assert_allclose(far.sum(axis=1), 1)


# ---------------------------------------------------------------- what a training tells


@pytest.mark.parametrize("name", MODELS)
def test_callback_hears_of_every_epoch(name):
    heard = []
    model = MODELS[name](random_state=0, max_iter=4, tol=None, average=2) if name != "Perceptron" else MODELS[name]()
    model.fit(X, target_of(name), callback=lambda *report: heard.append(report))
    epochs, coefs, train, valid, seconds = zip(*heard, strict=True)
    assert epochs == tuple(range(1, model.n_iter_ + 1))
    np.testing.assert_allclose(coefs[-1], model.coef_, rtol=1e-12)
    assert coefs[0].shape == model.coef_.shape
    assert np.isnan(valid).all()
    assert np.all(np.diff(seconds) >= 0)
    np.testing.assert_array_equal(model.trace_.train_loss, train)
    assert len(model.trace_) == model.n_iter_
    assert model.trace_.to_frame().shape == (model.n_iter_, 4)


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_telling_changes_nothing(y, capsys):
    quiet = ours.SGDClassifier(random_state=0).fit(X, y)
    told = ours.SGDClassifier(random_state=0, verbose=1)
    told.fit(X, y, callback=lambda *_: None, validation=(X, y), progress=True)
    np.testing.assert_array_equal(told.coef_, quiet.coef_)
    printed = capsys.readouterr().out
    assert f"-- Epoch {told.n_iter_}\n" in printed
    assert "Convergence after" in printed
    assert np.isfinite(told.trace_.valid_loss).all()
    assert clone(told).get_params() == quiet.get_params() | {"verbose": 1}


def test_callback_ends_the_training():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an end that was asked for is no lack of convergence
        model = ours.SGDRegressor(max_iter=3, random_state=0).fit(X, VALUES, callback=lambda epoch, *_: epoch == 3)
    assert model.n_iter_ == 3


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_error_of_a_callback_comes_out(error, y):
    def fail(epoch, *_):
        if epoch == 2:
            raise error

    model = ours.SGDClassifier(random_state=0)
    with pytest.raises(error):
        model.fit(X, y, callback=fail)
    assert not hasattr(model, "classes_")
    before = vars(model.fit(X, y)).copy()
    with pytest.raises(error):
        model.fit(X[:, :3], y, callback=fail)
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())


def test_keywords_of_fit_are_no_metadata():
    for name, kind in MODELS.items():
        requests = {"coef_init", "offset_init" if name == "SGDOneClassSVM" else "intercept_init"}
        requests |= set() if name.startswith("Passive") else {"sample_weight"}
        assert set(kind().get_metadata_routing().fit.requests) == requests
        assert set(inspect.signature(kind.set_fit_request).parameters) == {"self", *requests}

    class Own(ours.SGDClassifier):
        def fit(self, X, y, shape=None):
            return super().fit(X, y)

    assert set(Own().get_metadata_routing().fit.requests) == {"shape"}


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_validation_loss_is_that_of_the_held_out_rows(y, loss):
    model = ours.SGDClassifier(loss=loss, random_state=0, alpha=0.01, max_iter=3, tol=None)
    model.fit(X[:60], y[:60], validation=(X[60:], y[60:], WEIGHT[60:]))
    scores = np.reshape(model.decision_function(X[60:]), (30, -1))
    classes = model.classes_[1:] if scores.shape[1] == 1 else model.classes_
    margins = scores * np.where(y[60:, np.newaxis] == classes, 1, -1)
    losses = np.logaddexp(0, -margins) if loss == "log_loss" else np.maximum(0, 1 - margins)
    assert model.trace_.valid_loss[-1] == pytest.approx(np.average(losses.mean(axis=1), weights=WEIGHT[60:]))


@pytest.mark.parametrize(
    ("name", "loss", "eta0"), [("SGDClassifier", "log_loss", 0.1), ("SGDRegressor", "squared_error", 0.01)]
)
def test_rows_of_the_user_decide_when_to_stop(name, loss, eta0):
    y, rest, best, idle = target_of(name), slice(60, None), -np.inf, 0
    settings = {"loss": loss, "random_state": 0, "alpha": 0.3, "learning_rate": "constant", "eta0": eta0}
    model = MODELS[name](early_stopping=True, n_iter_no_change=2, tol=0.02, **settings)
    model.fit(X[:60], y[:60], validation=(X[rest], y[rest]))
    assert 2 < model.n_iter_ < 40
    for epochs in range(1, model.n_iter_ + 1):  # what a fit of so many epochs scores decides
        assert idle < 2
        again = MODELS[name](tol=None, max_iter=epochs, **settings).fit(X[:60], y[:60])
        score = again.score(X[rest], y[rest])
        idle, best = idle + 1 if score < best + 0.02 else 0, max(score, best)
    assert idle == 2
    np.testing.assert_array_equal(again.coef_, model.coef_)  # and no training row was held out


def test_validation_must_be_rows_and_targets():
    with pytest.raises(ValueError, match="validation must be"):
        ours.SGDRegressor().fit(X, VALUES, validation=X)
    with pytest.raises(ValueError, match="expecting 5 features"):
        ours.SGDRegressor().fit(X, VALUES, validation=(X[:, :2], VALUES))
    with pytest.raises(ValueError, match="classes should include"):
        ours.SGDClassifier().fit(X, TWO, validation=(X, THREE.astype(str)))


def test_training_is_drawn():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    model = ours.SGDRegressor(early_stopping=True, random_state=0).fit(X, VALUES)
    axes = model.plot_training(log=True)
    train, held_out, best = axes.get_lines()
    np.testing.assert_array_equal(train.get_ydata(), model.trace_.train_loss)
    np.testing.assert_array_equal(held_out.get_ydata(), model.trace_.valid_loss)
    assert best.get_ydata() == model.trace_.valid_loss.min()
    assert axes.get_yscale() == "log"
    matplotlib.pyplot.close(axes.figure)


def test_bar_appears_on_long_fits_only(monkeypatch):
    pytest.importorskip("rich")
    import mlcraft.linear_model._progress as progress

    clock = iter(np.arange(0.0, 100.0, 0.3))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    bar = progress.ProgressBar("Training", 5)
    bar.update(1)
    assert not bar._shown
    bar.update(2, "loss 1")
    assert bar._shown
    bar.close()
    assert not bar._shown


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", MODELS)
def test_loaded_model_goes_on_the_same(name, tmp_path):
    settings = {"random_state": 0, "max_iter": 5} | ({} if name == "Perceptron" else {"average": 3})
    model = MODELS[name](**settings).fit(X, target_of(name))
    save_model(tmp_path / "model.mlc", model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        again = load_model(tmp_path / "model.mlc")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.trace_.to_frame().equals(model.trace_.to_frame())
    for one in (again, model):
        one.partial_fit(X[::2], target_of(name)[::2])
    assert_same(again, model, tol=0)


@pytest.mark.parametrize("part", ["_average_coef", "_standard_intercept", "t_", "trace_"])
def test_file_of_a_model_that_makes_no_sense_is_refused(part, tmp_path):
    model = ours.SGDRegressor(average=True, random_state=0).fit(X, VALUES)
    if part == "trace_":
        model.trace_ = dataclasses.replace(model.trace_, seconds=np.ones(1000))
    else:
        setattr(model, part, "soon" if part == "t_" else np.ones(7))
    save_model(tmp_path / "model.mlc", model)
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "model.mlc")


# ---------------------------------------------------------------- mini-batches


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_one_batch_of_all_rows_is_gradient_descent(storage):
    settings = {"learning_rate": "constant", "eta0": 0.3, "alpha": 0.1, "tol": None, "max_iter": 20}
    heard = []
    model = ours.SGDRegressor(**settings).fit(
        storage(X), VALUES, sample_weight=WEIGHT, batch_size=N, callback=lambda *report: heard.append(report[1])
    )
    coef, intercept, decay = np.zeros(5), 0.0, 0.01 if storage is sparse.csr_array else 1.0
    for _ in range(20):
        slope = WEIGHT * (X @ coef + intercept - VALUES) / N
        coef, intercept = coef * (1 - 0.3 * 0.1) - 0.3 * (X.T @ slope), intercept - 0.3 * decay * slope.sum()
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-10)
    np.testing.assert_array_equal(heard[-1], model.coef_)
    assert model.t_ == 21


def test_batches_learn_classes_too():
    settings = {"loss": "log_loss", "alpha": 0.01, "learning_rate": "constant", "random_state": 0, "tol": None}
    whole = ours.SGDClassifier(**settings, eta0=0.05, max_iter=40).fit(X, THREE)
    batches = ours.SGDClassifier(**settings, eta0=0.5, max_iter=40, average=20).fit(X, THREE, batch_size=10)
    assert batches.score(X, THREE) > whole.score(X, THREE) - 0.03
    assert batches.t_ == 40 * 9 + 1


@pytest.mark.parametrize("size", [0, 2.0, True, None])
def test_batch_size_must_be_a_count(size):
    with pytest.raises(ValueError, match="batch_size must be a whole number of rows"):
        ours.SGDRegressor().fit(X, VALUES, batch_size=size)


def test_passive_aggressive_steps_are_for_one_row():
    model = ours.SGDClassifier(learning_rate="pa1", penalty=None)
    with pytest.raises(ValueError, match="is a step for one row"):
        model.fit(X, TWO, batch_size=2)


def test_numbers_beyond_any_count():
    X, y = np.random.default_rng(0).standard_normal((50, 3)), np.arange(50) % 2
    whole, more = (
        ours.SGDClassifier(random_state=0, max_iter=10**20, n_iter_no_change=3).fit(X, y, batch_size=size)
        for size in (50, 10**30)
    )
    np.testing.assert_array_equal(more.coef_, whole.coef_)
