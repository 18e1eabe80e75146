"""What a fitted conformal classifier answers: sets, p-values, single labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from mlcraft.uncertainty.conformal._checks import check_levels, too_few_message
from mlcraft.uncertainty.conformal._inputs import ratios
from mlcraft.uncertainty.conformal._sets_groups import GroupCodes
from mlcraft.uncertainty.conformal._sets_reference import NewRows, Reference

__all__ = ["SetAnswers"]


def _estimator_has(name: str) -> Any:
    def check(self: Any) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class SetAnswers:
    """Methods of a fitted conformal classifier."""

    by_class: bool
    empty: str
    too_few: str
    estimator_: Any
    classes_: NDArray[Any]
    _groups: GroupCodes
    _prediction_seed: int
    _reference: Reference
    _shift: Any

    def predict_set(self, X: Any, level: Any = 0.9, *, groups: Any = None) -> NDArray[np.bool_]:
        """Return the labels that are in the set of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (m, n_features)
            Rows.
        level : float or sequence of shape (n_levels,), default=0.9
            Probability with which the set holds the true label.
        groups : array-like of shape (m,), default=None
            Groups of the rows, if `fit` got groups (a function given there is used again).

        Returns
        -------
        ndarray of bool of shape (m, n_classes), or (m, n_classes, n_levels) for a sequence of levels
            The columns are `classes_`.

        Raises
        ------
        ValueError
            If there are too few calibration rows for the level, and `too_few` is "raise".

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from mlcraft.linear_model import LogisticRegression
        >>> from mlcraft.uncertainty import ConformalClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X[:, [0, 9]], y)
        >>> model.predict_set(X[:, [0, 9]], level=[0.8, 0.9]).sum(axis=1).mean(axis=0).round(2)  # mean sizes
        array([0.92, 1.33])
        """
        rows = self._new_rows(X, groups)
        levels, single = check_levels(level)
        if self.too_few == "raise":
            self._refuse_too_few(levels, rows)
        sets = self._reference.sets(rows, levels)
        if self.empty == "top":
            self._fill(sets, X)
        return sets[:, :, 0] if single else sets

    def predict_p_values(self, X: Any, *, groups: Any = None) -> NDArray[np.float64]:
        """Return for each label the p-value of the hypothesis that it is the true one.

        ``(1 + number of calibration rows as strange or stranger) / (n + 1)``, among rows of its class and group where
        these are calibrated by themselves. The set for a level holds the labels with p-values above ``1 - level``.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (m, n_features)
            Rows.
        groups : array-like of shape (m,), default=None
            Groups of the rows, if `fit` got groups.

        Returns
        -------
        ndarray of shape (m, n_classes)
            The columns are `classes_`.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from mlcraft.linear_model import LogisticRegression
        >>> from mlcraft.uncertainty import ConformalClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X[:, [0, 9]], y)
        >>> model.predict_p_values(X[[0, 1, 60]][:, [0, 9]]).round(2)
        array([[0.61, 0.02, 0.02],
               [0.22, 0.13, 0.09],
               [0.02, 0.5 , 0.02]])
        """
        return self._reference.p_values(self._new_rows(X, groups))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the single label that the estimator predicts for each row, of shape (m,)."""
        check_is_fitted(self)
        found: NDArray[Any] = self.estimator_.predict(X)
        return found

    @available_if(_estimator_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the estimator's probabilities, of shape (m, n_classes of the estimator); sets do not rest on them."""
        check_is_fitted(self)
        found: NDArray[Any] = self.estimator_.predict_proba(X)
        return found

    def _new_rows(self, X: Any, groups: Any) -> NewRows:
        check_is_fitted(self)
        X = X if hasattr(X, "shape") else np.asarray(X)
        group = self._groups.encode(groups, X)
        weight = None if self._shift is None else ratios(self._shift, X)
        return NewRows(X, group, np.random.default_rng(self._prediction_seed).random(len(group)), weight)

    def _refuse_too_few(self, levels: NDArray[np.float64], rows: NewRows) -> None:
        """Raise where a group or class has too few calibration rows for a level, or a new row weighs too much."""
        counts = self._reference.counts
        asked = np.unique(rows.group)
        short = np.argwhere((self._reference.ranks(levels) > counts[:, :, np.newaxis])[asked])
        if len(short):
            g, column, at = short[0]
            g = asked[g]
            cell = [] if self._groups.labels is None else [self._groups.name(g)]
            cell += [self.classes_.tolist()[column]] if self.by_class else []
            name = None if not cell else cell[0] if len(cell) == 1 else tuple(cell)
            raise ValueError(too_few_message(int(counts[g, column]), float(levels[at]), "sets", name))
        if rows.weight is not None:
            least = self._reference.least_p_values(rows)
            heavy = np.count_nonzero((least > 1.0 - levels.max()).any(axis=1))
            if heavy:
                raise ValueError(
                    f"{heavy} of {len(least)} new rows weigh so much beside the calibration rows that no label can be "
                    "left out at this level: such rows were hardly seen. Bound the weights, ask for a lower level, or "
                    "say too_few='infinite'."
                )

    def _fill(self, sets: NDArray[np.bool_], X: Any) -> None:
        """Put the most likely label into the empty sets."""
        nothing = np.logical_not(sets.any(axis=1))
        rows = np.flatnonzero(nothing.any(axis=1))
        if len(rows):
            top = self._reference.probabilities.of(self.estimator_, _safe_indexing(X, rows)).argmax(axis=1)
            sets[rows, top] |= nothing[rows]
