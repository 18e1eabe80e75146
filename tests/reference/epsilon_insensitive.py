"""The epsilon-insensitive loss as a textbook has it, by eta, in plain NumPy."""

import numpy as np


def value(y, eta, parameter):
    return np.maximum(0, np.abs(y - eta) - parameter)


def gradient(y, eta, parameter):
    return np.sign(eta - y) * (np.abs(y - eta) > parameter)
