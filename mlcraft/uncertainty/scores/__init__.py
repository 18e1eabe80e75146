"""Scores of intervals, sets and predictive distributions, each with an interval of its own."""

from mlcraft.uncertainty.scores._estimate import Estimate, binomial_estimate, mean_estimate

__all__ = ["Estimate", "binomial_estimate", "mean_estimate"]
