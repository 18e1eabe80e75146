"""The bootstrap: closed forms against refits, kinds against the covariances they estimate, intervals against SciPy."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
import scipy.stats
from scipy import sparse
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression as TheirRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge
from mlcraft.uncertainty import BootstrapResult, bootstrap
from mlcraft.uncertainty.resampling._methods import acceleration

N = 150
run = partial(bootstrap, n_resamples=60, random_state=3)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3)) + np.array([0.0, 5.0, -2.0])
    y = X @ [1.0, 0.0, 2.0] + rng.normal(size=N) * (1.0 + np.abs(X[:, 0]))
    return X, y, rng.uniform(0.5, 2.0, N), np.arange(N) % 30


def same(ours, theirs, tolerance):
    assert ours.form != "refits"
    assert theirs.form == "refits"
    assert ours.names == theirs.names
    size = ours.standard_error.max()
    assert np.abs(ours.distribution - theirs.distribution).max() < tolerance * size
    assert np.abs(ours.estimate - theirs.estimate).max() < tolerance * size
    return size


ROWS_DRAWN = [("pairs", {}), ("bayesian", {}), ("poisson", {}), ("cluster", {"groups": np.arange(N) % 30})]


@pytest.mark.parametrize(("kind", "options"), ROWS_DRAWN)
@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(7.0), LinearRegression(fit_intercept=False)])
@pytest.mark.parametrize("weighted", [False, True])
def test_linear_equals_refits(rows, estimator, kind, options, weighted):
    X, y, weight, _ = rows
    options = {**options, "kind": kind, "sample_weight": weight if weighted else None}
    ours, theirs = (run(estimator, X, y, closed_form=form, **options) for form in ("auto", False))
    size = same(ours, theirs, 1e-10)
    if kind == "cluster" or estimator.fit_intercept is False:
        assert np.abs(ours.conf_int(0.5, "bca") - theirs.conf_int(0.5, "bca")).max() < 1e-9 * size


@pytest.mark.parametrize(("kind", "options"), ROWS_DRAWN)
@pytest.mark.parametrize("C", [2.0, np.inf])
def test_logistic_is_near_refits(rows, kind, options, C):
    X, y, weight, _ = rows
    estimator = LogisticRegression(C=C, class_weight={False: 1.0, True: 2.0})
    options = {**options, "kind": kind, "sample_weight": weight, "n_resamples": 30}
    labels = y + 2 * np.sin(np.arange(N)) > y.mean()
    ours, theirs = (run(estimator, X, labels, closed_form=form, **options) for form in ("auto", False))
    same(ours, theirs, 1e-3)  # a resample of so few rows varies more than its standard error says


def test_several_targets_predictions_and_pipelines(rows):
    X, y, _, _ = rows
    both = np.column_stack([y, np.exp(y / 4)])
    auto, refits = (partial(run, closed_form=form) for form in ("auto", False))
    same(auto(Ridge([1.0, 9.0]), X, both), refits(Ridge([1.0, 9.0]), X, both), 1e-10)
    at = {"quantity": "predict", "at": X[:4]}
    same(auto(LinearRegression(), X, both, **at), refits(LinearRegression(), X, both, **at), 1e-10)
    chain = make_pipeline(StandardScaler(), LinearRegression())  # scales do not matter to its predictions
    ours = auto(chain, X, y, **at)
    same(ours, refits(chain, X, y, **at), 1e-10)
    assert "fitted once" in ours.remark
    assert ours.estimate.shape == (4,)
    at["quantity"] = "predict_proba"
    found = auto(LogisticRegression(), X, y > 0, **at)
    same(found, refits(LogisticRegression(), X, y > 0, **at), 1e-3)
    assert found.estimate.shape == (4, 2)
    assert found.conf_int().shape == (4, 2, 2)


@pytest.mark.parametrize("storage", [sparse.csr_array, sparse.csc_array, np.asfortranarray])
def test_storage_does_not_matter(rows, storage):
    X, y, _, _ = rows
    expected = run(LinearRegression(), X, y).distribution
    assert np.allclose(run(LinearRegression(), storage(X), y).distribution, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "options", "covariance"),
    [("wild", {}, {"kind": "HC3"}), ("wild", {"multiplier": "mammen"}, {"kind": "HC3"}), ("residual", {}, {})],
)
def test_spread_is_that_of_the_covariance_it_stands_for(rows, kind, options, covariance):
    X, y, _, _ = rows
    model = LinearRegression().fit(X, y)
    found = run(LinearRegression(), X, y, kind=kind, n_resamples=8000, **options)
    if covariance:
        covariance = {**covariance, "X": X, "y": y}
    expected = np.sqrt(np.diag(np.asarray(model.cov_params_(**covariance))))
    assert np.allclose(found.standard_error, expected, rtol=0.05)
    assert np.abs(found.bias).max() < 0.05 * expected.max()


def test_wild_clusters_by_every_sign(rows):
    """Over all signs of the clusters the variance is the sandwich without corrections, exactly."""
    X, y, _, _ = rows
    groups = np.arange(N) % 7
    Z = np.column_stack([np.ones(N), X])
    bread = np.linalg.inv(Z.T @ Z)
    residual = y - Z @ (bread @ Z.T @ y)
    scores = np.stack([Z[groups == g].T @ residual[groups == g] for g in range(7)])
    expected = np.sqrt(np.diag(bread @ scores.T @ scores @ bread))
    found = run(
        LinearRegression(),
        X,
        y,
        kind="wild-cluster",
        groups=groups,
        multiplier="webb",
        n_resamples=8000,
        random_state=1,
    )
    assert np.allclose(found.standard_error, expected, rtol=0.05)
    with pytest.warns(UserWarning, match="only 128 different resamples"):
        run(LinearRegression(), X, y, kind="wild-cluster", groups=groups)


def test_pairs_see_heteroscedastic_errors_and_residuals_do_not():
    rng = np.random.default_rng(1)
    x = rng.normal(size=3000)
    y = x + rng.normal(size=3000) * np.abs(x)
    pairs, residual, wild = (
        run(LinearRegression(), x[:, None], y, kind=kind, n_resamples=400).standard_error[1]
        for kind in ("pairs", "residual", "wild")
    )
    truth = np.sqrt(3.0 / 3000)  # E x^4 over (E x^2)^2 n
    assert abs(pairs / truth - 1) < 0.12
    assert abs(wild / truth - 1) < 0.12
    assert residual < 0.7 * truth


def brute_studentised(X, y, counts, z=None):
    """A slow twin: t-ratios with the sandwich of each resample, row by row."""
    Z = np.column_stack([np.ones(len(X)), X])

    def fit(c):
        bread = np.linalg.inv((Z.T * c) @ Z)
        b = bread @ (Z.T * c) @ y
        middle = (Z.T * (c * (y - Z @ b) ** 2)) @ Z
        return b, np.sqrt(np.diag(bread @ middle @ bread))

    b, error = fit(np.ones(len(X)))
    return b, error, [fit(c) for c in counts]


def test_studentised_equals_the_slow_twin(rows):
    from mlcraft._engine.resampling import plan_of, resample_weights

    X, y, _, _ = rows
    found = run(LinearRegression(), X, y, method="studentised")
    b, error, fits = brute_studentised(X, y, resample_weights(plan_of("pairs", N, seed=3), 0, 60))
    assert np.allclose(found.estimate_error, error)
    assert np.allclose(found.errors, [e for _, e in fits])
    ratio = np.sort([(value - b) / e for value, e in fits], axis=0)
    low, high = (np.quantile(ratio, q, axis=0, method="weibull") for q in (0.1, 0.9))
    assert np.allclose(found.conf_int(0.8), np.column_stack([b - high * error, b - low * error]))


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "cluster", "groups": np.arange(N) % 30},
        {"kind": "wild"},
        {"kind": "residual"},
        {"kind": "wild-cluster", "groups": np.arange(N) % 30},
    ],
)
@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(3.0)])
def test_studentised_intervals_are_about_as_long_as_the_others(rows, options, estimator):
    X, y, _, _ = rows
    found = run(estimator, X, y, method="studentised", n_resamples=500, **options)
    lengths = np.diff(found.conf_int(0.9)) / np.diff(found.conf_int(0.9, "percentile"))
    assert (lengths > 0.75).all()
    assert (lengths < 1.5).all()
    if options["kind"] != "residual":
        assert np.allclose(found.estimate_error, found.standard_error, rtol=0.25)


def test_logistic_studentised_errors_are_sandwiches(rows):
    X, y, _, _ = rows
    labels = y + 2 * np.sin(np.arange(N)) > y.mean()
    model = LogisticRegression(C=np.inf).fit(X, labels)
    found = run(LogisticRegression(C=np.inf), X, labels, method="studentised")
    expected = np.sqrt(np.diag(np.asarray(model.cov_params_("HC0", X=X, y=labels))))
    assert np.allclose(found.estimate_error, expected, rtol=1e-6)


def test_intervals_equal_those_of_scipy():
    """The same jackknife and bias correction; ends at (B + 1) q instead of B q places."""
    rng = np.random.default_rng(2)
    x = rng.exponential(size=80)
    ours = bootstrap(np.mean, x, n_resamples=9999, random_state=1)
    for method, name in (("percentile", "percentile"), ("basic", "basic"), ("bca", "BCa")):
        theirs = scipy.stats.bootstrap((x,), np.mean, n_resamples=9999, method=name, rng=np.random.default_rng(1))
        assert np.allclose(ours.conf_int(method=method), theirs.confidence_interval, atol=0.03)
    jackknife = np.array([np.delete(x, i).mean() for i in range(80)])[:, np.newaxis]
    speed = scipy.stats.skew(x) / (6 * np.sqrt(80))
    assert np.isclose(acceleration(jackknife)[0], speed)
    normal = scipy.stats.norm
    shifted = normal.ppf((ours.distribution < x.mean()).mean()) + normal.ppf([0.025, 0.975])
    level = normal.cdf(normal.ppf((ours.distribution < x.mean()).mean()) + shifted / (1 - speed * shifted))
    expected = np.quantile(ours.distribution, level, method="weibull")
    assert np.allclose(ours.conf_int(method="bca"), expected, rtol=1e-6)


def test_statistics():
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=90), rng.normal(size=90)
    by_axis = run(np.median, x)
    one_by_one = run(lambda part: np.median(part), x)
    assert np.array_equal(by_axis.distribution, one_by_one.distribution)
    assert by_axis.names == ("median",)
    pair = run(lambda a, b: np.corrcoef(a, b)[0, 1], x, z)
    assert pair.form == "statistic"
    assert abs(pair.standard_error - 1 / np.sqrt(90)) < 0.04
    columns = run(lambda table: table.mean(axis=0), np.column_stack([x, z]))
    assert columns.conf_int().shape == (2, 2)
    weighted = run(lambda part, weights=None: np.average(part, weights=weights), x, kind="bayesian", n_resamples=2000)
    assert abs(weighted.standard_error - x.std() / np.sqrt(90)) < 0.01
    error = run(np.mean, x, method="studentised", standard_error=lambda part: part.std() / np.sqrt(len(part)))
    assert error.conf_int().shape == (2,)


def test_any_estimator(rows):
    X, y, weight, groups = rows
    ours, theirs = run(LinearRegression(), X, y), run(TheirRegression(), X, y)
    assert np.allclose(ours.distribution, theirs.distribution, rtol=1e-8)
    assert theirs.names == ("intercept", "x0", "x1", "x2")
    neighbours = run(KNeighborsRegressor(), X, y, quantity="predict", at=X[:2])
    assert neighbours.conf_int(0.5, "basic").shape == (2, 2)
    assert run(KNeighborsRegressor(), X, y, quantity="predict", at=X[:2], kind="wild").estimate.shape == (2,)
    forest = RandomForestRegressor(5, random_state=0)
    found = run(forest, X, y, quantity=lambda model: model.feature_importances_, n_resamples=5)
    assert found.estimate.shape == (3,)
    assert run(TheirRegression(), X, y, kind="cluster", groups=groups, sample_weight=weight).n_failed == 0
    again = run(TheirRegression(), X, y, n_jobs=2)
    assert np.array_equal(again.distribution, theirs.distribution)


def test_strata_keep_classes(rows):
    X = rows[0][:40]
    labels = np.arange(40) < 3
    with pytest.warns(UserWarning, match="have no estimate"):
        free = run(LogisticRegression(), X, labels, n_resamples=200)
    assert free.n_failed > 0
    assert len(free.distribution) == 200 - free.n_failed
    assert run(LogisticRegression(), X, labels, strata=labels, n_resamples=200).n_failed == 0


def test_degenerate_resamples_are_counted():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=40), np.arange(40) < 2])
    y = rng.normal(size=40)
    with pytest.warns(UserWarning, match="leave columns dependent"):
        found = run(LinearRegression(), X, y)
    assert 0 < found.n_degenerate < 30
    with pytest.warns(UserWarning, match="separate the classes"):
        run(LogisticRegression(C=np.inf), X[:, :1], X[:, 0] + 0.4 * rng.normal(size=40) > 0, n_resamples=300)


def test_too_few_resamples_and_ends_beyond_all_warn(rows):
    X, y, _, _ = rows
    found = run(LinearRegression(), X, y)
    with pytest.warns(UserWarning, match="at least 1000 resamples"):
        found.conf_int(0.998)
    found.estimate = found.estimate + 100.0
    with pytest.warns(UserWarning, match="bias correction"):
        found.conf_int(0.9, "bca")


def test_same_seed_same_bits(rows):
    X, y, _, _ = rows
    first, second = (run(LinearRegression(), X, y, random_state=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.distribution, second.distribution)
    few = run(LinearRegression(), X, y, n_resamples=20)
    assert np.array_equal(run(LinearRegression(), X, y).distribution[:20], few.distribution)


def test_result_pickles_and_shows(rows):
    X, y, _, _ = rows
    found = run(LinearRegression(), X, y, level=0.9)
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, BootstrapResult)
    assert np.array_equal(again.conf_int(0.8, "bca"), found.conf_int(0.8, "bca"))
    assert "90% percentile" in str(found)
    frame = pytest.importorskip("pandas") and found.to_frame()
    assert list(frame.index) == ["intercept", "x0", "x1", "x2"]
    assert list(frame.columns) == ["estimate", "standard_error", "bias", "lower", "upper"]


def test_plots(rows):
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    X, y, _, _ = rows
    found = run(LinearRegression(), X, y, level=0.9)
    assert [text.get_text() for text in found.plot().get_yticklabels()] == ["intercept", "x0", "x1", "x2"]
    _, ax = plt.subplots()
    assert found.plot("x2", ax=ax) is ax
    assert found.plot(1).get_xlabel() == "x0"
    with pytest.raises(ValueError, match="which must be one of"):
        found.plot("x9")
    with pytest.raises(ValueError, match="between 0 and 3"):
        found.plot(7)
    plt.close("all")


BAD = [
    ({"kind": "parametric"}, "kind must be one of"),
    ({"method": "t"}, "method must be one of"),
    ({"level": 95}, "level must lie"),
    ({"n_resamples": 1}, "n_resamples must be"),
    ({"kind": "cluster"}, "needs groups="),
    ({"groups": np.arange(N) % 3}, "use kind='cluster'"),
    ({"kind": "cluster", "groups": np.zeros(N)}, "at least two different groups"),
    ({"kind": "wild", "strata": np.zeros(N)}, "omit them"),
    ({"multiplier": "normal"}, "multiplier must be"),
    ({"quantity": "score"}, "quantity must be"),
    ({"quantity": "predict"}, "needs at="),
    ({"at": np.zeros((1, 3))}, "say which prediction"),
    ({"closed_form": True}, "closed_form must be"),
    ({"sample_weight": [1.0]}, "one weight a row"),
    ({"quantity": "predict", "at": np.zeros((2, 5))}, "5 features"),
]


@pytest.mark.parametrize(("options", "words"), BAD)
def test_bad_arguments(rows, options, words):
    with pytest.raises(ValueError, match=words):
        run(LinearRegression(), rows[0], rows[1], **options)


def test_what_does_not_go_together(rows):
    X, y, _, _ = rows
    with pytest.raises(ValueError, match="has no coef_"):
        run(KNeighborsRegressor(), X, y)
    with pytest.raises(ValueError, match="takes no sample_weight"):
        run(KNeighborsRegressor(), X, y, quantity="predict", at=X[:1], kind="bayesian")
    with pytest.raises(ValueError, match="only regressions"):
        run(LogisticRegression(), X, y > 0, kind="residual")
    with pytest.raises(ValueError, match="residuals of a regression"):
        run(np.mean, y, kind="wild")
    with pytest.raises(ValueError, match="needs a standard error"):
        run(np.mean, y, method="studentised")
    with pytest.raises(ValueError, match="an argument sample_weight"):
        run(np.median, y, kind="bayesian")
    with pytest.raises(ValueError, match="does not draw"):
        run(LinearRegression(), X, y, kind="wild").conf_int(method="bca")
    with pytest.raises(ValueError, match="standard error within"):
        run(LinearRegression(), X, y).conf_int(method="studentised")
    with pytest.raises(TypeError, match="fit method"):
        run(3, X, y)
    with pytest.raises(ValueError, match="NaN"):
        run(LinearRegression(), np.where(X > 6, np.nan, X), y)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        run(LinearRegression(), X, y[:-1])


def test_statistic_that_must_be_told_its_axis():
    X = np.random.default_rng(0).standard_normal((30, 2))
    found = bootstrap(lambda rows, axis: rows.mean(axis=axis), X, random_state=0, n_resamples=99)
    known = bootstrap(lambda rows: rows.mean(axis=0), X, random_state=0, n_resamples=99)
    np.testing.assert_allclose(found.distribution, known.distribution, rtol=1e-12)
    np.testing.assert_allclose(found.conf_int(0.8, "bca"), known.conf_int(0.8, "bca"), rtol=1e-12)
