"""Resamples of the rows of a linear or logistic fit, without refits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.resampled_fits import Resamples, resampled_fits
from mlcraft._engine.resampling import ResamplePlan, resample_weights, resampled_sums
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty.resampling._model import FullFit

__all__ = ["ClosedJackknife", "Values", "resampled_values", "sandwich_errors", "values_at_full"]

Doubles = NDArray[np.float64]
ELEMENTS = 1 << 22  # of the arrays made at a time
NEARLY_ONE = 1e-8  # 1 - leverage below which the estimate without a row is not determined


@dataclass
class Values:
    """
    Estimates on resamples.

    Attributes
    ----------
    values : ndarray of shape (n_resamples, ...)
        NaN where there is none.
    errors : ndarray of the same shape, or None
        Their standard errors.
    estimate_error : ndarray of shape (...) or None
        The same from all rows.
    n_degenerate : int
    messages : dict of str to int
        What went wrong in refits, and how often.
    """

    values: Doubles
    errors: Doubles | None = None
    estimate_error: Doubles | None = None
    n_degenerate: int = 0
    messages: dict[str, int] | None = None


def values_at_full(fit: FullFit) -> Doubles:
    """Return the estimates from all rows."""
    found: Doubles = fit.values(fit.start.coef[np.newaxis], fit.start.intercept[np.newaxis])[0]
    return found


def resampled_values(fit: FullFit, plan: ResamplePlan, count: int, with_errors: bool) -> Values:
    """
    Estimate from resamples of the rows, drawn by weights.

    Parameters
    ----------
    fit : FullFit
    plan : ResamplePlan
    count : int
    with_errors : bool
        Whether standard errors within the resamples are wanted.

    Returns
    -------
    Values
    """
    weight = None if (fit.weight == 1.0).all() else fit.weight
    found = resampled_fits(fit.X, fit.y, fit.start, plan, 0, count, sample_weight=weight)
    result = Values(fit.values(found.coef, found.intercept), n_degenerate=int(found.degenerate.sum()))
    if with_errors:
        errors = np.stack([_errors(fit, plan, found, t) for t in range(fit.n_targets)], axis=1)
        result.errors = fit.errors_of(errors, result.values)
        result.estimate_error = _error_at_full(fit, plan)
    return result


@one_blas_thread()
def sandwich_errors(inverse: Doubles, middle: Doubles, contrasts: Doubles) -> Doubles:
    """
    Return the roots of ``c'A M A c`` for each resample and contrast.

    Parameters
    ----------
    inverse, middle : ndarray of shape (count, width, width)
    contrasts : ndarray of shape (n_values, width)

    Returns
    -------
    ndarray of shape (count, n_values)
    """
    variance = np.empty((len(inverse), len(contrasts)))
    at_once = max(1, ELEMENTS // max(contrasts.size, 1))
    for begin in range(0, len(inverse), at_once):
        part = slice(begin, begin + at_once)
        outer = contrasts @ inverse[part]
        variance[part] = np.einsum("bmq,bmq->bm", outer @ middle[part], outer)
    found: Doubles = np.sqrt(np.maximum(variance, 0.0))
    return found


def _errors(fit: FullFit, plan: ResamplePlan, found: Resamples, t: int) -> Doubles:
    """Return one target's standard errors in each resample: the sandwich, by clusters where they are drawn."""
    delta = np.ascontiguousarray(found.delta[:, t])
    count, width = delta.shape
    errors = np.full((count, len(fit.contrasts)), np.nan)
    y, offset = fit.targets(t)
    step = max(1, ELEMENTS // width**2)
    for begin in range(0, count, step):
        part = slice(begin, min(begin + step, count))
        here = np.nan_to_num(delta[part])  # a degenerate one is at the start, and gets no error below
        options: dict[str, Any] = {"sample_weight": fit.weight, "offset": offset, "delta": here}
        options["loss"] = fit.start.loss
        number = part.stop - begin
        gram = found.gram[part]
        if fit.form == "logistic":
            gram = resampled_sums(fit.X, y, fit.start.basis, plan, begin, number, wanted="g", **options)[0]
        inverse = fit.inverse(t, gram)
        if plan.n_units < plan.n_samples:
            errors[part] = _clustered(fit, plan, begin, here, inverse, t)
            continue
        middle = resampled_sums(fit.X, y, fit.start.basis, plan, begin, number, wanted="m", **options)[0]
        errors[part] = sandwich_errors(inverse, middle, fit.contrasts)
    errors[np.isnan(delta).any(axis=1)] = np.nan
    return errors


@one_blas_thread()
def _clustered(fit: FullFit, plan: ResamplePlan, first: int, delta: Doubles, inverse: Doubles, t: int) -> Doubles:
    order, starts = _by_cluster(plan)
    z, eta = fit.z[order], fit.eta[order, t]
    errors = np.empty((len(delta), len(fit.contrasts)))
    for b, step in enumerate(delta):
        gradient = fit.derivatives(eta + z @ step, t, order)[0] * fit.weight[order]
        scores = np.add.reduceat(z * gradient[:, np.newaxis], starts, axis=0)
        counts = resample_weights(plan, first + b, 1)[0, order[starts]]
        projected = scores @ (inverse[b] @ fit.contrasts.T)
        errors[b] = np.sqrt(counts @ projected**2)
    return errors


def _by_cluster(plan: ResamplePlan) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows cluster by cluster, and where each one starts."""
    order = np.argsort(plan.unit, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(plan.unit))[:-1]]).astype(np.intp)
    return order, starts


@one_blas_thread()
def _error_at_full(fit: FullFit, plan: ResamplePlan) -> Doubles:
    errors = []
    for t in range(fit.n_targets):
        scores = fit.z * (fit.derivatives(fit.eta[:, t], t)[0] * fit.weight)[:, np.newaxis]
        if plan.n_units < plan.n_samples:
            order, starts = _by_cluster(plan)
            scores = np.add.reduceat(scores[order], starts, axis=0)
        errors.append(np.sqrt(((scores @ (fit.inverse(t)[0] @ fit.contrasts.T)) ** 2).sum(axis=0)))
    values = values_at_full(fit)[np.newaxis]
    found: Doubles = fit.errors_of(np.stack(errors)[np.newaxis], values)[0]
    return found


@dataclass
class ClosedJackknife:
    """
    The estimate without each row or cluster: exact for least squares and ridge, one Newton step for logistic fits.

    Attributes
    ----------
    fit : FullFit
    plan : ResamplePlan
        Whose clusters, if it has some, are left out.
    """

    fit: FullFit
    plan: ResamplePlan

    @one_blas_thread()
    def __call__(self) -> Doubles:
        """Return it, of shape (n_parts, n_values)."""
        fit = self.fit
        steps = np.stack([self._steps(t) for t in range(fit.n_targets)], axis=1)
        coef, intercept = fit.start.basis.coefficients(steps)
        values = fit.values(fit.start.coef + coef, fit.start.intercept + intercept)
        return values.reshape(len(values), -1)

    def _steps(self, t: int) -> Doubles:
        fit, z = self.fit, self.fit.z
        gradient, curvature = (part * fit.weight for part in fit.derivatives(fit.eta[:, t], t))
        inverse = fit.inverse(t)[0]
        if self.plan.n_units == self.plan.n_samples:
            outer = z @ inverse
            left = 1.0 - curvature * np.einsum("ij,ij->i", outer, z)
            lost = left < NEARLY_ONE
            return np.asarray(outer * np.where(lost, np.nan, gradient / np.where(lost, 1.0, left))[:, np.newaxis])
        order, starts = _by_cluster(self.plan)
        steps = np.empty((len(starts), z.shape[1]))
        whole = np.linalg.inv(inverse)
        for g, rows in enumerate(np.split(order, starts[1:])):
            part = z[rows]
            rest = whole - (part.T * curvature[rows]) @ part
            if np.linalg.eigvalsh(rest)[0] < NEARLY_ONE * np.trace(whole) / len(whole):
                steps[g] = np.nan
            else:
                steps[g] = np.linalg.solve(rest, gradient[rows] @ part)
        return steps
