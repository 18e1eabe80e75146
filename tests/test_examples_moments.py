"""The example programs on files larger than their batches, against one fit on all rows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlcraft import Moments
from mlcraft.linear_model import LinearRegression

pytest.importorskip("pyarrow")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parquet(tmp_path, capsys):
    import pyarrow.parquet as pq

    example, path = load("moments_parquet"), tmp_path / "rides.parquet"
    example.write_sample(path)
    model = example.main(path, "fare")
    told = capsys.readouterr().out
    assert "20,000 rows, 3 columns: kilometres, minutes, bags" in told
    assert "40,000 rows that weigh 39,800" in told
    table = pq.read_table(path)
    X = np.column_stack([table[name].to_numpy() for name in model.feature_names_in_])
    reference = LinearRegression().fit(X, table["fare"].to_numpy())
    assert_allclose(model.coef_, reference.coef_, rtol=1e-9, atol=1e-12)
    assert_allclose(example.moments_of_parquet(path, "fare", batch_size=333).xx, Moments().update(X, X[:, 0]).xx)


def test_csv(tmp_path, capsys):
    import pandas as pd

    example, path = load("moments_csv"), tmp_path / "rides.csv"
    example.write_sample(path)
    assert sum(1 for _ in example.numeric_blocks(path, 2**16)) > 1
    model = example.main(path, "fare")
    assert "4,990 lines" in capsys.readouterr().out
    frame = pd.read_csv(path).select_dtypes("number").dropna()
    reference = LinearRegression().fit(frame.drop(columns="fare"), frame["fare"])
    assert_allclose(model.coef_, reference.coef_, rtol=1e-9)
    assert list(model.feature_names_in_) == ["kilometres", "minutes"]
