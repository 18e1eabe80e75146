"""The command as its users meet it: output, files, errors."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcraft.datasets import california_housing_path
from mlcraft.linear_model import LinearRegression, Ridge, RidgeClassifier
from mlcraft.model_file import load_model, save_model

pl = pytest.importorskip("polars")
pytest.importorskip("rich")
testing = pytest.importorskip("typer.testing")

from mlcraft.cli import compare, diagnose  # noqa: E402
from mlcraft.cli.app import app  # noqa: E402
from mlcraft.cli.compare import split_rows  # noqa: E402
from mlcraft.cli.encode import encoder_from_state  # noqa: E402
from mlcraft.cli.fitting import FitOptions, run_fit  # noqa: E402
from mlcraft.cli.predicting import run_predict  # noqa: E402
from mlcraft.cli.tables import read_table  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
HOUSING = str(california_housing_path())
RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are not tested here; do not wait for steady ones."""
    monkeypatch.setattr(compare, "_MAX_REPEATS", 2)


def shared(name: str) -> str:
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return str(path)


def call(*arguments: str, width: int = 100, text: str | None = None) -> Any:
    """Run a command in this process."""
    runner = testing.CliRunner()
    return runner.invoke(app, list(arguments), env={"COLUMNS": str(width)}, input=text, catch_exceptions=False)


def refused(*arguments: str, text: str | None = None) -> str:
    """Run a command that must end with exit code 2, one line of error and nothing else."""
    result = call(*arguments, text=text)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A table with one column of each kind, and its target."""
    n = 400
    size, income = RNG.normal(100, 20, n), RNG.normal(5, 1, n)
    kind = RNG.choice(["flat", "house", "villa"], n, p=[0.6, 0.3, 0.1])
    price = 3 * size + 10 * income + 50 * (kind == "villa") + RNG.normal(0, 5, n)
    day = np.datetime64("2021-03-01") + RNG.integers(0, 900, n)
    frame = pl.DataFrame(
        {
            "id": RNG.permutation(100 * n)[:n],
            "size": size,
            "income": [None if i % 17 == 0 else float(value) for i, value in enumerate(income)],
            "kind": kind,
            "sold": day,
            "garden": RNG.random(n) < 0.5,
            "price": price,
        }
    )
    frame.write_csv(tmp_path / "houses.csv")
    return tmp_path / "houses.csv"


# --- fit ------------------------------------------------------------------------------------------


def test_fit_without_data_uses_the_shipped_table() -> None:
    result = call("fit")
    assert result.exit_code == 0
    assert result.stderr == ""
    out = result.stdout
    assert "California housing, 1990 census (ships with mlcraft): 20,640 rows, 10 columns" in out
    assert "16,512 to fit, 4,128 held out (20 %, seed 0)" in out
    assert "total_bedrooms: 159 filled with median 436" in out
    assert "5 levels against baseline '<1H OCEAN'" in out
    assert re.search(r"^median_income +38,570 +608\.\d +37,377 to 39,763 +73,035", out, re.MULTILINE)
    assert re.search(r"^mlcraft +0\.6752 +66,695 +49,292 ", out, re.MULTILINE)
    assert re.search(r"^scikit-learn LinearRegression +0\.6752 +66,695 +49,292 ", out, re.MULTILINE)
    assert re.search(r"^mean of the training rows +-0\.0001 +117,040 +92,511", out, re.MULTILINE)
    assert "'longitude' and 'latitude' go together: variance inflation up to 20." in out
    assert "758 of 16,512 values (4.6 %) are exactly the largest, 500,001." in out
    assert "\x1b" not in out


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 300])
def test_every_width_shows_all_names_and_numbers(width: int) -> None:
    out = call("fit", width=width).stdout
    joined = re.sub(r"\s", "", out)
    for text in ("ocean_proximity=INLAND", "38,570", "-2,211,875", "0.6752"):
        assert text in joined or width < 60
    if width >= 60:
        assert max(map(len, out.splitlines())) <= width


def test_fit_says_what_it_did_to_each_kind_of_column(small: Path) -> None:
    out = call("fit", str(small), "--target", "price", width=200).stdout
    assert re.search(r"numbers +size, income as they are", out)
    assert re.search(r"true/false +garden as they are", out)
    assert re.search(r"missing +income: \d+ filled with median", out)
    assert re.search(r"categories +kind: 3 levels against baseline 'flat'", out)
    assert re.search(r"dates +sold: days since 2021-03-\d\d, month \(baseline \w+\), weekday", out)
    assert re.search(r"dropped +id: is an identifier", out)
    assert re.search(r"kind=villa +\d\d\.\d", out)


def test_drop_keep_seed_and_test_size(small: Path) -> None:
    data = str(small)
    out = call("fit", data, "-t", "price", "--drop", "size", "--drop", "sold", "--keep", "id").stdout
    assert re.search(r"dropped +size, sold: as you asked", out)
    assert re.search(r"numbers +id, income", out)
    out = call("fit", data, "-t", "price", "--test-size", "0.5", "--seed", "3").stdout
    assert "200 to fit, 200 held out (50 %, seed 3)" in out
    assert call("fit", data, "-t", "price", "--seed", "3").stdout != call("fit", data, "-t", "price").stdout


def test_ridge_scales_the_columns_and_leaves_intervals_out(small: Path) -> None:
    out = call("fit", str(small), "--target", "price", "--alpha", "10").stdout
    assert "ridge regression, alpha 10, columns scaled to sd 1 for the penalty" in out
    assert "95 % interval" not in out
    assert "scikit-learn Ridge" in out
    # the same in other units
    frame = pl.read_csv(small)
    frame.with_columns(pl.col("size") * 1000).write_csv(small.parent / "grams.csv")
    ours, theirs = (run_fit(FitOptions(str(path), "price", alpha=10.0)) for path in (small, small.parent / "grams.csv"))
    assert ours.comparison.scores.r2 == pytest.approx(theirs.comparison.scores.r2, abs=1e-12)
    value = {line.name: line.value for line in ours.coefficients}["size"]
    assert value == pytest.approx(1000 * {line.name: line.value for line in theirs.coefficients}["size"])


def test_long_lists_are_cut_unless_all_is_asked_for() -> None:
    data = shared("diamonds")
    short, long = (call("fit", data, "-t", "price", *extra).stdout for extra in ([], ["--all"]))
    assert "3 more with smaller effects; --all shows them" in short
    assert "more with smaller effects" not in long
    assert long.count("=") == short.count("=") + 2  # cut=Premium and cut=Very Good; y has no equals sign


@pytest.mark.parametrize(
    ("name", "target", "r2"),
    [
        ("mpg", "mpg", 0.8),
        ("nyc_taxis", "fare", 0.99),
        ("ames_housing", "price", 0.85),
        ("diamonds", "price", 0.91),
    ],
)
def test_real_tables(name: str, target: str, r2: float) -> None:
    result = run_fit(FitOptions(shared(name), target))
    assert result.comparison.scores.r2 > r2
    assert result.comparison.largest_difference < 1e-6 * np.std(result.values)
    assert result.comparison.reference_scores.r2 == pytest.approx(result.comparison.scores.r2, abs=1e-6)


def test_numbers_agree_with_a_plain_computation() -> None:
    """Coefficients and standard errors against statsmodels on an encoding made by hand."""
    statsmodels = pytest.importorskip("statsmodels.api")
    result = run_fit(FitOptions(shared("mpg"), "mpg"))
    frame = pl.read_parquet(shared("mpg"))
    train, test = split_rows(np.arange(frame.height), 0.2, 0)
    power = frame["horsepower"].fill_null(float("nan")).to_numpy().copy()
    hole = np.isnan(power)
    power[hole] = np.nanmedian(power[train])
    columns = {name: frame[name].to_numpy().astype(float) for name in frame.columns if name not in ("name", "origin")}
    columns |= {"horsepower": power, "horsepower missing": hole.astype(float)}
    columns |= {f"origin={level}": (frame["origin"] == level).to_numpy().astype(float) for level in ("europe", "japan")}
    y = columns.pop("mpg")
    matrix = statsmodels.add_constant(np.column_stack(list(columns.values())))
    fit = statsmodels.OLS(y[train], matrix[train]).fit(cov_type="HC3", use_t=True)
    names = ["(intercept)", *columns]
    lines = {line.name: line for line in [*result.coefficients, result.intercept]}
    assert set(names) == set(lines)
    for name, value, error, spread in zip(names, fit.params, fit.bse, matrix[train].std(axis=0), strict=True):
        assert lines[name].value == pytest.approx(value, rel=1e-8)
        assert lines[name].error == pytest.approx(error, rel=1e-8)
        assert lines[name].effect == pytest.approx(value * spread, rel=1e-8, abs=1e-12)
    residual = y[test] - fit.predict(matrix[test])
    assert result.comparison.scores.rmse == pytest.approx(np.sqrt(np.mean(residual**2)))
    assert result.comparison.scores.mae == pytest.approx(np.mean(np.abs(residual)))
    assert result.comparison.scores.r2 == pytest.approx(1 - np.mean(residual**2) / np.var(y[test]))


def test_it_says_when_scikit_learn_loses_a_column() -> None:
    result = call("fit", "--target", "median_income", width=300)
    assert "scikit-learn's default tol ignored 2 columns of small scale" in result.stdout


# --- doubts ---------------------------------------------------------------------------------------


def findings_of(folder: Path, columns: dict[str, Any], **options: Any) -> str:
    pl.DataFrame(columns).write_parquet(folder / "doubt.parquet")
    result = run_fit(FitOptions(str(folder / "doubt.parquet"), "y", **options))
    return "\n".join(f"{finding.what} {finding.advice}" for finding in result.findings)


def test_a_sound_fit_raises_no_doubt(tmp_path: Path) -> None:
    x, z, noise = RNG.normal(size=(3, 1000))
    assert findings_of(tmp_path, {"x": x, "z": z, "y": x + 2 * z + noise}) == ""


def test_doubts(tmp_path: Path) -> None:
    x, z, noise = RNG.normal(size=(3, 1000))
    y = x + 2 * z + noise
    far = x.copy()
    far[17] = 1e4
    time = np.datetime64("2020-01-01") + np.arange(1000)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("'x', 'z' and 'w' determine each other exactly.", {"x": x, "z": z, "w": x - z, "y": y}),
        ("such as --drop 'w'", {"x": x, "z": z, "w": x - z, "y": y}),
        ("'x' and 'w' go together: variance inflation up to", {"x": x, "w": x + 1e-3 * z, "y": y}),
        ("row 18 (leverage 1.00, far out in 'x')", {"x": far, "z": z, "y": y}),
        ("The target is cut off", {"x": x, "z": z, "y": np.minimum(y, 1.0)}),
        ("exactly the smallest, -1.", {"x": x, "z": z, "y": np.maximum(y, -1.0)}),
        ("The target has two values only, 0 and 1.", {"x": x, "y": (y > 0) * 1.0}),
        ("Errors are lopsided: the large ones lie above", {"x": x, "y": np.exp(2 * noise) + x}),
        ("Errors grow with the prediction", {"x": x, "y": x + noise * np.maximum(x + 1, 0)}),
        ("Is the target computed from 'x'", {"x": x, "z": z, "y": 2 * x + 1e-3 * noise}),
        ("predicted worse than by the mean", {"x": x**3, "y": np.abs(x) * 0 + RNG.standard_cauchy(1000)}),
        ("held-out predictions are negative", {"x": x, "y": np.exp(x)}),
        ("The rows follow each other in time ('t')", {"t": time, "x": x, "y": y}),
    ]
    for expected, columns in cases:
        assert expected in findings_of(tmp_path, columns), expected


def test_doubts_of_small_tables(tmp_path: Path) -> None:
    wide = {f"x{i}": RNG.normal(size=40) for i in range(12)}
    found = findings_of(tmp_path, {**wide, "y": RNG.normal(size=40)})
    assert "Few rows: 2.5 for each of 13 coefficients" in found
    assert "Only 8 rows are held out." in found
    wide = {f"x{i}": RNG.normal(size=40) for i in range(60)}
    found = findings_of(tmp_path, {**wide, "y": RNG.normal(size=40)})
    assert "61 coefficients from 32 rows: the training rows are fitted exactly." in found
    assert "determine each other" not in found


def test_the_design_against_textbook_formulas() -> None:
    x = RNG.normal(size=(50, 4)) * [1, 10, 0.1, 5] + [100, 0, 3, -7]
    design = diagnose.study_design(x)
    assert design is not None
    with_constant = np.column_stack([np.ones(50), x])
    hat = with_constant @ np.linalg.pinv(with_constant)
    np.testing.assert_allclose(design.leverages, hat.diagonal(), rtol=1e-9)
    for j in range(4):
        others = np.column_stack([np.ones(50), np.delete(x, j, axis=1)])
        residual = x[:, j] - others @ np.linalg.lstsq(others, x[:, j], rcond=None)[0]
        assert design.inflation[j] == pytest.approx(x[:, j].var() * 50 / (residual @ residual))


def test_intervals_are_those_of_statsmodels(small: Path) -> None:
    api = pytest.importorskip("statsmodels.api")
    result = run_fit(FitOptions(str(small), "price"))
    table = read_table(str(small))
    train, _ = split_rows(np.flatnonzero(~table.columns["price"].missing), 0.2, 0)
    design = api.add_constant(result.encoding.matrix)
    expected = api.OLS(table.columns["price"].values[train], design).fit(cov_type="HC3", use_t=True)
    lines = {line.name: line for line in result.coefficients}
    for index, name in enumerate(result.encoding.encoder.names):
        line, bounds = lines[name], expected.conf_int()[index + 1]
        np.testing.assert_allclose([line.error, line.lower, line.upper], [expected.bse[index + 1], *bounds], rtol=1e-8)
    np.testing.assert_allclose(result.intercept.error, expected.bse[0], rtol=1e-8)


def test_intervals_show_where_they_fit_and_not_for_dependent_columns(small: Path, tmp_path: Path) -> None:
    for width, shown in ((60, []), (80, ["95 % interval"]), (120, ["95 % interval", "std. error"])):
        out = call("fit", str(small), "--target", "price", width=width).stdout
        assert [name for name in ("95 % interval", "std. error") if name in out] == shown
        assert ("HC3" in out) == bool(shown)
    x = RNG.normal(size=60)
    pl.DataFrame({"a": x, "b": 2 * x, "c": RNG.normal(size=60), "y": x + RNG.normal(size=60)}).write_csv(
        tmp_path / "d.csv"
    )
    found = {line.name: line for line in run_fit(FitOptions(str(tmp_path / "d.csv"), "y")).coefficients}
    assert np.isnan(found["a"].error)
    assert found["c"].lower < found["c"].value < found["c"].upper
    alone = [1.0, *[0.0] * 59]  # a row of its own is fitted exactly
    pl.DataFrame({"alone": alone, "c": x, "y": x + RNG.normal(size=60)}).write_csv(tmp_path / "e.csv")
    assert np.isfinite([line.error for line in run_fit(FitOptions(str(tmp_path / "e.csv"), "y")).coefficients]).all()


# --- save and predict -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "target", "alpha"),
    [
        ("california", "median_house_value", 0.0),
        ("california", "median_house_value", 3.0),
        ("nyc_taxis", "fare", 0.0),
        ("ames_housing", "price", 5.0),
        ("mpg", "mpg", 0.0),
    ],
)
def test_the_saved_model_predicts_the_same_bits(name: str, target: str, alpha: float, tmp_path: Path) -> None:
    data = HOUSING if name == "california" else shared(name)
    model = str(tmp_path / "m.mlc")
    fitted = run_fit(FitOptions(data, target, alpha=alpha, save=model))
    table = read_table(data)
    usable = np.flatnonzero(~table.columns[target].missing)
    train, _ = split_rows(usable, 0.2, 0)
    in_memory = fitted.comparison.estimator.predict(fitted.encoding.matrix)
    predicted = run_predict(model, data)
    np.testing.assert_array_equal(predicted.values[train], in_memory)
    result = call("predict", model, data)
    assert result.exit_code == 0
    first, *lines = result.stdout.splitlines()
    assert first == "prediction"
    np.testing.assert_array_equal(np.array(lines, dtype=float), predicted.values)
    assert f"the table holds '{target}' too" in result.stderr


def test_predict_takes_columns_by_name_from_any_format(small: Path) -> None:
    model = str(small.parent / "m.mlc")
    assert f"Saved {model}" in call("fit", str(small), "-t", "price", "--save", model, width=300).stdout
    expected = call("predict", model, str(small)).stdout
    frame = pl.read_csv(small, try_parse_dates=True)
    other = frame.select(sorted(frame.columns)).drop("price", "id").with_columns(extra=pl.lit("x"))
    other.write_parquet(small.parent / "other.parquet")
    other.write_csv(small.parent / "other.tsv", separator="\t")
    (small.parent / "other.csv.gz").write_bytes(gzip.compress(other.write_csv().encode()))
    for name in ("other.parquet", "other.tsv", "other.csv.gz"):
        result = call("predict", model, str(small.parent / name))
        assert result.stdout == expected
        assert result.stderr == ""
    result = call("predict", model, "-", text=other.write_csv())
    assert result.stdout == expected


def test_predict_to_a_file(small: Path) -> None:
    model, out = str(small.parent / "m.mlc"), small.parent / "out.csv"
    call("fit", str(small), "-t", "price", "--save", model)
    result = call("predict", model, str(small), "--out", str(out))
    assert result.stdout == ""
    assert "400 predictions written to" in result.stderr
    assert out.read_text() == call("predict", model, str(small)).stdout


def test_predict_reports_what_is_new(small: Path) -> None:
    model = str(small.parent / "m.mlc")
    call("fit", str(small), "-t", "price", "--save", model)
    frame = pl.read_csv(small).drop("price").head(6)
    frame = frame.with_columns(kind=pl.Series(["castle", "flat", "castle", "tent", None, "villa"]))
    frame = frame.with_columns(size=pl.Series([None, 1.0, 2.0, 3.0, 4.0, 5.0]))
    frame.write_csv(small.parent / "new.csv")
    result = call("predict", model, str(small.parent / "new.csv"))
    assert len(result.stdout.splitlines()) == 7
    assert "nan" not in result.stdout
    assert "kind: 3 rows hold levels unseen when the model was fitted ('castle' and 'tent')" in result.stderr
    assert "kind: 1 missing, never when the model was fitted" in result.stderr
    assert "size: 1 missing, never when the model was fitted; filled with the median" in result.stderr


def test_predict_no_rows(small: Path) -> None:
    model = str(small.parent / "m.mlc")
    call("fit", str(small), "-t", "price", "--save", model)
    (small.parent / "none.csv").write_text(small.read_text().splitlines()[0] + "\n")
    assert call("predict", model, str(small.parent / "none.csv")).stdout == "prediction\n"


def test_predict_with_an_estimator_saved_in_python(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": RNG.normal(size=30), "b": RNG.normal(size=30)})
    y = frame["a"] - frame["b"]
    estimator = LinearRegression().fit(frame, y)
    save_model(tmp_path / "m.mlc", estimator)
    frame[["b", "a"]].to_csv(tmp_path / "t.csv", index=False)
    lines = call("predict", str(tmp_path / "m.mlc"), str(tmp_path / "t.csv")).stdout.splitlines()
    np.testing.assert_allclose(np.array(lines[1:], dtype=float), estimator.predict(frame), rtol=1e-14)
    frame.loc[3, "b"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert "column 'b' has no number in row 4" in refused("predict", str(tmp_path / "m.mlc"), str(tmp_path / "t.csv"))


def test_the_model_file_is_readable_in_python(small: Path) -> None:
    model = str(small.parent / "m.mlc")
    call("fit", str(small), "-t", "price", "--save", model)
    loaded = load_model(model)
    assert loaded.info["target"] == "price"
    assert loaded.info["n_train"] == 320
    assert isinstance(loaded.estimator, LinearRegression)
    assert encoder_from_state(loaded.encoder).target == "price"
    assert json.loads(json.dumps(loaded.encoder)) == loaded.encoder


# --- errors ---------------------------------------------------------------------------------------


def csv(folder: Path, text: str) -> str:
    (folder / "t.csv").write_text(text)
    return str(folder / "t.csv")


def test_errors_about_the_table(tmp_path: Path) -> None:
    numbers = "".join(f"{i * i % 17},{i}\n" for i in range(40))
    assert "there is no file 'none.csv'" in refused("fit", "none.csv", "-t", "a")
    assert "is a folder, not a file" in refused("fit", str(tmp_path), "-t", "a")
    (tmp_path / "t.bin").write_bytes(bytes(range(256)))
    assert "not a text file" in refused("fit", str(tmp_path / "t.bin"), "-t", "a")
    data = csv(tmp_path, "Price,size\n" + numbers)
    assert "there is no column 'prise'; did you mean 'Price'?" in refused("fit", data, "-t", "prise")
    assert "the columns are 'Price' and 'size'" in refused("fit", data, "-t", "zzz")
    assert "say which column to predict with --target; there are 'Price' and 'size'" in refused("fit", data)
    assert "--drop: there is no column 'siz'; did you mean 'size'?" in refused(
        "fit", data, "-t", "Price", "--drop", "siz"
    )
    assert "'Price' is the target" in refused("fit", data, "-t", "Price", "--drop", "Price")
    assert "no usable column is left" in refused("fit", data, "-t", "Price", "--drop", "size")
    assert "too few rows: only 4" in refused("fit", csv(tmp_path, "a,b\n1,2\n2,1\n3,5\n4,4\n"), "-t", "a")
    assert "is empty: no row has a value" in refused("fit", csv(tmp_path, "a,b\n,2\n,1\n"), "-t", "a")
    assert "is empty" in refused("fit", "-", "-t", "a", text="")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["5"] * 40, "the target 'y' is constant (5 in every row)"),
        (
            [f"word {i}" for i in range(60)],
            "holds text (60 different texts: 'word 0', 'word 1', 'word 10' and 57 more); mlcraft fit predicts numbers",
        ),
        (
            [str(i) for i in range(39)] + ["12O"],
            "must hold numbers, but 1 of 40 values is not a number: '12O'",
        ),
        ([f"2020-01-{i % 28 + 1:02}" for i in range(40)], "the target 'y' holds dates"),
        (["1e200", "-1e200"] * 20, "too large to square"),
    ],
)
def test_errors_about_the_target(cells: list[str], message: str, tmp_path: Path) -> None:
    data = csv(tmp_path, "x,y\n" + "".join(f"{i % 9},{cell}\n" for i, cell in enumerate(cells)))
    assert message in refused("fit", data, "--target", "y")


def test_no_usable_column(tmp_path: Path) -> None:
    data = csv(tmp_path, "y,name,c\n" + "".join(f"{i * i % 17},name{i},7\n" for i in range(40)))
    message = refused("fit", data, "--target", "y")
    assert "no usable column is left to predict 'y' from ('name' has 32 different texts in 32 rows; 'c' is" in message


def test_errors_about_model_files(small: Path) -> None:
    folder, data = small.parent, str(small)
    model = folder / "m.mlc"
    assert "there is no model file 'none.mlc'; make one with" in refused("predict", "none.mlc", data)
    call("fit", data, "-t", "price", "--save", str(model))
    content = model.read_bytes()
    model.write_bytes(content[:-40])
    assert "damaged model file (wrong checksum)" in refused("predict", str(model), data)
    model.write_bytes(content[:8] + b"\x09\0\0\0" + content[12:])
    assert "was written by a newer mlcraft (format 9, this one reads 1)" in refused("predict", str(model), data)
    assert "is not an mlcraft model file" in refused("predict", data, data)
    model.write_bytes(content)
    assert "lacks 5 columns the model needs: 'size'" in refused("predict", str(model), HOUSING)
    pl.read_csv(small).with_columns(size=pl.lit("big")).write_csv(folder / "bad.csv")
    assert "column 'size' should hold numbers, but 400 of 400 values are not a number: 'big'" in refused(
        "predict", str(model), str(folder / "bad.csv")
    )
    x = RNG.normal(size=(30, 2))
    for estimator, message in [
        (Ridge().fit(x, x[:, 0]), "knows no column names"),
        (RidgeClassifier().fit(x, x[:, 0] > 0), "for classes or several targets"),
        (Ridge().fit(x, x), "for classes or several targets"),
    ]:
        save_model(model, estimator)
        assert message in refused("predict", str(model), data)


def test_errors_about_outputs(small: Path) -> None:
    folder, data = small.parent, str(small)
    missing, model = str(folder / "no" / "m.mlc"), str(folder / "m.mlc")
    assert "there is no folder" in refused("fit", data, "-t", "price", "--save", missing)
    assert "it is a folder; add a file name" in refused("fit", data, "-t", "price", "--save", str(folder))
    call("fit", data, "-t", "price", "--save", model)
    assert "there is no folder" in refused("predict", model, data, "--out", missing)
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        folder.chmod(0o500)
        assert "is not writable" in refused("fit", data, "-t", "price", "--save", model)
        folder.chmod(0o700)


@pytest.mark.parametrize("arguments", [["--alpha", "-1"], ["--test-size", "1"], ["--seed", "x"], ["--nonsense"]])
def test_wrong_options_end_with_2(arguments: list[str]) -> None:
    assert call("fit", *arguments).exit_code == 2


def test_a_table_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    rows = "".join(f"{i * i % 17},{i % 7},{'ab'[i % 2]}\x1b[31m\n" for i in range(60))
    data = csv(tmp_path, "y,evil\x1b]0;title\x07,[bold]c[/bold]\n" + rows)
    result = call("fit", data, "--target", "y")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert re.search(r"^\[bold\]c\[/bold\]=[ab]\?\[31m", result.stdout, re.MULTILINE)
    assert "\x1b" not in refused("fit", data, "--target", "\x1b[31m")


# --- the process ----------------------------------------------------------------------------------


def run_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from mlcraft.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **options)


def test_version_and_help() -> None:
    assert re.fullmatch(r"mlcraft (\d+\.\S+|\(not installed\))\n", call("--version").stdout)
    assert "fit" in call("--help").stdout
    for command in ("fit", "predict"):
        out = call(command, "--help", width=80).stdout
        assert "Example: mlcraft" in out
        assert max(map(len, out.splitlines())) <= 80


def test_a_pipe_gets_plain_text_and_an_error_code(tmp_path: Path) -> None:
    data = csv(tmp_path, "y,x\n" + "".join(f"{i * i % 17},{i % 7}\n" for i in range(60)))
    plain = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "FORCE_COLOR")}
    result = run_process("fit", data, "-t", "y", "--save", str(tmp_path / "m.mlc"), env=plain)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    assert b"\x1b" not in result.stdout
    result = run_process("fit", data, "-t", "nothing", env=plain)
    assert result.returncode == 2
    assert result.stdout == b""
    assert result.stderr.startswith(b"error: --target: there is no column 'nothing'")
    assert b"Traceback" not in result.stderr


def test_an_ascii_terminal_gets_question_marks_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("größe,y\n" + "".join(f"{i % 7},{i * i % 17}\n" for i in range(60)), "utf-8")
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = run_process("fit", str(tmp_path / "t.csv"), "-t", "y", env=environment)
    assert result.returncode == 0, result.stderr
    assert b"gr??e" in result.stdout or b"gr?" in result.stdout


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    model = str(tmp_path / "m.mlc")
    call("fit", "--save", model)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from mlcraft.cli import main; main()", "predict", model, HOUSING]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert result.returncode == 0
    assert result.stderr == b""


def test_without_its_packages_the_command_gives_a_hint() -> None:
    code = (
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'typer', 'rich'}: raise ModuleNotFoundError(name)\n"
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "hidden = {'typer', 'rich'}\n"
        "u.find_spec = lambda name, package=None: None if name in hidden else real(name, package)\n"
        "sys.meta_path.insert(0, Hide())\n"
        "from mlcraft.cli import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr == "The mlcraft command needs typer, rich: pip install 'mlcraft[cli]'\n"
    assert result.stdout == ""
