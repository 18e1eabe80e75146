"""
How good a model is: metrics, comparisons and reports that carry their uncertainty.

The metrics have scikit-learn's names and semantics and are computed in the compiled core. Each name is imported on
first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcraft.evaluation.comparison import (
        ColumnImportance,
        Comparison,
        compare,
        compare_cv,
        drop_column_importance,
        permutation_importance,
        permutation_test,
    )
    from mlcraft.evaluation.cross_validation import (
        CrossValidation,
        cross_val_predict,
        cross_val_score,
        cross_validate,
        mean_over_folds,
    )
    from mlcraft.evaluation.metrics._agreement import balanced_accuracy_score, cohen_kappa_score, matthews_corrcoef
    from mlcraft.evaluation.metrics._areas import average_precision_score, gini_score, ks_score, roc_auc_score
    from mlcraft.evaluation.metrics._confusion import (
        accuracy_score,
        confusion_matrix,
        hamming_loss,
        multilabel_confusion_matrix,
        zero_one_loss,
    )
    from mlcraft.evaluation.metrics._curves import (
        auc,
        confusion_matrix_at_thresholds,
        det_curve,
        gain_curve,
        lift_curve,
        precision_recall_curve,
        roc_curve,
    )
    from mlcraft.evaluation.metrics._delong import DeLong, Difference, delong
    from mlcraft.evaluation.metrics._deviance import (
        d2_absolute_error_score,
        d2_pinball_score,
        d2_tweedie_score,
        mean_gamma_deviance,
        mean_poisson_deviance,
        mean_tweedie_deviance,
    )
    from mlcraft.evaluation.metrics._explained import explained_variance_score, r2_score
    from mlcraft.evaluation.metrics._lists import (
        dcg_score,
        ndcg_score,
        top_k_accuracy_score,
    )
    from mlcraft.evaluation.metrics._precision_recall import (
        f1_score,
        fbeta_score,
        jaccard_score,
        precision_recall_fscore_support,
        precision_score,
        recall_score,
    )
    from mlcraft.evaluation.metrics._probability import (
        brier_score_loss,
        d2_brier_score,
        d2_log_loss_score,
        log_loss,
    )
    from mlcraft.evaluation.metrics._regression import (
        max_error,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_pinball_loss,
        mean_squared_error,
        mean_squared_log_error,
        median_absolute_error,
        root_mean_squared_error,
        root_mean_squared_log_error,
    )
    from mlcraft.evaluation.metrics._score import Score, score
    from mlcraft.evaluation.report import Report, evaluate
    from mlcraft.evaluation.robustness import AdversarialMargin, StressTest, adversarial_margin, stress

# Which module a name is in; imported on first use.
_FILES = {
    "comparison": (
        "ColumnImportance",
        "Comparison",
        "compare",
        "compare_cv",
        "drop_column_importance",
        "permutation_importance",
        "permutation_test",
    ),
    "metrics._agreement": ("balanced_accuracy_score", "cohen_kappa_score", "matthews_corrcoef"),
    "metrics._explained": ("explained_variance_score", "r2_score"),
    "metrics._areas": ("average_precision_score", "gini_score", "ks_score", "roc_auc_score"),
    "metrics._confusion": (
        "accuracy_score",
        "confusion_matrix",
        "hamming_loss",
        "multilabel_confusion_matrix",
        "zero_one_loss",
    ),
    "metrics._curves": (
        "auc",
        "confusion_matrix_at_thresholds",
        "det_curve",
        "gain_curve",
        "lift_curve",
        "precision_recall_curve",
        "roc_curve",
    ),
    "metrics._precision_recall": (
        "f1_score",
        "fbeta_score",
        "jaccard_score",
        "precision_recall_fscore_support",
        "precision_score",
        "recall_score",
    ),
    "metrics._probability": ("brier_score_loss", "d2_brier_score", "d2_log_loss_score", "log_loss"),
    "metrics._deviance": (
        "d2_absolute_error_score",
        "d2_pinball_score",
        "d2_tweedie_score",
        "mean_gamma_deviance",
        "mean_poisson_deviance",
        "mean_tweedie_deviance",
    ),
    "metrics._lists": (
        "dcg_score",
        "ndcg_score",
        "top_k_accuracy_score",
    ),
    "metrics._regression": (
        "max_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_pinball_loss",
        "mean_squared_error",
        "mean_squared_log_error",
        "median_absolute_error",
        "root_mean_squared_error",
        "root_mean_squared_log_error",
    ),
    "cross_validation": (
        "CrossValidation",
        "cross_val_predict",
        "cross_val_score",
        "cross_validate",
        "mean_over_folds",
    ),
    "report": ("Report", "evaluate"),
    "robustness": ("AdversarialMargin", "StressTest", "adversarial_margin", "stress"),
    "metrics._delong": ("DeLong", "Difference", "delong"),
    "metrics._score": ("Score", "score"),
}
_LAZY = {name: file for file, names in _FILES.items() for name in names}

__all__ = [
    "AdversarialMargin",
    "ColumnImportance",
    "Comparison",
    "CrossValidation",
    "DeLong",
    "Difference",
    "Report",
    "Score",
    "StressTest",
    "accuracy_score",
    "adversarial_margin",
    "auc",
    "average_precision_score",
    "balanced_accuracy_score",
    "brier_score_loss",
    "cohen_kappa_score",
    "compare",
    "compare_cv",
    "confusion_matrix",
    "confusion_matrix_at_thresholds",
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
    "d2_absolute_error_score",
    "d2_brier_score",
    "d2_log_loss_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "dcg_score",
    "delong",
    "det_curve",
    "drop_column_importance",
    "evaluate",
    "explained_variance_score",
    "f1_score",
    "fbeta_score",
    "gain_curve",
    "gini_score",
    "hamming_loss",
    "jaccard_score",
    "ks_score",
    "lift_curve",
    "log_loss",
    "matthews_corrcoef",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_gamma_deviance",
    "mean_over_folds",
    "mean_pinball_loss",
    "mean_poisson_deviance",
    "mean_squared_error",
    "mean_squared_log_error",
    "mean_tweedie_deviance",
    "median_absolute_error",
    "multilabel_confusion_matrix",
    "ndcg_score",
    "permutation_importance",
    "permutation_test",
    "precision_recall_curve",
    "precision_recall_fscore_support",
    "precision_score",
    "r2_score",
    "recall_score",
    "roc_auc_score",
    "roc_curve",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "score",
    "stress",
    "top_k_accuracy_score",
    "zero_one_loss",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
