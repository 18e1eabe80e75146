"""What bad data do to the score of a fitted model: noise, missing values, shifted columns, flipped labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import t
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_consistent_length

__all__ = ["StressTest", "stress"]

Doubles = NDArray[np.float64]
Change = Callable[[np.random.RandomState], tuple[Any, NDArray[Any]]]
KINDS = ("noise", "missing", "shift", "labels")
MOST_ELEMENTS = 200_000_000  # of a sparse X made dense


@dataclass(frozen=True)
class StressTest:
    """
    Scores of a model under changes of its data.

    Attributes
    ----------
    baseline : float
        Score on the data as they are.
    rows : list of dict
        One for each change: ``kind``, ``column`` ("all" or its name), ``amount``, ``score`` (mean over the repeats),
        ``drop`` (baseline minus score), ``low`` and ``high`` (95 % interval of the drop over draws of the change, not
        of the rows), ``n_repeats``, ``remark`` (why there is no score, or nothing).
    scoring : str
        Name of the score.
    """

    baseline: float
    rows: list[dict[str, Any]]
    scoring: str

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame, largest drop first."""
        import pandas as pd

        return pd.DataFrame(self.rows).sort_values("drop", ascending=False, ignore_index=True)

    def worst(self, count: int = 3) -> list[dict[str, Any]]:
        """Return the changes with the largest drops."""
        known = [row for row in self.rows if np.isfinite(row["drop"])]
        return sorted(known, key=lambda row: -row["drop"])[:count]

    def __str__(self) -> str:
        """Return a table of fixed width."""
        lines = [f"{self.scoring} {self.baseline:.4g} on the data as they are", ""]
        lines.append(f"{'change':<10}{'column':<18}{'amount':>8}{'score':>10}{'drop':>10}   95 % interval of the drop")
        for row in self.rows:
            numbers = f"{row['score']:>10.4g}{row['drop']:>10.4g}   {row['low']:.4g} to {row['high']:.4g}"
            tail = row["remark"] or numbers
            lines.append(f"{row['kind']:<10}{row['column'][:17]:<18}{row['amount']:>8.3g}{tail}")
        return "\n".join(lines)


def stress(
    model: Any,
    X: Any,
    y: Any,
    *,
    kinds: Iterable[str] = KINDS,
    scoring: Any = None,
    noise: Sequence[float] = (0.1, 0.5, 1.0),
    missing: Sequence[float] = (0.05, 0.2),
    shift: Sequence[float] = (-1.0, 1.0),
    labels: Sequence[float] = (0.05, 0.2),
    fill: str = "median",
    n_repeats: int = 5,
    random_state: Any = None,
) -> StressTest:
    """
    Score a fitted model on held-out rows that are changed in the ways in which data go bad.

    Parameters
    ----------
    model : object
        Fitted, with ``predict`` or whatever `scoring` asks for.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Rows that the model was not fitted to. Numeric columns are changed; others only lose values.
    y : array-like of shape (n_samples,)
        Targets.
    kinds : iterable of {"noise", "missing", "shift", "labels"}, default=all
        Which changes to make.
    scoring : str or callable, optional
        As scikit-learn takes it, higher is better. Default: the model's own score.
    noise : sequence of float, default=(0.1, 0.5, 1.0)
        Normal noise in all numeric columns at once, in their standard deviations.
    missing : sequence of float, default=(0.05, 0.2)
        Shares of the values of all columns that go missing.
    shift : sequence of float, default=(-1.0, 1.0)
        Shift of one numeric column at a time, in its standard deviations: a sensor that drifts.
    labels : sequence of float, default=(0.05, 0.2)
        Share of the rows whose target is wrong: another class, or the target of another row. What is scored then is
        what a user of such data would see, not how good the model is.
    fill : {"median", "mean", "nan"}, default="median"
        What stands in for a missing number: what an imputer would put there, or nothing, for models that take NaN.
        Missing categories become the most frequent one, or None with "nan".
    n_repeats : int, default=5
        Draws of each random change.
    random_state : int, RandomState instance or None, default=None
        Of the draws.

    Returns
    -------
    StressTest

    Raises
    ------
    ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.datasets import load_california_housing
    >>> from mlcraft.evaluation import stress
    >>> from mlcraft.linear_model import Ridge
    >>> housing = load_california_housing()
    >>> X = np.column_stack([housing[name] for name in ("median_income", "housing_median_age", "households")])
    >>> y = housing["median_house_value"] / 1e5
    >>> model = Ridge().fit(X[::2], y[::2])
    >>> test = stress(model, X[1::2], y[1::2], kinds=["noise"], random_state=0)
    >>> [round(row["drop"], 2) for row in test.rows]
    [0.01, 0.14, 0.56]
    """
    amounts = {"noise": noise, "missing": missing, "shift": shift, "labels": labels}
    kinds = tuple(kinds)
    _check(kinds, amounts, fill, n_repeats)
    y = np.asarray(y)
    check_consistent_length(X, y)
    if len(y) < 2:
        raise ValueError(f"there must be two rows or more to score; got {len(y)}")
    scorer = check_scoring(model, scoring)
    random = check_random_state(random_state)
    baseline = float(scorer(model, X, y))
    table = _Columns(X)
    rows = []
    for kind in kinds:
        for amount in amounts[kind]:
            for column, change, repeats in _changes(kind, amount, table, y, is_classifier(model), fill, n_repeats):
                scores, remark = _scores(scorer, model, change, repeats, random)
                rows.append(_row(kind, column, amount, baseline - scores, baseline, remark))
    return StressTest(baseline, rows, scoring if isinstance(scoring, str) else _name(model, scoring))


def _scores(
    scorer: Any, model: Any, change: Change, repeats: int, random: np.random.RandomState
) -> tuple[Doubles, str]:
    found = []
    for _ in range(repeats):
        changed, target = change(random)
        try:
            found.append(float(scorer(model, changed, target)))
        except (ValueError, TypeError) as error:  # a model that does not take such rows: that is the finding
            return np.full(1, np.nan), f"refused: {str(error).splitlines()[0][:80]}"
    return np.array(found), ""


def _row(kind: str, column: str, amount: float, drops: Doubles, baseline: float, remark: str) -> dict[str, Any]:
    drop = float(drops.mean())
    error = float(drops.std(ddof=1) / np.sqrt(len(drops))) if len(drops) > 1 else 0.0
    reach = float(t.ppf(0.975, len(drops) - 1)) * error if len(drops) > 1 else 0.0
    return {
        "kind": kind,
        "column": column,
        "amount": float(amount),
        "score": baseline - drop,
        "drop": drop,
        "low": drop - reach,
        "high": drop + reach,
        "n_repeats": len(drops),
        "remark": remark,
    }


def _check(kinds: Sequence[str], amounts: dict[str, Sequence[float]], fill: str, n_repeats: int) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"kinds must be among {', '.join(KINDS)}; got {unknown[0]!r}")
    if fill not in ("median", "mean", "nan"):
        raise ValueError(f"fill must be median, mean or nan; got {fill!r}")
    if not isinstance(n_repeats, (int, np.integer)) or n_repeats < 1:
        raise ValueError(f"n_repeats must be a positive integer; got {n_repeats!r}")
    for kind in kinds:
        values = np.asarray(amounts[kind], dtype=np.float64)
        if not np.isfinite(values).all() or (kind != "shift" and (values < 0).any()):
            raise ValueError(f"{kind} must hold finite numbers, not negative ones; got {amounts[kind]!r}")
        if kind in ("missing", "labels") and (values > 1).any():
            raise ValueError(f"{kind} holds shares between 0 and 1; got {amounts[kind]!r}")


def _changes(
    kind: str, amount: float, table: _Columns, y: NDArray[Any], classes: bool, fill: str, n_repeats: int
) -> Iterable[tuple[str, Change, int]]:
    if kind == "noise" and table.numeric:
        yield "all", lambda random: (table.with_noise(amount, random), y), n_repeats
    if kind == "missing":
        yield "all", lambda random: (table.with_gaps(amount, fill, random), y), n_repeats
    if kind == "shift":
        for j in table.numeric:
            yield table.name(j), _always(table.shifted(j, amount), y), 1
    if kind == "labels":
        yield "target", lambda random: (table.X, _wrong(y, amount, classes, random)), n_repeats


def _always(X: Any, y: NDArray[Any]) -> Change:
    return lambda _: (X, y)


def _wrong(y: NDArray[Any], share: float, classes: bool, random: np.random.RandomState) -> NDArray[Any]:
    """Targets of which a share is wrong: another class, drawn evenly, or the target of a row drawn."""
    rows = random.permutation(len(y))[: round(share * len(y))]
    wrong = y.copy()
    if not classes:
        wrong[rows] = y[random.randint(len(y), size=len(rows))]
        return wrong
    names, codes = np.unique(y, return_inverse=True)
    if len(names) > 1:
        wrong[rows] = names[(codes[rows] + random.randint(1, len(names), size=len(rows))) % len(names)]
    return wrong


class _Columns:
    """X by columns, whatever holds it; what comes out is of the kind that went in."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.frame = hasattr(X, "columns")
        self.sparse = sparse.issparse(X)
        if self.frame:
            self.columns = [np.asarray(_safe_indexing(X, j, axis=1)) for j in range(X.shape[1])]
        else:
            if self.sparse and X.shape[0] * X.shape[1] > MOST_ELEMENTS:
                raise ValueError(f"a sparse X is changed as a dense one, and {X.shape} is too large: give fewer rows")
            dense = X.toarray() if self.sparse else np.asarray(X)
            if dense.ndim != 2:
                raise ValueError(f"X must have two dimensions; got {dense.ndim}")
            self.columns = list(dense.T)
        kinds = [column.dtype.kind for column in self.columns]
        self.numeric = [j for j, kind in enumerate(kinds) if kind in "fiu"]
        self.spread = {j: float(np.nanstd(self.columns[j].astype(np.float64))) for j in self.numeric}

    def name(self, j: int) -> str:
        return str(self.X.columns[j]) if self.frame else f"x{j}"

    def with_noise(self, amount: float, random: np.random.RandomState) -> Any:
        n = len(self.columns[0])
        return self._built(
            {j: self.columns[j] + amount * self.spread[j] * random.standard_normal(n) for j in self.numeric}
        )

    def shifted(self, j: int, amount: float) -> Any:
        return self._built({j: self.columns[j] + amount * self.spread[j]})

    def with_gaps(self, share: float, fill: str, random: np.random.RandomState) -> Any:
        changed = {}
        for j, column in enumerate(self.columns):
            gaps = random.uniform(size=len(column)) < share
            if j in self.spread:
                filled = column.astype(np.float64)
                filled[gaps] = (
                    np.nan if fill == "nan" else np.nanmean(filled) if fill == "mean" else np.nanmedian(filled)
                )
            else:
                filled = column.astype(object)
                filled[gaps] = None if fill == "nan" else _most_frequent(column)
            changed[j] = filled
        return self._built(changed)

    def _built(self, changed: dict[int, NDArray[Any]]) -> Any:
        if self.frame:
            return self._frame(changed)
        columns = [changed.get(j, column) for j, column in enumerate(self.columns)]
        dense = np.column_stack(columns)
        if np.asarray(self.X.data if self.sparse else self.X).dtype == np.float32:
            dense = dense.astype(np.float32)
        return type(self.X)(dense) if self.sparse else dense

    def _frame(self, changed: dict[int, NDArray[Any]]) -> Any:
        if hasattr(self.X, "with_columns"):  # polars
            import polars as pl

            return self.X.with_columns([pl.Series(self.name(j), values.tolist()) for j, values in changed.items()])
        copy = self.X.copy()
        for j, values in changed.items():
            copy.isetitem(j, values if j in self.spread else self._of_its_type(j, values))
        return copy

    def _of_its_type(self, j: int, values: NDArray[Any]) -> Any:
        import pandas as pd

        return pd.Series(values, index=self.X.index).astype(self.X.dtypes.iloc[j])


def _most_frequent(column: NDArray[Any]) -> Any:
    values, counts = np.unique(column[~_missing(column)].astype(str), return_counts=True)
    if not len(values):
        return None
    chosen = values[counts.argmax()]
    return next(value for value in column if str(value) == chosen)


def _missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([value is None or value != value for value in column], dtype=bool)


def _name(model: Any, scoring: Any) -> str:
    if scoring is not None:
        return getattr(scoring, "__name__", str(scoring))
    return "accuracy" if is_classifier(model) else "R2"
