"""What a logistic or multinomial fit says about probabilities: intervals, and average marginal effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.information import linear_predictors, row_blocks
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._covariance import Covariance
from mlcraft.uncertainty._glm_influence import row_roots
from mlcraft.uncertainty._glm_model import GlmModel, probabilities_of
from mlcraft.uncertainty._intervals import PredictionInterval, checked_level, half_width, t_ratio, two_sided, with_notes
from mlcraft.uncertainty._table import p_text, text_table

__all__ = ["MarginalEffects", "marginal_effects", "probability_interval"]

Doubles = NDArray[np.float64]


def _root_of(found: Covariance) -> Doubles:
    """Square root of a covariance of (prediction at the mean, coef)."""
    size = np.sqrt(np.maximum(np.diagonal(found.centred), 0.0))
    size[size == 0] = 1.0
    values, vectors = np.linalg.eigh(found.centred / size / size[:, np.newaxis])
    root: Doubles = size[:, np.newaxis] * vectors * np.sqrt(np.maximum(values, 0.0))
    return root


@one_blas_thread()
def probability_interval(model: GlmModel, found: Covariance, X: Any, level: Any) -> PredictionInterval:
    """
    Return intervals of the probabilities of rows, made on the scale of the log odds: never outside 0 and 1.

    Parameters
    ----------
    model : GlmModel
    found : Covariance
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    level : float or sequence of float

    Returns
    -------
    PredictionInterval
        Of the probability of the second class, or of all classes where there are more than two.
    """
    from scipy.special import expit, logit

    q = probabilities_of(model, linear_predictors(X, model.coef, model.intercept))
    targets = model.others if model.binary else list(range(q.shape[1]))
    errors = np.empty((len(q), len(targets)))
    centre = np.empty_like(errors)
    geometry = model.geometry()
    for some, roots in row_roots(X, _root_of(found), found.mean, model.n_contrasts):
        part = q[some]
        rest = part[:, model.others]
        pulled = np.einsum("nk,nkr->nr", rest, roots)
        for place, k in enumerate(targets):
            own = np.zeros_like(pulled) if k == model.base else roots[:, model.others.index(k)]
            others = np.delete(part, k, axis=1).sum(axis=1)
            # the log odds of class k against the rest change by (own - sum q_l eta_l) / (1 - q_k)
            if model.binary:
                errors[some, place] = np.sqrt((own**2).sum(axis=1))
            else:
                errors[some, place] = np.sqrt(((own - pulled) ** 2).sum(axis=1)) / others
            with np.errstate(divide="ignore"):
                centre[some, place] = np.where(part[:, k] < 0.5, logit(part[:, k]), -logit(others))
    if not geometry.full:
        dense = np.asarray(X.todense() if not isinstance(X, np.ndarray) else X, dtype=np.float64)
        block = np.column_stack([np.ones(len(dense)), dense]) if model.has_intercept else dense
        zeros = np.zeros((len(block), model.n_parameters - model.width))
        errors[~geometry.estimable(np.hstack([block, zeros]))] = np.nan
    levels = np.atleast_1d(np.asarray(level, dtype=np.float64))
    reach = errors[:, :, np.newaxis] * [half_width(each, found.df) for each in levels]
    parts = [q[:, targets], expit(centre[:, :, np.newaxis] - reach), expit(centre[:, :, np.newaxis] + reach)]
    if np.ndim(level) == 0:
        parts[1:] = [bound[:, :, 0] for bound in parts[1:]]
    if model.binary:
        parts = [part[:, 0] for part in parts]
    bounds = PredictionInterval(*parts)
    bounds.notes = found.notes
    return bounds


@dataclass(frozen=True)
class MarginalEffects:
    """
    Average marginal effects on probabilities, with errors by the delta method.

    Attributes
    ----------
    effect, standard_error, z, p_value, lower, upper : ndarray of shape (n_columns,) or (n_classes, n_columns)
        For each column; with more than two classes for each class and column.
    names : tuple of str
        Names of the columns.
    classes : tuple of str
        The classes whose probability it is: the second one, or all.
    discrete : tuple of bool
        Whether the effect of a column is that of a change from 0 to 1, not a derivative.
    level : float
        Confidence level.
    covariance : str
        Kind of the covariance that was used.
    notes : tuple of str
        What to know before using them.
    """

    effect: Doubles
    standard_error: Doubles
    z: Doubles
    p_value: Doubles
    lower: Doubles
    upper: Doubles
    names: tuple[str, ...]
    classes: tuple[str, ...]
    discrete: tuple[bool, ...]
    level: float
    covariance: str
    notes: tuple[str, ...] = ()

    def _index(self) -> list[str]:
        if self.effect.ndim == 1:
            return list(self.names)
        return [f"{one}: {name}" for one in self.classes for name in self.names]

    def _columns(self) -> dict[str, Doubles]:
        columns = {"effect": self.effect, "std_error": self.standard_error, "z": self.z, "p_value": self.p_value}
        columns |= {"lower": self.lower, "upper": self.upper}
        return {name: values.ravel() for name, values in columns.items()}

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each column (of each class)."""
        import pandas as pd

        return pd.DataFrame(self._columns(), index=self._index())

    def __str__(self) -> str:
        head = f"average marginal effects on the probability of {', '.join(self.classes)}, {self.covariance} covariance"
        rows = zip(*[values.tolist() for values in self._columns().values()], strict=True)
        cells = [
            [f"{row[0]:.6g}", f"{row[1]:.5g}", f"{row[2]:.3f}", p_text(row[3]), *(f"{v:.6g}" for v in row[4:])]
            for row in rows
        ]
        labels = ["effect", "std error", "z", "p", f"[{100 * self.level:.6g}%", "interval]"]
        return with_notes(f"{head}\n{text_table(self._index(), labels, cells)}", self.notes)


def marginal_effects(
    model: GlmModel,
    found: Covariance,
    X: Any,
    weight: Doubles,
    columns: Sequence[int],
    discrete: Any,
    level: float,
) -> MarginalEffects:
    """
    Average the effects of columns on probabilities over rows.

    Parameters
    ----------
    model : GlmModel
    found : Covariance
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
        Weights of the mean.
    columns : sequence of int
        Columns of X.
    discrete : {"auto", True, False} or sequence of int
        Columns whose effect is that of a change from 0 to 1; "auto": those that hold nothing else, as True; False:
        none.
    level : float

    Returns
    -------
    MarginalEffects
    """
    checked_level(level)
    steps = _steps(X, columns, discrete)
    effect, gradient = _averages(model, X, weight / weight.sum(), columns, steps)
    if model.binary:
        effect, gradient = effect[:, model.others[0]], gradient[:, model.others[0]]
    else:
        effect, gradient = effect.T, gradient.swapaxes(0, 1)
    flat = gradient.reshape(-1, model.n_parameters)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.diagonal(found.of(flat))).reshape(effect.shape).copy()
    error[~model.estimable(flat).reshape(effect.shape)] = np.nan
    z = t_ratio(effect, error, model.varies())
    reach = half_width(level, found.df) * error
    return MarginalEffects(
        effect,
        error,
        z,
        two_sided(z, found.df),
        effect - reach,
        effect + reach,
        tuple(model.feature_names[j] for j in columns),
        tuple(model.class_names[k] for k in (model.others if model.binary else range(len(model.class_names)))),
        tuple(steps),
        level,
        found.kind,
        found.notes,
    )


def _steps(X: Any, columns: Sequence[int], discrete: Any) -> list[bool]:
    """Which of the columns are changed from 0 to 1."""
    if discrete is False:
        return [False] * len(columns)
    if discrete is not True and not isinstance(discrete, str):
        chosen = {int(j) for j in discrete}
        return [j in chosen for j in columns]
    if isinstance(discrete, str) and discrete != "auto":
        raise ValueError(f"discrete must be 'auto', True, False or columns, got {discrete!r}")
    binary, varying = np.ones(X.shape[1], dtype=bool), np.zeros(X.shape[1], dtype=bool)
    for _, block in row_blocks(X):
        binary &= ((block == 0) | (block == 1)).all(axis=0)
        varying |= (block == 1).any(axis=0)
    return [bool(binary[j] and varying[j]) for j in columns]


@one_blas_thread()
def _averages(
    model: GlmModel, X: Any, share: Doubles, columns: Sequence[int], steps: Sequence[bool]
) -> tuple[Doubles, Doubles]:
    """Average effects (n_columns, n_classes), and their derivatives by (intercept, coef) of all contrasts."""
    count, m, width = len(model.class_names), model.n_contrasts, model.width
    start = int(model.has_intercept)
    effect = np.zeros((len(columns), count))
    gradient = np.zeros((len(columns), count, m, width))
    slopes = np.zeros((count, model.n_features))
    slopes[model.others] = model.coef
    for rows, block in row_blocks(X):
        Z = np.column_stack([np.ones(len(block)), block]) if start else block
        eta, v = block @ model.coef.T + model.intercept, share[rows]
        q = probabilities_of(model, eta)
        # d q_k / d eta_a of the contrasts a
        moves = q[:, :, np.newaxis] * (np.eye(count)[model.others].T - q[:, np.newaxis, model.others])
        for place, (j, stepped) in enumerate(zip(columns, steps, strict=True)):
            if stepped:
                for to in (0.0, 1.0):
                    sign = 2.0 * to - 1.0
                    shifted = probabilities_of(model, eta + (to - block[:, j : j + 1]) * model.coef[:, j])
                    change = shifted[:, :, np.newaxis] * (
                        np.eye(count)[model.others].T - shifted[:, np.newaxis, model.others]
                    )
                    effect[place] += sign * (v @ shifted)
                    part = np.einsum("nka,np->kap", change * v[:, np.newaxis, np.newaxis], Z, optimize=True)
                    part[:, :, start + j] = np.einsum("nka,n->ka", change, v) * to
                    gradient[place] += sign * part
                continue
            deviation = slopes[:, j] - (q @ slopes[:, j])[:, np.newaxis]
            effect[place] += v @ (q * deviation)
            # d/d eta_a of q_k (b_k - mean b) = moves_ka (b_k - mean b) - q_k q_a (b_a - mean b)
            size = moves * deviation[:, :, np.newaxis]
            size -= q[:, :, np.newaxis] * (q * deviation)[:, np.newaxis, model.others]
            size *= v[:, np.newaxis, np.newaxis]
            gradient[place] += np.einsum("nka,np->kap", size, Z, optimize=True)
            gradient[place, :, :, start + j] += np.einsum("nka,n->ka", moves, v)
    return effect, gradient.reshape(len(columns), count, -1)
