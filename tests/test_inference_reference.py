"""Standard errors, tests and intervals against R: lm with and without weights, sandwich, lm.ridge."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_reference_r import LM, WEIGHTS, load

from mlcraft.linear_model import LinearRegression

CLUSTERS = {"HC0_no_cadjust": "CR0", "HC0": "CR1", "HC1": "CR1S", "HC2": "CR2", "HC3": "CR3"}
TOLERANCE = 1e-9


def close(found, expected, rtol=TOLERANCE):
    expected = np.array([np.nan if value is None else value for value in np.ravel(expected)], dtype=float)
    assert_allclose(np.ravel(found), expected, rtol=rtol)


def same_matrix(found, expected):
    """Elements relative to their own standard errors: covariances of zero have no relative error."""
    expected = np.array(expected)
    size = np.sqrt(np.diagonal(expected))
    assert_allclose(np.asarray(found) / np.outer(size, size), expected / np.outer(size, size), rtol=0, atol=TOLERANCE)


def check_fit(model, expected, names, **data):
    """Everything that R says of a fit; `data` are X, y and the weights."""
    weights = {"weights": data["weights"]} if "weights" in data else {}
    summary = model.summary(**weights)
    close(summary.coef, expected["coef"])
    close(summary.standard_error, expected["se"])
    close(summary.t, expected["t"])
    close(summary.p_value, expected["p_value"], 1e-8)
    same_matrix(model.cov_params_(**weights), expected["vcov"])
    close(summary.residual_sd, expected["sigma"])
    assert summary.df == pytest.approx(expected["df_residual"], rel=1e-12)
    close([summary.r2, summary.adjusted_r2], [expected["r_squared"], expected["adj_r_squared"]])
    if expected.get("f_statistic") is not None:
        close(summary.f_statistic, expected["f_statistic"])
        assert list(summary.f_df) == pytest.approx(expected["f_df"])
    close([summary.log_likelihood, summary.aic, summary.bic], [expected[key] for key in ("loglik", "aic", "bic")])
    for level in (95, 90):
        bounds = model.conf_int(level / 100, **weights)
        close(bounds.lower, expected[f"confint_{level}"]["lower"])
        close(bounds.upper, expected[f"confint_{level}"]["upper"])
    for kind in ("HC0", "HC1", "HC2", "HC3", "HC4"):
        robust = model.cov_params_(kind, **data)
        close(robust.standard_errors, expected["robust"][kind]["se"])
        same_matrix(robust, expected["robust"][kind]["vcov"])
    robust = model.summary(covariance="HC3", **data)
    inference = expected["robust"]["HC3_inference"]
    close(robust.t, inference["t"])
    close(robust.p_value, inference["p_value"], 1e-8)
    close(robust.lower, inference["lower_95"])
    close(robust.upper, inference["upper_95"])
    check_joint_test(model, expected, names, weights, data)
    predict = expected["predict"]
    found = model.predict_interval(np.array(predict["new_X"], dtype=float), **weights)
    close(found.prediction, predict["fit"])
    close(found.lower, predict["confidence_95"]["lower"])
    close(found.upper, predict["confidence_95"]["upper"])
    found = model.predict_interval(np.array(predict["new_X"], dtype=float), kind="observation", **weights)
    close(found.lower, predict["prediction_95"]["lower"])
    close(found.upper, predict["prediction_95"]["upper"])


def check_joint_test(model, expected, names, weights, data):
    joint = expected.get("joint_test")
    if joint is None:
        return
    columns = [names.index(name) for name in joint["coefficients"]]
    hypotheses = [f"x{j}" for j in columns]
    test = model.f_test(hypotheses, **weights)
    close(test.statistic, joint["f_classical"])
    close(test.p_value, joint["p_classical"], 1e-8)
    test = model.f_test(np.eye(len(names) + 1)[[j + 1 for j in columns]], covariance="HC3", **data)
    close(test.statistic, joint["f_HC3"])
    close(test.p_value, joint["p_HC3"], 1e-8)


@pytest.mark.parametrize("name", LM)
def test_lm(shared, name):
    case, X, y, _ = load(shared, "lm", name)
    model = LinearRegression(fit_intercept=case["intercept"]).fit(X, y)
    check_fit(model, case, case["columns"], X=X, y=y)
    if "cluster" in case:
        table = np.genfromtxt(shared(f"reference/r/lm/{name}.csv"), delimiter=",", names=True, deletechars="")
        groups = np.array(table.tolist())[:, -1]
        for theirs, kind in CLUSTERS.items():
            found = model.cov_params_(kind, X=X, y=y, groups=groups)
            close(found.standard_errors, case["cluster"][theirs]["se"])
            same_matrix(found, case["cluster"][theirs]["vcov"])
            assert found.df == case["cluster"]["groups"] - 1
        jackknife = model.cov_params_("CRV3", X=X, y=y, groups=groups)
        share = (case["cluster"]["groups"] - 1) / case["cluster"]["groups"]
        same_matrix(jackknife, share * np.array(case["cluster"]["HC3"]["vcov"]))


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(shared, name):
    case, X, y, weight = load(shared, "weights", name)
    model = LinearRegression().fit(X, y, weight)
    check_fit(model, case["prior"], case["columns"], X=X, y=y, sample_weight=weight)
    if "frequency" in case:
        data = {"X": X, "y": y, "sample_weight": weight, "weights": "frequency"}
        check_fit(model, case["frequency"], case["columns"], **data)
