"""The work of ``mlcraft fit`` without its printing."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli import diagnose
from mlcraft.cli.columns import Column
from mlcraft.cli.compare import Comparison, compare, split_rows
from mlcraft.cli.diagnose import Finding
from mlcraft.cli.encode import Encoder, FittedEncoding, fit_encoder
from mlcraft.cli.errors import CommandError, listing, plural, unknown_column
from mlcraft.cli.tables import Table, read_table
from mlcraft.datasets import california_housing_path
from mlcraft.model_file import ModelFileError, TabularModel, save_model

if TYPE_CHECKING:
    from mlcraft.cli.classifying import ClassFit

MIN_ROWS = 10
MOST_CLASSES = 50


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What the user asked for."""

    data: str | None = None
    target: str | None = None
    alpha: float = 0.0
    test_size: float = 0.2
    seed: int = 0
    drop: Collection[str] = ()
    keep: Collection[str] = ()
    save: str | None = None
    report: str | None = None
    classify: bool = False


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One line of the coefficient table; `effect` is the change of the prediction per standard deviation.

    `error` is the standard error and `lower`, `upper` the bounds of the 95 % interval: NaN where there is none.
    """

    name: str
    value: float
    effect: float
    error: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class FitResult:
    """Everything the report shows."""

    options: FitOptions
    source: str
    n_rows: int
    n_columns: int
    target: str
    values: NDArray[np.float64]
    n_train: int
    n_test: int
    remarks: list[str]
    warnings: list[str]
    encoding: FittedEncoding
    comparison: Comparison
    coefficients: list[Coefficient]
    intercept: Coefficient
    findings: list[Finding] = field(default_factory=list)


def run_fit(options: FitOptions) -> FitResult | ClassFit:
    """Read the table, and fit numbers or classes.

    Examples
    --------
    >>> result = run_fit(FitOptions())
    >>> result.n_rows, result.target, result.comparison.scores.r2 > 0.6
    (20640, 'median_house_value', True)
    """
    for path in (options.save, options.report):
        if path is not None:
            check_writable(path)
    data = str(california_housing_path()) if options.data is None else options.data
    table = read_table(data)
    target = checked_target(table, options.data, options.target, options.drop, options.keep)
    source = "California housing, 1990 census (ships with mlcraft)" if options.data is None else data
    column = table.column(target)
    if options.classify or (column.kind == "text" and not column.note and len(column.levels) <= MOST_CLASSES):
        from mlcraft.cli.classifying import fit_classes

        return fit_classes(table, source, target, options)
    return fit_numbers(table, source, target, options)


def fit_numbers(table: Table, source: str, target: str, options: FitOptions) -> FitResult:
    """Encode, split, fit, score, doubt and save."""
    values = _target_values(table.column(target))
    usable = np.flatnonzero(~np.isnan(values))
    remarks = list(table.remarks)
    if len(usable) < len(values):
        remarks.append(f"{plural(len(values) - len(usable), 'row')} without a value of '{target}' left out")
    _check_values(values[usable], target)
    train, test = split_rows(usable, options.test_size, options.seed)
    if np.ptp(values[train]) == 0.0:
        raise CommandError(
            f"the target '{target}' is constant among the {len(train):,} training rows; try another --seed"
        )
    encoding = fit_encoder(table, train, target=target, drop=options.drop, keep=options.keep, scale=options.alpha > 0.0)
    if encoding.matrix.shape[1] == 0:
        reasons = "; ".join(f"'{notice.column}' {notice.text}" for notice in encoding.notices[:3])
        raise CommandError(
            f"no usable column is left to predict '{target}' from ({reasons or 'it is the only column'})"
        )
    x_test, warnings = encoding.encoder.transform(table, test)
    comparison = compare(encoding.matrix, values[train], x_test, values[test], options.alpha)
    coefficients, intercept, findings = _study(table, encoding, comparison, values, train, x_test, options)
    result = FitResult(
        options,
        source=source,
        n_rows=table.n_rows,
        n_columns=len(table.columns),
        target=target,
        values=values[usable],
        n_train=len(train),
        n_test=len(test),
        remarks=remarks,
        warnings=warnings,
        encoding=encoding,
        comparison=comparison,
        coefficients=coefficients,
        intercept=intercept,
        findings=findings,
    )
    if options.report is not None:
        from mlcraft.cli.evaluating import report_on, write_report

        fitted = (comparison.estimator, encoding.encoder, table)
        write_report(report_on(*fitted, test, values[test], (train, values[train])), options.report)
    if options.save is not None:
        _save(options.save, result)
    return result


def checked_target(
    table: Table, data: str | None, asked: str | None, drop: Collection[str] = (), keep: Collection[str] = ()
) -> str:
    """Return the name of the target, after checking all names the user gave."""
    names = list(table.columns)
    target = asked or ("median_house_value" if data is None else None)
    if target is None:
        raise CommandError(f"say which column to predict with --target; there are {listing(names, limit=12)}")
    if target not in table.columns:
        raise CommandError(f"--target: {unknown_column(target, names)}")
    for flag, given in (("--drop", drop), ("--keep", keep)):
        for name in given:
            if name not in table.columns:
                raise CommandError(f"{flag}: {unknown_column(name, names)}")
            if name == target:
                raise CommandError(f"{flag}: '{name}' is the target; it is never used as a predictor")
    return target


def _target_values(column: Column) -> NDArray[np.float64]:
    if column.kind in ("number", "boolean"):
        return column.values
    if column.kind == "date":
        raise CommandError(f"the target '{column.name}' holds dates; mlcraft fit predicts numbers")
    if column.kind == "text" and column.note:
        raise CommandError(
            f"the target '{column.name}' must hold numbers, but {column.note}; mend or remove these rows"
        )
    if column.kind == "text":
        found = f"{len(column.levels):,} different texts: {listing(column.levels, limit=3)}"
        raise CommandError(
            f"the target '{column.name}' holds text ({found}); mlcraft fit predicts numbers, or up to {MOST_CLASSES}"
            " classes"
        )
    raise CommandError(f"the target '{column.name}' holds neither numbers nor text")


def _check_values(values: NDArray[np.float64], target: str) -> None:
    if len(values) == 0:
        raise CommandError(f"the target '{target}' is empty: no row has a value")
    if len(values) < MIN_ROWS:
        raise CommandError(f"too few rows: only {len(values)} with a value of '{target}', and {MIN_ROWS} are needed")
    if values.min() == values.max():
        raise CommandError(
            f"the target '{target}' is constant ({values[0]:,g} in every row); there is nothing to predict"
        )
    with np.errstate(over="ignore"):
        if not np.isfinite(np.square(values - values.mean()).sum()):
            raise CommandError(f"the target '{target}' has values too large to square; give it in another unit")


def _study(
    table: Table,
    encoding: FittedEncoding,
    comparison: Comparison,
    values: NDArray[np.float64],
    train: NDArray[np.intp],
    x_test: NDArray[np.float64],
    options: FitOptions,
) -> tuple[list[Coefficient], Coefficient, list[Finding]]:
    """Coefficients in the units of the table, and the doubts."""
    encoder, matrix, estimator = encoding.encoder, encoding.matrix, comparison.estimator
    design = diagnose.study_design(matrix)
    fitted = estimator.predict(matrix)
    spread = np.full((matrix.shape[1] + 1, 3), np.nan)  # error, lower, upper; the intercept first
    if design is not None and options.alpha == 0.0:
        spread = diagnose.uncertainty(estimator, matrix, values[train], design)
    effects = estimator.coef_ * matrix.std(axis=0)
    slopes = estimator.coef_ if encoder.scale is None else estimator.coef_ / np.array(encoder.scale)
    coefficients = [
        Coefficient(name, value, effect, *bounds)
        for name, value, effect, bounds in zip(
            encoder.names, slopes.tolist(), effects.tolist(), spread[1:].tolist(), strict=True
        )
    ]
    coefficients.sort(key=lambda coefficient: -abs(coefficient.effect))
    findings = diagnose.doubt_scores(
        comparison.training_scores.r2,
        comparison.scores.r2,
        len(x_test),
        [coefficient.name for coefficient in coefficients[:3]],
    )
    findings += diagnose.doubt_columns(design, matrix, encoder.names, encoder.sources, train)
    findings += diagnose.doubt_target(values[train])
    findings += diagnose.doubt_residuals(values[train], fitted, estimator.predict(x_test))
    findings += diagnose.doubt_order(list(table.columns.values()))
    return (
        coefficients,
        Coefficient("(intercept)", float(estimator.intercept_), 0.0, *spread[0].tolist()),
        findings,
    )


def check_writable(path: str) -> None:
    """Find out before the work, not after it, that a result could not be written."""
    folder = Path(path).expanduser().resolve().parent
    if Path(path).is_dir():
        raise CommandError(f"cannot write '{path}': it is a folder; add a file name")
    if not folder.is_dir():
        raise CommandError(f"cannot write '{path}': there is no folder '{folder}'")
    if not os.access(folder, os.W_OK):
        raise CommandError(f"cannot write '{path}': the folder '{folder}' is not writable")


def _save(path: str, result: FitResult) -> None:
    scores = result.comparison.scores
    info = {
        "target": result.target,
        "n_train": result.n_train,
        "n_test": result.n_test,
        "seed": result.options.seed,
        "held_out": {"r2": _number_or_none(scores.r2), "rmse": scores.rmse, "mae": scores.mae},
    }
    save_table_model(path, result.comparison.estimator, result.encoding.encoder, info)


def save_table_model(path: str, estimator: Any, encoder: Encoder, info: dict[str, Any]) -> None:
    """Write an estimator and what was done to the columns to a model file."""
    try:
        save_model(path, TabularModel(estimator, encoder.to_state(), info))
    except OSError as error:
        raise CommandError(f"cannot write '{path}': {error.strerror or error}") from None
    except ModelFileError as error:
        raise CommandError(f"cannot save the model: {error}") from None


def _number_or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
