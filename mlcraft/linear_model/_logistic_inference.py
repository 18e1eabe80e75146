"""What follows from a logistic fit: standard errors, intervals, tests, effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

if TYPE_CHECKING:
    from mlcraft.uncertainty import (
        Contrast,
        Covariance,
        FitData,
        Intervals,
        LogisticSummary,
        MarginalEffects,
        PredictionInterval,
        TestResult,
    )

__all__ = ["LogisticInferenceMixin"]


class LogisticInferenceMixin:
    """Methods of a fitted logistic or multinomial regression: standard errors, intervals, tests and effects.

    With two classes the parameters are the intercept and the coefficients. With more they are those of each class
    against one, `base`, the first by default; they are called "class: column".
    """

    def summary(
        self,
        *,
        level: float = 0.95,
        covariance: str | Covariance = "classical",
        method: str = "wald",
        base: Any = None,
        **data: Unpack[FitData],
    ) -> LogisticSummary:
        """Summarise the fit: coefficients and odds ratios with errors and intervals, deviances, pseudo-R2, and what to
        be careful about.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level of the intervals.
        covariance : str or Covariance, default="classical"
            Kind of covariance, or one that `cov_params_` has returned.
        method : {"wald", "profile"}, default="wald"
            Intervals from standard errors, or from the profile of the likelihood, which needs X and y.
        base : label, default=None
            The class that others are compared with; the first if None.
        **data
            X, y, sample_weight, groups, weights, as for `cov_params_`.

        Returns
        -------
        LogisticSummary
            ``str()`` of it is a text, notebooks show a table, ``to_frame()`` gives a pandas DataFrame.

        Raises
        ------
        ValueError
            If the fit has no such covariance; the message says why.
        """
        from mlcraft.uncertainty._glm_door import GlmInference
        from mlcraft.uncertainty._glm_summary import summarise_glm

        fit = GlmInference(self, base)
        found = fit.covariance(covariance, data)
        bounds = fit.bounds(found, level, method, fit.positions(None), data)
        return summarise_glm(fit.model, found, bounds, method)

    def conf_int(
        self,
        level: float = 0.95,
        *,
        method: str = "wald",
        columns: Any = None,
        covariance: str | Covariance = "classical",
        base: Any = None,
        **data: Unpack[FitData],
    ) -> Intervals:
        """Return confidence intervals of the coefficients, as log odds ratios.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level.
        method : {"wald", "profile"}, default="wald"
            From standard errors, or where the profile of the likelihood falls by half a chi-square quantile (Venzon and
            Moolgavkar 1988), which needs X and y, and trusts the model.
        columns : str, int or sequence of them, default=None
            For "profile": names or places of the parameters wanted, the others are NaN; all if None.
        covariance : str or Covariance, default="classical"
            For "wald": kind of covariance, or one that `cov_params_` has returned.
        base : label, default=None
            The class that others are compared with; the first if None.
        **data
            X, y, sample_weight, groups, weights, as for `cov_params_`.

        Returns
        -------
        Intervals
            With `lower`, `upper` and `names`; an array of shape (n_parameters, 2) for NumPy. A profile bound that does
            not exist, since classes are separated, is infinite.
        """
        from mlcraft.uncertainty._glm_door import GlmInference

        fit = GlmInference(self, base)
        return fit.bounds(fit.covariance(covariance, data), level, method, fit.positions(columns), data)

    def cov_params_(
        self,
        kind: str = "classical",
        *,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        weights: str = "analytic",
        base: Any = None,
    ) -> Covariance:
        """Return the covariance matrix of the coefficients, the intercept first, class after class.

        Parameters
        ----------
        kind : str, default="classical"
            "classical", the inverse of the information (of a penalised fit, what varies of the penalised estimate);
            robust to a wrong model: "HC0", "HC1" (n / (n - p)); to clusters: "CR0", "CR1" (G / (G - 1)), "CR1S"
            (Stata's, also "cluster").
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), default=None
            The rows of the fit, which the model has not kept. Every kind but the classical one needs them, and that one
            too where the fit kept no information.
        y : array-like of shape (n_samples,), default=None
            The labels of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit, without those of `class_weight`.
        groups : array-like of shape (n_samples,), default=None
            Clusters, for the CR kinds.
        weights : {"analytic", "frequency", "sampling"}, default="analytic"
            What the weights of the fit mean: prior weights as R's `glm` has them, number of equal rows, or how many
            rows of a population a row stands for. The classical covariance is the same for the first two, which differ
            in the robust ones and in the number of observations; with the last the default kind is "HC0".
        base : label, default=None
            The class that others are compared with; the first if None.

        Returns
        -------
        Covariance
            With `matrix`, `standard_errors`, `names`, `kind`, `correction`; an array for NumPy.

        Raises
        ------
        ValueError
            If the kind is unknown or lacks what it needs; or if X and y are not those of the fit.
        """
        from mlcraft.uncertainty._glm_door import GlmInference

        data: FitData = {"X": X, "y": y, "sample_weight": sample_weight, "groups": groups, "weights": weights}
        return GlmInference(self, base).covariance(kind, data)

    def wald_test(
        self,
        hypotheses: Any,
        value: Any = None,
        *,
        covariance: str | Covariance = "classical",
        base: Any = None,
        **data: Unpack[FitData],
    ) -> TestResult:
        """Test linear restrictions on the coefficients jointly, by chi-square.

        Parameters
        ----------
        hypotheses : str, list of str, or array-like of shape (n_restrictions, n_parameters)
            Names of coefficients that are zero, expressions such as ``"x0 - 2 * x1 = 1"``, or a matrix.
        value : array-like of shape (n_restrictions,), default=None
            Values of the combinations; zeros if None.
        covariance : str or Covariance, default="classical"
            Kind of covariance, or one that `cov_params_` has returned.
        base : label, default=None
            The class that others are compared with; the first if None.
        **data
            As for `cov_params_`.

        Returns
        -------
        TestResult
        """
        from mlcraft.uncertainty import parse_hypotheses, wald
        from mlcraft.uncertainty._glm_door import GlmInference

        fit = GlmInference(self, base)
        matrix, right = parse_hypotheses(hypotheses, fit.model.names, value)
        return wald(fit.model, fit.covariance(covariance, data), matrix, right, 0, "chi2")

    def contrast(
        self,
        combinations: Any,
        value: Any = None,
        *,
        level: float = 0.95,
        covariance: str | Covariance = "classical",
        base: Any = None,
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
        covariance, base, **data
            As for `wald_test`.

        Returns
        -------
        Contrast
        """
        from mlcraft.uncertainty import contrast, parse_hypotheses
        from mlcraft.uncertainty._glm_door import GlmInference

        fit = GlmInference(self, base)
        matrix, right = parse_hypotheses(combinations, fit.model.names, value)
        return contrast(fit.model, fit.covariance(covariance, data), matrix, right, 0, level)

    def lr_test(self, columns: Any, X: Any, y: Any, sample_weight: Any = None) -> TestResult:
        """Test that the coefficients of some columns are zero by the likelihood ratio, with one fit without them.

        Parameters
        ----------
        columns : str, int or sequence of them
            Names of columns or parameters (with more than two classes the name of a column stands for all its
            coefficients), or places of parameters.
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,)
            The labels of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.

        Returns
        -------
        TestResult

        Raises
        ------
        ValueError
            If the fit is penalised, the data are not those of the fit, or a name is unknown.
        """
        from mlcraft.uncertainty._glm_door import GlmInference
        from mlcraft.uncertainty._glm_profile import restricted

        fit = GlmInference(self)
        return restricted(fit.model, fit.rows(X, y, sample_weight), fit.positions(columns))

    def compare(self, smaller: Any) -> TestResult:
        """Test this model against one with fewer columns, fitted on the same rows, by the likelihood ratio.

        Parameters
        ----------
        smaller : LogisticRegression
            The fitted smaller model.

        Returns
        -------
        TestResult

        Raises
        ------
        ValueError
            If the models were not fitted on the same rows, are not nested, or are penalised.
        """
        from mlcraft.uncertainty._glm_door import GlmInference
        from mlcraft.uncertainty._glm_profile import nested_likelihoods

        return nested_likelihoods(GlmInference(self).model, GlmInference(smaller).model)

    def predict_interval(
        self, X: Any, level: Any = 0.95, *, covariance: str | Covariance = "classical"
    ) -> PredictionInterval:
        """Predict probabilities with confidence intervals, made on the scale of the log odds: never outside 0 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.
        level : float or sequence of float, default=0.95
            Confidence levels.
        covariance : str or Covariance, default="classical"
            The classical one, or a `Covariance` that `cov_params_` has returned (for the first class as base), since X
            here are the rows to predict.

        Returns
        -------
        PredictionInterval
            Of arrays `prediction`, `lower` and `upper`: of the probability of ``classes_[1]``, of shape (n_samples,);
            with more than two classes of all, of shape (n_samples, n_classes). Several levels are the last axis of the
            bounds.
        """
        from mlcraft.uncertainty._glm_door import GlmInference
        from mlcraft.uncertainty._glm_effects import probability_interval

        fit = GlmInference(self)
        return probability_interval(fit.model, fit.covariance(covariance, {}), fit.engine_rows(X), level)

    def marginal_effects(
        self,
        X: Any,
        *,
        columns: Any = None,
        discrete: Any = "auto",
        sample_weight: Any = None,
        level: float = 0.95,
        covariance: str | Covariance = "classical",
    ) -> MarginalEffects:
        """Average over rows what a column does to the probability, with errors by the delta method.

        The effect of a column is the mean of the derivatives of the rows' probabilities, that of a column of zeros and
        ones the mean change of probability when it goes from 0 to 1 [1]_.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to average over: those of the fit, or others.
        columns : sequence of str or int, default=None
            Columns of X; all if None.
        discrete : {"auto", True, False} or sequence of str or int, default="auto"
            Columns to change from 0 to 1: those that hold nothing else (also True), none, or the ones given.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.
        level : float, default=0.95
            Confidence level of the intervals.
        covariance : str or Covariance, default="classical"
            The classical one, or a `Covariance` that `cov_params_` has returned.

        Returns
        -------
        MarginalEffects
            With `effect`, `standard_error`, `z`, `p_value`, `lower`, `upper`, of shape (n_columns,), for the
            probability of ``classes_[1]``; with more than two classes (n_classes, n_columns).

        References
        ----------
        .. [1] W. H. Greene, "Econometric Analysis", 7th edition, chapter 17, Pearson, 2012.
        """
        from mlcraft.uncertainty._checked_rows import rows_of
        from mlcraft.uncertainty._glm_door import GlmInference
        from mlcraft.uncertainty._glm_effects import marginal_effects

        fit = GlmInference(self)
        rows = rows_of(self, X, None, sample_weight, look=True)
        chosen = fit.features(columns)
        stepped = discrete if isinstance(discrete, (bool, str)) else fit.features(discrete)
        found = fit.covariance(covariance, {})
        return marginal_effects(fit.model, found, rows.X, rows.weight, chosen, stepped, level)
