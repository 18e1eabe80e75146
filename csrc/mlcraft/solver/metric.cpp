#include "mlcraft/solver/metric.hpp"

#include <algorithm>
#include <cmath>

#include "mlcraft/moments/cholesky.hpp"

namespace mlcraft {

Metric::Metric(const Coordinates& at, const SmoothPenalty& penalty, double hess)
    : columns_(static_cast<Index>(at.scale.size())), intercept_(at.intercept), corner_(hess + penalty.intercept_alpha),
      unit_(at.scale.size(), 0.0) {
    for (Index j = 0; j < columns_; ++j)
        if (at.scale[j] > 0) unit_[j] = 1 / std::sqrt(hess + penalty.alpha * at.scale[j] * at.scale[j]);
}

Metric::Metric(const Moments& moments, double total, const Coordinates& at, const SmoothPenalty& penalty,
               const std::vector<char>& unseen, int threads)
    : columns_(moments.features), intercept_(at.intercept) {
    const Index p = columns_;
    const double share = 1 / total, hess = std::max(moments.weight_sum * share, 1e-300);
    corner_ = hess + penalty.intercept_alpha;
    lower_.resize(static_cast<std::size_t>(p * p));
    unit_.assign(p, 0.0);
    shift_.assign(p, 0.0);
    const bool tied = at.intercept && penalty.intercept_alpha > 0;
    if (tied) cross_.resize(p);
    for (Index j = 0; j < p; ++j) {
        if (at.intercept) shift_[j] = at.scale[j] * (moments.x_mean[j] - at.mean[j]);
        if (tied) cross_[j] = -penalty.intercept_alpha * at.scale[j] * moments.x_mean[j];
    }
    const double rank_one = tied ? hess / (corner_ * penalty.intercept_alpha) : 0.0;
    for (Index i = 0; i < p; ++i)
        for (Index j = 0; j <= i; ++j) {
            double value = at.scale[i] * at.scale[j] * share * moments.xx[i * p + j];
            if (tied) value += rank_one * cross_[i] * cross_[j];
            lower_[i * p + j] = value;
        }
    for (Index j = 0; j < p; ++j) {
        double& diagonal = lower_[j * p + j];
        if (!unseen.empty() && unseen[j] && at.scale[j] > 0) diagonal = std::max(diagonal, hess);
        diagonal += penalty.alpha * at.scale[j] * at.scale[j];
        unit_[j] = at.scale[j] > 0 && diagonal > 0 ? 1 / std::sqrt(diagonal) : 0.0;
    }
    std::vector<double> scaled;
    for (double extra = 1e-12; extra < 2; extra *= 1000) {
        scaled = lower_;
        for (Index i = 0; i < p; ++i) {
            for (Index j = 0; j < i; ++j) scaled[i * p + j] *= unit_[i] * unit_[j];
            scaled[i * p + i] = 1 + extra;
        }
        if (cholesky(scaled.data(), p, 1e-13, threads)) break;
    }
    lower_.swap(scaled);
}

void Metric::solve(const double* gradient, double* out) const {
    const Index p = columns_;
    const double last = intercept_ ? gradient[p] : 0.0;
    for (Index j = 0; j < p; ++j) {
        double g = gradient[j];
        if (!shift_.empty()) g -= shift_[j] * last;
        if (!cross_.empty()) g -= cross_[j] * last / corner_;
        out[j] = unit_[j] * g;
    }
    if (!lower_.empty()) {
        solve_lower(lower_.data(), p, out);
        solve_lower_transposed(lower_.data(), p, out);
    }
    double intercept = last;
    for (Index j = 0; j < p; ++j) {
        out[j] *= unit_[j];
        if (!cross_.empty()) intercept -= cross_[j] * out[j];
    }
    intercept /= corner_;
    if (!shift_.empty())
        for (Index j = 0; j < p; ++j) intercept -= shift_[j] * out[j];
    out[p] = intercept_ ? intercept : 0.0;
}

}  // namespace mlcraft
