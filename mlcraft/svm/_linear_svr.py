"""Regression by the epsilon-insensitive losses."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from mlcraft._engine.validation import check_parameters, checked_weights, engine_matrix, finite_or_explained
from mlcraft.linear_model._base import LinearEstimator
from mlcraft.svm._fit import MarginOptions, fit_margin
from mlcraft.svm._rules import asked_dual, refuse_unsupported, seed_of, tell_about_fit

__all__ = ["LinearSVR"]


class LinearSVR(RegressorMixin, LinearEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Linear support vector machine for regression.

    A drop-in replacement of :class:`sklearn.svm.LinearSVR`.  It minimises
    ``(|b|^2 + (c / intercept_scaling)^2) / 2 + C sum(w_i loss_i)`` with ``loss = max(0, |y - x'b - c| - epsilon)`` or
    its square, to a certificate: the duality gap, or the gradient in columns of one scale for the squared loss.

    Parameters
    ----------
    epsilon : float, default=0.0
        Half the width of the tube around the prediction in which errors are free.  With 0 the loss is the absolute
        error.
    tol : float, default=1e-4
        Below 1e-4 the bounds on the certificates tighten with it (they are 1e-6 for the relative duality gap and 1e-9
        for the scaled gradient); above they stay.
    C : float, default=1.0
        Weight of the losses; the larger, the weaker the penalty.
    loss : {'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='epsilon_insensitive'
        The loss.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is penalised as ``intercept_scaling`` says.
    intercept_scaling : float, default=1.0
        The constant term is penalised like the coefficient of a column with this value; a large one frees it.
    dual : 'auto' or bool, default='auto'
        Accepted for compatibility, with scikit-learn's rules on what goes with what.  The solution is the same.
    verbose : int, default=0
        Whether to print how the fit went.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of rows in coordinate descent (more than a thousand columns), which has no influence beyond
        the certificate.  None is always the same seed.
    max_iter : int, default=1000
        Bound on the iterations.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, float64.
    intercept_ : ndarray of shape (1,)
        Constant term; 0.0 without `fit_intercept`.
    n_iter_ : int
        Number of iterations.
    certificate_ : ndarray of shape (1,)
        What proves the solution: the duality gap relative to the objective, or the scaled gradient.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    LinearSVC : Classification.

    References
    ----------
    Ho and Lin (2012). Large-scale linear support vector regression. JMLR 13, 3323-3348.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.svm import LinearSVR
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 7.0, 90.0])  # the last one is far off
    >>> model = LinearSVR(C=100.0).fit(X, y)
    >>> model.coef_.round(6), model.intercept_.round(6)
    (array([2.]), array([1.]))
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "epsilon": [Real],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "loss": [StrOptions({"epsilon_insensitive", "squared_epsilon_insensitive"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "dual": ["boolean", StrOptions({"auto"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        epsilon: float = 0.0,
        tol: float = 1e-4,
        C: float = 1.0,
        loss: str = "epsilon_insensitive",
        fit_intercept: bool = True,
        intercept_scaling: float = 1.0,
        dual: Any = "auto",
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int = 1000,
    ) -> None:
        self.epsilon = epsilon
        self.tol = tol
        self.C = C
        self.loss = loss
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.dual = dual
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.  float64 arrays and CSR or CSC matrices are not copied.
        y : array-like of shape (n_samples,)
            Values to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : LinearSVR
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input, and where scikit-learn has no solver for the combination of parameters.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` ran out, or the arithmetic, before the certificate was reached.
        """
        check_parameters(self)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, look))
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> None:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], dtype=np.float64, ensure_all_finite=ensure_all_finite
        )
        X = engine_matrix(X)
        weight = checked_weights(sample_weight, X)
        refuse_unsupported("l2", self.loss, asked_dual(self.dual, "l2", self.loss, X.shape))
        if self.epsilon < 0 and self.loss != "epsilon_insensitive":
            raise ValueError(f"epsilon must not be negative with loss={self.loss!r}, got {self.epsilon!r}")
        options = MarginOptions(
            loss=self.loss,
            C=float(self.C),
            intercept_scaling=float(self.intercept_scaling) if self.fit_intercept else 0.0,
            epsilon=float(self.epsilon),
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            seed=seed_of(self.random_state),
        )
        fit = fit_margin(X, np.asarray(y, dtype=np.float64), weight, options)
        self.coef_ = fit.coef
        self.intercept_ = np.array([fit.intercept]) if self.fit_intercept else 0.0
        self.n_iter_ = fit.n_iter
        self.certificate_ = np.array([fit.certificate])
        tell_about_fit(self, [fit])

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the linear model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted values.
        """
        return self._linear_output(X, "predict")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
