"""The work of ``mlcraft fit`` where the target holds classes: a logistic regression and a report on held-out rows."""

from __future__ import annotations

import time
import warnings as python_warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.columns import Column
from mlcraft.cli.compare import split_rows
from mlcraft.cli.encode import FittedEncoding, fit_encoder
from mlcraft.cli.errors import CommandError, listing, plural
from mlcraft.cli.evaluating import report_on, write_report
from mlcraft.cli.fitting import MIN_ROWS, MOST_CLASSES, FitOptions, save_table_model
from mlcraft.cli.tables import Table
from mlcraft.evaluation import Report
from mlcraft.linear_model import LogisticRegression


@dataclass(frozen=True, slots=True)
class ClassFit:
    """Everything the report shows."""

    options: FitOptions
    source: str
    n_rows: int
    n_columns: int
    target: str
    classes: tuple[str, ...]
    n_train: int
    n_test: int
    remarks: list[str]
    warnings: list[str]
    encoding: FittedEncoding
    estimator: LogisticRegression
    seconds: float
    report: Report


def fit_classes(table: Table, source: str, target: str, options: FitOptions) -> ClassFit:
    """Encode, split, fit and judge; write the report and the model where asked to."""
    column = table.column(target)
    usable = np.flatnonzero(~column.missing)
    remarks = list(table.remarks)
    if len(usable) < len(column):
        remarks.append(f"{plural(len(column) - len(usable), 'row')} without a value of '{target}' left out")
    y = _classes(column, usable)
    train, test = split_rows(usable, options.test_size, options.seed)
    encoding = fit_encoder(table, train, target=target, drop=options.drop, keep=options.keep, scale=True)
    if encoding.matrix.shape[1] == 0:
        raise CommandError(f"no usable column is left to predict '{target}' from")
    if len(np.unique(y[train])) < 2:
        raise CommandError(f"the {len(train):,} training rows hold one class of '{target}'; try another --seed")
    known = np.isin(y[test], y[train])
    if not known.all():
        remarks.append(
            f"{plural(int((~known).sum()), 'held-out row')} of classes too rare for the training rows left out"
        )
        test = test[known]
    # classes that a column tells apart perfectly have no fit without a penalty: 0 stands for the usual one
    estimator = LogisticRegression(C=1.0 / (options.alpha or 1.0))
    start = time.perf_counter()
    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        estimator.fit(encoding.matrix, y[train])
    seconds = time.perf_counter() - start
    notes = [str(one.message) for one in caught]
    notes += encoding.encoder.transform(table, test)[1]
    report = report_on(estimator, encoding.encoder, table, test, y[test], (train, y[train]))
    write_report(report, options.report)
    if options.save is not None:
        info = {"target": target, "n_train": len(train), "n_test": len(test), "seed": options.seed}
        save_table_model(options.save, estimator, encoding.encoder, info)
    names = tuple(str(name) for name in estimator.classes_)
    return ClassFit(
        options,
        source,
        table.n_rows,
        len(table.columns),
        target,
        names,
        len(train),
        len(test),
        remarks,
        notes,
        encoding,
        estimator,
        seconds,
        report,
    )


def _classes(column: Column, usable: NDArray[np.intp]) -> NDArray[Any]:
    """Return the class of each row of the table, after looking whether they can be learnt."""
    if len(usable) < MIN_ROWS:
        raise CommandError(
            f"too few rows: only {len(usable)} with a value of '{column.name}', and {MIN_ROWS} are needed"
        )
    if column.kind == "text":
        y = np.array([*column.levels, ""])[column.codes]
    elif column.kind in ("number", "boolean"):
        whole = np.nan_to_num(column.values)
        y = whole.astype(bool if column.kind == "boolean" else np.int64)
        if column.kind == "number" and not np.array_equal(y, whole):
            raise CommandError(f"the target '{column.name}' holds numbers that are not whole; leave --classify out")
    else:
        raise CommandError(f"the target '{column.name}' holds neither classes nor numbers")
    found = np.unique(y[usable])
    if len(found) == 1:
        raise CommandError(
            f"the target '{column.name}' is constant ({found[0]} in every row); there is nothing to predict"
        )
    if len(found) > MOST_CLASSES:
        shown = listing(map(str, found), limit=3)
        raise CommandError(
            f"the target '{column.name}' holds {len(found):,} different values ({shown}); at most {MOST_CLASSES} "
            "classes can be told apart"
        )
    return y
