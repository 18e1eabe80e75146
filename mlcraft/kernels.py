"""Plain kernels on arrays, for tools that bring their own algorithm; ``mlcraft.value_and_gradient`` and so on.

They check shapes and types, never values: what is NaN in the arrays is NaN in the result. float32 and float64 arrays of
any strides and CSR matrices are read in place; results are float64, and bitwise the same for any number of threads. The
interpreter lock is released.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcraft._engine.kernels import bordered_gram, curvature, linear_predictor, slope

__all__ = ["gram", "hessian", "predict_linear", "value_and_gradient"]

Doubles = NDArray[np.float64]
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def value_and_gradient(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    *,
    loss: Any,
    parameter: float = 0.0,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    alpha: float = 0.0,
) -> tuple[float, Doubles]:
    """
    Return ``sum(w_i loss(y_i, eta_i)) / sum(w_i) + alpha |b|^2 / 2`` and its gradient, ``eta = offset + X b + c``.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        float32 or float64.
    y : array-like of shape (n_samples,)
        0 and 1 for "logistic" (or anything between), -1 and 1 for the hinges and "modified_huber", 0 .. n_classes - 1
        for "multinomial", else numbers.
    coef : array-like of shape (n_features,) or (n_features + 1,); (n_classes, ...) for "multinomial"
        b; with one element more there is an intercept c, the last, which is not penalised.
    loss : str or object
        As in `mlcraft.solve`.
    parameter : float, default=0.0
        Of the loss: delta of "huber", epsilon, the quantile.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative. Default: all one.
    offset : array-like of shape (n_samples,), optional
        Added to the linear predictor; not for "multinomial".
    alpha : float, default=0.0
        L2 penalty.

    Returns
    -------
    value : float
    gradient : ndarray of the shape of coef
        An element of the subdifferential for losses with kinks.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is no such loss.

    Examples
    --------
    SciPy's L-BFGS on it:

    >>> import numpy as np
    >>> import mlcraft
    >>> from scipy.optimize import minimize
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 0.0, 1.0])
    >>> def objective(theta):
    ...     return mlcraft.value_and_gradient(X, y, theta, loss="logistic", alpha=0.1)
    >>> found = minimize(objective, np.zeros(2), jac=True, method="L-BFGS-B", tol=1e-10)
    >>> bool(np.allclose(found.x[:1], mlcraft.solve(X, y, alpha=0.1).coef, atol=1e-4))
    True
    """
    X, coef, with_intercept = _point(X, coef, loss)
    y, weight, base = _vectors(X, y, sample_weight, offset, loss)
    value, gradient = slope(X, y, coef, loss, float(parameter), weight, base, with_intercept)
    if alpha:
        b = coef[..., : X.shape[1]]
        value += alpha * float(np.vdot(b, b)) / 2
        gradient[..., : X.shape[1]] += alpha * b
    return value, gradient


def hessian(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    *,
    loss: Any,
    parameter: float = 0.0,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    alpha: float = 0.0,
) -> Doubles:
    """
    Return the matrix of second derivatives of the value of `value_and_gradient`.

    Parameters
    ----------
    X, y, coef, loss, parameter, sample_weight, offset, alpha
        As in `value_and_gradient`; the loss must have second derivatives (generalised ones where it is only piecewise
        quadratic).

    Returns
    -------
    ndarray of shape (coef.size, coef.size)
        Rows and columns in the order of ``coef.ravel()``.

    Raises
    ------
    ValueError
        If shapes do not fit, or the loss has no second derivatives.

    Examples
    --------
    Newton's method:

    >>> import numpy as np
    >>> import mlcraft
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 0.0, 1.0])
    >>> theta = np.zeros(2)
    >>> for _ in range(8):
    ...     value, gradient = mlcraft.value_and_gradient(X, y, theta, loss="logistic", alpha=0.1)
    ...     theta -= np.linalg.solve(mlcraft.hessian(X, y, theta, loss="logistic", alpha=0.1), gradient)
    >>> bool(np.abs(gradient).max() < 1e-12)
    True
    """
    X, coef, with_intercept = _point(X, coef, loss)
    y, weight, base = _vectors(X, y, sample_weight, offset, loss)
    found = curvature(X, y, coef, loss, float(parameter), weight, base, with_intercept)
    if alpha:
        size = coef.shape[-1]
        places = np.arange(coef.size).reshape(-1, size)[:, : X.shape[1]].ravel()
        found[places, places] += alpha
    return found


def gram(X: Any, sample_weight: ArrayLike | None = None, *, intercept: bool = False) -> Doubles:
    """
    Return ``X' diag(w) X``.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        float32 or float64.
    sample_weight : array-like of shape (n_samples,), optional
        Default: all one.
    intercept : bool, default=False
        Whether X gets a last column of ones, in the algebra.

    Returns
    -------
    ndarray of shape (n_features, n_features) or (n_features + 1, n_features + 1)

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import mlcraft
    >>> mlcraft.gram(np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 0.5], intercept=True)
    array([[ 5.5,  8. ,  2.5],
           [ 8. , 12. ,  4. ],
           [ 2.5,  4. ,  1.5]])
    """
    X = _matrix(X)
    return bordered_gram(X, _vector(sample_weight, "sample_weight", X), bool(intercept))


def predict_linear(X: Any, coef: ArrayLike, *, offset: ArrayLike | None = None) -> NDArray[Any]:
    """
    Return ``offset + X b + c``.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        float32 or float64.
    coef : array-like of shape (n_features,), (n_features + 1,) or (n_targets, n_features or n_features + 1)
        b; with one element more there is an intercept c, the last.
    offset : array-like of shape (n_samples,), optional
        Default: zeros.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_targets)
        In the dtype of X.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import mlcraft
    >>> mlcraft.predict_linear(np.array([[1.0, 2.0], [3.0, 4.0]]), [10.0, 1.0, 0.5])
    array([12.5, 34.5])
    """
    X, coef, with_intercept = _point(X, coef, "")
    base = _vector(offset, "offset", X)
    return linear_predictor(X, coef, with_intercept, base if base is None or coef.ndim == 1 else base[:, np.newaxis])


def _matrix(X: Any) -> Any:
    if hasattr(X, "tocsr"):
        X = X.tocsr()
    elif not isinstance(X, np.ndarray):
        X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got {X.ndim}")
    return X if X.dtype in FLOATS else X.astype(np.float64)


def _point(X: Any, coef: Any, loss: Any) -> tuple[Any, Doubles, bool]:
    """Return X, the coefficients in double, and whether an intercept is among them."""
    X = _matrix(X)
    point = np.array(coef, dtype=np.float64)
    p = X.shape[1]
    wanted = (2,) if isinstance(loss, str) and loss == "multinomial" else (1, 2) if loss == "" else (1,)
    if point.ndim not in wanted or point.shape[-1] not in (p, p + 1):
        rows = "(n_classes, ...)" if wanted == (2,) else "(...)"
        raise ValueError(f"coef must have shape {rows} with {p} or {p + 1} in its last axis, got {point.shape}")
    return X, point, point.shape[-1] == p + 1


def _vector(values: Any, name: str, X: Any) -> Any:
    if values is None:
        return None
    found = np.asarray(values, dtype=X.dtype)
    if found.shape != (X.shape[0],):
        raise ValueError(f"{name} must have shape ({X.shape[0]},), got {found.shape}")
    return found


def _vectors(X: Any, y: Any, sample_weight: Any, offset: Any, loss: Any) -> tuple[Any, Any, Any]:
    if offset is not None and isinstance(loss, str) and loss == "multinomial":
        raise ValueError("offset is not for loss='multinomial'")
    return _vector(y, "y", X), _vector(sample_weight, "sample_weight", X), _vector(offset, "offset", X)
