"""
Pictures of fits: coefficients, influential rows, residuals; how solvers converge; the course of a training.

They need matplotlib (``pip install "mlcraft[report]"``), which is imported when a picture is drawn. Each function
returns the Axes, and draws into one that is given as ``ax``.
"""

from mlcraft.plots._coefficients import coefficient_forest
from mlcraft.plots._convergence import convergence
from mlcraft.plots._rows import leverage_residual, qq
from mlcraft.plots._training import training_curve

__all__ = ["coefficient_forest", "convergence", "leverage_residual", "qq", "training_curve"]
