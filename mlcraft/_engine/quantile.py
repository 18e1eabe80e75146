"""Quantile regression with an L1 penalty: the interior-point method, and the vertex that it leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mlcraft._engine.box_dual import fit_box_dual
from mlcraft._engine.information import row_blocks
from mlcraft._engine.least_squares import predict_linear
from mlcraft._engine.spectrum import one_blas_thread

__all__ = ["QuantileFit", "fit_quantile"]

Doubles = NDArray[np.float64]
INSIDE = 1e-4  # share of the width of a box by which the dual of an interpolated row is away from its ends
ROUNDING = 1e-9
CONSTANT = 1e-12  # spread of a column, by its largest value
DEPENDENT = 1e-14  # eigenvalue of the columns at unit spread, for each of them
EXACT = 1e-3  # of the mean deviation of y: objectives below it are not what a gap is measured by


@dataclass(slots=True)
class QuantileFit:
    """
    What quantile regression leaves.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
    intercept : float
    objective : float
        ``sum(w_i loss_i) / sum(w_i) + alpha |coef|_1``.
    gap : float
        The certificate: `objective` is at most this much above the smallest possible. 0: a vertex, proved by its signs.
    dual : ndarray of shape (n_samples,)
        Each in ``[(quantile - 1) w_i, quantile w_i] / sum(w)``; where it is inside, the row is interpolated.
    n_iter : int
    status : str
        "converged", "max_iter" or "stalled".
    """

    coef: Doubles
    intercept: float
    objective: float
    gap: float
    dual: Doubles
    n_iter: int
    status: str


def fit_quantile(
    X: Any,
    y: Doubles,
    *,
    quantile: float,
    alpha: float = 0.0,
    sample_weight: Doubles | None = None,
    fit_intercept: bool = True,
    tol: float = 1e-9,
    max_iter: int = 200,
) -> QuantileFit:
    """
    Minimise ``sum(w_i loss(y_i - c - x_i'b)) / sum(w_i) + alpha |b|_1``, ``loss(r) = max(q r, (q - 1) r)``.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float64, not copied.
    y : ndarray of shape (n_samples,)
    quantile : float
        Between 0 and 1, exclusive.
    alpha : float, default=0.0
        The L1 penalty.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative. Default: all one.
    fit_intercept : bool, default=True
        Whether c is fitted or zero.
    tol : float, default=1e-9
        Bound on the duality gap relative to the objective.
    max_iter : int, default=200
        Bound on the interior-point steps.

    Returns
    -------
    QuantileFit

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity.

    References
    ----------
    Portnoy and Koenker (1997). The Gaussian hare and the Laplacian tortoise. Statistical Science 12, 279-300.
    """
    n = X.shape[0]
    share = np.full(n, 1.0 / n) if sample_weight is None else sample_weight / sample_weight.sum()
    boxes = ((quantile - 1.0) * share, quantile * share)
    fit = _solve(X, y, *boxes, share, alpha, fit_intercept, tol, max_iter)
    if fit.gap == 0 or alpha > 0:
        return fit
    seen = _seen(X, share, fit_intercept)
    if seen is None:
        return fit
    few = np.ascontiguousarray(X[:, seen.kept]) if isinstance(X, np.ndarray) else X[:, seen.kept]
    again = _solve(few, y, *boxes, share, alpha, fit_intercept, tol, max_iter)
    return _least_norm(seen, replace(again, n_iter=fit.n_iter + again.n_iter))


def _solve(
    X: Any,
    y: Doubles,
    lower: Doubles,
    upper: Doubles,
    share: Doubles,
    alpha: float,
    fit_intercept: bool,
    tol: float,
    max_iter: int,
) -> QuantileFit:
    """Go to the vertex, or as near the minimum as `tol` asks where there is none."""
    p = X.shape[1]
    centre, size = _scale_of(y, share)
    width = p + int(fit_intercept)
    penalty = np.zeros(width)
    penalty[:p] = alpha
    found = fit_box_dual(
        X,
        (y - centre) / size if fit_intercept else y / size,
        lower,
        upper,
        bias=1.0 if fit_intercept else 0.0,
        tol=tol,
        max_iter=max_iter,
        ridge=np.zeros(width),
        l1=penalty if alpha > 0 else None,
    )
    if found.status == "stalled" and found.gap <= tol * max(found.objective, EXACT):  # of a fit that may be exact
        found.status = "converged"
    intercept = size * found.intercept + centre if fit_intercept else 0.0
    fit = QuantileFit(
        size * found.coef, intercept, size * found.objective, size * found.gap, found.dual, found.n_iter, found.status
    )
    vertex = _vertex(X, y, lower, upper, alpha, fit_intercept, fit)
    return fit if vertex is None else vertex


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the rows with a weight see of dependent columns: which of them do, their spread, a subset that is enough."""

    varying: NDArray[np.intp]
    spread: Doubles  # of these
    null: Doubles  # orthonormal directions of these at unit spread that no row sees
    kept: NDArray[np.intp]
    mean: Doubles  # of all; zeros without an intercept


@one_blas_thread()
def _seen(X: Any, share: Doubles, fit_intercept: bool) -> _Seen | None:
    """Find what the columns lack, or None where they are independent."""
    p = X.shape[1]
    mean = np.asarray(X.T @ share, dtype=np.float64) if fit_intercept else np.zeros(p)
    gram, largest = np.zeros((p, p)), np.zeros(p)
    for rows, block in row_blocks(X):
        some = block[share[rows] > 0]
        np.maximum(largest, np.abs(some).max(axis=0, initial=0.0), out=largest)
        centred = block - mean
        gram += centred.T @ (share[rows, np.newaxis] * centred)
    size = np.sqrt(np.diagonal(gram))
    varying = np.flatnonzero(size > CONSTANT * largest)
    spread = size[varying]
    unit = gram[np.ix_(varying, varying)] / spread / spread[:, np.newaxis]
    values, vectors = linalg.eigh(unit)
    null = vectors[:, values <= DEPENDENT * len(values)]
    if len(varying) == p and not null.size:
        return None
    order = linalg.qr(unit, mode="r", pivoting=True)[1]
    return _Seen(varying, spread, null, np.sort(varying[order[: len(varying) - null.shape[1]]]), mean)


def _least_norm(seen: _Seen, fit: QuantileFit) -> QuantileFit:
    """Return the fit to `seen.kept` as one to all columns: of those that predict the same, the least at unit spread."""
    coef = np.zeros(len(seen.mean))
    coef[seen.kept] = fit.coef
    before = coef.copy()
    scaled = coef[seen.varying] * seen.spread
    coef[seen.varying] = (scaled - seen.null @ (seen.null.T @ scaled)) / seen.spread
    return replace(fit, coef=coef, intercept=fit.intercept + float(seen.mean @ (before - coef)))


@one_blas_thread()
def _scale_of(y: Doubles, share: Doubles) -> tuple[float, float]:
    """Return a centre and a size of y, so that the tolerances of the engine mean the same for any units."""
    if y[0] == y[-1] and np.all(y == y[0]):
        return float(y[0]), 1.0
    centre = float(share @ y)
    size = float(share @ np.abs(y - centre))
    if not np.isfinite(size):
        return 0.0, 1.0  # the engine tells
    return centre, size if size > 0 else 1.0


@one_blas_thread()
def _vertex(
    X: Any, y: Doubles, lower: Doubles, upper: Doubles, alpha: float, fit_intercept: bool, fit: QuantileFit
) -> QuantileFit | None:
    """Interpolate rows whose duals are inside, and prove by the signs of the others that this is the minimum."""
    p = X.shape[1]
    pull = np.asarray(X.T @ fit.dual, dtype=np.float64)
    used = np.flatnonzero(np.abs(pull) >= alpha * (1.0 - INSIDE)) if alpha > 0 else np.arange(p)
    rows = _interpolated(X, lower, upper, used, fit_intercept, fit)
    if rows is None:
        return None
    basis = _with_ones(X[rows][:, used], fit_intercept)
    try:
        solution = np.linalg.solve(basis, y[rows])
    except np.linalg.LinAlgError:
        return None
    coef = np.zeros(p)
    coef[used] = solution[: len(used)]
    intercept = float(solution[-1]) if fit_intercept else 0.0
    residual = y - predict_linear(X, coef, np.asarray(intercept))
    residual[rows] = 0.0
    residual[np.abs(residual) <= ROUNDING * fit.objective] = 0.0  # others through which the plane goes: ties
    dual = np.where(residual > 0, upper, np.where(residual < 0, lower, fit.dual))
    dual[rows] = 0.0
    wanted = np.append(alpha * np.sign(coef[used]), np.zeros(int(fit_intercept)))
    rest = np.append((X.T @ dual)[used], dual.sum() if fit_intercept else np.zeros(0))
    dual[rows] = np.linalg.solve(basis.T, wanted - rest)
    slack = ROUNDING * (upper[rows] - lower[rows])
    inside = np.all((dual[rows] >= lower[rows] - slack) & (dual[rows] <= upper[rows] + slack))
    bounded = alpha == 0 or bool(np.all(np.abs(X.T @ dual) <= alpha * (1 + ROUNDING)))
    if not (inside and bounded and np.all(np.isfinite(coef))):
        return None
    residual = y - predict_linear(X, coef, np.asarray(intercept))
    objective = float(np.maximum(upper * residual, lower * residual).sum()) + alpha * float(np.abs(coef).sum())
    np.clip(dual, lower, upper, out=dual)
    return QuantileFit(coef, intercept, objective, 0.0, dual, fit.n_iter, "converged")


def _interpolated(
    X: Any, lower: Doubles, upper: Doubles, used: NDArray[np.intp], fit_intercept: bool, fit: QuantileFit
) -> NDArray[np.intp] | None:
    """Return as many independent rows with duals inside as there are unknowns, or None."""
    share = (fit.dual - lower) / np.where(upper > lower, upper - lower, 1.0)
    rows = np.flatnonzero((share > INSIDE) & (share < 1.0 - INSIDE) & (upper > lower))
    unknowns = len(used) + int(fit_intercept)
    if unknowns == 0 or not unknowns <= len(rows) <= 4 * unknowns + 100:
        return None
    if len(rows) == unknowns:
        return rows
    _, triangle, order = linalg.qr(_with_ones(X[rows][:, used], fit_intercept).T, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.sort(rows[order[:unknowns]]) if size[-1] > 1e-12 * size[0] else None


def _with_ones(block: Any, fit_intercept: bool) -> Doubles:
    dense = block if isinstance(block, np.ndarray) else block.toarray()
    return np.column_stack([dense, np.ones((len(dense), int(fit_intercept)))])
