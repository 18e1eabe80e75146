"""What a fit by likelihood leaves besides its coefficients: the information at the solution, never the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.factor import Factor
from mlcraft._engine.few_rows import CONSTANT, information_of_few, look_at_few
from mlcraft._engine.least_squares import NonFiniteError, fit_least_squares, predict_linear
from mlcraft._engine.spectrum import one_blas_thread

__all__ = [
    "LikelihoodFit",
    "information_factor",
    "information_matrix",
    "linear_predictors",
    "probabilities",
    "remember_likelihood",
    "row_blocks",
]

Doubles = NDArray[np.float64]
SMALL = 1 << 14  # elements of X up to which calls cost more than sums
BLOCK = 1 << 18  # elements of X that are in double precision at once
ONE_THREAD = 4096
CHEAP = 2e8  # multiplications of the information that a fit makes unasked: some milliseconds
CERTAIN = 1e-7  # distance from 0 or 1 at which a probability counts as certain


@dataclass(frozen=True)
class LikelihoodFit:
    """
    What a logistic or multinomial fit remembers of its rows.

    With z = (1, x - mean) and q the probabilities of the classes but the first, the information is
    ``sum w_i (diag(q_i) - q_i q_i') (x) z_i z_i'``, kept as a `factor` for two classes and as a `matrix` for more.

    Attributes
    ----------
    n_samples : int
        Number of rows with a weight that is not zero.
    log_likelihood : float
        Weighted; with Firth's penalty its half logarithm of the determinant is in it.
    class_weights : ndarray of shape (n_classes,)
        Sums of the weights of the rows of each class, class weights included.
    own_weight : ndarray of shape (n_classes,) or None
        Over the rows of each class, the weighted sum of the probability of that class. None where the rows were not
        looked at again.
    n_certain : int or None
        Number of rows to which the fit gives a probability of 0 or 1 but for rounding. None as above.
    penalty, intercept_penalty : float
        ``penalty |coef|^2 / 2`` was subtracted from the log-likelihood: scikit-learn's 1 / C.
    fit_intercept : bool
        Whether there was an intercept.
    class_factors : ndarray of shape (n_classes,) or None
        What weights of the classes were multiplied with.
    factor : Factor or None
        Of the information of two classes, where it was cheap.
    matrix : ndarray of shape (n_parameters, n_parameters) or None
        Information of more classes, by class and then (prediction at the mean, coef), without the penalty.
    mean : ndarray of shape (n_features,) or None
        The centre of `matrix`.
    firth : bool
        Whether half the logarithm of the determinant of the information was added to the log-likelihood.
    null : float or None
        With `firth`, the same of the model without columns.
    """

    n_samples: int
    log_likelihood: float
    class_weights: Doubles
    own_weight: Doubles | None = None
    n_certain: int | None = None
    penalty: float = 0.0
    intercept_penalty: float = 0.0
    fit_intercept: bool = True
    class_factors: Doubles | None = None
    factor: Factor | None = None
    matrix: Doubles | None = None
    mean: Doubles | None = None
    firth: bool = False
    null: float | None = None

    @property
    def null_log_likelihood(self) -> float:
        """Log-likelihood of the model without columns."""
        if self.null is not None:
            return self.null
        total = float(self.class_weights.sum())
        if not self.fit_intercept:
            return -total * float(np.log(len(self.class_weights)))
        some = self.class_weights[self.class_weights > 0]
        return float(some @ np.log(some / total))


def row_blocks(X: Any, size: int = BLOCK) -> Iterator[tuple[slice, Doubles]]:
    """
    Yield the rows in blocks of about `size` elements, dense and in double precision.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    size : int

    Yields
    ------
    rows : slice
    block : ndarray of shape (m, n_features)
    """
    n, p = X.shape
    step = max(64, size // max(p, 1))
    dense = isinstance(X, np.ndarray)
    if not dense:
        X = X.tocsr()
    for first in range(0, n, step):
        rows = slice(first, min(first + step, n))
        part = X[rows]
        yield rows, np.asarray(part if dense else part.toarray(), dtype=np.float64)


def linear_predictors(X: Any, coef: Doubles, intercept: Doubles) -> Doubles:
    """
    Return ``X @ coef.T + intercept`` in double precision, whatever the dtype of X.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    coef : ndarray of shape (m, n_features)
    intercept : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (n_samples, m)
    """
    if not isinstance(X, np.ndarray):
        return np.asarray(X @ coef.T, dtype=np.float64) + intercept
    if X.dtype == np.float64:
        return np.asarray(predict_linear(X, np.ascontiguousarray(coef), np.ascontiguousarray(intercept)))
    found = np.empty((X.shape[0], len(coef)))
    for rows, block in row_blocks(X):
        found[rows] = block @ coef.T + intercept
    return found


def probabilities(eta: Doubles) -> Doubles:
    """
    Return the probabilities of all classes, each to full relative accuracy.

    Parameters
    ----------
    eta : ndarray of shape (n_samples, m)
        Linear predictors of all classes but the first, which has zero.

    Returns
    -------
    ndarray of shape (n_samples, m + 1)
    """
    found = np.zeros((len(eta), eta.shape[1] + 1))
    if eta.shape[1] == 1:
        from scipy.special import expit

        expit(eta[:, 0], out=found[:, 1])
        expit(-eta[:, 0], out=found[:, 0])
        return found
    found[:, 1:] = eta
    found -= found.max(axis=1, keepdims=True)
    np.exp(found, out=found)
    found /= found.sum(axis=1, keepdims=True)
    return found


def information_factor(
    X: Any,
    coef: Any,
    intercept: Any,
    sample_weight: NDArray[Any] | None = None,
    penalty: float = 0.0,
    fit_intercept: bool = True,
) -> Factor | None:
    """
    Factorise the information of a logistic fit: the weighted cross-products with weights ``w mu (1 - mu)``.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64.
    coef : array-like of shape (n_features,) or (1, n_features)
    intercept : float or array-like of shape (1,)
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows.
    penalty : float, default=0.0
        Added to the diagonal: 1 / C.
    fit_intercept : bool, default=True
        Whether there is an intercept.

    Returns
    -------
    Factor or None
        None where the fit is so certain of every row that nothing is left, or X has no more rows than columns.
    """
    eta = linear_predictors(X, np.reshape(np.asarray(coef, dtype=np.float64), (1, -1)), np.ravel(intercept))
    q = probabilities(eta)
    hessian = q[:, 0] * q[:, 1]
    if sample_weight is not None:
        hessian *= sample_weight
    return _factor_with(X, hessian, penalty, fit_intercept)


def _factor_with(X: Any, hessian: Doubles, penalty: float, fit_intercept: bool) -> Factor | None:
    weight = hessian.astype(X.dtype, copy=False)
    if X.shape[0] <= X.shape[1] or not weight.sum() > np.finfo(X.dtype).tiny:
        return None
    try:
        fit = fit_least_squares(
            X, np.zeros(len(weight), dtype=X.dtype), sample_weight=weight, alpha=penalty, fit_intercept=fit_intercept
        )
    except NonFiniteError:
        return None
    return None if fit.factor is None or fit.factor.dual else fit.factor


@one_blas_thread()
def information_matrix(X: Any, q: Doubles, weight: Doubles, fit_intercept: bool) -> tuple[Doubles, Doubles]:
    """
    Compute the information of a logistic or multinomial fit in blocks of rows, about the means of the columns.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    q : ndarray of shape (n_samples, m)
        Probabilities of all classes but one.
    weight : ndarray of shape (n_samples,)
    fit_intercept : bool

    Returns
    -------
    matrix : ndarray of shape (m * n, m * n), n = n_features + fit_intercept
        By class, then by (prediction at the mean, coef). Zero rows and columns for features without spread.
    mean : ndarray of shape (n_features,)
        Zeros without an intercept.
    """
    p, m = X.shape[1], q.shape[1]
    mean, width = np.zeros(p), p + fit_intercept
    if fit_intercept:
        spread = weight * (q * (1.0 - q)).sum(axis=1)
        mean = np.asarray(X.T @ spread, dtype=np.float64) / max(float(spread.sum()), np.finfo(np.float64).tiny)
    found = np.zeros((m, width, m, width))
    largest = np.zeros(p)
    for rows, block in row_blocks(X):
        Z = np.ones((len(block), width))
        np.subtract(block, mean, out=Z[:, width - p :])
        np.maximum(largest, np.abs(Z[:, width - p :]).max(axis=0, initial=0.0), out=largest)
        part, w = q[rows], weight[rows]
        for k in range(m):
            for other in range(k + 1):
                size = w * part[:, k] * ((k == other) - part[:, other])
                found[k, :, other] += Z.T @ (size[:, np.newaxis] * Z)
    for k in range(m):
        for other in range(k):
            found[other, :, k] = found[k, :, other].T
    if fit_intercept:
        flat = np.flatnonzero(largest <= CONSTANT * np.abs(mean)) + 1
        found[:, flat] = 0.0
        found[:, :, :, flat] = 0.0
    return found.reshape(m * width, m * width), mean


def remember_likelihood(
    X: Any,
    codes: NDArray[Any],
    coef: Any,
    intercept: Any,
    sample_weight: NDArray[Any] | None = None,
    *,
    n_classes: int,
    objective: float | None = None,
    penalty: float = 0.0,
    intercept_penalty: float = 0.0,
    fit_intercept: bool = True,
    class_factors: Doubles | None = None,
    effort: float = CHEAP,
) -> LikelihoodFit:
    """
    Keep what inference needs of the rows of a fit.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64.
    codes : ndarray of shape (n_samples,)
        Class of each row: 0, 1, ..., as integers or in the dtype of X.
    coef : ndarray of shape (1, n_features), (n_features,) or (n_classes, n_features)
    intercept : ndarray of shape (1,), () or (n_classes,)
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the fit, class weights included.
    n_classes : int
    objective : float, optional
        ``-log_likelihood / sum(w)`` plus the penalties over the same sum; computed if None.
    penalty, intercept_penalty : float, default=0.0
        1 / C, and what a penalised intercept has in its place.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    class_factors : ndarray of shape (n_classes,), optional
        Weights of the classes, which `sample_weight` holds already.
    effort : float, default=2e8
        Multiplications that the information may cost; where it would be more it is left out.

    Returns
    -------
    LikelihoodFit
    """
    slopes = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    constants = np.asarray(intercept, dtype=np.float64).ravel()
    if sample_weight is None:
        n_samples = len(codes)
        sums: Doubles = np.bincount(codes.astype(np.intp, copy=False), minlength=n_classes).astype(np.float64)
    else:
        n_samples = int(np.count_nonzero(sample_weight))
        sums = np.bincount(codes.astype(np.intp, copy=False), sample_weight, n_classes).astype(np.float64)
    total = float(sums.sum())
    likelihood = np.nan
    if objective is not None:
        penalties = 0.5 * (penalty * float(np.vdot(slopes, slopes)))
        if intercept_penalty:
            penalties += 0.5 * intercept_penalty * float(constants @ constants)
        likelihood = penalties - objective * total
    seen: dict[str, Any] = {}
    if objective is None or X.shape[0] * float((n_classes - 1) * (X.shape[1] + 4)) ** 2 <= effort:
        look = _look_at_two if n_classes == 2 else _look_at_many
        seen = look(X, codes, slopes, constants, sample_weight, fit_intercept, None if intercept_penalty else penalty)
        own: Doubles = seen["own_weight"]
        if n_classes == 2:
            own[0] += sums[0]
        if objective is None:
            likelihood = _log_likelihood(X, codes, slopes, constants, sample_weight)
    return LikelihoodFit(
        n_samples,
        likelihood,
        sums,
        penalty=penalty,
        intercept_penalty=intercept_penalty,
        fit_intercept=fit_intercept,
        class_factors=class_factors,
        **seen,
    )


def _look_at_two(
    X: Any,
    codes: NDArray[Any],
    slopes: Doubles,
    constants: Doubles,
    sample_weight: NDArray[Any] | None,
    fit_intercept: bool,
    penalty: float | None,
) -> dict[str, Any]:
    """Information and fitted probabilities of two classes, in as few passes as there can be."""
    few = isinstance(X, np.ndarray) and X.size <= SMALL
    if few and X.dtype == codes.dtype == np.float64:
        return look_at_few(X, codes, slopes, constants, sample_weight, fit_intercept)
    eta = linear_predictors(X, slopes, constants)[:, 0]
    small = np.exp(-np.abs(eta))
    large = 1.0 / (1.0 + small)
    small *= large  # the smaller of mu and 1 - mu, to all its digits
    hessian = small * large
    mu = np.where(eta > 0, large, small)
    certain = int((hessian < CERTAIN).sum())
    if sample_weight is not None:
        mu *= sample_weight
        hessian *= sample_weight
    # a BLAS may share a long dot product among its threads, and the sum would depend on how many there are
    second = float(mu @ codes if len(mu) <= ONE_THREAD else mu[codes > 0].sum())
    seen: dict[str, Any] = {"own_weight": np.array([second - float(mu.sum()), second]), "n_certain": certain}
    if few:
        seen["matrix"], seen["mean"] = information_of_few(X, hessian, fit_intercept)
    elif penalty is not None:
        seen["factor"] = _factor_with(X, hessian, penalty, fit_intercept)
    return seen


def _look_at_many(
    X: Any,
    codes: NDArray[Any],
    slopes: Doubles,
    constants: Doubles,
    sample_weight: NDArray[Any] | None,
    fit_intercept: bool,
    _penalty: float | None,
) -> dict[str, Any]:
    """Information and fitted probabilities of more than two classes."""
    q = probabilities(linear_predictors(X, slopes[1:] - slopes[0], constants[1:] - constants[0]))
    weight = np.ones(len(q)) if sample_weight is None else sample_weight.astype(np.float64)
    labels = codes.astype(np.intp, copy=False)
    matrix, mean = information_matrix(X, q[:, 1:], weight, fit_intercept)
    return {
        "own_weight": np.bincount(labels, weight * q[np.arange(len(q)), labels], q.shape[1]),
        "n_certain": int(np.count_nonzero(q.max(axis=1) > 1.0 - CERTAIN)),
        "matrix": matrix,
        "mean": mean,
    }


def _log_likelihood(
    X: Any, codes: NDArray[Any], slopes: Doubles, constants: Doubles, sample_weight: NDArray[Any] | None
) -> float:
    if len(slopes) == 1:
        eta = linear_predictors(X, slopes, constants)[:, 0]
        logs = np.logaddexp(0.0, np.where(codes > 0, -eta, eta))
    else:
        q = probabilities(linear_predictors(X, slopes[1:] - slopes[0], constants[1:] - constants[0]))
        with np.errstate(divide="ignore"):
            logs = -np.log(q[np.arange(len(q)), codes.astype(np.intp)])
    if sample_weight is None:
        return -float(logs.sum())
    return -float(np.sum(np.where(sample_weight > 0, sample_weight * logs, 0.0)))
