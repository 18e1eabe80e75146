"""Scores of intervals and predictive distributions: their definitions, their intervals, their limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats
from sklearn.metrics import mean_pinball_loss

from mlcraft.uncertainty import scores
from mlcraft.uncertainty.scores import (
    _distributions,
    binomial_estimate,
    conditional_coverage,
    conditional_set_coverage,
    coverage,
    crps,
    interval_report,
    interval_score,
    mean_estimate,
    mean_width,
    pinball_loss,
    pit,
    set_coverage,
    set_size,
)

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


@pytest.mark.parametrize("kind", ["plain", "weights", "clusters"])
def test_intervals_hold_what_they_estimate(kind):
    """1,000 data sets: shares and means of rows that are independent, weighted, or alike within clusters."""
    random = np.random.default_rng(0)
    inside = {"share": 0, "mean": 0}
    for _ in range(1000):
        options = {}
        values = random.gamma(3.0, size=120)
        if kind == "weights":
            options["sample_weight"] = random.uniform(0.2, 3.0, 120)
        if kind == "clusters":
            options["clusters"] = np.repeat(np.arange(30), 4)
            values = 0.5 * values + np.repeat(random.gamma(3.0, size=30), 4) * 0.5
        inside["mean"] += 3.0 in mean_estimate(values, level=0.9, **options)
        # a share whose clusters agree: the whole cluster or each row is drawn
        size = 30 if kind == "clusters" else 120
        hits = np.repeat(random.uniform(size=size) < 0.8, 120 // size)
        inside["share"] += 0.8 in binomial_estimate(hits, level=0.9, **options)
    for held in inside.values():
        assert 0.87 <= held / 1000 <= 0.94


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


# ---------------------------------------------------------------- intervals and sets


def intervals(n=300, seed=0):
    random = np.random.default_rng(seed)
    y, middle = random.standard_normal(n), 0.3 * random.standard_normal(n)
    return y, middle - random.uniform(0.5, 2, n), middle + random.uniform(0.5, 2, n)


def test_coverage_width_and_score_by_their_definitions():
    y, lower, upper = intervals()
    inside = [low <= value <= high for value, low, high in zip(y, lower, upper, strict=True)]
    assert coverage(y, lower, upper).value == pytest.approx(np.mean(inside))
    assert coverage(lower, lower, upper).value == coverage(upper, lower, upper).value == 1.0  # bounds belong to it
    assert mean_width(lower, upper).value == pytest.approx(np.mean(upper - lower))
    both = np.column_stack([lower, upper])
    assert coverage(y, both) == coverage(y, lower, upper)
    assert mean_width(both) == mean_width(lower, upper)
    # pinball losses of the two quantiles, added and scaled
    found = interval_score(y, both, nominal=0.8)
    expected = (mean_pinball_loss(y, lower, alpha=0.1) + mean_pinball_loss(y, upper, alpha=0.9)) * 2 / 0.2
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert_allclose(found.values.mean(), found.value)


@pytest.mark.parametrize("nominal", [0.5, 0.9])
def test_the_true_interval_has_the_best_interval_score(nominal):
    y = np.random.default_rng(3).standard_normal(200_000)
    right = stats.norm.ppf(0.5 + nominal / 2)
    scores = [
        interval_score(y, np.full(y.shape, -c), c, nominal=nominal).value for c in right * np.array([0.9, 1, 1.1])
    ]
    assert scores[1] < min(scores[0], scores[2])


def test_agrees_with_mapie():
    mapie = pytest.importorskip("mapie.metrics.regression")
    y, lower, upper = intervals()
    both = np.stack([lower, upper], axis=1)[:, :, np.newaxis]
    assert coverage(y, lower, upper).value == pytest.approx(float(mapie.regression_coverage_score(y, both)[0]))
    assert mean_width(lower, upper).value == pytest.approx(float(mapie.regression_mean_width_score(both)[0]))
    expected = mapie.regression_mwi_score(y, both, 0.9)
    assert interval_score(y, lower, upper, nominal=0.9).value == pytest.approx(expected)


def test_empty_and_infinite_intervals():
    y = np.zeros(4)
    empty = coverage(y, [1.0, -1, -1, -1], [-1.0, 1, 1, 1])
    assert empty.value == 0.75
    assert "1 of 4 intervals are empty" in empty.notes[0]
    assert mean_width([1.0, -1, -1, -1], [-1.0, 1, 1, 1]).value == 1.5
    endless = np.array([[-np.inf, np.inf], [-1, 1], [-1, 1], [-np.inf, 1]])
    assert coverage(y, endless).value == 1.0
    for found in (mean_width(endless), interval_score(y, endless)):
        assert found.value == np.inf
        assert "2 of 4 values are infinite" in found.notes[0]
    assert mean_width([np.inf], [np.inf]).value == 0.0


def test_report_of_several_levels():
    y, lower, upper = intervals()
    both = np.stack([np.column_stack([lower, upper]), 2 * np.column_stack([lower, upper])], axis=2)
    report = interval_report(y, both, [0.8, 0.95], level=0.9)
    assert report.coverage[1] == coverage(y, both[:, :, 1], level=0.9)
    assert report.score[0] == interval_score(y, lower, upper, nominal=0.8, level=0.9)
    assert len(str(report).splitlines()) == 3
    pytest.importorskip("pandas")
    frame = report.to_frame()
    assert frame.loc[0.95, "width"] == report.width[1].value
    assert frame.shape == (2, 9)


def test_scores_of_sets():
    random = np.random.default_rng(0)
    classes = np.array(["b", "c", "a"])
    y, sets = random.choice(classes, 200), random.uniform(size=(200, 3)) < 0.7
    hits = [row[list(classes).index(label)] for label, row in zip(y, sets, strict=True)]
    assert set_coverage(y, sets, classes).value == pytest.approx(np.mean(hits))
    assert set_coverage(np.searchsorted(["a", "b", "c"], y), sets[:, [2, 0, 1]]).value == pytest.approx(np.mean(hits))
    size = set_size(sets)
    assert_allclose(size.values, sets.sum(axis=1))
    assert "sets are empty" in size.notes[0]
    unseen = set_coverage(["a", "z"], [[True, True], [True, True]], ["a", "b"])
    assert unseen.value == 0.5
    assert "1 labels are none of the classes" in str(unseen)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coverage([1.0, np.nan], [0.0, 0], [1.0, 1]), "y is NaN in row 1"),
        (lambda: coverage([1.0], [np.nan], [1.0]), "lower is NaN"),
        (lambda: coverage([1.0, 2.0], [0.0], [1.0, 1]), "lower must hold one number for each of the 2 rows"),
        (lambda: coverage([1.0], np.zeros((1, 2, 3))), "interval_report"),
        (lambda: coverage([1.0], [0.0]), "must hold both bounds"),
        (lambda: coverage([], [], []), "no rows"),
        (lambda: interval_score([1.0], [0.0], [1.0], nominal=90), "between 0 and 1, got 90"),
        (lambda: interval_report([1.0], [[0.0, 1.0]], [0.5, 0.9]), r"shape \(1, 2, 2\)"),
        (lambda: set_coverage([1], [[True, False]], [0]), "2 columns, but there are 1 classes"),
        (lambda: set_coverage(["a"], [[True, False]]), "pass classes="),
        (lambda: set_size([[0.3, 0.7]]), "True or False"),
        (lambda: set_size(np.ones((2, 2, 2), bool)), "sets of 2 levels"),
    ],
)
def test_scores_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- distributions


@pytest.mark.parametrize(("y", "mean", "std"), [(0.3, 0.0, 1.0), (-4.0, 1.0, 0.5), (60.0, 0.0, 1.0), (2.0, 2.0, 3.0)])
def test_crps_of_a_normal_is_the_integral(y, mean, std):
    def square(t):
        return (stats.norm.cdf(t, mean, std) - (t >= y)) ** 2

    ends = sorted([mean - 12 * std, y, mean + 12 * std])
    expected = sum(integrate.quad(square, a, b, epsabs=1e-12, limit=200)[0] for a, b in itertools.pairwise(ends))
    assert crps([y], mean=mean, std=std).value == pytest.approx(expected, rel=1e-7)


def test_crps_of_a_normal_at_the_limits():
    found = crps([1.0, 1e200, -3.0], mean=[2.0, 0.0, -3.0], std=[0.0, 1e-200, 0.0]).values
    assert_allclose(found, [1.0, 1e200, 0.0])


def test_crps_of_draws_by_all_pairs(monkeypatch):
    random = np.random.default_rng(0)
    y, draws = random.standard_normal(50), random.standard_normal((50, 7))
    monkeypatch.setattr(_distributions, "BLOCK", 30)  # several blocks
    pairs = np.abs(draws[:, :, None] - draws[:, None, :]).sum(axis=(1, 2))
    own = np.abs(draws - y[:, None]).mean(axis=1)
    assert_allclose(crps(y, samples=draws).values, own - pairs / (2 * 49), rtol=1e-12, atol=1e-14)
    assert_allclose(crps(y, samples=draws, fair=True).values, own - pairs / (2 * 42), rtol=1e-12, atol=1e-14)
    middle = (np.arange(7) + 0.5) / 7
    assert_allclose(crps(y, quantiles=np.sort(draws), levels=middle).values, own - pairs / (2 * 49), rtol=1e-12)


def test_crps_of_many_draws_and_quantiles_nears_that_of_the_normal():
    y = np.array([-1.0, 0.2, 2.5])
    expected = crps(y, mean=0.0, std=1.0).values
    levels = (np.arange(4000) + 0.5) / 4000
    table = np.tile(stats.norm.ppf(levels), (3, 1))
    assert_allclose(crps(y, samples=table).values, expected, atol=2e-4)
    uneven = np.sort(np.random.default_rng(0).uniform(size=3000))
    assert_allclose(
        crps(y, quantiles=np.tile(stats.norm.ppf(uneven), (3, 1)), levels=uneven).values, expected, atol=2e-3
    )


def test_fair_score_of_few_draws_has_the_expectation_of_the_distribution():
    random = np.random.default_rng(0)
    y, draws = random.standard_normal(20_000), random.standard_normal((20_000, 3))
    right = crps(y, mean=0.0, std=1.0)
    assert right.value in crps(y, samples=draws, fair=True)
    assert right.value not in crps(y, samples=draws)


def test_pinball_is_that_of_scikit_learn():
    y, lower, upper = intervals()
    weight = np.random.default_rng(0).uniform(size=len(y))
    for q in (0.1, 0.5):
        expected = mean_pinball_loss(y, lower, sample_weight=weight, alpha=q)
        assert pinball_loss(y, lower, q, sample_weight=weight).value == pytest.approx(expected)
    both = pinball_loss(y, np.column_stack([lower, upper]), [0.1, 0.9]).value
    single = [pinball_loss(y, lower, 0.1).value, pinball_loss(y, upper, 0.9).value]
    assert both == pytest.approx(np.mean(single))


def test_paired_difference_of_scores():
    y = np.random.default_rng(0).standard_normal(400)
    right, wide = crps(y, mean=0.0, std=1.0), crps(y, mean=0.0, std=1.5)
    apart = mean_estimate(wide.values - right.values)
    assert apart.value == pytest.approx(wide.value - right.value)
    assert apart.upper - apart.lower < 0.5 * (wide.upper - wide.lower)  # both know the same rows


# ---------------------------------------------------------------- probability integral transform


def test_pit_of_forms():
    y = np.array([-1.0, 0.0, 1.5])
    assert_allclose(pit(y, mean=0.5, std=2.0).values, stats.norm.cdf(y, 0.5, 2.0))
    assert_allclose(pit(cdf=[0.2, 0.7]).values, [0.2, 0.7])
    ranks = pit([0.5, 5.0, -5.0], samples=np.tile([0.0, 1.0, 2.0], (3, 1)))
    assert_allclose(ranks.below, [0.25, 0.75, 0.0])
    assert_allclose(ranks.up_to, [0.5, 1.0, 0.25])
    table = np.tile([1.0, 2.0, 2.0, 4.0], (6, 1))
    found = pit([0.0, 1.0, 1.25, 2.0, 2.5, 9.0], quantiles=table, levels=[0.1, 0.3, 0.6, 0.9])
    assert_allclose(found.below, [0.0, 0.1, 0.15, 0.3, 0.675, 0.9])
    assert_allclose(found.up_to, [0.1, 0.1, 0.15, 0.6, 0.675, 1.0])
    sure = pit([1.0, 2.0, 3.0], mean=2.0, std=0.0)
    assert_allclose([sure.below, sure.up_to], [[0, 0, 1], [0, 1, 1]])


def test_pit_is_uniform_where_distributions_are_right():
    random = np.random.default_rng(0)
    y = random.poisson(1.2, (300, 200))
    table = np.stack([stats.poisson.cdf(y - 1, 1.2), stats.poisson.cdf(y, 1.2)], axis=2)
    found = [pit(cdf=part, random_state=seed) for seed, part in enumerate(table)]
    for share, inside in (
        (0.9, [one.p_value > 0.1 for one in found]),
        (0.95, [0.5 in one.mean for one in found]),
        (0.95, [1.0 in one.spread for one in found]),
    ):
        assert share in binomial_estimate(inside, level=0.999)
    one = found[0]
    test = stats.kstest(one.values, "uniform")
    assert (one.statistic, one.p_value) == (pytest.approx(test.statistic), pytest.approx(test.pvalue))
    whole = pit(cdf=table.reshape(-1, 2), random_state=0)
    assert whole.histogram(10).sum() == pytest.approx(1.0)
    drawn = np.histogram(whole.values, 10, (0, 1))[0] / 60_000
    assert np.abs(whole.histogram(10) - 0.1).max() < np.abs(drawn - 0.1).max()  # without the noise of a draw
    narrow = pit(random.standard_normal(500), mean=0.0, std=0.6)
    assert narrow.spread.lower > 1.0
    assert narrow.p_value < 1e-3
    low = pit(random.standard_normal(500), mean=-0.3, std=1.0)
    assert low.mean.lower > 0.5


def test_pit_histogram_counts_values():
    values = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    found = pit(cdf=values, sample_weight=[1, 1, 1, 1, 2]).histogram(10)
    assert_allclose(found * 6, [2, 1, 0, 0, 0, 0, 0, 0, 0, 3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: crps([1.0]), "one form, mean, samples, quantiles: got none"),
        (lambda: crps([1.0], mean=0.0, std=1.0, samples=[[1.0]]), "got mean and samples"),
        (lambda: crps([1.0], mean=0.0), "mean= needs std="),
        (lambda: crps([1.0], mean=0.0, std=-1.0), "std must not be negative, got -1"),
        (lambda: crps([1.0], samples=[1.0]), "a row for each of the 1 rows of y"),
        (lambda: crps([1.0], samples=[[1.0]], fair=True), "two draws"),
        (lambda: crps([1.0], quantiles=[[1.0, 2.0]]), "needs levels="),
        (lambda: crps([1.0], quantiles=[[1.0, 2.0]], levels=[0.9, 0.1]), "must increase"),
        (lambda: pinball_loss([1.0], [1.0], 1.5), "between 0 and 1"),
        (lambda: pit(mean=0.0, std=1.0), "needs y"),
        (lambda: pit(cdf=[1.2]), "cdf must hold probabilities"),
        (lambda: pit([1.0], quantiles=[[2.0, 1.0]], levels=[0.1, 0.9]), "quantiles cross in row 0"),
        (lambda: pit(cdf=[0.5]).histogram(0), "bins must be at least 1"),
    ],
)
def test_distributions_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- coverage by group


def test_coverage_by_label_is_that_of_the_rows():
    y, lower, upper = intervals()
    by = np.array(["b", "a", "c"])[np.arange(300) % 3]
    found = conditional_coverage(y, lower, upper, by)
    assert found.groups == ("a", "b", "c")
    for group, estimate in zip(found.groups, found.estimates, strict=True):
        mine = by == group
        assert estimate.value == coverage(y[mine], lower[mine], upper[mine]).value
        assert estimate.n == 100
    table = [
        [np.sum((y >= lower) & (y <= upper) & (by == g)), np.sum(((y < lower) | (y > upper)) & (by == g))]
        for g in "abc"
    ]
    expected = stats.chi2_contingency(table, correction=False)
    assert_allclose([found.statistic, found.df, found.p_value], [expected.statistic, 2, expected.pvalue])
    assert found.worst[1].value == min(one.value for one in found.estimates)


def test_groups_of_numbers():
    y, lower, upper = intervals()
    x = np.random.default_rng(1).gamma(1.0, size=300)
    both = np.column_stack([lower, upper])
    found = conditional_coverage(y, both, by=x, bins=3)
    assert [one.n for one in found.estimates] == [100, 100, 100]
    edges = conditional_coverage(y, both, by=x, bins=[0.0, 0.5, 100.0])
    assert [one.n for one in edges.estimates] == [np.sum(x < 0.5), np.sum(x >= 0.5)]
    assert edges.groups == ("0 to 0.5", "0.5 to 100")
    assert conditional_coverage(y, both, by=np.arange(300) % 12).groups[:3] == ("0", "1", "2")
    many = conditional_coverage(y, both, by=np.round(x))
    assert sum(one.n for one in many.estimates) == 300
    constant = conditional_coverage(y, both, by=np.full(300, 2.5))
    assert constant.groups == ("2.5",)
    assert constant.p_value == 1.0


def test_a_planted_failure_is_found_and_a_right_model_is_not_accused():
    random = np.random.default_rng(0)
    x = random.uniform(size=2000)
    noise = random.standard_normal(2000)
    wide = conditional_coverage(noise, np.full(2000, -1.645), 1.645, x, nominal=0.9)
    assert wide.p_value > 0.01
    wrong = conditional_coverage(2 * x * noise, np.full(2000, -1.645), 1.645, x, nominal=0.9)
    assert wrong.p_value < 1e-6
    assert wrong.worst[0].endswith("to 1")
    strict = conditional_coverage(noise, np.full(2000, -1.645), 1.645, x, simultaneous=True)
    assert strict.estimates[0].level == pytest.approx(0.95**0.2)


def test_the_test_of_groups_keeps_its_level():
    random = np.random.default_rng(0)
    y, by = random.standard_normal((400, 500)), np.arange(500) % 5
    p_values = [conditional_coverage(row, np.full(500, -1.645), 1.645, by, nominal=0.9).p_value for row in y]
    assert stats.binomtest(int(np.sum(np.less(p_values, 0.1))), 400, 0.1).pvalue > 1e-3


def test_sets_by_class_and_size():
    random = np.random.default_rng(0)
    y, sets = random.integers(0, 3, 300), random.uniform(size=(300, 3)) < 0.7
    found = conditional_set_coverage(y, sets)
    assert found.groups == ("0", "1", "2")
    assert found.estimates[1].value == pytest.approx(sets[y == 1, 1].mean())
    by_size = conditional_set_coverage(y, sets, by=set_size(sets).values)
    assert by_size.estimates[0].value == 0.0  # empty sets
    assert by_size.estimates[-1].value == 1.0


def test_group_frames_and_refusals():
    pd = pytest.importorskip("pandas")
    y, lower, upper = intervals()
    by = pd.Series(np.where(np.arange(300) < 100, "young", "old"), name="age")
    found = conditional_coverage(y, lower, upper, by)
    frame = found.to_frame()
    assert frame.index.name == found.by == "age"
    assert frame["n"].tolist() == [200, 100]
    for by, message in (
        (None, "by must be given"),
        ([1, 2], "one value for each of the 300 rows"),
        (np.full(300, np.nan), "by is NaN in 300 rows"),
    ):
        with pytest.raises(ValueError, match=message):
            conditional_coverage(y, lower, upper, by)
    for bins, message in ((0, "at least 1"), ([0.0, 0.1], "beyond the edges"), ([1.0, 0.0], "increasing")):
        with pytest.raises(ValueError, match=message):
            conditional_coverage(y, lower, upper, np.linspace(0, 1, 300), bins=bins)


def test_names_are_found_from_the_front():
    from mlcraft import uncertainty

    for name in scores.__all__:
        assert getattr(uncertainty, name) is getattr(scores, name)
        assert name in dir(uncertainty)


def test_what_does_not_count_may_be_infinite():
    assert mean_estimate([1.0, 2.0, np.inf], sample_weight=[1, 1, 0]).value == 1.5


def test_infinite_numbers_in_bins():
    by = np.append(np.full(25, np.inf), np.linspace(0, 1, 25))
    found = conditional_coverage(np.zeros(50), -np.ones(50), np.ones(50), by, bins=3)
    assert sum(one.n for one in found.estimates) == 50
    assert len(found.estimates) >= 2


def test_bounds_of_a_width():
    assert mean_width(0.0, [1.0, 2.0, 3.0]).value == 2.0
    assert mean_width([0.0, 1.0], 2.0).value == 1.5
    with pytest.raises(ValueError, match="both bounds"):
        mean_width([1.0, 2.0, 3.0])
