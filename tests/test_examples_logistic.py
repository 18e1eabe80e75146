"""The example programs of logistic regression on samples of their data: they run, and each fit is at its minimum."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def load(shared, monkeypatch):
    monkeypatch.setenv("MLCRAFT_SHARED", str(shared("data").parent))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "shared_data", raising=False)

    def loaded(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return loaded


def test_adult(load, capsys):
    model = load("logistic_adult").main(4_000)
    told = capsys.readouterr().out
    assert "4,000 rows" in told
    assert "with a ConvergenceWarning" in told
    assert "95 % interval" in told
    assert model.certificate_ < 1e-9


def test_sparse(load, capsys, monkeypatch):
    example = load("logistic_sparse")
    monkeypatch.setattr(example, "NAMES", ("a9a",))
    models = example.main(1_000)
    assert "held out" in capsys.readouterr().out
    assert all(model.certificate_ < 1e-9 for model in models.values())


def test_text(load, capsys):
    model = load("logistic_text").main(500)
    assert "words and pairs" in capsys.readouterr().out
    assert model[-1].certificate_ < 1e-8


def test_digits(load, capsys):
    model = load("logistic_digits").main(300)
    assert "pixels never change" in capsys.readouterr().out
    assert model.coef_.shape == (10, 784)
    assert model.certificate_ < 1e-7


def test_without_data_it_says_so(load, monkeypatch, capsys, tmp_path):
    example = load("logistic_text")
    monkeypatch.setattr(sys.modules["shared_data"], "FOLDER", tmp_path)
    with pytest.raises(SystemExit) as ended:
        example.main()
    assert ended.value.code == 0
    assert "sentence_polarity" in capsys.readouterr().out
