"""scikit-learn's own tests of these classes and functions, run with mlcraft's in their place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from mlcraft.linear_model import (
    FirthLogisticRegression,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)

HERE = Path(__file__).parent
SKLEARN = Path(sklearn.__file__).parent

# what a test asserts that is not behaviour to reproduce, by test function
NOT_FOR_US = {
    "test_base.py": {},
    "test_common.py": {},
    "test_ransac.py": {},
    "test_ridge.py": {
        "test_n_iter": "wants as many iterations as max_iter allows; our solver needs none",
        "test_ridge_regression_convergence_fail": "wants conjugate gradients to miss a tolerance of 0",
    },
}
# checks of check_estimator that scikit-learn's own class fails
N_ITER = {"check_non_transformer_estimators_n_iter": "n_iter_ is None where solver_ has no iterations"}
FAILED_BY_SKLEARN_TOO = {
    "Ridge()": N_ITER,
    "Ridge(positive=True)": N_ITER,
    "RidgeClassifier()": N_ITER,
    "LogisticRegression(solver='liblinear')": {
        "check_classifier_not_supporting_multiclass": "wants other words than those of scikit-learn's error"
    },
}


@parametrize_with_checks(
    [
        FirthLogisticRegression(),
        LinearRegression(),
        LinearRegression(positive=True),
        LogisticRegression(),
        LogisticRegression(C=np.inf),
        LogisticRegression(solver="liblinear"),
        LogisticRegressionCV(),
        Ridge(),
        Ridge(positive=True),
        RidgeClassifier(),
        RidgeCV(),
        RidgeCV(cv=3),
        RidgeClassifierCV(),
        RidgeClassifierCV(cv=3),
    ],
    expected_failed_checks=lambda estimator: FAILED_BY_SKLEARN_TOO.get(repr(estimator), {}),
)
@pytest.mark.filterwarnings("ignore")
def test_sklearn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="the behaviour is that of scikit-learn 1.9",
)
def test_sklearn_tests_pass_with_our_classes():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "swap_linear_models", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, f"--rootdir={SKLEARN}", "--tb=short", "-W", "ignore"]
    for file, reasons in NOT_FOR_US.items():
        command.append(f"linear_model/tests/{file}")
        command += [f"--deselect=linear_model/tests/{file}::{name}" for name in reasons]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    inherited = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE / "sklearn_swap"), *inherited])
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=SKLEARN, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-6000:]
    calls = re.findall(r"=(\d+)", output.rsplit("calls:", 1)[1])
    assert all(map(int, calls)), "mlcraft was not used"
