"""What a logistic fit says of probabilities: intervals, and average marginal effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcraft.uncertainty import Covariance, MarginalEffects, PredictionInterval

__all__ = ["LogisticEffectsMixin"]


class LogisticEffectsMixin:
    """Methods of a fitted logistic or multinomial regression: intervals of probabilities, effects of columns."""

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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> found = model.predict_interval([[2.0], [9.0]])
        >>> found.prediction.round(3), found.lower.round(3), found.upper.round(3)
        (array([0.426, 1.   ]), array([0.119, 0.028]), array([0.804, 1.   ]))
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

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> found = model.marginal_effects(X)
        >>> found.effect.round(3), found.standard_error.round(3)
        (array([0.208]), array([0.067]))
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
