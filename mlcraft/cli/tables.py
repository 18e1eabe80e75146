"""Read a CSV or Parquet file, packed with gzip or not, into columns the command line can work with."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.columns import MISSING_MARKERS, Column, Kind, check_kind, text_column, valued_column
from mlcraft.cli.errors import CommandError, plural, unknown_column

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_KNOWN_FORMATS = {  # first bytes of files people try, and what to do about them
    b"PK\x03\x04": "a zip archive or Excel workbook; unzip it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"ARROW1": "an Arrow (feather) file; convert it to Parquet or CSV",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it first",
    b"BZh": "packed with bzip2; unpack it first",
    b"\xfd7zXZ": "packed with xz; unpack it first",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF document",
}
_MICROSECONDS_PER_DAY = 86400e6


@dataclass(slots=True)
class Table:
    """Columns of equal length, and remarks on how the file was read."""

    columns: dict[str, Column]
    n_rows: int
    remarks: list[str] = field(default_factory=list)

    def column(self, name: str) -> Column:
        """Return the column called `name`, or raise an error that offers names like it."""
        if name not in self.columns:
            raise CommandError(unknown_column(name, list(self.columns)))
        return self.columns[name]


def read_table(path: str | Path, expect: Mapping[str, Kind | None] | None = None) -> Table:
    """Read a table; ``-`` is standard input.

    Parameters
    ----------
    path : str or Path
        CSV (comma, semicolon, tab or bar, told by the first line) or Parquet, told apart by content.
    expect : mapping of str to str or None, optional
        Columns to read, with the kind each must have (None: find out); other columns are skipped. Without it
        every column is read and its kind found out.

    Returns
    -------
    Table
        The columns in the order of the file.
    """
    data = _read_bytes(path)
    if not data.strip():
        raise CommandError(f"'{path}' is empty")
    if data[:4] == b"PAR1":
        return _read_parquet(str(path), data, expect)
    for magic, what in _KNOWN_FORMATS.items():
        if data.startswith(magic):
            raise CommandError(f"'{path}' is {what} (mlcraft reads CSV and Parquet, also .gz)")
    return _read_csv(str(path), data, expect)


def _read_bytes(path: str | Path) -> bytes:
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read()
        else:
            data = Path(path).read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except FileNotFoundError:
        raise CommandError(f"there is no file '{path}'") from None
    except IsADirectoryError:
        raise CommandError(f"'{path}' is a folder, not a file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise CommandError(f"'{path}' is a damaged gzip file; fetch or make it again") from None
    except OSError as error:
        raise CommandError(f"'{path}' cannot be read: {error.strerror or error}") from None


def _read_parquet(path: str, data: bytes, expect: Mapping[str, Kind | None] | None) -> Table:
    broken = CommandError(f"'{path}' begins like a Parquet file but cannot be read; it is damaged or cut short")
    try:
        import polars as pl
    except ImportError:
        return _read_parquet_with_pyarrow(data, expect, broken)
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except Exception:  # polars raises several types, panics among them; the file is the cause of all
        raise broken from None
    names = _wanted(frame.columns, expect)
    columns = [_from_polars(frame[name], name, (expect or {}).get(name)) for name in names]
    return _table(columns, frame.height)


def _read_csv(path: str, data: bytes, expect: Mapping[str, Kind | None] | None) -> Table:
    try:
        import polars as pl
    except ImportError:
        raise CommandError("reading CSV needs polars: pip install 'mlcraft[cli]'") from None
    data, remarks = _to_utf8(path, data)
    separator = _separator(path, data)
    header, header_remarks = _header(path, data, separator)
    try:
        frame = pl.read_csv(
            io.BytesIO(data),
            separator=separator,
            infer_schema_length=0,
            null_values=sorted(MISSING_MARKERS),
            new_columns=header,
        )
    except Exception as error:  # polars raises several types; its first line says what is wrong
        raise CommandError(f"'{path}' is not a table: {_csv_fault(error)}") from None
    if frame.height and frame.width > 1:
        filled = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        if filled.height < frame.height:
            remarks.append(f"skipped {plural(frame.height - filled.height, 'empty line')}")
            frame = filled
    names = _wanted(frame.columns, expect)
    comma = separator == ";"
    columns = [_from_polars(frame[name], name, (expect or {}).get(name), decimal_comma=comma) for name in names]
    table = _table(columns, frame.height)
    table.remarks = remarks + header_remarks
    return table


def _wanted(names: Sequence[str], expect: Mapping[str, Kind | None] | None) -> list[str]:
    return [name for name in names if expect is None or name in expect]


def _table(columns: Sequence[Column], n_rows: int) -> Table:
    return Table({column.name: column for column in columns}, n_rows)


def _to_utf8(path: str, data: bytes) -> tuple[bytes, list[str]]:
    """Return the same text in UTF-8, with a remark if it came in another encoding."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            try:
                return data.decode(encoding).encode(), []
            except UnicodeDecodeError:
                raise CommandError(f"'{path}' begins like {encoding} text but is not; is it a table?") from None
    if b"\0" in data[:4096]:
        raise CommandError(f"'{path}' is not a text file; mlcraft reads CSV and Parquet, also .gz")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").encode(), ["the file is not UTF-8; its letters were read as Latin-1"]
    return data, []


def _first_record(data: bytes, separator: str) -> list[str]:
    """Return the fields of the first line; quoted fields may hold separators and line breaks."""
    head = data[: 1 << 20].decode("utf-8", errors="replace")
    return next(csv.reader(io.StringIO(head, newline=""), delimiter=separator), [])


def _separator(path: str, data: bytes) -> str:
    candidates = [",", ";", "\t", "|"]
    if path.lower().removesuffix(".gz").endswith((".tsv", ".tab")):
        return "\t"
    return max(candidates, key=lambda separator: len(_first_record(data, separator)))


def _header(path: str, data: bytes, separator: str) -> tuple[list[str], list[str]]:
    """Return the names of the columns: trimmed, empty ones numbered, repeated ones told apart."""
    raw = [name.strip() for name in _first_record(data, separator)]
    if raw and all(_is_number(name) for name in raw):
        raise CommandError(f"the first line of '{path}' holds numbers, not column names; add a line with the names")
    names: list[str] = []
    remarks: list[str] = []
    for position, name in enumerate(raw, start=1):
        wanted = name or f"column {position}"
        unique, copy = wanted, 2
        while unique in names:
            unique, copy = f"{wanted} ({copy})", copy + 1
        if unique != wanted:
            remarks.append(f"two columns are called '{wanted}'; the later one is '{unique}' here")
        names.append(unique)
    return names, remarks


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _csv_fault(error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "more fields" in text:
        return "a line has more fields than the first line has names"
    if "could not parse" in text:
        return "a quotation mark is opened and not closed"
    return text


def _from_polars(series: pl.Series, name: str, expect: Kind | None, *, decimal_comma: bool = False) -> Column:
    import polars as pl

    dtype = series.dtype
    if dtype.is_numeric():
        return check_kind(valued_column(name, "number", _floats(series)), expect)
    if dtype == pl.Boolean:
        return check_kind(valued_column(name, "boolean", _floats(series.cast(pl.Int8))), expect)
    if dtype in (pl.Date, pl.Datetime):
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        days = _floats(series.cast(pl.Datetime("us")).to_physical()) / _MICROSECONDS_PER_DAY
        return check_kind(valued_column(name, "date", days), expect)
    if dtype == pl.Duration:
        return check_kind(valued_column(name, "number", _floats(series.dt.total_microseconds()) / 1e6), expect)
    if dtype == pl.Null:
        return check_kind(valued_column(name, "number", np.full(len(series), np.nan)), expect)
    if dtype not in (pl.String, pl.Categorical, pl.Enum):
        return check_kind(Column(name, "unsupported", np.zeros(len(series)), np.empty(0, np.int32)), expect)
    text = series.cast(pl.String).str.strip_chars()
    if expect in (None, "number"):
        # The common case in one pass; what does not fit goes the careful way below.
        plain = text.str.replace(",", ".", literal=True) if decimal_comma else text
        numbers = plain.cast(pl.Float64, strict=False)
        if numbers.null_count() == text.null_count():
            return valued_column(name, "number", _floats(numbers))
    levels = text.drop_nulls().unique().sort()
    codes = text.cast(pl.Enum(levels)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    return text_column(name, codes, levels.to_list(), expect=expect, decimal_comma=decimal_comma)


def _floats(series: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.ascontiguousarray(values, dtype=np.float64)


def _read_parquet_with_pyarrow(data: bytes, expect: Mapping[str, Kind | None] | None, broken: CommandError) -> Table:
    try:
        import pyarrow.parquet
    except ImportError:
        raise CommandError("reading Parquet needs polars: pip install 'mlcraft[cli]'") from None
    try:
        frame = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError):
        raise broken from None
    names = _wanted(frame.column_names, expect)
    columns = [_from_pyarrow(frame.column(name), name, (expect or {}).get(name)) for name in names]
    return _table(columns, frame.num_rows)


def _from_pyarrow(array: pa.ChunkedArray, name: str, expect: Kind | None) -> Column:
    import pyarrow as pa

    kind = array.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    if is_text:
        if not pa.types.is_dictionary(kind):
            array = array.dictionary_encode()
        merged = array.combine_chunks()
        merged = merged.chunk(0) if isinstance(merged, pa.ChunkedArray) else merged
        codes = merged.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
        return text_column(name, codes, [str(level) for level in merged.dictionary.to_pylist()], expect=expect)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        days = _pyarrow_floats(array.cast(pa.timestamp("us")).cast(pa.int64())) / _MICROSECONDS_PER_DAY
        return check_kind(valued_column(name, "date", days), expect)
    if pa.types.is_boolean(kind):
        return check_kind(valued_column(name, "boolean", _pyarrow_floats(array.cast(pa.int8()))), expect)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return check_kind(valued_column(name, "number", _pyarrow_floats(array)), expect)
    if pa.types.is_null(kind):
        return check_kind(valued_column(name, "number", np.full(len(array), np.nan)), expect)
    return check_kind(Column(name, "unsupported", np.zeros(len(array)), np.empty(0, np.int32)), expect)


def _pyarrow_floats(array: pa.ChunkedArray) -> NDArray[np.float64]:
    import pyarrow as pa

    values = array.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy()
    return np.ascontiguousarray(values, dtype=np.float64)
