"""Which rows a fit hangs on: moves equal refits, and sets that turn a conclusion do so in refits."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlcraft.exceptions import LeverageWarning
from mlcraft.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV
from mlcraft.uncertainty import influence


def regression(n=40, p=3, seed=0, targets=None):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * 2.0 ** np.arange(p) + 5.0
    shape = (n,) if targets is None else (n, targets)
    return X, random.standard_normal(shape) + (X[:, :1] if targets else X[:, 0]) * 0.3


def classes(n=60, p=3, seed=0, count=2):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p))
    scores = X @ random.standard_normal((p, count)) + random.gumbel(size=(n, count)) * 1.5
    return X, scores.argmax(axis=1)


def parameters(model, target=0):
    coef = np.atleast_2d(model.coef_)
    if hasattr(model, "classes_") and len(model.classes_) > 2:
        coef, intercept = coef[1:] - coef[0], model.intercept_[1:] - model.intercept_[0]
        return np.column_stack([intercept, coef]).ravel()
    intercept = np.ravel(model.intercept_) if model.fit_intercept else []
    return np.append(
        np.broadcast_to(intercept, len(coef))[target : target + 1] if model.fit_intercept else [], coef[target]
    )


def without(model, X, y, weight, row):
    kept = np.arange(X.shape[0]) != row
    options = {} if weight is None else {"sample_weight": weight[kept]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(model).fit(X[kept], y[kept], **options)


# ---------------------------------------------------------------- single rows


@pytest.mark.parametrize("kind", ["plain", "weights", "no_intercept", "targets", "sparse", "wide", "wide_ridge"])
@pytest.mark.parametrize("model", [LinearRegression(), Ridge(2.0)])
def test_moves_of_linear_fits_are_those_of_refits(model, kind):
    X, y = regression(*((12, 20) if kind.startswith("wide") else (40, 3)), targets=2 if kind == "targets" else None)
    model = clone(model).set_params(fit_intercept=kind != "no_intercept")
    if kind == "wide_ridge":
        model = Ridge(3.0)
    target, weight = (1, None) if kind == "targets" else (0, None)
    if kind == "weights":
        weight = np.random.default_rng(1).uniform(0.5, 2, len(X))
        weight[:3] = 0.0
    if kind == "sparse":
        X = sparse.csr_array(np.where(np.abs(X - 5) > 1, X, 0.0))
    model.fit(X, y, weight)
    found = influence(model, X, y, weight, target=target if kind == "targets" else None)
    refits = [without(model, X, y, weight, row) for row in range(X.shape[0])]
    expected = np.array([parameters(one, target) for one in refits]) - parameters(model, target)
    assert found.exact
    assert_allclose(found.coefficients(), expected, rtol=1e-7, atol=1e-10)
    new = regression(4, X.shape[1], seed=9)[0]
    moved = np.array([one.predict(new) - model.predict(new) for one in refits])
    moved = moved[:, :, target] if moved.ndim == 3 else moved
    assert_allclose(found.prediction(new), moved, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["plain", "weights", "class_weight", "no_intercept", "sparse", "multinomial"])
def test_moves_of_logistic_fits_are_near_those_of_refits(kind):
    X, y = classes(400, count=3 if kind == "multinomial" else 2)
    model = LogisticRegression(C=5.0, tol=1e-10, fit_intercept=kind != "no_intercept")
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float) if kind == "weights" else None
    if kind == "class_weight":
        model.set_params(class_weight={0: 1.0, 1: 2.0})
    X = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0.0)) if kind == "sparse" else X
    model.fit(X, y, weight)
    found = influence(model, X, y, weight)
    assert not found.exact
    refits = [without(model, X, y, weight, row) for row in range(0, 400, 5)]
    expected = np.array([parameters(one) for one in refits]) - parameters(model)
    moves = found.coefficients()[::5]
    size = np.linalg.norm(expected, axis=1)
    assert (np.linalg.norm(moves - expected, axis=1) <= 0.1 * size + 1e-8).all()
    new = classes(3, seed=5)[0]
    after = np.array([one.predict_proba(new) - model.predict_proba(new) for one in refits])
    moved = found.prediction(new)[::5]
    assert_allclose(moved, after if kind == "multinomial" else after[:, :, 1], atol=0.1 * np.abs(after).max())


def test_one_step_errs_by_about_the_leverage():
    X, y = classes(80)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    found, leverage = influence(model, X, y).coefficients(), model.leverage_(X)
    expected = np.array([parameters(without(model, X, y, None, row)) for row in range(80)]) - parameters(model)
    wrong = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert (wrong <= 6 * leverage).all()
    assert np.median(wrong / leverage) < 1


@pytest.mark.parametrize("kind", ["classical", "HC0"])
@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression(C=np.inf, tol=1e-10)])
def test_standard_errors_without_a_row(model, kind):
    X, y = regression(150) if isinstance(model, LinearRegression) else classes(300)
    model.fit(X, y)
    moves = influence(model, X, y)._moves
    direction = np.eye(4)[2]
    ratio = moves.error_ratio(direction, kind)
    now = moves.standing(direction, kind, {}, 0.95).standard_error[0]
    expected = []
    for row in range(0, len(X), 3):
        kept = np.arange(len(X)) != row
        one = without(model, X, y, None, row)
        expected.append(one.cov_params_(kind, X=X[kept], y=y[kept]).standard_errors[2] / now)
    if kind == "classical" and isinstance(model, LinearRegression):
        assert_allclose(ratio[::3], expected, rtol=1e-9)
    else:
        assert np.abs(ratio[::3] - expected).max() < 0.15 * np.abs(np.array(expected) - 1).max()
        assert np.corrcoef(ratio[::3], expected)[0, 1] > 0.98


def test_top_rows_and_frames():
    pd = pytest.importorskip("pandas")
    X, y = regression()
    far = int(np.argmax(np.abs(X[:, 1] - 5)))
    X[[11, far]], y[11] = X[[far, 11]], 30.0
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"r{i}" for i in range(40)])
    model = LinearRegression().fit(frame, y)
    found = influence(model, frame, y)
    assert influence(model, frame, pd.Series(y, frame.index)).flip("c").found == found.flip("c").found
    top = found.top("b", n=3)
    assert top.labels[0] == "r11"
    assert_allclose(top.change, found.coefficient("b")[top.rows])
    assert_allclose(found.coefficient(2), found.coefficient("b"))
    assert top.to_frame().loc["r11", "without"] == pytest.approx(top.value + top.change[0])
    assert "r11" in str(top)
    at = found.top(at=frame.iloc[[0]], n=2)
    assert at.value == pytest.approx(model.predict(frame.iloc[[0]])[0])
    assert_allclose(at.change, found.prediction(frame.iloc[[0]])[at.rows, 0])
    table = found.to_frame()
    assert table.columns.tolist() == ["intercept", "a", "b", "c"]
    assert table.index[11] == "r11"


# ---------------------------------------------------------------- sets of rows


def sign_flips(X, y, rows, j):
    kept = np.setdiff1d(np.arange(len(y)), rows)
    Z = np.column_stack([np.ones(len(X)), X])
    all_rows = np.linalg.lstsq(Z, y, rcond=None)[0][j + 1]
    return np.sign(np.linalg.lstsq(Z[kept], y[kept], rcond=None)[0][j + 1]) != np.sign(all_rows)


@pytest.mark.parametrize("seed", range(8))
def test_smallest_set_that_flips_a_sign_by_trying_all(seed):
    random = np.random.default_rng(seed)
    X = random.standard_normal((22, 2))
    y = 0.25 * X[:, 0] + random.standard_t(3, size=22)
    model = LinearRegression().fit(X, y)
    smallest = next(
        (k for k in (1, 2, 3) if any(sign_flips(X, y, rows, 0) for rows in itertools.combinations(range(22), k))), None
    )
    found = influence(model, X, y).flip("x0", max_share=0.4)
    if smallest is not None:
        assert found.count <= smallest + 1
        assert found.count == smallest or smallest > 1
    if found.found:
        assert found.checked
        assert sign_flips(X, y, found.rows, 0)
        assert smallest is None or found.count >= smallest


def test_rows_that_hide_each_other_are_found():
    random = np.random.default_rng(0)
    X = random.standard_normal((120, 1))
    y = -0.2 * X[:, 0] + 0.3 * random.standard_normal(120)
    X[:4] = 6.0 + 0.01 * random.standard_normal((4, 1))  # each alone changes little: the other three stay
    y[:4] = 9.0
    found = influence(LinearRegression().fit(X, y), X, y).flip("x0")
    assert sorted(found.rows) == [0, 1, 2, 3]
    assert found.before > 0 > found.after


@pytest.mark.parametrize("covariance", ["classical", "HC1"])
@pytest.mark.parametrize("slope", [0.1, 0.4])
@pytest.mark.parametrize("goal", ["significance", "significant sign"])
def test_significance_turns_in_a_refit(goal, slope, covariance):
    random = np.random.default_rng(4)
    X = random.standard_normal((150, 2))
    y = slope * X[:, 0] + random.standard_normal(150)
    model = LinearRegression().fit(X, y)
    found = influence(model, X, y).flip("x0", goal=goal, covariance=covariance, max_share=0.4)
    assert found.checked
    kept = np.setdiff1d(np.arange(150), found.rows)
    refit = LinearRegression().fit(X[kept], y[kept])
    bounds = [
        np.asarray(m.conf_int(covariance=covariance, X=A, y=b))[1]
        for m, A, b in ((model, X, y), (refit, X[kept], y[kept]))
    ]
    assert_allclose(bounds, [found.interval_before, found.interval_after])
    significant = [low > 0 or high < 0 for low, high in bounds]
    if goal == "significance":
        assert significant[0] != significant[1]
    else:
        assert significant[1]
        assert found.before * found.after < 0


@pytest.mark.parametrize("goal", ["sign", "significance"])
@pytest.mark.parametrize("count", [2, 3])
def test_flips_of_logistic_fits_are_those_of_refits(goal, count):
    X, y = classes(150, seed=2, count=count)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    about = influence(model, X, y)
    found = [about.flip(j, goal=goal, max_share=0.3) for j, name in enumerate(about.names) if "intercept" not in name]
    assert any(one.found for one in found)
    for one in found:
        if one.found:
            kept = np.setdiff1d(np.arange(150), one.rows)
            refit = LogisticRegression(C=np.inf, tol=1e-10).fit(X[kept], y[kept])
            j = about.names.index(one.what)
            assert one.after == pytest.approx(parameters(refit)[j], rel=1e-6)
            if goal == "sign":
                assert one.before * one.after < 0
            else:
                low, high = np.asarray(refit.conf_int())[j]
                assert (low > 0 or high < 0) != (one.interval_before[0] > 0 or one.interval_before[1] < 0)


def test_the_decision_for_a_row():
    X, y = classes(120, seed=1)
    model = LogisticRegression().fit(X, y)
    row = X[np.abs(model.decision_function(X) - 0.4).argmin()]
    found = influence(model, X, y).flip(at=row)
    kept = np.setdiff1d(np.arange(120), found.rows)
    refit = LogisticRegression().fit(X[kept], y[kept])
    assert model.predict([row]) != refit.predict([row])
    X, y = regression()
    level = LinearRegression().fit(X, y)
    above = influence(level, X, y).flip(at=X[:1], value=float(level.predict(X[:1])[0]) - 0.1)
    assert above.after < above.before - 0.1


def test_without_refits_moves_are_added_up():
    X, y = regression(100)
    about = influence(LinearRegression().fit(X, y), X, y)
    found = about.flip("x1", refit=False)
    assert not found.checked
    assert found.n_refits == 0
    assert found.count == found.predicted
    assert found.after == pytest.approx(found.before + about.coefficient("x1")[found.rows].sum())
    table = about.flips()
    assert [one.share for one in table] == sorted(one.share for one in table)
    assert {one.what for one in table} == {"x0", "x1", "x2"}
    strong = about.flip("x0", max_share=0.01)
    assert not strong.found
    assert strong.count is None
    assert "no small set" in str(strong)


def test_pipelines_chosen_penalties_and_weights():
    X, y = regression(80)
    pipe = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    plain = LinearRegression().fit(X, y)
    found, other = influence(pipe, X, y), influence(plain, X, y)
    assert "held" in found.remark
    assert_allclose(found.prediction(X[:2]), other.prediction(X[:2]), atol=1e-10)
    assert found.flip("x1").count == other.flip("x1").count
    chosen = RidgeCV(alphas=[0.1, 1.0]).fit(X, y)
    assert influence(chosen, X, y).flip("x1").checked
    weight = np.random.default_rng(0).uniform(0, 1, 80)
    weight[:20] = 0.0
    weighted = influence(LinearRegression().fit(X, y, weight), X, y, weight).flip("x1", max_share=0.5)
    assert weighted.n == 60
    assert not set(weighted.rows) & set(range(20))


def test_fits_without_an_answer_turn_nothing():
    X, y = classes(30, p=2)
    X = np.column_stack([X, np.zeros(30)])
    X[5, 2] = 1.0  # row 5 alone determines the last coefficient
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has no finite optimum
        model = LogisticRegression(C=np.inf).fit(X, y)
    with pytest.warns(LeverageWarning, match="row 5 .1 in all. alone determines a coefficient"):
        about = influence(model, X, y)
    change = about.coefficient("x0")
    assert np.isnan(change[5])
    assert np.isfinite(np.delete(change, 5)).all()
    assert np.isnan(about.top("x0", n=1).change[0])  # not known: it comes first
    line = np.linspace(-1, 1, 12)[:, np.newaxis]
    mixed = (line[:, 0] > 0).astype(int)
    mixed[[5, 6]] = [1, 0]  # without these the classes are told apart, and no coefficient is finite
    apart = influence(LogisticRegression(C=np.inf).fit(line, mixed), line, mixed)
    assert "no small set of rows was found" in str(apart.flip("x0", goal="significant sign"))
    few = influence(LogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 0, 1]), [[0.0], [1.0], [2.0]], [0, 0, 1])
    assert not few.flip("x0", max_share=0.9).found  # a class would be gone
    exact = influence(LinearRegression().fit(X[:6, :2], X[:6, 0]), X[:6, :2], X[:6, 0])
    assert not exact.flip("x0", max_share=0.9).found


def test_refuses():
    X, y = regression()
    model = LinearRegression().fit(X, y)
    about = influence(model, X, y)
    for call, error, message in (
        (lambda: about.flip("x0", goal="p"), ValueError, "goal must be one of 'sign'"),
        (lambda: about.flip("x0", max_share=2), ValueError, "max_share must lie between"),
        (lambda: about.flip("x0", level=2), ValueError, "level must lie between"),
        (lambda: about.flip("x9"), ValueError, "no parameter 'x9'; there are: intercept, x0"),
        (lambda: about.flip(17), ValueError, "no parameter 17"),
        (lambda: about.flip(), ValueError, "say what is moved"),
        (lambda: about.flip("x0", groups=y), ValueError, "not clusters"),
        (lambda: about.top(at=X[:2]), ValueError, "at must be one row"),
        (lambda: influence(model, X, y[::-1]), ValueError, "must be those that the model was fitted on"),
        (lambda: influence(model, X, None), ValueError, "y must be the targets"),
        (lambda: influence(StandardScaler().fit(X), X, y), TypeError, "StandardScaler has none"),
    ):
        with pytest.raises(error, match=message):
            call()
    A, b = classes(count=3)
    with pytest.raises(ValueError, match="stands for several parameters"):
        influence(LogisticRegression().fit(A, b), A, b).coefficient("x0")
