"""What follows from a fitted linear regression is computed from this view of it, never from the estimator itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.factor import Factor
from mlcraft.uncertainty._triangle import inverse_of_triangle

__all__ = ["FittedModel", "Geometry", "model_of"]

Doubles = NDArray[np.float64]
INTERCEPT = "intercept"
ESTIMABLE = 1e-7  # share of a contrast that may lie outside the row space
ROUNDING = 1e-10


@dataclass(frozen=True)
class Geometry:
    """
    The design of one target, as its factor tells it: nothing here depends on y.

    With m = `mean`, M = (X - m)' W (X - m) and V = (M + alpha I)^-1 (a generalised inverse where columns depend on each
    other), `root` has ``root @ root.T == V``. Parameters are (intercept, coef), or coef alone without an intercept.

    Attributes
    ----------
    bread : ndarray of shape (n_parameters, n_parameters)
        ``[[1/weight_sum + m'Vm, -m'V], [-Vm, V]]``: (Z'WZ + alpha D)^-1 for Z = [1, X] and D = diag(0, 1, ..., 1).
    root : ndarray of shape (n_features, rank)
        Square root of V. The leverage of a row of weight w is
        ``w * (1 / weight_sum + ((x - mean) @ root) ** 2 summed)``, the first term with an intercept only.
    mean : ndarray of shape (n_features,)
        Weighted means of the columns; zeros without an intercept.
    weight_sum : float
        Sum of the weights.
    alpha : float
        Ridge penalty.
    rank : int
        Number of directions that the (penalised) design has, without the intercept.
    effective_df : float
        Trace of the hat matrix, the intercept included: the number of independent columns without a penalty.
    has_intercept : bool
        Whether there is an intercept.
    used : ndarray of bool of shape (n_features,)
        Which columns have any spread.
    directions : ndarray of shape (n_features, rank) or None
        Orthonormal basis of the row space of (X - m) S, S = diag(scale), where columns depend on each other.
    scale : ndarray of shape (n_features,)
        The diagonal of S.
    """

    bread: Doubles
    root: Doubles
    mean: Doubles
    weight_sum: float
    alpha: float
    rank: int
    effective_df: float
    has_intercept: bool
    used: NDArray[np.bool_]
    directions: Doubles | None
    scale: Doubles

    @property
    def feature_inverse(self) -> Doubles:
        """V, of shape (n_features, n_features)."""
        return self.bread[1:, 1:] if self.has_intercept else self.bread

    def with_root(self, root: Doubles, mean: Doubles) -> Geometry:
        """
        Return the same geometry with a more accurate root and means.

        Parameters
        ----------
        root : ndarray of shape (n_features, rank)
        mean : ndarray of shape (n_features,)

        Returns
        -------
        Geometry
        """
        return _assembled(
            root,
            mean,
            self.weight_sum,
            self.alpha,
            self.rank,
            self.has_intercept,
            self.used,
            self.directions,
            self.scale,
        )

    @cached_property
    def full(self) -> bool:
        """Whether the data determine every parameter."""
        return self.directions is None and bool(self.used.all())

    @cached_property
    def identified(self) -> NDArray[np.bool_]:
        """Which parameters the data determine, of shape (n_parameters,)."""
        if self.full:
            return np.ones(len(self.bread), dtype=bool)
        return self.estimable(np.eye(len(self.bread)))

    def estimable(self, contrasts: Doubles) -> NDArray[np.bool_]:
        """
        Tell which linear combinations of the parameters are the same for every least-squares solution.

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)

        Returns
        -------
        ndarray of bool of shape (n_contrasts,)
        """
        if self.full:
            return np.ones(len(contrasts), dtype=bool)
        if self.has_intercept:  # c0 * intercept + c'b = c0 * mean of y + (c - c0 mean)'b
            shift = contrasts[:, :1] * self.mean
            sizes = np.abs(contrasts[:, 1:]) + np.abs(shift)
            contrasts = contrasts[:, 1:] - shift
            contrasts = np.where(np.abs(contrasts) > ROUNDING * sizes, contrasts, 0.0)
        answer: NDArray[np.bool_] = ~np.any(contrasts[:, ~self.used], axis=1)
        if self.directions is not None:
            scaled = contrasts * self.scale
            outside = scaled - scaled @ self.directions @ self.directions.T
            answer &= np.linalg.norm(outside, axis=1) <= ESTIMABLE * np.linalg.norm(scaled, axis=1)
        return answer


@dataclass(frozen=True)
class FittedModel:
    """
    View of a fitted linear regression: its numbers in float64, its names, its factor.

    Attributes
    ----------
    coef : ndarray of shape (n_targets, n_features)
        Coefficients.
    intercept : ndarray of shape (n_targets,)
        Intercepts; zeros without.
    has_intercept : bool
        Whether an intercept was fitted.
    feature_names : tuple of str
        Names of the columns; x0, x1, ... where the fit met none.
    factor : Factor or None
        The factorised matrix, where the fit made one.
    sums : SumsOfSquares or None
        Sums of squares of the fit, where the engine has them.
    alpha : ndarray of shape (n_targets,)
        Ridge penalties; zeros for least squares.
    positive : bool
        Whether coefficients were held non-negative.
    condition : float
        Estimated condition number of the design with columns of unit length.
    single_target : bool
        Whether y had one dimension.
    title : str
        Name of the estimator's class.
    """

    coef: Doubles
    intercept: Doubles
    has_intercept: bool
    feature_names: tuple[str, ...]
    factor: Factor | None
    sums: Any
    alpha: Doubles
    positive: bool
    condition: float
    single_target: bool
    title: str

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return len(self.coef[0])

    @property
    def n_targets(self) -> int:
        """Number of columns of y."""
        return len(self.coef)

    @property
    def n_parameters(self) -> int:
        """Number of coefficients, the intercept included."""
        return self.n_features + self.has_intercept

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters: "intercept" first where there is one."""
        return (INTERCEPT, *self.feature_names) if self.has_intercept else self.feature_names

    @cached_property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets: y, or y0, y1, ..."""
        return ("y",) if self.n_targets == 1 else tuple(f"y{t}" for t in range(self.n_targets))

    @cached_property
    def parameters(self) -> Doubles:
        """Parameters, of shape (n_targets, n_parameters)."""
        return np.column_stack([self.intercept, self.coef]) if self.has_intercept else self.coef

    def geometry(self, target: int = 0) -> Geometry:
        """
        Return the geometry of the design under the penalty of one target.

        Parameters
        ----------
        target : int, default=0
            Which target; matters only where targets have different penalties.

        Returns
        -------
        Geometry

        Raises
        ------
        ValueError
            If the fit left no factor by features: held non-negative, wide, or iterative.
        """
        alpha = float(self.alpha[target])
        cache = self._geometries
        if alpha not in cache:
            cache[alpha] = _geometry(self._usable_factor(), alpha, self.has_intercept)
        return cache[alpha]

    @cached_property
    def _geometries(self) -> dict[float, Geometry]:
        return {}

    def _usable_factor(self) -> Factor:
        factor = self.factor
        if self.positive:
            raise ValueError(
                "coefficients held non-negative (positive=True) have no normal-theory distribution: those at the "
                "bound do not vary at all, and the others depend on which ones those are. Bootstrap the fit instead."
            )
        if factor is None:
            raise ValueError(
                "this fit kept no factorised matrix (a wide sparse X is solved by iterations), so standard errors "
                "cannot be computed from it. Fit fewer columns, or a dense X with more rows than columns."
            )
        if factor.dual:
            raise ValueError(
                f"X had no more rows than columns ({self.n_features}), and the fit factorised the matrix of its rows: "
                "without a penalty every row is fitted exactly and nothing is left to estimate the noise from; with "
                "one, the coefficients are mostly prior. Standard errors need more rows than columns."
            )
        return factor

    @property
    def n_samples(self) -> int:
        """Number of rows whose weight is not zero."""
        return int(self.checked_sums().n_samples)

    def n_observations(self, weights: str = "analytic") -> float:
        """
        Return how many observations the fit counts.

        Parameters
        ----------
        weights : {"analytic", "frequency", "sampling"}, default="analytic"
            With frequency weights a row of weight 3 is three observations; otherwise rows are counted.

        Returns
        -------
        float
        """
        if weights == "frequency":
            return float(self._usable_factor().weight_sum)
        return float(self.n_samples)

    def residual_df(self, target: int = 0, weights: str = "analytic") -> float:
        """
        Return the residual degrees of freedom: observations minus effective parameters.

        Parameters
        ----------
        target : int, default=0
            Which target.
        weights : {"analytic", "frequency", "sampling"}, default="analytic"
            What the weights of the fit mean.

        Returns
        -------
        float
        """
        return self.n_observations(weights) - self.geometry(target).effective_df

    def variance(self, target: int = 0, weights: str = "analytic") -> float:
        """
        Return the estimated variance of an observation of weight one, ``residual sum of squares / residual_df``.

        Parameters
        ----------
        target : int, default=0
            Which target.
        weights : {"analytic", "frequency", "sampling"}, default="analytic"
            What the weights of the fit mean.

        Returns
        -------
        float
            NaN without residual degrees of freedom.
        """
        df = self.residual_df(target, weights)
        return float(self.checked_sums().residual[target]) / df if df > 1e-9 else float("nan")

    @property
    def log_weight(self) -> float:
        """Sum of the logarithms of the weights; NaN where there were weights and nobody added them up."""
        sums = self.checked_sums()
        unknown = sums.log_weight == 0.0 and self._usable_factor().weight_sum != sums.n_samples
        return float("nan") if unknown else float(sums.log_weight)

    def checked_sums(self) -> Any:
        if self.sums is None:
            raise ValueError(
                "this fit kept no sums of squares, so the spread of its residuals is unknown; fit again, or pass X "
                "and y where the method takes them."
            )
        return self.sums


def model_of(estimator: Any) -> FittedModel:
    """
    Return the view of a fitted linear regression.

    Parameters
    ----------
    estimator : object
        With ``coef_``, ``intercept_``, ``fit_intercept``, ``factor_``, ``sums_of_squares_``.

    Returns
    -------
    FittedModel

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    """
    fitted = estimator.__dict__
    if "coef_" not in fitted:
        check_is_fitted(estimator)
    coef = np.asarray(to_numpy(fitted["coef_"])[0], dtype=np.float64)
    n_targets = 1 if coef.ndim == 1 else coef.shape[0]
    intercept = np.asarray(to_numpy(fitted["intercept_"])[0], dtype=np.float64)
    names = fitted.get("feature_names_in_")
    factor = getattr(estimator, "factor_", None)
    return FittedModel(
        coef=coef.reshape(n_targets, -1),
        intercept=np.broadcast_to(intercept.ravel(), (n_targets,)),
        has_intercept=bool(estimator.fit_intercept),
        feature_names=tuple(f"x{j}" for j in range(coef.shape[-1])) if names is None else tuple(map(str, names)),
        factor=factor,
        sums=getattr(estimator, "sums_of_squares_", None),
        alpha=_penalties(estimator, factor, n_targets),
        positive=bool(getattr(estimator, "positive", False)),
        condition=float(fitted.get("condition_", np.nan)),
        single_target=coef.ndim == 1 and intercept.ndim == 0,
        title=type(estimator).__name__,
    )


def _penalties(estimator: Any, factor: Factor | None, n_targets: int) -> Doubles:
    """One penalty for each target: those that a search has chosen, else those given, else that of the factor."""
    given = estimator.__dict__.get("alpha_", getattr(estimator, "alpha", 0.0))
    penalties = np.asarray(to_numpy(given)[0], dtype=np.float64).ravel()
    if penalties.size == 1 and factor is not None and "alpha_" not in estimator.__dict__:
        penalties = np.array([factor.alpha])  # of the fit, whatever the parameter says by now
    return np.broadcast_to(penalties, (n_targets,)) if penalties.size == 1 else penalties


def _geometry(factor: Factor, alpha: float, has_intercept: bool) -> Geometry:
    mean, weight_sum, scale, lower = factor.mean, factor.weight_sum, factor.scale, factor.lower
    used = scale > 0
    rank = int(np.count_nonzero(used))
    directions = None
    if alpha != factor.alpha:
        lower, scale = _with_penalty(factor, alpha)
    if factor.rank < rank and not alpha > 0:
        rank = factor.rank
        left, values, _ = np.linalg.svd(np.tril(lower) * used[:, np.newaxis])
        directions = left[:, :rank]
        root = scale[:, np.newaxis] * directions / values[:rank]
    else:
        root = (inverse_of_triangle(lower) * scale).T
    return _assembled(root, mean, weight_sum, alpha, rank, has_intercept, used, directions, scale)


def _assembled(
    root: Doubles,
    mean: Doubles,
    weight_sum: float,
    alpha: float,
    rank: int,
    has_intercept: bool,
    used: NDArray[np.bool_],
    directions: Doubles | None,
    scale: Doubles,
) -> Geometry:
    inverse = root @ root.T
    effective_df = rank - alpha * float(np.trace(inverse)) + has_intercept
    bread = inverse
    if has_intercept:
        bread = np.empty((len(mean) + 1, len(mean) + 1))
        pulled = inverse @ mean
        bread[0, 0] = 1.0 / weight_sum + mean @ pulled
        bread[0, 1:] = bread[1:, 0] = -pulled
        bread[1:, 1:] = inverse
    return Geometry(bread, root, mean, weight_sum, alpha, rank, effective_df, has_intercept, used, directions, scale)


def _with_penalty(factor: Factor, alpha: float) -> tuple[Doubles, Doubles]:
    """Triangle and scale of the same design under another penalty."""
    used = factor.scale > 0
    matrix = factor.matrix()
    matrix[np.diag_indices_from(matrix)] += np.where(used, alpha - factor.alpha, 0.0)
    diagonal = np.diagonal(matrix)
    scale = np.where(used, 1.0 / np.sqrt(np.where(used, diagonal, 1.0)), 0.0)
    scaled = matrix * scale * scale[:, np.newaxis]
    scaled[np.diag_indices_from(scaled)] = 1.0
    lower = np.asarray(np.linalg.cholesky(scaled), dtype=np.float64)
    return lower, scale
