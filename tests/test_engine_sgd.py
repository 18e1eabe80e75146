"""Stochastic gradient descent: the updates of scikit-learn one by one, a slow twin, threads, and what may go wrong."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from reference import sgd as twin
from scipy import sparse
from sklearn.linear_model import SGDClassifier, SGDOneClassSVM, SGDRegressor
from threadpoolctl import threadpool_limits

from mlcraft._engine.sgd import SGD_LOSSES, SgdState, train_sgd

SIGNED = ("hinge", "perceptron", "squared_hinge", "modified_huber")
PENALTIES = (None, "l2", "l1", "elasticnet")
SCHEDULES = {"constant": 0.02, "optimal": 0.01, "invscaling": 0.05, "adaptive": 0.03}
LARGEST_SEED = np.iinfo(np.int32).max


def data(n=160, p=11, *, kind="dense", dtype=np.float64, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.3, 1.5, p)
    if kind == "sparse":
        X *= rng.random((n, p)) < 0.4
    signal = X @ rng.standard_normal((p, classes)) + 0.7 * rng.standard_normal((n, classes))
    codes = np.argmax(signal, axis=1)
    X = (X / (3 * np.sqrt(p))).astype(dtype)  # rows so short that no step overshoots, which would magnify rounding
    return (sparse.csr_array(X) if kind == "sparse" else X), codes, signal[:, 0].astype(dtype)


def state_of(p, *, problems=None, dtype=np.float64, average=False):
    shape = (p,) if problems is None else (problems, p)
    k = problems or 1
    return SgdState(np.zeros(shape, dtype), np.zeros(k), np.zeros(shape, dtype) if average else None, np.zeros(k))


def target_of(loss, codes, values):
    if loss == "log_loss":
        return codes.astype(values.dtype)
    return np.where(codes == 1, 1, -1).astype(values.dtype) if loss in SIGNED else values


def seed_of(random_state, regressor):
    """The seed that scikit-learn's estimators draw for their shuffles."""
    rng = np.random.RandomState(random_state)
    if not regressor:
        rng.randint(1, LARGEST_SEED)
    return rng.randint(LARGEST_SEED)


def sklearn_fit(X, codes, values, loss, *, random_state=3, sample_weight=None, **params):
    regressor = loss not in SIGNED and loss != "log_loss"
    params["average"] = params.get("average", 0) or False
    model = (SGDRegressor if regressor else SGDClassifier)(loss=loss, epsilon=0.2, random_state=random_state, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, values if regressor else codes, sample_weight=sample_weight)
    return model


def our_fit(X, codes, values, loss, *, random_state=3, train=train_sgd, **params):
    regressor = loss not in SIGNED and loss != "log_loss"
    state = state_of(X.shape[1], dtype=X.dtype, average=params.get("average", 0) > 0)
    parameter = 0.2 if regressor else 0.0
    seed = seed_of(random_state, regressor)
    run = train(X, target_of(loss, codes, values), state, loss=loss, parameter=parameter, seed=seed, **params)
    return state, run


def assert_same(state, model, n_iter, rtol=1e-9, average=False):
    coef = state.average_coef if average else state.coef
    intercept = state.average_intercept if average else state.intercept
    expected = np.append(model.coef_, model.intercept_)
    np.testing.assert_allclose(np.append(coef, intercept), expected, rtol=0, atol=rtol * np.abs(expected).max())
    assert n_iter == model.n_iter_


@pytest.mark.parametrize("loss", SGD_LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_agrees_with_scikit_learn(loss, penalty):
    for kind in ("dense", "sparse"):
        X, codes, values = data(kind=kind)
        for schedule, eta0 in SCHEDULES.items():
            for average in (0, 1, 90) if schedule in ("optimal", "invscaling") else (0,):
                params = {
                    "penalty": penalty,
                    "alpha": 3e-3,
                    "l1_ratio": 0.3,
                    "learning_rate": schedule,
                    "eta0": eta0,
                    "power_t": 0.3,
                    "max_iter": 12,
                    "average": average,
                    # the first steps of "optimal" overshoot with it, where the loss is a square
                    "fit_intercept": schedule != "optimal" or loss in ("hinge", "perceptron", "log_loss", "huber"),
                }
                state, run = our_fit(X, codes, values, loss, **params)
                model = sklearn_fit(X, codes, values, loss, **params)
                assert_same(state, model, run.n_iter, average=average > 0)


@pytest.mark.parametrize("power", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_weights_powers_and_no_intercept(power, kind):
    X, codes, _values = data(kind=kind)
    weight = np.random.default_rng(1).uniform(0, 3, len(codes))
    params = {"learning_rate": "invscaling", "eta0": 0.1, "power_t": power, "fit_intercept": False, "penalty": "l2"}
    model = SGDClassifier(loss="log_loss", class_weight={0: 0.5, 1: 2.5}, random_state=5, **params)
    model.fit(X, codes, sample_weight=weight)
    state = state_of(X.shape[1])
    seed = seed_of(5, regressor=False)
    run = train_sgd(
        X, codes.astype(float), state, loss="log_loss", sample_weight=weight, weight_pos=2.5, weight_neg=0.5, seed=seed,
        **params,
    )  # fmt: skip
    assert_same(state, model, run.n_iter)


@pytest.mark.parametrize("schedule", ["pa1", "pa2"])
@pytest.mark.parametrize("loss", ["hinge", "epsilon_insensitive"])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_passive_aggressive(schedule, loss, kind):
    X, codes, values = data(kind=kind, p=4)  # some sparse rows are empty
    X = X * 10
    params = {"penalty": None, "learning_rate": schedule, "eta0": 0.4, "max_iter": 15, "average": 3}
    state, run = our_fit(X, codes, values, loss, **params)
    assert_same(state, sklearn_fit(X, codes, values, loss, **params), run.n_iter, average=True)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_one_class(kind):
    X, _, _ = data(kind=kind)
    model = SGDOneClassSVM(nu=0.3, random_state=2, average=5).fit(X)
    state = state_of(X.shape[1], average=True)
    state.intercept[:] = 1.0
    seed = np.random.RandomState(2).randint(LARGEST_SEED)
    ones = np.ones(X.shape[0])
    run = train_sgd(X, ones, state, loss="hinge", penalty="l2", alpha=0.3, one_class=True, seed=seed, average=5)
    assert run.n_iter == model.n_iter_
    found = np.append(state.average_coef, 1 - state.average_intercept)
    np.testing.assert_allclose(found, np.append(model.coef_, model.offset_), rtol=1e-9)


@pytest.mark.parametrize("order", ["C", "F", "strided", "reversed", "tail"])
@pytest.mark.parametrize("p", [1, 7, 8, 33, 700])
def test_storage_does_not_matter(order, p):
    X, _codes, values = data(40, p)
    base = state_of(p)
    run = train_sgd(X, values, base, loss="squared_error", penalty="elasticnet", eta0=1e-3, seed=4, max_iter=6)
    views = {
        "C": X,
        "F": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "reversed": X[::-1].copy()[::-1],
        "tail": np.pad(X, ((3, 0), (5, 0)))[3:, 5:],
    }
    state = state_of(p)
    again = train_sgd(
        views[order], values, state, loss="squared_error", penalty="elasticnet", eta0=1e-3, seed=4, max_iter=6
    )
    np.testing.assert_array_equal(state.coef, base.coef)
    assert again == run


def test_long_indices():
    X, codes, values = data(kind="sparse")
    long = X.copy()
    long.indices, long.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    results = [our_fit(matrix, codes, values, "log_loss", penalty="l1")[0].coef for matrix in (X, long)]
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_single_precision_stays_close(kind, penalty):
    X, codes, values = data(400, 20, kind=kind, dtype=np.float32)
    params = {"penalty": penalty, "alpha": 1e-3, "max_iter": 10, "tol": None, "average": 1}
    single, _ = our_fit(X, codes, values, "log_loss", **params)
    double, _ = our_fit(X.astype(np.float64), codes, values.astype(np.float64), "log_loss", **params)
    assert single.coef.dtype == single.average_coef.dtype == np.float32
    for name in ("coef", "average_coef"):
        found, expected = getattr(single, name), getattr(double, name)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_lazy_scale_is_taken_over():
    """Steps so large that the scale falls below its limit, or to zero at once."""
    for alpha in (0.9, 30.0):
        X, codes, values = data()
        params = {"penalty": "l2", "alpha": alpha, "learning_rate": "constant", "eta0": 0.05, "average": 1}
        state, run = our_fit(X, codes, values, "log_loss", max_iter=8, **params)
        model = sklearn_fit(X, codes, values, "log_loss", max_iter=8, **params)
        assert_same(state, model, run.n_iter, average=True)


@pytest.mark.parametrize("loss", ["log_loss", "hinge", "squared_error"])
def test_early_stopping_is_that_of_the_twin(loss):
    X, codes, values = data(n=200)
    mask = np.random.default_rng(1).random(len(codes)) < 0.25
    y = target_of(loss, codes, values)
    runs, states, seen = [], [], []

    def score(stored, intercept, scale):
        seen.append(scale)
        eta = X[mask] @ stored + intercept
        return -np.mean((eta - y[mask]) ** 2) if loss == "squared_error" else np.mean((eta > 0) == (y[mask] > 0))

    for train in (train_sgd, twin.train_sgd):
        state = state_of(X.shape[1])
        run = train(
            X, y, state, loss=loss, penalty="l2", alpha=1e-3, learning_rate="adaptive", eta0=0.05, seed=9,
            validation_mask=mask, validation_score=score, early_stopping=True, n_iter_no_change=3,
        )  # fmt: skip
        runs.append(run.n_iters if train is train_sgd else run[0])
        states.append(state)
    assert runs[0] == runs[1]
    assert 0 < min(seen) < 1
    np.testing.assert_allclose(states[0].coef, states[1].coef, rtol=1e-9)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("follow", [False, True])
def test_classes_in_threads(kind, follow):
    X, codes, _ = data(n=4000, p=6, classes=5, kind=kind)  # enough for threads
    seeds = np.random.RandomState(0).randint(LARGEST_SEED, size=5)
    params = {"loss": "log_loss", "penalty": "elasticnet", "alpha": 1e-3, "max_iter": 4}
    found = []
    for threads in (1, 2, 3):
        state = state_of(X.shape[1], problems=5)
        with threadpool_limits(threads, "openmp"):
            run = train_sgd(
                X, codes.astype(float), state, seed=seeds, weight_pos=[1, 2, 3, 4, 5], **params,
                epoch_callback=(lambda report: False) if follow else None,
            )  # fmt: skip
        found.append((state.coef.tobytes(), state.intercept.tobytes(), run.n_iters))
    assert found[0] == found[1] == found[2]
    for k in range(5):
        state = state_of(X.shape[1])
        one = train_sgd(X, (codes == k).astype(float), state, seed=seeds[k], weight_pos=k + 1, **params)
        assert found[0][2][k] == one.n_iter
        np.testing.assert_array_equal(np.frombuffer(found[0][0]).reshape(5, -1)[k], state.coef)


def test_reports_of_epochs():
    X, codes, values = data()
    ours, theirs = [], []
    for train, reports in ((train_sgd, ours), (twin.train_sgd, theirs)):
        state = state_of(X.shape[1], average=True)
        train(
            X, target_of("hinge", codes, values), state, loss="hinge", penalty="elasticnet", alpha=0.01, average=50,
            seed=1, epoch_callback=reports.append, max_iter=7, tol=-np.inf,
        )  # fmt: skip
    assert [report.epoch for report in ours] == list(range(1, 8))
    for one, other in zip(ours, theirs, strict=True):
        for name in ("coef", "intercept", "average_coef", "average_intercept", "loss", "objective", "updates"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, err_msg=name)
        assert np.isnan(one.score).all()
    assert ours[-1].seconds >= ours[0].seconds > 0
    np.testing.assert_array_equal(ours[-1].coef, state_after(X, codes, values))


def state_after(X, codes, values):
    state = state_of(X.shape[1], average=True)
    train_sgd(
        X, target_of("hinge", codes, values), state, loss="hinge", penalty="elasticnet", alpha=0.01, average=50, seed=1,
        max_iter=7, tol=None,
    )  # fmt: skip
    return state.coef


def test_callback_ends_the_training_and_may_fail():
    X, codes, _values = data(classes=3)
    state = state_of(X.shape[1], problems=3)
    run = train_sgd(
        X, codes.astype(float), state, loss="hinge", epoch_callback=lambda report: report.epoch == 2, copies=False
    )
    assert (run.status, run.n_iter) == ("interrupted", 2)
    assert np.abs(state.coef).sum() > 0

    def fail(report):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        train_sgd(X, codes.astype(float), state, loss="hinge", epoch_callback=fail)
    with pytest.raises(KeyError, match="mine"):
        train_sgd(
            X, codes.astype(float), state, loss="hinge", early_stopping=True,
            validation_score=[lambda *given: fail(given)] * 3,
        )  # fmt: skip


def test_partial_fits_go_on():
    X, codes, _values = data()
    y, seed = codes.astype(float), seed_of(0, regressor=False)
    model, state = SGDClassifier(loss="log_loss", random_state=0), state_of(X.shape[1])
    for _ in range(3):
        model.partial_fit(X, codes, classes=[0, 1])
        train_sgd(X, y, state, loss="log_loss", penalty="l2", max_iter=1, seed=seed)
    assert state.t == model.t_
    assert_same(state, model, model.n_iter_)
    # in one order, epochs one by one are epochs together
    params = {"loss": "log_loss", "penalty": "l2", "average": 200, "shuffle": False, "tol": None}
    parts, whole = state_of(X.shape[1], average=True), state_of(X.shape[1], average=True)
    for _ in range(3):
        train_sgd(X, y, parts, max_iter=1, **params)
    train_sgd(X, y, whole, max_iter=3, **params)
    for name in ("coef", "intercept", "average_coef", "average_intercept", "t"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-11, err_msg=name)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("penalty", ["l2", "elasticnet"])
def test_mini_batches(kind, penalty):
    X, codes, _ = data(n=1500, p=30, kind=kind)
    y, found = codes.astype(float), []
    params = {
        "loss": "log_loss",
        "penalty": penalty,
        "alpha": 1e-3,
        "learning_rate": "constant",
        "eta0": 0.3,
        "seed": 8,
    }
    for threads in (1, 2, 4):
        state = state_of(30, average=True)
        with threadpool_limits(threads, "openmp"):
            run = train_sgd(X, y, state, batch_size=400, max_iter=4, tol=None, average=1, **params)
        found.append((state.coef.tobytes(), state.average_coef.tobytes(), state.intercept.tobytes()))
        assert (state.t, run.n_iter) == (17.0, 4)
    assert found[0] == found[1] == found[2]
    # the same written out; L1 falls due on the columns that a batch touches, here all
    rows, coef, intercept, decay = np.asarray(X if kind == "dense" else X.toarray()), np.zeros(30), 0.0, 1.0
    decay = 0.01 if kind == "sparse" else 1.0
    order, ratio = np.arange(1500), 0.0 if penalty == "l2" else 0.15
    average = np.zeros(30)
    steps = 0
    for _ in range(4):
        twin.mix(order, 8)
        for batch in np.split(order, [400, 800, 1200]):
            slope = 1 / (1 + np.exp(-(rows[batch] @ coef + intercept))) - y[batch]
            coef = coef * (1 - 0.3e-3 * (1 - ratio)) - 0.3 * rows[batch].T @ slope / len(batch)
            intercept -= 0.3 * slope.mean() * decay
            steps += 1
            average += (coef - average) / steps
            if ratio:
                coef = np.sign(coef) * np.maximum(np.abs(coef) - 0.3e-3 * ratio, 0)
    atol = 1e-12 if penalty == "l2" else 1e-3  # what L1 takes more than was due is given back later
    np.testing.assert_allclose(np.frombuffer(found[0][0]), coef, atol=atol)
    if penalty == "l2":
        np.testing.assert_allclose(np.frombuffer(found[0][1]), average, atol=1e-12)
    np.testing.assert_allclose(np.frombuffer(found[0][2]), intercept, atol=atol)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_more_coefficients_than_fit_into_the_cache(batch_size):
    X, codes, _ = data(n=60, p=40, kind="sparse")
    wide = sparse.csr_array((X.data, X.indices * 4_000, X.indptr), shape=(60, 160_000))
    found = []
    for matrix in (X, wide):
        state = state_of(matrix.shape[1])
        train_sgd(matrix, codes.astype(float), state, loss="log_loss", penalty="l2", max_iter=3, batch_size=batch_size)
        found.append(state.coef)
    np.testing.assert_array_equal(found[0], found[1][::4_000])
    assert np.count_nonzero(found[1]) == np.count_nonzero(found[0]) > 0


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_threads_share_a_batch(kind):
    X, codes, _ = data(n=20_000, p=120, kind=kind)  # enough for threads
    found = []
    for threads in (1, 2, 3):
        state = state_of(120)
        with threadpool_limits(threads, "openmp"):
            train_sgd(X, codes.astype(float), state, loss="log_loss", penalty="l2", batch_size=9_000, max_iter=1)
        found.append((state.coef.tobytes(), state.intercept.tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_overflow_is_told(kind):
    X, codes, values = data(kind=kind)
    with pytest.raises(ValueError, match=r"Floating-point under-/overflow occurred at epoch #\d+\. Scaling"):
        our_fit(X * 1e200, codes, values, "squared_error", learning_rate="constant", eta0=1e200)


def test_wrong_arguments():
    X, _codes, values = data()
    state = state_of(X.shape[1])
    for changes, message in (
        ({"loss": "absolute"}, "loss must be one of"),
        ({"penalty": "l3"}, "penalty must be one of"),
        ({"learning_rate": "fast"}, "learning_rate must be one of"),
        ({"average": 1}, "needs state.average_coef"),
        ({"learning_rate": "pa1", "batch_size": 2}, "batch_size=2"),
    ):
        with pytest.raises(ValueError, match=message):
            train_sgd(X, values, state, **{"loss": "squared_error"} | changes)
    with pytest.raises(ValueError, match="C-ordered, in the dtype of X"):
        train_sgd(X, values, state_of(3), loss="squared_error")
    with pytest.raises(ValueError, match="C-ordered, in the dtype of X"):
        train_sgd(X, values, state_of(X.shape[1], dtype=np.float32), loss="squared_error")
