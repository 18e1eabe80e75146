"""What follows from a logistic fit: standard errors, intervals, tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from sklearn.exceptions import ConvergenceWarning

from mlcraft._engine.status import warn_caller
from mlcraft.linear_model._logistic_effects import LogisticEffectsMixin

if TYPE_CHECKING:
    from mlcraft.uncertainty import (
        Contrast,
        Covariance,
        FitData,
        Intervals,
        LogisticSummary,
        TestResult,
    )

__all__ = ["LogisticInferenceMixin"]


class LogisticInferenceMixin(LogisticEffectsMixin):
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> summary = model.summary()
        >>> summary.odds_ratio.round(3), summary.standard_error.round(3)
        (array([0.069, 3.281]), array([2.121, 0.864]))
        >>> print(str(summary).splitlines()[0])
        LogisticRegression of 1 against 0: 8 observations, 2 parameters
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> np.asarray(model.conf_int()).round(3)
        array([[-6.83 ,  1.483],
               [-0.506,  2.883]])
        >>> np.asarray(model.conf_int(method="profile", X=X, y=y)).round(3)
        array([[-8.376,  0.812],
               [-0.216,  3.524]])
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> model.cov_params_().standard_errors.round(3)
        array([2.121, 0.864])
        >>> model.cov_params_("HC1", X=X, y=y).standard_errors.round(3)
        array([1.975, 0.758])
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> print(model.wald_test("x0 = 1"))
        chi2(1) = 0.0474, p = 0.8277 (classical covariance)
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> print(model.contrast("intercept + 2 x0"))  # the log odds at 2
        intercept + 2 x0: -0.297042 [-2.00663, 1.41255], p = 0.7334
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> print(model.lr_test("x0", X, y))
        chi2(1) = 2.6408, p = 0.1042 (likelihood ratio)
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

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If a fit stopped so early that its log-likelihood may be off by more than 0.01.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> X = np.column_stack([X[:, 0], [1, 0, 0, 1, 1, 0, 1, 0]])
        >>> larger = LogisticRegression(C=np.inf).fit(X, y)
        >>> print(str(larger.compare(model)).splitlines()[0])
        chi2(1) = 0.0155, p = 0.9009 (likelihood ratio)
        """
        from mlcraft.uncertainty._glm_door import GlmInference
        from mlcraft.uncertainty._glm_profile import nested_likelihoods

        larger_model, smaller_model = GlmInference(self).model, GlmInference(smaller).model
        for name, estimator, model in (("this", self, larger_model), ("the smaller", smaller, smaller_model)):
            certificate = float(getattr(estimator, "certificate_", 0.0))
            if not model.fitted.n_samples * certificate**2 <= 0.01:  # the order of what the likelihood still lacks
                warn_caller(
                    f"The fit of {name} model ended at a certificate of {certificate:.1g}, so that its log-likelihood "
                    "is too small for a test: raise max_iter, or lower tol, and fit it again",
                    ConvergenceWarning,
                )
        return nested_likelihoods(larger_model, smaller_model)
