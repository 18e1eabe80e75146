"""What goes together: losses, penalties and solvers as data. Nothing else in the package decides it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

__all__ = [
    "LOSSES",
    "PENALTIES",
    "SOLVERS",
    "Loss",
    "Solver",
    "loss_of",
    "penalty_name",
    "refuse_unless_allowed",
    "solvers_for",
]


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Traits of a loss.

    Attributes
    ----------
    name : str
    smooth : bool
        Whether it has a gradient everywhere.
    target : str
        What y holds: "number", "count" (not negative), "zero_one" and "signs" (two labels, coded so), "classes".
    parameter : str
        Name of its parameter, or "".
    default : float
        Of the parameter.
    """

    name: str
    smooth: bool
    target: str
    parameter: str = ""
    default: float = 0.0


@dataclass(frozen=True, slots=True)
class Solver:
    """
    Traits of a solver.

    Attributes
    ----------
    name : str
    losses : str
        "squared", "smooth", "boxes" (whose slope lies between two numbers, with a quadratic dual) or "all".
    penalties : frozenset of str
        Names in `PENALTIES`.
    stochastic : bool
        Whether it looks at some rows at a time.
    """

    name: str
    losses: str
    penalties: frozenset[str]
    stochastic: bool = False

    def takes_loss(self, loss: Loss) -> bool:
        """Tell whether it minimises this loss."""
        return {
            "squared": loss.name == "squared",
            "smooth": loss.smooth,
            "boxes": loss.name in BOXES,
            "all": True,
        }[self.losses]

    def wants(self) -> str:
        """Say what it needs, for a refusal."""
        losses = {
            "squared": "loss='squared'",
            "smooth": "a smooth loss",
            "boxes": "one of the losses " + ", ".join(map(repr, sorted(BOXES))),
            "all": "any loss",
        }[self.losses]
        if self.penalties == PROX:
            return f"{losses} and any penalty"
        return f"{losses} and a penalty among " + ", ".join(repr(name) for name in PENALTIES if name in self.penalties)


BOXES: Final = frozenset({"hinge", "epsilon_insensitive", "quantile"})
#: Every penalty: none, those with an L2 part only, and those that need a proximal step.
PENALTIES: Final = ("none", "l2", "l1", "elastic_net", "box", "group", "user")
RIDGE: Final = frozenset({"none", "l2"})
PROX: Final = frozenset(PENALTIES)

LOSSES: Final = {
    loss.name: loss
    for loss in (
        Loss("squared", True, "number"),
        Loss("logistic", True, "zero_one"),
        Loss("multinomial", True, "classes"),
        Loss("squared_hinge", True, "signs"),
        Loss("hinge", False, "signs"),
        Loss("modified_huber", True, "signs"),
        Loss("huber", True, "number", "delta", 1.35),
        Loss("epsilon_insensitive", False, "number", "epsilon", 0.1),
        Loss("squared_epsilon_insensitive", True, "number", "epsilon", 0.1),
        Loss("quantile", False, "number", "quantile", 0.5),
        Loss("poisson", True, "count"),
    )
}

SOLVERS: Final = {
    solver.name: solver
    for solver in (
        Solver("direct", "squared", RIDGE),
        Solver("gram", "squared", PROX),
        Solver("newton", "smooth", RIDGE),
        Solver("lbfgs", "smooth", RIDGE),
        Solver("newton-cg", "smooth", RIDGE),
        Solver("dual", "boxes", frozenset({"none", "l2", "l1", "elastic_net"})),
        Solver("gd", "smooth", PROX),
        Solver("momentum", "smooth", PROX),
        Solver("nesterov", "smooth", PROX),
        Solver("fista", "smooth", PROX),
        Solver("adagrad", "all", PROX),
        Solver("rmsprop", "all", PROX),
        Solver("adam", "all", PROX),
        Solver("sgd", "all", PROX, stochastic=True),
        Solver("svrg", "smooth", PROX, stochastic=True),
        Solver("saga", "smooth", PROX, stochastic=True),
    )
}


def loss_of(loss: Any) -> Loss:
    """
    Return the traits of a loss.

    Parameters
    ----------
    loss : str or object
        A name in `LOSSES`, or a user's loss: an object with `name`, `smooth`, `has_hessian` and its addresses.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If there is no such loss.
    """
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if hasattr(loss, "address64") and hasattr(loss, "address32"):
        return Loss("user", bool(getattr(loss, "smooth", True)), "number")
    names = ", ".join(map(repr, LOSSES))
    raise ValueError(f"loss must be one of {names}, or made by mlcraft.jit.loss; got {loss!r}")


def penalty_name(penalty: Any) -> str:
    """
    Return the name of a penalty.

    Parameters
    ----------
    penalty : None, str or object
        None, a name in `PENALTIES`, or a user's penalty: an object with `prox_address` and `value_address`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no such penalty.
    """
    if penalty is None:
        return "none"
    if isinstance(penalty, str) and penalty in PENALTIES and penalty != "user":
        return penalty
    if hasattr(penalty, "prox_address") and hasattr(penalty, "value_address"):
        return "user"
    names = ", ".join(repr(name) for name in PENALTIES if name not in ("none", "user"))
    raise ValueError(f"penalty must be None, one of {names}, or made by mlcraft.jit.penalty; got {penalty!r}")


def solvers_for(loss: Any = "logistic", penalty: Any = None) -> tuple[str, ...]:
    """
    Return the solvers of `mlcraft.solve` that minimise a loss with a penalty.

    Parameters
    ----------
    loss : str or object, default="logistic"
        As in `mlcraft.solve`.
    penalty : None, str or object, default=None
        As in `mlcraft.solve`.

    Returns
    -------
    tuple of str
        Names for ``solve(solver=...)``.

    Raises
    ------
    ValueError
        If there is no such loss or penalty.

    Examples
    --------
    >>> import mlcraft
    >>> mlcraft.solvers_for("logistic", "l1")
    ('gd', 'momentum', 'nesterov', 'fista', 'adagrad', 'rmsprop', 'adam', 'sgd', 'svrg', 'saga')
    >>> mlcraft.solvers_for("hinge", "l2")
    ('dual', 'adagrad', 'rmsprop', 'adam', 'sgd')
    """
    traits, name = loss_of(loss), penalty_name(penalty)
    return tuple(key for key, solver in SOLVERS.items() if solver.takes_loss(traits) and name in solver.penalties)


def refuse_unless_allowed(solver: str, loss: Loss, penalty: str) -> None:
    """
    Raise if a solver does not minimise a loss with a penalty, and say which would.

    Parameters
    ----------
    solver : str
        "auto" or a name in `SOLVERS`.
    loss : Loss
    penalty : str
        A name in `PENALTIES`.

    Raises
    ------
    ValueError
        If there is no such solver, or it does not go with the rest.
    """
    if solver == "auto":
        return
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {_listed(['auto', *SOLVERS])}; got {solver!r}")
    chosen = SOLVERS[solver]
    if chosen.takes_loss(loss) and penalty in chosen.penalties:
        return
    others = [key for key, other in SOLVERS.items() if other.takes_loss(loss) and penalty in other.penalties]
    raise ValueError(
        f"solver={solver!r} cannot minimise loss={loss.name!r} with penalty={penalty!r}: it needs {chosen.wants()}. "
        f"Solvers that would do: {_listed(others)}, or solver='auto'"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
