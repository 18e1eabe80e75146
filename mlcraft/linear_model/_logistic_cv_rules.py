"""Which parameters of cross-validated logistic regression go together: scikit-learn's rules, errors, deprecations."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from mlcraft._engine.status import warn_caller
from mlcraft.linear_model._logistic_rules import check_solver, refuse_sparse_penalty

__all__ = ["Asked", "asked_search"]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What the parameters of a search mean.

    Attributes
    ----------
    l1_ratios : list
        ``[None]`` where no ratios are given.
    has_ratios : bool
        Whether some are given, which adds an axis to the attributes of old.
    scoring : object
        As the parameter, "warn" resolved.
    legacy : bool
        Whether the attributes are those of old.
    """

    l1_ratios: list[Any]
    has_ratios: bool
    scoring: Any
    legacy: bool


def asked_search(estimator: Any) -> Asked:
    """
    Return what the parameters mean, with scikit-learn's warnings and errors.

    Parameters
    ----------
    estimator : LogisticRegressionCV
        Its parameters are valid one by one.

    Returns
    -------
    Asked

    Raises
    ------
    ValueError
        If they contradict each other.
    NotImplementedError
        For L1 and elastic-net penalties.
    """
    ratios, penalty = _asked_ratios(estimator)
    scoring = _asked_scoring(estimator)
    legacy = _asked_attributes(estimator)
    check_solver(estimator.solver, penalty, estimator.dual)
    if penalty == "elasticnet":
        valid = ratios is not None and len(ratios) > 0
        if not valid or any(not isinstance(ratio, Real) or not 0 <= float(ratio) <= 1 for ratio in ratios):
            raise ValueError(f"l1_ratios must be an array-like of numbers between 0 and 1; got (l1_ratios={ratios!r})")
    elif ratios is not None and estimator.penalty != "deprecated":
        warn_caller(f"l1_ratios parameter is only used when penalty is 'elasticnet'. Got (penalty={penalty})")
    sparse_ratios = [ratio for ratio in ratios if ratio != 0] if penalty == "elasticnet" else []
    refuse_sparse_penalty(penalty, sparse_ratios[0] if sparse_ratios else 0, "l1_ratios")
    return Asked([None] if ratios is None else list(ratios), ratios is not None, scoring, legacy)


def _asked_ratios(estimator: Any) -> tuple[Any, str]:
    ratios = estimator.l1_ratios
    if isinstance(ratios, str):  # "warn"
        ratios = None
        warn_caller(
            "The default value for l1_ratios will change from None to (0.0,) in version 1.10. From version 1.10 "
            "onwards, only array-like with values in [0, 1] will be allowed, None will be forbidden. To avoid this "
            "warning, explicitly set a value, e.g. l1_ratios=(0,).",
            FutureWarning,
        )
    if estimator.penalty != "deprecated":
        warn_caller(
            "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, leave "
            "'penalty' set to its default value and use 'l1_ratios' and 'Cs' instead. Use l1_ratios=(0,) instead of "
            "penalty='l2', l1_ratios=(1,) instead of penalty='l1', l1_ratios set to floats between 0 and 1 instead "
            "of penalty='elasticnet', and Cs=(np.inf,) instead of penalty=None.",
            FutureWarning,
        )
        return ratios, estimator.penalty
    if estimator.l1_ratios is None:
        warn_caller(
            "'l1_ratios=None' was deprecated in version 1.8 and will trigger an error in 1.10. Use an array-like "
            "with values in [0, 1] instead.",
            FutureWarning,
        )
    if ratios is None or np.all(np.asarray(ratios) == 0):
        return ratios, "l2"
    return ratios, "l1" if np.all(np.asarray(ratios) == 1) else "elasticnet"


def _asked_scoring(estimator: Any) -> Any:
    if not (isinstance(estimator.scoring, str) and estimator.scoring == "warn"):
        return estimator.scoring
    warn_caller(
        "The default value of the parameter 'scoring' will change from None, i.e. accuracy, to 'neg_log_loss' in "
        "version 1.11. To silence this warning, explicitly set the scoring parameter: scoring='neg_log_loss' for "
        "the new, scoring='accuracy' or scoring=None for the old default.",
        FutureWarning,
    )
    return None


def _asked_attributes(estimator: Any) -> bool:
    if not isinstance(estimator.use_legacy_attributes, str):
        return bool(estimator.use_legacy_attributes)
    name = type(estimator).__name__
    warn_caller(
        f"The fitted attributes of {name} will be simplified in scikit-learn 1.10 to remove redundancy. Set "
        "`use_legacy_attributes=False` to enable the new behavior now, or set it to `True` to silence this warning "
        "during the transition period while keeping the deprecated behavior for the time being. The default value of "
        f"use_legacy_attributes will change from True to False in scikit-learn 1.10. See the docstring of {name} for "
        "more details.",
        FutureWarning,
    )
    return True
