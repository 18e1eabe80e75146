"""Logistic regression with Firth's penalty, for few rows and separated classes."""

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval

from mlcraft._engine.information import remember_likelihood
from mlcraft._engine.status import warn_caller
from mlcraft._engine.validation import check_parameters
from mlcraft.linear_model._labels import LabelledRows, checked_rows, refuse_one_class
from mlcraft.linear_model._linear_classifier import LinearClassifier, log_probabilities, probabilities
from mlcraft.linear_model._logistic_inference import LogisticInferenceMixin
from mlcraft.linear_model._logistic_influence import LogisticInfluenceMixin

__all__ = ["FirthLogisticRegression"]


class FirthLogisticRegression(LogisticInferenceMixin, LogisticInfluenceMixin, LinearClassifier):
    """Logistic regression for two classes that stays finite where classes are separated, and less biased everywhere.

    Half the logarithm of the determinant of the information is added to the log-likelihood (Jeffreys' prior), which
    removes the first-order bias of the coefficients [1]_ and gives finite estimates however well the columns tell the
    classes apart [2]_. There is nothing to tune. With a 2 x 2 table it adds one half to every cell.

    Where data are few, prefer profile intervals and likelihood-ratio tests to standard errors:
    ``summary(method="profile", X=X, y=y)``, ``conf_int(method="profile", X=X, y=y)`` and ``lr_test``, which are those
    of the penalised likelihood here. Every iteration takes the information, ``n_samples * n_features ** 2``.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit a constant term. It is part of the penalty; predicted probabilities lean a little to one half.
    max_iter : int, default=500
        Bound on the iterations. Ten are usual; separated classes with many columns take a hundred.
    tol : float, default=1e-10
        Bound on what another step would gain, relative to the log-likelihood.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Log odds ratios.
    intercept_ : ndarray of shape (1,)
        Constant term; zero without `fit_intercept`.
    classes_ : ndarray of shape (2,)
        The labels.
    n_iter_ : ndarray of shape (1,)
        Number of iterations.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    LogisticRegression : By maximum likelihood, or with an L2 penalty.

    References
    ----------
    .. [1] D. Firth, "Bias reduction of maximum likelihood estimates", Biometrika 80, 27-38, 1993.
    .. [2] G. Heinze and M. Schemper, "A solution to the problem of separation in logistic regression", Statistics in
       Medicine 21, 2409-2419, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import FirthLogisticRegression
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    >>> y = np.array([0, 0, 0, 1, 1, 1])  # separated: maximum likelihood has no estimate
    >>> model = FirthLogisticRegression().fit(X, y)
    >>> model.coef_.round(3), model.predict_proba([[3.5]]).round(3)
    (array([[1.129]]), array([[0.5, 0.5]]))
    >>> bounds = model.conf_int(method="profile", X=X, y=y)
    >>> print(f"{bounds['x0'][0]:.3f} to {bounds['x0'][1]:.3f}")
    0.002 to 6.070
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, *, fit_intercept: bool = True, max_iter: int = 500, tol: float = 1e-10) -> None:
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Labels of two classes.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How many rows each row stands for; not negative.

        Returns
        -------
        self : FirthLogisticRegression
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are not exactly two classes, or the data are not usable.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was not enough.
        """
        check_parameters(self)
        rows = checked_rows(self, X, y, sample_weight)
        refuse_one_class(rows.classes)
        if len(rows.classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: y has "
                f"{len(rows.classes)} classes. Wrap the estimator in a OneVsRestClassifier, or use LogisticRegression."
            )
        self._solve(rows)
        return self

    def _solve(self, rows: LabelledRows) -> None:
        from mlcraft.uncertainty import Likelihood

        weight = np.ones(rows.X.shape[0]) if rows.weight is None else rows.weight.astype(np.float64)
        codes, intercept = rows.codes.astype(np.intp), bool(self.fit_intercept)
        likelihood = Likelihood(rows.X, codes, weight, 2, intercept, firth=True)
        zeros = np.zeros(likelihood.width)
        found = likelihood.maximise(zeros, max_iter=self.max_iter, tol=self.tol**2)
        if not found.converged:
            warn_caller(
                f"The fit with Firth's penalty did not converge in {found.n_iter} iterations: another step would gain "
                f"{found.decrement / 2:.2g} of a penalised log-likelihood of {found.point.value:.6g}. Increase "
                "max_iter.",
                ConvergenceWarning,
            )
        theta = found.theta / likelihood.scale
        start = int(intercept)
        self.classes_ = rows.classes
        self.coef_ = theta[np.newaxis, start:].astype(rows.X.dtype)
        self.intercept_ = (theta[:1] if intercept else np.zeros(1)).astype(rows.X.dtype)
        self.n_iter_ = np.array([found.n_iter], dtype=np.int32)
        null = likelihood.maximise(zeros, np.arange(likelihood.width) < start, self.max_iter)
        kept = remember_likelihood(
            rows.X,
            rows.codes,
            theta[start:],
            theta[:start] if intercept else np.zeros(1),
            rows.weight,
            n_classes=2,
            fit_intercept=intercept,
            effort=np.inf,
        )
        self._likelihood = replace(kept, log_likelihood=found.point.value, null=null.point.value, firth=True)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities, in the order of `classes_`.
        """
        return probabilities(self._scores(X, "predict_proba"))

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Log probabilities, in the order of `classes_`.
        """
        return log_probabilities(self._scores(X, "predict_log_proba"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
