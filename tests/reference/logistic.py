"""The logistic loss as a textbook has it, by eta, in plain NumPy."""

import numpy as np


def value(y, eta, parameter=0.0):
    return np.logaddexp(0, eta) - y * eta


def gradient(y, eta, parameter=0.0):
    return mean(eta) - y


def hessian(y, eta, parameter=0.0):
    return mean(eta) * mean(-np.asarray(eta))


def mean(eta):
    return np.exp(-np.logaddexp(0, -np.asarray(eta)))
