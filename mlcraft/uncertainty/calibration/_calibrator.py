"""One calibrated set of outputs: the maps of a method, for two classes or more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty.calibration._dirichlet import DirichletMap
from mlcraft.uncertainty.calibration._isotonic import IsotonicMap
from mlcraft.uncertainty.calibration._logistic_maps import BetaMap, PlattMap, TemperatureMap
from mlcraft.uncertainty.calibration._outputs import Outputs, log_odds, log_probabilities, smallest_probability
from mlcraft.uncertainty.calibration._venn_abers import VennAbersMap, merged

__all__ = ["JOINT", "METHODS", "PROBABILITIES_FIRST", "Calibrator"]

Doubles = NDArray[np.float64]
BY_CLASS: dict[str, Callable[[Doubles, Doubles, Doubles], Any]] = {
    "platt": PlattMap.fit,
    "isotonic": IsotonicMap.fit,
    "venn-abers": VennAbersMap.fit,
}
JOINT = ("temperature", "dirichlet")  # one map of all classes
METHODS = ("platt", "isotonic", "temperature", "beta", "venn-abers", "dirichlet")
PROBABILITIES_FIRST = ("beta", "dirichlet")  # maps of probabilities


@dataclass(frozen=True)
class Calibrator:
    """
    Maps from the outputs of a classifier to calibrated probabilities.

    Attributes
    ----------
    method : str
    maps : tuple
        One map of all classes for "temperature" and "dirichlet"; one map, of the second class, for two classes; one for
        each class against the others for more, whose probabilities are divided by their sum.
    n_classes : int
    floor : float
        What a probability of zero is read as.
    """

    method: str
    maps: tuple[Any, ...]
    n_classes: int
    floor: float

    @classmethod
    @one_blas_thread()
    def fit(
        cls, method: str, outputs: Outputs, codes: NDArray[np.intp], n_classes: int, weight: Doubles, penalty: float
    ) -> Calibrator:
        """
        Fit the maps of a method.

        Parameters
        ----------
        method : str
            One of `METHODS`.
        outputs : Outputs
            Of the calibration rows.
        codes : ndarray of shape (n_samples,)
            Their classes, as numbers.
        n_classes : int
        weight : ndarray of shape (n_samples,)
        penalty : float
            Of "dirichlet".

        Returns
        -------
        Calibrator
        """
        floor = smallest_probability(outputs, weight, only_order=method in ("isotonic", "venn-abers"))
        if method in JOINT:
            logs = log_probabilities(outputs, floor)
            target = (codes[:, np.newaxis] == np.arange(n_classes)).astype(np.float64)
            if method == "temperature":
                return cls(method, (TemperatureMap.fit(logs, target, weight),), n_classes, floor)
            return cls(method, (DirichletMap.fit(logs, target, weight, penalty),), n_classes, floor)
        odds = log_odds(outputs, floor)
        classes = [1] if n_classes == 2 else range(n_classes)
        maps = []
        for k, column in zip(classes, odds.T, strict=True):
            target = (codes == k).astype(np.float64)
            if method == "beta":
                maps.append(BetaMap.fit(*_two_logs(column), target, weight))
            else:
                maps.append(BY_CLASS[method](np.ascontiguousarray(column), target, weight))
        return cls(method, tuple(maps), n_classes, floor)

    def probabilities(self, outputs: Outputs) -> Doubles:
        """
        Return calibrated probabilities.

        Parameters
        ----------
        outputs : Outputs

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one.
        """
        if self.method in JOINT:
            found: Doubles = self.maps[0](log_probabilities(outputs, self.floor))
            return found
        odds = log_odds(outputs, self.floor)
        if self.method == "beta":
            columns = [calibrate(*_two_logs(column)) for calibrate, column in zip(self.maps, odds.T, strict=True)]
        else:
            columns = [calibrate(column) for calibrate, column in zip(self.maps, odds.T, strict=True)]
        return shares(columns)

    def bounds(self, outputs: Outputs) -> tuple[Doubles, Doubles]:
        """
        Return the two probabilities of a Venn-Abers predictor for each class.

        Parameters
        ----------
        outputs : Outputs

        Returns
        -------
        lower, upper : ndarray of shape (n_samples, n_classes)
        """
        odds = log_odds(outputs, self.floor)
        pairs = [found.bounds(column) for found, column in zip(self.maps, odds.T, strict=True)]
        lower, upper = np.stack([p0 for p0, _ in pairs], axis=1), np.stack([p1 for _, p1 in pairs], axis=1)
        if self.n_classes == 2:
            return np.hstack([1.0 - upper, lower]), np.hstack([1.0 - lower, upper])
        return lower, upper


def shares(columns: list[Doubles]) -> Doubles:
    """Make one column the second of two; divide more by their sum, and share alike where all are zero."""
    if len(columns) == 1:
        return np.column_stack([1.0 - columns[0], columns[0]])
    p = np.stack(columns, axis=1)
    total = p.sum(axis=1, keepdims=True)
    found: Doubles = np.divide(p, total, out=np.full_like(p, 1.0 / p.shape[1]), where=total > 0)
    return found


def combined(lower: Doubles, upper: Doubles) -> Doubles:
    """
    Return one probability for each class from those of several Venn-Abers predictors, by geometric means.

    Parameters
    ----------
    lower, upper : ndarray of shape (n_predictors, n_samples, n_classes)

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    with np.errstate(divide="ignore"):
        up, rest = np.exp(np.log(upper).mean(axis=0)), np.exp(np.log1p(-lower).mean(axis=0))
    p = merged(1.0 - rest, up)
    return shares([p[:, 1]]) if p.shape[1] == 2 else shares(list(p.T))


def _two_logs(odds: Doubles) -> tuple[Doubles, Doubles]:
    """Return log p and log(1 - p) for log odds."""
    return -np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)
