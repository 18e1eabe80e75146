"""All solvers of `solve` reach the same optimum, certified outside the library; other libraries and R agree."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference.optimality import Objective
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from mlcraft import solve, solvers_for

GROUPS = np.array([0, 0, 1, 1, 2])
KINDS = ["weighted", "offset", "no intercept", "float32", "csr", "csc", "fortran"]
SOFT = {"adagrad", "rmsprop", "adam", "sgd"}  # without an end that proves itself


@dataclass
class Case:
    """A problem of the table: `given` is for solve(), `textbook` for the reference."""

    loss: str
    penalty: str | None = None
    given: dict = field(default_factory=dict)

    @property
    def textbook(self):
        found = {key: value for key, value in self.given.items() if key in ("alpha", "l1_ratio", "groups")}
        if "bounds" in self.given:
            lower, upper = self.given["bounds"]
            found |= {"lower": lower, "upper": np.inf if upper is None else upper}
        return found | {"name": self.penalty or "none"}


CASES = {
    "squared": Case("squared"),
    "squared l2": Case("squared", "l2", {"alpha": 0.1}),
    "squared l1": Case("squared", "l1", {"alpha": 0.2}),
    "squared elastic net": Case("squared", "elastic_net", {"alpha": 0.2, "l1_ratio": 0.7}),
    "squared box": Case("squared", "box", {"bounds": (0.0, None)}),
    "squared group": Case("squared", "group", {"alpha": 0.3, "groups": GROUPS}),
    "logistic": Case("logistic"),
    "logistic l2": Case("logistic", "l2", {"alpha": 0.02}),
    "logistic l1": Case("logistic", "l1", {"alpha": 0.05}),
    "logistic elastic net": Case("logistic", "elastic_net", {"alpha": 0.05, "l1_ratio": 0.5}),
    "logistic box": Case("logistic", "box", {"bounds": (-0.05, 0.3)}),
    "multinomial l2": Case("multinomial", "l2", {"alpha": 0.02}),
    "multinomial l1": Case("multinomial", "l1", {"alpha": 0.03}),
    "multinomial group": Case("multinomial", "group", {"alpha": 0.03, "groups": GROUPS}),
    "squared hinge l2": Case("squared_hinge", "l2", {"alpha": 0.02}),
    "squared hinge l1": Case("squared_hinge", "l1", {"alpha": 0.05}),
    "modified huber l2": Case("modified_huber", "l2", {"alpha": 0.02}),
    "huber": Case("huber", None, {"parameter": 1.35}),
    "huber l1": Case("huber", "l1", {"alpha": 0.1, "parameter": 0.8}),
    "squared epsilon insensitive l2": Case("squared_epsilon_insensitive", "l2", {"alpha": 0.05, "parameter": 0.2}),
    "poisson": Case("poisson"),
    "poisson l2": Case("poisson", "l2", {"alpha": 0.05}),
    "poisson l1": Case("poisson", "l1", {"alpha": 0.1}),
    "hinge l2": Case("hinge", "l2", {"alpha": 0.005}),
    "hinge l1": Case("hinge", "l1", {"alpha": 0.02}),
    "quantile": Case("quantile", None, {"parameter": 0.3}),
    "quantile l2": Case("quantile", "l2", {"alpha": 0.05, "parameter": 0.3}),
    "epsilon insensitive": Case("epsilon_insensitive", "elastic_net", {"alpha": 0.05, "parameter": 0.2}),
}
RUNS = [(name, solver) for name, case in CASES.items() for solver in ("auto", *solvers_for(case.loss, case.penalty))]


@pytest.fixture(scope="module")
def design():
    random = np.random.default_rng(7)
    X = random.standard_normal((150, 5)) @ (np.eye(5) + 0.4) * [1.0, 3.0, 0.3, 1.0, 2.0] + [0.0, 4.0, 0.0, -1.0, 0.0]
    eta = X @ [0.6, -0.2, 0.0, 0.3, 0.0] + 0.4
    noise = random.standard_normal(150)
    return X, {
        "number": eta + noise,
        "two": np.where(eta + 1.5 * random.logistic(size=150) > 0, "yes", "no"),
        "classes": np.digitize(eta + noise, [-0.5, 1.0]),
        "count": random.poisson(np.exp(0.5 * eta)).astype(float),
    }


def target(case, ys):
    if case.loss in ("logistic", "hinge", "squared_hinge", "modified_huber"):
        return ys["two"]
    return ys.get({"multinomial": "classes", "poisson": "count"}.get(case.loss, "number"))


def settings(case, solver):
    if solver in SOFT:
        return {"max_iter": 1000 if solver == "sgd" else 3000} | (
            {} if solver == "adagrad" else {"schedule": "invscaling"}
        )
    return {"max_iter": 20_000}


@pytest.fixture(scope="module")
def best(design):
    """The optimum of each case, proved outside: computed once."""
    X, ys = design
    found = {}

    def of(name):
        if name not in found:
            case = CASES[name]
            y = target(case, ys)
            solution = solve(X, y, loss=case.loss, penalty=case.penalty, tol=1e-9, max_iter=20_000, **case.given)
            textbook = Objective(X, y, case.loss, case.given.get("parameter", 0.0), **case.textbook)
            assert textbook.violation(solution.coef, solution.intercept) < 1e-6
            found[name] = textbook, textbook.value(solution.coef, solution.intercept)
        return found[name]

    return of


@pytest.mark.parametrize(("name", "solver"), RUNS)
def test_all_solvers_reach_the_same_optimum(design, best, name, solver):
    X, ys = design
    case = CASES[name]
    y = target(case, ys)
    textbook, least = best(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of solvers without a proof, judged by what they return
        found = solve(
            X, y, loss=case.loss, penalty=case.penalty, solver=solver, tol=1e-7, **case.given, **settings(case, solver)
        )
    assert_allclose(found.objective, textbook.value(found.coef, found.intercept), rtol=1e-9)
    kinked_loss = case.loss in ("hinge", "quantile", "epsilon_insensitive")
    if solver in SOFT:
        assert (found.objective - least) / least < (2e-2 if kinked_loss else 1e-3), found.message
        return
    assert found.status == "converged", found.message
    assert 0 <= found.certificate <= 1e-7
    assert textbook.violation(found.coef, found.intercept) < 1e-5
    assert abs(found.objective - least) < 1e-7 * least


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize(
    ("loss", "solver"), [("hinge", "dual"), ("quantile", "dual"), ("squared", "gram"), ("squared", "direct")]
)
def test_solvers_with_doors_of_their_own_whatever_the_rows_are(design, loss, solver, penalty, kind):
    if solver == "direct" and penalty != "l2":
        pytest.skip("the factorisation is for L2 penalties")
    X, ys = design
    given = {"alpha": 0.05 if loss == "squared" else 0.01} | ({"parameter": 0.3} if loss == "quantile" else {})
    case = Case(loss, penalty, given)
    y = target(case, ys)
    held, more, about, tol, limit = rows_of_kind(X, y, kind)
    found = solve(held, y, loss=loss, penalty=penalty, solver=solver, tol=tol, **given, **more)
    textbook = Objective(X, y, loss, given.get("parameter", 0.0), **about, **case.textbook)
    assert found.status == "converged", found.message
    assert found.certificate <= max(tol, 2e-6 * (kind == "float32"))
    assert textbook.violation(found.coef, found.intercept) < limit


def rows_of_kind(X, y, kind):
    """X as the kind has it, more for solve() and for the textbook, the tolerance and the largest violation."""
    random = np.random.default_rng(1)
    more, about, held, tol, limit = {}, {}, X, 1e-7, 1e-5
    if kind == "weighted":
        about["weight"] = more["sample_weight"] = random.integers(0, 4, len(y)).astype(float)
    elif kind == "offset":
        about["offset"] = more["offset"] = random.standard_normal(len(y))
    elif kind == "no intercept":
        about["fit_intercept"] = more["fit_intercept"] = False
    elif kind == "float32":
        held, tol, limit = X.astype(np.float32), 1e-5, 1e-4
    else:
        held = {"csr": sparse.csr_array, "csc": sparse.csc_array, "fortran": np.asfortranarray}[kind](X)
    return held, more, about, tol, limit


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["newton", "lbfgs", "newton-cg", "nesterov", "fista", "gd", "saga", "svrg"])
@pytest.mark.parametrize("loss", ["logistic", "huber", "multinomial"])
def test_whatever_the_rows_are(design, solver, loss, kind):
    X, ys = design
    case = Case(loss, "l2", {"alpha": 0.05} | ({"parameter": 1.0} if loss == "huber" else {}))
    y = target(case, ys)
    if kind == "offset" and loss == "multinomial":
        pytest.skip("an offset is not for several classes")
    held, more, about, tol, limit = rows_of_kind(X, y, kind)
    found = solve(held, y, loss=loss, solver=solver, tol=tol, max_iter=20_000, **case.given, **more)
    textbook = Objective(X, y, loss, case.given.get("parameter", 0.0), **about, **case.textbook)
    assert found.status == "converged", found.message
    assert textbook.violation(found.coef, found.intercept) < limit
