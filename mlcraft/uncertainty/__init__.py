"""How sure a fit is: standard errors, intervals, tests and influence, from the factor that a fit leaves."""

from __future__ import annotations

import importlib
from typing import Any

from mlcraft.uncertainty._covariance import Covariance, covariance, stacked
from mlcraft.uncertainty._door import FitData, Inference
from mlcraft.uncertainty._glm_effects import MarginalEffects
from mlcraft.uncertainty._glm_likelihood import Likelihood
from mlcraft.uncertainty._glm_summary import LogisticSummary
from mlcraft.uncertainty._importance import Importance
from mlcraft.uncertainty._influence import Influence
from mlcraft.uncertainty._intervals import Intervals, PredictionInterval, intervals, prediction_interval
from mlcraft.uncertainty._model import FittedModel, model_of
from mlcraft.uncertainty._rows import FitRows
from mlcraft.uncertainty._sandwich import Options
from mlcraft.uncertainty._summary import Summary, summarise
from mlcraft.uncertainty._tests import Contrast, TestResult, contrast, nested, parse_hypotheses, wald

__all__ = [
    "AdaptiveConformal",
    "BootstrapResult",
    "CalibratedClassifier",
    "CalibrationCurve",
    "CalibrationTest",
    "ConditionalCoverage",
    "ConformalClassifier",
    "ConformalRegressor",
    "Contrast",
    "Covariance",
    "Estimate",
    "EvidencePath",
    "FitData",
    "FitRows",
    "FittedModel",
    "Flip",
    "Importance",
    "Inference",
    "Influence",
    "IntervalReport",
    "Intervals",
    "LaplacePosterior",
    "Likelihood",
    "LogisticSummary",
    "MarginalEffects",
    "Options",
    "PIT",
    "PredictionInterval",
    "PredictiveParts",
    "RowInfluence",
    "RowMoves",
    "ScoreDecomposition",
    "Summary",
    "TestResult",
    "binomial_estimate",
    "bootstrap",
    "brier_decomposition",
    "calibrate",
    "calibration_curve",
    "calibration_error",
    "conditional_coverage",
    "conditional_set_coverage",
    "contrast",
    "covariance",
    "coverage",
    "crps",
    "evidence_path",
    "hosmer_lemeshow_test",
    "influence",
    "interval_report",
    "interval_score",
    "intervals",
    "laplace",
    "log_loss_decomposition",
    "mean_estimate",
    "mean_width",
    "model_of",
    "nested",
    "parse_hypotheses",
    "pinball_loss",
    "pit",
    "prediction_interval",
    "set_coverage",
    "set_size",
    "spiegelhalter_test",
    "stacked",
    "summarise",
    "wald",
]

# Where a name that fits do not need is found; imported on first use, so that `import mlcraft` stays quick.
_LAZY: dict[str, str] = {
    "AdaptiveConformal": "conformal",
    "BootstrapResult": "resampling",
    "CalibratedClassifier": "calibration",
    "CalibrationCurve": "calibration",
    "CalibrationTest": "calibration",
    "ConditionalCoverage": "scores",
    "ConformalClassifier": "conformal",
    "ConformalRegressor": "conformal",
    "Estimate": "scores",
    "EvidencePath": "posterior",
    "Flip": "_flips",
    "IntervalReport": "scores",
    "LaplacePosterior": "posterior",
    "PIT": "scores",
    "PredictiveParts": "posterior",
    "RowInfluence": "_influence_of",
    "RowMoves": "_influence_of",
    "ScoreDecomposition": "calibration",
    "binomial_estimate": "scores",
    "bootstrap": "resampling",
    "brier_decomposition": "calibration",
    "calibrate": "calibration",
    "calibration_curve": "calibration",
    "calibration_error": "calibration",
    "conditional_coverage": "scores",
    "conditional_set_coverage": "scores",
    "coverage": "scores",
    "crps": "scores",
    "evidence_path": "posterior",
    "hosmer_lemeshow_test": "calibration",
    "influence": "_influence_of",
    "interval_report": "scores",
    "interval_score": "scores",
    "laplace": "posterior",
    "log_loss_decomposition": "calibration",
    "mean_estimate": "scores",
    "mean_width": "scores",
    "pinball_loss": "scores",
    "pit": "scores",
    "set_coverage": "scores",
    "set_size": "scores",
    "spiegelhalter_test": "calibration",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
