"""Bootstraps of least squares that keep the rows of X and draw residuals: residual, wild, wild-cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.resampling import ResamplePlan, resample_weights
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty.resampling._closed import ELEMENTS, Values, values_at_full
from mlcraft.uncertainty.resampling._model import FullFit

__all__ = ["drawn_residuals", "fixed_design_values", "ready_residuals"]

Doubles = NDArray[np.float64]
LEAST = 1e-10  # 1 - leverage that counts as zero: the residual of such a row is rounding


def ready_residuals(residual: Doubles, left: Doubles, kind: str, weight: Doubles) -> Doubles:
    """
    Bring residuals to the spread of the errors.

    Residual: divided by the root of 1 - leverage, of weight one, and about zero (Davison and Hinkley 1997, section
    6.2.3). Wild: divided by 1 - leverage, so that the variance of the estimate is the sandwich HC3 (Flachaire 2005).
    Wild-cluster: as they are (Cameron, Gelbach and Miller 2008); the variance is that of CR0.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_targets)
    left : ndarray of shape (n_samples,)
        1 - leverage.
    kind : {"residual", "wild", "wild-cluster"}
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
    """
    if kind == "wild-cluster":
        return residual
    power = 0.5 if kind == "residual" else 1.0
    scale = np.where(left > LEAST, 1.0 / np.where(left > LEAST, left, 1.0) ** power, 0.0)
    if kind == "wild":
        return residual * scale[:, np.newaxis]
    found = residual * (scale * np.sqrt(weight))[:, np.newaxis]
    used = weight > 0
    found[~used] = 0.0
    found[used] -= found[used].mean(axis=0)
    return np.asarray(found)


def drawn_residuals(ready: Doubles, weight: Doubles, plan: ResamplePlan, count: int) -> Iterator[tuple[slice, Doubles]]:
    """
    Yield errors drawn for resamples, some at a time.

    Parameters
    ----------
    ready : ndarray of shape (n_samples, n_targets)
        What `ready_residuals` returned.
    weight : ndarray of shape (n_samples,)
    plan : ResamplePlan
        Of kind "draws" or of multipliers.
    count : int

    Yields
    ------
    part : slice
        Which resamples.
    errors : ndarray of shape (n_part, n_samples, n_targets)
    """
    step = max(1, ELEMENTS // ready.size)
    for begin in range(0, count, step):
        part = slice(begin, min(begin + step, count))
        drawn = resample_weights(plan, begin, part.stop - begin)
        if plan.kind == "draws":
            root = np.sqrt(np.where(weight > 0, weight, 1.0))
            yield part, ready[drawn.astype(np.intp)] / root[:, np.newaxis]
        else:
            yield part, drawn[:, :, np.newaxis] * ready


@dataclass
class _Design:
    """What does not change from resample to resample, for one target."""

    outer: Doubles  # n x width: weight z A
    pull: Doubles  # width: the change that the penalty alone makes
    spread: Doubles  # n x values: (weight z A c)^2


def fixed_design_values(fit: FullFit, plan: ResamplePlan, kind: str, count: int, with_errors: bool) -> Values:
    """
    Estimate from new targets on the same rows.

    Parameters
    ----------
    fit : FullFit
        Linear.
    plan : ResamplePlan
    kind : {"residual", "wild", "wild-cluster"}
    count : int
    with_errors : bool

    Returns
    -------
    Values
    """
    with one_blas_thread():
        designs = [_design(fit, t) for t in range(fit.n_targets)]
        left = 1.0 - np.einsum("ij,ij->i", designs[0].outer, fit.z)
        residual = fit.y - fit.eta
        ready = ready_residuals(residual, left, kind, fit.weight)
        delta = np.empty((count, fit.n_targets, fit.z.shape[1]))
        errors = np.empty((count, fit.n_targets, len(fit.contrasts)))
        for part, drawn in drawn_residuals(ready, fit.weight, plan, count):
            for t, design in enumerate(designs):
                delta[part, t] = drawn[:, :, t] @ design.outer - design.pull
                if with_errors:
                    rest = drawn[:, :, t] - delta[part, t] @ fit.z.T
                    errors[part, t] = _errors(fit, design, plan, kind, rest)
        coef, intercept = fit.start.basis.coefficients(delta)
        result = Values(fit.values(fit.start.coef + coef, fit.start.intercept + intercept))
        if with_errors:
            result.errors = fit.errors_of(errors, result.values)
            full = [_errors(fit, d, plan, kind, residual[np.newaxis, :, t]) for t, d in enumerate(designs)]
            result.estimate_error = fit.errors_of(np.stack(full, axis=1), values_at_full(fit)[np.newaxis])[0]
    return result


def _design(fit: FullFit, t: int) -> _Design:
    inverse = fit.inverse(t)[0]
    outer = (fit.z * fit.weight[:, np.newaxis]) @ inverse
    pull = float(fit.start.alpha[t]) * fit.start.basis.steps(fit.start.coef[t]) @ inverse
    return _Design(outer, pull, (outer @ fit.contrasts.T) ** 2)


def _errors(fit: FullFit, design: _Design, plan: ResamplePlan, kind: str, rest: Doubles) -> Doubles:
    """Return standard errors from the residuals of each resample: of one variance, HC0, or by clusters."""
    if kind == "wild":
        return np.sqrt(rest**2 @ design.spread)
    if kind == "residual":  # of any scale: only ratios to the same matter
        variance = rest**2 @ fit.weight
        per_unit = (design.spread / np.where(fit.weight > 0, fit.weight, np.inf)[:, np.newaxis]).sum(axis=0)
        freedom = np.count_nonzero(fit.weight) - float(np.einsum("ij,ij->", design.outer, fit.z))
        return np.sqrt(np.outer(variance, per_unit) / max(freedom, 1.0))
    order = np.argsort(plan.unit, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(plan.unit))[:-1]]).astype(np.intp)
    projected = (design.outer @ fit.contrasts.T)[order]
    found = np.empty((len(rest), projected.shape[1]))
    for b, row in enumerate(rest):
        sums = np.add.reduceat(projected * row[order, np.newaxis], starts, axis=0)
        found[b] = np.sqrt((sums**2).sum(axis=0))
    return found
