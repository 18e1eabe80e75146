"""What a model's score owes to each column: by shuffling it, and by fitting without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import t
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, check_random_state, indexable
from sklearn.utils.validation import _num_samples

from mlcraft.evaluation.comparison._held_out import _check as check_arguments
from mlcraft.evaluation.comparison._tests import corrected_t
from mlcraft.evaluation.cross_validation import cross_validate, mean_over_folds
from mlcraft.uncertainty.scores import Estimate

__all__ = ["ColumnImportance", "drop_column_importance", "permutation_importance"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnImportance:
    """
    How much the score falls for each column.

    Attributes
    ----------
    names : tuple of str
    estimates : tuple of Estimate
        Fall of the score with its interval, in the order of the columns.
    p_values : ndarray of shape (n_columns,) or None
        That the score does not fall (drop-column importance only).
    baseline : float
        Score with all columns.
    method : str
    """

    names: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    p_values: Doubles | None
    baseline: float
    method: str

    @property
    def values(self) -> Doubles:
        """Falls of the score, of shape (n_columns,)."""
        return np.array([estimate.value for estimate in self.estimates])

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, the largest fall first."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "column": self.names,
                "importance": self.values,
                "lower": [estimate.lower for estimate in self.estimates],
                "upper": [estimate.upper for estimate in self.estimates],
            }
        )
        if self.p_values is not None:
            frame["p_value"] = self.p_values
        return frame.sort_values("importance", ascending=False, ignore_index=True)

    def __str__(self) -> str:
        """Return a table, the largest fall first."""
        order = np.argsort(-self.values, kind="stable")
        wide = max(len(name) for name in self.names)
        lines = [f"{self.method} importance; score with all columns {self.baseline:.4g}"]
        for j in order:
            e = self.estimates[j]
            lines.append(f"{self.names[j]:{wide}}  {e.value:.4g} [{e.lower:.4g}, {e.upper:.4g}]")
        return "\n".join(lines)


def permutation_importance(
    model: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    n_repeats: int = 20,
    n_resamples: int = 200,
    columns: Any = None,
    level: float = 0.95,
    random_state: Any = None,
) -> ColumnImportance:
    """
    Measure how much the score of a fitted model falls when a column of held-out rows is shuffled.

    The interval is for both sources of chance: which rows are held out (bootstrap of the rows, each with a shuffle of
    its own) and how they are shuffled (repeats). Shuffling one of several correlated columns makes rows that cannot be;
    `drop_column_importance` does not.

    Parameters
    ----------
    model : object
        Fitted.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows the model was not fitted to.
    y : array-like of shape (n_samples,)
    scoring : str or callable, optional
        As scikit-learn takes it, higher is better. Default: the model's own score.
    n_repeats : int, default=20
        Shuffles that the value is the mean of.
    n_resamples : int, default=200
        Bootstrap samples of rows for the interval; 0 for one over shuffles alone.
    columns : list of int, optional
        Positions to look at. Default: all.
    level : float, default=0.95
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    ColumnImportance

    Raises
    ------
    ValueError
        If an argument does not fit.

    References
    ----------
    Breiman (2001), "Random forests", Machine Learning 45; Fisher, Rudin & Dominici (2019), JMLR 20.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import permutation_importance
    >>> from mlcraft.linear_model import LinearRegression
    >>> X = np.random.default_rng(0).standard_normal((200, 2))
    >>> y = X[:, 0]
    >>> found = permutation_importance(LinearRegression().fit(X, y), X, y, random_state=0)
    >>> bool(found.values[0] > 1.5), abs(round(found.values[1], 6))
    (True, np.float64(0.0))
    """
    X, y = indexable(X, y)
    y = np.asarray(y)
    for name, value, least in (("n_repeats", n_repeats, 2), ("n_resamples", n_resamples, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be a whole number from {least} on; got {value!r}")
    check_arguments("auto", None, level, 0.05, 99, _num_samples(X))
    scorer = check_scoring(model, scoring=scoring)
    random = check_random_state(random_state)
    names, chosen = _columns(X, columns)
    baseline = float(scorer(model, X, y))
    n = len(y)
    estimates = []
    for j in chosen:
        falls = np.array(
            [baseline - scorer(model, _shuffled(X, j, random.permutation(n)), y) for _ in range(n_repeats)]
        )
        mean, spread = float(falls.mean()), float(falls.std(ddof=1) / np.sqrt(n_repeats))
        error, method = spread, "t over shuffles"
        if n_resamples:
            drawn = []
            for _ in range(n_resamples):
                rows = random.randint(n, size=n)
                some = _safe_indexing(X, rows)
                drawn.append(
                    scorer(model, some, y[rows]) - scorer(model, _shuffled(some, j, random.permutation(n)), y[rows])
                )
            error, method = float(np.hypot(np.std(drawn, ddof=1), spread)), "bootstrap of rows and shuffles"
        reach = float(t.ppf((1 + level) / 2, n_repeats - 1 if not n_resamples else n - 1)) * error
        estimates.append(Estimate(mean, mean - reach, mean + reach, level, n, names[j], method))
    return ColumnImportance(tuple(names[j] for j in chosen), tuple(estimates), None, baseline, "permutation")


def drop_column_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 10,
    scoring: Any = None,
    columns: Any = None,
    groups: Any = None,
    level: float = 0.95,
) -> ColumnImportance:
    """
    Measure how much the cross-validated score falls when a column is left out of the fits.

    Parameters
    ----------
    estimator : estimator
        Cloned, not changed. Fits of this library need no refits by fold; see `cross_validate`.
    X : array-like or DataFrame of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    cv : int or splitter, default=10
        The same folds with and without each column.
    scoring : str or callable, optional
        As scikit-learn takes it, higher is better. Default: the estimator's own score.
    columns : list of int, optional
        Positions to look at. Default: all.
    groups : array-like of shape (n_samples,), optional
        For splitters.
    level : float, default=0.95

    Returns
    -------
    ColumnImportance
        Intervals and p-values by the corrected t (Nadeau and Bengio).

    Raises
    ------
    ValueError
        If X has a single column, or an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.evaluation import drop_column_importance
    >>> from mlcraft.linear_model import LinearRegression
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((200, 2))
    >>> found = drop_column_importance(LinearRegression(), X, X[:, 0] + random.standard_normal(200))
    >>> found.values.round(1)
    array([0.5, 0. ])
    """
    X, y, groups = indexable(X, y, groups)
    check_arguments("auto", None, level, 0.05, 99, _num_samples(X))
    names, chosen = _columns(X, columns)
    if len(names) < 2:
        raise ValueError("X must have two columns or more for one to be left out")
    splits = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y, groups))
    scorer = check_scoring(estimator, scoring=scoring)
    whole = cross_validate(clone(estimator), X, y, cv=splits, scoring={"score": scorer})
    sizes = whole.n_train, whole.n_test
    estimates, p_values = [], []
    for j in chosen:
        rest = [k for k in range(len(names)) if k != j]
        found = cross_validate(
            clone(estimator), _safe_indexing(X, rest, axis=1), y, cv=splits, scoring={"score": scorer}
        )
        falls = whole["test_score"] - found["test_score"]
        estimates.append(mean_over_folds(falls, *sizes, level=level, name=names[j]))
        p_values.append(corrected_t(falls, *sizes).p_value)
    return ColumnImportance(
        tuple(names[j] for j in chosen),
        tuple(estimates),
        np.array(p_values),
        float(np.mean(whole["test_score"])),
        "drop-column",
    )


def _columns(X: Any, columns: Any) -> tuple[list[str], list[int]]:
    count = X.shape[1] if hasattr(X, "shape") else len(X[0])
    names = [str(name) for name in X.columns] if hasattr(X, "columns") else [f"x{j}" for j in range(count)]
    chosen = list(range(count)) if columns is None else [int(j) for j in columns]
    if not chosen or any(not 0 <= j < count for j in chosen):
        raise ValueError(f"columns must be positions of the {count} columns; got {columns!r}")
    return names, chosen


def _shuffled(X: Any, j: int, order: NDArray[np.intp]) -> Any:
    """Return X with column j in another order."""
    if hasattr(X, "with_columns"):  # polars
        return X.with_columns(X[:, j].gather(order))
    if hasattr(X, "iloc"):
        copy = X.copy()
        copy.isetitem(j, X.iloc[order, j].to_numpy())
        return copy
    if sparse.issparse(X):
        whole: Any = X
        columns: Any = sparse.csc_array(whole)
        parts = [columns[:, :j], columns[:, [j]].tocsr()[order].tocsc(), columns[:, j + 1 :]]
        return sparse.hstack(parts).tocsr()
    copy = np.array(X)
    copy[:, j] = copy[order, j]
    return copy
