"""The benchmark of coverage: its splits, its noise and its table, on made-up data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last: the installed package comes before the bare folder

from benchmarks import coverage, coverage_data, coverage_methods  # noqa: E402


def made_up(task):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 4))
    eta = X @ [1.0, -0.5, 0.0, 2.0]
    return X, ((eta[:, np.newaxis] + rng.gumbel(size=(400, 3)) * 3).argmax(axis=1) if task == "classification" else eta)


def test_splits_are_disjoint_and_their_own():
    X, y = np.arange(100.0)[:, np.newaxis], np.arange(100.0)
    found = list(coverage_data.splits(X, y, "regression", 3, 60))
    for split in found:
        assert len(split.y) == 60 and len(split.y_new) == 40 and len(split.y_cal) == 15  # noqa: PT018
        assert not set(split.y) & set(split.y_new)
        np.testing.assert_array_equal(split.X[:, 0], split.y)
        assert split.unit == y.std()
    assert set(found[0].y) != set(found[1].y)
    assert len(next(iter(coverage_data.splits(X, y, "regression", 1, 500))).y) == 70


def test_noise_is_that_of_split_conformal_prediction():
    split = next(iter(coverage_data.splits(np.zeros((4000, 1)), np.zeros(4000), "regression", 1, 400)))
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(4000):
        scores = rng.random(500)
        drawn.append(np.mean(scores[100:] <= np.sort(scores[:100])[int(np.ceil(0.9 * 101)) - 1]))
    method = coverage_methods.INTERVALS[0]
    assert abs(np.std(drawn) / coverage.noise(split, method, 1) - 1) < 0.06
    assert coverage.noise(split, method, 25) == pytest.approx(coverage.noise(split, method, 1) / 5)


def test_figures_and_errors():
    split = next(iter(coverage_data.splits(*made_up("regression"), "regression", 1, 200)))
    found = coverage.Found()
    found.take(split, lambda s: np.column_stack([s.y_new - 1, s.y_new + 1]))
    found.take(split, lambda s: np.column_stack([s.y_new + 1, s.y_new + 2]))
    assert found.coverage == [1.0, 0.0]
    assert found.width[0] == pytest.approx(2 / split.unit)
    found.take(split, lambda s: 1 / 0)
    assert found.error == "ZeroDivisionError: division by zero"
    assert coverage.verdict(0.86, 0.02) == "0.860 ✓"


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_table(task, monkeypatch, capsys):
    data = coverage_data.DataSet("made_up", task, "y")
    monkeypatch.setattr(coverage, "DATA_SETS", (data,))
    monkeypatch.setattr(coverage, "load", lambda _: made_up(task))
    monkeypatch.setattr(coverage, "has_mapie", lambda: False)
    words = ["split", "LAC", "jackknife+", "theory", "posterior"]
    options = argparse.Namespace(quick=True, splits=1, rows=1, only=None, methods=words, json=None, mapie_splits=None)
    assert coverage.main(options) == 0
    text = capsys.readouterr().out
    assert "made_up" in text
    assert "Error" not in text


def test_most_likely_classes():
    q = np.array([[0.5, 0.3, 0.15, 0.05], [0.02, 0.02, 0.95, 0.01]])
    expected = [[True, True, True, False], [False, False, True, False]]
    np.testing.assert_array_equal(coverage_methods.most_likely(q), expected)
