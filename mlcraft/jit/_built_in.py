"""The scalar losses of the C++ core, written as a user would write them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ._functions import exp, softplus
from ._loss import UserLoss

Scalar = Callable[..., float]


def squared(y: float, eta: float) -> float:
    """Half of the squared error."""
    return 0.5 * (y - eta) ** 2


def logistic(y: float, eta: float) -> float:
    """Negative log likelihood; y is 0 or 1."""
    return float(softplus(eta) - y * eta)


def poisson(y: float, eta: float) -> float:
    """Negative log likelihood; y is a count."""
    return float(exp(eta) - y * eta)


def hinge(y: float, eta: float) -> float:
    """Take what a margin lacks of 1; y is -1 or 1, as in the next two."""
    return max(0.0, 1.0 - y * eta)


def squared_hinge(y: float, eta: float) -> float:
    """Square of the hinge loss."""
    return max(0.0, 1.0 - y * eta) ** 2


def modified_huber(y: float, eta: float) -> float:
    """Squared hinge loss, a line where it is beyond 4."""
    slack = max(0.0, 1.0 - y * eta)
    return slack * slack if slack <= 2.0 else -4.0 * y * eta


def huber(y: float, eta: float, delta: float) -> float:
    """Squared up to delta, then linear."""
    size = abs(y - eta)
    return 0.5 * size * size if size <= delta else delta * (size - 0.5 * delta)


def epsilon_insensitive(y: float, eta: float, epsilon: float) -> float:
    """Take what is beyond a tube."""
    return max(0.0, abs(y - eta) - epsilon)


def squared_epsilon_insensitive(y: float, eta: float, epsilon: float) -> float:
    """Square of what is beyond a tube."""
    return max(0.0, abs(y - eta) - epsilon) ** 2


def quantile(y: float, eta: float, share: float) -> float:
    """Pinball loss."""
    return share * (y - eta) if y > eta else (share - 1.0) * (y - eta)


# At a kink any slope between those of both sides will do; the core takes these.
def _hinge_slope(y: float, eta: float) -> float:
    return -y if y * eta < 1.0 else 0.0


def _tube_slope(y: float, eta: float, epsilon: float) -> float:
    return 0.0 if abs(y - eta) <= epsilon else (1.0 if eta > y else -1.0)


def _quantile_slope(y: float, eta: float, share: float) -> float:
    return 0.0 if y == eta else (-share if eta < y else 1.0 - share)


SMOOTH: tuple[Scalar, ...] = (
    squared,
    logistic,
    poisson,
    squared_hinge,
    modified_huber,
    huber,
    squared_epsilon_insensitive,
)
SLOPES: dict[Scalar, Scalar] = {
    hinge: _hinge_slope,
    epsilon_insensitive: _tube_slope,
    quantile: _quantile_slope,
}
FUNCTIONS: dict[str, Scalar] = {str(function.__name__): function for function in (*SMOOTH, *SLOPES)}
#: Bounds of the second derivatives.
CURVATURE = {
    "squared": 1.0,
    "logistic": 0.25,
    "squared_hinge": 2.0,
    "huber": 1.0,
    "squared_epsilon_insensitive": 2.0,
    "modified_huber": 2.0,
}
WITH_PARAMETER = ("huber", "epsilon_insensitive", "squared_epsilon_insensitive", "quantile")


@lru_cache(maxsize=64)
def built_in(name: str, parameter: float) -> UserLoss:
    """Return a loss by its name in the core."""
    function = FUNCTIONS[name]
    return UserLoss(
        function,
        SLOPES.get(function),
        None,
        parameter=parameter if name in WITH_PARAMETER else None,
        name=name,
        smooth=function in SMOOTH,
        y=None,
        eta=(),  # no check: they are those of the core, and tests compare them
    )
