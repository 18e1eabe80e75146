"""What fits without some of their rows can be asked, however they were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_BYTES", "LeftOut", "row_slices"]

BLOCK_BYTES = 1 << 25


class LeftOut(Protocol):
    """
    Fits without some of their rows, and the fit to all of them.

    Attributes
    ----------
    n_models : int
        Models that were, or might have been, fitted.
    member : ndarray of int of shape (n_samples,) or None
        The model that did not see row i. None where several did not: then `blocks` tells for each row what those
        predict together, and there are as many models as rows.
    held_out : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Prediction of each row without that row.
    full : object
        The estimator fitted to all rows.
    form : str
        "linear" or "logistic", where the fits follow from the full one; "refits".
    remark : str
        What of the procedure was not repeated for each model; empty if everything was.
    never_left_out : int
        Rows that every model has seen; the full model predicts these.
    """

    n_models: int
    member: NDArray[np.intp] | None
    held_out: NDArray[Any]
    full: Any
    form: str
    remark: str
    never_left_out: int

    def blocks(self, X: Any, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[slice, NDArray[Any]]]:
        """
        Predict rows by every model, some rows at a time.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
        max_bytes : int, default=2**25
            About the size of one block.

        Yields
        ------
        rows : slice
            Of X.
        predictions : ndarray of shape (m, n_models) or (m, n_models, n_classes)
        """


def row_slices(n_rows: int, width: int, max_bytes: int) -> Iterator[slice]:
    """
    Cut rows into slices whose predictions, `width` numbers a row, take about `max_bytes`.

    Parameters
    ----------
    n_rows : int
    width : int
    max_bytes : int

    Yields
    ------
    slice
    """
    step = max(1, int(max_bytes) // (8 * max(width, 1)))
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))
