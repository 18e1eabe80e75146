"""First-order methods: every pair reaches the optimum, by a certificate worked out in NumPy; rates; hostile input."""

import itertools

import numpy as np
import pytest
from first_order_cases import ALL_LOSSES, SCALARS, Case, UserAbsolute, make_case, objective, penalties, violation
from numpy.testing import assert_allclose, assert_array_equal
from registry import DENSE, SPARSE
from scipy import sparse

from mlcraft._engine.first_order import SOLVERS, FirstOrderSettings, fit_first_order, refusal
from mlcraft._engine.losses import NON_SMOOTH, SMOOTH_LOSSES
from mlcraft._engine.penalty import PENALTIES, Penalty

EXACT = ("gd", "momentum", "nesterov", "fista", "svrg", "saga")  # linear convergence on these problems
SMOOTH = [*SCALARS, "multinomial"]


def settings(**chosen):
    return FirstOrderSettings(**chosen)


# ---------------------------------------------------------------- optimality


@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "user"])
@pytest.mark.parametrize("solver", EXACT)
@pytest.mark.parametrize("loss", SMOOTH)
def test_certified_outside(loss, solver, penalty):
    case, penalty = make_case(loss), penalties()[penalty]
    # what all classes share hardly matters to the groups: there linear convergence is slow
    tol = 1e-5 if loss == "multinomial" and penalty.name == "group" else 1e-7
    found = case.fit(solver, penalty, tol=tol, max_iter=20_000)
    assert found.status == "converged", found.certificate
    assert violation(case, penalty, found.coef, found.intercept) < 10 * tol
    assert_allclose(found.objective, objective(case, penalty, found.coef, found.intercept), rtol=1e-12)


@pytest.fixture(scope="module")
def optimum():
    """Objective at the optimum, certified in NumPy."""
    known = {}

    def find(loss, penalty):
        if (loss, penalty) not in known:
            case = make_case(loss)
            found = case.fit("fista", penalties()[penalty], tol=1e-10, max_iter=100_000)
            assert violation(case, penalties()[penalty], found.coef, found.intercept) < 1e-8
            known[loss, penalty] = found.objective
        return known[loss, penalty]

    return find


@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "user"])
@pytest.mark.parametrize("solver", ["adagrad", "rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("loss", SMOOTH)
def test_approached(loss, solver, penalty, optimum):
    """Adaptive and stochastic steps: the objective within 0.3 % of what the start is above the optimum."""
    case, best = make_case(loss), optimum(loss, penalty)
    start = case.fit(solver, penalties()[penalty], max_iter=0).objective
    found = case.fit(solver, penalties()[penalty], tol=1e-7, max_iter=500)
    assert -1e-9 <= found.objective - best <= 3e-3 * (start - best)
    assert_allclose(found.objective, objective(case, penalties()[penalty], found.coef, found.intercept), rtol=1e-10)


@pytest.mark.parametrize("loss", NON_SMOOTH)
@pytest.mark.parametrize("name", ["none", "l1", "box", "l2"])
@pytest.mark.parametrize("solver", ["sgd", "adagrad", "rmsprop", "adam"])
def test_kinks_against_programming(loss, name, solver):
    """Linear programs by HiGHS; with an L2 penalty the dual solver."""
    case, penalty = make_case(loss), penalties()[name]
    best = _program(case, penalty) if name != "l2" else _dual(case, penalty.alpha)
    start = case.fit(solver, penalty, max_iter=0).objective
    found = case.fit(solver, penalty, max_iter=1000, options=settings(average=solver == "sgd"))
    assert found.status in ("max_iter", "stalled")
    assert_allclose(found.objective, objective(case, penalty, found.coef, found.intercept), rtol=1e-10)
    assert -1e-8 <= found.objective - best <= 0.02 * (start - best)


def _program(case: Case, penalty: Penalty) -> float:
    """Minimum over slacks t, coefficients b = u - v and intercept c - d of mean(t) + alpha (u + v)."""
    from scipy.optimize import linprog

    n, p = case.X.shape
    size = case.X.std(axis=0)
    Z, ones = case.X / size, np.ones((n, 1))
    rise = np.hstack([Z, -Z, ones, -ones])
    if case.loss == "hinge":  # t >= 1 - y eta
        rows, right = [(-case.y[:, None] * rise, -np.eye(n))], [-np.ones(n)]
    elif case.loss == "quantile":  # t >= q (y - eta), t >= (q - 1) (y - eta)
        q = case.parameter
        rows, right = [(-q * rise, -np.eye(n)), ((1 - q) * rise, -np.eye(n))], [-q * case.y, (1 - q) * case.y]
    else:  # t >= |y - eta| - epsilon
        rows = [(-rise, -np.eye(n)), (rise, -np.eye(n))]
        right = [case.parameter - case.y, case.parameter + case.y]
    alpha = penalty.alpha if penalty.name == "l1" else 0.0
    cost = np.concatenate([alpha / size, alpha / size, np.zeros(2), np.full(n, 1 / n)])
    bounds = [(0, None)] * len(cost)
    if penalty.name == "box":
        lower, upper = (side * size for side in penalty.bounds(p))
        bounds = [(low, high) for low, high in zip(lower, upper, strict=True)] + [(0, 0)] * p + bounds[2 * p :]
    found = linprog(cost, np.vstack([np.hstack(row) for row in rows]), np.concatenate(right), bounds=bounds)
    assert found.status == 0
    return float(found.fun)


def _dual(case: Case, alpha: float) -> float:
    from scipy.optimize import minimize

    size, centre = case.X.std(axis=0), case.X.mean(axis=0)
    Z = (case.X - centre) / size
    best = np.inf
    theta = np.zeros(Z.shape[1] + 1)
    for width in (1.0, 1e-2, 1e-4, 1e-6, 1e-8):  # kinks rounded off less and less: Moreau envelopes of the loss

        def rounded(theta, width=width):
            eta = Z @ theta[:-1] + theta[-1]
            value, slope = _envelope(case, eta, width)
            b = theta[:-1] / size
            gradient = np.append(Z.T @ slope / len(Z) + alpha * b / size, slope.mean())
            return value.mean() + alpha * b @ b / 2, gradient

        theta = minimize(rounded, theta, jac=True, method="BFGS", options={"maxiter": 3000, "gtol": 1e-10}).x
        b = theta[:-1] / size
        best = min(best, objective(case, Penalty("l2", alpha=alpha), b, theta[-1] - centre @ b))
    return float(best)


def _envelope(case: Case, eta, width):
    """A piecewise linear loss with slope s in [low, high] about its kinks: max over s of s r - width s^2 / 2."""

    def corner(r, low, high):
        s = np.clip(r / width, low, high)
        return s * r - width * s**2 / 2, s

    if case.loss == "hinge":
        value, s = corner(1 - case.y * eta, 0, 1)
        return value, -case.y * s
    if case.loss == "quantile":
        value, s = corner(case.y - eta, case.parameter - 1, case.parameter)
        return value, -s
    above, up = corner(eta - case.y - case.parameter, 0, 1)
    below, down = corner(case.y - eta - case.parameter, 0, 1)
    return above + below, up - down


@pytest.mark.parametrize("solver", EXACT)
def test_a_users_penalty_is_the_built_in_one(solver):
    case, user = make_case("squared"), UserAbsolute(0.02)
    found = case.fit(solver, Penalty("user", user=user), tol=1e-8, max_iter=20_000)
    built_in = case.fit(solver, Penalty("l1", alpha=0.02), tol=1e-8, max_iter=20_000)
    assert found.status == built_in.status == "converged"
    assert_allclose(found.coef, built_in.coef, rtol=1e-6, atol=1e-9)
    assert_allclose(found.objective, built_in.objective, rtol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_users_loss_is_the_built_in_one(solver):
    jit = pytest.importorskip("mlcraft.jit")

    @jit.loss
    def own(y, eta):
        return 0.5 * (y - eta) ** 2

    case, penalty = make_case("squared", weighted=True), Penalty("l1", alpha=0.02)
    step = settings(step=0.01)  # own curvature is not known as well as the built-in one
    found = Case(own, case.X, case.y, case.weight).fit(solver, penalty, tol=0.0, max_iter=10, options=step)
    built_in = case.fit(solver, penalty, tol=0.0, max_iter=10, options=step)
    assert_allclose(found.coef, built_in.coef, rtol=1e-10, atol=1e-12)
    assert_allclose(found.objective, built_in.objective, rtol=1e-10)
    if solver in EXACT:
        found = Case(own, case.X, case.y, case.weight).fit(solver, penalty, tol=1e-8, max_iter=20_000)
        assert found.status == "converged"
        assert violation(case, penalty, found.coef, found.intercept) < 1e-6


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["none", "l1", "group"])
@pytest.mark.parametrize("solver", ["fista", "saga"])
def test_weights_and_intercepts(solver, name, weighted, fit_intercept):
    for loss in ("logistic", "multinomial", "squared"):
        case, penalty = make_case(loss, weighted=weighted), penalties()[name]
        tol = 1e-5 if loss == "multinomial" and name == "group" else 1e-7
        found = case.fit(solver, penalty, tol=tol, max_iter=20_000, fit_intercept=fit_intercept)
        assert found.status == "converged"
        assert violation(case, penalty, found.coef, found.intercept, fit_intercept) < 5 * tol
        if not fit_intercept:
            assert not np.any(found.intercept)


@pytest.mark.parametrize("solver", ["gd", "nesterov", "svrg", "saga"])
@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson", "huber"])
def test_offset(loss, solver):
    case = make_case(loss)
    offset = 0.5 * np.sin(np.arange(len(case.y)))
    found = case.fit(solver, Penalty("l2", alpha=0.01), offset=offset, tol=1e-7, max_iter=20_000)
    assert found.status == "converged"
    assert violation(case, Penalty("l2", alpha=0.01), found.coef, found.intercept, offset=offset) < 1e-6


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_storages_agree(solver, dtype):
    case, penalty = make_case("logistic", n=90, weighted=True), Penalty("elastic_net", alpha=0.01)
    X = np.where(np.abs(case.X - case.X.mean(axis=0)) < 0.5 * case.X.std(axis=0), 0, case.X).astype(dtype)
    # few iterations: nearer to the optimum rounding, and with it the order of a storage's sums, steers a line search
    fits = {name: case.fit(solver, penalty, X=make(X), max_iter=8, tol=0.0) for name, make in (DENSE | SPARSE).items()}
    close = {np.float64: 1e-9, np.float32: 2e-3}[dtype]
    for name, found in fits.items():
        assert found.coef.dtype == dtype
        assert_allclose(found.objective, fits["c"].objective, rtol=close, err_msg=name)
        assert_allclose(found.coef, fits["c"].coef, rtol=close, atol=close, err_msg=name)


# ---------------------------------------------------------------- rates


def conditioned(number: float, n: int = 400, p: int = 12, seed: int = 0):
    """Orthogonal columns mixed so that their second moments, at unit variance, have a given condition number."""
    random = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(random.standard_normal((p, p)))
    moments = Q * np.geomspace(1, number, p) @ Q.T
    for _ in range(200):  # unit diagonal
        size = 1 / np.sqrt(np.diag(moments))
        moments = moments * size * size[:, None]
    Z, _ = np.linalg.qr(random.standard_normal((n, p + 1)) - 0)
    Z = Z - Z.mean(axis=0)
    Z, _ = np.linalg.qr(Z)
    X = np.sqrt(n) * Z[:, :p] @ np.linalg.cholesky(moments).T
    values = np.linalg.eigvalsh(np.cov(X.T, bias=True))
    return X, X @ random.standard_normal(p) + random.standard_normal(n), values[-1] / values[0]


def gaps(found, best):
    rows = np.array(found.trace)
    return rows[:, 0], rows[:, 3] - best


def test_nesterov_beats_plain_descent_as_theory_says():
    """Iterations go with the condition number for plain descent, with its root for the accelerated one."""
    counts = {}
    for wanted in (30.0, 3000.0):
        X, y, number = conditioned(wanted)
        for solver in ("gd", "nesterov", "fista"):
            found = fit_first_order(
                X, y, loss="squared", solver=solver, options=settings(step_rule="fixed"), tol=1e-7, max_iter=200_000
            )
            assert found.status == "converged"
            counts[wanted, solver] = found.n_iter
        assert counts[wanted, "gd"] < 12 * number + 50
        assert counts[wanted, "nesterov"] < 40 * np.sqrt(number) + 50
    growth = {solver: counts[3000.0, solver] / counts[30.0, solver] for solver in ("gd", "nesterov")}
    assert growth["gd"] > 20
    assert growth["nesterov"] < 16
    assert counts[3000.0, "nesterov"] * 8 < counts[3000.0, "gd"]


def test_worst_case_bound_of_fista():
    """objective(k) - best <= 2 L |theta - theta*|^2 / (k + 1)^2 (Beck and Teboulle 2009), without restart."""
    X, y, _ = conditioned(1e4)
    exact = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    best = np.mean((y - y.mean() - (X - X.mean(axis=0)) @ exact) ** 2) / 2
    L = np.linalg.eigvalsh(np.cov(X.T, bias=True))[-1]
    theta = exact * X.std(axis=0)
    found = fit_first_order(
        X,
        y,
        loss="squared",
        solver="fista",
        options=settings(step=0.999 / L, restart=False),
        tol=0,
        max_iter=300,
        trace=True,
    )
    k, gap = gaps(found, best)
    assert np.all(gap[1:] <= 2 * L / 0.999 * (theta @ theta) / (k[1:]) ** 2)


@pytest.mark.parametrize("solver", ["svrg", "saga"])
@pytest.mark.parametrize("loss", ["squared", "logistic", "multinomial"])
def test_variance_reduction_converges_linearly(solver, loss):
    """The logarithm of the gap falls on a line, far below where plain stochastic gradients with the same step stay."""
    case = make_case(loss, n=400)
    penalty = Penalty("l2", alpha=1e-3)
    best = case.fit("fista", penalty, tol=1e-13, max_iter=100_000).objective
    found = case.fit(solver, penalty, tol=1e-12, max_iter=3000, trace=True)
    k, gap = gaps(found, best)
    seen = gap > 1e-13 * max(best, 1)
    k, logs = k[seen], np.log(gap[seen])
    assert logs[0] - logs[-1] > np.log(1e9)
    half = logs.min() + (logs.max() - logs.min()) / 2
    middle = k[np.argmax(logs <= half)]
    assert middle > 0.2 * k[-1]  # as steep in the second half as in the first, up to a factor
    plain = case.fit("sgd", penalty, tol=1e-12, max_iter=int(k[-1]), options=settings(schedule="constant"))
    assert plain.objective - best > 1e3 * gap[seen][-1]


def test_decreasing_steps_and_averages_approach():
    """sgd with constant steps stays where its noise leaves it; decreasing steps or averages go on."""
    case = make_case("squared", n=600)
    best = case.fit("fista", tol=1e-12, max_iter=100_000).objective

    def gap(epochs, **chosen):
        return case.fit("sgd", max_iter=epochs, tol=0.0, options=settings(**chosen)).objective - best

    assert gap(400, schedule="constant", average=True) < 0.2 * gap(400, schedule="constant")
    for schedule in ("invscaling", "step_decay"):
        assert gap(400, schedule=schedule) < 0.5 * gap(25, schedule=schedule)


# ---------------------------------------------------------------- steps


@pytest.mark.parametrize(
    ("solver", "rule"),
    [
        (s, r)
        for s, r in itertools.product(SOLVERS, ("fixed", "backtracking", "barzilai_borwein"))
        if not refusal("squared", s, FirstOrderSettings(step_rule=r))
    ],
)
@pytest.mark.parametrize("loss", ["squared", "poisson"])
def test_step_rules(loss, solver, rule):
    case = make_case(loss)
    best = case.fit("fista", penalties()["l1"], tol=1e-9, max_iter=20_000).objective
    start = case.fit(solver, penalties()["l1"], max_iter=0).objective
    found = case.fit(solver, penalties()["l1"], options=settings(step_rule=rule), tol=1e-7, max_iter=2000)
    assert found.objective - best < 1e-3 * (start - best)
    if solver in EXACT:
        assert found.status == "converged"


def test_barzilai_borwein_needs_fewer_steps_than_fixed_ones():
    X, y, _ = conditioned(1e3)
    counts = {
        rule: fit_first_order(
            X, y, loss="squared", solver="gd", options=settings(step_rule=rule), tol=1e-7, max_iter=100_000
        ).n_iter
        for rule in ("fixed", "barzilai_borwein")
    }
    assert counts["barzilai_borwein"] * 5 < counts["fixed"]


@pytest.mark.parametrize("solver", ["gd", "momentum", "nesterov", "fista", "sgd", "svrg", "saga"])
@pytest.mark.parametrize("step", [1e3, 1e10, 1e300])
def test_a_step_too_large_diverges_and_leaves_the_best_iterate(step, solver):
    case = make_case("squared")
    found = case.fit(solver, options=settings(step=step, step_rule="fixed", schedule="auto"), max_iter=500)
    start = case.fit(solver, max_iter=0)
    assert found.status == "diverged"
    assert np.isfinite(found.coef).all()
    assert found.objective <= start.objective
    assert_allclose(found.objective, objective(case, Penalty(), found.coef, found.intercept), rtol=1e-9)


# ---------------------------------------------------------------- limits, traces, callbacks


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("max_iter", [0, 1, 2, 5])
def test_an_early_stop_tells_the_truth(max_iter, solver):
    case, penalty = make_case("logistic", weighted=True), penalties()["l1"]
    found = case.fit(solver, penalty, tol=0.0, max_iter=max_iter, trace=True)
    assert (found.status, found.n_iter) == ("max_iter", max_iter)
    assert_allclose(found.objective, objective(case, penalty, found.coef, found.intercept), rtol=1e-10)
    residual = np.sqrt(np.average(case.y, weights=case.weight) * (1 - np.average(case.y, weights=case.weight)))
    assert_allclose(found.certificate * residual, violation(case, penalty, found.coef, found.intercept), rtol=1e-6)
    rows = np.array(found.trace)
    assert rows.shape == (max_iter + 1, 5)
    assert_array_equal(rows[:, 0], np.arange(max_iter + 1))
    assert np.all(np.diff(rows[:, 1:3], axis=0) >= 0)
    assert found.objective == rows[:, 3].min()
    assert found.passes == rows[-1, 1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_callback_ends_the_fit(solver):
    case, seen = make_case("squared"), []

    def callback(iteration, objective, certificate):
        seen.append((iteration, objective, certificate))
        return len(seen) == 4

    found = case.fit(solver, tol=0.0, callback=callback)
    assert found.status == "interrupted"
    assert [row[0] for row in seen] == [0, 1, 2, 3]
    assert found.objective == min(row[1] for row in seen)
    with pytest.raises(ZeroDivisionError):
        case.fit(solver, callback=lambda *_: 1 / 0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_time_limit(solver):
    case = make_case("squared", n=20_000)
    found = case.fit(solver, tol=0.0, max_iter=10**6, max_time=2e-4)  # all converge in milliseconds
    assert found.status == "max_time"
    assert np.isfinite(found.objective)
    assert case.fit(solver, tol=0.0, max_time=0.0).status == "max_time"


@pytest.mark.parametrize("solver", SOLVERS)
def test_starts_where_it_is_told(solver):
    case, penalty = make_case("logistic"), penalties()["l2"]
    best = case.fit("fista", penalty, tol=1e-10, max_iter=20_000)
    found = case.fit(solver, penalty, init=(best.coef, best.intercept), tol=1e-8)
    assert (found.status, found.n_iter) == ("converged", 0)
    assert_allclose(found.coef, best.coef, rtol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "svrg", "saga", "adam"])
def test_seeds(solver):
    case = make_case("logistic", n=500)
    batch = 32

    def fit(seed):
        return case.fit(solver, max_iter=3, tol=0.0, options=settings(seed=seed, batch_size=batch))

    assert_array_equal(fit(1).coef, fit(1).coef)
    assert np.any(fit(1).coef != fit(2).coef)


# ---------------------------------------------------------------- hostile


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("where", ["X", "y", "weight", "offset"])
@pytest.mark.parametrize("what", [np.nan, np.inf])
def test_not_finite_is_named(solver, where, what):
    case = make_case("squared", weighted=True)
    X, y, weight, offset = case.X.copy(), case.y.copy(), case.weight.copy(), np.zeros(len(case.y))
    {"X": X[:, 2], "y": y, "weight": weight, "offset": offset}[where][3] = what
    found = case.fit(solver, X=X, y=y, sample_weight=weight, offset=offset, max_iter=3)
    assert found.status == "not_finite"


@pytest.mark.parametrize("solver", SOLVERS)
def test_constant_and_extreme_columns(solver):
    """A constant column gets no coefficient; columns of any scale are alike; those out of range are refused."""
    case = make_case("squared")
    plain = case.fit(solver, max_iter=5, tol=0.0)
    scale = np.array([1e-90, 1e90, 1e30, 1.0, 1e-7])
    scaled = case.fit(solver, X=case.X * scale, max_iter=5, tol=0.0)
    assert_allclose(scaled.coef * scale, plain.coef, rtol=1e-6, atol=1e-12)
    more = np.column_stack([case.X, np.full(len(case.y), 0.1)])
    assert case.fit(solver, X=more, max_iter=5).coef[5] == 0
    assert case.fit(solver, X=case.X * 1e200).status == "not_finite"


@pytest.mark.parametrize("solver", EXACT)
def test_bounds_of_a_constant_column(solver):
    case = make_case("squared")
    X = np.column_stack([case.X, np.full(len(case.y), 0.1)])
    box = Penalty("box", lower=np.append(np.full(5, -np.inf), 2.0))
    found = case.fit(solver, box, X=X, tol=1e-8, max_iter=20_000)
    free = case.fit(solver, tol=1e-8, max_iter=20_000)
    assert found.coef[5] == 2
    assert_allclose(found.coef[:5], free.coef, rtol=1e-4, atol=1e-8)
    assert_allclose(found.intercept + 0.2, free.intercept, rtol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_row_and_few_rows(solver):
    one = fit_first_order(np.array([[1.0, 2.0]]), np.array([3.0]), loss="squared", solver=solver)
    assert one.status == "converged"
    assert_allclose(one.intercept + one.coef @ [1, 2], 3)
    case = make_case("logistic", n=12, p=5)
    random = np.random.default_rng(0)
    wide = Case("logistic", random.standard_normal((12, 40)), case.y)
    penalty = Penalty("l2", alpha=0.1)
    found = wide.fit(solver, penalty, tol=1e-6, max_iter=3000)
    best = wide.fit("fista", penalty, tol=1e-10, max_iter=3000).objective
    assert found.objective - best < 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_without_weight_are_missing(solver):
    case = make_case("squared")
    random = np.random.default_rng(3)
    X = np.vstack([case.X, 1e6 * random.standard_normal((20, 5))])
    y, weight = np.append(case.y, np.full(20, 1e6)), np.append(np.ones(150), np.zeros(20))
    found = case.fit(solver, X=X, y=y, sample_weight=weight, max_iter=400)
    there = case.fit(solver, max_iter=400)
    assert_allclose(found.objective, there.objective, rtol=1e-4)
    assert case.fit(solver, sample_weight=np.zeros(150)).status == "not_finite"


@pytest.mark.parametrize("solver", SOLVERS)
def test_perfect_fits_and_outliers(solver):
    case = make_case("squared")
    zero = case.fit(solver, y=np.full(150, 7.0))
    assert (zero.status, zero.n_iter) == ("converged", 0)
    assert_allclose(zero.intercept, 7)
    X = case.X.copy()
    X[3] *= 1e4
    found = case.fit(solver, X=X, max_iter=300)
    assert np.isfinite(found.objective)
    assert found.objective <= case.fit(solver, X=X, max_iter=0).objective


@pytest.mark.parametrize("solver", EXACT)
def test_separated_classes_do_not_run_for_ever(solver):
    X = np.arange(20.0)[:, None]
    found = fit_first_order(X, (X[:, 0] > 9).astype(float), loss="logistic", solver=solver, tol=1e-12, max_iter=300)
    assert found.status in ("max_iter", "stalled")
    assert found.objective < 0.1


def test_sparse_wide_text_like():
    random = np.random.default_rng(1)
    X = sparse.random_array((200, 600), density=0.02, rng=random, format="csr")
    y = (np.asarray(X[:, :20].sum(axis=1)).ravel() > 0).astype(float)
    case, penalty = Case("logistic", X, y), Penalty("l2", alpha=1e-3)
    for solver, tol in {"fista": 1e-6, "saga": 1e-3, "svrg": 1e-3}.items():
        found = case.fit(solver, penalty, tol=tol, max_iter=2000)
        assert found.status == "converged"
        assert violation(case, penalty, found.coef, found.intercept) < tol


# ---------------------------------------------------------------- refusals

WRONG = [
    ({"solver": "newton"}, "solver"),
    ({"loss": "cubed"}, "loss"),
    ({"loss": "hinge"}, "kinks.*'sgd'"),
    ({"loss": "multinomial", "offset": np.zeros(8)}, "offset"),
    ({"penalty": Penalty("l3")}, "penalty"),
    ({"penalty": Penalty("l2", alpha=-1.0)}, "alpha"),
    ({"penalty": Penalty("elastic_net", alpha=1.0, l1_ratio=2.0)}, "l1_ratio"),
    ({"penalty": Penalty("box", lower=np.ones(2), upper=np.zeros(2))}, "column 0"),
    ({"penalty": Penalty("box", lower=np.ones(3))}, "lower"),
    ({"penalty": Penalty("group", alpha=1.0)}, "groups"),
    ({"penalty": Penalty("group", alpha=1.0, groups=np.zeros(3, int))}, "groups"),
    ({"penalty": Penalty("user")}, "compiled"),
    ({"options": settings(step=0.0)}, "step"),
    ({"options": settings(step=np.nan)}, "step"),
    ({"options": settings(step_rule="armijo")}, "step_rule"),
    ({"options": settings(step_rule="barzilai_borwein")}, "step_rule.*'gd'"),
    ({"options": settings(schedule="constant")}, "schedule"),
    ({"options": settings(average=True)}, "average"),
    ({"options": settings(batch_size=3)}, "batch_size"),
    ({"options": settings(momentum=1.0)}, "momentum"),
    ({"options": settings(beta2=-0.1)}, "beta2"),
    ({"options": settings(power=np.nan)}, "power"),
    ({"options": settings(seed=-1)}, "seed"),
    ({"tol": -1.0}, "tol"),
    ({"tol": np.nan}, "tol"),
    ({"init": (np.zeros(3), np.zeros(1))}, "coef"),
    ({"sample_weight": np.ones(7)}, "sample_weight"),
    ({"offset": np.ones(7)}, "offset"),
    ({"y": np.ones(7)}, "y must"),
]


@pytest.mark.parametrize(("wrong", "text"), WRONG)
def test_refusals_name_the_argument(wrong, text):
    arguments = {"loss": "squared", "solver": "nesterov", "y": np.arange(8.0)} | wrong
    with pytest.raises(ValueError, match=text):
        fit_first_order(np.arange(16.0).reshape(8, 2), arguments.pop("y"), **arguments)


def test_what_goes_together():
    for loss, solver in itertools.product(ALL_LOSSES, SOLVERS):
        allowed = loss in SMOOTH_LOSSES or solver in ("sgd", "adagrad", "rmsprop", "adam")
        assert (refusal(loss, solver) is None) == allowed
