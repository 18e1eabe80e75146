"""What follows from a logistic fit and its rows: residuals, leverage, influence, leave-one-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcraft._engine.status import warn_caller
from mlcraft.exceptions import LeverageWarning

if TYPE_CHECKING:
    from mlcraft.uncertainty._glm_model import GlmModel, GlmRows

__all__ = ["LogisticInfluenceMixin"]

NAMED_AT_MOST = 5


class LogisticInfluenceMixin:
    """Methods of a fitted logistic or multinomial regression: residuals, leverage, influence, leave-one-out.

    All take the X, y and sample_weight of the fit, since a model does not hold on to its data; others are refused.
    """

    def residuals_(self, X: Any, y: Any, sample_weight: Any = None, *, kind: str = "deviance") -> NDArray[Any]:
        """Return residuals.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,)
            The labels of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.
        kind : {"deviance", "pearson", "response", "working"}, default="deviance"
            Signed root of what a row adds to the deviance; observed minus fitted over its standard deviation; observed
            minus fitted; the same over the variance. With more than two classes "deviance" has no sign and "working" is
            not defined.

        Returns
        -------
        ndarray of shape (n_samples,)
            Or (n_samples, n_classes), for "pearson" and "response" of more than two classes.

        Raises
        ------
        ValueError
            If the data are not those of the fit, or there is no such residual.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> model.residuals_(X, y).round(2)
        array([-0.49, -0.64,  1.57, -1.05,  1.05, -1.57,  0.64,  0.49])
        """
        from mlcraft.uncertainty._glm_influence import residuals

        model, rows = self._rows_again(X, y, sample_weight)
        return residuals(model, rows, kind)

    def leverage_(self, X: Any, sample_weight: Any = None, *, y: Any = None) -> NDArray[Any]:
        """Return how much each row determines its own fit: the diagonal of the hat matrix of the last weighted fit.

        The leverage of row i is ``w_i mu_i (1 - mu_i) z_i' (Z'WZ + penalty)^-1 z_i`` with z = (1, x), W the weights
        ``w mu (1 - mu)`` (Pregibon 1981). With more classes it is the trace of a row's information times the inverse of
        the information of all, at most the number of classes less one. The sum is the effective number of parameters.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.
        y : array-like of shape (n_samples,), default=None
            The labels, only where the fit weighted classes.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the data are not those of the fit.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> model.leverage_(X).round(2)
        array([0.3 , 0.28, 0.23, 0.19, 0.19, 0.23, 0.28, 0.3 ])
        """
        from mlcraft.uncertainty._glm_influence import glm_leverage

        return glm_leverage(*self._rows_again(X, y, sample_weight))

    def cooks_distance_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Return Cook's distances by one step of Newton's method, for two classes (Pregibon 1981).

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,)
            The labels of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``(pearson residual / (1 - h))^2 h / p``, with p the effective number of parameters.

        Raises
        ------
        ValueError
            If the data are not those of the fit, or there are more than two classes.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> model.cooks_distance_(X, y).round(2)
        array([0.04, 0.06, 0.49, 0.1 , 0.1 , 0.49, 0.06, 0.04])
        """
        from mlcraft.uncertainty._glm_influence import glm_cooks_distance

        return glm_cooks_distance(*self._rows_again(X, y, sample_weight))

    def loo_proba_(self, X: Any, y: Any, sample_weight: Any = None) -> NDArray[Any]:
        """Predict the probabilities of each row by the fit to the other rows (leave-one-out), without refits.

        One step of Newton's method from the fit to all rows [1]_: with a the variance of a row's linear predictor (the
        penalty included), l' and l'' the derivatives of its loss, ``eta + a l' / (1 - a l'')``. Its error falls as the
        square of the row's leverage; rows of large leverage (above about 0.2) deserve a refit.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            The rows of the fit.
        y : array-like of shape (n_samples,)
            The labels of the fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of the fit.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. A row of weight zero has its ordinary prediction.

        Warns
        -----
        LeverageWarning
            If rows alone determine a coefficient: they have NaN.

        Raises
        ------
        ValueError
            If the data are not those of the fit.

        References
        ----------
        .. [1] K. Rahnama Rad and A. Maleki, "A scalable estimate of the out-of-sample prediction error via approximate
           leave-one-out cross-validation", Journal of the Royal Statistical Society B 82, 2020.

        Examples
        --------
        >>> import numpy as np
        >>> from mlcraft.linear_model import LogisticRegression
        >>> X = np.array([[0.5], [1.0], [1.5], [2.0], [2.5], [3.0], [3.5], [4.0]])
        >>> y = np.array([0, 0, 1, 0, 1, 0, 1, 1])
        >>> model = LogisticRegression(C=np.inf).fit(X, y)
        >>> model.predict_proba(X[3:4]).round(3), model.loo_proba_(X, y)[3].round(3)
        (array([[0.574, 0.426]]), array([0.475, 0.525]))
        >>> others = np.arange(8) != 3
        >>> LogisticRegression(C=np.inf).fit(X[others], y[others]).predict_proba(X[3:4]).round(3)
        array([[0.48, 0.52]])
        """
        from mlcraft.uncertainty._glm_influence import loo_probabilities

        found, saturated = loo_probabilities(*self._rows_again(X, y, sample_weight))
        if saturated.any():
            rows = np.flatnonzero(saturated)
            listed = ", ".join(map(str, rows[:NAMED_AT_MOST])) + (", ..." if len(rows) > NAMED_AT_MOST else "")
            warn_caller(
                f"rows {listed} ({len(rows)} in all) have leverage 1: each alone determines a coefficient, and without "
                "it nothing tells what its probability should be (NaN). A column that is non-zero in a single row (a "
                "rare category) is the usual cause.",
                LeverageWarning,
            )
        return found

    def _rows_again(self, X: Any, y: Any, sample_weight: Any) -> tuple[GlmModel, GlmRows]:
        from mlcraft.uncertainty._glm_door import GlmInference

        fit = GlmInference(self)
        rows = fit.rows(X, y, sample_weight)
        return fit.model, rows
