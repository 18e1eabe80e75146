"""The bootstrap: how sure an estimate is, from the spread of the same estimate on resamples of the rows."""

from __future__ import annotations

from mlcraft.uncertainty.resampling._bootstrap import bootstrap
from mlcraft.uncertainty.resampling._result import BootstrapResult

__all__ = ["BootstrapResult", "bootstrap"]
