"""What stands for a user's function after decoration, and how it goes to another process."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Decorated"]


class Decorated:
    """An object made of a function, which has its name and its place.

    Parameters
    ----------
    function : callable
        The user's function.
    name : str
        What messages call it.
    """

    def __init__(self, function: Any, name: str) -> None:
        self.name = self.__name__ = name
        self.__doc__ = function.__doc__
        self.__module__ = str(getattr(function, "__module__", "__main__"))
        self.__qualname__ = str(getattr(function, "__qualname__", name))

    def _made_of(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the constructor."""
        raise NotImplementedError

    def __reduce__(self) -> str | tuple[Any, ...]:
        # The decorated name of a module is this object, not the function, which therefore cannot be pickled by name.
        place = getattr(sys.modules.get(self.__module__), self.__qualname__, None)
        if place is self and self.__module__ != "__main__":
            return str(self.__qualname__)
        return _again, (type(self), *self._made_of())


def _again(kind: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return kind(*arguments, **keywords)
