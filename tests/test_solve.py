"""The functional front: arguments, warnings, and that all solvers find the same minimum."""

import functools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import squared
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

import mlcraft
from mlcraft.linear_model import Ridge

solve = functools.partial(mlcraft.solve, loss="squared")
SOLVERS = ["direct", "gd", "nesterov"]
every_solver = pytest.mark.parametrize("solver", SOLVERS)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    X = random.standard_normal((80, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, -2]
    return X, X @ [1.0, -0.2, 3.0, 0.5] + random.standard_normal(80) + 2, random.uniform(0.5, 2, 80)


@pytest.mark.parametrize(
    "statement", ["from mlcraft import Solution, solve", "import mlcraft.solve; from mlcraft import solve"]
)
def test_solve_is_the_function_in_whatever_order(statement):
    done = subprocess.run([sys.executable, "-c", f"{statement}; assert callable(solve)"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("engine", ["cpp", "numba"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.2])
@every_solver
def test_all_solvers_find_the_minimum(data, solver, alpha, weighted, fit_intercept, engine):
    X, y, weight = data
    w = weight if weighted else None
    coef, intercept = squared.minimiser(X, y, w, alpha, fit_intercept)
    with mlcraft.config_context(engine=engine):
        found = solve(X, y, solver=solver, alpha=alpha, sample_weight=w, fit_intercept=fit_intercept)
    assert isinstance(found, mlcraft.Solution)
    assert found.status == "converged"
    assert_allclose(found.coef, coef, rtol=1e-6, atol=1e-7)
    assert_allclose(found.intercept, intercept, rtol=1e-6, atol=1e-7)
    best = squared.value_and_gradient(X, y, coef, intercept, w, alpha)[0]
    assert_allclose(found.objective, best, rtol=1e-12)
    assert found.coef.dtype == np.float64
    assert isinstance(found.intercept, float)
    assert (found.factor is not None) == (solver == "direct")


def test_alpha_is_that_of_ridge_for_each_row(data):
    X, y, weight = data
    found = solve(X, y, alpha=0.2, sample_weight=weight)
    model = Ridge(alpha=0.2 * weight.sum()).fit(X, y, weight)
    assert_allclose(found.coef, model.coef_, rtol=1e-12)


@every_solver
@pytest.mark.parametrize(
    "turn",
    [
        lambda X: X.tolist(),
        lambda X: X.astype(np.float32),
        lambda X: X.astype(np.float16),
        lambda X: X.astype(np.longdouble),
        lambda X: X.astype(X.dtype.newbyteorder()),
        lambda X: X.astype(object),
        lambda X: np.asfortranarray(X),
        lambda X: X[::-1][::-1],
        sparse.csr_array,
        sparse.csc_array,
        sparse.coo_array,
        sparse.csr_matrix,
    ],
)
def test_kinds_of_input(data, solver, turn):
    X, y, _ = data
    found, expected = solve(turn(X), y, solver=solver), solve(X, y)
    assert_allclose(found.coef, expected.coef, rtol=2e-2)


@every_solver
def test_long_indices(data, solver):
    X, y, _ = data
    held = sparse.csr_array(X)
    held.indices, held.indptr = held.indices.astype(np.int64), held.indptr.astype(np.int64)
    assert_allclose(solve(held, y, solver=solver).coef, solve(X, y).coef, rtol=1e-6)


def test_a_step_too_large_warns(data):
    X, y, _ = data
    for solver in ("gd", "nesterov"):
        with pytest.warns(ConvergenceWarning, match="step is too large"):
            found = solve(X, y, solver=solver, step=50.0)
        assert found.status == "diverged"
        assert np.isfinite([*found.coef, found.intercept, found.objective]).all()


def test_an_early_stop_warns_and_says_what_to_do(data):
    X, y, _ = data
    with pytest.warns(ConvergenceWarning, match=r"max_iter = 2 .* raise max_iter"):
        found = solve(X, y, solver="gd", max_iter=2)
    assert (found.status, found.n_iter) == ("max_iter", 2)
    assert "max_iter" in found.message


def test_dependent_columns_are_named_in_the_status(data):
    X, y, _ = data
    X = np.column_stack([X, X[:, 0]])
    found = solve(X, y)
    assert found.status == "rank_deficient"
    assert "minimum norm" in found.message
    assert_allclose(found.coef[0], found.coef[4], rtol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"loss": "cubed"}, "loss"),
        ({"solver": "newtons"}, "solver"),
        ({"penalty": "l3"}, "penalty"),
        ({"seed": -1}, "seed"),
        ({"max_time": -1.0}, "max_time"),
        ({"parameter": 1.0}, "parameter"),
        ({"offset": np.ones(79)}, "offset"),
        ({"init": np.ones(3)}, "init"),
        ({"callback": 3}, "callback"),
        ({"bounds": (0, 1)}, "bounds"),
        ({"groups": [0] * 4}, "groups"),
        ({"stride": 1}, "stride"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": np.nan}, "alpha"),
        ({"alpha": np.inf}, "alpha"),
        ({"alpha": "1"}, "alpha"),
        ({"alpha": np.ones(2)}, "alpha"),
        ({"step": 0.0}, "step"),
        ({"step": -1.0}, "step"),
        ({"step": np.nan}, "step"),
        ({"step": np.inf}, "step"),
        ({"max_iter": -1}, "max_iter"),
        ({"max_iter": 1.5}, "max_iter"),
        ({"tol": -1.0}, "tol"),
        ({"tol": np.nan}, "tol"),
        ({"sample_weight": -np.ones(80)}, "sample_weight"),
        ({"sample_weight": np.zeros(80)}, "[Ww]eight"),
        ({"sample_weight": np.ones(79)}, "sample_weight"),
        ({"sample_weight": np.full(80, np.nan)}, "NaN"),
    ],
)
@every_solver
def test_wrong_arguments_raise_and_name_the_culprit(data, solver, wrong, text):
    X, y, _ = data
    with pytest.raises((ValueError, TypeError), match=text):
        solve(X, y, **({"solver": solver} | wrong))


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.ones((0, 2)), np.ones(0)),
        (np.ones((3, 0)), np.ones(3)),
        (np.ones(3), np.ones(3)),
        (np.ones((3, 2, 2)), np.ones(3)),
        (np.ones((3, 2)), np.ones(4)),
        (np.ones((3, 2)), np.ones((3, 2))),
        (np.full((3, 2), np.nan), np.ones(3)),
        (np.full((3, 2), np.inf), np.ones(3)),
        (np.ones((3, 2)), np.array([1, np.nan, 2])),
        (np.ones((3, 2)), np.array([1, -np.inf, 2])),
        (np.ones((3, 2), dtype=complex), np.ones(3)),
        ([["a", "b"], ["c", "d"]], [1, 2]),
        (sparse.csr_array(np.full((3, 2), np.nan)), np.ones(3)),
    ],
)
@every_solver
def test_hostile_data_raise(X, y, solver):
    with pytest.raises(ValueError, match=r"."):
        solve(X, y, solver=solver)


@pytest.mark.parametrize("scales", [(1e300, 1), (1e-300, 1), (1, 1e300), (1, 1e-300), (1e300, 1e300), (1e-300, 1e-300)])
@pytest.mark.parametrize("engine", ["cpp", "numba"])
@every_solver
def test_no_silent_nonsense_far_from_one(data, solver, scales, engine):
    """Right, or an error, or a warning that the solver did not get there."""
    X, y, _ = data
    expected = solve(X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with mlcraft.config_context(engine=engine):
                found = solve(X * scales[0], y * scales[1], solver=solver)
        except ValueError:
            return
    assert not [w for w in caught if issubclass(w.category, RuntimeWarning)]
    if not caught:
        assert found.status == "converged"
        assert_allclose(found.coef * scales[0] / scales[1], expected.coef, rtol=1e-6)
        assert not np.isnan(found.objective)
