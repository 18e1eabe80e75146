"""`solve` in use: labels, refusals, limits and stops, traces, pictures; whatever happens there is a best iterate."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference.optimality import Objective
from scipy import sparse
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

import mlcraft
from mlcraft import solve, solvers_for
from mlcraft._solve.table import LOSSES, PENALTIES, SOLVERS
from mlcraft.exceptions import SeparationWarning


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    X = random.standard_normal((200, 4))
    return X, X @ [1.0, -1.0, 0.5, 0.0] + random.logistic(size=200) > 0.2


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge", "modified_huber"])
@pytest.mark.parametrize(
    "labels", [["no", "yes"], [0, 1], [-1.0, 1.0], [False, True], [3, 7], np.array(["x", "y"], dtype=object)]
)
def test_any_two_labels_do(data, loss, labels):
    X, y = data
    expected = solve(X, y, loss=loss, alpha=0.1)
    found = solve(X, np.asarray(labels)[y.astype(int)], loss=loss, alpha=0.1)
    assert_array_equal(found.classes, labels)
    assert_array_equal(found.coef, expected.coef)
    predicted = np.asarray(labels)[(X @ found.coef + found.intercept > 0).astype(int)]
    assert np.mean(predicted == np.asarray(labels)[y.astype(int)]) > 0.7


def test_several_labels_are_for_multinomial(data):
    X, y = data
    three = np.where(X[:, 0] > 1, "c", np.where(y, "b", "a"))
    with pytest.raises(ValueError, match=r"'logistic' needs two classes in y, got 3: 'a', 'b', 'c'.*multinomial"):
        solve(X, three)
    with pytest.raises(ValueError, match="two classes in y, got only"):
        solve(X, np.ones(200))
    with pytest.raises(ValueError, match=r"[Cc]ontinuous"):
        solve(X, X[:, 0])
    found = solve(X, three, loss="multinomial", alpha=0.1)
    assert_array_equal(found.classes, ["a", "b", "c"])
    assert found.coef.shape == (3, 4)
    assert_allclose(found.intercept.sum(), 0, atol=1e-12)


def test_two_classes_of_multinomial_are_half_the_logistic(data):
    X, y = data
    two = solve(X, y, loss="multinomial", alpha=0.1)
    one = solve(X, y, alpha=0.05)
    assert_allclose(two.coef[1] - two.coef[0], one.coef, atol=1e-7)


def test_counts_are_not_negative(data):
    with pytest.raises(ValueError, match="not negative, got -1"):
        solve(data[0], -np.ones(200), loss="poisson")


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_does_not_go_together_is_refused_with_names(solver):
    """Before anything is looked at: X and y are not even arrays."""
    about = {"box": {"bounds": (0, 1)}, "group": {"groups": [0]}}
    for loss in LOSSES:
        for penalty in PENALTIES[:-1]:
            given = None if penalty == "none" else penalty
            allowed = solvers_for(loss, given)
            assert allowed, f"nothing minimises {loss} with {penalty}"
            if solver in allowed:
                continue
            with pytest.raises(ValueError, match="Solvers that would do") as caught:
                solve(None, None, loss=loss, penalty=given, solver=solver, alpha=1.0, **about.get(penalty, {}))
            assert all(repr(name) in str(caught.value) for name in allowed)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"penalty": "l1"}, "needs alpha"),
        ({"penalty": None, "alpha": 1.0}, "does nothing with penalty=None"),
        ({"penalty": "box"}, r"needs bounds=\(lower, upper\)"),
        ({"penalty": "box", "bounds": (1, 0)}, "lower 1.0 is not below upper 0.0 in column 0"),
        ({"penalty": "box", "bounds": (0, [1, 2])}, r"upper must be a number or have shape \(4,\)"),
        ({"penalty": "group", "alpha": 1.0}, "needs groups"),
        ({"penalty": "group", "alpha": 1.0, "groups": [0, 1]}, r"shape \(4,\)"),
        ({"loss": "quantile", "parameter": 1.0}, "between 0 and 1"),
        ({"loss": "huber", "parameter": 0.0}, "delta of loss='huber'"),
        ({"l1_ratio": 2.0}, "l1_ratio"),
        ({"solver": "newton", "momentum": 0.5}, "momentum is a setting of first-order solvers"),
        ({"solver": "gd", "step": -1.0}, "step"),
        ({"solver": "gd", "schedule": "optimal"}, "schedule"),
        ({"solver": "fista", "step_rule": "barzilai_borwein"}, "step_rule"),
        ({"loss": "multinomial", "offset": np.zeros(200)}, "offset"),
        ({"init": np.full(4, np.nan)}, "init"),
        ({"solver": "adam", "momentum": "a"}, "momentum must be a number"),
        ({"solver": "sgd", "batch_size": "a"}, "batch_size must be a number"),
        ({"solver": "sgd", "average": "a"}, "average must be True or False"),
        ({"solver": "sgd", "seed": 2**64}, r"seed must be below 2\*\*64"),
        ({"offset": 3.0}, "offset must be a one-dimensional array"),
    ],
)
def test_wrong_arguments_are_named(data, given, text):
    X, y = data
    y = X[:, 0] if given.get("loss") in ("quantile", "huber") else y
    with pytest.raises(ValueError, match=text):
        solve(X, y, **given)


ITERATIVE = [name for name in SOLVERS if name not in ("direct", "gram", "dual")]


@pytest.mark.parametrize("solver", ITERATIVE)
def test_a_callback_sees_the_run_and_ends_it(data, solver):
    X, y = data
    seen = []

    def stop(iteration, objective, certificate):
        seen.append((iteration, objective, certificate))
        return len(seen) == 2

    with pytest.warns(ConvergenceWarning, match=r"Stopped by the callback after \d+ iterations .* go on with init="):
        found = solve(X, y, alpha=0.01, solver=solver, callback=stop, tol=0.0, trace=True)
    assert found.status == "interrupted"
    assert len(seen) == 2
    assert_allclose(found.objective, min(row[1] for row in seen), rtol=1e-9)
    assert_allclose(found.trace["objective"][:2], [row[1] for row in seen])


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "sgd"])
def test_a_time_limit_ends_the_run(solver):
    X = np.vander(np.linspace(1, 2, 20_000), 12)
    with pytest.warns(ConvergenceWarning, match=r"max_time = 0.05.* raise max_time"):
        found = solve(
            X, X[:, 3] > 60, alpha=1e-12, solver=solver, max_time=0.05, max_iter=10**8, tol=0.0, callback=_slow
        )
    assert found.status == "max_time"
    assert 0.05 <= found.seconds < 5
    assert np.isfinite(found.coef).all()


def _slow(*_):
    time.sleep(0.01)


@pytest.mark.parametrize("solver", ["gd", "nesterov", "lbfgs", "sgd"])
@pytest.mark.skipif(os.name == "nt", reason="signals work differently there")
def test_ctrl_c_returns_the_best_iterate_and_twice_raises(data, solver, monkeypatch):
    from mlcraft._solve import watch

    monkeypatch.setattr(watch, "_last_stop", -np.inf)
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals go to the main thread")
    monkeypatch.setattr(signal, "default_int_handler", signal.getsignal(signal.SIGINT))
    X, y = data

    def press(iteration, *_):
        if iteration == 1:
            os.kill(os.getpid(), signal.SIGINT)

    def run():
        return solve(X, y, alpha=1e-3, solver=solver, tol=0.0, max_iter=10**6, callback=press)

    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(ConvergenceWarning, match="Stopped by Ctrl-C"):
        found = run()
    assert found.status == "interrupted"
    assert np.isfinite(found.coef).all()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("solver", ["gd", "momentum", "nesterov", "sgd"])
def test_a_step_too_large_is_named_and_the_best_iterate_returned(data, solver):
    X, y = data
    with pytest.warns(ConvergenceWarning, match=r"step is too large \(1e\+06\)|left the range"):
        found = solve(X, X @ np.ones(4) + y, loss="squared", solver=solver, step=1e6, max_iter=500)
    assert found.status in ("diverged", "not_finite")
    assert np.isfinite([*found.coef, found.intercept, found.objective]).all()
    null = np.var(X @ np.ones(4) + y) / 2
    assert found.objective <= null * (1 + 1e-9)


@pytest.mark.parametrize("solver", [*ITERATIVE, "auto"])
@pytest.mark.parametrize("turn", [np.asarray, sparse.csr_array])
def test_nan_in_the_data_is_an_error(data, solver, turn):
    X, y = data[0].copy(), data[1]
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        solve(turn(X), y, solver=solver)


def test_separated_classes_are_named(data):
    X, _ = data
    with pytest.warns(SeparationWarning, match="alpha > 0"):
        found = solve(X, X[:, 1] > 0)
    assert found.status == "separated"


@pytest.mark.parametrize("solver", ITERATIVE)
def test_runs_go_on_where_they_ended(data, solver):
    X, y = data
    best = solve(X, y, alpha=0.05, tol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for init in (best, (best.coef, best.intercept)):
            again = solve(X, y, alpha=0.05, solver=solver, init=init, tol=1e-6, max_iter=50)
            assert again.n_iter <= 1, again
            assert_allclose(again.objective, best.objective, rtol=1e-8)


@pytest.mark.parametrize("solver", ITERATIVE)
def test_the_trace_is_a_table(data, solver):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = solve(X, y, alpha=0.05, solver=solver, trace=True, max_iter=30)
        short = solve(X, y, alpha=0.05, solver=solver, max_iter=30)
    assert found.trace.dtype.names == ("iteration", "passes", "seconds", "objective", "certificate")
    assert (np.diff(found.trace["iteration"]) > 0).all()
    for name in ("passes", "seconds"):
        assert (np.diff(found.trace[name]) >= 0).all()
    assert_allclose(found.trace["objective"].min(), found.objective, rtol=1e-9)
    assert len(short.trace) == 1
    assert_array_equal(short.coef, found.coef)
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert list(frame.columns) == list(found.trace.dtype.names)
    assert len(frame) == len(found.trace)


def test_pictures(data):
    plots = pytest.importorskip("matplotlib.pyplot")
    X, y = data
    runs = {name: solve(X, y, alpha=0.05, solver=name, trace=True) for name in ("gd", "nesterov", "newton")}
    ax = mlcraft.plots.convergence(runs, measure="gap", against="seconds")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(runs)
    assert ax.get_yscale() == "log"
    assert runs["gd"].plot(ax=ax) is ax
    with pytest.raises(ValueError, match="trace=True"):
        solve(X, y).plot()
    with pytest.raises(ValueError, match="against"):
        runs["gd"].plot(against="hours")
    plots.close("all")


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson"])
def test_the_gap_bounds_the_distance_from_the_best(data, loss, penalty, fit_intercept):
    X, y = data
    target = y.astype(float) * (3 if loss != "logistic" else 1)
    random = np.random.default_rng(1)
    about = {"loss": loss, "penalty": penalty, "alpha": 0.05, "fit_intercept": fit_intercept}
    about |= {"sample_weight": random.uniform(0.5, 2, 200), "offset": 0.3 * random.standard_normal(200)}
    best = solve(X, target, tol=1e-9, max_iter=20_000, **about)
    assert best.gap < 1e-8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for steps in (1, 3, 6):
            rough = solve(X, target, solver="gd", max_iter=steps, **about)
            assert (rough.objective - best.objective) / rough.objective <= rough.gap * (1 + 1e-9)


def test_what_auto_takes(data):
    X, y = data
    number = X @ np.ones(4)
    assert solve(X, number, loss="squared").solver == "direct"
    assert solve(X, y, alpha=0.1).solver in ("newton", "lbfgs", "newton-cg")
    assert solve(X, y, loss="hinge", alpha=0.1).solver == "dual"
    found = solve(X, y, penalty="l1", alpha=0.01)
    assert found.certificate_kind == "optimality violation"
    assert "auto" not in repr(found)


@pytest.mark.parametrize("penalty", ["l1", "group", "box"])
@pytest.mark.parametrize("solver", ["gram", "fista", "gd", "saga"])
def test_columns_that_do_not_vary_get_nothing(solver, penalty):
    X, y = np.array([[1.0, 0.0]] * 12), np.arange(12.0)
    about = {"l1": {"alpha": 0.1}, "group": {"alpha": 0.1, "groups": [0, 0]}, "box": {"bounds": (0, 1)}}[penalty]
    found = solve(X, y, loss="squared", penalty=penalty, solver=solver, **about)
    assert found.status == "converged"
    assert_array_equal(found.coef, [0, 0])
    assert_allclose([found.intercept, found.objective], [5.5, np.var(y) / 2], rtol=1e-12)


def test_a_hinge_of_wide_sparse_rows(data):
    """More columns than the interior-point method takes: coordinate descent, and a constant without penalty."""
    random = np.random.default_rng(3)
    X = sparse.random_array((120, 1500), density=0.02, rng=random, format="csr")
    y = np.asarray(X.sum(axis=1)).ravel() + 0.5 * random.standard_normal(120) > 14
    found = solve(X, y, loss="hinge", alpha=0.05, tol=1e-5)
    assert found.status == "converged"
    textbook = Objective(X.toarray(), y, "hinge", name="l2", alpha=0.05)
    assert_allclose(found.objective, textbook.value(found.coef, found.intercept), rtol=1e-12)
    assert textbook.violation(found.coef, found.intercept) < 1e-3


def test_certificate_of_logistic_is_what_the_docs_say(data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = solve(X, y, alpha=0.05, solver="gd", max_iter=3)
    residual = expit(X @ found.coef + found.intercept) - y
    centred = X - X.mean(axis=0)
    gradient = (centred.T @ residual / 200 + 0.05 * found.coef) / X.std(axis=0)
    largest = max(np.abs(gradient).max(), abs(residual.mean()))
    assert_allclose(found.certificate, largest / np.sqrt(y.mean() * (1 - y.mean())), rtol=1e-6)


@pytest.mark.parametrize("solver", ["auto", "gram", "fista"])
@pytest.mark.parametrize("X", [np.ones((4, 2)), np.zeros((4, 2)), np.full((1, 2), 3.0)])
def test_columns_without_spread_leave_the_mean(X, solver):
    y = np.array([1.0, 2.0, 4.0, 5.0])[: len(X)]
    found = solve(X, y, loss="squared", penalty="l1", alpha=0.1, solver=solver)
    assert found.status == "converged"
    assert_array_equal(found.coef, 0.0)
    assert_allclose(found.intercept, y.mean())


def test_what_was_not_measured_is_not_zero(data):
    X, y = data
    with pytest.warns(ConvergenceWarning, match="range of floating point"):
        found = solve(X * 1e200, y, solver="nesterov")
    assert found.status == "not_finite"
    assert np.isnan(found.objective)
    assert np.isnan(found.certificate)


@pytest.mark.parametrize("loss", ["squared", "quantile", "huber"])
@pytest.mark.parametrize("kind", ["<f4", ">f4", ">f8", "f2", "i8"])
def test_y_and_offset_may_be_numbers_of_any_kind(loss, kind):
    X = np.random.default_rng(0).standard_normal((30, 2))
    y = np.arange(30) % 7
    expected = solve(X, y.astype(np.float64), loss=loss, offset=np.ones(30), alpha=0.1)
    found = solve(X, y.astype(kind), loss=loss, offset=np.ones(30, dtype=kind), alpha=0.1)
    assert_array_equal(found.coef, expected.coef)
    single = solve(X.astype(np.float32), y.astype(kind), loss=loss, offset=np.ones(30, dtype=kind), alpha=0.1)
    assert_allclose(single.coef, expected.coef, rtol=1e-3, atol=1e-4)


def test_more_rows_in_a_batch_than_there_are(data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found, expected = (solve(X, y, solver="sgd", batch_size=size, max_iter=3) for size in (2**70, 200))
    assert_array_equal(found.coef, expected.coef)
