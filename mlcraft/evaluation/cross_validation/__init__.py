"""Cross-validation under scikit-learn's names: without refits where an estimator knows its fits without some rows."""

from mlcraft.evaluation.cross_validation._functions import cross_val_predict, cross_val_score, cross_validate
from mlcraft.evaluation.cross_validation._result import CrossValidation, mean_over_folds

__all__ = ["CrossValidation", "cross_val_predict", "cross_val_score", "cross_validate", "mean_over_folds"]
