"""What users hand in, checked: parameters that must go together, rows, groups, weights, points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state, indexable
from sklearn.utils.validation import _check_sample_weight, _num_samples, check_array, column_or_1d

from mlcraft.uncertainty.conformal._calibrated import Query
from mlcraft.uncertainty.conformal._fitting import Rows, is_prefit
from mlcraft.uncertainty.conformal._sets_groups import missing_labels

__all__ = ["check_settings", "check_shares", "fit_rows", "jumps", "query_of", "rows_of", "target_points", "within"]

Doubles = NDArray[np.float64]
CLOSEST = 1e-6  # of a probability to 0 or 1, before it becomes a ratio


def check_settings(settings: Any) -> None:
    """Refuse parameters that do not go together."""
    if isinstance(settings.estimator, list) and not (settings.prefit and settings.method == "cqr"):
        raise ValueError("estimator may be a list of models only if they are fitted (prefit=True) and method='cqr'")
    if settings.cv is not None and settings.method not in ("split", "cqr", "cv+"):
        raise ValueError(f"method={settings.method!r} has no folds: cv must be None, got {settings.cv!r}")
    if isinstance(settings.closed_form, bool | np.bool_) and settings.closed_form:
        raise ValueError("closed_form must be 'auto' or False: it is chosen where there is one")
    if settings.bounds is not None:
        bounds = np.asarray(settings.bounds, dtype=np.float64)
        if bounds.shape != (2,) or not bounds[0] < bounds[1]:
            raise ValueError(f"bounds must be two numbers, the lower one first; got {settings.bounds!r}")


def finite_targets(y: Any, settings: Any) -> Doubles:
    """Return targets as a float64 vector, or raise scikit-learn's errors."""
    if y is None:
        raise ValueError(f"This {type(settings).__name__} estimator requires y to be passed, but the target y is None.")
    y = column_or_1d(check_array(y, ensure_2d=False, ensure_min_samples=0, dtype=None, input_name="y"), warn=True)
    if y.dtype.kind not in "fiub":
        y = y.astype(np.float64)  # texts raise here
    return np.asarray(y, dtype=np.float64)


def fit_rows(
    settings: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    groups: Any,
    clusters: Any,
    X_target: Any,
    fit_params: dict[str, Any],
) -> Rows:
    """Check what `fit` was given, and drop rows of weight zero."""
    y = finite_targets(y, settings)
    X = rows_of(X)
    X, y = indexable(X, y)
    if _num_samples(X) == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={np.shape(X)}) while a minimum of 1 is required.")
    settings._grouping = groups if callable(groups) else None
    labels = None if groups is None else labels_of(groups(X) if callable(groups) else groups, len(y), "groups")
    together = None if clusters is None else labels_of(clusters, len(y), "clusters")
    ratio = None
    settings.shift_ = None
    if settings.shift is not None:
        settings.shift_ = shift_of(settings, X, X_target)
        ratio = ratios(settings.shift_, X)
    if sample_weight is None:
        return Rows(X, y, None, labels, together, ratio, fit_params)
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    kept = np.flatnonzero(weight)
    if len(kept) == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if len(kept) == len(y):
        return Rows(X, y, weight, labels, together, ratio, fit_params)

    def some(values: Any) -> Any:
        return None if values is None else values[kept]

    return Rows(_safe_indexing(X, kept), y[kept], weight[kept], some(labels), some(together), some(ratio), fit_params)


def rows_of(X: Any) -> Any:
    """Return X, lists as an array: functions of X index it."""
    return X if hasattr(X, "shape") else np.asarray(X)


def labels_of(values: Any, n: int, name: str) -> NDArray[Any]:
    """Return one label for each row."""
    found = np.asarray(values)
    if found.shape != (n,):
        raise ValueError(f"{name} must have one label for each of the {n} rows; got shape {found.shape}")
    missing = int(np.count_nonzero(missing_labels(found)))
    if missing:
        raise ValueError(f"{name} has no label for {missing} rows: give rows of unknown group a label of their own")
    if found.dtype.kind in "mM":  # texts, which are the same in any unit of time
        return found.astype(f"{found.dtype.kind}8[ns]").astype(str)
    return found


def shift_of(settings: Any, X: Any, X_target: Any) -> Any:
    """Return the function that gives the ratio of densities: the user's, or a fitted classifier."""
    if not hasattr(settings.shift, "predict_proba"):
        return settings.shift
    if X_target is None:
        raise ValueError("a classifier as shift= needs rows of both kinds: pass fit(..., X_target=rows to predict)")
    if is_prefit(settings):
        raise ValueError("with a fitted estimator, give shift= a function of X")
    both, kind = _stacked(X, X_target)
    return clone(settings.shift).fit(both, kind)


def _stacked(X: Any, more: Any) -> tuple[Any, NDArray[np.intp]]:
    from mlcraft.uncertainty.conformal._online import stacked

    kind = np.repeat([0, 1], [_num_samples(X), _num_samples(more)])
    return stacked(X, more), kind


def ratios(shift: Any, X: Any) -> Doubles:
    """Return how much likelier each row is among new rows than among those of `fit`, up to a factor."""
    if hasattr(shift, "predict_proba"):
        new = np.clip(shift.predict_proba(X)[:, 1], CLOSEST, 1.0 - CLOSEST)
        return np.asarray(new / (1.0 - new), dtype=np.float64)
    found = np.asarray(shift(X), dtype=np.float64).reshape(-1)
    if len(found) != _num_samples(X) or not np.all(np.isfinite(found)) or not np.all(found >= 0):
        raise ValueError(f"shift must give a finite number, not negative, for each of {_num_samples(X)} rows")
    return found


def query_of(model: Any, X: Any, groups: Any) -> Query:
    """Return groups and weights of new rows."""
    n = _num_samples(X)
    calibrated = model._calibrated
    labels = None
    if calibrated is not None and calibrated.groups is not None:
        if groups is None and model._grouping is None:
            raise ValueError("fit was given groups: pass groups= with the label of each row")
        labels = labels_of(model._grouping(X) if groups is None else groups, n, "groups")
    elif groups is not None:
        raise ValueError("groups= was given here, but not to fit: there is nothing to calibrate each group on")
    return Query(labels, None if model.shift_ is None else ratios(model.shift_, X))


def target_points(X: Any, y: Any) -> tuple[Doubles, bool]:
    """Return points of shape (n_rows, n_points), and whether there is one for each row without an axis of its own."""
    n = _num_samples(X)
    points = (
        check_array(y, ensure_2d=False, allow_nd=False, dtype=np.float64, input_name="y", ensure_min_samples=0)
        if (np.ndim(y))
        else np.full(n, float(y))
    )
    if points.ndim == 1:
        if len(points) != n:
            raise ValueError(
                f"y has {len(points)} values and X {n} rows: give one for each row, or several for all rows as (1, "
                "n_points)"
            )
        return points[:, np.newaxis], True
    if points.shape[0] not in (1, n):
        raise ValueError(f"y has {points.shape[0]} rows and X {n}: give as many, or one")
    return np.array(np.broadcast_to(points, (n, points.shape[1]))), False


def check_shares(q: Any) -> tuple[Doubles, bool]:
    """Return quantiles as an array, and whether there was a single one."""
    shares = np.asarray(q)
    if shares.dtype.kind not in "fiu" or shares.ndim > 1 or not shares.size or not np.all((shares > 0) & (shares < 1)):
        raise ValueError(f"q must be a number between 0 and 1, exclusive, or a sequence of such; got {q!r}")
    return shares.astype(np.float64).reshape(-1), shares.ndim == 0


def jumps(tau: Any, n: int, random_state: Any) -> Any:
    """Return where inside a step the distribution is read."""
    if isinstance(tau, str) and tau == "random":
        return check_random_state(random_state).uniform(size=(n, 1))
    if isinstance(tau, str) or not 0 <= float(tau) <= 1:
        raise ValueError(f"tau must be a number from 0 to 1, or 'random'; got {tau!r}")
    return float(tau)


def within(ends: Doubles, bounds: Any) -> Doubles:
    """Cut intervals to the values that are possible, and put ends in the wrong order together; NaN is an error."""
    if np.isnan(ends).any():
        raise ValueError("the estimator predicts NaN for some of the rows: there is no interval around it")
    if ends.shape[1] == 2:
        low, high = ends[:, 0], ends[:, 1]
        empty = low > high
        if empty.any():
            middle = 0.5 * (low[empty] + high[empty])
            low[empty] = high[empty] = middle
    if bounds is not None:
        np.clip(ends, bounds[0], bounds[1], out=ends)
    return ends
