"""Three reports as pages: incomes of the census, Californian house prices, French motor claims.

python examples/reports.py                   # all rows, into the current folder
python examples/reports.py reports 6000      # a sample of the rows, into a folder
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from shared_data import data_loader
from sklearn.compose import make_column_transformer
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlcraft.datasets import load_california_housing
from mlcraft.evaluation import Report, evaluate
from mlcraft.linear_model import LinearRegression, LogisticRegression


def columns(frame: pd.DataFrame, estimator: object) -> Pipeline:
    """Numbers at unit variance, texts as indicators, then the estimator."""
    texts = frame.select_dtypes(exclude="number").columns
    encode = OneHotEncoder(handle_unknown="ignore", min_frequency=50)
    return make_pipeline(make_column_transformer((encode, texts), remainder=StandardScaler()), estimator)


def sample(frame: pd.DataFrame, rows: int | None) -> pd.DataFrame:
    return frame if rows is None or rows >= len(frame) else frame.sample(rows, random_state=0)


def halves(n: int) -> np.ndarray:
    """Which rows are for training, at random."""
    return np.random.default_rng(0).random(n) < 0.5


def adult(rows: int | None) -> Report:
    """Two classes, and a false alarm that costs a fifth of a miss."""
    frame = sample(data_loader("adult").load("adult"), rows)
    rich = np.where(frame.pop("income").str.startswith(">50K"), "rich", "other")
    training = (frame.pop("split") == "train").to_numpy()
    texts = frame.select_dtypes(exclude="number").columns
    frame = frame.fillna(dict.fromkeys(texts, "unknown")).astype(dict.fromkeys(texts, object))
    model = columns(frame, LogisticRegression()).fit(frame[training], rich[training])
    costs = {"fp": 1.0, "fn": 5.0}
    train = (frame[training], rich[training])
    return evaluate(model, frame[~training], rich[~training], train=train, slices=["sex", "race"], costs=costs)


def housing(rows: int | None) -> Report:
    """Prices; a line through them, whose residuals tell what it misses."""
    frame = sample(pd.DataFrame(load_california_housing()).dropna(), rows)
    price = frame.pop("median_house_value").to_numpy() / 1e5
    training = halves(len(frame))
    model = columns(frame, LinearRegression()).fit(frame[training], price[training])
    train = (frame[training], price[training])
    return evaluate(model, frame[~training], price[~training], train=train, slices=["housing_median_age"])


def claims(rows: int | None) -> Report:
    """Claims a year of exposure: rates, weighted by the exposure, by another library's Poisson regression."""
    frame = sample(data_loader("fremtpl2_freq").load("fremtpl2_freq"), rows).drop(columns="IDpol", errors="ignore")
    exposure = frame.pop("Exposure").clip(upper=1.0).to_numpy(dtype=float)
    rate = np.minimum(frame.pop("ClaimNb").to_numpy(dtype=float), 4.0) / exposure
    texts = frame.select_dtypes(exclude="number").columns
    frame = frame.astype(dict.fromkeys(texts, object))
    training = halves(len(frame))
    model = columns(frame, PoissonRegressor(alpha=1e-4, max_iter=300))
    model.fit(frame[training], rate[training], poissonregressor__sample_weight=exposure[training])
    train = (frame[training], rate[training], exposure[training])
    weight = exposure[~training]
    return evaluate(model, frame[~training], rate[~training], train=train, sample_weight=weight, slices=["Area"])


def main(folder: str = ".", rows: int | None = None) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for make in (adult, housing, claims):
        report = make(rows)
        path = Path(folder) / f"{make.__name__}.html"
        page = report.to_html(path)
        print(f"{path}: {len(page) / 1000:.0f} kB; {report['metrics'].sentences[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:2], *(int(rows) for rows in sys.argv[2:3]))
