"""A normal posterior of the coefficients of a classifier, and what it says of new rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from mlcraft._engine.information import linear_predictors, row_blocks
from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._glm_covariance import with_constant
from mlcraft.uncertainty._glm_door import GlmInference
from mlcraft.uncertainty._glm_geometry import GlmGeometry, about_zero
from mlcraft.uncertainty._glm_influence import row_roots
from mlcraft.uncertainty._glm_model import GlmModel
from mlcraft.uncertainty._intervals import Intervals, checked_level, half_width
from mlcraft.uncertainty._table import text_table
from mlcraft.uncertainty.posterior._predictive import (
    PredictiveParts,
    averages_by_draws,
    averages_of_two,
    entropy_of,
    pairwise_probit,
)

__all__ = ["LaplacePosterior", "last_step", "transformed"]

Doubles = NDArray[np.float64]
SURE = 1e-3  # of the log-likelihood of a row: an overlap of the classes would have left it log 2 at least
METHODS = ("auto", "quadrature", "probit", "sampling")


def last_step(estimator: Any) -> Any:
    """Return the last step of a Pipeline, or the estimator itself."""
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def transformed(estimator: Any, X: Any) -> Any:
    """Return X after all steps of a Pipeline but the last."""
    return estimator[:-1].transform(X) if hasattr(estimator, "steps") and len(estimator.steps) > 1 else X


class LaplacePosterior:
    """
    A normal approximation of the posterior of a logistic or multinomial regression, as `laplace` makes it.

    With two classes the parameters are the intercept and the coefficients. With more they are those of each class
    against one; they are called "class: column".

    Attributes
    ----------
    mean : ndarray of shape (n_parameters,)
        The mode: the fit.
    covariance : ndarray of shape (n_parameters, n_parameters)
    standard_deviation : ndarray of shape (n_parameters,)
    names : tuple of str
        Names of the parameters, the intercept first.
    classes : ndarray of shape (n_classes,)
        The labels.
    effective_df : float
        How many parameters the data determine; the prior determines the others.
    notes : tuple of str
        What to know before using it.
    estimator : object
        The fit that it was made of.
    """

    def __init__(self, estimator: Any, inference: GlmInference) -> None:
        self.estimator = estimator
        self.classes: NDArray[Any] = np.asarray(last_step(estimator).classes_)
        self.inference = inference
        self._model: GlmModel = inference.model
        geometry = self._model.geometry()
        fit = self._model.fitted
        if not geometry.full:
            raise ValueError(
                "the posterior is improper: there is no penalty, and columns are dependent. Fit with a penalty (C), "
                "or leave columns out"
            )
        all_told = fit.log_likelihood > -SURE * float(fit.class_weights.sum()) / fit.n_samples
        if not self._model.penalised and not fit.firth and all_told:
            raise ValueError(
                "the posterior is improper: there is no penalty, and the classes are separated. Fit with a penalty (C)"
            )
        self._geometry: GlmGeometry = geometry
        self.mean: Doubles = self._model.parameters[0].copy()
        self.covariance: Doubles = about_zero(geometry.bread, geometry.mean)
        self.standard_deviation: Doubles = np.sqrt(np.diagonal(self.covariance))
        self.names: tuple[str, ...] = self._model.names
        self.effective_df: float = geometry.effective_df
        self.notes: tuple[str, ...] = tuple(_notes(self._model))

    @cached_property
    def log_evidence(self) -> float:
        """
        Logarithm of the probability of the labels, the coefficients integrated out; for a flat intercept up to a
        constant, the same for every C. The larger the better, at the same rows (MacKay 1992).
        """
        model, fit, root = self._model, self._model.fitted, self._geometry.root
        if not fit.penalty > 0:
            raise ValueError(
                "without a penalty the prior is flat and there is no evidence; fit with a finite C"
                if not fit.firth
                else "Jeffreys' prior has no evidence to compare; use LogisticRegression with a finite C"
            )
        count = len(model.class_names)
        log_det = model.n_features * (model.n_contrasts * np.log(fit.penalty))
        penalised = model.n_features * model.n_contrasts
        if not model.binary:
            log_det -= model.n_features * np.log(count)
        if fit.intercept_penalty > 0 and model.has_intercept:
            log_det += np.log(fit.intercept_penalty)
            penalised += 1
        log_prior = 0.5 * (log_det - self.mean @ model.ridge @ self.mean - penalised * np.log(2.0 * np.pi))
        half_log_det = -float(np.linalg.slogdet(root)[1])
        return float(fit.log_likelihood + log_prior + 0.5 * len(self.mean) * np.log(2.0 * np.pi) - half_log_det)

    def interval(self, level: float = 0.9) -> Intervals:
        """
        Return an interval of each coefficient that holds it with this probability, given the data and the prior.

        Parameters
        ----------
        level : float, default=0.9

        Returns
        -------
        Intervals
            With `lower`, `upper` and `names`; an array of shape (n_parameters, 2) for NumPy.
        """
        reach = half_width(checked_level(level), np.inf) * self.standard_deviation
        return Intervals(self.mean - reach, self.mean + reach, level, self.names, "posterior", notes=self.notes)

    def posterior_samples(self, n_samples: int = 1000, random_state: Any = None) -> Doubles:
        """
        Draw coefficients from the posterior.

        Parameters
        ----------
        n_samples : int, default=1000
            How many.
        random_state : int, RandomState instance or None, default=None
            Seed.

        Returns
        -------
        ndarray of shape (n_samples, n_parameters)
            In the order of `names`.
        """
        drawn = self._deviations(_checked_count(n_samples), random_state)
        if self._geometry.mean is not None:
            drawn[:, 0] -= np.einsum("kjs,j->ks", drawn[:, 1:], self._geometry.mean)
        return self.mean + drawn.reshape(len(self.mean), -1).T

    def predict_proba(
        self, X: Any, method: str = "auto", *, n_samples: int = 1000, random_state: Any = None
    ) -> Doubles:
        """
        Predict with all coefficients, each as much as the posterior believes in it.

        Far from the rows of the fit the probabilities go back towards one half; those of the fit go to 0 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.
        method : {"auto", "quadrature", "probit", "sampling"}, default="auto"
            "quadrature" is the average itself to rounding, for two classes, and what "auto" takes for them. "sampling"
            is the average over draws, and what "auto" takes for more, with the same draws each time. "probit" is
            MacKay's approximation in closed form, for more classes by pairs (Lu, Ie and Sha 2020): within 0.02 of the
            average for two classes, but small probabilities come out too large; rough for many classes.
        n_samples : int, default=1000
            Draws; half of them mirror the others, which makes the average more exact.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; None is a fixed one for "auto".

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes`.
        """
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
        if method == "auto" and not self._model.binary:
            method, random_state = "sampling", 0 if random_state is None else random_state
        if method == "sampling":
            return self._by_draws(X, n_samples, random_state)[0]
        if method in ("auto", "quadrature"):
            if not self._model.binary:
                raise ValueError(f"method='quadrature' is for two classes, not {len(self.classes)}: use 'sampling'")
            return self._of_two(X)[0]
        return self._by_probit(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """
        Predict the class of highest probability.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        labels: NDArray[Any] = self.classes[self.predict_proba(X).argmax(axis=1)]
        return labels

    def predict_parts(
        self, X: Any, kind: str = "variance", *, n_samples: int = 1000, random_state: Any = None
    ) -> PredictiveParts:
        """
        Predict, with the two sources of uncertainty apart.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to predict.
        kind : {"variance", "entropy"}, default="variance"
            For each class, standard deviations of whether the row belongs to it: of its probability, and of the label
            if that were known; their squares add up to ``mean (1 - mean)``. Or, for each row, entropies in nats: the
            mutual information of label and coefficients, and the average entropy of the label; they add up to the
            entropy of `mean`.
        n_samples : int, default=1000
            Draws, for more than two classes; two are integrated to rounding.
        random_state : int, RandomState instance or None, default=None
            Seed, for more than two classes.

        Returns
        -------
        PredictiveParts
            Of `mean`, `epistemic` and `aleatoric`.
        """
        if kind not in ("variance", "entropy"):
            raise ValueError(f"kind must be 'variance' or 'entropy', got {kind!r}")
        if self._model.binary:
            mean, single, entropy = self._of_two(X)
            variance = np.repeat(single[:, np.newaxis], 2, axis=1)
        else:
            mean, variance, entropy = self._by_draws(X, n_samples, random_state)
        if kind == "entropy":
            return PredictiveParts(mean, np.maximum(entropy_of(mean) - entropy, 0.0), entropy)
        rest = mean * (1.0 - mean) if not self._model.binary else mean * mean[:, ::-1]
        return PredictiveParts(mean, np.sqrt(np.maximum(rest - variance, 0.0)), np.sqrt(variance))

    def to_frame(self, level: float = 0.9) -> Any:
        """Return a pandas DataFrame with one row for each parameter."""
        import pandas as pd

        return pd.DataFrame(self._columns(level), index=list(self.names))

    def _columns(self, level: float) -> dict[str, Doubles]:
        found = self.interval(level)
        return {"mean": self.mean, "std": self.standard_deviation, "lower": found.lower, "upper": found.upper}

    def __str__(self) -> str:
        columns = self._columns(0.9)
        cells = [[f"{value:.6g}" for value in row] for row in zip(*columns.values(), strict=True)]
        head = f"Laplace posterior of {self._model.title}, {self.effective_df:.3g} of {len(self.mean)} parameters known"
        table = text_table(self.names, ["mean", "std", "[90%", "interval]"], cells)
        return "\n".join([head, table, *(f"- {note}" for note in self.notes)])

    def __repr__(self) -> str:
        return f"<LaplacePosterior of {self._model.title}: {len(self.mean)} parameters>"

    def _in_order(self, found: Doubles) -> Doubles:
        """Return probabilities in the order of the classes, of those with the base first."""
        model = self._model
        return found if model.base == 0 else found[:, np.argsort([model.base, *model.others])]

    def _rows(self, X: Any) -> tuple[Any, Doubles]:
        rows = self.inference.engine_rows(transformed(self.estimator, X))
        return rows, linear_predictors(rows, self._model.coef, self._model.intercept)

    def _spreads(self, rows: Any) -> Iterator[tuple[slice, Doubles]]:
        """Yield covariances of the linear predictors of rows, in blocks."""
        geometry = self._geometry
        for some, roots in row_roots(rows, geometry.root, geometry.mean, self._model.n_contrasts):
            yield some, roots @ roots.swapaxes(1, 2)

    @one_blas_thread()
    def _by_probit(self, X: Any) -> Doubles:
        rows, eta = self._rows(X)
        found = np.empty((len(eta), len(self.classes)))
        for some, spread in self._spreads(rows):
            found[some] = pairwise_probit(eta[some], spread)
        return self._in_order(found)

    @one_blas_thread()
    def _of_two(self, X: Any) -> tuple[Doubles, Doubles, Doubles]:
        rows, eta = self._rows(X)
        variance = np.empty(len(eta))
        for some, spread in self._spreads(rows):
            variance[some] = spread[:, 0, 0]
        mean, single, entropy = averages_of_two(eta[:, 0], np.sqrt(variance))
        return self._in_order(mean), single, entropy

    @one_blas_thread()
    def _by_draws(self, X: Any, n_samples: int, random_state: Any) -> tuple[Doubles, Doubles, Doubles]:
        rows, eta = self._rows(X)
        half = self._deviations((_checked_count(n_samples) + 1) // 2, random_state)
        drawn = np.concatenate([half, -half], axis=2)[:, :, :n_samples]
        parts = [np.empty((len(eta), len(self.classes))) for _ in range(2)] + [np.empty(len(eta))]
        for some, block in row_blocks(rows):
            design = with_constant(block, self._geometry.mean)
            found = averages_by_draws(eta[some], design, drawn)
            for whole, part in zip(parts, found, strict=True):
                whole[some] = part
        return self._in_order(parts[0]), self._in_order(parts[1]), parts[2]

    @one_blas_thread()
    def _deviations(self, count: int, random_state: Any) -> Doubles:
        """Draw (prediction at the mean, coef) less their mean, of shape (n_contrasts, width, count)."""
        root = self._geometry.root
        normal = check_random_state(random_state).standard_normal((count, root.shape[1]))
        found: Doubles = root @ normal.T
        return found.reshape(self._model.n_contrasts, -1, count)


def _checked_count(n_samples: int) -> int:
    if not n_samples >= 1:
        raise ValueError(f"n_samples must be at least 1, got {n_samples!r}")
    return int(n_samples)


def _notes(model: GlmModel) -> Iterator[str]:
    fit = model.fitted
    if fit.firth:
        yield "Jeffreys' prior: the covariance is the inverse of the information, the prior's own curvature left out"
    elif not model.penalised and fit.n_certain:
        yield (
            f"there is no penalty, and {fit.n_certain} rows have a fitted probability of 0 or 1: the classes may be "
            "separated, and then there is no posterior"
        )
    if fit.class_factors is not None:
        yield "class weights count as numbers of rows: probabilities are those of the reweighted classes"
