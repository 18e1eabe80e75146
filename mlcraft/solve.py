"""The functional front: solve(X, y, loss=, penalty=, solver=) -> Solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from mlcraft._solve.solution import Solution
from mlcraft._solve.table import solvers_for

if TYPE_CHECKING:
    from mlcraft._solve.outcome import Outcome
    from mlcraft._solve.problem import Problem
    from mlcraft._solve.watch import Watch

__all__ = ["Solution", "solve", "solvers_for"]

SETTINGS = frozenset(
    {"step", "step_rule", "momentum", "beta2", "batch_size", "schedule", "power", "average", "restart"}
)
SECOND_ORDER = frozenset({"newton", "lbfgs", "newton-cg"})


def solve(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Any = "logistic",
    penalty: Any = "l2",
    solver: str = "auto",
    alpha: float | None = None,
    l1_ratio: float = 0.5,
    bounds: Any = None,
    groups: ArrayLike | None = None,
    parameter: float | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    init: Any = None,
    tol: float = 1e-8,
    max_iter: int = 1000,
    max_time: float = math.inf,
    trace: bool = False,
    callback: Callable[[int, float, float], Any] | None = None,
    seed: int | None = None,
    **settings: Any,
) -> Solution:
    """
    Minimise ``sum(w_i loss(y_i, offset_i + c + x_i'b)) / sum(w_i) + penalty(b)`` over b and c.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        float32 and float64 are used as they are, everything else becomes float64.
    y : array-like of shape (n_samples,)
        Numbers; for losses of classification any two labels ("multinomial": any number of them), see
        `Solution.classes`; not negative for "poisson".
    loss : str or object, default="logistic"
        "squared" ``(y - eta)^2 / 2``, "logistic" ``log(1 + exp(-s eta))`` with s = -1, 1 for the two labels,
        "multinomial", "squared_hinge" ``max(0, 1 - s eta)^2``, "hinge", "modified_huber", "huber",
        "epsilon_insensitive", "squared_epsilon_insensitive", "quantile", "poisson" ``exp(eta) - y eta``; or a loss of
        your own, made by `mlcraft.jit.loss`.
    penalty : None, str or object, default="l2"
        "l2" ``alpha |b|^2 / 2``, "l1" ``alpha |b|_1``, "elastic_net" ``alpha (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 /
        2)``, "box" (`bounds`), "group" ``alpha sum_g sqrt(size_g) |b_g|`` (`groups`); or one of your own, made by
        `mlcraft.jit.penalty`. The constant c is never penalised.
    solver : str, default="auto"
        What is expected to be quickest; or "direct", "gram", "newton", "lbfgs", "newton-cg", "dual", "gd", "momentum",
        "nesterov", "fista", "adagrad", "rmsprop", "adam", "sgd", "svrg", "saga". See `solvers_for` for what goes with a
        loss and a penalty.
    alpha : float, optional
        Strength of the penalty; zero for "l2" if not given. scikit-learn's Ridge has the same minimiser at
        ``alpha * sum(w_i)``, its LogisticRegression at ``C = 1 / (alpha * sum(w_i))``, its Lasso at the same alpha.
    l1_ratio : float, default=0.5
        Share of L1 in "elastic_net".
    bounds : tuple of (lower, upper), optional
        For "box": numbers or arrays of shape (n_features,); None for no bound.
    groups : array-like of int of shape (n_features,), optional
        For "group": columns with the same number are a group.
    parameter : float, optional
        Of the loss: delta of "huber" (1.35), epsilon (0.1), the quantile (0.5).
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights. Default: all one.
    offset : array-like of shape (n_samples,), optional
        Added to the linear predictor; not for "multinomial".
    fit_intercept : bool, default=True
        Whether c is fitted or zero.
    init : array-like, tuple (coef, intercept) or Solution, optional
        Where to start, for iterative solvers other than "dual".
    tol : float, default=1e-8
        Bound on `Solution.certificate`; never below what the rounding of the dtype of X lets it show.
    max_iter : int, default=1000
        Bound on the iterations; on the epochs of stochastic solvers.
    max_time : float, default=inf
        Seconds after which the best iterate is returned.
    trace : bool, default=False
        Whether to keep a row an iteration in `Solution.trace`.
    callback : callable, optional
        Called with (iteration, objective, certificate) after every iteration; a true value ends the run.
    seed : int, optional
        Of the order of rows, for stochastic solvers. Default: 0, so that results can be had again.
    **settings
        Of first-order solvers: `step` (in columns of unit standard deviation; default: found), `step_rule` ("auto",
        "fixed", "backtracking", "barzilai_borwein"), `momentum`, `beta2`, `batch_size`, `schedule` ("auto", "constant",
        "invscaling", "optimal", "step_decay"), `power`, `average`, `restart`.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If an argument has a wrong value or shape, or holds NaN or infinity; if the solver is not for the loss and the
        penalty, with the names of those that are.
    TypeError
        If there is no such argument.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the solver ended before the certificate was small enough; the best iterate is returned all the same. Ctrl-C
        does that too; a second one within two seconds raises KeyboardInterrupt.
    mlcraft.exceptions.SeparationWarning
        If the classes are told apart perfectly and nothing keeps the coefficients finite.

    See Also
    --------
    mlcraft.solvers_for : Which solvers go with a loss and a penalty.
    mlcraft.plots.convergence : Several solutions in one picture.

    References
    ----------
    Nesterov (1983); Beck and Teboulle (2009); O'Donoghue and Candès (2015); Johnson and Zhang (2013); Defazio, Bach and
    Lacoste-Julien (2014); Nocedal (1980).

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft import solve
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> found = solve(X, [1.0, 3.0, 5.0, 7.0], loss="squared", solver="nesterov")
    >>> round(found.coef[0], 6), round(found.intercept, 6), found.status
    (np.float64(2.0), 1.0, 'converged')
    >>> found = solve(X, ["a", "b", "a", "b"], penalty="l1", alpha=0.1)
    >>> found.classes.tolist(), found.solver, bool(found.gap < 1e-6)
    (['a', 'b'], 'gd', True)
    """
    from mlcraft._solve.arguments import checked_problem
    from mlcraft._solve.watch import Watch

    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise TypeError(
            f"solve() has no argument {unknown[0]!r}; settings of solvers are {', '.join(sorted(SETTINGS))}"
        )
    problem, chosen, steps = checked_problem(
        (X, y, sample_weight, offset),
        loss=loss,
        penalty=penalty,
        solver=solver,
        alpha=alpha,
        l1_ratio=l1_ratio,
        bounds=bounds,
        groups=groups,
        parameter=parameter,
        fit_intercept=fit_intercept,
        init=init,
        limits={"tol": tol, "max_iter": max_iter, "max_time": max_time, "seed": 0 if seed is None else seed},
        callback=callback,
        settings=settings,
    )
    interruptible = chosen != "direct"
    with Watch(callback, float(max_time), bool(trace), interruptible) as watch:
        found = _run(problem, chosen, steps, watch, float(tol), int(max_iter), int(seed or 0))
        found.seconds = watch.seconds
    return _finished(problem, found, watch, float(tol), int(max_iter), settings)


def _run(problem: Problem, chosen: str, steps: Any, watch: Watch, tol: float, max_iter: int, seed: int) -> Outcome:
    """Call the engine of the solver; where it meets NaN or infinity, look whether they were in X."""
    from mlcraft._engine.least_squares import NonFiniteError
    from mlcraft._solve.problem import check_again

    try:
        if chosen == "direct":
            from mlcraft._solve.least_squares import run_direct

            return run_direct(problem)
        if chosen == "smooth" or chosen in SECOND_ORDER:
            from mlcraft._solve.smooth import run_smooth

            method = "auto" if chosen == "smooth" else chosen
            return run_smooth(problem, method, tol=tol, max_iter=max_iter, watch=watch)
        if chosen == "dual":
            from mlcraft._solve.dual import run_dual

            return run_dual(problem, tol=tol, max_iter=max_iter, seed=seed, watch=watch)
        if chosen == "gram":
            from mlcraft._solve.gram import run_gram

            return run_gram(problem, steps, tol=tol, max_iter=max_iter, watch=watch)
        from mlcraft._solve.first_order import run_first_order

        found = run_first_order(problem, chosen, steps, tol=tol, max_iter=max_iter, watch=watch)
    except NonFiniteError as error:
        check_again(problem)
        raise ValueError(f"{error}; scale the columns of X, or y") from None
    if found.status == "not_finite":
        check_again(problem)
    return found


def _finished(
    problem: Problem,
    found: Outcome,
    watch: Watch,
    tol: float,
    max_iter: int,
    settings: dict[str, Any],
) -> Solution:
    from mlcraft._solve.gap import duality_gap
    from mlcraft._solve.messages import message_of
    from mlcraft._solve.solution import trace_table

    message = message_of(found, max_iter=max_iter, max_time=watch.max_time, tol=tol, by=watch.reason, settings=settings)
    if found.status not in ("converged", "rank_deficient"):
        from sklearn.exceptions import ConvergenceWarning

        from mlcraft._engine.status import warn_caller
        from mlcraft.exceptions import SeparationWarning

        category = SeparationWarning if found.status == "separated" else ConvergenceWarning
        warn_caller(f"solver={found.solver!r}: {message}", category)
    gap = found.gap if math.isfinite(found.gap) else duality_gap(problem, found.coef, found.intercept, found.objective)
    last = (found.n_iter, found.passes, found.seconds, found.objective, found.certificate)
    return Solution(
        coef=found.coef,
        intercept=float(found.intercept) if found.intercept.ndim == 0 else found.intercept,
        objective=found.objective,
        certificate=found.certificate,
        certificate_kind=found.kind,
        n_iter=found.n_iter,
        status=found.status,
        message=message,
        solver=found.solver,
        passes=found.passes,
        seconds=found.seconds,
        gap=gap,
        classes=problem.data.classes,
        trace=trace_table(found.rows or [last]),
        factor=found.factor,
    )
