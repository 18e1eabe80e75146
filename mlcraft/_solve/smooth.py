"""``solver="newton"``, ``"lbfgs"``, ``"newton-cg"``: smooth losses with an L2 penalty."""

from __future__ import annotations

import numpy as np

from mlcraft._engine.smooth import fit_smooth
from mlcraft._solve.outcome import GRADIENT, Outcome
from mlcraft._solve.problem import Problem
from mlcraft._solve.watch import Watch

__all__ = ["run_smooth"]

_NAMES = {"preconditioned lbfgs": "lbfgs"}  # what "auto" has chosen, in the words of solve()


def run_smooth(problem: Problem, solver: str, *, tol: float, max_iter: int, watch: Watch) -> Outcome:
    """
    Minimise by Newton's method, L-BFGS or Newton's method with conjugate gradients.

    Parameters
    ----------
    problem : Problem
        With a smooth loss, and an L2 penalty or none.
    solver : str
        Name, or "auto" for what the engine thinks quickest.
    tol, max_iter : float, int
        Where to stop.
    watch : Watch
        Stops it from outside.

    Returns
    -------
    Outcome
    """
    data = problem.data
    fit = fit_smooth(
        data.X,
        data.y,
        loss=problem.loss_door,
        parameter=problem.parameter,
        alpha=problem.ridge,
        sample_weight=data.weight,
        offset=data.offset,
        fit_intercept=problem.fit_intercept,
        n_classes=max(problem.n_classes, 2),
        init=problem.typed_start,
        method=solver,
        tol=tol,
        max_iter=max_iter,
        max_time=watch.max_time,
        trace=watch.keep,
        callback=watch if watch.is_needed else None,
    )
    coef, intercept = fit.coef.astype(np.float64), np.asarray(fit.intercept, dtype=np.float64)
    if problem.loss.target == "classes" and problem.fit_intercept:
        intercept = intercept - intercept.mean()  # any constant fits as well
    return Outcome(
        coef,
        intercept,
        float(fit.objective),
        float(fit.gradient_norm),
        GRADIENT,
        int(fit.n_iter),
        "max_time" if fit.status == "interrupted" and watch.reason == "max_time" else fit.status,
        _NAMES.get(fit.method, fit.method) if solver == "auto" else solver,
        passes=float(fit.passes),
        rows=list(fit.trace),
    )
