"""Weights of resamples, and fits to many resamples at once, against fits to each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from mlcraft._engine.resampled_fits import Start, resampled_fits, solve_many
from mlcraft._engine.resampling import KINDS, Basis, plan_of, resample_weights, resampled_grams, resampled_sums, seed_of
from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge
from mlcraft.uncertainty import model_of

N = 61
CLUSTERS = np.arange(N) * 7 % 9
MOMENTS = {  # mean, variance, third central moment of a weight in a sample of 2,000
    "pairs": (1, 1, 1),
    "poisson": (1, 1, 1),
    "bayesian": (1, 1, 2),
    "rademacher": (0, 1, 0),
    "mammen": (0, 1, 1),
    "webb": (0, 1, 0),
}


def start_of(model, root=None):
    view = model_of(model)
    geometry = view.geometry(0)
    basis = Basis(geometry.mean, np.ascontiguousarray(geometry.root), geometry.has_intercept)
    return Start(view.coef, np.array(view.intercept), basis, np.array(view.alpha))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(211, 5)) * np.logspace(0, 3, 5) + 100.0
    y = X @ rng.normal(size=(5, 2)) + rng.normal(size=(211, 2)) * 20
    return X, y, rng.uniform(0.5, 2.0, 211)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strata", [None, np.arange(N) % 4])
def test_a_resample_does_not_depend_on_the_others(kind, strata):
    plan = plan_of(kind, N, seed=3, strata=strata)
    many = resample_weights(plan, 0, 30)
    assert np.array_equal(many[11:13], resample_weights(plan, 11, 2))
    assert len(np.unique(many, axis=0)) == 30
    assert not np.array_equal(many, resample_weights(plan_of(kind, N, seed=4, strata=strata), 0, 30))
    with threadpool_limits(1, user_api="openmp"):
        assert np.array_equal(many, resample_weights(plan, 0, 30))


@pytest.mark.parametrize("kind", MOMENTS)
def test_moments_of_the_weights(kind):
    weights = resample_weights(plan_of(kind, 2000, seed=1), 0, 200)
    mean, variance, third = MOMENTS[kind]
    centred = weights - mean
    found = centred.mean(), (centred**2).mean(), (centred**3).mean()
    assert np.allclose(found, (0, variance, third), atol=0.05)
    assert abs(np.corrcoef(weights[0], weights[1])[0, 1]) < 0.1


def test_strata_and_clusters():
    strata = CLUSTERS % 3
    for kind in ("pairs", "bayesian"):
        plan = plan_of(kind, N, seed=8, clusters=CLUSTERS, strata=strata)
        for weights in resample_weights(plan, 0, 20):
            by_cluster = [weights[c == CLUSTERS] for c in range(9)]
            assert all(np.ptp(part) == 0 for part in by_cluster)
            counts = np.array([part[0] for part in by_cluster])
            assert np.allclose([counts[s::3].sum() for s in range(3)], 3)
    drawn = resample_weights(plan_of("draws", N, seed=8, strata=strata), 0, 20).astype(int)
    assert (strata[drawn] == strata).all()
    assert len(np.unique(drawn)) == N


def test_poisson_counts_have_their_distribution():
    counts = resample_weights(plan_of("poisson", 1000, seed=2), 0, 300).ravel().astype(int)
    shares = np.bincount(counts, minlength=6)[:6] / counts.size
    assert np.allclose(shares, np.exp(-1) / np.array([1, 1, 2, 6, 24, 120]), atol=0.004)


@pytest.mark.parametrize("kind", ["pairs", "bayesian"])
@pytest.mark.parametrize("estimator", [LinearRegression(), LinearRegression(fit_intercept=False), Ridge(30.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_linear_fits_equal_refits(rows, estimator, kind, weighted):
    X, y, weight = rows
    given = weight if weighted else None
    start = start_of(estimator.fit(X, y, sample_weight=given))
    plan = plan_of(kind, len(X), seed=6)
    found = resampled_fits(X, y, start, plan, 4, 9, sample_weight=given)
    for b, drawn in enumerate(resample_weights(plan, 4, 9)):
        model = estimator.fit(X, y, sample_weight=drawn if given is None else drawn * given)
        assert np.allclose(found.coef[b], model.coef_, rtol=1e-10, atol=1e-12)
        assert np.allclose(found.intercept[b], model.intercept_, rtol=1e-10, atol=1e-9)
    assert not found.degenerate.any()


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_logistic_fits_are_near_refits(rows, C):
    X, y, weight = rows
    labels = (y[:, 0] > np.median(y[:, 0]) + 900 * np.sin(np.arange(len(y)))).astype(float)
    model = LogisticRegression(C=C).fit(X, labels, sample_weight=weight)
    linear = start_of(LinearRegression().fit(X, labels))
    start = Start(model.coef_, model.intercept_, linear.basis, np.array([1 / C]), "logistic")
    plan = plan_of("poisson", len(X), seed=2)
    found = resampled_fits(X, labels[:, np.newaxis], start, plan, 0, 12, sample_weight=weight)
    for b, drawn in enumerate(resample_weights(plan, 0, 12)):
        again = LogisticRegression(C=C).fit(X, labels, sample_weight=drawn * weight)
        error = np.linalg.inv(found.gram[b] + start.basis.ridge() / C)
        step = start.basis.delta(again.coef_[0] - model.coef_[0], float(again.intercept_[0] - model.intercept_[0]))
        gap = found.delta[b, 0] - step
        assert np.sqrt(gap @ np.linalg.solve(error, gap)) < 1e-4
    assert not found.degenerate.any()


def test_a_fit_has_the_same_bits_in_any_company(rows):
    X, y, _ = rows
    start = start_of(LinearRegression().fit(X, y))
    plan = plan_of("pairs", len(X), seed=1)
    many = resampled_fits(X, y, start, plan, 0, 150)
    with threadpool_limits(1, user_api="openmp"):
        few = resampled_fits(X, y, start, plan, 70, 5)
    assert np.array_equal(many.gram[70:75], few.gram)
    assert np.array_equal(many.coef[70:75], few.coef)


@pytest.mark.parametrize("storage", [np.asfortranarray, sparse.csr_array, lambda X: X.astype(np.float32)])
def test_storage_does_not_matter(rows, storage):
    X, y, _ = rows
    X = X.astype(np.float32).astype(float)
    start, plan = start_of(LinearRegression().fit(X, y)), plan_of("pairs", len(X), seed=1)
    found, expected = (resampled_fits(rows, y, start, plan, 0, 3).coef for rows in (storage(X), X))
    assert np.allclose(found, expected, rtol=1e-5 if storage(X).dtype == np.float32 else 1e-11)


def test_sums_of_one_step_equal_their_definition(rows):
    X, y, weight = rows
    rng = np.random.default_rng(0)
    basis = Basis(X.mean(axis=0), rng.normal(size=(5, 4)) / 1000, True)
    z = np.column_stack([np.ones(len(X)), (X - basis.mean) @ basis.root])
    labels, offset, delta = (y[:, 0] > 0).astype(float), rng.normal(size=len(X)), rng.normal(size=(3, 5))
    plan = plan_of("bayesian", len(X), seed=9)
    for step in (None, delta):
        options = {"loss": "logistic", "sample_weight": weight, "offset": offset, "delta": step}
        gram, score = resampled_sums(X, labels[np.newaxis], basis, plan, 5, 3, **options)
        squared, _ = resampled_sums(X, labels[np.newaxis], basis, plan, 5, 3, wanted="m", **options)
        for b, drawn in enumerate(resample_weights(plan, 5, 3)):
            mu = 1 / (1 + np.exp(-(offset + (0 if step is None else z @ delta[b]))))
            assert np.allclose(score[b, 0], (drawn * weight * (mu - labels)) @ z, rtol=1e-10, atol=1e-10)
            assert np.allclose(gram[b], (z.T * (drawn * weight * mu * (1 - mu))) @ z, rtol=1e-10, atol=1e-10)
            assert np.allclose(squared[b], (z.T * (drawn * (weight * (mu - labels)) ** 2)) @ z, rtol=1e-10, atol=1e-10)
    whole = np.column_stack([np.ones(len(X)), X, y[:, 0]])
    assert np.allclose(
        resampled_grams(X, y[:, 0], plan, 0, 2)[1], (whole.T * resample_weights(plan, 1, 1)[0]) @ whole, rtol=1e-12
    )


def test_degenerate_resamples_get_the_fit_of_least_norm():
    X = np.zeros((40, 2))
    X[:, 0] = np.arange(40)
    X[:2, 1] = 1.0  # absent from a seventh of the resamples
    y = np.arange(40.0) + np.cos(np.arange(40))
    start, plan = start_of(LinearRegression().fit(X, y)), plan_of("pairs", 40, seed=1)
    found = resampled_fits(X, y[:, np.newaxis], start, plan, 0, 200)
    assert 0.05 < found.degenerate.mean() < 0.3
    assert np.allclose(found.coef[found.degenerate, 0, 1], 0.0)
    assert np.isfinite(found.coef).all()


def test_solve_many_marks_the_singular_ones():
    matrices = np.array([np.eye(2), np.ones((2, 2)), np.diag([2.0, 4.0]), np.full((2, 2), np.nan)])
    solution, singular = solve_many(matrices, np.ones((4, 2, 1)))
    assert singular.tolist() == [False, True, False, True]
    assert np.allclose(solution[[0, 2], :, 0], [[1, 1], [0.5, 0.25]])
    assert np.isnan(solution[1]).all()


def test_many_rows_are_drawn_as_few_are():
    """Beyond 2^16 places every draw has bits of its own."""
    for n in (1 << 16, (1 << 16) + 1):
        counts = resample_weights(plan_of("pairs", n, seed=1), 0, 2)
        assert (counts.sum(axis=1) == n).all()
        assert np.allclose(np.bincount(counts[0].astype(int))[:3] / n, np.exp(-1) / np.array([1, 1, 2]), atol=0.01)
        assert abs((counts[0] * np.arange(n)).mean() / n - 0.5) < 0.01


def test_seeds_and_bad_plans():
    assert seed_of(7) == 7
    assert seed_of(np.random.RandomState(1)) == seed_of(np.random.RandomState(1))
    assert seed_of(np.random.default_rng(1)) == seed_of(np.random.default_rng(1))
    assert seed_of(None) >= 0
    with pytest.raises(ValueError, match="must lie within strata"):
        plan_of("pairs", 4, seed=0, clusters=[0, 0, 1, 1], strata=[0, 1, 1, 1])
    with pytest.raises(ValueError, match="one label for each"):
        plan_of("pairs", 4, seed=0, clusters=[0, 0, 1])
    with pytest.raises(ValueError, match="NaN"):
        plan_of("pairs", 2, seed=0, strata=[0.0, np.nan])


def test_labels_must_be_there():
    for missing in (None, np.nan):
        with pytest.raises(ValueError, match="groups holds missing values"):
            plan_of("pairs", 4, seed=0, clusters=np.array(["a", "b", missing, "a"], dtype=object))
    with pytest.raises(ValueError, match="strata holds missing values"):
        plan_of("pairs", 2, seed=0, strata=np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"))
