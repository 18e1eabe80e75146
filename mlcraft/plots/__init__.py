"""
Pictures of fits: coefficients, influential rows, residuals; how solvers converge; the course of a training; how sure
predictions are: intervals, coverage by group, reliability, probability integral transforms.

They need matplotlib (``pip install "mlcraft[report]"``), which is imported when a picture is drawn. Each function
returns the Axes, and draws into one that is given as ``ax``.
"""

from mlcraft.plots._coefficients import coefficient_forest
from mlcraft.plots._convergence import convergence
from mlcraft.plots._forecasts import plot_pit, plot_reliability
from mlcraft.plots._influence import plot_influence
from mlcraft.plots._intervals import plot_coverage_by_group, plot_intervals
from mlcraft.plots._rows import leverage_residual, qq
from mlcraft.plots._training import training_curve

__all__ = [
    "coefficient_forest",
    "convergence",
    "leverage_residual",
    "plot_coverage_by_group",
    "plot_influence",
    "plot_intervals",
    "plot_pit",
    "plot_reliability",
    "qq",
    "training_curve",
]
