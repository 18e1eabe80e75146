"""Scores of intervals, sets and predictive distributions, each with an interval of its own."""

from mlcraft.uncertainty.scores._conditional import (
    ConditionalCoverage,
    conditional_coverage,
    conditional_set_coverage,
)
from mlcraft.uncertainty.scores._distributions import crps, pinball_loss
from mlcraft.uncertainty.scores._estimate import Estimate, binomial_estimate, mean_estimate
from mlcraft.uncertainty.scores._intervals import (
    IntervalReport,
    coverage,
    interval_report,
    interval_score,
    mean_width,
)
from mlcraft.uncertainty.scores._pit import PIT, pit
from mlcraft.uncertainty.scores._sets import set_coverage, set_size

__all__ = [
    "PIT",
    "ConditionalCoverage",
    "Estimate",
    "IntervalReport",
    "binomial_estimate",
    "conditional_coverage",
    "conditional_set_coverage",
    "coverage",
    "crps",
    "interval_report",
    "interval_score",
    "mean_estimate",
    "mean_width",
    "pinball_loss",
    "pit",
    "set_coverage",
    "set_size",
]
