"""The middles of robust covariances, and the factors that mend them in small samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcraft.uncertainty._geometry import ESTIMABLE
from mlcraft.uncertainty._model import FittedModel, Geometry
from mlcraft.uncertainty._rows import FitRows, encode_groups, renumbered, ways_of

__all__ = [
    "CLUSTERED",
    "HETEROSCEDASTIC",
    "Options",
    "Sandwich",
    "SandwichResult",
    "bread_about_mean",
    "count_text",
    "root_about_mean",
]

Doubles = NDArray[np.float64]

HETEROSCEDASTIC = ("HC0", "HC1", "HC2", "HC3", "HC4")
CLUSTERED = ("CR0", "CR1", "CR1S", "CR2", "CR3", "CRV3")
LEVERAGE_ONE = 1e-9  # closer to one than this, a row fits itself and its residual is rounding
FEW_CLUSTERS = 40
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Options:
    """What a covariance is told besides its kind; see :func:`covariance`."""

    groups: Any = None
    maxlags: int | None = None
    weights: str = "analytic"
    small_sample: bool = True


@dataclass(frozen=True)
class SandwichResult:
    """A covariance about the mean, the correction in a formula, the degrees of freedom, and what to know."""

    matrix: Doubles
    correction: str
    df: float
    notes: tuple[str, ...] = ()
    unknown: Unknown | None = None


@dataclass(frozen=True)
class Unknown:
    """
    What a covariance cannot tell: combinations of parameters that are not determined without one of the clusters.

    Attributes
    ----------
    root : ndarray of shape (n_parameters, rank)
        Square root of the bread, for (prediction at the mean, coef).
    directions : ndarray of shape (n_directions, rank)
        Unit vectors, in coordinates where the bread is the identity, along which one cluster alone has rows.
    """

    root: Doubles
    directions: Doubles

    def concerns(self, contrasts: Doubles) -> NDArray[np.bool_]:
        """
        Tell which combinations of (prediction at the mean, coef) are among them.

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)

        Returns
        -------
        ndarray of bool of shape (n_contrasts,)
        """
        turned = contrasts @ self.root
        share = np.abs(turned @ self.directions.T).max(axis=1, initial=0.0)
        answer: NDArray[np.bool_] = share > ESTIMABLE * np.linalg.norm(turned, axis=1)
        return answer


def bread_about_mean(geometry: Geometry) -> Doubles:
    """Return the inverse of Z'WZ + penalty for z = [1, x - mean]."""
    if not geometry.has_intercept:
        return geometry.bread
    bread = geometry.bread.copy()
    bread[0] = bread[:, 0] = 0.0
    bread[0, 0] = 1.0 / geometry.weight_sum
    return bread


def root_about_mean(geometry: Geometry) -> Doubles:
    """Return the square root of the bread, of shape (n_parameters, rank + 1)."""
    if not geometry.has_intercept:
        return geometry.root
    root = np.zeros((len(geometry.root) + 1, geometry.root.shape[1] + 1))
    root[0, 0] = 1.0 / np.sqrt(geometry.weight_sum)
    root[1:, 1:] = geometry.root
    return root


def count_text(geometry: Geometry) -> str:
    """Name the number of parameters in the formula of a correction."""
    return "effective df" if geometry.alpha > 0 else "p"


@dataclass(frozen=True)
class Sandwich:
    """Covariances of one target's coefficients from its scores: ``bread @ middle @ bread``."""

    model: FittedModel
    geometry: Geometry
    rows: FitRows
    target: int
    n: float
    df: float
    options: Options

    @cached_property
    def score(self) -> Doubles:
        """Weighted residuals, of shape (n_samples,)."""
        residual = self.rows.residuals(self.model, self.geometry, self.target)
        return residual if self.rows.weight is None else residual * self.rows.weight

    def _around(self, middle: Doubles) -> Doubles:
        bread = bread_about_mean(self.geometry)
        return bread @ middle @ bread

    def _df_factor(self) -> tuple[float, str]:
        return self.n / self.df, f"n / (n - {count_text(self.geometry)})"

    def heteroscedastic(self, kind: str) -> SandwichResult:
        """HC0: White (1980); HC1 to HC3: MacKinnon and White (1985); HC4: Cribari-Neto (2004)."""
        power = {"HC2": 1.0, "HC3": 2.0, "HC4": -self.n / self.geometry.effective_df}.get(kind, 0.0)
        counts = self.options.weights == "frequency"  # a row of weight w is w rows of weight one
        gram, largest, row = self.rows.score_gram(self.model, self.geometry, self.target, power, counts)
        if largest > 1.0 - LEVERAGE_ONE:
            raise ValueError(
                f"row {row} has leverage one: it alone determines a coefficient, its residual is zero whatever y is, "
                f"and {kind} is not defined. Use HC1, or leave out the column that only this row needs."
            )
        scale, correction = self._df_factor() if kind == "HC1" else (1.0, _HC_CORRECTIONS[kind])
        outer = self.geometry.root
        if self.geometry.has_intercept:
            outer = np.zeros((len(outer) + 1, outer.shape[1] + 1))
            outer[0, 0] = 1.0 / self.geometry.weight_sum
            outer[1:, 1:] = self.geometry.root
        return SandwichResult(scale * (outer @ gram @ outer.T), correction, self.df)

    def serial(self) -> SandwichResult:
        """Newey and West (1987) with the Bartlett kernel."""
        lags = self.options.maxlags
        if lags is None:
            lags = int(np.floor(4.0 * (self.n / 100.0) ** (2.0 / 9.0)))  # Newey and West (1994)
        try:
            lags = index(lags)
        except TypeError:
            raise TypeError(f"maxlags must be an integer, got {lags!r}") from None
        n_rows = len(self.score)
        if not 0 <= lags < n_rows:
            raise ValueError(f"maxlags must lie between 0 and the number of rows less one, {n_rows - 1}; got {lags}")
        kernel = 1.0 - np.arange(lags + 1.0) / (lags + 1.0)
        scale, correction = self._df_factor() if self.options.small_sample else (1.0, "none")
        matrix = scale * self._around(self.rows.lagged_products(self.geometry, self.score, kernel))
        note = f"Newey-West with the Bartlett kernel and {lags} lags; rows are taken to be in order of time."
        return SandwichResult(matrix, correction, self.df, (note,))

    def clustered(self, kind: str) -> SandwichResult:
        """Return the sum over subsets of the ways with alternating signs (Cameron, Gelbach and Miller 2011)."""
        ways = encode_groups(self.options.groups, len(self.score))
        counted = self.rows.counted
        total, correction, counts = np.zeros_like(self.geometry.bread), "", []
        alone: list[tuple[str, Doubles]] = []
        for size in range(1, len(ways) + 1):
            for chosen in combinations(ways, size):
                codes, count = _joined(chosen, counted)
                if size == 1:
                    counts.append(count)
                    if count < 2:
                        raise ValueError("groups has one cluster only; there must be at least two")
                matrix, correction = self._one_way(kind, codes, count, alone)
                total += matrix if size % 2 else -matrix
        notes = [f"Clusters: {' and '.join(map(str, counts))}; t distribution with {min(counts) - 1} df."]
        if min(counts) < FEW_CLUSTERS and kind not in ("CR2", "CR3", "CRV3"):
            notes.append(
                f"Few clusters ({min(counts)}): {kind} tends to be too small; CRV3, the cluster jackknife, is safer."
            )
        if len(ways) > 1:
            correction = f"{correction}, for each way"
            total = _made_possible(total, notes)
        unknown = None
        if alone:
            unknown = Unknown(root_about_mean(self.geometry), np.concatenate([directions for _, directions in alone]))
            notes.append(self._note_of_lonely_clusters(kind, [label for label, _ in alone], unknown))
        left = None if kind == "CR2" else unknown
        return SandwichResult(total, correction, float(min(counts) - 1), tuple(notes), left)

    def _note_of_lonely_clusters(self, kind: str, labels: list[str], unknown: Unknown) -> str:
        contrasts = np.eye(len(self.model.names))
        if self.geometry.has_intercept:
            contrasts[0, 1:] = -self.geometry.mean
        concerned = unknown.concerns(contrasts) & self.geometry.identified
        names = [name for name, lost in zip(self.model.names, concerned, strict=True) if lost]
        one = len(dict.fromkeys(labels)) == 1
        head = f"{'Cluster' if one else 'Clusters'} {some_of(labels)} alone {'determines' if one else 'determine'} "
        head += f"{some_of(names) or 'a combination of coefficients'}: "
        if kind == "CR2":
            return head + (
                "its rows fit themselves there, their residuals are zero whatever y is, and what they add to the "
                "covariance is not in it. These standard errors are too small."
            )
        return head + f"without it nothing determines them, so {kind} has no standard errors for them (NaN)."

    def _one_way(
        self, kind: str, codes: NDArray[np.intp], count: int, alone: list[tuple[str, Doubles]]
    ) -> tuple[Doubles, str]:
        scores = self.rows.cluster_scores(self.geometry, self.score, codes, count)
        if kind in ("CR2", "CR3", "CRV3"):
            moves = self._moves(kind, scores, codes, count, alone)
            scale = (count - 1) / count if kind == "CRV3" else 1.0
            return scale * (moves.T @ moves), _CLUSTER_CORRECTIONS[kind]
        scale = 1.0
        if kind == "CR1":
            scale = count / (count - 1)
        elif kind == "CR1S":
            scale = count / (count - 1) * (self.n - 1) / self.df
        correction = _CLUSTER_CORRECTIONS[kind].replace("- p", f"- {count_text(self.geometry)}")
        return scale * self._around(scores.T @ scores), correction

    def _moves(
        self, kind: str, scores: Doubles, codes: NDArray[np.intp], count: int, alone: list[tuple[str, Doubles]]
    ) -> Doubles:
        """
        How far each cluster moves the coefficients, of shape (count, n_parameters).

        In coordinates where the bread is the identity, with K the Gram matrix of the cluster and s its score, leaving
        the cluster out moves the coefficients by (I - K)^-1 s exactly (MacKinnon, Nielsen and Webb 2023): CR3 and CRV3.
        CR2 has (I - K)^-1/2 s (Bell and McCaffrey 2002). Directions that only one cluster determines are added to
        `alone`, with the label of the cluster.
        """
        root = root_about_mean(self.geometry)
        whitened = scores @ root
        power: Callable[[Doubles], Doubles] = np.sqrt if kind == "CR2" else np.asarray
        for first, grams in self.rows.cluster_grams(self.geometry, codes, count):
            values, vectors = np.linalg.eigh(root.T @ grams @ root)
            left = 1.0 - values
            inverse = 1.0 / power(np.maximum(left, LEVERAGE_ONE))
            lonely = left <= LEVERAGE_ONE
            inverse[lonely] = 0.0
            for g in np.flatnonzero(lonely.any(axis=1)).tolist():
                alone.append((self._label(codes, first + g), vectors[g].T[lonely[g]]))
            part = whitened[first : first + len(grams), :, np.newaxis]
            moved = vectors @ (inverse[:, :, np.newaxis] * (np.swapaxes(vectors, 1, 2) @ part))
            whitened[first : first + len(grams)] = moved[:, :, 0]
        return whitened @ root.T

    def _label(self, codes: NDArray[np.intp], code: int) -> str:
        """Name of a cluster: the label of its rows, or the labels of several ways."""
        rows = np.flatnonzero((codes == code) & (True if self.rows.counted is None else self.rows.counted))
        ways = ways_of(self.options.groups)
        joint = [way for way in ways if (way[rows] == way[rows[0]]).all()]
        return " x ".join(str(way[rows[0]]) for way in joint)


def some_of(names: list[str]) -> str:
    """Write some names out, each once."""
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more


_HC_CORRECTIONS = {
    "HC0": "none",
    "HC2": "e^2 / (1 - h)",
    "HC3": "e^2 / (1 - h)^2",
    "HC4": "e^2 / (1 - h)^min(4, h / mean h)",
}
_CLUSTER_CORRECTIONS = {
    "CR0": "none",
    "CR1": "G / (G - 1)",
    "CR1S": "G / (G - 1) x (n - 1) / (n - p)",
    "CR2": "(I - H_gg)^-1/2",
    "CR3": "(I - H_gg)^-1",
    "CRV3": "(G - 1) / G x cluster jackknife",
}


def _joined(ways: tuple[NDArray[np.intp], ...], counted: NDArray[np.bool_] | None) -> tuple[NDArray[np.intp], int]:
    """Codes of the clusters of rows alike in every way; those without a row of weight do not count."""
    codes = ways[0]
    for way in ways[1:]:
        codes = renumbered(codes * (way.max() + 1) + way)
    if counted is not None:
        joined = np.zeros_like(codes)
        joined[counted] = renumbered(codes[counted])
        codes = joined
    return codes, int(codes.max()) + 1


def _made_possible(matrix: Doubles, notes: list[str]) -> Doubles:
    """Set negative eigenvalues to zero where a difference of covariances has negative variances."""
    scale = np.sqrt(np.abs(np.diagonal(matrix)))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(matrix / scale / scale[:, np.newaxis])
    if values.min() > -1e-10 * np.abs(values).max():
        return matrix
    if np.diagonal(matrix).min() >= 0:
        notes.append("The matrix is not positive semidefinite: joint tests may fail (few clusters in one way).")
        return matrix
    notes.append("Some variances came out negative: the negative eigenvalues of the matrix were set to zero.")
    mended: Doubles = (vectors * np.maximum(values, 0.0)) @ vectors.T * scale * scale[:, np.newaxis]
    return mended
