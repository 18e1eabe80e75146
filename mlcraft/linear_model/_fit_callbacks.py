"""scikit-learn's fit callbacks (1.9 and later) around the iterations of the engine."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sklearn.base import BaseEstimator

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback._callback_support import callback_management_context
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin(BaseEstimator):  # type: ignore[no-redef,misc]  # stands in for scikit-learn's before 1.9
        """Nothing to support."""


__all__ = ["CallbackSupportMixin", "IterationTasks", "callbacks_torn_down", "has_callbacks"]


def has_callbacks(estimator: Any) -> bool:
    """Tell whether anybody listens to the fit."""
    fitted = estimator.__dict__
    return "_skl_callbacks" in fitted or "_parent_callback_ctx" in fitted


def callbacks_torn_down(estimator: Any) -> AbstractContextManager[None]:
    """Return the context in which a fit with callbacks runs; at its end their `teardown` is called."""
    if not has_callbacks(estimator):
        return nullcontext()
    context: AbstractContextManager[None] = callback_management_context(estimator)
    return context


class IterationTasks:
    """
    One task for the fit, and in it one for each iteration and an empty one at the end, as scikit-learn's 'lbfgs' has.

    Parameters
    ----------
    estimator : object
        Whose callbacks are called.
    X, y, sample_weight : array-like
        The data, for the callbacks that want them.
    max_iter : int
        Bound on the iterations.
    attributes_after : callable
        Returns the fitted attributes after a number of iterations, in a dictionary. Called only for callbacks that
        want a fitted estimator, since it fits anew up to there.
    iterations : bool, default=True
        Whether the iterations are tasks, or the fit is one task without parts.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        max_iter: int,
        attributes_after: Callable[[int], dict[str, Any]],
        iterations: bool = True,
    ) -> None:
        self._estimator = estimator
        self._attributes_after = attributes_after
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._data: dict[str, Any] = {"X": X, "y": y, "metadata": metadata}
        self._whole = estimator._init_callback_context(max_subtasks=max(max_iter, 1) + 1)
        self._whole.call_on_fit_task_begin(estimator=estimator, **self._data)
        self._done = 0
        self._iterations = iterations
        self._current: Any = self._begin() if iterations else None

    def _at(self) -> Callable[[], dict[str, Any]]:
        done = self._done
        return lambda: self._attributes_after(done)

    def _begin(self) -> Any:
        task = self._whole.subcontext(task_name="lbfgs-iter")
        task.call_on_fit_task_begin(estimator=self._estimator, reconstruction_attributes=self._at(), **self._data)
        return task

    def __call__(self, iteration: int, *_: float) -> bool:
        """End the task of an iteration and begin the next; True when a callback wants the fit to end."""
        self._done = iteration
        if not self._iterations:
            return False
        stop = self._current.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._at(), **self._data
        )
        self._current = self._begin()
        return bool(stop)

    def close(self) -> None:
        """End the fit, once the attributes are set."""
        if self._iterations:
            self._close_iterations()
        self._whole.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes={}, **self._data)

    def _close_iterations(self) -> None:
        if self._done == 0:  # scikit-learn has one iteration at least
            self._current.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=self._at(), **self._data
            )
            self._current = self._begin()
        self._current.call_on_fit_task_end(estimator=self._estimator)
