"""What single rows do to a logistic or multinomial fit: residuals, leverage, Cook's distance, leave-one-out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.information import linear_predictors, row_blocks
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._glm_covariance import response_residuals, with_constant
from mlcraft.uncertainty._glm_geometry import GlmGeometry
from mlcraft.uncertainty._glm_model import GlmModel, GlmRows, probabilities_of

__all__ = ["RESIDUALS", "glm_cooks_distance", "glm_leverage", "loo_probabilities", "residuals", "row_roots"]

Doubles = NDArray[np.float64]
RESIDUALS = ("deviance", "pearson", "response", "working")
SATURATED = 1e-10  # 1 - leverage of a row that fits itself


def row_roots(X: object, root: Doubles, mean: Doubles | None, n_contrasts: int) -> Iterator[tuple[slice, Doubles]]:
    """
    Yield square roots of the covariances of the linear predictors of rows, in blocks.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    root : ndarray of shape (n_parameters, rank)
        Square root of a covariance of (prediction at the mean, coef), by contrast.
    mean : ndarray of shape (n_features,) or None
    n_contrasts : int

    Yields
    ------
    rows : slice
    roots : ndarray of shape (m, n_contrasts, rank)
        ``roots[i] @ roots[i].T`` is the covariance of the linear predictors of row i.
    """
    blocks = root.reshape(n_contrasts, -1, root.shape[1])
    for rows, block in row_blocks(X, max(1 << 12, (1 << 18) // n_contrasts)):
        Z = with_constant(block, mean)
        yield rows, np.stack([Z @ part for part in blocks], axis=1)


def _other(q: Doubles) -> Doubles:
    """1 - q to full relative accuracy."""
    if q.shape[1] == 2:
        return q[:, ::-1]
    found = 1.0 - q
    at, sure = np.arange(len(q)), q.argmax(axis=1)
    rest = q.copy()
    rest[at, sure] = 0.0
    found[at, sure] = rest.sum(axis=1)
    return found


def residuals(model: GlmModel, rows: GlmRows, kind: str) -> Doubles:
    """
    Return residuals of each row.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows
        With labels.
    kind : {"deviance", "pearson", "response", "working"}

    Returns
    -------
    ndarray of shape (n_samples,), or (n_samples, n_classes) for "response" and "pearson" of more than two classes

    Raises
    ------
    ValueError
        If there is no such residual.
    """
    if kind not in RESIDUALS:
        raise ValueError(f"kind must be one of {', '.join(RESIDUALS)}, got {kind!r}")
    q = rows.probabilities(model)
    codes, weight = rows.classes, rows.weight
    at = np.arange(len(q))
    response = response_residuals(q, codes)
    if kind == "deviance":
        with np.errstate(divide="ignore"):
            own = q[at, codes]
            logs = np.where(own > 0.5, np.log1p(-_other(q)[at, codes]), np.log(own))
        size = np.sqrt(-2.0 * weight * np.where(weight > 0, logs, 0.0))
        return np.where(codes == model.others[0], size, -size) if model.binary else size
    if kind == "working" and not model.binary:
        raise ValueError("working residuals are those of two classes; there are 'deviance', 'pearson' and 'response'")
    if kind != "response":
        variance = q * _other(q)
        with np.errstate(divide="ignore", invalid="ignore"):
            response = response / (variance if kind == "working" else np.sqrt(variance))
        if kind == "pearson":
            response = response * np.sqrt(weight)[:, np.newaxis]
    return response[:, model.others[0]] if model.binary else response


@one_blas_thread()
def glm_leverage(model: GlmModel, rows: GlmRows) -> Doubles:
    """
    Return how much each row determines its own fit: the trace of its information times the inverse of all.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows

    Returns
    -------
    ndarray of shape (n_samples,)
        Between 0 and n_classes - 1; the sum is the effective number of parameters.
    """
    geometry = model.geometry(rows)
    q = rows.probabilities(model)[:, model.others]
    rest = _other(rows.probabilities(model))[:, model.others]
    found = np.empty(len(q))
    for some, roots in row_roots(rows.X, geometry.root, geometry.mean, model.n_contrasts):
        part = q[some]
        pulled = np.einsum("nk,nkr->nr", part, roots)
        if model.binary:
            found[some] = part[:, 0] * rest[some, 0] * (roots[:, 0] ** 2).sum(axis=1)
        else:
            found[some] = np.einsum("nk,nkr,nkr->n", part, roots, roots) - (pulled**2).sum(axis=1)
    return found * rows.weight


def glm_cooks_distance(model: GlmModel, rows: GlmRows) -> Doubles:
    """
    Return Cook's distances by one step of Newton's method: ``(pearson / (1 - h))^2 h / p`` (Pregibon 1981).

    Parameters
    ----------
    model : GlmModel
        Of two classes.
    rows : GlmRows
        With labels.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        For more than two classes.
    """
    if not model.binary:
        raise ValueError("Cook's distance is that of two classes; loo_proba_ tells what leaving out a row does")
    leverage, pearson = glm_leverage(model, rows), residuals(model, rows, "pearson")
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Doubles = (pearson / (1.0 - leverage)) ** 2 * leverage / model.geometry(rows).effective_df
    return found


@one_blas_thread()
def loo_probabilities(model: GlmModel, rows: GlmRows) -> tuple[Doubles, NDArray[np.bool_]]:
    """
    Predict each row by the fit to the others, by one step of Newton's method from the fit to all.

    With A the covariance of the linear predictors of a row, g and W gradient and Hessian of its loss, they become
    ``eta + (I - A W)^-1 A g`` (Pregibon 1981; Rad and Maleki 2020); for two classes ``eta + a l' / (1 - a l'')``.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows
        With labels.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_classes)
        NaN for rows that alone determine a coefficient.
    saturated : ndarray of bool of shape (n_samples,)
        Which rows these are.
    """
    geometry: GlmGeometry = model.geometry(rows)
    eta = linear_predictors(rows.X, model.coef, model.intercept)
    q = probabilities_of(model, eta)
    gradient = -response_residuals(q, rows.classes)[:, model.others] * rows.weight[:, np.newaxis]
    variance = (q * _other(q))[:, model.others]
    saturated = np.zeros(len(q), dtype=bool)
    m = model.n_contrasts
    for some, roots in row_roots(rows.X, geometry.root, geometry.mean, m):
        spread = np.einsum("nkr,nlr->nkl", roots, roots)
        part = q[some][:, model.others]
        hessian = -part[:, :, np.newaxis] * part[:, np.newaxis, :]
        hessian[:, np.arange(m), np.arange(m)] = variance[some]
        hessian *= rows.weight[some, np.newaxis, np.newaxis]
        left = np.eye(m) - spread @ hessian
        step = spread @ gradient[some, :, np.newaxis]
        lost = np.abs(np.linalg.det(left)) < SATURATED
        left[lost] = np.eye(m)
        moved = np.linalg.solve(left, step)[:, :, 0]
        moved[lost] = np.nan
        eta[some] += moved
        saturated[some] = lost
    found = np.full(q.shape, np.nan)
    found[~saturated] = probabilities_of(model, eta[~saturated])
    return found, saturated
