"""Influence by its definition: a fit without each row, one at a time."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from mlcraft.exceptions import CollinearityWarning


def fit(model: Any, X: Any, y: Any, weight: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        return clone(model).fit(X, y, weight)


@dataclass
class Refits:
    """What the fits without each row say, for one target."""

    parameters: np.ndarray
    prediction: np.ndarray
    rss: np.ndarray
    effective_df: np.ndarray


def hat_trace(X: Any, weight: Any, alpha: float, intercept: bool) -> float:
    """Trace of the hat matrix, by singular values of the centred and weighted rows."""
    X = np.asarray(X, dtype=float)[weight > 0]
    weight = weight[weight > 0]
    centre = np.average(X, axis=0, weights=weight) if intercept else 0.0
    rows = (X - centre) * np.sqrt(weight)[:, None]
    if alpha:
        squares = np.linalg.svd(rows, compute_uv=False) ** 2
        return float((squares / (squares + alpha)).sum() + intercept)
    norms = np.linalg.norm(rows, axis=0)
    small = norms <= 1e-13 * np.linalg.norm(X * np.sqrt(weight)[:, None], axis=0)
    return float(
        np.linalg.matrix_rank(rows[:, ~small & (norms > 0)] / norms[~small & (norms > 0)], tol=1e-9) + intercept
    )


def refits(model: Any, X: Any, y: Any, weight: Any = None) -> Refits:
    n = len(y)
    weights = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    alpha, intercept = float(getattr(model, "alpha", 0.0)), model.fit_intercept
    found = Refits(np.empty((n, X.shape[1] + intercept)), np.empty(n), np.empty(n), np.empty(n))
    for i in range(n):
        keep = np.arange(n) != i
        others = fit(model, X[keep], y[keep], None if weight is None else weight[keep])
        found.parameters[i] = np.append(others.intercept_, others.coef_) if intercept else others.coef_
        found.prediction[i] = others.predict(X[i : i + 1])[0]
        found.rss[i] = weights[keep] @ (y[keep] - others.predict(X[keep])) ** 2
        found.effective_df[i] = hat_trace(X[keep], weights[keep], alpha, intercept)
    return found
