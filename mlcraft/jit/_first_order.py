"""First-order methods in readable Python: the teaching copy of csrc/mlcraft/solver/{first_order,stochastic}.cpp.

The loops (`_steps`, `_stochastic`) are plain Python on vectors of one number a column; what reads rows is in `_rows`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import design_matrix, raise_not_finite, vector, weights
from ._built_in import FUNCTIONS, built_in
from ._loss import UserLoss
from ._rows import Data, Problem
from ._run import Callback, Point, Run, Settings
from ._steps import gradient_descent_steps, nesterov_steps
from ._stochastic import adaptive_steps

__all__ = ["SOLVERS", "FirstOrderResult", "first_order"]

SOLVERS = ("gd", "nesterov", "adam", "sgd")


@dataclass(slots=True)
class FirstOrderResult:
    """Where a first-order method arrived: the best iterate that it measured.

    Attributes
    ----------
    coef : ndarray of shape (p,)
        In the dtype of X.
    intercept : float
    objective : float
        Mean loss and penalty.
    certificate : float
        Largest element of the gradient in columns of unit variance, relative to the residuals without columns.
    n_iter : int
        Steps over all rows, or epochs.
    passes : float
        How often all rows have been read.
    status : str
        "converged", "max_iter", "max_time", "stalled", "diverged" or "interrupted" (by the callback).
    trace : list of tuple
        (iteration, passes, seconds, objective, certificate) of each point measured, if asked for.
    """

    coef: NDArray[Any]
    intercept: float
    objective: float
    certificate: float
    n_iter: int
    passes: float
    status: str
    trace: list[tuple[int, float, float, float, float]] = field(default_factory=list)


def first_order(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | UserLoss = "squared",
    solver: str = "nesterov",
    parameter: float = 0.0,
    alpha: float = 0.0,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    step: float | None = None,
    step_rule: str = "auto",
    momentum: float = 0.9,
    beta2: float = 0.999,
    batch_size: int | None = None,
    schedule: str = "auto",
    power: float = 0.5,
    average: bool = False,
    restart: bool = True,
    seed: int = 0,
    tol: float = 1e-6,
    max_iter: int = 1000,
    max_time: float = math.inf,
    trace: bool = False,
    callback: Callback | None = None,
    **_: object,
) -> FirstOrderResult:
    """Minimise the weighted mean of a loss plus ``alpha |b|^2 / 2`` by gradients, in readable Python.

    The teaching copy of the C++ solvers "gd", "nesterov", "adam" and "sgd": the same iterates, but for rounding.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Float32 or float64, any strides.
    y : array-like of shape (n,)
        As the loss wants it: 0 and 1 for "logistic", -1 and 1 for the hinges and "modified_huber".
    loss : str or UserLoss, default="squared"
        A scalar loss of the core by name, or one made by `mlcraft.jit.loss`. "hinge", "epsilon_insensitive" and
        "quantile", which have kinks, are for "sgd" and "adam".
    solver : {"gd", "nesterov", "adam", "sgd"}, default="nesterov"
        The method.
    parameter : float, default=0
        Of the loss: delta of "huber", epsilon, or the quantile.
    alpha : float, default=0
        Strength of the penalty; the intercept is not penalised.
    sample_weight, offset : array-like of shape (n,), optional
        Weights, by default one; what is added to the linear predictor, by default nothing.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    init : tuple of array-like, optional
        Coefficients and intercept to start from.
    step : float, optional
        Length of a step in columns of unit variance. Default: found.
    step_rule : {"auto", "fixed", "backtracking", "barzilai_borwein"}, default="auto"
        Of "gd", which backtracks by default.
    momentum, beta2 : float
        Decay of the mean gradient and of its mean square in "adam".
    batch_size : int, optional
        Rows a step of "sgd" and "adam"; "adam" takes all by default.
    schedule : {"auto", "constant", "invscaling", "optimal", "step_decay"}, default="auto"
        How the steps of "sgd" and "adam" become shorter; "auto" halves them when the objective does not come down.
    power : float, default=0.5
        Of "invscaling".
    average : bool, default=False
        Whether "sgd" and "adam" return the mean of their iterates.
    restart : bool, default=True
        Whether "nesterov" drops its momentum when it points uphill.
    seed : int, default=0
        Of the rows drawn.
    tol : float, default=1e-6
        Bound on the certificate, at least 50 units of rounding.
    max_iter : int, default=1000
        Bound on the iterations or epochs.
    max_time : float, default=inf
        Bound on the seconds.
    trace : bool, default=False
        Whether to keep what was measured.
    callback : callable, optional
        Called with (iteration, objective, certificate) at each measurement; True ends the fit.

    Returns
    -------
    FirstOrderResult

    Raises
    ------
    ValueError
        If an argument has a wrong value or shape, or holds NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.jit import first_order
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    >>> found = first_order(X, 1.0 + 2.0 * X[:, 0] - X[:, 1], solver="nesterov", tol=1e-9)
    >>> found.status, found.coef.round(6), round(found.intercept, 6)
    ('converged', array([ 2., -1.]), 1.0)
    """
    matrix = design_matrix(X)
    n = matrix.shape[0]
    given = weights(sample_weight, n)
    rows = Data(
        matrix,
        vector(y, n, "y"),
        given if given.size else np.ones(n),
        np.zeros(n) if offset is None else vector(offset, n, "offset"),
    )
    settings = Settings(
        solver=solver,
        alpha=float(alpha),
        step=step,
        step_rule=step_rule,
        momentum=momentum,
        beta2=beta2,
        batch_size=batch_size,
        schedule=schedule,
        power=power,
        average=average,
        restart=restart,
        seed=int(seed),
        tol=float(tol),
        max_iter=int(max_iter),
        max_time=float(max_time),
        callback=callback,
    )
    chosen = _chosen_loss(loss, float(parameter), settings)
    if isinstance(loss, UserLoss):
        loss.check(rows.y)
    for name, values in (("X", matrix), ("y", rows.y), ("offset", rows.offset)):
        if not np.isfinite(values.sum(dtype=np.float64)):
            raise_not_finite(**{name: values})
    with np.errstate(all="ignore"):  # a step too long overflows, and is taken back
        run = _run(
            Problem(rows, chosen, loss if isinstance(loss, str) else "user", bool(fit_intercept)), settings, init
        )
    assert run.best is not None
    coef, intercept = run.problem.at.to_raw(run.best.theta)
    return FirstOrderResult(
        coef.astype(matrix.dtype, copy=False),
        intercept,
        run.best.objective,
        run.best_certificate,
        run.iterations,
        float(run.problem.passes),
        run.status,
        run.trace if trace else [],
    )


def _run(problem: Problem, settings: Settings, init: tuple[ArrayLike, ArrayLike] | None) -> Run:
    matrix = problem.rows.X
    run = Run(problem, settings)

    def start() -> Point:
        p = matrix.shape[1]
        if init is None:
            return run.evaluate(np.append(np.zeros(p), problem.start if problem.at.intercept else 0.0))
        coef, intercept = np.ravel(np.asarray(init[0], dtype=float)), float(np.ravel(init[1])[0])
        return run.evaluate(problem.at.to_theta(vector(coef, p, "init"), intercept))

    if settings.solver in ("sgd", "adam"):
        adaptive_steps(run, start)
    else:
        {"gd": gradient_descent_steps, "nesterov": nesterov_steps}[settings.solver](run, start())
    return run


def _chosen_loss(loss: str | UserLoss, parameter: float, settings: Settings) -> UserLoss:
    """Return the loss, after a look at whether it and the settings go together."""

    def refuse(name: str, value: object, text: str) -> None:
        raise ValueError(f"{name} must be {text}, got {value!r}")

    if settings.solver not in SOLVERS:
        refuse("solver", settings.solver, f"one of {', '.join(map(repr, SOLVERS))} with engine='numba'")
    if isinstance(loss, str) and loss not in FUNCTIONS:
        refuse("loss", loss, f"one of {', '.join(map(repr, FUNCTIONS))}, or made by mlcraft.jit.loss")
    chosen = built_in(loss, parameter) if isinstance(loss, str) else loss
    if not chosen.smooth and settings.solver not in ("sgd", "adam"):
        refuse("solver", settings.solver, f"'sgd' or 'adam' for the loss {chosen.name!r}, which has kinks")
    rules = ("auto", "fixed", "backtracking", "barzilai_borwein") if settings.solver == "gd" else ("auto", "fixed")
    if settings.step_rule not in rules:
        refuse("step_rule", settings.step_rule, f"one of {', '.join(map(repr, rules))} for {settings.solver!r}")
    if settings.schedule not in ("auto", "constant", "invscaling", "optimal", "step_decay"):
        refuse("schedule", settings.schedule, "'auto', 'constant', 'invscaling', 'optimal' or 'step_decay'")
    if settings.batch_size is not None and settings.batch_size < 1:
        refuse("batch_size", settings.batch_size, "a positive whole number, or None")
    if not (settings.alpha >= 0 and math.isfinite(settings.alpha)):
        refuse("alpha", settings.alpha, "finite and not negative")
    if settings.step is not None and not (settings.step > 0 and math.isfinite(settings.step)):
        refuse("step", settings.step, "finite and positive, or None")
    for name, value, most in (("momentum", settings.momentum, 1.0), ("beta2", settings.beta2, 1.0)):
        if not 0 <= value < most:
            refuse(name, value, "at least 0 and below 1")
    if not (settings.tol >= 0 and settings.max_iter >= 0 and settings.max_time >= 0 and settings.power >= 0):
        refuse("tol, max_iter, max_time and power", settings, "not negative")
    return chosen
