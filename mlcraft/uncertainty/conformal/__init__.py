"""Conformal prediction: intervals and sets that cover new rows as often as asked, whatever the model."""

from mlcraft.uncertainty.conformal._adaptive import AdaptiveConformal
from mlcraft.uncertainty.conformal._classifier import ConformalClassifier
from mlcraft.uncertainty.conformal._regressor import ConformalRegressor

__all__ = ["AdaptiveConformal", "ConformalClassifier", "ConformalRegressor"]
