"""Moments: everything least squares needs to know about rows, in a few kilobytes that can be added and taken away."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from mlcraft._engine.batches import fold_rows, frame_parts
from mlcraft._engine.gathered import Columns, Gathered, GatheredNumbers, gather
from mlcraft._engine.locks import lock_of
from mlcraft._engine.moments import check_same_columns, with_rows
from mlcraft._model_container import ModelFileError
from mlcraft._moments_file import read_moments, write_moments

__all__ = ["Moments"]


class Moments(GatheredNumbers):
    """
    Weighted first and second moments of X and y: counts, means and centred cross-products.

    From them every least-squares and ridge fit follows, with or without intercept, without the rows. Rows can be added
    in chunks (`update`), moments of different rows merged, rows taken out again (`remove`), old rows made to count less
    (`decay`). A large mean does not cancel: sums are about the mean, and means are kept to twice the precision.

    Attributes
    ----------
    n_samples : int
        Number of rows with a weight that is not zero.
    weight_sum : float
        Sum of their weights.
    n_features, n_targets : int
        Numbers of columns of X and of y.
    x_mean : ndarray of shape (n_features,)
        Weighted means of the columns of X.
    y_mean : ndarray of shape (n_targets,)
        Weighted means of y.
    xx : ndarray of shape (n_features, n_features)
        ``sum w (x - x_mean)(x - x_mean)'``.
    xy : ndarray of shape (n_features, n_targets)
        ``sum w (x - x_mean)(y - y_mean)'``.
    yy : ndarray of shape (n_targets,)
        ``sum w (y - y_mean)^2``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had names that are all text.

    See Also
    --------
    mlcraft.linear_model.LinearRegression.partial_fit : The same from the side of the estimator.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983).

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft import Moments
    >>> X = np.array([[0.0], [1.0], [2.0], [5.0]])
    >>> y = np.array([1.0, 3.0, 5.0, 11.0])
    >>> moments = Moments().update(X[:2], y[:2]).update(X[2:], y[2:])
    >>> moments
    Moments(n_samples=4, n_features=1, n_targets=1)
    >>> moments.to_estimator("ols").coef_.round(9)
    array([2.])
    >>> moments.remove(X[3:], y[3:]).x_mean
    array([1.])
    """

    def __init__(self) -> None:
        self._columns = Columns()
        self._gathered: Gathered | None = None

    def update(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """
        Add rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            float32 and float64 are used as they are, in any order; sums are in double precision. Sparse X is not made
            dense. Frames of pandas, polars and pyarrow keep their column names, and later ones must have the same.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : Moments

        Raises
        ------
        ValueError
            scikit-learn's, where columns or targets differ from those before, or a value is NaN or infinite. Nothing
            is changed then.
        """
        if self._gathered is None:
            columns = Columns()
            self._take(with_rows(columns, X, y, sample_weight, gather, reset=True), columns)
        else:
            with_rows(self._columns, X, y, sample_weight, self._gathered.add, reset=False)
        return self

    def _take(self, gathered: Gathered, columns: Columns) -> None:
        """Make moments one's own, or merge them where another thread was first."""
        with lock_of(self):
            if self._gathered is None:
                self._columns, self._gathered = columns, gathered
                return
        check_same_columns(self._columns, columns)
        self._gathered.merge(gathered)

    def merge(self, other: Moments) -> Self:
        """
        Add the rows of other moments.

        Parameters
        ----------
        other : Moments
            Of rows with the same columns; is not changed.

        Returns
        -------
        self : Moments

        Raises
        ------
        ValueError
            If columns or targets differ.
        """
        _check_moments(other)
        if other._gathered is None:
            return self
        if self._gathered is None:
            self._take(other._gathered.copy(), other._columns.copy())
        else:
            check_same_columns(self._columns, other._columns)
            self._gathered.merge(other._gathered)
        return self

    def remove(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """
        Take out rows that were added before: exact forgetting.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features), or Moments
            The rows, or their moments.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            Their targets; none with moments.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Their weights when they were added, times what `decay` has made of them.

        Returns
        -------
        self : Moments

        Raises
        ------
        ValueError
            If these rows cannot all have been added: more rows, weight, or spread of a column than there is. The
            error says which. Nothing is changed then.
        """
        if isinstance(X, Moments):
            if y is not None or sample_weight is not None:
                raise ValueError("y and sample_weight are in the moments already; pass the moments alone")
            if X._gathered is None:
                return self
            part = X._gathered
            held = self._held()
            check_same_columns(self._columns, X._columns)
        else:
            held = self._held()
            part = with_rows(self._columns, X, y, sample_weight, gather, reset=False)
        held.remove(part, self._names)
        return self

    def decay(self, factor: float) -> Self:
        """
        Multiply the weights of all rows so far.

        Parameters
        ----------
        factor : float
            Above 0 and at most 1. Once a day with 0.99, rows lose half their weight in about 69 days.

        Returns
        -------
        self : Moments

        Raises
        ------
        ValueError
            If the factor is outside that range.

        Examples
        --------
        >>> from mlcraft import Moments
        >>> Moments().update([[1.0], [3.0]], [0.0, 1.0]).decay(0.5).weight_sum
        1.0
        """
        if not isinstance(factor, (int, float, np.number)) or not 0 < factor <= 1:
            raise ValueError(f"factor must be a number above 0 and at most 1, got {factor!r}")
        if self._gathered is not None:
            self._gathered.core.decay(float(factor))
        return self

    @classmethod
    def split(cls, X: Any, y: Any, folds: Any, sample_weight: Any = None) -> list[Moments]:
        """
        Return the moments of each fold.

        The sum of all is that of all rows; without fold k it is ``total - parts[k]``.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        folds : int or array-like of shape (n_samples,)
            A number of folds, of rows in their order and sizes that differ by at most one; or the number of each
            row's fold, 0 to the number of folds minus one.
        sample_weight : float or array-like of shape (n_samples,), default=None

        Returns
        -------
        list of Moments

        Raises
        ------
        ValueError
            If `folds` does not fit, or a fold has no rows.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft import Moments
        >>> X, y = np.arange(6.0).reshape(-1, 1), np.arange(6.0)
        >>> parts = Moments.split(X, y, [0, 1, 2, 0, 1, 2])
        >>> total = sum(parts[1:], start=parts[0])
        >>> (total - parts[2]).n_samples, (total - parts[2]).x_mean
        (4, array([2.]))
        """
        columns = Columns()

        def parts(X: Any, y: Any, weight: Any) -> list[Moments]:
            found: list[Moments] = []
            for rows in fold_rows(folds, X.shape[0]):
                if weight is not None and not weight[rows].any():
                    raise ValueError(f"the rows of fold {len(found)} have no weight")
                moments = cls()
                moments._columns = columns
                moments._gathered = gather(X, y, weight, rows=rows)
                found.append(moments)
            return found

        found = with_rows(columns, X, y, sample_weight, parts, reset=True)
        for moments in found:
            moments._columns = columns.copy()
        return found

    @classmethod
    def from_batches(cls, batches: Iterable[Any], target: Any = None, weight: str | None = None) -> Moments:
        """
        Gather the moments of rows that come in batches, such as those of a file larger than memory.

        Parameters
        ----------
        batches : iterable
            Of tuples ``(X, y)`` or ``(X, y, sample_weight)``; or, with `target`, of frames (pandas, polars, pyarrow
            tables and record batches). Batches without rows are passed over.
        target : str or list of str, optional
            Name of the column that is y, or names of the columns; the others are X.
        weight : str, optional
            Name of the column with the weights of the rows.

        Returns
        -------
        Moments

        Raises
        ------
        ValueError
            As for `update`, or if a frame lacks a column.
        TypeError
            If a batch is neither a tuple nor, with `target`, a frame.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft import Moments
        >>> chunks = ((np.full((2, 1), float(i)), np.full(2, 2.0 * i)) for i in range(5))
        >>> Moments.from_batches(chunks).to_estimator("ols").coef_.round(9)
        array([2.])
        """
        moments = cls()
        for batch in batches:
            if target is not None:
                batch = frame_parts(batch, target, weight)
            elif not isinstance(batch, tuple) or len(batch) not in (2, 3):
                raise TypeError(
                    "a batch must be a tuple (X, y) or (X, y, sample_weight); for frames name the target, as in "
                    f"target='price'. Got {type(batch).__name__}"
                )
            if getattr(batch[0], "shape", (1,))[0] > 0:
                moments.update(*batch)
        return moments

    def to_estimator(self, estimator: Any = "ols") -> Any:
        """
        Return an estimator fitted on the rows, with all that a fit offers.

        Parameters
        ----------
        estimator : {"ols", "ridge"}, LinearRegression or Ridge, default="ols"
            What to fit: a name, a class or an instance, whose parameters are used and which is not changed.

        Returns
        -------
        LinearRegression or Ridge
            Fitted; it goes on from here with `partial_fit`.

        Raises
        ------
        ValueError
            If there are no rows, or the name is not known.
        TypeError
            If it is something else.

        Warns
        -----
        CollinearityWarning
            If columns depend on each other (the coefficients are those of smallest norm) or nearly do.

        Examples
        --------
        >>> from mlcraft import Moments
        >>> from mlcraft.linear_model import Ridge
        >>> moments = Moments().update([[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0])
        >>> moments.to_estimator(Ridge(alpha=5.0)).coef_.round(9)
        array([1.])
        """
        from sklearn.utils.validation import check_is_fitted

        self._held()
        model = _unfitted(estimator)
        model.merge(self)
        check_is_fitted(model)  # solves, and warns here
        return model

    def save(self, path: str | os.PathLike[str]) -> None:
        """
        Write the moments to a file of plain data, whole or not at all.

        Parameters
        ----------
        path : str or path
            Where to write; an existing file is replaced in one step.

        Raises
        ------
        ModelFileError
            If there are no rows, or a number is not finite.
        OSError
            If the file cannot be written.
        """
        if self._gathered is None:
            raise ModelFileError("these moments are empty; add rows first")
        write_moments(os.fspath(path), self._gathered, self._names)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Moments:
        """
        Read moments that `save` has written; nothing in the file can run.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        Moments

        Raises
        ------
        ModelFileError
            If the file is damaged, holds something else, or its numbers cannot be moments.
        OSError
            If the file cannot be read.

        Examples
        --------
        >>> import os, tempfile
        >>> from mlcraft import Moments
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Moments().update([[1.0], [2.0]], [1.0, 5.0]).save(os.path.join(folder, "day1.mlc"))
        ...     again = Moments.load(os.path.join(folder, "day1.mlc"))
        >>> again
        Moments(n_samples=2, n_features=1, n_targets=1)
        """
        moments = cls()
        moments._gathered, names = read_moments(os.fspath(path))
        moments._columns.n_features_in_ = moments.n_features
        if names is not None:
            moments._columns.feature_names_in_ = np.array(names, dtype=object)
        return moments

    def copy(self) -> Moments:
        """Return moments of their own."""
        return type(self)().merge(self)

    __copy__ = copy  # updates change moments in place

    def __add__(self, other: Any) -> Moments:
        return self.copy().merge(other) if isinstance(other, Moments) else NotImplemented

    def __sub__(self, other: Any) -> Moments:
        return self.copy().remove(other) if isinstance(other, Moments) else NotImplemented

    def __repr__(self) -> str:
        if self._gathered is None:
            return "Moments()"
        return f"Moments(n_samples={self.n_samples}, n_features={self.n_features}, n_targets={self.n_targets})"


def _check_moments(value: Any) -> None:
    if not isinstance(value, Moments):
        raise TypeError(f"Moments can be merged with Moments, not with {type(value).__name__}; update takes rows")


def _unfitted(estimator: Any) -> Any:
    """Return a new LinearRegression or Ridge with the parameters asked for."""
    from mlcraft.linear_model import LinearRegression, Ridge

    named = {"ols": LinearRegression, "ridge": Ridge}
    if isinstance(estimator, str):
        if estimator not in named:
            raise ValueError(f"estimator must be 'ols', 'ridge', LinearRegression or Ridge, got {estimator!r}")
        return named[estimator]()
    if isinstance(estimator, type) and issubclass(estimator, (LinearRegression, Ridge)):
        return estimator()
    if isinstance(estimator, (LinearRegression, Ridge)):
        return clone(estimator)
    raise TypeError(f"estimator must be 'ols', 'ridge', LinearRegression or Ridge, got {type(estimator).__name__}")
