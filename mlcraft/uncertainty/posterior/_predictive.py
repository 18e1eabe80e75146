"""Averages of probabilities over normal linear predictors: in closed form but for an approximation, exactly, by draws.

With two classes the average of ``sigmoid(mu + s Z)``, Z standard normal, is an integral of one dimension. The
trapezoidal rule converges geometrically there, at a rate that the distance to the nearest pole of the integrand gives
(Trefethen and Weideman 2014): at ``i pi / s`` for the integral over Z, and at ``i pi`` for the same integral over the
values of a logistic variable. The first is taken for small s and the second for large, and the error is that of
rounding for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PredictiveParts",
    "averages_by_draws",
    "averages_of_two",
    "entropy_of",
    "pairwise_probit",
]

Doubles = NDArray[np.float64]
WIDTH, STEP = 8.5, 0.25  # of the rule over Z: the density is 2e-16 there, and exp(-2 pi^2 / STEP) smaller still
FAR, STRIDE = 40.0, 0.5  # of the rule over the logistic variable
BLOCK = 1 << 20


class PredictiveParts(NamedTuple):
    """
    What is uncertain of the label of a row, in two parts.

    Attributes
    ----------
    mean : ndarray of shape (n_samples, n_classes)
        Predictive probabilities.
    epistemic : ndarray of shape (n_samples, n_classes) or (n_samples,)
        What comes from not knowing the coefficients, which more rows of training make smaller.
    aleatoric : ndarray of the same shape
        What would be left if they were known.
    """

    mean: Doubles
    epistemic: Doubles
    aleatoric: Doubles


def pairwise_probit(eta: Doubles, spread: Doubles) -> Doubles:
    """
    Approximate average probabilities by shrinking the log odds of each pair of classes.

    ``1 / q_k = sum_j exp(-(eta_k - eta_j) / sqrt(1 + pi v_kj / 8))``, v the variance of the difference, scaled to sum
    to one. With two classes that is MacKay's approximation, which rests on the likeness of logistic and normal
    distribution; which class is the base does not matter.

    Parameters
    ----------
    eta : ndarray of shape (n_samples, n_contrasts)
        Means of the linear predictors of all classes but the first, which has zero.
    spread : ndarray of shape (n_samples, n_contrasts, n_contrasts)
        Their covariances.

    Returns
    -------
    ndarray of shape (n_samples, n_contrasts + 1)

    References
    ----------
    MacKay (1992). The evidence framework applied to classification networks. Neural Computation 4, 720-736.
    Lu, Ie and Sha (2020). Mean-field approximation to Gaussian-softmax integral. arXiv:2006.07584.
    """
    n, m = eta.shape
    means, cross = np.zeros((n, m + 1)), np.zeros((n, m + 1, m + 1))
    means[:, 1:], cross[:, 1:, 1:] = eta, spread
    own = np.einsum("nkk->nk", cross)
    variance = own[:, :, np.newaxis] + own[:, np.newaxis] - 2.0 * cross
    odds = means[:, np.newaxis] - means[:, :, np.newaxis]
    odds /= np.sqrt(1.0 + np.pi / 8.0 * np.maximum(variance, 0.0))
    top = odds.max(axis=2)
    logs = -top - np.log(np.exp(odds - top[:, :, np.newaxis]).sum(axis=2))
    found: Doubles = np.exp(logs - logs.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


def averages_of_two(mu: Doubles, s: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """
    Average over ``eta = mu + s Z`` what two classes with log odds eta have, to rounding.

    Parameters
    ----------
    mu, s : ndarray of shape (n_samples,)
        Mean and standard deviation of the log odds.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, 2)
    variance : ndarray of shape (n_samples,)
        Average of ``q (1 - q)``.
    entropy : ndarray of shape (n_samples,)
        Average of ``-q log q - (1 - q) log(1 - q)``.

    References
    ----------
    Trefethen and Weideman (2014). The exponentially convergent trapezoidal rule. SIAM Review 56, 385-458.
    """
    probability, variance, entropy = np.empty((len(mu), 2)), np.empty(len(mu)), np.empty(len(mu))
    for rows in _blocks(len(mu), int(2 * FAR / STRIDE) + 1):
        small = np.flatnonzero(s[rows] < 1.0) + rows.start
        large = np.flatnonzero(~(s[rows] < 1.0)) + rows.start
        for some, rule in ((small, _over_normal), (large, _over_logistic)):
            if len(some):
                probability[some], variance[some], entropy[some] = rule(mu[some], s[some])
    return probability, variance, entropy


def _over_normal(mu: Doubles, s: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    z = np.arange(-WIDTH, WIDTH + STEP / 2, STEP)
    weight = np.exp(-0.5 * z**2)
    weight /= weight.sum()
    q = _both(mu[:, np.newaxis] + s[:, np.newaxis] * z)
    mean = np.stack([part @ weight for part in q], axis=1)
    return mean, (q[0] * q[1]) @ weight, -((_x_log_x(q[0]) + _x_log_x(q[1])) @ weight)


def _over_logistic(mu: Doubles, s: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    from scipy.special import ndtr

    x = np.arange(-FAR, FAR + STRIDE / 2, STRIDE)
    q = _both(x)
    density = q[0] * q[1]
    away = (mu[:, np.newaxis] - x) / s[:, np.newaxis]
    mean = STRIDE * np.stack([ndtr(-away) @ density, ndtr(away) @ density], axis=1)
    mean /= mean.sum(axis=1, keepdims=True)
    normal: Doubles = np.exp(-0.5 * away**2) * (STRIDE / np.sqrt(2.0 * np.pi) / s[:, np.newaxis])
    return mean, normal @ density, -(normal @ (_x_log_x(q[0]) + _x_log_x(q[1])))


def _both(eta: Doubles) -> tuple[Doubles, Doubles]:
    from scipy.special import expit

    return expit(-eta), expit(eta)


def _x_log_x(q: Doubles) -> Doubles:
    from scipy.special import xlogy

    return np.asarray(xlogy(q, q), dtype=np.float64)


def entropy_of(q: Doubles) -> Doubles:
    """
    Return the entropy of each row of probabilities, in nats.

    Parameters
    ----------
    q : ndarray of shape (..., n_classes)

    Returns
    -------
    ndarray of shape (...)
    """
    found: Doubles = -_x_log_x(q).sum(axis=-1)
    return found


def averages_by_draws(eta: Doubles, design: Doubles, deviations: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """
    Average over draws of the coefficients what classes have.

    Parameters
    ----------
    eta : ndarray of shape (n_samples, n_contrasts)
        Linear predictors of all classes but the first, which has zero, at the mean of the coefficients.
    design : ndarray of shape (n_samples, width)
        Rows, with a constant first where there is an intercept.
    deviations : ndarray of shape (n_contrasts, width, n_draws)
        Draws of the coefficients, less their mean.

    Returns
    -------
    probabilities : ndarray of shape (n_samples, n_contrasts + 1)
    variance : ndarray of shape (n_samples, n_contrasts + 1)
        Average of ``q (1 - q)``.
    entropy : ndarray of shape (n_samples,)
        Average of the entropy.
    """
    m, width, count = deviations.shape
    sums, squares, entropy = np.zeros((len(eta), m + 1)), np.zeros((len(eta), m + 1)), np.zeros(len(eta))
    few = min(count, 256)
    for rows in _blocks(len(eta), 2 * (m + 1) * few):
        for first in range(0, count, few):
            part = deviations[:, :, first : first + few]
            drawn = part.shape[2]
            moved = (design[rows] @ part.transpose(1, 0, 2).reshape(width, m * drawn)).reshape(-1, m, drawn)
            moved += eta[rows, :, np.newaxis]
            top = np.maximum(moved.max(axis=1), 0.0)
            q = np.exp(moved - top[:, np.newaxis])
            base = np.exp(-top)
            total = q.sum(axis=1) + base
            q /= total[:, np.newaxis]
            base /= total
            entropy[rows] += (np.log(total) + top - np.einsum("nms,nms->ns", q, moved)).sum(axis=1)
            for place, one in ((slice(1, None), q), (slice(1), base[:, np.newaxis])):
                sums[rows, place] += one.sum(axis=2)
                squares[rows, place] += np.einsum("nms,nms->nm", one, one)
    probability = sums / sums.sum(axis=1, keepdims=True)
    return probability, np.maximum(sums - squares, 0.0) / count, np.maximum(entropy, 0.0) / count


def _blocks(n: int, each: int) -> Iterator[slice]:
    step = max(1, BLOCK // each)
    for first in range(0, n, step):
        yield slice(first, min(first + step, n))
