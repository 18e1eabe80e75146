"""``solver="auto"``: which solver should reach the certificate first, and with which settings. All of it is here."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlcraft._solve.problem import Problem
from mlcraft._solve.table import SOLVERS

__all__ = ["choose_solver"]

#: Multiplications in a Gram matrix and stored elements of X read by a pass, a second: only the ratio matters.
GRAM_RATE, PASS_RATE = 3e10, 2e9
#: Passes over X that proximal gradients are expected to take to a certificate of 1e-6, with the steps named.
PASSES = {"barzilai_borwein": 70.0}
#: Factorise up to this many columns.
WIDEST_GRAM = 2_000


def choose_solver(problem: Problem) -> tuple[str, dict[str, Any]]:
    """
    Return the solver that should be quickest, and its settings.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    solver : str
        A name in `SOLVERS`, or "smooth": what `fit_smooth` chooses among Newton's method, L-BFGS and Newton-CG, by a
        model of its own of what passes and Gram matrices cost.
    settings : dict
    """
    loss, penalty = problem.loss, problem.penalty
    n, p = problem.data.X.shape
    if not loss.smooth:
        if SOLVERS["dual"].takes_loss(loss) and penalty in SOLVERS["dual"].penalties:
            return "dual", {}
        return "adagrad", {}
    if penalty in ("none", "l2"):
        return ("direct" if loss.name == "squared" else "smooth"), {}
    if loss.name == "squared" and p <= WIDEST_GRAM and _gram_seconds(problem) < _descent_seconds(problem):
        return "gram", {}
    if loss.name == "squared" and n < p:  # curvature only in some directions: momentum beats long steps
        return "fista", {}
    return "gd", {"step_rule": "barzilai_borwein"}


def _gram_seconds(problem: Problem) -> float:
    p = float(problem.data.X.shape[1])
    return (_stored(problem) * p + 10.0 * p**3) / GRAM_RATE + 2 * _stored(problem) / PASS_RATE


def _descent_seconds(problem: Problem) -> float:
    return PASSES["barzilai_borwein"] * _stored(problem) / PASS_RATE


def _stored(problem: Problem) -> float:
    """Return the number of elements of X that a pass reads."""
    X = problem.data.X
    return float(X.size if isinstance(X, np.ndarray) else X.nnz)
