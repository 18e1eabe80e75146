"""The squared epsilon-insensitive loss as a textbook has it, by eta, in plain NumPy."""

import numpy as np


def value(y, eta, parameter):
    return np.maximum(0, np.abs(y - eta) - parameter) ** 2


def gradient(y, eta, parameter):
    return 2 * np.sign(eta - y) * np.maximum(0, np.abs(y - eta) - parameter)


def hessian(y, eta, parameter):
    return 2.0 * (np.abs(y - eta) > parameter)
