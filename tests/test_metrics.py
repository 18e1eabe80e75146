"""Metrics: equal to scikit-learn's at its corners and at a size, and laws that hold for any ranking."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from numpy.testing import assert_allclose, assert_array_equal

import mlcraft.evaluation as ours
from mlcraft.evaluation.metrics._ranking import binary_ranking

SIZES = (2, 7, 500, 4_000, 200_000)
RANKING = ("roc_auc_score", "average_precision_score")
CURVES = ("roc_curve", "precision_recall_curve", "det_curve", "confusion_matrix_at_thresholds")
PROBABILITY = ("log_loss", "brier_score_loss", "d2_log_loss_score", "d2_brier_score")
CLASSES = (
    "accuracy_score",
    "balanced_accuracy_score",
    "confusion_matrix",
    "f1_score",
    "jaccard_score",
    "matthews_corrcoef",
    "precision_score",
    "recall_score",
    "zero_one_loss",
    "hamming_loss",
    "multilabel_confusion_matrix",
)
NUMBERS = (
    "explained_variance_score",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_gamma_deviance",
    "mean_pinball_loss",
    "mean_poisson_deviance",
    "mean_squared_error",
    "mean_squared_log_error",
    "median_absolute_error",
    "r2_score",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "d2_absolute_error_score",
    "d2_pinball_score",
    "d2_tweedie_score",
)


def two_classes(n, seed, ties):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(int)
    y[:2] = 0, 1
    score = rng.normal(size=n) + y
    return y, np.round(score, 1) if ties else score, rng


def close(name, *args, **kwargs):
    with np.errstate(invalid="ignore"):
        found, expected = getattr(ours, name)(*args, **kwargs), getattr(sklearn.metrics, name)(*args, **kwargs)
    for a, b in zip(*[v if isinstance(v, tuple) else (v,) for v in (found, expected)], strict=True):
        assert_allclose(a, b, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning", "ignore:y_pred contains classes")
def test_two_classes_equal_sklearn(n, weighted, ties):
    y, score, rng = two_classes(n, n, ties)
    weight = rng.integers(1, 5, n).astype(float) if weighted else None
    for name in (*RANKING, *CURVES):
        close(name, y, score, sample_weight=weight)
    probability = 1 / (1 + np.exp(-score))
    for name in PROBABILITY:
        close(name, y, probability, sample_weight=weight)
    for name in CLASSES:
        close(name, y, (score > 0.5).astype(int), sample_weight=weight)
    close("cohen_kappa_score", y, (score > 0.5).astype(int), sample_weight=weight)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("n", SIZES)
def test_numbers_equal_sklearn(n, weighted):
    rng = np.random.default_rng(n)
    y = rng.gamma(2.0, size=n) + 0.01
    prediction = y * rng.gamma(5.0, 0.2, size=n) + 0.01
    weight = rng.random(n) if weighted else None
    for name in NUMBERS:
        close(name, y, prediction, sample_weight=weight)
    close("mean_tweedie_deviance", y, prediction, sample_weight=weight, power=1.5)
    close("max_error", y, prediction)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_several_classes_equal_sklearn(weighted):
    rng = np.random.default_rng(3)
    y = rng.integers(0, 5, 3_000)
    logits = rng.normal(size=(3_000, 5)) + 2 * np.eye(5)[y]
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    weight = rng.random(3_000) if weighted else None
    for average in ("micro", "macro", "weighted", None):
        close("roc_auc_score", y, probability, multi_class="ovr", average=average, sample_weight=weight)
        close("average_precision_score", y, probability, average=average, sample_weight=weight)
        for name in ("precision_score", "recall_score", "f1_score", "jaccard_score"):
            close(name, y, logits.argmax(axis=1), average=average, sample_weight=weight)
    if not weighted:
        close("roc_auc_score", y, probability, multi_class="ovo", average="weighted")
    for weights in (None, "linear", "quadratic"):
        close("cohen_kappa_score", y, logits.argmax(axis=1), weights=weights, sample_weight=weight)
    for name in ("log_loss", "brier_score_loss", "d2_log_loss_score"):
        close(name, y, probability, sample_weight=weight)
    close("top_k_accuracy_score", y, np.round(logits, 1), k=2, sample_weight=weight)
    gains = np.maximum(np.round(logits), 0)
    for ignore_ties in (False, True):
        score = logits if ignore_ties else np.round(logits)
        close("ndcg_score", gains, score, k=3, sample_weight=weight, ignore_ties=ignore_ties)


def test_scores_that_differ_in_their_last_bits():
    """More rows than a radix digit tells apart, whose order only the last bits decide."""
    rng = np.random.default_rng(0)
    n = 50_000
    score = 1.0 + rng.integers(0, 3_000, n) * np.finfo(float).eps
    score[:20] = [0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, *rng.normal(size=14)]
    y = rng.integers(0, 2, n)
    close("confusion_matrix_at_thresholds", y, score)
    close("roc_auc_score", y, score)
    ranking = binary_ranking(y, score)
    assert_array_equal(ranking.rows, np.argsort(-score, kind="stable"))


@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "uint8", "bool", "float16"])
def test_scores_of_any_dtype(dtype):
    rng = np.random.default_rng(0)
    score = rng.integers(0, 2 if dtype == "bool" else 9, 300).astype(dtype)
    y = rng.integers(0, 2, 300)
    close("roc_auc_score", y, score)
    assert ours.precision_recall_curve(y, score)[2].dtype == score.dtype


def test_whole_numbers_beyond_float64():
    score = np.array([2**60, 2**60 + 1, 2**60 + 2, 2**60 + 3])
    assert ours.roc_auc_score([0, 1, 0, 1], score) == 0.75


@pytest.mark.parametrize("n", [500, 40_000])
def test_area_is_the_same_for_any_increasing_function_of_the_score(n):
    y, score, _ = two_classes(n, 1, ties=True)
    area = ours.roc_auc_score(y, score)
    assert ours.roc_auc_score(y, np.exp(score)) == area
    assert_allclose(ours.roc_auc_score(y, -score), 1 - area, rtol=1e-14)
    assert_allclose(ours.gini_score(y, score), 2 * area - 1, rtol=1e-14)


@pytest.mark.parametrize("name", [*RANKING, "ks_score", "gini_score"])
def test_weights_equal_repeated_rows(name):
    y, score, rng = two_classes(400, 5, ties=True)
    counts = rng.integers(0, 4, 400)
    metric = getattr(ours, name)
    repeated = metric(np.repeat(y, counts), np.repeat(score, counts))
    assert_allclose(metric(y, score, sample_weight=counts), repeated, rtol=1e-13)


def test_ks_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    y, score, _ = two_classes(900, 2, ties=True)
    expected = stats.ks_2samp(score[y == 1], score[y == 0])
    assert_allclose(ours.ks_score(y, score), expected.statistic, rtol=1e-14)


def test_gain_and_lift_agree_with_counts():
    y, score, _ = two_classes(300, 4, ties=True)
    share, gain, thresholds = ours.gain_curve(y, score)
    lifted, lift, cut = ours.lift_curve(y, score)
    for threshold, a, b, c in zip(cut, lifted, lift, gain[1:], strict=True):
        called = score >= threshold
        assert_allclose([a, c], [called.mean(), y[called].sum() / y.sum()], rtol=1e-14)
        assert_allclose(b, y[called].mean() / y.mean(), rtol=1e-13)
    assert share[0] == gain[0] == 0
    assert thresholds[0] == np.inf


def test_bits_do_not_depend_on_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    y, score, rng = two_classes(600_000, 9, ties=False)
    weight = rng.random(len(y))
    probability = 1 / (1 + np.exp(-score))

    def everything():
        ranking = binary_ranking(y, score, sample_weight=weight)
        loss = ours.log_loss(y, probability, sample_weight=weight)
        return ranking.order, ranking.roc_auc, ranking.average_precision, loss, ours.r2_score(score, probability)

    with threadpoolctl.threadpool_limits(1):
        alone = everything()
    for a, b in zip(alone, everything(), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    for name in (*RANKING, *CURVES, "ks_score", "gain_curve"):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            getattr(ours, name)([0, 1, 1], np.array([0.1, bad, 0.3]))
    with pytest.raises(ValueError, match=r"NaN|infinity|greater|lower"):
        ours.log_loss(np.array([0, 1, 1]), np.array([0.1, bad, 0.3]))
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        ours.mean_squared_error(np.array([0.0, 1.0, 1.0]), np.array([0.1, bad, 0.3]))


def test_lengths_that_differ_are_refused():
    for name in (*RANKING, *CURVES, "log_loss", "accuracy_score", "mean_squared_error"):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            getattr(ours, name)(np.array([0, 1, 1, 0]), np.array([1, 0, 1]))


def test_one_class_alone_has_no_area():
    with pytest.warns(sklearn.exceptions.UndefinedMetricWarning, match="Only one class"):
        assert np.isnan(ours.roc_auc_score(np.ones(3, dtype=int), np.arange(3.0)))
    with pytest.raises(ValueError, match="nothing to gain"):
        ours.gain_curve([0, 0], [0.1, 0.2])


def test_many_classes_take_little_memory():
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 20_000, (2, 60_000))
    close("f1_score", y, predicted, average="macro", zero_division=0)


@pytest.mark.parametrize("name", ["roc_auc_score", "average_precision_score", "roc_curve", "det_curve"])
def test_a_score_that_is_nan_is_refused_where_the_row_has_no_weight_too(name):
    with pytest.raises(ValueError, match="contains NaN"):
        getattr(ours, name)(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, np.nan]), sample_weight=[1, 1, 1, 0])


def test_a_variance_has_no_negative_weights():
    with pytest.raises(ValueError, match="cannot be negative"):
        ours.delong([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8], sample_weight=[1, -0.5, 1, 1])
