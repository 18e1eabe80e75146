"""The losses of stochastic training on whole arrays, for rows that are not learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TARGETS", "mean_loss"]

Doubles = NDArray[np.float64]
Value = Callable[[NDArray[Any], NDArray[Any], float], NDArray[Any]]

TARGETS = {"log_loss": (0.0, 1.0)}  # of the two classes; -1 and 1 for all others


def _square(u: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = u * u
    return found


def _modified_huber(y: NDArray[Any], eta: NDArray[Any], _: float) -> NDArray[Any]:
    margin = y * eta
    return np.where(margin < -1, -4 * margin, _square(np.maximum(0, 1 - margin)))


def _huber(y: NDArray[Any], eta: NDArray[Any], delta: float) -> NDArray[Any]:
    u = np.abs(eta - y)
    return np.where(u <= delta, _square(u) / 2, delta * (u - delta / 2))


_VALUES: dict[str, Value] = {
    "hinge": lambda y, eta, _: np.maximum(0, 1 - y * eta),
    "perceptron": lambda y, eta, _: np.maximum(0, -y * eta),
    "squared_hinge": lambda y, eta, _: _square(np.maximum(0, 1 - y * eta)),
    "log_loss": lambda y, eta, _: np.logaddexp(0, eta) - y * eta,
    "modified_huber": _modified_huber,
    "squared_error": lambda y, eta, _: _square(eta - y) / 2,
    "huber": _huber,
    "epsilon_insensitive": lambda y, eta, epsilon: np.maximum(0, np.abs(eta - y) - epsilon),
    "squared_epsilon_insensitive": lambda y, eta, epsilon: _square(np.maximum(0, np.abs(eta - y) - epsilon)),
}


def mean_loss(
    loss: str, y: NDArray[Any], eta: NDArray[Any], parameter: float = 0.0, sample_weight: NDArray[Any] | None = None
) -> float:
    """
    Return the weighted mean of a loss.

    Parameters
    ----------
    loss : str
        A loss of `mlcraft._engine.sgd.SGD_LOSSES`.
    y, eta : ndarray of shape (n_samples,)
        Targets as `train_sgd` takes them for one problem, and predictions.
    parameter : float, default=0.0
        Of the Huber and epsilon-insensitive losses.
    sample_weight : ndarray of shape (n_samples,), optional
        Default: all one.

    Returns
    -------
    float
    """
    values = _VALUES[loss](y.astype(np.float64, copy=False), eta.astype(np.float64, copy=False), parameter)
    return float(np.average(values, weights=sample_weight))
