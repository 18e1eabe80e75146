"""The squared loss as a textbook has it: plain NumPy in double precision, slow and with copies everywhere.

F(b, b0) = sum_i w_i (y_i - x_i'b - b0)^2 / (2 sum_i w_i) + alpha/2 ||b||^2
"""

import numpy as np


def value(y, eta, parameter=0.0):
    return (np.asarray(eta) - y) ** 2 / 2


def gradient(y, eta, parameter=0.0):
    return np.asarray(eta) - y


def hessian(y, eta, parameter=0.0):
    return np.ones_like(eta)


def as_double(X, y, sample_weight):
    X, y = np.array(X, dtype=np.float64), np.array(y, dtype=np.float64)
    weight = np.ones(len(X)) if sample_weight is None else np.array(sample_weight, dtype=np.float64)
    return X, y, weight


def value_and_gradient(X, y, coef, intercept, sample_weight=None, alpha=0.0):
    X, y, weight = as_double(X, y, sample_weight)
    coef = np.asarray(coef, dtype=np.float64)
    residual = y - (X @ coef + intercept)
    total = weight.sum()
    mean = (weight * residual**2).sum() / (2 * total) + alpha / 2 * (coef @ coef)
    slope = -X.T @ (weight * residual) / total + alpha * coef
    return mean, slope, -(weight * residual).sum() / total


def weighted_gram(X, sample_weight=None, shift=None):
    X, _, weight = as_double(X, 0.0, sample_weight)
    shifted = X if shift is None else X - np.asarray(shift, dtype=np.float64)
    return shifted.T @ (weight[:, None] * shifted)


def moments(X, y, sample_weight=None, fit_intercept=True):
    """Two passes: first the means, then the centred products."""
    X, y, weight = as_double(X, y, sample_weight)
    Y = y.reshape(len(X), -1)
    total = weight.sum()
    x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
    if fit_intercept:
        for _ in range(3):  # the mean of what the mean so far leaves, so that a large mean costs no digits
            x_mean = x_mean + weight @ (X - x_mean) / total
            y_mean = y_mean + weight @ (Y - y_mean) / total
    X, Y = X - x_mean, Y - y_mean
    weighted = weight[:, None] * X
    return {
        "weight_sum": total,
        "x_mean": x_mean,
        "y_mean": y_mean,
        "xx": X.T @ weighted,
        "xy": weighted.T @ Y,
        "yy": weight @ Y**2,
    }


def minimiser(X, y, sample_weight=None, alpha=0.0, fit_intercept=True):
    """Closed form, by a QR-based least-squares solver on centred, scaled and stacked rows."""
    X, y, weight = as_double(X, y, sample_weight)
    found = moments(X, y, weight, fit_intercept)
    x_mean, y_mean = found["x_mean"], found["y_mean"][0]
    root = np.sqrt(weight / weight.sum())
    design = np.vstack([root[:, None] * (X - x_mean), np.sqrt(alpha) * np.eye(X.shape[1])])
    response = np.concatenate([root * (y - y_mean), np.zeros(X.shape[1])])
    size = np.linalg.norm(design, axis=0)
    size[size == 0] = 1.0
    coef = np.linalg.lstsq(design / size, response, rcond=None)[0] / size
    return coef, y_mean - x_mean @ coef
