"""Covariances against slow twins: textbook formulas in NumPy, and refits without a cluster."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import STORAGES
from scipy import sparse
from threadpoolctl import threadpool_limits

from mlcraft import _core
from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LinearRegression, Ridge

KINDS = ["HC0", "HC1", "HC2", "HC3", "HC4", "CR0", "CR1", "CR1S", "CR2", "CR3", "CRV3", "HAC"]
ALPHAS = {"least_squares": 0.0, "ridge": 7.0}


def data(n=60, p=4, seed=0):
    random = np.random.default_rng(seed)
    groups = random.integers(0, 9, n)
    X = random.standard_normal((n, p)) + 0.5 * groups[:, np.newaxis] + np.array([0.0, 3.0, -20.0, 1.0])[:p]
    y = X @ np.linspace(1, -1, p) + 2 + random.standard_normal(n) * (1 + np.abs(X[:, 0])) + 0.3 * groups
    weight = random.integers(1, 5, n).astype(float)
    return X, y, weight, groups


def make(alpha, intercept=True):
    return Ridge(alpha, fit_intercept=intercept) if alpha else LinearRegression(fit_intercept=intercept)


def parameters(model):
    return np.append(model.intercept_, model.coef_) if model.fit_intercept else model.coef_


class Twin:
    """Every covariance, written as in the papers, on dense arrays."""

    def __init__(self, X, y, weight, alpha, intercept, groups=None, maxlags=None):
        n, p = X.shape
        self.Z = np.column_stack([np.ones(n), X]) if intercept else X
        self.penalty = alpha * np.diag(np.append(0.0, np.ones(p)) if intercept else np.ones(p))
        self.w = np.ones(n) if weight is None else weight
        self.bread = np.linalg.inv(self.Z.T @ (self.w[:, None] * self.Z) + self.penalty)
        self.b = self.bread @ self.Z.T @ (self.w * y)
        self.e = y - self.Z @ self.b
        root = np.sqrt(self.w)
        self.Zr, self.er = root[:, None] * self.Z, root * self.e
        self.H = self.Zr @ self.bread @ self.Zr.T
        self.scores = (self.w * self.e)[:, None] * self.Z
        self.n, self.df = np.count_nonzero(self.w), np.count_nonzero(self.w) - np.trace(self.H)
        self.groups, self.maxlags = groups, maxlags

    def __call__(self, kind):
        if kind == "classical":
            sandwich = self.bread @ (self.Z.T @ (self.w[:, None] * self.Z)) @ self.bread
            return (self.w @ self.e**2) / self.df * sandwich
        if kind.startswith("HC"):
            h = np.diagonal(self.H)
            power = {"HC0": 0, "HC1": 0, "HC2": 1, "HC3": 2, "HC4": np.minimum(4, h / h[self.w > 0].mean())}[kind]
            middle = (self.scores.T / (1 - h) ** power) @ self.scores
            scale = self.n / self.df if kind == "HC1" else 1.0
            return scale * self.bread @ middle @ self.bread
        if kind == "HAC":
            middle = self.scores.T @ self.scores
            for lag in range(1, self.maxlags + 1):
                product = self.scores[lag:].T @ self.scores[:-lag]
                middle += (1 - lag / (self.maxlags + 1)) * (product + product.T)
            return self.n / self.df * self.bread @ middle @ self.bread
        return self.clustered(kind)

    def clustered(self, kind):
        labels = np.unique(self.groups[self.w > 0])
        total = np.zeros_like(self.bread)
        for label in labels:
            rows = self.groups == label
            residual = self.er[rows]
            if kind in ("CR2", "CR3", "CRV3"):
                values, vectors = np.linalg.eigh(np.eye(rows.sum()) - self.H[np.ix_(rows, rows)])
                power = -0.5 if kind == "CR2" else -1.0
                residual = vectors @ (values**power * (vectors.T @ residual))
            score = self.Zr[rows].T @ residual
            total += np.outer(score, score)
        G = len(labels)
        scale = {"CR1": G / (G - 1), "CR1S": G / (G - 1) * (self.n - 1) / self.df, "CRV3": (G - 1) / G}.get(kind, 1.0)
        return scale * self.bread @ total @ self.bread


def close(found, expected, rtol):
    size = np.sqrt(np.diagonal(expected))
    assert_allclose(np.asarray(found) / np.outer(size, size), expected / np.outer(size, size), rtol=0, atol=rtol)


@pytest.mark.parametrize("weighting", ["none", "weights", "zeros"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", ALPHAS.values(), ids=ALPHAS)
@pytest.mark.parametrize("kind", ["classical", *KINDS])
def test_kinds(kind, alpha, intercept, weighting):
    X, y, weight, groups = data()
    if weighting == "none":
        weight = None
    elif weighting == "zeros":
        weight[groups == 3] = 0
        weight[::7] = 0
    model = make(alpha, intercept).fit(X, y, weight)
    found = model.cov_params_(kind, X=X, y=y, sample_weight=weight, groups=groups, maxlags=5)
    twin = Twin(X, y, weight, alpha, intercept, groups, 5)
    close(found, twin(kind), 1e-9)
    clusters = len(np.unique(groups[twin.w > 0]))
    assert found.df == (clusters - 1 if kind.startswith("CR") else pytest.approx(twin.df))
    assert found.kind == kind
    assert found.names == (("intercept",) if intercept else ()) + ("x0", "x1", "x2", "x3")
    assert (found.bias is None) == (alpha == 0)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("kind", ["HC3", "CR1S", "CRV3", "HAC"])
def test_storages(kind, storage):
    X, y, weight, groups = data()
    X = np.round(2 * X)
    stored = STORAGES[storage](X)
    model = LinearRegression().fit(stored, y, weight)
    found = model.cov_params_(kind, X=stored, y=y, sample_weight=weight, groups=groups, maxlags=3)
    close(found, Twin(X, y, weight, 0.0, True, groups, 3)(kind), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision(kind):
    X, y, weight, groups = data(n=400)
    X, y = X.astype(np.float32), y.astype(np.float32)
    model = LinearRegression().fit(X, y, weight)
    found = model.cov_params_(kind, X=X, y=y, sample_weight=weight, groups=groups, maxlags=3)
    close(found, Twin(X.astype(float), y.astype(float), weight, 0.0, True, groups, 3)(kind), 1e-4)


@pytest.mark.parametrize("alpha", ALPHAS.values(), ids=ALPHAS)
def test_cluster_jackknife_is_that_of_refits(alpha):
    X, y, weight, groups = data(seed=1)
    model = make(alpha).fit(X, y, weight)
    moves = []
    for label in np.unique(groups):
        rest = groups != label
        moves.append(parameters(make(alpha).fit(X[rest], y[rest], weight[rest])) - parameters(model))
    G = len(moves)
    expected = (G - 1) / G * np.array(moves).T @ np.array(moves)
    close(model.cov_params_("CRV3", X=X, y=y, sample_weight=weight, groups=groups), expected, 1e-9)


@pytest.mark.parametrize("kind", ["classical", "HC0", "HC1", "HC2", "HC3", "HC4", "CR1S", "CR3"])
@pytest.mark.parametrize("alpha", ALPHAS.values(), ids=ALPHAS)
def test_frequency_weights_are_repeated_rows(kind, alpha):
    X, y, weight, groups = data()
    weight[5] = 0
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    rows = {"X": X[repeated], "y": y[repeated], "groups": groups[repeated]}
    expected = make(alpha).fit(X[repeated], y[repeated]).cov_params_(kind, **rows)
    model = make(alpha).fit(X, y, weight)
    given = {"X": X, "y": y, "sample_weight": weight, "groups": groups}
    found = model.cov_params_(kind, weights="frequency", **given)
    close(found, expected.matrix, 1e-9)
    assert found.df == pytest.approx(expected.df)
    assert any("counts" in note for note in found.notes)


def test_sampling_weights_are_robust_and_say_so():
    X, y, weight, _ = data()
    model = LinearRegression().fit(X, y, weight)
    rows = {"X": X, "y": y, "sample_weight": weight}
    found = model.cov_params_(weights="sampling", **rows)
    assert found.kind == "HC1"
    assert any("Sampling weights" in note for note in found.notes)
    close(found, model.cov_params_("HC1", **rows).matrix, 1e-14)
    with pytest.raises(ValueError, match="sampling weights say how many rows"):
        model.cov_params_(weights="sampling")
    summary = model.summary(weights="sampling", **rows)
    assert np.isnan(summary.log_likelihood)


def test_two_ways():
    X, y, weight, groups = data(n=300)
    other = np.random.default_rng(5).integers(0, 12, len(y))
    model = LinearRegression().fit(X, y, weight)
    rows = {"X": X, "y": y, "sample_weight": weight}
    parts = [model.cov_params_("CR1S", groups=way, **rows).matrix for way in (groups, other, 100 * groups + other)]
    found = model.cov_params_("CR1S", groups=np.column_stack([groups, other]), **rows)
    close(found, parts[0] + parts[1] - parts[2], 1e-12)
    assert found.df == 8
    labels = [np.array([f"g{label}" for label in groups]), [f"o{label}" for label in other]]
    close(model.cov_params_("cluster", groups=labels, **rows), found.matrix, 1e-14)
    close(model.cov_params_("CR1S", groups=np.column_stack([groups, groups]), **rows), parts[0], 1e-12)


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64, np.float64, str, object, bool, "datetime64[D]"])
def test_labels_of_any_kind(kind):
    X, y, _, groups = data()
    groups = groups % 2 if kind is bool else 3 * groups
    if kind is np.int8:
        labels = np.where(groups > 20, 120, groups - 128).astype(kind)
        groups = np.where(groups > 20, 120, groups)
    else:
        labels = groups.astype(np.int64).astype(kind)
    model = LinearRegression().fit(X, y)
    expected = Twin(X, y, None, 0.0, True, groups)("CR1S")
    close(model.cov_params_("CR1S", X=X, y=y, groups=labels), expected, 1e-9)
    close(model.cov_params_("CR1S", X=X, y=y, groups=list(labels)), expected, 1e-9)
    far = np.where(groups > groups.mean(), np.int64(2) ** 62, -(np.int64(2) ** 62))  # a range that cannot be counted
    close(model.cov_params_("CR1", X=X, y=y, groups=far), Twin(X, y, None, 0.0, True, far)("CR1"), 1e-9)


def test_negative_variances_are_mended():
    """Two clusters in one way, three in the other: the difference of the parts can be anything."""
    for seed in range(200):
        random = np.random.default_rng(seed)
        X, y = random.standard_normal((24, 3)), random.standard_normal(24)
        groups = np.column_stack([np.arange(24) % 2, np.arange(24) % 3])
        found = LinearRegression().fit(X, y).cov_params_("CR0", X=X, y=y, groups=groups)
        assert np.diagonal(found.matrix).min() >= 0
        if any("came out negative" in note for note in found.notes):
            break
    else:
        pytest.fail("no case with a negative variance")


@pytest.mark.parametrize("alpha", ALPHAS.values(), ids=ALPHAS)
def test_targets_have_a_block_each(alpha):
    X, y, weight, groups = data()
    targets = np.column_stack([y, np.sin(y), y**2])
    alphas = [0.5, 7.0, 2.0] if alpha else 0.0
    model = (Ridge(alphas) if alpha else LinearRegression()).fit(X, targets, weight)
    for kind in ("classical", "HC3", "CR3"):
        rows = {"sample_weight": weight, "groups": groups, "X": X}
        found = model.cov_params_(kind, y=targets, **rows)
        assert found.matrix.shape == (3, 5, 5)
        for t in range(3):
            single = make(alphas[t] if alpha else 0.0).fit(X, targets[:, t], weight)
            expected = single.cov_params_(kind, y=targets[:, t], **rows)
            close(found.matrix[t], expected.matrix, 1e-10)
            close(model.cov_params_(kind, y=targets, target=t, **rows), expected.matrix, 1e-10)
            assert found.df[t] == pytest.approx(expected.df)


def test_large_means_do_not_cancel():
    X, y, _, groups = data()
    far = X + np.array([1e7, -1e6, 1e8, 0.0])
    near, moved = LinearRegression().fit(X, y), LinearRegression().fit(far, y)
    for kind in ("classical", "HC3", "CR2", "HAC"):
        expected = near.cov_params_(kind, X=X, y=y, groups=groups).matrix[1:, 1:]
        close(moved.cov_params_(kind, X=far, y=y, groups=groups).matrix[1:, 1:], expected, 1e-6)
        at_mean = far.mean(axis=0, keepdims=True)
        covariance = moved.cov_params_(kind, X=far, y=y, groups=groups)
        width = np.diff(moved.predict_interval(at_mean, covariance=covariance)[1:], axis=0)
        covariance = near.cov_params_(kind, X=X, y=y, groups=groups)
        expected = np.diff(near.predict_interval(X.mean(axis=0, keepdims=True), covariance=covariance)[1:], axis=0)
        assert_allclose(width, expected, rtol=1e-6)


@pytest.mark.parametrize("dependence", ["combination", "constant", "zero", "duplicate"])
@pytest.mark.parametrize("kind", ["classical", "HC1", "HC3", "CR3", "HAC"])
def test_dependent_columns(kind, dependence):
    """What the data determine is that of the fit without the superfluous column."""
    X, y, weight, groups = data()
    extra = {
        "combination": X[:, 0] - 2 * X[:, 1],
        "constant": np.full(len(y), 4.0),
        "zero": np.zeros(len(y)),
        "duplicate": X[:, 2],
    }[dependence]
    wide = np.column_stack([X, extra])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        model = LinearRegression().fit(wide, y, weight)
    rows = {"sample_weight": weight, "groups": groups, "maxlags": 2, "y": y}
    expected = LinearRegression().fit(X, y, weight).cov_params_(kind, X=X, **rows)
    found = model.cov_params_(kind, X=wide, **rows)
    lost = {"combination": [1, 2, 5], "constant": [0, 5], "zero": [5], "duplicate": [3, 5]}[dependence]
    assert np.flatnonzero(np.isnan(found.standard_errors)).tolist() == lost
    known = [j for j in range(5) if j not in lost]
    close(found.matrix[np.ix_(known, known)], expected.matrix[np.ix_(known, known)], 1e-8)
    assert found.df == pytest.approx(expected.df)
    bounds = model.predict_interval(wide, covariance=found)
    reference = LinearRegression().fit(X, y, weight).predict_interval(X, covariance=expected)
    assert_allclose(bounds.lower, reference.lower, rtol=1e-7)
    outside = wide + np.array([0, 0, 0, 0, 1.0])
    assert np.isnan(model.predict_interval(outside, covariance=found).lower).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_bit(threads):
    random = np.random.default_rng(0)
    X, score = random.standard_normal((30_000, 7)), random.standard_normal(30_000)
    codes = random.integers(0, 40, len(X))
    order, kernel = np.argsort(codes, kind="stable"), np.linspace(1, 0.1, 6)
    start = np.searchsorted(codes[order], np.arange(41))

    def run():
        mean = X.mean(axis=0)
        root, coef = np.triu(np.ones((7, 7))) / 1e3, np.arange(7.0)
        return (
            _core.score_gram(X, None, mean, score, (root, coef, 0.5, 1e-5), (2.0, False))[0],
            _core.cluster_scores(X, score, mean, codes, 40),
            _core.cluster_grams(X, None, mean, order, start),
            _core.lagged_products(X, score, mean, kernel),
        )

    with threadpool_limits(1):
        expected = run()
    with threadpool_limits(threads):
        for found, reference in zip(run(), expected, strict=True):
            assert_array_equal(found, reference)


def test_kernels_are_their_definitions():
    random = np.random.default_rng(1)
    X, score, weight = random.standard_normal((700, 5)), random.standard_normal(700), random.uniform(size=700)
    codes = random.integers(0, 30, len(X))
    for mean in (None, X.mean(axis=0)):
        Z = X if mean is None else np.column_stack([np.ones(len(X)), X - mean])
        sums = np.zeros((30, Z.shape[1]))
        np.add.at(sums, codes, score[:, np.newaxis] * Z)
        assert_allclose(_core.cluster_scores(X, score, mean, codes, 30), sums, atol=1e-12)
        order = np.argsort(codes, kind="stable")
        start = np.searchsorted(codes[order], np.arange(31))
        grams = [(weight[codes == g, None] * Z[codes == g]).T @ Z[codes == g] for g in range(30)]
        assert_allclose(_core.cluster_grams(X, weight, mean, order, start), grams, atol=1e-12)
        for lags in (0, 1, 40, 699):
            kernel = random.uniform(size=lags + 1)
            scores = score[:, np.newaxis] * Z
            products = sum(kernel[lag] * scores[lag:].T @ scores[: len(X) - lag] for lag in range(lags + 1))
            found = _core.lagged_products(X, score, mean, kernel)
            assert_allclose(found, products.T, atol=1e-10)


@pytest.mark.parametrize("p", [1, 7, 8, 39, 40, 41, 100, 300])
@pytest.mark.parametrize("storage", ["c", "f", "csr32"])
def test_widths_of_the_kernel(p, storage):
    """Narrow and wide strips, padded columns, roots that are triangular or not, blocks that are not full."""
    random = np.random.default_rng(p)
    X = np.round(random.standard_normal((2 * p + 150, p)), 1)
    y = X[:, 0] + random.standard_normal(len(X)) * (1 + np.abs(X[:, 0]))
    stored = STORAGES[storage](X)
    model = LinearRegression().fit(stored, y)
    twin = Twin(X, y, None, 0.0, True)
    for kind in ("HC0", "HC3", "HC4"):
        close(model.cov_params_(kind, X=stored, y=y), twin(kind), 1e-8)
    root, mean = np.tril(random.standard_normal((p, max(1, p // 2)))), X.mean(axis=0)
    U = np.column_stack([np.ones(len(X)), (X - mean) @ root])
    found = _core.score_gram(stored, None, mean, y, (root, np.zeros(p), 0.0, 0.0), (0.0, False))
    assert_allclose(found[0], (U.T * y**2) @ U, rtol=1e-9, atol=1e-9 * np.abs(found[0]).max())
    assert found[1] == pytest.approx(y @ y)


def refused():
    X, y, weight, groups = data()
    single = groups.copy()
    single[:] = 1
    alone = X.copy()
    alone[:, 0] = 0
    alone[7, 0] = 1
    fit = LinearRegression().fit(X, y, weight)
    rows = {"X": X, "y": y, "sample_weight": weight}
    return {
        "unknown kind": (fit, {"kind": "HC7"}, "unknown covariance 'HC7'; there are: classical, HC0"),
        "no rows": (fit, {"kind": "HC3"}, "needs the rows again"),
        "no y": (fit, {"kind": "HC3", "X": X}, "needs y besides X"),
        "no groups": (fit, {"kind": "CR2", **rows}, "needs groups"),
        "one group": (fit, {"kind": "CR1", "groups": single, **rows}, "one cluster only"),
        "short groups": (fit, {"kind": "CR1", "groups": groups[1:], **rows}, "one label for each of the 60 rows"),
        "lost group": (fit, {"kind": "CR1", "groups": np.where(groups == 2, np.nan, groups), **rows}, "no label for"),
        "no group": (fit, {"kind": "CR1", "groups": [None, *groups[1:]], **rows}, "no label for 1 row"),
        "other y": (fit, {"kind": "HC0", **rows, "y": y + X[:, 0]}, "squared residuals of the rows given sum to"),
        "no weights": (fit, {"kind": "HC0", "X": X, "y": y}, "rows given weigh 60 in all"),
        "lags": (fit, {"kind": "HAC", "maxlags": 60, **rows}, "maxlags must lie between 0 and"),
        "weights": (fit, {"weights": "importance"}, "weights must be one of"),
        "serial counts": (fit, {"kind": "HAC", "weights": "frequency", **rows}, "no order in time"),
        "targets": (fit, {"kind": "HC0", **rows, "y": np.column_stack([y, y])}, "fitted on 1 target"),
        "target": (fit, {"target": 1}, "target must be one of the 1 columns"),
        "leverage": (LinearRegression().fit(alone, y), {"kind": "HC3", "X": alone, "y": y}, "row 7 has leverage one"),
        "positive": (LinearRegression(positive=True).fit(X, y), {}, "positive=True"),
        "exact": (
            LinearRegression().fit(X[:5], y[:5]),
            {"kind": "HC0", "X": X[:5], "y": y[:5]},
            "no degrees of",
        ),
        "wide": (LinearRegression().fit(X[:3], y[:3]), {}, "matrix of its rows"),
        "wide ridge": (Ridge().fit(X[:3], y[:3]), {}, "matrix of its rows"),
    }


@pytest.mark.parametrize("case", refused())
def test_refusals_say_why(case):
    model, arguments, message = refused()[case]
    with pytest.raises(ValueError, match=message):
        model.cov_params_(**arguments)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_a_coefficient_that_one_cluster_determines(intercept, storage):
    """No error for it from the others; the errors of the rest are those of refits without each cluster."""
    X, y, _, _ = data()
    groups = np.random.default_rng(3).integers(0, 6, len(y))
    D = np.column_stack([X, groups == 2]).astype(float)
    rows = {"X": storage(D), "y": y, "groups": np.array(list("abcdef"))[groups]}
    model = LinearRegression(fit_intercept=intercept).fit(rows["X"], y)
    moves = []
    for g in range(6):
        kept = groups != g
        columns = slice(0, 4) if g == 2 else slice(None)
        moves.append(
            LinearRegression(fit_intercept=intercept).fit(D[kept, columns], y[kept]).coef_[:4] - model.coef_[:4]
        )
    jackknife = np.sqrt(5 / 6 * (np.array(moves) ** 2).sum(axis=0))
    for kind, scale in (("CRV3", 1.0), ("CR3", np.sqrt(6 / 5))):
        found = model.cov_params_(kind, **rows)
        errors = found.standard_errors
        assert_allclose(errors[intercept:-1], scale * jackknife, rtol=1e-7)
        assert np.isnan(errors[-1])
        assert np.isfinite(errors[:-1]).all()
        assert any(note.startswith("Cluster c alone determines x4: without it") for note in found.notes)
        assert np.isnan(model.contrast("x4 - x0", covariance=found).standard_error).all()
        assert np.isfinite(model.contrast("x1 - x0", covariance=found).standard_error).all()
        assert np.isfinite(model.f_test("x0, x1", covariance=found).p_value)
        with pytest.raises(ValueError, match=f"the {kind} covariance says nothing of x4"):
            model.f_test("x0, x4", covariance=found)
        new = model.predict_interval(storage(D), covariance=found)
        assert (np.isnan(new.upper) == (groups == 2)).all()
        assert "alone determines x4" in str(model.summary(covariance=found))
    found = model.cov_params_("CR2", **rows)
    assert np.isfinite(found.standard_errors).all()
    assert any("Cluster c alone determines x4: its rows fit themselves" in note for note in found.notes)
    penalised = Ridge(1.0, fit_intercept=intercept).fit(rows["X"], y).cov_params_("CRV3", **rows)
    assert np.isfinite(penalised.standard_errors).all()


def test_clusters_with_a_column_each():
    X, y, _, _ = data()
    groups = np.random.default_rng(3).integers(0, 9, len(y))
    D = np.column_stack([X, groups[:, np.newaxis] == np.arange(1, 9)]).astype(float)
    found = LinearRegression().fit(D, y).cov_params_("CRV3", X=D, y=y, groups=groups)
    assert (np.isnan(found.standard_errors) == [True, *[False] * 4, *[True] * 8]).all()
    text = "Clusters 0, 1, 2, 3, 4 and 4 more alone determine intercept, x4, x5, x6, x7 and 4 more"
    assert any(note.startswith(text) for note in found.notes)
    ways = np.column_stack([groups, np.arange(len(y)) % 7])
    both = LinearRegression().fit(D, y).cov_params_("CRV3", X=D, y=y, groups=ways)
    assert np.isnan(both.standard_errors[5:]).all()


def test_threads_of_the_blas_change_no_bit():
    random = np.random.default_rng(0)
    p = 150
    X = random.standard_normal((600, p)) + 3
    y = X @ random.standard_normal(p) + random.standard_normal(600)
    groups = random.integers(0, 20, 600)

    def told(model):
        for kind in ("classical", "HC0", "HC3", "CR1S", "CR2", "CRV3", "HAC"):
            yield model.cov_params_(kind, X=X, y=y, groups=groups).matrix
        yield np.asarray(model.predict_interval(X))
        yield np.array([model.f_test(["x0", "x1"]).statistic, model.f_test(np.eye(p + 1)[1:]).statistic])
        found = model.influence_(X, y)
        yield from (found.cooks_distance, found.dfbetas, model.leverage_(X), model.loo_predict_(X, y))
        yield model.importance_().rss_increase

    for make_one in (LinearRegression, lambda: Ridge(3.0), lambda: Ridge([3.0])):
        found = []
        for threads in (1, 2):
            with threadpool_limits(threads):
                found.append([part.tobytes() for part in told(make_one().fit(X, y))])
        assert found[0] == found[1]
