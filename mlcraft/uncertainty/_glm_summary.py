"""The summary of a logistic or multinomial fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty._covariance import Covariance
from mlcraft.uncertainty._glm_geometry import GlmGeometry
from mlcraft.uncertainty._glm_model import GlmModel
from mlcraft.uncertainty._intervals import Intervals, t_ratio, two_sided
from mlcraft.uncertainty._table import fact_lines, html_page, html_tables, listed, p_text, text_table, undetermined

__all__ = ["LogisticSummary", "Measures", "measures", "summarise_glm"]

Doubles = NDArray[np.float64]
FEW_EVENTS = 10.0  # rows of the rarer class for each parameter (Peduzzi et al. 1996)


@dataclass(frozen=True)
class Measures:
    """
    How well a fit by likelihood does.

    Attributes
    ----------
    log_likelihood, null_log_likelihood : float
        Of the fit and of the model without columns.
    deviance, null_deviance : float
        -2 times these.
    df, null_df : float
        Their residual degrees of freedom.
    lr_statistic, lr_df, lr_p_value : float
        Likelihood-ratio test that all coefficients but the intercepts are zero; NaN for a penalised fit.
    mcfadden, cox_snell, nagelkerke, tjur : float
        Pseudo-R2: 1 - ll / ll0; 1 - exp(2 (ll0 - ll) / n); the latter over its maximum; and the difference of the mean
        probabilities between the classes (two classes only) [1]_. With Firth's penalty only the last is defined.
    aic, bic : float
        With the effective number of parameters; NaN with Firth's penalty.

    References
    ----------
    .. [1] T. Tjur, "Coefficients of determination in logistic regression models", The American Statistician 63, 2009.
    """

    log_likelihood: float
    null_log_likelihood: float
    deviance: float
    null_deviance: float
    df: float
    null_df: float
    lr_statistic: float
    lr_df: float
    lr_p_value: float
    mcfadden: float
    cox_snell: float
    nagelkerke: float
    tjur: float
    aic: float
    bic: float


@dataclass(frozen=True)
class LogisticSummary:
    """
    Summary of a logistic or multinomial fit.

    ``str(summary)`` is a text, notebooks show a table, ``to_frame()`` gives the numbers. What `Measures` holds are
    attributes here as well: ``summary.deviance``.

    Attributes
    ----------
    title : str
        Name of the estimator.
    outcome : str
        Which class is compared with which.
    names : tuple of str
        Names of the parameters; with more than two classes "class: name".
    n_observations : float
        Number of rows with a weight, or the sum of frequency weights.
    coef, standard_error, z, p_value, lower, upper : ndarray of shape (n_parameters,)
        Log odds ratios, with normal tests and the intervals asked for.
    odds_ratio, odds_lower, odds_upper : ndarray of shape (n_parameters,)
        The same as odds ratios: exp(coef) and of its interval.
    bias : ndarray of shape (n_parameters,) or None
        Estimated bias of a penalised fit.
    measures : Measures
        Deviances, tests and pseudo-R2.
    covariance, correction : str
        Kind of the covariance, and its small-sample correction.
    method : str
        "wald" or "profile": the intervals.
    level : float
        Confidence level.
    notes : tuple of str
        What to know before believing the numbers.
    """

    title: str
    outcome: str
    names: tuple[str, ...]
    n_observations: float
    coef: Doubles
    standard_error: Doubles
    z: Doubles
    p_value: Doubles
    lower: Doubles
    upper: Doubles
    odds_ratio: Doubles
    odds_lower: Doubles
    odds_upper: Doubles
    bias: Doubles | None
    measures: Measures
    covariance: str
    correction: str
    method: str
    level: float
    notes: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in Measures.__annotations__:
            return getattr(self.measures, name)
        raise AttributeError(f"LogisticSummary has no attribute {name!r}")

    def _columns(self) -> dict[str, Doubles]:
        columns = {
            "coef": self.coef,
            "std_error": self.standard_error,
            "z": self.z,
            "p_value": self.p_value,
            "lower": self.lower,
            "upper": self.upper,
            "odds_ratio": self.odds_ratio,
            "odds_lower": self.odds_lower,
            "odds_upper": self.odds_upper,
        }
        return columns if self.bias is None else columns | {"bias": self.bias}

    def to_frame(self) -> Any:
        """
        Return the table of coefficients as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            Columns coef, std_error, z, p_value, lower, upper, odds_ratio, odds_lower, odds_upper (and bias of a
            penalised fit); one row for each parameter.
        """
        import pandas as pd

        return pd.DataFrame(self._columns(), index=list(self.names))

    def _facts(self) -> list[tuple[str, str]]:
        found = self.measures
        test = "not defined"
        if not np.isnan(found.lr_statistic):
            test = f"{found.lr_statistic:.5g}, p = {p_text(found.lr_p_value)}"
        pseudo, criteria = f"{found.mcfadden:.4f}, {found.nagelkerke:.4f}", f"{found.aic:.2f}, {found.bic:.2f}"
        if np.isnan(found.mcfadden):
            pseudo = criteria = "not defined"
        last = ("Tjur R2", f"{found.tjur:.4f}") if not np.isnan(found.tjur) else ("correction", self.correction)
        return [
            ("deviance", f"{found.deviance:.6g} ({found.df:.6g} df)"),
            ("null deviance", f"{found.null_deviance:.6g} ({found.null_df:.6g} df)"),
            (f"LR chi2({found.lr_df:.6g})", test),
            ("log likelihood", f"{found.log_likelihood:.3f}"),
            ("McFadden, Nagelkerke R2", pseudo),
            ("AIC, BIC", criteria),
            last,
            ("covariance", self.covariance if self.correction == "none" else f"{self.covariance}, {self.correction}"),
        ]

    @property
    def _head(self) -> str:
        count = f"{self.n_observations:.10g} observations, {len(self.names)} parameters"
        return f"{self.title} of {self.outcome}: {count}"

    def _labels(self) -> list[str]:
        labels = ["coef", "std error", "z", "p", f"[{100 * self.level:.6g}%", "interval]"]
        labels += ["odds ratio", f"[{100 * self.level:.6g}%", "interval]"]
        return labels if self.bias is None else [*labels, "bias"]

    def _cells(self) -> list[list[str]]:
        columns = [values.tolist() for values in self._columns().values()]
        return [
            [
                f"{row[0]:.6g}",
                f"{row[1]:.5g}",
                f"{row[2]:.3f}",
                p_text(row[3]),
                *(f"{value:.6g}" for value in row[4:6]),
                *(f"{value:.4g}" for value in row[6:]),
            ]
            for row in zip(*columns, strict=True)
        ]

    def __str__(self) -> str:
        blocks = ["\n".join([self._head, *fact_lines(self._facts())])]
        blocks.append(text_table(self.names, self._labels(), self._cells()))
        if self.notes:
            blocks.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        return str(self)

    def to_html(self) -> str:
        """
        Return the summary as HTML tables without styles of their own.

        Returns
        -------
        str
        """
        tables = html_tables(self._head, self._facts(), self.names, self._labels(), self._cells())
        return html_page([tables], self.notes)

    def _repr_html_(self) -> str:
        return self.to_html()


def measures(model: GlmModel, geometry: GlmGeometry, weights: str = "analytic") -> Measures:
    """
    Return how well a fit does.

    Parameters
    ----------
    model : GlmModel
    geometry : GlmGeometry
    weights : {"analytic", "frequency", "sampling"}, default="analytic"
        What the weights of the fit mean.

    Returns
    -------
    Measures
    """
    from scipy.special import chdtrc

    fit = model.fitted
    n, count = model.n_observations(weights), geometry.effective_df
    likelihood, null = fit.log_likelihood, fit.null_log_likelihood
    constants = model.n_contrasts * model.has_intercept
    gain, extra = 2.0 * (likelihood - null), count - constants
    tested = not model.penalised and extra > 0 and model.varies()
    total = float(fit.class_weights.sum())  # the likelihood counts weights, whatever they mean
    cox_snell, largest = float(-np.expm1(-gain / total)), float(-np.expm1(2.0 * null / total))
    pseudo, criteria = (np.nan, np.nan, np.nan), (np.nan, np.nan)
    if not fit.firth:
        mcfadden = float(1.0 - likelihood / null) if null else np.nan
        pseudo = (mcfadden, cox_snell, cox_snell / largest if largest > 0 else np.nan)
        criteria = (2.0 * (count - likelihood), float(np.log(n)) * count - 2.0 * likelihood)
    tjur = np.nan
    if model.binary and fit.own_weight is not None and model.varies():
        own = fit.own_weight / fit.class_weights
        tjur = float(own[1] - (1.0 - own[0]))
    return Measures(
        likelihood,
        null,
        -2.0 * likelihood,
        -2.0 * null,
        n - count,
        n - constants,
        gain if tested else np.nan,
        extra,
        float(chdtrc(extra, max(gain, 0.0))) if tested else np.nan,
        *pseudo,
        tjur,
        *criteria,
    )


def summarise_glm(model: GlmModel, found: Covariance, bounds: Intervals, method: str) -> LogisticSummary:
    """
    Put a summary together.

    Parameters
    ----------
    model : GlmModel
    found : Covariance
    bounds : Intervals
        Of the coefficients.
    method : {"wald", "profile"}
        How these came about.

    Returns
    -------
    LogisticSummary
    """
    geometry = model.geometry()
    coef, error = model.parameters[0], found.standard_errors
    z = t_ratio(coef, error, model.varies())
    with np.errstate(over="ignore"):
        odds = (np.exp(coef), np.exp(bounds.lower), np.exp(bounds.upper))
    notes = dict.fromkeys([*_warnings(model, geometry, found, method), *found.notes, *bounds.notes])
    return LogisticSummary(
        model.title,
        outcome_of(model),
        model.names,
        model.n_observations(found.weights),
        coef,
        error,
        z,
        two_sided(z, np.inf),
        bounds.lower,
        bounds.upper,
        *odds,
        found.bias,
        measures(model, geometry, found.weights),
        found.kind,
        found.correction,
        method,
        bounds.level,
        tuple(notes),
    )


def outcome_of(model: GlmModel) -> str:
    """Say which classes are compared."""
    if model.binary:
        return f"{model.class_names[model.others[0]]} against {model.class_names[model.base]}"
    return f"{listed([model.class_names[k] for k in model.others])} against {model.class_names[model.base]}"


def _warnings(model: GlmModel, geometry: GlmGeometry, found: Covariance, method: str) -> list[str]:
    """Say in plain words what to be careful about."""
    notes, fit = [], model.fitted
    known = geometry.identified
    if not known.all():
        lost = [name for name, determined in zip(model.names, known, strict=True) if not determined]
        notes.append(undetermined(lost))
    if fit.n_certain and not model.penalised and not fit.firth:
        notes.append(
            f"{fit.n_certain} rows have a fitted probability of 0 or 1: the classes may be separated, and then "
            "estimates are infinite and Wald tests mean nothing. Use FirthLogisticRegression, or method='profile' for "
            "the bounds that exist."
        )
    events = _rarest(fit.class_weights if found.weights == "frequency" else fit.class_weights * _rows_a_weight(model))
    per = events / max(1, int(known[: model.width].sum()) - model.has_intercept)
    if per < FEW_EVENTS and method == "wald" and not fit.firth:
        notes.append(
            f"Few events: the rarest class has {events:.4g} rows for {model.n_features} columns. Coefficients lean "
            "away from zero and Wald intervals are rough: prefer profile likelihood (method='profile'), or "
            "FirthLogisticRegression."
        )
    if fit.firth and method == "wald":
        notes.append(
            "Firth's penalised likelihood is skewed where data are few or separated: prefer its profile intervals "
            "(method='profile') and lr_test."
        )
    return notes


def _rarest(class_weights: Doubles) -> float:
    some = class_weights[class_weights > 0]
    return float(some.min()) if some.size else 0.0


def _rows_a_weight(model: GlmModel) -> float:
    """Rows for each unit of weight: what a sum of weights of precision is worth in rows."""
    return model.fitted.n_samples / float(model.fitted.class_weights.sum())
