"""Ten digits, 784 pixels: one multinomial model of 7,850 parameters, to a certificate.

python examples/logistic_digits.py [ROWS]
"""

import sys
import time

import numpy as np
from shared_data import data_loader

from mlcraft.linear_model import LogisticRegression


def main(rows: int | None = None) -> LogisticRegression:
    frame = data_loader("mnist_10k").load("mnist_10k")
    if rows is not None:
        frame = frame.sample(rows, random_state=0)
    y = frame.pop("label").to_numpy()
    X = frame.to_numpy(dtype=np.float64) / 255.0
    held_out = np.random.default_rng(0).random(len(y)) < 0.2

    # A third of the pixels is always or nearly always black: columns without scale do not disturb the fit
    print(f"{(X.std(axis=0) == 0).sum()} of {X.shape[1]} pixels never change")
    start = time.perf_counter()
    model = LogisticRegression(C=0.01).fit(X[~held_out], y[~held_out])
    seconds = time.perf_counter() - start
    print(
        f"{(~held_out).sum():,} pictures: {seconds:.2f} s, {model.n_iter_[0]} iterations, "
        f"gradient {model.certificate_:.0e}"
    )

    proba = model.predict_proba(X[held_out])
    predicted, truth = model.classes_[proba.argmax(axis=1)], y[held_out]
    print(f"{held_out.sum():,} held out: accuracy {np.mean(predicted == truth):.3f}")
    for least in (0.0, 0.5, 0.8, 0.95):
        sure = proba.max(axis=1) >= least
        if sure.any():
            right = np.mean((predicted == truth)[sure])
            print(f"at least {least:4.0%} sure of {sure.mean():5.1%} of them, and right on {right:.1%} of those")
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (truth, predicted), 1)
    np.fill_diagonal(counts, 0)
    for pair in np.argsort(-counts, axis=None)[:3]:
        digit, taken = divmod(int(pair), 10)
        print(f"{counts[digit, taken]:3d} times a {digit} is taken for a {taken}")
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
