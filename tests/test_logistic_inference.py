"""Inference on logistic and multinomial fits: R, statsmodels, slow twins, and what it refuses to say."""

import json
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, sparse, stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from mlcraft._engine import information
from mlcraft.exceptions import CollinearityWarning, SeparationWarning
from mlcraft.linear_model import FirthLogisticRegression, LogisticRegression

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


def test_comparison_of_a_fit_that_stopped_short_warns():
    X, y = simulated(n=20_000)
    larger = unpenalised(X, y)
    with pytest.warns(ConvergenceWarning):
        smaller = unpenalised(X[:, :2], y, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="the smaller model ended at a certificate of"):
        larger.compare(smaller)


# ---------------------------------------------------------------- R


@pytest.mark.parametrize("name", GLM)
def test_glm(shared, name):
    case, X, y, weight = load(shared, "glm", name)
    model = unpenalised(X, y, weight)
    summary = model.summary()
    assert_allclose(summary.coef, case["coef"], rtol=1e-8)
    assert_allclose(summary.standard_error, case["se"], rtol=1e-8)
    assert_allclose(summary.p_value, case["p_value"], rtol=1e-5)
    assert_allclose(np.asarray(model.cov_params_()), case["vcov"], rtol=1e-7, atol=1e-10)
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
        assert_allclose(model.residuals_(X, y, kind=kind), expected[f"{kind}_residuals"], rtol=1e-7)
    assert_allclose(model.residuals_(X, y, kind="response"), y - expected["fitted"], rtol=1e-7)
    assert_allclose(model.leverage_(X), expected["hat"], rtol=1e-7)
    assert_allclose(model.cooks_distance_(X, y), expected["cooks_distance"], rtol=1e-7)


def test_weights(shared):
    """A table of 24 rows for 2201 people: precision or counts, as R tells them apart."""
    case, X, y, weight = load(shared, "weights", "titanic_logit")
    model = unpenalised(X, y, weight)
    prior = model.summary()
    assert_allclose(prior.standard_error, case["prior"]["se"], rtol=1e-8)
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
    assert_allclose(summary.coef, np.ravel(case["coef"]), rtol=1e-8, atol=1e-8)
    assert_allclose(summary.standard_error, np.ravel(case["se"]), rtol=1e-8)
    assert_allclose(summary.log_likelihood, case["loglik"], rtol=1e-9)
    assert summary.names[:2] == ("0.0: intercept", "0.0: x0") or summary.names[:2] == ("1.0: intercept", "1.0: x0")
    other = model.summary(base=2.0)  # contrasts between the others are the same, with the sign reversed
    assert_allclose(other.coef[:5], -summary.coef[5:], rtol=1e-9)
    assert_allclose(other.standard_error[:5], summary.standard_error[5:], rtol=1e-7)


# ---------------------------------------------------------------- forms of data


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, np.asfortranarray, np.float32])
def test_forms_of_X(form, classes):
    X, y = simulated(classes=classes)
    model, other = unpenalised(X, y), form(X)
    found = unpenalised(other, y)
    loose = 1e-3 if form is np.float32 else 1e-5
    for kind in ("classical", "HC0", "cluster"):
        expected = model.cov_params_(kind, X=X, y=y, groups=np.arange(len(y)) // 5)
        same = found.cov_params_(kind, X=other, y=y, groups=np.arange(len(y)) // 5)
        assert_allclose(same.standard_errors, expected.standard_errors, rtol=loose)
    assert_allclose(found.loo_proba_(other, y), model.loo_proba_(X, y), rtol=loose)
    assert_allclose(found.leverage_(other), model.leverage_(X), rtol=10 * loose)
    assert_allclose(found.residuals_(other, y), model.residuals_(X, y), rtol=10 * loose, atol=1e-5)
    assert_allclose(found.marginal_effects(other).effect, model.marginal_effects(X).effect, rtol=loose, atol=1e-6)
    assert_allclose(found.predict_interval(other).lower, model.predict_interval(X).lower, rtol=10 * loose)


def test_frames_and_labels():
    pandas = pytest.importorskip("pandas")
    X, codes = simulated(classes=3)
    y = np.array(["low", "mid", "high"])[codes]
    frame = pandas.DataFrame(X, columns=["dose", "age", "a: b"])
    model = unpenalised(frame, y)
    summary = model.summary(base="low")
    assert summary.names[:4] == ("high: intercept", "high: dose", "high: age", "high: a: b")
    assert str(summary).startswith("LogisticRegression of high, mid against low: 400 observations, 8 parameters")
    assert list(summary.to_frame().columns)[:4] == ["coef", "std_error", "z", "p_value"]
    assert "<table>" in summary._repr_html_()
    profile = model.conf_int(method="profile", columns="age", base="low", X=frame, y=y)
    assert np.flatnonzero(np.isfinite(profile.lower)).tolist() == [2, 6]
    assert model.lr_test("age", frame, y).df == (2.0,)
    assert_allclose(
        model.lr_test(["age", "dose"], frame, y).statistic,
        model.compare(unpenalised(frame[["a: b"]], y)).statistic,
        rtol=1e-6,
    )
    test = model.wald_test("high: dose = mid: dose", base="low")
    assert_allclose(test.statistic, model.contrast("high: dose - mid: dose", base="low").t ** 2, rtol=1e-10)
    assert_allclose(test.statistic, model.wald_test("high: dose", base="mid").statistic, rtol=1e-7)
    assert model.marginal_effects(frame, columns=["dose"]).names == ("dose",)


@pytest.mark.parametrize("classes", [2, 3])
def test_two_ways_to_have_the_information(classes, monkeypatch):
    """What the fit keeps, and what is computed from the rows where it would have cost too much."""
    X, y = simulated(classes=classes)
    weight = np.random.default_rng(0).uniform(0.2, 3, len(y))
    kept = LogisticRegression(C=0.5).fit(X, y, weight)
    original = information.remember_likelihood

    def stingy(*args, effort=0.0, **options):
        return original(*args, effort=effort, **options)

    monkeypatch.setattr("mlcraft.linear_model._logistic_fit.remember_likelihood", stingy)
    bare = LogisticRegression(C=0.5).fit(X, y, weight)
    with pytest.raises(ValueError, match="pass X=, y= and sample_weight="):
        bare.summary()
    found = bare.summary(X=X, y=y, sample_weight=weight)
    assert_allclose(found.standard_error, kept.summary().standard_error, rtol=1e-8)
    assert found.deviance == pytest.approx(kept.summary().deviance, rel=1e-9)
    assert np.isclose(found.tjur, kept.summary().tjur, equal_nan=True)
    assert_allclose(bare.conf_int().lower, kept.conf_int().lower, rtol=1e-7)  # it remembers now


@pytest.mark.parametrize("rows", [40, 4000])
def test_kept_as_a_matrix_or_as_a_factor(rows):
    X, y = simulated(rows, p=6)
    model = unpenalised(X, y)
    q = model.predict_proba(X).prod(axis=1)
    Z = np.column_stack([np.ones(rows), X])
    assert_allclose(np.asarray(model.cov_params_()), np.linalg.inv(Z.T @ (q[:, None] * Z)), rtol=1e-6, atol=1e-12)
    assert (model._likelihood.factor is None) == (rows == 40)
    without = unpenalised(X, y, fit_intercept=False)
    q = without.predict_proba(X).prod(axis=1)
    assert_allclose(np.asarray(without.cov_params_()), np.linalg.inv(X.T @ (q[:, None] * X)), rtol=1e-6, atol=1e-12)
    assert without.summary().null_deviance == pytest.approx(2 * rows * np.log(2))


def test_zero_weights_and_class_weights():
    X, y = simulated()
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    some = weight > 0
    model, left = unpenalised(X, y, weight), unpenalised(X[some], y[some], weight[some])
    first, second = model.summary(), left.summary()
    assert_allclose(first.standard_error, second.standard_error, rtol=1e-8)
    assert (first.n_observations, first.df) == (second.n_observations, second.df)
    assert_allclose(
        model.cov_params_("HC1", X=X, y=y, sample_weight=weight).standard_errors,
        left.cov_params_("HC1", X=X[some], y=y[some], sample_weight=weight[some]).standard_errors,
        rtol=1e-7,
    )
    assert_allclose(model.loo_proba_(X, y, weight)[~some], model.predict_proba(X)[~some], rtol=1e-9)
    balanced = unpenalised(X, y, class_weight={0: 3.0, 1: 1.0})
    same = unpenalised(X, y, np.where(y == 0, 3.0, 1.0))
    assert_allclose(
        balanced.cov_params_("HC0", X=X, y=y).standard_errors,
        same.cov_params_("HC0", X=X, y=y, sample_weight=np.where(y == 0, 3.0, 1.0)).standard_errors,
        rtol=1e-7,
    )
    assert any("Class weights" in note for note in balanced.summary().notes)
    with pytest.raises(ValueError, match="weighted classes"):
        balanced.leverage_(X)
    assert_allclose(balanced.leverage_(X, y=y).sum(), 4, rtol=1e-8)


def test_penalised_intercept():
    """liblinear's: the information with the penalty on the intercept too."""
    X, y = simulated()
    model = LogisticRegression(C=0.1, solver="liblinear").fit(X, y)
    q, Z = model.predict_proba(X).prod(axis=1), np.column_stack([np.ones(len(y)), X])
    information = Z.T @ (q[:, None] * Z)
    bread = np.linalg.inv(information + 10 * np.eye(4))
    assert_allclose(np.asarray(model.cov_params_()), bread @ information @ bread, rtol=1e-6, atol=1e-10)


# ---------------------------------------------------------------- what is determined


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("rows", [60, 6000])
def test_dependent_columns(classes, rows):
    X, y = simulated(rows, classes=classes)
    doubled = np.column_stack([X, X[:, 0] - X[:, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        model = unpenalised(doubled, y)
    clean, summary = unpenalised(X, y), model.summary()
    known = np.tile([True, False, False, True, False], classes - 1)
    assert (np.isfinite(summary.standard_error) == known).all()
    assert_allclose(
        summary.standard_error[known],
        clean.summary().standard_error[[0, 3] if classes == 2 else [0, 3, 4, 7]],
        rtol=1e-5,
    )
    assert (summary.df, summary.lr_df) == (clean.summary().df, clean.summary().lr_df)
    assert any("do not determine" in note for note in summary.notes)
    assert_allclose(model.predict_interval(doubled).lower, clean.predict_interval(X).lower, rtol=1e-5)
    outside = doubled[:2] + np.array([0.0, 0.0, 0.0, 1.0])
    assert np.isnan(model.predict_interval(outside).lower).all()
    assert_allclose(model.leverage_(doubled), clean.leverage_(X), rtol=1e-4, atol=1e-7)
    first = "x0" if classes == 2 else "1: x0"
    with pytest.raises(ValueError, match="do not determine"):
        model.wald_test(first)
    combined = model.contrast(f"{first} + {first[:-1]}3")
    assert_allclose(combined.estimate, clean.contrast(first).estimate, rtol=1e-5)
    profile = model.conf_int(method="profile", X=doubled, y=y, columns=[1, 3])
    assert np.isnan(profile.lower[1])
    assert_allclose(profile.lower[3], clean.conf_int(method="profile", X=X, y=y, columns=[3]).lower[3], rtol=1e-4)


def test_separated():
    X, y = simulated(60)
    X[:, 0] = np.where(y == 1, np.abs(X[:, 0]) + 0.1, -np.abs(X[:, 0]) - 0.1)
    with pytest.warns(SeparationWarning):
        model = unpenalised(X, y)
    summary = model.summary()
    assert any("separated" in note and "Firth" in note for note in summary.notes)
    profile = model.conf_int(method="profile", X=X, y=y)
    assert profile.upper[1] == np.inf
    assert 0 < profile.lower[1] < np.inf
    assert profile.lower[2] == -np.inf
    firth = FirthLogisticRegression().fit(X, y)
    assert np.isfinite(firth.conf_int(method="profile", X=X, y=y)).all()


def test_quasi_separated():
    """A category whose rows all have one outcome: its bound is one-sided, and the others are as without its rows."""
    X, y = simulated(200)
    rare = np.arange(200) % 10 == 0
    y[rare] = 1
    wide = np.column_stack([X, rare])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = unpenalised(wide, y)
    profile = model.conf_int(method="profile", X=wide, y=y)
    clean = unpenalised(X[~rare], y[~rare]).conf_int(method="profile", X=X[~rare], y=y[~rare])
    assert profile.upper[4] == np.inf
    assert np.isfinite(profile.lower[4])
    assert_allclose(np.asarray(profile)[:4], clean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_profile_against_refits(classes):
    """With an offset for the coefficient the fit to the rest falls by half a chi-square quantile."""
    X, y = simulated(150, classes=classes)
    model = unpenalised(X, y)
    bounds = model.conf_int(0.9, method="profile", X=X, y=y)
    Z, width = np.column_stack([np.ones(len(y)), X]), 4
    other = np.eye(classes)[y][:, 1:]

    def minus(theta):
        eta = Z @ theta.reshape(-1, width).T
        logs = np.log(1 + np.exp(eta).sum(axis=1))
        q = np.exp(eta - logs[:, None])
        return logs.sum() - (eta * other).sum(), ((q - other).T @ Z).ravel()

    best = -model.summary().log_likelihood
    for j in range(width * (classes - 1)):
        for bound in (bounds.lower[j], bounds.upper[j]):
            rest = np.arange(width * (classes - 1)) != j

            def held(free, j=j, bound=bound, rest=rest):
                theta = np.full(len(rest), bound)
                theta[rest] = free
                value, gradient = minus(theta)
                return value, gradient[rest]

            found = optimize.minimize(held, model.summary().coef[rest], jac=True, method="BFGS", options={"gtol": 1e-7})
            assert_allclose(2 * (found.fun - best), stats.chi2.ppf(0.9, 1), rtol=1e-5)


# ---------------------------------------------------------------- what is refused


def test_refusals():
    X, y = simulated()
    model, penalised = unpenalised(X, y), LogisticRegression().fit(X, y)
    for text, call in [
        ("fit with C=np.inf", lambda: penalised.conf_int(method="profile", X=X, y=y)),
        ("fit with C=np.inf", lambda: penalised.lr_test("x0", X, y)),
        ("fit with C=np.inf", lambda: penalised.compare(model)),
        ("needs the rows", lambda: model.conf_int(method="profile")),
        ("needs the rows", lambda: model.summary(covariance="HC0")),
        ("needs groups", lambda: model.summary(covariance="cluster", X=X, y=y)),
        ("one cluster only", lambda: model.cov_params_("CR0", X=X, y=y, groups=np.zeros(len(y)))),
        ("unknown covariance 'HC7'", lambda: model.cov_params_("HC7")),
        ("weights must be one of", lambda: model.cov_params_(weights="exact")),
        ("Ask for 'HC0'", lambda: model.summary(weights="sampling")),
        ("no HC0 version", lambda: model.conf_int(method="profile", covariance="HC0", X=X, y=y)),
        ("'wald' or 'profile'", lambda: model.conf_int(method="exact")),
        ("level must lie", lambda: model.conf_int(1.5)),
        ("no parameter 'x9'", lambda: model.lr_test("x9", X, y)),
        ("no column 'x9'", lambda: model.marginal_effects(X, columns=["x9"])),
        ("base must be one of", lambda: model.summary(base=7)),
        ("weights sum to", lambda: model.leverage_(X[:-1])),
        ("the log-likelihood was", lambda: model.loo_proba_(X[::-1], y)),
        ("other weights now", lambda: model.residuals_(X, 1 - np.abs(y - 1) * (X[:, 0] > 0))),
        ("none of the classes", lambda: model.residuals_(X, y + 5)),
        ("kind must be one of", lambda: model.residuals_(X, y, kind="odd")),
        ("nested in this one", lambda: unpenalised(X[:, :1], y).compare(model)),
        ("the same rows", lambda: model.compare(unpenalised(X[:-1], y[:-1]))),
    ]:
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(TypeError, match="unexpected argument 'z'"):
        model.summary(z=1)
    with pytest.raises(NotFittedError):
        LogisticRegression().summary()
    three = unpenalised(*simulated(classes=3))
    with pytest.raises(ValueError, match="two classes"):
        three.cooks_distance_(*simulated(classes=3))


def test_results_travel():
    X, y = simulated()
    model = pickle.loads(pickle.dumps(unpenalised(X, y)))
    summary = model.summary()
    assert str(pickle.loads(pickle.dumps(summary))) == str(summary)
    copy = clone(model).fit(X, y)
    assert_allclose(copy.summary().coef, summary.coef)
    assert np.asarray(model.cov_params_()).shape == (4, 4)
    robust = model.cov_params_("HC1", X=X, y=y)
    assert_allclose(model.summary(covariance=robust).standard_error, robust.standard_errors)
    assert model.predict_interval(X[:5], [0.9, 0.95]).lower.shape == (5, 2)
    interval = model.predict_interval(X, 0.9, covariance=robust)
    assert ((interval.lower >= 0) & (interval.upper <= 1) & (interval.lower <= interval.prediction)).all()
    assert "likelihood ratio" in str(model.lr_test("x0", X, y))
    assert "profile likelihood" in str(model.conf_int(method="profile", X=X, y=y))
