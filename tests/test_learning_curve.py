"""Learning curves and repeated cross-validation from blocks of rows: the scores of refits, to nine digits."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, cross_val_score, learning_curve

from mlcraft.linear_model import LinearRegression, Ridge, RidgeCV

MODELS = {
    "least squares": LinearRegression(),
    "without intercept": LinearRegression(fit_intercept=False),
    "ridge": Ridge(alpha=0.5),
    "non-negative": Ridge(alpha=0.5, positive=True),
}


def diabetes(*, is_sparse=False, targets=1, wide=0):
    X, y = load_diabetes(return_X_y=True)
    X = 10 * X
    if wide:
        X = np.hstack([X, np.random.default_rng(0).standard_normal((len(X), wide))])
    if targets > 1:
        y = np.column_stack([y, np.sin(y)])
    return (sparse.csr_array(X) if is_sparse else X), y


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("cv", [4, KFold(3, shuffle=True, random_state=0), ShuffleSplit(3, random_state=1)])
@pytest.mark.parametrize("options", [{}, {"is_sparse": True}, {"targets": 2}, {"wide": 120}])
def test_learning_curve_is_sklearns(name, cv, options):
    model, (X, y) = MODELS[name], diabetes(**options)
    if options.get("is_sparse") and name == "non-negative":
        pytest.skip("scikit-learn's parameters do not go together with sparse X")
    ours = model.learning_curve_(X, y, sizes=[0.2, 0.5, 1.0], cv=cv)
    reference = clone(model)
    sizes, train, test = learning_curve(reference, X, y, train_sizes=[0.2, 0.5, 1.0], cv=cv)
    assert np.array_equal(ours.sizes, sizes)
    np.testing.assert_allclose(ours.train_scores, train, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.test_scores, test, rtol=1e-9, atol=1e-9)
    assert not hasattr(model, "coef_")
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("name", MODELS)
def test_repeated_cross_validation_is_sklearns(name):
    X, y = diabetes()
    found = MODELS[name].cross_val_scores_(X, y, cv=5, repeats=3, random_state=7)
    expected = cross_val_score(MODELS[name], X, y, cv=RepeatedKFold(n_splits=5, n_repeats=3, random_state=7))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_weights_count_in_fits_and_scores():
    X, y = diabetes()
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float)
    found = Ridge(2.0).learning_curve_(X, y, sizes=[50, 200], cv=3, sample_weight=weight)
    for number, (train, test) in enumerate(KFold(3).split(X)):
        for step, size in enumerate((50, 200)):
            rows = train[:size]
            fit = Ridge(2.0).fit(X[rows], y[rows], weight[rows])
            assert found.test_scores[step, number] == pytest.approx(fit.score(X[test], y[test], weight[test]), rel=1e-9)
            assert found.train_scores[step, number] == pytest.approx(
                fit.score(X[rows], y[rows], weight[rows]), rel=1e-9
            )


def test_the_penalty_is_that_of_the_estimator():
    X, y = diabetes(targets=2)
    search = RidgeCV([0.1, 1.0, 10.0], alpha_per_target=True)
    with pytest.raises(NotFittedError):
        search.cross_val_scores_(X, y)
    search.fit(X, y)
    same = Ridge(search.alpha_)
    assert np.array_equal(search.cross_val_scores_(X, y), same.cross_val_scores_(X, y))
    np.testing.assert_allclose(same.cross_val_scores_(X, y), cross_val_score(same, X, y), rtol=1e-9)


WRONG = {
    "too many": ({"sizes": [10, 400]}, "between 1 and 353"),
    "none": ({"sizes": []}, "list of numbers"),
    "share": ({"sizes": [0.5, 1.5]}, r"in \(0, 1\]"),
    "repeats": ({"repeats": 0}, "at least 1"),
    "splitter": ({"repeats": 2, "cv": KFold(3)}, "needs a number of folds"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    options, text = WRONG[case]
    with pytest.raises(ValueError, match=text):
        Ridge().learning_curve_(*diabetes(), **options)
