"""One objective for everybody, in NumPy alone: ``sum w_i loss(y_i, eta_i) / sum w_i + l1 |b|_1 + l2 |b|^2 / 2``.

Nothing here looks at mlcraft or at a peer: what is judged cannot be the judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

Array = NDArray[Any]
Term = Callable[[Array, Array, float], Array]


@dataclass(frozen=True, slots=True)
class Loss:
    """``value``, d/d eta and (generalised) d2/d eta2 by (y, eta, parameter); no ``hessian``: not smooth."""

    value: Term
    gradient: Term
    hessian: Term | None = None
    classification: bool = False


def _margin(y: Array, eta: Array) -> Array:
    return np.maximum(0.0, 1.0 - y * eta)


def _outside(y: Array, eta: Array, epsilon: float) -> Array:
    return np.maximum(0.0, np.abs(eta - y) - epsilon)


#: y is 0 or 1 for logistic, -1 or 1 for the hinges; the parameter is delta, epsilon or the quantile.
LOSSES: dict[str, Loss] = {
    "squared": Loss(
        lambda y, eta, _: 0.5 * (y - eta) ** 2,
        lambda y, eta, _: eta - y,
        lambda y, eta, _: np.ones_like(eta),
    ),
    "logistic": Loss(
        lambda y, eta, _: np.logaddexp(0.0, np.where(y > 0, -eta, eta)),
        lambda y, eta, _: expit(eta) - y,
        lambda y, eta, _: expit(eta) * expit(-eta),
        classification=True,
    ),
    "poisson": Loss(
        lambda y, eta, _: np.exp(eta) - y * eta,
        lambda y, eta, _: np.exp(eta) - y,
        lambda y, eta, _: np.exp(eta),
    ),
    "squared_hinge": Loss(
        lambda y, eta, _: _margin(y, eta) ** 2,
        lambda y, eta, _: -2.0 * y * _margin(y, eta),
        lambda y, eta, _: 2.0 * (y * eta < 1.0),
        classification=True,
    ),
    "hinge": Loss(
        lambda y, eta, _: _margin(y, eta),
        lambda y, eta, _: -y * (y * eta < 1.0),
        classification=True,
    ),
    "huber": Loss(
        lambda y, eta, d: np.where(np.abs(eta - y) <= d, 0.5 * (eta - y) ** 2, d * np.abs(eta - y) - 0.5 * d * d),
        lambda y, eta, d: np.clip(eta - y, -d, d),
        lambda y, eta, d: (np.abs(eta - y) <= d) * 1.0,
    ),
    "squared_epsilon_insensitive": Loss(
        lambda y, eta, e: _outside(y, eta, e) ** 2,
        lambda y, eta, e: 2.0 * np.sign(eta - y) * _outside(y, eta, e),
        lambda y, eta, e: 2.0 * (np.abs(eta - y) > e),
    ),
    "quantile": Loss(
        lambda y, eta, q: np.where(y > eta, q * (y - eta), (1.0 - q) * (eta - y)),
        lambda y, eta, q: np.where(y > eta, -q, 1.0 - q),
    ),
}


@dataclass(slots=True)
class Problem:
    """Data, loss and penalty; the intercept is not penalised.

    ``X`` is a C-ordered float64 array or a CSR matrix. With the loss ``"multinomial"`` y holds codes 0 .. K - 1 and
    there is a row of coefficients for each class. ``l1`` and ``l2`` are the two weights of the penalty.
    """

    name: str
    title: str
    X: Any
    y: Array
    loss: str
    l1: float = 0.0
    l2: float = 0.0
    parameter: float = 0.0
    sample_weight: Array | None = None
    fit_intercept: bool = True
    source: str = ""
    _share: Array | None = field(default=None, repr=False)

    @property
    def n_classes(self) -> int:
        return int(self.y.max()) + 1 if self.loss == "multinomial" else 1

    @property
    def total_weight(self) -> float:
        return float(len(self.y) if self.sample_weight is None else self.sample_weight.sum())

    @property
    def share(self) -> Array:
        """Weights that sum to one."""
        if self._share is None:
            weight = np.ones(len(self.y)) if self.sample_weight is None else self.sample_weight
            self._share = weight / weight.sum()
        return self._share

    @property
    def sparse(self) -> bool:
        return not isinstance(self.X, np.ndarray)

    @property
    def smooth(self) -> bool:
        """Whether the objective has a gradient everywhere."""
        return self.l1 == 0 and (self.loss == "multinomial" or LOSSES[self.loss].hessian is not None)

    @property
    def nbytes(self) -> int:
        """Bytes that one read of X takes."""
        X = self.X
        return int(X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) if self.sparse else int(X.nbytes)

    def eta(self, coef: Array, intercept: Any) -> Array:
        return np.asarray(self.X @ np.asarray(coef, dtype=np.float64).T + intercept)

    def losses(self, eta: Array) -> Array:
        """Each row's loss, weights left out."""
        if self.loss == "multinomial":
            return np.asarray(logsumexp(eta, axis=1) - eta[np.arange(len(eta)), self.y])
        return LOSSES[self.loss].value(self.y, eta, self.parameter)

    def penalty(self, coef: Array) -> float:
        return self.l1 * float(np.abs(coef).sum()) + self.l2 * float(np.sum(np.square(coef))) / 2.0

    def objective(self, coef: Array, intercept: Any = 0.0) -> float:
        """The one number by which everybody is judged; infinite where it is not a number."""
        coef = np.asarray(coef, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(self.share @ self.losses(self.eta(coef, intercept))) + self.penalty(coef)
        return value if np.isfinite(value) else float("inf")

    def first_rows(self, most: int, seed: int = 0) -> Problem:
        """The same problem on some random rows: for a quick look, not for figures."""
        if len(self.y) <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self.y), most, replace=False))
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        title = f"{self.title}, {most:,} rows of it"
        return Problem(
            self.name,
            title,
            self.X[rows],
            self.y[rows],
            self.loss,
            self.l1,
            self.l2,
            self.parameter,
            weight,
            self.fit_intercept,
            self.source,
        )
