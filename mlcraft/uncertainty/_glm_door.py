"""From a fitted logistic regression and what its user passes to the numbers that inference works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlcraft._engine.information import remember_likelihood
from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._covariance import Covariance
from mlcraft.uncertainty._door import FitData
from mlcraft.uncertainty._glm_covariance import glm_covariance
from mlcraft.uncertainty._glm_model import GlmModel, GlmRows, glm_model, glm_rows, whole_coefficients
from mlcraft.uncertainty._glm_profile import profile_intervals
from mlcraft.uncertainty._intervals import Intervals, checked_level, intervals
from mlcraft.uncertainty._model import INTERCEPT
from mlcraft.uncertainty._sandwich import Options

__all__ = ["GlmInference"]


class GlmInference:
    """
    A fitted logistic or multinomial regression, and the covariances of its coefficients.

    Parameters
    ----------
    estimator : object
        A fitted logistic regression.
    base : label, optional
        The class that others are compared with; the first if None.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """

    def __init__(self, estimator: Any, base: Any = None) -> None:
        self._estimator = estimator
        self.model: GlmModel = glm_model(estimator, base)
        self._rows: GlmRows | None = None

    def rows(self, X: Any, y: Any, sample_weight: Any = None) -> GlmRows:
        """
        Return the rows of the fit, checked.

        Parameters
        ----------
        X, y, sample_weight
            Those of the fit; y may be None where labels are not needed.

        Returns
        -------
        GlmRows
        """
        if self._rows is None or (self._rows.codes is None and y is not None):
            self._rows = glm_rows(self._estimator, self.model, X, y, sample_weight)
            self._complete(self._rows)
        return self._rows

    def _complete(self, rows: GlmRows) -> None:
        """Look at the rows where the fit did not, and let the estimator remember what was seen."""
        fit = self.model.fitted
        if rows.codes is not None and not fit.firth and fit.own_weight is None:
            fitted = self._estimator.__dict__
            coef, intercept = whole_coefficients(fitted)
            again = remember_likelihood(
                rows.X,
                rows.codes,
                coef,
                intercept,
                rows.sample_weight,
                n_classes=len(fit.class_weights),
                penalty=fit.penalty,
                intercept_penalty=fit.intercept_penalty,
                fit_intercept=fit.fit_intercept,
                class_factors=fit.class_factors,
                effort=np.inf,
            )
            fitted["_likelihood"] = again
            self.model = replace(self.model, fitted=again)
        self.model.geometry(rows)

    def rows_in(self, data: FitData) -> GlmRows | None:
        """Return the rows that the user passed, or None."""
        unknown = set(data) - FitData.__annotations__.keys()
        if unknown:
            raise TypeError(f"unexpected argument {min(unknown)!r}; there are: {', '.join(FitData.__annotations__)}")
        if data.get("X") is None:
            return None
        return self.rows(data["X"], data.get("y"), data.get("sample_weight"))

    def covariance(self, kind: str | Covariance, data: FitData) -> Covariance:
        """
        Return the covariance given, or of the kind named.

        Parameters
        ----------
        kind : str or Covariance
        data : FitData

        Returns
        -------
        Covariance

        Raises
        ------
        ValueError
            If it cannot be had.
        """
        rows = self.rows_in(data)
        if isinstance(kind, Covariance):
            return kind.for_target(0, self.model)
        weights = data.get("weights", "analytic")
        if weights == "sampling" and kind == "classical" and rows is not None:
            kind = "HC0"
        return glm_covariance(self.model, kind, rows, Options(data.get("groups"), None, weights))

    def positions(self, columns: Any) -> list[int]:
        """
        Return the places of parameters.

        Parameters
        ----------
        columns : None, str, int or sequence of them
            Names of parameters, of columns (which stand for all their contrasts), or places; all if None.

        Returns
        -------
        list of int

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        model = self.model
        if columns is None:
            return list(range(model.n_parameters))
        found: list[int] = []
        for column in [columns] if isinstance(columns, (str, int, np.integer)) else columns:
            if isinstance(column, (int, np.integer)):
                if not 0 <= column < model.n_parameters:
                    raise ValueError(f"no parameter {column}; there are {model.n_parameters}")
                found.append(int(column))
                continue
            short = (INTERCEPT, *model.feature_names) if model.has_intercept else model.feature_names
            places = [j for j, name in enumerate(model.names) if column in (name, short[j % model.width])]
            if not places:
                raise ValueError(f"no parameter {column!r}; there are: {', '.join(model.names)}")
            found.extend(places)
        return list(dict.fromkeys(found))

    def features(self, columns: Any) -> list[int]:
        """
        Return the places of columns of X.

        Parameters
        ----------
        columns : None, str, int or sequence of them
            Names or places; all if None.

        Returns
        -------
        list of int

        Raises
        ------
        ValueError
            If there is no such column.
        """
        names = self.model.feature_names
        if columns is None:
            return list(range(len(names)))
        found = []
        for column in [columns] if isinstance(columns, (str, int, np.integer)) else columns:
            if isinstance(column, (int, np.integer)) and -len(names) <= column < len(names):
                found.append(int(column) % len(names))
            elif column in names:
                found.append(names.index(column))
            else:
                raise ValueError(f"no column {column!r}; there are: {', '.join(names)}")
        return found

    def bounds(self, found: Covariance, level: float, method: str, columns: Sequence[int], data: FitData) -> Intervals:
        """
        Return confidence intervals of the parameters.

        Parameters
        ----------
        found : Covariance
            For Wald intervals.
        level : float
        method : {"wald", "profile"}
        columns : sequence of int
            For profile intervals: which parameters.
        data : FitData

        Returns
        -------
        Intervals
        """
        checked_level(level)
        if method == "wald":
            return intervals(self.model, found, 0, level)
        if method != "profile":
            raise ValueError(f"method must be 'wald' or 'profile', got {method!r}")
        if found.kind != "classical":
            raise ValueError(f"profile likelihood has no {found.kind} version: it trusts the model; use method='wald'")
        rows = self.rows_in(data)
        if rows is None or rows.codes is None:
            raise ValueError("profile likelihood needs the rows again: pass X=, y= and sample_weight= of the fit")
        return profile_intervals(self.model, rows, columns, level)

    def engine_rows(self, X: Any) -> Any:
        """Return X as the engine takes it, with the columns of the fit."""
        return rows_of(self._estimator, X, None, None, look=True).X
