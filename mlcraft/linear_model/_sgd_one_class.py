"""What is unlike the rest: the linear one-class support vector machine by stochastic gradient descent."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcraft._engine.least_squares import predict_linear
from mlcraft._engine.sgd import SgdRun, SgdState
from mlcraft._engine.validation import check_parameters
from mlcraft.linear_model._base import dense_coefficients
from mlcraft.linear_model._sgd_base import SgdEstimator
from mlcraft.linear_model._sgd_rules import ANY_SEED, CONSTRAINTS, SPARE
from mlcraft.linear_model._sgd_trace import EpochCallback, Extras

__all__ = ["SGDOneClassSVM"]


class SGDOneClassSVM(OutlierMixin, SgdEstimator):  # type: ignore[misc]
    """Linear one-class support vector machine trained by stochastic gradient descent.

    A drop-in replacement of :class:`sklearn.linear_model.SGDOneClassSVM` with the same steps in the same order. It
    minimises ``|b|^2 / 2 + mean(max(0, rho - x_i'b)) / nu - rho`` over b and the offset rho.

    Parameters
    ----------
    nu : float, default=0.5
        About the share of the rows that come to lie outside, in (0, 1].
    fit_intercept : bool, default=True
        Whether the offset learns.
    max_iter : int, default=1000
        Bound on the epochs of `fit`.
    tol : float or None, default=1e-3
        An epoch that does not lower the mean objective by `tol` is no improvement; five of them end the training. None
        never stops before `max_iter`.
    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.
    verbose : int, default=0
        Whether to print how each epoch went.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles.
    learning_rate : {'constant', 'optimal', 'invscaling', 'adaptive'}, default='optimal'
        The step of update t: `eta0`; ``1 / (nu (t0 + t))`` with t0 after Bottou; ``eta0 / t ** power_t``; `eta0`,
        divided by 5 whenever training stops improving.
    eta0 : float, default=0.01
        The first step, above zero.
    power_t : float, default=0.5
        Of 'invscaling'. Negative values are deprecated.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients there are.
    average : bool or int, default=False
        Whether `coef_` is the average over the updates, or from which update on.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.
    offset_ : ndarray of shape (1,)
        ``decision_function(X) = score_samples(X) - offset_``.
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
    sklearn.svm.OneClassSVM : With kernels, for fewer rows.

    Notes
    -----
    Rows of weight zero are as if they were not there. To scikit-learn they are rows: they take part in the shuffles,
    and each makes the next step smaller.

    References
    ----------
    Schoelkopf, Platt, Shawe-Taylor, Smola and Williamson (2001). Estimating the support of a high-dimensional
    distribution. Neural Computation 13, 1443-1471.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import SGDOneClassSVM
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((500, 2)) + [4, 4]
    >>> model = SGDOneClassSVM(nu=0.05, random_state=0, average=True).fit(X)
    >>> print(*model.predict([[4.0, 4.0], [0.0, -1.0]]))
    1 -1
    """

    loss = "hinge"
    penalty = "l2"
    l1_ratio = 0.0
    loss_functions = {"hinge": ("hinge", 1.0)}  # noqa: RUF012 - scikit-learn's name
    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **CONSTRAINTS,
        "nu": [Interval(Real, 0.0, 1.0, closed="right")],
        "learning_rate": [
            StrOptions({"constant", "optimal", "invscaling", "adaptive"}),
            Hidden(StrOptions({"pa1", "pa2"})),
        ],
        "power_t": [Interval(Real, None, None, closed="neither")],
    }

    coef_: Any
    offset_: NDArray[Any]

    def __init__(
        self,
        nu: float = 0.5,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        random_state: Any = None,
        learning_rate: str = "optimal",
        eta0: float = 0.01,
        power_t: float = 0.5,
        warm_start: bool = False,
        average: bool | int = False,
    ) -> None:
        self.nu = nu
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.warm_start = warm_start
        self.average = average

    def _engine_alpha(self) -> float:
        return float(self.nu)

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002 - of pipelines
        coef_init: Any = None,
        offset_init: Any = None,
        sample_weight: Any = None,
        *,
        callback: EpochCallback | None = None,
        progress: bool = False,
        batch_size: int = 1,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from. float32 and float64 arrays in C order and CSR matrices are not copied.
        y : ignored
            There for the sake of pipelines.
        coef_init : array-like of shape (n_features,), default=None
            Coefficients to start from.
        offset_init : array-like of shape (1,), default=None
            Offset to start from.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps. A row of weight zero is left out.
        callback : callable, default=None
            Called as ``callback(epoch, coef, train_loss, valid_loss, seconds)`` after every epoch, with a copy of what
            `coef_` would be; `valid_loss` is NaN. True ends the training.
        progress : bool, default=False
            Whether to show a bar (by rich) when the fit takes longer than half a second.
        batch_size : int, default=1
            Rows a step takes the mean over. More than one are worked on by all threads, with the same result for any
            number of them; steps are fewer then, and may be longer (`eta0`).

        Returns
        -------
        self : SGDOneClassSVM
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input, and coefficients that run away to infinity.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` epochs were not enough.
        FutureWarning
            When `power_t` is negative.
        """
        extras = Extras(callback, None, progress, batch_size)
        check_parameters(self)
        self._check_combination()
        with self._all_or_nothing():
            return self._fit(X, coef_init, offset_init, sample_weight, extras)

    def _fit(
        self,
        X: Any,
        coef_init: Any,
        offset_init: Any,
        sample_weight: Any,
        extras: Extras,
    ) -> Self:
        X, weight = self._rows(X, sample_weight, reset=True)
        fitted = self.__dict__
        if self.warm_start and "coef_" in fitted:
            coef_init = fitted["coef_"] if coef_init is None else coef_init
            offset_init = fitted["offset_"] if offset_init is None else offset_init
        offset = np.zeros(1) if offset_init is None else np.asarray(offset_init, dtype=np.float64)
        state = self._fresh_state((X.shape[1],), X.dtype, coef_init, 1 - offset)
        run = self._train_rows(X, weight, state, int(self.max_iter), extras)
        self._warn_after_fit(run)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ARG002 - of pipelines
        """Train one epoch on some rows, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.
        y : ignored
            There for the sake of pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the steps.

        Returns
        -------
        self : SGDOneClassSVM
            The estimator.

        Raises
        ------
        ValueError
            For bad input, and coefficients that run away to infinity.
        """
        first = "coef_" not in self.__dict__
        if first:
            check_parameters(self)
            self._check_combination(for_partial_fit=True)
        with self._all_or_nothing():
            X, weight = self._rows(X, sample_weight, reset=first)
            before = None if first else self.coef_
            if first:
                state = self._fresh_state((X.shape[1],), X.dtype, None, np.ones(1))
            else:
                state = self._resumed_state((X.shape[1],), X.dtype, 1 - self.offset_)
            self._train_rows(X, weight, state, 1, None)
        if isinstance(before, np.ndarray) and before.dtype == self.coef_.dtype and before.flags.writeable:
            before[...] = self.coef_  # scikit-learn's coef_ stays the same array
            self.coef_ = before
        return self

    def _rows(self, X: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, NDArray[Any] | None]:
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset)
        return X, self._weights(sample_weight, X)

    def _train_rows(
        self,
        X: Any,
        weight: NDArray[Any] | None,
        state: SgdState,
        max_iter: int,
        extras: Extras | None,
    ) -> SgdRun:
        X, y, weight = self._without_zeros(X, np.ones(X.shape[0], dtype=X.dtype), weight)
        if self.random_state is None:
            self._draw(SPARE)  # from the global generator, as scikit-learn does
        run = self._train(
            X,
            y,
            state,
            max_iter=max_iter,
            seed=self._draw(ANY_SEED)[0],
            sample_weight=weight,
            extras=extras,
            one_class=True,
        )
        self.coef_, intercept = self._left(state, run)
        self.offset_ = 1 - intercept
        return run

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the signed distance to the hyperplane, positive inside, times the norm of `coef_`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores minus the offset.
        """
        check_is_fitted(self, "coef_")
        matrix = validate_data(self, X, accept_sparse="csr", reset=False)
        coef = np.ascontiguousarray(np.ravel(dense_coefficients(self.coef_)))
        return np.ravel(predict_linear(matrix, coef, -self.offset_))

    def score_samples(self, X: Any) -> NDArray[Any]:
        """Return the raw score ``x'b`` of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores.
        """
        found: NDArray[Any] = self.decision_function(X) + self.offset_
        return found

    def predict(self, X: Any) -> NDArray[np.int32]:
        """Tell rows like those learnt from (1) from others (-1).

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        ndarray of shape (n_samples,)
            1 or -1.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1).astype(np.int32)
