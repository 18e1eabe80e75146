"""The arguments of `mlcraft.solve`: what is wrong with them, before any work starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._solve.choose import choose_solver
from mlcraft._solve.problem import Problem, checked_data, checked_start
from mlcraft._solve.table import SOLVERS, Loss, loss_of, penalty_name, refuse_unless_allowed

__all__ = ["checked_problem"]

OWN_SETTINGS = frozenset({"direct", "newton", "lbfgs", "newton-cg", "dual", "smooth"})
PARAMETER_RANGE = {"delta": (0.0, math.inf), "epsilon": (0.0, math.inf), "quantile": (0.0, 1.0)}


def checked_problem(
    data: tuple[Any, Any, Any, Any],
    *,
    loss: Any,
    penalty: Any,
    solver: str,
    alpha: Any,
    l1_ratio: Any,
    bounds: Any,
    groups: Any,
    parameter: Any,
    fit_intercept: Any,
    init: Any,
    limits: dict[str, Any],
    callback: Any,
    settings: dict[str, Any],
) -> tuple[Problem, str, Any]:
    """
    Check everything, and choose the solver where that is asked for.

    Parameters
    ----------
    data : tuple
        X, y, sample_weight and offset.
    loss, penalty, solver, alpha, l1_ratio, bounds, groups, parameter, fit_intercept, init, callback
        As given to `mlcraft.solve`.
    limits : dict
        tol, max_iter, max_time and seed.
    settings : dict
        Of first-order solvers.

    Returns
    -------
    problem : Problem
    solver : str
        The one that runs; "smooth" for the engine's own choice among those of second order.
    settings : FirstOrderSettings or None

    Raises
    ------
    ValueError
        With the argument, its value and what it has to be.
    """
    traits, name = loss_of(loss), penalty_name(penalty)
    refuse_unless_allowed(solver, traits, name)
    _check_limits(limits, callback)
    strength = _strength(alpha, name)
    if name == "l2" and strength == 0.0:
        name = "none"
    number("l1_ratio", l1_ratio, 0.0, 1.0)
    parameter = _parameter(parameter, traits)
    if offset_refused(traits, data[3]):
        raise ValueError("offset is not for loss='multinomial'; use loss='logistic', or leave it out")
    rows = checked_data(*data, traits)
    if hasattr(loss, "check"):
        loss.check(rows.y)  # a wrong gradient or NaN in a user's function is named before work starts
    p = int(rows.X.shape[1])
    problem = Problem(
        rows,
        traits,
        loss,
        parameter,
        name,
        penalty if name == "user" else None,
        strength,
        float(l1_ratio),
        _bounds(bounds, name, p),
        _groups(groups, name, p),
        bool(fit_intercept),
    )
    problem.start = checked_start(init, problem.shape, problem.fit_intercept)
    chosen = solver
    if solver == "auto":
        chosen, usual = choose_solver(problem)
        settings = usual | settings
    if chosen in OWN_SETTINGS:
        if settings:
            raise ValueError(
                f"{sorted(settings)[0]} is a setting of first-order solvers, not of solver={solver!r}; use one of "
                + ", ".join(repr(key) for key in SOLVERS if key not in OWN_SETTINGS)
            )
        return problem, chosen, None
    from mlcraft._engine.first_order import FirstOrderSettings
    from mlcraft._solve.first_order import check_settings, engine_penalty

    if "step" in settings and settings["step"] is not None:
        number("step", settings["step"], 0.0, math.inf, positive=True)
    steps = FirstOrderSettings(**settings, seed=int(limits["seed"]))
    check_settings(problem, "fista" if chosen == "gram" else chosen, steps)
    engine_penalty(problem).check(p)
    return problem, chosen, steps


def number(name: str, value: Any, low: float, high: float, *, positive: bool = False) -> None:
    """
    Raise unless a value is a number between two others; infinity only where `high` is.

    Raises
    ------
    ValueError
        With the name, the value and the range.
    """
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if is_number and low <= value <= high and math.isfinite(value) and not (positive and value == low):
        return
    kind = "a finite positive number" if positive else "a finite non-negative number"
    kind = f"a number between {low:g} and {high:g}" if high < math.inf else kind
    raise ValueError(f"{name} must be {kind}, got {value!r}")


def offset_refused(loss: Loss, offset: Any) -> bool:
    """Tell whether there is an offset that the loss cannot take."""
    return offset is not None and loss.target == "classes"


def _check_limits(limits: dict[str, Any], callback: Any) -> None:
    number("tol", limits["tol"], 0.0, math.inf)
    for name in ("max_iter", "seed"):
        value = limits[name]
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} must be a non-negative integer, got {value!r}")
    if limits["seed"] >= 2**64:
        raise ValueError(f"seed must be below 2**64, got {limits['seed']!r}")
    if limits["max_time"] != math.inf:
        number("max_time", limits["max_time"], 0.0, math.inf)
    if callback is not None and not callable(callback):
        raise ValueError(f"callback must be callable, got {callback!r}")


def _strength(alpha: Any, penalty: str) -> float:
    if alpha is None:
        if penalty in ("l1", "elastic_net", "group"):
            raise ValueError(f"penalty={penalty!r} needs alpha, its strength")
        return 0.0
    number("alpha", alpha, 0.0, math.inf)
    if penalty in ("none", "box", "user") and alpha != 0:
        which = "penalty=None" if penalty == "none" else f"penalty={penalty!r}" if penalty == "box" else "your penalty"
        raise ValueError(f"alpha={alpha!r} does nothing with {which}; leave it out")
    return float(alpha)


def _parameter(parameter: Any, loss: Loss) -> float:
    if not loss.parameter:
        if parameter is not None:
            raise ValueError(f"loss={loss.name!r} has no parameter, got parameter={parameter!r}")
        return 0.0
    value = loss.default if parameter is None else parameter
    low, high = PARAMETER_RANGE[loss.parameter]
    name = f"parameter ({loss.parameter} of loss={loss.name!r})"
    number(name, value, low, high, positive=loss.parameter == "delta")
    if loss.parameter == "quantile" and not 0 < value < 1:
        raise ValueError(f"{name} must be between 0 and 1, both excluded, got {value!r}")
    return float(value)


def _bounds(bounds: Any, penalty: str, p: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    if penalty != "box":
        if bounds is not None:
            raise ValueError(f"bounds are for penalty='box', not for penalty={penalty!r}")
        return None
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise ValueError(f"penalty='box' needs bounds=(lower, upper), got {bounds!r}")
    sides = []
    for side, value, default in (("lower", bounds[0], -math.inf), ("upper", bounds[1], math.inf)):
        found = np.asarray(default if value is None else value, dtype=np.float64)
        if found.ndim > 1 or (found.ndim == 1 and len(found) != p):
            raise ValueError(f"bounds: {side} must be a number or have shape ({p},), got shape {found.shape}")
        sides.append(np.broadcast_to(found, (p,)).copy())
    crossed = np.flatnonzero(~(sides[0] <= sides[1]))
    if len(crossed):
        j = int(crossed[0])
        raise ValueError(f"bounds: lower {sides[0][j]} is not below upper {sides[1][j]} in column {j}")
    return sides[0], sides[1]


def _groups(groups: Any, penalty: str, p: int) -> NDArray[np.intp] | None:
    if penalty != "group":
        if groups is not None:
            raise ValueError(f"groups are for penalty='group', not for penalty={penalty!r}")
        return None
    if groups is None:
        raise ValueError("penalty='group' needs groups: the number of its group for each column")
    found = np.asarray(groups)
    if found.shape != (p,) or (found.dtype.kind not in "iu" and not np.array_equal(found, np.floor(found))):
        raise ValueError(f"groups must be whole numbers of shape ({p},), got {found.dtype} of shape {found.shape}")
    return found.astype(np.intp)
