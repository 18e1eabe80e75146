"""Covariances of the coefficients of logistic and multinomial fits: classical, robust, by clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.information import row_blocks
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._covariance import PENALTY_CHOSEN, WEIGHTS, Covariance, notes_on_counts
from mlcraft.uncertainty._glm_geometry import GlmGeometry, about_zero
from mlcraft.uncertainty._glm_model import GlmModel, GlmRows
from mlcraft.uncertainty._rows import encode_groups
from mlcraft.uncertainty._sandwich import FEW_CLUSTERS, Options

__all__ = ["GLM_KINDS", "glm_covariance"]

Doubles = NDArray[np.float64]
GLM_KINDS = ("classical", "HC0", "HC1", "CR0", "CR1", "CR1S")
ALIASES = {"nonrobust": "classical", "cluster": "CR1S", "white": "HC0"}
CORRECTIONS = {
    "classical": "none",
    "HC0": "none",
    "HC1": "n / (n - p)",
    "CR0": "none",
    "CR1": "G / (G - 1)",
    "CR1S": "G / (G - 1) x (n - 1) / (n - p)",
}


def glm_covariance(model: GlmModel, kind: str, rows: GlmRows | None, options: Options) -> Covariance:
    """
    Return the covariance of all coefficients.

    With J the information, P the penalty's second derivative and B = (J + P)^-1, the classical one is B J B (B without
    a penalty), a robust one ``B M B`` with M the products of the rows' (or clusters') scores (Huber 1967, White 1982).

    Parameters
    ----------
    model : GlmModel
    kind : str
        One of `GLM_KINDS`, or "cluster" (CR1S), "nonrobust", "white".
    rows : GlmRows or None
        The rows of the fit; every kind but the classical one needs them, with labels.
    options : Options
        Clusters, and what the weights mean.

    Returns
    -------
    Covariance

    Raises
    ------
    ValueError
        If the kind is unknown or lacks what it needs.
    """
    kind = _checked_kind(kind, rows, options)
    geometry = model.geometry(rows)
    notes: list[str] = []
    scale = 1.0
    if kind == "classical":
        part = geometry.matrix
        if geometry.penalised:
            with one_blas_thread():
                centred = geometry.bread @ part @ geometry.bread
        else:
            centred = geometry.bread
    else:
        assert rows is not None
        n = rows.n_observations(options.weights)
        left = n - geometry.effective_df
        groups = None
        if kind.startswith("CR"):
            ways = encode_groups(options.groups, rows.X.shape[0])
            if len(ways) > 1:
                raise ValueError("groups must have one label for each row: clusters in several ways are not supported")
            groups, count = _counted(ways[0], rows.weight)
            scale = count / (count - 1) if kind != "CR0" else 1.0
            notes.append(f"Clusters: {count}.")
            if count < FEW_CLUSTERS:
                notes.append(
                    f"Few clusters ({count}): standard errors tend to be too small, and normal tests too sure."
                )
        if kind in ("HC1", "CR1S"):
            if not left > 0:
                raise ValueError(f"no degrees of freedom are left for {kind}: {n:g} observations; use HC0 or CR0")
            scale *= (n - (kind == "CR1S")) / left
        centred = scale * _sandwich(model, geometry, rows, groups, options.weights == "frequency")
    turned = about_zero(centred, geometry.mean)
    known = geometry.identified
    if not known.all():
        turned = np.where(np.outer(known, known), turned, np.nan)
    return Covariance(
        turned,
        kind,
        CORRECTIONS[kind].replace("- p", "- effective df" if geometry.penalised else "- p"),
        np.inf,
        model.names,
        options.weights,
        _bias(model, geometry) if geometry.penalised else None,
        (*notes, *_general_notes(model, geometry, options, kind)),
        centred,
        geometry.mean,
    )


def _checked_kind(kind: str, rows: GlmRows | None, options: Options) -> str:
    found = {name.lower(): name for name in GLM_KINDS} | ALIASES
    if not isinstance(kind, str) or kind.lower() not in found:
        raise ValueError(f"unknown covariance {kind!r}; there are: {', '.join([*GLM_KINDS, *ALIASES])}")
    kind = found[kind.lower()]
    if options.weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {options.weights!r}")
    if kind == "classical" and options.weights == "sampling":
        raise ValueError(
            "sampling weights say how many rows of a population a row stands for: the classical covariance would count "
            "them as observations. Ask for 'HC0' (or a cluster kind) and pass X, y, sample_weight."
        )
    if kind != "classical" and (rows is None or rows.codes is None):
        raise ValueError(f"the {kind} covariance needs the rows again: pass the X and y of the fit")
    if kind.startswith("CR") and options.groups is None:
        raise ValueError(f"the {kind} covariance needs groups: the cluster of each row")
    return kind


def _counted(codes: NDArray[np.intp], weight: Doubles) -> tuple[NDArray[np.intp], int]:
    """Give numbers to the clusters that have a row of weight; other rows go to the first, where they add nothing."""
    present = np.unique(codes[weight > 0])
    if len(present) < 2:
        raise ValueError("groups has one cluster only; there must be at least two")
    found = np.searchsorted(present, codes)
    return np.where(weight > 0, found, 0).astype(np.intp), len(present)


@one_blas_thread()
def _sandwich(
    model: GlmModel, geometry: GlmGeometry, rows: GlmRows, groups: NDArray[np.intp] | None, counts: bool
) -> Doubles:
    """Return ``B M B``, with the products of scores of rows, or of sums over clusters."""
    q = rows.probabilities(model)
    residual = response_residuals(q, rows.classes)[:, model.others]
    if groups is None and model.binary:
        return _binary_middle(geometry, rows, residual[:, 0], counts)
    score = residual * rows.weight[:, np.newaxis]
    if groups is not None:
        count = int(groups.max()) + 1
        sums = [_core.cluster_scores(rows.X, part, geometry.mean, groups, count) for part in score.T.copy()]
        whitened = np.concatenate(sums, axis=1) @ geometry.root
        inner = whitened.T @ whitened
    else:
        size = residual * (np.sqrt(rows.weight) if counts else rows.weight)[:, np.newaxis]
        inner = np.zeros((geometry.root.shape[1],) * 2)
        for some, block in row_blocks(rows.X, 1 << 16):
            Z = with_constant(block, geometry.mean)
            scores = (size[some, :, np.newaxis] * Z[:, np.newaxis, :]).reshape(len(Z), -1)
            whitened = scores @ geometry.root
            inner += whitened.T @ whitened
    product: Doubles = geometry.root @ inner @ geometry.root.T
    return product


def response_residuals(q: Doubles, codes: NDArray[np.intp]) -> Doubles:
    """Return observed minus fitted probability of each class, to full accuracy where a fit is nearly sure."""
    residual = -q
    at = np.arange(len(q))
    if q.shape[1] == 2:
        residual[at, codes] = q[at, 1 - codes]
    else:
        q = q.copy()
        q[at, codes] = 0.0
        residual[at, codes] = q.sum(axis=1)
    return residual


def with_constant(block: Doubles, mean: Doubles | None) -> Doubles:
    """Return rows of X as combinations of (prediction at the mean, coef)."""
    if mean is None:
        return block
    Z = np.ones((len(block), len(mean) + 1))
    np.subtract(block, mean, out=Z[:, 1:])
    return Z


def _binary_middle(geometry: GlmGeometry, rows: GlmRows, residual: Doubles, counts: bool) -> Doubles:
    """Return the robust covariance of two classes in one compiled pass over the rows."""
    p = rows.X.shape[1]
    # a least-squares fit with coefficients of zero has y for its residuals
    fit = (np.eye(p), np.zeros(p), 0.0, 0.0)
    gram, _, _, _ = _core.score_gram(rows.X, rows.sample_weight, geometry.mean, residual, fit, (0.0, counts))
    with_root = geometry.root.T @ gram @ geometry.root
    product: Doubles = geometry.root @ with_root @ geometry.root.T
    return product


def _bias(model: GlmModel, geometry: GlmGeometry) -> Doubles:
    """First-order bias of the penalised estimate, ``-(J + P)^-1 P theta`` at the estimate."""
    with one_blas_thread():
        bread = about_zero(geometry.bread, geometry.mean)
        return np.asarray(-bread @ (model.ridge @ model.parameters[0]))


def _general_notes(model: GlmModel, geometry: GlmGeometry, options: Options, kind: str) -> tuple[str, ...]:
    notes = []
    fit = model.fitted
    if model.penalised:
        penalty = fit.penalty or fit.intercept_penalty
        notes.append(
            f"The penalty (C = {1.0 / penalty:.4g}) pulls coefficients towards zero. Standard errors are those of the "
            "penalised estimate; intervals are centred on it and do not make up for its bias, which is estimated "
            f"beside it. Effective parameters: {geometry.effective_df:.4g} of {model.n_parameters}. Fit with C=np.inf "
            "for ordinary inference; 'HC0' holds where the model is not quite true, and has the same bias."
        )
        if model.penalty_was_chosen:
            notes.append(PENALTY_CHOSEN)
    if fit.class_factors is not None and kind == "classical":
        notes.append(
            "Class weights change what is estimated, and the classical covariance takes them for observations: ask for "
            "'HC0', and pass X and y."
        )
    if options.weights == "frequency":
        notes.extend(notes_on_counts(np.array([fit.class_weights.sum()])))
    if options.weights == "sampling":
        notes.append("Sampling weights: standard errors are robust, since the weights say nothing of precision.")
    return tuple(notes)
