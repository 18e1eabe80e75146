"""Fit a Parquet file that is larger than memory, batch by batch, and go on when new rows come.

    python examples/moments_parquet.py rides.parquet fare

Without arguments it writes a small file to a temporary folder and shows the same on it.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlcraft import Moments
from mlcraft.linear_model import LinearRegression, Ridge


def numeric_columns(schema: pa.Schema) -> list[str]:
    """Names of the columns that hold numbers."""
    return [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)]


def moments_of_parquet(path: str | Path, target: str, batch_size: int = 50_000) -> Moments:
    """Read a Parquet file once, a batch of rows at a time; memory holds one batch and p x p numbers."""
    with pq.ParquetFile(path) as file:
        names = numeric_columns(file.schema_arrow)
        return Moments.from_batches(file.iter_batches(batch_size, columns=names), target=target)


def write_sample(path: Path, n: int = 20_000) -> None:
    random = np.random.default_rng(0)
    kilometres, minutes, bags = random.gamma(2.0, 3.0, n), random.gamma(3.0, 6.0, n), random.integers(0, 4, n)
    fare = 3.0 + 1.8 * kilometres + 0.3 * minutes + random.standard_normal(n)
    payment = random.choice(["card", "cash"], n)
    columns = {"kilometres": kilometres, "minutes": minutes, "bags": bags, "payment": payment, "fare": fare}
    pq.write_table(pa.table(columns), path, row_group_size=4_000)


def main(path: Path, target: str) -> LinearRegression:
    moments = moments_of_parquet(path, target)
    print(f"{moments.n_samples:,} rows, {moments.n_features} columns: {', '.join(moments.feature_names_in_)}")

    # Every model below follows from the moments: the file is not read again.
    model = moments.to_estimator("ols")
    for name, coef in zip(model.feature_names_in_, model.coef_, strict=True):
        print(f"{name:>12} {coef:10.4f}")
    for alpha in (1.0, 1e3, 1e6):
        shrunk = moments.to_estimator(Ridge(alpha=alpha))
        print(f"ridge, alpha {alpha:9,.0f}: largest coefficient {np.abs(shrunk.coef_).max():.4f}")

    # Tomorrow: load, let yesterday's rows fade a little, add the new ones.
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "moments.mlc"
        moments.save(kept)
        again = Moments.load(kept).decay(0.99).merge(moments_of_parquet(path, target))
        print(
            f"{again.n_samples:,} rows that weigh {again.weight_sum:,.0f}, from a file of {kept.stat().st_size:,} bytes"
        )
    return model


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(Path(sys.argv[1]), sys.argv[2])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            sample = Path(temporary) / "rides.parquet"
            write_sample(sample)
            main(sample, "fare")
