"""Ridge regression that chooses its penalty by cross-validation, without refits."""

from functools import partial
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names
from sklearn.utils import check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)

from mlcraft._engine.array_api import foreign_namespace, give_back, to_numpy
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.status import warn_about_fit, warn_caller
from mlcraft._engine.validation import (
    adopt_width,
    check_parameters,
    checked_arrays,
    finite_or_explained,
    plain_arrays,
)
from mlcraft.linear_model._base import LinearEstimator
from mlcraft.linear_model._penalty_search import Choice, Search, accepts_weights, make_splits
from mlcraft.linear_model._regressor import LinearRegressor
from mlcraft.linear_model._ridge_regression import is_penalised, solve_ridge

__all__ = ["RidgeCV", "RidgeCVEstimator"]

SPARSE = ["csr", "csc", "coo"]


class RidgeCVEstimator(LinearEstimator):
    """Base of `RidgeCV` and `RidgeClassifierCV`: parameters, scorers, the search and the final fit."""

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "alphas": ["array-like", Interval(Real, 0, None, closed="neither")],
        "fit_intercept": ["boolean"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "cv": ["cv_object"],
        "store_cv_results": ["boolean"],
    }
    _default_scorer = "r2"

    alphas: Any
    fit_intercept: bool
    scoring: Any
    cv: Any
    store_cv_results: bool
    gcv_mode: str | None = None
    alpha_per_target: bool = False

    def _checked_alphas(self) -> NDArray[Any]:
        """Return the penalties as an array, or raise scikit-learn's errors."""
        bound = "neither" if self.cv is None else "left"  # leave-one-out divides by what the penalty leaves
        check = partial(check_scalar, target_type=Real, min_val=0.0, include_boundaries=bound)
        alphas = np.atleast_1d(np.asarray(self.alphas))
        if alphas.ndim != 1 or not alphas.size:
            raise ValueError(f"alphas must have one dimension and at least one element, got shape {alphas.shape}")
        for index, alpha in enumerate(np.atleast_1d(np.asarray(self.alphas, dtype=object))):
            check(alpha, f"alphas[{index}]" if alphas.size > 1 else "alphas")
        if not np.isfinite(alphas.astype(np.float64)).all():
            raise ValueError(f"alphas must be finite, got {self.alphas!r}")
        return alphas

    def _scorer(self) -> Any:
        if _routing_enabled() and self.scoring is None:
            # a scorer that takes the weights must ask for them
            return get_scorer(self._default_scorer).set_score_request(sample_weight=True)
        return check_scoring(estimator=self, scoring=self.scoring, allow_none=True)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata go where, for scikit-learn's metadata routing.

        Returns
        -------
        MetadataRouter
            Requests of this estimator, of its scorer and of its splitter.
        """
        from_fit = MethodMapping().add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(scorer=self._scorer(), method_mapping=from_fit)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )

    def _routed(self, scorer: Any, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what goes to the scorer and what goes to the splitter."""
        if _routing_enabled():
            routed = process_routing(self, "fit", **params)
            return dict(routed.scorer.score), dict(routed.splitter.split)
        if "sample_weight" not in params:
            return {}, {}
        if self.cv is not None and not accepts_weights(scorer):
            warn_caller(
                f"The scoring {scorer} does not support sample_weight, which may lead to statistically incorrect "
                f"results when fitting {self} with sample_weight."
            )
            return {}, {}
        return {"sample_weight": params["sample_weight"]}, {}

    def _prepare_search(self, X: Any, sample_weight: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Check what does not need checked arrays, and return what the search will need."""
        _raise_for_params(params, self, "fit")
        alphas, scorer = self._checked_alphas(), self._scorer()
        if sample_weight is not None:
            params = {**params, "sample_weight": sample_weight}
        if self.cv is not None:
            for name in ("store_cv_results", "alpha_per_target"):
                if getattr(self, name):
                    raise ValueError(f"cv!=None and {name}=True are incompatible")
        elif self.gcv_mode == "svd" and sparse.issparse(X):
            warn_caller(
                "The 'svd' mode is not supported for sparse X, we fallback to `gcv_mode='eigen'`. Passing "
                "`gcv_mode='svd'` on sparse X will raise an error in 1.11, use the default or pass "
                "`gcv_mode='eigen'` to suppress this warning.",
                FutureWarning,
            )
        score_params, split_params = self._routed(scorer, params)
        if self.cv is None and self.scoring is None:
            scorer = None  # the errors themselves
        return {"alphas": alphas, "scorer": scorer, "score_params": score_params, "split_params": split_params}

    def _plan_splits(self, plan: dict[str, Any], X: Any, matrix: Any, y: Any) -> None:
        """Ask the splitter, which sees a frame as it is given, unless it has been asked."""
        if self.cv is not None and "splits" not in plan:
            frame = X if hasattr(X, "iloc") or hasattr(X, "columns") else matrix
            plan["splits"] = make_splits(self.cv, frame, y, is_classifier(self), plan["split_params"])

    def _search(
        self, X: Any, y: NDArray[Any], weight: NDArray[Any] | None, plan: dict[str, Any], labels: Any = None
    ) -> None:
        """Choose the penalty and fit with it; `plan` holds the splits where there are any."""
        X, y, weight = readable(X, y, weight)
        score_params = plan["score_params"]
        if "sample_weight" in score_params and weight is not None:
            score_params = {**score_params, "sample_weight": weight}
        search = Search(
            X,
            y,
            weight,
            plan["alphas"].astype(np.float64),
            bool(self.fit_intercept),
            plan["scorer"],
            score_params,
            labels,
            self if labels is not None else None,
        )
        if self.cv is None:
            choice = search.by_leave_one_out(bool(self.alpha_per_target), bool(self.store_cv_results))
        else:
            choice = search.by_splits(plan["splits"], self.scoring)
        self._keep(choice, X, y, weight, plan["alphas"])

    def _keep(self, choice: Choice, X: Any, y: NDArray[Any], weight: NDArray[Any] | None, alphas: NDArray[Any]) -> None:
        alpha = alphas[choice.number]
        if self.cv is None:
            alpha = alpha.astype(np.float64) if np.ndim(alpha) and alpha.size > 1 else float(np.ravel(alpha)[0])
        fit = solve_ridge(
            X,
            y,
            alpha=float(alpha) if np.ndim(alpha) == 0 else alpha,
            sample_weight=weight,
            fit_intercept=bool(self.fit_intercept),
            positive=False,
            max_iter=None,
        )
        self._store(fit, bool(self.fit_intercept), alpha)
        self.coef_ = fit.coef.ravel() if y.ndim == 1 or y.shape[1] == 1 else fit.coef
        self.alpha_, self.best_score_ = alpha, choice.score
        self.__dict__.pop("cv_results_", None)
        if choice.results is not None:
            self.cv_results_ = choice.results.astype(X.dtype, copy=False)
        if fit.status != "converged" or fit.rank < X.shape[1]:
            warn_about_fit(self, fit, X, weight, penalised=is_penalised(alpha), solver="ridge")

    def _give_back(self, foreign: tuple[Any, Any]) -> None:
        names = ["coef_", "intercept_", "cv_results_", "alpha_", "best_score_"]
        arrays = [name for name in names if np.ndim(self.__dict__.get(name, 0.0))]
        give_back(self, foreign, *arrays)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(tags, "array_api_support"):
            tags.array_api_support = True
        tags.input_tags.sparse = True
        return tags


class RidgeCV(LinearRegressor, RidgeCVEstimator):
    """Ridge regression that chooses its penalty by cross-validation.

    A drop-in replacement of :class:`sklearn.linear_model.RidgeCV`. Leave-one-out takes one eigendecomposition and
    one pass over X for all penalties, and K folds one pass and one decomposition a fold; both equal refits.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=(0.1, 1.0, 10.0)
        Penalties to try; above zero, with `cv` also zero.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is not penalised.
    scoring : str, callable or None, default=None
        A scorer's name or ``scorer(estimator, X, y)``. None is the negative mean squared error for leave-one-out and
        R2 with `cv`.
    cv : int, splitter, iterable of (train, test) or None, default=None
        None is leave-one-out.
    gcv_mode : {'auto', 'svd', 'eigen'} or None, default=None
        Accepted for compatibility: the decomposition is chosen by what accuracy needs.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`; for leave-one-out only.
    alpha_per_target : bool, default=False
        Whether to choose a penalty for each target; for leave-one-out only.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The penalty chosen, or one for each target.
    best_score_ : float or ndarray of shape (n_targets,)
        Its score.
    cv_results_ : ndarray of shape (n_samples, n_alphas) or (n_samples, n_targets, n_alphas)
        With `store_cv_results`: squared errors of leave-one-out times the weights, or with `scoring` its predictions.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients of the fit on all rows with the penalty chosen.
    intercept_ : float or ndarray of shape (n_targets,)
        Constant term; 0.0 without `fit_intercept`.
    condition_ : float
        Estimated condition number of the centred X with columns of unit length, without the penalty.
    factor_ : object or None
        The factorised matrix of that fit.
    sums_of_squares_ : object or None
        Sums of squares of that fit.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    Ridge : With a given penalty.
    RidgeClassifierCV : Classification.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import RidgeCV
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((60, 5))
    >>> y = X[:, 0] + random.standard_normal(60)
    >>> model = RidgeCV(alphas=[0.1, 1.0, 10.0, 100.0]).fit(X, y)
    >>> model.alpha_, round(float(model.best_score_), 3)
    (1.0, -1.061)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **RidgeCVEstimator._parameter_constraints,
        "gcv_mode": [StrOptions({"auto", "svd", "eigen"}), None],
        "alpha_per_target": ["boolean"],
    }

    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        scoring: Any = None,
        cv: Any = None,
        gcv_mode: str | None = None,
        store_cv_results: bool = False,
        alpha_per_target: bool = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.gcv_mode = gcv_mode
        self.store_cv_results = store_cv_results
        self.alpha_per_target = alpha_per_target

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Choose the penalty and fit with it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values to predict.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts, in fits and, where the scorer takes weights, in scores; not negative.
        **params : dict
            For the scorer and the splitter, with scikit-learn's metadata routing.

        Returns
        -------
        self : RidgeCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data hold NaN or infinity, or parameters do not go together.
        """
        check_parameters(self)
        plan = self._prepare_search(X, sample_weight, params)
        foreign = foreign_namespace(X)
        if foreign is not None:
            X, y, sample_weight = to_numpy(X, y, sample_weight)
            plan["score_params"] = dict(
                zip(plan["score_params"], to_numpy(*plan["score_params"].values()), strict=True)
            )
        plain = plain_arrays(X, y, sample_weight)
        if plain is not None:
            try:
                if self.cv is not None:
                    plan["splits"] = make_splits(self.cv, X, y, is_classifier(self), plan["split_params"])
                self._search(*plain, plan)
            except NonFiniteError:
                pass  # the checks below name the culprit
            else:
                adopt_width(self, X.shape[1])
                return self._given_back(foreign)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, plan, look))
        return self._given_back(foreign)

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, plan: dict[str, Any], look: bool) -> None:
        matrix, target, weight = checked_arrays(
            self,
            X,
            y,
            sample_weight,
            accept_sparse=SPARSE,
            dtype=[np.float64, np.float32],
            ensure_all_finite=look,
        )
        self._plan_splits(plan, X, matrix, y)
        self._search(matrix, target, weight, plan)

    def _given_back(self, foreign: Any) -> Self:
        if foreign is not None:
            self._give_back(foreign)
        return self
