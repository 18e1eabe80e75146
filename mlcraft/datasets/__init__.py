"""Small real data sets that ship with the package, raw as they were published.

They are read with the standard library and NumPy only, so that an example or a test never needs a network,
pandas or pyarrow.
"""

from mlcraft.datasets._load import california_housing_path, load_california_housing

__all__ = ["california_housing_path", "load_california_housing"]
