"""What every engine leaves, in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor

__all__ = ["DUALITY_GAP", "GRADIENT", "VIOLATION", "Outcome"]

GRADIENT, VIOLATION, DUALITY_GAP = "gradient", "optimality violation", "duality gap"


@dataclass(slots=True)
class Outcome:
    """
    Where a solver has arrived.

    Attributes
    ----------
    coef, intercept : ndarray
        In float64.
    objective, certificate : float
    kind : str
        What the certificate is.
    n_iter : int
    status : str
    solver : str
        Which solver ran.
    passes : float
        Over X; NaN where it is not counted.
    gap : float
        Relative duality gap, NaN where it is not known.
    rows : list
        Of (iteration, passes, seconds, objective, certificate).
    factor : Factor or None
    stochastic : bool
    seconds : float
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    objective: float
    certificate: float
    kind: str
    n_iter: int
    status: str
    solver: str
    passes: float = float("nan")
    gap: float = float("nan")
    rows: list[Any] = field(default_factory=list)
    factor: Factor | None = None
    stochastic: bool = False
    seconds: float = float("nan")
