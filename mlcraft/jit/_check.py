"""Looking at a user's functions before a solver depends on them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._errors import UserFunctionError, where

if TYPE_CHECKING:
    from ._loss import UserLoss

Doubles = NDArray[np.float64]
USUAL_Y = (-1.0, 0.0, 0.5, 1.0, 2.0)
NEAR = (-30.0, -7.3, -2.7, -1.0, -0.61, 0.0, 0.37, 1.0, 1.9, 5.1, 30.0)
FAR = (-700.0, -200.0, -80.0, 80.0, 200.0, 700.0)
MOST_TARGETS = 8


@dataclass(frozen=True, slots=True)
class Probes:
    """Where a function is looked at."""

    y: tuple[float, ...]
    near: tuple[float, ...]
    far: tuple[float, ...]

    @classmethod
    def of(cls, y: ArrayLike | None, eta: ArrayLike | None) -> Probes:
        """Take the usual points, or those given."""
        targets = USUAL_Y if y is None else tuple(np.asarray(y, dtype=float).ravel().tolist())
        if eta is None:
            return cls(targets, NEAR, FAR)
        return cls(targets, tuple(np.asarray(eta, dtype=float).ravel().tolist()), ())


def called(about: str, function: Callable[..., Any], *, infinite: bool = False, **arguments: float) -> float:
    """Call the Python function; what it raises, and what is no finite number (or infinity), is named."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*arguments.values())
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise UserFunctionError(f"{about} raises {told} at {where(**arguments)}.", **arguments) from error
    try:
        number = float(result)
    except (TypeError, ValueError):
        kind = type(result).__name__
        message = f"{about} returns {result!r} ({kind}) instead of a number at {where(**arguments)}."
        raise UserFunctionError(message, **arguments) from None
    if not math.isfinite(number) and not (infinite and number == math.inf):
        message = f"{about} is {number} at {where(**arguments)}. " + _ADVICE
        raise UserFunctionError(message, **arguments)
    return number


_ADVICE = (
    "Write it so that nothing overflows (mlcraft.jit.softplus, expit and log1p help), or say with y= and eta= where it "
    "is to be used."
)


def check_loss(loss: UserLoss, probes: Probes, *, lenient: bool) -> tuple[float, ...]:
    """Check values, then derivatives, then that far out nothing is NaN. Returns the y at which the loss is a number.

    ``lenient``: the targets are guesses, and those where the value is none are left out, unless it is everywhere.
    """
    inside: list[float] = []
    failure: UserFunctionError | None = None
    for y in probes.y:
        try:
            for eta in probes.near:
                called(f"loss {loss.name!r}", loss, y=y, eta=eta)
            _check_far(loss, y, probes.far)
        except UserFunctionError as error:
            failure = error
            if not lenient:
                raise
        else:
            inside.append(y)
    if not inside and failure is not None:
        raise failure
    _check_compiled(loss, inside, probes.near)
    for y in inside:
        _check_derivatives(loss, y, probes.near)
    return tuple(inside)


def _check_compiled(loss: UserLoss, targets: list[float], etas: tuple[float, ...]) -> None:
    """Value, gradient and hessian as compiled: numbers, and the value that of Python."""
    for y in targets:
        for eta in etas:
            sums, gradient, hessian = loss.rows([y], [eta])
            expected = called(f"loss {loss.name!r}", loss, y=y, eta=eta)
            if not abs(sums[0] - expected) <= 1e-9 * (1.0 + abs(expected)):
                message = (
                    f"loss {loss.name!r} is {sums[0]!r} when compiled and {expected!r} in Python at "
                    f"{where(y=y, eta=eta)}: it must depend on its arguments and on constants alone."
                )
                raise UserFunctionError(message, y=y, eta=eta)
            for role, number in (("gradient", gradient[0]), ("hessian", hessian[0])):
                if not math.isfinite(number):
                    message = f"the {role} of loss {loss.name!r} is {number} at {where(y=y, eta=eta)}. " + _ADVICE
                    raise UserFunctionError(message, y=y, eta=eta)


def _check_derivatives(loss: UserLoss, y: float, etas: tuple[float, ...]) -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for eta in etas:
            _, gradient, hessian = loss.rows([y], [eta])
            slopes: list[tuple[str, float, Callable[[float], float]]] = [
                ("gradient", gradient[0], lambda x: float(loss(y, x))),
                ("hessian", hessian[0], lambda x: float(loss.rows([y], [x])[1][0])),
            ]
            for role, claimed, function in slopes:
                given = getattr(loss, role) is not None
                told = wrong_slope(function, eta, float(claimed))
                if told is None:
                    continue
                message = (
                    f"the {role} of loss {loss.name!r} is wrong at {where(y=y, eta=eta)}: it is {claimed:.6g}, "
                    f"differences of the {'value' if role == 'gradient' else 'gradient'} give {told}."
                )
                if not given:
                    message += f" It was derived from the function ({told_by(loss)}); give {role}=."
                raise UserFunctionError(message, y=y, eta=eta)


def told_by(loss: UserLoss) -> str:
    """Say how the derivatives were made, and why by differences."""
    return loss.derivatives + (f", since {loss.reason}" if loss.derivatives == "differences" else "")


def wrong_slope(function: Callable[[float], float], x: float, claimed: float) -> str | None:
    """Compare a slope with differences: None if it agrees, or lies between those from both sides at a kink."""
    try:
        estimates = [_central(function, x, step) for step in (2.0**-6, 2.0**-9)]
        here = function(x)
        step = 1e-6 * max(1.0, abs(x))
        wider, sides = ([(function(x + s) - here) / s, (here - function(x - s)) / s] for s in (8.0 * step, step))
    except (ArithmeticError, ValueError, TypeError):
        return None  # the edge of where it is defined
    if not all(map(math.isfinite, (*estimates, *sides))):
        return None
    best = estimates[1]
    rounding = 1e-9 * (abs(here) + 1.0)
    doubt = 10.0 * abs(estimates[0] - best) + rounding
    if abs(claimed - best) <= 1e-6 * (abs(best) + abs(claimed)) + doubt and doubt <= 1e-3 * (1.0 + abs(best)):
        return None
    slack = 1e-4 * (abs(sides[0]) + abs(sides[1]) + 1e-3) + 1e-9 * abs(here) / step * 1e-6 + rounding
    slack += max(abs(a - b) for a, b in zip(wider, sides, strict=True))  # slopes that bend, as that of |x| x at 0
    if min(sides) - slack <= claimed <= max(sides) + slack:
        return None
    return f"{best:.6g}" if abs(sides[0] - sides[1]) < 1e-3 * (1 + abs(best)) else f"{sides[1]:.6g} to {sides[0]:.6g}"


def _central(function: Callable[[float], float], x: float, step: float) -> float:
    one, two, three = (function(x + k * step) - function(x - k * step) for k in (1, 2, 3))
    return (45.0 * one - 9.0 * two + three) / (60.0 * step)


def _check_far(loss: UserLoss, y: float, etas: tuple[float, ...]) -> None:
    for eta in etas:
        sums, gradient, hessian = loss.rows([y], [eta])
        for role, number in (("value", sums[0]), ("gradient", gradient[0]), ("hessian", hessian[0])):
            if math.isnan(number):
                about = f"loss {loss.name!r}" if role == "value" else f"the {role} of loss {loss.name!r}"
                raise UserFunctionError(f"{about} is nan at {where(y=y, eta=eta)}. " + _ADVICE, y=y, eta=eta)


def check_targets(loss: UserLoss, y: Doubles) -> None:
    """Check the targets of a fit: some in every respect, all of them for their gradient at the start."""
    if y.size == 0 or not np.isfinite(y).all():
        return  # said by those who check data
    some = np.unique(y)
    if some.size > MOST_TARGETS:
        some = np.quantile(some, np.linspace(0, 1, MOST_TARGETS), method="nearest")
    _, _, eta = loss._given
    points = Probes.of(some, eta)
    new = tuple(target for target in points.y if target not in loss._checked)
    near = (0.0, -1.0, 0.61) if eta is None else points.near
    check_loss(loss, Probes(new, near, points.far), lenient=False)
    loss._checked.update(new)
    gradient = loss.rows(y, np.full(y.size, near[0] if near else 0.0))[1]
    bad = np.flatnonzero(~np.isfinite(gradient))
    if bad.size:
        target, start = float(y[bad[0]]), near[0] if near else 0.0
        called(f"loss {loss.name!r}", loss, y=target, eta=start)
        message = f"the gradient of loss {loss.name!r} is {gradient[bad[0]]} at {where(y=target, eta=start)}. "
        raise UserFunctionError(message + _ADVICE, y=target, eta=start)


def is_smooth(loss: UserLoss, targets: tuple[float, ...]) -> bool:
    """Look for jumps of the gradient: bisect the intervals of a grid in which it changes most."""
    _, _, given = loss._given
    low, high = (-20.0, 20.0) if given is None else (min(Probes.of(None, given).near), max(Probes.of(None, given).near))
    for y in targets:
        grid = np.linspace(low, high, 4001) + 1e-7
        gradient = loss.rows(y, grid)[1]
        change = np.abs(np.diff(gradient))
        steepest = np.argsort(-change)[:8]
        left, right = grid[steepest], grid[steepest + 1]
        for _ in range(45):
            middle = 0.5 * (left + right)
            at = [loss.rows(y, x)[1] for x in (left, middle, right)]
            first = np.abs(at[1] - at[0]) >= np.abs(at[2] - at[1])
            left, right = np.where(first, left, middle), np.where(first, middle, right)
        jump = np.abs(loss.rows(y, right)[1] - loss.rows(y, left)[1])
        scale = np.maximum(np.abs(gradient[steepest]), 1e-3 * np.abs(gradient).max())
        if np.any(jump > 1e-6 * (scale + 1e-9)):
            return False
    return True
