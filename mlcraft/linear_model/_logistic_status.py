"""How a logistic fit ended, told to the user with numbers and names of columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mlcraft._engine.least_squares import LeastSquaresFit
from mlcraft._engine.smooth import SmoothFit
from mlcraft._engine.status import name_columns, warn_about_fit, warn_caller
from mlcraft.exceptions import SeparationWarning
from mlcraft.linear_model._logistic_fit import LogisticProblem
from mlcraft.linear_model._logistic_rules import engine_tolerance

__all__ = ["warn_about_logistic"]

SURE = 1e-6  # a probability this near to 0 or 1 counts as that


def warn_about_logistic(
    estimator: Any, fit: SmoothFit, problem: LogisticProblem, dependent: LeastSquaresFit | None = None
) -> None:
    """Warn when the solver did not finish, when the classes can be told apart perfectly, or when columns are dependent.

    Parameters
    ----------
    estimator : object
        Whose `solver`, `max_iter`, `tol` and column names appear in the text.
    fit : SmoothFit
        What the engine returned.
    problem : LogisticProblem
        What it was given.
    dependent : LeastSquaresFit or None, default=None
        What `LogisticProblem.least_norm` returned.
    """
    if dependent is not None:
        remedy = "set a finite C"
        warn_about_fit(estimator, dependent, problem.X, problem.weight, penalised=False, solver="", remedy=remedy)
    if fit.status == "separated":
        idle = _classes_without_weight(problem)
        text = _without_weight(estimator, idle) if len(idle) else _separated(estimator, fit, problem)
        warn_caller(text, SeparationWarning)
    elif fit.status == "max_iter" or (fit.status == "stalled" and fit.gradient_norm > _rounding(problem)):
        warn_caller(_unfinished(estimator, fit, problem), ConvergenceWarning)


def _rounding(problem: LogisticProblem) -> float:
    """Return a gradient that may be left where rounding (of a large mean, say) ends a fit without a word."""
    return max(1e-6, 100 * float(np.finfo(problem.X.dtype).eps))


def _classes_without_weight(problem: LogisticProblem) -> NDArray[np.intp]:
    codes = problem.codes.astype(np.intp)
    return np.flatnonzero(np.bincount(codes, weights=problem.weight, minlength=problem.n_classes) == 0)


def _without_weight(estimator: Any, idle: NDArray[np.intp]) -> str:
    labels = ", ".join(repr(label) for label in estimator.classes_[idle].tolist())
    return (
        f"All rows of class {labels} have weight zero, so that nothing keeps its probability from 0: "
        "intercept_ is where the fit stopped. Leave those rows out."
    )


def _unfinished(estimator: Any, fit: SmoothFit, problem: LogisticProblem) -> str:
    head = {
        "newton-cg": f"newton-cg failed to converge at loss = {fit.objective}. Increase the number of iterations.",
        "newton-cholesky": f"Newton solver did not converge after {fit.n_iter} iterations.",
        "liblinear": "Liblinear failed to converge, increase the number of iterations.",
        "sag": "The max_iter was reached which means the coef_ did not converge",
        "saga": "The max_iter was reached which means the coef_ did not converge",
    }.get(estimator.solver, f"lbfgs failed to converge after {fit.n_iter} iteration(s).")
    if fit.status != "max_iter":
        head = f"{estimator.solver} failed to converge: no step improved the fit after {fit.n_iter} iteration(s)."
    certificate = (
        f"The gradient, in columns of unit variance and relative to the residuals, is {fit.gradient_norm:.2g} where "
        f"{engine_tolerance(estimator.tol):.2g} is asked for (max_iter={estimator.max_iter}, tol={estimator.tol})."
    )
    parts = [head, certificate, "coef_ is the best solution found."]
    if problem.weight is not None:
        positive = problem.weight[problem.weight > 0]
        low, high = float(positive.min()), float(positive.max())
        if high / low > 1e8:
            parts.append(f"The weights of the rows, from {low:.2g} to {high:.2g}, are very far apart.")
    if fit.status == "max_iter":
        parts.append("Increase max_iter.")
    return " ".join(parts)


def _separated(estimator: Any, fit: SmoothFit, problem: LogisticProblem) -> str:
    runaway = np.array(fit.diverging, dtype=np.intp)
    sure, n_rows = _sure_rows(fit, problem)
    kind = "perfectly" if sure == n_rows else "perfectly in part"
    which = name_columns(estimator, runaway) if len(runaway) else "the intercept"
    verb = "gives" if len(runaway) < 2 else "give"
    return (
        f"The classes are told apart {kind}: {which} {verb} {sure} of {n_rows} rows a probability within {SURE:g} of "
        "0 or 1. Without a penalty no finite coefficients are best: the larger, the better. coef_ is where the fit "
        f"stopped, at a mean loss of {fit.objective:.2g} after {fit.n_iter} iteration(s): probabilities are good, "
        "coefficients and their standard errors mean nothing. Use a finite C, or leave those columns out."
    )


def _sure_rows(fit: SmoothFit, problem: LogisticProblem) -> tuple[int, int]:
    """Count the rows with weight that are given a probability of 0 or 1, and all rows with weight."""
    eta = np.asarray(problem.X @ np.atleast_2d(fit.coef).T + fit.intercept)
    if eta.shape[1] == 1:
        margin = np.abs(eta[:, 0])
    else:
        two = np.partition(eta, eta.shape[1] - 2, axis=1)[:, -2:]
        margin = two[:, 1] - two[:, 0]
    counted = np.ones(len(margin), dtype=bool) if problem.weight is None else problem.weight > 0
    return int(np.count_nonzero((margin > -np.log(SURE)) & counted)), int(np.count_nonzero(counted))
