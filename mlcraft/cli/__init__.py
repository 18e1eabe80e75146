"""The command ``mlcraft``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line; without its packages, say how to get them."""
    missing = [name for name in ("typer", "rich", "polars") if find_spec(name) is None]
    if missing == ["polars"] and find_spec("pyarrow") is not None:
        missing = []  # Parquet files can still be read
    if missing:
        sys.stderr.write(f"The mlcraft command needs {', '.join(missing)}: pip install 'mlcraft[cli]'\n")
        raise SystemExit(2)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name the terminal cannot show must not end the report
    from mlcraft.cli.app import app

    app()
