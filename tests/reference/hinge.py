"""The hinge loss as a textbook has it, by eta, in plain NumPy: y is -1 or 1."""

import numpy as np


def value(y, eta, parameter=0.0):
    return np.maximum(0, 1 - y * eta)


def gradient(y, eta, parameter=0.0):
    return -y * (y * eta < 1)
