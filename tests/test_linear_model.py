"""Numbers: every estimator on every storage, dtype, weighting and target, against plain NumPy and SciPy."""

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sklearn.linear_model
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import nnls

from mlcraft.linear_model import LinearRegression, Ridge, ridge_regression

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def reference(X, y, weights=None, *, intercept=True, alpha=0.0, positive=False):
    """Least squares on the centred and weighted columns, the penalty as extra rows; all in float64."""
    X, Y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    weights = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=np.float64)
    x_mean = np.average(X, axis=0, weights=weights) * intercept
    y_mean = np.average(Y, axis=0, weights=weights) * intercept
    root = np.sqrt(weights)[:, None]
    A = np.vstack([root * (X - x_mean), np.sqrt(alpha) * np.eye(X.shape[1])])
    B = np.vstack([root * (Y - y_mean), np.zeros((X.shape[1], Y.shape[1]))])
    if positive:
        coef = np.array([nnls(A, b)[0] for b in B.T])
    else:
        coef = np.linalg.lstsq(A, B, rcond=None)[0].T
    return coef, y_mean - coef @ x_mean


def assert_coefficients(model, expected, dtype, *, digits=None):
    """Compare in the units of the largest coefficient."""
    coef, intercept = expected
    tolerance = 10.0**-digits if digits else {np.float64: 1e-10, np.float32: 2e-4}[dtype]
    assert model.coef_.dtype == dtype
    scale = max(np.abs(coef).max(), 1e-300)
    assert_allclose(model.coef_.reshape(coef.shape), coef, rtol=0, atol=tolerance * scale)
    found = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64).reshape(-1), intercept.shape)
    assert_allclose(found, intercept, rtol=0, atol=tolerance * max(scale, np.abs(intercept).max()) * 10)


def strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan, dtype=X.dtype)
    wide[::2, 1::3] = X
    return wide[::2, 1::3]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def unmerged(X):
    """CSR with each entry split in two."""
    halves = sparse.coo_array(X / 2)
    row, column = halves.coords
    return sparse.csr_array(
        (np.repeat(halves.data, 2), (np.repeat(row, 2), np.repeat(column, 2))), shape=X.shape, dtype=X.dtype
    )


STORAGES = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": strided,
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "csr_array": sparse.csr_array,
    "csc_array": sparse.csc_array,
    "csr_matrix": sparse.csr_matrix,
    "coo_array": sparse.coo_array,
    "csr_unmerged": unmerged,
}
ESTIMATORS = {
    "ols": (LinearRegression, {}),
    "ols_positive": (LinearRegression, {"positive": True}),
    "ridge": (Ridge, {"alpha": 2.5}),
    "ridge_weak": (Ridge, {"alpha": 1e-3}),
    "ridge_positive": (Ridge, {"alpha": 2.5, "positive": True}),
}
SHAPES = {"tall": (60, 6), "square": (9, 9), "wide": (7, 15)}
CASES = [
    (dtype, weights, intercept, targets)
    for dtype in (np.float64, np.float32)
    for weights in ("none", "real", "counts")
    for intercept in (True, False)
    for targets in ("vector", "column", "three")
]


def make_problem(shape, dtype, weights, targets, seed=0):
    rng = np.random.default_rng(seed)
    n, p = shape
    X = (rng.normal(size=(n, p)) + rng.normal(size=p)).astype(dtype)
    X[rng.random(X.shape) < 0.3] = 0
    Y = X @ rng.normal(size=(p, 3)) + rng.normal(size=(n, 3)) + [1.0, -20.0, 3.0]
    y = {"vector": Y[:, 0], "column": Y[:, :1], "three": Y}[targets].astype(dtype)
    w = {"none": None, "real": rng.uniform(0.2, 3, n), "counts": rng.integers(0, 3, n) * 1.0}[weights]
    return X, y, w


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_coefficients_equal_the_reference(name, storage, shape):
    make, parameters = ESTIMATORS[name]
    if name == "ols_positive" and ("cs" in storage or "coo" in storage):
        pytest.skip("scikit-learn's LinearRegression(positive=True) takes dense X only")
    if name == "ols_positive" and shape == "wide":
        pytest.skip("many solutions fit equally well: see test_positive_fits_reach_the_minimum")
    for dtype, weights, intercept, targets in CASES:
        X, y, w = make_problem(SHAPES[shape], dtype, weights, targets)
        model = make(**parameters, fit_intercept=intercept).fit(STORAGES[storage](X), y, w)
        expected = reference(X, y, w, intercept=intercept, **parameters)
        digits = None if shape == "tall" or dtype == np.float32 else 8
        if dtype == np.float32 and shape != "tall":
            continue  # as ill-conditioned as float32 is short: see the residuals below
        assert_coefficients(model, expected, dtype, digits=digits)
        assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", ["square", "wide"])
@pytest.mark.parametrize("name", ["ols", "ridge"])
def test_float32_fits_as_closely_as_float32_can(name, shape):
    make, parameters = ESTIMATORS[name]
    X, y, w = make_problem(SHAPES[shape], np.float32, "real", "three")
    model = make(**parameters).fit(X, y, w)
    coef, intercept = reference(X, y, w, **parameters)
    assert model.coef_.dtype == np.float32
    assert_allclose(model.predict(X), X @ coef.T + intercept, atol=2e-4 * np.abs(y).max())


@pytest.mark.parametrize("storage", ["C", "csr_array"])
@pytest.mark.parametrize("positive", [False, True])
def test_ridge_regression_function(storage, positive):
    for dtype, weights, _, targets in CASES[::2]:
        X, y, w = make_problem(SHAPES["tall"], dtype, weights, targets)
        stored = STORAGES[storage](X)
        coef = ridge_regression(stored, y, 2.5, sample_weight=w, positive=positive)
        expected, _ = reference(X, y, w, alpha=2.5, intercept=False, positive=positive)
        assert coef.shape == ((3, 6) if targets == "three" else (6,))
        tolerance = 1e-9 if dtype == np.float64 else 1e-3
        assert_allclose(coef.reshape(expected.shape), expected, rtol=0, atol=tolerance)
        if not positive:
            coef, n_iter, intercept = ridge_regression(
                stored, y, 2.5, sample_weight=w, return_intercept=True, return_n_iter=True
            )
            expected, constant = reference(X, y, w, alpha=2.5)
            assert_allclose(coef.reshape(expected.shape), expected, rtol=0, atol=1e-3)
            assert_allclose(intercept, constant if targets == "three" else constant[0], rtol=1e-3)
            assert n_iter.shape == (expected.shape[0],)


# ---------------------------------------------------------------------------------- certificates


def gradients(model, X, y, w, alpha):
    """Half the derivatives of the objective in coefficients and intercept, relative to their terms."""
    residual = y - X @ model.coef_ - model.intercept_
    w = np.ones(len(y)) if w is None else w
    size = np.abs(X).T @ (w * np.abs(y)) + 1e-300
    return (X.T @ (w * residual) - alpha * model.coef_) / size, (w @ residual) / (w @ np.abs(y))


@pytest.mark.parametrize("weights", ["none", "real", "counts"])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1.0, 1e6])
def test_gradient_vanishes(alpha, weights):
    X, y, w = make_problem((200, 12), np.float64, weights, "vector", seed=3)
    coef_gradient, intercept_gradient = gradients(Ridge(alpha=alpha).fit(X, y, w), X, y, w, alpha)
    assert np.abs(coef_gradient).max() < 1e-13
    assert abs(intercept_gradient) < 1e-13


@pytest.mark.parametrize("make", [LinearRegression, partial(Ridge, alpha=0.3), partial(Ridge, alpha=100.0)])
@pytest.mark.parametrize("weights", ["none", "real"])
def test_positive_fits_satisfy_their_optimality_conditions(make, weights):
    for seed in range(5):
        X, y, w = make_problem((80, 20), np.float64, weights, "vector", seed=seed)
        model = make(positive=True).fit(X, y, w)
        gradient, intercept_gradient = gradients(model, X, y, w, getattr(model, "alpha", 0.0))
        active = model.coef_ > 0
        assert model.coef_.min() >= 0
        assert 0 < active.sum() < 20  # the constraint bites, and not everywhere
        assert np.abs(gradient[active]).max() < 1e-12
        assert gradient[~active].max() < 1e-12
        assert abs(intercept_gradient) < 1e-12


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(50, 10), (12, 11), (30, 30), (8, 20), (20, 40)])
def test_positive_fits_reach_the_minimum(shape, weighted):
    n, p = shape
    for seed in range(25):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=shape) + 1
        y = X @ rng.normal(size=p) + rng.normal(size=n) + 2
        w = rng.uniform(0.5, 2, n) * (np.arange(n) % 4 > 0) if weighted else np.ones(n)
        model = LinearRegression(positive=True).fit(X, y, w)
        root = np.sqrt(w)
        centred = root[:, None] * (X - np.average(X, axis=0, weights=w))
        target = root * (y - np.average(y, weights=w))
        best = nnls(centred, target)[1]
        found = np.linalg.norm(root * (y - X @ model.coef_ - model.intercept_))
        assert model.coef_.min() >= 0
        assert found <= best + 1e-9 * np.linalg.norm(target), f"seed {seed}"


# ---------------------------------------------------------------------------------- dependent columns


def test_dependent_columns_give_the_solution_of_smallest_norm():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 9)) + rng.normal(size=9)
    y = rng.normal(size=50)
    with pytest.warns(UserWarning, match="9 columns but only 4 independent"):
        model = LinearRegression().fit(X, y)
    assert model.rank_ == 4
    assert model.condition_ == np.inf
    assert_coefficients(model, reference(X, y), np.float64, digits=8)
    assert_allclose(model.singular_[:4], np.linalg.svd(X - X.mean(axis=0), compute_uv=False)[:4], rtol=1e-6)


def test_small_scale_is_not_dependence():
    """scikit-learn 1.9 drops such columns by default; the fit is then far off, without a word."""
    rng = np.random.default_rng(6)
    X = rng.normal(size=(100, 4)) * [1.0, 1e-9, 1e9, 1e-3]
    truth = np.array([1.0, 2e9, 3e-9, 4e3])
    model = LinearRegression().fit(X, X @ truth + 5)
    assert model.rank_ == 4
    assert_allclose(model.coef_, truth, rtol=1e-9)


@pytest.mark.parametrize("weights", ["none", "real"])
@pytest.mark.parametrize("shape", [(40, 7), (7, 7), (7, 12)])
def test_rank_and_singular_values_of_the_centred_design(shape, weights):
    X, y, w = make_problem(shape, np.float64, weights, "vector")
    X = np.random.default_rng(0).normal(size=shape)
    model = LinearRegression().fit(X, y, w)
    root = np.ones((len(X), 1)) if w is None else np.sqrt(w)[:, None]
    singular = np.linalg.svd(root * (X - np.average(X, axis=0, weights=w)), compute_uv=False)
    assert model.rank_ == min(shape[0] - 1, shape[1])
    assert model.singular_.shape == (min(shape),)
    assert_allclose(model.singular_, singular, rtol=1e-7, atol=1e-6)


def test_singular_values_are_there_for_every_dense_fit():
    X = np.random.default_rng(1).normal(size=(8, 3))
    for Z in (X.T[[0, 1, 2, 0]], X * 1e200, np.tile(X, 2)[:6], np.zeros((4, 2)), X[:1]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LinearRegression().fit(Z, np.arange(len(Z), dtype=float))
        scale = np.abs(Z).max() or 1.0
        expected = np.linalg.svd((Z - Z.mean(axis=0)) / scale, compute_uv=False)
        assert_allclose(model.singular_ / scale, expected, rtol=1e-7, atol=1e-6)


# ---------------------------------------------------------------------------------- real data


REAL = {
    "diabetes": "target",
    "california_housing": "median_house_value",
    "concrete": "compressive_strength",
    "wine_quality": "quality",
    "ailerons": "goal",
    "stackloss": "STACKLOSS",
    "mpg": "mpg",
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("make", ["LinearRegression", "Ridge"])
@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.CollinearityWarning")  # ailerons has a double column
def test_real_data_agree_with_sklearn(make, name):
    if not DATA.is_dir():
        pytest.skip(f"no data sets in {DATA}")
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(DATA / f"{name}.parquet").select_dtypes("number").dropna()
    table = table.drop(columns=["split"], errors="ignore").loc[:, lambda t: t.nunique() > 1]
    y = table.pop(REAL[name]).to_numpy(dtype=np.float64)
    X = table.to_numpy(dtype=np.float64)
    # tol=0: scikit-learn's default takes columns of small scale for dependent ones
    exact = {"tol": 0.0} if make == "LinearRegression" and sklearn.__version__ >= "1.9" else {}
    ours = (LinearRegression() if make == "LinearRegression" else Ridge()).fit(X, y)
    theirs = getattr(sklearn.linear_model, make)(**exact).fit(X, y)
    spread = np.abs(y - y.mean()).max()
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-7 * spread)
    assert_allclose(ours.coef_ * X.std(axis=0), theirs.coef_ * X.std(axis=0), rtol=0, atol=1e-6 * spread)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-9)


# ---------------------------------------------------------------------------------- scales


@pytest.mark.parametrize("x_scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("y_scale", [1e-200, 1.0, 1e200])
def test_scale_does_not_matter(x_scale, y_scale):
    truth = np.array([3.0, -1.0, 2.0])
    X = np.random.default_rng(7).uniform(-1, 1, size=(40, 3))
    y = X @ truth + 0.5
    expected = truth * y_scale / x_scale if 1e-290 < y_scale / x_scale < 1e290 else None
    if expected is None:
        pytest.skip("the coefficients themselves are not float64 numbers")
    model = LinearRegression().fit(X * x_scale, y * y_scale)
    assert_allclose(model.coef_, expected, rtol=1e-9)
    assert_allclose(model.intercept_, 0.5 * y_scale, rtol=1e-7)


def test_large_mean_small_spread():
    X = np.random.default_rng(8).normal(size=(1000, 3)) + 1e8
    centred = X - X.mean(axis=0)
    y = centred @ [1.0, 2.0, 3.0] + 7
    model = LinearRegression().fit(X, y)
    assert_allclose(model.coef_, [1.0, 2.0, 3.0], rtol=1e-7)
    assert_allclose(model.predict(X), y, atol=1e-6)


def test_single_row_and_constant_columns():
    model = LinearRegression().fit(np.array([[2.0, 3.0]]), np.array([5.0]))
    assert_allclose(model.coef_, 0)
    assert model.intercept_ == 5.0
    X = np.column_stack([np.full(30, 4.2), np.arange(30.0)])
    with pytest.warns(UserWarning, match="2 columns but only 1 independent"):
        model = LinearRegression().fit(X, 2 * X[:, 1] + 1)
    assert_allclose(model.coef_, [0, 2], atol=1e-12)
    assert_allclose(model.intercept_, 1)


def test_huge_integers():
    X = np.array([[10**15, 1], [10**15 + 17, 2], [10**15 + 90, 5], [10**15 + 60, 1]], dtype=np.int64)
    y = (X[:, 0] - 10**15) * 3 + X[:, 1]
    model = LinearRegression().fit(X, y)
    assert_allclose(model.coef_, [3, 1], rtol=1e-9)
