"""Settings of the pytest-benchmark suites: ``pytest benchmarks --benchmark-only``.

The sizes are small so that a run takes a minute or two. ``MLCRAFT_BENCHMARK_ROWS=10`` makes every matrix ten
times as tall.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tall() -> int:
    """By how much the number of rows is multiplied."""
    return int(os.environ.get("MLCRAFT_BENCHMARK_ROWS", "1"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of the libraries compared are no failures here."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))
