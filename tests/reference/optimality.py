"""Objective and optimality of loss + penalty as textbooks have them, in plain NumPy: a certificate from outside.

``sum(w_i loss(y_i, eta_i)) / sum(w_i) + penalty(b)``, eta = offset + X b + c. A point is optimal when some choice of
subgradients sums to zero; how far the best choice is from it, is the violation: for losses with kinks a linear program.
"""

import importlib

import numpy as np
from scipy.optimize import linprog


def coded(loss, labels):
    """Labels as the textbook's loss has them."""
    codes = np.unique(labels, return_inverse=True)[1]
    if loss in ("hinge", "squared_hinge", "modified_huber"):
        return 2.0 * codes - 1
    return codes.astype(float) if loss in ("logistic", "multinomial") else np.asarray(labels, dtype=float)


class Objective:
    """A problem; `penalty` holds name, alpha, l1_ratio, lower, upper and groups."""

    def __init__(self, X, y, loss, parameter=0.0, weight=None, offset=None, fit_intercept=True, **penalty):
        self.X, self.y, self.loss, self.fit_intercept = np.asarray(X, dtype=float), coded(loss, y), loss, fit_intercept
        self.twin = importlib.import_module(f"reference.{loss}")
        self.parameter = () if loss == "multinomial" else (parameter,)
        self.share = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
        self.share = self.share / self.share.sum()
        self.offset = np.zeros(len(y)) if offset is None else np.asarray(offset, dtype=float)
        self.penalty = {"name": "none", "alpha": 0.0, "l1_ratio": 0.5} | penalty

    def eta(self, coef, intercept):
        return (coef @ self.X.T).T + self.offset.reshape(-1, *(1,) * (np.ndim(coef) - 1)) + intercept

    def value(self, coef, intercept):
        eta = self.eta(coef, intercept)
        losses = self.twin.value(self.y, eta.T if eta.ndim == 2 else eta, *self.parameter)
        return float(self.share @ losses) + self.penalty_value(coef)

    def penalty_value(self, b):
        ridge, lasso = self.parts()
        found = ridge * np.sum(b**2) / 2 + lasso * np.abs(b).sum()
        if self.penalty["name"] == "group":
            groups = self.penalty["groups"]
            for row in np.atleast_2d(b):
                for g in np.unique(groups):
                    found += self.penalty["alpha"] * np.sqrt(np.sum(groups == g)) * np.linalg.norm(row[groups == g])
        return float(found)

    def parts(self):
        name, alpha, ratio = (self.penalty[key] for key in ("name", "alpha", "l1_ratio"))
        return {"l2": (alpha, 0.0), "l1": (0.0, alpha), "elastic_net": (alpha * (1 - ratio), alpha * ratio)}.get(
            name, (0.0, 0.0)
        )

    def scales(self):
        """Standard deviations of the columns, and the largest slope of the losses without any column."""
        mean = self.share @ self.X if self.fit_intercept else 0.0
        spread = np.sqrt(self.share @ (self.X - mean) ** 2)
        return np.where(spread > 0, spread, 1.0)

    def gradients(self, coef, intercept):
        """Gradient of the mean loss by coefficients and by intercepts."""
        eta = self.eta(coef, intercept)
        slope = self.twin.gradient(self.y, eta.T if eta.ndim == 2 else eta, *self.parameter) * self.share
        return slope @ self.X, slope.sum(axis=-1)

    def violation(self, coef, intercept):
        """The largest violation of optimality in columns of unit spread."""
        if self.loss in ("hinge", "epsilon_insensitive", "quantile"):
            return self._violation_with_kinks(coef, intercept)
        gradient, constant = self.gradients(coef, intercept)
        if not self.fit_intercept:
            constant = np.zeros_like(constant)
        mean = self.share @ self.X if self.fit_intercept else np.zeros(self.X.shape[1])
        gradient = gradient - np.multiply.outer(np.atleast_1d(constant), mean).reshape(gradient.shape)
        distance = self._distance(gradient, coef) / self.scales()
        return float(max(np.abs(distance).max(), np.abs(constant).max()))

    def _distance(self, gradient, b):
        ridge, lasso = self.parts()
        name = self.penalty["name"]
        total = gradient + ridge * b
        if name in ("l1", "elastic_net"):
            shrunk = np.maximum(np.abs(total) - lasso, 0.0)
            return np.where(b != 0, np.abs(total + lasso * np.sign(b)), shrunk)
        if name == "box":
            lower, upper = self.penalty["lower"], self.penalty["upper"]
            assert np.all((b >= lower) & (b <= upper))
            return np.where(
                b <= lower, np.maximum(-total, 0), np.where(b >= upper, np.maximum(total, 0), np.abs(total))
            )
        if name == "group":
            groups, found = self.penalty["groups"], np.zeros(np.atleast_2d(b).shape)
            for row, at, out in zip(np.atleast_2d(total), np.atleast_2d(b), found, strict=True):
                for g in np.unique(groups):
                    chosen = groups == g
                    size = self.penalty["alpha"] * np.sqrt(chosen.sum())
                    norm = np.linalg.norm(at[chosen])
                    if norm > 0:
                        out[chosen] = np.abs(row[chosen] + size * at[chosen] / norm)
                    else:
                        out[chosen] = max(np.linalg.norm(row[chosen]) - size, 0.0)
            return found.reshape(b.shape)
        return np.abs(total)

    def _violation_with_kinks(self, coef, intercept, near=1e-5):
        """Minimise t over slopes of the rows at a kink and signs of zero coefficients, all within t of balance."""
        X, y, eta = self.X, self.y, self.eta(coef, intercept)
        low, high = (
            self.twin.gradient(y, eta + side * near * np.maximum(1, np.abs(eta)), *self.parameter) for side in (-1, 1)
        )
        ridge, lasso = self.parts()
        zero = (np.abs(coef) < 1e-7) & (lasso > 0)
        kinks = np.flatnonzero(low != high)
        sure = np.where(low != high, 0.0, low) * self.share
        fixed = sure @ X + ridge * coef + lasso * np.sign(coef) * ~zero
        columns = np.column_stack([(X[kinks] * self.share[kinks, None]).T, lasso * np.eye(len(coef))[:, zero]])
        if self.fit_intercept:
            fixed = np.append(fixed, sure.sum())
            columns = np.vstack([columns, np.append(self.share[kinks], np.zeros(zero.sum()))])
        scale = np.append(self.scales(), 1.0)[: len(fixed)]
        t = np.zeros((len(fixed), 1))
        above = np.hstack([columns / scale[:, None], t - 1])
        below = np.hstack([-columns / scale[:, None], t - 1])
        limits = [*zip(low[kinks], high[kinks], strict=True), *[(-1, 1)] * zero.sum(), (0, None)]
        cost = np.append(np.zeros(len(limits) - 1), 1.0)
        found = linprog(cost, np.vstack([above, below]), np.concatenate([-fixed / scale, fixed / scale]), bounds=limits)
        assert found.status == 0
        return float(found.fun)
