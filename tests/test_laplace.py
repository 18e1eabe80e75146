"""The Laplace posterior: slow twins, the posterior itself, what each way to average says, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn.linear_model as theirs
from numpy.testing import assert_allclose
from reference import laplace as twin
from scipy import sparse, stats
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlcraft.exceptions import CollinearityWarning, SeparationWarning
from mlcraft.linear_model import BayesianRidge, FirthLogisticRegression, LogisticRegression, LogisticRegressionCV
from mlcraft.uncertainty import evidence_path, laplace
from mlcraft.uncertainty.posterior._predictive import averages_of_two


def drawn(n=150, p=3, classes=2, seed=0, C=1.0):
    """X, codes, and the coefficients they were drawn with, themselves from the prior."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.3
    B = rng.normal(0, np.sqrt(C), (classes if classes > 2 else 1, p))
    eta = X @ B.T
    eta = np.column_stack([np.zeros(n), eta]) if classes == 2 else eta
    return X, (eta + rng.gumbel(size=eta.shape)).argmax(axis=1), B


# ---------------------------------------------------------------- against slow twins


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("C", [0.3, 5.0])
def test_mode_covariance_and_evidence_of_the_joint_density(C, classes):
    X, y, _ = drawn(60, 2, classes)
    posterior = laplace(LogisticRegression(C=C).fit(X, y))
    if classes == 2:

        def joint(flat):
            both = np.vstack([np.zeros(3), flat])
            value = twin.log_joint(both, X, y, C, 2)
            return value + 0.5 * 2 * np.log(2 * np.pi * C)  # the first class has no coefficients here

        mode = posterior.mean
        expected = np.linalg.inv(-twin.hessian(joint, mode))
        evidence = joint(mode) + 0.5 * 3 * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(expected)[1]
    else:
        centring = np.eye(3) - 1.0 / 3

        def joint(flat):  # of all classes; the sum of their intercepts is held
            theta = flat.reshape(3, 3)
            return twin.log_joint(theta, X, y, C, 3) - 0.5 * theta[:, 0].sum() ** 2

        theta = np.vstack([np.zeros(3), posterior.mean.reshape(2, 3)])
        mode = (centring @ theta).ravel()
        whole = np.linalg.inv(-twin.hessian(joint, mode))
        contrast = np.kron(np.array([[-1.0, 1, 0], [-1, 0, 1]]), np.eye(3))
        expected = contrast @ whole @ contrast.T
        # all nine, less the sum of the intercepts (a factor of its own: sqrt(2 pi), over contrasts of determinant 3)
        evidence = joint(mode) + 0.5 * 9 * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(whole)[1]
        evidence += -0.5 * np.log(2 * np.pi) + np.log(3)
    assert_allclose(posterior.covariance, expected, rtol=2e-5, atol=1e-7)
    assert_allclose(posterior.log_evidence, evidence, rtol=1e-6)


def test_near_the_posterior_itself_and_the_nearer_the_more_rows():
    errors = []
    for n in (40, 80, 320):
        X, y, _ = drawn(n, 1, seed=3)
        grid, weight, evidence = twin.posterior_on_a_grid(X, y, 1.0, 3.5, 141)
        posterior = laplace(LogisticRegression().fit(X, y))
        new = np.linspace(-6, 6, 9)
        q = 1 / (1 + np.exp(-grid[:, :1] - grid[:, 1:] * new))
        parts = posterior.predict_parts(new[:, np.newaxis])
        exact = weight @ q
        spread = np.sqrt(weight @ q**2 - exact**2)
        errors.append(
            [
                np.abs(parts.mean[:, 1] - exact).max(),
                np.abs(parts.epistemic[:, 1] - spread).max(),
                abs(posterior.log_evidence - evidence),
            ]
        )
        mean = weight @ grid
        assert np.abs(posterior.mean - mean).max() < 0.35 * posterior.standard_deviation.max()
    assert np.all(np.array(errors[0]) < [0.02, 0.02, 0.06])
    assert np.all(np.array(errors[2]) < np.array(errors[0]) / 2)


@pytest.mark.parametrize("s", [1e-6, 0.1, 0.7, 0.999, 1.0, 1.5, 6.0, 80.0])
def test_averages_of_two_classes_are_exact(s):
    mu = np.array([-30.0, -7.0, -0.4, 0.0, 2.5, 12.0])
    q, variance, entropy = averages_of_two(mu, np.full(6, s))
    expected = np.array([twin.average_of_two(each, s) for each in mu])
    assert_allclose(q[:, 1], expected[:, 0], rtol=0, atol=1e-11)
    assert_allclose(variance, expected[:, 1], rtol=0, atol=1e-11)
    assert_allclose(entropy, expected[:, 2], rtol=0, atol=1e-11)
    assert_allclose(q[:, 0], averages_of_two(-mu, np.full(6, s))[0][:, 1], rtol=1e-12, atol=1e-15)


# ---------------------------------------------------------------- ways to average


def test_probit_is_within_two_hundredths_and_sampling_within_its_error():
    X, y, _ = drawn(80, 3, seed=1)
    posterior = laplace(LogisticRegression(C=3).fit(X, y))
    far = np.random.default_rng(2).standard_normal((200, 3)) * 20
    exact = posterior.predict_proba(far, "quadrature")
    np.testing.assert_array_equal(exact, posterior.predict_proba(far))
    assert np.abs(posterior.predict_proba(far, "probit") - exact).max() < 0.02
    sampled = posterior.predict_proba(far, "sampling", n_samples=4000, random_state=0)
    assert np.abs(sampled - exact).max() < 4 * 0.5 / np.sqrt(4000)
    assert np.abs(exact - 0.5).max() < np.abs(posterior.estimator.predict_proba(far) - 0.5).max()


def test_more_classes_by_pairs_and_by_draws():
    X, y = load_iris(return_X_y=True)
    posterior = laplace(LogisticRegression().fit(X, y))
    sampled = posterior.predict_proba(X, "sampling", n_samples=6000, random_state=0)
    pairs, auto = posterior.predict_proba(X, "probit"), posterior.predict_proba(X)
    assert np.abs(pairs - sampled).max() < 0.05
    assert np.abs(auto - sampled).max() < 0.02
    np.testing.assert_array_equal(auto, posterior.predict_proba(X))
    assert_allclose(pairs.sum(axis=1), 1)
    drawn_ = posterior.posterior_samples(6000, random_state=1)
    eta = np.einsum("skj,nj->nsk", drawn_.reshape(-1, 2, 5), np.column_stack([np.ones(150), X]))
    each = np.exp(np.concatenate([np.zeros((150, 6000, 1)), eta], axis=2))
    each /= each.sum(axis=2, keepdims=True)
    assert np.abs(each.mean(axis=1) - sampled).max() < 0.03
    parts = posterior.predict_parts(X, n_samples=6000, random_state=0)
    assert np.abs(each.std(axis=1) - parts.epistemic).max() < 0.02


@pytest.mark.parametrize("classes", [2, 4])
def test_parts_add_up(classes):
    X, y, _ = drawn(200, 3, classes)
    posterior = laplace(LogisticRegression().fit(X, y))
    mean, epistemic, aleatoric = posterior.predict_parts(X * 5, random_state=0)
    assert_allclose(epistemic**2 + aleatoric**2, mean * (1 - mean), atol=1e-12)
    mean, epistemic, aleatoric = posterior.predict_parts(X * 5, "entropy", random_state=0)
    assert_allclose(epistemic + aleatoric, -(mean * np.log(mean)).sum(axis=1), atol=1e-9)
    assert epistemic.min() >= 0


def test_more_rows_leave_less_epistemic_and_as_much_aleatoric():
    X, y, _ = drawn(100, 2, seed=4)
    new = np.array([[1.0, -0.5], [0.2, 2.0]])
    few = laplace(LogisticRegression().fit(X, y)).predict_parts(new)
    many = laplace(LogisticRegression().fit(np.tile(X, (100, 1)), np.tile(y, 100))).predict_parts(new)
    assert np.all(many.epistemic < few.epistemic / 5)
    assert np.all(many.aleatoric > 0.9 * few.aleatoric)


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("base", [1, 2])
def test_the_base_changes_parameters_only(base):
    X, y, _ = drawn(200, 3, 3)
    model = LogisticRegression().fit(X, y)
    first, other = laplace(model), laplace(model, base=base)
    assert_allclose(other.log_evidence, first.log_evidence, rtol=1e-10)
    assert_allclose(other.predict_proba(X, "probit"), first.predict_proba(X, "probit"), rtol=1e-8)
    assert_allclose(
        other.predict_proba(X, "sampling", n_samples=3000, random_state=0),
        first.predict_proba(X, "sampling", n_samples=3000, random_state=1),
        atol=0.02,
    )
    assert_allclose(other.effective_df, first.effective_df)


def test_weights_are_repetitions():
    X, y, _ = drawn(90, 3, 3)
    counts = np.random.default_rng(0).integers(0, 4, 90)
    weighted = laplace(LogisticRegression(), X, y, sample_weight=counts)
    again = np.repeat(np.arange(90), counts)
    repeated = laplace(LogisticRegression(), X[again], y[again])
    assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-6, atol=1e-10)
    assert_allclose(weighted.log_evidence, repeated.log_evidence, rtol=1e-9)


@pytest.mark.parametrize("storage", [sparse.csr_matrix, np.asfortranarray, lambda X: X.astype(np.float32)])
def test_storages(storage):
    X, y, _ = drawn(300, 4)
    expected = laplace(LogisticRegression(), X, y)
    found = laplace(LogisticRegression(), storage(X), y)
    assert_allclose(found.covariance, expected.covariance, rtol=1e-4, atol=1e-8)
    assert_allclose(found.predict_proba(storage(X)), expected.predict_proba(X), rtol=1e-4)


def test_no_intercept_a_pipeline_a_frame_and_rows_that_the_fit_did_not_keep():
    pandas = pytest.importorskip("pandas")
    X, y, _ = drawn(300, 3)
    frame = pandas.DataFrame(X * [1, 10, 100], columns=["a", "b", "c"])
    labels = np.array(["no", "yes"])[y]
    piped = laplace(make_pipeline(StandardScaler(), LogisticRegression()), frame, labels)
    scaled = laplace(LogisticRegression(fit_intercept=False), StandardScaler().fit_transform(X), y)
    assert piped.names == ("intercept", "x0", "x1", "x2")
    assert scaled.names == piped.names[1:]
    assert_allclose(
        piped.predict_parts(frame).epistemic[:, 1],
        scaled.predict_parts(piped.estimator[0].transform(frame)).epistemic[:, 1],
        atol=0.05,
    )
    assert set(piped.predict(frame)) == {"no", "yes"}
    assert laplace(LogisticRegression(), frame, labels).names[1:] == ("a", "b", "c")
    model = LogisticRegression().fit(X, y)
    kept = laplace(model)
    model._likelihood = replace(model._likelihood, factor=None, matrix=None)
    with pytest.raises(ValueError, match="this fit kept no information matrix"):
        laplace(model)
    assert_allclose(laplace(model, X, y).covariance, kept.covariance, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_other_fits():
    X, y, _ = drawn(300, 3)
    chosen = LogisticRegressionCV(Cs=[0.5], use_legacy_attributes=False).fit(X, y)
    assert_allclose(laplace(chosen).covariance, laplace(LogisticRegression(C=0.5).fit(X, y)).covariance, rtol=1e-5)
    firth = laplace(FirthLogisticRegression().fit(X, y))
    assert_allclose(firth.covariance, np.asarray(firth.estimator.cov_params_()), rtol=1e-8)
    assert "Jeffreys" in firth.notes[0]
    flat = laplace(LogisticRegression(C=np.inf).fit(X, y))
    assert_allclose(flat.covariance, np.asarray(flat.estimator.cov_params_()), rtol=1e-8)
    for posterior in (firth, flat):
        with pytest.raises(ValueError, match="finite C"):
            posterior.log_evidence


def test_intervals_and_texts():
    pytest.importorskip("pandas")
    X, y, _ = drawn()
    posterior = laplace(LogisticRegression().fit(X, y))
    bounds = posterior.interval(0.95)
    assert_allclose(bounds.upper - bounds.lower, 2 * 1.959963984540054 * posterior.standard_deviation)
    assert bounds["x1"] == (bounds.lower[2], bounds.upper[2])
    assert "of 4 parameters known" in str(posterior)
    assert list(posterior.to_frame().columns) == ["mean", "std", "lower", "upper"]
    assert "4 parameters" in repr(posterior)
    drawn_ = posterior.posterior_samples(50_000, random_state=0)
    assert_allclose(drawn_.mean(axis=0), posterior.mean, atol=5 * posterior.standard_deviation.max() / 50_000**0.5)
    assert_allclose(np.cov(drawn_.T), posterior.covariance, atol=0.03 * posterior.covariance.max())


# ---------------------------------------------------------------- evidence


def test_evidence_finds_the_variance_that_coefficients_were_drawn_with():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3):
        X = rng.standard_normal((1000, 40))
        b = rng.normal(0, 0.5, 40)
        y = (rng.random(1000) < 1 / (1 + np.exp(-X @ b))).astype(int)
        found.append(evidence_path(LogisticRegression(), X, y, Cs=np.geomspace(1e-3, 1e2, 6)).C)
    assert_allclose(np.exp(np.mean(np.log(found))), 0.25, rtol=0.3)


def test_evidence_path_equals_single_fits_and_peaks_between():
    X, y = load_breast_cancer(return_X_y=True)
    path = evidence_path(make_pipeline(StandardScaler(), LogisticRegression()), X, y, Cs=[30, 0.1, 1.0])
    assert_allclose(path.Cs, [0.1, 1.0, 30])
    for C, value, df in zip(path.Cs, path.log_evidence, path.effective_df, strict=True):
        single = laplace(make_pipeline(StandardScaler(), LogisticRegression(C=C)), X, y)
        assert_allclose([value, df], [single.log_evidence, single.effective_df], rtol=1e-6)
    assert path.posterior.log_evidence > path.log_evidence.max()
    assert 1.0 < path.C < 30
    assert_allclose(path.posterior.estimator.predict(X), path.posterior.predict(X))
    assert path.posterior.estimator[-1].C == path.C
    assert not path.posterior.estimator[-1].warm_start
    rough = evidence_path(LogisticRegression(), StandardScaler().fit_transform(X), y, Cs=[0.1, 1.0, 30], refine=False)
    assert rough.C == 1.0 or rough.C == 30
    with pytest.warns(UserWarning, match=r"largest at C=0.1, the largest of Cs"):
        evidence_path(LogisticRegression(), StandardScaler().fit_transform(X), y, Cs=[0.01, 0.1])


# ---------------------------------------------------------------- refused


def test_what_is_refused():
    X, y, _ = drawn()
    model = LogisticRegression().fit(X, y)
    with pytest.raises(NotFittedError):
        laplace(LogisticRegression())
    with pytest.raises(TypeError, match=r"needs a LogisticRegression of mlcraft.*got BayesianRidge.*BayesianRidge"):
        laplace(BayesianRidge(), X, y)
    with pytest.raises(TypeError, match="got DecisionTreeClassifier"):
        laplace(DecisionTreeClassifier(), X, y)
    for other in (theirs.LogisticRegression(), make_pipeline(StandardScaler(), FirthLogisticRegression())):
        with pytest.raises((TypeError, ValueError), match=r"got LogisticRegression|Invalid parameter"):
            evidence_path(other, X, y)
    forgotten = LogisticRegression().fit(X, y)
    del forgotten._likelihood
    with pytest.raises(ValueError, match="remembers nothing of the rows"):
        laplace(forgotten)
    improper = r"the posterior is improper: there is no penalty, and"
    with pytest.raises(ValueError, match=improper + " columns are dependent"), pytest.warns(CollinearityWarning):
        laplace(LogisticRegression(C=np.inf), np.column_stack([X, X[:, 0]]), y)
    with pytest.warns(SeparationWarning), pytest.raises(ValueError, match=improper + " the classes are separated"):
        laplace(LogisticRegression(C=np.inf), X, (X[:, 0] > 0).astype(int))
    with pytest.raises(ValueError, match="the model was fitted on"):
        laplace(model, X[:50], y[:50])
    posterior = laplace(model)
    for call in (lambda: posterior.predict_proba(X, "mc"), lambda: posterior.predict_parts(X, "gini")):
        with pytest.raises(ValueError, match="must be"):
            call()
    with pytest.raises(ValueError, match="n_samples must be at least 1, got 0"):
        posterior.posterior_samples(0)
    with pytest.raises(ValueError, match="4 features"):
        posterior.predict_proba(np.ones((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        posterior.predict_proba(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="Cs must be"):
        evidence_path(LogisticRegression(), X, y, Cs=[0.0, 1.0])
    three = laplace(LogisticRegression().fit(*drawn(100, 2, 3)[:2]))
    with pytest.raises(ValueError, match="'quadrature' is for two classes, not 3"):
        three.predict_proba(np.ones((2, 2)), "quadrature")


def test_degenerate_columns_have_the_prior():
    X, y, _ = drawn(100, 2)
    posterior = laplace(LogisticRegression(C=2.0), np.column_stack([X, np.full(100, 7.0), X[:, 0]]), y)
    assert_allclose(posterior.standard_deviation[3], np.sqrt(2.0), rtol=1e-6)
    single = laplace(LogisticRegression(C=4.0), X, y)  # two equal columns are one with twice the variance
    assert np.isfinite(posterior.log_evidence)
    summed = np.array([0, 1.0, 0, 0, 1.0])
    twice = laplace(LogisticRegression(C=2.0), np.column_stack([X[:, 0], X[:, 0]]), y)
    once = laplace(LogisticRegression(C=4.0), X[:, :1], y)
    assert_allclose(twice.covariance[1:, 1:].sum(), once.covariance[1, 1], rtol=1e-6)
    assert summed @ posterior.covariance @ summed < single.covariance[1, 1] * 1.5
    assert_allclose(twice.log_evidence, once.log_evidence, rtol=1e-8)
    wide = np.random.default_rng(0).standard_normal((20, 50))
    found = laplace(LogisticRegression(C=0.1), wide, (wide[:, 0] > 0).astype(int))
    assert np.isfinite(found.log_evidence)
    assert np.isfinite(found.predict_parts(wide * 100).epistemic).all()


# ---------------------------------------------------------------- coverage


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3])
def test_posterior_covers_what_the_prior_draws(classes):
    """Coefficients drawn from the prior lie in 90 % of the intervals, and labels come as often as predicted."""
    runs, n, p, C = 1000, 300, 3, 0.5
    hits, total, distance, said, came = 0, 0, [], [], []
    for seed in range(runs):
        X, y, B = drawn(n + 100, p, classes, seed, C)
        posterior = laplace(LogisticRegression(C=C).fit(X[:n], y[:n]))
        contrasts = B if classes == 2 else B[1:] - B[0]
        truth = np.column_stack([np.zeros(len(contrasts)), contrasts]).ravel()
        slopes = np.flatnonzero(np.tile([False] + [True] * p, len(contrasts)))  # the flat intercept was not drawn
        bounds = np.asarray(posterior.interval(0.9))[slopes]
        hits += int(((bounds[:, 0] <= truth[slopes]) & (truth[slopes] <= bounds[:, 1])).sum())
        total += len(slopes)
        away = (truth - posterior.mean)[slopes]
        distance.append(away @ np.linalg.solve(posterior.covariance[np.ix_(slopes, slopes)], away))
        said.append(posterior.predict_proba(X[n:])[:, 1])
        came.append(y[n:] == 1)
    assert abs(hits / total - 0.9) < 3 * np.sqrt(0.09 / total)
    df = p * (classes - 1)
    assert stats.kstest(distance, "chi2", args=(df,)).pvalue > 0.001
    said, came = np.concatenate(said), np.concatenate(came)
    for low in np.arange(0, 1, 0.1):
        bin_ = (said >= low) & (said < low + 0.1)
        error = came[bin_].mean() - said[bin_].mean()
        assert abs(error) < 3.5 * np.sqrt(said[bin_].mean() * (1 - said[bin_].mean()) / bin_.sum())


@pytest.mark.slow
def test_dependent_rows_make_it_too_narrow():
    """A column that is the same within clusters, and an effect of the cluster that the model does not know."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        x = np.repeat(rng.standard_normal(30), 20)
        effect = np.repeat(rng.standard_normal(30), 20)
        y = (rng.random(600) < 1 / (1 + np.exp(-effect))).astype(int)  # x has no effect
        low, high = np.asarray(laplace(LogisticRegression(), x[:, np.newaxis], y).interval(0.9))[1]
        hits += low <= 0 <= high
    assert hits / 200 < 0.75
