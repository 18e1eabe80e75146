"""From rows to moments and from moments to a fit: what `mlcraft.Moments` and partial fits have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_feature_names

from mlcraft import _core
from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.gathered import Gathered
from mlcraft._engine.least_squares import ROUGH, LeastSquaresFit, NonFiniteError, _as_fit
from mlcraft._engine.status import warn_about_fit, warn_caller
from mlcraft._engine.validation import adopt_width, checked_arrays, plain_arrays
from mlcraft.exceptions import CollinearityWarning

__all__ = ["check_same_columns", "fit_gathered", "warn_about_gathered", "with_rows"]

Result = TypeVar("Result")


def check_same_columns(mine: Any, theirs: Any) -> None:
    """Raise scikit-learn's error where two bearers of columns do not have the same."""
    expected, found = mine.n_features_in_, theirs.n_features_in_
    if found != expected:
        raise ValueError(
            f"X has {found} features, but {type(mine).__name__} is expecting {expected} features as input."
        )
    names, others = (columns.__dict__.get("feature_names_in_") for columns in (mine, theirs))
    if names is None or others is None or np.array_equal(names, others):
        return
    j = int(np.flatnonzero(names != others)[0])
    raise ValueError(
        "The feature names should match those that were passed during fit.\n"
        f"Column {j} is {str(names[j])!r} here and {str(others[j])!r} there."
    )


def with_rows(
    columns: Any, X: Any, y: Any, sample_weight: Any, use: Callable[[Any, NDArray[Any], Any], Result], *, reset: bool
) -> Result:
    """
    Check rows and hand them to `use`; microseconds for float arrays without column names.

    Parameters
    ----------
    columns : object
        Bearer of `n_features_in_` and `feature_names_in_`, which X must agree with, or which are set with `reset`.
    X, y, sample_weight : as for a fit
    use : callable
        Called with arrays for the engine; may raise NonFiniteError, and must then have changed nothing.
    reset : bool
        Whether these are the first rows.

    Returns
    -------
    object
        What `use` returned.

    Raises
    ------
    ValueError
        scikit-learn's, for what does not fit or is not a finite number.
    """
    known = columns.__dict__
    plain = plain_arrays(X, y, sample_weight)
    if plain is not None and (reset or (known["n_features_in_"] == X.shape[1] and "feature_names_in_" not in known)):
        try:
            result = use(*plain)
        except NonFiniteError:
            pass  # the checks below name the culprit
        else:
            if reset:
                adopt_width(columns, X.shape[1])
            return result
    X, y, sample_weight = to_numpy(_table(X), y, sample_weight)
    matrix = _matrix_of_table(X)
    if matrix is not None:
        _check_feature_names(columns, X, reset=reset)
        plain = plain_arrays(matrix, y if isinstance(y, np.ndarray) else np.asarray(y), sample_weight)
        if plain is not None and (reset or known["n_features_in_"] == matrix.shape[1]):
            try:
                result = use(*plain)
            except NonFiniteError:
                pass
            else:
                if reset:
                    columns.n_features_in_ = matrix.shape[1]
                return result

    def run(ensure_all_finite: bool) -> Result:
        return use(
            *checked_arrays(
                columns,
                X,
                y,
                sample_weight,
                accept_sparse=["csr", "csc"],
                dtype=[np.float64, np.float32],
                ensure_all_finite=ensure_all_finite,
                reset=reset,
            )
        )

    try:
        return run(False)
    except NonFiniteError:
        pass
    try:
        return run(True)
    except NonFiniteError:
        raise ValueError(
            "squares of X or y leave the range of double precision (about 1e-140 to 1e150 for values); scale X or y"
        ) from None


def _table(X: Any) -> Any:
    """Return a pyarrow record batch as a table, which scikit-learn reads the names of; all else as it is."""
    if type(X).__name__ == "RecordBatch" and hasattr(X, "schema"):
        import pyarrow as pa

        return pa.Table.from_batches([X])
    return X


def _matrix_of_table(X: Any) -> NDArray[Any] | None:
    """Return the columns of a pyarrow table of numbers, in one copy; None for all else."""
    if not (hasattr(X, "schema") and hasattr(X, "column_names") and hasattr(X, "itercolumns")):
        return None
    parts = [column.to_numpy() for column in X.itercolumns()]
    if not parts or any(part.dtype.kind not in "fiu" for part in parts):
        return None
    single = all(part.dtype == np.float32 for part in parts)
    matrix = np.empty((len(X), len(parts)), dtype=np.float32 if single else np.float64, order="F")
    for j, part in enumerate(parts):
        matrix[:, j] = part
    return matrix


def fit_gathered(
    gathered: Gathered,
    *,
    alpha: float | NDArray[Any],
    fit_intercept: bool,
    positive: bool,
    max_iter: int | None,
) -> tuple[LeastSquaresFit, float]:
    """
    Solve from moments alone.

    Parameters
    ----------
    gathered : Gathered
    alpha : float or ndarray of shape (n_targets,)
        Ridge penalty, for all targets or for each.
    fit_intercept : bool
        Whether there is an intercept.
    positive : bool
        Whether coefficients must be non-negative.
    max_iter : int or None
        For `positive` only.

    Returns
    -------
    fit : LeastSquaresFit
        In the dtype of the rows; of minimum norm where columns depend on each other.
    error : float
        The relative error of the coefficients to expect, in columns of unit scale.

    Raises
    ------
    ValueError
        If the moments hold no weight, or left the range of double precision.
    """
    core = gathered.core
    if not core.weight_sum > 0:
        raise ValueError("there are no rows to fit: all have been removed, or none has been added")
    if fit_intercept and not core.centred:
        raise ValueError(
            "the rows were gathered with fit_intercept=False, which does not keep their means; "
            "start again with fit_intercept=True"
        )
    options = _core.LeastSquaresOptions()
    options.alpha = np.ravel(alpha).tolist()
    options.fit_intercept, options.positive = fit_intercept, positive
    if max_iter is not None:
        options.max_iter = max_iter
    solution, error = _core.solve_moments(core, options)
    if solution.status == "not_finite":
        raise ValueError("sums of squares or coefficients leave the range of double precision; scale X or y")
    return _as_fit(solution, gathered.dtype, gathered.n_dimensions, core.samples), error


@dataclass(frozen=True, slots=True)
class _Shape:
    shape: tuple[int, int]


def warn_about_gathered(
    estimator: Any, fit: LeastSquaresFit, error: float, n_samples: int, *, penalised: bool, solver: str
) -> None:
    """Warn as after a fit, and where the moments leave few digits of the coefficients."""
    n_features = fit.coef.shape[-1]
    if fit.status != "converged":
        rows: Any = _Shape((n_samples, n_features))
        warn_about_fit(estimator, fit, rows, None, penalised=penalised, solver=solver)
    if error > ROUGH:
        digits = max(0, int(-np.log10(error)))
        size = f" (condition number about {fit.condition:.0e})" if np.isfinite(fit.condition) else ""
        warn_caller(
            f"The moments leave about {digits} correct digits in coef_: the columns are nearly dependent{size}, or "
            "most of the spread of one has been removed again. fit on all rows at once works from the rows and loses "
            "none of them; or remove redundant columns, or use Ridge with a larger alpha.",
            CollinearityWarning,
        )
