"""Stochastic gradient descent one row after the other, in plain Python: the slow twin of the compiled training.

The same sequence of updates as scikit-learn 1.9: rows in the same order for a seed, coefficients stored as a number
times a vector (Shalev-Shwartz et al. 2007, Pegasos), their average likewise (Bottou 2012, Stochastic gradient tricks),
the L1 penalty paid off when a column is met (Tsuruoka, Tsujii and Ananiadou 2009).
"""

import math
import time
from types import SimpleNamespace

import numpy as np
from scipy import sparse

OVERFLOW = (
    "Floating-point under-/overflow occurred at epoch #{}. Scaling input data with StandardScaler or MinMaxScaler "
    "might help."
)
LARGEST_SLOPE = 1e12
SPARSE_INTERCEPT_DECAY = 0.01  # intercepts of sparse rows learn slower, since every row moves them


def log1p_exp(eta):
    return np.logaddexp(0.0, eta)


def half_square(u):
    return 0.5 * u * u


def square(u):
    return u * u


# of the prediction p: value and slope
LOSSES = {
    "hinge": (lambda y, p, _: max(0.0, 1 - y * p), lambda y, p, _: -y if y * p <= 1 else 0.0),
    "perceptron": (lambda y, p, _: max(0.0, -y * p), lambda y, p, _: -y if y * p <= 0 else 0.0),
    "squared_hinge": (lambda y, p, _: square(max(0.0, 1 - y * p)), lambda y, p, _: -2 * y * max(0.0, 1 - y * p)),
    "log_loss": (lambda y, p, _: log1p_exp(p) - y * p, lambda y, p, _: math.exp(-log1p_exp(-p)) - y),
    "modified_huber": (
        lambda y, p, _: -4 * y * p if y * p < -1 else square(max(0.0, 1 - y * p)),
        lambda y, p, _: -4 * y if y * p < -1 else -2 * y * max(0.0, 1 - y * p),
    ),
    "squared_error": (lambda y, p, _: half_square(p - y), lambda y, p, _: p - y),
    "huber": (
        lambda y, p, d: half_square(p - y) if abs(p - y) <= d else d * (abs(p - y) - d / 2),
        lambda y, p, d: min(max(p - y, -d), d),
    ),
    "epsilon_insensitive": (
        lambda y, p, e: max(0.0, abs(y - p) - e),
        lambda y, p, e: math.copysign(1.0, p - y) if abs(p - y) > e else 0.0,
    ),
    "squared_epsilon_insensitive": (
        lambda y, p, e: square(max(0.0, abs(y - p) - e)),
        lambda y, p, e: 2 * math.copysign(max(0.0, abs(p - y) - e), p - y),
    ),
}


def mix(order, seed):
    """Swap as Fisher and Yates do, with Marsaglia's 32-bit generator (2003, Xorshift RNGs) from the same seed."""
    state = seed or 1
    n = len(order)
    for i in range(n - 1):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        j = i + (state % 2**31) % (n - i)
        order[i], order[j] = order[j], order[i]


class ScaledVector:
    """Coefficients ``scale * stored`` and their average ``(kept + a * stored) / b``."""

    def __init__(self, coef, average):
        self.stored, self.kept = coef, average
        self.scale, self.a, self.b = 1.0, 0.0, 1.0
        self.smallest = 1e-9 if coef.dtype == np.float64 else 1e-6
        self.square, self.absolute = float(coef @ coef), float(np.abs(coef).sum())

    def dot(self, columns, values):
        return float(self.stored[columns].astype(float) @ values) * self.scale

    def shrink(self, factor):
        self.scale *= factor
        self.square *= factor**2
        self.absolute *= factor
        if self.scale < self.smallest:
            self.settle()

    def settle(self):
        """Make the scale one."""
        if self.kept is not None:
            self.kept[:] = (self.kept + self.a * self.stored) / self.b
            self.a, self.b = 0.0, 1.0
        self.stored *= self.scale
        self.scale = 1.0

    def add(self, columns, values, c):
        self.stored[columns] += values * (c / self.scale)
        met = self.stored[columns].astype(float)  # norms are those of the columns met last
        self.square, self.absolute = float(met @ met) * self.scale**2, float(np.abs(met).sum()) * self.scale

    def add_average(self, columns, values, c, count):
        self.kept[columns] -= self.a * values * (c / self.scale)
        if count > 1:
            self.b /= 1 - 1 / count
        self.a += self.b * self.scale / count

    def pay_l1(self, columns, paid, owed):
        real = self.stored[columns] * self.scale
        left = np.sign(real) * np.maximum(0.0, np.abs(real) - owed - np.sign(real) * paid[columns])
        left[real == 0] = 0
        self.stored[columns] = left / self.scale
        paid[columns] += left - real

    def settled(self):
        average = None if self.kept is None else (self.kept + self.a * self.stored) / self.b
        return self.scale * self.stored, average


def epochs(
    X,
    y,
    coef,
    intercept,
    average_coef,
    average_intercept,
    *,
    t,
    loss,
    parameter,
    penalty,
    alpha,
    l1_ratio,
    sample_weight,
    weight_pos,
    weight_neg,
    learning_rate,
    eta0,
    power_t,
    max_iter,
    tol,
    n_iter_no_change,
    fit_intercept,
    shuffle,
    seed,
    average,
    validation_mask,
    validation_score,
    early_stopping,
    one_class,
):
    """Yield what is known after each epoch of one problem, as a dictionary; the last has ``done``."""
    value, slope = LOSSES[loss]
    decay = SPARSE_INTERCEPT_DECAY if sparse.issparse(X) else 1.0
    mask = np.zeros(len(y), dtype=bool) if validation_mask is None else validation_mask
    trained = len(y) - int(mask.sum())
    vector = ScaledVector(coef, average_coef if average else None)
    l1_share = {"elasticnet": l1_ratio, "l1": 1.0}.get(penalty, 0.0)
    owed, paid = 0.0, np.zeros(len(coef))
    eta, start = eta0, 0.0
    passive = learning_rate in ("pa1", "pa2")
    if learning_rate == "optimal":
        typical = math.sqrt(1 / math.sqrt(alpha))
        start = max(1.0, slope(1.0, -typical, parameter)) / (typical * alpha)
    order = list(range(len(y)))
    best_score, best_objective, idle, updates = -math.inf, math.inf, 0, 0
    for epoch in range(1, max_iter + 1):
        if shuffle:
            mix(order, seed)
        sum_loss = sum_penalty = 0.0
        for i in order:
            if mask[i]:
                continue
            columns, values = row_of(X, i)
            p, target = vector.dot(columns, values) + intercept, float(y[i])
            if learning_rate == "optimal":
                eta = 1 / (alpha * (start + t - 1))
            elif learning_rate == "invscaling":
                eta = eta0 / t**power_t
            here = float(value(target, p, parameter))
            sum_loss += here
            if penalty is not None and not passive:
                sum_penalty += alpha * ((1 - l1_share) * 0.5 * vector.square + l1_share * vector.absolute)
            if one_class and not passive:
                sum_penalty += intercept * alpha
            if passive:
                length = float(values @ values)
                if learning_rate == "pa1" and length == 0:
                    continue
                step = min(eta0, here / length) if learning_rate == "pa1" else here / (length + 0.5 / eta0)
                if loss in ("hinge", "perceptron"):
                    step *= target
                elif target < p:
                    step = -step
            else:
                step = -eta * min(max(slope(target, p, parameter), -LARGEST_SLOPE), LARGEST_SLOPE)
            step *= (weight_pos if target > 0 else weight_neg) * (1.0 if sample_weight is None else sample_weight[i])
            if penalty in ("l2", "elasticnet"):
                vector.shrink(max(0.0, 1 - (1 - l1_share) * eta * alpha))
            if step != 0:
                vector.add(columns, values, step)
            if fit_intercept:
                intercept += (step - (eta * alpha if one_class else 0.0)) * decay
            if 0 < average <= t:
                vector.add_average(columns, values, step, t - average + 1)
                average_intercept += (intercept - average_intercept) / (t - average + 1)
            if penalty in ("l1", "elasticnet"):
                owed += l1_share * eta * alpha
                vector.pay_l1(columns, paid, owed)
            t += 1
            updates += 1
        if not (math.isfinite(intercept) and np.isfinite(vector.stored).all()):
            raise ValueError(OVERFLOW.format(epoch))
        objective, score = (sum_loss + sum_penalty) / trained, math.nan
        if early_stopping:
            score = validation_score(vector.stored, intercept, vector.scale)
            idle = idle + 1 if score < best_score + tol else 0
            best_score = max(score, best_score)
        else:
            idle = idle + 1 if objective > best_objective - tol else 0
            best_objective = min(objective, best_objective)
        done = idle >= n_iter_no_change
        if done and learning_rate == "adaptive" and eta > 1e-6:
            eta, idle, done = eta / 5, 0, False
        if done or epoch == max_iter:
            vector.settle()
        now = vector.settled()
        yield {
            "epoch": epoch,
            "coef": now[0],
            "intercept": intercept,
            "average_coef": now[1],
            "average_intercept": average_intercept,
            "loss": sum_loss / trained,
            "objective": objective,
            "score": score,
            "updates": updates,
            "done": done,
        }
        if done:
            return


def row_of(X, i):
    if sparse.issparse(X):
        span = slice(X.indptr[i], X.indptr[i + 1])
        return X.indices[span], X.data[span].astype(float)
    return slice(None), X[i].astype(float)


def train_sgd(
    X,
    y,
    state,
    *,
    loss,
    parameter=0.0,
    penalty=None,
    alpha=0.0001,
    l1_ratio=0.15,
    sample_weight=None,
    weight_pos=1.0,
    weight_neg=1.0,
    learning_rate="optimal",
    eta0=0.01,
    power_t=0.5,
    max_iter=1000,
    tol=1e-3,
    n_iter_no_change=5,
    fit_intercept=True,
    shuffle=True,
    seed=1,
    average=0,
    validation_mask=None,
    validation_score=None,
    early_stopping=False,
    one_class=False,
    epoch_callback=None,
    copies=True,
):
    """Train the problem, or one for each code in y where `state.coef` has several rows, an epoch of each in turn.

    Returns the number of epochs of each problem, and "converged", "max_iter" or "interrupted".
    """
    began = time.perf_counter()
    several = state.coef.ndim == 2
    rows = np.atleast_2d(state.coef)
    k = len(rows)
    average_rows = [None] * k if state.average_coef is None else np.atleast_2d(state.average_coef)
    seeds, weights_pos = np.broadcast_to(seed, k), np.broadcast_to(weight_pos, k)
    scores = validation_score if several and early_stopping else [validation_score] * k
    negative = 0.0 if loss == "log_loss" else -1.0
    running = []
    for j in range(k):
        running.append(
            epochs(
                X,
                np.where(y == j, 1.0, negative) if several else y,
                rows[j],
                float(state.intercept[j]),
                average_rows[j],
                float(state.average_intercept[j]),
                t=state.t,
                loss=loss,
                parameter=parameter,
                penalty=penalty,
                alpha=alpha,
                l1_ratio=l1_ratio,
                sample_weight=sample_weight,
                weight_pos=float(weights_pos[j]),
                weight_neg=weight_neg,
                learning_rate=learning_rate,
                eta0=eta0,
                power_t=power_t,
                max_iter=max_iter,
                tol=tol,
                n_iter_no_change=n_iter_no_change,
                fit_intercept=fit_intercept,
                shuffle=shuffle,
                seed=int(seeds[j]),
                average=average,
                validation_mask=validation_mask,
                validation_score=scores[j],
                early_stopping=early_stopping,
                one_class=one_class,
            )
        )
    last = [{} for _ in running]
    status = "max_iter"
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(max_iter):
            for j, problem in enumerate(running):
                if not last[j].get("done"):
                    last[j] = next(problem)
            stop = epoch_callback is not None and epoch_callback(report_of(last, several, began, copies))
            if all(one["done"] for one in last) or stop:
                status = "interrupted" if stop else "converged"
                break
    for j, one in enumerate(last):
        rows[j] = one["coef"]
        if average:
            average_rows[j][:] = one["average_coef"]
        state.intercept[j], state.average_intercept[j] = one["intercept"], one["average_intercept"]
    n_iters = [one["epoch"] for one in last]
    state.t += max(n_iters) * len(y)
    return n_iters, status


def report_of(last, several, began, copies):
    stacked = {
        name: np.array([one[name] for one in last]) for name in last[0] if name not in ("epoch", "updates", "done")
    }
    coef, average_coef = stacked["coef"], stacked["average_coef"]
    average_coef = None if average_coef.dtype == object else average_coef.astype(coef.dtype)
    if not several:
        coef, average_coef = coef[0], None if average_coef is None else average_coef[0]
    longest = max(last, key=lambda one: one["epoch"])
    return SimpleNamespace(
        **stacked
        | {
            "epoch": longest["epoch"],
            "coef": coef if copies else None,
            "average_coef": average_coef if copies else None,
            "updates": longest["updates"],
            "seconds": time.perf_counter() - began,
        }
    )
