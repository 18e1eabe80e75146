"""Fits that use threads; ``python thread_cases.py`` prints a digest of each result as JSON."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable

import numpy as np
from scipy import sparse
from sklearn.model_selection import KFold

from mlcraft import _core, solve
from mlcraft._engine.first_order import FirstOrderSettings, fit_first_order
from mlcraft._engine.least_squares import LeastSquaresFit, fit_least_squares
from mlcraft._engine.penalty import Penalty
from mlcraft._engine.smooth import fit_smooth
from mlcraft.linear_model import (
    ARDRegression,
    BayesianRidge,
    LinearRegression,
    QuantileRegressor,
    RidgeCV,
    SGDClassifier,
)

rng = np.random.default_rng(0)


def problem(n: int, p: int, targets: int = 1, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, p)) + 3 * rng.standard_normal(p)
    # no matrix product here: NumPy's has other bits for other numbers of threads
    y = X[:, :1] - 2 * X[:, 1:2] + np.arange(targets) * X[:, 2:3] + rng.standard_normal((n, targets))
    return X.astype(dtype), (y[:, 0] if targets == 1 else y).astype(dtype)


def least_squares(X, y, expected: str, **options) -> tuple[np.ndarray, ...]:
    fit: LeastSquaresFit = fit_least_squares(X, y, **options)
    assert fit.method == expected, f"this case should go through {expected}, not {fit.method}"
    factor = () if fit.factor is None else (fit.factor.lower, fit.factor.scale)
    return (fit.coef, fit.intercept, np.array([fit.rank, fit.n_iter]), np.array(fit.condition), *factor)


def ols() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(40_000, 20), "cholesky")


def ols_many_columns() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(3_000, 300), "cholesky")


def ols_columns_first() -> tuple[np.ndarray, ...]:
    X, y = problem(20_000, 60)
    return least_squares(np.asfortranarray(X), y, "cholesky")


def ridge_many_targets() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(20_000, 40, targets=5), "cholesky", alpha=np.array([0.0, 0.0, 1.0, 10.0, 1e3]))


def weighted() -> tuple[np.ndarray, ...]:
    X, y = problem(30_000, 30)
    return least_squares(X, y, "cholesky", sample_weight=rng.random(len(y)))


def weighted_many_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(3_000, 150)
    return least_squares(X, y, "cholesky", sample_weight=rng.random(len(y)), alpha=2.0)


def single_precision() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(30_000, 40, dtype=np.float32), "cholesky")


def single_precision_many_columns() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(3_000, 200, dtype=np.float32), "cholesky")


def sparse_rows() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((20_000, 200), density=0.03, rng=rng, format="csr")
    return least_squares(X, rng.standard_normal(20_000), "cholesky", alpha=1.0)


def sparse_wide() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((9_000, 9_500), density=0.006, rng=rng, format="csr")
    return least_squares(X, rng.standard_normal(9_000), "conjugate_gradient", alpha=1.0)


def nonnegative() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(20_000, 120), "active_set", positive=True)


def nonnegative_many_columns() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(2_000, 600), "active_set", positive=True)


def powers(n: int, degree: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(1.0, 2.0, n)
    X = np.vander(x, degree + 1, increasing=True)[:, 1:]
    return X, X.sum(axis=1) + noise * rng.standard_normal(n)


def badly_conditioned() -> tuple[np.ndarray, ...]:
    return least_squares(*powers(30_000, 8, 1e-3), "qr")


def badly_conditioned_many_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(4_000, 160)
    X[:, 1:] = X[:, :1] + 1e-7 * X[:, 1:]
    return least_squares(X, y, "qr")


def refined() -> tuple[np.ndarray, ...]:
    return least_squares(*powers(30_000, 4, 1e-3), "cholesky")


def dependent_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(9_000, 40)
    X[:, 7] = X[:, 3] - 2 * X[:, 5]
    return least_squares(X, y, "cholesky")


def dependent_many_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(2_000, 300)
    X[:, 7] = X[:, 3] - 2 * X[:, 5]
    return least_squares(X, y, "cholesky")


def many_dependent_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(2_000, 200)
    X[:, 100:] = X[:, :100] - X[:, 3:4]
    return least_squares(X, y, "qr")


def very_many_dependent_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(2_000, 300)
    X[:, 200:] = X[:, :100] - X[:, 3:4]
    return least_squares(X, y, "qr")


def wide_dependent_rows() -> tuple[np.ndarray, ...]:
    X, y = problem(400, 900)
    X[7] = X[3]
    return least_squares(X, y, "qr")


def logistic_fit(X, codes, loss: str = "logistic", **options) -> tuple[np.ndarray, ...]:
    fit = fit_smooth(X, codes.astype(X.dtype), loss=loss, **options)
    return (fit.coef, fit.intercept, np.array(fit.n_iter), np.array([fit.objective, fit.gradient_norm]))


def logistic() -> tuple[np.ndarray, ...]:
    X, y = problem(40_000, 20)
    return logistic_fit(X, y + 3 * rng.standard_normal(len(y)) > 0, alpha=1e-4)


def logistic_weighted_many_columns() -> tuple[np.ndarray, ...]:
    X, y = problem(3_000, 150, dtype=np.float32)
    weight = rng.random(len(y)).astype(np.float32)
    return logistic_fit(X, y + 3 * rng.standard_normal(len(y)) > 0, alpha=1e-3, sample_weight=weight)


def logistic_sparse() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((20_000, 5_000), density=0.003, rng=rng, format="csr")
    return logistic_fit(X, rng.random(20_000) < 0.3, alpha=1e-4)


def multinomial() -> tuple[np.ndarray, ...]:
    X, y = problem(20_000, 30)
    codes = np.digitize(y + 3 * rng.standard_normal(len(y)), [-5.0, 0.0, 5.0])
    return logistic_fit(X, codes, "multinomial", n_classes=4, alpha=1e-4)


def huber() -> tuple[np.ndarray, ...]:
    X, y = problem(40_000, 20)
    return logistic_fit(X, y + rng.standard_t(2, len(y)), "huber", parameter=1.0, alpha=1e-4)


def poisson_sparse() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((20_000, 300), density=0.05, rng=rng, format="csr")
    return logistic_fit(X, rng.poisson(np.exp(X.sum(axis=1) / 4)), "poisson", alpha=1e-4)


def wide() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(300, 2_000), "dual")


def wide_ridge() -> tuple[np.ndarray, ...]:
    return least_squares(*problem(300, 2_000, targets=3), "dual", alpha=0.5)


def descend(X, y, solver: str) -> tuple[np.ndarray, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = solve(X, y, loss="squared", solver=solver, alpha=1e-3, max_iter=30)
    return (found.coef, np.array([found.intercept, found.objective, found.gradient_norm, found.n_iter]))


def gradient_descent() -> tuple[np.ndarray, ...]:
    return descend(*problem(50_000, 12), "gd")


def accelerated() -> tuple[np.ndarray, ...]:
    X, y = problem(30_000, 33, dtype=np.float32)
    return descend(np.asfortranarray(X), y, "nesterov")


def sparse_descent() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((30_000, 100), density=0.05, rng=rng, format="csr")
    return descend(X, rng.standard_normal(30_000), "nesterov")


def first_order(X, y, solver: str, penalty: Penalty, **settings) -> tuple[np.ndarray, ...]:
    labels = (y > np.median(y)).astype(y.dtype)
    options = FirstOrderSettings(**settings)
    found = fit_first_order(
        X, labels, loss="logistic", solver=solver, penalty=penalty, max_iter=3, tol=0.0, options=options
    )
    return (found.coef, np.array([found.intercept, found.objective, found.certificate, found.passes]))


def variance_reduced() -> tuple[np.ndarray, ...]:
    return first_order(*problem(40_000, 9), "saga", Penalty("group", alpha=1e-3, groups=np.arange(9) // 3))


def snapshots() -> tuple[np.ndarray, ...]:
    X, y = problem(30_000, 17, dtype=np.float32)
    return first_order(np.asfortranarray(X), y, "svrg", Penalty("l1", alpha=1e-3))


def mini_batches() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((30_000, 100), density=0.05, rng=rng, format="csr")
    return first_order(X, rng.standard_normal(30_000), "sgd", Penalty("l2", alpha=1e-3), average=True, batch_size=5_000)


def predictions() -> tuple[np.ndarray, ...]:
    X, y = problem(60_000, 20, targets=3)
    return (LinearRegression().fit(X, y).predict(X),)


def penalty_search(X, y, **options) -> tuple[np.ndarray, ...]:
    model = RidgeCV(np.logspace(-2, 3, 6), **options).fit(X, y)
    return (model.coef_, np.asarray(model.best_score_), getattr(model, "cv_results_", np.zeros(0)))


def left_out_rows() -> tuple[np.ndarray, ...]:
    return penalty_search(*problem(8_000, 150, targets=2), store_cv_results=True)


def left_out_rows_scaled() -> tuple[np.ndarray, ...]:
    X, y = problem(8_000, 100)
    return penalty_search(X * np.logspace(-4, 4, 100), y, store_cv_results=True)


def left_out_rows_nearly_dependent() -> tuple[np.ndarray, ...]:
    X, y = problem(8_000, 60)
    X[:, 5] = X[:, 6] + 1e-6 * X[:, 5]
    return penalty_search(X, y, store_cv_results=True)


def left_out_rows_wide() -> tuple[np.ndarray, ...]:
    return penalty_search(*problem(300, 500), store_cv_results=True)


def folds() -> tuple[np.ndarray, ...]:
    return penalty_search(*problem(12_000, 150), cv=KFold(5, shuffle=True, random_state=0))


def folds_wide() -> tuple[np.ndarray, ...]:
    return penalty_search(*problem(300, 600), cv=3, scoring="neg_mean_squared_error")


def folds_of_sparse_rows() -> tuple[np.ndarray, ...]:
    X = sparse.random_array((9_000, 120), density=0.05, rng=rng, format="csr")
    return penalty_search(X, rng.standard_normal(9_000), cv=4)


def rows_one_by_one() -> tuple[np.ndarray, ...]:
    return trained(1)


def rows_in_batches() -> tuple[np.ndarray, ...]:
    return trained(3_000)


def trained(batch_size: int) -> tuple[np.ndarray, ...]:
    X, y = problem(20_000, 8)
    model = SGDClassifier(loss="log_loss", max_iter=3, tol=None, random_state=0, average=True)
    model.fit(X - X.mean(axis=0), np.digitize(y - y.mean(), [-2.0, 2.0]), batch_size=batch_size)
    return model.coef_, model.intercept_, model.trace_.train_loss


def bayesian_wide() -> tuple[np.ndarray, ...]:
    X, y = problem(150, 300)
    model = BayesianRidge().fit(X, y)
    return model.coef_, model.sigma_, *model.predict(X, return_std=True), model.posterior_samples(3, random_state=0)


def relevance() -> tuple[np.ndarray, ...]:
    X, y = problem(3_000, 200)
    model = ARDRegression(max_iter=5).fit(X, y)
    return model.coef_, model.sigma_, model.lambda_


def quantile() -> tuple[np.ndarray, ...]:
    X, y = problem(1_000, 100)
    model = QuantileRegressor(alpha=0).fit(X, y)
    return model.coef_, np.array(model.intercept_)


def lasso_on_gram_matrix() -> tuple[np.ndarray, ...]:
    X, y = problem(3_000, 200)
    found = solve(X, y, loss="squared", penalty="l1", alpha=0.05, solver="gram")
    return found.coef, np.array([found.intercept, found.objective, found.certificate, found.gap])


CASES: dict[str, Callable[[], tuple[np.ndarray, ...]]] = {
    case.__name__: case
    for case in (
        ols,
        ols_many_columns,
        ols_columns_first,
        ridge_many_targets,
        weighted,
        weighted_many_columns,
        single_precision,
        single_precision_many_columns,
        sparse_rows,
        sparse_wide,
        logistic,
        logistic_weighted_many_columns,
        logistic_sparse,
        multinomial,
        huber,
        poisson_sparse,
        nonnegative,
        nonnegative_many_columns,
        badly_conditioned,
        badly_conditioned_many_columns,
        refined,
        dependent_columns,
        dependent_many_columns,
        many_dependent_columns,
        very_many_dependent_columns,
        wide_dependent_rows,
        wide,
        wide_ridge,
        gradient_descent,
        accelerated,
        sparse_descent,
        variance_reduced,
        snapshots,
        mini_batches,
        predictions,
        left_out_rows,
        left_out_rows_scaled,
        left_out_rows_nearly_dependent,
        left_out_rows_wide,
        folds,
        folds_wide,
        folds_of_sparse_rows,
        rows_one_by_one,
        rows_in_batches,
        bayesian_wide,
        relevance,
        quantile,
        lasso_on_gram_matrix,
    )
}


def digest(name: str) -> str:
    """Return the bits of a result, shortened."""
    global rng
    rng = np.random.default_rng(sum(map(ord, name)))
    found = hashlib.sha256()
    for array in CASES[name]():
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    digests = {}
    for name in CASES:
        try:
            digests[name] = digest(name)
        except Exception as error:
            digests[name] = f"error: {error}"
    print(json.dumps({"threads": _core.available_threads(), "digests": digests}))
