"""What all tests share: the installed package on the path, and the reference values beside the repository.

Run from a checkout, ``python -m pytest`` and every ``python -c`` put the current folder first on `sys.path`,
where ``mlcraft/`` has no compiled module in it (an editable install finds its way all the same).
"""

import os
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
os.environ["PYTHONSAFEPATH"] = "1"  # for the processes that tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: tests of Ctrl-C need it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared():
    """Return a function from a path below the shared folder to its Path; it skips where there is none."""

    def find(name):
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs {name} in a folder 'shared' beside the repository")
        return path

    return find
