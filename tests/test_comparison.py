"""Comparisons of models: published values, twins, coverage and error rates under the null."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse, stats
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlcraft.evaluation import comparison as ours
from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge

RNG = np.random.default_rng(0)
N = 400
X = RNG.standard_normal((N, 4))
Y = X @ [1.0, 0.5, 0.0, 0.0] + RNG.standard_normal(N)
LABELS = np.where(Y > 0, "up", "down")
THREE = np.digitize(Y, [-0.5, 0.5])


class Some(LinearRegression):
    """A regression on the first columns."""

    def fit(self, X, y):
        return super().fit(X[:, :2], y)

    def predict(self, X):
        return super().predict(X[:, :2])


# ---------------------------------------------------------------- tests on arrays


def test_mcnemar_is_that_of_the_books():
    statsmodels = pytest.importorskip("statsmodels.stats.contingency_tables")
    for table in ([[150, 59], [6, 16]], [[10, 5], [3, 2]], [[10, 12], [14, 2]], [[10, 20], [4, 2]]):
        (a, b), (c, d) = table
        first = np.repeat([True, True, False, False], [a, b, c, d])
        second = np.repeat([True, False, True, False], [a, b, c, d])
        found = ours.mcnemar(first, second, exact=False)
        expected = statsmodels.mcnemar(table, exact=False, correction=True)
        assert_allclose([found.statistic, found.p_value], [expected.statistic, expected.pvalue])
        exact = statsmodels.mcnemar(table, exact=True).pvalue
        mid = ours.mcnemar(first, second, exact=True).p_value
        assert_allclose(mid, min(1.0, exact) - stats.binom.pmf(min(b, c), b + c, 0.5), atol=1e-12)
    assert ours.mcnemar([True, False], [True, False]).p_value == 1


def test_corrected_t_and_posterior_by_hand():
    d = np.array([0.01, 0.03, -0.01, 0.02, 0.04, 0.0])
    error = np.sqrt(d.var(ddof=1) * (1 / 6 + 1 / 5))
    found = ours.corrected_t(d, 50, 10)
    assert_allclose([found.statistic, found.p_value], [d.mean() / error, 2 * stats.t.sf(d.mean() / error, 5)])
    below = stats.t.cdf((-0.01 - d.mean()) / error, 5)
    above = stats.t.sf((0.01 - d.mean()) / error, 5)
    assert_allclose(ours.bayes_correlated_t(d, 50, 10, 0.01).probabilities, [below, 1 - below - above, above])
    assert ours.corrected_t([0.0, 0.0, 0.0], 2, 1).p_value == 1
    assert ours.corrected_t([0.5, 0.5, 0.5], 2, 1).p_value == 0
    assert ours.bayes_correlated_t([0.5, 0.5], 2, 1, 0.1).probabilities == (0.0, 0.0, 1.0)


def test_alpaydins_f():
    """The 5 x 2 folds by hand."""
    d = np.random.default_rng(3).standard_normal((5, 2)) / 10
    spread = sum((a - (a + b) / 2) ** 2 + (b - (a + b) / 2) ** 2 for a, b in d)
    f = (d**2).sum() / (2 * spread)
    found = ours.five_by_two(d)
    assert_allclose([found.statistic, found.p_value], [f, stats.f.sf(f, 10, 5)])
    assert ours.five_by_two(np.zeros((5, 2))).p_value == 1
    with pytest.raises(ValueError, match=r"shape \(5, 2\)"):
        ours.five_by_two(np.zeros((2, 5)))


def test_holm_friedman_and_nemenyi():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(0).uniform(size=20) ** 3
    assert_allclose(ours.holm(p), multitest.multipletests(p, method="holm")[1])
    assert_allclose(ours.holm([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])
    scores = np.random.default_rng(1).standard_normal((12, 4)).round(1) + np.array([0, 0, 0.5, 1])
    chi_square = stats.friedmanchisquare(*scores.T).statistic
    f = 11 * chi_square / (12 * 3 - chi_square)
    assert_allclose(ours.friedman(scores).statistic, f, rtol=1e-10)
    assert_allclose(ours.friedman(scores).p_value, stats.f.sf(f, 3, 33), rtol=1e-10)
    found = ours.nemenyi(scores)
    assert_allclose(found, found.T)
    # Demsar (2006), table 5: q(0.05) for four models is 2.569
    ranks = stats.rankdata(-scores, axis=1).mean(axis=0)
    critical = 2.569 * np.sqrt(4 * 5 / (6 * 12))
    apart = np.abs(ranks[:, None] - ranks)
    assert np.array_equal(apart > critical, found < 0.05)
    for bad in (np.ones((3, 1)), np.ones(4), [[1.0, np.nan], [1.0, 2.0]]):
        with pytest.raises(ValueError, match="table"):
            ours.friedman(bad)


# ---------------------------------------------------------------- held-out rows


def test_regressions_on_held_out_rows():
    models = {"two": Some().fit(X[:200], Y[:200]), "none": np.zeros(200), "all": Ridge().fit(X[:200], Y[:200])}
    for metric in ("rmse", "mse", "mae", "r2"):
        found = ours.compare(models, X[200:], Y[200:], metric=metric, random_state=0)
        assert list(found.scores)[-1] == "none"
        for pair in found.differences:
            value = found.scores[pair.first].value - found.scores[pair.second].value
            assert_allclose(pair.estimate.value, value)
            assert pair.estimate.lower <= value <= pair.estimate.upper
            assert pair.adjusted >= pair.p_value
        assert all(pair.adjusted < 0.01 for pair in found.differences if pair.second == "none")
        assert "better than none" in found.sentence()
    assert len(found.to_frame()) == 3
    json.dumps(found.to_dict())
    assert str(found).endswith(found.sentence())


def test_the_mean_of_rows_is_bootstrapped_as_it_should():
    """Interval and p-value of a mean difference beside Student's t, which the paired bootstrap tends to."""
    a, b = Y + RNG.standard_normal(N), Y + 1.1 * RNG.standard_normal(N)
    found = ours.compare({"a": a, "b": b}, None, Y, metric="mse", n_resamples=4999, random_state=0).differences[0]
    d = (a - Y) ** 2 - (b - Y) ** 2
    expected = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert_allclose([found.estimate.lower, found.estimate.upper], sorted(expected), atol=0.06 * d.std() / 20 * 4)
    assert_allclose(found.p_value, stats.ttest_1samp(d, 0).pvalue, atol=0.02)
    for test in ("bootstrap", "permutation"):
        same = ours.compare({"a": a, "b": b}, None, Y, metric="mse", test=test, random_state=0).differences[0]
        assert_allclose(same.p_value, found.p_value, atol=0.03)


def test_many_rows_go_by_the_normal_limit():
    random = np.random.default_rng(2)
    y = random.standard_normal(60_000)
    a, b = y + random.standard_normal(60_000), y + 1.01 * random.standard_normal(60_000)
    found = ours.compare({"a": a, "b": b}, None, y, metric="mse", random_state=0).differences[0]
    expected = stats.ttest_1samp((a - y) ** 2 - (b - y) ** 2, 0)
    assert_allclose(found.p_value, expected.pvalue, rtol=0.02)
    assert_allclose([found.estimate.lower, found.estimate.upper], expected.confidence_interval(0.95), rtol=1e-3)
    assert "normal limit" in found.test


def classifiers(y):
    return {
        "two": make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:200], y[:200]),
        "penalised": LogisticRegression(C=1e-4).fit(X[:200, ::-1] @ np.eye(4)[::-1], y[:200]),
    }


@pytest.mark.parametrize("metric", [None, "log_loss", "brier", "accuracy", "roc_auc", "matthews_corrcoef"])
def test_classifiers_on_held_out_rows(metric):
    found = ours.compare(classifiers(LABELS), X[200:], LABELS[200:], metric=metric, random_state=0)
    (pair,) = found.differences
    assert pair.test.startswith({"accuracy": "McNemar", "roc_auc": "DeLong"}.get(metric, "permutation"))
    import sklearn.metrics as theirs

    for name, model in classifiers(LABELS).items():
        p = model.predict_proba(X[200:])
        expected = {
            None: theirs.log_loss(LABELS[200:], p),
            "log_loss": theirs.log_loss(LABELS[200:], p),
            "brier": np.mean((p[:, 1] - (LABELS[200:] == "up")) ** 2),
            "accuracy": model.score(X[200:], LABELS[200:]),
            "roc_auc": theirs.roc_auc_score(LABELS[200:], p[:, 1]),
            "matthews_corrcoef": theirs.matthews_corrcoef(LABELS[200:], model.predict(X[200:])),
        }[metric]
        assert_allclose(found.scores[name].value, expected, rtol=1e-10)


def test_an_area_of_one_is_not_sure():
    y = np.repeat([0, 1], 30)
    found = ours.compare({"perfect": y + 0.0, "good": y + np.tile([0.0, 0.4, 1.1], 20)}, None, y, metric="roc_auc")
    perfect = found.scores["perfect"]
    assert perfect.value == perfect.upper == 1
    assert 0.85 < perfect.lower < 0.99


def test_three_classes_and_probabilities_in_the_order_of_the_model():
    models = {"a": LogisticRegression().fit(X, THREE), "b": LogisticRegression(C=1e-3).fit(X, THREE)}
    some = THREE != 1  # the model knows a class that is not there
    found = ours.compare(models, X[some], THREE[some], random_state=0)
    p = models["a"].predict_proba(X[some])  # what it gives to that class is wrong
    assert_allclose(found.scores["a"].value, -np.log(p[np.arange(len(p)), THREE[some]]).mean())
    with pytest.raises(ValueError, match="not fitted to"):
        ours.compare(models, X, np.where(THREE == 1, 7, THREE))
    with pytest.raises(ValueError, match="two classes"):
        ours.compare(models, X, THREE, metric="roc_auc")


def test_weights_are_repeated_rows_and_groups_go_together():
    counts = RNG.integers(0, 3, N)
    a, b = Y + RNG.standard_normal(N), Y + 1.2 * RNG.standard_normal(N)
    weighted = ours.compare({"a": a, "b": b}, None, Y, metric="mae", sample_weight=counts, random_state=0)
    rows = np.repeat(np.arange(N), counts)
    repeated = ours.compare({"a": a[rows], "b": b[rows]}, None, Y[rows], metric="mae", random_state=0)
    assert_allclose(weighted.differences[0].estimate.value, repeated.differences[0].estimate.value)
    groups = np.arange(N) // 40
    shared = np.repeat(RNG.standard_normal(10), 40)
    grouped = ours.compare({"a": Y + shared, "b": b}, None, Y, metric="mae", groups=groups, random_state=0)
    alone = ours.compare({"a": Y + shared, "b": b}, None, Y, metric="mae", random_state=0)
    wide, narrow = (found.scores["a"].upper - found.scores["a"].lower for found in (grouped, alone))
    assert wide > 3 * narrow
    assert ours.permutation_test(Y + shared, b, Y, metric="mae", groups=groups, random_state=0).p_value > 0.0005


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {"one": np.zeros(N)}}, "two or more"),
        ({"metric": "accuracy"}, "does not measure regressions"),
        ({"metric": "best"}, "metric must be one of"),
        ({"test": "t"}, "test must be one of"),
        ({"test": "delong"}, "roc_auc"),
        ({"test": "mcnemar"}, "accuracy"),
        ({"adjust": "nemenyi"}, "compare_cv"),
        ({"level": 95}, "level must lie"),
        ({"n_resamples": 10}, "n_resamples"),
        ({"models": {"a": np.zeros(N), "b": np.zeros(N - 1)}}, "399 predictions"),
        ({"models": {"a": np.zeros(N), "b": np.full(N, np.nan)}}, "400 predictions are NaN"),
        ({"groups": np.zeros(N)}, "one group"),
    ],
)
def test_compare_refuses(arguments, message):
    given = {"models": {"a": np.zeros(N), "b": np.ones(N)}, "X": None, "y": Y} | arguments
    with pytest.raises(ValueError, match=message):
        ours.compare(given.pop("models"), given.pop("X"), given.pop("y"), **given)


# ---------------------------------------------------------------- folds


def test_learners_over_folds():
    models = {"two": Some(), "all": LinearRegression(), "much": Ridge(alpha=500.0)}
    found = ours.compare_cv(models, X, Y, cv=RepeatedKFold(n_splits=5, n_repeats=2, random_state=0))
    assert found.table.shape == (10, 3)
    assert list(found.scores)[-1] == "much"
    for pair in found.differences:
        columns = [list(found.scores).index(name) for name in (pair.first, pair.second)]
        d = found.table[:, columns[0]] - found.table[:, columns[1]]
        assert_allclose(pair.p_value, ours.corrected_t(d, 320, 80).p_value)
        assert_allclose(pair.estimate.value, d.mean())
    assert "All 3 alike by rank" in found.notes[0]
    for test, extra in (("5x2cv", {}), ("permutation", {}), ("bayes", {"rope": 0.01})):
        other = ours.compare_cv(models, X, Y, test=test, random_state=0, **extra)
        assert other.table.shape == (10, 3)
        assert all(pair.p_value < 0.05 for pair in other.differences if pair.second == "much")
    assert all(abs(sum(pair.probabilities) - 1) < 1e-12 for pair in other.differences)
    ranked = ours.compare_cv(models, X, Y, adjust="nemenyi", random_state=0)
    assert {pair.test for pair in ranked.differences} == {"Nemenyi"}


def test_classifiers_over_folds_of_groups():
    groups = np.arange(N) % 20
    models = [LogisticRegression(), SGDClassifier(loss="log_loss", random_state=0)]
    found = ours.compare_cv(models, X, LABELS, cv=GroupKFold(5), groups=groups, scoring="neg_log_loss")
    assert set(found.scores) == {"LogisticRegression", "SGDClassifier"}
    assert found.best == "LogisticRegression"
    with pytest.raises(ValueError, match="GroupKFold"):
        ours.compare_cv(models, X, LABELS, groups=groups)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": "z"}, "test must be one of"),
        ({"test": "bayes"}, "rope"),
        ({"rope": 0.1}, "rope"),
        ({"test": "bayes", "rope": -1}, "rope must not be negative"),
        ({"adjust": "tukey"}, "adjust must be"),
        ({"models": [LinearRegression(), LogisticRegression()]}, "classifiers all"),
    ],
)
def test_compare_cv_refuses(arguments, message):
    given = {"models": [LinearRegression(), Ridge()]} | arguments
    with pytest.raises(ValueError, match=message):
        ours.compare_cv(given.pop("models"), X, Y, **given)


# ---------------------------------------------------------------- columns


def test_importance_of_columns_is_twice_their_variance():
    """Shuffling an independent column adds twice its slope squared to the squared error."""
    model = LinearRegression().fit(X, Y)
    expected = 2 * model.coef_**2 * X.var(axis=0)
    found = ours.permutation_importance(model, X, Y, scoring="neg_mean_squared_error", random_state=0)
    for value, estimate in zip(expected, found.estimates, strict=True):
        assert estimate.lower - 0.02 <= value <= estimate.upper + 0.02
    assert found.to_frame()["column"].tolist()[:2] == ["x0", "x1"]
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = ours.permutation_importance(LinearRegression().fit(frame, Y), frame, Y, columns=[1], n_resamples=0)
    assert named.names == ("b",)
    assert "b" in str(named)


def test_columns_of_every_container_are_shuffled_alike():
    model = Ridge().fit(X, Y)
    zeros = np.where(np.abs(X) > 0.5, X, 0)
    asked = {"random_state": 0, "n_repeats": 3, "n_resamples": 0}
    expected = ours.permutation_importance(model, zeros, Y, **asked).values
    for other in (sparse.csr_array(zeros), sparse.csc_matrix(zeros), zeros.tolist()):
        assert_allclose(ours.permutation_importance(model, other, Y, **asked).values, expected)
    pl = pytest.importorskip("polars")
    named = Ridge().fit(pd.DataFrame(X, columns=list("abcd")), Y)
    frame = pl.DataFrame(dict(zip("abcd", zeros.T, strict=True)))
    assert_allclose(ours.permutation_importance(named, frame, Y, **asked).values, expected)


def test_dropped_columns():
    found = ours.drop_column_importance(LinearRegression(), X, Y, cv=5)
    from sklearn.model_selection import cross_val_score

    whole = cross_val_score(LinearRegression(), X, Y, cv=5)
    for j in range(4):
        rest = cross_val_score(LinearRegression(), np.delete(X, j, axis=1), Y, cv=5)
        assert_allclose(found.values[j], (whole - rest).mean(), atol=1e-12)
        assert_allclose(found.p_values[j], ours.corrected_t(whole - rest, 320, 80).p_value, rtol=1e-6)
    assert found.p_values[0] < 0.01 < found.p_values[3]
    with pytest.raises(ValueError, match="two columns"):
        ours.drop_column_importance(LinearRegression(), X[:, :1], Y)
    with pytest.raises(ValueError, match="columns must be positions"):
        ours.permutation_importance(LinearRegression().fit(X, Y), X, Y, columns=[4])


# ---------------------------------------------------------------- error rates under the null


def rejections(make, n_trials, seed):
    random = np.random.default_rng(seed)
    return np.mean([make(random) < 0.05 for _ in range(n_trials)])


@pytest.mark.slow
@pytest.mark.parametrize("test", ["auto", "permutation", "bootstrap"])
@pytest.mark.parametrize("metric", ["accuracy", "mae", "log_loss", "roc_auc"])
def test_held_out_tests_hold_their_level(metric, test):
    if metric == "roc_auc" and test != "auto":
        pytest.skip("takes minutes")

    def trial(random):
        labels = random.integers(0, 2, 120)
        noise = random.standard_normal((2, 120)) * 1.5
        scores = labels - 0.5 + noise
        y = labels if metric != "mae" else random.standard_normal(120)
        predictions = {
            "accuracy": (scores > 0).astype(int),
            "mae": y + noise,
            "log_loss": 1 / (1 + np.exp(-scores)),
            "roc_auc": scores,
        }[metric]
        seed = int(random.integers(2**31))
        found = ours.compare(
            {"a": predictions[0], "b": predictions[1]},
            None,
            y,
            metric=metric,
            test=test,
            n_resamples=299,
            random_state=seed,
        )
        return found.differences[0].p_value

    assert rejections(trial, 400, 1) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.slow
@pytest.mark.parametrize("test", ["corrected_t", "5x2cv", "plain"])
def test_fold_tests_hold_their_level_where_a_plain_t_does_not(test):
    """Two regressions that are equally good: each sees one of two columns that are alike."""

    class First(LinearRegression):
        column = 0

        def fit(self, X, y):
            return super().fit(X[:, [self.column]], y)

        def predict(self, X):
            return super().predict(X[:, [self.column]])

    class Second(First):
        column = 1

    def trial(random):
        Z = random.standard_normal((100, 2))
        y = Z.sum(axis=1) + random.standard_normal(100)
        kind = "corrected_t" if test == "plain" else test
        cv = RepeatedKFold(n_splits=5, n_repeats=4, random_state=int(random.integers(2**31)))
        found = ours.compare_cv([First(), Second()], Z, y, cv=cv, test=kind, random_state=0)
        if test == "plain":
            return stats.ttest_1samp(found.table[:, 0] - found.table[:, 1], 0).pvalue
        return found.differences[0].p_value

    rate = rejections(trial, 300, 2)
    if test == "plain":
        assert rate > 0.2
    else:
        assert rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def three_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 0) * 1 + (X[:, 1] > 0.5)
    models = {"loose": LogisticRegression().fit(X, y), "tight": LogisticRegression(C=1e-3).fit(X, y)}
    return models, X, y


def test_rows_without_one_of_the_classes_of_the_models():
    models, X, y = three_classes()
    some = np.isin(y, [0, 2])
    found = ours.compare(models, X[some], y[some], metric="log_loss", n_resamples=99, random_state=0)
    for name, model in models.items():
        value = log_loss(y[some], model.predict_proba(X[some]), labels=[0, 1, 2])
        assert found.scores[name].value == pytest.approx(value, rel=1e-12)
    found = ours.compare(models, X[some], y[some], metric="brier", n_resamples=99, random_state=0)
    for name, model in models.items():
        value = np.mean(np.sum((model.predict_proba(X[some]) - np.eye(3)[y[some]]) ** 2, axis=1))
        assert found.scores[name].value == pytest.approx(value, rel=1e-12)
    with pytest.raises(ValueError, match=r"fitted to \[0, 1, 2\] and y holds \[0, 2\]"):
        ours.compare(models, X[some], y[some], metric="roc_auc")


@pytest.mark.parametrize("metric", ["log_loss", "balanced_accuracy"])
def test_rows_without_weight_are_not_drawn(metric):
    models, X, y = three_classes()
    weight = np.arange(400) % 2.0
    options = {"metric": metric, "n_resamples": 99, "random_state": 0}
    found = ours.compare(models, X, y, sample_weight=weight, **options)
    alone = ours.compare(models, X[1::2], y[1::2], sample_weight=np.ones(200), **options)
    for name in models:
        assert found.scores[name] == alone.scores[name]
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        ours.compare(models, X, y, sample_weight=weight - 0.5, **options)


@pytest.mark.slow
@pytest.mark.parametrize("test", ["friedman", "nemenyi"])
def test_rank_tests_hold_their_level_over_independent_blocks(test):
    def trial(random):
        scores = random.standard_normal((12, 4))
        return ours.friedman(scores).p_value if test == "friedman" else ours.nemenyi(scores).min()

    assert 0.02 < rejections(trial, 1000, 3) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
