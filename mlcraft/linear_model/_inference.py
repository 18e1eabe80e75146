"""What follows from a fit: standard errors, intervals and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from mlcraft.uncertainty import (
        Contrast,
        Covariance,
        FitData,
        Intervals,
        PredictionInterval,
        Summary,
        TestResult,
    )

__all__ = ["InferenceMixin"]


class InferenceMixin:
    """Methods of a fitted linear regression: standard errors, intervals and tests."""

    def summary(
        self,
        *,
        level: float = 0.95,
        covariance: str | Covariance = "classical",
        target: int | None = None,
        **data: Unpack[FitData],
    ) -> Summary:
        """Summarise the fit: coefficients with standard errors, tests and intervals, R2, F, AIC, and what to be careful
        about.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level of the intervals.
        covariance : str or Covariance, default="classical"
            Kind of covariance, or one that `cov_params_` has returned.  The classical one needs no data.
        target : int, default=None
            Which target; all of them if None.
        **data
            X, y, sample_weight, groups, maxlags, weights, small_sample, as for `cov_params_`.

        Returns
        -------
        Summary
            ``str()`` of it is a text, notebooks show a table, ``to_frame()`` gives a pandas DataFrame.

        Raises
        ------
        ValueError
            If the fit has no such covariance; the message says why.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> y = np.array([1.1, 1.9, 3.2, 3.8, 5.1])
        >>> summary = LinearRegression().fit(X, y).summary()
        >>> summary.standard_error.round(4)
        array([0.1981, 0.0597])
        >>> print(str(summary).splitlines()[0])
        LinearRegression of y: 5 observations, 2 parameters
        """
        from mlcraft.uncertainty import Inference, summarise

        fit = Inference(self)
        targets = fit.targets(target)
        return summarise(fit.model, [fit.covariance(covariance, t, data) for t in targets], targets, level)

    def conf_int(
        self,
        level: float = 0.95,
        *,
        covariance: str | Covariance = "classical",
        target: int | None = None,
        **data: Unpack[FitData],
    ) -> Intervals:
        """Return confidence intervals of the coefficients.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level.
        covariance : str or Covariance, default="classical"
            Kind of covariance, or one that `cov_params_` has returned.
        target : int, default=None
            Which target; all of them if None.
        **data
            As for `cov_params_`.

        Returns
        -------
        Intervals
            With `lower`, `upper` and `names`; an array of shape (n_parameters, 2) for NumPy.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> y = np.array([1.1, 1.9, 3.2, 3.8, 5.1])
        >>> np.asarray(LinearRegression().fit(X, y).conf_int(0.9)).round(3)
        array([[-0.416,  0.516],
               [ 0.849,  1.131]])
        """
        from mlcraft.uncertainty import Inference, intervals, stacked

        fit = Inference(self)
        found = [fit.covariance(covariance, t, data) for t in fit.targets(target)]
        if not fit.model.single_target and target is None:
            return intervals(fit.model, stacked(found), None, level)
        return intervals(fit.model, found[0], fit.targets(target)[0], level)

    def cov_params_(
        self,
        kind: str = "classical",
        *,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        maxlags: int | None = None,
        weights: str = "analytic",
        small_sample: bool = True,
        target: int | None = None,
    ) -> Covariance:
        """Return the covariance matrix of the coefficients, the intercept first.

        Parameters
        ----------
        kind : str, default="classical"
            "classical"; robust to unequal variances: "HC0", "HC1", "HC2", "HC3", "HC4"; to clusters: "CR0" (none),
            "CR1" (G / (G - 1)), "CR1S" (Stata's, also "cluster"), "CR2" (Bell and McCaffrey), "CR3",
            "CRV3" (cluster jackknife); to serial correlation: "HAC" (Newey and West).
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), default=None
            The rows of the fit, which the model has not kept.  Every kind but the classical one needs them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The targets of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.
        groups : array-like of shape (n_samples,) or (n_samples, n_ways), default=None
            Clusters, for the CR kinds; two columns for two-way clustering.
        maxlags : int, default=None
            Lags of "HAC"; ``floor(4 (n / 100)^(2/9))`` if None.
        weights : {"analytic", "frequency", "sampling"}, default="analytic"
            What the weights of the fit mean: precision of a row, number of equal rows, or how many rows of a
            population a row stands for.  The last makes the default kind "HC1", and refuses the classical one.
        small_sample : bool, default=True
            Whether "HAC" is multiplied by n / (n - p).
        target : int, default=None
            Which target; all of them if None.

        Returns
        -------
        Covariance
            With `matrix`, `standard_errors`, `names`, `kind`, `correction` and `df`; an array for NumPy.

        Raises
        ------
        ValueError
            If the kind is unknown, lacks what it needs, or cannot be had from this fit; or if X and y are not those
            of the fit.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> y = np.array([1.1, 1.9, 3.2, 3.8, 5.1])
        >>> robust = LinearRegression().fit(X, y).cov_params_("HC3", X=X, y=y)
        >>> robust.correction, robust.standard_errors.round(4)
        ('e^2 / (1 - h)^2', array([0.1896, 0.0682]))
        """
        from mlcraft.uncertainty import Inference, stacked

        fit = Inference(self)
        data: FitData = {"X": X, "y": y, "sample_weight": sample_weight, "groups": groups, "maxlags": maxlags}
        data["weights"], data["small_sample"] = weights, small_sample
        found = [fit.covariance(kind, t, data) for t in fit.targets(target)]
        return found[0] if fit.model.single_target or target is not None else stacked(found)

    def f_test(
        self,
        hypotheses: Any,
        value: Any = None,
        *,
        covariance: str | Covariance = "classical",
        target: int | None = None,
        **data: Unpack[FitData],
    ) -> TestResult:
        """Test linear restrictions on the coefficients jointly, by F.

        Parameters
        ----------
        hypotheses : str, list of str, or array-like of shape (n_restrictions, n_parameters)
            Names of coefficients that are zero, expressions such as ``"x0 - 2 * x1 = 1"``, or a matrix.
        value : array-like of shape (n_restrictions,), default=None
            Values of the combinations; zeros if None.
        covariance : str or Covariance, default="classical"
            Kind of covariance, or one that `cov_params_` has returned.
        target : int, default=None
            Which target, where there are several.
        **data
            As for `cov_params_`.

        Returns
        -------
        TestResult

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> y = np.array([1.1, 1.9, 3.2, 3.8, 5.1])
        >>> print(LinearRegression().fit(X, y).f_test("x0 = 1"))
        F(1, 3) = 0.0280, p = 0.8777 (classical covariance)
        """
        return self._test("F", hypotheses, value, covariance, target, data)

    def wald_test(
        self,
        hypotheses: Any,
        value: Any = None,
        *,
        covariance: str | Covariance = "classical",
        target: int | None = None,
        **data: Unpack[FitData],
    ) -> TestResult:
        """Test linear restrictions on the coefficients jointly, by chi-square, for many rows.

        Parameters
        ----------
        hypotheses, value, covariance, target, **data
            As for `f_test`.

        Returns
        -------
        TestResult
        """
        return self._test("chi2", hypotheses, value, covariance, target, data)

    def contrast(
        self,
        combinations: Any,
        value: Any = None,
        *,
        level: float = 0.95,
        covariance: str | Covariance = "classical",
        target: int | None = None,
        **data: Unpack[FitData],
    ) -> Contrast:
        """Estimate linear combinations of coefficients, with intervals.

        Parameters
        ----------
        combinations : str, list of str, or array-like of shape (n_contrasts, n_parameters)
            Such as ``"x0 - x1"``.
        value : array-like of shape (n_contrasts,), default=None
            Values that the p-values are for; zeros if None.
        level : float, default=0.95
            Confidence level of the intervals.
        covariance, target, **data
            As for `f_test`.

        Returns
        -------
        Contrast

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> y = np.array([1.1, 1.9, 3.2, 3.8, 5.1])
        >>> print(LinearRegression().fit(X, y).contrast("intercept + 6 x0"))
        intercept + 6 x0: 5.99 [5.35964, 6.62036], p = 7.943e-05
        """
        from mlcraft.uncertainty import Inference, contrast, parse_hypotheses

        fit = Inference(self)
        chosen = fit.only_target(target)
        matrix, right = parse_hypotheses(combinations, fit.model.names, value)
        return contrast(fit.model, fit.covariance(covariance, chosen, data), matrix, right, chosen, level)

    def compare(self, smaller: Any, *, target: int | None = None, weights: str = "analytic") -> TestResult:
        """Test this model against one with fewer columns, fitted on the same rows, by F.

        Parameters
        ----------
        smaller : LinearRegression
            The fitted smaller model.
        target : int, default=None
            Which target, where there are several.
        weights : {"analytic", "frequency"}, default="analytic"
            What the weights of both fits mean.

        Returns
        -------
        TestResult

        Raises
        ------
        ValueError
            If the models were not fitted on the same rows, are not nested, or are penalised.
        """
        from mlcraft.uncertainty import Inference, nested

        fit = Inference(self)
        return nested(fit.model, Inference(smaller).model, fit.only_target(target), weights)

    def predict_interval(
        self,
        X: Any,
        level: Any = 0.95,
        kind: str = "mean",
        *,
        covariance: str | Covariance = "classical",
        weights: str = "analytic",
    ) -> PredictionInterval:
        """Predict with intervals, by normal theory.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.
        level : float or sequence of float, default=0.95
            Confidence levels.
        kind : {"mean", "observation"}, default="mean"
            Interval of the mean response at these rows, or of one new observation of weight one.
        covariance : str or Covariance, default="classical"
            Kind of covariance.  Others than the classical one need the rows of the fit, as a `Covariance` that
            `cov_params_` has returned, since X here are the rows to predict.
        weights : {"analytic", "frequency"}, default="analytic"
            What the weights of the fit mean, as for `cov_params_`.

        Returns
        -------
        PredictionInterval
            Of arrays `prediction`, `lower` and `upper`; with several levels the bounds have them as last axis.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LinearRegression
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> y = np.array([1.1, 1.9, 3.2, 3.8, 5.1])
        >>> found = LinearRegression().fit(X, y).predict_interval([[6.0]], kind="observation")
        >>> found.lower.round(3), found.upper.round(3)
        (array([5.119]), array([6.861]))
        """
        from mlcraft.uncertainty import Inference, prediction_interval

        fit = Inference(self)
        found = [fit.covariance(covariance, t, {"weights": weights}) for t in fit.targets(None)]
        return prediction_interval(fit.model, found, fit.engine_rows(X), level, kind, found[0].weights)

    def _test(
        self,
        distribution: str,
        hypotheses: Any,
        value: Any,
        covariance: str | Covariance,
        target: int | None,
        data: FitData,
    ) -> TestResult:
        from mlcraft.uncertainty import Inference, parse_hypotheses, wald

        fit = Inference(self)
        chosen = fit.only_target(target)
        matrix, right = parse_hypotheses(hypotheses, fit.model.names, value)
        return wald(fit.model, fit.covariance(covariance, chosen, data), matrix, right, chosen, distribution)
