"""The fused pass and gradient descent, against textbook NumPy, finite differences and certificates."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import squared
from registry import DENSE, DTYPES, SPARSE, values

from mlcraft import _core
from mlcraft._engine.least_squares import fit_least_squares

ROWS = (1, 2, 63, 64, 65, 511, 512, 513, 4096, 8192, 9000)
CSR = {name: make for name, make in SPARSE.items() if name.startswith("csr")}
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


def problem(n=400, p=6, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * 10.0 ** np.linspace(-2, 2, p) + np.arange(p)
    y = X @ (np.linspace(1, -1, p) / X.std(axis=0)) + random.standard_normal(n) + 4
    return X, y, random.uniform(0, 2, n)


def descend(X, y, weight=None, **options):
    chosen = _core.DescentOptions()
    for name, value in options.items():
        setattr(chosen, name, value)
    return _core.gradient_descent(X, y, weight, chosen)


def scaled_gradient(X, y, coef, intercept, weight=None, alpha=0.0, fit_intercept=True):
    """Largest element of the gradient in centred columns of unit curvature, relative to that at zero."""
    weight = np.ones(len(X)) if weight is None else weight
    centre = np.average(X, axis=0, weights=weight) if fit_intercept else np.zeros(X.shape[1])
    Z = X.astype(np.longdouble) - centre
    scale = 1 / np.sqrt(np.average(Z**2, axis=0, weights=weight) + alpha)

    def largest(coef, constant):  # the constant belongs to the centred columns
        residual = (Z @ coef + constant - y) * weight / weight.sum()
        gradient = scale * (Z.T @ residual + alpha * coef)
        return max(np.abs(gradient).max(), abs(residual.sum()) if fit_intercept else 0.0)

    zero = np.zeros(X.shape[1])
    return float(largest(coef, intercept + centre @ coef) / largest(zero, 0.0))


# ---------------------------------------------------------------- one pass


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), [(n, p) for n in ROWS for p in (1, 7)] + [(300, 40), (65, 300), (40, 700)])
@pytest.mark.parametrize("storage", ["c", "f", "every_other", "csr32", "csr64"])
@every_dtype
def test_pass_on_whole_numbers_is_exact(storage, n, p, weighted, dtype):
    """Residuals, values and gradients are whole numbers that both dtypes hold."""
    X = values((n, p), dtype, seed=n)
    random = np.random.default_rng(n + p)
    # few columns count, and few values differ, so that sums over a block stay below 2^24
    coef = np.where(np.arange(p) % max(1, p // 5) == 0, random.integers(-2, 3, p), 0).astype(float)
    y, weight = random.integers(-4, 5, n).astype(dtype), random.integers(0, 3, n).astype(dtype)
    weight[0] = 1
    w = weight if weighted else None
    value, gradient, constant = _core.fused_pass((DENSE | SPARSE)[storage](X), y, coef, 2.0, w)
    residual = X.astype(float) @ coef + 2 - y
    scaled = residual * (weight if weighted else 1)
    total = weight.sum(dtype=float) if weighted else n
    assert_allclose(value, scaled @ residual / 2 / total, rtol=1e-14)
    assert_allclose(gradient, X.T.astype(float) @ scaled / total, rtol=1e-14, atol=1e-13)
    assert_allclose(constant, scaled.sum() / total, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", DENSE | CSR)
@every_dtype
def test_pass_equals_the_twin(storage, weighted, dtype):
    X, y, weight = (a.astype(dtype) for a in problem())
    w = weight if weighted else None
    coef = np.linspace(-1, 1, 6)
    found = _core.fused_pass((DENSE | CSR)[storage](X), y, coef, 0.5, w)
    expected = squared.value_and_gradient(X, y, coef, 0.5, w)
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours, theirs, rtol={np.float64: 1e-12, np.float32: 2e-5}[dtype], err_msg=storage)


@pytest.mark.parametrize("storage", ["c", "f", "csr32"])
def test_gradient_is_the_slope_of_the_value(storage):
    X, y, weight = problem(n=60)
    X, coef, step = (DENSE | CSR)[storage](X), np.linspace(-1, 1, 6), 1e-4
    _, gradient, constant = _core.fused_pass(X, y, coef, 0.5, weight)

    def value(coef, intercept):
        return _core.fused_pass(X, y, coef, intercept, weight)[0]

    for j in range(6):
        move = step * (np.arange(6) == j)
        slope = (value(coef + move, 0.5) - value(coef - move, 0.5)) / (2 * step)  # exact for a parabola
        assert_allclose(slope, gradient[j], rtol=1e-6, atol=1e-6)
    assert_allclose((value(coef, 0.5 + step) - value(coef, 0.5 - step)) / (2 * step), constant, rtol=1e-6)


def test_pass_checks_its_arguments():
    X, y = np.ones((5, 2)), np.ones(5)
    with pytest.raises(ValueError, match="loss"):
        _core.fused_pass(X, y, np.ones(2), loss="cubed")
    with pytest.raises(ValueError, match="coef"):
        _core.fused_pass(X, y, np.ones(3))
    with pytest.raises(ValueError, match="rows"):
        _core.fused_pass(X, np.ones(4), np.ones(2))
    with pytest.raises(ValueError, match="sample_weight"):
        _core.fused_pass(X, y, np.ones(2), 0.0, np.ones(4))
    with pytest.raises(TypeError, match="dtype of X"):
        _core.fused_pass(X, y.astype(np.float32), np.ones(2))
    with pytest.raises((TypeError, AttributeError)):
        _core.fused_pass([[1.0, 2.0]], y, np.ones(2))


# ---------------------------------------------------------------- descent


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.3, 1e3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", ["c", "f", "csr32", "csr64"])
def test_certificate(storage, weighted, alpha, fit_intercept, accelerated):
    """Computed in NumPy from the returned coefficients; what the solver says of itself must agree."""
    X, y, weight = problem()
    w = weight if weighted else None
    options = {"alpha": alpha, "fit_intercept": fit_intercept, "accelerated": accelerated, "max_iter": 20_000}
    found = descend((DENSE | CSR)[storage](X), y, w, **options)
    assert found.status == "converged"
    exact = scaled_gradient(X, y, found.coef, found.intercept, w, alpha, fit_intercept)
    assert exact <= 1e-8 * (1 + 1e-3)
    assert_allclose(found.gradient_norm, exact, rtol=0.01, atol=1e-12)
    value = squared.value_and_gradient(X, y, found.coef, found.intercept, w, alpha)[0]
    assert_allclose(found.objective, value, rtol=1e-12)
    total = weight.sum() if weighted else len(y)
    direct = fit_least_squares(X, y, sample_weight=w, alpha=alpha * total, fit_intercept=fit_intercept)
    size = X.std(axis=0)
    assert_allclose(found.coef * size, direct.coef * size, rtol=0, atol=1e-5 * np.abs(direct.coef * size).max())


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("storage", ["c", "f", "csr32"])
def test_single_precision_ends_where_its_rounding_does(storage, accelerated):
    X, y, weight = (a.astype(np.float32) for a in problem())
    found = descend((DENSE | CSR)[storage](X), y, weight, accelerated=accelerated, max_iter=5000)
    assert found.status == "converged"
    assert scaled_gradient(X, y, found.coef, found.intercept, weight) < 2e-5
    direct = fit_least_squares(X.astype(float), y.astype(float), sample_weight=weight.astype(float))
    size = X.std(axis=0)
    assert_allclose(found.coef * size, direct.coef * size, rtol=0, atol=1e-3 * np.abs(direct.coef * size).max())


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("mean", [1e4, 1e6, 1e8])
def test_a_large_mean_is_never_silently_wrong(mean, accelerated):
    random = np.random.default_rng(1)
    X = random.standard_normal((300, 3)) + mean
    y = X @ [1.0, 2.0, 3.0] - 6 * mean + random.standard_normal(300)
    found = descend(X, y, accelerated=accelerated)
    if found.status == "converged":
        direct = fit_least_squares(X, y).coef
        assert_allclose(found.coef, direct, rtol=1e-5)
    else:
        assert found.status in ("stalled", "max_iter", "not_finite")


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("accelerated", [False, True])
def test_columns_outside_the_range_are_not_dropped(scale, accelerated):
    X, y, _ = problem()
    found = descend(X * scale, y, accelerated=accelerated, max_iter=20_000)
    if found.status == "converged":
        assert_allclose(found.coef * scale, fit_least_squares(X, y).coef, rtol=1e-4)
    else:
        assert found.status == "not_finite"


def test_constant_and_dependent_columns():
    X, y, _ = problem()
    X = np.column_stack([X, np.full(len(y), 0.1), X[:, 1]])
    for accelerated in (False, True):
        found = descend(X, y, accelerated=accelerated, max_iter=20_000)
        assert found.status == "converged"
        assert found.coef[6] == 0
        assert_allclose(found.coef[1], found.coef[7], rtol=1e-6)


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("step", [3.0, 100.0, 1e10, 1e300])
def test_a_step_too_large_diverges_and_leaves_the_best_iterate(step, accelerated):
    X, y, _ = problem()
    found = descend(X, y, step=step, accelerated=accelerated)
    assert found.status == "diverged"
    assert np.isfinite(found.coef).all()
    start = squared.value_and_gradient(X, y, np.zeros(6), 0.0)[0]
    assert found.objective <= start * (1 + 1e-12)
    assert_allclose(found.objective, squared.value_and_gradient(X, y, found.coef, found.intercept)[0], rtol=1e-10)


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("max_iter", [0, 1, 2, 5])
def test_an_early_stop_tells_the_truth(max_iter, accelerated):
    X, y, weight = problem()
    found = descend(X, y, weight, max_iter=max_iter, accelerated=accelerated)
    assert (found.status, found.iterations) == ("max_iter", max_iter)
    value = squared.value_and_gradient(X, y, found.coef, found.intercept, weight)[0]
    assert_allclose(found.objective, value, rtol=1e-12)
    assert_allclose(found.gradient_norm, scaled_gradient(X, y, found.coef, found.intercept, weight), rtol=1e-6)


def test_a_step_below_the_default_is_taken():
    X, y, _ = problem()
    slow, fast = descend(X, y, step=0.01, max_iter=30), descend(X, y, max_iter=30)
    assert slow.objective > fast.objective
    assert slow.status == "max_iter"


def test_more_iterations_are_never_worse():
    X, y, _ = problem()
    for accelerated in (False, True):
        objective = [descend(X, y, max_iter=n, accelerated=accelerated).objective for n in range(0, 40, 3)]
        assert np.all(np.diff(objective) <= 0)


def test_zero_targets_and_perfect_fits():
    X, _, _ = problem()
    found = descend(X, np.zeros(len(X)))
    assert (found.status, found.iterations, found.objective) == ("converged", 0, 0.0)
    assert_array_equal(found.coef, 0)
    found = descend(X, np.full(len(X), 7.0))
    assert found.status == "converged"
    assert_allclose(found.intercept, 7, rtol=1e-7)
