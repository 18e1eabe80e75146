"""Classification by ridge regression on targets of -1 and 1."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcraft._engine.array_api import foreign_namespace, give_back, to_numpy
from mlcraft._engine.validation import (
    check_parameters,
    checked_weights,
    engine_matrix,
    finite_or_explained,
)
from mlcraft.linear_model._ridge import RidgeEstimator

__all__ = ["LabelPredictor", "RidgeClassifier"]


class LabelPredictor(ClassifierMixin):  # type: ignore[misc]
    """What classifiers by ridge regression share: targets of -1 and 1 from labels, and labels from scores."""

    class_weight: Any
    classes_: NDArray[Any]
    _label_binarizer: LabelBinarizer
    _linear_output: Callable[[Any, str], NDArray[Any]]

    def _prepared(
        self, X: Any, y: Any, sample_weight: Any, accept_sparse: list[str], ensure_all_finite: bool
    ) -> tuple[Any, NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        """Validate and return X, the labels, the targets and the weights, those of the classes included."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=accept_sparse,
            multi_output=True,
            y_numeric=False,
            ensure_all_finite=ensure_all_finite,
        )
        X = engine_matrix(X)
        self._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
        Y = self._label_binarizer.fit_transform(y)
        self.classes_ = self._label_binarizer.classes_
        if not self._is_multilabel():
            y = column_or_1d(y, warn=True)
        weights = checked_weights(sample_weight, X)
        if self.class_weight:
            balance = compute_sample_weight(self.class_weight, y)
            weights = checked_weights(balance if weights is None else weights * balance, X)
        return X, y, Y.astype(X.dtype), weights

    def _is_multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _labels(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Return the labels that scores mean."""
        if self._is_multilabel():
            labels: NDArray[Any] = self._label_binarizer.inverse_transform(np.where(scores > 0, 1.0, -1.0))
            return labels
        chosen = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[chosen.astype(np.intp)]

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the signed distance to each class's boundary, up to its scale.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores; for two classes, positive means ``classes_[1]``.
        """
        scores = self._linear_output(X, "decision_function")
        return scores.reshape(-1) if scores.ndim == 2 and scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            The labels, or a matrix of 0 and 1 when several labels were fitted at once.
        """
        check_is_fitted(self, attributes=["_label_binarizer"])
        (scores,) = to_numpy(self.decision_function(X))
        labels = self._labels(scores)
        foreign = foreign_namespace(X)
        if foreign is None or labels.dtype.kind not in "biuf":
            return labels
        back: NDArray[Any] = foreign[0].asarray(labels, device=foreign[1])
        return back

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class RidgeClassifier(LabelPredictor, RidgeEstimator):
    """Classifier that fits ridge regression to targets of -1 and 1, one for each class.

    A drop-in replacement of :class:`sklearn.linear_model.RidgeClassifier`.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is not penalised.
    copy_X : bool, default=True
        Accepted for compatibility.  X is never copied and never written to, whatever this says.
    max_iter : int, default=None
        Limit of iterations for sparse X and for `positive`; there are none to limit otherwise.
    tol : float, default=1e-4
        Accepted for compatibility; results are as exact as the arithmetic allows.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total weight.
        Multiplied with `sample_weight`.
    solver : {'auto', 'svd', 'cholesky', 'lsqr', 'sparse_cg', 'sag', 'saga', 'lbfgs'}, default='auto'
        Accepted for compatibility, with scikit-learn's rules on what goes with what; see `Ridge`.
    positive : bool, default=False
        Whether coefficients must not be negative.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients; flat for two classes.
    intercept_ : float or ndarray of shape (1,) or (n_classes,)
        Constant terms; 0.0 without `fit_intercept`.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_iter_ : None or ndarray of shape (n_targets,)
        Number of steps for 'sag', 'saga' and 'lsqr', as in scikit-learn; None for the other names.
    solver_ : str
        The solver scikit-learn would have used.
    condition_ : float
        Estimated condition number of the centred X with columns of unit length, without the penalty.
    factor_ : object or None
        The factorised matrix of size n_features x n_features, for what follows from a fit.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    Ridge : The regression behind it.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import RidgeClassifier
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = RidgeClassifier().fit(X, ["low", "low", "high", "high"])
    >>> print(*model.predict(np.array([[0.5], [2.5]])))
    low high
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **RidgeEstimator._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        class_weight: Any = None,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels; a matrix of 0 and 1 for several labels at once.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : RidgeClassifier
            The fitted estimator.
        """
        check_parameters(self)
        foreign = foreign_namespace(X)
        if foreign is not None:
            X, y, sample_weight = to_numpy(X, y, sample_weight)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, foreign, look))
        if foreign is not None:
            give_back(self, foreign, "coef_", "intercept_")
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, foreign: Any, ensure_all_finite: bool) -> None:
        X, _, Y, weights = self._prepared(X, y, sample_weight, ["csr", "csc"], ensure_all_finite)
        solver = self._resolved_solver(sparse.issparse(X), foreign)
        self._solve(X, Y, weights, solver)
