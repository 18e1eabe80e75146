"""The commands and their options; `mlcraft.cli.fitting` does the work, `mlcraft.cli.report` prints."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Annotated, Any

import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from mlcraft.cli.errors import CommandError
from mlcraft.cli.fitting import FitOptions, FitResult, check_writable, run_fit
from mlcraft.cli.predicting import Prediction, run_predict
from mlcraft.cli.report import number, print_classes, print_fit, print_report, printable

_LEAST_WIDTH = 52  # narrower tables would lose their numbers; the terminal may wrap instead

app = typer.Typer(
    name="mlcraft",
    help="Fit a linear model to a table, see how good it is and where not to trust it, and predict with it.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        try:
            version = metadata.version("mlcraft")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        typer.echo(f"mlcraft {version}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    del version


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn an error the user can mend into one message and exit code 2."""
    try:
        yield
    except CommandError as error:
        _complain("error", str(error), "bold red")
        raise typer.Exit(2) from None
    except MemoryError:
        _complain("error", "not enough memory for this table; use fewer rows or --drop columns", "bold red")
        raise typer.Exit(2) from None
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep Python from complaining when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def _complain(label: str, message: str, style: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text.assemble((f"{label}: ", style), printable(message)))


@app.command(
    help=(
        "Fit a linear model to a table and report on it.\n\n"
        "Text becomes 0/1 columns, dates become days and seasons, missing values are filled; the report says"
        " what was done, what each column adds, how good the fit is on rows it has not seen, and where not to"
        " trust it."
    ),
    epilog="Example: mlcraft fit houses.csv --target price --drop id --save houses.mlc",
    short_help="Fit a linear model to a table and report on it.",
)
def fit(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="CSV or Parquet file, also .gz; - is standard input. Without it: California house prices.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="The column to predict.", show_default=False),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(min=0.0, metavar="A", help="Strength of the ridge penalty; 0 is ordinary least squares."),
    ] = 0.0,
    test_size: Annotated[
        float, typer.Option(min=0.01, max=0.9, metavar="SHARE", help="Share of the rows to hold out.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the random split.")] = 0,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="COLUMN", help="Leave a column out; may be repeated.", show_default=False),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="COLUMN",
            help="Use a column even if it looks like a row number or identifier; may be repeated.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option("--save", metavar="MODEL.mlc", help="Write the model to a file.", show_default=False),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(metavar="FILE.html", help="Write a report on the held-out rows.", show_default=False),
    ] = None,
    classify: Annotated[
        bool, typer.Option("--classify", help="Take the numbers of the target for classes; text always is.")
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Show everything: long lists are cut otherwise.")] = False,
) -> None:
    """Run ``mlcraft fit``."""
    with _plain_errors():
        options = FitOptions(data, target, alpha, test_size, seed, drop or (), keep or (), save, report, classify)
        result = run_fit(options)
        console = Console(highlight=False)
        console.width = max(console.width, _LEAST_WIDTH)
        if isinstance(result, FitResult):
            print_fit(console, result, show_all=show_all)
        else:
            print_classes(console, result, show_all=show_all)


@app.command(
    help=(
        "Report how good a saved model is on the rows of a table, with intervals.\n\n"
        "Metrics, baselines on the same rows, calibration, thresholds, weak parts of the table, worst errors, and what"
        " cannot be concluded; as a page with --report. The rows must not be those of the fit."
    ),
    epilog="Example: mlcraft evaluate houses.mlc new_houses.csv --report report.html",
    short_help="Report how good a saved model is on a table.",
)
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL.mlc", help="A file written by mlcraft fit --save.")],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A table with the columns of the fit and the target; - is stdin.")
    ],
    report: Annotated[
        str | None, typer.Option(metavar="FILE.html", help="Write the report as a page.", show_default=False)
    ] = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE.json", help="Write the report as JSON.", show_default=False)
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="If not that of the fit.", show_default=False),
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", metavar="COLUMN", help="Look at its parts; may be repeated.", show_default=False),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="COLUMN", help="Rows that go together: a patient, a day.", show_default=False),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="COLUMN", help="How much each row counts.", show_default=False),
    ] = None,
    level: Annotated[float, typer.Option(metavar="L", help="Confidence level of the intervals.")] = 0.95,
) -> None:
    """Run ``mlcraft evaluate``."""
    with _plain_errors():
        from mlcraft.cli.evaluating import EvaluateOptions, run_evaluate

        options = EvaluateOptions(model, data, target, slices or (), groups, weights, level, report, json)
        found, remarks = run_evaluate(options)
        for remark in remarks:
            _complain("note", remark, "yellow")
        console = Console(highlight=False)
        console.width = max(console.width, _LEAST_WIDTH)
        print_report(console, found)
        for path in (report, json):
            if path is not None:
                _complain("done", f"report written to {path}", "green")


@app.command(
    help=(
        "Predict the rows of a table with a saved model.\n\n"
        "The predictions go to standard output as CSV with the column 'prediction', one line for each row of"
        " DATA in its order. Remarks go to standard error. Columns the model does not know are ignored."
    ),
    epilog="Example: mlcraft predict houses.mlc new_houses.csv --out prices.csv",
    short_help="Predict the rows of a table with a saved model.",
)
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL.mlc", help="A file written by mlcraft fit --save.")],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A table with the columns of the fit; - is standard input.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE.csv",
            help="Write here instead of to the terminal.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run ``mlcraft predict``."""
    with _plain_errors():
        if out is not None:
            check_writable(out)
        prediction = run_predict(model, data)
        text = _to_csv(prediction.values)
        if out is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write(out, text)
        _remark(prediction, out)


@app.command(
    help=(
        "Race the solvers on a table: which one comes within a gap of the optimum first?\n\n"
        "The target says which problem it is: numbers make it least squares, two values logistic regression, more texts"
        " multinomial regression. Columns are encoded as by mlcraft fit and brought to unit standard deviation. The"
        " optimum and every gap are worked out in NumPy, apart from all solvers."
    ),
    epilog="Example: mlcraft bench houses.csv --target price --figure race.png",
    short_help="Race the solvers on a table.",
)
def bench(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="CSV or Parquet file, also .gz; - is standard input. Without it: California house prices.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="COLUMN", help="The column to predict.", show_default=False),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="LOSS",
            help="squared, logistic, multinomial, squared_hinge or poisson; else what suits the target.",
            show_default=False,
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            min=0.0, metavar="A", help="Strength of the L2 penalty; 1 / rows if not given.", show_default=False
        ),
    ] = None,
    solver: Annotated[
        list[str] | None,
        typer.Option(
            "--solver",
            "-s",
            metavar="NAME",
            help="A solver of mlcraft.solve, or scikit-learn; may be repeated. Without it: the usual ones.",
            show_default=False,
        ),
    ] = None,
    gap: Annotated[float, typer.Option(min=1e-12, max=0.5, metavar="G", help="The gap that is raced to.")] = 1e-6,
    seconds: Annotated[
        float, typer.Option(min=0.01, metavar="S", help="Time for each solver to come within the gap.")
    ] = 3.0,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="COLUMN", help="Leave a column out; may be repeated.", show_default=False),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="COLUMN",
            help="Use a column even if it looks like a row number or identifier; may be repeated.",
            show_default=False,
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(metavar="FILE.png", help="Draw gap against time (needs matplotlib).", show_default=False),
    ] = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE.json", help="Write everything measured.", show_default=False)
    ] = None,
) -> None:
    """Run ``mlcraft bench``."""
    with _plain_errors():
        from mlcraft.cli.bench import BenchOptions, run_bench
        from mlcraft.cli.bench_report import print_bench

        result = run_bench(
            BenchOptions(data, target, loss, alpha, solver or (), gap, seconds, drop or (), keep or (), figure, json)
        )
        console = Console(highlight=False)
        console.width = max(console.width, _LEAST_WIDTH)
        print_bench(console, result)


def _to_csv(values: NDArray[Any]) -> str:
    """One number a line, in the shortest form that reads back as the same number; or one class."""
    if values.dtype.kind in "UO":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([["prediction"], *([str(value)] for value in values)])
        return out.getvalue()
    return "\n".join(["prediction", *map(repr, values.tolist())]) + "\n"


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"cannot write '{path}': {error.strerror or error}") from None


def _remark(prediction: Prediction, out: str | None) -> None:
    for warning in prediction.warnings:
        _complain("note", warning, "yellow")
    if out is not None:
        _complain("done", f"{len(prediction.values):,} predictions written to {out}", "green")
    if prediction.scores is not None:
        scores = prediction.scores
        text = (
            f"the table holds '{prediction.target}' too: on {prediction.n_scored:,} rows R2 {scores.r2:.4f},"
            f" RMSE {number(scores.rmse)}, MAE {number(scores.mae)}"
        )
        _complain("note", text, "cyan")
