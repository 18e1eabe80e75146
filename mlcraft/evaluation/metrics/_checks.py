"""The door of the metrics: plain arrays pass quickly, scikit-learn's own checks and words see to everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import validate_params
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import _check_sample_weight, _num_samples

from mlcraft import _core
from mlcraft._engine.labels import NUMBERS, known_labels

__all__ = [
    "ARRAY",
    "WEIGHT",
    "ClassTargets",
    "checked",
    "class_targets",
    "doubles",
    "encoded",
    "is_plain",
    "metric_pass",
    "weights_of",
]

ARRAY: list[Any] = ["array-like"]
WEIGHT: list[Any] = ["array-like", None]
Doubles = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])


def checked(**constraints: list[Any]) -> Callable[[Function], Function]:
    """Return a decorator that checks parameters by scikit-learn's constraints, and raises its InvalidParameterError."""

    def wrap(function: Function) -> Function:
        return cast("Function", validate_params(constraints, prefer_skip_nested_validation=True)(function))

    return wrap


def is_plain(*arrays: Any) -> bool:
    """Tell whether all are one-dimensional numeric ndarrays of one length, not empty."""
    first = arrays[0]
    if type(first) is not np.ndarray or first.ndim != 1 or not first.size:
        return False
    return all(type(a) is np.ndarray and a.shape == first.shape and a.dtype.kind in NUMBERS for a in arrays)


def doubles(array: Any) -> Doubles:
    """Return the array as contiguous float64, itself where it is."""
    return np.ascontiguousarray(array, dtype=np.float64)


def weights_of(sample_weight: Any, y: Any) -> Doubles | None:
    """Return the weights as float64, checked as scikit-learn does; None stays None."""
    if sample_weight is None:
        return None
    return doubles(_check_sample_weight(sample_weight, y, dtype=np.float64))


def metric_pass(
    name: str,
    first: Any,
    second: Any,
    weight: Any,
    *,
    truth: Any = None,
    predicted: Any = None,
    parameter: float = 0.0,
) -> Doubles:
    """Return the sums of one pass over the rows; see csrc/mlcraft/stats/metric_pass.hpp."""
    return _core.metric_pass(name, (first, second, weight), (truth, predicted), parameter)


class ClassTargets(NamedTuple):
    """True and predicted classes, checked and coded."""

    kind: str  # "binary", "multiclass" or "multilabel-indicator"
    labels: NDArray[Any]  # sorted
    truth: Any  # (n,) int32 codes into labels; a CSR matrix for several labels
    predicted: Any
    weight: Doubles | None
    whole_weight: bool  # no weights, or of an integer dtype: counts are whole numbers

    @property
    def n_samples(self) -> int:
        return int(self.truth.shape[0])

    def refuse_multilabel(self) -> None:
        """Raise ValueError for several labels a row."""
        if self.kind == "multilabel-indicator":
            raise ValueError(f"{self.kind} is not supported")


def encoded(y: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int32]:
    """Return the place of each element of y in the sorted labels, which hold all of them."""
    if y.dtype.kind in "OUSbT" or labels.dtype.kind in "OUSbT":
        place = {label: code for code, label in enumerate(labels.tolist())}
        return np.fromiter(map(place.__getitem__, y.tolist()), np.int32, y.size)
    return np.searchsorted(labels, y).astype(np.int32)


def class_targets(y_true: Any, y_pred: Any, sample_weight: Any = None) -> ClassTargets:
    """
    Return classes as codes, after scikit-learn's checks.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,), or (n_samples, n_labels) of 0 and 1, sparse or not
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    ClassTargets

    Raises
    ------
    ValueError
        If lengths differ, an array is empty, or the two are not targets of one kind of classification.
    """
    whole = sample_weight is None or np.asarray(sample_weight).dtype.kind in "iub"
    if is_plain(y_true, y_pred):
        truth, predicted = known_labels(y_true, np.int32), known_labels(y_pred, np.int32)
        if truth is not None and predicted is not None:
            check_consistent_length(y_true, y_pred, sample_weight)
            labels = np.union1d(truth[0], predicted[0])
            codes = [_moved(classes, labels, code) for classes, code in (truth, predicted)]
            kind = "binary" if len(labels) <= 2 else "multiclass"
            return ClassTargets(kind, labels, codes[0], codes[1], weights_of(sample_weight, y_true), whole)
    return _slow_targets(y_true, y_pred, sample_weight, whole)


def _moved(classes: NDArray[Any], labels: NDArray[Any], codes: NDArray[Any]) -> NDArray[Any]:
    """Return codes into `classes` as codes into `labels`."""
    if len(classes) == len(labels):
        return codes
    return np.asarray(np.searchsorted(labels, classes).astype(np.int32)[codes])


def _slow_targets(y_true: Any, y_pred: Any, sample_weight: Any, whole: bool) -> ClassTargets:
    check_consistent_length(y_true, y_pred, sample_weight)
    type_true = type_of_target(y_true, input_name="y_true")
    type_pred = type_of_target(y_pred, input_name="y_pred")
    if _num_samples(y_true) < 1:
        raise ValueError(
            "Found empty input array (e.g., `y_true` or `y_pred`) while a minimum of 1 sample is required."
        )
    weight = weights_of(sample_weight, y_true)
    kinds = {type_true, type_pred}
    if kinds == {"binary", "multiclass"}:
        kinds = {"multiclass"}
    if len(kinds) > 1:
        raise ValueError(f"Classification metrics can't handle a mix of {type_true} and {type_pred} targets")
    kind = str(kinds.pop())
    if kind not in ("binary", "multiclass", "multilabel-indicator"):
        raise ValueError(f"{kind} is not supported")
    if kind == "multilabel-indicator":
        labels = unique_labels(y_true, y_pred)
        return ClassTargets(kind, labels, sparse.csr_array(y_true), sparse.csr_array(y_pred), weight, whole)
    try:
        y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    except TypeError as error:
        if "Sparse data was passed" in str(error):
            raise TypeError("Sparse input is only supported when targets are of multilabel type") from error
        raise
    labels = unique_labels(y_true, y_pred)
    if kind == "binary" and len(labels) > 2:
        kind = "multiclass"
    return ClassTargets(kind, labels, encoded(y_true, labels), encoded(y_pred, labels), weight, whole)
