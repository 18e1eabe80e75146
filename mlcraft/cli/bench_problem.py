"""The problem of ``mlcraft bench``: a table in numbers, its objective in NumPy, its optimum apart from all solvers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit, logsumexp, softmax

from mlcraft.cli.columns import Column
from mlcraft.cli.encode import fit_encoder
from mlcraft.cli.errors import CommandError, listing, plural
from mlcraft.cli.fitting import MIN_ROWS, checked_target
from mlcraft.cli.tables import Table, read_table
from mlcraft.datasets import california_housing_path

LOSSES = ("squared", "logistic", "multinomial", "squared_hinge", "poisson")
MOST_CLASSES = 50
SHIPPED = "California housing, 1990 census (ships with mlcraft)"

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Task:
    """Columns of mean zero and unit variance, a target coded for the loss, and what to say of both."""

    source: str
    n_columns: int
    target: str
    classes: tuple[str, ...]
    X: Doubles
    y: Doubles
    loss: str
    alpha: float
    remarks: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Rows of coefficients: one, or one for each class."""
        return len(self.classes) if self.loss == "multinomial" else 1

    def objective(self, coef: Doubles, intercept: Doubles) -> float:
        """``mean(loss) + alpha |coef|^2 / 2``; infinite where it is not a number."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(self.losses(self.X @ coef.T + intercept).mean())
            value += self.alpha * float(np.sum(np.square(coef))) / 2.0
        return value if np.isfinite(value) else float("inf")

    def losses(self, eta: Doubles) -> Doubles:
        """Return each row's loss; `eta` has a column for each output."""
        y, one = self.y, eta[:, 0]
        if self.loss == "multinomial":
            found = logsumexp(eta, axis=1) - eta[np.arange(len(y)), y.astype(np.intp)]
        elif self.loss == "logistic":
            found = np.logaddexp(0.0, np.where(y > 0, -one, one))
        elif self.loss == "squared_hinge":
            found = np.maximum(0.0, 1.0 - y * one) ** 2
        elif self.loss == "poisson":
            found = np.exp(one) - y * one
        else:
            found = (y - one) ** 2 / 2.0
        return np.asarray(found, dtype=np.float64)

    def slopes(self, eta: Doubles) -> tuple[Doubles, Callable[[Doubles], Doubles]]:
        """Return d loss / d eta, and the map of a change of eta to the change of that."""
        y, one = self.y, eta[:, 0]
        if self.loss == "multinomial":
            mu = softmax(eta, axis=1)
            hot = np.zeros_like(mu)
            hot[np.arange(len(y)), y.astype(np.intp)] = 1.0
            return mu - hot, lambda v: mu * (v - np.sum(mu * v, axis=1, keepdims=True))
        curvature: Doubles = np.ones_like(one)
        if self.loss == "logistic":
            gradient, curvature = expit(one) - y, expit(one) * expit(-one)
        elif self.loss == "squared_hinge":
            gradient, curvature = -2.0 * y * np.maximum(0.0, 1.0 - y * one), np.asarray(2.0 * (y * one < 1.0))
        elif self.loss == "poisson":
            gradient, curvature = np.exp(one) - y, np.exp(one)
        else:
            gradient = one - y
        return gradient[:, None], lambda v: curvature[:, None] * v

    def null_value(self) -> float:
        """Return the objective of the best constant alone."""
        y = self.y
        constant: Doubles
        if self.loss == "multinomial":
            constant = np.log(np.bincount(y.astype(np.intp)) / len(y))
        else:
            constant = np.array([float(y.mean())])  # of -1 and 1 it is the minimiser of the squared hinge, too
            if self.loss in ("logistic", "poisson"):
                constant = np.array(np.log(constant / (1.0 - constant if self.loss == "logistic" else 1.0)))
        return float(self.losses(np.tile(constant, (len(y), 1))).mean())


def read_task(
    data: str | None,
    target: str | None,
    *,
    loss: str | None = None,
    alpha: float | None = None,
    drop: Collection[str] = (),
    keep: Collection[str] = (),
) -> Task:
    """Read a table and make the problem of it; the loss follows from the target unless it is given.

    Examples
    --------
    >>> task = read_task(None, None)
    >>> task.loss, task.X.shape
    ('squared', (20640, 13))
    """
    if loss is not None and loss not in LOSSES:
        raise CommandError(f"--loss: '{loss}' is none of {listing(LOSSES)}")
    table = read_table(str(california_housing_path()) if data is None else data)
    name = checked_target(table, data, target, drop, keep)
    column = table.column(name)
    usable = np.flatnonzero(~column.missing)
    remarks = list(table.remarks)
    if len(usable) < len(column):
        remarks.append(f"{plural(len(column) - len(usable), 'row')} without a value of '{name}' left out")
    if len(usable) < MIN_ROWS:
        raise CommandError(f"too few rows: {len(usable)} with a value of '{name}', and {MIN_ROWS} are needed")
    chosen, y, classes = _coded(column, usable, loss)
    X = _matrix(table, usable, name, drop, keep)
    if alpha is None:
        alpha = 1.0 / len(y)
    source = SHIPPED if data is None else data
    return Task(source, len(table.columns), name, classes, X, y, chosen, alpha, tuple(remarks))


def _matrix(table: Table, rows: NDArray[np.intp], target: str, drop: Collection[str], keep: Collection[str]) -> Doubles:
    encoding = fit_encoder(table, rows, target=target, drop=drop, keep=keep, scale=True)
    if encoding.matrix.shape[1] == 0:
        reasons = "; ".join(f"'{notice.column}' {notice.text}" for notice in encoding.notices[:3])
        raise CommandError(f"no usable column is left to predict '{target}' from ({reasons or 'it is the only one'})")
    return np.ascontiguousarray(encoding.matrix - encoding.matrix.mean(axis=0))


def _coded(column: Column, rows: NDArray[np.intp], loss: str | None) -> tuple[str, Doubles, tuple[str, ...]]:
    """Return the loss, the target in its code, and the names of the classes (none for numbers)."""
    name = column.name
    if column.kind in ("date", "unsupported"):
        raise CommandError(f"the target '{name}' holds neither numbers nor classes")
    if column.kind == "text":
        found, codes = np.unique(column.codes[rows], return_inverse=True)
        classes = tuple(str(column.levels[code]) for code in found)
    else:
        found, codes = np.unique(column.values[rows], return_inverse=True)
        classes = tuple(f"{value:g}" for value in found)
    if len(classes) == 1:
        raise CommandError(f"the target '{name}' is constant ({classes[0]} in every row); there is nothing to learn")
    is_text, values = column.kind == "text", column.values[rows] if column.kind != "text" else np.zeros(0)
    if loss is None:
        loss = "logistic" if len(classes) == 2 else "multinomial" if is_text else "squared"
    if loss in ("squared", "poisson"):
        if is_text:
            raise CommandError(f"--loss {loss} needs numbers, but the target '{name}' holds text; leave --loss out")
        if loss == "poisson" and values.min() < 0:
            raise CommandError(f"--loss poisson needs counts, but '{name}' goes down to {values.min():g}")
        return loss, np.asarray(values / (values.std() if loss == "squared" else 1.0)), ()
    if loss == "multinomial" and len(classes) > MOST_CLASSES:
        raise CommandError(
            f"the target '{name}' has {len(classes):,} different values; {MOST_CLASSES} classes are the most"
        )
    if loss != "multinomial" and len(classes) != 2:
        raise CommandError(f"--loss {loss} needs two classes, but '{name}' has {len(classes):,}")
    y = codes.astype(np.float64)
    return loss, 2.0 * y - 1.0 if loss == "squared_hinge" else y, classes


def optimum(task: Task, coef: Doubles, intercept: Doubles, steps: int = 30) -> tuple[float, float]:
    """Return the smallest objective and what may be left of it, by Newton's method in NumPy from a point near it.

    The last Newton decrement is what may be left. Conjugate gradients solve each step.
    """
    p = task.X.shape[1]
    theta = np.concatenate([coef, intercept[:, None]], axis=1)
    ridge = np.append(np.full(p, task.alpha), 0.0)
    value, decrement = task.objective(theta[:, :p], theta[:, p]), np.inf
    for _ in range(steps):
        gradient_eta, curve = task.slopes(task.X @ theta[:, :p].T + theta[:, p])
        gradient = _pull(task, gradient_eta) + ridge * theta
        move = _newton_move(task, gradient, curve, ridge)
        decrement = float(np.sum(move * gradient)) / 2.0
        trial = theta - move
        found = task.objective(trial[:, :p], trial[:, p])
        if found >= value:
            break
        theta, value = trial, found
        if decrement <= 1e-15 * abs(value):
            break
    return value, abs(decrement)


def _pull(task: Task, change: Doubles) -> Doubles:
    """``X'r / n`` for each output, the mean of r last."""
    return np.column_stack([(task.X.T @ change).T / len(change), change.mean(axis=0)])


def _newton_move(task: Task, gradient: Doubles, curve: Callable[[Doubles], Doubles], ridge: Doubles) -> Doubles:
    shape, p = gradient.shape, task.X.shape[1]

    def image(flat: Doubles) -> Doubles:
        v = flat.reshape(shape)
        return np.ravel(_pull(task, curve(task.X @ v[:, :p].T + v[:, p])) + ridge * v)

    size = gradient.size
    operator = LinearOperator((size, size), matvec=image, dtype=np.float64)
    return np.asarray(cg(operator, gradient.ravel(), rtol=1e-10, maxiter=5 * size)[0]).reshape(shape)
