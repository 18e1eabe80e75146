"""What is said of a user's function that cannot be used."""

from __future__ import annotations

__all__ = ["UserFunctionError"]


class UserFunctionError(ValueError):
    """A function given to `mlcraft.jit` fails, returns something that is not a number, or has a wrong derivative.

    Attributes
    ----------
    arguments : dict of str to float
        The arguments at which it does; empty when it fails everywhere (it does not compile, say).

    Examples
    --------
    >>> from mlcraft import jit
    >>> try:
    ...     @jit.loss(gradient=lambda y, eta: y - eta)
    ...     def half_square(y, eta):
    ...         return 0.5 * (y - eta) ** 2
    ... except jit.UserFunctionError as error:
    ...     print(str(error).split(":")[0], sorted(error.arguments))
    the gradient of loss 'half_square' is wrong at y=-1, eta=-30 ['eta', 'y']
    """

    def __init__(self, message: str, **arguments: float) -> None:
        super().__init__(message)
        self.arguments = arguments


def where(**arguments: float) -> str:
    """``y=0, eta=-30``."""
    return ", ".join(f"{name}={value:.6g}" for name, value in arguments.items())
