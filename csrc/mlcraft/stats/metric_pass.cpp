#include "mlcraft/stats/metric_pass.hpp"

#include <algorithm>

#include "mlcraft/stats/metric_sums.hpp"

namespace mlcraft {

MetricPass metric_pass_of(std::string_view name) {
    const auto found = std::find(metric_pass_names.begin(), metric_pass_names.end(), name);
    return static_cast<MetricPass>(found - metric_pass_names.begin());
}

std::array<Index, 2> metric_pass_shape(MetricPass pass, const MetricInput& input) {
    const auto classes = static_cast<Index>(input.parameter);
    switch (pass) {
        case MetricPass::confusion: return {classes, classes};
        case MetricPass::class_sums: return {3, classes};
        case MetricPass::spread: return {input.columns, 4};
        case MetricPass::probability: return {1, 6};
        case MetricPass::top_hits:
        case MetricPass::gains:
        case MetricPass::gains_ignoring_ties: return {1, input.rows};
        default: return {input.columns, 2};
    }
}

void metric_pass(MetricPass pass, const MetricInput& in, double* out, int threads) {
    switch (pass) {
        case MetricPass::confusion:
        case MetricPass::class_sums:
            return confusion_sums(in.truth, in.predicted, in.weight, in.rows, static_cast<Index>(in.parameter),
                                  pass == MetricPass::confusion, out, threads);
        case MetricPass::spread: return spread_sums(in.first, in.second, in.weight, in.rows, in.columns, out, threads);
        case MetricPass::probability: {
            const ProbabilitySums s =
                probability_sums(in.first, in.truth, in.weight, in.rows, in.columns, in.parameter, threads);
            const std::array<double, 6> values{s.lowest, s.highest, s.apart, s.weight, s.log, s.brier};
            std::copy(values.begin(), values.end(), out);
            return;
        }
        case MetricPass::top_hits:
            return top_hits(in.first, in.truth, in.rows, in.columns, static_cast<Index>(in.parameter), out, threads);
        case MetricPass::gains:
        case MetricPass::gains_ignoring_ties:
            return discounted_gains(in.first, in.second, in.weight, in.rows, in.columns,
                                    pass == MetricPass::gains_ignoring_ties, out, threads);
        case MetricPass::unknown: return;
        default: break;
    }
    const auto kind = static_cast<ErrorKind>(static_cast<int>(pass) - static_cast<int>(MetricPass::squared));
    error_sums(kind, in.parameter, in.first, in.second, in.weight, in.rows, in.columns, out, threads);
}

}  // namespace mlcraft
