"""Linear models with the names, parameters and behaviour of `sklearn.linear_model`."""

from abc import ABCMeta

import sklearn.linear_model as _reference

from mlcraft.linear_model._ard_regression import ARDRegression
from mlcraft.linear_model._bayesian_ridge import BayesianRidge
from mlcraft.linear_model._firth_logistic import FirthLogisticRegression
from mlcraft.linear_model._linear_regression import LinearRegression
from mlcraft.linear_model._logistic_regression import LogisticRegression
from mlcraft.linear_model._logistic_regression_cv import LogisticRegressionCV
from mlcraft.linear_model._passive_aggressive import PassiveAggressiveClassifier, PassiveAggressiveRegressor
from mlcraft.linear_model._perceptron import Perceptron
from mlcraft.linear_model._quantile_regression import QuantileRegressor
from mlcraft.linear_model._ridge import Ridge
from mlcraft.linear_model._ridge_classifier import RidgeClassifier
from mlcraft.linear_model._ridge_classifier_cv import RidgeClassifierCV
from mlcraft.linear_model._ridge_cv import RidgeCV
from mlcraft.linear_model._ridge_regression import ridge_regression
from mlcraft.linear_model._sgd_classifier import SGDClassifier
from mlcraft.linear_model._sgd_one_class import SGDOneClassSVM
from mlcraft.linear_model._sgd_regressor import SGDRegressor

__all__ = [
    "ARDRegression",
    "BayesianRidge",
    "FirthLogisticRegression",
    "LinearRegression",
    "LogisticRegression",
    "LogisticRegressionCV",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
    "Perceptron",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDOneClassSVM",
    "SGDRegressor",
    "ridge_regression",
]

# Code that asks isinstance(model, sklearn.linear_model.LinearRegression) means the model, not who wrote it;
# RANSACRegressor without min_samples asks just that.
for _name, _ours in (
    ("ARDRegression", ARDRegression),
    ("BayesianRidge", BayesianRidge),
    ("LinearRegression", LinearRegression),
    ("LogisticRegression", LogisticRegression),
    ("LogisticRegressionCV", LogisticRegressionCV),
    ("PassiveAggressiveClassifier", PassiveAggressiveClassifier),
    ("PassiveAggressiveRegressor", PassiveAggressiveRegressor),
    ("Perceptron", Perceptron),
    ("QuantileRegressor", QuantileRegressor),
    ("Ridge", Ridge),
    ("RidgeCV", RidgeCV),
    ("RidgeClassifier", RidgeClassifier),
    ("RidgeClassifierCV", RidgeClassifierCV),
    ("SGDClassifier", SGDClassifier),
    ("SGDOneClassSVM", SGDOneClassSVM),
    ("SGDRegressor", SGDRegressor),
):
    _theirs = getattr(_reference, _name)
    if isinstance(_theirs, ABCMeta):
        _theirs.register(_ours)
del _name, _ours, _theirs
