"""What follows from a fitted linear regression is computed from this view of it, never from the estimator itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from mlcraft._engine.array_api import to_numpy
from mlcraft._engine.factor import Factor
from mlcraft.uncertainty._geometry import Geometry, geometry_of

__all__ = ["FittedModel", "Geometry", "Parametrised", "model_of"]

Doubles = NDArray[np.float64]
INTERCEPT = "intercept"
ROUNDING = 64 * float(np.finfo(np.float64).eps)  # of a mean, relative to its size


class Parametrised(Protocol):
    """What tests and intervals of coefficients need of a fit."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""

    @property
    def parameters(self) -> Doubles:
        """Parameters, of shape (n_targets, n_parameters)."""

    @property
    def n_targets(self) -> int:
        """Number of targets."""

    def varies(self, target: int = 0) -> bool:
        """Tell whether there is anything to explain."""

    def estimable(self, contrasts: Doubles, target: int = 0) -> NDArray[np.bool_]:
        """Tell which combinations of the parameters the data determine."""


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
    penalty_was_chosen : bool
        Whether the penalty was chosen on the rows of the fit.
    named : bool, default=True
        Whether the columns had names of their own at the fit.
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
    penalty_was_chosen: bool
    named: bool = True

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
            cache[alpha] = geometry_of(self._usable_factor(), alpha, self.has_intercept)
        return cache[alpha]

    def estimable(self, contrasts: Doubles, target: int = 0) -> NDArray[np.bool_]:
        """
        Tell which combinations of one target's parameters the data determine.

        Parameters
        ----------
        contrasts : ndarray of shape (n_contrasts, n_parameters)
        target : int, default=0

        Returns
        -------
        ndarray of bool of shape (n_contrasts,)
        """
        return self.geometry(target).estimable(contrasts)

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
        """Sum of the logarithms of the weights that are not zero; NaN where it is not known."""
        return float(self.checked_sums().log_weight)

    def varies(self, target: int = 0) -> bool:
        """
        Tell whether a target varies by more than the rounding of its values.

        Parameters
        ----------
        target : int, default=0
            Which target.

        Returns
        -------
        bool
        """
        if self.sums is None:
            return True
        rounding = 0.0
        if self.factor is not None and not self.factor.dual:
            rounding = self.factor.weight_sum * (ROUNDING * float(self.sums.y_mean[target])) ** 2
        return bool(self.sums.total[target] > rounding)

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
    kept = fitted.get("_kept")
    with_intercept = getattr(kept, "fit_intercept", None)
    return FittedModel(
        coef=coef.reshape(n_targets, -1),
        intercept=np.broadcast_to(intercept.ravel(), (n_targets,)),
        has_intercept=bool(estimator.fit_intercept if with_intercept is None else with_intercept),
        feature_names=tuple(f"x{j}" for j in range(coef.shape[-1])) if names is None else tuple(map(str, names)),
        factor=factor,
        sums=getattr(estimator, "sums_of_squares_", None),
        alpha=_penalties(estimator, kept, n_targets),
        positive=_held_non_negative(estimator, kept),
        condition=float(fitted.get("condition_", np.nan)),
        single_target=coef.ndim == 1 and intercept.ndim == 0,
        title=type(estimator).__name__,
        penalty_was_chosen=hasattr(estimator, "alpha_"),
        named=names is not None,
    )


def _held_non_negative(estimator: Any, kept: Any) -> bool:
    """Whether the fit held coefficients non-negative: only such a fit has no factor, only moments."""
    if kept is None or kept.factor is None:
        return bool(getattr(estimator, "positive", False)) or getattr(kept, "moments", None) is not None
    return False


def _penalties(estimator: Any, kept: Any, n_targets: int) -> Doubles:
    """One penalty for each target: those of the fit, whatever the estimator's parameter says by now."""
    given = getattr(kept, "alpha", None)
    if given is None:  # nobody has told
        given = estimator.__dict__.get("alpha_", getattr(estimator, "alpha", 0.0))
    penalties = np.asarray(to_numpy(given)[0], dtype=np.float64).ravel()
    return np.broadcast_to(penalties, (n_targets,)) if penalties.size == 1 else penalties
