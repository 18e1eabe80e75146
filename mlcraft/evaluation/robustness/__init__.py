"""How little it takes to change a decision, and what bad data do to a score."""

from mlcraft.evaluation.robustness._margin import AdversarialMargin, adversarial_margin
from mlcraft.evaluation.robustness._stress import StressTest, stress

__all__ = ["AdversarialMargin", "StressTest", "adversarial_margin", "stress"]
