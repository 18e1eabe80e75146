"""The summary of a fit: what is known of each coefficient, and what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty._covariance import Covariance
from mlcraft.uncertainty._intervals import checked_level, half_width, t_ratio, two_sided
from mlcraft.uncertainty._model import FittedModel
from mlcraft.uncertainty._table import (
    NAMED_AT_MOST,
    fact_lines,
    html_page,
    html_tables,
    listed,
    p_text,
    text_table,
    undetermined,
)
from mlcraft.uncertainty._tests import wald

__all__ = ["Summary", "TargetSummary", "summarise"]

Doubles = NDArray[np.float64]

COLUMNS = ("coef", "std error", "t", "p")
NEARLY_DEPENDENT = 30.0  # condition with columns of unit length (Belsley, Kuh and Welsch 1980)
INFLATED = 10.0  # variance inflation that is worth a word
FEW_ROWS = 10.0  # observations for each parameter
EXACT = 1e-24  # unexplained share of a fit that leaves rounding only


@dataclass(frozen=True)
class TargetSummary:
    """
    What is known of the fit to one target.

    Attributes
    ----------
    target : str
        Its name.
    coef, standard_error, t, p_value, lower, upper : ndarray of shape (n_parameters,)
        The table, in the order of the parameters' names.
    bias : ndarray of shape (n_parameters,) or None
        Estimated bias of a penalised fit.
    r2, adjusted_r2 : float
        Share of the variance explained; about zero where there is no intercept.
    f_statistic, f_p_value : float
        Test that all coefficients but the intercept are zero; NaN for a penalised fit.
    f_df : tuple of float
        Its degrees of freedom.
    residual_sd : float
        Estimated standard deviation of an observation of weight one.
    df : float
        Residual degrees of freedom.
    inference_df : float
        Degrees of freedom of the t distribution used.
    log_likelihood, aic, bic : float
        Of the normal model; the standard deviation counts as a parameter.
    """

    target: str
    coef: Doubles
    standard_error: Doubles
    t: Doubles
    p_value: Doubles
    lower: Doubles
    upper: Doubles
    bias: Doubles | None
    r2: float
    adjusted_r2: float
    f_statistic: float
    f_p_value: float
    f_df: tuple[float, float]
    residual_sd: float
    df: float
    inference_df: float
    log_likelihood: float
    aic: float
    bic: float


@dataclass(frozen=True)
class Summary:
    """
    Summary of a fitted linear regression.

    ``str(summary)`` is a text, notebooks show a table, ``to_frame()`` gives the numbers.

    Attributes
    ----------
    title : str
        Name of the estimator.
    names : tuple of str
        Names of the parameters, "intercept" first where there is one.
    n_observations : float
        Number of rows with a weight, or the sum of frequency weights.
    targets : tuple of TargetSummary
        One for each target.
    covariance : str
        Kind of the covariance.
    correction : str
        Its small-sample correction.
    condition : float
        Condition number of the centred X with columns of unit length.
    level : float
        Confidence level.
    notes : tuple of str
        What to know before believing the numbers.
    """

    title: str
    names: tuple[str, ...]
    n_observations: float
    targets: tuple[TargetSummary, ...]
    covariance: str
    correction: str
    condition: float
    level: float
    notes: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        """Attributes of the only target, when there is one."""
        if name.startswith("_") or len(self.targets) != 1:
            raise AttributeError(f"Summary has no attribute {name!r}")
        return getattr(self.targets[0], name)

    def to_frame(self) -> Any:
        """
        Return the table of coefficients as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            Columns coef, std_error, t, p_value, lower, upper (and bias of a penalised fit); one row for each parameter,
            of each target where there are several.
        """
        import pandas as pd

        frames = {part.target: pd.DataFrame(_columns(part), index=list(self.names)) for part in self.targets}
        return frames[self.targets[0].target] if len(frames) == 1 else pd.concat(frames)

    def __str__(self) -> str:
        blocks = []
        for part in self.targets:
            blocks.append("\n".join(self._head(part)))
            blocks.append(text_table(self.names, _labels(part, self.level), _cells(part)))
        if self.notes:
            blocks.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(blocks)

    def __repr__(self) -> str:
        return str(self)

    def _facts(self, part: TargetSummary) -> list[tuple[str, str]]:
        numerator, denominator = part.f_df
        return [
            ("R2", f"{part.r2:.4f}"),
            ("residual sd", f"{part.residual_sd:.5g} ({part.df:.6g} df)"),
            ("adjusted R2", f"{part.adjusted_r2:.4f}"),
            ("log likelihood", f"{part.log_likelihood:.3f}"),
            (f"F({numerator:.6g}, {denominator:.6g})", _test_text(part)),
            ("AIC, BIC", f"{part.aic:.2f}, {part.bic:.2f}"),
            ("covariance", self.covariance),
            ("correction", self.correction),
            ("condition number", f"{self.condition:.4g}"),
            ("t distribution", f"{part.inference_df:.6g} df"),
        ]

    def _head(self, part: TargetSummary) -> list[str]:
        head = f"{self.title} of {part.target}: {self.n_observations:.10g} observations, {len(self.names)} parameters"
        return [head, *fact_lines(self._facts(part))]

    def to_html(self) -> str:
        """
        Return the summary as HTML tables without styles of their own.

        Returns
        -------
        str
        """
        blocks = [
            html_tables(
                f"{self.title} of {part.target}: {self.n_observations:.10g} observations",
                self._facts(part),
                self.names,
                _labels(part, self.level),
                _cells(part),
            )
            for part in self.targets
        ]
        return html_page(blocks, self.notes)

    def _repr_html_(self) -> str:
        return self.to_html()


def _columns(part: TargetSummary) -> dict[str, Doubles]:
    columns = {
        "coef": part.coef,
        "std_error": part.standard_error,
        "t": part.t,
        "p_value": part.p_value,
        "lower": part.lower,
        "upper": part.upper,
    }
    if part.bias is not None:
        columns["bias"] = part.bias
    return columns


def _labels(part: TargetSummary, level: float) -> list[str]:
    labels = [*COLUMNS, f"[{100 * level:.6g}%", "interval]"]
    return labels if part.bias is None else [*labels, "bias"]


def _test_text(part: TargetSummary) -> str:
    if np.isnan(part.f_statistic):
        return "not defined"
    return f"{part.f_statistic:.5g}, p = {p_text(part.f_p_value)}"


def _cells(part: TargetSummary) -> list[list[str]]:
    """Return the numbers of the table as text."""
    columns = [values.tolist() for values in _columns(part).values()]
    return [
        [f"{row[0]:.6g}", f"{row[1]:.5g}", f"{row[2]:.3f}", p_text(row[3]), *(f"{value:.6g}" for value in row[4:])]
        for row in zip(*columns, strict=True)
    ]


def summarise(model: FittedModel, found: list[Covariance], targets: Sequence[int], level: float) -> Summary:
    """
    Put a summary together.

    Parameters
    ----------
    model : FittedModel
    found : list of Covariance
        One for each of `targets`.
    targets : sequence of int
    level : float

    Returns
    -------
    Summary
    """
    checked_level(level)
    parts = tuple(_one(model, one, target, level) for one, target in zip(found, targets, strict=True))
    notes = [*_warnings(model, parts, targets, found[0])]
    for one in found:
        notes.extend(note for note in one.notes if note not in notes)
    return Summary(
        model.title,
        model.names,
        model.n_observations(found[0].weights),
        parts,
        found[0].kind,
        found[0].correction,
        model.condition,
        level,
        tuple(notes),
    )


def _one(model: FittedModel, found: Covariance, target: int, level: float) -> TargetSummary:
    geometry, sums, weights = model.geometry(target), model.checked_sums(), found.weights
    coef, error, df = model.parameters[target], found.standard_errors, float(found.df)
    varies = model.varies(target)
    t = t_ratio(coef, error, varies)
    reach = half_width(level, df) * error
    n, left_df, variance = (
        model.n_observations(weights),
        model.residual_df(target, weights),
        model.variance(target, weights),
    )
    residual, total = float(sums.residual[target]), float(sums.total[target])
    r2 = 1.0 - residual / total if varies else np.nan
    adjusted = 1.0 - (1.0 - r2) * (n - geometry.has_intercept) / left_df if left_df > 1e-9 else np.nan
    log_likelihood, aic, bic = _likelihood(model, geometry.effective_df, residual, n, weights)
    statistic, p_value, f_df = _overall_test(model, found, target, total, residual, variance)
    return TargetSummary(
        model.target_names[target],
        coef,
        error,
        t,
        two_sided(t, df),
        coef - reach,
        coef + reach,
        found.bias,
        r2,
        adjusted,
        statistic,
        p_value,
        f_df,
        float(np.sqrt(variance)),
        left_df,
        df,
        log_likelihood,
        aic,
        bic,
    )


def _likelihood(
    model: FittedModel, parameters: float, residual: float, n: float, weights: str
) -> tuple[float, float, float]:
    """Log likelihood of the normal model, AIC and BIC; NaN where there is none."""
    log_weight = model.log_weight if weights == "analytic" else 0.0
    if weights == "sampling" or not residual > 0:
        return np.nan, np.nan, np.nan
    likelihood = -0.5 * n * (np.log(2.0 * np.pi * residual / n) + 1.0) + 0.5 * log_weight
    count = parameters + 1.0
    return float(likelihood), float(2.0 * count - 2.0 * likelihood), float(np.log(n) * count - 2.0 * likelihood)


def _overall_test(
    model: FittedModel, found: Covariance, target: int, total: float, residual: float, variance: float
) -> tuple[float, float, tuple[float, float]]:
    """F test that everything but the intercept is zero, with the covariance at hand."""
    from scipy.special import fdtrc

    geometry = model.geometry(target)
    rank, df = geometry.rank, float(found.df)
    if geometry.alpha > 0 or rank == 0 or not df > 0 or not model.varies(target):
        return np.nan, np.nan, (float(rank), df)
    if found.kind == "classical":
        statistic = (total - residual) / rank / variance if variance > 0 else np.inf
    else:
        contrasts = np.eye(len(model.names))[-model.n_features :][geometry.used]
        if geometry.directions is not None:  # what the data determine of the coefficients
            contrasts = np.zeros((rank, len(model.names)))
            sizes = np.where(geometry.used, geometry.scale, 1.0)
            contrasts[:, -model.n_features :] = (geometry.directions / sizes[:, np.newaxis]).T
        try:
            test = wald(model, found, contrasts, np.zeros(len(contrasts)), target, "F")
        except ValueError:  # fewer clusters than coefficients
            return np.nan, np.nan, (float(rank), df)
        statistic = test.statistic
    return float(statistic), float(fdtrc(rank, df, statistic)), (float(rank), df)


def _warnings(
    model: FittedModel, parts: Sequence[TargetSummary], targets: Sequence[int], found: Covariance
) -> list[str]:
    """Say in plain words what to be careful about."""
    geometry, sums = model.geometry(targets[0]), model.checked_sums()
    warnings = []
    if not geometry.full:
        lost = [name for name, known in zip(model.names, geometry.identified, strict=True) if not known]
        warnings.append(undetermined(lost))
    elif model.condition > NEARLY_DEPENDENT:
        inflation = np.diagonal(geometry.feature_inverse) / geometry.scale**2
        worst = np.argsort(-inflation)[:NAMED_AT_MOST]
        named = [f"{model.feature_names[j]} ({inflation[j]:.3g} times)" for j in worst if inflation[j] > INFLATED]
        if named:
            warnings.append(
                f"Columns nearly depend on each other (condition number {model.condition:.3g}), which inflates the "
                f"variances of {', '.join(named)}."
            )
    n, parameters = model.n_observations(found.weights), geometry.effective_df
    if n < FEW_ROWS * parameters:
        warnings.append(
            f"Few rows: {n:.6g} for {parameters:.4g} parameters. Intervals lean on normal errors, and R2 flatters; "
            "look at the adjusted one."
        )
    exact = [model.target_names[t] for t in targets if model.varies(t) and sums.residual[t] <= EXACT * sums.total[t]]
    if exact:
        warnings.append(
            f"The fit of {listed(exact)} is exact: what is left is rounding, and so are the standard errors."
        )
    if (
        any(np.isnan(part.f_statistic) and model.varies(t) for t, part in zip(targets, parts, strict=True))
        and found.kind.startswith("CR")
        and not geometry.alpha
    ):
        warnings.append("No F test: it needs more clusters than coefficients, and none that one cluster determines.")
    return warnings
