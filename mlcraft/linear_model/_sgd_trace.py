"""What a training tells while it goes on: a callback, printed lines, a bar, and the trace that is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.least_squares import predict_linear
from mlcraft._engine.sgd import SgdEpoch
from mlcraft._engine.sgd_losses import mean_loss
from mlcraft.linear_model._progress import ProgressBar

__all__ = ["EpochCallback", "Extras", "HeldOut", "TrainingTrace", "Watch", "check_standing", "trace_of"]

Doubles = NDArray[np.float64]
EpochCallback = Callable[[int, NDArray[Any], float, float, float], object]


@dataclass(frozen=True, slots=True)
class Extras:
    """What `fit` takes beside the data, and scikit-learn's does not."""

    callback: EpochCallback | None = None
    validation: Any = None
    progress: bool = False
    batch_size: int = 1

    def __post_init__(self) -> None:
        size: Any = self.batch_size
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(f"batch_size must be a whole number of rows, 1 or more, got {size!r}")


@dataclass(frozen=True)
class TrainingTrace:
    """
    How a training went, epoch by epoch.

    Attributes
    ----------
    epoch : ndarray of shape (n_epochs,)
        From 1.
    train_loss : ndarray of shape (n_epochs,)
        Mean loss of the training rows, each just before the model learnt from it. With more than two classes: the mean
        over the classes, each against the others.
    valid_loss : ndarray of shape (n_epochs,)
        Mean loss of the held-out rows after the epoch; NaN where none are held out.
    objective : ndarray of shape (n_epochs,)
        `train_loss` and the penalty: what ends a training without early stopping.
    seconds : ndarray of shape (n_epochs,)
        Since the training began.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import SGDRegressor
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((500, 3))
    >>> model = SGDRegressor(random_state=0).fit(X, X.sum(axis=1))
    >>> trace = model.trace_
    >>> len(trace) == model.n_iter_, bool(trace.train_loss[-1] < trace.train_loss[0])
    (True, True)
    """

    epoch: NDArray[np.int64]
    train_loss: Doubles
    valid_loss: Doubles
    objective: Doubles
    seconds: Doubles

    def __len__(self) -> int:
        return len(self.epoch)

    def to_frame(self) -> Any:
        """Return the trace as a pandas DataFrame with a row for each epoch.

        Returns
        -------
        pandas.DataFrame
            Columns train_loss, valid_loss, objective and seconds, by epoch.

        Raises
        ------
        ImportError
            If pandas is missing.
        """
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("train_loss", "valid_loss", "objective", "seconds")}
        return pd.DataFrame(columns, index=pd.Index(self.epoch, name="epoch"))


def trace_of(columns: dict[str, Any]) -> TrainingTrace:
    """Make a trace of columns that a file has; ValueError where they make none."""
    names = [part.name for part in fields(TrainingTrace)]
    if isinstance(columns.get("epoch"), np.ndarray):
        columns = dict.fromkeys(names, np.full(columns["epoch"].shape, np.nan)) | columns  # NaN is not stored
    shapes = {np.shape(column) for column in columns.values()}
    if set(columns) != set(names) or len(shapes) != 1 or len(shapes.pop()) != 1:
        raise ValueError("its trace is described wrongly")
    return TrainingTrace(**columns)


def check_standing(estimator: Any) -> None:
    """Raise ValueError where what `partial_fit` goes on from does not fit the coefficients."""
    fitted, coef = vars(estimator), estimator.coef_
    sound = isinstance(fitted.get("t_", 1.0), (float, np.floating))
    for name in ("_standard_coef", "_average_coef", "_standard_intercept", "_average_intercept"):
        part, size = fitted.get(name), coef.size if name.endswith("coef") else len(np.atleast_2d(coef))
        sound &= part is None or (isinstance(part, np.ndarray) and part.dtype.kind == "f" and part.size == size)
    if not sound:
        raise ValueError("where its training stands does not fit its coefficients")


@dataclass(slots=True)
class HeldOut:
    """
    Rows that are not learnt from.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_rows, n_features)
    targets : list of ndarray of shape (n_rows,)
        The y of each problem, as its loss wants it.
    weight : ndarray of shape (n_rows,) or None
    loss : str
    parameter : float
    """

    X: Any
    targets: list[NDArray[Any]]
    weight: NDArray[Any] | None
    loss: str
    parameter: float

    def mean_loss(self, coef: NDArray[Any], intercept: NDArray[Any]) -> float:
        """Return the mean loss, and the mean of that over several problems."""
        eta = predict_linear(self.X, np.atleast_2d(coef), intercept)
        found = [
            mean_loss(self.loss, target, eta[:, j], self.parameter, self.weight)
            for j, target in enumerate(self.targets)
        ]
        return sum(found) / len(found)


class Watch:
    """
    Meets the reports of the engine, keeps their figures and tells those who want to know.

    Parameters
    ----------
    callback : callable or None
        The user's.
    held_out : HeldOut or None
        Rows for the validation loss.
    verbose : int
        Whether to print two lines an epoch, those of scikit-learn.
    progress : bool
        Whether to show a bar, once the training takes a while.
    max_iter : int
        Bound on the epochs, the length of the bar.
    averaged_from : int or None
        The epoch from which on `coef_` is the average.
    shape : tuple of int
        Of `coef_`.
    """

    def __init__(
        self,
        *,
        callback: EpochCallback | None,
        held_out: HeldOut | None,
        verbose: int,
        progress: bool,
        max_iter: int,
        averaged_from: int | None,
        shape: tuple[int, ...],
    ) -> None:
        self._callback, self._held_out, self._verbose = callback, held_out, verbose
        self._averaged_from, self._shape = averaged_from, shape
        self._rows: list[tuple[int, float, float, float, float]] = []
        self._bar = ProgressBar("Training", max_iter) if progress else None
        self.ended = False  # by the callback
        self.wants_coef = callback is not None or held_out is not None or bool(verbose)

    def __call__(self, report: SgdEpoch) -> bool:
        """Take a report; True when the callback wants the training to end."""
        train_loss, valid_loss = float(np.mean(report.loss)), float("nan")
        coef, intercept = report.coef, report.intercept
        if self._averaged_from is not None and report.epoch >= self._averaged_from and self.wants_coef:
            coef, intercept = report.average_coef, report.average_intercept
        if self._held_out is not None:
            assert coef is not None
            valid_loss = self._held_out.mean_loss(coef, intercept)
        self._rows.append((report.epoch, train_loss, valid_loss, float(np.mean(report.objective)), report.seconds))
        if self._verbose:
            _print(report)
        if self._bar is not None:
            self._bar.update(report.epoch, f"loss {train_loss:.4g}")
        if self._callback is None:
            return False
        assert coef is not None
        answer = self._callback(report.epoch, coef.reshape(self._shape), train_loss, valid_loss, report.seconds)
        self.ended = bool(answer)
        return self.ended

    def close(self) -> TrainingTrace:
        """Take away the bar and return what was seen."""
        if self._bar is not None:
            self._bar.close()
        epoch, *figures = zip(*self._rows, strict=True) if self._rows else [()] * 5
        return TrainingTrace(np.array(epoch, dtype=np.int64), *(np.array(figure, dtype=float) for figure in figures))


def _print(report: SgdEpoch) -> None:
    coef = np.asarray(report.coef)
    bias = ", ".join(f"{value:.6f}" for value in report.intercept)
    score = "" if np.isnan(report.score).all() else f", Validation score: {np.mean(report.score):f}"
    print(f"-- Epoch {report.epoch}")
    print(
        f"Norm: {np.linalg.norm(coef):.2f}, NNZs: {np.count_nonzero(coef)}, Bias: {bias}, T: {report.updates}, "
        f"Avg. loss: {np.mean(report.loss):f}, Objective: {np.mean(report.objective):f}{score}"
    )
    print(f"Total training time: {report.seconds:.2f} seconds.")
