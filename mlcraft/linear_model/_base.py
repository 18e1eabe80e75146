"""What the linear estimators share: prediction, and the marks a fit leaves on an estimator."""

from math import isfinite
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcraft._engine.array_api import check_same_arrays, foreign_namespace
from mlcraft._engine.factor import Factor, Kept, SumsOfSquares
from mlcraft._engine.least_squares import predict_linear

__all__ = ["LinearEstimator", "dense_coefficients", "put_fit"]


def put_fit(fitted: dict[str, Any], fit: Any, fit_intercept: bool, alpha: Any) -> None:
    """Put the attributes that all fits have into a dictionary: `intercept_`, `condition_` and what is kept."""
    # a scalar for one-dimensional y, as scikit-learn's
    fitted["intercept_"] = fit.intercept[()] if fit_intercept else 0.0
    fitted["condition_"] = fit.condition
    fitted["_kept"] = fit.kept.made_with(fit_intercept, alpha)


def dense_coefficients(coef: Any) -> Any:
    """Return coefficients as an array, which `sparsify` may have made a sparse matrix."""
    return coef.toarray() if hasattr(coef, "toarray") else coef


class LinearEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of estimators with `coef_` and `intercept_`."""

    def _linear_output(self, X: Any, method: str) -> NDArray[Any]:
        """Return X @ coef + intercept; microseconds for a float ndarray without column names."""
        fitted = self.__dict__
        coef = fitted.get("coef_")
        if (
            type(X) is ndarray
            and type(coef) is ndarray
            and X.ndim == 2
            and X.shape[1] == fitted["n_features_in_"]
            and X.dtype == coef.dtype
            and coef.flags.c_contiguous
            and X.shape[0]
            and "feature_names_in_" not in fitted
        ):
            output: NDArray[Any] = predict_linear(X, coef, fitted["intercept_"])
            # NaN or infinity in X always shows in the output, so X itself is looked at only when it does
            if isfinite(output.item() if output.size == 1 else output.sum()):
                return output
        return self._checked_output(X, method)

    def _checked_output(self, X: Any, method: str) -> NDArray[Any]:
        check_is_fitted(self)
        check_same_arrays(X, self, method)
        coef = dense_coefficients(self.coef_)
        rules: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "reset": False}
        if foreign_namespace(X) is not None:
            matrix = validate_data(self, X, **rules)
            foreign_output: NDArray[Any] = matrix @ (coef.T if coef.ndim == 2 else coef) + self.intercept_
            return foreign_output
        matrix = validate_data(self, X, ensure_all_finite=False, **rules)
        output = predict_linear(matrix, np.ascontiguousarray(coef), self.intercept_)
        if not isfinite(output.sum()):
            validate_data(self, X, **rules)  # raises where X is to blame
        return output

    def _store(self, fit: Any, fit_intercept: bool, alpha: Any = 0.0) -> None:
        """
        Keep what the engine found, apart from the shape of `coef_`, which each estimator decides.

        `fit_intercept` and `alpha` are those of the fit: the parameters may have been set to others since.
        """
        fitted = self.__dict__
        put_fit(fitted, fit, fit_intercept, alpha)
        if "_moments" in fitted:  # of partial fits: they began before this fit
            fitted.pop("_unsolved", None)
            del fitted["_moments"]

    @property
    def factor_(self) -> Factor | None:
        """The factorised matrix of a fit, for what follows from it; None where the method makes none."""
        return self._what_is_kept("factor_").factor

    @property
    def sums_of_squares_(self) -> SumsOfSquares | None:
        """Sums of squares about the mean and about the fit; None where the method does not tell."""
        return self._what_is_kept("sums_of_squares_").sums

    def _what_is_kept(self, name: str) -> Kept:
        kept = self.__dict__.get("_kept")
        if kept is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found: Kept = kept
        return found
