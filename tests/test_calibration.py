"""Calibrated classifiers: each map against its definition, all as scikit-learn's classifiers, and on real data."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import calibration as slow
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, LeaveOneOut, RepeatedStratifiedKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from mlcraft.exceptions import ExchangeabilityWarning, SeparationWarning
from mlcraft.linear_model import LogisticRegression
from mlcraft.uncertainty import CalibratedClassifier, calibrate
from mlcraft.uncertainty.calibration._calibrator import METHODS, Calibrator
from mlcraft.uncertainty.calibration._cross_fit import HeldOut, joined
from mlcraft.uncertainty.calibration._dirichlet import DirichletMap
from mlcraft.uncertainty.calibration._isotonic import IsotonicMap, _pooled_in_turn, pooled
from mlcraft.uncertainty.calibration._logistic_maps import BetaMap, PlattMap, TemperatureMap
from mlcraft.uncertainty.calibration._outputs import Outputs, log_odds, outputs_of, smallest_probability
from mlcraft.uncertainty.calibration._venn_abers import VennAbersMap

OURS = {"platt": "sigmoid", "isotonic": "isotonic"}


def rows(n_classes=2, n=300, seed=0, classes=None):
    X, y = make_classification(n, 8, n_informative=5, n_classes=n_classes, class_sep=0.7, flip_y=0.1, random_state=seed)
    return X, y if classes is None else np.asarray(classes)[y]


def scored(seed=0, n=200, ties=False):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n) if not ties else rng.integers(-3, 4, n).astype(float)
    hit = (rng.random(n) < 1 / (1 + np.exp(-1.5 * score - 0.3))).astype(float)
    return score, hit, rng.integers(0, 4, n).astype(float)


# ---------------------------------------------------------------- maps


@pytest.mark.parametrize("seed", range(12))
def test_venn_abers_is_two_isotonic_fits_for_every_new_row(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    score, hit, weight = scored(seed, n, ties=seed % 2 == 0)
    if seed % 3 or not weight.any():
        weight = np.ones(n)
    found = VennAbersMap.fit(score, hit, weight)
    new = np.concatenate([score, rng.normal(size=10), [-9.0, 9.0]])
    expected = [slow.venn_abers(score[weight > 0], hit[weight > 0], weight[weight > 0], value) for value in new]
    assert_allclose(np.transpose(found.bounds(new)), expected, atol=1e-13)
    assert np.all(found.p0 <= found.p1)
    assert np.all(np.diff(found.p0) >= 0)
    assert np.all(np.diff(found.p1) >= 0)


def test_venn_abers_where_the_last_corner_is_gone():
    """The corner that one place stood on, and the one before it, lie above the hull of the next."""
    score = np.repeat([0.0, 1.0, 2.0], [10, 4, 2])
    hit = np.concatenate([np.arange(10) < 2, np.arange(4) < 1, [False, False]]).astype(float)
    new = np.arange(-0.5, 3.0, 0.5)
    expected = [slow.venn_abers(score, hit, np.ones(16), value) for value in new]
    assert_allclose(np.transpose(VennAbersMap.fit(score, hit, np.ones(16)).bounds(new)), expected, atol=1e-13)


@pytest.mark.parametrize("shape", ["noise", "falling", "waves"])
def test_pooling_at_once_is_pooling_in_turn(shape):
    rng = np.random.default_rng(0)
    n = 500
    mean = {"noise": rng.random(n), "falling": np.geomspace(1, 1e-6, n), "waves": np.sin(np.arange(n) / 9.0)}[shape]
    weight = rng.integers(1, 5, n).astype(float)
    fast, plain = pooled(weight, weight * mean), _pooled_in_turn(np.arange(n), weight, weight * mean)
    assert_array_equal(fast[0], plain[0])
    assert_allclose(fast[2] / fast[1], plain[2] / plain[1], atol=1e-13)
    assert np.all(np.diff(fast[2] / fast[1]) > 0)


def test_pooling_that_takes_many_rounds(monkeypatch):
    monkeypatch.setattr("mlcraft.uncertainty.calibration._isotonic.ROUNDS", 1)
    score, hit, weight = scored()
    first = IsotonicMap.fit(score, hit, weight)
    monkeypatch.undo()
    assert_allclose(first(score), IsotonicMap.fit(score, hit, weight)(score), atol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_beta_is_the_constrained_optimum(seed):
    score, hit, weight = scored(seed)
    bent = score if seed < 2 else np.where(score > 0, 0.1, -2.0) * score if seed < 4 else -score
    log_p, log_rest = -np.logaddexp(0, -bent), -np.logaddexp(0, bent)
    found = BetaMap.fit(log_p, log_rest, hit, weight)
    expected = slow.beta(log_p, log_rest, hit, weight)
    assert_allclose([found.a, found.b, found.c], expected, rtol=2e-4, atol=2e-5)
    assert min(found.a, found.b) >= 0


@pytest.mark.parametrize("n_classes", [2, 5])
def test_temperature_is_the_optimum(n_classes):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(300, n_classes)) * 3
    codes = np.array(
        [rng.choice(n_classes, p=row) for row in np.exp(logits / 2.5) / np.exp(logits / 2.5).sum(1, keepdims=True)]
    )
    weight = rng.random(300)
    found = TemperatureMap.fit(logits, np.eye(n_classes)[codes], weight)
    assert found.temperature == pytest.approx(slow.temperature(logits, codes, weight), rel=1e-6)
    assert 1.5 < found.temperature < 4
    assert_array_equal(found(logits).argmax(axis=1), logits.argmax(axis=1))


@pytest.mark.parametrize("solver", ["newton", "first order"])
@pytest.mark.parametrize("n_classes", [2, 6])
def test_dirichlet_has_no_gradient_left(n_classes, solver, monkeypatch):
    if solver == "first order":
        monkeypatch.setattr("mlcraft.uncertainty.calibration._dirichlet.WIDEST", 0)
    rng = np.random.default_rng(1)
    log_p = np.log(rng.dirichlet(np.ones(n_classes), 400))
    codes = rng.integers(0, n_classes, 400)
    weight = rng.random(400)
    found = DirichletMap.fit(log_p, np.eye(n_classes)[codes], weight, 0.7)
    gradient, constant = slow.dirichlet_gradient(found.matrix, found.intercept, log_p, codes, weight, 0.7)
    assert_allclose(np.column_stack([gradient, constant]), 0, atol=1e-5)


def test_dirichlet_shrinks_to_the_identity():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(3), 100)
    outputs, codes = Outputs(p, True), rng.integers(0, 3, 100)
    assert_allclose(
        Calibrator.fit("dirichlet", outputs, codes, 3, np.ones(100), 1e12).probabilities(outputs), p, atol=1e-8
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_are_numbers_of_rows(method, n_classes):
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(150, n_classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    codes, weight = (p.cumsum(axis=1) < rng.random((150, 1))).sum(axis=1), rng.integers(0, 4, 150)
    outputs, repeat = Outputs(p, True), np.repeat(np.arange(150), weight)
    weighted = Calibrator.fit(method, outputs, codes, n_classes, weight.astype(float), 1.0)
    repeated = Calibrator.fit(method, outputs.rows(repeat), codes[repeat], n_classes, np.ones(len(repeat)), 1.0)
    assert_allclose(weighted.probabilities(outputs), repeated.probabilities(outputs), atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_classes_told_apart_perfectly(method):
    """No map may be infinitely sure, and the parametric ones say why they are not."""
    score = np.concatenate([np.linspace(-2, -1, 20), np.linspace(1, 2, 20)])
    y = (score > 0).astype(int)
    model = CalibratedClassifier(FrozenEstimator(LogisticRegression().fit(score[:, np.newaxis], y)), method=method)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        p = model.fit(score[:, np.newaxis], y).predict_proba(score[:, np.newaxis])
    assert [w.category for w in caught] == ([SeparationWarning] if method in ("beta", "temperature") else [])
    assert np.isfinite(p).all()
    assert_allclose(p.sum(axis=1), 1)
    if method != "isotonic":
        assert 0 < p[:, 1].min() < 0.1 < 0.9 < p[:, 1].max() < 1


# ---------------------------------------------------------------- outputs


def test_probabilities_of_zero_are_half_the_smallest():
    outputs = Outputs(np.array([[0.0, 1.0], [0.98, 0.02], [0.5, 0.5]]), True)
    floor = smallest_probability(outputs)
    assert floor == 0.01
    assert_allclose(log_odds(outputs, floor)[0], np.log(1 / 0.01))


def test_log_odds_do_not_saturate():
    p = np.array([[1e-30, 1.0, 1e-20], [1e-30, 1e-20, 1.0], [0.2, 0.3, 0.5]])
    assert_allclose(log_odds(Outputs(p, True), 1e-300)[0], np.log([1e-30, 1 / 1e-20, 1e-20]))
    assert_allclose(log_odds(Outputs(p[:, :2] / p[:, :2].sum(axis=1, keepdims=True), True), 1e-300)[1], np.log(1e10))


def test_shapes_that_cannot_be_calibrated():
    X, y = rows(4)
    machine = SVC(decision_function_shape="ovo").fit(X, y)
    with pytest.raises(ValueError, match=r"shape \(n_samples, 4\); SVC returns \(300, 6\)"):
        outputs_of(machine, X, np.arange(4), prefer_probability=False)
    with pytest.raises(TypeError, match="has neither"):
        outputs_of(StandardScaler().fit(X), X, np.arange(4), prefer_probability=False)


# ---------------------------------------------------------------- the classifier


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize("weighted", [False, True])
def test_as_scikit_learn(method, ensemble, weighted):
    X, y = rows()
    weight = np.random.default_rng(0).uniform(0.2, 3, len(y)) if weighted else None
    inner = TheirLogisticRegression()
    ours = CalibratedClassifier(inner, method=method, ensemble=ensemble).fit(X, y, weight)
    theirs = CalibratedClassifierCV(inner, method=OURS[method], ensemble=ensemble, cv=5).fit(X, y, weight)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-3, atol=2e-5)
    assert_array_equal(ours.classes_, theirs.classes_)


def test_temperature_as_scikit_learn():
    X, y = rows(3)
    inner = LogisticRegression().fit(X[:150], y[:150])
    ours = calibrate(inner, X[150:], y[150:], method="temperature", cv="prefit")
    theirs = (
        pytest.importorskip("sklearn.calibration")._TemperatureScaling().fit(inner.decision_function(X[150:]), y[150:])
    )
    assert 1 / ours.calibrators_[0].maps[0].temperature == pytest.approx(theirs.beta_, rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "inner",
    [LogisticRegression(), LinearSVC(), GaussianNB(), RandomForestClassifier(10, random_state=0)],
    ids=lambda inner: type(inner).__name__,
)
@pytest.mark.parametrize("labels", [["no", "yes"], [3, 1, 2]], ids=["binary", "multiclass"])
@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.SeparationWarning")
def test_every_method_with_every_kind_of_classifier(method, inner, labels):
    X, y = rows(len(labels), classes=labels)
    model = calibrate(inner, X, y, method=method, cv=3)
    p = model.predict_proba(X)
    assert p.shape == (300, len(labels))
    assert_allclose(p.sum(axis=1), 1)
    assert p.min() >= 0
    assert set(model.predict(X)) <= set(labels)
    assert model.score(X, y) > 0.6
    assert model.n_features_in_ == 8
    assert model.n_calibration_ == 300
    if method == "venn-abers":
        bounds = model.predict_proba_interval(X)
        assert bounds.shape == (300, len(labels), 2)
        assert np.all(bounds[..., 0] <= bounds[..., 1])
        if len(labels) == 2:
            assert np.all((bounds[..., 0] - 1e-12 <= p) & (p <= bounds[..., 1] + 1e-12))
            assert_allclose(bounds[:, 0, 0], 1 - bounds[:, 1, 1])
    else:
        assert not hasattr(model, "predict_proba_interval")


@pytest.mark.parametrize("method", ["platt", "venn-abers", "dirichlet"])
def test_prefit_frozen_and_weights_zero(method):
    X, y = rows(3)
    inner = LogisticRegression().fit(X[:100], y[:100])
    one = calibrate(inner, X[100:], y[100:], method=method, cv="prefit")
    frozen = CalibratedClassifier(FrozenEstimator(inner), method=method).fit(X[100:], y[100:])
    zero = calibrate(inner, X, y, method=method, cv="prefit", sample_weight=(np.arange(300) >= 100).astype(float))
    assert one.estimator_ is inner
    for other in (frozen, zero):
        assert_allclose(other.predict_proba(X), one.predict_proba(X), atol=1e-12)
    assert zero.n_calibration_ == 200


def test_zero_weights_are_missing_rows():
    X, y = rows()
    weight = np.ones(300)
    weight[::7] = 0
    some = calibrate(LogisticRegression(), X, y, sample_weight=weight, groups=np.arange(300) // 10, cv=GroupKFold(4))
    kept = weight > 0
    groups = (np.arange(300) // 10)[kept]
    none = calibrate(LogisticRegression(), X[kept], y[kept], groups=groups, cv=GroupKFold(4))
    assert_allclose(some.predict_proba(X), none.predict_proba(X), atol=1e-9)


def test_splitters_that_hold_rows_out_never_or_often():
    X, y = rows()
    late = calibrate(LogisticRegression(), X, y, cv=TimeSeriesSplit(4))
    assert late.n_calibration_ == 240
    often = calibrate(LogisticRegression(), X, y, cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0))
    assert often.n_calibration_ == 300
    assert abs(often.predict_proba(X) - calibrate(LogisticRegression(), X, y).predict_proba(X)).max() < 0.05


def test_rows_held_out_several_times_share_their_weight():
    parts = [HeldOut(None, np.array(rows), Outputs(np.zeros((len(rows), 1)), False)) for rows in ([2, 0], [2, 3], [2])]
    rows_, outputs, weight = joined(parts, np.array([1.0, 5.0, 6.0, 2.0]))
    assert_array_equal(rows_, [0, 2, 2, 2, 3])
    assert_allclose(weight, [1, 2, 2, 2, 2])
    assert len(outputs.values) == 5


def test_combined_venn_abers_lies_between_its_bounds():
    X, y = rows()
    model = calibrate(GaussianNB(), X, y, method="venn-abers", ensemble=True)
    p, bounds = model.predict_proba(X), model.predict_proba_interval(X)
    assert len(model.estimators_) == 5
    assert not hasattr(model, "estimator_")
    assert np.all((bounds[..., 0] - 0.02 <= p) & (p <= bounds[..., 1] + 0.02))


@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.ExchangeabilityWarning")
def test_what_goes_in_goes_to_the_classifier():
    """Frames with texts, sparse rows and fit parameters are not touched on the way."""
    frame = pd.DataFrame({"colour": list("rgb") * 40, "size": list("sl") * 60})
    y = np.array(["a", "b"])[(np.arange(120) % 3 == np.arange(120) // 3 % 2).astype(int)]
    model = calibrate(make_pipeline(OneHotEncoder(), LogisticRegression()), frame, y, sample_weight=np.ones(120))
    assert list(model.feature_names_in_) == ["colour", "size"]
    X, y = rows()
    dense = calibrate(LogisticRegression(), X, y).predict_proba(X)
    assert_allclose(calibrate(LogisticRegression(), sparse.csr_array(X), y).predict_proba(X), dense, atol=1e-7)
    fit_params = {"logisticregression__sample_weight": np.ones(300)}
    assert (
        calibrate(make_pipeline(StandardScaler(), LogisticRegression()), X, y, fit_params=fit_params).score(X, y) > 0.7
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("pipeline", [False, True])
def test_folds_of_our_logistic_regression_follow_from_one_fit(n_classes, pipeline, monkeypatch):
    X, y = rows(n_classes)
    inner = make_pipeline(StandardScaler(), LogisticRegression()) if pipeline else LogisticRegression()
    weight = np.random.default_rng(0).uniform(0.5, 2, 300)
    for method in ("platt", "dirichlet", "venn-abers"):
        quick = calibrate(inner, X, y, method=method, sample_weight=weight)
        with monkeypatch.context() as patch:
            patch.setattr("mlcraft.uncertainty.calibration._classifier.from_the_fit", lambda *_: None)
            refitted = calibrate(inner, X, y, method=method, sample_weight=weight)
        tolerance = 1e-6 if not pipeline else 0.02 if method != "venn-abers" else 0.1  # scaled once, or for each fold
        assert_allclose(quick.predict_proba(X), refitted.predict_proba(X), atol=tolerance)


def test_leaving_out_each_row_alone():
    X, y = rows(n=40)
    quick = calibrate(LogisticRegression(), X, y, cv="loo")
    refitted = calibrate(LogisticRegression(), X, y, cv=LeaveOneOut())
    assert_allclose(quick.predict_proba(X), refitted.predict_proba(X), atol=0.01)
    any_one = calibrate(GaussianNB(), X, y, cv="loo")
    assert_allclose(any_one.predict_proba(X), calibrate(GaussianNB(), X, y, cv=LeaveOneOut()).predict_proba(X))
    with pytest.raises(ValueError, match="one fit for each row"):
        calibrate(GaussianNB(), X, y, cv="loo", ensemble=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.SeparationWarning")
def test_same_bits_for_any_number_of_threads(method):
    X, y = rows(3, n=20_000)
    outputs = Outputs(GaussianNB().fit(X, y).predict_proba(X), True)
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            maps = Calibrator.fit(method, outputs, y, 3, np.ones(len(y)), 1.0)
            found.append(maps.probabilities(outputs))
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


def test_processes_give_the_same():
    X, y = rows()
    one, two = (calibrate(LogisticRegression(), X, y, n_jobs=n).predict_proba(X) for n in (1, 2))
    assert_array_equal(one, two)


BAD = {
    "one class": (lambda X, y: calibrate(GaussianNB(), X, np.zeros(300)), "only one class"),
    "few rows": (lambda X, y: calibrate(GaussianNB(), X, np.arange(300) < 3), "has 3 rows, fewer than the 5 folds"),
    "continuous": (lambda X, y: calibrate(GaussianNB(), X, X[:, 0]), "Unknown label type"),
    "negative weights": (lambda X, y: calibrate(GaussianNB(), X, y, sample_weight=-np.ones(300)), "sample_weight"),
    "no weights": (lambda X, y: calibrate(GaussianNB(), X, y, sample_weight=np.zeros(300)), "at least one non-zero"),
    "method": (lambda X, y: calibrate(GaussianNB(), X, y, method="spline"), "'method' parameter"),
    "unseen": (lambda X, y: calibrate(GaussianNB().fit(X, y), X, y + 1, cv="prefit"), "was not fitted on: 2"),
    "one class in a fold": (
        lambda X, y: calibrate(GaussianNB(), X[np.argsort(y)], np.sort(y), cv=TimeSeriesSplit(4)),
        "fold 0 are all of class 0",
    ),
    "lengths": (lambda X, y: calibrate(GaussianNB(), X, y[1:]), "inconsistent numbers of samples"),
    "not fitted": (lambda X, y: calibrate(GaussianNB(), X, y, cv="prefit"), "not fitted yet"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_say_what_is_wrong(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call(*rows())


def test_nan_of_the_classifier_is_named():
    class Broken(GaussianNB):
        def predict_proba(self, X):
            p = super().predict_proba(X)
            p[3] = np.nan
            return p

    with pytest.raises(ValueError, match="Broken predicts NaN for 1 rows, the first of them row 3"):
        calibrate(Broken().fit(*rows()), *rows(), cv="prefit")


def test_rows_in_time_and_copies_are_doubtful():
    X, y = rows()
    days = pd.DataFrame(X, index=pd.date_range("2024-01-01", periods=300))
    with pytest.warns(ExchangeabilityWarning, match="in the order of time"):
        calibrate(GaussianNB(), days, y)
    calibrate(GaussianNB(), days, y, cv=TimeSeriesSplit(3))
    twice = np.tile(np.arange(150), 2)
    with pytest.warns(ExchangeabilityWarning, match="of 300 rows have a twin"):
        calibrate(GaussianNB(), X[twice], y[twice])


@pytest.mark.parametrize("ties", [False, True])
def test_one_of_the_two_probabilities_is_calibrated(ties):
    """Whatever the score: the one that belongs to the label of the new row, from 15 calibration rows here."""
    rng = np.random.default_rng(0)
    chosen, happened, apart = [], [], []
    for _ in range(4000):
        score = rng.normal(size=16) if not ties else rng.integers(0, 3, 16).astype(float)
        hit = (rng.random(16) < np.abs(np.sin(score))).astype(float)  # not monotone: isotonic regression is wrong here
        p0, p1 = VennAbersMap.fit(score[1:], hit[1:], np.ones(15)).bounds(score[:1])
        chosen.append(float(p1[0] if hit[0] else p0[0]))
        happened.append(hit[0])
        apart.append(float(p1[0] - p0[0]))
    chosen, off = np.array(chosen), np.array(happened) - np.array(chosen)
    assert np.mean(apart) > 0.1
    for low, high in ((0, 1), (0, 0.4), (0.4, 0.7), (0.7, 1)):
        inside = (chosen >= low) & (chosen <= high)
        assert abs(off[inside].mean()) < 3.5 * off[inside].std() / np.sqrt(inside.sum())


def test_doubts_are_warnings():
    X, y = rows(3)
    model = GaussianNB().fit(X, y)
    with pytest.warns(UserWarning, match="No calibration row is of class 2"):
        assert calibrate(model, X[y < 2], y[y < 2], cv="prefit").score(X, y) > 0.4
    X, y = rows()
    swapped = GaussianNB().fit(X, 1 - y)
    with pytest.warns(UserWarning, match="turns the order of the rows around"):
        calibrate(swapped, X, y, cv="prefit")
    with pytest.warns(UserWarning, match="infinite temperature"):
        found = calibrate(swapped, X, y, method="temperature", cv="prefit")
    assert_allclose(found.predict_proba(X), 0.5)

    class Unweighted(GaussianNB):
        def fit(self, X, y):
            return super().fit(X, y)

    with pytest.warns(UserWarning, match="takes no sample_weight"):
        calibrate(Unweighted(), X, y, sample_weight=np.ones(300))


def test_constant_scores_give_the_base_rate():
    y = np.repeat([0, 1], [30, 10])
    X = np.ones((40, 1))
    for method in METHODS:
        p = calibrate(
            LogisticRegression().fit(X + np.arange(40)[:, np.newaxis] % 2, y), X, y, method=method, cv="prefit"
        )
        if method != "temperature":
            assert_allclose(p.predict_proba(X[:1])[0, 1], 0.25, atol=0.03)


NOT_WITH_FOLDS = dict.fromkeys(
    ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"),
    "folds of repeated rows are not those of weighted rows",
)


@parametrize_with_checks(
    [
        CalibratedClassifier(LogisticRegression(), cv=3),
        CalibratedClassifier(LogisticRegression(), method="isotonic", cv=3, ensemble=True),
        CalibratedClassifier(LogisticRegression(), method="venn-abers", cv=3),
        CalibratedClassifier(LogisticRegression(), method="dirichlet", cv=3),
    ],
    expected_failed_checks=lambda estimator: NOT_WITH_FOLDS,
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- real data


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
@pytest.mark.filterwarnings("ignore::mlcraft.exceptions.SeparationWarning")
def test_overconfident_classifiers_get_better(load, method):
    X, y = load(return_X_y=True)
    train, test = np.arange(len(y)) % 3 > 0, np.arange(len(y)) % 3 == 0
    raw = GaussianNB().fit(X[train], y[train])
    model = calibrate(GaussianNB(), X[train], y[train], method=method)
    assert log_loss(y[test], model.predict_proba(X[test])) < 0.7 * log_loss(y[test], raw.predict_proba(X[test]))
    if method == "temperature":
        assert np.mean(model.predict(X[test]) == raw.predict(X[test])) > 0.995


def test_clones_and_texts():
    model = CalibratedClassifier(GaussianNB(), method="beta", cv=3, penalty=2.0)
    assert clone(model).get_params()["penalty"] == 2.0
    assert "method='beta'" in repr(model)
    assert isinstance(PlattMap.fit(*scored()).slope, float)
