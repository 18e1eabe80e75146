"""A first look at mlcraft on real data: house prices in California, from the census of 1990.

Run it as a program, or cell by cell in an editor that knows ``# %%``.
"""

# %% Real data, raw as published: 20,640 districts, some without a number of bedrooms
import numpy as np

from mlcraft import solve
from mlcraft.datasets import load_california_housing
from mlcraft.linear_model import LinearRegression, Ridge

housing = load_california_housing()
price = housing["median_house_value"]
numbers = [name for name, values in housing.items() if values.dtype.kind == "f" and values is not price]
X = np.column_stack([housing[name] for name in numbers])
known = ~np.isnan(X).any(axis=1)
X, y = X[known], price[known]
print(f"{len(y):,} districts, {X.shape[1]} columns")

# %% The estimators of scikit-learn, fitted by mlcraft
rng = np.random.default_rng(0)
held_out = rng.random(len(y)) < 0.2
model = LinearRegression().fit(X[~held_out], y[~held_out])
print(f"R2 on {held_out.sum():,} districts held out: {model.score(X[held_out], y[held_out]):.3f}")
print(f"rank {model.rank_} of {X.shape[1]}, condition {model.condition_:.0f}")

# %% Fit once, ask more: the factorised matrix stays, and standard errors cost next to nothing
residuals = y[~held_out] - model.predict(X[~held_out])
variance = residuals @ residuals / (len(residuals) - model.rank_ - 1)
errors = np.sqrt(variance * np.diagonal(model.factor_.inverse()))
for name, coef, error in zip(numbers, model.coef_, errors, strict=True):
    print(f"{name:20} {coef:12.4g} ± {error:.2g}")

# %% A penalty, weights, several targets: all from the same matrix of moments
weights = housing["households"][known]
both = np.column_stack([y, np.log(y)])
ridge = Ridge(alpha=[10.0, 0.1]).fit(X, both, sample_weight=weights)
print(f"two targets, two penalties: coefficients {ridge.coef_.shape}")

# %% The functional front shows how a solver got there
direct = solve(X, np.log(y), loss="squared", alpha=1e-3)
descent = solve(X, np.log(y), loss="squared", alpha=1e-3, solver="nesterov", tol=1e-10)
distance = np.abs(descent.coef - direct.coef).max() / np.abs(direct.coef).max()
print(f"{descent.status} in {descent.n_iter} steps, {distance:.0e} from the direct solution")
