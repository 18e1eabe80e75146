"""The example program of training row by row on a sample of its data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_text(shared, monkeypatch, capsys):
    monkeypatch.setenv("MLCRAFT_SHARED", str(shared("data").parent))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "shared_data", raising=False)
    spec = importlib.util.spec_from_file_location("sgd_text", EXAMPLES / "sgd_text.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr(example, "CHUNK", 50)
    model = example.main(400)
    told = capsys.readouterr().out
    assert "after    200 sentences" in told
    assert f"epoch {model.n_iter_}: loss" in told
    assert np.isfinite(model.trace_.valid_loss).all()
    assert model.trace_.train_loss[-1] < model.trace_.train_loss[0]
