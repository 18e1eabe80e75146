"""How a run ended, in a sentence that says what to do."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["message_of"]

_SENTENCES = {
    "converged": "The {kind} of {certificate:.1e} is below the tolerance {tol:.1e}.",
    "rank_deficient": "Some columns depend on others; this is the solution of minimum norm.",
    "separated": "The classes are told apart perfectly, so that without a penalty no finite coefficients are best; "
    "this is where the fit stopped, at an objective of {objective:.2g}. Give alpha > 0, or leave out the columns that "
    "separate.",
    "max_iter": "Stopped at max_iter = {max_iter} with {article} {kind} of {certificate:.1e} where {tol:.1e} is asked "
    "for; raise max_iter{faster}. This is the best iterate.",
    "max_time": "Stopped after {seconds:.3g} s (max_time = {max_time:.3g}) with {article} {kind} of {certificate:.1e} "
    "where {tol:.1e} is asked for; go on with init=, raise max_time{faster}. This is the best iterate.",
    "stalled": "The steps stopped gaining at {article} {kind} of {certificate:.1e} where {tol:.1e} is asked for{why}; "
    "this is the best iterate.",
    "diverged": "The objective grew without bound: the step is too large{step}. Leave step=None, or make it smaller. "
    "This is the best iterate, at an objective of {objective:.3g}.",
    "interrupted": "Stopped by {who} after {n_iter} iterations with {article} {kind} of {certificate:.1e} where "
    "{tol:.1e} is asked for; go on with init=. This is the best iterate.",
    "not_finite": "The objective left the range of floating point after {n_iter} iterations: scale the columns of X"
    "{smaller}. This is the best iterate.",
}


def message_of(found: Any, *, max_iter: int, max_time: float, tol: float, by: str, settings: dict[str, Any]) -> str:
    """
    Say how a run ended.

    Parameters
    ----------
    found : Outcome
        With status, certificate, kind, objective, n_iter, seconds and solver.
    max_iter, max_time, tol : float
        Limits that it had.
    by : str
        "callback" or "ctrl_c", for a run that was interrupted.
    settings : dict
        Settings of first-order solvers that were given.

    Returns
    -------
    str
    """
    better = "" if found.solver in ("newton", "lbfgs", "newton-cg", "direct", "dual") else ", or use solver='auto'"
    given = settings.get("step")
    if found.stochastic:
        better = ", average=True or another step" + better
    why = ""
    if found.status == "stalled" and math.isfinite(found.certificate) and found.certificate > 0:
        why = ", where rounding or the noise of single rows ends it" if found.stochastic else ", where rounding ends it"
    return _SENTENCES[found.status].format(
        kind=found.kind,
        article="an" if found.kind[0] in "aeio" else "a",
        certificate=found.certificate,
        tol=tol,
        objective=found.objective,
        max_iter=max_iter,
        max_time=max_time,
        seconds=found.seconds,
        n_iter=found.n_iter,
        faster=better,
        why=why,
        step="" if given is None else f" ({given:g})",
        smaller="" if given is None else f", or make step = {given:g} smaller",
        who="Ctrl-C" if by == "ctrl_c" else "the callback",
    )
