"""The reference optimum of a problem, by methods of our own in NumPy and SciPy: slow, plain, and with a certificate.

Smooth problems: Newton's method, whose last decrement ``g' H^-1 g / 2`` estimates what is left. L1 penalties: Newton's
method on the columns that take part, proved by a duality gap. Hinge and quantile: an interior-point method on the dual
(Woodbury for its n x n system), proved by the duality gap. All numbers are relative to the objective of the null model
less the optimum, as the gaps of the report are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar
from scipy.sparse.linalg import LinearOperator, cg

from benchmarks.convergence.box_dual import solve_box, weighted_gram
from benchmarks.convergence.objective import LOSSES, Problem

Array = NDArray[Any]
#: Newton steps by a factorised Hessian up to this many columns, by conjugate gradients beyond.
DIRECT = 1_500


@dataclass(slots=True)
class Reference:
    """The optimum: objective there and at the null model (no coefficients, best intercept), and how sure it is."""

    value: float
    null: float
    coef: Array
    intercept: Any
    certificate: float
    method: str

    def gap(self, objective: float) -> float:
        """How much of the way from the null model to the optimum is left: 1 at the null model, 0 at the optimum."""
        return (objective - self.value) / (self.null - self.value)


def reference(problem: Problem) -> Reference:
    """Find the optimum of a problem.

    Raises
    ------
    ValueError
        If there is no method for this loss with this penalty.
    """
    null = null_model(problem)
    if problem.loss == "multinomial":
        found = _multinomial(problem)
    elif LOSSES[problem.loss].hessian is None:
        found = solve_box(problem)
    elif problem.l1 > 0:
        found = _sparse(problem)
    else:
        found = _newton(problem)
    coef, intercept, left, method = found
    value = problem.objective(coef, intercept)
    return Reference(value, null, coef, intercept, max(left, 0.0) / (null - value), method)


def null_model(problem: Problem) -> float:
    """Objective without coefficients, at the best intercept."""
    n, share = len(problem.y), problem.share
    if problem.loss == "multinomial":
        rates = np.bincount(problem.y, weights=share) if problem.fit_intercept else np.ones(problem.n_classes)
        return float(share @ problem.losses(np.broadcast_to(np.log(rates), (n, len(rates)))))

    def value(c: float) -> float:
        return float(share @ problem.losses(np.full(n, c)))

    if not problem.fit_intercept:
        return value(0.0)
    low, high = _bracket(problem)
    return float(minimize_scalar(value, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).fun)


def _bracket(problem: Problem) -> tuple[float, float]:
    if problem.loss == "poisson":
        mean = float(np.log(problem.share @ problem.y))
        return mean - 1.0, mean + 1.0
    if LOSSES[problem.loss].classification:
        return -40.0, 40.0
    return float(problem.y.min()), float(problem.y.max())


def _solve_symmetric(hessian: Array, gradient: Array) -> Array:
    """Solve by Cholesky in columns of unit diagonal."""
    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(hessian), 1e-300))
    scaled = hessian * scale * scale[:, None]
    scaled[np.diag_indices(len(scaled))] += 1e-14
    return np.asarray(scale * cho_solve(cho_factor(scaled), scale * gradient))


def _newton(problem: Problem, steps: int = 100) -> tuple[Array, Any, float, str]:
    """Newton's method with halved steps for a smooth loss with l2 or no penalty."""
    loss, y, share, s = LOSSES[problem.loss], problem.y, problem.share, problem.parameter
    assert loss.hessian is not None
    X, p = problem.X, problem.X.shape[1]
    direct = p <= DIRECT
    ridge = np.append(np.full(p, problem.l2), 0.0)
    theta = np.zeros(p + 1)
    if problem.fit_intercept and problem.loss == "poisson":
        theta[p] = np.log(share @ y)
    value, decrement = problem.objective(theta[:p], theta[p]), np.inf
    for _ in range(steps):
        eta = problem.eta(theta[:p], theta[p])
        pull = share * loss.gradient(y, eta, s)
        gradient = np.append(X.T @ pull, pull.sum() if problem.fit_intercept else 0.0) + ridge * theta
        weight = share * loss.hessian(y, eta, s)
        move = _direct_move(problem, weight, ridge, gradient) if direct else _cg_move(problem, weight, ridge, gradient)
        decrement = float(move @ gradient) / 2
        length = 1.0
        while length > 1e-8:
            trial = theta - length * move
            found = problem.objective(trial[:p], trial[p])
            if found < value:
                theta, value = trial, found
                break
            length /= 2
        else:
            break
        if decrement <= 1e-15 * abs(value):
            break
    return theta[:p], float(theta[p]), decrement, "Newton" if direct else "Newton, conjugate gradients"


def _direct_move(problem: Problem, weight: Array, ridge: Array, gradient: Array) -> Array:
    X, p = problem.X, problem.X.shape[1]
    size = p + problem.fit_intercept
    hessian = np.empty((p + 1, p + 1))
    hessian[:p, :p] = weighted_gram(X, weight)
    hessian[p, :p] = hessian[:p, p] = X.T @ weight
    hessian[p, p] = weight.sum()
    hessian[np.diag_indices(p + 1)] += ridge
    move = np.zeros(p + 1)
    move[:size] = _solve_symmetric(hessian[:size, :size], gradient[:size])
    return move


def _cg_move(problem: Problem, weight: Array, ridge: Array, gradient: Array) -> Array:
    X, p = problem.X, problem.X.shape[1]
    squares = X.multiply(X) if problem.sparse else X**2
    diagonal = np.append(np.asarray(squares.T @ weight).ravel(), weight.sum()) + ridge
    free = float(problem.fit_intercept)

    def image(v: Array) -> Array:
        pull = weight * (X @ v[:p] + free * v[p])
        return np.append(X.T @ pull, free * pull.sum() + (1.0 - free) * v[p]) + ridge * v

    size = p + 1
    operator = LinearOperator((size, size), matvec=image, dtype=np.float64)
    inverse = LinearOperator((size, size), matvec=lambda v: v / np.maximum(diagonal, 1e-300), dtype=np.float64)
    return np.asarray(cg(operator, gradient, rtol=1e-8, maxiter=3 * size, M=inverse)[0])


def _multinomial(problem: Problem) -> tuple[Array, Any, float, str]:
    """Newton's method with conjugate gradients, as the logistic benchmark has it."""
    from benchmarks import logistic_data, logistic_quality

    if not problem.fit_intercept or problem.l1 > 0 or problem.l2 <= 0:
        raise ValueError("multinomial problems need an l2 penalty and an intercept")
    C = 1.0 / (problem.l2 * problem.total_weight)
    same = logistic_data.Problem(problem.X, problem.y, C, problem.sample_weight, problem.n_classes)
    theta, _, decrement = logistic_quality.minimum(logistic_quality.Objective.of(same))
    value = problem.objective(theta[:, :-1], theta[:, -1])
    return theta[:, :-1], theta[:, -1], abs(decrement * value), "Newton, conjugate gradients"


def _sparse(problem: Problem, rounds: int = 200) -> tuple[Array, Any, float, str]:
    """Prox-Newton on a growing set of columns; the gap over all columns decides."""
    loss, y, share, s = LOSSES[problem.loss], problem.y, problem.share, problem.parameter
    assert loss.hessian is not None
    X, p = problem.X, problem.X.shape[1]
    coef, intercept = np.zeros(p), _best_intercept(problem, np.zeros(p), 0.0)
    working = np.zeros(0, dtype=np.intp)
    best = np.inf
    for _ in range(rounds):
        eta = problem.eta(coef, intercept)
        gradient = X.T @ (share * loss.gradient(y, eta, s)) + problem.l2 * coef
        best = min(best, duality_gap(problem, eta, coef, intercept))
        if best <= 1e-15 * abs(problem.objective(coef, intercept)):
            break
        violation = np.abs(gradient) - problem.l1
        violation[coef != 0] = np.inf
        wanted = max(20, 2 * int(np.count_nonzero(coef)))
        fresh = np.argsort(-violation)[:wanted]
        working = np.union1d(np.flatnonzero(coef), fresh[violation[fresh] > -1e-3 * problem.l1])
        before = problem.objective(coef, intercept)
        coef, intercept = _on_columns(problem, working, coef, intercept)
        if before - problem.objective(coef, intercept) <= 0.0 and not (violation[coef == 0] > 0).any():
            break
    best = min(best, duality_gap(problem, problem.eta(coef, intercept), coef, intercept))
    return coef, intercept, best, "prox-Newton on working sets"


def _on_columns(problem: Problem, working: Array, coef: Array, intercept: float) -> tuple[Array, float]:
    """Newton steps whose quadratic models are solved on some columns; steps are halved where they do not descend."""
    loss, y, share, s = LOSSES[problem.loss], problem.y, problem.share, problem.parameter
    assert loss.hessian is not None
    size = len(working)
    last = np.full((len(y), 1), float(problem.fit_intercept))
    if problem.sparse:
        design = sparse.hstack([problem.X[:, working], sparse.csr_matrix(last)], format="csr")
    else:
        design = np.column_stack([problem.X[:, working], last])
    ridge, bound = np.append(np.full(size, problem.l2), 0.0), np.append(np.full(size, problem.l1), 0.0)
    theta = np.append(coef[working], intercept)

    def value(at: Array) -> float:
        eta = design @ at
        return float(share @ loss.value(y, eta, s)) + float(bound @ np.abs(at)) + float(ridge @ at**2) / 2

    now = value(theta)
    for _ in range(30):
        eta = design @ theta
        gradient = design.T @ (share * loss.gradient(y, eta, s)) + ridge * theta
        hessian = weighted_gram(design, share * loss.hessian(y, eta, s))
        hessian[np.diag_indices(size + 1)] += ridge + 1e-12 * np.trace(hessian) / (size + 1)
        move = quadratic_l1(hessian, gradient, theta, bound) - theta
        length = 1.0
        while length > 1e-8 and value(theta + length * move) >= now:
            length /= 2
        if length <= 1e-8:
            break
        theta = theta + length * move
        now, gained = value(theta), now - value(theta)
        if abs(gained) <= 1e-16 * abs(now):
            break
    full = coef.copy()
    full[working] = theta[:-1]
    return full, float(theta[-1]) if problem.fit_intercept else 0.0


def quadratic_l1(hessian: Array, gradient: Array, start: Array, bound: Array, sweeps: int = 2_000) -> Array:
    """Minimise ``g'd + d'Hd / 2 + sum bound |start + d|``; by coordinates until the signs rest, then exactly."""
    theta, slope, curvature = start.copy(), gradient.copy(), np.diagonal(hessian)
    signs = np.sign(theta)
    for sweep in range(sweeps):
        for j in range(len(theta)):
            if curvature[j] <= 0:
                continue
            free = theta[j] - slope[j] / curvature[j]
            new = np.sign(free) * max(abs(free) - bound[j] / curvature[j], 0.0)
            if new != theta[j]:
                slope += hessian[j] * (new - theta[j])
                theta[j] = new
        now = np.sign(theta)
        if np.array_equal(now, signs) and sweep % 5 == 4:
            exact = _on_face(hessian, gradient, start, bound, now)
            if exact is not None:
                return exact
        signs = now
    return theta


def _on_face(hessian: Array, gradient: Array, start: Array, bound: Array, signs: Array) -> Array | None:
    """The minimum with these signs, or None if it is not one of the whole."""
    on = (signs != 0) | (bound == 0)
    offset = gradient - hessian @ start
    theta = np.zeros(len(start))
    theta[on] = np.linalg.lstsq(hessian[np.ix_(on, on)], -(offset + bound * signs)[on], rcond=None)[0]
    slope = offset + hessian @ theta
    if (np.sign(theta) != signs)[on & (bound > 0)].any() or (np.abs(slope) > bound * (1 + 1e-9))[~on].any():
        return None
    return theta


def _best_intercept(problem: Problem, coef: Array, start: float) -> float:
    if not problem.fit_intercept:
        return 0.0
    loss, base, c = LOSSES[problem.loss], problem.eta(coef, 0.0), start
    if problem.loss == "poisson" and start == 0.0:
        c = float(np.log(problem.share @ problem.y))
    assert loss.hessian is not None
    for _ in range(50):
        slope = float(problem.share @ loss.gradient(problem.y, base + c, problem.parameter))
        step = slope / max(float(problem.share @ loss.hessian(problem.y, base + c, problem.parameter)), 1e-300)
        c -= step
        if abs(step) <= 1e-15 * (1 + abs(c)):
            break
    return c


def duality_gap(problem: Problem, eta: Array, coef: Array, intercept: float) -> float:
    """Objective less a lower bound, for squared or logistic loss with an l1 (and l2) penalty (Fenchel duality)."""
    y, share = problem.y, problem.share
    pull = LOSSES[problem.loss].gradient(y, eta, problem.parameter)  # at the optimum: the dual point
    if problem.fit_intercept:
        pull = pull - float(share @ pull)  # it must sum to zero, as it does at the optimum
    image = problem.X.T @ (share * pull)
    if problem.l2 == 0:
        largest = float(np.abs(image).max(initial=0.0))
        pull = pull * min(1.0, problem.l1 / largest) if largest > 0 else pull
        cost = 0.0
    else:
        cost = float(np.sum(np.maximum(np.abs(image) - problem.l1, 0.0) ** 2)) / (2 * problem.l2)
    if problem.loss == "squared":
        conjugate = pull * y + pull**2 / 2
    elif problem.loss == "logistic":
        mu = pull + y
        if (mu < 0).any() or (mu > 1).any():
            return np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            conjugate = np.where(mu > 0, mu * np.log(mu), 0.0) + np.where(mu < 1, (1 - mu) * np.log1p(-mu), 0.0)
    else:
        raise ValueError(f"no duality gap for {problem.loss} with an l1 penalty")
    return problem.objective(coef, intercept) - (-float(share @ conjugate) - cost)
