"""Which rows a fit hangs on: what each moves, and how few decide a conclusion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.array_api import to_numpy
from mlcraft.uncertainty._door import FitData
from mlcraft.uncertainty._flips import GOALS, Conclusion, Flip, find_flip
from mlcraft.uncertainty._glm_model import probabilities_of
from mlcraft.uncertainty._intervals import checked_level
from mlcraft.uncertainty._row_moves import GlmMoves, Moves, moves_of
from mlcraft.uncertainty._table import text_table

__all__ = ["RowInfluence", "RowMoves", "influence"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowMoves:
    """
    The rows that move a coefficient or a prediction most.

    Attributes
    ----------
    what : str
        What is moved.
    value : float
        It, with all rows.
    rows : ndarray of shape (k,)
        Positions of the rows, the largest change first.
    change : ndarray of shape (k,)
        Its change where the row is left out.
    labels : tuple
        Labels of the rows, those of the index of X where it had one.
    """

    what: str
    value: float
    rows: NDArray[np.intp]
    change: Doubles
    labels: tuple[Any, ...]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each row, by its label."""
        import pandas as pd

        columns = {"row": self.rows, "change": self.change, "without": self.value + self.change}
        return pd.DataFrame(columns, index=list(self.labels))

    def __str__(self) -> str:
        cells = [[f"{one:+.4g}", f"{self.value + one:.4g}"] for one in self.change]
        table = text_table([str(one) for one in self.labels], ["change", "without it"], cells) if cells else ""
        return f"{self.what}: {self.value:.4g}\n{table}"


class RowInfluence:
    """
    What single rows and small sets of rows do to a fit. Made by `influence`; it holds the estimator and the data.

    Attributes
    ----------
    names : tuple of str
        Names of the parameters, the intercept first.
    parameters : ndarray of shape (n_parameters,)
    n_rows, n_samples : int
        Rows, and those that count: of positive weight.
    exact : bool
        Whether moves of single rows are those of refits (least squares and ridge), or of one step of Newton's method
        (logistic fits), whose relative error is a few times the leverage of the row at most.
    remark : str
        What to know of the steps before the regression, where the estimator is a pipeline.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, target: int | None) -> None:
        check_is_fitted(estimator)
        if y is None:
            raise ValueError("y must be the targets of the fit, got None")
        self.remark = ""
        self._steps: Any = None
        if hasattr(estimator, "named_steps"):
            self._steps, estimator = estimator[:-1], estimator[-1]
            X = self._steps.transform(X) if len(self._steps.steps) else X
            self.remark = "steps before the regression are held as they were fitted to all rows"
        self._estimator, self._target = estimator, target
        self._index = X.index if hasattr(X, "iloc") else None
        self._X, self._y, self._weight = X, np.asarray(to_numpy(y)[0]), sample_weight
        self._moves: Moves = moves_of(estimator, X, y, sample_weight, target)
        self.names, self.parameters = self._moves.names, self._moves.parameters
        self.n_samples = int(np.count_nonzero(self._moves.weight > 0))
        self.n_rows = len(self._moves.weight)
        self.exact = self._moves.exact

    def coefficient(self, name: Any) -> Doubles:
        """
        Return the change of a coefficient where each row is left out.

        Parameters
        ----------
        name : str or int
            Name or place of the parameter, see `names`.

        Returns
        -------
        ndarray of shape (n_samples,)
            NaN for rows that alone determine it in a logistic fit.
        """
        return self._moves.along(np.eye(len(self.names))[self._place(name)])

    def coefficients(self) -> Doubles:
        """Return the changes of all parameters, of shape (n_samples, n_parameters), in the order of `names`."""
        return np.column_stack([self._moves.along(direction) for direction in np.eye(len(self.names))])

    def prediction(self, X: Any, *, link: bool = False) -> Doubles:
        """
        Return the change of predictions where each row of the fit is left out.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (m, n_features)
            Rows to predict, of the fit or new ones.
        link : bool, default=False
            For a logistic fit: log odds instead of probabilities.

        Returns
        -------
        ndarray of shape (n_samples, m), or (n_samples, m, n_classes)
            Of two classes the probability of the second one, or its log odds; of more the probability of each, or the
            log odds of all but the first against the first. m columns at once: choose m by the memory there is.
        """
        directions = self._directions(X)
        n, (m, outputs, _) = len(self._moves.weight), directions.shape
        moved = np.empty((n, m, outputs))
        for j, k in np.ndindex(m, outputs):
            moved[:, j, k] = self._moves.along(directions[j, k])
        if isinstance(self._moves, GlmMoves) and not link:
            eta = directions @ self.parameters
            after = probabilities_of(self._moves.model, (eta + moved).reshape(-1, outputs)).reshape(n, m, -1)
            found: Doubles = after - probabilities_of(self._moves.model, eta)
            return found[:, :, 1] if outputs == 1 else found
        return moved[:, :, 0] if outputs == 1 else moved

    def top(self, name: Any = None, *, at: Any = None, n: int = 10) -> RowMoves:
        """
        Return the rows that move a coefficient or a prediction most.

        Parameters
        ----------
        name : str or int, optional
            The parameter.
        at : array-like of shape (n_features,) or (1, n_features), optional
            The row whose prediction counts instead: for a logistic fit its log odds, of two classes.
        n : int, default=10
            How many rows.

        Returns
        -------
        RowMoves
        """
        direction, what = self._direction(name, at)
        change = self._moves.along(direction)
        size = np.where(np.isnan(change), np.inf, np.abs(change))
        rows = np.argsort(-size, kind="stable")[:n]
        return RowMoves(what, float(direction @ self.parameters), rows, change[rows], self._labels(rows))

    def flip(
        self,
        name: Any = None,
        *,
        at: Any = None,
        goal: str = "sign",
        value: float = 0.0,
        level: float = 0.95,
        covariance: str = "classical",
        max_share: float = 0.2,
        refit: bool = True,
        **data: Any,
    ) -> Flip:
        """
        Look for few rows whose removal turns a conclusion.

        Parameters
        ----------
        name : str or int, optional
            The parameter.
        at : array-like of shape (n_features,) or (1, n_features), optional
            The row whose prediction counts instead; for a logistic fit of two classes the sign of its log odds is the
            class predicted.
        goal : {"sign", "significance", "significant sign"}, default="sign"
            What is to turn: the side of `value` on which the estimate lies; whether its interval excludes `value`;
            that it lies, significantly, on the other side.
        value : float, default=0.0
            What the estimate is compared with.
        level : float, default=0.95
            Confidence level of the intervals.
        covariance : str, default="classical"
            Their kind, as for `conf_int`: robust kinds too.
        max_share : float, default=0.2
            Of all rows, how many may be left out at most.
        refit : bool, default=True
            Whether to search and to check by refits; else the moves of single rows are added up.
        **data
            `maxlags`, `weights` and `small_sample` for the covariance. Clusters are not followed: leaving out rows of
            a cluster is another question than leaving out clusters.

        Returns
        -------
        Flip

        Raises
        ------
        ValueError
            If there is no such parameter, goal or level, or the data do not determine the combination.
        """
        if goal not in GOALS:
            raise ValueError(f"goal must be one of {', '.join(map(repr, GOALS))}, got {goal!r}")
        if not 0.0 < max_share < 1.0:
            raise ValueError(f"max_share must lie between 0 and 1, got {max_share!r}")
        if "groups" in data:
            raise ValueError("covariances of clusters are not followed here: rows are left out, not clusters")
        direction, what = self._direction(name, at)
        conclusion = Conclusion(direction, goal, value, checked_level(level), covariance, cast("FitData", data))
        found = find_flip(conclusion, self._moves, self._without, what, max_share=max_share, refit=refit)
        return found if found.rows is None else replace(found, labels=self._labels(found.rows))

    def flips(self, **options: Any) -> list[Flip]:
        """
        Look for few rows that turn a conclusion about each coefficient.

        Parameters
        ----------
        **options
            As for `flip`. Without `refit` given, moves of single rows are added up and nothing is checked.

        Returns
        -------
        list of Flip
            One for each parameter but the intercept, the fewest rows first.
        """
        options = {"refit": False, **options}
        names = [j for j, name in enumerate(self.names) if name.rpartition(": ")[2] != "intercept"]
        return sorted((self.flip(j, **options) for j in names), key=lambda found: found.share)

    def to_frame(self) -> Any:
        """Return the changes of all parameters as a pandas DataFrame, with the index of X where it had one."""
        import pandas as pd

        return pd.DataFrame(self.coefficients(), columns=list(self.names), index=self._index)

    def _place(self, name: Any) -> int:
        places = self._moves.positions(name)
        if len(places) != 1:
            named = ", ".join(self.names[j] for j in places)
            raise ValueError(f"{name!r} stands for several parameters ({named}): name one of them")
        return places[0]

    def _direction(self, name: Any, at: Any) -> tuple[Doubles, str]:
        """Return a combination of the parameters, and what it is called."""
        if (name is None) == (at is None):
            raise ValueError("say what is moved: the name of a coefficient, or at=, a row whose prediction counts")
        if at is None:
            place = self._place(name)
            return np.eye(len(self.names))[place], self.names[place]
        row = at if hasattr(at, "shape") and len(at.shape) == 2 else np.asarray(at).reshape(1, -1)
        directions = self._directions(row)
        if directions.shape[:2] != (1, 1):
            raise ValueError("at must be one row, of a fit with one prediction for it (two classes at most)")
        return directions[0, 0], "log odds" if isinstance(self._moves, GlmMoves) else "prediction"

    def _directions(self, X: Any) -> Doubles:
        if self._steps is not None and len(self._steps.steps):
            X = self._steps.transform(X)
        return self._moves.directions(X)

    def _labels(self, rows: NDArray[np.intp]) -> tuple[Any, ...]:
        return tuple(rows.tolist() if self._index is None else (self._index[i] for i in rows))

    def _without(self, rows: NDArray[np.intp]) -> Moves | None:
        """Fit the rest, and look at it; None where that cannot be fitted."""
        kept = np.setdiff1d(np.arange(len(self._moves.weight)), rows)
        X, y = _safe_indexing(self._X, kept), self._y[kept]
        weight = self._weight
        if weight is not None and np.ndim(weight):
            weight = np.asarray(to_numpy(weight)[0])[kept]
        if hasattr(self._estimator, "classes_") and len(np.unique(y)) < len(self._estimator.classes_):
            return None
        try:
            fitted = clone(self._estimator).fit(X, y, **({} if weight is None else {"sample_weight": weight}))
            return moves_of(fitted, X, y, weight, self._target)
        except (ValueError, np.linalg.LinAlgError):  # too few rows are left for the columns
            return None


def influence(estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, target: int | None = None) -> RowInfluence:
    """
    Ask a fit which rows it hangs on: what each moves, and how few decide a conclusion.

    Leaving out a row of a least-squares or ridge fit is exact and needs no refit [1]_, of a logistic fit one step of
    Newton's method [2]_. How few rows turn the sign of a coefficient, its significance or a prediction [3]_ is searched
    with these moves and checked by refits.

    Parameters
    ----------
    estimator : object
        A fitted `LinearRegression`, `Ridge`, `RidgeCV`, `LogisticRegression` or kin of mlcraft, or a pipeline that ends
        in one, whose steps before are then held as they are. A penalty chosen by cross-validation is held for the moves
        of single rows, and chosen again in refits.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        The rows of the fit.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Its targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Its weights.
    target : int, default=None
        Which column of y, where there are several.

    Returns
    -------
    RowInfluence
        With `coefficient`, `coefficients`, `prediction`, `top`, `flip`, `flips` and `to_frame`.

    Raises
    ------
    TypeError
        If the estimator is none of those.
    ValueError
        If the data are not those of the fit, or it kept nothing to read this from.

    References
    ----------
    .. [1] Cook and Weisberg (1982), Residuals and Influence in Regression, Chapman and Hall.
    .. [2] Pregibon (1981), Logistic regression diagnostics, Annals of Statistics 9, 705-724.
    .. [3] Broderick, Giordano and Meager (2020), An automatic finite-sample robustness metric: when can dropping a
       little data make a big difference?, arXiv:2011.14999.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.linear_model import LinearRegression
    >>> from mlcraft.uncertainty import influence
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((100, 2))
    >>> y = X[:, 0] - 0.1 * X[:, 1] + random.standard_normal(100)
    >>> y[7] -= 20 * np.sign(X[7, 1])  # one row decides on the second coefficient
    >>> found = influence(LinearRegression().fit(X, y), X, y)
    >>> print(found.top("x1", n=2))
    x1: -0.07957
          change  without it
    7    +0.1452     0.06567
    19  -0.04941      -0.129
    >>> print(found.flip("x1"))
    x1: -0.07957 with all rows, 0.06567 without 1 of 100 rows (1 %)
    - by a refit; row 7
    """
    return RowInfluence(estimator, X, y, sample_weight, target)
