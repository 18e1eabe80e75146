"""Fits to many resamples of the rows at once, as steps from the fit to all rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import fit_least_squares
from mlcraft._engine.resampling import Basis, ResamplePlan, resample_weights, resampled_sums
from mlcraft._engine.smooth import fit_smooth
from mlcraft._engine.spectrum import one_blas_thread

__all__ = ["Resamples", "Start", "resampled_fits", "resampled_least_squares", "solve_many"]

Doubles = NDArray[np.float64]
SINGULAR = 1e-9  # pivot of a resample's cross-products, relative to those of most, below which it is degenerate
MOST_ELEMENTS = 1 << 22  # of the Gram matrices of one call
NEAR = 1e-4  # standard errors that may be missing from the solution
FIRST_RATE = 0.5  # at which steps are taken to become shorter before there are two
STEPS, CURVATURES = 12, 6  # steps with one Hessian, and Hessians
SHRINKS = 0.4  # length of a step relative to the one before, above which a new Hessian pays


@dataclass(frozen=True, slots=True)
class Start:
    """
    A fit to all rows, from which those to resamples are steps.

    Attributes
    ----------
    coef : ndarray of shape (n_targets, n_features)
    intercept : ndarray of shape (n_targets,)
    basis : Basis
    alpha : ndarray of shape (n_targets,)
        ``sum w_i loss_i + alpha |coef|^2 / 2`` is minimised, whatever the sum of the weights.
    loss : str, default="squared"
        "squared" or "logistic"; the latter has one target.
    """

    coef: Doubles
    intercept: Doubles
    basis: Basis
    alpha: Doubles
    loss: str = "squared"


@dataclass(slots=True)
class Resamples:
    """
    Fits to resamples.

    Attributes
    ----------
    coef : ndarray of shape (count, n_targets, n_features)
        NaN where there is no fit: one class only.
    intercept : ndarray of shape (count, n_targets)
    degenerate : ndarray of bool of shape (count,)
        Where the rows drawn did not determine the coefficients (those of least norm are given), or separate classes.
    delta : ndarray of shape (count, n_targets, width)
        Steps from the start in its basis; NaN where degenerate.
    gram : ndarray of shape (count, width, width)
        Sums of ``weight l'' z z'`` at, or close to, the fit, without penalty.
    """

    coef: Doubles
    intercept: Doubles
    degenerate: NDArray[np.bool_]
    delta: Doubles
    gram: Doubles


@one_blas_thread()
def solve_many(matrices: Doubles, right: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    """
    Solve many small symmetric positive definite systems.

    Parameters
    ----------
    matrices : ndarray of shape (count, width, width)
    right : ndarray of shape (count, width, n_sides)

    Returns
    -------
    solution : ndarray of shape (count, width, n_sides)
        NaN where the matrix is nearly singular.
    singular : ndarray of bool of shape (count,)
    """
    sizes = np.einsum("bjj->bj", matrices)
    singular = np.asarray(~np.isfinite(matrices).all(axis=(1, 2)) | (sizes <= 0).any(axis=1))
    good = np.flatnonzero(~singular)
    lower = np.tile(np.eye(matrices.shape[1]), (len(matrices), 1, 1))
    try:
        lower[good] = np.linalg.cholesky(matrices[good])
    except np.linalg.LinAlgError:
        for b in good:
            try:
                lower[b] = np.linalg.cholesky(matrices[b])
            except np.linalg.LinAlgError:
                singular[b] = True
    typical = np.median(sizes[good], axis=0) if len(good) else np.ones(sizes.shape[1])
    singular |= (np.einsum("bjj->bj", lower) ** 2 < SINGULAR * typical).any(axis=1)
    solution = _substituted(lower, right)
    solution[singular] = np.nan
    return solution, singular


def _substituted(lower: Doubles, right: Doubles) -> Doubles:
    """Solve L L' x = right for many L at once, row by row."""
    x = np.array(right, dtype=np.float64)
    width = lower.shape[1]
    for j in range(width):
        x[:, j] -= np.matmul(lower[:, j : j + 1, :j], x[:, :j])[:, 0]
        x[:, j] /= lower[:, j, j, np.newaxis]
    for j in reversed(range(width)):
        x[:, j] -= np.matmul(lower[:, j + 1 :, j, np.newaxis].transpose(0, 2, 1), x[:, j + 1 :])[:, 0]
        x[:, j] /= lower[:, j, j, np.newaxis]
    return x


def resampled_least_squares(
    X: Any,
    y: Doubles,
    start: Start,
    plan: ResamplePlan,
    first: int,
    count: int,
    *,
    sample_weight: Doubles | None = None,
) -> Resamples:
    """
    Fit least squares or ridge to resamples `first`, `first` + 1, ...; see `resampled_fits`.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, n_targets)
    start : Start
    plan : ResamplePlan
    first, count : int
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    Resamples
    """
    return resampled_fits(X, y, start, plan, first, count, sample_weight=sample_weight)


def resampled_fits(
    X: Any,
    y: Doubles,
    start: Start,
    plan: ResamplePlan,
    first: int,
    count: int,
    *,
    sample_weight: Doubles | None = None,
) -> Resamples:
    """
    Fit resamples `first`, `first` + 1, ... of the rows.

    In a basis where the cross-products of all rows are the identity steps carry the rounding of a well-conditioned
    problem, whatever the columns are. Least squares takes one step. The logistic loss takes one with the Hessian of
    each resample at the fit to all rows and then others with the same, until they are below a ten-thousandth of a
    standard error; fits that are not done after some steps get their Hessian anew, and at last a solver of their own.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        With more rows than columns.
    y : ndarray of shape (n_samples, n_targets)
        For the logistic loss 0 or 1.
    start : Start
    plan : ResamplePlan
    first, count : int
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    Resamples
    """
    rows = _Rows.of(X, y, start, plan, sample_weight)
    width, targets = start.basis.width, len(start.coef)
    found = Resamples(
        np.empty((count, targets, rows.X.shape[1])),
        np.empty((count, targets)),
        np.zeros(count, dtype=bool),
        np.empty((count, targets, width)),
        np.empty((count, width, width)),
    )
    at_once = max(1, MOST_ELEMENTS // max(width, 1) ** 2)
    for begin in range(0, count if width else 0, at_once):  # without a direction all stay at the start
        part = slice(begin, min(begin + at_once, count))
        solve = _least_squares if start.loss == "squared" else _newton
        gram, delta, failed = solve(rows, first + begin, part.stop - begin)
        found.gram[part], found.delta[part], found.degenerate[part] = gram, delta, failed
    coef, intercept = start.basis.coefficients(found.delta)
    np.add(start.coef, coef, out=found.coef)
    np.add(start.intercept, intercept, out=found.intercept)
    for b in np.flatnonzero(found.degenerate):
        rows.refit(first + int(b), found, int(b))
    return found


@dataclass(slots=True)
class _Rows:
    """The rows, and what the steps need of the start."""

    X: Any
    y: Doubles
    start: Start
    plan: ResamplePlan
    weight: Doubles | None
    target: Doubles  # (n_targets, n_samples): residuals, or classes
    offset: Doubles | None
    ridge: Doubles
    pull: Doubles = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, X: Any, y: Doubles, start: Start, plan: ResamplePlan, weight: Doubles | None) -> _Rows:
        (X,) = readable(X)
        fitted = X @ start.coef.T + start.intercept
        squared = start.loss == "squared"
        target = np.ascontiguousarray((y - fitted if squared else y).T, dtype=np.float64)
        offset = None if squared else np.ascontiguousarray(fitted[:, 0], dtype=np.float64)
        basis = start.basis
        return cls(X, y, start, plan, weight, target, offset, basis.ridge(), basis.steps(start.coef))

    def sums(self, first: int, count: int, delta: Doubles | None, wanted: str) -> tuple[Doubles, Doubles]:
        return resampled_sums(
            self.X,
            self.target,
            self.start.basis,
            self.plan,
            first,
            count,
            loss=self.start.loss,
            sample_weight=self.weight,
            offset=self.offset,
            delta=delta,
            wanted=wanted,
        )

    def refit(self, number: int, found: Resamples, b: int) -> None:
        """Fit one resample from its rows: columns that depend on each other get the solution of least norm."""
        start, dtype = self.start, self.X.dtype
        weight = resample_weights(self.plan, number, 1)[0]
        weight = (weight if self.weight is None else weight * self.weight).astype(dtype)
        for t, alpha in enumerate(start.alpha):
            y = self.y[:, t].astype(dtype)
            if start.loss == "squared":
                fit: Any = fit_least_squares(
                    self.X, y, alpha=float(alpha), sample_weight=weight, fit_intercept=start.basis.constant
                )
            else:
                if len(np.unique(y[weight > 0])) < 2:
                    found.coef[b, t], found.intercept[b, t], found.degenerate[b] = np.nan, np.nan, False
                    continue
                init = start.coef[t].astype(dtype), start.intercept[t].astype(dtype)
                fit = fit_smooth(
                    self.X,
                    y,
                    loss=start.loss,
                    alpha=float(alpha) / float(weight.sum()),
                    sample_weight=weight,
                    fit_intercept=start.basis.constant,
                    init=init,
                )
                found.degenerate[b] = fit.status != "converged"
                found.delta[b, t] = start.basis.delta(
                    fit.coef - start.coef[t], float(fit.intercept - start.intercept[t])
                )
            found.coef[b, t], found.intercept[b, t] = fit.coef, fit.intercept


def _least_squares(rows: _Rows, first: int, count: int) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    gram, score = rows.sums(first, count, None, "gs")
    delta, failed = np.empty_like(score), np.zeros(count, dtype=bool)
    for alpha in dict.fromkeys(rows.start.alpha.tolist()):
        mine = np.flatnonzero(rows.start.alpha == alpha)
        right = -score[:, mine] - alpha * rows.pull[mine]
        solved, singular = solve_many(gram + alpha * rows.ridge if alpha else gram, right.transpose(0, 2, 1))
        delta[:, mine] = solved.transpose(0, 2, 1)
        failed |= singular
    return gram, delta, failed


def _newton(rows: _Rows, first: int, count: int) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """
    Newton's method with few Hessians: the steps between are of a quasi-Newton method.

    A step is the last if what comes after it, by the rate at which steps become shorter, is below `NEAR`.
    """
    alpha = float(rows.start.alpha[0])
    delta = np.zeros((count, rows.start.basis.width))
    failed, done = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    gram = np.empty((0, 0, 0))
    for turn in range(CURVATURES):
        gram, score = rows.sums(first, count, delta if turn else None, "gs")
        matrix = gram + alpha * rows.ridge
        inverse, singular = solve_many(matrix, np.broadcast_to(np.eye(matrix.shape[1]), matrix.shape))
        failed |= singular
        waiting = np.zeros(count, dtype=bool)  # for their Hessian
        before = np.full(count, np.inf)
        move = slope = np.empty((0, 0))
        for step in range(STEPS):
            if step:
                score = rows.sums(first, count, delta, "s")[1]
            old_move, old_slope = move, slope
            slope = score[:, 0] + alpha * (rows.pull + delta @ rows.ridge)
            if step:
                _update(inverse, -old_move, slope - old_slope, ~(done | failed | waiting))
            move = np.einsum("bjk,bk->bj", inverse, slope)
            length = np.sqrt(np.abs(np.einsum("bj,bj->b", slope, move)))
            waiting |= ~(length < SHRINKS * before)
            active = ~(done | failed | waiting)
            delta[active] -= move[active]
            rate = length / before if step else np.full(count, FIRST_RATE)
            done |= active & (length * np.minimum(rate, SHRINKS) < NEAR)
            before = length
            if not (active & ~done).any():
                break
        if (done | failed).all():
            break
    failed |= ~done
    delta[failed] = np.nan
    return gram, delta[:, np.newaxis], failed


def _update(inverse: Doubles, move: Doubles, change: Doubles, which: NDArray[np.bool_]) -> None:
    """Let inverse Hessians take a move to the change of the slope along it (Broyden, Fletcher, Goldfarb, Shanno)."""
    curvature = np.einsum("bj,bj->b", move, change)
    which = which & (curvature > 0)
    s, y, H = move[which], change[which], inverse[which]
    scale = 1.0 / curvature[which][:, np.newaxis, np.newaxis]
    Hy = np.einsum("bjk,bk->bj", H, y)
    size = 1.0 + np.einsum("bj,bj->b", y, Hy)[:, np.newaxis, np.newaxis] * scale
    cross = s[:, :, np.newaxis] * Hy[:, np.newaxis, :]
    outer = s[:, :, np.newaxis] * s[:, np.newaxis, :]
    inverse[which] = H + scale * (size * outer - cross - cross.transpose(0, 2, 1))
