"""What leaving out each row does to linear combinations of coefficients, and to their standard errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.information import linear_predictors
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft._engine.status import warn_caller
from mlcraft.exceptions import LeverageWarning
from mlcraft.uncertainty._checked_rows import Rows, rows_of
from mlcraft.uncertainty._covariance import Covariance
from mlcraft.uncertainty._door import FitData, Inference
from mlcraft.uncertainty._glm_covariance import response_residuals
from mlcraft.uncertainty._glm_door import GlmInference
from mlcraft.uncertainty._glm_influence import SATURATED, row_roots
from mlcraft.uncertainty._leave_one_out import effects_by_penalty, warn_about_saturated
from mlcraft.uncertainty._model import FittedModel
from mlcraft.uncertainty._tests import Contrast, contrast

__all__ = ["GlmMoves", "LinearMoves", "Moves", "moves_of"]

Doubles = NDArray[np.float64]


class Moves(ABC):
    """
    A fit and its rows, asked what leaving out each row does.

    Attributes
    ----------
    names : tuple of str
        Names of the parameters.
    parameters : ndarray of shape (n_parameters,)
    weight : ndarray of shape (n_samples,)
        Weights of the rows; those of weight zero move nothing.
    exact : bool
        Whether the moves are those of refits, or of one step of Newton's method.
    """

    names: tuple[str, ...]
    parameters: Doubles
    weight: Doubles
    exact: bool

    @abstractmethod
    def along(self, direction: Doubles) -> Doubles:
        """Return the change of ``direction @ parameters`` without each row, of shape (n_samples,)."""

    @abstractmethod
    def error_ratio(self, direction: Doubles, kind: str) -> Doubles:
        """Return about how many times as large the standard error is without each row, of shape (n_samples,)."""

    @abstractmethod
    def standing(self, direction: Doubles, kind: str, data: FitData, level: float) -> Contrast:
        """Return the combination with its interval."""

    @abstractmethod
    def directions(self, X: Any) -> Doubles:
        """Return rows as combinations of the parameters, of shape (n_rows, n_outputs, n_parameters)."""

    @abstractmethod
    def positions(self, name: Any) -> list[int]:
        """Return the places of the parameters of a name."""


def moves_of(estimator: Any, X: Any, y: Any, sample_weight: Any, target: int | None = None) -> Moves:
    """
    Look at the rows of a fit.

    Parameters
    ----------
    estimator : object
        A fitted linear or logistic regression with a factor or an information matrix.
    X, y, sample_weight
        Those of the fit.
    target : int, optional
        Which column of y, where there are several.

    Returns
    -------
    Moves

    Raises
    ------
    TypeError
        If it is no such regression.
    """
    if "_likelihood" in vars(estimator):
        return GlmMoves(estimator, X, y, sample_weight)
    if hasattr(estimator, "influence_"):
        return LinearMoves(estimator, X, y, sample_weight, target)
    raise TypeError(
        f"influence reads the factor of mlcraft's least-squares, ridge and logistic fits; {type(estimator).__name__} "
        "has none"
    )


class LinearMoves(Moves):
    """
    Moves of a least-squares or ridge fit: with V the inverse of the penalised cross-products, h the leverage and e the
    residual, the parameters without row i are ``theta - V z_i w_i e_i / (1 - h_i)``, exactly.

    Parameters
    ----------
    estimator : object
    X, y, sample_weight
        Those of the fit.
    target : int or None
    """

    exact = True

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, target: int | None) -> None:
        self._door = Inference(estimator)
        self.model: FittedModel = self._door.model
        self.target = self._door.only_target(target)
        self.names = self.model.names
        self.parameters = self.model.parameters[self.target]
        with one_blas_thread():
            try:
                self._look(rows_of(estimator, X, y, sample_weight))
            except NonFiniteError:
                self._look(rows_of(estimator, X, y, sample_weight, look=True))
        self._given: FitData = {"X": X, "y": y, "sample_weight": sample_weight}

    def _look(self, rows: Rows) -> None:
        self.rows, self.weight = rows, rows.weight
        wide = self.model.factor is not None and self.model.factor.dual
        for targets, effects in effects_by_penalty(self.model, rows, directions=wide):
            if self.target in targets:
                self.effects, place = effects, targets.index(self.target)
        self._step = self.effects.step[:, place]
        self._residual = self.effects.residual[:, place]
        self._loo_rss = self.effects.loo_rss[:, place]
        warn_about_saturated(self.model, self.effects.saturated)

    @one_blas_thread()
    def reach(self, direction: Doubles) -> Doubles:
        """Return ``direction' V z`` of each row."""
        effects, factor = self.effects, self.model.factor
        assert factor is not None
        first = float(direction[0]) if self.model.has_intercept else 0.0
        slopes = direction[self.model.has_intercept :] - first * effects.mean
        if effects.root is None:
            assert effects.direction is not None
            found: Doubles = effects.direction @ slopes
        else:
            coef = (effects.root @ (slopes @ effects.root))[np.newaxis]
            nothing = np.zeros((len(slopes), 1))
            found = _core.row_influence(self.rows.X, nothing, effects.mean, coef, "f")[1][:, 0]
        return found + first / factor.weight_sum

    def along(self, direction: Doubles) -> Doubles:
        return np.where(self.weight > 0, -self._step * self.reach(direction), 0.0)

    def error_ratio(self, direction: Doubles, kind: str) -> Doubles:
        reach, effects, weight = self.reach(direction), self.effects, self.weight
        apart = np.where(effects.saturated, 1.0, effects.complement)
        if kind != "classical":
            return self._robust_ratio(reach, weight * reach / apart)
        size = float(self.model.geometry(self.target).bread @ direction @ direction)
        df = float(np.count_nonzero(weight)) - effects.effective_df
        variance = float(weight @ self._residual**2) / df
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.where(effects.loo_df > 0, self._loo_rss / effects.loo_df, np.inf) / variance
            ratio = np.sqrt(spread * (1.0 + weight * reach**2 / (apart * size)))
        return np.where(weight > 0, ratio, 1.0)

    def _robust_ratio(self, reach: Doubles, widening: Doubles) -> Doubles:
        """Leave a row out of ``sum (w e u)^2``, to first order in what it does to the e and u of the others."""
        score = self.weight * self._residual
        total = float(score**2 @ reach**2)
        if not total > 0:
            return np.ones_like(reach)
        moved = -((score * reach) ** 2)
        moved += 2.0 * self._step * self.reach(self._sum(self.weight * score * reach**2))
        moved += 2.0 * widening * self.reach(self._sum(score**2 * reach))
        found: Doubles = np.sqrt(np.maximum(1.0 + moved / total, 0.0))
        return found

    def _sum(self, size: Doubles) -> Doubles:
        """Return the sum of rows (1, x) times numbers."""
        slopes = np.asarray(self.rows.X.T @ size, dtype=np.float64)
        return np.append(size.sum(), slopes) if self.model.has_intercept else slopes

    def standing(self, direction: Doubles, kind: str, data: FitData, level: float) -> Contrast:
        found: Covariance = self._door.covariance(kind, self.target, {**self._given, **data})
        return contrast(self.model, found, direction[np.newaxis], np.zeros(1), self.target, level)

    def directions(self, X: Any) -> Doubles:
        rows = self._door.engine_rows(X)
        dense = np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), dtype=np.float64)
        return (np.insert(dense, 0, 1.0, axis=1) if self.model.has_intercept else dense)[:, np.newaxis]

    def positions(self, name: Any) -> list[int]:
        return [place_of(name, self.names)]


class GlmMoves(Moves):
    """
    Moves of a logistic or multinomial fit by one step of Newton's method from the fit to all rows.

    With A = Z_i V Z_i' of a row, g and W gradient and Hessian of its loss, the parameters without it are about
    ``theta + V Z_i' (I - W A)^-1 g`` (Pregibon 1981).

    Parameters
    ----------
    estimator : object
    X, y, sample_weight
        Those of the fit.
    """

    exact = False

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self._door = GlmInference(estimator)
        self.rows = self._door.rows(X, y, sample_weight)
        self.model = self._door.model
        self.names, self.parameters = self.model.names, self.model.parameters[0]
        self.weight = self.rows.weight
        self.geometry = self.model.geometry(self.rows)
        self._given: FitData = {"X": X, "y": y, "sample_weight": sample_weight}
        self._look()
        alone = np.flatnonzero(np.isnan(self.pull).any(axis=1))
        if len(alone):
            warn_caller(
                f"row {alone[0]} ({len(alone)} in all) alone determines a coefficient: what leaving it out does is "
                "not known (NaN)",
                LeverageWarning,
            )

    @one_blas_thread()
    def _look(self) -> None:
        model, m = self.model, self.model.n_contrasts
        q = self.rows.probabilities(model)
        self.fitted = q[:, model.others]
        gradient = -response_residuals(q, self.rows.classes)[:, model.others] * self.weight[:, np.newaxis]
        self.spread, self.pull = np.empty((len(q), m, m)), np.empty((len(q), m))
        for some, roots in row_roots(self.rows.X, self.geometry.root, self.geometry.mean, m):
            part = self.fitted[some]
            spread = np.einsum("nkr,nlr->nkl", roots, roots)
            hessian = -part[:, :, np.newaxis] * part[:, np.newaxis, :]
            rest = 1.0 - part if m > 1 else q[some][:, [1 - model.others[0]]]
            hessian[:, np.arange(m), np.arange(m)] = part * rest
            left = np.eye(m) - (hessian * self.weight[some, np.newaxis, np.newaxis]) @ spread
            lost = np.abs(np.linalg.det(left)) < SATURATED
            left[lost] = np.eye(m)
            self.pull[some] = np.linalg.solve(left, gradient[some, :, np.newaxis])[:, :, 0]
            self.pull[some][lost] = np.nan
            self.spread[some] = spread

    @one_blas_thread()
    def reach(self, direction: Doubles) -> Doubles:
        """Return ``Z_i V direction`` of each row, of shape (n_samples, n_contrasts)."""
        root, mean = self.geometry.root, self.geometry.mean
        turned = root @ (self.geometry.centred(direction[np.newaxis])[0] @ root)
        parts = turned.reshape(self.model.n_contrasts, -1)
        if mean is None:
            return linear_predictors(self.rows.X, parts, np.zeros(len(parts)))
        return linear_predictors(self.rows.X, parts[:, 1:], parts[:, 0] - parts[:, 1:] @ mean)

    def along(self, direction: Doubles) -> Doubles:
        found: Doubles = (self.reach(direction) * self.pull).sum(axis=1)
        return found

    def error_ratio(self, direction: Doubles, kind: str) -> Doubles:
        if not self.model.binary:  # the order of rows by what they do to the coefficient alone
            return np.ones(len(self.weight))
        reach, fitted = self.reach(direction)[:, 0], self.fitted[:, 0]
        curvature = self.weight * fitted * (1.0 - fitted)
        apart = np.maximum(1.0 - curvature * self.spread[:, 0, 0], SATURATED)
        if kind != "classical":
            return self._robust_ratio(reach, fitted, curvature * reach / apart)
        turned = self.geometry.centred(direction[np.newaxis])[0]
        size = float(self.geometry.bread @ turned @ turned)
        # the row's own information is lost, and the others' changes with the probabilities
        others = self.along(self._sum(curvature * (1.0 - 2.0 * fitted) * reach**2))
        ratio = 1.0 + (curvature * reach**2 / apart - others) / size
        found: Doubles = np.sqrt(np.maximum(ratio, 0.0))
        return found

    def _robust_ratio(self, reach: Doubles, fitted: Doubles, widening: Doubles) -> Doubles:
        """Leave a row out of ``sum (w r u)^2``, to first order in what it does to the r and u of the others."""
        score = self.weight * ((self.rows.classes == self.model.others[0]) - fitted)
        total = float(score**2 @ reach**2)
        if not total > 0:
            return np.ones_like(reach)
        moved = -((score * reach) ** 2)
        variance = fitted * (1.0 - fitted)
        weighed = self.reach(self._sum(score**2 * reach))[:, 0]
        bent = score * reach + (1.0 - 2.0 * fitted) * weighed  # of the residual, and of the information
        moved -= 2.0 * self.along(self._sum(self.weight * variance * reach * bent))
        moved += 2.0 * widening * weighed
        found: Doubles = np.sqrt(np.maximum(1.0 + moved / total, 0.0))
        return found

    def _sum(self, size: Doubles) -> Doubles:
        """Return the sum of rows (1, x) times numbers."""
        slopes = np.asarray(self.rows.X.T @ size, dtype=np.float64)
        return np.append(size.sum(), slopes) if self.model.has_intercept else slopes

    def standing(self, direction: Doubles, kind: str, data: FitData, level: float) -> Contrast:
        found = self._door.covariance(kind, {**self._given, **data})
        return contrast(self.model, found, direction[np.newaxis], np.zeros(1), 0, level)

    def directions(self, X: Any) -> Doubles:
        rows = self._door.engine_rows(X)
        dense = np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), dtype=np.float64)
        Z = np.insert(dense, 0, 1.0, axis=1) if self.model.has_intercept else dense
        m = self.model.n_contrasts
        found: Doubles = np.einsum("kl,nj->nklj", np.eye(m), Z).reshape(len(Z), m, -1)
        return found

    def positions(self, name: Any) -> list[int]:
        return self._door.positions(name)


def place_of(name: Any, names: tuple[str, ...]) -> int:
    """Return the place of a parameter given by name or place."""
    if isinstance(name, (int, np.integer)):
        if not 0 <= name < len(names):
            raise ValueError(f"no parameter {name}; there are {len(names)}, counted from zero")
        return int(name)
    places = [j for j, other in enumerate(names) if other == name]
    if len(places) != 1:
        said = f"no parameter {name!r}" if not places else f"{name!r} is the name of {len(places)} parameters"
        raise ValueError(f"{said}; there are: {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}")
    return places[0]
