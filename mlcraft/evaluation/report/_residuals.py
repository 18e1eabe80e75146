"""Residuals of a regression: whether their spread changes, neighbours go together, or structure is left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtr

from mlcraft.evaluation.comparison import holm
from mlcraft.evaluation.report._section import Cell, Figure, Section, Series, Table
from mlcraft.evaluation.report._task import Task

__all__ = ["autocorrelation", "breusch_pagan", "curvature", "residuals_section", "runs"]

Doubles = NDArray[np.float64]
POINTS = 800  # drawn
MOST_COLUMNS = 50


def residuals_section(task: Task) -> Section | None:
    """
    Test and draw residuals of held-out rows; Pearson's for counts.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Section or None
        None for classifiers.
    """
    if task.classifies:
        return None
    scale = np.sqrt(task.prediction) if task.kind == "count" else np.ones(task.n)
    counted = task.weights > 0
    residual = ((task.y - task.prediction) * np.sqrt(task.weights / np.mean(task.weights)) / scale)[counted]
    fitted = task.prediction[counted]
    if np.ptp(residual) == 0 or len(residual) < 20:
        raise ValueError(f"{len(residual)} residuals that are not all the same are needed, 20 or more")
    alpha = 1 - task.level
    tests = [
        ("Breusch-Pagan", "the spread changes with the prediction", breusch_pagan(residual, _powers(fitted, 2))),
        ("Durbin-Watson", "neighbouring rows go together", autocorrelation(residual)),
        ("runs", "signs of neighbouring rows go together", runs(residual)),
        ("RESET", "residuals depend on the prediction", curvature(residual, _powers(fitted, 3))),
    ]
    rows: list[dict[str, Cell]] = [
        {"test": name, "statistic": value, "p": p, "finds": said if p < alpha else "nothing"}
        for name, said, (value, p) in tests
    ]
    sentences = []
    for name, said, (_, p) in tests:
        sure = f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
        sentences.append(f"{name} {'finds that' if p < alpha else 'does not find that'} {said} ({sure}).")
    by_column, more = _columns(task, residual, counted, alpha)
    if task.kind == "count":
        sentences.insert(0, _dispersion(task))
    notes = [
        (
            "Durbin-Watson and runs take the rows in the order they came in. With many rows a test also finds what is "
            "too small to matter: look at the figures."
        ),
    ]
    found = any(p < alpha for _, _, (_, p) in tests) or bool(more)
    return Section(
        "residuals",
        "Residuals",
        (*sentences, *more),
        (Table("tests", "Tests", tuple(rows)), by_column),
        (_scatter(task, fitted, residual), _histogram(residual)),
        tuple(notes),
        "look" if found else "fine",
    )


def _powers(values: Doubles, most: int) -> Doubles:
    """Return powers of standardised numbers, 1 to most."""
    spread = float(values.std())
    z = (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))
    return np.column_stack([z**k for k in range(1, most + 1)])


def breusch_pagan(residual: Doubles, columns: Doubles) -> tuple[float, float]:
    """
    Test whether squared residuals depend on columns (Breusch & Pagan 1979, studentised by Koenker 1981).

    Returns
    -------
    statistic, p_value : float
        n R2 of squared residuals on the columns, chi-square with as many degrees of freedom as these.
    """
    squares = residual**2 - np.mean(residual**2)
    centred = columns - columns.mean(axis=0)
    coef, _, rank, _ = np.linalg.lstsq(centred, squares, rcond=None)
    value = len(residual) * float(1 - np.sum((squares - centred @ coef) ** 2) / np.sum(squares**2))
    return value, float(chdtrc(rank, value)) if rank else 1.0


def autocorrelation(residual: Doubles) -> tuple[float, float]:
    """
    Test whether neighbours go together (Durbin & Watson 1950).

    Returns
    -------
    statistic, p_value : float
        Sum of squared differences over the sum of squares, near 2 without correlation, normal for many rows; two-sided.
        Held-out residuals have no fit in them that the exact distribution would correct for.
    """
    off = residual - residual.mean()
    value = float(np.sum(np.diff(off) ** 2) / np.sum(off**2))
    return value, float(2 * ndtr(-abs(1 - value / 2) * np.sqrt(len(residual))))


def runs(residual: Doubles) -> tuple[float, float]:
    """
    Test whether signs come in too few or too many runs (Wald & Wolfowitz 1940).

    Returns
    -------
    statistic, p_value : float
        Standardised number of runs above and below the median; two-sided.
    """
    sign = residual > np.median(residual)
    plus, minus = int(sign.sum()), int((~sign).sum())
    n = plus + minus
    count = 1 + int(np.count_nonzero(np.diff(sign)))
    mean = 1 + 2 * plus * minus / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    value = (count - mean) / np.sqrt(variance) if variance > 0 else 0.0
    return float(value), float(2 * ndtr(-abs(value)))


def curvature(residual: Doubles, columns: Doubles) -> tuple[float, float]:
    """
    Test whether residuals depend on columns, whatever their spread (Ramsey's RESET 1969 with powers of predictions).

    Returns
    -------
    statistic, p_value : float
        F of all slopes by White's covariance with the factor n / (n - k).
    """
    table = np.column_stack([np.ones(len(residual)), columns])
    coef, _, rank, _ = np.linalg.lstsq(table, residual, rcond=None)
    n, k = table.shape
    if rank < k or n <= k:
        return 0.0, 1.0
    bread = np.linalg.inv(table.T @ table)
    scores = table * (residual - table @ coef)[:, None]
    covariance = (bread @ (scores.T @ scores) @ bread * (n / (n - k)))[1:, 1:]
    value = float(coef[1:] @ np.linalg.solve(covariance, coef[1:]) / (k - 1))
    return value, float(fdtrc(k - 1, n - k, value))


def _dispersion(task: Task) -> str:
    counted = task.weights > 0
    y, mu, weight = task.y[counted], task.prediction[counted], task.weights[counted]
    value = float(np.mean(weight * (y - mu) ** 2 / mu))
    return (
        f"The mean squared Pearson residual is {value:.3g}: 1 if the counts were Poisson, "
        f"{'more' if value > 1 else 'less'} here{', so that Poisson intervals are too narrow' if value > 1.2 else ''}."
    )


def _columns(task: Task, residual: Doubles, counted: NDArray[np.bool_], alpha: float) -> tuple[Table, list[str]]:
    """Test each numeric column and its square."""
    found: list[tuple[str, float, float, float]] = []
    for name, values in list(task.columns.items())[:MOST_COLUMNS]:
        if values.dtype.kind != "f":
            continue
        some = values[counted]
        present = np.isfinite(some)
        if present.sum() < 20 or len(np.unique(some[present])) < 3:
            continue
        powers = _powers(some[present], 2)
        value, p = curvature(residual[present], powers)
        fit = np.linalg.lstsq(np.column_stack([np.ones(len(powers)), powers]), residual[present], rcond=None)[0]
        share = float(np.var(fit[1] * powers[:, 0] + fit[2] * powers[:, 1]) / np.var(residual[present]))
        found.append((name, value, p, share))
    if not found:
        return Table("columns", "Columns that residuals still depend on", ()), []
    adjusted = holm(np.array([p for _, _, p, _ in found]))
    rows: list[dict[str, Cell]] = [
        {"column": name, "F": value, "adjusted p": float(p), "share of the variance": share}
        for (name, value, _, share), p in zip(found, adjusted, strict=True)
    ]
    rows.sort(key=lambda row: (float(row["adjusted p"] or 0.0), -float(row["share of the variance"] or 0.0)))
    shown = [str(row["column"]) for row in rows if float(row["adjusted p"] or 0.0) < alpha]
    said = [f"Residuals still depend on {', '.join(shown[:5])}: something there is not in the model."] if shown else []
    return Table("columns", "Dependence of residuals on columns and their squares", tuple(rows)), said


def _scatter(task: Task, fitted: Doubles, residual: Doubles) -> Figure:
    random = np.random.default_rng(task.seed)
    some = np.sort(random.choice(len(fitted), min(POINTS, len(fitted)), replace=False))
    edges = np.unique(np.quantile(fitted, np.linspace(0, 1, 13)[1:-1]))
    place = np.searchsorted(edges, fitted, side="right")
    count = np.bincount(place)
    full = count >= 2
    mean = (np.bincount(place, residual) / np.maximum(count, 1))[full]
    centre = (np.bincount(place, fitted) / np.maximum(count, 1))[full]
    spread = np.sqrt(np.array([residual[place == k].var(ddof=1) / count[k] for k in np.flatnonzero(full)]))
    ends = [tuple(v.tolist()) for v in (centre, mean, mean - 1.96 * spread, mean + 1.96 * spread)]
    zero = Series("", "reference", (float(fitted.min()), float(fitted.max())), (0.0, 0.0))
    series: tuple[Any, ...] = (
        Series("rows", "points", tuple(fitted[some].tolist()), tuple(residual[some].tolist())),
        Series("mean", "line", *ends),
        zero,
    )
    return Figure("residuals", "Residuals by prediction", "prediction", "residual", series)


def _histogram(residual: Doubles) -> Figure:
    low, high = np.quantile(residual, [0.005, 0.995])
    count, edges = np.histogram(residual, bins=30, range=(float(low), float(high)) if high > low else None)
    series = Series("rows", "bars", tuple(((edges[1:] + edges[:-1]) / 2).tolist()), tuple(float(c) for c in count))
    return Figure("residual_histogram", "Residuals (middle 99 %)", "residual", "rows", (series,))
