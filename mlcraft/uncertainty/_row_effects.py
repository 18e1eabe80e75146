"""What leaving out single rows does to a least-squares fit: numbers for each row, from the factor and one pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.factor import Factor
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft.uncertainty._checked_rows import Rows
from mlcraft.uncertainty._model import FittedModel, Geometry
from mlcraft.uncertainty._triangle import inverse_of_triangle

__all__ = ["RowEffects", "check_rows", "check_same_fit", "effects_of", "least_norm_root", "polished_root"]

Doubles = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
TRUSTED_CONDITION = 100.0  # of the design; its Gram matrix has lost four of sixteen digits
ALWAYS_POLISHED = 1 << 20  # elements of X up to which a second pass costs next to nothing
NEARLY_ONE = 1e-4  # 1 - leverage below which four digits of it are lost
STRANGE = 1e-2  # how far from orthonormal the whitened rows of the fit's own data can never be


def _nothing() -> Doubles:
    return np.empty((0, 0))


@dataclass
class RowEffects:
    """
    What leaving out each row does, for targets that share a penalty.

    With z = (1, x), V the inverse of the penalised cross-products of z and h the leverage, the fit without row i has
    the parameters ``(c, b) - step_i V z_i``, for every row and exactly.

    Attributes
    ----------
    leverage, complement : ndarray of shape (n_samples,)
        h and 1 - h, the latter without cancellation for wide X.
    saturated : ndarray of bool of shape (n_samples,)
        Rows of leverage one: no other row tells what their y should be. Without such a row the columns are dependent,
        and what is said of the fit to the others is that of its solution of least norm.
    effective_df : float
        Trace of the hat matrix.
    mean : ndarray of shape (n_features,)
        Weighted means of the columns.
    root : ndarray of shape (n_features, rank) or None
        Root of V without its first row and column; None for wide X.
    direction : ndarray of shape (n_samples, n_features) or None
        V z without its first element, if asked for.
    residual, step, loo_residual : ndarray of shape (n_samples, n_targets)
        y minus fit, the size of the step, y minus the prediction of the fit without the row.
    loo_rss : ndarray of shape (n_samples, n_targets)
        Weighted residual sum of squares of the fit without the row, over the other rows.
    loo_df : ndarray of shape (n_samples,)
        Residual degrees of freedom of that fit.
    """

    leverage: Doubles
    complement: Doubles
    saturated: NDArray[np.bool_]
    effective_df: float
    mean: Doubles
    root: Doubles | None = None
    direction: Doubles | None = None
    residual: Doubles = field(default_factory=_nothing)
    step: Doubles = field(default_factory=_nothing)
    loo_residual: Doubles = field(default_factory=_nothing)
    loo_rss: Doubles = field(default_factory=_nothing)
    loo_df: Doubles = field(default_factory=_nothing)


def effects_of(model: FittedModel, rows: Rows, target: int, targets: Any, *, directions: bool = False) -> RowEffects:
    """
    Compute what leaving out each row does.

    Parameters
    ----------
    model : FittedModel
        With a factor.
    rows : Rows
        Those of the fit. Without y only the leverages are computed.
    target : int
        The target whose penalty counts.
    targets : array-like of int
        The targets to compute, all with that penalty.
    directions : bool, default=False
        Whether the directions are wanted: an array of the size of X.

    Returns
    -------
    RowEffects

    Raises
    ------
    ValueError
        If the rows are not those of the fit.
    """
    factor = model.factor
    assert factor is not None
    check_rows(factor, rows)
    if factor.dual:
        from mlcraft.uncertainty._wide import wide_effects

        return wide_effects(model, rows, target, targets, directions=directions)
    geometry = model.geometry(target)
    coef = model.coef[targets]
    polished = _wants_polish(model, rows)
    root, mean = (polished_root if polished else _checked_root)(geometry, rows, least_norm_root(geometry))
    letters = "q" + ("f" if rows.y is not None else "") + ("d" if directions else "")
    letters += "sp" if geometry.alpha > 0 and rows.y is not None else ""
    found = _core.row_influence(rows.X, root, mean, coef, letters)
    base = 1.0 / geometry.weight_sum if geometry.has_intercept else 0.0
    leverage = rows.weight * (found[0][:, 0] + base)
    if not polished and leverage.max() > 1.0 - NEARLY_ONE:
        root, mean = polished_root(geometry, rows, root)
        found = _core.row_influence(rows.X, root, mean, coef, letters)
        leverage = rows.weight * (found[0][:, 0] + base)
    if not np.isfinite(leverage).all():
        raise NonFiniteError("X holds NaN or infinity")
    complement = 1.0 - leverage
    saturated = complement < saturation(geometry.rank)
    leverage[saturated], complement[saturated] = 1.0, 0.0
    effects = RowEffects(leverage, complement, saturated, float(leverage.sum()), mean, root, found[4])
    if rows.y is None:
        return effects
    _, fit, square, projection, _ = found
    effects.residual = centred_targets(rows, geometry.has_intercept, targets) - fit
    effects.residual[saturated] = 0.0  # nothing but rounding
    _take_steps(effects, rows, coef)
    squares = (np.zeros(1), np.zeros((1, 1))) if square is None else (square[:, 0], projection)
    _leave_out(effects, rows, geometry.alpha, coef, *squares)
    return effects


def saturation(rank: int) -> float:
    """1 - leverage below which a leverage is one but for rounding."""
    return max(1e-13, 16 * EPS * (rank + 1))


def centred_targets(rows: Rows, has_intercept: bool, targets: Any) -> Doubles:
    """Targets minus their weighted means; the means are more accurate than what an intercept can tell of them."""
    y = rows.targets[:, targets]
    if not has_intercept:
        return y
    centre = np.average(y, axis=0, weights=rows.weight)
    centred = y - centre
    again: Doubles = centred - np.average(centred, axis=0, weights=rows.weight)
    return again


def check_rows(factor: Factor, rows: Rows) -> None:
    """Raise where the rows cannot be those of the fit, or are too few to leave one out."""
    total = float(rows.weight.sum())
    if abs(total - factor.weight_sum) > 1e-4 * factor.weight_sum:
        raise ValueError(
            f"X must hold the rows that the model was fitted on, with their sample_weight: there the weights sum to "
            f"{factor.weight_sum:g} (the number of rows without weights), here to {total:g}"
        )
    if np.count_nonzero(rows.weight) < 2:
        raise ValueError("leaving out a row needs at least two rows of positive weight")


def check_same_fit(model: FittedModel, rows: Rows, rss: Doubles, targets: Any) -> None:
    """Raise where the residuals are not those of the fit: another y, or rows in another order."""
    if model.sums is None:
        return
    expected, total = model.sums.residual[targets], model.sums.total[targets]
    slack = (1e-2, 1e-4) if rows.X.dtype == np.float32 else (1e-5, 1e-8)
    wrong = np.abs(rss - expected) > slack[0] * expected + slack[1] * total
    if wrong.any():
        t = int(np.argmax(wrong))
        raise ValueError(
            "X, y and sample_weight must be those that the model was fitted on, in the same order: the residual "
            f"sum of squares was {expected[t]:g}, here it is {rss[t]:g}"
        )


def _wants_polish(model: FittedModel, rows: Rows) -> bool:
    small = rows.X.shape[0] * rows.X.shape[1] <= ALWAYS_POLISHED
    return small or not model.condition < TRUSTED_CONDITION or rows.X.dtype == np.float32


def least_norm_root(geometry: Geometry) -> Doubles:
    """Root of the Moore-Penrose inverse, so that steps along it keep a solution of least norm one of least norm."""
    used = geometry.used
    if geometry.directions is None:
        return geometry.root if used.all() else geometry.root[:, used]
    sizes = np.where(used, 1.0 / np.where(used, geometry.scale, 1.0), 0.0)[:, np.newaxis]
    inverse_values = np.linalg.norm(sizes * geometry.root, axis=0)
    basis, triangle = np.linalg.qr(sizes * geometry.directions)
    root: Doubles = np.linalg.solve(triangle, basis.T).T * inverse_values
    return root


def _checked_root(geometry: Geometry, rows: Rows, root: Doubles) -> tuple[Doubles, Doubles]:
    """Return the root as it is, after a look at the means: other data have others."""
    if not geometry.has_intercept:
        return root, geometry.mean
    shift = (rows.weight @ rows.X) / geometry.weight_sum - geometry.mean
    if np.linalg.norm(shift @ root) > STRANGE / np.sqrt(geometry.weight_sum):
        raise _other_data()
    return root, geometry.mean


def polished_root(geometry: Geometry, rows: Rows, root: Doubles) -> tuple[Doubles, Doubles]:
    """
    Return root and means to working precision: the whitened rows made orthonormal once more.

    Parameters
    ----------
    geometry : Geometry
        That of the fit.
    rows : Rows
        Those of the fit.
    root : ndarray of shape (n_features, rank)
        Root of V, as the factor tells it.

    Returns
    -------
    root : ndarray of shape (n_features, rank)
    mean : ndarray of shape (n_features,)

    Raises
    ------
    ValueError
        If the cross-products of the rows are not those of the fit.
    """
    gram, shift, total = _core.whitened_gram(rows.X, rows.sample_weight, root, geometry.mean)
    mean = geometry.mean
    if geometry.has_intercept:
        moved = shift @ root
        gram -= np.outer(moved, moved) / total
        mean = mean + shift / total
    if geometry.alpha > 0:
        gram += geometry.alpha * (root.T @ root)
    if not np.isfinite(gram).all():
        raise NonFiniteError("X holds NaN or infinity")
    if np.abs(gram - np.eye(len(gram))).max(initial=0.0) > STRANGE:
        raise _other_data()
    lower = np.asarray(np.linalg.cholesky(gram), dtype=np.float64)
    polished: Doubles = np.matmul(root, inverse_of_triangle(lower).T)
    return polished, mean


def _other_data() -> ValueError:
    return ValueError(
        "X and sample_weight must be those that the model was fitted on: the cross-products of these columns differ "
        "from those that the fit kept"
    )


def _take_steps(effects: RowEffects, rows: Rows, coef: Doubles) -> None:
    """
    Find the steps: w e / (1 - h).

    For saturated rows the part of b along the direction that no other row determines is taken out, which leaves the
    solution of least norm.
    """
    saturated, weight = effects.saturated, rows.weight[:, np.newaxis]
    divisor = np.where(saturated, 1.0, effects.complement)[:, np.newaxis]
    effects.loo_residual = effects.residual / divisor
    effects.step = weight * effects.loo_residual
    if saturated.any() and effects.root is not None:
        found = _core.row_influence(rows.X[saturated], effects.root, effects.mean, coef, "sp")
        step = np.divide(found[3], found[2], out=np.zeros_like(found[3]), where=found[2] > 0)
        effects.step[saturated] = step
        effects.loo_residual[saturated] = step / weight[saturated]


def _leave_out(
    effects: RowEffects, rows: Rows, alpha: float, coef: Doubles, square: Doubles, projection: Doubles
) -> None:
    """
    Residual sums of squares and degrees of freedom of the fits to the others, exactly.

    The penalised objective falls by w e^2 / (1 - h); with a penalty, alpha |b|^2 has to be taken out of it before and
    after. The trace of the hat matrix falls by alpha w |u|^2 / (1 - h), or by one for a saturated row.
    """
    penalty = alpha * (coef**2).sum(axis=1)
    drop = effects.step * effects.residual
    objective: Doubles = (rows.weight @ effects.residual**2 + penalty) - drop
    if alpha > 0:
        change = -2.0 * effects.step * projection + effects.step**2 * square[:, np.newaxis]
        objective -= penalty + alpha * change
    objective[objective < 0.0] = 0.0
    effects.loo_rss = objective
    lost = np.where(effects.saturated, 1.0, 0.0)
    if alpha > 0:
        divisor = np.where(effects.saturated, 1.0, effects.complement)
        lost = np.where(effects.saturated, 1.0, alpha * rows.weight * square / divisor)
    counted = float(np.count_nonzero(rows.weight))
    left: Any = counted - (rows.weight > 0) - effects.effective_df + lost
    effects.loo_df = left
