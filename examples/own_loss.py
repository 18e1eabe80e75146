"""How many bikes for the next hour?  One too few costs four times one too many: an own loss and an own metric.

python examples/own_loss.py            # all 17,379 hours
python examples/own_loss.py 4000       # a sample
"""

import sys
import time

import numpy as np
import pandas as pd
from shared_data import data_loader

from mlcraft import jit, solve

SHORT = 4.0  # what a bike missing costs, beside 1 for a bike that nobody takes


@jit.metric
def cost(bikes, planned):
    return SHORT * (bikes - planned) if bikes > planned else planned - bikes


@jit.loss(parameter=10.0)
def round_cost(bikes, planned, width):
    """The same with its kink made round over a few bikes: smooth, so that Newton's method can be used."""
    short = bikes - planned
    return SHORT * short + (SHORT + 1.0) * width * jit.softplus(-short / width)


def table(rows: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hour by kind of day, season and weather one-hot; temperature, humidity, wind; which days are held out."""
    frame = data_loader("bike_sharing_hourly").load("bike_sharing_hourly")
    frame["slot"] = frame.hr.astype(str) + np.where(frame.workingday == 1, " at work", " off")
    day = frame.groupby("dteday").ngroup()
    if rows is not None:
        keep = np.random.default_rng(0).choice(len(frame), rows, replace=False)
        frame, day = frame.iloc[keep], day.iloc[keep]
    kinds = pd.get_dummies(frame[["slot", "season", "weathersit", "yr"]].astype(str), dtype=float)
    X = np.hstack([kinds.to_numpy(), frame[["atemp", "hum", "windspeed"]].to_numpy(dtype=float)])
    return X, frame.cnt.to_numpy(dtype=float), (day % 5 == 0).to_numpy()


def main(rows: int | None = None) -> dict[str, float]:
    X, bikes, held_out = table(rows)
    print(f"{len(bikes):,} hours, {X.shape[1]} columns, {held_out.sum():,} hours of every fifth day held out")
    print(f"the loss: {round_cost}")
    costs = {}
    for name, loss in (("squared error", "squared"), ("own loss", round_cost)):
        start = time.perf_counter()
        found = solve(X[~held_out], bikes[~held_out], loss=loss, penalty="l2", alpha=1e-4)
        seconds = time.perf_counter() - start
        planned = X[held_out] @ found.coef + found.intercept
        costs[name] = cost(bikes[held_out], planned)
        short = np.mean(bikes[held_out] > planned)
        told = f"{found.status} in {1000 * seconds:.0f} ms"
        print(f"{name:13}  {told}: cost {costs[name]:.1f} an hour, short in {short:.0%} of them")
    print(f"knowing the cost saves {1 - costs['own loss'] / costs['squared error']:.0%}")
    return costs


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
