"""Rules on parameters that the estimators trained row by row share, and the seeds that scikit-learn would draw."""

from __future__ import annotations

from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = [
    "ANY_SEED",
    "CONSTRAINTS",
    "DEFAULT_EPSILON",
    "PENALTY_CONSTRAINTS",
    "SPARE",
    "STEP_CONSTRAINTS",
    "STOP_CONSTRAINTS",
    "first_draws",
]

DEFAULT_EPSILON = 0.1
LARGEST_SEED = np.iinfo(np.int32).max
ANY_SEED = (0, LARGEST_SEED)
SPARE = (1, LARGEST_SEED)  # scikit-learn draws one more, for a purpose of its own
CONSTRAINTS: dict[str, list[Any]] = {
    "fit_intercept": ["boolean"],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "shuffle": ["boolean"],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "average": [Interval(Integral, 0, None, closed="neither"), "boolean"],
    "eta0": [Interval(Real, 0, None, closed="neither")],
}
STOP_CONSTRAINTS: dict[str, list[Any]] = {
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
}
PENALTY_CONSTRAINTS: dict[str, list[Any]] = {
    "penalty": [StrOptions({"l2", "l1", "elasticnet"}), None],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
}
STEP_CONSTRAINTS: dict[str, list[Any]] = {
    "power_t": [Interval(Real, None, None, closed="neither")],
    "epsilon": [Interval(Real, 0, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "optimal", "invscaling", "adaptive", "pa1", "pa2"})],
}


@lru_cache(maxsize=256)
def first_draws(seed: int, bounds: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Return the first whole numbers that a generator of this seed draws; to make one takes longer than a chunk."""
    generator = np.random.RandomState(seed)
    return tuple(int(generator.randint(*bound)) for bound in bounds)
