"""Ordinary least squares."""

from numbers import Integral, Real
from typing import Any, Self

from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._param_validation import Interval

from mlcraft._engine.array_api import foreign_namespace, give_back, to_numpy
from mlcraft._engine.least_squares import LeastSquaresFit, NonFiniteError, fit_least_squares
from mlcraft._engine.status import warn_about_fit
from mlcraft._engine.validation import (
    adopt_width,
    check_parameters,
    checked_arrays,
    finite_or_explained,
    overwrite_centred,
    plain_arrays,
)
from mlcraft.linear_model._left_out import LinearLeftOutMixin
from mlcraft.linear_model._regressor import LinearRegressor
from mlcraft.linear_model._updates import UpdatesMixin

__all__ = ["LinearRegression"]


class LinearRegression(LinearLeftOutMixin, UpdatesMixin, LinearRegressor):
    """Ordinary least squares: the line (or plane) with the smallest sum of squared errors.

    A drop-in replacement of :class:`sklearn.linear_model.LinearRegression`.  Where columns depend on each
    other, or there are more columns than rows, the coefficients are those of smallest norm.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit a constant term.  Without it, data are expected to be centred.
    copy_X : bool, default=True
        If False, X is overwritten after the fit with its centred (and weighted) values, as scikit-learn does.
        That saves nothing here, since X is never copied: leave it True.
    tol : float, default=1e-6
        Accepted for compatibility.  scikit-learn treats directions of X smaller than `tol` times the
        largest one as absent, which silently loses good columns of small scale.  Here columns are brought to
        one scale first, and only directions lost to rounding count as absent.
    n_jobs : int, default=None
        Accepted for compatibility.  Threads follow `OMP_NUM_THREADS` and threadpoolctl.
    positive : bool, default=False
        Whether coefficients must not be negative.  For dense X only.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients; two-dimensional when `y` is.
    intercept_ : float or ndarray of shape (n_targets,)
        Constant term; 0.0 without `fit_intercept`.
    rank_ : int
        Number of independent columns of the centred X, for dense X without `positive`.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Singular values of the centred X, computed when first asked for.  For dense X without `positive`.
    condition_ : float
        Estimated condition number of the centred X with columns of unit length; infinite if dependent.
    factor_ : object or None
        The factorised normal matrix of size n_features x n_features, for what follows from a fit.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    Warns
    -----
    CollinearityWarning
        If X has more rows than columns and the columns are dependent.
    ConvergenceWarning
        If the solver stopped before it was done (large sparse X or `positive`).

    See Also
    --------
    Ridge : Least squares with a penalty on the size of the coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> y = X @ np.array([1.0, 2.0]) + 3
    >>> model = LinearRegression().fit(X, y)
    >>> model.coef_.round(9)
    array([1., 2.])
    >>> round(float(model.intercept_), 9)
    3.0
    >>> model.predict(np.array([[3.0, 5.0]])).round(9)
    array([16.])
    """

    _left_out_form = "linear"
    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "n_jobs": [None, Integral],
        "positive": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        positive: bool = False,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values to predict; converted to the dtype of X.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : LinearRegression
            The fitted estimator.
        """
        if not self._has_plain_parameters():
            check_parameters(self)
        plain = plain_arrays(X, y, sample_weight)
        if plain is not None:
            try:
                fit = self._solve(*plain)
            except NonFiniteError:
                pass  # the checks below name the culprit
            else:
                adopt_width(self, X.shape[1])
                self._keep(fit, X, plain[2])
                return self
        foreign = foreign_namespace(X)
        if foreign is not None:
            X, y, sample_weight = to_numpy(X, y, sample_weight)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, look))
        if foreign is not None:
            give_back(self, foreign, "coef_", "intercept_")
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> None:
        X, y, sample_weight = checked_arrays(
            self,
            X,
            y,
            sample_weight,
            accept_sparse=False if self.positive else ["csr", "csc"],
            ensure_all_finite=ensure_all_finite,
        )
        self._keep(self._solve(X, y, sample_weight), X, sample_weight)

    def _has_plain_parameters(self) -> bool:
        """Tell in half a microsecond whether `_validate_params` would pass."""
        return (
            type(self.fit_intercept) is bool
            and type(self.positive) is bool
            and type(self.copy_X) is bool
            and type(self.tol) is float
            and self.tol >= 0.0
            and (self.n_jobs is None or type(self.n_jobs) is int)
        )

    def _solve(self, X: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None) -> LeastSquaresFit:
        return fit_least_squares(
            X,
            y,
            sample_weight=sample_weight,
            fit_intercept=bool(self.fit_intercept),
            positive=bool(self.positive),
        )

    def _keep(self, fit: LeastSquaresFit, X: Any, sample_weight: NDArray[Any] | None) -> None:
        self._store(fit, bool(self.fit_intercept))
        self.coef_ = fit.coef
        self.__dict__.pop("_singular", None)
        if self.positive or sparse.issparse(X):
            self.__dict__.pop("rank_", None)
        else:
            self.rank_ = fit.rank
        if fit.status != "converged":
            unique = bool(self.positive)  # the warning speaks of unconstrained solutions
            warn_about_fit(self, fit, X, sample_weight, penalised=unique, solver="least-squares")
        if not self.copy_X:
            overwrite_centred(X, sample_weight, self.fit_intercept)

    @property
    def singular_(self) -> NDArray[Any]:
        """Singular values of the centred (and weighted) X, largest first."""
        fitted = self.__dict__
        if "rank_" not in fitted or self.factor_ is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'singular_'")
        if "_singular" not in fitted:
            self._singular: NDArray[Any] = self.factor_.singular_values()
        return self._singular

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self.positive
        return tags
