"""Probabilities that hold: calibration of any classifier, and how well probabilities are calibrated."""

from mlcraft.uncertainty.calibration._calibrate import calibrate
from mlcraft.uncertainty.calibration._classifier import CalibratedClassifier
from mlcraft.uncertainty.calibration._curve import CalibrationCurve, calibration_curve
from mlcraft.uncertainty.calibration._decomposition import (
    ScoreDecomposition,
    brier_decomposition,
    log_loss_decomposition,
)
from mlcraft.uncertainty.calibration._error import calibration_error
from mlcraft.uncertainty.calibration._significance import CalibrationTest, hosmer_lemeshow_test, spiegelhalter_test

__all__ = [
    "CalibratedClassifier",
    "CalibrationCurve",
    "CalibrationTest",
    "ScoreDecomposition",
    "brier_decomposition",
    "calibrate",
    "calibration_curve",
    "calibration_error",
    "hosmer_lemeshow_test",
    "log_loss_decomposition",
    "spiegelhalter_test",
]
