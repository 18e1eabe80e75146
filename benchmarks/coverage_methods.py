"""Methods of the coverage benchmark: mlcraft's, MAPIE's where it has the same, and what trusts the model."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.linear_model
from numpy.typing import NDArray
from sklearn.model_selection import KFold, LeaveOneOut, StratifiedKFold

import mlcraft.linear_model
from benchmarks.coverage_data import Split

Array = NDArray[Any]
LEVEL = 0.9
#: Intervals of shape (n, 2), or sets of shape (n, n_classes), for the new rows of a split.
Answer = Callable[[Split], Array]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to intervals or sets: its name, who does it, and whether every row calibrates it or a quarter."""

    name: str
    ours: Answer
    theirs: Answer | None = None
    all_rows: bool = False
    promises: bool = True
    theirs_of_two: bool = True  # whether MAPIE has it for two classes
    two_only: bool = False  # many classes and few rows: nearly every row would be refitted


def has_mapie() -> bool:
    return importlib.util.find_spec("mapie") is not None


def _mapie(module: str) -> Any:
    return importlib.import_module(f"mapie.{module}")


def _ours(**options: Any) -> Any:
    from mlcraft.uncertainty import ConformalRegressor

    return ConformalRegressor(options.pop("estimator", None) or mlcraft.linear_model.Ridge(), **options)


def _their_ridge() -> Any:
    return sklearn.linear_model.Ridge()


# ---------------------------------------------------------------- intervals


def split_ours(split: Split, **options: Any) -> Array:
    fitted = mlcraft.linear_model.Ridge().fit(split.X_fit, split.y_fit)
    model = _ours(estimator=fitted, prefit=True, **options).fit(split.X_cal, split.y_cal)
    return np.asarray(model.predict_interval(split.X_new, LEVEL))


def split_theirs(split: Split) -> Array:
    model = _mapie("regression").SplitConformalRegressor(_their_ridge(), confidence_level=LEVEL, prefit=False)
    model.fit(split.X_fit, split.y_fit).conformalize(split.X_cal, split.y_cal)
    return np.asarray(model.predict_interval(split.X_new)[1][:, :, 0])


def cross_ours(split: Split, **options: Any) -> Array:
    model = _ours(**options, random_state=split.seed).fit(split.X, split.y)
    return np.asarray(model.predict_interval(split.X_new, LEVEL))


def cross_theirs(split: Split, method: str, cv: Any) -> Array:
    model = _mapie("regression").CrossConformalRegressor(_their_ridge(), confidence_level=LEVEL, method=method, cv=cv)
    model.fit_conformalize(split.X, split.y)
    return np.asarray(model.predict_interval(split.X_new)[1][:, :, 0])


def folds(split: Split) -> KFold:
    return KFold(10, shuffle=True, random_state=split.seed)


def bootstrap_theirs(split: Split) -> Array:
    model = _mapie("regression").JackknifeAfterBootstrapRegressor(
        _their_ridge(), confidence_level=LEVEL, resampling=30, random_state=split.seed
    )
    model.fit_conformalize(split.X, split.y)
    return np.asarray(model.predict_interval(split.X_new)[1][:, :, 0])


def quantiles_ours(split: Split) -> Array:
    levels = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    lines = mlcraft.linear_model.QuantileRegressor(quantile=levels, alpha=0).fit(split.X_fit, split.y_fit)
    model = _ours(estimator=lines, method="cqr", quantiles=levels, prefit=True).fit(split.X_cal, split.y_cal)
    return np.asarray(model.predict_interval(split.X_new, LEVEL))


def quantiles_theirs(split: Split) -> Array:
    lines = sklearn.linear_model.QuantileRegressor(alpha=0, solver="highs")
    model = _mapie("regression").ConformalizedQuantileRegressor(lines, confidence_level=LEVEL)
    model.fit(split.X_fit, split.y_fit).conformalize(split.X_cal, split.y_cal)
    return np.asarray(model.predict_interval(split.X_new, symmetric_correction=True)[1][:, :, 0])


def normal_theory(split: Split) -> Array:
    model = mlcraft.linear_model.LinearRegression().fit(split.X, split.y)
    found = model.predict_interval(split.X_new, LEVEL, "observation")
    return np.column_stack([found.lower, found.upper])


def bayesian(split: Split) -> Array:
    mean, std = mlcraft.linear_model.BayesianRidge().fit(split.X, split.y).predict(split.X_new, return_std=True)
    return np.column_stack([mean - 1.6448536269514722 * std, mean + 1.6448536269514722 * std])


INTERVALS = (
    Method("split", split_ours, split_theirs),
    Method("split / leverage", lambda s: cross_ours(s, method="split", score="normalised")),
    Method("split, two-sided", lambda s: split_ours(s, score="asymmetric")),
    Method("cqr", quantiles_ours, quantiles_theirs),
    Method(
        "jackknife+",
        lambda s: cross_ours(s, method="jackknife+"),
        lambda s: cross_theirs(s, "plus", LeaveOneOut()),
        all_rows=True,
    ),
    Method(
        "jackknife-minmax",
        lambda s: cross_ours(s, method="jackknife-minmax"),
        lambda s: cross_theirs(s, "minmax", LeaveOneOut()),
        all_rows=True,
    ),
    Method(
        "cv+, 10 folds",
        lambda s: cross_ours(s, method="cv+", cv=folds(s)),
        lambda s: cross_theirs(s, "plus", folds(s)),
        all_rows=True,
    ),
    Method(
        "jackknife+-after-bootstrap",
        lambda s: cross_ours(s, method="jackknife+-after-bootstrap", n_resamples=30),
        bootstrap_theirs,
        all_rows=True,
    ),
    Method("full", lambda s: cross_ours(s, method="full"), all_rows=True),
    Method("normal theory", normal_theory, all_rows=True, promises=False),
    Method("BayesianRidge", bayesian, all_rows=True, promises=False),
)


# ---------------------------------------------------------------- sets


def _our_logistic() -> Any:
    return mlcraft.linear_model.LogisticRegression()


def _their_logistic() -> Any:
    return sklearn.linear_model.LogisticRegression(max_iter=1000)


def sets_ours(split: Split, **options: Any) -> Array:
    from mlcraft.uncertainty import ConformalClassifier

    fitted = _our_logistic().fit(split.X_fit, split.y_fit)
    model = ConformalClassifier(fitted, prefit=True, random_state=split.seed, **options).fit(split.X_cal, split.y_cal)
    return np.asarray(model.predict_set(split.X_new, LEVEL))


def sets_theirs(split: Split, score: str) -> Array:
    model = _mapie("classification").SplitConformalClassifier(
        _their_logistic(), confidence_level=LEVEL, conformity_score=score, prefit=False, random_state=split.seed
    )
    model.fit(split.X_fit, split.y_fit).conformalize(split.X_cal, split.y_cal)
    return np.asarray(model.predict_set(split.X_new)[1][:, :, 0])


def cross_sets_ours(split: Split, **options: Any) -> Array:
    from mlcraft.uncertainty import ConformalClassifier

    model = ConformalClassifier(_our_logistic(), random_state=split.seed, **options).fit(split.X, split.y)
    return np.asarray(model.predict_set(split.X_new, LEVEL))


def class_folds(split: Split) -> StratifiedKFold:
    return StratifiedKFold(5, shuffle=True, random_state=split.seed)


def cross_sets_theirs(split: Split) -> Array:
    model = _mapie("classification").CrossConformalClassifier(
        _their_logistic(), confidence_level=LEVEL, conformity_score="lac", cv=class_folds(split)
    )
    model.fit_conformalize(split.X, split.y)
    return np.asarray(model.predict_set(split.X_new, agg_scores="crossval")[1][:, :, 0])


def most_likely(probabilities: Array) -> Array:
    """The fewest classes that have the level together, if the probabilities are right."""
    order = np.argsort(-probabilities, axis=1)
    before = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    before -= np.take_along_axis(probabilities, order, axis=1)
    found = np.zeros(probabilities.shape, dtype=bool)
    np.put_along_axis(found, order, before < LEVEL, axis=1)
    return found


def trusting(split: Split) -> Array:
    return most_likely(_our_logistic().fit(split.X, split.y).predict_proba(split.X_new))


def trusting_the_posterior(split: Split) -> Array:
    from mlcraft.uncertainty import laplace

    return most_likely(laplace(_our_logistic().fit(split.X, split.y), split.X, split.y).predict_proba(split.X_new))


SETS = (
    Method("LAC", lambda s: sets_ours(s, score="lac"), lambda s: sets_theirs(s, "lac")),
    Method("APS", lambda s: sets_ours(s, score="aps"), lambda s: sets_theirs(s, "aps"), theirs_of_two=False),
    Method("RAPS", lambda s: sets_ours(s, score="raps"), lambda s: sets_theirs(s, "raps"), theirs_of_two=False),
    Method("top-k", lambda s: sets_ours(s, score="top-k"), lambda s: sets_theirs(s, "top_k"), theirs_of_two=False),
    Method("LAC by class", lambda s: sets_ours(s, score="lac", by_class=True, too_few="infinite")),
    Method(
        "LAC, cv+, 5 folds",
        lambda s: cross_sets_ours(s, method="cv+", cv=class_folds(s)),
        cross_sets_theirs,
        all_rows=True,
    ),
    Method("LAC, jackknife+", lambda s: cross_sets_ours(s, method="jackknife+"), all_rows=True, two_only=True),
    Method("probabilities of the fit", trusting, all_rows=True, promises=False),
    Method("of the posterior", trusting_the_posterior, all_rows=True, promises=False),
)
