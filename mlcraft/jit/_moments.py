"""Weighted first and second moments: everything least squares needs to know about the data."""

from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Doubles, Floats, design_matrix, raise_not_finite, targets, weights
from ._gram import shifted_gram

SAMPLE_ROWS = 64
MOST_PASSES = 3  # one is the rule


class Moments(TypedDict):
    """Sum of weights, means, and centred second moments of ``X`` (p columns) and ``y`` (k columns)."""

    weight_sum: float
    x_mean: Doubles
    y_mean: Doubles
    xx: Doubles
    xy: Doubles
    yy: Doubles


def moments(X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, fit_intercept: bool = True) -> Moments:
    r"""Weighted moments of ``X`` and ``y`` in one pass that does not cancel.

    With :math:`W = \sum_i w_i`, :math:`\bar x = \sum_i w_i x_i / W` and likewise :math:`\bar y`,

    .. math:: S_{xx} = \sum_i w_i (x_i - \bar x)(x_i - \bar x)', \quad
              S_{xy} = \sum_i w_i (x_i - \bar x)(y_i - \bar y)', \quad
              S_{yy} = \sum_i w_i (y_i - \bar y)^2 .

    The mean is not known before the pass, so the columns are shifted by the mean :math:`s` of a few rows, and
    what is left of the mean is taken out afterwards, for instance

    .. math:: S_{xx} = \sum_i w_i (x_i - s)(x_i - s)' - W (\bar x - s)(\bar x - s)' .

    Where this difference would still lose digits (the few rows were not typical), the pass is repeated from
    :math:`\bar x`.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Float32 or float64, any strides; other numbers are converted to float64.
    y : array-like of shape (n,) or (n, k)
        One or several targets.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights; by default all one.
    fit_intercept : bool, default=True
        If False, the means are reported as zero and the second moments are taken around zero.

    Returns
    -------
    dict
        ``weight_sum`` (float), ``x_mean`` (p,), ``y_mean`` (k,), ``xx`` (p, p), ``xy`` (p, k), ``yy`` (k,);
        all in float64.

    Raises
    ------
    ValueError
        If a shape does not fit, a weight is negative, or a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.jit import moments
    >>> X = np.array([[1.0], [2.0], [3.0]])
    >>> found = moments(X + 1e8, [1.0, 2.0, 6.0])
    >>> found["x_mean"], found["xx"], found["xy"].ravel()
    (array([1.00000002e+08]), array([[2.]]), array([5.]))
    """
    matrix = design_matrix(X)
    response = targets(y, matrix)
    weight = weights(sample_weight, matrix.shape[0])
    p = matrix.shape[1]
    shift = np.concatenate(sample_origin(matrix, response, weight))
    if not fit_intercept:
        shift[:] = 0.0
    weight_sum, mean, second = _pass(matrix, response, weight, shift, fit_intercept)
    return Moments(
        weight_sum=weight_sum,
        x_mean=mean[:p],
        y_mean=mean[p:],
        xx=second[:p, :p],
        xy=second[:p, p:],
        yy=np.diag(second)[p:].copy(),
    )


def _pass(X: Floats, Y: Floats, weight: Doubles, shift: Doubles, centred: bool) -> tuple[float, Doubles, Doubles]:
    """Sum of weights, mean and second moments of ``[X, Y]``."""
    for _ in range(MOST_PASSES):
        gram, sums, weight_sum = shifted_gram(X, Y, weight, shift)
        if not np.isfinite(gram).all():
            raise_not_finite(X=X, y=Y)
        if not centred:
            return weight_sum, np.zeros_like(shift), gram
        drift = sums / weight_sum
        mean = shift + drift
        cancels = drift**2 > 0.99 * np.diag(gram) / weight_sum  # more than two digits
        if not (cancels & (mean != shift)).any():
            break
        shift = mean
    return weight_sum, mean, gram - weight_sum * np.outer(drift, drift)


def sample_origin(X: Floats, Y: Floats, weight: Doubles) -> tuple[Doubles, Doubles]:
    """Means of a few rows, evenly spaced over those of positive weight; exact for a constant column."""
    if weight.size:
        positive = np.flatnonzero(weight)
        rows = positive[_evenly_spaced(positive.size)]
    else:
        rows = _evenly_spaced(X.shape[0])
    return _middle(X[rows]), _middle(Y[rows])


def _evenly_spaced(n: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.linspace(0, n - 1, min(n, SAMPLE_ROWS)).astype(np.intp)


def _middle(sample: Floats) -> Doubles:
    first = sample[0].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return first + (sample - first).mean(axis=0)  # type: ignore[no-any-return]
