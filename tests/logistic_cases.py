"""Problems for logistic regression, and the judge of a fit: the textbook's objective and gradient in long double."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

REAL = np.longdouble


def row_weights(model, y, sample_weight=None):
    """Weights of the rows, those of the classes included, by scikit-learn's definition."""
    weight = np.ones(len(y), dtype=REAL) if sample_weight is None else np.asarray(sample_weight, dtype=REAL)
    wanted = model.class_weight
    for label in model.classes_ if wanted is not None else ():
        rows = np.asarray(y) == label
        if wanted == "balanced":
            before = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
            factor = before.sum() / (len(model.classes_) * before[rows].sum())
        else:
            factor = wanted.get(label, 1.0)
        weight[rows] *= REAL(factor)
    return weight


def judged(model, X, y, sample_weight=None):
    """
    Objective of scikit-learn's problem, divided by C and the weights, and its gradient in columns of unit size.

    Nothing of the library is in it but `coef_`, `intercept_` and the parameters.
    """
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X).astype(REAL)
    weight = row_weights(model, y, sample_weight)
    total = weight.sum()
    weight = weight / total
    alpha = REAL(0) if model.penalty is None or np.isinf(model.C) else 1 / (REAL(model.C) * total)
    B, c = np.asarray(model.coef_).astype(REAL), np.asarray(model.intercept_).astype(REAL)
    eta = X @ B.T + c
    codes = np.searchsorted(model.classes_, y)
    if len(model.classes_) == 2:
        e, target = eta[:, 0], codes.astype(REAL)
        loss = np.logaddexp(REAL(0), e) - target * e
        residual = (np.exp(-np.logaddexp(REAL(0), -e)) - target)[:, np.newaxis]
    else:
        top = eta.max(axis=1, keepdims=True)
        log_sum = top + np.log(np.exp(eta - top).sum(axis=1, keepdims=True))
        one_hot = codes[:, np.newaxis] == np.arange(len(model.classes_))
        loss = log_sum[:, 0] - (eta * one_hot).sum(axis=1)
        residual = np.exp(eta - log_sum) - one_hot
    objective = weight @ loss + alpha * (B**2).sum() / 2
    gradient = (weight[:, np.newaxis] * residual).T @ X + alpha * B
    of_intercept = weight @ residual
    if model.solver == "liblinear" and model.fit_intercept:
        beta = alpha / REAL(model.intercept_scaling) ** 2
        objective, of_intercept = objective + beta * (c**2).sum() / 2, of_intercept + beta * c
    size = np.sqrt(weight @ X**2)
    size[size == 0] = 1
    worst = np.abs(gradient / size).max(initial=REAL(0))
    if model.fit_intercept:
        worst = max(worst, np.abs(of_intercept).max())
    return float(objective), float(worst)


@dataclass
class Case:
    X: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[Any] | None = None
    params: dict[str, Any] = field(default_factory=dict)


def drawn(n=120, p=5, classes=2, seed=0, slope=1.0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p))
    eta = np.column_stack([X @ random.normal(0, slope, p) + random.normal() for _ in range(classes)])
    y = np.argmax(eta + random.gumbel(size=eta.shape), axis=1)
    y[:classes] = np.arange(classes)
    return X, y


def _plain():
    return Case(*drawn())


def _strong_penalty():
    return Case(*drawn(seed=1), params={"C": 1e-3})


def _weak_penalty():
    return Case(*drawn(seed=2), params={"C": 1e6})


def _no_penalty():
    return Case(*drawn(seed=3), params={"C": np.inf})


def _no_intercept():
    return Case(*drawn(seed=4), params={"fit_intercept": False})


def _scaled_columns():
    X, y = drawn(seed=5, p=7)
    return Case(X * 10.0 ** np.arange(-6, 8, 2), y, params={"C": np.inf})


def _scaled_and_penalised():
    X, y = drawn(seed=6, p=7)
    return Case(X * 10.0 ** np.arange(-6, 8, 2), y)


def _large_mean():
    X, y = drawn(seed=7)
    return Case(X + np.array([1e5, -1e4, 1e3, 0, 0]), y)


def _weighted():
    X, y = drawn(seed=8)
    return Case(X, y, np.random.default_rng(8).uniform(0.01, 5, len(y)))


def _zero_weights():
    X, y = drawn(seed=9)
    weight = np.random.default_rng(9).uniform(0.5, 2, len(y))
    weight[::3] = 0
    X[::3] = 1e3 * X[::3]
    return Case(X, y, weight)


def _uneven_weights():
    X, y = drawn(seed=10)
    return Case(X, y, 10.0 ** np.random.default_rng(10).uniform(-6, 6, len(y)))


def _balanced():
    X, y = drawn(seed=11)
    return Case(X, y, params={"class_weight": "balanced"})


def _class_weights():
    X, y = drawn(seed=12)
    weight = np.random.default_rng(12).uniform(0.5, 2, len(y))
    return Case(X, y, weight, {"class_weight": {0: 3.0, 1: 0.25}})


def _rare_class():
    X, y = drawn(n=300, seed=13)
    y[5:] = (X[5:, 0] > 2.2).astype(int)
    return Case(X, y)


def _wide():
    return Case(*drawn(n=20, p=60, seed=14))


def _constant_column():
    X, y = drawn(seed=15)
    X[:, 2] = 3.0
    X[:, 3] = 0.0
    return Case(X, y)


def _one_column():
    return Case(*drawn(p=1, seed=16))


def _liblinear():
    return Case(*drawn(seed=17), params={"solver": "liblinear", "intercept_scaling": 2.0})


def _separable():
    X, _y = drawn(seed=18)
    return Case(X, (X[:, 0] > 0).astype(int), params={"C": 10.0})


def _collinear():
    X, y = drawn(seed=19)
    X[:, 4] = X[:, 0] - 2 * X[:, 1]
    return Case(X, y)


def _three_classes():
    return Case(*drawn(classes=3, seed=20))


def _three_classes_unpenalised():
    return Case(*drawn(n=300, classes=3, seed=21, slope=0.5), params={"C": np.inf})


def _ten_classes():
    return Case(*drawn(n=400, p=6, classes=10, seed=22), params={"fit_intercept": False})


def _three_classes_scaled():
    X, y = drawn(classes=3, seed=23, p=7)
    weight = np.random.default_rng(23).uniform(0, 3, len(y))
    return Case(X * 10.0 ** np.arange(-6, 8, 2), y, weight, {"class_weight": "balanced"})


CASES = {
    name.lstrip("_"): make
    for name, make in list(globals().items())
    if name.startswith("_") and getattr(make, "__module__", None) == __name__
}
