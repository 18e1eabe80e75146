"""Real data: the gradient of the true objective vanishes, and no fit of scikit-learn's is better.

Both are worked out here, in NumPy, in double precision. The default suite takes samples; ``-m slow`` takes all rows.
"""

import importlib.util
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logsumexp, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from threadpoolctl import threadpool_limits

from mlcraft.linear_model import LogisticRegression

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


@pytest.fixture(scope="session")
def loader(shared):
    spec = importlib.util.spec_from_file_location("shared_data_of_tests", shared("data/load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def adult(loader, rows):
    """One-hot with all levels (dependent columns) beside amounts up to 1.5 million, columns as they are."""
    import pandas as pd

    frame = loader.load("adult").sample(rows, random_state=0)
    y = frame.pop("income").str.startswith(">50K").to_numpy()
    return pd.get_dummies(frame.drop(columns="split"), dtype=float).to_numpy(), y


def sparse_rows(name):
    def make(loader, rows):
        X, y, _ = loader.load_sparse(name)
        return X[:rows], y[:rows]

    return make


def texts(name):
    def make(loader, rows):
        frame = loader.load(name).sample(rows, random_state=0)
        words = TfidfVectorizer(sublinear_tf=True).fit_transform(frame["text"].to_numpy(dtype=object))
        return words, frame["label"].to_numpy(dtype=object)

    return make


def digits(loader, rows):
    frame = loader.load("mnist_10k").sample(rows, random_state=0)
    y = frame.pop("label").to_numpy()
    return frame.to_numpy(dtype=np.float64) / 255.0, y


DATA = {  # how, rows in the default suite and in all
    "adult": (adult, 6_000, 48_842),
    "a9a": (sparse_rows("a9a"), 6_000, 48_842),
    "rcv1_small": (sparse_rows("rcv1_small"), 300, 1_500),
    "sentence_polarity": (texts("sentence_polarity"), 1_500, 10_662),
    "sms_spam": (texts("sms_spam"), 1_500, 5_574),
    "mnist_10k": (digits, 300, 4_000),
}


def objective_and_gradient(model, X, y, C):
    """``mean loss + |coef|^2 / (2 n C)``, and its largest derivative in columns of unit root mean square."""
    n = len(y)
    codes = np.searchsorted(model.classes_, y)
    coef, intercept = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    eta = np.asarray(X @ coef.T) + intercept
    if eta.shape[1] == 1:
        losses = np.logaddexp(0, np.where(codes == 1, -eta[:, 0], eta[:, 0]))
        residual = expit(eta) - (codes == 1)[:, np.newaxis]
    else:
        losses = logsumexp(eta, axis=1) - eta[np.arange(n), codes]
        residual = softmax(eta, axis=1) - (codes[:, np.newaxis] == np.arange(eta.shape[1]))
    squares = X.multiply(X).sum(axis=0) if sparse.issparse(X) else (X**2).sum(axis=0)
    scale = np.sqrt(np.asarray(squares, dtype=np.float64).ravel() / n)
    scale[scale == 0] = 1
    gradient = (np.asarray(X.T @ residual).T / n + coef / (n * C)) / scale
    value = losses.mean() + (coef**2).sum() / (2 * n * C)
    return value, max(np.abs(gradient).max(), np.abs(residual.mean(axis=0)).max())


def check(X, y, C):
    model = LogisticRegression(C=C).fit(X, y)
    value, gradient = objective_and_gradient(model, X, y, C)
    assert gradient <= 1e-8
    dense = not sparse.issparse(X) and X.shape[1] * len(model.classes_) < 300
    options = {"solver": "newton-cholesky", "max_iter": 100} if dense else {"max_iter": 1_000}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        theirs = SklearnLogisticRegression(C=C, tol=1e-12, **options).fit(X, y)
    best, _ = objective_and_gradient(theirs, X, y, C)
    assert value <= best * (1 + 1e-12)


@pytest.mark.parametrize("C", [0.1, 10.0])
@pytest.mark.parametrize("name", DATA)
def test_sample_is_certified(loader, name, C):
    make, rows, _ = DATA[name]
    if name == "mnist_10k" and C > 1:
        C = 0.01
    check(*make(loader, rows), C)


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_all_rows_are_certified(loader, name):
    make, _, rows = DATA[name]
    check(*make(loader, rows), 0.01 if name == "mnist_10k" else 1.0)
