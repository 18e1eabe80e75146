"""Sets of labels that hold the true one as often as asked, whatever the classifier."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.validation import check_parameters
from mlcraft.uncertainty.conformal._inputs import labels_of, ratios, shift_of
from mlcraft.uncertainty.conformal._score_parameter import NamesScore, ScoreParameter
from mlcraft.uncertainty.conformal._sets_answers import SetAnswers
from mlcraft.uncertainty.conformal._sets_fit import Labelled, checked_labels, fitted, generator_of, is_prefit
from mlcraft.uncertainty.conformal._sets_groups import GroupCodes
from mlcraft.uncertainty.conformal._sets_reference import Known, Split
from mlcraft.uncertainty.conformal._sets_scores import SCORES

__all__ = ["ConformalClassifier"]

METHODS = ("split", "cv+", "jackknife+", "jackknife+-after-bootstrap")
SHARE = [Interval(Real, 0, 1, closed="neither"), Interval(Integral, 1, None, closed="left")]


class ConformalClassifier(NamesScore, MetaEstimatorMixin, ClassifierMixin, SetAnswers, BaseEstimator):  # type: ignore[misc]  # no types
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
    cv : int, splitter or iterable, default=None
        Folds of "cv+" (None: 10 shuffled ones), or the one split of "split".
    n_resamples : int, default=30
        Resamples of "jackknife+-after-bootstrap".
    aggregate : {"mean", "median"}, default="mean"
        How their probabilities are combined.
    shift : callable or classifier, default=None
        Weights for new rows from another distribution of X, if the distribution of y given X is the same [6]_: a
        function of X, proportional to the ratio of the new density to the old; or a classifier, which `fit` trains to
        tell `X_target` from X.
    empty : {"keep", "top"}, default="keep"
        What to do with empty sets. They are among the rows not covered, and say that a row resembles none of the
        classes; "top" adds the most likely label, which covers more.
    too_few : {"raise", "infinite"}, default="raise"
        Whether too few calibration rows for the level asked are an error, or all labels are in the set.
    prefit : bool, default=False
        Whether `estimator` is fitted already, to rows other than those that `fit` gets, all of which calibrate. A
        `FrozenEstimator` is always taken so.
    window : int, default=None
        How many of the latest calibration rows `update` keeps; None keeps all.
    closed_form : {"auto", False}, default="auto"
        False refits even where the fits without some rows follow from the one to all.
    checks : bool, default=True
        Whether to warn of rows in the order of time and of rows repeated across splits.
    random_state : int, RandomState, Generator or None, default=None
        For the split, the folds and resamples, and the chance in "aps" and "raps". Once fitted, the sets for the same X
        are always the same.
    n_jobs : int, default=None
        Processes for refits.

    Attributes
    ----------
    estimator_ : classifier
        Fitted to the training rows, or to all.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of the sets.
    n_calibration_ : int
        Number of rows that calibrate.
    calibration_rows_ : ndarray of shape (n_calibration_,)
        Which rows of `fit` these are, among those of non-zero weight; not those of `update`.
    scores_ : ndarray of shape (n_calibration_,)
        Their scores.
    left_out_ : object or None
        The fits without each row or fold, where there are any.
    penalty_, k_reg_ : float and int
        For "raps": those used.
    n_features_in_, feature_names_in_
        Of the estimator, where it has them.

    Notes
    -----
    Labels that are not among those of the fit are in no set: rows of a class never seen are not covered. A label that
    only calibration rows have (a warning says so) has probability 0.

    `sample_weight` is for the estimator; coverage counts rows.

    References
    ----------
    .. [1] Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World, Springer.
    .. [2] Romano, Sesia and Candes (2020), Classification with valid and adaptive coverage, NeurIPS 33.
    .. [3] Kim, Xu and Barber (2020), Predictive inference is free with the jackknife+-after-bootstrap, NeurIPS 33.
    .. [4] Sadinle, Lei and Wasserman (2019), Least ambiguous set-valued classifiers with bounded error levels, JASA
       114, 223-234.
    .. [5] Angelopoulos, Bates, Malik and Jordan (2021), Uncertainty sets for image classifiers using conformal
       prediction, ICLR.
    .. [6] Tibshirani, Barber, Candes and Ramdas (2019), Conformal prediction under covariate shift, NeurIPS 32.

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
        "n_resamples": [Interval(Integral, 2, None, closed="left")],
        "aggregate": [StrOptions({"mean", "median"})],
        "shift": [callable, HasMethods(["fit", "predict_proba"]), None],
        "empty": [StrOptions({"keep", "top"})],
        "too_few": [StrOptions({"raise", "infinite"})],
        "prefit": ["boolean"],
        "window": [Interval(Integral, 1, None, closed="left"), None],
        "closed_form": [StrOptions({"auto"}), "boolean"],
        "checks": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "n_jobs": [Integral, None],
    }

    score = ScoreParameter()

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
        cv: Any = None,
        n_resamples: int = 30,
        aggregate: str = "mean",
        shift: Any = None,
        empty: str = "keep",
        too_few: str = "raise",
        prefit: bool = False,
        window: int | None = None,
        closed_form: str | bool = "auto",
        checks: bool = True,
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
        self.aggregate = aggregate
        self.shift = shift
        self.empty = empty
        self.too_few = too_few
        self.prefit = prefit
        self.window = window
        self.closed_form = closed_form
        self.checks = checks
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        clusters: Any = None,
        X_target: Any = None,
    ) -> Self:
        """Fit the estimator and score the calibration rows; the latter alone if `prefit`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            As the estimator takes it.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            For the fit of the estimator. Scores are not weighted; rows of weight zero are missing rows.
        groups : array-like of shape (n_samples,) or callable, default=None
            Label of the group of each row, or a function from X to these: every group is covered with probability
            `level` by itself (Mondrian).
        clusters : array-like of shape (n_samples,), default=None
            Rows that belong together: no fit that scores a row has seen another of its cluster.
        X_target : {array-like, sparse matrix, dataframe} of shape (n_target, n_features), default=None
            Rows from where the sets will be used, if `shift` is a classifier.

        Returns
        -------
        self : ConformalClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If parameters, labels or shapes do not fit.

        Warns
        -----
        ExchangeabilityWarning
            If rows are in the order of time, or many are repeated across the split (see `checks`).
        """
        check_parameters(self)
        if is_prefit(self) and self.method != "split":
            raise ValueError(f"a fitted estimator has seen its rows: method must be 'split', got {self.method!r}")
        if self.cv is not None and self.method not in ("split", "cv+"):
            raise ValueError(f"method={self.method!r} has no folds: cv must be None, got {self.cv!r}")
        X = X if hasattr(X, "shape") else np.asarray(X)
        X, y = indexable(X, y)
        y = checked_labels(X, y)
        random = generator_of(self.random_state)
        self._groups = GroupCodes(groups, X)
        together = None if clusters is None else labels_of(clusters, len(y), "clusters")
        self._shift = None if self.shift is None else shift_of(self, X, X_target)
        weight = None if self._shift is None else ratios(self._shift, X)
        rows = Labelled(X, y, self._groups.encode(groups, X), together, sample_weight, weight)
        self._prediction_seed = int(random.integers(2**63))
        found = fitted(self, rows, len(self._groups), random)
        self._random = random
        self._reference = found.reference
        self.estimator_, self.classes_, self.left_out_ = found.estimator, found.classes, found.left
        self.calibration_rows_ = found.rows
        return self

    @property
    def n_calibration_(self) -> int:
        """Number of rows that calibrate."""
        return len(self.scores_)

    @property
    def scores_(self) -> NDArray[np.float64]:
        """Scores of the rows that calibrate."""
        check_is_fitted(self)
        return self._reference.known.scores

    @property
    def penalty_(self) -> float:
        """What each label beyond `k_reg_` costs."""
        check_is_fitted(self)
        return self._reference.score.penalty

    @property
    def k_reg_(self) -> int:
        """Number of labels that cost nothing."""
        check_is_fitted(self)
        return self._reference.score.free

    @property
    def n_features_in_(self) -> int:
        """Number of columns that the estimator was fitted to."""
        check_is_fitted(self)
        return int(self.estimator_.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns that the estimator was fitted to."""
        check_is_fitted(self)
        names: NDArray[Any] = self.estimator_.feature_names_in_
        return names

    def update(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Add calibration rows, and forget all but the latest `window`; the estimator stays as it is.

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
            raise ValueError(
                f"method={self.method!r} has no calibration rows apart to add to: use 'split', or fit again"
            )
        X = X if hasattr(X, "shape") else np.asarray(X)
        X, y = indexable(X, y)
        y, group = checked_labels(X, y), self._groups.encode(groups, X)
        if np.any(new := ~np.isin(y, self.classes_)):
            raise ValueError(f"y has labels that were not there in fit, {y[new].tolist()[0]!r} for one: fit again")
        if self._groups.labels is not None and np.any(group == len(self._groups) - 1):
            raise ValueError("groups has labels that were not there in fit: fit again")
        codes = np.searchsorted(self.classes_, y).astype(np.intp)
        scores = reference.score.of_labels(
            reference.probabilities.of(self.estimator_, X), codes, self._random.random(len(y))
        )
        cells = reference.known.cells
        weight = None if self._shift is None else ratios(self._shift, X)
        known = reference.known.joined(Known(cells, cells.of(group, codes), scores, weight))
        self._reference = reference.with_rows(known if self.window is None else known.latest(self.window))
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.target_tags.required = True
        return tags
