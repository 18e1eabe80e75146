"""The cases of ``python -m benchmarks`` at a tenth of their rows, every library in its own benchmark."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pytest_benchmark")

from benchmarks.cases import Case, synthetic_cases
from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.data import Problem
from benchmarks.quality import reference, suboptimality

_problems: dict[str, Problem] = {}


def _problem(case: Case) -> Problem:
    """The data of a case, kept while the tests of that case run."""
    if case.name not in _problems:
        _problems.clear()
        _problems[case.name] = case.make()
    return _problems[case.name]


@pytest.fixture
def quick(tall: int) -> bool:
    return tall < 10


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
@pytest.mark.parametrize("name", [case.name for case in synthetic_cases()])
def test_fit(benchmark: Any, name: str, contestant: Contestant, quick: bool) -> None:
    if not contestant.installed():
        pytest.skip(f"{contestant.title} is not installed")
    case = next(case for case in synthetic_cases(quick) if case.name == name)
    problem = _problem(case)
    call = contestant.prepare(problem)
    if call is None:
        pytest.skip(f"{contestant.title} has no such call")
    benchmark.group = case.title
    result = benchmark.pedantic(call, rounds=5, iterations=1, warmup_rounds=1)
    if problem.kind == "fit":
        gap = suboptimality(reference(problem), *contestant.extract(result))
        benchmark.extra_info["suboptimality"] = gap
        assert gap < 1e-6
