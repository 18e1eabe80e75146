"""Rosenblatt's perceptron."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

from sklearn.utils._param_validation import Interval

from mlcraft.linear_model._sgd_classes import SgdClasses
from mlcraft.linear_model._sgd_rules import PENALTY_CONSTRAINTS
from mlcraft.linear_model._sgd_trace import EpochCallback, Extras

__all__ = ["Perceptron"]


class Perceptron(SgdClasses):
    """Linear classifier that learns from its mistakes alone.

    A drop-in replacement of :class:`sklearn.linear_model.Perceptron`:
    ``SGDClassifier(loss="perceptron", eta0=1, learning_rate="constant", penalty=None)``.

    Parameters
    ----------
    penalty : {'l2', 'l1', 'elasticnet'}, default=None
        The penalty.
    alpha : float, default=0.0001
        Factor of the penalty.
    l1_ratio : float, default=0.15
        Share of the L1 penalty in 'elasticnet'.
    fit_intercept : bool, default=True
        Whether to learn an intercept.
    max_iter : int, default=1000
        Bound on the epochs of `fit`.
    tol : float or None, default=1e-3
        An epoch that does not lower the mean objective (raise the score, with `early_stopping`) by `tol` is no
        improvement. None never stops before `max_iter`.
    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.
    verbose : int, default=0
        Whether to print how each epoch went.
    eta0 : float, default=1
        The step.
    n_jobs : int, default=None
        Accepted for compatibility: classes are trained in as many threads as there are processors.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffles and of the rows held out.
    early_stopping : bool, default=False
        Whether held-out rows decide when to stop.
    validation_fraction : float, default=0.1
        Share of the rows that are held out with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without improvement before training stops.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients there are.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, one row for each class against all others when there are more than two.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_iter_ : int
        Epochs, of the class that took the most.
    t_ : float
        Number of the next update.
    trace_ : TrainingTrace
        Losses and seconds of each epoch of the last `fit`.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    SGDClassifier : Other losses and other steps.

    References
    ----------
    Rosenblatt (1958). The perceptron: a probabilistic model for information storage and organization in the brain.
    Psychological Review 65, 386-408.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import Perceptron
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = Perceptron().fit(X, [False, False, False, True])  # logical and
    >>> print(*model.predict(X))
    False False False True
    """

    loss = "perceptron"
    learning_rate = "constant"

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **{key: rule for key, rule in SgdClasses._parameter_constraints.items() if key not in ("loss", "average")},
        **PENALTY_CONSTRAINTS,
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        *,
        penalty: str | None = None,
        alpha: float = 0.0001,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        eta0: float = 1.0,
        n_jobs: int | None = None,
        random_state: Any = 0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.eta0 = eta0
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start

    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        sample_weight: Any = None,
        *,
        callback: EpochCallback | None = None,
        validation: Any = None,
        progress: bool = False,
        batch_size: int = 1,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Labels.
        coef_init, intercept_init : array-like, default=None
            Where to start from, of the shapes of `coef_` and `intercept_`.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps, beside those of `class_weight`. A row of weight zero is left out.
        callback, validation, progress, batch_size
            As for :meth:`SGDClassifier.fit`.

        Returns
        -------
        self : Perceptron
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` epochs were not enough.
        """
        with self._all_or_nothing():
            extras = Extras(callback, validation, progress, batch_size)
            return self._fit(X, y, coef_init, intercept_init, sample_weight, extras)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch on some rows, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps.

        Returns
        -------
        self : Perceptron
            The estimator.

        Raises
        ------
        ValueError
            For bad input, `early_stopping` and ``class_weight='balanced'``.
        """
        with self._all_or_nothing():
            return self._partial_fit(X, y, classes, sample_weight)
