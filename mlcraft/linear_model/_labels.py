"""What classifiers do before the engine: labels to codes without a sort, rows to weights, and scikit-learn's errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import validate_data

from mlcraft._engine.labels import encode_labels, known_labels
from mlcraft._engine.validation import checked_weights, engine_matrix, is_plain_matrix, plain_weights

__all__ = [
    "LabelledRows",
    "checked_rows",
    "class_weights",
    "encode_labels",
    "known_labels",
    "plain_rows",
    "refuse_one_class",
    "weighted_by_class",
]


@dataclass(slots=True)
class LabelledRows:
    """
    Rows as the engine takes them.

    Attributes
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float32 or float64.
    classes : ndarray of shape (n_classes,)
        The labels, sorted, in the dtype of y.
    codes : ndarray of shape (n_samples,)
        Which of them each row has, 0 .. n_classes - 1, in the dtype of X.
    weight : ndarray of shape (n_samples,) or None
        In the dtype of X; those of the classes are not in it, see `weighted_by_class`.
    """

    X: Any
    classes: NDArray[Any]
    codes: NDArray[Any]
    weight: NDArray[Any] | None


def plain_rows(X: Any, y: Any, sample_weight: Any) -> LabelledRows | None:
    """Return what the engine needs when X, y and weights are plain arrays of numbers that fit together, else None."""
    if not is_plain_matrix(X) or type(y) is not ndarray or y.ndim != 1 or y.shape[0] != X.shape[0]:
        return None
    if sample_weight is not None:
        sample_weight = plain_weights(sample_weight, X)
        if sample_weight is None:
            return None
    found = known_labels(y, X.dtype)
    if found is None:
        return None
    return LabelledRows(X, found[0], found[1], sample_weight)


def checked_rows(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    accept_sparse: bool | list[str] = True,
    ensure_all_finite: bool = True,
) -> LabelledRows:
    """Validate as scikit-learn does (its errors, its conversions) and return what the engine needs.

    Parameters
    ----------
    estimator : object
        Gets `n_features_in_` and `feature_names_in_`.
    X, y, sample_weight : array-like
        As given to `fit`.
    accept_sparse : bool or list of str, default=True
        Which sparse formats are taken as they are; True means CSR and CSC.
    ensure_all_finite : bool, default=True
        Whether to look for NaN and infinity in X; y and the weights are always looked at.

    Returns
    -------
    LabelledRows

    Raises
    ------
    ValueError
        If scikit-learn would: shapes, NaN, infinity, continuous targets, negative or all-zero weights, ...
    """
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"] if accept_sparse is True else accept_sparse,
        dtype=[np.float64, np.float32],
        ensure_all_finite=ensure_all_finite,
    )
    X = engine_matrix(X)
    weight = checked_weights(sample_weight, X)
    classes, codes = encode_labels(y, X.dtype)
    return LabelledRows(X, classes, codes, weight)


def refuse_one_class(classes: NDArray[Any]) -> None:
    """Raise scikit-learn's error when there is only one class."""
    if len(classes) < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the data contains only one"
            f" class: {classes[0]!r}"
        )


def class_weights(class_weight: Any, rows: LabelledRows) -> NDArray[np.float64]:
    """Return the weight of each class that `class_weight` asks for.

    Parameters
    ----------
    class_weight : dict or "balanced"
        As scikit-learn's parameter. "balanced" gives every class the same total weight, `sample_weight` included; a
        class whose rows all have weight zero keeps it.
    rows : LabelledRows
        Labels and weights.

    Returns
    -------
    ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a dictionary names classes that are not there, and misses some that are.
    """
    if not (isinstance(class_weight, str) and class_weight == "balanced"):
        found: NDArray[np.float64] = compute_class_weight(class_weight, classes=rows.classes, y=rows.classes)
        return found
    counts = np.bincount(rows.codes.astype(np.intp), weights=rows.weight, minlength=len(rows.classes))
    balanced: NDArray[np.float64] = np.zeros(len(counts))
    np.divide(counts.sum(), len(counts) * counts, out=balanced, where=counts > 0)
    return balanced


def weighted_by_class(class_weight: Any, rows: LabelledRows) -> NDArray[Any] | None:
    """Return the weights of the rows times those of their classes, in the dtype of X; None if all are one.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        As scikit-learn's parameter.
    rows : LabelledRows
        Labels and weights.

    Returns
    -------
    ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If the dictionary does not fit the classes, or weights are negative, not finite or all zero.
    """
    if class_weight is None or len(class_weight) == 0:
        return rows.weight
    by_class = class_weights(class_weight, rows)
    if not (np.isfinite(by_class).all() and (by_class >= 0).all()):
        raise ValueError(f"class_weight must be finite and not negative, got {class_weight!r}")
    balance = by_class.astype(rows.X.dtype)[rows.codes.astype(np.intp)]
    weight = balance if rows.weight is None else rows.weight * balance
    if not weight.any():
        raise ValueError("The product of class_weight and sample_weight is zero in every row.")
    return weight
