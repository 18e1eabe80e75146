"""Leaving out rows of a design with no more rows than columns: everything from the n x n matrix of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.factor import Factor
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft.uncertainty._checked_rows import Rows
from mlcraft.uncertainty._model import FittedModel
from mlcraft.uncertainty._row_effects import EPS, RowEffects, centred_targets, saturation

TRUSTED_CONDITION = 1e3  # of the rows; the matrix of their products has lost six of sixteen digits

__all__ = ["row_inverse", "singular_values", "wide_effects", "wide_variances"]

Doubles = NDArray[np.float64]


def row_inverse(model: FittedModel, alpha: float, rows: Rows) -> tuple[Doubles, Doubles]:
    """
    Return what of (A A' + alpha I)^-1 lies across the intercept, and 1 - leverage of the rows.

    A holds the rows sqrt(w_i) (x_i - mean)'. Without a penalty it is the pseudo-inverse.

    Parameters
    ----------
    model : FittedModel
        With the factor of its rows.
    alpha : float
        Penalty, which may differ from the factor's.
    rows : Rows
        The rows of the fit.

    Returns
    -------
    inverse : ndarray of shape (n_samples, n_samples)
    complement : ndarray of shape (n_samples,)
        Without a penalty, zero for leverages of one.
    """
    from scipy.linalg import cho_solve

    factor = model.factor
    assert factor is not None
    root = np.sqrt(rows.weight)
    unit = root / np.sqrt(factor.weight_sum) if model.has_intercept else np.zeros_like(root)
    if not model.condition < TRUSTED_CONDITION or factor.rank == 0:
        return _by_singular_values(rows, factor.mean, root, unit, alpha)
    if factor.filled and alpha == factor.alpha:
        lower = np.tril(factor.lower)
        filling = float(np.sum((lower.T @ unit) ** 2)) - alpha
    else:
        gram = _core.row_gram(rows.X, root, factor.mean)
        if not np.isfinite(gram).all():
            raise NonFiniteError("X holds NaN or infinity")
        filling = float(np.trace(gram)) if model.has_intercept else 0.0
        filled = gram + filling * np.outer(unit, unit) + alpha * np.eye(len(gram))
        lower = np.asarray(np.linalg.cholesky(filled), dtype=np.float64)
    inverse: Doubles = cho_solve((lower, True), np.eye(len(lower)), check_finite=False)
    if model.has_intercept:
        inverse -= np.outer(unit, unit) / (filling + alpha)
    inverse = (inverse + inverse.T) / 2
    return inverse, alpha * np.diagonal(inverse)


def singular_values(rows: Rows, mean: Doubles, root: Doubles, unit: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """
    Return the thin singular value decomposition of the rows sqrt(w_i) (x_i - mean)'.

    Parameters
    ----------
    rows : Rows
        Those of the fit.
    mean : ndarray of shape (n_features,)
        Weighted means of the columns.
    root : ndarray of shape (n_samples,)
        Roots of the weights.
    unit : ndarray of shape (n_samples,)
        The direction of the intercept, of unit length, or zeros.

    Returns
    -------
    left : ndarray of shape (n_samples, n_values)
    values : ndarray of shape (n_values,)
    right : ndarray of shape (n_values, n_features)
    """
    X = rows.X if isinstance(rows.X, np.ndarray) else rows.X.toarray()
    centred = root[:, np.newaxis] * (X - mean)
    centred -= np.outer(unit, unit @ centred)
    if not np.isfinite(centred).all():
        raise NonFiniteError("X holds NaN or infinity")
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    return left, values, right


def _by_singular_values(
    rows: Rows, mean: Doubles, root: Doubles, unit: Doubles, alpha: float
) -> tuple[Doubles, Doubles]:
    """Compute the same from the rows themselves, which have twice the digits of their products."""
    vectors, values, _ = singular_values(rows, mean, root, unit)
    kept = values > EPS * max(rows.X.shape) * values.max(initial=0.0)
    span, rest = vectors[:, kept], vectors[:, ~kept]
    rest = rest - np.outer(unit, unit @ rest)  # neither fitted by the columns nor by the intercept
    complement = (rest**2).sum(axis=1)
    if not alpha > 0:
        complement[complement < saturation(len(values))] = 0.0
        return np.asarray((span / values[kept] ** 2) @ span.T), complement
    inverse = (span / (values[kept] ** 2 + alpha)) @ span.T + rest @ rest.T / alpha
    return np.asarray(inverse), alpha * np.diagonal(inverse)


def wide_effects(model: FittedModel, rows: Rows, target: int, targets: Any, *, directions: bool = False) -> RowEffects:
    """
    Compute what leaving out each row does, for a model whose factor is that of the rows.

    Parameters
    ----------
    model : FittedModel
        With a dual factor.
    rows : Rows
        Those of the fit.
    target : int
        The target whose penalty counts.
    targets : array-like of int
        The targets to compute.
    directions : bool, default=False
        Whether the directions are wanted.

    Returns
    -------
    RowEffects
    """
    factor = model.factor
    assert factor is not None
    alpha, has_intercept = float(model.alpha[target]), model.has_intercept
    inverse, complement = row_inverse(model, alpha, rows)
    weight, root = rows.weight, np.sqrt(rows.weight)
    complement = np.where(weight > 0, complement, 1.0)
    leverage = 1.0 - complement
    saturated = (complement == 0.0) & (weight > 0)
    direction = _directions(rows, factor, inverse, root) if directions else None
    effects = RowEffects(leverage, complement, saturated, float(leverage.sum()), factor.mean, direction=direction)
    if rows.y is None:
        return effects
    centred = centred_targets(rows, has_intercept, targets)
    fit = _core.row_influence(rows.X, np.zeros((model.n_features, 0)), factor.mean, model.coef[targets], "f")[1]
    dual = inverse @ (root[:, np.newaxis] * centred)
    diagonal = np.diagonal(inverse)[:, np.newaxis]
    counts = (weight > 0)[:, np.newaxis]
    safe_root = np.where(weight > 0, root, 1.0)[:, np.newaxis]
    # with a penalty, and for rows fitted exactly, residuals follow from the dual without cancellation
    by_dual = counts & ((alpha > 0) | saturated[:, np.newaxis])
    effects.residual = np.where(by_dual, alpha * dual / safe_root, centred - fit)
    jump = np.divide(dual, diagonal, out=np.zeros_like(dual), where=by_dual & (diagonal > 0))
    divisor = np.where(saturated, 1.0, complement)[:, np.newaxis]
    effects.loo_residual = np.where(by_dual, jump / safe_root, effects.residual / divisor)
    effects.step = weight[:, np.newaxis] * effects.loo_residual
    _leave_out(effects, rows, alpha, inverse, dual)
    return effects


def _directions(rows: Rows, factor: Factor, inverse: Doubles, root: Doubles) -> Doubles:
    """(A'A + alpha I)^-1 A', a column for each row, over the root of its weight; zero for rows that do not count."""
    share = inverse * root / np.where(root > 0, root, 1.0)[:, np.newaxis]
    share[root == 0] = 0.0
    product: Doubles = np.asarray(share @ rows.X, dtype=np.float64)
    product -= np.outer(share.sum(axis=1), factor.mean)
    return product


def _leave_out(effects: RowEffects, rows: Rows, alpha: float, inverse: Doubles, dual: Doubles) -> None:
    """As for tall designs, with |b|^2 = a'Ka, u'b and |u|^2 written with the matrix of the rows."""
    weight = rows.weight
    counted = np.count_nonzero(weight)
    lost = np.where(effects.saturated, 1.0, 0.0)
    objective: Doubles = weight @ effects.residual**2 - effects.step * effects.residual
    if alpha > 0:
        diagonal = np.diagonal(inverse)
        squares = (inverse**2).sum(axis=1)
        jump = np.where(weight > 0, 1.0, 0.0)[:, np.newaxis] * dual / diagonal[:, np.newaxis]
        # alpha (|b|^2 - |b_(i)|^2) for b_(i) = b - A'B_i jump
        along = dual - alpha * (inverse @ dual)
        change = -2.0 * jump * along + jump**2 * (diagonal - alpha * squares)[:, np.newaxis]
        objective = objective - alpha * change
        lost = np.where(weight > 0, 1.0 - alpha * squares / diagonal, 0.0)
    objective[objective < 0.0] = 0.0
    effects.loo_rss = objective
    left: Any = float(counted) - (weight > 0) - effects.effective_df + lost
    effects.loo_df = left


def wide_variances(rows: Rows, effects: RowEffects, alpha: float) -> tuple[Doubles, float]:
    """
    Return the diagonal of V, and mean'V mean, for a spread of one.

    With u_i = V d_i the inverse V is (I - sum w_i u_i d_i') / alpha, and without a penalty (the pseudo-inverse)
    sum w_i u_i u_i'.

    Parameters
    ----------
    rows : Rows
        Those of the fit.
    effects : RowEffects
        With directions.
    alpha : float
        The penalty.

    Returns
    -------
    variances : ndarray of shape (n_features,)
    pulled : float
    """
    direction, mean = effects.direction, effects.mean
    assert direction is not None
    weighted = rows.weight[:, np.newaxis] * direction
    along = direction @ mean
    if not alpha > 0:
        return (weighted * direction).sum(axis=0), float(rows.weight @ along**2)
    if isinstance(rows.X, np.ndarray):
        products = np.einsum("ij,ij->j", rows.X, weighted)
    else:
        products = np.asarray(rows.X.multiply(weighted).sum(axis=0)).ravel()
    products -= mean * weighted.sum(axis=0)
    centred = rows.X @ mean - mean @ mean
    variances: Doubles = np.maximum(1.0 - products, 0.0) / alpha
    return variances, float(mean @ mean - (rows.weight * centred) @ along) / alpha
