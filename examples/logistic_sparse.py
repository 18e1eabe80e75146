"""Sparse rows: a9a (one-hot, 123 columns) and a corner of RCV1 (1,500 documents, 47,118 words).

python examples/logistic_sparse.py [ROWS]
"""

import sys
import time

import numpy as np
from shared_data import data_loader

from mlcraft.linear_model import LogisticRegression, LogisticRegressionCV

NAMES = ("a9a", "rcv1_small")


def rows_of(name: str, rows: int | None):
    """Training and test rows as CSR matrices, labels, as published."""
    X, y, frame = data_loader(name).load_sparse(name)
    training = (frame["split"] == "train").to_numpy()
    first = np.flatnonzero(training)[:rows]
    return X[first], y[first], X[~training], y[~training]


def main(rows: int | None = None) -> dict[str, LogisticRegression]:
    models = {}
    for name in NAMES:
        X, y, X_test, y_test = rows_of(name, rows)
        print(f"\n{name}: {X.shape[0]:,} x {X.shape[1]:,}, {X.nnz / X.shape[0]:.0f} entries a row")
        start = time.perf_counter()
        model = LogisticRegression().fit(X, y)
        seconds = time.perf_counter() - start
        print(f"C = 1: {1000 * seconds:.0f} ms, {model.n_iter_[0]} iterations, gradient {model.certificate_:.0e}")

        # The penalty by the log loss on five folds: X is read where it is, no fold is copied
        start = time.perf_counter()
        search = LogisticRegressionCV(
            Cs=np.logspace(-2, 3, 6), l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False
        ).fit(X, y)
        seconds = time.perf_counter() - start
        print(f"{search.scores_.size} fits and their scores: {1000 * seconds:.0f} ms, C = {search.C_:g} chosen")
        for C, loss in zip(search.Cs_, -search.scores_.mean(axis=(0, 1)), strict=True):
            print(f"   C {C:8g}   log loss {loss:.4f}")
        if len(y_test):
            found = [fitted.score(X_test, y_test) for fitted in (model, LogisticRegression(C=search.C_).fit(X, y))]
            print(f"accuracy on {len(y_test):,} rows held out: {found[0]:.4f} with C = 1, {found[1]:.4f} with that one")
        models[name] = search
    return models


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
