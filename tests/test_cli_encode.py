"""From a table to a matrix: reading, kinds of columns, encoding, and its way through JSON."""

from __future__ import annotations

import gzip
import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcraft.cli import tables
from mlcraft.cli.columns import Column, text_column
from mlcraft.cli.encode import FittedEncoding, encoder_from_state, fit_encoder
from mlcraft.cli.errors import CommandError
from mlcraft.cli.plans import date_part
from mlcraft.cli.tables import Table, read_table
from mlcraft.datasets import california_housing_path, load_california_housing
from mlcraft.model_file import ModelFileError

pl = pytest.importorskip("polars")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared(name: str) -> Path:
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def table_of(folder: Path, text: str | bytes, name: str = "t.csv", **options: Any) -> Table:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_table(path, **options)


def table_from(**columns: Any) -> Table:
    made = {name: tables._from_polars(pl.Series(name, values), name, None) for name, values in columns.items()}
    return Table(made, len(next(iter(made.values()))))


def encode(table: Table, target: str = "y", **options: Any) -> FittedEncoding:
    return fit_encoder(table, np.arange(table.n_rows), target=target, **options)


def said(encoding: FittedEncoding, topic: str, column: str) -> str:
    texts = [notice.text for notice in encoding.notices if (notice.topic, notice.column) == (topic, column)]
    assert len(texts) == 1, encoding.notices
    return texts[0]


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", " 2.5", "-3e2 ", "NA"], "number", [1, 2.5, -300, np.nan]),
        (["1", "", "?", "NaN"], "number", [1, np.nan, np.nan, np.nan]),
        (["1", "2", "-", "unknown"], "number", [1, 2, np.nan, np.nan]),
        (["1", "inf", "-Infinity", "2"], "number", [1, np.nan, np.nan, 2]),
        (["true", "FALSE", "True", ""], "boolean", [1, 0, 1, np.nan]),
        (["1970-01-02", "1970-01-02 12:00", "1970/1/3", "NA"], "date", [1, 1.5, 2, np.nan]),
        (["1970-01-02T01:00:00+01:00", "1970-01-02T06:00:00Z", "", ""], "date", [1, 1.25, np.nan, np.nan]),
        (["", "", "", ""], "number", [np.nan] * 4),
    ],
)
def test_kinds_of_csv_columns(cells: list[str], kind: str, values: list[float], tmp_path: Path) -> None:
    table = table_of(tmp_path, "a,b\n" + "".join(f"{cell},1\n" for cell in cells))
    column = table.columns["a"]
    assert column.kind == kind
    np.testing.assert_allclose(column.values, values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cells", [["a", "b", "None", "1"], ["1", "1_000", "2", "3"], ["x", "1970-13-01", "", "y"]])
def test_text_stays_text(cells: list[str], tmp_path: Path) -> None:
    column = table_of(tmp_path, "a,b\n" + "".join(f"{cell},1\n" for cell in cells)).columns["a"]
    assert column.kind == "text"
    assert [column.levels[code] if code >= 0 else "" for code in column.codes] == cells


def test_other_dates_stay_text_with_a_hint(tmp_path: Path) -> None:
    column = table_of(tmp_path, "a,b\n31.12.2020,1\n1.1.2021,2\n").columns["a"]
    assert (column.kind, column.note) == ("text", "dates are read only as YYYY-MM-DD")


def test_a_column_of_nothing_is_read_as_any_kind(tmp_path: Path) -> None:
    for kind in ("number", "boolean", "date", "text"):
        expect: Any = {"a": kind}
        column = table_of(tmp_path, "a,b\n,1\nNA,2\n", expect=expect).columns["a"]
        assert (column.kind, column.missing.tolist()) == (kind, [True, True])


def test_a_nearly_numeric_column_says_what_is_wrong(tmp_path: Path) -> None:
    column = table_of(tmp_path, "a,b\n" + "1,1\n" * 50 + "12O,1\n").columns["a"]
    assert column.note == "1 of 51 values is not a number: '12O'"


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1.5,x\n2,y\n",
        "a;b\n1,5;x\n2;y\n",
        "a\tb\n1.5\tx\n2\ty\n",
        "a|b\n1.5|x\n2|y\n",
        '"a","b"\r\n"1.5","x"\r\n"2","y"\r\n',
        "\ufeffa,b\n1.5,x\n2,y\n",
        "a,b\n1.5,x\n,\n2,y\n\n",
    ],
)
def test_separators_quotes_and_empty_lines(text: str, tmp_path: Path) -> None:
    table = table_of(tmp_path, text)
    assert list(table.columns) == ["a", "b"]
    assert table.columns["a"].values.tolist() == [1.5, 2.0]
    assert table.columns["b"].levels == ("x", "y")


def test_encodings(tmp_path: Path) -> None:
    text = "straße,b\n1,ä\n2,ö\n"
    for encoding in ("utf-8", "utf-16", "latin-1"):
        table = table_of(tmp_path, text.encode(encoding))
        assert table.columns["straße"].values.tolist() == [1.0, 2.0]
        assert table.columns["b"].levels == ("ä", "ö")
        assert bool(table.remarks) == (encoding == "latin-1")


def test_unnamed_and_repeated_names(tmp_path: Path) -> None:
    table = table_of(tmp_path, ",a,a\n5,1,2\n7,3,4\n")
    assert list(table.columns) == ["column 1", "a", "a (2)"]
    assert table.columns["a (2)"].values.tolist() == [2.0, 4.0]
    assert "two columns are called 'a'" in table.remarks[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n1,2,3\n", "more fields than the first line"),
        (b'a,b\n"1,2\n', "quotation mark"),
        (b"1,2\n3,4\n", "holds numbers, not column names"),
        (b"PK\x03\x04rest", "zip archive or Excel"),
        (b"PAR1 and then nothing", "damaged or cut short"),
        (b"\x1f\x8b\x08 not gzip", "damaged gzip"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12], "damaged gzip"),
        (b"\x7fELF\0\0\0", "not a text file"),
        (b"\xff\xfea", "utf-16"),
    ],
)
def test_unreadable_files_say_why(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=message):
        table_of(tmp_path, content)


def test_csv_parquet_and_gz_give_the_same_columns(tmp_path: Path) -> None:
    frame = pl.read_parquet(shared("nyc_taxis")).head(500)
    frame.write_csv(tmp_path / "t.csv", null_value="NA")
    frame.write_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    first = read_table(tmp_path / "t.csv")
    for name in ("t.csv.gz", "t.parquet", "t.parquet.gz"):
        other = read_table(tmp_path / name)
        assert list(other.columns) == list(first.columns)
        for a, b in zip(first.columns.values(), other.columns.values(), strict=True):
            assert (a.kind, a.levels) == (b.kind, b.levels)
            np.testing.assert_array_equal(a.values, b.values)
            np.testing.assert_array_equal(a.codes, b.codes)


def typed_frame() -> Any:
    return pl.DataFrame(
        {
            "int": pl.Series([1, None, 3], dtype=pl.Int16),
            "float": [0.1, float("nan"), None],
            "bool": [True, None, False],
            "date": [date(1970, 1, 2), None, date(2000, 2, 29)],
            "time": [datetime(1970, 1, 1, 12), datetime(1970, 1, 2), None],
            "text": ["x", None, " y"],
            "numeric text": ["1", "2", None],
            "category": pl.Series(["u", "v", None], dtype=pl.Categorical),
            "nothing": pl.Series([None] * 3, dtype=pl.Null),
            "list": [[1], [2], None],
        }
    )


def test_kinds_of_parquet_columns(tmp_path: Path) -> None:
    typed_frame().write_parquet(tmp_path / "t.parquet")
    columns = read_table(tmp_path / "t.parquet").columns
    kinds = {name: column.kind for name, column in columns.items()}
    assert kinds == {
        "int": "number",
        "float": "number",
        "bool": "boolean",
        "date": "date",
        "time": "date",
        "text": "text",
        "numeric text": "number",
        "category": "text",
        "nothing": "number",
        "list": "unsupported",
    }
    np.testing.assert_array_equal(columns["int"].values, [1, np.nan, 3])
    np.testing.assert_array_equal(columns["date"].values, [1, np.nan, 11016])
    np.testing.assert_array_equal(columns["time"].values, [0.5, 1, np.nan])
    assert columns["text"].levels == ("x", "y")


def test_pyarrow_reads_parquet_as_polars_does(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    typed_frame().write_parquet(tmp_path / "t.parquet")
    broken = CommandError("broken")
    for path in (tmp_path / "t.parquet", shared("nyc_taxis"), shared("vic_elec"), shared("telco_churn")):
        ours, theirs = read_table(path), tables._read_parquet_with_pyarrow(path.read_bytes(), None, broken)
        assert list(ours.columns) == list(theirs.columns)
        for a, b in zip(ours.columns.values(), theirs.columns.values(), strict=True):
            assert (a.kind, a.levels, a.note) == (b.kind, b.levels, b.note)
            np.testing.assert_array_equal(a.values, b.values)
            np.testing.assert_array_equal(a.codes, b.codes)
    with pytest.raises(CommandError, match="broken"):
        tables._read_parquet_with_pyarrow(b"PAR1PAR1", None, broken)


def test_expected_kinds_bend_what_can_be_bent(tmp_path: Path) -> None:
    text = "code,flag,when,size,extra\n1,1,2020-01-01,NA,z\n2,0,2020-01-02,NA,z\n"
    expect: Any = {"code": "text", "flag": "boolean", "when": "date", "size": "date"}
    columns = table_of(tmp_path, text, expect=expect).columns
    assert columns["code"].levels == ("1", "2")
    assert columns["flag"].values.tolist() == [1.0, 0.0]
    assert columns["when"].values.tolist() == [18262.0, 18263.0]
    assert np.isnan(columns["size"].values).all()
    assert "extra" not in columns
    pl.DataFrame({"code": [1, 2], "flag": [1, 0], "when": [True, False]}).write_parquet(tmp_path / "t.parquet")
    columns = read_table(tmp_path / "t.parquet", {"code": "text", "flag": "text", "when": "text"}).columns
    assert columns["code"].levels == ("1", "2")
    assert columns["when"].levels == ("false", "true")
    for kind, message in (
        ("number", "should hold numbers, but 1 of 1"),
        ("date", "should hold dates"),
        ("boolean", "1 of 1 values is not true or false"),
    ):
        with pytest.raises(CommandError, match=message):
            table_of(tmp_path, "a,b\nx,1\n", expect={"a": kind})
    pl.DataFrame({"a": [date(2020, 1, 1)]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(CommandError, match="should hold numbers, but it holds dates"):
        read_table(tmp_path / "t.parquet", {"a": "number"})


def test_levels_that_become_equal_are_merged() -> None:
    codes = np.array([0, 1, 2, 3, -1], dtype=np.int32)
    column = text_column("c", codes, ["b", " b", "a ", "null"])
    assert column.levels == ("a", "b")
    assert column.codes.tolist() == [1, 1, 0, -1, -1]


def test_the_shipped_data_is_what_the_loader_reads() -> None:
    housing, table = load_california_housing(), read_table(california_housing_path())
    assert list(housing) == list(table.columns)
    assert california_housing_path().stat().st_size < 1_000_000
    for name, column in table.columns.items():
        if column.kind == "text":
            assert [column.levels[code] for code in column.codes] == housing[name].tolist()
        else:
            np.testing.assert_array_equal(column.values, housing[name])
    assert np.isnan(housing["total_bedrooms"]).sum() == 207
    original = read_table(shared("california_housing"))
    for name, column in table.columns.items():
        np.testing.assert_array_equal(column.values, original.columns[name].values)
        np.testing.assert_array_equal(column.codes, original.columns[name].codes)


# --- encoding -------------------------------------------------------------------------------------

N = 200
Y = np.arange(N) % 7 + 0.5


def test_missing_numbers_get_the_median_and_a_mark() -> None:
    values = np.array([1.0, 3.0, np.nan, 10.0] * (N // 4))
    encoding = encode(table_from(y=Y, a=values))
    assert encoding.encoder.names == ("a", "a missing")
    assert encoding.matrix[:4].tolist() == [[1, 0], [3, 0], [3, 1], [10, 0]]
    assert said(encoding, "missing", "a") == "50 filled with median 3"


def test_the_median_comes_from_the_training_rows_only() -> None:
    values = np.array([1.0] * 50 + [2.0] * 50 + [1000.0] * 99 + [np.nan])
    train = np.arange(100)
    table = table_from(y=Y, a=values)
    encoding = fit_encoder(table, train, target="y")
    assert encoding.encoder.names == ("a",)
    matrix, warnings = encoding.encoder.transform(table, np.array([199]))
    assert matrix.tolist() == [[1.5]]
    assert warnings == ["a: 1 missing, never when the model was fitted; filled with the median of that time"]


def test_booleans_become_zero_and_one() -> None:
    encoding = encode(table_from(y=Y, a=[True, False, True, None] * (N // 4)))
    assert encoding.encoder.names == ("a", "a missing")
    assert encoding.matrix[:4].tolist() == [[1, 0], [0, 0], [1, 0], [1, 1]]


def test_categories_with_baseline_pool_missing_and_unseen() -> None:
    levels = ["often"] * 100 + ["some"] * 60 + ["rare1"] * 4 + ["rare2"] * 3 + [None] * 33
    encoding = encode(table_from(y=Y, c=levels))
    encoder = encoding.encoder
    assert encoder.names == ("c=some", "c=(other)", "c=(missing)")
    rows = encoding.matrix[[0, 100, 160, 164, 199]]
    assert rows.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert "4 levels against baseline 'often'; 'rare1' and 'rare2' (7 rows) counted as (other)" in said(
        encoding, "category", "c"
    )
    matrix, warnings = encoder.transform(table_from(c=["new", "some", None, "new", "rare2", "newer"]))
    assert matrix.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert warnings == [
        "c: 3 rows hold levels unseen when the model was fitted ('new' and 'newer'), counted as '(other)'"
    ]


def test_few_rare_rows_and_unseen_levels_join_the_baseline() -> None:
    encoding = encode(table_from(y=Y, c=["a"] * 120 + ["b"] * 78 + ["rare"] * 2))
    assert encoding.encoder.names == ("c=b",)
    matrix, warnings = encoding.encoder.transform(table_from(c=["rare", "b", "z", None]))
    assert matrix.tolist() == [[0], [1], [0], [0]]
    assert len(warnings) == 2
    assert "counted as the baseline 'a'" in warnings[0]
    assert warnings[1].startswith("c: 1 missing, never when the model was fitted")


def test_missing_may_be_the_baseline() -> None:
    encoding = encode(table_from(y=Y, c=[None] * 150 + ["a"] * 30 + ["b"] * 20))
    assert encoding.encoder.names == ("c=a", "c=b")
    assert encoding.matrix[0].tolist() == [0, 0]


def test_the_rare_threshold_grows_with_the_table() -> None:
    levels = ["a"] * 1500 + ["b"] * 490 + ["c"] * 10
    table = table_from(y=np.arange(2000.0), c=levels)
    assert encode(table).encoder.names == ("c=b", "c=c")
    table = table_from(y=np.arange(4000.0), c=levels + ["a"] * 2000)
    assert encode(table).encoder.names == ("c=b", "c=(other)")


def days(n: int, hours: int = 24) -> list[datetime]:
    return [datetime(2020, 1, 1) + timedelta(hours=hours * i) for i in range(n)]


def test_dates_become_days_and_what_varies() -> None:
    encoding = encode(table_from(y=np.arange(800.0), d=days(800)))
    names = encoding.encoder.names
    assert names[0] == "d days"
    assert sum(name.startswith("d month=") for name in names) == 11
    assert sum(name.startswith("d weekday=") for name in names) == 6
    assert not any("hour" in name for name in names)
    assert encoding.matrix[:3, 0].tolist() == [0, 1, 2]
    february = names.index("d month=Feb")
    assert encoding.matrix[30:33, february].tolist() == [0, 1, 1]
    assert said(encoding, "date", "d").startswith("days since 2020-01-01, month (baseline Jan), weekday (baseline")


def test_short_spans_have_no_seasons() -> None:
    encoding = encode(table_from(y=np.arange(200.0), d=days(200)))
    assert not any("month" in name for name in encoding.encoder.names)
    assert any("weekday" in name for name in encoding.encoder.names)
    hourly = encode(table_from(y=np.arange(240.0), d=days(240, hours=1)))
    assert hourly.encoder.names == ("d days",)  # ten rows per hour of the day are too few
    hourly = encode(table_from(y=np.arange(960.0), d=days(960, hours=1)))
    assert sum("hour" in name for name in hourly.encoder.names) == 23


def test_missing_dates_get_the_median_day_and_a_mark() -> None:
    values = [None if i % 4 == 0 else moment for i, moment in enumerate(days(800))]
    encoding = encode(table_from(y=np.arange(800.0), d=values))
    assert encoding.encoder.names[:2] == ("d days", "d missing")
    assert encoding.matrix[0, 1] == 1.0
    assert encoding.matrix[0, 2:].sum() == 0.0
    assert encoding.matrix[0, 0] == np.median([i for i in range(800) if i % 4] - np.float64(1))


def test_date_parts_agree_with_the_calendar() -> None:
    moments = [
        datetime(1899, 12, 31, 23, 59, 59),
        datetime(1970, 1, 1),
        datetime(2000, 2, 29, 13),
        *days(900, 7),
    ]
    values = np.array([(moment - datetime(1970, 1, 1)) / timedelta(days=1) for moment in moments] + [np.nan])
    assert date_part(values, "month").tolist() == [moment.month - 1 for moment in moments] + [-1]
    assert date_part(values, "weekday").tolist() == [moment.weekday() for moment in moments] + [-1]
    assert date_part(values, "hour").tolist() == [moment.hour for moment in moments] + [-1]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([3.0] * N, r"is constant \(3\)"),
        (["x"] * N, r"is constant \('x'\)"),
        ([None] * N, "is empty"),
        ([date(2020, 1, 1)] * N, r"is constant \(2020-01-01\)"),
        (list(range(5, 5 + N)), "counts the rows of the file"),
        ([f"text {i}" for i in range(N)], "has 200 different texts in 200 rows"),
        ([f"text {i % 90}" for i in range(N)], "has 90 different texts, most of them rare"),
        ([[1]] * N, "lists, structs or bytes"),
        (["x"] * (N - 3) + ["y"] * 3, "most of them rare"),
        ([1e200] * (N // 2) + [1.0] * (N // 2), "squares overflow"),
        ([1e-200] * (N // 2) + [2e-200] * (N // 2), "constant among the rows to fit"),
    ],
)
def test_useless_columns_are_dropped_with_a_word(values: list[Any], reason: str) -> None:
    encoding = encode(table_from(y=Y, good=np.sin(np.arange(N)), bad=values))
    assert encoding.encoder.names == ("good",)
    assert re.search(reason, said(encoding, "dropped", "bad"))


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "PassengerId", "PID", "row uuid"])
def test_identifiers_are_dropped_and_kept_on_demand(name: str) -> None:
    values = np.random.default_rng(0).permutation(10 * N)[:N]
    table = table_from(**{"y": Y, "good": np.sin(np.arange(N)), name: values})
    encoding = encode(table)
    assert encoding.encoder.names == ("good",)
    assert "is an identifier" in said(encoding, "dropped", name)
    assert encode(table, keep=[name]).encoder.names == ("good", name)


@pytest.mark.parametrize("name", ["humid", "grid", "paid", "Madrid", "idle", "width"])
def test_words_that_contain_id_are_no_identifiers(name: str) -> None:
    values = np.random.default_rng(0).permutation(10 * N)[:N]
    assert encode(table_from(**{"y": Y, name: values})).encoder.names == (name,)


def test_copies_are_dropped() -> None:
    values = np.sin(np.arange(N))
    encoding = encode(table_from(y=Y, a=values, b=values, c=-values))
    assert encoding.encoder.names == ("a", "c")
    assert said(encoding, "dropped", "b") == "repeats 'a'"


def test_names_never_collide() -> None:
    table = table_from(**{"y": Y, "c": ["p", "q"] * 100, "c=q": np.sin(np.arange(N)), "c=q (2)": np.cos(np.arange(N))})
    names = encode(table).encoder.names
    assert len(set(names)) == len(names) == 3


def test_scaling_divides_by_the_training_spread() -> None:
    values = np.sin(np.arange(N)) * 1e6
    table = table_from(y=Y, a=values)
    encoding = encode(table, scale=True)
    np.testing.assert_allclose(encoding.matrix.std(axis=0), 1.0)
    again, _ = encoding.encoder.transform(table)
    np.testing.assert_array_equal(again, encoding.matrix)


def test_lacking_columns_are_named_with_likely_ones() -> None:
    encoder = encode(table_from(y=Y, width=np.sin(np.arange(N)), b=np.cos(np.arange(N)))).encoder
    with pytest.raises(CommandError, match=r"lacks 1 column the model needs: 'width' \(is it 'Width' for 'width'\?\)"):
        encoder.transform(table_from(Width=Y, b=Y))


# --- through JSON ---------------------------------------------------------------------------------

TARGETS = {
    "california_housing": "median_house_value",
    "diamonds": "price",
    "mpg": "mpg",
    "nyc_taxis": "fare",
    "ames_housing": "price",
    "bike_sharing_hourly": "cnt",
}


@pytest.mark.parametrize("name", list(TARGETS))
@pytest.mark.parametrize("scale", [False, True])
def test_real_tables_survive_json_and_repeat_exactly(name: str, scale: bool) -> None:
    table = read_table(shared(name))
    rows = np.random.default_rng(1).permutation(table.n_rows)[: int(0.8 * table.n_rows)]
    encoding = fit_encoder(table, rows, target=TARGETS[name], scale=scale)
    assert np.isfinite(encoding.matrix).all()
    assert encoding.matrix.flags.f_contiguous
    assert encoding.matrix.shape[1] == len(encoding.encoder.names) == len(set(encoding.encoder.names))
    assert (encoding.matrix.std(axis=0) > 0).all()
    state = json.loads(json.dumps(encoding.encoder.to_state(), allow_nan=False))
    again = encoder_from_state(state)
    assert again == encoding.encoder
    matrix, warnings = again.transform(table, rows)
    assert warnings == []
    assert matrix.tobytes(order="F") == encoding.matrix.tobytes(order="F")


@pytest.mark.parametrize("name", ["nyc_taxis", "ames_housing"])
def test_no_training_value_leaks_from_other_rows(name: str) -> None:
    """The encoder is the same when the rows that are not for training hold anything else."""
    table = read_table(shared(name))
    rows = np.arange(0, table.n_rows, 2)
    spoilt = {}
    for key, column in table.columns.items():
        if column.kind == "text":
            codes = column.codes.copy()
            codes[1::2] = 0
            spoilt[key] = Column(key, "text", column.values, codes, column.levels, column.note)
        else:
            values = column.values.copy()
            values[1:-1:2] = (values[:-2:2] + values[2::2]) / 2  # keeps a counter a counter
            spoilt[key] = Column(key, column.kind, values, column.codes)
    options: Any = {
        "target": TARGETS[name],
        "drop": ["PID"],
    }  # that a number is an identifier is told by all rows
    a = fit_encoder(table, rows, **options).encoder
    b = fit_encoder(Table(spoilt, table.n_rows), rows, **options).encoder
    assert a == b


def all_kinds_state() -> dict[str, Any]:
    n = 800
    table = table_from(
        y=np.arange(n),
        a=[None if i % 9 == 0 else i % 11 for i in range(n)],
        c=[["p", "q", "r"][i % 3] for i in range(n)],
        d=days(n),
        f=[i % 5 == 0 for i in range(n)],
    )
    state: dict[str, Any] = json.loads(json.dumps(encode(table, scale=True).encoder.to_state()))
    return state


def places(state: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else []
    return [path] * bool(path) + [place for key, value in items for place in places(value, (*path, key))]


@pytest.mark.parametrize("value", [None, -7, 10**9, 0.5, float("nan"), "x", [], {}, [None], True])
def test_a_spoilt_state_is_refused_or_harmless(value: Any) -> None:
    """Whatever a file says: a ModelFileError, or an encoder that gives a matrix of the right shape."""
    for path in places(all_kinds_state()):
        state = all_kinds_state()
        place: Any = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        try:
            encoder = encoder_from_state(state)
            table = table_from(a=[1.0, None], c=["p", "z"], d=days(2), f=[True, False])
            matrix, _ = encoder.transform(table)
        except (ModelFileError, CommandError):
            continue
        assert matrix.shape == (2, len(encoder.names))
