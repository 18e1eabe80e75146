"""Penalties of the coefficients, as the solvers with a prox take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PENALTIES", "Penalty", "UserPenalty"]

PENALTIES = ("none", "l2", "l1", "elastic_net", "box", "group", "user")


@runtime_checkable
class UserPenalty(Protocol):
    """
    A separable penalty compiled from a user's functions.

    Attributes
    ----------
    name : str
        For messages.
    prox_address : int
        Address of ``double prox(double b, double step)``, the minimiser over u of ``value(u) + (u - b)^2 / (2 step)``.
    value_address : int
        Address of ``double value(double b)``, the penalty of one coefficient.
    """

    name: str
    prox_address: int
    value_address: int


@dataclass(frozen=True, slots=True)
class Penalty:
    """
    A penalty of the coefficients; the intercept is never penalised.

    With several classes each class has a penalty of its own, and their sum counts.

    Attributes
    ----------
    name : str, default="none"
        One of `PENALTIES`: "l2" ``alpha |b|^2 / 2``, "l1" ``alpha |b|_1``, "elastic_net" ``alpha (l1_ratio |b|_1 +
        (1 - l1_ratio) |b|^2 / 2)``, "box" ``lower <= b <= upper``, "group" ``alpha sum_g sqrt(size_g) |b_g|_2``.
    alpha : float, default=0.0
        Strength; not for "box" and "user".
    l1_ratio : float, default=0.5
        For "elastic_net".
    lower, upper : ndarray of shape (n_features,), optional
        For "box". Default: no bound.
    groups : ndarray of int of shape (n_features,), optional
        For "group": columns with the same number are a group.
    user : UserPenalty, optional
        For "user".

    Examples
    --------
    >>> from mlcraft._engine.penalty import Penalty
    >>> Penalty("elastic_net", alpha=2.0, l1_ratio=0.5).value([1.0, -3.0])
    9.0
    """

    name: str = "none"
    alpha: float = 0.0
    l1_ratio: float = 0.5
    lower: ArrayLike | None = None
    upper: ArrayLike | None = None
    groups: ArrayLike | None = None
    user: UserPenalty | None = None

    def bounds(self, n_features: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        Return lower and upper bounds of all coefficients, infinite where there are none.

        Raises
        ------
        ValueError
            If a bound is NaN, or a lower one above its upper one, or a shape does not fit.
        """
        sides = []
        for name, given, default in (("lower", self.lower, -np.inf), ("upper", self.upper, np.inf)):
            side = np.asarray(default if given is None else given, dtype=np.float64)
            if side.ndim > 1 or (side.ndim == 1 and side.shape != (n_features,)):
                raise ValueError(f"{name} must be a number or have shape ({n_features},), got shape {side.shape}")
            sides.append(np.broadcast_to(side, (n_features,)))
        lower, upper = sides
        crossed = np.flatnonzero(~(lower <= upper) | (lower == np.inf) | (upper == -np.inf))
        if len(crossed):
            j = crossed[0]
            raise ValueError(f"lower must not be above upper: column {j} has the bounds {lower[j]} and {upper[j]}")
        return lower, upper

    def check(self, n_features: int) -> None:
        """
        Raise if the penalty is not complete, or not of so many columns.

        Raises
        ------
        ValueError
            With the name of the argument, its value and what it has to be.
        """
        if self.name not in PENALTIES:
            raise ValueError(f"penalty must be one of {', '.join(map(repr, PENALTIES))}, got {self.name!r}")
        if not (0 <= self.alpha < np.inf):
            raise ValueError(f"alpha must be finite and not negative, got {self.alpha!r}")
        if not (0 <= self.l1_ratio <= 1):
            raise ValueError(f"l1_ratio must be between 0 and 1, got {self.l1_ratio!r}")
        if self.name == "box":
            self.bounds(n_features)
        if self.name == "group":
            if self.groups is None:
                raise ValueError("penalty 'group' needs groups: a whole number for each column")
            groups = np.asarray(self.groups)
            if groups.shape != (n_features,) or groups.dtype.kind not in "iu":
                raise ValueError(
                    f"groups must be whole numbers of shape ({n_features},), got {groups.dtype} of shape {groups.shape}"
                )
        if self.name == "user" and not (
            isinstance(self.user, UserPenalty) and self.user.prox_address and self.user.value_address
        ):
            raise ValueError(f"penalty 'user' needs functions compiled by mlcraft.jit.penalty, got {self.user!r}")

    def value(self, coef: ArrayLike) -> float:
        """
        Return the penalty of coefficients of shape (n_features,) or (n_classes, n_features).

        Parameters
        ----------
        coef : array-like

        Returns
        -------
        float
            Infinite outside a box.
        """
        b = np.asarray(coef, dtype=np.float64)
        if self.name == "none":
            return 0.0
        if self.name == "box":
            lower, upper = self.bounds(b.shape[-1])
            return 0.0 if np.all((b >= lower) & (b <= upper)) else np.inf
        if self.name == "group":
            groups = np.asarray(self.groups)
            rows = b.reshape(-1, b.shape[-1])
            return self.alpha * float(sum(_group_norms(row, groups) for row in rows))
        if self.name == "user":
            return _user_value(self.user, b)
        ratio = {"l1": 1.0, "l2": 0.0}.get(self.name, self.l1_ratio)
        return self.alpha * float(ratio * np.abs(b).sum() + (1 - ratio) * np.vdot(b, b) / 2)


def _group_norms(coef: NDArray[np.float64], groups: NDArray[Any]) -> float:
    names, place, size = np.unique(groups, return_inverse=True, return_counts=True)
    square = np.bincount(place, weights=coef**2, minlength=len(names))
    return float(np.sqrt(size * square).sum())


def _user_value(user: Any, coef: NDArray[np.float64]) -> float:
    import ctypes

    value = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(user.value_address)
    return float(sum(value(b) for b in coef.ravel()))
