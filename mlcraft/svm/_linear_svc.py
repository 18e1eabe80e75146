"""Classification by the hinge losses."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from mlcraft._engine.validation import check_parameters, checked_weights, engine_matrix, finite_or_explained
from mlcraft.linear_model._labels import LabelledRows, class_weights, encode_labels, refuse_one_class
from mlcraft.linear_model._linear_classifier import LinearClassifier
from mlcraft.svm._fit import MarginOptions, fit_margin
from mlcraft.svm._rules import asked_dual, refuse_unsupported, seed_of, tell_about_fit

__all__ = ["LinearSVC"]


class LinearSVC(LinearClassifier):
    """Linear support vector machine for classification.

    A drop-in replacement of :class:`sklearn.svm.LinearSVC`.  It minimises
    ``(|b|^2 + (c / intercept_scaling)^2) / 2 + C sum(w_i loss_i)`` with ``loss = max(0, 1 - y (x'b + c))`` or its
    square, one coefficient vector for each class against all others (one for two classes), to a certificate: the
    gradient in columns of one scale for the squared hinge, the duality gap for the hinge.

    Parameters
    ----------
    penalty : {'l1', 'l2'}, default='l2'
        The norm that is penalised.  'l1' comes with a later release and raises NotImplementedError.
    loss : {'hinge', 'squared_hinge'}, default='squared_hinge'
        The loss.
    dual : 'auto' or bool, default='auto'
        Accepted for compatibility, with scikit-learn's rules on what goes with what.  The solution is the same.
    tol : float, default=1e-4
        Below 1e-4 the bounds on the certificates tighten with it (they are 1e-9 for the scaled gradient and 1e-6 for
        the relative duality gap); above they stay.
    C : float, default=1.0
        Weight of the losses; the larger, the weaker the penalty.
    multi_class : {'ovr', 'crammer_singer'}, default='ovr'
        'crammer_singer' comes with a later release and raises NotImplementedError.
    fit_intercept : bool, default=True
        Whether to fit a constant term, which is penalised as ``intercept_scaling`` says.
    intercept_scaling : float, default=1.0
        The constant term is penalised like the coefficient of a column with this value; a large one frees it.
    class_weight : dict or 'balanced', default=None
        Weight of each class as ``{label: weight}``; 'balanced' gives every class the same total weight.  With more
        than two classes it is the weight of the class where it stands against the others, which keep theirs.
    verbose : int, default=0
        Whether to print how each fit went.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of rows in coordinate descent (hinge with more than a thousand columns), which has no
        influence beyond the certificate.  None is always the same seed.
    max_iter : int, default=1000
        Bound on the iterations of each fit.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, float64.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Constant terms; 0.0 without `fit_intercept`.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_iter_ : int
        The largest number of iterations of a class.
    certificate_ : ndarray of shape (1,) or (n_classes,)
        What proves each solution: the scaled gradient, or the duality gap relative to the objective.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when X has names that are all text.

    See Also
    --------
    LinearSVR : Regression.

    References
    ----------
    Fan, Chang, Hsieh, Wang and Lin (2008). LIBLINEAR: a library for large linear classification. JMLR 9, 1871-1874.

    Examples
    --------
    >>> import numpy as np
    >>> from mlcraft.svm import LinearSVC
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]])
    >>> model = LinearSVC(loss="hinge").fit(X, ["low", "low", "high", "high"])
    >>> print(*model.predict(np.array([[0.5, 0.5], [2.5, 2.5]])))
    low high
    >>> model.coef_.round(6), model.intercept_.round(6)
    (array([[-0.481481, -0.481481]]), array([1.407407]))
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's protocol
        "penalty": [StrOptions({"l1", "l2"})],
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "dual": ["boolean", StrOptions({"auto"})],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "multi_class": [StrOptions({"ovr", "crammer_singer"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        penalty: str = "l2",
        loss: str = "squared_hinge",
        *,
        dual: Any = "auto",
        tol: float = 1e-4,
        C: float = 1.0,
        multi_class: str = "ovr",
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int = 1000,
    ) -> None:
        self.penalty = penalty
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Rows to learn from.  float64 arrays and CSR or CSC matrices are not copied.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; not negative.

        Returns
        -------
        self : LinearSVC
            The fitted estimator.

        Raises
        ------
        ValueError
            For bad input, and where scikit-learn has no solver for the combination of parameters.
        NotImplementedError
            For ``penalty='l1'`` and ``multi_class='crammer_singer'``.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` ran out, or the arithmetic, before the certificate was reached.
        """
        check_parameters(self)
        finite_or_explained(lambda look: self._fit_checked(X, y, sample_weight, look))
        return self

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> None:
        rows = self._checked_rows(X, y, sample_weight, ensure_all_finite)
        refuse_one_class(rows.classes)
        if self.multi_class == "crammer_singer":
            raise NotImplementedError(
                "multi_class='crammer_singer' comes with a later release of mlcraft. Set multi_class='ovr', or use "
                "sklearn.svm.LinearSVC until then."
            )
        refuse_unsupported(self.penalty, self.loss, asked_dual(self.dual, self.penalty, self.loss, rows.X.shape))
        options = MarginOptions(
            loss=self.loss,
            C=float(self.C),
            intercept_scaling=float(self.intercept_scaling) if self.fit_intercept else 0.0,
            epsilon=0.0,
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            seed=seed_of(self.random_state),
        )
        by_class = None if self.class_weight is None else class_weights(self.class_weight, rows)
        if by_class is not None and not (np.isfinite(by_class).all() and (by_class >= 0).all() and by_class.any()):
            raise ValueError(
                f"class_weight must be finite, not negative and not zero for every class, got {self.class_weight!r}"
            )
        n_classes = len(rows.classes)
        fits = [
            fit_margin(rows.X, *_one_against_others(rows, by_class, code), options)
            for code in (range(n_classes) if n_classes > 2 else [1])
        ]
        self.classes_ = rows.classes
        self.coef_ = np.vstack([fit.coef for fit in fits])
        self.intercept_ = np.array([fit.intercept for fit in fits]) if self.fit_intercept else 0.0
        self.n_iter_ = max(fit.n_iter for fit in fits)
        self.certificate_ = np.array([fit.certificate for fit in fits])
        tell_about_fit(self, fits)

    def _checked_rows(self, X: Any, y: Any, sample_weight: Any, ensure_all_finite: bool) -> LabelledRows:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], dtype=np.float64, ensure_all_finite=ensure_all_finite
        )
        X = engine_matrix(X)
        return LabelledRows(X, *encode_labels(y, X.dtype), checked_weights(sample_weight, X))


def _one_against_others(
    rows: LabelledRows, by_class: NDArray[np.float64] | None, code: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return targets of -1 and 1 and the weights of the rows, that of the class included where it stands alone."""
    is_class = rows.codes == code
    y = np.where(is_class, 1.0, -1.0)
    if by_class is None:
        return y, rows.weight
    others = by_class[1 - code] if len(by_class) == 2 else 1.0
    weight = np.where(is_class, by_class[code], others)
    return y, weight if rows.weight is None else weight * rows.weight
