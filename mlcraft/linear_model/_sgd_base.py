"""What the estimators trained row by row share: rules on parameters, rows, seeds, and where training stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlcraft._engine.sgd import SgdRun, SgdState, train_sgd
from mlcraft._engine.status import warn_caller
from mlcraft._engine.validation import adopt_width, checked_weights, engine_matrix, is_plain_matrix
from mlcraft.linear_model._base import LinearEstimator, dense_coefficients
from mlcraft.linear_model._sgd_rules import CONSTRAINTS, DEFAULT_EPSILON, first_draws
from mlcraft.linear_model._sgd_trace import Extras, HeldOut, TrainingTrace, Watch

__all__ = ["SgdEstimator"]

Doubles = NDArray[np.float64]
WITH_EPSILON = ("huber", "epsilon_insensitive", "squared_epsilon_insensitive")
NO_WEIGHT_HELD_OUT = "The sample weights for validation set are all zero, consider using a different random state."
NO_METADATA = ("callback", "validation", "progress", "batch_size")


class SgdEstimator(SparseCoefMixin, LinearEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the estimators that are trained by the gradient of one row after the other."""

    # what an estimator does not have as a parameter
    loss: str
    penalty: str | None = None
    alpha: float = 0.0001
    l1_ratio: float | None = 0.15
    epsilon: float = DEFAULT_EPSILON
    learning_rate: str = "optimal"
    eta0: float = 0.01
    power_t: float = 0.5
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 5
    average: bool | int = False
    fit_intercept: bool
    max_iter: int
    tol: float | None
    shuffle: bool
    verbose: int
    random_state: Any
    warm_start: bool

    t_: float
    n_iter_: int
    trace_: TrainingTrace

    _parameter_constraints: dict[str, list[Any]] = CONSTRAINTS

    def plot_training(self, *, ax: Any = None, log: bool = False) -> Any:
        """Draw the losses of the last `fit`, epoch by epoch.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.
        log : bool, default=False
            Whether the losses have a logarithmic axis.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        from mlcraft.plots import training_curve

        check_is_fitted(self, "trace_")
        return training_curve(self, ax=ax, log=log)

    # The keywords that fit has more are no metadata to be routed. `__metadata_request__fit` would say so too, but
    # breaks classes derived from these whose fit lacks the keywords.
    @classmethod
    def _get_class_level_metadata_request_values(cls, method_name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found = super()._get_class_level_metadata_request_values(method_name, *args, **kwargs)
        return {name: request for name, request in found.items() if name not in NO_METADATA}

    @classmethod
    def _build_request_for_signature(cls, router: Any, method: str) -> Any:  # before scikit-learn 1.8
        found = super()._build_request_for_signature(router, method)
        for name in NO_METADATA:
            found._requests.pop(name, None)
        return found

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the estimator as it was when the training in this block fails."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    # ------------------------------------------------------------ rules

    def _engine_loss(self) -> str:
        return self.loss

    def _engine_alpha(self) -> float:
        return float(self.alpha)

    def _engine_schedule(self) -> tuple[str, float]:
        """Return the learning rate and its first step."""
        return self.learning_rate, float(self.eta0)

    def _parameter(self) -> float:
        return float(self.epsilon) if self._engine_loss() in WITH_EPSILON else 0.0

    def _check_combination(self, for_partial_fit: bool = False) -> None:
        """Raise scikit-learn's errors for parameters that do not go together."""
        if self.early_stopping and for_partial_fit:
            raise ValueError("early_stopping should be False with partial_fit")
        if self.learning_rate == "optimal" and self.alpha == 0:
            raise ValueError(
                "alpha must be > 0 since learning_rate is 'optimal'. alpha is used to compute the optimal learning "
                "rate."
            )
        if self.learning_rate in ("pa1", "pa2"):
            wanted = "hinge" if is_classifier(self) else "epsilon_insensitive"
            if self.loss != wanted:
                raise ValueError(f"Learning rate '{self.learning_rate}' only works with loss '{wanted}'.")
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError("l1_ratio must be set when penalty is 'elasticnet'")

    # ------------------------------------------------------------ rows

    def _are_plain(self, X: Any, y: Any, reset: bool) -> bool:
        """Tell whether X and y are finite arrays of numbers that need no validation; it costs much of a small chunk."""
        fitted = self.__dict__
        if not is_plain_matrix(X) or type(y) is not np.ndarray or y.shape != (X.shape[0],):
            return False
        if not reset and (fitted.get("n_features_in_") != X.shape[1] or "feature_names_in_" in fitted):
            return False
        with np.errstate(over="ignore", invalid="ignore"):
            if y.dtype.kind not in "biuf" or not isfinite(X.sum()) or not isfinite(y.sum()):
                return False
        if reset:
            adopt_width(self, X.shape[1])
        return True

    def _weights(self, sample_weight: Any, X: Any) -> NDArray[Any] | None:
        if sample_weight is None:
            return None
        if self.early_stopping and np.ndim(sample_weight) == 1 and not np.any(sample_weight):
            raise ValueError(NO_WEIGHT_HELD_OUT)
        weights: NDArray[Any] = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        if not weights.any():  # scikit-learn says so itself since 1.9
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return weights

    @staticmethod
    def _without_zeros(
        X: Any, y: NDArray[Any], weight: NDArray[Any] | None
    ) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        """Leave out the rows of weight zero: to scikit-learn they are steps of length zero, which age the step size."""
        if weight is None or weight.all():
            return X, y, weight
        kept = np.flatnonzero(weight)
        return X[kept], y[kept], weight[kept]

    def _validation_rows(self, validation: Any, dtype: Any) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        """Check the user's own held-out rows: (X, y) or (X, y, sample_weight)."""
        if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
            raise ValueError("validation must be (X, y) or (X, y, sample_weight)")
        X, y = validate_data(self, validation[0], validation[1], accept_sparse="csr", dtype=dtype, reset=False)
        weight = None if len(validation) == 2 else checked_weights(validation[2], X)
        return X, y, weight

    def _split(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which rows are held out: the same as scikit-learn's for the same state of the generator."""
        mask = np.zeros(len(y), dtype=np.bool_)
        splitter = StratifiedShuffleSplit if is_classifier(self) else ShuffleSplit
        split = splitter(test_size=self.validation_fraction, random_state=self.random_state)
        train, held_out = next(split.split(np.zeros((len(y), 1)), y))
        if len(train) == 0 or len(held_out) == 0:
            raise ValueError(
                f"Splitting {len(y)} samples into a train set and a validation set with "
                f"validation_fraction={self.validation_fraction!r} led to an empty set ({len(train)} and "
                f"{len(held_out)} samples). Please either change validation_fraction, increase number of samples, or "
                "disable early_stopping."
            )
        mask[held_out] = True
        return mask

    # ------------------------------------------------------------ where training stands

    def _fresh_state(
        self, shape: tuple[int, ...], dtype: Any, coef_init: Any = None, intercept_init: Any = None
    ) -> SgdState:
        """Return where a fit begins; `shape` is (n_features,), or (n_classes, n_features) for more than two."""
        n_problems = shape[0] if len(shape) == 2 else 1
        coef, intercept = np.zeros(shape, dtype=dtype), np.zeros(n_problems)
        if coef_init is not None:
            coef = np.array(dense_coefficients(coef_init), dtype=dtype, order="C")
            coef = coef.ravel() if len(shape) == 1 else coef
            if coef.shape != shape:
                name, end = ("``coef_``", ". ") if len(shape) == 2 else ("coef_init", ".")
                raise ValueError(f"Provided {name} does not match dataset{end}")
        if intercept_init is not None:
            intercept = np.array(intercept_init, dtype=np.float64, order="C")
            if intercept.shape != (n_problems,) and (len(shape) == 2 or intercept.ndim > 0):
                raise ValueError("Provided intercept_init does not match dataset.")
        average = np.zeros(shape, dtype=dtype) if self.average else None
        return SgdState(coef, intercept.reshape(n_problems), average, np.zeros(n_problems))

    def _resumed_state(self, shape: tuple[int, ...], dtype: Any, intercept: Any) -> SgdState:
        """Return where the last call left off, as copies."""
        fitted = self.__dict__
        coef = fitted.get("_standard_coef", dense_coefficients(fitted["coef_"])) if self.average else fitted["coef_"]
        state = self._fresh_state(
            shape, dtype, coef, fitted.get("_standard_intercept", intercept) if self.average else intercept
        )
        state.t = fitted.get("t_", 1.0)
        if self.average and "_average_coef" in fitted:
            state.average_coef = np.array(fitted["_average_coef"], dtype=dtype, order="C").reshape(shape)
            state.average_intercept = np.array(fitted["_average_intercept"], dtype=np.float64)
        return state

    def _left(self, state: SgdState, run: SgdRun) -> tuple[NDArray[Any], Doubles]:
        """Keep where training stands; return what `coef_` and the intercept are: the average, once there is one."""
        fitted = self.__dict__
        fitted["t_"], fitted["n_iter_"] = state.t, run.n_iter
        if not self.average:
            for name in ("_standard_coef", "_standard_intercept", "_average_coef", "_average_intercept"):
                fitted.pop(name, None)
            return state.coef, state.intercept
        fitted["_standard_coef"], fitted["_standard_intercept"] = state.coef, state.intercept
        fitted["_average_coef"], fitted["_average_intercept"] = state.average_coef, state.average_intercept
        if self.average > state.t - 1 or state.average_coef is None:
            return state.coef, state.intercept
        return state.average_coef, state.average_intercept

    # ------------------------------------------------------------ training

    def _engine_settings(self) -> dict[str, Any]:
        """Return what the parameters say to the engine."""
        learning_rate, eta0 = self._engine_schedule()
        return {
            "loss": self._engine_loss(),
            "parameter": self._parameter(),
            "penalty": self.penalty,
            "alpha": self._engine_alpha(),
            "l1_ratio": float(self.l1_ratio or 0.0),
            "learning_rate": learning_rate,
            "eta0": eta0,
            "power_t": float(self.power_t),
            "tol": self.tol,
            "n_iter_no_change": int(self.n_iter_no_change),
            "fit_intercept": bool(self.fit_intercept),
            "shuffle": bool(self.shuffle),
        }

    def _train(
        self,
        X: Any,
        y: NDArray[Any],
        state: SgdState,
        *,
        max_iter: int,
        mask: NDArray[np.bool_] | None = None,
        score: Any = None,
        held_out: HeldOut | None = None,
        extras: Extras | None = None,
        coef_shape: tuple[int, ...] | None = None,
        **of_the_problem: Any,
    ) -> SgdRun:
        """Run the engine on checked rows, and keep the trace where it is a fit (which has `extras`).

        Seeds, weights and the like go to the engine as they are.
        """
        if self._engine_schedule()[0] in ("pa1", "pa2"):  # whose steps have the squares of the entries
            X = engine_matrix(X)
        average, told = int(self.average), extras or Extras()
        n_rows = X.shape[0] if mask is None or told.batch_size == 1 else X.shape[0] - int(mask.sum())
        n_steps = -(-n_rows // told.batch_size)
        watch = Watch(
            callback=told.callback,
            held_out=held_out,
            verbose=int(self.verbose),
            progress=told.progress,
            max_iter=max_iter,
            averaged_from=-(-(average + 1 - state.t) // n_steps) if average else None,
            shape=coef_shape or state.coef.shape,
        )
        try:
            run = train_sgd(
                X,
                y,
                state,
                **self._engine_settings(),
                **of_the_problem,
                max_iter=max_iter,
                average=average,
                validation_mask=mask,
                validation_score=score,
                early_stopping=score is not None,
                batch_size=int(told.batch_size),
                epoch_callback=watch,
                copies=watch.wants_coef,
            )
        finally:
            seen = watch.close()
        if self.verbose and run.status == "converged":
            print(f"Convergence after {run.n_iter} epochs took {seen.seconds[-1]:.2f} seconds")
        if watch.ended:  # in the last epoch too
            run.status = "interrupted"
        if extras is not None:
            self.trace_ = seen
        return run

    def _warn_after_fit(self, run: SgdRun) -> None:
        if self.tol is not None and run.n_iter == self.max_iter and run.status != "interrupted":
            warn_caller(
                "Maximum number of iteration reached before convergence. Consider increasing max_iter to improve the "
                "fit.",
                ConvergenceWarning,
            )
        if self.power_t < 0:
            warn_caller(
                "Negative values for `power_t` are deprecated in version 1.8 and will raise an error in 1.10. Use "
                "values in the range [0.0, inf) instead.",
                FutureWarning,
            )

    def _scorer(
        self,
        X: Any,
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        classes: NDArray[Any] | None,
        *,
        scaled: bool,
    ) -> Callable[[NDArray[Any], float, float], float]:
        """
        Return the function that scores coefficients on held-out rows by `score` of an estimator like this one.

        scikit-learn 1.9 scores the rows it splits off by coefficients without their common factor; so do we there
        (``scaled=False``), that training ends after the same epoch.
        """
        twin = object.__new__(type(self))  # not by its constructor, which may warn of a deprecation
        twin.__dict__ |= self.get_params(deep=False) | {"t_": 1.0, "n_features_in_": X.shape[1]}
        if classes is not None:
            twin.classes_ = classes

        def score(stored: NDArray[Any], intercept: float, scale: float) -> float:
            coef = np.multiply(stored, scale, dtype=stored.dtype) if scaled else stored
            twin.coef_ = coef if classes is None else coef.reshape(1, -1)
            twin.intercept_ = np.atleast_1d(intercept)
            return float(twin.score(X, y, sample_weight))

        return score

    def _draw(self, *bounds: tuple[int, int]) -> tuple[int, ...]:
        """Draw whole numbers one after the other."""
        if type(self.random_state) is int:
            return first_draws(self.random_state, bounds)
        generator = check_random_state(self.random_state)
        return tuple(int(generator.randint(*bound)) for bound in bounds)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
