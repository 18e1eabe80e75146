"""Calibration on real data: classifiers that are too sure of themselves, before and after."""

import importlib.util

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from mlcraft.linear_model import RidgeClassifier
from mlcraft.uncertainty import brier_decomposition, calibrate, calibration_error, spiegelhalter_test
from mlcraft.uncertainty.calibration._calibrator import METHODS

pandas = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

TARGETS = {
    "adult": ("income", ["split", "fnlwgt"]),
    "spambase": ("class", []),
    "credit_default": (None, []),
    "covtype_20k": (None, []),
    "letter": (None, []),
}
LEARN, NEW = 2500, 2000

pytestmark = [
    pytest.mark.filterwarnings("ignore::mlcraft.exceptions.ExchangeabilityWarning"),
    pytest.mark.filterwarnings("ignore::mlcraft.exceptions.SeparationWarning"),
]


@pytest.fixture(scope="module")
def load(shared):
    spec = importlib.util.spec_from_file_location("shared_data_of_tests", shared("data/load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tables = {}

    def numbers(name):
        """Columns of unit variance, text as dummies of its levels, and the labels: rows to learn from, and new ones."""
        if name not in tables:
            target, leaks = TARGETS[name]
            frame = module.load(name).drop(columns=leaks).dropna()
            frame = frame.sample(min(len(frame), LEARN + NEW), random_state=0)
            y = frame.pop(target or module.info(name)["target"]).to_numpy()
            X = pandas.get_dummies(frame, drop_first=True, dtype=float).to_numpy()
            X = X[:, X.std(axis=0) > 0]
            X = (X - X.mean(axis=0)) / X.std(axis=0)
            tables[name] = X[:LEARN], y[:LEARN], X[LEARN:], y[LEARN:]
        return tables[name]

    return numbers


@pytest.mark.filterwarnings("ignore:.*infinite temperature")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TARGETS)
def test_naive_bayes_is_too_sure_and_can_be_mended(name, method, load):
    X, y, new, labels = load(name)
    naive = GaussianNB(var_smoothing=1e-3)
    raw = naive.fit(X, y)
    before, after = raw.predict_proba(new), calibrate(naive, X, y, method=method).predict_proba(new)
    errors = [calibration_error(labels, p, classes=raw.classes_).value for p in (before, after)]
    # one temperature cannot mend what differs between classes
    assert errors[1] < (1.0 if method == "temperature" else 0.75) * errors[0]
    if method != "isotonic" or len(raw.classes_) == 2:  # zeros of one class among many cost more than all else
        assert log_loss(labels, after, labels=raw.classes_) < log_loss(labels, before, labels=raw.classes_)


@pytest.mark.parametrize("method", ["platt", "beta", "isotonic", "venn-abers"])
@pytest.mark.parametrize("name", ["adult", "spambase", "credit_default"])
def test_classifiers_without_probabilities_get_some_that_hold(name, method, load):
    X, y, new, labels = load(name)
    model = calibrate(RidgeClassifier(), X, y, method=method)
    p, event = model.predict_proba(new)[:, 1], labels == model.classes_[1]
    found = calibration_error(event, p)
    assert found.value < 0.07
    if method in ("isotonic", "venn-abers"):  # for others the shape may be wrong
        assert found.lower < 0.02
        assert abs(spiegelhalter_test(event, np.clip(p, 1e-3, 1 - 1e-3)).statistic) < 4
    parts = brier_decomposition(event, p)
    assert parts.reliability.value < 0.25 * parts.resolution.value


def test_boosted_trees(load):
    lightgbm = pytest.importorskip("lightgbm")
    X, y, new, labels = load("adult")
    trees = lightgbm.LGBMClassifier(n_estimators=200, learning_rate=0.3, verbose=-1, n_jobs=1)
    before = trees.fit(X, y).predict_proba(new)
    after = calibrate(trees, X, y, method="beta", cv=3).predict_proba(new)
    assert log_loss(labels, after) < 0.8 * log_loss(labels, before)
    assert calibration_error(labels == ">50K", after[:, 1]).value < 0.05
