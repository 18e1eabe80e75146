"""The passive-aggressive algorithms of Crammer, Dekel, Keshet, Shalev-Shwartz and Singer (2006)."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

from sklearn.utils import deprecated
from sklearn.utils._param_validation import Interval, StrOptions

from mlcraft.linear_model._sgd_classes import SgdClasses
from mlcraft.linear_model._sgd_rules import DEFAULT_EPSILON
from mlcraft.linear_model._sgd_trace import EpochCallback, Extras
from mlcraft.linear_model._sgd_values import SgdValues

__all__ = ["PassiveAggressiveClassifier", "PassiveAggressiveRegressor"]

UNBALANCED = (
    "class_weight 'balanced' is not supported for partial_fit. For 'balanced' weights, use "
    "`sklearn.utils.compute_class_weight` with `class_weight='balanced'`. In place of y you can use a large enough "
    "subset of the full training set target to properly estimate the class frequency distributions. Pass the resulting "
    "weights as the class_weight parameter."
)


def _constraints(rules: dict[str, list[Any]], loss: set[str]) -> dict[str, list[Any]]:
    own = {"loss": [StrOptions(loss)], "C": [Interval(Real, 0, None, closed="right")]}
    return {name: rule for name, rule in rules.items() if name != "eta0"} | own


@deprecated(
    "this is deprecated in version 1.8 and will be removed in 1.10. "
    "Use `SGDClassifier(loss='hinge', penalty=None, learning_rate='pa1', eta0=1.0)` "
    "instead."
)
class PassiveAggressiveClassifier(SgdClasses):
    """Linear classifier that leaves a row alone or makes up for it at once.

    A drop-in replacement of :class:`sklearn.linear_model.PassiveAggressiveClassifier`, which is deprecated in favour
    of ``SGDClassifier(loss='hinge', penalty=None, learning_rate='pa1', eta0=C)``.

    Parameters
    ----------
    C : float, default=1.0
        Aggressiveness: the largest step (PA-I), or what holds steps back the smaller it is (PA-II).
    fit_intercept : bool, default=True
        Whether to learn an intercept.
    max_iter : int, default=1000
        Bound on the epochs of `fit`.
    tol : float or None, default=1e-3
        An epoch that does not lower the mean loss (raise the score, with `early_stopping`) by `tol` is no improvement.
        None never stops before `max_iter`.
    early_stopping : bool, default=False
        Whether held-out rows decide when to stop.
    validation_fraction : float, default=0.1
        Share of the rows that are held out with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without improvement before training stops.
    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.
    verbose : int, default=0
        Whether to print how each epoch went.
    loss : {'hinge', 'squared_hinge'}, default='hinge'
        'hinge' for PA-I, 'squared_hinge' for PA-II.
    n_jobs : int, default=None
        Accepted for compatibility: classes are trained in as many threads as there are processors.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles and of the rows held out.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients there are.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total.
    average : bool or int, default=False
        Whether `coef_` is the average over the updates, or from which update on.

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
    SGDClassifier : The same with ``learning_rate='pa1'`` or ``'pa2'``.

    References
    ----------
    Crammer, Dekel, Keshet, Shalev-Shwartz and Singer (2006). Online passive-aggressive algorithms. JMLR 7, 551-585.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from mlcraft.linear_model import PassiveAggressiveClassifier
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((200, 2))
    >>> y = X[:, 0] > X[:, 1]
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FutureWarning)
    ...     model = PassiveAggressiveClassifier(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _unbalanced = UNBALANCED
    _parameter_constraints: dict[str, list[Any]] = _constraints(
        SgdClasses._parameter_constraints, {"hinge", "squared_hinge"}
    )

    def __init__(
        self,
        *,
        C: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        shuffle: bool = True,
        verbose: int = 0,
        loss: str = "hinge",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        class_weight: Any = None,
        average: bool | int = False,
    ) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.verbose = verbose
        self.loss = loss
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.average = average

    def _engine_loss(self) -> str:
        return "hinge"

    def _engine_schedule(self) -> tuple[str, float]:
        return "pa1" if self.loss == "hinge" else "pa2", float(self.C)

    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        *,
        callback: EpochCallback | None = None,
        validation: Any = None,
        progress: bool = False,
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
        callback, validation, progress
            As for :meth:`SGDClassifier.fit`.

        Returns
        -------
        self : PassiveAggressiveClassifier
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
            return self._fit(X, y, coef_init, intercept_init, None, Extras(callback, validation, progress))

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train one epoch on some rows, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.

        Returns
        -------
        self : PassiveAggressiveClassifier
            The estimator.

        Raises
        ------
        ValueError
            For bad input, `early_stopping` and ``class_weight='balanced'``.
        """
        with self._all_or_nothing():
            return self._partial_fit(X, y, classes, None)


@deprecated(
    "this is deprecated in version 1.8 and will be removed in 1.10. "
    "Use `SGDRegressor(loss='epsilon_insensitive', penalty=None, learning_rate='pa1', "
    "eta0 = 1.0)` instead."
)
class PassiveAggressiveRegressor(SgdValues):
    """Linear regression that leaves a row alone or makes up for it at once.

    A drop-in replacement of :class:`sklearn.linear_model.PassiveAggressiveRegressor`, which is deprecated in favour of
    ``SGDRegressor(loss='epsilon_insensitive', penalty=None, learning_rate='pa1', eta0=C)``.

    Parameters
    ----------
    C : float, default=1.0
        Aggressiveness: the largest step (PA-I), or what holds steps back the smaller it is (PA-II).
    fit_intercept : bool, default=True
        Whether to learn an intercept.
    max_iter : int, default=1000
        Bound on the epochs of `fit`.
    tol : float or None, default=1e-3
        An epoch that does not lower the mean loss (raise the score, with `early_stopping`) by `tol` is no improvement.
        None never stops before `max_iter`.
    early_stopping : bool, default=False
        Whether held-out rows decide when to stop.
    validation_fraction : float, default=0.1
        Share of the rows that are held out with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without improvement before training stops.
    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.
    verbose : int, default=0
        Whether to print how each epoch went.
    loss : {'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='epsilon_insensitive'
        The first for PA-I, the second for PA-II.
    epsilon : float, default=0.1
        Errors up to this size change nothing.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles and of the rows held out.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients there are.
    average : bool or int, default=False
        Whether `coef_` is the average over the updates, or from which update on.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.
    intercept_ : ndarray of shape (1,)
        Intercept.
    n_iter_ : int
        Epochs.
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
    SGDRegressor : The same with ``learning_rate='pa1'`` or ``'pa2'``.

    References
    ----------
    Crammer, Dekel, Keshet, Shalev-Shwartz and Singer (2006). Online passive-aggressive algorithms. JMLR 7, 551-585.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from mlcraft.linear_model import PassiveAggressiveRegressor
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((200, 2))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FutureWarning)
    ...     model = PassiveAggressiveRegressor(random_state=0, epsilon=0.01).fit(X, X[:, 0] - X[:, 1])
    >>> [f"{value:.1f}" for value in model.coef_]
    ['1.0', '-1.0']
    """

    _parameter_constraints: dict[str, list[Any]] = _constraints(
        SgdValues._parameter_constraints, {"epsilon_insensitive", "squared_epsilon_insensitive"}
    ) | {"epsilon": [Interval(Real, 0, None, closed="left")]}

    def __init__(
        self,
        *,
        C: float = 1.0,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        shuffle: bool = True,
        verbose: int = 0,
        loss: str = "epsilon_insensitive",
        epsilon: float = DEFAULT_EPSILON,
        random_state: Any = None,
        warm_start: bool = False,
        average: bool | int = False,
    ) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.verbose = verbose
        self.loss = loss
        self.epsilon = epsilon
        self.random_state = random_state
        self.warm_start = warm_start
        self.average = average

    def _engine_loss(self) -> str:
        return "epsilon_insensitive"

    def _engine_schedule(self) -> tuple[str, float]:
        return "pa1" if self.loss == "epsilon_insensitive" else "pa2", float(self.C)

    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        *,
        callback: EpochCallback | None = None,
        validation: Any = None,
        progress: bool = False,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Values to predict.
        coef_init, intercept_init : array-like, default=None
            Where to start from, of the shapes of `coef_` and `intercept_`.
        callback, validation, progress
            As for :meth:`SGDRegressor.fit`.

        Returns
        -------
        self : PassiveAggressiveRegressor
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
            return self._fit(X, y, coef_init, intercept_init, None, Extras(callback, validation, progress))

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train one epoch on some rows, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Values to predict.

        Returns
        -------
        self : PassiveAggressiveRegressor
            The estimator.

        Raises
        ------
        ValueError
            For bad input and `early_stopping`.
        """
        with self._all_or_nothing():
            return self._partial_fit(X, y, None)
