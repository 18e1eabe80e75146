"""Logistic regression that chooses its penalty by cross-validation."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils import metadata_routing
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _deprecate_positional_args, check_is_fitted

from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.validation import adopt_width, check_parameters, finite_or_explained
from mlcraft.linear_model._labels import (
    LabelledRows,
    checked_rows,
    plain_rows,
    refuse_one_class,
    weighted_by_class,
)
from mlcraft.linear_model._logistic_cv_rules import Asked, asked_search
from mlcraft.linear_model._logistic_fit import LogisticProblem
from mlcraft.linear_model._logistic_grid import GridFits, GridSettings, fit_grid
from mlcraft.linear_model._logistic_regression import LogisticRegression
from mlcraft.linear_model._logistic_rules import SOLVERS, refuse_multiclass
from mlcraft.linear_model._logistic_scores import with_all_classes
from mlcraft.linear_model._logistic_search import (
    attributes_of_search,
    average_of_best,
    inverse_penalties,
    score_grid,
    warn_about_grid,
)
from mlcraft.linear_model._logistic_status import warn_about_logistic
from mlcraft.linear_model._penalty_search import make_splits

__all__ = ["LogisticRegressionCV"]


class LogisticRegressionCV(LogisticRegression):
    """Logistic regression that chooses its penalty by cross-validation.

    A drop-in replacement of :class:`sklearn.linear_model.LogisticRegressionCV`. All penalties and all folds are fitted
    on the one X, without a copy of its rows, each fit started close to its solution and taken to the certificate of
    `LogisticRegression`; folds are fitted by several threads.

    Parameters
    ----------
    Cs : int or array-like of shape (n_cs,), default=10
        Inverse strengths of the penalty to try; a whole number means that many between 1e-4 and 1e4, evenly spaced in
        the logarithm.
    l1_ratios : array-like of shape (n_l1_ratios,), default=None
        Shares of the L1 penalty to try.  Only zeros for now; others raise NotImplementedError.
    fit_intercept : bool, default=True
        Whether to fit a constant term.
    cv : int, splitter, iterable of (train, test) or None, default=None
        None is five stratified folds.
    dual : bool, default=False
        Accepted for compatibility with `solver` 'liblinear'; the solution is the same.
    penalty : {'l2', 'l1', 'elasticnet'}, default='l2'
        Deprecated by scikit-learn 1.8: use `l1_ratios` and `Cs`.
    scoring : str, callable or None, default=None
        A scorer's name or ``scorer(estimator, X, y)``; None is accuracy.
    solver : {'lbfgs', 'liblinear', 'newton-cg', 'newton-cholesky', 'sag', 'saga'}, default='lbfgs'
        Accepted for compatibility, with scikit-learn's rules on what goes with what, as in `LogisticRegression`.
    tol : float, default=1e-4
        Tolerance of each fit, as in `LogisticRegression`.
    max_iter : int, default=100
        Limit of iterations of each fit.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total weight in all rows
        together.  Multiplied with `sample_weight`.
    n_jobs : int, default=None
        Threads that fit folds; None is as many as `OMP_NUM_THREADS` and threadpoolctl allow.
    verbose : int, default=0
        Accepted for compatibility.
    refit : bool, default=True
        Whether the model is the fit of all rows with the penalty of the best mean score.  Otherwise it is the mean
        over the folds of each fold's best fit, and so is `C_`.
    intercept_scaling : float, default=1
        For `solver` 'liblinear' only, which penalises the intercept: by ``(intercept / intercept_scaling)^2``.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.
    use_legacy_attributes : bool, default=True
        Whether fitted attributes have the shapes of old: dictionaries by class, arrays for `C_` and `l1_ratio_`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, in the dtype of X; one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Constant terms; zero without `fit_intercept`.
    Cs_ : ndarray of shape (n_cs,)
        The penalties tried.
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
        The ratios tried; ``[None]`` for none.
    C_ : float, or ndarray of shape (1,) or (n_classes,)
        The penalty chosen.
    l1_ratio_ : float, or ndarray of shape (1,) or (n_classes,)
        Zero.
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, n_classes, n_dof), or dict
        Coefficients of every fold and penalty, the intercept last; one class for two.  The dictionary of old has for
        each class (n_folds, n_cs, n_dof), or (n_folds, n_cs, n_l1_ratios, n_dof) where ratios are given.
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs), or dict
        Scores; the dictionary of old has the same for each class, (n_folds, n_cs) or (n_folds, n_cs, n_l1_ratios).
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs), or (1, n_folds, n_cs) or (1, n_folds, n_cs, n_l1_ratios)
        Iterations of each fit.
    certificate_ : float
        Of the final fit, with `refit`: see `LogisticRegression`.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` ended fits of the search.

    See Also
    --------
    LogisticRegression : With a given penalty.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LogisticRegressionCV
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((200, 10))
    >>> y = X[:, 0] + random.standard_normal(200) > 0
    >>> model = LogisticRegressionCV(
    ...     Cs=5, l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False
    ... ).fit(X, y)
    >>> model.C_, model.scores_.shape
    (1.0, (5, 1, 5))
    """

    # takes sample_weight whatever is asked for by metadata routing
    __metadata_request__score = {"sample_weight": metadata_routing.UNUSED}  # noqa: RUF012

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like", None, Hidden(StrOptions({"warn"}))],
        "fit_intercept": ["boolean"],
        "cv": ["cv_object"],
        "dual": ["boolean"],
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), Hidden(StrOptions({"deprecated"}))],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None, Hidden(StrOptions({"warn"}))],
        "solver": [StrOptions(set(SOLVERS))],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "refit": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "use_legacy_attributes": ["boolean", Hidden(StrOptions({"warn"}))],
    }

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = "warn",
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: str = "deprecated",
        scoring: Any = "warn",
        solver: str = "lbfgs",
        tol: float = 1e-4,
        max_iter: int = 100,
        class_weight: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: Any = None,
        use_legacy_attributes: Any = "warn",
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.solver = solver
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Choose the penalty and fit with it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts, in fits and in scores; not negative.
        **params : dict
            For the scorer and the splitter, with scikit-learn's metadata routing.

        Returns
        -------
        self : LogisticRegressionCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data hold NaN or infinity or one class only, or parameters do not go together.
        NotImplementedError
            For L1 and elastic-net penalties.
        """
        check_parameters(self)
        _raise_for_params(params, self, "fit")
        asked = asked_search(self)
        rows = plain_rows(X, y, sample_weight)
        if rows is not None:
            try:
                self._search(rows, y, sample_weight, params, asked)
            except NonFiniteError:
                pass  # the checks below name the culprit
            else:
                adopt_width(self, X.shape[1])
                return self

        def fit_checked(look: bool) -> None:
            rows = checked_rows(self, X, y, sample_weight, accept_sparse=["csr"], ensure_all_finite=look)
            self._search(rows, rows.classes[rows.codes.astype(np.intp)], sample_weight, params, asked)

        finite_or_explained(fit_checked)
        return self

    def _search(self, rows: LabelledRows, y: Any, sample_weight: Any, params: dict[str, Any], asked: Asked) -> None:
        """Fit the grid, score it, and set the fitted attributes; nothing is set where the engine meets NaN."""
        refuse_one_class(rows.classes)
        refuse_multiclass(self.solver, len(rows.classes))
        _refuse_unknown_classes(self.class_weight, rows.classes)
        rows.X, rows.codes, rows.weight = readable(rows.X, rows.codes, rows.weight)
        weight = weighted_by_class(self.class_weight, rows)
        Cs = inverse_penalties(self.Cs)
        split_params, score_params = self._routed(params, sample_weight)
        splits = make_splits(self.cv, rows.X, y, True, split_params)
        settings = GridSettings(
            fit_intercept=bool(self.fit_intercept),
            intercept_scaling=self.intercept_scaling if self.solver == "liblinear" else None,
            tol=self.tol,
            max_iter=self.max_iter,
            jobs=None if self.n_jobs is None else effective_n_jobs(self.n_jobs),
        )
        fits = fit_grid(rows, weight, Cs.astype(np.float64), [train for train, _ in splits], settings)
        scorer = None if asked.scoring is None else get_scorer(asked.scoring)
        scores = score_grid(fits, rows, y, splits, scorer, score_params, Cs)
        warn_about_grid(self, fits, rows, splits)
        C = self._choose(fits, scores, Cs, rows, weight, settings)
        constant = settings.fit_intercept
        self.__dict__.update(attributes_of_search(fits, scores, Cs, C, asked, rows.classes, constant))

    def _choose(
        self, fits: GridFits, scores: Any, Cs: NDArray[Any], rows: LabelledRows, weight: Any, settings: GridSettings
    ) -> Any:
        """Set what `LogisticRegression` has, and return the penalty chosen."""
        if not self.refit:
            best, coef, intercept = average_of_best(fits, scores)
            self.classes_, self.coef_, self.intercept_ = rows.classes, coef, intercept
            for name in ("certificate_", "_kept", "_likelihood"):
                self.__dict__.pop(name, None)
            return Cs[best].mean()
        number = int(scores.sum(axis=0).argmax())
        fit = fits.whole[number]
        problem = LogisticProblem.of(
            rows,
            weight,
            inverse_penalty=float(Cs[number]),
            fit_intercept=settings.fit_intercept,
            intercept_scaling=settings.intercept_scaling,
        )
        dependent = self._store_fit(fit, rows, problem)
        if fit.status != "converged" or dependent is not None:
            warn_about_logistic(self, fit, problem, dependent)
        return Cs[number]

    def _routed(self, params: dict[str, Any], sample_weight: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what goes to the splitter and what goes to the scorer."""
        if _routing_enabled():
            routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
            score_params = dict(routed.scorer.score)
            split_params = dict(routed.splitter.split)
        else:
            split_params = {}
            score_params = params if sample_weight is None else {**params, "sample_weight": sample_weight}
        if self.scoring is None or (isinstance(self.scoring, str) and self.scoring == "warn"):
            score_params = {} if sample_weight is None else {"sample_weight": sample_weight}
        return split_params, score_params

    # scikit-learn 1.11 will take no positional sample_weight
    @_deprecate_positional_args(version="1.11")  # type: ignore[untyped-decorator]
    def score(self, X: Any, y: Any, *, sample_weight: Any = None, **score_params: Any) -> float:
        """Score predictions by `scoring`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.
        y : array-like of shape (n_samples,)
            Their labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        **score_params : dict
            For the scorer, with scikit-learn's metadata routing.

        Returns
        -------
        float
            The score; accuracy without `scoring`.
        """
        _raise_for_params(score_params, self, "score")
        if sample_weight is not None:
            score_params["sample_weight"] = sample_weight
        if _routing_enabled():
            score_params = dict(process_routing(self, "score", **score_params).scorer.score)
        check_is_fitted(self)
        found: float = with_all_classes(self._get_scorer(), self.classes_)(self, X, y, **score_params)
        return found

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata go where, for scikit-learn's metadata routing.

        Returns
        -------
        MetadataRouter
            Requests of this estimator, of its scorer and of its splitter.
        """
        to_scorer = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(scorer=self._get_scorer(), method_mapping=to_scorer)
        )

    def _get_scorer(self) -> Any:
        """Return the scorer of `scoring`; accuracy for none."""
        asked = isinstance(self.scoring, str) and self.scoring == "warn"
        return get_scorer("accuracy" if asked else self.scoring or "accuracy")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(tags, "array_api_support"):
            tags.array_api_support = False
        return tags


def _refuse_unknown_classes(class_weight: Any, classes: NDArray[Any]) -> None:
    if isinstance(class_weight, dict) and not set(class_weight) <= set(classes):
        raise ValueError(
            f"The given class_weight dict must have the class labels as keys; classes={classes} but "
            f"key={class_weight.keys()}"
        )
