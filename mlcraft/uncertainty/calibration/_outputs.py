"""What a classifier says of rows, whichever method says it: log odds and log probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Outputs", "log_odds", "log_probabilities", "outputs_of", "smallest_probability"]

Doubles = NDArray[np.float64]
FLOOR = 0.5  # of the smallest probability above zero
TINY = 1e-300  # so that logarithms stay finite
ROUNDING = float(np.finfo(np.float64).eps)  # below it a probability tells of the model, not of the rows


@dataclass(frozen=True)
class Outputs:
    """
    Outputs of a classifier, a column for each class that is to be calibrated.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_classes), or (n_samples, 1) for scores of two classes
        Probabilities; or scores, for two classes those of the second.
    is_probability : bool
    """

    values: Doubles
    is_probability: bool

    def rows(self, which: Any) -> Outputs:
        """Return the outputs of some rows."""
        return Outputs(self.values[which], self.is_probability)


def outputs_of(estimator: Any, X: Any, classes: NDArray[Any], *, prefer_probability: bool) -> Outputs:
    """
    Ask a fitted classifier for its outputs.

    For two classes decision_function is asked before predict_proba, since it does not saturate, unless probabilities
    are what the map works on. For more classes probabilities come first: scores of a softmax mean something only
    together.

    Parameters
    ----------
    estimator : object
        Fitted, with decision_function or predict_proba.
    X : array-like of shape (n_samples, n_features)
    classes : ndarray of shape (n_classes,)
        The classes wanted, sorted; the estimator may lack some.
    prefer_probability : bool
        Whether probabilities are asked for first for two classes too.

    Returns
    -------
    Outputs

    Raises
    ------
    TypeError
        If the estimator has neither method.
    ValueError
        If what it returns has another shape, or holds NaN.
    """
    names = ["predict_proba", "decision_function"]
    if len(classes) == 2 and not prefer_probability:
        names.reverse()
    found = None
    for name in [name for name in names if hasattr(estimator, name)]:
        values = np.asarray(getattr(estimator, name)(X), dtype=np.float64)
        found = _aligned(values, np.asarray(estimator.classes_), classes, name == "predict_proba")
        if found is not None:
            break
    if found is None:
        wanted = "(n_samples,)" if len(classes) == 2 else f"(n_samples, {len(classes)})"
        kind, said = type(estimator).__name__, f"one score for each of its classes, of shape {wanted}"
        if not any(hasattr(estimator, name) for name in names):
            raise TypeError(
                f"calibration needs a classifier with decision_function or predict_proba; {kind} has neither"
            )
        raise ValueError(f"calibration needs {said}; {kind} returns {values.shape}")
    if np.isnan(found.values).any():
        rows = np.flatnonzero(np.isnan(found.values).any(axis=1))
        raise ValueError(
            f"{type(estimator).__name__} predicts NaN for {len(rows)} rows, the first of them row {rows[0]}"
        )
    return found


def _aligned(values: Doubles, known: NDArray[Any], classes: NDArray[Any], is_probability: bool) -> Outputs | None:
    """Put columns where their classes are; None where there is not one for each class."""
    if is_probability:
        if values.ndim != 2 or values.shape[1] != len(known):
            return None
        wide = np.zeros((len(values), len(classes)))
        wide[:, np.searchsorted(classes, known)] = values
        return Outputs(wide, True)
    if len(known) == 2:
        values = values.reshape(len(values), -1)
        if values.shape[1] != 1:
            return None
        if len(classes) == 2:
            return Outputs(values, False)
        values = np.hstack([-values, values])
    if values.ndim != 2 or values.shape[1] != len(known):
        return None
    if len(known) == len(classes):
        return Outputs(values, False)
    wide = np.full((len(values), len(classes)), values.min(initial=0.0))  # as scikit-learn's cross_val_predict
    wide[:, np.searchsorted(classes, known)] = values
    return Outputs(wide, False)


def smallest_probability(outputs: Outputs, weight: Doubles | None = None, *, only_order: bool = False) -> float:
    """
    Return what a probability of zero is read as: half the smallest one above zero that was seen.

    Parameters
    ----------
    outputs : Outputs
    weight : ndarray of shape (n_samples,), optional
        Rows of weight zero are not looked at.
    only_order : bool, default=False
        Whether only the order of the probabilities counts; otherwise 2.2e-16 is the least.

    Returns
    -------
    float
        For a forest of 100 trees 0.005: a log odds of 5, not of 745.
    """
    if not outputs.is_probability:
        return 0.0
    values = outputs.values if weight is None else outputs.values[weight > 0]
    return max(FLOOR * float(values.min(initial=1.0, where=values > 0)), TINY if only_order else ROUNDING)


def log_odds(outputs: Outputs, floor: float) -> Doubles:
    """
    Return the log odds of each class against the others.

    Parameters
    ----------
    outputs : Outputs
        Scores are taken for log odds.
    floor : float
        What `smallest_probability` returned.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), or (n_samples, 1) for two classes: those of the second
    """
    if not outputs.is_probability:
        return outputs.values
    p = np.maximum(outputs.values, floor)
    if p.shape[1] == 2:
        odds: Doubles = np.log(p[:, 1:]) - np.log(p[:, :1])  # 1 - p would lose what is near one
        return odds
    rows, top = np.arange(len(p)), p.argmax(axis=1)
    others = p.sum(axis=1, keepdims=True) - p
    rest = p.copy()
    rest[rows, top] = 0.0
    others[rows, top] = rest.sum(axis=1)  # the difference would lose what is near one
    return np.asarray(np.log(p) - np.log(np.maximum(others, floor)))


def log_probabilities(outputs: Outputs, floor: float) -> Doubles:
    """
    Return the log probability of each class; scores are taken for log odds of two classes, or for logits of more.

    Parameters
    ----------
    outputs : Outputs
    floor : float
        What `smallest_probability` returned.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
    """
    if outputs.is_probability:
        return np.asarray(np.log(np.maximum(outputs.values, floor)))
    if outputs.values.shape[1] == 1:
        score = outputs.values[:, 0]
        return -np.logaddexp(0.0, np.column_stack([score, -score]))
    shifted = outputs.values - outputs.values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
