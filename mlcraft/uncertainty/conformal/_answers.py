"""What a calibrated regressor is asked: predictions, intervals, predictive distributions, and more rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from mlcraft.uncertainty.conformal._checks import check_levels
from mlcraft.uncertainty.conformal._inputs import check_shares, jumps, query_of, rows_of, target_points, within
from mlcraft.uncertainty.conformal._online import updated

__all__ = ["Answers"]

Doubles = NDArray[np.float64]


class Answers:
    """Methods of a fitted ConformalRegressor."""

    _fitted: Any
    _predictor: Any
    _rows: Any
    method: str
    bounds: Any
    random_state: Any

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the target, as the fitted estimator does.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            For "cqr" the middle of `quantiles`.
        """
        check_is_fitted(self)
        found: NDArray[Any] = self._fitted.form.centre(self._fitted.read(X))
        return found

    def predict_interval(self, X: Any, level: Any = 0.9, *, groups: Any = None) -> Doubles:
        """Return intervals that hold the targets of new rows with probability `level`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        level : float or array-like of shape (n_levels,), default=0.9
        groups : array-like of shape (n_samples,), default=None
            Labels of the rows' Mondrian groups, if `fit` was given labels.

        Returns
        -------
        ndarray of shape (n_samples, 2), or (n_samples, 2, n_levels) for several levels
            Lower and upper ends along axis 1. An interval that would be empty (ends in the wrong order) is the point in
            the middle.

        Raises
        ------
        ValueError
            If calibration rows are too few for a level, unless too_few='infinite'; for bad input.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> from mlcraft.uncertainty import ConformalRegressor
        >>> X = np.arange(40.0).reshape(-1, 1)
        >>> y = X[:, 0] + np.tile([-1.0, 1.0, -2.0, 2.0], 10)
        >>> model = ConformalRegressor(LinearRegression(), method="jackknife+").fit(X, y)
        >>> model.predict_interval([[20.0]], level=[0.5, 0.9]).round(1).tolist()
        [[[18.0, 17.8], [22.0, 22.2]]]
        """
        check_is_fitted(self)
        levels, single = check_levels(level)
        X = rows_of(X)
        ends = self._predictor.intervals(X, levels, query_of(self, X, groups))
        ends = within(ends, self.bounds)
        return ends[:, :, 0] if single else ends

    def predict_cdf(self, X: Any, y: Any, *, tau: Any = 0.5, groups: Any = None) -> Doubles:
        """Return the conformal predictive distribution of new rows: the probability that the target is at most y.

        A step function with n + 1 steps of equal height (Vovk, Shen, Manokhin and Xie 2019; split and cross versions:
        Vovk, Petej, Nouretdinov, Manokhin and Gammerman 2020). Inside a step it is not determined; `tau` says where.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        y : float or array-like of shape (n_samples,), (n_samples, n_points) or (1, n_points)
            Where: one value for each row, or several; of shape (1, n_points), the same for all rows.
        tau : float or "random", default=0.5
            From 0, the lowest value of the step, to 1, the highest. At random, the values at the true targets are
            distributed uniformly between 0 and 1 (for method "split" and "full", exactly).
        groups : array-like of shape (n_samples,), default=None
            As in `predict_interval`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_points)

        Raises
        ------
        ValueError
            If the method is "cqr", which has no distribution; for bad input.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> from mlcraft.uncertainty import ConformalRegressor
        >>> X = np.arange(40.0).reshape(-1, 1)
        >>> y = X[:, 0] + np.tile([-1.0, 1.0, -2.0, 2.0], 10)
        >>> model = ConformalRegressor(LinearRegression(), method="jackknife+").fit(X, y)
        >>> model.predict_cdf([[20.0]], [[17.0, 20.0, 23.0]]).round(2)
        array([[0.01, 0.5 , 0.99]])
        """
        check_is_fitted(self)
        self._check_distribution()
        X = rows_of(X)
        points, single = target_points(X, y)
        where = jumps(tau, len(points), self.random_state)
        found: Doubles = self._predictor.cdf(X, points, where, query_of(self, X, groups))
        return found[:, 0] if single else found

    def predict_quantile(self, X: Any, q: Any = 0.5, *, side: str = "upper", groups: Any = None) -> Doubles:
        """Return quantiles of the conformal predictive distribution of new rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        q : float or array-like of shape (n_quantiles,), default=0.5
            Between 0 and 1, exclusive.
        side : {"upper", "lower"}, default="upper"
            Which of the two ends of the step at q. The target is at most the upper one with probability q or more, and
            below the lower one with probability q or less: use "lower" for lower ends.
        groups : array-like of shape (n_samples,), default=None
            As in `predict_interval`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_quantiles)

        Raises
        ------
        ValueError
            If calibration rows are too few for a quantile, unless too_few='infinite'; if the method is "cqr"; for bad
            input.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> from mlcraft.uncertainty import ConformalRegressor
        >>> X = np.arange(40.0).reshape(-1, 1)
        >>> y = X[:, 0] + np.tile([-1.0, 1.0, -2.0, 2.0], 10)
        >>> model = ConformalRegressor(LinearRegression(), method="jackknife+").fit(X, y)
        >>> model.predict_quantile([[20.0]], 0.95).round(1)
        array([22.1])
        """
        check_is_fitted(self)
        self._check_distribution()
        shares, single = check_shares(q)
        if side not in ("upper", "lower"):
            raise ValueError(f"side must be 'upper' or 'lower', got {side!r}")
        X = rows_of(X)
        found = self._predictor.quantiles(X, shares, side, query_of(self, X, groups))
        found = within(found[:, np.newaxis], self.bounds)
        return found[:, 0, 0] if single else found[:, 0]

    def _check_distribution(self) -> None:
        if self.method == "cqr":
            raise ValueError(
                "method='cqr' has no predictive distribution: its scores belong to one pair of quantiles. Use "
                "method='split' or 'jackknife+', with score='normalised' where the spread varies."
            )

    def update(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, clusters: Any = None) -> Self:
        """Take in new rows whose targets have become known.

        With "split", "cqr" and fitted estimators the rows add to the calibration (of the last `window` rows, if that is
        set), and the model stays. All other methods fit again, to the rows of `fit` and these.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight, groups, clusters : array-like of shape (n_samples,), default=None
            As in `fit`; needed if they were given there.

        Returns
        -------
        self : ConformalRegressor

        Raises
        ------
        ValueError
            For bad input, or what `fit` was given and is missing here.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> from mlcraft.uncertainty import ConformalRegressor
        >>> X = np.arange(40.0).reshape(-1, 1)
        >>> y = X[:, 0] + np.tile([-1.0, 1.0, -2.0, 2.0], 10)
        >>> model = ConformalRegressor(LinearRegression(), random_state=0).fit(X, y)
        >>> model.n_calibration_, model.update(X[:5] + 40, y[:5] + 40).n_calibration_
        (10, 15)
        """
        check_is_fitted(self)
        updated(self, X, y, sample_weight, groups, clusters)
        return self
