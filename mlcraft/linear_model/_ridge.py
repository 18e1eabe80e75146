"""Ridge regression: least squares with a penalty on the size of the coefficients."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions

from mlcraft._engine.array_api import foreign_namespace, give_back, to_numpy
from mlcraft._engine.least_squares import LeastSquaresFit, NonFiniteError
from mlcraft._engine.status import warn_about_fit, warn_caller
from mlcraft._engine.validation import (
    adopt_width,
    check_parameters,
    checked_arrays,
    finite_or_explained,
    plain_arrays,
)
from mlcraft.linear_model._base import LinearEstimator
from mlcraft.linear_model._left_out import LinearLeftOutMixin
from mlcraft.linear_model._regressor import LinearRegressor
from mlcraft.linear_model._ridge_regression import (
    LBFGS_NEEDS_POSITIVE,
    SOLVERS,
    automatic_solver,
    is_penalised,
    iterations,
    penalty,
    refuse_foreign_solver,
    solve_ridge,
    solver_used,
)
from mlcraft.linear_model._updates import UpdatesMixin

__all__ = ["Ridge", "RidgeEstimator"]


class RidgeEstimator(LinearEstimator):
    """Base of `Ridge` and `RidgeClassifier`: parameters, solver names, and the fit of checked arrays."""

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions(set(SOLVERS))],
        "positive": ["boolean"],
        "random_state": ["random_state"],
    }

    alpha: Any
    fit_intercept: bool
    copy_X: bool  # noqa: N815 - scikit-learn's name
    max_iter: int | None
    tol: float
    solver: str
    positive: bool
    random_state: Any

    def _has_plain_parameters(self) -> bool:
        """Tell in half a microsecond whether `_validate_params` would pass."""
        return (
            type(self.alpha) in (float, int)
            and 0.0 <= self.alpha < np.inf
            and type(self.fit_intercept) is bool
            and type(self.positive) is bool
            and type(self.copy_X) is bool
            and self.max_iter is None
            and type(self.tol) is float
            and self.tol >= 0.0
            and type(self.solver) is str
            and self.solver in SOLVERS
            and (self.random_state is None or type(self.random_state) is int)
        )

    def _resolved_solver(self, is_sparse: bool, foreign: Any = None) -> str:
        """Return the name for `solver_`, or raise scikit-learn's error for a combination it refuses."""
        solver = self.solver
        if solver == "lbfgs" and not self.positive:
            raise ValueError(LBFGS_NEEDS_POSITIVE)
        if self.positive:
            if solver not in ("auto", "lbfgs"):
                raise ValueError(
                    f"solver='{solver}' does not support positive fitting. Please"
                    " set the solver to 'auto' or 'lbfgs', or set `positive=False`"
                )
        elif is_sparse and self.fit_intercept:
            solver = self._sparse_intercept_solver()
        elif is_sparse and solver == "svd":
            raise TypeError("SVD solver does not support sparse inputs currently")
        if solver == "auto":
            solver = automatic_solver(self.positive, False, is_sparse, foreign)
        refuse_foreign_solver(solver, foreign)
        return solver

    def _sparse_intercept_solver(self) -> str:
        if self.solver not in ("auto", "lsqr", "sag", "sparse_cg"):
            raise ValueError(
                f"solver='{self.solver}' does not support fitting the intercept "
                "on sparse data. Please set the solver to 'auto' or "
                "'lsqr', 'sparse_cg', 'sag', 'lbfgs' "
                "or set `fit_intercept=False`"
            )
        if self.solver == "sag" and self.max_iter is None and self.tol > 1e-4:
            warn_caller(
                '"sag" solver requires many iterations to fit an intercept with sparse inputs. Either set '
                'the solver to "auto" or "sparse_cg", or set a low "tol" and a high "max_iter" (especially '
                "if inputs are not standardized)."
            )
            return "sag"
        return "lsqr" if self.solver == "lsqr" else "sparse_cg"

    def _solve(self, X: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None, solver: str) -> None:
        """Fit checked arrays and set the fitted attributes.

        The engine may raise NonFiniteError, and then nothing has been set.
        """
        n_targets = 1 if y.ndim == 1 else y.shape[1]
        alpha = penalty(self.alpha, n_targets)
        fit = solve_ridge(
            X,
            y,
            alpha=alpha,
            sample_weight=sample_weight,
            fit_intercept=bool(self.fit_intercept),
            positive=bool(self.positive),
            max_iter=self.max_iter,
        )
        self._store(fit, bool(self.fit_intercept), alpha)
        # one column of targets gives one row of coefficients, flat, but an intercept of shape (1,)
        self.coef_ = fit.coef.ravel() if n_targets == 1 else fit.coef
        self.n_iter_ = iterations(solver, fit, n_targets)
        self.solver_ = solver
        if fit.status != "converged" or fit.rank < X.shape[1]:
            self._report(fit, X, sample_weight, solver)

    def _report(self, fit: LeastSquaresFit, X: Any, sample_weight: NDArray[Any] | None, solver: str) -> None:
        self.solver_ = solver_used(solver, fit, X.shape, self.alpha)
        unique = is_penalised(self.alpha) or bool(self.positive)
        warn_about_fit(self, fit, X, sample_weight, penalised=unique, solver=solver)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(tags, "array_api_support"):
            tags.array_api_support = True
        tags.input_tags.sparse = self.solver != "svd" and (self.solver != "cholesky" or not self.fit_intercept)
        return tags


class Ridge(LinearLeftOutMixin, UpdatesMixin, LinearRegressor, RidgeEstimator):
    """Least squares with an L2 penalty: minimises ||y - X b||^2 + alpha ||b||^2.

    A drop-in replacement of :class:`sklearn.linear_model.Ridge`.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Strength of the penalty, one for all targets or one for each; 0 is least squares.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is not penalised.
    copy_X : bool, default=True
        Accepted for compatibility.  X is never copied and never written to, whatever this says.
    max_iter : int, default=None
        Limit of iterations for sparse X and for `positive`; there are none to limit otherwise.
    tol : float, default=1e-4
        Accepted for compatibility.  Results are as exact as the arithmetic allows, and where columns are
        dependent (`alpha` 0) that is decided after bringing them to one scale.
    solver : {'auto', 'svd', 'cholesky', 'lsqr', 'sparse_cg', 'sag', 'saga', 'lbfgs'}, default='auto'
        Accepted for compatibility, with scikit-learn's rules on what goes with what.  The solution is that of
        mlcraft's own solver, accurate to rounding, whatever the name.
    positive : bool, default=False
        Whether coefficients must not be negative.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.
    intercept_ : float or ndarray of shape (n_targets,)
        Constant term; 0.0 without `fit_intercept`.
    n_iter_ : None or ndarray of shape (n_targets,)
        Number of steps for 'sag', 'saga' and 'lsqr', as in scikit-learn; None for the other names.
    solver_ : str
        The solver scikit-learn would have used.
    condition_ : float
        Estimated condition number of the centred X with columns of unit length, without the penalty.
    factor_ : object or None
        The factorised matrix of size n_features x n_features, for what follows from a fit.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    LinearRegression : The same without a penalty.
    RidgeClassifier : Classification by ridge regression on -1 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import Ridge
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 7.0])
    >>> model = Ridge(alpha=5.0).fit(X, y)
    >>> model.coef_.round(9), round(float(model.intercept_), 9)
    (array([1.]), 2.5)
    """

    _left_out_form = "linear"

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values to predict.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : Ridge
            The fitted estimator.
        """
        if not self._has_plain_parameters():
            check_parameters(self)
        plain = plain_arrays(X, y, sample_weight)
        if plain is not None:
            try:
                self._solve(*plain, self._resolved_solver(is_sparse=False))
            except NonFiniteError:
                pass  # the checks below name the culprit
            else:
                adopt_width(self, X.shape[1])
                return self
        foreign = foreign_namespace(X)
        if foreign is not None:
            X, y, sample_weight = to_numpy(X, y, sample_weight)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, foreign, look))
        if foreign is not None:
            give_back(self, foreign, "coef_", "intercept_")
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, foreign: Any, ensure_all_finite: bool) -> None:
        X, y, sample_weight = checked_arrays(
            self,
            X,
            y,
            sample_weight,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            ensure_all_finite=ensure_all_finite,
        )
        self._solve(X, y, sample_weight, self._resolved_solver(sparse.issparse(X), foreign))
