// One door to the sums of metric_sums.hpp, for callers that choose by name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "mlcraft/core/types.hpp"

namespace mlcraft {

// Those after `class_sums` are the errors in the order of ErrorKind.
enum class MetricPass {
    confusion,
    class_sums,
    squared,
    absolute,
    percentage,
    pinball,
    squared_log,
    tweedie,
    largest,
    spread,
    probability,
    top_hits,
    gains,
    gains_ignoring_ties,
    unknown
};
inline constexpr std::array<std::string_view, 14> metric_pass_names{
    "confusion", "class_sums", "squared", "absolute",    "percentage", "pinball", "squared_log",
    "tweedie",   "largest",    "spread",  "probability", "top_hits",   "gains",   "gains_ignoring_ties"};

// Arrays that a pass does not use are null.
struct MetricInput {
    Index rows = 0, columns = 1;     // of `first`; a vector has one column
    const double* first = nullptr;   // y, probabilities, scores, or the gains
    const double* second = nullptr;  // predictions, or scores to rank by
    const double* weight = nullptr;  // by row; for gains the discount by rank
    const std::int32_t* truth = nullptr;
    const std::int32_t* predicted = nullptr;
    double parameter = 0.0;  // quantile, power, eps, k, or the number of classes
};

MetricPass metric_pass_of(std::string_view name);
std::array<Index, 2> metric_pass_shape(MetricPass pass, const MetricInput& input);
void metric_pass(MetricPass pass, const MetricInput& input, double* out, int threads);

}  // namespace mlcraft
