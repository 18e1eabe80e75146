"""Locks for objects that must stay plain data: copied, cloned and pickled without one."""

import os
import threading
from typing import Any

__all__ = ["lock_of"]

_NUMBER = 61  # objects share locks now and then, which costs them a wait


_locks: list[Any] = [threading.RLock() for _ in range(_NUMBER)]


def _renew() -> None:
    _locks[:] = [threading.RLock() for _ in range(_NUMBER)]


if hasattr(os, "register_at_fork"):  # a lock that another thread held would stay locked in the child for ever
    os.register_at_fork(after_in_child=_renew)


def lock_of(owner: Any) -> Any:
    """
    Return the lock of an object, the same one for as long as it lives.

    Parameters
    ----------
    owner : object
        Any object.

    Returns
    -------
    threading.RLock
        May be that of other objects too: never wait for another thread while holding it.
    """
    return _locks[id(owner) // 16 % _NUMBER]
