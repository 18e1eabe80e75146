"""The example of a loss of one's own, on a sample of its data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_own_loss(shared, monkeypatch, capsys):
    monkeypatch.setenv("MLCRAFT_SHARED", str(shared("data").parent))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "shared_data", raising=False)
    spec = importlib.util.spec_from_file_location("own_loss", EXAMPLES / "own_loss.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    costs = module.main(3_000)
    told = capsys.readouterr().out
    assert told.count("converged") == 2
    assert "derivatives symbolic" in told
    assert costs["own loss"] < 0.85 * costs["squared error"]
