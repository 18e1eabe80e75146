"""First-order methods on arrays: the door to the compiled gradient solvers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.losses import NON_SMOOTH, UserLoss, loss_ref
from mlcraft._engine.penalty import Penalty

__all__ = ["SOLVERS", "FirstOrderFit", "FirstOrderSettings", "fit_first_order", "refusal"]

Floats = NDArray[np.floating[Any]]
SOLVERS = ("gd", "momentum", "nesterov", "fista", "adagrad", "rmsprop", "adam", "sgd", "svrg", "saga")
SUBGRADIENT = ("sgd", "adagrad", "rmsprop", "adam")  # what losses with kinks can do with, and what may average
BATCHES = ("sgd", "adagrad", "rmsprop", "adam", "svrg", "saga")
RULES = {
    "auto": SOLVERS,
    "fixed": SOLVERS,
    "backtracking": ("gd", "nesterov", "fista"),
    "barzilai_borwein": ("gd",),
}
SCHEDULES = ("auto", "constant", "invscaling", "optimal", "step_decay")


@dataclass(frozen=True, slots=True)
class FirstOrderSettings:
    """
    How a first-order method steps. Lengths are those in columns of unit standard deviation.

    Attributes
    ----------
    step : float or None, default=None
        Length of a step. None: found from the curvature of the loss and of the columns, and shortened where it turns
        out too long.
    step_rule : {"auto", "fixed", "backtracking", "barzilai_borwein"}, default="auto"
        "auto" is "fixed" where ``step`` is given. Else "gd" backtracks, and the accelerated methods shorten the step
        when two gradients show that it is too long, which costs no pass. "backtracking" is for "gd", "nesterov" and
        "fista", "barzilai_borwein" for "gd".
    momentum : float, default=0.9
        Of "momentum"; of "adam" the decay of the mean gradient.
    beta2 : float, default=0.999
        Decay of the mean square of "rmsprop" and "adam".
    batch_size : int or None, default=None
        Rows a step: makes "adagrad", "rmsprop" and "adam" stochastic. None: "sgd", "svrg" and "saga" choose.
    schedule : {"auto", "constant", "invscaling", "optimal", "step_decay"}, default="auto"
        Of "sgd", "adagrad", "rmsprop" and "adam": "invscaling" divides the step by ``(1 + epochs)^power``, "optimal" by
        ``1 + step * alpha * steps`` (l2; without it the root of ``1 + epochs``), "step_decay" by 2 when the objective
        has not come down (in an epoch, in three of fewer than 100 steps each, in 20 full-batch steps). "auto":
        "constant" for "adagrad", else "step_decay".
    power : float, default=0.5
        Of "invscaling".
    average : bool, default=False
        Of the same methods: whether the mean of the iterates is the result, the later ones weighing more.
    restart : bool, default=True
        Whether "momentum", "nesterov" and "fista" drop their momentum when it points uphill.
    seed : int, default=0
        Of the rows drawn. The same seed gives the same bits, whatever the number of threads.
    """

    step: float | None = None
    step_rule: str = "auto"
    momentum: float = 0.9
    beta2: float = 0.999
    batch_size: int | None = None
    schedule: str = "auto"
    power: float = 0.5
    average: bool = False
    restart: bool = True
    seed: int = 0


@dataclass(slots=True)
class FirstOrderFit:
    """
    What a first-order method leaves.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients, in the dtype of X; a row for each class with the multinomial loss. The best iterate measured.
    intercept : ndarray of shape () or (n_classes,)
        Zero without ``fit_intercept``.
    objective : float
        Mean loss and penalty.
    certificate : float
        Largest violation of optimality: how far the gradient is from what the subdifferential of the penalty allows,
        in columns of unit variance, relative to the residuals of the model without columns. For losses with kinks it is
        that of one subgradient, which need not become small at the minimum.
    n_iter : int
        Steps over all rows, or epochs.
    passes : float
        How often all rows have been read, measurements of scales, steps and certificates included.
    status : str
        "converged", "max_iter", "max_time", "stalled" (no progress, or steps without length), "diverged" (``step`` is
        too long), "interrupted" (by the callback) or "not_finite" (X, y, weights, offset or start hold NaN or infinity,
        squares of X leave the range of double precision, or the weights sum to zero).
    trace : list of tuple
        With ``trace``: (iteration, passes, seconds, objective, certificate) of each point measured.
    """

    coef: Floats
    intercept: Floats
    objective: float
    certificate: float
    n_iter: int
    passes: float
    status: str
    trace: list[tuple[float, ...]] = field(default_factory=list)


def refusal(loss: str | UserLoss, solver: str, options: FirstOrderSettings | None = None) -> str | None:
    """
    Return why a loss and a solver, or a solver and its settings, do not go together, or None.

    Every solver takes every penalty, through its prox.

    Parameters
    ----------
    loss : str or UserLoss
    solver : str
        One of `SOLVERS`.
    options : FirstOrderSettings, optional

    Returns
    -------
    str or None

    Examples
    --------
    >>> from mlcraft._engine.first_order import refusal
    >>> refusal("hinge", "saga")
    "solver 'saga' needs a loss without kinks; for 'hinge' there are 'sgd', 'adagrad', 'rmsprop', 'adam'"
    >>> refusal("huber", "saga")
    """
    if solver not in SOLVERS:
        return f"solver must be one of {_names(SOLVERS)}, got {solver!r}"
    kinks = loss in NON_SMOOTH if isinstance(loss, str) else not loss.smooth
    if kinks and solver not in SUBGRADIENT:
        name = loss if isinstance(loss, str) else loss.name
        return f"solver {solver!r} needs a loss without kinks; for {name!r} there are {_names(SUBGRADIENT)}"
    if options is None:
        return None
    if options.step_rule not in RULES:
        return f"step_rule must be one of {_names(RULES)}, got {options.step_rule!r}"
    if solver not in RULES[options.step_rule]:
        return f"step_rule {options.step_rule!r} is for {_names(RULES[options.step_rule])}, not for {solver!r}"
    if options.schedule not in SCHEDULES:
        return f"schedule must be one of {_names(SCHEDULES)}, got {options.schedule!r}"
    if options.schedule != "auto" and solver not in SUBGRADIENT:
        return f"schedule is for {_names(SUBGRADIENT)}, not for {solver!r}"
    if options.average and solver not in SUBGRADIENT:
        return f"average is for {_names(SUBGRADIENT)}, not for {solver!r}"
    if options.batch_size is not None and solver not in BATCHES:
        return f"batch_size is for {_names(BATCHES)}, not for {solver!r}"
    return None


def _names(values: Any) -> str:
    return ", ".join(map(repr, values))


def _check_settings(options: FirstOrderSettings) -> None:
    def refuse(name: str, text: str) -> None:
        raise ValueError(f"{name} must be {text}, got {getattr(options, name)!r}")

    for name in ("step", "momentum", "beta2", "power", "batch_size", "seed"):
        value = getattr(options, name)
        if not isinstance(value, Real) and not (value is None and name in ("step", "batch_size")):
            refuse(name, "a number")
    for name in ("average", "restart"):
        if not isinstance(getattr(options, name), (bool, np.bool_, Integral)):
            refuse(name, "True or False")
    if options.step is not None and not 0 < options.step < np.inf:
        refuse("step", "finite and positive, or None")
    if not 0 <= options.momentum < 1:
        refuse("momentum", "at least 0 and below 1")
    if not 0 <= options.beta2 < 1:
        refuse("beta2", "at least 0 and below 1")
    if not 0 <= options.power < np.inf:
        refuse("power", "finite and not negative")
    if options.batch_size is not None and not (options.batch_size >= 1 and options.batch_size % 1 == 0):
        refuse("batch_size", "a positive whole number, or None")
    if not (0 <= options.seed < 2**64 and options.seed % 1 == 0):
        refuse("seed", "a whole number from 0 to 2**64 - 1")


def fit_first_order(
    X: Any,
    y: Floats,
    *,
    loss: str | UserLoss,
    solver: str,
    penalty: Penalty | None = None,
    parameter: float = 0.0,
    sample_weight: Floats | None = None,
    offset: Floats | None = None,
    fit_intercept: bool = True,
    n_classes: int = 2,
    init: tuple[Floats, Floats] | None = None,
    options: FirstOrderSettings | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    max_time: float = np.inf,
    trace: bool = False,
    callback: Callable[[int, float, float], bool | None] | None = None,
) -> FirstOrderFit:
    """
    Minimise ``sum(w_i loss(y_i, eta_i)) / sum(w_i) + penalty(b)`` by gradients, ``eta_i = offset_i + c + x_i'b``.

    Columns are centred and scaled in the algebra, so their scales and means do not matter. Deterministic methods
    measure objective and certificate at each iteration. Stochastic ones do after each of the first eight epochs, then
    after every eighth part of those done ("svrg": always), by a pass over all rows, which is also what stops them. Of
    what was measured the best is returned.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64, any strides. Not written; sparse X other than CSR is converted.
    y : ndarray of shape (n_samples,)
        As the loss wants it: classes 0, 1 for "logistic", -1, 1 for the hinges and "modified_huber", codes 0 ..
        n_classes - 1 for "multinomial".
    loss : str or UserLoss
        A name in `mlcraft._engine.losses.LOSSES`, or a user's own.
    solver : str
        One of `SOLVERS`; see `refusal` for what goes together.
    penalty : Penalty, optional
        Default: none.
    parameter : float, default=0.0
        Of the loss: delta of "huber", epsilon, or the quantile.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative. Default: all one.
    offset : ndarray of shape (n_samples,), optional
        Added to eta; not for "multinomial".
    fit_intercept : bool, default=True
        Whether c is fitted or zero.
    n_classes : int, default=2
        For "multinomial".
    init : tuple of ndarray, optional
        Coefficients and intercepts to start from, of the shapes returned. Default: the model without columns.
    options : FirstOrderSettings, optional
        How to step.
    tol : float, default=1e-6
        Bound on the certificate; never below 50 units of rounding of the dtype of X.
    max_iter : int, default=1000
        Bound on the iterations.
    max_time : float, default=inf
        Bound on the seconds.
    trace : bool, default=False
        Whether to keep what is measured.
    callback : callable, optional
        Called with (iteration, objective, certificate) at each measurement; True ends the fit.

    Returns
    -------
    FirstOrderFit

    Raises
    ------
    ValueError
        If loss, solver and settings do not go together, or an argument has a wrong value or shape.

    References
    ----------
    Nesterov (1983); Beck and Teboulle (2009); O'Donoghue and Candès (2015); Barzilai and Borwein (1988); Duchi, Hazan
    and Singer (2011); Kingma and Ba (2015); Xiao and Zhang (2014); Defazio, Bach and Lacoste-Julien (2014).

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft._engine.first_order import fit_first_order
    >>> from mlcraft._engine.penalty import Penalty
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0]])
    >>> fit = fit_first_order(X, 1 + 2 * X[:, 0], loss="squared", solver="fista", penalty=Penalty("l1", alpha=0.5))
    >>> fit.status, fit.coef.round(4), fit.intercept.round(4)
    ('converged', array([1.6, 0. ]), np.float64(1.6))
    """
    penalty = Penalty() if penalty is None else penalty
    settings = FirstOrderSettings() if options is None else options
    why = refusal(loss, solver, settings)
    if why is not None:
        raise ValueError(why)
    _check_settings(settings)
    if loss == "multinomial" and offset is not None:
        raise ValueError("offset is not for loss='multinomial'")
    if not (max_time >= 0 and tol >= 0 and max_iter >= 0):
        raise ValueError(f"tol, max_iter and max_time must not be negative, got {tol!r}, {max_iter!r}, {max_time!r}")
    penalty.check(X.shape[1])
    chosen = _core.FirstOrderOptions()
    chosen.loss, chosen.user_loss, _ = loss_ref(loss, X.dtype)
    chosen.smooth = loss not in NON_SMOOTH if isinstance(loss, str) else bool(loss.smooth)
    chosen.parameter, chosen.classes, chosen.solver = float(parameter), int(n_classes), solver
    chosen.fit_intercept = bool(fit_intercept)
    _choose_penalty(chosen, penalty, X.shape[1])
    chosen.step, chosen.step_rule = settings.step or 0.0, settings.step_rule
    chosen.momentum, chosen.beta2, chosen.batch_size = settings.momentum, settings.beta2, _count(settings.batch_size)
    chosen.schedule, chosen.power, chosen.average = settings.schedule, settings.power, bool(settings.average)
    chosen.restart, chosen.seed = bool(settings.restart), int(settings.seed)
    chosen.tol, chosen.max_iter, chosen.trace = float(tol), _count(max_iter), bool(trace)
    chosen.max_time = max(float(max_time), 1e-9) if max_time < np.inf else 0.0
    if init is not None:
        chosen.coef, chosen.intercepts = np.ravel(init[0]).tolist(), np.ravel(init[1]).tolist()
    if not isinstance(X, np.ndarray) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    X, y, sample_weight, offset = readable(X, *(_like(X, v) for v in (y, sample_weight, offset)))
    found = _core.fit_first_order(X, y, sample_weight, offset, chosen, callback)
    coef, intercept = found.coef.astype(X.dtype, copy=False), np.asarray(found.intercepts, dtype=X.dtype)
    if loss != "multinomial":
        coef, intercept = coef[0], intercept[0]
    rows = [(int(row[0]), *row[1:]) for row in found.trace]
    objective, certificate = found.objective, found.certificate
    if found.status == "not_finite" and objective == certificate == 0.0:  # nothing has been measured
        objective = certificate = float("nan")
    return FirstOrderFit(
        coef,
        intercept,
        objective,
        certificate,
        found.iterations,
        found.passes,
        found.status,
        rows,
    )


def _count(value: Any) -> int:
    return min(int(value or 0), 2**62)


def _like(X: Any, values: Any) -> Any:
    return None if values is None else np.asarray(values, dtype=X.dtype)


def _choose_penalty(chosen: _core.FirstOrderOptions, penalty: Penalty, n_features: int) -> None:
    chosen.penalty, chosen.alpha, chosen.l1_ratio = penalty.name, float(penalty.alpha), float(penalty.l1_ratio)
    if penalty.name == "box":
        chosen.lower, chosen.upper = (side.tolist() for side in penalty.bounds(n_features))
    if penalty.name == "group":
        chosen.groups = np.asarray(penalty.groups).tolist()
    if penalty.user is not None and penalty.name == "user":
        chosen.user_penalty = (int(penalty.user.prox_address), int(penalty.user.value_address))
