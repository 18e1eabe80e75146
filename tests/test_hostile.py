"""Input that nobody should send and somebody will: nothing crashes, and nothing is silently wrong.

Every case ends in the right answer or in an error that says what is wrong; warnings only where named.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from mlcraft._engine.least_squares import NonFiniteError, fit_least_squares, predict_linear
from mlcraft.linear_model import LinearRegression, Ridge, RidgeClassifier, RidgeCV

ESTIMATORS = {
    "ols": LinearRegression(),
    "origin": LinearRegression(fit_intercept=False),
    "positive": LinearRegression(positive=True),
    "ridge": Ridge(alpha=0.5),
    "ridge_positive": Ridge(alpha=0.5, positive=True),
    "search": RidgeCV([0.5, 1.0]),
    "classifier": RidgeClassifier(alpha=0.5),
}
REGRESSORS = [name for name in ESTIMATORS if name != "classifier"]
LINEAR = ["ols", "origin", "ridge"]
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
every_regressor = pytest.mark.parametrize("name", REGRESSORS)
SHAPES = {"tall": (30, 3), "wide": (4, 9), "long": (9000, 3), "many": (300, 120)}
every_shape = pytest.mark.parametrize("shape", SHAPES)


def make(name):
    return ESTIMATORS[name].__class__(**ESTIMATORS[name].get_params())


def data(shape="tall", seed=0):
    n, p = SHAPES[shape]
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p))
    return X, X @ np.linspace(1, 2, p) + random.standard_normal(n)


def targets(name, y):
    return (y > np.median(y)).astype(int) if name == "classifier" else y


def coefficients(model):
    return np.append(np.ravel(model.coef_), model.intercept_)


# ---------------------------------------------------------------- NaN and infinity


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@every_shape
@every_estimator
def test_not_finite_x(name, shape, dtype, bad):
    X, y = data(shape)
    y = targets(name, y)
    fitted = make(name).fit(X.astype(dtype), y)
    for i, j in ((0, 0), (-1, -1), (len(X) // 2, X.shape[1] // 2)):
        spoiled = X.astype(dtype)
        spoiled[i, j] = bad
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            make(name).fit(spoiled, y)
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            make(name).fit(spoiled, y, np.arange(len(X)) != i % len(X))  # a weight of zero is no excuse
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            fitted.predict(spoiled)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@every_shape
@every_regressor
def test_not_finite_y_and_weights(name, shape, bad):
    X, y = data(shape)
    for place in (0, -1, len(y) // 2):
        spoiled = y.copy()
        spoiled[place] = bad
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            make(name).fit(X, spoiled)
        weight = np.ones(len(y))
        weight[place] = bad
        with pytest.raises(ValueError, match=r"NaN|infinity|[Nn]egative"):
            make(name).fit(X, y, weight)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("shape", [(30, 3), (4, 9), (5, 2000), (2000, 1600)])
@pytest.mark.parametrize("options", [{}, {"alpha": 1.0}, {"fit_intercept": False}], ids=str)
def test_not_finite_sparse(shape, options, bad):
    random = np.random.default_rng(0)
    X = sparse.random_array(shape, density=0.05, format="csr", rng=random)
    X = sparse.csr_array(X + sparse.coo_array(([1.0], ([shape[0] - 1], [1])), shape=shape))
    y = random.standard_normal(shape[0])
    spoiled = X.copy()
    spoiled.data[-1] = bad
    with pytest.raises(NonFiniteError):
        fit_least_squares(spoiled, y, **options)
    with pytest.raises(NonFiniteError):
        fit_least_squares(X, np.where(np.arange(shape[0]) == 2, bad, y), **options)
    with pytest.raises(NonFiniteError):
        fit_least_squares(X, y, sample_weight=np.where(np.arange(shape[0]) == 2, np.abs(bad), 1.0), **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("positive", [False, True])
@every_shape
def test_not_finite_in_one_of_many_targets(shape, positive, bad):
    X, y = data(shape)
    Y = np.column_stack([y, y, y])
    Y[1, 2] = bad
    with pytest.raises(NonFiniteError):
        fit_least_squares(X, Y, positive=positive)


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.empty((0, 3)), np.empty(0)),
        (np.empty((3, 0)), np.ones(3)),
        (np.empty((0, 0)), np.empty(0)),
        (np.ones(3), np.ones(3)),
        (np.ones((2, 3, 4)), np.ones(2)),
        (np.float64(3), np.ones(1)),
        (np.ones((3, 2)), np.ones(2)),
        (np.ones((3, 2)), np.ones((2, 3))),
        (np.ones((3, 2)), np.ones((3, 1, 1))),
        (np.ones((3, 2)), np.float64(1)),
        (np.ones((3, 2)), np.empty((3, 0))),
        (np.ones((3, 2)), None),
        (None, np.ones(3)),
        ("text", np.ones(3)),
        ([["a", "b"], ["c", "d"]], [1, 2]),
        ([[1, 2], [3]], [1, 2]),
        ([], []),
    ],
    ids=str,
)
@every_estimator
def test_wrong_shapes_raise(name, X, y):
    with pytest.raises((ValueError, TypeError)):
        make(name).fit(X, y)


@pytest.mark.parametrize("shape", [(0, 3), (0, 0)])
@pytest.mark.parametrize("positive", [False, True])
def test_the_engine_needs_a_row(shape, positive):
    for X in (np.empty(shape), sparse.csr_array(shape)):
        with pytest.raises(ValueError, match="no rows"):
            fit_least_squares(X, np.empty(0), positive=positive)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("positive", [False, True])
def test_the_engine_does_without_columns(positive, fit_intercept):
    for X in (np.empty((3, 0)), sparse.csr_array((3, 0))):
        found = fit_least_squares(X, np.array([1.0, 2.0, 6.0]), positive=positive, fit_intercept=fit_intercept)
        assert found.coef.shape == (0,)
        assert found.intercept == (3.0 if fit_intercept else 0.0)


@pytest.mark.parametrize(
    "weight",
    [np.ones(29), np.ones(31), np.ones((30, 1)), np.ones((30, 2)), -np.ones(30), np.zeros(30), ["a"] * 30],
    ids=["short", "long", "column", "two", "negative", "zero", "text"],
)
@every_estimator
def test_wrong_weights_raise(name, weight):
    X, y = data()
    with pytest.raises((ValueError, TypeError)):
        make(name).fit(X, targets(name, y), weight)


@every_regressor
def test_one_negative_weight_raises(name):
    X, y = data()
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        make(name).fit(X, y, np.where(np.arange(30) == 7, -1e-3, 1.0))


@pytest.mark.parametrize("shape", ["tall", "wide"])
@every_regressor
def test_one_row(name, shape):
    X, y = (part[:1] for part in data(shape))
    model = make(name).fit(X, y)
    assert np.isfinite(coefficients(model)).all()
    if "positive" not in name and "ridge" not in name:
        assert_allclose(model.predict(X), y)
    if model.fit_intercept:
        assert_array_equal(model.coef_, 0)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300, 1e-300, 5e-324])
@every_regressor
def test_one_number(name, value):
    try:
        model = make(name).fit([[value]], [2.0])
    except ValueError:
        assert (name, value) == ("origin", 5e-324)  # 2 / 5e-324 is no double
        return
    assert np.isfinite(coefficients(model)).all()
    if name == "origin" and value != 0:
        assert_allclose(model.coef_ * value, 2, rtol=1e-14)
    if model.fit_intercept:
        assert (model.coef_[0], model.intercept_) == (0, 2)


@pytest.mark.parametrize("shape", [(2, 20_000), (100_000, 1), (1, 3000), (3, 2), (2, 2)])
@pytest.mark.parametrize("name", LINEAR)
def test_extreme_aspects(name, shape):
    random = np.random.default_rng(0)
    X, y = random.standard_normal(shape), random.standard_normal(shape[0])
    model = make(name).fit(X, y)
    model.set_params(**({"alpha": 0.5} if name == "ridge" else {}))
    centre = X.mean(axis=0) if model.fit_intercept else 0
    A, b = X - centre, y - (y.mean() if model.fit_intercept else 0)
    alpha = 0.5 if name == "ridge" else 0
    gradient = A.T @ (b - A @ model.coef_) - alpha * model.coef_
    assert np.abs(gradient).max() <= 1e-12 * max(np.abs(A.T @ b).max(), 1)


# ---------------------------------------------------------------- constant, repeated, huge, tiny


@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e8 / 3, 1e-9, 1e300, 1e-300])
@every_shape
@pytest.mark.parametrize("name", ["ols", "ridge", "positive"])
def test_constant_columns_get_no_coefficient(name, shape, value):
    X, y = data(shape)
    X[:, 1] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the column is constant
        model = make(name).fit(X, y)
    expected = make(name).fit(np.delete(X, 1, axis=1), y)
    assert model.coef_[1] == 0
    size = np.abs(expected.coef_).max()
    assert_allclose(np.delete(model.coef_, 1), expected.coef_, rtol=0, atol=1e-10 * size)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e300, 1e-300, 1e8 / 3])
@every_shape
@every_regressor
def test_constant_y(name, shape, value):
    X, _ = data(shape)
    model = make(name).fit(X, np.full(len(X), value))
    assert np.isfinite(coefficients(model)).all()
    if model.fit_intercept:
        assert_allclose(model.intercept_, value, rtol=1e-12)
        assert_allclose(model.predict(X), value, rtol=1e-10)


@every_shape
@pytest.mark.parametrize("name", LINEAR)
def test_duplicated_columns_share_their_coefficient(name, shape):
    X, y = data(shape)
    X = np.column_stack([X, X[:, 0], X[:, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that they depend on each other
        coef = make(name).fit(X, y).coef_
    assert_allclose(coef[-2:], coef[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["ols", "origin", "positive"])
@pytest.mark.parametrize("y_scale", [1e-300, 1e-100, 1.0, 1e100, 1e300])
@pytest.mark.parametrize("x_scale", [1e-300, 1e-160, 1e-100, 1.0, 1e100, 1e160, 1e300])
@every_shape
def test_scales_at_the_ends_of_the_range(shape, x_scale, y_scale, name):
    X, y = data(shape)
    expected = make(name).fit(X, y)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = make(name).fit(X * x_scale, y * y_scale)
    except (ValueError, RuntimeWarning):
        # only where the answer is no double
        assert not 1e-300 < y_scale / x_scale < 1e300
        return
    with np.errstate(over="ignore", under="ignore"):
        ratio = np.float64(y_scale) / x_scale
    if 1e-290 < ratio < 1e290:
        size = np.abs(expected.coef_).max()
        assert_allclose(model.coef_ / ratio, expected.coef_, rtol=0, atol=1e-9 * size)
    assert np.isfinite(coefficients(model)).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-145, 1e-100, 1e100, 1e150, 1e153])
@every_shape
def test_ridge_at_the_ends_of_the_range(shape, scale):
    X, y = data(shape)
    expected = fit_least_squares(X, y, alpha=0.7).coef
    found = fit_least_squares(X * scale, y, alpha=0.7 * scale * scale).coef if scale > 1e-150 else None
    if found is not None:
        assert_allclose(found * scale, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    # a penalty that dwarfs the data: X'y / alpha
    found = fit_least_squares(X * 1e-100, y, alpha=1.0).coef
    exact = 1e-100 * ((X - X.mean(axis=0)).T @ (y - y.mean()))
    assert_allclose(found, exact, rtol=0, atol=1e-9 * np.abs(exact).max())


@every_shape
def test_columns_of_all_sizes_at_once(shape):
    X, y = data(shape)
    sizes = np.resize([1e300, 1e-300, 1.0, 1e-160, 1e160], X.shape[1])
    if shape == "wide":
        pytest.skip("the least norm looks at the large columns only")
    assert_allclose(fit_least_squares(X * sizes, y).coef * sizes, fit_least_squares(X, y).coef, rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-310, 5e-324 * 1000])
@every_shape
def test_subnormal_columns_end_in_an_error_or_are_right(shape, scale):
    X, y = data(shape)
    X = np.round(X * 100) * scale
    try:
        found = fit_least_squares(X, y).coef
    except ValueError:
        pass
    else:
        assert np.isfinite(found).all()
        assert np.abs(found).max() > 1e250  # zero would be the silent way out
    found = fit_least_squares(X, y * scale).coef  # the same problem in another unit
    expected = fit_least_squares(X / scale, y * scale / scale).coef
    assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("size", [1e-300, 1e-290, 1e-100, 1e100, 1e300, 1e305])
@every_shape
def test_weights_at_the_ends_of_the_range(shape, size):
    X, y = data(shape)
    weight = np.random.default_rng(1).uniform(0.5, 1, len(y))
    expected = fit_least_squares(X, y, sample_weight=weight)
    found = fit_least_squares(X, y, sample_weight=weight * size)
    assert_allclose(found.coef, expected.coef, rtol=0, atol=1e-10 * np.abs(expected.coef).max())
    assert_allclose(found.intercept, expected.intercept, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mean", [1e8, -1e8])
@pytest.mark.parametrize("name", ["ols", "ridge", "positive"])
@every_shape
def test_mean_far_from_zero_with_spread_one(shape, name, mean):
    X, y = data(shape)
    shifted = X + mean
    exact = shifted - mean  # what is left of X after rounding
    expected, model = make(name).fit(exact, y), make(name).fit(shifted, y + mean)
    size = np.abs(expected.coef_).max()
    # y + mean is rounded too: to 8 digits
    assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-6 * size)
    assert_allclose(make(name).fit(shifted, y).coef_, expected.coef_, rtol=0, atol=1e-10 * size)


def test_single_precision_overflow_is_not_silent():
    X, y = (a.astype(np.float32) for a in data())
    with pytest.warns(RuntimeWarning, match="overflow"):
        LinearRegression().fit(X * np.float32(1e-30), y * np.float32(1e30))
    found = LinearRegression().fit(X * np.float32(1e30), y)  # squares overflow in float32, the answer does not
    assert_allclose(found.coef_ * np.float32(1e30), LinearRegression().fit(X, y).coef_, rtol=1e-5)


# ---------------------------------------------------------------- dtypes and memory


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


CONVERTED = {
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "object": lambda a: a.astype(object),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "swapped float32": lambda a: a.astype(np.dtype(np.float32).newbyteorder()),
    "unaligned": unaligned,
    "list": lambda a: a.tolist(),
    "int8": lambda a: np.round(a * 20).clip(-99, 99).astype(np.int8),
    "uint64": lambda a: np.round(a * 1000 + 10_000).astype(np.uint64),
    "bool": lambda a: a > 0,
    "masked": np.ma.array,
    "broadcast": lambda a: np.broadcast_to(a, a.shape),
}


@pytest.mark.parametrize("kind", CONVERTED)
@every_regressor
def test_every_kind_of_array_is_the_array_of_its_values(name, kind):
    X, y = data()
    weight = np.random.default_rng(1).uniform(1, 2, len(y))
    convert = CONVERTED[kind]
    held_X, held_y, held_weight = convert(X), convert(y), convert(weight)
    plain = [np.array(np.asarray(held).tolist(), dtype=np.float64) for held in (held_X, held_y, held_weight)]
    expected = coefficients(make(name).fit(*plain))
    tolerance = {
        "rtol": 0,
        "atol": (1e-4 if kind in ("float16", "swapped float32") else 1e-10) * np.abs(expected).max(),
    }
    assert_allclose(coefficients(make(name).fit(held_X, plain[1], plain[2])), expected, **tolerance)
    assert_allclose(coefficients(make(name).fit(plain[0], held_y, plain[2])), expected, **tolerance)
    assert_allclose(coefficients(make(name).fit(plain[0], plain[1], held_weight)), expected, **tolerance)
    model = make(name).fit(held_X, held_y, held_weight)
    assert_allclose(coefficients(model), expected, **tolerance)
    prediction = model.predict(plain[0].astype(model.coef_.dtype))
    assert_allclose(model.predict(held_X), prediction, rtol=1e-4, atol=1e-3 * np.abs(prediction).max())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_engine_takes_unaligned_arrays(place):
    X, y = data()
    arrays = [X, y, np.ones(len(y))]
    expected = fit_least_squares(X, y, sample_weight=arrays[2]).coef
    arrays[place] = unaligned(arrays[place])
    assert_array_equal(fit_least_squares(*arrays[:2], sample_weight=arrays[2]).coef, expected)
    coef = unaligned(expected) if place == 1 else expected
    assert_allclose(predict_linear(arrays[0], coef, 0.0), X @ expected, rtol=1e-12)


@pytest.mark.parametrize("place", ["X", "y", "weight"])
@every_regressor
def test_complex_raises(name, place):
    X, y = data()
    arrays = {"X": X, "y": y, "weight": np.ones(len(y))}
    arrays[place] = arrays[place] + 1j
    with pytest.raises(ValueError, match=r"[Cc]omplex"):
        make(name).fit(arrays["X"], arrays["y"], arrays["weight"])


@every_regressor
def test_huge_integers(name):
    X, y = [[2**70], [-(2**71)], [2**69]], [2**65, -(2**64), 0]
    expected = make(name).fit(np.array(X, dtype=float), np.array(y, dtype=float))
    assert_array_equal(coefficients(make(name).fit(X, y)), coefficients(expected))
    assert_array_equal(coefficients(make(name).fit(np.array(X, dtype=object), y)), coefficients(expected))
    edge = np.array([[2**63], [2**64 - 1], [0]], dtype=np.uint64)
    expected = make(name).fit(edge.astype(float), [1.0, 2.0, 3.0])
    assert_array_equal(coefficients(make(name).fit(edge, [1.0, 2.0, 3.0])), coefficients(expected))
    too_large = [[10**400], [1], [2]]
    with pytest.raises((ValueError, OverflowError)):
        make(name).fit(too_large, [1.0, 2.0, 3.0])


@every_regressor
def test_objects_that_are_no_numbers(name):
    X = np.array([[1.0, "a"], [2.0, None], [3.0, {}]], dtype=object)
    with pytest.raises((ValueError, TypeError)):
        make(name).fit(X, [1, 2, 3])
    with pytest.raises((ValueError, TypeError)):
        make(name).fit(np.ones((3, 2)), ["a", "b", "c"])


@pytest.mark.parametrize("order", ["C", "F"])
@every_estimator
def test_memory_mapped_files(name, order, tmp_path):
    X, y = data()
    y = targets(name, y)
    mapped = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=X.shape, order=order)
    mapped[...] = X
    mapped.flush()
    held = np.memmap(tmp_path / "x", dtype=np.float64, mode="r", shape=X.shape, order=order)
    model, expected = make(name).fit(held, y), make(name).fit(X, y)
    assert_allclose(coefficients(model), coefficients(expected), rtol=1e-12)
    assert_allclose(model.predict(held), expected.predict(X), rtol=1e-10)


@every_estimator
def test_arguments_are_left_as_they_were(name):
    X, y = data()
    y, weight = targets(name, y), np.random.default_rng(1).uniform(1, 2, len(y))
    kept = X.copy(), y.copy(), weight.copy()
    for array in (X, y, weight):
        array.flags.writeable = False
    make(name).fit(X, y, weight).predict(X)
    for array, before in zip((X, y, weight), kept, strict=True):
        assert_array_equal(array, before)


def test_results_own_their_memory():
    X, y = data()
    model = LinearRegression().fit(X, y)
    before = coefficients(model).copy()
    prediction = model.predict(X)
    expected = prediction.copy()
    X[:] = np.nan
    y[:] = np.nan
    assert_array_equal(coefficients(model), before)
    assert_array_equal(prediction, expected)


# ---------------------------------------------------------------- prediction


def test_prediction_with_coefficients_of_any_layout():
    X, _ = data()
    coef = np.arange(12.0).reshape(2, 6)[:, ::2]
    expected = X @ coef.T + [1.0, 2.0]
    assert_allclose(predict_linear(X, coef, np.array([1.0, 2.0])), expected, rtol=1e-14)
    assert_allclose(predict_linear(X, coef[0], 1.0), expected[:, 0], rtol=1e-14)
    assert_allclose(predict_linear(X, np.asfortranarray(coef), np.array([1.0, 2.0])), expected, rtol=1e-14)
    assert_allclose(predict_linear(X[::-1, ::-1], coef[0, ::-1], 1.0), expected[::-1, 0], rtol=1e-14)


@pytest.mark.parametrize(
    ("coef", "intercept"),
    [
        (np.ones(4), 0.0),
        (np.ones(2), 0.0),
        (np.ones((2, 4)), np.zeros(2)),
        (np.ones((2, 3)), np.zeros(3)),
        (np.ones((2, 3)), "text"),
    ],
)
def test_prediction_with_what_does_not_fit(coef, intercept):
    X, _ = data()
    with pytest.raises((ValueError, TypeError)):
        predict_linear(X, coef, intercept)


@every_estimator
def test_prediction_checks_the_width(name):
    X, y = data()
    model = make(name).fit(X, targets(name, y))
    for wrong in (X[:, :2], np.column_stack([X, X]), X[0], X[:, :0]):
        with pytest.raises(ValueError, match=r"features|2D|feature\(s\)"):
            model.predict(wrong)


def test_prediction_that_overflows_is_infinite_and_says_so():
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1e200])
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert model.predict([[1e200]]).item() == np.inf


# ---------------------------------------------------------------- matrices that lie


BROKEN = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from scipy import sparse
from mlcraft import _core
from mlcraft._engine.least_squares import fit_least_squares

y = np.arange(6.0)
options = _core.LeastSquaresOptions()


class Fake:
    def __init__(self, indices, indptr, data, shape=(6, 3), index=np.int32):
        self.indices, self.indptr = np.array(indices, dtype=index), np.array(indptr, dtype=index)
        self.data, self.shape = np.array(data, dtype=float), shape
        self.format, self.dtype = "csr", np.dtype(float)


GOOD = ([0, 1, 2, 0, 1, 2], [0, 1, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6])
CASES = {
    "column past the end": ([0, 1, 2, 0, 1, 10**6], *GOOD[1:]),
    "negative column": ([0, 1, 2, 0, 1, -10**6], *GOOD[1:]),
    "starts fall": (GOOD[0], [0, 5, 2, 3, 4, 5, 6], GOOD[2]),
    "starts past the data": (GOOD[0], [0, 1, 2, 3, 4, 5, 10**6], GOOD[2]),
    "negative start": (GOOD[0], [-10**6, 1, 2, 3, 4, 5, 6], GOOD[2]),
    "too few starts": (GOOD[0], [0, 1, 2], GOOD[2]),
    "too few values": (*GOOD[:2], [1.0]),
    "too few columns": ([0], *GOOD[1:]),
}
_core.least_squares(Fake(*GOOD), y, None, options)
accepted = []
for index in (np.int32, np.int64):
    for name, parts in CASES.items():
        fake = Fake(*parts, index=index)
        calls = {
            "least_squares": lambda: _core.least_squares(fake, y, None, options),
            "moments": lambda: _core.moments(fake, y),
            "at_point": lambda: _core.at_point(fake, (y, None, None), np.ones((1, 4)), ("squared", 0.0, (0, 0), False)),
            "times": lambda: _core.Matrix(fake).times(np.ones(3)),
        }
        for call in calls:
            print(name, call, file=sys.stderr, flush=True)
            try:
                calls[call]()
                accepted.append((name, call))
            except (ValueError, IndexError):
                pass
assert not accepted, accepted
"""


def test_sparse_matrices_whose_indices_lie():
    """In a process of its own, because what goes wrong here is a wild read or write."""
    command = [sys.executable, "-c", BROKEN, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-1500:])


PENALTIES = """
import numpy as np
import mlcraft
from mlcraft import _core
from mlcraft._engine.least_squares import fit_least_squares

X, Y = np.eye(6, 3), np.ones((6, 3))
for engine in ("cpp", "numba"):
    for size in (0, 2, 4):
        try:
            with mlcraft.config_context(engine=engine):
                fit_least_squares(X, Y, alpha=np.ones(size))
        except ValueError as error:
            assert "alpha" in str(error)
        else:
            raise AssertionError((engine, size))
options = _core.LeastSquaresOptions()
for alpha in ([], [1.0, 2.0]):
    options.alpha = alpha
    try:
        _core.solve_moments(_core.moments(X, Y), options)
    except ValueError:
        continue
    raise AssertionError(alpha)
options.alpha = [0.0]
for bad in (np.nan, np.inf):
    moments = _core.Moments(6.0, np.zeros(2), np.zeros(1), np.full((2, 2), bad), np.ones((2, 1)), np.ones(1))
    assert _core.solve_moments(moments, options)[0].status not in ("converged", "rank_deficient")
moments = _core.Moments(0.0, np.zeros(2), np.zeros(1), np.eye(2), np.ones((2, 1)), np.ones(1))
assert _core.solve_moments(moments, options)[0].status not in ("converged", "rank_deficient")
"""


def test_moments_and_penalties_must_fit():
    """In a process of its own, because what goes wrong here is a wild read."""
    done = subprocess.run([sys.executable, "-c", PENALTIES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-1500:])
