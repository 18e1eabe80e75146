"""Intervals that cover new rows as often as asked, whatever the regressor."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.validation import check_parameters
from mlcraft.uncertainty.conformal._answers import Answers
from mlcraft.uncertainty.conformal._fitting import fitted
from mlcraft.uncertainty.conformal._inputs import check_settings, fit_rows
from mlcraft.uncertainty.conformal._score_parameter import NamesScore, ScoreParameter

__all__ = ["ConformalRegressor"]


class ConformalRegressor(NamesScore, MetaEstimatorMixin, RegressorMixin, Answers, BaseEstimator):  # type: ignore[misc]  # no types
    """Prediction intervals of any regressor, with a guarantee for rows that could as well have come in another order.

    A model is judged by rows that it did not see: their scores (how far off it was) tell how wide an interval must be.
    With `level` 0.9, a new row's target is inside with a probability of 0.9 at least, whatever the model and the
    distribution, over calibration rows and new row together. mlcraft's least-squares and ridge fits, also as the last
    step of a Pipeline, are never refitted for this; every other regressor is, in parallel.

    Parameters
    ----------
    estimator : estimator with fit and predict
        Not changed by `fit`, which works on clones. Fitted already: see `prefit`.
    method : str, default="split"
        "split"
            A part of the rows is set aside for calibration. Covers at least `level`, at most level + 1/(n + 1).
        "jackknife+"
            All rows train and calibrate: row i is judged by the fit without it, and the ends are ranks of what these n
            fits say. Covers at least 2 level - 1, in practice about `level`.
        "jackknife", "jackknife-minmax"
            Without the "+": the interval is centred at the one model of all rows, without a guarantee. Minmax: from the
            lowest to the highest of the n predictions and wider, covers at least `level`.
        "cv+"
            As jackknife+ with folds (`cv`) in place of rows: at least 2 level - 1 - min(2 (1 - 1/K)/(n/K + 1), (1 -
            K/n)/(K + 1)).
        "jackknife+-after-bootstrap"
            Row i is judged by the aggregate of the resamples that lack it; `predict` is that of the fit to all rows.
        "cqr"
            Conformalised quantile regression: `estimator` predicts quantiles, and split calibration moves them, so that
            the width follows the spread of the data. Covers at least `level`.
        "full"
            The model is refitted with the new row for every value that its target might have, in closed form: for
            mlcraft's least squares and ridge. Covers at least `level`.
    score : {"absolute", "asymmetric", "normalised", "gamma"}, default="absolute"
        The residual's size; the residual itself, so that each side errs equally often; over a spread that is predicted
        too (`scale`); relative to the prediction, which must be positive.
    scale : "leverage", estimator or callable, default="leverage"
        The spread of score="normalised": sqrt(1 + leverage), which widens the interval for unusual rows of a linear
        model; a second regressor, fitted to the absolute residuals of a cross-validation; or a function of X.
    quantiles : array-like, default=(0.05, 0.5, 0.95)
        Quantiles that "cqr" fits, in pairs, with or without a middle one for `predict`. A level takes the pair next to
        (1 - level)/2 and (1 + level)/2, and is valid with any.
    quantile_parameter : str, default=None
        The estimator's parameter for its quantile; None finds those of scikit-learn, LightGBM and mlcraft.
    cv : int, splitter or iterable, default=None
        Folds of "cv+" (None: 10 shuffled ones), or the one split of "split" and "cqr".
    calibration_size : float or int, default=0.25
        Share or number of rows that "split" and "cqr" set aside.
    n_resamples : int, default=30
        Resamples of "jackknife+-after-bootstrap".
    aggregate : {"mean", "median"}, default="mean"
        How their predictions are combined.
    shift : callable or classifier, default=None
        Weights for new rows from another distribution of X (Tibshirani et al. 2019; the distribution of y given X must
        be the same): a function of X, proportional to the ratio of the new density to the old; or a classifier, which
        `fit` trains to tell `X_target` from X.
    too_few : {"raise", "infinite"}, default="raise"
        What is done where calibration rows are too few for a level: an error that says how many it takes, or ends at
        infinity.
    bounds : tuple of two floats, default=None
        Values between which y lies for certain, such as (0, inf) for counts; intervals are cut to them.
    prefit : bool, default=False
        Whether the estimator is fitted already: `fit` then takes calibration rows only ("split" and "cqr"; for "cqr" a
        model with a column for each of `quantiles`, or a list of models). A `FrozenEstimator` is always taken so.
    window : int, default=None
        How many of the latest calibration rows `update` keeps; None keeps all.
    closed_form : {"auto", False}, default="auto"
        False refits even where there is a closed form.
    checks : bool, default=True
        Whether to warn of rows in the order of time and of rows repeated across splits.
    n_jobs : int, default=None
        Processes for refits.
    random_state : int, RandomState instance or None, default=None
        Of the split, the folds and the resamples.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model that `predict` uses: of all rows, or of the training part. A list of models for "cqr".
    n_calibration_ : int
        Number of rows with a score.
    calibration_rows_ : ndarray of shape (n_calibration_,)
        Which rows of `fit` these are, among those of non-zero weight.
    scores_ : ndarray of shape (n_calibration_,)
        Signed scores: residuals of models that did not see the row, in the unit of `score`. Not with "full"; for "cqr"
        how far y is above the upper end (or below the lower one), negative inside.
    left_out_ : object
        The fits without each row or fold, where there are any; `left_out_.held_out` is the prediction of each row.
    n_features_in_ : int
        Number of columns, where the estimator counts them.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where the estimator kept them.

    See Also
    --------
    AdaptiveConformal : Intervals for series that drift.
    ConformalClassifier : Sets of classes.

    Notes
    -----
    The guarantee is for the average over new rows. It is not one for each x; `groups` gives it for each of a few
    groups. With n calibration rows the coverage of one fit varies around `level` with a standard deviation of about
    sqrt(level (1 - level) / n).

    References
    ----------
    Vovk, Gammerman and Shafer (2005). Algorithmic learning in a random world. Springer.
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018). Distribution-free predictive inference for regression.
    Journal of the American Statistical Association 113, 1094-1111.
    Romano, Patterson and Candes (2019). Conformalized quantile regression. NeurIPS 32.
    Tibshirani, Barber, Candes and Ramdas (2019). Conformal prediction under covariate shift. NeurIPS 32.
    Kim, Xu and Barber (2020). Predictive inference is free with the jackknife+-after-bootstrap. NeurIPS 33.
    Barber, Candes, Ramdas and Tibshirani (2021). Predictive inference with the jackknife+. Annals of Statistics 49,
    486-507.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from mlcraft.linear_model import Ridge
    >>> from mlcraft.uncertainty import ConformalRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = ConformalRegressor(Ridge(), method="jackknife+").fit(X[:300], y[:300])
    >>> intervals = model.predict_interval(X[300:], level=0.9)
    >>> intervals[0].round(1)
    array([130.4, 318.2])
    >>> float(((intervals[:, 0] <= y[300:]) & (y[300:] <= intervals[:, 1])).mean().round(2))
    0.91
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "estimator": [HasMethods(["fit", "predict"]), list],
        "method": [
            StrOptions(
                {
                    "split",
                    "jackknife",
                    "jackknife+",
                    "jackknife-minmax",
                    "cv+",
                    "jackknife+-after-bootstrap",
                    "cqr",
                    "full",
                }
            )
        ],
        "score": [StrOptions({"absolute", "asymmetric", "normalised", "gamma"})],
        "scale": [StrOptions({"leverage"}), HasMethods(["fit", "predict"]), callable],
        "quantiles": ["array-like"],
        "quantile_parameter": [str, None],
        "cv": ["cv_object"],
        "calibration_size": [
            Interval(Real, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_resamples": [Interval(Integral, 2, None, closed="left")],
        "aggregate": [StrOptions({"mean", "median"})],
        "shift": [callable, HasMethods(["fit", "predict_proba"]), None],
        "too_few": [StrOptions({"raise", "infinite"})],
        "bounds": [tuple, list, None],
        "prefit": ["boolean"],
        "window": [Interval(Integral, 1, None, closed="left"), None],
        "closed_form": [StrOptions({"auto"}), "boolean"],
        "checks": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    score = ScoreParameter()

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "split",
        score: str = "absolute",
        scale: Any = "leverage",
        quantiles: Any = (0.05, 0.5, 0.95),
        quantile_parameter: str | None = None,
        cv: Any = None,
        calibration_size: float = 0.25,
        n_resamples: int = 30,
        aggregate: str = "mean",
        shift: Any = None,
        too_few: str = "raise",
        bounds: tuple[float, float] | None = None,
        prefit: bool = False,
        window: int | None = None,
        closed_form: str | bool = "auto",
        checks: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.score = score
        self.scale = scale
        self.quantiles = quantiles
        self.quantile_parameter = quantile_parameter
        self.cv = cv
        self.calibration_size = calibration_size
        self.n_resamples = n_resamples
        self.aggregate = aggregate
        self.shift = shift
        self.too_few = too_few
        self.bounds = bounds
        self.prefit = prefit
        self.window = window
        self.closed_form = closed_form
        self.checks = checks
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        clusters: Any = None,
        X_target: Any = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the model, and calibrate it on rows that it did not see.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Whatever the estimator takes. With `prefit`, calibration rows only.
        y : array-like of shape (n_samples,)
            Targets; finite.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the fit. Scores are not weighted; rows of weight zero are missing rows.
        groups : array-like of shape (n_samples,) or callable, default=None
            Mondrian groups: each is calibrated on its own rows, so that the guarantee holds for each (about 1 / (1 -
            level) rows in each are needed). A function of X is remembered; labels are needed by the other methods too.
        clusters : array-like of shape (n_samples,), default=None
            Rows that belong together: no model that judges a row has seen another of its cluster.
        X_target : {array-like, sparse matrix, dataframe} of shape (n_target, n_features), default=None
            Rows from where the intervals will be used, if `shift` is a classifier.
        **fit_params : dict
            Passed to the estimator's `fit`.

        Returns
        -------
        self : ConformalRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input, or parameters that do not go together.

        Warns
        -----
        ExchangeabilityWarning
            If rows are in the order of time, or many are repeated across the split (see `checks`).
        """
        check_parameters(self)
        check_settings(self)
        rows = fit_rows(self, X, y, sample_weight, groups, clusters, X_target, fit_params)
        self._take(fitted(self, rows), rows)
        return self

    def _take(self, found: Any, rows: Any) -> None:
        self._fitted, self._predictor = found, found.predictor
        self._rows = None if found.left is None and self.method != "full" else rows  # only they are fitted again
        self.estimator_ = found.model
        self.calibration_rows_ = found.rows
        self.left_out_ = found.left

    @property
    def _calibrated(self) -> Any:
        check_is_fitted(self)
        return getattr(self._predictor, "calibrated", None)

    @property
    def n_calibration_(self) -> int:
        """Number of rows with a score."""
        found = self._calibrated
        return len(found) if found is not None else int(self._predictor.n)

    @property
    def scores_(self) -> NDArray[np.float64]:
        """Signed scores of the calibration rows."""
        found = self._calibrated
        if found is None:
            raise AttributeError("method='full' has no scores before it sees the new row")
        if self.method == "cqr":
            low, high = found.form.ends(found.predicted, 0.9)[:2]
            worst: NDArray[np.float64] = np.maximum(low - found.y, found.y - high)
            return worst
        signed: NDArray[np.float64] = found.signed
        return signed

    @property
    def n_features_in_(self) -> int:
        """Number of columns that the estimator was fitted to."""
        check_is_fitted(self)
        first = self.estimator_[0] if isinstance(self.estimator_, list) else self.estimator_
        return int(first.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the estimator was fitted to."""
        check_is_fitted(self)
        first = self.estimator_[0] if isinstance(self.estimator_, list) else self.estimator_
        names: NDArray[Any] = first.feature_names_in_
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        first = self.estimator[0] if isinstance(self.estimator, list) else self.estimator
        inner = get_tags(first)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.target_tags.required = True
        return tags
