"""Benchmarks of mlcraft: ``python -m benchmarks`` from the root of a checkout.

Nothing in the library imports this package. See ``benchmarks/README.md`` for what is measured and how.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def prefer_installed_package() -> None:
    """Let an installed ``mlcraft`` win over the bare source folder.

    Run from a checkout, the current folder comes first on ``sys.path``. The source folder has no compiled
    module in it unless the package was built in place, so the search looks at the checkout last.
    """
    source = ROOT / "mlcraft"
    if any(source.glob("_core*.so")) or any(source.glob("_core*.pyd")):
        return
    here = [entry for entry in sys.path if Path(entry or ".").resolve() == ROOT]
    if here:
        sys.path[:] = [entry for entry in sys.path if entry not in here] + [str(ROOT)]


prefer_installed_package()
