"""How a logistic fit ended, told to the user with numbers and names of columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mlcraft._engine.smooth import SmoothFit
from mlcraft._engine.status import name_columns, warn_caller
from mlcraft.exceptions import SeparationWarning
from mlcraft.linear_model._logistic_fit import LogisticProblem
from mlcraft.linear_model._logistic_rules import engine_tolerance

__all__ = ["warn_about_logistic"]

RUNAWAY = 0.1  # columns whose part in eta is this share of the largest have run away with it
SURE = 1e-6  # a probability this near to 0 or 1 counts as that


def warn_about_logistic(estimator: Any, fit: SmoothFit, problem: LogisticProblem) -> None:
    """Warn when the solver did not finish, or when the classes can be told apart perfectly.

    Parameters
    ----------
    estimator : object
        Whose `solver`, `max_iter`, `tol` and column names appear in the text.
    fit : SmoothFit
        What the engine returned.
    problem : LogisticProblem
        What it was given.
    """
    if fit.status == "separated":
        warn_caller(_separated(estimator, fit, problem), SeparationWarning)
    elif fit.status != "converged":
        warn_caller(_unfinished(estimator, fit, problem), ConvergenceWarning)


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
        f"The gradient of the mean loss, in columns of unit root mean square, is {fit.gradient_norm:.2g} where "
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
    coef = np.atleast_2d(fit.coef).astype(np.float64)
    sizes = np.abs(coef).max(axis=0) * _spread(problem.X)
    columns = np.argsort(-sizes, kind="stable")
    runaway = columns[sizes[columns] > RUNAWAY * sizes.max(initial=0.0)]
    sure, n_rows = _sure_rows(coef, np.atleast_1d(fit.intercept), problem)
    kind = "perfectly" if sure == n_rows else "perfectly in part"
    which = f" {name_columns(estimator, runaway)}" if len(runaway) else " the intercept alone"
    return (
        f"The classes are told apart {kind}:{which} give{'s' if len(runaway) < 2 else ''} {sure} of {n_rows} rows a "
        f"probability within {SURE:g} of 0 or 1. Without a penalty no finite coefficients are best: the larger, the "
        f"better. coef_ is where the fit stopped, at a mean loss of {fit.objective:.2g} after {fit.n_iter} "
        "iteration(s); probabilities are good, coefficients and their standard errors mean nothing. "
        "Use a finite C, or leave the columns out."
    )


def _spread(X: Any) -> NDArray[np.float64]:
    """Return the root mean square of each column about its mean, in one pass without a copy of X."""
    n = X.shape[0]
    if isinstance(X, np.ndarray):
        found = np.empty(X.shape[1])
        for start in range(0, X.shape[1], 64):
            found[start : start + 64] = X[:, start : start + 64].std(axis=0, dtype=np.float64)
        return found
    mean = np.asarray(X.sum(axis=0), dtype=np.float64).ravel() / n
    square = np.asarray(X.multiply(X).sum(axis=0), dtype=np.float64).ravel() / n
    variance: NDArray[np.float64] = np.maximum(square - mean**2, 0.0)
    return np.sqrt(variance)


def _sure_rows(coef: NDArray[Any], intercept: NDArray[Any], problem: LogisticProblem) -> tuple[int, int]:
    """Count the rows with weight that are given a probability of 0 or 1, and all rows with weight."""
    eta = np.asarray(problem.X @ coef.T + intercept)
    if eta.shape[1] == 1:
        margin = np.abs(eta[:, 0])
    else:
        two = np.partition(eta, eta.shape[1] - 2, axis=1)[:, -2:]
        margin = two[:, 1] - two[:, 0]
    counted = np.ones(len(margin), dtype=bool) if problem.weight is None else problem.weight > 0
    return int(np.count_nonzero((margin > -np.log(SURE)) & counted)), int(np.count_nonzero(counted))
