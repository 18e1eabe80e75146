"""Leave-one-out errors of ridge regression: what its ways have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.least_squares import NonFiniteError, fit_least_squares

__all__ = [
    "LEAST_LEFT",
    "WELL_SPREAD",
    "LeaveOneOut",
    "Means",
    "Problem",
    "Scales",
    "assemble",
    "in_double",
    "in_range",
    "products_by_penalty",
    "refit",
    "refuse_unless_finite",
]

Doubles = NDArray[np.float64]

WELL_SPREAD = 1e5  # amplification of rounding up to which cross-products are good enough
LEAST_LEFT = 1e-6  # 1 - leverage below which a row is refitted


@dataclass(slots=True)
class LeaveOneOut:
    """
    Leave-one-out errors for each penalty.

    Attributes
    ----------
    squares : ndarray of shape (n_alphas, n_targets)
        ``sum_i w_i (y_i - f_(-i)(x_i))^2``.
    errors : ndarray of shape (n_samples, n_targets, n_alphas) or None
        ``y_i - f_(-i)(x_i)``, where asked for.
    method : str
        "eigen", "scaled" (Cholesky factor of the scaled cross-products), "rows" (QR factorisation) or "dual".
    """

    squares: Doubles
    errors: Doubles | None
    method: str


@dataclass(slots=True)
class Problem:
    X: Any  # float32 or float64, dense or CSR
    y: NDArray[Any]  # (n, k), in the dtype of X
    weight: NDArray[Any] | None
    alphas: Doubles
    fit_intercept: bool
    keep: bool

    @property
    def is_dense(self) -> bool:
        return isinstance(self.X, np.ndarray)


@dataclass(slots=True)
class Means:
    x_mean: Doubles
    y_mean: Doubles
    weight_sum: float


def in_double(X: Any, y: NDArray[Any], weight: NDArray[Any] | None) -> tuple[Any, Doubles, Doubles | None]:
    """Return the arrays in double precision; what is double already is not copied."""
    return (
        X.astype(np.float64, copy=False),
        y.astype(np.float64, copy=False),
        None if weight is None else weight.astype(np.float64, copy=False),
    )


@dataclass(frozen=True, slots=True)
class Scales:
    """Exponents of two by which X, y and the weights were made smaller, so that their squares stay in range."""

    x: int
    y: int
    weight: int

    def penalties(self, alphas: Doubles) -> Doubles:
        """Return the penalties of the smaller problem, never zero unless they were."""
        scaled = np.ldexp(alphas, -2 * self.x - self.weight)
        return np.where(alphas > 0, np.clip(scaled, np.finfo(float).tiny, np.finfo(float).max), 0.0)


def in_range(X: Any, y: NDArray[Any], weight: NDArray[Any] | None) -> tuple[Any, Doubles, Doubles | None, Scales]:
    """Return the problem in double precision with its largest elements near one, or raise NonFiniteError."""
    X, y, weight = in_double(X, y, weight)
    values = X if isinstance(X, np.ndarray) else X.data
    exponents = [0 if part is None else _exponent(part) for part in (values, y, weight)]
    scales = Scales(*exponents)
    X = np.ldexp(X, -scales.x) if isinstance(X, np.ndarray) else X * 2.0 ** max(min(-scales.x, 1000), -1000)
    return X, np.ldexp(y, -scales.y), None if weight is None else np.ldexp(weight, -scales.weight), scales


def _exponent(values: NDArray[Any]) -> int:
    largest = np.abs(values).max(initial=0.0)
    if not np.isfinite(largest):
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity")
    return int(np.frexp(largest)[1]) if largest > 0 else 0


def refuse_unless_finite(*arrays: Any) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")


def products_by_penalty(directions: Doubles, weights: Doubles, projected: Doubles) -> Doubles:
    """Return ``directions @ diag(weights[a]) @ projected`` of shape (rows, targets, penalties)."""
    right = projected[:, :, np.newaxis] * weights.T[:, np.newaxis, :]
    flat = right.reshape(len(right), right.shape[1] * right.shape[2])
    product: Doubles = _core.centred_products(directions, None, None, flat)
    return product.reshape(len(directions), projected.shape[1], len(weights))


def assemble(
    problem: Problem,
    moments: Any,
    scaled: Doubles,
    root: Doubles,
    used: NDArray[np.bool_],
    coef: Callable[[], Doubles],
    unreliable: NDArray[np.bool_] | None = None,
) -> tuple[Doubles, Doubles | None]:
    """Turn errors times the root of the weight, of the rows that have one, into what is returned."""
    counted = scaled if unreliable is None else np.where(unreliable[:, np.newaxis, :], 0.0, scaled)
    squares = np.einsum("ika,ika->ak", counted, counted)
    if not problem.keep:
        return squares, None
    errors = np.empty((len(used), *scaled.shape[1:]))
    errors[used] = scaled / root[:, np.newaxis, np.newaxis]
    if not used.all():  # rows without weight are left out by every fit
        outside = problem.X[~used]
        slopes = coef()
        right = slopes.reshape(len(slopes), -1)
        fits = _core.centred_products(outside, None, moments.x_mean, right).reshape(-1, *slopes.shape[1:])
        distance = problem.y[~used].astype(np.float64) - moments.y_mean
        errors[~used] = distance[:, :, np.newaxis] - fits
    return squares, errors


def refit(problem: Problem, rows: list[list[int]], squares: Doubles, errors: Doubles | None) -> None:
    """Leave rows out in earnest, by a weight of zero."""
    if not any(rows):
        return
    X, y, given = in_double(problem.X, problem.y, problem.weight)
    weight = np.ones(len(y)) if given is None else given.copy()
    for number, unreliable in enumerate(rows):
        for row in unreliable:
            before, weight[row] = weight[row], 0.0
            if weight.any():
                fit = fit_least_squares(
                    X,
                    y,
                    alpha=float(problem.alphas[number]),
                    sample_weight=weight,
                    fit_intercept=problem.fit_intercept,
                )
                there = X[row] if problem.is_dense else X[[row]].toarray()[0]
                error = y[row] - (fit.coef @ there + fit.intercept)
            else:  # no row is left to learn from
                error = np.full(y.shape[1], np.nan)
            weight[row] = before
            squares[number] += float(before) * error**2
            if errors is not None:
                errors[row, :, number] = error
