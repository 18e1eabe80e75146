// The sums behind the metrics that need no sort, each in one pass over the rows.
#pragma once

#include <cstdint>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

// Counts, or sums of weights, of pairs of codes 0 .. classes - 1. With `full` out[t * classes + p]; else three rows of
// `classes`: of pairs that agree, of `predicted` and of `truth`.
void confusion_sums(const std::int32_t* truth, const std::int32_t* predicted, const double* weight, Index n,
                    Index classes, bool full, double* out, int threads);

// What is needed of probabilities (n rows of `columns`; one column is that of code 1 of two classes).
struct ProbabilitySums {
    double lowest, highest;     // element; NaN where one is NaN
    double apart;               // the largest distance of a row's sum from 1
    double weight, log, brier;  // sums of w, of -w log p_truth with p within [eps, 1 - eps], of w |onehot - p|^2
};
ProbabilitySums probability_sums(const double* probability, const std::int32_t* truth, const double* weight, Index n,
                                 Index columns, double eps, int threads);

enum class ErrorKind { squared, absolute, percentage, pinball, squared_log, tweedie, largest };

// Sums of w and of w loss(y, prediction) by column (out: columns pairs); for `largest` the maximum instead. Losses as
// scikit-learn defines them; parameter: the quantile of pinball, the power of the Tweedie deviance (Jorgensen 1987).
void error_sums(ErrorKind kind, double parameter, const double* y, const double* prediction, const double* weight,
                Index n, Index columns, double* out, int threads);

// By column sums of w, w (y - mean y)^2, w (e - mean e)^2 and w e^2, e = y - prediction: two passes, shifted by the
// first row, so that the spread of a constant column is exactly 0.
void spread_sums(const double* y, const double* prediction, const double* weight, Index n, Index columns, double* out,
                 int threads);

// Whether code truth[i] is among the k largest of row i of score; of equal scores the later column counts as larger.
void top_hits(const double* score, const std::int32_t* truth, Index n, Index columns, Index k, double* out,
              int threads);

// Discounted cumulative gain of each row: sum of gain times discount by rank of the score, discounts being averaged
// over equal scores (McSherry and Najork 2008), unless ignore_ties: then the later column comes first.
void discounted_gains(const double* gain, const double* score, const double* discount, Index n, Index columns,
                      bool ignore_ties, double* out, int threads);

}  // namespace mlcraft
