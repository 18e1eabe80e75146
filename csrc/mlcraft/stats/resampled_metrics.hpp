// Metrics of resamples of the rows (Efron 1979): counts of draws take the place of copies of rows, so that one sort,
// and one pass for the errors of the rows, serve all resamples. Which rows a resample draws depends on the seed, its
// number and the number of units alone (stats/resample.hpp): two metrics, or two models, meet the same resamples.
#pragma once

#include <cstdint>

#include "mlcraft/core/types.hpp"
#include "mlcraft/stats/ranking.hpp"

namespace mlcraft {

// As many draws with replacement as there are units: rows, or clusters of rows.
struct UnitDraws {
    std::uint64_t seed;
    Index units;
    const Index* unit;  // of each row; null: rows are the units
};

enum class RankingMetric { roc_auc, average_precision, distance };

// out[r] = the metric of resample first + r; NaN where it lacks a class. `n` rows, those of `ranked`.
Status resampled_rankings(const RankedRows& ranked, Index n, RankingMetric metric, const UnitDraws& draws, Index first,
                          Index count, double* out, int threads);

// out[r * columns + j] = sum over units of the draws in resample first + r times values[unit * columns + j].
Status resampled_columns(const double* values, Index columns, const UnitDraws& draws, Index first, Index count,
                         double* out, int threads);

}  // namespace mlcraft
