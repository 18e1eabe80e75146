"""The plain kernels on checked arrays: value, gradient and Hessian of a loss at a point, Gram matrix, linear predictor.

Everywhere ``eta_i = offset_i + c + x_i'b``, and coef holds (b, c), or b alone where there is no intercept, in its last
axis; a row for each class with the multinomial loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.losses import UserLoss, loss_ref

__all__ = ["bordered_gram", "curvature", "linear_predictor", "slope"]

Doubles = NDArray[np.float64]


def linear_predictor(X: Any, coef: NDArray[Any], with_intercept: bool, offset: Any) -> NDArray[Any]:
    """
    Return eta in the dtype of X, NaN and infinity where that is the result.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64, any strides.
    coef : ndarray of shape (n_features [+ 1],) or (n_classes, n_features [+ 1])
    with_intercept : bool
        Whether the last column of coef is c.
    offset : ndarray of shape (n_samples,), or (n_samples, 1) with classes, or None
        In the dtype of X.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_classes)

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft._engine.kernels import linear_predictor
    >>> linear_predictor(np.eye(2), np.array([1.0, 2.0, 3.0]), True, None)
    array([4., 5.])
    """
    X, p = readable(X)[0], X.shape[1]
    intercept = np.asarray(coef[..., p] if with_intercept else np.zeros(coef.shape[:-1]), dtype=np.float64)
    b = np.ascontiguousarray(coef[..., :p], dtype=X.dtype)
    eta = _core.predict_linear(X, b, float(intercept) if coef.ndim == 1 else intercept)
    if eta is None:  # an element is not finite
        eta = np.asarray(X @ b.T, dtype=X.dtype) + intercept.astype(X.dtype)
    return eta if offset is None else eta + offset


def slope(
    X: Any,
    y: Any,
    coef: NDArray[Any],
    loss: str | UserLoss,
    parameter: float,
    weight: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    with_intercept: bool,
) -> tuple[float, Doubles]:
    """
    Return ``sum(w_i loss(y_i, eta_i)) / sum(w_i)`` and its gradient by coef, in one pass over X.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64, any strides.
    y : ndarray of shape (n_samples,)
        In the dtype of X, coded as the loss wants it; codes of the classes for "multinomial".
    coef : ndarray of shape (n_features [+ 1],) or (n_classes, n_features [+ 1])
        The point.
    loss : str or UserLoss
        One of `mlcraft._engine.losses.LOSSES`, or a user's own. A loss with kinks gives a subgradient.
    parameter : float
        delta, epsilon or quantile, where the loss has one.
    weight, offset : ndarray of shape (n_samples,) or None
        In the dtype of X; no offset for "multinomial".
    with_intercept : bool
        Whether the last column of coef is an intercept.

    Returns
    -------
    value : float
        NaN where the weights sum to zero.
    gradient : ndarray of the shape of coef
        In float64.

    Raises
    ------
    ValueError
        If the loss is unknown, or shapes do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft._engine.kernels import slope
    >>> slope(np.eye(2), np.array([0.0, 2.0]), np.zeros(3), "squared", 0.0, None, None, True)
    (1.0, array([ 0., -1., -1.]))
    """
    value, _, gradient = _at_point(X, y, coef, loss, parameter, weight, offset, with_intercept, hess=False)
    return value, _without(gradient, coef, with_intercept)


def curvature(
    X: Any,
    y: Any,
    coef: NDArray[Any],
    loss: str | UserLoss,
    parameter: float,
    weight: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    with_intercept: bool,
) -> Doubles:
    """
    Return the Hessian of what `slope` returns, by the elements of coef: a pass, and a Gram matrix for two classes each.

    Parameters
    ----------
    X, y, coef, loss, parameter, weight, offset, with_intercept
        As for `slope`; a generalised Hessian where the gradient has kinks.

    Returns
    -------
    ndarray of shape (coef.size, coef.size)
        In float64, exactly symmetric.

    Raises
    ------
    ValueError
        If the loss has no Hessian ("hinge", "epsilon_insensitive", "quantile"), is unknown, or shapes do not agree.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft._engine.kernels import curvature
    >>> curvature(np.eye(2), np.array([0.0, 2.0]), np.zeros(2), "squared", 0.0, None, None, False)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    found = _at_point(X, y, coef, loss, parameter, weight, offset, with_intercept, hess=True)
    if with_intercept:
        return np.asarray(found)
    step = X.shape[1] + 1
    kept = np.arange(len(found)) % step < step - 1
    return np.asarray(found[np.ix_(kept, kept)])


def bordered_gram(X: Any, weight: NDArray[Any] | None, with_intercept: bool) -> Doubles:
    """
    Return ``Z' diag(w) Z`` with Z = X or (X, 1).

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64, any strides.
    weight : ndarray of shape (n_samples,) or None
        In the dtype of X. Default: all one.
    with_intercept : bool
        Whether Z has a column of ones.

    Returns
    -------
    ndarray of shape (n_features [+ 1], n_features [+ 1])
        In float64, exactly symmetric.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft._engine.kernels import bordered_gram
    >>> bordered_gram(np.array([[1.0], [2.0]]), None, True)
    array([[5., 3.],
           [3., 2.]])
    """
    X, weight = readable(X, weight)
    found = _core.moments(X, np.ones(X.shape[0], dtype=X.dtype), weight, False)
    if not with_intercept:
        return found.xx
    return np.block([[found.xx, found.xy], [found.xy.T, found.weight_sum]])


def _at_point(
    X: Any,
    y: Any,
    coef: NDArray[Any],
    loss: str | UserLoss,
    parameter: float,
    weight: Any,
    offset: Any,
    with_intercept: bool,
    *,
    hess: bool,
) -> Any:
    name, addresses, has_hessian = loss_ref(loss, X.dtype, smooth=hess)
    X, y, weight, offset = readable(X, y, weight, offset)
    point = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    if not with_intercept:
        point = np.hstack([point, np.zeros((len(point), 1))])
    return _core.at_point(X, (y, weight, offset), point, (name, float(parameter), addresses, has_hessian), hess)


def _without(gradient: Doubles, coef: NDArray[Any], with_intercept: bool) -> Doubles:
    return (gradient if with_intercept else gradient[:, :-1]).reshape(coef.shape)
