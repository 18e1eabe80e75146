"""Ridge regression as a function, and what it shares with the estimators: solver names and penalties."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator
from sklearn import get_config
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from mlcraft._engine.array_api import foreign_namespace, to_numpy
from mlcraft._engine.least_squares import LeastSquaresFit, fit_least_squares
from mlcraft._engine.status import warn_about_fit, warn_caller
from mlcraft._engine.validation import checked_weights, engine_matrix

__all__ = ["SOLVERS", "ridge_regression"]

SOLVERS = frozenset({"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"})
COUNTING_SOLVERS = frozenset({"sag", "saga", "lsqr"})  # those for which scikit-learn reports n_iter_

LBFGS_NEEDS_POSITIVE = "'lbfgs' solver can be used only when positive=True. Please use another solver."
_PARAMETER_CONSTRAINTS: dict[str, list[Any]] = {
    "X": ["array-like", "sparse matrix", LinearOperator],
    "y": ["array-like"],
    "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
    "sample_weight": [Interval(Real, None, None, closed="neither"), "array-like", None],
    "solver": [StrOptions(set(SOLVERS))],
    "max_iter": [Interval(Integral, 0, None, closed="left"), None],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "positive": ["boolean"],
    "random_state": ["random_state"],
    "return_n_iter": ["boolean"],
    "return_intercept": ["boolean"],
    "check_input": ["boolean"],
}


def penalty(alpha: Any, n_targets: int) -> float | NDArray[np.float64]:
    """Return the penalty of all targets as one float, or one for each target as an array."""
    if type(alpha) is float:
        return alpha
    penalties = np.asarray(to_numpy(alpha)[0], dtype=np.float64).ravel()
    if penalties.size not in (1, n_targets):
        raise ValueError(
            f"Number of targets and number of penalties do not correspond: {penalties.size} != {n_targets}"
        )
    if not np.isfinite(penalties).all() or (penalties < 0).any():
        raise ValueError("alpha must hold finite numbers that are not negative.")
    return float(penalties[0]) if penalties.size == 1 else penalties


def is_penalised(alpha: Any) -> bool:
    """Tell whether every target has a penalty above zero, which makes its solution unique."""
    return bool(np.all(to_numpy(alpha)[0]))


def solve_ridge(
    X: Any,
    y: NDArray[Any],
    *,
    alpha: Any,
    sample_weight: NDArray[Any] | None,
    fit_intercept: bool,
    positive: bool,
    max_iter: int | None,
) -> LeastSquaresFit:
    """Fit with the engine: one exact solver for every solver's name.

    `max_iter` matters only where there are iterations to limit: sparse X and `positive`.
    """
    return fit_least_squares(
        X,
        y,
        alpha=penalty(alpha, 1 if y.ndim == 1 else y.shape[1]),
        sample_weight=sample_weight,
        fit_intercept=fit_intercept,
        positive=positive,
        max_iter=max_iter if positive or sparse.issparse(X) else None,
    )


def solver_used(solver: str, fit: LeastSquaresFit, shape: tuple[int, int], alpha: Any) -> str:
    """Return the name scikit-learn reports in `solver_`: for dependent columns, its Cholesky turns to SVD."""
    unpenalised = fit.rank < shape[1] <= shape[0] and not is_penalised(alpha)
    return "svd" if solver == "cholesky" and unpenalised else solver


def iterations(solver: str, fit: LeastSquaresFit, n_targets: int) -> NDArray[np.int32] | None:
    """Return `n_iter_` for the solvers that have one in scikit-learn."""
    if solver not in COUNTING_SOLVERS:
        return None
    return np.full(n_targets, max(1, fit.n_iter), dtype=np.int32)


def automatic_solver(positive: bool, return_intercept: bool, is_sparse: bool, foreign: Any) -> str:
    """Return what 'auto' means in scikit-learn for this input."""
    if positive:
        solver = "lbfgs"
    elif return_intercept:
        solver = "sag"
    else:
        solver = "sparse_cg" if is_sparse else "cholesky"
    if foreign is None:
        return solver
    name = foreign[0].__name__
    if positive:
        raise ValueError(
            "The solvers that support positive fitting do not support Array API dispatch to namespace "
            f"{name}. Please either disable Array API dispatch, or use a numpy-like namespace, or set "
            "`positive=False`."
        )
    warn_caller(
        f"Using Array API dispatch to namespace {name} with `solver='auto'` will result in using the "
        "solver 'svd'. The results may differ from those when using a Numpy array, because in that case the "
        f"preferred solver would be {solver}. Set `solver='svd'` to suppress this warning."
    )
    return "svd"


def refuse_foreign_solver(solver: str, foreign: Any) -> None:
    """Raise scikit-learn's error for a solver it does not offer for arrays of other libraries."""
    if foreign is not None and solver != "svd":
        raise ValueError(
            f"Array API dispatch to namespace {foreign[0].__name__} only supports solver 'svd'. Got '{solver}'."
        )


def ridge_regression(
    X: Any,
    y: Any,
    alpha: Any,
    *,
    sample_weight: Any = None,
    solver: str = "auto",
    max_iter: int | None = None,
    tol: float = 1e-4,
    verbose: int | bool = 0,
    positive: bool = False,
    random_state: Any = None,
    return_n_iter: bool = False,
    return_intercept: bool = False,
    check_input: bool = True,
) -> Any:
    """Solve min ||y - X b||^2 + alpha ||b||^2 and return the coefficients.

    A drop-in replacement of :func:`sklearn.linear_model.ridge_regression`.  No intercept is fitted, unless
    `return_intercept` asks for it.

    Parameters
    ----------
    X : {array-like, sparse matrix, LinearOperator} of shape (n_samples, n_features)
        Rows to learn from.  A LinearOperator is turned into a dense matrix.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Values to predict.
    alpha : float or array-like of shape (n_targets,)
        Strength of the penalty, one for all targets or one for each.
    sample_weight : float or array-like of shape (n_samples,), default=None
        How much each row counts; not negative.
    solver : {'auto', 'svd', 'cholesky', 'lsqr', 'sparse_cg', 'sag', 'saga', 'lbfgs'}, default='auto'
        Accepted for compatibility, with scikit-learn's rules on what goes with what.  The solution is that of
        mlcraft's own solver, accurate to rounding, whatever the name.
    max_iter : int, default=None
        Limit of iterations for sparse X and for `positive`.
    tol : float, default=1e-4
        Accepted for compatibility; results are as exact as the arithmetic allows.
    verbose : int, default=0
        Accepted for compatibility.
    positive : bool, default=False
        Whether coefficients must not be negative.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.
    return_n_iter : bool, default=False
        Whether to return the number of iterations too: an array for 'sag', 'saga' and 'lsqr', else None.
    return_intercept : bool, default=False
        Whether to fit an intercept and return it too.
    check_input : bool, default=True
        Whether to check X and y; if False they must be float arrays of one dtype.

    Returns
    -------
    coef : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.
    n_iter : None or ndarray of shape (n_targets,)
        With `return_n_iter` only.
    intercept : float or ndarray of shape (n_targets,)
        With `return_intercept` only.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import ridge_regression
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> ridge_regression(X, X @ np.array([2.0, 3.0]), alpha=0.0).round(9)
    array([2., 3.])
    """
    arguments = dict(locals())
    if not get_config()["skip_parameter_validation"]:
        validate_parameter_constraints(_PARAMETER_CONSTRAINTS, arguments, caller_name="ridge_regression")
    if isinstance(X, LinearOperator):
        X = X @ np.eye(X.shape[1], dtype=X.dtype)
    foreign = foreign_namespace(X)
    is_sparse = sparse.issparse(X)
    if solver == "auto":
        solver = automatic_solver(positive, return_intercept, is_sparse, foreign)
    refuse_foreign_solver(solver, foreign)
    _refuse_combinations(solver, positive, return_intercept, is_sparse)
    X, y, sample_weight = to_numpy(X, y, sample_weight)
    X, y = _checked_pair(X, y, check_input)
    weights = checked_weights(sample_weight, X)
    fit = solve_ridge(
        X,
        y,
        alpha=alpha,
        sample_weight=weights,
        fit_intercept=bool(return_intercept),
        positive=bool(positive),
        max_iter=max_iter,
    )
    if fit.status != "converged":
        warn_about_fit(None, fit, X, weights, penalised=is_penalised(alpha), solver=solver)
    return _requested(
        fit,
        1 if y.ndim == 1 else y.shape[1],
        solver,
        return_n_iter=return_n_iter,
        return_intercept=return_intercept,
        foreign=foreign,
    )


def _refuse_combinations(solver: str, positive: bool, return_intercept: bool, is_sparse: bool) -> None:
    if positive and solver != "lbfgs":
        raise ValueError(
            "When positive=True, only 'lbfgs' solver can be used. "
            f"Please change solver {solver} to 'lbfgs' or set positive=False."
        )
    if solver == "lbfgs" and not positive:
        raise ValueError(LBFGS_NEEDS_POSITIVE)
    if return_intercept and solver != "sag":
        raise ValueError(
            "In Ridge, only 'sag' solver can directly fit the intercept. "
            "Please change solver to 'sag' or set return_intercept=False."
        )
    if is_sparse and solver == "svd":
        raise TypeError("SVD solver does not support sparse inputs currently")


def _checked_pair(X: Any, y: Any, check_input: bool) -> tuple[Any, NDArray[Any]]:
    if check_input:
        X = check_array(X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32])
        y = check_array(y, dtype=X.dtype, ensure_2d=False)
    else:
        is_sparse = sparse.issparse(X)
        if not is_sparse:
            X = np.asarray(X)
        elif X.format not in ("csr", "csc"):
            X = X.tocsr()
    X = engine_matrix(X)
    y = np.asarray(y, dtype=X.dtype)
    check_consistent_length(X, y)
    if y.ndim > 2:
        raise ValueError(f"Target y has the wrong shape {y.shape}")
    return X, y


def _requested(
    fit: LeastSquaresFit,
    n_targets: int,
    solver: str,
    *,
    return_n_iter: bool,
    return_intercept: bool,
    foreign: Any,
) -> Any:
    """Return what the caller asked for, in scikit-learn's shapes and order."""
    coef = fit.coef.ravel() if n_targets == 1 else fit.coef
    intercept = fit.intercept.ravel()[0] if fit.intercept.size == 1 else fit.intercept
    if foreign is not None:
        coef = foreign[0].asarray(coef, device=foreign[1])
    result: list[Any] = [coef]
    if return_n_iter:
        result.append(iterations(solver, fit, n_targets))
    if return_intercept:
        result.append(intercept)
    return result[0] if len(result) == 1 else tuple(result)
