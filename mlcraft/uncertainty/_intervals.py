"""Confidence intervals of coefficients and predictions by normal theory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._covariance import Covariance
from mlcraft.uncertainty._model import FittedModel, Parametrised

__all__ = [
    "Intervals",
    "PredictionInterval",
    "basis",
    "half_width",
    "intervals",
    "prediction_interval",
    "t_ratio",
    "two_sided",
    "with_notes",
]

Doubles = NDArray[np.float64]


def checked_level(level: float) -> float:
    """Return a confidence level as a float, or raise if it does not lie between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95; got {level!r}")
    return float(level)


def half_width(level: float, df: Any) -> Any:
    """Return the t quantile of a two-sided interval, normal for infinite df; NaN without degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    if np.ndim(df) == 0 and not df > 0:
        return np.nan
    if np.ndim(df) == 0 and np.isinf(df):
        return ndtri(0.5 + 0.5 * checked_level(level))
    return stdtrit(df, 0.5 + 0.5 * checked_level(level))


def t_ratio(estimate: Doubles, error: Doubles, varies: bool) -> Doubles:
    """Return estimate / error; NaN where nothing was estimated: no error at all, or a y that does not vary."""
    ratio: Doubles = np.divide(estimate, error, out=np.full_like(estimate, np.nan), where=(error > 0) & varies)
    return ratio


def two_sided(t: Doubles, df: Any) -> Doubles:
    """Return the two-sided p-values of t statistics."""
    from scipy.special import ndtr, stdtr

    if np.ndim(df) == 0 and not df > 0:
        return np.full_like(t, np.nan)
    tail = ndtr(-np.abs(t)) if np.ndim(df) == 0 and np.isinf(df) else stdtr(df, -np.abs(t))
    p_values: Doubles = 2.0 * tail
    return p_values


def basis(kind: str) -> str:
    """Name what a result rests on: a covariance of some kind, or a likelihood."""
    return kind if "likelihood" in kind else f"{kind} covariance"


def with_notes(text: str, notes: tuple[str, ...]) -> str:
    """Return a text with what there is to know below it, a line for each note."""
    return "\n".join([text, *(f"- {note}" for note in notes)])


@dataclass(frozen=True)
class Intervals:
    """
    Confidence intervals of coefficients.

    Attributes
    ----------
    lower, upper : ndarray of shape (n_parameters,) or (n_targets, n_parameters)
        Bounds, in the order of `names`.
    level : float
        Confidence level.
    names : tuple of str
        Names of the parameters, the intercept first.
    covariance : str
        Kind of the covariance that was used.
    bias : ndarray of the shape of the bounds, or None
        For a penalised fit, the estimated bias of the coefficients, which the intervals do not make up for.
    notes : tuple of str
        What to know before using them.
    """

    lower: Doubles
    upper: Doubles
    level: float
    names: tuple[str, ...]
    covariance: str
    bias: Doubles | None = None
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return an array of shape (..., n_parameters, 2)."""
        return np.stack([self.lower, self.upper], axis=-1).astype(dtype or np.float64, copy=False)

    def __getitem__(self, name: str) -> Any:
        """Return (lower, upper) of the parameter of this name."""
        if name not in self.names:
            raise KeyError(f"no parameter {name!r}; there are: {', '.join(self.names)}")
        j = self.names.index(name)
        if self.lower.ndim == 1:
            return float(self.lower[j]), float(self.upper[j])
        return self.lower[:, j], self.upper[:, j]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each parameter (of each target)."""
        import pandas as pd

        index: Any = list(self.names)
        if self.lower.ndim == 2:
            index = pd.MultiIndex.from_product([[f"y{t}" for t in range(len(self.lower))], self.names])
        return pd.DataFrame({"lower": self.lower.ravel(), "upper": self.upper.ravel()}, index=index)

    def __str__(self) -> str:
        width = max(map(len, self.names))
        table = np.asarray(self).reshape(-1, 2)
        names = self.names * (len(table) // len(self.names))
        lines = [f"{name:<{width}}  {low:12.6g}  {high:12.6g}" for name, (low, high) in zip(names, table, strict=True)]
        head = f"{self.level:.6g} intervals, {basis(self.covariance)}"
        if self.bias is not None:
            head += "; estimated bias in the last column"
            lines = [f"{line}  {bias:12.6g}" for line, bias in zip(lines, self.bias.ravel(), strict=True)]
        return with_notes("\n".join([head, *lines]), self.notes)


def intervals(model: Parametrised, found: Covariance, target: int | None, level: float) -> Intervals:
    """
    Return intervals of all parameters.

    Parameters
    ----------
    model : FittedModel
    found : Covariance
        Of `target`, or of all targets where it is None.
    target : int or None
    level : float

    Returns
    -------
    Intervals
    """
    parameters = model.parameters if target is None else model.parameters[target]
    df = found.df if np.ndim(found.df) == 0 else found.df[:, np.newaxis]
    reach = half_width(level, df) * found.standard_errors
    return Intervals(
        parameters - reach, parameters + reach, checked_level(level), model.names, found.kind, found.bias, found.notes
    )


class _Bounds(NamedTuple):
    prediction: Doubles
    lower: Doubles
    upper: Doubles


class PredictionInterval(_Bounds):
    """
    Predictions with bounds: a tuple of three arrays.

    Attributes
    ----------
    prediction : ndarray of shape (n_samples,) or (n_samples, n_targets)
    lower, upper : ndarray of the same shape, with a last axis of levels where several were asked for
    notes : tuple of str
        What to know before using them.
    """

    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return with_notes(repr(self), self.notes)


def prediction_interval(
    model: FittedModel, found: list[Covariance], X: Any, level: Any, kind: str, weights: str
) -> PredictionInterval:
    """
    Return intervals of the mean response or of new observations.

    Parameters
    ----------
    model : FittedModel
    found : list of Covariance
        One for each target.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    level : float or sequence of float
    kind : {"mean", "observation"}
    weights : str
        What the weights of the fit mean.

    Returns
    -------
    PredictionInterval

    Raises
    ------
    ValueError
        If `kind` is unknown or the level out of range.
    """
    if kind not in ("mean", "observation"):
        raise ValueError(f"kind must be 'mean' or 'observation', got {kind!r}")
    levels = np.atleast_1d(np.asarray(level, dtype=np.float64))
    predictions, lower, upper = [], [], []
    for t, one in enumerate(found):
        prediction, variance = _variances(model, one, X, t)
        if kind == "observation":
            variance = variance + model.variance(t, weights)
        reach = np.sqrt(np.maximum(variance, 0.0))[:, np.newaxis] * [half_width(each, one.df) for each in levels]
        predictions.append(prediction)
        lower.append(prediction[:, np.newaxis] - reach)
        upper.append(prediction[:, np.newaxis] + reach)
    result = [np.stack(predictions, axis=1), np.stack(lower, axis=1), np.stack(upper, axis=1)]
    if np.ndim(level) == 0:
        result[1:] = [bound[:, :, 0] for bound in result[1:]]
    if model.single_target:
        result = [part[:, 0] for part in result]
    bounds = PredictionInterval(*result)
    bounds.notes = tuple(dict.fromkeys(note for one in found for note in one.notes))
    return bounds


@one_blas_thread()
def _variances(model: FittedModel, found: Covariance, X: Any, target: int) -> tuple[Doubles, Doubles]:
    """Predictions of the rows of X, and the variances of the predictions' means."""
    geometry = model.geometry(target)
    coef, mean = model.coef[target : target + 1], geometry.mean
    part = found.centred[1:, 1:] if geometry.has_intercept else found.centred
    values, vectors = np.linalg.eigh(part)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    directions = np.vstack([coef, found.centred[0, 1:]]) if geometry.has_intercept else coef
    square, along, *_ = _core.row_influence(X, root, mean, directions, "qf")
    variance = square[:, 0]
    if geometry.has_intercept:
        variance += found.centred[0, 0] + 2.0 * along[:, 1]
    prediction = along[:, 0] + (model.intercept[target] + mean @ coef[0])
    if found.unknown is not None:
        rows = _with_constant(geometry, X)
        if geometry.has_intercept:
            rows[:, 1:] -= mean
        variance[found.unknown.concerns(rows)] = np.nan
    if not geometry.full:
        variance[~_determined(geometry, X)] = np.nan
    return prediction, variance


def _determined(geometry: Any, X: Any) -> NDArray[np.bool_]:
    """Which rows lie where the fit says something, although columns depend on each other."""
    answer: NDArray[np.bool_] = geometry.estimable(_with_constant(geometry, X))
    return answer


def _with_constant(geometry: Any, X: Any) -> Doubles:
    """Return the rows as combinations of the parameters."""
    dense = np.array(X.todense() if not isinstance(X, np.ndarray) else X, dtype=np.float64)
    return np.column_stack([np.ones(len(dense)), dense]) if geometry.has_intercept else dense
