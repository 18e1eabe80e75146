"""What must not change, or must change in a known way, when the data of a least-squares problem do."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import DTYPES, PROBLEMS, REGULAR

from mlcraft._engine.least_squares import fit_least_squares

KINDS = {
    "ols": {},
    "origin": {"fit_intercept": False},
    "ridge": {"alpha": 2.0},
    "positive": {"positive": True},
}
kinds = pytest.mark.parametrize("kind", KINDS)
shapes = pytest.mark.parametrize(
    ("n", "p"), [(40, 5), (3000, 12), (400, 130), (12, 30)], ids=["small", "long", "many columns", "wide"]
)


def data(n, p, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) + 1
    return X, X @ random.standard_normal(p) + random.standard_normal(n), random


def fit(kind, X, y, weight=None, **more):
    found = fit_least_squares(X, y, sample_weight=weight, **(KINDS[kind] | more))
    return np.append(found.coef, found.intercept)


def same(found, expected, tolerance=1e-11):
    assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@shapes
@kinds
def test_whole_weights_are_repeated_rows(kind, n, p):
    X, y, random = data(n, p)
    counts = random.integers(0, 4, n)
    counts[0] = 1
    repeated = np.repeat(np.arange(n), counts)
    if len(set(repeated)) <= p:  # the rows that are left may determine less: compare fitted values
        tall = fit_least_squares(X[repeated], y[repeated], **KINDS[kind])
        found = fit_least_squares(X, y, sample_weight=counts.astype(float), **KINDS[kind])
        first = X[repeated] @ tall.coef + tall.intercept
        assert_allclose(X[repeated] @ found.coef + found.intercept, first, rtol=0, atol=1e-8 * np.abs(y).max())
        return
    same(fit(kind, X, y, counts.astype(float)), fit(kind, X[repeated], y[repeated]))


@shapes
@kinds
def test_weight_zero_is_no_row(kind, n, p):
    X, y, random = data(n, p)
    weight = random.uniform(0.5, 2, n)
    weight[::3] = 0
    kept = weight > 0
    X[::3], y[::3] = 1e3, -1e6
    same(fit(kind, X, y, weight), fit(kind, X[kept], y[kept], weight[kept]), 1e-9)


@shapes
@kinds
def test_only_ratios_of_weights_count(kind, n, p):
    """With a penalty, its ratio to the weights. A power of two changes no bit."""
    X, y, random = data(n, p)
    weight = random.uniform(0.5, 2, n)
    alpha = KINDS[kind].get("alpha", 0.0)
    expected = fit(kind, X, y, weight, alpha=alpha)
    assert_array_equal(fit(kind, X, y, weight * 2.0**20, alpha=alpha * 2.0**20), expected)
    same(fit(kind, X, y, weight * 7, alpha=alpha * 7), expected)


@shapes
@kinds
def test_weights_of_one_change_no_more_than_rounding(kind, n, p):
    X, y, _ = data(n, p)
    same(fit(kind, X, y, np.ones(n)), fit(kind, X, y), 1e-12)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize(("n", "p"), [(40, 5), (3000, 12), (400, 130)], ids=["small", "long", "many columns"])
@pytest.mark.parametrize("kind", ["ols", "origin", "positive"])
def test_the_unit_of_a_column_is_the_unit_of_its_coefficient(kind, n, p, dtype):
    """Powers of two are exact, so every bit must agree."""
    X, y, random = data(n, p)
    X, y, unit = X.astype(dtype), y.astype(dtype), (2.0 ** random.integers(-20, 21, p)).astype(dtype)
    expected = fit_least_squares(X, y, **KINDS[kind])
    found = fit_least_squares(X * unit, y, **KINDS[kind])
    assert_array_equal(found.coef * unit, expected.coef)
    assert_array_equal(found.intercept, expected.intercept)
    assert found.rank == expected.rank


@pytest.mark.parametrize("kind", ["ols", "ridge", "positive"])
@shapes
def test_the_unit_of_y_is_the_unit_of_all(kind, n, p):
    X, y, _ = data(n, p)
    assert_array_equal(fit(kind, X, y * 2.0**30), fit(kind, X, y) * 2.0**30)


@pytest.mark.parametrize("kind", ["ols", "ridge"])
@shapes
def test_y_turned_round_turns_all_round(kind, n, p):
    X, y, _ = data(n, p)
    assert_array_equal(fit(kind, X, -y), -fit(kind, X, y))


@shapes
@kinds
def test_order_of_rows(kind, n, p):
    X, y, random = data(n, p)
    weight, order = random.uniform(0.5, 2, n), random.permutation(n)
    same(fit(kind, X[order], y[order], weight[order]), fit(kind, X, y, weight))


@shapes
@kinds
def test_order_of_columns(kind, n, p):
    X, y, random = data(n, p)
    order = random.permutation(p)
    same(fit(kind, X[:, order], y), fit(kind, X, y)[np.append(order, p)])


@shapes
@pytest.mark.parametrize("kind", ["ols", "ridge", "positive"])
def test_a_constant_added_to_y_or_a_column_goes_to_the_intercept(kind, n, p):
    X, y, random = data(n, p)
    expected, last = fit(kind, X, y), np.eye(p + 1)[p]
    same(fit(kind, X, y + 100), expected + 100 * last, 1e-10)
    offset = random.uniform(-50, 50, p)
    same(fit(kind, X + offset, y), expected - offset @ expected[:p] * last, 1e-10)


@shapes
def test_targets_do_not_meet(n, p):
    X, y, random = data(n, p)
    Y = np.column_stack([y, 1e8 * random.standard_normal(n), y * 1e-8, np.ones(n)])
    for kind in KINDS:
        together = fit_least_squares(X, Y, **KINDS[kind])
        for t in range(Y.shape[1]):
            alone = fit_least_squares(X, Y[:, t], **KINDS[kind])
            same(together.coef[t], alone.coef + 0.0, 1e-11)


@shapes
def test_a_second_fit_gives_the_same_bits(n, p):
    X, y, _ = data(n, p)
    for kind in KINDS:
        assert_array_equal(fit(kind, X, y), fit(kind, X.copy(), y.copy()))


@pytest.mark.parametrize("name", REGULAR)
def test_more_columns_never_fit_worse(name):
    problem = PROBLEMS[name]()
    weight = np.ones(len(problem.X)) if problem.weight is None else problem.weight
    y = problem.y.reshape(len(weight), -1)

    def loss(X, **options):
        found = fit_least_squares(np.ascontiguousarray(X), y, sample_weight=weight, **options)
        return weight @ (y - X @ found.coef.T - found.intercept) ** 2

    losses = [loss(problem.X[:, :p]) for p in range(1, problem.X.shape[1] + 1)]
    scale = weight @ (y - weight @ y / weight.sum()) ** 2
    assert np.all(np.diff(losses, axis=0) <= 1e-9 * scale)
    assert np.all(loss(problem.X, alpha=1.0) >= losses[-1] - 1e-9 * scale)
    assert np.all(loss(problem.X, positive=True) >= losses[-1] - 1e-9 * scale)
