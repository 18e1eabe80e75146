"""One call that says how good a model is, how sure that is, and what cannot be concluded."""

from mlcraft.evaluation.report._evaluate import evaluate
from mlcraft.evaluation.report._report import Report
from mlcraft.evaluation.report._section import Figure, Section, Series, Table

__all__ = ["Figure", "Report", "Section", "Series", "Table", "evaluate"]
