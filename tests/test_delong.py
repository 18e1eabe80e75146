"""DeLong's covariance: the values of R's pROC, an O(n m) twin, groups, and a size at which the twin cannot follow."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from reference.delong import delong as twin

from mlcraft.evaluation import delong, roc_auc_score


@pytest.mark.parametrize("case", ["aSAH", "biopsy"])
def test_values_of_r(case, shared):
    expected = json.loads(shared(f"reference/r/roc/{case}.json").read_text())
    table = pd.read_csv(shared(f"reference/r/roc/{case}.csv"))
    names = [row["score"] for row in expected["scores"]]
    found = delong(table[expected["label"]], table[names])
    for k, row in enumerate(expected["scores"]):
        assert_allclose(found.auc[k], row["auc"], rtol=1e-12)
        assert_allclose(found.covariance[k, k], row["delong_var"], rtol=1e-10)
        assert_allclose(found.interval(scale="plain")[k], row["ci_95"], rtol=1e-10)
    for pair in expected["paired_delong"]:
        i, j = names.index(pair["a"]), names.index(pair["b"])
        tested = found.difference(i, j)
        assert_allclose(found.covariance[i, j], pair["covariance"], rtol=1e-9, atol=1e-15)
        assert_allclose([tested.z, tested.p_value], [pair["z"], pair["p_value"]], rtol=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_equals_all_pairs(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(8, 300)
    y = np.r_[0, 0, 1, 1, (rng.random(n) < 0.3).astype(int)]
    scores = np.round(rng.normal(size=(n + 4, 3)) + y[:, None] * [0.5, 1, 2], int(rng.integers(0, 4)))
    weight = rng.integers(0, 4, n + 4).astype(float) if seed % 2 else None
    if weight is not None:
        weight[:4] = 1, 2, 3, 1
    found = delong(y, scores, sample_weight=weight)
    auc, covariance = twin(y, scores, weight)
    assert_allclose(found.auc, auc, rtol=1e-12)
    assert_allclose(found.covariance, covariance, rtol=1e-10, atol=1e-15)


def test_groups_of_single_rows_and_of_copies():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 200)
    score = rng.normal(size=200) + y
    alone = delong(y, score, groups=np.arange(200)).standard_error
    assert_allclose(alone, delong(y, score).standard_error, rtol=0.02)  # other degrees of freedom
    copies = np.repeat(np.arange(200), 5)
    repeated = delong(y[copies], score[copies], groups=copies)
    assert_allclose(repeated.standard_error, alone, rtol=1e-10)
    assert delong(y[copies], score[copies]).standard_error < 0.5 * alone


def test_a_million_rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1_000_000)
    score = np.round(rng.normal(size=len(y)) + y, 3)
    found = delong(y, score)
    assert_allclose(found.auc[0], roc_auc_score(y, score), rtol=1e-12)
    # for normal scores of equal variance A = Phi(1 / sqrt 2), and the variance follows from two integrals
    assert abs(found.auc[0] - 0.76025) < 4 * found.standard_error[0]
    assert_allclose(found.standard_error[0], 4.68e-4, rtol=0.02)


def test_an_order_that_is_the_same_has_no_difference():
    y = np.array([0, 1, 0, 1, 1, 0])
    score = np.array([0.1, 0.4, 0.3, 0.2, 0.9, 0.5])
    found = delong(y, np.column_stack([score, np.exp(score)])).difference()
    assert found.p_value == 1
    assert found.value == 0


@pytest.mark.parametrize(
    ("y", "score", "groups", "words"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], None, "0 positive and 3 negative"),
        ([0, 1, 0], [0.1, np.nan, 0.3], None, "NaN"),
        ([0, 1, 0], [0.1, 0.2], None, "inconsistent numbers"),
        ([0, 1, 2], [0.1, 0.2, 0.3], None, "multiclass"),
        ([0, 1, 0], [0.1, 0.2, 0.3], [1, 1], "one a row"),
        ([0, 1, 0], [0.1, 0.2, 0.3], [1, 1, 1], "one group alone"),
    ],
)
def test_bad_input(y, score, groups, words):
    with pytest.raises(ValueError, match=words):
        delong(y, score, groups=groups)


def test_a_class_of_one_row_has_no_variance():
    assert np.isnan(delong([0, 0, 1], [0.1, 0.3, 0.2]).standard_error[0])
