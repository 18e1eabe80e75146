"""What a library has to say for itself, and the registry of those that do.

A library is one file in ``libraries/`` with

- ``NAME``: as it is shown; ``COLOUR``: of its lines, in all figures;
- ``PACKAGE``: what to import to see whether it is installed; ``DISTRIBUTION``: whose version is printed;
- ``solvers(problem)``: its solvers of that problem, an empty list where it has none.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.convergence import libraries
from benchmarks.convergence.objective import Problem

Array = NDArray[Any]
Knob = Literal["iterations", "tolerance", "none"]

NAN = float("nan")
#: Iteration limits of a curve, each fitted from the start: one by one, then by half, then by doubling.
ITERATIONS = (*range(1, 9), 12, 16, 24, 32, 48, 64, 96, *(2**power for power in range(7, 21)))
#: Tolerances of a curve of a solver whose iterations are no measure (working sets, inner solvers).
TOLERANCES = tuple(10.0**-power for power in range(16))


@dataclass(frozen=True, slots=True)
class Fit:
    """What a run leaves: coefficients in the shape of the objective, and how often X was read, where that is known.

    ``passes`` counts reads of all of X: one for a fused pass of value and gradient, two for ``X @ b`` and ``X.T @ r``.
    ``ended`` says that the solver stopped by itself, so that a looser limit would change nothing.
    """

    coef: Array
    intercept: Any = 0.0
    passes: float = NAN
    iterations: float = NAN
    ended: bool = False
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Solver:
    """One curve: ``fit(level)`` is what is timed, from the start each time.

    ``usual``: it takes part without being asked for by name. ``counted``: passes are counted by the library; else they
    follow from its iterations.
    """

    name: str
    fit: Callable[[Any], Fit]
    knob: Knob = "iterations"
    usual: bool = True
    counted: bool = False

    @property
    def levels(self) -> tuple[float, ...]:
        return {"iterations": ITERATIONS, "tolerance": TOLERANCES, "none": (1,)}[self.knob]


@dataclass(frozen=True, slots=True)
class Library:
    """A file of ``libraries/``, read."""

    key: str
    name: str
    colour: str
    package: str
    distribution: str
    solvers: Callable[[Problem], Iterable[Solver]]

    def missing(self) -> str:
        """Why it cannot take part; empty if it can."""
        if importlib.util.find_spec(self.package.partition(".")[0]) is None:
            return "not installed"
        try:
            importlib.import_module(self.package)
        except Exception as error:  # whatever a broken installation raises
            return f"cannot be imported: {error}".splitlines()[0]
        return ""

    def version(self) -> str:
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return str(getattr(importlib.import_module(self.package), "__version__", "?"))


def known_libraries() -> dict[str, Library]:
    """All files of ``libraries/`` by their names, mlcraft first.

    Examples
    --------
    >>> list(known_libraries())[:2]
    ['mlcraft', 'celer']
    """
    found = {}
    for entry in pkgutil.iter_modules(libraries.__path__):
        if entry.name.startswith("_"):
            continue
        module = importlib.import_module(f"{libraries.__name__}.{entry.name}")
        found[entry.name] = Library(
            entry.name, module.NAME, module.COLOUR, module.PACKAGE, module.DISTRIBUTION, module.solvers
        )
    return dict(sorted(found.items(), key=lambda item: (item[0] != "mlcraft", item[0])))


def shaped(problem: Problem, model: Any) -> tuple[Array, Any]:
    """Coefficients and intercept of a model with scikit-learn's attributes, as the objective takes them."""
    coef = np.asarray(model.coef_, dtype=np.float64)
    intercept = np.ravel(np.asarray(model.intercept_, dtype=np.float64))
    if problem.loss == "multinomial":
        return coef, intercept
    return coef.ravel(), float(intercept[0])


def weights(problem: Problem) -> dict[str, Array]:
    return {} if problem.sample_weight is None else {"sample_weight": problem.sample_weight}
