"""Reports: the numbers of each section against another way to them, on real data; and bad input."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from sklearn import metrics as theirs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlcraft.datasets import load_california_housing
from mlcraft.evaluation import evaluate
from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge


def prepared(model):
    """Return a pipeline that takes a dataframe."""
    return make_pipeline(
        make_column_transformer(
            (
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20),
                make_column_selector(dtype_exclude="number"),
            ),
            (StandardScaler(), make_column_selector(dtype_include="number")),
        ),
        model,
    )


def table_of(section, name=None, key=None):
    """Return rows of a table by their first cell."""
    rows = section.table(name).rows
    return {row[key or next(iter(row))]: row for row in rows}


@pytest.fixture(scope="module")
def housing():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(load_california_housing()).dropna().sample(3_000, random_state=0).reset_index(drop=True)
    y = X.pop("median_house_value").to_numpy()
    train, test = (X[:1500], y[:1500]), (X[1500:], y[1500:])
    model = prepared(Ridge()).fit(*train)
    return model, *test, train, evaluate(model, *test, train=train)


@pytest.fixture(scope="module")
def adult(shared):
    pytest.importorskip("pyarrow")
    spec = importlib.util.spec_from_file_location("shared_data_load", shared("data/load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    X = module.load("adult").sample(4_000, random_state=0).drop(columns=["split", "fnlwgt"]).reset_index(drop=True)
    y = X.pop("income").to_numpy().astype(str)
    train, test = (X[:2000], y[:2000]), (X[2000:], y[2000:])
    model = prepared(LogisticRegression()).fit(*train)
    return model, *test, train, evaluate(model, *test, train=train, slices=["sex"], costs={"fp": 1, "fn": 4})


def test_metrics_of_classes(adult):
    model, X, y, _, report = adult
    p, labels, codes = model.predict_proba(X)[:, 1], model.predict(X), y == ">50K"
    rows = table_of(report["metrics"])
    expected = {
        "ROC AUC": theirs.roc_auc_score(codes, p),
        "average precision": theirs.average_precision_score(codes, p),
        "log loss": theirs.log_loss(codes, p),
        "Brier score": theirs.brier_score_loss(codes, p),
        "F1": theirs.f1_score(codes, labels == ">50K"),
        "Matthews correlation": theirs.matthews_corrcoef(y, labels),
    }
    for name, value in expected.items():
        assert rows[name]["value"] == pytest.approx(value, rel=1e-10)
        assert rows[name]["lower"] < value < rows[name]["upper"]
    confusion = [[row["said <=50K"], row["said >50K"]] for row in report["metrics"].table("confusion").rows]
    assert confusion == theirs.confusion_matrix(y, labels).tolist()


def test_baselines_of_classes(adult):
    model, X, y, (_, y_train), report = adult
    rows = table_of(report["baselines"])
    share = np.mean(y_train == ">50K")
    losses = -np.log(np.where(y == ">50K", share, 1 - share))
    p = model.predict_proba(X)[:, 1]
    assert rows["constant"]["score value"] == pytest.approx(losses.mean())
    own = theirs.log_loss(y == ">50K", p)
    assert rows["constant"]["difference value"] == pytest.approx(own - losses.mean())
    by_row = -np.log(np.where(y == ">50K", p, 1 - p)) - losses
    half = 1.96 * by_row.std() / np.sqrt(len(y))
    width = rows["constant"]["difference upper"] - rows["constant"]["difference lower"]
    assert width == pytest.approx(2 * half, rel=0.1)


def test_metrics_of_numbers(housing):
    model, X, y, _, report = housing
    rows = table_of(report["metrics"])
    prediction = model.predict(X)
    assert rows["root mean squared error"]["value"] == pytest.approx(np.sqrt(np.mean((y - prediction) ** 2)))
    assert rows["R2"]["value"] == pytest.approx(theirs.r2_score(y, prediction))
    assert rows["median absolute error"]["value"] == pytest.approx(np.median(np.abs(y - prediction)))


def test_a_report_is_text_json_and_frames(housing):
    report = housing[-1]
    assert json.loads(report.to_json())["sections"][0]["name"] == "metrics"
    assert "Baselines" in str(report)
    assert report.to_frame("baselines")["baseline"].iloc[0] == "constant"
    with pytest.raises(KeyError, match="there are: metrics"):
        report["nothing"]


class Fixed(ClassifierMixin, BaseEstimator):
    """Says what it is told to."""

    def __init__(self, p, classes):
        self.p, self.classes_ = p, np.asarray(classes)

    def predict(self, X):
        return self.classes_[np.argmax(self.p[: len(X)], axis=1)]

    def predict_proba(self, X):
        return self.p[: len(X)]


def test_bad_input():
    X = np.random.default_rng(0).standard_normal((60, 2))
    y = (X[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        evaluate(model, X, y[:-1])
    with pytest.raises(ValueError, match=r"not fitted to, in 3 of 60 rows: \[7\]"):
        evaluate(model, X, np.where(np.arange(60) < 3, 7, y))
    p = np.full((60, 2), 0.5)
    p[4] = np.nan
    with pytest.raises(ValueError, match=r"predict_proba returned NaN .* for 1 of 60 rows, the first is row 4"):
        evaluate(Fixed(p, [0, 1]), X, y)
    with pytest.raises(ValueError, match="misses 1 of 60 values"):
        evaluate(LinearRegression().fit(X, X[:, 0]), X, np.where(np.arange(60) == 5, np.nan, X[:, 0]))
    with pytest.raises(ValueError, match="costs must hold"):
        evaluate(model, X, y, costs={"fp": 1})


def test_one_class_alone_is_said():
    X = np.random.default_rng(0).standard_normal((60, 2))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    report = evaluate(model, X[X[:, 0] > 0], np.ones(np.count_nonzero(X[:, 0] > 0), dtype=bool))
    assert "All rows are of class True" in " ".join(report["metrics"].sentences)
    assert "ROC AUC" not in table_of(report["metrics"])
    assert "recall" in table_of(report["metrics"])


def test_calibration_of_probabilities(adult):
    model, X, y, _, report = adult
    p, hit = model.predict_proba(X)[:, 1], y == ">50K"
    rows = table_of(report["calibration"])
    assert rows["mean forecast less frequency"]["value"] == pytest.approx(np.mean(p) - np.mean(hit))
    edges = np.quantile(p, np.linspace(0, 1, 11))
    bins = report["calibration"].table("bins").rows
    assert sum(row["rows"] for row in bins) == len(y)
    assert bins[-1]["observed value"] == pytest.approx(hit[p >= edges[-2]].mean(), abs=0.01)


def test_calibration_of_means(housing):
    model, X, y, _, report = housing
    prediction = model.predict(X)
    first = report["calibration"].table("bins").rows[0]
    chosen = prediction < np.quantile(prediction, 0.1)
    assert first["rows"] == chosen.sum()
    assert first["observed value"] == pytest.approx(y[chosen].mean())


def test_thresholds(adult):
    model, X, y, _, report = adult
    p, hit = model.predict_proba(X)[:, 1], y == ">50K"
    rows = report["thresholds"].table().rows
    costs = {t: np.mean((p >= t) & ~hit) + 4 * np.mean((p < t) & hit) for t in [*p, 1.1]}
    assert rows[0]["cost value"] == pytest.approx(min(costs.values()))
    half = next(row for row in rows if row["threshold"] == 0.5)
    assert half["cost value"] == pytest.approx(np.mean((p >= 0.5) & ~hit) + 4 * np.mean((p < 0.5) & hit))
    assert half["precision value"] == pytest.approx(theirs.precision_score(hit, p >= 0.5))
    assert half["recall value"] == pytest.approx(theirs.recall_score(hit, p >= 0.5))
    assert any(row["threshold"] == 0.2 for row in rows)  # where a calibrated model would draw the line


def test_worst_errors(housing):
    model, X, y, _, report = housing
    off = (y - model.predict(X)) ** 2
    rows = report["errors"].table().rows
    assert [row["row"] for row in rows] == np.argsort(-off)[:10].tolist()
    assert rows[0]["squared error"] == pytest.approx(off.max())


def test_slices(adult):
    from scipy.stats import ttest_ind

    model, X, y, _, report = adult
    p = model.predict_proba(X)[:, 1]
    loss = -np.log(np.where(y == ">50K", p, 1 - p))
    rows = table_of(report["slices"], "slices")
    women = (X["sex"] == "Female").to_numpy()
    assert rows["sex = Female"]["log loss value"] == pytest.approx(loss[women].mean())
    assert rows["sex = Female"]["observed mean"] == pytest.approx(np.mean(y[women] == ">50K"))
    segments = report["slices"].table("segments").rows
    assert segments
    named = next(row for row in segments if " and " not in row["segment"] and " = " in row["segment"])
    column, _, value = named["segment"].partition(" = ")
    inside = (X[column].astype(str) == value).to_numpy()
    assert named["log loss"] == pytest.approx(loss[inside].mean())
    assert named["rest"] == pytest.approx(loss[~inside].mean())
    alone = ttest_ind(loss[inside], loss[~inside], equal_var=False, alternative="greater").pvalue
    assert 0.8 < np.log(named["adjusted p"]) / np.log(alone) < 1  # adjusted for how many were looked at


def test_a_planted_segment_is_found_and_noise_is_not():
    random = np.random.default_rng(1)
    X = np.column_stack([random.integers(0, 4, (2, 4_000)).T, random.standard_normal((4_000, 3))]).astype(float)
    weak = (X[:, 0] == 2) & (X[:, 1] == 3)
    y = X[:, 2] + random.standard_normal(4_000) * np.where(weak, 3.0, 1.0)
    model = LinearRegression().fit(X[:100], X[:100, 2])
    first = evaluate(model, X, y, baselines=False)["slices"].table("segments").rows[0]
    assert first["segment"] == "column 0 = 2 and column 1 = 3"
    assert first["stable"]
    assert first["rest"] == pytest.approx(np.mean((y - X[:, 2])[~weak] ** 2), rel=1e-6)
    quiet = 0
    for seed in range(10):
        noise = X[:, 2] + np.random.default_rng(seed).standard_normal(4_000)
        quiet += not evaluate(model, X, noise, baselines=False)["slices"].table("segments").rows
    assert quiet >= 8


def test_welch_by_hand():
    from scipy.stats import ttest_ind

    from mlcraft.evaluation.report._segments import compared

    random = np.random.default_rng(0)
    loss, codes = random.exponential(size=500), random.integers(0, 3, 500)
    table = compared(loss, np.ones(500), codes, 3)
    for k in range(3):
        inside, rest = loss[codes == k], loss[codes != k]
        test = ttest_ind(inside, rest, equal_var=False)
        assert table[2, k] == pytest.approx(inside.mean() - rest.mean())
        assert table[2, k] / table[3, k] == pytest.approx(test.statistic, rel=2e-3)


def test_empty_and_wrong_slices(housing):
    model, X, y, *_ = housing
    nobody = np.zeros(len(y), dtype=bool)
    report = evaluate(model, X, y, slices={"nobody": nobody}, baselines=False)
    assert any("No row is in nobody" in note for note in report["slices"].notes)
    wrong = evaluate(model, X, y, slices=["no such"], baselines=False)["slices"]
    assert wrong.state == "skipped"
    assert "no such" in wrong.sentences[0]


def test_tests_of_residuals(housing):
    diagnostic = pytest.importorskip("statsmodels.stats.diagnostic")
    import statsmodels.api as sm
    from statsmodels.sandbox.stats.runs import runstest_1samp
    from statsmodels.stats.stattools import durbin_watson

    model, X, y, _, report = housing
    prediction = model.predict(X)
    residual = y - prediction
    rows = table_of(report["residuals"])
    z = (prediction - prediction.mean()) / prediction.std()
    statistic, *_ = diagnostic.het_breuschpagan(residual, np.column_stack([np.ones(len(z)), z, z**2]))
    assert rows["Breusch-Pagan"]["statistic"] == pytest.approx(statistic, rel=1e-4)
    assert rows["Durbin-Watson"]["statistic"] == pytest.approx(durbin_watson(residual - residual.mean()))
    fit = sm.OLS(residual, np.column_stack([np.ones(len(z)), z, z**2, z**3])).fit(cov_type="HC1")
    assert rows["RESET"]["statistic"] == pytest.approx(float(np.squeeze(fit.fvalue)), rel=1e-6)
    value, _ = runstest_1samp(residual, cutoff="median", correction=False)
    assert rows["runs"]["statistic"] == pytest.approx(value, rel=1e-6)


def test_residual_tests_hold_their_level_and_find_what_is_there():
    from mlcraft.evaluation.report._residuals import autocorrelation, breusch_pagan, curvature, runs

    random = np.random.default_rng(0)
    x = random.standard_normal((300, 1))
    table = np.column_stack([x, x**2])
    found = np.zeros(4)
    for _ in range(400):
        e = random.standard_normal(300)
        tests = (breusch_pagan(e, table), autocorrelation(e), runs(e), curvature(e, table))
        found += np.array([p < 0.05 for _, p in tests])
    assert np.all(found / 400 < 0.09)
    e = random.standard_normal(300)
    assert breusch_pagan(e * np.exp(x[:, 0] / 2), table)[1] < 1e-3
    assert autocorrelation(np.cumsum(e))[1] < 1e-3
    assert runs(np.cumsum(e))[1] < 1e-3
    assert curvature(e + x[:, 0] ** 2, table)[1] < 1e-3


def test_counts(shared):
    pytest.importorskip("pyarrow")
    from sklearn.linear_model import PoissonRegressor

    spec = importlib.util.spec_from_file_location("shared_data_load", shared("data/load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    claims = module.load("fremtpl2_freq").sample(6_000, random_state=0)
    names = {name.lower(): name for name in claims.columns}
    exposure = claims[names["exposure"]].to_numpy(dtype=float)
    y = claims[names["claimnb"]].to_numpy(dtype=float) / exposure
    X = claims[[names["drivage"], names["bonusmalus"], names["vehage"]]]
    train, test = slice(0, 3000), slice(3000, None)
    model = make_pipeline(StandardScaler(), PoissonRegressor())
    model.fit(X[train], y[train], poissonregressor__sample_weight=exposure[train])
    report = evaluate(
        model, X[test], y[test], sample_weight=exposure[test], train=(X[train], y[train], exposure[train])
    )
    assert report.facts["kind"] == "count"
    mu = model.predict(X[test])
    rows = table_of(report["metrics"])
    deviance = theirs.mean_poisson_deviance(y[test], mu, sample_weight=exposure[test])
    assert rows["mean Poisson deviance"]["value"] == pytest.approx(deviance)
    constant = np.full(3000, np.average(y[train], weights=exposure[train]))
    expected = theirs.mean_poisson_deviance(y[test], constant, sample_weight=exposure[test])
    assert table_of(report["baselines"])["constant"]["score value"] == pytest.approx(expected)
    pearson = np.mean(exposure[test] * (y[test] - mu) ** 2 / mu)
    assert f"{pearson:.3g}" in report["residuals"].sentences[0]


def test_latency_and_limits(adult):
    report = adult[-1]
    rows = report["latency"].table().rows
    assert [row["rows at once"] for row in rows] == [1, 1000]
    assert all(row["median ms"] > 0 for row in rows)
    assert report.names[-1] == "limits"
    said = " ".join(report["limits"].sentences)
    assert "pass groups" in said
    assert "No training rows" not in said


def test_learning_curve(adult):
    report = adult[-1]
    rows = report["learning_curve"].table().rows
    assert [row["training rows"] for row in rows] == [200, 500, 1000, 2000]
    metrics = table_of(report["metrics"])
    assert rows[-1]["log loss value"] == pytest.approx(metrics["log loss"]["value"])
    assert rows[0]["log loss value"] > rows[-1]["log loss value"]


def test_learning_curve_from_moments():
    random = np.random.default_rng(0)
    X = random.standard_normal((600, 4))
    y = X @ [1.0, 2.0, 0.0, -1.0] + random.standard_normal(600)
    model = LinearRegression().fit(X[:300], y[:300])
    report = evaluate(model, X[300:], y[300:], train=(X[:300], y[:300]))
    last = report["learning_curve"].table().rows[-1]
    assert last["training rows"] == 300
    assert last["mean R2"] == pytest.approx(theirs.r2_score(y[300:], model.predict(X[300:])))


def test_leakage_and_drift():
    from scipy.stats import chi2_contingency, ks_2samp

    pd = pytest.importorskip("pandas")
    random = np.random.default_rng(0)

    def table(n, shift, first):
        frame = pd.DataFrame({"a": random.standard_normal(n) + shift, "b": random.choice(["x", "y", "z"], n)})
        return frame.assign(id=np.arange(n) + first), frame["a"].to_numpy() - shift + random.standard_normal(n)

    train, y_train = table(500, 0.0, 0)
    X, y = table(300, 1.0, 500)
    X = X.assign(answer=2 * y)
    train = train.assign(answer=2 * y_train)
    X.iloc[:7], y[:7] = train.iloc[:7], y_train[:7]
    model = prepared(Ridge()).fit(train[["a", "b", "id", "answer"]], y_train)
    section = evaluate(model, X, y, train=(train, y_train), baselines=False)["leakage"]
    assert section.sentences[0].startswith("7 of 300 rows (2.33 %) are among the training rows")
    assert "7 with the same target" in section.sentences[0]
    assert {row["column"] for row in section.table("telling").rows} == {"answer", "id"}
    drift = table_of(section, "drift")
    assert drift["a"]["statistic"] == pytest.approx(ks_2samp(X["a"], train["a"]).statistic)
    counts = [X["b"].value_counts().sort_index(), train["b"].value_counts().sort_index()]
    assert drift["b"]["statistic"] == pytest.approx(chi2_contingency(np.array(counts)).statistic)
    assert drift["a"]["PSI"] > 0.25
    assert drift["b"]["adjusted p"] > 0.05


def test_any_model_and_many_classes():
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.svm import LinearSVC

    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0).fit(X[:900], y[:900])
    report = evaluate(forest, X[900:], y[900:], train=(X[:900], y[:900]))
    assert report.facts["kind"] == "multiclass"
    assert "thresholds" not in report
    assert table_of(report["baselines"])["constant"]["score value"] == pytest.approx(np.log(10), rel=0.01)
    machine = LinearSVC().fit(X[:900], y[:900] > 4)
    ranked = evaluate(machine, X[900:], y[900:] > 4)
    assert "calibration" not in ranked
    assert "log loss" not in table_of(ranked["metrics"])
    area = theirs.roc_auc_score(y[900:] > 4, machine.decision_function(X[900:]))
    assert table_of(ranked["metrics"])["ROC AUC"]["value"] == pytest.approx(area)
    json.loads(ranked.to_json())
