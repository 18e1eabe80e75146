"""The engine of smooth losses: every fit judged by the true gradient, computed here, in columns of unit size."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy import sparse

from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.smooth import fit_smooth

N, P = 3000, 12
BOUND = {"float64": 1e-8, "float32": 2e-5}


def problem(n=N, p=P, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ rng.standard_normal(p)))).astype(float)
    return X, y, rng


def worst_gradient(X, y, fit, *, loss="logistic", alpha=0.0, weight=None, offset=0.0, parameter=0.0,
                   intercept_alpha=0.0, fit_intercept=True):  # fmt: skip
    """Largest element of the gradient of the objective as `fit_smooth` states it; slow and plain."""
    X = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.longdouble)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    share = weight / weight.sum()
    coef, intercept = np.atleast_2d(fit.coef).astype(float), np.atleast_1d(fit.intercept).astype(float)
    eta = X @ coef.T + intercept + np.reshape(offset, (-1, 1))
    if loss == "multinomial":
        shares = np.exp(eta - eta.max(axis=1, keepdims=True))
        residual = shares / shares.sum(axis=1, keepdims=True) - np.eye(len(coef))[np.asarray(y, dtype=int)]
    else:
        twin = importlib.import_module(f"reference.{loss}")
        slope = (lambda y, eta, _: eta - y) if loss == "squared" else twin.gradient
        residual = slope(np.asarray(y, dtype=float), eta[:, 0].astype(float), parameter)[:, None]
    size = np.sqrt(share @ X**2)
    size[size == 0] = 1
    gradient = (share[:, None] * residual).T @ X + alpha * coef
    worst = np.abs(gradient / size).max()
    if fit_intercept:
        worst = max(worst, np.abs(share @ residual + intercept_alpha * intercept).max())
    return float(worst)


STORAGES = {
    "C": lambda X: X,
    "F": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
}


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["logistic", "squared", "squared_hinge", "squared_epsilon_insensitive", "multinomial"])
def test_any_loss_in_any_storage(loss, dtype, storage):
    X, y, rng = problem()
    X = np.where(rng.random(X.shape) < 0.6, X, 0).astype(dtype)
    y = {"squared_hinge": 2 * y - 1, "multinomial": y + (X[:, 0] > 0.5)}.get(loss, y).astype(dtype)
    terms = {"alpha": 1 / N, "parameter": 0.1}
    fit = fit_smooth(STORAGES[storage](X), y, loss=loss, n_classes=3, **terms)
    assert fit.status == "converged"
    assert fit.coef.dtype == dtype
    assert worst_gradient(X, y, fit, loss=loss, **terms) < BOUND[dtype]


TERMS = {
    "no penalty": {},
    "strong penalty": {"alpha": 100.0},
    "no intercept": {"alpha": 1e-3, "fit_intercept": False},
    "penalised intercept": {"alpha": 1e-3, "intercept_alpha": 1e-3},
    "strongly penalised intercept": {"alpha": 1e-3, "intercept_alpha": 1.0},
}


@pytest.mark.parametrize("extra", ["plain", "weights", "zero weights", "offset"])
@pytest.mark.parametrize("terms", TERMS)
def test_terms_of_the_objective(terms, extra):
    X, y, rng = problem(seed=1)
    X = X + 2
    weight = {"weights": rng.exponential(size=N), "zero weights": (rng.random(N) < 0.4).astype(float)}.get(extra)
    offset = rng.standard_normal(N) if extra == "offset" else None
    fit = fit_smooth(X, y, loss="logistic", sample_weight=weight, offset=offset, **TERMS[terms])
    assert fit.status == "converged"
    against = {"weight": weight, "offset": 0.0 if offset is None else offset, **TERMS[terms]}
    assert worst_gradient(X, y, fit, **against) < 1e-8


def hard_design(name):
    X, y, rng = problem(seed=2)
    if name == "scales":
        X = X * 10.0 ** rng.uniform(-6, 6, P)
    elif name == "large means":
        X = X + 1e6
    elif name == "dependent":
        X = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(N), np.zeros(N)])
    elif name == "ill-conditioned":
        mixed = rng.standard_normal((N, P)) * 10.0 ** np.linspace(0, -5, P)
        X = mixed @ rng.standard_normal((P, P))
    elif name == "long tails":
        X = X * np.exp(2 * rng.standard_normal((N, 1)))
    elif name == "rare":
        X[:, 3] = 0
        X[[7, 900], 3] = 1
    elif name == "imbalanced":
        y = (rng.random(N) < 0.003).astype(float)
    elif name == "sorted":
        order = np.argsort(y, kind="stable")
        X, y = X[order], y[order]
    elif name == "wide":
        X, y = rng.standard_normal((80, 400)), y[:80]
    elif name == "wide sparse":
        X, y = sparse.random_array((400, 9000), density=0.01, format="csr", rng=rng), y[:400]
    elif name == "one column":
        X = X[:, :1]
    return X, y


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1.0 / N])
@pytest.mark.parametrize(
    "name",
    ["scales", "large means", "dependent", "ill-conditioned", "long tails", "rare", "imbalanced", "sorted", "wide",
     "wide sparse", "one column"],
)  # fmt: skip
def test_hard_designs(name, alpha):
    X, y = hard_design(name)
    fit = fit_smooth(X, y, loss="logistic", alpha=alpha)
    assert fit.status in ("converged", "separated")
    assert worst_gradient(X, y, fit, alpha=alpha) < 1e-8
    assert fit.n_iter < 60


def test_scales_of_columns_change_nothing_but_the_coefficients():
    X, y, rng = problem(seed=3)
    scale = 10.0 ** rng.uniform(-6, 6, P)
    plain, scaled = (fit_smooth(design, y, loss="logistic") for design in (X, X * scale))
    np.testing.assert_allclose(scaled.coef * scale, plain.coef, rtol=1e-9)
    assert scaled.n_iter == plain.n_iter


def test_separated_classes_are_named():
    X, y, rng = problem(seed=4)
    apart = fit_smooth(X, (X[:, 2] > 0).astype(float), loss="logistic")
    assert (apart.status, apart.diverging) == ("separated", [2])
    marked = (rng.random(N) < 0.1).astype(float)
    partly = fit_smooth(np.column_stack([X, marked]), np.where(marked == 1, 1, y), loss="logistic")
    assert (partly.status, partly.diverging) == ("separated", [P])
    assert np.isfinite(partly.coef).all()
    penalised = fit_smooth(X, (X[:, 2] > 0).astype(float), loss="logistic", alpha=1 / N)
    assert penalised.status == "converged"
    codes = np.digitize(X[:, 2], [-0.5, 0.5]).astype(float)
    classes = fit_smooth(X, codes, loss="multinomial", n_classes=3)
    assert classes.status == "separated"
    assert 2 in classes.diverging


def test_one_outlier_of_several_classes_is_no_separation():
    rng = np.random.default_rng(12)
    X = rng.standard_normal((N, 4))
    codes = rng.integers(0, 3, N).astype(float)
    X[0, 3], codes[0] = 1e7, 2
    fit = fit_smooth(X, codes, loss="multinomial", n_classes=3, max_iter=200)
    assert fit.status != "separated"


@pytest.mark.parametrize("storage", ["C", "csr"])
@pytest.mark.parametrize("loss", ["logistic", "multinomial", "squared", "squared_hinge"])
@pytest.mark.parametrize("method", ["lbfgs", "newton", "newton-cg"])
def test_every_method_reaches_the_certificate(method, loss, storage):
    X, y, rng = problem(800, 6, seed=13)
    X *= 10.0 ** np.arange(-3, 3)
    target = {"multinomial": y + (rng.random(800) < 0.3), "squared_hinge": 2 * y - 1}.get(loss, y)
    fit = fit_smooth(
        STORAGES[storage](X), target, loss=loss, n_classes=3, alpha=1e-4, method=method, max_iter=2000, trace=True
    )
    assert fit.status == "converged"
    assert worst_gradient(X, target, fit, loss=loss, alpha=1e-4) < 1e-8
    assert fit.method == method
    iterations, passes, seconds, objective, certificate = np.transpose(fit.trace)
    assert iterations.tolist() == list(range(1, fit.n_iter + 1))
    assert np.all(np.diff(passes) > 0)
    assert passes[-1] == fit.passes
    assert np.all(np.diff(seconds) >= 0)
    assert objective[-1] == fit.objective
    assert certificate[-1] == fit.gradient_norm


def test_time_limit():
    X, y, _ = problem(seed=14)
    fit = fit_smooth(X, y, loss="logistic", max_time=0.0)
    assert (fit.status, fit.n_iter) == ("max_time", 1)


@pytest.mark.parametrize("storage", ["C", "F", "csr"])
@pytest.mark.parametrize("loss", ["logistic", "multinomial"])
@pytest.mark.parametrize("scale", [1e160, 1e-170])
def test_columns_whose_squares_leave_the_range_are_named(scale, loss, storage):
    X, y, _ = problem(300, 4, seed=15)
    X[:, 1] *= scale
    with pytest.raises(NonFiniteError, match=r"range of double precision .* in column 1; scale X"):
        fit_smooth(STORAGES[storage](X), y, loss=loss)


def test_multinomial_of_two_classes_is_logistic():
    X, y, _ = problem(seed=5)
    two = fit_smooth(X, y, loss="multinomial", n_classes=2, alpha=2 / N)
    one = fit_smooth(X, y, loss="logistic", alpha=1 / N)
    np.testing.assert_allclose(two.coef[1] - two.coef[0], one.coef, rtol=1e-7)
    np.testing.assert_allclose(two.intercept[1] - two.intercept[0], one.intercept, rtol=1e-6)
    np.testing.assert_allclose(two.coef.sum(axis=0), 0, atol=1e-12)


def test_large_problems_start_on_a_sample():
    X, y, rng = problem(60_000, 40, seed=6)
    fit = fit_smooth(X, y, loss="logistic", alpha=1e-5)
    assert fit.method == "preconditioned lbfgs"
    assert worst_gradient(X, y, fit, alpha=1e-5) < 1e-8
    codes = y + (rng.random(len(y)) < 0.3)
    classes = fit_smooth(X, codes, loss="multinomial", n_classes=3, alpha=1e-5)
    assert worst_gradient(X, codes, classes, loss="multinomial", alpha=1e-5) < 1e-8


def test_start_limit_and_callback():
    X, y, _ = problem(seed=7)
    found = fit_smooth(X, y, loss="logistic")
    again = fit_smooth(X, y, loss="logistic", init=(found.coef, found.intercept))
    assert again.n_iter <= 1
    short = fit_smooth(X, y, loss="logistic", max_iter=2)
    assert (short.status, short.n_iter) == ("max_iter", 2)
    seen = []
    ended = fit_smooth(X, y, loss="logistic", callback=lambda *told: seen.append(told) or len(seen) == 2)
    assert ended.status == "interrupted"
    assert [told[0] for told in seen] == [1, 2]

    def broken(*_):
        raise RuntimeError("of the caller")

    with pytest.raises(RuntimeError, match="of the caller"):
        fit_smooth(X, y, loss="logistic", callback=broken)


@pytest.mark.parametrize("loss", ["logistic", "multinomial"])
@pytest.mark.parametrize("where", ["X", "y", "weight", "no weight"])
def test_what_is_not_finite_is_refused(where, loss):
    X, y, _ = problem(200)
    weight = np.ones(200)
    if where == "no weight":
        weight[:] = 0
    else:
        {"X": X, "y": y, "weight": weight}[where].flat[17] = np.nan
    with pytest.raises(NonFiniteError):
        fit_smooth(X, y, loss=loss, sample_weight=weight, n_classes=2)


def test_wrong_arguments():
    X, y, _ = problem(50)
    with pytest.raises(ValueError, match="no loss named 'cubed'"):
        fit_smooth(X, y, loss="cubed")
    with pytest.raises(ValueError, match="offset"):
        fit_smooth(X, y, loss="multinomial", offset=y)
    with pytest.raises(ValueError, match="coef needs"):
        fit_smooth(X, y, loss="logistic", init=(np.ones(3), np.zeros(1)))


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_more_columns_than_rows_on_any_scale(classes, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((80, 100)) * 10.0 ** rng.uniform(-4, 4, 100)
    y = rng.integers(0, classes, 80).astype(float)
    loss = "multinomial" if classes > 2 else "logistic"
    fit = fit_smooth(X, y, loss=loss, n_classes=classes, alpha=1 / 800)
    assert fit.status == "converged"
    assert fit.n_iter <= 100
    assert worst_gradient(X, y, fit, loss=loss, alpha=1 / 800) < 1e-8


def test_an_outlier_does_not_pass_for_a_separating_direction():
    X, _, rng = problem(5000, 4, seed=8)
    y = (rng.random(5000) < 1 / (1 + np.exp(-X[:, 0]))).astype(np.float32)
    X[7, 3] = 1e5
    fit = fit_smooth(X.astype(np.float32), y, loss="logistic")
    assert fit.status != "separated"


def test_a_constant_column_of_sparse_rows_is_left_alone():
    X, y, _ = problem(2000, 3, seed=9)
    fit = fit_smooth(sparse.csr_array(np.column_stack([X, np.full(2000, 0.1)])), y, loss="logistic")
    assert fit.status == "converged"
    assert fit.coef[3] == 0


def test_a_state_without_a_factor():
    X, y = hard_design("wide sparse")
    first = fit_smooth(X, y, loss="logistic", alpha=0.01, keep_state=True)
    again = fit_smooth(X, y, loss="logistic", alpha=0.005, init=(first.coef, first.intercept), state=first.state)
    assert worst_gradient(X, y, again, alpha=0.005) < 1e-8
