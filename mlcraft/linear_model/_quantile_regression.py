"""Regression on quantiles: the pinball loss with an L1 penalty."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from mlcraft._engine.quantile import QuantileFit, fit_quantile
from mlcraft._engine.status import warn_caller
from mlcraft._engine.validation import check_parameters, checked_weights, engine_matrix, finite_or_explained
from mlcraft.linear_model._base import LinearEstimator

__all__ = ["QuantileRegressor"]


class QuantileRegressor(RegressorMixin, LinearEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Linear regression on one or several quantiles, with an L1 penalty.

    A drop-in replacement of :class:`sklearn.linear_model.QuantileRegressor`. It minimises
    ``sum(w_i loss_i) / sum(w_i) + alpha |b|_1`` with ``loss = max(quantile r, (quantile - 1) r)``, ``r = y - x'b - c``,
    by an interior-point method on p x p matrices, and ends at a vertex that the signs of the residuals prove to be the
    minimum; where the minimum is not unique, near the middle of the solutions.

    Parameters
    ----------
    quantile : float or array-like of float, default=0.5
        What is predicted, between 0 and 1, exclusive. With several, which scikit-learn does not offer, `coef_` has a
        row for each and `predict` a column.
    alpha : float, default=1.0
        The L1 penalty of the coefficients; 0 for none.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is not penalised.
    solver : {'highs-ds', 'highs-ipm', 'highs', 'interior-point', 'revised simplex'}, default='highs'
        Accepted for compatibility, with scikit-learn's rules; the solution is the same.
    solver_options : dict, default=None
        'maxiter' bounds the interior-point steps (200 by default); other entries are accepted and have no effect.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_quantiles, n_features)
        Coefficients, float64.
    intercept_ : float or ndarray of shape (n_quantiles,)
        Constant term; 0.0 without `fit_intercept`.
    n_iter_ : int
        Number of interior-point steps, the largest of all quantiles.
    certificate_ : float or ndarray of shape (n_quantiles,)
        The duality gap relative to the objective: by how much it might be smaller at most. 0 at a vertex.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    LinearRegression : Regression on the mean.

    References
    ----------
    Koenker and Bassett (1978). Regression quantiles. Econometrica 46, 33-50.
    Portnoy and Koenker (1997). The Gaussian hare and the Laplacian tortoise. Statistical Science 12, 279-300.
    Chernozhukov, Fernandez-Val and Galichon (2010). Quantile and probability curves without crossing. Econometrica 78,
    1093-1125.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import QuantileRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 7.0, 90.0])  # the last one is far off
    >>> model = QuantileRegressor(alpha=0).fit(X, y)
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([2.]), 1.0)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"highs-ds", "highs-ipm", "highs", "interior-point", "revised simplex"})],
        "solver_options": [dict, None],
    }

    def __init__(
        self,
        *,
        quantile: Any = 0.5,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: str = "highs",
        solver_options: dict[str, Any] | None = None,
    ) -> None:
        self.quantile = quantile
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.solver_options = solver_options

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from. float64 arrays and CSR or CSC matrices are not copied.
        y : array-like of shape (n_samples,)
            Values to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; not negative. Weight zero is as if the row were not there.

        Returns
        -------
        self : QuantileRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input.

        Warns
        -----
        ConvergenceWarning
            When the steps ran out, or the arithmetic, before the duality gap was below 1e-9 of the objective.
        """
        check_parameters(self)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, look))
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> None:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            y_numeric=True,
            dtype=np.float64,
            ensure_all_finite=ensure_all_finite,
        )
        quantiles = self._quantiles()
        if self.solver == "interior-point":
            raise ValueError(f"Solver {self.solver} is not anymore available in SciPy >= 1.11.0.")
        if sparse.issparse(X) and self.solver == "revised simplex":
            raise ValueError(f"Solver {self.solver} does not support sparse X. Use solver 'highs' for example.")
        X = engine_matrix(X)
        target, weight = np.asarray(y, dtype=np.float64), checked_weights(sample_weight, X)
        limit = (self.solver_options or {}).get("maxiter", 200)
        fits = [
            fit_quantile(
                X,
                target,
                quantile=float(quantile),
                alpha=float(self.alpha),
                sample_weight=weight,
                fit_intercept=bool(self.fit_intercept),
                max_iter=int(limit),
            )
            for quantile in quantiles
        ]
        coef, intercept = np.array([fit.coef for fit in fits]), np.array([fit.intercept for fit in fits])
        gaps = np.array([fit.gap / fit.objective if fit.objective > 0 else 0.0 for fit in fits])
        one = np.ndim(self.quantile) == 0
        self.coef_ = coef[0] if one else coef
        self.intercept_ = (intercept[0] if one else intercept) if self.fit_intercept else 0.0
        self.n_iter_ = max(fit.n_iter for fit in fits)
        self.certificate_ = gaps[0] if one else gaps
        for quantile, fit, gap in zip(quantiles, fits, gaps, strict=True):
            self._tell(float(quantile), fit, float(gap))

    def _quantiles(self) -> NDArray[np.float64]:
        quantiles = np.atleast_1d(np.asarray(self.quantile, dtype=np.float64))
        if quantiles.ndim > 1 or quantiles.size == 0 or not np.all((quantiles > 0) & (quantiles < 1)):
            raise ValueError(
                f"quantile must be a number between 0 and 1, exclusive, or a sequence of such numbers; "
                f"got {self.quantile!r}"
            )
        return quantiles

    def _tell(self, quantile: float, fit: QuantileFit, gap: float) -> None:
        if fit.status != "converged":
            why = "max_iter" if fit.status == "max_iter" else "rounding"
            warn_caller(
                f"The fit of quantile {quantile:g} was stopped by {why} after {fit.n_iter} steps with a duality gap "
                f"of {gap:.1g} of the objective (1e-9 is asked for): raise solver_options={{'maxiter': ...}}, or scale "
                "the columns of X. coef_ is the best found",
                ConvergenceWarning,
            )

    def predict(self, X: Any, *, non_crossing: bool = False) -> NDArray[Any]:
        """Predict the quantile, or each of them.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.
        non_crossing : bool, default=False
            With several quantiles: sort the predictions of each row by quantile, so that none exceeds that of a higher
            one. It brings them nearer to the true quantiles on average (Chernozhukov et al. 2010).

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_quantiles)
            Predicted values.
        """
        output = self._linear_output(X, "predict")
        if non_crossing and output.ndim == 2:
            order = np.argsort(self._quantiles(), kind="stable")
            output[:, order] = np.sort(output, axis=1)
        return output

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
