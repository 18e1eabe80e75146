"""``solver="gram"``: least squares with any penalty, by proximal gradients on the Gram matrix, for two passes over X.

With M = X'WX / W centred, M = R'R, the loss is ``|z - R b|^2 / 2`` and a constant, z = R'^-1 X'Wy / W: a problem of as
many rows as columns, in which an iteration costs next to nothing. The gradient at the end is worked out from the rows
of X: by what it differs from that of the Gram matrix, which is rounding, the certificate grows. If that is too much,
FISTA goes on from there on X itself.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.first_order import FirstOrderSettings, fit_first_order
from mlcraft._engine.kernels import slope
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.spectrum import one_blas_thread, product
from mlcraft._solve.first_order import engine_penalty, run_first_order
from mlcraft._solve.outcome import VIOLATION, Outcome
from mlcraft._solve.problem import Problem
from mlcraft._solve.watch import Watch

__all__ = ["WIDEST", "run_gram"]

Doubles = NDArray[np.float64]
WIDEST = 3000  # columns up to which the matrix is factorised


def run_gram(problem: Problem, settings: FirstOrderSettings, *, tol: float, max_iter: int, watch: Watch) -> Outcome:
    """
    Minimise the squared loss with a penalty on the moments of X and y.

    Parameters
    ----------
    problem : Problem
        With the squared loss.
    settings : FirstOrderSettings
        How FISTA steps.
    tol, max_iter : float, int
        Where to stop.
    watch : Watch
        Stops it from outside.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If X has too many columns.
    """
    data = problem.data
    p = int(data.X.shape[1])
    if p > WIDEST:
        raise ValueError(f"solver='gram' is for up to {WIDEST} columns, X has {p}; use solver='fista'")
    y = data.y if data.offset is None else data.y - data.offset
    X, y, weight = readable(data.X, y, data.weight)
    moments = _core.moments(X, y, weight, problem.fit_intercept)
    if not moments.finite:
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or their squares do")
    total = float(moments.weight_sum)
    gram, products = np.asarray(moments.xx) / total, np.ravel(moments.xy) / total
    spread = math.sqrt(max(float(np.ravel(moments.yy)[0]) / total, 0.0))
    rows, target = _square_root(gram, products)
    if not len(rows):  # no column varies
        rows, target = np.zeros((1, p)), np.zeros(1)
    scale = math.sqrt(len(rows))
    explained = float(np.linalg.norm(target))
    constant = max(spread**2 - explained**2, 0.0) / 2
    ratio = explained / spread if spread > 0 else 0.0

    def report(iteration: int, objective: float, certificate: float) -> bool:
        return watch(iteration, objective + constant, certificate * ratio)

    start = None if problem.start is None else (problem.start[0], np.zeros(()))
    fit = fit_first_order(
        scale * rows,
        scale * target,
        loss="squared",
        solver="fista",
        penalty=engine_penalty(problem),
        fit_intercept=False,
        init=start,
        options=settings,
        tol=tol / max(ratio, 1e-3),
        max_iter=max_iter,
        max_time=watch.max_time,
        trace=watch.keep,
        callback=report if watch.is_needed else None,
    )
    coef = np.asarray(fit.coef, dtype=np.float64)
    mean = np.ravel(moments.x_mean) if problem.fit_intercept else np.zeros(p)
    intercept = float(np.ravel(moments.y_mean)[0]) - float(mean @ coef) if problem.fit_intercept else 0.0
    value, at_point = slope(X, y, np.append(coef, intercept), "squared", 0.0, weight, None, True)
    gradient, constant_slope = at_point[:-1], float(at_point[-1])
    deviation = np.sqrt(np.diagonal(gram))
    error = gradient - mean * constant_slope - (product(gram, coef) - products)
    scaled = np.divide(np.abs(error), deviation, out=np.zeros(p), where=deviation > 0)
    rounding = max(float(scaled.max(initial=0.0)), abs(constant_slope)) / spread if spread > 0 else 0.0
    certificate = float(fit.certificate) * ratio + rounding
    status = "interrupted" if fit.status == "interrupted" and watch.reason != "max_time" else fit.status
    if fit.status == "interrupted" and watch.reason == "max_time":
        status = "max_time"
    found = Outcome(
        coef,
        np.asarray(intercept),
        float(value) + engine_penalty(problem).value(coef),
        certificate,
        VIOLATION,
        int(fit.n_iter),
        status,
        "gram",
        passes=2.0,
        rows=[(i, 1.0, s, value + constant, c * ratio) for i, _, s, value, c in fit.trace] if watch.keep else [],
    )
    if status not in ("converged", "stalled") or certificate <= tol:
        return found
    again = replace(problem, start=(coef, np.asarray(intercept)))
    rest = run_first_order(again, "fista", settings, tol=tol, max_iter=max_iter, watch=watch)
    rest.passes += found.passes
    rest.n_iter += found.n_iter
    rest.rows = found.rows + [(i + found.n_iter, passes + 2.0, s, o, c) for i, passes, s, o, c in rest.rows]
    rest.solver = "gram"
    return rest


@one_blas_thread()
def _square_root(gram: Doubles, products: Doubles) -> tuple[Doubles, Doubles]:
    """Return R and z, R'R the Gram matrix, R'z the products: triangular, or by eigenvectors if it is singular."""
    from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular

    deviation = np.sqrt(np.diagonal(gram))
    scale = np.divide(1.0, deviation, out=np.zeros(len(gram)), where=deviation > 0)
    unit = gram * scale * scale[:, np.newaxis]
    alive = scale > 0
    try:
        if not alive.all():
            raise LinAlgError
        root = cholesky(unit)
        if np.diagonal(root).min() < 1e-5:
            raise LinAlgError
        return root * deviation, np.asarray(solve_triangular(root, products * scale, trans="T"))
    except LinAlgError:
        values, vectors = eigh(unit)
        kept = values > 1e-13 * max(values.max(initial=0.0), 1e-300)
        if not kept.any():  # X without any spread: one row of zeros
            return np.zeros((1, len(gram))), np.zeros(1)
        sizes = np.sqrt(values[kept])
        return sizes[:, np.newaxis] * vectors[:, kept].T * deviation, (vectors[:, kept].T @ (products * scale)) / sizes
