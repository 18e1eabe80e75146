"""Stochastic gradient descent, one row after the other, on arrays: the door to the compiled training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.layout import readable
from mlcraft._engine.sgd_rows import train_rows

__all__ = ["LEARNING_RATES", "SGD_LOSSES", "ScoreFunction", "SgdEpoch", "SgdRun", "SgdState", "train_sgd"]

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
SGD_LOSSES = (
    "hinge",
    "perceptron",
    "squared_hinge",
    "log_loss",
    "modified_huber",
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
)
LEARNING_RATES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")


@dataclass(slots=True)
class SgdState:
    """
    Where training stands; written in place. With an error it may be left anywhere.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_problems, n_features)
        C-contiguous and writeable, in the dtype of X. Two dimensions: one class against all others in each row.
    intercept : ndarray of shape (1,) or (n_problems,)
        float64.
    average_coef : ndarray or None
        The average of the coefficients over the updates, like `coef`; needed where ``average`` is above zero.
    average_intercept : ndarray
        Like `intercept`.
    t : float
        Number of the next update; the first is 1. Grows by the rows times the epochs (of the longest problem).
    """

    coef: Floats
    intercept: Doubles
    average_coef: Floats | None
    average_intercept: Doubles
    t: float = 1.0


@dataclass(slots=True)
class SgdEpoch:
    """
    What is told after an epoch; the arrays are copies.

    A problem that has ended keeps its last values.

    Attributes
    ----------
    epoch : int
        From 1.
    coef, average_coef : ndarray or None
        Like those of `SgdState`; None where no copies were asked for.
    intercept, average_intercept : ndarray
        Like those of `SgdState`.
    loss : ndarray of shape (1,) or (n_problems,)
        Mean loss of the rows, each at the coefficients that met it, before they learnt from it.
    objective : ndarray of shape (1,) or (n_problems,)
        `loss` and the mean penalty at those coefficients: what decides when to stop.
    score : ndarray of shape (1,) or (n_problems,)
        What `validation_score` returned; NaN without early stopping.
    updates : int
        Rows learnt from since the call began.
    seconds : float
        Since the call began.
    """

    epoch: int
    coef: Floats | None
    intercept: Doubles
    average_coef: Floats | None
    average_intercept: Doubles
    loss: Doubles
    objective: Doubles
    score: Doubles
    updates: int
    seconds: float


@dataclass(slots=True)
class SgdRun:
    """
    How training ended.

    Attributes
    ----------
    n_iter : int
        Epochs of the longest problem.
    n_iters : list of int
        Epochs of each problem.
    status : str
        "converged" (no improvement by `tol` for so many epochs), "max_iter" or "interrupted" (by the callback).
    """

    n_iter: int
    n_iters: list[int]
    status: str


ScoreFunction = Callable[[Floats, float, float], float]


def train_sgd(
    X: Any,
    y: Floats,
    state: SgdState,
    *,
    loss: str,
    parameter: float = 0.0,
    penalty: str | None = None,
    alpha: float = 0.0001,
    l1_ratio: float = 0.15,
    sample_weight: Floats | None = None,
    weight_pos: Any = 1.0,
    weight_neg: float = 1.0,
    learning_rate: str = "optimal",
    eta0: float = 0.01,
    power_t: float = 0.5,
    max_iter: int = 1000,
    tol: float | None = 1e-3,
    n_iter_no_change: int = 5,
    fit_intercept: bool = True,
    shuffle: bool = True,
    seed: Any = 1,
    average: int = 0,
    validation_mask: NDArray[np.bool_] | None = None,
    validation_score: ScoreFunction | Sequence[ScoreFunction] | None = None,
    early_stopping: bool = False,
    one_class: bool = False,
    epoch_callback: Callable[[SgdEpoch], bool | None] | None = None,
    copies: bool = True,
) -> SgdRun:
    """
    Train a linear model by the gradient of one row after the other.

    Updates come in the order that scikit-learn 1.9 has for the same seed, and fits end after the same epoch.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64, any strides. Neither copied nor written.
    y : ndarray of shape (n_samples,)
        In the dtype of X. One problem: 0 and 1 for "log_loss", -1 and 1 for "hinge", "perceptron", "squared_hinge" and
        "modified_huber", any numbers for the others. Several: the number of the class, from 0.
    state : SgdState
        Where to begin; holds the result.
    loss : str
        One of `SGD_LOSSES`.
    parameter : float, default=0.0
        Where the loss "huber" becomes linear, or the width that the epsilon-insensitive losses forgive.
    penalty : {"l2", "l1", "elasticnet"}, optional
        ``alpha * (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 / 2)``, with 0 and 1 for `l1_ratio` in "l2" and "l1".
    alpha, l1_ratio : float
        Of the penalty; `alpha` is also in the learning rate "optimal".
    sample_weight : ndarray of shape (n_samples,), optional
        In the dtype of X: factors of the steps.
    weight_pos : float or sequence of float, default=1.0
        Factor of the steps of rows with y above zero; of each class where there are several problems.
    weight_neg : float, default=1.0
        Factor of the steps of the other rows.
    learning_rate : str, default="optimal"
        One of `LEARNING_RATES`.
    eta0, power_t : float
        First step, and the power by which "invscaling" lowers it. For the passive-aggressive steps "pa1" and "pa2",
        `eta0` is their C.
    max_iter : int, default=1000
        Bound on the epochs.
    tol : float or None, default=1e-3
        An epoch that lowers the objective (raises the score) by less counts as no improvement; None for never.
    n_iter_no_change : int, default=5
        After how many such epochs to stop (to divide the step by 5: "adaptive").
    fit_intercept : bool, default=True
        Whether the intercept learns. That of sparse rows does so at a hundredth of the step.
    shuffle : bool, default=True
        Whether to shuffle the rows before every epoch.
    seed : int or sequence of int, default=1
        Of the shuffles, from 0 to 2**32 - 1; one for all problems or one each.
    average : int, default=0
        From which update on the average is taken; 0 for none.
    validation_mask : ndarray of bool of shape (n_samples,), optional
        Rows that are not learnt from.
    validation_score : callable or sequence of callable, optional
        From (stored, intercept, scale) to the score that decides with `early_stopping`; one for each of several
        problems. The coefficients are ``scale * stored``: the L2 penalty shrinks their common factor.
    early_stopping : bool, default=False
        Whether the score decides instead of the objective.
    one_class : bool, default=False
        Whether the intercept has the penalty ``alpha * intercept`` of the one-class machine.
    epoch_callback : callable, optional
        Called with a `SgdEpoch` when all problems have done an epoch; True ends the training.
    copies : bool, default=True
        Whether the reports hold coefficients.

    Returns
    -------
    SgdRun

    Raises
    ------
    ValueError
        If loss, penalty or learning rate is unknown, arrays do not fit, or coefficients are not finite after an epoch.
    """
    for name, given, known in (
        ("loss", loss, SGD_LOSSES),
        ("learning_rate", learning_rate, LEARNING_RATES),
        ("penalty", penalty, (None, "l2", "l1", "elasticnet")),
    ):
        if given not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {given!r}")
    if average > 0 and state.average_coef is None:
        raise ValueError("average > 0 needs state.average_coef")
    X, y, sample_weight = readable(X, y, sample_weight)
    n_iters, status = train_rows(  # type: ignore[no-untyped-call]
        X,
        y,
        state,
        SgdEpoch,
        loss=loss,
        parameter=parameter,
        penalty=penalty,
        alpha=alpha,
        l1_ratio=l1_ratio,
        sample_weight=sample_weight,
        weight_pos=weight_pos,
        weight_neg=weight_neg,
        learning_rate=learning_rate,
        eta0=eta0,
        power_t=power_t,
        max_iter=max_iter,
        tol=-np.inf if tol is None else tol,
        n_iter_no_change=n_iter_no_change,
        fit_intercept=fit_intercept,
        shuffle=shuffle,
        seed=seed,
        average=average,
        validation_mask=validation_mask,
        validation_score=validation_score,
        early_stopping=early_stopping,
        one_class=one_class,
        epoch_callback=epoch_callback,
        copies=copies,
    )
    return SgdRun(max(n_iters), n_iters, status)
