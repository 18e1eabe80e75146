"""Huber, Poisson, modified Huber and own losses in the engine of smooth losses, against slow twins, R and peers."""

from __future__ import annotations

import ctypes
import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, sparse
from sklearn.linear_model import PoissonRegressor
from test_engine_smooth import STORAGES, worst_gradient
from test_reference_r import load

from mlcraft import _core
from mlcraft._engine.losses import LOSSES, NON_SMOOTH, loss_ref
from mlcraft._engine.smooth import METHODS, fit_smooth

N, P = 2000, 8
NEW = {"huber": 0.4, "poisson": 0.0, "modified_huber": 0.0}


def problem(loss, n=N, p=P, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    eta = X @ rng.standard_normal(p) / np.sqrt(p) + 0.3
    if loss == "huber":
        y = eta + rng.standard_t(1.5, n)
    elif loss == "poisson":
        y = rng.poisson(np.exp(eta)).astype(float)
    else:
        y = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * eta)), 1.0, -1.0)
        if loss == "logistic":
            y = (y + 1) / 2
    return X, y, rng


def own(name, parameter=0.0, has_hessian=True, smooth=True):
    """A loss of the engine as a user's: its slow twin behind a C function."""
    twin = importlib.import_module(f"reference.{name}")

    def block_for(dtype):
        pointer = ctypes.POINTER(dtype)

        @ctypes.CFUNCTYPE(
            None, ctypes.c_int64, pointer, pointer, pointer, pointer, ctypes.POINTER(ctypes.c_double)
        )  # fmt: skip
        def block(count, y, weight, eta, hess, sums):
            y, eta = np.ctypeslib.as_array(y, (count,)), np.ctypeslib.as_array(eta, (count,))
            w = np.ctypeslib.as_array(weight, (count,)) if weight else np.ones(count)
            wide = y.astype(float), eta.astype(float), parameter
            if hess:
                assert has_hessian
                np.ctypeslib.as_array(hess, (count,))[:] = w * twin.hessian(*wide)
            sums[0] += float(np.sum(w * twin.value(*wide)))
            gradient = w * twin.gradient(*wide)
            sums[1] += float(gradient.sum())
            sums[2] += float(w.sum())
            eta[:] = gradient

        return block

    blocks = block_for(ctypes.c_double), block_for(ctypes.c_float)
    addresses = [ctypes.cast(block, ctypes.c_void_p).value for block in blocks]
    return SimpleNamespace(
        name=f"own {name}", address64=addresses[0], address32=addresses[1], smooth=smooth, has_hessian=has_hessian,
        blocks=blocks,
    )  # fmt: skip


@pytest.mark.parametrize("extra", ["plain", "weights", "zero weights", "offset", "no intercept"])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 10.0])
@pytest.mark.parametrize("loss", NEW)
def test_terms_of_the_objective(loss, alpha, extra):
    X, y, rng = problem(loss)
    X = X * 10.0 ** rng.uniform(-5, 5, P) + (3 if loss == "huber" else 0)
    weight = {"weights": rng.exponential(size=N), "zero weights": (rng.random(N) < 0.4).astype(float)}.get(extra)
    offset = rng.standard_normal(N) if extra == "offset" else None
    terms = {"parameter": NEW[loss], "alpha": alpha, "fit_intercept": extra != "no intercept"}
    fit = fit_smooth(X, y, loss=loss, sample_weight=weight, offset=offset, **terms)
    assert fit.status == "converged"
    scale = 1e-8 * max(1.0, fit.objective)
    assert worst_gradient(X, y, fit, loss=loss, weight=weight, offset=0 if offset is None else offset, **terms) < scale
    assert fit.n_iter < 40


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("loss", NEW)
def test_every_method_and_storage(loss, storage, dtype, method):
    X, y, rng = problem(loss, 600, 5)
    X, y = np.where(rng.random(X.shape) < 0.6, X, 0).astype(dtype), y.astype(dtype)
    terms = {"parameter": NEW[loss], "alpha": 1e-3}
    fit = fit_smooth(STORAGES[storage](X), y, loss=loss, method=method, **terms)
    assert fit.status == "converged"
    assert worst_gradient(X, y, fit, loss=loss, **terms) < {"float64": 1e-8, "float32": 3e-5}[dtype]


def hard(name):
    loss, parameter = name.split()[0], 0.0
    X, y, rng = problem(loss, seed=3)
    what = name.partition(" ")[2]
    if loss == "huber":
        parameter = {"small delta": 1e-3, "tiny delta": 1e-6, "large delta": 1e6}.get(what, 1.35)
    if what == "outliers":
        y[::10] += 1e6 * rng.standard_normal(N // 10)
    elif what == "far away":
        y += 1e6
    elif what == "clusters":  # no row within delta of the null model's intercept
        y = np.where(np.arange(N) % 2, 1e4, -1e4) + y
    elif what == "large counts":
        y = rng.poisson(1e6 * np.exp(X[:, 0])).astype(float)
    elif what == "rare counts":
        y = (rng.random(N) < 0.005).astype(float)
    elif what == "long tails":
        X = X * np.exp(2 * rng.standard_normal((N, 1)))
    elif what == "wide":
        X, y = rng.standard_normal((80, 300)), y[:80]
    elif what == "wide sparse":
        X, y = sparse.random_array((400, 7000), density=0.01, format="csr", rng=rng), y[:400]
    return loss, parameter, X, y


@pytest.mark.parametrize("alpha", [0.0, 1e-4])
@pytest.mark.parametrize(
    "name",
    ["huber small delta", "huber tiny delta", "huber large delta", "huber outliers", "huber far away", "huber clusters",
     "huber long tails", "huber wide", "huber wide sparse", "poisson large counts", "poisson rare counts",
     "poisson long tails", "poisson wide", "poisson wide sparse", "modified_huber long tails", "modified_huber wide",
     "modified_huber wide sparse"],
)  # fmt: skip
def test_hard_problems(name, alpha):
    loss, parameter, X, y = hard(name)
    fit = fit_smooth(X, y, loss=loss, parameter=parameter, alpha=alpha)
    assert fit.status == "converged"
    centre = np.log(y.mean()) if loss == "poisson" else np.median(y)
    gradient = importlib.import_module(f"reference.{loss}").gradient(y, np.full(len(y), centre), parameter)
    size = np.sqrt(np.mean(gradient**2))
    assert worst_gradient(X, y, fit, loss=loss, parameter=parameter, alpha=alpha) < 1e-8 * size


@pytest.mark.parametrize("loss", NEW)
def test_the_minimum_is_that_of_a_general_minimiser(loss):
    X, y, rng = problem(loss, 300, 4, seed=1)
    weight, offset = rng.exponential(size=300), 0.3 * rng.standard_normal(300)
    twin, share = importlib.import_module(f"reference.{loss}"), weight / weight.sum()

    def objective(b):
        eta = X @ b[:4] + b[4] + offset
        gradient = share * twin.gradient(y, eta, NEW[loss])
        value = share @ twin.value(y, eta, NEW[loss]) + 0.01 * b[:4] @ b[:4] / 2
        return value, np.append(X.T @ gradient + 0.01 * b[:4], gradient.sum())

    found = optimize.minimize(objective, np.zeros(5), jac=True, method="BFGS", options={"gtol": 1e-10})
    fit = fit_smooth(X, y, loss=loss, parameter=NEW[loss], alpha=0.01, sample_weight=weight, offset=offset)
    assert_allclose(np.append(fit.coef, fit.intercept), found.x, atol=1e-7)
    assert fit.objective == pytest.approx(found.fun, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_poisson_regressor(alpha):
    X, y, rng = problem("poisson", seed=2)
    weight = rng.exponential(size=N)
    theirs = PoissonRegressor(alpha=alpha, solver="newton-cholesky", tol=1e-12).fit(X, y, weight)
    fit = fit_smooth(X, y, loss="poisson", alpha=alpha, sample_weight=weight)
    assert_allclose(fit.coef, theirs.coef_, atol=1e-9)
    assert_allclose(fit.intercept, theirs.intercept_, atol=1e-9)


@pytest.mark.parametrize("name", ["quine_quasipoisson", "ships_poisson_offset", "warpbreaks_poisson"])
def test_poisson_of_r(shared, name):
    case, X, y, _ = load(shared, "glm", name)
    offset = None
    if "offset_column" in case:
        table = np.genfromtxt(shared(f"reference/r/glm/{name}.csv"), delimiter=",", names=True, deletechars="")
        offset = table[case["offset_column"]]
    fit = fit_smooth(X, y, loss="poisson", offset=offset, tol=1e-12)
    assert_allclose(np.append(fit.intercept, fit.coef), case["coef"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ["mtcars", "phones", "stackloss", "states"])
def test_huber_of_r(shared, name):
    """MASS rlm at its own scale."""
    case, X, y, _ = load(shared, "rlm", name)
    expected = case["huber"]["fixed_point_mad_0.6745"]
    fit = fit_smooth(X, y, loss="huber", parameter=case["huber"]["tuning"] * expected["scale"], tol=1e-12)
    assert_allclose(np.append(fit.intercept, fit.coef), expected["coef"], rtol=1e-7, atol=1e-9)


def test_huber_between_mean_and_median():
    y = np.append(np.arange(99.0), 1e6)
    X = np.zeros((100, 1))
    assert fit_smooth(X, y, loss="huber", parameter=1e9).intercept == pytest.approx(y.mean())
    assert fit_smooth(X, y, loss="huber", parameter=1e-3).intercept == pytest.approx(np.median(y), abs=0.51)


def test_large_problems_start_on_a_sample():
    for loss, parameter in NEW.items():
        X, y, _ = problem(loss, 60_000, 40, seed=4)
        fit = fit_smooth(X, y, loss=loss, parameter=parameter, alpha=1e-5)
        assert fit.status == "converged"
        assert worst_gradient(X, y, fit, loss=loss, parameter=parameter, alpha=1e-5) < 1e-8
        assert fit.passes < 30


def test_poisson_from_far_away():
    """Also where the first step overflows."""
    X, y, _ = problem("poisson", 500, 3)
    plain = fit_smooth(X, y, loss="poisson")
    for c in (30.0, -30.0):
        fit = fit_smooth(X, y, loss="poisson", init=(np.zeros(3), np.array(c)))
        assert fit.status == "converged"
        assert_allclose(fit.coef, plain.coef, atol=1e-7)


# a user's own loss


@pytest.mark.parametrize("has_hessian", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["logistic", *NEW])
def test_an_own_loss_is_the_same_as_the_built_in_one(loss, weighted, has_hessian):
    X, y, rng = problem(loss, 700, 4, seed=5)
    weight = rng.exponential(size=700) if weighted else None
    theirs = own(loss, NEW.get(loss, 0.0), has_hessian)
    for design in (X, sparse.csr_array(X)):
        mine = fit_smooth(design, y, loss=theirs, alpha=1e-3, sample_weight=weight)
        built_in = fit_smooth(design, y, loss=loss, parameter=NEW.get(loss, 0.0), alpha=1e-3, sample_weight=weight)
        assert mine.status == "converged"
        assert_allclose(np.append(mine.coef, mine.intercept), np.append(built_in.coef, built_in.intercept), atol=3e-8)
        assert mine.objective == pytest.approx(built_in.objective, rel=1e-13)


def test_an_own_loss_in_single_precision():
    X, y, _ = problem("huber", 700, 4, seed=6)
    X, y = X.astype(np.float32), y.astype(np.float32)
    mine, built_in = (fit_smooth(X, y, loss=loss, parameter=0.4, alpha=1e-3) for loss in (own("huber", 0.4), "huber"))
    assert_allclose(mine.coef, built_in.coef, atol=1e-5)


@pytest.mark.parametrize("n", [1, 511, 512, 1300])
def test_blocks_of_an_own_loss(n):
    """Strided rows, weights, and more rows than a block holds."""
    rng = np.random.default_rng(n)
    y, eta, weight = rng.standard_normal((3, n))
    weight = np.abs(weight)
    theirs = own("huber", 0.3)
    user = (theirs.address64, theirs.address32)
    for w in (None, weight, np.repeat(weight, 2)[::2]):
        mine = _core.loss_rows("user", np.repeat(y, 3)[::3], eta, w, 0.0, True, user=user)
        built_in = _core.loss_rows("huber", y, eta, w, 0.3, True)
        assert_allclose(mine[0], built_in[0], rtol=1e-13, atol=1e-13)
        assert_allclose(mine[1], built_in[1], atol=1e-14)
        assert_allclose(mine[2], built_in[2], atol=1e-14)


def test_names_of_losses():
    assert set(NON_SMOOTH) < set(LOSSES)
    for name in LOSSES:
        assert loss_ref(name) == (name, (0, 0), name not in NON_SMOOTH)
    theirs = own("huber", 0.3)
    assert loss_ref(theirs) == ("user", (theirs.address64, theirs.address32), True)
    assert loss_ref(theirs, np.float32)[1] == (0, theirs.address32)
    assert loss_ref(theirs, np.float64)[1] == (theirs.address64, 0)
    assert np.isnan(_core.loss_rows("user", np.ones(3), np.ones(3), user=(0, theirs.address32))[0][0])


def test_wrong_losses():
    X, y, _ = problem("huber", 50)
    for name in NON_SMOOTH:
        with pytest.raises(ValueError, match="not smooth"):
            fit_smooth(X, y, loss=name)
    with pytest.raises(ValueError, match="delta of loss='huber', must be positive, got 0"):
        fit_smooth(X, y, loss="huber")
    with pytest.raises(ValueError, match="'own hinge' is not smooth"):
        fit_smooth(X, y, loss=own("hinge", smooth=False, has_hessian=False))
    with pytest.raises(TypeError, match="loss must be a name or a loss"):
        fit_smooth(X, y, loss=np.log)
    nothing = SimpleNamespace(name="nothing", address64=0, address32=0, smooth=True, has_hessian=True)
    with pytest.raises(ValueError, match="'nothing' has no address"):
        fit_smooth(X, y, loss=nothing)
    with pytest.raises(ValueError, match="no address"):
        _core.loss_rows("user", y, y)
