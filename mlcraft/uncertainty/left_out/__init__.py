"""Fits without some of their rows, and what they predict: by closed forms where there are any, else by refits."""

from __future__ import annotations

from mlcraft.uncertainty.left_out._door import left_out
from mlcraft.uncertainty.left_out._protocol import LeftOut
from mlcraft.uncertainty.left_out.select import order_bounds

__all__ = ["LeftOut", "left_out", "order_bounds"]
