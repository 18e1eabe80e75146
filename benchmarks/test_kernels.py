"""Gram and fused pass: the C++ kernels, their Numba twins and NumPy, on small matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark")
core = pytest.importorskip("mlcraft._core")

from benchmarks.kernels import Data, _matrix, gram_row, pass_row  # noqa: E402

ENGINES = ("mlcraft", "numpy", "twin")
ELEMENTS = 1_000_000


def _data(p: int, dtype: str, order: str, weighted: bool, tall: int) -> Data:
    elements = np.random.default_rng(0).standard_normal(ELEMENTS * tall).astype(dtype)
    return _matrix(elements, p, order, weighted)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weights"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("p", [10, 100, 500])
def test_gram(benchmark: Any, p: int, dtype: str, order: str, weighted: bool, engine: str, tall: int) -> None:
    calls = gram_row(_data(p, dtype, order, weighted, tall)).calls
    if engine not in calls:
        pytest.skip("not installed")
    benchmark.group = f"Gram, p = {p}, {dtype}, {order} order" + (", weights" if weighted else "")
    benchmark(calls[engine])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("p", [10, 30, 200])
def test_fused_pass(benchmark: Any, p: int, dtype: str, order: str, engine: str, tall: int) -> None:
    calls = pass_row(_data(p, dtype, order, False, tall)).calls
    if engine not in calls:
        pytest.skip("not installed")
    benchmark.group = f"fused pass, p = {p}, {dtype}, {order} order"
    benchmark(calls[engine])
