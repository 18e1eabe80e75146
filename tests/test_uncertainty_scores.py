"""Scores of intervals and predictive distributions: their definitions, their intervals, their limits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from mlcraft.uncertainty.scores import binomial_estimate, mean_estimate

# ---------------------------------------------------------------- estimates


@pytest.mark.parametrize("method", ["wilson", "exact"])
@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (3, 7), (90, 100), (499, 500)])
def test_share_has_the_interval_of_scipy(method, hits, n):
    found = binomial_estimate(np.arange(n) < hits, method=method, level=0.9)
    expected = stats.binomtest(hits, n).proportion_ci(0.9, method)
    assert_allclose([found.value, found.lower, found.upper], [hits / n, *expected], rtol=1e-10, atol=1e-12)
    assert (found.n, found.level) == (n, 0.9)


def test_mean_has_the_interval_of_scipy():
    values = np.random.default_rng(0).gamma(2.0, size=30)
    found = mean_estimate(values, level=0.9)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert_allclose([found.value, found.lower, found.upper], [values.mean(), *expected], rtol=1e-12)


@pytest.mark.parametrize(
    "estimate", [lambda v, **o: mean_estimate(v, **o), lambda v, **o: binomial_estimate(v > 1, **o)]
)
def test_rows_of_weight_zero_are_missing_and_only_ratios_of_weights_count(estimate):
    random = np.random.default_rng(1)
    values, weight, clusters = random.gamma(2.0, size=40), random.uniform(1, 2, 40), np.arange(40) // 4
    weight[:8] = 0.0
    for options in ({}, {"clusters": clusters}):
        found = estimate(values, sample_weight=weight, **options)
        other = estimate(values[8:], sample_weight=3 * weight[8:], **{k: v[8:] for k, v in options.items()})
        assert_allclose([found.value, found.lower, found.upper], [other.value, other.lower, other.upper], rtol=1e-12)
        assert found.n == other.n == 32


def test_clusters_of_equal_rows_count_once():
    values = np.random.default_rng(2).gamma(2.0, size=12)
    once, often = mean_estimate(values), mean_estimate(np.repeat(values, 5), clusters=np.repeat(np.arange(12), 5))
    assert_allclose([often.lower, often.upper], [once.lower, once.upper], rtol=1e-12)
    many = binomial_estimate(np.repeat(values > 1, 5), clusters=np.repeat(np.arange(12), 5))
    few = binomial_estimate(values > 1)
    assert many.upper - many.lower > few.upper - few.lower  # a t quantile, and one degree of freedom less
    all_hit = binomial_estimate(np.ones(60), clusters=np.repeat(np.arange(12), 5))
    assert all_hit.value == all_hit.upper == 1.0
    assert all_hit.lower < binomial_estimate(np.ones(12)).lower


def test_intervals_of_few_rows():
    one = mean_estimate([2.0])
    assert (one.value, one.lower, one.upper) == (2.0, -np.inf, np.inf)
    cluster = binomial_estimate([True, False], clusters=[1, 1])
    assert (cluster.value, cluster.lower, cluster.upper) == (0.5, 0.0, 1.0)
    endless = mean_estimate([1.0, np.inf, 2.0])
    assert endless.value == endless.upper == np.inf
    assert "1 of 3 values are infinite" in str(endless)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": [1, 2]}, "one weight for each of the 3 rows, got 2"),
        ({"sample_weight": [1, -1, 2]}, "got -1.0 for row 1"),
        ({"sample_weight": [0, 0, 0]}, "zero for every row"),
        ({"clusters": [0]}, "one label for each of the 3 rows"),
        ({"level": 1.0}, "level must lie between 0 and 1"),
    ],
)
def test_estimates_refuse(options, message):
    for estimate in (mean_estimate, binomial_estimate):
        with pytest.raises(ValueError, match=message):
            estimate([1.0, 0.0, 1.0], **options)


def test_estimates_refuse_nothing_and_nan():
    with pytest.raises(ValueError, match="no rows"):
        mean_estimate([])
    with pytest.raises(ValueError, match="1 values are NaN"):
        mean_estimate([1.0, np.nan])
    with pytest.raises(ValueError, match="'wilson' or 'exact', got 'wald'"):
        binomial_estimate([True], method="wald")
