"""A new loss, matrix, solver or estimator brings along what CONTRIBUTING.md says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import registry
import sklearn.linear_model
import sklearn.svm
from sklearn.utils.fixes import parse_version

from mlcraft import linear_model, model_file, svm
from mlcraft._engine.losses import LOSSES

HERE = Path(__file__).parent
CORE = HERE.parent / "csrc" / "mlcraft"


def stems(folder: str, suffix: str, *without: str) -> list[str]:
    return sorted(path.stem for path in (CORE / folder).glob(f"*{suffix}") if path.stem not in without)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", stems("loss", ".hpp", "loss"))
def test_loss_is_listed_and_has_a_slow_twin(name):
    written = re.search(r'\bname = "(\w+)"', text(CORE / "loss" / f"{name}.hpp")).group(1)
    assert written == name, "a loss has the name of its file"
    if name != "multinomial":  # which has one row of eta for each class, and so a function of its own
        struct = re.search(r"struct (\w+)", text(CORE / "loss" / f"{name}.hpp")).group(1)
        listed = re.search(r"using Losses = LossList<([^>]*)>", text(CORE / "loss" / "loss.hpp")).group(1)
        assert struct in re.split(r",\s*", listed), "the list of losses does not have it"
    assert (HERE / "reference" / f"{name}.py").is_file(), "it needs a slow NumPy twin in tests/reference"
    assert name in LOSSES, "the engine's front does not list it"


@pytest.mark.parametrize("name", stems("penalty", ".hpp", "penalty"))
def test_penalty_is_used_by_a_solver(name):
    assert any(f"penalty/{name}.hpp" in text(path) for path in (CORE / "solver").glob("*.cpp"))


@pytest.mark.parametrize("name", stems("matrix", ".hpp", "rows"))
def test_matrix_reaches_the_binding(name):
    assert any(f"matrix/{name}.hpp" in text(path) for path in (CORE.parent / "bind").iterdir())


@pytest.mark.parametrize("name", stems("matrix", ".hpp", "rows", "dense", "centred"))
def test_storage_is_in_the_registry(name):
    """`dense` is there under the names of its orders, `centred` is tested around each storage."""
    assert any(key.startswith(name) for key in registry.STORAGES)


@pytest.mark.parametrize("name", stems("solver", ".hpp"))
def test_solver_names_what_it_solves(name):
    first = text(CORE / "solver" / f"{name}.hpp").splitlines()[0]
    assert first.startswith("// "), "say in the first line which problem it solves, and by what method"


NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
OURS_ALONE = {"FirthLogisticRegression"}  # what scikit-learn lacks
ROOMS = {linear_model: sklearn.linear_model, svm: sklearn.svm}
ESTIMATORS = {name: room for room in ROOMS for name in room.__all__ if inspect.isclass(getattr(room, name))}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_is_checked_stored_and_a_drop_in(name):
    room = ESTIMATORS[name]
    ours, theirs = getattr(room, name), getattr(ROOMS[room], name, None)
    assert f"{name}()" in text(HERE / "test_sklearn_suite.py"), "scikit-learn's estimator checks do not run on it"
    assert name in model_file._ESTIMATORS, "model files do not hold it"
    if theirs is None:
        assert name in OURS_ALONE, "scikit-learn has no such class"
        return
    if not NEWEST and name.startswith(("Logistic", "SGD")):
        return  # their parameters changed in 1.8 and 1.9
    assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys()
    defaults = {key: value.default for key, value in inspect.signature(theirs).parameters.items()}
    assert {key: value.default for key, value in inspect.signature(ours).parameters.items()} == defaults
