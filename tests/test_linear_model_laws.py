"""Laws that hold for any data: what must not change, or must change in a known way, when the input does."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlcraft.linear_model import LinearRegression, Ridge, RidgeClassifier

MODELS = {
    "ols": LinearRegression(),
    "ols_through_origin": LinearRegression(fit_intercept=False),
    "ols_positive": LinearRegression(positive=True),
    "ridge": Ridge(alpha=3.0),
    "ridge_through_origin": Ridge(alpha=3.0, fit_intercept=False),
    "ridge_positive": Ridge(alpha=3.0, positive=True),
}
RTOL = 1e-9


@pytest.fixture(params=["tall", "wide"])
def data(request):
    rng = np.random.default_rng(11)
    n, p = {"tall": (50, 5), "wide": (8, 20)}[request.param]
    X = rng.normal(size=(n, p)) + 1
    return X, X @ rng.normal(size=p) + rng.normal(size=n) + 2


def fit(name, X, y, weights=None):
    if name == "ols_positive" and X.shape[0] < X.shape[1]:
        pytest.skip("many non-negative solutions fit equally well")
    model = MODELS[name].__class__(**MODELS[name].get_params()).fit(X, y, weights)
    return np.append(model.coef_, model.intercept_)


def same(first, second, rtol=1e-8):
    assert_allclose(first, second, rtol=0, atol=rtol * np.abs(second).max())


@pytest.mark.parametrize("name", MODELS)
def test_integer_weights_are_repeated_rows(name, data):
    X, y = data
    counts = np.random.default_rng(1).integers(1, 4, len(y))
    same(fit(name, X, y, counts.astype(float)), fit(name, np.repeat(X, counts, axis=0), np.repeat(y, counts)))


@pytest.mark.parametrize("name", MODELS)
def test_weight_zero_is_no_row(name, data):
    X, y = data
    weights = np.random.default_rng(2).uniform(0.5, 2, len(y))
    weights[::4] = 0
    spoiled = y + 1e6 * (weights == 0)
    kept = weights > 0
    same(fit(name, X, spoiled, weights), fit(name, X[kept], y[kept], weights[kept]), 1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_order_of_rows_does_not_matter(name, data):
    X, y = data
    weights = np.random.default_rng(3).uniform(0.5, 2, len(y))
    order = np.random.default_rng(4).permutation(len(y))
    same(fit(name, X[order], y[order], weights[order]), fit(name, X, y, weights))


@pytest.mark.parametrize("name", MODELS)
def test_order_of_columns_is_order_of_coefficients(name, data):
    X, y = data
    order = np.random.default_rng(5).permutation(X.shape[1])
    same(fit(name, X[:, order], y), fit(name, X, y)[np.append(order, X.shape[1])])


@pytest.mark.parametrize("name", ["ols", "ridge", "ols_positive", "ridge_positive"])
def test_a_constant_added_to_y_goes_to_the_intercept(name, data):
    X, y = data
    shift = np.zeros(X.shape[1] + 1)
    shift[-1] = 100
    same(fit(name, X, y + 100), fit(name, X, y) + shift)


@pytest.mark.parametrize("name", ["ols", "ridge", "ols_positive", "ridge_positive"])
def test_shifted_columns_keep_their_coefficients(name, data):
    X, y = data
    offset = np.linspace(-50, 50, X.shape[1])
    shifted, plain = fit(name, X + offset, y), fit(name, X, y)
    same(shifted[:-1], plain[:-1], 1e-7)
    assert_allclose(shifted[-1], plain[-1] - offset @ plain[:-1], rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_scaled_y_scales_everything(name, data):
    X, y = data
    same(fit(name, X, 1000 * y), 1000 * fit(name, X, y))


@pytest.mark.parametrize("name", ["ols", "ols_through_origin", "ols_positive"])
def test_a_scaled_column_scales_its_coefficient(name, data):
    X, y = data
    if X.shape[0] < X.shape[1]:
        pytest.skip("the smallest norm depends on the units")
    scale = np.geomspace(1e-6, 1e6, X.shape[1])
    scaled, plain = fit(name, X * scale, y), fit(name, X, y)
    same(scaled * np.append(scale, 1), plain, 1e-7)


@pytest.mark.parametrize("name", ["ols", "ols_through_origin", "ridge", "ridge_through_origin"])
def test_rotated_columns_rotate_coefficients(name, data):
    X, y = data
    rotation, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(X.shape[1], X.shape[1])))
    same(rotation @ fit(name, X @ rotation, y)[:-1], fit(name, X, y)[:-1])


@pytest.mark.parametrize("name", MODELS)
def test_scaled_weights_with_scaled_penalty_change_nothing(name, data):
    X, y = data
    weights = np.random.default_rng(7).uniform(0.5, 2, len(y))
    expected = fit(name, X, y, weights)
    model = MODELS[name]
    parameters = model.get_params()
    if "alpha" in parameters:
        parameters["alpha"] *= 7.0
    scaled = model.__class__(**parameters).fit(X, y, 7 * weights)
    same(np.append(scaled.coef_, scaled.intercept_), expected)


@pytest.mark.parametrize("name", MODELS)
def test_one_weight_for_all_is_a_vector_of_it(name, data):
    X, y = data
    same(fit(name, X, y, 2.5), fit(name, X, y, np.full(len(y), 2.5)))


@pytest.mark.parametrize("name", MODELS)
def test_targets_are_fitted_as_if_alone(name, data):
    X, y = data
    Y = np.column_stack([y, y**2, np.sin(y)])
    alone = [fit(name, X, target) for target in Y.T]
    model = MODELS[name].__class__(**MODELS[name].get_params()).fit(X, Y)
    intercepts = np.broadcast_to(model.intercept_, 3)
    for j in range(3):
        same(np.append(model.coef_[j], intercepts[j]), alone[j])


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_one_penalty_per_target_is_separate_fits(data, positive, intercept):
    X, y = data
    Y = np.column_stack([y, -2 * y + 1, y**2])
    alphas = [0.1, 10.0, 1e3]
    options = {"fit_intercept": intercept, "positive": positive}
    together = Ridge(alpha=alphas, **options).fit(X, Y)
    for j, alpha in enumerate(alphas):
        alone = Ridge(alpha=alpha, **options).fit(X, Y[:, j])
        assert_allclose(together.coef_[j], alone.coef_, rtol=1e-8, atol=1e-12)
        assert_allclose(np.broadcast_to(together.intercept_, 3)[j], alone.intercept_, rtol=1e-8)


@pytest.mark.parametrize("intercept", [False, True])
def test_ridge_without_penalty_is_least_squares(data, intercept):
    X, y = data
    ols = LinearRegression(fit_intercept=intercept).fit(X, y)
    for alpha in (0.0, 1e-11):
        ridge = Ridge(alpha=alpha, fit_intercept=intercept).fit(X, y)
        same(ridge.coef_, ols.coef_, 1e-7)
        assert_allclose(ridge.intercept_, ols.intercept_, rtol=1e-6)


def test_ridge_shrinks_and_vanishes(data):
    X, y = data
    norms = [np.linalg.norm(Ridge(alpha=alpha).fit(X, y).coef_) for alpha in np.geomspace(1e-3, 1e9, 13)]
    assert np.all(np.diff(norms) < 0)
    model = Ridge(alpha=1e14).fit(X, y)
    assert_allclose(model.coef_, 0, atol=1e-9)
    assert_allclose(model.intercept_, y.mean())


def test_positive_is_idle_where_the_free_solution_is_positive():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(100, 6))
    y = X @ np.arange(1.0, 7) + 0.1 * rng.normal(size=100)
    for free, bound in (
        (LinearRegression(), LinearRegression(positive=True)),
        (Ridge(), Ridge(positive=True)),
    ):
        assert_allclose(bound.fit(X, y).coef_, free.fit(X, y).coef_, rtol=RTOL)


def test_ridge_classifier_is_ridge_on_signs(data):
    X, y = data
    labels = np.where(y > np.median(y), "yes", "no")
    signs = np.where(labels == "yes", 1.0, -1.0)
    weights = np.random.default_rng(10).uniform(0.5, 2, len(y))
    classifier = RidgeClassifier(alpha=2.0).fit(X, labels, weights)
    ridge = Ridge(alpha=2.0).fit(X, signs, weights)
    assert_allclose(classifier.coef_, ridge.coef_)
    assert_allclose(classifier.decision_function(X), ridge.predict(X))
    assert list(classifier.predict(X)) == list(np.where(ridge.predict(X) > 0, "yes", "no"))
    # more than two classes: one regression each
    digits = np.arange(len(y)) % 3
    several = RidgeClassifier(alpha=2.0).fit(X, digits)
    for k in range(3):
        assert_allclose(several.coef_[k], Ridge(alpha=2.0).fit(X, 2.0 * (digits == k) - 1).coef_, rtol=1e-7)
    assert np.array_equal(several.predict(X), several.decision_function(X).argmax(axis=1))


def test_class_weights_multiply_sample_weights(data):
    X, y = data
    labels = (y > np.quantile(y, 0.75)).astype(int)
    weights = np.random.default_rng(12).uniform(0.5, 2, len(y))
    factor = {0: 0.5, 1: 4.0}
    first = RidgeClassifier(class_weight=factor).fit(X, labels, weights)
    second = RidgeClassifier().fit(X, labels, weights * np.where(labels == 1, 4.0, 0.5))
    assert_allclose(first.coef_, second.coef_, rtol=RTOL)
    counts = np.bincount(labels)
    balanced = RidgeClassifier(class_weight="balanced").fit(X, labels)
    by_hand = RidgeClassifier().fit(X, labels, (len(y) / (2 * counts))[labels])
    assert_allclose(balanced.coef_, by_hand.coef_, rtol=RTOL)


def test_multilabel_is_one_classifier_per_label(data):
    X, y = data
    labels = np.column_stack([y > np.median(y), np.sin(y) > 0, y < np.quantile(y, 0.25)]).astype(int)
    model = RidgeClassifier().fit(X, labels)
    assert model.predict(X).shape == labels.shape
    for j in range(3):
        assert np.array_equal(model.predict(X)[:, j], RidgeClassifier().fit(X, labels[:, j]).predict(X))
