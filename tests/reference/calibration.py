"""Calibration maps by the book: refits, and solvers that know nothing of the problem."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression


def venn_abers(score, hit, weight, new):
    """Both probabilities of a new row, from two isotonic fits."""
    return [
        IsotonicRegression()
        .fit(np.append(score, new), np.append(hit, label), sample_weight=np.append(weight, 1.0))
        .predict([new])[0]
        for label in (0.0, 1.0)
    ]


def beta(log_p, log_rest, hit, weight):
    """The coefficients a, b, c of smallest loss with a and b not negative."""

    def loss(theta):
        eta = theta[0] * log_p - theta[1] * log_rest + theta[2]
        return weight @ (np.logaddexp(0, eta) - hit * eta)

    start = np.array([1.0, 1.0, 0.0])
    options = {"ftol": 1e-15, "gtol": 1e-12, "maxiter": 5000}
    return minimize(loss, start, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)], options=options).x


def temperature(logits, codes, weight):
    """The temperature of smallest log loss."""

    def loss(log_temperature):
        return -weight @ log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(codes)), codes]

    return np.exp(minimize_scalar(loss, bounds=(-8, 8), method="bounded", options={"xatol": 1e-10}).x)


def dirichlet_gradient(matrix, intercept, log_p, codes, weight, penalty):
    """The gradient of the penalised loss by the matrix and the intercept."""
    p = np.exp(log_softmax(log_p @ matrix.T + intercept, axis=1))
    left = (p - np.eye(p.shape[1])[codes]) * weight[:, np.newaxis]
    return left.T @ log_p + penalty * (matrix - np.eye(len(matrix))), left.sum(axis=0) + penalty * intercept
