"""The Poisson loss with the logarithm as link, as a textbook has it, by eta, in plain NumPy."""

import numpy as np


def value(y, eta, parameter=0.0):
    return np.exp(eta) - y * eta


def gradient(y, eta, parameter=0.0):
    return np.exp(eta) - y


def hessian(y, eta, parameter=0.0):
    return np.exp(eta) + 0 * y
