"""First-order methods in Python: iterate for iterate those of the C++ core, and at the minimum where they say so."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from mlcraft import jit
from mlcraft.jit import _built_in, _rows

PARAMETER = {"huber": 1.35, "epsilon_insensitive": 0.3, "squared_epsilon_insensitive": 0.3, "quantile": 0.3}
KINKED = ("hinge", "epsilon_insensitive", "quantile")


def problem(loss, dtype=np.float64, order="C", n=500):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, 1]
    eta = (X - X.mean(axis=0)) @ [1.0, 0.1, -5.0, 0.0]
    y = {
        "logistic": (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
        "poisson": rng.poisson(np.exp(eta / 3)).astype(float),
    }.get(loss, eta + rng.standard_normal(n))
    if loss in ("hinge", "squared_hinge", "modified_huber"):
        y = np.where(eta + rng.standard_normal(n) > 0, 1.0, -1.0)
    return np.asarray(X, dtype=dtype, order=order), y, rng.uniform(0.0, 2.0, n), 0.1 * rng.standard_normal(n)


@pytest.fixture(scope="module")
def core():
    """The door of the C++ solvers, where this build of the core has one."""
    door = pytest.importorskip("mlcraft._engine.first_order")
    from mlcraft import _core
    from mlcraft._engine.penalty import Penalty

    if not hasattr(_core, "fit_first_order"):
        pytest.skip("this build of the core has no first-order methods")

    def fit(X, y, weight, offset, *, loss, solver, alpha, fit_intercept, tol, max_iter, init=None, **settings):
        return door.fit_first_order(
            X,
            y,
            loss=loss,
            solver=solver,
            parameter=PARAMETER.get(loss, 0.0),
            penalty=Penalty("l2", alpha=alpha) if alpha else Penalty("none"),
            sample_weight=weight,
            offset=offset,
            fit_intercept=fit_intercept,
            init=init,
            options=door.FirstOrderSettings(**settings),
            tol=tol,
            max_iter=max_iter,
            trace=True,
        )

    return fit


def twin(X, y, weight, offset, *, loss, **options):
    parameter = PARAMETER.get(loss, 0.0)
    return jit.first_order(
        X, y, loss=loss, parameter=parameter, sample_weight=weight, offset=offset, trace=True, **options
    )


def agree(found, expected, rtol, steps=None):
    """The same points measured, their objectives, certificates and passes; the same end."""
    for ours, theirs in zip(found.trace[:steps], expected.trace[:steps], strict=True):
        assert ours[:2] == theirs[:2]
        np.testing.assert_allclose(ours[3:], theirs[3:], rtol=rtol, atol=1e-13)
    if steps is None:
        assert (found.status, found.n_iter, found.passes) == (expected.status, expected.n_iter, expected.passes)
        np.testing.assert_allclose(found.coef, expected.coef, rtol=rtol, atol=1e-12)
        np.testing.assert_allclose(found.intercept, expected.intercept, rtol=rtol, atol=1e-12)


# solver, settings; each with the squared loss, and each loss with some of them
METHODS = {
    "gd": ("gd", {}),
    "gd fixed": ("gd", {"step_rule": "fixed"}),
    "gd given": ("gd", {"step": 0.1}),
    "gd spectral": ("gd", {"step_rule": "barzilai_borwein"}),
    "nesterov": ("nesterov", {}),
    "nesterov without restart": ("nesterov", {"restart": False}),
    "adam": ("adam", {}),
    "adam average": ("adam", {"average": True, "schedule": "constant"}),
    "adam batches": ("adam", {"batch_size": 50, "seed": 1}),
    "sgd": ("sgd", {"seed": 2}),
    "sgd average": ("sgd", {"average": True, "schedule": "invscaling", "batch_size": 7}),
    "sgd optimal": ("sgd", {"schedule": "optimal", "power": 0.6}),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("variant", ["plain", "everything"])
def test_the_same_iterates(core, method, variant):
    solver, settings = METHODS[method]
    X, y, weight, offset = problem("squared")
    if variant == "plain":
        weight = offset = None
    options = {"loss": "squared", "solver": solver, "alpha": 0.0 if variant == "plain" else 0.1, **settings}
    options |= {"fit_intercept": variant == "plain" or solver != "gd", "tol": 1e-5, "max_iter": 12}
    agree(twin(X, y, weight, offset, **options), core(X, y, weight, offset, **options), 1e-8)


@pytest.mark.parametrize("loss", _built_in.FUNCTIONS)
def test_the_same_iterates_for_every_loss(core, loss):
    X, y, weight, _ = problem(loss)
    # "adam" away from the best intercept, whose derivative is 0 but for rounding: it would go by its sign
    starts = {"adam": {"init": (np.array([0.1, 0.0, -0.1, 0.2]), np.array([0.3]))}, "sgd": {"schedule": "invscaling"}}
    for solver in ("sgd", "adam") if loss in KINKED else ("gd", "nesterov", "adam", "sgd"):
        options = {"loss": loss, "solver": solver, "alpha": 0.01, "fit_intercept": True, "tol": 1e-5, "max_iter": 8}
        options |= starts.get(solver, {})
        agree(twin(X, y, weight, None, **options), core(X, y, weight, None, **options), 1e-7)


def test_the_same_iterates_from_a_start_and_in_single_precision(core):
    X, y, _, _ = problem("logistic", np.float32, "F")
    options = {"loss": "logistic", "solver": "nesterov", "alpha": 0.01, "fit_intercept": True, "tol": 1e-9}
    found, expected = (fit(X, y, None, None, max_iter=6, **options) for fit in (twin, core))
    agree(found, expected, 1e-3, steps=5)
    assert found.coef.dtype == np.float32


def test_many_rows_are_sampled_for_the_step(core):
    X, y, _, _ = problem("logistic", n=9_000)
    options = {"loss": "logistic", "solver": "nesterov", "alpha": 0.0, "fit_intercept": True, "tol": 1e-9}
    agree(*(fit(X, y, None, None, max_iter=6, **options) for fit in (twin, core)), 1e-8)


# on their own


def gradient(X, y, found, loss, alpha):
    """By the derivative of the loss in Python."""
    slopes = _built_in.built_in(loss, PARAMETER.get(loss, 0.0)).rows(y, X @ found.coef + found.intercept)[1]
    return np.append(slopes @ X / len(y) + alpha * found.coef, slopes.mean())


@pytest.mark.parametrize(("loss", "solver"), [("logistic", "gd"), ("squared", "nesterov"), ("poisson", "adam")])
def test_converged_is_at_the_minimum(loss, solver):
    X, y, _, _ = problem(loss)
    tol = 1e-6 if solver == "adam" else 1e-8
    found = jit.first_order(X, y, loss=loss, solver=solver, alpha=0.01, tol=tol)
    assert found.status == "converged"
    assert found.certificate <= tol
    spread = np.append(X.std(axis=0), 1.0)
    left = gradient(X - X.mean(axis=0), y, _moved(found, X), loss, 0.01) / spread
    assert np.abs(left).max() <= 3 * tol * np.std(y)


def _moved(found, X):
    """The same model for centred columns."""
    return jit.FirstOrderResult(found.coef, found.intercept + X.mean(axis=0) @ found.coef, 0, 0, 0, 0, "")


def test_a_loss_of_ones_own():
    X, y, _, _ = problem("logistic")
    mine = jit.loss(lambda y, eta: jit.softplus(eta) - y * eta, name="mine")
    found = jit.first_order(X, y, loss=mine, solver="gd", alpha=0.01, tol=1e-9)
    expected = jit.first_order(X, y, loss="logistic", solver="nesterov", alpha=0.01, tol=1e-9)
    assert found.status == "converged"
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-6, atol=1e-8)


def test_status_trace_and_callback():
    X, y, _, _ = problem("squared")
    seen = []
    found = jit.first_order(X, y, solver="gd", tol=1e-12, callback=lambda *at: seen.append(at) or len(seen) == 3)
    assert (found.status, len(seen), found.trace) == ("interrupted", 3, [])
    found = jit.first_order(X, y, solver="gd", step=5.0, tol=1e-12, trace=True)
    assert found.status == "diverged"
    assert np.isfinite([*found.coef, found.objective]).all()
    assert [row[0] for row in found.trace] == list(range(len(found.trace)))
    assert jit.first_order(X, y, tol=0.0, max_iter=3).status == "max_iter"
    assert jit.first_order(X, y, solver="sgd", tol=0.0, max_time=0.0).status == "max_time"


def test_the_same_bits_for_the_same_seed_and_any_threads():
    import numba

    X, y, _, _ = problem("squared", n=5_000)
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        results.append(jit.first_order(X, y, solver="nesterov", max_iter=5).coef)
    np.testing.assert_array_equal(*results)
    draws = [jit.first_order(X[:200], y[:200], solver="sgd", seed=seed, max_iter=2).coef for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_wrong_arguments():
    X, y, _, _ = problem("squared", n=20)
    for options, message in (
        ({"solver": "lbfgs"}, "solver must be one of 'gd'"),
        ({"loss": "multinomial"}, "loss must be one of 'squared'"),
        ({"loss": "quantile", "parameter": 0.5}, "'sgd' or 'adam' for the loss 'quantile'"),
        ({"step_rule": "backtracking"}, r"step_rule must be one of 'auto', 'fixed' for 'nesterov'"),
        ({"schedule": "none"}, "schedule must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"alpha": -1.0}, "alpha must be finite"),
        ({"step": 0.0}, "step must be finite"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"tol": -1.0}, "not negative"),
        ({"offset": np.zeros(3)}, "offset has 3 elements"),
    ):
        with pytest.raises(ValueError, match=message):
            jit.first_order(X, y, **options)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"X contains NaN or infinity .first at row 3, column 1"):
        jit.first_order(X, y)


def test_rows_are_drawn_in_proportion():
    X, y, weight, _ = problem("squared", n=40)
    weight[:5] = 0
    data = _rows.Data(X, y, weight, np.zeros(40))
    made = _rows.Problem(data, _built_in.built_in("squared", 0.0), "squared", True)
    sampler = _rows.RowSampler(made, 8, 0)
    total = np.zeros(40)
    for _ in range(2_000):
        rows, factor = sampler.draw()
        assert (np.diff(rows) > 0).all()
        total[rows] += factor
    assert (total[:5] == 0).all()
    np.testing.assert_allclose(total[5:] / 2_000 * weight.sum(), 1.0, atol=0.2)
