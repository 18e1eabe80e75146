"""The quantile loss as a textbook has it, by eta, in plain NumPy; the parameter is the quantile."""

import numpy as np


def value(y, eta, parameter):
    return np.maximum(parameter * (y - eta), (parameter - 1) * (y - eta))


def gradient(y, eta, parameter):
    return np.where(y > eta, -parameter, (1 - parameter) * (y < eta))
