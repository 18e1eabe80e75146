"""The work of ``mlcraft predict`` without its printing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.compare import Scores, score
from mlcraft.cli.encode import Encoder, encoder_from_state
from mlcraft.cli.errors import CommandError
from mlcraft.cli.plans import NumberPlan
from mlcraft.cli.tables import Table, read_table
from mlcraft.model_file import ModelFileError, TabularModel, load_model


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predictions for every row of a table, and the scores where the table holds the target too."""

    target: str
    values: NDArray[Any]
    warnings: list[str]
    scores: Scores | None
    n_scored: int


def run_predict(model_path: str, data: str) -> Prediction:
    """Apply a model file to a table."""
    estimator, encoder, fills = open_model(model_path)
    table = read_table(data, {**encoder.expected_kinds(), encoder.target: None})
    matrix, warnings = encoder.transform(table)
    if not fills:
        _refuse_missing(table, encoder)
        warnings = []
    if table.n_rows == 0:
        return Prediction(encoder.target, np.empty(0), table.remarks, None, 0)
    matrix = matrix.astype(estimator.coef_.dtype, copy=False)
    predicted = np.asarray(estimator.predict(matrix))
    if hasattr(estimator, "classes_"):
        return Prediction(encoder.target, predicted, table.remarks + warnings, None, 0)
    predicted = predicted.astype(np.float64, copy=False)
    truth = table.columns.get(encoder.target)
    scores, n_scored = None, 0
    if truth is not None and truth.kind in ("number", "boolean"):
        known = ~truth.missing
        n_scored = int(known.sum())
        scores = score(truth.values[known], predicted[known]) if n_scored > 1 else None
    return Prediction(encoder.target, predicted, table.remarks + warnings, scores, n_scored)


def open_model(path: str) -> tuple[Any, Encoder, bool]:
    """Load a model file: the estimator, its encoder, and whether that fills missing values.

    An estimator saved by itself gets an encoder that takes columns of numbers by their names.
    """
    try:
        model = load_model(path)
        if isinstance(model, TabularModel):
            encoder = encoder_from_state(model.encoder)
            estimator = model.estimator
        else:
            estimator, encoder = model, _bare_encoder(path, model)
    except FileNotFoundError:
        raise CommandError(f"there is no model file '{path}'; make one with: mlcraft fit ... --save {path}") from None
    except ModelFileError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"'{path}' cannot be read: {error.strerror or error}") from None
    if estimator.coef_.shape[-1:] != (len(encoder.names),) or (
        estimator.coef_.ndim != 1 and not hasattr(estimator, "classes_")
    ):
        raise CommandError(f"'{path}' is not a sound model file: coefficients and columns do not fit")
    return estimator, encoder, isinstance(model, TabularModel)


def _bare_encoder(path: str, estimator: Any) -> Encoder:
    kind = type(estimator).__name__
    names = getattr(estimator, "feature_names_in_", None)
    if hasattr(estimator, "classes_") or estimator.coef_.ndim != 1:
        raise CommandError(f"'{path}' holds a {kind} for classes or several targets; load it with mlcraft.load_model")
    if names is None:
        raise CommandError(f"'{path}' holds a {kind} that knows no column names; load it with mlcraft.load_model")
    del estimator.feature_names_in_  # the matrix comes without names, in the right order
    plans = tuple(NumberPlan(str(name), "number", 0.0, False) for name in names)
    return Encoder("", plans, tuple(range(len(plans))), tuple(plan.column for plan in plans))


def _refuse_missing(table: Table, encoder: Encoder) -> None:
    for plan in encoder.plans:
        missing = np.flatnonzero(table.columns[plan.column].missing)
        if len(missing):
            raise CommandError(
                f"column '{plan.column}' has no number in row {missing[0] + 1:,}, and this model does not say"
                " what should stand in; fill or remove such rows"
            )
