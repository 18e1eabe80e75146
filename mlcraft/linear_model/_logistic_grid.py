"""Logistic regression for every penalty of a grid and every training part of a split, on one X."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.smooth import SmoothFit
from mlcraft.linear_model._labels import LabelledRows
from mlcraft.linear_model._logistic_fit import LogisticProblem

__all__ = ["GridFits", "GridSettings", "decision_values", "fit_grid"]

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]
WORTH_THREADS = 1e5  # elements of X times classes below which threads cost more than they save


@dataclass(frozen=True, slots=True)
class GridSettings:
    """
    What all fits of a grid share.

    Attributes
    ----------
    fit_intercept : bool
        Whether there is a constant term.
    intercept_scaling : float or None
        For a penalised constant term; None for one without penalty.
    tol : float
        scikit-learn's.
    max_iter : int
        Bound on the iterations of each fit.
    jobs : int or None
        Threads at most; None for as many as the engine may use.
    """

    fit_intercept: bool = True
    intercept_scaling: float | None = None
    tol: float = 1e-4
    max_iter: int = 100
    jobs: int | None = None


@dataclass(slots=True)
class GridFits:
    """
    Fits of all rows and of every part, for every penalty.

    Attributes
    ----------
    coef : ndarray of shape (n_parts, n_grid, n_outputs, n_features)
        In the dtype of X; one output for two classes.
    intercept : ndarray of shape (n_parts, n_grid, n_outputs)
    n_iter : ndarray of shape (n_parts, n_grid)
    status : list of list of str
        How each fit of a part ended.
    whole : list of SmoothFit
        The fits of all rows, one for each penalty.
    """

    coef: Floats
    intercept: Floats
    n_iter: NDArray[np.int32]
    status: list[list[str]]
    whole: list[SmoothFit]


def fit_grid(
    rows: LabelledRows,
    weight: Floats | None,
    Cs: NDArray[np.float64],
    parts: Sequence[Rows],
    settings: GridSettings,
) -> GridFits:
    """
    Fit every penalty on all rows and on every part.

    The fits of all rows follow each other from the strongest penalty to the weakest, each from the one before. Those
    of a part start at the fit of all rows with the same penalty, moved by as much as the part's fit was away from it
    with the penalty before; parts are fitted by several threads. X is shared: rows that a part leaves out weigh
    nothing. The result does not depend on the number of threads.

    Parameters
    ----------
    rows : LabelledRows
        X (an ndarray or CSR), the classes and the codes of the labels.
    weight : ndarray of shape (n_samples,) or None
        Weights, those of the classes included.
    Cs : ndarray of shape (n_grid,)
        Each fit minimises ``C sum(w_i loss_i) + |coef|^2 / 2``; infinity is no penalty.
    parts : sequence of ndarray of int
        Rows of each training part, none empty; a row that occurs twice counts twice.
    settings : GridSettings

    Returns
    -------
    GridFits

    Raises
    ------
    NonFiniteError
        If X or the weights hold NaN or infinity, or the weights of a part sum to zero.
    """
    order = np.argsort(Cs, kind="stable")
    fits: dict[int, SmoothFit] = {}
    start = state = None
    for number in order:
        fits[number] = fit = _fit(rows, weight, Cs[number], settings, start, state=state, keep_state=True)
        start, state = ((fit.coef, fit.intercept), fit.state) if fit.status == "converged" else (None, None)
    whole = [fits[number] for number in range(len(Cs))]
    outputs = len(rows.classes) if len(rows.classes) > 2 else 1
    shape = (len(parts), len(Cs), outputs)
    found = GridFits(
        np.empty((*shape, rows.X.shape[1]), dtype=rows.X.dtype),
        np.empty(shape, dtype=rows.X.dtype),
        np.zeros(shape[:2], dtype=np.int32),
        [[""] * len(Cs) for _ in parts],
        whole,
    )
    shared = [_part(rows, weight, part) for part in parts]

    shifts: list[tuple[Any, Any]] = [(0.0, 0.0)] * len(parts)

    def step(part: int, number: int, stop: Event) -> None:
        near, shift = whole[number], shifts[part]
        start = (near.coef + shift[0], near.intercept + shift[1]) if near.status == "converged" else None
        state = near.state if start is not None else None
        fit = _fit(*shared[part], Cs[number], settings, start, stop, state=state)
        found.coef[part, number], found.intercept[part, number] = fit.coef, fit.intercept
        found.n_iter[part, number], found.status[part][number] = fit.n_iter, fit.status
        if start is not None:
            shifts[part] = fit.coef - near.coef, fit.intercept - near.intercept

    worth = rows.X.shape[0] * rows.X.shape[1] * outputs >= WORTH_THREADS
    threads = min(len(parts), _core.available_threads(), settings.jobs or len(parts)) if worth else 1
    _Chains(step, [int(number) for number in order], len(parts)).run(threads)
    return found


class _Chains:
    """Steps that follow each other within a chain, while chains are taken on by several threads.

    A free thread takes the next step of the chain that is furthest behind, so no thread runs out of work before the
    last steps. What a step computes depends on its own chain alone.
    """

    def __init__(self, step: Callable[[int, int, Event], None], numbers: list[int], chains: int) -> None:
        self.step, self.numbers = step, numbers
        self.done, self.busy = [0] * chains, [False] * chains
        self.lock, self.stop = Lock(), Event()

    def run(self, threads: int) -> None:
        """Do all steps; an error in one of them, or Ctrl-C, stops them all."""
        if threads <= 1:
            self._work()
            return
        with ThreadPoolExecutor(threads, thread_name_prefix="mlcraft") as pool:
            futures = [pool.submit(self._work) for _ in range(threads)]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                errors = [future.exception() for future in futures if future.done()]
            finally:
                self.stop.set()
        for error in errors:
            if error is not None:
                raise error

    def _next(self) -> int | None:
        with self.lock:
            waiting = [c for c, busy in enumerate(self.busy) if not busy and self.done[c] < len(self.numbers)]
            if not waiting or self.stop.is_set():
                return None
            chain = min(waiting, key=self.done.__getitem__)
            self.busy[chain] = True
            return chain

    def _work(self) -> None:
        while (chain := self._next()) is not None:
            self.step(chain, self.numbers[self.done[chain]], self.stop)
            with self.lock:
                self.done[chain] += 1
                self.busy[chain] = False


def _fit(
    rows: LabelledRows,
    weight: Any,
    C: float,
    settings: GridSettings,
    start: Any,
    stop: Event | None = None,
    **state: Any,
) -> SmoothFit:
    problem = LogisticProblem.of(
        rows,
        weight,
        inverse_penalty=C,
        fit_intercept=settings.fit_intercept,
        intercept_scaling=settings.intercept_scaling,
    )
    problem = replace(problem, **state)
    return problem.fit(settings.tol, settings.max_iter, start, None if stop is None else lambda *_: stop.is_set())


def _part(rows: LabelledRows, weight: Floats | None, part: Rows) -> tuple[LabelledRows, Floats | None]:
    """Return rows of X from the first to the last one of a part, as views; those in between weigh nothing."""
    first, last = int(part.min()), int(part.max()) + 1
    own = None if weight is None else weight[first:last]
    if len(part) != last - first or not (np.diff(part) == 1).all():
        counts = np.bincount(part - first, minlength=last - first).astype(rows.X.dtype)
        own = counts if own is None else counts * own
    return LabelledRows(_between(rows.X, first, last), rows.classes, rows.codes[first:last], None), own


def _between(X: Any, first: int, last: int) -> Any:
    """Return consecutive rows without a copy."""
    if isinstance(X, np.ndarray):
        return X[first:last]
    if (first, last) == (0, X.shape[0]):
        return X
    begin, end = int(X.indptr[first]), int(X.indptr[last])
    pieces = X.data[begin:end], X.indices[begin:end], X.indptr[first : last + 1] - X.indptr[first]
    return type(X)(pieces, shape=(last - first, X.shape[1]), copy=False)


def decision_values(X: Any, part: Rows, coef: Floats, intercept: Floats) -> NDArray[np.float64]:
    """
    Return the linear outputs of some rows for many fits, in one pass and without a copy of the rows.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    part : ndarray of int
        The rows.
    coef : ndarray of shape (n_fits, n_outputs, n_features)
    intercept : ndarray of shape (n_fits, n_outputs)

    Returns
    -------
    ndarray of shape (n_fits, n_rows, n_outputs)
    """
    right = np.ascontiguousarray(coef.reshape(-1, X.shape[1]).T, dtype=np.float64)
    products = _core.centred_products(X, part, None, right).reshape(len(part), *intercept.shape)
    products += intercept
    return np.ascontiguousarray(products.transpose(1, 0, 2))
