"""How well probabilities are calibrated: curves, errors, decompositions and tests against their definitions."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.calibration import calibration_curve as their_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from mlcraft.uncertainty import (
    brier_decomposition,
    calibration_curve,
    calibration_error,
    hosmer_lemeshow_test,
    log_loss_decomposition,
    spiegelhalter_test,
)
from mlcraft.uncertainty.calibration._bins import Forecasts, binned
from mlcraft.uncertainty.calibration._curve import _number_of_events
from mlcraft.uncertainty.calibration._decomposition import _parts, _Rule

STRATEGIES = ["uniform", "quantile", "isotonic", "unique"]
DECOMPOSITIONS = {"brier": brier_decomposition, "log loss": log_loss_decomposition}


def drawn(n=400, seed=0, power=1.0, rounded=None):
    """Forecasts, and events that happen with their power."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=n) if rounded is None else rng.integers(1, rounded, n) / rounded
    return (rng.uniform(size=n) < p**power).astype(int), p


def drawn_classes(n=400, classes=3, seed=0, sharper=1.0):
    """Probabilities of classes that are too sure by a factor."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), n)
    codes = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    sure = p**sharper
    return codes, sure / sure.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------- curves


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 5, 20])
def test_curve_as_scikit_learn(strategy, bins):
    y, p = drawn(400, seed=1)
    found = calibration_curve(y, p, bins=bins, strategy=strategy)
    observed, predicted = their_curve(y, p, n_bins=bins, strategy=strategy)
    assert_allclose(found.observed, observed, atol=1e-12)
    assert_allclose(found.predicted, predicted, atol=1e-12)
    assert found.count.sum() == found.n == 400


def test_curve_without_bins_is_the_isotonic_regression():
    y, p = drawn(rounded=30)
    found = calibration_curve(y, p, strategy="isotonic")
    smooth = IsotonicRegression().fit(p, y)
    assert_allclose(found.observed, smooth.predict(found.low), atol=1e-12)
    assert_allclose(found.observed, smooth.predict(found.high), atol=1e-12)
    assert np.all(np.diff(found.observed) > 0)
    assert found.count.sum() == 400


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_weights_are_numbers_of_rows_for_what_is_seen(strategy):
    y, p = drawn(rounded=12)
    weight = np.random.default_rng(0).integers(0, 4, 400)
    repeat = np.repeat(np.arange(400), weight)
    weighted = calibration_curve(y, p, strategy=strategy, sample_weight=weight)
    repeated = calibration_curve(y[repeat], p[repeat], strategy=strategy)
    for name in ("observed", "predicted", "weight", "low", "high"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), atol=1e-12)
    assert weighted.n == np.count_nonzero(weight)
    if strategy != "isotonic":  # whose bands are drawn
        assert np.all(weighted.upper - weighted.lower >= repeated.upper - repeated.lower - 1e-12)


def test_intervals_of_equal_forecasts_are_binomial():
    p = np.repeat([0.05, 0.3, 0.9], [40, 300, 60])
    y = np.concatenate([np.arange(40) < 1, np.arange(300) < 120, np.arange(60) < 60])
    found = calibration_curve(y, p, strategy="unique", level=0.9)
    law = stats.binom(found.count, found.predicted)
    assert_allclose(found.consistent_lower, law.ppf(0.05) / found.count)
    assert_allclose(found.consistent_upper, law.ppf(0.95) / found.count)
    expected = [stats.binomtest(k, n).proportion_ci(0.9, "wilson") for k, n in [(1, 40), (120, 300), (60, 60)]]
    assert_allclose(found.lower, [ci.low for ci in expected], atol=1e-12)
    assert_allclose(found.upper, [ci.high for ci in expected], atol=1e-12)
    assert_array_equal(found.consistent, [True, False, False])
    assert str(found).count("not calibrated") == 2
    assert list(found.to_frame()["consistent"]) == [True, False, False]


def test_number_of_events_is_a_sum_of_unequal_ones():
    p = np.array([0.1, 0.5, 0.9])
    assert_allclose(_number_of_events(p), [0.045, 0.455, 0.455, 0.045])


def test_normal_consistency_is_the_exact_one_of_many_rows(monkeypatch):
    y, p = drawn(3000, power=0.5)
    exact = calibration_curve(y, p)
    monkeypatch.setattr("mlcraft.uncertainty.calibration._curve.EXACT", 0)
    normal = calibration_curve(y, p)
    assert_allclose(normal.consistent_lower, exact.consistent_lower, atol=2.5 / 300)
    assert_allclose(normal.consistent_upper, exact.consistent_upper, atol=2.5 / 300)


def test_consistency_of_rare_weighted_events_is_skewed():
    rng = np.random.default_rng(0)
    p, weight = np.full(300, 0.02), rng.uniform(0.5, 1.5, 300)
    found = calibration_curve(np.arange(300) < 6, p, bins=1, sample_weight=weight, level=0.9)
    drawn_shares = (rng.random((20_000, 300)) < p) @ weight / weight.sum()
    low, high = np.quantile(drawn_shares, [0.05, 0.95])
    assert found.consistent_lower[0] == pytest.approx(low, abs=8e-4)
    assert found.consistent_upper[0] == pytest.approx(high, abs=8e-4)


def test_top_class_of_many():
    codes, p = drawn_classes(sharper=2.0)
    top = p.argmax(axis=1)
    names = np.array(["c", "a", "b"])
    found = calibration_curve(names[codes], p, classes=names)
    single = calibration_curve(codes == top, p.max(axis=1))
    assert_array_equal(found.observed, single.observed)
    two = calibration_curve(codes == 1, np.column_stack([1 - p[:, 1], p[:, 1]]))
    assert_allclose(two.observed, calibration_curve(codes == 1, p[:, 1]).observed)


def test_simultaneous_intervals_are_wider():
    y, p = drawn()
    one, all_of_them = calibration_curve(y, p), calibration_curve(y, p, simultaneous=True)
    assert np.all(all_of_them.lower <= one.lower)
    assert_allclose(all_of_them.upper, calibration_curve(y, p, level=0.995).upper)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["uniform", "isotonic"])
def test_intervals_cover(strategy):
    """Bins of fixed edges: within the binomial band; isotonic bands: nearly so, since they stand on one sample."""
    inside = {"calibrated": [], "truth": []}
    for seed in range(300):
        y, p = drawn(500, seed, power=2.0)
        found = calibration_curve(y, p, strategy=strategy, level=0.9, n_resamples=100)
        truth = found.predicted**2 if strategy == "isotonic" else (found.high**3 - found.low**3) / 3 * 10
        inside["truth"].append(np.mean((found.lower <= truth) & (truth <= found.upper)))
        y, p = drawn(500, seed)
        found = calibration_curve(y, p, strategy=strategy, level=0.9, n_resamples=100)
        inside["calibrated"].append(np.mean(found.consistent))
    assert 0.88 < np.mean(inside["calibrated"]) < 0.97
    assert (0.88 if strategy == "uniform" else 0.75) < np.mean(inside["truth"]) < 0.96


# ---------------------------------------------------------------- errors


def plain_error(y, p, kind, bins):
    """By the definition, bin by bin."""
    wide, places = kind in ("ece", "mce"), np.arange(bins + 1) / bins
    edges = places.copy() if wide else np.quantile(p, places, method="inverted_cdf")
    edges[0], edges[-1] = -1, 2
    gaps, shares = [], []
    for low, high in itertools.pairwise(edges):
        inside = (p > low) & (p <= high)
        if inside.any():
            gaps.append(abs(y[inside].mean() - p[inside].mean()))
            shares.append(inside.mean())
    if kind == "mce":
        return max(gaps)
    return np.dot(gaps, shares) if kind != "rmsce" else np.sqrt(np.dot(np.square(gaps), shares))


@pytest.mark.parametrize("kind", ["ece", "ace", "mce", "rmsce"])
@pytest.mark.parametrize("bins", [4, 15])
def test_plain_errors_by_the_definition(kind, bins):
    y, p = drawn(500, power=1.5)
    found = calibration_error(y, p, kind, bins=bins, debias=False)
    assert found.value == pytest.approx(plain_error(y, p, kind, bins), abs=1e-12)
    assert found.lower <= found.value <= found.upper
    assert f"plain value {found.value:.4g}" in str(calibration_error(y, p, kind, bins=bins))


def test_errors_of_classes_are_means_over_them():
    codes, p = drawn_classes(sharper=2.0)
    each = [calibration_error(codes == k, p[:, k], "ace", debias=False).value for k in range(3)]
    assert calibration_error(codes, p, "ace", debias=False).value == pytest.approx(np.mean(each))
    top = calibration_error(codes == p.argmax(axis=1), p.max(axis=1), "ece").value
    assert calibration_error(codes, p, "ece").value == pytest.approx(top)


def test_squares_are_debiased_as_in_the_literature():
    y, p = drawn(500, power=1.5)
    curve = calibration_curve(y, p, bins=10, strategy="quantile")
    share = curve.count / 500
    gap = (curve.observed - curve.predicted) ** 2 - curve.observed * (1 - curve.observed) / (curve.count - 1)
    assert calibration_error(y, p, "rmsce", bins=10).value == pytest.approx(np.sqrt(share @ gap))


def test_mean_gaps_are_debiased_by_normal_noise():
    """What is taken off is what noise adds to the gaps found, here from many draws."""
    y, p = drawn(500, power=1.3)
    curve = calibration_curve(y, p, bins=10)
    gap, share = curve.observed - curve.predicted, curve.count / 500
    rate = (curve.count * curve.observed + curve.predicted) / (curve.count + 1)
    noise = np.random.default_rng(0).standard_normal((200_000, 10)) * np.sqrt(rate * (1 - rate) / curve.count)
    again = (np.abs(gap + noise) @ share).mean()
    plain = np.abs(gap) @ share
    assert calibration_error(y, p, "ece", bins=10).value == pytest.approx(2 * plain - again, abs=1e-4)


@pytest.mark.parametrize("kind", ["ece", "mce", "rmsce"])
def test_debiasing_brings_calibrated_forecasts_near_zero(kind):
    debiased, plain = (
        [calibration_error(*drawn(300, seed), kind, debias=debias, n_resamples=50).value for seed in range(40)]
        for debias in (True, False)
    )
    assert np.mean(debiased) < 0.75 * np.mean(plain)


@pytest.mark.slow
@pytest.mark.parametrize("power", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("kind", ["ece", "ace", "rmsce"])
def test_intervals_of_errors_cover(kind, power):
    """90 % nominal: 96 % where forecasts are calibrated, 85 to 88 % where gaps are as large as their noise."""
    big = drawn(2_000_000, 12345, power)
    truth = calibration_error(*big, kind, bins=10, n_resamples=2).value
    inside = []
    for seed in range(300):
        found = calibration_error(*drawn(600, seed, power), kind, bins=10, level=0.9, n_resamples=500)
        inside.append(found.lower - 1e-3 <= truth <= found.upper + 1e-3)
    assert np.mean(inside) > 0.82


# ---------------------------------------------------------------- decompositions


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", DECOMPOSITIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("debias", [False, True])
def test_parts_add_up_to_the_score(name, strategy, weighted, debias):
    y, p = drawn(rounded=20, power=1.4)
    weight = np.random.default_rng(1).uniform(0, 2, 400) if weighted else None
    if debias and strategy == "isotonic":
        with pytest.raises(ValueError, match="debias=True needs bins"):
            DECOMPOSITIONS[name](y, p, strategy=strategy, debias=True)
        return
    found = DECOMPOSITIONS[name](y, p, strategy=strategy, sample_weight=weight, debias=debias)
    score = {"brier": brier_score_loss, "log loss": log_loss}[name](y, p, sample_weight=weight)
    parts = found.reliability.value - found.resolution.value + found.uncertainty.value + found.binning
    assert found.score.value == pytest.approx(score, rel=1e-12)
    assert parts == pytest.approx(score, rel=1e-12)
    assert found.skill == pytest.approx(1 - found.score.value / found.uncertainty.value)
    if strategy in ("isotonic", "unique"):
        assert found.binning == 0
    for part in (found.score, found.reliability, found.resolution, found.uncertainty):
        assert part.lower <= part.value <= part.upper


def test_brier_parts_are_those_of_murphy():
    y, p = drawn(rounded=10, power=1.4)
    groups = [(np.mean(p == value), value, y[p == value].mean()) for value in np.unique(p)]
    base = y.mean()
    for strategy in ("unique", "quantile"):
        found = brier_decomposition(y, p, strategy=strategy, bins=1000)
        assert found.reliability.value == pytest.approx(sum(w * (v - o) ** 2 for w, v, o in groups))
        assert found.resolution.value == pytest.approx(sum(w * (o - base) ** 2 for w, v, o in groups))
        assert found.uncertainty.value == pytest.approx(base * (1 - base))


def test_log_loss_parts_are_divergences():
    y, p = drawn(rounded=10, power=1.4)
    found = log_loss_decomposition(y, p, strategy="unique")
    base = y.mean()
    groups = [(np.mean(p == value), value, y[p == value].mean()) for value in np.unique(p)]
    entropy = stats.entropy
    pairs = [(w, entropy([o, 1 - o], [v, 1 - v]), entropy([o, 1 - o], [base, 1 - base])) for w, v, o in groups]
    assert found.reliability.value == pytest.approx(sum(w * a for w, a, _ in pairs))
    assert found.resolution.value == pytest.approx(sum(w * b for w, _, b in pairs))
    assert found.uncertainty.value == pytest.approx(stats.entropy([base, 1 - base]))


def test_isotonic_parts_are_differences_of_scores():
    y, p = drawn(power=1.4)
    smooth = IsotonicRegression().fit(p, y).predict(p)
    found = brier_decomposition(y, p)
    best = np.mean((smooth - y) ** 2)
    assert found.reliability.value == pytest.approx(brier_score_loss(y, p) - best)
    assert found.resolution.value == pytest.approx(y.mean() * (1 - y.mean()) - best)


@pytest.mark.parametrize("rule", ["Brier score", "log loss"])
def test_intervals_stand_on_the_derivatives_by_the_weights(rule):
    """What the parts are means of moves them as much as a row's weight does."""
    y, p = drawn(60, power=2.0)

    def parts(weight):
        given = Forecasts(y.astype(float), p, weight)
        return _parts(_Rule(rule), given, binned(given, 3, "uniform"), False, False)[0]

    values, step = parts(np.ones(60))[:, :4], 1e-6
    for row in (0, 7, 33):
        moved = np.ones(60)
        moved[row] += step
        change = (moved @ parts(moved)[:, :4] / moved.sum() - values.mean(axis=0)) / step
        assert_allclose(change, (values[row] - values.mean(axis=0)) / 60, atol=1e-7)


def test_brier_of_classes_is_a_sum():
    codes, p = drawn_classes(sharper=2.0)
    each = [brier_decomposition(codes == k, p[:, k]) for k in range(3)]
    found = brier_decomposition(codes, p)
    assert found.reliability.value == pytest.approx(sum(part.reliability.value for part in each))
    assert found.score.value == pytest.approx(((p - np.eye(3)[codes]) ** 2).sum(axis=1).mean())
    with pytest.raises(ValueError, match="for one event only"):
        log_loss_decomposition(codes, p)


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_debiased_parts_are_right_on_average(name):
    """Forecasts of five values, equally often: the parts are known."""
    p = np.arange(1, 6) / 6
    often, base = p**1.5, np.mean(p**1.5)
    if name == "brier":
        truth = [np.mean((p - often) ** 2), np.mean((often - base) ** 2), base * (1 - base)]
    else:
        both = [np.stack([1 - share, share]) for share in (often, p, np.full(5, base))]
        truth = [np.mean(stats.entropy(both[0], both[1])), np.mean(stats.entropy(both[0], both[2]))]
        truth.append(stats.entropy([base, 1 - base]))
    for debias in (True, False):
        found = [
            DECOMPOSITIONS[name](*drawn(100, seed, 1.5, 6), strategy="unique", debias=debias) for seed in range(100)
        ]
        values = np.array([[part.value for part in (f.reliability, f.resolution, f.uncertainty)] for f in found])
        off, error = values.mean(axis=0) - truth, values.std(axis=0) / 10
        if debias:
            assert np.all(np.abs(off) < 3.5 * error + (0.004 if name == "log loss" else 0))
        else:
            assert off[0] > 4 * error[0]


def test_impossible_events_have_infinite_log_loss():
    found = log_loss_decomposition([1, 0, 1, 0], [0.0, 0.2, 0.9, 0.4], strategy="unique")
    assert found.score.value == np.inf
    assert found.reliability.value == np.inf
    assert found.resolution.value < np.inf
    assert np.isfinite(found.binning)


@pytest.mark.slow
@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_intervals_of_parts_cover(name):
    parts = ("score", "reliability", "resolution", "uncertainty")
    truth = DECOMPOSITIONS[name](*drawn(2_000_000, 77, 2.0), strategy="quantile", debias=True)
    inside = []
    for seed in range(300):
        found = DECOMPOSITIONS[name](*drawn(1000, seed, 2.0), strategy="quantile", level=0.9, debias=True)
        inside.append([getattr(truth, part).value in getattr(found, part) for part in parts])
    assert np.all(np.mean(inside, axis=0) > 0.85)
    assert np.all(np.mean(inside, axis=0) < 0.95)


# ---------------------------------------------------------------- tests


def test_spiegelhalter_by_its_formula():
    y, p = drawn()
    z = np.sum((y - p) * (1 - 2 * p)) / np.sqrt(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    found = spiegelhalter_test(y, p)
    assert found.statistic == pytest.approx(z)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert spiegelhalter_test(y, np.column_stack([1 - p, p])).statistic == pytest.approx(z)


def test_spiegelhalter_of_classes_is_the_binary_one_of_two():
    """With a third class of probability zero nothing changes."""
    y, p = drawn()
    wide = np.column_stack([1 - p, p, np.zeros(400)])
    found = spiegelhalter_test(y, wide, classes=[0, 1, 2])
    assert found.statistic == pytest.approx(spiegelhalter_test(y, p).statistic)


@pytest.mark.parametrize("classes", [2, 3])
def test_spiegelhalter_is_normal_for_calibrated_forecasts(classes):
    z = [spiegelhalter_test(*drawn_classes(200, classes, seed)).statistic for seed in range(200)]
    assert stats.kstest(z, "norm").pvalue > 0.01
    assert spiegelhalter_test(*drawn_classes(400, classes, 0, sharper=2.0)).p_value < 1e-4


def test_hosmer_lemeshow_by_hand():
    p = np.repeat([0.2, 0.4, 0.6, 0.8], 50)
    events = np.array([15, 22, 28, 40])
    y = np.concatenate([np.arange(50) < k for k in events])
    expected = 50 * np.array([0.2, 0.4, 0.6, 0.8])
    statistic = np.sum((events - expected) ** 2 / (expected * (1 - expected / 50)))
    for fitted, df in ((False, 4), (True, 2)):
        found = hosmer_lemeshow_test(y, p, bins=4, fitted=fitted)
        assert found.statistic == pytest.approx(statistic)
        assert found.df == df
        assert found.p_value == pytest.approx(stats.chi2.sf(statistic, df))
    assert_array_equal(found.table["observed"], events)
    assert_allclose(found.table["predicted"], expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_hosmer_lemeshow_as_statsmodels(classes):
    module = pytest.importorskip("statsmodels.stats.diagnostic_gen")
    codes, p = drawn_classes(500, classes, sharper=1.2)
    theirs = module.test_chisquare_binning(np.eye(classes)[codes], p, sort_var=1 - p[:, 0], bins=10)
    ours = hosmer_lemeshow_test(codes, p, fitted=True)
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.df == theirs.df
    assert ours.p_value == pytest.approx(theirs.pvalue)


def test_hosmer_lemeshow_weights_are_rows():
    y, p = drawn(rounded=12)
    weight = np.random.default_rng(0).integers(0, 4, 400)
    repeat = np.repeat(np.arange(400), weight)
    found = hosmer_lemeshow_test(y, p, sample_weight=weight)
    assert found.statistic == pytest.approx(hosmer_lemeshow_test(y[repeat], p[repeat]).statistic)


def test_few_expected_events_are_a_warning():
    y, p = drawn(40)
    with pytest.warns(UserWarning, match="fewer than 5 events are expected"):
        hosmer_lemeshow_test(y, p)
    with pytest.raises(ValueError, match="needs more than 2"):
        hosmer_lemeshow_test(y, p, bins=2, fitted=True)


# ---------------------------------------------------------------- doors

ALL = [
    calibration_curve,
    calibration_error,
    brier_decomposition,
    log_loss_decomposition,
    spiegelhalter_test,
    hosmer_lemeshow_test,
]
BAD = {
    "scores": (([0, 1, 1], [-1.3, 0.2, 4.0]), "between 0 and 1, got values from -1.3 to 4"),
    "nan": (([0, 1, 1], [np.nan, 0.2, 0.4]), "NaN"),
    "many labels": (([0, 1, 2], [0.1, 0.2, 0.4]), "one column but y_true 3 labels"),
    "lengths": (([0, 1, 1], [0.1, 0.2]), "inconsistent numbers of samples"),
    "texts": ((["a", "b", "b"], [0.1, 0.2, 0.4]), "pos_label"),
    "sums": (([0, 1, 2], [[0.5, 0.4, 0.3]] * 3), "row 0 sums to 1.2"),
    "columns": (([0, 1, 1], [[0.2, 0.3, 0.5]] * 3), "3 columns and there are 2 labels in y_true"),
}


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("case", BAD)
def test_errors_say_what_is_wrong(function, case):
    arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.filterwarnings("ignore:In .* cells")
def test_weights_are_checked_and_zero_is_missing(function):
    y, p = drawn(300)
    weight = np.ones(300)
    weight[:50] = 0
    p_bad = p.copy()
    p_bad[:50] = 0.0
    assert str(function(y, p_bad, sample_weight=weight)) == str(function(y[50:], p[50:]))
    with pytest.raises(ValueError, match="not negative"):
        function(y, p, sample_weight=-weight)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y, p: calibration_curve(y, p, strategy="kmeans"), "strategy must be one of"),
        (lambda y, p: calibration_curve(y, p, bins=0), "bins must be a number of bins"),
        (lambda y, p: calibration_curve(y, p, bins=[0.5, 1.0]), "leave out forecasts"),
        (lambda y, p: calibration_curve(y, p, bins=[0.0, 1.0, 0.5]), "edges that increase"),
        (lambda y, p: calibration_curve(y, p, level=1.0), "level"),
        (lambda y, p: calibration_error(y, p, "smece"), "kind must be one of"),
        (lambda y, p: calibration_error(y, p, strategy="isotonic"), "strategy must be"),
        (lambda y, p: calibration_curve(y, p, pos_label=7), "pos_label=7 is not a label"),
        (lambda y, p: spiegelhalter_test(y, np.full(400, 0.5)), "nothing to test"),
    ],
)
def test_arguments_are_checked(call, message):
    with pytest.raises(ValueError, match=message):
        call(*drawn())


def test_labels_of_any_kind():
    y, p = drawn()
    names = np.array(["no", "yes"])[y]
    plain = calibration_curve(y, p)
    assert_array_equal(calibration_curve(names, p, pos_label="yes").observed, plain.observed)
    assert_array_equal(calibration_curve(2 * y - 1, p).observed, plain.observed)
    assert_array_equal(calibration_curve(y.astype(bool), p).observed, plain.observed)
    assert_array_equal(calibration_curve(np.zeros(400), p).observed, 0)


def test_isotonic_band_of_few_distinct_forecasts_is_at_its_own_forecast():
    # the mean of a bin's equal forecasts may be rounded past them, to where the next forecast is
    p = np.repeat([0.1, 0.3, 0.7, 0.9], [30, 30, 30, 33])
    y = np.concatenate([np.arange(count) < events for count, events in ((30, 3), (30, 9), (30, 21), (33, 30))])
    for scale in (1.0, 3.0, 0.7):
        found = calibration_curve(y, p, strategy="isotonic", sample_weight=np.full(len(y), scale), random_state=0)
        assert np.all((found.lower <= found.observed) & (found.observed <= found.upper)), scale
        assert np.all(found.consistent), scale
