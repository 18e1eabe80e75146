"""How strong a prior the data ask for: the evidence of a logistic regression for each of several penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from sklearn.base import clone

from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.posterior._laplace import laplace, logistic_step
from mlcraft.uncertainty.posterior._posterior import LaplacePosterior, last_step

__all__ = ["EvidencePath", "evidence_path"]

Doubles = NDArray[np.float64]
NEAR = 0.02  # of log C, where the search for the best one ends


@dataclass(frozen=True)
class EvidencePath:
    """
    The evidence for each of several penalties, and the best one.

    Attributes
    ----------
    Cs : ndarray of shape (n_cs,)
        Inverse penalties: variances of the coefficients, in increasing order.
    log_evidence : ndarray of shape (n_cs,)
    effective_df : ndarray of shape (n_cs,)
        How many parameters the data determine.
    C : float
        The best one.
    posterior : LaplacePosterior
        At `C`; ``posterior.estimator`` is the fit.
    """

    Cs: Doubles
    log_evidence: Doubles
    effective_df: Doubles
    C: float
    posterior: LaplacePosterior

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each C."""
        import pandas as pd

        return pd.DataFrame({"C": self.Cs, "log_evidence": self.log_evidence, "effective_df": self.effective_df})


def evidence_path(
    estimator: Any, X: Any, y: Any, *, Cs: Any = 10, sample_weight: Any = None, refine: bool = True
) -> EvidencePath:
    """
    Compute the evidence of a logistic regression for several C, and find the best one, without leaving out a row.

    Parameters
    ----------
    estimator : LogisticRegression or Pipeline that ends in one
        Cloned, for each C started where the one before ended. The steps before the last are fitted once.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Rows to learn from. One C is for all columns: bring them to one scale.
    y : array-like of shape (n_samples,)
        Labels.
    Cs : int or array-like of float, default=10
        Inverse penalties, or how many between 1e-4 and 1e4.
    sample_weight : array-like of shape (n_samples,), default=None
        How many rows each row stands for.
    refine : bool, default=True
        Whether the best C is searched for between those beside the best of `Cs`; else it is one of them.

    Returns
    -------
    EvidencePath

    Raises
    ------
    TypeError
        If the estimator is no LogisticRegression of mlcraft, nor ends in one.
    ValueError
        If a C is not positive and finite.

    Warns
    -----
    UserWarning
        If the best C is at an end of `Cs`.

    References
    ----------
    MacKay (1992). The evidence framework applied to classification networks. Neural Computation 4, 720-736.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from mlcraft.linear_model import LogisticRegression
    >>> from mlcraft.uncertainty import evidence_path
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> path = evidence_path(LogisticRegression(), StandardScaler().fit_transform(X), y)
    >>> print(f"C = {path.C:.1f}, log evidence {path.posterior.log_evidence:.1f}")
    C = 2.0, log evidence -53.8
    """
    Cs = _checked(Cs)
    solver = clone(logistic_step(estimator)).set_params(warm_start=True)
    before = estimator[:-1] if hasattr(estimator, "steps") and len(estimator.steps) > 1 else None
    rows = X
    if before is not None:
        before = clone(before).fit(X, y)
        rows = before.transform(X)
    tried: dict[float, tuple[float, float]] = {}

    def loss_at(log_c: float) -> float:
        C = float(np.exp(log_c))
        found = _posterior(solver.set_params(C=C).fit(rows, y, sample_weight), rows, y, sample_weight)
        tried[C] = (found.log_evidence, found.effective_df)
        return -found.log_evidence

    losses = [loss_at(value) for value in np.log(Cs)]
    path = np.array(list(tried.values()))
    place = int(np.argmin(losses))
    if place in (0, len(Cs) - 1) and len(Cs) > 1:
        warn_caller(
            f"The evidence is largest at C={Cs[place]:g}, the {'smallest' if place == 0 else 'largest'} of Cs: "
            f"{'the columns may tell nothing of the classes' if place == 0 else 'the data may ask for no penalty'}; "
            "Cs may be widened"
        )
    elif refine and len(Cs) > 1:
        ends = (np.log(Cs[place - 1]), np.log(Cs[place + 1]))
        optimize.minimize_scalar(loss_at, bounds=ends, method="bounded", options={"xatol": NEAR})
    best = max(tried, key=lambda C: tried[C][0])
    last = clone(last_step(estimator)).set_params(C=best).fit(rows, y, sample_weight)
    fitted = last
    if hasattr(estimator, "steps"):
        fitted = clone(estimator)
        fitted.steps = [*(before.steps if before is not None else []), (estimator.steps[-1][0], last)]
    posterior = LaplacePosterior(fitted, _posterior(last, rows, y, sample_weight).inference)
    return EvidencePath(Cs, path[:, 0], path[:, 1], best, posterior)


def _posterior(fit: Any, rows: Any, y: Any, sample_weight: Any) -> LaplacePosterior:
    """Return the posterior of a fit that may have kept no information, where that would have been dear."""
    kept = fit._likelihood.factor is not None or fit._likelihood.matrix is not None
    return laplace(fit) if kept else laplace(fit, rows, y, sample_weight=sample_weight)


def _checked(Cs: Any) -> Doubles:
    values = np.logspace(-4, 4, int(Cs)) if np.ndim(Cs) == 0 else np.unique(np.asarray(Cs, dtype=np.float64))
    if values.ndim != 1 or not len(values) or not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(f"Cs must be a number of values, or values that are positive and finite; got {Cs!r}")
    return values
