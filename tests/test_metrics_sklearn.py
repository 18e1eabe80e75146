"""scikit-learn's own tests of its metrics, run with mlcraft's in their place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

HERE = Path(__file__).parent
SKLEARN = Path(sklearn.__file__).parent
FILES = [f"metrics/tests/test_{name}.py" for name in ("classification", "common", "ranking", "regression")]
# what a test asserts that is not behaviour to reproduce
NOT_FOR_US = {
    "test_confusion_matrix_at_thresholds_positional_args_deprecation": "positional arguments that are deprecated there",
}


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"), reason="the behaviour is that of scikit-learn 1.9"
)
def test_sklearn_tests_pass_with_our_metrics():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "swap_metrics", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, f"--rootdir={SKLEARN}", "--tb=short", "-W", "ignore", *FILES]
    command += ["-k", " and ".join(f"not {name}" for name in NOT_FOR_US)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    inherited = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE / "sklearn_swap"), *inherited])
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=SKLEARN, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-6000:]
    calls = re.findall(r"=(\d+)", output.rsplit("calls:", 1)[1])
    assert all(map(int, calls)), "mlcraft was not used"
