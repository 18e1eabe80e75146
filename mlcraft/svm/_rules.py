"""Which combinations of parameters there are, with scikit-learn's errors for the others, and how a fit ended."""

from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from mlcraft._engine.status import warn_caller
from mlcraft.svm._fit import MarginFit

__all__ = ["asked_dual", "refuse_unsupported", "seed_of", "tell_about_fit"]

# penalty and loss: the values of `dual` for which scikit-learn has a solver
_DUAL = {
    ("l1", "squared_hinge"): (False,),
    ("l2", "hinge"): (True,),
    ("l2", "squared_hinge"): (False, True),
    ("l2", "epsilon_insensitive"): (True,),
    ("l2", "squared_epsilon_insensitive"): (False, True),
}


def asked_dual(dual: Any, penalty: str, loss: str, shape: tuple[int, int]) -> bool:
    """Return `dual` with "auto" resolved as scikit-learn does: whichever of both there is, by the shape of X."""
    if dual != "auto":
        return bool(dual)
    preferred = shape[0] < shape[1]
    return preferred if preferred in _DUAL.get((penalty, loss), ()) else not preferred


def refuse_unsupported(penalty: str, loss: str, dual: bool) -> None:
    """
    Raise where scikit-learn has no solver, and where mlcraft has none yet.

    Parameters
    ----------
    penalty : {"l1", "l2"}
    loss : {"hinge", "squared_hinge", "epsilon_insensitive", "squared_epsilon_insensitive"}
    dual : bool
        As `asked_dual` returns it.

    Raises
    ------
    ValueError
        In scikit-learn's words.
    NotImplementedError
        For the L1 penalty.
    """
    known = _DUAL.get((penalty, loss))
    if known is None:
        fault = f"The combination of penalty='{penalty}' and loss='{loss}' is not supported"
    elif dual not in known:
        fault = f"The combination of penalty='{penalty}' and loss='{loss}' are not supported when dual={dual}"
    elif penalty == "l1":
        raise NotImplementedError(
            "penalty='l1' comes with a later release of mlcraft. Set penalty='l2', or use "
            "sklearn.svm.LinearSVC(penalty='l1', dual=False) until then."
        )
    else:
        return
    raise ValueError(
        f"Unsupported set of arguments: {fault}, Parameters: penalty={penalty!r}, loss={loss!r}, dual={dual!r}"
    )


def seed_of(random_state: Any) -> int:
    """Return a seed drawn as scikit-learn draws it; None is always the same one."""
    return 0 if random_state is None else int(check_random_state(random_state).randint(np.iinfo("i").max))


def tell_about_fit(estimator: Any, fits: list[MarginFit]) -> None:
    """Print what `verbose` asks for, and warn with numbers when a fit did not finish."""
    name = type(estimator).__name__
    if estimator.verbose:
        for number, fit in enumerate(fits, start=1):
            print(
                f"[{name}] fit {number} of {len(fits)}: {fit.method}, {fit.n_iter} iterations, "
                f"{fit.measure} {fit.certificate:.2g}, {fit.status}"
            )
    unfinished = [fit for fit in fits if fit.status != "converged"]
    if not unfinished:
        return
    worst = max(unfinished, key=lambda fit: fit.certificate / fit.wanted)
    if worst.status == "max_iter":
        head = f"{name} failed to converge, increase the number of iterations."
    else:
        head = f"{name} failed to converge: after {worst.n_iter} iterations no step improved the fit."
    which = "" if len(fits) == 1 else f" ({len(unfinished)} of {len(fits)} classes, this is the worst)"
    warn_caller(
        f"{head} The {worst.measure} is {worst.certificate:.2g} where {worst.wanted:.2g} is asked for{which}; "
        f"max_iter={estimator.max_iter}, tol={estimator.tol}, C={estimator.C}. coef_ is the best solution found. "
        "Columns of similar size, or a smaller C, make the problem easier.",
        ConvergenceWarning,
    )
