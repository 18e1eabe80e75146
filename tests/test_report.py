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
