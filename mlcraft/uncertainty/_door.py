"""From an estimator and what its user passes to the numbers that inference works on."""

from __future__ import annotations

from typing import Any, TypedDict

from mlcraft.uncertainty._checked_rows import rows_of
from mlcraft.uncertainty._covariance import Covariance, Options, covariance
from mlcraft.uncertainty._model import FittedModel, model_of
from mlcraft.uncertainty._rows import FitRows

__all__ = ["FitData", "Inference"]


class FitData(TypedDict, total=False):
    """What a covariance may need besides the fit."""

    X: Any
    y: Any
    sample_weight: Any
    groups: Any
    maxlags: int | None
    weights: str
    small_sample: bool


class Inference:
    """
    A fitted estimator, and the covariances of its coefficients.

    Parameters
    ----------
    estimator : object
        A fitted linear regression.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self.model: FittedModel = model_of(estimator)
        self._rows: FitRows | None = None

    def targets(self, target: int | None) -> list[int]:
        """Return the targets meant: the one named, or all."""
        count = self.model.n_targets
        if target is None:
            return list(range(count))
        if not -count <= target < count:
            raise ValueError(f"target must be one of the {count} columns of y, counted from zero; got {target}")
        return [target % count]

    def only_target(self, target: int | None) -> int:
        """Return the target meant where there can be one only."""
        if target is None and self.model.n_targets > 1:
            raise ValueError(f"y has {self.model.n_targets} targets: say which one with target=")
        return self.targets(target)[0]

    def covariance(self, kind: str | Covariance, target: int, data: FitData) -> Covariance:
        """
        Return the covariance of one target: the one given, or of the kind named.

        Parameters
        ----------
        kind : str or Covariance
        target : int
        data : FitData

        Returns
        -------
        Covariance

        Raises
        ------
        ValueError
            If it cannot be had.
        """
        unknown = set(data) - FitData.__annotations__.keys()
        if unknown:
            raise TypeError(f"unexpected argument {min(unknown)!r}; there are: {', '.join(FitData.__annotations__)}")
        if isinstance(kind, Covariance):
            return kind.for_target(target, self.model)
        weights = data.get("weights", "analytic")
        if weights == "sampling" and kind == "classical" and data.get("X") is not None:
            kind = "HC1"
        rows = None
        if data.get("X") is not None:
            rows = self._rows_of_the_fit(kind, data)
        options = Options(data.get("groups"), data.get("maxlags"), weights, data.get("small_sample", True))
        return covariance(self.model, kind, rows, options, target)

    def _rows_of_the_fit(self, kind: str, data: FitData) -> FitRows:
        if self._rows is None:
            if data.get("y") is None:
                raise ValueError(f"the {kind} covariance needs y besides X: both of the fit")
            found = rows_of(self._estimator, data["X"], data["y"], data.get("sample_weight"))
            self._rows = FitRows(found)
        return self._rows

    def engine_rows(self, X: Any) -> Any:
        """Return X as the engine takes it, with the columns of the fit: float, dense or compressed rows."""
        return rows_of(self._estimator, X, None, None, look=True).X
