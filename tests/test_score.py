"""Intervals of metrics: within the range, alike by delta and bootstrap, and covering as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics
from numpy.testing import assert_allclose
from scipy.stats import binom, norm

import mlcraft.evaluation as ours
from mlcraft.evaluation import score
from mlcraft.evaluation.metrics._intervals import clopper_pearson, newcombe_area, wilson

RANKINGS = ("roc_auc", "gini", "average_precision", "ks")
CLASSES = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "fbeta",
    "hamming",
    "jaccard",
    "kappa",
    "mcc",
    "precision",
    "recall",
    "zero_one",
)
PROBABILITIES = ("log_loss", "brier")
NUMBERS = (
    "explained_variance",
    "mae",
    "mape",
    "mean_squared_log_error",
    "mse",
    "pinball",
    "poisson_deviance",
    "r2",
    "rmse",
)
RANGE = {"gini": (-1, 1), "mcc": (-1, 1), "kappa": (-1, 1), "r2": (-math.inf, 1), "explained_variance": (-math.inf, 1)}


def rows(name, n, seed=0):
    """Return y and predictions that the metric takes, and options."""
    rng = np.random.default_rng(seed)
    if name in NUMBERS:
        y = rng.gamma(4.0, size=n)
        return y, y * rng.gamma(9.0, 1 / 9, size=n) + 0.01, {}
    y = (rng.random(n) < 0.4).astype(int)
    y[:2] = 0, 1
    latent = rng.normal(size=n) + 1.2 * y
    if name in RANKINGS:
        return y, np.round(latent, 1), {}
    if name in PROBABILITIES:
        return y, 1 / (1 + np.exp(0.6 - latent)), {}
    return y, (latent > 0.7).astype(int), {"beta": 2.0} if name == "fbeta" else {}


@pytest.mark.parametrize("name", [*RANKINGS, *CLASSES, *PROBABILITIES, *NUMBERS])
def test_delta_and_bootstrap_agree(name):
    y, pred, options = rows(name, 1_500)
    groups = np.random.default_rng(1).integers(0, 200, len(y))
    weight = np.random.default_rng(2).integers(1, 4, len(y)).astype(float)
    for extra in ({}, {"groups": groups}, {"sample_weight": weight}):
        auto = score(name, y, pred, **options, **extra)
        drawn = score(name, y, pred, method="bootstrap", n_resamples=1_000, **options, **extra)
        assert drawn.value == auto.value
        assert auto.lower < auto.value < auto.upper
        assert_allclose(drawn.standard_error, auto.standard_error, rtol=0.15)
        if name != "ks":  # whose resamples are biased
            assert_allclose([drawn.lower, drawn.upper], [auto.lower, auto.upper], atol=0.5 * auto.standard_error)


@pytest.mark.parametrize("name", [*RANKINGS, *CLASSES, *PROBABILITIES, *NUMBERS, "medae"])
def test_value_is_the_metric(name):
    y, pred, options = rows("mae" if name == "medae" else name, 300)
    found = score(name, y, pred, **options)
    assert_allclose(found.value, getattr(ours, found.metric)(y, pred, **options), rtol=1e-12)
    assert str(score(getattr(ours, found.metric), y, pred, **options)) == str(found)


@pytest.mark.parametrize("name", ["roc_auc_score", "accuracy_score", "r2_score", "log_loss"])
def test_a_function_of_sklearn_is_its_namesake(name):
    y, pred, _ = rows("rmse" if name == "r2_score" else {"log_loss": "brier"}.get(name, "accuracy"), 100)
    assert score(getattr(sklearn.metrics, name), y, pred) == score(name, y, pred)


@pytest.mark.parametrize("name", [*RANKINGS, *CLASSES])
@pytest.mark.parametrize("n", [4, 12, 60])
@pytest.mark.filterwarnings("ignore:the metric is not defined")
def test_stays_within_the_range(name, n):
    low, high = RANGE.get(name, (0, 1))
    perfect = np.arange(n) % 2
    for seed in range(4):
        y, pred, options = rows(name, n, seed)
        cases = [(y, pred), (perfect, perfect), (perfect, 1 - perfect)]
        for truth, given in cases:
            for level in (0.5, 0.95, 0.999):
                found = score(name, truth, given, level=level, **options)
                assert low <= found.lower <= found.value <= found.upper <= high
                assert found.lower < found.upper


def test_wider_at_a_higher_level_and_for_fewer_rows():
    y, pred, _ = rows("roc_auc", 400)
    widths = [score("roc_auc", y, pred, level=level).upper for level in (0.5, 0.8, 0.95, 0.99)]
    assert widths == sorted(widths)
    assert score("roc_auc", y[:80], pred[:80]).standard_error > 1.5 * score("roc_auc", y, pred).standard_error


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "f1", "rmse", "log_loss", "average_precision", "mcc"])
def test_copies_in_a_group_tell_nothing_new(name):
    y, pred, options = rows(name, 150)
    copies = np.repeat(np.arange(150), 4)
    alone = score(name, y, pred, method="delta", groups=np.arange(150), **options)
    repeated = score(name, y[copies], pred[copies], method="delta", groups=copies, **options)
    assert_allclose(repeated.standard_error, alone.standard_error, rtol=1e-9)
    assert_allclose([repeated.lower, repeated.upper], [alone.lower, alone.upper], rtol=1e-9)
    assert score(name, y[copies], pred[copies], method="delta", **options).standard_error < 0.6 * alone.standard_error


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "ks", "accuracy", "f1", "rmse", "log_loss"])
def test_rows_without_weight_are_absent(name):
    y, pred, options = rows(name, 200)
    weight = np.r_[np.ones(150), np.zeros(50)]
    for method in ("auto", "bootstrap"):
        whole = score(name, y, pred, sample_weight=weight, method=method, **options)
        part = score(name, y[:150], pred[:150], method=method, **options)
        assert_allclose([whole.value, whole.lower, whole.upper], [part.value, part.lower, part.upper], rtol=1e-9)


def test_any_function():
    y, pred, _ = rows("rmse", 300)

    def correlation(a, b):
        return np.corrcoef(a, b)[0, 1]

    found = score(correlation, y, pred)
    z, reach = np.arctanh(found.value), norm.ppf(0.975) / math.sqrt(297)
    assert found.metric == "correlation"
    assert_allclose([found.lower, found.upper], np.tanh([z - reach, z + reach]), atol=0.03)

    def weighted_bias(a, b, sample_weight=None):
        return float(np.average(b - a, weights=sample_weight))

    bias = score(weighted_bias, y, pred, groups=np.arange(300) // 3)
    assert_allclose(bias.standard_error, np.std(pred - y) / math.sqrt(300), rtol=0.15)


def test_several_classes():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    probability = rng.dirichlet(np.ones(3), 300) + 0.7 * np.eye(3)[y]
    probability /= probability.sum(axis=1, keepdims=True)
    area = score("roc_auc", y, probability, multi_class="ovr", n_resamples=100)
    assert area.lower < area.value < area.upper <= 1
    for average in ("micro", "macro", "weighted"):
        found = score("f1", y, probability.argmax(axis=1), average=average)
        expected = sklearn.metrics.f1_score(y, probability.argmax(axis=1), average=average)
        assert_allclose(found.value, expected, rtol=1e-12)
    assert score("log_loss", y, probability).method == "delta"


def test_published_intervals_of_proportions():
    """Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for hits, n, expected in [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611))]:
        assert_allclose(wilson(hits / n, n, 0.95), expected, atol=6e-5)
    for hits, n, expected in [(81, 263, (0.2527, 0.3676)), (15, 148, (0.0578, 0.1617)), (0, 20, (0, 0.1684))]:
        assert_allclose(clopper_pearson(hits / n, n, 0.95), expected, atol=6e-5)


def test_clopper_pearson_never_covers_less():
    n = 17
    for share in np.linspace(0.01, 0.99, 99):
        ends = [clopper_pearson(k / n, n, 0.9) for k in range(n + 1)]
        covered = [low <= share <= high for low, high in ends]
        assert binom.pmf(np.arange(n + 1), n, share)[covered].sum() >= 0.9


def test_newcombe_area_is_symmetric():
    low, high = newcombe_area(0.9, 20, 30, 0.95)
    assert_allclose(newcombe_area(0.1, 30, 20, 0.95), (1 - high, 1 - low), rtol=1e-9)
    assert newcombe_area(1.0, 20, 30, 0.95)[1] == 1
    assert 0.85 < newcombe_area(1.0, 20, 30, 0.95)[0] < 0.95


def test_the_same_whatever_the_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    y, pred, _ = rows("roc_auc", 5_000)
    both = score("roc_auc", y, pred, method="bootstrap", n_resamples=300)
    with threadpoolctl.threadpool_limits(1):
        assert score("roc_auc", y, pred, method="bootstrap", n_resamples=300) == both
    assert score("roc_auc", y, pred, method="bootstrap", n_resamples=300, random_state=1) != both


BAD = [
    ({"level": 1.0}, "level must be a number between 0 and 1"),
    ({"method": "magic"}, "method='magic' is unknown"),
    ({"method": "wilson"}, "does not fit roc_auc_score"),
    ({"metric": "max_error"}, "max_error has no interval"),
    ({"metric": "nonsense"}, "metric='nonsense' is unknown"),
    ({"y": [1, 1, 1, 1]}, "one class alone"),
    ({"y": [0, 1, 2, 1]}, "3 classes"),
    ({"y": [0, 1, 1]}, "inconsistent numbers of samples"),
    ({"pred": [0.1, np.nan, 0.2, 0.3]}, "NaN"),
    ({"groups": [1, 1, 1, 1]}, "one group alone"),
    ({"sample_weight": [1.0, -1.0, 1.0, 1.0]}, "cannot be negative"),
    ({"method": "bootstrap", "n_resamples": 3}, "n_resamples must be"),
    ({"metric": "r2", "y": [2.0, 2.0, 2.0, 2.0]}, "y_true is constant"),
    ({"metric": "f1", "y": [0, 1, 2, 1], "pred": [0, 1, 2, 2]}, "several classes"),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_bad_input(change, words):
    arguments = {"metric": "roc_auc", "y": [0, 1, 0, 1], "pred": [0.1, 0.2, 0.3, 0.4]} | change
    with pytest.raises(ValueError, match=words):
        score(arguments.pop("metric"), arguments.pop("y"), arguments.pop("pred"), **arguments)


def covered(name, truth, make, repeats, **options):
    count = 0
    for seed in range(repeats):
        found = score(name, *make(np.random.default_rng(seed)), **options)
        count += found.lower <= truth <= found.upper
    return count / repeats


@pytest.mark.slow
@pytest.mark.parametrize("area", [0.6, 0.9, 0.99])
@pytest.mark.parametrize("n", [20, 60, 300])
def test_areas_cover(n, area):
    """Normal scores of equal variance, also few rows and areas near one."""

    def make(rng):
        y = (rng.random(n) < 0.3).astype(int)
        y[:2] = 0, 1
        return y, rng.normal(size=n) + math.sqrt(2) * norm.ppf(area) * y

    assert 0.925 <= covered("roc_auc", area, make, 1_500) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize(
    "name", ["accuracy", "recall", "precision", "f1", "jaccard", "balanced_accuracy", "mcc", "kappa"]
)
def test_confusions_cover(name, n):
    """Cells of known shares, one of them rare."""
    shares = np.array([0.55, 0.05, 0.1, 0.3])
    t, p = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    counts = np.rint(1000 * shares).astype(int)
    truth = score(name, np.repeat(t, counts), np.repeat(p, counts)).value

    def make(rng):
        cell = rng.choice(4, size=n, p=shares)
        return t[cell], p[cell]

    assert 0.925 <= covered(name, truth, make, 1_500) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "method"),
    [("mae", "auto"), ("rmse", "auto"), ("r2", "auto"), ("medae", "auto"), ("mae", "bootstrap"), ("rmse", "bootstrap")],
)
def test_errors_cover(name, method):
    def make(rng, n=150):
        prediction = rng.normal(size=n)
        return prediction + 0.7 * rng.normal(size=n), prediction

    known = {"mae": 0.7 * math.sqrt(2 / math.pi), "rmse": 0.7, "r2": 1 / 1.49, "medae": 0.7 * norm.ppf(0.75)}
    assert 0.92 <= covered(name, known[name], make, 600, method=method, n_resamples=500) <= 0.985


@pytest.mark.slow
def test_groups_cover_where_rows_depend():
    def make(rng):
        effect = np.repeat(rng.normal(size=60), 8)
        y = (rng.random(480) < 0.4).astype(int)
        return y, (rng.normal(size=480) + 1.5 * effect + y)

    truth = norm.cdf(1 / math.sqrt(2 * (1 + 1.5**2)))
    groups = np.repeat(np.arange(60), 8)
    assert covered("roc_auc", truth, make, 800, groups=groups) >= 0.92


@pytest.mark.parametrize("grouped", [False, True])
def test_error_of_any_function_of_more_rows_than_are_left_out_alone(grouped):
    rng = np.random.default_rng(0)
    y, pred = rng.normal(size=3000), rng.normal(size=3000)
    groups = np.arange(3000) // 2 if grouped else None

    def apart(y, pred):
        return float(np.mean(np.abs(y - pred)))

    error = score("mae", y, pred, groups=groups).standard_error
    assert score(apart, y, pred, groups=groups, method="delta").standard_error == pytest.approx(error, rel=0.2)
