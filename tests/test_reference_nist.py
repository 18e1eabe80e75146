"""NIST's certified linear regressions, and exact arithmetic on the same columns.

An estimator sees each column rounded to float64, so the limit for any solver is the exact solution of the
rounded columns. Digits are those of the worst coefficient: minus the log of its relative error, 15 at most.
"""

import json

import numpy as np
import pytest
from reference.least_squares import exact_fit
from registry import STORAGES

from mlcraft._engine.least_squares import fit_least_squares
from mlcraft.linear_model import LinearRegression

REGRESSIONS = ["Longley", "NoInt1", "Norris", "Pontius", "Wampler1", "Wampler2"]
ANOVA = ["SiRstv", "SmLs01", "SmLs04"]
CONSTRUCTED = ["Filip", "Pontius", "Wampler1", "Wampler2", "Wampler3", "Wampler4", "Wampler5", "NoInt1"]
every_way = pytest.mark.parametrize("storage", ["c", "f", "every_other", "csr32"])


def digits(found, expected):
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    size = np.where(expected == 0, 1, np.abs(expected))
    error = np.max(np.abs(found - expected) / size)
    return 15.0 if error == 0 else float(np.clip(-np.log10(error), 0, 15))


def regression(path):
    case = json.loads(path.read_text())
    X, degree = np.array(case["X"]), case["model"]["degree"]
    if degree > 1:
        X = np.column_stack([X[:, 0] ** k for k in range(1, degree + 1)])
    return case, X, np.array(case["y"])


def coefficients(fit, intercept):
    return np.append(fit.intercept, fit.coef) if intercept else fit.coef


@every_way
@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions(shared, name, storage):
    case, X, y = regression(shared(f"reference/nist/{name}.json"))
    intercept = case["model"]["intercept"]
    limit = case["exact_float64_columns"]["lre_coef_vs_certified"]
    fit = fit_least_squares(STORAGES[storage](X), y, fit_intercept=intercept)
    found = coefficients(fit, intercept)
    exact = [float(b) for b in case["exact_float64_columns"]["coef"]]
    assert digits(found, exact) >= 14.5  # the solver
    assert digits(found, case["certified"]["coef"]) >= limit - 0.5  # the whole path
    assert (fit.rank, fit.status) == (X.shape[1], "converged")


@pytest.mark.parametrize("name", REGRESSIONS)
def test_the_estimator_has_all_digits_by_default(shared, name):
    case, X, y = regression(shared(f"reference/nist/{name}.json"))
    intercept = case["model"]["intercept"]
    model = LinearRegression(fit_intercept=intercept).fit(X, y)
    found = np.append(model.intercept_, model.coef_) if intercept else model.coef_
    assert digits(found, case["certified"]["coef"]) >= case["exact_float64_columns"]["lre_coef_vs_certified"] - 0.5
    # least squares does not care for the order or the unit of the columns
    turned = LinearRegression(fit_intercept=intercept).fit(X[:, ::-1] * 2.0**40, y)
    assert digits(turned.coef_[::-1] * 2.0**40, model.coef_) >= 14.5


@every_way
@pytest.mark.parametrize("name", CONSTRUCTED)
def test_polynomials(shared, name, storage):
    """Filip's scaled columns have a condition number of 1e10; Wampler 3 to 5 have noise of any size."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(shared("data/nist_strd.parquet"))
    certified = json.loads(shared("data/nist_strd_reference.json").read_text())[name]["beta"]
    part = table[table["problem"] == name]
    x, y, intercept = part["x"].to_numpy(), part["y"].to_numpy(), name != "NoInt1"
    X = np.column_stack([x**k for k in range(1, len(certified) + (not intercept))])
    fit = fit_least_squares(STORAGES[storage](X), y, fit_intercept=intercept)
    found = coefficients(fit, intercept)
    coef, constant, _ = exact_fit(X, y, fit_intercept=intercept)
    exact = np.append(constant, coef) if intercept else coef[0]
    assert digits(found, exact) >= 14.5
    assert digits(found, certified) >= digits(exact, certified) - 0.5
    assert (fit.rank, fit.status) == (X.shape[1], "converged")


@every_way
@pytest.mark.parametrize("drop_first", [True, False])
@pytest.mark.parametrize("name", ANOVA)
def test_analysis_of_variance(shared, name, drop_first, storage):
    """One dummy for each group; with all of them and the intercept, the design is dependent."""
    case = json.loads(shared(f"reference/nist/anova_{name}.json").read_text())
    group, y = np.array(case["group"]), np.array(case["y"])
    levels = np.unique(group)
    X = (group[:, np.newaxis] == levels[drop_first:]).astype(np.float64)
    fit = fit_least_squares(STORAGES[storage](X), y)
    assert fit.rank == len(levels) - 1
    assert fit.status == ("converged" if drop_first else "rank_deficient")
    coef, constant, _ = exact_fit(X, y)
    if drop_first:
        assert digits(coefficients(fit, True), np.append(constant, coef)) >= 14.5
    else:
        np.testing.assert_allclose(fit.coef, coef[0], rtol=0, atol=1e-12 * np.abs(coef).max())
    between = (X - X.mean(axis=0)) @ fit.coef  # without the constant, which has all the leading digits
    within = y - y.mean() - between
    statistic = (between @ between / (len(levels) - 1)) / (within @ within / (len(y) - len(levels)))
    exact = case["exact_float64_data"]
    assert digits([statistic], [float(exact["f_statistic"])]) >= exact["lre_vs_certified"]["f_statistic"] - 1
