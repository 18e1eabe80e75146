"""How a fit ended, told to the user: numbers of the engine become warnings that say what to do."""

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from mlcraft.exceptions import CollinearityWarning

__all__ = ["name_columns", "warn_about_fit", "warn_caller"]

NAMED_AT_MOST = 5


def warn_about_fit(
    estimator: Any,
    fit: Any,
    X: Any,
    sample_weight: NDArray[Any] | None,
    *,
    penalised: bool,
    solver: str,
    remedy: str = "use Ridge",
) -> None:
    """Warn when the solver did not finish, or when an unpenalised tall dense problem has dependent columns.

    Parameters
    ----------
    estimator : object
        Whose class and column names appear in the text; its `max_iter` and `tol` too, where it has them.
    fit : LeastSquaresFit
        What the engine returned.
    X : ndarray or sparse matrix
        The design.  Sparse designs are often dependent by intention (one column for each category).
    sample_weight : ndarray of shape (n_samples,) or None
        Weights of the rows; rows of weight zero do not make a problem tall.
    penalised : bool
        Whether every target has a penalty above zero, which makes the solution unique.
    solver : str
        Name of the solver for the text.
    remedy : str, default="use Ridge"
        What to do about dependent columns, beside removing them.
    """
    if fit.status in ("max_iter", "stalled"):
        warn_caller(_unfinished(estimator, fit, solver), ConvergenceWarning)
    n_features = X.shape[1]
    if penalised or fit.rank >= n_features or sparse.issparse(X):
        return
    n_rows = X.shape[0] if sample_weight is None else np.count_nonzero(sample_weight)
    if n_rows > n_features:
        warn_caller(_collinear(estimator, fit, n_features, remedy), CollinearityWarning)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line outside this package that called it, however deep inside the cause was met."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("mlcraft."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _unfinished(estimator: Any, fit: Any, solver: str) -> str:
    reason = "ran out of iterations" if fit.status == "max_iter" else "could not improve any further"
    return (
        f"The {solver} solver did not converge. Try increasing max_iter or tol. Currently: "
        f"max_iter={getattr(estimator, 'max_iter', None)} and tol={getattr(estimator, 'tol', None)}. "
        f"It {reason} after {fit.n_iter} steps; scaling the columns to similar size often helps."
    )


def _collinear(estimator: Any, fit: Any, n_features: int, remedy: str) -> str:
    dependent = n_features - fit.rank
    share = "1 column is a combination" if dependent == 1 else f"{dependent} columns are combinations"
    return (
        f"X has {n_features} columns but only {fit.rank} independent ones: {share} of the others or constant"
        f"{_named(estimator, fit)}. Many coefficient vectors fit equally well; coef_ is the one of smallest "
        "norm, so single coefficients have no meaning of their own (predictions do). "
        f"Remove redundant columns, or {remedy}."
    )


def _named(estimator: Any, fit: Any) -> str:
    """List the columns that the earlier ones explain, by name where names are known."""
    factor = fit.factor
    if factor is None or factor.dual:
        return ""
    # what is left of a column once its predecessors are taken out is on the diagonal of the factor
    left = np.where(factor.scale > 0, np.abs(np.diagonal(factor.lower)), 0.0)
    columns = np.sort(np.argsort(left, kind="stable")[: len(left) - fit.rank])
    return f" ({name_columns(estimator, columns)})"


def name_columns(estimator: Any, columns: NDArray[np.intp]) -> str:
    """List columns, by name where names are known: "column 'age'", "columns 2, 5, ..."."""
    names = getattr(estimator, "feature_names_in_", None)
    shown = [repr(str(names[j])) if names is not None else str(j) for j in columns[:NAMED_AT_MOST]]
    more = ", ..." if len(columns) > NAMED_AT_MOST else ""
    return f"column{'' if len(columns) == 1 else 's'} {', '.join(shown)}{more}"
