"""Sets of labels: scores and sets equal their definitions, sets cover, and bad input is told."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings
from fractions import Fraction

import numpy as np
import pytest
from reference import label_sets
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier as OtherRidgeClassifier
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneOut
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlcraft.exceptions import ExchangeabilityWarning
from mlcraft.linear_model import LogisticRegression
from mlcraft.uncertainty import ConformalClassifier
from mlcraft.uncertainty.conformal._sets_scores import LabelScore

KINDS = ("lac", "aps", "raps", "top-k")


class Given(ClassifierMixin, BaseEstimator):
    """Says the probabilities that it gets as X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)

    def predict(self, X):
        return self.classes_[np.asarray(X).argmax(axis=1)]


def given(n_classes):
    return Given().fit(None, np.arange(n_classes))


def drawn(n, n_classes=4, seed=0, ties=False, sharp=1.0):
    """Probabilities and labels that follow them."""
    random = np.random.default_rng(seed)
    P = random.dirichlet(np.full(n_classes, sharp), size=n)
    if ties:
        P = np.round(P * 8) / 8
        P[:, 0] += 1 - P.sum(axis=1)
        P = np.abs(P)
        P /= P.sum(axis=1, keepdims=True)
    edges = np.cumsum(P, axis=1)
    codes = np.minimum((random.random(n)[:, np.newaxis] > edges).sum(axis=1), n_classes - 1)
    return P, codes


def covered(sets, codes):
    return sets[np.arange(len(codes)), codes]


# ---------------------------------------------------------------- by definition


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("randomised", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_by_definition(kind, randomised, ties):
    P, codes = drawn(40, 5, ties=ties)
    u = np.random.default_rng(1).random(40)
    score = LabelScore(kind, randomised, 0.05, 1)
    used = u if score.draws else np.ones(40)
    expected = [
        [label_sets.label_score(kind, p, label, v, 0.05, 1) for label in range(5)] for p, v in zip(P, used, strict=True)
    ]
    found = score(P, u)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert np.array_equal(score.of_labels(P, codes, u), covered(found, codes))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("kind", ["lac", "aps", "top-k"])
def test_split_by_definition(kind, by_class, groups, ties):
    P, codes = drawn(60, 3, seed=2, ties=ties)
    Q, _ = drawn(15, 3, seed=3, ties=ties)
    group, new_group = np.arange(60) % 2, np.arange(15) % 2
    model = ConformalClassifier(
        given(3), score=kind, by_class=by_class, randomised=False, prefit=True, too_few="infinite"
    ).fit(P, codes, groups=group if groups else None)
    asked = {"groups": new_group} if groups else {}

    def cell(row, label=None):
        side = (group if label is None else new_group)[row] if groups else 0
        column = codes[row] if label is None else label
        return side, column if by_class else 0

    expected = label_sets.split_p_values(kind, P, codes, Q, cell, np.ones(60), np.ones(15))
    np.testing.assert_allclose(model.predict_p_values(Q, **asked), expected, rtol=1e-14)
    levels = [Fraction(1, 2), Fraction(4, 5), Fraction(9, 10)]
    sets = model.predict_set(Q, [float(level) for level in levels], **asked)
    exact = np.vectorize(lambda p: Fraction(p).limit_denominator(100))(expected)
    for at, level in enumerate(levels):
        assert np.array_equal(sets[:, :, at], exact > 1 - level)
    assert np.array_equal(model.predict_set(Q, 0.8, **asked), sets[:, :, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_sets_are_nested_and_agree_with_p_values(kind):
    P, codes = drawn(400, 6, seed=4)
    Q, _ = drawn(100, 6, seed=5)
    model = ConformalClassifier(given(6), score=kind, prefit=True, random_state=0).fit(P, codes)
    levels = [0.5, 0.7, 0.8, 0.9, 0.95]
    sets, p = model.predict_set(Q, levels), model.predict_p_values(Q)
    assert np.all(sets[:, :, :-1] <= sets[:, :, 1:])
    assert np.array_equal(sets, p[:, :, np.newaxis] > 1 - np.array(levels) + 1e-12)
    assert np.array_equal(sets, model.predict_set(Q, levels))


def by_refits(estimator, X, y, Q, folds):
    """Probabilities of new rows by each fit without a fold, and of the rows by the fit without theirs."""
    classes = np.unique(y)
    held_out, by_model, member = np.zeros((len(y), len(classes))), [], np.empty(len(y), dtype=int)
    for k, (train, test) in enumerate(folds):
        fit = clone(estimator).fit(X[train], y[train])
        columns = np.searchsorted(classes, fit.classes_)
        held_out[np.ix_(test, columns)] = fit.predict_proba(X[test])
        new = np.zeros((len(Q), len(classes)))
        new[:, columns] = fit.predict_proba(Q)
        by_model.append(new)
        member[test] = k
    return held_out, np.stack(by_model, axis=1), member


CROSS = {"cv+": KFold(4, shuffle=True, random_state=0), "jackknife+": LeaveOneOut()}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("mondrian", [False, True])
@pytest.mark.parametrize("kind", ["lac", "aps", "top-k"])
@pytest.mark.parametrize("method", CROSS)
def test_held_out_by_definition(method, kind, mondrian, n_classes):
    X, y = make_classification(60, 4, n_informative=3, n_redundant=0, n_classes=n_classes, flip_y=0.3, random_state=1)
    X, Q, y = X[:45], X[45:], y[:45]
    group, new_group = X[:, 0] > 0, Q[:, 0] > 0
    model = ConformalClassifier(
        GaussianNB(),
        method=method,
        cv=CROSS[method] if method == "cv+" else None,
        score=kind,
        randomised=False,
        by_class=mondrian,
        too_few="infinite",
    ).fit(X, y, groups=(lambda rows: rows[:, 0] > 0) if mondrian else None)
    held_out, by_model, member = by_refits(GaussianNB(), X, y, Q, CROSS[method].split(X))

    def compared(i, j, label):
        return not mondrian or (y[i] == label and group[i] == new_group[j])

    ones = np.ones(45)
    expected = label_sets.held_out_p_values(kind, held_out, y, by_model, member, ones, ones, compared)
    p = model.predict_p_values(Q)
    np.testing.assert_allclose(p, expected, rtol=1e-14)
    levels = [0.5, 0.77, 0.9]
    sets = model.predict_set(Q, levels)
    assert np.array_equal(sets, p[:, :, np.newaxis] > 1 - np.array(levels) + 1e-12)
    assert model.n_calibration_ == 45


def test_fold_without_a_class():
    X, y = make_classification(100, 4, random_state=0)
    y[:3] = 2
    parts = [np.arange(3), np.arange(3, 50), np.arange(50, 100)]
    folds = [(np.setdiff1d(np.arange(100), part), part) for part in parts]
    model = ConformalClassifier(GaussianNB(), method="cv+", cv=folds, checks=False).fit(X, y)
    held_out, by_model, member = by_refits(GaussianNB(), X, y, X, folds)
    ones = np.ones(100)
    expected = label_sets.held_out_p_values("lac", held_out, y, by_model, member, ones, ones, lambda i, j, label: True)
    np.testing.assert_allclose(model.predict_p_values(X), expected, rtol=1e-14)
    assert np.array_equal(np.sort(model.scores_)[-3:], [1.0, 1.0, 1.0])


@pytest.mark.parametrize("method", ["split", "cv+", "jackknife+-after-bootstrap"])
def test_decision_functions_do(method):
    """Where there are no probabilities, logistic or softmax of the decisions."""
    for n_classes in (2, 3):
        X, y = make_classification(300, 6, n_informative=4, n_classes=n_classes, random_state=0)
        estimator = OtherRidgeClassifier()
        model = ConformalClassifier(estimator, method=method, random_state=0, score="aps").fit(X[:200], y[:200])
        hits = covered(model.predict_set(X[200:], 0.8), y[200:])
        assert hits.mean() > 0.7


# ---------------------------------------------------------------- weights and clusters


@pytest.mark.parametrize("method", ["split", "cv+", "jackknife+"])
def test_weights_of_a_shift_count_as_rows(method):
    """A row of weight 2 counts twice, one of weight 0 not at all; the new row has its own."""
    X, y = make_classification(80, 4, n_informative=3, n_redundant=0, n_classes=3, flip_y=0.3, random_state=2)
    X, Q, y = X[:60], X[60:], y[:60]

    def ratio(rows):
        return np.round(np.abs(rows[:, 0]))

    fixed = FrozenEstimator(GaussianNB().fit(X, y)) if method == "split" else GaussianNB()
    make = {"method": method, "too_few": "infinite", "random_state": 0, "cv": 4 if method == "cv+" else None}
    model = ConformalClassifier(fixed, shift=ratio, **make).fit(X, y)
    plain = ConformalClassifier(fixed, **make).fit(X, y)
    assert np.array_equal(model.scores_, plain.scores_)
    if method == "split":
        P, own = fixed.predict_proba(Q), plain.scores_
        stranger = own[np.newaxis, :, np.newaxis] >= (1 - P)[:, np.newaxis] - 1e-12
    else:
        by_model = np.vstack([values for _, values in plain.left_out_.blocks(Q)])
        member = plain.left_out_.member
        stranger = plain.scores_[np.newaxis, :, np.newaxis] >= 1 - by_model[:, member] - 1e-12
    weight, new = ratio(X), ratio(Q)[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        expected = (new + np.einsum("n,mnc->mc", weight, stranger)) / (new + weight.sum())
    np.testing.assert_allclose(model.predict_p_values(Q), expected, rtol=1e-12)
    assert np.array_equal(model.predict_set(Q, 0.8), model.predict_p_values(Q) > 0.2 + 1e-12)


def test_shift_is_made_good():
    """Rows far out are rare in the fit and frequent later: plain sets miss, weighted ones do not."""
    random = np.random.default_rng(0)

    def rows(n, centre):
        X = random.normal(centre, 1, (n, 1))
        return X, (random.random(n) < 0.5 + 0.45 * np.tanh(2 * X[:, 0])).astype(int)

    class Wrong(Given):
        def predict_proba(self, X):
            p = np.where(X[:, 0] < 0, 0.03, 0.9)
            return np.column_stack([1 - p, p])

    X, y = rows(4000, 1.0)
    X_new, y_new = rows(4000, -0.3)
    found = {}
    for name, shift in {
        "none": None,
        "known": lambda X: np.exp(-1.3 * X[:, 0]),
        "learnt": LogisticRegression(),
    }.items():
        make = {"score": "aps", "shift": shift, "random_state": 0, "too_few": "infinite"}
        model = ConformalClassifier(Wrong().fit(X, y), prefit=True, **make)
        if name == "learnt":
            with pytest.raises(ValueError, match="fitted estimator"):
                model.fit(X, y, X_target=X_new)
            model = ConformalClassifier(Wrong(), **make)
        model.fit(X, y, X_target=X_new)
        found[name] = covered(model.predict_set(X_new, 0.9), y_new).mean()
    assert found["none"] < 0.87
    assert abs(found["known"] - 0.9) < 0.03
    assert abs(found["learnt"] - 0.9) < 0.03


def test_rows_that_weigh_too_much_are_told():
    P, codes = drawn(100, 3)
    make = {"prefit": True, "shift": lambda rows: np.where(np.asarray(rows)[:, 0] > 0.9, 50.0, 1.0)}
    Q = np.array([[0.95, 0.03, 0.02], [0.3, 0.3, 0.4]])
    with pytest.raises(ValueError, match="1 of 2 new rows weigh so much"):
        ConformalClassifier(given(3), **make).fit(P, codes).predict_set(Q)
    sets = ConformalClassifier(given(3), too_few="infinite", **make).fit(P, codes).predict_set(Q)
    assert sets[0].all()


@pytest.mark.parametrize("method", ["split", "cv+", "jackknife+"])
def test_clusters_stay_together(method):
    random = np.random.default_rng(3)
    cluster = np.repeat(np.arange(40), 3)
    X = random.normal(size=(120, 3))
    y = np.arange(120) % 2
    seen = []

    class Watched(GaussianNB):
        def fit(self, X, y):
            seen.append(set(np.asarray(X)[:, 0].tolist()))
            return super().fit(X, y)

    model = ConformalClassifier(Watched(), method=method, random_state=0, checks=False).fit(X, y, clusters=cluster)
    of_row = dict(zip(X[:, 0].tolist(), cluster.tolist(), strict=True))
    for rows in seen:
        inside = {of_row[value] for value in rows}
        outside = {of_row[value] for value in set(X[:, 0].tolist()) - rows}
        assert not inside & outside
    assert model.n_calibration_ == (120 if method != "split" else 30)


def test_rows_of_weight_zero_are_missing_rows():
    X, y = make_classification(300, 5, random_state=0)
    weight = (np.arange(300) % 3 > 0).astype(float)
    some = weight > 0
    model = ConformalClassifier(LogisticRegression(), method="cv+", random_state=0)
    found = clone(model).fit(X, y, weight).predict_p_values(X)
    assert np.array_equal(found, clone(model).fit(X[some], y[some], weight[some]).predict_p_values(X))


# ---------------------------------------------------------------- coverage

EXACT = {"lac": {}, "aps": {}, "raps": {"penalty": 0.05, "k_reg": 2}}


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", EXACT)
def test_coverage_is_that_of_the_rank(kind, level):
    """Scores without ties: covered with probability ceil(level (n + 1)) / (n + 1), not more and not less."""
    n, m, hits, rows = 119, 40, 0, 0
    for seed in range(150):
        P, codes = drawn(n + m, 5, seed=seed)
        model = ConformalClassifier(given(5), score=kind, prefit=True, random_state=seed, **EXACT[kind])
        hits += covered(model.fit(P[:n], codes[:n]).predict_set(P[n:], level), codes[n:]).sum()
        rows += m
    exact = np.ceil(level * (n + 1) - 1e-9) / (n + 1)
    spread = np.sqrt(exact * (1 - exact) * (1 / rows + 1 / (150 * (n + 2))))  # chance of rows, and of calibration
    assert abs(hits / rows - exact) < 4 * spread


def test_each_class_and_group_is_covered():
    P, codes = drawn(8000, 3, seed=6)
    P = P**2 / (P**2).sum(axis=1, keepdims=True)  # too sure of itself, and the more so in group 1
    group = (P.max(axis=1) > 0.8).astype(int)
    names = np.array(["unsure", "sure"])[group]
    fit, new = slice(0, 4000), slice(4000, None)
    plain = ConformalClassifier(given(3), prefit=True).fit(P[fit], codes[fit])
    model = ConformalClassifier(given(3), prefit=True, by_class=True).fit(P[fit], codes[fit], groups=names[fit])
    hits = covered(model.predict_set(P[new], 0.9, groups=names[new]), codes[new])
    for g in range(2):
        for c in range(3):
            some = (group[new] == g) & (codes[new] == c)
            n = np.count_nonzero((group[fit] == g) & (codes[fit] == c))
            assert abs(hits[some].mean() - 0.9) < 4 * np.sqrt(0.09 * (1 / some.sum() + 1 / n))
    without = covered(plain.predict_set(P[new], 0.9), codes[new])
    assert without[group[new] == 0].mean() - without[group[new] == 1].mean() > 0.05  # what groups are for


def repeated(make, X, y, level, n_repeats, n_train, seed=0, n_test=1000):
    """Coverage over repeated splits, and its standard error."""
    random = np.random.default_rng(seed)
    found = []
    for repeat in range(n_repeats):
        order = random.permutation(len(y))
        train, test = order[:n_train], order[n_train : n_train + n_test]
        model = make(repeat).fit(X[train], y[train])
        codes = np.searchsorted(model.classes_, y[test])
        found.append(covered(model.predict_set(X[test], level), codes).mean())
    return np.mean(found), np.std(found, ddof=1) / np.sqrt(n_repeats)


@pytest.mark.parametrize("kind", KINDS)
def test_digits_are_covered(kind):
    X, y = load_digits(return_X_y=True)

    def make(seed):
        return ConformalClassifier(LogisticRegression(C=1e-4), score=kind, calibration_size=0.5, random_state=seed)

    coverage, error = repeated(make, X, y, 0.9, 8, 800)
    assert coverage > 0.9 - 4 * error - 0.002
    if kind != "top-k":
        assert coverage < 0.9 + 4 * error + 0.005


@pytest.fixture(scope="module")
def table(shared):
    """Columns without gaps, texts as codes of categories, scaled; and labels."""

    def load(name, target, n_rows):
        pd = pytest.importorskip("pandas")
        frame = pd.read_parquet(shared(f"data/{name}.parquet")).sample(n_rows, random_state=0)
        columns = pd.get_dummies(frame.drop(columns=target), dtype=float).fillna(0.0)
        X = columns.to_numpy(dtype=float)
        spread = X.std(axis=0)
        return ((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0], frame[target].to_numpy()

    return load


REAL = {
    "adult": ("income", 12_000),
    "covtype_20k": ("Cover_Type", 12_000),
    "letter": ("class", 12_000),
    "spambase": ("class", 4_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_data_are_covered(table, name):
    """One fit a split serves all scores; the band is that of calibration and new rows of all splits."""
    X, y = table(name, *REAL[name])
    found = {kind: [] for kind in KINDS}
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(y))
        train, held, new = order[:1000], order[1000:1600], order[1600:4000]
        estimator = LogisticRegression(tol=1e-3).fit(X[train], y[train])
        for kind, values in found.items():
            model = ConformalClassifier(estimator, score=kind, prefit=True, random_state=seed, checks=False)
            sets = model.fit(X[held], y[held]).predict_set(X[new], 0.9)
            values.append(covered(sets, np.searchsorted(model.classes_, y[new])).mean())
    band = 4 * np.sqrt(0.09 / 6 * (1 / 600 + 1 / 2400))
    for kind, values in found.items():
        assert np.mean(values) > 0.9 - band, kind
        if kind != "top-k":  # whole ranks cover more
            assert np.mean(values) < 0.9 + band, kind


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lac", "aps"])
@pytest.mark.parametrize("name", ["adult", "spambase", "letter"])
def test_folds_cover_real_data(table, name, kind):
    X, y = table(name, *REAL[name])

    def make(seed):
        estimator = LogisticRegression(tol=1e-3)
        return ConformalClassifier(estimator, score=kind, method="cv+", cv=3, random_state=seed, checks=False)

    coverage, error = repeated(make, X, y, 0.9, 3, 600, n_test=2000)
    assert coverage > 0.9 - 4 * max(error, np.sqrt(0.09 / 3 * (1 / 600 + 1 / 2000)))


@pytest.mark.slow
def test_each_class_of_letters_is_covered(table):
    X, y = table("letter", "class", 20_000)
    model = ConformalClassifier(
        LogisticRegression(tol=1e-3), by_class=True, calibration_size=0.7, random_state=0, checks=False
    )
    model.fit(X[:10_000], y[:10_000])
    sets = model.predict_set(X[10_000:], 0.8)
    hits = covered(sets, np.searchsorted(model.classes_, y[10_000:]))
    for label in model.classes_:
        some = y[10_000:] == label
        n = np.count_nonzero(y[model.calibration_rows_] == label)
        assert abs(hits[some].mean() - 0.8) < 4.5 * np.sqrt(0.16 * (1 / some.sum() + 1 / n))


@pytest.mark.parametrize("kind", ["lac", "aps"])
def test_newton_steps_do_for_refits(kind):
    """The p-values by one step for each row are those of refits, but for ranks that are nearly tied."""
    X, y = make_classification(240, 5, n_informative=4, n_redundant=0, flip_y=0.2, random_state=0)
    make = ConformalClassifier(LogisticRegression(), method="jackknife+", score=kind, random_state=0)
    fast = clone(make).fit(X[:160], y[:160])
    slow = clone(make).set_params(closed_form=False).fit(X[:160], y[:160])
    assert fast.left_out_.form == "logistic"
    assert slow.left_out_.form == "refits"
    assert np.abs(fast.scores_ - slow.scores_).max() < 0.005
    difference = np.abs(fast.predict_p_values(X[160:]) - slow.predict_p_values(X[160:]))
    assert difference.max() < 0.03
    assert difference.mean() < 1e-3


def test_memory_is_that_of_a_block():
    X, y = make_classification(9_000, 5, random_state=0)
    model = ConformalClassifier(LogisticRegression(), method="jackknife+", checks=False).fit(X[:1000], y[:1000])
    tracemalloc.start()
    model.predict_set(X[1000:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * (8 * 8_000 * 1_000 * 2)  # of all predictions at once, of which there would be several copies


MAPIE = {"lac": "lac", "top-k": "top_k"}


@pytest.mark.parametrize("kind", MAPIE)
def test_sets_of_mapie(kind):
    """Where nothing is drawn and nothing tied, the sets are those of MAPIE."""
    mapie = pytest.importorskip("mapie.classification")
    P, codes = drawn(600, 5, seed=20)
    Q, _ = drawn(300, 5, seed=21)
    levels = [0.6, 0.75, 0.9]
    theirs = mapie.SplitConformalClassifier(given(5), confidence_level=levels, conformity_score=MAPIE[kind])
    ours = ConformalClassifier(given(5), score=kind, prefit=True).fit(P, codes)
    found = theirs.conformalize(P, codes).predict_set(Q)[1]
    assert np.array_equal(ours.predict_set(Q, levels), found)


# ---------------------------------------------------------------- scores and their settings


def test_randomised_sets_are_exact_where_plain_ones_cover_more():
    P, codes = drawn(6000, 4, seed=7, sharp=0.2)
    found = {}
    for randomised in (False, True):
        model = ConformalClassifier(given(4), score="aps", randomised=randomised, prefit=True, random_state=0)
        sets = model.fit(P[:3000], codes[:3000]).predict_set(P[3000:], 0.6)
        found[randomised] = covered(sets, codes[3000:]).mean(), sets.sum(axis=1).mean()
    assert abs(found[True][0] - 0.6) < 0.04
    assert found[True][1] < found[False][1]


def test_raps_chooses_what_makes_sets_small():
    random = np.random.default_rng(8)
    top = random.uniform(0.3, 0.95, (3000, 1))  # far too modest: the first label is right 19 times of 20
    P = np.hstack([top, (1 - top) * random.dirichlet(np.ones(29), size=3000)])
    codes = np.where(random.random(3000) < 0.95, 0, random.integers(0, 30, 3000))
    sizes = {}
    for kind in ("aps", "raps"):
        model = ConformalClassifier(given(30), score=kind, prefit=True, random_state=0).fit(P[:2000], codes[:2000])
        sizes[kind] = model.predict_set(P[2000:], 0.9).sum(axis=1).mean()
    assert sizes["raps"] < 0.7 * sizes["aps"]
    assert model.penalty_ > 0
    assert model.n_calibration_ == 1600
    fixed = ConformalClassifier(given(30), score="raps", penalty=0.1, k_reg=3, prefit=True).fit(P[:2000], codes[:2000])
    assert (fixed.penalty_, fixed.k_reg_, fixed.n_calibration_) == (0.1, 3, 2000)


def test_own_score():
    P, codes = drawn(300, 4, seed=9)
    own = ConformalClassifier(given(4), score=lambda p: -p, prefit=True).fit(P, codes)
    lac = ConformalClassifier(given(4), prefit=True).fit(P, codes)
    assert np.array_equal(own.predict_set(P, 0.8), lac.predict_set(P, 0.8))
    with pytest.raises(ValueError, match=r"score must return one number .* shape \(300, 4\)"):
        ConformalClassifier(given(4), score=lambda p: p[:, 0], prefit=True).fit(P, codes)
    with pytest.raises(ValueError, match="score returned NaN"):
        ConformalClassifier(given(4), score=lambda p: p * np.nan, prefit=True).fit(P, codes)


def test_empty_sets():
    P, codes = drawn(500, 4, seed=10, sharp=0.3)
    keep = ConformalClassifier(given(4), prefit=True).fit(P, codes)
    fill = ConformalClassifier(given(4), prefit=True, empty="top").fit(P, codes)
    sets, filled = keep.predict_set(P, [0.3, 0.9]), fill.predict_set(P, [0.3, 0.9])
    nothing = ~sets[:, :, 0].any(axis=1)
    assert nothing.any()
    assert filled.any(axis=1).all()
    assert np.array_equal(sets[~nothing], filled[~nothing])
    assert np.array_equal(filled[nothing, :, 0].argmax(axis=1), P[nothing].argmax(axis=1))


def test_update_is_as_calibrating_on_all_rows():
    P, codes = drawn(600, 3, seed=11)
    Q, _ = drawn(50, 3, seed=12)
    group = np.arange(600) % 2
    asked = {"groups": np.arange(50) % 2}
    whole = ConformalClassifier(given(3), prefit=True, by_class=True).fit(P, codes, groups=group)
    parts = ConformalClassifier(given(3), prefit=True, by_class=True).fit(P[:400], codes[:400], groups=group[:400])
    parts.update(P[400:], codes[400:], groups=group[400:])
    assert parts.n_calibration_ == 600
    assert np.array_equal(whole.predict_p_values(Q, **asked), parts.predict_p_values(Q, **asked))
    with pytest.raises(ValueError, match="labels that were not there in fit"):
        parts.update(P[:1], [7], groups=[0])
    with pytest.raises(ValueError, match="groups has labels that were not there"):
        parts.update(P[:1], [1], groups=[5])


# ---------------------------------------------------------------- any classifier

CLASSIFIERS = {
    "logistic": LogisticRegression(),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "neighbours": KNeighborsClassifier(7),
    "forest": RandomForestClassifier(20, random_state=0),
    "ridge": OtherRidgeClassifier(),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("kind", KINDS)
def test_any_classifier_covers(name, n_classes, kind):
    X, y = make_classification(1500, 8, n_informative=5, n_classes=n_classes, flip_y=0.2, random_state=0)
    labels = np.array(["no", "yes", "perhaps"])[y]
    model = ConformalClassifier(CLASSIFIERS[name], score=kind, random_state=0).fit(X[:800], labels[:800])
    assert list(model.classes_) == sorted(set(labels))
    sets = model.predict_set(X[800:], 0.9)
    assert sets.dtype == bool
    assert sets.shape == (700, n_classes)
    hits = covered(sets, np.searchsorted(model.classes_, labels[800:]))
    assert hits.mean() > 0.9 - 4 * np.sqrt(0.09 * (1 / 700 + 1 / 160))
    assert model.n_features_in_ == 8
    assert set(model.predict(X[:5])) <= set(labels)
    assert hasattr(model, "predict_proba") == (name != "ridge")


def test_frames_and_lists():
    pd = pytest.importorskip("pandas")
    X, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(X[:600], columns=[f"pixel {j}" for j in range(64)])
    model = ConformalClassifier(LogisticRegression(C=1e-3), random_state=0)
    found = clone(model).fit(frame, pd.Series(y[:600])).predict_set(frame[:50])
    assert np.array_equal(found, clone(model).fit(X[:600], y[:600]).predict_set(X[:50]))
    assert np.array_equal(found, clone(model).fit(X[:600].tolist(), y[:600].tolist()).predict_set(X[:50].tolist()))
    named = clone(model).fit(frame, y[:600], groups=lambda rows: rows["pixel 10"] > 8)
    assert named.predict_set(frame[:50]).shape == (50, 10)
    assert list(named.feature_names_in_) == list(frame.columns)


def test_seeds_and_pickles():
    X, y = load_digits(return_X_y=True)
    model = ConformalClassifier(LogisticRegression(C=1e-3), score="raps", random_state=3).fit(X[:600], y[:600])
    again = clone(model).fit(X[:600], y[:600])
    assert np.array_equal(model.predict_set(X[600:]), again.predict_set(X[600:]))
    stored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(model.predict_set(X[600:]), stored.predict_set(X[600:]))
    for state in (np.random.RandomState(0), np.random.default_rng(0), None):
        ConformalClassifier(LogisticRegression(C=1e-3), random_state=state).fit(X[:600], y[:600])


def test_score_is_parameter_and_method():
    X, y = make_classification(200, 5, random_state=0)
    model = ConformalClassifier(LogisticRegression(), score="aps", random_state=0).fit(X, y)
    assert model.get_params()["score"] == "aps"
    assert model.score(X, y) == np.mean(model.predict(X) == y)
    assert model.set_params(score="top-k").get_params()["score"] == "top-k"
    search = GridSearchCV(clone(model), {"estimator__C": [0.1, 1.0], "score": ["lac", "aps"]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.5


@parametrize_with_checks(
    [ConformalClassifier(LogisticRegression(), too_few="infinite", checks=False, random_state=0)],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": "repeated rows are split otherwise than weighted ones"
        for kind in ("dense", "sparse")
    },
)
def test_sklearn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_frozen_estimator_is_not_fitted_again():
    P, codes = drawn(400, 3, seed=13)
    model = ConformalClassifier(FrozenEstimator(given(3)), random_state=0).fit(P, codes)
    assert model.n_calibration_ == 400  # all rows calibrate


def test_no_rows_to_predict():
    P, codes = drawn(100, 3)
    model = ConformalClassifier(given(3), prefit=True, score="aps").fit(P, codes)
    assert model.predict_set(P[:0]).shape == (0, 3)
    assert model.predict_p_values(P[:0]).shape == (0, 3)


# ---------------------------------------------------------------- limits


def test_too_few_rows_for_the_level():
    P, codes = drawn(30, 3)
    model = ConformalClassifier(given(3), prefit=True).fit(P, codes)
    with pytest.raises(ValueError, match=r"30 calibration rows are too few: this level needs at least 99"):
        model.predict_set(P, [0.5, 0.99])
    assert ConformalClassifier(given(3), prefit=True, too_few="infinite").fit(P, codes).predict_set(P, 0.99).all()
    names = np.where(np.arange(30) < 25, "many", "few")
    model = ConformalClassifier(given(3), prefit=True).fit(P, codes, groups=names)
    assert model.predict_set(P, 0.9, groups=np.full(30, "many")).shape == (30, 3)
    with pytest.raises(ValueError, match=r"5 calibration rows in group 'few' are too few"):
        model.predict_set(P, 0.9, groups=names)
    model = ConformalClassifier(given(3), prefit=True, by_class=True).fit(P, np.minimum(codes, np.arange(30) // 3))
    with pytest.raises(ValueError, match=r"in group [012] are too few"):
        model.predict_set(P, 0.97)


@pytest.mark.parametrize("labels", [np.array(["a", "b"]), np.array(["a", "b"], dtype=object), np.array([3, 1])])
def test_unknown_group_has_no_calibration_rows(labels):
    P, codes = drawn(100, 3)
    model = ConformalClassifier(given(3), prefit=True, too_few="infinite").fit(P, codes, groups=labels[codes % 2])
    unknown = np.array(["c"] * 100, dtype=labels.dtype) if labels.dtype.kind != "i" else np.full(100, 2)
    assert model.predict_set(P, 0.9, groups=unknown).all()
    assert np.array_equal(model.predict_p_values(P, groups=unknown), np.ones((100, 3)))
    strict = ConformalClassifier(given(3), prefit=True).fit(P, codes, groups=labels[codes % 2])
    with pytest.raises(ValueError, match="not in the fit"):
        strict.predict_set(P, 0.9, groups=unknown)


def test_labels_that_training_has_not_seen():
    P, codes = drawn(400, 3, seed=14)
    codes[:100] = 7
    with pytest.warns(UserWarning, match="100 calibration rows have labels that the estimator was not trained on: 7"):
        model = ConformalClassifier(given(3), prefit=True).fit(P, codes)
    assert list(model.classes_) == [0, 1, 2, 7]
    assert model.predict_set(P, 0.8)[:, 3].all()  # the 25 % count as the strangest
    assert not model.predict_set(P, 0.7)[:, 3].any()


def test_one_row_of_a_class_trains():
    X, y = make_classification(200, 5, random_state=0)
    y[0] = 2
    model = ConformalClassifier(LogisticRegression(), by_class=True, too_few="infinite", random_state=0).fit(X, y)
    assert list(model.classes_) == [0, 1, 2]
    assert model.predict_set(X, 0.8)[:, 2].all()  # without calibration rows, never ruled out


def test_equal_rows_and_constant_columns():
    X = np.zeros((100, 3))
    X[:50, 0] = 1.0
    y = np.arange(100) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sets = ConformalClassifier(LogisticRegression(), random_state=0).fit(X, y).predict_set(X, 0.9)
    assert sets.all()  # nothing tells the classes apart
    with pytest.warns(ExchangeabilityWarning, match="have a twin"):
        ConformalClassifier(LogisticRegression(), random_state=0).fit(X, y)


BAD = {
    "no probabilities": (lambda P, y: ConformalClassifier(Given().set_params(), prefit=True).fit(P, y), NotFittedError),
    "level": (lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P, y).predict_set(P, 1.0), ValueError),
    "method": (lambda P, y: ConformalClassifier(given(3), method="cross").fit(P, y), ValueError),
    "prefit, folds": (lambda P, y: ConformalClassifier(given(3), method="cv+", prefit=True).fit(P, y), ValueError),
    "negative weights": (lambda P, y: ConformalClassifier(given(3)).fit(P, y, sample_weight=y - 1.0), ValueError),
    "folds of one split": (lambda P, y: ConformalClassifier(given(3), cv=5).fit(P, y), ValueError),
    "folds of one row": (lambda P, y: ConformalClassifier(given(3), cv=5, method="jackknife+").fit(P, y), ValueError),
    "update without rows apart": (
        lambda P, y: ConformalClassifier(GaussianNB(), method="cv+").fit(P, y).update(P, y),
        ValueError,
    ),
    "lengths": (lambda P, y: ConformalClassifier(given(3)).fit(P, y[:-1]), ValueError),
    "continuous": (lambda P, y: ConformalClassifier(given(3)).fit(P, y + 0.5), ValueError),
    "several columns": (lambda P, y: ConformalClassifier(given(3)).fit(P, np.column_stack([y, y])), ValueError),
    "NaN label": (lambda P, y: ConformalClassifier(given(3)).fit(P, np.where(y > 1, np.nan, y)), ValueError),
    "all rows calibrate": (lambda P, y: ConformalClassifier(given(3), calibration_size=100).fit(P, y), ValueError),
    "groups missing": (
        lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P, y, groups=y).predict_set(P),
        ValueError,
    ),
    "groups too many": (
        lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P, y).predict_set(P, groups=y),
        ValueError,
    ),
    "groups short": (lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P, y, groups=y[:5]), ValueError),
    "NaN probability": (lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P * np.nan, y), ValueError),
    "not probabilities": (lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P * 9, y), ValueError),
    "columns": (lambda P, y: ConformalClassifier(given(3), prefit=True).fit(P[:, :2], y), ValueError),
    "not fitted": (lambda P, y: ConformalClassifier(given(3)).predict_set(P), NotFittedError),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told(name):
    P, codes = drawn(100, 3)
    call, error = BAD[name]
    with pytest.raises(error):
        call(P, codes)


def test_no_numbers_of_classes():
    class Silent(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return X

    with pytest.raises(TypeError, match="predict_proba or decision_function"):
        ConformalClassifier(Silent()).fit(np.eye(20), np.arange(20) % 2)


def test_rows_in_the_order_of_time_are_told():
    pd = pytest.importorskip("pandas")
    P, codes = drawn(100, 3)
    frame = pd.DataFrame(P, index=pd.date_range("2024-01-01", periods=100))
    with pytest.warns(ExchangeabilityWarning, match="order of time"):
        ConformalClassifier(given(3), prefit=True).fit(frame, codes)


def test_covered_as_often_as_scipy_says():
    """The coverage of one calibration set is beta distributed (Vovk 2012)."""
    n, found = 99, []
    for seed in range(200):
        P, codes = drawn(n + 1000, 4, seed=seed)
        model = ConformalClassifier(given(4), prefit=True).fit(P[:n], codes[:n])
        found.append(covered(model.predict_set(P[n:], 0.9), codes[n:]).mean())
    assert stats.kstest(found, stats.beta(90, 10).cdf).pvalue > 0.001


def test_weights_reach_the_end_of_a_pipeline():
    random = np.random.default_rng(0)
    X = random.standard_normal((80, 2))
    y = (X[:, 0] + random.standard_normal(80) > 0).astype(int)
    weight = random.uniform(0.5, 2, 80)
    piped = ConformalClassifier(make_pipeline(LogisticRegression()), random_state=0).fit(X, y, sample_weight=weight)
    plain = ConformalClassifier(LogisticRegression(), random_state=0).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(piped.predict_p_values(X), plain.predict_p_values(X))
