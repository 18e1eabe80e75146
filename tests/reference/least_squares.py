"""Weighted ridge regression in exact rational arithmetic, and certificates that need no solver at all.

Slow and short on purpose: elimination on the normal equations costs no digits where nothing is rounded.
"""

from fractions import Fraction

import numpy as np


def _rational(array):
    return [[Fraction(float(v)) for v in row] for row in np.atleast_2d(np.asarray(array, dtype=np.float64))]


def _reduced_rows(rows, columns):
    """Reduced row echelon form with pivots in the first `columns` columns: its rows, and the pivots."""
    rows, pivots = [list(row) for row in rows], []
    for column in range(columns):
        done = len(pivots)
        pivot = next((i for i in range(done, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        scale = 1 / rows[done][column]
        rows[done] = [v * scale for v in rows[done]]
        for i, row in enumerate(rows):
            if i != done and row[column] != 0:
                factor = row[column]
                rows[i] = [a - factor * b for a, b in zip(row, rows[done], strict=True)]
        pivots.append(column)
    return rows[: len(pivots)], pivots


def _dot(a, b):
    return sum((u * v for u, v in zip(a, b, strict=True)), start=Fraction(0))


def exact_fit(X, y, sample_weight=None, *, alpha=0.0, fit_intercept=True):
    """The minimiser of sum w (y - c - Xb)^2 + alpha |b|^2, of least norm where there are many.

    Returns coef (k, p), intercept (k,), rounded to double once, and the rank of the matrix that was inverted.
    """
    rows, p = _rational(X), X.shape[1]
    targets = _rational(np.asarray(y, dtype=np.float64).reshape(len(X), -1))
    k = len(targets[0])
    weight = [Fraction(1)] * len(rows) if sample_weight is None else [Fraction(float(w)) for w in sample_weight]
    joint = [row + target for row, target in zip(rows, targets, strict=True)]
    total = sum(weight)
    mean = [_dot(weight, column) / total if fit_intercept else Fraction(0) for column in zip(*joint, strict=True)]
    centred = [[v - m for v, m in zip(row, mean, strict=True)] for row in joint]
    columns = list(zip(*centred, strict=True))
    weighted = [[w * v for w, v in zip(weight, column, strict=True)] for column in columns[:p]]
    normal = [[_dot(weighted[i], column) for column in columns] for i in range(p)]
    for i in range(p):
        normal[i][i] += Fraction(float(alpha))
    system, pivots = _reduced_rows(normal, p)
    rank = len(pivots)
    # least norm with R b = d: b = R'z, (R R') z = d
    R = [row[:p] for row in system]
    square = [[_dot(a, b) for b in R] + row[p:] for a, row in zip(R, system, strict=True)]
    solved, _ = _reduced_rows(square, rank)
    coef = [[_dot([row[j] for row in R], [row[rank + t] for row in solved]) for j in range(p)] for t in range(k)]
    intercept = [mean[p + t] - _dot(mean[:p], coef[t]) for t in range(k)]
    return np.array(coef, dtype=np.float64).reshape(k, p), np.array(intercept, dtype=np.float64), rank


def centred_design(X, y, sample_weight=None, fit_intercept=True, dtype=np.longdouble):
    """sqrt(w) (X - mean), sqrt(w) (y - mean) in the widest floats there are; y becomes two-dimensional."""
    X = np.asarray(X, dtype=np.float64).astype(dtype)
    y = np.asarray(y, dtype=np.float64).astype(dtype).reshape(len(X), -1)
    weight = np.ones(len(X), dtype) if sample_weight is None else np.asarray(sample_weight, np.float64).astype(dtype)
    if fit_intercept:
        for _ in range(2):  # the second takes out what rounding left of a large mean
            X = X - weight @ X / weight.sum()
            y = y - weight @ y / weight.sum()
    root = np.sqrt(weight)[:, np.newaxis]
    return root * X, root * y


def gradient_violation(X, y, coef, sample_weight=None, *, alpha=0.0, fit_intercept=True):
    """Largest element of A'r - alpha b, relative to |A_j| |y| and |A_j| |A_i b_i|: about eps if right."""
    A, B = centred_design(X, y, sample_weight, fit_intercept)
    coef = np.asarray(coef, dtype=np.float64).reshape(B.shape[1], -1).astype(A.dtype)
    alpha = np.broadcast_to(np.asarray(alpha, dtype=A.dtype), (B.shape[1],))
    residual = B - A @ coef.T
    gradient = A.T @ residual - coef.T * alpha
    size = np.sqrt((A**2).sum(axis=0))[:, np.newaxis]
    reach = size * (np.sqrt((B**2).sum(axis=0)) + (size.T @ np.abs(coef.T))) + np.abs(coef.T) * alpha
    return float(np.max(np.abs(gradient) / np.where(reach > 0, reach, 1), initial=0.0))


def kkt_violation(X, y, coef, sample_weight=None, *, alpha=0.0, fit_intercept=True):
    """For b that may not be negative: the worst of b < 0, gradient not 0 inside, below 0 on the bound."""
    A, B = centred_design(X, y, sample_weight, fit_intercept)
    coef = np.asarray(coef, dtype=np.float64).reshape(B.shape[1], -1).astype(A.dtype)
    size = np.sqrt((A**2).sum(axis=0))[:, np.newaxis]
    gradient = A.T @ (A @ coef.T - B) + alpha * coef.T
    scale = size * np.sqrt((B**2).sum(axis=0))
    gradient = gradient / np.where(scale > 0, scale, 1)
    inside = coef.T > 0
    worst = np.where(inside, np.abs(gradient), np.maximum(0, -gradient))
    return float(max(np.max(worst, initial=0.0), np.max(-coef, initial=0.0)))
