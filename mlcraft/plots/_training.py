"""The losses of a training, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlcraft.plots._drawing import ALARM, STRONG, make_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["training_curve"]


def training_curve(model: Any, *, ax: Axes | None = None, log: bool = False) -> Axes:
    """
    Draw the losses of a training against the epochs.

    Parameters
    ----------
    model : SGDClassifier, SGDRegressor or the like
        A fitted model with `trace_`.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    log : bool, default=False
        Whether the losses have a logarithmic axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from mlcraft.linear_model import SGDRegressor
    >>> from mlcraft.plots import training_curve
    >>> X = np.random.default_rng(0).standard_normal((300, 2))
    >>> model = SGDRegressor(early_stopping=True, random_state=0).fit(X, X[:, 0])
    >>> train, held_out, *_ = training_curve(model).get_lines()
    >>> train.get_label(), held_out.get_label()[:13]
    ('rows learnt from', 'held-out rows')
    """
    trace = model.trace_
    ax = make_axes(ax, (6.4, 3.8))
    dots = "o" if len(trace) <= 40 else ""
    ax.plot(trace.epoch, trace.train_loss, color=STRONG, marker=dots, ms=3.5, label="rows learnt from")
    if np.isfinite(trace.valid_loss).any():
        best = int(np.nanargmin(trace.valid_loss))
        label = f"held-out rows, best {trace.valid_loss[best]:.3g} after epoch {trace.epoch[best]}"
        ax.plot(trace.epoch, trace.valid_loss, color=ALARM, marker=dots, ms=3.5, label=label)
        ax.plot(trace.epoch[best], trace.valid_loss[best], "o", ms=7, mfc="none", color=ALARM)
        ax.legend(frameon=False, fontsize=9)
    if log:
        ax.set_yscale("log")
    ax.set_xlabel(f"epoch ({trace.seconds[-1]:.2g} seconds in all)" if len(trace) else "epoch")
    ax.set_ylabel(f"mean loss ({getattr(model, 'loss', '')})".replace(" ()", ""))
    ax.locator_params(axis="x", integer=True)
    plain(ax)
    return ax
