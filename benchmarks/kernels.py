"""Gram, fused pass and gradient descent as fractions of the machine's limits, beside NumPy and the twins."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from benchmarks.limits import Limit, Limits, Work
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import Call, Timing, time_interleaved

Array = NDArray[Any]
#: Asked for: Gram at p >= 100, passes of the squared loss at p <= 30 and of the logistic loss at p >= 50 (dense)
#: reach this much of the limit.
FRACTION = 0.8
#: Asked for of accelerated descent at p <= 30, over the whole fit.
DESCENT_FRACTION = 0.7
GRAM_COLUMNS = (10, 20, 30, 50, 100, 200, 500, 1000)
PASS_COLUMNS = (5, 10, 20, 30, 100, 200, 1000)
LOGISTIC_COLUMNS = (20, 50, 100, 200, 1000)
LOSS_COLUMNS = (5, 20, 100)
OTHER_LOSSES = ("huber", "modified_huber", "poisson", "quantile")
SPARSE_SHARE = 0.1
DESCENT_COLUMNS = (20, 200)
DESCENT_STEPS = 50


def _is_sparse(X: Any) -> bool:
    return bool(sparse.issparse(X))


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel on one matrix, by everybody who has it."""

    kernel: str
    data: Data
    work: Work
    calls: dict[str, Call]

    @property
    def label(self) -> str:
        return f"{self.kernel} p={self.data.X.shape[1]} {self.data.label}"

    def asked(self) -> float | None:
        """The fraction of the limit that is asked for here."""
        p = self.data.X.shape[1]
        wanted = {
            "Gram": p >= 100,
            "fused pass": p <= 30,
            "logistic pass": p >= 50 and not _is_sparse(self.data.X),
        }
        if self.kernel == "accelerated descent" and p <= 30:
            return DESCENT_FRACTION
        return FRACTION if wanted.get(self.kernel) else None


@dataclass(frozen=True, slots=True)
class Data:
    """A matrix of a fixed number of elements, so that only its shape differs from row to row."""

    X: Any
    y: Array
    sample_weight: Array | None

    @property
    def label(self) -> str:
        if _is_sparse(self.X):
            return f"{self.X.dtype.name} CSR"
        order = "C" if self.X.flags.c_contiguous else "F"
        return f"{self.X.dtype.name} {order}" + (" weights" if self.sample_weight is not None else "")

    @property
    def nbytes(self) -> float:
        weights = 0 if self.sample_weight is None else self.sample_weight.nbytes
        parts = (self.X.data, self.X.indices, self.X.indptr) if _is_sparse(self.X) else (self.X,)
        return float(sum(part.nbytes for part in parts) + self.y.nbytes + weights)


def _matrix(elements: Array, p: int, order: str, weighted: bool) -> Data:
    n = elements.size // p
    X = elements[: n * p].reshape(n, p) if order == "C" else elements[: n * p].reshape(p, n).T
    y = np.ascontiguousarray(X[:, 0] - 0.5)
    weight = np.linspace(0.5, 1.5, n, dtype=X.dtype) if weighted else None
    return Data(X, y, weight)


def _labelled(data: Data) -> Data:
    """The same with y in {0, 1}."""
    return Data(data.X, (np.arange(len(data.y)) % 3 == 0).astype(data.X.dtype), data.sample_weight)


def _sparse(elements: Array, p: int) -> Data:
    """A tenth of each row is stored, at random places."""
    stored = max(1, int(SPARSE_SHARE * p))
    n = elements.size // (2 * stored)
    step = p // stored
    places = np.arange(stored) * step + np.random.default_rng(p).integers(0, step, (n, stored))
    starts = np.arange(n + 1, dtype=np.int32) * stored
    parts = (elements[: n * stored], places.astype(np.int32).ravel(), starts)
    return _labelled(Data(sparse.csr_array(parts, shape=(n, p)), np.empty(n), None))


def _twins() -> Any:
    """The Numba twins, or None where Numba is absent."""
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        return importlib.import_module("mlcraft.jit")
    except ImportError:
        return None


def numpy_gram(data: Data) -> Array:
    """What NumPy offers, without centring."""
    X, weight = data.X, data.sample_weight
    product: Array = (X if weight is None else X * weight[:, None]).T @ X
    return product


def numpy_pass(data: Data, coef: Array) -> tuple[float, Array]:
    """Value and gradient in NumPy's steps: two reads of X."""
    residual = data.y - data.X @ coef
    weighted = residual if data.sample_weight is None else data.sample_weight * residual
    return float(weighted @ residual) / 2, -(data.X.T @ weighted)


def _numpy_descent(data: Data, steps: int) -> Array:
    coef = np.zeros(data.X.shape[1], dtype=data.X.dtype)
    for _ in range(steps):
        coef = coef - 1e-9 * numpy_pass(data, coef)[1]
    return coef


def gram_row(data: Data) -> Row:
    core, twins = importlib.import_module("mlcraft._core"), _twins()
    calls: dict[str, Call] = {
        "mlcraft": lambda: core.moments(data.X, data.y, data.sample_weight),
        "numpy": lambda: numpy_gram(data),
    }
    if twins is not None:
        calls["twin"] = lambda: twins.moments(data.X, data.y, data.sample_weight)
    n, p = data.X.shape
    return Row("Gram", data, Work(float(n) * p * p, data.nbytes, data.X.dtype.name), calls)


def rows_at(data: Data, coef: Array, loss: str) -> tuple[Any, ...]:
    """Arguments of one pass over X: value and gradient of a loss at coef and an intercept of 0.5."""
    point = np.append(coef, 0.5)[None].astype(np.float64)
    return data.X, (data.y, data.sample_weight, None), point, (loss, 0.0, (0, 0), False)


def pass_row(data: Data) -> Row:
    core, twins = importlib.import_module("mlcraft._core"), _twins()
    n, p = data.X.shape
    coef = np.linspace(-1, 1, p).astype(data.X.dtype)
    calls: dict[str, Call] = {
        "mlcraft": lambda: core.at_point(*rows_at(data, coef, "squared")),
        "numpy": lambda: numpy_pass(data, coef),
    }
    if twins is not None:
        calls["twin"] = lambda: twins.fused_residual(data.X, data.y, coef, 0.5, data.sample_weight)
    return Row("fused pass", data, Work(4.0 * n * p, data.nbytes, data.X.dtype.name), calls)


def numpy_logistic(data: Data, coef: Array) -> tuple[float, Array]:
    """The same for the logistic loss."""
    eta = data.X @ coef
    gradient = expit(eta) - data.y
    return float(np.sum(np.logaddexp(0, eta) - data.y * eta)), data.X.T @ gradient


def logistic_row(data: Data) -> Row:
    core = importlib.import_module("mlcraft._core")
    n, p = data.X.shape
    coef = np.linspace(-0.1, 0.1, p).astype(data.X.dtype)
    calls: dict[str, Call] = {
        "mlcraft": lambda: core.at_point(*rows_at(data, coef, "logistic")),
        "numpy": lambda: numpy_logistic(data, coef),
    }
    stored = data.X.nnz if _is_sparse(data.X) else n * p
    return Row("logistic pass", data, Work(4.0 * stored, data.nbytes, data.X.dtype.name), calls)


def numpy_loss(loss: str, y: Array, eta: Array) -> tuple[float, Array]:
    """Value and gradient by eta; the parameter is 0.5."""
    if loss == "huber":
        cut = np.clip(eta - y, -0.5, 0.5)
        return float(np.sum(cut * (eta - y - cut / 2))), cut
    if loss == "modified_huber":
        slack = np.maximum(1 - y * eta, 0)
        cut = np.minimum(slack, 2)
        return float(np.sum(cut * (2 * slack - cut))), -2 * y * cut
    if loss == "poisson":
        mu = np.exp(eta)
        return float(np.sum(mu - y * eta)), mu - y
    slope = (eta > y) - 0.5
    return float(np.sum(slope * (eta - y))), slope


def loss_row(data: Data, loss: str) -> Row:
    """Value and gradient of another loss, labels -1 and 1 or 0 and 1 as it wants them."""
    core = importlib.import_module("mlcraft._core")
    n, p = data.X.shape
    coef = np.linspace(-0.1, 0.1, p).astype(data.X.dtype)
    y = data.y if loss == "poisson" else 2 * data.y - 1
    point, named = np.append(coef, 0.5)[np.newaxis], (loss, 0.5, (0, 0), True)

    def by_numpy() -> tuple[float, Array]:
        value, gradient = numpy_loss(loss, y, data.X @ coef)
        return value, data.X.T @ gradient

    calls: dict[str, Call] = {
        "mlcraft": lambda: core.at_point(data.X, (y, data.sample_weight, None), point, named),
        "numpy": by_numpy,
    }
    return Row(f"{loss} pass", data, Work(4.0 * n * p, data.nbytes, data.X.dtype.name), calls)


def _correlated(data: Data) -> Data:
    """The same with a common part in all columns, so that descent is not done before its last step."""
    return Data(data.X + 3 * data.X[:, :1], data.y, data.sample_weight)


def descent_row(data: Data, accelerated: bool) -> Row:
    """A fixed number of steps of gradient descent, in both engines; each reads X once, whatever else is read."""
    mlcraft = importlib.import_module("mlcraft")
    solver = "nesterov" if accelerated else "gd"
    steps = DESCENT_STEPS

    def run(engine: str) -> Any:
        with mlcraft.config_context(engine=engine):
            return mlcraft.solve(
                data.X,
                data.y,
                loss="squared",
                solver=solver,
                max_iter=steps,
                tol=0.0,
                sample_weight=data.sample_weight,
            )

    calls: dict[str, Call] = {"mlcraft": lambda: run("cpp"), "numpy": lambda: _numpy_descent(data, steps)}
    if _twins() is not None:
        calls["twin"] = lambda: run("numba")
    n, p = data.X.shape
    name = "accelerated descent" if accelerated else "gradient descent"
    return Row(name, data, Work(4.0 * n * p * steps, data.nbytes * steps, data.X.dtype.name), calls)


def rows(quick: bool, columns: list[int] | None) -> Iterator[Row]:
    """All rows of the table, one matrix in memory at a time."""
    elements = np.random.default_rng(0).standard_normal(2_000_000 if quick else 20_000_000)
    elements += 0.5
    for dtype in (np.float64, np.float32):
        values = elements.astype(dtype, copy=False)
        for order in ("C", "F"):
            for weighted in (False, True):
                for p in columns or GRAM_COLUMNS:
                    yield gram_row(_matrix(values, p, order, weighted))
                for p in columns or PASS_COLUMNS:
                    yield pass_row(_matrix(values, p, order, weighted))
            for p in columns or LOGISTIC_COLUMNS:
                yield logistic_row(_labelled(_matrix(values, p, order, False)))
        for p in columns or LOGISTIC_COLUMNS:
            yield logistic_row(_sparse(values, p))
        for p in columns or LOSS_COLUMNS:
            for loss in OTHER_LOSSES:
                yield loss_row(_labelled(_matrix(values, p, "C", False)), loss)
    for accelerated in (False, True):
        for p in columns or DESCENT_COLUMNS:
            yield descent_row(_correlated(_matrix(elements, p, "C", False)), accelerated)


def as_cells(row: Row, timings: dict[str, Timing], limit: Limit) -> list[str]:
    """Times, the rate reached, the fraction of the limit, ratios to NumPy and to the twin."""
    ours = timings["mlcraft"].median
    least, kind = limit.of(row.work)
    share = least / timings["mlcraft"].minimum
    if kind == "Gram":
        rate = f"{row.work.flops / ours / 1e9:.0f} GFLOP/s"
    else:
        rate = f"{row.work.read / ours / 1e9:.1f} GB/s"
    asked = row.asked()
    fraction = f"{100 * share:.0f} %" + ("" if asked is None else f" {mark(share >= asked)}")
    others = []
    for name in ("numpy", "twin"):
        timing = timings.get(name)
        if timing is None or not timing.measured:
            others += ["-", "-"]
        else:
            others += [duration(timing.median), f"{timing.median / ours:.1f}"]
    n, p = row.data.X.shape
    return [
        row.kernel,
        f"{n:,} x {p:,}",
        row.data.label,
        duration(ours),
        rate,
        kind,
        fraction,
        *others,
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="matrices of 16 MB instead of 160 MB, two samples")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="rows with one of these, e.g. 'float64 C'")
    parser.add_argument("--columns", nargs="+", type=int, metavar="P", help="numbers of columns")
    parser.add_argument("--repeats", type=int, metavar="R", help="samples of everybody")
    parser.add_argument("--no-twins", action="store_true", help="leave the Numba twins out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")


def main(arguments: argparse.Namespace) -> int:
    try:
        importlib.import_module("mlcraft._core")
    except ImportError as error:
        raise SystemExit(f"the kernels need an installed mlcraft: {error}") from None
    limits = Limits(quick=arguments.quick)
    measured: list[tuple[Row, dict[str, Timing], Limit]] = []
    for row in rows(arguments.quick, arguments.columns):
        if arguments.only and not any(word in row.label for word in arguments.only):
            continue
        calls = {name: call for name, call in row.calls.items() if name != "twin" or not arguments.no_twins}
        repeats = arguments.repeats or (2 if arguments.quick else None)
        print(row.label, file=sys.stderr, flush=True)
        probes = limits.calls(row.data.X.dtype.name)
        timings = time_interleaved(calls | probes, budget=4.0, repeats=repeats)
        limit = limits.take(timings)
        for timing in timings.values():
            timing.result = None
        measured.append((row, timings, limit))
    headers = ["kernel", "n x p", "data", "mlcraft", "rate", "limit", "of limit"]
    table = Table("Kernels", [*headers, "NumPy", "× NumPy", "Numba twin", "× twin"])
    table.rows = [as_cells(row, timings, limit) for row, timings, limit in measured]
    table.notes = [
        "Gram: means, centred X'WX, X'Wy in one call (NumPy: (w X)'X alone, not centred). Fused pass:",
        "squared loss and gradient (NumPy: two products). Other passes: the same for the loss named.",
        f"Descent: {DESCENT_STEPS} steps.",
        f"Limits in the same rounds, fastest over fastest. Best rates of the run: {limits.describe()}.",
        f"Machine: {machine()}.",
    ]
    table.show()
    if arguments.json:
        figures = [
            {"row": row.label, "limit": limit.of(row.work)[0], **{n: t.samples for n, t in timings.items()}}
            for row, timings, limit in measured
        ]
        report = {"limits": limits.best, "rows": figures}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0
