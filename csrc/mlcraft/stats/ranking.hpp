// One sort by score, and what follows from it: counts at every threshold (ROC, precision-recall, DET, gain and lift),
// the area under the ROC curve, average precision, the Kolmogorov-Smirnov distance, and the placements of DeLong,
// DeLong and Clarke-Pearson (1988), which Sun and Xu (2014) find by ranks in O(n log n).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

// order[i] = 2 row + label, by descending score, equal scores in the order of the rows, 0 and -0 alike: a radix sort.
// `start` has room for n + 1 elements and tells where each run of equal scores begins, and last n. Returns how many
// runs there are, or -1 where a score is NaN or infinite.
Index rank_rows(const double* score, const std::uint8_t* positive, Index n, Index* order, Index* start, int threads);

struct RankedRows {
    const Index* order;
    const Index* start;  // runs + 1 elements
    Index runs;
    const double* weight;  // by row; null for all one
};

struct RankingSums {
    double positives = 0.0, negatives = 0.0;  // sums of weights
    double roc_auc = 0.0;                     // P(score+ > score-) + P(score+ = score-) / 2; NaN without both classes
    double average_precision = 0.0;  // sum over thresholds of precision times the gain in recall; 0 without positives
    double distance = 0.0;           // the largest difference of true and false positive rate (Kolmogorov-Smirnov)
    Index run = 0;                   // and at which threshold
};

// Fills true_positives and false_positives (a value for each run: the weight at or above its score) unless null.
RankingSums ranking_sums(const RankedRows& ranked, double* true_positives, double* false_positives);

// out[i], by row: of a positive the share of the negatives' weight below its score, of a negative the share of the
// positives' weight above it; equal scores count half. The weighted mean over either class is the area.
void ranking_placements(const RankedRows& ranked, double* out);

// One of these by name: "sums" (the six numbers of RankingSums), "curve" (two rows), "placements" (of n rows).
std::array<Index, 2> ranking_shape(std::string_view what, const RankedRows& ranked, Index n);
void ranking_pass(std::string_view what, const RankedRows& ranked, double* out);

}  // namespace mlcraft
