"""The fit of a conformal classifier: which rows train, which calibrate, and how strange the latter are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.conformal._checks import warn_about_exchangeability
from mlcraft.uncertainty.conformal._sets_groups import GroupCodes
from mlcraft.uncertainty.conformal._sets_probabilities import LabelProbabilities
from mlcraft.uncertainty.conformal._sets_ranks import Cells
from mlcraft.uncertainty.conformal._sets_reference import HeldOut, Reference, Split
from mlcraft.uncertainty.conformal._sets_scores import LabelScore
from mlcraft.uncertainty.conformal._sets_tuning import tuned

__all__ = ["Fitted", "Labelled", "calibrate", "checked_rows", "fit_held_out", "fit_split", "generator_of"]

Codes = NDArray[np.intp]
LEFT_OUT = {"cv+": None, "jackknife+": "loo", "jackknife+-after-bootstrap": "bootstrap"}


@dataclass(frozen=True)
class Labelled:
    """Rows with labels, and what belongs to them."""

    X: Any
    y: NDArray[Any]
    group: Codes
    weight: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Codes) -> Labelled:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return Labelled(_safe_indexing(self.X, rows), self.y[rows], self.group[rows], weight)


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves."""

    estimator: Any
    classes: NDArray[Any]
    reference: Reference
    score: LabelScore
    scores: NDArray[np.float64]


def generator_of(random_state: Any) -> np.random.Generator:
    """Return a generator from a seed, a RandomState or a Generator."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31 - 1, size=4))
    return np.random.default_rng(random_state)


def checked_rows(X: Any, y: Any, group: Codes, sample_weight: Any) -> Labelled:
    """
    Return rows and labels after a look at them.

    Parameters
    ----------
    X : array-like
        Left as it is: the estimator knows what it takes.
    y : array-like of shape (n_samples,)
    group : ndarray of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    Labelled

    Raises
    ------
    ValueError
        If y has another length, is no vector, is continuous or lacks values.
    """
    y = column_or_1d(y, warn=True)
    missing = y != y
    if y.dtype == object:
        missing = np.array([label is None or label != label for label in y], dtype=bool)
    if np.any(missing):
        raise ValueError(f"y contains NaN: {np.count_nonzero(missing)} rows have no label; leave them out")
    check_classification_targets(y)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"sample_weight must hold one number for each row, got shape {weight.shape}")
    check_consistent_length(X, y, weight)
    return Labelled(X, y, group, weight)


def calibrate(options: Any, rows: Labelled, groups: GroupCodes, random: np.random.Generator) -> Fitted:
    """
    Score rows by an estimator that is fitted already and has not seen them.

    Parameters
    ----------
    options : ConformalClassifier
    rows : Labelled
    groups : GroupCodes
    random : Generator

    Returns
    -------
    Fitted
    """
    check_is_fitted(options.estimator)
    if not hasattr(options.estimator, "classes_"):
        raise TypeError(f"{type(options.estimator).__name__} has no classes_: prefit=True needs a fitted classifier")
    warn_about_exchangeability(rows.X, rows.y, np.ones(len(rows), dtype=np.intp))
    return _calibrated(options, options.estimator, rows, groups, random)


def fit_split(options: Any, rows: Labelled, groups: GroupCodes, random: np.random.Generator) -> Fitted:
    """Fit to some of the rows, score the others; parameters as for `calibrate`."""
    LabelProbabilities(options.estimator)  # says at once if there are none
    part = _parts(rows.y if options.by_class else None, len(rows), options.calibration_size, random)
    train, rest = rows.take(np.flatnonzero(part == 0)), rows.take(np.flatnonzero(part == 1))
    given = {} if train.weight is None else {"sample_weight": train.weight}
    estimator = clone(options.estimator).fit(train.X, train.y, **given)
    warn_about_exchangeability(rows.X, rows.y, part)
    return _calibrated(options, estimator, rest, groups, random)


def _calibrated(
    options: Any, estimator: Any, rows: Labelled, groups: GroupCodes, random: np.random.Generator
) -> Fitted:
    classes = _all_classes(estimator, rows.y)
    probabilities = LabelProbabilities(estimator).bind(classes, estimator.classes_)
    codes = np.searchsorted(classes, rows.y).astype(np.intp)
    found = probabilities.of(estimator, rows.X)
    u = random.random(len(rows))
    part = _tuning_part(options, len(rows), random)
    aside = part == 1
    score = _score(options, found[aside], codes[aside], u[aside])
    kept = ~aside
    cells = _cells(options, groups, classes)
    scores = score.of_labels(found[kept], codes[kept], u[kept])
    cell = cells.of(rows.group[kept], codes[kept])
    reference = Split(estimator, probabilities, score, cells, cell, scores)
    return Fitted(estimator, classes, reference, score, scores)


def fit_held_out(options: Any, rows: Labelled, groups: GroupCodes, random: np.random.Generator) -> Fitted:
    """Fit to all rows, and without some of them; parameters as for `calibrate`."""
    from mlcraft.uncertainty.left_out import left_out

    part = _tuning_part(options, len(rows), random)
    kept, aside = rows.take(np.flatnonzero(part == 0)), rows.take(np.flatnonzero(part == 1))
    probabilities = LabelProbabilities(options.estimator)
    left = left_out(
        options.estimator,
        kept.X,
        kept.y,
        sample_weight=kept.weight,
        method=probabilities.method,
        cv=LEFT_OUT[options.method] or options.cv,
        n_resamples=options.n_resamples,
        random_state=int(random.integers(2**31)),
        n_jobs=options.n_jobs,
    )
    classes = np.sort(left.full.classes_)
    probabilities.bind(classes, left.full.classes_)
    if len(aside):
        aside = aside.take(np.flatnonzero(np.isin(aside.y, classes)))
        score = _score(
            options,
            probabilities.of(left.full, aside.X),
            np.searchsorted(classes, aside.y).astype(np.intp),
            random.random(len(aside)),
        )
    else:
        score = _score(options, None, None, None)
    member = left.member
    warn_about_exchangeability(kept.X, kept.y, np.zeros(len(kept), dtype=np.intp) if member is None else member)
    codes = np.searchsorted(classes, kept.y).astype(np.intp)
    scores = score.of_labels(probabilities.of_values(left.held_out), codes, random.random(len(kept)))
    cells = _cells(options, groups, classes)
    reference = HeldOut(left, probabilities, score, cells, cells.of(kept.group, codes), scores)
    return Fitted(left.full, classes, reference, score, scores)


def _cells(options: Any, groups: GroupCodes, classes: NDArray[Any]) -> Cells:
    return Cells(len(groups), len(classes) if options.by_class else 1)


def _score(options: Any, probabilities: Any, codes: Any, u: Any) -> LabelScore:
    if options.score != "raps":
        return LabelScore(options.score, options.randomised)
    if options.penalty is not None and options.k_reg is not None:
        return LabelScore("raps", options.randomised, options.penalty, options.k_reg)
    return tuned(probabilities, codes, u, options.randomised, options.tuning_level, options.penalty, options.k_reg)


def _tuning_part(options: Any, n: int, random: np.random.Generator) -> Codes:
    """Return 1 for the rows that are set aside to choose what RAPS adds, 0 for the others."""
    if options.score != "raps" or (options.penalty is not None and options.k_reg is not None):
        return np.zeros(n, dtype=np.intp)
    return _parts(None, n, options.tuning_size, random)


def _parts(labels: NDArray[Any] | None, n: int, size: float, random: np.random.Generator) -> Codes:
    """
    Draw `size` of n rows, of each label by itself if there are labels; 1 for the rows drawn, 0 for the others.

    Raises
    ------
    ValueError
        If all rows or none would be drawn.
    """
    part = np.zeros(n, dtype=np.intp)
    if labels is None:
        count = size if isinstance(size, int | np.integer) else int(np.ceil(size * n))
        if not 0 < count < n:
            raise ValueError(
                f"{count} of {n} rows would be set aside, and {n - count} be left: some are needed for both"
            )
        part[random.permutation(n)[:count]] = 1
        return part
    share = size / n if isinstance(size, int | np.integer) else size
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)  # a single row trains
        part[random.permutation(rows)[:count]] = 1
    return part


def _all_classes(estimator: Any, y: NDArray[Any]) -> NDArray[Any]:
    """Return the classes of the estimator and those that only calibration rows have, with a warning."""
    known = np.asarray(estimator.classes_)
    seen = np.unique(y)
    unseen = seen[~np.isin(seen, known)]
    if not len(unseen):
        return np.sort(known)
    shown = ", ".join(repr(label) for label in unseen[:5].tolist()) + (", ..." if len(unseen) > 5 else "")
    warn_caller(
        f"{np.count_nonzero(np.isin(y, unseen))} calibration rows have labels that the estimator was not trained on: "
        f"{shown}. These labels get probability 0 and are in sets where nearly everything is; train on rows of all "
        "classes, or take more rows."
    )
    return np.union1d(known, unseen)
