"""Gradient descent for least squares with an L2 penalty: plain, and accelerated with adaptive restart."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import Doubles, Floats, design_matrix, vector, weights
from ._fused import Columns, residual_sums
from ._standardise import Standard, standardise

Status = Literal["converged", "max_iter", "diverged"]


@dataclass(frozen=True, slots=True)
class DescentResult:
    """Where gradient descent arrived.

    Attributes
    ----------
    coef : ndarray of shape (p,)
        Coefficients in the units of the data, in the dtype of ``X``.
    intercept : float
        Intercept; 0 when none is fitted.
    n_iter : int
        Gradient steps made.
    objective : float
        Weighted mean squared loss plus penalty, in the units of the data.
    gradient_norm : float
        Largest element of the gradient in standardised units, relative to its value at zero coefficients: the
        number that is compared with ``tol``.
    status : {"converged", "max_iter", "diverged"}
        "diverged": the given ``step`` is too long; the best point met is reported.
    """

    coef: NDArray[Any]
    intercept: float
    n_iter: int
    objective: float
    gradient_norm: float
    status: Status


def gradient_descent(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float = 0.0,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    accelerated: bool = False,
    step: float | None = None,
    max_iter: int = 1000,
    tol: float = 1e-8,
) -> DescentResult:
    r"""Minimise the weighted mean squared loss plus an L2 penalty by gradient descent.

    .. math:: F(b, b_0) = \frac{1}{2W} \sum_i w_i (y_i - x_i'b - b_0)^2 + \frac{\alpha}{2} \|b\|^2,
              \qquad W = \sum_i w_i .

    The descent runs in standardised units, where the scale of a column does not matter: columns are centred
    (with an intercept) and divided by :math:`s_j = \sqrt{\mathrm{mean}(x_j^2) + \alpha}`, ``y`` is divided by
    its root mean square. The Hessian :math:`H` then has a unit diagonal, and its largest eigenvalue :math:`L`
    lies between 1 and p. With coefficients :math:`c_j = s_j b_j` (in units of ``y``), the plain method is

    .. math:: c^{k+1} = c^k - \tfrac{1}{L} \nabla F(c^k),

    whose error shrinks by :math:`1 - 1/\kappa` per step, with :math:`\kappa` the condition number of
    :math:`H`. The accelerated method of Nesterov takes the gradient at a point :math:`z^k` ahead on the path
    and needs about :math:`\sqrt\kappa` instead of :math:`\kappa` steps,

    .. math:: c^{k+1} = z^k - \tfrac{1}{L} \nabla F(z^k), \qquad
              z^{k+1} = c^{k+1} + \frac{t_k - 1}{t_{k+1}} (c^{k+1} - c^k), \qquad
              t_{k+1} = \tfrac12 \bigl(1 + \sqrt{1 + 4 t_k^2}\bigr);

    it starts again with :math:`t = 1` when its last move went uphill, :math:`\nabla F(z^k)'(c^{k+1} - c^k) >
    0` (O'Donoghue and Candès, 2015).

    Parameters
    ----------
    X : array-like of shape (n, p)
        Float32 or float64, any strides; other numbers are converted to float64.
    y : array-like of shape (n,)
        Target.
    alpha : float, default=0
        Strength of the penalty; the intercept is not penalised.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights; by default all one.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    accelerated : bool, default=False
        Plain gradient descent, or Nesterov's with adaptive restart.
    step : float, optional
        Length of a step in standardised units. By default 1/L, with L from power iteration. Anything below
        2/p is safe for the plain method; above 2/L it diverges, and the status says so.
    max_iter : int, default=1000
        Most gradient steps. Every step reads ``X`` once.
    tol : float, default=1e-8
        Converged when the largest element of the gradient in standardised units is at most ``tol`` times what
        it was at zero coefficients. There it is the largest correlation between a column and ``y``; a
        correlation below 1e-6 counts as 1e-6, so that a ``y`` unrelated to ``X`` is no endless task.

    Returns
    -------
    DescentResult
        The result; ``status`` tells whether it can be relied upon.

    Raises
    ------
    ValueError
        If a shape does not fit, a value is NaN or infinite, or an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.jit import gradient_descent
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    >>> result = gradient_descent(X, 1.0 + 2.0 * X[:, 0] - X[:, 1])
    >>> result.status, result.coef.round(6), round(result.intercept, 6)
    ('converged', array([ 2., -1.]), 1.0)
    >>> gradient_descent(X, X[:, 0], step=3.0).status
    'diverged'
    """
    _check_options(alpha, step, max_iter, tol)
    matrix = design_matrix(X)
    n = matrix.shape[0]
    response = vector(y, n, "y")
    weight = weights(sample_weight, n)
    standard = standardise(matrix, response, weight, alpha, fit_intercept)
    problem = _Problem(matrix, (response - standard.y_mean) * standard.y_inverse_scale, weight, standard)
    start = problem.evaluate(np.zeros(matrix.shape[1]))
    unit = max(start.steepest, 1e-6)
    best, n_iter, status = _descend(problem, start, accelerated, step, max_iter, tol * unit)

    scale = standard.y_scale
    with np.errstate(over="ignore"):
        coef = (best.at * standard.inverse_scale * scale).astype(matrix.dtype)
    if not np.isfinite(coef).all():
        raise ValueError(f"A coefficient is too large for {matrix.dtype}: rescale the data.")
    return DescentResult(
        coef=coef,
        intercept=float(standard.y_mean - standard.mean @ coef.astype(np.float64)),
        n_iter=n_iter,
        objective=best.value * scale * scale,
        gradient_norm=best.steepest / unit,
        status=status,
    )


@dataclass(frozen=True, slots=True)
class _Point:
    at: Doubles
    value: float
    gradient: Doubles

    @property
    def steepest(self) -> float:
        """Largest element of the gradient."""
        return float(np.abs(self.gradient).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class _Problem:
    """The objective in standardised units. Each of its methods reads X once."""

    X: Floats
    y: Doubles
    sample_weight: Doubles
    standard: Standard

    def evaluate(self, at: Doubles) -> _Point:
        standard = self.standard
        columns = Columns(standard.mean, standard.inverse_scale, at)
        squares, products, _, weight_sum = residual_sums(self.X, self.y, self.sample_weight, columns)
        value = squares / (2 * weight_sum) + 0.5 * float(standard.penalty @ (at * at))
        return _Point(at, value, standard.penalty * at - products / weight_sum)

    def times_hessian(self, direction: Doubles) -> Doubles:
        """Multiply by the Hessian: the gradient is linear, and this is what it is for a target of zero."""
        standard = self.standard
        columns = Columns(standard.mean, standard.inverse_scale, direction)
        _, products, _, weight_sum = residual_sums(self.X, np.zeros_like(self.y), self.sample_weight, columns)
        return standard.penalty * direction - products / weight_sum


def _descend(
    problem: _Problem, start: _Point, accelerated: bool, given_step: float | None, max_iter: int, tol: float
) -> tuple[_Point, int, Status]:
    step = _safe_step(problem) if given_step is None else given_step
    point = best = start
    reached = start.at
    pace = 1.0
    for n_iter in range(max_iter):
        if point.steepest <= tol:
            return point, n_iter, "converged"
        previous, reached = reached, point.at - step * point.gradient
        ahead = reached
        if accelerated:
            move = reached - previous
            last_pace, pace = pace, 0.5 * (1 + math.sqrt(1 + 4 * pace * pace))
            if point.gradient @ move > 0:
                pace = 1.0
            else:
                ahead = reached + (last_pace - 1) / pace * move
        point = problem.evaluate(ahead)
        if point.value < best.value:
            best = point
        if not point.value <= 10 * start.value:  # also when it is NaN
            if given_step is not None:
                return best, n_iter + 1, "diverged"
            step, point, reached, pace = 0.5 * step, best, best.at, 1.0  # power iteration stopped too early
    if point.steepest <= tol:
        return point, max_iter, "converged"
    return best, max_iter, "max_iter"


def _safe_step(problem: _Problem, most_products: int = 30) -> float:
    """1/L, with L from power iteration and 2 % more to be safe, at most the trace of the Hessian."""
    trace = float(np.count_nonzero(problem.standard.inverse_scale))
    direction: Doubles = np.random.default_rng(0).standard_normal((problem.X.shape[1],))
    largest = 1.0
    for _ in range(most_products):
        length = float(np.linalg.norm(direction))
        if length == 0.0:
            break
        direction = problem.times_hessian(direction / length)
        last, largest = largest, float(np.linalg.norm(direction))
        if abs(largest - last) <= 1e-3 * largest:
            break
    return 1.0 / max(1.0, min(1.02 * largest, trace))


def _check_options(alpha: float, step: float | None, max_iter: int, tol: float) -> None:
    if not (alpha >= 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha must be finite and not negative, got {alpha!r}.")
    if step is not None and not (step > 0 and math.isfinite(step)):
        raise ValueError(f"step must be finite and positive, got {step!r}.")
    if max_iter < 1:
        raise ValueError(f"max_iter must be at least 1, got {max_iter!r}.")
    if not (tol >= 0 and math.isfinite(tol)):
        raise ValueError(f"tol must be finite and not negative, got {tol!r}.")
