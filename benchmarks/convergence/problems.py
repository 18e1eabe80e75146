"""The problems: real data of the folder ``shared/data``, and data that ship with mlcraft or scikit-learn.

A maker is called when its problem is wanted; a data set that is not at hand leaves its problems out. Penalties are what
is natural for the data: ``1 / n`` (scikit-learn's C = 1), or a share of the smallest l1 that leaves no column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.convergence.objective import LOSSES, Problem
from benchmarks.data import _table, shared_loader

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A problem to be had: its name, the data set it needs (of the shared folder, or none) and its maker."""

    name: str
    make: Callable[[], Problem]
    data: str = ""
    usual: bool = True

    def available(self) -> bool:
        loader = shared_loader() if self.data else None
        return not self.data or (loader is not None and self.data in loader.names())


def standardised(X: Array) -> Array:
    """Columns of mean zero and unit variance; constant ones left out."""
    deviation = X.std(axis=0)
    X = X[:, deviation > 1e-12 * np.maximum(np.abs(X).max(axis=0), 1e-300)]
    return np.ascontiguousarray((X - X.mean(axis=0)) / X.std(axis=0))


def largest_l1(problem: Problem) -> float:
    """The smallest l1 penalty that leaves no column."""
    loss, eta = LOSSES[problem.loss], 0.0
    if problem.fit_intercept:
        mean = float(problem.share @ problem.y)
        eta = np.log(mean / (1.0 - mean)) if problem.loss == "logistic" else mean
    pull = problem.share * loss.gradient(problem.y, np.full(len(problem.y), eta), problem.parameter)
    return float(np.abs(problem.X.T @ pull).max())


def with_l1(problem: Problem, share: float, l1_ratio: float = 1.0) -> Problem:
    alpha = share * largest_l1(problem) / l1_ratio
    return replace(problem, l1=alpha * l1_ratio, l2=alpha * (1.0 - l1_ratio))


def _read(name: str, target: str, drop: tuple[str, ...] = ()) -> tuple[Array, Array]:
    loader = shared_loader()
    assert loader is not None
    return _table(loader.load(name), target, drop)


def _labels(name: str, target: str, positive: Any, drop: tuple[str, ...] = ()) -> tuple[Array, Array]:
    """Columns and 0/1 labels; of the two classes, which is one."""
    loader = shared_loader()
    assert loader is not None
    frame = loader.load(name)
    frame = frame.assign(**{target: (frame[target] == positive).astype(float)})
    return _table(frame, target, drop)


def ridge_ailerons() -> Problem:
    X, y = _read("ailerons", "goal")
    X = standardised(X)
    y = (y - y.mean()) / y.std()
    title = f"ridge regression, ailerons {len(y):,} x {X.shape[1]}, nearly dependent columns"
    return Problem("ridge_ailerons", title, X, y, "squared", l2=1e-6, source="ailerons")


def logistic_adult() -> Problem:
    X, y = _labels("adult", "income", ">50K", ("fnlwgt", "split"))
    X = standardised(X)
    title = f"logistic regression, adult {len(y):,} x {X.shape[1]}"
    return Problem("logistic_adult", title, X, y, "logistic", l2=1.0 / len(y), source="adult")


def logistic_credit() -> Problem:
    X, y = _read("credit_default", "default payment")
    title = f"logistic regression without penalty, credit {len(y):,} x {X.shape[1]}, columns as they come"
    return Problem("logistic_credit", title, X, y, "logistic", source="credit_default")


def _text(column: str = "text") -> tuple[Any, Array]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    loader = shared_loader()
    assert loader is not None
    frame = loader.load("pros_cons")
    X = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(frame[column])
    return X.tocsr(), (frame["label"] == "pro").to_numpy(dtype=np.float64)


def logistic_text() -> Problem:
    X, y = _text()
    title = f"logistic regression, reviews {X.shape[0]:,} x {X.shape[1]:,}, sparse text"
    return Problem("logistic_text", title, X, y, "logistic", l2=1.0 / len(y), fit_intercept=False, source="pros_cons")


def logistic_l1_text() -> Problem:
    X, y = _text()
    title = f"logistic regression with l1 penalty, reviews {X.shape[0]:,} x {X.shape[1]:,}, sparse text"
    problem = Problem("logistic_l1_text", title, X, y, "logistic", fit_intercept=False, source="pros_cons")
    return with_l1(problem, 0.02)


def multinomial_digits() -> Problem:
    loader = shared_loader()
    assert loader is not None
    frame = loader.load("mnist_10k")
    y = frame["label"].to_numpy().astype(np.int64)
    X = np.ascontiguousarray(frame.drop(columns="label").to_numpy(dtype=np.float64)) / 255.0
    title = f"multinomial regression, MNIST digits {len(y):,} x {X.shape[1]} x 10"
    return Problem("multinomial_digits", title, X, y, "multinomial", l2=10.0 / len(y), source="mnist_10k")


def poisson_claims() -> Problem:
    loader = shared_loader()
    assert loader is not None
    frame = loader.load("fremtpl2_freq")
    exposure = frame["Exposure"].to_numpy(dtype=np.float64)
    frame = frame.assign(rate=frame["ClaimNb"].clip(upper=4) / exposure)
    X, y = _table(frame, "rate", ("IDpol", "ClaimNb", "Exposure"))
    X = standardised(X)
    title = f"Poisson regression without penalty, insurance claims {len(y):,} x {X.shape[1]}, weighted"
    return Problem("poisson_claims", title, X, y, "poisson", sample_weight=exposure, source="fremtpl2_freq")


def _a9a() -> tuple[Any, Array]:
    loader = shared_loader()
    assert loader is not None
    X, label, _ = loader.load_sparse("a9a")
    return X, np.where(label > 0, 1.0, -1.0)


def squared_hinge_a9a() -> Problem:
    X, y = _a9a()
    title = f"squared hinge, a9a {X.shape[0]:,} x {X.shape[1]}, sparse"
    return Problem(
        "squared_hinge_a9a", title, X, y, "squared_hinge", l2=1.0 / len(y), fit_intercept=False, source="a9a"
    )


def hinge_a9a() -> Problem:
    X, y = _a9a()
    title = f"hinge, a9a {X.shape[0]:,} x {X.shape[1]}, sparse"
    return Problem("hinge_a9a", title, X, y, "hinge", l2=1.0 / len(y), fit_intercept=False, source="a9a")


def lasso_genes() -> Problem:
    X, y = _read("riboflavin", "y")
    X = standardised(X)
    title = f"lasso, riboflavin genes {X.shape[0]} x {X.shape[1]:,}"
    return with_l1(Problem("lasso_genes", title, X, y, "squared", source="riboflavin"), 0.1)


def elastic_net_ames() -> Problem:
    X, y = _read("ames_housing", "price", ("Order", "PID"))
    X, y = standardised(X), np.log(y)
    title = f"elastic net, Ames houses {X.shape[0]:,} x {X.shape[1]}"
    return with_l1(Problem("elastic_net_ames", title, X, y, "squared", source="ames_housing"), 0.01, 0.5)


def _housing() -> tuple[Array, Array]:
    """The data that ship with mlcraft: columns, and the value of the house in 100,000."""
    from mlcraft.datasets import load_california_housing

    table = load_california_housing()
    y = np.asarray(table.pop("median_house_value"), dtype=np.float64) / 1e5
    places = np.asarray(table.pop("ocean_proximity"))
    columns = [np.where(np.isnan(c), np.nanmedian(c), c) for c in map(np.asarray, table.values())]
    columns += [(places == place).astype(np.float64) for place in np.unique(places)[1:]]
    return standardised(np.column_stack(columns)), y


def _crossed(X: Array) -> Array:
    """Columns and their products two by two."""
    i, j = np.triu_indices(X.shape[1])
    return standardised(np.column_stack([X, X[:, i] * X[:, j]]))


def ridge_housing() -> Problem:
    X, y = _housing()
    X = _crossed(X)
    title = f"ridge regression, California houses {len(y):,} x {X.shape[1]}, products of columns"
    return Problem("ridge_housing", title, X, y, "squared", l2=1e-4, source="ships with mlcraft")


def logistic_housing() -> Problem:
    X, y = _housing()
    y = (y > np.median(y)).astype(np.float64)
    title = f"logistic regression, California houses {len(y):,} x {X.shape[1]}"
    return Problem("logistic_housing", title, X, y, "logistic", l2=1.0 / len(y), source="ships with mlcraft")


def lasso_housing() -> Problem:
    X, y = _housing()
    X = _crossed(X)
    title = f"lasso, California houses {len(y):,} x {X.shape[1]}, products of columns"
    return with_l1(Problem("lasso_housing", title, X, y, "squared", source="ships with mlcraft"), 0.01)


def huber_housing() -> Problem:
    X, y = _housing()
    title = f"Huber regression, California houses {len(y):,} x {X.shape[1]}"
    return Problem("huber_housing", title, X, y, "huber", l2=1e-4, parameter=0.5, source="ships with mlcraft")


def quantile_housing() -> Problem:
    X, y = _housing()
    title = f"quantile regression (0.9), California houses {len(y):,} x {X.shape[1]}"
    return Problem("quantile_housing", title, X, y, "quantile", l2=1e-4, parameter=0.9, source="ships with mlcraft")


def multinomial_pixels() -> Problem:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    title = f"multinomial regression, small digits {len(y):,} x {X.shape[1]} x 10"
    y = y.astype(np.int64)
    return Problem("multinomial_pixels", title, X / 16.0, y, "multinomial", l2=1.0 / len(y), source="scikit-learn")


ENTRIES: tuple[Entry, ...] = (
    Entry("ridge_ailerons", ridge_ailerons, "ailerons"),
    Entry("logistic_adult", logistic_adult, "adult"),
    Entry("logistic_credit", logistic_credit, "credit_default"),
    Entry("logistic_text", logistic_text, "pros_cons"),
    Entry("multinomial_digits", multinomial_digits, "mnist_10k"),
    Entry("poisson_claims", poisson_claims, "fremtpl2_freq"),
    Entry("squared_hinge_a9a", squared_hinge_a9a, "a9a"),
    Entry("hinge_a9a", hinge_a9a, "a9a"),
    Entry("lasso_genes", lasso_genes, "riboflavin"),
    Entry("elastic_net_ames", elastic_net_ames, "ames_housing"),
    Entry("logistic_l1_text", logistic_l1_text, "pros_cons"),
    Entry("huber_housing", huber_housing),
    Entry("quantile_housing", quantile_housing),
    Entry("ridge_housing", ridge_housing, usual=False),
    Entry("logistic_housing", logistic_housing, usual=False),
    Entry("lasso_housing", lasso_housing, usual=False),
    Entry("multinomial_pixels", multinomial_pixels, usual=False),
)


def choose(names: list[str] | None = None) -> list[Entry]:
    """The problems of these names; without names the usual ones at hand, or those that ship if none of them is.

    Raises
    ------
    ValueError
        If a name is unknown, or its data set is not at hand.

    Examples
    --------
    >>> [entry.name for entry in choose(["ridge_housing"])]
    ['ridge_housing']
    """
    known = {entry.name: entry for entry in ENTRIES}
    if names:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"no problem {', '.join(unknown)}; there are: {', '.join(known)}")
        absent = [f"{name} needs {known[name].data}" for name in names if not known[name].available()]
        if absent:
            raise ValueError(f"data not at hand: {', '.join(absent)} of the folder shared/data")
        return [known[name] for name in names]
    at_hand = [entry for entry in ENTRIES if entry.available()]
    usual = [entry for entry in at_hand if entry.usual]
    return usual if any(entry.data for entry in usual) else at_hand
