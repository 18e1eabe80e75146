"""Sets of labels that hold the true one as often as asked, whatever the classifier."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from mlcraft.uncertainty.conformal._checks import check_levels, rank_of, too_few_message
from mlcraft.uncertainty.conformal._sets_fit import (
    Fitted,
    calibrate,
    checked_rows,
    fit_held_out,
    fit_split,
    generator_of,
)
from mlcraft.uncertainty.conformal._sets_groups import GroupCodes
from mlcraft.uncertainty.conformal._sets_reference import NewRows, Split
from mlcraft.uncertainty.conformal._sets_scores import SCORES

__all__ = ["ConformalClassifier"]

METHODS = ("split", "cv+", "jackknife+", "jackknife+-after-bootstrap")
SHARE = [Interval(Real, 0, 1, closed="neither"), Interval(Integral, 1, None, closed="left")]


def _estimator_has(name: str) -> Any:
    def check(self: ConformalClassifier) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class ConformalClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # no types there
    """Classifier that answers with a set of labels, which holds the true one with the probability asked.

    Nothing is assumed of the classifier or of the data, except that new rows come as those of the fit did: in whatever
    order. The set for a row holds the labels that are not stranger than those of enough calibration rows. The better
    the classifier, the smaller the sets.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba` or `decision_function`. It is cloned, unless `prefit`.
    method : {"split", "cv+", "jackknife+", "jackknife+-after-bootstrap"}, default="split"
        Where the calibration rows are from.

        - "split": a part of the rows, which the estimator is not fitted to. One fit; covers with probability `level` at
          least [1]_.
        - "cv+": each row by the fit to the other folds [2]_. All rows train and calibrate. Covers with probability
          2 level - 1 at least, and nearly always with `level`.
        - "jackknife+": folds of one row [2]_. For mlcraft's logistic regression, alone or at the end of a Pipeline, by
          one Newton step from a single fit; other estimators are fitted once for each row.
        - "jackknife+-after-bootstrap": each row by the mean of the fits to resamples that it is not in [3]_.
    score : {"lac", "aps", "raps", "top-k"} or callable, default="lac"
        How strange a label is.

        - "lac": one minus its probability [4]_. Gives the smallest sets on average, small ones where the classifier is
          sure and empty ones where no label is likely.
        - "aps": probability of all labels that are more likely [2]_. The size of the sets tells hard rows from easy
          ones, and they cover more evenly.
        - "raps": as "aps", with a price for each label beyond the first `k_reg` [5]_: far smaller sets where there are
          many classes.
        - "top-k": rank of the label: sets of the same size for all rows, up to labels of equal probability.
        - a function from probabilities of shape (n, n_classes) to scores of that shape.
    by_class : bool, default=False
        Whether each class is covered with probability `level`, not only all of them together. Needs enough calibration
        rows of each class.
    randomised : bool, default=True
        For "aps" and "raps": whether the label at the edge of the set is let in by chance, so that coverage is `level`
        and not more. Sets may then be empty.
    penalty, k_reg : float and int, default=None
        For "raps"; chosen for the smallest sets on rows that are set aside, if None.
    tuning_size : float or int, default=0.2
        For "raps": share (of the calibration rows; of all rows without a split) or number of rows set aside for that.
    tuning_level : float, default=0.9
        For "raps": the level for which sets shall be small.
    calibration_size : float or int, default=0.25
        For "split": share or number of the rows that calibrate.
    cv : int, splitter or iterable, default=5
        For "cv+": folds, as scikit-learn takes them.
    n_resamples : int, default=30
        For "jackknife+-after-bootstrap".
    empty : {"keep", "top"}, default="keep"
        What to do with empty sets. They are among the rows not covered, and say that a row resembles none of the
        classes; "top" adds the most likely label, which covers more.
    too_few : {"raise", "infinite"}, default="raise"
        Whether too few calibration rows for the level asked are an error, or all labels are in the set.
    prefit : bool, default=False
        Whether `estimator` is fitted already, to rows other than those that `fit` gets, all of which calibrate.
    random_state : int, RandomState, Generator or None, default=None
        For the split, the folds and resamples, and the chance in "aps" and "raps". Once fitted, the sets for the same X
        are always the same.
    n_jobs : int, default=None
        Number of processes for refits.

    Attributes
    ----------
    estimator_ : classifier
        Fitted to the training rows, or to all.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of the sets.
    n_calibration_ : int
        Number of rows that calibrate.
    scores_ : ndarray of shape (n_calibration_,)
        Their scores.
    penalty_, k_reg_ : float and int
        For "raps": those used.
    n_features_in_, feature_names_in_
        Of the estimator, where it has them.

    Notes
    -----
    Labels that are not among those of the fit are in no set: rows of a class never seen are not covered. A label that
    only calibration rows have (a warning says so) has probability 0.

    Weights of rows are for the estimator; coverage counts rows.

    References
    ----------
    .. [1] Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World, Springer.
    .. [2] Romano, Sesia and Candes (2020), Classification with valid and adaptive coverage, NeurIPS 33.
    .. [3] Kim, Xu and Barber (2020), Predictive inference is free with the jackknife+-after-bootstrap, NeurIPS 33.
    .. [4] Sadinle, Lei and Wasserman (2019), Least ambiguous set-valued classifiers with bounded error levels, JASA
       114, 223-234.
    .. [5] Angelopoulos, Bates, Malik and Jordan (2021), Uncertainty sets for image classifiers using conformal
       prediction, ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from mlcraft.linear_model import LogisticRegression
    >>> from mlcraft.uncertainty import ConformalClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X[:, [0, 9]], y)
    >>> model.predict_set(X[[0, 1, 60]][:, [0, 9]], level=0.9)
    array([[ True, False, False],
           [ True,  True, False],
           [False,  True, False]])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "estimator": [HasMethods(["fit", "predict"])],
        "method": [StrOptions(set(METHODS))],
        "score": [StrOptions(set(SCORES)), callable],
        "by_class": ["boolean"],
        "randomised": ["boolean"],
        "penalty": [Interval(Real, 0, None, closed="left"), None],
        "k_reg": [Interval(Integral, 0, None, closed="left"), None],
        "tuning_size": SHARE,
        "tuning_level": [Interval(Real, 0, 1, closed="neither")],
        "calibration_size": SHARE,
        "cv": ["cv_object"],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "empty": [StrOptions({"keep", "top"})],
        "too_few": [StrOptions({"raise", "infinite"})],
        "prefit": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "split",
        score: Any = "lac",
        by_class: bool = False,
        randomised: bool = True,
        penalty: float | None = None,
        k_reg: int | None = None,
        tuning_size: float = 0.2,
        tuning_level: float = 0.9,
        calibration_size: float = 0.25,
        cv: Any = 5,
        n_resamples: int = 30,
        empty: str = "keep",
        too_few: str = "raise",
        prefit: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.score = score
        self.by_class = by_class
        self.randomised = randomised
        self.penalty = penalty
        self.k_reg = k_reg
        self.tuning_size = tuning_size
        self.tuning_level = tuning_level
        self.calibration_size = calibration_size
        self.cv = cv
        self.n_resamples = n_resamples
        self.empty = empty
        self.too_few = too_few
        self.prefit = prefit
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, *, groups: Any = None, sample_weight: Any = None) -> Self:
        """Fit the estimator and score the calibration rows; the latter alone if `prefit`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            As the estimator takes it.
        y : array-like of shape (n_samples,)
            Labels.
        groups : array-like of shape (n_samples,) or callable, default=None
            Label of the group of each row, or a function from X to these: every group is covered with probability
            `level` by itself (Mondrian).
        sample_weight : array-like of shape (n_samples,), default=None
            For the fit of the estimator.

        Returns
        -------
        self : ConformalClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If parameters, labels or shapes do not fit.
        """
        self._validate_params()
        if self.prefit and self.method != "split":
            raise ValueError(f"prefit=True has one fit only: method must be 'split', got {self.method!r}")
        if self.prefit and sample_weight is not None:
            raise ValueError("sample_weight is for the fit of the estimator: with prefit=True there is none")
        X, y = indexable(X, y)
        random = generator_of(self.random_state)
        self._groups = GroupCodes(groups, X)
        rows = checked_rows(X, y, self._groups.encode(groups, X), sample_weight)
        self._prediction_seed = int(random.integers(2**63))
        if self.prefit:
            found = calibrate(self, rows, self._groups, random)
        elif self.method == "split":
            found = fit_split(self, rows, self._groups, random)
        else:
            found = fit_held_out(self, rows, self._groups, random)
        self._random = random
        self._keep(found)
        return self

    def _keep(self, found: Fitted) -> None:
        self.estimator_, self.classes_, self.scores_ = found.estimator, found.classes, found.scores
        self._reference = found.reference
        self.n_calibration_ = len(found.scores)
        if found.score.kind == "raps":
            self.penalty_, self.k_reg_ = found.score.penalty, found.score.free
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(found.estimator, name):
                setattr(self, name, getattr(found.estimator, name))

    def update(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Add calibration rows; the estimator stays as it is.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (m, n_features)
            Rows that the estimator has not seen.
        y : array-like of shape (m,)
            Their labels.
        groups : array-like of shape (m,), default=None
            Their groups, if `fit` got groups; new groups cannot be added.

        Returns
        -------
        self : ConformalClassifier
            With more calibration rows.

        Raises
        ------
        ValueError
            If the method is not "split", or a label or group was not there in `fit`.
        """
        check_is_fitted(self)
        reference = self._reference
        if not isinstance(reference, Split):
            raise ValueError(f"method {self.method!r} has no calibration rows of their own to add to; use 'split'")
        X, y = indexable(X, y)
        rows = checked_rows(X, y, self._groups.encode(groups, X), None)
        if np.any(new := ~np.isin(rows.y, self.classes_)):
            raise ValueError(f"y has labels that were not there in fit, {rows.y[new][0]!r} for one: fit again")
        if self._groups.labels is not None and np.any(rows.group == len(self._groups) - 1):
            raise ValueError("groups has labels that were not there in fit: fit again")
        codes = np.searchsorted(self.classes_, rows.y).astype(np.intp)
        probabilities = reference.probabilities.of(self.estimator_, X)
        scores = reference.score.of_labels(probabilities, codes, self._random.random(len(rows)))
        self._reference = reference.with_rows(reference.cells.of(rows.group, codes), scores)
        self.scores_ = self._reference.scores
        self.n_calibration_ = len(self.scores_)
        return self

    def predict_set(self, X: Any, level: Any = 0.9, *, groups: Any = None) -> NDArray[np.bool_]:
        """Return the labels that are in the set of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (m, n_features)
            Rows.
        level : float or sequence of shape (n_levels,), default=0.9
            Probability with which the set holds the true label.
        groups : array-like of shape (m,), default=None
            Groups of the rows, if `fit` got groups (a function given there is used again).

        Returns
        -------
        ndarray of bool of shape (m, n_classes), or (m, n_classes, n_levels) for a sequence of levels
            The columns are `classes_`.

        Raises
        ------
        ValueError
            If there are too few calibration rows for the level, and `too_few` is "raise".

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from mlcraft.linear_model import LogisticRegression
        >>> from mlcraft.uncertainty import ConformalClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X[:, [0, 9]], y)
        >>> model.predict_set(X[:, [0, 9]], level=[0.8, 0.9]).sum(axis=1).mean(axis=0).round(2)  # mean sizes
        array([0.92, 1.33])
        """
        rows = self._new_rows(X, groups)
        levels, single = check_levels(level)
        sets = self._reference.sets(rows, self._ranks(levels, rows.group))
        if self.empty == "top":
            self._fill(sets, X)
        return sets[:, :, 0] if single else sets

    def predict_p_values(self, X: Any, *, groups: Any = None) -> NDArray[np.float64]:
        """Return for each label the p-value of the hypothesis that it is the true one.

        ``(1 + number of calibration rows as strange or stranger) / (n + 1)``, among rows of its class and group where
        these are calibrated by themselves. The set for a level holds the labels with p-values above ``1 - level``.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (m, n_features)
            Rows.
        groups : array-like of shape (m,), default=None
            Groups of the rows, if `fit` got groups.

        Returns
        -------
        ndarray of shape (m, n_classes)
            The columns are `classes_`.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from mlcraft.linear_model import LogisticRegression
        >>> from mlcraft.uncertainty import ConformalClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X[:, [0, 9]], y)
        >>> model.predict_p_values(X[[0, 1, 60]][:, [0, 9]]).round(2)
        array([[0.61, 0.02, 0.02],
               [0.22, 0.13, 0.09],
               [0.02, 0.5 , 0.02]])
        """
        rows = self._new_rows(X, groups)
        counts = self._reference.counts
        n = counts if len(counts) == 1 else counts[rows.group]
        found: NDArray[np.float64] = (1.0 + self._reference.at_least(rows)) / (1.0 + n)
        return found

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the single label that the estimator predicts for each row, of shape (m,)."""
        check_is_fitted(self)
        found: NDArray[Any] = self.estimator_.predict(X)
        return found

    @available_if(_estimator_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the estimator's probabilities, of shape (m, n_classes of the estimator); sets do not rest on them."""
        check_is_fitted(self)
        found: NDArray[Any] = self.estimator_.predict_proba(X)
        return found

    def _new_rows(self, X: Any, groups: Any) -> NewRows:
        check_is_fitted(self)
        group = self._groups.encode(groups, X)
        return NewRows(X, group, np.random.default_rng(self._prediction_seed).random(len(group)))

    def _ranks(self, levels: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rank of the threshold in each cell, of shape (n_groups, n_columns, n_levels)."""
        counts = self._reference.counts
        ranks = np.array([[[rank_of(int(n), at) for at in levels] for n in row] for row in counts], dtype=np.intp)
        short = ranks > counts[:, :, np.newaxis]
        asked = np.unique(group)
        if self.too_few == "infinite" or not np.any(short[asked]):
            return ranks
        g, column, at = np.argwhere(short[asked])[0]
        g = asked[g]
        cell = [] if self._groups.labels is None else [self._groups.name(g)]
        cell += [self.classes_.tolist()[column]] if self.by_class else []
        name = None if not cell else cell[0] if len(cell) == 1 else tuple(cell)
        raise ValueError(too_few_message(int(counts[g, column]), float(levels[at]), "sets", name))

    def _fill(self, sets: NDArray[np.bool_], X: Any) -> None:
        """Put the most likely label into the empty sets."""
        nothing = np.logical_not(sets.any(axis=1))
        rows = np.flatnonzero(nothing.any(axis=1))
        if len(rows):
            top = self._reference.probabilities.of(self.estimator_, _safe_indexing(X, rows)).argmax(axis=1)
            sets[rows, top] |= nothing[rows]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
