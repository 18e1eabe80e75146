"""Profile-likelihood intervals and likelihood-ratio tests of logistic and multinomial fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.spectrum import one_blas_thread
from mlcraft.uncertainty._glm_likelihood import Likelihood, Maximum, solve_symmetric
from mlcraft.uncertainty._glm_model import GlmModel, GlmRows, check_same_fit
from mlcraft.uncertainty._intervals import Intervals, checked_level, half_width
from mlcraft.uncertainty._tests import UNCHECKED, TestResult

__all__ = ["likelihood_of", "nested_likelihoods", "profile_intervals", "restricted"]

Doubles = NDArray[np.float64]
REACHED = 1e-9  # error of a bound, in the units of the root of the likelihood ratio
FARTHEST = 1e4  # Wald standard errors from the estimate: no data have their bound there
NO_INFORMATION = 1e-7  # of a combination of columns, relative to that at equal odds
FLAT = 1e-9  # slope of the root of the likelihood ratio, relative to that at the estimate


def likelihood_of(model: GlmModel, rows: GlmRows) -> Likelihood:
    """
    Return the likelihood of the rows of a fit, for contrasts with the model's base.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows
        With labels.

    Returns
    -------
    Likelihood

    Raises
    ------
    ValueError
        If the fit is penalised (but for Firth's penalty), or these are not its rows.
    """
    if model.penalised:
        raise ValueError(
            f"a penalised fit (C = {1.0 / (model.fitted.penalty or model.fitted.intercept_penalty):.4g}) does not "
            "maximise the likelihood, which its profile and ratios are about: fit with C=np.inf"
        )
    order = np.argsort([model.base, *model.others])
    codes = np.asarray(order, dtype=np.intp)[rows.classes]
    return Likelihood(rows.X, codes, rows.weight, len(model.class_names), model.has_intercept, firth=model.fitted.firth)


def _at_the_fit(model: GlmModel, likelihood: Likelihood) -> Maximum:
    """Polish the fit, and check that it is that of these rows."""
    start = model.parameters[0] * likelihood.scale
    found = likelihood.maximise(start)
    check_same_fit(likelihood.at(start).value, model.fitted, np.float64)
    return found


@one_blas_thread()
def profile_intervals(model: GlmModel, rows: GlmRows, columns: Sequence[int], level: float) -> Intervals:
    """
    Return the bounds at which the profile of the likelihood falls by half a chi-square quantile.

    At each trial value of a coefficient the others are maximised by Newton's method from where they were, and the value
    moves by Newton's method on the signed root of the likelihood ratio, which is nearly a straight line.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows
    columns : sequence of int
        Positions of the parameters wanted; the others have NaN.
    level : float

    Returns
    -------
    Intervals
        A bound that does not exist (separated classes) is infinite.
    """
    likelihood = likelihood_of(model, rows)
    best = _at_the_fit(model, likelihood)
    reach = float(half_width(level, np.inf))
    lower, upper = np.full(model.n_parameters, np.nan), np.full(model.n_parameters, np.nan)
    notes = []
    known = model.geometry(rows).identified
    bound = _bound_by_search if _separated(likelihood, best) else _bound
    for j in columns:
        if not known[j]:
            continue
        ends = [bound(likelihood, best, j, sign, reach) for sign in (-1.0, 1.0)]
        lower[j], upper[j] = (end / likelihood.scale[j] for end in ends)
    endless = [model.names[j] for j in columns if np.isinf(lower[j]) or np.isinf(upper[j])]
    if endless:
        notes.append(
            f"The likelihood of {', '.join(endless)} has no bound on one side or both: the classes are separated."
        )
    kind = "profile penalised likelihood" if model.fitted.firth else "profile likelihood"
    return Intervals(lower, upper, checked_level(level), model.names, kind, None, tuple(notes))


def _bound(likelihood: Likelihood, best: Maximum, j: int, sign: float, reach: float) -> float:
    """Where the signed root of the likelihood ratio of one parameter is `reach`, on one side."""
    free = np.ones(len(best.theta), dtype=bool)
    free[j] = False
    direction = np.zeros(len(best.theta))
    direction[j] = 1.0
    column = solve_symmetric(best.point.information, direction)
    error = float(np.sqrt(max(column[j], 0.0)))
    if not 0.0 < error < np.inf:
        return sign * np.inf
    theta = best.theta + sign * reach * column / error
    start, inside, outside, away = best.theta[j], 0.0, np.inf, reach * error
    for _ in range(60):
        theta[j] = start + sign * away
        found = likelihood.maximise(theta, free, max_iter=50, tol=1e-16)
        theta = found.theta
        root = float(np.sqrt(max(2.0 * (best.point.value - found.point.value), 0.0)))
        if root < reach:
            inside = away
        else:
            outside = away
        if abs(root - reach) <= REACHED:
            break
        slope = -sign * float(found.point.score[j]) / root if root > 0 else 1.0 / error
        step = (reach - root) / slope if slope > FLAT / error else np.inf
        new = away + step
        if not new < outside:
            new = 0.5 * (inside + outside) if np.isfinite(outside) else 4.0 * away
        elif new <= inside:
            new = 0.5 * (inside + min(outside, 2.0 * away))
        new = min(new, 8.0 * away)
        if new > FARTHEST * error * max(1.0, reach) or (not np.isfinite(outside) and slope <= FLAT / error):
            return sign * np.inf
        if abs(new - away) <= 1e-12 * (abs(start) + away):
            break
        theta = theta - solve_move(found, j, sign * (new - away))
        away = new
    return float(start + sign * away)


def _separated(likelihood: Likelihood, best: Maximum) -> bool:
    """Tell whether some combination of the columns has (nearly) no information left: estimates run to infinity."""
    start = likelihood.at(np.zeros_like(best.theta)).information
    values, vectors = np.linalg.eigh(start)
    basis = vectors[:, values > 1e-12 * values[-1]] / np.sqrt(values[values > 1e-12 * values[-1]])
    return bool(np.linalg.eigvalsh(basis.T @ best.point.information @ basis)[0] < NO_INFORMATION)


def _bound_by_search(likelihood: Likelihood, best: Maximum, j: int, sign: float, reach: float) -> float:
    """`_bound` where estimates are infinite and nothing near them is informative: from zero outwards, and halving."""
    free = np.arange(len(best.theta)) != j
    theta = np.zeros_like(best.theta)

    def root(value: float) -> float:
        nonlocal theta
        if value * theta[j] > 0:  # what separates the classes does so at any size
            theta = theta * (value / theta[j])
        theta[j] = value
        found = likelihood.maximise(theta, free, max_iter=100, tol=1e-12)
        theta = found.theta.copy()
        return float(np.sqrt(max(2.0 * (best.point.value - found.point.value), 0.0)))

    def first(begin: float, side: float, want_inside: bool) -> float:
        steps = (begin + side * 2.0**k for k in range(-10, 11))
        return next((value for value in steps if (root(value) <= reach) == want_inside), side * np.inf)

    inside = 0.0
    if root(0.0) > reach:  # the profile is concave and rises towards the estimate
        inside = first(0.0, float(np.sign(best.theta[j])), True)
        if np.isinf(inside):
            return float(best.theta[j])
    outside = first(inside, sign, False)
    if np.isinf(outside):
        return outside
    while abs(outside - inside) > 1e-10 * (1.0 + abs(inside)):
        middle = 0.5 * (inside + outside)
        if root(middle) > reach:
            outside = middle
        else:
            inside = middle
    return 0.5 * (inside + outside)


def solve_move(found: Maximum, j: int, change: float) -> Doubles:
    """How the other parameters follow a change of one, to first order (with the sign reversed)."""
    others = np.delete(np.arange(len(found.theta)), j)
    move = np.zeros(len(found.theta))
    if len(others):
        information = found.point.information
        move[others] = change * solve_symmetric(information[np.ix_(others, others)], information[others, j])
    return move


@one_blas_thread()
def restricted(model: GlmModel, rows: GlmRows, columns: Sequence[int]) -> TestResult:
    """
    Test that some coefficients are zero by the ratio of (penalised) likelihoods, with one fit without them.

    Parameters
    ----------
    model : GlmModel
    rows : GlmRows
    columns : sequence of int
        Positions of the parameters.

    Returns
    -------
    TestResult
    """
    from scipy.special import chdtrc

    likelihood = likelihood_of(model, rows)
    best = _at_the_fit(model, likelihood)
    free = np.ones(len(best.theta), dtype=bool)
    free[list(columns)] = False
    start = np.where(free, best.theta, 0.0)
    found = likelihood.maximise(start, free)
    inner = best.point.information
    extra = float(_rank(inner) - _rank(inner[np.ix_(free, free)]))
    if not extra > 0:
        raise ValueError("the data do not determine these coefficients besides the others: there is nothing to test")
    statistic = max(0.0, 2.0 * (best.point.value - found.point.value))
    names = tuple(f"{model.names[j]} = 0" for j in columns)
    notes = () if found.converged else ("The fit without them did not converge: classes may be separated.",)
    kind = "penalised likelihood ratio" if model.fitted.firth else "likelihood ratio"
    return TestResult(statistic, float(chdtrc(extra, statistic)), (extra,), "chi2", names, kind, notes)


def _rank(matrix: Doubles) -> int:
    diagonal = np.diagonal(matrix)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    return int(
        np.count_nonzero(np.linalg.eigvalsh(matrix * scale * scale[:, np.newaxis]) > 1e-12 * max(10, len(matrix)))
    )


def nested_likelihoods(larger: GlmModel, smaller: GlmModel) -> TestResult:
    """
    Compare two nested fits to the same rows by the ratio of their likelihoods.

    Parameters
    ----------
    larger, smaller : GlmModel

    Returns
    -------
    TestResult

    Raises
    ------
    ValueError
        If the models were not fitted on the same rows, are not nested, or are penalised.
    """
    from scipy.special import chdtrc

    for model in (larger, smaller):
        if model.penalised:
            raise ValueError("penalised fits have no likelihood-ratio test: fit with C=np.inf")
        if model.fitted.firth:
            raise ValueError(
                "the penalised likelihoods of two designs cannot be compared: ask the larger model for lr_test, with "
                "the names of the columns, X and y"
            )
    first, second = larger.fitted, smaller.fitted
    same = first.n_samples == second.n_samples and larger.class_names == smaller.class_names
    if not (same and np.allclose(first.class_weights, second.class_weights, rtol=1e-8)):
        raise ValueError(
            f"the models must be fitted on the same rows, labels and weights: {first.n_samples} and "
            f"{second.n_samples} rows, classes weigh {first.class_weights} and {second.class_weights}"
        )
    extra = larger.geometry().effective_df - smaller.geometry().effective_df
    gain = 2.0 * (first.log_likelihood - second.log_likelihood)
    missing = sorted(set(smaller.names) - set(larger.names))
    if extra < 0.5 or missing or gain < -1e-8 * abs(first.log_likelihood):
        reason = f"only the other one has {', '.join(missing)}" if missing else "it must have fewer parameters"
        if extra >= 0.5 and not missing:
            reason = f"its log-likelihood is larger, {second.log_likelihood:.8g} of {first.log_likelihood:.8g}"
        raise ValueError(f"the model to compare with must be nested in this one: {reason}")
    notes: tuple[str, ...] = ()
    if smaller.n_features > 0 and not (larger.named and smaller.named):
        notes = (UNCHECKED,)
    dropped = tuple(f"{name} = 0" for name in larger.names if name not in smaller.names)
    statistic = max(gain, 0.0)
    return TestResult(
        statistic, float(chdtrc(extra, statistic)), (extra,), "chi2", dropped, "likelihood ratio", tuple(notes)
    )
