"""Adaptive conformal intervals: the recursions as written down, the bound that holds for any series, real drift."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlcraft.linear_model import LinearRegression, QuantileRegressor, Ridge
from mlcraft.uncertainty import AdaptiveConformal, ConformalRegressor
from mlcraft.uncertainty.conformal._checks import rank_of
from mlcraft.uncertainty.conformal._experts import AGGREGATED, Levels, SortedScores


def drifting(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    spread = np.where(np.arange(n) < n // 2, 1.0, 4.0) * (1 + 0.5 * np.sin(np.arange(n) / 90))
    return X, X @ [1.0, -2.0] + spread * rng.standard_normal(n) + np.arange(n) / n


def textbook(center, y, scores, level, rate, window):
    """Gibbs and Candes 2021 in plain steps: the interval, the miss, the next alpha; then the score joins."""
    target, alpha, ends, missed = 1 - level, 1 - level, [], []
    scores = list(scores)
    for mu, truth in zip(center, y, strict=True):
        n = len(scores)
        rank = rank_of(n, 1 - alpha)
        if alpha <= 0 or rank > n:
            q = np.inf
        else:
            q = np.nan if alpha >= 1 else np.sort(scores)[max(rank, 1) - 1]
        ends.append([mu, mu] if np.isnan(q) else [mu - q, mu + q])
        missed.append(not abs(truth - mu) <= q)
        alpha += rate * (target - missed[-1])
        scores = [*scores, abs(truth - mu)][-window:]
    return np.array(ends), np.array(missed)


@pytest.mark.parametrize("rate", [0.005, 0.05, 0.6])
@pytest.mark.parametrize("window", [60, 10_000])
def test_one_rate_by_its_definition(rate, window):
    X, y = drifting(700)
    model = AdaptiveConformal(Ridge(), level=0.8, rate=rate, window=window).fit(X[:200], y[:200])
    ends = model.follow(X[200:], y[200:])
    fitted = Ridge().fit(X[:150], y[:150])
    scores = np.abs(y[150:200] - fitted.predict(X[150:200]))
    wanted, missed = textbook(fitted.predict(X[200:]), y[200:], scores, 0.8, rate, window)
    assert_allclose(ends, wanted, rtol=1e-9)
    assert_array_equal(model.covered_, ~missed)


@pytest.mark.parametrize("rate", [0.01, 0.3])
@pytest.mark.parametrize("series", ["jumps", "constant", "growing"])
def test_the_share_of_misses_is_bound_for_any_series(rate, series):
    n = 1200
    X = np.arange(n, dtype=float)[:, np.newaxis] % 7
    y = {"jumps": np.where(np.arange(n) % 200 < 100, 0.0, 1e3), "constant": np.zeros(n), "growing": 1.1 ** np.arange(n)}
    model = (
        AdaptiveConformal(LinearRegression(), rate=rate).fit(X[:100], y[series][:100]).update(X[100:], y[series][100:])
    )
    count = n - 100
    assert abs(np.mean(~model.covered_) - 0.1) <= (0.9 + rate) / (rate * count) + 1e-12


def test_several_rates_by_algorithm_1():
    rng = np.random.default_rng(0)
    levels = Levels(0.1, AGGREGATED, 500)
    alphas, weights = [0.1] * 8, [1 / 8] * 8
    sigma = 1 / 1000
    eta = np.sqrt(3 / 500) * np.sqrt((np.log(8 * 500) + 2) / (0.9**2 * 0.1**3 + 0.9**3 * 0.1**2))
    for beta in rng.uniform(0, 0.5, 300):
        assert_allclose(levels.alpha, np.average(alphas, weights=weights), rtol=1e-9)
        levels.learn(beta)
        loss = [0.1 * (beta - a) - min(0, beta - a) for a in alphas]
        weights = [w * np.exp(-eta * one) for w, one in zip(weights, loss, strict=True)]
        weights = [(1 - sigma) * w + sigma * sum(weights) / 8 for w in weights]
        weights = [w / sum(weights) for w in weights]
        alphas = [a + g * (0.1 - (a >= beta)) for a, g in zip(alphas, AGGREGATED, strict=True)]


@pytest.mark.parametrize("symmetric", [True, False])
def test_sorted_scores_and_the_largest_alpha(symmetric):
    rng = np.random.default_rng(1)
    residual = np.round(rng.standard_normal(80), 1)  # with ties
    high = np.abs(residual) if symmetric else residual
    low = -high if symmetric else residual
    scores = SortedScores(low[:30].tolist(), high[:30].tolist(), symmetric, 25)
    for i in range(30, 80):
        scores.add(float(low[i]), float(high[i]))
        assert scores.high == sorted(high[i - 24 : i + 1])
        assert scores.low == sorted(low[i - 24 : i + 1])
        beta = scores.largest_alpha(float(low[i]), float(high[i]))
        for alpha in (beta - 1e-6, beta + 1e-6):
            moves = scores.moves(alpha)
            held = moves is not None and moves[0] <= low[i] and high[i] <= moves[1]
            assert held == (alpha < beta)


@pytest.mark.parametrize("score", ["absolute", "asymmetric", "normalised"])
def test_scores_of_a_conformal_regressor(score):
    X, y = drifting()
    base = ConformalRegressor(Ridge(), score=score, random_state=0)
    model = AdaptiveConformal(base, rate=[0.01, 0.05], window=300).fit(X[:500], y[:500])
    ends = model.follow(X[500:], y[500:])
    held = (ends[:, 0] <= y[500:]) & (y[500:] <= ends[:, 1])
    assert np.mean(held != model.covered_) < 0.002
    assert 0.87 < held.mean() < 0.93
    static = base.fit(X[:500], y[:500]).predict_interval(X[750:])
    assert np.mean((static[:, 0] <= y[750:]) & (y[750:] <= static[:, 1])) < 0.7


def test_cqr_refits_and_bounds():
    X, y = drifting()
    bands = ConformalRegressor(QuantileRegressor(alpha=0), method="cqr", random_state=0)
    model = AdaptiveConformal(bands, bounds=(-20, 20)).fit(X[:500], y[:500])
    ends = model.follow(X[500:], y[500:])
    assert 0.86 < model.covered_.mean() < 0.93
    assert ends.min() >= -20
    assert ends.max() <= 20
    refitted = AdaptiveConformal(LinearRegression(), refit_every=200, n_history=400).fit(X[:300], y[:300])
    piecewise = AdaptiveConformal(LinearRegression(), refit_every=200, n_history=400).fit(X[:300], y[:300])
    whole = refitted.follow(X[300:], y[300:])
    parts = [piecewise.follow(X[i : i + 70], y[i : i + 70]) for i in range(300, 1500, 70)]
    assert_array_equal(np.concatenate(parts), whole)
    last = LinearRegression().fit(X[1100:1400], y[1100:1400])
    assert_allclose(refitted.predict(X), last.predict(X))


def test_bad_input_is_named():
    X, y = drifting(100)
    with pytest.raises(ValueError, match="'split' or 'cqr'"):
        AdaptiveConformal(ConformalRegressor(Ridge(), method="jackknife+")).fit(X, y)
    with pytest.raises(ValueError, match="rate must be one or more positive"):
        AdaptiveConformal(Ridge(), rate=[0.1, -1.0]).fit(X, y)
    model = AdaptiveConformal(Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        model.follow(X, np.full(100, np.nan))
    with pytest.raises(ValueError, match="X has 100 rows, and y 3"):
        model.follow(X, y[:3])


@parametrize_with_checks([AdaptiveConformal(Ridge())])
def test_estimator_checks(estimator, check):
    check(estimator)
