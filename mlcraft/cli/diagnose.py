"""Where a fit is not to be trusted, and how sure its coefficients are.

All follows from the correlation matrix of the training columns (its eigenvectors tell which columns depend
on each other), the leverages, the residuals and the target itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.cli.columns import Column
from mlcraft.cli.errors import listing

MAX_COLUMNS = 1500
_HIGH_INFLATION = 10.0
_ROWS_PER_COEFFICIENT = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for doubt: what was found, and what it means or what to do."""

    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class Design:
    """The training columns, standardised and taken apart; no more than p x p numbers beside the leverages.

    `inverse` is the pseudo-inverse of the correlation matrix, `dependent` groups the columns that determine
    each other exactly.
    """

    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    correlation: NDArray[np.float64]
    inverse: NDArray[np.float64]
    rank: int
    dependent: list[list[int]]
    leverages: NDArray[np.float64]

    @property
    def inflation(self) -> NDArray[np.float64]:
        """How many times the variance of each coefficient is what unrelated columns would give."""
        factors = np.diag(self.inverse).copy()
        factors[[index for group in self.dependent for index in group]] = np.inf
        return factors


def study_design(matrix: NDArray[np.float64]) -> Design | None:
    """Take the training columns apart; None if there are too many of them, or as many as rows.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 1.0], [3.0, 6.0, 0.0], [4.0, 8.0, 0.0], [5.0, 10.0, 1.0]])
    >>> design = study_design(x)
    >>> design.rank, design.dependent
    (2, [[0, 1]])
    """
    n_rows, n_columns = matrix.shape
    if n_columns > MAX_COLUMNS or n_rows <= n_columns + 1:
        return None
    means, deviations = matrix.mean(axis=0), matrix.std(axis=0)
    standardised = (matrix - means) / deviations
    correlation = standardised.T @ standardised / n_rows
    eigenvalues, vectors = np.linalg.eigh(correlation)
    alive = eigenvalues > 100.0 * n_columns * np.finfo(float).eps * eigenvalues[-1]
    root = vectors[:, alive] / np.sqrt(eigenvalues[alive])
    leverages = 1.0 / n_rows + np.square(standardised @ root).sum(axis=1) / n_rows
    null = vectors[:, ~alive]
    return Design(
        means,
        deviations,
        correlation,
        inverse=root @ root.T,
        rank=int(alive.sum()),
        dependent=_components(np.abs(null @ null.T) > 1e-6) if null.size else [],
        leverages=leverages,
    )


def uncertainty(
    estimator: Any, matrix: NDArray[np.float64], target: NDArray[np.float64], design: Design
) -> NDArray[np.float64]:
    """Return standard error and bounds of the 95 % interval of intercept and coefficients; NaN for dependent columns.

    They are those of HC3, which hold whether the errors spread evenly or not (MacKinnon and White 1985).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they would say is said by the diagnosis
        try:
            covariance = estimator.cov_params_("HC3", X=matrix, y=target)
        except ValueError:  # a row that is fitted exactly, whatever its value
            covariance = estimator.cov_params_("HC1", X=matrix, y=target)
        bounds = estimator.conf_int(0.95, covariance=covariance)
        found = np.column_stack([np.sqrt(np.diag(np.asarray(covariance))), bounds.lower, bounds.upper])
    dependent = [index + 1 for group in design.dependent for index in group]
    if dependent:
        found[[0, *dependent]] = np.nan
    return found


def doubt_columns(
    design: Design | None,
    matrix: NDArray[np.float64],
    names: Sequence[str],
    sources: Sequence[str],
    rows: NDArray[np.intp],
) -> list[Finding]:
    """Look for doubts in the predictors: too few rows, columns that go together, rows that stand alone.

    Parameters
    ----------
    design : Design or None
        What `study_design` made of `matrix`.
    matrix : ndarray of shape (n_rows, n_columns)
        The training matrix.
    names, sources : sequence of str
        Name of each column of the matrix, and the column of the table it comes from.
    rows : ndarray of int
        Where the training rows are in the file.

    Returns
    -------
    list of Finding
        Worst first.
    """
    n_rows, n_columns = matrix.shape
    findings = []
    per_coefficient = n_rows / (n_columns + 1)
    if n_rows <= n_columns + 1:
        what = f"{n_columns + 1:,} coefficients from {n_rows:,} rows: the training rows are fitted exactly."
        findings.append(Finding(what, "Only the held-out scores count. Drop columns or use --alpha."))
    elif per_coefficient < _ROWS_PER_COEFFICIENT:
        what = f"Few rows: {per_coefficient:.1f} for each of {n_columns + 1:,} coefficients; 10 is fair."
        findings.append(Finding(what, "Coefficients are rough. Drop columns, add rows or use --alpha."))
    if design is None:
        if n_rows > n_columns + 1:
            findings.append(Finding(f"More than {MAX_COLUMNS:,} columns.", "How they go together was not looked at."))
        return findings
    for group in design.dependent[:3]:
        what = f"{listing([names[index] for index in group])} determine each other exactly."
        tables = list(dict.fromkeys(sources[index] for index in group))
        way_out = f"Leave one out, such as --drop '{tables[-1]}'" if len(tables) > 1 else "Use --alpha"
        findings.append(Finding(what, f"Their single coefficients mean nothing; predictions are sound. {way_out}."))
    return [*findings, *_near_dependence(design, names), *_lone_rows(design, matrix, names, rows)]


def _near_dependence(design: Design, names: Sequence[str]) -> list[Finding]:
    inflation = np.where(np.isinf(design.inflation), 0.0, design.inflation)
    suspects = np.flatnonzero(inflation > _HIGH_INFLATION)
    if len(suspects) == 0:
        return []
    strong = np.abs(design.correlation[np.ix_(suspects, suspects)]) > 0.7
    groups = [suspects[group] for group in _components(strong)]
    groups.sort(key=lambda group: -float(inflation[group].max()))
    findings = []
    for group in groups[:3]:
        worst = float(inflation[group].max())
        who = listing([names[index] for index in group])
        what = f"{who} go together: variance inflation up to {worst:,.0f}."
        if len(group) == 1:
            what = f"{who} follows from other columns together: variance inflation {worst:,.0f}."
        factor = f"Standard errors are up to {math.sqrt(worst):,.1f} times those of unrelated columns"
        findings.append(Finding(what, f"{factor}; read such coefficients together, not one by one."))
    if len(groups) > 3:
        rest = sum(len(group) for group in groups[3:])
        findings.append(Finding(f"{rest} more columns go together with others.", "The same holds for them."))
    return findings


def _lone_rows(
    design: Design, matrix: NDArray[np.float64], names: Sequence[str], rows: NDArray[np.intp]
) -> list[Finding]:
    limit = max(0.5, 3.0 * (design.rank + 1) / len(rows))
    lone = np.flatnonzero(design.leverages > limit)
    if len(lone) == 0:
        return []
    shown = []
    for index in lone[np.argsort(-design.leverages[lone])][:3]:
        distance = np.abs(matrix[index] - design.means) / design.deviations
        why = names[int(distance.argmax())]
        shown.append(f"row {rows[index] + 1:,} (leverage {design.leverages[index]:.2f}, far out in '{why}')")
    count = "1 row stands" if len(lone) == 1 else f"{len(lone):,} rows stand"
    what = f"{count} alone: {', '.join(shown)}."
    return [Finding(what, "Such a row nearly decides its own prediction. Check its values.")]


def doubt_target(target: NDArray[np.float64]) -> list[Finding]:
    """Look for doubts in the target: two values only, or piles at its ends.

    Examples
    --------
    >>> values = np.minimum(np.arange(1000.0), 900.0)
    >>> doubt_target(values)[0].what
    'The target is cut off: 100 of 1,000 values (10.0 %) are exactly the largest, 900.'
    """
    distinct, counts = np.unique(target, return_counts=True)
    if len(distinct) == 2:
        what = f"The target has two values only, {distinct[0]:g} and {distinct[1]:g}."
        return [Finding(what, "A line can leave that range; such targets are for classification, which comes later.")]
    findings = []
    usual = float(np.median(counts))
    for end, word in ((-1, "largest"), (0, "smallest")):
        pile = int(counts[end])
        if len(distinct) > 20 and pile >= max(10, 0.01 * len(target), 10.0 * usual):
            share = 100.0 * pile / len(target)
            what = (
                f"The target is cut off: {pile:,} of {len(target):,} values ({share:.1f} %) are exactly"
                f" the {word}, {distinct[end]:,g}."
            )
            findings.append(Finding(what, "A line bends towards such a pile: slopes come out too flat."))
    return findings


def doubt_residuals(
    target: NDArray[np.float64], fitted: NDArray[np.float64], predicted: NDArray[np.float64]
) -> list[Finding]:
    """Look for doubts in the errors: skew, outliers, growing spread, impossible predictions.

    Parameters
    ----------
    target, fitted : ndarray
        Truth and prediction on the training rows.
    predicted : ndarray
        Predictions for the held-out rows.

    Returns
    -------
    list of Finding
        Worst first.
    """
    residuals = target - fitted
    deviation = float(residuals.std())
    if len(target) < 20 or deviation <= 1e-9 * float(target.std()):
        return []
    findings = []
    standard = residuals / deviation
    skewness = float(np.mean(standard**3))
    growth = float(np.corrcoef(np.abs(residuals), fitted)[0, 1])
    if growth > 0.3:
        what = f"Errors grow with the prediction: their size has correlation {growth:.2f} with it."
        findings.append(
            Finding(what, "The intervals above allow for that; expect larger errors where predictions are large.")
        )
    if abs(skewness) > 1.0:
        what = f"Errors are lopsided: the large ones lie {'above' if skewness > 0 else 'below'} the line"
        logs = " All targets are positive: their logarithm may fit better." if target.min() > 0 < skewness else ""
        advice = f"Few rows weigh much.{logs}"
        findings.append(Finding(f"{what} (skewness {skewness:.1f}).", advice))
    n_far = int((np.abs(standard) > 6.0).sum())
    if n_far and abs(skewness) <= 1.0:
        count = "1 row lies" if n_far == 1 else f"{n_far:,} rows lie"
        what = f"{count} more than 6 standard deviations off the line."
        findings.append(Finding(what, "Check their values; least squares lets them pull hard."))
    negative = float(np.mean(predicted < 0.0)) if target.min() >= 0.0 else 0.0
    if negative >= 0.005:
        what = f"{100.0 * negative:.1f} % of the held-out predictions are negative, though no target is."
        findings.append(Finding(what, "The relation is not a straight line near zero."))
    return findings


def doubt_scores(training_r2: float, r2: float, n_test: int, leaders: Sequence[str]) -> list[Finding]:
    """Look for doubts in the scores; `leaders` are the columns with the largest effects.

    Examples
    --------
    >>> [finding.what for finding in doubt_scores(0.8, -0.1, 500, ["a"])]
    ['The held-out rows are predicted worse than by the mean.']
    """
    findings = []
    if r2 > 0.99:
        what = f"The fit is suspiciously good: held-out R2 {r2:.6f}."
        advice = f"Is the target computed from {listing(leaders, joiner='or')}? --drop what is not known in time."
        findings.append(Finding(what, advice))
    if r2 < 0.0:
        what = "The held-out rows are predicted worse than by the mean."
        findings.append(Finding(what, "Do not use this model."))
    elif training_r2 - r2 > 0.1:
        what = f"R2 falls from {training_r2:.2f} on the training rows to {r2:.2f} on the held-out ones."
        findings.append(Finding(what, "The fit follows chance. Drop columns, add rows or use --alpha."))
    if n_test < 30:
        what = f"Only {n_test} rows are held out."
        findings.append(Finding(what, "The scores are rough; another --seed changes them."))
    return findings


def doubt_order(columns: Sequence[Column]) -> list[Finding]:
    """Doubt a random split where the rows follow each other in time."""
    for column in columns:
        if column.kind == "date" and len(column) >= 50:
            steps = np.diff(column.values[~column.missing])
            if len(steps) and (steps >= 0.0).mean() > 0.99 and (steps > 0.0).any():
                what = f"The rows follow each other in time ('{column.name}'), but were held out at random."
                return [Finding(what, "Expect less for rows later than all of these.")]
    return []


def _components(linked: NDArray[np.bool_]) -> list[list[int]]:
    """Group indices linked with each other, directly or not; the diagonal says who takes part at all."""
    waiting = set(np.flatnonzero(linked.diagonal()).tolist())
    groups = []
    while waiting:
        group, frontier = set(), [min(waiting)]
        while frontier:
            index = frontier.pop()
            if index in waiting:
                waiting.discard(index)
                group.add(index)
                frontier.extend(np.flatnonzero(linked[index]).tolist())
        groups.append(sorted(group))
    return groups
