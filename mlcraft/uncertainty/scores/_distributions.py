"""Scores of predictive distributions: continuous ranked probability score, pinball loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty.scores._checks import checked_matrix, checked_numbers
from mlcraft.uncertainty.scores._estimate import Estimate, mean_estimate

__all__ = ["checked_spread", "crps", "pinball_loss", "which_form"]

Doubles = NDArray[np.float64]
BLOCK = 1 << 18  # numbers of samples that are sorted at once


def which_form(**given: Any) -> str:
    """Return the name of the one form in which a distribution is given; raise if it is none or several."""
    found = [name for name, value in given.items() if value is not None]
    if len(found) != 1:
        said = f"got {' and '.join(found)}" if found else "got none"
        raise ValueError(f"give the distribution in one form, {', '.join(given)}: {said}")
    return found[0]


def checked_spread(std: Any, n: int) -> Doubles:
    """Return standard deviations, none of them negative."""
    if std is None:
        raise ValueError("mean= needs std=: the standard deviations of the predictive distributions")
    found = checked_numbers(std, "std", n)
    if (found < 0).any():
        raise ValueError(f"std must not be negative, got {found[found < 0][0]:g}")
    return found


def checked_levels(levels: Any, columns: int) -> Doubles:
    """Return levels of quantiles, increasing, one for each column."""
    if levels is None:
        raise ValueError("quantiles= needs levels=: which quantiles the columns are, such as [0.1, 0.5, 0.9]")
    found: Doubles = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    if found.shape != (columns,):
        raise ValueError(f"levels must hold one number for each of the {columns} columns, got shape {found.shape}")
    if not ((found > 0) & (found < 1)).all() or (np.diff(found) <= 0).any():
        raise ValueError(f"levels must increase and lie between 0 and 1, got {found.tolist()}")
    return found


def crps(
    y: Any,
    *,
    mean: Any = None,
    std: Any = None,
    samples: Any = None,
    quantiles: Any = None,
    levels: Any = None,
    fair: bool = False,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
) -> Estimate:
    """
    Estimate the mean continuous ranked probability score of predictive distributions, the lower the better.

    ``integral (F(t) - 1{y <= t})^2 dt``, in the units of y: of a distribution in one point the absolute error [1]_. It
    is strictly proper: nobody expects to score better than with the distribution he believes in.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came.
    mean, std : array-like of shape (n_samples,) or float, default=None
        Normal distributions.
    samples : array-like of shape (n_samples, n_draws), default=None
        Draws of each distribution.
    quantiles : array-like of shape (n_samples, n_levels), default=None
        Quantiles of each distribution, with `levels`. The score is then ``2 sum_k v_k pinball_k``, v_k the length of
        the levels that are nearest to level k: for levels (k - 1/2) / m that of m draws.
    levels : array-like of shape (n_levels,), default=None
        Levels of the quantiles, increasing.
    fair : bool, default=False
        Whether draws stand for a distribution that more draws would show better: its expected score is estimated then
        without the bias of few draws [2]_. Else draws are the distribution.
    sample_weight, clusters, level
        As for `coverage`.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If the distribution is given in no form or in several, shapes do not agree, or something is NaN.

    References
    ----------
    .. [1] Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378.
    .. [2] Ferro (2014), Fair scores for ensemble forecasts, QJRMS 140, 1917-1923.

    Examples
    --------
    >>> from mlcraft.uncertainty import crps
    >>> round(crps([0.0, 1.0, -0.5], mean=[0.0, 0.5, 0.0], std=1.0).value, 4)
    0.2988
    >>> crps([0.0, 1.0], samples=[[-1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]).values.round(4)
    array([0.2222, 0.    ])
    """
    y = checked_numbers(y, "y")
    form = which_form(mean=mean, samples=samples, quantiles=quantiles)
    if form == "mean":
        values = _of_normal(y, checked_numbers(mean, "mean", len(y)), checked_spread(std, len(y)))
    elif form == "samples":
        draws = checked_matrix(samples, "samples", len(y))
        if fair and draws.shape[1] < 2:
            raise ValueError("fair=True needs at least two draws of each distribution")
        values = _of_draws(y, draws, fair)
    else:
        table = checked_matrix(quantiles, "quantiles", len(y))
        steps = checked_levels(levels, table.shape[1])
        edges = np.concatenate([[0.0], 0.5 * (steps[1:] + steps[:-1]), [1.0]])
        values = 2.0 * (_pinball(y, table, steps) @ np.diff(edges))
    return mean_estimate(values, sample_weight=sample_weight, clusters=clusters, level=level, name="CRPS")


def _of_normal(y: Doubles, mean: Doubles, std: Doubles) -> Doubles:
    """Return s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (y - mean) / s; |y - mean| for s = 0."""
    from scipy.special import erf

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.abs(y - mean) / std
        density = np.exp(-0.5 * z * z) * math.sqrt(2.0 / math.pi)
        # s z is the distance itself; erf(z / sqrt 2) = 2 Phi(z) - 1
        found: Doubles = np.abs(y - mean) * erf(z / math.sqrt(2.0)) + std * (density - 1.0 / math.sqrt(math.pi))
    return np.where(std > 0, found, np.abs(y - mean))


def _of_draws(y: Doubles, draws: Doubles, fair: bool) -> Doubles:
    """Return mean |x - y| - half the mean distance of two draws, by one sort of each row."""
    n, m = draws.shape
    # sum_{j<k} (x_(k) - x_(j)) = sum_k (2 k - m - 1) x_(k), over m^2 pairs, or m (m - 1) of different draws
    rank = (2.0 * np.arange(1, m + 1) - m - 1.0) / (m * (m - 1.0) if fair else float(m * m))
    found = np.empty(n)
    step = max(1, BLOCK // m)
    for first in range(0, n, step):
        block = draws[first : first + step] - y[first : first + step, np.newaxis]
        block.sort(axis=1)
        found[first : first + step] = np.abs(block).mean(axis=1) - block @ rank
    return found


def _pinball(y: Doubles, table: Doubles, levels: Doubles) -> Doubles:
    miss = y[:, np.newaxis] - table
    found: Doubles = np.maximum(levels * miss, (levels - 1.0) * miss)
    return found


def pinball_loss(
    y: Any,
    prediction: Any,
    quantile: Any = 0.5,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    level: float = 0.95,
) -> Estimate:
    """
    Estimate the mean pinball loss of predicted quantiles, the lower the better.

    ``max(q (y - p), (q - 1)(y - p))``, smallest in expectation for the quantile q [1]_.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        What came.
    prediction : array-like of shape (n_samples,) or (n_samples, n_quantiles)
        Predicted quantiles.
    quantile : float or array-like of shape (n_quantiles,), default=0.5
        Which quantiles; of several the mean over all is estimated.
    sample_weight, clusters, level
        As for `coverage`.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If shapes do not agree, something is NaN, or a quantile does not lie between 0 and 1.

    References
    ----------
    .. [1] Koenker and Bassett (1978), Regression quantiles, Econometrica 46, 33-50.

    Examples
    --------
    >>> from mlcraft.uncertainty import pinball_loss
    >>> pinball_loss([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], 0.9).values.round(2)
    array([0.1, 0. , 0.9])
    """
    y = checked_numbers(y, "y")
    table = np.asarray(prediction, dtype=np.float64)
    table = checked_matrix(table[:, np.newaxis] if table.ndim == 1 else table, "prediction", len(y))
    loss = _pinball(y, table, checked_levels(quantile, table.shape[1]))
    name = "pinball loss" if table.shape[1] > 1 else f"pinball loss at {float(np.ravel(quantile)[0]):g}"
    return mean_estimate(loss.mean(axis=1), sample_weight=sample_weight, clusters=clusters, level=level, name=name)
