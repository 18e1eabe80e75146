"""Learning as the rows come: film reviews in a stream, then the textbook loop with held-out rows.

python examples/sgd_text.py [ROWS]
"""

import sys
import time

import numpy as np
from shared_data import data_loader
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.model_selection import train_test_split

from mlcraft.linear_model import LogisticRegression, SGDClassifier

CHUNK = 500


def stream(text: np.ndarray, y: np.ndarray) -> SGDClassifier:
    """Learn from one chunk after the other, none of which is kept; each is a test before it is a lesson."""
    to_numbers = HashingVectorizer(n_features=2**18, ngram_range=(1, 2), alternate_sign=False)
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
    right, seen = [], 0
    for start in range(0, len(text), CHUNK):
        X, labels = to_numbers.transform(text[start : start + CHUNK]), y[start : start + CHUNK]
        if start:
            right.append(np.mean(model.predict(X) == labels))
        model.partial_fit(X, labels, classes=np.unique(y))
        seen += len(labels)
        if right and seen % (4 * CHUNK) == 0:
            print(f"  after {seen:>6,} sentences: {np.mean(right[-4:]):.3f} of the last chunks right before learning")
    return model


def tell(epoch: int, _: np.ndarray, train_loss: float, valid_loss: float, seconds: float) -> None:
    print(f"  epoch {epoch}: loss {train_loss:.3f} while learning, {valid_loss:.3f} held out ({seconds:.2f} s)")


def main(rows: int | None = None) -> SGDClassifier:
    frame = data_loader("sentence_polarity").load("sentence_polarity")
    frame = frame.sample(rows or len(frame), random_state=0)
    text, y = frame["text"].to_numpy(dtype=object), frame["label"].to_numpy(dtype=object)

    print(f"{len(text):,} sentences in a stream")
    stream(text, y)

    train, test, y_train, y_test = train_test_split(text, y, test_size=0.2, random_state=0, stratify=y)
    to_numbers = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2).fit(train)
    X, X_test = to_numbers.transform(train), to_numbers.transform(test)
    print(f"the textbook loop: {X.shape[0]:,} sentences, {X.shape[1]:,} words and pairs")
    model = SGDClassifier(loss="log_loss", alpha=1e-4, early_stopping=True, n_iter_no_change=3, random_state=0)
    model.fit(X, y_train, validation=(X_test, y_test), callback=tell)

    start = time.perf_counter()
    exact = LogisticRegression(C=1 / (model.alpha * X.shape[0])).fit(X, y_train)
    seconds = time.perf_counter() - start
    print(f"held out: {model.score(X_test, y_test):.3f} right after {model.trace_.seconds[-1]:.2f} s;")
    print(f"the exact minimum of the same objective: {exact.score(X_test, y_test):.3f} after {seconds:.2f} s")
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None).plot_training().figure.savefig("sgd_text.png")
