"""Classification by stochastic gradient descent."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils.metaestimators import available_if

from mlcraft.linear_model._linear_classifier import log_probabilities, probabilities
from mlcraft.linear_model._sgd_classes import SgdClasses
from mlcraft.linear_model._sgd_rules import DEFAULT_EPSILON, PENALTY_CONSTRAINTS, STEP_CONSTRAINTS
from mlcraft.linear_model._sgd_trace import EpochCallback, Extras

__all__ = ["SGDClassifier"]


def _has_probabilities(model: Any) -> bool:
    if model.loss not in ("log_loss", "modified_huber"):
        raise AttributeError(f"probability estimates are not available for loss={model.loss!r}")
    return True


class SGDClassifier(SgdClasses):
    """Linear classifier trained by stochastic gradient descent.

    A drop-in replacement of :class:`sklearn.linear_model.SGDClassifier` with the same steps in the same order, and so
    the same coefficients for a seed. `fit` tells how it goes, epoch by epoch, to those who want to know.

    Parameters
    ----------
    loss : {'hinge', 'log_loss', 'modified_huber', 'squared_hinge', 'perceptron', 'squared_error', 'huber', \
'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='hinge'
        The loss; 'hinge' makes a support vector machine, 'log_loss' a logistic regression.
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
    n_jobs : int, default=None
        Accepted for compatibility: classes are trained in as many threads as there are processors.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles and of the rows held out.
    learning_rate : {'constant', 'optimal', 'invscaling', 'adaptive', 'pa1', 'pa2'}, default='optimal'
        The step of update t: `eta0`; ``1 / (alpha (t0 + t))`` with t0 after Bottou; ``eta0 / t ** power_t``; `eta0`,
        divided by 5 whenever training stops improving; the passive-aggressive steps with C = `eta0` (hinge loss).
    eta0 : float, default=0.01
        The first step, above zero.
    power_t : float, default=0.5
        Of 'invscaling'. Negative values are deprecated.
    early_stopping : bool, default=False
        Whether held-out rows decide when to stop.
    validation_fraction : float, default=0.1
        Share of the rows that are held out, class by class, with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without improvement before training stops.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients there are.
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
    LogisticRegression : The exact minimum of the logistic loss, with standard errors.
    Perceptron : ``SGDClassifier(loss="perceptron", eta0=1, learning_rate="constant", penalty=None)``.

    Notes
    -----
    Bring the columns to similar size first (`sklearn.preprocessing.StandardScaler`): one step serves them all.

    Rows of weight zero are as if they were not there. To scikit-learn they are rows: they take part in the shuffles, in
    the split, and each makes the next step smaller.

    References
    ----------
    Bottou (2012). Stochastic gradient descent tricks. Neural Networks: Tricks of the Trade, 421-436.

    Tsuruoka, Tsujii and Ananiadou (2009). Stochastic gradient descent training for L1-regularized log-linear models
    with cumulative penalty. ACL-AFNLP, 477-485.

    Crammer, Dekel, Keshet, Shalev-Shwartz and Singer (2006). Online passive-aggressive algorithms. JMLR 7, 551-585.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import SGDClassifier
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((400, 2))
    >>> y = np.where(X[:, 0] + X[:, 1] > 0, "high", "low")
    >>> model = SGDClassifier(loss="log_loss", random_state=0).fit(X[:300], y[:300])
    >>> model.score(X[300:], y[300:]) > 0.97
    True

    The textbook loop in one line, with rows of your own to stop by:

    >>> def tell(epoch, coef, train_loss, valid_loss, seconds):
    ...     print(f"{epoch}: {train_loss:.2f} on the rows learnt from, {valid_loss:.2f} on others")
    ...     return valid_loss < 0.1
    >>> model = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    >>> model = model.fit(X[:300], y[:300], validation=(X[300:], y[300:]), callback=tell)  # doctest: +ELLIPSIS
    1: 0... on the rows learnt from, 0... on others
    ...
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **SgdClasses._parameter_constraints,
        **PENALTY_CONSTRAINTS,
        **STEP_CONSTRAINTS,
    }

    def __init__(
        self,
        loss: str = "hinge",
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
        n_jobs: int | None = None,
        random_state: Any = None,
        learning_rate: str = "optimal",
        eta0: float = 0.01,
        power_t: float = 0.5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Any = None,
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
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
            Labels.
        coef_init : array-like of shape (n_features,) or (n_classes, n_features), default=None
            Coefficients to start from.
        intercept_init : array-like of shape (1,) or (n_classes,), default=None
            Intercepts to start from.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps, beside those of `class_weight`. A row of weight zero is left out.
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
        self : SGDClassifier
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
        self : SGDClassifier
            The estimator.

        Raises
        ------
        ValueError
            For bad input, `early_stopping`, ``class_weight='balanced'``, and coefficients that run away to infinity.
        """
        with self._all_or_nothing():
            return self._partial_fit(X, y, classes, sample_weight)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class.

        With 'log_loss' and two classes it is the logistic function of the score; with 'modified_huber'
        ``(clip(score, -1, 1) + 1) / 2`` (Zhang 2004). For more than two classes those of each against the others are
        brought to the sum of one (Zadrozny and Elkan 2002).

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`.
        """
        scores = self._scores(X, "predict_proba")
        if scores.ndim == 1 and self.loss == "log_loss":
            return probabilities(scores)
        each = expit(scores) if self.loss == "log_loss" else (np.clip(scores, -1, 1) + 1) / 2
        if each.ndim == 1:
            return np.column_stack([1 - each, each])
        total = each.sum(axis=1, keepdims=True)
        nothing = total[:, 0] == 0  # no class wants the row: all are as good
        each[nothing], total[nothing] = 1, each.shape[1]
        found: NDArray[Any] = each / total
        return found

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithms, in the order of `classes_`; with 'modified_huber' they may be minus infinity.
        """
        if self.loss == "log_loss":
            scores = self._scores(X, "predict_log_proba")
            if scores.ndim == 1:
                return log_probabilities(scores)
        found: NDArray[Any] = np.log(self.predict_proba(X))
        return found
