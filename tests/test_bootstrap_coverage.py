"""Monte-Carlo coverage of the bootstrap: each kind where theory promises it, and where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from mlcraft.linear_model import LinearRegression, LogisticRegression
from mlcraft.uncertainty import bootstrap

pytestmark = pytest.mark.slow
LEVEL, TRIALS, RESAMPLES = 0.9, 300, 399


def equal_errors(rng):
    X = rng.normal(size=(80, 2))
    return X, X @ [1.0, 0.5] + rng.standard_t(5, size=80), None


def unequal_errors(rng):
    X = rng.normal(size=(200, 2))
    return X, X @ [1.0, 0.5] + rng.normal(size=200) * np.abs(X[:, 0]), None


def clustered_errors(rng):
    groups = np.repeat(np.arange(40), 5)
    X = rng.normal(size=(200, 2))
    X[:, 0] = rng.normal(size=40)[groups]
    return X, X @ [1.0, 0.5] + rng.normal(size=40)[groups] + rng.normal(size=200), groups


def labels(rng):
    X = rng.normal(size=(300, 2))
    return X, rng.random(300) < 1 / (1 + np.exp(-(X @ [1.0, 0.5]))), None


COVERS = [
    (equal_errors, "pairs", "percentile"),
    (equal_errors, "pairs", "basic"),
    (equal_errors, "pairs", "bca"),
    (equal_errors, "pairs", "studentised"),
    (equal_errors, "bayesian", "percentile"),
    (equal_errors, "poisson", "percentile"),
    (equal_errors, "residual", "percentile"),
    (equal_errors, "residual", "studentised"),
    (equal_errors, "wild", "percentile"),
    (unequal_errors, "pairs", "percentile"),
    (unequal_errors, "pairs", "studentised"),
    (unequal_errors, "wild", "percentile"),
    (unequal_errors, "wild", "studentised"),
    (clustered_errors, "cluster", "percentile"),
    (clustered_errors, "cluster", "studentised"),
    (clustered_errors, "wild-cluster", "studentised"),
    (labels, "pairs", "bca"),
    (labels, "pairs", "studentised"),
    (labels, "bayesian", "basic"),
]
#: Kinds that are blind to what makes the estimate uncertain.
DOES_NOT = [(unequal_errors, "residual", "percentile"), (clustered_errors, "pairs", "percentile")]


def coverage(design, kind, method):
    """Share of intervals of the first slope that hold its value, 1."""
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(TRIALS):
        X, y, groups = design(rng)
        if design is labels:
            estimator = LogisticRegression(C=np.inf)
        else:
            estimator = LinearRegression()
        options = {"groups": groups} if "cluster" in kind else {}
        found = bootstrap(
            estimator, X, y, kind=kind, method=method, n_resamples=RESAMPLES, random_state=trial, **options
        )
        low, high = found.conf_int(LEVEL)[1]
        hits += low <= 1.0 <= high
    return hits / TRIALS


@pytest.mark.parametrize(("design", "kind", "method"), COVERS)
def test_covers(design, kind, method):
    """Within four standard errors of chance, and 3 % for what so few rows leave of the theory."""
    noise = np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)
    assert LEVEL - 4 * noise - 0.03 < coverage(design, kind, method) < LEVEL + 4 * noise + 0.03


@pytest.mark.parametrize(("design", "kind", "method"), DOES_NOT)
def test_does_not_cover_what_it_cannot_see(design, kind, method):
    assert coverage(design, kind, method) < 0.8
