"""Problems for first-order methods, and optimality worked out in NumPy apart from the library."""

from __future__ import annotations

import ctypes
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcraft._engine.first_order import fit_first_order
from mlcraft._engine.losses import NON_SMOOTH, SMOOTH_LOSSES
from mlcraft._engine.penalty import Penalty

SCALARS = [name for name in SMOOTH_LOSSES if name != "multinomial"]
PARAMETER = {
    "huber": 0.8,
    "epsilon_insensitive": 0.1,
    "squared_epsilon_insensitive": 0.1,
    "quantile": 0.7,
}
SIGNED = ("hinge", "squared_hinge", "modified_huber")


@dataclass
class Case:
    """A loss on data whose columns differ in scale and mean."""

    loss: str
    X: Any
    y: Any
    weight: Any = None
    n_classes: int = 2

    @property
    def parameter(self) -> float:
        return PARAMETER.get(self.loss, 0.0)

    def fit(self, solver: str, penalty: Penalty | None = None, **arguments: Any) -> Any:
        arguments = {"parameter": self.parameter, "n_classes": self.n_classes, "sample_weight": self.weight} | arguments
        X = arguments.pop("X", self.X)
        y = arguments.pop("y", self.y)
        return fit_first_order(X, y, loss=self.loss, solver=solver, penalty=penalty, **arguments)


def make_case(loss: str, n: int = 150, p: int = 5, seed: int = 0, weighted: bool = False) -> Case:
    random = np.random.default_rng(seed)
    Z = random.standard_normal((n, p))
    Z[:, 1] += 0.6 * Z[:, 0]
    X = Z * 10.0 ** np.linspace(-2, 2, p) + np.arange(p)
    eta = Z @ np.linspace(1, -1, p) + 0.3
    noise = random.standard_normal(n)
    if loss == "logistic":
        y = (eta + 2 * noise > 0).astype(float)
    elif loss in SIGNED:
        y = np.where(eta + 2 * noise > 0, 1.0, -1.0)
    elif loss == "multinomial":
        y = np.digitize(eta + noise, [-0.7, 0.7]).astype(float)
    elif loss == "poisson":
        y = random.poisson(np.exp(0.5 * eta)).astype(float)
    else:
        y = eta + noise
    weight = random.uniform(0.2, 2, n) if weighted else None
    return Case(loss, X, y, weight, 3 if loss == "multinomial" else 2)


def penalties(p: int = 5) -> dict[str, Penalty]:
    return {
        "none": Penalty(),
        "l2": Penalty("l2", alpha=0.01),
        "l1": Penalty("l1", alpha=0.02),
        "elastic_net": Penalty("elastic_net", alpha=0.03, l1_ratio=0.4),
        "box": Penalty("box", lower=np.full(p, -0.2), upper=np.linspace(0.01, 2, p)),
        "group": Penalty("group", alpha=0.03, groups=np.array([7, 7, 3, 7, 3])[:p]),
    }


class UserAbsolute:
    """0.02 |b| as a separable penalty of a user's: C functions made by ctypes."""

    name = "absolute"

    def __init__(self, alpha: float = 0.02) -> None:
        def prox(b: float, step: float) -> float:
            return float(np.sign(b)) * max(0.0, abs(b) - step * alpha)

        def value(b: float) -> float:
            return alpha * abs(b)

        self._prox = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(prox)
        self._value = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(value)
        self.prox_address = ctypes.cast(self._prox, ctypes.c_void_p).value
        self.value_address = ctypes.cast(self._value, ctypes.c_void_p).value


class _Squared:
    @staticmethod
    def value(y: Any, eta: Any, parameter: float = 0.0) -> Any:
        return (y - eta) ** 2 / 2

    @staticmethod
    def gradient(y: Any, eta: Any, parameter: float = 0.0) -> Any:
        return eta - y


def _twin(loss: str) -> Any:
    return _Squared if loss == "squared" else importlib.import_module(f"reference.{loss}")


def linear_predictor(case: Case, coef: Any, intercept: Any, offset: Any = 0.0) -> Any:
    X = np.asarray(case.X.toarray() if hasattr(case.X, "toarray") else case.X, dtype=float)
    if case.loss == "multinomial":
        return (X @ np.asarray(coef, float).T + intercept).T
    return X @ np.asarray(coef, float) + intercept + offset


def objective(case: Case, penalty: Penalty, coef: Any, intercept: Any, offset: Any = 0.0) -> float:
    eta = linear_predictor(case, coef, intercept, offset)
    twin = _twin(case.loss)
    rows = twin.value(case.y, eta) if case.loss == "multinomial" else twin.value(case.y, eta, case.parameter)
    return float(np.average(rows, weights=case.weight)) + penalty.value(coef)


def violation(case: Case, penalty: Penalty, coef: Any, intercept: Any, fit_intercept: bool = True, offset: Any = 0.0):
    """How far from optimal: each coordinate of -gradient from the subdifferential, in columns of unit variance."""
    X = np.asarray(case.X.toarray() if hasattr(case.X, "toarray") else case.X, dtype=float)
    weight = np.ones(len(X)) if case.weight is None else case.weight
    eta = linear_predictor(case, coef, intercept, offset)
    twin = _twin(case.loss)
    if case.loss == "multinomial":
        r = twin.gradient(case.y, eta) * (weight / weight.sum())
    else:
        r = (twin.gradient(case.y, eta, case.parameter) * (weight / weight.sum()))[np.newaxis]
    centre = np.average(X, axis=0, weights=weight) if fit_intercept else np.zeros(X.shape[1])
    size = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weight))
    worst = np.abs(r.sum(axis=1)).max() if fit_intercept else 0.0
    for b, g in zip(np.atleast_2d(coef).astype(float), r @ (X - centre), strict=True):
        d = _distance(penalty, b, g, size)
        worst = max(worst, np.abs(d / np.where(size > 0, size, 1)).max(initial=0.0))
    return float(worst)


def _distance(penalty: Penalty, b: Any, g: Any, size: Any) -> Any:
    alpha = penalty.alpha
    if penalty.name in ("none", "l2"):
        return g + (alpha * b if penalty.name == "l2" else 0)
    if penalty.name in ("l1", "elastic_net", "user"):
        ratio = penalty.l1_ratio if penalty.name == "elastic_net" else 1.0
        alpha = 0.02 if penalty.name == "user" else alpha
        slope = g + alpha * (1 - ratio) * b
        at_zero = np.maximum(np.abs(slope) - alpha * ratio, 0)
        return np.where(b == 0, at_zero, slope + alpha * ratio * np.sign(b))
    if penalty.name == "box":
        lower, upper = penalty.bounds(len(b))
        assert np.all((b >= lower) & (b <= upper))
        return np.where(((b <= lower) & (g > 0)) | ((b >= upper) & (g < 0)), 0, g)
    out = np.zeros_like(b)
    groups = np.asarray(penalty.groups)
    for name in np.unique(groups):
        own = groups == name
        strength = alpha * np.sqrt(own.sum())
        norm, steep = np.linalg.norm(b[own]), np.linalg.norm(g[own])
        if norm > 0:
            out[own] = g[own] + strength * b[own] / norm
        else:
            out[own] = g[own] * max(0.0, 1 - strength / steep) if steep > 0 else 0.0
    return out


ALL_LOSSES = [*SMOOTH_LOSSES, *NON_SMOOTH]
