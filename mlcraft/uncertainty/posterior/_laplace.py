"""The posterior of a logistic or multinomial regression, by Laplace's approximation."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from mlcraft.uncertainty._glm_door import GlmInference
from mlcraft.uncertainty.posterior._posterior import LaplacePosterior, last_step, transformed

__all__ = ["laplace", "logistic_step"]


def laplace(
    estimator: Any, X: Any = None, y: Any = None, *, sample_weight: Any = None, base: Any = None
) -> LaplacePosterior:
    """
    Approximate the posterior of a logistic or multinomial regression by a normal distribution at its mode.

    The penalty of the fit is the prior: coefficients are independent and normal with variance C around zero (those of
    every class, with more than two), the intercept is flat. The fit is the mode of the posterior then, and the inverse
    of the information with the penalty its covariance [1]_ [2]_.

    Parameters
    ----------
    estimator : LogisticRegression, LogisticRegressionCV, FirthLogisticRegression or Pipeline that ends in one
        Fitted; one that is not is cloned and fitted to X and y.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), default=None
        The rows of the fit. A fitted estimator needs them only where it has kept no information (more than about
        200,000 rows of 20 columns); where they are given they are checked.
    y : array-like of shape (n_samples,), default=None
        The labels of the fit.
    sample_weight : array-like of shape (n_samples,), default=None
        The weights of the fit: how many rows each row stands for.
    base : label, default=None
        The class that others are compared with in `mean` and `covariance`; the first if None. Predictions do not
        depend on it.

    Returns
    -------
    LaplacePosterior
        With `mean`, `covariance`, `log_evidence`, `interval`, `posterior_samples`, `predict_proba`, `predict_parts`.

    Raises
    ------
    TypeError
        If the estimator is no logistic regression of mlcraft, nor ends in one.
    ValueError
        If the posterior is improper: without a penalty, where columns are dependent or classes separated; or if X and
        y are not those of the fit.

    See Also
    --------
    evidence_path : The evidence for each of several C, and the best one.
    mlcraft.linear_model.BayesianRidge : The posterior of a regression.

    Notes
    -----
    Weights that are not numbers of rows, `class_weight` among them, make the posterior as narrow or wide as if they
    were. Rows that depend on one another make it too narrow: it trusts the model.

    References
    ----------
    .. [1] D. J. Spiegelhalter and S. L. Lauritzen, "Sequential updating of conditional probabilities on directed
       graphical structures", Networks 20, 579-605, 1990.
    .. [2] D. J. C. MacKay, "The evidence framework applied to classification networks", Neural Computation 4, 720-736,
       1992.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LogisticRegression
    >>> from mlcraft.uncertainty import laplace
    >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
    >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
    >>> model = LogisticRegression().fit(X, y)
    >>> posterior = laplace(model)
    >>> posterior.mean.round(3), posterior.standard_deviation.round(3)
    (array([-1.662,  0.739]), array([1.515, 0.581]))
    >>> far = np.array([[12.0]])
    >>> print(model.predict_proba(far).round(3), posterior.predict_proba(far).round(3))
    [[0.001 0.999]] [[0.115 0.885]]
    """
    last = logistic_step(estimator)
    given = X is not None
    if "coef_" not in vars(last):
        if not given or y is None:
            check_is_fitted(last)
        estimator = fitted_clone(estimator, X, y, sample_weight)
        last = last_step(estimator)
    inference = GlmInference(last, base)
    if given:
        inference.rows(transformed(estimator, X), y, sample_weight)
    return LaplacePosterior(estimator, inference)


def logistic_step(estimator: Any) -> Any:
    """Return the last step of a Pipeline, or the estimator itself, if it is a logistic regression of mlcraft."""
    last = last_step(estimator)
    if not hasattr(type(last), "loo_proba_"):
        raise TypeError(
            "a posterior needs a LogisticRegression of mlcraft, or a Pipeline that ends in one; got "
            f"{type(last).__name__}. For a regression there is mlcraft.linear_model.BayesianRidge"
        )
    return last


def fitted_clone(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
    """
    Fit a clone of an estimator, or of a Pipeline whose last step takes the weights.

    Parameters
    ----------
    estimator : object
    X, y, sample_weight
        Its rows.

    Returns
    -------
    object
    """
    name = f"{estimator.steps[-1][0]}__sample_weight" if hasattr(estimator, "steps") else "sample_weight"
    options = {} if sample_weight is None else {name: sample_weight}
    return clone(estimator).fit(X, y, **options)
