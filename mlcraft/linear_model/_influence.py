"""What follows from a fit: leave-one-out, leverage, influence and importance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.spectrum import one_blas_thread

if TYPE_CHECKING:
    from mlcraft.uncertainty._importance import Importance
    from mlcraft.uncertainty._influence import Influence

__all__ = ["InfluenceMixin"]


class InfluenceMixin:
    """Methods of a fitted linear regression: leave-one-out, leverage, influence and importance.

    All take the X, y and sample_weight of the fit, since a model does not hold on to its data; others are refused.
    Nothing is refitted: the answers are those of refits, by closed formulas on the factor that the fit kept.
    """

    def leverage_(self, X: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return how much of a change of each y its own fitted value follows: the diagonal of the hat matrix.

        With z = (1, x), the leverage of row i is ``w_i z_i' (Z'WZ + penalty)^-1 z_i``, between 0 and 1. The sum of all
        is the effective number of coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        sample_weight : float or array-like of shape (n_samples,), default=None
            The weights of the fit.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_targets) if the targets have different penalties
            In the dtype of X.

        Raises
        ------
        ValueError
            If X and the weights are not those of the fit, or the fit kept no factor.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[0.0], [1.0], [2.0], [9.0]])
        >>> model = LinearRegression().fit(X, [1.0, 3.0, 4.0, 8.0])
        >>> model.leverage_(X).round(3)
        array([0.43, 0.33, 0.27, 0.97])
        """
        from mlcraft.uncertainty._leave_one_out import leverages

        def compute(model: Any, rows: Any) -> NDArray[Any]:
            found: NDArray[Any] = leverages(model, rows).astype(rows.X.dtype, copy=False)
            return found

        found: NDArray[Any] = self._ask(compute, X, None, sample_weight)
        return found

    def loo_predict_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Predict each row by the fit to the other rows (leave-one-out), without a refit.

        The residuals of these predictions are ``(y_i - fit_i) / (1 - leverage_i)`` (Allen 1974, Technometrics 16,
        125-127), with the same penalty and weights.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets of the fit.
        sample_weight : float or array-like of shape (n_samples,), default=None
            The weights of the fit.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            In the dtype of X. A row of weight zero has its ordinary prediction.

        Warns
        -----
        LeverageWarning
            If rows have leverage one: their prediction is that of the fit of least norm to the other rows.

        Raises
        ------
        ValueError
            If the data are not those of the fit, or the fit kept no factor.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[0.0], [1.0], [2.0], [9.0]])
        >>> y = np.array([1.0, 3.0, 4.0, 8.0])
        >>> LinearRegression().fit(X, y).loo_predict_(X, y).round(2)
        array([ 2.58,  2.4 ,  3.04, 14.67])
        >>> others = LinearRegression().fit(X[:3], y[:3])
        >>> others.predict(X[3:]).round(2)
        array([14.67])
        """
        from mlcraft.uncertainty._leave_one_out import leave_one_out

        def compute(model: Any, rows: Any) -> NDArray[Any]:
            found: NDArray[Any] = rows.shaped(rows.y - leave_one_out(model, rows)[0])
            return found

        found: NDArray[Any] = self._ask(compute, X, _given(y), sample_weight)
        return found

    def loo_score_(self, X: Any, y: Any, sample_weight: Any = None, *, scoring: Any = "r2") -> float:
        """Judge the leave-one-out predictions: an honest score of the model from its own training data.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets of the fit.
        sample_weight : float or array-like of shape (n_samples,), default=None
            The weights of the fit; they count in the score too.
        scoring : str or callable, default="r2"
            "r2"; "rmse" or "mae" (errors in the units of y: the lower, the better); the name of a scorer of
            scikit-learn for regression, such as "neg_median_absolute_error"; or a function of y and prediction.

        Returns
        -------
        float
            For several targets their mean.

        Raises
        ------
        ValueError
            If the data are not those of the fit, the fit kept no factor, or there is no such scorer.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.arange(8.0).reshape(-1, 1)
        >>> y = np.array([1.0, 3.0, 2.0, 5.0, 6.0, 5.0, 8.0, 9.0])
        >>> model = LinearRegression().fit(X, y)
        >>> round(model.score(X, y), 3), round(model.loo_score_(X, y), 3)
        (0.898, 0.842)
        >>> round(model.loo_score_(X, y, scoring="rmse"), 3)
        1.042
        """
        from mlcraft.uncertainty._leave_one_out import leave_one_out, score

        def compute(model: Any, rows: Any) -> float:
            y = rows.y if not rows.flat else rows.y[:, 0]
            residual = leave_one_out(model, rows)[0]
            prediction = y - (residual if not rows.flat else residual[:, 0])
            return float(score(prediction, y, None if rows.sample_weight is None else rows.weight, scoring))

        return float(self._ask(compute, X, _given(y), sample_weight))

    def influence_(self, X: Any, y: Any, sample_weight: Any = None, *, coefficients: bool = True) -> Influence:
        """Compute all measures of influence in one pass over the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The targets of the fit.
        sample_weight : float or array-like of shape (n_samples,), default=None
            The weights of the fit, with the meaning of R's: inverse variances. Rows of weight zero do not count.
        coefficients : bool, default=True
            Whether `dfbetas` and `loo_parameters` are wanted, for which an array of the size of X is kept.

        Returns
        -------
        Influence
            With `leverage`, `residual`, `loo_residual`, `loo_prediction`, `loo_sigma`, `rstandard`, `rstudent`,
            `cooks_distance`, `dffits`, `covratio`, `dfbetas`, `loo_parameters`, `sigma`, `press`, `effective_df`,
            `saturated`; `to_frame()` and `worst()`.

        Warns
        -----
        LeverageWarning
            If rows have leverage one.

        Raises
        ------
        ValueError
            If the data are not those of the fit, the fit kept no factor, or has no residual degrees of freedom.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [9.0]])
        >>> y = np.array([1.0, 3.0, 4.0, 4.0, 8.0])
        >>> found = LinearRegression().fit(X, y).influence_(X, y)
        >>> found.cooks_distance.round(2)
        array([0.8 , 0.09, 0.18, 0.  , 5.75])
        >>> found.worst(2)
        array([4, 0])
        >>> found.names, found.dfbetas.shape
        (('intercept', 'x0'), (5, 2))
        """
        from mlcraft.uncertainty._influence import influence

        def compute(model: Any, rows: Any) -> Influence:
            return influence(model, rows, coefficients=coefficients, index=X.index if hasattr(X, "iloc") else None)

        found: Influence = self._ask(compute, X, _given(y), sample_weight)
        return found

    def cooks_distance_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return Cook's distances, `cooks_distance` of `influence_`: by row (and target)."""
        return self.influence_(X, y, sample_weight, coefficients=False).cooks_distance

    def dffits_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return changes of each own fitted value in standard errors, `dffits` of `influence_`: by row (and target)."""
        return self.influence_(X, y, sample_weight, coefficients=False).dffits

    def rstudent_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return externally studentised residuals, `rstudent` of `influence_`: by row (and target)."""
        return self.influence_(X, y, sample_weight, coefficients=False).rstudent

    def rstandard_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return internally studentised residuals, `rstandard` of `influence_`: by row (and target)."""
        return self.influence_(X, y, sample_weight, coefficients=False).rstandard

    def covratio_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return ratios of the determinants of covariances, `covratio` of `influence_`: by row (and target)."""
        return self.influence_(X, y, sample_weight, coefficients=False).covratio

    def dfbetas_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return changes of the coefficients in standard errors, `dfbetas` of `influence_`, the intercept first."""
        return self.influence_(X, y, sample_weight).dfbetas

    def importance_(
        self,
        X: Any = None,
        y: Any = None,
        columns: Any = None,
        groups: Any = None,
        *,
        sample_weight: Any = None,
    ) -> Importance:
        """Tell how much worse the fit would be without single columns, or groups of them: exactly, without refits.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), default=None
            The rows of the fit. Needed only where the fit kept no sums of squares or was wide (no more rows than
            columns).
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The targets of the fit, with X.
        columns : list of str or int, default=None
            Columns to leave out one at a time, by name or position. Default: all, unless groups are given.
        groups : dict of str to list, or list of lists, default=None
            Groups of columns to leave out together: the dummies of one category, for example.
        sample_weight : float or array-like of shape (n_samples,), default=None
            The weights of the fit, with X.

        Returns
        -------
        Importance
            With `rss_increase`, `r2_decrease`, `objective_increase`, `f_statistic`, `p_value` and `to_frame()`.

        Raises
        ------
        ValueError
            If a column is unknown, the fit kept no factor, or X is needed and not given.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0], [9.0, 3.0]])
        >>> y = np.array([1.0, 3.0, 2.0, 4.0, 8.0])
        >>> model = LinearRegression().fit(X, y)
        >>> found = model.importance_()
        >>> found.names, found.r2_decrease.round(3)
        (('x0', 'x1'), array([0.599, 0.062]))
        >>> without = LinearRegression().fit(X[:, :1], y)
        >>> round(model.score(X, y) - without.score(X[:, :1], y), 3)
        0.062
        """
        from mlcraft.uncertainty._importance import importance

        if X is None:
            with one_blas_thread():
                return importance(_view(self), None, columns=columns, groups=groups)

        def compute(model: Any, rows: Any) -> Importance:
            return importance(model, rows, columns=columns, groups=groups)

        found: Importance = self._ask(compute, X, _given(y), sample_weight)
        return found

    def _ask(self, compute: Callable[[Any, Any], Any], X: Any, y: Any, sample_weight: Any) -> Any:
        """Check the rows and compute; where that meets NaN or infinity, look for the culprit first."""
        from mlcraft.uncertainty._checked_rows import rows_of

        model = _view(self)
        with one_blas_thread():  # the same bits however many threads there are
            try:
                return compute(model, rows_of(self, X, y, sample_weight))
            except NonFiniteError:
                return compute(model, rows_of(self, X, y, sample_weight, look=True))


def _view(estimator: Any) -> Any:
    from mlcraft.uncertainty._model import model_of

    return model_of(estimator)


def _given(y: Any) -> Any:
    if y is None:
        raise ValueError("y must be the targets of the fit, got None")
    return to_numpy(y)[0]
