"""Scores of many logistic fits on the rows of a test part, from their linear outputs."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.metrics._scorer import _BaseScorer

from mlcraft.linear_model._linear_classifier import log_probabilities, probabilities

__all__ = ["GivenScores", "is_of_library", "quick_scores", "quick_name", "with_all_classes"]

Doubles = NDArray[np.float64]
SMALLEST = float(np.finfo(np.float64).eps)  # scikit-learn's log loss takes no probability nearer to 0 or 1


class GivenScores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose rows are its linear outputs themselves.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    """

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes = classes
        self.classes_ = classes

    def decision_function(self, scores: Doubles) -> Doubles:
        """Return what is given."""
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, scores: Doubles) -> NDArray[Any]:
        """Return the likeliest labels."""
        return np.asarray(self.classes_[_likeliest(scores)])

    def predict_proba(self, scores: Doubles) -> Doubles:
        """Return probabilities."""
        return probabilities(self.decision_function(scores))

    def predict_log_proba(self, scores: Doubles) -> Doubles:
        """Return logarithms of probabilities."""
        return log_probabilities(self.decision_function(scores))


def _likeliest(scores: Doubles) -> NDArray[np.intp]:
    chosen = scores[..., 0] > 0 if scores.shape[-1] == 1 else scores.argmax(axis=-1)
    return np.asarray(chosen.astype(np.intp))


def is_of_library(scorer: Any) -> bool:
    """Tell whether a scorer is one of scikit-learn's, which only asks an estimator for its outputs."""
    return isinstance(scorer, _BaseScorer)


def quick_name(scorer: Any, params: dict[str, Any]) -> str | None:
    """Return "accuracy" or "neg_log_loss" where `quick_scores` does what a scorer would, else None."""
    if scorer is None:
        return "accuracy"
    if not is_of_library(scorer) or scorer._kwargs or params.keys() - {"sample_weight"}:
        return None
    asked = scorer._response_method
    asked = (asked,) if isinstance(asked, str) else tuple(asked)
    for name, function, sign, method in (
        ("accuracy", accuracy_score, 1, "predict"),
        ("neg_log_loss", log_loss, -1, "predict_proba"),
    ):
        if scorer._score_func is function and scorer._sign == sign and asked == (method,):
            return name
    return None


def quick_scores(name: str, outputs: Doubles, codes: NDArray[np.intp], weight: Any) -> Doubles:
    """
    Score fits by accuracy or by the negative log loss, as scikit-learn's metrics do.

    Parameters
    ----------
    name : {"accuracy", "neg_log_loss"}
    outputs : ndarray of shape (n_fits, n_rows, n_outputs)
        Linear outputs.
    codes : ndarray of shape (n_rows,)
        The true classes.
    weight : ndarray of shape (n_rows,) or None

    Returns
    -------
    ndarray of shape (n_fits,)
    """
    if name == "accuracy":
        right = (_likeliest(outputs) == codes).astype(np.float64)
        return np.asarray(np.average(right, axis=1, weights=weight))
    if outputs.shape[2] == 1:
        margin = np.where(codes == 1, outputs[..., 0], -outputs[..., 0])
        losses = np.logaddexp(0.0, -margin)
    else:
        top = outputs.max(axis=2)
        true = np.take_along_axis(outputs, codes[np.newaxis, :, np.newaxis], axis=2)[..., 0]
        losses = np.log(np.exp(outputs - top[..., np.newaxis]).sum(axis=2)) + (top - true)
    losses = losses.clip(-np.log1p(-SMALLEST), -np.log(SMALLEST))
    return np.asarray(-np.average(losses, axis=1, weights=weight))


def with_all_classes(scorer: Any, classes: NDArray[Any]) -> Any:
    """Return a scorer that knows all classes, where its metric can be told: a test part may lack some."""
    metric = getattr(scorer, "_score_func", None)
    if metric is None:
        return scorer
    known = signature(metric).parameters
    if "labels" not in known:
        return scorer
    told: dict[str, Any] = {"labels": classes}
    if len(classes) <= 2 and "pos_label" in known:
        told["pos_label"] = classes[-1]
    return make_scorer(
        metric,
        greater_is_better=scorer._sign == 1,
        response_method=scorer._response_method,
        **told | getattr(scorer, "_kwargs", {}),
    )
