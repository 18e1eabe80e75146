"""Calibration maps that are logistic regressions of the outputs: Platt's, beta, temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mlcraft._engine.smooth import SmoothFit, fit_smooth
from mlcraft._engine.status import warn_caller

__all__ = ["BetaMap", "PlattMap", "TemperatureMap", "softened", "softmax"]

Doubles = NDArray[np.float64]
TOL, STEPS = 1e-10, 200
ROUNDING = 1e-12  # of a slope
NEAR = 1e-8  # of a step
LARGEST = 1e8  # of an inverse temperature times the spread of the logits: classes are told apart beyond it


def softened(positive: float, negative: float) -> tuple[float, float]:
    """
    Return Platt's targets of the two classes: what one more row of each leaves of 1 and 0.

    Parameters
    ----------
    positive, negative : float
        Sums of the weights.

    Returns
    -------
    tuple of float
        Of the positive class and of the other.
    """
    return (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0)


def _softened_target(target: Doubles, weight: Doubles) -> Doubles:
    positive = float(weight @ target)
    high, low = softened(positive, float(weight.sum()) - positive)
    return low + (high - low) * target


def _logistic(columns: Doubles, target: Doubles, weight: Doubles) -> tuple[Doubles, float, float, SmoothFit | None]:
    """Return coefficients, intercept and mean loss of a logistic regression; constant columns get zero."""
    coef = np.zeros(columns.shape[1])
    mean = float(weight @ target) / float(weight.sum())
    varies = np.ptp(columns[weight > 0], axis=0) > 0
    if not varies.any() or not 0.0 < mean < 1.0:
        if 0.0 < mean < 1.0:
            return coef, float(np.log(mean) - np.log1p(-mean)), _entropy(mean), None
        return coef, np.inf if mean == 1.0 else -np.inf, 0.0, None
    fit = fit_smooth(
        np.asfortranarray(columns[:, varies]), target, loss="logistic", sample_weight=weight, tol=TOL, max_iter=STEPS
    )
    coef[varies] = fit.coef
    return coef, float(fit.intercept), fit.objective, fit


def _entropy(p: float) -> float:
    return float(-p * np.log(p) - (1.0 - p) * np.log1p(-p))


@dataclass(frozen=True)
class PlattMap:
    """
    ``expit(slope * s + intercept)`` of a score s (Platt 1999).

    Attributes
    ----------
    slope, intercept : float
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, score: Doubles, target: Doubles, weight: Doubles) -> PlattMap:
        """Fit to scores and targets in [0, 1], arrays of shape (n_samples,); targets are softened as Platt does it."""
        coef, intercept, _, _ = _logistic(score[:, np.newaxis], _softened_target(target, weight), weight)
        if coef[0] < 0:
            warn_caller(
                f"Higher scores go with the class less often (slope {coef[0]:.4g}): calibration turns the order of "
                "the rows around. The estimator has learnt nothing that holds here, or its labels are swapped.",
                UserWarning,
            )
        return cls(float(coef[0]), intercept)

    def __call__(self, score: Doubles) -> Doubles:
        """Return the probability of each score."""
        return np.asarray(expit(self.slope * score + self.intercept))


@dataclass(frozen=True)
class BetaMap:
    """
    ``expit(a log p - b log(1 - p) + c)`` of a probability p (Kull, Silva Filho and Flach 2017).

    What calibrates scores that have a beta distribution in each class; the identity is a = b = 1, c = 0. Neither a nor
    b is negative, so that the order of the rows is kept.

    Attributes
    ----------
    a, b, c : float
    softened : bool
        Whether the outputs tell the classes apart perfectly, and targets were softened as in Platt's method.
    """

    a: float
    b: float
    c: float
    softened: bool = False

    @classmethod
    def fit(cls, log_p: Doubles, log_rest: Doubles, target: Doubles, weight: Doubles) -> BetaMap:
        """Fit to log p, log(1 - p) and targets in [0, 1], arrays of shape (n_samples,)."""
        columns = np.column_stack([log_p, -log_rest])
        coef, constant, _, fit = _logistic(columns, target, weight)
        soft = not np.isfinite(constant) if fit is None else fit.status == "separated"
        if soft:
            target = _softened_target(target, weight)
            coef, constant, _, _ = _logistic(columns, target, weight)
        if (coef < 0).any():  # on the edge of the quadrant: the best of its faces, the problem being convex
            coef, constant = _best_face(columns, target, weight)
        return cls(float(coef[0]), float(coef[1]), constant, soft)

    def __call__(self, log_p: Doubles, log_rest: Doubles) -> Doubles:
        """Return the probability for each log p and log(1 - p)."""
        return np.asarray(expit(self.a * log_p - self.b * log_rest + self.c))


def _best_face(columns: Doubles, target: Doubles, weight: Doubles) -> tuple[Doubles, float]:
    """Return the best coefficients of which one is zero and the other not negative, or both are zero."""
    _, constant, best, _ = _logistic(np.zeros((len(target), 1)), target, weight)
    coef = np.zeros(2)
    for free in (0, 1):
        some, moved, loss, _ = _logistic(columns[:, free : free + 1], target, weight)
        if some[0] >= 0 and loss < best:
            best, constant, coef = loss, moved, np.zeros(2)
            coef[free] = some[0]
    return coef, constant


def softmax(logits: Doubles) -> Doubles:
    """Return the softmax of each row of an array of shape (n_samples, n_classes)."""
    found: Doubles = np.exp(logits - logits.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


@dataclass(frozen=True)
class TemperatureMap:
    """
    ``softmax(z / temperature)`` of log probabilities or logits z (Guo et al. 2017).

    The one parameter keeps the order of the classes in every row: above one it makes probabilities less extreme.

    Attributes
    ----------
    temperature : float
        Infinite where the outputs are no better than none: then all classes are equally likely.
    softened : bool
        Whether the outputs tell the classes apart perfectly, and targets were softened: by one more row that is a bit
        of each class.
    """

    temperature: float
    softened: bool = False

    @classmethod
    def fit(cls, logits: Doubles, target: Doubles, weight: Doubles) -> TemperatureMap:
        """Fit to logits and shares of the classes, both of shape (n_samples, n_classes)."""
        counted = weight > 0
        logits, target, weight = logits[counted], target[counted], weight[counted]
        centred = logits - logits.mean(axis=1, keepdims=True)
        size = float(np.sqrt(np.average((centred**2).mean(axis=1), weights=weight)))
        if size == 0:
            return cls(1.0)
        scaled = centred / size
        if _slope(0.0, scaled, target, weight)[0] >= 0:
            warn_caller(
                "The log loss of the calibration rows is smallest at an infinite temperature: the outputs say less of "
                "the classes than nothing would. All classes get the same probability.",
                UserWarning,
            )
            return cls(np.inf)
        high = 1.0
        while _slope(high, scaled, target, weight)[0] <= ROUNDING * weight.sum():
            high *= 4.0
            if high > LARGEST:
                classes, total = target.shape[1], float(weight.sum())
                soft = (1.0 / classes + total * target) / (1.0 + total)
                return cls(cls.fit(logits, soft, weight).temperature, True)
        return cls(size / _root(scaled, target, weight, high))

    def __call__(self, logits: Doubles) -> Doubles:
        """Return probabilities of shape (n_samples, n_classes)."""
        return softmax(logits / self.temperature)


def _slope(beta: float, logits: Doubles, target: Doubles, weight: Doubles) -> tuple[float, float]:
    """Return the first two derivatives of the log loss by the inverse temperature."""
    p = softmax(beta * logits)
    mean = (p * logits).sum(axis=1)
    first = weight @ (mean - (target * logits).sum(axis=1))
    second = weight @ (p * (logits - mean[:, np.newaxis]) ** 2).sum(axis=1)
    return float(first), float(second)


def _root(logits: Doubles, target: Doubles, weight: Doubles, high: float) -> float:
    """Find where the slope is zero between 0 and `high`: Newton's steps, halving where they leave the bracket."""
    low, beta = 0.0, min(1.0, 0.5 * high)
    for _ in range(STEPS):
        first, second = _slope(beta, logits, target, weight)
        low, high = (beta, high) if first < 0 else (low, beta)
        step = beta - first / second if second > 0 else low
        new = step if low < step < high else 0.5 * (low + high)
        last, beta = beta, new
        if abs(beta - last) <= NEAR * last:  # steps are squared: what is left is rounding
            break
    return beta
