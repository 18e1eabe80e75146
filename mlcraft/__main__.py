"""``python -m mlcraft``: the command line, and ``--includes`` for compilers."""

from __future__ import annotations

import sys


def _main() -> None:
    if sys.argv[1:] == ["--includes"]:
        from mlcraft import get_include

        print(f"-I{get_include()}")
        return
    from mlcraft.cli import main

    main()


if __name__ == "__main__":
    _main()
