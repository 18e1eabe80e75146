"""One support vector machine: scikit-learn's objective handed to the engine that suits its loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.box_dual import fit_box_dual
from mlcraft._engine.smooth import fit_smooth

__all__ = ["MarginFit", "MarginOptions", "fit_margin"]

Doubles = NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class MarginOptions:
    """
    What is the same for all classes.

    Attributes
    ----------
    loss : {"hinge", "squared_hinge", "epsilon_insensitive", "squared_epsilon_insensitive"}
    C : float
        Weight of the losses beside ``|w|^2 / 2``.
    intercept_scaling : float
        Value of the constant column whose coefficient is penalised with the others; 0: no intercept.
    epsilon : float
        Half the width of the tube without loss.
    tol : float
        scikit-learn's, from which the bound on the certificate follows.
    max_iter : int
        Bound on the iterations.
    seed : int
        Of the order in which coordinate descent takes the rows.
    """

    loss: str
    C: float
    intercept_scaling: float
    epsilon: float
    tol: float
    max_iter: int
    seed: int


@dataclass(slots=True)
class MarginFit:
    """
    One coefficient vector and its certificate.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
    intercept : float
    n_iter : int
    method : str
    measure : str
        What the certificate is, in words.
    certificate, wanted : float
        What was reached, and the bound.
    status : str
        "converged", "max_iter" or "stalled".
    """

    coef: Doubles
    intercept: float
    n_iter: int
    method: str
    measure: str
    certificate: float
    wanted: float
    status: str


def fit_margin(X: Any, y: Doubles, weight: Doubles | None, options: MarginOptions) -> MarginFit:
    """
    Minimise ``(|b|^2 + (c / intercept_scaling)^2) / 2 + C sum(w_i loss(y_i, x_i'b + c))``.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float64.
    y : ndarray of shape (n_samples,)
        -1 and 1 for the hinge losses, numbers for the others.
    weight : ndarray of shape (n_samples,) or None
        Not negative.
    options : MarginOptions

    Returns
    -------
    MarginFit

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity.
    """
    if options.loss.startswith("squared"):
        return _smooth(X, y, weight, options)
    return _two_slopes(X, y, weight, options)


def _smooth(X: Any, y: Doubles, weight: Doubles | None, options: MarginOptions) -> MarginFit:
    # the engine's objective is the mean loss, so the penalty is divided by C times the sum of the weights
    alpha = 1.0 / (options.C * (len(y) if weight is None else float(weight.sum())))
    wanted = max(min(1e-9, 1e-5 * options.tol), 1e-13)
    scaling = options.intercept_scaling
    fit = fit_smooth(
        X,
        y,
        loss=options.loss,
        alpha=alpha,
        intercept_alpha=alpha / scaling**2 if scaling else 0.0,
        sample_weight=weight,
        fit_intercept=scaling > 0,
        parameter=options.epsilon,
        tol=wanted,
        max_iter=options.max_iter,
    )
    return MarginFit(
        coef=np.asarray(fit.coef, dtype=np.float64),
        intercept=float(fit.intercept),
        n_iter=fit.n_iter,
        method=fit.method,
        measure="scaled gradient",
        certificate=fit.gradient_norm,
        wanted=wanted,
        status="converged" if fit.gradient_norm <= max(wanted, 1e-9) else fit.status,
    )


def _two_slopes(X: Any, y: Doubles, weight: Doubles | None, options: MarginOptions) -> MarginFit:
    width = np.full(len(y), options.C) if weight is None else options.C * weight
    if options.loss == "hinge":
        lower, upper, epsilon = np.where(y < 0, -width, 0.0), np.where(y > 0, width, 0.0), 0.0
    else:
        lower, upper, epsilon = -width, width, max(options.epsilon, 0.0)  # a negative one only adds a constant
    wanted = max(min(1e-6, 1e-2 * options.tol), 1e-12)
    fit = fit_box_dual(
        X,
        y,
        lower,
        upper,
        epsilon=epsilon,
        bias=options.intercept_scaling,
        tol=wanted,
        max_iter=options.max_iter,
        seed=options.seed,
    )
    return MarginFit(
        coef=fit.coef,
        intercept=fit.intercept,
        n_iter=fit.n_iter,
        method=fit.method,
        measure="duality gap relative to the objective",
        certificate=fit.gap / fit.objective if fit.objective > 0 else 0.0,
        wanted=wanted,
        status=fit.status,
    )
