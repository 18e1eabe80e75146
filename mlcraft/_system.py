"""What this build is and what it runs on."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mlcraft import _core

__all__ = ["get_include", "show_versions"]


def get_include() -> str:
    """
    Return the folder of the C++ headers, for a compiler's ``-I``.

    Returns
    -------
    str
        ``#include "mlcraft/..."`` works with this folder on the path. One source file of a program includes
        ``mlcraft/sources.hpp``, which holds the definitions.

    Examples
    --------
    >>> import mlcraft, os
    >>> os.path.exists(os.path.join(mlcraft.get_include(), "mlcraft", "core", "types.hpp"))
    True
    """
    installed = Path(_core.__file__).parent / "include"
    if (installed / "mlcraft").is_dir():
        return str(installed)
    return str(Path(__file__).parent.parent / "csrc")  # an editable install keeps them in the source tree


def show_versions() -> None:
    """
    Print the build, the compiler, the instruction set, the threads, the BLAS and the versions of what is used.

    Examples
    --------
    >>> import mlcraft
    >>> mlcraft.show_versions()  # doctest: +ELLIPSIS
    mlcraft ...
    """
    rows = {
        "mlcraft": f"{_core.__version__} ({_core.build_type})",
        "compiler": _core.compiler,
        "instruction set": f"{_core.simd_level} (this machine has {', '.join(_core.simd_levels)})",
        "threads": f"{_core.available_threads()} ({_core.threading})",
        "BLAS and LAPACK": _blas(),
        "python": f"{sys.version.split()[0]} ({platform.platform()})",
    }
    for package in ("numpy", "scipy", "scikit-learn", "numba", "pandas", "polars", "pyarrow", "matplotlib"):
        try:
            rows[package] = version(package)
        except PackageNotFoundError:
            rows[package] = "not installed"
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:{width}}  {value}")


def _blas() -> str:
    import scipy

    found = scipy.__config__.show(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found.get('name', 'unknown')} {found.get('version', '')} (through SciPy)".replace("  ", " ")
