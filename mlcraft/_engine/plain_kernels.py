"""The plain kernels on checked arrays: value, gradient and Hessian of a loss, Gram matrix, linear predictor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import predict_linear
from mlcraft._engine.losses import loss_ref

__all__ = ["bordered_gram", "curvature", "linear_predictor", "slope"]

Doubles = NDArray[np.float64]


def linear_predictor(X: Any, coef: Doubles, with_intercept: bool, offset: Any) -> NDArray[Any]:
    """Return ``offset + X b + c`` in the dtype of X; coef holds (b, c) in its last axis."""
    p = X.shape[1]
    constant = coef[..., p] if with_intercept else np.zeros(coef.shape[:-1])
    b = np.ascontiguousarray(coef[..., :p].astype(X.dtype))
    eta = np.asarray(predict_linear(X, b, constant.astype(X.dtype)))
    return eta if offset is None else eta + offset


def slope(
    X: Any, y: Any, coef: Doubles, loss: Any, parameter: float, weight: Any, offset: Any, with_intercept: bool
) -> tuple[float, Doubles]:
    """Return ``sum(w loss) / sum(w)`` and its gradient, of the shape of coef."""
    X, y, weight = readable(X, y, weight)
    eta = linear_predictor(X, coef, with_intercept, offset)
    sums, residual, _ = _rows(loss, y, eta, weight, parameter, False)
    gradient = np.empty(coef.shape)
    p = X.shape[1]
    matrix = _core.Matrix(X)
    rows, out = np.atleast_2d(residual), np.atleast_2d(gradient)
    for row, target in zip(rows, out, strict=True):
        target[:p] = matrix.transposed_times(row)
        if with_intercept:
            target[p] = row.sum(dtype=np.float64)
    total = float(sums[2])
    return float(sums[0]) / total, gradient / total


def curvature(
    X: Any, y: Any, coef: Doubles, loss: Any, parameter: float, weight: Any, offset: Any, with_intercept: bool
) -> Doubles:
    """Return the Hessian of ``sum(w loss) / sum(w)`` in the elements of coef, in their order."""
    X, y, weight = readable(X, y, weight)
    eta = linear_predictor(X, coef, with_intercept, offset)
    sums, _, second = _rows(loss, y, eta, weight, parameter, True)
    total = float(sums[2])
    if coef.ndim == 1:
        return bordered_gram(X, second, with_intercept) / total
    share = np.asarray(second, dtype=np.float64)  # probabilities
    weights = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    classes, size = coef.shape
    found = np.empty((classes, size, classes, size))
    for k in range(classes):
        for other in range(k + 1):
            product = weights * share[k] * (float(k == other) - share[other])
            block = bordered_gram(X, product.astype(X.dtype), with_intercept)
            found[k, :, other] = found[other, :, k] = block
    return found.reshape(classes * size, classes * size) / total


def bordered_gram(X: Any, weight: Any, with_intercept: bool) -> Doubles:
    """Return ``Z' diag(w) Z``, Z = X or (X, 1)."""
    X, weight = readable(X, weight)
    p = X.shape[1]
    if not with_intercept:
        return np.asarray(_core.Matrix(X).gram(weight))
    w = np.ones(X.shape[0]) if weight is None else np.asarray(weight, dtype=np.float64)
    found = np.empty((p + 1, p + 1))
    matrix = _core.Matrix(X)
    found[:p, :p] = matrix.gram(weight)
    found[p, :p] = found[:p, p] = matrix.transposed_times(w)
    found[p, p] = w.sum()
    return found


def _rows(loss: Any, y: Any, eta: Any, weight: Any, parameter: float, second: bool) -> Any:
    name, user, has_second = loss_ref(loss)
    if second and not has_second:
        raise ValueError(f"the loss {getattr(loss, 'name', loss)!r} has no second derivatives")
    if name == "multinomial":
        eta = np.ascontiguousarray(eta.T)
    return _core.loss_rows(name, y, eta, weight, parameter, second, user=user)
