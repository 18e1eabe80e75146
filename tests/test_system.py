"""The package around the code: versions, headers, instruction sets, lazy imports, documents."""

from __future__ import annotations

import doctest
import importlib.metadata
import importlib.resources
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlcraft
from mlcraft import _core

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_version_is_that_of_the_metadata():
    assert mlcraft.__version__ == _core.__version__ == importlib.metadata.version("mlcraft")


def test_show_versions(capsys):
    mlcraft.show_versions()
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["mlcraft"].startswith(mlcraft.__version__)
    assert rows["instruction set"].startswith(_core.simd_level)
    assert rows["threads"].startswith(str(_core.available_threads()))
    assert rows["numpy"] == np.__version__
    for name in ("compiler", "BLAS and LAPACK", "python", "scipy", "scikit-learn", "numba"):
        assert rows[name] not in ("", "not installed")


def test_headers_are_found():
    folder = Path(mlcraft.get_include())
    assert (folder / "mlcraft" / "core" / "types.hpp").is_file()
    assert (folder / "mlcraft" / "sources.hpp").is_file()
    assert run("-m", "mlcraft", "--includes").strip() == f"-I{folder}"


def test_types_are_shipped():
    files = importlib.resources.files("mlcraft")
    assert files.joinpath("py.typed").is_file()
    assert files.joinpath("_core.pyi").is_file()


def test_everything_in_the_front_exists_and_is_listed():
    for name in mlcraft.__all__:
        assert getattr(mlcraft, name) is not None
        assert name in dir(mlcraft)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mlcraft.nothing


@pytest.mark.parametrize("module", ["jit", "linear_model", "datasets", "model_file", "cli"])
def test_import_of_the_front_is_lazy(module):
    loaded = run("-c", "import sys, mlcraft; print(*sys.modules)").split()
    assert f"mlcraft.{module}" not in loaded
    assert "sklearn" not in loaded


LEVEL_PROGRAM = """
import numpy as np
from mlcraft import _core
from mlcraft._engine.least_squares import fit_least_squares

rng = np.random.default_rng(0)
X = rng.standard_normal((5_000, 45)) + 10
y = X[:, 0] - X[:, 1] + rng.standard_normal(len(X))
coef = [fit_least_squares(X.astype(t), y.astype(t)).coef.tolist() for t in (np.float64, np.float32)]
print((_core.simd_level, *coef))
"""


@pytest.fixture(scope="module")
def default_level() -> tuple[str, list[float], list[float]]:
    return eval(run("-c", LEVEL_PROGRAM, MLCRAFT_SIMD=""))


def test_best_level_is_the_default(default_level):
    assert default_level[0] == _core.simd_levels[-1]


@pytest.mark.parametrize("level", _core.simd_levels)
def test_level_can_be_forced(level, default_level):
    used, double, single = eval(run("-c", LEVEL_PROGRAM, MLCRAFT_SIMD=level))
    assert used == level
    np.testing.assert_allclose(double, default_level[1], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(single, default_level[2], rtol=1e-3, atol=1e-4)


def test_levels_that_the_machine_lacks_are_not_used():
    code = "from mlcraft import _core; print(_core.simd_level)"
    assert run("-c", code, MLCRAFT_SIMD="avx9000").strip() in _core.simd_levels


def test_quick_start_runs():
    told = run(str(ROOT / "examples" / "quick_start.py"))
    assert "converged" in told
    assert float(re.search(r"held out: (0\.\d+)", told).group(1)) > 0.6


# Documents


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("python3 -m venv")]


def test_readme_has_one_command_to_try_and_one_to_test():
    first, second = readme_commands()
    assert first.endswith(".venv/bin/mlcraft fit")
    assert ".venv/bin/pytest" in second


@pytest.mark.skipif(not (ROOT / ".ci" / "run").exists(), reason="not in a source distribution")
def test_continuous_integration_runs_the_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r"grep '([^']+)' README\.md", script).group(1)
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.search(pattern, line)] == readme_commands()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_in_documents(document):
    failed, _ = doctest.testfile(str(document), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_in_documents_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index
