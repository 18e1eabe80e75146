"""The folder of data sets that some examples read: ``shared`` beside the checkout, or what MLCRAFT_SHARED names."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(os.environ.get("MLCRAFT_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def data_loader(*names: str) -> ModuleType:
    """The ``load.py`` of the folder; says what is missing and stops politely where there is no such folder."""
    path = FOLDER / "data" / "load.py"
    missing = [name for name in names if not (FOLDER / "data" / f"{name}.parquet").exists()]
    if missing or not path.exists():
        wanted = ", ".join(missing) or "load.py"
        print(f"this example reads {wanted} from {path.parent}, which is not there: set MLCRAFT_SHARED to its parent")
        sys.exit(0)
    spec = importlib.util.spec_from_file_location("shared_data_loader", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
