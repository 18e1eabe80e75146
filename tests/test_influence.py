"""Leave-one-out, leverage and influence: against refits, R and statsmodels."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference.influence import fit, refits
from registry import DTYPES, PROBLEMS, STORAGES
from sklearn.metrics import r2_score

from mlcraft.exceptions import LeverageWarning
from mlcraft.linear_model import LinearRegression, Ridge, RidgeCV

MODELS = {
    "ols": LinearRegression(),
    "ols_no_intercept": LinearRegression(fit_intercept=False),
    "ridge": Ridge(2.0),
    "ridge_no_intercept": Ridge(2.0, fit_intercept=False),
    "ridge_small": Ridge(1e-3),
    "ridge_zero": Ridge(0.0),
}
# What rounding leaves, relative to the largest number: that of the refits' predictions (large_mean), of a row whose
# leverage is one to ten digits (outlier), of columns that are nearly dependent.
LOOSE = {"large_mean": 1e-8, "outlier": 1e-5, "near_collinear": 1e-8, "wide_mean": 1e-6, "exact_fit": 1e-8}
LOOSE |= {"polynomial": 1e-9, "collinear_scales": 1e-9, "wide_scaled": 1e-9, "barely_tall": 1e-9}


def problem(name):
    found = PROBLEMS[name]()
    y = found.y if found.y.ndim == 1 else found.y[:, 0]
    return found.X, y, found.weight


def quiet(call, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeverageWarning)
        return call(*arguments, **options)


def close(found, expected, tolerance):
    assert found.shape == expected.shape
    finite = np.isfinite(expected)
    assert_array_equal(np.isfinite(found), finite)
    size = np.abs(expected[finite]).max(initial=0.0)
    assert_allclose(found[finite], expected[finite], rtol=0, atol=tolerance * size + 1e-300)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "one_row"])
def test_equals_refits(name, kind):
    X, y, weight = problem(name)
    model = fit(MODELS[kind], X, y, weight)
    slow = refits(model, X, y, weight)
    weights = np.ones(len(y)) if weight is None else weight
    tolerance = LOOSE.get(name, 1e-11)
    close(quiet(model.loo_predict_, X, y, weight), slow.prediction, tolerance)
    counted = np.count_nonzero(weights)
    leverage = model.leverage_(X, weight)
    assert ((leverage >= 0) & (leverage <= 1)).all()
    if counted - leverage.sum() < 1e-9:
        with pytest.raises(ValueError, match="no residual degrees of freedom"):
            model.influence_(X, y, weight)
        return
    found = quiet(model.influence_, X, y, weight)
    close(found.loo_parameters, slow.parameters, tolerance)
    close(found.loo_prediction, slow.prediction, tolerance)
    df = counted - (weights > 0) - slow.effective_df
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where(df > 1e-9, np.sqrt(slow.rss / df), np.inf)
    if name != "exact_fit" or kind == "ridge":  # else it is nothing but rounding
        close(found.loo_sigma, sigma, 10 * max(tolerance, 1e-10))
    assert not found.to_frame().isna().any(axis=None)
    assert_allclose(found.press, weights @ (y - slow.prediction) ** 2, rtol=10 * tolerance, atol=1e-12 * (y @ y))


def definitions(model, X, y, weight, found):
    """Measures from their definitions, with fits without each row."""
    slow = refits(model, X, y, weight)
    weights = np.ones(len(y)) if weight is None else weight
    Z = np.column_stack([np.ones(len(y)), X]) if model.fit_intercept else X
    penalty = np.full(Z.shape[1], float(getattr(model, "alpha", 0.0)))
    penalty[: int(model.fit_intercept)] = 0.0
    matrix = (Z.T * weights) @ Z + np.diag(penalty)
    inverse = np.linalg.inv(matrix)
    leverage = weights * np.einsum("ij,jk,ik->i", Z, inverse, Z)
    parameters = np.append(model.intercept_, model.coef_) if model.fit_intercept else model.coef_
    change = parameters - slow.parameters
    df = np.count_nonzero(weights) - leverage.sum()
    residual = y - model.predict(X)
    sigma = np.sqrt(weights @ residual**2 / df)
    loo_sigma = np.sqrt(slow.rss / (np.count_nonzero(weights) - (weights > 0) - slow.effective_df))
    covratio = []
    for i in range(len(y)):
        others = inverse if weights[i] == 0 else np.linalg.inv(matrix - weights[i] * np.outer(Z[i], Z[i]))
        covratio.append(np.linalg.det(loo_sigma[i] ** 2 * others) / np.linalg.det(sigma**2 * inverse))
    with np.errstate(invalid="ignore", divide="ignore"):
        own = model.predict(X) - slow.prediction
        expected = {
            "leverage": leverage,
            "residual": residual,
            "rstandard": np.sqrt(weights) * residual / (sigma * np.sqrt(1 - leverage)),
            "rstudent": np.sqrt(weights) * residual / (loo_sigma * np.sqrt(1 - leverage)),
            "cooks_distance": np.einsum("ij,jk,ik->i", change, matrix, change) / (leverage.sum() * sigma**2),
            "dffits": np.where(weights > 0, own / (loo_sigma * np.sqrt(leverage / weights)), 0.0),
            "covratio": np.array(covratio),
            "dfbetas": change / np.outer(loo_sigma, np.sqrt(np.diagonal(inverse))),
        }
    for name, value in expected.items():
        assert_allclose(getattr(found, name), value, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", ["plain", "weighted", "zero_weights", "one_column"])
def test_definitions(name, kind):
    X, y, weight = problem(name)
    model = fit(MODELS[kind], X, y, weight)
    definitions(model, X, y, weight, model.influence_(X, y, weight))


def test_definitions_of_wide_ridge():
    X, y, weight = problem("wide_weighted")
    model = Ridge(2.0).fit(X, y, weight)
    definitions(model, X, y, weight, model.influence_(X, y, weight))


# ---------------------------------------------------------------- R and statsmodels

LM = ["attitude", "cars_no_intercept", "cars_quadratic", "chickweight", "iris", "mtcars", "rock", "stackloss"]
LM += ["states", "swiss", "warpbreaks"]
CLOSE = {"fitted": 1e-9, "residuals": 1e-9, "hat": 1e-9, "covratio": 1e-9, "rstandard": 1e-9, "loo_sigma": 1e-9}
CLOSE |= {"loo_residuals": 1e-9, "cooks_distance": 1e-8, "dffits": 1e-8, "dfbetas": 1e-8, "rstudent": 1e-8}
OURS = {"residuals": "residual", "hat": "leverage", "loo_residuals": "loo_residual"}


def load(shared, kind, name):
    case = json.loads(shared(f"reference/r/{kind}/{name}.json").read_text())
    rows = np.genfromtxt(shared(f"reference/r/{kind}/{name}.csv"), delimiter=",", skip_header=1)
    p = len(case["columns"])
    return case, rows[:, 1 : p + 1], rows[:, 0], rows[:, p + 1] if case.get("weights_column") else None


def check_against_r(found, expected, y):
    for name, tolerance in CLOSE.items():
        value = y - found.residual if name == "fitted" else getattr(found, OURS.get(name, name))
        reference = np.array(expected[name], dtype=float)
        # residuals come out of a subtraction: their digits are those of y
        slack = 1e-12 * np.abs(reference).max()
        assert_allclose(value, reference, rtol=tolerance, atol=slack, err_msg=name)
    assert_allclose((found.loo_residual**2).sum(), expected["press"], rtol=1e-9)


@pytest.mark.parametrize("storage", ["c", "f", "csr32"])
@pytest.mark.parametrize("name", LM)
def test_r(shared, name, storage):
    case, X, y, _ = load(shared, "lm", name)
    X = STORAGES[storage](X)
    model = LinearRegression(fit_intercept=case["intercept"]).fit(X, y)
    check_against_r(model.influence_(X, y), case["diagnostics"], y)


@pytest.mark.parametrize("name", ["mtcars_prior", "warpbreaks_integer"])
def test_r_weights(shared, name):
    case, X, y, weight = load(shared, "weights", name)
    if "diagnostics" not in case["prior"]:
        pytest.skip("R's diagnostics are not given for this case")
    model = LinearRegression().fit(X, y, weight)
    check_against_r(model.influence_(X, y, weight), case["prior"]["diagnostics"], y)


def test_r_zero_weights(shared):
    """R leaves such rows out: everything else is as without them, and leaving them out changes nothing."""
    case, X, y, weight = load(shared, "weights", "swiss_zero_weights")
    model = LinearRegression().fit(X, y, weight)
    found, used = model.influence_(X, y, weight), weight > 0
    assert_allclose(found.sigma, case["prior"]["sigma"], rtol=1e-9)
    assert np.count_nonzero(used) - found.effective_df == pytest.approx(case["prior"]["df_residual"], rel=1e-12)
    others = model.influence_(X[used], y[used], weight[used])
    for name in ("leverage", "rstudent", "cooks_distance", "dffits", "dfbetas", "covratio", "loo_sigma"):
        assert_allclose(getattr(found, name)[used], getattr(others, name), rtol=1e-12, err_msg=name)
    nothing = {"leverage": 0, "rstudent": 0, "cooks_distance": 0, "dffits": 0, "dfbetas": 0, "loo_sigma": found.sigma}
    for name, value in (nothing | {"covratio": 1}).items():
        assert_allclose(getattr(found, name)[~used], value, rtol=1e-12, err_msg=name)
    assert_allclose(found.loo_prediction[~used], model.predict(X[~used]), rtol=1e-12)


def real_data(shared, name, target):
    pd = pytest.importorskip("pandas")
    frame = pd.read_parquet(shared(f"data/{name}.parquet")).select_dtypes("number").dropna()
    return frame.drop(columns=target), frame[target].to_numpy(dtype=float)


@pytest.mark.parametrize(
    ("name", "target"), [("mpg", "mpg"), ("concrete", "compressive_strength"), ("diabetes", "target")]
)
def test_statsmodels(shared, name, target):
    api = pytest.importorskip("statsmodels.api")
    X, y = real_data(shared, name, target)
    X, y = X[:: len(y) // 200], y[:: len(y) // 200]  # they refit for each row
    theirs = api.OLS(y, api.add_constant(X.to_numpy(dtype=float))).fit().get_influence()
    found = LinearRegression().fit(X, y).influence_(X, y)
    pairs = {
        "leverage": theirs.hat_matrix_diag,
        "cooks_distance": theirs.cooks_distance[0],
        "dffits": theirs.dffits[0],
        "rstandard": theirs.resid_studentized_internal,
        "rstudent": theirs.resid_studentized_external,
        "loo_residual": theirs.resid_press,
        "dfbetas": theirs.dfbetas,
        "covratio": theirs.cov_ratio,
        "loo_parameters": theirs.params_not_obsi,
    }
    for measure, expected in pairs.items():
        size = np.abs(expected).max()
        assert_allclose(getattr(found, measure), expected, rtol=1e-7, atol=1e-9 * size, err_msg=measure)
    frame = found.to_frame()
    assert_array_equal(frame.index, X.index)
    assert list(frame.columns[-2:]) == [f"dfbetas_{column}" for column in X.columns[-2:]]


@pytest.mark.parametrize(
    ("name", "degree", "tolerance"), [("Filip", 10, 1e-6), ("Pontius", 2, 1e-11), ("Wampler4", 5, 1e-11)]
)
def test_nist(shared, name, degree, tolerance):
    """Ill-conditioned polynomials (Filip: 1e10) against 60 digits."""
    pd, mpmath = pytest.importorskip("pandas"), pytest.importorskip("mpmath")
    table = pd.read_parquet(shared("data/nist_strd.parquet"))
    table = table[table["problem"] == name]
    x, y = (table[column].to_numpy(dtype=float) for column in ("x", "y"))
    X = x[:, np.newaxis] ** np.arange(1, degree + 1)
    with mpmath.workdps(60):
        Z = mpmath.matrix([[1, *map(mpmath.mpf, row)] for row in X.tolist()])
        inverse = (Z.T * Z) ** -1
        fitted = Z * (inverse * (Z.T * mpmath.matrix(y.tolist())))
        product = Z * inverse
        h = [sum(product[i, j] * Z[i, j] for j in range(degree + 1)) for i in range(len(y))]
        loo = np.array([float((mpmath.mpf(y[i]) - fitted[i]) / (1 - h[i])) for i in range(len(y))])
        h = np.array([float(value) for value in h])
    model = LinearRegression().fit(X, y)
    assert_allclose(model.leverage_(X), h, rtol=0, atol=tolerance)
    assert_allclose(y - model.loo_predict_(X, y), loo, rtol=0, atol=tolerance * np.abs(loo).max())


# ---------------------------------------------------------------- rows of leverage one


def with_lonely_rows():
    random = np.random.default_rng(3)
    X = random.standard_normal((20, 4))
    X[:, 2:] = 0
    X[5, 2], X[11, 3] = 1.0, 2.5
    return X, X[:, 0] - X[:, 1] + random.standard_normal(20) + 4


@pytest.mark.parametrize("weighted", [False, True])
def test_leverage_one(weighted):
    X, y = with_lonely_rows()
    weight = np.random.default_rng(4).uniform(0.5, 3, 20) if weighted else None
    model = LinearRegression().fit(X, y, weight)
    with pytest.warns(LeverageWarning, match=r"rows 5, 11 \(2 in all\) have leverage 1"):
        found = model.influence_(X, y, weight)
    with pytest.warns(LeverageWarning, match="rows 5, 11"):
        prediction = model.loo_predict_(X, y, weight)
    slow = refits(model, X, y, weight)
    assert_allclose(prediction, slow.prediction, rtol=1e-11)
    assert_allclose(found.loo_parameters, slow.parameters, rtol=1e-10, atol=1e-12)
    assert_array_equal(np.flatnonzero(found.saturated), [5, 11])
    assert_array_equal(found.leverage[[5, 11]], 1.0)
    assert_array_equal(found.rstudent[[5, 11]], 0.0)
    assert_array_equal(found.rstandard[[5, 11]], 0.0)
    assert np.isinf(found.covratio[[5, 11]]).all()
    frame = found.to_frame()
    assert not frame.isna().any(axis=None)
    assert np.isfinite(frame.drop(columns="covratio").to_numpy(dtype=float)).all()
    assert np.isfinite(found.covratio[~found.saturated]).all()
    # the row alone carries its coefficient: without it that is zero
    assert_allclose(found.loo_parameters[5, 3], 0.0, atol=1e-12)


def test_leverage_one_of_a_row_with_an_outlying_column():
    """A leverage of one by size, not by structure, still has its finite answers."""
    X, y, _ = problem("outlier")
    found = LinearRegression().fit(X, y).influence_(X, y)
    assert found.leverage.max() > 1 - 1e-9
    assert not found.saturated.any()
    assert found.worst(1)[0] == 3


# ---------------------------------------------------------------- shapes, storages, dtypes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("storage", STORAGES)
def test_storages(storage, dtype):
    X, y, weight = problem("weighted")
    X, y, weight = (a.astype(DTYPES[dtype]) for a in (X, y, weight))
    expected = LinearRegression().fit(X, y, weight).influence_(X, y, weight).to_frame()
    given = STORAGES[storage](X)
    found = LinearRegression().fit(given, y, weight).influence_(given, y, weight)
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    for name in expected.columns.drop("saturated"):
        if not name.startswith("dfbetas"):
            assert getattr(found, name).dtype == DTYPES[dtype]
            assert_allclose(getattr(found, name), expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
    assert found.dfbetas.dtype == found.loo_parameters.dtype == DTYPES[dtype]


def test_float32_is_as_exact_as_it_can_be():
    random = np.random.default_rng(0)
    X = (random.standard_normal((5000, 30)) + 10).astype(np.float32)
    y = (X @ random.standard_normal(30) + random.standard_normal(5000)).astype(np.float32)
    exact = LinearRegression().fit(X.astype(float), y.astype(float)).leverage_(X.astype(float))
    found = LinearRegression().fit(X, y).leverage_(X)
    assert found.dtype == np.float32
    assert_allclose(found, exact, rtol=3e-7)


@pytest.mark.parametrize("outlier", [False, True])
def test_large_data(outlier):
    """Where X is large and well-conditioned the factor is used as it is, unless a leverage is close to one."""
    X = np.random.default_rng(0).standard_normal((60_000, 20)) + np.arange(20)
    if outlier:
        X[7] *= 1e4
    y = X[:, 0] + np.sin(np.arange(60_000))
    model = LinearRegression().fit(X, y)
    basis = np.linalg.qr(np.column_stack([np.ones(len(X)), X]))[0]
    expected = (basis**2).sum(axis=1)
    assert_allclose(model.leverage_(X), expected, rtol=1e-10)
    kept = np.arange(60_000) != 7
    others = LinearRegression().fit(X[kept], y[kept])
    found = model.influence_(X, y)
    assert_allclose(found.loo_prediction[7], others.predict(X[7:8])[0], rtol=1e-9)
    assert_allclose(found.loo_parameters[7, 1:], others.coef_, rtol=1e-8, atol=1e-10)


def test_targets():
    found = PROBLEMS["targets"]()
    model = LinearRegression().fit(found.X, found.y)
    together = model.influence_(found.X, found.y)
    assert together.leverage.shape == (31,)
    assert together.dfbetas.shape == together.loo_parameters.shape == (31, 3, 5)
    for t in range(3):
        alone = LinearRegression().fit(found.X, found.y[:, t]).influence_(found.X, found.y[:, t])
        for name in ("loo_prediction", "rstudent", "dffits", "covratio", "dfbetas", "loo_parameters"):
            assert_allclose(getattr(together, name)[:, t], getattr(alone, name), rtol=1e-8, atol=1e-13, err_msg=name)
        frames = [frame.astype(float) for frame in (together.to_frame(t), alone.to_frame())]
        assert_allclose(*frames, rtol=1e-8, atol=1e-13)
    assert model.loo_predict_(found.X, found.y).shape == (31, 3)


@pytest.mark.parametrize("wide", [False, True])
def test_a_penalty_for_each_target(wide):
    X, y, _ = problem("wide" if wide else "plain")
    targets, alpha = np.column_stack([y, y, -y]), np.array([1.0, 10.0, 1.0])
    model = Ridge(alpha).fit(X, targets)
    leverage, prediction = model.leverage_(X), model.loo_predict_(X, targets)
    found = model.influence_(X, targets)
    for t in range(3):
        alone = Ridge(alpha[t]).fit(X, targets[:, t])
        assert_allclose(leverage[:, t], alone.leverage_(X), rtol=1e-11)
        assert_allclose(prediction[:, t], alone.loo_predict_(X, targets[:, t]), rtol=1e-11, atol=1e-12)
        assert_allclose(found.dfbetas[:, t], alone.influence_(X, targets[:, t]).dfbetas, rtol=1e-9, atol=1e-12)


def test_shapes_follow_predictions():
    X, y, _ = problem("plain")
    for model in (LinearRegression(), Ridge()):
        for target in (y, y[:, None]):
            shape = model.fit(X, target).predict(X).shape
            assert model.loo_predict_(X, target).shape == shape
            assert model.influence_(X, target).rstudent.shape == shape


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library):
    frames = pytest.importorskip(library)
    X, y, _ = problem("plain")
    frame = frames.DataFrame({f"column {j}": X[:, j] for j in range(4)})
    model = LinearRegression().fit(frame, frames.Series(y))
    found = model.influence_(frame, frames.Series(y))
    assert found.names == ("intercept", "column 0", "column 1", "column 2", "column 3")
    assert_allclose(found.dffits, LinearRegression().fit(X, y).dffits_(X, y), rtol=1e-12)
    with pytest.warns(UserWarning, match="valid feature names"):
        model.leverage_(X)


def test_single_measures():
    X, y, weight = problem("weighted")
    model = LinearRegression().fit(X, y, weight)
    found = model.influence_(X, y, weight)
    assert_array_equal(model.leverage_(X, weight), found.leverage)
    for name in ("cooks_distance", "dffits", "rstudent", "rstandard", "covratio", "dfbetas"):
        assert_array_equal(getattr(model, f"{name}_")(X, y, weight), getattr(found, name))
    order = np.argsort(-found.cooks_distance)
    assert_array_equal(found.worst(3), order[:3])
    assert_array_equal(found.worst(2, by="rstudent"), np.argsort(-np.abs(found.rstudent))[:2])
    without = model.influence_(X, y, weight, coefficients=False)
    with pytest.raises(ValueError, match="coefficients=True"):
        _ = without.dfbetas
    assert "dfbetas_x0" not in without.to_frame()


# ---------------------------------------------------------------- scores


def test_scores():
    X, y, weight = problem("weighted")
    model = LinearRegression().fit(X, y, weight)
    prediction = model.loo_predict_(X, y, weight)
    error = y - prediction
    assert model.loo_score_(X, y, weight) == pytest.approx(r2_score(y, prediction, sample_weight=weight))
    assert model.loo_score_(X, y, weight, scoring="rmse") == pytest.approx(
        np.sqrt(np.average(error**2, weights=weight))
    )
    assert model.loo_score_(X, y, weight, scoring="mae") == pytest.approx(np.average(np.abs(error), weights=weight))
    negative = model.loo_score_(X, y, weight, scoring="neg_median_absolute_error")
    assert negative < 0
    assert model.loo_score_(X, y, weight, scoring=lambda y, p: np.abs(y - p).max()) == np.abs(error).max()
    assert model.loo_score_(X, y, weight) < model.score(X, y, weight)
    with pytest.raises(ValueError, match="nonsense"):
        model.loo_score_(X, y, weight, scoring="nonsense")


def test_scores_of_several_targets():
    found = PROBLEMS["targets"]()
    model = LinearRegression().fit(found.X, found.y)
    alone = [LinearRegression().fit(found.X, y).loo_score_(found.X, y) for y in found.y.T]
    assert model.loo_score_(found.X, found.y) == pytest.approx(np.mean(alone))


# ---------------------------------------------------------------- what is refused


def test_needs_a_fit():
    with pytest.raises(ValueError, match="not fitted"):
        LinearRegression().leverage_(np.ones((3, 2)))


def refusals():
    X, y, _ = problem("plain")
    wrong = X.copy()
    wrong[2, 1] = np.nan
    infinite = y.copy()
    infinite[0] = np.inf
    return {
        "another y": (X, y[::-1], "residual sum of squares"),
        "another X": (X + np.arange(31.0)[:, None] ** 2, y, "those that the model was fitted on"),
        "scaled X": (2 * X, y, "those that the model was fitted on"),
        "rows missing": (X[:-1], y[:-1], "sum to 31"),
        "rows of another y": (X, y[:-1], "inconsistent numbers of samples"),
        "too many targets": (X, np.column_stack([y, y]), "fitted on 1 target"),
        "columns missing": (X[:, :-1], y, "3 features"),
        "NaN": (wrong, y, "NaN"),
        "infinity": (X, infinite, "infinity"),
        "no y": (X, None, "y must be the targets"),
        "text": (np.full((31, 4), "a"), y, "could not convert|dtype"),
        "no rows": (X[:0], y[:0], "0 sample"),
    }


@pytest.mark.parametrize("name", refusals())
def test_refuses(name):
    X, y, text = refusals()[name]
    good, target, _ = problem("plain")
    model = LinearRegression().fit(good, target)
    with pytest.raises(ValueError, match=text):
        model.loo_predict_(X, y)
    with pytest.raises(ValueError, match=text):
        model.influence_(X, y)


def test_forgotten_weights_are_noticed():
    X, y, weight = problem("weighted")
    with pytest.raises(ValueError, match="with their sample_weight"):
        LinearRegression().fit(X, y, weight).leverage_(X)


def test_permuted_columns_are_noticed_whatever_the_size():
    X = np.random.default_rng(0).standard_normal((60_000, 20)) + np.arange(20)
    model = LinearRegression().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="those that the model was fitted on"):
        model.leverage_(X[:, ::-1])


def test_needs_a_factor():
    X, y, _ = problem("plain")
    with pytest.raises(ValueError, match="positive=True"):
        LinearRegression(positive=True).fit(X, y).loo_predict_(X, y)
    model = Ridge(1.0).fit(X, y)
    model._kept = type(model._kept)()  # as wide sparse X leaves it
    with pytest.raises(ValueError, match="kept no factorised matrix"):
        model.leverage_(X)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 0.0])])
def test_too_few_rows(weight):
    X = np.array([[1.0], [2.0]]) if weight is not None else np.array([[1.0]])
    model = Ridge().fit(X, X[:, 0], weight)
    with pytest.raises(ValueError, match="at least two rows"):
        model.loo_predict_(X, X[:, 0], weight)


def test_two_rows():
    X, y = np.array([[1.0], [3.0]]), np.array([2.0, 5.0])
    model = LinearRegression().fit(X, y)
    assert_allclose(quiet(model.loo_predict_, X, y), y[::-1])  # the mean of the other
    assert_allclose(model.leverage_(X), 1.0)


# ---------------------------------------------------------------- nothing is kept


def test_a_model_keeps_no_data():
    random = np.random.default_rng(0)
    sizes = []
    for n in (100, 5000):
        X = random.standard_normal((n, 6))
        y = X[:, 0] + random.standard_normal(n)
        model = LinearRegression().fit(X, y)
        model.influence_(X, y)
        sizes.append(len(pickle.dumps(model)))
    assert abs(sizes[0] - sizes[1]) < 100


def test_influence_pickles():
    X, y, _ = problem("plain")
    found = LinearRegression().fit(X, y).influence_(X, y)
    again = pickle.loads(pickle.dumps(found))
    assert_array_equal(again.dfbetas, found.dfbetas)


def test_a_model_from_a_pickle_and_a_file(tmp_path):
    from mlcraft import load_model, save_model

    X, y, weight = problem("weighted")
    model = LinearRegression().fit(X, y, weight)
    expected = model.loo_predict_(X, y, weight)
    save_model(tmp_path / "model.mlc", model)
    for other in (pickle.loads(pickle.dumps(model)), load_model(tmp_path / "model.mlc")):
        assert_allclose(other.loo_predict_(X, y, weight), expected, rtol=1e-13)


def test_bits_do_not_depend_on_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    X = np.random.default_rng(0).standard_normal((20_000, 30))
    y = X[:, 0] + np.sin(np.arange(20_000))
    model = LinearRegression().fit(X, y)
    found = []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(threads, user_api="openmp"):
            found.append(model.influence_(X, y).dffits)
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


# ---------------------------------------------------------------- models that were not made by one fit


@pytest.mark.parametrize("name", ["plain", "weighted", "wide_weighted"])
def test_ridge_cv(name):
    """The chosen penalty counts."""
    X, y, weight = problem(name)
    model = RidgeCV(alphas=[0.5, 2.0, 40.0]).fit(X, y, weight)
    expected = Ridge(model.alpha_).fit(X, y, weight).influence_(X, y, weight)
    found = model.influence_(X, y, weight)
    for measure in ("leverage", "loo_prediction", "dffits", "dfbetas", "loo_sigma"):
        assert_allclose(getattr(found, measure), getattr(expected, measure), rtol=1e-8, atol=1e-10, err_msg=measure)
    assert model.loo_score_(X, y, weight) == pytest.approx(
        r2_score(y, expected.loo_prediction, sample_weight=weight), rel=1e-9
    )


def test_ridge_cv_with_a_penalty_for_each_target():
    X, y, _ = problem("plain")
    targets = np.column_stack([y, np.sin(np.arange(31))])
    model = RidgeCV(alphas=[0.01, 100.0], alpha_per_target=True).fit(X, targets)
    assert len(set(model.alpha_)) == 2
    expected = Ridge(model.alpha_).fit(X, targets)
    assert_allclose(model.loo_predict_(X, targets), expected.loo_predict_(X, targets), rtol=1e-9)


def test_after_updates():
    """The rows that count are those that the model knows by now."""
    X, y, _ = problem("plain")
    model = LinearRegression().fit(X[:20], y[:20]).partial_fit(X[20:], y[20:])
    whole = LinearRegression().fit(X, y)
    assert_allclose(model.influence_(X, y).dfbetas, whole.influence_(X, y).dfbetas, rtol=1e-8, atol=1e-11)
    model.forget(X[:5], y[:5])
    part = LinearRegression().fit(X[5:], y[5:])
    assert_allclose(model.loo_predict_(X[5:], y[5:]), part.loo_predict_(X[5:], y[5:]), rtol=1e-9)
    with pytest.raises(ValueError, match="sum to 26"):
        model.leverage_(X)


def test_changed_parameters_do_not_matter():
    """The penalty of the fit counts, not what the parameter says by now."""
    X, y, _ = problem("plain")
    model = Ridge(2.0).fit(X, y)
    expected = model.loo_predict_(X, y)
    assert_array_equal(model.set_params(alpha=500.0).loo_predict_(X, y), expected)


# ---------------------------------------------------------------- strange data


def strange():
    X, y, _ = problem("plain")
    return {
        "huge columns": (X * 1e150, y),
        "huge y": (X, y * 1e140),
        "constant columns": (np.ones((6, 2)), y[:6]),
        "constant y": (X, np.ones(31)),
        "zeros": (X, np.zeros(31)),
        "integers": (np.round(5 * X).astype(int), y),
        "truth values": (X > 0, y > 0),
        "lists": (X.tolist(), y.tolist()),
        "a perfect fit": (X, X[:, 0]),
        "repeated rows": (np.repeat(X[:6], 3, axis=0), y[:18]),
        "few rows": (X[:6], y[:6]),
        "constant rows": (np.ones((2, 3)), y[:2]),
    }


@pytest.mark.parametrize("name", strange())
@pytest.mark.parametrize("kind", ["ols", "ridge"])
def test_strange_data(name, kind):
    X, y = strange()[name]
    model = fit(MODELS[kind], X, y, None)
    leverage = model.leverage_(X)
    assert ((leverage >= 0) & (leverage <= 1)).all()
    assert np.isfinite(quiet(model.loo_predict_, X, y)).all()
    frame = quiet(model.influence_, X, y).to_frame()
    assert not frame.isna().any(axis=None)
