"""The squared hinge loss as a textbook has it, by eta, in plain NumPy."""

import numpy as np


def value(y, eta, parameter=0.0):
    return np.maximum(0, 1 - y * eta) ** 2


def gradient(y, eta, parameter=0.0):
    return -2 * y * np.maximum(0, 1 - y * eta)


def hessian(y, eta, parameter=0.0):
    return 2.0 * (y * eta < 1)
