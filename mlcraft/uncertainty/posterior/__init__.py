"""Posteriors of classifiers: what a penalty says as a prior, and how sure that leaves the probabilities."""

from __future__ import annotations

from mlcraft.uncertainty.posterior._evidence import EvidencePath, evidence_path
from mlcraft.uncertainty.posterior._laplace import laplace
from mlcraft.uncertainty.posterior._posterior import LaplacePosterior
from mlcraft.uncertainty.posterior._predictive import PredictiveParts

__all__ = ["EvidencePath", "LaplacePosterior", "PredictiveParts", "evidence_path", "laplace"]
