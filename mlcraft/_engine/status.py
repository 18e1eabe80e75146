"""How a fit ended, told to the user: numbers of the engine become warnings that say what to do."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from mlcraft.exceptions import CollinearityWarning

__all__ = ["warn_about_fit"]

NAMED_AT_MOST = 5


def warn_about_fit(
    estimator: Any, fit: Any, shape: tuple[int, int], *, penalised: bool, solver: str, stacklevel: int = 3
) -> None:
    """Warn when the solver did not finish, or when an unpenalised tall problem has dependent columns.

    Parameters
    ----------
    estimator : object
        Whose class and column names appear in the text; its `max_iter` and `tol` too, where it has them.
    fit : LeastSquaresFit
        What the engine returned.
    shape : tuple of int
        Rows and columns of the design.
    penalised : bool
        Whether every target has a penalty above zero, which makes the solution unique.
    solver : str
        Name of the solver for the text.
    stacklevel : int, default=3
        Frames up to the caller of `fit`.
    """
    if fit.status in ("max_iter", "stalled"):
        warnings.warn(_unfinished(estimator, fit, solver), ConvergenceWarning, stacklevel=stacklevel)
    n_samples, n_features = shape
    if not penalised and n_samples > n_features and fit.rank < n_features:
        warnings.warn(_collinear(estimator, fit, n_features), CollinearityWarning, stacklevel=stacklevel)


def _unfinished(estimator: Any, fit: Any, solver: str) -> str:
    reason = "ran out of iterations" if fit.status == "max_iter" else "could not improve any further"
    return (
        f"The {solver} solver did not converge. Try increasing max_iter or tol. Currently: "
        f"max_iter={getattr(estimator, 'max_iter', None)} and tol={getattr(estimator, 'tol', None)}. "
        f"It {reason} after {fit.n_iter} steps; scaling the columns to similar size often helps."
    )


def _collinear(estimator: Any, fit: Any, n_features: int) -> str:
    dependent = n_features - fit.rank
    share = "1 column is a combination" if dependent == 1 else f"{dependent} columns are combinations"
    return (
        f"X has {n_features} columns but only {fit.rank} independent ones: {share} of the others or constant"
        f"{_named(estimator, fit)}. Many coefficient vectors fit equally well; coef_ is the one of smallest "
        "norm, so single coefficients have no meaning of their own (predictions do). "
        "Remove redundant columns, or use Ridge."
    )


def _named(estimator: Any, fit: Any) -> str:
    """List the dependent columns if the engine says which they are, by name where names are known."""
    dependent = getattr(fit, "dependent", None)
    if dependent is None or len(dependent) == 0:
        return ""
    columns = np.asarray(dependent)
    names = getattr(estimator, "feature_names_in_", None)
    shown = [repr(str(names[j])) if names is not None else str(j) for j in columns[:NAMED_AT_MOST]]
    more = ", ..." if len(columns) > NAMED_AT_MOST else ""
    return f" ({'column' if len(columns) == 1 else 'columns'} {', '.join(shown)}{more})"
