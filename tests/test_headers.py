"""The installed C++ headers: each stands alone, and a program of one source file compiles, links and fits."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import mlcraft

PROGRAM = Path(__file__).resolve().parent.parent / "examples" / "cpp" / "fit.cpp"
INCLUDE = Path(mlcraft.get_include())
# pieces of simd/kernels.cpp, which opens the namespace around them
FRAGMENTS = {
    "extended_loops.hpp",
    "gram_tile.hpp",
    "loss_loops.hpp",
    "many_loops.hpp",
    "sgd_loops.hpp",
    "sgd_row.hpp",
    "sources.hpp",
    "vector_loops.hpp",
    "vector_math.hpp",
}
STRICT = ["-std=c++20", "-Wall", "-Wextra", "-Werror"]


def find_compiler() -> list[str]:
    if named := os.environ.get("CXX"):
        return shlex.split(named)
    found = next(filter(None, map(shutil.which, ["g++", "c++", "clang++"])), None)
    return [found] if found else []


COMPILER = find_compiler()
pytestmark = pytest.mark.skipif(not COMPILER, reason="no C++ compiler: set CXX, or install g++ or clang++")


def compile_cpp(*arguments: str | Path) -> None:
    command = [*COMPILER, *STRICT, f"-I{INCLUDE}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[:4000]


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    binary = tmp_path_factory.mktemp("cpp") / "fit"
    compile_cpp("-O2", PROGRAM, "-o", binary)
    return binary


def run(program: Path, rows: np.ndarray | str) -> subprocess.CompletedProcess[str]:
    text = rows if isinstance(rows, str) else "\n".join(" ".join(map(repr, row)) for row in rows.tolist())
    return subprocess.run([program], input=text, capture_output=True, text=True, timeout=60, check=False)


def fitted(program: Path, X: np.ndarray, y: np.ndarray) -> dict[str, str]:
    done = run(program, np.column_stack([X, y]))
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.parametrize(("n", "p"), [(30, 3), (2_000, 12), (500, 130)])
def test_program_agrees_with_numpy(program, n, p):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, p)) * 10.0 ** rng.integers(-3, 4, p) + 5
    y = X @ rng.standard_normal(p) + rng.standard_normal(n)
    found = fitted(program, X, y)
    centred = X - X.mean(axis=0)
    scale = np.linalg.norm(centred, axis=0)
    expected = np.linalg.lstsq(centred / scale, y - y.mean(), rcond=None)[0] / scale
    coef = np.array([float(found[f"x{j + 1}"]) for j in range(p)])
    assert found["status"] == "converged"
    assert int(found["rank"]) == p
    # at unit length of the columns: what a small coefficient of a small column loses is rounding of the large ones
    np.testing.assert_allclose(coef * scale, expected * scale, rtol=1e-9, atol=1e-12 * np.abs(expected * scale).max())
    np.testing.assert_allclose(float(found["intercept"]), y.mean() - X.mean(axis=0) @ expected, rtol=1e-9)


def test_program_agrees_with_the_python_package(program):
    from mlcraft.linear_model import LinearRegression

    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((200, 4)), rng.standard_normal(200)
    model = LinearRegression().fit(X, y)
    coef = [float(value) for name, value in fitted(program, X, y).items() if name.startswith("x")]
    np.testing.assert_allclose(coef, model.coef_, rtol=1e-12)


def test_wide_problem(program):
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((6, 10)), rng.standard_normal(6)
    found = fitted(program, X, y)
    expected = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    np.testing.assert_allclose([float(found[f"x{j + 1}"]) for j in range(10)], expected, rtol=1e-9)


def test_problem_that_needs_lapack_says_so(program):
    x = np.arange(10.0)
    done = run(program, np.column_stack([x, 2 * x, x + 1]))
    assert done.returncode == 1
    assert "needs LAPACK" in done.stderr


@pytest.mark.parametrize("text", ["", "1\n2\n", "1 2 3\n4 5\n"])
def test_wrong_input_ends_with_a_message(program, text):
    done = run(program, text)
    assert done.returncode == 1
    assert done.stderr.startswith("fit: ")


def test_every_header_stands_alone(tmp_path):
    headers = sorted(path for path in (INCLUDE / "mlcraft").rglob("*.hpp") if path.name not in FRAGMENTS)
    assert len(headers) > 10

    def check(header: Path) -> None:
        source = tmp_path / f"{header.parent.name}_{header.stem}.cpp"
        name = header.relative_to(INCLUDE).as_posix()
        source.write_text(f'#include "{name}"\n#include "{name}"\n', encoding="utf-8")
        compile_cpp("-fsyntax-only", source)

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        list(workers.map(check, headers))


def test_the_guide_shows_the_program_that_is_tested():
    guide = (PROGRAM.parents[2] / "docs" / "cpp.md").read_text(encoding="utf-8")
    assert f"```cpp\n{PROGRAM.read_text(encoding='utf-8')}```" in guide
