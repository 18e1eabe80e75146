"""Areas, average precision and Kolmogorov-Smirnov distance, with what their intervals need."""

from __future__ import annotations

from collections.abc import Callable
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft.evaluation.metrics._delong import area_influence
from mlcraft.evaluation.metrics._intervals import Ends, newcombe_area, wilson
from mlcraft.evaluation.metrics._measured import Measured, Resamples, Rows, spread_of
from mlcraft.evaluation.metrics._ranking import Ranking, binary_ranking

__all__ = ["RANKINGS", "measure_ranking"]

Doubles = NDArray[np.float64]
RANKINGS = ("roc_auc_score", "gini_score", "average_precision_score", "ks_score")
_METRIC = {"roc_auc_score": 0, "gini_score": 0, "average_precision_score": 1, "ks_score": 2}  # as the core counts them
# The normal approximation of an area is not leant on for fewer rows of a class, nor for fewer times its rarer outcome.
FEW, FEW_LOST = 30, 2


def measure_ranking(name: str, y: Any, score: Any, rows: Rows, pos_label: Any = None) -> Measured:
    """
    Measure a ranking of two classes.

    Raises
    ------
    ValueError
        If y does not hold both of two classes, or a score is not finite.
    """
    ranking = binary_ranking(y, score, pos_label, rows.weight)
    if not (ranking.positives > 0 and ranking.negatives > 0):
        raise ValueError(f"y_true holds one class alone: {name} of a ranking needs rows of both; check pos_label.")

    def resample(which: Resamples) -> Doubles:
        ranked = ranking.order, ranking.start, ranking.weight
        units = which.seed, rows.units, rows.groups
        draws = _core.resampled(_METRIC[name], ranked, None, units, (which.first, which.number))[:, 0]
        return 2 * draws - 1 if name == "gini_score" else np.asarray(draws)

    if name in ("roc_auc_score", "gini_score"):
        return _area(name, ranking, rows, resample)
    exact: dict[str, Callable[[float], Ends]] = {}
    if name == "average_precision_score":
        value, influence = ranking.average_precision, _precision_influence(ranking)
        if not spread_of(influence, rows) > 1e-12:  # a mean over positives within [0, 1] varies no more than a share
            count = _class_counts(ranking, rows)[0]
            exact["wilson"] = lambda level: wilson(min(value, 1.0), count, level)
    else:
        value, influence = ranking.distance, _distance_influence(ranking)
        exact["wilson"] = lambda level: _distance_interval(ranking, rows, level)
    preferred = "wilson" if exact else "delta"
    return Measured(value, rows, "logit", (0.0, 1.0), influence, None, exact, preferred, resample)


def _area(name: str, ranking: Ranking, rows: Rows, resample: Any) -> Measured:
    influence, counts = area_influence(ranking), _class_counts(ranking, rows)
    error = None
    if rows.groups is None:  # the variance of DeLong, DeLong and Clarke-Pearson
        positive = ranking.positive.astype(bool)
        parts = [(influence[positive], positive.sum()), (influence[~positive], (~positive).sum())]
        error = float(np.sqrt(sum((p @ p) * n / (n - 1) if n > 1 else np.nan for p, n in parts)))
    lost = min(counts) * min(ranking.roc_auc, 1 - ranking.roc_auc)
    enough = min(counts) >= FEW and lost >= FEW_LOST and spread_of(influence, rows) > 0
    preferred = "delong" if enough else "newcombe"
    if name == "roc_auc_score":
        exact = {"newcombe": lambda level: newcombe_area(ranking.roc_auc, *counts, level)}
        return Measured(
            ranking.roc_auc, rows, "logit", (0.0, 1.0), influence, error, exact, preferred, resample=resample
        )

    def gini(level: float) -> tuple[float, float]:
        low, high = newcombe_area(ranking.roc_auc, *counts, level)
        return 2 * low - 1, 2 * high - 1

    value = 2 * ranking.roc_auc - 1
    error = None if error is None else 2 * error
    return Measured(
        value, rows, "fisher", (-1.0, 1.0), 2 * influence, error, {"newcombe": gini}, preferred, resample=resample
    )


def _class_counts(ranking: Ranking, rows: Rows) -> tuple[float, float]:
    """Return as how many independent rows each class counts: Kish's number, or at most its groups."""
    counts = []
    for chosen in (ranking.positive == 1, ranking.positive == 0):
        weight = chosen.astype(np.float64) if ranking.weight is None else chosen * ranking.weight
        count = float(weight.sum() ** 2 / (weight @ weight))
        if rows.groups is not None:
            count = min(count, float(len(np.unique(rows.groups[chosen]))))
        counts.append(count)
    return counts[0], counts[1]


def _by_row(ranking: Ranking, by_run_positive: Doubles, by_run_negative: Doubles) -> Doubles:
    """Spread values of runs of equal scores over their rows, times their weight."""
    lengths = np.diff(ranking.start)
    out = np.empty(len(ranking.order))
    rows, is_positive = ranking.order >> 1, ranking.order & 1
    out[rows] = np.where(is_positive, np.repeat(by_run_positive, lengths), np.repeat(by_run_negative, lengths))
    return out if ranking.weight is None else out * ranking.weight


def _precision_influence(ranking: Ranking) -> Doubles:
    """
    Return the derivative of average precision by the weight of each row.

    With T and N the weight of positives and of all rows at or above the score of positive i, AP is the sum of
    w_i T_i / N_i / P: a row adds to N of all positives that are not above it, and if positive to T as well.
    """
    true, false = ranking.counts
    called = true + false
    positives = np.diff(true, prepend=0.0)
    precision = true / called
    gains = np.cumsum((positives / called)[::-1])[::-1]  # sums over runs at or below
    losses = np.cumsum((positives * true / called**2)[::-1])[::-1]
    if_positive = (precision + gains - losses - ranking.average_precision) / ranking.positives
    return _by_row(ranking, if_positive, -losses / ranking.positives)


def _distance_influence(ranking: Ranking) -> Doubles:
    """Return that of the distance at the threshold where it is largest."""
    true, false = ranking.counts
    rates = true / true[-1], false / false[-1]
    apart = rates[0] - rates[1]
    run = int(np.argmax(np.abs(apart)))
    sign = 1.0 if apart[run] >= 0 else -1.0
    above = (np.arange(len(true)) <= run).astype(np.float64)
    of_positive = sign * (above - rates[0][run]) / ranking.positives
    return _by_row(ranking, of_positive, -sign * (above - rates[1][run]) / ranking.negatives)


def _distance_interval(ranking: Ranking, rows: Rows, level: float) -> Ends:
    """Return Newcombe's (1998) tenth interval of the difference of both rates at the threshold of the distance."""
    true, false = ranking.counts
    rates = true / true[-1], false / false[-1]
    run = int(np.argmax(np.abs(rates[0] - rates[1])))
    pairs = sorted(zip((float(rate[run]) for rate in rates), _class_counts(ranking, rows), strict=True))
    (small, small_count), (large, large_count) = pairs
    small_ends, large_ends = wilson(small, small_count, level), wilson(large, large_count, level)
    below = hypot(large - large_ends[0], small_ends[1] - small)
    above = hypot(large_ends[1] - large, small - small_ends[0])
    return max(large - small - below, 0.0), min(large - small + above, 1.0)
