"""Fit a CSV file that is larger than memory, block by block, with partial_fit.

    python examples/moments_csv.py rides.csv fare

Without arguments it writes a small file to a temporary folder and shows the same on it.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from mlcraft.linear_model import LinearRegression


def numeric_blocks(path: str | Path, block_bytes: int = 8 * 2**20) -> Iterator[pa.Table]:
    """Yield the columns of numbers, a block of lines at a time; lines with an empty field are left out."""
    options = pa.csv.ReadOptions(block_size=block_bytes)
    with pa.csv.open_csv(path, read_options=options) as reader:
        numbers = [f.name for f in reader.schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
        for batch in reader:
            yield pa.Table.from_batches([batch]).select(numbers).drop_null()


def fit_csv(path: str | Path, target: str, block_bytes: int = 8 * 2**20) -> LinearRegression:
    """Fit all lines, in one pass over the file."""
    model = LinearRegression()
    for block in numeric_blocks(path, block_bytes):
        if len(block):
            model.partial_fit(block.drop_columns([target]), block[target].to_numpy())
    return model


def write_sample(path: Path, n: int = 5_000) -> None:
    random = np.random.default_rng(0)
    kilometres, minutes = random.gamma(2.0, 3.0, n).round(2), random.gamma(3.0, 6.0, n).round(1)
    fare = (3.0 + 1.8 * kilometres + 0.3 * minutes + random.standard_normal(n)).round(2)
    with path.open("w", encoding="utf-8") as file:
        file.write("kilometres,payment,minutes,fare\n")
        for number, (far, long, price) in enumerate(zip(kilometres, minutes, fare, strict=True)):
            file.write(f"{far},{'card' if number % 3 else 'cash'},{'' if number % 500 == 7 else long},{price}\n")


def main(path: Path, target: str) -> LinearRegression:
    model = fit_csv(path, target, block_bytes=2**16 if path.stat().st_size < 2**20 else 8 * 2**20)
    print(f"{model.sums_of_squares_.n_samples:,} lines, intercept {model.intercept_:.4f}")
    for name, coef in zip(model.feature_names_in_, model.coef_, strict=True):
        print(f"{name:>12} {coef:10.4f}")
    return model


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            sample = Path(temporary) / "rides.csv"
            write_sample(sample)
            main(sample, "fare")
