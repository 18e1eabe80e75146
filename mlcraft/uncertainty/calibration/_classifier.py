"""Classifiers whose probabilities hold: any classifier, with maps fitted on rows that it has not seen."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    _num_samples,
    check_is_fitted,
    check_non_negative,
)

from mlcraft._engine.status import warn_caller
from mlcraft._engine.validation import check_parameters
from mlcraft.exceptions import SeparationWarning
from mlcraft.uncertainty.calibration._calibrator import METHODS, PROBABILITIES_FIRST, Calibrator, combined
from mlcraft.uncertainty.calibration._cross_fit import Rows, Task, cross_fitted, from_the_fit, joined, warn_about_order
from mlcraft.uncertainty.calibration._outputs import Outputs, outputs_of

__all__ = ["CalibratedClassifier"]

Doubles = NDArray[np.float64]
MANY_NAMED = 5


def _gives_intervals(estimator: Any) -> bool:
    if estimator.method != "venn-abers":
        raise AttributeError(
            f"predict_proba_interval belongs to method='venn-abers'; with method={estimator.method!r} there is one "
            "probability for each class"
        )
    return True


class CalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """
    A classifier with calibrated probabilities: of rows given 0.8, eight in ten are of the class.

    Parameters
    ----------
    estimator : object
        Any classifier with decision_function or predict_proba, a Pipeline among them.
    method : {"platt", "isotonic", "temperature", "beta", "venn-abers", "dirichlet"}, default="platt"
        - "platt": logistic regression of the score [1]_. Two parameters, for few rows.
        - "beta": logistic regression of log p and log(1 - p) [2]_. Three parameters; can leave p as it is.
        - "isotonic": any increasing function [3]_. For a thousand rows or more; makes ties.
        - "venn-abers": isotonic with the new row counted as either class [4]_, and so two probabilities, one of which
          is calibrated whatever the classifier is: `predict_proba_interval`.
        - "temperature": one parameter for all classes, which never changes `predict` [5]_.
        - "dirichlet": multinomial regression of the log probabilities [6]_. For three classes or more.

        With more than two classes the first four calibrate each class against the others and divide by the sum.
    cv : int, splitter, iterable of splits, "loo" or "prefit", default=5
        How rows are held out: the maps are fitted on outputs for rows that the estimator has not seen. A number means
        stratified folds; "loo" each row alone. With "prefit" the estimator is fitted already, and all rows given to
        `fit` are calibration rows, which it should not have been fitted on.
    ensemble : bool, default=False
        False: one fit to all rows, with maps from the held-out rows of all folds. True: the fit and the maps of each
        fold, whose probabilities are averaged; better by a little, and slower to predict by the number of folds.
    penalty : float, default=1.0
        For "dirichlet": how strongly the map shrinks to the identity, in rows.
    n_jobs : int or None, default=None
        Processes of joblib that fit the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    estimator_ : object
        The classifier; not with ``ensemble=True``.
    estimators_ : list of object
        The classifiers; one without `ensemble`.
    calibrators_ : list of Calibrator
        The maps of each, in their `maps`: `slope` and `intercept`; `temperature`; `a`, `b`, `c`; ...
    n_calibration_ : int
        Rows that the maps were fitted on.
    n_features_in_, feature_names_in_
        Those of the classifier, if it has them.

    Notes
    -----
    Two classes: decision_function is used before predict_proba, which may saturate. A probability of exactly zero is
    read as half the smallest one above zero among the calibration rows; where more than the order counts, 2.2e-16 is
    the least.

    `LogisticRegression` of this library, also as the last step of a Pipeline, is fitted once: its folds start at that
    fit, and "loo" is one step of Newton's method from it. Steps before it that do not look at y are then fitted once,
    to all rows.

    References
    ----------
    .. [1] Platt (1999), Probabilistic outputs for support vector machines; Lin, Lin and Weng (2007).
    .. [2] Kull, Silva Filho and Flach (2017), Beta calibration, AISTATS.
    .. [3] Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates,
       KDD.
    .. [4] Vovk, Petej and Fedorova (2015), Large-scale probabilistic predictors with and without guarantees of
       validity, NeurIPS.
    .. [5] Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML.
    .. [6] Kull et al. (2019), Beyond temperature scaling: obtaining well-calibrated multiclass probabilities with
       Dirichlet calibration, NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from mlcraft.uncertainty import CalibratedClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = CalibratedClassifier(GaussianNB(), method="venn-abers").fit(X[:400], y[:400])
    >>> model.predict_proba(X[405:408]).round(3)
    array([[0.014, 0.986],
           [0.385, 0.615],
           [0.121, 0.879]])
    >>> model.predict_proba_interval(X[405:408])[:, 1].round(3)
    array([[0.986, 1.   ],
           [0.583, 0.667],
           [0.875, 0.906]])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012
        "estimator": [HasMethods(["fit", "predict_proba"]), HasMethods(["fit", "decision_function"])],
        "method": [StrOptions(set(METHODS))],
        "cv": ["cv_object", StrOptions({"prefit", "loo"})],
        "ensemble": ["boolean"],
        "penalty": [Interval(Real, 0, None, closed="neither")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "platt",
        cv: Any = 5,
        ensemble: bool = False,
        penalty: float = 1.0,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.ensemble = ensemble
        self.penalty = penalty
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, **fit_params: Any) -> Self:
        """
        Fit the classifier and its maps; only the maps with ``cv="prefit"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows, as the classifier takes them.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, for the classifier (where it takes weights) and for the maps. A row of weight two
            is two rows; rows of weight zero are missing.
        groups : array-like of shape (n_samples,), default=None
            For splitters that keep groups together.
        **fit_params : dict
            For the `fit` of the classifier.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If labels are not classes, there is one only, one has fewer rows than folds, or the classifier does not
            know one; if weights are negative or all zero; if the classifier predicts NaN.
        TypeError
            If the classifier has neither decision_function nor predict_proba.

        Warns
        -----
        ExchangeabilityWarning
            With a number of folds, if rows are in the order of time, or have twins in other folds.
        SeparationWarning
            If the outputs tell the classes of the calibration rows apart perfectly, with "beta" or "temperature".
        """
        check_parameters(self)
        X, y, sample_weight, groups = indexable(X, y, sample_weight, groups)
        if not _num_samples(X):
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required: there is nothing to fit")
        y = _check_y(y, estimator=self)
        check_classification_targets(y)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, np.empty((_num_samples(X), 0)), dtype=np.float64)
            check_non_negative(weight, "`sample_weight`")
            counted = np.flatnonzero(weight)
            if len(counted) < len(weight):
                if not len(counted):
                    raise ValueError("Sample weights must contain at least one non-zero number.")
                X, y, weight = _safe_indexing(X, counted), y[counted], weight[counted]
                groups = None if groups is None else _safe_indexing(groups, counted)
                fit_params = {
                    key: _safe_indexing(value, counted) if _is_by_row(value, len(sample_weight)) else value
                    for key, value in fit_params.items()
                }
        if self.cv == "prefit" or isinstance(self.estimator, FrozenEstimator):
            self._fit_maps_only(X, y, weight)
        else:
            self._fit_both(X, y, weight, groups, fit_params)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimators_[0], name):
                setattr(self, name, getattr(self.estimators_[0], name))
        return self

    def _fit_maps_only(self, X: Any, y: NDArray[Any], weight: Doubles | None) -> None:
        check_is_fitted(self.estimator)
        self.classes_ = np.asarray(self.estimator.classes_)
        unseen = np.setdiff1d(y, self.classes_)
        if len(unseen):
            raise ValueError(
                f"y has labels that {type(self.estimator).__name__} was not fitted on: {_listed(unseen)}; leave their "
                "rows out"
            )
        codes = np.searchsorted(self.classes_, y)
        missing = self.classes_[np.bincount(codes, minlength=len(self.classes_)) == 0]
        if len(missing):
            warn_caller(
                f"No calibration row is of class {_listed(missing)}: nothing is known of its probabilities.",
                UserWarning,
            )
        outputs = self._outputs(self.estimator, X)
        rows = np.arange(len(y))
        weight = np.ones(len(y)) if weight is None else weight
        self._keep([self.estimator], [self._calibrator(outputs, codes, weight)], len(rows))

    def _fit_both(self, X: Any, y: NDArray[Any], weight: Doubles | None, groups: Any, params: dict[str, Any]) -> None:
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present: all labels are {_listed(self.classes_)}"
            )
        task = Task(self.estimator, X, y, weight, self.classes_, self.method in PROBABILITIES_FIRST, params)
        splits = None if self.cv == "loo" else self._splits(X, y, codes, groups)
        if splits is None and self.ensemble:
            raise ValueError("ensemble=True with cv='loo' would predict by one fit for each row; choose folds")
        if isinstance(self.cv, Integral) and splits is not None:
            warn_about_order(task, splits)
        weight = np.ones(len(y)) if weight is None else weight
        found = None if self.ensemble else from_the_fit(task, splits, self.n_jobs)
        if found is not None or splits is None:
            assert found is not None
            self._keep([found.estimator], [self._calibrator(found.outputs, codes, weight)], len(y))
            return
        parts = cross_fitted(task, splits, self.n_jobs)
        if self.ensemble:
            maps = [self._calibrator(part.outputs, codes[part.rows], weight[part.rows]) for part in parts]
            n = len(np.unique(np.concatenate([part.rows for part in parts])))
            self._keep([part.estimator for part in parts], maps, n)
            return
        rows, outputs, shared = joined(parts, weight)
        self._keep([task.fitted()], [self._calibrator(outputs, codes[rows], shared)], len(np.unique(rows)))

    def _splits(self, X: Any, y: NDArray[Any], codes: NDArray[np.intp], groups: Any) -> list[tuple[Rows, Rows]]:
        smallest = int(np.bincount(codes).argmin())
        count = int(np.bincount(codes)[smallest])
        if isinstance(self.cv, Integral) and count < int(self.cv):
            raise ValueError(
                f"class {_listed(self.classes_[smallest:][:1])} has {count} rows, fewer than the {self.cv} folds: each "
                f"fold needs one of every class. Choose cv of {max(count, 2)} or less, or calibrate a fitted "
                "classifier (cv='prefit')"
            )
        return list(check_cv(self.cv, y, classifier=True).split(X, y, groups))

    def _outputs(self, estimator: Any, X: Any) -> Outputs:
        return outputs_of(estimator, X, self.classes_, prefer_probability=self.method in PROBABILITIES_FIRST)

    def _calibrator(self, outputs: Outputs, codes: NDArray[np.intp], weight: Doubles) -> Calibrator:
        return Calibrator.fit(self.method, outputs, codes, len(self.classes_), weight, float(self.penalty))

    def _keep(self, estimators: list[Any], calibrators: list[Calibrator], n: int) -> None:
        maps = [found for calibrator in calibrators for found in calibrator.maps]
        soft = sum(getattr(found, "softened", False) for found in maps)
        if soft:
            warn_caller(
                f"In {soft} of {len(maps)} maps the outputs tell the classes of the calibration rows apart perfectly, "
                f"so the likelihood of method={self.method!r} grows without bound; targets were softened as in Platt's "
                "method. More calibration rows would tell.",
                SeparationWarning,
            )
        self.estimators_, self.calibrators_, self.n_calibration_ = estimators, calibrators, n
        self.__dict__.pop("estimator_", None)
        if not self.ensemble or len(estimators) == 1:
            self.estimator_ = estimators[0]

    def predict_proba(self, X: Any) -> Doubles:
        """
        Return calibrated probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one.
        """
        check_is_fitted(self)
        if self.method == "venn-abers" and len(self.estimators_) > 1:
            return combined(*self._bounds(X))
        each = [
            maps.probabilities(self._outputs(estimator, X))
            for estimator, maps in zip(self.estimators_, self.calibrators_, strict=True)
        ]
        found: Doubles = each[0] if len(each) == 1 else np.mean(each, axis=0)
        return found

    @available_if(_gives_intervals)  # type: ignore[untyped-decorator]
    def predict_proba_interval(self, X: Any) -> Doubles:
        """
        Return the two probabilities of a Venn-Abers predictor for each class.

        One of the two is calibrated, whatever the classifier is, where the calibration rows and the new one can be
        exchanged. They lie far apart where the calibration rows are few. With ``ensemble=True`` both are means over the
        folds.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes, 2)
            The smaller and the larger one.
        """
        check_is_fitted(self)
        lower, upper = self._bounds(X)
        return np.stack([lower.mean(axis=0), upper.mean(axis=0)], axis=2)

    def _bounds(self, X: Any) -> tuple[Doubles, Doubles]:
        pairs = [
            maps.bounds(self._outputs(estimator, X))
            for estimator, maps in zip(self.estimators_, self.calibrators_, strict=True)
        ]
        return np.stack([low for low, _ in pairs]), np.stack([high for _, high in pairs])

    def predict(self, X: Any) -> NDArray[Any]:
        """
        Return the most probable label.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        p = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[p.argmax(axis=1)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        return tags


def _is_by_row(value: Any, n: int) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, dict)) and len(value) == n


def _listed(labels: NDArray[Any]) -> str:
    shown = ", ".join(repr(label) for label in labels[:MANY_NAMED].tolist())
    return shown + (", ..." if len(labels) > MANY_NAMED else "")
