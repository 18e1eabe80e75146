"""A fit to all rows as the closed forms of the bootstrap need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import validate_data

from mlcraft._engine.information import information_factor
from mlcraft._engine.resampled_fits import Start, solve_many
from mlcraft._engine.resampling import Basis, plan_of, resampled_sums
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._geometry import Geometry, geometry_of
from mlcraft.uncertainty._glm_model import glm_model, glm_rows
from mlcraft.uncertainty._model import INTERCEPT, model_of
from mlcraft.uncertainty.left_out._problem import last_step, unsupervised_steps

__all__ = ["KEPT_STEPS", "FullFit", "Quantity", "full_fit", "may_have_form"]

Doubles = NDArray[np.float64]
KEPT_STEPS = (
    "the steps before the last were fitted once, to all rows; none of them looks at y (closed_form=False repeats them "
    "for every resample)"
)
WIDEST = 1000  # columns beyond which a Gram matrix for each resample is no short cut


@dataclass(frozen=True)
class Quantity:
    """
    What is estimated.

    Attributes
    ----------
    name : str
        "coef", "predict", "predict_proba" or "decision_function".
    at : ndarray or CSR matrix of shape (n_rows, n_features) or None
        Rows to predict, as the last step sees them.
    """

    name: str
    at: Any = None


@dataclass(frozen=True)
class FullFit:
    """
    A linear or logistic fit and its rows, in the columns z = [1, root'(x - mean)] of `start.basis`.

    Attributes
    ----------
    form : str
        "linear" or "logistic".
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,)
    start : Start
    names : tuple of str
        Of intercept and coefficients.
    single_target : bool
    quantity : Quantity
    """

    form: str
    X: Any
    y: Doubles
    weight: Doubles
    start: Start
    names: tuple[str, ...]
    single_target: bool
    quantity: Quantity

    @property
    def n_targets(self) -> int:
        """Number of columns of y."""
        return len(self.start.coef)

    @cached_property
    def z(self) -> Doubles:
        """The rows in the columns of the basis, an array of the size of X."""
        return self._seen(self.X)

    def _seen(self, X: Any) -> Doubles:
        basis = self.start.basis
        inner = np.asarray(X @ basis.root, dtype=np.float64) - basis.mean @ basis.root
        return np.column_stack([np.ones(len(inner)), inner]) if basis.constant else inner

    @cached_property
    def eta(self) -> Doubles:
        """Predictions of the rows, of shape (n_samples, n_targets)."""
        return np.asarray(self.X @ self.start.coef.T + self.start.intercept, dtype=np.float64)

    @cached_property
    def contrasts(self) -> Doubles:
        """What one target's values are of its steps, of shape (n_values, width)."""
        basis = self.start.basis
        if self.quantity.name != "coef":
            return self._seen(self.quantity.at)
        if not basis.constant:
            return basis.root
        top = np.concatenate([[1.0], -(basis.mean @ basis.root)])
        return np.vstack([top, np.column_stack([np.zeros(len(basis.root)), basis.root])])

    def values(self, coef: Doubles, intercept: Doubles) -> Doubles:
        """
        Return what is estimated from coefficients.

        Parameters
        ----------
        coef : ndarray of shape (count, n_targets, n_features)
        intercept : ndarray of shape (count, n_targets)

        Returns
        -------
        ndarray of shape (count, ...)
        """
        if self.quantity.name == "coef":
            parts = [intercept[..., np.newaxis], coef] if self.start.basis.constant else [coef]
            found = np.concatenate(parts, axis=-1)
            return found[:, 0] if self.single_target else found
        at = self.quantity.at
        flat = coef.reshape(-1, coef.shape[-1])
        eta = np.asarray((at @ flat.T).T, dtype=np.float64).reshape(*coef.shape[:2], -1) + intercept[..., np.newaxis]
        if self.quantity.name == "predict_proba":
            share = expit(eta[:, 0])
            return np.stack([1.0 - share, share], axis=-1)
        return eta[:, 0] if self.single_target else eta.transpose(0, 2, 1)

    def errors_of(self, errors: Doubles, values: Doubles) -> Doubles:
        """Bring standard errors (count, n_targets, n_values) of linear forms to the shape of `values`."""
        if self.quantity.name == "coef":
            return errors[:, 0] if self.single_target else errors
        if self.quantity.name == "predict_proba":
            share = values[..., 1]
            return np.repeat((errors[:, 0] * share * (1.0 - share))[..., np.newaxis], 2, axis=-1)
        return errors[:, 0] if self.single_target else errors.transpose(0, 2, 1)

    def labels(self) -> tuple[str, ...]:
        """Name the values, in C order."""
        if self.quantity.name == "coef":
            if self.single_target:
                return self.names
            return tuple(f"y{t}: {name}" for t in range(self.n_targets) for name in self.names)
        rows = range(self.quantity.at.shape[0])
        if self.quantity.name == "predict_proba":
            return tuple(f"row {i}, class {k}" for i in rows for k in range(2))
        if self.single_target:
            return tuple(f"row {i}" for i in rows)
        return tuple(f"row {i}, y{t}" for i in rows for t in range(self.n_targets))

    def derivatives(
        self, eta: Doubles, target: int, rows: NDArray[np.intp] | slice = slice(None)
    ) -> tuple[Doubles, Doubles]:
        """Return first and second derivatives of the loss of rows, without their weights."""
        if self.form == "linear":
            return eta - self.y[rows, target], np.ones(len(eta))
        mu = expit(eta)
        return mu - self.y[rows, 0], mu * (1.0 - mu)

    def targets(self, t: int) -> tuple[Doubles, Doubles | None]:
        """Return what `resampled_sums` takes as y and offset for one target."""
        if self.form == "linear":
            return np.ascontiguousarray((self.y[:, t] - self.eta[:, t])[np.newaxis]), None
        return np.ascontiguousarray(self.y.T), np.ascontiguousarray(self.eta[:, 0])

    @cached_property
    def information(self) -> Doubles:
        """Sum of ``weight l'' z z'`` over the rows, without the penalty."""
        n = len(self.weight)
        once = plan_of("pairs", n, seed=0, strata=np.arange(n))  # each row, drawn from itself alone
        y, offset = self.targets(0)
        options: dict[str, Any] = {"loss": self.start.loss, "sample_weight": self.weight, "offset": offset}
        found: Doubles = resampled_sums(self.X, y, self.start.basis, once, 0, 1, wanted="g", **options)[0][0]
        return found

    def inverse(self, t: int, gram: Doubles | None = None) -> Doubles:
        """Invert information with the penalty of one target, for many resamples or all rows."""
        grams = self.information[np.newaxis] if gram is None else gram
        matrices = grams + float(self.start.alpha[t]) * self.start.basis.ridge()
        return solve_many(matrices, np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape))[0]


def may_have_form(estimator: Any, quantity: Any, fit_params: Any) -> str | None:
    """
    Return the closed form that an estimator allows, or None.

    Parameters
    ----------
    estimator : object
        Not fitted.
    quantity : str or callable
    fit_params : dict or None

    Returns
    -------
    str or None
    """
    last = last_step(estimator)
    form = type(last).__dict__.get("_left_out_form")  # a subclass may fit otherwise
    known = {
        "linear": ("coef", "predict"),
        "logistic": ("coef", "decision_function", "predict_proba"),
    }
    if form not in known or fit_params or callable(quantity) or quantity not in known[form]:
        return None
    if getattr(last, "positive", False) or isinstance(getattr(last, "class_weight", None), str):
        return None
    return str(form) if unsupervised_steps(estimator) else None


def full_fit(full: Any, X: Any, y: Any, sample_weight: Any, quantity: str, at: Any) -> FullFit | None:
    """
    Return what the closed forms need of a fitted estimator; None where there is no closed form.

    Parameters
    ----------
    full : object
        Fitted, perhaps a Pipeline.
    X, y, sample_weight
        Its rows.
    quantity : str
        See `Quantity`.
    at : array-like of shape (n_rows, n_features) or None

    Returns
    -------
    FullFit or None
    """
    last = full
    while isinstance(last, Pipeline):
        if len(last.steps) > 1:
            X = last[:-1].transform(X)
            at = None if at is None else last[:-1].transform(at)
        last = last.steps[-1][1]
    if at is not None:
        at = validate_data(last, at, accept_sparse="csr", dtype=np.float64, reset=False)
    make = _linear if type(last)._left_out_form == "linear" else _logistic
    return make(last, X, y, sample_weight, Quantity(quantity, at))


def _basis(geometry: Geometry, n_features: int) -> Basis | None:
    if not geometry.full or n_features > WIDEST:
        return None
    return Basis(geometry.mean, np.ascontiguousarray(geometry.root), geometry.has_intercept)


def _linear(last: Any, X: Any, y: Any, sample_weight: Any, quantity: Quantity) -> FullFit | None:
    model = model_of(last)
    if model.positive or model.factor is None or model.factor.dual or model.n_features == 0:
        return None
    basis = _basis(model.geometry(0), model.n_features)
    if basis is None:
        return None
    rows = rows_of(last, X, y, sample_weight)
    start = Start(model.coef, np.array(model.intercept), basis, np.array(model.alpha))
    return FullFit(
        "linear", rows.X, rows.targets, rows.weight, start, model.names, model.single_target or rows.flat, quantity
    )


def _logistic(last: Any, X: Any, y: Any, sample_weight: Any, quantity: Quantity) -> FullFit | None:
    model = glm_model(last)
    fitted = model.fitted
    if not model.binary or fitted.intercept_penalty or fitted.firth or X.shape[0] <= X.shape[1] + 1:
        return None
    rows = glm_rows(last, model, X, y, sample_weight)
    with_intercept = model.has_intercept
    factor = fitted.factor or information_factor(
        rows.X, model.coef, model.intercept, rows.sample_weight, fitted.penalty, with_intercept
    )
    if factor is None:
        return None
    basis = _basis(geometry_of(factor, fitted.penalty, with_intercept), model.n_features)
    if basis is None:
        return None
    alpha = np.array([fitted.penalty])
    start = Start(model.coef, np.array(model.intercept), basis, alpha, "logistic")
    labels = rows.classes.astype(np.float64)[:, np.newaxis]
    names = (INTERCEPT, *model.feature_names) if with_intercept else model.feature_names
    return FullFit("logistic", rows.X, labels, rows.weight, start, names, True, quantity)
