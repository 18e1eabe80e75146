"""Which model is better, and how sure that is: on held-out rows, and over folds."""

from mlcraft.evaluation.comparison._folds import compare_cv
from mlcraft.evaluation.comparison._held_out import compare, permutation_test
from mlcraft.evaluation.comparison._importance import (
    ColumnImportance,
    drop_column_importance,
    permutation_importance,
)
from mlcraft.evaluation.comparison._pairs import Comparison, Difference
from mlcraft.evaluation.comparison._tests import (
    PairedTest,
    bayes_correlated_t,
    corrected_t,
    five_by_two,
    friedman,
    holm,
    mcnemar,
    nemenyi,
)

__all__ = [
    "ColumnImportance",
    "Comparison",
    "Difference",
    "PairedTest",
    "bayes_correlated_t",
    "compare",
    "compare_cv",
    "corrected_t",
    "drop_column_importance",
    "five_by_two",
    "friedman",
    "holm",
    "mcnemar",
    "nemenyi",
    "permutation_importance",
    "permutation_test",
]
