"""Logistic regression: two classes or many, with an L2 penalty or none."""

from math import isfinite
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from mlcraft._engine.array_api import foreign_namespace, give_back, to_numpy
from mlcraft._engine.least_squares import LeastSquaresFit, NonFiniteError
from mlcraft._engine.smooth import SmoothFit
from mlcraft._engine.status import warn_caller
from mlcraft._engine.validation import adopt_width, check_parameters, finite_or_explained
from mlcraft.linear_model._fit_callbacks import (
    CallbackSupportMixin,
    IterationTasks,
    callbacks_torn_down,
    has_callbacks,
)
from mlcraft.linear_model._labels import (
    LabelledRows,
    checked_rows,
    class_weights,
    plain_rows,
    refuse_one_class,
)
from mlcraft.linear_model._left_out import LogisticLeftOutMixin
from mlcraft.linear_model._linear_classifier import (
    LinearClassifier,
    give_back_array,
    log_probabilities,
    probabilities,
)
from mlcraft.linear_model._logistic_fit import LogisticProblem, attributes_of, starting_values
from mlcraft.linear_model._logistic_inference import LogisticInferenceMixin
from mlcraft.linear_model._logistic_influence import LogisticInfluenceMixin
from mlcraft.linear_model._logistic_rules import (
    SOLVERS,
    asked_penalty,
    refuse_multiclass,
    refuse_sparse_penalty,
)
from mlcraft.linear_model._logistic_status import warn_about_logistic

__all__ = ["LogisticRegression"]


class LogisticRegression(
    LogisticLeftOutMixin,
    LogisticInferenceMixin,
    LogisticInfluenceMixin,
    CallbackSupportMixin,  # type: ignore[misc]  # scikit-learn has no types
    LinearClassifier,
):
    """Logistic regression with an L2 penalty or none; multinomial for three classes and more.

    A drop-in replacement of :class:`sklearn.linear_model.LogisticRegression`.  Minimises
    ``sum_i w_i loss_i + |b|^2 / (2 C)``, where the loss is minus the log-likelihood and the intercept is not penalised.
    Columns are brought to one scale inside, so theirs do not matter, and the fit goes on until the gradient shows
    that it is done: `certificate_` tells how small it is.

    Parameters
    ----------
    penalty : {'l2', None, 'l1', 'elasticnet'}, default='l2'
        Deprecated by scikit-learn 1.8: use `l1_ratio` and `C`.
    C : float, default=1.0
        Inverse of the strength of the penalty; ``np.inf`` is no penalty.
    l1_ratio : float, default=0.0
        Share of the L1 penalty.  Only 0 for now; others raise NotImplementedError.
    dual : bool, default=False
        Accepted for compatibility with `solver` 'liblinear'; the solution is the same.
    tol : float, default=1e-4
        Tolerance.  Any value gives a better solution than scikit-learn's: the default bounds `certificate_` by
        1e-9, others by 1e-5 `tol`, but never by more than 1e-6.
    fit_intercept : bool, default=True
        Whether to fit a constant term.
    intercept_scaling : float, default=1
        For `solver` 'liblinear' only, which penalises the intercept: by ``(intercept / intercept_scaling)^2``.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total weight.
        Multiplied with `sample_weight`.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.
    solver : {'lbfgs', 'liblinear', 'newton-cg', 'newton-cholesky', 'sag', 'saga'}, default='lbfgs'
        Accepted for compatibility, with scikit-learn's rules on what goes with what.  The solution is that of
        mlcraft's own solver whatever the name; 'liblinear' penalises the intercept too, and takes two classes only.
    max_iter : int, default=100
        Limit of iterations.  Ten to thirty are usual, whatever the scales of the columns.
    verbose : int, default=0
        If positive, one line is printed for each iteration.
    warm_start : bool, default=False
        Whether to start from the solution of the last fit.
    n_jobs : int, default=None
        Deprecated by scikit-learn 1.8.  Threads follow `OMP_NUM_THREADS` and threadpoolctl.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, in the dtype of X; one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Constant terms; zero without `fit_intercept`.
    n_iter_ : ndarray of shape (1,), dtype int32
        Number of iterations.
    certificate_ : float
        Largest element of the gradient at the solution, in columns of unit variance and relative to the residuals, so
        that neither the scales of X nor those of the weights matter.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    Warns
    -----
    SeparationWarning
        If classes are told apart perfectly and nothing (no penalty) keeps the coefficients finite.
    ConvergenceWarning
        If `max_iter` ended the fit.
    CollinearityWarning
        If columns are dependent and there is no penalty; `coef_` is then the one of smallest norm.

    See Also
    --------
    RidgeClassifier : Faster still, for labels only.

    References
    ----------
    Hastie, T., Tibshirani, R. and Friedman, J. (2009). The Elements of Statistical Learning, 2nd ed., section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LogisticRegression
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    >>> y = np.array(["no", "no", "yes", "no", "yes", "yes"])
    >>> model = LogisticRegression().fit(X, y)
    >>> print(*model.predict(np.array([[0.5], [4.5]])))
    no yes
    >>> model.predict_proba(np.array([[2.5]])).round(3)
    array([[0.5, 0.5]])
    """

    _left_out_form = "logistic"
    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None, Hidden(StrOptions({"deprecated"}))],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions(set(SOLVERS))],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set callbacks of scikit-learn (1.9 and later), which see every iteration of a fit.

        Parameters
        ----------
        *callbacks : callback instances
            None takes the callbacks away.

        Returns
        -------
        self : LogisticRegression
            The estimator.
        """
        if self.solver != "lbfgs":
            warn_caller(
                f"Callbacks are only supported in {type(self).__name__} for solver='lbfgs'. This estimator has "
                f"solver='{self.solver}', callbacks will be ignored during the solving of the regression."
            )
        estimator: Self = super().set_callbacks(*callbacks)
        return estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts; not negative.  A row of weight zero is a missing row.

        Returns
        -------
        self : LogisticRegression
            The fitted estimator.
        """
        if not self._has_plain_parameters():
            check_parameters(self)
            refuse_sparse_penalty(asked_penalty(self), self.l1_ratio)
        if has_callbacks(self):
            with callbacks_torn_down(self):
                return self._fit_any(X, y, sample_weight)
        rows = plain_rows(X, y, sample_weight)
        if rows is not None:
            try:
                self._solve(rows)
            except NonFiniteError:
                pass  # the checks below name the culprit
            else:
                adopt_width(self, X.shape[1])
                return self
        return self._fit_any(X, y, sample_weight)

    def _has_plain_parameters(self) -> bool:
        """Tell in a microsecond whether `_validate_params` and scikit-learn's rules would pass without a word."""
        return (
            type(self.C) in (float, int, np.float64)
            and self.C > 0
            and type(self.penalty) is str
            and self.penalty == "deprecated"
            and type(self.l1_ratio) in (float, int)
            and self.l1_ratio == 0
            and self.dual is False
            and type(self.tol) is float
            and self.tol >= 0.0
            and type(self.fit_intercept) is bool
            and type(self.intercept_scaling) in (float, int)
            and self.intercept_scaling > 0
            and (self.class_weight is None or type(self.class_weight) is dict or self.class_weight == "balanced")
            and (self.random_state is None or type(self.random_state) is int)
            and type(self.solver) is str
            and self.solver in SOLVERS
            and (self.solver != "liblinear" or isfinite(self.C))
            and type(self.max_iter) is int
            and self.max_iter >= 0
            and type(self.verbose) is int
            and self.verbose >= 0
            and type(self.warm_start) is bool
            and self.n_jobs is None
        )

    def _fit_any(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Fit whatever scikit-learn takes."""
        foreign, foreign_labels = foreign_namespace(X), foreign_namespace(y)
        if foreign is not None or foreign_labels is not None:
            X, y, sample_weight = to_numpy(X, y, sample_weight)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, look))
        if foreign is not None:
            give_back(self, foreign, "coef_", "intercept_", "n_iter_")
        if foreign_labels is not None:
            give_back(self, foreign_labels, "classes_")
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> None:
        listened = has_callbacks(self)
        rows = checked_rows(self, X, y, sample_weight, ensure_all_finite=ensure_all_finite or listened)
        self._solve(rows, listened)

    def _solve(self, rows: LabelledRows, listened: bool = False) -> None:
        """Fit rows and set the fitted attributes.

        The engine may raise NonFiniteError, and then nothing has been set.
        """
        refuse_one_class(rows.classes)
        refuse_multiclass(self.solver, len(rows.classes))
        problem = self._problem_of(rows)
        init = starting_values(self, rows) if self.warm_start else None
        if listened:
            self._solve_listened(problem, rows, init)
            return
        fit = problem.fit(self.tol, self.max_iter, init, _print_progress if self.verbose > 0 else None)
        dependent = self._store_fit(fit, rows, problem)
        if fit.status != "converged" or dependent is not None:
            warn_about_logistic(self, fit, problem, dependent)

    def _solve_listened(self, problem: LogisticProblem, rows: LabelledRows, init: Any) -> None:
        """Fit with callbacks, which see every iteration and may end the fit."""
        self.classes_ = rows.classes

        def attributes_after(n_iter: int) -> dict[str, Any]:
            return attributes_of(problem.fit(self.tol, n_iter, init), self.solver)

        labels = rows.classes[rows.codes.astype(np.intp)]
        parts = self.solver == "lbfgs"  # the one that scikit-learn's callbacks see the iterations of
        tasks = IterationTasks(self, rows.X, labels, rows.weight, self.max_iter, attributes_after, parts)
        fit = problem.fit(self.tol, self.max_iter, init, tasks)
        dependent = self._store_fit(fit, rows, problem)
        tasks.close()
        if fit.status not in ("converged", "interrupted") or dependent is not None:
            warn_about_logistic(self, fit, problem, dependent)

    def _store_fit(self, fit: SmoothFit, rows: LabelledRows, problem: LogisticProblem) -> LeastSquaresFit | None:
        """Set the fitted attributes; return what knows which columns are dependent, if some are."""
        self.classes_ = rows.classes
        likelihood = problem.remember(fit, class_weights(self.class_weight, rows) if self.class_weight else None)
        dependent = problem.least_norm(fit, likelihood.factor)
        self.__dict__.update(attributes_of(fit, self.solver))
        self.__dict__.pop("_kept", None)
        self._likelihood = likelihood
        return dependent

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`; the small ones are as accurate as the large ones.
        """
        (scores,) = to_numpy(self._scores(X, "predict_proba"))
        return give_back_array(probabilities(scores), X)

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log probabilities, in the order of `classes_`; finite where the probability itself is too small for a
            number.
        """
        (scores,) = to_numpy(self._scores(X, "predict_log_proba"))
        return give_back_array(log_probabilities(scores), X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(tags, "array_api_support"):
            tags.array_api_support = True
        tags.classifier_tags.multi_class = self.solver != "liblinear"
        return tags


def _print_progress(iteration: int, objective: float, certificate: float) -> None:
    print(f"iteration {iteration:4d}  objective {objective:.12g}  gradient {certificate:.3g}")
