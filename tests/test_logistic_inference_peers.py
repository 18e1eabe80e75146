"""Logistic and multinomial inference against statsmodels, refits and slow twins."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, sparse
from sklearn.datasets import load_breast_cancer
from test_logistic_inference import simulated, unpenalised

from mlcraft.exceptions import LeverageWarning
from mlcraft.linear_model import FirthLogisticRegression, LogisticRegression

PENALTIES = [np.inf, 1.0, 0.05]


def with_constant(X):
    return np.column_stack([np.ones(len(X)), X])


def softmax(eta):
    e = np.exp(eta - eta.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------- statsmodels


@pytest.fixture(scope="module")
def statsmodels():
    return pytest.importorskip("statsmodels.api")


@pytest.mark.parametrize("classes", [2, 3])
def test_covariances(statsmodels, classes):
    X, y = simulated(classes=classes)
    groups = np.arange(len(y)) // 7
    peer = (statsmodels.Logit if classes == 2 else statsmodels.MNLogit)(y, with_constant(X))
    model = unpenalised(X, y)
    options = {"disp": 0, "method": "newton", "maxiter": 100, "tol": 1e-14}
    for kind, ours, extra in [
        ("nonrobust", "classical", {}),
        ("HC0", "HC0", {}),
        ("cluster", "cluster", {"cov_kwds": {"groups": groups}}),
    ]:
        expected = peer.fit(cov_type=kind, **extra, **options)
        found = model.cov_params_(ours, X=X, y=y, groups=groups)
        assert_allclose(found.standard_errors, np.ravel(expected.bse, order="F"), rtol=2e-6)
    left = len(y) - 4 * (classes - 1)
    robust = model.cov_params_("HC1", X=X, y=y).standard_errors / model.cov_params_("HC0", X=X, y=y).standard_errors
    assert_allclose(robust, np.sqrt(len(y) / left), rtol=1e-12)
    clusters = groups.max() + 1
    ratio = (
        model.cov_params_("CR1", X=X, y=y, groups=groups).matrix
        / model.cov_params_("CR0", X=X, y=y, groups=groups).matrix
    )
    assert_allclose(ratio, clusters / (clusters - 1), rtol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("discrete", [False, "auto"])
def test_marginal_effects(statsmodels, classes, discrete):
    X, y = simulated(classes=classes)
    X[:, 1] = X[:, 1] > 1
    model = unpenalised(X, y)
    found = model.marginal_effects(X, discrete=discrete)
    assert found.discrete == (False, discrete == "auto", False)
    effects = effects_twin(model, X, discrete)
    theta = model.summary().coef
    assert_allclose(found.effect, effects(theta), rtol=1e-8)
    steps = 1e-5 * np.eye(len(theta))
    gradient = np.stack([(effects(theta + step) - effects(theta - step)) / 2e-5 for step in steps], axis=-1)
    variance = np.einsum("...i,ij,...j->...", gradient, np.asarray(model.cov_params_()), gradient)
    assert_allclose(found.standard_error, np.sqrt(variance), rtol=1e-6)
    if classes == 2 or not discrete:  # statsmodels fails on discrete effects of several classes
        peer = (statsmodels.Logit if classes == 2 else statsmodels.MNLogit)(y, with_constant(X))
        expected = peer.fit(disp=0, method="newton", tol=1e-14).get_margeff(dummy=discrete == "auto")
        assert_allclose(found.effect, expected.margeff.T, rtol=1e-6, atol=1e-9)
        assert_allclose(found.standard_error, expected.margeff_se.T, rtol=2e-5)
    one = model.marginal_effects(X, columns=["x2"], discrete=discrete)
    assert_allclose(one.effect, found.effect[..., 2:], rtol=1e-12)
    assert len(found.to_frame()) == found.effect.size
    assert "average marginal effects" in str(found)


def effects_twin(model, X, discrete):
    """Average effects of the columns of X as a function of the contrasts with the first class."""

    def chance(X, theta):
        eta = with_constant(X) @ theta.reshape(-1, X.shape[1] + 1).T
        return softmax(np.column_stack([np.zeros(len(X)), eta]))

    def effects(theta):
        found = []
        for j in range(X.shape[1]):
            high, low, size = X.copy(), X.copy(), 1.0
            if discrete == "auto" and j == 1:
                high[:, j], low[:, j] = 1.0, 0.0
            else:
                high[:, j] += 1e-5
                low[:, j] -= 1e-5
                size = 2e-5
            found.append((chance(high, theta) - chance(low, theta)).mean(axis=0) / size)
        found = np.array(found).T
        return found[1] if len(found) == 2 else found

    return effects


def test_frequency_weights(statsmodels):
    X, y = simulated()
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float)
    peer = statsmodels.GLM(y, with_constant(X), family=statsmodels.families.Binomial(), freq_weights=weight)
    expected, model = peer.fit(tol=1e-14), unpenalised(X, y, weight)
    summary = model.summary(weights="frequency")
    assert_allclose(summary.standard_error, expected.bse, rtol=1e-6)
    assert_allclose(summary.deviance, expected.deviance, rtol=1e-10)
    assert summary.n_observations == weight.sum()
    assert model.summary().n_observations == np.count_nonzero(weight)


# ---------------------------------------------------------------- slow twins


def all_classes(model, X, y, weight):
    """Information and penalty of all classes at once, by the textbook, and the contrasts with the first."""
    Z, classes = with_constant(X), model.classes_
    width, count = Z.shape[1], len(classes)
    q = softmax(X @ model.coef_.T + model.intercept_) if count > 2 else model.predict_proba(X)
    blocks = q[:, :, None] * (np.eye(count) - q[:, None, :]) * weight[:, None, None]
    information = np.einsum("nkl,np,nq->kplq", blocks, Z, Z).reshape(count * width, count * width)
    scores = (((y[:, None] == classes) - q)[:, :, None] * Z[:, None, :]).reshape(len(y), -1)
    penalty = np.kron(np.eye(count), np.diag([0.0] + [1.0] * (width - 1)))
    contrasts = np.kron(np.eye(count)[1:] - np.eye(count)[0], np.eye(width))
    return information, scores, penalty, contrasts


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("classes", [2, 4])
def test_penalised_covariance(penalty, classes):
    """For more than two classes: the pseudo-inverse over all classes, of which every contrast is estimable."""
    X, y = simulated(classes=classes)
    weight = np.random.default_rng(2).uniform(0.5, 2, len(y))
    model = LogisticRegression(C=penalty).fit(X, y, weight)
    information, scores, ridge, contrasts = all_classes(model, X, y, weight)
    theta = np.column_stack([model.intercept_, model.coef_]).ravel()
    if classes == 2:
        part = slice(X.shape[1] + 1, None)
        information, scores, ridge, contrasts = (
            information[part, part],
            scores[:, part],
            ridge[part, part],
            np.eye(X.shape[1] + 1),
        )
    bread = np.linalg.pinv(information + ridge / penalty, rcond=1e-13)
    for kind, middle in (
        ("classical", information),
        ("HC0", (scores * weight[:, None]).T @ (scores * weight[:, None])),
    ):
        found = model.cov_params_(kind, X=X, y=y, sample_weight=weight)
        assert_allclose(np.asarray(found), contrasts @ bread @ middle @ bread @ contrasts.T, rtol=1e-6, atol=1e-10)
    if penalty < np.inf:
        assert_allclose(found.bias, -contrasts @ bread @ ridge @ theta / penalty, rtol=1e-5, atol=1e-9)
        assert_allclose(model.summary().df, len(y) - np.trace(bread @ information), rtol=1e-7)
        assert any("C=np.inf" in note for note in found.notes)
    else:
        assert found.bias is None


@pytest.mark.parametrize(
    ("classes", "penalty", "rows"), [(2, np.inf, 120), (2, 0.05, 120), (3, np.inf, 12), (3, 1.0, 12)]
)
def test_leave_one_out(classes, penalty, rows):
    """One step of Newton's method: within 3 % of what leaving out the rows changes, on the whole."""
    X, y = simulated(120, classes=classes, seed=3)
    weight = np.random.default_rng(4).uniform(0.5, 2, len(y))
    model = LogisticRegression(C=penalty).fit(X, y, weight)
    found = model.loo_proba_(X, y, weight)[:rows]
    refit = np.empty_like(found)
    for i in range(rows):
        rest = np.arange(len(y)) != i
        refit[i] = LogisticRegression(C=penalty).fit(X[rest], y[rest], weight[rest]).predict_proba(X[i : i + 1])[0]
    change = np.abs(refit - model.predict_proba(X[:rows]))
    assert np.abs(found - refit).max() < 0.1 * change.max()
    assert np.linalg.norm(found - refit) < 0.03 * np.linalg.norm(change)
    assert_allclose(model.leverage_(X, weight).sum(), len(y) - model.summary().df, rtol=1e-7)


def test_leave_one_out_of_a_lonely_row():
    """A penalty so weak that the only row of a category has leverage one but for rounding."""
    X, y = simulated()
    X = np.column_stack([X, np.arange(len(y)) == 5])
    model = LogisticRegression(C=1e14).fit(X, y)
    model._likelihood = dataclasses.replace(model._likelihood, penalty=0.0)
    with pytest.warns(LeverageWarning, match="rows 5"):
        found = model.loo_proba_(X, y)
    assert np.isnan(found[5]).all()
    assert np.isfinite(np.delete(found, 5, axis=0)).all()


# ---------------------------------------------------------------- Firth


def firth_objective(Z, y, weight):
    def value(theta):
        eta = Z @ theta
        mu = 1 / (1 + np.exp(-eta))
        sign, half = np.linalg.slogdet(Z.T @ ((weight * mu * (1 - mu))[:, None] * Z))
        return np.logaddexp(0, eta) @ weight - (weight * y) @ eta - 0.5 * half if sign > 0 else np.inf

    return value


@pytest.mark.parametrize("separated", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_firth_against_a_slow_twin(separated, weighted):
    random = np.random.default_rng(5)
    X = random.standard_normal((40, 2)) * [1.0, 10.0] + [0.0, 5.0]
    y = (X[:, 0] + (0.0 if separated else 1.0) * random.standard_normal(40) > 0).astype(float)
    weight = random.integers(1, 4, 40).astype(float) if weighted else np.ones(40)
    model = FirthLogisticRegression().fit(X, y, weight if weighted else None)
    Z = with_constant(X)
    objective = firth_objective(Z, y, weight)
    start = np.append(model.intercept_, model.coef_)
    twin = optimize.minimize(objective, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    twin = optimize.minimize(objective, twin.x, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14})
    assert_allclose(start, twin.x, rtol=1e-5, atol=1e-6)
    assert objective(start) <= twin.fun + 1e-12
    summary = model.summary(method="profile", X=X, y=y, sample_weight=weight if weighted else None)
    assert_allclose(summary.log_likelihood, -twin.fun, rtol=1e-10)
    bounds = np.asarray(model.conf_int(method="profile", X=X, y=y, sample_weight=weight if weighted else None))
    assert_allclose(bounds[1:, 0], summary.lower[1:])
    for j in (1, 2):
        for bound in bounds[j]:
            others = [k for k in range(3) if k != j]

            def profile(rest, j=j, bound=bound, others=others):
                theta = np.zeros(3)
                theta[j], theta[others] = bound, rest
                return objective(theta)

            best = min(
                optimize.minimize(profile, begin, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-11}).fun
                for begin in (start[others], start[others] * bound / start[j])
            )
            assert_allclose(2 * (best - twin.fun), 3.841458820694124, rtol=1e-5)
    test = model.lr_test("x0", X, y, weight if weighted else None)
    rest = optimize.minimize(
        lambda rest: objective(np.array([rest[0], 0.0, rest[1]])),
        np.zeros(2),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12},
    )
    assert_allclose(test.statistic, 2 * (rest.fun - twin.fun), rtol=1e-6)


@pytest.mark.parametrize("table", [(7, 0, 3, 5), (4, 4, 9, 2), (0, 6, 6, 0)])
def test_firth_adds_a_half_to_each_cell_of_a_table(table):
    a, b, c, d = table
    X, y = np.array([[1.0], [1.0], [0.0], [0.0]]), np.array(["yes", "no", "yes", "no"])
    model = FirthLogisticRegression().fit(X, y, np.array(table, dtype=float))
    assert_allclose(model.coef_[0, 0], np.log((a + 0.5) * (d + 0.5) / (b + 0.5) / (c + 0.5)), rtol=1e-9)
    assert_allclose(model.intercept_[0], np.log((c + 0.5) / (d + 0.5)), rtol=1e-9)
    assert list(model.predict([[0.0]])) == ["yes" if c > d else "no"]


def test_firth_forms():
    X, y = simulated(60)
    model = FirthLogisticRegression().fit(X, y)
    for other in (sparse.csr_array(X), np.asfortranarray(X)):
        assert_allclose(FirthLogisticRegression().fit(other, y).coef_, model.coef_, rtol=1e-9)
    scaled = FirthLogisticRegression().fit(X * [1e-6, 1.0, 1e6], y)
    assert_allclose(scaled.coef_ * [1e-6, 1.0, 1e6], model.coef_, rtol=1e-6)
    without = FirthLogisticRegression(fit_intercept=False).fit(with_constant(X), y)
    assert_allclose(without.coef_[0], np.append(model.intercept_, model.coef_), rtol=1e-8)
    repeated = FirthLogisticRegression().fit(np.column_stack([X, X[:, 0]]), y)
    assert_allclose(repeated.predict_proba(np.column_stack([X, X[:, 0]])), model.predict_proba(X), rtol=1e-6)
    with pytest.raises(ValueError, match="Only binary"):
        FirthLogisticRegression().fit(X, np.arange(60) % 3)
    with pytest.warns(Warning, match="did not converge in 2 iterations"):
        FirthLogisticRegression(max_iter=2).fit(X, y)
    assert np.isnan(model.summary().aic)
    assert any("profile" in note for note in model.summary().notes)
    with pytest.raises(ValueError, match="lr_test"):
        model.compare(FirthLogisticRegression().fit(X[:, :1], y))


def test_same_bits_for_any_number_of_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    X, y = simulated(30_000, p=7)

    def answers():
        model = unpenalised(X, y)
        found = [model.summary().standard_error, model.cov_params_("HC0", X=X, y=y).matrix, model.loo_proba_(X, y)]
        found += [model.marginal_effects(X).standard_error, np.array([model.summary().tjur])]
        return [*found, model.conf_int(method="profile", columns="x2", X=X, y=y).lower]

    several = answers()
    with threadpoolctl.threadpool_limits(1):
        for one, other in zip(answers(), several, strict=True):
            np.testing.assert_array_equal(one, other)


def test_titanic(shared, statsmodels):
    """Real data: survival by class, sex, age and fare, with families (tickets) as clusters."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(shared("data/titanic.parquet")).dropna(subset=["age", "fare"])
    X = pandas.DataFrame({name: table[name].astype(float) for name in ("pclass", "age", "fare", "sibsp")})
    X["female"] = (table["sex"] == "female").astype(float)
    y = table["survived"].astype(int)
    model = unpenalised(X, y)
    peer = statsmodels.Logit(y.to_numpy(), with_constant(X))
    expected = peer.fit(disp=0, method="newton", tol=1e-14)
    summary = model.summary()
    assert_allclose(summary.coef, expected.params, rtol=1e-8)
    assert_allclose(summary.standard_error, expected.bse, rtol=1e-8)
    assert_allclose([summary.mcfadden, summary.lr_statistic], [expected.prsquared, expected.llr], rtol=1e-9)
    found = model.marginal_effects(X)
    effects = expected.get_margeff(dummy=True)
    assert found.discrete == (False, False, False, False, True)
    assert_allclose(found.effect, effects.margeff, rtol=1e-7)
    assert_allclose(found.standard_error, effects.margeff_se, rtol=1e-6)
    groups = np.unique(table["ticket"].astype(str), return_inverse=True)[1]
    robust = peer.fit(disp=0, method="newton", tol=1e-14, cov_type="cluster", cov_kwds={"groups": groups})
    ours = model.cov_params_("cluster", X=X, y=y, groups=table["ticket"].astype(str).to_numpy())
    assert_allclose(ours.standard_errors, robust.bse, rtol=1e-7)
    rest = statsmodels.Logit(y.to_numpy(), with_constant(X.drop(columns=["fare", "sibsp"]))).fit(disp=0, tol=1e-14)
    assert_allclose(model.lr_test(["fare", "sibsp"], X, y).statistic, 2 * (expected.llf - rest.llf), rtol=1e-7)


def test_firth_on_separated_real_data():
    """Thirty columns that tell 569 tumours apart: the score of the penalised likelihood is zero."""
    X, y = load_breast_cancer(return_X_y=True)
    Z = with_constant((X - X.mean(axis=0)) / X.std(axis=0))
    model = FirthLogisticRegression().fit(X, y)
    q = model.predict_proba(X)
    root = np.linalg.qr(np.sqrt(q.prod(axis=1))[:, None] * Z)[0]
    score = Z.T @ (y - q[:, 1] + (root**2).sum(axis=1) * (0.5 - q[:, 1]))
    assert np.abs(score).max() < 1e-6
    assert np.isfinite(model.summary().standard_error).all()
