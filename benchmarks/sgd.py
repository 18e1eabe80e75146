"""Stochastic gradient descent beside scikit-learn's: the same number of epochs over the same rows in the same order.

Both estimators make the same updates, so the mean loss over the rows is shown for both and must agree. The limit is
what the rows cost to read: all epochs at the bandwidth that one thread reaches in a sequential pass, although the rows
come in random order.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.linear_model
from scipy import sparse
from threadpoolctl import threadpool_limits

import mlcraft.linear_model
from benchmarks.limits import bandwidth_probes
from benchmarks.table import Table, duration, machine, mark
from benchmarks.timing import time_interleaved

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
EPOCHS = 5


@dataclass(slots=True)
class Problem:
    """Rows, an estimator of both libraries, and the ratio asked for."""

    title: str
    X: Any
    y: np.ndarray
    estimator: str = "SGDClassifier"
    params: dict[str, Any] = field(default_factory=dict)
    target: float = 2.0

    @property
    def nbytes(self) -> int:
        X: Any = self.X
        return int(X.data.nbytes + X.indices.nbytes if sparse.issparse(X) else X.nbytes)

    def model(self, module: Any, **params: Any) -> Any:
        settings = {"max_iter": EPOCHS, "tol": None, "random_state": 0} | self.params | params
        return getattr(module, self.estimator)(**settings)

    def loss(self, model: Any) -> float:
        """Mean loss over the rows (of several classes: summed over one against the rest)."""
        eta = self.X @ np.atleast_2d(model.coef_).T.astype(float) + np.atleast_1d(model.intercept_)
        if self.estimator == "SGDRegressor":
            return float(np.mean((eta[:, 0] - self.y) ** 2) / 2)
        classes = np.unique(self.y)
        chosen = classes[1:] if len(classes) == 2 else classes
        signs = np.where(self.y[:, None] == chosen, 1.0, -1.0)
        if self.params.get("loss") == "log_loss":
            return float(np.logaddexp(0, -signs * eta).sum(axis=1).mean())
        return float(np.maximum(0, 1 - signs * eta).sum(axis=1).mean())


def dense(n: int, p: int, classes: int = 2, dtype: str = "float64", target: float = 3.0, **params: Any) -> Problem:
    rng = np.random.default_rng(0)
    # short rows: where the first steps overshoot, rounding decides where they lead, and losses could not be compared
    X = (rng.standard_normal((n, p)) / np.sqrt(p)).astype(dtype)
    signal = X @ rng.standard_normal((p, classes)).astype(dtype) + rng.standard_normal((n, classes))
    single = "float32, " if dtype == "float32" else ""
    words = ", ".join("averaged" if value is True else str(value) for value in params.values())
    if params.get("loss") == "squared_error":
        return Problem(f"{words}\n{single}{n:,} x {p}", X, signal[:, 0].astype(dtype), "SGDRegressor", params, target)
    kinds = f", {classes} classes" if classes > 2 else ""
    return Problem(f"{words}{kinds}\n{single}{n:,} x {p}", X, np.argmax(signal, axis=1), params=params, target=target)


def words(n: int, p: int, **params: Any) -> Problem:
    """Rows of about 80 words of a vocabulary, drawn as in natural language (Zipf), with normalised counts."""
    rng = np.random.default_rng(0)
    rank = np.minimum(rng.zipf(1.25, (n, 80)) - 1, 10 * p) % p
    rows = np.repeat(np.arange(n), 80)
    X = sparse.csr_matrix((np.ones(80 * n), (rows, rank.ravel())), shape=(n, p))
    X.sum_duplicates()
    X.data /= np.repeat(np.sqrt(np.add.reduceat(X.data**2, X.indptr[:-1])), np.diff(X.indptr))
    signal = X @ rng.standard_normal(p) + 0.05 * rng.standard_normal(n)
    return Problem(f"{', '.join(params.values())}\nwords {n:,} x {p:,}", X, (signal > np.median(signal)).astype(int),
                   params=params)  # fmt: skip


def reviews(**params: Any) -> Problem:
    from sklearn.feature_extraction.text import TfidfVectorizer

    sys.path.insert(0, str(SHARED))
    from load import load

    table = load("movie_reviews")
    X = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)).fit_transform(table["text"])
    title = f"{', '.join(params.values())}\nmovie reviews {X.shape[0]:,} x {X.shape[1]:,}"
    return Problem(title, X, np.unique(table["label"], return_inverse=True)[1], params=params)


def cases(quick: bool) -> dict[str, Callable[[], Problem]]:
    n = 50_000 if quick else 500_000
    found = {
        "dense": lambda: dense(n, 50, loss="log_loss"),
        "dense-hinge": lambda: dense(n, 50, loss="hinge", target=2.0),
        "dense-elasticnet": lambda: dense(n, 50, loss="log_loss", penalty="elasticnet", target=2.0),
        "dense-average": lambda: dense(n, 50, loss="log_loss", average=True, target=2.0),
        "dense-float32": lambda: dense(n, 50, dtype="float32", loss="log_loss", target=2.0),
        "regression": lambda: dense(n, 50, loss="squared_error", target=2.0),
        "wide": lambda: dense(n // 50, 2000, loss="log_loss", target=2.0),
        "classes": lambda: dense(n // 5, 50, 10, loss="log_loss", target=3.0),
        "words": lambda: words(n // 5, 100_000, loss="log_loss"),
        "words-hinge": lambda: words(n // 5, 100_000, loss="hinge"),
    }
    if (SHARED / "movie_reviews.parquet").exists():
        found["reviews"] = lambda: reviews(loss="log_loss")
    return found


def read_rate() -> float:
    """Bytes a second that one thread reads in order, now."""
    values, best = np.ones(2**25), 0.0
    with threadpool_limits(1):
        probe = next(iter(bandwidth_probes().values()))
        for _ in range(5):
            start = time.perf_counter()
            probe(values)
            best = max(best, values.nbytes / (time.perf_counter() - start))
    return best


def run_case(problem: Problem, table: Table, budget: float) -> None:
    models = {
        "mlcraft": problem.model(mlcraft.linear_model),
        "scikit-learn": problem.model(sklearn.linear_model),
    }
    if problem.title.count("classes"):
        models["scikit-learn"].set_params(n_jobs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = {name: (lambda model=model: model.fit(problem.X, problem.y)) for name, model in models.items()}
        timings = time_interleaved(calls, budget=budget)
    mine, theirs = timings["mlcraft"].median, timings["scikit-learn"].median
    rate = read_rate()
    limit = EPOCHS * problem.nbytes / rate
    losses = [problem.loss(model) for model in models.values()]
    good = theirs / mine >= problem.target and losses[0] <= losses[1] * (1 + 1e-6)
    table.rows.append([
        problem.title,
        f"{duration(mine)}\n{losses[0]:.6f}",
        f"{duration(theirs)}\n{losses[1]:.6f}",
        f"{theirs / mine:.1f}\n{mark(good)} {problem.target:g}",
        f"{duration(limit)}\n{limit / mine:.2f}",
        f"{mine / EPOCHS / problem.X.shape[0] * 1e9:.0f} ns",
    ])  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", nargs="+", metavar="NAME", help=f"only these of: {', '.join(cases(True))}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; says whether all works")
    parser.add_argument("--budget", type=float, default=15.0, metavar="SECONDS", help="to time a case (default 15)")


def main(arguments: argparse.Namespace) -> int:
    headers = ["case", "mlcraft\nloss", "scikit-learn\nloss", "ratio\nasked", "limit\nshare", "a row"]
    table = Table(f"Stochastic gradient descent, {EPOCHS} epochs", headers, separated=True)
    chosen = cases(arguments.quick)
    for name in arguments.cases or chosen:
        print(name, file=sys.stderr, flush=True)
        run_case(chosen[name](), table, arguments.budget)
    table.notes += [
        "Median of fits, interleaved, garbage collection off; below it the mean loss over the rows. Limit: all epochs",
        "read in order at one thread's bandwidth, and mlcraft's share of it. A row: mlcraft's time for it in an epoch.",
        f"Machine: {machine()}.",
    ]
    table.show()
    return 0
