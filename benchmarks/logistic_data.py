"""Problems of the logistic benchmark: seeded, with columns of unit scale unless the case is about scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.data import row_blocks, shared_loader

Array = NDArray[Any]
Kind = Literal["fit", "cv", "errors"]
FOLDS = 5
GRID = np.logspace(-4, 4, 10)


@dataclass(slots=True)
class Problem:
    """``C sum w_i loss_i + |b|^2 / 2`` with classes 0 .. n_classes - 1; ``C`` is infinite for no penalty."""

    X: Any
    y: Array
    C: float = 1.0
    sample_weight: Array | None = None
    n_classes: int = 2
    kind: Kind = "fit"
    same_scale: bool = True

    @property
    def nbytes(self) -> float:
        """Bytes that one pass over the data reads."""
        X = self.X
        return float(X.nbytes if isinstance(X, np.ndarray) else X.data.nbytes + X.indices.nbytes + X.indptr.nbytes)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table; ``target`` is the asked-for ratio to the fastest applicable scikit-learn solver."""

    name: str
    title: str
    make: Callable[[], Problem]
    target: float


def _columns(n: int, p: int, dtype: Any, seed: int) -> Array:
    """Columns of mean zero and unit variance, half of which is shared."""
    rng = np.random.default_rng(seed)
    factors = min(8, max(1, p // 4))
    loadings = rng.standard_normal((factors, p)) * np.sqrt(0.5 / factors)
    X = np.empty((n, p), dtype=dtype)
    for number, rows in row_blocks(n, p):
        block_rng = np.random.default_rng([seed, number])
        height = rows.stop - rows.start
        X[rows] = block_rng.standard_normal((height, p)) * np.sqrt(0.5)
        X[rows] += block_rng.standard_normal((height, factors)) @ loadings
    return X


def _labels(X: Any, seed: int, n_classes: int = 2, spread: float = 2.0) -> Array:
    """Draw classes from a linear model whose link has a standard deviation of about ``spread``."""
    rng = np.random.default_rng([seed, 7])
    columns = 1 if n_classes == 2 else n_classes
    coef = rng.standard_normal((X.shape[1], columns))
    eta = np.asarray(X @ coef, dtype=np.float64)
    eta *= spread / eta.std()
    eta -= eta.mean()
    if n_classes == 2:
        return (rng.logistic(size=len(eta)) < eta[:, 0] - 0.5).astype(np.int64)
    return np.argmax(eta + rng.gumbel(size=eta.shape), axis=1).astype(np.int64)


def dense(
    n: int, p: int, *, classes: int = 2, dtype: Any = np.float64, weighted: bool = False, seed: int = 0, **options: Any
) -> Problem:
    X = _columns(n, p, dtype, seed)
    weight = np.random.default_rng([seed, 8]).gamma(2.0, 0.5, n).astype(dtype) if weighted else None
    return Problem(X, _labels(X, seed, classes), sample_weight=weight, n_classes=classes, **options)


def badly_scaled(n: int, p: int, seed: int = 0) -> Problem:
    """Column scales between 1e-6 and 1e6, log-uniform; the penalty is that of the columns as they are."""
    problem = dense(n, p, seed=seed, same_scale=False)
    problem.X *= 10.0 ** np.random.default_rng([seed, 9]).uniform(-6.0, 6.0, p)
    return problem


def one_hot(n: int, p: int, seed: int = 0) -> Problem:
    """Ten categorical columns, frequent and rare levels."""
    rng = np.random.default_rng(seed)
    levels = p // 10
    share = 1.0 / np.arange(1, levels + 1)
    codes = np.stack([k * levels + rng.choice(levels, n, p=share / share.sum()) for k in range(10)], axis=1)
    indptr = np.arange(0, 10 * n + 1, 10, dtype=np.int32)
    X = sparse.csr_matrix((np.ones(10 * n), codes.ravel().astype(np.int32), indptr), shape=(n, 10 * levels))
    return Problem(X, _labels(X, seed), same_scale=False)


def text(n: int, p: int, words: int = 90, seed: int = 0) -> Problem:
    """Counts of words by Zipf's law, about 60 different ones a document, as tf-idf of unit length."""
    from sklearn.feature_extraction.text import TfidfTransformer

    rng = np.random.default_rng(seed)
    share = 1.0 / (np.arange(p) + 10.0)
    drawn = np.searchsorted(np.cumsum(share / share.sum()), rng.random(n * words)).clip(max=p - 1)
    rows = np.repeat(np.arange(n), words)
    counts = sparse.csr_matrix((np.ones(n * words), (rows, drawn)), shape=(n, p))
    counts.sum_duplicates()
    X = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    return Problem(X, _labels(X, seed, spread=3.0))


def digits(n: int, seed: int = 0) -> Problem:
    """MNIST's first 10,000 pictures again and again, shifted by up to two pixels, with noise; else random columns."""
    loader = shared_loader()
    if loader is None or "mnist_10k" not in loader.names():
        return dense(n, 784, classes=10, seed=seed)
    frame = loader.load("mnist_10k")
    labels = frame["label"].to_numpy().astype(np.int64)
    pictures = frame.drop(columns="label").to_numpy(dtype=np.float64).reshape(len(labels), 28, 28) / 255.0
    rng = np.random.default_rng(seed)
    X = np.empty((n, 784))
    for start in range(0, n, len(labels)):
        height = min(len(labels), n - start)
        shift = (0, 0) if start == 0 else tuple(rng.integers(-2, 3, 2))
        moved = np.roll(pictures[:height], shift, axis=(1, 2)).reshape(height, 784)
        X[start : start + height] = np.clip(moved + (moved > 0) * rng.normal(0.0, 0.05, moved.shape), 0.0, 1.0)
    return Problem(X, np.resize(labels, n), n_classes=10)


def cases(quick: bool = False) -> list[Case]:
    """The cases that are asked for; the quick ones have a tenth of the rows.

    Examples
    --------
    >>> [case.name for case in cases()][:3]
    ['tiny', 'narrow', 'medium']
    """
    tenth = 10 if quick else 1

    def case(
        name: str,
        title: str,
        make: Callable[..., Problem],
        n: int,
        shape: tuple[int, ...],
        target: float,
        **options: Any,
    ) -> Case:
        rows = n if n <= 1000 else n // tenth
        label = " x ".join([f"{rows:,}", *(f"{size:,}" for size in shape)])
        return Case(name, f"{title} {label}".strip(), lambda: make(rows, *shape[:1], **options), target)

    return [
        case("tiny", "", dense, 500, (5,), 8),
        case("narrow", "", dense, 1_000_000, (20,), 12),
        case("medium", "", dense, 100_000, (200,), 6),
        case("wide", "", dense, 20_000, (1_000,), 3),
        case("weighted", "weighted", dense, 200_000, (50,), 8, weighted=True),
        case("float32", "float32", dense, 200_000, (100,), 5, dtype=np.float32),
        case("scaled", "badly scaled", badly_scaled, 100_000, (50,), 20),
        case("one_hot", "one-hot sparse", one_hot, 200_000, (500,), 5),
        case("multinomial", "multinomial", dense, 20_000, (200, 10), 4, classes=10),
        Case("digits", f"multinomial {60_000 // tenth:,} x 784 x 10", lambda: digits(60_000 // tenth), 4),
        case("text", "sparse text", text, 50_000, (100_000,), 3),
        case("cv", "10 C x 5 folds", dense, 20_000, (100,), 10, kind="cv"),
        case("errors", "standard errors", dense, 200_000, (20,), 10, kind="errors", C=np.inf),
    ]
