"""The modified Huber loss as a textbook has it, by eta, in plain NumPy: y is -1 or 1."""

import numpy as np


def value(y, eta, parameter=0.0):
    return np.where(y * eta >= -1, np.maximum(0, 1 - y * eta) ** 2, -4 * y * eta)


def gradient(y, eta, parameter=0.0):
    return np.where(y * eta >= -1, -2 * y * np.maximum(0, 1 - y * eta), -4 * y)


def hessian(y, eta, parameter=0.0):
    return 2.0 * ((y * eta >= -1) & (y * eta < 1))
