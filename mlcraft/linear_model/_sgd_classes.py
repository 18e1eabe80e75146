"""What the classifiers trained row by row share: labels, seeds of the classes, fit and partial_fit."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import validate_data

from mlcraft._engine.sgd import SgdRun, SgdState
from mlcraft._engine.sgd_losses import TARGETS
from mlcraft._engine.validation import check_parameters
from mlcraft.linear_model._labels import encode_labels
from mlcraft.linear_model._linear_classifier import LinearClassifier
from mlcraft.linear_model._sgd_base import SgdEstimator
from mlcraft.linear_model._sgd_rules import ANY_SEED, CONSTRAINTS, DEFAULT_EPSILON, SPARE, STOP_CONSTRAINTS, first_draws
from mlcraft.linear_model._sgd_trace import Extras, HeldOut

__all__ = ["CLASSIFICATION_LOSSES", "SgdClasses"]

# by name: the engine's loss and its parameter, in the form of scikit-learn's attribute
CLASSIFICATION_LOSSES: dict[str, tuple[Any, ...]] = {
    "hinge": ("hinge", 1.0),
    "squared_hinge": ("squared_hinge", 1.0),
    "perceptron": ("hinge", 0.0),
    "log_loss": ("log_loss",),
    "modified_huber": ("modified_huber",),
    "squared_error": ("squared_error",),
    "huber": ("huber", DEFAULT_EPSILON),
    "epsilon_insensitive": ("epsilon_insensitive", DEFAULT_EPSILON),
    "squared_epsilon_insensitive": ("squared_epsilon_insensitive", DEFAULT_EPSILON),
}
UNBALANCED = (
    "class_weight '{0}' is not supported for partial_fit. In order to use 'balanced' weights, use "
    "compute_class_weight('{0}', classes=classes, y=y). In place of y you can use a large enough sample of the full "
    "training set target to properly estimate the class frequency distributions. Pass the resulting weights as the "
    "class_weight parameter."
)
NUMBERS = "biuf"


class SgdClasses(LinearClassifier, SgdEstimator):
    """Base of the classifiers: one coefficient vector, or one for each of more than two classes against all others."""

    class_weight: Any
    classes_: NDArray[Any]

    loss_functions = CLASSIFICATION_LOSSES
    _unbalanced = UNBALANCED
    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        **CONSTRAINTS,
        "loss": [StrOptions(set(CLASSIFICATION_LOSSES))],
        **STOP_CONSTRAINTS,
        "n_jobs": [Integral, None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def _fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any,
        intercept_init: Any,
        sample_weight: Any,
        extras: Extras,
    ) -> Self:
        check_parameters(self)
        self._check_combination()
        X, y, weight = self._rows(X, y, sample_weight, reset=True)
        classes, codes = encode_labels(y, X.dtype)
        fitted = self.__dict__
        if self.warm_start and "coef_" in fitted:
            coef_init = fitted["coef_"] if coef_init is None else coef_init
            intercept_init = fitted["intercept_"] if intercept_init is None else intercept_init
        self._refuse_one_class(classes)
        shape = (len(classes), X.shape[1]) if len(classes) > 2 else (X.shape[1],)
        state = self._fresh_state(shape, X.dtype, coef_init, intercept_init)
        self.classes_ = classes
        run = self._train_classes(
            *self._without_zeros(X, codes.astype(np.intp), weight),
            state,
            int(self.max_iter),
            extras,
        )
        self._warn_after_fit(run)
        return self

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Self:
        first = "classes_" not in self.__dict__
        if first:
            check_parameters(self)
            self._check_combination(for_partial_fit=True)
            if isinstance(self.class_weight, str) and self.class_weight == "balanced":
                raise ValueError(self._unbalanced.format(self.class_weight))
        X, y, weight = self._rows(X, y, sample_weight, reset=first)
        _check_partial_fit_first_call(self, classes)
        classes = self.classes_
        self._refuse_one_class(classes)
        shape = (len(classes), X.shape[1]) if len(classes) > 2 else (X.shape[1],)
        if "coef_" in self.__dict__:
            state = self._resumed_state(shape, X.dtype, self.intercept_)
        else:
            state = self._fresh_state(shape, X.dtype)
        self._train_classes(*self._without_zeros(X, self._codes(y), weight), state, 1, None)
        return self

    def _rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, NDArray[Any], Any]:
        if not self._are_plain(X, y, reset):
            X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset)
        return X, y, self._weights(sample_weight, X)

    @staticmethod
    def _refuse_one_class(classes: NDArray[Any]) -> None:
        if len(classes) < 2:
            raise ValueError(f"The number of classes has to be greater than one; got {len(classes)} class")

    def _class_weights(self, codes: NDArray[np.intp]) -> NDArray[np.float64]:
        if self.class_weight is None:
            return np.ones(len(self.classes_))
        if not isinstance(self.class_weight, str):
            found: NDArray[np.float64] = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
            return found
        counts = np.bincount(codes, minlength=len(self.classes_))
        balanced = np.ones(len(counts))  # of a class without rows too
        np.divide(len(codes), np.count_nonzero(counts) * counts, out=balanced, where=counts > 0)
        return balanced

    def _codes(self, y: NDArray[Any]) -> NDArray[np.intp]:
        """Return the number of each label's class."""
        classes = self.classes_
        if y.dtype.kind in NUMBERS and classes.dtype.kind in NUMBERS:
            codes: NDArray[np.intp] = np.searchsorted(classes, y).clip(max=len(classes) - 1)
            codes[classes[codes] != y] = -1
        else:
            codes = np.full(len(y), -1, dtype=np.intp)
            for number, label in enumerate(classes):
                codes[y == label] = number
        if (codes < 0).any():
            raise ValueError("classes should include all valid labels that can be in y")
        return codes

    def _targets(self, codes: NDArray[np.intp], dtype: Any) -> list[NDArray[Any]]:
        """Return y as the loss wants it, of the two classes or of each class against the others."""
        low, high = TARGETS.get(self._engine_loss(), (-1.0, 1.0))
        positive = [1] if len(self.classes_) == 2 else range(len(self.classes_))
        return [np.where(codes == code, high, low).astype(dtype) for code in positive]

    def _train_classes(
        self,
        X: Any,
        codes: NDArray[np.intp],
        weight: NDArray[Any] | None,
        state: SgdState,
        max_iter: int,
        extras: Extras | None,
    ) -> SgdRun:
        """Train on checked rows and set the attributes."""
        validation = None if extras is None else extras.validation
        several = state.coef.ndim == 2
        if several:
            mask = self._mask(codes, validation)
            drawn = self._draw(*[ANY_SEED] * len(self.classes_))
            seeds: Any = [first_draws(seed, (SPARE, ANY_SEED))[1] for seed in drawn]
        elif type(self.random_state) is int:
            mask = self._mask(codes, validation)
            seeds = self._draw(SPARE, ANY_SEED)[1]
        else:  # the split may draw from the same generator
            self._draw(SPARE)
            mask = self._mask(codes, validation)
            seeds = self._draw(ANY_SEED)[0]
        held_out, score = self._held_out(X, codes, weight, mask, validation, several)
        by_class = self._class_weights(codes)
        targets = codes.astype(X.dtype) if several else self._targets(codes, X.dtype)[0]
        n_rows = 1 if not several else len(self.classes_)
        run = self._train(
            X,
            targets,
            state,
            max_iter=max_iter,
            seed=seeds,
            sample_weight=weight,
            weight_pos=by_class.tolist() if several else float(by_class[1]),
            weight_neg=1.0 if several else float(by_class[0]),
            mask=mask,
            score=score,
            held_out=held_out,
            extras=extras,
            coef_shape=(n_rows, X.shape[1]),
        )
        coef, intercept = self._left(state, run)
        self.coef_ = coef.reshape(n_rows, -1)
        self.intercept_ = intercept.astype(X.dtype, copy=False) if several else intercept
        return run

    def _mask(self, codes: NDArray[np.intp], validation: Any) -> NDArray[np.bool_] | None:
        return self._split(self.classes_[codes]) if self.early_stopping and validation is None else None

    def _held_out(
        self, X: Any, codes: NDArray[np.intp], weight: Any, mask: Any, validation: Any, several: bool
    ) -> tuple[HeldOut | None, Any]:
        """Return the rows for the validation loss, and the functions that decide when to stop."""
        if mask is not None:
            X, codes, weight = X[mask], codes[mask], None if weight is None else weight[mask]
        elif validation is not None:
            X, y, weight = self._validation_rows(validation, X.dtype)
            codes = self._codes(y)
        else:
            return None, None
        targets = self._targets(codes, X.dtype)
        held_out = HeldOut(X, targets, weight, self._engine_loss(), self._parameter())
        if not self.early_stopping:
            return held_out, None
        # scikit-learn 1.9 calls the classes of all losses -1 and 1, although those of log_loss are 0 and 1
        classes = np.array([-1, 1], dtype=X.dtype)
        own = validation is not None
        labels = [np.where(target > 0, 1, -1).astype(X.dtype) for target in targets] if own else targets
        scores = [self._scorer(X, label, weight, classes, scaled=own) for label in labels]
        return held_out, scores if several else scores[0]
