"""Conformity scores: how far a target lies from a prediction, in which unit, and how a score becomes an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Band", "Form", "Relative", "Scaled"]

Doubles = NDArray[np.float64]
Ends = tuple[Doubles, Doubles, Doubles | None]


@dataclass(frozen=True)
class Form:
    """
    The plain residual. What a model predicts of a row becomes two ends and a unit: y lies within when
    ``low - unit q <= y <= high + unit q``.

    Attributes
    ----------
    symmetric : bool
        Whether one score serves both ends, max((low - y) / unit, (y - high) / unit), or each end has its own, so that
        each tail errs as often as the other.
    """

    symmetric: bool
    asks = "predict"  # the method of the fitted estimator whose result is read
    plain = True  # both ends are the prediction, and the unit is one

    def ends(self, predicted: NDArray[Any], level: float) -> Ends:  # noqa: ARG002 - bands differ by level
        """
        Split predictions into low ends, high ends and units (None: one).

        Parameters
        ----------
        predicted : ndarray of any shape, with a last axis of quantities where the form asks for several
        level : float

        Returns
        -------
        low, high : ndarray
        unit : ndarray or None
        """
        return predicted, predicted, None

    def centre(self, predicted: NDArray[Any]) -> NDArray[Any]:
        """Return the point predictions."""
        return predicted

    def scores(self, predicted: NDArray[Any], y: Doubles, level: float) -> tuple[Doubles, Doubles]:
        """
        Return by how much each row moves the low and the high end, in units.

        Parameters
        ----------
        predicted : ndarray of shape (n_samples,) or (n_samples, n_quantities)
            Of each row, by a model that did not see it.
        y : ndarray of shape (n_samples,)
        level : float

        Returns
        -------
        low, high : ndarray of shape (n_samples,)
        """
        low_end, high_end, unit = self.ends(predicted, level)
        low, high = y - low_end, y - high_end
        if unit is not None:
            low, high = low / unit, high / unit
        if self.symmetric:
            high = np.maximum(-low, high)
            low = -high
        return low, high

    def tail(self, level: float) -> float:
        """Return the level that the quantile of the scores needs."""
        return level if self.symmetric else 0.5 * (1.0 + level)

    def signed(self, predicted: NDArray[Any], y: Doubles) -> Doubles:
        """Return signed residuals in units, which predictive distributions are made of."""
        centre, _, unit = self.ends(predicted, 0.5)
        residual: Doubles = y - centre if unit is None else (y - centre) / unit
        return residual


@dataclass(frozen=True)
class Relative(Form):
    """The gamma score: residuals relative to the prediction, which must be positive."""

    plain = False

    def ends(self, predicted: NDArray[Any], level: float) -> Ends:  # noqa: ARG002
        if predicted.size and not predicted.min() > 0:
            raise ValueError(
                "score='gamma' measures residuals relative to the prediction, which must be above 0, and one is "
                f"{predicted.min():g}. Use a model of positive values (of the logarithm, say), or another score."
            )
        return predicted, predicted, predicted


@dataclass(frozen=True)
class Scaled(Form):
    """Residuals over a spread that is predicted too: quantities are (centre, spread)."""

    asks = "predict_quantities"
    plain = False

    def ends(self, predicted: NDArray[Any], level: float) -> Ends:  # noqa: ARG002
        return predicted[..., 0], predicted[..., 0], predicted[..., 1]

    def centre(self, predicted: NDArray[Any]) -> NDArray[Any]:
        return predicted[..., 0]


@dataclass(frozen=True)
class Band(Form):
    """
    Conformalised quantile regression (Romano, Patterson and Candes 2019): quantities are quantiles, lowest first.

    Attributes
    ----------
    quantiles : tuple of float
    """

    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    asks = "predict_quantities"
    plain = False

    def pair(self, level: float) -> tuple[int, int]:
        """Return the quantiles next to those that a perfect model would need."""
        values = np.asarray(self.quantiles)
        half = len(values) // 2
        low = int(np.argmin(np.abs(values[:half] - 0.5 * (1.0 - level))))
        high = len(values) - half + int(np.argmin(np.abs(values[-half:] - 0.5 * (1.0 + level))))
        return low, high

    def ends(self, predicted: NDArray[Any], level: float) -> Ends:
        low, high = self.pair(level)
        return predicted[..., low], predicted[..., high], None

    def centre(self, predicted: NDArray[Any]) -> NDArray[Any]:
        middle = len(self.quantiles) // 2
        if len(self.quantiles) % 2:
            return predicted[..., middle]
        centre: NDArray[Any] = 0.5 * (predicted[..., middle - 1] + predicted[..., middle])
        return centre
