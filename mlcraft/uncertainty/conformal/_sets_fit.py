"""The fit of a conformal classifier: which rows train, which calibrate, and how strange the latter are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, column_or_1d

from mlcraft._engine.status import warn_caller
from mlcraft.uncertainty.conformal._checks import warn_about_exchangeability
from mlcraft.uncertainty.conformal._composites import fit_weighted
from mlcraft.uncertainty.conformal._sets_probabilities import LabelProbabilities
from mlcraft.uncertainty.conformal._sets_ranks import Cells
from mlcraft.uncertainty.conformal._sets_reference import HeldOut, Known, Reference, Split
from mlcraft.uncertainty.conformal._sets_scores import LabelScore
from mlcraft.uncertainty.conformal._sets_tuning import tuned

__all__ = ["Fitted", "Labelled", "checked_labels", "fitted", "generator_of", "is_prefit"]

Codes = NDArray[np.intp]
FOLDS = 10


@dataclass(frozen=True)
class Labelled:
    """
    Rows with labels, and what belongs to them.

    Attributes
    ----------
    X : array-like of shape (n, n_features)
    y : ndarray of shape (n,)
    group : ndarray of shape (n,)
        Number of the group that each is calibrated with.
    clusters : ndarray of shape (n,) or None
        Rows that belong together.
    sample_weight : ndarray of shape (n,) or None
        For the fit.
    weight : ndarray of shape (n,) or None
        How much likelier the row is where new ones come from.
    """

    X: Any
    y: NDArray[Any]
    group: Codes
    clusters: NDArray[Any] | None = None
    sample_weight: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Codes) -> Labelled:
        """Return some of the rows."""

        def some(values: Any) -> Any:
            return None if values is None else values[rows]

        rest = (self.y, self.group, self.clusters, self.sample_weight, self.weight)
        return Labelled(_safe_indexing(self.X, rows), *(some(values) for values in rest))


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves; `rows` are those that calibrate, among those of non-zero weight."""

    estimator: Any
    classes: NDArray[Any]
    reference: Reference
    rows: Codes
    left: Any = None


def generator_of(random_state: Any) -> np.random.Generator:
    """Return a generator from a seed, a RandomState or a Generator."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31 - 1, size=4))
    return np.random.default_rng(random_state)


def is_prefit(options: Any) -> bool:
    """Tell whether the estimator is fitted already."""
    return bool(options.prefit) or isinstance(options.estimator, FrozenEstimator)


def checked_labels(X: Any, y: Any) -> NDArray[Any]:
    """
    Return labels after a look at them.

    Parameters
    ----------
    X : array-like
        Only counted: the estimator knows what it takes.
    y : array-like of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If y has another length, is no vector, is continuous or lacks values.
    """
    if y is None:
        raise ValueError("This ConformalClassifier estimator requires y to be passed, but the target y is None.")
    y = np.asarray(column_or_1d(y, warn=True))
    missing = y != y
    if y.dtype == object:
        missing = np.array([label is None or label != label for label in y], dtype=bool)
    if np.any(missing):
        raise ValueError(f"Input y contains NaN: {np.count_nonzero(missing)} rows have no label; leave them out")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("Input y contains infinity: labels must be finite")
    check_classification_targets(y)
    check_consistent_length(X, y)
    labels: NDArray[Any] = y
    return labels


def without_zero_weight(rows: Labelled) -> Labelled:
    """Return the rows without those of weight zero, which are missing rows; weights are checked."""
    if rows.sample_weight is None:
        return rows
    weight = _check_sample_weight(rows.sample_weight, rows.y, dtype=np.float64, ensure_non_negative=True)
    kept = np.flatnonzero(weight)
    if len(kept) == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    whole = Labelled(rows.X, rows.y, rows.group, rows.clusters, weight, rows.weight)
    return whole if len(kept) == len(rows) else whole.take(kept)


def fitted(options: Any, rows: Labelled, n_groups: int, random: np.random.Generator) -> Fitted:
    """
    Fit the estimator, and score rows by fits that have not seen them.

    Parameters
    ----------
    options : ConformalClassifier
        Its parameters.
    rows : Labelled
    n_groups : int
        Number of groups.
    random : Generator

    Returns
    -------
    Fitted
    """
    rows = without_zero_weight(rows)
    LabelProbabilities(options.estimator)  # says at once if there are none
    every = np.arange(len(rows))
    if is_prefit(options):
        if options.prefit:
            check_is_fitted(options.estimator)
        if not hasattr(options.estimator, "classes_"):
            raise TypeError(f"{type(options.estimator).__name__} has no classes_: it is not a fitted classifier")
        if options.checks:
            warn_about_exchangeability(rows.X, rows.y, np.ones(len(rows), dtype=np.intp))
        return _calibrated(options, options.estimator, rows, every, n_groups, random)
    if len(rows) < 2:
        raise ValueError(f"Found array with {len(rows)} sample(s) while a minimum of 2 is required to leave some out.")
    if options.method != "split":
        return _held_out(options, rows, n_groups, random)
    part = _split(options, rows, random)
    train, held = np.flatnonzero(part == 0), np.flatnonzero(part == 1)
    estimator = _trained(options, rows.take(train))
    if options.checks:
        warn_about_exchangeability(rows.X, rows.y, part)
    return _calibrated(options, estimator, rows.take(held), held, n_groups, random)


def _trained(options: Any, rows: Labelled) -> Any:
    return fit_weighted(clone(options.estimator), rows.X, rows.y, rows.sample_weight)


def _split(options: Any, rows: Labelled, random: np.random.Generator) -> Codes:
    """Return 0 for the rows that train, 1 for those that calibrate, -1 for others."""
    if options.cv is None:
        return _drawn(rows, options.calibration_size, random, options.by_class)
    splits = list(check_cv(options.cv, rows.y, classifier=True).split(rows.X, rows.y, rows.clusters))
    if len(splits) != 1:
        raise ValueError(
            f"method='split' takes one split into training and calibration rows, and cv gives {len(splits)}: use "
            "ShuffleSplit(n_splits=1), a list with one pair of indices, or calibration_size=."
        )
    part = np.full(len(rows), -1, dtype=np.intp)
    for number, some in enumerate(splits[0]):
        part[np.arange(len(rows))[some]] = number
    return part


def _drawn(rows: Labelled, size: float, random: np.random.Generator, by_class: bool = False) -> Codes:
    """
    Draw some of the rows: whole clusters if there are any; of each class by itself if `by_class`.

    Parameters
    ----------
    rows : Labelled
    size : float or int
        Share or number.
    random : Generator
    by_class : bool, default=False

    Returns
    -------
    ndarray of shape (n,)
        1 for the rows drawn, 0 for the others.

    Raises
    ------
    ValueError
        If all rows or none would be drawn.
    """
    n = len(rows)
    share = size / n if isinstance(size, int | np.integer) else size
    part = np.zeros(n, dtype=np.intp)
    if rows.clusters is not None:
        _, cluster = np.unique(rows.clusters, return_inverse=True)
        order = random.permutation(int(cluster.max()) + 1)
        filled = np.cumsum(np.bincount(cluster)[order])
        part[np.isin(cluster, order[: int(np.searchsorted(filled, share * n)) + 1])] = 1
    elif by_class:
        for label in np.unique(rows.y):
            same = np.flatnonzero(rows.y == label)
            count = min(max(round(share * len(same)), 1), len(same) - 1)  # a single row trains
            part[random.permutation(same)[:count]] = 1
    else:
        part[random.permutation(n)[: int(np.ceil(share * n * (1.0 - 1e-12)))]] = 1
    if not 0 < part.sum() < n:
        raise ValueError(f"{part.sum()} of {n} rows would be set aside: some are needed there, and some must be left")
    return part


def _calibrated(
    options: Any, estimator: Any, rows: Labelled, places: Codes, n_groups: int, random: np.random.Generator
) -> Fitted:
    classes = _all_classes(estimator, rows.y)
    probabilities = LabelProbabilities(estimator).bind(classes, estimator.classes_)
    codes = np.searchsorted(classes, rows.y).astype(np.intp)
    found = probabilities.of(estimator, rows.X)
    u = random.random(len(rows))
    part = _tuning_part(options, rows, random)
    aside, kept = part == 1, np.flatnonzero(part == 0)
    score = _score(options, found[aside], codes[aside], u[aside])
    scores = score.of_labels(found[kept], codes[kept], u[kept])
    cells = _cells(options, n_groups, classes)
    weight = None if rows.weight is None else rows.weight[kept]
    known = Known(cells, cells.of(rows.group[kept], codes[kept]), scores, weight)
    return Fitted(estimator, classes, Split(estimator, known, probabilities, score), places[kept])


def _held_out(options: Any, rows: Labelled, n_groups: int, random: np.random.Generator) -> Fitted:
    from mlcraft.uncertainty.left_out import left_out

    part = _tuning_part(options, rows, random)
    places = np.flatnonzero(part == 0)
    kept, aside = rows.take(places), rows.take(np.flatnonzero(part == 1))
    probabilities = LabelProbabilities(options.estimator)
    left = left_out(
        options.estimator,
        kept.X,
        kept.y,
        sample_weight=kept.sample_weight,
        method=probabilities.method,
        cv=_splitter(options, kept, random),
        groups=kept.clusters,
        n_resamples=options.n_resamples,
        aggregate=options.aggregate,
        random_state=int(random.integers(2**31)),
        n_jobs=options.n_jobs,
        closed_form=options.closed_form,
    )
    classes = np.sort(left.full.classes_)
    probabilities.bind(classes, left.full.classes_)
    aside = aside.take(np.flatnonzero(np.isin(aside.y, classes)))
    found = probabilities.of(left.full, aside.X) if len(aside) else np.empty((0, len(classes)))
    score = _score(options, found, np.searchsorted(classes, aside.y).astype(np.intp), random.random(len(aside)))
    if options.checks:
        member = np.arange(len(kept)) if left.member is None else left.member
        warn_about_exchangeability(kept.X, kept.y, member)
    codes = np.searchsorted(classes, kept.y).astype(np.intp)
    scores = score.of_labels(probabilities.of_values(left.held_out), codes, random.random(len(kept)))
    cells = _cells(options, n_groups, classes)
    known = Known(cells, cells.of(kept.group, codes), scores, kept.weight)
    return Fitted(left.full, classes, HeldOut(left, known, probabilities, score), places, left)


def _splitter(options: Any, rows: Labelled, random: np.random.Generator) -> Any:
    """Return what `left_out` takes as cv."""
    if options.method == "jackknife+-after-bootstrap":
        return "bootstrap"
    if options.method == "jackknife+":
        return "loo" if rows.clusters is None else LeaveOneGroupOut()
    cv = FOLDS if options.cv is None else options.cv
    if not isinstance(cv, int | np.integer):
        return cv
    count, seed = min(int(cv), len(rows)), int(random.integers(2**31))
    if rows.clusters is not None:
        return StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    fewest = np.unique(rows.y, return_counts=True)[1].min()
    kind = StratifiedKFold if fewest >= count else KFold  # rare labels cannot be in every fold
    return kind(count, shuffle=True, random_state=seed)


def _cells(options: Any, n_groups: int, classes: NDArray[Any]) -> Cells:
    return Cells(n_groups, len(classes) if options.by_class else 1)


def _score(options: Any, probabilities: Any, codes: Any, u: Any) -> LabelScore:
    kind = options._conformity
    if kind != "raps":
        return LabelScore(kind, options.randomised)
    if options.penalty is not None and options.k_reg is not None:
        return LabelScore("raps", options.randomised, options.penalty, options.k_reg)
    return tuned(probabilities, codes, u, options.randomised, options.tuning_level, options.penalty, options.k_reg)


def _tuning_part(options: Any, rows: Labelled, random: np.random.Generator) -> Codes:
    """Return 1 for the rows that are set aside to choose what RAPS adds, 0 for the others."""
    if options._conformity != "raps" or (options.penalty is not None and options.k_reg is not None):
        return np.zeros(len(rows), dtype=np.intp)
    return _drawn(rows, options.tuning_size, random)


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
