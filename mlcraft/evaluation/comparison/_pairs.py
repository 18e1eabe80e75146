"""What a comparison of several models says: scores, differences, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from mlcraft.uncertainty.scores import Estimate

__all__ = ["Comparison", "Difference", "pairs_of"]


@dataclass(frozen=True)
class Difference:
    """
    One model compared with another.

    Attributes
    ----------
    first, second : str
        Names; the difference is that of the first less the second.
    estimate : Estimate
        Of the difference, with its interval.
    p_value : float
        Of the test, alone.
    adjusted : float
        The p-value adjusted for the number of pairs.
    test : str
        Name of the test.
    probabilities : tuple of float or None
        Of the first being worse, practically the same, better, where a region of practical equivalence was given.
    """

    first: str
    second: str
    estimate: Estimate
    p_value: float
    adjusted: float
    test: str
    probabilities: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Comparison:
    """
    Models compared on the same rows or folds.

    Attributes
    ----------
    metric : str
    greater_is_better : bool
    scores : dict of str to Estimate
        Of each model, the best first.
    differences : list of Difference
        Of all pairs, the better first in each.
    alpha : float
        Adjusted p-values below this are called a difference.
    adjust : str
        How p-values are adjusted for their number.
    notes : tuple of str
        What to know before using it.
    table : ndarray of shape (n_folds, n_models) or None
        Scores by fold in the order of `scores`, where there were folds.
    """

    metric: str
    greater_is_better: bool
    scores: dict[str, Estimate]
    differences: list[Difference]
    alpha: float = 0.05
    adjust: str = "holm"
    notes: tuple[str, ...] = ()
    table: Any = field(default=None, repr=False, compare=False)

    @property
    def best(self) -> str:
        """Name of the model with the best score."""
        return next(iter(self.scores))

    def sentence(self) -> str:
        """Say in words which model is better and how sure that is."""
        best = self.best
        rest = [pair for pair in self.differences if pair.first == best]
        lost = [pair for pair in rest if pair.adjusted < self.alpha]
        level = "higher" if self.greater_is_better else "lower"
        if not lost:
            others = _listed([pair.second for pair in rest])
            closest = min(rest, key=lambda pair: pair.adjusted)
            return (
                f"{best} has the {'highest' if self.greater_is_better else 'lowest'} {self.metric} "
                f"({self.scores[best].value:.4g}), but these data do not show that it is better than {others} "
                f"(smallest adjusted p = {closest.adjusted:.2g}, {closest.test})."
            )
        said = _listed([_said(pair, level, self.metric) for pair in lost])
        open_ones = [pair.second for pair in rest if pair not in lost]
        tail = f" Whether it is better than {_listed(open_ones)} these data do not show." if open_ones else ""
        return f"{best} is better than {said}.{tail}"

    def to_frame(self) -> Any:
        """Return the pairs as a pandas DataFrame."""
        import pandas as pd

        rows = []
        for pair in self.differences:
            estimate = pair.estimate
            row = {
                "first": pair.first,
                "second": pair.second,
                "difference": estimate.value,
                "lower": estimate.lower,
                "upper": estimate.upper,
                "p_value": pair.p_value,
                "adjusted": pair.adjusted,
                "test": pair.test,
            }
            if pair.probabilities is not None:
                row |= dict(zip(("worse", "same", "better"), pair.probabilities, strict=True))
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "metric": self.metric,
            "scores": {name: [e.value, e.lower, e.upper] for name, e in self.scores.items()},
            "level": next(iter(self.scores.values())).level,
            "differences": [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "difference": [pair.estimate.value, pair.estimate.lower, pair.estimate.upper],
                    "p_value": pair.p_value,
                    "adjusted": pair.adjusted,
                    "test": pair.test,
                }
                for pair in self.differences
            ],
            "sentence": self.sentence(),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """Return scores, differences and the sentence as text."""
        wide = max(len(name) for name in self.scores)
        lines = [f"{'':{wide}}  {self.metric}"]
        lines += [f"{name:{wide}}  {e.value:.4g} [{e.lower:.4g}, {e.upper:.4g}]" for name, e in self.scores.items()]
        lines.append("")
        for pair in self.differences:
            e = pair.estimate
            lines.append(
                f"{pair.first} - {pair.second}: {e.value:.4g} [{e.lower:.4g}, {e.upper:.4g}], "
                f"p = {pair.p_value:.3g}, adjusted {pair.adjusted:.3g} ({pair.test})"
            )
        return "\n".join([*lines, "", self.sentence(), *self.notes])


def pairs_of(scores: dict[str, float], greater_is_better: bool) -> tuple[list[str], list[tuple[str, str]]]:
    """
    Return the names from the best to the worst, and all pairs with the better first.

    Parameters
    ----------
    scores : dict of str to float
    greater_is_better : bool

    Returns
    -------
    names : list of str
    pairs : list of (str, str)
    """
    sign = -1 if greater_is_better else 1
    names = sorted(scores, key=lambda name: np.nan_to_num(sign * scores[name], nan=np.inf))
    return names, list(combinations(names, 2))


def _said(pair: Difference, level: str, metric: str) -> str:
    e = pair.estimate
    low, high = sorted((abs(e.lower), abs(e.upper))) if e.lower * e.upper > 0 else (e.lower, e.upper)
    sure = f"adjusted p = {pair.adjusted:.2g}" if pair.adjusted >= 1e-4 else "adjusted p < 0.0001"
    return f"{pair.second} ({metric} {abs(e.value):.3g} {level}, {low:.3g} to {high:.3g}; {sure}, {pair.test})"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
