"""Real data sets of the coverage benchmark, and their repeated random splits.

A split draws rows without replacement, so its rows are exchangeable whatever the data set is: a method with a guarantee
must keep it here, and the mean over splits tends to what the method promises, not to something near it. Columns are
filled, encoded and scaled by all rows of the data set without their targets, which treats every row alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import _table, shared_loader

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class DataSet:
    """A table: where it is from, and what is predicted."""

    name: str
    task: str  # "regression", "count" or "classification"
    target: str
    drop: tuple[str, ...] = ()


DATA_SETS = (
    DataSet("california_housing", "regression", "median_house_value"),
    DataSet("concrete", "regression", "compressive_strength"),
    DataSet("ailerons", "regression", "goal"),
    DataSet("diamonds", "regression", "price"),
    DataSet("bike_sharing_hourly", "count", "cnt", ("instant", "dteday", "casual", "registered")),
    DataSet("nmes1988", "count", "visits", ("nvisits", "ovisits", "novisits", "emergency", "hospital")),
    DataSet("doctor_visits", "count", "visits"),
    DataSet("adult", "classification", "income", ("fnlwgt",)),
    DataSet("spambase", "classification", "class"),
    DataSet("covtype_20k", "classification", "Cover_Type"),
    DataSet("letter", "classification", "class"),
)


@dataclass(frozen=True, slots=True)
class Split:
    """
    Rows of one split: `X`, `y` to learn from, of which the first `n_fit` train where others calibrate; new rows.

    `unit` is what widths are told in: the standard deviation of all targets, or one label.
    """

    X: Array
    y: Array
    n_fit: int
    X_new: Array
    y_new: Array
    unit: float
    seed: int

    @property
    def X_fit(self) -> Array:
        return self.X[: self.n_fit]

    @property
    def y_fit(self) -> Array:
        return self.y[: self.n_fit]

    @property
    def X_cal(self) -> Array:
        return self.X[self.n_fit :]

    @property
    def y_cal(self) -> Array:
        return self.y[self.n_fit :]


def load(data: DataSet) -> tuple[Array, Array] | None:
    """Columns of unit variance and targets (codes of classes), or None where the data are not at hand."""
    loader = shared_loader()
    if loader is None or data.name not in set(loader.names()):
        return None
    frame = loader.load(data.name)
    frame = frame.drop(columns=[name for name in data.drop if name in frame.columns])
    if data.task == "classification":
        frame = frame.dropna(subset=[data.target])
        _, codes = np.unique(frame[data.target].astype(str).to_numpy(), return_inverse=True)
        frame[data.target] = codes
    X, y = _table(frame, data.target)
    spread = X.std(axis=0)
    X = X[:, spread > 0]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return np.ascontiguousarray(X), y.astype(np.intp) if data.task == "classification" else y


def splits(X: Array, y: Array, task: str, count: int, rows: int) -> Iterator[Split]:
    """Yield random splits: `rows` to learn from (a quarter calibrates) and up to as many new ones."""
    rows = min(rows, 7 * len(y) // 10)
    new = min(rows, len(y) - rows)
    unit = 1.0 if task == "classification" else float(y.std())
    for seed in range(count):
        order = np.random.default_rng(seed).permutation(len(y))
        learn, test = order[:rows], order[rows : rows + new]
        yield Split(X[learn], y[learn], rows - rows // 4, X[test], y[test], unit, seed)
