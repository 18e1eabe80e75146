"""Linear hypotheses about coefficients: how they are written, and how they are tested."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._covariance import NO_VARIATION, Covariance
from mlcraft.uncertainty._intervals import basis, half_width, t_ratio, two_sided, with_notes
from mlcraft.uncertainty._model import FittedModel, Parametrised

__all__ = ["Contrast", "TestResult", "contrast", "nested", "parse_hypotheses", "wald"]

Doubles = NDArray[np.float64]

NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SINGULAR = 1e-10
UNCHECKED = (
    "Columns without names: that those of the smaller model are among those of the larger was not checked, and "
    "without it there is no such test. Fit data frames to have it checked."
)


@dataclass(frozen=True)
class TestResult:
    """
    Outcome of a test.

    Attributes
    ----------
    statistic : float
        F or chi-square statistic.
    p_value : float
        Probability of a statistic at least as large if the hypothesis holds.
    df : tuple of float
        Degrees of freedom: (number of restrictions, residual ones) for F, (number of restrictions,) for chi-square.
    distribution : str
        "F" or "chi2".
    hypotheses : tuple of str
        The restrictions, written out.
    covariance : str
        Kind of the covariance that was used.
    notes : tuple of str
        What to know before using it.
    """

    __test__ = False  # not a test of pytest's

    statistic: float
    p_value: float
    df: tuple[float, ...]
    distribution: str
    hypotheses: tuple[str, ...]
    covariance: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        df = ", ".join(f"{value:.6g}" for value in self.df)
        text = f"{self.distribution}({df}) = {self.statistic:.4f}, p = {self.p_value:.4g} ({basis(self.covariance)})"
        return with_notes(text, self.notes)


@dataclass(frozen=True)
class Contrast:
    """
    Linear combinations of coefficients with their intervals.

    Attributes
    ----------
    estimate, standard_error, t, p_value, lower, upper : ndarray of shape (n_contrasts,)
        p-values are for a combination of zero, or of the value asked for.
    level : float
        Confidence level of the intervals.
    names : tuple of str
        The combinations, written out.
    covariance : str
        Kind of the covariance that was used.
    bias : ndarray of shape (n_contrasts,) or None
        For a penalised fit, the estimated bias of the combinations, which the intervals do not make up for.
    notes : tuple of str
        What to know before using them.
    """

    estimate: Doubles
    standard_error: Doubles
    t: Doubles
    p_value: Doubles
    lower: Doubles
    upper: Doubles
    level: float
    names: tuple[str, ...]
    covariance: str
    bias: Doubles | None = None
    notes: tuple[str, ...] = ()

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row for each combination."""
        import pandas as pd

        columns = {key: getattr(self, key) for key in ("estimate", "standard_error", "t", "p_value", "lower", "upper")}
        return pd.DataFrame(columns, index=list(self.names))

    def __str__(self) -> str:
        rows = [
            f"{name}: {self.estimate[i]:.6g} [{self.lower[i]:.6g}, {self.upper[i]:.6g}], p = {self.p_value[i]:.4g}"
            for i, name in enumerate(self.names)
        ]
        if self.bias is not None:
            rows = [f"{row}, estimated bias {bias:.4g}" for row, bias in zip(rows, self.bias, strict=True)]
        return with_notes("\n".join(rows), self.notes)


def parse_hypotheses(hypotheses: Any, names: Sequence[str], value: Any = None) -> tuple[Doubles, Doubles]:
    """
    Return R and r of the restrictions ``R @ parameters == r``.

    Parameters
    ----------
    hypotheses : str, sequence of str, or array-like of shape (n_restrictions, n_parameters)
        Names ("wt": its coefficient), or linear expressions with them ("wt - 2 * hp = 1"); one string may hold
        several, separated by commas. Without a right-hand side it is zero.
    names : sequence of str
        Names of the parameters.
    value : array-like of shape (n_restrictions,), optional
        Right-hand sides for a matrix.

    Returns
    -------
    R : ndarray of shape (n_restrictions, n_parameters)
    r : ndarray of shape (n_restrictions,)

    Raises
    ------
    ValueError
        If a name is unknown, an expression cannot be read, or shapes do not agree.
    """
    if isinstance(hypotheses, str):
        hypotheses = [hypotheses] if hypotheses in names else _split(hypotheses, names)
    if len(hypotheses) and all(isinstance(part, str) for part in hypotheses):
        rows = [_expression(text, names) for text in hypotheses]
        matrix, right = np.array([row for row, _ in rows]), np.array([constant for _, constant in rows])
    else:
        matrix = np.atleast_2d(np.asarray(hypotheses, dtype=np.float64))
        right = np.zeros(len(matrix))
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise ValueError(
            f"a hypothesis needs a number for each of the {len(names)} parameters ({', '.join(names[:4])}, ...), "
            f"got shape {matrix.shape}"
        )
    if value is not None:
        right = right + np.broadcast_to(np.asarray(value, dtype=np.float64), right.shape)
    return matrix, right


def _position(name: str, names: Sequence[str]) -> int:
    """Place of a name, which must be the name of one parameter only."""
    places = [j for j, other in enumerate(names) if other == name]
    if len(places) > 1:
        both = "the intercept (parameter 0)" if name == "intercept" else f"parameter {places[0]}"
        raise ValueError(
            f"{name!r} is the name of two parameters: {both} and that of the column of this name (parameter "
            f"{places[1]}). Rename the column, or give the hypothesis as a matrix."
        )
    return places[0]


def _split(text: str, names: Sequence[str]) -> list[str]:
    """Cut at commas outside of names."""
    parts, start, at = [], 0, 0
    ordered = sorted((name for name in names if "," in name), key=len, reverse=True)
    while at < len(text):
        inside = next((name for name in ordered if text.startswith(name, at)), None)
        if inside is None and text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1 if inside is None else len(inside)
    return [*parts, text[start:]]


def _expression(text: str, names: Sequence[str]) -> tuple[Doubles, float]:
    """Read "a - 2 * b = 1": coefficients of the names, and the constant on the right."""
    if text.strip() in names:
        row = np.zeros(len(names))
        row[_position(text.strip(), names)] = 1.0
        return row, 0.0
    row, constant, side, sign, factor, open_term = np.zeros(len(names)), 0.0, 1.0, 1.0, None, False
    ordered = sorted(names, key=len, reverse=True)
    at = 0
    while at < len(text):
        rest = text[at:]
        name = next((name for name in ordered if rest.startswith(name) and _ends(rest, name)), None)
        number = NUMBER.match(rest)
        if rest[0].isspace() or rest[0] == "*":
            at += 1
        elif name is not None:
            row[_position(name, names)] += side * sign * (1.0 if factor is None else factor)
            factor, open_term, at = None, False, at + len(name)
            sign = 1.0
        elif number is not None and factor is None:
            factor, open_term, at = float(number.group()), True, at + number.end()
        elif rest[0] in "+-=":
            if open_term and factor is not None:
                constant -= side * sign * factor
                factor, open_term, sign = None, False, 1.0
            if rest[0] == "=":
                if side < 0:
                    raise ValueError(f"more than one '=' in the hypothesis {text!r}")
                side, sign = -1.0, 1.0
            else:
                sign = -sign if rest[0] == "-" else sign
            at += 1
        else:
            raise ValueError(f"cannot read {rest!r} in the hypothesis {text!r}; the parameters are: {', '.join(names)}")
    if factor is not None:
        constant -= side * sign * factor
    if not row.any():
        raise ValueError(f"no parameter in the hypothesis {text!r}; the parameters are: {', '.join(names)}")
    return row, constant


def _ends(rest: str, name: str) -> bool:
    """Whether the name is not just the beginning of a longer word."""
    following = rest[len(name) : len(name) + 1]
    return not ((following.isalnum() or following == "_") and (name[-1].isalnum() or name[-1] == "_"))


def describe(matrix: Doubles, right: Doubles | None, names: Sequence[str]) -> tuple[str, ...]:
    """Write restrictions out: "wt - 2 hp = 1"."""
    texts = []
    for i, row in enumerate(matrix):
        text = ""
        for j in np.flatnonzero(row).tolist():
            size = "" if abs(row[j]) == 1 else f"{abs(row[j]):.6g} "
            sign = ("-" if row[j] < 0 else "") if not text else (" - " if row[j] < 0 else " + ")
            text += f"{sign}{size}{names[j]}"
        texts.append(text if right is None else f"{text} = {right[i]:.6g}")
    return tuple(texts)


def _must_be_estimable(model: Parametrised, matrix: Doubles, target: int) -> None:
    fine = model.estimable(matrix, target)
    if not fine.all():
        text = describe(matrix[~fine][:1], None, model.names)[0]
        raise ValueError(
            f"the data do not determine {text}: columns depend on each other or do not vary, and other "
            "coefficients that fit as well give it another value"
        )


@one_blas_thread()
def wald(
    model: Parametrised, found: Covariance, matrix: Doubles, right: Doubles, target: int, distribution: str
) -> TestResult:
    """
    Test linear restrictions on one target's parameters.

    Parameters
    ----------
    model : FittedModel
    found : Covariance
        Of that target.
    matrix : ndarray of shape (n_restrictions, n_parameters)
    right : ndarray of shape (n_restrictions,)
    target : int
    distribution : {"F", "chi2"}

    Returns
    -------
    TestResult

    Raises
    ------
    ValueError
        If a restriction follows from others, or is about what the data do not determine, or if the covariance has
        too low a rank (fewer clusters than restrictions).
    """
    from scipy.special import chdtrc, fdtrc

    _must_be_estimable(model, matrix, target)
    count = len(matrix)
    if not model.varies(target):
        freedom = (float(count), float(found.df))[: 2 if distribution == "F" else 1]
        texts = describe(matrix, right, model.names)
        return TestResult(np.nan, np.nan, freedom, distribution, texts, found.kind, found.notes)
    difference = matrix @ model.parameters[target] - right
    middle = found.of(matrix)
    lost = np.isnan(np.diagonal(middle))
    if lost.any():
        raise ValueError(
            f"the {found.kind} covariance says nothing of {describe(matrix[lost][:1], None, model.names)[0]}: one "
            "cluster alone determines it"
        )
    size = np.sqrt(np.abs(np.diagonal(middle)))
    size[size == 0] = 1.0
    values, vectors = np.linalg.eigh(middle / size / size[:, np.newaxis])
    if values[0] < SINGULAR * values[-1]:
        if np.linalg.matrix_rank(matrix) < count:
            raise ValueError("some restrictions follow from the others; leave them out")
        raise ValueError(
            f"the {found.kind} covariance of the {count} restrictions is singular (there must be more clusters "
            "than restrictions, and residuals that are not all zero)"
        )
    projected = vectors.T @ (difference / size)
    chi_square = float(np.sum(projected**2 / values))
    texts = describe(matrix, right, model.names)
    if distribution == "chi2":
        p_value = float(chdtrc(count, chi_square))
        return TestResult(chi_square, p_value, (float(count),), "chi2", texts, found.kind, found.notes)
    statistic, df = chi_square / count, float(found.df)
    p_value = float(fdtrc(count, df, statistic))
    return TestResult(statistic, p_value, (float(count), df), "F", texts, found.kind, found.notes)


def contrast(
    model: Parametrised, found: Covariance, matrix: Doubles, right: Doubles, target: int, level: float
) -> Contrast:
    """
    Estimate linear combinations of one target's parameters.

    Parameters
    ----------
    model : FittedModel
    found : Covariance
    matrix : ndarray of shape (n_contrasts, n_parameters)
    right : ndarray of shape (n_contrasts,)
        Values that the p-values are for.
    target : int
    level : float

    Returns
    -------
    Contrast

    Raises
    ------
    ValueError
        If the data do not determine a combination.
    """
    _must_be_estimable(model, matrix, target)
    estimate = matrix @ model.parameters[target]
    error = np.sqrt(np.maximum(np.diagonal(found.of(matrix)), 0.0))
    t = t_ratio(estimate - right, error, model.varies(target))
    reach = half_width(level, found.df) * error
    names = describe(matrix, right if np.any(right) else None, model.names)
    p_value, bounds = two_sided(t, found.df), (estimate - reach, estimate + reach)
    bias = None if found.bias is None else matrix @ found.bias
    return Contrast(estimate, error, t, p_value, *bounds, level, names, found.kind, bias, found.notes)


def nested(larger: FittedModel, smaller: FittedModel, target: int, weights: str) -> TestResult:
    """
    Compare two nested fits to the same rows by the F test of their residual sums of squares.

    Parameters
    ----------
    larger, smaller : FittedModel
    target : int
    weights : str

    Returns
    -------
    TestResult

    Raises
    ------
    ValueError
        If the models were not fitted on the same rows, are not nested, or are penalised.
    """
    from scipy.special import fdtrc

    if larger.alpha[target] > 0 or smaller.alpha[target] > 0:
        raise ValueError("penalised fits have no F test: their residual sums do not follow a chi-square distribution")
    first, second = larger.checked_sums(), smaller.checked_sums()
    same = first.n_samples == second.n_samples and larger.n_targets == smaller.n_targets
    if same and larger.has_intercept == smaller.has_intercept:
        same = bool(np.isclose(first.total[target], second.total[target], rtol=1e-8))
    if not same:
        raise ValueError(
            "the models must be fitted on the same rows, targets and weights: "
            f"{first.n_samples} and {second.n_samples} rows, total sums of squares "
            f"{first.total[target]:.8g} and {second.total[target]:.8g}"
        )
    df, df_smaller = larger.residual_df(target, weights), smaller.residual_df(target, weights)
    extra, gain = df_smaller - df, float(second.residual[target] - first.residual[target])
    missing = sorted(set(smaller.names) - set(larger.names))
    if extra < 0.5 or missing or gain < -1e-8 * float(second.residual[target]):
        reason = f"only the other one has {', '.join(missing)}" if missing else "it must have fewer parameters"
        if extra >= 0.5 and not missing:
            reason = (
                f"its residual sum of squares is smaller, {second.residual[target]:.8g} of {first.residual[target]:.8g}"
            )
        raise ValueError(f"the model to compare with must be nested in this one: {reason}")
    notes = [] if larger.varies(target) else [NO_VARIATION.format(larger.target_names[target])]
    unchecked = smaller.n_features > 0 and not (larger.named and smaller.named)
    if unchecked:
        notes.append(UNCHECKED)
    variance = larger.variance(target, weights)
    statistic = np.nan
    if larger.varies(target):
        statistic = max(gain, 0.0) / extra / variance if variance > 0 else np.inf
    dropped = tuple(f"{name} = 0" for name in larger.names if name not in smaller.names)
    return TestResult(
        statistic, float(fdtrc(extra, df, statistic)), (extra, df), "F", dropped, "classical", tuple(notes)
    )
