"""Read the data sets of this folder."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CALIFORNIA_HOUSING_TARGET = "median_house_value"


def california_housing_path() -> Path:
    """Return the path of the shipped California housing file (gzipped CSV).

    Returns
    -------
    pathlib.Path
        The file, as any tool that reads CSV can open it.

    Examples
    --------
    >>> from mlcraft.datasets import california_housing_path
    >>> california_housing_path().name
    'california_housing.csv.gz'
    """
    return Path(__file__).resolve().parent / "california_housing.csv.gz"


def load_california_housing() -> dict[str, NDArray[np.float64] | NDArray[np.str_]]:
    """Load the California housing data of the 1990 census: 20,640 districts, 10 columns.

    Nothing is cleaned: ``total_bedrooms`` misses 207 values (NaN), ``ocean_proximity`` is text, and the
    target ``median_house_value`` is cut off at 500,001.

    Returns
    -------
    dict of str to ndarray
        One array per column, in the order of the file. ``pandas.DataFrame(...)`` and
        ``polars.DataFrame(...)`` both accept it.

    Examples
    --------
    >>> from mlcraft.datasets import load_california_housing
    >>> housing = load_california_housing()
    >>> len(housing), housing["median_house_value"].shape
    (10, (20640,))
    >>> float(housing["median_income"][0]), str(housing["ocean_proximity"][0])
    (8.3252, 'NEAR BAY')
    """
    with gzip.open(california_housing_path(), "rt", encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        names = next(reader)
        columns = list(zip(*reader, strict=True))
    return {name: _to_array(values) for name, values in zip(names, columns, strict=True)}


def _to_array(values: tuple[str, ...]) -> NDArray[np.float64] | NDArray[np.str_]:
    """Make numbers with NaN for an empty cell, or text when one cell is neither."""
    try:
        return np.array([float(value) if value else np.nan for value in values], dtype=np.float64)
    except ValueError:
        return np.array(values, dtype=np.str_)
