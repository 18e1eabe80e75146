"""Which parameters of logistic regression go together: scikit-learn's rules, errors and deprecations."""

from math import isinf
from typing import Any

from mlcraft._engine.status import warn_caller

__all__ = [
    "LOOSEST",
    "SOLVERS",
    "asked_penalty",
    "check_solver",
    "engine_tolerance",
    "refuse_multiclass",
    "refuse_sparse_penalty",
]

SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
LOOSEST, RATIO = 1e-4, 1e-5


def check_solver(solver: str, penalty: str | None, dual: bool) -> None:
    """
    Raise scikit-learn's error when solver and penalty do not go together.

    Parameters
    ----------
    solver : str
        One of `SOLVERS`.
    penalty : {"l1", "l2", "elasticnet", None}
        What is asked for.
    dual : bool
        The parameter of that name.

    Raises
    ------
    ValueError
        If scikit-learn has no such combination.
    """
    if solver not in ("liblinear", "saga") and penalty not in ("l2", None):
        raise ValueError(f"Solver {solver} supports only 'l2' or None penalties, got {penalty} penalty.")
    if solver != "liblinear" and dual:
        raise ValueError(f"Solver {solver} supports only dual=False, got dual={dual}")
    if penalty == "elasticnet" and solver != "saga":
        raise ValueError(f"Only 'saga' solver supports elasticnet penalty, got solver={solver}.")
    if solver == "liblinear" and penalty is None:
        raise ValueError("C=np.inf as well as penalty=None is not supported for the liblinear solver")


def asked_penalty(estimator: Any) -> str | None:
    """
    Return the penalty that `penalty`, `l1_ratio` and `C` mean, with scikit-learn's warnings and errors.

    Parameters
    ----------
    estimator : LogisticRegression
        Its parameters are valid one by one.

    Returns
    -------
    {"l1", "l2", "elasticnet", None}

    Raises
    ------
    ValueError
        If they contradict each other or the solver.
    """
    penalty, l1_ratio = estimator.penalty, estimator.l1_ratio
    if penalty == "deprecated":
        found = "l2" if l1_ratio in (0, None) else "l1" if l1_ratio == 1 else "elasticnet"
        if l1_ratio is None:
            warn_caller(
                "'l1_ratio=None' was deprecated in version 1.8 and will trigger an error in 1.10. "
                "Use 0<=l1_ratio<=1 instead.",
                FutureWarning,
            )
        asked = None if isinf(estimator.C) else found
    else:
        asked = penalty
        warn_caller(
            "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, leave "
            "'penalty' set to its default value and use 'l1_ratio' or 'C' instead. Use l1_ratio=0 instead of "
            "penalty='l2', l1_ratio=1 instead of penalty='l1', l1_ratio set to a float between 0 and 1 instead of "
            "penalty='elasticnet', and C=np.inf instead of penalty=None.",
            FutureWarning,
        )
    check_solver(estimator.solver, asked, estimator.dual)
    if asked != "elasticnet" and l1_ratio is not None and 0 < l1_ratio < 1:
        warn_caller(f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={asked})")
    if (penalty == "l2" and l1_ratio != 0) or (penalty == "l1" and l1_ratio != 1):
        warn_caller(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. penalty is deprecated. "
            "Please use l1_ratio only."
        )
    if asked == "elasticnet" and l1_ratio is None:
        raise ValueError("l1_ratio must be specified when penalty is elasticnet.")
    if penalty is None and estimator.C != 1.0:
        warn_caller("Setting penalty=None will ignore the C and l1_ratio parameters")
    if estimator.n_jobs is not None:
        warn_caller(
            "'n_jobs' has no effect since 1.8 and will be removed in 1.10. "
            f"You provided 'n_jobs={estimator.n_jobs}', please leave it unspecified.",
            FutureWarning,
        )
    return asked


def refuse_sparse_penalty(penalty: str | None, l1_ratio: float | None, name: str = "l1_ratio") -> None:
    """
    Raise when the penalty has an L1 part.

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet", None}
        What `asked_penalty` returned.
    l1_ratio : float or None
        Share of the L1 part; an elastic net without one is an L2 penalty.
    name : str, default="l1_ratio"
        The parameter to blame.

    Raises
    ------
    NotImplementedError
        For L1 and elastic net.
    """
    if penalty == "l1" or (penalty == "elasticnet" and l1_ratio != 0):
        raise NotImplementedError(
            f"{name}={1 if penalty == 'l1' else l1_ratio} asks for an L1 or elastic-net penalty, which comes with a "
            f"later release of mlcraft. Set {name}=0 (an L2 penalty), or use "
            "sklearn.linear_model.LogisticRegression(solver='saga') until then."
        )


def refuse_multiclass(solver: str, n_classes: int) -> None:
    """Raise scikit-learn's error when 'liblinear' meets more than two classes."""
    if solver == "liblinear" and n_classes > 2:
        raise ValueError(
            "The 'liblinear' solver does not support multiclass classification (n_classes >= 3). Either use another "
            "solver or wrap the estimator in a OneVsRestClassifier to keep applying a one-versus-rest scheme."
        )


def engine_tolerance(tol: float) -> float:
    """
    Return the bound on the engine's certificate for scikit-learn's `tol`: 1e-9 for its default of 1e-4.

    The distance of the objective from its minimum goes with the square of the certificate, so above the default the
    bound does so with `tol`: ``tol**2 / 10``, but never more than 1e-4, for the engine's last digits cost little.
    """
    return min(max(RATIO * float(tol), float(tol) ** 2 / 10), LOOSEST)
