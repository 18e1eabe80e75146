"""The rows of a fit, seen again: what robust covariances and influence need besides the factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft import _core
from mlcraft._engine.least_squares import NonFiniteError
from mlcraft.uncertainty._checked_rows import Rows
from mlcraft.uncertainty._model import FittedModel, Geometry
from mlcraft.uncertainty._row_effects import least_norm_root, polished_root

__all__ = ["FitRows", "encode_groups", "renumbered", "ways_of"]

Doubles = NDArray[np.float64]
ALWAYS_POLISHED = 1 << 20  # elements of X up to which a second pass costs next to nothing
TRUSTED_CONDITION = 1e3  # of the design; cross-products have lost six of sixteen digits
CHUNK = 1 << 22  # elements of the matrices of several clusters that are held at once


@dataclass(frozen=True)
class FitRows:
    """
    The rows that a model was fitted on, checked against what the fit remembers of them.

    Attributes
    ----------
    given : Rows
        The rows as checked.
    """

    given: Rows

    @property
    def X(self) -> Any:
        return self.given.X

    @property
    def weight(self) -> Doubles | None:
        """Weights of the rows, None where all are one."""
        return None if self.given.sample_weight is None else self.given.weight

    @property
    def counted(self) -> NDArray[np.bool_] | None:
        """Which rows have a weight; None where all have."""
        if self.weight is None or self.weight.all():
            return None
        return self.weight > 0

    def n_observations(self, weights: str) -> float:
        """Return the number of rows with a weight, or the sum of frequency weights."""
        if self.weight is None:
            return float(self.X.shape[0])
        return float(self.weight.sum() if weights == "frequency" else np.count_nonzero(self.weight))

    def geometry(self, model: FittedModel, target: int) -> Geometry:
        """
        Return the geometry of the design, to working precision where the factor cannot tell it that well.

        The factor comes from cross-products, whose rounding counts as often as the square of the condition number says.
        Where this shows, or costs nothing, the rows mend it.

        Parameters
        ----------
        model : FittedModel
        target : int

        Returns
        -------
        Geometry
        """
        geometry = model.geometry(target)
        small = self.X.shape[0] * self.X.shape[1] <= ALWAYS_POLISHED
        if small or not model.condition < TRUSTED_CONDITION or self.X.dtype == np.float32:
            self._check_weights(geometry)
            return geometry.with_root(*polished_root(geometry, self.given, least_norm_root(geometry)))
        return geometry

    def residuals(self, model: FittedModel, geometry: Geometry, target: int) -> Doubles:
        """
        Return the residuals of one target, of shape (n_samples,).

        Parameters
        ----------
        model : FittedModel
        geometry : Geometry
        target : int

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If these cannot be the rows of the fit.
        """
        coef = model.coef[target : target + 1]
        nothing = np.zeros((coef.shape[1], 1))
        _, fit, *_ = _core.row_influence(self.X, nothing, geometry.mean, coef, "f")
        residual: Doubles = self.given.targets[:, target] - fit[:, 0]
        residual -= model.intercept[target] + geometry.mean @ coef[0]
        squares = float(residual @ (residual if self.weight is None else self.weight * residual))
        self._check(model, geometry, squares, target)
        return residual

    def score_gram(
        self, model: FittedModel, geometry: Geometry, target: int, power: float, counts: bool
    ) -> tuple[Doubles, float, int]:
        """
        Return the products of scores, in coordinates where the bread is the identity, and the largest leverage.

        Parameters
        ----------
        model : FittedModel
        geometry : Geometry
        target : int
        power : float
            Squared scores are divided by 1 - leverage to this power; below zero, to min(4, -power * leverage).
        counts : bool
            Whether weights are numbers of rows.

        Returns
        -------
        gram : ndarray of shape (rank + 1, rank + 1)
            ``sum score^2 / (1 - h)^power u u'`` for ``u = [1, root' (x - mean)]``, the constant with an intercept only
        largest : float
            The largest leverage; -1 if power is 0.
        row : int
            Its row.

        Raises
        ------
        ValueError
            If these cannot be the rows of the fit.
        """
        coef, base = model.coef[target], 1.0 / geometry.weight_sum if geometry.has_intercept else 0.0
        fit = (geometry.root, coef, float(model.intercept[target] + geometry.mean @ coef), base)
        y, weight = self.given.targets[:, target], self.given.sample_weight
        gram, squares, largest, row = _core.score_gram(self.X, weight, _mean(geometry), y, fit, (power, counts))
        self._check(model, geometry, squares, target)
        return gram, largest, row

    def _check_weights(self, geometry: Geometry) -> None:
        found, expected = float(self.given.weight.sum()), geometry.weight_sum
        if not abs(found - expected) <= (1e-4 if self.X.dtype == np.float32 else 1e-9) * expected:
            raise ValueError(
                f"the rows given weigh {found:.10g} in all, those of the fit weighed {expected:.10g}: pass "
                "the X, y and sample_weight that the model was fitted on"
            )

    def _check(self, model: FittedModel, geometry: Geometry, left: float, target: int) -> None:
        """Raise unless the rows weigh and deviate as much as those of the fit did."""
        self._check_weights(geometry)
        if not np.isfinite(left):
            raise NonFiniteError("X holds NaN or infinity")
        single = self.X.dtype == np.float32
        if model.sums is None:
            return
        known, total = float(model.sums.residual[target]), float(model.sums.total[target])
        if not abs(left - known) <= (1e-2 * known + 1e-6 * total if single else 1e-6 * known + 1e-10 * total):
            raise ValueError(
                f"the squared residuals of the rows given sum to {left:.10g}, those of the fit to {known:.10g}: "
                "pass the X, y and sample_weight that the model was fitted on."
            )

    def cluster_scores(self, geometry: Geometry, score: Doubles, codes: NDArray[np.intp], count: int) -> Doubles:
        """Return the sums of ``score z`` over each of `count` clusters, of shape (count, n_parameters)."""
        return _core.cluster_scores(self.X, score, _mean(geometry), codes, count)

    def cluster_grams(self, geometry: Geometry, codes: NDArray[np.intp], count: int) -> Any:
        """Yield (first, grams) with grams of shape (m, n_parameters, n_parameters): clusters first to first + m."""
        order = np.argsort(codes, kind="stable")
        start = np.searchsorted(codes[order], np.arange(count + 1))
        width = len(geometry.bread)
        step = max(1, CHUNK // (width * width))
        weight = self.given.sample_weight
        for first in range(0, count, step):
            some = start[first : first + step + 1]
            rows = order[some[0] : some[-1]]
            yield first, _core.cluster_grams(self.X, weight, _mean(geometry), rows, some - some[0])

    def lagged_products(self, geometry: Geometry, score: Doubles, kernel: Doubles) -> Doubles:
        """Return the middle of a Newey-West covariance, of shape (n_parameters, n_parameters)."""
        half = kernel.copy()
        half[0] *= 0.5
        products = _core.lagged_products(self.X, score, _mean(geometry), half)
        return products + products.T


def _mean(geometry: Geometry) -> Doubles | None:
    return geometry.mean if geometry.has_intercept else None


def ways_of(groups: Any) -> list[NDArray[Any]]:
    """Return the labels of each way of clustering."""
    if isinstance(groups, (list, tuple)) and groups and np.ndim(groups[0]) == 1:
        return [np.asarray(way) for way in groups]
    table = np.asarray(groups)
    return [table] if table.ndim == 1 else list(table.T)


def encode_groups(groups: Any, n_samples: int) -> list[NDArray[np.intp]]:
    """
    Give the clusters of each way of clustering a number.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or (n_samples, n_ways), or a list or tuple of such vectors
        Labels of any kind: numbers, text, dates.
    n_samples : int

    Returns
    -------
    list of ndarray of shape (n_samples,)
        Codes from zero on, one array for each way.

    Raises
    ------
    ValueError
        If the labels do not fit the rows, or some are missing.
    """
    found = []
    for way in ways_of(groups):
        if way.shape != (n_samples,):
            raise ValueError(f"groups must hold one label for each of the {n_samples} rows, got shape {way.shape}")
        missing = way != way  # NaN and NaT differ from themselves
        if way.dtype == object:
            missing = np.array([label is None or label != label for label in way])
        if np.any(missing):
            raise ValueError(f"groups has no label for {np.count_nonzero(missing)} rows; leave them out of the fit")
        found.append(renumbered(way))
    return found


def renumbered(labels: NDArray[Any]) -> NDArray[np.intp]:
    """
    Give labels numbers from zero on, in their order.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if labels.dtype.kind in "iu" and labels.size:
        low, high = int(labels.min()), int(labels.max())
        if high - low <= 4 * labels.size:  # counting takes a tenth of the time of sorting
            wide = labels if labels.dtype.kind == "u" else labels.astype(np.int64)
            shifted = (wide - wide.dtype.type(low)).astype(np.intp)
            present = np.bincount(shifted) > 0
            numbers = np.cumsum(present) - 1
            return np.asarray(numbers[shifted], dtype=np.intp)
    return np.unique(labels, return_inverse=True)[1].ravel()
