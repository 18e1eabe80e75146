"""Intervals for series that drift: the level asked for follows the misses."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from mlcraft._engine.validation import check_parameters
from mlcraft.uncertainty.conformal._experts import AGGREGATED, Levels, SortedScores
from mlcraft.uncertainty.conformal._inputs import finite_targets, rows_of, within
from mlcraft.uncertainty.conformal._online import stacked
from mlcraft.uncertainty.conformal._regressor import ConformalRegressor

__all__ = ["AdaptiveConformal"]

Doubles = NDArray[np.float64]


class AdaptiveConformal(MetaEstimatorMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """Prediction intervals for rows that come one after the other from a process that may change.

    After each row whose target has become known, the level that is asked of a conformal predictor moves: up after a
    miss, down a little after a hit. Whatever the series does, the share of misses tends to 1 - `level`: with one rate g
    it is within (1 + g) / (g T) of it after T rows. The scores of the rows seen join the calibration.

    Parameters
    ----------
    estimator : estimator with fit and predict, or ConformalRegressor
        A ConformalRegressor with method "split" or "cqr", without groups and shift, brings its scores and its split.
        Any other regressor is trained on the first three quarters of `fit`'s rows and calibrated on the rest.
    level : float, default=0.9
        Share of rows to cover.
    rate : "aggregated", float or array-like of float, default="aggregated"
        How far the level moves after a row. A larger one follows sooner and is less steady. Several are combined by
        their success of late; "aggregated" is 0.001, 0.002, 0.004, ..., 0.128.
    horizon : int, default=500
        With several rates: rows over which the combination should keep up with the best.
    window : int, default=None
        How many of the latest scores count; None keeps all.
    refit_every : int, default=None
        Fit the estimator again after so many rows; None never does.
    n_history : int, default=None
        With `refit_every`: how many of the latest rows it is fitted to; None for all.
    bounds : tuple of two floats, default=None
        Values between which y lies for certain; intervals are cut to them.

    Attributes
    ----------
    conformal_ : ConformalRegressor
        The fitted predictor whose model and scores are used.
    working_level_ : float
        The level asked of it now; 1 or more gives infinite intervals, 0 or less points.
    levels_ : ndarray of shape (n_followed,)
        The working level of each row followed, before its target was seen.
    covered_ : ndarray of bool of shape (n_followed,)
        Whether its interval held the target.
    rate_weights_ : ndarray of shape (n_rates,)
        Weight of each rate now.

    See Also
    --------
    ConformalRegressor : Intervals for rows that may be exchanged.

    References
    ----------
    Gibbs and Candes (2021). Adaptive conformal inference under distribution shift. NeurIPS 34.
    Gibbs and Candes (2024). Conformal inference for online prediction with arbitrary distribution shifts. Journal of
    Machine Learning Research 25, 1-36.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.uncertainty import AdaptiveConformal
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((3000, 2))
    >>> spread = np.repeat([1.0, 5.0], 1500)  # five times the noise from row 1,500 on
    >>> y = X[:, 0] + spread * rng.standard_normal(3000)
    >>> model = AdaptiveConformal(LinearRegression()).fit(X[:1000], y[:1000])
    >>> intervals = model.follow(X[1000:], y[1000:])
    >>> intervals.shape, float(model.covered_.mean().round(2))
    ((2000, 2), 0.9)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "estimator": [HasMethods(["fit", "predict"])],
        "level": [Interval(Real, 0, 1, closed="neither")],
        "rate": [StrOptions({"aggregated"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Integral, 1, None, closed="left"), None],
        "refit_every": [Interval(Integral, 1, None, closed="left"), None],
        "n_history": [Interval(Integral, 2, None, closed="left"), None],
        "bounds": [tuple, list, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        level: float = 0.9,
        rate: Any = "aggregated",
        horizon: int = 500,
        window: int | None = None,
        refit_every: int | None = None,
        n_history: int | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        self.estimator = estimator
        self.level = level
        self.rate = rate
        self.horizon = horizon
        self.window = window
        self.refit_every = refit_every
        self.n_history = n_history
        self.bounds = bounds

    def fit(self, X: Any, y: Any) -> Self:
        """Fit and calibrate on the rows known at the start, oldest first.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : AdaptiveConformal

        Raises
        ------
        ValueError
            For bad input, or a ConformalRegressor of another method.
        """
        check_parameters(self)
        rates = self._rates()
        X, y = rows_of(X), finite_targets(y, self)
        if _num_samples(X) != len(y):
            raise ValueError(f"X has {_num_samples(X)} rows, and y {len(y)}")
        self._fit_conformal(X, y)
        self._experts = Levels(1.0 - self.level, rates, self.horizon)
        self._level_of_row: list[float] = []
        self._hit: list[bool] = []
        self._history = [(X, y)]
        self._since_fit = 0
        return self

    def _rates(self) -> tuple[float, ...]:
        if isinstance(self.rate, str):
            return AGGREGATED
        rates = np.asarray(self.rate, dtype=np.float64).reshape(-1)
        if not len(rates) or not np.all((rates > 0) & np.isfinite(rates)):
            raise ValueError(f"rate must be one or more positive numbers, got {self.rate!r}")
        return tuple(rates.tolist())

    def _fit_conformal(self, X: Any, y: Doubles) -> None:
        if isinstance(self.estimator, ConformalRegressor):
            conformal = clone(self.estimator)
            if conformal.method not in ("split", "cqr") or conformal.shift is not None:
                raise ValueError(
                    "AdaptiveConformal takes a ConformalRegressor with method 'split' or 'cqr' and without shift; got "
                    f"{self.estimator!r}"
                )
            conformal.set_params(checks=False, too_few="infinite")
        else:
            n = len(y)
            if n < 2:
                raise ValueError(f"Found array with {n} sample(s) while a minimum of 2 is required.")
            cut = min(max(3 * n // 4, 1), n - 1)
            split = [(np.arange(cut), np.arange(cut, n))]
            conformal = ConformalRegressor(self.estimator, cv=split, checks=False, too_few="infinite")
        self.conformal_ = conformal.fit(X, y)
        found = conformal._calibrated
        low, high = found.scores(self.level)
        self._scores = SortedScores(low.tolist(), high.tolist(), found.form.symmetric, self.window)

    @property
    def working_level_(self) -> float:
        """The level asked for now."""
        check_is_fitted(self)
        return 1.0 - self._experts.alpha

    @property
    def rate_weights_(self) -> Doubles:
        """Weight of each rate now."""
        check_is_fitted(self)
        return self._experts.weights.copy()

    @property
    def levels_(self) -> Doubles:
        """The working level of each row followed."""
        check_is_fitted(self)
        return np.asarray(self._level_of_row)

    @property
    def covered_(self) -> NDArray[np.bool_]:
        """Whether the interval of each row followed held the target."""
        check_is_fitted(self)
        return np.asarray(self._hit, dtype=bool)

    @property
    def n_features_in_(self) -> int:
        """Number of columns that the estimator was fitted to."""
        check_is_fitted(self)
        return int(self.conformal_.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the estimator was fitted to."""
        check_is_fitted(self)
        names: NDArray[Any] = self.conformal_.feature_names_in_
        return names

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the target, as the fitted estimator does.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        found: NDArray[Any] = self.conformal_.predict(X)
        return found

    def predict_interval(self, X: Any) -> Doubles:
        """Return intervals at the present working level, for rows whose targets are not known yet.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Lower and upper ends.
        """
        check_is_fitted(self)
        low, high, unit = self._ends(rows_of(X))
        found = np.array([self._interval(*row) for row in zip(low, high, unit, strict=True)]).reshape(-1, 2)
        return within(found, self.bounds)

    def follow(self, X: Any, y: Any) -> Doubles:
        """Go through rows in their order: an interval for each, then its target is seen and the level moves.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Oldest first.
        y : array-like of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Intervals, each made before its own target was seen.
        """
        check_is_fitted(self)
        X, y = rows_of(X), finite_targets(y, self)
        if _num_samples(X) != len(y):
            raise ValueError(f"X has {_num_samples(X)} rows, and y {len(y)}")
        found = np.empty((len(y), 2))
        start = 0
        while start < len(y):
            stop = len(y)
            if self.refit_every is not None:
                stop = min(stop, start + self.refit_every - self._since_fit)
            part = _safe_indexing(X, np.arange(start, stop))
            self._walk(part, y[start:stop], found[start:stop])
            if self.refit_every is not None:
                self._remember(part, y[start:stop])
            start = stop
        return within(found, self.bounds)

    def update(self, X: Any, y: Any) -> Self:
        """Take in rows whose targets have become known, in their order; as `follow`, without the intervals.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : AdaptiveConformal
        """
        self.follow(X, y)
        return self

    def _ends(self, X: Any) -> tuple[list[float], list[float], list[float]]:
        predicted = np.asarray(self.conformal_._fitted.read(X))
        low, high, unit = self.conformal_._fitted.form.ends(predicted, self.level)
        if np.isnan(low).any() or np.isnan(high).any():
            raise ValueError("the estimator predicts NaN for some of the rows: there is no interval around it")
        return low.tolist(), high.tolist(), [1.0] * len(low) if unit is None else unit.tolist()

    def _interval(self, low: float, high: float, unit: float) -> tuple[float, float]:
        moves = self._scores.moves(self._experts.alpha)
        if moves is None:
            return 0.5 * (low + high), 0.5 * (low + high)
        return low + unit * moves[0], high + unit * moves[1]

    def _walk(self, X: Any, y: Doubles, out: Doubles) -> None:
        for row, (low, high, unit, target) in enumerate(zip(*self._ends(X), y.tolist(), strict=True)):
            out[row] = self._interval(low, high, unit)
            below, above = (target - low) / unit, (target - high) / unit
            if self._scores.symmetric:
                above = max(-below, above)
                below = -above
            alpha, beta = self._experts.alpha, self._scores.largest_alpha(below, above)
            self._level_of_row.append(1.0 - alpha)
            self._hit.append(alpha < beta)
            self._experts.learn(beta)
            self._scores.add(below, above)

    def _remember(self, X: Any, y: Doubles) -> None:
        """Keep rows, and fit again when it is time."""
        self._history.append((X, y))
        self._since_fit += len(y)
        if self.refit_every is None or self._since_fit < self.refit_every:
            return
        rows, targets = self._history[0]
        for more, known in self._history[1:]:
            rows, targets = stacked(rows, more), np.concatenate([targets, known])
        if self.n_history is not None and len(targets) > self.n_history:
            last = np.arange(len(targets) - self.n_history, len(targets))
            rows, targets = _safe_indexing(rows, last), targets[last]
        self._history = [(rows, targets)]
        self._fit_conformal(rows, targets)
        self._since_fit = 0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.target_tags.required = True
        return tags
