"""The losses of the engine by name, and what a user's own loss has to be."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["LOSSES", "NON_SMOOTH", "SMOOTH_LOSSES", "LossRef", "UserLoss", "loss_ref"]

SMOOTH_LOSSES = (
    "logistic",
    "multinomial",
    "squared",
    "squared_hinge",
    "modified_huber",
    "huber",
    "squared_epsilon_insensitive",
    "poisson",
)
NON_SMOOTH = ("hinge", "epsilon_insensitive", "quantile")  # subgradients, and no hessian
LOSSES = SMOOTH_LOSSES + NON_SMOOTH


class UserLoss(Protocol):
    """
    A loss compiled from a user's function, as the C++ solvers take it; `mlcraft.jit.loss` makes them.

    Attributes
    ----------
    name : str
        For messages.
    address64, address32 : int
        Addresses of ``void block(int64_t count, const T* y, const T* weight, T* eta, T* hess, double* sums)`` for
        double and for float. ``weight`` may be null (all one); ``eta`` is the linear predictor and becomes weight
        times gradient; ``hess`` becomes weight times hessian, or is null where it is not asked for; sums of weight
        times value, weight times gradient and weight are added to ``sums``.
    smooth : bool
        Whether the gradient is continuous.
    has_hessian : bool
        Whether ``hess`` is filled; otherwise it is always null.
    """

    name: str
    address64: int
    address32: int
    smooth: bool
    has_hessian: bool


LossRef = tuple[str, tuple[int, int], bool]


def loss_ref(loss: str | UserLoss, dtype: Any = None, *, smooth: bool = False) -> LossRef:
    """
    Return a loss as the options of the compiled solvers hold it.

    Parameters
    ----------
    loss : str or UserLoss
        One of `LOSSES`, or a user's own.
    dtype : dtype, optional
        Of the data: only the address for it is asked for, which may be compiled then, and the other one is zero.
        Default: both.
    smooth : bool, default=False
        Whether only a smooth one will do.

    Returns
    -------
    tuple
        Name ("user" for a user's own), addresses for float64 and float32, and whether it has a hessian.

    Raises
    ------
    ValueError
        If there is no such loss, or it is not smooth where it has to be.
    TypeError
        If it is neither a name nor a user's loss.

    Examples
    --------
    >>> from mlcraft._engine.losses import loss_ref
    >>> loss_ref("huber")
    ('huber', (0, 0), True)
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"there is no loss named {loss!r}; there are {', '.join(map(repr, LOSSES))}")
        name, addresses, is_smooth, has_hessian = loss, (0, 0), loss in SMOOTH_LOSSES, loss in SMOOTH_LOSSES
    else:
        try:
            name, is_smooth, has_hessian = "user", bool(loss.smooth), bool(loss.has_hessian)
            wanted = np.float64 if dtype is None else np.dtype(dtype)
            addresses = (
                0 if wanted == np.float32 else int(loss.address64),
                0 if dtype is not None and wanted == np.float64 else int(loss.address32),
            )
        except AttributeError:
            raise TypeError(f"loss must be a name or a loss made by mlcraft.jit.loss, got {loss!r}") from None
        if not any(addresses):
            raise ValueError(f"the loss {loss.name!r} has no address: compile it with mlcraft.jit.loss")
    if smooth and not is_smooth:
        called = loss if isinstance(loss, str) else loss.name
        raise ValueError(f"the loss {called!r} is not smooth: it has no second derivatives (no hessian)")
    return name, addresses, has_hessian
