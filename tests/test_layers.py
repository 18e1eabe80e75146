"""Who may look at whom: includes and imports follow the drawing in CONTRIBUTING.md, and files stay short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CPP = ROOT / "csrc"
PACKAGE = ROOT / "mlcraft"

# Rooms of csrc/mlcraft in their storeys: a room sees itself and every storey below, never a room beside it.
STOREYS = [{"core"}, {"simd"}, {"loss", "penalty", "matrix"}, {"moments"}, {"solver", "stats"}]
STOREY_OF = {room: storey for storey, rooms in enumerate(STOREYS) for room in rooms}
DEFINITIONS = "sources.hpp"  # the one file that includes .cpp files: the library as one translation unit

# Rooms of the Python package, and what each may import of it. A new room needs a row.
EVERYTHING = frozenset({"*"})
MAY_IMPORT = {
    "_core": frozenset(),
    "exceptions": frozenset(),
    "datasets": frozenset(),
    "_model_container": frozenset(),
    "_model_values": frozenset({"_model_container"}),
    "_system": frozenset({"_core"}),
    "jit": frozenset({"_core"}),
    "_engine": frozenset({"_core", "exceptions", "jit"}),
    "linear_model": frozenset({"_core", "_engine", "exceptions", "moments", "plots", "uncertainty"}),
    "svm": frozenset({"_core", "_engine", "exceptions", "linear_model"}),
    "plots": frozenset({"exceptions", "uncertainty"}),
    "_solve": frozenset({"_core", "_engine", "exceptions", "jit", "plots"}),
    "solve": frozenset({"_engine", "_solve", "exceptions"}),
    "kernels": frozenset({"_engine"}),
    "moments": frozenset({"_engine", "_model_container", "_moments_file", "exceptions", "linear_model"}),
    "_moments_file": frozenset({"_core", "_engine", "_model_container"}),
    "uncertainty": frozenset({"_core", "_engine", "exceptions"}),
    # arrays and protocols; linear models as baselines, plots as the look of a report
    "evaluation": frozenset({"_core", "_engine", "exceptions", "linear_model", "plots", "uncertainty"}),
    "explore": frozenset({"exceptions"}),
    "model_file": frozenset({"_engine", "_model_container", "_model_values", "exceptions", "linear_model", "svm"}),
    "cli": EVERYTHING,
    "__init__": EVERYTHING,
    "__main__": EVERYTHING,
}
PRIVATE = frozenset(
    {"_core", "_engine", "_model_container", "_model_values", "_moments_file", "_solve", "_system"}
)  # not for the command line
# Packages that are slow to import or optional, and the rooms that may import them at once.
GUESTS = {
    "numba": {"jit"},
    "llvmlite": {"jit"},
    "matplotlib": set(),
    "pandas": set(),
    "polars": set(),
    "pyarrow": set(),
    "statsmodels": set(),
    "typer": {"cli"},
    "rich": {"cli"},
}

LONGEST = {".hpp": 300, ".cpp": 450, ".py": 450}
BINDING_SHARE = 0.1


def cpp_files() -> list[Path]:
    return sorted(path for path in CPP.rglob("*") if path.suffix in (".hpp", ".cpp"))


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def included(path: Path) -> list[tuple[str, bool]]:
    """Names in the #include lines, and whether they stand in quotes."""
    lines = re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', path.read_text(encoding="utf-8"), re.MULTILINE)
    return [(name, mark == '"') for mark, name in lines]


def include_faults(path: Path) -> Iterator[str]:
    parts = path.relative_to(CPP).parts
    in_library = parts[0] == "mlcraft"
    for name, quoted in included(path):
        where = f"{'/'.join(parts)} includes {name}"
        if in_library and re.match(r"(Python\.h|pybind11/|numpy/)", name):
            yield f"{where}: the library knows neither Python nor pybind11"
        if not quoted:
            continue
        target = name.split("/")
        if parts[0] == "bind":
            if target[0] != "mlcraft" and not (CPP / "bind" / name).is_file():
                yield f"{where}, which is neither in bind/ nor in mlcraft/"
            if name.endswith(".cpp") or name == f"mlcraft/{DEFINITIONS}":
                yield f"{where}: definitions are compiled on their own"
        elif target[0] != "mlcraft" or not (CPP / name).is_file():
            yield f"{where}: write the path from csrc, and only of files there"
        elif parts[1:] == (DEFINITIONS,):
            continue
        elif name.endswith(".cpp") or len(target) < 3:
            yield f"{where}: only {DEFINITIONS} includes definitions"
        elif target[1] != parts[1] and STOREY_OF[target[1]] >= STOREY_OF[parts[1]]:
            yield f"{where}: {parts[1]} may not look at {target[1]}"


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imported(tree: ast.Module, path: Path) -> Iterator[tuple[str, bool]]:
    """Full names of what a module imports, and whether that happens when it is imported itself."""
    package = ["mlcraft", *path.relative_to(PACKAGE).parts[:-1]]
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_type_checking(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        eager = id(node) not in lazy
        if isinstance(node, ast.Import):
            yield from ((alias.name, eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{module}.{alias.name}", eager) for alias in node.names)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def import_faults(path: Path) -> Iterator[str]:
    room = room_of(path)
    name = path.relative_to(ROOT).as_posix()
    if room not in MAY_IMPORT:
        yield f"{name}: the room {room!r} has no row in MAY_IMPORT; draw its arrows in CONTRIBUTING.md too"
        return
    allowed = MAY_IMPORT[room]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for module, eager in imported(tree, path):
        first, _, rest = module.partition(".")
        if first in ("benchmarks", "tests"):
            yield f"{name} imports {module}: nothing imports {first}"
        if eager and first in GUESTS and room not in GUESTS[first]:
            yield f"{name} imports {module} at once; import {first} where it is used"
        if first != "mlcraft":
            continue
        target = rest.split(".")[0]
        known = target in MAY_IMPORT
        if allowed is EVERYTHING:
            if room == "cli" and target in PRIVATE:
                yield f"{name} imports {module}: the command line uses what is public"
        elif known and target != room and target not in allowed:
            yield f"{name} imports {module}: {room} may not look at {target}"
        elif not known:
            yield f"{name} imports {module} from the front of the package; name the module it lives in"


@pytest.mark.parametrize("path", cpp_files(), ids=lambda path: path.relative_to(CPP).as_posix())
def test_includes(path):
    assert list(include_faults(path)) == []


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports(path):
    assert list(import_faults(path)) == []


def test_every_room_of_the_core_has_a_storey():
    assert {path.name for path in (CPP / "mlcraft").iterdir() if path.is_dir()} <= set(STOREY_OF)


def test_all_definitions_are_in_the_single_translation_unit():
    written = {name for name, _ in included(CPP / "mlcraft" / DEFINITIONS) if name.endswith(".cpp")}
    there = {path.relative_to(CPP).as_posix() for path in (CPP / "mlcraft").rglob("*.cpp")}
    assert written == there


@pytest.mark.parametrize("path", [*cpp_files(), *python_files()], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST[path.suffix]


def test_bindings_stay_thin():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in cpp_files()}
    bindings = sum(count for path, count in lines.items() if path.relative_to(CPP).parts[0] == "bind")
    assert bindings <= BINDING_SHARE * sum(lines.values())


def guests_of(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(sorted({set(GUESTS)!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(ast.literal_eval(run.stdout))


@pytest.fixture(scope="module")
def guests_of_sklearn() -> set[str]:
    """What scikit-learn imports by itself: pandas, for one, when it is there."""
    return guests_of("import sklearn.linear_model, scipy.sparse") - {"numba", "llvmlite", "matplotlib"}


@pytest.mark.parametrize(
    "module", ["mlcraft", "mlcraft.linear_model", "mlcraft.solve", "mlcraft.model_file", "mlcraft.plots"]
)
def test_import_brings_no_guests(module, guests_of_sklearn):
    assert guests_of(f"import {module}") - guests_of_sklearn == set()


# The checks themselves: an arrow that is not drawn must be found.
WRONG_INCLUDES = [
    ("mlcraft/core/a.hpp", '#include "mlcraft/simd/kernels.hpp"'),
    ("mlcraft/loss/a.hpp", '#include "mlcraft/matrix/dense.hpp"'),
    ("mlcraft/moments/a.cpp", '#include "mlcraft/solver/least_squares.hpp"'),
    ("mlcraft/solver/a.cpp", "#include <pybind11/numpy.h>"),
    ("mlcraft/solver/a.cpp", "#include <Python.h>"),
    ("mlcraft/solver/a.cpp", '#include "orthogonal.hpp"'),
    ("mlcraft/solver/a.cpp", '#include "mlcraft/solver/orthogonal.cpp"'),
    ("bind/a.cpp", '#include "mlcraft/sources.hpp"'),
]
WRONG_IMPORTS = [
    ("linear_model/a.py", "from mlcraft.cli import main"),
    ("linear_model/a.py", "from ..solve import solve"),
    ("linear_model/a.py", "from mlcraft import config_context"),
    ("_engine/a.py", "def f():\n    import mlcraft.linear_model"),
    ("_engine/a.py", "import numba"),
    ("_engine/a.py", "try:\n    import matplotlib.pyplot\nexcept ImportError:\n    pass"),
    ("cli/a.py", "from mlcraft import _core"),
    ("solve.py", "from benchmarks import data"),
    ("new_room/a.py", "import numpy"),
    ("jit/a.py", "from mlcraft._engine import config"),
]


@pytest.mark.parametrize(("place", "line"), WRONG_INCLUDES)
def test_wrong_include_is_found(place, line, tmp_path, monkeypatch):
    path = make_file(tmp_path, place, line)
    for _, name in re.findall(r'(")([^"]+)', line):
        make_file(tmp_path, name, "")
    monkeypatch.setattr(sys.modules[__name__], "CPP", tmp_path)
    assert len(list(include_faults(path))) == 1


@pytest.mark.parametrize(("place", "line"), WRONG_IMPORTS)
def test_wrong_import_is_found(place, line, tmp_path, monkeypatch):
    path = make_file(tmp_path, f"mlcraft/{place}", line)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "mlcraft")
    assert len(list(import_faults(path))) == 1


def test_lazy_imports_are_fine(tmp_path, monkeypatch):
    text = "def f():\n    import numba\n    from mlcraft import jit\n    return numba, jit"
    path = make_file(tmp_path, "mlcraft/_engine/a.py", text)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "mlcraft")
    assert list(import_faults(path)) == []


def make_file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
