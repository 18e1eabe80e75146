"""Classification by ridge regression that chooses its penalty by cross-validation."""

from typing import Any, Self

from sklearn.utils._param_validation import StrOptions

from mlcraft._engine.array_api import foreign_namespace, to_numpy
from mlcraft._engine.validation import check_parameters, finite_or_explained
from mlcraft.linear_model._ridge_classifier import LabelPredictor
from mlcraft.linear_model._ridge_cv import SPARSE, RidgeCVEstimator

__all__ = ["RidgeClassifierCV"]


class RidgeClassifierCV(LabelPredictor, RidgeCVEstimator):
    """Classifier by ridge regression on targets of -1 and 1 that chooses its penalty by cross-validation.

    A drop-in replacement of :class:`sklearn.linear_model.RidgeClassifierCV`, with one difference: leave-one-out with
    `scoring` scores the labels themselves, for two classes and for several labels at once too.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=(0.1, 1.0, 10.0)
        Penalties to try; above zero, with `cv` also zero.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is not penalised.
    scoring : str, callable or None, default=None
        A scorer's name or ``scorer(estimator, X, y)``. None is the negative mean squared error of the targets for
        leave-one-out and accuracy with `cv`.
    cv : int, splitter, iterable of (train, test) or None, default=None
        None is leave-one-out.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total weight.
        Multiplied with `sample_weight`.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`; for leave-one-out only.

    Attributes
    ----------
    alpha_ : float
        The penalty chosen.
    best_score_ : float
        Its score.
    cv_results_ : ndarray of shape (n_samples, n_targets, n_alphas)
        With `store_cv_results`: squared errors of leave-one-out times the weights, or with `scoring` its predictions.
    coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients of the fit on all rows with the penalty chosen; flat for two classes.
    intercept_ : float or ndarray of shape (1,) or (n_classes,)
        Constant terms; 0.0 without `fit_intercept`.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    condition_ : float
        Estimated condition number of the centred X with columns of unit length, without the penalty.
    factor_ : object or None
        The factorised matrix of that fit.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    RidgeClassifier : With a given penalty.
    RidgeCV : Regression.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import RidgeClassifierCV
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    >>> model = RidgeClassifierCV().fit(X, ["low", "low", "low", "high", "high", "high"])
    >>> print(*model.predict(np.array([[0.5], [4.5]])))
    low high
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **RidgeCVEstimator._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _default_scorer = "accuracy"

    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        scoring: Any = None,
        cv: Any = None,
        class_weight: Any = None,
        store_cv_results: bool = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.class_weight = class_weight
        self.store_cv_results = store_cv_results

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Choose the penalty and fit with it.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels; a matrix of 0 and 1 for several labels at once.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts, in fits and, where the scorer takes weights, in scores; not negative.
        **params : dict
            For the scorer and the splitter, with scikit-learn's metadata routing.

        Returns
        -------
        self : RidgeClassifierCV
            The fitted estimator.
        """
        check_parameters(self)
        if self.class_weight and sample_weight is None:
            sample_weight = 1.0  # the classes' weights are weights
        plan = self._prepare_search(X, sample_weight, params)
        foreign = foreign_namespace(X)
        if foreign is not None:
            X, y, sample_weight = to_numpy(X, y, sample_weight)
            plan["score_params"] = {name: to_numpy(value)[0] for name, value in plan["score_params"].items()}
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, plan, look))
        if foreign is not None:
            self._give_back(foreign)
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, plan: dict[str, Any], look: bool) -> None:
        matrix, labels, targets, weight = self._prepared(X, y, sample_weight, SPARSE, look)
        self._plan_splits(plan, X, matrix, labels)
        self._search(matrix, targets, weight, plan, labels)
