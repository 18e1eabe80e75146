"""scikit-learn's own tests of these classes and functions, run with mlcraft's in their place."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from mlcraft.linear_model import (
    ARDRegression,
    BayesianRidge,
    FirthLogisticRegression,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from mlcraft.svm import LinearSVC, LinearSVR

HERE = Path(__file__).parent
SKLEARN = Path(sklearn.__file__).parent

# what a test asserts that is not behaviour to reproduce, by test function
L1 = "an L1 or elastic-net penalty, which comes with a later release"
CRAMMER_SINGER = "multi_class='crammer_singer' comes with a later release"
ITERATES = "compares iterates that have not converged"
NOT_FOR_US = {
    "linear_model/tests/test_base.py": {},
    "linear_model/tests/test_bayes.py": {"test_update_sigma": "calls private methods"},
    "linear_model/tests/test_common.py": {},
    "linear_model/tests/test_quantile.py": {},
    "linear_model/tests/test_logistic.py": {
        "test_LogisticRegression_elastic_net_objective": L1,
        "test_LogisticRegressionCV_GridSearchCV_elastic_net": L1,
        "test_LogisticRegressionCV_elasticnet_attribute_shapes": L1,
        "test_LogisticRegressionCV_no_refit[2-l1_ratios1]": L1,
        "test_LogisticRegressionCV_no_refit[3-l1_ratios1]": L1,
        "test_elastic_net_coeffs": L1,
        "test_elastic_net_l1_l2_equivalence": L1,
        "test_elastic_net_versus_sgd": L1,
        "test_elastic_net_vs_l1_l2": L1,
        "test_l1_ratio_non_elasticnet": L1,
        "test_liblinear_not_stuck": L1,
        "test_logistic_regression_cv_refit[42-1]": L1,
        "test_logisticregression_liblinear_sample_weight[42-params0]": L1,
        "test_logreg_l1": L1,
        "test_lr_penalty_l1ratio_incompatible[l1-0.0]": L1,
        "test_saga_vs_liblinear[42-csr_array-1]": L1,
        "test_saga_vs_liblinear[42-csr_matrix-1]": L1,
        "test_sample_and_class_weight_equivalence_liblinear": L1,
        "test_scores_attribute_layout_elasticnet": L1,
        "test_large_sparse_matrix": "wants 64-bit indices refused by some solvers; ours takes them",
        "test_liblinear_dual_random_state": "wants another seed to give other coefficients; nothing here is random",
        "test_liblinear_with_large_values": "wants values above 1e30 refused; ours takes them",
        "test_logistic_cv_multinomial_score[neg_log_loss": "its reference is a private function, not converged",
        "test_logreg_predict_proba_multinomial": "calls a private method",
        "test_get_default_scorer": "calls a private method",
        "test_max_iter": ITERATES,
        "test_newton_cholesky_fallback_to_lbfgs": "wants scikit-learn's two solvers to take equally many iterations",
        "test_warm_start_newton_solver": ITERATES,
        "test_warm_start[": ITERATES,
    },
    "linear_model/tests/test_sag.py": {
        "test_binary_classifier_class_weight": ITERATES,
        "test_sag_classifier_computed_correctly": ITERATES,
        "test_sag_multiclass_computed_correctly": ITERATES,
        "test_step_size_alpha_error": "wants a division by zero inside the solver",
    },
    "linear_model/tests/test_passive_aggressive.py": {},
    "linear_model/tests/test_perceptron.py": {},
    "linear_model/tests/test_ransac.py": {},
    "linear_model/tests/test_ridge.py": {
        "test_n_iter": "wants as many iterations as max_iter allows; our solver needs none",
        "test_ridge_regression_convergence_fail": "wants conjugate gradients to miss a tolerance of 0",
    },
    "linear_model/tests/test_sgd.py": {
        "test_validation_mask_correctly_subsets": "substitutes a private class",
        "test_multi_core_gridsearch_and_early_stopping": "takes too long",
    },
    "svm/tests/test_svm.py": {
        "test_linearsvc[": L1,
        "test_linearsvc_parameters[42-False-l1-squared_hinge]": L1,
        "test_dense_liblinear_intercept_handling": L1,
        "test_linearsvm_liblinear_sample_weight[42-LinearSVC-params0]": L1,
        "test_linearsvc_crammer_singer": CRAMMER_SINGER,
        "test_crammer_singer_binary": CRAMMER_SINGER,
        "test_linear_svm_convergence_warnings": "wants liblinear named in the warning, and as many iterations",
    },
    "svm/tests/test_sparse.py": {"test_sparse_liblinear_intercept_handling": L1},
}
# checks of check_estimator that scikit-learn's own class fails
ONE_STEP = dict.fromkeys(
    ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"),
    "a row of weight two is one step, not two",
)
N_ITER = {"check_non_transformer_estimators_n_iter": "n_iter_ is None where solver_ has no iterations"}
FAILED_BY_SKLEARN_TOO = {
    "Perceptron()": ONE_STEP,
    "SGDClassifier()": ONE_STEP,
    "SGDClassifier(average=True, loss='log_loss')": ONE_STEP,
    "SGDOneClassSVM()": ONE_STEP,
    "SGDRegressor()": ONE_STEP,
    "Ridge()": N_ITER,
    "Ridge(positive=True)": N_ITER,
    "RidgeClassifier()": N_ITER,
    "LogisticRegression(solver='liblinear')": {
        "check_classifier_not_supporting_multiclass": "wants other words than those of scikit-learn's error"
    },
    "LogisticRegressionCV()": {"check_sparsify_coefficients": "has three rows of a class for five folds"},
}


def deprecated_ones():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return [PassiveAggressiveClassifier(), PassiveAggressiveRegressor()]


@parametrize_with_checks(
    [
        ARDRegression(),
        BayesianRidge(),
        FirthLogisticRegression(),
        LinearRegression(),
        LinearRegression(positive=True),
        LinearSVC(),
        LinearSVC(loss="hinge"),
        LinearSVR(),
        LinearSVR(loss="squared_epsilon_insensitive"),
        LogisticRegression(),
        LogisticRegression(solver="liblinear"),
        LogisticRegressionCV(),
        *deprecated_ones(),
        Perceptron(),
        QuantileRegressor(),
        Ridge(),
        Ridge(positive=True),
        RidgeClassifier(),
        RidgeCV(),
        RidgeCV(cv=3),
        RidgeClassifierCV(),
        RidgeClassifierCV(cv=3),
        SGDClassifier(),
        SGDClassifier(loss="log_loss", average=True),
        SGDOneClassSVM(),
        SGDRegressor(),
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
        command.append(file)
        command += [f"--deselect={file}::{name}" for name in reasons]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    inherited = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE / "sklearn_swap"), *inherited])
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=SKLEARN, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-6000:]
    calls = re.findall(r"=(\d+)", output.rsplit("calls:", 1)[1])
    assert all(map(int, calls)), "mlcraft was not used"
