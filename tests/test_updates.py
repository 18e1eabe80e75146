"""partial_fit, merge and forget: equal to a fit on the union or the difference, and conventions kept on the way."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

import mlcraft
from mlcraft import Moments
from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LinearRegression, Ridge

MODELS = {
    "ols": LinearRegression(),
    "ols without intercept": LinearRegression(fit_intercept=False),
    "ridge": Ridge(alpha=3.0),
    "ridge without intercept": Ridge(alpha=3.0, fit_intercept=False),
    "ridge by target": Ridge(alpha=[0.1, 30.0]),
    "ridge, lsqr": Ridge(alpha=1, solver="lsqr"),
    "non-negative": LinearRegression(positive=True),
    "non-negative ridge": Ridge(positive=True, fit_intercept=False),
}
every_model = pytest.mark.parametrize("name", MODELS)


def rows(n=400, p=6, k=2, seed=0, mean=4.0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * np.linspace(0.2, 5, p) + mean
    Y = X @ random.standard_normal((p, k)) + random.standard_normal((n, k))
    return X, Y, random.uniform(0.5, 2.0, n)


def assert_like(found, reference, tolerance=1e-10):
    """All that a fit leaves, at unit scale of the columns."""
    assert_allclose(found.coef_, reference.coef_, rtol=tolerance, atol=tolerance)
    assert_allclose(found.intercept_, reference.intercept_, rtol=tolerance, atol=tolerance)
    for attribute in ("coef_", "intercept_"):
        mine, theirs = np.asarray(getattr(found, attribute)), np.asarray(getattr(reference, attribute))
        assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    assert found.n_features_in_ == reference.n_features_in_
    assert_allclose(found.condition_, reference.condition_, rtol=0.5)
    mine, theirs = found.sums_of_squares_, reference.sums_of_squares_
    assert mine.n_samples == theirs.n_samples
    for part in ("y_mean", "total", "residual"):
        assert_allclose(getattr(mine, part), getattr(theirs, part), rtol=1e-9)
    assert (found.factor_ is None) == (reference.factor_ is None)
    if reference.factor_ is not None and not reference.factor_.dual:
        matrix = reference.factor_.matrix()
        assert_allclose(found.factor_.matrix(), matrix, rtol=1e-10, atol=1e-10 * np.abs(matrix).max())
        assert found.factor_.rank == reference.factor_.rank
        assert_allclose(found.factor_.weight_sum, reference.factor_.weight_sum)
    for attribute in ("rank_", "solver_"):
        assert getattr(found, attribute, None) == getattr(reference, attribute, None)
    assert (getattr(found, "n_iter_", None) is None) == (getattr(reference, "n_iter_", None) is None)
    assert vars(reference).keys() <= vars(found).keys()


def in_chunks(model, X, y, weight=None, size=150):
    for begin in range(0, X.shape[0], size):
        part = slice(begin, begin + size)
        model.partial_fit(X[part], y[part], None if weight is None else weight[part])
    return model


# ---------------------------------------------------------------- laws


@every_model
@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fits_are_a_fit_on_all_rows(name, weighted):
    X, y, weight = rows()
    weight = weight if weighted else None
    found = in_chunks(clone(MODELS[name]), X, y, weight)
    assert_like(found, clone(MODELS[name]).fit(X, y, weight))


@every_model
def test_partial_fit_goes_on_from_a_fit(name):
    X, y, weight = rows()
    found = clone(MODELS[name]).fit(X[:250], y[:250], weight[:250]).partial_fit(X[250:], y[250:], weight[250:])
    assert_like(found, clone(MODELS[name]).fit(X, y, weight))


@every_model
def test_models_merge(name):
    X, y, weight = rows()
    whole = clone(MODELS[name]).fit(X, y, weight)
    parts = [slice(0, 100), slice(100, 330), slice(330, 400)]
    one, two, three = (clone(MODELS[name]).fit(X[s], y[s], weight[s]) for s in parts)
    kept = two.coef_.copy()
    assert_like(copy.deepcopy(one).merge(two).merge(three), whole)
    assert_like(copy.deepcopy(three).merge(copy.deepcopy(two).merge(one)), whole)
    assert_array_equal(two.coef_, kept)
    assert_like(clone(MODELS[name]).merge(Moments().update(X, y, weight)), whole)


def test_moments_about_the_mean_serve_a_model_without_intercept():
    X, y, weight = rows()
    reference = LinearRegression(fit_intercept=False).fit(X, y, weight)
    rest = Moments().update(X[150:], y[150:], weight[150:])
    for first in ("fit", "partial_fit"):
        model = getattr(LinearRegression(fit_intercept=False), first)(X[:150], y[:150], weight[:150])
        assert_like(model.merge(rest), reference)
        assert_like(model.forget(X[150:], y[150:], weight[150:]).merge(rest), reference)
    with pytest.raises(ValueError, match="gathered without an intercept cannot be merged"):
        LinearRegression().fit(X, y).merge(reference)


@every_model
def test_forgetting_is_a_fit_on_the_rest(name):
    X, y, weight = rows()
    gone = np.random.default_rng(1).permutation(400)[:300]
    kept = np.setdiff1d(np.arange(400), gone)
    reference = clone(MODELS[name]).fit(X[kept], y[kept], weight[kept])
    found = clone(MODELS[name]).fit(X, y, weight).forget(X[gone], y[gone], weight[gone])
    assert_like(found, reference, 1e-10)
    found.partial_fit(X[gone], y[gone], weight[gone])
    assert_like(found, clone(MODELS[name]).fit(X, y, weight))


@pytest.mark.parametrize("one_dimensional", [True, False])
@pytest.mark.parametrize("make", [LinearRegression, Ridge])
def test_shapes_are_those_of_a_fit(make, one_dimensional):
    X, Y, _ = rows(k=1)
    y = Y[:, 0] if one_dimensional else Y
    assert_like(in_chunks(make(), X, y), make().fit(X, y))


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csc_array, sparse.coo_array, np.asfortranarray])
@pytest.mark.parametrize("model", [LinearRegression(), Ridge()], ids=str)
def test_storage_does_not_matter(convert, model):
    X, y, _ = rows(mean=0.0)
    X[np.abs(X) < 0.1] = 0
    found = clone(model)
    for part in np.array_split(np.arange(400), 3):
        found.partial_fit(convert(X[part]), y[part])
    assert_allclose(found.coef_, clone(model).fit(X, y).coef_, rtol=1e-10)


def test_sparse_columns_may_depend_on_each_other():
    """One column for each category and an intercept: as after a fit, no warning."""
    categories = np.random.default_rng(0).integers(0, 5, 300)
    X, y = sparse.csr_array(np.eye(5)[categories]), categories**1.5 + np.arange(300) % 7
    found = in_chunks(LinearRegression(), X, y, size=100)
    assert_allclose(found.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-9)
    assert found.rank_ == 4


def test_single_precision_is_summed_in_double():
    X, y, _ = rows(n=30_000, k=1)
    X, y = X.astype(np.float32), y[:, 0].astype(np.float32)
    found = in_chunks(LinearRegression(), X, y, size=7_000)
    assert found.coef_.dtype == np.float32
    exact = LinearRegression().fit(X.astype(np.float64), y.astype(np.float64)).coef_
    assert_allclose(found.coef_, exact, rtol=1.2e-7)
    assert_allclose(found.partial_fit(X.astype(np.float64), y).coef_, exact, rtol=1e-10)
    assert found.coef_.dtype == np.float64


def test_large_means():
    X, y, _ = rows(k=1, mean=0.0)
    reference = LinearRegression().fit(X, y)
    far = X + 2.0**27  # so that the shift itself loses nothing
    near = (far - 2.0**27) - X
    found = in_chunks(LinearRegression(), far, y, size=40)
    assert_allclose(found.coef_, LinearRegression().fit(X + near, y).coef_, rtol=1e-10)
    found.forget(far[:300], y[:300])
    assert_allclose(found.coef_, LinearRegression().fit((X + near)[300:], y[300:]).coef_, rtol=1e-10)
    assert reference.coef_.shape == found.coef_.shape


def test_bits_do_not_depend_on_threads():
    X, y, weight = rows(n=40_000, p=20)
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            model = in_chunks(LinearRegression(), X, y, weight, 10_000)
            found.append((model.coef_, model.intercept_))
    for coef, intercept in found[1:]:
        assert_array_equal(coef, found[0][0])
        assert_array_equal(intercept, found[0][1])


def test_real_data():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(mlcraft.datasets.load_california_housing()).select_dtypes("number").dropna()
    y = frame.pop("median_house_value").to_numpy()
    found = LinearRegression()
    for begin in range(0, len(frame), 1000):
        found.partial_fit(frame[begin : begin + 1000], y[begin : begin + 1000])
    assert_data_like(found, LinearRegression().fit(frame, y), frame)
    found.forget(frame[:15_000], y[:15_000])
    assert_data_like(found, LinearRegression().fit(frame[15_000:], y[15_000:]), frame)


def assert_data_like(found, reference, frame):
    sizes = frame.std().to_numpy()
    mine, theirs = found.coef_ * sizes, reference.coef_ * sizes
    assert_allclose(mine, theirs, atol=1e-10 * abs(theirs).max())
    assert_allclose(found.predict(frame), reference.predict(frame), rtol=1e-9, atol=1e-6)


# ---------------------------------------------------------------- early chunks and dependent columns


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_fewer_rows_than_columns_give_the_minimum_norm(n, fit_intercept):
    X, y, _ = rows(n=n)
    found = in_chunks(LinearRegression(fit_intercept=fit_intercept), X, y, size=2)
    reference = LinearRegression(fit_intercept=fit_intercept).fit(X, y)
    assert_allclose(found.coef_, reference.coef_, rtol=1e-7, atol=1e-9)
    assert_allclose(found.intercept_, reference.intercept_, rtol=1e-7, atol=1e-9)
    assert found.rank_ == reference.rank_
    if n <= 6:
        assert_allclose(found.predict(X), y, atol=1e-6)


def test_dependent_columns_warn_and_give_the_minimum_norm():
    X, y, _ = rows(p=4)
    X = np.column_stack([X, X[:, 0] * 1000 - X[:, 1], np.full(400, 7.0)])
    found = in_chunks(LinearRegression(), X, y)
    with pytest.warns(CollinearityWarning, match=r"6 columns but only 4 independent ones.*columns 4, 5"):
        found.coef_
    with pytest.warns(CollinearityWarning):
        reference = LinearRegression().fit(X, y)
    assert_allclose(found.coef_, reference.coef_, rtol=1e-8, atol=1e-9)
    assert_allclose(found.factor_.matrix(), reference.factor_.matrix(), rtol=1e-9, atol=1e-9)
    assert found.rank_ == reference.rank_ == 4
    assert found.condition_ == np.inf
    with pytest.warns(CollinearityWarning):
        assert_allclose(reference.partial_fit(X, y).coef_, found.coef_, rtol=1e-8, atol=1e-9)


def test_nearly_dependent_columns_warn_with_numbers():
    X, y, _ = rows(k=1)
    X[:, 1] = X[:, 0] + 1e-7 * X[:, 1]
    found = in_chunks(LinearRegression(), X, y)
    with pytest.warns(CollinearityWarning, match=r"leave about \d correct digits .* \(condition number about 4e\+06\)"):
        found.predict(X)
    assert_allclose(found.predict(X), LinearRegression().fit(X, y).predict(X), atol=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(found).partial_fit(X + np.random.default_rng(0).standard_normal(X.shape) * 1e-3, y).predict(X)


# ---------------------------------------------------------------- conventions


def test_coefficients_are_computed_when_asked_for():
    X, y, _ = rows()
    model = LinearRegression()
    assert not hasattr(model, "coef_")
    model.partial_fit(X, y)
    assert "coef_" not in vars(model)
    assert model.n_features_in_ == 6
    assert hasattr(model, "coef_")
    assert "coef_" in vars(model)
    assert model.coef_ is model.coef_
    model.partial_fit(X, y)
    assert "coef_" not in vars(model)
    check_is_fitted(model)
    assert "coef_" in vars(model)
    with pytest.raises(AttributeError, match="'LinearRegression' object has no attribute 'n_iter_'"):
        model.n_iter_
    with pytest.raises(AttributeError, match="no attribute 'coef_'"):
        LinearRegression().coef_


@pytest.mark.parametrize("model", [LinearRegression(), Ridge()], ids=str)
def test_everything_asked_first(model):
    X, y, _ = rows()
    reference = clone(model).fit(X, y)
    for attribute in (name for name in (*vars(reference), "factor_", "singular_") if name.endswith("_")):
        if not hasattr(reference, attribute):
            continue
        found = clone(model).partial_fit(X, y)
        value, expected = getattr(found, attribute), getattr(reference, attribute)
        if isinstance(expected, np.ndarray):
            assert_allclose(value, expected, rtol=1e-10)
    assert_allclose(clone(model).partial_fit(X, y).predict(X), reference.predict(X))
    assert clone(model).partial_fit(X, y).score(X, y) == pytest.approx(reference.score(X, y))


@pytest.mark.parametrize("settled", [True, False])
def test_copies_and_pickles_go_on(settled):
    X, y, _ = rows()
    model = LinearRegression().partial_fit(X[:200], y[:200])
    if settled:
        model.coef_
    assert len(pickle.dumps(model)) < 20_000
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_like(other.partial_fit(X[200:], y[200:]), LinearRegression().fit(X, y))
    assert model.sums_of_squares_.n_samples == 200
    assert not hasattr(clone(model), "coef_")
    assert "_moments" not in vars(clone(model))


def test_a_fit_starts_again():
    X, y, _ = rows()
    model = LinearRegression().partial_fit(X[:100], y[:100]).fit(X[100:, :3], y[100:])
    assert_array_equal(model.coef_, LinearRegression().fit(X[100:, :3], y[100:]).coef_)
    assert not any(name in vars(model) for name in ("_moments", "_unsolved"))
    assert_like(model.partial_fit(X[:100, :3], y[:100]), LinearRegression().fit(X[:, :3], y))


def test_parameters_count_from_the_next_update():
    X, y, _ = rows()
    model = Ridge(alpha=1.0).partial_fit(X[:200], y[:200])
    model.set_params(alpha=100.0)
    assert_like(model, Ridge(alpha=1.0).fit(X[:200], y[:200]))
    assert_like(model.partial_fit(X[200:], y[200:]), Ridge(alpha=100.0).fit(X, y))
    model.set_params(fit_intercept=False)
    assert_like(
        model.partial_fit(X[:9], y[:9]), Ridge(100.0, fit_intercept=False).fit(*(np.vstack([a, a[:9]]) for a in (X, y)))
    )
    model.set_params(fit_intercept=True)
    with pytest.raises(ValueError, match="start again with fit_intercept=True"):
        model.partial_fit(X, y).coef_
    with pytest.raises(ValueError, match="The 'alpha' parameter of Ridge must be"):
        Ridge(alpha=-1.0).partial_fit(X, y)
    with pytest.raises(ValueError, match=r"Number of targets and number of penalties"):
        Ridge(alpha=[1.0, 2.0, 3.0]).partial_fit(X, y).coef_


def test_an_update_after_a_fit_knows_the_penalty_of_the_fit(tmp_path):
    X, y, _ = rows()
    model = Ridge(alpha=[1.0, 50.0]).fit(X[:200], y[:200]).set_params(alpha=[1.0, 500.0])
    mlcraft.save_model(tmp_path / "model.mlc", model)
    assert_like(model.partial_fit(X[200:], y[200:]), Ridge(alpha=[1.0, 500.0]).fit(X, y))
    with pytest.raises(ValueError, match="alpha has changed since the fit"):  # a file has the parameters of its day
        mlcraft.load_model(tmp_path / "model.mlc").partial_fit(X, y)
    model = Ridge(alpha=1.0).fit(X[:200], y[:200]).set_params(alpha=500.0)
    assert_like(model.partial_fit(X[200:], y[200:]), Ridge(alpha=500.0).fit(X, y))


def test_forgetting_all_rows_leaves_an_unfitted_model():
    X, y, _ = rows()
    model = LinearRegression().fit(X, y).forget(X, y)
    assert not hasattr(model, "coef_")
    assert not hasattr(model, "n_features_in_")
    for ask in (lambda: model.predict(X), lambda: model.forget(X, y), lambda: LinearRegression().forget(X, y)):
        with pytest.raises(NotFittedError):
            ask()
    assert_like(model.partial_fit(X[:50, :2], y[:50]), LinearRegression().fit(X[:50, :2], y[:50]))


def impossible():
    X, y, _ = rows()
    wide = np.random.default_rng(0).standard_normal((5, 50))
    return {
        "single precision": (LinearRegression().fit(X.astype(np.float32), y), "fitted on float32 data"),
        "wide": (LinearRegression().fit(wide, np.arange(5.0)), "no more rows than columns"),
    }


@pytest.mark.parametrize("case", ["single precision", "wide"])
def test_fits_that_cannot_go_on_say_so(case):
    model, message = impossible()[case]
    before = model.coef_.copy()
    X, y = np.ones((3, model.n_features_in_)), np.ones((3, *model.intercept_.shape))
    for act in (lambda: model.partial_fit(X, y), lambda: model.forget(X, y), lambda: LinearRegression().merge(model)):
        with pytest.raises(ValueError, match=f"{message}(.|\n)*[Uu]se partial_fit from the first rows on"):
            act()
    assert_array_equal(model.coef_, before)


def test_hostile_updates_change_nothing():
    X, y, _ = rows()
    model = LinearRegression().partial_fit(X, y)
    before = model.coef_.copy()
    spoiled = X.copy()
    spoiled[3, 2] = np.nan
    attempts = [
        (lambda: model.partial_fit(spoiled, y), ValueError, "Input X contains NaN"),
        (lambda: model.forget(spoiled, y), ValueError, "Input X contains NaN"),
        (lambda: model.partial_fit(X[:, :3], y), ValueError, "X has 3 features, but LinearRegression is expecting 6"),
        (lambda: model.partial_fit(X, y[:, 0]), ValueError, "y has 1 targets, but the rows before had 2"),
        (lambda: model.partial_fit(X, y, -np.ones(400)), ValueError, "[Nn]egative"),
        (lambda: model.forget(np.vstack([X, X]), np.vstack([y, y])), ValueError, "Cannot remove 800 rows of 400"),
        (lambda: model.forget(X[:9] * 1e4, y[:9]), ValueError, "column 0 would be left with a negative spread"),
        (lambda: model.merge(LinearRegression().fit(X[:, :3], y)), ValueError, "expecting 6 features"),
        (lambda: model.merge(LinearRegression()), NotFittedError, "not fitted"),
        (lambda: model.merge(X), TypeError, "can be merged, not a ndarray"),
    ]
    for act, error, message in attempts:
        with pytest.raises(error, match=message):
            act()
        assert_array_equal(model.coef_, before)
        assert model.sums_of_squares_.n_samples == 400


def test_names_are_checked():
    pd = pytest.importorskip("pandas")
    X, y, _ = rows(p=3)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = LinearRegression().partial_fit(frame[:200], y[:200]).partial_fit(frame[200:], y[200:])
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert_like(model, LinearRegression().fit(frame, y))
    for act in (model.partial_fit, model.forget):
        with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
            act(frame[["b", "a", "c"]], y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.merge(LinearRegression().fit(frame.rename(columns={"c": "d"}), y))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.partial_fit(X, y)
    assert list(clone(model).merge(model).feature_names_in_) == ["a", "b", "c"]


def test_what_follows_from_a_fit_follows_from_an_update(tmp_path):
    X, y, _ = rows(k=1)
    y = y[:, 0]
    found, reference = in_chunks(LinearRegression(), X, y), LinearRegression().fit(X, y)
    assert_allclose(found.singular_, reference.singular_)
    mlcraft.save_model(tmp_path / "model.mlc", in_chunks(LinearRegression(), X, y))
    assert_allclose(mlcraft.load_model(tmp_path / "model.mlc").predict(X), reference.predict(X))
    if hasattr(reference, "conf_int"):
        assert_allclose(in_chunks(LinearRegression(), X, y).conf_int(), reference.conf_int(), rtol=1e-8)


def test_updates_of_a_loaded_model(tmp_path):
    X, y, _ = rows()
    mlcraft.save_model(tmp_path / "model.mlc", Ridge().fit(X[:200], y[:200]))
    model = mlcraft.load_model(tmp_path / "model.mlc").partial_fit(X[200:], y[200:])
    assert_like(model, Ridge().fit(X, y))


def test_updates_under_array_api_dispatch():
    torch = pytest.importorskip("torch")
    from sklearn import config_context

    X, y, _ = rows()
    with config_context(array_api_dispatch=True):
        model = Ridge(solver="svd").partial_fit(torch.from_numpy(X), torch.from_numpy(y))
    assert_allclose(model.coef_, Ridge().fit(X, y).coef_, rtol=1e-10)


@pytest.mark.parametrize("make", [LinearRegression, Ridge])
def test_an_update_keeps_the_parameters_it_was_made_with(make):
    """Parameters set between an update and the first look at the coefficients are for the next fit."""
    random = np.random.default_rng(0)
    X = random.standard_normal((60, 3)) + 3
    y = X @ [1.0, 2.0, 3.0] + 10 + random.standard_normal(60)
    for fit_intercept in (True, False):
        whole = make(fit_intercept=fit_intercept).fit(X, y)
        make_other = {"fit_intercept": not fit_intercept} | ({} if make is LinearRegression else {"alpha": 99.0})
        updated = make(fit_intercept=fit_intercept).fit(X[:20], y[:20]).partial_fit(X[20:], y[20:])
        merged = make(fit_intercept=fit_intercept).fit(X[:20], y[:20])
        merged.merge(make(fit_intercept=fit_intercept).partial_fit(X[20:], y[20:]))
        shortened = make(fit_intercept=fit_intercept).fit(np.vstack([X, X[:9]]), np.append(y, y[:9]))
        shortened.forget(X[:9], y[:9])
        for model in (updated, merged, shortened):
            model.set_params(**make_other)
            np.testing.assert_allclose(model.predict(X[:5]), whole.predict(X[:5]), rtol=1e-10)
            assert (model._kept.fit_intercept, model._kept.alpha) == (
                fit_intercept,
                whole.get_params().get("alpha", 0.0),
            )


@pytest.mark.parametrize("alpha", [2.0, 3, [1.0, 4.0], np.float64(0.5)])
def test_a_fit_remembers_its_intercept_and_penalty(alpha, tmp_path):
    random = np.random.default_rng(0)
    X, y = random.standard_normal((30, 3)), random.standard_normal((30, 2))
    for fit_intercept in (True, False):
        model = Ridge(alpha=alpha, fit_intercept=fit_intercept).fit(X, y)
        mlcraft.save_model(tmp_path / "model.mlc", model)
        updated = clone(model).partial_fit(X, y)
        wanted = (fit_intercept, tuple(alpha) if isinstance(alpha, list) else float(alpha))
        again = pickle.loads(pickle.dumps(model.set_params(alpha=7.0, fit_intercept=not fit_intercept)))
        for fitted in (model, again, mlcraft.load_model(tmp_path / "model.mlc"), updated):
            fitted.coef_
            assert (fitted._kept.fit_intercept, fitted._kept.alpha) == wanted
        more = model.set_params(alpha=7.0, fit_intercept=fit_intercept).partial_fit(X, y)
        twice = Ridge(alpha=7.0, fit_intercept=fit_intercept).fit(np.vstack([X, X]), np.vstack([y, y]))
        np.testing.assert_allclose(more.coef_, twice.coef_, rtol=1e-10)


@pytest.mark.parametrize(
    "shape", ["update", "merge", "forget", "moments", "file", "decay", "sparse", "pickle", "numba"]
)
def test_the_likelihood_of_updates_knows_the_weights(shape, tmp_path):
    """Also where the weights sum to the number of rows, so that the sum does not give them away."""
    random = np.random.default_rng(3)
    X = random.standard_normal((80, 3))
    y = X @ [1.0, 2.0, 3.0] + random.standard_normal(80)
    w = random.uniform(0.2, 3.0, 80)
    w[:5] = 0.0
    w *= 80 / w.sum()
    whole, first, last = LinearRegression().fit(X, y, w), (X[:50], y[:50], w[:50]), (X[50:], y[50:], w[50:])
    assert_allclose(whole.sums_of_squares_.log_weight, np.log(w[5:]).sum())
    if shape == "update":
        model = LinearRegression().partial_fit(*first).partial_fit(*last)
    elif shape == "merge":
        model = LinearRegression().fit(*first).merge(LinearRegression().partial_fit(*last))
    elif shape == "forget":
        twice = (np.vstack([X, X[:20]]), np.append(y, y[:20]), np.append(w, w[:20]))
        model = LinearRegression().fit(*twice).forget(X[:20], y[:20], w[:20])
    elif shape == "sparse":
        model = LinearRegression().partial_fit(sparse.csr_array(X), y, w)
    elif shape == "numba":
        pytest.importorskip("numba")
        with mlcraft.config_context(engine="numba"):
            model = LinearRegression().fit(X, y, w)
    else:
        moments = Moments().update(*first).update(*last)
        if shape == "decay":
            moments = Moments().update(X, y, 2 * w).decay(0.5)
        elif shape == "file":
            moments.save(tmp_path / "all.mlc")
            moments = Moments.load(tmp_path / "all.mlc")
        elif shape == "pickle":
            moments = pickle.loads(pickle.dumps(moments))
        model = moments.to_estimator("ols")
    assert_allclose(model.sums_of_squares_.log_weight, np.log(w[5:]).sum(), rtol=1e-10)
    assert_allclose(model.summary().log_likelihood, whole.summary().log_likelihood, rtol=1e-10)


@pytest.mark.parametrize("scale", [1e3, 1e6])
def test_rows_with_a_large_mean_can_be_forgotten_after_a_fit(scale):
    """The mean of a fit has one double: what that loses must not be taken for rows that were never there."""
    random = np.random.default_rng(0)
    for n in range(14, 30):
        X = random.standard_normal((n, 12)) + scale
        y = X @ random.standard_normal(12) + random.standard_normal(n)
        for first in (3, n // 2, n - 3):
            model = LinearRegression().fit(X, y)
            model.forget(X[:first], y[:first]).forget(X[first:-1], y[first:-1])
            assert_allclose(model._moments.core.x_mean, X[-1], rtol=1e-9)
    model = LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="negative spread"):
        model.forget(X[:5] + 10.0, y[:5])
    for seed in range(200):  # down to no row in three steps, in any order, targets with a large mean too
        random = np.random.default_rng(seed)
        n = int(random.integers(6, 40))
        X, w = random.standard_normal((n, 3)) + scale, random.uniform(0.1, 5, n)
        y = X.sum(axis=1) + random.standard_normal(n) + scale
        model = LinearRegression().fit(X, y, w)
        for part in np.array_split(random.permutation(n), 3):
            model.forget(X[part], y[part], w[part])


def test_moments_without_intercept_are_refused_before_anything_changes():
    X, y, _ = rows(k=1)
    through_zero = LinearRegression(fit_intercept=False).partial_fit(X, y)
    empty, fitted = LinearRegression(), LinearRegression().fit(X, y)
    before = fitted.coef_
    for model in (empty, fitted):
        with pytest.raises(ValueError, match=r"without an intercept|start again with fit_intercept=True"):
            model.merge(through_zero)
    assert not hasattr(empty, "n_features_in_")
    assert fitted.coef_ is before
    assert_like(empty.partial_fit(X, y), fitted)
    before = through_zero.coef_
    for update in (through_zero.partial_fit, through_zero.forget):
        through_zero.set_params(fit_intercept=True)
        with pytest.raises(ValueError, match="start again with fit_intercept=True"):
            update(X[:9], y[:9])
    assert through_zero.coef_ is before


def test_a_shallow_copy_has_moments_of_its_own():
    X, y, _ = rows()
    model = LinearRegression().partial_fit(X[:200], y[:200])
    twin = copy.copy(model)
    twin.partial_fit(X[200:], y[200:])
    assert_like(twin, LinearRegression().fit(X, y))
    assert_like(model, LinearRegression().fit(X[:200], y[:200]))
    moments = Moments().update(X[:200], y[:200])
    copy.copy(moments).update(X[200:], y[200:])
    assert moments.n_samples == 200


def together(count, work):
    """Run `work(number)` in threads that begin at once, and return what they found or raised."""
    barrier, found = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        try:
            found[number] = work(number)
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    errors = [repr(item) for item in found if isinstance(item, Exception)]
    assert not errors, errors
    return found


@pytest.mark.parametrize("make", [LinearRegression, Ridge])
def test_several_threads_may_look_first(make):
    X, y, _ = rows(n=60, p=3, k=1)
    y = y[:, 0]
    wanted = make().fit(X, y).predict(X[:4])
    looks = [
        lambda model: model.predict(X[:4]),
        lambda model: X[:4] @ model.coef_ + model.intercept_,
        lambda model: model.factor_ and wanted,
        lambda model: model.sums_of_squares_ and wanted,
    ]
    model = make()
    for repeat in range(60):
        model = make().partial_fit(X, y) if repeat % 2 else make().fit(X[:30], y[:30]).partial_fit(X[30:], y[30:])
        for found in together(4, lambda number, model=model: looks[number](model)):
            assert_allclose(found, wanted)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert_allclose(again.predict(X[:4]), wanted)


@pytest.mark.parametrize("make", [Moments, LinearRegression])
def test_the_first_rows_may_come_from_several_threads(make):
    X, y, _ = rows(n=80, p=3, k=1)
    for _ in range(60):
        held = make()
        update = held.update if make is Moments else held.partial_fit
        together(4, lambda number, update=update: update(X[number * 20 :][:20], y[number * 20 :][:20]))
        assert (held._gathered if make is Moments else held._moments).core.samples == 80
