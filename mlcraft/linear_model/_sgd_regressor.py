"""Regression by stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Self

from mlcraft.linear_model._sgd_rules import DEFAULT_EPSILON, PENALTY_CONSTRAINTS, STEP_CONSTRAINTS
from mlcraft.linear_model._sgd_trace import EpochCallback, Extras
from mlcraft.linear_model._sgd_values import SgdValues

__all__ = ["SGDRegressor"]


class SGDRegressor(SgdValues):
    """Linear regression trained by stochastic gradient descent.

    A drop-in replacement of :class:`sklearn.linear_model.SGDRegressor` with the same steps in the same order, and so
    the same coefficients for a seed. `fit` tells how it goes, epoch by epoch, to those who want to know.

    Parameters
    ----------
    loss : {'squared_error', 'huber', 'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='squared_error'
        The loss.
    penalty : {'l2', 'l1', 'elasticnet', None}, default='l2'
        The penalty.
    alpha : float, default=0.0001
        Factor of the penalty; with ``learning_rate='optimal'`` it sets the steps too.
    l1_ratio : float, default=0.15
        Share of the L1 penalty in 'elasticnet', from 0 to 1.
    fit_intercept : bool, default=True
        Whether to learn an intercept. With sparse X its steps are a hundredth of the others.
    max_iter : int, default=1000
        Bound on the epochs of `fit`.
    tol : float or None, default=1e-3
        An epoch that does not lower the mean objective (raise the score, with `early_stopping`) by `tol` is no
        improvement. None never stops before `max_iter`.
    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.
    verbose : int, default=0
        Whether to print how each epoch went.
    epsilon : float, default=0.1
        Where 'huber' becomes linear, and what the epsilon-insensitive losses forgive.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles and of the rows held out.
    learning_rate : {'constant', 'optimal', 'invscaling', 'adaptive', 'pa1', 'pa2'}, default='invscaling'
        The step of update t: `eta0`; ``1 / (alpha (t0 + t))`` with t0 after Bottou; ``eta0 / t ** power_t``; `eta0`,
        divided by 5 whenever training stops improving; the passive-aggressive steps with C = `eta0`
        (loss 'epsilon_insensitive').
    eta0 : float, default=0.01
        The first step, above zero.
    power_t : float, default=0.25
        Of 'invscaling'. Negative values are deprecated.
    early_stopping : bool, default=False
        Whether held-out rows decide when to stop, by R2.
    validation_fraction : float, default=0.1
        Share of the rows that are held out with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without improvement before training stops.
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
    LinearRegression : The exact least-squares fit, with standard errors.
    Ridge : The same with an L2 penalty.

    Notes
    -----
    Bring the columns to similar size first (`sklearn.preprocessing.StandardScaler`): one step serves them all.

    Rows of weight zero are as if they were not there. To scikit-learn they are rows: they take part in the shuffles, in
    the split, and each makes the next step smaller.

    References
    ----------
    Bottou (2012). Stochastic gradient descent tricks. Neural Networks: Tricks of the Trade, 421-436.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import SGDRegressor
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((1000, 3))
    >>> y = X @ [1.0, -2.0, 0.0] + 3 + 0.1 * random.standard_normal(1000)
    >>> model = SGDRegressor(random_state=0).fit(X, y)
    >>> [f"{value:.1f}" for value in [*model.coef_, *model.intercept_]]
    ['1.0', '-2.0', '0.0', '3.0']
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **SgdValues._parameter_constraints,
        **PENALTY_CONSTRAINTS,
        **STEP_CONSTRAINTS,
    }

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        penalty: str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = DEFAULT_EPSILON,
        random_state: Any = None,
        learning_rate: str = "invscaling",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: bool | int = False,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average

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
            Rows to learn from. float32 and float64 arrays in C order and CSR matrices are not copied.
        y : array-like of shape (n_samples,)
            Values to predict.
        coef_init : array-like of shape (n_features,), default=None
            Coefficients to start from.
        intercept_init : array-like of shape (1,), default=None
            Intercept to start from.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps. A row of weight zero is left out.
        callback : callable, default=None
            Called as ``callback(epoch, coef, train_loss, valid_loss, seconds)`` after every epoch, with a copy of what
            `coef_` would be. True ends the training.
        validation : tuple, default=None
            ``(X, y)`` or ``(X, y, sample_weight)``: rows for `valid_loss`. With `early_stopping` they decide when to
            stop, and no training rows are held out.
        progress : bool, default=False
            Whether to show a bar (by rich) when the fit takes longer than half a second.
        batch_size : int, default=1
            Rows a step takes the mean over. More than one are worked on by all threads, with the same result for any
            number of them; steps are fewer then, and may be longer (`eta0`).

        Returns
        -------
        self : SGDRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input, parameters that do not go together, and coefficients that run away to infinity.
        ImportError
            If `progress` is asked for and rich is missing.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` epochs were not enough.
        FutureWarning
            When `power_t` is negative.
        """
        with self._all_or_nothing():
            extras = Extras(callback, validation, progress, batch_size)
            return self._fit(X, y, coef_init, intercept_init, sample_weight, extras)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on some rows, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : array-like of shape (n_samples,)
            Values to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps.

        Returns
        -------
        self : SGDRegressor
            The estimator.

        Raises
        ------
        ValueError
            For bad input, `early_stopping`, and coefficients that run away to infinity.
        """
        with self._all_or_nothing():
            return self._partial_fit(X, y, sample_weight)
