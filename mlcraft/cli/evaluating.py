"""The work of ``mlcraft evaluate``, and of the reports of ``mlcraft fit``: a model file, a table, `evaluate`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.pipeline import Pipeline

from mlcraft.cli.columns import Column, text_column, valued_column
from mlcraft.cli.encode import Encoder
from mlcraft.cli.errors import CommandError, plural, unknown_column
from mlcraft.cli.fitting import check_writable
from mlcraft.cli.predicting import open_model
from mlcraft.cli.tables import Table, read_table
from mlcraft.evaluation import Report, evaluate

_MICROSECONDS_PER_DAY = 86400e6


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What the user asked for."""

    model: str
    data: str
    target: str | None = None
    slices: Collection[str] = ()
    groups: str | None = None
    weights: str | None = None
    level: float = 0.95
    report: str | None = None
    json: str | None = None


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From columns as the table has them to the matrix of the model; as a step before the estimator.

    Parameters
    ----------
    encoder : Encoder
        Fitted; `fit` learns nothing.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def fit(self, X: Any, y: Any = None) -> Self:
        """Return itself."""
        del X, y
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the matrix of the rows of a DataFrame."""
        columns = {plan.column: _column(plan.column, X[plan.column]) for plan in self.encoder.plans}
        return self.encoder.transform(Table(columns, len(X)))[0]


def _column(name: str, values: Any) -> Column:
    if isinstance(values.dtype, _pandas().CategoricalDtype):
        return text_column(name, values.cat.codes.to_numpy(np.int32), list(values.cat.categories), expect="text")
    if values.dtype.kind == "M":
        days = values.to_numpy("datetime64[us]").astype(np.int64) / _MICROSECONDS_PER_DAY
        return valued_column(name, "date", np.where(values.isna().to_numpy(), np.nan, days))
    return valued_column(name, "number", values.to_numpy(np.float64))


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise CommandError("reports need pandas: pip install 'mlcraft[cli,report]'") from None
    return pd


def frame_of(table: Table, names: Iterable[str], rows: NDArray[np.intp]) -> Any:
    """Return some columns and rows of a table as a DataFrame: texts as categories, dates as dates.

    Examples
    --------
    >>> table = Table({"a": valued_column("a", "number", np.array([1.0, 2.0, 3.0]))}, 3)
    >>> frame_of(table, ["a"], np.array([0, 2]))["a"].tolist()
    [1.0, 3.0]
    """
    pd = _pandas()
    found: dict[str, Any] = {}
    for name in names:
        column = table.column(name)
        if column.kind == "text":
            found[name] = pd.Categorical.from_codes(column.codes[rows], list(column.levels))
        elif column.kind == "date":
            days = column.values[rows]
            micro = np.round(np.where(np.isnan(days), 0.0, days) * _MICROSECONDS_PER_DAY).astype("datetime64[us]")
            found[name] = np.where(np.isnan(days), np.datetime64("NaT", "us"), micro)
        else:
            found[name] = column.values[rows]
    return pd.DataFrame(found)


def pipeline_of(estimator: Any, encoder: Encoder) -> Pipeline:
    """Return the model as `evaluate` takes it: from columns as the table has them to predictions."""
    return Pipeline([("columns", TableEncoder(encoder)), ("model", estimator)])


def run_evaluate(options: EvaluateOptions) -> tuple[Report, list[str]]:
    """Judge a model file by a table with the target; return the report and remarks."""
    for path in (options.report, options.json):
        if path is not None:
            check_writable(path)
    if not 0.0 < options.level < 1.0:
        raise CommandError(f"--level must lie between 0 and 1, got {options.level:g}")
    estimator, encoder, _ = open_model(options.model)
    target = options.target or encoder.target
    if not target:
        raise CommandError(f"'{options.model}' does not say what it predicts; name the column with --target")
    others = [name for name in (*options.slices, options.groups, options.weights) if name is not None]
    kinds = encoder.expected_kinds()
    wanted = {**dict.fromkeys(others), **kinds, target: "text" if _knows_texts(estimator) else None}
    table = read_table(options.data, wanted)
    for name in (target, *others):
        if name not in table.columns:
            raise CommandError(unknown_column(name, list(table.columns)))
    y = table.column(target)
    rows = np.flatnonzero(~y.missing)
    remarks = list(table.remarks)
    if len(rows) < 2:
        raise CommandError(f"only {plural(len(rows), 'row')} of '{options.data}' with a value of '{target}'")
    if len(rows) < table.n_rows:
        remarks.append(f"{plural(table.n_rows - len(rows), 'row')} without a value of '{target}' left out")
    remarks += encoder.transform(table, rows)[1]
    extra = frame_of(table, others, rows)
    given: dict[str, Any] = {"level": options.level}
    if options.slices:
        given["slices"] = {name: _labels(extra[name]) for name in options.slices}
    if options.groups is not None:
        given["groups"] = _labels(extra[options.groups])
    if options.weights is not None:
        if table.column(options.weights).kind not in ("number", "boolean"):
            raise CommandError(f"--weights: '{options.weights}' does not hold numbers")
        given["sample_weight"] = extra[options.weights].to_numpy(np.float64)
    report = report_on(estimator, encoder, table, rows, labels_of(y, rows, estimator), **given)
    write_report(report, options.report, options.json)
    return report, remarks


def report_on(
    estimator: Any,
    encoder: Encoder,
    table: Table,
    rows: NDArray[np.intp],
    y: NDArray[Any],
    train: Any = None,
    **given: Any,
) -> Report:
    """Evaluate a fitted model on rows of a table; `train` is (rows, targets) of the fit."""
    names = [plan.column for plan in encoder.plans]
    if train is not None:
        given["train"] = (frame_of(table, names, train[0]), train[1])
    try:
        return evaluate(pipeline_of(estimator, encoder), frame_of(table, names, rows), y, **given)
    except ValueError as error:
        raise CommandError(str(error)) from None


def labels_of(column: Column, rows: NDArray[np.intp], estimator: Any) -> NDArray[Any]:
    """Return targets as the estimator names them: texts, numbers, or classes of the kind of its own."""
    if column.kind == "text":
        if not is_classifier(estimator):
            raise CommandError(f"column '{column.name}' holds text, but the model predicts numbers")
        return np.array(column.levels)[column.codes[rows]]
    values = column.values[rows]
    if is_classifier(estimator) and estimator.classes_.dtype.kind in "biu":
        whole = values.astype(estimator.classes_.dtype)
        return whole if np.array_equal(whole, values) else values
    return values


def write_report(report: Report, path: str | None, json: str | None = None) -> None:
    """Write a report as HTML, and as JSON."""
    for place, write in ((path, report.to_html), (json, report.to_json)):
        if place is None:
            continue
        try:
            write(place)
        except OSError as error:
            raise CommandError(f"cannot write '{place}': {error.strerror or error}") from None


def _knows_texts(estimator: Any) -> bool:
    return is_classifier(estimator) and np.asarray(estimator.classes_).dtype.kind in "UO"


def _labels(values: Any) -> NDArray[Any]:
    """Return the values of a column; texts with a word where there is none."""
    found = np.asarray(values)
    return np.where(values.isna(), "(missing)", found.astype(str)) if found.dtype.kind == "O" else found
