"""Covariances of the coefficients: classical, robust to unequal variances, to clusters, to serial correlation.

Every covariance is a sandwich ``B K B`` with the bread B of the factor and a middle K; they differ in K and in the
factor that mends K in small samples, which the result names.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._model import FittedModel, Geometry, Parametrised
from mlcraft.uncertainty._rows import FitRows
from mlcraft.uncertainty._sandwich import (
    CLUSTERED,
    HETEROSCEDASTIC,
    Options,
    Sandwich,
    Unknown,
    bread_about_mean,
    count_text,
)

__all__ = ["KINDS", "NO_VARIATION", "Covariance", "Options", "covariance", "stacked"]

Doubles = NDArray[np.float64]

ALIASES = {"nonrobust": "classical", "cluster": "CR1S", "newey-west": "HAC", "white": "HC0", "jackknife": "CRV3"}
KINDS = ("classical", *HETEROSCEDASTIC, *CLUSTERED, "HAC")
NO_VARIATION = "{} does not vary: there is nothing to explain, so tests have no statistic."
PENALTY_CHOSEN = "The penalty was chosen on these rows; what that adds to the uncertainty is not counted."
WEIGHTS = ("analytic", "frequency", "sampling")


@dataclass(frozen=True)
class Covariance:
    """
    Covariance matrix of the coefficients, and how it came about.

    Attributes
    ----------
    matrix : ndarray of shape (n_parameters, n_parameters) or (n_targets, n_parameters, n_parameters)
        Rows and columns in the order of `names`, the intercept first. NaN for coefficients that the data do not
        determine.
    kind : str
        "classical", "HC0" to "HC4", "CR0", "CR1", "CR1S", "CR2", "CR3", "CRV3" or "HAC".
    correction : str
        The small-sample correction, in a formula.
    df : float or ndarray of shape (n_targets,)
        Degrees of freedom of the t distribution to use: residual ones, or clusters less one.
    names : tuple of str
        Names of the parameters.
    weights : str
        What the weights were taken for.
    bias : ndarray or None
        For a penalised fit, the estimated bias of the coefficients, ``-alpha V b``, which the covariance does not hold.
    notes : tuple of str
        What to know before using it.
    """

    matrix: Doubles
    kind: str
    correction: str
    df: Any
    names: tuple[str, ...]
    weights: str = "analytic"
    bias: Doubles | None = None
    notes: tuple[str, ...] = ()
    centred: Doubles = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    mean: Doubles | None = field(default=None, repr=False)
    blocks: tuple[Covariance, ...] = field(default=(), repr=False)
    unknown: Unknown | None = field(default=None, repr=False)

    def for_target(self, target: int, model: Parametrised) -> Covariance:
        """
        Return the block of one target.

        Parameters
        ----------
        target : int
        model : Parametrised
            The model it is used with.

        Returns
        -------
        Covariance

        Raises
        ------
        ValueError
            If it belongs to a model with other parameters or targets.
        """
        if self.names != model.names or (self.blocks and len(self.blocks) != model.n_targets):
            raise ValueError("this covariance belongs to another model: its parameters or targets are not the same")
        return self.blocks[target] if self.blocks else self

    @one_blas_thread()
    def of(self, contrasts: Doubles) -> Doubles:
        """
        Return the covariance of linear combinations of one target's parameters, exact where columns have large means.

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)

        Returns
        -------
        ndarray of shape (n_contrasts, n_contrasts)
        """
        turned = contrasts
        if self.mean is not None:  # combinations of the prediction at the mean and the coefficients
            turned = contrasts.reshape(len(contrasts), -1, len(self.mean) + 1).copy()  # a block for each class
            turned[:, :, 1:] -= turned[:, :, :1] * self.mean
            turned = turned.reshape(contrasts.shape)
        product: Doubles = turned @ self.centred @ turned.T
        if self.unknown is not None:
            lost = self.unknown.concerns(turned)
            product[lost] = product[:, lost] = np.nan
        return product

    @property
    def standard_errors(self) -> Doubles:
        """Square roots of the diagonal, of shape (n_parameters,) or (n_targets, n_parameters)."""
        variances = np.diagonal(self.matrix, axis1=-2, axis2=-1)
        with np.errstate(invalid="ignore"):
            errors: Doubles = np.sqrt(variances)
        return errors

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the matrix, so that NumPy functions take a covariance for an array."""
        return np.array(self.matrix, dtype=dtype) if copy or dtype is not None else self.matrix

    def __getitem__(self, item: Any) -> Any:
        return self.matrix[item]

    def to_frame(self) -> Any:
        """
        Return the matrix as a pandas DataFrame with names on both sides.

        Returns
        -------
        pandas.DataFrame
            For several targets, one block under the other, with the target as the first level of the index.
        """
        import pandas as pd

        names = list(self.names)
        if self.matrix.ndim == 2:
            return pd.DataFrame(self.matrix, index=names, columns=names)
        blocks = {f"y{t}": pd.DataFrame(block, index=names, columns=names) for t, block in enumerate(self.matrix)}
        return pd.concat(blocks)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.matrix.shape))
        return f"<Covariance {self.kind}, correction {self.correction}, {shape}>"


@one_blas_thread()
def covariance(model: FittedModel, kind: str, rows: FitRows | None, options: Options, target: int) -> Covariance:
    """
    Return the covariance of one target's coefficients.

    Parameters
    ----------
    model : FittedModel
    kind : str
        One of `KINDS` or of the aliases "cluster" (CR1S), "newey-west" (HAC), "jackknife" (CRV3), "nonrobust", "white".
    rows : FitRows or None
        The rows of the fit; every kind but the classical one needs them.
    options : Options
        Clusters, lags, the meaning of the weights, and whether HAC is corrected for the degrees of freedom.
    target : int

    Returns
    -------
    Covariance

    Raises
    ------
    ValueError
        If the kind is unknown, lacks what it needs, or cannot be had from this fit.
    """
    kind = _checked_kind(kind, rows, options)
    geometry = model.geometry(target) if rows is None else rows.geometry(model, target)
    if kind == "classical":
        found = _classical(model, geometry, options, target)
    else:
        assert rows is not None
        found = _robust(model, geometry, kind, rows, options, target)
    turned = _about_zero(found.matrix, geometry)
    notes = found.notes + _general_notes(model, geometry, options, rows)
    if not model.varies(target):
        notes = (NO_VARIATION.format(model.target_names[target]), *notes)
    shown = turned
    known = geometry.identified
    if found.unknown is not None:
        contrasts = np.eye(len(known))
        if geometry.has_intercept:
            contrasts[0, 1:] = -geometry.mean
        known = known & ~found.unknown.concerns(contrasts)
    if not known.all():
        shown = np.where(np.outer(known, known), turned, np.nan)
    bias = _bias(model, geometry, target) if geometry.alpha > 0 else None
    return replace(
        found,
        matrix=shown,
        centred=found.matrix,
        mean=geometry.mean if geometry.has_intercept else None,
        names=model.names,
        weights=options.weights,
        bias=bias,
        notes=notes,
    )


def _checked_kind(kind: str, rows: FitRows | None, options: Options) -> str:
    found = {name.lower(): name for name in KINDS} | ALIASES
    if not isinstance(kind, str) or kind.lower() not in found:
        raise ValueError(f"unknown covariance {kind!r}; there are: {', '.join([*KINDS, *ALIASES])}")
    kind = found[kind.lower()]
    if options.weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {options.weights!r}")
    if kind == "classical" and options.weights == "sampling":
        raise ValueError(
            "sampling weights say how many rows of a population a row stands for, not how exact it is: the classical "
            "covariance would take them for precision. Ask for 'HC1' (or a cluster kind) and pass X, y, sample_weight."
        )
    if kind == "HAC" and options.weights == "frequency":
        raise ValueError("rows that stand for several have no order in time: HAC does not go with frequency weights")
    if kind != "classical" and rows is None:
        raise ValueError(f"the {kind} covariance needs the rows again: pass the X and y of the fit")
    if kind in CLUSTERED and options.groups is None:
        raise ValueError(f"the {kind} covariance needs groups: the cluster of each row")
    return kind


def _about_zero(centred: Doubles, geometry: Geometry) -> Doubles:
    """From (prediction at the mean, coef) to (intercept, coef)."""
    if not geometry.has_intercept:
        return centred
    turned = centred.copy()
    turned[0] -= geometry.mean @ centred[1:]
    turned[:, 0] -= turned[:, 1:] @ geometry.mean
    return turned


def _bias(model: FittedModel, geometry: Geometry, target: int) -> Doubles:
    shift = -geometry.alpha * (geometry.feature_inverse @ model.coef[target])
    return np.append(-(geometry.mean @ shift), shift) if geometry.has_intercept else shift


def _general_notes(model: FittedModel, geometry: Geometry, options: Options, rows: FitRows | None) -> tuple[str, ...]:
    notes = []
    if geometry.alpha > 0:
        notes.append(
            f"The penalty (alpha = {geometry.alpha:.4g}) pulls coefficients towards zero. Standard errors are those "
            "of the penalised estimate; intervals are centred on it and do not make up for its bias, which is "
            f"estimated beside it. Effective parameters: {geometry.effective_df:.4g} of {model.n_parameters}."
        )
        if model.penalty_was_chosen:
            notes.append(PENALTY_CHOSEN)
    if options.weights == "frequency":
        given = None if rows is None else rows.weight
        notes.extend(notes_on_counts(np.array([geometry.weight_sum]) if given is None else given))
    if options.weights == "sampling":
        notes.append("Sampling weights: standard errors are robust, since the weights say nothing of precision.")
    return tuple(notes)


def notes_on_counts(weight: Doubles) -> list[str]:
    """
    Say what frequency weights mean, and that these are none where they are not whole.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,) or (1,)
        The weights, or their sum.

    Returns
    -------
    list of str
    """
    notes = ["Weights are counts: a row of weight 3 is three observations."]
    if np.any(np.abs(weight - np.rint(weight)) > 1e-9 * np.abs(weight)):
        what = "their sum" if len(weight) == 1 else "some"
        notes.append(
            f"These weights are not counts ({what} is {_first_fraction(weight):.6g}): the number of observations, "
            "and every standard error with it, follows from their scale. Weights of precision are 'analytic'."
        )
    return notes


def _first_fraction(weight: Doubles) -> float:
    return float(weight[np.argmax(np.abs(weight - np.rint(weight)) > 1e-9 * np.abs(weight))])


def _classical(model: FittedModel, geometry: Geometry, options: Options, target: int) -> Covariance:
    df = model.residual_df(target, options.weights)
    matrix = bread_about_mean(geometry)
    if geometry.alpha > 0:
        inverse = geometry.feature_inverse
        shrunk = inverse - geometry.alpha * (inverse @ inverse)
        part = slice(1, None) if geometry.has_intercept else slice(None)
        matrix = matrix.copy()
        matrix[part, part] = shrunk
    matrix = model.variance(target, options.weights) * matrix
    return Covariance(matrix, "classical", f"RSS / (n - {count_text(geometry)})", df, model.names)


def _robust(
    model: FittedModel, geometry: Geometry, kind: str, rows: FitRows, options: Options, target: int
) -> Covariance:
    n = rows.n_observations(options.weights)
    df = n - geometry.effective_df
    if not df > 1e-9:
        raise ValueError(
            f"no degrees of freedom are left: {n:g} observations for {geometry.effective_df:.4g} parameters fit exactly"
        )
    sandwich = Sandwich(model, geometry, rows, target, n, df, options)
    if kind in HETEROSCEDASTIC:
        found = sandwich.heteroscedastic(kind)
    else:
        found = sandwich.serial() if kind == "HAC" else sandwich.clustered(kind)
    return Covariance(
        found.matrix, kind, found.correction, found.df, model.names, notes=found.notes, unknown=found.unknown
    )


def stacked(parts: list[Covariance]) -> Covariance:
    """
    Return one covariance of all targets.

    Parameters
    ----------
    parts : list of Covariance
        One for each target.

    Returns
    -------
    Covariance
        Whose matrix has a block for each target.
    """
    notes: list[str] = []
    for part in parts:
        notes.extend(note for note in part.notes if note not in notes)
    biases = [part.bias for part in parts if part.bias is not None]
    return replace(
        parts[0],
        matrix=np.stack([part.matrix for part in parts]),
        df=np.array([part.df for part in parts]),
        bias=np.stack(biases) if len(biases) == len(parts) else None,
        notes=tuple(notes),
        blocks=tuple(parts),
    )
