"""Robustness: the smallest change of a row that changes a decision, and scores on spoilt data."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlcraft.evaluation.robustness import adversarial_margin, stress
from mlcraft.linear_model import LogisticRegression, Ridge, RidgeClassifier

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 4)) * [1, 5, 0.1, 1]
BINARY = np.where(X[:, 0] + X[:, 1] / 5 + RNG.standard_normal(300) / 2 > 0, "yes", "no")
THREE = np.digitize(X[:, 0] - 8 * X[:, 2] + RNG.standard_normal(300) / 2, [-0.5, 0.5])
ORDER = {"l1": 1, "l2": 2, "linf": np.inf}
MODELS = {
    "logistic": lambda: LogisticRegression(),
    "ridge": lambda: RidgeClassifier(),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "foreign": lambda: SGDClassifier(random_state=0),
}


@pytest.mark.parametrize("norm", ORDER)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("y", [BINARY, THREE], ids=["binary", "three"])
def test_the_smallest_change_is_the_smallest(y, name, norm):
    """It reaches the boundary, has the length it says, and nothing shorter in thousands of directions does."""
    model = MODELS[name]().fit(X, y)
    found = adversarial_margin(model, X, norm=norm)
    assert_array_equal(found.decision, model.predict(X))
    assert_allclose(np.linalg.norm(found.change, ORDER[norm], axis=1), found.distance, rtol=1e-9)
    assert_array_equal(model.predict(found.perturbed(X)), found.other)
    assert (found.other != found.decision).all()
    directions = np.random.default_rng(1).standard_normal((2000, 4))
    if norm == "l1":
        directions = np.vstack([directions, np.eye(4), -np.eye(4)])
    if norm == "linf":
        directions = np.sign(directions)
    directions /= np.linalg.norm(directions, ORDER[norm], axis=1)[:, None]
    for i in range(0, 300, 60):
        shorter = X[i] + 0.999 * found.distance[i] * directions
        assert (model.predict(shorter) == found.decision[i]).all()


def test_units_and_columns():
    model = LogisticRegression().fit(X, BINARY)
    spread = X.std(axis=0)
    same = LogisticRegression().fit(X / spread, BINARY)
    same.coef_, same.intercept_ = model.coef_ * spread, model.intercept_
    expected = adversarial_margin(same, X / spread)
    found = adversarial_margin(model, X, scale=spread)
    assert_allclose(found.distance, expected.distance)
    assert_allclose(found.change, expected.change * spread)
    only = adversarial_margin(model, X, features=[1, 2])
    assert (only.change[:, [0, 3]] == 0).all()
    assert (only.distance >= adversarial_margin(model, X).distance).all()
    assert_array_equal(model.predict(only.perturbed(X)), only.other)
    nothing = adversarial_margin(model, X, features=[])
    assert np.isinf(nothing.distance).all()
    assert_array_equal(nothing.other, nothing.decision)
    assert (nothing.change == 0).all()


def test_robust_accuracy_is_the_accuracy_under_the_worst_change():
    model = LogisticRegression().fit(X, BINARY)
    found = adversarial_margin(model, X, norm="linf")
    assert found.robust_accuracy(BINARY, 0.0) == model.score(X, BINARY)
    slope = model.coef_[0]
    sign = np.where(model.decision_function(X) > 0, 1, -1)
    worst = X - 0.1 * sign[:, None] * np.sign(slope)
    right = (model.predict(worst) == BINARY) & (model.predict(X) == BINARY)
    assert_allclose(found.robust_accuracy(BINARY, 0.1), right.mean())
    with pytest.raises(ValueError, match="radius"):
        found.robust_accuracy(BINARY, -1)


@pytest.mark.parametrize("kind", ["csr", "frame"])
def test_margins_of_other_containers(kind):
    data = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0)) if kind == "csr" else pd.DataFrame(X, columns=list("abcd"))
    make = MODELS["logistic"] if kind == "csr" else MODELS["pipeline"]
    model = make().fit(data, THREE)
    dense = data.toarray() if kind == "csr" else data.to_numpy()
    same = make().fit(dense, THREE)
    assert_allclose(adversarial_margin(model, data).distance, adversarial_margin(same, dense).distance, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (MODELS["logistic"](), {"norm": "l3"}, "norm must be one of"),
        (MODELS["logistic"](), {"scale": [1.0, 2.0]}, "scale must hold"),
        (MODELS["logistic"](), {"scale": [1, 1, 1, np.nan]}, "scale must hold"),
        (MODELS["logistic"](), {"features": [9]}, "features must be positions"),
        (make_pipeline(PolynomialFeatures(), LogisticRegression()), {}, "not linear in X"),
        (DecisionTreeClassifier(), {}, "no decision_function"),
    ],
)
def test_margins_refuse(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        adversarial_margin(model.fit(X, BINARY), X, **arguments)


# ---------------------------------------------------------------- stress


def test_noise_costs_what_theory_says():
    """Noise of d standard deviations adds d^2 sum of (slope * spread)^2 to the squared error of a linear regression."""
    y = X @ [1.0, 0.3, 2.0, 0.0] + np.random.default_rng(5).standard_normal(300)
    model = Ridge(alpha=1e-8).fit(X, y)
    found = stress(model, X, y, kinds=["noise", "shift"], noise=[0.0, 0.5], shift=[2.0], n_repeats=60, random_state=0)
    added = ((model.coef_ * X.std(axis=0)) ** 2).sum() / y.var()
    none, half = found.rows[:2]
    assert (none["drop"], none["low"], none["high"]) == (0, 0, 0)
    assert half["low"] - 0.01 < 0.25 * added < half["high"] + 0.01
    for j, row in enumerate(found.rows[2:]):
        assert row["column"] == f"x{j}"
        assert_allclose(row["drop"], 4 * (model.coef_[j] * X[:, j].std()) ** 2 / y.var(), rtol=1e-6, atol=1e-9)


def test_wrong_labels_are_wrong():
    model = LogisticRegression().fit(X, BINARY)
    found = stress(model, X, BINARY, kinds=["labels"], labels=[0.0, 0.1, 1.0], random_state=0)
    right = model.score(X, BINARY)
    assert found.scoring == "accuracy"
    assert_allclose([found.rows[0]["score"], found.rows[2]["score"]], [right, 1 - right])
    assert_allclose(found.rows[1]["score"], 0.9 * right + 0.1 * (1 - right), atol=0.03)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_tables_with_categories_lose_values(container):
    table = pd.DataFrame({"size": X[:, 0], "colour": pd.Categorical(np.where(X[:, 1] > 0, "red", "blue"))})
    if container == "polars":
        pl = pytest.importorskip("polars")
        table = pl.DataFrame({"size": X[:, 0], "colour": table["colour"].astype(str).tolist()})

    class Model:
        """Knows colours; refuses to know missing ones."""

        classes_ = np.array(["no", "yes"])
        _estimator_type = "classifier"

        def __sklearn_tags__(self):
            return LogisticRegression().__sklearn_tags__()

        def fit(self, rows, y):
            return self

        def predict(self, rows):
            assert type(rows) is type(table)
            colour = list(rows["colour"])
            if any(value not in ("red", "blue") for value in colour):
                raise ValueError("a colour is missing")
            return np.where((np.asarray(rows["size"]) > 0) & (np.array(colour) == "red"), "yes", "no")

        def score(self, rows, y):
            return float(np.mean(self.predict(rows) == y))

    found = stress(Model(), table, BINARY, kinds=["missing", "noise", "shift"], random_state=0)
    assert [row["remark"] for row in found.rows] == [""] * len(found.rows)
    assert {row["column"] for row in found.rows} == {"all", "size"}
    holes = stress(Model(), table, BINARY, kinds=["missing"], fill="nan", random_state=0)
    assert all("a colour is missing" in row["remark"] for row in holes.rows)
    assert np.isnan([row["score"] for row in holes.rows]).all()
    assert holes.worst() == []
    assert "refused" in str(holes)


def test_the_same_seed_gives_the_same_table():
    model = LogisticRegression().fit(X, BINARY)
    first, second = (stress(model, X, BINARY, random_state=3) for _ in range(2))
    assert first.rows == second.rows
    frame = first.to_frame()
    assert frame["drop"].is_monotonic_decreasing
    assert len(frame) == 3 + 2 + 2 * 4 + 2
    assert first.worst(1)[0]["drop"] == frame["drop"].iloc[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kinds": ["rain"]}, "kinds must be among"),
        ({"missing": [1.5]}, "shares between 0 and 1"),
        ({"noise": [-1.0]}, "not negative"),
        ({"shift": [np.inf]}, "finite"),
        ({"fill": "zero"}, "fill must be"),
        ({"n_repeats": 0}, "n_repeats"),
    ],
)
def test_stress_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        stress(LogisticRegression().fit(X, BINARY), X, BINARY, **arguments)
