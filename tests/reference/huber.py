"""Huber's loss as a textbook has it, by eta, in plain NumPy; the parameter is delta."""

import numpy as np


def value(y, eta, parameter):
    u = np.abs(eta - y)
    return np.where(u <= parameter, u**2 / 2, parameter * u - parameter**2 / 2)


def gradient(y, eta, parameter):
    return np.where(np.abs(eta - y) <= parameter, eta - y, parameter * np.sign(eta - y))


def hessian(y, eta, parameter):
    return 1.0 * (np.abs(eta - y) <= parameter)
