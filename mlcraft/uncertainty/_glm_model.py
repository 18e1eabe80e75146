"""What follows from a logistic or multinomial fit is computed from this view of it, never from the estimator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, column_or_1d

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.information import (
    LikelihoodFit,
    information_factor,
    information_matrix,
    linear_predictors,
    probabilities,
)
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._glm_geometry import GlmGeometry, geometry_of_factor, geometry_of_matrix
from mlcraft.uncertainty._model import INTERCEPT

__all__ = ["GlmModel", "GlmRows", "check_same_fit", "glm_model", "glm_rows", "probabilities_of", "whole_coefficients"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class GlmModel:
    """
    View of a logistic or multinomial fit: contrasts of all classes with one, the base.

    Attributes
    ----------
    coef : ndarray of shape (n_contrasts, n_features)
        Log odds ratios of the other classes against the base.
    intercept : ndarray of shape (n_contrasts,)
    has_intercept : bool
    feature_names : tuple of str
    class_names : tuple of str
        Of all classes.
    base : int
        Which class the others are compared with.
    fitted : LikelihoodFit
        What the fit remembers.
    title : str
        Name of the estimator's class.
    named : bool
        Whether the columns had names of their own at the fit.
    penalty_was_chosen : bool, default=False
        Whether the penalty was chosen on the rows of the fit.
    """

    coef: Doubles
    intercept: Doubles
    has_intercept: bool
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    base: int
    fitted: LikelihoodFit
    title: str
    named: bool
    penalty_was_chosen: bool = False

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return int(self.coef.shape[1])

    @property
    def n_targets(self) -> int:
        """One: the contrasts of several classes are parameters of one model."""
        return 1

    @property
    def n_contrasts(self) -> int:
        """Number of classes less one."""
        return len(self.coef)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return self.n_contrasts == 1

    @property
    def width(self) -> int:
        """Number of parameters of one contrast."""
        return self.n_features + self.has_intercept

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.n_contrasts * self.width

    @cached_property
    def others(self) -> list[int]:
        """All classes but the base."""
        return [k for k in range(len(self.class_names)) if k != self.base]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters: "intercept", "age", ..., with more than two classes "class: age"."""
        block = (INTERCEPT, *self.feature_names) if self.has_intercept else self.feature_names
        if self.binary:
            return block
        return tuple(f"{self.class_names[k]}: {name}" for k in self.others for name in block)

    @cached_property
    def theta(self) -> Doubles:
        """Parameters, of shape (n_contrasts, width)."""
        return np.column_stack([self.intercept, self.coef]) if self.has_intercept else self.coef

    @cached_property
    def parameters(self) -> Doubles:
        """Parameters in a row, of shape (1, n_parameters)."""
        return self.theta.reshape(1, -1)

    @cached_property
    def ridge(self) -> Doubles:
        """Second derivative of the penalty by (intercept, coef), of shape (n_parameters, n_parameters)."""
        count = len(self.class_names)
        mixing = np.eye(1) if self.binary else np.eye(count - 1) - 1.0 / count
        sizes = np.full(self.width, self.fitted.penalty)
        if self.has_intercept:
            sizes[0] = self.fitted.intercept_penalty
        return np.asarray(np.kron(mixing, np.diag(sizes)), dtype=np.float64)

    @property
    def penalised(self) -> bool:
        """Whether a penalty pulls coefficients towards zero."""
        return self.fitted.penalty > 0 or self.fitted.intercept_penalty > 0

    def n_observations(self, weights: str = "analytic") -> float:
        """Return the number of rows with a weight, or the sum of frequency weights."""
        return float(self.fitted.class_weights.sum()) if weights == "frequency" else float(self.fitted.n_samples)

    def varies(self, _target: int = 0) -> bool:
        """Tell that there is something to test: more than one class has rows."""
        return int(np.count_nonzero(self.fitted.class_weights)) > 1

    def estimable(self, contrasts: Doubles, _target: int = 0) -> NDArray[np.bool_]:
        """Tell which combinations of the parameters the data determine."""
        return self.geometry().estimable(contrasts)

    def geometry(self, rows: GlmRows | None = None) -> GlmGeometry:
        """
        Return the information at the solution, inverted.

        Parameters
        ----------
        rows : GlmRows, optional
            The rows of the fit, needed where it kept no information.

        Returns
        -------
        GlmGeometry

        Raises
        ------
        ValueError
            If the fit kept no information, and there are no rows.
        """
        cache = self.__dict__.setdefault("_geometries", {})
        if "" not in cache:
            cache[""] = self._make_geometry(rows)
        found: GlmGeometry = cache[""]
        return found

    def _make_geometry(self, rows: GlmRows | None) -> GlmGeometry:
        fit = self.fitted
        if self.binary and not fit.intercept_penalty and fit.matrix is None:
            factor = fit.factor
            if factor is None and rows is not None:
                given = rows.sample_weight
                factor = information_factor(rows.X, self.coef, self.intercept, given, fit.penalty, self.has_intercept)
            if factor is not None:
                return geometry_of_factor(factor, fit.penalty, self.has_intercept)
        if fit.matrix is not None and fit.mean is not None:
            back = np.kron(_change_of_base(len(self.class_names), self.base, 0), np.eye(self.width))
            matrix, mean = back.T @ fit.matrix @ back, fit.mean
        elif rows is not None:
            q = rows.probabilities(self)[:, self.others]
            matrix, mean = information_matrix(rows.X, q, rows.weight, self.has_intercept)
        else:
            raise ValueError(
                "this fit kept no information matrix, which would have cost more than the fit (or left nothing to "
                "keep): pass X=, y= and sample_weight= of the fit."
            )
        ridge = self.ridge
        if self.has_intercept:  # penalised intercepts are tied to the coefficients about the mean
            shift = np.eye(self.width)
            shift[0, 1:] = -mean
            turn = np.kron(np.eye(self.n_contrasts), shift)
            ridge = turn.T @ ridge @ turn
        return geometry_of_matrix(matrix, ridge, mean if self.has_intercept else None)


def _change_of_base(count: int, source: int, target: int) -> Doubles:
    """Matrix that turns contrasts with class `source` into contrasts with class `target`."""
    full = np.eye(count)
    full -= full[target]
    return np.delete(np.delete(full, target, axis=0), source, axis=1)


@dataclass(frozen=True)
class GlmRows:
    """
    The rows of a fit, given once more.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,) or None
        Class of each row.
    weight : ndarray of shape (n_samples,)
        Weights, class weights included; ones where there are none.
    sample_weight : ndarray of shape (n_samples,) or None
        The same in the dtype of X, None where all are one.
    """

    X: Any
    codes: NDArray[np.intp] | None
    weight: Doubles
    sample_weight: NDArray[Any] | None

    @property
    def classes(self) -> NDArray[np.intp]:
        """Class of each row, which the caller has given."""
        assert self.codes is not None
        return self.codes

    def probabilities(self, model: GlmModel) -> Doubles:
        """Return the fitted probabilities of all classes, of shape (n_samples, n_classes)."""
        return probabilities_of(model, linear_predictors(self.X, model.coef, model.intercept))

    def n_observations(self, weights: str) -> float:
        """Return the number of rows with a weight, or the sum of frequency weights."""
        return float(self.weight.sum() if weights == "frequency" else np.count_nonzero(self.weight))


def probabilities_of(model: GlmModel, eta: Doubles) -> Doubles:
    """
    Return the probabilities of all classes in their order.

    Parameters
    ----------
    model : GlmModel
    eta : ndarray of shape (n_samples, n_contrasts)
        Linear predictors of all classes but the base.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    found = probabilities(eta)
    return found if model.base == 0 else found[:, np.argsort([model.base, *model.others])]


def glm_model(estimator: Any, base: Any = None) -> GlmModel:
    """
    Return the view of a fitted logistic regression.

    Parameters
    ----------
    estimator : object
        With ``coef_``, ``intercept_``, ``classes_`` and ``_likelihood``.
    base : label, optional
        The class that the others are compared with; the first if None.

    Returns
    -------
    GlmModel

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    ValueError
        If there is no such class, or the fit remembers nothing of its rows.
    """
    fitted = estimator.__dict__
    if "coef_" not in fitted:
        check_is_fitted(estimator)
    memory = fitted.get("_likelihood")
    if not isinstance(memory, LikelihoodFit):
        raise ValueError(
            "this model remembers nothing of the rows it was fitted on (model files hold predictions only): fit again."
        )
    classes = np.asarray(fitted["classes_"])
    which = 0
    if base is not None:
        found = np.flatnonzero(classes == base)
        if len(found) != 1:
            raise ValueError(f"base must be one of the classes {classes.tolist()}, got {base!r}")
        which = int(found[0])
    coef, intercept = whole_coefficients(fitted)
    if len(classes) == 2:
        coef, intercept = np.vstack([np.zeros_like(coef), coef]), np.append(0.0, intercept)
    others = [k for k in range(len(classes)) if k != which]
    names = fitted.get("feature_names_in_")
    return GlmModel(
        coef[others] - coef[which],
        intercept[others] - intercept[which],
        memory.fit_intercept,
        tuple(f"x{j}" for j in range(coef.shape[1])) if names is None else tuple(map(str, names)),
        tuple(map(str, classes.tolist())),
        which,
        memory,
        type(estimator).__name__,
        names is not None,
        "C_" in fitted,
    )


def whole_coefficients(fitted: dict[str, Any]) -> tuple[Doubles, Doubles]:
    """
    Return coefficients and intercepts of a fit as dense arrays of double precision.

    Parameters
    ----------
    fitted : dict
        The estimator's attributes.

    Returns
    -------
    coef : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept : ndarray of shape (1,) or (n_classes,)
    """
    given = to_numpy(fitted["coef_"])[0]
    coef = np.atleast_2d(np.asarray(given.toarray() if hasattr(given, "toarray") else given, dtype=np.float64))
    intercept = np.asarray(to_numpy(fitted["intercept_"])[0], dtype=np.float64).ravel()
    return coef, np.broadcast_to(intercept, (len(coef),))


def glm_rows(estimator: Any, model: GlmModel, X: Any, y: Any, sample_weight: Any) -> GlmRows:
    """
    Check the rows of a fit.

    Parameters
    ----------
    estimator : object
        The fitted estimator.
    model : GlmModel
        Its view.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or None
        Labels, where they are needed.
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    GlmRows

    Raises
    ------
    ValueError
        If these cannot be the rows of the fit.
    """
    try:
        rows = rows_of(estimator, X, None, sample_weight)
        if not np.isfinite(rows.X.sum() if isinstance(rows.X, np.ndarray) else rows.X.data.sum()):
            raise NonFiniteError("X holds NaN or infinity")
    except NonFiniteError:
        rows = rows_of(estimator, X, None, sample_weight, look=True)
    codes, weight, given = None, rows.weight, rows.sample_weight
    factors = model.fitted.class_factors
    if y is not None:
        codes = _codes(estimator, y, rows.X)
        if factors is not None:
            weight = weight * factors[codes]
            given = weight.astype(rows.X.dtype)
    elif factors is not None:
        raise ValueError("the fit weighted classes, so y is needed besides X")
    total, expected = float(weight.sum()), float(model.fitted.class_weights.sum())
    if not abs(total - expected) <= 1e-5 * expected:
        raise ValueError(
            "X must hold the rows that the model was fitted on, with their sample_weight: there the weights sum to "
            f"{expected:g} (the number of rows without weights), here to {total:g}"
        )
    found = GlmRows(rows.X, codes, weight, given)
    if codes is not None:
        sums = np.bincount(codes, weight, len(model.class_names))
        if not np.allclose(sums, model.fitted.class_weights, rtol=1e-5, atol=1e-9 * expected):
            raise ValueError("y must hold the labels that the model was fitted on: the classes have other weights now")
        if not model.fitted.firth:
            with np.errstate(divide="ignore"):
                logs = np.log(found.probabilities(model)[np.arange(len(codes)), codes])
            check_same_fit(float(np.sum(weight * np.where(weight > 0, logs, 0.0))), model.fitted, rows.X.dtype)
    return found


def check_same_fit(found: float, fit: LikelihoodFit, dtype: Any) -> None:
    """
    Raise where a log-likelihood is not that of the fit.

    Parameters
    ----------
    found : float
    fit : LikelihoodFit
        What the fit remembers.
    dtype : dtype
        Of the rows.

    Raises
    ------
    ValueError
    """
    expected, slack = fit.log_likelihood, 1e-3 if dtype == np.float32 else 1e-6
    if not abs(found - expected) <= slack * (1.0 + abs(expected)):
        raise ValueError(
            "X, y and sample_weight must be those that the model was fitted on, in the same order: the log-likelihood "
            f"was {expected:.10g}, here it is {found:.10g}"
        )


def _codes(estimator: Any, y: Any, X: Any) -> NDArray[np.intp]:
    labels = column_or_1d(to_numpy(y)[0], warn=True)
    check_consistent_length(X, labels)
    classes = np.asarray(estimator.classes_)
    codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    if not np.all(classes[codes] == labels):
        unknown = labels[classes[codes] != labels][0]
        raise ValueError(f"y holds {unknown!r}, which is none of the classes of the fit: {classes.tolist()}")
    return np.asarray(codes, dtype=np.intp)
