"""Ridge fits on the training parts of a cross-validation, for every penalty from one decomposition a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.layout import readable
from mlcraft._engine.least_squares import NonFiniteError, fit_least_squares
from mlcraft._engine.left_out import WELL_SPREAD, in_double, in_range, refuse_unless_finite
from mlcraft._engine.spectrum import eigenvalues_vectors, one_blas_thread, product, spread
from mlcraft._engine.wide_path import sparse_gram, wide_gram

__all__ = ["FoldFit", "Splits", "fold_fits", "growing_fits", "normalised_splits"]

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
Splits = list[tuple[Rows, Rows]]

MEMORY = 1 << 26  # elements of the moments that are held at once
MOST_ROWS_A_COLUMN = 3  # up to which the cross-products of all rows are made for parts with more columns than rows
LARGEST_CONDITION = 1e3  # of scaled columns, up to which cross-products alone give nine digits


@dataclass(slots=True)
class FoldFit:
    """
    Fits on one training part, for each penalty.

    Attributes
    ----------
    mean : ndarray of shape (n_features,) or None
        Subtracted from the rows before the product with `slopes`.
    slopes : ndarray of shape (n_features, n_alphas, n_targets)
        Coefficients.
    offsets : ndarray of shape (n_alphas, n_targets)
        Added to the products.
    """

    mean: Doubles | None
    slopes: Doubles
    offsets: Doubles

    def predict(self, X: Any, rows: Rows | None) -> Doubles:
        """
        Predict rows of X.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
        rows : ndarray of int or None
            Which; None for all.

        Returns
        -------
        ndarray of shape (n_rows, n_alphas, n_targets)
        """
        right = self.slopes.reshape(len(self.slopes), self.offsets.size)
        products = _core.centred_products(X, rows, self.mean, right)
        if not np.isfinite(products.sum()):
            raise NonFiniteError("X holds NaN or infinity, or its predictions leave the range of double precision")
        return products.reshape(-1, *self.offsets.shape) + self.offsets

    def linear(self, number: int) -> tuple[Doubles, Doubles]:
        """
        Return coefficients and intercepts for one penalty.

        Parameters
        ----------
        number : int
            Of the penalty.

        Returns
        -------
        coef : ndarray of shape (n_targets, n_features)
        intercept : ndarray of shape (n_targets,)
        """
        coef = np.ascontiguousarray(self.slopes[:, number].T)
        intercept = self.offsets[number] - (0.0 if self.mean is None else product(coef, self.mean))
        return coef, intercept


@dataclass(slots=True)
class _Data:
    X: Any
    y: NDArray[Any]
    weight: NDArray[Any] | None
    alphas: Doubles
    fit_intercept: bool

    @property
    def is_dense(self) -> bool:
        return isinstance(self.X, np.ndarray)


def normalised_splits(splits: Any, n_samples: int) -> Splits:
    """
    Turn pairs of indices or masks into pairs of row numbers.

    Parameters
    ----------
    splits : iterable of (train, test)
    n_samples : int

    Returns
    -------
    list of (ndarray of int64, ndarray of int64)
    """
    every = np.arange(n_samples)
    return [(every[np.asarray(train)], every[np.asarray(test)]) for train, test in splits]


def fold_fits(
    X: Any,
    y: NDArray[Any],
    alphas: Doubles,
    splits: Splits,
    *,
    sample_weight: NDArray[Any] | None = None,
    fit_intercept: bool = True,
) -> Iterator[FoldFit]:
    """
    Fit ridge regression on every training part, for every penalty.

    Where the test parts of successive splits make up all rows, each row is read once: the moments of a training part
    are those of the other test parts, merged. One eigendecomposition of a part's cross-products (of its rows, where
    there are more columns) serves all penalties. Where the part is too ill-conditioned for its cross-products, the
    fits are made from the rows one by one.

    Parameters
    ----------
    X : ndarray or sparse matrix (CSR, CSC) of shape (n_samples, n_features)
        float32 or float64; computed in double.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        In the dtype of X.
    alphas : ndarray of shape (n_alphas,)
        Penalties, not below zero.
    splits : list of (train, test)
        Row numbers.
    sample_weight : ndarray of shape (n_samples,), optional
        In the dtype of X.
    fit_intercept : bool, default=True

    Yields
    ------
    FoldFit
        For each split, in their order.

    Raises
    ------
    NonFiniteError
        If X, y or the weights hold NaN or infinity.
    """
    X, y, sample_weight = readable(X, y, sample_weight)
    if not isinstance(X, np.ndarray):
        X, y, sample_weight = in_double(X, y, sample_weight)
    targets, alphas = y.reshape(len(y), -1), np.asarray(alphas, dtype=np.float64)
    refuse_unless_finite(targets, 0.0 if sample_weight is None else sample_weight)
    done = 0
    try:
        for fit in _fits(_Data(X, targets, sample_weight, alphas, fit_intercept), splits):
            done += 1
            yield fit
    except NonFiniteError:
        X, targets, sample_weight, scales = in_range(X, targets, sample_weight)
        data = _Data(X, targets, sample_weight, scales.penalties(alphas), fit_intercept)
        for fit in islice(_fits(data, splits), done, None):
            with np.errstate(over="ignore", under="ignore"):
                mean = None if fit.mean is None else np.ldexp(fit.mean, scales.x)
                slopes, offsets = np.ldexp(fit.slopes, scales.y - scales.x), np.ldexp(fit.offsets, scales.y)
            yield FoldFit(mean, slopes, offsets)


def _fits(data: _Data, splits: Splits) -> Iterator[FoldFit]:
    X = data.X
    gram: Doubles | None = None
    for group in _partitions(splits, X.shape[0]):
        parts = splits[group]
        wide = [_count(data, train) <= X.shape[1] for train, _ in parts]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found
            moments = _training_moments(data, parts) if not all(wide) else iter([None] * len(parts))
        for (train, _), is_wide, training in zip(parts, wide, moments, strict=True):
            if is_wide and X.shape[0] > MOST_ROWS_A_COLUMN * X.shape[1]:  # the part is small, all rows are not
                yield _fit_one_by_one(data, train)
            elif is_wide:
                if gram is None:
                    with np.errstate(over="ignore", invalid="ignore"):
                        gram = _gram_of_rows(data)
                    refuse_unless_finite(gram)
                yield _dual_fit(data, train, gram)
            else:
                yield _primal_fit(data, train, training)


def _count(data: _Data, rows: Rows) -> int:
    return len(rows) if data.weight is None else int(np.count_nonzero(data.weight[rows]))


def _partitions(splits: Splits, n_samples: int) -> Iterator[slice]:
    """Group successive splits whose test parts make up all rows, each training part being the rest; others alone."""
    begin = 0
    while begin < len(splits):
        seen, end = np.zeros(n_samples, dtype=bool), begin
        while end < len(splits) and not seen.all() and _is_next_part(splits[end], seen):
            seen[splits[end][1]] = True
            end += 1
        end = end if seen.all() and end > begin + 1 else begin + 1
        yield slice(begin, end)
        begin = end


def _is_next_part(split: tuple[Rows, Rows], seen: NDArray[np.bool_]) -> bool:
    train, test = split
    if len(train) + len(test) != len(seen) or seen[test].any():
        return False
    there = np.zeros(len(seen), dtype=bool)
    there[test] = True
    there[train] = True
    return bool(there.all())


def growing_fits(
    X: Any,
    y: NDArray[Any],
    alphas: Doubles,
    train: Rows,
    sizes: Sequence[int],
    *,
    sample_weight: NDArray[Any] | None = None,
    fit_intercept: bool = True,
) -> Iterator[FoldFit]:
    """
    Fit ridge regression on the first rows of a training part, more and more of them, reading each row once.

    Parameters
    ----------
    X, y, alphas, sample_weight, fit_intercept : as for `fold_fits`
    train : ndarray of int
        Row numbers, in the order in which they arrive.
    sizes : sequence of int
        How many of them each fit has; ascending.

    Yields
    ------
    FoldFit
        For each size.
    """
    X, y, sample_weight = readable(X, y, sample_weight)
    if not isinstance(X, np.ndarray):
        X, y, sample_weight = in_double(X, y, sample_weight)
    data = _Data(X, y.reshape(len(y), -1), sample_weight, np.asarray(alphas, dtype=np.float64), fit_intercept)
    moments, begin = None, 0
    for size in sizes:
        rows = train[:size]
        if _count(data, rows) <= X.shape[1]:
            yield _fit_one_by_one(data, rows)
            continue
        moments = _merged(_moments(data, [train[begin:size]])[0], moments)
        begin = size
        yield _primal_fit(data, rows, moments)


# ---------------------------------------------------------------- moments


def _training_moments(data: _Data, parts: Splits) -> Iterator[Any]:
    if len(parts) == 1:
        return iter(_moments(data, [parts[0][0]]))
    return _all_but_one(data, [test for _, test in parts], None)


def _moments(data: _Data, parts: Sequence[Rows]) -> list[Any]:
    if data.is_dense:
        order = np.concatenate(parts)
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        found: list[Any] = _core.fold_moments(data.X, data.y, data.weight, order, starts, data.fit_intercept)
        return _finite_moments(found)
    weights = [None if data.weight is None else data.weight[rows] for rows in parts]
    return _finite_moments(
        [
            _core.moments(data.X[rows], data.y[rows], weight, data.fit_intercept)
            for rows, weight in zip(parts, weights, strict=True)
        ]
    )


def _finite_moments(found: list[Any]) -> list[Any]:
    """Refuse all of them where one is not finite: the rows of one part are predicted by the others' fit."""
    if not all(moments.finite for moments in found):
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")
    return found


def _all_but_one(data: _Data, parts: list[Rows], outside: Any) -> Iterator[Any]:
    """Moments of everything but each part; `outside` are those of the rows that none of the parts has."""
    size = (data.X.shape[1] + 1) ** 2
    if len(parts) * size <= MEMORY or len(parts) < 4:
        found = _moments(data, parts) + ([] if outside is None else [outside])
        yield from _core.left_out_moments(found)[: len(parts)]
        return
    half = len(parts) // 2
    halves = parts[:half], parts[half:]
    first, second = _moments(data, [np.concatenate(some) for some in halves])
    yield from _all_but_one(data, halves[0], _merged(second, outside))
    yield from _all_but_one(data, halves[1], _merged(first, outside))


def _merged(moments: Any, outside: Any) -> Any:
    return moments if outside is None else _core.left_out_moments([moments, moments, outside])[0]


# ---------------------------------------------------------------- fits


def _primal_fit(data: _Data, train: Rows, moments: Any) -> FoldFit:
    if not moments.finite or not moments.weight_sum > 0:
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")
    xx, xy = np.asarray(moments.xx), np.asarray(moments.xy)
    values, vectors = eigenvalues_vectors(xx)
    nothing = values.max(initial=0.0) + data.alphas.min() <= 0  # columns that do not vary, and no penalty
    if not nothing and spread(values, data.alphas.min()) <= WELL_SPREAD:
        with one_blas_thread():
            weights = 1.0 / (values[:, np.newaxis] + data.alphas)
            inner = weights[:, :, np.newaxis] * (vectors.T @ xy)[:, np.newaxis, :]
            slopes = vectors @ inner.reshape(len(values), -1)
        offsets = np.tile(moments.y_mean, (len(data.alphas), 1))
        return FoldFit(moments.x_mean, slopes.reshape(inner.shape), offsets)
    return _fit_one_by_one(data, train, moments)


def _fit_one_by_one(data: _Data, train: Rows, moments: Any = None) -> FoldFit:
    """Fit each penalty alone: from scaled cross-products where they are good enough, else from the rows."""
    n_features, n_targets = data.X.shape[1], data.y.shape[1]
    slopes = np.empty((n_features, len(data.alphas), n_targets))
    offsets = np.empty((len(data.alphas), n_targets))
    rows: tuple[Any, ...] | None = None
    for number, alpha in enumerate(data.alphas):
        if moments is not None:
            options = _core.LeastSquaresOptions()
            options.alpha, options.fit_intercept = [float(alpha)], data.fit_intercept
            found, _ = _core.solve_moments(moments, options)
            if found.status == "converged" and found.condition <= LARGEST_CONDITION:
                slopes[:, number], offsets[number] = found.coef.T, found.intercept
                continue
        if rows is None:
            rows = _doubles(data, train)
        fit = fit_least_squares(
            rows[0], rows[1], alpha=float(alpha), sample_weight=rows[2], fit_intercept=data.fit_intercept
        )
        slopes[:, number], offsets[number] = fit.coef.T, fit.intercept
    return FoldFit(None, slopes, offsets)


def _doubles(data: _Data, rows: Rows) -> tuple[Any, Doubles, Doubles | None]:
    weight = None if data.weight is None else data.weight[rows].astype(np.float64)
    return data.X[rows].astype(np.float64), data.y[rows].astype(np.float64), weight


def _gram_of_rows(data: _Data) -> Doubles:
    """Cross-products of all rows about their common mean, for parts that have more columns than rows."""
    if data.is_dense:
        rows = data.X.astype(np.float64)
        return wide_gram(rows - rows.mean(axis=0) if data.fit_intercept else rows)
    rows = data.X.astype(np.float64)
    return sparse_gram(rows, np.asarray(rows.mean(axis=0)).ravel() if data.fit_intercept else None)


def _dual_fit(data: _Data, train: Rows, gram: Doubles) -> FoldFit:
    X, y, weight = _doubles(data, train)
    weight = np.ones(len(train)) if weight is None else weight
    total = weight.sum()
    if not (total > 0 and np.isfinite(total)):
        raise NonFiniteError("sample_weight holds NaN or infinity, or sums to zero")
    root, share = np.sqrt(weight), weight / total
    inner = gram[np.ix_(train, train)]
    if data.fit_intercept:
        along = product(inner, share)
        inner = inner - along - along[:, np.newaxis] + product(share, along)
    inner = inner * root * root[:, np.newaxis]
    if not np.isfinite(inner).all():
        raise NonFiniteError("X, y or sample_weight holds NaN or infinity, or leaves the range of double precision")
    y_mean = product(share, y) if data.fit_intercept else np.zeros(y.shape[1])
    if data.fit_intercept:
        one = root / np.sqrt(total)
        inner += (2.0 * np.trace(inner) or 1.0) * np.outer(one, one)
    values, vectors = eigenvalues_vectors(inner)
    if data.fit_intercept:
        values, vectors = values[:-1], vectors[:, :-1]
    if not spread(values, data.alphas.min()) <= WELL_SPREAD or not values.any():
        return _fit_one_by_one(data, train)
    with one_blas_thread():
        projected = vectors.T @ (root[:, np.newaxis] * (y - y_mean))
        weights = 1.0 / (values[:, np.newaxis] + data.alphas)
        duals = vectors @ (weights[:, :, np.newaxis] * projected[:, np.newaxis, :]).reshape(len(values), -1)
        duals *= root[:, np.newaxis]
        mean = np.asarray(share @ X).ravel() if data.fit_intercept else None
        # the sum of the duals is zero with an intercept, up to rounding: centre where rows are large
        if mean is None:
            slopes = X.T @ duals
        elif data.is_dense:
            slopes = (X - mean).T @ duals
        else:
            slopes = X.T @ duals - np.outer(mean, duals.sum(axis=0))
    shape = (data.X.shape[1], len(data.alphas), y.shape[1])
    offsets = np.tile(y_mean, (len(data.alphas), 1))
    return FoldFit(mean, np.ascontiguousarray(slopes).reshape(shape), offsets)
