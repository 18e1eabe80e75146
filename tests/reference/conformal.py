"""Conformal intervals by their definitions: one new row at a time, every model refitted, every rank by sorting.

The quantile of scores with weights p_1, ..., p_n and the rest at infinity is the smallest score up to which the weights
sum to the level (Tibshirani et al. 2019, lemma 1); equal weights 1/(n + 1) give the ceil(level (n + 1))-th smallest.
Exact fractions keep ranks from rounding.
"""

from fractions import Fraction

import numpy as np
from sklearn.base import clone


def upper(values, level, weight=None, own=1):
    """Quantile of the values and a point at infinity."""
    weight = [1] * len(values) if weight is None else weight
    total = sum(map(Fraction, weight)) + Fraction(own)
    reached = Fraction(0)
    for i in np.argsort(values, kind="stable"):
        reached += Fraction(weight[i])
        if reached >= Fraction(level).limit_denominator(10**6) * total:
            return values[i]
    return np.inf


def lower(values, level, weight=None, own=1):
    """Quantile of the values and a point at minus infinity, from below."""
    return -upper([-value for value in values], level, weight, own)


def fits_without(estimator, X, y, folds, weight=None):
    """One model for each row: the fit to the rows outside its fold."""
    weight = np.ones(len(y)) if weight is None else weight
    models = dict.fromkeys(folds)
    for fold in models:
        kept = folds != fold
        models[fold] = clone(estimator).fit(X[kept], y[kept], sample_weight=weight[kept])
    return [models[fold] for fold in folds]


def spreads(unit, model, X):
    """Unit of the scores of rows X: 1, the prediction, or a function of the rows that the model has seen."""
    if unit is None:
        return np.ones(len(X))
    return model.predict(X) if unit == "gamma" else unit(model, X)


def jackknife_plus(models, X, y, x, level, *, unit=None, symmetric=True, minmax=False, weight=None, own=1):
    """Ends at one new row x, of shape (1, n_features), from n models, of which the i-th did not see row i."""
    centre = np.array([model.predict(x)[0] for model in models])
    at = np.array([spreads(unit, model, x)[0] for model in models])
    residual = np.array([y[i] - model.predict(X[[i]])[0] for i, model in enumerate(models)])
    residual = residual / np.array([spreads(unit, model, X[[i]])[0] for i, model in enumerate(models)])
    low, high = (-np.abs(residual), np.abs(residual)) if symmetric else (residual, residual)
    tail = level if symmetric else (1 + level) / 2
    if minmax:
        return min(centre + at * lower(low, tail)), max(centre + at * upper(high, tail))
    return lower(centre + at * low, tail, weight, own), upper(centre + at * high, tail, weight, own)


def around(centre, at, residual, level, *, symmetric=True, weight=None, own=1):
    """Ends around one prediction."""
    low, high = (-np.abs(residual), np.abs(residual)) if symmetric else (residual, residual)
    tail = level if symmetric else (1 + level) / 2
    return centre + at * lower(low, tail, weight, own), centre + at * upper(high, tail, weight, own)


def distribution(candidates, y, tau, weight=None, own=1):
    """Share of the candidates below y, and tau of those equal to it and of the new row."""
    weight = np.ones(len(candidates)) if weight is None else weight
    below = sum(w for c, w in zip(candidates, weight, strict=True) if c < y)
    equal = sum(w for c, w in zip(candidates, weight, strict=True) if c == y)
    return (below + tau * (equal + own)) / (sum(weight) + own)


def full_interval(estimator, X, y, x, level, grid):
    """Values on a grid that conform: the new row's residual is not among the largest of a fit that includes it."""
    kept = []
    for value in grid:
        rows, targets = np.vstack([X, x]), np.append(y, value)
        residual = np.abs(targets - clone(estimator).fit(rows, targets).predict(rows))
        if np.sum(residual >= residual[-1]) > (1 - level) * len(targets) + 1e-9:
            kept.append(value)
    return (min(kept), max(kept)) if kept else (np.nan, np.nan)
