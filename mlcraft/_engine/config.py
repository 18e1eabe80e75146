"""Which engine computes, by thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Engine = Literal["cpp", "numba"]
_ENGINES = get_args(Engine)


class _State(threading.local):
    engine: Engine = "cpp"


_state = _State()


def get_config() -> dict[str, str]:
    """
    Return the settings of the calling thread.

    Returns
    -------
    dict
        ``engine``: ``"cpp"`` (the compiled core) or ``"numba"`` (readable twins of its kernels, compiled by Numba).

    Examples
    --------
    >>> import mlcraft
    >>> mlcraft.get_config()
    {'engine': 'cpp'}
    """
    return {"engine": _state.engine}


def set_config(*, engine: Engine | None = None) -> None:
    """
    Change the settings of the calling thread.

    Parameters
    ----------
    engine : {"cpp", "numba"}, optional
        What computes. Default: leave it as it is.

    Raises
    ------
    ValueError
        If there is no such engine.
    """
    if engine is None:
        return
    if engine not in _ENGINES:
        raise ValueError(f"engine must be one of {', '.join(map(repr, _ENGINES))}, got {engine!r}")
    _state.engine = engine


@contextmanager
def config_context(*, engine: Engine | None = None) -> Iterator[None]:
    """
    Change the settings within a ``with`` block.

    Parameters
    ----------
    engine : {"cpp", "numba"}, optional
        What computes. Default: leave it as it is.

    Examples
    --------
    >>> import numpy as np
    >>> import mlcraft
    >>> from mlcraft.linear_model import LinearRegression
    >>> X, y = np.arange(12.0).reshape(6, 2) ** 2, np.arange(6.0)
    >>> with mlcraft.config_context(engine="numba"):
    ...     model = LinearRegression().fit(X, y)
    """
    before = _state.engine
    set_config(engine=engine)
    try:
        yield
    finally:
        _state.engine = before
