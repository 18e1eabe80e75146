"""Calibration in one line."""

from __future__ import annotations

from typing import Any

from mlcraft.uncertainty.calibration._classifier import CalibratedClassifier

__all__ = ["calibrate"]


def calibrate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: str = "platt",
    cv: Any = 5,
    sample_weight: Any = None,
    groups: Any = None,
    ensemble: bool = False,
    penalty: float = 1.0,
    n_jobs: int | None = None,
    fit_params: dict[str, Any] | None = None,
) -> CalibratedClassifier:
    """
    Calibrate the probabilities of a classifier.

    Parameters
    ----------
    estimator : object
        Any classifier with decision_function or predict_proba.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Rows to fit and calibrate on; with ``cv="prefit"`` calibration rows, which the classifier has not seen.
    y : array-like of shape (n_samples,)
        Their labels.
    method : {"platt", "isotonic", "temperature", "beta", "venn-abers", "dirichlet"}, default="platt"
        See `CalibratedClassifier`.
    cv : int, splitter, iterable of splits, "loo" or "prefit", default=5
        How rows are held out; "prefit" for an estimator that is fitted already.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each row counts.
    groups : array-like of shape (n_samples,), default=None
        For splitters that keep groups together.
    ensemble : bool, default=False
        Whether the fits of the folds predict, not one fit to all rows.
    penalty : float, default=1.0
        For "dirichlet": how strongly the map shrinks to the identity, in rows.
    n_jobs : int or None, default=None
        Processes of joblib that fit the folds.
    fit_params : dict, default=None
        For the `fit` of the classifier.

    Returns
    -------
    CalibratedClassifier
        Fitted.

    Raises
    ------
    ValueError, TypeError
        As `CalibratedClassifier.fit`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from mlcraft.uncertainty import calibrate
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> naive = GaussianNB().fit(X[:300], y[:300])
    >>> model = calibrate(naive, X[300:450], y[300:450], method="beta", cv="prefit")
    >>> naive.predict_proba(X[450:453])[:, 1].round(3), model.predict_proba(X[450:453])[:, 1].round(3)
    (array([1., 0., 1.]), array([0.998, 0.005, 0.998]))
    """
    model = CalibratedClassifier(estimator, method=method, cv=cv, ensemble=ensemble, penalty=penalty, n_jobs=n_jobs)
    return model.fit(X, y, sample_weight, groups=groups, **(fit_params or {}))
