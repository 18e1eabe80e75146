"""Pictures: they draw what the numbers say, on any size of data, and names do not lie on names."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from registry import PROBLEMS

from mlcraft import plots, uncertainty
from mlcraft.exceptions import LeverageWarning
from mlcraft.linear_model import LinearRegression, Ridge

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def problem(n=200, p=4, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, p)) * 10.0 ** np.arange(p)
    return X, X @ 0.1 ** np.arange(p) + random.standard_normal(n)


def fitted(n=200, p=4):
    X, y = problem(n, p)
    return LinearRegression().fit(X, y), X, y


def boxes(ax):
    """Where the names stand, as they are drawn."""
    ax.figure.canvas.draw()
    return [matplotlib.text.Text.get_window_extent(text) for text in ax.texts]  # without the line to the point


DRAWINGS = {
    "coefficient_forest": lambda model, X, y, **options: plots.coefficient_forest(model, **options),
    "leverage_residual": plots.leverage_residual,
    "qq": plots.qq,
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_returns_axes(name):
    model, X, y = fitted()
    ax = DRAWINGS[name](model, X, y)
    assert isinstance(ax, matplotlib.axes.Axes)
    assert ax.get_xlabel()
    _, given = plt.subplots()
    assert DRAWINGS[name](model, X, y, ax=given) is given
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("kind", ["ridge", "weights", "zero_weights", "targets", "no_intercept", "float32"])
def test_kinds_of_fits(name, kind):
    X, y = problem()
    weight, options = None, {}
    model = Ridge(1.0) if kind == "ridge" else LinearRegression(fit_intercept=kind != "no_intercept")
    if kind.endswith("weights"):
        weight = np.random.default_rng(0).uniform(0.5, 2, 200)
        weight[:5] = 0.0 if kind == "zero_weights" else 1.0
    if kind == "targets":
        y, options = np.column_stack([y, -y]), {"target": 1}
    if kind == "float32":
        X, y = X.astype(np.float32), y.astype(np.float32)
    model.fit(X, y, weight)
    if name != "coefficient_forest" and weight is not None:
        options["sample_weight"] = weight
    DRAWINGS[name](model, X, y, **options).figure.canvas.draw()


# ---------------------------------------------------------------- coefficients


def test_forest_draws_the_intervals():
    model, *_ = fitted()
    ax = plots.coefficient_forest(model, per="unit", order="fit", level=0.9)
    found = model.conf_int(0.9)
    segments = {}
    for collection in ax.collections:
        for (low, place), (high, _) in collection.get_segments():
            segments[place] = (low, high)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["x0", "x1", "x2", "x3"]
    for place, j in zip(sorted(segments, reverse=True), range(4), strict=True):
        assert_allclose(segments[place], (found.lower[j + 1], found.upper[j + 1]))


def test_forest_scales_by_the_spread_of_the_columns():
    for model in (LinearRegression(), Ridge(50.0)):
        X, y = problem()
        weight = np.random.default_rng(0).uniform(0, 2, 200)
        model.fit(X, y, weight)
        ax = plots.coefficient_forest(model, order="fit")
        spread = np.sqrt(np.average((X - np.average(X, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
        points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
        points = points[np.argsort(-points[:, 1])]
        assert_allclose(points[:, 0], model.coef_ * spread, rtol=1e-9)


def test_forest_of_many_coefficients_with_long_names():
    pd = pytest.importorskip("pandas")
    X, y = problem(500, 1)
    X = np.random.default_rng(1).standard_normal((500, 80))
    names = [f"a rather long name of a column that nobody should have to read in full, number {j}" for j in range(80)]
    frame = pd.DataFrame(X, columns=names)
    model = LinearRegression().fit(frame, y)
    ax = plots.coefficient_forest(model)
    assert ax.get_title(loc="left") == "the 60 clearest of 80 coefficients"
    assert "60 of 80" not in ax.get_xlabel()
    ax.figure.canvas.draw()
    labels = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert len(labels) == 60
    assert all("…" in label.get_text() for label in ax.get_yticklabels())
    assert max(box.width for box in labels) < 0.6 * ax.figure.bbox.width
    for upper, lower in itertools.pairwise(labels):
        assert upper.y0 >= lower.y1 - 1
    _, small = plt.subplots(figsize=(4, 4))
    plots.coefficient_forest(model, n_coefficients=50, ax=small)
    small.figure.canvas.draw()
    labels = [label.get_window_extent() for label in small.get_yticklabels()]
    assert all(a.y0 >= b.y1 - 1 for a, b in itertools.pairwise(labels))


def test_forest_refuses():
    model, X, y = fitted()
    with pytest.raises(ValueError, match="per must be 'sd' or 'unit', got 'mean'"):
        plots.coefficient_forest(model, per="mean")
    with pytest.raises(ValueError, match="order must be"):
        plots.coefficient_forest(model, order="name")
    with pytest.raises(ValueError, match="positive=True"):
        plots.coefficient_forest(LinearRegression(positive=True).fit(X, y))


# ---------------------------------------------------------------- rows


def test_leverage_residual_names_the_worst_rows():
    X, y = problem()
    X[17, 2] *= 30
    y[17] += 10
    y[42] -= 8
    model = LinearRegression().fit(X, y)
    found = model.influence_(X, y)
    ax = plots.leverage_residual(model, X, y, n_labels=3)
    assert [text.get_text() for text in ax.texts] == [str(i) for i in found.worst(3)]
    points = np.asarray(ax.collections[0].get_offsets())
    assert_allclose(points, np.column_stack([found.leverage, found.rstandard]))
    labels = [f"row {i}" for i in range(200)]
    named = plots.leverage_residual(model, X, y, n_labels=1, labels=labels)
    assert named.texts[0].get_text() == f"row {found.worst(1)[0]}"
    with pytest.raises(ValueError, match="labels must name the 200 rows"):
        plots.leverage_residual(model, X, y, labels=labels[1:])


def test_contours_are_lines_of_equal_distance():
    model, X, y = fitted()
    ax = plots.leverage_residual(model, X, y)
    found = model.influence_(X, y)
    contours = [line for line in ax.lines if line.get_label().startswith("Cook's distance")]
    assert len(contours) == 2
    for line in contours:
        level = float(line.get_label().split()[-1])
        h, r = line.get_xdata(), line.get_ydata()
        kept = np.isfinite(r)
        assert_allclose(r[kept] ** 2 * h[kept] / (1 - h[kept]) / found.effective_df, level, rtol=1e-9)


def test_rows_of_leverage_one_are_told():
    X, y = problem(40)
    X = np.column_stack([X, np.arange(40) == 7])
    model = LinearRegression().fit(X, y)
    with pytest.warns(LeverageWarning, match="row 7"):
        ax = plots.leverage_residual(model, X, y)
    assert "not shown, since fitted exactly (leverage 1): 1 row, 7" in ax.get_xlabel()
    assert ax.get_xlim()[1] < 1
    with pytest.warns(LeverageWarning, match="row 7"):
        plots.qq(model, X, y).figure.canvas.draw()


@pytest.mark.parametrize("draw", [plots.leverage_residual, plots.qq])
def test_a_hundred_thousand_rows(draw):
    random = np.random.default_rng(0)
    X = random.standard_normal((100_000, 3))
    X[5] *= 200
    y = X[:, 0] + random.standard_t(3, 100_000)
    ax = draw(LinearRegression().fit(X, y), X, y)
    ax.figure.canvas.draw()
    drawn = sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o")
    assert drawn <= 4000
    if draw is plots.leverage_residual:
        assert ax.get_xscale() == "log"
        assert all(part.get_rasterized() for part in ax.collections[:1])


def test_names_do_not_overlap():
    pd = pytest.importorskip("pandas")
    found = PROBLEMS["plain"]()
    index = [f"a case with a long name {i}" for i in range(31)]
    frame = pd.DataFrame(found.X, index=index)
    y = found.y.copy()
    y[:6] += 8  # several together
    frame.columns = [f"c{j}" for j in range(4)]
    model = LinearRegression().fit(frame, y)
    for draw in (plots.leverage_residual, plots.qq):
        for size in ((7, 5), (4, 3)):
            _, ax = plt.subplots(figsize=size, layout="constrained")
            draw(model, frame, y, n_labels=8, ax=ax)
            there = boxes(ax)
            for i, a in enumerate(there):
                assert not any(a.overlaps(b) for b in there[i + 1 :])


def test_qq_draws_ordered_residuals_against_quantiles():
    from scipy import stats

    model, X, y = fitted(60)
    ax = plots.qq(model, X, y)
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    points = points[np.argsort(points[:, 0])]
    assert_allclose(points[:, 1], np.sort(model.rstudent_(X, y)))
    assert_allclose(points[:, 0], stats.t.ppf((np.arange(60) + 0.5) / 60, 60 - 5 - 1), rtol=1e-9)
    band = ax.collections[0].get_paths()[0].vertices
    u = np.array([0.5, 29.5]) / 60  # the first point, and one in the middle
    z = stats.norm.ppf(u)
    narrower = np.sqrt(1 - stats.norm.pdf(z) ** 2 * (1 + z**2 / 2) / (u * (1 - u)))
    centre = stats.t.ppf(u, 54)
    low = centre + narrower * (stats.t.ppf(stats.beta.ppf(0.025, [1, 30], [60, 31]), 54) - centre)
    assert_allclose(band[:, 1].min(), low[0], rtol=1e-9)
    assert np.abs(band[:, 1] - low[1]).min() < 1e-9
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        plots.qq(model, X, y, level=95)


def test_the_band_holds_what_it_says():
    """Five points of a hundred are outside, on average over normal errors."""
    outside = total = 0
    _, ax = plt.subplots()
    for seed in range(30):
        random = np.random.default_rng(seed)
        X = random.standard_normal((150, 2))
        y = random.standard_normal(150)
        ax.clear()
        plots.qq(LinearRegression().fit(X, y), X, y, n_labels=0, ax=ax)
        counts = [len(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
        outside, total = outside + counts[1], total + sum(counts)
    assert 0.025 < outside / total < 0.08


def test_other_data_are_refused():
    model, X, y = fitted()
    for draw in (plots.leverage_residual, plots.qq):
        with pytest.raises(ValueError, match="those that the model was fitted on"):
            draw(model, X, y[::-1])


def test_matplotlib_is_imported_late_and_its_absence_is_explained():
    code = (
        "import sys; import mlcraft; mlcraft.plots; assert 'matplotlib' not in sys.modules\n"
        "sys.modules['matplotlib'] = None\n"
        "from mlcraft.linear_model import LinearRegression\n"
        "model = LinearRegression().fit([[1.0], [2.0], [4.0]], [1.0, 2.0, 3.0])\n"
        "try:\n    mlcraft.plots.coefficient_forest(model)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert 'pip install "mlcraft[report]"' in run.stdout


def test_forest_of_a_penalised_fit_says_so():
    X, y = problem()
    assert "do not make up for that bias" in plots.coefficient_forest(Ridge(50.0).fit(X, y)).get_xlabel()
    assert "bias" not in plots.coefficient_forest(LinearRegression().fit(X, y)).get_xlabel()


# ---------------------------------------------------------------- how sure predictions are


class Curve:
    """What a reliability diagram draws."""

    level, n = 0.95, 300
    predicted, observed = np.array([0.1, 0.5, 0.9]), np.array([0.1, 0.7, 0.92])
    lower, upper = np.array([0.05, 0.6, 0.85]), np.array([0.17, 0.78, 0.96])
    consistent_lower, consistent_upper = np.array([0.05, 0.4, 0.84]), np.array([0.16, 0.6, 0.95])
    consistent = np.array([True, False, True])
    count, low, high = np.array([100, 100, 100]), np.array([0.0, 1 / 3, 2 / 3]), np.array([1 / 3, 2 / 3, 1.0])


def sure(n=500):
    random = np.random.default_rng(0)
    x = random.gamma(2.0, size=n)
    return x, x + 0.4 * x * random.standard_normal(n), np.column_stack([x - 1, x + 1])


def row_influence(names=False):
    X, y = problem(60, 3)
    if names:
        pd = pytest.importorskip("pandas")
        X = pd.DataFrame(X, columns=["a", "b", "c"], index=[f"person {i}" for i in range(60)])
    return uncertainty.influence(LinearRegression().fit(X, y), X, y)


SURE = {
    "intervals": lambda ax: plots.plot_intervals(sure()[1], sure()[2], ax=ax),
    "groups": lambda ax: plots.plot_coverage_by_group(
        uncertainty.conditional_coverage(sure()[1], sure()[2], by=sure()[0], nominal=0.9), ax=ax
    ),
    "reliability": lambda ax: plots.plot_reliability(Curve(), ax=ax),
    "several": lambda ax: plots.plot_reliability({"one": Curve(), "two": Curve()}, ax=ax),
    "pit": lambda ax: plots.plot_pit(uncertainty.pit(sure()[1], mean=sure()[0], std=0.4 * sure()[0]), ax=ax),
    "influence": lambda ax: plots.plot_influence(row_influence(), "x1", ax=ax),
}


@pytest.mark.parametrize("name", SURE)
def test_pictures_of_uncertainty_return_axes(name):
    ax = SURE[name](None)
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name == "groups"
    _, given = plt.subplots()
    assert SURE[name](given) is given
    given.figure.canvas.draw()


def test_intervals_mark_what_is_missed():
    x, y, intervals = sure()
    ax = plots.plot_intervals(y, intervals, x=x, nominal=0.9, name="age", n_rows=1000)
    inside, missed = (line.get_xydata() for line in ax.lines)
    outside = np.abs(y - x) > 1
    assert len(inside) == np.sum(~outside)
    assert_allclose(missed[np.argsort(missed[:, 0])], np.column_stack([x, y])[outside][np.argsort(x[outside])])
    assert ax.get_xlabel() == "age"
    assert f"coverage {100 * np.mean(~outside):.3g} % of 500 rows" in ax.get_title(loc="left")
    assert "intended 90 %" in ax.get_title(loc="left")
    some = plots.plot_intervals(y, intervals, n_rows=50)
    assert sum(len(line.get_xdata()) for line in some.lines) == 50
    assert some.get_xlabel().endswith("50 of 500 rows drawn")


def test_intervals_of_levels_and_without_ends():
    x, y, narrow = sure()
    both = np.stack([narrow, x[:, None] + np.array([-3.0, 3.0])], axis=2)
    ax = plots.plot_intervals(y, both, nominal=[0.6, 0.95])
    assert "intended 95 %" in ax.get_title(loc="left")
    assert len(ax.collections) == 2
    both[::3, 0, 1], both[::5, 1, 1] = -np.inf, np.inf
    ax = plots.plot_intervals(y, both)
    assert np.isfinite(ax.get_ylim()).all()
    ax.figure.canvas.draw()
    plots.plot_intervals(y, np.full((500, 2), [-np.inf, np.inf])).figure.canvas.draw()
    plots.plot_intervals(y[:1], narrow[:1]).figure.canvas.draw()
    for call, message in (
        (lambda: plots.plot_intervals(y, y), "intervals must have shape"),
        (lambda: plots.plot_intervals(y, narrow, x=[1.0]), "x must hold a number for each of the 500"),
        (lambda: plots.plot_intervals(y, both, nominal=0.9), "nominal must hold a level for each of the 2"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_groups_are_drawn_where_they_are():
    x, y, intervals = sure()
    found = uncertainty.conditional_coverage(y, intervals, by=x, nominal=0.9)
    ax = plots.plot_coverage_by_group(found)
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() in ("o", "D")])
    points = points[np.argsort(-points[:, 1])]
    assert_allclose(points[:, 0], [one.value for one in found.estimates])
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        f"{g}  ({one.n})" for g, one in zip(found.groups, found.estimates, strict=True)
    ]
    off = next(line.get_xydata() for line in ax.lines if line.get_marker() == "D")
    assert len(off) == sum(0.9 not in one for one in found.estimates)
    names = np.array([f"a group with quite a long name that goes on, number {k}" for k in range(70)])
    many = uncertainty.conditional_coverage(y, intervals, by=names[np.arange(500) % 70])
    ax = plots.plot_coverage_by_group(many, order="coverage")
    assert "the 40 lowest of 70 groups" in ax.get_title(loc="right")
    ax.figure.canvas.draw()
    labels = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(a.y0 >= b.y1 - 1 for a, b in itertools.pairwise(labels))
    assert ax.title.get_window_extent().x0 >= 0
    with pytest.raises(ValueError, match="order must be"):
        plots.plot_coverage_by_group(many, order="name")


def test_reliability_marks_what_is_not_calibrated():
    ax = plots.plot_reliability(Curve())
    marked = {line.get_marker(): line.get_xydata() for line in ax.lines}
    assert_allclose(marked["D"], [[0.5, 0.7]])
    assert_allclose(marked["o"], [[0.1, 0.1], [0.9, 0.92]])
    two = plots.plot_reliability({"one": Curve(), "two": Curve()})
    assert [text.get_text() for text in two.get_legend().get_texts()] == ["one", "two"]
    p = np.random.default_rng(0).uniform(size=400)
    ours = plots.plot_reliability(p > np.random.default_rng(1).uniform(size=400), p, bins=4)
    assert sum(len(line.get_xdata()) for line in ours.lines if line.get_marker() in ("o", "D")) == 4
    with pytest.raises(TypeError, match="'bins' is an option of calibration_curve"):
        plots.plot_reliability(Curve(), bins=4)
    with pytest.raises(ValueError, match="between one and 6"):
        plots.plot_reliability({})


def test_pit_band_holds_right_distributions():
    random = np.random.default_rng(0)
    outside = 0
    for _ in range(100):
        ax = plots.plot_pit(uncertainty.pit(cdf=random.uniform(size=200)), ax=plt.figure().add_subplot())
        outside += any(patch.get_hatch() for patch in ax.patches)
        plt.close("all")
    assert outside <= 12  # five are expected at most
    narrow = plots.plot_pit(uncertainty.pit(random.standard_normal(500), mean=0.0, std=0.5))
    hatched = sorted(round(patch.get_x(), 3) for patch in narrow.patches if patch.get_hatch())
    assert 0.0 in hatched
    assert 0.9 in hatched
    assert "p < 0.001" in narrow.get_title(loc="left")


def test_influence_path_starts_at_the_estimate_and_shows_the_flip():
    found = row_influence(names=True)
    flip = found.flip("c", value=0.9 * found.parameters[3])
    ax = plots.plot_influence(found, "c", flip=flip)
    up, down = (line.get_ydata() for line in ax.lines if len(line.get_ydata()) > 2)
    change = found.coefficient("c")
    value = found.parameters[3]
    assert_allclose(up[:3], value + np.append(0, np.cumsum(np.sort(change)[::-1][:2])))
    assert_allclose(down[:3], value + np.append(0, np.cumsum(np.sort(change)[:2])))
    mark = next(line.get_xydata()[0] for line in ax.lines if line.get_marker() == "D")
    assert_allclose(mark, [flip.count, flip.after])
    assert any("person" in text.get_text() for text in ax.texts)
    drawn = boxes(ax)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(drawn, 2))
