"""Inference on logistic and multinomial fits: R, statsmodels, slow twins, and what it refuses to say."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlcraft.linear_model import LogisticRegression

GLM = ["infert_logit", "pima_logit", "esoph_logit", "menarche_logit", "snails_logit"]


def load(shared, kind, name):
    """The expected values, X, labels and weights; grouped rows become a row for each outcome."""
    case = json.loads(shared(f"reference/r/{kind}/{name}.json").read_text())
    table = np.genfromtxt(shared(f"reference/r/{kind}/{name}.csv"), delimiter=",", names=True, deletechars="")
    rows, names = np.array(table.tolist()), table.dtype.names
    p = len(case["columns"])
    X, y = rows[:, 1 : p + 1], rows[:, 0]
    if "trials" in names:
        trials = rows[:, names.index("trials")]
        return case, np.vstack([X, X]), np.repeat([1.0, 0.0], len(y)), np.append(y * trials, (1 - y) * trials)
    return case, X, y, rows[:, names.index("weights")] if "weights" in names else None


def unpenalised(X, y, weight=None, **options):
    return LogisticRegression(C=np.inf, **options).fit(X, y, weight)


def simulated(n=400, p=3, classes=2, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * np.geomspace(0.5, 20, p) + np.arange(p)
    eta = X @ random.standard_normal((p, classes)) / np.geomspace(0.5, 20, p)[:, None].sum() + random.gumbel(
        size=(n, classes)
    )
    return X, eta.argmax(axis=1)


# ---------------------------------------------------------------- R


@pytest.mark.parametrize("name", GLM)
def test_glm(shared, name):
    case, X, y, weight = load(shared, "glm", name)
    model = unpenalised(X, y, weight)
    summary = model.summary()
    assert_allclose(summary.coef, case["coef"], rtol=1e-6)
    assert_allclose(summary.standard_error, case["se"], rtol=1e-7)
    assert_allclose(summary.p_value, case["p_value"], rtol=1e-5)
    assert_allclose(np.asarray(model.cov_params_()), case["vcov"], rtol=1e-6, atol=1e-9)
    bounds = model.conf_int()
    assert_allclose(bounds.lower, case["wald_confint_95"]["lower"], rtol=1e-6)
    profile = model.conf_int(method="profile", X=X, y=y, sample_weight=weight)
    for side in ("lower", "upper"):
        error = (np.asarray(getattr(profile, side)) - case["profile_confint_95"][side]) / case["se"]
        assert np.abs(error).max() < 1e-6
    if weight is None:
        assert_allclose([summary.deviance, summary.null_deviance], [case["deviance"], case["null_deviance"]], rtol=1e-9)
        assert_allclose([summary.aic, summary.bic], [case["aic"], case["bic"]], rtol=1e-9)
        assert (summary.df, summary.null_df) == (case["df_residual"], case["df_null"])
    found = model.predict_interval(case["predict"]["new_X"], 0.95)
    link, error = np.array(case["predict"]["link"]), 1.959963984540054 * np.array(case["predict"]["se_link"])
    assert_allclose(found.prediction, case["predict"]["response"], rtol=1e-6)
    assert_allclose(found.lower, 1 / (1 + np.exp(error - link)), rtol=1e-6)
    assert_allclose(found.upper, 1 / (1 + np.exp(-error - link)), rtol=1e-6)


@pytest.mark.parametrize("name", ["infert_logit", "pima_logit"])
def test_glm_diagnostics(shared, name):
    case, X, y, _ = load(shared, "glm", name)
    model, expected = unpenalised(X, y), case["diagnostics"]
    for kind in ("deviance", "pearson", "working"):
        assert_allclose(model.residuals_(X, y, kind=kind), expected[f"{kind}_residuals"], rtol=1e-6)
    assert_allclose(model.residuals_(X, y, kind="response"), y - expected["fitted"], rtol=1e-6)
    assert_allclose(model.leverage_(X), expected["hat"], rtol=1e-6)
    assert_allclose(model.cooks_distance_(X, y), expected["cooks_distance"], rtol=1e-6)


def test_weights(shared):
    """A table of 24 rows for 2201 people: precision or counts, as R tells them apart."""
    case, X, y, weight = load(shared, "weights", "titanic_logit")
    model = unpenalised(X, y, weight)
    prior = model.summary()
    assert_allclose(prior.standard_error, case["prior"]["se"], rtol=1e-7)
    assert_allclose([prior.deviance, prior.bic], [case["prior"]["deviance"], case["prior"]["bic"]], rtol=1e-9)
    assert prior.df == case["prior"]["df_residual"]
    counts = model.summary(weights="frequency")
    assert counts.n_observations == 2201
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    people = unpenalised(X[repeated], y[repeated])
    assert_allclose(counts.bic, people.summary().bic, rtol=1e-9)
    for kind in ("HC0", "HC1"):
        expected = people.cov_params_(kind, X=X[repeated], y=y[repeated])
        found = model.cov_params_(kind, X=X, y=y, sample_weight=weight, weights="frequency")
        assert_allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-9)


def test_multinom(shared):
    case, X, y, _ = load(shared, "multinom", "infert_education")
    model = unpenalised(X, y)
    summary = model.summary()
    assert_allclose(summary.coef, np.ravel(case["coef"]), rtol=1e-5)
    assert_allclose(summary.standard_error, np.ravel(case["se"]), rtol=1e-6)
    assert_allclose(summary.log_likelihood, case["loglik"], rtol=1e-9)
    assert summary.names[:2] == ("0.0: intercept", "0.0: x0") or summary.names[:2] == ("1.0: intercept", "1.0: x0")
    other = model.summary(base=2.0)  # contrasts between the others are the same, with the sign reversed
    assert_allclose(other.coef[:5], -summary.coef[5:], rtol=1e-9)
    assert_allclose(other.standard_error[:5], summary.standard_error[5:], rtol=1e-7)
