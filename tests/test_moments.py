"""Moments: laws of adding and taking away rows, in every storage, with means far from zero, and hostile input."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from registry import DTYPES, STORAGES
from scipy import sparse
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import mlcraft
from mlcraft import Moments
from mlcraft._model_container import ModelFileError, write_container
from mlcraft.exceptions import CollinearityWarning
from mlcraft.linear_model import LinearRegression, Ridge

NUMBERS = ("n_samples", "weight_sum", "x_mean", "y_mean", "xx", "xy", "yy")


def rows(n=500, p=4, k=1, seed=0, mean=0.0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) + mean
    Y = (X - mean) @ random.standard_normal((p, k)) + random.standard_normal((n, k)) + 3
    return X, Y if k > 1 else Y[:, 0], random.uniform(0.5, 2.0, n)


def expected(X, y, weight=None):
    """The definition, in extended precision."""
    X, Y = np.asarray(X, dtype=np.longdouble), np.asarray(y, dtype=np.longdouble).reshape(len(y), -1)
    weight = np.ones(len(X), dtype=np.longdouble) if weight is None else np.asarray(weight, dtype=np.longdouble)
    x_mean, y_mean = weight @ X / weight.sum(), weight @ Y / weight.sum()
    X, Y = X - x_mean, Y - y_mean
    weighted = X * weight[:, np.newaxis]
    values = (np.count_nonzero(weight), weight.sum(), x_mean, y_mean, weighted.T @ X, weighted.T @ Y, weight @ Y**2)
    return {name: np.asarray(value, dtype=np.float64) for name, value in zip(NUMBERS, values, strict=True)}


def assert_are(moments, reference, tolerance=1e-12):
    """Compare at unit scale of the columns; `reference` is a dict or moments."""
    get = reference.get if isinstance(reference, dict) else lambda name: getattr(reference, name)
    assert moments.n_samples == get("n_samples")
    assert_allclose(moments.weight_sum, get("weight_sum"), rtol=1e-12)
    x_size, y_size = np.sqrt(np.diagonal(get("xx"))), np.sqrt(get("yy"))
    x_size, y_size = np.where(x_size > 0, x_size, 1.0), np.where(y_size > 0, y_size, 1.0)
    assert_allclose(moments.x_mean, get("x_mean"), rtol=4e-16, atol=tolerance * x_size.max())
    assert_allclose(moments.y_mean, get("y_mean"), rtol=4e-16, atol=tolerance * y_size.max())
    assert_allclose(moments.xx / np.outer(x_size, x_size), get("xx") / np.outer(x_size, x_size), atol=tolerance)
    assert_allclose(moments.xy / np.outer(x_size, y_size), get("xy") / np.outer(x_size, y_size), atol=tolerance)
    assert_allclose(moments.yy / y_size**2, get("yy") / y_size**2, atol=tolerance)


def assert_same_bits(found, reference):
    for name in NUMBERS:
        assert_array_equal(getattr(found, name), getattr(reference, name))


def in_chunks(X, y, weight=None, size=100):
    moments = Moments()
    for begin in range(0, X.shape[0], size):
        part = slice(begin, begin + size)
        moments.update(X[part], y[part], None if weight is None else weight[part])
    return moments


# ---------------------------------------------------------------- adding


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("storage", STORAGES)
def test_chunks_of_every_storage_give_the_moments_of_all_rows(storage, dtype):
    X, y, weight = rows(n=230, p=5, k=2)
    X[np.abs(X) < 0.7] = 0.0
    X, y, weight = X.astype(dtype), y.astype(dtype), weight.astype(dtype)
    moments = Moments()
    for part in (slice(0, 90), slice(90, 91), slice(91, 230)):
        moments.update(STORAGES[storage](X[part]), y[part], weight[part])
    assert_are(moments, expected(X, y, weight))


@pytest.mark.parametrize("size", [1, 7, 64, 239, 240, 241, 1000, 4096, 5000])
@pytest.mark.parametrize("mean", [0.0, 1e8])
def test_any_size_of_chunks(size, mean):
    X, y, weight = rows(n=5000, p=3, mean=mean)
    assert_are(
        in_chunks(X[: size * 40], y[: size * 40], weight[: size * 40], size),
        expected(X[: size * 40], y[: size * 40], weight[: size * 40]),
    )


@pytest.mark.parametrize("p", [2, 20, 130, 300])
def test_any_number_of_columns(p):
    X, y, weight = rows(n=700, p=p, k=3)
    assert_are(in_chunks(X, y, weight, 333), expected(X, y, weight))


def test_merging_is_commutative_and_associative():
    X, y, weight = rows(k=2, mean=1e6)
    a, b, c = (Moments().update(X[s], y[s], weight[s]) for s in (slice(0, 10), slice(10, 350), slice(350, 500)))
    whole = expected(X, y, weight)
    for moments in (a + b + c, a + (b + c), c + (b + a), (c + a) + b, sum([b, c], start=a)):
        assert_are(moments, whole)
    assert a.n_samples == 10


def test_merging_equals_updating():
    X, y, weight = rows()
    merged = Moments().merge(Moments()).merge(Moments().update(X[:200], y[:200], weight[:200]))
    merged.merge(Moments().update(X[200:], y[200:], weight[200:])).merge(Moments())
    assert_are(merged, expected(X, y, weight))


def test_a_merged_copy_is_its_own():
    X, y, _ = rows()
    first = Moments().update(X, y)
    second = Moments().merge(first)
    second.update(X, y)
    assert first.n_samples == 500
    assert second.n_samples == 1000


def test_weights_of_zero_do_not_count():
    X, y, weight = rows()
    weight[::3] = 0
    found = Moments().update(X, y, weight)
    assert_are(found, expected(X[weight > 0], y[weight > 0], weight[weight > 0]))


def test_whole_weights_repeat_rows():
    X, y, _ = rows()
    times = np.random.default_rng(1).integers(0, 4, len(X))
    found, repeated = Moments().update(X, y, times), Moments().update(np.repeat(X, times, 0), np.repeat(y, times))
    for name in ("weight_sum", "xx", "xy", "yy"):
        assert_allclose(getattr(found, name), getattr(repeated, name), rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("p", [20, 140, 270])
def test_bits_do_not_depend_on_threads(p):
    X, y, weight = rows(n=30_000 if p == 20 else 9_000, p=p)
    folds = np.arange(len(X)) % 3
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found.append([in_chunks(X, y, weight, 10_000), *Moments.split(X, y, folds, weight)])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert_same_bits(other, one)


# ---------------------------------------------------------------- taking away


@pytest.mark.parametrize("mean", [0.0, 1.0, 1e8])
@pytest.mark.parametrize("left", [1, 2, 10, 490])
def test_removing_leaves_the_moments_of_the_rest(mean, left):
    X, y, weight = rows(k=2, mean=mean)
    moments = in_chunks(X, y, weight)
    order = np.random.default_rng(3).permutation(500)
    gone = order[left:]
    for part in np.array_split(gone, 3):
        moments.remove(X[part], y[part], weight[part])
    kept = np.sort(order[:left])
    tolerance = 1e-12 * 500 / left
    if left == 1:
        assert_allclose(moments.xx, 0, atol=1e-10)
        assert_allclose(moments.x_mean, X[kept[0]], rtol=4e-16, atol=1e-12)
    else:
        assert_are(moments, expected(X[kept], y[kept], weight[kept]), tolerance)


def test_removing_moments_undoes_merging():
    X, y, weight = rows(mean=1e8)
    before, part = Moments().update(X[:300], y[:300]), Moments().update(X[300:], y[300:], weight[300:])
    assert_are((before + part) - part, before)


def test_removing_everything_leaves_nothing():
    X, y, weight = rows(mean=100.0)
    moments = in_chunks(X, y, weight).remove(X, y, weight)
    assert moments.n_samples == 0
    assert moments.weight_sum == 0
    with pytest.raises(ValueError, match="no rows to fit"):
        moments.to_estimator()
    moments.update(X[:50], y[:50])
    assert_same_bits(moments, Moments().update(X[:50], y[:50]))


def test_a_sliding_window_stays_exact():
    X, y, _ = rows(n=6000, p=3, mean=1e4)
    window = Moments()
    for begin in range(0, 6000, 50):
        window.update(X[begin : begin + 50], y[begin : begin + 50])
        if begin >= 500:
            window.remove(X[begin - 500 : begin - 450], y[begin - 500 : begin - 450])
    assert_are(window, expected(X[-500:], y[-500:]), 1e-11)


IMPOSSIBLE = {
    "rows": (lambda X, y: (np.vstack([X, X]), np.append(y, y), None), "Cannot remove 1000 rows of 500"),
    "weight": (lambda X, y: (X[:9], y[:9], np.full(9, 100.0)), "Cannot remove weight 900 from weight 500"),
    "all but the weight": (lambda X, y: (X, y, np.full(500, 0.5)), "Cannot remove weight 250 from weight 500"),
    "spread": (lambda X, y: (X[:9] * [1, 1e3, 1, 1], y[:9], None), "column 1 would be left with a negative spread"),
    "mean": (
        lambda X, y: (X[:9] + np.array([0, 0, 1e6, 0]), y[:9], None),
        "column 2 would be left with a negative spread",
    ),
    "target": (lambda X, y: (X[:9], y[:9] * 1e4, None), "target 0 would be left with a negative spread"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_was_not_added_cannot_be_removed(case):
    change, message = IMPOSSIBLE[case]
    X, y, _ = rows()
    moments = Moments().update(X, y)
    before = moments.copy()
    with pytest.raises(ValueError, match=message):
        moments.remove(*change(X, y))
    assert_same_bits(moments, before)


def test_the_column_that_cannot_be_removed_is_named():
    pandas = pytest.importorskip("pandas")
    X, y, _ = rows(p=3)
    frame = pandas.DataFrame(X, columns=["height", "width", "depth"])
    with pytest.raises(ValueError, match="column 'width' would be left"):
        Moments().update(frame, y).remove(frame[:9] * [1, 1e3, 1], y[:9])


def test_a_column_that_a_removal_leaves_constant_has_no_coefficient():
    X, y, _ = rows(p=3)
    X[:, 1] = 0.1
    X[:7, 1] = 1e5 * np.random.default_rng(0).standard_normal(7)
    left = Moments().update(X, y).remove(X[:7], y[:7])
    with pytest.warns(CollinearityWarning, match="constant"):
        model = left.to_estimator()
    assert model.coef_[1] == 0
    assert model.rank_ == 2
    assert_allclose(np.delete(model.coef_, 1), LinearRegression().fit(X[7:, [0, 2]], y[7:]).coef_, rtol=1e-10)


def test_decay_is_a_weight():
    X, y, weight = rows(mean=50.0)
    decayed = Moments()
    for day in range(5):
        part = slice(100 * day, 100 * day + 100)
        decayed.decay(0.9).update(X[part], y[part], weight[part])
    ages = np.repeat(np.arange(4, -1, -1), 100)
    assert_are(decayed, expected(X, y, weight * 0.9**ages))
    decayed.remove(X[:100], y[:100], weight[:100] * 0.9**4)
    assert_are(decayed, expected(X[100:], y[100:], (weight * 0.9**ages)[100:]))


@pytest.mark.parametrize("factor", [0, -1, 1.5, np.nan, np.inf, "half", None])
def test_impossible_decay(factor):
    with pytest.raises(ValueError, match="factor must be a number above 0 and at most 1"):
        Moments().decay(factor)


# ---------------------------------------------------------------- folds


@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("kind", ["runs", "scattered", "uneven"])
def test_folds_add_up_and_leave_out(make, kind):
    X, y, weight = rows(n=300, p=5, k=2, mean=2.0)
    folds = {
        "runs": 4,
        "scattered": np.random.default_rng(5).permutation(np.arange(300) % 4),
        "uneven": np.repeat([0, 1, 2, 3], [1, 199, 2, 98]),
    }[kind]
    of_row = np.repeat(np.arange(4), 75) if kind == "runs" else folds
    parts = Moments.split(make(X), y, folds, weight)
    total = sum(parts[1:], start=parts[0])
    assert_are(total, expected(X, y, weight))
    for fold, part in enumerate(parts):
        inside = of_row == fold
        if inside.sum() > 1:
            assert_are(part, expected(X[inside], y[inside], weight[inside]))
        assert_are(total - part, expected(X[~inside], y[~inside], weight[~inside]), 1e-10)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (1, "at least 2"),
        (501, "at most the number of rows"),
        (np.zeros(4, dtype=int), "one for each row"),
        (np.zeros(500), "integers"),
        (np.full(500, -1), "from 0"),
        (np.full(500, 7), "fold 0 has no rows"),
        (np.full(500, 10**9), "count from 0"),
        (True, "one for each row"),
        ("KFold", "one for each row"),
    ],
)
def test_impossible_folds(folds, message):
    X, y, _ = rows()
    with pytest.raises(ValueError, match=message):
        Moments.split(X, y, folds)


def test_a_fold_without_weight_is_refused():
    X, y, weight = rows()
    weight[:250] = 0
    with pytest.raises(ValueError, match="the rows of fold 0 have no weight"):
        Moments.split(X, y, 2, weight)


# ---------------------------------------------------------------- frames and batches


def frames():
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    return {
        "pandas": pd.DataFrame,
        "polars": pl.DataFrame,
        "pyarrow": pa.table,
        "record batch": lambda columns: pa.table(columns).to_batches()[0],
    }


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "record batch"])
def test_frames_keep_their_names(kind):
    make = frames()[kind]
    X, y, weight = rows(p=3)
    columns = {"a": X[:, 0], "b": X[:, 1], "c": np.round(X[:, 2] * 10).astype(np.int32)}
    X = np.column_stack(list(columns.values()))
    whole = make({"y": y, **columns, "w": weight})
    moments = Moments.from_batches([whole, whole], target="y", weight="w")
    assert list(moments.feature_names_in_) == ["a", "b", "c"]
    assert_are(moments, expected(np.vstack([X, X]), np.append(y, y), np.append(weight, weight)))
    moments.update(make(columns), y)
    swapped = make({name: columns[name] for name in "bac"})
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        moments.update(swapped, y)
    with pytest.raises(ValueError, match="there is no column 'z'; the frame has 'y', 'a', 'b', 'c', 'w'"):
        Moments.from_batches([whole], target="z")
    with pytest.raises(ValueError, match=r"Input X contains NaN"):
        moments.update(make({**columns, "b": np.where(X[:, 1] > 2, np.nan, X[:, 1])}), y)
    assert moments.n_samples == 1500
    pair = Moments.from_batches([whole], target=["y", "c"])
    assert pair.n_targets == 2
    assert list(pair.feature_names_in_) == ["a", "b", "w"]
    assert list(pair.to_estimator("ridge").feature_names_in_) == ["a", "b", "w"]


def test_names_that_differ_cannot_be_merged():
    pandas = pytest.importorskip("pandas")
    X, y, _ = rows(p=2)
    one = Moments().update(pandas.DataFrame(X, columns=["a", "b"]), y)
    other = Moments().update(pandas.DataFrame(X, columns=["a", "c"]), y)
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*Column 1 is 'b' here and 'c' there"):
        one.merge(other)
    with pytest.raises(ValueError, match="feature names should match"):
        one.remove(other)
    with pytest.raises(ValueError, match="X has 3 features, but Moments is expecting 2 features as input"):
        one.merge(Moments().update(np.ones((2, 3)), [1.0, 2.0]))
    with pytest.raises(ValueError, match="y has 2 targets, but the rows before had 1"):
        one.merge(Moments().update(np.ones((2, 2)), np.ones((2, 2))))
    with pytest.raises(TypeError, match="Moments can be merged with Moments, not with dict"):
        one.merge({})


def test_batches_of_arrays():
    X, y, weight = rows()
    batches = [(X[:100], y[:100], weight[:100]), (X[:0], y[:0]), (X[100:], y[100:])]
    assert_are(Moments.from_batches(iter(batches)), expected(X, y, np.append(weight[:100], np.ones(400))))
    assert repr(Moments.from_batches([])) == "Moments()"
    for wrong in (X, [X, y], (X,), {"X": X}):
        with pytest.raises(TypeError, match="a batch must be a tuple"):
            Moments.from_batches([wrong])
    with pytest.raises(TypeError, match="a batch must be a frame"):
        Moments.from_batches([(X, y)], target="y")


# ---------------------------------------------------------------- fits


MODELS = [LinearRegression(), Ridge(alpha=7.0), Ridge(alpha=[0.5, 20.0]), LinearRegression(positive=True)]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize(
    ("mean", "fit_intercept"), [(0.0, True), (0.0, False), (30.0, True), (30.0, False), (1e8, True)]
)
def test_one_set_of_moments_serves_every_estimator(model, mean, fit_intercept):
    X, y, weight = rows(k=2, mean=mean)
    found = in_chunks(X, y, weight).to_estimator(clone(model).set_params(fit_intercept=fit_intercept))
    reference = clone(model).set_params(fit_intercept=fit_intercept).fit(X, y, weight)
    assert_allclose(found.coef_, reference.coef_, rtol=1e-9, atol=1e-10)
    assert_allclose(found.predict(X), reference.predict(X), atol=1e-6 if mean == 1e8 else 1e-10)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("model", MODELS[:3], ids=str)
def test_columns_that_only_their_mean_tells_apart_warn(model):
    """Without an intercept, columns of mean 1e8 and spread 1 differ by less than the rounding of their squares."""
    X, y, weight = rows(k=2, mean=1e8)
    with pytest.warns(CollinearityWarning):
        in_chunks(X, y, weight).to_estimator(clone(model).set_params(fit_intercept=False))


def test_what_an_estimator_can_be():
    X, y, _ = rows()
    moments = Moments().update(X, y)
    assert type(moments.to_estimator()) is LinearRegression
    assert type(moments.to_estimator("ridge")) is Ridge
    assert moments.to_estimator(Ridge).alpha == 1.0
    with pytest.raises(ValueError, match="estimator must be 'ols', 'ridge', LinearRegression or Ridge, got 'lasso'"):
        moments.to_estimator("lasso")
    with pytest.raises(TypeError, match="got dict"):
        moments.to_estimator({})
    with pytest.raises(ValueError, match="these moments are empty; add rows with update first"):
        Moments().to_estimator()


def test_an_estimator_goes_on_by_itself():
    X, y, _ = rows()
    moments = Moments().update(X[:400], y[:400])
    model = moments.to_estimator().partial_fit(X[400:], y[400:])
    assert_allclose(model.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-12)
    assert moments.n_samples == 400


# ---------------------------------------------------------------- files and copies


@pytest.mark.parametrize("named", [True, False])
def test_a_file_holds_every_bit(tmp_path, named):
    X, y, weight = rows(mean=1e8)
    X = X.astype(np.float32) if not named else X
    if named:
        X = frames()["pandas"](dict(zip("abcd", X.T, strict=True)))
    moments = Moments().update(X[:200], y[:200], weight[:200]).update(X[200:], y[200:])
    path = tmp_path / "moments.mlc"
    moments.save(path)
    again = Moments.load(path)
    for other in (again, pickle.loads(pickle.dumps(moments)), copy.deepcopy(moments), moments.copy()):
        assert_same_bits(other, moments)
        assert_same_bits(
            other.remove(X[:200], y[:200], weight[:200]), moments.copy().remove(X[:200], y[:200], weight[:200])
        )
        assert other.to_estimator("ridge").coef_.dtype == (np.float64 if named else np.float32)
    if named:
        assert list(again.feature_names_in_) == list("abcd")
    else:
        with pytest.raises(AttributeError, match="X came without names"):
            again.feature_names_in_


def test_files_of_something_else(tmp_path):
    X, y, _ = rows()
    model, moments = tmp_path / "model.mlc", tmp_path / "moments.mlc"
    mlcraft.save_model(model, LinearRegression().fit(X, y))
    Moments().update(X, y).save(moments)
    with pytest.raises(ModelFileError, match="not a sound file of moments: it holds something else"):
        Moments.load(model)
    with pytest.raises(ModelFileError, match="not a sound model file"):
        mlcraft.load_model(moments)
    with pytest.raises(ModelFileError, match="these moments are empty"):
        Moments().save(moments)
    data = bytearray(moments.read_bytes())
    for place in (3, 10, 40, len(data) // 2, len(data) - 40, len(data) - 1):
        broken = data.copy()
        broken[place] ^= 1
        moments.write_bytes(broken)
        with pytest.raises(ModelFileError):
            Moments.load(moments)
    moments.write_bytes(data[:-9])
    with pytest.raises(ModelFileError):
        Moments.load(moments)


def sound_parts():
    header = {
        "kind": "moments",
        "n_samples": 3,
        "weight_sum": 3.0,
        "dtype": "float64",
        "n_dimensions": 1,
        "feature_names": ["a", "b"],
    }
    arrays = [np.zeros(2), np.zeros(1), np.eye(2), np.ones((2, 1)), np.ones(1), np.zeros(2), np.zeros(1), np.zeros(2)]
    return header, arrays


FORGED = {
    "kind": {"kind": "model"},
    "rows": {"n_samples": -1},
    "no number": {"n_samples": True},
    "weight": {"weight_sum": -3.0},
    "dtype": {"dtype": "float16"},
    "dimensions": {"n_dimensions": 3},
    "names": {"feature_names": ["a"]},
    "no names": {"feature_names": [1, 2]},
    "no array": {7: None},
    "shape": {2: np.eye(3)},
    "ravelled": {2: np.eye(2).ravel()},
    "turned": {3: np.ones((1, 2))},
    "type": {0: np.zeros(2, dtype=np.int64)},
    "spread": {2: -np.eye(2)},
    "symmetry": {2: np.array([[1.0, 2.0], [0.0, 1.0]])},
    "target": {4: -np.ones(1)},
    "noise": {7: np.zeros(5)},
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_files_are_refused(tmp_path, case):
    path = str(tmp_path / "forged.mlc")
    header, arrays = sound_parts()
    write_container(path, header, arrays)
    assert Moments.load(path).n_samples == 3
    for key, value in FORGED[case].items():
        if isinstance(key, str):
            header[key] = value
        elif value is None:
            arrays.pop(key)
        else:
            arrays[key] = value
    write_container(path, header, arrays)
    with pytest.raises(ModelFileError, match="not a sound file of moments"):
        Moments.load(path)


# ---------------------------------------------------------------- hostile input

GOOD, GOOD_Y = np.arange(8.0).reshape(4, 2) ** 2, np.arange(4.0)


def spoiled(value):
    X = GOOD.copy()
    X[2, 1] = value
    return X


HOSTILE = {
    "NaN": (spoiled(np.nan), GOOD_Y, None, "Input X contains NaN"),
    "infinity": (spoiled(np.inf), GOOD_Y, None, "Input X contains infinity"),
    "NaN in y": (GOOD, [0.0, np.nan, 1.0, 2.0], None, "y contains NaN"),
    "NaN in weights": (GOOD, GOOD_Y, [1.0, np.nan, 1.0, 1.0], "sample_weight contains NaN"),
    "negative weight": (GOOD, GOOD_Y, [1.0, -1.0, 1.0, 1.0], "[Nn]egative"),
    "no weight": (GOOD, GOOD_Y, np.zeros(4), "at least one non-zero"),
    "too large": (spoiled(1e200), GOOD_Y, None, "range of double precision"),
    "too small": (GOOD * 1e-200, GOOD_Y, None, "range of double precision"),
    "sparse, too small": (sparse.csr_array(GOOD * 1e-200), GOOD_Y, None, "range of double precision"),
    "sparse NaN": (sparse.csr_array(spoiled(np.nan)), GOOD_Y, None, "Input X contains NaN"),
    "columns": (np.ones((4, 3)), GOOD_Y, None, "X has 3 features, but Moments is expecting 2 features"),
    "targets": (GOOD, np.ones((4, 2)), None, "y has 2 targets, but the rows before had 1"),
    "rows": (GOOD, GOOD_Y[:3], None, "inconsistent numbers of samples"),
    "weights": (GOOD, GOOD_Y, np.ones(3), "sample_weight.shape"),
    "one dimension": (GOOD[:, 0], GOOD_Y, None, "Expected 2D array"),
    "three dimensions": (GOOD[np.newaxis], GOOD_Y, None, "dim 3"),
    "no rows": (GOOD[:0], GOOD_Y[:0], None, "0 sample"),
    "text": (np.array([["a", "b"]] * 4), GOOD_Y, None, "could not convert string to float"),
    "complex": (GOOD + 1j, GOOD_Y, None, "Complex data not supported"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("method", ["update", "remove"])
def test_hostile_rows_change_nothing(case, method):
    X, y, weight, message = HOSTILE[case]
    moments = Moments().update(GOOD, GOOD_Y).update(GOOD[::-1], GOOD_Y)
    before = moments.copy()
    with pytest.raises(ValueError, match=message):
        getattr(moments, method)(X, y, weight)
    assert_same_bits(moments, before)
    if case not in ("columns", "targets"):
        fresh = Moments()
        with pytest.raises(ValueError, match=message):
            fresh.update(X, y, weight)
        assert repr(fresh) == "Moments()"
        fresh.update(np.ones((3, 9)), np.ones(3))


def test_empty_moments_say_so():
    for act in (lambda m: m.xx, lambda m: m.remove(GOOD, GOOD_Y), lambda m: m.n_features):
        with pytest.raises(ValueError, match="these moments are empty; add rows with update first"):
            act(Moments())
    with pytest.raises(ValueError, match=re.escape("y and sample_weight are in the moments already")):
        Moments().update(GOOD, GOOD_Y).remove(Moments().update(GOOD, GOOD_Y), GOOD_Y)
    assert Moments().n_samples == 0
    assert Moments().weight_sum == 0


def test_a_constant_column_in_a_chunk_is_no_underflow():
    X, y, _ = rows(p=3)
    X[:100, 1], X[100:, 1] = 0.3, 1e-3
    assert_are(in_chunks(X, y), expected(X, y))
    assert_are(in_chunks(sparse.csr_array(X), y), expected(X, y))
