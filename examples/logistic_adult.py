"""Who earns more than 50,000 dollars?  The census of 1994, one-hot, columns as they are: no scaling, no max_iter.

python examples/logistic_adult.py            # all rows
python examples/logistic_adult.py 4000       # a sample
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd
from shared_data import data_loader
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from mlcraft.linear_model import LogisticRegression


def table(rows: int | None = None) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """One-hot columns beside amounts of dollars; what is missing is a level of its own."""
    frame = data_loader("adult").load("adult")
    if rows is not None:
        frame = frame.sample(rows, random_state=0)
    rich = (frame.pop("income").str.startswith(">50K")).rename("rich")
    training = frame.pop("split") == "train"
    texts = frame.select_dtypes(exclude="number").columns
    return pd.get_dummies(frame.fillna(dict.fromkeys(texts, "unknown")), dtype=float), rich, training


def main(rows: int | None = None) -> LogisticRegression:
    X, y, training = table(rows)
    print(f"{len(X):,} rows, {X.shape[1]} columns with scales from {X.std().min():.1g} to {X.std().max():.1g}")

    start = time.perf_counter()
    model = LogisticRegression().fit(X[training], y[training])
    seconds = time.perf_counter() - start
    print(f"fitted in {1000 * seconds:.0f} ms, {model.n_iter_[0]} iterations, gradient {model.certificate_:.0e}")
    print(f"accuracy on {(~training).sum():,} rows held out: {model.score(X[~training], y[~training]):.4f}")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        start = time.perf_counter()
        theirs = SklearnLogisticRegression().fit(X[training], y[training])
        seconds = time.perf_counter() - start
    said = "with a ConvergenceWarning" if caught else "without a warning"
    away = np.abs(theirs.coef_ - model.coef_).max()
    print(f"scikit-learn's defaults: {1000 * seconds:.0f} ms, {said}, coefficients off by up to {away:.2g}")

    # What the coefficients say, and how sure they are; the largest by their z value
    summary = model.summary(X=X[training], y=y[training])
    z = np.abs(np.ravel(summary.coef) / np.ravel(summary.standard_error))[1:]
    for column in np.argsort(-z)[:8]:
        ratio, name = np.exp(model.coef_[0, column]), X.columns[column]
        print(f"{name:36} odds times {ratio:8.3f}, z = {z[column]:.1f}")
    covariance = model.cov_params_(X=X[training], y=y[training])
    found = model.predict_interval(X[~training].iloc[:3], covariance=covariance)
    for probability, least, most in zip(found.prediction, found.lower, found.upper, strict=True):
        print(f"probability {probability:.3f}, 95 % interval {least:.3f} to {most:.3f}")
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
