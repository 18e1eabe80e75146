"""Areas under ROC curves and DeLong's covariance by all pairs of rows: O(n m), as the paper writes it."""

from __future__ import annotations

import numpy as np


def kernel(positive, negative):
    """Return 1 where the positive has the higher score, 1/2 where both are equal, else 0."""
    return (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)


def delong(y, scores, weight=None):
    """Return areas and their covariance; scores (n_samples, n_scores)."""
    y, scores = np.asarray(y), np.asarray(scores, dtype=float)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
    y, scores, weight = y[weight > 0], scores[weight > 0], weight[weight > 0]
    w, v = weight[y == 1] / weight[y == 1].sum(), weight[y == 0] / weight[y == 0].sum()
    m, n = len(w), len(v)
    pairs = [kernel(column[y == 1], column[y == 0]) for column in scores.T]
    auc = np.array([w @ won @ v for won in pairs])
    of_positives = np.array([won @ v for won in pairs]) - auc[:, None]
    of_negatives = np.array([w @ won for won in pairs]) - auc[:, None]
    covariance = m / (m - 1) * (of_positives * w**2) @ of_positives.T
    covariance += n / (n - 1) * (of_negatives * v**2) @ of_negatives.T
    return auc, covariance
