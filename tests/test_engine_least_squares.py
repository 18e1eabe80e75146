"""Least squares against exact rational arithmetic and against certificates that need no solver."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference.least_squares import centred_design, exact_fit, gradient_violation, kkt_violation
from registry import DENSE, DTYPES, PROBLEMS, REGULAR, SPARSE, STORAGES, Problem
from scipy import optimize, sparse
from threadpoolctl import threadpool_limits

from mlcraft._engine.least_squares import LeastSquaresFit, fit_least_squares

EPS = {np.float64: 2.3e-16, np.float32: 1.2e-7}
every_problem = pytest.mark.parametrize("name", PROBLEMS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
both_intercepts = pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "origin"])


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread():
    """The references are small: threads of NumPy's would only wait for each other."""
    with threadpool_limits(1, "blas"):
        yield


def fit(problem, **options) -> LeastSquaresFit:
    return fit_least_squares(problem.X, problem.y, sample_weight=problem.weight, **options)


def two_dimensional(found, problem):
    k = 1 if problem.y.ndim == 1 else problem.y.shape[1]
    return found.coef.reshape(k, -1), np.reshape(found.intercept, k)


def sizes(problem, fit_intercept):
    """Norms of the centred columns: coefficients times these are comparable."""
    A, _ = centred_design(problem.X, problem.y, problem.weight, fit_intercept, np.float64)
    return np.sqrt((A**2).sum(axis=0))


# ---------------------------------------------------------------- small problems: right to the last digit


@both_intercepts
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1.0, 1e6])
@every_problem
def test_equals_exact_arithmetic(name, alpha, fit_intercept):
    problem = PROBLEMS[name]()
    found = fit(problem, alpha=alpha, fit_intercept=fit_intercept)
    coef, intercept = two_dimensional(found, problem)
    expected, expected_intercept, rank = exact_fit(
        problem.X, problem.y, problem.weight, alpha=alpha, fit_intercept=fit_intercept
    )
    if name in REGULAR:  # refined until nothing changes: what is left is the rounding of the answer
        assert_allclose(coef, expected, rtol=5e-16, atol=0)
        assert_allclose(intercept, expected_intercept, rtol=5e-16, atol=0)
    else:
        scale = np.abs(expected).max(axis=1, keepdims=True)
        assert np.all(np.abs(coef - expected) <= 1e-10 * scale)
        assert_allclose(intercept, expected_intercept, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    if alpha == 0:
        assert found.rank == rank
        if "wide" not in problem.traits:
            assert found.status == ("converged" if rank == problem.X.shape[1] else "rank_deficient")


@both_intercepts
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@every_problem
def test_gradient_vanishes(name, alpha, fit_intercept):
    problem = PROBLEMS[name]()
    coef = fit(problem, alpha=alpha, fit_intercept=fit_intercept).coef
    found = gradient_violation(problem.X, problem.y, coef, problem.weight, alpha=alpha, fit_intercept=fit_intercept)
    orthogonal = name == "wide_scaled" and alpha > 0  # not refined from the rows
    assert found < (1e-11 if "deficient" in problem.traits else 1e-12 if orthogonal else 1e-15)


@both_intercepts
@pytest.mark.parametrize("name", [n for n, make in PROBLEMS.items() if make().traits])
def test_of_many_solutions_the_one_of_least_norm(name, fit_intercept):
    """It has no part in the null space of the centred design."""
    problem = PROBLEMS[name]()
    coef, _ = two_dimensional(fit(problem, fit_intercept=fit_intercept), problem)
    A, _ = centred_design(problem.X, problem.y, problem.weight, fit_intercept, np.float64)
    rank = exact_fit(problem.X, problem.y, problem.weight, fit_intercept=fit_intercept)[2]
    # scaling rows by their size changes no null space, and makes its computation safe
    norms = np.linalg.norm(A, axis=1, keepdims=True)
    null = np.linalg.svd(A / np.where(norms > 0, norms, 1))[2][rank:]
    assert np.abs(null @ coef.T).max(initial=0) <= 1e-10 * np.abs(coef).max(initial=0)


@every_problem
def test_intercept_balances_the_residuals(name):
    problem = PROBLEMS[name]()
    found = fit(problem, alpha=0.5)
    coef, intercept = two_dimensional(found, problem)
    weight = np.ones(len(problem.X)) if problem.weight is None else problem.weight
    y = problem.y.reshape(len(weight), -1).astype(np.longdouble)
    fitted = problem.X.astype(np.longdouble) @ coef.T
    reach = (np.abs(problem.X) @ np.abs(coef.T) + np.abs(intercept) + np.abs(y)).max()
    assert np.abs(weight @ (y - fitted - intercept)).max() <= 1e-14 * reach * weight.sum()


@every_problem
def test_single_precision(name):
    """The data rounded to float32 are another problem; its solution must be right to single precision."""
    problem = PROBLEMS[name]()
    if name in ("large_mean", "zero_weights", "wide_mean"):
        pytest.skip("float32 holds nothing of such columns")
    X, y = problem.X.astype(np.float32), problem.y.astype(np.float32)
    weight = None if problem.weight is None else problem.weight.astype(np.float32)
    found = fit_least_squares(X, y, sample_weight=weight)
    assert found.coef.dtype == found.intercept.dtype == np.float32
    expected, intercept, rank = exact_fit(X, y, weight)
    if name == "collinear_scales":
        assert found.rank == rank
        return  # 1e7 between the columns: single precision cannot hold all of a minimum-norm solution
    coef, ours = two_dimensional(found, problem)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    tolerance = 2e-7 if name in REGULAR else 1e-5
    assert np.all(np.abs(coef - expected) <= tolerance * (np.abs(expected) if name in REGULAR else scale))
    assert_allclose(ours, intercept, rtol=tolerance, atol=tolerance * np.abs(expected).max())


# ---------------------------------------------------------------- every storage gives the same


@both_intercepts
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(40, 5), (4, 9), (3000, 8)], ids=["tall", "wide", "long"])
@pytest.mark.parametrize("storage", STORAGES)
@every_dtype
def test_storages_agree(storage, dtype, shape, alpha, fit_intercept):
    random = np.random.default_rng(0)
    X = (random.standard_normal(shape) * (random.random(shape) < 0.6) + 0.25).astype(dtype)
    Y = random.standard_normal((shape[0], 2)).astype(dtype)
    weight = random.uniform(0, 2, shape[0]).astype(dtype)
    options = {"sample_weight": weight, "alpha": alpha, "fit_intercept": fit_intercept}
    expected = fit_least_squares(np.ascontiguousarray(X), Y, **options)
    found = fit_least_squares(STORAGES[storage](X), Y, **options)
    tolerance = {np.float64: 1e-13, np.float32: 2e-6}[dtype] * (1000 if storage in SPARSE else 1)
    assert_allclose(found.coef, expected.coef, rtol=0, atol=tolerance * np.abs(expected.coef).max())
    assert_allclose(found.intercept, expected.intercept, rtol=0, atol=tolerance)
    assert found.coef.dtype == dtype


@pytest.mark.parametrize("storage", DENSE)
def test_targets_and_weights_of_any_strides(storage):
    problem = PROBLEMS["weighted"]()
    Y = np.column_stack([problem.y, problem.y**2])
    held = STORAGES[storage](np.column_stack([Y, problem.weight]))
    found = fit_least_squares(problem.X, held[:, :2], sample_weight=held[:, 2])
    assert_array_equal(found.coef, fit_least_squares(problem.X, Y, sample_weight=problem.weight).coef)


@pytest.mark.parametrize("fmt", ["coo", "lil", "dok", "bsr", "csr_matrix"])
def test_other_sparse_formats_are_converted(fmt):
    problem = PROBLEMS["plain"]()
    make = getattr(sparse, fmt if "_" in fmt else f"{fmt}_array")
    assert_allclose(fit_least_squares(make(problem.X), problem.y).coef, fit(problem).coef, rtol=1e-13)


def test_a_sparse_argument_is_left_alone():
    problem = PROBLEMS["plain"]()
    X = sparse.csr_array(problem.X)
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int64)
    fit_least_squares(X, problem.y)
    assert (X.indices.dtype, X.indptr.dtype) == (np.int32, np.int64)


# ---------------------------------------------------------------- designs of some size


LARGE = {
    "few columns": (30_000, 3),
    "no refinement": (6000, 30),
    "many columns": (500, 120),
    "nearly square": (61, 60),
    "lanes of the triangle": (2500, 40),
    "shared tiles, triangle by blocks": (500, 270),
}


def large(n, p, condition, dtype=np.float64, seed=0):
    """Columns of any size whose directions have singular values from 1 down to 1 / condition, and a mean."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p))
    mixing = np.linalg.qr(random.standard_normal((p, p)))[0]
    X = X @ (mixing * np.geomspace(1, 1 / condition, p)) @ np.linalg.qr(random.standard_normal((p, p)))[0]
    X = X * 10.0 ** random.uniform(-3, 3, p) + random.standard_normal(p)
    y = X @ (random.standard_normal(p) / np.linalg.norm(X, axis=0)) + random.standard_normal(n) + 5
    return Problem(X.astype(dtype), y.astype(dtype), random.uniform(0.5, 2, n).astype(dtype))


def reference_fit(problem, alpha=0.0):
    """QR of the scaled, centred and weighted columns, refined twice with residuals in the widest floats."""
    A, B = centred_design(problem.X, problem.y, problem.weight)
    if alpha:
        p = A.shape[1]
        A = np.vstack([A, np.sqrt(np.longdouble(alpha)) * np.eye(p, dtype=A.dtype)])
        B = np.vstack([B, np.zeros((p, B.shape[1]), dtype=B.dtype)])
    size = np.sqrt((A**2).sum(axis=0))
    A = A / size
    Q, R = np.linalg.qr(A.astype(np.float64))
    coef, residual = np.zeros((A.shape[1], B.shape[1]), A.dtype), B.copy()
    for _ in range(6):  # the augmented system: residual and coefficients are refined together
        f, g = (B - residual - A @ coef).astype(np.float64), (-(A.T @ residual)).astype(np.float64)
        h = np.linalg.solve(R.T, g)
        d = Q.T @ f
        coef = coef + np.linalg.solve(R, d - h)
        residual = residual + (f - Q @ (d - h))
    return (coef / size[:, np.newaxis]).T.astype(np.float64)


@pytest.mark.parametrize("condition", [1e0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("shape", LARGE)
def test_designs_of_some_size(shape, condition):
    problem = large(*LARGE[shape], condition)
    found, expected = fit(problem), reference_fit(problem)[0]
    error = np.abs((found.coef - expected) * sizes(problem, True)).max()
    # 1e9 leaves the reference itself some 9 digits
    assert error <= max(1e-13, 1e-18 * condition) * np.abs(expected * sizes(problem, True)).max() * 1e3
    assert (found.rank, found.status) == (problem.X.shape[1], "converged")
    assert gradient_violation(problem.X, problem.y, found.coef, problem.weight) < 1e-13


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("shape", LARGE)
def test_ridge_on_designs_of_some_size(shape, alpha):
    problem = large(*LARGE[shape], 1e4, seed=1)
    found, expected = fit(problem, alpha=alpha), reference_fit(problem, alpha)[0]
    assert_allclose(found.coef, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max())
    assert gradient_violation(problem.X, problem.y, found.coef, problem.weight, alpha=alpha) < 1e-13


@pytest.mark.parametrize("condition", [1e0, 1e2, 1e5])
@pytest.mark.parametrize("shape", LARGE)
def test_single_precision_at_some_size(shape, condition):
    """Sums in single precision are allowed only where they cost no more than the data's own rounding does."""
    problem = large(*LARGE[shape], condition, np.float32, seed=2)
    expected = reference_fit(problem)[0] * sizes(problem, True)
    found = fit(problem).coef * sizes(problem, True)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("dependent", [1, 7])
@pytest.mark.parametrize("shape", LARGE)
def test_dependent_columns_at_some_size(shape, dependent):
    n, p = LARGE[shape]
    dependent = min(dependent, p - 1)
    random = np.random.default_rng(3)
    X = np.round(8 * random.standard_normal((n, p))) + 3
    for j in range(dependent):
        X[:, -1 - j] = X[:, : p - dependent] @ random.integers(-1, 2, p - dependent)
    y = X[:, 0] + random.standard_normal(n)
    found = fit_least_squares(X, y)
    A, B = centred_design(X, y, dtype=np.float64)
    left, values, right = np.linalg.svd(A, full_matrices=False)
    rank = int((values > 1e-9 * values[0]).sum())
    assert (found.rank, found.status) == (rank, "rank_deficient")
    expected = right[:rank].T @ (left[:, :rank].T @ B[:, 0] / values[:rank])
    assert_allclose(found.coef, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@both_intercepts
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 10.0])
@pytest.mark.parametrize("shape", [(50, 51), (100, 700), (257, 600), (5, 3000)])
def test_wide_designs_of_some_size(shape, alpha, fit_intercept):
    random = np.random.default_rng(4)
    X, y = random.standard_normal(shape) + 2, random.standard_normal((shape[0], 2))
    found = fit_least_squares(X, y, alpha=alpha, fit_intercept=fit_intercept)
    A, B = centred_design(X, y, fit_intercept=fit_intercept, dtype=np.float64)
    left, values, right = np.linalg.svd(A, full_matrices=False)
    rank = shape[0] - fit_intercept
    values = values[:rank]
    expected = right[:rank].T @ ((values / (values**2 + alpha))[:, np.newaxis] * (left[:, :rank].T @ B))
    assert_allclose(found.coef, expected.T, rtol=0, atol=1e-11 * np.abs(expected).max())
    assert found.rank == rank


@pytest.mark.parametrize("far", [1e4, 1e6, 1e8])
@pytest.mark.parametrize("n", [300, 6000])
@every_dtype
def test_rows_of_weight_zero_leave_no_trace(n, far, dtype):
    random = np.random.default_rng(5)
    X = random.standard_normal((n, 8))
    y = X @ np.arange(8.0) + random.standard_normal(n)
    weight = np.ones(n, dtype=dtype)
    weight[::2] = 0
    X[::2] = far * (1 + X[::2])
    X, y = X.astype(dtype), y.astype(dtype)
    found, expected = fit_least_squares(X, y, sample_weight=weight), fit_least_squares(X[1::2], y[1::2])
    assert_allclose(found.coef, expected.coef, rtol=0, atol={np.float64: 1e-13, np.float32: 1e-5}[dtype])


# ---------------------------------------------------------------- ridge


@pytest.mark.parametrize("name", ["plain", "collinear", "wide", "wide_weighted", "weighted"])
def test_a_penalty_for_each_target(name):
    problem = PROBLEMS[name]()
    Y = np.column_stack([problem.y.reshape(len(problem.X), -1)[:, 0] * s for s in (1, -2, 3, 1)])
    alphas = np.array([0.5, 0.0, 100.0, 0.5])
    together = fit_least_squares(problem.X, Y, sample_weight=problem.weight, alpha=alphas)
    for t, alpha in enumerate(alphas):
        alone = fit_least_squares(problem.X, Y[:, t], sample_weight=problem.weight, alpha=alpha)
        assert_allclose(together.coef[t], alone.coef, rtol=1e-12, atol=1e-13 * np.abs(alone.coef).max())
        assert_allclose(together.intercept[t], alone.intercept, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("alphas", [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0, 1.0]])
def test_rank_does_not_depend_on_the_order_of_penalties(alphas):
    problem = PROBLEMS["collinear"]()
    Y = np.column_stack([problem.y] * len(alphas))
    found = fit_least_squares(problem.X, Y, alpha=np.array(alphas))
    assert (found.rank, found.status) == (3, "rank_deficient")


@pytest.mark.parametrize("alpha", [1e-300, 1e-30, 1e-12, 1e12, 1e30, 1e300])
@pytest.mark.parametrize("name", ["plain", "scaled_columns", "targets", "weighted", "wide"])
def test_extreme_penalties(name, alpha):
    problem = PROBLEMS[name]()
    coef, intercept = two_dimensional(fit(problem, alpha=alpha), problem)
    expected, expected_intercept, _ = exact_fit(problem.X, problem.y, problem.weight, alpha=alpha)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    assert np.all(np.abs(coef - expected) <= 1e-12 * scale)
    assert_allclose(intercept, expected_intercept, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["collinear", "duplicated", "collinear_with_constant", "wide_duplicated_rows"])
def test_a_vanishing_penalty_tends_to_the_least_norm(name):
    problem = PROBLEMS[name]()
    limit = fit(problem).coef
    for alpha in (1e-6, 1e-9):
        assert_allclose(fit(problem, alpha=alpha).coef, limit, rtol=0, atol=10 * alpha * np.abs(limit).max())


@pytest.mark.parametrize("alpha", [-1.0, -1e-300, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("as_array", [False, True])
def test_a_penalty_is_a_finite_number_not_below_zero(alpha, as_array):
    problem = PROBLEMS["plain"]()
    with pytest.raises(ValueError, match="alpha"):
        fit(problem, alpha=np.array([alpha]) if as_array else alpha)


# ---------------------------------------------------------------- non-negative coefficients


@both_intercepts
@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("name", [n for n in PROBLEMS if n != "large_mean"])
def test_nonnegative_meets_the_kkt_conditions(name, alpha, fit_intercept):
    problem = PROBLEMS[name]()
    found = fit(problem, positive=True, alpha=alpha, fit_intercept=fit_intercept)
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    assert found.status == "converged"
    assert kkt_violation(problem.X, problem.y, found.coef, problem.weight, **options) < 1e-9


@both_intercepts
@pytest.mark.parametrize("storage", ["c", "f", "csr32"])
@pytest.mark.parametrize("shape", [(60, 6), (3000, 12), (400, 90), (20, 45)])
def test_nonnegative_equals_scipy(shape, storage, fit_intercept):
    random = np.random.default_rng(6)
    X = random.standard_normal(shape) + (0.3 if fit_intercept else 0)
    X *= random.random(shape) < 0.7
    y = X @ random.standard_normal(shape[1]) + random.standard_normal(shape[0]) + 2
    weight = random.uniform(0.5, 2, shape[0])
    found = fit_least_squares(STORAGES[storage](X), y, sample_weight=weight, positive=True, fit_intercept=fit_intercept)
    A, B = centred_design(X, y, weight, fit_intercept, np.float64)
    expected, residual = optimize.nnls(A, B[:, 0])
    assert np.all(found.coef >= 0)
    assert_allclose(np.linalg.norm(B[:, 0] - A @ found.coef), residual, rtol=1e-12, atol=1e-9)
    if shape[0] > shape[1]:
        assert_allclose(found.coef, expected, rtol=0, atol=1e-10 * expected.max())
    assert kkt_violation(X, y, found.coef, weight, fit_intercept=fit_intercept) < 1e-12


@pytest.mark.parametrize("mean", [1e2, 1e5, 1e8])
@pytest.mark.parametrize("storage", ["c", "csr32"])
@pytest.mark.parametrize("n", [200, 4000])
@pytest.mark.parametrize("positive", [False, True])
def test_a_large_mean(n, storage, mean, positive):
    random = np.random.default_rng(7)
    X = random.standard_normal((n, 6)) + mean * np.array([1, 1, -1, 0.5, 0, 1])
    y = (X - X.mean(axis=0)) @ np.arange(1.0, 7.0) + random.standard_normal(n) + mean
    found = fit_least_squares(STORAGES[storage](X), y, positive=positive)
    expected = reference_fit(Problem(X, y))[0]
    assert_allclose(found.coef, expected, rtol=1e-12 if storage == "c" else 1e-8)
    assert_allclose(found.intercept, y.mean() - X.mean(axis=0) @ expected, rtol=1e-7)


def test_nonnegative_reports_when_it_runs_out_of_steps():
    random = np.random.default_rng(8)
    X = random.standard_normal((300, 40)) + 3 * random.standard_normal((300, 1))
    y = X @ random.standard_normal(40)
    found = fit_least_squares(X, y, positive=True, max_iter=1)
    assert found.status == "max_iter"
    assert np.all(found.coef >= 0)


# ---------------------------------------------------------------- sparse


def sparse_problem(n, p, density, seed=0):
    random = np.random.default_rng(seed)
    X = sparse.random_array((n, p), density=density, format="csr", rng=random, data_sampler=random.standard_normal)
    coef = np.where(random.random(p) < 0.3, random.standard_normal(p), 0)
    return X, X @ coef + 0.1 * random.standard_normal(n) + 1


@both_intercepts
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("shape", [(4000, 30), (900, 200), (60, 200), (300, 1600), (1700, 1550)])
def test_sparse_designs(shape, alpha, weighted, fit_intercept):
    X, y = sparse_problem(*shape, density=0.03)
    weight = np.random.default_rng(1).uniform(0.5, 2, shape[0]) if weighted else None
    found = fit_least_squares(X, y, alpha=alpha, sample_weight=weight, fit_intercept=fit_intercept)
    A, B = centred_design(X.toarray(), y, weight, fit_intercept, np.float64)
    gradient = A.T @ (B[:, 0] - A @ found.coef) - alpha * found.coef
    assert np.abs(gradient).max() <= 1e-9 * np.abs(A.T @ B).max()
    assert_allclose(found.intercept, np.average(y - X @ found.coef, weights=weight) * fit_intercept, atol=1e-8)
    if shape[1] > 1000:
        return  # the gradient is the certificate; a decomposition would take seconds
    left, values, right = np.linalg.svd(A, full_matrices=False)
    kept = values > 1e-10 * values[0]
    filtered = np.where(kept, values / (np.where(kept, values**2, 1) + alpha), 0)
    expected = right.T @ (filtered * (left.T @ B[:, 0]))
    assert_allclose(found.coef, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("spread", [1.0, 1e2, 1e4])
@pytest.mark.parametrize("shape", [(20, 60), (40, 1700)])
def test_sparse_and_wide_is_the_least_norm_whatever_the_scales(shape, spread):
    X, y = sparse_problem(*shape, density=0.3, seed=2)
    X = sparse.csr_array(X * np.geomspace(1 / spread, spread, shape[1]))
    found, dense = fit_least_squares(X, y), fit_least_squares(X.toarray(), y)  # the latter was tested above
    assert_allclose(found.coef, dense.coef, rtol=0, atol=1e-6 * np.abs(dense.coef).max())


@pytest.mark.parametrize("p", [5, 1600])
def test_sparse_with_dependent_empty_and_constant_columns(p):
    X, y = sparse_problem(2000, p, density=0.2 if p < 10 else 0.02, seed=3)
    extra = sparse.csr_array(np.column_stack([np.zeros(2000), np.ones(2000)]))
    X = sparse.csr_array(sparse.hstack([X, X[:, [1]], extra]))
    found = fit_least_squares(X, y)
    assert_allclose(found.coef[-2:], 0, atol=1e-9)
    assert_allclose(found.coef[1], found.coef[-3], rtol=1e-6)
    A, B = centred_design(X.toarray(), y, dtype=np.float64)
    assert np.abs(A.T @ (B[:, 0] - A @ found.coef)).max() <= 1e-8 * np.abs(A.T @ B).max()


def test_conjugate_gradients_say_when_they_stop_early():
    X, y = sparse_problem(300, 1600, density=0.05)
    found = fit_least_squares(X, y, max_iter=2)
    if found.method == "conjugate_gradient":
        assert found.status == "max_iter"
        assert found.n_iter == 2


# ---------------------------------------------------------------- the factor that is kept


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@both_intercepts
@every_problem
def test_factor_holds_the_cross_products(name, alpha, fit_intercept):
    problem = PROBLEMS[name]()
    factor = fit(problem, alpha=alpha, fit_intercept=fit_intercept).factor
    if factor is None:
        assert "deficient" in problem.traits or "wide" in problem.traits
        return
    A, _ = centred_design(problem.X, problem.y, problem.weight, fit_intercept, np.float64)
    weight = np.ones(len(A)) if problem.weight is None else problem.weight
    assert_allclose(factor.weight_sum, weight.sum(), rtol=1e-14)
    assert factor.alpha == alpha
    values = np.linalg.svd(A, compute_uv=False)
    found = factor.singular_values()
    assert np.all(np.diff(found) <= 1e-12 * values[0])
    assert_allclose(found, values[: len(found)], rtol=0, atol=1e-7 * max(values[0], 1))
    assert len(found) >= min(A.shape)
    if factor.dual:
        with pytest.raises(np.linalg.LinAlgError):
            factor.inverse()
        return
    kept = factor.scale > 0
    expected = A[:, kept].T @ A[:, kept] + alpha * np.eye(kept.sum())
    found = factor.matrix()[np.ix_(kept, kept)]
    size = np.sqrt(np.diagonal(expected))
    assert np.abs((found - expected) / np.outer(size, size)).max() < 1e-13
    mean = weight @ problem.X / weight.sum() if fit_intercept else np.zeros(A.shape[1])
    assert_allclose(factor.mean, mean, rtol=1e-12, atol=1e-12 * np.abs(problem.X).max())


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@both_intercepts
@pytest.mark.parametrize("name", [n for n in PROBLEMS if not {"wide"} & PROBLEMS[n]().traits])
def test_inverse_of_the_factor(name, alpha, fit_intercept):
    problem = PROBLEMS[name]()
    factor = fit(problem, alpha=alpha, fit_intercept=fit_intercept).factor
    A, _ = centred_design(problem.X, problem.y, problem.weight, fit_intercept, np.float64)
    kept = factor.scale > 0
    expected = A[:, kept].T @ A[:, kept] + alpha * np.eye(kept.sum())
    rank = exact_fit(problem.X[:, kept], problem.y, problem.weight, alpha=alpha, fit_intercept=fit_intercept)[2]
    if rank < kept.sum():
        with pytest.raises(np.linalg.LinAlgError, match="rank"):
            factor.inverse()
        return
    inverse = factor.inverse()
    assert not inverse[~kept].any()
    assert not inverse[:, ~kept].any()
    size = np.sqrt(np.diagonal(expected))
    product = (inverse[np.ix_(kept, kept)] * np.outer(size, size)) @ (expected / np.outer(size, size))
    condition = np.linalg.cond(expected / np.outer(size, size))
    assert np.abs(product - np.eye(kept.sum())).max() < 1e-14 * condition


@pytest.mark.parametrize("mean", [0.0, 1e3, 1e6])
def test_dependent_columns_with_a_mean_have_no_inverse(mean):
    random = np.random.default_rng(9)
    X = random.standard_normal((200, 4)) + mean
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    found = fit_least_squares(X, random.standard_normal(200))
    assert (found.rank, found.status) == (4, "rank_deficient")
    with pytest.raises(np.linalg.LinAlgError, match="rank"):
        found.factor.inverse()


@pytest.mark.parametrize("condition", [1e1, 1e4, 1e8])
@pytest.mark.parametrize("shape", [(500, 20), (300, 130)])
def test_condition_is_of_the_right_size(shape, condition):
    problem = large(*shape, condition, seed=4)
    found = fit(problem).condition
    A, _ = centred_design(problem.X, problem.y, problem.weight, True, np.float64)
    exact = np.linalg.cond(A / np.linalg.norm(A, axis=0))
    assert exact / 10 <= found <= exact * np.sqrt(shape[1]) * 3


# ---------------------------------------------------------------- what does not belong together


@pytest.mark.parametrize("storage", ["c", "csr32"])
def test_wrong_arguments_raise(storage):
    X, y = STORAGES[storage](np.eye(6, 3) + 1), np.arange(6.0)
    with pytest.raises(ValueError, match="rows"):
        fit_least_squares(X, y[:5])
    with pytest.raises(ValueError, match="sample_weight"):
        fit_least_squares(X, y, sample_weight=np.ones(5))
    with pytest.raises(ValueError, match="one or two dimensions"):
        fit_least_squares(X, np.ones((6, 1, 1)))
    with pytest.raises(ValueError, match="alpha"):
        fit_least_squares(X, y, alpha=np.ones(2))
    with pytest.raises(TypeError, match="dtype"):
        fit_least_squares(X, y.astype(np.float32))
    with pytest.raises(TypeError, match="dtype"):
        fit_least_squares(X, y, sample_weight=np.ones(6, dtype=np.float32))
    with pytest.raises(TypeError, match="float32 or float64"):
        fit_least_squares(X.astype(int), y)
