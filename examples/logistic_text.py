"""Praise or panning?  10,662 sentences of film reviews through TfidfVectorizer, words and pairs of words.

python examples/logistic_text.py [ROWS]
"""

import sys
import time

import numpy as np
from shared_data import data_loader
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from mlcraft.linear_model import LogisticRegressionCV


def main(rows: int | None = None) -> Pipeline:
    frame = data_loader("sentence_polarity").load("sentence_polarity")
    if rows is not None:
        frame = frame.sample(rows, random_state=0)
    text, y = frame["text"].to_numpy(dtype=object), frame["label"].to_numpy(dtype=object)
    train, test, y_train, y_test = train_test_split(text, y, test_size=0.2, random_state=0, stratify=y)

    search = LogisticRegressionCV(
        Cs=np.logspace(-1, 3, 9), l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False
    )
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), search)
    start = time.perf_counter()
    model.fit(train, y_train)
    seconds = time.perf_counter() - start
    words = model[0].get_feature_names_out()
    print(f"{len(train):,} sentences, {len(words):,} words and pairs: {seconds:.2f} s for {search.scores_.size} fits")
    print(f"C = {search.C_:g}, gradient {search.certificate_:.0e}")
    print(f"on {len(test):,} sentences held out: accuracy {np.mean(model.predict(test) == y_test):.3f}")

    order = np.argsort(search.coef_[0])
    print(f"{search.classes_[0]}: {', '.join(words[order[:12]])}")
    print(f"{search.classes_[1]}: {', '.join(words[order[:-13:-1]])}")
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
