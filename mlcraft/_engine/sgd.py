"""Stochastic gradient descent, one row after the other, on arrays: the door to the compiled training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable

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
OVERFLOW = (
    "Floating-point under-/overflow occurred at epoch #{}. Scaling input data with StandardScaler or MinMaxScaler "
    "might help."
)
LARGEST = 2**31 - 1
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
    batch_size: int = 1,
    epoch_callback: Callable[[SgdEpoch], bool | None] | None = None,
    copies: bool = True,
) -> SgdRun:
    """
    Train a linear model by the gradient of one row after the other.

    Updates come in the order that scikit-learn 1.9 has for the same seed, and fits end after the same epoch.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        float32 or float64. Copied only where the elements of a row do not lie together (a random row of those would
        cost a line of memory an element); not written.
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
        problems. The coefficients are ``scale * stored``; scikit-learn scores without the scale, which L2 penalties
        make.
    early_stopping : bool, default=False
        Whether the score decides instead of the objective.
    one_class : bool, default=False
        Whether the intercept has the penalty ``alpha * intercept`` of the one-class machine.
    batch_size : int, default=1
        Rows of a step: it goes along the mean of their gradients, which all threads find together with the same bits
        for any number of them. ``t`` then counts these steps. Not for "pa1" and "pa2".
    epoch_callback : callable, optional
        Called with a `SgdEpoch` when all problems have done an epoch; True ends the training. Several problems then
        go in step, each with the order of its rows in memory (four bytes a row); without it, as many as there are
        threads.
    copies : bool, default=True
        Whether `epoch_callback` is given coefficients.

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
    if batch_size > 1 and learning_rate in ("pa1", "pa2"):
        raise ValueError(f"learning_rate={learning_rate!r} is a step for one row: it has no batch_size={batch_size}")
    X, y, sample_weight = readable(X, y, sample_weight)
    if isinstance(X, np.ndarray) and X.strides[1] != X.itemsize:
        X = np.ascontiguousarray(X)
    if X.shape[0] > LARGEST:
        raise ValueError(f"X has {X.shape[0]} rows; at most {LARGEST} can be shuffled. Use partial_fit on parts of it")
    coef, average_coef = np.atleast_2d(state.coef), None
    if state.average_coef is not None and average > 0:
        average_coef = np.atleast_2d(state.average_coef)
    problems = len(coef)
    numbers = np.empty((problems, 5))
    for column, given in enumerate((state.intercept, state.average_intercept, seed, weight_pos, weight_neg)):
        numbers[:, column] = given
    left_out = None if validation_mask is None else np.ascontiguousarray(validation_mask).view(np.uint8)
    scores: list[ScoreFunction] = []
    if early_stopping and validation_score is not None:
        scores = [validation_score] if callable(validation_score) else list(validation_score)
        scores = scores * problems if len(scores) == 1 else scores
    trained = X.shape[0] - (0 if left_out is None else int(np.count_nonzero(left_out)))
    steps = X.shape[0] if batch_size == 1 else -(-trained // batch_size)
    began = time.perf_counter()

    def report(found: list[Any]) -> bool:
        assert epoch_callback is not None
        columns = [np.array(column) for column in zip(*found, strict=True)]
        longest = int(max(columns[0]))
        return bool(
            epoch_callback(
                SgdEpoch(
                    longest,
                    state.coef.copy() if copies else None,
                    columns[5],
                    None if average_coef is None or not copies else average_coef.reshape(state.coef.shape).copy(),
                    columns[6],
                    columns[1],
                    columns[2],
                    columns[3] if early_stopping else np.full(problems, np.nan),
                    longest * trained,
                    time.perf_counter() - began,
                )
            )
        )

    settings = (
        (loss, learning_rate, penalty or "none"),
        tuple(map(float, (parameter, alpha, l1_ratio, eta0, power_t, -np.inf if tol is None else tol, average))),
        (min(int(max_iter), LARGEST), min(int(n_iter_no_change), LARGEST), min(int(batch_size), LARGEST)),
        (fit_intercept, shuffle, early_stopping, one_class, epoch_callback is not None),
    )
    found = _core.train_sgd(
        X,
        (y, sample_weight, left_out, float(state.t)),
        (coef, average_coef, numbers, state.coef.ndim == 2),
        settings,
        (scores, None if epoch_callback is None else report, copies),
    )
    n_iters = [one[0] for one in found]
    state.intercept[:] = [one[5] for one in found]
    state.average_intercept[:] = [one[6] for one in found]
    state.t += max(n_iters) * steps
    statuses = {one[4] for one in found}
    if "not_finite" in statuses:
        raise ValueError(OVERFLOW.format(min(one[0] for one in found if one[4] == "not_finite")))
    for status in ("interrupted", "max_iter"):
        if status in statuses:
            return SgdRun(max(n_iters), n_iters, status)
    return SgdRun(max(n_iters), n_iters, "converged")
